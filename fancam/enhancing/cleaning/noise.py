"""Blind noise estimation: the strength of a picture's noise by brightness and its spectrum, in homogeneous blocks."""

from __future__ import annotations

import itertools

import cv2
import numpy as np
import numpy.typing as npt

from fancam.enhancing.cleaning.blocks import BLOCK_PX, COEFFICIENTS, YCBCR_FROM_RGB, Floats
from fancam.enhancing.cleaning.homogeneous import FINE, ORDER, HomogeneousBlocks, homogeneous_blocks, without_slope
from fancam.enhancing.cleaning.proof import evidence_of
from fancam.media import Samples
from fancam.results import NoiseModel

_BAND_EDGES = (2, 4, 6, 8, 10, 15)
"""Bands of coefficients by the sum of their two orders; 0 and 1 hold the slope of the light."""
_EMPTY_BAND = 0.1
"""Share of the mean power below which a band says nothing: compression emptied it."""
_BAND_SPREAD = 1.3
"""By so much in power the bands of noise differ where they are told from 64 blocks."""
_EVEN = 1.8
"""Upper over lower quartile of the energies of blocks up to which they hold noise alone. Of white noise 1.2 to 1.4,
of noise that was demosaiced 1.5, of noise that went through JPEG up to 1.9; of texture 2 to 10."""
_AGREEING = 1.7
"""Largest ratio of the powers of two bands, each over that of the noise, where there is nothing but noise."""
_TYPICAL_ENERGY = 2.0
"""Times the median: blocks above it hold an edge or a speck."""
_SAME_SHAPE = 1.5
_GROWTH_POWER = 0.25
_BRIGHTER_MARGIN, _DARKER_MARGIN = 1.1, 1.4
_BLACK_OFFSET = 16.0
_DOUBT, _NEAR_LEVELS = 1.3, 64.0
"""Cloth can be as even as noise. Where noise was told at another brightness so near, it is believed to be stronger by
no more than this times what can be."""
_SLOPE_LIMIT = 1.3
_STILL_SHARE = 0.8
"""Of the power of noise, what the mixture of channels has that varies least in a block; see ``HomogeneousBlocks``."""
_ABOVE_STILL = 1.3
"""Times that power, what is taken out where there is more: chance, and green that is measured more finely."""
_LITTLE_MORE = 2.0


def _bands() -> npt.NDArray[np.bool_]:
    """Return (5, 64): which coefficients are in each band."""
    order = ORDER
    return np.array([(order >= low) & (order < high) for low, high in itertools.pairwise(_BAND_EDGES)])


_BANDS = _bands()


def measure_noise(picture: Samples) -> NoiseModel:
    """Return the noise of a picture.

    It is measured by brightness in homogeneous blocks of 8 x 8 pixels, as in Ponomarenko et al., "An automatic approach
    to lossy compression of AVIRIS images" (IGARSS 2007) and Colom & Buades, "Analysis and extension of the Ponomarenko
    et al. method" (IPOL 2013). Unlike there the noise need not be white. The energy of noise is about the same in every
    block, that of texture is not. The spectrum is taken at the brightnesses where the energies are even; at the others,
    the band of frequencies in which texture adds least tells how strong the noise is.

    Texture can be as even as noise: what shows that it is noise stands in ``NoiseModel.evidence``. Where nothing does,
    the model holds what varies in the calmest blocks, whatever it is. Where only the independence of the channels does,
    it holds no more of luma and chroma than goes with that.

    Args:
        picture: (height, width, 3) RGB, 8 or 16 bits, as it was coded: noise is not found again after resampling.

    Returns:
        One level with a strength of zero for a picture without noise, or too small (32 pixels) to tell.
    """
    found = homogeneous_blocks(picture)
    if not found:
        return NoiseModel(np.array([128], np.float32), np.zeros((3, 1), np.float32), _white())
    levels = np.array([blocks.level for blocks in found], np.float32)
    power = np.stack([_mean_power(blocks) for blocks in found])
    even = np.array([_unevenness(blocks) < _EVEN for blocks in found])
    evidence = evidence_of(found)
    flat = evidence.flat
    textured = evidence.by_colour and not flat.any()
    if textured:
        power, even = _limited(power, found), np.ones(len(found), bool)
    sigma, spectrum = np.zeros((3, len(found)), np.float32), _white()
    trusted = even
    for channel in range(3):
        shape = _shape(power[:, channel], even)
        ratio, weights = _band_ratios(power[:, channel], shape)
        least = ratio.min(axis=1)
        if channel == 0:
            # Blocks without any variation: drawn, or a coder took all that was weak. What varies elsewhere is no noise.
            silent = even & ~power[:, 0, 2:].any(axis=1)
            trusted = silent if silent.any() else even & (ratio.max(axis=1) <= _AGREEING * least)
            if flat.any() and not silent.any():
                trusted = trusted & flat if (trusted & flat).any() else flat
        whole = np.sqrt((ratio * weights).sum(axis=1))
        part = np.sqrt((np.minimum(ratio, _BAND_SPREAD * least[:, None]) * weights).sum(axis=1))
        sigma[channel] = _plausible(levels, np.where(even, whole, part), part, trusted)
        spectrum[channel] = shape.reshape(BLOCK_PX, BLOCK_PX)
    if textured:
        return NoiseModel(levels, sigma, spectrum, evidence=evidence.words)
    _add_coarse_chroma(sigma, spectrum, even, _coarse_chroma(picture))
    return NoiseModel(levels, sigma, spectrum, _outliers([found[k] for k in np.flatnonzero(even)]), evidence.words)


