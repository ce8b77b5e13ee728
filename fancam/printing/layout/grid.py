"""The grid of positions on a page: the best one for a size of card, a paper and what lies around the cards."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from fancam.errors import UsageError
from fancam.printing.layout.registration import clear_zones, registration_marks
from fancam.records import Area, Paper
from fancam.settings import SheetSettings

EPSILON_MM = 1e-6
"""Lengths that should be equal differ by less after a few additions of floats."""


@dataclass(frozen=True, slots=True)
class Form:
    """What all cards of a page have in common."""

    width_mm: float
    """Trim width of the upright picture."""
    height_mm: float
    bleed_mm: float
    """As it is printed."""

    def __str__(self) -> str:
        bleed = f" + {self.bleed_mm:g} mm bleed" if self.bleed_mm else ""
        return f"{self.width_mm:g} x {self.height_mm:g} mm{bleed}"


@dataclass(frozen=True, slots=True)
class Grid:
    """Positions of cards on a page, centred on it."""

    form: Form
    page_width_mm: float
    page_height_mm: float
    columns: int
    rows: int
    turned: bool
    """Whether the cards lie on their side."""
    trims: tuple[Area, ...]
    """Of all positions in reading order, also of those that cannot be used."""
    usable: tuple[int, ...]
    """Indices of the positions that are clear of the registration marks."""

    def index(self, column: int, row: int) -> int | None:
        """Return the index of a position; None outside the grid."""
        inside = 0 <= column < self.columns and 0 <= row < self.rows
        return row * self.columns + column if inside else None


def best_grid(form: Form, paper: Paper, settings: SheetSettings) -> Grid:
    """Return the grid with the most positions.

    With ``auto`` the paper is turned and the cards stand upright on it; on paper that is not to be turned the cards
    are. Upright paper and upright cards win ties. Where registration marks take corners, every smaller grid is tried
    as well: one row less can be clear of all of them.

    Raises:
        UsageError: Not one card fits; the message says what stands in the way.
    """
    candidates = [grid for page in _pages(paper, settings) for grid in _grids(form, *page, settings)]
    best = max(candidates, key=lambda grid: (len(grid.usable), -len(grid.trims)), default=None)
    if best is None or not best.usable:
        raise _no_room(form, paper, settings)
    return best


def pitch_mm(side_mm: float, bleed_mm: float, settings: SheetSettings) -> float:
    """Return the distance from one card's edge to the same edge of the next.

    ``separate``: both bleeds and the gap lie between two trims; ``shared``: the width of one bleed, half of it of
    either card; ``outside``: nothing.
    """
    between = {"separate": 2 * bleed_mm + settings.gap_mm, "shared": bleed_mm, "outside": 0.0}
    return side_mm + between[settings.gutter]


def fitting(room_mm: float, side_mm: float, pitch: float) -> int:
    """Return how many sides fit into a length at this pitch."""
    return max(0, math.floor((room_mm - side_mm + EPSILON_MM) / pitch) + 1)


def _pages(paper: Paper, settings: SheetSettings) -> list[tuple[float, float, bool]]:
    """Return what can be tried, in the order of preference: (width, height, whether cards are turned)."""
    upright, lying = (paper.width_mm, paper.height_mm), (paper.height_mm, paper.width_mm)
    if settings.orientation == "auto":
        return [(*upright, False), (*lying, False)]
    page = upright if settings.orientation == "portrait" else lying
    return [(*page, False), (*page, True)]


def _grids(form: Form, width_mm: float, height_mm: float, turned: bool, settings: SheetSettings) -> Iterator[Grid]:
    """Yield the grids that fit on a page: the largest, and with registration marks all smaller ones."""
    across, down = (form.height_mm, form.width_mm) if turned else (form.width_mm, form.height_mm)
    most = [_most(room, side, form, settings) for room, side in ((width_mm, across), (height_mm, down))]
    if 0 in most:
        return
    smaller = settings.registration != "off"
    for columns in range(1 if smaller else most[0], most[0] + 1):
        for rows in range(1 if smaller else most[1], most[1] + 1):
            yield _grid(form, (width_mm, height_mm), (columns, rows), turned, settings)


def _most(page_mm: float, side_mm: float, form: Form, settings: SheetSettings) -> int:
    """Return how many cards fit along one side of a page.

    What is printed keeps to the printer's margin. A cutter cuts inside its marks only, so that trims keep to those
    (silhouette-card-maker's ``compute_grid_fit``: only cards must be in the usable area, bleed may reach out of it).
    """
    pitch = pitch_mm(side_mm, form.bleed_mm, settings)
    most = fitting(page_mm - 2 * settings.margin_mm, side_mm + 2 * form.bleed_mm, pitch)
    if settings.registration == "off":
        return most
    return min(most, fitting(page_mm - 2 * settings.registration_inset_mm, side_mm, pitch))


def _grid(
    form: Form, page: tuple[float, float], counts: tuple[int, int], turned: bool, settings: SheetSettings
) -> Grid:  # fmt: skip
    width, height = (form.height_mm, form.width_mm) if turned else (form.width_mm, form.height_mm)
    xs, ys = (
        _starts(page[axis], (width, height)[axis], counts[axis], form.bleed_mm, settings) for axis in (0, 1)
    )  # fmt: skip
    trims = tuple(Area(x, y, width, height) for y in ys for x in xs)
    zones = clear_zones(settings, *page)
    usable = tuple(index for index, trim in enumerate(trims) if not touches(trim.grown(form.bleed_mm), zones))
    return Grid(form, *page, *counts, turned, trims, usable)


def _starts(page_mm: float, side_mm: float, count: int, bleed_mm: float, settings: SheetSettings) -> list[float]:
    """Return where the cards begin along one side: from the middle of the page outward, so that they mirror exactly."""
    pitch = pitch_mm(side_mm, bleed_mm, settings)
    return [page_mm / 2 + (index - (count - 1) / 2) * pitch - side_mm / 2 for index in range(count)]


def touches(area: Area, others: tuple[Area, ...]) -> bool:
    """Whether an area has more than an edge in common with one of the others, floats aside."""
    return any(area.grown(-EPSILON_MM).overlaps(other) for other in others)


def _no_room(form: Form, paper: Paper, settings: SheetSettings) -> UsageError:
    sides = f"{paper.title} ({paper.width_mm:g} x {paper.height_mm:g} mm)"
    if settings.registration != "off":
        registration_marks(settings, paper.width_mm, paper.height_mm)  # says so where not even they have room
        inset = f"{settings.registration_inset_mm:g} mm"
        return UsageError(
            f"no card of {form} fits beside the registration marks on {sides}, {inset} from its edges",
            remedy="choose larger paper, less bleed or no registration marks",
        )
    return UsageError(
        f"a card of {form} does not fit on {sides} with margins of {settings.margin_mm:g} mm",
        remedy="choose larger paper, less bleed or a smaller margin",
    )
