"""Where a face is between two looks for faces."""

from __future__ import annotations

from dataclasses import dataclass

from fancam.records import Box

MAX_MOVE = 2.0
"""In face widths: two faces farther apart than this are not taken for the same one."""
MAX_GROWTH = 2.0
"""Ratio of the heights of two faces that may be the same one."""


@dataclass(frozen=True, slots=True)
class FacesAt:
    """The faces found at one time, in pixels of the upright full frame, largest first."""

    time_s: float
    boxes: tuple[Box, ...]


@dataclass(frozen=True, slots=True)
class Place:
    """A face known on one or both sides of a stretch of time."""

    start: Box
    end: Box
    start_s: float
    end_s: float
    from_s: float
    """The place holds from here …"""
    until_s: float
    """… until here, both included."""

    def at(self, time_s: float) -> Box | None:
        """Return the interpolated box, None outside the time the place holds for."""
        if not self.from_s <= time_s <= self.until_s:
            return None
        span = self.end_s - self.start_s
        share = min(max((time_s - self.start_s) / span, 0.0), 1.0) if span > 0 else 0.0
        a, b = self.start, self.end
        return Box(
            a.x0 + (b.x0 - a.x0) * share, a.y0 + (b.y0 - a.y0) * share,
            a.x1 + (b.x1 - a.x1) * share, a.y1 + (b.y1 - a.y1) * share,
        )  # fmt: skip


def places_between(before: FacesAt | None, after: FacesAt | None) -> list[Place]:
    """Pair the faces of two looks and return where each is in between.

    A face without a partner stays where it was seen, for the half of the time that is nearer to it; where only one
    look exists (a shot's end), its faces hold for all of the time.
    """
    if before is None or after is None or before.time_s == after.time_s:
        only = before or after
        always = (float("-inf"), float("inf"))
        return [Place(box, box, only.time_s, only.time_s, *always) for box in only.boxes] if only else []
    pairs = _paired(before.boxes, after.boxes)
    places = [
        Place(before.boxes[i], after.boxes[j], before.time_s, after.time_s, float("-inf"), float("inf"))
        for i, j in pairs
    ]
    middle = (before.time_s + after.time_s) / 2
    paired_before, paired_after = {i for i, _ in pairs}, {j for _, j in pairs}
    places += [
        Place(box, box, before.time_s, before.time_s, float("-inf"), middle)
        for i, box in enumerate(before.boxes)
        if i not in paired_before
    ]
    places += [
        Place(box, box, after.time_s, after.time_s, middle, float("inf"))
        for j, box in enumerate(after.boxes)
        if j not in paired_after
    ]
    return places


def _paired(a: tuple[Box, ...], b: tuple[Box, ...]) -> list[tuple[int, int]]:
    """Return index pairs of faces that may be the same, the nearest first."""
    costs = sorted((cost, i, j) for i, p in enumerate(a) for j, q in enumerate(b) if (cost := _cost(p, q)) is not None)
    pairs: list[tuple[int, int]] = []
    for _, i, j in costs:
        if all(i != used_i and j != used_j for used_i, used_j in pairs):
            pairs.append((i, j))
    return pairs


def _cost(a: Box, b: Box) -> float | None:
    (ax, ay), (bx, by) = a.centre, b.centre
    size = max(a.width, b.width, 1e-6)
    moved = ((ax - bx) ** 2 + (ay - by) ** 2) ** 0.5 / size
    growth = max(a.height, b.height) / max(min(a.height, b.height), 1e-6)
    return moved + (growth - 1) if moved <= MAX_MOVE and growth <= MAX_GROWTH else None
