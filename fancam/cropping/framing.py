"""Which part of a frame a card shows: arithmetic on boxes, no pictures.

The conventions are those of portrait photography and of printed photocards. The face takes a share of the card's
height that depends on the framing; the eyes lie on a line in the upper part; hair has room above it; a face that
looks to a side has a little more room there. The bleed is made of real pixels, so the outer box (trim and bleed)
always lies inside the frame: the crop is first shifted, then tightened, and what cannot be had is said in a warning.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from fancam.cropping.parts import crop_of
from fancam.geometry import Box
from fancam.paper import DEFAULT_LIMITS, Printer
from fancam.results import CardGeometry, Crop, Face
from fancam.settings import CropSettings


@dataclass(frozen=True, slots=True)
class Framing:
    """Convention of a framing, relative to the trimmed card."""

    smallest_share: float
    """Face height (a detector's box: forehead to chin) over the height of the trimmed card."""
    share: float
    largest_share: float
    eye_line: float
    """Height of the eyes from the top edge, over the height of the trimmed card."""


FRAMING_CONVENTIONS = {
    "face": Framing(0.45, 0.52, 0.60, 0.44),
    "bust": Framing(0.28, 0.33, 0.40, 0.38),
    "half": Framing(0.16, 0.19, 0.22, 0.28),
}
"""Widest last. The eye lines leave about a seventh of the card above the hair, less where the face fills it."""

HAIR_SHARE = 0.3
"""Hair above a detector's box, over the height of the box: the box ends at the forehead."""

CHIN_SHARE = 0.06
"""Room kept below the chin, over the height of the box."""

LEAD_SHARE = 0.10
"""How far a face in full profile (``yaw_proxy`` 0.5) moves off the centre, over the width of the card, is half of
this; the room opens on the side it looks to."""

MAX_LEAD = 0.05
"""It never moves farther than this."""

MAX_SIDEWAYS = 0.14
"""How far the crop may be moved sideways to keep another face whole, over the width of the trimmed card."""

MAX_EYE_LINE_SHIFT = 0.07
"""How far the eye line may be moved for that, over the height of the trimmed card."""

CUT_LOW, CUT_HIGH = 0.1, 0.9
"""A face of which a share between these lies on the card looks cut; less reads as background, more as whole."""

SHARE_STEPS = 17
"""Zoom settings that are tried inside the range of a framing."""


def frame_face(
    face: Face,
    frame_width: int,
    frame_height: int,
    geometry: CardGeometry,
    settings: CropSettings,
    others: Sequence[Face] = (),
    *,
    limits: Printer = DEFAULT_LIMITS,
) -> Crop:
    """Return the crop that shows this face best on the card.

    Args:
        face: The face the card is for; its box reaches from forehead to chin.
        frame_width: Of the upright frame, in pixels.
        frame_height: Of the upright frame, in pixels.
        geometry: Card; the outer box gets exactly the aspect of its outer size in mm.
        settings: Framing, and the source pixels per printed inch below which the framing is widened.
        others: The other faces of the frame; they are kept whole or left out where small moves allow it.
        limits: Of the printer: its safe zone, and how far its cut may be off.

    Returns:
        A crop whose outer box lies inside the frame. ``warnings`` say in plain words what could not be had: the
        framing, the ppi, an uncut head, a face that the printer's cut cannot touch, whole neighbours.
    """
    portrait = _Portrait(face, float(frame_width), float(frame_height), geometry, limits)
    others = portrait.visible(others)
    shares = _shares(portrait, settings)
    boxes = np.concatenate([_placements(portrait, share, others) for share in shares.tried])
    outer = boxes[int(np.argmin(_costs(portrait, boxes, shares.wanted, others)))]
    return _crop(portrait, Box(*(float(value) for value in outer)), settings, others)


# --- what is given ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Portrait:
    """The face in its frame, and the card."""

    face: Face
    width: float
    height: float
    card: CardGeometry
    limits: Printer

    @property
    def head(self) -> Box:
        """The face with hair and chin, as far as the frame shows them."""
        return head_box(self.face).clipped(self.width, self.height)

    @property
    def aim_x(self) -> float:
        """Where the middle of the card should be, before lead-room: the middle of the face the frame shows."""
        return self.face.box.clipped(self.width, self.height).centre[0]

    def visible(self, others: Sequence[Face]) -> list[Face]:
        """Return the other faces as far as the frame shows them: what the frame cut off, the card cannot."""
        clipped = [replace(other, box=other.box.clipped(self.width, self.height)) for other in others]
        return [other for other in clipped if other.box.area > 0]

    def trim_height_px(self, share: float) -> float:
        """Height of the trimmed card in pixels of the frame at this share of the face."""
        return max(self.face.box.height, 1.0) / share

    def share_at_ppi(self, ppi: float) -> float:
        """The share of the face at which the card has this many source pixels per inch."""
        return max(self.face.box.height, 1.0) / (ppi * self.card.height_mm / 25.4) if ppi > 0 else math.inf

    @property
    def share_of_frame(self) -> float:
        """The smallest share the frame allows: there the outer box touches two opposite sides of it."""
        px_per_mm = min(self.width / self.card.outer_width_mm, self.height / self.card.outer_height_mm)
        return max(self.face.box.height, 1.0) / (px_per_mm * self.card.height_mm)


@dataclass(frozen=True, slots=True)
class _Shares:
    wanted: float
    tried: tuple[float, ...]


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


def lead_room(face: Face) -> float:
    """Return how far the card's middle lies from the face's towards the side it looks to, over the trim width."""
    yaw = face.yaw_proxy * math.cos(math.radians(face.roll_deg))
    return min(max(yaw * LEAD_SHARE, -MAX_LEAD), MAX_LEAD)


# --- how large ----------------------------------------------------------------------------------------------------


def framing_of(share: float) -> str:
    """Return the framing whose range a share of the face belongs to; between two ranges, the nearer one."""
    distances = {
        name: max(
            math.log(framing.smallest_share / share), math.log(share / framing.largest_share), 0.0
        )
        for name, framing in FRAMING_CONVENTIONS.items()
    }  # fmt: skip
    return min(distances, key=lambda name: distances[name])


def _shares(portrait: _Portrait, settings: CropSettings) -> _Shares:
    """Return the share that is aimed at and those to try: the range of the framing, moved by ppi and frame."""
    framing = FRAMING_CONVENTIONS[settings.framing]
    widest = min(each.smallest_share for each in FRAMING_CONVENTIONS.values())
    largest = min(framing.largest_share, max(portrait.share_at_ppi(settings.min_ppi), widest))
    smallest = max(min(framing.smallest_share, largest), portrait.share_of_frame)
    largest = max(smallest, largest)
    wanted = min(max(framing.share, smallest), largest)
    ladder = np.geomspace(smallest, largest, SHARE_STEPS).tolist() if largest > smallest else [smallest]
    return _Shares(wanted, (wanted, *(float(min(max(share, smallest), largest)) for share in ladder)))


# --- where --------------------------------------------------------------------------------------------------------


def eye_line_of(share: float) -> float:
    """Return the eye line of a share: between the conventions, along the logarithm of the share."""
    known = sorted(FRAMING_CONVENTIONS.values(), key=lambda framing: framing.share)
    return float(
        np.interp(math.log(share), [math.log(each.share) for each in known], [each.eye_line for each in known])
    )


def _placements(portrait: _Portrait, share: float, others: Sequence[Face]) -> npt.NDArray[np.float64]:
    """Return the outer boxes to try at one share, (N, 4): the ideal place first, then moves for the other faces."""
    card = portrait.card
    trim_height = portrait.trim_height_px(share)
    px_per_mm = trim_height / card.height_mm
    trim_width = px_per_mm * card.width_mm
    outer_width = min(px_per_mm * card.outer_width_mm, portrait.width)
    outer_height = min(px_per_mm * card.outer_height_mm, portrait.height)
    bleed, safe = px_per_mm * card.bleed_mm, px_per_mm * portrait.limits.safe_mm
    head = portrait.head

    ideal_x = portrait.aim_x + lead_room(portrait.face) * trim_width - trim_width / 2
    ideal_y = portrait.face.eye_centre[1] - eye_line_of(share) * trim_height
    span_x = (bleed, portrait.width - outer_width + bleed)
    span_y = (bleed, portrait.height - outer_height + bleed)
    x = _nearest(ideal_x, (head.x1 + safe - trim_width, head.x0 - safe), span_x)
    y = _nearest(ideal_y, (head.y1 + safe - trim_height, head.y0 - safe), span_y)

    near = [other.box for other in others if _near(other.box, x, y, trim_width, trim_height)]
    edges_x = [(box.x0, box.x1) for box in near]
    edges_y = [(head_box(other).y0, other.box.y1) for other in others if other.box in near]
    xs = _moves(x, trim_width, edges_x, safe, MAX_SIDEWAYS * trim_width, span_x)
    ys = _moves(y, trim_height, edges_y, safe, MAX_EYE_LINE_SHIFT * trim_height, span_y)
    left, top = (grid.ravel() - bleed for grid in np.meshgrid(xs, ys, indexing="ij"))
    left = np.clip(left, 0, portrait.width - outer_width)
    top = np.clip(top, 0, portrait.height - outer_height)
    return np.stack([left, top, left + outer_width, top + outer_height], axis=1)


def _nearest(ideal: float, wish: tuple[float, float], must: tuple[float, float]) -> float:
    """Return the place nearest to the ideal one inside the wished range, and inside the range that must hold."""
    low, high = wish if wish[0] <= wish[1] else (sum(wish) / 2, sum(wish) / 2)
    return min(max(min(max(ideal, low), high), must[0]), must[1])


def _near(box: Box, x: float, y: float, trim_width: float, trim_height: float) -> bool:
    """Whether moves of the crop can change how much of the box it shows."""
    reach_x, reach_y = MAX_SIDEWAYS * trim_width, MAX_EYE_LINE_SHIFT * trim_height
    area = Box(x - reach_x, y - reach_y, x + trim_width + reach_x, y + trim_height + reach_y)
    return area.intersection(box).area > 0


def _moves(
    start: float,
    length: float,
    edges: Sequence[tuple[float, float]],
    safe: float,
    reach: float,
    span: tuple[float, float],
) -> list[float]:
    """Return the places along one axis to try: the start, and those that leave out or take in each of the others."""
    places = [start]
    for low, high in edges:
        places += [low - length, high, low - safe, high + safe - length]  # out, out, in, in
    held = (min(max(place, span[0]), span[1]) for place in places)
    return [place for place in dict.fromkeys(held) if abs(place - start) <= reach]


def _costs(
    portrait: _Portrait, outer: npt.NDArray[np.float64], wanted: float, others: Sequence[Face]
) -> npt.NDArray[np.float64]:
    """Return how far each outer box is from what is wanted; the weights say how the wishes rank.

    A cut head weighs most, a head outside the safe zone and a cut neighbour next; a change of zoom by a fifth, of the
    eye line by a twentieth of the card and a move sideways by a twentieth cost 1 each.
    """
    card, face, head = portrait.card, portrait.face, portrait.head
    bleed = card.bleed_mm * (outer[:, 2] - outer[:, 0]) / card.outer_width_mm
    safe = portrait.limits.safe_mm * (outer[:, 2] - outer[:, 0]) / card.outer_width_mm
    inset = np.stack([bleed, bleed, -bleed, -bleed], axis=1)
    trim = outer + inset
    zone = trim + np.stack([safe, safe, -safe, -safe], axis=1)
    trim_width, trim_height = trim[:, 2] - trim[:, 0], trim[:, 3] - trim[:, 1]
    share = face.box.height / trim_height

    eye_lines = np.array([eye_line_of(float(value)) for value in share])
    middle_x = portrait.aim_x + lead_room(face) * trim_width
    zoom = (np.log(share / wanted) / math.log(1.2)) ** 2
    sideways = (((trim[:, 0] + trim[:, 2]) / 2 - middle_x) / (0.05 * trim_width)) ** 2
    upward = (((face.eye_centre[1] - trim[:, 1]) / trim_height - eye_lines) / 0.05) ** 2
    total = zoom + sideways + upward
    total += 15 * _outside(zone, head) / face.box.height + 100 * _outside(trim, head) / face.box.height
    for other in others:
        inside = _share_inside(trim, other.box)
        weight = min(other.box.height / face.box.height, 1.0)
        total += 40 * weight * inside * (1 - inside)
    return np.asarray(total)


def _outside(areas: npt.NDArray[np.float64], box: Box) -> npt.NDArray[np.float64]:
    """Return by how many pixels the box reaches over the edges of each area, all four sides added up."""
    over = np.stack([areas[:, 0] - box.x0, areas[:, 1] - box.y0, box.x1 - areas[:, 2], box.y1 - areas[:, 3]])
    return np.asarray(np.maximum(over, 0).sum(axis=0))


def _share_inside(areas: npt.NDArray[np.float64], box: Box) -> npt.NDArray[np.float64]:
    """Return which share of the box lies in each area."""
    width = np.minimum(areas[:, 2], box.x1) - np.maximum(areas[:, 0], box.x0)
    height = np.minimum(areas[:, 3], box.y1) - np.maximum(areas[:, 1], box.y0)
    return np.asarray(np.maximum(width, 0) * np.maximum(height, 0) / max(box.area, 1e-9))


# --- what is said about it ----------------------------------------------------------------------------------------


def _crop(portrait: _Portrait, outer: Box, settings: CropSettings, others: Sequence[Face]) -> Crop:
    """Return the record of a chosen box, with its warnings."""
    found = crop_of(portrait.width, portrait.height, portrait.card, outer)
    framing = framing_of(portrait.face.box.height / found.trim.height)
    said = tuple(_warnings(portrait, found, framing, settings, others))
    return replace(found, framing=framing, warnings=said, source=None, real=None)  # it lies inside the frame


def _warnings(
    portrait: _Portrait, crop: Crop, framing: str, settings: CropSettings, others: Sequence[Face]
) -> list[str]:
    order = list(FRAMING_CONVENTIONS)
    face = portrait.face.box.clipped(portrait.width, portrait.height)
    said = []
    if order.index(framing) > order.index(settings.framing):
        said.append(
            f"framed as {framing} instead of {settings.framing}: the face is only {face.height:.0f} px high, "
            f"and {settings.min_ppi:.0f} source pixels per printed inch were asked for"
        )
    elif framing != settings.framing:
        said.append(f"framed as {framing} instead of {settings.framing}: the frame leaves no room for more")
    if crop.effective_ppi < settings.min_ppi * (1 - 1e-9):
        said.append(
            f"{crop.effective_ppi:.0f} source pixels per printed inch, fewer than the {settings.min_ppi:.0f} asked "
            f"for: the face is only {face.height:.0f} px high"
        )
    said += _head_warning(portrait, face, crop)
    cut = sum(CUT_LOW < float(_share_inside(_row(crop.trim), other.box)[0]) < CUT_HIGH for other in others)
    if cut:
        said.append("another face is cut by the edge" if cut == 1 else f"{cut} other faces are cut by the edge")
    return said


def _head_warning(portrait: _Portrait, face: Box, crop: Crop) -> list[str]:
    """Return the warning about a head that the cut touches, or may touch, if it does."""
    over_face = float(_outside(_row(crop.trim), face)[0]) / portrait.face.box.height
    over_head = float(_outside(_row(crop.trim), portrait.head)[0]) / portrait.face.box.height
    margin_mm, least_mm = (
        portrait.card.margin_mm(face, crop.box),
        min(portrait.limits.cut_error_mm, portrait.limits.safe_mm),
    )
    if over_face > 0.01:
        return [f"the cut takes {100 * over_face:.0f} % of the face's height: it lies too close to the frame's edge"]
    if margin_mm < least_mm:
        return [f"the face lies {max(margin_mm, 0):.1f} mm from the cut, which may be {least_mm:g} mm off: it lies too "
                "close to the frame's edge"]  # fmt: skip
    if over_head > 0.03:
        return ["the cut takes some of the hair: the head lies too close to the frame's edge"]
    return []


def _row(box: Box) -> npt.NDArray[np.float64]:
    return np.array([[box.x0, box.y0, box.x1, box.y1]])
