"""How sharp a face is, whatever its noise, contrast, exposure, size and background.

A face is cut out, brought to one fixed size and reduced to luma. The steepness of its edges after a coarse Gaussian,
divided by the contrast of the face, tells the sharpness even through noise and compression, but only roughly; how much
steeper the edges are after a fine Gaussian tells it precisely and needs no contrast, but only where the picture is
clean. So the second corrects the first by as much as the noise allows. Whole-frame measures rank stage frames little
better than chance, since the LED wall outweighs the face; a plain Laplacian of the face ranks its noise.
"""

from __future__ import annotations

import math

import cv2
import numpy as np
import numpy.typing as npt

from fancam.geometry import Box
from fancam.media import Picture
from fancam.results import Face

PATCH_PX = 128
"""Side of the patch every face is brought to; sharpness is comparable between faces only at one scale."""
FACE_SHRINK = 0.05
"""The box is shrunk by this share on each side, which leaves most of the background and the outline of the head out."""
COARSE_SIGMA = 2.5
"""Gaussian before differentiating, in patch pixels: it takes most of the noise and the blocks of JPEG."""
FINE_SIGMA = 1.0
"""Gaussian that keeps what distinguishes a sharp face from a nearly sharp one."""
CONTRAST_SIGMA = 4.0
"""Gaussian before the contrast is measured, so that blur and noise hardly change it."""
CONTRAST_FLOOR = 9.0
"""Added to the variance, in squared levels: a face in the dark is not made sharp by dividing by almost nothing."""
EDGE_PERCENTILE = 97.0
"""The sharp edges of a face (lids, lashes, lips) cover a few percent of it."""
DIRECTIONS = 8
FINE_WEIGHT = 2.0
"""How much the fine scale corrects the coarse one, in logarithms, in a picture without noise."""
FINE_DOUBT = 12.0
"""How fast the correction fades with the noise's share of the fine edges."""
FINE_EXPECTED = (0.889, 0.393)
"""Offset and factor of the line that gives the usual logarithm of the fine over the coarse slope from that of the
coarse slope; fitted to clean portraits under blurs of 0.3 to 4 px, so that the correction is 0 on average."""
HALF_SLOPE = 0.20
"""Slope that is mapped to 0.5; measured on portraits blurred by a Gaussian of about 2 % of the height of the face."""

_ANGLES = np.arange(DIRECTIONS) * (math.pi / DIRECTIONS)
_COSINES, _SINES = np.cos(_ANGLES).astype(np.float32)[:, None], np.sin(_ANGLES).astype(np.float32)[:, None]
_SQUARED_NORMAL_PERCENTILE = 4.71
"""97th percentile of the square of a standard normal variable; the median of it is 0.455."""
_PERCENTILE_OVER_MEDIAN = _SQUARED_NORMAL_PERCENTILE / 0.455
_INTERPOLATION_VARIANCE = 0.35
"""Blur that cubic interpolation adds when a small face is enlarged, in squared source pixels."""
QUICK_SIDE_PX = 64
QUICK_EXPECTED = (0.943, 0.415)
"""As FINE_EXPECTED, for the cheap measure."""
QUICK_HALF_SLOPE = 0.15
"""The mean squared gradient is smaller than its 97th percentile: the value is not comparable with the exact one."""
_QUICK_SCALE = QUICK_SIDE_PX / PATCH_PX
_MEAN_OVER_MEDIAN = 1 / math.log(2)
"""Of the squared length of a gradient that is noise in both directions: an exponential distribution."""
_IMMERKAER = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)

Luma = npt.NDArray[np.float32]
"""(rows, columns) in levels of 255."""


def luma_of(pixels: Picture) -> npt.NDArray[np.uint8]:
    """Return (height, width) uint8 luma of (height, width, 3) RGB, with the weights of BT.601 as in JPEG."""
    return np.asarray(cv2.cvtColor(np.ascontiguousarray(pixels), cv2.COLOR_RGB2GRAY), np.uint8)


