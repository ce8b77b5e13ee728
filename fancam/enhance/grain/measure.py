"""Measures grain: what remains in the calmest patches of a picture when light and shade are taken off.

Texture differs from place to place; grain of one brightness does not. So the calmest patches of each brightness say
what grain there may be at most, and what has its spectrum there, within what chance allows, is grain.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fancam.enhance.grain.model import Grain
from fancam.enhance.grain.spectra import (
    LOWEST_FREQUENCY,
    column_counts,
    frequencies,
    transforms,
    unsmeared,
    variance_of,
)
from fancam.records import Samples

MIN_SIGMA = 0.5
"""Levels of 255 below which there is no grain: rounding alone makes 0.29."""

PATCH_PX = 32
"""Side of the patches that are measured, in pixels of the source."""

_MIN_PATCHES = 6
"""Fewer say nothing."""
_BIN_PATCHES = 12
"""Steps of brightness are joined until they hold so many."""
_MAX_PATCHES = 2500
"""More say nothing new."""
_CHUNK = 250
"""Patches that are transformed at once."""

_CALM_SHARE = 0.25
_CALM_SPREAD = 1.6
"""The calmest quarter of the patches tells the level; patches up to 1.6 times its variance may be grain as well. Of
patches of pure grain nearly all are kept, so that the mean is not biased; hair, lashes and edges are not."""
_CHANCE = 3.0
"""Standard deviations by which the power of a patch may differ from that of grain in any band of frequencies."""
_PASSES = 3
"""Of choosing the patches that agree with the grain that was found."""
_BANDS = (2.0, 4.0, 8.0, 12.0, 23.0)
"""Edges of the bands of frequencies in which patches are compared, in periods per patch."""
_HANN_SPREAD = 1.944**2
"""Neighbouring frequencies under a Hann window are correlated: by 2/3, then 1/6, along each axis. The variance of a sum
of them is larger than that of independent ones by (1 + 2 · (2/3)² + 2 · (1/6)²)²."""

_BIN_LEVELS = 16
"""Steps of brightness are at least so wide."""
_CLIPPED_SHARE = 0.02
"""Patches of which more is black or white hold cut grain, or none."""
_FLAT_VARIANCE = 0.02
"""In squared levels: less is no grain at all but a drawn area, a margin, a bar."""

_TINY = 1e-9

_YCBCR = np.array([[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]])
"""ITU-T T.871, section 7."""


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


def measure_grain(picture: Samples) -> Grain | None:
    """Return the grain of a picture.

    Args:
        picture: (height, width) grey or (height, width, 3) RGB, uint8 or uint16, gamma-encoded.

    Returns:
        None where there is none: the grain of no brightness is stronger than ``MIN_SIGMA`` after the noise of rounding
        was taken off, or nowhere is the picture calm enough to tell grain from texture, or it is too small to hold six
        patches of 32 × 32 pixels.

    Raises:
        ValueError: It is no picture of one or three channels.
    """
    patches = read_patches(picture)
    return None if patches is None else grain_of(patches, rounding_noise(patches, picture.dtype))


def read_patches(picture: Samples, patch_px: int = PATCH_PX) -> Patches | None:
    """Return patches spread evenly over a picture, none of them clipped; None for too few.

    Args:
        picture: As for ``measure_grain``.
        patch_px: Their side. The spectra have the ``PATCH_PX`` lowest frequencies, whatever the side; what a smaller
            patch cannot hold is 0.
    """
    if picture.ndim not in (2, 3) or (picture.ndim == 3 and picture.shape[2] != 3):
        raise ValueError(f"no grey or RGB picture: {picture.shape}")
    height, width = picture.shape[:2]
    corners = _corners(height, width, patch_px)
    found = [
        _read(picture, part, patch_px) for part in (corners[at : at + _CHUNK] for at in range(0, len(corners), _CHUNK))
    ]
    if not found:
        return None
    patches = Patches(*(np.concatenate([getattr(each, name) for each in found]) for name in Patches.__slots__))
    return patches if len(patches.luma) >= _MIN_PATCHES else None


def grain_of(patches: Patches, rounding: npt.NDArray[np.float64]) -> Grain | None:
    """Return the grain that patches share; None for none.

    Args:
        patches: From ``read_patches``.
        rounding: (3,) variance of the noise of rounding in squared levels, which is no grain.
    """
    calm = calm_patches(patches)
    if calm.sum() < _MIN_PATCHES:
        return None
    chosen = patches.of(calm)
    groups = _groups(chosen.luma, _BIN_PATCHES)
    spectra = _mean_spectra(chosen, rounding)
    totals = variance_of(spectra)
    kept = variance_of(np.where(_known(), spectra, 0.0))
    factor = np.divide(totals, kept, out=np.ones(3), where=kept > 0)
    levels = np.array([chosen.luma[group].mean() for group in groups])
    measured = np.array([variance_of(chosen.power[group].mean(axis=0)) for group in groups]).T
    variance = np.maximum(measured - (rounding * _known_share())[:, None], 0.0) * factor[:, None]
    strength = np.sqrt(variance)
    strength[strength < MIN_SIGMA] = 0.0
    strength[1:, strength[0] == 0] = 0.0
    if not strength[0].any():
        return None
    return Grain(levels, strength, spectra / np.maximum(totals, 1e-12)[:, None, None], _coherence(chosen))


# --- which patches are grain ----------------------------------------------------------------------------------------


def calm_patches(patches: Patches) -> npt.NDArray[np.bool_]:
    """Return (count,) which patches hold grain only."""
    luma_power = patches.power[:, 0]
    energy = variance_of(luma_power)
    flat = energy < _FLAT_VARIANCE
    usable = np.ones(len(energy), bool) if flat.mean() > 0.5 else ~flat
    calm = np.zeros(len(energy), bool)
    for group in _groups(patches.luma, _BIN_PATCHES):
        inside = group[usable[group]]
        if len(inside) >= _MIN_PATCHES:
            calm[inside] = energy[inside] <= np.quantile(energy[inside], _CALM_SHARE) * _CALM_SPREAD
    for _ in range(_PASSES):
        if calm.sum() < _MIN_PATCHES:
            break
        calm = usable & _agreeing(patches.luma, luma_power, calm)
    return calm


def _agreeing(
    luma: npt.NDArray[np.float64], power: npt.NDArray[np.float64], calm: npt.NDArray[np.bool_]
) -> npt.NDArray[np.bool_]:
    """Return which patches have, in every band of frequencies, the power of the calm ones, within chance."""
    groups = _groups(luma[calm], _BIN_PATCHES)
    energy = variance_of(power[calm])
    levels = [luma[calm][group].mean() for group in groups]
    expected = np.interp(luma, levels, [energy[group].mean() for group in groups])
    shape = (power[calm] / expected[calm][:, None, None]).mean(axis=0)
    frequency, counts = frequencies(PATCH_PX), column_counts(PATCH_PX)
    result = np.ones(len(luma), bool)
    for low, high in itertools.pairwise(_BANDS):
        band = np.where((frequency >= low) & (frequency < high), counts, 0.0)
        total = float((shape * band).sum())
        if total <= 0:
            continue
        spread = np.sqrt(2 * _HANN_SPREAD * float((shape**2 * band).sum())) / total
        ratio = (power * band).sum(axis=(1, 2)) / np.maximum(expected * total, 1e-12)
        result &= np.abs(ratio - 1) <= _CHANCE * spread
    return result


def _groups(luma: npt.NDArray[np.float64], least: int) -> list[npt.NDArray[np.intp]]:
    """Return the indices of patches in steps of brightness, rising; steps with too few are joined to the next."""
    order = np.argsort(luma, kind="stable")
    steps = (luma[order] // _BIN_LEVELS).astype(int)
    parts = np.split(order, np.flatnonzero(np.diff(steps)) + 1)
    groups: list[npt.NDArray[np.intp]] = []
    waiting = np.empty(0, np.intp)
    for part in parts:
        waiting = np.concatenate([waiting, part])
        if len(waiting) >= least:
            groups.append(waiting)
            waiting = np.empty(0, np.intp)
    if len(waiting):
        groups[-1:] = [np.concatenate([*groups[-1:], waiting])]
    return groups


# --- what they have in common ---------------------------------------------------------------------------------------


def _mean_spectra(patches: Patches, rounding: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return (3, n, n // 2 + 1) spectra in squared levels, the noise of rounding and the smear of the window taken off.

    A spectrum is the mean over all patches, whatever their brightness.
    """
    mean = patches.power.mean(axis=0)
    floor = rounding[:, None, None] / PATCH_PX**2
    return np.stack([unsmeared(np.where(_known(), np.maximum(each, 0), 0.0)) for each in mean - floor])


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


def _known_share() -> float:
    """Share of white noise that is at the measured frequencies."""
    return float((_known() * column_counts(PATCH_PX)).sum()) / PATCH_PX**2


def rounding_noise(patches: Patches, dtype: np.dtype) -> npt.NDArray[np.float64]:
    """Return the (3,) variance of rounding to samples, in squared levels of 255, of Y, Cb and Cr."""
    coloured = bool(patches.power[:, 1:].max() > _TINY)
    of_one = (_YCBCR**2).sum(axis=1) if coloured else np.array([1.0, 0.0, 0.0])
    return np.asarray((255 / np.iinfo(dtype).max) ** 2 / 12 * of_one)


# --- reading --------------------------------------------------------------------------------------------------------


def _corners(height: int, width: int, patch_px: int) -> npt.NDArray[np.intp]:
    """Return (count, 2) rows and columns of patches on a grid of half their size, thinned out evenly."""
    rows, columns = (np.arange(0, side - patch_px + 1, patch_px // 2) for side in (height, width))
    count = len(rows) * len(columns)
    chosen = np.linspace(0, count - 1, min(count, _MAX_PATCHES)).round().astype(np.intp)
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
    planes = np.einsum("ck,nyxk->ncyx", _YCBCR, values)
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
