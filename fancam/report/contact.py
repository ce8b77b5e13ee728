"""The contact sheet: all cards of a run on one picture; under each its time, score, source resolution, whom it beat."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fancam.geometry import Box, CardGeometry
from fancam.media import Picture, format_time
from fancam.pictures import Canvas, fitted, read_picture, resample, text_width
from fancam.report.captions import INK, SHEET, SOFT_INK, write_screen_picture
from fancam.report.pick_sheet import BEATEN_PX

# What the camera delivered, in source pixels per printed inch. 300 is what print shops ask for; 150 can be reached
# from with a 2x network and 75 with a 4x one; below that a card shows mostly what a network made up.
FULL_PPI = 300.0
GOOD_PPI = 150.0
LEAST_PPI = 75.0

MOST_ENTRIES = 200
"""More cards than this are counted, not shown: a sheet of thousands would be larger than a JPEG may be."""

_THUMBNAIL_WIDTH_PX = BEATEN_PX[0]
_GAP_PX = 36
_MARGIN_PX = 48
_HEADER_PX = 92
_CAPTION_PX = 72
_FOOTER_PX = 84
_TRIM_LINE = (255, 255, 255)
_TRIM_LINE_SHADE = (150, 150, 150)
"""Outside the white line, so that it shows on white."""
_BLEED_FADE = 0.45
"""How far the bleed fades into the paper, so that the card after cutting stands out."""

_LEGEND = "ppi: camera pixels per printed inch that hold detail, of all there are"
_PPI_COLOURS = {
    f">= {FULL_PPI:g}": (24, 128, 56),
    f"{GOOD_PPI:g}-{FULL_PPI - 1:g}": INK,
    f"{LEAST_PPI:g}-{GOOD_PPI - 1:g}": (176, 98, 0),
    f"< {LEAST_PPI:g}": (196, 30, 30),
}


@dataclass(frozen=True, slots=True)
class ContactEntry:
    """One card on the sheet."""

    path: Path
    """The card's file; read when its turn comes, so that a large run needs no more memory than a small one."""
    label: str
    time_s: float | None
    """None for a photo."""
    score: float
    effective_ppi: float
    true_ppi: float | None = None
    """Of those the pixels that hold detail; None where that is not known."""
    beaten: Path | None = None
    """File of what ``beaten_strip`` drew: whom the pick beat; None for a photo, and where it beat nobody."""


def ppi_grade(ppi: float) -> int:
    """Return how well a resolution prints: 0 as sharp as paper allows, 1 good, 2 soft, 3 badly."""
    ppi = round(ppi)  # as it is printed beside it
    return sum(ppi < least for least in (FULL_PPI, GOOD_PPI, LEAST_PPI))


def ppi_colour(ppi: float) -> tuple[int, int, int]:
    """Return the colour that says how much a camera delivered: green, plain, amber or red."""
    return tuple(_PPI_COLOURS.values())[ppi_grade(ppi)]


def contact_sheet(entries: Sequence[ContactEntry], geometry: CardGeometry, title: str | None = None) -> Picture:
    """Draw all cards on one sheet.

    Args:
        entries: In the order they are to be shown; of more than ``MOST_ENTRIES`` the first are shown.
        geometry: The cards' geometry; a thin line shows where they will be cut, the bleed outside it is faded.
        title: What stands above them; None counts them.

    Returns:
        (height, width, 3) uint8 RGB.

    Raises:
        InputError: A card's file cannot be read.
        ValueError: There are no entries.
    """
    if not entries:
        raise ValueError("a contact sheet needs at least one card")
    shown = entries[:MOST_ENTRIES]
    per_row = _columns(len(shown))
    thumbnail_height = round(_THUMBNAIL_WIDTH_PX * geometry.outer_height_mm / geometry.outer_width_mm)
    beaten_px = BEATEN_PX[1] if any(entry.beaten for entry in shown) else 0
    cell_width, cell_height = _THUMBNAIL_WIDTH_PX + _GAP_PX, thumbnail_height + _CAPTION_PX + beaten_px + _GAP_PX
    content_width = max(per_row * cell_width - _GAP_PX, _legend_width())
    width = content_width + 2 * _MARGIN_PX
    height = _HEADER_PX + math.ceil(len(shown) / per_row) * cell_height + _FOOTER_PX
    canvas = Canvas(width, height, SHEET)
    _header(canvas, title, len(entries), len(shown), geometry, width)
    for index, entry in enumerate(shown):
        row, column = divmod(index, per_row)
        x, y = _MARGIN_PX + column * cell_width, _HEADER_PX + row * cell_height
        canvas.paste(_thumbnail(entry.path, geometry, thumbnail_height), x, y)
        _caption(canvas, entry, index + 1, x, y + thumbnail_height)
        if entry.beaten is not None:
            canvas.paste(read_picture(entry.beaten).pixels, x, y + thumbnail_height + _CAPTION_PX)
    _legend(canvas, _MARGIN_PX, height - 58)
    return canvas.pixels


