"""How far the features of a face moved between two pictures of it in face space, found by following them.

Landmarks detected in each picture anew will not do: a detector places them by the face as a whole and by habit. Eyes
that were moved by 8 % of their distance moved CenterFace's landmarks by 1 to 3 %, and a little sharpening by up to 4 %.
Patches that are followed from one picture to the other (normalised cross-correlation, Lewis: "Fast normalized
cross-correlation", 1995) tell 5.8 to 7.5 % for the same shift, and less than 1 % when nothing moved.
"""

from __future__ import annotations

import math

import cv2
import numpy as np
import numpy.typing as npt

from fancam.enhance.prior.alignment import FACE_SIZE_PX, TEMPLATE
from fancam.records import Picture

EYE_DISTANCE_PX = float(np.hypot(*(TEMPLATE[1] - TEMPLATE[0])))
"""Distance of the eyes in face space, by which drift is divided. The template's and not the face's own: a turned face
has its eyes close together, and would seem to drift more."""

NOT_FOUND = math.inf
"""Drift of a feature that is not there any more."""

MIN_CORRELATION = 0.85
"""Correlation below which a patch does not show the same feature. Enlargements of faces 75 px high have 0.98 and more,
the published outputs of GFPGAN, CodeFormer and RestoreFormer 0.95 and more, another person 0.49 (median of the worst
patch)."""

_SIDE_PX = 256
"""Side at which patches are compared: half of face space is fine enough, since their place is found between pixels."""
_RADIUS_PX = 16
"""Of a patch: a quarter of the eye distance. It holds an eye, the tip of the nose, a corner of the mouth."""
_REACH_PX = 13
"""How far a patch is looked for: a fifth of the eye distance."""
_BLUR_PX = 2.0
"""Before patches are compared: what is finer is for the prior to draw, and is not where a feature lies."""
_MIN_CONTRAST_LEVELS = 2.0
"""Standard deviation of a patch below which there is nothing in it to follow."""


def landmark_drift(camera: Picture, printed: Picture, landmarks: npt.ArrayLike = TEMPLATE) -> float | None:
    """Return the largest movement of a feature from one picture of a face to another, in eye distances.

    Args:
        camera: (512, 512, 3) uint8 RGB in face space, the reference.
        printed: The same square of the other picture.
        landmarks: (5, 2) where the features are in the reference; by default where the template has them.

    Returns:
        0 or more, at most about 0.29; ``NOT_FOUND`` where a feature is not recognised within a fifth of the eye
        distance; None where the reference has no feature to follow (an even surface).
    """
    before, after = _prepared(camera), _prepared(printed)
    places = np.asarray(landmarks, np.float64) * (_SIDE_PX / FACE_SIZE_PX)
    moved = [_patch_drift(before, after, x, y) for x, y in places]
    known = [distance for distance in moved if distance is not None]
    return max(known) / (EYE_DISTANCE_PX * _SIDE_PX / FACE_SIZE_PX) if known else None


def _prepared(picture: Picture) -> npt.NDArray[np.float32]:
    """Return the luma as it is compared: float32, 256 px and a border, so that every patch has its surroundings."""
    luma = picture.astype(np.float32) @ np.array([0.299, 0.587, 0.114], np.float32)
    small = cv2.resize(luma, (_SIDE_PX, _SIDE_PX), interpolation=cv2.INTER_AREA)
    soft = cv2.GaussianBlur(small, (0, 0), _BLUR_PX)
    border = _RADIUS_PX + _REACH_PX
    return np.asarray(np.pad(soft, border, mode="reflect"), np.float32)


def _patch_drift(before: npt.NDArray[np.float32], after: npt.NDArray[np.float32], x: float, y: float) -> float | None:
    """Return how far the patch around a place went, in pixels; None where it is empty."""
    # The pixel that holds the place, kept inside; the border was added on each side.
    column, row = (min(max(int(value), 0), _SIDE_PX - 1) + _RADIUS_PX + _REACH_PX for value in (x, y))
    patch = before[row - _RADIUS_PX : row + _RADIUS_PX + 1, column - _RADIUS_PX : column + _RADIUS_PX + 1]
    if float(patch.std()) < _MIN_CONTRAST_LEVELS:
        return None
    reach = _RADIUS_PX + _REACH_PX
    around = after[row - reach : row + reach + 1, column - reach : column + reach + 1]
    likeness = np.asarray(cv2.matchTemplate(around, patch, cv2.TM_CCOEFF_NORMED), np.float32)
    _, best, _, (across, down) = cv2.minMaxLoc(likeness)
    if not best >= MIN_CORRELATION:
        return NOT_FOUND
    dx = across - _REACH_PX + _between(likeness[down], across)
    dy = down - _REACH_PX + _between(likeness[:, across], down)
    return math.hypot(dx, dy)


def _between(line: npt.NDArray[np.float32], peak: int) -> float:
    """Return how far from its highest value a line peaks, by the parabola through three values; 0 at its ends."""
    if not 0 < peak < len(line) - 1:
        return 0.0
    left, middle, right = (float(value) for value in line[peak - 1 : peak + 2])
    bend = left - 2 * middle + right
    return 0.5 * (left - right) / bend if bend < 0 else 0.0
