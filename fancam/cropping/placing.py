"""Where a card lies on a picture: whole heads first, then real bleed, then the place that is aimed at. Arithmetic only.

One cost rules for the card of a face (``framing.py``) and for the card that covers a picture (``composition.py``). They
differ in the sizes that they try, in the place that they aim at, and in what the other faces are: people whom a card is
about as well, or those who should neither be cut nor draw the eye.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fancam.geometry import Box, CardGeometry
from fancam.results import Face

Values = npt.NDArray[np.float64]

HAIR_SHARE = 0.3
"""Hair above a detector's box, over the height of the box: the box ends at the forehead."""

CHIN_SHARE = 0.06
"""Room kept below the chin, over the height of the box."""

HEAD_ABOVE, CHIN_BELOW = 1.4, 0.65
"""How far a head reaches at least above the eyes and below the mouth, over the distance from eyes to mouth. Boxes of
whole faces reach 1.06 to 1.26 above and 0.68 to 0.94 below (nine photos and frames, a portrait cut at many heights);
hair adds half of such a distance."""

MAIN_SHARE = 0.5
"""A face lower than this share of the highest one is not what a card that covers a picture is about."""

# What things cost. A place that is a twentieth of the card off costs 1 each way, and so does a face that is a fifth
# larger or smaller than wanted; the rest follows from how the wishes rank.

PLACE_SHARE = 0.05
"""Distance from the place that is aimed at, over the size of the cut card, that costs 1; twice of it costs 4."""

GONE, CUT, CUT_OFF = 2000.0, 3000.0, 300.0
"""Cost of a face that is left out, of one that the cut goes through (a halved face is the worst), and of each height
of a face that a head is cut off by. The only face of a card is never left out."""

GONE_SHARE = 0.9
"""From this share outside the cut card on a face reads as left out."""

TOUCHED = 100.0
"""Cost of a face that the cut touches, falling to 0 where the cut, which may be off, cannot reach it."""

UNSAFE_FACE, UNSAFE_HEAD = 60.0, 30.0
"""Cost of a face, and of hair and chin around it, that touch the cut, falling to 0 inside the safe zone."""

DRAWN_ON, DRAWN = 5.0, 55.0
"""Cost of bleed of which any is drawn on, and of all of it more. One side is a fifth or a third of it: a head that
touches the cut costs more, a place that is a quarter of the card off does not."""

HALVED = 40.0
"""Cost of another face that is halved by the edge, where it is as large as those the card is about."""

RIVAL = 75.0
"""Cost of another face on the card that is larger than the one the card is for by ``RIVAL_LARGER``."""

RIVAL_ALIKE, RIVAL_LARGER = 0.8, 1.1
"""Height of another face over that of the wanted one, from which it draws the eye, and at which it does so fully."""

RIVAL_CENTRAL = 12.0
"""What it costs more where it is nearer to the middle of the card by ``PLACE_SHARE`` of its height."""


