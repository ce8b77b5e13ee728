"""Groups: which tracklets are one person where nobody was named, by likeness and by who is seen together."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Sequence

import numpy as np
import numpy.typing as npt

from fancam.identity.tracklets import Tracklet

SAME_PERSON = 0.4
"""Cosine of two means from which on they may be one person, where no two of the material show a better limit. Between
0.35 and 0.5 benchmark ``members`` comes out the same; two people seen together come to 0.31 at most, under coloured
light and blur to 0.53."""
SEEN_MARGIN = 0.05
"""How much more alike than people who were seen together: what the material shows to be different people is the better
limit, since none holds for every group."""
SEEN_PERCENTILE = 95.0
"""Of the cosines of people seen together: a few blurred looks among hundreds of pairs do not make the limit."""
SURELY_SAME = 0.65
"""Beyond this two faces of one frame are rather one person and their picture on the wall behind them."""
FOUNDER_PX = 32.0
"""Height of a face that may found a group; smaller ones join first, and found one only together."""
JOINING_MARGIN = 0.08
"""How much more alike than the next group: what is too small to found a group joins one by margin, or none."""


def apart_by_frames(tracklets: Sequence[Tracklet]) -> npt.NDArray[np.bool_]:
    """Return (N, N) whether two tracklets were seen in one frame, and so are two people; false on the diagonal."""
    apart = np.zeros((len(tracklets), len(tracklets)), bool)
    seen: dict[Hashable, list[int]] = defaultdict(list)
    for number, one in enumerate(tracklets):
        for frame in one.frames:
            seen[frame].append(number)
    for together in seen.values():
        apart[np.ix_(together, together)] = True
    np.fill_diagonal(apart, False)
    return apart


def group(
    tracklets: Sequence[Tracklet], *, count: int | None = None, other: npt.NDArray[np.bool_] | None = None
) -> list[int | None]:  # fmt: skip
    """Return for each tracklet the number of its person: the place of the person's first tracklet in the order given.

    The most alike first, tracklets are joined while their means are as alike as those of one person (centroid linkage:
    poor looks lower the mean of all pairs, but hardly the cosine of two means) and no two of them were seen in one
    frame; with ``count`` until so many people are left. Fragments, and faces too small to found a group, join the
    nearest by margin afterwards; several small ones that join nobody may be one more person.

    Args:
        tracklets: In a fixed order.
        count: How many people there are; None where that is not known.
        other: (N, N) whether two are known to be two people beside those of one frame; None where nothing is known.

    Returns:
        None for a fragment or a small face that is no person's more than another's.
    """
    if not tracklets:
        return []
    together = apart_by_frames(tracklets)
    apart = together if other is None else together | other
    whole = [n for n, one in enumerate(tracklets) if not one.fragment] or list(range(len(tracklets)))
    high = [n for n in whole if tracklets[n].height_px >= FOUNDER_PX]
    founders = high if high and count is None else whole  # where the number is known everybody counts
    vectors = np.stack([one.vector for one in tracklets])
    among = np.ix_(founders, founders)
    limit = _limit((vectors @ vectors.T)[together])
    linked = _linked(vectors[founders], apart[among], limit if count is None else -np.inf, count or 1)
    groups: list[int | None] = [None] * len(tracklets)
    for number, index in zip(founders, linked, strict=True):
        groups[number] = founders[int(index)]
    _join_small(tracklets, groups, apart)
    if count is None:
        _found_small(vectors, [n for n in whole if groups[n] is None], groups, apart, limit)
    first: dict[int, int] = {}
    for number, person in enumerate(groups):
        if person is not None:
            first.setdefault(person, number)
    return [None if person is None else first[person] for person in groups]


def _found_small(
    vectors: npt.NDArray[np.floating], small: list[int], groups: list[int | None], apart: npt.NDArray[np.bool_],
    limit: float,
) -> None:  # fmt: skip
    """Let small faces that joined nobody be a person where several of them are one: who is only seen from afar."""
    if not small:
        return
    linked = _linked(vectors[small], apart[np.ix_(small, small)], limit, 1)
    for number, index in zip(small, linked, strict=True):
        if (linked == index).sum() > 1:
            groups[number] = small[int(index)]


def _linked(
    vectors: npt.NDArray[np.floating], apart: npt.NDArray[np.bool_], limit: float, least: int
) -> npt.NDArray[np.intp]:  # fmt: skip
    """Return (N,) the lowest number of each vector's group, by centroid linkage; no group has two that are apart."""
    stacked = vectors.astype(np.float64)
    total = stacked @ stacked.T  # of the products between the members of two groups
    apart = apart | np.eye(len(vectors), dtype=bool)
    groups = np.arange(len(vectors))
    alike = np.where(apart, -np.inf, total / np.sqrt(np.outer(total.diagonal(), total.diagonal())))
    for _ in range(len(vectors) - least):
        first, second = divmod(int(alike.argmax()), len(vectors))  # the first of equals, so that first < second
        if alike[first, second] == -np.inf or alike[first, second] < limit:
            break
        total[first] += total[second]
        total[:, first] += total[:, second]
        apart[first] |= apart[second]
        apart[:, first] |= apart[:, second]
        apart[second], apart[:, second] = True, True
        groups[groups == second] = first
        alike[second], alike[:, second] = -np.inf, -np.inf
        lengths = np.sqrt(np.maximum(total[first, first] * total.diagonal(), 1e-24))
        alike[first] = np.where(apart[first], -np.inf, total[first] / lengths)
        alike[:, first] = alike[first]
    return groups


def _limit(together: npt.NDArray[np.floating]) -> float:
    """Return the cosine of one person, from those of people who were seen together."""
    shown = float(np.percentile(together, SEEN_PERCENTILE)) + SEEN_MARGIN if len(together) else 0.0
    return min(max(SAME_PERSON, shown), SURELY_SAME)


def _join_small(
    tracklets: Sequence[Tracklet], groups: list[int | None], apart: npt.NDArray[np.bool_]
) -> None:  # fmt: skip
    """Let what founded no group join one, the surest first, where nobody of it was seen beside them."""
    found = [person for person in dict.fromkeys(groups) if person is not None]
    small = [number for number, person in enumerate(groups) if person is None]
    if not small:
        return
    centres = np.stack([
        np.mean([tracklets[n].vector for n, person in enumerate(groups) if person == one], axis=0) for one in found
    ]).astype(np.float64)  # fmt: skip
    centres /= np.maximum(np.linalg.norm(centres, axis=1, keepdims=True), 1e-12)
    cosines = np.stack([tracklets[n].vector for n in small]).astype(np.float64) @ centres.T
    ordered = np.sort(cosines, axis=1)
    margins = ordered[:, -1] - (ordered[:, -2] if len(found) > 1 else 0.0)
    for index in np.argsort(-margins, kind="stable"):
        number, person = small[index], found[int(cosines[index].argmax())]
        alike = cosines[index].max() >= SAME_PERSON and margins[index] >= JOINING_MARGIN
        if alike and not any(apart[number, n] for n, one in enumerate(groups) if one == person):
            groups[number] = person
