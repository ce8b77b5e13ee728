"""Finds the calm blocks of a picture, in which little but its noise varies."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fancam.enhance.cleaning.blocks import BLOCK_PX, coefficients_of
from fancam.enhance.cleaning.ycbcr import planes_of
from fancam.records import Samples

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
