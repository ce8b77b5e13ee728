"""Smooths the seams between the blocks of a compressed picture, and the waves within, where the picture is smooth."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from fancam.enhancing.cleaning.blocks import (
    BLOCK_PX,
    COEFFICIENTS,
    Floats,
    coefficients_of,
    luma_of,
    picture_of,
    planes_of,
    reflected,
)
from fancam.enhancing.cleaning.denoise import thresholded
from fancam.media import Samples, middle_of

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
_SIGMA_PER_STEP = 4.2
"""What was lost, as a standard deviation in levels, per level by which steps between blocks are higher than others,
where no quantiser is found. On the crops of ``traces --tune`` 6 gained as much at JPEG quality 30, and lost at 80."""
_MOST_SIGMA = 8.0

# --- the quantiser ------------------------------------------------------------------------------------------------

_LUMA_STEPS = np.array([
    [16, 11, 10, 16, 24, 40, 51, 61], [12, 12, 14, 19, 26, 58, 60, 55], [14, 13, 16, 24, 40, 57, 69, 56],
    [14, 17, 22, 29, 51, 87, 80, 62], [18, 22, 37, 56, 68, 109, 103, 77], [24, 35, 55, 64, 81, 104, 113, 92],
    [49, 64, 78, 87, 103, 121, 120, 101], [72, 92, 95, 98, 112, 100, 103, 99],
], np.float32)  # fmt: skip
"""ITU-T T.81, annex K.1: steps of the coefficients at quality 50, by frequency down and across."""
_CHROMA_STEP = 21.0
"""Ibid., K.2: of the first diagonal frequency. Most coders store half of the chroma's pixels each way; shrunk at its
full size and alike at all frequencies it gains 0.15 to 0.35 dB; by the table, or at half its size, less or nothing."""
MOST_QUALITY = 85.0
"""Quality of JPEG above which nothing is seen of its quantiser, and a picture is left as it is."""

_STEPS = np.arange(3, 81)
"""That are sought, in levels: below 3 the rounding of pixels hides them."""
_BINS_PER_LEVEL = 4
_FIT = 0.6
"""Mean of cos(2πc/q) over coefficients c from which q is their step: 1 where they are multiples of it, about 0 where
they are not."""
_FROM_STEPS = 0.6
_LEAST_COEFFICIENTS = 30
_LEAST_FREQUENCIES = 6
_HIGHEST_ORDER = 7
_LOST_SHARE = 0.25
"""Of the variance q²/12 of what rounding to steps of q loses: most coefficients are small, and are lost whole. 0.4
gains 0.1 dB less at quality 30 to 60."""


@dataclass(frozen=True, slots=True, eq=False)
class Blocks:
    """What rounding in blocks of 8 x 8 pixels took from a picture."""

    lost: Floats
    """(3, 64) variance of each coefficient of Y, Cb and Cr."""
    quality: float | None
    """Of the JPEG, as libjpeg counts, by the steps to which coefficients were rounded; None where only seams tell."""


def find_blocks(picture: Samples, blockiness: float | None = None) -> Blocks | None:
    """Return what compression in blocks took from a picture, by its quantiser, else by the height of its seams.

    Args:
        picture: (height, width, 3) RGB, 8 or 16 bits, of the size at which it was coded.
        blockiness: As ``measure_blockiness`` measures it; None measures it here.

    Returns:
        None where there is nothing to be smoothed.
    """
    steps = measure_quantiser(picture)
    if steps is not None:
        quality = _quality(steps)
        lost = np.square(steps).reshape(3, COEFFICIENTS) * np.float32(_LOST_SHARE / 12)
        return Blocks(lost, quality) if quality <= MOST_QUALITY else None
    if (measure_blockiness(picture) if blockiness is None else blockiness) < SEAMS_FROM:
        return None
    luma = luma_of(middle_of(picture, _PROBE_PX))
    sigma = min(_SIGMA_PER_STEP * min(_seam_step(luma), _seam_step(luma.T)), _MOST_SIGMA)
    return Blocks(np.full((3, COEFFICIENTS), sigma**2, np.float32), None)


def _quality(steps: Floats) -> float:
    scale = float(steps[1, 0, 0]) / _CHROMA_STEP
    return 100 - 50 * scale if scale <= 1 else 50 / scale


def measure_quantiser(picture: Samples) -> Floats | None:
    """Return the quantiser of the JPEG that a picture was, wherever its grid lies.

    On the grid the coefficients of each frequency are multiples of one step. Frequencies with too few to tell have
    those of annex K.1, as much larger or smaller as the others are.

    Args:
        picture: (height, width, 3) RGB, 8 or 16 bits, of the size at which it was coded.

    Returns:
        (3, 8, 8) steps of Y, Cb and Cr in levels; None where there are none: not JPEG, made larger or smaller since, or
        of so good a quality that the rounding of pixels hides them.
    """
    if min(picture.shape[:2]) < MIN_SIDE_PX:
        return None
    luma = luma_of(middle_of(picture, _PROBE_PX))
    left, top = (_grid_start(plane) for plane in (luma, luma.T))
    coefficients = np.abs(coefficients_of(np.ascontiguousarray(luma[top:, left:]), BLOCK_PX))
    waves = np.cos(2 * np.pi * np.arange(_BINS_PER_LEVEL * 512) / (_BINS_PER_LEVEL * _STEPS[:, None]))
    known = np.zeros((BLOCK_PX, BLOCK_PX), np.float32)
    for down, across in np.ndindex(known.shape):
        if 0 < down + across <= _HIGHEST_ORDER:
            known[down, across] = _step_of(coefficients[down * BLOCK_PX + across], waves)
    found = known > 0
    if found.sum() < _LEAST_FREQUENCIES:
        return None
    scale = np.float32(np.median(known[found] / _LUMA_STEPS[found]))
    luma_steps = np.where(found, known, np.maximum(scale * _LUMA_STEPS, 1))
    luma_steps[0, 0] = luma_steps[0, 1]
    chroma_steps = np.full_like(luma_steps, scale * _CHROMA_STEP)
    return np.stack([luma_steps, chroma_steps, chroma_steps]).astype(np.float32)


def _grid_start(luma: Floats) -> int:
    """Return the first column that begins a block, by the highest steps."""
    return (int(_step_means(luma).argmax()) + 1) % BLOCK_PX


def _step_of(coefficients: Floats, waves: npt.NDArray[np.float64]) -> float:
    """Return the largest step that these coefficients are multiples of; 0 where there is none, or too few tell."""
    bins = np.minimum(np.rint(coefficients * _BINS_PER_LEVEL).astype(np.intp), waves.shape[1] - 1)
    counts = np.bincount(bins.ravel(), minlength=waves.shape[1]).astype(np.float64)
    for step, wave in zip(_STEPS[::-1], waves[::-1], strict=True):
        first = math.ceil(_FROM_STEPS * step * _BINS_PER_LEVEL)
        told = counts[first:].sum()
        if told >= _LEAST_COEFFICIENTS and min(
            counts[first:] @ wave[first:] / told, counts @ wave / counts.sum()
        ) > _FIT:  # fmt: skip
            return float(step)
    return 0.0


# --- smoothing ----------------------------------------------------------------------------------------------------

_TILE_PX = 512


def deblock(picture: Samples, blocks: Blocks | None = None) -> Samples:
    """Return a picture without the seams of its compression in blocks of 8 x 8 pixels, and the waves within.

    Blocks at all other places have seams in their midst, and what is lost to rounding differs from one to the next:
    their coefficients are dropped where they are as small as that, and the mean of all is taken, as in Nosratinia,
    "Enhancement of JPEG-compressed images by re-application of JPEG" (J. VLSI Signal Processing 27, 2001). Detail
    stays, since its coefficients are larger than the steps they were rounded to.

    Args:
        picture: (height, width, 3) RGB, 8 or 16 bits.
        blocks: As ``find_blocks`` finds them; None finds them here.

    Returns:
        The same shape and type; the same samples where there is nothing to be smoothed.
    """
    blocks = find_blocks(picture) if blocks is None else blocks
    if blocks is None or min(picture.shape[:2]) <= BLOCK_PX:
        return picture.copy()
    height, width = picture.shape[:2]
    result = np.empty_like(picture)
    for top in range(0, height, _TILE_PX):
        bottom = min(top + _TILE_PX, height)
        rows = reflected(top - BLOCK_PX, bottom + BLOCK_PX + (top - bottom) % BLOCK_PX, height)
        for left in range(0, width, _TILE_PX):
            right = min(left + _TILE_PX, width)
            columns = reflected(left - BLOCK_PX, right + BLOCK_PX + (left - right) % BLOCK_PX, width)
            planes = planes_of(picture[np.ix_(rows, columns)])
            like = np.ones(planes.shape[1:], np.float32)
            clean = np.stack([thresholded(plane, like, one) for plane, one in zip(planes, blocks.lost, strict=True)])
            inner = clean[:, BLOCK_PX : BLOCK_PX + bottom - top, BLOCK_PX : BLOCK_PX + right - left]
            result[top:bottom, left:right] = picture_of(inner, picture.dtype)
    return result


def _step_means(luma: Floats) -> npt.NDArray[np.float64]:
    """Return the mean step across each of the eight sets of columns, without edges of the picture."""
    step = np.abs(np.diff(luma, axis=1))
    step[step > _HIGHEST_SEAM_LEVELS] = 0
    return np.array([step[:, k::BLOCK_PX].mean() for k in range(BLOCK_PX)])


def _seam_step(luma: Floats) -> float:
    """Return by how many levels the steps across one of eight columns are higher than across the others."""
    means = _step_means(luma)
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
    luma = luma_of(middle_of(picture, _PROBE_PX))
    return min(_across_columns(luma), _across_columns(np.ascontiguousarray(luma.T)))


def _across_columns(luma: Floats) -> float:
    """Return the gradient across the steepest of the 8 sets of vertical lines, over that across the other sets."""
    step = np.diff(luma, axis=1)
    gradient = np.abs(step)
    activity = cv2.blur(gradient, (9, 9))
    smooth = (activity < _SMOOTH_LEVELS) & (activity > _EMPTY_LEVELS)
    if smooth.mean() < _MIN_SMOOTH_SHARE:
        return 1.0
    means, *halves = (_usual_lines(gradient, smooth, parts) for parts in ((0, 1), (0,), (1,)))
    steepest = int(means.argmax())
    if any(int(half.argmax()) != steepest for half in halves):
        return 1.0  # By chance some set is the steepest: in small pictures full of texture.
    # Halfway between the lines, a grid of 4 pixels is as steep: that is a pattern, and no seam of 8.
    usual = max(float(np.median(means)), float(means[(steepest + BLOCK_PX // 2) % BLOCK_PX]))
    if usual < _DRAWN_LEVELS or _alike(step[:, steepest::BLOCK_PX], smooth[:, steepest::BLOCK_PX]):
        return 1.0
    sharp = float(means[steepest]) / (usual + _REGULARISER_LEVELS)
    around = np.roll(means, 1 - steepest)
    filtered = float(around[:3].mean()) / (float(around[3:].mean()) + _REGULARISER_LEVELS)
    return max(sharp, 1 + _FILTERED_WEIGHT * (filtered - 1))


def _usual_lines(gradient: Floats, smooth: npt.NDArray[np.bool_], parts: tuple[int, ...]) -> Floats:
    """Return (8,) the gradient across most lines of each of the 8 sets; of all, or of every second line of a set.

    Args:
        gradient: Across vertical lines.
        smooth: Where it counts.
        parts: 0 for the first line of every two, 1 for the second, both for all.
    """
    columns = np.arange(gradient.shape[1])
    chosen = [columns[(columns % BLOCK_PX == k) & np.isin(columns // BLOCK_PX % 2, parts)] for k in range(BLOCK_PX)]
    return np.array([_usual_line(gradient[:, lines], smooth[:, lines]) for lines in chosen], np.float32)


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
