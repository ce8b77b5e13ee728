"""Cuts a picture into equal overlapping tiles and says how to lay the results together. Pure arithmetic.

A network sees only what is inside its tile, so its output is worse near the border of a tile. Two neighbours therefore
share ``2 × overlap_px`` source pixels: the outer part of each is thrown away and the part around the middle is blended
from one tile to the other along a raised cosine, which has no step and no kink.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from fancam.errors import UsageError

SIDE_MULTIPLE = 8
"""Tile sides are rounded up to this, so that tiles of pictures of nearly the same size can share a batch."""


@dataclass(frozen=True, slots=True)
class Axis:
    """The tiles along one axis."""

    length: int
    """Of the picture, in source pixels."""
    tile: int
    """Length of every tile."""
    starts: tuple[int, ...]
    """First pixel of each tile, increasing."""
    blend: int
    """Length of the zone in which two neighbours are blended; 0 where there is one tile."""

    def weights(self, index: int, scale: int = 1) -> npt.NDArray[np.float32]:
        """Return the weight of each output pixel of one tile, (tile × scale,) float32 in [0, 1].

        At every pixel of the picture the weights of all tiles sum to 1.
        """
        position = (np.arange(self.tile * scale, dtype=np.float64) + 0.5) / scale + self.starts[index]
        begins = self._rise(index - 1, position) if index > 0 else np.ones(self.tile * scale)
        ends = self._rise(index, position) if index < len(self.starts) - 1 else 0.0
        # The differences of one rising curve per seam: they sum to 1 even where two blend zones touch.
        return (begins - ends).astype(np.float32)

    def _rise(self, seam: int, position: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """How much of a pixel belongs to the tile after the seam: 0 before the blend zone, 1 behind it."""
        middle = (self.starts[seam] + self.tile + self.starts[seam + 1]) / 2
        if self.blend == 0:
            return (position >= middle).astype(np.float64)
        share = np.clip((position - middle) / self.blend + 0.5, 0, 1)
        return 0.5 - 0.5 * np.cos(math.pi * share)


@dataclass(frozen=True, slots=True)
class Tile:
    """One tile of a picture, in source pixels."""

    row: int
    column: int
    y: int
    x: int
    height: int
    width: int


@dataclass(frozen=True, slots=True)
class TilePlan:
    """All tiles of one picture; they have the same shape."""

    rows: Axis
    columns: Axis

    @property
    def shape(self) -> tuple[int, int]:
        """(height, width) of every tile."""
        return self.rows.tile, self.columns.tile

    @property
    def cost_px(self) -> int:
        """Pixels of all tiles, overlaps counted as often as they are computed."""
        return len(self) * self.rows.tile * self.columns.tile

    def __len__(self) -> int:
        return len(self.rows.starts) * len(self.columns.starts)

    def __iter__(self) -> Iterator[Tile]:
        """Yield the tiles row by row, top left first."""
        for row, y in enumerate(self.rows.starts):
            for column, x in enumerate(self.columns.starts):
                yield Tile(row, column, y, x, self.rows.tile, self.columns.tile)

    def weights(self, tile: Tile, scale: int = 1) -> npt.NDArray[np.float32]:
        """Return the weight of each output pixel of a tile, (height × scale, width × scale) float32 in [0, 1]."""
        return np.outer(self.rows.weights(tile.row, scale), self.columns.weights(tile.column, scale))


def plan_axis(
    length: int, tile_px: int, overlap_px: int, blend_px: int | None = None, multiple: int = SIDE_MULTIPLE
) -> Axis:
    """Return equal tiles that cover an axis.

    Args:
        length: Of the picture, in source pixels.
        tile_px: Length of a tile, its overlap not counted.
        overlap_px: Least context on each side of a seam: two neighbours share at least twice that.
        blend_px: Length of the zone around a seam in which two tiles are blended; ``overlap_px`` when None.
        multiple: A tile that is not the whole axis is lengthened to a multiple of this.

    Raises:
        UsageError: A length is below 1, the overlap is negative, or the blend is longer than what two tiles share.
    """
    blend = overlap_px if blend_px is None else blend_px
    if min(length, tile_px) < 1 or overlap_px < 0 or not 0 <= blend <= 2 * overlap_px:
        raise UsageError(
            f"no tiles for length {length}, tile {tile_px}, overlap {overlap_px}, blend {blend} (pixels)",
            remedy="the lengths must be positive and the blend at most twice the overlap",
        )
    shared = 2 * overlap_px
    if length <= tile_px + shared:
        return Axis(length, length, (0,), 0)
    side = math.ceil((length - shared) / math.ceil((length - shared) / tile_px)) + shared
    side = math.ceil(side / multiple) * multiple
    if side >= length:
        return Axis(length, length, (0,), 0)
    count = math.ceil((length - shared) / (side - shared))
    # Rounding down spaces the tiles as evenly as whole pixels allow and keeps the last one inside.
    starts = tuple(index * (length - side) // (count - 1) for index in range(count))
    return Axis(length, side, starts, blend)


def plan_tiles(
    height: int,
    width: int,
    tile_px: int,
    overlap_px: int,
    blend_px: int | None = None,
    multiple: int = SIDE_MULTIPLE,
) -> TilePlan:
    """Return the tiles of a picture that cost the fewest pixels; one that is the whole picture if it is small enough.

    A tile has at most about as many pixels as a square of ``tile_px`` and its overlap, which bounds the memory; it need
    not be square: a tall crop a little wider than that square is cut once across and not twice.

    Args and errors as in ``plan_axis``.
    """
    shared = 2 * overlap_px
    budget = (tile_px + shared) ** 2
    square = plan_axis(width, tile_px, overlap_px, blend_px, multiple)
    best = TilePlan(plan_axis(height, tile_px, overlap_px, blend_px, multiple), square)
    for count in range(len(square.starts) - 1, 0, -1):
        columns = plan_axis(width, max(math.ceil((width - shared) / count), 1), overlap_px, blend_px, multiple)
        rows_px = budget // columns.tile - shared
        if rows_px < max(overlap_px, 1):  # thinner tiles would be more overlap than picture
            break
        plan = TilePlan(plan_axis(height, rows_px, overlap_px, blend_px, multiple), columns)
        if plan.cost_px < best.cost_px:
            best = plan
    return best


_LOBES = 3
"""Of the Lanczos window (Duchon, Lanczos filtering in one and two dimensions, 1979), as in ``pictures.resample``."""
_ZERO = 1e-9
"""What the zeros of the filter come to in floating point is far less, and what can be seen is far more."""
_BLOCK = {"cuda": 256}
_CPU_BLOCK = 32
"""Outputs per dense block: few launches on a GPU, few multiplications with zero on a CPU."""


@dataclass(frozen=True, slots=True, eq=False)
class Taps:
    """A linear map along one axis: every output is a weighted sum of neighbouring inputs."""

    first: npt.NDArray[np.intp]
    """(outputs,): index of the first input of each output, never decreasing."""
    weights: npt.NDArray[np.float64]
    """(outputs, taps)."""


def lanczos_taps(start: float, end: float, length: int, outputs: int) -> Taps:
    """Return the Lanczos weights that resample a span of an axis: those of ``pictures.resample``.

    The filter widens with the ratio where the picture is made smaller (antialiasing); at the ends of the axis the
    weights of the pixels that are there are scaled up to sum to 1.

    Args:
        start: Where the span begins, in input pixels; the first pixel reaches from 0 to 1.
        end: Where it ends.
        length: Of the axis in input pixels.
        outputs: How many pixels the span becomes.
    """
    ratio = (end - start) / outputs
    stretch = max(ratio, 1.0)
    reach = _LOBES * stretch
    centres = start + (np.arange(outputs) + 0.5) * ratio
    taps = min(2 * math.ceil(reach) + 1, length)
    first = np.clip(np.floor(centres - reach).astype(np.intp), 0, length - taps)
    distance = (first[:, None] + np.arange(taps) + 0.5 - centres[:, None]) / stretch
    weights = np.where(np.abs(distance) < _LOBES, np.sinc(distance) * np.sinc(distance / _LOBES), 0.0)
    return Taps(first, weights / weights.sum(axis=1, keepdims=True))


def unchanged_taps(length: int) -> Taps:
    """Return the map that leaves an axis as it is."""
    return Taps(np.arange(length), np.ones((length, 1)))


def simplified(taps: Taps) -> Taps:
    """Return the same map with one tap per output if every output is one input and the inputs follow each other.

    So it is where a span keeps its size and begins at a whole pixel: all other weights are zeros of the filter.
    """
    largest = np.argmax(np.abs(taps.weights), axis=1)[:, None]
    rest = taps.weights.copy()
    np.put_along_axis(rest, largest, 0.0, axis=1)
    first = taps.first + largest[:, 0]
    if np.abs(rest).max() > _ZERO or (np.diff(first) != 1).any():
        return taps
    return Taps(first, np.ones((len(first), 1)))


def reached_outputs(taps: Taps, axis: Axis, index: int, scale: int) -> tuple[int, int]:
    """Return (first, last + 1) of the outputs that one tile adds to; one, with no weight, where it adds to none."""
    low, high = _used(axis, index, scale)
    reached = np.flatnonzero((taps.first + taps.weights.shape[1] > low) & (taps.first < high))
    if not reached.size:
        nearest = min(int(np.searchsorted(taps.first, low)), len(taps.first) - 1)
        return nearest, nearest + 1
    return int(reached[0]), int(reached[-1]) + 1


def _used(axis: Axis, index: int, scale: int) -> tuple[int, int]:
    """Return (first, last + 1) of the inputs that a tile is not blended out of."""
    used = np.flatnonzero(axis.weights(index, scale)) + axis.starts[index] * scale
    return int(used[0]), int(used[-1]) + 1


class TileMap:
    """What the pixels of one tile add to the outputs of an axis.

    Args:
        taps: The map of the whole axis.
        axis: The tiles along it, in source pixels.
        index: Which tile.
        scale: Inputs of ``taps`` per source pixel.
        outputs: (first, last + 1) of the outputs wanted, not empty.
        block: Outputs per dense block.
    """

    def __init__(
        self, taps: Taps, axis: Axis, index: int, scale: int, outputs: tuple[int, int], block: int = _CPU_BLOCK
    ) -> None:
        self.first, end = outputs
        self.size = end - self.first
        share = axis.weights(index, scale)
        wanted = slice(*outputs)
        inputs = taps.first[wanted, None] + np.arange(taps.weights.shape[1]) - axis.starts[index] * scale
        clipped = np.clip(inputs, 0, len(share) - 1)
        weights = np.where(inputs == clipped, taps.weights[wanted] * share[clipped], 0.0).astype(np.float32)
        self._low, self._high = int(clipped.min()), int(clipped.max()) + 1
        single = weights.shape[1] == 1 and self._high - self._low == self.size
        self._single = weights[:, 0] if single else None
        self._blocks = [] if single else _dense_blocks(clipped - self._low, weights, block)
        self._there: dict[torch.device, list[torch.Tensor]] = {}

    @property
    def span(self) -> slice:
        """The pixels of the tile that are needed."""
        return slice(self._low, self._high)

    def apply(self, pixels: torch.Tensor, dim: int) -> torch.Tensor:
        """Return the outputs along one of the two last dimensions of float32 pixels.

        Args:
            pixels: (channels, rows, columns); along ``dim`` those of ``span`` only.
            dim: -2 for rows, -1 for columns.
        """
        weights = self._on(pixels.device)
        if self._single is not None:
            if not weights:
                return pixels
            return pixels * (weights[0][:, None] if dim == -2 else weights[0])
        parts = []
        for (low, high, _), matrix in zip(self._blocks, weights, strict=True):
            part = pixels.narrow(dim, low, high - low)
            parts.append(torch.matmul(matrix, part) if dim == -2 else torch.matmul(part, matrix.T))
        return torch.cat(parts, dim) if len(parts) > 1 else parts[0]

    def _on(self, device: torch.device) -> list[torch.Tensor]:
        """Return the weights on the device; they are sent there once, in one piece."""
        if device not in self._there:
            matrices = [matrix for *_, matrix in self._blocks]
            if self._single is not None and not (self._single == 1).all():
                matrices = [self._single]
            self._there[device] = _sent(matrices, device)
        return self._there[device]


def block_size(device: torch.device) -> int:
    """Return how many outputs a dense block should have on a device."""
    return _BLOCK.get(device.type, _CPU_BLOCK)


def _dense_blocks(
    inputs: npt.NDArray[np.intp], weights: npt.NDArray[np.float32], block: int
) -> list[tuple[int, int, npt.NDArray[np.float32]]]:
    """Return (first input, last + 1, matrix) for every block of outputs."""
    blocks = []
    for begin in range(0, len(inputs), block):
        columns, values = inputs[begin : begin + block], weights[begin : begin + block]
        low, high = int(columns.min()), int(columns.max()) + 1
        matrix = np.zeros((len(columns), high - low), np.float32)
        # Inputs beyond the tile were clipped onto its edge with weight 0, hence the sum.
        np.add.at(matrix, (np.arange(len(columns))[:, None], columns - low), values)
        blocks.append((low, high, matrix))
    return blocks


def _sent(matrices: list[npt.NDArray[np.float32]], device: torch.device) -> list[torch.Tensor]:
    if not matrices:
        return []
    flat = torch.from_numpy(np.concatenate([matrix.ravel() for matrix in matrices]))
    if device.type == "cuda":
        flat = flat.pin_memory()
    pieces = flat.to(device, non_blocking=True).split([matrix.size for matrix in matrices])
    return [piece.view(matrix.shape) for piece, matrix in zip(pieces, matrices, strict=True)]
