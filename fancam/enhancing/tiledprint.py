"""A print that grows out of the tiles of its source: what each tile adds to it, and the rows that are not done yet.

Every tile is resampled on the device straight to the pixels of the print that it reaches, and mixed there with the
plain picture, so that neither the picture at the network's size nor the plain one ever exists.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from fancam.enhancing.tiling import Axis, Tile, TilePlan
from fancam.geometry import Box
from fancam.media import Samples

_LOBES = 3
"""Of the Lanczos window (Duchon, Lanczos filtering in one and two dimensions, 1979), as in ``pictures.resample``."""
_ZERO = 1e-9
"""What the zeros of the filter come to in floating point is far less, and what can be seen is far more."""
_BLOCK = {"cuda": 256}
_CPU_BLOCK = 32
"""Outputs per dense block: few launches on a GPU, few multiplications with zero on a CPU."""


# --- resampling along one axis ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class ResampleKernel:
    """A linear map along one axis: every output is a weighted sum of neighbouring inputs."""

    first: npt.NDArray[np.intp]
    """(outputs,): index of the first input of each output, never decreasing."""
    weights: npt.NDArray[np.float64]
    """(outputs, taps)."""


def lanczos_kernel(start: float, end: float, length: int, outputs: int) -> ResampleKernel:
    """Return the Lanczos weights that resample a span of an axis: those of ``pictures.resample``.

    The filter widens with the ratio where the picture is made smaller (antialiasing); at the ends of the axis the
    weights of the pixels that are there are scaled up to sum to 1. Where a span keeps its size and begins at a whole
    pixel, every output is one input: there is one tap per output then.

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
    weights /= weights.sum(axis=1, keepdims=True)
    largest = np.argmax(np.abs(weights), axis=1)[:, None]
    rest = weights.copy()
    np.put_along_axis(rest, largest, 0.0, axis=1)
    single = first + largest[:, 0]
    if np.abs(rest).max() > _ZERO or (np.diff(single) != 1).any():
        return ResampleKernel(first, weights)
    return ResampleKernel(single, np.ones((outputs, 1)))


class TileKernel:
    """What the pixels of one tile add to the outputs of an axis.

    Args:
        kernel: Of the whole axis.
        axis: The tiles along it, in source pixels.
        index: Which tile.
        scale: Inputs of the kernel per source pixel.
        outputs: (first, last + 1) of the outputs wanted, not empty.
        block: Outputs per dense block.
    """

    def __init__(
        self, kernel: ResampleKernel, axis: Axis, index: int, scale: int, outputs: tuple[int, int], block: int
    ) -> None:
        share = axis.weights(index, scale)
        wanted = slice(*outputs)
        inputs = kernel.first[wanted, None] + np.arange(kernel.weights.shape[1]) - axis.starts[index] * scale
        clipped = np.clip(inputs, 0, len(share) - 1)
        weights = np.where(inputs == clipped, kernel.weights[wanted] * share[clipped], 0.0).astype(np.float32)
        low, high = int(clipped.min()), int(clipped.max()) + 1
        self.span = slice(low, high)
        """The pixels of the tile that are needed."""
        single = weights.shape[1] == 1 and high - low == len(weights)
        self._single = weights[:, 0] if single else None
        self._blocks = [] if single else _dense_blocks(clipped - low, weights, block)
        self._there: dict[torch.device, list[torch.Tensor]] = {}

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


class _AxisPrint:
    """The way from the tiles along one axis to the outputs of the print along it.

    Args:
        tiles: In source pixels.
        factors: Inputs per source pixel: the scale of the network, and 1 for the plain picture where it is mixed in.
        span: What is shown, in source pixels.
        outputs: How many pixels that becomes.
        block: Outputs per dense block.
    """

    def __init__(
        self, tiles: Axis, factors: tuple[int, ...], span: tuple[float, float], outputs: int, block: int
    ) -> None:
        self._tiles = tiles
        self._block = block
        self._kernels = {}
        for factor in factors:
            length = tiles.length * factor
            begin, end = (min(max(side * factor, 0), length) for side in span)
            self._kernels[factor] = lanczos_kernel(begin, end, length, outputs)
        self._of_tiles: dict[int, tuple[tuple[int, int], dict[int, TileKernel]]] = {}

    def of_tile(self, index: int) -> tuple[tuple[int, int], dict[int, TileKernel]]:
        """Return ((first, last + 1) of the outputs that a tile adds to, factor to what it adds); made once."""
        if index not in self._of_tiles:
            reached = [self._reached(kernel, index, factor) for factor, kernel in self._kernels.items()]
            outputs = min(first for first, _ in reached), max(last for _, last in reached)
            self._of_tiles[index] = (
                outputs,
                {
                    factor: TileKernel(kernel, self._tiles, index, factor, outputs, self._block)
                    for factor, kernel in self._kernels.items()
                },
            )
        return self._of_tiles[index]

    def _reached(self, kernel: ResampleKernel, index: int, factor: int) -> tuple[int, int]:
        """Return (first, last + 1) of the outputs a tile adds to; one, with no weight, where it adds to none."""
        used = np.flatnonzero(self._tiles.weights(index, factor)) + self._tiles.starts[index] * factor
        low, high = int(used[0]), int(used[-1]) + 1
        reached = np.flatnonzero((kernel.first + kernel.weights.shape[1] > low) & (kernel.first < high))
        if not reached.size:
            nearest = min(int(np.searchsorted(kernel.first, low)), len(kernel.first) - 1)
            return nearest, nearest + 1
        return int(reached[0]), int(reached[-1]) + 1


# --- tiles and the print ----------------------------------------------------------------------------------------------

_Kernels = tuple[TileKernel, TileKernel]


