"""Faces: what is known of one, what measures them, and how good one is for print."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from fancam.geometry import Box, Point
from fancam.records.basics import Picture


@dataclass(frozen=True, slots=True)
class Face:
    """A detected face in the upright full frame."""

    box: Box
    landmarks: tuple[Point, Point, Point, Point, Point]
    """Left eye, right eye, nose, left mouth corner, right mouth corner, from the viewer's side."""
    confidence: float
    """In [0, 1]; comparable within one detector only."""
    track: int | None = None
    """Number of the track the face belongs to, within one input; None while it is not tracked."""

    @property
    def landmark_array(self) -> npt.NDArray[np.float32]:
        """(5, 2) float32."""
        return np.asarray(self.landmarks, np.float32)

    @property
    def eye_centre(self) -> Point:
        """Middle between the eyes."""
        (ax, ay), (bx, by) = self.landmarks[0], self.landmarks[1]
        return (ax + bx) / 2, (ay + by) / 2

    @property
    def eye_distance_px(self) -> float:
        """Distance between the eyes."""
        (ax, ay), (bx, by) = self.landmarks[0], self.landmarks[1]
        return math.hypot(bx - ax, by - ay)

    @property
    def roll_deg(self) -> float:
        """Tilt of the eye line; positive when the right eye is lower, as the viewer sees it."""
        (ax, ay), (bx, by) = self.landmarks[0], self.landmarks[1]
        return math.degrees(math.atan2(by - ay, bx - ax))

    @property
    def yaw_proxy(self) -> float:
        """Signed sideways offset of the nose from the eyes' middle, in eye distances: 0 is frontal, ±0.5 a profile."""
        (ax, ay), (bx, by), (nx, ny) = self.landmarks[0], self.landmarks[1], self.landmarks[2]
        ex, ey = bx - ax, by - ay
        squared = ex * ex + ey * ey
        if squared == 0:
            return math.copysign(1.0, nx - ax)
        return ((nx - (ax + bx) / 2) * ex + (ny - (ay + by) / 2) * ey) / squared


class Embedder(Protocol):
    """Turns faces into vectors whose angle tells how alike they are."""

    name: str
    sha256: str

    def embed(
        self, pictures: Sequence[Picture], landmarks: Sequence[npt.NDArray[np.float32]]
    ) -> npt.NDArray[np.float32]:
        """Return (N, dimension) float32 vectors of length 1, one per face.

        Args:
            pictures: A picture per face, (H, W, 3) uint8 RGB.
            landmarks: (5, 2) per face, in pixels of its picture.
        """
        ...


class Landmarker(Protocol):
    """Finds the landmarks of the one face in each picture."""

    def __call__(self, pictures: Sequence[Picture]) -> list[npt.NDArray[np.float32] | None]:
        """Return (5, 2) landmarks of the face nearest the middle of each picture; None where there is none."""
        ...


class FaceParser(Protocol):
    """Tells which pixels of an aligned face are face."""

    name: str

    def masks(self, faces: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Return (N, 512, 512) float32 in [0, 1], 1 on skin, eyes, brows, nose and mouth, for (N, 512, 512, 3) RGB."""
        ...


@dataclass(frozen=True, slots=True)
class FaceOutcome:
    """What was done to one face of a picture, and how far it moved from what the camera saw."""

    face: Face
    """In the source."""
    restorer: str | None
    """Name of the face prior; None where none touched the face."""
    strength: float
    """Of the prior, as used."""
    skipped: str | None = None
    """Why the face was left alone: ``turned``, ``too_small``, ``occluded``, ``sharp`` …; None where it was not."""
    identity: float | None = None
    """Cosine similarity between the camera's face and the printed one; None where nothing could measure it."""
    identity_network: float | None = None
    """The same for the enlargement alone."""
    landmark_drift: float | None = None
    """Largest movement of a landmark, in eye distances."""
    mask_share: float = 0.0
    """Share of the aligned face square that the prior was blended into."""
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Candidate:
    """A moment the scan found worth an exact look."""

    pts: int
    time_s: float
    scan_score: float
    """Relative within one video; larger is better."""
    shot: int
    """Number of the shot (run of frames without a cut) the moment belongs to."""


@dataclass(frozen=True, slots=True)
class Score:
    """How good a face is for print, with the reasons."""

    value: float
    """In [0, 1]; 0 when a gate rejected it."""
    why: Mapping[str, float | None]
    """Term to its value in [0, 1]; None where the term could not be measured."""
    rejected: str | None = None
    """The gate that rejected it (``too_dark``, ``blown_out``, ``face_too_small`` …), None where none did."""


@dataclass(frozen=True, slots=True)
class ScoredFace:
    """A face at a moment, scored; the selection chooses among these."""

    candidate: Candidate
    face: Face
    score: Score
