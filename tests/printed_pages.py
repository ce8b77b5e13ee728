"""Printing and scanning by the book: what a page scanner sees of a photograph printed in four inks.

A photograph is separated into cyan, magenta, yellow and black; every ink is screened on its own with dots that grow
with the tone (amplitude modulated); the inks lie over each other on tinted paper, each a filter for the light that
passes it; a scanner blurs, samples and adds noise; JPEG closes the chain. The *truth* is the same page printed without
dots, every ink as a tint of the same coverage, seen by the same optics without noise and without JPEG. For screens that
do not depend on each other the mean light of the dots is that of the tints (Demichel 1924, Neugebauer 1937), so truth
and scan have the same tones, and what differs is the screen.

Sources: solid inks and paper after the sRGB values usually given for ISO 12647-2 coated stock (FOGRA39); the angles
15, 75, 0 and 45 degrees are the classic set of offset printing; the spot functions are those of PostScript ("Round"
and the cosine, also called Euclidean, PostScript Language Reference, 3rd edition, 6.5).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from fancam.media import Picture
from tests.figures import compressed

Plane = npt.NDArray[np.float32]

INKS = ("cyan", "magenta", "yellow", "black")
CLASSIC_ANGLES_DEG = {"cyan": 15.0, "magenta": 75.0, "yellow": 0.0, "black": 45.0}
SOLIDS = np.array(
    [[0.02, 0.34, 0.745], [0.79, 0.02, 0.21], [0.98, 0.847, 0.02], [0.015, 0.015, 0.015]],
    np.float32,
)
"""Share of the red, green and blue light that comes back through a solid of each ink, on ideal white paper."""
PAPER = np.array([0.90, 0.88, 0.82], np.float32)
"""Linear reflectance of the paper in red, green and blue."""
_FINE = 4
"""Imagesetter pixels per scan pixel and axis: 2400 dpi for a scan at 600."""
_BAND = 128


@dataclass(frozen=True, slots=True)
class Printing:
    """How a page is printed and scanned."""

    lpi: float = 150.0
    dpi: float = 600.0
    page_angle_deg: float = 0.0
    """The page turned on the glass; it turns all screens alike."""
    inks: tuple[str, ...] = INKS
    spot: str = "cosine"
    """``cosine`` or ``round``."""
    dot_gain: float = 0.08
    """What is added to a tint of one half."""
    misregistration_px: float = 0.4
    """Largest shift of an ink along an axis, in scan pixels."""
    optics_px: float = 0.55
    """Standard deviation of the scanner's (and the paper's) blur in scan pixels."""
    noise: float = 0.8
    """Standard deviation in levels of 255, after coding."""
    jpeg_quality: int | None = 90
    seed: int = 0

    @property
    def period_px(self) -> float:
        """Distance of the screen's lines in scan pixels."""
        return self.dpi / self.lpi

    def angle_deg(self, ink: str) -> float:
        """Angle of this ink's screen on the scan, in [0, 90)."""
        return (CLASSIC_ANGLES_DEG[ink] + self.page_angle_deg) % 90


@dataclass(frozen=True, slots=True, eq=False)
class Scan:
    """What comes off the scanner, and what would have without dots."""

    printing: Printing
    pixels: Picture
    truth: Picture


def printed_and_scanned(photograph: Picture, printing: Printing) -> Scan:
    """Print a photograph at one photograph pixel per scan pixel, and scan it.

    Args:
        photograph: (H, W, 3) RGB.
        printing: How; the same values give the same bytes.
    """
    rng = np.random.default_rng(printing.seed)
    tints = _separated(photograph, printing)
    shifts = rng.uniform(-1, 1, (len(INKS), 2)) * printing.misregistration_px
    shifts[INKS.index("black")] = 0
    phases = rng.uniform(0, 1, (len(INKS), 2))
    tints = np.stack([_shifted(tint, shift) for tint, shift in zip(tints, shifts, strict=True)])
    dots = _dots(tints, printing, phases)
    smooth = np.broadcast_to(PAPER, (*photograph.shape[:2], 3)).copy()
    for tint, solid in zip(tints, SOLIDS, strict=True):
        smooth *= 1 - tint[:, :, None] * (1 - solid)
    noise = rng.normal(0, printing.noise, photograph.shape)
    pixels = _levels(_coded(_seen(dots, printing)) + noise)
    if printing.jpeg_quality is not None:
        pixels = compressed(pixels, printing.jpeg_quality)
    return Scan(printing, pixels, _levels(_coded(_seen(smooth, printing))))


