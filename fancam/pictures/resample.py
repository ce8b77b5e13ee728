"""One resample from a box of a picture to an exact size."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from PIL import Image

from fancam.errors import unknown_choice
from fancam.records import Box

RESAMPLE_FILTERS = {"bicubic": Image.Resampling.BICUBIC, "lanczos": Image.Resampling.LANCZOS}
_SUPPORT_PX = {"bicubic": 2, "lanczos": 3}
_EDGE_TOLERANCE_PX = 1e-3
"""How far a box may stick out of the picture before that is a mistake and not rounding."""


def resample(
    pixels: npt.NDArray[np.uint8], box: Box, width_px: int, height_px: int, filter: str = "lanczos"  # noqa: A002 - the word users and Pillow use
) -> npt.NDArray[np.uint8]:  # fmt: skip
    """Resample a part of a picture to an exact size, in one step.

    The box may have fractions of pixels. Pixels around the box take part where the filter reaches over its edge, so
    the borders of the result are as good as its middle. When the picture is made smaller the filter widens with the
    ratio (antialiasing).

    Args:
        pixels: (height, width), (height, width, 3) RGB or (height, width, 4) RGBA, uint8.
        box: The part to show, in pixels; within the picture up to rounding.
        width_px: Width of the result.
        height_px: Height of the result.
        filter: ``lanczos`` (three lobes) or ``bicubic`` (a = -0.5).

    Returns:
        (height_px, width_px[, channels]) uint8.

    Raises:
        UsageError: The filter is unknown.
        ValueError: The box is empty or sticks out of the picture, or a side of the result is below 1.
    """
    if filter not in RESAMPLE_FILTERS:
        raise unknown_choice("filter", filter, RESAMPLE_FILTERS)
    if width_px < 1 or height_px < 1:
        raise ValueError(f"cannot resample to {width_px}x{height_px}")
    height, width = pixels.shape[:2]
    inside = box.clipped(width, height)
    outside = max(abs(a - b) for a, b in zip(inside.as_list(12), box.as_list(12), strict=True))
    if not inside.area > 0 or not outside <= _EDGE_TOLERANCE_PX:
        raise ValueError(f"{box} is empty or outside a picture of {width}x{height}")
    x_reach = math.ceil(_SUPPORT_PX[filter] * max(1.0, inside.width / width_px)) + 1
    y_reach = math.ceil(_SUPPORT_PX[filter] * max(1.0, inside.height / height_px)) + 1
    # Pillow copies all it gets, and a large photo has many cards: hand over only what the filter can reach.
    x0, y0 = max(math.floor(inside.x0) - x_reach, 0), max(math.floor(inside.y0) - y_reach, 0)
    part = pixels[y0 : math.ceil(inside.y1) + y_reach, x0 : math.ceil(inside.x1) + x_reach]
    rows, columns = part.shape[:2]
    corner = (inside.x0 - x0, inside.y0 - y0, min(inside.x1 - x0, columns), min(inside.y1 - y0, rows))
    image = Image.fromarray(np.ascontiguousarray(part))
    return np.asarray(image.resize((width_px, height_px), RESAMPLE_FILTERS[filter], box=corner)).copy()
