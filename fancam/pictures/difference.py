"""How far two colours are apart to the eye."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating[Any]]


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
