from __future__ import annotations

import numpy as np
import pytest

from fancam.cards import mockup, safe_zone_overlay
from fancam.cards.painting import pixels_per_mm, safe_zone, trim_shape
from fancam.geometry import Box, CardGeometry
from fancam.pictures import resample

CARD = CardGeometry(55, 85, 3, 100)
GROUND = (228, 225, 220)


def front_of(colour, card: CardGeometry = CARD) -> np.ndarray:
    return np.full((card.height_px, card.width_px, 3), colour, np.uint8)


@pytest.fixture(scope="module")
def plain() -> np.ndarray:
    """A green card without a sleeve."""
    return mockup(front_of((0, 160, 0)), CARD, corner_radius_mm=3, sleeve=False, width_px=400)


def green(picture: np.ndarray) -> np.ndarray:
    return (picture[..., 1].astype(int) - picture[..., 0]) > 40


def span(mask: np.ndarray) -> tuple[int, int, int, int]:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return columns[0], rows[0], columns[-1] + 1, rows[-1] + 1


# --- mockup -------------------------------------------------------------------------------------------------------


def test_the_same_mockup_comes_out_twice():
    one, two = (mockup(front_of(90), CARD, corner_radius_mm=3, width_px=200) for _ in range(2))
    assert one.shape == (250, 200, 3) and one.dtype == np.uint8
    np.testing.assert_array_equal(one, two)


def test_the_card_has_its_proportions_and_lies_in_the_middle(plain):
    x0, y0, x1, y1 = span(green(plain))
    assert (x1 - x0) / (y1 - y0) == pytest.approx(55 / 85, abs=0.01)
    assert abs(x0 + x1 - 400) <= 2 and abs(y0 + y1 - 500) <= 2


def test_the_bleed_is_cut_away():
    front = front_of((0, 160, 0))
    x, y = pixels_per_mm(CARD)
    front[: int(2.6 * y)] = front[-int(2.6 * y) :] = (255, 0, 0)
    front[:, : int(2.6 * x)] = front[:, -int(2.6 * x) :] = (255, 0, 0)
    shown = mockup(front, CARD, corner_radius_mm=0, sleeve=False, width_px=400).astype(int)
    assert not ((shown[..., 0] - shown[..., 1]) > 30).any()


def test_corners_are_cut_round(plain):
    x0, y0, x1, y1 = span(green(plain))
    radius = 3 / 55 * (x1 - x0)
    corner = int(radius * 0.2)  # well outside the arc, whose middle is 0.29 radii from either edge
    for x, y in ((x0 + corner, y0 + corner), (x1 - 1 - corner, y0 + corner), (x0 + corner, y1 - 1 - corner)):
        assert not green(plain)[y, x]
    square = mockup(front_of((0, 160, 0)), CARD, corner_radius_mm=0, sleeve=False, width_px=400)
    assert green(square)[y0 + corner, x0 + corner]
    lost = green(square).sum() - green(plain).sum()
    assert lost == pytest.approx((4 - np.pi) * radius**2, rel=0.25)


def test_the_picture_on_the_card_is_the_front():
    front = np.random.default_rng(2).integers(0, 256, (CARD.height_px, CARD.width_px, 3), np.uint8)
    shown = mockup(front, CARD, corner_radius_mm=3, sleeve=False, width_px=400)
    x0, y0, x1, y1 = span(green(mockup(front_of((0, 160, 0)), CARD, corner_radius_mm=0, sleeve=False, width_px=400)))
    small = resample(front, trim_shape(CARD).box, x1 - x0, y1 - y0)
    inner = slice(8, -8), slice(8, -8)
    assert np.abs(shown[y0:y1, x0:x1][inner].astype(int) - small[inner]).max() <= 1


def test_the_table_is_of_the_asked_colour_and_its_light_falls_off_softly(plain):
    assert np.abs(plain[20:60, 20:380].reshape(-1, 3).mean(axis=0) - GROUND).max() < 8
    other = mockup(front_of(10), CARD, corner_radius_mm=3, ground=(40, 60, 90), width_px=200)
    assert np.abs(other[5:20].reshape(-1, 3).mean(axis=0) - (40, 60, 90)).max() < 8
    rows = plain[:, :30].astype(float).mean(axis=(1, 2))
    assert np.abs(np.diff(np.convolve(rows, np.ones(9) / 9, "valid"))).max() < 0.5  # no steps


def test_the_shadow_falls_down_and_to_the_right(plain):
    x0, y0, x1, y1 = span(green(plain))
    middle_x, middle_y = (x0 + x1) // 2, (y0 + y1) // 2

    def level(x: int, y: int) -> float:
        return float(plain[y - 4 : y + 4, x - 4 : x + 4].mean())

    below, above = level(middle_x, y1 + 6), level(middle_x, y0 - 6)
    right, left = level(x1 + 6, middle_y), level(x0 - 6, middle_y)
    assert below < above - 8 and right < left - 4
    assert below < level(middle_x, 485) - 12


