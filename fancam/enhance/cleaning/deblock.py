"""Smooths the seams between the blocks of a compressed picture where the picture is calm."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from fancam.enhance.cleaning.ycbcr import levels_per_step
from fancam.enhance.guard import blockiness as measure_blockiness
from fancam.records import Samples

SEAMS_FROM = 1.3
"""``blockiness`` above which there is a grid to be smoothed."""

_GRID_PX = 8
_BAND_PX = 2**20
_HIGHEST_SEAM_LEVELS = 12.0


def deblock(picture: Samples, blockiness: float | None = None) -> Samples:
    """Return a picture whose seams between blocks of 8 x 8 pixels are smoothed in calm parts.

    Args:
        picture: (height, width, 3) RGB, 8 or 16 bits.
        blockiness: As ``fancam.enhance.guard.blockiness`` measures it; None measures it here.

    Returns:
        The same shape and type; the same samples where no grid is measured.
    """
    found = measure_blockiness(picture) if blockiness is None else blockiness
    if found < SEAMS_FROM:
        return picture.copy()
    across = _smoothed(picture, _phase(picture))
    turned = across.swapaxes(0, 1)
    return _smoothed(turned, _phase(turned)).swapaxes(0, 1)


def _phase(picture: Samples) -> int:
    """Return which of the eight sets of vertical lines is the steepest: the first column of a block."""
    step = np.abs(np.diff(picture[..., 1].astype(np.float32), axis=1)) / levels_per_step(picture)
    step[step > _HIGHEST_SEAM_LEVELS] = 0
    means = [step[:, k::_GRID_PX].mean() for k in range(_GRID_PX)]
    return (int(np.argmax(means)) + 1) % _GRID_PX


def _smoothed(picture: Samples, phase: int) -> Samples:
    """Return the picture with the steps across the columns ``phase``, ``phase + 8`` … smoothed."""
    result = picture.copy()
    unit = levels_per_step(picture)
    width = picture.shape[1]
    seams = np.array([x for x in range(phase, width, _GRID_PX) if x >= 4 and x + 4 <= width])
    if not len(seams):
        return result
    band = max(_BAND_PX // width, 1)
    for top in range(0, len(picture), band):
        rows = picture[top : top + band].astype(np.float32) / unit
        left = [rows[:, seams - 1 - k] for k in range(4)]
        right = [rows[:, seams + k] for k in range(4)]
        step = right[0] - left[0]
        slope = np.maximum(np.abs(left[0] - left[2]), np.abs(right[2] - right[0]))
        calm = (np.abs(step) < _HIGHEST_SEAM_LEVELS) & (slope < np.abs(step))
        step[~calm] = 0
        for k, share in enumerate((3 / 8, 2 / 8, 1 / 8)):
            change = step * np.float32(share)
            _put(result, top, seams - 1 - k, left[k] + change, unit)
            _put(result, top, seams + k, right[k] - change, unit)
    return result


def _put(
    result: Samples, top: int, columns: npt.NDArray[np.intp], levels: npt.NDArray[np.floating[Any]], unit: int
) -> None:
    highest = np.iinfo(result.dtype).max
    result[top : top + len(levels), columns] = np.clip(np.rint(levels * unit), 0, highest).astype(result.dtype)
