"""Small copies of frames' luma, which can be kept for a second or two, and the shot boundaries found in them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from fancam.geometry import Box, Orientation
from fancam.media import LumaFrame
from fancam.picking.sharpness import QUICK_SIDE_PX, quick_sharpness

MAX_LONG_EDGE_PX = 1280
"""A frame is halved until its long edge is no longer than this: 1080p and 2160p become 960 px wide."""

COLUMNS, ROWS, BLOCK_PX = 8, 6, 6
"""The frame is compared in 8 × 6 blocks of 6 × 6 px."""
TEXTURE_LEVELS = 3.0
"""A block whose standard deviation is below this says nothing."""
MIN_TEXTURED = 8
"""Fewer textured blocks than this and the frame is too dark, too bright or too blurred to be compared."""
BEST_QUARTER = 0.75
SAME_SCENE = 0.6
"""Correlation of the best quarter of the blocks. In one scene some quarter stays alike, whatever the light does."""
CONFIRM_FRAMES = 3
"""A cut is believed when the old picture has not come back within this many frames; a flash ends sooner."""

MAX_KEPT = 16
"""Sizes of which memory is kept: each halving of one frame needs one."""

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

    @property
    def middle(self) -> Box:
        """The part of the upright full frame that stands in for a face."""
        return Box(self.width * 0.3, self.height * 0.15, self.width * 0.7, self.height * 0.75)

    def sharpness(self, box: Box) -> float:
        """Return 0 to 1: how sharp a box of the upright full frame is; 0 where it lies outside."""
        patch = self.cut(box, QUICK_SIDE_PX)
        return quick_sharpness(*patch) if patch is not None else 0.0

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
    """Return how often a side can be halved before it is shorter than wanted."""
    times = 0
    while stored >> (times + 1) >= max(wanted, 1):
        times += 1
    return times


class Workbench:
    """Memory that is used again and again: fresh memory costs several times as much as making a small copy in it.

    One thread at a time makes copies; another one may give them back meanwhile.
    """

    def __init__(self) -> None:
        self._kept: dict[tuple[int, int, str], npt.NDArray] = {}
        self._spare: list[Grey] = []

    def give_back(self, copy: Reduced) -> None:
        """Take the memory of a small copy that nobody looks at any more."""
        self._spare.append(copy.pixels)

    def spare(self, rows: int, columns: int) -> Grey:
        """Return a (rows, columns) array for a copy that stays."""
        while self._spare:
            pixels = self._spare.pop()
            if pixels.shape == (rows, columns):
                return pixels
        return np.empty((rows, columns), np.uint8)

    def kept(self, rows: int, columns: int, dtype: np.dtype) -> npt.NDArray:
        """Return the one (rows, columns) array for what is used up before the next call."""
        place = (rows, columns, dtype.str)
        if place not in self._kept:
            if len(self._kept) >= MAX_KEPT:
                self._kept.clear()
            self._kept[place] = np.empty((rows, columns), dtype)
        return self._kept[place]


def reduced(frame: LumaFrame, bench: Workbench | None = None) -> Reduced:
    """Copy a frame at reduced size, with 8 bits: halved one time after the other, which is fastest."""
    bench = bench or Workbench()
    columns_halved, rows_halved = halvings(frame)
    pixels = bench.spare(frame.luma.shape[0] >> rows_halved, frame.luma.shape[1] >> columns_halved)
    luma = frame.luma
    while columns_halved or rows_halved:
        step_x, step_y = min(columns_halved, 1), min(rows_halved, 1)
        columns_halved, rows_halved = columns_halved - step_x, rows_halved - step_y
        rows, columns = luma.shape[0] >> step_y, luma.shape[1] >> step_x
        whole = luma[: rows << step_y, : columns << step_x]
        last = luma.dtype == np.uint8 and not columns_halved and not rows_halved
        into = pixels if last else bench.kept(rows, columns, luma.dtype)
        luma = cv2.resize(whole, (columns, rows), dst=into, interpolation=cv2.INTER_AREA)
    if luma.dtype != np.uint8:
        np.right_shift(luma, max(frame.bit_depth - 8, 0), out=pixels, casting="unsafe")
    elif luma is frame.luma:
        pixels[:] = luma
    return Reduced(pixels, frame.orientation, frame.width, frame.height)


class ShotBoundaryDetector:
    """Compares each frame with the last one that could be compared, block by block and blind to brightness.

    Each block is correlated after its mean and its contrast were taken out, so that exposure, spotlights and flashes
    do not count; the best quarter decides, so that a wall of light behind the performer does not either.
    """

    def __init__(self) -> None:
        self._reference: npt.NDArray[np.float32] | None = None
        self._pending = 0
        self._latest: npt.NDArray[np.float32] | None = None

    @property
    def undecided(self) -> bool:
        """Whether the last frames may or may not belong to a new shot."""
        return self._pending > 0

    def add(self, pixels: Grey) -> int:
        """Take the next frame.

        Args:
            pixels: (rows, columns) uint8, of any size.

        Returns:
            How many of the latest frames, this one counted, turn out to belong to a new shot; 0 for no cut.
        """
        return self.add_blocks(textured(blocks_of(miniature(pixels))))

    def add_blocks(self, blocks: npt.NDArray[np.float32] | None) -> int:
        """Take the next frame by its textured blocks; see ``add``."""
        if blocks is None:
            self._pending += self._pending > 0
            return 0
        if self._reference is None or alike(self._reference, blocks):
            self._reference, self._pending, self._latest = blocks, 0, None
            return 0
        steady = self._latest is None or alike(self._latest, blocks)
        self._latest = blocks
        self._pending += 1
        if self._pending < CONFIRM_FRAMES or not steady:
            return 0
        begun, self._pending = self._pending, 0
        self._reference, self._latest = blocks, None
        return begun


def miniature(pixels: Grey, bench: Workbench | None = None) -> Grey:
    """Return a frame at 48 × 36 px, whatever its shape."""
    bench = bench or Workbench()
    width, height = COLUMNS * BLOCK_PX, ROWS * BLOCK_PX
    while min(pixels.shape[0] // height, pixels.shape[1] // width) >= 4:  # halving is far cheaper than any other factor
        rows, columns = pixels.shape[0] // 2, pixels.shape[1] // 2
        into = bench.kept(rows, columns, pixels.dtype)
        pixels = np.asarray(cv2.resize(pixels, (columns, rows), dst=into, interpolation=cv2.INTER_AREA), np.uint8)
    return resized(pixels, width, height)


def blocks_of(small: Grey) -> npt.NDArray[np.float32]:
    """Return (48, 36) float32: the blocks of a picture from ``miniature``."""
    blocks = small.reshape(ROWS, BLOCK_PX, COLUMNS, BLOCK_PX).transpose(0, 2, 1, 3).reshape(ROWS * COLUMNS, -1)
    return blocks.astype(np.float32)


def textured(blocks: npt.NDArray[np.float32]) -> npt.NDArray[np.float32] | None:
    """Return blocks of zero mean and norm 1, zero where there is no texture; None where too few have any."""
    blocks = blocks - (blocks.sum(axis=1, keepdims=True) / np.float32(BLOCK_PX**2))
    norms = np.sqrt(np.einsum("ij,ij->i", blocks, blocks))
    drawn = norms > TEXTURE_LEVELS * BLOCK_PX
    if np.count_nonzero(drawn) < MIN_TEXTURED:
        return None
    return blocks * np.where(drawn, 1 / np.maximum(norms, 1e-6), 0).astype(np.float32)[:, None]


def alike(a: npt.NDArray[np.float32], b: npt.NDArray[np.float32]) -> bool:
    """Whether two frames show one scene, by their blocks: the best quarter decides."""
    correlation = np.einsum("ij,ij->i", a, b)
    both = a.any(axis=1) & b.any(axis=1)
    if np.count_nonzero(both) < MIN_TEXTURED // 2:
        return False
    ranked = np.sort(correlation[both])
    return float(ranked[int(BEST_QUARTER * (len(ranked) - 1))]) >= SAME_SCENE
