"""Which colours of a picture a press cannot print."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from fancam.media import Picture, Samples
from fancam.pictures.decode import to_8_bit
from fancam.pictures.difference import delta_e00
from fancam.pictures.press import Lab, PressProfile, lab_of_press, lab_of_source, quick_to_press

OUT_OF_GAMUT_DELTA_E = 3.0
"""Colours that a press can print come back within this: their tables and 8 bits were measured to cost up to 2.8, and a
difference of 3 is small in print. LittleCMS' own check (benchmark ``press``) calls every tone darker than ink out of
gamut, more than half of a portrait in a dark suit."""
_BAND_PX = 1 << 18
_MOST_RATIO = 2.1
"""CIEDE2000 is never more than this times the distance in L*a*b*: it stretches a* by 1.5 at most, its rotation term
adds 0.87 times the squares of chroma and hue at most, and all else divides; 1.5 times the root of 1.87 is 2.05."""


def out_of_gamut(
    pixels: Samples,
    source_profile: bytes | None,
    press: PressProfile,
    *,
    black_point: bool = True,
    least_delta_e: float = OUT_OF_GAMUT_DELTA_E,
) -> tuple[npt.NDArray[np.bool_], float]:
    """Return where a press cannot print a colour.

    A colour counts as out of gamut when it comes back from the press by more than ``least_delta_e`` (CIEDE2000) away
    from what was asked for: converted relative colorimetric, so that whatever the press can print comes back but for
    the rounding of its tables. That no ink is as dark as a screen is no loss of colour: with ``black_point`` what is
    asked for is the picture between the white and the black of the press, which is what the conversion aims at then.

    Args:
        pixels: (height, width, 3) RGB, uint8 or uint16.
        source_profile: The profile they are in; sRGB when None.
        press: The profile of the press.
        black_point: Whether the darkest tone of the source may become the darkest of the press; otherwise every tone
            that is darker than ink counts too.
        least_delta_e: What counts as another colour.

    Returns:
        (height, width) bool, and the share of it that is true, in [0, 1].

    Raises:
        ProfileError: As ``to_press`` does.
    """
    height, width = pixels.shape[:2]
    mask = np.zeros((height, width), np.bool_)
    scale = _black_scale(source_profile, press) if black_point else None
    step = max(_BAND_PX // max(width, 1), 1)
    for y in range(0, height, step):
        band = to_8_bit(pixels[y : y + step])
        colours, places = _distinct(band)
        ink = quick_to_press(colours, source_profile, press, black_point=black_point)
        wanted, printed = lab_of_source(colours, source_profile), lab_of_press(ink, press)
        if scale is not None:
            wanted = _scaled(wanted, *scale)
        lost = np.linalg.norm(wanted - printed, axis=2) > least_delta_e / _MOST_RATIO
        lost[lost] = delta_e00(wanted[lost], printed[lost]) > least_delta_e
        mask[y : y + step] = lost[0][places].reshape(band.shape[:2])
    return mask, float(np.count_nonzero(mask) / max(mask.size, 1))


def _distinct(band: Picture) -> tuple[Picture, npt.NDArray[np.intp]]:
    """Return the colours of a picture, each once in a row, and which of them each pixel has."""
    packed = band.astype(np.uint32) @ np.array([1 << 16, 1 << 8, 1], np.uint32)
    found, places = np.unique(packed, return_inverse=True)
    colours = np.stack([found >> 16, found >> 8 & 255, found & 255], axis=-1).astype(np.uint8)
    return colours[None], places


def _black_scale(source_profile: bytes | None, press: PressProfile) -> tuple[float, float]:
    """Return factor and summand that take the black of the source to that of the press, of XYZ over that of white.

    ISO 18619:2015, 4.2: a straight line through the white points and through the black points.
    """
    black = np.zeros((1, 1, 3), np.uint8)
    ink = quick_to_press(black, source_profile, press, black_point=True)
    looks = lab_of_source(black, source_profile), lab_of_press(ink, press)
    first, last = (_luminance(float(lab[0, 0, 0])) for lab in looks)
    factor = (1 - last) / (1 - first)
    return factor, 1 - factor


def _luminance(lightness: float) -> float:
    """Return Y over that of white (CIE 15:2004, 8.2.1)."""
    root = (lightness + 16) / 116
    return root**3 if root > 6 / 29 else 3 * (6 / 29) ** 2 * (root - 4 / 29)


def _scaled(lab: Lab, factor: float, summand: float) -> Lab:
    """Return L*a*b* after XYZ over that of white was multiplied and added to."""
    root = np.empty_like(lab)  # of X, Y and Z; CIE 15:2004, 8.2.1, and back
    root[..., 1] = (lab[..., 0] + 16) / 116
    root[..., 0] = root[..., 1] + lab[..., 1] / 500
    root[..., 2] = root[..., 1] - lab[..., 2] / 200
    ratio = np.where(root > 6 / 29, root**3, 3 * (6 / 29) ** 2 * (root - 4 / 29)) * factor + summand
    root = np.where(ratio > (6 / 29) ** 3, np.cbrt(ratio), ratio * ((29 / 6) ** 2 / 3) + 4 / 29)
    x, y, z = root[..., 0], root[..., 1], root[..., 2]
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1).astype(np.float32, copy=False)
