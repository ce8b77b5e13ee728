"""What covers a face: a hand, a microphone, hair, confetti. It is what the other looks at the same person do not show.

No picture of a hand or a microphone is known here. Each look at a face is laid on the same landmarks and compared with
the median of the looks at that person from about the same side, once the light was taken out: stage light changes the
colour of all of a face, or of one side of it, where a hand changes a part.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from fancam.geometry import similarity_transform
from fancam.media import Picture
from fancam.pictures import averaged_for
from fancam.results import Face

PATCH_PX = 48
"""Side of the patch that faces are compared in: fingers are 4 px wide, and blinks and words are hardly seen."""
_FIVE_PLACES = np.array([[15.5, 18.0], [32.5, 18.0], [24.0, 27.5], [18.0, 35.5], [30.0, 35.5]])
"""Where eyes, nose and mouth corners come to lie: forehead and chin are in the patch."""
_MIDDLE = {10: 4.4, 168: 16.8, 1: 26.7, 0: 32.6, 17: 37.6, 152: 47.4}
_SIDES = {
    (67, 297): (9.3, 5.3), (54, 284): (15.9, 9.8), (127, 356): (18.9, 21.0), (93, 323): (18.5, 29.0),
    (58, 288): (16.6, 37.8), (150, 379): (10.5, 44.8), (105, 334): (11.2, 11.8), (107, 336): (4.0, 12.1),
    (33, 263): (12.0, 18.6), (133, 362): (5.0, 18.6), (98, 327): (4.3, 28.9), (61, 291): (6.7, 35.2),
}  # fmt: skip
_PLACES = {point: (24.0, y) for point, y in _MIDDLE.items()} | {
    point: (24.0 + sign * x, y) for pair, (x, y) in _SIDES.items() for point, sign in zip(pair, (-1, 1), strict=True)
}
"""Number of a dense landmark to where it comes to lie (outline, brows, eyes, nose, mouth): the mean of 22 people who
look into the camera, laid on the places above, and mirrored."""
BENDING = 5.0
"""How little the plane bends: landmarks are unsure by half a pixel of the patch, and more beside a hand."""
SAME_SIDE_DEG = 15.0
"""Looks whose yaw and pitch differ by less show the same side of a face. A hand drags the landmarks along and seems to
turn the head by up to 12°: in a narrower range all looks may show it."""
LEAST_LOOKS = 5
"""With fewer looks a median may itself show the hand."""
NOISE_LEVELS = 6.0
"""Difference that noise, coding and a little turn of the head make."""
COVERED = 1.8
"""Times the usual difference from which on something else is seen; each time it is exceeded again counts once more, up
to ``MOST`` times: a little dark paper on the forehead is small, and like nothing else in the face."""
MOST = 3.0
FREE_SHARE, HIDDEN_SHARE = 0.004, 0.035
"""Share of the face that may differ without being covered, and that from which on nobody would want the picture: of 95
faces with nothing before them 87 % have under 0.004 (the rest look down, or raise their brows), of 17 with a hand at
chin, mouth or eyes 75 % over 0.039."""

FREE_RATIO, HIDDEN_RATIO = 1.5, 2.2
"""Times its usual uncertainty up to which a mesh is a free face's, and from which on that of a hidden one."""
LEAST_APART = 0.005
"""Of large, sharp faces the uncertainty is next to nothing, and twice that as well."""

HIDDEN_MOUTH = 0.01
"""Share of the skin around the mouth from which on something lies over it: of 11 mouths behind a hand 10 have more, of
26 that speak, laugh or are wide open none, of 67 at rest 9, in two clips, where a head is bent or turns."""

Patch = npt.NDArray[np.float32]
"""(48, 48, 3) float32 RGB."""


@dataclass(frozen=True, slots=True)
class Covered:
    """What lies over a face."""

    share: float
    """Of the face, 0 to ``MOST``: what is like nothing else in it counts more than once."""
    mouth: bool
    """Whether it is over the mouth, of which nothing can be told then."""


