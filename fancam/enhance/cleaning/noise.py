"""How strong the noise of a picture is at which brightness, and how it is spread over frequencies, from the picture."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from fancam.enhance.cleaning.blocks import BLOCK_PX, COEFFICIENTS, blocks_of, transform
from fancam.enhance.cleaning.ycbcr import planes_of
from fancam.records import NoiseModel, Samples

_TILE_PX = 256
_MOST_TILES = 64
"""Of a larger picture, so many parts spread evenly over it are measured."""
_STEP_PX = 4
"""Blocks are taken on the grid of JPEG and half a block off it, so that no coder's seams are favoured or left out."""
_BIN_LEVELS = 16
_CALM_SHARE = 0.08
_LEAST_BLOCKS = 64
"""Calm blocks to judge a brightness by."""
_CLIPPED_SHARE = 0.04
_FLAT_ENERGY = 1e-3
_DARK_LEVEL, _BRIGHT_LEVEL = 20.0, 235.0
"""Blocks beyond these without any variation are borders, or clipped, and say nothing about noise."""

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class _Found:
    """Blocks of a picture."""

    luma: Floats
    """(n,) mean."""
    power: Floats
    """(3, 64, n) squared coefficients of Y, Cb and Cr."""
    around: Floats
    """(n,) energy of the eight blocks around, which share no pixel with the block."""


def measure_noise(picture: Samples) -> NoiseModel:
    """Return the noise of a picture.

    Blocks of 8 x 8 pixels are chosen by how calm the pixels *around* them are, so that the choice does not favour
    blocks whose own noise happens to be low, and their energy is told per brightness.

    Args:
        picture: (height, width, 3) RGB, 8 or 16 bits.

    Returns:
        Zeros for a picture without noise, or too small to tell.
    """
    found = _blocks(picture)
    if found is None:
        return _silent()
    order = _calm(found)
    if not order:
        return _silent()
    levels = np.array([found.luma[chosen].mean() for chosen in order], np.float32)
    typical = [found.power[:, :, chosen] for chosen in order]
    sigma = np.stack([_strength(power) for power in typical], axis=1)
    return NoiseModel(levels, sigma, _spectrum(typical, sigma))


def _silent() -> NoiseModel:
    return NoiseModel(
        np.array([128], np.float32), np.zeros((3, 1), np.float32), np.ones((3, BLOCK_PX, BLOCK_PX), np.float32)
    )


def _blocks(picture: Samples) -> _Found | None:
    found = (_blocks_of_tile(tile) for tile in _tiles(picture))
    parts = [part for part in found if part is not None]
    if not parts:
        return None
    return _Found(
        np.concatenate([part.luma for part in parts]),
        np.concatenate([part.power for part in parts], axis=2),
        np.concatenate([part.around for part in parts]),
    )


def _tiles(picture: Samples) -> list[Samples]:
    height, width = picture.shape[:2]
    down, across = math.ceil(height / _TILE_PX), math.ceil(width / _TILE_PX)
    places = [(y, x) for y in range(down) for x in range(across)]
    if len(places) > _MOST_TILES:
        places = [places[k] for k in np.linspace(0, len(places) - 1, _MOST_TILES).astype(int)]
    reach = _TILE_PX + 2 * BLOCK_PX
    return [picture[y * _TILE_PX :, x * _TILE_PX :][:reach, :reach] for y, x in places]


def _blocks_of_tile(tile: Samples) -> _Found | None:
    """Return the blocks that have all their neighbours in the tile and are neither clipped nor borders."""
    if min(tile.shape[:2]) < 3 * BLOCK_PX:
        return None
    planes = planes_of(tile)
    power = np.stack([transform(blocks_of(plane, _STEP_PX)) ** 2 for plane in planes])
    energy = power[:, 3:].sum(axis=(0, 1))
    ring = _around(energy)
    luma = blocks_of(planes[0], _STEP_PX).mean(axis=0)
    top = np.iinfo(tile.dtype).max
    clipped = ((tile == 0) | (tile == top)).any(axis=2).astype(np.float32)
    share = blocks_of(clipped, _STEP_PX).mean(axis=0)
    border = (energy < _FLAT_ENERGY) & ((luma < _DARK_LEVEL) | (luma > _BRIGHT_LEVEL))
    inside = np.zeros(energy.shape, bool)
    inside[2:-2, 2:-2] = True
    use = inside & (share <= _CLIPPED_SHARE) & ~border
    return _Found(luma[use], power[:, :, use], ring[use])


def _around(energy: Floats) -> Floats:
    """Return the sum over the eight blocks that touch each block."""
    total = np.zeros_like(energy)
    apart = BLOCK_PX // _STEP_PX
    padded = np.pad(energy, apart, mode="edge")
    rows, columns = energy.shape
    for y in (0, apart, 2 * apart):
        for x in (0, apart, 2 * apart):
            if (y, x) != (apart, apart):
                total += padded[y : y + rows, x : x + columns]
    return total


def _calm(found: _Found) -> list[npt.NDArray[np.intp]]:
    """Return, for every brightness with enough blocks, which of them are the calmest."""
    chosen = []
    number = (found.luma / _BIN_LEVELS).astype(int)
    for k in range(256 // _BIN_LEVELS):
        members = np.flatnonzero(number == k)
        if len(members) < _LEAST_BLOCKS:
            continue
        count = max(int(len(members) * _CALM_SHARE), _LEAST_BLOCKS)
        chosen.append(members[np.argsort(found.around[members], kind="stable")[:count]])
    return chosen


def _strength(power: Floats) -> Floats:
    """Return the standard deviation of Y, Cb and Cr of (3, 64, n) squared coefficients."""
    energy = np.median(power[:, 3:].sum(axis=1), axis=1) / (COEFFICIENTS - 3)
    return np.sqrt(energy).astype(np.float32)


def _spectrum(typical: list[Floats], sigma: Floats) -> Floats:
    total = np.zeros((3, COEFFICIENTS), np.float32)
    for power, strength in zip(typical, sigma.T, strict=True):
        total += power.mean(axis=2) / np.maximum(strength[:, None] ** 2, 1e-6)
    total[:, :1] = total[:, 1:2]
    total /= np.maximum(total.mean(axis=1, keepdims=True), 1e-6)
    return total.reshape(3, BLOCK_PX, BLOCK_PX)


def sigma_map(luma: Floats, noise: NoiseModel, channel: int) -> Floats:
    """Return the standard deviation of a channel's noise at every pixel, from the luma smoothed over 5 x 5 pixels."""
    smooth = cv2.blur(luma, (5, 5))
    return np.interp(smooth, noise.levels, noise.sigma[channel]).astype(np.float32)
