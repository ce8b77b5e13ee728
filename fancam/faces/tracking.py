"""Which faces at different moments of a shot are one person: position and size only, no recognition.

Candidates are 0.3 to 2 s apart, so boxes of one face often do not overlap and motion models have nothing to hold on to.
What stays small is the way a face moved, measured in face sizes: a fancam follows its subject. At equal size that
distance says all that overlap says, and it goes on saying it where the overlap is 0.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from fancam.results import Candidate, Face

MAX_GAP_S = 3.0
"""A face not seen for longer starts a new track: short tracks are right more often than long ones when dancers in the
same costume cross (DanceTrack, Sun et al. 2022: even with perfect boxes, trackers lose half of the identities)."""

BASE_DISTANCE = 0.6
"""How far a face may be from where it was, in face sizes, without any time passing."""

DISTANCE_PER_S = 1.2
"""How much farther per second: about one head per second, a fast step to the side."""

MAX_DISTANCE = 2.5
"""Never farther than this: beside a person about this wide the next person stands."""

BASE_SIZE_STEPS = 0.5
"""How much a face may grow or shrink, as logarithm to base 2: a factor of 1.4."""

SIZE_STEPS_PER_S = 0.4
"""How much more per second: a zoom of 1.3 times per second."""

MAX_SIZE_STEPS = 1.3
"""Never more than a factor of 2.5."""


@dataclass(slots=True)
class _Track:
    number: int
    face: Face
    time_s: float


class FaceTracker:
    """Gives faces track numbers, moment after moment.

    Faces of one moment never share a track. A track never goes on across a change of shot or a gap of more than
    ``MAX_GAP_S``. Numbers start at 0 and are not used twice. Same input, same numbers.
    """

    def __init__(self) -> None:
        self._tracks: list[_Track] = []
        self._next = 0
        self._shot: int | None = None
        self._time_s = -math.inf

    def update(self, candidate: Candidate, faces: Sequence[Face]) -> list[Face]:
        """Return the faces of the next moment, in the given order, each with its ``track``.

        Raises:
            ValueError: The moment lies before the last one of the same shot.
        """
        if candidate.shot != self._shot:
            self._tracks, self._shot = [], candidate.shot
        elif candidate.time_s < self._time_s:
            raise ValueError(f"moments must come in time order: {candidate.time_s} s after {self._time_s} s")
        self._time_s = candidate.time_s
        self._tracks = [track for track in self._tracks if candidate.time_s - track.time_s <= MAX_GAP_S]
        costs = np.array([[self._cost(track, face) for track in self._tracks] for face in faces], float)
        chosen = assign(costs.reshape(len(faces), len(self._tracks)))
        tracked, known = [], list(self._tracks)
        for face, index in zip(faces, chosen, strict=True):
            if index is None:
                track = _Track(self._next, face, candidate.time_s)
                self._next += 1
                self._tracks.append(track)
            else:
                track = known[index]
                track.face, track.time_s = face, candidate.time_s
            tracked.append(replace(face, track=track.number))
        return tracked

    def _cost(self, track: _Track, face: Face) -> float:
        return link_cost(track.face, face, self._time_s - track.time_s)


def link_cost(before: Face, after: Face, gap_s: float) -> float:
    """Return how unlikely it is that the two are one face, 0 for the same place and size; infinite beyond the limits.

    The squares of the distance, in face sizes, and of the change of size, each relative to its limit. Squares, because
    then two people who both move a little beat one who stays and one who jumps (a camera that pans moves everyone).
    """
    size_before, size_after = _size(before), _size(after)
    (ax, ay), (bx, by) = before.box.centre, after.box.centre
    distance = math.hypot(bx - ax, by - ay) / math.sqrt(size_before * size_after)
    steps = abs(math.log2(size_after / size_before))
    distance_limit = min(BASE_DISTANCE + DISTANCE_PER_S * gap_s, MAX_DISTANCE)
    steps_limit = min(BASE_SIZE_STEPS + SIZE_STEPS_PER_S * gap_s, MAX_SIZE_STEPS)
    if distance > distance_limit or steps > steps_limit:
        return math.inf
    return distance**2 + (steps / steps_limit) ** 2 * 0.5


def _size(face: Face) -> float:
    return math.sqrt(max(face.box.area, 1.0))


def assign(costs: npt.NDArray[np.float64]) -> list[int | None]:
    """Return for each row the column it is matched to: as many matches as can be, then the smallest sum of costs.

    Shortest augmenting paths with potentials (Jonker and Volgenant 1987). Infinite costs are never matched; each
    row has a column of its own for "none", dearer than all finite costs together.

    Args:
        costs: (R, C), finite ones 0 or more.
    """
    rows, columns = costs.shape
    finite = costs[np.isfinite(costs)]
    none_cost = float(finite.sum()) + 1.0
    forbidden = none_cost * (rows + 1) + 1.0
    table = np.full((rows, columns + rows), forbidden)
    table[:, :columns] = np.where(np.isfinite(costs), costs, forbidden)
    table[np.arange(rows), columns + np.arange(rows)] = none_cost
    owner = _shortest_augmenting_paths(table)
    matched: list[int | None] = [None] * rows
    for column in range(columns):
        if owner[column] >= 0:
            matched[owner[column]] = column
    return matched


def _shortest_augmenting_paths(table: npt.NDArray[np.float64]) -> npt.NDArray[np.intp]:
    """Return for each column of a (R, C) table, R <= C, the row that owns it in the cheapest full matching, or -1."""
    rows, columns = table.shape
    owner = np.full(columns + 1, -1)  # the last entry is the root from which each row is added
    row_potential, column_potential = np.zeros(rows), np.zeros(columns + 1)
    for row in range(rows):
        column, owner[columns] = columns, row
        distance, previous = np.full(columns, np.inf), np.full(columns, -1)
        visited = np.zeros(columns + 1, bool)
        while owner[column] >= 0:
            visited[column] = True
            free = ~visited[:columns]
            reduced = table[owner[column]] - row_potential[owner[column]] - column_potential[:columns]
            nearer = free & (reduced < distance)
            distance[nearer], previous[nearer] = reduced[nearer], column
            following = int(np.argmin(np.where(free, distance, np.inf)))
            step = distance[following]
            row_potential[owner[visited]] += step
            column_potential[visited] -= step
            distance[free] -= step
            column = following
        while column != columns:
            owner[column] = owner[previous[column]]
            column = previous[column]
        owner[columns] = -1
    return owner[:columns]


def track_faces(moments: Sequence[tuple[Candidate, Sequence[Face]]]) -> list[list[Face]]:
    """Return the faces of each moment with their ``track``, moments and faces in the given order.

    Args:
        moments: Candidates of one input with the faces found there, in any order.
    """
    tracker = FaceTracker()
    tracked: list[list[Face]] = [[] for _ in moments]
    order = sorted(range(len(moments)), key=lambda i: (moments[i][0].shot, moments[i][0].time_s, moments[i][0].pts))
    for index in order:
        tracked[index] = tracker.update(*moments[index])
    return tracked
