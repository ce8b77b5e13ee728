"""Choosing different moments among scored faces, and saying why in words. Pure: records in, records out."""

from __future__ import annotations

import math
from collections.abc import Sequence

from fancam.picking.quality import turned_deg
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


def reject_reasons(scored: Sequence[ScoredFace], picked: Sequence[ScoredFace]) -> dict[str, int]:
    """Count why faces did not become picks, for the manifest.

    Args:
        scored: Every face that was looked at.
        picked: What ``select`` chose among them.

    Returns:
        Gate to count, and ``not_needed`` for good faces that lost to a better one; reasons without a count are absent.
    """
    chosen = {id(s) for s in picked}
    counts: dict[str, int] = {}
    for s in scored:
        if id(s) not in chosen:
            reason = s.score.rejected or "not_needed"
            counts[reason] = counts.get(reason, 0) + 1
    return dict(sorted(counts.items()))


def explain(scored: ScoredFace, neighbours: Sequence[ScoredFace]) -> str:
    """Say in one line why a face was picked or rejected.

    Args:
        scored: The face.
        neighbours: Every face that was looked at in its shot or input, with or without this one.

    Returns:
        Such as ``sharper than 28 of 30 looked at; face 402 px; 12° turned``.
    """
    if scored.score.rejected is not None:
        return f"rejected: {scored.score.rejected.replace('_', ' ')}"
    others = [s for s in neighbours if s is not scored]
    own = scored.score.why.get("sharpness") or 0.0
    softer = sum((s.score.why.get("sharpness") or 0.0) < own for s in others)
    parts = [f"sharper than {softer} of {len(others)} looked at"] if others else [f"sharpness {own:.2f}"]
    parts.append(f"face {scored.face.box.height:.0f} px")
    turned = turned_deg(scored.face)
    parts.append("facing the camera" if turned < 8 else f"{turned:.0f}° turned")
    exposure = scored.score.why.get("exposure")
    if exposure is not None and exposure < 0.6:
        parts.append("poor light")
    return "; ".join(parts)
