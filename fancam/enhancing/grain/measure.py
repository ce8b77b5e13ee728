"""Grain measurement: strength by brightness and spectrum, from homogeneous patches without their light and shade.

Texture differs from place to place; grain of one brightness does not. The patches of each brightness with the least
energy bound the grain, and the patches whose spectrum agrees with theirs, within what chance allows, hold grain alone.
"""

from __future__ import annotations

import functools
import itertools
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

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
    unsmeared,
    variance_of,
)
from fancam.media import Samples

MIN_SIGMA = 0.5
"""Levels of 255 below which there is no grain: rounding alone makes 0.29."""


_MIN_AGREEING = 3
"""Of one brightness: each is off by some 5 % by chance."""
_BIN_PATCHES = 12
"""Steps of brightness are joined until they hold so many."""

_START = 0.05
"""Share of the patches, those with least energy, from which the search for grain begins."""
_WINDOW = 1.5
"""Standard deviations around a value that count as near it."""
_HOMOGENEOUS_SHARE = 0.25
"""Share of the patches that gives a first idea of the spectrum."""
_STRONG = 0.02
"""Of the density: bands with more of it tell the strength."""
_EXCESS = 0.95
"""Of what follows from the higher frequencies, how much the lower ones may have: texture lifts that line a little."""
_FALL = 0.01
"""Of the density: less does not say how it goes on."""
_MIN_POINTS = 3
"""Bands that tell how the spectrum of the grain goes on."""
_MIN_CHROMA = 0.15
"""Share of the strength of the luma: less colour is that of light and shade. Grain that is independent in R, G and B
has 0.9."""
_CHANCE = 3.0
"""Standard deviations by which the power of a patch may differ from that of grain in any band of frequencies."""
_PASSES = 4
"""Of choosing the patches that agree with the grain that was found."""
_BANDS = (2.0, 3.0, 4.0, 6.0, 8.0, 10.0, 12.0, 14.0, 23.0)
"""Edges of the bands of frequencies in which patches are compared, in periods per patch."""
_REFERENCE = slice(2, 6)
"""The bands that tell the strength: below them there is shade, above them coarse grain has nothing."""
_HANN_SPREAD = 1.944**2
"""Neighbouring frequencies under a Hann window are correlated: by 2/3, then 1/6, along each axis. The variance of a sum
of them is larger than that of independent ones by (1 + 2 · (2/3)² + 2 · (1/6)²)²."""

_BIN_LEVELS = 16
"""Steps of brightness are at least so wide."""
_FLAT_VARIANCE = 0.02
"""In squared levels: less is no grain at all but a drawn area, a margin, a bar."""

_TINY = 1e-9


