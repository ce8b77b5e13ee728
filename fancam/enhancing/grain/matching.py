"""Gives a part of a print that was replaced the grain of its surroundings: a restored face must not be smoother.

Grain is what remains in the most homogeneous patches of a picture when light and shade are taken off. Its strength by
brightness and its spectrum are measured around the part and in it, and what is missing is added.
"""

from __future__ import annotations

import hashlib
import itertools
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from fancam.enhancing.grain.adding import GrainFields
from fancam.enhancing.grain.measure import MIN_SIGMA
from fancam.enhancing.grain.model import LOWEST_FREQUENCY, frequencies, periodograms, variance_of, with_slow
from fancam.geometry import Box
from fancam.media import Samples

Plane = npt.NDArray[np.float32]
"""(height, width) float32."""

RING_SHARE = 0.35
"""How far around a face, in parts of its size, its surroundings reach."""

_PATCH_PX = 32
"""Side of the patches that are measured; 16 where a face is too small for enough of these."""

_MIN_PATCHES = 6
"""Fewer say nothing."""

_MAX_PATCHES = 600
"""Per region; more say nothing new."""

_HOMOGENEOUS_SHARE = 0.25
_HOMOGENEOUS_SPREAD = 1.6
"""The most homogeneous quarter of the patches tells the level; patches up to 1.6 times its variance are grain as well.
Of patches of pure grain nearly all are kept, so that the mean is not biased; hair, lashes and edges are not."""

_BINS = 8
"""Steps of brightness."""

_BANDS = (0.0, 1 / 8, 7 / 32, 11 / 32, 1 / 2, 0.71)
"""Edges of the frequency bands in which the loss is measured, in periods per pixel."""

_MIN_LOSS = 0.1
"""A smaller loss of variance in a band is none: it cannot be seen, and hardly be measured."""

_LUMA = np.array([0.2126, 0.7152, 0.0722], np.float32)
"""Weights of R'G'B' (ITU-R BT.709)."""


@dataclass(frozen=True, slots=True, eq=False)
class RegionGrain:
    """The grain of a region."""

    variance: npt.NDArray[np.float64]
    """(bins,) in squared levels of 255, by brightness; NaN where no homogeneous patch of the region has it."""
    spectrum: npt.NDArray[np.float64]
    """(patch, patch // 2 + 1) share of the variance at each frequency, in the order of ``numpy.fft.rfft2``."""

    @property
    def sigma(self) -> float:
        """Standard deviation in levels of 255, the mean over the brightnesses that are there."""
        return float(np.sqrt(np.nanmean(self.variance)))


@dataclass(frozen=True, slots=True, eq=False)
class _Patches:
    """Patches of a region that share a size."""

    brightness: npt.NDArray[np.float64]
    """(count,) mean level of 255."""
    spectra: npt.NDArray[np.float64]
    """(count, patch, patch // 2 + 1) variance at each frequency, slow ones 0."""


def match_grain(printed: Samples, before: Samples, part: Box, alpha: Plane) -> float:
    """Give a replaced part of a print the grain of its surroundings, in place; the same print gets the same grain.

    The surroundings are what lies around the part within ``RING_SHARE``, by brightness; the part never gets more than
    they have, and never more than the print had in its place: hair around a face is no grain. Where neither has any,
    or the part is too small to tell, nothing changes.

    Args:
        printed: (H, W, 3) uint8 or uint16 RGB, with the part replaced; changed in place, inside the part.
        before: The same print without it.
        part: In whole pixels of the print; may be empty.
        alpha: (height, width) of the part: how much of each pixel was replaced, in [0, 1].

    Returns:
        Mean standard deviation of the grain that was added where alpha is full, in levels of 255; 0 for none.
    """
    if not part.area > 0:
        return 0.0
    outer = part.grown(RING_SHARE).clipped(printed.shape[1], printed.shape[0]).as_slices()
    rows, columns = part.as_slices()
    top, left = outer[0].start, outer[1].start
    inner = slice(rows.start - top, rows.stop - top), slice(columns.start - left, columns.stop - left)
    after, earlier = _luma(printed[outer]), _luma(before[outer])
    replaced = np.zeros(after.shape, np.float32)
    replaced[inner] = alpha
    missing = _missing(after, earlier, replaced)
    if missing is None:
        return 0.0
    pixels = printed[rows, columns]
    full = float(alpha.max())
    # Of independent grain, (1 - a)² of the variance survives under a mask of a: a · (2 - a) is missing.
    share = alpha * (2 - alpha) / (full * (2 - full))
    local = cv2.GaussianBlur(after[inner], (0, 0), 2.0)
    variance = np.interp(local, _bin_centres(), missing.variance).astype(np.float32) * share
    grain = np.sqrt(variance) * _noise(pixels, missing.spectrum)
    levels = np.iinfo(pixels.dtype).max
    pixels[...] = np.clip(np.rint(pixels + (grain * np.float32(levels / 255))[..., None]), 0, levels)
    inside = alpha >= 0.9 * full
    return float(np.sqrt(variance[inside].mean(dtype=np.float64)))


