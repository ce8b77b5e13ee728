"""Tells the inks of a print apart by the light they swallow."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import permutations

import numpy as np
import numpy.typing as npt

from fancam.enhance.descreen.dots import Frequency, Plane

_LIKE = 0.85
"""Least cosine between what a screen swallows and its ink."""
_CLEARLY = 0.05
"""Least lead, in the same, over naming the inks another way. Cyan swallows some of every light, and the beat of cyan
and magenta falls on the screen of black in the classic set: those two are sometimes left unnamed."""
_CLEARLY_ELSEWHERE = 0.15
"""The same where the set is not, or not wholly, the classic one."""
_CLASSIC = 0.2
"""What the classic angles add to the likeness: enough where the colours of cyan and black are nearly the same."""
_COLOURS = {
    "cyan": (0.98, 0.66, 0.26),
    "magenta": (0.21, 0.98, 0.79),
    "yellow": (0.02, 0.15, 0.98),
    "black": (1.0, 1.0, 1.0),
}
"""Share of the red, green and blue light each ink swallows (ISO 12647-2, coated paper)."""
_OFF_DEG = 1.5
"""How far off the classic set may be."""


def name_inks(screens: Sequence[Frequency], windows: Sequence[Plane]) -> list[str]:
    """Name the ink of each screen by how much of the red, green and blue light it takes away, no ink twice.

    Args:
        screens: Cycles per pixel along x and y of one family of lines of each.
        windows: Square parts of the picture, (side, side, channels) linear light.

    Returns:
        ``cyan``, ``magenta``, ``yellow``, ``black``, or ``unknown`` where the channels do not tell.
    """
    if windows[0].shape[2] != 3:
        return ["unknown"] * len(screens)
    swallowed = [np.sqrt(np.mean(np.square(amplitudes(screen, windows)), axis=0)) for screen in screens]
    likeness = np.array([[_likeness(taken, ink) for ink in _COLOURS.values()] for taken in swallowed])
    angles = [math.degrees(math.atan2(fy, fx)) % 90 for fx, fy in screens]
    ways = list(permutations(range(len(_COLOURS)), len(screens)))
    totals = np.array([likeness[np.arange(len(screens)), inks].sum() + _classic(angles, inks) for inks in ways])
    best = int(np.argmax(totals))
    lead = _CLEARLY if _classic(angles, ways[best]) else _CLEARLY_ELSEWHERE
    names = []
    for row, ink in enumerate(ways[best]):
        rival = max(total for total, inks in zip(totals, ways, strict=True) if inks[row] != ink)
        clear = likeness[row, ink] >= _LIKE and totals[best] - rival >= lead
        names.append(list(_COLOURS)[ink] if clear else "unknown")
    return names


def _classic(angles: Sequence[float], inks: Sequence[int]) -> float:
    """What an assignment of inks gains by being the classic set, with black 45 degrees from yellow."""
    names = list(_COLOURS)
    at = {names[ink]: angle for ink, angle in zip(inks, angles, strict=True)}
    if "black" not in at or "yellow" not in at:
        return 0.0
    return _CLASSIC if abs((at["black"] - at["yellow"]) % 90 - 45) < 2 * _OFF_DEG else 0.0


def _likeness(swallowed: npt.NDArray[np.float64], ink: tuple[float, ...]) -> float:
    colour = np.array(ink)
    return float(swallowed @ colour / (np.linalg.norm(swallowed) * np.linalg.norm(colour) + 1e-12))


def amplitudes(screen: Frequency, windows: Sequence[Plane]) -> list[npt.NDArray[np.float64]]:
    """Return the lesser amplitude of the two families of lines over the light, (channels,) per window.

    Inks over each other multiply, so this does not depend on what else is printed there.
    """
    side = windows[0].shape[0]
    hann = np.hanning(side + 1)[:side]
    axis = np.arange(side)
    found = []
    waves = [
        (hann * np.exp(-2j * np.pi * fx * axis), hann * np.exp(-2j * np.pi * fy * axis))
        for fx, fy in (screen, (-screen[1], screen[0]))
    ]
    for window in windows:
        both = [np.abs(np.einsum("yxc,x->yc", window, along_x).T @ along_y) for along_x, along_y in waves]
        light = window.mean(axis=(0, 1)) + 0.02
        found.append(2 * np.minimum(*both) / hann.sum() ** 2 / light)
    return found
