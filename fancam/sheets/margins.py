"""The margin of a page: crop and registration marks, and the free space for the ruler and the small print."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from fancam.errors import UsageError
from fancam.settings import SheetSettings
from fancam.sheets.plan import (
    EPSILON_MM,
    NOTE_ASCENT,
    RULER_DEPTH_MM,
    RULER_END_MM,
    Area,
    Line,
    Note,
    Ruler,
    text_length_mm,
)

# --- crop marks ---------------------------------------------------------------------------------------------------

WIDTH_MM = 0.25 / 72 * 25.4
"""A quarter of a point, as layout programs draw crop marks (the default of Adobe InDesign's and Acrobat's): two dots
of a 600 dpi printer, thin enough that a blade on it is right within 0.05 mm."""
LENGTHS_MM = (5.0, 4.0, 3.0, 2.0)
"""The longest is taken unless a ruler needs the room."""
SHORT_MM = 2.0
LEAST_LENGTH_MM = 1.0
GAP_MM = 1.0
LEAST_GAP_MM = 0.5
"""From what is printed of the cards to the marks."""


@dataclass(frozen=True, slots=True)
class CropMarks:
    """The crop marks of a page."""

    lines: tuple[Line, ...]
    missing: tuple[str, ...] = ()
    """Sides of the block without marks, as words before "the cards"."""
    shortened: tuple[str, ...] = ()
    """Sides with marks shorter than 2 mm, as words before "the cards"."""
    left_out: int = 0
    """How many would have come into the zones."""


def crop_marks(
    trims: Sequence[Area], block: Area, printable: Area, zones: tuple[Area, ...] = (), longest_mm: float = LENGTHS_MM[0]
) -> CropMarks:
    """Return a mark at every trim edge, outside the block.

    Inside it there are none: bleed lies there, and a mark would show on a card that is cut a little beside.

    Args:
        trims: Of the cards on the page; there is at least one.
        block: What is printed of them.
        printable: What the printer can print on.
        zones: Where no mark may be; those that would are left out.
        longest_mm: Length of the marks where there is room.
    """
    xs = _edges(edge for trim in trims for edge in (trim.x_mm, trim.right_mm))
    ys = _edges(edge for trim in trims for edge in (trim.y_mm, trim.bottom_mm))
    sides = {
        "above": (-1, block.y_mm, block.y_mm - printable.y_mm, xs),
        "below": (1, block.bottom_mm, printable.bottom_mm - block.bottom_mm, xs),
        "left of": (-1, block.x_mm, block.x_mm - printable.x_mm, ys),
        "right of": (1, block.right_mm, printable.right_mm - block.right_mm, ys),
    }
    lines, missing, shortened = [], [], []
    for side, (direction, edge, room, positions) in sides.items():
        gap, length = _fitted(room, longest_mm)
        if not length:
            missing.append(side)
            continue
        if length < SHORT_MM - EPSILON_MM:
            shortened.append(side)
        start, end = edge + direction * gap, edge + direction * (gap + length)
        for at in positions:
            line = (at, start, at, end) if positions is xs else (start, at, end, at)
            lines.append(Line(*line, WIDTH_MM))
    clear = tuple(line for line in lines if not line.area.touches(zones))
    return CropMarks(clear, tuple(missing), tuple(shortened), len(lines) - len(clear))


def _fitted(room_mm: float, longest_mm: float) -> tuple[float, float]:
    """Return the gap and the length of marks for this much room; a length of 0 where there is too little."""
    room = room_mm + EPSILON_MM
    if room >= GAP_MM + LEAST_LENGTH_MM:
        return GAP_MM, min(longest_mm, room_mm - GAP_MM)
    if room >= LEAST_GAP_MM + LEAST_LENGTH_MM:
        return room_mm - LEAST_LENGTH_MM, LEAST_LENGTH_MM
    return GAP_MM, 0.0


def _edges(values: Iterable[float]) -> list[float]:
    """Return the values in order, each once where several are the same but for floats."""
    found: list[float] = []
    for value in sorted(values):
        if not found or value - found[-1] > EPSILON_MM:
            found.append(value)
    return found


# --- registration marks -------------------------------------------------------------------------------------------

SQUARE_MM = 5.0
ARM_MM = 5.0
THICKNESS_MM = 1.0
CLEARANCE_MM = 1.5
"""A solid square of 5 mm, arms of 5 mm, 1 mm thick, 1.5 mm free around them. Source: SPECIFICATION.md, layouts.json and
page_manager.py of silhouette-card-maker, which cuts with them on all machines; Silhouette Studio takes lengths of 5 to
20 mm and thicknesses of 0.5 to 1 mm, and has to be told these. Others draw arms of 8.382 mm and 0.99 mm (Proxxied) or
20 mm and 0.3 mm (inkscape-silhouette): the shortest arms leave most room for cards."""


def registration_marks(settings: SheetSettings, width_mm: float, height_mm: float) -> tuple[Area, ...]:
    """Return the black rectangles of the marks on a page of this size; nothing where they are off.

    3 marks (all machines): a solid square top left, an L top right and one bottom left, their corners outward, on
    upright and on lying pages alike. 4 marks (Cameo 5 Alpha): an L in every corner. Silhouette publishes no drawing
    of the four; two independent programs that cut with them agree (silhouette-card-maker's SPECIFICATION.md and
    inkscape-silhouette from July 2026 on).

    Raises:
        UsageError: The printer cannot print so near the edge, or the paper is too small for them.
    """
    if settings.registration == "off":
        return ()
    inset, least_mm = settings.registration_inset_mm, 2 * (settings.registration_inset_mm + ARM_MM + CLEARANCE_MM)
    if inset < settings.margin_mm:
        raise UsageError(
            f"registration marks {inset:g} mm from the edge lie in the {settings.margin_mm:g} mm the printer leaves "
            "white", remedy="set registration_inset_mm to at least margin_mm",
        )  # fmt: skip
    if min(width_mm, height_mm) <= least_mm:
        raise UsageError(
            f"registration marks have no room on {width_mm:g} x {height_mm:g} mm",
            remedy=f"each side must be longer than {least_mm:g} mm",
        )
    right, bottom = width_mm - inset, height_mm - inset
    marks = _corner(right, inset, -1, 1) + _corner(inset, bottom, 1, -1)
    if settings.registration == "3":
        return (Area(inset, inset, SQUARE_MM, SQUARE_MM), *marks)
    return _corner(inset, inset, 1, 1) + marks + _corner(right, bottom, -1, -1)


def clear_zones(settings: SheetSettings, width_mm: float, height_mm: float) -> tuple[Area, ...]:
    """Return the corners of the page in which nothing else may be printed; nothing where the marks are off.

    A zone reaches from the corner of the page to a clearance behind the arms: the cutter's sensor takes anything dark
    inside for a part of the mark.
    """
    if settings.registration == "off":
        return ()
    side = settings.registration_inset_mm + max(SQUARE_MM, ARM_MM) + CLEARANCE_MM
    right, bottom = width_mm - side, height_mm - side
    corners = [(0.0, 0.0), (right, 0.0), (0.0, bottom), (right, bottom)]
    return tuple(Area(x, y, side, side) for x, y in corners[: int(settings.registration)])


def _corner(x_mm: float, y_mm: float, to_x: int, to_y: int) -> tuple[Area, Area]:
    """Return an L with its outer corner here and its arms in these directions (1 or -1): along x, then along y."""
    left, top = (x_mm if to_x > 0 else x_mm - ARM_MM), (y_mm if to_y > 0 else y_mm - ARM_MM)
    return (
        Area(left, y_mm if to_y > 0 else y_mm - THICKNESS_MM, ARM_MM, THICKNESS_MM),
        Area(x_mm if to_x > 0 else x_mm - THICKNESS_MM, top, THICKNESS_MM, ARM_MM),
    )


# --- free space ---------------------------------------------------------------------------------------------------

RULER_LENGTHS_MM = (100.0, 50.0)
"""The longest that has room is taken."""
APART_MM = 0.75
"""Between things in the margin."""
NOTE_SIZE_MM = 2.1
"""6 pt, the smallest that print shops hold to be readable."""
_SIDES = ("above", "below", "left of", "right of")


class FreeSpace:
    """What is free on a page around a block of cards."""

    def __init__(self, printable: Area, block: Area, taken: Sequence[Area]) -> None:
        """Start with what is printed already; the block's surroundings are the four strips beside it."""
        self._taken = list(taken)
        below, right = printable.bottom_mm - block.bottom_mm, printable.right_mm - block.right_mm
        self._strips = [
            # The strip, whether things in it lie along y, and whether its outer edge has the larger coordinate.
            (replace(printable, y_mm=block.bottom_mm, height_mm=below), False, True),
            (replace(printable, height_mm=block.y_mm - printable.y_mm), False, False),
            (replace(printable, x_mm=block.right_mm, width_mm=right), True, True),
            (replace(printable, width_mm=block.x_mm - printable.x_mm), True, False),
        ]

    def take(self, area: Area) -> None:
        """Mark an area as used."""
        self._taken.append(area)

    def find(self, long_mm: float, deep_mm: float, *, vertical: bool | None = None) -> tuple[Area, bool] | None:
        """Return a free area of this length and depth and whether it stands along y; None where there is none.

        Below the block is tried first, then above, right and left; in each strip the outermost place, and of those
        the one nearest the middle. The area keeps apart from what is there.
        """
        for strip, stands, outer_is_far in self._strips:
            if vertical not in (None, stands):
                continue
            width, height = (deep_mm, long_mm) if stands else (long_mm, deep_mm)
            found = self._in_strip(strip, width, height, stands, outer_is_far)
            if found is not None:
                return found, stands
        return None

    def _in_strip(self, strip: Area, width: float, height: float, vertical: bool, outer_is_far: bool) -> Area | None:
        if width > strip.width_mm + EPSILON_MM or height > strip.height_mm + EPSILON_MM:
            return None
        others = [near for area in self._taken if (near := area.grown(APART_MM - EPSILON_MM)).overlaps(strip)]
        xs = [strip.x_mm, strip.right_mm - width, strip.centre_mm[0] - width / 2]
        ys = [strip.y_mm, strip.bottom_mm - height, strip.centre_mm[1] - height / 2]
        for other in others:
            xs += [other.right_mm, other.x_mm - width]
            ys += [other.bottom_mm, other.y_mm - height]
        xs = [x for x in set(xs) if strip.x_mm - EPSILON_MM <= x <= strip.right_mm - width + EPSILON_MM]
        ys = [y for y in set(ys) if strip.y_mm - EPSILON_MM <= y <= strip.bottom_mm - height + EPSILON_MM]

        def unfit(place: Area) -> tuple[float, float, float, float]:
            across, along = (0, 1) if vertical else (1, 0)
            outward = place.centre_mm[across] if outer_is_far else -place.centre_mm[across]
            beside = abs(place.centre_mm[along] - strip.centre_mm[along])
            return -round(outward, 3), round(beside, 3), place.x_mm, place.y_mm

        places = sorted((Area(x, y, width, height) for x in xs for y in ys), key=unfit)
        return next((place for place in places if not any(place.overlaps(other) for other in others)), None)


