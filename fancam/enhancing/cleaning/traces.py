"""What video coders leave in dark and flat parts: contours, blotches as large as blocks, mosquito noise around edges.

H.264 and its successors smooth the seams of their blocks, so that no grid shows. What shows is that nothing is left
between: plateaus, on which neighbouring pixels are equal, with small steps from one to the next (banding), and around
edges the waves of those few coefficients that were kept (mosquito noise). Both lie where a plateau is near. A camera's
noise, film grain and texture leave no plateaus, and are not touched.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from fancam.enhancing.cleaning.blocks import (
    BLOCK_PX,
    COEFFICIENTS,
    Floats,
    doubled,
    halved,
    luma_of,
    picture_of,
    planes_of,
)
from fancam.enhancing.cleaning.denoise import thresholded
from fancam.enhancing.dithering import to_depth
from fancam.geometry import strips
from fancam.media import Samples, middle_of

BANDED_SHARE = 0.02
"""Share of a video's frame in plateaus with small steps from which there is something to be smoothed. Frames that were
not compressed measure 0.000, of H.264 and H.265 at CRF 26 to 38 well lit faces full of texture 0.004 to 0.04, others
0.06 to 0.4."""
BANDED_SHARE_PHOTO = 0.1
"""The same for a photo, which may be clean and smooth: 20 crops of photos measure 0.00 to 0.02, a night sky in JPEG
0.08, JPEG at quality 30 up to 0.13."""

_PROBE_PX = 1024
"""Largest side of the middle part that is measured."""
_EQUAL_LEVELS = 0.2
"""Luma of neighbours that differs by less is equal: one level of blue, or a slope of coarser colour. Noise of 0.4
levels in red, green and blue, as a denoised camera has, leaves no plateaus then."""
_PLATEAU_PX = 11
_PLATEAU_FROM = 0.7
"""Share of equal neighbours around a pixel of a plateau."""
_STEPS_PX = 25
_STEP_RANGE_LEVELS = (0.6, 8.0)
"""Between the darkest and the brightest part around a pixel: less is an empty area, more an edge of the picture."""
_APART_PX = 8
_STEP_PERCENTILE = 75
_LEAST_PIXELS = 500
_LOWEST_STEP, _HIGHEST_STEP = (1.0, 1.5, 1.5), (4.0, 2.5, 2.5)
"""Of Y, Cb and Cr, in levels. The plateaus of chroma are wider than what is measured across: steps count as 1.5 levels
at least, with which chroma gains 0.3 to 0.7 dB at CRF 26 and 0.1 to 0.5 dB at 38."""


@dataclass(frozen=True, slots=True)
class Traces:
    """What was measured of a coder's traces."""

    share: float
    """Of the picture, in plateaus with small steps between them."""
    steps: tuple[float, float, float]
    """Height of these steps in Y, Cb and Cr, in levels of 255; 0 where there are none."""


NO_TRACES = Traces(0.0, (0.0, 0.0, 0.0))


def measure_traces(picture: Samples) -> Traces:
    """Return how much of a picture lies in plateaus with small steps between them, and how high these are.

    A step is what two plateaus differ by beyond what a slope of light explains: the second difference over
    2 x 8 pixels, of which three quarters are lower.

    Args:
        picture: (height, width, 3) RGB, 8 or 16 bits, at the size at which it was coded.

    Returns:
        ``NO_TRACES`` where there are none.
    """
    picture = middle_of(picture, _PROBE_PX)
    if min(picture.shape[:2]) <= 2 * _STEPS_PX:
        return NO_TRACES
    luma = luma_of(picture)
    mean = cv2.blur(luma, (5, 5))
    around = np.ones((_STEPS_PX, _STEPS_PX), np.uint8)
    span = cv2.dilate(mean, around) - cv2.erode(mean, around)
    low, high = _STEP_RANGE_LEVELS
    banded = (_equal_share(luma) > _PLATEAU_FROM) & (span > low) & (span < high)
    inner = banded[:, _APART_PX:-_APART_PX]
    if inner.sum() < _LEAST_PIXELS:
        return NO_TRACES
    steps = []
    for plane, lowest, highest in zip(planes_of(picture), _LOWEST_STEP, _HIGHEST_STEP, strict=True):
        second = plane[:, : -2 * _APART_PX] - 2 * plane[:, _APART_PX:-_APART_PX] + plane[:, 2 * _APART_PX :]
        found = float(np.percentile(np.abs(second[inner]), _STEP_PERCENTILE))
        steps.append(min(max(found, lowest), highest))
    return Traces(float(banded.mean()), (steps[0], steps[1], steps[2]))


