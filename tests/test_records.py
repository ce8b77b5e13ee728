from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fancam.geometry import Box, CardGeometry, Orientation
from fancam.results import Face

coordinates = st.floats(-500, 500, allow_nan=False)
sizes = st.floats(0.01, 400, allow_nan=False)
boxes = st.builds(lambda x, y, w, h: Box(x, y, x + w, y + h), coordinates, coordinates, sizes, sizes)


@given(boxes, boxes)
def test_iou_is_symmetric_and_one_only_for_the_same_box(a, b):
    assert a.iou(b) == pytest.approx(b.iou(a))
    assert 0 <= a.iou(b) <= 1
    assert a.iou(a) == pytest.approx(1)


@given(boxes)
def test_a_clipped_box_lies_inside_and_is_never_inverted(box):
    clipped = box.clipped(100, 80)
    assert 0 <= clipped.x0 <= clipped.x1 <= 100
    assert 0 <= clipped.y0 <= clipped.y1 <= 80


@given(boxes, st.floats(0.1, 8))
def test_scaling_there_and_back_returns_the_box(box, scale):
    back = box.scaled(scale).scaled(1 / scale)
    assert np.allclose([back.x0, back.y0, back.x1, back.y1], [box.x0, box.y0, box.x1, box.y1])


def test_orientation_turns_clockwise_after_mirroring():
    picture = np.array([[1, 2], [3, 4]])
    assert Orientation(1).upright(picture).tolist() == [[3, 1], [4, 2]]
    assert Orientation(3).upright(picture).tolist() == [[2, 4], [1, 3]]
    assert Orientation(0, mirrored=True).upright(picture).tolist() == [[2, 1], [4, 3]]
    assert Orientation(1, mirrored=True).upright(picture).tolist() == [[4, 2], [3, 1]]
    assert Orientation(1).upright(np.zeros((4, 6, 3))).shape == (6, 4, 3)


def face(nose_x: float, roll: float = 0.0) -> Face:
    points = [(40.0, 50.0), (60.0, 50.0), (nose_x, 60.0), (42.0, 72.0), (58.0, 72.0)]
    angle = np.radians(roll)
    turned = tuple(
        (float(x * np.cos(angle) - y * np.sin(angle)), float(x * np.sin(angle) + y * np.cos(angle))) for x, y in points
    )
    return Face(Box(30, 30, 70, 80), turned, 0.9)


@given(st.floats(-80, 80))
def test_roll_and_yaw_are_measured_independently(roll):
    assert face(50, roll).roll_deg == pytest.approx(roll, abs=1e-3)
    assert face(50, roll).yaw_proxy == pytest.approx(0, abs=1e-6)
    assert face(58, roll).yaw_proxy == pytest.approx(0.4, abs=1e-6)


def test_the_default_card_has_the_pixels_print_shops_expect():
    assert (CardGeometry(55, 85, 3, 300).width_px, CardGeometry(55, 85, 3, 300).height_px) == (720, 1075)
    assert (CardGeometry(55, 85, 0, 300).width_px, CardGeometry(55, 85, 0, 300).height_px) == (650, 1004)
    assert (CardGeometry(54, 86, 3, 600).width_px, CardGeometry(54, 86, 3, 600).height_px) == (1417, 2173)
