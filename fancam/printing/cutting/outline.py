"""The outline of a card: a rectangle with round corners, as corners and bulges."""

from __future__ import annotations

import math
from dataclasses import dataclass

from fancam.records import Area

QUARTER_BULGE = math.tan(math.pi / 8)
"""Of a quarter circle: the tangent of a quarter of the angle (AutoCAD DXF reference, group code 42)."""
_SAME_MM = 1e-9


@dataclass(frozen=True, slots=True)
class OutlinePoint:
    """A point of an outline and how it goes on from there."""

    x_mm: float
    y_mm: float
    round_off: bool
    """Whether a quarter circle leads to the next point, or else a straight line."""


def rounded_rectangle(area: Area, radius_mm: float) -> tuple[OutlinePoint, ...]:
    """Return the outline clockwise as one looks at it, from the left end of the upper edge; it is closed.

    Args:
        area: The rectangle.
        radius_mm: Of the corners; more than half of the shorter side is taken as that.

    Returns:
        4 points without a radius, otherwise 8, less those that fall together where an edge is all corner.
    """
    r = min(max(radius_mm, 0.0), area.width_mm / 2, area.height_mm / 2)
    left, top, right, bottom = area.x_mm, area.y_mm, area.right_mm, area.bottom_mm
    if r <= _SAME_MM:
        return tuple(OutlinePoint(x, y, False) for x, y in ((left, top), (right, top), (right, bottom), (left, bottom)))
    points = [
        OutlinePoint(left + r, top, False), OutlinePoint(right - r, top, True),
        OutlinePoint(right, top + r, False), OutlinePoint(right, bottom - r, True),
        OutlinePoint(right - r, bottom, False), OutlinePoint(left + r, bottom, True),
        OutlinePoint(left, bottom - r, False), OutlinePoint(left, top + r, True),
    ]  # fmt: skip
    following = points[1:] + points[:1]
    return tuple(
        point for point, after in zip(points, following, strict=True)
        if point.round_off or math.hypot(after.x_mm - point.x_mm, after.y_mm - point.y_mm) > _SAME_MM
    )  # fmt: skip


def digits(value: float) -> str:
    """Return a number with up to six decimals, without those that are 0 and never ``-0``."""
    text = f"{value:.6f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text
