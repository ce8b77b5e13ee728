"""Where a card that covers a picture lies on it: as much real bleed as possible, no face lost. Arithmetic only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fancam.geometry import Box
from fancam.results import CardGeometry

SUBJECT_LINE = 0.42
"""Height of the subjects' middle from the top edge, over the height of the cut card: between the middle and the upper
third line of portrait photography (0.33)."""

SIZES = 9
"""Sizes that are tried between the outer size and the trim filling the picture."""

STEPS = 25
"""Places that are tried along a side, besides those where a subject touches the safe zone."""

CUT, GONE = 1.5, 1.0
"""Cost of a subject that the cut goes through, and of one that is left out: a halved face is the worst."""

GONE_SHARE = 0.9
"""From this share outside the trim on a subject reads as left out."""

LOSS, SYNTHESISED = 100.0, 1.0
"""Weights of lost subjects and of the share of bleed that must be synthesised, beside the squared distance to the ideal
place over the size of the card: subjects first, then real bleed, then the place."""

Values = npt.NDArray[np.float64]


MAIN_SHARE = 0.5
"""A face lower than this share of the highest one is a bystander."""


def main_subjects(faces: Sequence[Box]) -> list[Box]:
    """Return the faces that a card is about: not the bystanders, which nothing asks to be in the safe zone."""
    highest = max((face.height for face in faces), default=0.0)
    return [face for face in faces if face.height >= MAIN_SHARE * highest]


@dataclass(frozen=True, slots=True)
class CoverRequest:
    """A picture, the card, and what the card should show."""

    width: float
    height: float
    card: CardGeometry
    subjects: tuple[Box, ...]
    safe_mm: float
    border_mm: float

    @property
    def seen(self) -> tuple[Box, ...]:
        """The subjects as far as the picture shows them."""
        inside = (subject.clipped(self.width, self.height) for subject in self.subjects)
        return tuple(subject for subject in inside if subject.area > 0)

    @property
    def margin_mm(self) -> float:
        """How far inside the trim subjects should lie."""
        return max(self.safe_mm, self.border_mm)

    def px_per_mm(self, inset_mm: float) -> float:
        """Return the scale at which the card less this much on every side just lies inside the picture."""
        card = self.card
        return min(
            self.width / (card.outer_width_mm - 2 * inset_mm), self.height / (card.outer_height_mm - 2 * inset_mm)
        )  # fmt: skip


def best_placement(request: CoverRequest) -> Box:
    """Return the outer box; it has the card's proportions, and the trim (less the border) lies inside the picture."""
    wanted_mm = request.card.bleed_mm + request.border_mm if request.border_mm > 0 else 0.0
    smallest = request.px_per_mm(wanted_mm)
    subjects = request.seen
    middle = request.width / 2, request.height / 2
    if not subjects:
        return _outer(request, smallest, *middle)
    best = _search(request, smallest, subjects, subjects)
    kept = [
        subject
        for subject in subjects
        if _lost_share(subject, request.card.inset(best, request.card.bleed_mm)) < GONE_SHARE
    ]
    return _search(request, smallest, subjects, kept or subjects)


def _search(request: CoverRequest, smallest: float, subjects: Sequence[Box], kept: Sequence[Box]) -> Box:
    """Return the cheapest outer box; the ideal place is that of the subjects in ``kept``."""
    found: tuple[float, Box] | None = None
    around = Box(
        min(box.x0 for box in kept), min(box.y0 for box in kept),
        max(box.x1 for box in kept), max(box.y1 for box in kept),
    )  # fmt: skip
    for px_per_mm in _sizes(request, smallest, around):
        costs, xs, ys = _costs(request, px_per_mm, subjects, around)
        row, column = np.unravel_index(int(np.argmin(costs)), costs.shape)
        cost = float(costs[row, column])
        if found is None or cost < found[0] - 1e-9:
            found = cost, _outer(request, px_per_mm, float(xs[column]), float(ys[row]))
    if found is None:
        raise AssertionError("there is always a size to try")
    return found[1]


def _sizes(request: CoverRequest, smallest: float, around: Box) -> list[float]:
    """Return the pixels per mm to try, smallest first: all bleed real, then as much larger as the subjects need."""
    largest = max(request.px_per_mm(request.card.bleed_mm + request.border_mm), smallest)
    free = request.card.width_mm - 2 * request.margin_mm, request.card.height_mm - 2 * request.margin_mm
    sizes = {smallest, *(float(size) for size in np.linspace(smallest, largest, SIZES))}
    if min(free) > 0:
        needed = max(around.width / free[0], around.height / free[1])
        sizes.add(min(max(needed, smallest), largest))
    return sorted(sizes)


