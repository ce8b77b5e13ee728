"""One resample from a box of a picture to an exact size."""

from __future__ import annotations

import math
from typing import overload

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from fancam.errors import unknown_choice
from fancam.geometry import Box
from fancam.media import Picture, Samples

RESAMPLE_FILTERS = {"bicubic": Image.Resampling.BICUBIC, "lanczos": Image.Resampling.LANCZOS}
_SUPPORT_PX = {"bicubic": 2, "lanczos": 3}
_EDGE_TOLERANCE_PX = 1e-3
"""How far a box may stick out of the picture before that is a mistake and not rounding."""


@overload
def resample(
    pixels: Picture, box: Box, width_px: int, height_px: int, filter: str = ...
) -> Picture: ...  # fmt: skip


@overload
def resample(
    pixels: Samples, box: Box, width_px: int, height_px: int, filter: str = ...
) -> Samples: ...  # fmt: skip


def resample(
    pixels: Samples, box: Box, width_px: int, height_px: int, filter: str = "lanczos"  # noqa: A002 - the field's word
) -> Samples:  # fmt: skip
    """Resample a part of a picture to an exact size, in one step and rounded once.

    The box may have fractions of pixels. Pixels around the box take part where the filter reaches over its edge, so
    the borders of the result are as good as its middle. When the picture is made smaller the filter widens with the
    ratio (antialiasing). Colours are weighted with alpha where there is one.

    Args:
        pixels: (height, width), (height, width, 3) RGB or (height, width, 4) RGBA, uint8 or uint16.
        box: The part to show, in pixels; within the picture up to rounding.
        width_px: Width of the result.
        height_px: Height of the result.
        filter: ``lanczos`` (three lobes) or ``bicubic`` (a = -0.5).

    Returns:
        (height_px, width_px[, channels]) of the same type.

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
    part, corners = _reachable(pixels, inside, width_px, height_px, _SUPPORT_PX[filter])

    def plane(values: npt.NDArray) -> npt.NDArray[np.float32]:
        # In floating point: with bytes Pillow rounds and clips between its two passes, whose order depends on the
        # sizes, which moves single pixels at hard edges by several levels.
        image = Image.fromarray(np.ascontiguousarray(values, np.float32))
        return np.asarray(image.resize((width_px, height_px), RESAMPLE_FILTERS[filter], box=corners))

    planes = [part] if part.ndim == 2 else [part[..., channel] for channel in range(part.shape[2])]
    if len(planes) == 4:
        alpha = plane(planes[3])
        weighted = [plane(values.astype(np.float32) * planes[3]) for values in planes[:3]]
        resampled = [np.divide(v, alpha, out=np.zeros_like(v), where=alpha > 0.5) for v in weighted] + [alpha]
    else:
        resampled = [plane(values) for values in planes]
    result = np.empty((height_px, width_px, *pixels.shape[2:]), pixels.dtype)
    for channel, values in enumerate(resampled):
        target = result if result.ndim == 2 else result[..., channel]
        target[...] = np.clip(np.rint(values), 0, np.iinfo(pixels.dtype).max)
    return result


def _reachable(
    pixels: Samples, box: Box, width_px: int, height_px: int, support_px: int
) -> tuple[Samples, tuple[float, float, float, float]]:
    """Return the part of the picture that the filter can reach, and the box within it.

    Pillow copies all it is given, and a large photo has many cards.
    """
    x_reach = math.ceil(support_px * max(1.0, box.width / width_px)) + 1
    y_reach = math.ceil(support_px * max(1.0, box.height / height_px)) + 1
    x0, y0 = max(math.floor(box.x0) - x_reach, 0), max(math.floor(box.y0) - y_reach, 0)
    part = pixels[y0 : math.ceil(box.y1) + y_reach, x0 : math.ceil(box.x1) + x_reach]
    rows, columns = part.shape[:2]
    return part, (box.x0 - x0, box.y0 - y0, min(box.x1 - x0, columns), min(box.y1 - y0, rows))


def averaged_for(
    picture: Picture, matrix: npt.NDArray[np.float64], part: Box, width_px: int, height_px: int
) -> tuple[Picture, npt.NDArray[np.float64]]:
    """Return a part of a picture averaged over areas, and the map that leads from it to where ``matrix`` led.

    What shrinks a picture by sampling alone aliases: so it is made smaller first.

    Args:
        picture: (height, width, 3) uint8 RGB.
        matrix: (2, 3), from the picture to anywhere.
        part: What of the picture is needed, in it; rounded outward to whole pixels.
        width_px: Of the smaller picture.
        height_px: Of the smaller picture.
    """
    rows, columns = part.as_slices()
    seen = picture[rows, columns]
    small = np.asarray(cv2.resize(seen, (width_px, height_px), interpolation=cv2.INTER_AREA), np.uint8)
    to_part = np.diag([seen.shape[1] / width_px, seen.shape[0] / height_px])
    origin = matrix @ np.array([columns.start, rows.start, 1.0])
    return small, np.column_stack([matrix[:, :2] @ to_part, origin])
