from __future__ import annotations

import dataclasses

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fancam.enhancing.prior.alignment import TEMPLATE
from fancam.enhancing.prior.gates import agreement_mask, duplicates, face_area, occlusion_reason, skip_reason
from fancam.geometry import Box
from fancam.results import Face
from fancam.settings import RestoreSettings

SETTINGS = RestoreSettings()


def face(
    scale: float = 0.3, *, turn_deg: float = 0.0, nose_px: float = 0.0, confidence: float = 0.9, move=(0, 0)
) -> Face:
    """A face as the template has it, this many pixels per template pixel; ``nose_px`` turns it sideways."""
    points = TEMPLATE - 256
    points[2, 0] += nose_px
    points[3:, 0] += nose_px * 0.6
    angle = np.radians(turn_deg)
    points = points @ np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]]) * scale + 300 + move
    half = np.array([120, 165]) * scale
    corners = points.mean(axis=0) - half, points.mean(axis=0) + half
    landmarks = tuple((float(x), float(y)) for x, y in points)
    return Face(Box(*corners[0].tolist(), *corners[1].tolist()), landmarks, confidence)


@pytest.mark.parametrize("turn_deg", [0, -30, 90, 170])
def test_a_frontal_face_of_middle_size_may_be_restored_however_it_is_tilted(turn_deg):
    assert skip_reason(face(0.3, turn_deg=turn_deg), 4.0, SETTINGS) is None


def test_a_face_with_too_few_pixels_is_left_alone():
    assert skip_reason(face(31 / 330), 4.0, SETTINGS) == "too_small"
    assert skip_reason(face(33 / 330), 4.0, SETTINGS) is None
    assert skip_reason(face(33 / 330), 4.0, RestoreSettings(min_face_px=40)) == "too_small"


def test_a_face_the_camera_saw_larger_than_the_prior_draws_is_left_alone():
    assert skip_reason(face(1.05), 4.0, SETTINGS) == "sharp"
    assert skip_reason(face(0.95), 4.0, SETTINGS) is None


def test_a_face_that_is_not_enlarged_is_left_alone():
    assert skip_reason(face(0.3), 1.0, SETTINGS) == "sharp"
    assert skip_reason(face(0.3), 1.2, SETTINGS) == "sharp"
    assert skip_reason(face(0.3), 1.25, SETTINGS) is None


@pytest.mark.parametrize("side", [-1, 1])
def test_a_turned_face_is_left_alone(side):
    turned, nearly = face(nose_px=side * 48), face(nose_px=side * 40)
    assert abs(turned.yaw_proxy) > 0.35 > abs(nearly.yaw_proxy)
    assert skip_reason(turned, 4.0, SETTINGS) == "turned"
    assert skip_reason(nearly, 4.0, SETTINGS) is None
    assert skip_reason(turned, 4.0, RestoreSettings(max_yaw=0.6)) is None


def relocated(original: Face, changes: dict[int, tuple[float, float]]) -> Face:
    points = list(original.landmarks)
    for number, point in changes.items():
        points[number] = point
    return Face(original.box, tuple(points), original.confidence)


def test_a_weak_detection_is_left_alone():
    assert skip_reason(face(confidence=0.6), 4.0, SETTINGS) == "unsure"


def test_eyes_under_the_mouth_are_no_face():
    upright = face()
    left_eye, right_eye, nose, left_mouth, right_mouth = upright.landmarks
    wrong = dict(enumerate((left_mouth, right_mouth, nose, left_eye, right_eye)))
    assert skip_reason(relocated(upright, wrong), 4.0, SETTINGS) == "unsure"


def test_eyes_in_one_place_are_no_face():
    (x, y), (_, level) = face().landmarks[:2]
    assert skip_reason(relocated(face(), {1: (x + 4, level)}), 4.0, SETTINGS) == "unsure"
    everything_there = relocated(face(), dict.fromkeys(range(5), (x, y)))
    assert skip_reason(everything_there, 4.0, SETTINGS) == "unsure"


