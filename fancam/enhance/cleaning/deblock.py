"""Smooths the seams between the blocks of a compressed picture, and the waves within, where the picture is calm."""

from __future__ import annotations

import numpy as np

from fancam.enhance.cleaning.blocks import BLOCK_PX
from fancam.enhance.cleaning.compression import blockiness as measure_blockiness
from fancam.enhance.cleaning.denoise import denoise
from fancam.enhance.cleaning.ycbcr import Planes, planes_of
from fancam.records import NoiseModel, Samples

SEAMS_FROM = 1.4
"""``blockiness`` from which there is a grid to be smoothed. JPEG at quality 80 measures 1.5 to 2.0 on 17 crops, and
what was not compressed 1.0 to 1.1."""

_PROBE_PX = 1024
_HIGHEST_SEAM_LEVELS = 12.0
"""Higher steps are edges of the picture."""
_SIGMA_PER_STEP = 6.0
"""What was lost, as a standard deviation in levels, per level by which steps between blocks are higher than others. On
the eight crops of ``benchmarks._pairs.TUNE`` the gain in dB and the least of it were

======  ==================  ==================  ==================  ==================
factor  JPEG 20             60                  80                  90
======  ==================  ==================  ==================  ==================
3       0.25 (0.18)         0.24 (0.19)         0.21 (0.16)
6       0.60 (0.49)         0.46 (0.38)         0.35 (0.21)         0.02 (0.00)
9       0.75 (0.65)         0.45 (0.25)         0.26 (0.00)         -0.04 (-0.29)
======  ==================  ==================  ==================  ==================

Smoothing of the three pixels on both sides of each seam gained 0.10, 0.03 and 0.01."""
_MOST_SIGMA = 12.0


def deblock(picture: Samples, blockiness: float | None = None) -> Samples:
    """Return a picture without the seams of its compression in blocks of 8 x 8 pixels.

    Blocks at all other places have seams in their midst, and what is lost to rounding differs from one to the next:
    their coefficients are shrunk as those of noise, and the mean of all is taken, as in Nosratinia, "Enhancement of
    JPEG-compressed images by re-application of JPEG" (J. VLSI Signal Processing 27, 2001). Detail stays, since its
    coefficients are large.

    Args:
        picture: (height, width, 3) RGB, 8 or 16 bits.
        blockiness: As ``cleaning.blockiness`` measures it; None measures it here.

    Returns:
        The same shape and type; the same samples where no grid is measured.
    """
    found = measure_blockiness(picture) if blockiness is None else blockiness
    if found < SEAMS_FROM or min(picture.shape[:2]) <= BLOCK_PX:
        return picture.copy()
    planes = _middle(picture)
    step = min(_seam_step(planes), _seam_step(planes.swapaxes(1, 2)))
    sigma = np.full((3, 1), min(_SIGMA_PER_STEP * step, _MOST_SIGMA), np.float32)
    lost = NoiseModel(np.array([128], np.float32), sigma, np.ones((3, BLOCK_PX, BLOCK_PX), np.float32))
    return denoise(picture, lost)


def _middle(picture: Samples) -> Planes:
    top, left = (max(side - _PROBE_PX, 0) // 2 for side in picture.shape[:2])
    return planes_of(picture[top : top + _PROBE_PX, left : left + _PROBE_PX])


def _seam_step(planes: Planes) -> float:
    """Return by how many levels of luma the steps across one of eight columns are higher than across the others."""
    step = np.abs(np.diff(planes[0], axis=1))
    step[step > _HIGHEST_SEAM_LEVELS] = 0
    means = np.array([step[:, k::BLOCK_PX].mean() for k in range(BLOCK_PX)])
    return float(means.max() - np.median(means))
