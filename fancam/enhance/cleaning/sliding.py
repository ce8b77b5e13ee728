"""Takes noise out of one plane by shrinking the cosine transforms of overlapping blocks, at several sizes."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from fancam.enhance.cleaning.blocks import BLOCK_PX, COEFFICIENTS, coefficients_of, put_together

_THRESHOLD = 2.7
"""Times the standard deviation of a coefficient's noise, as in BM3D. 2.4 and 3.0 are worse by 0.05 to 0.1 dB on
average over eight crops with noise of 8 to 25 levels."""
_FIRST_STEP = 2
"""Blocks of the first pass begin at every second pixel. At every one the result is better by 0.02 dB."""
_REACH_PX = 16
"""How far a filtered pixel depends on others: a block less one pixel in each of two passes."""
_BLUR_SIGMA, _BLUR_PX = 1.0, 7
"""Of what a smaller size corrects: its highest frequencies, and the blocks of its transform, are left to the larger
size (Facciolo, Pierazzo & Morel, "Conservative scale recomposition for multiscale denoising", SIAM J. Imaging Sciences
10, 2017). Without it the result is worse by 0.1 dB, with it better by up to 0.2 dB where noise is coarse."""
_CORRECTION_PX = 8
"""How far, in pixels of the smaller size, a pixel depends on the correction: blur and interpolation."""
_TINY = np.float32(1e-12)

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Passes:
    """How a plane is filtered."""

    sizes: int
    """1 or more: the size of the plane, half of it, a quarter …"""
    last_step: int
    """Blocks of the second pass at the plane's own size begin at every so many pixels: 1 or 2. At every one the result
    is better by 0.2 dB for the luma and by 0.05 dB for the chroma. At the smaller sizes it is always 1."""

    @property
    def margin_px(self) -> int:
        """Pixels around those wanted that ``filtered`` needs to be given."""
        return _needed(0, self.sizes)


def _needed(wanted: int, sizes: int) -> int:
    """Return the margin that a plane needs so that ``wanted`` pixels around the core come out right."""
    if sizes == 1:
        return wanted + _REACH_PX
    smaller = 2 * _needed(wanted // 2 + _CORRECTION_PX, sizes - 1)
    return max(smaller, wanted + 2 * _CORRECTION_PX + _REACH_PX)


def filtered(plane: Floats, variance: Floats, spectrum: Floats, passes: Passes) -> Floats:
    """Return a plane without its noise, smaller by ``passes.margin_px`` on each side.

    Small coefficients of overlapping blocks are dropped (Yu & Sapiro, "DCT image denoising: a simple and effective
    image denoising algorithm", IPOL 2011); the result tells a second pass how much of each coefficient is signal
    (empirical Wiener filter, as in Dabov et al., "Image denoising by sparse 3-D transform-domain collaborative
    filtering", 2007). What is coarser than a block is filtered the same way in the picture at half its size.

    Args:
        plane: (height, width), both multiples of 2 to the power of ``passes.sizes``, as the margin is.
        variance: (height, width) of the noise.
        spectrum: (8, 8) as in ``NoiseModel``.
        passes: How often, and how finely.
    """
    return _filtered(plane, variance, spectrum, passes.margin_px, 0, passes)


def _filtered(plane: Floats, variance: Floats, spectrum: Floats, margin: int, wanted: int, passes: Passes) -> Floats:
    """Return the core of a plane with ``wanted`` pixels around it; the plane has ``margin`` pixels around it."""
    coarser = passes.sizes > 1
    kept = wanted + 2 * _CORRECTION_PX if coarser else wanted
    cut = margin - kept - _REACH_PX
    fine = _two_passes(_trimmed(plane, cut), _trimmed(variance, cut), spectrum.ravel(), passes.last_step)
    fine = _trimmed(fine, _REACH_PX)
    if not coarser:
        return fine
    smaller = wanted // 2 + _CORRECTION_PX
    low = _filtered(
        _halved(plane), _halved(variance), halved_spectrum(spectrum), margin // 2, smaller, Passes(passes.sizes - 1, 1)
    )
    difference = cv2.GaussianBlur(low - _halved(fine), (_BLUR_PX, _BLUR_PX), _BLUR_SIGMA)
    return _trimmed(fine + cv2.resize(difference, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC), kept - wanted)


def _trimmed(plane: Floats, by: int) -> Floats:
    return plane[by : plane.shape[0] - by, by : plane.shape[1] - by]


def _halved(plane: Floats) -> Floats:
    """Return the means of 2 x 2 pixels."""
    rows = plane[0::2] + plane[1::2]
    mean: Floats = (rows[:, 0::2] + rows[:, 1::2]) * np.float32(0.25)
    return mean


def halved_spectrum(spectrum: Floats) -> Floats:
    """Return the power of noise after ``_halved``, for coefficients of the smaller picture, in units of the variance.

    Coefficient k is about k/16 of a cycle per pixel. The mean of two pixels passes cos²(πf) of the power at frequency
    f, and leaving out every second one folds the frequencies above a quarter of a cycle back (Oppenheim & Schafer,
    "Discrete-time signal processing", 4.6). White noise is left with a quarter of its variance.
    """

    def along_rows(power: Floats) -> Floats:
        order = np.arange(BLOCK_PX)
        passed = np.cos(np.pi * order / (4 * BLOCK_PX)) ** 2
        here = np.stack([np.interp(order / 2, order, row) for row in power])
        folded = np.stack([np.interp(BLOCK_PX - order / 2, order, row) for row in power])
        return ((here * passed + folded * (1 - passed)) / 2).astype(np.float32)

    return along_rows(along_rows(spectrum).T).T.copy()


def _two_passes(plane: Floats, variance: Floats, spectrum: Floats, last_step: int) -> Floats:
    first = _thresholded(plane, variance, spectrum)
    coefficients, pilot = (coefficients_of(source, last_step) for source in (plane, first))
    power = _block_mean(variance, last_step) + _TINY
    whole = np.empty_like(power)
    kept = np.ones(power.shape, np.float32)
    for k in range(1, COEFFICIENTS):
        signal = pilot[k]
        signal *= signal
        np.multiply(power, spectrum[k], out=whole)
        whole += signal
        whole += _TINY  # a band without noise and without signal
        signal /= whole
        coefficients[k] *= signal
        signal *= signal
        kept += signal
    return put_together(coefficients, np.reciprocal(kept), last_step, plane.shape)


def _thresholded(plane: Floats, variance: Floats, spectrum: Floats) -> Floats:
    coefficients = coefficients_of(plane, _FIRST_STEP)
    power = _block_mean(variance, _FIRST_STEP) * np.float32(_THRESHOLD**2)
    count = np.ones(power.shape, np.float32)
    for k in range(1, COEFFICIENTS):
        large = coefficients[k] ** 2 > power * spectrum[k]
        coefficients[k] *= large
        count += large
    return put_together(coefficients, np.reciprocal(count), _FIRST_STEP, plane.shape)


def _block_mean(variance: Floats, step: int) -> Floats:
    """Return (rows, columns): the mean of the variance over each block."""
    side = BLOCK_PX - 1
    across = variance[:, :-side].copy()
    for k in range(1, BLOCK_PX):
        across += variance[:, k : k + across.shape[1]]
    down = across[:-side].copy()
    for k in range(1, BLOCK_PX):
        down += across[k : k + down.shape[0]]
    return np.ascontiguousarray(down[::step, ::step]) * np.float32(1 / COEFFICIENTS)
