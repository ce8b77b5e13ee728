from __future__ import annotations

import sys

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fancam.enhancing.prior.alignment import (
    FACE_SIZE_PX,
    TEMPLATE,
    Alignment,
    align,
    box_to_picture,
    composed,
    cut_face,
    cut_square,
    inverted,
    magnification,
    mapped,
    moved,
    warp,
)
from fancam.geometry import Box


def similarity(scale, turn_deg, x, y):
    c, s = scale * np.cos(np.deg2rad(turn_deg)), scale * np.sin(np.deg2rad(turn_deg))
    return np.array([[c, -s, x], [s, c, y]])


def grid(width, height):
    """Edge-based coordinates of the pixel centres."""
    return np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)


def waves(x, y):
    """A smooth picture as a formula, so that it can be sampled anywhere without any resampling."""
    red = 0.5 + 0.2 * np.sin(x / 7 + 0.3) * np.cos(y / 9) + 0.1 * np.sin((x + y) / 13)
    return np.stack([red, 0.5 + 0.3 * np.cos(x / 11 - y / 8), 0.4 + 0.2 * np.sin(y / 6)], axis=-1)


def shift_px(result, truth, margin=8):
    """The displacement of a picture against the truth that explains their difference best, in pixels."""
    difference = (result - truth)[margin:-margin, margin:-margin].ravel()
    down, right = (part[margin:-margin, margin:-margin].ravel() for part in np.gradient(truth, axis=(0, 1)))
    return np.linalg.lstsq(np.stack([right, down], 1), -difference, rcond=None)[0]


scales = st.floats(0.05, 20)
turns = st.floats(-180, 180)
moves = st.floats(-3000, 3000)


@settings(deadline=None)
@given(scales, turns, moves, moves)
def test_landmarks_that_are_the_template_moved_give_back_the_move(scale, turn_deg, x, y):
    matrix = similarity(scale, turn_deg, x, y)
    found = align(mapped(matrix, TEMPLATE))
    assert np.allclose(found.to_face, inverted(matrix), atol=1e-6 * max(1, 1 / scale) * 1e3)
    assert found.residual_px < 1e-6
    assert found.left_out is None
    assert found.scale == pytest.approx(1 / scale)


@settings(deadline=None)
@given(st.lists(st.floats(-6, 6), min_size=10, max_size=10), turns)
def test_no_other_similarity_lies_nearer_to_the_template(noise, turn_deg):
    points = mapped(similarity(0.3, turn_deg, 40, 50), TEMPLATE + np.reshape(noise, (5, 2)))
    found = align(points)

    def distance(matrix):
        return np.sqrt(((mapped(matrix, points) - TEMPLATE) ** 2).sum(axis=1).mean())

    assert found.residual_px == pytest.approx(distance(found.to_face))
    for change in (similarity(1.01, 0, 0, 0), similarity(1, 0.5, 0, 0), similarity(1, 0, 0.5, 0)):
        assert distance(composed(change, found.to_face)) > found.residual_px - 1e-9


@settings(deadline=None)
@given(st.integers(0, 4), st.floats(0, 360), st.floats(60, 2000))
def test_one_wild_landmark_moves_nothing(number, direction_deg, far_px):
    points = TEMPLATE.copy()
    points[number] += far_px * np.array([np.cos(np.deg2rad(direction_deg)), np.sin(np.deg2rad(direction_deg))])
    found = align(points)
    assert found.left_out == number
    assert np.allclose(found.to_face, np.eye(2, 3), atol=1e-9)


@settings(deadline=None)
@given(st.lists(st.floats(-8, 8), min_size=10, max_size=10))
def test_the_scatter_of_a_detector_leaves_no_landmark_out(noise):
    assert align(TEMPLATE + np.reshape(noise, (5, 2))).left_out is None


def test_a_mirrored_face_is_not_mirrored_back():
    mirrored = TEMPLATE * (-1, 1)
    assert np.linalg.det(align(mirrored).to_face[:, :2]) > 0


@pytest.mark.parametrize(
    "landmarks", [np.zeros((5, 2)), np.full((5, 2), np.nan), np.zeros((4, 2)), TEMPLATE * (np.inf, 1)]
)
def test_landmarks_that_mean_nothing_are_refused(landmarks):
    with pytest.raises(ValueError, match="landmarks"):
        align(landmarks)


@settings(deadline=None)
@given(scales, turns, moves, moves)
def test_the_way_to_the_print_is_the_same_through_the_frame(scale, turn_deg, x, y):
    alignment = Alignment(similarity(scale, turn_deg, x, y), 0.0)
    box = Box(12.25, 40.5, 212.25, 340.5)
    to_print = alignment.to_print(box, 800, 1200)
    points = np.array([[0.0, 0.0], [512.0, 100.0], [256.0, 256.0]])
    in_frame = mapped(alignment.from_face, points)
    assert np.allclose(mapped(to_print, points), (in_frame - (12.25, 40.5)) * 4, atol=1e-3)


def test_the_corners_of_a_box_are_the_corners_of_the_print():
    matrix = box_to_picture(Box(10, 20, 30, 60), 100, 220)
    assert np.allclose(mapped(matrix, [(10, 20), (30, 60)]), [(0, 0), (100, 220)])


def test_a_map_that_flattens_the_plane_is_refused():
    with pytest.raises(ValueError, match="undone"):
        warp(np.zeros((9, 9, 3), np.uint8), np.zeros((2, 3)), 4, 4)


# --- cutting -------------------------------------------------------------------------------------------------------


