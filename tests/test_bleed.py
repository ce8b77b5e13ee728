from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.data import astronaut

from fancam.cropping import synthesise_bleed
from fancam.geometry import Box

HEIGHT, WIDTH, BLEED = 150, 120, 18
REAL = Box(BLEED, BLEED, WIDTH - BLEED, HEIGHT - BLEED)


def outside(real: Box = REAL, height: int = HEIGHT, width: int = WIDTH) -> np.ndarray:
    mask = np.ones((height, width), bool)
    mask[real.as_slices()] = False
    return mask


def noise(sigma: float, level: float = 128, seed: int = 1) -> np.ndarray:
    values = np.random.default_rng(seed).normal(level, sigma, (HEIGHT, WIDTH, 3))
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


def scene() -> np.ndarray:
    y, x = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32)
    light = 120 + 60 * np.sin(x / 17) + 40 * np.cos(y / 23) + np.random.default_rng(5).normal(0, 4, x.shape)
    return np.clip(np.dstack([light, light * 0.9, light * 0.7 + 20]), 0, 255).astype(np.uint8)


def edge_line(angle_deg: float) -> np.ndarray:
    """A dark half and a light half, parted by a line through the middle at this angle from upright."""
    y, x = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32) + 0.5
    angle = np.deg2rad(angle_deg)
    distance = (x - WIDTH / 2) * np.cos(angle) + (y - HEIGHT / 2) * np.sin(angle)
    light = 128 + 80 * np.tanh(distance / 1.5)
    return np.repeat(light[..., None], 3, axis=2).astype(np.uint8)


@settings(deadline=None, max_examples=12)
@given(
    st.sampled_from([np.uint8, np.uint16]),
    st.tuples(*[st.integers(0, 14)] * 4),
    st.integers(0, 2**16),
)
def test_known_pixels_come_back_bit_for_bit_and_the_hidden_ones_are_not_looked_at(kind, around, seed):
    left, top, right, bottom = around
    pixels = np.random.default_rng(seed).integers(0, np.iinfo(kind).max, (64, 56, 3), kind, endpoint=True)
    real = Box(left, top, 56 - right, 64 - bottom)
    before = pixels.copy()
    made = synthesise_bleed(pixels, real)
    assert made.dtype == kind and made.shape == pixels.shape
    assert np.array_equal(made[real.as_slices()], pixels[real.as_slices()])
    assert np.array_equal(pixels, before), "the input was written to"
    other = pixels.copy()
    other[outside(real, 64, 56)] = 7
    assert np.array_equal(synthesise_bleed(other, real), made)


def test_the_same_input_gives_the_same_bytes():
    assert np.array_equal(synthesise_bleed(scene(), REAL), synthesise_bleed(scene(), REAL))


def test_a_new_array_comes_back_where_nothing_is_missing():
    pixels = scene()
    made = synthesise_bleed(pixels, Box(0, 0, WIDTH, HEIGHT))
    assert np.array_equal(made, pixels) and made is not pixels and not np.shares_memory(made, pixels)


def test_sixteen_bits_are_kept_and_not_rounded_to_eight():
    deep = scene().astype(np.uint16) * 257 + np.random.default_rng(2).integers(0, 200, (HEIGHT, WIDTH, 3), np.uint16)
    made = synthesise_bleed(deep, REAL)
    assert (made[outside()] % 257 != 0).mean() > 0.5
    shallow = synthesise_bleed(scene(), REAL).astype(float)
    assert np.abs(made / 257.0 - shallow)[outside()].mean() < 6


@pytest.mark.parametrize("value", [0, 37, 255])
def test_a_uniform_picture_stays_uniform(value):
    pixels = np.full((HEIGHT, WIDTH, 3), (value, 255 - value, 90), np.uint8)
    hidden = np.where(outside()[..., None], np.uint8(1), pixels)
    assert np.array_equal(synthesise_bleed(hidden, REAL), pixels)


@pytest.mark.parametrize("edge", [4, 8])
def test_a_white_edge_of_a_scan_goes_on_as_white_with_its_grain(edge):
    pixels = scene()
    white = noise(2, 243, seed=9)
    frame = outside(Box(BLEED + edge, BLEED + edge, WIDTH - BLEED - edge, HEIGHT - BLEED - edge))
    pixels[frame] = white[frame]
    made = synthesise_bleed(np.where(outside()[..., None], np.uint8(0), pixels), REAL)[outside()].astype(float)
    assert made.min() > 228, "a mirror image would show the picture here"
    assert abs(made.mean() - 243) < 1
    assert 1.2 < made.std() < 3, "flat white beside grain shows, and so does more grain"


def test_a_white_edge_on_one_side_leaves_the_other_sides_to_the_picture():
    pixels = scene()
    pixels[:, : BLEED + 8] = 250
    made = synthesise_bleed(pixels, REAL)
    assert made[:, :BLEED].min() > 240
    assert made[:BLEED, BLEED + 12 :].mean() < 200


