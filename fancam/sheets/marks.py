"""Crop marks: short lines in the margin that say where to cut."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from fancam.settings import SheetSettings
from fancam.sheets.grid import EPSILON_MM, touches
from fancam.sheets.plan import Area, Line, Note, Ruler

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
    clear = tuple(line for line in lines if not touches(line.area, zones))
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


RULER_DEPTH_MM = 3.0
"""How far a ruler's longest ticks reach from its line."""
RULER_END_MM = 0.5
"""Free beside its first and last tick."""
RULER_LENGTHS_MM = (100.0, 50.0)
APART_MM = 0.75
"""Between things in the margin."""
NOTE_SIZE_MM = 2.1
"""6 pt, the smallest that print shops hold to be readable."""
_ADVANCE = 0.52
"""Width of a character in sizes of the font: a little more than the mean of Helvetica and its kin for such lines."""
_ASCENT = 0.75
"""Of the size above the baseline; the rest is below."""


def ruler_area(ruler: Ruler) -> Area:
    """Return what a ruler covers."""
    long, deep = ruler.length_mm + 2 * RULER_END_MM, RULER_DEPTH_MM
    if ruler.vertical:
        return Area(ruler.x_mm, ruler.y_mm - RULER_END_MM, deep, long)
    return Area(ruler.x_mm - RULER_END_MM, ruler.y_mm, long, deep)


def text_length_mm(text: str, size_mm: float) -> float:
    """Return about how long a line of small print is; rather too much than too little."""
    return len(text) * _ADVANCE * size_mm


def note_area(note: Note) -> Area:
    """Return about what a line of small print covers."""
    long = text_length_mm(note.text, note.size_mm)
    if note.vertical:  # its top points to the right
        return Area(note.x_mm - (1 - _ASCENT) * note.size_mm, note.y_mm, note.size_mm, long)
    return Area(note.x_mm, note.y_mm - _ASCENT * note.size_mm, long, note.size_mm)


def note_in(area: Area, text: str, size_mm: float = NOTE_SIZE_MM, *, vertical: bool = False) -> Note:
    """Return a line of small print that begins at the start of an area and fills its depth from the upper or left."""
    if vertical:
        return Note(area.x_mm + (1 - _ASCENT) * size_mm, area.y_mm, text, size_mm, vertical=True)
    return Note(area.x_mm, area.y_mm + _ASCENT * size_mm, text, size_mm)


class Room:
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

        Args:
            long_mm: Its length.
            deep_mm: Its depth.
            vertical: Whether it has to stand; None: as there is room.

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


def place_ruler(room: Room) -> tuple[Ruler | None, Note | None]:
    """Return the longest ruler that has room, and the words beside it where they have room too; both are then taken.

    The words stand in a line with the ruler, else between it and the cards, else anywhere.
    """
    for length in RULER_LENGTHS_MM:
        text = f"{length:g} mm: print at 100 %, not 'fit to page'"
        long, words = length + 2 * RULER_END_MM, text_length_mm(text, NOTE_SIZE_MM)
        spot = room.find(long + 2 * APART_MM + words, RULER_DEPTH_MM)
        beside = spot is not None
        spot = spot or room.find(long, RULER_DEPTH_MM)
        if spot is None:
            continue
        area, vertical = spot
        start = (area.x_mm, area.y_mm + RULER_END_MM) if vertical else (area.x_mm + RULER_END_MM, area.y_mm)
        ruler = Ruler(*start, length, vertical)
        room.take(area)
        if not beside:
            return ruler, place_note(room, text)
        along = long + 2 * APART_MM
        rest = (
            Area(area.x_mm + (RULER_DEPTH_MM - NOTE_SIZE_MM) / 2, area.y_mm + along, NOTE_SIZE_MM, words) if vertical
            else Area(area.x_mm + along, area.y_mm + (RULER_DEPTH_MM - NOTE_SIZE_MM) / 2, words, NOTE_SIZE_MM)
        )  # fmt: skip
        return ruler, note_in(rest, text, vertical=vertical)
    return None, None


def place_note(room: Room, *texts: str, vertical: bool | None = None) -> Note | None:
    """Return the first of these lines that has a free place, which is then taken; None where none of them has."""
    for text in texts:
        spot = room.find(text_length_mm(text, NOTE_SIZE_MM), NOTE_SIZE_MM, vertical=vertical)
        if spot is not None:
            room.take(spot[0])
            return note_in(spot[0], text, vertical=spot[1])
    return None


_SIDES = ("above", "below", "left of", "right of")


class Lacks:
    """Gathers over all pages what is missing or smaller than it should be."""

    def __init__(self) -> None:
        """Start with nothing lacking."""
        self._without: set[str] = set()
        self._short: set[str] = set()
        self._left_out = 0
        self._ruler_mm = RULER_LENGTHS_MM[0]

    def add(self, marks: CropMarks, ruler: Ruler | None, settings: SheetSettings) -> None:
        """Take note of a front page."""
        self._without.update(marks.missing)
        self._short.update(marks.shortened)
        self._left_out += marks.left_out
        if settings.ruler == "on":
            self._ruler_mm = min(self._ruler_mm, 0.0 if ruler is None else ruler.length_mm)

    def lines(self) -> Iterator[str]:
        """Yield what is lacking."""
        if self._without:
            yield f"no room for crop marks {_sides(self._without)} the cards: a smaller margin would give it"
        if self._short:
            yield f"crop marks {_sides(self._short)} the cards are shorter than {SHORT_MM:g} mm for want of room"
        if self._left_out:
            yield f"{self._left_out} crop marks are left out beside the registration marks"
        if self._ruler_mm == 0:
            yield "no room for a ruler: measure a card to see whether the page was printed at 100 %"
        elif self._ruler_mm < RULER_LENGTHS_MM[0]:
            yield f"the ruler is {self._ruler_mm:g} mm long, for a longer one there is no room"


def _sides(found: set[str]) -> str:
    """Return the sides in words that go on with "the cards"."""
    names = [side for side in _SIDES if side in found]
    return " and ".join(names) if len(names) < 3 else ", ".join(names[:-1]) + f" and {names[-1]}"
