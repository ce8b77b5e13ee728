"""Boxes with round corners on a grid of pixels: how much of each pixel they cover, exactly."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from fancam.geometry import Box
from fancam.results import CardGeometry

Coverage = npt.NDArray[np.float32]
"""(rows, columns): share of each pixel, 0 to 1."""

_STRIPS = 32
"""Upright strips a pixel column is cut into where a corner is round; along y the arc is integrated exactly. The area
of a quarter circle of 1 px is right to 0.2 %, of 10 px to 0.001 %."""


@dataclass(frozen=True, slots=True)
class RoundedBox:
    """A box whose corners are quarters of an ellipse (pixels need not be square on paper)."""

    box: Box
    radius_x: float = 0.0
    radius_y: float = 0.0

    def grown(self, by_px: float) -> RoundedBox:
        """Return the shape with its edges moved outward (inward where negative); square corners stay square."""
        box = Box(self.box.x0 - by_px, self.box.y0 - by_px, self.box.x1 + by_px, self.box.y1 + by_px)
        radii = (max(radius + by_px, 0.0) if radius else 0.0 for radius in (self.radius_x, self.radius_y))
        return RoundedBox(box, *radii)

    def moved(self, x_px: float, y_px: float) -> RoundedBox:
        """Return the shape moved to the right and down."""
        return replace(self, box=self.box.shifted(x_px, y_px))

    def coverage(self, rows: slice, columns: slice) -> Coverage:
        """Return how much of each pixel of a part of the grid, given in whole pixels, lies inside."""
        result = np.zeros((rows.stop - rows.start, columns.stop - columns.start), np.float32)
        column = np.arange(columns.start, columns.stop)
        result[:] = np.clip(np.minimum(column + 1, self.box.x1) - np.maximum(column, self.box.x0), 0, 1)
        first, last = math.ceil(self.box.y0 + self.radius_y), math.floor(self.box.y1 - self.radius_y)
        top, bottom = math.floor(self.box.y0), math.ceil(self.box.y1)
        for start, stop, outside in (
            (rows.start, top, True), (top, min(first, bottom), False), (max(last, top), bottom, False),
            (bottom, rows.stop, True),
        ):  # fmt: skip
            part = slice(min(max(start, rows.start), rows.stop), min(max(stop, rows.start), rows.stop))
            if part.start < part.stop:
                within = slice(part.start - rows.start, part.stop - rows.start)
                result[within] = 0 if outside else self._by_strips(part, columns)
        return result

    def _by_strips(self, rows: slice, columns: slice) -> Coverage:
        """Return the coverage of rows that the upper or lower edge or a corner passes through."""
        left, right, column = self._strips(columns)
        width = np.clip(np.minimum(right, self.box.x1) - np.maximum(left, self.box.x0), 0, None)
        middle = (np.maximum(left, self.box.x0) + np.minimum(right, self.box.x1)) / 2
        inset = self._inset(middle)
        y = np.arange(rows.start, rows.stop)[:, np.newaxis]
        height = np.minimum(y + 1, self.box.y1 - inset) - np.maximum(y, self.box.y0 + inset)
        starts = np.flatnonzero(np.diff(column, prepend=column[:1] - 1))
        return np.add.reduceat(np.clip(height, 0, 1) * width, starts, axis=1).astype(np.float32)

    def _strips(self, columns: slice) -> tuple[npt.NDArray, npt.NDArray, npt.NDArray]:
        """Return left and right of the strips, and the column each belongs to: many where the box is round."""
        column = np.arange(columns.start, columns.stop)
        near = self.box.x0 + self.radius_x, self.box.x1 - self.radius_x
        is_round = (column < near[0]) | (column + 1 > near[1]) if self.radius_x > 0 else np.zeros(column.shape, bool)
        count = np.where(is_round, _STRIPS, 1)
        owner = np.repeat(column, count)
        position = np.arange(owner.size) - np.repeat(np.cumsum(count) - count, count)
        step = 1 / np.repeat(count, count)
        return owner + position * step, owner + (position + 1) * step, owner

    def _inset(self, x: npt.NDArray) -> npt.NDArray:
        """Return how far the corners push the upper and lower edge inward at these x."""
        if self.radius_x <= 0 or self.radius_y <= 0:
            return np.zeros_like(x)
        over = np.maximum(self.box.x0 + self.radius_x - x, x - (self.box.x1 - self.radius_x))
        share = np.clip(over, 0, self.radius_x) / self.radius_x
        return self.radius_y * (1 - np.sqrt(1 - share**2))


def pixels_per_mm(geometry: CardGeometry) -> tuple[float, float]:
    """Return pixels per millimetre across and down.

    The whole picture is laid on the whole outer card, by length, so this is not exactly dpi / 25.4 in a file whose
    sides were rounded to pixels.
    """
    return geometry.width_px / geometry.outer_width_mm, geometry.height_px / geometry.outer_height_mm


def trim_shape(geometry: CardGeometry, *, inset_mm: float = 0.0, corner_radius_mm: float = 0.0) -> RoundedBox:
    """Return the trim of a card in pixels of its picture, bleed included.

    Args:
        geometry: Of the card.
        inset_mm: How far its edges are moved inward; the corners stay parallel to those of the trim.
        corner_radius_mm: Of the trim.
    """
    x, y = pixels_per_mm(geometry)
    inset = geometry.bleed_mm + inset_mm
    radius = min(corner_radius_mm, geometry.width_mm / 2, geometry.height_mm / 2) - inset_mm
    box = Box(inset * x, inset * y, geometry.width_px - inset * x, geometry.height_px - inset * y)
    return RoundedBox(box, max(radius, 0.0) * x, max(radius, 0.0) * y)


def safe_zone(geometry: CardGeometry, safe_mm: float, corner_radius_mm: float = 0.0) -> Box:
    """Return the box of a card's picture in which text is safe from the cut.

    It is further in where round corners would reach into it: 1 - 1/sqrt(2) of their radius. Empty (of no area) where
    the card is too small for it.
    """
    inset = max(safe_mm, corner_radius_mm * (1 - math.sqrt(0.5)))
    box = trim_shape(geometry, inset_mm=inset).box
    centre = box.centre
    if box.x1 <= box.x0 or box.y1 <= box.y0:
        return Box(*centre, *centre)
    return box
