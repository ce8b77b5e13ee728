"""The grid of positions on a page: the best one for a size of card, a paper and what lies around the cards."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace

from fancam.errors import UsageError
from fancam.paper import Paper
from fancam.settings import SheetSettings
from fancam.sheets.margins import clear_zones, registration_marks
from fancam.sheets.plan import EPSILON_MM, Area, Line, Placement, SheetCard

TURN_DEG = 90
"""Cards that lie on their side are turned clockwise."""


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
    usable = tuple(index for index, trim in enumerate(trims) if not trim.grown(form.bleed_mm).touches(zones))
    return Grid(form, *page, *counts, turned, trims, usable)


def _starts(page_mm: float, side_mm: float, count: int, bleed_mm: float, settings: SheetSettings) -> list[float]:
    """Return where the cards begin along one side: from the middle of the page outward, so that they mirror exactly."""
    pitch = pitch_mm(side_mm, bleed_mm, settings)
    return [page_mm / 2 + (index - (count - 1) / 2) * pitch - side_mm / 2 for index in range(count)]


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


def place(grid: Grid, cards: Mapping[int, SheetCard], settings: SheetSettings) -> tuple[Placement, ...]:
    """Return the fronts of a page."""
    return tuple(
        Placement(
            card=card.name,
            picture=card.front,
            trim=grid.trims[index],
            shown=_shown(grid, index, cards, settings),
            extent=grid.trims[index].grown(card.bleed_mm),
            turn_deg=TURN_DEG if grid.turned else 0,
        )
        for index, card in sorted(cards.items())
    )


def _shown(grid: Grid, index: int, filled: Collection[int], settings: SheetSettings) -> Area:
    """Return what is printed of a card: its whole bleed toward paper, and its part of the gutter toward a neighbour.

    A position without a card counts as paper. Two cards could reach into the same empty position, one from above or
    below and one from beside; the one beside may, and the other only where both corners are empty as well.
    """
    trim, bleed = grid.trims[index], grid.form.bleed_mm
    if settings.gutter == "separate":
        return trim.grown(bleed)
    inner = bleed / 2 if settings.gutter == "shared" else 0.0
    row, column = divmod(index, grid.columns)

    def bleed_toward(right: int, down: int) -> float:
        beside = (0,) if right else (-1, 0, 1)
        reached = [grid.index(column + right + side, row + down) for side in beside]
        if any(position in filled for position in reached if position is not None):
            return inner
        target = grid.index(column + right, row + down)
        if target is None or settings.gutter == "shared":
            return bleed
        return min(bleed, (trim.width_mm if right else trim.height_mm) / 2)

    left, top, right, bottom = (bleed_toward(*side) for side in ((-1, 0), (0, -1), (1, 0), (0, 1)))
    return Area(trim.x_mm - left, trim.y_mm - top, trim.width_mm + left + right, trim.height_mm + top + bottom)


# --- the other side of the paper ----------------------------------------------------------------------------------
#
# A printer lays the second page so that its top is at the top of the first where the sheet is turned like the page of
# a book, over an upright edge: what lies at x on the front has the width less x behind it, and y stays. Turned over a
# lying edge it is y that mirrors. Long edges stand upright on upright paper and lie on lying paper.
#
# A cut card is turned about its upright axis, so that the top of the back belongs behind the top of the front. On a
# front turned by t, clockwise, the top points to (sin t, -cos t). Behind an upright edge that is (-sin t, -cos t) on
# the back page, the direction of a picture turned by -t; behind a lying edge (sin t, cos t), that of 180 - t.


def mirrors_x(width_mm: float, height_mm: float, duplex: str) -> bool:
    """Whether the back of a page mirrors its x, or else its y; square paper counts as upright."""
    return (duplex != "short") == (height_mm >= width_mm)


def behind(area: Area, width_mm: float, height_mm: float, duplex: str) -> Area:
    """Return where an area of the front lies on the back page."""
    if mirrors_x(width_mm, height_mm, duplex):
        return replace(area, x_mm=width_mm - area.right_mm)
    return replace(area, y_mm=height_mm - area.bottom_mm)


def line_behind(line: Line, width_mm: float, height_mm: float, duplex: str) -> Line:
    """Return where a line of the front lies on the back page."""
    if mirrors_x(width_mm, height_mm, duplex):
        return replace(line, x0_mm=width_mm - line.x0_mm, x1_mm=width_mm - line.x1_mm)
    return replace(line, y0_mm=height_mm - line.y0_mm, y1_mm=height_mm - line.y1_mm)


def back_turn(turn_deg: int, width_mm: float, height_mm: float, duplex: str) -> int:
    """Return how far the back of a card is turned whose front is turned by this much."""
    return (-turn_deg if mirrors_x(width_mm, height_mm, duplex) else 180 - turn_deg) % 360


def place_backs(
    fronts: tuple[Placement, ...], cards: Mapping[str, SheetCard], width_mm: float, height_mm: float, duplex: str
) -> tuple[Placement, ...]:
    """Return the backs of a page's fronts; cards without one leave their place empty."""
    found = []
    for front in fronts:
        picture = cards[front.card].back
        if picture is None:
            continue
        trim, shown, extent = (
            behind(area, width_mm, height_mm, duplex) for area in (front.trim, front.shown, front.extent)
        )
        turn = back_turn(front.turn_deg, width_mm, height_mm, duplex)
        found.append(Placement(front.card, picture, trim, shown, extent, turn))
    return tuple(found)
