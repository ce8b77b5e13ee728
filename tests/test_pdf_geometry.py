from __future__ import annotations

import math
from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pikepdf import Matrix
from PIL import Image

from fancam.geometry import Orientation
from fancam.pictures import read_picture
from fancam.sheets.pdf import box, offset_matrix, picture_matrix
from fancam.sheets.plan import RULER_DEPTH_MM, Area, BackOffset, Line, Note, Page, Placement, Ruler, decimal
from tests.pdf_plans import A6, page_of, photo, placed, plan_of, saved, written
from tests.rendered_positions import BLEED_COLOUR, TRIM_COLOUR, Rendering, measured_card, render_page

TOLERANCE_MM = 0.05
DPI = 600


@pytest.fixture
def card(tmp_path):
    """Trim 24 x 36 mm in 2 mm of bleed."""
    measured_card(tmp_path / "card.png", 24, 36, 2)
    return tmp_path / "card.png"


def rendering(page: Page, tmp_path, dpi: float = DPI) -> Rendering:
    written(plan_of(page), tmp_path / "a.pdf")
    return Rendering(render_page(tmp_path / "a.pdf", 0, dpi), page.width_mm, page.height_mm)


def trim_corners(area: Area) -> tuple[float, float, float, float]:
    return area.x_mm, area.y_mm, area.right_mm, area.bottom_mm


# --- cards --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("x_mm", [10.0, 20.013, 33.337, 70.19])
def test_trim_edges_are_where_the_plan_says(tmp_path, card, x_mm):
    placement = placed(card, x_mm, 55.077)
    found = rendering(page_of([placement]), tmp_path).trim_edges_mm(placement.trim)
    assert found == pytest.approx(trim_corners(placement.trim), abs=TOLERANCE_MM)


def test_at_a_finer_grid_the_error_is_that_of_the_grid_and_no_more(tmp_path, card):
    """PDFium lays pictures on whole pixels; what is left at 2400 dpi is the position in the file."""
    placement = placed(card, 20.013, 20.077)
    found = rendering(page_of([placement]), tmp_path, 2400).trim_edges_mm(placement.trim)
    assert found == pytest.approx(trim_corners(placement.trim), abs=0.011)


def test_a_card_in_the_middle_is_in_the_middle(tmp_path, card):
    placement = placed(card, (A6.width_mm - 24) / 2, (A6.height_mm - 36) / 2)
    left, top, right, bottom = rendering(page_of([placement]), tmp_path, 2400).trim_edges_mm(placement.trim)
    assert (left + right) / 2 == pytest.approx(A6.width_mm / 2, abs=0.01)
    assert (top + bottom) / 2 == pytest.approx(A6.height_mm / 2, abs=0.01)


def test_the_bleed_is_clipped_to_what_is_shown(tmp_path, card):
    placement = placed(card, 30, 30, shown_mm=0.7)
    page = rendering(page_of([placement]), tmp_path)
    left = page.edge_mm(Area(28.9, 40, 0.8, 5), along_x=True)
    lower = page.edge_mm(Area(40, 66.3, 5, 0.8), along_x=False)
    assert (left, lower) == pytest.approx((29.3, 66.7), abs=TOLERANCE_MM)
    assert page.colour_at(29.0, 40) == (255, 255, 255)
    assert page.colour_at(29.6, 40) == BLEED_COLOUR
    assert page.colour_at(30.5, 40) == TRIM_COLOUR


# Corner of the red square in the picture, by the turn: upper left, upper right, lower right, lower left.
_RED = {0: (0, 0), 90: (1, 0), 180: (1, 1), 270: (0, 1)}


@pytest.mark.parametrize("turn_deg", [0, 90, 180, 270])
def test_a_turned_card_lies_in_the_same_place_turned_clockwise(tmp_path, card, turn_deg):
    width, height = (24, 36) if turn_deg % 180 == 0 else (36, 24)
    placement = placed(card, 20, 30, width_mm=width, height_mm=height, turn_deg=turn_deg)
    page = rendering(page_of([placement]), tmp_path)
    assert page.trim_edges_mm(placement.trim) == pytest.approx(trim_corners(placement.trim), abs=TOLERANCE_MM)
    red_x, red_y = _RED[turn_deg]
    for corner_x in (0, 1):
        for corner_y in (0, 1):
            x = placement.trim.x_mm + (placement.trim.width_mm - 4 if corner_x else 4)
            y = placement.trim.y_mm + (placement.trim.height_mm - 4 if corner_y else 4)
            is_red = page.colour_at(x, y)[1] < 100
            assert is_red == ((corner_x, corner_y) == (red_x, red_y))


