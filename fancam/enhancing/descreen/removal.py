"""Takes the halftone of a print out of its scan, tile by tile: a fitted model is subtracted, what is left is denoised.

The model is that of ``halftone``. The rest is shrunk in the windowed Fourier domain, as in Wiener filters for speech
and images (short-time spectral attenuation): a block of frequencies that does not stand out of the noise goes.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from fancam.enhancing.descreen.halftone import (
    Frequency,
    Plane,
    coded,
    fitted_halftone,
    lattice_frequencies,
    length,
    linear_light,
    refined_frequency,
)
from fancam.enhancing.descreen.screens import HalftoneScreen
from fancam.enhancing.tiling import plan_tiles
from fancam.media import Samples

TILE_PX = 384
_OVERLAP_PX = 64

# Lengths of the halftone model, as standard deviations of a Gaussian in periods of the screen.
_TONE = 0.42
"""What it leaves is the tone: 3 % of the dots."""
_SHARPER_TONE = 0.30
"""The same in the second round, in which the tone has been denoised before."""
_WIDE = 0.9
"""What it leaves is the tone in which slow beats are looked for."""
_WIDE_AGAIN = 0.6
"""The same in the second round."""
_LOCAL = 1.5
"""The surroundings of a pixel in which the model is compared with what is there."""

_SLOW = 0.7
"""Beats of two screens below this many times the screen's frequency pass for tone, and are fitted on their own."""
_LOWEST = 0.22
"""Least frequency of a wave, in those of the screen: yellow and cyan, 15 degrees apart, beat at 0.26. What is lower is
the picture itself."""
_DETAIL_FLOOR = 0.05
"""Added to the local variance of the detail, as a share of its median, before its inverse is the weight."""
_CORRELATION = (0.35, 0.6)
"""Local correlation with the model up to which a place is left as it is, and from which it is cleared in full: texture
without dots seldom has more than 0.3, tints have 0.8 and more."""
_LEAD = 0.15
"""By how much the local correlation of the plain model must be higher to replace the fine one."""
_MARGIN = 0.1
"""What is left may leave the span of the light around it by this share: to cut all noise off would shift the mean."""
_NOISE = 0.0008
"""Dots fainter than this, in light of 1, are noise."""

# Shrinkage in the windowed Fourier domain; frequencies in those of the screen.
_WINDOW_PERIODS = 6.0
"""Side of a window in periods of the screen."""
_LEAST_WINDOW_PX = 16
_STEPS = 4
"""Windows that hold each pixel along an axis."""
_STRENGTH_BAND = (0.75, 1.35)
"""Where the strength of the noise in a window is measured."""
_AT = (0.6, 0.8, 1.2, 1.5, 2.0, 2.4)
"""Frequencies of the tables below; constant below the first and above the last."""
_LIGHT = (1.6, 1.1, 1.0, 0.6, 0.35, 4.0)
_COLOUR = (2.6, 1.4, 1.0, 0.5, 0.2, 4.0)
"""Power of the noise there over that at the screen's frequency, for the mean and for the differences of the channels:
what was left of four photographs of a tuning set, printed at 133, 150 and 175 lpi (``tests/printed_pages.py``)."""
_SLOW_BAND = (0.35, 0.65)
"""Where the noise of slow frequencies is measured, in the quarter of the windows that have least of it."""
_QUIET_SHARE = 0.8
"""What that quarter has of the mean where there is nothing but noise."""
_LEAST_QUIET_SHARE = 0.05
_QUIET_POWERS = np.array((1.0, 1.0, 0.3, 0.0, 0.0, 0.0))
"""How far each entry of the tables follows the quietest windows, as a power of their share."""
_TEXTURE = (2.0, 5.0)
"""Power of the slow waves of the light over the noise's up to which a window is plain, and from which it is texture."""
_THRESHOLD = 2.6
"""Least power of a block of frequencies over the noise for which anything of it is kept. Tuned as the tables were."""
_DARK = 0.1
"""Root of the light below which the square root is nearly straight: its slope at 0 must not blow up noise."""
_MEAN = 2.2
"""Standard deviation of the window in which the mean light is kept, in periods."""
_OPPONENT: Plane = np.array([[3**-0.5] * 3, [2**-0.5, 0, -(2**-0.5)], [6**-0.5, -2 * 6**-0.5, 6**-0.5]], np.float32)
"""Light and two differences of colour, orthonormal: channels of a photograph are alike, and these are not."""


