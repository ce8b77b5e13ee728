"""Cards at the positions of a grid, and the same cards seen from behind."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

from fancam.printing.layout.grid import Grid
from fancam.records import Area, Line, Placement, SheetCard
from fancam.settings import SheetSettings

TURN_DEG = 90
"""Cards that lie on their side are turned clockwise."""


def place(grid: Grid, cards: Mapping[int, SheetCard], settings: SheetSettings) -> tuple[Placement, ...]:
    """Return the fronts of a page.

    Args:
        grid: Where positions are.
        cards: Position to card; positions that are missing stay empty.
        settings: For the gutter.
    """
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
