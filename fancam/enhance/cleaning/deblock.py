"""Smooths the seams between the blocks of a compressed picture where the picture is calm."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from fancam.enhance.cleaning.compression import blockiness as measure_blockiness
from fancam.enhance.cleaning.ycbcr import levels_per_step, planes_of
from fancam.records import Samples

SEAMS_FROM = 1.4
"""``blockiness`` above which there is a grid to be smoothed."""

_GRID_PX = 8
_BAND_PX = 2**20
_PROBE_PX = 1024
_HIGHEST_SEAM_LEVELS = 12.0
"""Higher steps are edges of the picture."""
_SEAM_TIMES = 3.0
"""A step is a seam up to so many times the mean by which steps between blocks are higher than others."""
_SHARES = (3 / 8, 2 / 8, 1 / 8)
"""Of the step, that the pixels beside it, the next, and those after them move: what is left are steps of a quarter and
an eighth, a slope over six pixels."""


def deblock(picture: Samples, blockiness: float | None = None) -> Samples:
    """Return a picture whose seams between blocks of 8 x 8 pixels are smoothed in calm parts.

    Args:
        picture: (height, width, 3) RGB, 8 or 16 bits.
        blockiness: As ``blockiness`` measures it; None measures it here.

    Returns:
        The same shape and type; the same samples where no grid is measured.
    """
    found = measure_blockiness(picture) if blockiness is None else blockiness
    if found < SEAMS_FROM:
        return picture.copy()
    across = _smoothed(picture)
    return _smoothed(across.swapaxes(0, 1)).swapaxes(0, 1)


def _seams(picture: Samples) -> tuple[int, float]:
    """Return the first column of a block, and by how many levels steps between blocks are higher than elsewhere.

    Told from the middle of the picture, without the steps that are edges.
    """
    top, left = (max(side - _PROBE_PX, 0) // 2 for side in picture.shape[:2])
    part = picture[top : top + _PROBE_PX, left : left + _PROBE_PX]
    luma = planes_of(part)[0]
    step = np.abs(np.diff(luma, axis=1))
    step[step > _HIGHEST_SEAM_LEVELS] = 0
    means = np.array([step[:, k::_GRID_PX].mean() for k in range(_GRID_PX)])
    steepest = int(means.argmax())
    return (left + steepest + 1) % _GRID_PX, float(means[steepest] - np.median(means))


def _smoothed(picture: Samples) -> Samples:
    """Return the picture with the steps smoothed that lie across the first columns of blocks."""
    result = picture.copy()
    phase, excess = _seams(picture)
    limit = np.float32(min(_SEAM_TIMES * excess, _HIGHEST_SEAM_LEVELS))
    unit = levels_per_step(picture)
    width = picture.shape[1]
    seams = np.array([x for x in range(phase, width, _GRID_PX) if x >= 4 and x + 4 <= width])
    if not len(seams):
        return result
    band = max(_BAND_PX // width, 1)
    for top in range(0, len(picture), band):
        rows = picture[top : top + band].astype(np.float32) / np.float32(unit)
        left = [rows[:, seams - 1 - k] for k in range(4)]
        right = [rows[:, seams + k] for k in range(4)]
        step = right[0] - left[0]
        around = np.maximum(np.abs(left[0] - left[2]), np.abs(right[2] - right[0]))
        step[(np.abs(step) > limit) | (around >= np.abs(step))] = 0
        for k, share in enumerate(_SHARES):
            change = step * np.float32(share)
            _put(result, top, seams - 1 - k, left[k] + change, unit)
            _put(result, top, seams + k, right[k] - change, unit)
    return result


def _put(
    result: Samples, top: int, columns: npt.NDArray[np.intp], levels: npt.NDArray[np.floating[Any]], unit: int
) -> None:
    highest = np.iinfo(result.dtype).max
    result[top : top + len(levels), columns] = np.clip(np.rint(levels * unit), 0, highest).astype(result.dtype)
