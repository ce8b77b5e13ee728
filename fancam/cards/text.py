"""Text on a card: in one of nine places, inside the safe zone."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from fancam.cards.painting import (
    INK,
    PAPER,
    Colour,
    contrast,
    luminance,
    luminances,
    paint,
    parse_colour,
    pixels_per_mm,
    safe_zone,
)
from fancam.errors import UsageError
from fancam.geometry import Box, CardGeometry
from fancam.media import Samples
from fancam.pictures import TextMask, find_font, missing_characters, text_mask
from fancam.settings import DesignSettings

_FAINT = 1.6
"""Contrast ratio of text and ground below which a note is made; WCAG asks for 3 of large text on a screen."""
_LETTER = 0.7
"""Width of a letter in type sizes, about."""
_BORDER_GAP = 0.4
"""Room between a border and text, in type sizes."""
_MEASURED_PX = 256.0
"""Size at which text is measured whose size would make it far too large to draw."""


def lay_text(
    pixels: Samples, geometry: CardGeometry, design: DesignSettings, *, safe_mm: float, corner_radius_mm: float
) -> tuple[tuple[Box, ...], tuple[str, ...]]:
    """Write the text of a card on its picture, in place.

    Lines lie on the font's own baseline: at ``bottom`` the letters that reach below it just stay inside the safe zone,
    so that the names on a set of cards stand at one height.

    Returns:
        The ink of each line in pixels of the picture, and notes.

    Raises:
        FontError: The font cannot be read or lacks a character.
        UsageError: The text does not fit into the safe zone.
    """
    if not design.text.strip():
        return (), ()
    font, found = font_for(design.text, design)
    clear_mm = design.border_mm + _BORDER_GAP * design.text_size_mm if design.border_mm > 0 else 0.0
    zone = safe_zone(geometry, max(safe_mm, clear_mm), corner_radius_mm)
    horizontal, vertical = place_of(design.text_place)
    mask = fit_text(
        design.text, font, design.text_size_mm, design.text_outline_mm, geometry, zone, horizontal
    )  # fmt: skip
    x = placed(zone.x0, zone.x1, mask.width_px, {"left": 0.0, "centre": 0.5, "right": 1.0}[horizontal])
    y = first_row(mask, zone, vertical)
    colour = parse_colour(design.text_colour)
    boxes, notes = print_text(pixels, mask, x, y, colour, outlined=design.text_outline_mm > 0)
    return boxes, (*found, *notes)


def font_for(text: str, design: DesignSettings) -> tuple[Path | None, tuple[str, ...]]:
    """Return the font that is set, else one that has all characters of the text, and a note where it was found.

    The built-in font (None) comes first: it is the same on every machine.

    Raises:
        FontError: No font of this system has all characters.
    """
    if design.font is not None:
        return Path(design.font), ()
    if not missing_characters(text, None):
        return None, ()
    font = find_font(text)
    return font, (f"the text is set in {font.name}, found on this system",)


def place_of(name: str) -> tuple[str, str]:
    """Return the horizontal and vertical part (``left`` … ``right``, ``top`` … ``bottom``) of one of nine places."""
    words = name.split("-")
    horizontal = next((word for word in words if word in ("left", "right")), "centre")
    vertical = next((word for word in words if word in ("top", "bottom")), "centre")
    return horizontal, vertical


def placed(first: float, last: float, length_px: int, share: float) -> int:
    """Return where something of this length starts, in whole pixels, inside of first and last."""
    least, most = math.ceil(first), math.floor(last) - length_px
    return min(max(round(first + (last - first - length_px) * share), least), most)


def print_text(
    pixels: Samples, mask: TextMask, x: int, y: int, colour: Colour, *, outlined: bool = False
) -> tuple[tuple[Box, ...], tuple[str, ...]]:
    """Print set text on a picture with its upper left corner at x, y, in place; return its boxes and notes."""
    part = pixels[y : y + mask.height_px, x : x + mask.width_px]
    notes = mask.notes
    if outlined:
        around = INK if luminance(colour) > 0.18 else PAPER  # the middle grey of photographers parts dark from light
        paint(part, around, mask.outline.astype(np.float32) / np.float32(255))
    else:
        notes += _faint(part, mask, colour)
    paint(part, colour, mask.coverage.astype(np.float32) / np.float32(255))
    return tuple(b.shifted(x, y) for b in mask.lines), notes


def _faint(part: Samples, mask: TextMask, colour: Colour) -> tuple[str, ...]:
    """Return a note where a letter's width of the text hardly stands out from what it is printed on."""
    ratio = contrast(luminances(part), luminance(colour))
    inked, step = mask.coverage > 127, max(round(mask.size_px * _LETTER), 1)
    for x in range(0, mask.width_px, step):
        letter = slice(None), slice(x, x + step)
        typical = np.median(ratio[letter][inked[letter]]) if inked[letter].any() else math.inf
        if typical < _FAINT:
            return (
                f"some of the text hardly stands out (contrast {typical:.1f}:1): give it an outline, or another colour "
                "or place",
            )
    return ()


def first_row(mask: TextMask, zone: Box, vertical: str) -> int:
    """Return the first row of the mask: placed by the reach of the font's letters, kept inside by its ink."""
    if vertical == "top":
        y = math.ceil(zone.y0) + math.ceil(mask.rise_px) - mask.baselines_px[0]
    elif vertical == "bottom":
        y = math.floor(zone.y1) - math.ceil(mask.drop_px) - mask.baselines_px[-1]
    else:
        y = (zone.y0 + zone.y1 - mask.height_px) / 2
    return min(max(round(y), math.ceil(zone.y0)), math.floor(zone.y1) - mask.height_px)


def fit_text(
    text: str, font: Path | None, size_mm: float, outline_mm: float, geometry: CardGeometry, zone: Box, align: str
) -> TextMask:
    """Return set text whose ink fits into a zone of a card's picture.

    Raises:
        FontError: The font cannot be read or lacks a character.
        UsageError: The text is larger than the zone; a size that would fit is named.
    """
    x_per_mm, y_per_mm = pixels_per_mm(geometry)
    size, outline = size_mm * y_per_mm, outline_mm * y_per_mm
    wide, high = math.floor(zone.x1) - math.ceil(zone.x0), math.floor(zone.y1) - math.ceil(zone.y0)
    # Measured first at a size that can be drawn, whatever was asked for.
    probe = text_mask(text, font, min(size, _MEASURED_PX), align=align)
    scale = size / probe.size_px
    if probe.width_px * scale <= wide + 2 * scale and probe.height_px * scale <= high + 2 * scale:
        mask = text_mask(text, font, size, align=align, outline_px=outline)
        if mask.width_px <= wide and mask.height_px <= high:
            return mask
    # Ink may begin anywhere within a pixel: one more on either side.
    room = wide - 2 * outline - 2, high - 2 * outline - 2
    fits = min(room[0] / max(probe.width_px, 1), room[1] / max(probe.height_px, 1)) * probe.size_px / y_per_mm
    fits = math.floor(fits * 10) / 10
    raise UsageError(
        f"text of {size_mm:g} mm takes {(probe.width_px * scale + 2 * outline) / x_per_mm:.1f} x "
        f"{(probe.height_px * scale + 2 * outline) / y_per_mm:.1f} mm, there is room for "
        f"{max(wide, 0) / x_per_mm:.1f} x {max(high, 0) / y_per_mm:.1f} mm inside the safe zone",
        remedy=f"a size of {fits:g} mm fits" if fits >= 0.5 else "break it into lines or leave some out",
    )
