"""A sheet that shows how far a printer lays backs beside fronts, and what its readings mean.

Verniers, as on a caliper: on the back lines stand every 1.9 mm, on the front every 2 mm. Held against a lamp, line k of
the back meets line k of the front where the back lies k times 0.1 mm beside its place. Every second line is longer: 20
lines on, another pair meets, but of different lengths. Everything is read from the back, whose numbers say which way:
to the right and downward as one looks at it. The front is drawn mirrored for the edge over which the sheet is turned,
so that the readings mean the same for both.

The four scales: LY and RY stand at the left and at the right, at the height of the middle of the page, and show how far
the back lies down there; LX lies above and RX below the middle, equally far, and show how far it lies to the right. A
back that is turned by e around the middle moves LY and RY by -+ sin(e) times half their distance, and LX and RX to
opposite sides, so that the mean of each two is free of it.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass

from fancam.errors import UsageError
from fancam.paper import Paper
from fancam.settings import SheetSettings
from fancam.sheets.grid import line_behind
from fancam.sheets.margins import APART_MM, FreeSpace, place_note, place_ruler
from fancam.sheets.plan import RULER_DEPTH_MM, Area, BackOffset, Line, Note, Page, SheetPlan, text_length_mm

FRONT_PITCH_MM = 2.0
BACK_PITCH_MM = 1.9
STEP_MM = 0.1
"""What one line stands for: the difference of the pitches."""
REACHES = (30, 20, 10)
"""Lines on either side of zero: 3 mm, and less where paper is small."""
EDGE_MM = 20.0
"""From the upright sheet's left and right edges to the scales that stand."""
TICK_WIDTH_MM = 0.12
_ZERO_MM, _EVEN_MM, _ODD_MM = 6.0, 4.5, 3.0
_OVERLAP_MM = 2.5
"""How far the lines of the front reach into those of the back, so that they meet where the back lies aside."""
_FRONT_SHARE = 2 / 3
"""Length of the lines of the front on their own side, to those of the back."""
_FIGURES_MM = 2.4
_NAME_MM = 4.0
_BESIDE_MM = 11.0
"""From the ends of the standing scales to the lying ones."""
_LYING_DEPTH_MM = _ZERO_MM + APART_MM + _FIGURES_MM + APART_MM + _NAME_MM
"""Of a lying scale above its line: lines, figures, name."""
_TEXT_SIZES_MM = (3.2, 2.6, 2.1, 1.8)
_LEADING = 1.5
_LEAST_CHARACTERS = 24
"""In a line; narrower text does not read."""
_HALF_FIGURE = 0.34
"""Half of the height of figures, in sizes of the font."""


@dataclass(frozen=True, slots=True)
class Scale:
    """A vernier; on the back's side of its line the back's ticks stand, beyond it the front's."""

    name: str
    x_mm: float
    """Of its zero, on the back page."""
    y_mm: float
    vertical: bool
    outward: int
    """Where the back's ticks point: 1 to larger coordinates, -1 to smaller ones."""


def calibration_distance_mm(paper: Paper) -> float:
    """Return how far the left scale is from the right one; the same whichever way the sheet lies."""
    return paper.width_mm - 2 * EDGE_MM


def offset_from_readings(left: tuple[float, float], right: tuple[float, float], distance_mm: float) -> BackOffset:
    """Return what the back must be moved and turned by, from the readings of a calibration sheet.

    A printer lays a point p of the back, seen from the middle of the page, at R(e) p + d, where R turns clockwise (y
    points down). The readings give d, the mean of the two, and sin e, the difference of the vertical ones over their
    distance. What is wanted undoes that where the page is first turned and then moved: turned by -e and moved by
    -R(-e) d, for R(e) (R(-e) p - R(-e) d) + d = p.

    Args:
        left: LX and LY in mm, as numbered on the sheet: how far the back lies to the right and down.
        right: RX and RY.
        distance_mm: Between LY and RY, from ``calibration_distance_mm``.

    Raises:
        UsageError: The readings are farther apart than any sheet of paper can be turned.
        ValueError: The distance is not positive.
    """
    if distance_mm <= 0:
        raise ValueError(f"a distance of {distance_mm:g} mm between the scales")
    if not all(math.isfinite(value) for value in (*left, *right)):
        raise UsageError("a reading is not a number", remedy="write them like 0.3,-0.2,0.3,-0.1")
    sine = (right[1] - left[1]) / distance_mm
    if abs(sine) > math.sin(math.radians(5)):
        raise UsageError(
            f"LY {left[1]:g} and RY {right[1]:g} mm are too far apart: no printer turns a sheet by more than 5 degrees",
            remedy="read LY and RY again",
        )
    angle, x, y = math.asin(sine), (left[0] + right[0]) / 2, (left[1] + right[1]) / 2
    cos, sin = math.cos(angle), math.sin(angle)
    return BackOffset(-(x * cos + y * sin), -(y * cos - x * sin), -math.degrees(angle))


