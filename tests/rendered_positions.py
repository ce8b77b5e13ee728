"""Where things are on a rendered page, to a fraction of a pixel; and a card whose edges can be measured."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from fancam.media import Picture
from fancam.sheets import preview_printed
from fancam.sheets.plan import Area

TRIM_COLOUR, BLEED_COLOUR = (250, 240, 40), (20, 40, 200)
MARK_PX, PIXELS_PER_MM = 40, 10
"""254 pixels per inch: every whole millimetre is a whole pixel, so that a card's own rounding does not count."""


def render_page(pdf: Path, page: int, dpi: float) -> Picture:
    """Return one page, counted from 0, as it is printed: (height, width, 3) uint8 RGB."""
    return list(preview_printed(pdf, dpi))[page]


def measured_card(path: Path, width_mm: int = 55, height_mm: int = 85, bleed_mm: int = 3) -> None:
    """Write a card that is yellow inside its trim and blue in its bleed, with a red square in its upper left corner."""
    height, width = (side + 2 * bleed_mm for side in (height_mm, width_mm))
    pixels = np.full((height * PIXELS_PER_MM, width * PIXELS_PER_MM, 3), BLEED_COLOUR, np.uint8)
    inner = bleed_mm * PIXELS_PER_MM
    pixels[inner : pixels.shape[0] - inner, inner : pixels.shape[1] - inner] = TRIM_COLOUR
    pixels[2 * inner : 2 * inner + MARK_PX, 2 * inner : 2 * inner + MARK_PX] = (230, 20, 20)
    Image.fromarray(pixels).save(path)


@dataclass(frozen=True)
class Rendering:
    """A page as it was rendered."""

    pixels: Picture
    width_mm: float
    height_mm: float

    def edge_mm(self, area: Area, *, along_x: bool) -> float:
        """Return where one colour ends and another begins inside an area; it starts in the one, ends in the other."""
        profile, start, per_mm = self._profile(area, along_x)
        first, last = profile[0], profile[-1]
        share = (profile - first) @ (last - first) / np.sum((last - first) ** 2)
        return float((start + len(share) - share.sum()) / per_mm)

    def line_mm(self, area: Area, *, along_x: bool) -> float:
        """Return the middle of a dark line on white that crosses an area; NaN where there is none."""
        profile, start, per_mm = self._profile(area, along_x)
        darkness = 255 - profile.mean(axis=1)
        if darkness.max() < 20:
            return float("nan")
        return float((start + (np.arange(len(darkness)) + 0.5) @ darkness / darkness.sum()) / per_mm)

    def colour_at(self, x_mm: float, y_mm: float) -> tuple[int, ...]:
        """Return the colour of the pixel at a place."""
        y, x = int(y_mm * self._scale(0)), int(x_mm * self._scale(1))
        return tuple(int(value) for value in self.pixels[y, x])

    def trim_edges_mm(self, trim: Area, reach_mm: float = 1.0) -> tuple[float, float, float, float]:
        """Return the left, upper, right and lower edge of a measured card, each looked for around its place."""
        x, y = trim.centre_mm
        near = 2 * reach_mm
        return (
            self.edge_mm(Area(trim.x_mm - reach_mm, y + 5, near, 10), along_x=True),
            self.edge_mm(Area(x - 5, trim.y_mm - reach_mm, 10, near), along_x=False),
            self.edge_mm(Area(trim.right_mm - reach_mm, y + 5, near, 10), along_x=True),
            self.edge_mm(Area(x - 5, trim.bottom_mm - reach_mm, 10, near), along_x=False),
        )

    def _profile(self, area: Area, along_x: bool) -> tuple[npt.NDArray[np.float64], int, float]:
        """Return the mean colours along an axis, the pixel they start at, and the pixels per millimetre."""
        down, across = self._scale(0), self._scale(1)
        y0, y1 = round(area.y_mm * down), round(area.bottom_mm * down)
        x0, x1 = round(area.x_mm * across), round(area.right_mm * across)
        part = self.pixels[y0:y1, x0:x1].astype(np.float64)
        return (part.mean(axis=0), x0, across) if along_x else (part.mean(axis=1), y0, down)

    def _scale(self, axis: int) -> float:
        # A page is rendered onto whole pixels: it fills them.
        return self.pixels.shape[axis] / (self.height_mm, self.width_mm)[axis]
