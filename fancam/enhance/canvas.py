"""Lays the tiles of one picture together in bounded memory."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from fancam.enhance.layout import Layout
from fancam.enhance.tiling import Tile
from fancam.records import Samples


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
