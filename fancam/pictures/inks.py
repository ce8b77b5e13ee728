"""Pixels as inks, and how much of them there is."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from fancam.media import Samples

Ink = npt.NDArray[np.uint8]
"""Pixels in the space of a press: (height, width, 4) CMYK with 255 for full ink, (height, width, 3) RGB, or (height,
width) grey."""

_PERCENT = np.rint(np.arange(4 * 255 + 1) / 255 * 100).astype(np.uint16)
"""Percent of ink by the sum of four levels."""
_PATCH_PX = 5
_PERCENTILE = 99.9


def press_image(pixels: Samples) -> Image.Image:
    """Return 8-bit pixels as Pillow holds them; four channels are CMYK."""
    stored = np.ascontiguousarray(pixels)
    if stored.ndim == 3 and stored.shape[2] == 4:
        return Image.frombytes("CMYK", (stored.shape[1], stored.shape[0]), stored.tobytes())
    return Image.fromarray(stored)


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
