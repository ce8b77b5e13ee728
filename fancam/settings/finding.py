"""Settings of what is looked for: the scan, faces, moments, the crop."""

from __future__ import annotations

from dataclasses import dataclass

from fancam.geometry import Box
from fancam.settings.rules import DETECTORS, FRAMINGS, Checked, above, at_least, between, inside, one_of, require


@dataclass(frozen=True, slots=True)
class ScanSettings(Checked):
    """The first pass over a video: every frame, luma only."""

    probe_interval_s: float = above(0, default=1.0)
    """How often the scan searches for faces; between two searches their place is interpolated."""
    probe_long_edge_px: int = at_least(160, default=384)
    """Size of the picture that is searched for faces during the scan; 50 px in a 1080p frame are 10 px in it."""
    probe_min_face_px: int = at_least(1, default=10)
    """Smallest face the scan follows, in the picture it searches; the detector finds most faces of this height."""
    from_s: float | None = at_least(0, default=None)
    """Frames before this time are not looked at; None: from the start."""
    to_s: float | None = above(0, default=None)
    """Frames from this time on are not looked at; None: to the end."""
    crop: str | None = None
    """The part of the picture that is looked at: ``x,y,width,height`` in pixels of the upright frame; None: all."""
    candidates_per_pick: int = at_least(1, default=12)
    """How many moments per requested card are looked at exactly; for fewer than 8 cards as many as for 8."""

    def check_together(self) -> None:
        """Refuse a time span that ends before it begins, and a part that is none."""
        if self.from_s is not None and self.to_s is not None:
            require(self.to_s > self.from_s, "to_s", self.to_s, f"later than {self.from_s:g}")
        require(self.crop is None or self.crop_box is not None, "crop", self.crop, "x,y,width,height in pixels")

    @property
    def crop_box(self) -> Box | None:
        """The part of the picture that is looked at; None for all of it."""
        try:
            x, y, width, height = (float(part) for part in (self.crop or "").split(","))
        except ValueError:
            return None
        return Box(x, y, x + width, y + height) if min(x, y) >= 0 and min(width, height) >= 1 else None


@dataclass(frozen=True, slots=True)
class FaceSettings(Checked):
    """Detection."""

    detector: str = one_of(DETECTORS, default="auto")
    """``auto`` is the offline default (CenterFace)."""
    min_confidence: float = inside(0, 1, default=0.55)
    detect_long_edge_px: int = at_least(160, default=960)
    """Long edge of the picture the detector sees for video frames; photos are searched at up to 2048 px as well."""
    min_face_px: int = at_least(1, default=24)
    """Faces lower than this are not reported; smaller ones cannot carry a card."""


@dataclass(frozen=True, slots=True)
class PickSettings(Checked):
    """Which moments become cards."""

    top: int = at_least(1, default=8)
    """How many different moments to keep."""
    min_gap_s: float = at_least(0, default=0.8)
    """Two picks of the same shot are at least this far apart."""
    min_face_px: int = at_least(1, default=48)
    """A face lower than this does not become a card."""
    min_sharpness: float = between(0, 1, default=0.15)
    """A face softer than this (0 to 1, see ``picking.sharpness``) does not become a card."""
    all_faces: bool = True
    """Whether a photo's bystanders, who are far smaller or far softer than the people it is of, get a card as well."""


@dataclass(frozen=True, slots=True)
class CropSettings(Checked):
    """Composition."""

    framing: str = one_of(FRAMINGS, default="bust")
    min_ppi: float = at_least(0, default=75.0)
    """Below this many source pixels per printed inch the framing is widened; if that is not enough, a warning is
    written."""
