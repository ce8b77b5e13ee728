from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from fancam.cropping import compose, render_crop
from fancam.cropping.placing import head_box
from fancam.errors import UsageError
from fancam.geometry import Box, CardGeometry
from fancam.results import Face

CARD = CardGeometry(55, 85, 3, 300)
SMALL = CardGeometry(55, 85, 3, 60)

sides = st.integers(120, 4000)
cards = st.builds(
    CardGeometry, st.floats(30, 110), st.floats(30, 150), st.sampled_from([0.0, 1.0, 2.0, 3.0, 3.175]),
    st.sampled_from([72, 150, 300]),
)  # fmt: skip


def picture(width: int, height: int, kind: type = np.uint8) -> np.ndarray:
    values = np.random.default_rng(width * height).integers(0, np.iinfo(kind).max, (height, width, 3), kind)
    return np.asarray(values)


def person(box: Box) -> Face:
    """An upright face in this box; hair reaches above it."""
    (x, y), width, height = box.centre, box.width, box.height
    points = (
        (x - 0.2 * width, y - 0.1 * height), (x + 0.2 * width, y - 0.1 * height), (x, y + 0.1 * height),
        (x - 0.15 * width, y + 0.27 * height), (x + 0.15 * width, y + 0.27 * height),
    )  # fmt: skip
    return Face(box, points, 0.9)


def safe_zone(trim: Box, card: CardGeometry, safe_mm: float) -> Box:
    inset = safe_mm * trim.width / card.width_mm
    return Box(trim.x0 + inset, trim.y0 + inset, trim.x1 - inset, trim.y1 - inset)


def check_arithmetic(found, width, height, card):
    across, down = found.box.width / card.outer_width_mm, found.box.height / card.outer_height_mm
    bleed = Box(
        found.trim.x0 - found.box.x0, found.trim.y0 - found.box.y0,
        found.box.x1 - found.trim.x1, found.box.y1 - found.trim.y1,
    )  # fmt: skip
    assert bleed.as_list(6) == pytest.approx(
        [card.bleed_mm * across, card.bleed_mm * down, card.bleed_mm * across, card.bleed_mm * down], abs=1e-6
    )
    assert found.effective_ppi == pytest.approx(
        min(found.trim.width / card.width_mm, found.trim.height / card.height_mm) * 25.4, abs=0.0501
    )
    assert Box(0, 0, width, height).contains(found.source)
    assert Box(0, 0, card.width_px, card.height_px).contains(found.real)
    assert all(value == int(value) for value in found.real.as_list(9)) and found.real.area >= 1
    assert 0 <= found.bleed_share <= 1
    # The part of the picture that fills the real part lies where the outer box says, to a pixel of the card.
    scale_x, scale_y = found.box.width / card.width_px, found.box.height / card.height_px
    assert abs(found.box.x0 + found.real.x0 * scale_x - found.source.x0) <= scale_x
    assert abs(found.box.y1 - (card.height_px - found.real.y1) * scale_y - found.source.y1) <= scale_y


# --- cover --------------------------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=60)
@given(sides, sides, cards)
def test_cover_takes_the_largest_centred_outer_box_and_all_bleed_is_real(width, height, card):
    found = compose(width, height, card, fit="cover")
    check_arithmetic(found, width, height, card)
    assert Box(-1e-6, -1e-6, width + 1e-6, height + 1e-6).contains(found.box)
    assert found.box.width / found.box.height == pytest.approx(card.outer_width_mm / card.outer_height_mm)
    assert found.box.centre == pytest.approx((width / 2, height / 2))
    assert math.isclose(found.box.width, width) or math.isclose(found.box.height, height)
    assert found.bleed_share == pytest.approx(1) and not found.bordered and not found.warnings


@settings(deadline=None, max_examples=40)
@given(sides, sides, cards, st.tuples(*[st.floats(0.05, 0.9)] * 2), st.floats(0.03, 0.2))
def test_cover_of_a_mirrored_picture_is_mirrored(width, height, card, place, size):
    x, y, side = place[0] * width, place[1] * height, size * min(width, height)
    one = compose(width, height, card, fit="cover", faces=[person(Box(x, y, x + side, y + side))])
    other = compose(
        width,
        height,
        card,
        fit="cover",
        faces=[person(Box(width - x - side, y, width - x, y + side))],
    )
    check_arithmetic(one, width, height, card)
    mirrored = Box(width - other.box.x1, other.box.y0, width - other.box.x0, other.box.y1)
    assert mirrored.as_list(4) == pytest.approx(one.box.as_list(4), abs=1e-3)


