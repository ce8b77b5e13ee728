"""The front of a card: border, frame and text over its picture."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from fancam.errors import UsageError
from fancam.printing.art.colours import paint, parse_colour
from fancam.printing.art.finished import Finished
from fancam.printing.art.frame import lay_frame
from fancam.printing.art.shapes import trim_shape
from fancam.printing.art.text import lay_text
from fancam.records import CardGeometry, Samples
from fancam.settings import ArtSettings

_ROWS = 256


def finish_front(
    pixels: Samples, geometry: CardGeometry, art: ArtSettings, *, safe_mm: float, corner_radius_mm: float = 0.0
) -> Finished:
    """Lay border, frame and text over a card's picture, in this order.

    Args:
        pixels: (height, width, 3) RGB, uint8 or uint16, of exactly the size that the geometry asks for; not changed.
        geometry: Of the card.
        art: What is laid over it.
        safe_mm: Distance from the cut within which no text may be.
        corner_radius_mm: Of the cut card; the border's inner edge runs parallel to its corners.

    Returns:
        A picture of the same type. What nothing lies on keeps its values.

    Raises:
        InputError: The frame or the font cannot be read, or the font lacks a character.
        UsageError: A colour is none, the border leaves nothing of the picture, the frame does not fit, or the text
            does not fit into the safe zone.
        ValueError: The pixels have another size than the card.
    """
    check_size(pixels, geometry)
    result = pixels.copy()
    if art.border_mm > 0:
        lay_border(result, geometry, art, corner_radius_mm)
    used, notes = lay_frame(result, geometry, Path(art.frame)) if art.frame else (None, ())
    boxes, text_notes = lay_text(result, geometry, art, safe_mm=safe_mm, corner_radius_mm=corner_radius_mm)
    return Finished(result, boxes, used, (*notes, *text_notes))


def check_size(pixels: Samples, geometry: CardGeometry) -> None:
    """Raise ValueError where a picture has another size than its card."""
    if pixels.shape != (geometry.height_px, geometry.width_px, 3):
        raise ValueError(f"pixels of shape {pixels.shape} for a card of {geometry.width_px}x{geometry.height_px}")


def lay_border(pixels: Samples, geometry: CardGeometry, art: ArtSettings, corner_radius_mm: float) -> None:
    """Draw the border over the bleed and so far into the trim, in place.

    Raises:
        UsageError: It leaves nothing of the picture.
    """
    if 2 * art.border_mm >= min(geometry.width_mm, geometry.height_mm):
        raise UsageError(
            f"a border of {art.border_mm:g} mm leaves nothing of a card of "
            f"{geometry.width_mm:g}x{geometry.height_mm:g} mm", remedy="make it narrower",
        )  # fmt: skip
    colour = parse_colour(art.border_colour)
    window = trim_shape(geometry, inset_mm=art.border_mm, corner_radius_mm=corner_radius_mm)
    height, width = pixels.shape[:2]
    for row in range(0, height, _ROWS):
        rows = slice(row, min(row + _ROWS, height))
        paint(pixels[rows], colour, np.float32(1) - window.coverage(rows, slice(0, width)))