def _limited(power: Floats, found: list[HomogeneousBlocks]) -> Floats:
    """Return (brightnesses, 3, 64) power, no more than noise has that is independent in the channels.

    Brightnesses that hold little more than that are left as they are: green is measured by more pixels, and its noise
    reaches to higher frequencies than that of the mixture which varies least.
    """
    limited = power.copy()
    for number, blocks in enumerate(found):
        independent = blocks.independent
        energy = independent[FINE].sum(axis=0)
        still = independent[:, energy <= _TYPICAL_ENERGY * np.median(energy)].mean(axis=1) / _STILL_SHARE
        for channel, weights in enumerate(YCBCR_FROM_RGB):
            most = float(np.square(weights).sum()) * still
            if power[number, channel, FINE].sum() > _LITTLE_MORE * most[FINE].sum():
                limited[number, channel] = np.minimum(power[number, channel], _ABOVE_STILL * most)
    return limited


def _add_coarse_chroma(sigma: Floats, spectrum: Floats, even: npt.NDArray[np.bool_], coarse: Floats) -> None:
    """Raise strength and spectrum of Cb and Cr, in place, to the power that was found at low frequencies."""
    for channel in (1, 2):
        usual = float(np.median(sigma[channel][even])) ** 2 if even.any() else 0.0
        if usual > 0:
            whole = np.maximum(spectrum[channel], coarse[channel] / usual)
            whole[0, 0] = max(whole[0, 0], (whole[0, 1] + whole[1, 0]) / 2)
            spectrum[channel] = whole / whole.mean()
            sigma[channel] *= np.sqrt(whole.mean())


def _coarse_chroma(picture: Samples) -> Floats:
    """Return (3, 8, 8) power of noise at frequencies too low to be told from the picture at its own size.

    A quarter of the picture's chroma is stored, and coders leave little more of its noise than the mean of each block:
    what is seen are blotches of 16 pixels. At half the size, coefficient 2k is at the frequency of k here, and the
    power of one coefficient a quarter. Where the blocks of the smaller picture are not alike, nothing is told.
    """
    told = np.zeros((3, BLOCK_PX, BLOCK_PX), np.float32)
    size, small = 1, picture
    for orders in (((0, 1), (1, 0), (1, 1)), ((0, 0),)):
        size *= 2
        if min(small.shape[:2]) < 4 * BLOCK_PX:
            break
        small = _halved(small)
        found = [blocks for blocks in homogeneous_blocks(small) if _unevenness(blocks) < _EVEN]
        if not found:
            break
        power = np.median([_mean_power(blocks) for blocks in found], axis=0).reshape(3, BLOCK_PX, BLOCK_PX)
        for y, x in orders:
            there = power[:, 2 * y, 2 * x] if y + x else (power[:, 0, 2] + power[:, 2, 0]) / 2
            told[:, y, x] = size**2 * there
    return told