def region_grain(luma: Plane, region: npt.NDArray[np.bool_], patch_px: int = _PATCH_PX) -> RegionGrain | None:
    """Return the grain of a region of a picture.

    Args:
        luma: (height, width) in levels of 255.
        region: (height, width); patches lie wholly inside it.
        patch_px: Side of the patches.

    Returns:
        None where fewer than six patches fit in.
    """
    patches = _patches(luma, region, patch_px)
    return None if patches is None else _profile(patches)


# --- what is missing -------------------------------------------------------------------------------------------------


def _missing(after: Plane, before: Plane, alpha: Plane) -> RegionGrain | None:
    """Return the grain the face lacks, its variance without gaps; None where it lacks none, or nothing can tell."""
    face = alpha >= 0.9 * alpha.max()
    for patch_px in (_PATCH_PX, _PATCH_PX // 2):
        ring = _patches(before, alpha == 0, patch_px)
        beneath, drawn = _patches(before, face, patch_px), _patches(after, face, patch_px)
        if ring is not None and beneath is not None and drawn is not None:
            return _lacking(_profile(ring), _profile(beneath), _lost(beneath, drawn))
    return None


def _lacking(around: RegionGrain, beneath: RegionGrain, lost: npt.NDArray[np.float64]) -> RegionGrain | None:
    """Return the grain to add, from that of the surroundings, that of the print beneath, and the share that is lost."""
    wanted = np.fmin(around.variance, beneath.variance)
    wanted[np.isnan(beneath.variance)] = np.nan
    wanted[wanted < MIN_SIGMA**2] = 0
    # At no frequency more than either has: the ring holds strands of hair, the face pores.
    both = [each.spectrum * np.nanmean(each.variance) for each in (around, beneath)]
    spectrum = np.minimum(*both) / min(float(variance_of(each)) for each in both) * lost
    share = float(variance_of(spectrum))
    known = ~np.isnan(wanted)
    if share <= 0 or not (wanted[known] > 0).any():
        return None
    centres = _bin_centres()
    return RegionGrain(np.interp(centres, centres[known], wanted[known] * share), spectrum / share)


def _lost(beneath: _Patches, drawn: _Patches) -> npt.NDArray[np.float64]:
    """Return the share of the grain's variance that the face lost at each frequency, from the same patches of both.

    A prior replaces all up to the finest detail of its square and nothing beyond, so what is lost at one frequency is
    lost at lower ones as well; there the light and shade of the new face hide the loss.
    """
    size = beneath.spectra.shape[1]
    frequency = frequencies(size) / size
    pairs = _homogeneous(beneath) & _homogeneous(drawn)
    if pairs.sum() < _MIN_PATCHES:
        pairs = _homogeneous(drawn)
    had, has = (each.spectra[pairs].mean(axis=0) for each in (beneath, drawn))
    centres, shares = [], []
    for low, high in itertools.pairwise(_BANDS):
        band = (frequency >= low) & (frequency < high) & (frequency >= LOWEST_FREQUENCY / size)
        if band.any():
            share = 1 - float(has[band].sum()) / max(float(had[band].sum()), 1e-12)
            centres.append((low + high) / 2)
            shares.append(share if share > _MIN_LOSS else 0.0)
    descending = np.maximum.accumulate(np.array(shares)[::-1])[::-1]
    return np.interp(frequency, centres, descending)


# --- measuring -------------------------------------------------------------------------------------------------------


def _patches(luma: Plane, region: npt.NDArray[np.bool_], patch_px: int) -> _Patches | None:
    """Return the patches of a region on a grid of half their size; None for too few."""
    height, width = luma.shape
    if min(height, width) < patch_px:
        return None
    covered = cv2.integral(region.astype(np.uint8))
    rows, columns = np.meshgrid(
        np.arange(0, height - patch_px + 1, patch_px // 2),
        np.arange(0, width - patch_px + 1, patch_px // 2),
        indexing="ij",
    )
    inside = (
        covered[rows + patch_px, columns + patch_px] - covered[rows, columns + patch_px]
        - covered[rows + patch_px, columns] + covered[rows, columns]
    ) == patch_px**2  # fmt: skip
    rows, columns = rows[inside], columns[inside]
    if len(rows) < _MIN_PATCHES:
        return None
    if len(rows) > _MAX_PATCHES:
        chosen = np.linspace(0, len(rows) - 1, _MAX_PATCHES).round().astype(int)
        rows, columns = rows[chosen], columns[chosen]
    windows = np.lib.stride_tricks.sliding_window_view(luma, (patch_px, patch_px))
    values = windows[rows, columns].astype(np.float64)
    return _Patches(values.mean(axis=(1, 2)), periodograms(values))


def _profile(patches: _Patches) -> RegionGrain:
    """Return the grain of the homogeneous patches, by brightness."""
    energy = variance_of(patches.spectra)
    number = np.clip(patches.brightness / 256 * _BINS, 0, _BINS - 1).astype(int)
    variance = np.full(_BINS, np.nan)
    homogeneous = np.zeros(len(energy), bool)
    for index in np.unique(number):
        here = number == index
        if here.sum() < _MIN_PATCHES:
            continue
        level = float(np.quantile(energy[here], _HOMOGENEOUS_SHARE))
        kept = here & (energy <= level * _HOMOGENEOUS_SPREAD)
        variance[index] = energy[kept].mean()
        homogeneous |= kept
    if not homogeneous.any():  # too few of each brightness: all as one
        homogeneous = _homogeneous(patches)
        variance[np.unique(number)] = energy[homogeneous].mean()
    measured = patches.spectra[homogeneous].mean(axis=0)
    spectrum = with_slow(measured)
    total, part = (max(float(variance_of(each)), 1e-12) for each in (spectrum, measured))
    return RegionGrain(variance * (total / part), spectrum / total)


def _homogeneous(patches: _Patches) -> npt.NDArray[np.bool_]:
    """Return which patches hold grain only, whatever their brightness."""
    energy = variance_of(patches.spectra)
    return np.asarray(energy <= np.quantile(energy, _HOMOGENEOUS_SHARE) * _HOMOGENEOUS_SPREAD)


def _bin_centres() -> npt.NDArray[np.float64]:
    return (np.arange(_BINS) + 0.5) * 256 / _BINS


# --- making ----------------------------------------------------------------------------------------------------------


def _noise(seeded_by: Samples, spectrum: npt.NDArray[np.float64]) -> Plane:
    """Return noise of variance 1 with this spectrum, of the size of a picture and seeded by its bytes."""
    digest = hashlib.blake2b(np.ascontiguousarray(seeded_by).tobytes(), digest_size=8).digest()
    fields = GrainFields.of(spectrum[None], np.ones((1, 1)), seed=int.from_bytes(digest, "big"))
    return fields.band(0, seeded_by.shape[0], seeded_by.shape[1])[0]


def _luma(pixels: Samples) -> Plane:
    """Return (H, W) luma in levels of 255."""
    levels = np.float32(255 / np.iinfo(pixels.dtype).max)
    return np.asarray(pixels.astype(np.float32) @ (_LUMA * levels), np.float32)
