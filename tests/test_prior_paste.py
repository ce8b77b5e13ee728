from __future__ import annotations

import sys

import cv2
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fancam.enhancing.prior.alignment import TEMPLATE, cut_square, mapped
from fancam.enhancing.prior.gates import blend_mask, face_ellipse
from fancam.enhancing.prior.paste import LIGHT_BAND_PX, blend_face, from_linear, match_face, paste_face, to_linear
from tests.pasting import cover, seam
from tests.test_prior_alignment import grid, shift_px, similarity

MASK = blend_mask(face_ellipse(TEMPLATE))
CAST = np.array([1.25, 0.9, 0.6], np.float32)


def texture(x, y):
    """Skin-like light and shade with fine structure, as a formula: (..., 3) in [0, 1]."""
    shade = 0.45 + 0.12 * np.sin(x / 90) + 0.08 * np.cos(y / 70)
    detail = 0.05 * np.sin(x / 3.1 + 0.4 * np.sin(y / 9)) + 0.05 * np.cos(y / 2.7 + x / 17)
    return np.stack([shade * 1.1 + detail, shade * 0.9 + detail, shade * 0.7 + detail], axis=-1)


def shade_of(x, y):
    shade = 0.45 + 0.12 * np.sin(x / 90) + 0.08 * np.cos(y / 70)
    return np.stack([shade * 1.1, shade * 0.9, shade * 0.7], axis=-1)


def placed(scale, turn_deg, side, x=0.0, y=0.0):
    """The map that lays face space into the middle of a print of this side."""
    matrix = similarity(scale, turn_deg, 0, 0)
    middle = mapped(matrix, [(256, 256)])[0]
    matrix[:, 2] = side / 2 + np.array([x, y]) - middle
    return matrix


def in_print(formula, matrix, side):
    """A formula of face space, sampled at the pixels of a print, and at those of face space."""
    inverse = np.linalg.inv(np.vstack([matrix, [0, 0, 1]]))[:2]
    there = mapped(inverse, np.stack([axis.ravel() for axis in grid(side, side)], axis=1))
    square = formula(*grid(512, 512)).astype(np.float32)
    return formula(there[:, 0], there[:, 1]).reshape(side, side, 3), square


def levels(picture, dtype=np.uint8):
    top = np.iinfo(dtype).max
    return np.clip(np.rint(np.asarray(picture, np.float64) * top), 0, top).astype(dtype)


def core(result):
    """The rows and columns of a print in which the mask is full."""
    rows, columns = np.nonzero(result.alpha >= result.alpha.max() * 0.999)
    middle, reach = (rows.min() + rows.max()) // 2, (rows.max() - rows.min()) // 3
    centre = (columns.min() + columns.max()) // 2
    top, left = int(result.roi.y0) + middle, int(result.roi.x0) + centre
    return slice(top - reach, top + reach), slice(left - reach, left + reach)


# --- registration: 0.1 px -----------------------------------------------------------------------------------------


@settings(max_examples=10, deadline=None)  # 0.2 s each
@given(st.floats(0.4, 2.2), st.floats(-60, 60), st.floats(-1, 1), st.floats(-1, 1))
def test_a_pasted_face_lies_where_the_formula_says(scale, turn_deg, x, y):
    side = round(512 * scale * 1.5)
    matrix = placed(scale, turn_deg, side, x, y)
    truth, face = in_print(texture, matrix, side)
    smooth, _ = in_print(shade_of, matrix, side)
    printed = levels(smooth, np.uint16)
    at = core(paste_face(printed, face, MASK, matrix, 1.0))
    detail = printed[at] / 65535 - smooth[at]
    assert np.abs(shift_px(detail, (truth - smooth)[at], margin=2)).max() < 0.05


@pytest.mark.parametrize("scale", [0.45, 0.8, 1.0, 1.7, 3.0])
@pytest.mark.parametrize("turn_deg", [0, 23, -41])
def test_a_face_cut_from_the_print_goes_back_where_it_was(scale, turn_deg):
    side = round(512 * scale * 1.5)
    noise = np.random.default_rng(3).standard_normal((side, side, 3)).astype(np.float32)
    noise = cv2.GaussianBlur(noise, (0, 0), 2.5 * max(scale, 1))
    original = levels(0.5 + 0.15 * noise / noise.std())
    matrix = placed(scale, turn_deg, side, 0.37, -0.21)
    face = cut_square(original, matrix)
    empty = np.full_like(original, 128)
    at = core(cover(empty, face, MASK, matrix))
    assert np.abs(shift_px(empty[at] / 255, original[at] / 255, margin=2)).max() < 0.03
    if scale >= 0.8:  # an independent estimate, which needs a few pixels more: 0.04 px of noise at this size
        luma = [part[at].astype(np.float32).mean(axis=2) for part in (original, empty)]
        window = cv2.createHanningWindow(luma[0].shape[::-1], cv2.CV_32F)
        shift, response = cv2.phaseCorrelate(luma[0], luma[1], window)
        assert response > 0.5
        assert np.hypot(*shift) < 0.1


