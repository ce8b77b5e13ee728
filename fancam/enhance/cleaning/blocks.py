"""Overlapping blocks of 8 x 8 pixels and their cosine transform."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fancam.media import Samples

BLOCK_PX = 8
COEFFICIENTS = BLOCK_PX * BLOCK_PX

Blocks = npt.NDArray[np.float32]
"""(64, rows, columns): coefficients, row by row, of the block at each place."""


def _cosines() -> npt.NDArray[np.float32]:
    place, order = np.arange(BLOCK_PX), np.arange(BLOCK_PX)[:, None]
    one = np.sqrt(2 / BLOCK_PX) * np.cos(np.pi * (place + 0.5) * order / BLOCK_PX)
    one[0] /= np.sqrt(2)
    return np.kron(one, one).astype(np.float32)


_COSINES = _cosines()
"""(64, 64): orthonormal DCT-II of a block (Ahmed, Natarajan & Rao, "Discrete cosine transform", 1974); a row is one
coefficient."""


def coefficients_of(plane: npt.NDArray[np.float32], step: int) -> Blocks:
    """Return the cosine transforms of the blocks that begin at every ``step``-th row and column of a plane."""
    rows, columns = ((side - BLOCK_PX) // step + 1 for side in plane.shape)
    samples = np.empty((COEFFICIENTS, rows, columns), np.float32)
    for y in range(BLOCK_PX):
        for x in range(BLOCK_PX):
            samples[y * BLOCK_PX + x] = plane[y : y + step * rows : step, x : x + step * columns : step]
    return (_COSINES @ samples.reshape(COEFFICIENTS, -1)).reshape(samples.shape)


def put_together(
    coefficients: Blocks, weights: npt.NDArray[np.float32], step: int, shape: tuple[int, int]
) -> npt.NDArray[np.float32]:
    """Return the plane whose blocks have these transforms: the weighted mean of all blocks that hold a pixel.

    Args:
        coefficients: As ``coefficients_of`` returns them.
        weights: (rows, columns), above 0.
        step: As given to ``coefficients_of``.
        shape: Of the plane; pixels that no block holds become 0.
    """
    rows, columns = weights.shape
    samples = (_COSINES.T @ coefficients.reshape(COEFFICIENTS, -1)).reshape(coefficients.shape)
    total, weight = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    for y in range(BLOCK_PX):
        for x in range(BLOCK_PX):
            place = np.s_[y : y + step * rows : step, x : x + step * columns : step]
            sample = samples[y * BLOCK_PX + x]
            sample *= weights
            total[place] += sample
            weight[place] += weights
    return np.divide(total, weight, out=total, where=weight > 0)


_TILE_PX = 256
_MOST_TILES = 32
"""Of a larger picture, so many parts are measured, evenly spread."""
_STEP_PX = 4
"""Blocks are taken on the grid of JPEG and half a block off it, so that a coder's seams count as often as they are."""
_LUMA_BIN = 16
_CALM_SHARE = 0.08
_LEAST_BLOCKS = 64
"""To judge a brightness by: the strength of white noise is told from so many to 2 %, a single coefficient to 10 %."""
_CLIPPED_SHARE, _MOST_CLIPPED = 0.03, 0.6
"""Of the samples of a block. Cut off at black or white noise is weaker than it is; such blocks count only at a
brightness that has no others."""
_FLAT_ENERGY = 1e-3
_DARK_LEVEL, _BRIGHT_LEVEL = 20.0, 235.0
"""Blocks beyond these without any variation are the black bars of a film, or clipped, and say nothing about noise."""

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class CalmBlocks:
    """The calmest blocks of about one brightness."""

    level: float
    """Mean luma in levels of 255."""
    power: Floats
    """(3, 64, n) squared coefficients of Y, Cb and Cr."""


@dataclass(frozen=True, slots=True, eq=False)
class _Found:
    luma: Floats
    """(n,) mean of each block."""
    power: Floats
    """(3, 64, n)."""
    around: Floats
    """(n,) energy of the eight blocks that touch it, which share no pixel with it."""
    clipped: Floats
    """(n,) share of its samples that are 0 or the largest there is."""


