"""The terms of a face's score: one number in [0, 1] for each thing a fan looks at in a face."""

from __future__ import annotations

import math

from fancam.facemesh import FaceMesh
from fancam.geometry import Box
from fancam.results import Face

FULL_FACE_PX = 480
"""A face this high needs no upscaling on a card of 85 mm at 300 dpi, where it is about 40 mm high in a bust framing."""
MAX_CLIPPED_SHARE = 0.40

USUAL_BLINK = 0.3
"""How far the eyes of a person are closed, as the landmarks say, of whom nothing else is known: cameras that look up or
down, narrow eyes and small faces make open ones come to 0.02 to 0.5."""
SHUT_BLINK = 0.75
"""… and those of a person whose eyes are shut."""
OPEN_CLOSEDNESS, SHUT_CLOSEDNESS = 0.15, 0.65
"""Up to the first the eyes are as open as they usually are; from the second on they are shut."""
MID_WORD_JAW = 0.25
"""A mouth this far open without a smile is speaking or singing a vowel: half as good as one at rest."""
HEAD_ROOM_SHARE = 0.06
"""Room that a card wants above the hair, in heights of the head."""
MISSING_HEAD_SHARE = 0.25
"""A head that lacks this much of its height or width makes no card."""
LEVEL_PITCH_DEG, PITCH_SCALE_DEG = 18.0, 30.0


def exposure_term(median: float, clipped_share: float, dark_share: float) -> float:
    """Return 1 for well-lit skin, falling with clipped and drowned pixels and with a median outside 70 to 200."""
    level = min(median / 70.0, 1.0) if median < 200 else max(1.0 - (median - 200) / 70.0, 0.0)
    return level * (1.0 - min(clipped_share / MAX_CLIPPED_SHARE, 1.0) * 0.7) * (1.0 - 0.6 * dark_share)


def pose_term(face: Face) -> float:
    """Return 1 for a face turned to the camera; a three-quarter view has about 0.7, a profile about 0.2.

    A tilt of the head up to 15° costs nothing: it is a pose; beyond that the face is hard to frame. Nor does a head
    that is raised or lowered by up to 18°, which tells as much of where the camera stands.
    """
    turned = math.exp(-((face.yaw_proxy / 0.4) ** 2))
    tilt = max(abs(face.roll_deg) - 15.0, 0.0)
    nod = 0.0 if face.mesh is None else max(abs(face.mesh.pose_deg[1]) - LEVEL_PITCH_DEG, 0.0)
    return turned * math.exp(-((tilt / 40.0) ** 2) - (nod / PITCH_SCALE_DEG) ** 2)


def turned_deg(face: Face) -> float:
    """Return about how far the head is turned sideways.

    The tip of the nose stands about 0.6 eye distances before the plane of the eyes (adult means: 38 mm to 63 mm), so
    that its sideways offset is that times the tangent of the angle.
    """
    return math.degrees(math.atan(abs(face.yaw_proxy) / 0.6))


def size_term(face_height_px: float) -> float:
    """Return 1 for a face that needs no upscaling, falling with the square root of its height."""
    return min(math.sqrt(max(face_height_px, 0.0) / FULL_FACE_PX), 1.0)


def closedness(mesh: FaceMesh, usual_blink: float = USUAL_BLINK) -> float:
    """Return how far eyes are closed: 0 as open as usual, 1 shut; below 0 wider open.

    Of a wink the open eye counts, of anything else the mean: two eyes measured are surer than one.

    Args:
        mesh: Of the face.
        usual_blink: What the mean of ``FaceMesh.blinks`` usually is for this person in this clip.
    """
    left, right = mesh.blinks
    blink = min(left, right) if abs(left - right) > 0.35 else (left + right) / 2
    return (blink - usual_blink) / max(SHUT_BLINK - usual_blink, 0.1)


def eyes_term(mesh: FaceMesh, usual_blink: float = USUAL_BLINK) -> float:
    """Return 1 for open eyes, 0 for shut ones."""
    closed = closedness(mesh, usual_blink)
    return min(max((SHUT_CLOSEDNESS - closed) / (SHUT_CLOSEDNESS - OPEN_CLOSEDNESS), 0.0), 1.0)


def mouth_term(mesh: FaceMesh) -> float:
    """Return 1 for a mouth at rest or a smile, falling with a jaw that is open without one: mid-word."""
    mid_word = mesh.jaw_open * (1.0 - mesh.smile)
    return 1.0 / (1.0 + (mid_word / MID_WORD_JAW) ** 2)


def smile_term(mesh: FaceMesh) -> float:
    """Return 1 for a broad smile, 0.5 for none: not to smile is no fault."""
    return 0.5 + 0.5 * mesh.smile


def head_of(face: Face) -> Box:
    """Return the box of the head with its hair: from the dense landmarks, else from the box of the face."""
    if face.mesh is not None:
        return face.mesh.head_box
    box = face.box
    return Box(
        box.x0 - 0.1 * box.width, box.y0 - 0.3 * box.height, box.x1 + 0.1 * box.width, box.y1 + 0.02 * box.height
    )


def head_term(face: Face, width: int, height: int) -> float:
    """Return 1 for a head that is whole in the frame, with the room above it that a card needs; 0 where much is cut.

    Args:
        face: In the frame.
        width: Of the frame, in pixels.
        height: Of the frame, in pixels.
    """
    head = head_of(face)
    above = head.y0 / head.height - HEAD_ROOM_SHARE
    beside = min(head.x0, width - head.x1) / head.width
    below = (height - head.y1) / head.height
    lacking = max(0.0, -above, -beside, -below)
    return max(1.0 - lacking / (MISSING_HEAD_SHARE + HEAD_ROOM_SHARE), 0.0)
