"""The front of a card: what lies over its picture, and the card as a file."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np

from fancam.cards.painting import paint, parse_colour, pixels_per_mm, trim_shape
from fancam.cards.text import lay_text
from fancam.cropping import check_border
from fancam.errors import UsageError
from fancam.geometry import Box, CardGeometry
from fancam.media import Picture, Samples
from fancam.pictures import PictureMetadata, open_picture, resample, save_picture, to_8_bit
from fancam.provenance import Provenance
from fancam.results import Enhanced
from fancam.settings import CardSettings, DesignSettings

_ROWS = 256


@dataclass(frozen=True, slots=True, eq=False)
class Side:
    """A side of a card with all that lies on it."""

    pixels: Samples
    """(height, width, 3) RGB in sRGB, trim and bleed."""
    text_boxes: tuple[Box, ...] = ()
    """Ink of each line of text, outline included, in pixels of the picture."""
    notes: tuple[str, ...] = ()
    """What the user should know: a frame whose edge was mirrored, text that hardly stands out …"""
    ink: Picture | None = None
    """The same in the colours of the press, (height, width, 4) where that is CMYK; None before it was converted."""

    @property
    def screen(self) -> Picture:
        """(height, width, 3) uint8 RGB in sRGB."""
        return to_8_bit(self.pixels)


def finish_front(
    pixels: Samples, geometry: CardGeometry, design: DesignSettings, *, safe_mm: float, corner_radius_mm: float = 0.0
) -> Side:
    """Lay border, frame and text over a card's picture, in this order.

    Args:
        pixels: (height, width, 3) RGB, uint8 or uint16, of exactly the size that the geometry asks for; not changed.
        geometry: Of the card.
        design: What is laid over it.
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
    if design.border_mm > 0:
        lay_border(result, geometry, design, corner_radius_mm)
    notes = lay_frame(result, geometry, Path(design.frame)) if design.frame else ()
    boxes, text_notes = lay_text(result, geometry, design, safe_mm=safe_mm, corner_radius_mm=corner_radius_mm)
    return Side(result, boxes, (*notes, *text_notes))


def check_size(pixels: Samples, geometry: CardGeometry) -> None:
    """Raise ValueError where a picture has another size than its card."""
    if pixels.shape != (geometry.height_px, geometry.width_px, 3):
        raise ValueError(f"pixels of shape {pixels.shape} for a card of {geometry.width_px}x{geometry.height_px}")


def lay_border(pixels: Samples, geometry: CardGeometry, design: DesignSettings, corner_radius_mm: float) -> None:
    """Draw the border over the bleed and so far into the trim, in place.

    Raises:
        UsageError: It leaves nothing of the picture.
    """
    check_border(geometry, design.border_mm)
    colour = parse_colour(design.border_colour)
    window = trim_shape(geometry, inset_mm=design.border_mm, corner_radius_mm=corner_radius_mm)
    height, width = pixels.shape[:2]
    for row in range(0, height, _ROWS):
        rows = slice(row, min(row + _ROWS, height))
        paint(pixels[rows], colour, np.float32(1) - window.coverage(rows, slice(0, width)))


ASPECT_TOLERANCE = 0.01
"""How far the proportions of a frame may be off: one part in a hundred is stretched away unseen."""


def lay_frame(pixels: Samples, geometry: CardGeometry, path: Path) -> tuple[str, ...]:
    """Lay a frame over a card's picture, in place.

    Mixed in encoded values, as every picture editor does it: a frame looks as its maker saw it. Where the frame has
    the proportions of the trim, its edges are mirrored into the bleed.

    Returns:
        Notes.

    Raises:
        InputError: The file cannot be read.
        UsageError: Its proportions are neither those of the outer card nor of the trim, or it has no transparency, or
            nothing else.
    """
    frame, notes = _read(path)
    if _what_it_fits(frame, geometry, path) == "trim" and geometry.bleed_mm > 0:
        frame, box = _with_bleed(frame, geometry)
        notes = (*notes, f"{path.name}: has the proportions of the trim; its edges were mirrored into the bleed")
    else:
        box = Box(0, 0, frame.shape[1], frame.shape[0])
    height, width = pixels.shape[:2]
    if (frame.shape[1], frame.shape[0]) != (width, height):
        notes = (*notes, *_resolution_notes(box, geometry, path))
        frame = resample(frame, box, width, height)
    _mix(pixels, frame)
    return notes


