"""The plan of a sheet: cards as files, where they lie on its pages, marks, and where they are cut.

Everything here is in millimetres from the top left corner of the page, x to the right and y down. Nothing is rounded to
pixels: a PDF is placed by length.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from fancam.paper import Paper

EPSILON_MM = 1e-6
"""Lengths that should be equal differ by less after a few additions of floats."""
RULER_DEPTH_MM = 3.0
"""How far a ruler's longest ticks reach from its line."""
RULER_END_MM = 0.5
"""Free beside a ruler's first and last tick."""
NOTE_ADVANCE, NOTE_ASCENT = 0.52, 0.75
"""In sizes of the font: width of a character, a little more than the mean of Helvetica and its kin for such lines; and
what of the size is above the baseline."""


@dataclass(frozen=True, slots=True)
class Area:
    """A rectangle on paper."""

    x_mm: float
    y_mm: float
    width_mm: float
    height_mm: float

    @property
    def right_mm(self) -> float:
        """Right edge."""
        return self.x_mm + self.width_mm

    @property
    def bottom_mm(self) -> float:
        """Lower edge."""
        return self.y_mm + self.height_mm

    @property
    def centre_mm(self) -> tuple[float, float]:
        """(x, y) of the middle."""
        return self.x_mm + self.width_mm / 2, self.y_mm + self.height_mm / 2

    def centred_at(self, x_mm: float, y_mm: float) -> Area:
        """Return the area moved to this middle."""
        return Area(x_mm - self.width_mm / 2, y_mm - self.height_mm / 2, self.width_mm, self.height_mm)

    def grown(self, by_mm: float) -> Area:
        """Return the area with this much more on every side; a negative length shrinks it."""
        return Area(self.x_mm - by_mm, self.y_mm - by_mm, self.width_mm + 2 * by_mm, self.height_mm + 2 * by_mm)

    def overlaps(self, other: Area) -> bool:
        """Whether the two have more than an edge in common."""
        return (
            self.x_mm < other.right_mm and other.x_mm < self.right_mm
            and self.y_mm < other.bottom_mm and other.y_mm < self.bottom_mm
        )  # fmt: skip

    def touches(self, others: Iterable[Area]) -> bool:
        """Whether it overlaps one of the others by more than what adding floats makes of an edge."""
        inside = self.grown(-EPSILON_MM)
        return any(inside.overlaps(other) for other in others)

    @staticmethod
    def around(areas: Sequence[Area]) -> Area:
        """Return the smallest area that holds them all; there is at least one."""
        x, y = min(a.x_mm for a in areas), min(a.y_mm for a in areas)
        return Area(x, y, max(a.right_mm for a in areas) - x, max(a.bottom_mm for a in areas) - y)


@dataclass(frozen=True, slots=True)
class SheetCard:
    """A finished card that is to be printed: a file whose pixels are the trim and its bleed."""

    name: str
    """Unique among the cards of a sheet."""
    front: Path
    width_mm: float
    """Trim width."""
    height_mm: float
    """Trim height."""
    bleed_mm: float
    """Of the file, on every side."""
    back: Path | None = None
    """Same size and bleed as the front; None leaves the back of the paper empty."""
    corner_radius_mm: float = 0.0
    copies: int = 1


@dataclass(frozen=True, slots=True)
class Placement:
    """One print of a picture on a page."""

    card: str
    """Name of the card."""
    picture: Path
    trim: Area
    """What remains after cutting, as it lies on the page."""
    shown: Area
    """Trim and the bleed that is printed around it; the picture is clipped to it."""
    extent: Area
    """Where the whole picture with all of its bleed lies, as it lies on the page; its middle is that of the trim."""
    turn_deg: int = 0
    """How far the picture is turned clockwise on the page: 0, 90, 180 or 270. The areas are those after the turn."""


