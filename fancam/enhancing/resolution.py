"""What share of its pixels a picture really holds: an upload may be larger than what the camera saw."""

from __future__ import annotations

import itertools
import math

import cv2
import numpy as np
import numpy.typing as npt

from fancam.enhancing.cleaning.blocks import luma_of
from fancam.geometry import Box
from fancam.media import Samples, middle_of

SHARP_FROM = 0.8
"""From this share of its pixels on a picture counts as sharp: what is measured of sharp pictures falls to this, and
lower where they were coded hard, see ``engine.soft_share``."""
LEAST_EDGE_PX = 64
"""Pixels on edges that are needed to measure anything."""
_EDGE_LEVELS = 4.0
"""Levels of 255 per pixel: an edge rises at least so fast."""
_PROBE_PX = 768
"""Side of the middle part that is measured, of larger regions."""
_LEAST_SIDE_PX = 24
"""Below this there are more borders than picture."""

_BANDS = (0.03, 0.06, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5)
"""Borders of the bands of frequencies, in cycles per pixel."""
_BAND_FLOOR = 0.05
"""Power of the rounding to whole levels, and a little: less is nothing."""
_TRIP = 0.75
"""Size of the round trip, in parts of the picture's."""
_LOSS_FLOOR = 0.003
_BORDER_PX = 4
"""Along the borders the round trip knows too little."""
_WINDOW_PX = 2.0
"""Standard deviation of the Gaussian window that energies are averaged with: an edge and its ringing."""

_WEIGHTS = np.array([0.0815, -0.1459, -0.0890, 0.1697, 0.0082, -0.0864, 0.1191, -0.0133, -0.0519, -0.0366, 0.5923])
_INTERCEPT = 0.6308
"""What ``python -m benchmarks resolution --fit`` finds: ridge regression of the logarithm of the share on ``features``,
of 27 pictures that nothing is reported on, made /1.6 to /4.2 smaller, enlarged from 1 to 3 times by two filters, and
coded at CRF 20 to 32 or not at all."""
_KNEE, _ALL = 0.74, 0.86
"""The regression draws towards the mean, and what it says of sharp pictures lies between these: from the first on it is
stretched, and from the second on all of the picture is in use."""
_MIXED_FROM, _HALF_FROM = 0.45, 0.36
"""Below the first most of the spectrum is empty, and what the picture of half the size says counts as well, rising to
all from the second on: what it says of a picture that half the pixels hold is too low."""

_Plane = npt.NDArray[np.float32]


def measure_resolution(picture: Samples, region: Box | None = None) -> float | None:
    """Return which share of its pixels, along each axis, a picture holds: 1 where it is sharp to the pixel.

    Blind: nothing is known of what was done to the picture. Looked at is where its spectrum ends, in the power of ten
    bands of frequencies and in what edges lose on a round trip through three quarters of the size; see ``features``.

    Args:
        picture: (H, W, 3) RGB, uint8 or uint16.
        region: What is to be measured, a face say, in its pixels; None measures all of it. Of a large one the middle.

    Returns:
        In (0, 1]; None where there are too few edges to tell.
    """
    height, width = picture.shape[:2]
    inside = Box(0, 0, width, height) if region is None else region.clipped(width, height)
    if not inside.area > 0:
        return None
    share = _measured(luma_of(middle_of(picture[inside.as_slices()], _PROBE_PX)))
    return None if share is None else float(np.interp(share, (0, _KNEE, _ALL), (0, _KNEE, 1)))


def is_soft(true_scale: float | None) -> bool:
    """Return whether a picture is known to hold less than its pixels could; not where its share is not known."""
    return true_scale is not None and true_scale < SHARP_FROM


def _measured(luma: _Plane) -> float | None:
    if min(luma.shape) < _LEAST_SIDE_PX or _edge_pixels(luma) < LEAST_EDGE_PX:
        return None
    share = math.exp(float(features(luma) @ _WEIGHTS) + _INTERCEPT)
    if share >= _MIXED_FROM:
        return share
    height, width = luma.shape
    of_half = _measured(np.asarray(cv2.resize(luma, (width // 2, height // 2), interpolation=cv2.INTER_AREA)))
    if of_half is None:
        return share
    counts = min((_MIXED_FROM - share) / (_MIXED_FROM - _HALF_FROM), 1.0)
    return float(share ** (1 - counts) * (of_half / 2) ** counts)


def _edge_pixels(luma: _Plane) -> int:
    smooth = np.asarray(cv2.GaussianBlur(luma, (0, 0), 1.0), np.float32)
    return int(np.count_nonzero(_gradient_energy(smooth) > _EDGE_LEVELS**2))


def _gradient_energy(luma: _Plane) -> _Plane:
    dy, dx = np.gradient(luma)
    return np.asarray(dx * dx + dy * dy, np.float32)


def features(luma: _Plane) -> npt.NDArray[np.float64]:
    """Return what tells where the spectrum of a picture ends: the same for any contrast.

    Args:
        luma: (H, W) in levels of 255, 24 pixels and more a side.

    Returns:
        (11,): the logarithm of the power in each of ten bands of frequencies along rows and columns, less their mean;
        and that of the amplitude that edges lose through three quarters of the size, per gradient.
    """
    power = np.log(_band_powers(luma) + _BAND_FLOOR)
    loss = min(_loss(luma[start:, start:]) for start in (0, 1))  # the smaller grid may lie on what was enlarged, or not
    return np.append(power - power.mean(), math.log(loss + _LOSS_FLOOR))


def _band_powers(luma: _Plane) -> npt.NDArray[np.float64]:
    """Return the mean power in each band, of rows and of columns together."""
    powers = np.zeros(len(_BANDS) - 1)
    for lines in (luma, luma.T):
        length = lines.shape[1]
        centred = lines - lines.mean(axis=1, keepdims=True)
        power = (np.abs(np.fft.rfft(centred * np.hanning(length), axis=1)) ** 2).mean(axis=0) / length
        frequencies = np.fft.rfftfreq(length)
        for number, (low, high) in enumerate(itertools.pairwise(_BANDS)):
            middle = np.argmin(np.abs(frequencies - (low + high) / 2))
            inside = (frequencies >= low) & (frequencies <= high)
            powers[number] += power[inside].mean() if inside.any() else power[middle]
    return powers


def _loss(luma: _Plane) -> float:
    """Return what a round trip loses on edges, per gradient.

    What is lost everywhere alike is noise and the coder's rounding, not detail: of local energies, the loss is
    regressed on the gradient with an intercept, and the slope alone counts.
    """
    height, width = luma.shape
    smaller = cv2.resize(luma, (round(width * _TRIP), round(height * _TRIP)), interpolation=cv2.INTER_AREA)
    lost = luma - cv2.resize(smaller, (width, height), interpolation=cv2.INTER_CUBIC)
    inner = np.s_[_BORDER_PX:-_BORDER_PX, _BORDER_PX:-_BORDER_PX]
    energy, gradient = (
        cv2.GaussianBlur(values, (0, 0), _WINDOW_PX)[inner] for values in (lost * lost, _gradient_energy(luma))
    )
    spread = gradient - gradient.mean(dtype=np.float64)
    slope = float((spread * energy).sum(dtype=np.float64) / max((spread * spread).sum(dtype=np.float64), 1e-9))
    return math.sqrt(max(slope, 0.0))
