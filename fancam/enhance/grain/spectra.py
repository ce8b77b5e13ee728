"""The spectrum of small patches: averaged periodograms, and the spectrum that a window smeared into them.

Averaged periodograms of windowed patches: Welch, "The use of fast Fourier transform for the estimation of power
spectra", IEEE Trans. Audio Electroacoust. 15(2), 1967.

A spectrum here is a half one, (..., n, n // 2 + 1) float64 in the order of ``numpy.fft.rfft2``: the variance at each
frequency of an n × n patch, so that its sum, columns counted by ``column_counts``, is the variance of a pixel.
"""

from __future__ import annotations

import functools

import numpy as np
import numpy.typing as npt

Spectra = npt.NDArray[np.float64]

LOWEST_FREQUENCY = 2
"""In periods per patch: what is slower is light and shade, and what leaks from them through the window. The grain there
is that of a Gaussian through the next frequencies: grain is noise that was blurred."""

_MAX_RISE = 2.5
"""How much stronger than at the lowest frequency measured grain may be below it; steeper is texture."""
_PASSES = 4
"""How often the spectrum is corrected until, smeared, it is what was measured: more change it by less than 1 %."""
_MAX_CORRECTION = 2.0
"""Per pass: where there is next to nothing, the ratio says nothing."""
_FINE = 16
"""Steps per frequency in which the leakage of the window is integrated."""


def frequencies(size: int) -> Spectra:
    """Return the (size, size // 2 + 1) periods per patch of a half spectrum."""
    return np.hypot(np.fft.fftfreq(size)[:, None] * size, np.fft.rfftfreq(size) * size)


def column_counts(size: int) -> Spectra:
    """Return how often each column of a half spectrum of n × n counts: twice, but for the first and the last."""
    counts = np.full(size // 2 + 1, 2.0)
    counts[[0, -1]] = 1.0
    return counts


def variance_of(spectra: Spectra) -> Spectra:
    """Return the variance that spectra (..., n, n // 2 + 1) stand for, (...)."""
    return np.asarray((spectra * column_counts(spectra.shape[-2])).sum(axis=(-2, -1)), np.float64)


def transforms(values: npt.NDArray[np.floating]) -> npt.NDArray[np.complex128]:
    """Return the half Fourier transforms of patches whose plane of light was taken off, under a Hann window.

    Args:
        values: (..., n, n).

    Returns:
        (..., n, n // 2 + 1), scaled so that its squared magnitude is the variance at each frequency.
    """
    size = values.shape[-1]
    along = np.arange(size) - (size - 1) / 2
    squares = float((along**2).sum() * size)
    slope_y = np.einsum("...ij,i->...", values, along) / squares
    slope_x = np.einsum("...ij,j->...", values, along) / squares
    flat = values - values.mean(axis=(-2, -1), keepdims=True)
    flat -= slope_y[..., None, None] * along[:, None] + slope_x[..., None, None] * along
    window = np.hanning(size + 1)[:-1]
    window2d = window[:, None] * window
    return np.asarray(np.fft.rfft2(flat * window2d) / np.sqrt(float((window2d**2).sum()) * size**2))


def periodograms(values: npt.NDArray[np.floating]) -> Spectra:
    """Return the spectra of patches (..., n, n), what is slower than ``LOWEST_FREQUENCY`` left out as 0."""
    power = np.abs(transforms(values)) ** 2
    return np.where(frequencies(values.shape[-1]) < LOWEST_FREQUENCY, 0.0, power)


def with_slow(spectrum: Spectra) -> Spectra:
    """Return a spectrum whose slow frequencies, which were left out, go on as the next ones begin."""
    frequency = frequencies(len(spectrum))
    slow = frequency < LOWEST_FREQUENCY
    near, far = (
        (float(spectrum[part].mean()), float((frequency[part] ** 2).mean()))
        for part in ((frequency >= low) & (frequency < low + 1) for low in (LOWEST_FREQUENCY, LOWEST_FREQUENCY + 1))
    )
    fall = max(np.log(max(near[0], 1e-12) / max(far[0], 1e-12)) / (far[1] - near[1]), 0.0)
    rise = np.minimum(np.exp(fall * (near[1] - frequency[slow] ** 2)), _MAX_RISE)
    result = spectrum.copy()
    result[slow] = near[0] * rise
    return result


def unsmeared(measured: Spectra) -> Spectra:
    """Return the spectrum that, seen through the window of ``transforms``, is the measured one.

    Fine grain has a flat spectrum, which a window does not change; that of coarse grain is a hill narrower than what
    the window makes of a single frequency, and would come out too wide: too fine.

    Args:
        measured: (n, n // 2 + 1), slow frequencies 0.

    Returns:
        The same shape, slow frequencies as ``with_slow`` fills them in.
    """
    known = frequencies(len(measured)) >= LOWEST_FREQUENCY
    result = with_slow(measured)
    for _ in range(_PASSES):
        ratio = measured[known] / np.maximum(smeared(result)[known], 1e-12)
        result[known] *= np.clip(ratio, 1 / _MAX_CORRECTION, _MAX_CORRECTION)
        result = with_slow(result)
    return result


def smeared(spectrum: Spectra) -> Spectra:
    """Return what the window of ``transforms`` makes of a half spectrum that is linear between its frequencies."""
    size = len(spectrum)
    leakage = _leakage(size)
    return np.asarray((leakage @ whole(spectrum) @ leakage.T)[:, : size // 2 + 1])


def whole(spectrum: Spectra) -> Spectra:
    """Return the (n, n) spectrum of a half one."""
    size = len(spectrum)
    rest = spectrum[:, 1 : (size + 1) // 2][:, ::-1]
    return np.concatenate([spectrum, np.roll(rest[::-1], 1, axis=0)], axis=1)


@functools.cache
def _leakage(size: int) -> Spectra:
    """Return the (size, size) matrix by which a periodic Hann window spreads variance along one axis."""
    window = np.hanning(size + 1)[:-1]
    response = np.abs(np.fft.fft(window, size * _FINE)) ** 2
    hat = np.maximum(0, 1 - np.abs(np.fft.fftfreq(size * _FINE) * size))
    spread = np.fft.ifft(np.fft.fft(response) * np.fft.fft(hat)).real[::_FINE]
    spread /= spread.sum()
    return spread[(np.arange(size)[:, None] - np.arange(size)) % size]