def plan_calibration(paper: Paper, settings: SheetSettings) -> SheetPlan:
    """Plan a front and a back with scales that show how a printer lays them on each other.

    The back has no offset, whatever the settings say: what is read is the whole of it.

    Args:
        paper: What is in the printer.
        settings: For the orientation (upright unless ``landscape``), the margin and the edge the sheet is turned over
            (the long one where duplex is off).

    Raises:
        UsageError: The paper is too small, or the margin takes the place of the scales.
    """
    lying = settings.orientation == "landscape"
    width, height = (paper.height_mm, paper.width_mm) if lying else (paper.width_mm, paper.height_mm)
    duplex = "short" if settings.duplex == "short" else "long"
    printable = Area(0, 0, width, height).grown(-settings.margin_mm)
    reach = _reach(paper, printable)
    front = _front_page(paper, (width, height), reach, printable, duplex)
    back = _back_page(paper, (width, height), reach, duplex)
    way = "landscape" if lying else "portrait"
    return SheetPlan(
        paper=paper, pages=(front, back), columns=0, rows=0, per_page=0, turned=False,
        notes=(f"print both pages on one sheet, {way}, at 100 %, two-sided, turned over the {duplex} edge",),
    )  # fmt: skip


# --- the scales ---------------------------------------------------------------------------------------------------


def _reach(paper: Paper, printable: Area) -> int:
    """Return how many lines the scales have on either side of zero."""
    distance = calibration_distance_mm(paper)
    for reach in REACHES:
        half = reach * FRONT_PITCH_MM
        high = 2 * (half + _BESIDE_MM + _LYING_DEPTH_MM)
        wide = max(2 * half + text_length_mm("-3.0", _FIGURES_MM), distance + 2 * _ZERO_MM)
        if high <= printable.height_mm and wide <= printable.width_mm and distance >= 4 * _ZERO_MM:
            return reach
    raise UsageError(
        f"the scales of a calibration sheet have no room on {paper.title}",
        remedy="use larger paper or a smaller margin",
    )


def _scales(paper: Paper, page: tuple[float, float], reach: int) -> tuple[Scale, ...]:
    half, beside = calibration_distance_mm(paper) / 2, reach * FRONT_PITCH_MM + _BESIDE_MM
    x, y = page[0] / 2, page[1] / 2
    return (
        Scale("LX", x, y - beside, vertical=False, outward=-1),
        Scale("RX", x, y + beside, vertical=False, outward=-1),
        Scale("LY", x - half, y, vertical=True, outward=1),
        Scale("RY", x + half, y, vertical=True, outward=-1),
    )


def _ticks(scale: Scale, reach: int, *, back: bool) -> Iterator[Line]:
    """Yield the lines of one side in the order of their numbers."""
    pitch = BACK_PITCH_MM if back else FRONT_PITCH_MM
    for number in range(-reach, reach + 1):
        tall = _tall_mm(number)
        near, far = (0.0, tall) if back else (_OVERLAP_MM, -_FRONT_SHARE * tall)
        along, near, far = number * pitch, near * scale.outward, far * scale.outward
        x, y = scale.x_mm, scale.y_mm
        if scale.vertical:
            yield Line(x + near, y + along, x + far, y + along, TICK_WIDTH_MM)
        else:
            yield Line(x + along, y + near, x + along, y + far, TICK_WIDTH_MM)


def _tall_mm(number: int) -> float:
    return _ZERO_MM if number == 0 else _EVEN_MM if number % 2 == 0 else _ODD_MM


def _figures(scale: Scale, reach: int) -> Iterator[Note]:
    """Yield the readings in mm beside every fifth line of the back, and the scale's name."""
    away = (_ZERO_MM + APART_MM) * scale.outward
    for number in range(-reach, reach + 1, 5):
        text = f"{number * STEP_MM:.1f}" if number else "0"
        along, wide = number * BACK_PITCH_MM, text_length_mm(text, _FIGURES_MM)
        if scale.vertical:
            x = scale.x_mm + away - (wide if scale.outward < 0 else 0.0)
            yield Note(x, scale.y_mm + along + _HALF_FIGURE * _FIGURES_MM, text, _FIGURES_MM)
        else:
            yield Note(scale.x_mm + along - wide / 2, scale.y_mm + away, text, _FIGURES_MM)
    x = scale.x_mm - text_length_mm(scale.name, _NAME_MM) / 2
    above = reach * FRONT_PITCH_MM + APART_MM + 1.0 if scale.vertical else _LYING_DEPTH_MM - 0.75 * _NAME_MM
    yield Note(x, scale.y_mm - above, scale.name, _NAME_MM)


