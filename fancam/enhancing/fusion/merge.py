"""Robust merge on a fine grid: every neighbour is warped and weighted per pixel by its agreement; then deblurring."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from fancam.enhancing.cleaning.blocks import YCBCR_FROM_RGB
from fancam.enhancing.fusion.align import Fine, Motion, Plane, enlarged, enlarged_rows, luma_of, warped
from fancam.media import Picture

Colours = npt.NDArray[np.float32]
"""(h, w, 3) float32 RGB, levels of 255."""

AGREE_BLUR_PX = 1.0
"""Disagreement is judged on pictures smoothed this much, standard deviation in pixels of the source."""
TOLERANCE = 4.0
"""Difference of the smoothed colours, in levels, that still agrees where there is no noise."""
TOLERANCE_PER_NOISE = 0.8
WEIGHT_BLUR_PX = 1.0
"""Weights are smoothed this much: one that follows the noise of a pixel prefers neighbours with the same noise."""
LIGHT_BLUR_SHARE = 1 / 8
"""Light that changes between frames is matched in parts of this share of the longer side."""
LIGHT_OFFSET = 4.0
"""Added to both levels before their ratio is taken, so that black stays black."""
MAX_LIGHT = 1.7
LIGHT_SPREAD = 0.12
"""How far the light of a part may be from that of the whole, as a difference of logarithms."""
COPIED_LEVELS = 0.2
"""Mean difference of two frames of a clip below which an encoder copied the one from the other."""

STRIP_ROWS = 64
"""Rows of the source that are merged at once: float copies of a whole picture on the fine grid are gigabytes."""
BLUR_REACH_PX = 8
"""More than a Gaussian filter of ``AGREE_BLUR_PX`` reaches."""

LUMA: npt.NDArray[np.float32] = YCBCR_FROM_RGB[0].astype(np.float32)
SIZES_PX = (0.6, 1.2)
"""Standard deviations of the smoothing that parts the bands of detail, in pixels of the source, each after the last."""
SHARPENING_GRID = 2
"""Pixels per source pixel on which the bands are parted; on those of the source Gaussians of such a size are coarse."""
ENERGY_PX = 1.0
"""Standard deviation of the window in which the local energy of detail is measured, in pixels of the source."""
DETAILED, FLAT = (1.02, 0.0), (-1.12, 0.0)
"""What is added to each band's gain of 1 where the local energy is high, and where it is low."""
DETAILED_PER_CRISPNESS, FLAT_PER_CRISPNESS = (0.0, -0.78), (-0.1, -0.3)
CRISPNESS, CRISPNESS_RANGE = -1.3, (-0.5, 0.5)
"""Of the clips the constants were fitted to; and how far from it they are believed."""
THRESHOLD, THRESHOLD_PER_NOISE, THRESHOLD_UNSEEN = 2.5, 0.5, 3.0
"""Detail, in levels, at which the gain is half way between the two: at least, per level of noise, and more where no
other frame saw the pixel anew."""


@dataclass(frozen=True, slots=True, eq=False)
class Aligned:
    """A neighbour and where it lies."""

    pixels: Picture
    motion: Motion
    light: Colours
    """(a few, a few, 3) by what the neighbour's light was changed; see ``lit_rows``."""
    trust: Plane
    """(a few, a few) whether that change is to be believed."""
    fresh: npt.NDArray[np.bool_]
    """(h, w) where the neighbour is more than a copy of the frame before it."""
    noise: float
    """Difference to the reference in levels, as the noise of one frame."""


def freshness(neighbour: Picture, beside: Picture) -> npt.NDArray[np.bool_]:
    """Return where a frame is more than a copy of the one beside it, (h, w).

    Repeated frames and the encoder's skipped blocks measure nothing anew.
    """
    far = np.mean(cv2.absdiff(neighbour, beside).astype(np.float32), axis=2)
    return np.asarray(cv2.blur(far, (9, 9)) > COPIED_LEVELS)


