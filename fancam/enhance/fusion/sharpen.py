"""Give back to a merged picture what the camera's blur took, where it rises above the errors that are left.

The detail of each size is multiplied by a gain as of a Wiener filter against the blur: above 1 where the picture is
lively, below 1 where it is nearly flat and detail is noise and the encoder's error. It is back-projection with a
strength that each pixel's neighbourhood decides, and a blur that is read off the picture's own edges. The constants
are least-squares fits to the ``TUNE`` clips of ``benchmarks/_fancams.py`` under three camera blurs.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from fancam.enhance.fusion.align import Plane

LUMA = np.array([0.299, 0.587, 0.114], np.float32)
"""ITU-R BT.601."""
SIZES_PX = (0.6, 1.2)
"""Standard deviations of the smoothing that parts the bands of detail, in pixels of the source, each after the last."""
AROUND_PX = 1.0
"""How far around a pixel its liveliness is measured."""
LIVELY, FLAT = (1.02, 0.0), (-1.12, 0.0)
"""What is added to each band's gain of 1 where the picture is lively, and where it is flat."""
LIVELY_PER_CRISPNESS, FLAT_PER_CRISPNESS = (0.0, -0.78), (-0.1, -0.3)
CRISPNESS, CRISPNESS_RANGE = -1.3, (-0.5, 0.5)
"""Of the clips the constants were fitted to; and how far from it they are believed."""
THRESHOLD, THRESHOLD_PER_NOISE, THRESHOLD_UNSEEN = 2.5, 0.5, 3.0
"""Detail, in levels, at which the gain is half way between the two: at least, per level of noise, and more where no
other frame saw the pixel anew."""


def sharpened(merged: npt.NDArray[np.float32], grid: int, noise: float, seen: Plane) -> npt.NDArray[np.float32]:
    """Return the picture with its detail weighed anew; colours keep their differences to the luma.

    Args:
        merged: (h, w, 3) float32 RGB on the fine grid, levels of 255.
        grid: Pixels of it per pixel of the source.
        noise: Of one frame, in levels of luma.
        seen: (h, w) share of the frames that measured a pixel, in [0, 1].
    """
    fine, coarse = _bands(np.asarray(merged @ LUMA, np.float32), grid)
    power = _power(fine, coarse, grid)
    threshold = THRESHOLD + THRESHOLD_PER_NOISE * noise + THRESHOLD_UNSEEN * (1 - seen)
    lively = power / (power + threshold * threshold)
    crisp = float(np.clip(_crispness(fine, coarse, power) - CRISPNESS, *CRISPNESS_RANGE))
    change = np.zeros_like(lively)
    for i, band in enumerate((fine, coarse)):
        high, low = LIVELY[i] + LIVELY_PER_CRISPNESS[i] * crisp, FLAT[i] + FLAT_PER_CRISPNESS[i] * crisp
        change += band * np.maximum(lively * (high - low) + low, -1)
    return np.asarray(merged + change[..., None], np.float32)


def _bands(luma: Plane, grid: int) -> tuple[Plane, Plane]:
    first = cv2.GaussianBlur(luma, (0, 0), SIZES_PX[0] * grid)
    second = cv2.GaussianBlur(first, (0, 0), SIZES_PX[1] * grid)
    return np.asarray(luma - first, np.float32), np.asarray(first - second, np.float32)


def _power(fine: Plane, coarse: Plane, grid: int) -> Plane:
    return np.asarray(cv2.GaussianBlur((fine + coarse) ** 2, (0, 0), AROUND_PX * grid), np.float32)


def _crispness(fine: Plane, coarse: Plane, power: npt.NDArray) -> float:
    edges = power > np.quantile(power[::2, ::2], 0.9)
    below = float(np.mean(coarse[edges] ** 2)) if edges.any() else 0.0
    above = float(np.mean(fine[edges] ** 2)) if edges.any() else 0.0
    return float(np.log(above / below)) if min(above, below) > 0 else CRISPNESS


def fine_detail(luma: Plane, grid: int) -> Plane:
    """Return a luma's detail up to the coarser of ``SIZES_PX``."""
    return np.asarray(luma - cv2.GaussianBlur(luma, (0, 0), SIZES_PX[1] * grid), np.float32)


def crispness_of(luma: Plane, grid: int) -> float:
    """Return the logarithm of the power of fine detail over that of coarse detail at the liveliest tenth of the pixels.

    A camera's blur lowers it, and how much detail there is does not: of one clip it is the same to 0.1 in any noise.
    """
    fine, coarse = _bands(luma, grid)
    return _crispness(fine, coarse, _power(fine, coarse, grid))