# --- the pages ----------------------------------------------------------------------------------------------------


def _back_page(paper: Paper, page: tuple[float, float], reach: int, duplex: str) -> Page:
    """Return the side that is read: the back's lines with their readings, and what to do."""
    scales = _scales(paper, page, reach)
    lines = tuple(line for scale in scales for line in _ticks(scale, reach, back=True))
    figures = tuple(note for scale in scales for note in _figures(scale, reach))
    beside = reach * FRONT_PITCH_MM + _BESIDE_MM
    inside = calibration_distance_mm(paper) / 2 - _ZERO_MM - 2 * APART_MM - text_length_mm("-3.0", _FIGURES_MM)
    top, bottom = page[1] / 2 - beside + _ZERO_MM, page[1] / 2 + beside - _LYING_DEPTH_MM - APART_MM
    free = Area(page[0] / 2 - inside, top, 2 * inside, bottom - top)
    texts = (
        "BACK: read this side",
        f"1. Print both pages on one sheet: 100~%, two-sided, turned over the {duplex} edge.",
        "2. Hold it against a lamp, this side towards you.",
        "3. On each scale find the line that meets a line of the front as long as itself. Every line is 0.1~mm, every "
        "fifth has its number.",
        "4. Two meet equally well? Take the number between, such as 0.25.",
        "5. fancam sheet --calibrate --readings LX,LY,RX,RY (such as 0.3,-0.2,0.35,-0.1)",
    )
    words = _text_block(texts, free)
    if not words:
        raise UsageError("a calibration sheet has no room for its words", remedy="use larger paper")
    return Page(*page, is_back=True, lines=lines, notes=(*figures, *words))


def _front_page(paper: Paper, page: tuple[float, float], reach: int, printable: Area, duplex: str) -> Page:
    """Return the side that shines through: its lines where the back's belong, and rulers."""
    scales = _scales(paper, page, reach)
    lines = tuple(line_behind(line, *page, duplex) for scale in scales for line in _ticks(scale, reach, back=False))
    areas = [line.area for line in lines]
    space = FreeSpace(printable, Area.around(areas), areas)
    placed = [place_ruler(space, "{:g} mm", vertical=vertical) for vertical in (False, True)]
    texts = (
        "FRONT: the scales are read from the other side.",
        "Measure the rulers. Not as long as they say? Print at 100~%, not 'fit to page'.",
        f"{paper.title}, turned over the {duplex} edge",
    )
    words: list[Note] = []
    # Outside the scales first: in the middle it would shine through what the back says.
    beside = page[1] / 2 - reach * FRONT_PITCH_MM - _BESIDE_MM - _LYING_DEPTH_MM - printable.y_mm
    below = page[1] / 2 + reach * FRONT_PITCH_MM + _BESIDE_MM + _LYING_DEPTH_MM
    for top, height in ((printable.y_mm, beside), (below, beside - RULER_DEPTH_MM - 2 * APART_MM)):
        words = words or _text_block(texts, Area(printable.x_mm, top, printable.width_mm, height))
    # A strip fills from the edge of the paper: the last line comes first.
    words = words or [
        note for text in reversed(texts) if (note := place_note(space, text.replace("~", " "))) is not None
    ]
    return Page(
        *page,
        rulers=tuple(ruler for ruler, _ in placed if ruler is not None),
        lines=lines,
        notes=(*(label for _, label in placed if label is not None), *words),
    )


def _text_block(texts: tuple[str, ...], free: Area) -> list[Note]:
    """Return lines of text in the middle of an area, in the largest type that has room; none where none has.

    A tilde is a space at which no line ends.
    """
    for size in _TEXT_SIZES_MM:
        per_line = int(free.width_mm / text_length_mm(" ", size))
        if per_line < _LEAST_CHARACTERS:
            continue
        lines = [part for text in texts for part in textwrap.wrap(text, per_line, subsequent_indent="   ")]
        high = len(lines) * _LEADING * size
        if high > free.height_mm or max(map(len, lines)) > per_line:
            continue
        x = free.centre_mm[0] - max(text_length_mm(line, size) for line in lines) / 2
        y = free.centre_mm[1] - high / 2
        return [
            Note(x, y + (number * _LEADING + 1) * size, line.replace("~", " "), size)
            for number, line in enumerate(lines)
        ]
    return []