@pytest.mark.parametrize("value", range(1, 9))
def test_a_jpeg_with_an_orientation_is_printed_upright(tmp_path, value):
    """Its bytes stay; the matrix turns it. Compared with what everyone else sees of the file."""
    exif = Image.Exif()
    exif[0x0112] = value
    corners = np.zeros((120, 80, 3), np.uint8)
    corners[:60, :40], corners[:60, 40:], corners[60:, :40] = (250, 10, 10), (10, 250, 10), (10, 10, 250)
    path = saved(tmp_path / "card.jpg", corners, exif=exif, quality=95, subsampling=0)
    upright = read_picture(path).pixels
    height, width = upright.shape[:2]
    placement = placed(path, 20, 30, width_mm=width / 4, height_mm=height / 4, bleed_mm=0)
    page = rendering(page_of([placement]), tmp_path, 254)
    for share_x in (0.25, 0.75):
        for share_y in (0.25, 0.75):
            seen = page.colour_at(20 + share_x * width / 4, 30 + share_y * height / 4)
            wanted = upright[int(share_y * height), int(share_x * width)].astype(int)
            assert np.abs(np.array(seen) - wanted).max() < 12


def test_the_rendered_pixels_are_those_of_the_file(tmp_path):
    """One pixel of paper for one of the picture: colours come through profile and all, to rounding."""
    slopes = cv2.GaussianBlur(photo(280, 400), (0, 0), 8)
    path = saved(tmp_path / "card.png", slopes)
    page = page_of([placed(path, 20, 20)])
    written(plan_of(replace(page, width_mm=100, height_mm=150)), tmp_path / "a.pdf")
    seen = render_page(tmp_path / "a.pdf", 0, 254)[180:580, 180:460].astype(int)
    assert np.abs(seen - slopes).max() <= 2


# --- marks --------------------------------------------------------------------------------------------------------


def test_crop_marks_begin_end_and_lie_where_the_plan_says(tmp_path):
    lines = (Line(20.0, 5.0, 20.0, 10.0, 0.1), Line(5.0, 33.31, 11.0, 33.31, 0.25))
    page = rendering(page_of([], crop_marks=lines), tmp_path)
    assert page.line_mm(Area(19.5, 6, 1, 3), along_x=True) == pytest.approx(20.0, abs=0.01)
    assert page.line_mm(Area(6, 32.8, 4, 1), along_x=False) == pytest.approx(33.31, abs=0.01)
    # No caps: a mark that is longer by half its width comes near to what it points at.
    inner = Area(19.98, 4, 0.04, 2), Area(19.98, 9, 0.04, 2)
    assert page.edge_mm(inner[0], along_x=False) == pytest.approx(5.0, abs=0.03)
    assert page.edge_mm(inner[1], along_x=False) == pytest.approx(10.0, abs=0.03)
    assert page.edge_mm(Area(4, 33.25, 2, 0.1), along_x=True) == pytest.approx(5.0, abs=0.03)
    assert page.edge_mm(Area(10, 33.25, 2, 0.1), along_x=True) == pytest.approx(11.0, abs=0.03)


def test_registration_marks_are_solid_and_where_the_plan_says(tmp_path):
    square = Area(10.123, 12.345, 5, 5)
    arms = (Area(80, 10, 20, 1), Area(99, 10, 1, 20))
    page = rendering(page_of([], registration=(square, *arms)), tmp_path)
    for area in (square, *arms):
        x, y = area.centre_mm
        thin = 0.3
        found = (
            page.edge_mm(Area(area.x_mm - 0.4, area.bottom_mm - 2 * thin, 0.8, thin), along_x=True),
            page.edge_mm(Area(area.x_mm + thin, area.y_mm - 0.4, thin, 0.8), along_x=False),
            page.edge_mm(Area(area.right_mm - 0.4, area.bottom_mm - 2 * thin, 0.8, thin), along_x=True),
            page.edge_mm(Area(area.x_mm + thin, area.bottom_mm - 0.4, thin, 0.8), along_x=False),
        )
        if area is arms[0]:  # its right end is inside the other arm
            found, wanted = found[:2], trim_corners(area)[:2]
        else:
            wanted = trim_corners(area)
        assert found == pytest.approx(wanted, abs=0.02)
        assert page.colour_at(x, y) == (0, 0, 0)


@pytest.mark.parametrize("vertical", [False, True])
def test_every_tick_of_a_ruler_is_in_its_place(tmp_path, vertical):
    ruler = Ruler(15.0, 20.0, 100.0, vertical) if vertical else Ruler(2.5, 140.0, 100.0)
    page = rendering(page_of([], rulers=(ruler,)), tmp_path)
    start = ruler.y_mm if vertical else ruler.x_mm
    for tick in range(101):
        near = Area(ruler.x_mm + 0.3, start + tick - 0.3, 0.5, 0.6) if vertical else Area(
            start + tick - 0.3, ruler.y_mm + 0.3, 0.6, 0.5)  # fmt: skip
        assert page.line_mm(near, along_x=not vertical) == pytest.approx(start + tick, abs=0.01)
        middle = Area(start + tick + 0.35, ruler.y_mm + 0.3, 0.3, 0.5)
        between = Area(ruler.x_mm + 0.3, start + tick + 0.35, 0.5, 0.3) if vertical else middle
        assert math.isnan(page.line_mm(between, along_x=not vertical))


