"""Names: who of a roster each person is, by margin and by who is seen together; unsure rather than wrong."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from fancam.identity.roster import Roster
from fancam.identity.tracklets import Tracklet
from fancam.results import Naming

FLOOR = 0.35
"""Cosine with a member below which somebody is none of them, however far the next member is. Strangers come to 0.28 in
photos and films (benchmark ``members``); between 0.2 and 0.35 the limit changes nothing there."""
MARGIN = 0.10
"""How much nearer than the second nearest: no limit alone holds for every group, a margin does. From 0.03 to 0.10 it
changes nothing in benchmark ``members``, at 0.15 a twentieth of the faces is not named any more."""
CLEAR_MARGIN = 0.2
"""How much nearer than the second nearest somebody is who is clearly that member, whatever group they seem to be of."""
LONE_FLOOR = 0.45
"""The floor where there is no second member to be nearer than."""


def name_people(
    people: Sequence[Tracklet], roster: Roster, apart: npt.NDArray[np.bool_] | None = None
) -> list[Naming]:  # fmt: skip
    """Return who each person is.

    The surest first, by margin, each gets the nearest member that nobody has who is seen beside them; where that is
    too unlike, or hardly nearer than the next, the person stays unsure. Somebody whose own nearest member stands beside
    them under that name is not given the next one: they are likelier to be nobody of the roster.

    Args:
        people: In any order.
        roster: Who may be meant.
        apart: (N, N) whether two are certainly not one person; None where nothing is known.

    Returns:
        For each person a ``Naming``; ``member`` is None where nobody is near enough.
    """
    if not people:
        return []
    cosines = roster.similarities(np.stack([one.vector for one in people]))
    order = np.argsort(-cosines, axis=1, kind="stable")
    found: list[Naming] = []
    for row, nearest in zip(cosines, order, strict=True):
        first, second = int(nearest[0]), int(nearest[1]) if len(roster) > 1 else None
        found.append(Naming(
            roster.names[first], float(row[first]), None if second is None else roster.names[second],
            None if second is None else float(row[second]),
        ))  # fmt: skip
    named = [is_sure(one) for one in found]
    by_margin = sorted(range(len(people)), key=lambda n: (-_sureness(found[n]), n))
    taken: list[int] = []
    for number in by_margin:
        if not named[number]:
            continue
        beside = [] if apart is None else [other for other in taken if apart[number, other]]
        if any(found[other].nearest == found[number].nearest for other in beside):
            named[number] = False
        else:
            taken.append(number)
    return [one.as_named(name) for one, name in zip(found, named, strict=True)]


def are_others(tracklets: Sequence[Tracklet], roster: Roster) -> npt.NDArray[np.bool_]:
    """Return (N, N) whether two are so clearly two members, each by itself, that they are no one person."""
    cosines = roster.similarities(np.stack([one.vector for one in tracklets]))
    best = np.sort(cosines, axis=1)[:, ::-1]
    clear = (best[:, 0] >= LONE_FLOOR) & (best[:, 0] - (best[:, 1] if len(roster) > 1 else 0.0) >= CLEAR_MARGIN)
    member = cosines.argmax(axis=1)
    return np.asarray((member[:, None] != member) & clear[:, None] & clear)


def is_sure(naming: Naming) -> bool:
    """Whether the nearest member is near enough, and nearer than the next."""
    if naming.margin is None:
        return naming.similarity >= LONE_FLOOR
    return naming.similarity >= FLOOR and naming.margin >= MARGIN


def _sureness(naming: Naming) -> float:
    return naming.similarity if naming.margin is None else naming.margin