def _band_sizes() -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return how many frequencies of the whole plane are in each band, and their mean square."""
    frequency, counts = frequencies(PATCH_PX), column_counts(PATCH_PX) * np.ones((PATCH_PX, 1))
    inside = [(frequency >= low) & (frequency < high) for low, high in itertools.pairwise(_BANDS)]
    sizes = np.array([counts[band].sum() for band in inside])
    return sizes, np.array([(counts * frequency**2)[band].sum() for band in inside]) / sizes


_COUNTS, _MIDDLES = _band_sizes()


def measure_grain(picture: Samples) -> Grain | None:
    """Return the grain of a picture.

    Args:
        picture: (height, width) grey or (height, width, 3) RGB, uint8 or uint16, gamma-encoded.

    Returns:
        None where there is none: the grain of no brightness is stronger than ``MIN_SIGMA`` after the noise of rounding
        was taken off, or texture is everywhere in the picture, or it is too small to hold six
        patches of 32 × 32 pixels.

    Raises:
        ValueError: It is no picture of one or three channels.
    """
    patches = read_patches(picture)
    return None if patches is None else grain_of(patches, rounding_noise(patches, picture.dtype))


def grain_of(patches: Patches, rounding: npt.NDArray[np.float64]) -> Grain | None:
    """Return the grain that patches share; None for none.

    Args:
        patches: From ``read_patches``.
        rounding: (3,) variance of the noise of rounding in squared levels, which is no grain.
    """
    floor = rounding[:, None, None] / PATCH_PX**2 * _known()
    agreed = agreeing_patches(patches.luma, patches.power[:, 0] - floor[0], float(floor[0].max()))
    if agreed is None:
        return None
    spectra, strengths = [], []
    for channel in range(3):
        if channel == 0:
            spectrum, variance = agreed.spectrum, agreed.variance
        else:
            spectrum, variance = _along(patches, agreed, channel, floor[channel])
        full = unsmeared(np.maximum(spectrum, 0.0))
        total = float(variance_of(full))
        strength = np.sqrt(np.maximum(variance * total, 0.0))
        strength[strength < MIN_SIGMA] = 0.0
        spectra.append(full / max(total, 1e-12))
        strengths.append(strength)
    if not strengths[0].any():
        return None
    return Grain(agreed.levels, np.array(strengths), np.array(spectra), _coherence(patches.of(agreed.chosen)))


def _along(
    patches: Patches, agreed: Agreeing, channel: int, floor: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return the spectrum of a channel in the agreeing patches, of variance 1, and its variance by level."""
    power = patches.power[agreed.chosen, channel] - floor
    luma = patches.luma[agreed.chosen]
    relative = power / np.interp(luma, agreed.levels, agreed.variance)[:, None, None]
    energies = _by_band(relative)
    first = np.maximum(relative.mean(axis=0), _TINY)
    spreads = [spread_of_power(first, low, high) for low, high in itertools.pairwise(_BANDS)]
    common = _without_shade(np.array([_lower_mode(energies[:, k], spread) for k, spread in enumerate(spreads)]))
    spectrum = _with_bands(np.maximum(relative.mean(axis=0), 0.0), np.maximum(common, 0.0))
    total = float(variance_of(spectrum))
    if total < _MIN_CHROMA**2:
        return np.zeros_like(spectrum), np.zeros_like(agreed.levels)
    nearest = np.abs(luma[:, None] - agreed.levels).argmin(axis=1)
    reference = energies[:, _REFERENCE].sum(axis=1) / common[_REFERENCE].sum()
    spread = spread_of_power(first, _BANDS[_REFERENCE.start], _BANDS[_REFERENCE.stop])
    ratios = [
        _lower_mode(reference[nearest == k], spread) if (nearest == k).any() else 1.0 for k in range(len(agreed.levels))
    ]
    return spectrum / total, agreed.variance * total * np.array(ratios)


# --- which patches are grain ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class Agreeing:
    """The grain of one channel in the patches that agree on it."""

    levels: npt.NDArray[np.float64]
    """(B,) rising luma."""
    variance: npt.NDArray[np.float64]
    """(B,) in squared levels there, of the measured frequencies."""
    spectrum: npt.NDArray[np.float64]
    """(n, n // 2 + 1), of variance 1; slow frequencies 0."""
    chosen: npt.NDArray[np.bool_]
    """(count,) which patches hold grain only."""