def place_ruler(
    space: FreeSpace, words: str = "{:g} mm: print at 100 %, not 'fit to page'", *, vertical: bool | None = None
) -> tuple[Ruler | None, Note | None]:
    """Return the longest ruler that has room, and its words where they have room too; both are then taken.

    The words stand in a line with the ruler, else between it and the cards, else anywhere.

    Args:
        space: What is free.
        words: With a place for the length in mm.
        vertical: Whether the ruler has to stand; None: as there is room.
    """
    for length in RULER_LENGTHS_MM:
        text = words.format(length)
        long, wide = length + 2 * RULER_END_MM, text_length_mm(text, NOTE_SIZE_MM)
        along = long + 2 * APART_MM
        spot = space.find(along + wide, RULER_DEPTH_MM, vertical=vertical)
        in_line = spot is not None
        spot = spot or space.find(long, RULER_DEPTH_MM, vertical=vertical)
        if spot is None:
            continue
        area, stands = spot
        space.take(area)
        aside = (RULER_DEPTH_MM - NOTE_SIZE_MM) / 2
        if stands:
            ruler = Ruler(area.x_mm, area.y_mm + RULER_END_MM, length, vertical=True)
            rest = Area(area.x_mm + aside, area.y_mm + along, NOTE_SIZE_MM, wide)
        else:
            ruler = Ruler(area.x_mm + RULER_END_MM, area.y_mm, length)
            rest = Area(area.x_mm + along, area.y_mm + aside, wide, NOTE_SIZE_MM)
        note = _note_in(rest, text, vertical=stands) if in_line else place_note(space, text, vertical=vertical)
        return ruler, note
    return None, None