@settings(deadline=None, max_examples=60)
@given(st.integers(600, 3000), st.integers(600, 3000), st.tuples(*[st.floats(0.0, 0.85)] * 2), st.floats(0.05, 0.12))
def test_a_head_that_can_be_safe_with_real_bleed_is(width, height, place, size):
    x, y, side = place[0] * width, place[1] * height, size * min(width, height)
    face = person(Box(x, y, x + side, y + side))
    head = head_box(face)
    scale = min(width / CARD.outer_width_mm, height / CARD.outer_height_mm)
    room = 6 * scale  # bleed and safe zone
    assume(room <= head.x0 and head.x1 <= width - room and room <= head.y0 and head.y1 <= height - room)
    found = compose(width, height, CARD, fit="cover", faces=[face])
    assert found.bleed_share == pytest.approx(1)
    assert safe_zone(found.trim, CARD, 3.0 - 1e-6).contains(head)


def test_bleed_is_drawn_on_rather_than_the_hair_cut():
    face = person(Box(700, 100, 1000, 400))
    head = head_box(face)
    assert head.y0 == 10
    found = compose(1920, 1080, CARD, fit="cover", faces=[face])
    assert found.trim.contains(head)
    assert found.bleed_share < 1 and "the picture ends at the top" in found.warnings[0]


def test_a_face_lies_a_bit_above_the_middle_where_there_is_room():
    found = compose(1000, 4000, CARD, fit="cover", faces=[person(Box(450, 1900, 550, 2100))])
    assert (2000 - found.trim.y0) / found.trim.height == pytest.approx(0.42)
    assert found.trim.centre[0] == pytest.approx(500)


def test_two_faces_too_far_apart_for_real_bleed_get_a_card_of_more_picture():
    faces = [Box(300, 400, 500, 640), Box(790, 420, 960, 640)]
    found = compose(1920, 1080, CARD, fit="cover", faces=[person(face) for face in faces])
    check_arithmetic(found, 1920, 1080, CARD)
    assert 0.4 < found.bleed_share < 1
    assert all(found.trim.contains(face) for face in faces)
    assert Box(0, -1e-6, 1920, 1080 + 1e-6).contains(found.trim), "the cut card shows nothing synthesised"
    assert "the picture ends at the top, bottom" in found.warnings[0]


def test_no_more_bleed_is_given_up_than_the_faces_need():
    free_mm = CARD.width_mm - 6
    barely = (1080 / CARD.outer_height_mm + 0.2) * free_mm
    found = compose(1920, 1080, CARD, fit="cover", faces=[person(Box(700, 400, 700 + barely, 600))])
    assert 0.85 < found.bleed_share < 1
    assert safe_zone(found.trim, CARD, 3.0 - 1e-6).contains(Box(700, 400, 700 + barely, 600))


def test_a_face_at_the_edge_of_the_picture_is_not_cut_for_the_sake_of_bleed():
    face = Box(8, 300, 208, 540)
    found = compose(1920, 1080, CARD, fit="cover", faces=[person(face)])
    assert found.trim.contains(face)
    assert found.bleed_share < 1


def test_of_faces_that_do_not_fit_the_larger_one_is_kept_whole_and_none_is_halved():
    large, small = Box(300, 300, 600, 660), Box(1500, 400, 1580, 500)
    found = compose(1920, 1080, CARD, fit="cover", faces=[person(small), person(large)])
    assert safe_zone(found.trim, CARD, 2.99).contains(large)
    assert found.trim.intersection(small).area == 0
    assert found.trim.centre[0] == pytest.approx(450, abs=1), "the one that is left out pulls no more"
    for n in range(6):
        middle = Box(600 + 60 * n, 400, 800 + 60 * n, 600)
        trim = compose(1920, 1080, CARD, fit="cover", faces=[person(large), person(middle)]).trim
        for face in (large, middle):
            assert trim.intersection(face).area / face.area in (pytest.approx(0, abs=0.1), pytest.approx(1)), n


def test_faces_outside_the_picture_count_for_nothing():
    beside = Box(-300, 0, -20, 200)
    assert compose(900, 700, CARD, fit="cover", faces=[person(beside)]) == compose(900, 700, CARD, fit="cover")


# --- exact --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [(720, 1075), (1440, 2150), (1441, 2150), (360, 538)])
def test_a_picture_of_the_outer_proportions_is_the_card_with_its_bleed(size):
    found = compose(*size, CARD)
    check_arithmetic(found, *size, CARD)
    assert found.box == Box(0, 0, *size) and found.bleed_share == 1
    assert found.effective_ppi == pytest.approx(size[0] * 25.4 / 61, rel=2e-3, abs=0.05)


