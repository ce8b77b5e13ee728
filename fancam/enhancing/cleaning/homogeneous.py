"""The blocks of a picture in which least varies, by brightness: where there is noise, it is nearly all of what does."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from fancam.enhancing.cleaning.blocks import BLOCK_PX, RGB_FROM_YCBCR, Blocks, Floats, coefficients_of, planes_of
from fancam.media import Samples

_TILE_PX = 256
_MOST_TILES = 32
"""Of a larger picture, so many parts are measured, evenly spread."""
_STEP_PX = 4
"""Blocks are taken on the grid of JPEG and half a block off it, so that a coder's seams count as often as they are."""
_LUMA_BIN = 16
_HOMOGENEOUS_SHARE = 0.08
"""Of the blocks of one brightness, so many are taken for homogeneous, those first around which least varies."""
_BUSY_PERCENTILE = 90
_LEAST_BLOCKS = 64
"""To judge a brightness by: the strength of white noise is told from so many to 2 %, a single coefficient to 10 %."""
_CLIPPED_SHARE, _MOST_CLIPPED = 0.03, 0.6
"""Of the samples of a block. Cut off at black or white noise is weaker than it is; such blocks count only at a
brightness that has no others."""
_FLAT_ENERGY = 1e-3
_DARK_LEVEL, _BRIGHT_LEVEL = 20.0, 235.0
"""Blocks beyond these without any variation are the black bars of a film, or clipped, and say nothing about noise."""

ORDER = np.add.outer(np.arange(BLOCK_PX), np.arange(BLOCK_PX)).ravel()
"""(64,) sum of the two orders of each coefficient."""
FINE = ORDER >= 3
"""(64,) the coefficients that light and shade leave alone."""


@dataclass(frozen=True, slots=True, eq=False)
class HomogeneousBlocks:
    """The most homogeneous blocks of about one brightness: those in which noise is nearly all that varies."""

    level: float
    """Mean luma in levels of 255."""
    power: Floats
    """(3, 64, n) squared coefficients of Y, Cb and Cr."""
    independent: Floats
    """(64, n) squared coefficients of that mixture of R, G and B, of weight 1, which varies least within each block.
    Of noise of strength s in each channel, independent, it holds 0.8 s²; of light and shade on one colour nothing."""
    clipped: bool
    """Whether there were too few that are not cut off at black or white."""
    busy: float
    """Strength of the luma in the tenth of all the picture's blocks in which it varies most, in levels."""


def homogeneous_blocks(picture: Samples) -> list[HomogeneousBlocks]:
    """Return the most homogeneous blocks of a picture, by brightness, the darkest first.

    Blocks are chosen by how little the blocks *around* them vary: chosen by their own energy, those whose noise happens
    to be low would be preferred, and the noise be told too weak.

    Args:
        picture: (height, width, 3) RGB, 8 or 16 bits.

    Returns:
        Nothing for a picture too small, or with nothing but borders.
    """
    parts = [part for part in map(_blocks_of_tile, _tiles(picture)) if part is not None]
    if not parts:
        return []
    luma, coefficients, around, clipped, energy = (np.concatenate(each, axis=-1) for each in zip(*parts, strict=True))
    number = (luma / _LUMA_BIN).astype(int)
    busy = float(np.sqrt(np.percentile(energy, _BUSY_PERCENTILE) / FINE.sum())) if len(energy) else 0.0
    found = []
    for k in range(256 // _LUMA_BIN):
        members = np.flatnonzero((number == k) & (clipped <= _CLIPPED_SHARE))
        cut_off = len(members) < _LEAST_BLOCKS
        if cut_off:
            members = np.flatnonzero(number == k)
        if len(members) >= _LEAST_BLOCKS:
            count = max(int(len(members) * _HOMOGENEOUS_SHARE), _LEAST_BLOCKS)
            chosen = members[np.argsort(around[members], kind="stable")[:count]]
            blocks = coefficients[:, :, chosen]
            found.append(HomogeneousBlocks(float(luma[chosen].mean()), blocks**2, _independent(blocks), cut_off, busy))
    return found


def _independent(blocks: Blocks) -> Floats:
    """Return ``HomogeneousBlocks.independent`` of (3, 64, n) coefficients of Y, Cb and Cr."""
    rgb = np.tensordot(RGB_FROM_YCBCR.astype(np.float32), blocks, axes=1)
    fine = rgb[:, FINE]
    covariance = np.einsum("ikn,jkn->nij", fine, fine)
    least = np.linalg.eigh(covariance)[1][:, :, 0]
    return np.asarray(np.einsum("ni,ikn->kn", least, rgb) ** 2, np.float32)


def _tiles(picture: Samples) -> Iterator[Samples]:
    height, width = picture.shape[:2]
    down, across = math.ceil(height / _TILE_PX), math.ceil(width / _TILE_PX)
    places = [(y, x) for y in range(down) for x in range(across)]
    if len(places) > _MOST_TILES:
        places = [places[k] for k in np.linspace(0, len(places) - 1, _MOST_TILES).astype(int)]
    reach = _TILE_PX + 2 * BLOCK_PX
    for y, x in places:
        yield picture[y * _TILE_PX :, x * _TILE_PX :][:reach, :reach]


def _blocks_of_tile(tile: Samples) -> tuple[Floats, Blocks, Floats, Floats, Floats] | None:
    """Return the blocks that have all their neighbours in the tile and are neither clipped nor borders.

    Returns:
        (n,) mean luma; (3, 64, n) coefficients; (n,) energy of the eight blocks that touch each, which share no pixel
        with it; (n,) share of its samples that are 0 or the largest there is; (n,) energy of its luma in ``FINE``.
    """
    if min(tile.shape[:2]) < 3 * BLOCK_PX:
        return None
    coefficients = np.stack([coefficients_of(plane, _STEP_PX) for plane in planes_of(tile)])
    luma = coefficients[0, 0] / BLOCK_PX
    power = coefficients**2
    energy, fine = without_slope(power).sum(axis=(0, 1)), power[0, FINE].sum(axis=0)
    share = ((tile == 0) | (tile == np.iinfo(tile.dtype).max)).mean(axis=2, dtype=np.float32)
    clipped = coefficients_of(share, _STEP_PX)[0] / BLOCK_PX
    use = ~((energy < _FLAT_ENERGY) & ((luma < _DARK_LEVEL) | (luma > _BRIGHT_LEVEL))) & (clipped <= _MOST_CLIPPED)
    reach = BLOCK_PX // _STEP_PX
    inside = np.zeros(use.shape, bool)
    inside[reach:-reach, reach:-reach] = True
    use &= inside
    return luma[use], coefficients[:, :, use], _around(energy)[use], clipped[use], fine[use]


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
