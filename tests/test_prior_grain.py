from __future__ import annotations

import cv2
import numpy as np
import pytest

from fancam.enhancing.grain.matching import match_grain, region_grain
from fancam.enhancing.prior.alignment import TEMPLATE, cut_square
from fancam.enhancing.prior.gates import blend_mask, face_ellipse
from fancam.enhancing.prior.paste import paste_face
from tests.test_prior_alignment import grid
from tests.test_prior_paste import levels, placed

MASK = blend_mask(face_ellipse(TEMPLATE))
SIDE = 640


def shaded(side=SIDE):
    x, y = grid(side, side)
    return np.repeat((0.45 + 0.18 * np.sin(x / side * 3) * np.cos(y / side * 2))[..., None], 3, axis=2)


def grainy(sigma, blur_px=0.0, side=SIDE, seed=7):
    """A picture of smooth light with grain of this standard deviation in levels of 255, and the smooth picture."""
    noise = np.random.default_rng(seed).standard_normal((side, side)).astype(np.float32)
    if blur_px:
        noise = cv2.GaussianBlur(noise, (0, 0), blur_px)
        noise /= noise.std()
    clean = shaded(side)
    return np.clip(clean * 255 + (sigma * noise)[..., None], 0, 255) / 255, clean


def pasted(printed, face_blur_px=4.0, scale=0.9, strength=1.0, side=SIDE):
    """The print with a smooth face in it, as a prior would draw it, and what the paste returned."""
    matrix = placed(scale, 8, side)
    face = cv2.GaussianBlur(cut_square(printed, matrix), (0, 0), face_blur_px)
    after = printed.copy()
    return after, paste_face(after, face, MASK, matrix, strength)


def sigma_in(pixels, clean, result, region):
    top = np.iinfo(pixels.dtype).max
    rest = (pixels / top - clean)[..., 1][result.roi.as_slices()].astype(np.float32) * 255
    rest -= cv2.GaussianBlur(rest, (0, 0), 10)
    return float(rest[region].std())


@pytest.mark.parametrize("scale", [0.5, 0.9])
@pytest.mark.parametrize("blur_px", [0.0, 1.2])
@pytest.mark.parametrize("sigma", [1.5, 5.0])
def test_a_face_has_the_grain_of_its_surroundings(sigma, blur_px, scale):
    picture, clean = grainy(sigma, blur_px)
    printed = levels(picture)
    after, result = pasted(printed, scale=scale)
    full = result.alpha >= 0.99
    wanted = sigma_in(printed, clean, result, full)
    assert sigma_in(after, clean, result, full) < 0.6 * wanted, "the prior must have taken the grain away"
    added = match_grain(after, printed, result.roi, result.alpha)
    assert added > 0.5 * sigma
    assert sigma_in(after, clean, result, full) == pytest.approx(wanted, rel=0.1)


def test_the_rim_of_the_mask_has_no_ring_of_more_or_less_grain():
    picture, clean = grainy(4.0, 1.0)
    printed = levels(picture, np.uint16)
    after, result = pasted(printed)
    match_grain(after, printed, result.roi, result.alpha)
    for low, high in ((0.05, 0.3), (0.3, 0.7), (0.7, 0.95)):
        rim = (result.alpha > low) & (result.alpha < high)
        wanted = sigma_in(printed, clean, result, rim)
        assert sigma_in(after, clean, result, rim) == pytest.approx(wanted, rel=0.07)


def test_half_a_prior_gets_the_grain_it_lacks_and_no_more():
    picture, clean = grainy(4.0, 1.0)
    printed = levels(picture, np.uint16)
    after, result = pasted(printed, strength=0.5)
    full = result.alpha >= 0.499
    match_grain(after, printed, result.roi, result.alpha)
    wanted = sigma_in(printed, clean, result, full)
    assert sigma_in(after, clean, result, full) == pytest.approx(wanted, rel=0.1)


def test_coarse_grain_gets_coarse_grain():
    picture, clean = grainy(5.0, 1.6)
    printed = levels(picture, np.uint16)
    after, result = pasted(printed)
    match_grain(after, printed, result.roi, result.alpha)
    part = result.roi.as_slices()
    full = result.alpha >= 0.99

    def neighbours(pixels):
        """Correlation of each pixel with the next but one: 0.68 for this grain, 0 for white noise."""
        rest = (pixels / 65535 - clean)[part][..., 1]
        both = full[:, 2:] & full[:, :-2]
        return np.corrcoef(rest[:, 2:][both], rest[:, :-2][both])[0, 1]

    assert neighbours(printed) > 0.6
    assert neighbours(after) == pytest.approx(neighbours(printed), abs=0.1)


def test_light_and_shade_of_the_new_face_do_not_hollow_out_the_grain():
    """Grain without its slow part looks like woven cloth."""
    picture, clean = grainy(4.0, 1.0)
    printed = levels(picture, np.uint16)
    matrix = placed(0.9, 8, SIDE)
    x, y = grid(512, 512)
    shade = 0.02 * np.sin(x / 4) * np.cos(y / 5)
    face = (cv2.GaussianBlur(cut_square(printed, matrix), (0, 0), 4) + shade[..., None]).astype(np.float32)
    after = printed.copy()
    result = paste_face(after, face, MASK, matrix, 1.0)
    smooth = after.copy()
    match_grain(after, printed, result.roi, result.alpha)
    full = cv2.erode((result.alpha >= 0.99).astype(np.uint8), np.ones((9, 9)), borderValue=0) > 0

    def slow_share(rest):
        rest = rest[..., 1].astype(np.float32)[result.roi.as_slices()]
        slow = cv2.GaussianBlur(rest, (0, 0), 2.0) - cv2.GaussianBlur(rest, (0, 0), 5.0)
        return float(slow[full].std() / rest[full].std())

    wanted = slow_share(printed / 65535 - clean)
    assert slow_share(after.astype(np.float64) - smooth) == pytest.approx(wanted, rel=0.25)


