"""Patches of a picture and their spectra."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fancam.enhance.grain.spectra import LOWEST_FREQUENCY, column_counts, frequencies, transforms
from fancam.records import Samples

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
    of_one = (_YCBCR**2).sum(axis=1) if coloured else np.array([1.0, 0.0, 0.0])
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
