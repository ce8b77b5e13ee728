from __future__ import annotations

import math
from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from skimage.data import astronaut

from fancam.geometry import Box
from fancam.picking import score_face, tell_bystanders
from fancam.results import Face, Score
from fancam.settings import PickSettings

FACE = Face(Box(181.5, 58.2, 269.9, 177.8), ((203, 102), (247, 104), (223, 125), (203, 142), (241, 144)), 0.9)
SETTINGS = PickSettings()


def lit(gain: float, offset: float = 0.0) -> np.ndarray:
    return np.clip(astronaut() * gain + offset, 0, 255).astype(np.uint8)


def turned(nose_shift: float) -> Face:
    left, right, nose, *mouth = FACE.landmarks
    return replace(FACE, landmarks=(left, right, (nose[0] + nose_shift, nose[1]), *mouth))


def tilted(degrees: float) -> Face:
    matrix = cv2.getRotationMatrix2D(FACE.box.centre, -degrees, 1.0)
    points = tuple(tuple(matrix @ (x, y, 1.0)) for x, y in FACE.landmarks)
    return replace(FACE, landmarks=points)


def test_a_good_face_passes_every_gate_and_has_every_term():
    score = score_face(astronaut(), FACE, SETTINGS)
    assert score.rejected is None
    unmeasured = {"eyes", "visible", "mouth", "smile"}
    assert set(score.why) == {"sharpness", "face_size", "head", "pose", "exposure", "confidence"} | unmeasured
    assert {name for name, term in score.why.items() if term is None} == unmeasured
    assert all(0 <= term <= 1 for term in score.why.values() if term is not None)
    assert 0.6 < score.value <= 1


@pytest.mark.parametrize(
    ("pixels", "face", "reason"),
    [
        (lit(0.08), FACE, "too_dark"),
        (lit(1.6, 120), FACE, "blown_out"),
        (cv2.GaussianBlur(astronaut(), (0, 0), 9), FACE, "too_soft"),
        (cv2.resize(astronaut(), (160, 160), interpolation=cv2.INTER_AREA),
         replace(FACE, box=FACE.box.scaled(160 / 512)), "face_too_small"),
        (astronaut()[:, 200:].copy(), replace(FACE, box=Box(-19, 58, 70, 178)), "cut_by_frame"),
        (astronaut()[:, 200:].copy(), replace(FACE, box=Box(0, 58, 70, 178)), "cut_by_frame"),
    ],
)  # fmt: skip
def test_each_gate_rejects_what_it_names(pixels, face, reason):
    score = score_face(pixels, face, SETTINGS)
    assert (score.rejected, score.value) == (reason, 0.0)
    assert score.why["sharpness"] is not None  # the reason can be judged even so


def test_a_profile_in_shadow_is_weak_and_never_rejected_for_it():
    shadow = score_face(lit(0.16), turned(18), SETTINGS)
    assert shadow.rejected is None
    assert 0 < shadow.value < score_face(astronaut(), turned(18), SETTINGS).value


def people(*looks: tuple[float, float]) -> list[str | None]:
    """What is said of faces of these heights and sharpnesses."""
    faces = [replace(FACE, box=Box(0, 0, 0.75 * height, height)) for height, _ in looks]
    return tell_bystanders(faces, [Score(0.5, {"sharpness": sharpness}) for _, sharpness in looks])


def test_who_is_far_smaller_or_far_softer_than_the_people_of_the_photo_is_a_bystander():
    said = people((300, 0.9), (260, 0.8), (80, 0.9), (290, 0.2))
    assert said[:2] == [None, None]
    assert "far smaller" in said[2] and "80 px high, they" in said[2]
    assert "far softer" in said[3] and "0.20" in said[3]


def test_rows_of_a_group_and_a_soft_picture_make_nobody_a_bystander():
    assert people((82, 0.7), (70, 0.6), (55, 0.45), (67, 0.94)) == [None] * 4
    assert people((100, 0.05)) == [None]
    assert people() == []


def test_a_crowd_in_the_background_does_not_make_the_portrait_the_exception():
    assert [said is None for said in people((400, 0.9), *[(80, 0.9)] * 20)] == [True] + [False] * 20


@given(st.lists(st.tuples(st.floats(10, 1000), st.just(0.7)), min_size=1, max_size=30))
def test_nobody_of_a_third_of_the_height_of_the_highest_is_a_bystander(looks):
    highest = max(height for height, _ in looks)
    for (height, _), said in zip(looks, people(*looks), strict=True):
        assert said is None or height < highest / 3


def test_the_limits_come_from_the_settings():
    assert score_face(astronaut(), FACE, PickSettings(min_face_px=200)).rejected == "face_too_small"
    assert score_face(astronaut(), FACE, PickSettings(min_sharpness=0.999)).rejected == "too_soft"


def test_a_turned_face_scores_lower_the_farther_it_is_turned():
    frontal = -(FACE.yaw_proxy * FACE.eye_distance_px)
    poses = [score_face(astronaut(), turned(frontal + shift), SETTINGS).why["pose"] for shift in (0, 6, 12, 20)]
    assert poses[0] == pytest.approx(1.0, abs=0.01)
    assert poses == sorted(poses, reverse=True)
    assert poses[3] < 0.35


def test_turning_left_and_right_are_worth_the_same():
    frontal = -(FACE.yaw_proxy * FACE.eye_distance_px)
    left, right = (score_face(astronaut(), turned(frontal + s), SETTINGS).why["pose"] for s in (-10, 10))
    assert left == pytest.approx(right, abs=0.03)


def test_a_slight_tilt_is_free_and_a_strong_one_is_not():
    straight, slight, strong = (score_face(astronaut(), tilted(d), SETTINGS).why["pose"] for d in (0, 12, 55))
    assert slight == pytest.approx(straight, abs=0.02)
    assert strong < 0.6


def test_a_larger_face_scores_higher():
    large = cv2.resize(astronaut(), (1024, 1024), interpolation=cv2.INTER_CUBIC)
    twice = Face(FACE.box.scaled(2), tuple((2 * x, 2 * y) for x, y in FACE.landmarks), 0.9)
    assert (
        score_face(large, twice, SETTINGS).why["face_size"] > score_face(astronaut(), FACE, SETTINGS).why["face_size"]
    )


def test_dim_and_clipped_light_cost_exposure():
    well, dim, hot = (score_face(p, FACE, SETTINGS).why["exposure"] for p in (astronaut(), lit(0.22), lit(1.5, 40)))
    assert well > 0.9
    assert dim < 0.75
    assert hot < 0.8


def test_one_bad_term_is_not_outweighed_by_the_others():
    good = score_face(astronaut(), FACE, SETTINGS).value
    profile = score_face(astronaut(), turned(0.9 * FACE.eye_distance_px), SETTINGS)
    assert profile.why["pose"] < 0.05
    assert profile.value < 0.75 * good
    assert math.isfinite(profile.value)
