from __future__ import annotations

import cv2
import numpy as np
import pytest
from skimage.data import coffee

from fancam.geometry import Box
from fancam.picking import score_frame
from fancam.settings import PickSettings

WHOLE = Box(0, 0, 600, 400)


def judged(pixels: np.ndarray, part: Box = WHOLE):
    return score_frame(np.clip(pixels, 0, 255).astype(np.uint8), part, PickSettings())


@pytest.fixture(scope="module")
def scene() -> np.ndarray:
    return np.asarray(coffee())


def test_a_frame_loses_sharpness_with_every_blur(scene):
    blurred = [scene] + [cv2.GaussianBlur(scene, (0, 0), sigma) for sigma in (0.7, 1.2, 2.0, 3.0, 5.0)]
    found = [judged(pixels).why["sharpness"] for pixels in blurred]
    assert found == sorted(found, reverse=True)
    assert found[0] > 0.4 > 0.15 > found[-1]
    assert judged(blurred[-1]).rejected == "too_soft"


def test_motion_along_one_direction_counts_as_blur(scene):
    streaked = cv2.blur(scene, (15, 1))
    assert judged(streaked).why["sharpness"] < 0.5 * judged(scene).why["sharpness"]


def test_light_and_noise_are_not_sharpness(scene):
    soft = cv2.GaussianBlur(scene, (0, 0), 2.0)
    noisy = soft + np.random.default_rng(1).normal(0, 8, soft.shape)
    sharp_in_the_dark = scene * 0.5
    assert judged(sharp_in_the_dark).why["sharpness"] > judged(noisy).why["sharpness"]
    assert judged(sharp_in_the_dark).why["sharpness"] == pytest.approx(judged(scene).why["sharpness"], abs=0.05)


def test_a_fade_and_a_flash_are_rejected(scene):
    assert judged(scene * 0.05).rejected == "too_dark"
    assert judged(scene * 1.0 + 200).rejected == "blown_out"
    assert judged(np.full_like(scene, 90)).rejected == "too_soft"


def test_a_dark_stage_with_a_light_is_no_fade(scene):
    stage = np.zeros_like(scene)
    stage[100:200, 200:320] = scene[100:200, 200:320]
    score = judged(stage)
    assert score.rejected is None
    assert score.why["exposure"] > 0.5


def test_only_the_part_that_is_watched_counts(scene):
    half = scene.copy()
    half[:, :300] = cv2.GaussianBlur(scene, (0, 0), 6.0)[:, :300]
    assert judged(half, Box(0, 0, 290, 400)).rejected == "too_soft"
    assert judged(half, Box(310, 0, 600, 400)).rejected is None
