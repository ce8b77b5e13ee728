"""Takes the screens of a print out of its scan, tile by tile."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from fancam.enhance.descreen.halftone import (
    Frequency,
    Plane,
    coded,
    drawn_dots,
    lattice_of,
    length,
    linear_light,
    tuned,
)
from fancam.enhance.descreen.spectrum import Screen
from fancam.enhance.tiling import plan_tiles
from fancam.media import Samples

_TILE_PX = 384
_OVERLAP_PX = 64
_TONE = 0.42
"""Standard deviation of the blur that leaves the tone, in periods of the screen: what is left of the dots is 3 %."""
_SHARPER_TONE = 0.30
"""The same for the tone of the second round, which has been smoothed before."""
_SLOW = 0.7
"""Beats of two screens below this many times the screen's frequency pass for tone, and are drawn for themselves."""
_WIDE = 0.9
"""Standard deviation of the blur without which they are looked for, in periods."""
_CALM = 0.05
"""What is added to the stir of a place, in that of the median place, before it is weighed by the inverse."""
_LOCAL = 1.5
"""The same of the window in which it is looked whether the dots are there at all."""
_LIKE = (0.35, 0.6)
"""Correlation of a place with its drawn dots up to which it is left as it is, and from which it is all cleared: texture
without dots seldom has more than 0.3, tints have 0.8 and more."""
_LEAD = 0.15
"""By how much more like what is there the plain drawing of the dots must be to replace the fine one."""
_MARGIN = 0.1
"""What is left may leave the span of the light around it by this share: to cut all noise off would shift the mean."""
_NOISE = 0.0008
"""Dots fainter than this, in light of 1, are noise."""
_LOWEST = 0.22
"""Least frequency of a wave, in those of the screen: yellow and cyan, 15 degrees apart, beat at 0.26. What is lower is
the picture itself."""


def descreen(picture: Samples, screens: Sequence[Screen]) -> Samples:
    """Return the picture without its screens.

    The dots are drawn and taken away where they are, and what is left there is smoothed a little; where there are none
    (a plain part of a page, paper, full ink) the samples stay as they are.

    Args:
        picture: (H, W, 3) RGB or (H, W) grey, uint8 or uint16.
        screens: As ``find_screens`` gives them.

    Returns:
        The same size and type; the picture itself where there are no screens.
    """
    if not screens:
        return picture
    colour = picture if picture.ndim == 3 else picture[:, :, None]
    height, width = colour.shape[:2]
    plan = plan_tiles(height, width, _TILE_PX, _OVERLAP_PX)
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


def _change(light: Plane, screens: Sequence[Screen]) -> Plane:
    """What is to be added to the light of a tile."""
    period = float(np.median([screen.period_px for screen in screens]))
    waves = _waves(light - _blurred(light, _TONE * period), screens)
    slow = [wave for wave in waves if length(wave) * period < _SLOW]
    fast = [wave for wave in waves if length(wave) * period >= _SLOW]
    span = _span(light, period)
    beats = _beats(light, _blurred(light, _WIDE * period), slow, period)
    dots = _drawn_twice(light - beats, _blurred(light - beats, _TONE * period), fast)
    # What is left tells the tone better, at edges above all: both are drawn again.
    tone = _blurred(shrunk(np.clip(light - beats - dots, *span), period), _SHARPER_TONE * period)
    beats = _beats(light - dots, _blurred(tone, 0.6 * period), slow, period)
    tone = _blurred(shrunk(np.clip(light - beats - dots, *span), period), _SHARPER_TONE * period)
    screen = beats + _drawn_twice(light - beats, tone, fast)
    plain = beats + drawn_dots(light - beats - tone, tone, fast, degree=1)
    screen = _liker(light - tone, screen, plain, _LOCAL * period)
    strength, likeness = _presence(light - tone, screen, _LOCAL * period)
    smooth = shrunk(np.clip(light - strength * screen, *span), period)
    there = np.clip((likeness - _LIKE[0]) / (_LIKE[1] - _LIKE[0]), 0, 1)
    return np.asarray(there * (np.clip(smooth, *span) - light), np.float32)


def _span(light: Plane, period: float) -> tuple[Plane, Plane]:
    """The least and the most light within a period: a tint lies between its paper and its dots.

    So rare tones, of which the fit of the dots knows little, cannot come out as light that is nowhere near.
    """
    side = 2 * max(round(period / 2), 1) + 1
    cell = np.ones((side, side), np.uint8)
    least, most = cv2.erode(light, cell).reshape(light.shape), cv2.dilate(light, cell).reshape(light.shape)
    margin = _MARGIN * (most - least)
    return np.asarray(np.maximum(least - margin, least / 2), np.float32), np.asarray(most + margin, np.float32)


def _beats(light: Plane, tone: Plane, waves: list[Frequency], period: float) -> Plane:
    """The slow waves of the rosette. They are as slow as the picture's own detail, so calm places count most."""
    detail = _blurred(light, _TONE * period) - _blurred(light, 2 * period)
    stir = _blurred((detail * detail).sum(axis=2, keepdims=True), _LOCAL * period)
    usual = max(float(np.median(stir)), _NOISE**2)
    weight = usual / (stir + _CALM * usual)
    return drawn_dots(light - _blurred(light, _WIDE * period), tone, waves, degree=2, weight=weight)


