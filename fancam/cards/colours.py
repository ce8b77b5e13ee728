"""Colours by name or number, and how they are mixed."""

from __future__ import annotations

import functools
import re

import cv2
import numpy as np
import numpy.typing as npt

from fancam.cards.shapes import Coverage, RoundedBox
from fancam.errors import UsageError, unknown_choice
from fancam.media import Samples

Colour = tuple[int, int, int]
"""Red, green, blue in 0 to 255, sRGB."""

INK: Colour = (20, 20, 22)
"""Dark of outlines and text; not quite black."""
PAPER: Colour = (255, 255, 255)

# The sixteen of HTML 4.01 and a few of CSS Color 4 that card makers ask for.
COLOURS: dict[str, Colour] = {
    "black": (0, 0, 0), "silver": (192, 192, 192), "gray": (128, 128, 128), "grey": (128, 128, 128),
    "white": (255, 255, 255), "maroon": (128, 0, 0), "red": (255, 0, 0), "purple": (128, 0, 128),
    "fuchsia": (255, 0, 255), "green": (0, 128, 0), "lime": (0, 255, 0), "olive": (128, 128, 0),
    "yellow": (255, 255, 0), "navy": (0, 0, 128), "blue": (0, 0, 255), "teal": (0, 128, 128),
    "aqua": (0, 255, 255), "pink": (255, 192, 203), "hotpink": (255, 105, 180), "lavender": (230, 230, 250),
    "ivory": (255, 255, 240), "beige": (245, 245, 220), "gold": (255, 215, 0), "orange": (255, 165, 0),
    "coral": (255, 127, 80), "skyblue": (135, 206, 235), "mintcream": (245, 255, 250), "crimson": (220, 20, 60),
}  # fmt: skip
_HEX = re.compile(r"#([0-9a-f]{3}|[0-9a-f]{6})")


def parse_colour(text: str) -> Colour:
    """Return the colour that a name or a number such as ``#fff`` or ``#1c1c1e`` stands for.

    Returns:
        Red, green and blue in 0 to 255, sRGB.

    Raises:
        UsageError: It is no colour; the nearest name is named.
    """
    wanted = text.strip().lower()
    if wanted in COLOURS:
        return COLOURS[wanted]
    match = _HEX.fullmatch(wanted)
    if match:
        digits = match[1] if len(match[1]) == 6 else "".join(2 * digit for digit in match[1])
        return int(digits[:2], 16), int(digits[2:4], 16), int(digits[4:], 16)
    if wanted.startswith("#"):
        raise UsageError(f"{text!r} is no colour", remedy="write it as #rgb or #rrggbb with digits 0 to 9 and a to f")
    raise unknown_choice("colour", text, [*COLOURS, "#rrggbb"])


# --- light --------------------------------------------------------------------------------------------------------


def to_light(values: npt.NDArray) -> npt.NDArray[np.float32]:
    """Return linear light in 0 to 1 of sRGB values in 0 to 1 (IEC 61966-2-1)."""
    values = np.asarray(values, np.float32)
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4).astype(np.float32)


def from_light(light: npt.NDArray) -> npt.NDArray[np.float32]:
    """Return sRGB values in 0 to 1 of linear light in 0 to 1 (IEC 61966-2-1)."""
    light = np.clip(light, 0, 1)
    return np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055).astype(np.float32)


def luminances(pixels: Samples) -> npt.NDArray[np.float32]:
    """Return the relative luminance in 0 to 1 of each pixel of an sRGB picture (Rec. ITU-R BT.709)."""
    weights = np.array([0.2126, 0.7152, 0.0722], np.float32)
    return np.asarray(_light_of_levels(pixels.dtype.name)[pixels] @ weights, np.float32)


def luminance(colour: npt.ArrayLike) -> float:
    """Return the relative luminance in 0 to 1 of an sRGB colour in 0 to 255 (Rec. ITU-R BT.709)."""
    red, green, blue = to_light(np.asarray(colour, np.float32) / 255)
    return float(0.2126 * red + 0.7152 * green + 0.0722 * blue)


def contrast(one: npt.ArrayLike, other: float) -> npt.NDArray:
    """Return the contrast ratio of two relative luminances, 1 to 21 (WCAG 2.2, "contrast ratio")."""
    return (np.maximum(one, other) + 0.05) / (np.minimum(one, other) + 0.05)


def readable_on(ground: npt.ArrayLike) -> Colour:
    """Return white or dark ink, whichever stands out more from a ground."""
    return max((PAPER, INK), key=lambda colour: float(contrast(luminance(ground), luminance(colour))))


@functools.cache
def _light_of_levels(depth: str) -> npt.NDArray[np.float32]:
    most = np.iinfo(depth).max
    return to_light(np.arange(most + 1, dtype=np.float32) / most)


def paint(pixels: Samples, colour: Colour, covered: Coverage) -> None:
    """Lay a colour over a part of a picture, in place.

    A pixel that is half covered gets half the light of each, as the eye sees it on paper; so edges keep their place
    and letters their weight. Pixels that are not covered keep their values, those wholly covered get the colour.

    Args:
        pixels: (rows, columns, 3), uint8 or uint16: a view of the picture.
        colour: What is laid over it.
        covered: (rows, columns) in 0 to 1.
    """
    most = int(np.iinfo(pixels.dtype).max)
    touched = covered > 0
    if not touched.any():
        return
    values = np.array(colour, np.float32) / 255
    share = covered[touched][:, np.newaxis]
    mixed = from_light(_light_of_levels(pixels.dtype.name)[pixels[touched]] * (1 - share) + to_light(values) * share)
    mixed = np.where(share >= 1, values, mixed)
    pixels[touched] = np.rint(mixed.astype(np.float64) * most).astype(pixels.dtype)


def fill(pixels: Samples, shape: RoundedBox, colour: Colour) -> None:
    """Lay a shape in one colour over a picture, in place; see ``paint``."""
    part = shape.box.clipped(pixels.shape[1], pixels.shape[0]).as_slices()
    paint(pixels[part], colour, shape.coverage(*part))


_SIDE_PX = 64
_ROUNDS = 16
_PALETTE = 5
"""Colours of a palette; fewer where the picture has fewer."""


def palette(pixels: Samples) -> tuple[Colour, ...]:
    """Return the main colours of a picture, from light to dark.

    The means of k-means clusters in CIELAB, started from the colours that lie farthest apart; no chance is involved.

    Args:
        pixels: (height, width, 3) RGB, uint8 or uint16.
    """
    height, width = pixels.shape[:2]
    shrink = min(_SIDE_PX / max(height, width), 1.0)
    size = max(round(width * shrink), 1), max(round(height * shrink), 1)
    small = cv2.resize(pixels.astype(np.float32) / np.iinfo(pixels.dtype).max, size, interpolation=cv2.INTER_AREA)
    colours = cv2.cvtColor(small, cv2.COLOR_RGB2LAB).reshape(-1, 3)
    centres = _far_apart(colours, _PALETTE)
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
