"""Free places on a page: rulers and small print go where nothing else is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from fancam.printing.layout.grid import EPSILON_MM
from fancam.records import Area, Note, Ruler

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