def face_sharpness(pixels: Picture, face: Face) -> float:
    """Measure how sharp a face is.

    The 97th percentile of the squared slope is taken along eight directions and, at the coarse scale, freed of the
    noise's share. The harmonic mean over the directions is ruled by the weakest, so that motion blur counts, whatever
    its direction, though it leaves the edges along its way as they are. What noise and compression add to the fine
    scale shows in the smooth skin, that is in the median, which in a clean picture is no larger than at the coarse one.

    Args:
        pixels: (height, width, 3) uint8 RGB, the upright full frame.
        face: The face in it; its box is used.

    Returns:
        0 (nothing to be seen, or no pixels in the frame) to 1; falls with every kind of blur.
    """
    found = face_patch(pixels, face.box)
    if found is None:
        return 0.0
    luma, scale, sigma = found
    coarse_median, coarse = squared_slopes(luma, COARSE_SIGMA)
    fine_median, fine = squared_slopes(luma, FINE_SIGMA)
    noise = _SQUARED_NORMAL_PERCENTILE * noise_energy(sigma, scale, COARSE_SIGMA)
    fine_noise = max(
        _PERCENTILE_OVER_MEDIAN * float(np.maximum(fine_median - coarse_median, 0.0).mean()),
        _SQUARED_NORMAL_PERCENTILE * noise_energy(sigma, scale, FINE_SIGMA),
    )
    slope = corrected_slope(
        harmonic_mean(np.maximum(coarse - noise, 0.02 * coarse)),
        harmonic_mean(fine),
        float(cv2.GaussianBlur(luma, (0, 0), CONTRAST_SIGMA).var()) + CONTRAST_FLOOR,
        fine_noise / max(float(np.median(fine)), 1e-6),
        scale,
        FINE_EXPECTED,
    )
    return mapped(slope)


def face_patch(pixels: Picture, box: Box) -> tuple[Luma, float, float] | None:
    """Return the patch of a face, or None where the box has hardly any pixels in the picture.

    Returns:
        (PATCH_PX, PATCH_PX) in levels of 255; patch pixels per source pixel; the standard deviation of the noise
        before the size was changed.
    """
    height, width = pixels.shape[:2]
    part = pixels[box.grown(-FACE_SHRINK).clipped(width, height).as_slices()]
    if part.shape[0] < 4 or part.shape[1] < 4:
        return None
    luma = luma_of(part).astype(np.float32)
    scale = PATCH_PX / math.sqrt(luma.size)
    interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    patch = cv2.resize(luma, (PATCH_PX, PATCH_PX), interpolation=interpolation)
    return np.asarray(patch, np.float32), scale, noise_sigma(luma)


def noise_sigma(luma: Luma) -> float:
    """Return the standard deviation of white noise in a picture that was not resized, in its own levels.

    Source: J. Immerkaer, "Fast Noise Variance Estimation", CVIU 64(2), 1996; the median instead of the mean, so that
    edges do not count as noise (0.6745 is the median of the absolute standard normal, 6 the norm of the kernel).
    """
    response = np.abs(cv2.filter2D(luma, cv2.CV_32F, _IMMERKAER)[1:-1, 1:-1])
    return float(np.median(response)) / (6 * 0.6745)


def noise_energy(sigma: float, scale: float, gradient_sigma: float) -> float:
    """Return what white noise adds to the squared gradient along one direction, per squared patch pixel.

    The derivative of a Gaussian of standard deviation s answers white noise of variance v with v / (8·pi·s⁴); s is
    taken back to the scale the noise was measured at.
    """
    source_variance = (gradient_sigma / scale) ** 2 + (_INTERPOLATION_VARIANCE if scale > 1 else 0.0)
    return sigma**2 / (8 * math.pi * source_variance**2) / scale**2


def squared_slopes(
    luma: Luma, sigma: float, percentile: float = EDGE_PERCENTILE, *, every: int = 1
) -> tuple[npt.NDArray, npt.NDArray]:
    """Return the median and a percentile of the squared slope along each direction: (DIRECTIONS,) each.

    Args:
        luma: In levels of 255.
        sigma: Of the Gaussian before the slope is taken, in pixels.
        percentile: Which slopes count as edges.
        every: Only every so many rows and columns are looked at.
    """
    gx, gy = (slope[::every, ::every] for slope in _gradients(luma, sigma))
    along = np.abs(gx.ravel() * _COSINES + gy.ravel() * _SINES)
    median, edge = np.percentile(along, (50, percentile), axis=1)
    return np.square(median), np.square(edge)