def _equal_share(luma: Floats) -> Floats:
    """Return the share of neighbours around each pixel that are equal."""
    equal = np.zeros(luma.shape, np.float32)
    equal[:, :-1] += np.abs(np.diff(luma, axis=1)) < _EQUAL_LEVELS
    equal[:-1] += np.abs(np.diff(luma, axis=0)) < _EQUAL_LEVELS
    return np.asarray(cv2.blur(equal, (_PLATEAU_PX, _PLATEAU_PX)) * 0.5, np.float32)


# --- taking them out ----------------------------------------------------------------------------------------------

_REACH_PX = 17
"""Side of the square around a pixel in which a plateau is sought: a coder's block of 8 pixels on each side."""
_MASK_FROM, _MASK_FULL = 0.4, 0.65
"""Largest share of equal neighbours near a pixel at which the smoothing begins, and is complete."""
_WAVES_PER_STEP = 1.2
"""Standard deviation of what the coder rounded away, per height of a step: 2.5 levels at the usual 1.5. Gains in dB on
``traces --tune`` rise with it up to 3.5 levels; more than 2.5 took contrast of 3 levels from skin."""
_MOST_WAVES = 3.5
_TILE_PX = 2048
_AROUND_PX = 320
"""How far the diffusion of chroma reaches (8 rounds at 16, 8, 4 and 2 pixels), rounded up; as the tile a multiple of
the coarsest pixel's side, so that the result does not depend on tiles."""


def smooth_traces(picture: Samples, traces: Traces, grid: float = 1.0) -> Samples:
    """Return a picture without the contours, blotches and waves that a coder left near its plateaus.

    Steps are levelled by diffusion that ends at edges, within half the height of a step (see ``level_steps``); what is
    left of waves is shrunk as noise in the cosine transform of overlapping blocks.

    Args:
        picture: (height, width, 3) RGB, 8 or 16 bits.
        traces: As ``measure_traces`` measures them.
        grid: Pixels of this picture, along each axis, for one that was coded. Of a larger picture what is smoothed at
            the size that was coded is brought to its own.

    Returns:
        The same shape, with 16 bits: what is smooth has no room between 8-bit levels. Where no plateau is near the
        values are the same ones.
    """
    deep = to_depth(picture, np.dtype(np.uint16))
    height, width = picture.shape[:2]
    if min(height, width) < 2 * BLOCK_PX * grid:
        return deep
    result = np.empty_like(deep)
    for rows, rows_around in strips(height, _TILE_PX, _AROUND_PX):
        for columns, columns_around in strips(width, _TILE_PX, _AROUND_PX):
            part = _smooth_tile(deep[rows_around, columns_around], traces, grid)
            top, left = rows.start - rows_around.start, columns.start - columns_around.start
            result[rows, columns] = part[top : top + rows.stop - rows.start, left : left + columns.stop - columns.start]
    return result


def _smooth_tile(deep: Samples, traces: Traces, grid: float) -> Samples:
    planes = planes_of(deep)
    height, width = planes.shape[1:]
    small = (round(width / grid), round(height / grid))
    coded = planes if grid <= 1 else np.stack([cv2.resize(p, small, interpolation=cv2.INTER_AREA) for p in planes])
    near = _near_plateaus(coded[0])
    if not near.any():
        return deep
    luma, *chroma = coded
    change = [near * (_smoothed(luma, traces.steps[0], _WAVES_PER_STEP) - luma)]
    for plane, step in zip(chroma, traces.steps[1:], strict=True):  # coders store half of its pixels each way
        half = halved(plane)
        change.append(near * doubled(_smoothed(half, step, 1.0) - half, plane.shape))
    if grid > 1:
        change = [cv2.resize(one, (width, height), interpolation=cv2.INTER_LINEAR) for one in change]
    changed = np.stack(change)
    smooth = picture_of(planes + changed, np.dtype(np.uint16))
    return np.where(np.any(changed != 0, axis=0)[..., None], smooth, deep)


