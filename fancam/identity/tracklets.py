"""Tracklets: faces that are certainly one person, summed up as one embedding."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fancam.results import Face

SURE_HEIGHT_PX = 60
"""Height of a face from which on more pixels make its embedding hardly surer: the network sees 112."""
YAW_SCALE = 0.35
"""``Face.yaw_proxy`` at which a look counts 1/e: near profile an embedding is more of the pose than of the person."""
LEAST_WEIGHT = 1e-3
"""So that a tracklet of poor looks still has a direction."""


@dataclass(frozen=True, slots=True, eq=False)
class Tracklet:
    """Faces that are certainly one person: those of one track within a shot; of a photo one face."""

    vector: npt.NDArray[np.float32]
    """(D,) of length 1: the mean of the looks, weighted by their quality."""
    weight: float
    """Quality of the best look, in [0, 1]; see ``look_weight``."""
    height_px: float
    """Height of the largest look."""
    frames: frozenset[Hashable]
    """Where the person was seen: whoever else is seen there is somebody else."""


def look_weight(face: Face, sharpness: float | None = None) -> float:
    """Return how much one look says of who a person is, in (0, 1]: more where it is large, frontal and sharp.

    Args:
        face: The look.
        sharpness: In [0, 1]; None where it was not measured.
    """
    size = min(face.box.height / SURE_HEIGHT_PX, 1.0)
    frontal = math.exp(-((face.yaw_proxy / YAW_SCALE) ** 2))
    clear = 1.0 if sharpness is None else 0.25 + 0.75 * min(max(sharpness, 0.0), 1.0)
    return max(size * frontal * clear, LEAST_WEIGHT)


def tracklet(
    vectors: npt.NDArray[np.float32], weights: Sequence[float], heights_px: Sequence[float], frames: Iterable[Hashable]
) -> Tracklet:  # fmt: skip
    """Return the looks at one person as one.

    Args:
        vectors: (N, D) embeddings of length 1, at least one.
        weights: Of each, from ``look_weight``.
        heights_px: Of each face.
        frames: Where they were seen.
    """
    total = np.asarray(weights, np.float64) @ np.asarray(vectors, np.float64)
    length = float(np.linalg.norm(total))
    vector = total / length if length > 0 else np.asarray(vectors[0], np.float64)
    return Tracklet(vector.astype(np.float32), max(weights), max(heights_px), frozenset(frames))


def merged(parts: Sequence[Tracklet]) -> Tracklet:
    """Return tracklets that were found to be one person as one, each by its weight."""
    vectors = np.stack([part.vector for part in parts])
    return tracklet(
        vectors, [part.weight for part in parts], [part.height_px for part in parts],
        frozenset().union(*(part.frames for part in parts)),
    )  # fmt: skip