def test_landmarks_that_are_not_numbers_are_no_face():
    assert skip_reason(relocated(face(), {2: (float("nan"), 1.0)}), 4.0, SETTINGS) == "unsure"


@given(
    points=st.lists(st.tuples(st.floats(-1e4, 1e4), st.floats(-1e4, 1e4)), min_size=5, max_size=5),
    print_scale=st.floats(0.01, 100),
)
def test_whatever_the_landmarks_a_face_is_touched_only_where_all_gates_are_open(points, print_scale):
    found = Face(Box(0, 0, 100, 130), tuple(points), 0.9)
    answer = skip_reason(found, print_scale, SETTINGS)
    assert answer in {None, "unsure", "sharp", "turned"}
    assert answer is not None or (print_scale > 1.2 and abs(found.yaw_proxy) <= SETTINGS.max_yaw)
    assert skip_reason(dataclasses.replace(found, confidence=0.6), print_scale, SETTINGS) == "unsure"
    tiny = dataclasses.replace(SETTINGS, min_face_px=200)
    assert skip_reason(found, print_scale, tiny) in {"unsure", "too_small"}


def test_no_face_of_the_group_photo_that_looks_at_the_camera_is_left_alone(shared):
    from fancam.faces import create_detector
    from fancam.nn import ModelStore
    from fancam.settings import FaceSettings

    picture = cv2.imread(str(shared("data/photo/group/solvay1927.jpg")))[..., ::-1]
    faces = create_detector(FaceSettings(), ModelStore()).detect([np.ascontiguousarray(picture)])[0]
    reasons = [skip_reason(each, 4.0, SETTINGS) for each in faces]
    assert len(faces) == 29 and reasons.count(None) == 28 and reasons.count("turned") == 1
    assert not duplicates(faces)


# --- duplicates -----------------------------------------------------------------------------------------------------


def test_the_weaker_of_two_detections_of_one_face_is_a_duplicate():
    faces = [face(confidence=0.8), face(confidence=0.9, move=(6, 4)), face(move=(200, 0))]
    assert duplicates(faces) == {0}


def test_an_eye_that_was_taken_for_a_face_is_a_duplicate():
    whole, eye = face(0.6), face(0.12, move=(-15, -10))
    assert whole.box.contains(eye.box)
    assert duplicates([eye, whole]) == {0}


def test_neighbours_are_no_duplicates():
    assert duplicates([face(), face(move=(50, 0))]) == frozenset()
    assert duplicates([]) == frozenset()


# --- agreement ------------------------------------------------------------------------------------------------------


def made_face() -> np.ndarray:
    """A face of skin, eyes, brows, nose and mouth on a background."""
    picture = np.full((512, 512, 3), (70, 90, 120), np.uint8)
    cv2.ellipse(picture, (256, 290), (150, 200), 0, 0, 360, (205, 160, 135), -1)
    for x in (193, 319):
        cv2.ellipse(picture, (x, 240), (26, 12), 0, 0, 360, (240, 235, 230), -1)
        cv2.circle(picture, (x, 240), 11, (60, 40, 30), -1)
        cv2.ellipse(picture, (x, 210), (34, 6), 0, 0, 360, (80, 55, 40), -1)
    cv2.ellipse(picture, (256, 314), (18, 12), 0, 0, 180, (165, 115, 95), -1)
    cv2.ellipse(picture, (256, 371), (50, 14), 0, 0, 360, (175, 85, 85), -1)
    return picture


def blurred(picture: np.ndarray, sigma: float) -> np.ndarray:
    return cv2.GaussianBlur(picture, (0, 0), sigma)


def seen_through(cover: np.ndarray, colour: tuple[int, int, int]) -> np.ndarray:
    """What a soft camera sees of the face when something of this colour covers it."""
    picture = made_face()
    picture[cover] = colour
    return blurred(picture, 4)


def microphone() -> np.ndarray:
    y, x = np.mgrid[:512, :512]
    return ((x - 250) / 48) ** 2 + ((y - 385) / 60) ** 2 <= 1


