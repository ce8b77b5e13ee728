"""The back of a card: a picture, a colour, or where the front comes from."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from fancam.pictures import read_picture, resample
from fancam.printing.art.colours import COLOURS, PAPER, Colour, parse_colour, readable_on
from fancam.printing.art.facts import lay_facts
from fancam.printing.art.finished import Finished
from fancam.printing.art.palette import palette
from fancam.printing.art.shapes import safe_zone, trim_shape
from fancam.printing.art.text import first_row, fitting_mask, ink, placed
from fancam.records import Box, CardGeometry, Picture, Samples
from fancam.settings import ArtSettings

PROVENANCE = "provenance"
_GROUND: Colour = (247, 245, 242)
_OUTLINE_MM = 0.2
"""Around text on a picture, at least."""
_LEAST_PPI = 150.0
_MOST_LOST = 0.1
"""Share of a picture that is cut off without a word."""


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
    title, font = art.back_text, Path(art.font) if art.font else None
    if art.back is None and not title.strip():
        return None
    pixels, notes = _ground(geometry, art)
    if art.back == PROVENANCE:
        boxes, more = lay_facts(
            pixels, geometry, provenance_lines, title=title, font=font, title_mm=art.text_size_mm, safe_mm=safe_mm,
            colours=palette(_trimmed(front, geometry)) if front is not None else (),
        )  # fmt: skip
    elif title.strip():
        boxes, more = _lay_title(pixels, geometry, art, font, safe_mm)
    else:
        return Finished(pixels, notes=notes)
    return Finished(pixels, boxes, None, (*notes, *more))


def _trimmed(front: Samples, geometry: CardGeometry) -> Samples:
    """Return what remains of a front after cutting."""
    rows, columns = trim_shape(geometry).box.clipped(front.shape[1], front.shape[0]).as_slices()
    return front[rows, columns]


def _lay_title(
    pixels: Picture, geometry: CardGeometry, art: ArtSettings, font: Path | None, safe_mm: float
) -> tuple[tuple[Box, ...], tuple[str, ...]]:
    """Write the text of a back: in the middle of a colour, at the foot of a picture; in place."""
    zone = safe_zone(geometry, safe_mm)
    on_picture = art.back is not None and not _is_colour(art.back)
    outline_mm = max(art.text_outline_mm, _OUTLINE_MM) if on_picture else 0.0
    mask = fitting_mask(art.back_text.strip("\n"), font, art.text_size_mm, outline_mm, geometry, zone, "centre")
    x = placed(zone.x0, zone.x1, mask.width_px, 0.5)
    y = first_row(mask, zone, "bottom") if on_picture else placed(zone.y0, zone.y1, mask.height_px, 0.5)
    under = pixels[y : y + mask.height_px, x : x + mask.width_px].reshape(-1, 3).mean(axis=0)
    return ink(pixels, mask, x, y, readable_on(under), outlined=on_picture)


def _ground(geometry: CardGeometry, art: ArtSettings) -> tuple[Picture, tuple[str, ...]]:
    """Return the back without its text, and what the user should know of it."""
    if art.back is not None and art.back != PROVENANCE and not _is_colour(art.back):
        frame = read_picture(Path(art.back))
        part = _cover(frame.pixels, geometry)
        ppi, name = part.width / geometry.outer_width_mm * 25.4, Path(art.back).name
        notes = tuple(f"{name}: {warning}" for warning in frame.warnings)
        if ppi < _LEAST_PPI:
            notes += (f"{name}: the back has {ppi:.0f} pixels per printed inch: it will look soft",)
        lost = 1 - part.area / (frame.width * frame.height)
        if lost > _MOST_LOST:
            sides = "the left and right" if part.width < frame.width else "the top and bottom"
            notes += (f"{name}: {lost:.0%} of the back is cut off at {sides}; crop it to the card to choose what",)
        return resample(frame.pixels, part, geometry.width_px, geometry.height_px), notes
    if art.back is None:
        colour = PAPER
    else:
        colour = _GROUND if art.back == PROVENANCE else parse_colour(art.back)
    return np.full((geometry.height_px, geometry.width_px, 3), colour, np.uint8), ()


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
