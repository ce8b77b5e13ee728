"""Film grain synthesis: makes the grain of a source again in what was made of it, at the new size."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from fancam.enhancing.cleaning.blocks import RGB_FROM_YCBCR, luma_of
from fancam.enhancing.grain.measure import groups_by_luma, spread_of_power
from fancam.enhancing.grain.model import (
    LOWEST_FREQUENCY,
    MIN_PATCHES,
    PATCH_PX,
    Grain,
    Patches,
    column_counts,
    frequencies,
    read_patches,
    rounding_noise,
    smeared,
    variance_of,
    whole,
)
from fancam.media import Samples

SCALES = (0.5, 4.0)
"""Print pixels per source pixel for which the strength and the spectrum are tested."""

_BAND_PX = 2**21
"""Pixels of the result that are worked on at once."""
_LEVEL_SIGMA_PX = 0.7
"""In pixels of the source: how far around a pixel its brightness is averaged, so that what is left of the grain does
not decide about the grain."""
_HEADROOM = 2.0
"""Standard deviations of grain that must fit between a sample and black or white. With two, cutting moves the mean by
0.8 % of a standard deviation; with none, paper white and crushed black would get grain and grow darker and lighter."""
_NOTHING_MISSING = 0.02
"""Share of the variance that is too little to be seen."""
_HOMOGENEOUS_SHARE = 0.25
"""Share of the patches, the most homogeneous of each brightness, in which what is left of the grain is measured."""
_LOWEST_QUARTER = 1.27
"""Standard deviations by which the mean of the lowest quarter of normal values is below that of all."""
_MOST_UNEVEN = 2.0
"""Times the mean share that may be left at one brightness: more is texture that happens to have it."""
_MAX_PATCHES = 800
_TINY = 1e-9

_BANDS = (2.0, 3.5, 6.0, 9.0, 12.0, 16.5)
"""Edges of the bands in which what is left of the grain is measured, in periods per patch."""


@dataclass(frozen=True, slots=True, eq=False)
class _Missing:
    """What a picture lacks of the grain it should have."""

    strength: npt.NDArray[np.float64]
    """(channels, B) factor of the field of each channel, at the levels of the grain."""
    spectrum: npt.NDArray[np.float64]
    """(channels, n, n // 2 + 1) of the fields."""


def add_grain(pixels: Samples, grain: Grain, scale: float, *, strength: float = 1.0, seed: int = 0) -> Samples:
    """Return a picture with the grain of the source it was made from.

    The strength at each luma is that of the source, the spectrum as well at the matched physical frequency: what has f
    periods per source pixel has f / scale per print pixel. Beyond the finest frequency of the source there is nothing,
    as in a perfect enlargement of its grain; a reduction (scale < 1) keeps only what the smaller picture can hold, and
    is weaker for that. What the picture still carries of the grain is measured, and only what is missing is added.
    Black and white stay as they are, and samples near them get less, so that the mean does not move.

    Args:
        pixels: (H, W) grey or (H, W, 3) RGB, uint8 or uint16; it is not changed.
        grain: From ``measure_grain`` of the source.
        scale: Pixels of ``pixels`` per pixel of the source along an axis; 0.5 to 4 are tested.
        strength: Share of the source's standard deviation that is wanted.
        seed: Another one gives other grain; the same gives the same bytes.

    Raises:
        ValueError: ``pixels`` has another form, the scale is not above 0, or the strength below 0.
    """
    if not scale > 0 or not strength >= 0:
        raise ValueError(f"scale must be above 0 and strength not below, not {scale} and {strength}")
    result = pixels.copy()
    missing = _missing(pixels, grain, scale, strength)
    if missing is None:
        return result
    channels = len(missing.spectrum)
    fields = GrainFields.of(missing.spectrum, grain.coherence[:channels, :channels], scale, seed)
    for rows, luma in _bands(pixels, scale):
        noise = fields.band(rows.start, rows.stop, pixels.shape[1])
        amplitude = np.stack([np.interp(luma, grain.levels, each) for each in missing.strength]).astype(np.float32)
        result[rows] = _grained(pixels[rows], noise, amplitude, grain.coherence)
    return result


# --- what is missing ------------------------------------------------------------------------------------------------


def _missing(pixels: Samples, grain: Grain, scale: float, strength: float) -> _Missing | None:
    """Return the grain that a picture lacks; None if it lacks none."""
    channels = 3 if grain.coloured and pixels.ndim == 3 else 1
    wanted = grain.strength[:channels] * strength
    if not wanted.any():
        return None
    kept_by_frequency, kept_by_level = _kept(pixels, grain, wanted, scale)
    spectra = grain.spectrum[:channels] * (1 - kept_by_frequency)
    inside = frequencies_inside(scale)
    share = variance_of(spectra * inside) / np.maximum(variance_of(grain.spectrum[:channels] * inside), 1e-12)
    if share[0] < _NOTHING_MISSING and (share < _NOTHING_MISSING).all():
        return None
    ratio = np.minimum((1 - kept_by_level) / np.maximum(share, _NOTHING_MISSING)[:, None], 1 / _NOTHING_MISSING)
    ratio[share < _NOTHING_MISSING] = 0.0
    return _Missing(wanted * np.sqrt(ratio), spectra)


def _kept(
    pixels: Samples, grain: Grain, wanted: npt.NDArray[np.float64], scale: float
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return the share of the wanted grain's variance that a picture carries, by frequency and by level.

    Returns:
        (channels, n, n // 2 + 1) and (channels, B), 0 to 1; 0 where the picture is too small to tell.
    """
    channels = len(wanted)
    by_frequency, by_level = np.zeros((channels, *grain.spectrum.shape[1:])), np.zeros_like(wanted)
    patches = read_patches(pixels, max(round(PATCH_PX * scale), 4), _MAX_PATCHES)
    if patches is None:
        return by_frequency, by_level
    inside = frequencies_inside(scale) & (frequencies(PATCH_PX) >= LOWEST_FREQUENCY)
    floor = rounding_noise(patches, pixels.dtype)[:, None, None] / (PATCH_PX * scale) ** 2 * inside
    graded = np.interp(patches.luma, grain.levels, wanted[0]) > 0
    relative = _relative(patches.of(graded), grain, wanted, floor, inside)
    if len(relative) < MIN_PATCHES:
        return by_frequency, by_level
    luma = patches.luma[graded]
    energy = variance_of(relative[:, 0])
    homogeneous = energy <= np.quantile(energy, _HOMOGENEOUS_SHARE)
    homogeneous_here = energy <= _limit_by_luma(luma, energy)
    for channel in range(channels):
        expected = smeared(grain.spectrum[channel]) * inside
        total = float(variance_of(expected))
        if total <= 0:
            continue
        bias = 1 - _LOWEST_QUARTER * spread_of_power(np.maximum(expected, _TINY), LOWEST_FREQUENCY, PATCH_PX)
        expected, total = expected * max(bias, 0.3), total * max(bias, 0.3)
        by_frequency[channel] = _by_band(relative[homogeneous, channel].mean(axis=0), expected)
        shares = variance_of(relative[:, channel]) / total
        limit = min(_MOST_UNEVEN * float(shares[homogeneous].mean()) + _NOTHING_MISSING, 1.0)
        by_level[channel] = np.minimum(_by_level(luma[homogeneous_here], shares[homogeneous_here], grain.levels), limit)
    return by_frequency, by_level


def _relative(
    patches: Patches,
    grain: Grain,
    wanted: npt.NDArray[np.float64],
    floor: npt.NDArray[np.float64],
    inside: npt.NDArray[np.bool_],
) -> npt.NDArray[np.float64]:
    """Return the (count, channels, n, n // 2 + 1) spectra of patches, relative to the wanted variance at their luma."""
    target = np.stack([np.interp(patches.luma, grain.levels, row) ** 2 for row in wanted], axis=1)
    power = np.maximum(patches.power[:, : len(wanted)] - floor[: len(wanted)], 0.0) * inside
    return np.asarray(power / np.maximum(target, _TINY)[:, :, None, None] * (target > 0)[:, :, None, None])


def _limit_by_luma(luma: npt.NDArray[np.float64], energy: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the (count,) energy up to which patches are among the most homogeneous of their brightness."""
    limit = np.empty_like(energy)
    for group in groups_by_luma(luma):
        limit[group] = np.quantile(energy[group], _HOMOGENEOUS_SHARE)
    return limit


def frequencies_inside(scale: float) -> npt.NDArray[np.bool_]:
    """Return which frequencies of a source a picture of this scale can hold."""
    down = np.abs(np.fft.fftfreq(PATCH_PX))[:, None] < 0.5 * scale
    return np.asarray(down & (np.fft.rfftfreq(PATCH_PX) < 0.5 * scale))


def _by_band(carried: npt.NDArray[np.float64], expected: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the share that is carried, in bands of frequencies, between whose middles it is linear."""
    frequency, counts = frequencies(PATCH_PX), column_counts(PATCH_PX)
    middles, shares = [], []
    for low, high in itertools.pairwise(_BANDS):
        band = np.where((frequency >= low) & (frequency < high), counts, 0.0)
        total = float((expected * band).sum())
        if total > 0:
            middles.append((low + high) / 2)
            shares.append(min(float((carried * band).sum()) / total, 1.0))
    return np.interp(frequency, middles, shares) if middles else np.zeros_like(frequency)


def _by_level(
    luma: npt.NDArray[np.float64], shares: npt.NDArray[np.float64], levels: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Return the mean share around each level."""
    nearest = np.abs(luma[:, None] - levels).argmin(axis=1)
    counts = np.bincount(nearest, minlength=len(levels))
    sums = np.bincount(nearest, weights=shares, minlength=len(levels))
    there = counts > 0
    return np.interp(levels, levels[there], np.clip(sums[there] / counts[there], 0, 1))


# --- adding ---------------------------------------------------------------------------------------------------------


def _bands(pixels: Samples, scale: float) -> Iterator[tuple[slice, npt.NDArray[np.float32]]]:
    """Yield bands of rows and their luma in levels of 255, smoothed."""
    height, width = pixels.shape[:2]
    sigma = _LEVEL_SIGMA_PX * scale
    halo = int(np.ceil(4 * sigma)) + 1
    side = 2 * halo - 1
    step = max(_BAND_PX // max(width, 1), 1)
    for top in range(0, height, step):
        bottom = min(top + step, height)
        first, last = max(top - halo, 0), min(bottom + halo, height)
        luma = luma_of(pixels[first:last])
        smooth = cv2.GaussianBlur(luma, (side, side), sigma, borderType=cv2.BORDER_REPLICATE)
        yield slice(top, bottom), np.asarray(smooth[top - first : bottom - first], np.float32)


def _grained(
    pixels: Samples, noise: Fields, amplitude: npt.NDArray[np.float32], coherence: npt.NDArray[np.float64]
) -> Samples:
    """Return rows with noise of this amplitude, which is less where there is no room for it."""
    top = np.iinfo(pixels.dtype).max
    step = np.float32(top / 255)
    grain = noise * amplitude
    result = np.empty_like(pixels)
    count = 1 if pixels.ndim == 2 else 3
    for channel in range(count):
        row = RGB_FROM_YCBCR[channel, : len(grain)].astype(np.float32)
        samples = (pixels if pixels.ndim == 2 else pixels[..., channel]).astype(np.float32)
        added = sum(grain[k] * row[k] for k in range(len(grain)))
        variance = sum(
            amplitude[i] * amplitude[j] * np.float32(row[i] * row[j] * coherence[i, j])
            for i in range(len(grain)) for j in range(len(grain))
        )  # fmt: skip
        room = np.minimum(samples, top - samples) / (np.float32(_HEADROOM) * step)
        limit = np.minimum(room / np.sqrt(np.maximum(variance, np.float32(1e-6))), 1)
        changed = np.clip(np.rint(samples + added * limit * step), 0, top).astype(pixels.dtype)
        if pixels.ndim == 2:
            result[:] = changed
        else:
            result[..., channel] = changed
    return result


_BLOCK_PX = 512
_STEP_PX = 384
"""From block to block; what remains is the overlap, many times as wide as a grain."""

Fields = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class GrainFields:
    """Endless fields of grain, one per spectrum."""

    filters: npt.NDArray[np.float32]
    """(fields, block, block // 2 + 1) amplitude at each frequency."""
    mixing: npt.NDArray[np.float64]
    """(fields, fields): what each takes of independent noise."""
    seed: int

    @classmethod
    def of(
        cls,
        spectra: npt.NDArray[np.float64],
        coherence: npt.NDArray[np.float64],
        scale: float = 1.0,
        seed: int = 0,
    ) -> GrainFields:
        """Return fields of these spectra.

        Args:
            spectra: (fields, n, n // 2 + 1) half spectra in pixels of the source, which sum to the variance of each
                field there.
            coherence: (fields, fields) correlation of the fields.
            scale: Pixels of the field per pixel of the source. Frequencies are divided by it; above that of half a
                period per source pixel there is nothing, and what lies above half a period per pixel of the field is
                lost, as it is to a reduction without aliasing.
            seed: Another one gives other grain.
        """
        filters = np.stack([np.sqrt(_rescaled(each, scale)) for each in spectra]).astype(np.float32)
        return cls(filters, _root(coherence), seed)

    def band(self, top: int, bottom: int, width: int) -> Fields:
        """Return (fields, bottom - top, width): rows of the fields, which begin at (0, 0)."""
        result = np.zeros((len(self.filters), bottom - top, width), np.float32)
        overlap = _BLOCK_PX - _STEP_PX
        for row in range((top - overlap) // _STEP_PX, (bottom - 1) // _STEP_PX + 1):
            for column in range(-1, (width - 1) // _STEP_PX + 1):
                self._add_block(result, row, column, top)
        return result

    def _add_block(self, result: Fields, row: int, column: int, top: int) -> None:
        """Add what a block gives to rows that begin at ``top``."""
        y, x = row * _STEP_PX - top, column * _STEP_PX
        rows = slice(max(y, 0), min(y + _BLOCK_PX, result.shape[1]))
        columns = slice(max(x, 0), min(x + _BLOCK_PX, result.shape[2]))
        if rows.start >= rows.stop or columns.start >= columns.stop:
            return
        inside = np.s_[:, rows.start - y : rows.stop - y, columns.start - x : columns.stop - x]
        result[:, rows, columns] += self._block(row, column)[inside]

    def _block(self, row: int, column: int) -> Fields:
        """Return a block, faded out where it overlaps its neighbours.

        The generator counts (Philox: Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011), so that
        any block can be made without those before it.
        """
        place = (row + 2**31) << 32 | (column + 2**31)
        generator = np.random.Generator(np.random.Philox(key=(self.seed & (2**64 - 1)) | place << 64))
        white = generator.standard_normal((len(self.filters), _BLOCK_PX, _BLOCK_PX), np.float32)
        mixed = np.einsum("ij,jyx->iyx", self.mixing.astype(np.float32), white)
        shaped = np.fft.irfft2(np.fft.rfft2(mixed) * self.filters, s=(_BLOCK_PX, _BLOCK_PX))
        fade = _fade()
        return np.asarray(shaped * (fade[:, None] * fade), np.float32)


def _fade() -> npt.NDArray[np.float32]:
    """Return the weights of a block along an axis; the squares of overlapping ones sum to 1."""
    overlap = _BLOCK_PX - _STEP_PX
    rise = np.sin((np.arange(overlap) + 0.5) / overlap * (np.pi / 2))
    return np.concatenate([rise, np.ones(_BLOCK_PX - 2 * overlap), rise[::-1]]).astype(np.float32)


def _rescaled(spectrum: npt.NDArray[np.float64], scale: float) -> npt.NDArray[np.float64]:
    """Return (block, block // 2 + 1) gain of the variance of white noise that gives it a spectrum at another scale."""
    size = len(spectrum)
    rows = _between(np.asarray(np.fft.fftfreq(_BLOCK_PX) * scale, np.float64), size)
    columns = _between(np.asarray(np.fft.rfftfreq(_BLOCK_PX) * scale, np.float64), size)
    # White noise has 1 / size² of its variance at each frequency of the source, and 1 / scale² of that at the same
    # physical frequency of a print with more pixels.
    return np.asarray(rows @ whole(spectrum) @ columns.T) * (size * scale) ** 2


def _between(frequency: npt.NDArray[np.float64], size: int) -> npt.NDArray[np.float64]:
    """Return the matrix that interpolates a spectrum of ``size`` at frequencies in periods per source pixel.

    Above half a period there is nothing. What a source holds at half a period is, in a larger print, two frequencies of
    opposite sign with half of it each.
    """
    position = frequency * size
    low = np.floor(position).astype(int)
    share = position - low
    matrix = np.zeros((len(frequency), size))
    index = np.arange(len(frequency))
    np.add.at(matrix, (index, low % size), 1 - share)
    np.add.at(matrix, (index, (low + 1) % size), share)
    beyond = np.abs(frequency) - 0.5
    at_limit = 1.0 if np.abs(frequency).max() <= 0.5 + _TINY else 0.5
    matrix *= np.where(beyond < -_TINY, 1.0, np.where(beyond <= _TINY, at_limit, 0.0))[:, None]
    return matrix


def _root(coherence: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the symmetric square root of a correlation matrix; what noise made negative of it counts as 0."""
    values, vectors = np.linalg.eigh(coherence)
    root = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
    return np.asarray(root / np.maximum(np.linalg.norm(root, axis=1, keepdims=True), 1e-12))