@dataclass(frozen=True, slots=True, eq=False)
class TileTask:
    """What one tile adds to the print."""

    network: _Kernels
    """Rows and columns of the network's output, to those of the print."""
    plain: _Kernels | None
    """Rows and columns of the tile itself, to those of the print; None where the network's picture is all of it."""
    share: float
    """Of the network's picture."""
    levels: int
    """255 or 65535: what 1.0 becomes."""
    final: bool
    """Whether no other tile adds to the same pixels, so that they can be rounded at once."""

    def fill(self, tile: torch.Tensor, output: torch.Tensor) -> torch.Tensor:
        """Return what the tile adds to the print, on the device that holds it.

        Args:
            tile: (3, H, W) float32 in [0, 1].
            output: (3, scale × H, scale × W) float32 in [0, 1], what the network made of it.

        Returns:
            (rows, columns, 3): uint8, or float32 whole numbers with 16 bits, where the pixels are final; else float32
            levels. What several tiles add up to cannot be rounded before it is added up.
        """
        values = _resampled(output, *self.network)
        if self.plain is not None:
            values = torch.lerp(_resampled(tile, *self.plain), values, self.share)
        if self.final:
            values = (values.clamp(0, 1) * self.levels).round_()
            values = values.to(torch.uint8) if self.levels == 255 else values
        else:
            values = values * self.levels
        return values.permute(1, 2, 0).contiguous()


def _resampled(pixels: torch.Tensor, rows: TileKernel, columns: TileKernel) -> torch.Tensor:
    return columns.apply(rows.apply(pixels[:, rows.span, columns.span], -2), -1)


class TiledPrint:
    """The print that grows out of the tiles of its source, which must come row by row.

    Sums are kept in float32 for the rows that one row of tiles reaches; rows that no later tile reaches are rounded to
    the print, so a scan of 100 megapixels needs neither the picture at the network's size nor a float copy.

    Args:
        plan: The tiles, in source pixels.
        scale: Of the network.
        dtype: Of the print: uint8 or uint16.
        device: Where the tiles are resampled.
        box: The part of the source to show; None shows all of it.
        size: (height, width) of the print; None takes that of the network's picture.
        share: Of the network's picture in the print; the rest is the plain one.

    Raises:
        MemoryError: The host has no room for the print.
    """

    def __init__(
        self, plan: TilePlan, scale: int, dtype: npt.DTypeLike, device: torch.device, box: Box | None = None,
        size: tuple[int, int] | None = None, share: float = 1.0,
    ) -> None:  # fmt: skip
        self.plan = plan
        self.laid = 0
        """Tiles that are laid down."""
        self._scale, self._share = scale, share
        self._levels = int(np.iinfo(dtype).max)
        height, width = plan.rows.length, plan.columns.length
        box, size = box or Box(0, 0, width, height), size or (height * scale, width * scale)
        factors = (scale, 1) if share < 1 else (scale,)
        block = _BLOCK.get(device.type, _CPU_BLOCK)
        self._rows = _AxisPrint(plan.rows, factors, (box.y0, box.y1), size[0], block)
        self._columns = _AxisPrint(plan.columns, factors, (box.x0, box.x1), size[1], block)
        self._pixels: Samples = np.empty((*size, 3), dtype)
        self._band = np.zeros((0, size[1], 3), np.float32)
        self._band_top = 0

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) of the print."""
        return self._pixels.shape[0], self._pixels.shape[1]

    @property
    def rows_summed(self) -> int:
        """Rows of the print that are kept as sums."""
        return len(self._band)

    def task(self, tile: Tile) -> TileTask:
        """Return what is to be done with a tile of the plan, where the network's output is."""
        (_, rows), (_, columns) = self._rows.of_tile(tile.row), self._columns.of_tile(tile.column)
        plain = (rows[1], columns[1]) if self._share < 1 else None
        network = rows[self._scale], columns[self._scale]
        return TileTask(network, plain, self._share, self._levels, final=len(self.plan) == 1)

    def add(self, tile: Tile, values: npt.NDArray) -> bool:
        """Add the result of a tile and return whether the print is complete.

        Args:
            tile: One of the plan; the tiles come in the order of the plan.
            values: What ``TileTask.fill`` gave for it.
        """
        if len(self.plan) == 1:
            self._pixels[...] = values
        else:
            (top, bottom), (left, right) = self._rows.of_tile(tile.row)[0], self._columns.of_tile(tile.column)[0]
            self._round_rows_above(top)
            self._reach(bottom)
            self._band[top - self._band_top : bottom - self._band_top, left:right] += values
        self.laid += 1
        complete = self.laid == len(self.plan)
        if complete and len(self.plan) > 1:
            self._round_rows_above(self._pixels.shape[0])
            self._band = np.zeros((0, *self._band.shape[1:]), np.float32)  # what comes after needs the memory
        return complete

    def pixels(self) -> Samples:
        """Return the complete print, (height, width, 3) RGB in its type."""
        assert self.laid == len(self.plan), "tiles are missing"
        return self._pixels

    def _reach(self, bottom: int) -> None:
        """Make the band of sums long enough for the rows above this one."""
        missing = bottom - self._band_top - len(self._band)
        if missing > 0:
            self._band = np.concatenate([self._band, np.zeros((missing, *self._band.shape[1:]), np.float32)])

    def _round_rows_above(self, top: int) -> None:
        """Round the rows of the band above this row of the print, and move the band there."""
        count = top - self._band_top
        if count <= 0:
            return
        finished = self._band[:count]
        np.rint(finished, out=finished)
        np.clip(finished, 0, self._levels, out=finished)
        self._pixels[self._band_top : top] = finished
        kept = len(self._band) - count
        self._band[:kept] = self._band[count:]
        self._band[kept:] = 0
        self._band_top = top
