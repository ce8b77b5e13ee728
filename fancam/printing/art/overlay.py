"""A proof: where a card is cut, and what lies too near to the cut."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fancam.printing.art.colours import Colour, paint
from fancam.printing.art.front import check_size
from fancam.printing.art.shapes import RoundedBox, pixels_per_mm, safe_zone, trim_shape
from fancam.records import Box, CardGeometry, Picture

_CUT: Colour = (230, 0, 60)
_SAFE: Colour = (0, 190, 120)
_TEXT: Colour = (0, 120, 255)
_LINE_MM = 0.25


def safe_zone_overlay(
    front: Picture,
    geometry: CardGeometry,
    *,
    safe_mm: float,
    corner_radius_mm: float,
    faces: Sequence[Box] = (),
    text_boxes: Sequence[Box] = (),
) -> Picture:
    """Draw trim line, safe zone, faces and text over a card's picture, its bleed shaded.

    Args:
        front: (height, width, 3) uint8 RGB with bleed; not changed.
        geometry: Of the card.
        safe_mm: Distance from the cut within which no face and no text should be.
        corner_radius_mm: Of the cut card.
        faces: In pixels of the picture; those that reach out of the safe zone are drawn in the colour of the cut.
        text_boxes: As the faces.

    Returns:
        A picture of the same size.

    Raises:
        ValueError: The front has another size than the card.
    """
    check_size(front, geometry)
    result = front.copy()
    height, width = front.shape[:2]
    everywhere = slice(0, height), slice(0, width)
    per_mm = pixels_per_mm(geometry)[0]
    trim = trim_shape(geometry, corner_radius_mm=corner_radius_mm)
    paint(result, _CUT, (1 - trim.coverage(*everywhere)) * np.float32(0.45))
    zone = safe_zone(geometry, safe_mm, corner_radius_mm)
    _outline(result, trim, _CUT, _LINE_MM * per_mm)
    _outline(result, RoundedBox(zone), _SAFE, _LINE_MM * per_mm)
    for box in (*faces, *text_boxes):
        _outline(result, RoundedBox(box), _TEXT if zone.contains(box) else _CUT, _LINE_MM * per_mm)
    return result


def _outline(pixels: Picture, shape: RoundedBox, colour: Colour, width_px: float) -> None:
    """Draw a line along the outside of a shape."""
    everywhere = slice(0, pixels.shape[0]), slice(0, pixels.shape[1])
    box, radius = shape.box, shape.radius_x
    outer = Box(box.x0 - width_px, box.y0 - width_px, box.x1 + width_px, box.y1 + width_px)
    grown = RoundedBox(outer, radius + width_px if radius else 0, shape.radius_y + width_px if radius else 0)
    paint(pixels, colour, np.clip(grown.coverage(*everywhere) - shape.coverage(*everywhere), 0, 1))
