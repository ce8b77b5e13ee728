"""Whose faces are whose: the embeddings of what was looked at, one number per person, the names of a roster."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Hashable, Sequence

import numpy as np
import numpy.typing as npt

from fancam import identity
from fancam.identity import Roster, Tracklet
from fancam.results import Naming, ScoredFace

Vectors = npt.NDArray[np.float32]


def weight_of(one: ScoredFace) -> float:
    """Return how much a face that was looked at says of who the person is, in (0, 1]; see ``look_weight``."""
    return identity.look_weight(one.face, one.score.why.get("sharpness"))


def tracklets_of(
    scored: Sequence[ScoredFace], vectors: Vectors, source: Hashable = None
) -> tuple[list[Tracklet], list[list[int]]]:  # fmt: skip
    """Return what is certainly one person of an input, in the order of time, and which faces each is made of.

    Args:
        scored: The faces that were looked at, tracked; a face without a track stands for itself.
        vectors: (N, D) of each.
        source: Tells frames of several inputs apart.
    """
    numbers: dict[Hashable, list[int]] = defaultdict(list)
    for number, one in enumerate(scored):
        numbers[("face", number) if one.face.track is None else one.face.track].append(number)
    made, parts = [], []
    for looks in numbers.values():
        weights = [weight_of(scored[n]) for n in looks]
        for run in identity.runs(vectors[looks], weights):
            own = looks[run]
            heights, frames = [scored[n].face.box.height for n in own], [(source, scored[n].candidate.pts) for n in own]
            made.append(identity.tracklet(vectors[own], weights[run], heights, frames, len(looks)))
            parts.append(own)
    return made, parts


def people_of(
    tracklets: Sequence[Tracklet], roster: Roster | None = None, count: int | None = None
) -> tuple[list[int | None], list[Naming | None]]:  # fmt: skip
    """Return for each tracklet the number of its person, and who that is.

    Args:
        tracklets: In the order of time.
        roster: Who may be meant; None names nobody.
        count: How many people there are; None where that is not known.

    Returns:
        Numbers as of ``group``; who is None there stands for themselves. Names, each None without a roster.
    """
    other = None if roster is None or not tracklets else identity.are_others(tracklets, roster)
    groups = identity.group(tracklets, count=count, other=other)
    if roster is None:
        return groups, [None] * len(tracklets)
    persons = [number if person is None else person for number, person in enumerate(groups)]
    order = list(dict.fromkeys(persons))
    people = [identity.merged([tracklets[n] for n, one in enumerate(persons) if one == person]) for person in order]
    named = dict(zip(order, identity.name_people(people, roster, identity.apart_by_frames(people)), strict=True))
    return groups, [named[person] for person in persons]


def as_people(
    scored: Sequence[ScoredFace], vectors: Vectors, roster: Roster | None = None
) -> list[ScoredFace]:  # fmt: skip
    """Return the faces of one input with one track for each person, also across cuts, and with their names."""
    tracklets, looks = tracklets_of(scored, vectors)
    groups, names = people_of(tracklets, roster)
    persons = [("alone", number) if one is None else one for number, one in enumerate(groups)]
    told, numbers = list(scored), {person: number for number, person in enumerate(dict.fromkeys(persons))}
    for own, person, naming in zip(looks, persons, names, strict=True):
        for look in own:
            face = dataclasses.replace(scored[look].face, track=numbers[person], naming=naming)
            told[look] = dataclasses.replace(scored[look], face=face)
    return told