def agreeing_patches(luma: npt.NDArray[np.float64], power: npt.NDArray[np.float64], floor: float) -> Agreeing | None:
    """Return the grain that homogeneous patches have in common; None where they are too few to tell.

    Args:
        luma: (count,).
        power: (count, n, n // 2 + 1) of one channel, without the noise of rounding.
        floor: That noise, at each frequency.
    """
    energies = _by_band(power)
    usable = _undrawn(power)
    groups = [group[usable[group]] for group in groups_by_luma(luma)]
    groups = [group for group in groups if len(group) >= MIN_PATCHES]
    if not groups:
        return None
    reference = energies[:, _REFERENCE].sum(axis=1)
    seen = np.concatenate(
        [group[reference[group] <= np.quantile(reference[group], _HOMOGENEOUS_SHARE)] for group in groups]
    )
    first = np.maximum(power[seen].mean(axis=0), floor)
    spreads = np.array([spread_of_power(first, low, high) for low, high in itertools.pairwise(_BANDS)])
    floors = floor * _COUNTS
    spread = spread_of_power(first, _BANDS[_REFERENCE.start], _BANDS[_REFERENCE.stop])
    levels = np.array([luma[group].mean() for group in groups])
    strength = np.array([_lower_mode(reference[group], spread) for group in groups])
    chosen = usable
    for _ in range(_PASSES):
        expected = np.maximum(np.interp(luma, levels, strength), _TINY)
        relative = energies / expected[:, None]
        common = np.array([_lower_mode(relative[usable, k], spreads[k]) for k in range(len(spreads))])
        common = _without_shade(common)
        density = common / _COUNTS
        seen = (common * np.median(strength) > floors) & (density > _FALL * density.max())
        if not seen.any():
            return None
        near = np.abs(relative - common) <= _CHANCE * spreads * common
        chosen = usable & near[:, seen].all(axis=1)
        share = np.where(seen & (density > _STRONG * density.max()), _COUNTS, 0.0)
        share /= max(share.sum(), _TINY)
        white = (relative / np.maximum(common, _TINY)) @ share
        level_spread = float(np.sqrt((share**2 * spreads**2).sum()))
        agreeing = [group[chosen[group]] for group in groups if chosen[group].sum() >= _MIN_AGREEING]
        if chosen.sum() < MIN_PATCHES or not agreeing:
            return None
        levels = np.array([luma[group].mean() for group in agreeing])
        strength = np.array([expected[group].mean() * _lower_mode(white[group], level_spread) for group in agreeing])
    shape = np.maximum((power[chosen] / expected[chosen][:, None, None]).mean(axis=0), 0)
    shape = _with_bands(shape, common)
    total = float(variance_of(shape))
    return Agreeing(levels, strength * total, shape / total, chosen)


