"""Settings of what is looked for: the scan, faces, moments, the crop."""

from __future__ import annotations

from dataclasses import dataclass

from fancam.errors import unknown_choice
from fancam.settings.choices import DETECTORS, FRAMINGS, require


@dataclass(frozen=True, slots=True)
class ScanSettings:
    """The first pass over a video: every frame, luma only."""

    probe_interval_s: float = 1.0
    """How often the scan looks where the faces are; between two looks their place is interpolated."""
    probe_long_edge_px: int = 384
    """Size of the picture that is searched for faces during the scan; 50 px in a 1080p frame are 10 px in it."""
    probe_min_face_px: int = 10
    """Smallest face the scan follows, in the picture it searches; the detector finds most faces of this height."""
    candidates_per_pick: int = 12
    """How many moments per requested card are looked at exactly."""

    def __post_init__(self) -> None:
        require(self.probe_interval_s > 0, "probe_interval_s", self.probe_interval_s, "above 0")
        require(self.probe_long_edge_px >= 160, "probe_long_edge_px", self.probe_long_edge_px, "at least 160")
        require(self.probe_min_face_px >= 1, "probe_min_face_px", self.probe_min_face_px, "at least 1")
        require(self.candidates_per_pick >= 1, "candidates_per_pick", self.candidates_per_pick, "at least 1")


@dataclass(frozen=True, slots=True)
class FaceSettings:
    """Detection."""

    detector: str = "auto"
    """``auto`` is the offline default (CenterFace)."""
    min_confidence: float = 0.55
    detect_long_edge_px: int = 960
    """Long edge of the picture the detector sees for video frames; photos are searched at up to 2048 px as well."""
    min_face_px: int = 24
    """Faces lower than this are not reported; smaller ones cannot carry a card."""

    def __post_init__(self) -> None:
        if self.detector not in DETECTORS:
            raise unknown_choice("detector", self.detector, DETECTORS)
        require(0 < self.min_confidence < 1, "min_confidence", self.min_confidence, "between 0 and 1")
        require(self.detect_long_edge_px >= 160, "detect_long_edge_px", self.detect_long_edge_px, "at least 160")
        require(self.min_face_px >= 1, "min_face_px", self.min_face_px, "at least 1")


@dataclass(frozen=True, slots=True)
class PickSettings:
    """Which moments become cards."""

    top: int = 8
    """How many different moments to keep."""
    min_gap_s: float = 0.8
    """Two picks of the same shot are at least this far apart."""
    min_face_px: int = 48
    """A face lower than this does not become a card."""
    min_sharpness: float = 0.15
    """A face softer than this (0 to 1, see ``picking.sharpness``) does not become a card."""
    all_faces: bool = False
    """Whether a photo's bystanders, who are turned away and in shadow, get a card as well."""

    def __post_init__(self) -> None:
        require(self.top >= 1, "top", self.top, "at least 1")
        require(self.min_gap_s >= 0, "min_gap_s", self.min_gap_s, "0 or more")
        require(self.min_face_px >= 1, "min_face_px", self.min_face_px, "at least 1")
        require(0 <= self.min_sharpness <= 1, "min_sharpness", self.min_sharpness, "between 0 and 1")


@dataclass(frozen=True, slots=True)
class CropSettings:
    """Composition."""

    framing: str = "bust"
    min_ppi: float = 75.0
    """Below this many source pixels per printed inch the framing is widened; if that is not enough, a warning is
    written."""

    def __post_init__(self) -> None:
        if self.framing not in FRAMINGS:
            raise unknown_choice("framing", self.framing, FRAMINGS)
        require(self.min_ppi >= 0, "min_ppi", self.min_ppi, "0 or more")
