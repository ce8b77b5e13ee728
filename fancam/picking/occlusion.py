"""What covers a face: a hand, a microphone, hair, confetti. It is what the other looks at the same person do not show.

No picture of a hand or a microphone is known here. Each look at a face is laid on the same landmarks and compared with
the median of the looks at that person from about the same side, once the light was taken out: stage light changes the
colour of all of a face, or of one side of it, where a hand changes a part.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from fancam.geometry import similarity_transform
from fancam.media import Picture
from fancam.pictures import averaged_for
from fancam.results import Face

PATCH_PX = 48
"""Side of the patch that faces are compared in: fingers are 4 px wide, and blinks and words are hardly seen."""
_PLACES = np.array([[15.5, 18.0], [32.5, 18.0], [24.0, 27.5], [18.0, 35.5], [30.0, 35.5]])
"""Where eyes, nose and mouth corners come to lie: forehead and chin are in the patch."""
SAME_SIDE_DEG = 9.0
"""Looks whose yaw and pitch differ by less show the same side of a face."""
LEAST_LOOKS = 5
"""With fewer looks a median may itself show the hand."""
NOISE_LEVELS = 6.0
"""Difference that noise, coding and a little turn of the head make."""
COVERED = 1.8
"""Times the usual difference from which on something else is seen; each time it is exceeded again counts once more, up
to ``MOST`` times: a little dark paper on the forehead is small, and like nothing else in the face."""
MOST = 3.0
FREE_SHARE, HIDDEN_SHARE = 0.004, 0.035
"""Share of the face that may differ without being covered, and that from which on nobody would want the picture: of 192
faces with nothing before them 95 % have under 0.004, of 35 with a hand at chin, mouth or eyes 75 % over 0.037."""

FREE_RATIO, HIDDEN_RATIO = 1.5, 2.2
"""Times its usual uncertainty up to which a mesh is a free face's, and from which on that of a hidden one."""
LEAST_APART = 0.005
"""Of large, sharp faces the uncertainty is next to nothing, and twice that as well."""

Patch = npt.NDArray[np.float32]
"""(48, 48, 3) float32 RGB."""


def face_patch(pixels: Picture, face: Face) -> Patch:
    """Return a face laid on fixed landmarks, by its dense landmarks where it has some.

    Args:
        pixels: (height, width, 3) uint8 RGB, the upright full frame.
        face: The face in it.
    """
    points = face.landmark_array if face.mesh is None else face.mesh.five_points
    matrix = similarity_transform(points.astype(np.float64), _PLACES)
    scale = float(np.hypot(*matrix[:, 0]))
    times = max(round(1 / max(scale, 1e-3) / 2), 1)
    if times > 1:  # a large face is averaged first: sampling alone would alias
        box = face.box.grown(0.5).clipped(pixels.shape[1], pixels.shape[0])
        rows, columns = (max((side.stop - side.start) // times, 1) for side in box.as_slices())
        pixels, matrix = averaged_for(pixels, matrix, box, columns, rows)
    patch = cv2.warpAffine(pixels, matrix, (PATCH_PX, PATCH_PX), borderMode=cv2.BORDER_REPLICATE)
    return cv2.GaussianBlur(patch, (0, 0), 0.8).astype(np.float32)


def covered_shares(patches: Sequence[Patch], poses_deg: Sequence[tuple[float, float]]) -> list[float | None]:
    """Return of each look at one person which share of the face is covered; None where too few looks show that side.

    Args:
        patches: Of the looks, from ``face_patch``.
        poses_deg: Yaw and pitch of the head in each.
    """
    stack, sides = np.stack(patches), np.asarray(poses_deg)
    near = (np.abs(sides[:, None] - sides) < SAME_SIDE_DEG).all(axis=2)
    left = np.stack(
        [np.abs(_without_light(one, np.median(stack[like], axis=0))) for one, like in zip(stack, near, strict=True)]
    )
    return [
        _covered_share(left[number], left[like]) if np.count_nonzero(like) >= LEAST_LOOKS else None
        for number, like in enumerate(near)
    ]


def _covered_share(own: Patch, all_near: npt.NDArray[np.float32]) -> float:
    usual = 1.48 * np.median(all_near, axis=0) + NOISE_LEVELS
    times = cv2.blur((own / usual).max(axis=2), (3, 3))
    return float((_WEIGHTS * np.clip(times / COVERED - 1, 0, MOST)).sum() / _WEIGHTS.sum())


def _without_light(patch: Patch, reference: Patch) -> Patch:
    """Return what is left of the difference when gain, offset and slope of the light were fitted to what fits well."""
    left = np.empty_like(patch)
    for channel in range(3):
        own, other = patch[..., channel].ravel(), reference[..., channel].ravel()
        base = np.column_stack([other, _RAMPS])
        weight = _WEIGHTS.ravel().copy()
        rest = own
        for _ in range(4):
            scaled = base * weight[:, None]
            solution = np.linalg.lstsq(scaled.T @ base, scaled.T @ own, rcond=None)[0]
            rest = own - base @ solution
            spread = 1.48 * np.median(np.abs(rest)) + 0.5 * NOISE_LEVELS
            weight = _WEIGHTS.ravel() / (1.0 + (rest / (1.5 * spread)) ** 2) ** 2
        left[..., channel] = rest.reshape(PATCH_PX, PATCH_PX)
    return left


def _face_weights() -> npt.NDArray[np.float32]:
    """Return (48, 48): 1 inside the face, less on eyes and mouth, which move, 0 outside."""
    weights = np.zeros((PATCH_PX, PATCH_PX), np.float32)
    cv2.ellipse(weights, (24, 24), (15, 21), 0, 0, 360, 1.0, -1)
    for (x, y), (wide, high) in (((15, 18), (5, 3)), ((33, 18), (5, 3)), ((24, 36), (7, 4))):
        cv2.ellipse(weights, (x, y), (wide, high), 0, 0, 360, 0.5, -1)
    return weights


_WEIGHTS = _face_weights()
_GRID = (np.mgrid[:PATCH_PX, :PATCH_PX].reshape(2, -1).T / PATCH_PX - 0.5).astype(np.float32)
_RAMPS = np.column_stack([np.ones(PATCH_PX**2, np.float32), _GRID])
"""(2304, 3): constant, downward and sideways slope."""


def visible_term(covered_share: float) -> float:
    """Return 1 for a face that nothing covers, 0 where a hand is over part of it."""
    return min(max((HIDDEN_SHARE - covered_share) / (HIDDEN_SHARE - FREE_SHARE), 0.0), 1.0)


def steady_term(apart: float, usual_apart: float) -> float:
    """Return 1 for landmarks found as surely as usual of the person, falling to 0 where a fist hides nose and mouth.

    It knows nothing of the looks that the patches are compared with, so that it still tells where most of them are
    covered. Of 193 faces with nothing before them 95 % have a ratio under 1.6.

    Args:
        apart: ``FaceMesh.apart``.
        usual_apart: What that usually is of the person.
    """
    ratio = apart / max(usual_apart, LEAST_APART)
    return min(max((HIDDEN_RATIO - ratio) / (HIDDEN_RATIO - FREE_RATIO), 0.0), 1.0)