@dataclass(frozen=True, slots=True)
class Scene:
    """A picture, the card, and who is in it; all in pixels of the picture."""

    width: float
    height: float
    card: CardGeometry
    safe_mm: float
    cut_error_mm: float
    subjects: tuple[Face, ...]
    """Whom the card is about, as far as the picture shows them."""
    others: tuple[Face, ...] = ()
    """The other faces, as far as the picture shows them."""
    border_mm: float = 0.0

    @classmethod
    def of(
        cls, width: float, height: float, card: CardGeometry, subjects: Sequence[Face], others: Sequence[Face] = (), *,
        safe_mm: float, cut_error_mm: float, border_mm: float = 0.0,
    ) -> Scene:  # fmt: skip
        """Return the scene; a face that lies outside of the picture is not in it."""
        seen, beside = (
            tuple(face for face in faces if face.box.clipped(width, height).area > 0) for faces in (subjects, others)
        )
        return cls(float(width), float(height), card, safe_mm, cut_error_mm, seen, beside, border_mm)

    def seen(self, box: Box) -> Box:
        """Return what the picture shows of a box: what it cuts off, no card can show."""
        return box.clipped(self.width, self.height)

    @property
    def margin_mm(self) -> float:
        """How far inside the trim heads should lie."""
        return max(self.safe_mm, self.border_mm)

    def px_per_mm(self, inset_mm: float) -> float:
        """Return the scale at which the card less this much on every side just lies inside the picture."""
        card = self.card
        return min(
            self.width / (card.outer_width_mm - 2 * inset_mm), self.height / (card.outer_height_mm - 2 * inset_mm)
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Trial:
    """A size to try, and where a card of this size would lie best if there were nothing to heed."""

    px_per_mm: float
    x: float
    """Middle of the cut card, in pixels of the picture."""
    y: float
    cost: float = 0.0
    """Of the size."""
    reach: tuple[float, float] = (math.inf, math.inf)
    """How far the card may be moved across and down for the sake of other faces, over the size of the cut card."""
    steps: int = 0
    """Places that are tried along a side, besides those where something just is whole, safe or left out."""


def head_box(face: Face) -> Box:
    """Return the face's box with hair above it and room below the chin; "above" follows the tilt of the head."""
    height, roll = face.box.height, math.radians(face.roll_deg)
    up_x, up_y = math.sin(roll), -math.cos(roll)
    hair, chin = HAIR_SHARE * height, CHIN_SHARE * height
    ends = [
        face.box.shifted(dx, dy) for dx, dy in ((0.0, 0.0), (up_x * hair, up_y * hair), (-up_x * chin, -up_y * chin))
    ]
    return Box(
        min(end.x0 for end in ends), min(end.y0 for end in ends),
        max(end.x1 for end in ends), max(end.y1 for end in ends),
    )  # fmt: skip


def cut_by_picture(face: Face, width: float, height: float) -> str | None:
    """Return what of a head the edge of its picture cuts off; None where nothing has to be missing.

    Detectors clip their boxes to the picture, or end them before its edge: the landmarks tell how large the head is.

    Args:
        face: In pixels of the picture.
        width: Of the picture.
        height: Of the picture.
    """
    left, right = face.landmarks[3:]
    (x, y), mouth = face.eye_centre, ((left[0] + right[0]) / 2, (left[1] + right[1]) / 2)
    down = mouth[0] - x, mouth[1] - y
    ends = {"the top of the head": (x, y, -HEAD_ABOVE), "the chin": (*mouth, CHIN_BELOW)}
    picture = Box(0, 0, width, height)
    for part, (from_x, from_y, reach) in ends.items():
        end = from_x + reach * down[0], from_y + reach * down[1]
        if not picture.contains(Box(*end, *end)):
            return part
    return None


def main_subjects(faces: Sequence[Face]) -> list[Face]:
    """Return the faces that a card of a whole picture is about: not the small ones behind them."""
    highest = max((face.box.height for face in faces), default=0.0)
    return [face for face in faces if face.box.height >= MAIN_SHARE * highest]


def best_placement(scene: Scene, trials: Sequence[Trial]) -> Box:
    """Return the cheapest outer box; it has the card's proportions, and the trim (less the border) lies in the picture.

    Args:
        scene: The picture and the card.
        trials: The sizes to try, one at least. Of equally good places the first is taken.
    """
    found: tuple[float, Box] | None = None
    for trial in trials:
        xs, ys = _middles(scene, trial)
        places = np.stack([grid.ravel() for grid in np.meshgrid(xs, ys, indexing="ij")], axis=1)
        costs = placement_costs(scene, trial, places)
        best = int(np.argmin(costs))
        if found is None or costs[best] < found[0] - 1e-9:
            found = float(costs[best]), _outer(scene, trial.px_per_mm, *(float(value) for value in places[best]))
    if found is None:
        raise ValueError("no size to try")
    return found[1]


# --- places to try ------------------------------------------------------------------------------------------------


def _middles(scene: Scene, trial: Trial) -> tuple[Values, Values]:
    """Return the middles of the cut card to try along x and along y."""
    card, scale = scene.card, trial.px_per_mm
    width, height = card.width_mm * scale, card.height_mm * scale
    safe, border = scene.margin_mm * scale, scene.border_mm * scale
    wanted = card.bleed_mm * scale if scene.border_mm == 0 else -border
    heads = [scene.seen(head_box(face)) for face in scene.subjects]
    faces = [scene.seen(face.box) for face in scene.subjects]
    boxes = [*heads, *faces]
    x = _Axis(width, scene.width, wanted, -border, safe, trial.x, [(b.x0, b.x1) for b in boxes])
    y = _Axis(height, scene.height, wanted, -border, safe, trial.y, [(b.y0, b.y1) for b in boxes])
    reach_x, reach_y = trial.reach[0] * width, trial.reach[1] * height
    near = [
        other for other in scene.others if _near(other.box, x.start, y.start, width / 2 + reach_x, height / 2 + reach_y)
    ]
    seen = [scene.seen(other.box) for other in near]
    tops = [scene.seen(head_box(other)).y0 for other in near]
    xs = x.places([(box.x0, box.x1) for box in seen], reach_x, trial.steps)
    ys = y.places([(top, box.y1) for top, box in zip(tops, seen, strict=True)], reach_y, trial.steps)
    return xs, ys


def _near(box: Box, x: float, y: float, reach_x: float, reach_y: float) -> bool:
    """Whether a card that is moved within its reach can show anything of a box."""
    return Box(x - reach_x, y - reach_y, x + reach_x, y + reach_y).intersection(box).area > 0


@dataclass(frozen=True, slots=True)
class _Axis:
    """One direction of a card: its length, and where its middle may, should and would be."""

    length: float
    limit: float
    """Size of the picture."""
    wanted: float
    """How far beyond the trim the picture should reach."""
    must: float
    """How far it has to reach."""
    safe: float
    ideal: float
    spans: Sequence[tuple[float, float]]
    """Of the heads, then of the faces."""

    def _within(self, middle: float, beyond: float) -> float:
        half = self.length / 2 + beyond
        return self.limit / 2 if 2 * half >= self.limit else min(max(middle, half), self.limit - half)

    @property
    def start(self) -> float:
        """The ideal place, moved as far as it takes to have the heads in the safe zone, and inside the picture."""
        low = max((end for _, end in self.spans), default=self.ideal) + self.safe - self.length / 2
        high = min((start for start, _ in self.spans), default=self.ideal) - self.safe + self.length / 2
        wished = (low + high) / 2 if low > high else min(max(self.ideal, low), high)
        return self._within(wished, self.must)

    def places(self, others: Sequence[tuple[float, float]], reach: float, steps: int) -> Values:
        """Return the middles to try: the best ones first, then those where something just is whole, safe or left out.

        Args:
            others: Spans of the other faces.
            reach: How far from ``start`` the latter may be.
            steps: How many places of a grid are tried as well.
        """
        half, safe = self.length / 2, self.safe
        spans = [*self.spans, *others]
        moves = [edge for low, high in spans for edge in (low - safe + half, high + safe - half)]
        moves += [edge for low, high in self.spans for edge in (low + half, high - half)]
        moves += [edge for low, high in others for edge in (low - half, high + half)]
        moves += np.linspace(self._within(-math.inf, self.must), self._within(math.inf, self.must), steps).tolist()
        tried = [
            self._within(middle, beyond) for beyond in (self.wanted, self.must) for middle in (self.start, self.ideal)
        ]
        tried += [
            place
            for beyond in (self.wanted, self.must)
            for middle in moves
            if abs((place := self._within(middle, beyond)) - self.start) <= reach
        ]
        return np.array(list(dict.fromkeys(tried)))


def _outer(scene: Scene, px_per_mm: float, x: float, y: float) -> Box:
    half_x, half_y = scene.card.outer_width_mm * px_per_mm / 2, scene.card.outer_height_mm * px_per_mm / 2
    return Box(
        _snapped(x - half_x, 0), _snapped(y - half_y, 0), _snapped(x + half_x, scene.width),
        _snapped(y + half_y, scene.height),
    )  # fmt: skip


def _snapped(value: float, edge: float) -> float:
    """Return the picture's edge for a value that differs from it by rounding only."""
    return edge if abs(value - edge) < 1e-6 else value


# --- what places cost ---------------------------------------------------------------------------------------------


def placement_costs(scene: Scene, trial: Trial, middles: Values) -> Values:
    """Return what it costs to put the middle of the cut card at each place, (N,).

    Args:
        scene: The picture and the card.
        trial: The size, and the place that is aimed at.
        middles: (N, 2) x and y in pixels of the picture.
    """
    card, scale = scene.card, trial.px_per_mm
    width, height = card.width_mm * scale, card.height_mm * scale
    x, y = middles[:, 0], middles[:, 1]
    trim = np.stack([x - width / 2, y - height / 2, x + width / 2, y + height / 2], axis=1)
    total = trial.cost + ((x - trial.x) / (PLACE_SHARE * width)) ** 2 + ((y - trial.y) / (PLACE_SHARE * height)) ** 2
    if scene.border_mm == 0 and card.bleed_mm > 0:
        drawn = _drawn_share(scene, trim, card.bleed_mm * scale)
        total += DRAWN_ON * (drawn > 1e-6) + DRAWN * drawn
    largest = max((scene.seen(face.box).area for face in scene.subjects), default=0.0)
    for face in scene.subjects:
        total += scene.seen(face.box).area / largest * _loss(scene, face, trim, scale)
    for cost in _distractions(scene, trim):
        total += cost
    return np.asarray(total)


def _loss(scene: Scene, face: Face, trim: Values, scale: float) -> Values:
    """Return what becomes of somebody whom the card is about: 0 where the whole head is in the safe zone."""
    box, head = scene.seen(face.box), scene.seen(head_box(face))
    margin, head_margin = margins(trim, box), margins(trim, head)
    lost = 1 - shares_inside(trim, box)
    safe, error = scene.margin_mm * scale, min(scene.cut_error_mm, scene.margin_mm) * scale
    kept = (
        CUT_OFF * np.maximum(-head_margin, 0) / face.box.height
        + UNSAFE_HEAD * _lack(head_margin, safe)
        + UNSAFE_FACE * _lack(margin, safe)
        + TOUCHED * _lack(margin, error)
    )
    gone = lost > (GONE_SHARE if len(scene.subjects) > 1 else 1.0)
    return np.where(gone, GONE, np.where(lost > 1e-9, CUT + CUT_OFF * lost, 0) + kept)


def _lack(margin: Values, wanted: float) -> Values:
    """Return how much of a wanted margin is missing, in [0, 1]."""
    return np.clip((wanted - margin) / wanted, 0, 1) if wanted > 1e-9 else np.zeros_like(margin)


def _distractions(scene: Scene, trim: Values) -> Iterator[Values]:
    """Yield what each of the other faces costs: halved by the edge, larger than the subject, nearer to the middle."""
    if not scene.subjects:
        return
    subject = max(scene.subjects, key=lambda face: scene.seen(face.box).area)
    own, height = subject.box.height, trim[:, 3] - trim[:, 1]
    middle = (trim[:, :2] + trim[:, 2:]) / 2
    off = np.hypot(*(middle - scene.seen(subject.box).centre).T) / height
    for other in scene.others:
        box, ratio = scene.seen(other.box), other.box.height / own
        inside = shares_inside(trim, box)
        yield HALVED * min(ratio, 1.0) * 4 * inside * (1 - inside)
        if ratio > RIVAL_ALIKE:
            nearer = (off - np.hypot(*(middle - box.centre).T) / height) / PLACE_SHARE
            draws = min((ratio - RIVAL_ALIKE) / (RIVAL_LARGER - RIVAL_ALIKE), 2.0)
            yield draws * inside * (RIVAL + RIVAL_CENTRAL * np.clip(nearer, 0, 1))


def margins(areas: Values, box: Box) -> Values:
    """Return by how many pixels a box lies inside each of the areas (N, 4); negative where it reaches out of it."""
    return np.minimum(
        np.minimum(box.x0 - areas[:, 0], areas[:, 2] - box.x1), np.minimum(box.y0 - areas[:, 1], areas[:, 3] - box.y1)
    )


def shares_inside(areas: Values, box: Box) -> Values:
    """Return which share of a box lies in each of the areas (N, 4)."""
    width = np.minimum(areas[:, 2], box.x1) - np.maximum(areas[:, 0], box.x0)
    height = np.minimum(areas[:, 3], box.y1) - np.maximum(areas[:, 1], box.y0)
    return np.asarray(np.maximum(width, 0) * np.maximum(height, 0) / max(box.area, 1e-9))


def _drawn_share(scene: Scene, trim: Values, bleed: float) -> Values:
    """Return the share of the bleed's area that lies outside the picture."""
    across = np.minimum(trim[:, 2] + bleed, scene.width) - np.maximum(trim[:, 0] - bleed, 0)
    down = np.minimum(trim[:, 3] + bleed, scene.height) - np.maximum(trim[:, 1] - bleed, 0)
    width, height = trim[:, 2] - trim[:, 0], trim[:, 3] - trim[:, 1]
    outer = (width + 2 * bleed) * (height + 2 * bleed)
    return np.clip((outer - across * down) / np.maximum(outer - width * height, 1e-9), 0, 1)
