"""The back of a card: a picture, a colour, or where the front comes from."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from fancam.errors import UsageError
from fancam.pictures import read_picture, resample, text_mask
from fancam.printing.art.colours import COLOURS, Colour, parse_colour, readable_on
from fancam.printing.art.finished import Finished
from fancam.printing.art.shapes import pixels_per_mm, safe_zone
from fancam.printing.art.text import ink, placed
from fancam.records import Box, CardGeometry, Picture, Samples
from fancam.settings import ArtSettings

PROVENANCE = "provenance"
_GROUND: Colour = (247, 245, 242)
_TYPE_MM = 2.2


def make_back(
    geometry: CardGeometry,
    art: ArtSettings,
    *,
    provenance_lines: Sequence[str],
    safe_mm: float,
    front: Samples | None = None,
) -> Finished | None:
    """Make the back of a card, of the same size as its front.

    Args:
        geometry: Of the card.
        art: ``back`` is a picture's path, a colour, or ``provenance``; ``back_text`` is written on any of them.
        provenance_lines: Facts in the form ``Label: value`` and sentences; shown where ``back`` asks for them.
        safe_mm: Distance from the cut within which no text may be.
        front: The finished front, from which the back takes its colours.

    Returns:
        The back, uint8; None where neither a back nor a text for it was asked for.

    Raises:
        InputError: The picture or the font cannot be read, or the font lacks a character.
        UsageError: The back is no picture and no colour, or the text does not fit.
    """
    if art.back is None and not art.back_text.strip():
        return None
    pixels = _ground(geometry, art)
    lines = [art.back_text] if art.back_text.strip() else []
    if art.back == PROVENANCE:
        lines += list(provenance_lines)
    if not lines:
        return Finished(pixels)
    zone = safe_zone(geometry, safe_mm)
    mask = text_mask("\n".join(lines), Path(art.font) if art.font else None, _TYPE_MM * pixels_per_mm(geometry)[1])
    if mask.width_px > zone.width or mask.height_px > zone.height:
        raise UsageError("the text of the back does not fit into the safe zone", remedy="make it shorter")
    x, y = placed(zone.x0, zone.x1, mask.width_px, 0.5), placed(zone.y0, zone.y1, mask.height_px, 0.5)
    boxes, notes = ink(pixels, mask, x, y, readable_on(pixels.reshape(-1, 3).mean(axis=0)))
    return Finished(pixels, boxes, None, notes)


def _ground(geometry: CardGeometry, art: ArtSettings) -> Picture:
    """Return the back without its text."""
    if art.back is not None and art.back != PROVENANCE and not _is_colour(art.back):
        pixels = read_picture(Path(art.back)).pixels
        return resample(pixels, _cover(pixels, geometry), geometry.width_px, geometry.height_px)
    if art.back is None:
        colour: Colour = (255, 255, 255)
    else:
        colour = _GROUND if art.back == PROVENANCE else parse_colour(art.back)
    return np.full((geometry.height_px, geometry.width_px, 3), colour, np.uint8)


def _is_colour(back: str) -> bool:
    """Whether a back is meant as a colour; a word that is none is taken for a path only where it looks like one."""
    if back.startswith("#") or back.strip().lower() in COLOURS:
        return not Path(back).is_file()
    return not Path(back).suffix and not Path(back).exists() and len(Path(back).parts) == 1


def _cover(pixels: Picture, geometry: CardGeometry) -> Box:
    """Return the largest part in the middle of a picture that has the proportions of the outer card."""
    height, width = pixels.shape[:2]
    aspect = geometry.outer_width_mm / geometry.outer_height_mm
    wide, high = min(width, height * aspect), min(height, width / aspect)
    return Box((width - wide) / 2, (height - high) / 2, (width + wide) / 2, (height + high) / 2)