def noise_between(reference: Picture, neighbour: Picture, wanted: npt.NDArray[np.bool_]) -> float:
    """Return the noise of one frame from the difference of two that are aligned, in levels of luma.

    What does not agree is among the largest quarter of the differences, which is left out; the mean of the other three
    is 0.515 standard deviations of a normal distribution. A warped neighbour has lost about half the power of its
    noise to the interpolation, hence the 1.5 where two whole frames would have 2.
    """
    far = np.sort(np.abs(luma_of(reference)[wanted] - luma_of(neighbour)[wanted]))
    return float(np.mean(far[: max(far.size * 3 // 4, 1)]) / 0.515 / np.sqrt(1.5))


def light_between(reference: Picture, neighbour: Picture) -> tuple[Colours, Plane]:
    """Return by what a neighbour's light differs from the reference's, and where that is to be believed.

    Stage lights flicker and change colour. They change the whole smoothly; a part that changed by itself is something
    else that came into view, and must not be made to agree.

    Returns:
        For ``lit_rows``, at a size of a few cells per side: factors in [1 / MAX_LIGHT, MAX_LIGHT], and trust in [0, 1].
    """
    high, wide = reference.shape[:2]
    cell = max(max(high, wide) * LIGHT_BLUR_SHARE / 4, 1.0)
    size = (max(round(wide / cell), 2), max(round(high / cell), 2))
    small = [cv2.resize(p, size, interpolation=cv2.INTER_AREA).astype(np.float32) for p in (reference, neighbour)]
    low = [cv2.GaussianBlur(p, (0, 0), 4.0, borderType=cv2.BORDER_REPLICATE) for p in small]
    ratio = np.log((low[0] + LIGHT_OFFSET) / (low[1] + LIGHT_OFFSET))
    whole = np.median(ratio.reshape(-1, 3), axis=0)
    bound = np.log(MAX_LIGHT)
    off = np.max(np.abs(ratio - whole), axis=2) / LIGHT_SPREAD
    trust = np.exp(-(np.maximum(off - 1, 0) ** 2)).astype(np.float32)
    return np.exp(np.clip(ratio, -bound, bound)).astype(np.float32), trust


def relit(rows: Picture, light: Colours, top: int, height: int) -> Picture:
    """Return what ``lit_rows`` returns, in whole levels."""
    made = np.empty_like(rows)
    for first in range(0, rows.shape[0], STRIP_ROWS):
        strip = slice(first, first + STRIP_ROWS)
        made[strip] = np.clip(np.rint(lit_rows(rows[strip], light, top + first, height)), 0, 255)
    return made


def lit_rows(rows: Picture, light: Colours, top: int, height: int) -> Colours:
    """Return some rows of a picture in the light that ``light_between`` found for all of it.

    Args:
        rows: (h, W, 3) rows of the picture from ``top`` on.
        light: (a few, a few, 3) of the whole picture.
        top: Number of the first row.
        height: Of the whole picture.
    """
    wide = cv2.resize(light, (rows.shape[1], light.shape[0]), interpolation=cv2.INTER_LINEAR)
    at = (np.arange(top, top + rows.shape[0]) + 0.5) * (light.shape[0] / height) - 0.5
    above = np.floor(at)
    share = (at - above).astype(np.float32)[:, None, None]
    first, second = (np.clip(above + k, 0, light.shape[0] - 1).astype(np.intp) for k in (0, 1))
    lit = rows + np.float32(LIGHT_OFFSET)
    lit *= wide[first] * (1 - share) + wide[second] * share
    lit -= np.float32(LIGHT_OFFSET)
    return np.asarray(lit, np.float32)


class Merge:
    """The running weighted mean; the order in which neighbours are added is part of the result.

    All that is as large as the finer picture is kept once; what a neighbour adds is computed strip by strip.
    """

    def __init__(self, reference: Picture, grid: int, noise: float) -> None:
        """Begin with the reference, which every pixel can fall back to.

        Args:
            reference: The picked frame.
            grid: Pixels of the result per pixel of the source.
            noise: Of one frame, in levels.
        """
        self.noise = noise
        """Of one frame, in levels of luma."""
        self.frames = 1
        """How many have been merged, the reference counted."""
        self._reference = reference
        self.grid = grid
        """Pixels of the result per pixel of the source."""
        self._tolerance = TOLERANCE + TOLERANCE_PER_NOISE * noise
        self._total = enlarged(reference, grid).astype(np.float32)
        self._weights = np.ones(self._total.shape[:2], np.float32)
        self._squares = self._weights.copy()

    def add(self, neighbour: Aligned, least_share: float, each: Callable = map) -> None:
        """Add a neighbour, unless fewer of its pixels agree.

        Args:
            neighbour: Of the size of the reference.
            least_share: Of its pixels that must agree with the reference.
            each: Applies a function to strips, side by side or one after the other.
        """
        rows = range(0, self._reference.shape[0], STRIP_ROWS)
        size = self._reference.shape[1::-1]
        trust = np.asarray(cv2.resize(neighbour.trust, size, interpolation=cv2.INTER_LINEAR), np.float32)
        agreed = np.concatenate(list(each(lambda top: self._agreement(neighbour, trust, top), rows)))
        if float(agreed.mean()) < least_share:
            return
        self.frames += 1
        fresh = np.clip(warped(neighbour.fresh.astype(np.float32), neighbour.motion), 0, 1)
        weight = np.asarray(cv2.GaussianBlur(agreed * fresh, (0, 0), WEIGHT_BLUR_PX), np.float32)
        fine = Fine(neighbour.pixels)
        for _ in each(lambda top: self._add_strip(neighbour, fine, weight, top), rows):
            pass

    def _agreement(self, neighbour: Aligned, trust: Plane, top: int) -> Plane:
        """Return how far a strip of the neighbour agrees with the reference, in [0, 1]."""
        height = self._reference.shape[0]
        bottom = min(top + STRIP_ROWS, height)
        above, below = max(top - BLUR_REACH_PX, 0), min(bottom + BLUR_REACH_PX, height)
        near = relit(warped(neighbour.pixels, neighbour.motion, above, below), neighbour.light, above, height)
        smooth = [
            cv2.GaussianBlur(p.astype(np.float32), (0, 0), AGREE_BLUR_PX)[top - above : bottom - above]
            for p in (near, self._reference[above:below])
        ]
        far = np.sum((smooth[0] - smooth[1]) ** 2, axis=2)
        inside = _inside(neighbour.motion, top, bottom)
        return np.asarray(np.exp(-far / self._tolerance**2) * trust[top:bottom] * inside, np.float32)

    def _add_strip(self, neighbour: Aligned, fine: Fine, weight: Plane, top: int) -> None:
        grid, height = self.grid, weight.shape[0]
        bottom = min(top + STRIP_ROWS, height)
        strip = slice(top * grid, bottom * grid)
        share = np.clip(enlarged_rows(weight, top, bottom, grid), 0, 1)
        seen = lit_rows(fine.taken(neighbour.motion, top, bottom, grid), neighbour.light, strip.start, height * grid)
        seen *= share[..., None]
        self._total[strip] += seen
        self._weights[strip] += share
        self._squares[strip] += share * share

    def finish(self) -> Colours:
        """Return the merged picture on the fine grid; nothing can be added after that."""
        self._total /= self._weights[..., None]
        return self._total

    def evidence(self) -> Plane:
        """Return the effective number of frames per pixel of the fine grid, 1 or more (Kish 1965)."""
        return np.asarray(np.maximum(self._weights**2 / self._squares, 1), np.float32)


def _inside(motion: Motion, top: int, bottom: int) -> Plane:
    """Return 1 where some rows of the reference lie inside the neighbour, 0 where they do not."""
    (wide, high), (xs, ys) = motion.size, motion.places(top, bottom)
    return np.asarray((xs >= -0.5) & (xs <= wide - 0.5) & (ys >= -0.5) & (ys <= high - 0.5), np.float32)


def sharpened(merged: npt.NDArray[np.float32], grid: int, noise: float, seen: Plane) -> npt.NDArray[np.float32]:
    """Return the picture with two bands of its detail amplified or attenuated; colours keep their distance to the luma.

    Args:
        merged: (h, w, 3) float32 RGB on the fine grid, levels of 255.
        grid: Pixels of it per pixel of the source.
        noise: Of one frame, in levels of luma.
        seen: (h, w) share of the frames that measured a pixel, in [0, 1].
    """
    luma = np.asarray(merged @ LUMA, np.float32)
    if grid >= SHARPENING_GRID:
        return np.asarray(merged + _sharpening(luma, grid, noise, seen)[..., None], np.float32)
    high, wide = luma.shape
    times = SHARPENING_GRID // grid
    size = (wide * times, high * times)
    finer = np.asarray(cv2.resize(luma, size, interpolation=cv2.INTER_LANCZOS4), np.float32)
    change = _sharpening(finer, SHARPENING_GRID, noise, enlarged_rows(seen, 0, high, times))
    return np.asarray(merged + cv2.resize(change, (wide, high), interpolation=cv2.INTER_AREA)[..., None], np.float32)


def _sharpening(luma: Plane, grid: int, noise: float, seen: Plane) -> Plane:
    """Return what is to be added to a merged picture of this luma; see ``sharpened``."""
    fine, coarse = _bands(luma, grid)
    power = _power(fine, coarse, grid)
    threshold = THRESHOLD + THRESHOLD_PER_NOISE * noise + THRESHOLD_UNSEEN * (1 - seen)
    detailed = power / (power + threshold * threshold)
    crisp = float(np.clip(_crispness(fine, coarse, power) - CRISPNESS, *CRISPNESS_RANGE))
    change = np.zeros_like(detailed)
    for i, band in enumerate((fine, coarse)):
        high, low = DETAILED[i] + DETAILED_PER_CRISPNESS[i] * crisp, FLAT[i] + FLAT_PER_CRISPNESS[i] * crisp
        change += band * np.maximum(detailed * (high - low) + low, -1)
    return np.asarray(change, np.float32)


def _bands(luma: Plane, grid: int) -> tuple[Plane, Plane]:
    first = cv2.GaussianBlur(luma, (0, 0), SIZES_PX[0] * grid)
    second = cv2.GaussianBlur(first, (0, 0), SIZES_PX[1] * grid)
    return np.asarray(luma - first, np.float32), np.asarray(first - second, np.float32)


def _power(fine: Plane, coarse: Plane, grid: int) -> Plane:
    return np.asarray(cv2.GaussianBlur((fine + coarse) ** 2, (0, 0), ENERGY_PX * grid), np.float32)


def _crispness(fine: Plane, coarse: Plane, power: npt.NDArray) -> float:
    edges = power > np.quantile(power[::2, ::2], 0.9)
    below = float(np.mean(coarse[edges] ** 2)) if edges.any() else 0.0
    above = float(np.mean(fine[edges] ** 2)) if edges.any() else 0.0
    return float(np.log(above / below)) if min(above, below) > 0 else CRISPNESS


def crispness_of(luma: Plane, grid: int) -> float:
    """Return the logarithm of the power of fine over coarse detail at the tenth of the pixels with most of it.

    A camera's blur lowers it, and how much detail there is does not: of one clip it is the same to 0.1 in any noise.
    """
    fine, coarse = _bands(luma, grid)
    return _crispness(fine, coarse, _power(fine, coarse, grid))
