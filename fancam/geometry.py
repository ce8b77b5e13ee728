"""Boxes, cards on paper, orientations and similarity transforms, and their arithmetic. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

MM_PER_INCH = 25.4

PPI_DIGITS = 1
"""Pixels per printed inch are rounded to a tenth where they are computed, and nowhere else: what table, warnings,
manifest and the file itself then print of them cannot differ."""

Point = tuple[float, float]
"""(x, y) in pixels; the centre of the top left pixel is (0.5, 0.5)."""


def strips(length: int, step: int, reach: int) -> Iterator[tuple[slice, slice]]:
    """Yield the parts of a side that are worked on at once, each with what it depends on around it.

    Args:
        length: Of the side, in pixels.
        step: Of each part but the last one.
        reach: Pixels on both sides that a part depends on, as far as there are any.
    """
    for start in range(0, length, step):
        stop = min(start + step, length)
        yield slice(start, stop), slice(max(start - reach, 0), min(stop + reach, length))


@dataclass(frozen=True, slots=True)
class Box:
    """A half-open rectangle in pixels of the upright full frame."""

    x0: float
    y0: float
    x1: float
    y1: float

    @property
    def width(self) -> float:
        """Width in pixels."""
        return self.x1 - self.x0

    @property
    def height(self) -> float:
        """Height in pixels."""
        return self.y1 - self.y0

    @property
    def area(self) -> float:
        """Area in square pixels; 0 for an empty box."""
        return max(self.width, 0.0) * max(self.height, 0.0)

    @property
    def centre(self) -> Point:
        """(x, y) of the middle."""
        return (self.x0 + self.x1) / 2, (self.y0 + self.y1) / 2

    def shifted(self, x: float, y: float) -> Box:
        """Return the box this much further right and down."""
        return Box(self.x0 + x, self.y0 + y, self.x1 + x, self.y1 + y)

    def scaled(self, scale_x: float, scale_y: float | None = None) -> Box:
        """Return the box in a picture that is larger by these factors."""
        scale_y = scale_x if scale_y is None else scale_y
        return Box(self.x0 * scale_x, self.y0 * scale_y, self.x1 * scale_x, self.y1 * scale_y)

    def grown(self, share: float) -> Box:
        """Return the box grown on each side by this share of its size; a negative share shrinks it."""
        dx, dy = self.width * share, self.height * share
        return Box(self.x0 - dx, self.y0 - dy, self.x1 + dx, self.y1 + dy)

    def clipped(self, width: float, height: float) -> Box:
        """Return the part of the box inside a picture of this size; it may be empty, never inverted."""
        x0, y0 = min(max(self.x0, 0.0), width), min(max(self.y0, 0.0), height)
        return Box(x0, y0, max(min(self.x1, width), x0), max(min(self.y1, height), y0))

    def intersection(self, other: Box) -> Box:
        """Return the common part, empty where there is none."""
        x0, y0 = max(self.x0, other.x0), max(self.y0, other.y0)
        return Box(x0, y0, max(min(self.x1, other.x1), x0), max(min(self.y1, other.y1), y0))

    def shown_in(self, part: Box, width_px: float, height_px: float) -> Box:
        """Return the box in pixels of a picture of this size that shows this part of the frame."""
        return self.shifted(-part.x0, -part.y0).scaled(width_px / part.width, height_px / part.height)

    def iou(self, other: Box) -> float:
        """Return intersection over union in [0, 1]."""
        common = self.intersection(other).area
        union = self.area + other.area - common
        return common / union if union > 0 else 0.0

    def contains(self, other: Box) -> bool:
        """Whether the other box lies wholly inside this one."""
        return self.x0 <= other.x0 and self.y0 <= other.y0 and self.x1 >= other.x1 and self.y1 >= other.y1

    def as_slices(self) -> tuple[slice, slice]:
        """Return (rows, columns) of the whole pixels the box covers, rounded outward; clip the box first."""
        rows = slice(max(math.floor(self.y0), 0), max(math.ceil(self.y1), 0))
        return rows, slice(max(math.floor(self.x0), 0), max(math.ceil(self.x1), 0))

    def as_list(self, digits: int = 2) -> list[float]:
        """Return [x0, y0, x1, y1] rounded for the manifest."""
        return [round(v, digits) for v in (self.x0, self.y0, self.x1, self.y1)]


@dataclass(frozen=True, slots=True)
class CardGeometry:
    """Size of a card on paper and in pixels."""

    width_mm: float
    """Trim width."""
    height_mm: float
    """Trim height."""
    bleed_mm: float
    dpi: float

    @property
    def outer_width_mm(self) -> float:
        """Trim and both bleeds."""
        return self.width_mm + 2 * self.bleed_mm

    @property
    def outer_height_mm(self) -> float:
        """Trim and both bleeds."""
        return self.height_mm + 2 * self.bleed_mm

    @property
    def width_px(self) -> int:
        """Pixels of the outer width: round(mm / 25.4 × dpi), on the outer size and not on a sum of rounded parts."""
        return round(self.outer_width_mm / MM_PER_INCH * self.dpi)

    @property
    def height_px(self) -> int:
        """Pixels of the outer height."""
        return round(self.outer_height_mm / MM_PER_INCH * self.dpi)

    @property
    def trim_px(self) -> tuple[int, int]:
        """(width, height) in pixels of a picture of the cut card alone."""
        return round(self.width_mm / MM_PER_INCH * self.dpi), round(self.height_mm / MM_PER_INCH * self.dpi)

    @property
    def turned(self) -> CardGeometry:
        """The card lying on its other side."""
        return replace(self, width_mm=self.height_mm, height_mm=self.width_mm)

    def inset(self, shown: Box, by_mm: float) -> Box:
        """Return the box that lies this far inside one that stands for the whole card (trim and bleed)."""
        dx, dy = by_mm * shown.width / self.outer_width_mm, by_mm * shown.height / self.outer_height_mm
        return Box(shown.x0 + dx, shown.y0 + dy, shown.x1 - dx, shown.y1 - dy)

    def effective_ppi(self, trim: Box) -> float:
        """Return the pixels per printed inch of what the cut card shows, to a tenth; the lower one of both."""
        return round(min(trim.width / self.width_mm, trim.height / self.height_mm) * MM_PER_INCH, PPI_DIGITS)

    def margin_mm(self, box: Box, shown: Box) -> float:
        """Return how far a box lies inside the cut, in mm; negative where the cut goes through it.

        Args:
            box: A face, or text.
            shown: What the whole card (trim and bleed) shows, in the same pixels.
        """
        x_mm, y_mm = self.outer_width_mm / shown.width, self.outer_height_mm / shown.height
        sides = ((box.x0 - shown.x0) * x_mm, (box.y0 - shown.y0) * y_mm,
                 (shown.x1 - box.x1) * x_mm, (shown.y1 - box.y1) * y_mm)  # fmt: skip
        return min(sides) - self.bleed_mm


@dataclass(frozen=True, slots=True)
class Orientation:
    """How a stored picture must be turned to stand upright: first mirrored, then turned clockwise."""

    quarter_turns_clockwise: int = 0
    """0 to 3."""
    mirrored: bool = False
    """Whether the stored picture is mirrored left to right before it is turned."""

    @property
    def rotation_deg(self) -> int:
        """The clockwise turn in degrees: 0, 90, 180 or 270."""
        return 90 * self.quarter_turns_clockwise

    @property
    def swaps_sides(self) -> bool:
        """Whether width and height change places."""
        return self.quarter_turns_clockwise % 2 == 1

    def upright(self, pixels: npt.NDArray) -> npt.NDArray:
        """Return the array turned upright: a view, of shape (H, W) or (H, W, C)."""
        turned = pixels[:, ::-1] if self.mirrored else pixels
        return np.rot90(turned, k=-self.quarter_turns_clockwise)


def similarity_transform(source: npt.NDArray[np.float64], target: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the (2, 3) turn, scale and shift that brings points nearest to others (least squares, no mirroring).

    Umeyama, "Least-squares estimation of transformation parameters between two point patterns", 1991, in the plane.
    Points that all coincide are shifted only.
    """
    from_mean, to_mean = source.mean(axis=0), target.mean(axis=0)
    a, b = source - from_mean, target - to_mean
    spread = (a**2).sum()
    if spread <= 0:
        return np.column_stack([np.eye(2), to_mean - from_mean])
    cosine = (a * b).sum() / spread
    sine = (a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]).sum() / spread
    turn = np.array([[cosine, -sine], [sine, cosine]])
    return np.column_stack([turn, to_mean - turn @ from_mean])
