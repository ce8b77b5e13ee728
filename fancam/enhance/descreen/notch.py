"""Takes the screens of a print out of its scan, tile by tile."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from fancam.enhance.descreen.dots import Frequency, Plane, drawn_dots, lattice_of, length, tuned
from fancam.enhance.descreen.light import coded, linear_light
from fancam.enhance.descreen.spectrum import Screen
from fancam.enhance.tiling import plan_tiles
from fancam.records import Samples

_TILE_PX = 384
_OVERLAP_PX = 64
_TONE = 0.42
"""Standard deviation of the blur that leaves the tone, in periods of the screen: what is left of the dots is 3 %."""
_SMOOTH = 0.30
"""The same of the blur of what is left once the drawn dots are gone: noise, JPEG and the dots' own fringes."""
_LOCAL = 1.5
"""The same of the window in which it is looked whether the dots are there at all."""
_NOISE = 0.002
"""Dots fainter than this, in light of 1, are noise."""
_LOWEST = 0.3
"""Waves longer than this many times the screen's frequency allows would be the picture itself."""


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
    tone = _blurred(light, _TONE * period)
    rest = light - tone
    waves = _waves(rest, screens)
    dots = drawn_dots(rest, tone, waves)
    strength = _strength(rest, dots, _LOCAL * period)
    cleared = light - strength * dots
    smooth = _blurred(cleared, _SMOOTH * period)
    there = np.clip((strength - 0.2) / 0.3, 0, 1)
    return np.asarray(there * (smooth - light), np.float32)


def _waves(rest: Plane, screens: Sequence[Screen]) -> list[Frequency]:
    pairs = []
    for screen in screens:
        fx, fy = screen.frequency
        pairs.append((tuned(rest, (fx, fy)), tuned(rest, (-fy, fx))))
    lowest = _LOWEST / max(screen.period_px for screen in screens)
    return [wave for wave in lattice_of(pairs) if length(wave) > lowest]


def _strength(rest: Plane, dots: Plane, sigma: float) -> Plane:
    """How much of the drawn dots is there, (H, W, 1) in [0, 1]: the local regression of the rest on them."""
    shared = _blurred((rest * dots).sum(axis=2, keepdims=True), sigma)
    power = _blurred((dots * dots).sum(axis=2, keepdims=True), sigma)
    return np.clip(shared / (power + _NOISE**2), 0, 1)


def _blurred(plane: Plane, sigma: float) -> Plane:
    blurred = cv2.GaussianBlur(plane, (0, 0), sigma, borderType=cv2.BORDER_REFLECT_101)
    return np.asarray(blurred.reshape(plane.shape), np.float32)