def calm_blocks(picture: Samples) -> list[CalmBlocks]:
    """Return the calmest blocks of a picture, by brightness, the darkest first.

    Blocks are chosen by how calm the blocks *around* them are: chosen by their own energy, those whose noise happens to
    be low would be preferred, and the noise be told too weak.

    Args:
        picture: (height, width, 3) RGB, 8 or 16 bits.

    Returns:
        Nothing for a picture too small, or with nothing but borders.
    """
    parts = [part for part in map(_blocks_of_tile, _tiles(picture)) if part is not None]
    if not parts:
        return []
    luma, around, clipped = (
        np.concatenate([getattr(p, name) for p in parts]) for name in ("luma", "around", "clipped")
    )
    power = np.concatenate([part.power for part in parts], axis=2)
    number = (luma / _LUMA_BIN).astype(int)
    found = []
    for k in range(256 // _LUMA_BIN):
        members = np.flatnonzero((number == k) & (clipped <= _CLIPPED_SHARE))
        if len(members) < _LEAST_BLOCKS:
            members = np.flatnonzero(number == k)
        if len(members) >= _LEAST_BLOCKS:
            count = max(int(len(members) * _CALM_SHARE), _LEAST_BLOCKS)
            chosen = members[np.argsort(around[members], kind="stable")[:count]]
            found.append(CalmBlocks(float(luma[chosen].mean()), power[:, :, chosen]))
    return found


def _tiles(picture: Samples) -> Iterator[Samples]:
    height, width = picture.shape[:2]
    down, across = math.ceil(height / _TILE_PX), math.ceil(width / _TILE_PX)
    places = [(y, x) for y in range(down) for x in range(across)]
    if len(places) > _MOST_TILES:
        places = [places[k] for k in np.linspace(0, len(places) - 1, _MOST_TILES).astype(int)]
    reach = _TILE_PX + 2 * BLOCK_PX
    for y, x in places:
        yield picture[y * _TILE_PX :, x * _TILE_PX :][:reach, :reach]


def _blocks_of_tile(tile: Samples) -> _Found | None:
    """Return the blocks that have all their neighbours in the tile and are neither clipped nor borders."""
    if min(tile.shape[:2]) < 3 * BLOCK_PX:
        return None
    planes = planes_of(tile)
    power = np.stack([coefficients_of(plane, _STEP_PX) for plane in planes])
    luma = power[0, 0] / BLOCK_PX
    power *= power
    energy = without_slope(power).sum(axis=(0, 1))
    share = ((tile == 0) | (tile == np.iinfo(tile.dtype).max)).mean(axis=2, dtype=np.float32)
    clipped = coefficients_of(share, _STEP_PX)[0] / BLOCK_PX
    use = ~((energy < _FLAT_ENERGY) & ((luma < _DARK_LEVEL) | (luma > _BRIGHT_LEVEL))) & (clipped <= _MOST_CLIPPED)
    reach = BLOCK_PX // _STEP_PX
    inside = np.zeros(use.shape, bool)
    inside[reach:-reach, reach:-reach] = True
    use &= inside
    return _Found(luma[use], power[:, :, use], _around(energy)[use], clipped[use])


def without_slope(power: Floats) -> Floats:
    """Return (3, 61, n) of (3, 64, n): without the mean and the two coefficients that a slope of light fills."""
    return np.delete(power, (0, 1, BLOCK_PX), axis=1)


def _around(energy: Floats) -> Floats:
    """Return the sum over the eight blocks that touch each block."""
    apart = BLOCK_PX // _STEP_PX
    padded = np.pad(energy, apart, mode="edge")
    rows, columns = energy.shape
    total = -energy
    for y in (0, apart, 2 * apart):
        for x in (0, apart, 2 * apart):
            total = total + padded[y : y + rows, x : x + columns]
    return total


Planes = npt.NDArray[np.float32]

_TO_YCBCR = np.array(
    [[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]],
    np.float32,
)
"""ITU-T T.871 (JFIF), section 7, without the offset of 128 of Cb and Cr."""
_TO_RGB = np.array([[1.0, 0.0, 1.402], [1.0, -0.344136, -0.714136], [1.0, 1.772, 0.0]], np.float32)
"""ITU-T T.871, section 7."""


def levels_per_step(picture: Samples) -> int:
    """Return how many values of a sample are one level of 255: 1, or 257 with 16 bits."""
    return 257 if picture.dtype == np.uint16 else 1


def planes_of(picture: Samples) -> Planes:
    """Return Y, Cb and Cr of a picture.

    Args:
        picture: (height, width, 3) RGB, 8 or 16 bits.

    Returns:
        (3, height, width) in levels of 255; Cb and Cr are around 0.
    """
    red, green, blue = (picture[..., k].astype(np.float32) for k in range(3))
    # Written out: a matrix product may add in another order for another size.
    planes = np.stack([red * row[0] + green * row[1] + blue * row[2] for row in _TO_YCBCR])
    if picture.dtype == np.uint16:
        planes *= np.float32(1 / 257)
    return planes


def picture_of(planes: Planes, dtype: np.dtype[np.uint8] | np.dtype[np.uint16]) -> Samples:
    """Return (height, width, 3) RGB of planes from ``planes_of``, rounded and cut to what the type holds."""
    top = np.iinfo(dtype).max
    luma, blue, red = planes
    rgb = np.stack([luma * row[0] + blue * row[1] + red * row[2] for row in _TO_RGB], axis=-1)
    if dtype == np.uint16:
        rgb *= np.float32(257)
    result: Samples = np.clip(np.rint(rgb), 0, top).astype(dtype)
    return result


def reflected(start: int, end: int, length: int) -> npt.NDArray[np.intp]:
    """Return the indices from start to end of an axis that is mirrored at its ends, without repeating the last one."""
    if length == 1:
        return np.zeros(end - start, np.intp)
    period = 2 * (length - 1)
    index = np.arange(start, end) % period
    return np.where(index < length, index, period - index).astype(np.intp)
