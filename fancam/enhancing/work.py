"""The records of the way through ``enhance``: the crop that is enlarged, the job, and the work that moves on."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from fancam.enhancing.grain.model import Grain
from fancam.errors import CropError
from fancam.geometry import Box, Point
from fancam.media import NeighbourFrame, Samples
from fancam.pictures import resample
from fancam.results import Cleaned, Enhanced, Face, Fusion
from fancam.settings import CleanSettings, FuseSettings

ENOUGH_PIXELS = 1.02
"""Up to this many print pixels per source pixel the print shows what the camera saw: there is nothing to invent, for
the network or for a face prior."""

CONTEXT_PX = 16
"""Real pixels around a crop, where the frame has them, so that neither the network nor the resampling filter meets an
edge inside the card."""

_ROUNDING_PX = 1e-3
"""A box that sticks out of the frame by no more than this does so by rounding."""
_BAND_PX = 2**24
"""Pixels that are resampled at once: the filter works on float copies, four times the size of the picture."""


@dataclass(frozen=True, eq=False)
class CropRequest:
    """A part of a frame, or all of it, and its size in print."""

    pixels: Samples
    """(H, W, 3) uint8 or uint16 RGB, the whole frame; 0 to 255 or 0 to 65535."""
    box: Box
    """What the card shows, in pixels of the frame, fractions included; it may reach beyond the frame."""
    width_px: int
    """Of the print."""
    height_px: int
    """Of the print."""
    plain_grid: float = 1.0
    """Pixels that the plain filter will have for each of these: more than 1 where a finer picture takes its part
    afterwards. Less of the network is needed then, see ``auto_share``."""

    @property
    def scale(self) -> float:
        """Print pixels per source pixel along the axis that needs more.

        Raises:
            CropError: The box is empty; also a ValueError.
        """
        if not self.box.area > 0:
            raise CropError(f"{self.box} is empty", remedy="check the box")
        return max(self.width_px / self.box.width, self.height_px / self.box.height)

    @cached_property
    def region(self) -> Region:
        """The pixels around the box, cut out once; raises what ``cut_region`` raises."""
        return cut_region(self)


@dataclass(frozen=True, slots=True, eq=False)
class Region:
    """The whole pixels around a box."""

    pixels: Samples
    box: Box
    """The requested box, in pixels of this region."""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class EnhanceJob:
    """One picture or card to make."""

    key: Any
    """The caller's own, to know the job by."""
    request: CropRequest
    faces: tuple[Face, ...] = ()
    """In pixels of the request's frame; the first is what the picture is about."""
    effective_ppi: float | None = None
    """Source pixels per printed inch; None where there is no paper."""
    neighbours: tuple[NeighbourFrame, ...] = ()
    """Neighbouring frames of a video, in the order of time; they may be smaller than the part they show."""
    neighbours_box: Box | None = None
    """Where the neighbours lie, in whole pixels of the request's frame; None where there are none."""
    is_video: bool = False
    """Whether the frame comes from a video: it has no halftone, and its neighbours were asked for."""
    source_dpi: float | None = None
    """Pixels per inch that the source says of itself: a scan has them."""
    seed: int = 0
    """Of the grain that is made anew: another for every picture."""
    fuse: FuseSettings = field(default_factory=FuseSettings)
    clean: CleanSettings = field(default_factory=CleanSettings)


