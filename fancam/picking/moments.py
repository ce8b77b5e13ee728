"""Which different moments are chosen among the scored faces."""

from __future__ import annotations

import math
from collections.abc import Sequence

from fancam.results import ScoredFace
from fancam.settings import PickSettings

BURST_S = 0.4
"""Frames of the same place closer than this are one burst, even across a cut that was detected between them."""
SAME_PLACE_IOU = 0.5
DIVERSITY = 0.3
"""Share of its score a face loses when it is as good as the same picture as one that was picked before."""
TIME_SCALE_S = 3.0
YAW_SCALE = 0.2
SAME_FRAME_SIMILARITY = 0.5
"""A second member in a picked frame is another card, but a new moment is worth more."""


def select(scored: Sequence[ScoredFace], settings: PickSettings) -> list[ScoredFace]:
    """Choose up to ``settings.top`` faces of different moments.

    Greedy, the best first. A face is out once a pick of the same shot lies nearer than ``settings.min_gap_s``, or a
    pick of the same place within ``BURST_S``; another member in the very same frame is allowed. Among the rest, each
    loses up to ``DIVERSITY`` of its score for being like a pick (near in time, same pose, same place): maximal
    marginal relevance, after Carbonell and Goldstein, SIGIR 1998.

    Args:
        scored: Faces in any order; rejected ones are left out.
        settings: How many, and how far apart.

    Returns:
        The picks, by score and then by time; empty where every face was rejected. The face with the highest score is
        always among them. The order of ``scored`` does not matter.
    """
    remaining = sorted((s for s in scored if s.score.rejected is None), key=_rank)
    likeness = [0.0] * len(remaining)
    picks: list[ScoredFace] = []
    while remaining and len(picks) < settings.top:
        gains = [s.score.value * (1.0 - DIVERSITY * like) for s, like in zip(remaining, likeness, strict=True)]
        chosen = remaining[max(range(len(gains)), key=gains.__getitem__)]  # the first of equals: remaining is ranked
        picks.append(chosen)
        kept = [
            (s, max(like, similarity(s, chosen)))
            for s, like in zip(remaining, likeness, strict=True)
            if s is not chosen and not _same_moment(s, chosen, settings.min_gap_s)
        ]
        remaining = [s for s, _ in kept]
        likeness = [like for _, like in kept]
    return sorted(picks, key=_rank)


def _rank(scored: ScoredFace) -> tuple[float, ...]:
    box = scored.face.box
    return (-scored.score.value, scored.candidate.pts, box.x0, box.y0, box.x1, box.y1)


def _same_person(a: ScoredFace, b: ScoredFace) -> bool:
    if a.face.track is not None and b.face.track is not None:
        return a.face.track == b.face.track
    return a.face.box.iou(b.face.box) > 0.1


def _same_moment(a: ScoredFace, b: ScoredFace, min_gap_s: float) -> bool:
    apart_s = abs(a.candidate.time_s - b.candidate.time_s)
    if a.candidate.pts == b.candidate.pts:
        return _same_person(a, b)
    if a.candidate.shot == b.candidate.shot and apart_s < min_gap_s:
        return True
    return apart_s < BURST_S and a.face.box.iou(b.face.box) > SAME_PLACE_IOU


def similarity(a: ScoredFace, b: ScoredFace) -> float:
    """Return how much two faces are the same picture, 0 to 1: near in time, the same pose, the same place and size."""
    if a.candidate.pts == b.candidate.pts:
        return SAME_FRAME_SIMILARITY
    near = math.exp(-abs(a.candidate.time_s - b.candidate.time_s) / TIME_SCALE_S)
    pose = math.exp(-abs(a.face.yaw_proxy - b.face.yaw_proxy) / YAW_SCALE)
    return near * (0.4 + 0.3 * pose + 0.3 * a.face.box.iou(b.face.box))