def descreen(picture: Samples, screens: Sequence[HalftoneScreen], tile_px: int = TILE_PX) -> Samples:
    """Return the picture without its halftone.

    The fitted model is subtracted where the dots are, and what is left there is denoised; where there are none (a plain
    part of a page, paper, full ink) the samples stay as they are.

    Args:
        picture: (H, W, 3) RGB or (H, W) grey, uint8 or uint16.
        screens: As ``find_screens`` gives them.
        tile_px: Side of the tiles that the model is fitted to, their overlap not counted.

    Returns:
        The same size and type; the picture itself where there are no screens.
    """
    if not screens:
        return picture
    colour = picture if picture.ndim == 3 else picture[:, :, None]
    height, width = colour.shape[:2]
    plan = plan_tiles(height, width, tile_px, _OVERLAP_PX)
    out = np.empty_like(colour)
    band = np.zeros((plan.rows.tile, width, colour.shape[2]), np.float32)
    top = 0
    for tile in plan:
        if tile.column == 0 and tile.y > top:
            done = tile.y - top
            _settle(out, colour, band[:done], top)
            band = np.concatenate([band[done:], np.zeros_like(band[:done])])
            top = tile.y
        part = colour[tile.y : tile.y + tile.height, tile.x : tile.x + tile.width]
        change = _change(linear_light(part), screens)
        band[:, tile.x : tile.x + tile.width] += change * plan.weights(tile)[:, :, None]
    _settle(out, colour, band, top)
    return out.reshape(picture.shape)


def _settle(out: Samples, source: Samples, change: Plane, top: int) -> None:
    """Write finished rows; samples without a change stay what they are to the bit."""
    rows = slice(top, top + len(change))
    before = source[rows]
    after = coded(linear_light(before) + change, before.dtype)
    out[rows] = np.where(change == 0, before, after)


def _change(light: Plane, screens: Sequence[HalftoneScreen]) -> Plane:
    """Return what is to be added to the light of a tile, (H, W, channels)."""
    period = float(np.median([screen.period_px for screen in screens]))
    waves = _waves(light - _blurred(light, _TONE * period), screens)
    slow = [wave for wave in waves if length(wave) * period < _SLOW]
    fast = [wave for wave in waves if length(wave) * period >= _SLOW]
    span = _span(light, period)
    beats = _slow_beats(light, _blurred(light, _WIDE * period), slow, period)
    dots = _fitted_twice(light - beats, _blurred(light - beats, _TONE * period), fast)
    # What is left tells the tone better, at edges above all: both are fitted again.
    tone = _blurred(shrink_noise(np.clip(light - beats - dots, *span), period), _SHARPER_TONE * period)
    beats = _slow_beats(light - dots, _blurred(tone, _WIDE_AGAIN * period), slow, period)
    tone = _blurred(shrink_noise(np.clip(light - beats - dots, *span), period), _SHARPER_TONE * period)
    screen = beats + _fitted_twice(light - beats, tone, fast)
    plain = beats + fitted_halftone(light - beats - tone, tone, fast, degree=1)
    screen = _better_fit(light - tone, screen, plain, _LOCAL * period)
    strength, correlation = _local_fit(light - tone, screen, _LOCAL * period)
    smooth = shrink_noise(np.clip(light - strength * screen, *span), period)
    there = np.clip((correlation - _CORRELATION[0]) / (_CORRELATION[1] - _CORRELATION[0]), 0, 1)
    return np.asarray(there * (np.clip(smooth, *span) - light), np.float32)


def _span(light: Plane, period: float) -> tuple[Plane, Plane]:
    """Return the least and the most light within a period: a tint lies between its paper and its dots.

    Rare tones, which hardly count in the fit of the model, cannot come out as light that is nowhere near.
    """
    side = 2 * max(round(period / 2), 1) + 1
    cell = np.ones((side, side), np.uint8)
    least, most = cv2.erode(light, cell).reshape(light.shape), cv2.dilate(light, cell).reshape(light.shape)
    margin = _MARGIN * (most - least)
    return np.asarray(np.maximum(least - margin, least / 2), np.float32), np.asarray(most + margin, np.float32)


def _slow_beats(light: Plane, tone: Plane, waves: list[Frequency], period: float) -> Plane:
    """Return the model of the rosette's slow waves.

    They are as slow as the picture's own detail, so places are weighed by the inverse of its local variance.
    """
    detail = _blurred(light, _TONE * period) - _blurred(light, 2 * period)
    variance = _blurred((detail * detail).sum(axis=2, keepdims=True), _LOCAL * period)
    usual = max(float(np.median(variance)), _NOISE**2)
    weight = usual / (variance + _DETAIL_FLOOR * usual)
    return fitted_halftone(light - _blurred(light, _WIDE * period), tone, waves, degree=2, weight=weight)