def test_grain_follows_brightness():
    x, _ = grid(SIDE, SIDE)
    sides = 0.3 + 0.35 / (1 + np.exp(-(x - SIDE / 2) / 20))  # one half of the face in the shade
    noise = np.random.default_rng(3).standard_normal((SIDE, SIDE))
    sigma = np.where(x < SIDE / 2, 2.0, 6.0)
    clean = np.repeat(sides[..., None], 3, axis=2)
    printed = levels(clean + (sigma * noise / 255)[..., None], np.uint16)
    after, result = pasted(printed)
    match_grain(after, printed, result.roi, result.alpha)
    full = result.alpha >= 0.99
    middle = x[result.roi.as_slices()] - SIDE / 2
    for region, expected in ((full & (middle < -40), 2.0), (full & (middle > 40), 6.0)):
        assert sigma_in(after, clean, result, region) == pytest.approx(expected, rel=0.12)


def test_noise_finer_than_a_level_is_no_grain():
    printed = levels(grainy(0.3)[0], np.uint16)
    after, result = pasted(printed)
    before = after.copy()
    assert match_grain(after, printed, result.roi, result.alpha) == 0
    assert np.array_equal(after, before)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_clean_picture_stays_clean(dtype):
    printed = levels(shaded(), dtype)
    after, result = pasted(printed)
    before = after.copy()
    assert match_grain(after, printed, result.roi, result.alpha) == 0
    assert np.array_equal(after, before)


def test_hair_around_a_smooth_face_is_no_grain():
    _, clean = grainy(0)
    hair = clean.copy()
    x, y = grid(SIDE, SIDE)
    outside = np.hypot(x - SIDE / 2, y - SIDE / 2 - 20) > 120
    hair[outside] += (0.25 * np.sin(x / 1.1 + np.sin(y / 6)))[outside][:, None]
    printed = levels(np.clip(hair, 0, 1))
    after, result = pasted(printed)
    assert match_grain(after, printed, result.roi, result.alpha) < 0.3


def test_a_face_that_kept_its_grain_gets_none():
    printed = levels(grainy(4.0, 1.0)[0])
    after, result = pasted(printed, face_blur_px=0.01)
    before = after.copy()
    assert match_grain(after, printed, result.roi, result.alpha) == 0
    assert np.array_equal(after, before)


def test_the_same_print_gets_the_same_grain_and_another_another():
    results = []
    for seed in (7, 7, 8):
        printed = levels(grainy(4.0, seed=seed)[0])
        after, result = pasted(printed)
        smooth = after.copy()
        match_grain(after, printed, result.roi, result.alpha)
        results.append(after.astype(int) - smooth)
    first, again, other = results
    assert np.array_equal(first, again)
    part = pasted(levels(grainy(4.0)[0]))[1].roi.as_slices()
    assert abs(np.corrcoef(first[part].ravel(), other[part].ravel())[0, 1]) < 0.1


def test_grain_has_no_colour_and_stays_in_the_mask():
    printed = levels(grainy(4.0)[0], np.uint16)
    after, result = pasted(printed)
    smooth = after.copy()
    match_grain(after, printed, result.roi, result.alpha)
    change = after.astype(int) - smooth
    assert np.ptp(change, axis=2).max() <= 1
    part = result.roi.as_slices()
    assert not change[part][result.alpha == 0].any()
    change[part] = 0
    assert not change.any()


def test_a_face_too_small_to_tell_is_left_alone():
    printed = levels(grainy(4.0, side=120)[0])
    after, result = pasted(printed, scale=0.08, side=120)
    before = after.copy()
    assert match_grain(after, printed, result.roi, result.alpha) == 0
    assert np.array_equal(after, before)


def test_nothing_pasted_means_no_grain():
    printed = levels(grainy(4.0)[0])
    after, result = pasted(printed, strength=0.0)
    assert match_grain(after, printed, result.roi, result.alpha) == 0
    assert np.array_equal(after, printed)


@pytest.mark.parametrize("blur_px", [0.0, 0.8, 1.6])
def test_measured_grain_is_the_grain_that_is_there_under_light_and_shade(blur_px):
    picture, _ = grainy(3.0, blur_px)
    luma = (picture[..., 0] * 255).astype(np.float32)
    profile = region_grain(luma, np.ones(luma.shape, bool))
    assert profile is not None
    assert profile.sigma == pytest.approx(3.0, rel=0.09)


def test_edges_do_not_count_as_grain():
    picture, _ = grainy(2.0)
    luma = (picture[..., 0] * 255).astype(np.float32)
    luma[::67] += 60
    profile = region_grain(luma, np.ones(luma.shape, bool))
    assert profile is not None
    assert profile.sigma == pytest.approx(2.0, rel=0.1)


def test_a_region_without_room_for_patches_has_no_profile():
    assert region_grain(np.zeros((20, 20), np.float32), np.ones((20, 20), bool)) is None
    assert region_grain(np.zeros((200, 200), np.float32), np.zeros((200, 200), bool)) is None
