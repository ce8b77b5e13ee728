"""How large an enhanced picture becomes, and which part of it is shown. Pure arithmetic."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from fancam.geometry import MM_PER_INCH, Box
from fancam.results import Face
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
    fit is cut off, evenly or, where that would cut a face, so that the faces stay.

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
    short_mm, long_mm = sorted(paper_mm)
    width_mm, height_mm = (long_mm, short_mm) if width > height else (short_mm, long_mm)
    width_px, height_px = round(width_mm / MM_PER_INCH * dpi), round(height_mm / MM_PER_INCH * dpi)
    shown_width = min(float(width), height * width_px / height_px)
    shown_height = min(float(height), width * height_px / width_px)
    x0 = _placed(width, shown_width, [(face.box.x0, face.box.x1) for face in faces])
    y0 = _placed(height, shown_height, [(face.box.y0, face.box.y1) for face in faces])
    box = Box(x0, y0, x0 + shown_width, y0 + shown_height)
    return Target(box, width_px, height_px, dpi, 1 - box.area / (width * height))


def _placed(length: float, shown: float, spans: Sequence[tuple[float, float]]) -> float:
    """Return where a window of ``shown`` starts: in the middle, moved as little as keeps the spans in it."""
    middle = (length - shown) / 2
    if not spans:
        return middle
    first, last = min(start for start, _ in spans), max(end for _, end in spans)
    if last - first > shown:  # they do not all fit: their middle does
        moved = (first + last - shown) / 2
    else:
        moved = min(max(middle, last - shown), first)
    return min(max(moved, 0.0), length - shown)