@settings(max_examples=25, deadline=None)
@given(st.floats(0.45, 3.5), turns, st.floats(-3, 3), st.floats(-3, 3))
def test_a_cut_face_lies_where_the_formula_says(scale, turn_deg, x, y):
    """A half pixel that was forgotten on one side shows as a displacement of 0.1 px and more.

    Cubic interpolation itself moves the waves by up to 0.047 px where all pixels lie a quarter of one off the grid.
    """
    size = 160
    matrix = similarity(scale, turn_deg, 0, 0)
    middle = mapped(matrix, [(300, 300)])[0]
    matrix = moved(matrix, size / 2 + x - middle[0], size / 2 + y - middle[1])
    source = waves(*grid(600, 600)).astype(np.float32)
    result = warp(source, matrix, size, size)
    there = mapped(inverted(matrix), np.stack([axis.ravel() for axis in grid(size, size)], axis=1))
    truth = waves(there[:, 0], there[:, 1]).reshape(size, size, 3)
    assert np.abs(shift_px(result, truth)).max() < 0.06
    assert np.abs(result - truth)[8:-8, 8:-8].max() < 0.03


def test_the_identity_gives_back_every_pixel():
    pixels = np.random.default_rng(1).integers(0, 65536, (FACE_SIZE_PX, FACE_SIZE_PX, 3), np.uint16)
    face = cut_face(pixels, align(TEMPLATE))
    assert face.dtype == np.float32
    assert np.array_equal(np.rint(face * 65535).astype(np.uint16), pixels)


def test_eight_and_sixteen_bits_give_the_same_face():
    pixels = np.random.default_rng(1).integers(0, 256, (200, 300, 3), np.uint8)
    alignment = align(mapped(similarity(0.4, 12, 40, -10), TEMPLATE))
    deep = cut_face(pixels.astype(np.uint16) * 257, alignment)
    assert np.abs(cut_face(pixels, alignment) - deep).max() < 1e-5


@pytest.mark.parametrize("size", [2.3, 4.0, 7.7])
def test_fine_texture_of_a_large_face_turns_grey_and_does_not_alias(size):
    side = round(FACE_SIZE_PX * size)
    pixels = np.zeros((side, side, 3), np.uint8)
    pixels[::2] = 255  # lines one pixel high: far beyond what 512 px can hold
    alignment = align(TEMPLATE * size)
    face = cut_face(pixels, alignment)[16:-16, 16:-16]
    assert np.abs(face - 0.5).max() < 0.05
    naive = cv2.warpAffine(pixels, alignment.to_face, (512, 512))[16:-16, 16:-16] / 255
    assert np.abs(naive - 0.5).max() > 0.2, "the texture would alias without the filter"


def test_a_large_face_keeps_what_the_square_can_hold():
    x, _ = grid(2048, 2048)
    pixels = np.rint(127.5 + 100 * np.sin(2 * np.pi * x / 40))[..., None].repeat(3, 2).astype(np.uint8)
    face = cut_face(pixels, align(TEMPLATE * 4))
    assert face[20:-20, 20:-20].max() > 0.5 + 0.39 * 0.85, "ten face pixels per period must not be blurred away"


def test_a_face_at_the_edge_sees_the_frame_mirrored():
    pixels = np.rint(waves(*grid(300, 300)) * 200).astype(np.uint8)
    alignment = Alignment(similarity(1.0, 0, 200, 150), 0.0)  # the frame's corner lies at (200, 150) of the square
    face = cut_face(pixels, alignment)
    at_edge = face[150:350, 200:350]
    assert np.abs(at_edge[:, :100] - face[150:350, 100:200][:, ::-1]).max() < 1e-5
    assert np.abs(face[150:250, 200:350] - face[50:150, 200:350][::-1]).max() < 1e-5


def test_a_face_mostly_outside_still_has_light_of_the_frame_only():
    pixels = np.full((64, 48, 3), 200, np.uint8)
    for shift in (-900, -300, 450, 2000):
        face = cut_face(pixels, Alignment(similarity(3.0, 20, shift, shift), 0.0))
        assert np.abs(face - 200 / 255).max() < 1e-5


def test_the_square_of_a_print_is_that_of_the_frame_it_shows():
    frame = np.rint(waves(*grid(400, 400)) * 200).astype(np.uint8)
    alignment = align(mapped(similarity(0.5, 7, 80, 60), TEMPLATE))
    box = Box(20, 30, 390, 390)
    printed = np.rint(255 * np.clip(warp(frame, box_to_picture(box, 740, 720), 740, 720), 0, 1)).astype(np.uint8)
    of_print = cut_square(printed, alignment.to_print(box, 740, 720))
    of_frame = cut_face(frame, alignment)
    inside = (slice(40, -40), slice(40, -40))
    assert np.abs(shift_px(of_print[inside], of_frame[inside].astype(np.float64))).max() < 0.05


def test_a_large_scan_is_averaged_in_strips_with_the_same_result(monkeypatch):
    pixels = np.random.default_rng(2).integers(0, 256, (900, 500, 3), np.uint8)
    whole = warp(pixels, similarity(1 / 6, 0, 0, 0), 83, 150)
    # Strips of a few rows, since a scan that has many real ones takes seconds.
    monkeypatch.setattr(sys.modules["fancam.enhancing.prior.alignment"], "_STRIP_ROWS", 7)
    assert np.array_equal(warp(pixels, similarity(1 / 6, 0, 0, 0), 83, 150), whole)
    assert magnification(similarity(1 / 3, 40, 5, 5)) == pytest.approx(1 / 3)