def test_detail_the_prior_adds_is_agreed_on():
    mask = agreement_mask(blurred(made_face(), 9), made_face())
    assert mask.shape == (512, 512) and mask.dtype == np.float32
    assert mask[face_area()].min() > 0.97
    assert occlusion_reason(mask) is None


def test_a_microphone_the_prior_paints_over_is_left_to_the_camera():
    cover = microphone()
    mask = agreement_mask(seen_through(cover, (15, 15, 18)), made_face())
    assert mask[cover].max() < 0.02, "all of the microphone stays"
    away = cv2.dilate(cover.astype(np.uint8), np.ones((91, 91))) == 0
    assert mask[away & face_area()].min() > 0.97, "and nothing else does"
    assert occlusion_reason(mask) is None


def test_the_edge_of_the_mask_is_soft():
    mask = agreement_mask(seen_through(microphone(), (15, 15, 18)), made_face())
    assert max(np.abs(np.diff(mask, axis=0)).max(), np.abs(np.diff(mask, axis=1)).max()) < 0.1


@pytest.mark.parametrize("factors", [(1.06, 1.0, 0.94), (0.85, 0.85, 0.85), (1.0, 1.05, 1.05)])
def test_a_mild_colour_shift_is_agreed_on(factors):
    tinted = np.clip(made_face() * np.array(factors), 0, 255).astype(np.uint8)
    assert agreement_mask(made_face(), tinted)[face_area()].min() > 0.97


def test_a_face_mask_makes_the_face_occluded():
    y, x = np.mgrid[:512, :512]
    cover = (y > 300) & (((x - 256) / 150) ** 2 + ((y - 290) / 200) ** 2 <= 1)
    mask = agreement_mask(seen_through(cover, (235, 240, 245)), made_face())
    assert mask[330:430, 180:330].max() < 0.05
    assert occlusion_reason(mask) == "occluded"


def test_something_over_the_whole_face_is_no_tint():
    everywhere = np.ones((512, 512), bool)
    assert occlusion_reason(agreement_mask(seen_through(everywhere, (20, 20, 20)), made_face())) == "occluded"


def test_levels_and_fractions_give_the_same_mask():
    camera, restored = seen_through(microphone(), (15, 15, 18)), made_face()
    levels = agreement_mask(camera, restored)
    fractions = agreement_mask(camera.astype(np.float32) / 255, restored.astype(np.float32) / 255)
    assert np.abs(levels - fractions).max() < 1e-5


def test_a_picture_of_another_size_is_refused():
    with pytest.raises(ValueError, match="512"):
        agreement_mask(np.zeros((256, 256, 3), np.uint8), np.zeros((256, 256, 3), np.uint8))


@pytest.mark.parametrize(
    ("given_face", "prior", "least"),
    [("blurry-face", "GFPGANv1.4", 0.97), ("blurry-face", "codeformer", 0.9), ("lr-face", "RestoreFormer", 0.97)],
)
def test_real_priors_agree_with_the_camera_on_real_faces(shared, given_face, prior, least):
    folder = shared("data/photo/goldens")
    camera = cv2.imread(str(folder / f"inputs/{given_face}.jpg"))[..., ::-1]
    restored = cv2.imread(str(folder / f"outputs/{given_face}/{prior}.png"))[..., ::-1]
    mask = agreement_mask(np.ascontiguousarray(camera), np.ascontiguousarray(restored))
    assert mask[face_area()].mean() > least and occlusion_reason(mask) is None


def test_a_microphone_on_a_real_face_is_left_to_the_camera(shared):
    folder = shared("data/photo/goldens")
    camera = cv2.imread(str(folder / "inputs/lr-face.jpg"))[..., ::-1].copy()
    restored = cv2.imread(str(folder / "outputs/lr-face/RestoreFormer.png"))[..., ::-1].copy()
    cover = microphone()
    camera[cover] = (15, 15, 18)
    mask = agreement_mask(blurred(camera, 4), restored)
    assert mask[cover].max() < 0.02 and mask[200:290, 150:360].min() > 0.97