def _drawn_twice(light: Plane, tone: Plane, waves: list[Frequency]) -> Plane:
    """The dots, and those still seen without them: waves are fitted each for itself and share a little power."""
    rest = light - tone
    dots = drawn_dots(rest, tone, waves)
    return dots + drawn_dots(rest - dots, tone, waves)


def _waves(rest: Plane, screens: Sequence[Screen]) -> list[Frequency]:
    pairs = []
    for screen in screens:
        fx, fy = screen.frequency
        pairs.append((tuned(rest, (fx, fy)), tuned(rest, (-fy, fx))))
    lowest = _LOWEST / max(screen.period_px for screen in screens)
    return [wave for wave in lattice_of(pairs) if length(wave) > lowest]


def _presence(rest: Plane, dots: Plane, sigma: float) -> tuple[Plane, Plane]:
    """How much of the drawn dots is there, and how like them it is, around each pixel; both (H, W, 1) in [0, 1].

    The first is the local regression of the rest on the dots, the second their local correlation.
    """
    shared = _blurred((rest * dots).sum(axis=2, keepdims=True), sigma)
    drawn = _blurred((dots * dots).sum(axis=2, keepdims=True), sigma)
    seen = _blurred((rest * rest).sum(axis=2, keepdims=True), sigma)
    strength = np.clip(shared / (drawn + _NOISE**2), 0, 1)
    likeness = np.clip(shared / np.sqrt((drawn + _NOISE**2) * (seen + _NOISE**2)), 0, 1)
    return np.asarray(strength, np.float32), np.asarray(likeness, np.float32)


def _liker(rest: Plane, fine: Plane, plain: Plane, sigma: float) -> Plane:
    """Of two drawings the one that is more like what is there; the finer one where there is little between them.

    Tones that are rare in a tile say little about the fine one, which may then be far off.
    """
    lead = _presence(rest, plain, sigma)[1] - _presence(rest, fine, sigma)[1]
    share = np.clip(lead / _LEAD, 0, 1)
    return np.asarray(fine + share * (plain - fine), np.float32)


def _blurred(plane: Plane, sigma: float) -> Plane:
    blurred = cv2.GaussianBlur(plane, (0, 0), sigma, borderType=cv2.BORDER_REFLECT_101)
    return np.asarray(blurred.reshape(plane.shape), np.float32)


WINDOW_PERIODS = 6.0
"""Side of a window in periods of the screen."""
_LEAST_WINDOW_PX = 16
_STEPS = 4
"""Windows that see each pixel along an axis."""
_SEEN = (0.75, 1.35)
"""Where the strength is seen, in frequencies of the screen."""
_AT = (0.6, 0.8, 1.2, 1.5, 2.0, 2.4)
"""Frequencies, in those of the screen, of the tables below; constant below the first and above the last."""
_LIGHT = (1.6, 1.1, 1.0, 0.6, 0.35, 4.0)
_COLOUR = (2.6, 1.4, 1.0, 0.5, 0.2, 4.0)
"""Power there over that at the screen's frequency, for the mean and for the differences of the channels: what was left
of four photographs of a tuning set, printed at 133, 150 and 175 lpi (``tests/printed_pages.py``)."""
_MIDDLE_BAND = (0.35, 0.65)
"""Where the noise of slow frequencies is looked for in calm windows, in frequencies of the screen."""
_CALM_SHARE = 0.8
"""What the calmest quarter shows of the mean where there is nothing but noise."""
_CALMEST = 0.05
_CALM_AT = (1.0, 1.0, 0.3, 0.0, 0.0, 0.0)
"""How far each entry of the tables follows what the calm windows show, as a power of it."""
_PEAKS = 1.0
"""What a peak of calm windows counts for."""
_THRESHOLD = 2.6
"""Least power of a block over the noise for which anything of it is kept. Tuned as the tables were."""
_DARK = 0.1
"""Root of the light below which the square root is nearly straight: its slope at 0 must not blow up noise."""
_MEAN = 2.2
"""Standard deviation of the window in which the mean light is kept, in periods."""
_OPPONENT: Plane = np.array([[3**-0.5] * 3, [2**-0.5, 0, -(2**-0.5)], [6**-0.5, -2 * 6**-0.5, 6**-0.5]], np.float32)
"""Light and two differences of colour, orthonormal: channels of a photograph are alike, and these are not."""


