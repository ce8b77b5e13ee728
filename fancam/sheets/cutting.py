"""The outline of a card: a rectangle with round corners, as corners and bulges."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from fancam.files import replace_file
from fancam.sheets.plan import Area, CutPath, CutSheet, decimal

QUARTER_BULGE = math.tan(math.pi / 8)
"""Of a quarter circle: the tangent of a quarter of the angle (AutoCAD DXF reference, group code 42)."""
_SAME_MM = 1e-9


@dataclass(frozen=True, slots=True)
class OutlinePoint:
    """A point of an outline and how it goes on from there."""

    x_mm: float
    y_mm: float
    round_off: bool
    """Whether a quarter circle leads to the next point, or else a straight line."""


def rounded_rectangle(area: Area, radius_mm: float) -> tuple[OutlinePoint, ...]:
    """Return the outline clockwise as one looks at it, from the left end of the upper edge; it is closed.

    Args:
        area: The rectangle.
        radius_mm: Of the corners; more than half of the shorter side is taken as that.

    Returns:
        4 points without a radius, otherwise 8, less those that fall together where an edge is all corner.
    """
    r = min(max(radius_mm, 0.0), area.width_mm / 2, area.height_mm / 2)
    left, top, right, bottom = area.x_mm, area.y_mm, area.right_mm, area.bottom_mm
    if r <= _SAME_MM:
        return tuple(OutlinePoint(x, y, False) for x, y in ((left, top), (right, top), (right, bottom), (left, bottom)))
    points = [
        OutlinePoint(left + r, top, False), OutlinePoint(right - r, top, True),
        OutlinePoint(right, top + r, False), OutlinePoint(right, bottom - r, True),
        OutlinePoint(right - r, bottom, False), OutlinePoint(left + r, bottom, True),
        OutlinePoint(left, bottom - r, False), OutlinePoint(left, top + r, True),
    ]  # fmt: skip
    following = points[1:] + points[:1]
    return tuple(
        point for point, after in zip(points, following, strict=True)
        if point.round_off or math.hypot(after.x_mm - point.x_mm, after.y_mm - point.y_mm) > _SAME_MM
    )  # fmt: skip


HAIRLINE_MM = 0.05


def cut_svg(cut: CutSheet) -> str:
    """Return the cut paths as an SVG 1.1 document.

    Width and height are in millimetres and so is a unit of the drawing; the origin is the page's top left corner. A
    path per card with the ids ``card-1`` … in reading order, clockwise, its corners circular arcs; a hairline without
    fill.
    """
    width, height = decimal(cut.width_mm), decimal(cut.height_mm)
    paths = [
        f'<path id="card-{number}" d="{_data(path)}"/>' for number, path in enumerate(cut.paths, start=1)
    ]  # fmt: skip
    return "\n".join(
        [
            '<?xml version="1.0" encoding="UTF-8"?>',
            f'<svg xmlns="http://www.w3.org/2000/svg" version="1.1" width="{width}mm" height="{height}mm" '
            f'viewBox="0 0 {width} {height}">',
            f'<g id="CUT" fill="none" stroke="#000000" stroke-width="{HAIRLINE_MM:g}">',
            *paths,
            "</g>",
            "</svg>",
            "",
        ]
    )


def _data(path: CutPath) -> str:
    points = rounded_rectangle(path.area, path.radius_mm)
    commands = [f"M{decimal(points[0].x_mm)} {decimal(points[0].y_mm)}"]
    for point, after in zip(points, (*points[1:], points[0]), strict=True):
        to = f"{decimal(after.x_mm)} {decimal(after.y_mm)}"
        if point.round_off:
            radius = decimal(abs(after.x_mm - point.x_mm))
            commands.append(f"A{radius} {radius} 0 0 1 {to}")
        elif after is not points[0]:  # Z draws that one
            commands.append(f"L{to}")
    return " ".join([*commands, "Z"])


LAYER = "CUT"
_CLOSED = 1

Tag = tuple[int, str]
"""A group code and its value."""


def cut_dxf(cut: CutSheet) -> str:
    """Return the cut paths as a DXF R12 document, which every cutter's program reads.

    A closed POLYLINE per card on the layer ``CUT``, round corners as bulges. Millimetres, y upward, the origin in the
    page's lower left corner. R12 itself has no unit; ``$INSUNITS`` (4: mm) and ``$MEASUREMENT`` (1: metric) are from
    later versions and read where they are known.

    Source: AutoCAD 2012 DXF reference, and that of R12 for what its tables need.
    """
    tags: list[Tag] = [*_header(cut), *_tables(), (0, "SECTION"), (2, "ENTITIES")]
    for path in cut.paths:
        tags += _polyline(path, cut.height_mm)
    tags += [(0, "ENDSEC"), (0, "EOF")]
    return "".join(f"{code:3d}\n{value}\n" for code, value in tags)


def _header(cut: CutSheet) -> Iterator[Tag]:
    yield from [(0, "SECTION"), (2, "HEADER")]
    yield from [(9, "$ACADVER"), (1, "AC1009")]
    yield from [(9, "$INSUNITS"), (70, "4")]
    yield from [(9, "$MEASUREMENT"), (70, "1")]
    corners = {"$EXTMIN": (0.0, 0.0), "$EXTMAX": (cut.width_mm, cut.height_mm),
               "$LIMMIN": (0.0, 0.0), "$LIMMAX": (cut.width_mm, cut.height_mm)}  # fmt: skip
    for name, (x, y) in corners.items():
        yield from [(9, name), (10, decimal(x)), (20, decimal(y))]
        if name.startswith("$EXT"):
            yield 30, "0"
    yield 0, "ENDSEC"


def _tables() -> Iterator[Tag]:
    """Yield the line type and the layer that the polylines name."""
    yield from [(0, "SECTION"), (2, "TABLES")]
    yield from [(0, "TABLE"), (2, "LTYPE"), (70, "1"), (0, "LTYPE"), (2, "CONTINUOUS"), (70, "0"), (3, "Solid line"),
                (72, "65"), (73, "0"), (40, "0"), (0, "ENDTAB")]  # fmt: skip
    yield from [(0, "TABLE"), (2, "LAYER"), (70, "1"), (0, "LAYER"), (2, LAYER), (70, "0"), (62, "7"),
                (6, "CONTINUOUS"), (0, "ENDTAB")]  # fmt: skip
    yield 0, "ENDSEC"


def _polyline(path: CutPath, page_height_mm: float) -> Iterator[Tag]:
    """Yield a card's outline; clockwise on the page stays clockwise, so that its arcs bulge negatively."""
    yield from [(0, "POLYLINE"), (8, LAYER), (66, "1"), (10, "0"), (20, "0"), (30, "0"), (70, str(_CLOSED))]
    for point in rounded_rectangle(path.area, path.radius_mm):
        yield from [(0, "VERTEX"), (8, LAYER)]
        yield from [(10, decimal(point.x_mm)), (20, decimal(page_height_mm - point.y_mm)), (30, "0")]
        if point.round_off:
            yield 42, f"{-QUARTER_BULGE:.12f}"
    yield from [(0, "SEQEND"), (8, LAYER)]


def write_cut(cut: CutSheet, path: Path) -> dict[str, Path]:
    """Write the cut paths as SVG and DXF; return the two files by their endings, ``svg`` and ``dxf``.

    The path is that of both, without the ending; its folder exists.

    Raises:
        OutputError: A file cannot be written; nothing is left behind of it.
    """
    found = {}
    for ending, text in (("svg", cut_svg(cut)), ("dxf", cut_dxf(cut))):
        found[ending] = path.with_name(f"{path.name}.{ending}")
        replace_file(found[ending], text.encode())
    return found