@pytest.mark.parametrize("size", [(650, 1004), (1300, 2008), (550, 850)])
def test_a_picture_of_the_cut_proportions_is_the_trim_and_has_no_bleed(size):
    found = compose(*size, CARD)
    check_arithmetic(found, *size, CARD)
    assert found.bleed_share < 0.02 and found.source == Box(0, 0, *size)
    assert found.real.width == pytest.approx(650, abs=1) and found.real.height == pytest.approx(1004, abs=1)
    assert found.warnings == ("the picture has the proportions of the cut card: it has no bleed of its own",)


def test_a_deviation_within_the_tolerance_is_cut_off_and_not_stretched():
    found = compose(2400, 3568, CARD)  # 0.35 % too wide
    assert found.box.width / found.box.height == pytest.approx(61 / 91)
    assert found.box.x0 == pytest.approx(2400 - found.box.x1) and found.box.x0 > 2


@pytest.mark.parametrize("size", [(1000, 1000), (1080, 1920), (1920, 1080), (655, 1000), (684, 1000)])
def test_other_proportions_are_one_line_with_both_numbers_and_the_ways_out(size):
    with pytest.raises(UsageError) as error:
        compose(*size, CARD)
    line = str(error.value)
    assert "\n" not in line
    for part in (f"{size[0] / size[1]:.3f}", "0.670", "0.647", "--fit cover", "--fit contain", "--crop", "fancam run"):
        assert part in line


def test_where_both_readings_are_within_tolerance_the_pixels_decide_then_the_nearer_then_real_bleed():
    thin = CardGeometry(55, 85, 0.5, 300)
    assert compose(thin.width_px, thin.height_px, thin).bleed_share == 1
    assert compose(650, 1004, thin).bleed_share < 0.1
    assert compose(2800, 4300, thin).bleed_share == 1
    assert compose(2750, 4250, thin).bleed_share < 0.1
    square = CardGeometry(60, 60, 3, 300)
    assert compose(709, 709, square).bleed_share < 0.05, "that is the pixels of its trim"
    assert compose(1000, 1000, square).bleed_share == 1


# --- contain and crop ---------------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=60)
@given(sides, sides, cards, st.sampled_from([0.0, 2.0, 5.5]))
def test_contain_shows_the_whole_picture_centred_inside_the_border(width, height, card, border_mm):
    assume(max(width / height, height / width) < 8)
    found = compose(width, height, card, fit="contain", border_mm=border_mm)
    assert found.source == Box(0, 0, width, height) and found.bordered
    assert found.box.centre == pytest.approx((width / 2, height / 2))
    per_mm = card.width_px / card.outer_width_mm
    inset = (card.bleed_mm + border_mm) * per_mm
    assert found.real.x0 >= inset - 1 and found.real.x1 <= card.width_px - inset + 1
    assert found.real.y0 >= inset - 1 and found.real.y1 <= card.height_px - inset + 1
    assert min(found.real.x0, found.real.y0) <= inset + 1, "one side touches the border"
    assert found.real.width * height == pytest.approx(found.real.height * width, abs=2.2 * max(width, height))


def test_a_border_lies_over_what_exact_takes_and_cover_fills_what_it_leaves_free():
    exact = compose(720, 1075, CARD, border_mm=4)
    assert exact.bordered and exact.box == Box(0, 0, 720, 1075)
    assert exact.real.as_list(0) == pytest.approx([83, 83, 637, 992], abs=1)
    assert exact.source == exact.real
    cover = compose(2000, 2000, CARD, fit="cover", border_mm=4)
    assert cover.source.height == pytest.approx(2000, abs=2) and cover.source.width < 2000
    assert cover.real == exact.real


def test_a_crop_is_the_trim_with_real_bleed_around_it():
    found = compose(3000, 3000, CARD, crop=Box(1000, 1000, 1550, 1850))
    check_arithmetic(found, 3000, 3000, CARD)
    assert found.trim.as_list(6) == pytest.approx([1000, 1000, 1550, 1850])
    assert found.box.as_list(6) == pytest.approx([970, 970, 1580, 1880])
    assert found.bleed_share == 1 and found.effective_ppi == pytest.approx(254)


def test_a_crop_at_the_edge_has_bleed_as_far_as_the_picture_goes():
    found = compose(3000, 3000, CARD, crop=Box(0, 15, 550, 865))
    assert found.real.x0 == pytest.approx(35, abs=1) and found.real.y0 == pytest.approx(18, abs=1)
    assert (found.real.x1, found.real.y1) == (720, 1075)
    assert 0.5 < found.bleed_share < 0.9 and "left, top" in found.warnings[0]


