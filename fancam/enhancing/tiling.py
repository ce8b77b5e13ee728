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
