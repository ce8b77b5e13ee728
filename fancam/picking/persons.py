"""What only the other looks at a person tell of one: how open their eyes usually are."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Sequence
from types import MappingProxyType

import numpy as np

from fancam.picking.selection import combined, term_weights
from fancam.picking.terms import USUAL_BLINK, eyes_term
from fancam.results import Score, ScoredFace
from fancam.settings import PickSettings

USUAL_PERCENTILE = 40.0
"""Eyes are open for most of the time: what is usual lies a little on the open side of the median."""
FEW_LOOKS = 3
"""So many looks weigh as much as what is known of people in general."""
SHUT = 0.2
"""Eyes whose term is below this are shut, or nearly so."""
OPEN = 0.6
EYES_CLOSED = "eyes_closed"


def judge_eyes(scored: Sequence[ScoredFace], settings: PickSettings) -> list[ScoredFace]:
    """Return the faces with the term ``eyes`` judged against how open the eyes of the same person usually are.

    Who looks down, laughs much or is seen from below has narrow open eyes; what counts is the difference to their own.
    A face with shut eyes is rejected as ``eyes_closed`` where another look at the person has open ones.

    Args:
        scored: Every face that was looked at in one input, with its track.
        settings: The weights.
    """
    looks: dict[tuple[int, int | None], list[ScoredFace]] = defaultdict(list)
    for one in scored:
        looks[one.candidate.shot, one.face.track].append(one)
    usual = {person: _usual_blink(theirs) for person, theirs in looks.items()}
    judged = [_judged(one, usual[one.candidate.shot, one.face.track], settings) for one in scored]
    opened = {(one.candidate.shot, one.face.track) for one in judged if (one.score.why["eyes"] or 0.0) >= OPEN}
    return [
        dataclasses.replace(one, score=dataclasses.replace(one.score, value=0.0, rejected=EYES_CLOSED))
        if _is_shut(one.score) and (one.candidate.shot, one.face.track) in opened
        else one
        for one in judged
    ]


def _is_shut(score: Score) -> bool:
    eyes = score.why["eyes"]
    return score.rejected is None and eyes is not None and eyes < SHUT


def _usual_blink(looks: Sequence[ScoredFace]) -> float:
    blinks = [float(np.mean(one.face.mesh.blinks)) for one in looks if one.face.mesh is not None]
    if not blinks:
        return USUAL_BLINK
    own = float(np.percentile(blinks, USUAL_PERCENTILE))
    return (len(blinks) * own + FEW_LOOKS * USUAL_BLINK) / (len(blinks) + FEW_LOOKS)


def _judged(one: ScoredFace, usual_blink: float, settings: PickSettings) -> ScoredFace:
    if one.face.mesh is None:
        return one
    why = {**one.score.why, "eyes": round(eyes_term(one.face.mesh, usual_blink), 4)}
    value = 0.0 if one.score.rejected else combined(why, term_weights(settings))
    return dataclasses.replace(one, score=Score(value, MappingProxyType(why), one.score.rejected))
