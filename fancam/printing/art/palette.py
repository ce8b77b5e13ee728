"""The colours a picture is made of."""

from __future__ import annotations

import cv2
import numpy as np

from fancam.printing.art.colours import Colour, luminance
from fancam.records import Samples

_SIDE_PX = 64
_ROUNDS = 16


def palette(pixels: Samples, count: int = 5) -> tuple[Colour, ...]:
    """Return the main colours of a picture, from light to dark.

    The means of k-means clusters in CIELAB, started from the colours that lie farthest apart; no chance is involved.

    Args:
        pixels: (height, width, 3) RGB, uint8 or uint16.
        count: How many colours; fewer come back where the picture has fewer.
    """
    height, width = pixels.shape[:2]
    shrink = min(_SIDE_PX / max(height, width), 1.0)
    size = max(round(width * shrink), 1), max(round(height * shrink), 1)
    small = cv2.resize(pixels.astype(np.float32) / np.iinfo(pixels.dtype).max, size, interpolation=cv2.INTER_AREA)
    colours = cv2.cvtColor(small, cv2.COLOR_RGB2LAB).reshape(-1, 3)
    centres = _far_apart(colours, count)
    for _ in range(_ROUNDS):
        nearest = np.argmin(((colours[:, np.newaxis] - centres) ** 2).sum(axis=2), axis=1)
        members = [colours[nearest == index] for index in range(len(centres))]
        centres = np.stack([own.mean(axis=0) if len(own) else old for own, old in zip(members, centres, strict=True)])
    lab = centres.astype(np.float32)[np.newaxis]
    rgb = np.rint(np.clip(cv2.cvtColor(lab, cv2.COLOR_LAB2RGB)[0], 0, 1) * 255).astype(int)
    found = {(int(red), int(green), int(blue)) for red, green, blue in rgb}
    return tuple(sorted(found, key=lambda colour: (-luminance(colour), colour)))


def _far_apart(colours: np.ndarray, count: int) -> np.ndarray:
    """Return the colour nearest to the mean and those that lie farthest from all before them."""
    first = np.argmin(((colours - colours.mean(axis=0)) ** 2).sum(axis=1))
    chosen = [colours[first]]
    distance = ((colours - chosen[0]) ** 2).sum(axis=1)
    while len(chosen) < count and distance.max() > 4:  # two units of CIELAB are hardly two colours
        chosen.append(colours[np.argmax(distance)])
        distance = np.minimum(distance, ((colours - chosen[-1]) ** 2).sum(axis=1))
    return np.stack(chosen)