def shrunk(light: Plane, period: float) -> Plane:
    """Return a tile without what does not stand out of its noise, (H, W, channels) float32.

    The work is done on square roots of light, in which a ring beside a bright edge is no more to be seen in the dark
    than in the light; what that does to the mean is put back.

    Args:
        light: (H, W, channels) linear light, 3 channels or 1; noise may have left it below 0.
        period: Of the screen, in pixels.
    """
    roots = np.asarray(np.sign(light) * (np.sqrt(np.abs(light) + _DARK**2) - _DARK), np.float32)
    if light.shape[2] == 3:
        opponent: Plane = roots @ _OPPONENT.T
        tables = (_LIGHT, _COLOUR, _COLOUR)
        smooth = np.dstack([_shrunk(opponent[:, :, c], period, table) for c, table in enumerate(tables)]) @ _OPPONENT
    else:
        smooth = np.dstack([_shrunk(roots[:, :, c], period, _LIGHT) for c in range(light.shape[2])])
    squares = (np.sign(smooth) * ((np.abs(smooth) + _DARK) ** 2 - _DARK**2)).astype(np.float32)
    lost = cv2.GaussianBlur(light - squares, (0, 0), _MEAN * period, borderType=cv2.BORDER_REFLECT_101)
    return squares + lost.reshape(light.shape)


def _shrunk(plane: Plane, period: float, table: tuple[float, ...]) -> Plane:
    hop = max(round(WINDOW_PERIODS * period / _STEPS), _LEAST_WINDOW_PX // _STEPS)
    side = hop * _STEPS
    height, width = plane.shape
    rows, columns = -(-height // hop) + _STEPS - 1, -(-width // hop) + _STEPS - 1
    margin = side - hop
    padded = _mirrored(plane, margin, ((rows - 1) * hop + side, (columns - 1) * hop + side))
    sine = np.sin(np.pi * (np.arange(side) + 0.5) / side).astype(np.float32)
    taper = np.outer(sine, sine) * np.float32(2 / _STEPS)  # its square sums to 1 over all windows
    rho = np.hypot(np.fft.fftfreq(side)[:, None], np.fft.rfftfreq(side)[None]) * period
    seen = (rho > _SEEN[0]) & (rho < _SEEN[1])
    views = np.lib.stride_tricks.sliding_window_view(padded, (side, side))[::hop, ::hop]
    sample = views[_STEPS // 2 :: _STEPS, _STEPS // 2 :: _STEPS].reshape(-1, side, side) * taper
    noise = _noise(sample, rho, seen, table)
    out = np.zeros_like(padded)
    for row in range(rows):
        spectra = np.fft.rfft2(views[row] * taper)
        power = (spectra.real**2 + spectra.imag**2).astype(np.float32)
        level = power[:, seen].mean(axis=1)[:, None, None] * noise
        gain = np.clip(1 - _THRESHOLD * level / (_blocks(power) + 1e-20), 0, 1)
        gain[:, 0, 0] = 1
        windows = np.fft.irfft2(spectra * gain, s=(side, side)).astype(np.float32) * taper
        strip = out[row * hop : row * hop + side]
        for first in range(_STEPS):  # every _STEPS-th window touches the last one: they are one strip
            chosen = windows[first::_STEPS]
            span = slice(first * hop, first * hop + len(chosen) * side)
            strip[:, span] += chosen.transpose(1, 0, 2).reshape(side, -1)
    return out[margin : margin + height, margin : margin + width]


def _noise(sample: Plane, rho: npt.NDArray[np.float64], seen: npt.NDArray[np.bool_], table: tuple[float, ...]) -> Plane:
    """Power of the noise over that at the screen's frequencies, for every frequency of a window.

    The table says how it lies in general, and the calmest quarter of the windows where it is less (a print in one ink
    has no rosette, and little noise at slow frequencies) and where more (a peak that was not quite taken away).

    Args:
        sample: (windows, side, side), tapered.
        rho: Frequencies in those of the screen.
        seen: Where the strength of a window is seen.
        table: Power at ``_AT``.
    """
    spectra = np.fft.rfft2(sample)
    power = (spectra.real**2 + spectra.imag**2).astype(np.float32)
    power /= power[:, seen].mean(axis=1)[:, None, None] + np.float32(1e-12)
    slow = power[:, (rho > _MIDDLE_BAND[0]) & (rho < _MIDDLE_BAND[1])].mean(axis=1)
    least = float(np.quantile(slow, 0.25))
    share = np.clip(least / (_CALM_SHARE * table[0]), _CALMEST, 1)
    general = np.interp(rho, _AT, np.array(table) * share ** np.array(_CALM_AT))
    found = _PEAKS * power[slow <= least].mean(axis=0)
    return np.where(rho > _MIDDLE_BAND[1], np.maximum(general, found), general).astype(np.float32)


def _blocks(power: Plane) -> Plane:
    """Mean over 3 x 3 neighbouring frequencies of half spectra (windows, side, side // 2 + 1)."""
    columns = (power + np.roll(power, 1, axis=1) + np.roll(power, -1, axis=1)) / 3
    wide = np.concatenate([columns[:, :, 1:2], columns, columns[:, :, -2:-1]], axis=2)
    return np.asarray((wide[:, :, :-2] + wide[:, :, 1:-1] + wide[:, :, 2:]) / 3, np.float32)


def _mirrored(plane: Plane, margin: int, shape: tuple[int, int]) -> Plane:
    """The plane with mirrored borders, as large as ``shape``; any margin, however small the plane."""
    after = [total - margin - here for total, here in zip(shape, plane.shape, strict=True)]
    return np.pad(plane, [(margin, after[0]), (margin, after[1])], mode="symmetric")
