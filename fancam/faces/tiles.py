"""Overlapping tiles, in which a large photo is searched for the smallest faces."""

from __future__ import annotations

import math

import numpy as np

from fancam.faces.detections import Detections

SEEN_PX = 20
"""Height at which a network should see the smallest face that is asked for: CenterFace finds 29 of 29 faces of a group
photo at 20 px, 26 at 16 px and 13 at 12 px (benchmark ``detectors``)."""

FINER_FROM = 1.25
"""Tiles are searched where they show faces so much larger than the finest scale does."""

TILE_PX = 1024
"""Side of a tile as the network sees it: 4 MB, and 130 MB of the network's own."""

TILE_OVERLAP_PX = 160
"""Overlap of neighbouring tiles: a face of up to ``TILE_FACE_PX`` is whole in one of them, with something around it."""

TILE_FACE_PX = 96
"""Higher faces than this in a tile are left to the scales: these see them at 35 px or more."""

MAX_ENLARGEMENT = 2.0
"""A picture is not enlarged more than this for the smallest faces: there is nothing to see in them."""


def spans(length_px: int, factor: float) -> list[tuple[int, int]]:
    """Return the tiles along one side, as (first, past the last) pixel: as few as there can be, all of one size.

    Args:
        length_px: Of the picture.
        factor: By which a tile is shrunk or enlarged.
    """
    tile, overlap = min(int(TILE_PX / factor), length_px), int(TILE_OVERLAP_PX / factor)
    count = 1 if tile == length_px else math.ceil((length_px - overlap) / (tile - overlap))
    starts = [round(number * (length_px - tile) / max(count - 1, 1)) for number in range(count)]
    return [(start, start + tile) for start in starts]


def whole(found: Detections, tile: tuple[int, int, int, int], size: tuple[int, int]) -> Detections:
    """Return what no inner edge of a tile cuts: that is whole in the next tile. All in pixels of the picture."""
    (left, top, right, bottom), (width, height) = tile, size
    low = np.array([left or -np.inf, top or -np.inf])
    high = np.array([right if right < width else np.inf, bottom if bottom < height else np.inf])
    return found[np.asarray(((found.boxes[:, :2] > low) & (found.boxes[:, 2:] < high)).all(axis=1))]
