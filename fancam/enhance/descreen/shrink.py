"""Smooths what drawing the dots has left: noise whose strength is seen beside the picture's own frequencies.

Once the dots are gone a tile still has the errors of the drawing, the detail that fell between the dots, JPEG and
noise. Their power is nearly the same at all frequencies up to that of the screen, where the picture has next to
nothing left: so each small window shows at the screen's frequency how strong they are in it, and every coefficient that
does not stand out of that is shrunk, more in the colours than in the light, for the eye has its detail in the light.

Source: shrinking blocks of neighbouring coefficients, Cai 1999 and Yu, Mallat and Bacry 2008; overlapping windows as in
Coifman and Donoho 1995 (translation-invariant).
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

Plane = npt.NDArray[np.float32]

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
of four photographs of a tuning set, printed at 133, 150 and 175 lpi (``benchmarks/_screens.py``)."""
_SLOW = (0.35, 0.65)
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
    slow = power[:, (rho > _SLOW[0]) & (rho < _SLOW[1])].mean(axis=1)
    least = float(np.quantile(slow, 0.25))
    share = np.clip(least / (_CALM_SHARE * table[0]), _CALMEST, 1)
    general = np.interp(rho, _AT, np.array(table) * share ** np.array(_CALM_AT))
    found = _PEAKS * power[slow <= least].mean(axis=0)
    return np.where(rho > _SLOW[1], np.maximum(general, found), general).astype(np.float32)


def _blocks(power: Plane) -> Plane:
    """Mean over 3 x 3 neighbouring frequencies of half spectra (windows, side, side // 2 + 1)."""
    columns = (power + np.roll(power, 1, axis=1) + np.roll(power, -1, axis=1)) / 3
    wide = np.concatenate([columns[:, :, 1:2], columns, columns[:, :, -2:-1]], axis=2)
    return np.asarray((wide[:, :, :-2] + wide[:, :, 1:-1] + wide[:, :, 2:]) / 3, np.float32)


def _mirrored(plane: Plane, margin: int, shape: tuple[int, int]) -> Plane:
    """The plane with mirrored borders, as large as ``shape``; any margin, however small the plane."""
    after = [total - margin - here for total, here in zip(shape, plane.shape, strict=True)]
    return np.pad(plane, [(margin, after[0]), (margin, after[1])], mode="symmetric")
