from __future__ import annotations

import math
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fancam.cards import cut_preview, finish_front, make_back, parse_colour
from fancam.cards.painting import RoundedBox, palette, pixels_per_mm, safe_zone
from fancam.errors import FontError, InputNotFoundError, UsageError
from fancam.geometry import Box, CardGeometry
from fancam.pictures import PictureMetadata, adobe_rgb_profile, read_picture, resample, save_picture
from fancam.settings import PLACES, DesignSettings
from tests.made_fonts import make_font

CARD = CardGeometry(55, 85, 3, 100)
FACTS = (("Source", "concert.mp4"), ("Moment", "0:41.152"), ("Camera", "162 ppi"), ("", "Contains invented detail."),
         ("", "fancam 0.1"))  # fmt: skip
slow_fixtures = settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
def boxes(tmp_path_factory) -> Path:
    return make_font(tmp_path_factory.mktemp("fonts") / "boxes.ttf")


def noise(card: CardGeometry = CARD, dtype=np.uint8) -> np.ndarray:
    most = np.iinfo(dtype).max
    return np.random.default_rng(5).integers(0, most, (card.height_px, card.width_px, 3), dtype, endpoint=True)


def flat(card: CardGeometry, colour) -> np.ndarray:
    return np.full((card.height_px, card.width_px, 3), colour, np.uint8)


def light(pixels: np.ndarray) -> np.ndarray:
    """Linear light in 0 to 1 (IEC 61966-2-1), written out here a second time."""
    value = pixels.astype(np.float64) / np.iinfo(pixels.dtype).max
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


def save(path: Path, pixels: np.ndarray, profile: bytes | None = None) -> Path:
    save_picture(path, pixels, dpi=300, metadata=PictureMetadata(), profile=profile)
    return path


# --- colours ------------------------------------------------------------------------------------------------------


def test_colours_are_read_by_number_and_by_name():
    assert parse_colour("#fff") == (255, 255, 255) == parse_colour(" White ")
    assert parse_colour("#1C1c1e") == (28, 28, 30)
    assert parse_colour("#0a8") == (0, 170, 136)


@pytest.mark.parametrize(
    ("text", "hint"), [("whit", "'white'"), ("#ff", "#rrggbb"), ("#gggggg", "#rrggbb"), ("", "#rr")]
)
def test_a_colour_that_is_none_is_refused_with_the_nearest(text, hint):
    with pytest.raises(UsageError, match=hint):
        parse_colour(text)


# --- border -------------------------------------------------------------------------------------------------------


@slow_fixtures
@given(border=st.floats(0.1, 12), radius=st.floats(0, 6), dpi=st.floats(60, 150))
def test_border_is_as_wide_as_asked_by_its_area(border, radius, dpi):
    card = CardGeometry(55, 85, 3, dpi)
    done = finish_front(flat(card, 0), card, DesignSettings(border_mm=border), safe_mm=3, corner_radius_mm=radius)
    x, y = pixels_per_mm(card)
    window_mm2 = (1 - light(done.pixels)[..., 0]).sum() / (x * y)
    inner = max(radius - border, 0)
    # Solve (w - 2b)(h - 2b) - (4 - pi) r^2 = window for b.
    area, both = window_mm2 + (4 - math.pi) * inner**2, 55 + 85
    found = (2 * both - math.sqrt(4 * both**2 - 16 * (55 * 85 - area))) / 8
    assert found == pytest.approx(border, abs=0.01)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_pixels_inside_a_border_are_untouched_and_those_on_it_have_its_colour(dtype):
    before = noise(dtype=dtype)
    design = DesignSettings(border_mm=2, border_colour="#1c1c1e")
    done = finish_front(before, CARD, design, safe_mm=3, corner_radius_mm=3)
    assert done.pixels.dtype == dtype
    x, y = pixels_per_mm(CARD)
    inner = slice(math.ceil(6.1 * y), -math.ceil(6.1 * y)), slice(math.ceil(6.1 * x), -math.ceil(6.1 * x))
    np.testing.assert_array_equal(done.pixels[inner], before[inner])
    scale = np.iinfo(dtype).max // 255
    assert (done.pixels[: math.floor(5 * y)] == np.array([28, 28, 30]) * scale).all()
    np.testing.assert_array_equal(before, noise(dtype=dtype))


