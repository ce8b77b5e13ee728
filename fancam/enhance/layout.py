"""Where the tiles of a picture lie in its result, and what becomes of each on the way there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from fancam.enhance.tiling import (
    Taps,
    Tile,
    TileMap,
    TilePlan,
    block_size,
    lanczos_taps,
    reached_outputs,
    simplified,
    unchanged_taps,
)
from fancam.geometry import Box
from fancam.media import Samples

_Maps = tuple[TileMap, TileMap]


@dataclass(frozen=True, slots=True, eq=False)
class Order:
    """What is wanted of one tile."""

    network: _Maps
    """Rows and columns of the network's output, to those of the result."""
    plain: _Maps | None
    """Rows and columns of the tile itself, to those of the result; None where the network's picture is all of it."""
    share: float
    """Of the network's picture."""
    levels: int
    """255 or 65535: what 1.0 becomes."""
    final: bool
    """Whether no other tile adds to the same pixels, so that they can be rounded at once."""

    @property
    def shape(self) -> tuple[int, int]:
        """(rows, columns) of the result that the tile reaches."""
        return self.network[0].size, self.network[1].size

    def fill(self, tile: torch.Tensor, output: torch.Tensor) -> torch.Tensor:
        """Return what the tile adds to the result, on the device that holds it.

        Args:
            tile: (3, H, W) float32 in [0, 1].
            output: (3, scale × H, scale × W) float32 in [0, 1], what the network made of it.

        Returns:
            (rows, columns, 3): uint8, or float32 whole numbers with 16 bits, where the pixels are final; else float32
            levels. What several tiles add up to cannot be rounded before it is added up.
        """
        values = _mapped(output, *self.network)
        if self.plain is not None:
            values = torch.lerp(_mapped(tile, *self.plain), values, self.share)
        if self.final:
            values = (values.clamp(0, 1) * self.levels).round_()
            values = values.to(torch.uint8) if self.levels == 255 else values
        else:
            values = values * self.levels
        return values.permute(1, 2, 0).contiguous()


def _mapped(pixels: torch.Tensor, rows: TileMap, columns: TileMap) -> torch.Tensor:
    return columns.apply(rows.apply(pixels[:, rows.span, columns.span], -2), -1)


class Layout:
    """The way from the tiles of one picture to its result.

    Args:
        plan: The tiles, in source pixels.
        scale: Of the network.
        dtype: Of the result: uint8 or uint16.
        device: Where the work is done.
        box: The part of the source to show; None: all of it, in the network's pixels.
        size: (height, width) of the result where there is a box.
        share: Of the network's picture in the result.
    """

    def __init__(
        self,
        plan: TilePlan,
        scale: int,
        dtype: npt.DTypeLike,
        device: torch.device,
        box: Box | None = None,
        size: tuple[int, int] = (0, 0),
        share: float = 1.0,
    ) -> None:
        self.plan = plan
        self.dtype = np.dtype(dtype)
        self.size = size if box is not None else (plan.rows.length * scale, plan.columns.length * scale)
        self._share = share
        self._scale = scale
        self._block = block_size(device)
        self._axes = (plan.rows, plan.columns)
        self._maps: dict[tuple[int, int, int], TileMap] = {}
        spans = None if box is None else ((box.y0, box.y1), (box.x0, box.x1))
        self._taps: dict[tuple[int, int], Taps] = {}
        for axis, tiles in enumerate(self._axes):
            for factor in {scale, 1} if share < 1 else {scale}:
                length = tiles.length * factor
                if spans is None:
                    self._taps[axis, factor] = unchanged_taps(length)
                else:
                    begin, end = (min(max(side * factor, 0), length) for side in spans[axis])
                    self._taps[axis, factor] = simplified(lanczos_taps(begin, end, length, self.size[axis]))

    @property
    def levels(self) -> int:
        """The largest value of the result."""
        return int(np.iinfo(self.dtype).max)

    def order(self, tile: Tile) -> Order:
        """Return what is wanted of a tile of the plan."""
        plain = self._maps_of(tile, 1) if self._share < 1 else None
        return Order(self._maps_of(tile, self._scale), plain, self._share, self.levels, final=len(self.plan) == 1)

    def place(self, tile: Tile) -> tuple[int, int]:
        """Return the (row, column) of the result at which a tile begins to add to it."""
        rows, columns = self._maps_of(tile, self._scale)
        return rows.first, columns.first

    def _maps_of(self, tile: Tile, factor: int) -> _Maps:
        """Return the maps of a tile; those of the tiles beside, above and below it are the same."""
        return self._map(0, tile.row, factor), self._map(1, tile.column, factor)

    def _map(self, axis: int, index: int, factor: int) -> TileMap:
        key = (axis, index, factor)
        if key not in self._maps:
            tiles = self._axes[axis]
            outputs = self._outputs(axis, index)
            self._maps[key] = TileMap(self._taps[axis, factor], tiles, index, factor, outputs, self._block)
        return self._maps[key]

    def _outputs(self, axis: int, index: int) -> tuple[int, int]:
        """Return the outputs that a tile adds to, be it by the network's picture or by the plain one."""
        factors = {self._scale, 1} if self._share < 1 else {self._scale}
        reached = [reached_outputs(self._taps[axis, factor], self._axes[axis], index, factor) for factor in factors]
        return min(begin for begin, _ in reached), max(end for _, end in reached)


class Canvas:
    """The result that grows out of its tiles, which must come row by row.

    Sums are kept in float32 for the rows that one row of tiles reaches; rows that no later tile reaches are rounded to
    the result, so a scan of 100 megapixels needs neither the picture at the network's size nor a float copy.

    Args:
        layout: The tiles and where they lie in the result.
    """

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._left = len(layout.plan)
        self._pixels: Samples = np.empty((*layout.size, 3), layout.dtype)
        self._band = np.zeros((0, layout.size[1], 3), np.float32)
        self._band_top = 0

    def add(self, tile: Tile, values: npt.NDArray) -> bool:
        """Add the result of a tile and return whether the picture is complete.

        Args:
            tile: One of the plan; the tiles come in the order of the plan.
            values: What ``Order.fill`` gave for it.
        """
        self._left -= 1
        if len(self._layout.plan) == 1:
            self._pixels[...] = values
            return True
        top, left = self._layout.place(tile)
        self._round_rows_above(top)
        self._reach(top + values.shape[0])
        begin = top - self._band_top
        self._band[begin : begin + values.shape[0], left : left + values.shape[1]] += values
        if self._left == 0:
            self._round_rows_above(self._pixels.shape[0])
        return self._left == 0

    def pixels(self) -> Samples:
        """Return the complete picture, (height, width, 3) RGB in the type of the layout."""
        assert self._left == 0, "tiles are missing"
        return self._pixels

    def _reach(self, bottom: int) -> None:
        """Make the band long enough for the rows above this one."""
        missing = bottom - self._band_top - self._band.shape[0]
        if missing > 0:
            self._band = np.concatenate([self._band, np.zeros((missing, *self._band.shape[1:]), np.float32)])

    def _round_rows_above(self, top: int) -> None:
        """Round the rows of the band above this row of the result, and move the band there."""
        count = top - self._band_top
        if count <= 0:
            return
        finished = self._band[:count]
        np.rint(finished, out=finished)
        np.clip(finished, 0, self._layout.levels, out=finished)
        self._pixels[self._band_top : top] = finished
        kept = self._band.shape[0] - count
        self._band[:kept] = self._band[count:]
        self._band[kept:] = 0
        self._band_top = top
