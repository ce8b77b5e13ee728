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
LIVELY, FLAT = (1.6, -0.05), (-1.9, 0.5)
"""What is added to each band's gain of 1 where the picture is lively, and where it is flat."""
LIVELY_PER_CRISPNESS, FLAT_PER_CRISPNESS = (-0.7, -0.9), (-0.4, -0.8)
CRISPNESS, CRISPNESS_RANGE = -1.26, (-0.5, 0.45)
"""Of the clips the constants were fitted to; and how far from it they are believed."""
STRENGTH, STRENGTH_PER_SEEN, STRENGTH_PER_LOG_NOISE, STRENGTH_PER_CRISPNESS = -0.194, 1.831, -0.163, -0.603
STRENGTH_RANGE = (0.2, 1.25)
"""How much of the change is made: less where few frames are anew, which is what heavy compression looks like."""
THRESHOLD, THRESHOLD_PER_NOISE, THRESHOLD_UNSEEN = 1.7, 0.5, 6.0
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
    power = cv2.GaussianBlur((fine + coarse) ** 2, (0, 0), AROUND_PX * grid)
    threshold = THRESHOLD + THRESHOLD_PER_NOISE * noise + THRESHOLD_UNSEEN * (1 - seen)
    lively = power / (power + threshold * threshold)
    crisp = float(np.clip(_crispness(fine, coarse, power) - CRISPNESS, *CRISPNESS_RANGE))
    strength = STRENGTH + STRENGTH_PER_SEEN * float(seen.mean()) + STRENGTH_PER_CRISPNESS * crisp
    strength = float(np.clip(strength + STRENGTH_PER_LOG_NOISE * np.log(max(noise, 0.3)), *STRENGTH_RANGE))
    change = np.zeros_like(lively)
    for i, band in enumerate((fine, coarse)):
        high, low = LIVELY[i] + LIVELY_PER_CRISPNESS[i] * crisp, FLAT[i] + FLAT_PER_CRISPNESS[i] * crisp
        change += band * np.maximum(lively * (high - low) + low, -1)
    return np.asarray(merged + strength * change[..., None], np.float32)


def _bands(luma: Plane, grid: int) -> tuple[Plane, Plane]:
    first = cv2.GaussianBlur(luma, (0, 0), SIZES_PX[0] * grid)
    second = cv2.GaussianBlur(first, (0, 0), SIZES_PX[1] * grid)
    return np.asarray(luma - first, np.float32), np.asarray(first - second, np.float32)


def _crispness(fine: Plane, coarse: Plane, power: npt.NDArray) -> float:
    """Return the logarithm of the power of fine detail over that of coarse detail at the liveliest tenth of the pixels.

    A camera's blur lowers it, and how much detail there is does not: of one clip it is the same to 0.1 in any noise.
    """
    edges = power > np.quantile(power[::2, ::2], 0.9)
    below = float(np.mean(coarse[edges] ** 2)) if edges.any() else 0.0
    above = float(np.mean(fine[edges] ** 2)) if edges.any() else 0.0
    return float(np.log(above / below)) if min(above, below) > 0 else CRISPNESS


def detail_of(luma: Plane, grid: int) -> float:
    """Return the standard deviation of a luma's detail, up to the coarser of ``SIZES_PX``, in levels."""
    return float(np.std(luma - cv2.GaussianBlur(luma, (0, 0), SIZES_PX[1] * grid)))
