"""Printer's marks: crop marks that say where to cut, and the registration marks of Silhouette cutters."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from fancam.errors import UsageError
from fancam.settings import SheetSettings
from fancam.sheets.plan import EPSILON_MM, Area, Line

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