def place_note(space: FreeSpace, *texts: str, vertical: bool | None = None) -> Note | None:
    """Return the first of these lines that has a free place, which is then taken; None where none of them has."""
    for text in texts:
        spot = space.find(text_length_mm(text, NOTE_SIZE_MM), NOTE_SIZE_MM, vertical=vertical)
        if spot is not None:
            space.take(spot[0])
            return _note_in(spot[0], text, vertical=spot[1])
    return None


def _note_in(area: Area, text: str, *, vertical: bool) -> Note:
    """Return a line of small print that begins at the start of an area and fills its depth."""
    if vertical:
        return Note(area.x_mm + (1 - NOTE_ASCENT) * NOTE_SIZE_MM, area.y_mm, text, NOTE_SIZE_MM, vertical=True)
    return Note(area.x_mm, area.y_mm + NOTE_ASCENT * NOTE_SIZE_MM, text, NOTE_SIZE_MM)


def layout_warnings(marks: Sequence[CropMarks], rulers_mm: Iterable[float]) -> Iterator[str]:
    """Yield what is missing or smaller than it should be.

    Args:
        marks: Of all front pages.
        rulers_mm: Length of the ruler of each page that should have one, 0 where it has none.
    """
    if missing := _sides(side for page in marks for side in page.missing):
        yield f"no room for crop marks {missing} the cards: a smaller margin would give it"
    if short := _sides(side for page in marks for side in page.shortened):
        yield f"crop marks {short} the cards are shorter than {SHORT_MM:g} mm for want of room"
    if left_out := sum(page.left_out for page in marks):
        yield f"{left_out} crop marks are left out beside the registration marks"
    ruler_mm = min(rulers_mm, default=RULER_LENGTHS_MM[0])
    if ruler_mm == 0:
        yield "no room for a ruler: measure a card to see whether the page was printed at 100 %"
    elif ruler_mm < RULER_LENGTHS_MM[0]:
        yield f"the ruler is {ruler_mm:g} mm long, for a longer one there is no room"


def _sides(found: Iterable[str]) -> str:
    """Return the sides in words that go on with "the cards"."""
    names = sorted(set(found), key=_SIDES.index)
    return " and ".join(names) if len(names) < 3 else ", ".join(names[:-1]) + f" and {names[-1]}"