def card_page(photograph: Picture, margin_px: int = 140) -> Picture:
    """Return a card to print: a photograph with light paper around it, which darkens a little to one corner."""
    height, width = photograph.shape[0] + 2 * margin_px, photograph.shape[1] + 2 * margin_px
    down = np.linspace(0, 0.5, height)[:, None] + np.linspace(0, 0.5, width)[None]
    page = np.stack([tone + change * down for tone, change in ((225, -14), (222, -6), (214, 6))], axis=2)
    page = np.rint(page).astype(np.uint8)
    page[margin_px : height - margin_px, margin_px : width - margin_px] = photograph
    return page


def photographed(scan: Scan, *, seed: int, blur_px: float = 0.8, noise: float = 1.2, quality: int = 92) -> Scan:
    """Return what a phone sees of a page: not quite from the front, through its lens, with its noise and its JPEG.

    The corners are up to 0.4 % of the width off: over a whole page of 4000 pixels that is a phone held 2 % askew.
    """
    height, width = scan.pixels.shape[:2]
    rng = np.random.default_rng(seed)
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    moved = corners + rng.uniform(-0.004, 0.004, (4, 2)).astype(np.float32) * width
    turn = cv2.getPerspectiveTransform(corners, moved)

    def seen(picture: Picture) -> Plane:
        flat = cv2.warpPerspective(
            picture, turn, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT
        )  # fmt: skip
        return np.asarray(cv2.GaussianBlur(flat.astype(np.float32), (0, 0), blur_px), np.float32)

    pixels = compressed(_levels(seen(scan.pixels) + rng.normal(0, noise, scan.pixels.shape)), quality)
    return Scan(scan.printing, pixels, _levels(seen(scan.truth)))


