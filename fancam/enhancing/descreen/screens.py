"""Detects the halftone screens of a print in the spectrum of its scan.

A screen of dots is a square lattice: its spectrum has a peak at the frequency of the lines and another, as far from the
origin, a quarter turn away. A stripe, a fence or a curtain has only one of the two. Spectra are taken of many windows
spread over the picture; the prominence of a peak is its mean over the third of the windows where it is clearest.
The four inks of a print have screens of one ruling at different angles, which no textile and no wall of lamps has; a
print in one ink is told from those by its angle, which printers keep off the axes.

Sources: Hann window and averaged periodograms, Welch 1967; classic screen angles and the sums and differences at which
screens beat against each other, Amidror, The Theory of the Moire Phenomenon, 2nd edition, 2009.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from fancam.enhancing.descreen.halftone import (
    Plane,
    amplitudes,
    lattice_frequencies,
    length,
    linear_light,
    name_inks,
    parabola_vertex,
)
from fancam.media import Samples

LONGEST_PERIOD_PX = 20.0
"""A coarse newspaper screen (65 lpi) at 1200 dpi."""
_LONGEST_SEEN_PX = 64.0
"""Coarser lattices are detected as well, for a finer one may be a multiple of them."""
SHORTEST_PERIOD_PX = 1.9
_WINDOW_PX = 512
_LEAST_WINDOW_PX = 96
_LEAST_LINES = 12
"""Fewer lines of a screen in a window do not tell it from other patterns."""
_GRID = 6
"""At most this many windows along each axis."""
_PROMINENCE = 4.5
"""Least natural logarithm of the power of a peak over what is around it, for the clearest screen of a print."""
_HINTED = 2.5
"""The same where the user names the ruling."""
_WEAK = 2.2
"""The same for the other inks of a print whose ruling is known from the clearest."""
_SAME_RULING = 0.025
"""Largest relative difference of the frequencies of two inks of a print."""
_MOST_PEAKS = 250
_STEP_DEG = 15.0
"""Inks of a print lie at multiples of this from each other (ISO 12647-1: 30 degrees, yellow 15)."""
_STEP_OFF_DEG = 1.5
"""How far off those an ink may lie; others must be clearer."""
_APART_DEG = 8.0
"""Least angle between two inks of a print; yellow is printed 15 degrees from its neighbours."""
_HINT_RANGE = 0.05
"""Largest relative difference of a screen and the ruling the user names."""
_LEAST_TONES = 0.02
"""Least standard deviation of the tones of a print in one ink: a chess board has dots and no picture."""
_MOST_CHROMA = 0.01
"""Most colour, in linear light, of a print in one ink: its paper. One lattice in a coloured picture is a wall of lamps
or a textile."""
_OFF_AXIS_DEG = 6.5
"""A single screen nearer to the axes than this may be a wall of lamps or a grid of pixels."""
_FLOOR = (0.002**2) * 0.375**2
"""Power per pixel of a scan's least noise (half a level of 255) through the two-dimensional Hann window (mean square
0.375 per axis): what is below is arithmetic, not paper."""
_LEAST_CONTRAST = 0.012
"""Least amplitude of the clearest screen over the light around it. Dots at half the pixel rate, seen by blurred optics
and through JPEG, keep 0.02 to 0.07; what codecs leave behind has less than 0.01."""
_ALIKE = 0.1
"""Least amplitude of an ink's screen over that of the clearest one of the print."""
_ALIKE_ELSEWHERE = 0.3
"""The same for one that is not at the usual angles, as digital screens of small cells are."""
_OWN = 0.4
"""Least share of the power of the clear peaks in the screens' first order: dots blurred by optics have it there."""
_EXPLAINED = 0.6
"""Least share of the power of the clear peaks that the screens of a print and their beats must explain."""


@dataclass(frozen=True, slots=True)
class HalftoneScreen:
    """One screen of dots, as it lies on the scan."""

    ink: str
    """``cyan``, ``magenta``, ``yellow`` or ``black`` where the channels tell, else ``unknown``."""
    period_px: float
    """Distance of the screen's lines in pixels of the picture."""
    angle_deg: float
    """Of the lines' normal, from the rows of the picture towards its columns (clockwise as seen), in [0, 90)."""
    lpi: float | None
    """Lines per inch, where the resolution of the picture is known."""
    prominence: float
    """Natural logarithm of the power of its peaks over the power around them, in the third of the windows where they
    are clearest: 2 and less is noise, 5 and more is plain to see."""

    @property
    def frequency(self) -> tuple[float, float]:
        """Cycles per pixel along x and y of one of the two families of lines."""
        angle = math.radians(self.angle_deg)
        return math.cos(angle) / self.period_px, math.sin(angle) / self.period_px


