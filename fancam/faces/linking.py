"""Which tracks of a video are one person: after a cut, or a moment out of the frame, a face has a new track."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np
import numpy.typing as npt

SAME_PERSON = 0.65
"""Cosine from which on two tracks may be one person; see ``DlibEmbedder``: pairs of one come to 0.8 on average,
strangers to 0, two East-Asian women to 0.5."""
MARGIN = 0.05
"""How much more alike than two people who were seen together: what this clip shows to be different people is the better
limit, since none holds for every group."""
SURELY_SAME = 0.78
"""Beyond this two faces of one frame are rather one person and their picture on the wall behind them."""


def link_tracks(
    vectors: Mapping[int, npt.NDArray[np.float32]], together: Collection[tuple[int, int]]
) -> dict[int, int]:  # fmt: skip
    """Return for each track the lowest number among the tracks of its person.

    The most alike first, tracks are joined while they are as alike on average as one person is (average linkage) and
    no two of them were seen in one frame.

    Args:
        vectors: Of each track an embedding of length 1.
        together: Pairs of tracks that were seen in one frame, which are certainly two people.
    """
    tracks = sorted(vectors)
    if not tracks:
        return {}
    place = {track: number for number, track in enumerate(tracks)}
    stacked = np.stack([vectors[track] for track in tracks]).astype(np.float64)
    total = stacked @ stacked.T  # of the cosines between the members of two groups
    apart = np.zeros(total.shape, bool)
    for a, b in together:
        if a in place and b in place:
            apart[place[a], place[b]] = apart[place[b], place[a]] = True
    shown_apart = float(total[apart].max()) + MARGIN if apart.any() else 0.0
    limit = min(max(SAME_PERSON, shown_apart), SURELY_SAME)
    np.fill_diagonal(apart, True)
    sizes, group = np.ones(len(tracks)), np.arange(len(tracks))
    while True:
        mean = np.where(apart, -np.inf, total / np.outer(sizes, sizes))
        first, second = divmod(int(mean.argmax()), len(tracks))  # the first of equals, so that first < second
        if mean[first, second] < limit:
            return {track: tracks[int(group[number])] for number, track in enumerate(tracks)}
        total[first] += total[second]
        total[:, first] += total[:, second]
        apart[first] |= apart[second]
        apart[:, first] |= apart[:, second]
        sizes[first] += sizes[second]
        apart[second], apart[:, second] = True, True
        group[group == second] = first
