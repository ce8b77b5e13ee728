"""Which different moments are chosen among the scored faces, and which faces they beat."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence

from fancam.results import ScoredFace
from fancam.settings import PickSettings

BURST_S = 0.4
"""Frames of the same place closer than this are one burst, even across a cut that was detected between them."""
SAME_PLACE_IOU = 0.5
DIVERSITY = 0.3
"""Share of its score a face loses when it is as good as the same picture as one that was picked before."""
TIME_SCALE_S = 3.0
YAW_SCALE = 0.2
ROLL_SCALE_DEG, SIZE_SCALE, SMILE_SCALE, JAW_SCALE = 15.0, 0.5, 0.35, 0.25
"""Differences of tilt, of size (as logarithm to base 2), of smile and of the open mouth that make another picture, by a
factor of e."""
TWIN_SIMILARITY = 0.4
"""Of two moments far apart with the same pose, size and expression: a fan sees one picture twice."""
SAME_FRAME_SIMILARITY = 0.5
"""A second member in a picked frame is another card, but a new moment is worth more."""
TURN_SHARE = 0.7
"""What is left of a score for each pick that a person has had more than another who is on stage with them."""
PEER_SHARE = 0.5
"""Who is lower than this share of a face in the same frame does not wait for their turn: a dancer in the background."""
FACE_TERMS = ("eyes", "visible")
"""What is wrong with a face whatever the rest is worth: half closed eyes, sharp and well lit, have most of a score."""


def select(scored: Sequence[ScoredFace], settings: PickSettings, start_s: float = 0.0) -> list[ScoredFace]:
    """Choose faces of different moments, up to ``settings.limit``.

    Greedy, the largest gain first. The gain of a face is its score, lowered by up to ``DIVERSITY`` for being like a
    pick (near in time, or of the same pose, size and expression: maximal marginal relevance, after Carbonell and
    Goldstein, SIGIR 1998; not where the best of each stretch is asked for), and by ``TURN_SHARE`` for each pick that
    its person has had more than somebody who was seen beside them at a comparable size and still has a face to choose.
    A face is out once a pick of the same shot lies nearer than ``settings.gap_s``, or a pick of the same place within
    ``BURST_S``; another member in the very same frame is allowed. It is out as well once its stretch, its shot or its
    person has had as many picks as the settings allow, and from the beginning where it falls short of
    ``settings.min_share`` of the best face: better fewer picks than bad ones.

    Args:
        scored: Faces in any order; rejected ones are left out.
        settings: How many, and how far apart.
        start_s: Where the first stretch of ``settings.every_s`` begins.

    Returns:
        The picks, by score and then by time; empty where every face was rejected. The face with the highest score is
        always among them. The order of ``scored`` does not matter.
    """
    remaining = sorted((s for s in scored if s.score.rejected is None), key=_rank)
    peers = _peers(remaining)
    if settings.every_s is None and settings.per_shot is None:  # else the best of each is asked for, whatever it is
        remaining = _worth_it(remaining, peers, settings.min_share)
    diversity = DIVERSITY if settings.every_s is None else 0.0
    likeness = [0.0] * len(remaining)
    picks: list[ScoredFace] = []
    had: Counter[tuple[str, int]] = Counter()
    while remaining and (settings.limit is None or len(picks) < settings.limit):
        waits = _waits(remaining, peers, had)
        gains = [
            s.score.value * (1.0 - diversity * like) * TURN_SHARE**wait
            for s, like, wait in zip(remaining, likeness, waits, strict=True)
        ]
        chosen = remaining[max(range(len(gains)), key=gains.__getitem__)]  # the first of equals: remaining is ranked
        picks.append(chosen)
        had.update(limit for limit, _ in _limits(chosen, settings, start_s))
        kept = [
            (s, max(like, similarity(s, chosen, another=s.face.track in peers.get(chosen.face.track, ()))))
            for s, like in zip(remaining, likeness, strict=True)
            if s is not chosen
            and not _same_moment(s, chosen, settings.gap_s)
            and all(most is None or had[limit] < most for limit, most in _limits(s, settings, start_s))
        ]
        remaining = [s for s, _ in kept]
        likeness = [like for _, like in kept]
    return sorted(picks, key=_rank)


def runners_up(
    picks: Sequence[ScoredFace], scored: Sequence[ScoredFace], settings: PickSettings
) -> list[list[ScoredFace]]:  # fmt: skip
    """Return for each pick the best faces of the same person that it beat: first those of its burst, then of its shot.

    Args:
        picks: What ``select`` chose.
        scored: Every face that was looked at.
        settings: How many are kept.

    Returns:
        A list for each pick, empty where nobody was beaten: faces of other moments with no higher score that no gate
        rejected and that are no picks, within ``settings.gap_s`` (one burst) and then within ``TIME_SCALE_S``, the
        best of each first; each stands beside the nearest of the picks that beat it.
    """
    chosen = {id(pick) for pick in picks}
    burst_s = max(settings.gap_s, BURST_S)
    beaten: list[list[tuple[bool, int, ScoredFace]]] = [[] for _ in picks]
    usable = sorted((s for s in scored if s.score.rejected is None and id(s) not in chosen), key=_rank)
    for rank, s in enumerate(usable):
        near = [(_apart_s(s, pick), number) for number, pick in enumerate(picks) if _beaten_by(s, pick)]
        if near:
            apart_s, number = min(near)
            beaten[number].append((apart_s > burst_s, rank, s))
    return [[s for *_, s in sorted(faces, key=lambda one: one[:2])[: settings.runners_up]] for faces in beaten]


def _beaten_by(s: ScoredFace, pick: ScoredFace) -> bool:
    """Whether a face is of the same person and part of a shot as a pick, and no better."""
    if s.candidate.pts == pick.candidate.pts or s.candidate.shot != pick.candidate.shot or _rank(s) < _rank(pick):
        return False
    return _apart_s(s, pick) <= TIME_SCALE_S and _same_person(s, pick)


def stretch(time_s: float, settings: PickSettings, start_s: float) -> int:
    """Return the number of the stretch of ``settings.every_s`` that a time lies in; 0 where there are none."""
    return 0 if settings.every_s is None else math.floor((time_s - start_s) / settings.every_s)


def _limits(
    s: ScoredFace, settings: PickSettings, start_s: float
) -> list[tuple[tuple[str, int], int | None]]:  # fmt: skip
    """Return what a face is counted under, each with how many picks there may be; None for any number."""
    limits = [
        (("stretch", stretch(s.candidate.time_s, settings, start_s)), None if settings.every_s is None else 1),
        (("shot", s.candidate.shot), settings.per_shot),
    ]
    person = s.face.track
    return limits if person is None else [*limits, (("person", person), settings.per_person)]


def _worth_it(
    usable: Sequence[ScoredFace], peers: Mapping[int | None, set[int]], min_share: float
) -> list[ScoredFace]:  # fmt: skip
    """Return the faces, of which the best come first, that do not fall far short of the best one.

    That is the best of all that are not certainly of somebody else, who may well have no better one. What is compared
    is the score, and each of ``FACE_TERMS`` that was measured in both.
    """
    kept = []
    for s in usable:
        others = peers.get(s.face.track, ())
        best = next(one for one in usable if one is s or one.face.track not in others)
        own_terms, its_terms = s.score.why, best.score.why
        pairs = [(s.score.value, best.score.value), *((own_terms.get(t), its_terms.get(t)) for t in FACE_TERMS)]
        if all(own is None or its is None or own >= min_share * its for own, its in pairs):
            kept.append(s)
    return kept


def _peers(usable: Sequence[ScoredFace]) -> dict[int | None, set[int]]:
    """Return for each person those who were seen in the same frame at a comparable size: certainly somebody else."""
    frames: dict[int, list[ScoredFace]] = {}
    for s in usable:
        frames.setdefault(s.candidate.pts, []).append(s)
    peers: dict[int | None, set[int]] = {}
    for together in frames.values():
        for a in together:
            for b in together:
                if a.face.track is None or b.face.track is None or a.face.track == b.face.track:
                    continue
                low, high = sorted((a.face.box.height, b.face.box.height))
                if low >= PEER_SHARE * high:
                    peers.setdefault(a.face.track, set()).add(b.face.track)
    return peers


def _waits(
    remaining: Sequence[ScoredFace], peers: dict[int | None, set[int]], had: Counter[tuple[str, int]]
) -> list[int]:  # fmt: skip
    """Return for each face how many picks its person has had more than a peer who still has a face to choose."""
    here = {s.face.track for s in remaining}
    ahead: dict[int | None, int] = {None: 0}
    for person in here - {None}:
        assert person is not None
        others = [had["person", other] for other in peers.get(person, ()) if other in here]
        ahead[person] = max(had["person", person] - min(others), 0) if others else 0
    return [ahead[s.face.track] for s in remaining]


def _rank(scored: ScoredFace) -> tuple[float, ...]:
    box = scored.face.box
    return (-scored.score.value, scored.candidate.pts, box.x0, box.y0, box.x1, box.y1)


def _apart_s(a: ScoredFace, b: ScoredFace) -> float:
    return abs(a.candidate.time_s - b.candidate.time_s)


def _same_person(a: ScoredFace, b: ScoredFace) -> bool:
    if a.face.track is not None and b.face.track is not None:
        return a.face.track == b.face.track
    return a.face.box.iou(b.face.box) > 0.1


def _same_moment(a: ScoredFace, b: ScoredFace, min_gap_s: float) -> bool:
    apart_s = _apart_s(a, b)
    if a.candidate.pts == b.candidate.pts:
        return _same_person(a, b)
    if a.candidate.shot == b.candidate.shot and apart_s < min_gap_s:
        return True
    return apart_s < BURST_S and a.face.box.iou(b.face.box) > SAME_PLACE_IOU


def similarity(a: ScoredFace, b: ScoredFace, *, another: bool = False) -> float:
    """Return how much two faces are the same picture, 0 to 1.

    Near in time, more so with the same pose and place; or, however far apart, with the same pose, size and expression,
    where that was measured and they are not certainly another person's.
    """
    if a.candidate.pts == b.candidate.pts:
        return SAME_FRAME_SIMILARITY
    near = math.exp(-_apart_s(a, b) / TIME_SCALE_S)
    pose = math.exp(-abs(a.face.yaw_proxy - b.face.yaw_proxy) / YAW_SCALE)
    apart = near * (0.4 + 0.3 * pose + 0.3 * a.face.box.iou(b.face.box))
    one, other = a.face.mesh, b.face.mesh
    if another or one is None or other is None:
        return apart
    differences = (
        abs(a.face.roll_deg - b.face.roll_deg) / ROLL_SCALE_DEG
        + abs(math.log2(max(a.face.box.height, 1.0) / max(b.face.box.height, 1.0))) / SIZE_SCALE
        + abs(one.smile - other.smile) / SMILE_SCALE
        + abs(one.jaw_open - other.jaw_open) / JAW_SCALE
    )
    return max(apart, TWIN_SIMILARITY * pose * math.exp(-differences))