def write_contact_sheet(
    entries: Sequence[ContactEntry], geometry: CardGeometry, path: Path, title: str | None = None
) -> str:  # fmt: skip
    """Draw the sheet and write it, for the screen: 96 dpi.

    Returns:
        SHA-256 of the file in hex.

    Raises:
        InputError: A card's file cannot be read.
        OutputError: The sheet cannot be written; nothing is left behind.
    """
    pixels = contact_sheet(entries, geometry, title)
    return write_screen_picture(path, pixels, f"Contact sheet of {len(entries)} cards", quality=92)


def _columns(count: int) -> int:
    """Return the cards per row: a row of up to four, then a sheet about as wide as it is high."""
    return count if count <= 4 else max(4, math.ceil(math.sqrt(count * 1.3)))


def _thumbnail(path: Path, geometry: CardGeometry, height_px: int) -> Picture:
    """Return the card made small, its bleed faded and the trim line drawn."""
    pixels = read_picture(path).pixels
    small = resample(pixels, Box(0, 0, pixels.shape[1], pixels.shape[0]), _THUMBNAIL_WIDTH_PX, height_px)
    bleed = round(geometry.bleed_mm / geometry.outer_width_mm * _THUMBNAIL_WIDTH_PX)
    if bleed == 0:
        return small
    paper = np.array(SHEET, np.float32)
    framed = np.rint(small * (1 - _BLEED_FADE) + paper * _BLEED_FADE).astype(np.uint8)
    height, width = height_px, _THUMBNAIL_WIDTH_PX
    for outward, colour in ((2, _TRIM_LINE_SHADE), (1, _TRIM_LINE)):
        near = max(bleed - outward, 0)
        framed[near : height - near, near : width - near] = colour
    framed[bleed:-bleed, bleed:-bleed] = small[bleed:-bleed, bleed:-bleed]
    return framed


def _header(canvas: Canvas, title: str | None, count: int, shown: int, geometry: CardGeometry, width: int) -> None:
    title = title or f"{count} card{'s' if count > 1 else ''}"
    if shown < count:
        title += f", the first {shown}"
    canvas.text(_MARGIN_PX, 58, title, 34, INK)
    size = f"{geometry.width_mm:g} x {geometry.height_mm:g} mm + {geometry.bleed_mm:g} mm bleed, {geometry.dpi:.0f} dpi"
    if text_width(title, 34) + text_width(size, 20) + 3 * _MARGIN_PX <= width:
        canvas.text(width - _MARGIN_PX, 58, size, 20, SOFT_INK, align="right")


def _caption(canvas: Canvas, entry: ContactEntry, number: int, x: int, y: int) -> None:
    right = x + _THUMBNAIL_WIDTH_PX
    when = "photo" if entry.time_s is None else format_time(entry.time_s)
    canvas.text(x, y + 32, f"{number}", 24, SOFT_INK)
    canvas.text(x + text_width(f"{number}  ", 24), y + 32, when, 24, INK)
    true_ppi = entry.effective_ppi if entry.true_ppi is None else entry.true_ppi
    colour = ppi_colour(true_ppi)
    ppi = f"{true_ppi:.0f} ppi"
    if round(true_ppi) < round(entry.effective_ppi):
        ppi = f"{true_ppi:.0f} of {entry.effective_ppi:.0f} ppi"
    canvas.text(right, y + 32, ppi, 24, colour, align="right")
    canvas.dot(right - text_width(ppi, 24) - 20, y + 18, 12, colour)
    score = f"score {entry.score:.2f}"
    canvas.text(right, y + 60, score, 18, SOFT_INK, align="right")
    room = _THUMBNAIL_WIDTH_PX - text_width(score, 18) - 16
    canvas.text(x, y + 60, fitted(entry.label, 18, room), 18, SOFT_INK)


def _legend(canvas: Canvas, x: int, y: int) -> None:
    """Write what the colours mean: the words, and below them the four ranges."""
    canvas.text(x, y, _LEGEND, 18, SOFT_INK)
    for text, colour in _PPI_COLOURS.items():
        canvas.dot(x, y + 16, 12, colour)
        canvas.text(x + 18, y + 28, text, 18, colour)
        x += 18 + text_width(text, 18) + 24


def _legend_width() -> int:
    return text_width(_LEGEND, 18)
