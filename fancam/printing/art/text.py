"""Text on a card: in one of nine places, inside the safe zone."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from fancam.errors import UsageError
from fancam.pictures import TextMask, text_mask
from fancam.printing.art.colours import INK, PAPER, Colour, contrast, luminance, paint, parse_colour
from fancam.printing.art.shapes import pixels_per_mm, safe_zone
from fancam.records import Box, CardGeometry, Samples
from fancam.settings import ArtSettings

_FAINT = 1.6
"""Contrast ratio of text and ground below which a note is made; WCAG asks for 3 of large text on a screen."""
_BORDER_GAP = 0.4
"""Room between a border and text, in type sizes."""
_MEASURED_PX = 256.0
"""Size at which text is measured whose size would make it far too large to draw."""


def lay_text(
    pixels: Samples, geometry: CardGeometry, art: ArtSettings, *, safe_mm: float, corner_radius_mm: float
) -> tuple[tuple[Box, ...], tuple[str, ...]]:
    """Write the text of a card on its picture, in place.

    Lines lie on the font's own baseline: at ``bottom`` the letters that reach below it just stay inside the safe zone,
    so that the names on a set of cards stand at one height.

    Returns:
        The ink of each line in pixels of the picture, and notes.

    Raises:
        FontError: The font cannot be read or lacks a character.
        UsageError: No font was given, or the text does not fit into the safe zone.
    """
    if not art.text.strip():
        return (), ()
    if art.font is None:
        raise UsageError("text needs a font", remedy="give the path of a .ttf or .otf file as the font")
    clear_mm = art.border_mm + _BORDER_GAP * art.text_size_mm if art.border_mm > 0 else 0.0
    zone = safe_zone(geometry, max(safe_mm, clear_mm), corner_radius_mm)
    horizontal, vertical = place_of(art.text_place)
    mask = _fitting(art, geometry, zone, horizontal)
    x = placed(zone.x0, zone.x1, mask.width_px, {"left": 0.0, "centre": 0.5, "right": 1.0}[horizontal])
    y = _top(mask, zone, vertical)
    colour = parse_colour(art.text_colour)
    return ink(pixels, mask, x, y, colour, outlined=art.text_outline_mm > 0)


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


def ink(
    pixels: Samples, mask: TextMask, x: int, y: int, colour: Colour, *, outlined: bool = False
) -> tuple[tuple[Box, ...], tuple[str, ...]]:
    """Print set text on a picture with its upper left corner at x, y, in place; return its boxes and notes."""
    part = pixels[y : y + mask.height_px, x : x + mask.width_px]
    notes = mask.notes
    if outlined:
        around = INK if luminance(colour) > 0.18 else PAPER  # the middle grey of photographers parts dark from light
        paint(part, around, mask.outline.astype(np.float32) / 255)
    else:
        notes += _faint(part, mask, colour)
    paint(part, colour, mask.coverage.astype(np.float32) / 255)
    return tuple(Box(b.x0 + x, b.y0 + y, b.x1 + x, b.y1 + y) for b in mask.lines), notes


def _faint(part: Samples, mask: TextMask, colour: Colour) -> tuple[str, ...]:
    """Return a note where the text hardly stands out from what it is printed on."""
    under = part[mask.coverage > 127]
    if under.size == 0:
        return ()
    ground = under.reshape(-1, 3).mean(axis=0) * (255 / np.iinfo(part.dtype).max)
    ratio = contrast(colour, ground)
    if ratio >= _FAINT:
        return ()
    return (f"the text hardly stands out (contrast {ratio:.1f}:1): give it an outline or another colour or place",)


def _top(mask: TextMask, zone: Box, vertical: str) -> int:
    """Return the first row of the mask: placed by the reach of the font's letters, kept inside by its ink."""
    if vertical == "top":
        y = zone.y0 + mask.rise_px - mask.baselines_px[0]
    elif vertical == "bottom":
        y = zone.y1 - mask.drop_px - mask.baselines_px[-1]
    else:
        y = (zone.y0 + zone.y1 - mask.height_px) / 2
    return min(max(round(y), math.ceil(zone.y0)), math.floor(zone.y1) - mask.height_px)


def _fitting(art: ArtSettings, geometry: CardGeometry, zone: Box, align: str) -> TextMask:
    """Return the set text.

    Raises:
        UsageError: It is larger than the safe zone.
    """
    per_mm = pixels_per_mm(geometry)[1]
    size, outline = art.text_size_mm * per_mm, art.text_outline_mm * per_mm
    room = math.floor(zone.x1) - math.ceil(zone.x0), math.floor(zone.y1) - math.ceil(zone.y0)
    assert art.font is not None
    font = Path(art.font)
    probe = text_mask(art.text, font, min(size, _MEASURED_PX), align=align)
    scale = size / probe.size_px
    if scale == 1.0 or (probe.width_px * scale <= room[0] + 2 and probe.height_px * scale <= room[1] + 2):
        mask = text_mask(art.text, font, size, align=align, outline_px=outline)
        if mask.width_px <= room[0] and mask.height_px <= room[1]:
            return mask
    fit = min(
        (room[0] - 2 * outline - 1) / max(probe.width_px - 1, 1),
        (room[1] - 2 * outline - 1) / max(probe.height_px - 1, 1),
    )
    fitting_mm = math.floor(fit * probe.size_px / per_mm * 10) / 10
    raise UsageError(
        f"text of {art.text_size_mm:g} mm is {probe.width_px * scale / pixels_per_mm(geometry)[0]:.1f} x "
        f"{probe.height_px * scale / per_mm:.1f} mm, the safe zone "
        f"{zone.width / pixels_per_mm(geometry)[0]:.1f} x {zone.height / per_mm:.1f} mm",
        remedy=f"a size of {fitting_mm:g} mm fits" if fitting_mm >= 0.5 else "break it into lines or leave some out",
    )
