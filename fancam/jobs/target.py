"""How large an enhanced picture becomes, and which part of it is shown. Pure arithmetic."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from fancam.cropping import compose, main_subjects
from fancam.geometry import MM_PER_INCH, Box
from fancam.results import CardGeometry, Face
from fancam.settings import DEFAULT_SCALE, PhotoSettings


@dataclass(frozen=True, slots=True)
class Target:
    """What comes out of a picture."""

    box: Box
    """The part that is shown, in pixels of the picture."""
    width_px: int
    height_px: int
    dpi: float | None
    """Pixels per inch on paper; None where neither the user nor the picture says so."""
    cut_share: float
    """Share of the picture that is cut off to fill the paper; 0 where nothing is."""

    @property
    def scale(self) -> float:
        """Pixels of the result per pixel of the picture."""
        return max(self.width_px / self.box.width, self.height_px / self.box.height)

    @property
    def effective_ppi(self) -> float | None:
        """Pixels of the picture per printed inch."""
        return None if self.dpi is None else self.dpi / self.scale

    def as_values(self) -> dict[str, Any]:
        """Return the JSON values for the manifest."""
        ppi = self.effective_ppi
        return {
            "width_px": self.width_px,
            "height_px": self.height_px,
            "dpi": None if self.dpi is None else round(self.dpi, 3),
            "effective_ppi": None if ppi is None else round(ppi, 1),
            "scale": round(self.scale, 4),
            "crop": self.box.as_list(digits=4),
            "cut_share": round(self.cut_share, 4),
        }


def target(
    width: int,
    height: int,
    settings: PhotoSettings,
    *,
    paper_mm: tuple[float, float] | None = None,
    dpi: float | None = None,
    faces: Sequence[Face] = (),
) -> Target:
    """Return what a picture becomes.

    With a paper size the picture fills the paper: the paper is turned to lie as the picture does, and what does not
    fit is cut off, evenly or, where there are faces, as ``compose`` covers a card.

    Args:
        width: Of the picture in pixels.
        height: Of the picture in pixels.
        settings: Scale, long edge, size, dpi.
        paper_mm: (width, height) that ``settings.size`` stands for; None where it is not given.
        dpi: What the picture says of itself; None where it says nothing.
        faces: Found in the picture.
    """
    if paper_mm is not None:
        return _filling(width, height, paper_mm, settings.dpi, faces)
    if settings.long_edge_px is not None:
        scale = settings.long_edge_px / max(width, height)
    else:
        scale = settings.scale or DEFAULT_SCALE
    width_px, height_px = max(round(width * scale), 1), max(round(height * scale), 1)
    return Target(Box(0, 0, width, height), width_px, height_px, dpi, 0.0)


def _filling(width: int, height: int, paper_mm: tuple[float, float], dpi: float, faces: Sequence[Face]) -> Target:
    """Return what fills the paper: composed as a card that covers its picture, in whole pixels of the paper."""
    short_mm, long_mm = sorted(paper_mm)
    width_mm, height_mm = (long_mm, short_mm) if width > height else (short_mm, long_mm)
    width_px, height_px = (max(round(mm / MM_PER_INCH * dpi), 1) for mm in (width_mm, height_mm))
    paper = CardGeometry(width_px / dpi * MM_PER_INCH, height_px / dpi * MM_PER_INCH, 0.0, dpi)
    subjects = main_subjects([face.box for face in faces])
    box = compose(width, height, paper, fit="cover", subjects=subjects).box.clipped(width, height)
    return Target(box, width_px, height_px, dpi, 1 - box.area / (width * height))
