"""The margin of a page: where there is free space around the cards, and the ruler and the small print put there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from fancam.sheets.marks import SHORT_MM, CropMarks
from fancam.sheets.plan import (
    EPSILON_MM,
    NOTE_ASCENT,
    RULER_DEPTH_MM,
    RULER_END_MM,
    Area,
    Note,
    Ruler,
    text_length_mm,
)

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
