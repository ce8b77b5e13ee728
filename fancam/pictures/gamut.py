"""What a press cannot print: colours outside of its gamut, and more ink than a spot may hold."""

from __future__ import annotations

import math
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from fancam.media import Picture, Samples
from fancam.pictures.decode import to_8_bit
from fancam.pictures.press import Ink, Lab, PressProfile, lab_of_press, lab_of_source, quick_to_press

Floats = npt.NDArray[np.floating[Any]]

OUT_OF_GAMUT_DELTA_E = 3.0
"""Colours that a press can print come back within this: their tables and 8 bits were measured to cost up to 2.8, and a
difference of 3 is small in print. LittleCMS' own check (benchmark ``press``) calls every tone darker than ink out of
gamut, more than half of a portrait in a dark suit."""
_BAND_PX = 1 << 18
_MOST_RATIO = 2.1
"""CIEDE2000 is never more than this times the distance in L*a*b*: it stretches a* by 1.5 at most, its rotation term
adds 0.87 times the squares of chroma and hue at most, and all else divides; 1.5 times the root of 1.87 is 2.05."""
_PERCENT = np.rint(np.arange(4 * 255 + 1) / 255 * 100).astype(np.uint16)
"""Percent of ink by the sum of four levels."""
_PATCH_PX = 5
_PERCENTILE = 99.9


def out_of_gamut(
    pixels: Samples,
    source_profile: bytes | None,
    press: PressProfile,
    *,
    black_point: bool = True,
) -> tuple[npt.NDArray[np.bool_], float]:
    """Return where a press cannot print a colour.

    A colour counts as out of gamut when it comes back from the press by more than ``OUT_OF_GAMUT_DELTA_E`` away
    from what was asked for: converted relative colorimetric, so that whatever the press can print comes back but for
    the rounding of its tables. That no ink is as dark as a screen is no loss of colour: with ``black_point`` what is
    asked for is the picture between the white and the black of the press, which is what the conversion aims at then.

    Args:
        pixels: (height, width, 3) RGB, uint8 or uint16.
        source_profile: The profile they are in; sRGB when None.
        press: The profile of the press.
        black_point: Whether the darkest tone of the source may become the darkest of the press; otherwise every tone
            that is darker than ink counts too.

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
        lost = np.linalg.norm(wanted - printed, axis=2) > OUT_OF_GAMUT_DELTA_E / _MOST_RATIO
        lost[lost] = delta_e00(wanted[lost], printed[lost]) > OUT_OF_GAMUT_DELTA_E
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


def total_ink(cmyk: Ink) -> npt.NDArray[np.uint16]:
    """Return the sum of the four inks (total area coverage) of each pixel.

    Args:
        cmyk: (height, width, 4) uint8, 255 for full ink.

    Returns:
        (height, width) uint16 in percent: 0 to 400.
    """
    return np.asarray(_PERCENT[cmyk.sum(axis=2, dtype=np.uint16)])


def most_ink(cmyk: Ink) -> float:
    """Return the most ink that lies on a spot large enough to matter, in percent (0 to 400).

    Ink sets off and dries slowly where there is much of it on an area, not in one pixel: the sums are averaged over 5 x
    5 pixels (0.4 mm at 300 dpi, about four cells of a screen of 150 lpi) and the 99.9th percentile is taken, which
    leaves out sharp specks of noise and JPEG ringing.

    Args:
        cmyk: (height, width, 4) uint8, 255 for full ink.
    """
    sums = cmyk.sum(axis=2, dtype=np.uint16).astype(np.float32)
    smoothed = cv2.blur(sums, (_PATCH_PX, _PATCH_PX), borderType=cv2.BORDER_REFLECT_101)
    return float(np.percentile(smoothed, _PERCENTILE) / 255 * 100)


def delta_e00(lab_a: Floats, lab_b: Floats) -> Floats:
    """Return the CIEDE2000 colour difference; about 1 can just be seen with the colours side by side.

    With kL = kC = kH = 1, after Sharma, Wu & Dalal, "The CIEDE2000 Color-Difference Formula: Implementation Notes,
    Supplementary Test Data, and Mathematical Observations", Color Research & Application 30(1), 2005; the numbers in
    brackets are its equations.

    Args:
        lab_a: (..., 3) float L*a*b*.
        lab_b: (..., 3) float L*a*b*, of a shape that broadcasts with ``lab_a``.

    Returns:
        (...) in the floating type of the arguments, 0 or more.
    """
    l_a, a_a, b_a = (lab_a[..., i] for i in range(3))
    l_b, a_b, b_b = (lab_b[..., i] for i in range(3))
    mean_chroma_7 = ((np.hypot(a_a, b_a) + np.hypot(a_b, b_b)) / 2) ** 7  # (2), (3)
    stretch = 1 + 0.5 * (1 - np.sqrt(mean_chroma_7 / (mean_chroma_7 + 25.0**7)))  # (4), (5)
    chroma_a, chroma_b = np.hypot(a_a * stretch, b_a), np.hypot(a_b * stretch, b_b)  # (6)
    hue_a = np.arctan2(b_a, a_a * stretch) % (2 * math.pi)  # (7)
    hue_b = np.arctan2(b_b, a_b * stretch) % (2 * math.pi)
    grey = chroma_a * chroma_b == 0

    turn = hue_b - hue_a  # (10)
    turn = np.where(turn > math.pi, turn - 2 * math.pi, np.where(turn < -math.pi, turn + 2 * math.pi, turn))
    turn = np.where(grey, 0, turn)
    d_lightness, d_chroma = l_b - l_a, chroma_b - chroma_a  # (8), (9)
    d_hue = 2 * np.sqrt(chroma_a * chroma_b) * np.sin(turn / 2)  # (11)

    lightness, chroma = (l_a + l_b) / 2, (chroma_a + chroma_b) / 2  # (12), (13)
    total = hue_a + hue_b
    apart = np.abs(hue_a - hue_b) > math.pi
    around = np.where(total < 2 * math.pi, total + 2 * math.pi, total - 2 * math.pi)
    hue = np.where(grey, total, np.where(apart, around, total) / 2)  # (14)
    weight = (
        1 - 0.17 * np.cos(hue - math.radians(30)) + 0.24 * np.cos(2 * hue)
        + 0.32 * np.cos(3 * hue + math.radians(6)) - 0.20 * np.cos(4 * hue - math.radians(63))
    )  # (15)  # fmt: skip
    bend = np.exp(-(((np.degrees(hue) - 275) / 25) ** 2)) * math.radians(30)  # (16), in radians
    chroma_7 = chroma**7
    s_lightness = 1 + 0.015 * (lightness - 50) ** 2 / np.sqrt(20 + (lightness - 50) ** 2)  # (18)
    s_chroma, s_hue = 1 + 0.045 * chroma, 1 + 0.015 * chroma * weight  # (19), (20)
    rotation = -2 * np.sqrt(chroma_7 / (chroma_7 + 25.0**7)) * np.sin(2 * bend)  # (17), (21)
    part_l, part_c, part_h = d_lightness / s_lightness, d_chroma / s_chroma, d_hue / s_hue
    squared = part_l**2 + part_c**2 + part_h**2 + rotation * part_c * part_h  # (22)
    return np.asarray(np.sqrt(np.maximum(squared, 0)), np.result_type(lab_a, lab_b))
