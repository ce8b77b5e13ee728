"""Paper: its tint is kept, its texture and what shines through from its back are lightened."""

from __future__ import annotations

import cv2
import numpy as np

from fancam.enhancing.descreen.halftone import Plane, coded, linear_light
from fancam.media import Samples

_BAND_ROWS = 256
_SAMPLE_PX = 1_000_000
_LEAST_LIGHT = 0.55
"""Paper gives back more than half the light: newsprint about 0.6, coated stock 0.85 (ISO 12647-2 and -3)."""
_LEAST_SHARE = 0.04
"""Least share of a picture that is paper: a white shirt or a lamp in a photograph is brighter but not one tone."""
_NARROW = 0.03
"""Half the width of the tone of plain paper, relative to its light."""
_THROUGH = 0.16
"""How much darker than paper, relatively, a grey may be and still be the back of the page shining through: coated paper
of 90 g/m2 has an opacity of about 92 to 94 %, so a solid on its back takes away 6 to 8 % and its texture some more."""
_GREY = 0.035
"""Largest difference of the channels, each over the paper's, of what shines through: paper scatters colours away."""


def lighten_paper(picture: Samples) -> tuple[Samples, str | None]:
    """Return the picture with its paper made even, and a line saying what was done.

    Light tones without colour that are a little darker than the paper are brought to the paper's own tone, in full near
    it and fading out to nothing where ink begins.

    Args:
        picture: (H, W, 3) RGB or (H, W) grey, uint8 or uint16.

    Returns:
        The same size and type, and the line; the picture itself and None where no paper is seen.
    """
    colour = picture if picture.ndim == 3 else picture[:, :, None]
    paper = _paper(colour)
    if paper is None:
        return picture, None
    out = np.empty_like(colour)
    changed = 0
    for top in range(0, colour.shape[0], _BAND_ROWS):
        rows = slice(top, top + _BAND_ROWS)
        light = linear_light(colour[rows])
        share = _share(light / paper)
        out[rows] = np.where(share == 0, colour[rows], coded(light + share * (paper - light), colour.dtype))
        changed += int(np.count_nonzero(share > 0.5))
    percent = 100 * changed / (colour.shape[0] * colour.shape[1])
    return out.reshape(picture.shape), f"paper made even over {percent:.0f} % of the picture"


def _paper(colour: Samples) -> Plane | None:
    """Return the light of the paper per channel; None where no tone is paper."""
    step = max(1, int(np.sqrt(colour.shape[0] * colour.shape[1] / _SAMPLE_PX)))
    sampled = linear_light(colour[::step, ::step])
    light = np.asarray(cv2.GaussianBlur(sampled, (0, 0), 1.0), np.float32).reshape(-1, colour.shape[2])
    brightness = light.mean(axis=1)
    counts, edges = np.histogram(brightness, bins=200, range=(0, 1))
    counts[: int(_LEAST_LIGHT * 200)] = 0
    if counts.max() == 0:
        return None
    top = int(np.argmax(counts))
    tone = (edges[top] + edges[top + 1]) / 2
    near = np.abs(brightness / tone - 1) < _NARROW
    brighter = np.mean(brightness > tone * (1 + _NARROW))
    if near.mean() < _LEAST_SHARE or brighter > 0.02:
        return None
    return np.median(light[near], axis=0).astype(np.float32)


def _share(relative: Plane) -> Plane:
    """Return how far each pixel is brought to the paper, (H, W, 1) in [0, 1]."""
    darker = 1 - relative.mean(axis=2, keepdims=True)
    spread = relative.max(axis=2, keepdims=True) - relative.min(axis=2, keepdims=True)
    fade = np.clip((_THROUGH - darker) / (_THROUGH / 2), 0, 1) * np.clip((_GREY - spread) / (_GREY / 2), 0, 1)
    return np.asarray(fade * (darker > -_THROUGH), np.float32)
