"""Takes noise out of a single picture, as strongly as it was measured."""

from __future__ import annotations

import numpy as np

from fancam.enhance.cleaning.noise import sigma_map
from fancam.enhance.cleaning.sliding import Passes, filtered
from fancam.enhance.cleaning.ycbcr import Planes, picture_of, planes_of, reflected
from fancam.records import NoiseModel, Samples

NOISY_SIGMA = 1.5
"""In levels of 255: less than this in luma and chroma is no noise that pays to clean."""

_TILE_PX = 384
"""Of the picture that is worked on at once, in 150 MB; the result does not depend on it."""
_LUMA, _CHROMA = Passes(sizes=2, last_step=1), Passes(sizes=3, last_step=2)
"""Noise of the chroma is coarser: cameras and coders store half of its pixels, or a quarter."""
_MARGIN_PX = max(_LUMA.margin_px, _CHROMA.margin_px)
_MULTIPLE_PX = 8
"""Tiles begin at multiples of it, so that the grids of all sizes are the same in each."""


def is_noisy(noise: NoiseModel) -> bool:
    """Whether it pays to clean a picture with this noise."""
    return max(noise.luma_sigma, noise.chroma_sigma) >= NOISY_SIGMA


def denoise(picture: Samples, noise: NoiseModel, strength: float = 1.0) -> Samples:
    """Return a picture without its noise.

    Luma and chroma are filtered on their own, each with the strength and the spectrum that its noise has at the local
    brightness; see ``sliding.filtered``. The chroma, whose noise is seen first, is cleaned down to coarser blotches.

    Args:
        picture: (height, width, 3) RGB, 8 or 16 bits.
        noise: From ``measure_noise``.
        strength: Times the measured standard deviation; 0 returns the picture as it is.

    Returns:
        The same shape and type.
    """
    if strength == 0 or not noise.sigma.any():
        return picture.copy()
    height, width = picture.shape[:2]
    result = np.empty_like(picture)
    for top in range(0, height, _TILE_PX):
        for left in range(0, width, _TILE_PX):
            bottom, right = min(top + _TILE_PX, height), min(left + _TILE_PX, width)
            rows = reflected(top - _MARGIN_PX, _rounded_up(bottom) + _MARGIN_PX, height)
            columns = reflected(left - _MARGIN_PX, _rounded_up(right) + _MARGIN_PX, width)
            clean = _cleaned(planes_of(picture[np.ix_(rows, columns)]), noise, strength)
            result[top:bottom, left:right] = picture_of(clean[:, : bottom - top, : right - left], picture.dtype)
    return result


def _rounded_up(length: int) -> int:
    return -(-length // _MULTIPLE_PX) * _MULTIPLE_PX


def _cleaned(planes: Planes, noise: NoiseModel, strength: float) -> Planes:
    """Return Y, Cb and Cr without noise and without the margin."""
    clean = []
    for channel, passes in enumerate((_LUMA, _CHROMA, _CHROMA)):
        variance = (strength * sigma_map(planes[0], noise, channel)) ** 2
        cut = _MARGIN_PX - passes.margin_px
        inside = np.s_[cut : planes.shape[1] - cut, cut : planes.shape[2] - cut]
        clean.append(filtered(planes[channel][inside], variance[inside], noise.spectrum[channel], passes))
    return np.stack(clean)
