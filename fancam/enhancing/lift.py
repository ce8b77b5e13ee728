"""Opens the shadows of a print: a curve in linear light that keeps black, highlights and hue, and does not raise noise.

It works on the finished print. So everything that compares the print with the camera's picture (colours, faces, the
map of what was measured) compares pictures of one brightness, the networks see the brightness that they were trained
on, and noise and a coder's steps are taken out before their contrast would rise.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import numpy.typing as npt

from fancam.enhancing.colour import from_linear, to_linear
from fancam.enhancing.work import EnhanceJob
from fancam.geometry import Box, strips
from fancam.media import Samples
from fancam.results import Enhanced

Floats = npt.NDArray[np.float32]

FACE_TARGET = 0.08
"""Share of white, in linear light, that ``auto`` raises the middle of a face to: what dark skin reflects in good light
(5 to 10 %; fair skin 30 to 40 %). A face that bright is dark because it is, or bright enough, and is left alone."""
MOST_AUTO_STOPS = 1.0
LEAST_AUTO_STOPS = 0.1

_BLACK_STOPS, _FULL_STOPS, _SHADOW_STOPS = -10.0, -6.5, -3.5
"""Below white: nothing is raised up to the first (3 of 255 levels in sRGB), all of it between the second and the third
(28 and 83 levels), and less and less from there to white. The curve stays monotone up to 2.3 stops: its slope against
the logarithm of light is 1 - 1.5 / 3.5 of the stops where it is least."""
_NOISE_LEVELS = np.float32(3.0)
"""What differs from its surroundings by less is not raised in contrast, and what differs by twice as much is."""
_SURROUNDINGS_PX = 2
_BAND_ROWS = 256
_RED, _GREEN, _BLUE = (np.float32(weight) for weight in (0.2126, 0.7152, 0.0722))
"""ITU-R BT.709, item 3.2."""
_TABLE = np.linspace(0, 1, 4096, dtype=np.float32)


def lift_print(job: EnhanceJob, made: Enhanced) -> Enhanced:
    """Return a print with its shadows opened by as much as was asked for, and how much that was; itself where nothing.

    Args:
        job: The picture, with its settings and faces.
        made: Its print.
    """
    if job.clean.lift == "auto":
        height, width = made.pixels.shape[:2]
        face = job.faces[0].box.shown_in(job.request.box, width, height) if job.faces else None
        stops = stops_for_face(made.pixels, face)
    else:
        stops = job.clean.lift_stops
    if stops == 0:
        return made
    return dataclasses.replace(made, pixels=lift_shadows(made.pixels, stops), lift_stops=stops)


def stops_for_face(pixels: Samples, face: Box | None) -> float:
    """Return by how many stops ``auto`` opens the shadows of a print: none where the face is bright enough.

    Args:
        pixels: (H, W, 3) RGB, 8 or 16 bits: the print.
        face: In pixels of the print; None where there is none.

    Returns:
        0, or from ``LEAST_AUTO_STOPS`` to ``MOST_AUTO_STOPS``.
    """
    light = face_light(pixels, face)
    if light is None:
        return 0.0
    stops = min(math.log2(FACE_TARGET / max(light, 1e-4)), MOST_AUTO_STOPS)
    return round(stops, 2) if stops >= LEAST_AUTO_STOPS else 0.0


def face_light(pixels: Samples, face: Box | None) -> float | None:
    """Return the median luminance of the middle of a face, 1 for white; None where there is no face in the print."""
    if face is None:
        return None
    height, width = pixels.shape[:2]
    centre_x, centre_y = face.centre
    middle = Box(
        centre_x - face.width / 3, centre_y - face.height / 3, centre_x + face.width / 3, centre_y + face.height / 3
    ).clipped(width, height)
    part = pixels[math.floor(middle.y0) : math.ceil(middle.y1), math.floor(middle.x0) : math.ceil(middle.x1)]
    if part.size == 0:
        return None
    return float(np.median(_weighted(to_linear(_unit(part)))))


def lift_shadows(pixels: Samples, stops: float) -> Samples:
    """Return a print with its shadows opened.

    All three channels of a pixel are multiplied by one gain in linear light, which keeps their hue; that of its
    luminance, or of its brightest channel where that is less, so that no channel is driven beyond white. What a pixel
    differs from its surroundings within the noise is laid over the result as it was.

    Args:
        pixels: (H, W, 3) RGB, 8 or 16 bits, read as sRGB.
        stops: By which the shadows are opened, 0 to 2.

    Returns:
        The same shape, with 16 bits: opened shadows have no room between 8-bit levels.
    """
    result = np.empty(pixels.shape, np.uint16)
    gains = _gains(stops)
    for rows, around in strips(pixels.shape[0], _BAND_ROWS, _SURROUNDINGS_PX):
        encoded = _unit(pixels[around])
        noise = _noise(encoded)
        cut = slice(rows.start - around.start, rows.stop - around.start)
        noise, encoded = noise[cut], encoded[cut]
        light = to_linear(np.clip(encoded - noise, 0, 1))
        luminance, brightest = (from_linear(one) for one in (_weighted(light), light.max(axis=-1)))
        gain = np.minimum(np.interp(luminance, _TABLE, gains), np.interp(brightest, _TABLE, gains))
        opened = from_linear(light * gain[..., None].astype(np.float32)) + np.minimum(noise, encoded)
        result[rows] = np.rint(np.clip(opened, 0, 1) * 65535).astype(np.uint16)
    return result


def _weighted(rgb: Floats) -> Floats:
    mean: Floats = rgb[..., 0] * _RED + rgb[..., 1] * _GREEN + rgb[..., 2] * _BLUE
    return mean


def _unit(pixels: Samples) -> Floats:
    return pixels.astype(np.float32) * np.float32(1 / np.iinfo(pixels.dtype).max)


def _gains(stops: float) -> Floats:
    """Return the gain of linear light for each encoded brightness of the table."""
    below_white = np.log2(np.maximum(to_linear(_TABLE), 1e-6))
    opens = _smoothstep((below_white - _BLACK_STOPS) / (_FULL_STOPS - _BLACK_STOPS))
    closes = _smoothstep(below_white / _SHADOW_STOPS)
    return np.exp2(stops * opens * closes).astype(np.float32)


def _smoothstep(share: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
    inside = np.clip(share, 0, 1)
    return inside * inside * (3 - 2 * inside)


def _noise(encoded: Floats) -> Floats:
    """Return what pixels differ from those around them that are alike in luma: from the mean with Tukey's weights."""
    height, width = encoded.shape[:2]
    reach = _SURROUNDINGS_PX
    padded = np.pad(encoded, ((reach, reach), (reach, reach), (0, 0)), mode="edge")
    luma, padded_luma = _weighted(encoded), _weighted(padded)
    scale = np.float32(255) / (2 * _NOISE_LEVELS)
    total, weights = np.zeros_like(encoded), np.zeros_like(luma)
    for down in range(2 * reach + 1):
        for across in range(2 * reach + 1):
            there = np.s_[down : down + height, across : across + width]
            weight = np.square(np.maximum(1 - np.square((padded_luma[there] - luma) * scale), 0))
            total += weight[..., None] * padded[there]
            weights += weight
    return np.asarray(encoded - total / weights[..., None], np.float32)
