"""Cut paths as DXF."""

from __future__ import annotations

from collections.abc import Iterator

from fancam.printing.cutting.outline import QUARTER_BULGE, digits, rounded_rectangle
from fancam.records import CutPath, CutSheet

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
        yield from [(9, name), (10, digits(x)), (20, digits(y))]
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
        yield from [(10, digits(point.x_mm)), (20, digits(page_height_mm - point.y_mm)), (30, "0")]
        if point.round_off:
            yield 42, f"{-QUARTER_BULGE:.12f}"
    yield from [(0, "SEQEND"), (8, LAYER)]
