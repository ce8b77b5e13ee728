"""The card as it will be held: cut, in a sleeve, on a table."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from fancam.pictures import resample
from fancam.printing.art.colours import Colour, from_light, to_light
from fancam.printing.art.front import check_size
from fancam.printing.art.shapes import Coverage, RoundedBox, trim_shape
from fancam.records import Box, CardGeometry, Picture, Samples

GROUND: Colour = (226, 223, 218)
"""A light warm grey: neither white nor black cards melt into it."""
_FORMAT = 1.25
"""Height of the picture to its width: 4:5, the tallest that feeds show whole."""
_CARD_SHARE = 0.66
"""Height of the sleeve to that of the picture."""


def cut_preview(front: Samples, geometry: CardGeometry, corner_radius_mm: float) -> Samples:
    """Return the card as it is after cutting: the trim, with round transparent corners.

    Nothing is resampled; a trim that ends within a pixel makes that pixel partly transparent.

    Args:
        front: (height, width, 3) RGB with bleed, uint8 or uint16.
        geometry: Of the card.
        corner_radius_mm: 0 for square corners.

    Returns:
        (rows, columns, 4) RGBA with straight alpha of the same type.

    Raises:
        ValueError: The front has another size than the card.
    """
    check_size(front, geometry)
    shape = trim_shape(geometry, corner_radius_mm=corner_radius_mm)
    rows, columns = shape.box.clipped(front.shape[1], front.shape[0]).as_slices()
    alpha = np.rint(shape.coverage(rows, columns) * np.float64(np.iinfo(front.dtype).max)).astype(front.dtype)
    return np.dstack([front[rows, columns], alpha])


def mockup(
    front: Picture,
    geometry: CardGeometry,
    *,
    corner_radius_mm: float,
    sleeve: bool = True,
    ground: Colour = GROUND,
    width_px: int = 1600,
) -> Picture:
    """Picture the cut card lying on a table, for posting.

    Args:
        front: (height, width, 3) uint8 RGB with bleed.
        geometry: Of the card.
        corner_radius_mm: Of the cut card.
        sleeve: Whether it lies in a clear sleeve.
        ground: Colour of the table.
        width_px: Width of the picture; it is a quarter higher.

    Returns:
        (height, width_px, 3) uint8 RGB; the same bytes for the same arguments.

    Raises:
        ValueError: The front has another size than the card, or the picture would be less than 64 px wide.
    """
    check_size(front, geometry)
    if width_px < 64:
        raise ValueError(f"a mockup of {width_px} px")
    height_px = round(width_px * _FORMAT)
    per_mm = height_px * _CARD_SHARE / geometry.height_mm
    width, height = round(geometry.width_mm * per_mm), round(geometry.height_mm * per_mm)
    x, y = (width_px - width) // 2, (height_px - height) // 2
    trim = trim_shape(geometry).box
    card = resample(front, trim, width, height)
    radius = corner_radius_mm * per_mm
    shape = RoundedBox(Box(x, y, x + width, y + height), radius, radius)
    light = np.broadcast_to(to_light(np.array(ground) / 255), (height_px, width_px, 3)).astype(np.float32)
    mask = shape.coverage(slice(0, height_px), slice(0, width_px))
    shadow = cv2.GaussianBlur(mask, (0, 0), 2 * per_mm)[..., np.newaxis] * 0.4
    light = light * (1 - shadow)
    light[y : y + height, x : x + width] = _mixed(
        light[y : y + height, x : x + width], to_light(card / 255), mask[y : y + height, x : x + width]
    )
    return np.rint(from_light(light) * 255).astype(np.uint8)


def _mixed(under: npt.NDArray, over: npt.NDArray, share: Coverage) -> npt.NDArray[np.float32]:
    amount = share[..., np.newaxis]
    return under * (1 - amount) + over * amount
