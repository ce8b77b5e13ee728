"""Overlapping blocks of 8 x 8 pixels and their cosine transform."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

BLOCK_PX = 8
COEFFICIENTS = BLOCK_PX * BLOCK_PX

Blocks = npt.NDArray[np.float32]
"""(64, rows, columns): coefficients, row by row, of the block at each place."""


def _cosines() -> npt.NDArray[np.float32]:
    place, order = np.arange(BLOCK_PX), np.arange(BLOCK_PX)[:, None]
    one = np.sqrt(2 / BLOCK_PX) * np.cos(np.pi * (place + 0.5) * order / BLOCK_PX)
    one[0] /= np.sqrt(2)
    return np.kron(one, one).astype(np.float32)


_COSINES = _cosines()
"""(64, 64): orthonormal DCT-II of a block (Ahmed, Natarajan & Rao, "Discrete cosine transform", 1974); a row is one
coefficient."""


def coefficients_of(plane: npt.NDArray[np.float32], step: int) -> Blocks:
    """Return the cosine transforms of the blocks that begin at every ``step``-th row and column of a plane."""
    rows, columns = ((side - BLOCK_PX) // step + 1 for side in plane.shape)
    samples = np.empty((COEFFICIENTS, rows, columns), np.float32)
    for y in range(BLOCK_PX):
        for x in range(BLOCK_PX):
            samples[y * BLOCK_PX + x] = plane[y : y + step * rows : step, x : x + step * columns : step]
    return (_COSINES @ samples.reshape(COEFFICIENTS, -1)).reshape(samples.shape)


def put_together(
    coefficients: Blocks, weights: npt.NDArray[np.float32], step: int, shape: tuple[int, int]
) -> npt.NDArray[np.float32]:
    """Return the plane whose blocks have these transforms: the weighted mean of all blocks that hold a pixel.

    Args:
        coefficients: As ``coefficients_of`` returns them.
        weights: (rows, columns), above 0.
        step: As given to ``coefficients_of``.
        shape: Of the plane; pixels that no block holds become 0.
    """
    rows, columns = weights.shape
    samples = (_COSINES.T @ coefficients.reshape(COEFFICIENTS, -1)).reshape(coefficients.shape)
    total, weight = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    for y in range(BLOCK_PX):
        for x in range(BLOCK_PX):
            place = np.s_[y : y + step * rows : step, x : x + step * columns : step]
            sample = samples[y * BLOCK_PX + x]
            sample *= weights
            total[place] += sample
            weight[place] += weights
    return np.divide(total, weight, out=total, where=weight > 0)
