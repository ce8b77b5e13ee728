"""Which part of a frame a card of a face shows: arithmetic on boxes, no pictures.

The conventions are those of portrait photography and of printed photocards. The face takes a share of the card's
height that depends on the framing; the eyes lie on a line in the upper part; hair has room above it; a face that
looks to a side has a little more room there. The cut card always lies inside the frame, and its bleed is made of real
pixels unless that would cost the head its room: the crop is first shifted, then tightened, then bleed is drawn on, and
what cannot be had is said in a warning. Where another face would draw the eye, the framing is tightened for that too.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from fancam.cropping.parts import crop_of
from fancam.cropping.placing import Scene, Trial, best_placement, cut_by_picture, head_box, margins, shares_inside
from fancam.geometry import MM_PER_INCH, Box, CardGeometry
from fancam.paper import DEFAULT_LIMITS, Printer
from fancam.results import Crop, Face
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
    "full": Framing(0.075, 0.085, 0.1, 0.12),
}
"""Widest last. The eye lines leave about a seventh of the card above the hair, less where the face fills it. A standing
body is 7.5 heads high, a detector's face about three quarters of a head: of ``full`` ten faces are the body, the rest
is room."""

WIDEST = "half"
"""For the sake of its ppi a card is not made wider than this, unless that was asked for."""

LEAD_SHARE = 0.10
"""How far a face in full profile (``yaw_proxy`` 0.5) moves off the centre, over the width of the card, is half of
this; the room opens on the side it looks to."""

MAX_LEAD = 0.05
"""It never moves farther than this."""

MAX_SIDEWAYS = 0.25
"""How far the crop may be moved sideways for the sake of another face, over the width of the trimmed card."""

MAX_EYE_LINE_SHIFT = 0.22
"""How far the eye line may be moved for that, over the height of the trimmed card."""

ZOOM = 1.2
"""A face that is larger or smaller than wanted by this factor costs 1, by the square of it 4."""

TIGHTER = 6.0
"""Cost of a face larger than the framing has it: enough that a cut neighbour does not get it, and a rival does."""

TIGHTER_ALONE = 30.0
"""The same where nobody else is there: more than bleed that is drawn on costs, less than a face that is touched."""

NOTICED = 0.5
"""A larger face is said to be on the card from this share of it on."""

CUT_LOW, CUT_HIGH = 0.1, 0.9
"""A face of which a share between these lies on the card looks cut; less reads as background, more as whole."""

SHARE_STEPS = 17
"""Zoom settings that are tried inside the range of a framing, and beyond it."""


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
        A crop whose trim lies inside the frame; where its outer box does not, ``source`` and ``real`` say which pixels
        there are. ``warnings`` say in plain words what could not be had: the framing, the ppi, a whole head (the cut
        or the frame itself may take of it), a face that the printer's cut cannot touch, real bleed, a face that is the
        largest of the card, whole neighbours.
    """
    scene = Scene.of(
        frame_width, frame_height, geometry, [face], others, safe_mm=limits.safe_mm, cut_error_mm=limits.cut_error_mm
    )
    portrait = _Portrait(face, scene, limits)
    sizes = _shares(portrait, settings)
    outer = best_placement(scene, [_trial(portrait, share, sizes) for share in sizes.tried])
    return _crop(portrait, outer, settings)


# --- what is given ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Portrait:
    """The face in its frame, and the card."""

    face: Face
    scene: Scene
    limits: Printer

    @property
    def height_px(self) -> float:
        """Height of the face."""
        return max(self.face.box.height, 1.0)

    def share_at_ppi(self, ppi: float) -> float:
        """The share of the face at which the card has this many source pixels per inch."""
        return self.height_px / (ppi * self.scene.card.height_mm / MM_PER_INCH) if ppi > 0 else math.inf

    def share_of_frame(self, inset_mm: float) -> float:
        """The smallest share the frame allows: there the card less this much touches two opposite sides of it."""
        return self.height_px / (self.scene.px_per_mm(inset_mm) * self.scene.card.height_mm)


