"""What part of a frame is needed for a card, and where the card lies in what comes back from the network."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from fancam.pictures import resample
from fancam.records import Box, Picture

CONTEXT_PX = 16
"""Real pixels around a crop, where the frame has them, so that neither the network nor the resampling filter meets an
edge inside the card."""

_ROUNDING_PX = 1e-3
"""A box that sticks out of the frame by no more than this does so by rounding."""


@dataclass(frozen=True, slots=True, eq=False)
class CropRequest:
    """A part of a frame, and its size in print."""

    pixels: Picture
    """(H, W, 3) uint8 RGB, the whole frame."""
    box: Box
    """What the card shows, in pixels of the frame, fractions included; it may reach beyond the frame."""
    width_px: int
    """Of the print."""
    height_px: int
    """Of the print."""


@dataclass(frozen=True, slots=True, eq=False)
class Region:
    """The whole pixels around a box."""

    pixels: Picture
    box: Box
    """The requested box, in pixels of this region."""
    notes: tuple[str, ...] = ()


def print_scale(request: CropRequest) -> float:
    """Return the print pixels per source pixel along the axis that needs more.

    Raises:
        ValueError: The box is empty.
    """
    if not request.box.area > 0:
        raise ValueError(f"{request.box} is empty")
    return max(request.width_px / request.box.width, request.height_px / request.box.height)


def cut_region(request: CropRequest, context_px: int = CONTEXT_PX) -> Region:
    """Return the pixels around the box: whole pixels, with context where the frame has it.

    Where the box reaches beyond the frame, the frame is mirrored at its edge and a note says so.

    Args:
        request: The frame and the box.
        context_px: Pixels of the frame to keep around the box.

    Raises:
        ValueError: The box is empty or has no pixel of the frame in it.
    """
    height, width = request.pixels.shape[:2]
    box = _without_rounding(request.box, width, height)
    if not box.clipped(width, height).area > 0:
        raise ValueError(f"{request.box} is empty or outside a frame of {width}x{height}")
    left, right, before, behind = _span(box.x0, box.x1, width, context_px)
    top, bottom, above, below = _span(box.y0, box.y1, height, context_px)
    pixels = request.pixels[top:bottom, left:right]
    notes: tuple[str, ...] = ()
    outside = max(before, behind, above, below)
    if outside:
        pixels = np.pad(pixels, ((above, below), (before, behind), (0, 0)), mode="symmetric")
        notes = (f"the crop reaches {outside} px beyond the frame; the frame was mirrored there",)
    x, y = left - before, top - above
    return Region(pixels, Box(box.x0 - x, box.y0 - y, box.x1 - x, box.y1 - y), notes)


def _span(start: float, end: float, length: int, context_px: int) -> tuple[int, int, int, int]:
    """Return (first, last + 1, missing before, missing behind) of the pixels to take along one axis."""
    first, last = math.floor(start), math.ceil(end)
    before, behind = max(-first, 0), max(last - length, 0)
    # What is mirrored must be there: as many pixels inside the edge as are missing outside it.
    return (
        max(min(first - context_px, length - behind), 0),
        min(max(last + context_px, before), length),
        before,
        behind,
    )


def _without_rounding(box: Box, width: int, height: int) -> Box:
    inside = box.clipped(width, height)
    sides = zip((box.x0, box.y0, box.x1, box.y1), (inside.x0, inside.y0, inside.x1, inside.y1), strict=True)
    x0, y0, x1, y1 = (near if abs(side - near) <= _ROUNDING_PX else side for side, near in sides)
    return Box(x0, y0, x1, y1)


def resample_region(request: CropRequest, region: Region, pixels: Picture, scale: int, filter_name: str) -> Picture:
    """Return the card: the one resample from an upscaled region to the exact print size.

    The pixels of a network's output lie edge to edge like those of its input, so a place in the picture is found by
    multiplying its coordinates with the scale.

    Args:
        request: The size in print.
        region: The region and the box in it.
        pixels: (scale × H, scale × W, 3), the region after the network, or the region itself.
        scale: Pixels of ``pixels`` per pixel of the region.
        filter_name: ``lanczos`` or ``bicubic``.

    Returns:
        (height_px, width_px, 3) uint8 RGB.
    """
    return resample(pixels, region.box.scaled(scale), request.width_px, request.height_px, filter_name)
