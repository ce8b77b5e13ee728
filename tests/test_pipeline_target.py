from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fancam.cropping import compose
from fancam.errors import UsageError
from fancam.geometry import Box, CardGeometry
from fancam.jobs.photos import target
from fancam.results import Face
from fancam.settings import PhotoSettings

KPOP = (55.0, 85.0)


def face(x0, y0, x1, y1):
    return Face(Box(x0, y0, x1, y1), ((x0, y0), (x1, y0), (x0, y1), (x0, y1), (x1, y1)), 0.9)


def test_without_a_size_a_picture_doubles_and_keeps_its_resolution():
    made = target(640, 480, PhotoSettings(), dpi=300.0)
    assert (made.width_px, made.height_px, made.dpi, made.scale) == (1280, 960, 300.0, 2.0)
    assert made.effective_ppi == 150.0


def test_a_long_edge_is_met_to_the_pixel():
    made = target(333, 777, PhotoSettings(long_edge_px=3000))
    assert made.height_px == 3000
    assert made.width_px == round(333 * 3000 / 777)
    assert made.effective_ppi is None


def test_a_paper_size_is_filled_and_the_rest_cut_evenly():
    made = target(1000, 1000, PhotoSettings(size="kpop"), paper_mm=KPOP)
    assert (made.width_px, made.height_px) == (650, 1004)
    assert made.box.y0 == 0
    assert made.box.y1 == 1000
    assert made.box.x0 == pytest.approx(1000 - made.box.x1)
    assert made.cut_share == pytest.approx(1 - 650 / 1004)


def test_the_paper_lies_as_the_picture_does():
    made = target(1600, 900, PhotoSettings(size="kpop"), paper_mm=KPOP)
    assert (made.width_px, made.height_px) == (1004, 650)


def test_a_face_at_the_side_is_not_cut_off():
    made = target(1000, 1000, PhotoSettings(size="kpop"), paper_mm=KPOP, faces=[face(10, 300, 210, 600)])
    assert made.box.x0 == 0


def test_a_face_that_can_be_anywhere_is_placed_as_on_a_card():
    found = target(1600, 1000, PhotoSettings(size="30x30mm"), paper_mm=(30.0, 30.0), faces=[face(500, 300, 700, 600)])
    card = compose(1600, 1000, CardGeometry(30, 30, 0, 300), fit="cover", faces=[face(500, 300, 700, 600)])
    assert found.box.as_list(1) == pytest.approx(card.box.as_list(1), abs=3)
    assert found.box.centre[0] == pytest.approx(600)


def test_two_sizes_at_once_are_a_usage_error():
    with pytest.raises(UsageError, match="scale and long_edge_px"):
        PhotoSettings(scale=2.0, long_edge_px=3000)


sides = st.integers(1, 20000)


@given(sides, sides, st.floats(20, 400), st.floats(20, 400), st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1))))
def test_what_is_shown_lies_in_the_picture_and_has_the_papers_shape(width, height, short, long, places):
    faces = [face(x * width * 0.9, y * height * 0.9, x * width * 0.9 + 1, y * height * 0.9 + 1) for x, y in places]
    made = target(width, height, PhotoSettings(size="kpop"), paper_mm=(short, long), faces=faces)
    assert made.box.x0 >= 0
    assert made.box.y0 >= 0
    assert made.box.x1 <= width * (1 + 1e-9)
    assert made.box.y1 <= height * (1 + 1e-9)
    assert made.box.width / made.box.height == pytest.approx(made.width_px / made.height_px)
    assert 0 <= made.cut_share < 1
