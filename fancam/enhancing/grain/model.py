"""What is known of the grain of a picture: enough to make it again at another size."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fancam.enhancing.cleaning.blocks import BLOCK_PX, YCBCR_FROM_RGB
from fancam.enhancing.cleaning.denoise import denoise
from fancam.media import Samples
from fancam.results import NoiseModel


@dataclass(frozen=True, slots=True, eq=False)
class Grain:
    """The grain of a picture, in Y, Cb and Cr of full-range BT.601 (JPEG, ITU-T T.871)."""

    levels: npt.NDArray[np.float64]
    """(B,) rising luma at which the strength was measured, 0 to 255; between two it is linear, beyond the ends it
    stays."""
    strength: npt.NDArray[np.float64]
    """(3, B) standard deviation of Y, Cb and Cr there, in levels of 255; Cb and Cr are 0 for grain without colour."""
    spectrum: npt.NDArray[np.float64]
    """(3, n, n // 2 + 1) share of the variance at each frequency of n × n pixels of the source, in the order of
    ``numpy.fft.rfft2``; each sums to 1 over the whole plane."""
    coherence: npt.NDArray[np.float64]
    """(3, 3) correlation of the grain of Y, Cb and Cr."""

    @property
    def sigma(self) -> float:
        """Standard deviation of the luma at the brightness where it is strongest, in levels of 255."""
        return float(self.strength[0].max())

    @property
    def coloured(self) -> bool:
        """Whether there is grain in Cb or Cr."""
        return bool((self.strength[1:] > 0).any())

    def noise_model(self) -> NoiseModel:
        """Return the grain as noise in the terms of a denoiser."""
        spectrum = np.stack([_cosine_power(each) for each in self.spectrum])
        return NoiseModel(self.levels.astype(np.float32), self.strength.astype(np.float32), spectrum.astype(np.float32))


def _cosine_power(spectrum: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the (8, 8) mean power of the coefficients of an orthonormal DCT-II of noise with this spectrum."""
    covariance = np.fft.ifft2(whole(spectrum)).real * spectrum.shape[0] ** 2
    place = np.arange(BLOCK_PX)
    cosines = np.sqrt(2 / BLOCK_PX) * np.cos(np.pi * (place + 0.5) * place[:, None] / BLOCK_PX)
    cosines[0] /= np.sqrt(2)
    lag = place[:, None] - place
    blocks = covariance[lag[:, None, :, None], lag[None, :, None, :]]  # (y, x, y', x')
    power = np.einsum("uy,vx,yxzw,uz,vw->uv", cosines, cosines, blocks, cosines, cosines, optimize=True)
    mean = power.mean()
    return np.asarray(power / mean) if mean > 0 else np.ones_like(power)


def remove_grain(picture: Samples, grain: Grain) -> Samples:
    """Return the picture without its grain.

    Args:
        picture: (H, W) grey or (H, W, 3) RGB, uint8 or uint16.
        grain: From ``measure_grain`` of it.
    """
    if picture.ndim == 2:
        colour: Samples = np.repeat(picture[..., None], 3, axis=2)  # type: ignore[assignment]  # keeps its type
        return remove_grain(colour, grain)[..., 0]
    return denoise(picture, grain.noise_model(), 1.0)


PATCH_PX = 32
"""Side of the patches that are measured, in pixels of the source."""

MIN_PATCHES = 6
"""Fewer say nothing."""

_MAX_PATCHES = 4000
"""More say nothing new."""
_CHUNK = 250
"""Patches that are transformed at once."""
_CLIPPED_SHARE = 0.02
"""Patches of which more is black or white hold cut grain, or none."""

_TINY = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class Patches:
    """Patches of a picture by their spectra, in squared levels of 255."""

    luma: npt.NDArray[np.float64]
    """(count,) mean luma, 0 to 255."""
    power: npt.NDArray[np.float64]
    """(count, 3, n, n // 2 + 1) variance of Y, Cb and Cr at each frequency, slow ones 0."""
    cross: npt.NDArray[np.float64]
    """(count, 3) covariance of Y and Cb, Y and Cr, Cb and Cr."""

    def of(self, chosen: npt.NDArray) -> Patches:
        """Return some of them."""
        return Patches(self.luma[chosen], self.power[chosen], self.cross[chosen])


def read_patches(picture: Samples, patch_px: int = PATCH_PX, most: int = _MAX_PATCHES) -> Patches | None:
    """Return patches spread evenly over a picture, none of them clipped; None for too few.

    Args:
        picture: As for ``measure_grain``.
        patch_px: Their side. The spectra have the ``PATCH_PX`` lowest frequencies, whatever the side; what a smaller
            patch cannot hold is 0.
        most: How many at most.
    """
    if picture.ndim not in (2, 3) or (picture.ndim == 3 and picture.shape[2] != 3):
        raise ValueError(f"no grey or RGB picture: {picture.shape}")
    height, width = picture.shape[:2]
    corners = _corners(height, width, patch_px, most)
    found = [
        _read(picture, part, patch_px) for part in (corners[at : at + _CHUNK] for at in range(0, len(corners), _CHUNK))
    ]
    if not found:
        return None
    patches = Patches(*(np.concatenate([getattr(each, name) for each in found]) for name in Patches.__slots__))
    return patches if len(patches.luma) >= MIN_PATCHES else None


def rounding_noise(patches: Patches, dtype: np.dtype) -> npt.NDArray[np.float64]:
    """Return the (3,) variance of rounding to samples, in squared levels of 255, of Y, Cb and Cr."""
    coloured = bool(patches.power[:, 1:].max() > _TINY)
    of_one = (YCBCR_FROM_RGB**2).sum(axis=1) if coloured else np.array([1.0, 0.0, 0.0])
    return np.asarray((255 / np.iinfo(dtype).max) ** 2 / 12 * of_one)


def _corners(height: int, width: int, patch_px: int, most: int) -> npt.NDArray[np.intp]:
    """Return (count, 2) rows and columns of patches on a grid of a quarter of their size, thinned out evenly."""
    rows, columns = (np.arange(0, side - patch_px + 1, patch_px // 4) for side in (height, width))
    count = len(rows) * len(columns)
    chosen = np.linspace(0, count - 1, min(count, most)).round().astype(np.intp)
    if not count:
        return np.empty((0, 2), np.intp)
    return np.stack([rows[chosen // len(columns)], columns[chosen % len(columns)]], axis=1)


def _read(picture: Samples, corners: npt.NDArray[np.intp], patch_px: int) -> Patches:
    """Return the patches at these corners, but for clipped ones."""
    top = np.iinfo(picture.dtype).max
    cut = np.stack([picture[y : y + patch_px, x : x + patch_px] for y, x in corners])
    clipped = ((cut == 0) | (cut == top)).reshape(len(cut), patch_px**2, -1).mean(axis=1).max(axis=1)
    values = cut[clipped <= _CLIPPED_SHARE] * (255 / top)
    if values.ndim == 3:
        values = np.repeat(values[..., None], 3, axis=3)
    planes = np.einsum("ck,nyxk->ncyx", YCBCR_FROM_RGB, values)
    luma = planes[:, 0].mean(axis=(1, 2))
    found = _lowest(transforms(planes))
    counts = column_counts(PATCH_PX)
    pairs = ((0, 1), (0, 2), (1, 2))
    cross = np.stack([((found[:, i] * found[:, j].conj()).real * counts).sum(axis=(1, 2)) for i, j in pairs], axis=1)
    return Patches(luma, np.abs(found) ** 2, cross)


def _lowest(found: npt.NDArray[np.complex128]) -> npt.NDArray[np.complex128]:
    """Return transforms with the frequencies that patches of ``PATCH_PX`` have, slow ones 0."""
    size, half = found.shape[-2], PATCH_PX // 2
    result = np.zeros((*found.shape[:-2], PATCH_PX, half + 1), np.complex128)
    if size == PATCH_PX:
        result[:] = found
    else:
        near = min(size, PATCH_PX) // 2
        columns = min(found.shape[-1], half + 1)
        result[..., :near, :columns] = found[..., :near, :columns]
        result[..., -near:, :columns] = found[..., -near:, :columns]
    result[..., frequencies(PATCH_PX) < LOWEST_FREQUENCY] = 0
    return result


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
