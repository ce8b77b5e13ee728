"""Registration marks of Silhouette cutters: where they lie and what must stay clear of them."""

from __future__ import annotations

from fancam.errors import UsageError
from fancam.settings import SheetSettings
from fancam.sheets.plan import Area

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