def _read(path: Path) -> tuple[Samples, tuple[str, ...]]:
    """Return the frame as RGBA in sRGB, uint8, and what had to be assumed."""
    still = open_picture(path)
    if still.alpha is None:
        raise UsageError(
            "this frame has no transparency and would hide the picture",
            item=path, remedy="save it as PNG with a transparent window",
        )  # fmt: skip
    if not still.alpha.any():
        raise UsageError("this frame is wholly transparent", item=path, remedy="save it with its drawing")
    colour = still.with_pixels(still.colour, None).srgb()
    alpha = still.alpha if still.alpha.dtype == np.uint8 else ((still.alpha.astype(np.uint32) + 128) // 257)
    warnings = tuple(f"{path.name}: {warning}" for warning in still.warnings)
    return np.dstack([colour, alpha.astype(np.uint8)]), warnings


def _what_it_fits(frame: Samples, geometry: CardGeometry, path: Path) -> str:
    height, width = frame.shape[:2]
    sizes = {
        "outer": (geometry.outer_width_mm, geometry.outer_height_mm),
        "trim": (geometry.width_mm, geometry.height_mm),
    }
    off = {name: abs(math.log(width / height * high / wide)) for name, (wide, high) in sizes.items()}
    best = min(off, key=lambda name: off[name])
    if off[best] <= ASPECT_TOLERANCE:
        return best
    trim_px = geometry.trim_px
    raise UsageError(
        f"this frame has {width}x{height} pixels (1:{height / width:.3f}), the card is "
        f"{geometry.outer_width_mm:g}x{geometry.outer_height_mm:g} mm with bleed "
        f"(1:{geometry.outer_height_mm / geometry.outer_width_mm:.3f})",
        item=path,
        remedy=f"make it {geometry.width_px}x{geometry.height_px} pixels, or {trim_px[0]}x{trim_px[1]} without bleed",
    )


def _with_bleed(frame: Samples, geometry: CardGeometry) -> tuple[Samples, Box]:
    """Return a frame of the trim with its edges mirrored outward, and the box of the outer card in it."""
    height, width = frame.shape[:2]
    x, y = geometry.bleed_mm * width / geometry.width_mm, geometry.bleed_mm * height / geometry.height_mm
    pad_x, pad_y = math.ceil(x), math.ceil(y)
    padded = cast("Samples", np.pad(frame, ((pad_y, pad_y), (pad_x, pad_x), (0, 0)), mode="symmetric"))
    return padded, Box(pad_x - x, pad_y - y, pad_x + width + x, pad_y + height + y)


def _resolution_notes(box: Box, geometry: CardGeometry, path: Path) -> tuple[str, ...]:
    ppi = min(box.width / geometry.outer_width_mm, box.height / geometry.outer_height_mm) * 25.4
    wanted = min(pixels_per_mm(geometry)) * 25.4
    if ppi < 0.75 * wanted:
        return (f"{path.name}: the frame has {ppi:.0f} pixels per inch on a card of {wanted:.0f} dpi: it will be soft",)
    return ()


def _mix(pixels: Samples, frame: Samples) -> None:
    """Lay 8-bit RGBA with straight alpha over a picture of the same size, in place."""
    most = int(np.iinfo(pixels.dtype).max)
    factor = most // 255
    for row in range(0, len(pixels), _ROWS):  # in pieces: the products need 64 bits
        part = slice(row, row + _ROWS)
        alpha = frame[part, :, 3:].astype(np.uint64) * factor
        over = frame[part, :, :3].astype(np.uint64) * factor
        pixels[part] = (over * alpha + pixels[part] * (most - alpha) + most // 2) // most


# --- the file -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CardFile:
    """A card on disk."""

    path: Path
    sha256: str
    """Of the file, in hex."""
    width_px: int
    height_px: int
    dpi: float
    warnings: tuple[str, ...] = ()
    """What its format could not hold."""


def write_card(
    enhanced: Enhanced, geometry: CardGeometry, provenance: Provenance, path: Path, settings: CardSettings, *,
    profile: bytes | None = None,
) -> CardFile:  # fmt: skip
    """Write a card with its resolution, colour profile, EXIF and provenance (XMP).

    Args:
        enhanced: Its pixels have exactly the size that the geometry asks for.
        geometry: Size on paper and in pixels.
        provenance: Goes into the file.
        path: Its ending chooses the format; its folder exists.
        settings: For the JPEG quality.
        profile: ICC profile of the pixels; None: sRGB.

    Raises:
        OutputError: The file cannot be written; nothing is left behind.
        UsageError: The ending names no format that is written.
        ValueError: The pixels have another size than the card.
    """
    height, width = enhanced.pixels.shape[:2]
    if (width, height) != (geometry.width_px, geometry.height_px):
        raise ValueError(f"{width}x{height} pixels for a card of {geometry.width_px}x{geometry.height_px}")
    metadata = PictureMetadata.of(provenance)
    saved = save_picture(
        path, enhanced.pixels, dpi=geometry.dpi, profile=profile, metadata=metadata, quality=settings.jpeg_quality
    )
    return CardFile(path, saved.sha256, width, height, geometry.dpi, saved.warnings)