@dataclass(frozen=True, slots=True)
class _Peak:
    fx: float
    fy: float
    prominence: float

    @property
    def length(self) -> float:
        return math.hypot(self.fx, self.fy)

    @property
    def angle_deg(self) -> float:
        angle = math.degrees(math.atan2(self.fy, self.fx)) % 90
        return 0.0 if angle >= 90 else angle


@dataclass(frozen=True, slots=True, eq=False)
class _Spectra:
    """Averaged spectra of the windows, per channel: how far each frequency and its quarter turn stand out."""

    prominence: Plane
    """(channels, side, side), origin in the middle, mean of the clearest windows."""
    power: Plane
    """(side, side): mean power over all windows, of the channel that has most, of a frequency and its quarter turn."""
    tones: float
    """Standard deviation of the picture without its finest detail, in linear light of 1."""
    chroma: float
    """Standard deviation of the differences of the channels, each over its own mean, at the same resolution."""
    windows: list[Plane]
    """The windows themselves, (side, side, channels) linear light."""

    @property
    def side(self) -> int:
        return self.prominence.shape[1]


def find_screens(picture: Samples, dpi: float | None = None, lpi: float | None = None) -> tuple[HalftoneScreen, ...]:
    """Return the screens a printed picture was made with, clearest first.

    Args:
        picture: (H, W, 3) RGB or (H, W) grey, uint8 or uint16, sRGB-like.
        dpi: Resolution of the scan, if known: the screens then say their lines per inch.
        lpi: What the user says the ruling is; with ``dpi`` it lowers what is asked of a peak near it, and a single
            screen may lie at any angle.

    Returns:
        The screens, one for each ink whose peaks were found; empty where the picture is not screened or is too small
        to tell (under 96 pixels).
    """
    spectra = _spectra(picture)
    if spectra is None:
        return ()
    hint = lpi / dpi if lpi and dpi else None
    peaks = _merged([peak for plane in spectra.prominence for peak in _peaks(plane, _WEAK)], spectra.side)
    ruling = _ruling(peaks, hint, spectra)
    if not ruling:
        return ()
    chosen = _without_neighbours(ruling)
    inks = name_inks([(peak.fx, peak.fy) for peak in chosen], spectra.windows)
    found = [
        HalftoneScreen(ink, 1 / peak.length, peak.angle_deg, dpi * peak.length if dpi else None, peak.prominence)
        for ink, peak in zip(inks, chosen, strict=True)
    ]
    return tuple(sorted(found, key=lambda screen: -screen.prominence))


# --- windows ------------------------------------------------------------------------------------------------------


