"""Landmarks of aligned faces, measured so that two measurements of one face agree as well as a detector can."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from fancam.faces.detection import FaceDetector, shrink
from fancam.media import Picture
from fancam.results import Face, Landmarker

LONG_EDGES_PX = (144, 160, 176)
"""Sizes at which an aligned face is looked at. A detector's landmarks change with the grid its picture falls on; at
these sizes they do least (CenterFace: 95 of 100 faces stay within 0.028 eye distances when sharpened, 0.059 at 256 px,
0.11 at 512), and the mean of three sizes is steadier still. Together they cost less than one look at 384 px."""

MAX_DISAGREEMENT = 0.25
"""In eye distances: a look that lies farther than this from the median of all looks saw something else."""

_BATCH = 16
"""Pictures per call of the detector."""


class _DetectorLandmarker:
    """Landmarks from a face detector; see ``create_landmarker``."""

    def __init__(self, detector: FaceDetector) -> None:
        self._detector = detector

    def __call__(self, pictures: Sequence[Picture]) -> list[npt.NDArray[np.float32] | None]:
        """Return (5, 2) float32 per picture, in its pixels; None where no face was found. See ``Landmarker``."""
        found: list[npt.NDArray[np.float32] | None] = []
        for start in range(0, len(pictures), _BATCH):
            some = pictures[start : start + _BATCH]
            looks = [self._look(some, long_edge_px) for long_edge_px in LONG_EDGES_PX]
            found += [_agreed([look for look in of_one if look is not None]) for of_one in zip(*looks, strict=True)]
        return found

    def _look(self, pictures: Sequence[Picture], long_edge_px: int) -> list[npt.NDArray[np.float32] | None]:
        """Return the landmarks seen at one size, in pixels of the pictures as given."""
        small = [shrink(picture, long_edge_px) for picture in pictures]
        seen: list[npt.NDArray[np.float32] | None] = []
        for picture, shrunk, faces in zip(pictures, small, self._detector.detect(small), strict=True):
            back = np.array(picture.shape[1::-1], np.float32) / np.array(shrunk.shape[1::-1], np.float32)
            face = _nearest_the_middle(faces, shrunk)
            seen.append(None if face is None else np.asarray(face.landmark_array * back, np.float32))
        return seen


def create_landmarker(detector: FaceDetector) -> Landmarker:
    """Return what finds the landmarks of aligned faces: the detector, asked at three small sizes, and their mean.

    Args:
        detector: Any; its own scales matter only where they are below ``LONG_EDGES_PX``. Its smallest face and
            confidence decide what counts as a face.
    """
    return _DetectorLandmarker(detector)


def _nearest_the_middle(faces: Sequence[Face], picture: Picture) -> Face | None:
    height, width = picture.shape[:2]

    def squared_distance(face: Face) -> float:
        x, y = face.box.centre
        return (x - width / 2) ** 2 + (y - height / 2) ** 2

    return min(faces, key=squared_distance, default=None)


def _agreed(looks: Sequence[npt.NDArray[np.float32]]) -> npt.NDArray[np.float32] | None:
    """Return the mean of the looks that agree; None where there is none."""
    if not looks:
        return None
    stack = np.stack(looks)
    median = np.median(stack, axis=0)
    eye_distance = max(float(np.hypot(*(median[1] - median[0]))), 1e-6)
    off = np.linalg.norm(stack - median, axis=2).max(axis=1) / eye_distance
    kept = stack[off <= MAX_DISAGREEMENT]
    return np.asarray(kept.mean(axis=0) if len(kept) else median, np.float32)
