"""Takes the grain out of a picture, so that a network sees what is beneath."""

from __future__ import annotations

import numpy as np

from fancam.enhance.cleaning import denoise
from fancam.enhance.grain.model import Grain
from fancam.records import Samples


def remove_grain(picture: Samples, grain: Grain) -> Samples:
    """Return the picture without its grain.

    Args:
        picture: (H, W) grey or (H, W, 3) RGB, uint8 or uint16.
        grain: From ``measure_grain`` of it.
    """
    if picture.ndim == 2:
        colour: Samples = np.repeat(picture[..., None], 3, axis=2)  # type: ignore[assignment]  # keeps its type
        return remove_grain(colour, grain)[..., 0]
    return denoise(picture, grain.noise_model(), 1.0)
