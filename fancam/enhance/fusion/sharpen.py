"""Give back to a merged picture what the camera's blur took, where it rises above the noise that is left.

The detail of each size is multiplied by the gain of a Wiener filter against the blur: above 1 where the picture is
lively, below 1 where it is nearly flat and detail is noise and the encoder's error. It is back-projection in one step,
with a strength that each pixel's neighbourhood decides.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from fancam.enhance.fusion.align import Plane

LUMA = np.array([0.299, 0.587, 0.114], np.float32)
"""ITU-R BT.601."""
SIZES_PX = (0.35, 0.7, 1.4)
"""Standard deviations, in pixels of the source, between which the bands of detail lie."""
LIVELY_GAINS = (1.6, 1.35, 1.1)
FLAT_GAINS = (0.1, 0.25, 0.8)
AROUND_PX = 1.0
THRESHOLD, THRESHOLD_PER_NOISE = 1.6, 0.35
"""Detail, in levels, at which the gain is half way between that of a flat and that of a lively part."""


def bands(luma: Plane, grid: int) -> list[Plane]:
    """Return the detail of each size of ``SIZES_PX``, finest first; their sum is luma less its coarse part."""
    found, rest = [], luma
    for size in SIZES_PX:
        smooth = cv2.GaussianBlur(rest, (0, 0), size * grid)
        found.append(rest - smooth)
        rest = smooth
    return found


def liveliness(found: Sequence[Plane], grid: int) -> Plane:
    """Return the power of the two finest bands around each pixel, in levels squared."""
    return np.asarray(cv2.GaussianBlur((found[0] + found[1]) ** 2, (0, 0), AROUND_PX * grid), np.float32)


def sharpened(merged: npt.NDArray[np.float32], grid: int, noise: float) -> npt.NDArray[np.float32]:
    """Return the picture with its detail weighted anew; colours keep their differences to the luma.

    Args:
        merged: (h, w, 3) float32 RGB on the fine grid.
        grid: Pixels of it per pixel of the source.
        noise: Of one frame, in levels of luma.
    """
    found = bands(np.asarray(merged @ LUMA, np.float32), grid)
    power = liveliness(found, grid)
    lively = power / (power + (THRESHOLD + THRESHOLD_PER_NOISE * noise) ** 2)
    change = np.zeros_like(lively)
    for band, high, low in zip(found, LIVELY_GAINS, FLAT_GAINS, strict=True):
        change += band * (lively * (high - low) + (low - 1))
    return np.asarray(merged + change[..., None], np.float32)
