from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fancam.enhancing.guard import EYE_DISTANCE_PX, NOT_FOUND, landmark_drift
from fancam.enhancing.prior.alignment import TEMPLATE
from fancam.pictures import read_picture
from tests.made_priors import eyes_moved, sharpener


def texture(seed: int = 3) -> np.ndarray:
    """A soft random picture: something to follow everywhere."""
    noise = np.random.default_rng(seed).normal(0, 1, (512, 512)).astype(np.float32)
    soft = cv2.GaussianBlur(noise, (0, 0), 12)
    return np.clip(128 + 40 * soft / soft.std(), 0, 255).astype(np.uint8)[..., None].repeat(3, axis=2)


def moved(picture: np.ndarray, x: float, y: float) -> np.ndarray:
    matrix = np.array([[1, 0, x], [0, 1, y]], np.float64)
    return cv2.warpAffine(picture, matrix, (512, 512), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)


@settings(max_examples=25, deadline=None)
@given(x=st.floats(-17, 17), y=st.floats(-17, 17))
def test_a_shift_is_measured_in_eye_distances_between_pixels(x, y):
    camera = texture()
    assert landmark_drift(camera, moved(camera, x, y)) == pytest.approx(np.hypot(x, y) / EYE_DISTANCE_PX, abs=0.004)


def test_the_same_picture_has_not_moved():
    assert landmark_drift(texture(), texture()) < 0.001


@pytest.mark.parametrize("number", range(5))
def test_one_feature_that_moved_is_enough(number):
    camera = texture()
    printed, away = camera.copy(), moved(camera, 9, 0)
    x, y = TEMPLATE[number].astype(int)
    rows, columns = slice(max(y - 45, 0), y + 45), slice(x - 45, x + 45)
    printed[rows, columns] = away[rows, columns]
    assert landmark_drift(camera, printed) >= 9 / EYE_DISTANCE_PX - 0.005


def test_what_lies_away_from_the_features_does_not_count():
    camera = texture()
    printed = camera.copy()
    printed[440:] = 255 - printed[440:]
    assert landmark_drift(camera, printed) < 0.002


def test_another_picture_has_lost_the_features():
    assert landmark_drift(texture(1), texture(2)) == NOT_FOUND


def test_a_blank_print_has_lost_the_features():
    assert landmark_drift(texture(), np.full((512, 512, 3), 128, np.uint8)) == NOT_FOUND


def test_an_even_reference_has_nothing_to_follow():
    grey = np.full((512, 512, 3), 90, np.uint8)
    assert landmark_drift(grey, texture()) is None


def test_landmarks_outside_the_square_are_followed_at_its_edge():
    camera = texture()
    assert landmark_drift(camera, moved(camera, 4, 0), TEMPLATE + 400) is not None


@pytest.mark.parametrize("change", ["brighter", "softer", "sharper", "noisy", "jpeg"])
def test_harmless_changes_of_a_real_face_move_nothing(shared, change):
    camera = read_picture(shared("data/photo/goldens/outputs/blurry-face/GFPGANv1.4.png")).pixels
    printed = {
        "brighter": lambda: (255 * (camera / 255.0) ** 0.7).astype(np.uint8),
        "softer": lambda: cv2.GaussianBlur(camera, (0, 0), 3),
        "sharper": lambda: sharpener(1.0)(camera),
        "noisy": lambda: np.clip(camera + np.random.default_rng(0).normal(0, 8, camera.shape), 0, 255).astype(np.uint8),
        "jpeg": lambda: cv2.imdecode(cv2.imencode(".jpg", camera, [cv2.IMWRITE_JPEG_QUALITY, 30])[1], 1),
    }[change]()
    assert landmark_drift(camera, printed) < 0.01


@pytest.mark.parametrize(("share", "low", "high"), [(0.02, 0.012, 0.03), (0.04, 0.028, 0.045), (0.08, 0.05, 0.085)])
def test_eyes_that_were_moved_are_seen_to_have_moved(shared, share, low, high):
    camera = read_picture(shared("data/photo/goldens/outputs/blurry-face/codeformer.png")).pixels
    assert low < landmark_drift(camera, eyes_moved(share)(camera)) < high


@pytest.mark.parametrize(
    ("source", "restorer"),
    [("blurry-face", "GFPGANv1.4"), ("blurry-face", "codeformer"), ("lr-face", "RestoreFormer")],
)
def test_published_restorers_keep_features_in_their_places(shared, source, restorer):
    camera = read_picture(shared(f"data/photo/goldens/inputs/{source}.jpg")).pixels
    printed = read_picture(shared(f"data/photo/goldens/outputs/{source}/{restorer}.png")).pixels
    assert landmark_drift(camera, printed) < 0.02
