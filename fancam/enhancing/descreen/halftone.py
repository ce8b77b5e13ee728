"""Halftone model: the dots of printed screens as waves whose amplitudes follow the tone, and the inks they belong to.

What a screen adds to the light at a place is a sum of waves, one for each frequency of its lattice and of the rosette.
Amplitude and phase of each wave are smooth functions of the tone that was printed there, which is known well enough
from the picture without its fine detail: a polynomial of the tone is fitted for every wave over a tile. Unlike a notch
filter, the model leaves no rings at the edges of the picture's shapes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from itertools import combinations_with_replacement, permutations

import numpy as np
import numpy.typing as npt

from fancam.media import Samples

Plane = npt.NDArray[np.float32]
Frequency = tuple[float, float]

_RIDGE = 3e-3
"""Added to the normal equations, as a share of their mean diagonal: tones that hardly vary fit no high power."""
_DEGREE = {1: 4, 3: 3}
"""Of the polynomial, by the number of channels: higher ones gain less than 0.05 dB."""
_SEARCH = 2
"""Steps to each side in which a frequency is looked for in a tile."""


def fitted_halftone(
    rest: Plane, tone: Plane, waves: list[Frequency], degree: int | None = None, weight: Plane | None = None
) -> Plane:
    """Return the model of what the screens add to the light of a tile, by least squares, (H, W, channels) float32.

    Args:
        rest: (H, W, channels) light of the tile without its tone.
        tone: (H, W, channels) light without dots and fine detail.
        waves: Cycles per pixel along x and y; frequencies beyond half the pixel rate stand for their aliases.
        degree: Of the polynomials of the tone; by the number of channels when None.
        weight: (H, W, 1) how much each pixel counts; all alike when None.
    """
    if not waves:
        return np.zeros_like(rest)
    powers = _powers(tone, degree or _DEGREE[tone.shape[2]])
    height, width, terms = powers.shape
    weighted = powers if weight is None else powers * weight
    normal = (powers.reshape(-1, terms).T @ weighted.reshape(-1, terms)).astype(np.float64)
    normal += np.eye(terms) * _RIDGE * np.trace(normal) / terms
    along_x, along_y = _phasors(waves, width, 0), _phasors(waves, height, 1)
    projections = np.empty((terms, len(waves), rest.shape[2]), np.complex128)
    for term in range(terms):
        for channel in range(rest.shape[2]):
            product = weighted[:, :, term] * rest[:, :, channel]
            projections[term, :, channel] = np.einsum("yk,yk->k", _times(product, along_x.conj()), along_y.conj())
    strengths = 2 * np.linalg.solve(normal, projections.reshape(terms, -1)).reshape(projections.shape)
    dots = np.zeros_like(rest)
    for term in range(terms):
        for channel in range(rest.shape[2]):
            left = (along_y * strengths[term, :, channel].astype(np.complex64)).astype(np.complex64)
            # The real part of a product of complex matrices, as one product of real ones.
            both = np.hstack([left.real, -left.imag]) @ np.hstack([along_x.real, along_x.imag]).T
            dots[:, :, channel] += powers[:, :, term] * both
    return dots


def _times(plane: Plane, waves: npt.NDArray[np.complex64]) -> npt.NDArray[np.complex64]:
    count = waves.shape[1]
    both = plane @ np.hstack([waves.real, waves.imag])
    return (both[:, :count] + 1j * both[:, count:]).astype(np.complex64)


def _phasors(waves: list[Frequency], length: int, axis: int) -> npt.NDArray[np.complex64]:
    """Return (length, waves) unit phasors; computed in double precision, for the phase runs over many turns."""
    frequencies = np.array([wave[axis] for wave in waves])
    phase = np.outer(np.arange(length), frequencies)
    return np.exp(2j * np.pi * (phase - np.floor(phase))).astype(np.complex64)


def _powers(tone: Plane, most: int) -> Plane:
    """Return the monomials of the channels up to a degree, (H, W, terms), of tones with mean 0 and deviation 1."""
    channels = tone.shape[2]
    normed = (tone - tone.mean(axis=(0, 1))) / (tone.std(axis=(0, 1)) + 1e-3)
    normed = np.clip(normed, -3, 3)
    planes = [np.ones(tone.shape[:2], np.float32)]
    for degree in range(1, most + 1):
        for chosen in combinations_with_replacement(range(channels), degree):
            planes.append(np.prod(normed[:, :, list(chosen)], axis=2))
    return np.stack(planes, axis=2).astype(np.float32)


def refined_frequency(rest: Plane, frequency: Frequency) -> Frequency:
    """Return the frequency near this one at which the power of a tile is greatest.

    A page lies on the glass not quite flat and the carriage does not run quite evenly, so that the screen of a tile can
    differ a little from that of the page. The search goes in steps of a quarter of what the tile resolves.

    Args:
        rest: (H, W, channels) light of the tile without its tone.
        frequency: Cycles per pixel along x and y.
    """
    height, width = rest.shape[:2]
    steps = np.arange(-_SEARCH, _SEARCH + 1)
    fxs, fys = frequency[0] + steps / (4 * width), frequency[1] + steps / (4 * height)
    taper_x, taper_y = np.hanning(width + 2)[1:-1], np.hanning(height + 2)[1:-1]
    along_x = taper_x[:, None] * np.exp(-2j * np.pi * np.outer(np.arange(width), fxs))
    along_y = taper_y[:, None] * np.exp(-2j * np.pi * np.outer(np.arange(height), fys))
    power = np.zeros((len(steps), len(steps)))
    for channel in range(rest.shape[2]):
        across = _times(rest[:, :, channel], along_x.astype(np.complex64))
        power += np.abs(along_y.T @ across) ** 2
    y, x = np.unravel_index(int(np.argmax(power)), power.shape)
    on_edge = {int(y), int(x)} & {0, len(steps) - 1}
    if on_edge or power.max() <= 0:
        return frequency  # no top here: something else than the screen
    log = np.log(power + 1e-30)
    fx = fxs[x] + parabola_vertex(log[y, x - 1], log[y, x], log[y, x + 1]) / (4 * width)
    fy = fys[y] + parabola_vertex(log[y - 1, x], log[y, x], log[y + 1, x]) / (4 * height)
    return float(fx), float(fy)


def parabola_vertex(before: float, here: float, after: float) -> float:
    """Return where the top of a parabola through three samples lies, in samples from the middle one, -0.5 to 0.5."""
    bend = before - 2 * here + after
    return 0.0 if bend >= 0 else max(-0.5, min(0.5, 0.5 * (before - after) / bend))


def lattice_frequencies(pairs: Sequence[tuple[Frequency, Frequency]]) -> list[Frequency]:
    """Return the frequencies at which screens have their power, one of each pair that differs in sign only.

    They are those of each screen up to the second order, and the sums and differences of the first order of two
    screens: the rosette.

    Args:
        pairs: The two families of lines of each screen.
    """
    found: list[Frequency] = []
    for one, two in pairs:
        orders = ((1, 0), (0, 1), (1, 1), (1, -1), (2, 0), (0, 2))
        found += [(m * one[0] + n * two[0], m * one[1] + n * two[1]) for m, n in orders]
    for index, first in enumerate(pairs):
        for second in pairs[:index]:
            found += [
                (one[0] + sign * two[0], one[1] + sign * two[1]) for one in first for two in second for sign in (1, -1)
            ]
    kept: list[Frequency] = []
    for fx, fy in found:
        if all(length((fx - sign * x, fy - sign * y)) > 2e-3 for x, y in kept for sign in (1, -1)):
            kept.append((fx, fy))
    return kept


def length(frequency: Frequency) -> float:
    """Return the cycles per pixel of the alias below half the pixel rate."""
    return math.hypot(*(part - round(part) for part in frequency))


_LEAST_COSINE = 0.85
"""Between the light that a screen absorbs and the absorption of its ink."""
_LEAD = 0.05
"""Least lead, in sums of cosines, over naming the inks another way. Cyan absorbs some of every light, and the beat of
cyan and magenta falls on the screen of black in the classic set: those two are sometimes left unnamed."""
_LEAD_ELSEWHERE = 0.15
"""The same where the set is not, or not wholly, the classic one."""
_CLASSIC = 0.2
"""What the classic angles add to the cosines: enough where the colours of cyan and black are nearly the same."""
_COLOURS = {
    "cyan": (0.98, 0.66, 0.26),
    "magenta": (0.21, 0.98, 0.79),
    "yellow": (0.02, 0.15, 0.98),
    "black": (1.0, 1.0, 1.0),
}
"""Share of the red, green and blue light each ink absorbs (ISO 12647-2, coated paper)."""
_OFF_DEG = 1.5
"""How far off the classic set may be."""


def name_inks(screens: Sequence[Frequency], windows: Sequence[Plane]) -> list[str]:
    """Name the ink of each screen by how much of the red, green and blue light it absorbs, no ink twice.

    Args:
        screens: Cycles per pixel along x and y of one family of lines of each.
        windows: Square parts of the picture, (side, side, channels) linear light.

    Returns:
        ``cyan``, ``magenta``, ``yellow``, ``black``, or ``unknown`` where the channels do not tell.
    """
    if windows[0].shape[2] != 3:
        return ["unknown"] * len(screens)
    absorbed = [np.sqrt(np.mean(np.square(amplitudes(screen, windows)), axis=0)) for screen in screens]
    cosines = np.array([[_cosine(taken, ink) for ink in _COLOURS.values()] for taken in absorbed])
    angles = [math.degrees(math.atan2(fy, fx)) % 90 for fx, fy in screens]
    ways = list(permutations(range(len(_COLOURS)), len(screens)))
    totals = np.array([cosines[np.arange(len(screens)), inks].sum() + _classic(angles, inks) for inks in ways])
    best = int(np.argmax(totals))
    lead = _LEAD if _classic(angles, ways[best]) else _LEAD_ELSEWHERE
    names = []
    for row, ink in enumerate(ways[best]):
        rival = max(total for total, inks in zip(totals, ways, strict=True) if inks[row] != ink)
        clear = cosines[row, ink] >= _LEAST_COSINE and totals[best] - rival >= lead
        names.append(list(_COLOURS)[ink] if clear else "unknown")
    return names


def _classic(angles: Sequence[float], inks: Sequence[int]) -> float:
    """Return what an assignment of inks gains by being the classic set, with black 45 degrees from yellow."""
    names = list(_COLOURS)
    at = {names[ink]: angle for ink, angle in zip(inks, angles, strict=True)}
    if "black" not in at or "yellow" not in at:
        return 0.0
    return _CLASSIC if abs((at["black"] - at["yellow"]) % 90 - 45) < 2 * _OFF_DEG else 0.0


def _cosine(absorbed: npt.NDArray[np.float64], ink: tuple[float, ...]) -> float:
    colour = np.array(ink)
    return float(absorbed @ colour / (np.linalg.norm(absorbed) * np.linalg.norm(colour) + 1e-12))


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


def linear_light(samples: Samples) -> Plane:
    """Return the light of sRGB samples (IEC 61966-2-1), same shape, float32 in [0, 1]; uint8 or uint16."""
    return _table(int(np.iinfo(samples.dtype).max))[samples]


def coded(light: Plane, dtype: np.dtype[np.uint8] | np.dtype[np.uint16]) -> Samples:
    """Return sRGB samples of linear light, rounded and clipped to the range of the type."""
    light = np.clip(light, 0, 1)
    values = np.where(light <= 0.0031308, 12.92 * light, 1.055 * np.power(light, 1 / 2.4) - 0.055)
    levels = np.rint(values * np.iinfo(dtype).max)
    return levels.astype(np.uint8) if dtype == np.uint8 else levels.astype(np.uint16)


@cache
def _table(most: int) -> Plane:
    value = np.arange(most + 1) / most
    light = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    return light.astype(np.float32)
