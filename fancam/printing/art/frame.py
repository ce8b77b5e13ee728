"""Frame art: a picture with transparency that is laid over a card."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import cast

import numpy as np

from fancam.errors import UsageError
from fancam.pictures import read_still, resample, srgb_view
from fancam.printing.art.shapes import pixels_per_mm
from fancam.records import Box, CardGeometry, Samples

ASPECT_TOLERANCE = 0.01
"""How far the proportions of a frame may be off: one part in a hundred is stretched away unseen."""
_ROWS = 256


def lay_frame(pixels: Samples, geometry: CardGeometry, path: Path) -> tuple[str, tuple[str, ...]]:
    """Lay a frame over a card's picture, in place.

    Mixed in encoded values, as every picture editor does it: a frame looks as its maker saw it. Where the frame has
    the proportions of the trim, its edges are mirrored into the bleed.

    Returns:
        What it was laid on (``outer`` or ``trim``), and notes.

    Raises:
        InputError: The file cannot be read.
        UsageError: Its proportions are neither those of the outer card nor of the trim, or it has no transparency, or
            nothing else.
    """
    frame, notes = _read(path)
    used = _what_it_fits(frame, geometry, path)
    if used == "trim" and geometry.bleed_mm > 0:
        frame, box = _with_bleed(frame, geometry)
        notes = (*notes, f"{path.name}: has the proportions of the trim; its edges were mirrored into the bleed")
    else:
        box = Box(0, 0, frame.shape[1], frame.shape[0])
    height, width = pixels.shape[:2]
    if (frame.shape[1], frame.shape[0]) != (width, height):
        notes = (*notes, *_resolution_notes(box, geometry, path))
        frame = resample(frame, box, width, height)
    _mix(pixels, frame)
    return used, notes


def _read(path: Path) -> tuple[Samples, tuple[str, ...]]:
    """Return the frame as RGBA in sRGB, uint8, and what had to be assumed."""
    still = read_still(path)
    if still.alpha is None:
        raise UsageError(
            "this frame has no transparency and would hide the picture",
            item=path, remedy="save it as PNG with a transparent window",
        )  # fmt: skip
    if not still.alpha.any():
        raise UsageError("this frame is wholly transparent", item=path, remedy="save it with its drawing")
    colour = srgb_view(dataclasses.replace(still, alpha=None))
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
    trim_px = round(geometry.width_mm / 25.4 * geometry.dpi), round(geometry.height_mm / 25.4 * geometry.dpi)
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