@dataclass(frozen=True, slots=True)
class _Shares:
    wanted: float
    largest: float
    """Of the framing; beyond it a face is too large for it."""
    tried: tuple[float, ...]


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
    """Return the share that is aimed at and those to try, that one first.

    The range of the framing is moved by the ppi and by what the frame has with real bleed. Beyond it a wider card is
    tried as far as the frame has the cut card, and a tighter one as far as the ppi and the tightest framing allow it.
    """
    framing = FRAMING_CONVENTIONS[settings.framing]
    widest = min(framing.smallest_share, FRAMING_CONVENTIONS[WIDEST].smallest_share)
    sharpest = max(portrait.share_at_ppi(settings.min_ppi), widest)
    largest = min(framing.largest_share, sharpest)
    smallest = min(framing.smallest_share, largest)
    held, least = (portrait.share_of_frame(inset_mm) for inset_mm in (0.0, portrait.scene.card.bleed_mm))
    wanted = min(max(framing.share, smallest, held), max(largest, held))
    largest = max(largest, held)
    tightest = max(min(max(each.largest_share for each in FRAMING_CONVENTIONS.values()), sharpest), largest)
    ends = (min(max(smallest, least), wanted), max(smallest, held), largest, tightest)
    ladders = (np.geomspace(*pair, SHARE_STEPS) for pair in itertools.pairwise(ends) if pair[0] < pair[1])
    return _Shares(wanted, largest, (wanted, *np.concatenate([*ladders, ends]).tolist()))


# --- where --------------------------------------------------------------------------------------------------------


def eye_line_of(share: float) -> float:
    """Return the eye line of a share: between the conventions, along the logarithm of the share."""
    widest = FRAMING_CONVENTIONS[WIDEST]
    known = [(each.share, each.eye_line) for each in FRAMING_CONVENTIONS.values()]
    shares, eye_lines = zip(*sorted([*known, (widest.smallest_share, widest.eye_line)]), strict=True)
    return float(np.interp(math.log(share), np.log(shares), eye_lines))


def _trial(portrait: _Portrait, share: float, sizes: _Shares) -> Trial:
    """Return a share of the face as a size to try, with the place of the convention."""
    face, card = portrait.face, portrait.scene.card
    trim_height = portrait.height_px / share
    px_per_mm = trim_height / card.height_mm
    x = portrait.scene.seen(face.box).centre[0] + lead_room(face) * px_per_mm * card.width_mm
    y = face.eye_centre[1] + (0.5 - eye_line_of(share)) * trim_height
    tighter = TIGHTER if portrait.scene.others else TIGHTER_ALONE
    cost = (math.log(share / sizes.wanted) / math.log(ZOOM)) ** 2 + tighter * (share > sizes.largest * (1 + 1e-9))
    return Trial(px_per_mm, x, y, cost, reach=(MAX_SIDEWAYS, MAX_EYE_LINE_SHIFT))


# --- what is said about it ----------------------------------------------------------------------------------------


def _crop(portrait: _Portrait, outer: Box, settings: CropSettings) -> Crop:
    """Return the record of a chosen box, with its warnings."""
    scene = portrait.scene
    found = crop_of(scene.width, scene.height, scene.card, outer)
    framing = framing_of(portrait.height_px / found.trim.height)
    said = (*_warnings(portrait, found, framing, settings), *found.warnings)
    found = replace(found, framing=framing, warnings=said)
    return replace(found, source=None, real=None) if scene.seen(outer) == outer else found