def test_a_sky_that_grows_darker_is_no_edge_and_goes_on_growing_darker():
    y = np.linspace(40, 160, HEIGHT)[:, None, None]
    pixels = np.broadcast_to(np.rint(y), (HEIGHT, WIDTH, 3)).astype(np.uint8)
    made = synthesise_bleed(pixels, REAL).astype(float)
    inside, first, last = made[BLEED].mean(), made[BLEED - 1].mean(), made[0].mean()
    assert abs(first - inside) < 2
    assert last < inside - 2


@pytest.mark.parametrize("angle_deg", [-30, -15, 0, 15, 30])
def test_a_line_at_an_angle_goes_on_at_that_angle(angle_deg):
    truth = edge_line(angle_deg)
    made = synthesise_bleed(np.where(outside()[..., None], np.uint8(0), truth), REAL)[..., 1].astype(float)

    def crossing(row: np.ndarray) -> float:
        return float(np.interp(128, row, np.arange(WIDTH)))

    part = slice(BLEED // 3, BLEED)  # the outermost third is left to itself: directions are damped there
    rows = np.arange(HEIGHT)[part]
    found = np.polyfit(rows, [crossing(np.maximum.accumulate(made[row])) for row in rows], 1)[0]
    expected = -np.tan(np.deg2rad(angle_deg))
    assert abs(np.degrees(np.arctan(found)) - np.degrees(np.arctan(expected))) < 9
    mirrored = cv2.copyMakeBorder(truth[REAL.as_slices()], *[BLEED] * 4, cv2.BORDER_REFLECT_101)[..., 1].astype(float)
    error, mirror_error = (np.abs(p - truth[..., 1])[part, BLEED:-BLEED].mean() for p in (made, mirrored))
    assert error < mirror_error / 2 or angle_deg == 0


def test_texture_is_neither_smeared_into_stripes_nor_lost():
    pixels = noise(20)
    made = synthesise_bleed(pixels, REAL).astype(float)[:BLEED, BLEED:-BLEED, 1]
    along, away = np.abs(np.diff(made, axis=1)).mean(), np.abs(np.diff(made, axis=0)).mean()
    assert 0.7 < along / away < 1.4
    assert made.std() > 8


def test_bleed_is_no_mirror_image():
    pixels = noise(20)
    made = synthesise_bleed(pixels, REAL).astype(float)[..., 1]
    bleed, inside = made[1 : BLEED - 1], made[BLEED + 1 : 2 * BLEED - 1][::-1]
    assert abs(np.corrcoef(bleed.ravel(), inside.ravel())[0, 1]) < 0.2


def seam_step(pixels: np.ndarray) -> float:
    """Bend of the light across the seam over that of the lines just inside; the worst of four sides."""
    light = pixels.mean(axis=2)
    bends = []
    for turns in range(4):
        lines = np.rot90(light, turns)[BLEED - 2 : BLEED + 12, BLEED:-BLEED]
        bend = np.abs(np.diff(lines, 2, axis=0)).mean(axis=1) + 0.5
        bends.append(float(bend[:2].mean() / bend[2:].mean()))
    return max(bends)


def test_the_seam_is_like_the_picture_beside_it():
    for pixels in (scene(), noise(8), edge_line(25)):
        made = synthesise_bleed(np.where(outside()[..., None], np.uint8(0), pixels), REAL)
        assert 0.4 < seam_step(made) < 1.6


@pytest.mark.parametrize(("x", "y"), [(100, 100), (60, 330)])
def test_light_jumps_less_at_the_seam_of_a_photo_than_in_the_photo_itself(x, y):
    photo = np.ascontiguousarray(astronaut()[y : y + HEIGHT, x : x + WIDTH])

    def jumps(pixels: np.ndarray) -> list[float]:
        light = pixels.mean(axis=2)
        steps = [one[BLEED - 1] - one[BLEED] for one in (light, light[::-1], light.T, light.T[::-1])]
        return [np.abs(np.convolve(step[BLEED:-BLEED], np.ones(9) / 9, "valid")).mean() for step in steps]

    assert all(
        made < 0.8 * true + 1 for made, true in zip(jumps(synthesise_bleed(photo, REAL)), jumps(photo), strict=True)
    )


def test_corners_have_no_streaks():
    made = synthesise_bleed(noise(20), REAL).astype(float)
    for corner in (made[:BLEED, :BLEED], made[-BLEED:, -BLEED:]):
        along, away = np.abs(np.diff(corner, axis=1)).mean(), np.abs(np.diff(corner, axis=0)).mean()
        assert 0.6 < along / away < 1.7
        assert corner.std() > 6


@pytest.mark.parametrize("known", [(1, 1), (2, 9), (9, 2), (30, 3)])
def test_a_known_part_of_a_few_pixels_is_enough(known):
    height, width = known
    pixels = np.random.default_rng(0).integers(100, 120, (height + 20, width + 20, 3)).astype(np.uint8)
    made = synthesise_bleed(pixels, Box(10, 10, 10 + width, 10 + height))
    assert made.min() >= 80 and made.max() <= 140


def test_nothing_known_is_an_error():
    with pytest.raises(ValueError, match="nothing is known"):
        synthesise_bleed(scene(), Box(5, 5, 5, 9))