@dataclass(frozen=True, slots=True)
class Line:
    """A straight black line."""

    x0_mm: float
    y0_mm: float
    x1_mm: float
    y1_mm: float
    width_mm: float

    @property
    def area(self) -> Area:
        """What a line that lies or stands covers, its width included; beyond its ends there is nothing of it."""
        x, y = min(self.x0_mm, self.x1_mm), min(self.y0_mm, self.y1_mm)
        width, height = abs(self.x1_mm - self.x0_mm), abs(self.y1_mm - self.y0_mm)
        half = self.width_mm / 2
        return Area(x - (half if width == 0 else 0), y - (half if height == 0 else 0),
                    width or self.width_mm, height or self.width_mm)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Ruler:
    """A ruler that shows whether a page was printed at 100 %."""

    x_mm: float
    y_mm: float
    """Where its zero mark starts."""
    length_mm: float
    vertical: bool = False
    """Along y, downward; ticks point to larger x. Otherwise along x, and ticks point to larger y."""

    @property
    def area(self) -> Area:
        """What it covers, with a little beside its ends."""
        long = self.length_mm + 2 * RULER_END_MM
        if self.vertical:
            return Area(self.x_mm, self.y_mm - RULER_END_MM, RULER_DEPTH_MM, long)
        return Area(self.x_mm - RULER_END_MM, self.y_mm, long, RULER_DEPTH_MM)


@dataclass(frozen=True, slots=True)
class Note:
    """A line of small print."""

    x_mm: float
    y_mm: float
    """Left end of the baseline."""
    text: str
    size_mm: float
    """Height of the type from ascender to descender (the size of the font)."""
    vertical: bool = False
    """Reads downward, turned by 90 degrees clockwise: its top points to the right."""

    @property
    def area(self) -> Area:
        """About what it covers; rather too long than too short."""
        long = text_length_mm(self.text, self.size_mm)
        if self.vertical:
            return Area(self.x_mm - (1 - NOTE_ASCENT) * self.size_mm, self.y_mm, self.size_mm, long)
        return Area(self.x_mm, self.y_mm - NOTE_ASCENT * self.size_mm, long, self.size_mm)


def decimal(value: float) -> str:
    """Return a number with up to six decimals, without those that are 0 and never ``-0``: PDF, SVG, DXF read it."""
    text = f"{value:.6f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def text_length_mm(text: str, size_mm: float) -> float:
    """Return about how long a line of small print is; rather too much than too little."""
    return len(text) * NOTE_ADVANCE * size_mm


@dataclass(frozen=True, slots=True)
class BackOffset:
    """How a printer lays the back of a sheet beside where it should be; the page is moved against it."""

    x_mm: float = 0.0
    """What the back must be moved by, to the right as one looks at it."""
    y_mm: float = 0.0
    """What the back must be moved by, downward."""
    angle_deg: float = 0.0
    """What the back must be turned by around the middle of the page, clockwise."""


@dataclass(frozen=True, slots=True)
class Page:
    """One side of a sheet."""

    width_mm: float
    height_mm: float
    placements: tuple[Placement, ...] = ()
    is_back: bool = False
    bleed_box: Area | None = None
    """What is printed of the cards; None where the page has none."""
    trim_box: Area | None = None
    """What remains of them; None where the page has none."""
    crop_marks: tuple[Line, ...] = ()
    registration: tuple[Area, ...] = ()
    """Solid black rectangles of a cutter's registration marks (an L is two of them)."""
    rulers: tuple[Ruler, ...] = ()
    notes: tuple[Note, ...] = ()
    lines: tuple[Line, ...] = ()
    """Further lines: the scales of a calibration page."""
    offset: BackOffset = field(default_factory=BackOffset)


@dataclass(frozen=True, slots=True)
class CutPath:
    """A card's outline for a cutter: a rectangle with round corners."""

    area: Area
    radius_mm: float = 0.0


@dataclass(frozen=True, slots=True)
class CutSheet:
    """The cut paths of the pages that are cut alike."""

    width_mm: float
    """Of the page."""
    height_mm: float
    paths: tuple[CutPath, ...]
    pages: tuple[int, ...]
    """Which front pages it belongs to, counted from 1."""


@dataclass(frozen=True, slots=True)
class SheetPlan:
    """All pages of a sheet, in the order they are printed; with duplex a front and its back take turns."""

    paper: Paper
    pages: tuple[Page, ...]
    columns: int
    """Of the first page."""
    rows: int
    """Of the first page."""
    per_page: int
    """Cards that fit on a page of the first card's size."""
    turned: bool
    """Whether its cards lie on their side."""
    cuts: tuple[CutSheet, ...] = ()
    notes: tuple[str, ...] = ()
    """What had to be left out or done otherwise: a ruler without room, shorter marks …"""