@settings(deadline=None, max_examples=60)
@given(st.floats(-0.0095, 0.0095), st.floats(0, 2450), st.floats(0, 2140))
def test_a_crop_that_is_a_little_short_grows_on_its_short_side_and_stays_in_the_picture(off, x, y):
    crop = Box(x, y, x + 550 * math.exp(off), y + 850).clipped(3000, 3000)
    found = compose(3000, 3000, CARD, crop=crop)
    assert found.trim.width / found.trim.height == pytest.approx(55 / 85)
    assert found.trim.width >= crop.width - 1e-6 and found.trim.height >= crop.height - 1e-6
    assert Box(-1e-6, -1e-6, 3000 + 1e-6, 3000 + 1e-6).contains(found.trim)


@pytest.mark.parametrize(
    ("crop", "says"),
    [
        (Box(0, 0, 560, 850), "make it 560x865 or 550x850"),
        (Box(10, 10, 10, 50), "empty"),
        (Box(-5, 0, 545, 850), "outside a picture of 900x900"),
        (Box(500, 200, 1050, 1050), "outside"),
    ],
)
def test_a_crop_that_means_nothing_is_said_in_one_line(crop, says):
    with pytest.raises(UsageError, match=says) as error:
        compose(900, 900, CARD, crop=crop)
    assert str(error.value).startswith("--crop: ")


def test_an_unknown_fit_and_a_border_that_leaves_nothing_are_usage_errors():
    with pytest.raises(UsageError, match="did you mean 'cover'"):
        compose(100, 100, CARD, fit="covr")
    with pytest.raises(UsageError, match="leaves nothing"):
        compose(100, 100, CARD, fit="contain", border_mm=27.5)


# --- pixels -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_a_picture_of_the_cards_size_comes_back_bit_for_bit(kind):
    pixels = picture(SMALL.width_px, SMALL.height_px, kind)
    made = render_crop(pixels, compose(SMALL.width_px, SMALL.height_px, SMALL), SMALL)
    assert made.dtype == kind and np.array_equal(made, pixels)


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_a_picture_of_the_cut_size_lies_in_the_card_bit_for_bit(kind):
    width, height = round(55 / 25.4 * 60), round(85 / 25.4 * 60)
    pixels = picture(width, height, kind)
    found = compose(width, height, SMALL)
    made = render_crop(pixels, found, SMALL)
    assert made.shape == (SMALL.height_px, SMALL.width_px, 3) and made.dtype == kind
    assert np.array_equal(made[found.real.as_slices()], pixels)
    assert made[: int(found.real.y0)].std() > 0, "the bleed is made, not left black"


def test_bleed_is_the_picture_where_the_picture_goes_on():
    pixels = np.repeat(np.repeat(picture(60, 60), 10, axis=0), 10, axis=1)
    crop = Box(200, 100, 365, 355)
    made = render_crop(pixels, compose(600, 600, SMALL, crop=crop), SMALL).astype(int)
    whole = compose(600, 600, SMALL, crop=crop).box
    x, y = (np.arange(n) + 0.5 for n in (SMALL.width_px, SMALL.height_px))
    expected = pixels[
        np.floor(whole.y0 + y * whole.height / SMALL.height_px).astype(int)[:, None],
        np.floor(whole.x0 + x * whole.width / SMALL.width_px).astype(int)[None],
    ]
    near = np.abs(made - expected).max(axis=2) < 60
    assert near[:6].mean() > 0.7 and near[:, -6:].mean() > 0.7


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_a_border_is_filled_with_its_colour_up_to_the_edge(kind):
    pixels = picture(300, 100, kind)
    found = compose(300, 100, SMALL, fit="contain", border_mm=3)
    made = render_crop(pixels, found, SMALL, fill=(250, 128, 0))
    border = np.ones(made.shape[:2], bool)
    border[found.real.as_slices()] = False
    assert (made[border] == np.array([250, 128, 0]) * (257 if kind is np.uint16 else 1)).all()
    assert border[0].all() and border[:, -1].all()
    with pytest.raises(ValueError, match="colour"):
        render_crop(pixels, found, SMALL)


def test_the_input_is_not_written_to_and_not_handed_out():
    pixels = picture(SMALL.width_px, SMALL.height_px)
    before = pixels.copy()
    made = render_crop(pixels, compose(SMALL.width_px, SMALL.height_px, SMALL), SMALL)
    made[:] = 0
    assert np.array_equal(pixels, before)
