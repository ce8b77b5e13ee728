from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fancam.enhancing.prior.alignment import FACE_SIZE_PX, TEMPLATE
from fancam.enhancing.prior.gates import BORDER_PX, blend_mask, face_ellipse, feathered, mask_share

FACE = face_ellipse(TEMPLATE)
EVERYWHERE = np.ones((FACE_SIZE_PX, FACE_SIZE_PX), np.float32)


def at(mask, x, y):
    return float(mask[int(y), int(x)])


def test_eyes_brows_nose_and_mouth_are_fully_in_and_hair_and_ears_are_out():
    for x, y in TEMPLATE:
        assert at(FACE, x, y) == 1
    assert at(FACE, 193, 205) > 0.8  # a brow
    for x, y in ((256, 100), (256, 140), (70, 270), (442, 270), (100, 200), (256, 480)):
        assert at(FACE, x, y) == 0


def test_the_ellipse_is_centred_on_edge_based_landmarks():
    """Landmarks with a mirror symmetry give a mask with one: half a pixel of shift would break it."""
    points = np.array([[192.0, 240], [320, 240], [256, 310], [204, 370], [308, 370]])
    mask = face_ellipse(points)
    assert np.abs(mask - mask[:, ::-1]).max() < 1e-6


def test_the_rim_is_wide_enough_for_no_step_to_show():
    steps = np.abs(np.diff(FACE, axis=0)).max(), np.abs(np.diff(FACE, axis=1)).max()
    assert max(steps) < 0.05


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(-200, 700), min_size=10, max_size=10), st.floats(0.5, 2))
def test_a_mask_is_a_share_and_never_touches_the_border(values, reach):
    mask = face_ellipse(np.reshape(values, (5, 2)), reach=reach)
    assert mask.dtype == np.float32
    assert mask.shape == (FACE_SIZE_PX, FACE_SIZE_PX)
    assert mask.min() >= 0 and mask.max() <= 1
    assert not mask[:BORDER_PX].any() and not mask[-BORDER_PX:].any()
    assert not mask[:, :BORDER_PX].any() and not mask[:, -BORDER_PX:].any()


def test_landmarks_that_span_nothing_give_no_mask():
    assert not face_ellipse(np.full((5, 2), 256.0)).any()
    line = np.array([[100.0, 100], [200, 200], [250, 250], [300, 300], [400, 400]])
    assert not face_ellipse(line).any()


def test_a_turned_face_has_a_narrower_ellipse():
    turned = TEMPLATE.copy()
    turned[[1, 4], 0] -= 40
    assert mask_share(face_ellipse(turned)) < mask_share(FACE) * 0.95


def test_the_ellipse_follows_the_tilt_of_the_face():
    turn = np.deg2rad(30)
    c, s = np.cos(turn), np.sin(turn)
    points = (TEMPLATE - 256) @ np.array([[c, s], [-s, c]]) + 256
    mask = face_ellipse(points, reach=0.6)
    rows, columns = np.nonzero(mask > 0.5)
    chin = (TEMPLATE[3:].mean(axis=0) - 256) @ np.array([[c, s], [-s, c]]) + 256
    assert at(mask, *chin) > 0
    middle = np.array([columns.mean() + 0.5, rows.mean() + 0.5])
    expected = (points[:2].mean(axis=0) + points[3:].mean(axis=0)) / 2
    assert np.abs(middle - expected).max() < 1


def test_a_wider_reach_holds_the_narrower_one():
    wide = face_ellipse(TEMPLATE, reach=1.3)
    assert (wide >= FACE - 1e-6).all()
    assert mask_share(wide) > 1.4 * mask_share(FACE)


def test_a_microphone_that_the_parser_leaves_out_stays_out_to_its_edge():
    parsed = EVERYWHERE.copy()
    parsed[330:420, 240:300] = 0
    mask = blend_mask(FACE, parsed)
    assert mask[330:420, 240:300].max() < 0.05, "the prior must not show on the microphone"
    assert at(mask, 200, 260) > 0.99
    assert np.abs(np.diff(mask, axis=1)).max() < 0.12, "and not end in a step"


def test_what_the_parser_calls_face_outside_the_ellipse_is_a_neighbour_and_stays_out():
    mask = blend_mask(FACE, EVERYWHERE)
    assert not mask[:, 450:].any()


def test_a_soft_parser_mask_stays_within_what_it_was():
    soft = np.random.default_rng(0).random((FACE_SIZE_PX, FACE_SIZE_PX)).astype(np.float32)
    result = feathered(soft)
    assert result.min() >= 0 and result.max() < 0.2


def test_the_prior_is_let_in_no_further_than_it_agrees_with_the_camera():
    agreement = EVERYWHERE.copy()
    agreement[:, :256] = 0.25
    mask = blend_mask(FACE, agreement=agreement)
    assert np.allclose(mask[:, :256], FACE[:, :256] * 0.25)
    assert np.array_equal(mask[:, 256:], FACE[:, 256:])


def test_a_blend_mask_of_everything_is_zero_on_the_border():
    mask = blend_mask(EVERYWHERE, EVERYWHERE, EVERYWHERE)
    assert not mask[:BORDER_PX].any() and not mask[:, -BORDER_PX:].any()
    assert at(mask, 256, 256) == pytest.approx(1)


def test_no_face_in_the_parser_means_no_mask():
    assert not blend_mask(FACE, np.zeros_like(FACE)).any()