def _spectra(picture: Samples) -> _Spectra | None:
    height, width = picture.shape[:2]
    side = min(_WINDOW_PX, height, width) // 16 * 16
    if side < _LEAST_WINDOW_PX:
        return None
    colour = picture if picture.ndim == 3 else picture[:, :, None]
    windows, excess, means = [], [], []
    power: Plane = np.zeros((side, side), np.float32)
    hann = np.hanning(side + 1)[:side].astype(np.float32)
    taper = np.outer(hann, hann)[:, :, None]
    for y in _starts(height, side):
        for x in _starts(width, side):
            window = linear_light(colour[y : y + side, x : x + side])
            windows.append(window)
            means.append(cv2.resize(window, (8, 8), interpolation=cv2.INTER_AREA).reshape(64, -1))
            spectrum = _power((window - window.mean(axis=(0, 1))) * taper)
            excess.append(_pairs(_excess(spectrum)))
            power += _pairs(spectrum).max(axis=0)
    clearest = max(len(excess) // 3, 1)
    stack = np.stack(excess)
    stack.partition(len(excess) - clearest, axis=0)
    tones = np.concatenate(means)
    relative = tones / (tones.mean(axis=0) + 1e-6) * tones.mean()
    chroma = float((relative - relative.mean(axis=1, keepdims=True)).std())
    prominence = stack[len(excess) - clearest :].mean(axis=0)
    return _Spectra(prominence, power / np.float32(len(windows)), float(tones.std(axis=0).max()), chroma, windows)


def _starts(length: int, side: int) -> list[int]:
    count = min(_GRID, math.ceil(length / side))
    return [round(index * (length - side) / max(count - 1, 1)) for index in range(count)]


def _power(window: Plane) -> Plane:
    """Return the power spectrum of each channel, (channels, side, side), origin in the middle."""
    spectrum = np.fft.fftshift(np.fft.fft2(np.moveaxis(window, 2, 0), axes=(1, 2)), axes=(1, 2))
    return (spectrum.real**2 + spectrum.imag**2).astype(np.float32)


def _excess(power: Plane) -> Plane:
    """Return the logarithm of the power less its mean around each frequency, same shape."""
    side = power.shape[1]
    log = np.log(power + np.float32(_FLOOR * side**2))
    reach = max(side // 20, 4) * 2 + 1
    return np.stack([plane - cv2.blur(plane, (reach, reach), borderType=cv2.BORDER_REFLECT_101) for plane in log])


def _pairs(spectrum: Plane) -> Plane:
    """Return the lesser power of each frequency and its quarter turn."""
    side = spectrum.shape[1]
    back = (-np.arange(side)) % side
    turned = spectrum.transpose(0, 2, 1)[:, :, back]
    return np.minimum(spectrum, turned)


# --- peaks --------------------------------------------------------------------------------------------------------


def _peaks(plane: Plane, least: float) -> list[_Peak]:
    """Return local maxima in the half plane fx > 0, fy >= 0 (every square lattice has one there), clearest first."""
    side = plane.shape[0]
    middle = side // 2
    highest = cv2.dilate(plane, np.ones((5, 5), np.uint8))
    ys, xs = np.nonzero((plane >= highest) & (plane > least))
    found = []
    for y, x in zip(ys.tolist(), xs.tolist(), strict=True):
        fx, fy = (x - middle) / side, (y - middle) / side
        length = math.hypot(fx, fy)
        if fx <= 0 or fy < -0.5 / side or not 1 / _LONGEST_SEEN_PX <= length <= 1 / SHORTEST_PERIOD_PX:
            continue
        if _on_grid(fx, fy, side):
            continue
        dx, dy = _between(plane, y, x)
        found.append(_Peak(fx + dx / side, fy + dy / side, float(plane[y, x])))
    return sorted(found, key=lambda peak: -peak.prominence)[:_MOST_PEAKS]


def _on_grid(fx: float, fy: float, side: int) -> bool:
    """Whether a frequency is one of the 8 x 8 (or finer) blocks of JPEG and video, or of doubled pixels."""
    near = 1.6 / side
    return all(abs(f * 8 - round(f * 8)) < 8 * near for f in (fx, fy))


def _between(plane: Plane, y: int, x: int) -> tuple[float, float]:
    """Return where the top lies between the bins, along x and y."""
    side = plane.shape[0]
    left, right = plane[y, (x - 1) % side], plane[y, (x + 1) % side]
    above, below = plane[(y - 1) % side, x], plane[(y + 1) % side, x]
    here = float(plane[y, x])
    return parabola_vertex(float(left), here, float(right)), parabola_vertex(float(above), here, float(below))


def _merged(peaks: list[_Peak], side: int) -> list[_Peak]:
    """Return the peaks of all channels, those at one place once."""
    kept: list[_Peak] = []
    for peak in sorted(peaks, key=lambda peak: -peak.prominence):
        if all(_distance(peak, other) > 3.0 / side for other in kept):
            kept.append(peak)
    return kept


def _distance(one: _Peak, other: _Peak) -> float:
    """Return the distance of two lattices: the least over the quarter turns."""
    turns = ((other.fx, other.fy), (-other.fy, other.fx), (other.fy, -other.fx), (-other.fx, -other.fy))
    return min(math.hypot(one.fx - fx, one.fy - fy) for fx, fy in turns)


def _ruling(peaks: list[_Peak], hint: float | None, spectra: _Spectra) -> list[_Peak]:
    """Return the peaks that are the inks of one print; empty where they are none."""
    near = 2.0 / spectra.side
    slowest = max(1 / LONGEST_PERIOD_PX, _LEAST_LINES / spectra.side)
    roots = [peak for peak in peaks if not _is_harmonic(peak, peaks, near)]
    best: list[_Peak] = []
    for first in roots:
        hinted = hint is not None and abs(first.length / hint - 1) < _HINT_RANGE
        if first.prominence < (_HINTED if hinted else _PROMINENCE) or first.length < slowest:
            continue
        group = [first, *(peak for peak in roots if peak is not first and _goes_with(peak, first, spectra))]
        group = _without_neighbours(group)
        if _strength(group, spectra) > _strength(best, spectra) and _is_print(group, hinted, peaks, spectra):
            best = group
    return best


def _goes_with(peak: _Peak, first: _Peak, spectra: _Spectra) -> bool:
    """Whether a peak can be another ink of the print whose clearest screen is ``first``."""
    if abs(peak.length / first.length - 1) >= _SAME_RULING:
        return False
    steps = (peak.angle_deg - first.angle_deg) / _STEP_DEG
    usual = abs(steps - round(steps)) * _STEP_DEG < _STEP_OFF_DEG
    if not usual and peak.prominence < _PROMINENCE:
        return False
    share = math.sqrt(_strength([peak], spectra) / _strength([first], spectra))
    # The strongest of a print is its first: the others are measured by it.
    return (_ALIKE if usual else _ALIKE_ELSEWHERE) <= share <= 1


def _is_harmonic(peak: _Peak, peaks: Sequence[_Peak], near: float) -> bool:
    """Whether a peak is a whole multiple, along both lines, of another lattice that stands out at least nearly so."""
    for base in peaks:
        if base.length > 0.75 * peak.length or base.prominence < 0.6 * peak.prominence:
            continue
        # The position of the peak in units of the lattice of the base.
        u = (peak.fx * base.fx + peak.fy * base.fy) / base.length**2
        v = (peak.fy * base.fx - peak.fx * base.fy) / base.length**2
        if max(abs(u), abs(v)) < 3.5 and math.hypot(u - round(u), v - round(v)) * base.length < near:
            return True
    return False


def _strength(group: Sequence[_Peak], spectra: _Spectra) -> float:
    """Return the sum of the power of the peaks."""
    middle = spectra.side // 2
    bins = [(round(peak.fy * spectra.side) + middle, round(peak.fx * spectra.side) + middle) for peak in group]
    return sum(float(spectra.power[y % spectra.side, x % spectra.side]) for y, x in bins)


def _without_neighbours(group: Sequence[_Peak]) -> list[_Peak]:
    """Return at most four peaks whose angles are apart, the first ones."""
    kept: list[_Peak] = []
    for peak in group:
        turns = (abs((peak.angle_deg - other.angle_deg + 45) % 90 - 45) for other in kept)
        if all(turn > _APART_DEG for turn in turns):
            kept.append(peak)
    return kept[:4]


def _is_print(group: Sequence[_Peak], hinted: bool, peaks: Sequence[_Peak], spectra: _Spectra) -> bool:
    """Whether this is a print and not a textile, a chess board or a wall of lamps."""
    if not hinted and not _explained(group, peaks, spectra):
        return False
    if np.max(amplitudes((group[0].fx, group[0].fy), spectra.windows)) < _LEAST_CONTRAST:
        return False
    if hinted:
        return True
    clear = [peak for peak in group if peak.prominence >= _PROMINENCE - 1]
    if len(clear) >= 2:
        return True
    off_axis = min(group[0].angle_deg, 90 - group[0].angle_deg)
    return off_axis >= _OFF_AXIS_DEG and spectra.tones > _LEAST_TONES and spectra.chroma < _MOST_CHROMA


def _explained(group: Sequence[_Peak], peaks: Sequence[_Peak], spectra: _Spectra) -> bool:
    """Whether the screens hold most of the power of all clear peaks, and with their multiples and beats nearly all."""
    near = 2.0 / spectra.side
    beats = lattice_frequencies([((peak.fx, peak.fy), (-peak.fy, peak.fx)) for peak in group])
    clear = [peak for peak in peaks if peak.prominence >= _PROMINENCE]
    hits = [
        peak
        for peak in clear
        if any(length((peak.fx - sign * fx, peak.fy - sign * fy)) < near for fx, fy in beats for sign in (1, -1))
    ]
    power = max(_strength(clear, spectra), 1e-12)
    return _strength(hits, spectra) >= _EXPLAINED * power and _strength(group, spectra) >= _OWN * power