@pytest.mark.parametrize("vertical", [False, True])
@pytest.mark.parametrize("length_mm", [50.0, 100.0])
def test_nothing_of_a_ruler_lies_outside_of_its_depth(tmp_path, vertical, length_mm):
    ruler = Ruler(20.0, 30.0, length_mm, vertical) if vertical else Ruler(2.5, 100.0, length_mm)
    pixels = rendering(page_of([], rulers=(ruler,)), tmp_path, 300).pixels
    rows, columns = np.nonzero(pixels.min(axis=2) < 250)
    x0, x1, y0, y1 = (value * 25.4 / 300 for value in (columns.min(), columns.max() + 1, rows.min(), rows.max() + 1))
    long, deep = ((y0, y1), (x0, x1)) if vertical else ((x0, x1), (y0, y1))
    start, across = (ruler.y_mm, ruler.x_mm) if vertical else (ruler.x_mm, ruler.y_mm)
    assert long == pytest.approx((start, start + length_mm), abs=0.25)
    assert deep == pytest.approx((across, across + RULER_DEPTH_MM), abs=0.2)


def test_rulers_and_notes_stay_within_what_the_layout_keeps_free_for_them(tmp_path):
    """The layout estimates what the font draws; the two must not drift apart."""
    for text in ("100 mm: print at 100 %, not 'fit to page'", "page 10 of 25, cards of 55 x 85 mm + 3 mm bleed, A4"):
        note = Note(10, 40, text, 2.1)
        pixels = rendering(page_of([], notes=(note,)), tmp_path, 300).pixels
        rows, columns = np.nonzero(pixels.min(axis=2) < 128)
        kept = note.area
        assert kept.x_mm - 0.1 <= columns.min() * 25.4 / 300
        assert (columns.max() + 1) * 25.4 / 300 <= kept.right_mm + 0.1
        assert kept.y_mm - 0.1 <= rows.min() * 25.4 / 300
        assert (rows.max() + 1) * 25.4 / 300 <= kept.bottom_mm + 0.1


def test_the_figures_of_a_ruler_touch_neither_ticks_nor_each_other(tmp_path):
    """Along their row there is white beside every long tick."""
    page = rendering(page_of([], rulers=(Ruler(2.5, 100.0, 100.0),)), tmp_path)
    row = page.pixels[round(101.7 * 600 / 25.4) : round(102.9 * 600 / 25.4)].min(axis=(0, 2)) < 128
    for tick in range(0, 101, 10):
        at = round((2.5 + tick) * page.pixels.shape[1] / page.width_mm)
        for side in (-4, 4):
            assert not row[at + side], f"something touches the tick at {tick}"


@pytest.mark.parametrize("vertical", [False, True])
def test_a_note_begins_at_its_place_and_reads_the_right_way(tmp_path, vertical):
    pixels = rendering(page_of([], notes=(Note(30, 40, "LLLLL", 4.0, vertical),)), tmp_path, 300).pixels
    rows, columns = np.nonzero(pixels.min(axis=2) < 128)
    x0, x1, y0, y1 = (value * 25.4 / 300 for value in (columns.min(), columns.max() + 1, rows.min(), rows.max() + 1))
    if vertical:  # downward, the top of the letters to the right
        assert (x0, y0) == pytest.approx((30, 40), abs=0.5)
        assert x1 - x0 == pytest.approx(0.7 * 4, abs=0.3)
        assert y1 - y0 > 8
    else:
        assert (x0, y1) == pytest.approx((30, 40), abs=0.5)
        assert y1 - y0 == pytest.approx(0.7 * 4, abs=0.3)
        assert x1 - x0 > 8


# --- backs --------------------------------------------------------------------------------------------------------


def test_a_back_is_moved_with_everything_on_it(tmp_path, card):
    placement = placed(card, 30, 40)
    mark = Line(20.0, 5.0, 20.0, 10.0, 0.1)
    offset = BackOffset(x_mm=1.25, y_mm=-0.75)
    page = rendering(page_of([placement], is_back=True, offset=offset, crop_marks=(mark,)), tmp_path)
    trim = placement.trim
    moved = Area(trim.x_mm + 1.25, trim.y_mm - 0.75, trim.width_mm, trim.height_mm)
    assert page.trim_edges_mm(moved) == pytest.approx(trim_corners(moved), abs=TOLERANCE_MM)
    assert page.line_mm(Area(20.75, 6, 1, 2), along_x=True) == pytest.approx(21.25, abs=0.01)


