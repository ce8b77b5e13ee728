"""The pixels of a card out of a picture and a composition."""

from __future__ import annotations

import numpy as np

from fancam.pictures import resample
from fancam.printing.composing.bleed import synthesise_bleed
from fancam.printing.composing.composition import Composition
from fancam.records import Box, CardGeometry, Samples


def render_composition(
    pixels: Samples, composition: Composition, geometry: CardGeometry, *, fill: tuple[int, int, int] | None = None
) -> Samples:
    """Return the card's pixels: real ones resampled once (Lanczos), the rest filled or synthesised.

    Where no resampling is needed the picture's pixels come back bit for bit.

    Args:
        pixels: (height, width, 3) RGB, uint8 or uint16: the picture that was composed.
        composition: Of a picture of this size and this card.
        geometry: The card.
        fill: RGB colour of the border in [0, 255], also for 16 bits; needed where the composition is bordered and used
            only there.

    Returns:
        (geometry.height_px, geometry.width_px, 3) of the same type.

    Raises:
        ValueError: The composition has a border and no colour was given.
    """
    real, source = composition.real, composition.source
    width, height = round(real.width), round(real.height)
    if (source.width, source.height) == (width, height) and source.x0 == int(source.x0) and source.y0 == int(source.y0):
        part = pixels[source.as_slices()]
    else:
        part = resample(pixels, source, width, height)
    card: Samples = np.zeros((geometry.height_px, geometry.width_px, 3), pixels.dtype)
    if composition.bordered:
        if fill is None:
            raise ValueError("a composition with a border needs its colour")
        card[:] = np.array(fill, np.uint32) * (np.iinfo(pixels.dtype).max // 255)
    card[real.as_slices()] = part
    whole = real == Box(0, 0, geometry.width_px, geometry.height_px)
    return card if composition.bordered or whole else synthesise_bleed(card, real)
