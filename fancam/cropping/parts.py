"""From an outer box to a crop: which part of the card has real pixels, how sharp it prints, how much bleed is real."""

from __future__ import annotations

import math

from fancam.geometry import Box, CardGeometry
from fancam.results import Crop


def crop_of(
    width: float,
    height: float,
    card: CardGeometry,
    outer: Box,
    *,
    border_mm: float = 0.0,
    bordered: bool = False,
    warnings: tuple[str, ...] = (),
) -> Crop:
    """Return the crop whose outer box this is, rounded to pixels of the card.

    A card's pixels are whole, its millimetres are not: ``real`` is rounded to the nearest pixel of the card, which
    moves an edge by at most half of one (0.04 mm at 300 dpi).

    Args:
        width: Of the upright picture, in pixels.
        height: Of the upright picture, in pixels.
        card: The card.
        outer: What the whole card shows, in pixels of the picture; may reach outside of it.
        border_mm: Width of the border inside the trim.
        bordered: Whether there is a border all the same.
        warnings: What is known so far; bleed that is not real is added, unless a border covers it.
    """
    bordered = bordered or border_mm > 0
    free = card.inset(Box(0, 0, card.width_px, card.height_px), card.bleed_mm + border_mm if bordered else 0.0)
    picture = Box(0, 0, width, height).shown_in(outer, card.width_px, card.height_px)
    real = _to_pixels(picture.intersection(free), card)
    across, down = outer.width / card.width_px, outer.height / card.height_px
    source = Box(
        outer.x0 + real.x0 * across, outer.y0 + real.y0 * down, outer.x0 + real.x1 * across, outer.y0 + real.y1 * down
    ).clipped(width, height)
    trim = card.inset(outer, card.bleed_mm)
    share = 0.0 if bordered and card.bleed_mm > 0 else _bleed_share(real, card)
    if share < 1 and not bordered:
        warnings = (
            *warnings,
            f"{share:.0%} of the bleed is real: the picture ends at the {_ends(real, card)}",
        )
    return Crop(outer, trim, card.effective_ppi(trim), "", share, warnings, source, real, bordered)


def _bleed_share(real: Box, card: CardGeometry) -> float:
    """Return how much of a card's bleed area lies inside a box in pixels of the card; 1 for a card without bleed."""
    whole = Box(0, 0, card.width_px, card.height_px)
    trim = card.inset(whole, card.bleed_mm)
    bleed = whole.area - trim.area
    if bleed <= 0:
        return 1.0
    return min(max((real.area - real.intersection(trim).area) / bleed, 0.0), 1.0)


def _ends(real: Box, card: CardGeometry) -> str:
    sides = {
        "left": real.x0 > 0, "right": real.x1 < card.width_px, "top": real.y0 > 0, "bottom": real.y1 < card.height_px
    }  # fmt: skip
    return ", ".join(side for side, short in sides.items() if short)


def _to_pixels(box: Box, card: CardGeometry) -> Box:
    """Return the nearest whole pixels of the card, at least one each way."""
    x0 = min(max(_nearest(box.x0), 0), card.width_px - 1)
    y0 = min(max(_nearest(box.y0), 0), card.height_px - 1)
    x1, y1 = min(_nearest(box.x1), card.width_px), min(_nearest(box.y1), card.height_px)
    return Box(x0, y0, max(x1, x0 + 1), max(y1, y0 + 1))


def _nearest(value: float) -> int:
    return math.floor(value + 0.5 - 1e-9)
