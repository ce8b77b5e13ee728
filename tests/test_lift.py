from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from skimage.data import astronaut

from fancam.cli import invoke
from fancam.enhancing.lift import FACE_TARGET, face_light, lift_print, lift_shadows, stops_for_face
from fancam.enhancing.work import CropRequest, EnhanceJob
from fancam.geometry import Box
from fancam.results import Enhanced, Face
from fancam.settings import CleanSettings
from tests.noisy_pictures import noisy

STOPS = st.floats(0, 2)
RAMP = np.arange(0, 65536, 16, dtype=np.uint16)[None, :, None].repeat(3, axis=2)


def darkened(picture: np.ndarray, share: float) -> np.ndarray:
    return np.rint(picture * share).astype(np.uint8)


@given(STOPS)
def test_the_order_of_greys_black_and_white_stay_and_nothing_gets_darker(stops):
    lifted = lift_shadows(RAMP, stops)[0, :, 0].astype(int)
    ramp = RAMP[0, :, 0].astype(int)
    assert (np.diff(lifted) >= 0).all()
    assert lifted[0] == 0
    assert lifted[-1] - ramp[-1] <= 16
    assert (lifted >= ramp - 1).all()
    assert np.abs(lifted - ramp)[ramp < 2 * 257].max() <= 8
    assert np.abs(lifted - ramp)[ramp > 250 * 257].max() <= 257


@given(STOPS, st.tuples(*[st.integers(0, 255)] * 3))
def test_the_hue_of_a_colour_stays(stops, colour):
    flat = np.full((8, 8, 3), colour, np.uint8)
    before, after = (np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4) for c in
                     (flat[4, 4] / 255, lift_shadows(flat, stops)[4, 4] / 65535))  # fmt: skip
    if before.max() > 1e-3:
        np.testing.assert_allclose(after / after.max(), before / before.max(), atol=2e-3)


def test_shadows_are_opened_by_the_stops_that_are_asked_for():
    grey = np.full((8, 8, 3), 45, np.uint8)
    light = face_light(grey, Box(0, 0, 8, 8))
    lifted = face_light(lift_shadows(grey, 1.5), Box(0, 0, 8, 8))
    assert light is not None
    assert lifted is not None
    assert lifted / light == pytest.approx(2**1.5, rel=0.02)


def test_noise_in_the_dark_has_no_more_contrast_and_an_edge_has():
    flat = noisy(np.full((96, 96, 3), 40.0), 0.8)
    lifted = lift_shadows(flat, 1.5) / 257
    assert lifted.mean() > 1.3 * flat.mean()
    assert lifted.std(axis=(0, 1)).max() < 1.1 * flat.std(axis=(0, 1)).max()
    edge = np.full((32, 32, 3), 30, np.uint8)
    edge[:, 16:] = 60
    raised = lift_shadows(edge, 1.5)[16] / 257
    assert raised[24, 0] - raised[8, 0] > 1.3 * 30


def test_the_result_does_not_depend_on_the_bands_it_is_made_in():
    picture = np.ascontiguousarray(darkened(astronaut()[:400, 100:140], 0.3))
    np.testing.assert_array_equal(lift_shadows(picture, 1)[200:300], lift_shadows(picture[190:310], 1)[10:110])


def test_auto_raises_a_dark_face_by_a_stop_at_most_and_leaves_a_bright_one():
    face = Box(60, 20, 140, 130)
    head = np.ascontiguousarray(astronaut()[:220, 120:320])
    assert stops_for_face(head, face) == 0
    dark, darkest = darkened(head, 0.35), darkened(head, 0.1)
    assert 0.1 <= stops_for_face(dark, face) <= 1
    assert stops_for_face(darkest, face) == 1
    assert stops_for_face(darkest, None) == 0
    assert stops_for_face(darkest, Box(500, 500, 600, 600)) == 0
    lifted = lift_shadows(dark, stops_for_face(dark, face))
    light = face_light(lifted, face)
    assert light is not None
    assert light < 1.2 * FACE_TARGET


def test_a_print_is_lifted_as_the_settings_say_and_else_stays_the_same():
    pixels = darkened(np.ascontiguousarray(astronaut()[:200, 100:300]), 0.2)
    face = Face(Box(70, 20, 140, 130), ((95, 60), (120, 60), (108, 80), (96, 100), (118, 100)), 0.9)
    made = Enhanced(pixels, "lanczos", None, 1.0, "cpu", "fp32")
    job = EnhanceJob("it", CropRequest(pixels, Box(0, 0, 200, 200), 200, 200), (face,))
    assert lift_print(job, made) is made
    stops = {
        lift: lift_print(dataclasses.replace(job, clean=CleanSettings(lift=lift)), made).lift_stops
        for lift in ("off", "0", "auto", "1.5")
    }
    assert stops["off"] == stops["0"] == 0
    assert 0 < stops["auto"] <= 1
    assert stops["1.5"] == 1.5


# --- asked for ----------------------------------------------------------------------------------------------------


def fancam(*arguments: object) -> int:
    return invoke([str(argument) for argument in arguments])


@pytest.mark.parametrize("value", ["bright", "3", "-1", "nan"])
def test_a_wrong_lift_is_refused_with_what_is_right(tmp_path, capsys, value):
    assert fancam("enhance", tmp_path, f"--lift={value}", "--out", tmp_path / "o") == 2
    said = capsys.readouterr().err
    assert "lift" in said
    assert "auto, off or" in said


def test_a_lifted_picture_says_so_and_is_brighter_and_keeps_its_type(tmp_path):
    dark = darkened(np.ascontiguousarray(astronaut()[:128, 140:268]), 0.25)
    Image.fromarray(dark).save(tmp_path / "dark.png")
    plain = ["--upscaler", "lanczos", "--denoise", "off", "--restore", "none", "--scale", "1.5", "-q"]
    assert fancam("enhance", tmp_path / "dark.png", "--out", tmp_path / "o", *plain, "--lift", "1") == 0
    assert fancam("enhance", tmp_path / "dark.png", "--out", tmp_path / "p", *plain) == 0
    lifted, left = (np.asarray(Image.open(tmp_path / out / "dark.png")) for out in "op")
    assert lifted.dtype == np.uint8
    assert lifted.mean() > 1.2 * left.mean()
    (row,) = json.loads((tmp_path / "o" / "manifest.json").read_text())["pictures"]
    assert row["enhance"]["lift_stops"] == 1
    assert {"step": "lift", "choice": "1 stop"}.items() <= next(x for x in row["chain"] if x["step"] == "lift").items()
