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
CUT_COST = 0.2
"""What a cut of a track must gain, in looks as good as its best one that point elsewhere than the mean they were in:
one poor look among good ones is nobody else, a good one may be. From 0.1 to 0.3 benchmark ``members`` comes out the
same."""
FRAGMENT_LOOKS, FRAGMENT_SHARE = 2, 0.25
"""A run of a track with no more looks than this, and no more than this share of them, is a fragment."""
SAME_TRACK = 0.5
"""Cosine of the means of two runs of a track from which on they are one person after all, who turned or went on."""


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
    fragment: bool = False
    """Whether it is a moment cut out of a longer track: mostly two people, one half before the other."""


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


def runs(vectors: npt.NDArray[np.float32], weights: Sequence[float]) -> list[slice]:
    """Return the runs of the looks of a track that are each one person: a track that met another may go on with them.

    The cuts are those with the least sum of costs (Jackson et al. 2005, "An algorithm for optimal partitioning of data
    on an interval"): the cost of a run is its weight less the length of its weighted sum, which is the weighted sum of
    1 - cosine with its mean; each cut costs ``CUT_COST``. Neighbours that are alike are joined again.

    Args:
        vectors: (N, D) embeddings of length 1, in the order of time.
        weights: Of each, from ``look_weight``.
    """
    count, weight = len(vectors), np.asarray(weights, np.float64) / max(weights)
    ends = np.zeros((count + 1, vectors.shape[1]))
    np.cumsum(weight[:, None] * vectors, axis=0, out=ends[1:])
    total = np.concatenate([[0.0], np.cumsum(weight)])
    least, before = np.full(count + 1, -CUT_COST), np.zeros(count + 1, np.intp)
    for end in range(1, count + 1):
        own = total[end] - total[:end] - np.linalg.norm(ends[end] - ends[:end], axis=1)
        costs = least[:end] + own + CUT_COST
        before[end] = int(costs.argmin())
        least[end] = costs[before[end]]
    found, stop = [], count
    while stop:
        found.append(slice(int(before[stop]), stop))
        stop = int(before[stop])
    joined = found[-1:]
    for run in found[-2::-1]:
        last, own = (ends[part.stop] - ends[part.start] for part in (joined[-1], run))
        if last @ own >= SAME_TRACK * np.linalg.norm(last) * np.linalg.norm(own):
            joined[-1] = slice(joined[-1].start, run.stop)
        else:
            joined.append(run)
    return joined


def tracklet(
    vectors: npt.NDArray[np.float32], weights: Sequence[float], heights_px: Sequence[float], frames: Iterable[Hashable],
    track_looks: int = 0,
) -> Tracklet:  # fmt: skip
    """Return the looks at one person as one.

    Args:
        vectors: (N, D) embeddings of length 1, at least one.
        weights: Of each, from ``look_weight``.
        heights_px: Of each face.
        frames: Where they were seen.
        track_looks: Looks of the whole track that they are a run of.
    """
    total = np.asarray(weights, np.float64) @ np.asarray(vectors, np.float64)
    length = float(np.linalg.norm(total))
    vector = total / length if length > 0 else np.asarray(vectors[0], np.float64)
    fragment = len(vectors) <= min(FRAGMENT_LOOKS, FRAGMENT_SHARE * track_looks)
    return Tracklet(vector.astype(np.float32), max(weights), max(heights_px), frozenset(frames), fragment)


def merged(parts: Sequence[Tracklet]) -> Tracklet:
    """Return tracklets that were found to be one person as one, each by its weight."""
    vectors = np.stack([part.vector for part in parts])
    return tracklet(
        vectors, [part.weight for part in parts], [part.height_px for part in parts],
        frozenset().union(*(part.frames for part in parts)),
    )  # fmt: skip
