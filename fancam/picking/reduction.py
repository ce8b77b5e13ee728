"""The luma of a frame made small enough to keep for a second or two, and the small pictures made of that."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from fancam.records import Box, LumaFrame, Orientation

MAX_LONG_EDGE_PX = 1280
"""A frame is halved until its long edge is no longer than this: 1080p and 2160p become 960 px wide."""

Grey = npt.NDArray[np.uint8]
"""(rows, columns) uint8 luma."""


@dataclass(frozen=True, slots=True, eq=False)
class Reduced:
    """A small copy of a luma frame, as stored (not upright), perhaps with oblong pixels."""

    pixels: Grey
    orientation: Orientation
    width: int
    """Width of the upright full frame with square pixels."""
    height: int

    @property
    def upright(self) -> Grey:
        """The pixels turned upright: a view."""
        return self.orientation.upright(self.pixels)

    def cut(self, box: Box, side_px: int) -> tuple[Grey, float] | None:
        """Return what a box of the upright full frame shows, and how much larger that is than in the small copy.

        The picture is (side_px, side_px) uint8; None where the box lies outside the frame.
        """
        upright = self.upright
        rows, columns = upright.shape
        part_box = box.scaled(columns / self.width, rows / self.height).clipped(columns, rows)
        part = upright[part_box.as_slices()]
        if part.shape[0] < 3 or part.shape[1] < 3:
            return None
        return resized(np.ascontiguousarray(part), side_px, side_px), side_px / math.sqrt(part.size)

    def thumbnail(self, long_edge_px: int) -> Grey:
        """Return the upright picture with square pixels, its long edge at most this; a contiguous copy."""
        scale = min(long_edge_px / max(self.width, self.height), 1.0)
        width, height = max(round(self.width * scale), 1), max(round(self.height * scale), 1)
        return resized(np.ascontiguousarray(self.upright), width, height)


def resized(pixels: Grey, width: int, height: int) -> Grey:
    """Return the picture at this size: averaged where it shrinks, cubic where it grows; never the array itself."""
    if pixels.shape == (height, width):
        return pixels.copy()
    shrinks = pixels.shape[0] * pixels.shape[1] >= width * height
    interpolation = cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(pixels, (width, height), interpolation=interpolation), np.uint8)


def halvings(frame: LumaFrame) -> tuple[int, int]:
    """Return how often the columns and the rows of the stored luma are halved.

    Columns and rows differ where one field of an interlaced frame has half the rows, or the pixels are oblong.
    """
    long_edge, times = max(frame.width, frame.height), 0
    while long_edge > MAX_LONG_EDGE_PX << times:
        times += 1
    swap = frame.orientation.swaps_sides
    shown_columns, shown_rows = (frame.height, frame.width) if swap else (frame.width, frame.height)
    rows, columns = frame.luma.shape
    return _halvings(columns, shown_columns >> times), _halvings(rows, shown_rows >> times)


def _halvings(stored: int, wanted: int) -> int:
    times = 0
    while stored >> (times + 1) >= max(wanted, 1):
        times += 1
    return times


class Reducer:
    """Reduces frame after frame into buffers that are used again, so that no memory is touched for the first time."""

    def __init__(self) -> None:
        self._free: list[Grey] = []

    def reduce(self, frame: LumaFrame) -> Reduced:
        """Copy a frame at reduced size; give the result back with ``recycle`` when it is no longer needed."""
        columns_halved, rows_halved = halvings(frame)
        luma = frame.luma
        while columns_halved > 1 or rows_halved > 1:
            step_x, step_y = min(columns_halved, 1), min(rows_halved, 1)
            luma = self._halved(luma, step_x, step_y, None)
            columns_halved, rows_halved = columns_halved - step_x, rows_halved - step_y
        shape = (luma.shape[0] >> rows_halved, luma.shape[1] >> columns_halved)
        buffer = self._buffer(shape)
        if luma.dtype == np.uint8:
            self._halved(luma, columns_halved, rows_halved, buffer)
        else:
            small = self._halved(luma, columns_halved, rows_halved, None)
            np.right_shift(small, max(frame.bit_depth - 8, 0), out=buffer, casting="unsafe")
        return Reduced(buffer, frame.orientation, frame.width, frame.height)

    def recycle(self, reduced: Reduced) -> None:
        """Take a buffer back; its pixels will be overwritten."""
        self._free.append(reduced.pixels)

    @staticmethod
    def _halved(luma: npt.NDArray, step_x: int, step_y: int, out: Grey | None) -> npt.NDArray:
        rows, columns = luma.shape[0] >> step_y, luma.shape[1] >> step_x
        if step_x == 0 and step_y == 0:
            if out is None:
                return luma
            np.copyto(out, luma)
            return out
        whole = luma[: rows << step_y, : columns << step_x]
        return cv2.resize(whole, (columns, rows), dst=out, interpolation=cv2.INTER_AREA)

    def _buffer(self, shape: tuple[int, int]) -> Grey:
        while self._free:
            buffer = self._free.pop()
            if buffer.shape == shape:
                return buffer  # one of another size belongs to a stream that changed its resolution: dropped
        return np.empty(shape, np.uint8)