def test_the_sleeve_is_larger_than_the_card_and_glosses_it():
    front = front_of((12, 12, 14))
    bare = mockup(front, CARD, corner_radius_mm=3, sleeve=False, width_px=800)
    sleeved = mockup(front, CARD, corner_radius_mm=3, sleeve=True, width_px=800)
    dark = sleeved.max(axis=2) < 75
    x0, y0, x1, y1 = span(dark)
    per_mm = (x1 - x0) / 55
    shown = sleeved[y0:y1, x0:x1].astype(int)
    assert shown[60:-60, 60:-60].mean(axis=2).max() > bare[400:600, 300:500].max() + 15  # the streak
    assert shown[60:-60, 60:-60].mean(axis=2).min() < 25  # and most of the card without it
    # Its closed edges are bright lines a millimetre outside of the card, its mouth 2.7 mm above it.
    row, column = (y0 + y1) // 2, (x0 + x1) // 2
    for line, place in (
        (sleeved[row, :, 0], x0 - 1.0 * per_mm), (sleeved[row, :, 0], x1 + 1.0 * per_mm),
        (sleeved[:, column, 0], y0 - 2.7 * per_mm), (sleeved[:, column, 0], y1 + 0.8 * per_mm),
    ):  # fmt: skip
        near = line[int(place) - 3 : int(place) + 4].astype(int)
        assert near.max() >= np.median(near) + 8


@pytest.mark.parametrize("size", [(85, 55), (30, 40), (148, 105)])
def test_cards_of_every_shape_fit_into_the_picture(size):
    card = CardGeometry(*size, 2, 72)
    x0, y0, x1, y1 = span(green(mockup(front_of((0, 160, 0), card), card, corner_radius_mm=2, width_px=300)))
    assert x0 > 30 and x1 < 270 and y0 > 30 and y1 < 345
    assert (x1 - x0) / (y1 - y0) == pytest.approx(size[0] / size[1], abs=0.03)


def test_sixteen_bits_and_eight_give_the_same_mockup():
    front = np.random.default_rng(2).integers(0, 256, (CARD.height_px, CARD.width_px, 3), np.uint8)
    deep = front.astype(np.uint16) * 257
    one, two = (mockup(f, CARD, corner_radius_mm=3, width_px=200) for f in (front, deep))
    assert np.abs(one.astype(int) - two).max() <= 1


def test_sizes_out_of_range_are_refused():
    for width in (10, 100_000):
        with pytest.raises(ValueError, match="mockup of"):
            mockup(front_of(0), CARD, corner_radius_mm=3, width_px=width)
    with pytest.raises(ValueError, match="for a card of"):
        mockup(front_of(0)[1:], CARD, corner_radius_mm=3)


# --- proof --------------------------------------------------------------------------------------------------------


def overlay(front, **kwargs):
    return safe_zone_overlay(front, CARD, safe_mm=3, corner_radius_mm=3, **kwargs)


def red(picture: np.ndarray) -> np.ndarray:
    """Where the colour of the cut is, at full strength."""
    return (picture[..., 0] > 200) & (picture[..., 1] < 40)


def test_the_proof_leaves_the_picture_inside_the_safe_zone_alone():
    front = np.random.default_rng(2).integers(0, 256, (CARD.height_px, CARD.width_px, 3), np.uint8)
    proof = overlay(front)
    rows, columns = safe_zone(CARD, 3).grown(-0.02).as_slices()
    np.testing.assert_array_equal(proof[rows, columns], front[rows, columns])
    assert proof.shape[0] > front.shape[0] and (proof[-3:] == 255).all()


def test_the_cut_is_drawn_where_it_is():
    card = CardGeometry(55, 85, 3, 300)
    proof = safe_zone_overlay(front_of(128, card), card, safe_mm=3, corner_radius_mm=3)
    line = np.flatnonzero(red(proof)[500, : card.width_px // 2])
    x = pixels_per_mm(card)[0]
    inner = line[line > 2.5 * x][-1] + 1
    assert inner / x == pytest.approx(3.0, abs=0.05)


def test_a_face_and_text_too_near_to_the_cut_are_shown_in_its_colour():
    zone = safe_zone(CARD, 3)
    inside = Box(60, 60, 180, 280)
    outside = Box(60, 60, round(zone.x1) + 4, 280)
    rows, columns = zone.grown(-0.05).as_slices()
    assert not red(overlay(front_of(128), faces=[inside], text_boxes=[inside])[rows, columns]).any()
    for boxes in ({"faces": [outside]}, {"text_boxes": [outside]}):
        assert red(overlay(front_of(128), **boxes)[rows, columns]).any()


def test_the_legend_says_more_where_there_is_more_to_say():
    zone = safe_zone(CARD, 3)
    inside = Box(*zone.centre, zone.x1 - 5, zone.y1 - 5)
    heights = [overlay(front_of(9), faces=faces).shape[0] for faces in ((), (inside,), (inside, Box(0, 0, 30, 30)))]
    assert heights[0] < heights[1] < heights[2]
