"""Lays the tiles of one picture together in bounded memory."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from fancam.enhance.runner import FIXED_POINT
from fancam.enhance.tiling import Tile, TilePlan
from fancam.records import Picture


class Canvas:
    """The picture that grows out of its tiles, which must come row by row.

    Sums are kept in float32 for one row of tiles only; rows that no later tile reaches are rounded to uint8, so a whole
    4K frame needs no float copy of its result.

    Args:
        plan: The tiles, in source pixels.
        scale: Output pixels per source pixel.
    """

    def __init__(self, plan: TilePlan, scale: int) -> None:
        self._plan = plan
        self._scale = scale
        height, width = plan.rows.length * scale, plan.columns.length * scale
        self._pixels: Picture = np.empty((height, width, 3), np.uint8)
        self._left = len(plan)
        self._band_top = 0
        self._band = np.zeros((plan.rows.tile * scale if len(plan) > 1 else 0, width, 3), np.float32)

    def add(self, tile: Tile, values: npt.NDArray) -> bool:
        """Add the result of a tile and return whether the picture is complete.

        Args:
            tile: One of the plan; the tiles come in the order of the plan.
            values: (height × scale, width × scale, 3): uint8 where the plan has one tile, else int16 in steps of 1/128.
        """
        self._left -= 1
        if len(self._plan) == 1:
            self._pixels[:] = values
            return True
        top, left = tile.y * self._scale, tile.x * self._scale
        self._round_rows_above(top)
        weights = self._plan.weights(tile, self._scale)[..., None]
        self._band[:, left : left + values.shape[1]] += weights * values
        if self._left == 0:
            self._round_rows_above(self._pixels.shape[0])
        return self._left == 0

    def pixels(self) -> Picture:
        """Return the complete picture, (height × scale, width × scale, 3) uint8 RGB."""
        assert self._left == 0, "tiles are missing"
        return self._pixels

    def _round_rows_above(self, top: int) -> None:
        """Round the rows of the band above this output row, and move the band there."""
        count = top - self._band_top
        if count <= 0:
            return
        rounded = np.rint(self._band[:count] / FIXED_POINT)
        self._pixels[self._band_top : top] = np.clip(rounded, 0, 255).astype(np.uint8)
        kept = self._band.shape[0] - count
        self._band[:kept] = self._band[count:].copy()
        self._band[kept:] = 0
        self._band_top = top