def test_a_mask_of_one_covers_just_the_square_of_the_print():
    printed = np.zeros((80, 90, 3), np.uint8)
    ones = np.ones((512, 512), np.float32)
    matrix = similarity(1 / 16, 0, 20, 30)
    result = cover(printed, np.ones((512, 512, 3), np.float32), ones, matrix)
    assert result.roi.as_list() == [20, 30, 52, 62]
    assert (printed[30:62, 20:52] == 255).all()
    assert printed.sum() == 32 * 32 * 3 * 255


# --- what must not change ------------------------------------------------------------------------------------------


def a_print(side=400, dtype=np.uint8):
    return levels(texture(*grid(side, side)), dtype)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("scale", [0.5, 1.4])
def test_strength_zero_leaves_every_byte(dtype, scale):
    printed = a_print(dtype=dtype)
    before = printed.copy()
    result = paste_face(printed, np.ones((512, 512, 3), np.float32), MASK, placed(scale, 9, 400), 0.0)
    assert np.array_equal(printed, before)
    assert result.roi.area == 0
    square = cut_square(printed, placed(scale, 9, 400))
    assert np.array_equal(blend_face(square, 1 - square, MASK, 0.0), square)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("scale", [0.3, 0.9, 2.1])
def test_a_prior_that_changes_nothing_changes_no_byte(dtype, scale):
    rng = np.random.default_rng(4)
    printed = rng.integers(0, np.iinfo(dtype).max, (400, 400, 3), dtype, endpoint=True)
    before = printed.copy()
    matrix = placed(scale, 17, 400)
    paste_face(printed, cut_square(printed, matrix), MASK, matrix, 1.0)
    assert np.abs(printed.astype(np.int64) - before).max() <= (0 if dtype == np.uint8 else 1)


def test_detail_finer_than_the_face_square_stays_with_the_print():
    rng = np.random.default_rng(5)
    side = 900
    printed = levels(0.5 + 0.1 * rng.standard_normal((side, side, 3)))
    before = printed.copy()
    matrix = placed(4.0, 0, side)
    at = core(paste_face(printed, np.full((512, 512, 3), 0.5, np.float32), MASK, matrix, 1.0))

    def finest(pixels):
        values = pixels[at].astype(np.float32)
        return values - cv2.GaussianBlur(values, (0, 0), 1.0)

    assert np.corrcoef(finest(printed).ravel(), finest(before).ravel())[0, 1] > 0.97


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_nothing_outside_the_roi_and_the_mask_changes(dtype):
    printed = a_print(500, dtype)
    before = printed.copy()
    matrix = placed(0.7, 30, 500, 11.3, -20.6)
    result = paste_face(printed, np.random.default_rng(0).random((512, 512, 3), np.float32), MASK, matrix, 1.0)
    changed = (printed != before).any(axis=2)
    part = result.roi.as_slices()
    assert changed[part].mean() > 0.3
    changed[part] = False
    assert not changed.any()
    assert result.roi.area < 0.6 * (512 * 0.7) ** 2


@settings(max_examples=20, deadline=None)
@given(st.floats(-600, 600), st.floats(-600, 600), st.floats(0.2, 1.5))
@example(0.0, -67.0, 0.328125)
def test_a_face_over_the_edge_of_the_print_is_pasted_as_far_as_it_goes(x, y, scale):
    printed = a_print(200)
    larger = np.pad(printed, ((700, 700), (700, 700), (0, 0)), mode="symmetric")
    matrix = placed(scale, 10, 200, x, y)
    face = np.random.default_rng(0).random((512, 512, 3), np.float32)
    result = paste_face(printed, face, MASK, matrix, 1.0)
    assert 0 <= result.roi.x0 <= result.roi.x1 <= 200 and 0 <= result.roi.y0 <= result.roi.y1 <= 200
    shifted = matrix.copy()
    shifted[:, 2] += 700
    paste_face(larger, face, MASK, shifted, 1.0)
    # Coordinates are rounded to 1/32 px by OpenCV, from another corner, and the light is matched beyond the edge as
    # well: the same within that.
    assert np.abs(printed.astype(int) - larger[700:900, 700:900]).mean() < 2