def _costs(
    request: CoverRequest, px_per_mm: float, subjects: Sequence[Box], around: Box
) -> tuple[Values, Values, Values]:
    """Return what every place costs, (rows, columns), and the middles of the card that were tried along x and y."""
    card = request.card
    width, height = card.width_mm * px_per_mm, card.height_mm * px_per_mm
    safe, bleed, border = (mm * px_per_mm for mm in (request.margin_mm, card.bleed_mm, request.border_mm))
    ideal_x, ideal_y = around.centre[0], around.centre[1] + (0.5 - SUBJECT_LINE) * height
    wanted = bleed if request.border_mm == 0 else -border
    xs = _places(ideal_x, width, request.width, wanted, -border, [(b.x0 - safe, b.x1 + safe) for b in subjects])
    ys = _places(ideal_y, height, request.height, wanted, -border, [(b.y0 - safe, b.y1 + safe) for b in subjects])
    x, y = xs[None, :], ys[:, None]
    total = sum(subject.area for subject in subjects)
    cost = ((x - ideal_x) / width) ** 2 + ((y - ideal_y) / height) ** 2
    for subject in subjects:
        cost = cost + LOSS * subject.area / total * _loss(subject, x, y, width, height, safe)
    if request.border_mm == 0 and bleed > 0:
        cost = cost + SYNTHESISED * _synthesised(request, x, y, width, height, bleed)
    return cost, xs, ys


def _places(
    ideal: float, length: float, limit: float, wanted: float, must: float, spans: Sequence[tuple[float, float]]
) -> Values:
    """Return the middles to try along one side: ideal ones, those where a subject just is safe, and a grid.

    ``wanted`` and ``must`` are how far beyond the trim the picture should reach and has to reach.
    """
    low, high = _range(length / 2 + must, limit)
    good_low, good_high = _range(length / 2 + wanted, limit)
    touching = [edge for start, end in spans for edge in (start + length / 2, end - length / 2)]
    tried = [min(max(ideal, good_low), good_high), ideal, *touching, *np.linspace(low, high, STEPS)]
    return np.clip(np.array([*tried, *np.clip(touching, good_low, good_high)]), low, high)


def _range(half: float, limit: float) -> tuple[float, float]:
    return (half, limit - half) if 2 * half < limit else (limit / 2, limit / 2)


def _loss(subject: Box, x: Values, y: Values, width: float, height: float, safe: float) -> Values:
    """Return what becomes of a subject: 0 inside the safe zone, up to 0.5 in its margin, ``CUT`` or ``GONE``."""
    margin = np.minimum(
        np.minimum(subject.x0 - (x - width / 2), (x + width / 2) - subject.x1),
        np.minimum(subject.y0 - (y - height / 2), (y + height / 2) - subject.y1),
    )
    across = np.minimum(subject.x1, x + width / 2) - np.maximum(subject.x0, x - width / 2)
    down = np.minimum(subject.y1, y + height / 2) - np.maximum(subject.y0, y - height / 2)
    lost = 1 - np.maximum(across, 0) * np.maximum(down, 0) / subject.area
    near = 0.5 * np.clip((safe - margin) / safe, 0, 1) if safe > 0 else np.zeros_like(margin)
    cut = CUT + 0.1 * lost
    return np.where(lost > GONE_SHARE, GONE, np.where(lost > 1e-9, cut, near))


def _lost_share(subject: Box, trim: Box) -> float:
    return 1 - subject.intersection(trim).area / subject.area


def _synthesised(request: CoverRequest, x: Values, y: Values, width: float, height: float, bleed: float) -> Values:
    """Return the share of the bleed's area that lies outside the picture."""
    half_x, half_y = width / 2 + bleed, height / 2 + bleed
    across = np.minimum(x + half_x, request.width) - np.maximum(x - half_x, 0)
    down = np.minimum(y + half_y, request.height) - np.maximum(y - half_y, 0)
    outer = 4 * half_x * half_y
    return np.clip((outer - across * down) / (outer - width * height), 0, 1)


def _outer(request: CoverRequest, px_per_mm: float, x: float, y: float) -> Box:
    half_x, half_y = request.card.outer_width_mm * px_per_mm / 2, request.card.outer_height_mm * px_per_mm / 2
    return Box(
        _snapped(x - half_x, 0), _snapped(y - half_y, 0), _snapped(x + half_x, request.width),
        _snapped(y + half_y, request.height),
    )  # fmt: skip


def _snapped(value: float, edge: float) -> float:
    """Return the picture's edge for a value that differs from it by rounding only."""
    return edge if abs(value - edge) < 1e-6 else value