def _fitted_twice(light: Plane, tone: Plane, waves: list[Frequency]) -> Plane:
    """Return the model, and that of what it left: waves are fitted each for itself and share a little power."""
    rest = light - tone
    dots = fitted_halftone(rest, tone, waves)
    return dots + fitted_halftone(rest - dots, tone, waves)


def _waves(rest: Plane, screens: Sequence[HalftoneScreen]) -> list[Frequency]:
    """Return the frequencies of a tile's halftone, from those of the whole picture."""
    pairs = []
    for screen in screens:
        fx, fy = screen.frequency
        pairs.append((refined_frequency(rest, (fx, fy)), refined_frequency(rest, (-fy, fx))))
    lowest = _LOWEST / max(screen.period_px for screen in screens)
    return [wave for wave in lattice_frequencies(pairs) if length(wave) > lowest]


def _local_fit(rest: Plane, dots: Plane, sigma: float) -> tuple[Plane, Plane]:
    """Return the local regression of the rest on the model, and their local correlation, (H, W, 1) in [0, 1] each."""
    shared = _blurred((rest * dots).sum(axis=2, keepdims=True), sigma)
    modelled = _blurred((dots * dots).sum(axis=2, keepdims=True), sigma)
    seen = _blurred((rest * rest).sum(axis=2, keepdims=True), sigma)
    strength = np.clip(shared / (modelled + _NOISE**2), 0, 1)
    correlation = np.clip(shared / np.sqrt((modelled + _NOISE**2) * (seen + _NOISE**2)), 0, 1)
    return np.asarray(strength, np.float32), np.asarray(correlation, np.float32)


def _better_fit(rest: Plane, fine: Plane, plain: Plane, sigma: float) -> Plane:
    """Return the model with the higher local correlation; the fine one where there is little between them.

    Tones that are rare in a tile hardly constrain the fine model, which may then be far off.
    """
    lead = _local_fit(rest, plain, sigma)[1] - _local_fit(rest, fine, sigma)[1]
    share = np.clip(lead / _LEAD, 0, 1)
    return np.asarray(fine + share * (plain - fine), np.float32)


def _blurred(plane: Plane, sigma: float) -> Plane:
    blurred = cv2.GaussianBlur(plane, (0, 0), sigma, borderType=cv2.BORDER_REFLECT_101)
    return np.asarray(blurred.reshape(plane.shape), np.float32)


def shrink_noise(light: Plane, period: float) -> Plane:
    """Return a tile with its noise shrunk in the windowed Fourier domain, (H, W, channels) float32.

    Square roots of light are filtered, in which a ring beside a bright edge is no more to be seen in the dark than in
    the light; what that does to the mean is put back.

    Args:
        light: (H, W, channels) linear light, 3 channels or 1; noise may have left it below 0.
        period: Of the screen, in pixels.
    """
    roots = np.asarray(np.sign(light) * (np.sqrt(np.abs(light) + _DARK**2) - _DARK), np.float32)
    coloured = light.shape[2] == 3
    planes: Plane = roots @ _OPPONENT.T if coloured else roots
    tables = (_LIGHT, _COLOUR, _COLOUR) if coloured else (_LIGHT,)
    smooth = np.dstack([_shrink_plane(planes[:, :, c], period, table) for c, table in enumerate(tables)])
    smooth = smooth @ _OPPONENT if coloured else smooth
    squares = (np.sign(smooth) * ((np.abs(smooth) + _DARK) ** 2 - _DARK**2)).astype(np.float32)
    return squares + _blurred(light - squares, _MEAN * period)


