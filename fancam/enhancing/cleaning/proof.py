"""What shows that a picture is noisy and not textured: noise is what does not depend on what the picture shows.

Fur, cloth and gravel can be as even, and as white, as noise. Two things tell them apart:

- **Colour.** A sensor measures red, green and blue by different pixels, each with noise of its own. Light and shade on
  hair or stone move all three together, whatever its pattern: some mixture of them stays still.
- **Brightness.** Light on a texture makes its contrast grow with it; the noise of light grows with the root of the
  light at most, and a camera's tone curve makes it grow less (Foi, Trimeche, Katkovnik & Egiazarian, "Practical
  Poissonian-Gaussian noise modeling and fitting for single-image raw-data", IEEE Trans. Image Processing 17, 2008).
  Where flat areas of many brightnesses vary alike, by about as much, in no direction more than in another and at no
  frequency because of another, that is noise.

Where neither is seen, as in a picture that is small or all texture, nothing is told.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fancam.enhancing.cleaning.blocks import BLOCK_PX, Floats
from fancam.enhancing.cleaning.homogeneous import FINE, ORDER, HomogeneousBlocks

BY_COLOUR = "red, green and blue vary independently"
BY_BRIGHTNESS = "flat areas of many brightnesses vary alike"

_BLACK_OFFSET = 16.0
"""Levels added to a brightness before ratios of it are taken: black is no zero of light."""

# --- colour
_LEAST_STILL = 1.0
"""Strength in levels, of the mixture of the channels that varies least, from which they vary independently. Rounding
makes 0.3; white noise of 2 levels 1.6."""
_WHITE_SPREAD, _COARSE_SPREAD = 1.3, 1.45
"""How many times as strong it is in the block at 75 % as in that at 10 %, of one brightness: 1.15 to 1.25 with white
noise, 1.3 to 1.44 after demosaicing. Texture of many colours has 1.2 to 10."""
_COARSE_STILL, _MOST_COARSE_STILL = 1.6, 14.0
"""The least and the most strength where it spreads like coarse noise; of 25 levels, demosaiced, it measures 9 to 13."""
_TOLD_RANGE = 2.0
"""What is cut off at black or white does not count where the others are so many times as bright as each other."""
_WHITE_GROWTH, _COARSE_GROWTH = 0.8, 0.6
"""Power of the brightness with which it may grow. Noise has 0.1 to 0.5 (demosaiced, measured on few blocks: 0 to 0.7),
texture of many colours 0.5 to 1.5."""

# --- brightness
_MOST_SPREAD = 2.3
"""Spread of the energies of blocks over that of normally distributed noise: 0.8 to 1.3 of noise, up to 2.3 of what JPEG
left of it."""
_MOST_TOGETHER = 0.5
"""Correlation of the energies in low and in high frequencies: of noise under 0.3 in 64 blocks, of texture up to 0.9."""
_MOST_TOGETHER_USUALLY = 0.2
"""The same, on average over the brightnesses: noise has -0.1 to 0.2 then, hair and fur 0.1 to 0.5."""
_MOST_SLANT = 0.75
"""Logarithm of the power across over that along: of noise under 0.4, of cloth up to 3."""
_MOST_STEEP = 10.0
"""Power of low frequencies over that of high ones: of white noise 1, demosaiced 4 to 7, after JPEG up to 9."""
_LOW, _HIGH = (ORDER >= 2) & (ORDER < 5), ORDER >= 6
_FROM, _TO = (ORDER >= 2) & (ORDER < 4), (ORDER >= 6) & (ORDER < 8)
_LEAST_LEVELS, _LEAST_SHARE = 3, 0.3
"""How many brightnesses have to agree, and which share of those there are."""
_SAME_STRENGTH = 2.0
_WIDE_LEVELS, _WIDE_RANGE, _WIDE_GROWTH = 5, 1.7, 0.55
"""How many brightnesses there are, how many times as bright the brightest is as the darkest, and the power of the
brightness with which the strength may grow. Noise has -0.5 to 0.6; texture 0.5 to 1.5, 1 on average, and less only
where the range is small or the brightnesses are few."""
_NARROW_RANGE, _NARROW_GROWTH = 1.25, 0.8
_FLATTER, _VERY_FLAT = 2.5, 4.0
"""Less of a range is enough where the busiest tenth of the picture varies so many times as much as they do: there are
flat areas and others. A picture that is all texture has 1.2 to 2."""
_SILENT, _MOST_STRENGTH = 0.3, 20.0
"""Levels: rounding makes as much; cameras no more than the other, which is noise of 30 levels in each channel."""


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """What shows that homogeneous blocks hold noise."""

    by_colour: bool
    """Whether the channels vary independently."""
    flat: npt.NDArray[np.bool_]
    """(brightnesses,) which of them hold flat areas that vary alike; none where they are too few to show anything."""

    @property
    def words(self) -> tuple[str, ...]:
        """What was seen; empty where nothing was."""
        return (BY_BRIGHTNESS,) * bool(self.flat.any()) + (BY_COLOUR,) * self.by_colour


def evidence_of(found: list[HomogeneousBlocks]) -> Evidence:
    """Return what shows that the most homogeneous blocks of a picture, by brightness, hold noise."""
    return Evidence(_independent_in_colour(found), _flat_alike(found))


def _growth(levels: npt.NDArray[np.float64], strength: npt.NDArray[np.float64]) -> float:
    """Return the power of the brightness, above black, with which a strength grows."""
    return float(np.polyfit(np.log(levels), np.log(strength), 1)[0])


def _independent_in_colour(found: list[HomogeneousBlocks]) -> bool:
    """Whether the channels vary independently: as much at every place of a brightness, whatever is shown there."""
    whole = [blocks for blocks in found if not blocks.clipped]
    if not whole or whole[-1].level + _BLACK_OFFSET < _TOLD_RANGE * (whole[0].level + _BLACK_OFFSET):
        whole = found
    levels, strength, spread = [], [], []
    for blocks in whole:
        still = np.sqrt(blocks.independent[FINE].mean(axis=0))
        low, quarter, high = np.percentile(still, (10, 25, 75))
        levels.append(blocks.level)
        strength.append(float(quarter))
        spread.append(float(high) / max(float(low), 1e-3))
    if not strength or min(strength) <= 0:
        return False
    usual, wide = float(np.median(strength)), float(np.median(spread))
    white = usual >= _LEAST_STILL and wide <= _WHITE_SPREAD
    coarse = _COARSE_STILL <= usual <= _MOST_COARSE_STILL and wide <= _COARSE_SPREAD
    if len(levels) < 2:
        return white
    growth = _growth(np.array(levels) + _BLACK_OFFSET, np.array(strength))
    return (white and growth <= _WHITE_GROWTH) or (coarse and growth <= _COARSE_GROWTH)


def _flat_alike(found: list[HomogeneousBlocks]) -> npt.NDArray[np.bool_]:
    """Return at which brightnesses flat areas vary alike, and not as light on a texture does."""
    levels = np.array([blocks.level for blocks in found]) + _BLACK_OFFSET
    strength = np.array([_strength(blocks.power[0]) for blocks in found])
    flat = np.array([_is_structureless(blocks.power[0]) for blocks in found], bool)
    whole = flat & ~np.array([blocks.clipped for blocks in found], bool)
    flat = whole if whole.sum() >= _LEAST_LEVELS else flat
    if flat.sum() >= _LEAST_LEVELS:
        flat &= strength <= _SAME_STRENGTH * np.sort(strength[flat])[1]
    none = np.zeros(len(found), bool)
    if flat.sum() < _LEAST_LEVELS or float(np.median(strength[flat])) > _MOST_STRENGTH:
        return none
    bright, growth = levels[flat].max() / levels[flat].min(), _growth(levels[flat], strength[flat])
    contrast = found[0].busy / float(np.median(strength[flat]))
    together = [_together(found[number].power[0]) for number in np.flatnonzero(flat)]
    if float(np.mean(together)) > _MOST_TOGETHER_USUALLY:
        return none
    most = flat.mean() >= _LEAST_SHARE
    wide = most and flat.sum() >= _WIDE_LEVELS and bright >= _WIDE_RANGE and growth <= _WIDE_GROWTH
    narrow = contrast >= (_FLATTER if most else _VERY_FLAT) and bright >= _NARROW_RANGE and growth <= _NARROW_GROWTH
    return flat if wide or narrow else none


def _strength(power: Floats) -> float:
    return float(np.sqrt(power[FINE].mean()))


def _is_structureless(power: Floats) -> bool:
    """Whether blocks of one brightness have nothing in common with a texture.

    Args:
        power: (64, n) squared coefficients of the luma.
    """
    mean = power.mean(axis=1)
    if float(np.sqrt(mean[FINE].mean())) <= _SILENT:
        return False
    energy = power[FINE].sum(axis=0)
    lower, upper = np.percentile(energy, (25, 75))
    freedom = float(mean[FINE].sum() ** 2 / np.square(mean[FINE]).sum())
    # The quartiles of a normal distribution are 1.349 of its standard deviations apart.
    spread = np.log(max(upper, 1e-9) / max(lower, 1e-9)) / (1.349 * np.sqrt(2 / freedom))
    square = mean.reshape(BLOCK_PX, BLOCK_PX)
    slant = abs(np.log((square[:2, 2:].sum() + 1e-6) / (square[2:, :2].sum() + 1e-6)))
    steep = mean[_FROM].mean() / (mean[_TO].mean() + 1e-9)
    return bool(
        spread <= _MOST_SPREAD and _together(power) <= _MOST_TOGETHER and slant <= _MOST_SLANT and steep <= _MOST_STEEP
    )


def _together(power: Floats) -> float:
    """Return the correlation of the energies in low and in high frequencies of blocks of one brightness."""
    low, high = (np.log(power[band].sum(axis=0) + 1e-6) for band in (_LOW, _HIGH))
    return float(np.corrcoef(low, high)[0, 1]) if low.std() > 0 and high.std() > 0 else 1.0
