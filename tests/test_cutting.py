from __future__ import annotations

import io
import math
from pathlib import Path
from xml.etree import ElementTree

import ezdxf
import pytest
import svgelements
from ezdxf import bbox
from ezdxf.math import bulge_to_arc
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from fancam.settings import SheetSettings
from fancam.sheets import cut_dxf, cut_svg, plan_sheet, rounded_rectangle
from fancam.sheets.plan import Area, CutPath, CutSheet, SheetCard

# svgelements has 96 or other units to the inch; 25.4 makes its unit a millimetre.
MM_PPI = 25.4


def real_cut(radius=3.0, paper="a4", **options) -> CutSheet:
    card = SheetCard("card", Path("card.png"), 55, 85, 2, None, radius, copies=5)
    return plan_sheet([card], SheetSettings(paper=paper, **options)).cuts[0]


def area_of(points: list[tuple[float, float]]) -> float:
    following = points[1:] + points[:1]
    return abs(sum(x0 * y1 - x1 * y0 for (x0, y0), (x1, y1) in zip(points, following, strict=True))) / 2


def expected_area(path: CutPath) -> float:
    radius = min(path.radius_mm, path.area.width_mm / 2, path.area.height_mm / 2)
    return path.area.width_mm * path.area.height_mm - (4 - math.pi) * radius**2


def svg_paths(text: str) -> list[svgelements.Path]:
    document = svgelements.SVG.parse(io.StringIO(text), ppi=MM_PPI)
    return list(document.elements(lambda element: isinstance(element, svgelements.Path)))


def svg_polygon(path: svgelements.Path) -> list[tuple[float, float]]:
    points = []
    for segment in path:
        if isinstance(segment, svgelements.Move):
            continue
        steps = 200 if isinstance(segment, svgelements.Arc) else 1
        points += [tuple(segment.point(step / steps)) for step in range(steps)]
    return points


def dxf_area(line: ezdxf.entities.Polyline) -> float:
    """The area inside the vertices and under the arcs that ezdxf makes of their bulges; outward arcs add."""
    vertices = [(*tuple(vertex.dxf.location)[:2], vertex.dxf.bulge) for vertex in line.vertices]
    points = [(x, y) for x, y, _ in vertices]
    following = points[1:] + points[:1]
    clockwise = sum(x0 * y1 - x1 * y0 for (x0, y0), (x1, y1) in zip(points, following, strict=True)) < 0
    total = area_of(points)
    for (x0, y0, bulge), end in zip(vertices, following, strict=True):
        if bulge:
            _, first, last, radius = bulge_to_arc((x0, y0), end, bulge)
            angle = (last - first) % math.tau
            outward = (bulge < 0) == clockwise
            total += (1 if outward else -1) * radius**2 / 2 * (angle - math.sin(angle))
    return total


paths = st.builds(
    CutPath,
    st.builds(Area, *(st.floats(0, 200).map(lambda mm: round(mm, 3)),) * 2,
              *(st.floats(10, 120).map(lambda mm: round(mm, 3)),) * 2),
    st.sampled_from([0.0, 1.0, 3.0, 3.18, 5.0, 60.0]),
)  # fmt: skip
sheets = st.builds(CutSheet, st.just(329.0), st.just(483.0), st.lists(paths, min_size=1, max_size=4).map(tuple),
                   st.just((1,)))  # fmt: skip


@given(sheets)
@hypothesis_settings(max_examples=30, deadline=None)
def test_svg_read_by_another_program_has_the_cards_bounds_and_areas(cut):
    read = svg_paths(cut_svg(cut))
    assert [path.id for path in read] == [f"card-{number}" for number in range(1, len(cut.paths) + 1)]
    for path, found in zip(cut.paths, read, strict=True):
        area = path.area
        assert found.bbox() == pytest.approx((area.x_mm, area.y_mm, area.right_mm, area.bottom_mm), abs=1e-3)
        # 200 chords to a quarter circle are short of it by a part in 100 000.
        assert area_of(svg_polygon(found)) == pytest.approx(expected_area(path), rel=2e-5, abs=1e-3)


@given(sheets)
@hypothesis_settings(max_examples=30, deadline=None)
def test_dxf_read_by_another_program_has_the_cards_bounds_and_areas_with_y_upward(cut):
    document = ezdxf.read(io.StringIO(cut_dxf(cut)))
    audit = document.audit()
    assert (audit.errors, audit.fixes) == ([], [])
    lines = list(document.modelspace())
    assert len(lines) == len(cut.paths)
    for path, line in zip(cut.paths, lines, strict=True):
        assert (line.dxftype(), line.is_closed, line.dxf.layer) == ("POLYLINE", True, "CUT")
        extents = bbox.extents([line])
        area = path.area
        assert tuple(extents.extmin)[:2] == pytest.approx((area.x_mm, cut.height_mm - area.bottom_mm), abs=1e-3)
        assert tuple(extents.extmax)[:2] == pytest.approx((area.right_mm, cut.height_mm - area.y_mm), abs=1e-3)
        assert dxf_area(line) == pytest.approx(expected_area(path), abs=1e-3)