@pytest.mark.parametrize("angle_deg", [0.5, -1.5, 3.0])
def test_a_back_is_turned_clockwise_around_the_middle_of_the_page_and_then_moved(tmp_path, angle_deg):
    """The corners of marks far from the middle, against the turn by hand."""
    offset = BackOffset(0.8, 0.4, angle_deg)
    marks = [Area(20, 20, 4, 4), Area(80, 120, 4, 4), Area(85, 15, 4, 4)]
    page = rendering(page_of([], is_back=True, offset=offset, registration=tuple(marks)), tmp_path)
    darkness = 255 - page.pixels.min(axis=2).astype(float)
    for mark in marks:
        x, y = mark.centre_mm[0] - A6.width_mm / 2, mark.centre_mm[1] - A6.height_mm / 2
        turn = math.radians(angle_deg)  # clockwise, y down: x towards y
        wanted = (
            A6.width_mm / 2 + x * math.cos(turn) - y * math.sin(turn) + 0.8,
            A6.height_mm / 2 + x * math.sin(turn) + y * math.cos(turn) + 0.4,
        )
        down, across = darkness.shape[0] / A6.height_mm, darkness.shape[1] / A6.width_mm
        y0, x0 = round((wanted[1] - 5) * down), round((wanted[0] - 5) * across)
        part = darkness[y0 : y0 + round(10 * down), x0 : x0 + round(10 * across)]
        rows, columns = np.mgrid[0 : part.shape[0], 0 : part.shape[1]]
        found = (
            (x0 + 0.5 + (columns * part).sum() / part.sum()) / across,
            (y0 + 0.5 + (rows * part).sum() / part.sum()) / down,
        )
        assert found == pytest.approx(wanted, abs=0.01)


# --- arithmetic ---------------------------------------------------------------------------------------------------

lengths = st.floats(0, 500, allow_nan=False)


@given(lengths, lengths, st.floats(1, 500), st.floats(1, 500), st.sampled_from([0, 90, 180, 270]), st.integers(0, 3),
       st.booleans())  # fmt: skip
@settings(max_examples=200, deadline=None)
def test_any_picture_fills_its_extent_exactly(x, y, width, height, turn_deg, quarters, mirrored):
    extent = Area(x, y, width, height)
    placement = Placement("a", None, extent, extent, extent, turn_deg)
    m = picture_matrix(placement, Orientation(quarters, mirrored), 500.0)
    corners = {(m.a * u + m.c * v + m.e, m.b * u + m.d * v + m.f) for u in (0, 1) for v in (0, 1)}
    point = 72 / 25.4
    wanted = {(px * point, (500.0 - py) * point) for px in (x, x + width) for py in (y, y + height)}
    for found in corners:
        assert min(math.dist(found, corner) for corner in wanted) < 1e-6
    determinant = m.a * m.d - m.b * m.c
    assert (determinant < 0) == mirrored


@given(st.floats(-20, 20), st.floats(-20, 20), st.floats(-5, 5), lengths, lengths)
@settings(max_examples=100, deadline=None)
def test_an_offset_keeps_lengths_and_moves_the_middle_by_itself_alone(x_mm, y_mm, angle_deg, px, py):
    page = Page(210, 297)
    m = offset_matrix(BackOffset(x_mm, y_mm, angle_deg), page)
    point = 72 / 25.4
    middle = (105 * point, 148.5 * point)
    moved = (m.a * middle[0] + m.c * middle[1] + m.e, m.b * middle[0] + m.d * middle[1] + m.f)
    assert moved == pytest.approx((middle[0] + x_mm * point, middle[1] - y_mm * point), abs=1e-6)
    there = (m.a * px + m.c * py + m.e, m.b * px + m.d * py + m.f)
    assert math.dist(there, moved) == pytest.approx(math.dist((px, py), middle), abs=1e-6)


def test_no_offset_is_no_matrix():
    assert offset_matrix(BackOffset(), Page(210, 297)) == Matrix()


@given(st.floats(-1e4, 1e4))
def test_numbers_are_written_as_pdf_reads_them(value):
    text = decimal(value)
    assert "e" not in text
    assert float(text) == pytest.approx(value, abs=5.1e-7)


@given(lengths, lengths, lengths, lengths)
@settings(max_examples=50, deadline=None)
def test_a_box_has_its_corners_in_order_and_inside_the_page(x, y, width, height):
    left, bottom, right, top = box(Area(x, y, width, height), Page(210, 297))
    assert 0 <= left <= right <= 210 * 72 / 25.4 + 1e-3
    assert 0 <= bottom <= top <= 297 * 72 / 25.4 + 1e-3
