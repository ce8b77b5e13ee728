from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from skimage.data import astronaut

from fancam.enhancing import CropRequest, Engine
from fancam.enhancing.colour import match_low_band
from fancam.enhancing.engine import auto_share, source_noise
from fancam.geometry import Box
from fancam.nn import ModelStore
from fancam.settings import EnhanceSettings


@given(st.floats(0.1, 100), st.floats(0, 5))
def test_the_share_never_falls_as_the_scale_grows_and_never_jumps(scale, more):
    assert 0 < auto_share(scale) <= auto_share(scale + more) <= 1
    assert auto_share(scale + more) - auto_share(scale) <= 0.2 * more + 1e-12


def test_the_law_gives_the_measured_shares():
    assert [auto_share(scale) for scale in (1.25, 2, 3, 4, 8)] == pytest.approx([0.5, 0.5, 0.65, 0.8, 0.8])


@given(st.floats(0.1, 10), st.floats(0, 20), st.floats(0, 5))
def test_a_noisier_source_never_gets_less_of_the_network(scale, noise, more):
    assert auto_share(scale) <= auto_share(scale, noise) <= auto_share(scale, noise + more) <= max(
        auto_share(scale), 0.75
    )  # fmt: skip


@pytest.mark.parametrize("levels", [4, 8, 16])
def test_white_noise_is_measured_on_a_picture_with_edges(levels):
    picture = np.full((700, 640, 3), 90, np.float64)
    picture[:, 200:330] = 170
    picture += np.random.default_rng(0).normal(0, levels, picture.shape)
    picture = np.clip(np.rint(picture), 0, 255)
    expected = levels * np.sqrt(0.299**2 + 0.587**2 + 0.114**2)
    assert source_noise(picture.astype(np.uint8)) == pytest.approx(expected, rel=0.05)
    assert source_noise((picture * 257).astype(np.uint16)) == pytest.approx(expected, rel=0.05)


def test_calm_pictures_and_slivers_have_no_noise():
    slope = np.linspace(0, 255, 300).astype(np.uint8)
    assert source_noise(np.broadcast_to(slope[:, None, None], (300, 200, 3))) == 0
    assert source_noise(np.zeros((1, 40, 3), np.uint8)) == 0
    assert source_noise(astronaut()) < 3


def psnr(truth: np.ndarray, result: np.ndarray) -> float:
    return 10 * np.log10(255**2 / np.mean((truth.astype(float) - result) ** 2))


def edges(pixels: np.ndarray) -> float:
    luma = cv2.GaussianBlur(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY).astype(np.float32), (0, 0), 0.7)
    return float(np.percentile(np.hypot(*np.gradient(luma)), 98))


def test_a_face_is_nearer_to_the_truth_than_both_lanczos_and_the_network_alone():
    truth = np.ascontiguousarray(astronaut()[70:182, 172:284])
    side = 62  # x1.8
    source = cv2.resize(truth, (side, side), interpolation=cv2.INTER_AREA)
    noisy = np.rint(source + np.random.default_rng(0).normal(0, 2, source.shape))
    source = np.clip(noisy, 0, 255).astype(np.uint8)
    box = Box(0, 0, side, side)
    request = CropRequest(source, box, 112, 112)
    results = {}
    for name, settings in {
        "lanczos": EnhanceSettings(upscaler="lanczos", device="cpu"),
        "auto": EnhanceSettings(device="cpu", compile="off"),
        "network": EnhanceSettings(device="cpu", compile="off", detail=1.0),
    }.items():
        made = Engine(settings, ModelStore()).enhance([request])[0]
        results[name] = match_low_band(source, box, made.pixels) if made.invented else made.pixels
    near = {name: psnr(truth, pixels) for name, pixels in results.items()}
    assert near["auto"] > max(near["lanczos"], near["network"]) + 0.3
    steep = {name: edges(pixels) / edges(truth) for name, pixels in results.items()}
    assert steep["lanczos"] < steep["auto"] < 1.02 < steep["network"]
