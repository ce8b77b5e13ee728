"""A print with 16 bits becomes one with 8, without contours where it is smooth."""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt

from fancam.media import Samples

Floats = npt.NDArray[np.float32]

_TILE_PX = 64
_ROUNDS = 12
_SHIFTS = ((0, 0), (17, 41), (43, 23))
"""Where the tile begins in red, green and blue, so that their noise is not grey."""
_BAND_ROWS = 256
_DEEP = np.float32(1 / 257)


def to_depth(pixels: Samples, dtype: np.dtype[np.uint8] | np.dtype[np.uint16]) -> Samples:
    """Return pixels with as many bits as a type holds.

    From 16 to 8 bits every sample becomes one of the two levels around it, which of them a fixed pattern of blue noise
    decides: the mean over a few pixels is what it was, and a slope has no contours (Ulichney, "Dithering with blue
    noise", Proc. IEEE 76, 1988). What is a whole level stays one; the same pixels give the same bytes.

    Args:
        pixels: (height, width, 3) RGB.
        dtype: Wanted; the pixels themselves come back where it is theirs.
    """
    if pixels.dtype == dtype:
        return pixels
    if dtype == np.uint16:
        return pixels.astype(np.uint16) * np.uint16(257)
    result = np.empty(pixels.shape, np.uint8)
    height, width, channels = pixels.shape
    for top in range(0, height, _BAND_ROWS):
        rows = np.arange(top, min(top + _BAND_ROWS, height))
        for channel in range(channels):
            down, across = _SHIFTS[channel]
            places = np.ix_((rows + down) % _TILE_PX, (np.arange(width) + across) % _TILE_PX)
            levels = pixels[rows[0] : rows[-1] + 1, :, channel].astype(np.float32) * _DEEP
            result[rows[0] : rows[-1] + 1, :, channel] = levels + _thresholds()[places]
    return result


@cache
def _thresholds() -> Floats:
    """Return (64, 64) values in (0, 1), each once, of which neighbours differ: noise without low frequencies.

    White noise is made so by taking its blurred self away and giving every pixel its rank, again and again.
    """
    field = np.random.default_rng(0).permutation(_TILE_PX**2).reshape(_TILE_PX, _TILE_PX).astype(np.float64)
    for _ in range(_ROUNDS):
        field = _ranks(field - _blurred(field))
    return ((field + 0.5) / field.size).astype(np.float32)


def _ranks(field: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    ranks = np.empty(field.size)
    ranks[np.argsort(field, axis=None, kind="stable")] = np.arange(field.size)
    return ranks.reshape(field.shape)


def _blurred(field: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the field through a Gaussian of 1.5 pixels, as if tiles lay all around."""
    weights = np.exp(-np.square(np.arange(-4, 5)) / (2 * 1.5**2))
    for axis in (0, 1):
        field = np.asarray(
            sum(weight * np.roll(field, k, axis) for k, weight in enumerate(weights / weights.sum(), -4))
        )
    return field
