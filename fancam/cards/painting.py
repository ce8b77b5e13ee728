"""What is painted on a card: boxes with round corners and how much of each pixel they cover, colours, light."""

from __future__ import annotations

import functools
import math
import re
from dataclasses import dataclass, replace

import cv2
import numpy as np
import numpy.typing as npt

from fancam.errors import UsageError, unknown_choice
from fancam.geometry import Box, CardGeometry
from fancam.media import Samples

Coverage = npt.NDArray[np.float32]
"""(rows, columns): share of each pixel, 0 to 1."""

_STRIPS = 32
"""Upright strips a pixel column is cut into where a corner is round; along y the arc is integrated exactly. The area
of a quarter circle of 1 px is right to 0.2 %, of 10 px to 0.001 %."""


@dataclass(frozen=True, slots=True)
class RoundedBox:
    """A box whose corners are quarters of an ellipse (pixels need not be square on paper)."""

    box: Box
    radius_x: float = 0.0
    radius_y: float = 0.0

    def grown(self, by_px: float) -> RoundedBox:
        """Return the shape with its edges moved outward (inward where negative); square corners stay square."""
        box = Box(self.box.x0 - by_px, self.box.y0 - by_px, self.box.x1 + by_px, self.box.y1 + by_px)
        radii = (max(radius + by_px, 0.0) if radius else 0.0 for radius in (self.radius_x, self.radius_y))
        return RoundedBox(box, *radii)

    def moved(self, x_px: float, y_px: float) -> RoundedBox:
        """Return the shape moved to the right and down."""
        return replace(self, box=self.box.shifted(x_px, y_px))

    def coverage(self, rows: slice, columns: slice) -> Coverage:
        """Return how much of each pixel of a part of the grid, given in whole pixels, lies inside."""
        result = np.zeros((rows.stop - rows.start, columns.stop - columns.start), np.float32)
        column = np.arange(columns.start, columns.stop)
        result[:] = np.clip(np.minimum(column + 1, self.box.x1) - np.maximum(column, self.box.x0), 0, 1)
        first, last = math.ceil(self.box.y0 + self.radius_y), math.floor(self.box.y1 - self.radius_y)
        top, bottom = math.floor(self.box.y0), math.ceil(self.box.y1)
        for start, stop, outside in (
            (rows.start, top, True), (top, min(first, bottom), False), (max(last, top), bottom, False),
            (bottom, rows.stop, True),
        ):  # fmt: skip
            part = slice(min(max(start, rows.start), rows.stop), min(max(stop, rows.start), rows.stop))
            if part.start < part.stop:
                within = slice(part.start - rows.start, part.stop - rows.start)
                result[within] = 0 if outside else self._by_strips(part, columns)
        return result

    def _by_strips(self, rows: slice, columns: slice) -> Coverage:
        """Return the coverage of rows that the upper or lower edge or a corner passes through."""
        left, right, column = self._strips(columns)
        width = np.clip(np.minimum(right, self.box.x1) - np.maximum(left, self.box.x0), 0, None)
        middle = (np.maximum(left, self.box.x0) + np.minimum(right, self.box.x1)) / 2
        inset = self._inset(middle)
        y = np.arange(rows.start, rows.stop)[:, np.newaxis]
        height = np.minimum(y + 1, self.box.y1 - inset) - np.maximum(y, self.box.y0 + inset)
        starts = np.flatnonzero(np.diff(column, prepend=column[:1] - 1))
        return np.add.reduceat(np.clip(height, 0, 1) * width, starts, axis=1).astype(np.float32)

    def _strips(self, columns: slice) -> tuple[npt.NDArray, npt.NDArray, npt.NDArray]:
        """Return left and right of the strips, and the column each belongs to: many where the box is round."""
        column = np.arange(columns.start, columns.stop)
        near = self.box.x0 + self.radius_x, self.box.x1 - self.radius_x
        is_round = (column < near[0]) | (column + 1 > near[1]) if self.radius_x > 0 else np.zeros(column.shape, bool)
        count = np.where(is_round, _STRIPS, 1)
        owner = np.repeat(column, count)
        position = np.arange(owner.size) - np.repeat(np.cumsum(count) - count, count)
        step = 1 / np.repeat(count, count)
        return owner + position * step, owner + (position + 1) * step, owner

    def _inset(self, x: npt.NDArray) -> npt.NDArray:
        """Return how far the corners push the upper and lower edge inward at these x."""
        if self.radius_x <= 0 or self.radius_y <= 0:
            return np.zeros_like(x)
        over = np.maximum(self.box.x0 + self.radius_x - x, x - (self.box.x1 - self.radius_x))
        share = np.clip(over, 0, self.radius_x) / self.radius_x
        return self.radius_y * (1 - np.sqrt(1 - share**2))


def pixels_per_mm(geometry: CardGeometry) -> tuple[float, float]:
    """Return pixels per millimetre across and down.

    The whole picture is laid on the whole outer card, by length, so this is not exactly dpi / 25.4 in a file whose
    sides were rounded to pixels.
    """
    return geometry.width_px / geometry.outer_width_mm, geometry.height_px / geometry.outer_height_mm


def trim_shape(geometry: CardGeometry, *, inset_mm: float = 0.0, corner_radius_mm: float = 0.0) -> RoundedBox:
    """Return the trim of a card in pixels of its picture, bleed included.

    Args:
        geometry: Of the card.
        inset_mm: How far its edges are moved inward; the corners stay parallel to those of the trim.
        corner_radius_mm: Of the trim.
    """
    x, y = pixels_per_mm(geometry)
    inset = geometry.bleed_mm + inset_mm
    radius = min(corner_radius_mm, geometry.width_mm / 2, geometry.height_mm / 2) - inset_mm
    box = Box(inset * x, inset * y, geometry.width_px - inset * x, geometry.height_px - inset * y)
    return RoundedBox(box, max(radius, 0.0) * x, max(radius, 0.0) * y)


def safe_zone(geometry: CardGeometry, safe_mm: float, corner_radius_mm: float = 0.0) -> Box:
    """Return the box of a card's picture in which text is safe from the cut.

    It is further in where round corners would reach into it: 1 - 1/sqrt(2) of their radius. Empty (of no area) where
    the card is too small for it.
    """
    inset = max(safe_mm, corner_radius_mm * (1 - math.sqrt(0.5)))
    box = trim_shape(geometry, inset_mm=inset).box
    centre = box.centre
    if box.x1 <= box.x0 or box.y1 <= box.y0:
        return Box(*centre, *centre)
    return box


# --- colours ------------------------------------------------------------------------------------------------------

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
