from __future__ import annotations

import itertools
import math

import cv2
import numpy as np
import pytest
from skimage.data import astronaut

from fancam.geometry import Box
from fancam.picking import face_sharpness
from fancam.picking.sharpness import QUICK_SIDE_PX, noise_sigma, quick_sharpness
from fancam.results import Face

FACE = Face(Box(181.5, 58.2, 269.9, 177.8), ((203, 102), (247, 104), (223, 125), (203, 142), (241, 144)), 0.9)


def scaled(factor: float) -> tuple[np.ndarray, Face]:
    size = (round(512 * factor), round(512 * factor))
    interpolation = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    points = tuple((x * factor, y * factor) for x, y in FACE.landmarks)
    return cv2.resize(astronaut(), size, interpolation=interpolation), Face(FACE.box.scaled(factor), points, 0.9)


def defocused(pixels: np.ndarray, sigma: float) -> np.ndarray:
    return cv2.GaussianBlur(pixels, (0, 0), sigma)


def moved(pixels: np.ndarray, length_px: int, angle_deg: float) -> np.ndarray:
    kernel = np.zeros((2 * length_px + 1,) * 2, np.float32)
    dx, dy = math.cos(math.radians(angle_deg)) * length_px / 2, math.sin(math.radians(angle_deg)) * length_px / 2
    start, end = (round(length_px - dx), round(length_px - dy)), (round(length_px + dx), round(length_px + dy))
    cv2.line(kernel, start, end, 1.0)
    return cv2.filter2D(pixels, -1, kernel / kernel.sum())


def value(pixels: np.ndarray, face: Face = FACE) -> float:
    return face_sharpness(pixels, face)


def quick(pixels: np.ndarray) -> float:
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)[FACE.box.as_slices()]
    return quick_sharpness(cv2.resize(grey, (QUICK_SIDE_PX, QUICK_SIDE_PX), interpolation=cv2.INTER_AREA))


@pytest.mark.parametrize("factor", [0.6, 1.0, 2.5])
def test_sharpness_falls_with_defocus_at_every_face_size(factor):
    pixels, face = scaled(factor)
    values = [value(pixels, face)] + [value(defocused(pixels, s * factor), face) for s in (0.8, 1.3, 2, 3, 5, 8)]
    assert all(a > b for a, b in itertools.pairwise(values))
    assert values[0] > 0.7
    assert values[-1] < 0.15


@pytest.mark.parametrize("angle_deg", [0, 30, 60, 90, 135])
def test_motion_blur_counts_in_every_direction(angle_deg):
    values = [value(astronaut())] + [value(moved(astronaut(), n, angle_deg)) for n in (4, 8, 14)]
    assert all(a > b + 0.02 for a, b in itertools.pairwise(values))
    assert values[0] - values[2] > 0.2


@pytest.mark.parametrize("angle_deg", [0, 45, 90])
def test_the_scan_measure_falls_with_motion_too(angle_deg):
    values = [quick(astronaut()), quick(moved(astronaut(), 6, angle_deg)), quick(moved(astronaut(), 14, angle_deg))]
    assert values[0] > values[1] + 0.05 > values[2] + 0.1


@pytest.mark.parametrize("noise", [4, 10, 16])
def test_noise_does_not_make_a_soft_face_sharper_than_a_clean_sharp_one(noise):
    rng = np.random.default_rng(1)
    soft = defocused(astronaut(), 2.5).astype(np.float32)
    noisy = np.clip(soft + rng.normal(0, noise, soft.shape), 0, 255).astype(np.uint8)
    assert value(noisy) < value(defocused(astronaut(), 1.2))
    assert abs(value(noisy) - value(soft.astype(np.uint8))) < 0.2


@pytest.mark.parametrize(("gain", "offset"), [(0.5, 0), (0.5, 90), (0.8, 10)])
def test_contrast_and_brightness_hardly_change_sharpness(gain, offset):
    changed = np.clip(astronaut() * gain + offset, 0, 255).astype(np.uint8)
    assert value(changed) == pytest.approx(value(astronaut()), abs=0.06)


@pytest.mark.parametrize("quality", [15, 40, 80])
def test_compression_does_not_hide_a_blur(quality):
    def packed(pixels: np.ndarray) -> np.ndarray:
        return cv2.imdecode(cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])[1], cv2.IMREAD_COLOR)

    values = [value(packed(defocused(astronaut(), s))) for s in (0.8, 1.6, 3)]
    assert all(a > b for a, b in itertools.pairwise(values))


def test_a_wall_of_dots_outside_the_face_changes_nothing():
    wall = astronaut().copy()
    dots = np.zeros(wall.shape[:2], bool)
    dots[::6, ::6] = True
    box = FACE.box
    dots[int(box.y0) : int(box.y1) + 1, int(box.x0) : int(box.x1) + 1] = False
    wall[dots] = 255
    assert value(wall) == value(astronaut())


def test_an_enlarged_small_face_is_not_sharper_than_the_face_it_came_from():
    small, face = scaled(0.35)
    enlarged = cv2.resize(small, (512, 512), interpolation=cv2.INTER_CUBIC)
    assert value(enlarged, Face(face.box.scaled(512 / small.shape[1]), face.landmarks, 0.9)) < value(astronaut()) - 0.1


def test_a_flat_face_and_a_face_outside_the_frame_have_no_sharpness():
    assert value(np.full((300, 300, 3), 90, np.uint8)) < 0.01
    outside = Face(Box(600, 600, 700, 720), FACE.landmarks, 0.9)
    assert face_sharpness(astronaut(), outside) == 0.0


@pytest.mark.parametrize("sigma", [2.0, 8.0, 15.0])
def test_the_noise_of_a_picture_is_measured(sigma):
    rng = np.random.default_rng(2)
    luma = defocused(cv2.cvtColor(astronaut(), cv2.COLOR_RGB2GRAY), 1.5)[60:200, 150:300].astype(np.float32)
    assert noise_sigma(luma + rng.normal(0, sigma, luma.shape).astype(np.float32)) == pytest.approx(sigma, rel=0.2)