def _halved(picture: Samples) -> Samples:
    half = cv2.resize(picture, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    return np.asarray(half, np.uint16) if picture.dtype == np.uint16 else np.asarray(half, np.uint8)


# --- power and spectrum -------------------------------------------------------------------------------------------


def _white() -> Floats:
    return np.ones((3, BLOCK_PX, BLOCK_PX), np.float32)


def _mean_power(blocks: HomogeneousBlocks) -> Floats:
    """Return (3, 64): mean squared coefficients over the blocks without an edge or a speck."""
    return np.stack([power.mean(axis=1) for power in _typical(blocks)])


def _typical(blocks: HomogeneousBlocks) -> list[Floats]:
    """Return (64, n) squared coefficients of each channel, of its blocks without an edge or a speck."""
    energy = without_slope(blocks.power).sum(axis=1)
    # The chroma of most blocks is empty after compression; what is in the others is its noise.
    usual = np.maximum(np.median(energy, axis=1), energy.mean(axis=1) / 4)
    return [power[:, e <= _TYPICAL_ENERGY * limit] for power, e, limit in zip(blocks.power, energy, usual, strict=True)]


def _outliers(found: list[HomogeneousBlocks]) -> Floats | None:
    """Return ``NoiseModel.outliers``, from the fourth moment m4, which is 3 σ⁴ for a normal distribution: m4 / 3σ²."""
    if not found:
        return None
    fourth, second = np.zeros((3, COEFFICIENTS), np.float64), np.full((3, COEFFICIENTS), 1e-9)
    for blocks in found:
        for channel, power in enumerate(_typical(blocks)):
            usual = max(float(power[2:].mean()), 1e-6)
            fourth[channel] += (power.astype(np.float64) ** 2).sum(axis=1) / usual**2
            second[channel] += power.sum(axis=1, dtype=np.float64) / usual
    return (fourth / (3 * second)).reshape(3, BLOCK_PX, BLOCK_PX).astype(np.float32)


def _unevenness(blocks: HomogeneousBlocks) -> float:
    lower, upper = np.percentile(without_slope(blocks.power[:1]).sum(axis=(0, 1)), (25, 75))
    return float(upper / max(lower, 1e-6))


def _shape(power: Floats, even: npt.NDArray[np.bool_]) -> Floats:
    """Return (64,) the spectrum of the noise with mean 1: that of the brightnesses where it is flattest.

    Texture has most of its power in low frequencies; where it is mixed with noise, the spectrum is steeper.

    Args:
        power: (brightnesses, 64).
        even: At which brightnesses the blocks are about alike; where none is, the noise is taken for white.
    """
    candidates = power[even]
    candidates = candidates[candidates[:, 2:].any(axis=1)]
    if not len(candidates):
        return np.ones(COEFFICIENTS, np.float32)
    low, high = (candidates[:, _BANDS[k]].mean(axis=1) for k in (0, 2))
    steepness = low / np.maximum(high, 1e-6)
    flat = candidates[steepness <= _SAME_SHAPE * steepness.min()]
    shape = (flat / flat[:, 2:].mean(axis=1, keepdims=True)).mean(axis=0).reshape(BLOCK_PX, BLOCK_PX)
    shape = _smoothed(_without_slope_of_light(shape))
    return np.asarray(shape / shape.mean(), np.float32).ravel()


def _smoothed(shape: Floats) -> Floats:
    kernel = np.array([0.25, 0.5, 0.25])
    return np.asarray(cv2.sepFilter2D(shape, -1, kernel, kernel, borderType=cv2.BORDER_REPLICATE), np.float32)


def _without_slope_of_light(shape: Floats) -> Floats:
    """Return the spectrum with what is no more than its neighbours where a slope of light may have added to it."""
    shape = shape.copy()
    shape[0, 1] = min(shape[0, 1], _SLOPE_LIMIT * (shape[0, 2] + shape[1, 1]) / 2)
    shape[1, 0] = min(shape[1, 0], _SLOPE_LIMIT * (shape[2, 0] + shape[1, 1]) / 2)
    shape[0, 0] = (shape[0, 1] + shape[1, 0]) / 2
    return np.asarray(shape / shape.mean(), np.float32)


def _band_ratios(power: Floats, shape: Floats) -> tuple[Floats, Floats]:
    """Return (brightnesses, bands) power over that of the spectrum, and (bands,) their shares in the spectrum."""
    bands = _BANDS[[shape[band].mean() >= _EMPTY_BAND for band in _BANDS]]
    ratio = np.stack([power[:, band].mean(axis=1) / shape[band].mean() for band in bands], axis=1)
    weights = np.array([shape[band].sum() for band in bands], np.float32)
    return ratio, weights / weights.sum()


def _plausible(levels: Floats, most: Floats, least: Floats, trusted: npt.NDArray[np.bool_]) -> Floats:
    """Return the strengths, none of them higher than noise can be next to a brightness where it is known.

    The noise of light grows with the root of the light at most; a camera's tone curve, which is steep in the shadows,
    makes it grow less, or fall.

    Args:
        levels: (brightnesses,) rising.
        most: Strength with all that varies.
        least: Strength in the band of frequencies where there is least.
        trusted: Where ``most`` holds; elsewhere the truth is between both. Where it holds nowhere, the lowest ``least``
            is taken for it.
    """
    if not trusted.any():
        trusted = np.arange(len(levels)) == least.argmin()
        most = least
    known_levels, known = levels[trusted], most[trusted]
    result = most.copy()
    for k in range(len(levels)):
        growth = ((levels[k] + _BLACK_OFFSET) / (known_levels + _BLACK_OFFSET)) ** _GROWTH_POWER
        limits = np.where(growth > 1, _BRIGHTER_MARGIN * growth, _DARKER_MARGIN) * known
        distance = np.abs(known_levels - levels[k])
        if trusted[k]:
            result[k] = min(most[k], _DOUBT * float(limits[distance <= _NEAR_LEVELS].min()))
        else:
            nearest = int(distance.argmin())
            result[k] = min(max(least[k], min(most[k], known[nearest])), limits[nearest])
    return result