def _near_plateaus(luma: Floats) -> Floats:
    """Return in [0, 1] how much of the smoothing a pixel gets: all of it where a plateau is near."""
    near = cv2.dilate(_equal_share(luma), np.ones((_REACH_PX, _REACH_PX), np.uint8))
    near = cv2.blur(near, (BLOCK_PX + 1, BLOCK_PX + 1))
    return np.asarray(np.clip((near - _MASK_FROM) / (_MASK_FULL - _MASK_FROM), 0, 1), np.float32)


def _smoothed(plane: Floats, step: float, waves_per_step: float) -> Floats:
    """Return a plane without steps, whose small cosine coefficients are dropped as in ``denoise``, but only once."""
    plane = level_steps(plane, step)
    sigma = min(waves_per_step * step, _MOST_WAVES)
    height, width = plane.shape
    margins = [(BLOCK_PX, BLOCK_PX + -side % BLOCK_PX) for side in plane.shape]
    padded = np.pad(plane, margins, mode="reflect")
    variance = np.full(padded.shape, sigma**2, np.float32)
    clean = thresholded(padded, variance, np.ones(COEFFICIENTS, np.float32))
    return clean[BLOCK_PX : BLOCK_PX + height, BLOCK_PX : BLOCK_PX + width]


# --- diffusion ----------------------------------------------------------------------------------------------------

_HALVINGS = 3
_ROUNDS = 8
_FIDELITY = np.float32(0.3)
"""Weight of what was there, beside 1 for each neighbour: half of it costs 0.1 to 0.2 dB at CRF 26, and gains nothing to
speak of at 38."""
_EDGE_PER_STEP = 2.0
"""Difference between neighbours, per height of a step, from which on nothing flows. 1.25 levels less, 2.5 more; on
``traces --tune`` each gains 0.05 to 0.1 dB in flat areas over the one before."""


def level_steps(plane: Floats, step: float) -> Floats:
    """Return a plane whose steps up to a height have become slopes; nothing changes by more than half of it.

    Diffusion with the weights of Tukey's function, which ends at edges (Black, Sapiro, Marimont & Heeger, "Robust
    anisotropic diffusion", IEEE Trans. Image Processing 7, 1998), from the coarsest of several sizes to the finest, so
    that wide plateaus are levelled too. Within half a step of what was decoded lies what was encoded: the quantisation
    constraint of Zakhor, "Iterative procedures for reduction of blocking effects in transform image coding" (IEEE
    Trans. Circuits and Systems for Video Technology 2, 1992).

    Args:
        plane: (height, width) in levels.
        step: Height of the steps in levels.
    """
    sizes = [plane]
    while len(sizes) <= _HALVINGS and min(sizes[-1].shape) >= 2 * BLOCK_PX:
        sizes.append(halved(sizes[-1]))
    level = sizes[-1]
    for number in range(len(sizes) - 1, -1, -1):
        source = sizes[number]
        if level.shape != source.shape:
            level = source + doubled(level - sizes[number + 1], source.shape)
        level = _diffused(level, source, np.float32(step))
    return level


def _diffused(level: Floats, source: Floats, step: np.float32) -> Floats:
    """Return the level after some rounds of flow between neighbours, held to half a step of the source."""
    flow = [_conductance(np.diff(source, axis=axis), step) for axis in (1, 0)]
    total = np.full(source.shape, _FIDELITY, np.float32)
    total[:, 1:] += flow[0]
    total[:, :-1] += flow[0]
    total[1:] += flow[1]
    total[:-1] += flow[1]
    kept, low, high = _FIDELITY * source, source - step / 2, source + step / 2
    for _ in range(_ROUNDS):
        taken = kept.copy()
        taken[:, 1:] += flow[0] * level[:, :-1]
        taken[:, :-1] += flow[0] * level[:, 1:]
        taken[1:] += flow[1] * level[:-1]
        taken[:-1] += flow[1] * level[1:]
        taken /= total
        level = np.clip(taken, low, high)
    return level


def _conductance(difference: Floats, step: np.float32) -> Floats:
    passed = 1 - np.square(difference / (np.float32(_EDGE_PER_STEP) * step))
    return np.asarray(np.square(np.maximum(passed, 0)), np.float32)
