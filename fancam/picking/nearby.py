"""The frames beside a moment that the scan passed over: the sharpest one stands for the moment."""

from __future__ import annotations

from collections.abc import Sequence

import cv2

from fancam.geometry import Box
from fancam.media import LumaFrame
from fancam.picking.reduction import Reduced, ShotBoundaryDetector, reduced

REFERENCE_BONUS = 1.02
"""Frames that others refer to are coded better as well: one that none refers to has to be sharper by this ratio."""
SAME_LIGHT_LEVELS = 12.0
"""Difference of mean luma from which on two frames a twentieth of a second apart are in different light: a flash."""


def sharpest_near(frames: Sequence[LumaFrame], own: int, seen: Box | None) -> int:
    """Return the place of the frame that is sharpest in a part of the picture, of some shown within a twentieth second.

    For the frames that the scan passed over: they are coded worse, so one is taken only where it is clearly sharper,
    and only of the same shot and in the same light, as the scan has seen no cut and no flash in them.

    Args:
        frames: One after the other.
        own: Place of the one that the scan saw.
        seen: The part, in pixels of the upright frame; its middle when None.
    """
    copies = [reduced(frame) for frame in frames]
    scores = [copy.sharpness(seen or copy.middle) for copy in copies]
    for place in sorted(range(len(copies)), key=lambda place: -scores[place]):
        if scores[place] <= REFERENCE_BONUS * scores[own]:
            break
        if _one_picture(copies[own], copies[place]):
            return place
    return own


def _one_picture(a: Reduced, b: Reduced) -> bool:
    """Whether two frames near to each other are of one shot, in one light."""
    shots = ShotBoundaryDetector()
    shots.add(a.pixels)
    shots.add(b.pixels)
    return not shots.undecided and abs(cv2.mean(a.pixels)[0] - cv2.mean(b.pixels)[0]) < SAME_LIGHT_LEVELS
