"""Smooths the seams between the blocks of a compressed picture, and the waves within, where the picture is smooth."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from fancam.enhancing.cleaning.blocks import BLOCK_PX, Floats, luma_of
from fancam.enhancing.cleaning.denoise import denoise
from fancam.media import Samples
from fancam.results import NoiseModel

SEAMS_FROM = 1.4
"""``blockiness`` from which there is a grid to be smoothed. JPEG at quality 80 measures 1.5 to 2.0 on 17 crops, and
what was not compressed 1.0 to 1.1."""
HEAVY_BLOCKINESS = 2.1
"""Above this compression is called heavy. Over 7 pictures, JPEG measures 2.3 to 3.7 at quality 30, 1.7 to 2.6 at 60,
1.5 to 2.0 at 75 and 1.0 to 1.3 at 95; key frames of H.264 2.5 to 2.8 at CRF 48, 1.8 to 2.1 at 43 and 1.0 to 1.1 at 23;
pictures that were never compressed 0.9 to 1.1. Between key frames H.264 smooths its seams until little can be told."""

MIN_SIDE_PX = 96
"""Smaller pictures have too few lines of the grid to tell."""

_PROBE_PX = 1024
"""Largest side of the middle part that is measured."""
_SMOOTH_LEVELS = 4.0
"""Parts where the mean gradient over 9 pixels is below this are smooth; a seam of heavy JPEG is 2 to 10 levels high."""
_EMPTY_LEVELS = 0.05
"""Parts below this are empty (a black border), and say nothing."""
_REGULARISER_LEVELS = 0.05
_FILTERED_WEIGHT = 2.2
"""H.264 and its successors smooth their seams over the neighbouring pixels, so that three lines of each eight are a
little steeper instead of one much steeper. This brings both to one scale: 1.5 times as steep over three lines (CRF 43
to 48) counts as ``HEAVY_BLOCKINESS``."""
_DRAWN_LEVELS = 0.02
"""Mean gradient off the grid below which a picture was drawn and not photographed: a chess board or pixel art with
squares of 8 pixels has steps on the grid and nothing at all between, which no photograph has, however compressed."""
_MIN_SMOOTH_SHARE = 0.005
_LINES_PERCENTILE = 40
_SEGMENT_PX = 4
_ALIKE_VARIATION = 0.35
"""Standard deviation over mean of the heights of steps: about 1 along the seams of JPEG at any quality, 0.1 along the
squares of a chess board of low contrast with camera noise."""
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


def deblock(picture: Samples, known: float | None = None) -> Samples:
    """Return a picture without the seams of its compression in blocks of 8 x 8 pixels.

    Blocks at all other places have seams in their midst, and what is lost to rounding differs from one to the next:
    their coefficients are shrunk as those of noise, and the mean of all is taken, as in Nosratinia, "Enhancement of
    JPEG-compressed images by re-application of JPEG" (J. VLSI Signal Processing 27, 2001). Detail stays, since its
    coefficients are large.

    Args:
        picture: (height, width, 3) RGB, 8 or 16 bits.
        known: As ``measure_blockiness`` measures it; None measures it here.

    Returns:
        The same shape and type; the same samples where no grid is measured.
    """
    found = measure_blockiness(picture) if known is None else known
    if found < SEAMS_FROM or min(picture.shape[:2]) <= BLOCK_PX:
        return picture.copy()
    luma = luma_of(_middle(picture))
    step = min(_seam_step(luma), _seam_step(luma.T))
    sigma = np.full((3, 1), min(_SIGMA_PER_STEP * step, _MOST_SIGMA), np.float32)
    lost = NoiseModel(np.array([128], np.float32), sigma, np.ones((3, BLOCK_PX, BLOCK_PX), np.float32))
    return denoise(picture, lost)


def _middle(picture: Samples) -> Samples:
    top, left = (max(side - _PROBE_PX, 0) // 2 for side in picture.shape[:2])
    return picture[top : top + _PROBE_PX, left : left + _PROBE_PX]


def _seam_step(luma: Floats) -> float:
    """Return by how many levels the steps across one of eight columns are higher than across the others."""
    step = np.abs(np.diff(luma, axis=1))
    step[step > _HIGHEST_SEAM_LEVELS] = 0
    means = np.array([step[:, k::BLOCK_PX].mean() for k in range(BLOCK_PX)])
    return float(means.max() - np.median(means))


def measure_blockiness(picture: Samples) -> float:
    """Return how much steeper a picture is along a grid of 8 pixels than elsewhere; about 1 means there is no grid.

    The grid may lie anywhere (a cropped or turned picture), but must not have been resampled: measure the source, not
    the enlargement. The smaller value of rows and columns counts, so that a fence is not taken for compression.

    Args:
        picture: (height, width, 3) RGB, 8 or 16 bits.

    Returns:
        About 1 for a clean picture, above ``HEAVY_BLOCKINESS`` for a heavily compressed one. 1 where there is nothing
        to measure: a picture under ``MIN_SIDE_PX``, without smooth parts, or drawn.
    """
    if min(picture.shape[:2]) < MIN_SIDE_PX:
        return 1.0
    luma = luma_of(_middle(picture))
    return min(_across_columns(luma), _across_columns(np.ascontiguousarray(luma.T)))


def _across_columns(luma: Floats) -> float:
    """Return the gradient across the steepest of the 8 sets of vertical lines, over that across the other sets."""
    step = np.diff(luma, axis=1)
    gradient = np.abs(step)
    activity = cv2.blur(gradient, (9, 9))
    smooth = (activity < _SMOOTH_LEVELS) & (activity > _EMPTY_LEVELS)
    if smooth.mean() < _MIN_SMOOTH_SHARE:
        return 1.0
    means = np.array([_usual_line(gradient[:, k::BLOCK_PX], smooth[:, k::BLOCK_PX]) for k in range(BLOCK_PX)])
    steepest = int(means.argmax())
    # Halfway between the lines, a grid of 4 pixels is as steep: that is a pattern, and no seam of 8.
    usual = max(float(np.median(means)), float(means[(steepest + BLOCK_PX // 2) % BLOCK_PX]))
    if usual < _DRAWN_LEVELS or _alike(step[:, steepest::BLOCK_PX], smooth[:, steepest::BLOCK_PX]):
        return 1.0
    sharp = float(means[steepest]) / (usual + _REGULARISER_LEVELS)
    around = np.roll(means, 1 - steepest)
    filtered = float(around[:3].mean()) / (float(around[3:].mean()) + _REGULARISER_LEVELS)
    return max(sharp, 1 + _FILTERED_WEIGHT * (filtered - 1))


def _usual_line(gradient: Floats, smooth: npt.NDArray[np.bool_]) -> float:
    """Return the gradient across most lines of a set: seams are on all of them, stripes of 16 pixels on every other."""
    counts = smooth.sum(axis=0)
    told = counts > 0
    if not told.any():
        return 0.0
    means = (gradient * smooth).sum(axis=0)[told] / counts[told]
    return float(np.percentile(means, _LINES_PERCENTILE))


def _alike(step: Floats, smooth: npt.NDArray[np.bool_]) -> bool:
    """Whether the steps along a set of lines are all of one height, as on a chess board: seams differ."""
    rows = len(step) // _SEGMENT_PX * _SEGMENT_PX
    shape = (rows // _SEGMENT_PX, _SEGMENT_PX, step.shape[1])
    whole = smooth[:rows].reshape(shape).all(axis=1)
    heights = np.abs(step[:rows].reshape(shape).mean(axis=1))[whole]
    return len(heights) > 0 and float(heights.std()) < _ALIKE_VARIATION * float(heights.mean())
