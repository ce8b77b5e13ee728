"""The records of the way through ``enhance``: the crop that is enlarged, the job, and the work that moves on."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from fancam.enhancing.grain.model import Grain
from fancam.enhancing.resolution import is_soft
from fancam.errors import CropError
from fancam.geometry import Box, Point
from fancam.media import NeighbourFrame, Samples
from fancam.pictures import resample
from fancam.results import Cleaned, Enhanced, Face, Fusion
from fancam.settings import CleanSettings, FuseSettings

ENOUGH_PIXELS = 1.2
"""Up to this many print pixels per source pixel the print shows what the camera saw: there is nothing to invent, for
the network or for a face prior."""
BEYOND = 1.02
"""So many times what the network gives is rounding; a print that needs more is enlarged further by a plain filter."""
LEAST_FACE_PX = 32.0
"""A face is never shown to the network with fewer pixels in height: one of 22 was drawn with another mouth and with
eye sockets, and kept its features where all pixels of the soft picture were shown."""
SOFT_UP_TO = 2.0
"""A print with pixels enough is made of them by a plain filter as long as it needs no more than so many times what they
truly hold: 150 per inch of a print of 300, which is good at arm's length."""

PX_PER_PRINT_PX = 2
"""A frame with more pixels along an axis for each of the print is fused and cleaned with so many. Fused frames come as
near to the truth as with all of them; with 1.5 they lose up to 1.5 dB where a noisy face is three times as large as its
print (``benchmarks._fancams.TUNE``)."""

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
    true_scale: float | None = None
    """Share of the picked frame's pixels along each axis that hold detail, see ``measure_resolution``; None where it is
    not known. It decides whether the picture is soft, and up to where the print keeps what was measured."""
    fused_scale: float | None = None
    """What several frames hold together, in the same measure; None where they were not fused, or it is not known."""
    face_height_px: float | None = None
    """Of the face that matters most, in these pixels; None where there is none."""
    finer: CropRequest | None = None
    """The same part of a picture, fused of several frames, with other pixels than the camera's: more of them, or as
    many as the print can show; what is measured of the print is taken from it."""

    @property
    def scale(self) -> float:
        """Print pixels per source pixel along the axis that needs more.

        Raises:
            CropError: The box is empty; also a ValueError.
        """
        if not self.box.area > 0:
            raise CropError(f"{self.box} is empty", remedy="check the box")
        return max(self.width_px / self.box.width, self.height_px / self.box.height)

    @property
    def is_soft(self) -> bool:
        """Whether it is known to hold less than its pixels could."""
        return is_soft(self.true_scale)

    @property
    def true_enlargement(self) -> float:
        """Print pixels per pixel of what the picture truly holds; ``scale`` where it is sharp or not known."""
        return self.scale / self.true_scale if self.true_scale is not None and self.is_soft else self.scale

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
    frames: npt.NDArray[np.float32] | None = None
    """(h, w) for each pixel of ``crop.finer``, or of ``crop`` where there is none, how many frames agree on it; None
    where nothing was fused."""
    fusion: Fusion = field(default_factory=Fusion)
    cleaned: Cleaned = field(default_factory=Cleaned)
    grain: Grain | None = None
    """What is to be put back when everything else is done."""
    notes: tuple[str, ...] = ()
    """Of the preparation."""
    enhanced: Enhanced | None = None
    """The print as far as it is done; None until the engine has made it."""
    plain: Samples | None = None
    """``crop.finer`` by the Lanczos filter, at print size; None where nothing was fused."""

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


# --- cutting out, making smaller and plain enlargement ----------------------------------------------------------------


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


def reduced(request: CropRequest) -> CropRequest:
    """Return a crop with as many pixels as it truly holds, by averaging areas; itself where that is not known.

    A small face keeps the pixels that the network needs to know it by, and frames that were fused all that they hold
    together: of that, on ``benchmarks._reuploads.TUNE``, the network made 0.4 dB more than of what one holds.

    The context around it is as many of these pixels as there are around any crop. Where the network then gives less
    than the print needs, the rest by a plain filter is nearer to the truth than a network on pixels that hold nothing.
    """
    share = max(request.true_scale or 1.0, request.fused_scale or 0.0)
    if request.face_height_px:
        share = max(share, LEAST_FACE_PX / request.face_height_px)
    if share >= 1:
        return request
    region = cut_region(request, math.ceil(CONTEXT_PX / share))
    height, width = region.pixels.shape[:2]
    size = (max(round(width * share), 1), max(round(height * share), 1))
    pixels: npt.NDArray[Any] = cv2.resize(region.pixels, size, interpolation=cv2.INTER_AREA)
    x, y = size[0] / width, size[1] / height
    box = Box(region.box.x0 * x, region.box.y0 * y, region.box.x1 * x, region.box.y1 * y)
    return CropRequest(pixels, box, request.width_px, request.height_px)


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
    height_px = request.height_px
    ratio = request.region.box.height / height_px
    rows_px = max(_BAND_PX // max(request.width_px, round(request.region.pixels.shape[1] * ratio)), 64)
    if rows_px >= height_px:
        return plain_rows(request, 0, height_px, filter_name)
    result = np.empty((height_px, request.width_px, 3), request.pixels.dtype)
    for top in range(0, height_px, rows_px):
        bottom = min(top + rows_px, height_px)
        result[top:bottom] = plain_rows(request, top, bottom, filter_name)
    return result


def plain_rows(request: CropRequest, top: int, bottom: int, filter_name: str = "lanczos") -> Samples:
    """Return rows of the print by a plain filter, from ``top`` to ``bottom`` - 1; see ``plain_print``."""
    box = request.region.box
    ratio = box.height / request.height_px
    last = box.y1 if bottom == request.height_px else box.y0 + bottom * ratio
    part = Box(box.x0, box.y0 + top * ratio, box.x1, last)
    return resample(request.region.pixels, part, request.width_px, bottom - top, filter_name)