@dataclass(frozen=True, slots=True, eq=False)
class Work:
    """A picture on its way through ``enhance``: every step hands on a copy that holds what the step made.

    ``Enhancer.prepare`` makes it of a job, the engine's result becomes ``enhanced``, and colours, faces and grain each
    replace that by the next one.
    """

    job: EnhanceJob
    crop: CropRequest
    """What is enlarged: the job's request, or the part of it that was fused or cleaned."""
    faces: tuple[Face, ...] = ()
    """In pixels of ``crop``."""
    offset: Point = (0.0, 0.0)
    """Where the first pixel of ``crop`` lies in the frame."""
    finer: CropRequest | None = None
    """The same picture, fused of several frames, with other pixels than the camera's: more of them, or as many as the
    print can show; for the plain filter."""
    frames: npt.NDArray[np.float32] | None = None
    """(h, w) for each pixel of ``finer``, or of ``crop`` where there is none, how many frames agree on it; None where
    nothing was fused."""
    fusion: Fusion = field(default_factory=Fusion)
    cleaned: Cleaned = field(default_factory=Cleaned)
    grain: Grain | None = None
    """What is to be put back when everything else is done."""
    notes: tuple[str, ...] = ()
    """Of the preparation."""
    enhanced: Enhanced | None = None
    """The print as far as it is done; None until the engine has made it."""
    plain: Samples | None = None
    """``finer`` by the Lanczos filter, at print size; None where nothing was fused."""

    @property
    def result(self) -> Enhanced:
        """The print as far as it is done; only after the engine."""
        assert self.enhanced is not None, "the engine has not made it yet"
        return self.enhanced

    def with_result(self, **changes: Any) -> Work:
        """Return the work with these fields of its print replaced."""
        return dataclasses.replace(self, enhanced=dataclasses.replace(self.result, **changes))

    def in_frame(self, face: Face) -> Face:
        """Return a face of ``crop`` in pixels of the frame."""
        return face.shifted(*self.offset)


# --- cutting out and plain enlargement --------------------------------------------------------------------------------


def check_picture(pixels: Samples) -> None:
    """Refuse what is no RGB picture of 8 or 16 bits.

    Raises:
        CropError: Also a ValueError.
    """
    if pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.dtype not in (np.uint8, np.uint16) or pixels.size == 0:
        raise CropError(f"not an RGB picture: {pixels.shape} {pixels.dtype}", remedy="give 3 channels of 8 or 16 bits")


def cut_region(request: CropRequest, context_px: int = CONTEXT_PX) -> Region:
    """Return the pixels around the box: whole pixels, with context where the frame has it.

    Where the box reaches beyond the frame, the frame is mirrored at its edge and a note says so.

    Args:
        request: The frame and the box.
        context_px: Pixels of the frame to keep around the box.

    Raises:
        CropError: The frame is no RGB picture, the box is empty or has no pixel of the frame in it, or the print has
            no pixels; also a ValueError.
    """
    check_picture(request.pixels)
    if request.width_px < 1 or request.height_px < 1:
        raise CropError(f"a print of {request.width_px}x{request.height_px} is empty", remedy="ask for 1x1 or more")
    height, width = request.pixels.shape[:2]
    box = _without_rounding(request.box, width, height)
    if not box.clipped(width, height).area > 0:
        raise CropError(f"{request.box} is empty or outside a frame of {width}x{height}", remedy="check the box")
    left, right, before, behind = _span(box.x0, box.x1, width, context_px)
    top, bottom, above, below = _span(box.y0, box.y1, height, context_px)
    pixels: npt.NDArray[Any] = request.pixels[top:bottom, left:right]
    notes: tuple[str, ...] = ()
    outside = max(before, behind, above, below)
    if outside:
        pixels = np.pad(pixels, ((above, below), (before, behind), (0, 0)), mode="symmetric")
        notes = (f"the crop reaches {outside} px beyond the frame; the frame was mirrored there",)
    return Region(pixels, box.shifted(before - left, above - top), notes)


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


def plain_print(request: CropRequest, filter_name: str) -> Samples:
    """Return the print by a plain filter: one resample from the region to the exact size, in bounded memory.

    Args:
        request: The part of a frame and its size in print.
        filter_name: ``lanczos`` or ``bicubic``.

    Returns:
        (height_px, width_px, 3) RGB in the type of the frame.

    Raises:
        CropError: See ``cut_region``.
    """
    region, height_px = request.region, request.height_px
    box, pixels = region.box, region.pixels
    ratio = box.height / height_px
    rows_px = max(_BAND_PX // max(request.width_px, round(pixels.shape[1] * ratio)), 64)
    if rows_px >= height_px:
        return resample(pixels, box, request.width_px, height_px, filter_name)
    result = np.empty((height_px, request.width_px, 3), pixels.dtype)
    for top in range(0, height_px, rows_px):
        bottom = min(top + rows_px, height_px)
        part = Box(box.x0, box.y0 + top * ratio, box.x1, min(box.y0 + bottom * ratio, box.y1))
        result[top:bottom] = resample(pixels, part, request.width_px, bottom - top, filter_name)
    return result
