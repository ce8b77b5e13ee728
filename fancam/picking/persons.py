"""What only the other looks at a person tell of one: how open their eyes usually are, and what covers their face."""

from __future__ import annotations

import dataclasses
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np

from fancam.picking.occlusion import (
    LEAST_LOOKS,
    Covered,
    Patch,
    covered_shares,
    steady_term,
    visible_term,
)
from fancam.picking.scoring import combined, term_weights
from fancam.picking.smear import edges_of, is_smeared
from fancam.picking.terms import USUAL_BLINK, eyes_term, turned_deg
from fancam.results import Face, Score, ScoredFace
from fancam.settings import PickSettings

USUAL_PERCENTILE = 40.0
"""Eyes are open for most of the time: what is usual lies a little on the open side of the median."""
FEW_LOOKS = 3
"""So many looks weigh as much as what is known of people in general."""
SHUT = 0.2
"""Eyes whose term is below this are shut, or nearly so."""
OPEN = 0.6
EYES_CLOSED = "eyes_closed"
NEAR_S = 0.3
"""Looks within this time of each other are one moment …"""
NEAR_DEG = 9.0
"""… and those whose yaw and pitch differ by less have the same edges."""
SMEARED = "smeared"


def judge_persons(
    scored: Sequence[ScoredFace], patches: Sequence[Patch], settings: PickSettings
) -> list[ScoredFace]:  # fmt: skip
    """Return the faces judged beside the other looks at the same person: the terms ``eyes`` and ``visible``.

    ``mouth`` and ``smile`` are None where something covers the mouth: the landmarks draw one into whatever is there.

    Who looks down, laughs much or is seen from below has narrow open eyes; what counts is the difference to their own.
    A face with shut eyes is rejected as ``eyes_closed`` where another look at the person has open ones; one that is
    smeared by motion as ``smeared`` where other looks within ``NEAR_S``, with nothing against them, are not.

    Args:
        scored: Every face that was looked at in one input, with its track.
        patches: Of each, from ``occlusion.face_patch``.
        settings: The weights.
    """
    looks: dict[tuple[int, int | None], list[int]] = defaultdict(list)
    for number, one in enumerate(scored):
        looks[one.candidate.shot, one.face.track].append(number)
    judged = list(scored)
    for numbers in looks.values():
        theirs = [scored[number] for number in numbers]
        usual = usual_blink([float(np.mean(one.face.mesh.blinks)) for one in theirs if one.face.mesh is not None])
        own, sides = [patches[number] for number in numbers], [_side_deg(one.face) for one in theirs]
        covered = covered_shares(own, sides)
        apart = _usual_apart(theirs)
        whys = [_terms(one, usual, what, apart) for one, what in zip(theirs, covered, strict=True)]
        has_open_eyes = any((why["eyes"] or 0.0) >= OPEN for why in whys)
        for number, one, why in zip(numbers, theirs, whys, strict=True):
            judged[number] = dataclasses.replace(one, score=_judged(one.score, why, settings, has_open_eyes))
        for number in _smeared([judged[number] for number in numbers], own, sides):
            one = judged[numbers[number]]
            judged[numbers[number]] = dataclasses.replace(one, score=Score(0.0, one.score.why, SMEARED))
    return judged


def _smeared(
    looks: Sequence[ScoredFace], patches: Sequence[Patch], sides_deg: Sequence[tuple[float, float]]
) -> list[int]:  # fmt: skip
    """Return which looks at a person are smeared beside the sound ones a moment away that show the same side."""
    edges, sides = [edges_of(patch) for patch in patches], np.asarray(sides_deg)
    times = np.array([one.candidate.time_s for one in looks])
    sound = np.array([one.score.rejected is None for one in looks])
    # What covers a face may be sharp where the face is not.
    clear = sound & [one.score.why["visible"] in (None, 1.0) for one in looks]
    found = []
    for number in np.flatnonzero(sound):
        near = clear & (np.abs(times - times[number]) <= NEAR_S)
        near &= (np.abs(sides - sides[number]) < NEAR_DEG).all(axis=1)
        near[number] = False
        if is_smeared(edges[number], [edges[other] for other in np.flatnonzero(near)]):
            found.append(int(number))
    return found


def _side_deg(face: Face) -> tuple[float, float]:
    """Return yaw and pitch of a head; without dense landmarks the pitch is not known and taken for 0."""
    return face.mesh.pose_deg[:2] if face.mesh is not None else (math.copysign(turned_deg(face), face.yaw_proxy), 0.0)


def _usual_apart(looks: Sequence[ScoredFace]) -> float | None:
    """Return ``FaceMesh.apart`` as it usually is of a person; None where too few looks tell."""
    found = [one.face.mesh.apart for one in looks if one.face.mesh is not None]
    return float(np.percentile(found, USUAL_PERCENTILE)) if len(found) >= LEAST_LOOKS else None


def _terms(
    one: ScoredFace, usual: float, covered: Covered | None, usual_apart: float | None
) -> dict[str, float | None]:  # fmt: skip
    mesh = one.face.mesh
    visible = [] if covered is None else [visible_term(covered.share)]
    if mesh is not None and usual_apart is not None:
        visible.append(steady_term(mesh.apart, usual_apart))
    hidden = dict.fromkeys(("mouth", "smile")) if covered is not None and covered.mouth else {}
    return {
        **one.score.why,
        **hidden,
        "eyes": None if mesh is None else round(eyes_term(mesh, usual), 4),
        "visible": round(min(visible), 4) if visible else None,
    }


def _judged(score: Score, why: Mapping[str, float | None], settings: PickSettings, has_open_eyes: bool) -> Score:
    eyes = why["eyes"]
    shut = has_open_eyes and eyes is not None and eyes < SHUT
    rejected = score.rejected or (EYES_CLOSED if shut else None)
    return Score(0.0 if rejected else combined(why, term_weights(settings)), MappingProxyType(why), rejected)


def usual_blink(blinks: Sequence[float]) -> float:
    """Return how far the eyes of a person are usually closed, from the mean of both eyes in each look at them.

    With few looks it is drawn to what is usual of people in general; that itself with none.
    """
    own = float(np.percentile(blinks, USUAL_PERCENTILE)) if blinks else 0.0
    return (len(blinks) * own + FEW_LOOKS * USUAL_BLINK) / (len(blinks) + FEW_LOOKS)
