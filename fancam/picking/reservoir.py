"""The best moments of a video of any length in a bounded amount of memory, and the choice among them."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from fancam.records import Candidate

MAX_SLOTS = 4096
FIRST_SLOT_S = 0.05
PER_SLOT = 2
COVERAGE_SHARE = 0.4
"""Share of the shortlist that is spread evenly over the video, in case the scan misjudged what is sharp."""
CROWD_S, CROWD_SIZE = 0.3, 3
"""No more than this many of the others within so many seconds of each other: they are one moment."""


@dataclass(frozen=True, slots=True)
class Moment:
    """A frame as the scan saw it."""

    pts: int
    time_s: float
    shot: int
    value: float
    """0 to 1: sharpness of its best face, weighed by size."""


class Reservoir:
    """Keeps the best few moments of each slot of time; when the slots become too many, neighbours are merged."""

    def __init__(self, duration_s: float | None) -> None:
        known = duration_s if duration_s is not None and math.isfinite(duration_s) else 0.0
        self._slot_s = FIRST_SLOT_S
        while known / self._slot_s > MAX_SLOTS:
            self._slot_s *= 2
        self._slots: dict[int, list[Moment]] = {}

    def add(self, moment: Moment) -> None:
        """Keep a moment if it is among the best of its slot."""
        self._put(moment)
        while len(self._slots) > MAX_SLOTS:
            self._slot_s *= 2
            moments = [m for slot in self._slots.values() for m in slot]
            self._slots = {}
            for kept in moments:
                self._put(kept)

    def _put(self, moment: Moment) -> None:
        slot = self._slots.setdefault(math.floor(moment.time_s / self._slot_s), [])
        slot.append(moment)
        slot.sort(key=lambda m: (-m.value, m.pts))
        del slot[PER_SLOT:]

    def __len__(self) -> int:
        return sum(len(slot) for slot in self._slots.values())

    def best(self, limit: int) -> list[Candidate]:
        """Return at most ``limit`` moments, ascending in time."""
        return shortlisted([m for slot in self._slots.values() for m in slot], limit)


def shortlisted(moments: Iterable[Moment], limit: int) -> list[Candidate]:
    """Choose at most ``limit`` moments: some spread evenly over the time, the others the best, not all in one place.

    Each is judged by its value and by how that compares with the best of its shot, so that a shot in poor light is
    not passed over for want of contrast.
    """
    ranked = sorted(_relative(list(moments)), key=lambda c: (-c.scan_score, c.pts))
    chosen: dict[int, Candidate] = {}
    if ranked:
        start = min(c.time_s for c in ranked)
        windows = max(round(limit * COVERAGE_SHARE), 1)
        window_s = max((max(c.time_s for c in ranked) - start) / windows, 1e-9)
        covered: set[int] = set()
        for c in ranked:
            window = min(int((c.time_s - start) / window_s), windows - 1)
            if window not in covered and len(chosen) < limit:
                covered.add(window)
                chosen[c.pts] = c
    for crowd in (CROWD_SIZE, len(ranked)):  # when there is room left, crowds are welcome
        for c in ranked:
            if len(chosen) >= limit:
                break
            if c.pts not in chosen and _near(c, chosen.values()) < crowd:
                chosen[c.pts] = c
    return sorted(chosen.values(), key=lambda c: c.pts)


def _near(candidate: Candidate, others: Iterable[Candidate]) -> int:
    return sum(abs(candidate.time_s - c.time_s) < CROWD_S for c in others)


def _relative(moments: list[Moment]) -> list[Candidate]:
    best: dict[int, float] = {}
    for m in moments:
        best[m.shot] = max(best.get(m.shot, 0.0), m.value)
    return [Candidate(m.pts, m.time_s, round(_in_shot(m.value, best[m.shot]), 6), m.shot) for m in moments]


def _in_shot(value: float, best_of_shot: float) -> float:
    return value * (0.5 + 0.5 * value / best_of_shot) if best_of_shot > 0 else 0.0