def periodic_levels(picture: Picture, truth: Picture) -> float | None:
    """Return the amplitude of the strongest regular pattern that a picture has on flat areas and the truth has not.

    Of the mean amplitude spectrum of windows, so that noise, whose waves differ from window to window, counts little.

    Returns:
        In levels of 255; None where less than four windows of the truth are flat.
    """
    side, spectra = 96, []
    hann = np.hanning(side + 1)[:side]
    taper = np.outer(hann, hann)
    high, wide = truth.shape[:2]
    for y in range(side // 4, high - side - side // 4, side // 2):
        for x in range(side // 4, wide - side - side // 4, side // 2):
            part = np.s_[y : y + side, x : x + side]
            light = truth[part].astype(np.float32).mean(axis=2)
            if np.std(light - cv2.GaussianBlur(light, (0, 0), 12)) > 1 or not 20 < light.mean() < 250:
                continue
            error = picture[part].astype(np.float32).mean(axis=2) - light
            spectra.append(2 * np.abs(np.fft.fft2((error - error.mean()) * taper)) / taper.sum())
    if len(spectra) < 4:
        return None
    rate = np.hypot(np.fft.fftfreq(side)[:, None], np.fft.fftfreq(side)[None])
    return float(np.mean(spectra, axis=0)[rate > 3 / side].max())


def linear(picture: npt.NDArray[np.uint8]) -> Plane:
    """Linear light of 8-bit sRGB (IEC 61966-2-1), in [0, 1]."""
    value = np.arange(256) / 255
    table = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4).astype(np.float32)
    return table[picture]


def coded_levels(light: Plane) -> Picture:
    """8-bit sRGB of linear light."""
    return _levels(_coded(light))


def _coded(light: Plane) -> Plane:
    """Levels of sRGB in [0, 255] of linear light."""
    light = np.clip(light, 0, 1)
    coded = np.where(light <= 0.0031308, 12.92 * light, 1.055 * np.power(light, 1 / 2.4) - 0.055)
    return np.asarray(255 * coded, np.float32)


def _levels(values: npt.NDArray[np.floating]) -> Picture:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


def _separated(photograph: Picture, printing: Printing) -> Plane:
    """Tints (4, H, W) in [0, 1] of the four inks, with most of the grey in the black (grey component replacement)."""
    light = linear(photograph)
    if printing.inks == ("black",):
        light = np.repeat((light @ np.array([0.2126, 0.7152, 0.0722], np.float32))[:, :, None], 3, axis=2)
        black = 1 - light[:, :, 0]
        return np.stack([np.zeros_like(black)] * 3 + [_gained(black, printing)])
    most = light.max(axis=2)
    black = 0.75 * np.clip((1 - most - 0.25) / 0.75, 0, 1)
    left = light / (1 - black * (1 - SOLIDS[3, 0]))[:, :, None]
    colours = [np.clip((1 - left[:, :, c]) / (1 - SOLIDS[c, c]), 0, 1) for c in range(3)]
    tints = np.stack([*colours, black])
    wanted = np.array([ink in printing.inks for ink in INKS], np.float32)
    return _gained(tints * wanted[:, None, None], printing)


def _gained(tint: Plane, printing: Printing) -> Plane:
    """Dots spread when they are pressed on: a parabola, nothing at paper and solid."""
    return np.clip(tint + 4 * printing.dot_gain * tint * (1 - tint), 0, 1).astype(np.float32)


def _shifted(plane: Plane, shift: npt.NDArray[np.float64]) -> Plane:
    matrix = np.array([[1, 0, shift[0]], [0, 1, shift[1]]], np.float64)
    size = plane.shape[1], plane.shape[0]
    return np.asarray(cv2.warpAffine(plane, matrix, size, borderMode=cv2.BORDER_REPLICATE), np.float32)


def _dots(tints: Plane, printing: Printing, phases: npt.NDArray[np.float64]) -> Plane:
    """Linear light (H, W, 3) of the screened page, averaged over each scan pixel."""
    height, width = tints.shape[1:]
    out = np.empty((height, width, 3), np.float32)
    ranks = _ranks(printing.spot)
    x = (np.arange(width * _FINE) + 0.5) / _FINE
    for top in range(0, height, _BAND):
        rows = min(_BAND, height - top)
        y = (np.arange(rows * _FINE) + 0.5) / _FINE + top
        light = np.broadcast_to(PAPER, (rows * _FINE, width * _FINE, 3)).copy()
        for index, ink in enumerate(INKS):
            if ink not in printing.inks:
                continue
            threshold = _threshold(x, y, printing, ink, phases[index], ranks)
            fine = np.repeat(np.repeat(tints[index, top : top + rows], _FINE, axis=0), _FINE, axis=1)
            light *= 1 - (fine > threshold)[:, :, None] * (1 - SOLIDS[index])
        size = width, rows
        out[top : top + rows] = cv2.resize(light, size, interpolation=cv2.INTER_AREA)
    return out


def _threshold(
    x: npt.NDArray[np.float64],
    y: npt.NDArray[np.float64],
    printing: Printing,
    ink: str,
    phase: npt.NDArray[np.float64],
    ranks: Plane,
) -> Plane:
    """Tint above which each fine pixel is inked: the rank of the spot function, so that a tint t inks a share t."""
    angle = math.radians(printing.angle_deg(ink))
    along, across = math.cos(angle) / printing.period_px, math.sin(angle) / printing.period_px
    u = (x[None] * along + y[:, None] * across + phase[0]) % 1
    v = (y[:, None] * along - x[None] * across + phase[1]) % 1
    side = ranks.shape[0]
    return ranks[(v * side).astype(np.intp) % side, (u * side).astype(np.intp) % side]


def _ranks(spot: str, side: int = 64) -> Plane:
    """One cell of the screen, (side, side): the share of the cell that is inked before each place."""
    axis = (np.arange(side) + 0.5) / side - 0.5
    u, v = np.meshgrid(axis, axis)
    if spot == "round":
        height = u**2 + v**2
    elif spot == "cosine":
        height = -(np.cos(2 * np.pi * u) + np.cos(2 * np.pi * v))
    else:
        raise ValueError(f"no spot function {spot!r}")
    order = np.argsort(height, axis=None, kind="stable")
    ranks = np.empty(side * side, np.float32)
    ranks[order] = (np.arange(side * side) + 0.5) / (side * side)
    return ranks.reshape(side, side)


def _seen(light: Plane, printing: Printing) -> Plane:
    return np.asarray(cv2.GaussianBlur(light, (0, 0), printing.optics_px), np.float32)
