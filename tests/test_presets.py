from __future__ import annotations

import dataclasses
import json

import cv2
import numpy as np
import pytest
import skimage.data
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from fancam import video
from fancam.cli import invoke
from fancam.jobs.presets import Measured, choose
from fancam.settings import AUTO_PRESETS, Settings, load_presets, load_settings
from tests.clips import moving_noise, write_clip
from tests.noisy_pictures import textured

PLAIN = Measured(is_video=False, faces=1, noise_luma=0.5, noise_chroma=0.5)

measurements = st.builds(
    Measured,
    is_video=st.booleans(),
    faces=st.integers(0, 40),
    noise_luma=st.floats(0, 40),
    noise_chroma=st.floats(0, 40),
    lpi=st.lists(st.sampled_from([0.0, 133.0, 150.0]), max_size=4).map(tuple),
    dpi=st.none() | st.floats(1, 4800),
    photographed=st.booleans(),
)


@given(measurements)
def test_every_measurement_leads_to_a_preset_with_a_reason(measured):
    chosen = choose(measured)
    assert chosen.step == "preset"
    assert chosen.choice in AUTO_PRESETS
    assert chosen.reason
    assert "\n" not in chosen.reason


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, "fancam"),
        ({"faces": 0}, "fancam"),
        ({"faces": 2}, "fancam"),
        ({"faces": 3}, "group"),
        ({"faces": 12, "is_video": True}, "group"),
        ({"noise_chroma": 9.0}, "low-light"),
        ({"noise_chroma": 9.0, "faces": 12}, "low-light"),
        ({"noise_chroma": 9.0, "is_video": True}, "low-light"),
        ({"lpi": (150.0, 150.0)}, "scan"),
        ({"lpi": (0.0,), "noise_chroma": 9.0}, "scan"),
        ({"dpi": 300.0}, "album"),
        ({"dpi": 300.0, "noise_chroma": 9.0}, "album"),
        ({"dpi": 300.0, "lpi": (150.0,)}, "scan"),
        ({"dpi": 300.0, "photographed": True}, "fancam"),
        ({"dpi": 300.0, "photographed": True, "noise_chroma": 9.0}, "low-light"),
        ({"dpi": 72.0}, "fancam"),
        ({"dpi": 240.0}, "fancam"),
        ({"dpi": 300.0, "is_video": True}, "fancam"),
    ],
)
def test_the_preset_follows_from_what_is_measured(changed, expected):
    assert choose(dataclasses.replace(PLAIN, **changed)).choice == expected


def test_no_preset_of_auto_changes_what_all_pictures_of_a_run_share():
    base = Settings()
    for name in AUTO_PRESETS:
        preset = load_settings(name)
        for shared in ("enhance", "restore", "guard", "card", "photo"):
            assert getattr(preset, shared) == getattr(base, shared), (name, shared)
        assert preset.clean.denoiser == base.clean.denoiser


def test_the_command_line_lies_over_the_preset_that_is_chosen():
    settings = load_presets("auto", None, {"clean": {"grain": "off"}, "pick": {"top": 3}})
    assert set(settings) == set(AUTO_PRESETS)
    assert settings["album"].clean.grain == "off"
    assert all(one.pick.top == 3 for one in settings.values())
    assert settings["group"].faces.min_face_px != settings["fancam"].faces.min_face_px
    assert load_presets("album") == {}


@pytest.fixture(scope="module")
def portrait() -> np.ndarray:
    """A public-domain face, small enough for a network on a CPU."""
    return np.ascontiguousarray(skimage.data.astronaut()[0:240, 100:340])


def with_noise(picture: np.ndarray, sigma: float) -> np.ndarray:
    noise = np.random.default_rng(5).normal(0, sigma, picture.shape)
    return np.clip(picture + noise, 0, 255).round().astype(np.uint8)


def test_each_picture_of_a_folder_gets_the_preset_that_fits_it(tmp_path, portrait, capsys):
    poster = skimage.data.astronaut()[:400, :400]
    folder = tmp_path / "in"
    folder.mkdir()
    Image.fromarray(cv2.GaussianBlur(portrait, (0, 0), 1.0)).save(folder / "clean.png")
    Image.fromarray(with_noise(portrait, 14)).save(folder / "dark.png")
    Image.fromarray(with_noise(poster, 8)).save(folder / "merch.png", dpi=(300, 300))
    Image.fromarray(textured("gravel", 240)).save(folder / "gravel.png")
    words = ["--preset", "auto", "--upscaler", "lanczos", "--explain"]
    assert invoke(["enhance", str(folder), "--out", str(tmp_path / "out"), *words]) == 0
    document = json.loads((tmp_path / "out" / "manifest.json").read_text())
    chosen = {row["path"].split("/")[-1]: row["preset"]["choice"] for row in document["inputs"]}
    assert chosen == {"clean.png": "fancam", "dark.png": "low-light", "gravel.png": "fancam", "merch.png": "album"}
    made = {row["path"]: row for row in document["pictures"]}
    assert made["clean.png"]["enhance"]["cleaned"]["denoiser"] is None
    assert made["dark.png"]["enhance"]["cleaned"]["denoiser"] == "builtin"
    assert made["dark.png"]["enhance"]["cleaned"]["noise_evidence"]
    assert made["gravel.png"]["enhance"]["cleaned"]["denoiser"] is None
    assert made["gravel.png"]["enhance"]["cleaned"]["noise_evidence"] == []
    assert made["dark.png"]["enhance"]["cleaned"]["grain"] is None
    assert made["merch.png"]["enhance"]["cleaned"]["grain"] == pytest.approx(8 * 0.67, rel=0.5)
    assert all(row["chain"][0]["step"] == "preset" for row in made.values())
    told = capsys.readouterr().out
    assert "low-light" in told
    assert "noise of" in told
    assert "noise cannot be told from texture" in " ".join(told.split())


def test_a_named_preset_measures_nothing_and_writes_no_choice(tmp_path, portrait):
    Image.fromarray(portrait).save(tmp_path / "me.png")
    words = ["--preset", "album", "--upscaler", "lanczos", "-q"]
    assert invoke(["enhance", str(tmp_path / "me.png"), "--out", str(tmp_path / "out"), *words]) == 0
    document = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert "preset" not in document["inputs"][0]
    assert document["settings"]["clean"]["grain"] == "keep"


# --- sampling a video ---------------------------------------------------------------------------------------------


def test_samples_are_key_frames_from_all_over_a_video_as_the_exact_decode_gives_them(tmp_path):
    clip = write_clip(tmp_path / "a.mp4", moving_noise(60), gop=12)
    samples = list(video.open_video(clip).sample_frames(4))
    assert len(samples) == 4
    times = [frame.time_s for frame in samples]
    assert times == sorted(times)
    assert times[-1] > 1.0  # of 2 seconds
    exact = list(video.open_video(clip).frames([frame.pts for frame in samples]))
    assert [frame.pts for frame in exact] == [frame.pts for frame in samples]
    for one, other in zip(exact, samples, strict=True):
        np.testing.assert_array_equal(one.pixels, other.pixels)


def test_a_video_with_one_key_frame_is_sampled_once(tmp_path):
    clip = write_clip(tmp_path / "a.mp4", moving_noise(30), gop=300)
    assert [frame.pts for frame in video.open_video(clip).sample_frames(5)] == [0]


def test_a_video_that_cannot_be_sought_in_still_gives_its_first_key_frame(shared):
    (frame,) = video.open_video(shared("data/video/odd/sample_h263.ts")).sample_frames(1)
    assert frame.pixels.shape == (360, 640, 3)
