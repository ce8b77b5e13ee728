"""Crop marks: short lines in the margin that say where to cut."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from fancam.printing.layout.grid import EPSILON_MM, touches
from fancam.records import Area, Line

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
    clear = tuple(line for line in lines if not touches(line_area(line), zones))
    return CropMarks(clear, tuple(missing), tuple(shortened), len(lines) - len(clear))


def line_area(line: Line) -> Area:
    """Return what a line that lies or stands covers, its width included."""
    x, y = min(line.x0_mm, line.x1_mm), min(line.y0_mm, line.y1_mm)
    width, height = abs(line.x1_mm - line.x0_mm), abs(line.y1_mm - line.y0_mm)
    half = line.width_mm / 2
    return Area(x - (half if width == 0 else 0), y - (half if height == 0 else 0),
                width or line.width_mm, height or line.width_mm)  # fmt: skip


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
