"""Takes noise out of a single picture, as strongly as it was measured."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from fancam.enhance.cleaning.blocks import Blocks, blocks_of, put_together, transform, transform_back
from fancam.enhance.cleaning.noise import sigma_map
from fancam.enhance.cleaning.ycbcr import Planes, picture_of, planes_of, reflected
from fancam.records import NoiseModel, Samples

NOISY_SIGMA = 1.5
"""In levels of 255: less than this in luma and chroma is no noise that pays to clean."""

_TILE_PX = 512
_HALO_PX = 24
_STEP_PX = 2
_THRESHOLD = 2.7
"""Times the standard deviation of a coefficient's noise, as in Yu & Sapiro (below) and BM3D (Dabov et al., 2007)."""

Floats = npt.NDArray[np.float32]


def is_noisy(noise: NoiseModel) -> bool:
    """Whether it pays to clean a picture with this noise."""
    return max(noise.luma_sigma, noise.chroma_sigma) >= NOISY_SIGMA


def denoise(picture: Samples, noise: NoiseModel, strength: float = 1.0) -> Samples:
    """Return a picture without its noise.

    Overlapping blocks of 8 x 8 pixels are cosine-transformed and small coefficients dropped (Yu & Sapiro, "DCT image
    denoising: a simple and effective image denoising algorithm", IPOL 2011); what remains tells a second pass how much
    of each coefficient is signal (empirical Wiener filter, as in Dabov et al., "Image denoising by sparse 3-D
    transform-domain collaborative filtering", 2007).

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
            rows = reflected(top - _HALO_PX, bottom + _HALO_PX, height)
            columns = reflected(left - _HALO_PX, right + _HALO_PX, width)
            clean = _cleaned(planes_of(picture[np.ix_(rows, columns)]), noise, strength)
            inside = clean[:, _HALO_PX : _HALO_PX + bottom - top, _HALO_PX : _HALO_PX + right - left]
            result[top:bottom, left:right] = picture_of(inside, picture.dtype)
    return result


def _cleaned(planes: Planes, noise: NoiseModel, strength: float) -> Planes:
    return np.stack([_clean_plane(planes, noise, strength, channel) for channel in range(3)])


def _clean_plane(planes: Planes, noise: NoiseModel, strength: float, channel: int) -> Floats:
    variance = (strength * sigma_map(planes[0], noise, channel)) ** 2
    power = blocks_of(variance, _STEP_PX).mean(axis=0) * noise.spectrum[channel].reshape(-1, 1, 1)
    shape = (planes.shape[1], planes.shape[2])
    coefficients = transform(blocks_of(planes[channel], _STEP_PX))
    first = _thresholded(coefficients, power, shape)
    return _wiener(coefficients, transform(blocks_of(first, _STEP_PX)), power, shape)


def _thresholded(coefficients: Blocks, power: Blocks, shape: tuple[int, int]) -> Floats:
    keep = coefficients**2 > _THRESHOLD**2 * power
    keep[0] = True
    weights = 1 / keep.sum(axis=0, dtype=np.float32)
    return put_together(transform_back(coefficients * keep), weights, _STEP_PX, shape)


def _wiener(coefficients: Blocks, pilot: Blocks, power: Blocks, shape: tuple[int, int]) -> Floats:
    share = pilot**2
    share /= share + np.maximum(power, np.float32(1e-12))
    share[0] = 1
    weights = 1 / (share**2).sum(axis=0)
    return put_together(transform_back(coefficients * share), weights, _STEP_PX, shape)