def test_a_face_outside_the_print_or_an_empty_mask_does_nothing():
    printed = a_print(200)
    before = printed.copy()
    face = np.zeros((512, 512, 3), np.float32)
    assert paste_face(printed, face, MASK, placed(0.3, 0, 200, 900, 0), 1.0).roi.area == 0
    assert paste_face(printed, face, np.zeros_like(MASK), placed(0.3, 0, 200), 1.0).roi.area == 0
    assert np.array_equal(printed, before)


@pytest.mark.parametrize("strength", [-0.1, 1.01, np.nan])
def test_a_strength_that_is_no_share_is_refused(strength):
    with pytest.raises(ValueError, match="strength"):
        paste_face(a_print(64), np.zeros((512, 512, 3), np.float32), MASK, placed(0.1, 0, 64), strength)
    with pytest.raises(ValueError, match="strength"):
        blend_face(np.zeros((512, 512, 3), np.float32), np.zeros((512, 512, 3), np.float32), MASK, strength)


def test_a_mask_of_another_size_is_refused():
    with pytest.raises(ValueError, match="mask"):
        paste_face(a_print(64), np.zeros((512, 512, 3), np.float32), MASK[:256], placed(0.1, 0, 64), 1.0)


def test_a_tall_print_is_worked_on_in_strips_with_the_same_result(monkeypatch):
    face = texture(*grid(512, 512)).astype(np.float32)
    results = []
    for rows in (10_000, 37):
        # Strips of few rows, since a print that has many real ones takes seconds.
        monkeypatch.setattr(sys.modules["fancam.enhancing.prior.paste"], "_STRIP_ROWS", rows)
        printed = np.full((700, 700, 3), 90, np.uint8)
        results.append((printed, paste_face(printed, face, MASK, placed(1.5, 20, 700, 0.3, 0.4), 0.8).alpha))
    (whole, alpha), (striped, striped_alpha) = results
    assert np.abs(whole.astype(int) - striped).max() <= 1
    assert np.abs(alpha - striped_alpha).max() < 0.02


def test_fine_detail_of_a_face_square_larger_than_its_place_does_not_alias():
    stripes = np.zeros((512, 512, 3), np.float32)
    stripes[::2] = 1
    printed = np.full((200, 200, 3), 128, np.uint8)
    cover(printed, stripes, np.ones((512, 512), np.float32), placed(0.37, 0, 200))
    at = slice(20, -20), slice(20, -20)
    assert np.abs(printed[at].astype(int) - 128).max() < 12


# --- light, colour and seams ---------------------------------------------------------------------------------------


def low_band(picture):
    """What the eye sees from afar: linear light, blurred by twice the band the prior has no say in."""
    return cv2.GaussianBlur(to_linear(np.asarray(picture, np.float32)), (0, 0), 2 * LIGHT_BAND_PX)


def a_face_in_other_light():
    """A prior's face with more detail, a strong tint and two thirds of the light."""
    _, square = in_print(texture, placed(1.0, 0, 512), 512)
    return from_linear(np.clip(to_linear(square) * CAST * 0.65, 0, 1))


def test_neither_light_nor_skin_tone_changes():
    _, beneath = in_print(shade_of, placed(1.0, 0, 512), 512)
    face = a_face_in_other_light()
    matched = match_face(face, beneath, MASK)
    inside = MASK > 0.99
    before = np.abs(low_band(face) - low_band(beneath))[inside].max()
    after = np.abs(low_band(matched) - low_band(beneath))[inside].max()
    assert before > 0.05, "the test's face must be in another light"
    assert after < 0.004
    assert after < before / 20


def test_light_stays_even_where_the_prior_is_further_off_than_can_be_matched():
    _, beneath = in_print(shade_of, placed(1.0, 0, 512), 512)
    dark = from_linear(to_linear(beneath) * np.float32(0.05))
    matched = match_face(dark, beneath, MASK)
    assert np.abs(low_band(matched) - low_band(beneath))[MASK > 0.99].max() < 0.02


def test_the_detail_of_a_face_in_other_light_arrives_at_full_contrast():
    truth, _ = in_print(texture, placed(1.0, 0, 512), 512)
    _, beneath = in_print(shade_of, placed(1.0, 0, 512), 512)
    matched = match_face(a_face_in_other_light(), beneath, MASK)
    inside = MASK > 0.99
    wanted, given = (truth - beneath)[inside].ravel(), (matched - beneath)[inside].ravel()
    assert np.corrcoef(wanted, given)[0, 1] > 0.98
    assert np.polyfit(wanted, given, 1)[0] == pytest.approx(1, abs=0.1)


