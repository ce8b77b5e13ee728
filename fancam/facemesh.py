"""The dense landmarks of a face, and what is read from them: eyes, mouth, pose, and how much of the picture is head.

The 478 points are those of MediaPipe's face landmarker; the numbers of single points are facts of its topology
(``face_landmarks_connections.py`` of its sources). Sides are those of the viewer.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fancam.geometry import Box

POINTS = 478

_FOREHEAD, _CHIN = 10, 152
_LEFT_EDGE, _RIGHT_EDGE = 234, 454
_LEFT_CORNERS, _RIGHT_CORNERS = (33, 133), (362, 263)
"""Outer and inner corner of the left eye, inner and outer corner of the right one."""
_NOSE_TIP, _LEFT_MOUTH, _RIGHT_MOUTH = 1, 61, 291
_LEFT_IRIS, _RIGHT_IRIS = 468, 473

HAIR_SHARE = 0.38
"""From the uppermost point, at the middle of the forehead, to the top of the hair, in heights of the face from that
point to the chin: a head is about 1.4 times as high as its face from the chin to the hairline (canon of Dürer and of
anthropometry: 230 mm to 165 mm), and hair stands a little above it."""
SIDE_SHARE = 0.12
"""From the outermost points of the face to the outer edge of ears and hair, in widths of the face."""


@dataclass(frozen=True, slots=True, eq=False)
class FaceMesh:
    """What the dense landmarks say of one face."""

    points: npt.NDArray[np.float32]
    """(478, 3): x and y in pixels of the upright full frame, z in the same unit, nearer is smaller."""
    expression: Mapping[str, float]
    """Name of a movement of the face (``eyeBlinkLeft``, ``jawOpen`` …) to its strength in [0, 1], as the network names
    them: with the left and right of the person."""
    apart: float = 0.0
    """Mean distance of the points that two looks of the network found, in heights of the face: they differ most where
    something covers the face."""

    @property
    def blinks(self) -> tuple[float, float]:
        """How far the left and the right eye are closed, in [0, 1]: open under about 0.12, closed from about 0.5."""
        return self.expression["eyeBlinkRight"], self.expression["eyeBlinkLeft"]

    @property
    def smile(self) -> float:
        """How much the mouth smiles, in [0, 1]."""
        return (self.expression["mouthSmileLeft"] + self.expression["mouthSmileRight"]) / 2

    @property
    def jaw_open(self) -> float:
        """How far the mouth is open, in [0, 1]."""
        return self.expression["jawOpen"]

    @property
    def pose_deg(self) -> tuple[float, float, float]:
        """Yaw, pitch and roll of the head: turned to the viewer's right, raised, and tilted clockwise are positive.

        The plane of the face is spanned by the line from eye corner to eye corner and that from chin to forehead, which
        in an upright head stand across and along the picture (in the canonical face of the same sources forehead and
        chin lie within 1 degree of one plane).
        """
        p = self.points.astype(np.float64)
        across = p[_RIGHT_CORNERS[1]] - p[_LEFT_CORNERS[0]]
        down = p[_CHIN] - p[_FOREHEAD]
        roll = math.atan2(across[1], across[0])
        x, y, z = np.cross(across, down)  # away from the viewer
        # The tilt is undone first: else a lowered head that is tilted as well would count as turned.
        x, y = x * math.cos(roll) + y * math.sin(roll), y * math.cos(roll) - x * math.sin(roll)
        return math.degrees(math.atan2(-x, z)), math.degrees(math.atan2(y, math.hypot(x, z))), math.degrees(roll)

    @property
    def five_points(self) -> npt.NDArray[np.float32]:
        """(5, 2): middles of the eyes, tip of the nose, corners of the mouth, in the order of ``Face.landmarks``."""
        p = self.points[:, :2]
        eyes = [p[list(corners)].mean(axis=0) for corners in (_LEFT_CORNERS, _RIGHT_CORNERS)]
        return np.stack([*eyes, p[_NOSE_TIP], p[_LEFT_MOUTH], p[_RIGHT_MOUTH]]).astype(np.float32)

    @property
    def head_box(self) -> Box:
        """The box of the head with its hair, as far as it can be told from the face: it may leave the frame."""
        p = self.points[:, :2].astype(np.float64)
        up = (p[_FOREHEAD] - p[_CHIN]) * HAIR_SHARE
        aside = (p[_RIGHT_EDGE] - p[_LEFT_EDGE]) * SIDE_SHARE
        crown = p[_FOREHEAD] + up
        corners = np.stack([crown, p[_CHIN], p[_LEFT_EDGE] - aside, p[_RIGHT_EDGE] + aside])
        (x0, y0), (x1, y1) = np.minimum(corners.min(0), p.min(0)), np.maximum(corners.max(0), p.max(0))
        return Box(float(x0), float(y0), float(x1), float(y1))