def _warnings(portrait: _Portrait, crop: Crop, framing: str, settings: CropSettings) -> list[str]:
    order = list(FRAMING_CONVENTIONS)
    scene = portrait.scene
    face, rivals = scene.seen(portrait.face.box), _rivals(portrait, crop.trim)
    said = []
    if order.index(framing) > order.index(settings.framing):
        said.append(
            f"framed as {framing} instead of {settings.framing}: the face is only {portrait.height_px:.0f} px high, "
            f"and {settings.min_ppi:.0f} source pixels per printed inch were asked for"
        )
    elif framing != settings.framing:
        why = _why_tighter(portrait, crop.trim, FRAMING_CONVENTIONS[settings.framing].largest_share)
        said.append(f"framed as {framing} instead of {settings.framing}: {why}")
    if crop.effective_ppi < settings.min_ppi * (1 - 1e-9):
        said.append(
            f"{crop.effective_ppi:.0f} source pixels per printed inch, fewer than the {settings.min_ppi:.0f} asked "
            f"for: the face is only {portrait.height_px:.0f} px high"
        )
    elif round(crop.effective_ppi) < portrait.limits.fail_ppi:
        said.append(
            f"{crop.effective_ppi:.0f} source pixels per printed inch, fewer than the "
            f"{portrait.limits.fail_ppi:g} that it is held against before it is printed"
        )
    said += _head_warning(portrait, face, crop)
    if rivals:
        at_ppi = f" at {settings.min_ppi:.0f} source pixels per printed inch" if settings.min_ppi > 0 else ""
        said.append(f"larger faces beside it on the card: {rivals}; no move or tighter framing{at_ppi} leaves them out")
    cut = sum(CUT_LOW < _share_on(crop.trim, scene.seen(other.box)) < CUT_HIGH for other in scene.others)
    if cut:
        said.append(f"other faces that the card's edge cuts: {cut}")
    return said


def _why_tighter(portrait: _Portrait, trim: Box, largest_share: float) -> str:
    """Return why a face is larger on the card than the framing that was asked for has it."""
    if portrait.share_of_frame(0.0) > largest_share:
        return "the frame leaves no room for more"
    wider = trim.grown((portrait.height_px / trim.height / largest_share - 1) / 2)
    beside = (portrait.scene.seen(other.box) for other in portrait.scene.others)
    if any(_share_on(wider, box) > max(_share_on(trim, box), CUT_LOW) for box in beside):
        return "so that the head, and no other face, fills the card"
    return "so that the head lies farther from the cut"


def _rivals(portrait: _Portrait, trim: Box) -> int:
    """Return how many other faces on the card are larger than the one it is for."""
    return sum(
        _share_on(trim, portrait.scene.seen(other.box)) > NOTICED and other.box.height > portrait.height_px
        for other in portrait.scene.others
    )


def _head_warning(portrait: _Portrait, face: Box, crop: Crop) -> list[str]:
    """Return the warning about a head that the cut touches, or may touch, if it does."""
    head = portrait.scene.seen(head_box(portrait.face))
    over_face, over_head = (-_margin(crop.trim, box) / portrait.height_px for box in (face, head))
    margin_mm, least_mm = (
        portrait.scene.card.margin_mm(face, crop.box),
        min(portrait.limits.cut_error_mm, portrait.limits.safe_mm),
    )
    if over_face > 0.01:
        return [f"the cut takes {100 * over_face:.0f} % of the face's height: it lies too close to the frame's edge"]
    if margin_mm < least_mm:
        left_mm = math.floor(10 * max(margin_mm, 0)) / 10  # rounded down: 0.96 is less than a cut that is 1 mm off
        return [f"the cut may touch the face, which lies {left_mm:.1f} mm from it: cuts are up to {least_mm:g} mm off, "
                "and the frame ends too close to the head"]  # fmt: skip
    missing = cut_by_picture(portrait.face, portrait.scene.width, portrait.scene.height)
    if missing is not None:
        return [f"the frame cuts off {missing}: the head reaches beyond its edge"]
    if over_head > 0.03:
        return ["the cut takes some of the hair: the head lies too close to the frame's edge"]
    return []


def _margin(area: Box, box: Box) -> float:
    return float(margins(_row(area), box)[0])


def _share_on(area: Box, box: Box) -> float:
    return float(shares_inside(_row(area), box)[0])


def _row(box: Box) -> npt.NDArray[np.float64]:
    return np.array([[box.x0, box.y0, box.x1, box.y1]])