def test_a_prior_cannot_paint_an_iris_but_can_whiten_a_tooth():
    x, y = grid(512, 512)
    brown = np.full((512, 512, 3), (0.45, 0.33, 0.25), np.float32)
    grey = from_linear(to_linear(brown) @ np.array([0.2126, 0.7152, 0.0722], np.float32))
    chroma = []
    for radius in (14, 4):
        disc = np.hypot(x - 256, y - 256) < radius
        face = brown.copy()
        face[disc] = np.stack([grey] * 3, axis=-1)[disc]
        matched = match_face(face, brown, MASK)
        chroma.append(float(np.ptp(matched[disc].mean(axis=0)) / np.ptp(brown[0, 0])))
    iris, tooth = chroma
    assert iris > 0.6, "most of the colour of an iris stays"
    assert tooth < 0.3, "a small light spot may lose its colour"


@pytest.mark.parametrize("scale", [0.6, 1.6])
def test_a_face_in_other_light_leaves_no_seam(scale):
    side = round(512 * scale * 1.3)
    matrix = placed(scale, 12, side)
    smooth, _ = in_print(shade_of, matrix, side)
    before = levels(smooth)
    pasted, covered = before.copy(), before.copy()
    face = a_face_in_other_light()
    result = paste_face(pasted, face, MASK, matrix, 1.0)
    assert seam(before, pasted, result, matrix) < 2
    result = cover(covered, face, MASK, matrix)
    assert seam(before, covered, result, matrix) > 20, "the measure must see the seam of a plain paste"


def test_the_seam_measure_reads_levels():
    before = np.full((300, 300, 3), 100, np.uint8)
    matrix = placed(0.5, 0, 300)
    after = before.copy()
    result = cover(after, np.full((512, 512, 3), 130 / 255, np.float32), MASK, matrix)
    assert seam(before, after, result, matrix) == pytest.approx(30, abs=2)
    noisy = before + np.random.default_rng(0).integers(-20, 21, before.shape, np.int16)
    assert seam(before, noisy.astype(np.uint8), result, matrix) < 2, "texture is no seam"
    assert seam(before, before, result, matrix) == 0
    deep = seam(before.astype(np.uint16) * 257, after.astype(np.uint16) * 257, result, matrix)
    assert deep == pytest.approx(seam(before, after, result, matrix), rel=1e-3)


def test_a_hard_hair_edge_the_prior_moved_does_not_show_outside_the_mask():
    """Outside the mask the prior may draw what it likes: a black hood, say."""
    _, beneath = in_print(shade_of, placed(1.0, 0, 512), 512)
    face = beneath.copy()
    face[MASK == 0] = 0
    matched = match_face(face, beneath, MASK)
    shown = blend_face(beneath, face, MASK, 1.0)
    assert np.abs(shown - beneath).max() < 0.02
    assert np.abs(matched - beneath)[MASK > 0.5].max() < 0.02


def test_judging_in_face_space_sees_what_is_printed():
    side = 512
    matrix = placed(1.0, 0, side)
    smooth, _ = in_print(shade_of, matrix, side)
    printed = levels(smooth, np.uint16)
    beneath = cut_square(printed, matrix)
    face = a_face_in_other_light()
    judged = blend_face(beneath, face, MASK, 0.6)
    paste_face(printed, face, MASK, matrix, 0.6)
    assert np.abs(cut_square(printed, matrix) - judged).max() < 1e-4


def test_more_strength_adds_more_of_the_same():
    _, beneath = in_print(shade_of, placed(1.0, 0, 512), 512)
    face = a_face_in_other_light()
    full = blend_face(beneath, face, MASK, 1.0)
    for strength in (0.1, 0.35, 0.8):
        part = blend_face(beneath, face, MASK, strength)
        assert np.abs((part - beneath) - strength * (full - beneath)).max() < 1e-5


def test_the_same_paste_gives_the_same_bytes():
    prints = []
    for _ in range(2):
        printed = a_print(300)
        paste_face(printed, a_face_in_other_light(), MASK, placed(0.55, 33, 300), 0.7)
        prints.append(printed)
    assert np.array_equal(*prints)
    assert not np.array_equal(prints[0], a_print(300))


def test_srgb_values_survive_the_way_to_linear_light_and_back():
    values = np.linspace(0, 1, 65536, dtype=np.float32)
    assert np.abs(from_linear(to_linear(values)) - values).max() < 3e-7
    assert to_linear(np.float32(0.5)) == pytest.approx(0.21404, abs=1e-5)  # IEC 61966-2-1
