"""A proof: where a card is cut, and what lies too near to the cut."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from fancam.cards.colours import INK, PAPER, Colour, fill, paint
from fancam.cards.front import check_size
from fancam.cards.shapes import RoundedBox, pixels_per_mm, trim_shape
from fancam.cards.text import print_text
from fancam.geometry import Box
from fancam.media import Picture
from fancam.pictures import line_width, text_mask
from fancam.results import CardGeometry

_CUT: Colour = (226, 0, 72)
_SAFE: Colour = (0, 158, 96)
_MARK: Colour = (0, 112, 240)
_LINE_MM = 0.22
_VEIL = np.float32(0.38)
_HATCH_MM = 2.0
_TYPE_MM = 2.5


def safe_zone_overlay(
    front: Picture,
    geometry: CardGeometry,
    *,
    safe_mm: float,
    corner_radius_mm: float,
    faces: Sequence[Box] = (),
    text_boxes: Sequence[Box] = (),
) -> Picture:
    """Draw trim line, safe zone, faces and text over a card's picture, its bleed hatched, with a legend below.

    Args:
        front: (height, width, 3) uint8 RGB with bleed; not changed.
        geometry: Of the card.
        safe_mm: Distance from the cut within which no face and no text should be.
        corner_radius_mm: Of the cut card.
        faces: In pixels of the picture; those that reach out of the safe zone are drawn in the colour of the cut.
        text_boxes: As the faces.

    Returns:
        (height and the legend, width, 3) uint8 RGB; the picture begins in the first row.

    Raises:
        ValueError: The front has another size than the card.
    """
    check_size(front, geometry)
    result = front.copy()
    height, width = front.shape[:2]
    everywhere = slice(0, height), slice(0, width)
    line_px = max(_LINE_MM * pixels_per_mm(geometry)[0], 1.0)
    trim = trim_shape(geometry, corner_radius_mm=corner_radius_mm)
    away = 1 - trim.coverage(*everywhere)
    paint(result, PAPER, away * _VEIL)
    paint(result, _CUT, away * _hatch(height, width, _HATCH_MM * pixels_per_mm(geometry)[0]))
    zone = trim_shape(geometry, inset_mm=safe_mm, corner_radius_mm=corner_radius_mm)
    _outline(result, trim, _CUT, line_px)
    if zone.box.x1 > zone.box.x0 and zone.box.y1 > zone.box.y0:
        _outline(result, zone, _SAFE, line_px)
    for box in (*faces, *text_boxes):
        _outline(result, RoundedBox(box), _MARK if zone.box.contains(box) else _CUT, line_px)
    rows = [(_CUT, _cut_words(geometry, corner_radius_mm)), (_SAFE, f"safe zone, {safe_mm:g} mm from the cut")]
    for what, boxes in (("face", faces), ("text", text_boxes)):
        rows += _found(what, boxes, zone.box)
    return np.vstack([result, _legend(rows, width, pixels_per_mm(geometry)[1])])


def _cut_words(geometry: CardGeometry, corner_radius_mm: float) -> str:
    corners = f", corners {corner_radius_mm:g} mm" if corner_radius_mm > 0 else ""
    bleed = f"; {geometry.bleed_mm:g} mm bleed is cut away" if geometry.bleed_mm > 0 else "; no bleed"
    return f"cut, {geometry.width_mm:g} x {geometry.height_mm:g} mm{corners}{bleed}"


def _found(what: str, boxes: Sequence[Box], zone: Box) -> list[tuple[Colour, str]]:
    """Return the legend's rows for faces or lines of text."""
    outside = sum(not zone.contains(box) for box in boxes)
    rows: list[tuple[Colour, str]] = []
    if outside < len(boxes):
        rows.append((_MARK, f"{what} inside the safe zone"))
    if outside:
        rows.append((_CUT, f"{what} too near to the cut"))
    return rows


def _hatch(height: int, width: int, period_px: float) -> npt.NDArray[np.float32]:
    """Return thin slanting lines as a coverage."""
    x, y = np.arange(width, dtype=np.float32)[np.newaxis, :], np.arange(height, dtype=np.float32)[:, np.newaxis]
    distance = np.abs(np.mod((x + y) / max(period_px, 4.0), 1.0) - 0.5) * max(period_px, 4.0) * np.sqrt(0.5)
    return np.clip(1.0 - distance, 0, 1).astype(np.float32) * np.float32(0.7)


def _outline(pixels: Picture, shape: RoundedBox, colour: Colour, width_px: float) -> None:
    """Draw a line along the outside of a shape, a thin white one around it so that it shows on any picture."""
    halo = width_px * 0.6
    everywhere = slice(0, pixels.shape[0]), slice(0, pixels.shape[1])

    def grown(by: float) -> npt.NDArray[np.float32]:
        return shape.grown(by).coverage(*everywhere)

    paint(pixels, PAPER, np.clip(grown(width_px + halo) - grown(-halo), 0, 1) * np.float32(0.7))
    paint(pixels, colour, np.clip(grown(width_px) - grown(0), 0, 1))


def _legend(rows: Sequence[tuple[Colour, str]], width: int, per_mm: float) -> Picture:
    """Return a white strip that says what the lines mean, in type that fits."""
    size, margin = max(_TYPE_MM * per_mm, 9.0), max(3.0 * per_mm, 6.0)
    left = 2 * margin + size
    widest = max(line_width(text, None, size) for _, text in rows)
    size = min(size, size * (width - left - margin) / widest)
    pitch = 1.6 * size
    strip = np.full((round(2 * margin + pitch * len(rows)), width, 3), PAPER, np.uint8)
    for number, (colour, text) in enumerate(rows):
        middle = margin + (number + 0.5) * pitch
        dash = Box(margin, middle - 0.09 * size, margin + 1.4 * size, middle + 0.09 * size)
        fill(strip, RoundedBox(dash), colour)
        mask = text_mask(text, None, size, align="left")
        y = round(middle + 0.35 * size - mask.baselines_px[0])
        print_text(strip, mask, round(margin + 2.1 * size), y, INK)
    return strip