def test_svg_is_as_large_as_the_page_in_millimetres_and_only_lines():
    root = ElementTree.fromstring(cut_svg(real_cut(paper="letter")))
    assert (root.get("width"), root.get("height"), root.get("viewBox")) == ("215.9mm", "279.4mm", "0 0 215.9 279.4")
    group = root.find("{http://www.w3.org/2000/svg}g")
    assert group.get("fill") == "none"
    assert 0 < float(group.get("stroke-width")) <= 0.1
    assert len(group) == 5


def test_dxf_says_its_version_unit_and_layer():
    document = ezdxf.read(io.StringIO(cut_dxf(real_cut())))
    assert document.dxfversion == "AC1009"
    assert (document.header["$INSUNITS"], document.header["$MEASUREMENT"]) == (4, 1)
    assert "CUT" in document.layers
    assert tuple(document.header["$EXTMAX"]) == (210, 297, 0)


def test_cut_paths_are_the_trims_of_the_printed_page():
    cut = real_cut(registration="3")
    card = SheetCard("card", Path("card.png"), 55, 85, 2, None, 3, copies=5)
    page = plan_sheet([card], SheetSettings(registration="3")).pages[0]
    assert page.registration
    for placement, found in zip(page.placements, svg_paths(cut_svg(cut)), strict=True):
        trim = placement.trim
        assert found.bbox() == pytest.approx((trim.x_mm, trim.y_mm, trim.right_mm, trim.bottom_mm), abs=1e-3)


def test_corners_are_round_outward_on_the_radius():
    document = ezdxf.read(io.StringIO(cut_dxf(real_cut(radius=3.0))))
    line = document.modelspace()[0]
    bulges = [vertex.dxf.bulge for vertex in line.vertices]
    assert sorted({round(bulge, 9) for bulge in bulges}) == [pytest.approx(-math.tan(math.pi / 8)), 0]
    assert len(bulges) == 8


@pytest.mark.parametrize(("radius", "count"), [(0, 4), (3, 8), (27.5, 6), (99, 6)])
def test_outline_has_no_two_points_in_one_place(radius, count):
    points = rounded_rectangle(Area(10, 20, 55, 85), radius)
    assert len({(point.x_mm, point.y_mm) for point in points}) == len(points) == count


def test_round_card_is_a_circle():
    cut = CutSheet(210, 297, (CutPath(Area(10, 20, 50, 50), 25),), (1,))
    polygon = svg_polygon(svg_paths(cut_svg(cut))[0])
    assert {round(math.dist(point, (35, 45)), 3) for point in polygon} == {25.0}


def test_a_drawing_is_written_as_it_is_known_to_be_read():
    cut = CutSheet(210, 297, (CutPath(Area(10.5, 20, 55, 85), 3), CutPath(Area(100, 20, 55, 85))), (1,))
    assert cut_svg(cut) == (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<svg xmlns="http://www.w3.org/2000/svg" version="1.1" width="210mm" height="297mm" viewBox="0 0 210 297">\n'
        '<g id="CUT" fill="none" stroke="#000000" stroke-width="0.05">\n'
        '<path id="card-1" d="M13.5 20 L62.5 20 A3 3 0 0 1 65.5 23 L65.5 102 A3 3 0 0 1 62.5 105 L13.5 105 '
        'A3 3 0 0 1 10.5 102 L10.5 23 A3 3 0 0 1 13.5 20 Z"/>\n'
        '<path id="card-2" d="M100 20 L155 20 L155 105 L100 105 Z"/>\n'
        "</g>\n</svg>\n"
    )
    tags = cut_dxf(cut).split("\n")
    assert tags[-5:] == ["  0", "ENDSEC", "  0", "EOF", ""]
    assert tags.count("POLYLINE") == 2
    assert [tags[at + 1] for at, tag in enumerate(tags[:-1]) if tag == " 42"] == ["-0.414213562373"] * 4


def test_no_number_is_written_with_an_exponent_or_as_minus_zero():
    cut = CutSheet(210, 297, (CutPath(Area(-1e-12, 1e-9, 55, 85), 0),), (1,))
    for text in (cut_svg(cut), cut_dxf(cut)):
        assert "e-" not in text.replace("stroke-", "")
        assert "-0\n" not in text and "-0 " not in text