def _without_shade(energies: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the power in bands, no more in the lowest than goes with the others.

    Grain is noise that was blurred, more or less by a Gaussian: the logarithm of its spectrum falls with the square of
    the frequency. What is above that line at low frequencies is light and shade.
    """
    density = np.maximum(energies, 0) / _COUNTS
    known = density > _FALL * density[_REFERENCE].max()
    known[: _REFERENCE.start] = False
    known[-1] = False
    if known.sum() > _MIN_POINTS:
        known[_REFERENCE.start] = False
    if known.sum() < 2:
        return energies
    weight = np.sqrt(energies[known])
    slope, height = np.polyfit(_MIDDLES[known], np.log(density[known]), 1, w=weight)
    line = np.exp(height + min(slope, 0.0) * _MIDDLES) * _EXCESS
    if slope > 0:
        line[:] = np.average(density[known], weights=_COUNTS[known])
    slow = slice(0, _REFERENCE.start + 1)
    density[slow] = np.minimum(density[slow], line[slow])
    return np.asarray(density * _COUNTS)


def _with_bands(shape: npt.NDArray[np.float64], wanted: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return a spectrum with the wanted variance in each band."""
    number = np.digitize(frequencies(PATCH_PX), _BANDS) - 1
    inside = (number >= 0) & (number < len(wanted))
    found = _by_band(shape[None])[0]
    gain = np.divide(wanted, found, out=np.zeros_like(found), where=found > 0)
    return np.where(inside, shape * gain[np.clip(number, 0, len(wanted) - 1)], 0.0)


def _by_band(power: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return (count, bands) variance in bands of frequencies."""
    frequency = frequencies(PATCH_PX)
    counted = power * column_counts(PATCH_PX)
    inside = [(frequency >= low) & (frequency < high) for low, high in itertools.pairwise(_BANDS)]
    return np.stack([counted[:, band].sum(axis=1) for band in inside], axis=1)


def spread_of_power(power: npt.NDArray[np.float64], low: float, high: float) -> float:
    """Return the standard deviation of the power of grain in a band of frequencies of a patch, relative to its mean.

    Args:
        power: About the spectrum of the grain: the more it lies at few frequencies the more chance there is.
        low: In periods per patch.
        high: The same.
    """
    frequency = frequencies(PATCH_PX)
    band = power * ((frequency >= low) & (frequency < high))
    counts = column_counts(PATCH_PX)
    return float(np.sqrt(2 * _HANN_SPREAD * (band**2 * counts).sum()) / (band * counts).sum())


@functools.cache
def _mode_of_grain(spread: float) -> float:
    """Return where ``_lower_mode`` would come to rest among values of mean 1 that are distributed as a power is.

    The sum of squares of normal values is Gamma distributed; here its shape follows from the standard deviation.
    """
    shape = 1 / spread**2
    value = np.linspace(1e-6, 1 + 8 * spread, 4000)
    density = np.exp((shape - 1) * np.log(value) - shape * (value - 1))
    centre = 1.0
    for _ in range(60):
        inside = np.abs(value - centre) <= _WINDOW * spread * centre
        centre = float((value * density)[inside].sum() / density[inside].sum())
    return centre


def _lower_mode(values: npt.NDArray[np.float64], spread: float) -> float:
    """Return the mean power of grain among patches of which many hold texture as well.

    From below, it is the first value around which they crowd (mean shift: Fukunaga & Hostetler, IEEE Trans. Inf. Theory
    21(1), 1975), as wide as chance spreads grain.
    """
    centre = float(np.quantile(values, _START)) / max(1 - 1.3 * spread, 0.3)
    for _ in range(20):
        inside = np.abs(values - centre) <= _WINDOW * spread * centre
        if not inside.any():
            break
        moved = float(values[inside].mean())
        if abs(moved - centre) <= 1e-4 * centre:
            break
        centre = moved
    return centre / _mode_of_grain(round(spread, 6))


def _undrawn(power: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    """Return which patches are not drawn areas; all, where most are."""
    flat = variance_of(power) < _FLAT_VARIANCE
    return np.ones(len(power), bool) if flat.mean() > 0.5 else np.asarray(~flat)


def groups_by_luma(luma: npt.NDArray[np.float64]) -> list[npt.NDArray[np.intp]]:
    """Return the indices of patches in steps of brightness, rising; steps with too few are joined to the next."""
    order = np.argsort(luma, kind="stable")
    steps = (luma[order] // _BIN_LEVELS).astype(int)
    parts = np.split(order, np.flatnonzero(np.diff(steps)) + 1)
    groups: list[npt.NDArray[np.intp]] = []
    waiting = np.empty(0, np.intp)
    for part in parts:
        waiting = np.concatenate([waiting, part])
        if len(waiting) >= _BIN_PATCHES:
            groups.append(waiting)
            waiting = np.empty(0, np.intp)
    if len(waiting):
        groups[-1:] = [np.concatenate([*groups[-1:], waiting])]
    return groups


# --- what they have in common ---------------------------------------------------------------------------------------


def _coherence(patches: Patches) -> npt.NDArray[np.float64]:
    """Return the (3, 3) correlation of the channels."""
    variance = variance_of(patches.power).mean(axis=0)
    cross = patches.cross.mean(axis=0)
    result = np.eye(3)
    for value, (i, j) in zip(cross, ((0, 1), (0, 2), (1, 2)), strict=True):
        product = float(np.sqrt(variance[i] * variance[j]))
        result[i, j] = result[j, i] = float(np.clip(value / product, -1, 1)) if product > 0 else 0.0
    return result


def _known() -> npt.NDArray[np.bool_]:
    return frequencies(PATCH_PX) >= LOWEST_FREQUENCY