def _gradients(luma: Luma, sigma: float) -> tuple[Luma, Luma]:
    """Return the slope along x and along y after a Gaussian, without the outer pixels: central differences."""
    smooth, half = np.asarray(cv2.GaussianBlur(luma, (0, 0), sigma), np.float32), np.float32(0.5)
    return (smooth[1:-1, 2:] - smooth[1:-1, :-2]) * half, (smooth[2:, 1:-1] - smooth[:-2, 1:-1]) * half


def harmonic_mean(energy: npt.NDArray) -> float:
    """Return the harmonic mean of squared slopes along several directions."""
    return 1.0 / float(np.mean(1.0 / np.maximum(energy, 1e-6)))


def corrected_slope(
    coarse: float, fine: float, variance: float, noise_share: float, scale: float, expected: tuple[float, float]
) -> float:
    """Return the slope of the edges in shares of the contrast, corrected by the fine scale as far as that is clean.

    Args:
        coarse: Squared slope of the edges after the coarse Gaussian.
        fine: The same after the fine one.
        variance: Of the face, in the same squared levels.
        noise_share: Share of noise in the fine edges, 0 or more.
        scale: Patch pixels per source pixel. Where the face was enlarged, the fine scale is finer than its pixels and
            holds their noise alone, so that it counts less by the square of this.
        expected: Offset and factor of the line through the usual fine slopes, see ``FINE_EXPECTED``.
    """
    tiny = 0.01  # squared levels: less is nothing but rounding
    log_coarse = 0.5 * math.log((coarse + tiny) / variance)
    log_gain = 0.5 * math.log((fine + tiny) / (coarse + tiny))
    weight = FINE_WEIGHT / (1.0 + FINE_DOUBT * noise_share) / max(scale, 1.0) ** 2
    usual_gain = max(expected[0] + expected[1] * log_coarse, 0.0)  # the finer scale never sees gentler edges
    return math.exp(log_coarse + weight * (log_gain - usual_gain))


def mapped(slope: float, half_slope: float = HALF_SLOPE) -> float:
    """Return 0 to 1 for a slope: 1 − 2^−(slope / half_slope)⁴, strictly rising, 0.5 at half_slope.

    Measured on portraits, by the blur's standard deviation in shares of the height of the face: none 0.65 to 1.0,
    2 % 0.25 to 0.55, 4 % 0.1 to 0.25, 6 % 0.02 to 0.12.
    """
    return 1.0 - 2.0 ** -((slope / half_slope) ** 4)


def quick_sharpness(patch: npt.NDArray[np.uint8], scale: float = 1.0) -> float:
    """Return about the order of ``face_sharpness`` for a fraction of its cost, for the scan.

    The geometric mean of the eigenvalues of the structure tensor (mean squared gradients) stands for the directions;
    it is 0 when one direction is without edges.

    Args:
        patch: (QUICK_SIDE_PX, QUICK_SIDE_PX) uint8 luma of a face.
        scale: Patch pixels per pixel of the picture the face was cut from.

    Returns:
        0 to 1.
    """
    levels = patch.astype(np.float32)
    coarse, coarse_median, _ = _tensor(levels, COARSE_SIGMA * _QUICK_SCALE)
    fine, fine_median, fine_mean = _tensor(levels, FINE_SIGMA * _QUICK_SCALE)
    smooth = cv2.GaussianBlur(levels, (0, 0), CONTRAST_SIGMA * _QUICK_SCALE)
    variance = float(cv2.meanStdDev(smooth)[1][0, 0]) ** 2 + CONTRAST_FLOOR
    noise_share = _MEAN_OVER_MEDIAN * max(fine_median - coarse_median, 0.0) / max(fine_mean, 1e-6)
    return mapped(corrected_slope(coarse, fine, variance, noise_share, scale, QUICK_EXPECTED), QUICK_HALF_SLOPE)


def _tensor(luma: Luma, sigma: float) -> tuple[float, float, float]:
    """Return √det of the structure tensor, and the median and mean of the squared gradient."""
    gx, gy = _gradients(luma, sigma)
    xx, yy, xy = (float(np.vdot(a, b)) / gx.size for a, b in ((gx, gx), (gy, gy), (gx, gy)))
    squared = np.partition((gx * gx + gy * gy).ravel(), gx.size // 2)
    return math.sqrt(max(xx * yy - xy * xy, 0.0)), float(squared[squared.size // 2]), xx + yy