def _shrink_plane(plane: Plane, period: float, table: tuple[float, ...]) -> Plane:
    """Return a plane whose windowed spectra were shrunk: a block Wiener gain per window and frequency."""
    hop = max(round(_WINDOW_PERIODS * period / _STEPS), _LEAST_WINDOW_PX // _STEPS)
    side = hop * _STEPS
    height, width = plane.shape
    rows, columns = -(-height // hop) + _STEPS - 1, -(-width // hop) + _STEPS - 1
    margin = side - hop
    after = [(count - 1) * hop + side - margin - here for count, here in ((rows, height), (columns, width))]
    padded = np.pad(plane, [(margin, after[0]), (margin, after[1])], mode="symmetric")
    sine = np.sin(np.pi * (np.arange(side) + 0.5) / side).astype(np.float32)
    taper = np.outer(sine, sine) * np.float32(2 / _STEPS)  # its square sums to 1 over all windows
    rho = np.hypot(np.fft.fftfreq(side)[:, None], np.fft.rfftfreq(side)[None]) * period
    seen = (rho > _STRENGTH_BAND[0]) & (rho < _STRENGTH_BAND[1])
    views = np.lib.stride_tricks.sliding_window_view(padded, (side, side))[::hop, ::hop]
    sample = views[_STEPS // 2 :: _STEPS, _STEPS // 2 :: _STEPS].reshape(-1, side, side) * taper
    noise = _noise(sample, rho, seen, table)
    slow = (rho > 0) & (rho < _SLOW_BAND[1])
    out = np.zeros_like(padded)
    for row in range(rows):
        # The light of a window leaks into its slow waves; shrunk with them it leaves a grid of windows on plain paper.
        means = (views[row] * taper).sum(axis=(1, 2), keepdims=True) / taper.sum()
        spectra = np.fft.rfft2((views[row] - means) * taper)
        power = _power(spectra)
        level = power[:, seen].mean(axis=1)[:, None, None] * noise
        if table is _LIGHT:  # where there is texture the leak lets more of its slow waves pass, and no grid is seen
            detail = power[:, slow].mean(axis=1) / (level[:, slow].mean(axis=1) + 1e-20)
            share = np.clip((detail - _TEXTURE[0]) / (_TEXTURE[1] - _TEXTURE[0]), 0, 1)[:, None, None]
            power = power + share * (_power(np.fft.rfft2(views[row] * taper)) - power)
        gain = np.clip(1 - _THRESHOLD * level / (_block_power(power) + 1e-20), 0, 1)
        windows = (np.fft.irfft2(spectra * gain, s=(side, side)).astype(np.float32) + means * taper) * taper
        strip = out[row * hop : row * hop + side]
        for first in range(_STEPS):  # every _STEPS-th window touches the last one: they are one strip
            chosen = windows[first::_STEPS]
            span = slice(first * hop, first * hop + len(chosen) * side)
            strip[:, span] += chosen.transpose(1, 0, 2).reshape(side, -1)
    return out[margin : margin + height, margin : margin + width]


def _noise(sample: Plane, rho: npt.NDArray[np.float64], seen: npt.NDArray[np.bool_], table: tuple[float, ...]) -> Plane:
    """Return the power of the noise over that at the screen's frequencies, for every frequency of a window.

    The table gives its usual course. The quarter of the windows that has least power at slow frequencies shows where
    it is less (a print in one ink has no rosette, and little noise there) and where more (a peak of the screen that was
    not quite taken away).

    Args:
        sample: (windows, side, side), tapered.
        rho: Frequencies in those of the screen.
        seen: Where the strength of a window is measured.
        table: Power at ``_AT``.
    """
    power = _power(np.fft.rfft2(sample))
    power /= power[:, seen].mean(axis=1)[:, None, None] + np.float32(1e-12)
    slow = power[:, (rho > _SLOW_BAND[0]) & (rho < _SLOW_BAND[1])].mean(axis=1)
    least = float(np.quantile(slow, 0.25))
    share = np.clip(least / (_QUIET_SHARE * table[0]), _LEAST_QUIET_SHARE, 1)
    usual = np.interp(rho, _AT, np.array(table) * share**_QUIET_POWERS)
    quiet = power[slow <= least].mean(axis=0)
    return np.where(rho > _SLOW_BAND[1], np.maximum(usual, quiet), usual).astype(np.float32)


def _power(spectra: npt.NDArray[np.complexfloating]) -> Plane:
    return (spectra.real**2 + spectra.imag**2).astype(np.float32)


def _block_power(power: Plane) -> Plane:
    """Return the mean over 3 x 3 neighbouring frequencies of half spectra (windows, side, side // 2 + 1)."""
    columns = (power + np.roll(power, 1, axis=1) + np.roll(power, -1, axis=1)) / 3
    wide = np.concatenate([columns[:, :, 1:2], columns, columns[:, :, -2:-1]], axis=2)
    return np.asarray((wide[:, :, :-2] + wide[:, :, 1:-1] + wide[:, :, 2:]) / 3, np.float32)