def test_without_art_every_pixel_stays():
    done = finish_front(noise(), CARD, DesignSettings(), safe_mm=3)
    np.testing.assert_array_equal(done.pixels, noise())
    assert done.pixels is not noise and done.text_boxes == () and done.notes == ()


def test_a_border_that_leaves_nothing_is_refused():
    with pytest.raises(UsageError, match="leaves nothing of a card of 55x85 mm"):
        finish_front(noise(), CARD, DesignSettings(border_mm=27.5), safe_mm=3)


# --- corners ------------------------------------------------------------------------------------------------------


@slow_fixtures
@given(radius=st.floats(0, 12), dpi=st.floats(72, 200), bleed=st.sampled_from([0.0, 1.5, 3.0]))
def test_the_cut_card_has_the_area_of_its_trim_less_its_round_corners(radius, dpi, bleed):
    card = CardGeometry(55, 85, bleed, dpi)
    front = flat(card, 90)
    cut = cut_preview(front, card, radius)
    x, y = pixels_per_mm(card)
    area = cut[..., 3].sum(dtype=np.int64) / 255 / (x * y)
    assert area == pytest.approx(55 * 85 - (4 - math.pi) * radius**2, abs=0.4)  # 255 steps along 280 mm of edge
    square = cut_preview(front, card, 0.0)[..., 3].sum(dtype=np.int64) / 255 / (x * y)
    if radius > 0.5:
        assert math.sqrt((square - area) / (4 - math.pi)) == pytest.approx(radius, abs=0.01)
    assert (cut[..., :3] == 90).all()


def test_the_cut_card_keeps_its_pixels_and_its_depth():
    front = noise(dtype=np.uint16)
    cut = cut_preview(front, CARD, 3.0)
    at = math.floor(3 * pixels_per_mm(CARD)[0])
    np.testing.assert_array_equal(cut[..., :3], front[at : at + cut.shape[0], at : at + cut.shape[1]])
    assert cut.dtype == np.uint16 and cut[0, 0, 3] == 0 and cut[60, 60, 3] == 65535


def test_a_circle_is_covered_to_a_thousandth():
    circle = RoundedBox(Box(1.3, 2.6, 21.3, 22.6), 10, 10)
    whole = circle.coverage(slice(0, 30), slice(0, 30))
    assert whole.sum() == pytest.approx(math.pi * 100, rel=1e-3)
    np.testing.assert_array_equal(circle.coverage(slice(7, 20), slice(4, 25)), whole[7:20, 4:25])


# --- frames -------------------------------------------------------------------------------------------------------