def face_patch(pixels: Picture, face: Face) -> Patch:
    """Return a face laid on fixed landmarks: bent onto them by its dense landmarks, turned and scaled without any.

    Bent, a face that speaks, laughs or turns a little looks like itself at rest, and what differs lies over it.

    Args:
        pixels: (height, width, 3) uint8 RGB, the upright full frame.
        face: The face in it.
    """
    if face.mesh is None:
        matrix = cv2.invertAffineTransform(similarity_transform(face.landmark_array.astype(np.float64), _FIVE_PLACES))
        grid = _PIXELS @ matrix[:, :2].T + matrix[:, 2]
    else:
        grid = _BENT @ face.mesh.points[list(_PLACES), :2].astype(np.float64)
    corners = grid.reshape(PATCH_PX, PATCH_PX, 2)[:: PATCH_PX - 1, :: PATCH_PX - 1].reshape(4, 2)
    scale = float(np.linalg.norm(corners[3] - corners[0])) / (math.sqrt(2) * PATCH_PX)
    times = max(round(scale / 2), 1)
    if times > 1:  # a large face is averaged first: sampling alone would alias
        box = face.box.grown(0.5).clipped(pixels.shape[1], pixels.shape[0])
        rows, columns = (max((side.stop - side.start) // times, 1) for side in box.as_slices())
        pixels, to_frame = averaged_for(pixels, np.eye(2, 3), box, columns, rows)
        back = cv2.invertAffineTransform(to_frame)
        grid = grid @ back[:, :2].T + back[:, 2]
    x, y = grid.T.reshape(2, PATCH_PX, PATCH_PX).astype(np.float32)
    patch = cv2.remap(pixels, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return cv2.GaussianBlur(patch, (0, 0), 0.8).astype(np.float32)


def covered_shares(patches: Sequence[Patch], poses_deg: Sequence[tuple[float, float]]) -> list[Covered | None]:
    """Return of each look at one person what is covered; None where too few looks show that side.

    Args:
        patches: Of the looks, from ``face_patch``.
        poses_deg: Yaw and pitch of the head in each.
    """
    whole, sides = np.median(patches, axis=0), np.asarray(poses_deg)
    # All in one light: the median of a face in many would show a little of what one look alone has before it.
    stack = np.stack([whole + _without_light(patch, whole) for patch in patches])
    near = (np.abs(sides[:, None] - sides) < SAME_SIDE_DEG).all(axis=2)
    left = np.stack(
        [np.abs(_without_light(one, np.median(stack[like], axis=0))) for one, like in zip(stack, near, strict=True)]
    )
    return [
        _covered(left[number], left[like]) if np.count_nonzero(like) >= LEAST_LOOKS else None
        for number, like in enumerate(near)
    ]


def _covered(own: Patch, all_near: npt.NDArray[np.float32]) -> Covered:
    usual = 1.48 * np.median(all_near, axis=0) + NOISE_LEVELS
    times = cv2.blur((own / usual).max(axis=2), (3, 3))
    beyond = np.clip(times / COVERED - 1, 0, MOST)
    face, mouth = (float((where * beyond).sum() / where.sum()) for where in (FACE_WEIGHTS, _AROUND_MOUTH))
    return Covered(face, mouth >= HIDDEN_MOUTH)


def _without_light(patch: Patch, reference: Patch) -> Patch:
    """Return what is left of the difference when gain, offset and slope of the light were fitted to what fits well."""
    left = np.empty_like(patch)
    for channel in range(3):
        own, other = patch[..., channel].ravel(), reference[..., channel].ravel()
        base = np.column_stack([other, _RAMPS])
        weight = FACE_WEIGHTS.ravel().copy()
        rest = own
        for _ in range(4):
            scaled = base * weight[:, None]
            solution = np.linalg.lstsq(scaled.T @ base, scaled.T @ own, rcond=None)[0]
            rest = own - base @ solution
            spread = 1.48 * np.median(np.abs(rest)) + 0.5 * NOISE_LEVELS
            weight = FACE_WEIGHTS.ravel() / (1.0 + (rest / (1.5 * spread)) ** 2) ** 2
        left[..., channel] = rest.reshape(PATCH_PX, PATCH_PX)
    return left


def _face_weights() -> npt.NDArray[np.float32]:
    """Return (48, 48): 1 inside the face, less on eyes and mouth, which move, 0 outside."""
    weights = np.zeros((PATCH_PX, PATCH_PX), np.float32)
    cv2.ellipse(weights, (24, 24), (15, 21), 0, 0, 360, 1.0, -1)
    for (x, y), (wide, high), weight in (((15, 15), (7, 5), 0.1), ((33, 15), (7, 5), 0.1), ((24, 36), (7, 4), 0.5)):
        cv2.ellipse(weights, (x, y), (wide, high), 0, 0, 360, weight, -1)
    return weights


def _bent() -> npt.NDArray[np.float64]:
    """Return (2304, points): times the places of the landmarks in a frame, where each pixel of the patch lies in it.

    A thin-plate spline (Bookstein, "Principal Warps", PAMI 1989), smoothed: it is linear in those places.
    """
    places = np.array(list(_PLACES.values()))
    count = len(places)

    def kernel(a: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        squared = ((a[:, None] - places) ** 2).sum(axis=2)
        return squared * np.log(np.maximum(squared, 1e-9))

    plane = np.column_stack([np.ones(count), places])
    system = np.block([[kernel(places) + BENDING * np.eye(count), plane], [plane.T, np.zeros((3, 3))]])
    shown = np.column_stack([kernel(_PIXELS), np.ones(len(_PIXELS)), _PIXELS])
    return shown @ np.linalg.inv(system)[:, :count]


FACE_WEIGHTS = _face_weights()
"""(48, 48) what each place of a patch counts."""
_AROUND_MOUTH = cv2.ellipse(np.zeros_like(FACE_WEIGHTS), (24, 35), (11, 9), 0, 0, 360, 1.0, -1)
cv2.ellipse(_AROUND_MOUTH, (24, 35), (8, 4), 0, 0, 360, 0.0, -1)  # lips speak
_PIXELS = np.mgrid[:PATCH_PX, :PATCH_PX][::-1].reshape(2, -1).T.astype(np.float64)
_BENT = _bent()
_GRID = (_PIXELS[:, ::-1] / PATCH_PX - 0.5).astype(np.float32)
_RAMPS = np.column_stack([np.ones(PATCH_PX**2, np.float32), _GRID])
"""(2304, 3): constant, downward and sideways slope."""


def visible_term(covered_share: float) -> float:
    """Return 1 for a face that nothing covers, next to 0 where a hand is over part of it; less the more it hides."""
    return float(np.interp(covered_share, [FREE_SHARE, HIDDEN_SHARE, 1.0], [1.0, 0.06, 0.0]))


def steady_term(apart: float, usual_apart: float) -> float:
    """Return 1 for landmarks found as surely as usual of the person, next to 0 where a fist hides nose and mouth.

    It knows nothing of the looks that the patches are compared with, so that it still tells where most of them are
    covered. Of 193 faces with nothing before them 95 % have a ratio under 1.6.

    Args:
        apart: ``FaceMesh.apart``.
        usual_apart: What that usually is of the person.
    """
    ratio = apart / max(usual_apart, LEAST_APART)
    return float(np.interp(ratio, [FREE_RATIO, HIDDEN_RATIO, 10.0], [1.0, 0.06, 0.0]))
