"""How sharp a face is, whatever its noise, contrast, exposure, size and background.

A face is cut out, brought to one fixed size and reduced to luma. Then the steepness of its edges is measured in eight
directions, freed of what noise adds to it, and divided by the contrast of the face. Whole-frame measures rank stage
frames little better than chance, since the LED wall outweighs the face; a plain Laplacian of the face ranks noise.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from fancam.records import Box, Face, Picture

PATCH_PX = 128
"""Side of the patch every face is brought to; sharpness is comparable between faces only at one scale."""
FACE_SHRINK = 0.05
"""The box is shrunk by this share on each side, which leaves most of the background and the outline of the head out."""
GRADIENT_SIGMA = 1.5
"""Gaussian before differentiating, in patch pixels: it takes most of the noise and little of the facial edges."""
CONTRAST_SIGMA = 3.0
"""Gaussian before the contrast is measured, so that blur and noise hardly change it."""
CONTRAST_FLOOR = 6.0
"""Added to the contrast, in levels: a face in the dark is not made sharp by dividing by almost nothing."""
EDGE_PERCENTILE = 97.0
"""The sharp edges of a face (lids, lashes, lips) cover a few percent of it."""
DIRECTIONS = 8

# Derivative-of-Gaussian response to white noise of variance s²: each axis has variance s² / (8·pi·sigma⁴).
_NOISE_GAIN = 1.0 / (math.sqrt(8 * math.pi) * GRADIENT_SIGMA**2)
# 97th percentile of |N(0, 1)|.
_NOISE_PERCENTILE = 2.17
_IMMERKAER = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
_ANGLES = np.arange(DIRECTIONS) * (math.pi / DIRECTIONS)


@dataclass(frozen=True, slots=True)
class Sharpness:
    """What was measured on one face."""

    value: float
    """0 (nothing to be seen) to 1; grows with sharpness, and falls with every kind of blur."""
    edge_slope: float
    """Steepness of the edges in the weakest direction, per patch pixel, in shares of the contrast of the face."""
    noise_sigma: float
    """Standard deviation of the noise in the patch, in levels of 255."""
    contrast: float
    """Difference of the 95th and 5th percentile of the smoothed patch, in levels of 255."""


NOT_MEASURABLE = Sharpness(0.0, 0.0, 0.0, 0.0)


def luma_of(pixels: Picture) -> npt.NDArray[np.uint8]:
    """Return (height, width) uint8 luma of (height, width, 3) RGB, with the weights of BT.601 as in JPEG."""
    return np.asarray(cv2.cvtColor(np.ascontiguousarray(pixels), cv2.COLOR_RGB2GRAY), np.uint8)


def face_patch(pixels: Picture, box: Box) -> npt.NDArray[np.float32] | None:
    """Return the luma of a face at (PATCH_PX, PATCH_PX) float32, or None where the box has no pixels in the picture."""
    height, width = pixels.shape[:2]
    rows, columns = box.grown(-FACE_SHRINK).clipped(width, height).as_slices()
    part = pixels[rows, columns]
    if part.shape[0] < 4 or part.shape[1] < 4:
        return None
    shrinking = part.shape[0] >= PATCH_PX
    luma = luma_of(part)
    interpolation = cv2.INTER_AREA if shrinking else cv2.INTER_CUBIC
    return cv2.resize(luma, (PATCH_PX, PATCH_PX), interpolation=interpolation).astype(np.float32)


def noise_sigma(patch: npt.NDArray[np.float32]) -> float:
    """Return the standard deviation of the noise in a patch, in its own levels.

    Source: J. Immerkaer, "Fast Noise Variance Estimation", CVIU 64(2), 1996; the median instead of the mean, so that
    edges do not count as noise (0.6745 is the median of the absolute standard normal, 6 the norm of the kernel).
    """
    response = np.abs(cv2.filter2D(patch, cv2.CV_32F, _IMMERKAER)[1:-1, 1:-1])
    return float(np.median(response)) / (6 * 0.6745)


def patch_sharpness(patch: npt.NDArray[np.float32]) -> Sharpness:
    """Return the sharpness of a luma patch of (PATCH_PX, PATCH_PX) float32 in levels of 255."""
    smooth = cv2.GaussianBlur(patch, (0, 0), GRADIENT_SIGMA)
    gx = (smooth[1:-1, 2:] - smooth[1:-1, :-2]) * 0.5
    gy = (smooth[2:, 1:-1] - smooth[:-2, 1:-1]) * 0.5
    steepness = [
        float(np.percentile(np.abs(gx * math.cos(angle) + gy * math.sin(angle)), EDGE_PERCENTILE)) for angle in _ANGLES
    ]
    noise = noise_sigma(patch)
    floor = noise * _NOISE_GAIN * _NOISE_PERCENTILE
    weakest = math.sqrt(max(min(steepness) ** 2 - floor**2, 0.0))
    low, high = np.percentile(cv2.GaussianBlur(patch, (0, 0), CONTRAST_SIGMA), (5, 95))
    contrast = float(high - low)
    slope = weakest / (contrast + CONTRAST_FLOOR)
    return Sharpness(_mapped(slope), slope, noise, contrast)


def _mapped(slope: float) -> float:
    return 1.0 - math.exp(-((slope / 0.06) ** 2))


def face_sharpness(pixels: Picture, face: Face) -> Sharpness:
    """Measure how sharp a face is.

    Args:
        pixels: (height, width, 3) uint8 RGB, the upright full frame.
        face: The face in it; its box is used.

    Returns:
        The sharpness; all zero where the face has no pixels in the frame.
    """
    patch = face_patch(pixels, face.box)
    return NOT_MEASURABLE if patch is None else patch_sharpness(patch)


QUICK_SIDE_PX = 64


def quick_sharpness(patch: npt.NDArray[np.uint8]) -> float:
    """Return about the same as ``face_sharpness`` from a (QUICK_SIDE_PX, QUICK_SIDE_PX) uint8 patch, far cheaper."""
    levels = patch.astype(np.float32)
    smooth = cv2.GaussianBlur(levels, (0, 0), 1.0)
    gx = smooth[1:-1, 2:] - smooth[1:-1, :-2]
    gy = smooth[2:, 1:-1] - smooth[:-2, 1:-1]
    xx, yy, xy = float(np.vdot(gx, gx)), float(np.vdot(gy, gy)), float(np.vdot(gx, gy))
    weakest = (xx + yy - math.hypot(xx - yy, 2 * xy)) / (8 * gx.size)
    variance = float(cv2.meanStdDev(cv2.GaussianBlur(levels, (0, 0), 2.0))[1][0, 0]) ** 2
    return 1.0 - math.exp(-math.sqrt(max(weakest, 0.0) / (variance + 9.0)) / 0.15)