def frame_of(width: int, height: int) -> np.ndarray:
    frame = np.random.default_rng(8).integers(0, 256, (height, width, 4), np.uint8)
    frame[: height // 3, :, 3] = 0
    frame[-20:, :, 3] = 255
    return frame


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_frame_is_mixed_exactly_by_its_alpha(tmp_path, dtype):
    frame = frame_of(CARD.width_px, CARD.height_px)
    path = save(tmp_path / "frame.png", frame)
    before = noise(dtype=dtype)
    done = finish_front(before, CARD, DesignSettings(frame=str(path)), safe_mm=3)
    most = np.iinfo(dtype).max
    share = frame[..., 3:].astype(np.float64) / 255
    expected = before * (1 - share) + frame[..., :3].astype(np.float64) / 255 * most * share
    assert np.abs(done.pixels - expected).max() <= 0.5001
    clear = frame[..., 3] == 0
    np.testing.assert_array_equal(done.pixels[clear], before[clear])
    assert done.notes == ()


def test_a_larger_frame_is_resampled_to_the_card(tmp_path):
    path = save(tmp_path / "frame.png", frame := frame_of(2 * CARD.width_px, 2 * CARD.height_px))
    before = flat(CARD, 10)
    done = finish_front(before, CARD, DesignSettings(frame=str(path)), safe_mm=3)
    np.testing.assert_array_equal(done.pixels[: CARD.height_px // 3 - 6], before[: CARD.height_px // 3 - 6])
    small = resample(frame, Box(0, 0, *frame.shape[1::-1]), CARD.width_px, CARD.height_px)
    np.testing.assert_array_equal(done.pixels[-5:], small[-5:, :, :3])


def test_a_frame_of_the_trim_lies_on_the_trim_and_is_mirrored_into_the_bleed(tmp_path):
    frame = np.zeros((850, 550, 4), np.uint8)  # 0.1 mm a pixel
    frame[:, :40] = (255, 0, 0, 255)  # red from 0 to 4 mm
    done = finish_front(
        flat(CARD, 0), CARD, DesignSettings(frame=str(save(tmp_path / "trim.png", frame))), safe_mm=3
    )  # fmt: skip
    assert "mirrored into the bleed" in done.notes[0]
    row = done.pixels[CARD.height_px // 2, :, 0] / 255  # frames are mixed in encoded values
    x = pixels_per_mm(CARD)[0]
    assert row.sum() / x == pytest.approx(7.0, abs=0.05)  # 3 mm of bleed and 4 mm inside
    assert row[: int(6.5 * x)].min() > 0.99


def test_a_frame_in_another_colour_space_is_converted(tmp_path):
    frame = np.zeros((CARD.height_px, CARD.width_px, 4), np.uint8)
    frame[:50] = (200, 80, 40, 255)
    done = finish_front(
        flat(CARD, 0), CARD,
        DesignSettings(frame=str(save(tmp_path / "adobe.png", frame, adobe_rgb_profile()))), safe_mm=3,
    )  # fmt: skip
    plain = save(tmp_path / "plain.png", np.ascontiguousarray(frame[..., :3]), adobe_rgb_profile())
    np.testing.assert_array_equal(done.pixels[10, 10], read_picture(plain).pixels[10, 10])
    assert done.pixels[10, 10, 0] > 215  # not reinterpreted: Adobe RGB's red lies further out


@pytest.mark.parametrize(
    ("shape", "alpha", "cause"),
    [((300, 300), 0, r"300x300 pixels .* 61x91 mm .*make it 240x358 pixels, or 217x335"),
     ((358, 240), 255, "no transparency"), ((358, 240), None, "wholly transparent")],
)  # fmt: skip
def test_a_frame_that_cannot_be_right_is_refused(tmp_path, shape, alpha, cause):
    frame = np.full((*shape, 4), 128, np.uint8)
    frame[..., 3] = 0 if alpha is None else 255
    if alpha == 0:
        frame[50:, :, 3] = 0
    path = save(tmp_path / "frame.png", frame)
    with pytest.raises(UsageError, match=cause):
        finish_front(noise(), CARD, DesignSettings(frame=str(path)), safe_mm=3)


# --- text ---------------------------------------------------------------------------------------------------------


@slow_fixtures
@given(
    place=st.sampled_from(PLACES), size=st.floats(1, 6), outline=st.sampled_from([0.0, 0.3, 0.8]),
    dpi=st.floats(72, 200), safe=st.floats(0, 6), radius=st.sampled_from([0.0, 3.0, 10.0]),
    text=st.sampled_from(["A", "민지 AV", "Hg\ngA", "g"]),
)  # fmt: skip
def test_ink_is_inside_the_safe_zone_in_every_place(boxes, place, size, outline, dpi, safe, radius, text):
    card = CardGeometry(55, 85, 3, dpi)
    before = flat(card, (20, 60, 90))
    design = DesignSettings(text=text, font=str(boxes), text_size_mm=size, text_outline_mm=outline, text_place=place)
    done = finish_front(before, card, design, safe_mm=safe, corner_radius_mm=radius)
    changed = (done.pixels != before).any(axis=2)
    rows, columns = np.flatnonzero(changed.any(axis=1)), np.flatnonzero(changed.any(axis=0))
    ink = Box(columns[0], rows[0], columns[-1] + 1, rows[-1] + 1)
    zone = safe_zone(card, safe, radius)
    assert zone.contains(ink)
    for box in done.text_boxes:
        changed[box.as_slices()] = False
    assert not changed.any() and len(done.text_boxes) == text.count("\n") + 1
    # It is where it was asked for, not merely inside.
    slack = 0.5 * size * pixels_per_mm(card)[0] + 2
    for word, distance in {"left": ink.x0 - zone.x0, "right": zone.x1 - ink.x1, "top": ink.y0 - zone.y0,
                           "bottom": zone.y1 - ink.y1}.items():  # fmt: skip
        if word in place.split("-"):
            assert distance <= slack
    if place in ("top", "centre", "bottom"):
        assert ink.centre[0] == pytest.approx(card.width_px / 2, abs=1.1)


def test_round_corners_push_text_inward():
    zone = safe_zone(CARD, 0.0, 10.0)
    x, y = pixels_per_mm(CARD)
    corner_mm = zone.x0 / x - 3, zone.y0 / y - 3
    assert math.hypot(10 - corner_mm[0], 10 - corner_mm[1]) == pytest.approx(10)  # on the arc


def test_names_on_a_set_of_cards_share_a_baseline(boxes):
    feet = []
    for text in ("A", "gA"):
        design = DesignSettings(text=text, font=str(boxes), text_colour="black")
        done = finish_front(flat(CARD, 255), CARD, design, safe_mm=3)
        box = done.text_boxes[0]
        last = done.pixels[:, int(box.x1) - 4, 0]  # the A
        feet.append(np.flatnonzero(last < 128)[-1])
    assert feet[0] == feet[1]


def test_text_keeps_off_the_border(boxes):
    design = DesignSettings(text="A", font=str(boxes), border_mm=5, text_place="bottom-left")
    box = finish_front(noise(), CARD, design, safe_mm=3).text_boxes[0]
    assert box.x0 / pixels_per_mm(CARD)[0] - 3 - 5 >= 1.0


@pytest.mark.parametrize("text", ["A" * 40, "A\n" * 30, "A" * 3000])
def test_text_that_does_not_fit_is_refused_with_a_size_that_does(boxes, text):
    design = DesignSettings(text=text, font=str(boxes), text_size_mm=7, text_outline_mm=0.2)
    with pytest.raises(UsageError, match="inside the safe zone") as caught:
        finish_front(noise(), CARD, design, safe_mm=3)
    named = re.search(r"a size of ([\d.]+) mm fits", caught.value.remedy)
    if named is None:
        assert "break it into lines" in caught.value.remedy and len(text) == 3000
        return
    fits = float(named[1])
    finish_front(noise(), CARD, replace(design, text_size_mm=fits), safe_mm=3)
    with pytest.raises(UsageError):
        finish_front(noise(), CARD, replace(design, text_size_mm=fits + 0.3), safe_mm=3)


def test_text_lies_over_the_frame_and_the_frame_over_the_border(boxes, tmp_path):
    frame = np.zeros((CARD.height_px, CARD.width_px, 4), np.uint8)
    frame[-120:] = (0, 0, 255, 255)
    design = DesignSettings(
        border_mm=2, border_colour="red", frame=str(save(tmp_path / "f.png", frame)), text="A", font=str(boxes)
    )
    done = finish_front(noise(), CARD, design, safe_mm=3)
    assert tuple(done.pixels[2, 2]) == (255, 0, 0) and tuple(done.pixels[-2, 2]) == (0, 0, 255)
    box = done.text_boxes[0]
    assert tuple(done.pixels[int(box.centre[1]), int(box.centre[0])]) == (255, 255, 255)


def test_outline_is_dark_around_light_text_and_light_around_dark_text(boxes):
    for colour, darker in (("white", True), ("black", False)):
        design = DesignSettings(text="A", font=str(boxes), text_colour=colour, text_outline_mm=0.8)
        done = finish_front(flat(CARD, 128), CARD, design, safe_mm=3)
        box = done.text_boxes[0]
        edge = done.pixels[int(box.centre[1]), int(box.x0) + 1, 0]
        assert (edge < 60) if darker else (edge > 230)


def test_text_that_hardly_stands_out_is_noted_and_an_outline_ends_that(boxes):
    design = DesignSettings(text="A", font=str(boxes))
    assert "hardly stands out" in finish_front(flat(CARD, 240), CARD, design, safe_mm=3).notes[0]
    assert finish_front(flat(CARD, 240), CARD, replace(design, text_outline_mm=0.3), safe_mm=3).notes == ()
    assert finish_front(flat(CARD, 40), CARD, design, safe_mm=3).notes == ()
    patched = flat(CARD, 40)
    patched[:, : CARD.width_px // 2 - 2] = 250  # one letter of four on white
    wide = replace(design, text="A A A A", text_size_mm=6)
    assert "some of the text" in finish_front(patched, CARD, wide, safe_mm=3).notes[0]


def test_a_half_covered_pixel_has_half_the_light(boxes):
    card = CardGeometry(55, 85, 0, 100)
    design = DesignSettings(border_mm=0.127)  # half a pixel at 100 dpi
    done = finish_front(flat(card, 0), card, design, safe_mm=3)
    assert light(done.pixels)[150, 0, 0] == pytest.approx(0.127 * pixels_per_mm(card)[0], abs=0.005)


def test_text_without_a_font_is_set_in_the_built_in_one_or_in_one_that_has_it():
    done = finish_front(flat(CARD, 0), CARD, DesignSettings(text="MINJI", text_outline_mm=0), safe_mm=3)
    assert light(done.pixels).max() > 0.9
    assert not [note for note in done.notes if "found on this system" in note]
    with pytest.raises(FontError, match=r"no font of this system has U\+E000"):  # private use: no font draws it
        finish_front(flat(CARD, 0), CARD, DesignSettings(text="A\ue000\U0010fffd"), safe_mm=3)


def test_pixels_of_another_size_are_refused():
    with pytest.raises(ValueError, match="for a card of"):
        finish_front(noise()[1:], CARD, DesignSettings(), safe_mm=3)


# --- backs --------------------------------------------------------------------------------------------------------


def back(card: CardGeometry = CARD, facts=FACTS, front=None, **design):
    return make_back(card, DesignSettings(**design), facts=facts, safe_mm=3, front=front)


def test_no_back_was_asked_for():
    assert back() is None


def test_a_colour_is_a_plain_back():
    made = back(back="#1c1c1e")
    assert made.pixels.shape == (CARD.height_px, CARD.width_px, 3) and (made.pixels == (28, 28, 30)).all()


def test_a_word_that_is_no_colour_and_a_path_that_is_no_file_are_told_apart(tmp_path):
    with pytest.raises(UsageError, match="did you mean 'white'"):
        back(back="whitte")
    with pytest.raises(InputNotFoundError, match=r"nothing\.png"):
        back(back=str(tmp_path / "nothing.png"))


def test_a_picture_covers_the_back_from_its_middle(tmp_path):
    picture = np.zeros((600, 1200, 3), np.uint8)
    picture[:, 600:, 0] = 255
    picture[:, :399, 1] = picture[:, 801:, 1] = 255  # 402 px are shown of 1200
    made = back(back=str(save(tmp_path / "back.png", picture)))
    assert made.pixels[:, 3:-3, 1].max() <= 3
    red = light(made.pixels)[..., 0].mean(axis=0)
    assert red.sum() == pytest.approx(CARD.width_px / 2, abs=0.6)
    assert "66% of the back is cut off at the left and right" in made.notes[0] and len(made.notes) == 1
    whole = save(tmp_path / "whole.png", flat(CardGeometry(55, 85, 3, 200), 9))
    assert back(back=str(whole)).notes == ()


def test_a_small_picture_as_a_back_is_noted(tmp_path):
    small = save(tmp_path / "b.png", flat(CardGeometry(55, 85, 3, 72), 9))
    assert "72 pixels per printed inch" in back(back=str(small)).notes[0]


def test_text_on_a_back_stands_out_from_any_colour(boxes):
    for colour, dark in (("white", True), ("black", False), ("#777777", None)):
        made = back(back=colour, back_text="A", font=str(boxes))
        box = made.text_boxes[0]
        middle = int(made.pixels[int(box.centre[1]), int(box.centre[0]), 0])
        assert abs(middle - parse_colour(colour)[0]) > 100
        assert dark is None or (middle < 60) == dark
        assert box.centre[0] == pytest.approx(CARD.width_px / 2, abs=1)


def test_hangul_on_a_back_needs_a_font(boxes):
    with pytest.raises(FontError, match="U\\+BBFC"):
        back(back="white", back_text="민지")
    assert len(back(back="white", back_text="민지", font=str(boxes)).text_boxes) == 1


@pytest.mark.parametrize("size", [(55, 85), (85, 55), (54, 86), (105, 148), (35, 45)])
def test_facts_are_set_inside_the_safe_zone(size):
    card = CardGeometry(*size, 3, 120)
    made = back(card, back="provenance", back_text="MINJI", front=noise(card))
    zone = safe_zone(card, 3)
    changed = (made.pixels != made.pixels[0, 0]).any(axis=2)
    rows, columns = zone.as_slices()
    changed[rows.start + 1 : rows.stop - 1, columns.start + 1 : columns.stop - 1] = False
    assert not changed.any()
    assert len(made.text_boxes) >= 1 + 3 * 2 + 2
    assert all(zone.contains(box) for box in made.text_boxes)
    for index, box in enumerate(made.text_boxes):
        assert all(box.intersection(other).area == 0 for other in made.text_boxes[index + 1 :])


def test_the_same_back_comes_out_twice():
    one, two = (back(back="provenance", front=noise()) for _ in range(2))
    np.testing.assert_array_equal(one.pixels, two.pixels)


def test_every_fact_changes_the_back():
    plain = back(back="provenance").pixels
    for index in range(len(FACTS)):
        facts = [*FACTS]
        facts[index] = (facts[index][0], facts[index][1].replace("c", "o"))
        if facts[index] != FACTS[index]:
            assert (back(back="provenance", facts=facts).pixels != plain).any()


def test_a_file_name_the_built_in_font_lacks_is_noted():
    made = back(back="provenance", facts=[("Source", "민지.mp4")])
    assert "민" in made.notes[0] and "ellipsis" in made.notes[0]


def test_facts_a_font_lacks_are_set_in_the_built_in_font_and_noted(boxes):
    made = back(back="provenance", back_text="민지", font=str(boxes))
    assert "set in the built-in font" in made.notes[0] and len(made.notes) == 1


def test_small_type_is_noted_and_too_small_a_card_refused():
    small = back(CardGeometry(26, 32, 2, 150), back="provenance")
    assert "6 pt or more" in small.notes[0]
    with pytest.raises(UsageError, match="does not fit on a card of 15x15 mm"):
        back(CardGeometry(15, 15, 2, 150), back="provenance")


def test_palette_finds_the_colours_of_a_picture_from_light_to_dark():
    picture = np.zeros((60, 60, 3), np.uint8)
    picture[:20], picture[20:40], picture[40:] = (250, 240, 220), (200, 30, 40), (10, 20, 60)
    found = palette(picture)
    assert np.abs(np.array(found)[[0, -1]] - [(250, 240, 220), (10, 20, 60)]).max() <= 2
    assert min(np.abs(np.array(found) - (200, 30, 40)).max(axis=1)) <= 2
    assert palette(flat(CARD, 77)) == ((77, 77, 77),)
