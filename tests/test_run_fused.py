from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import skimage.data
from PIL import Image

from fancam.cli import invoke
from fancam.geometry import Box
from fancam.pictures import resample
from tests.clips import write_clip

PLAIN = ["--upscaler", "lanczos", "--guard", "off", "--deblock", "off", "--dpi", "120", "--top", "1", "-q"]


def drifting(count: int, sigma: float) -> list[np.ndarray]:
    """A public-domain face that drifts by a third of a pixel a frame, with camera noise."""
    import cv2

    rng = np.random.default_rng(2)
    picture = cv2.GaussianBlur(skimage.data.astronaut()[:, :400], (0, 0), 0.7)
    frames = []
    for number in range(count):
        move = np.float32([[1, 0, 0.33 * number], [0, 1, 0.21 * number]])
        moved = cv2.warpAffine(picture, move, (400, 512), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)
        noisy = moved[0:320, 60:380] + rng.normal(0, sigma, (320, 320, 3))
        frames.append(np.clip(noisy, 0, 255).astype(np.uint8))
    return frames


@pytest.fixture(scope="module")
def single(noisy_clip, tmp_path_factory) -> dict:
    """The manifest of a run that fuses nothing."""
    return run(tmp_path_factory.mktemp("single") / "out", noisy_clip, "--fuse", "off")


@pytest.fixture(scope="module")
def noisy_clip(tmp_path_factory) -> Path:
    return write_clip(tmp_path_factory.mktemp("clip") / "stage.mp4", drifting(21, 9), crf=16, gop=30)


def run(out: Path, source: Path, *words: str) -> dict:
    assert invoke(["run", str(source), "--out", str(out), *PLAIN, *words]) == 0
    return json.loads((out / "manifest.json").read_text())


def test_frames_around_a_noisy_moment_are_fused_and_the_manifest_says_how_many(noisy_clip, tmp_path):
    (pick,) = run(tmp_path / "out", noisy_clip, "--provenance")["picks"]
    made = pick["enhance"]
    assert 3 <= made["fused_frames"] <= made["frames_offered"] <= 15
    assert made["expected_gain_db"] > 0.2
    assert pick["chain"][0]["step"] == "fuse"
    assert made["cleaned"]["screens"] == []
    face = pick["provenance"]["face"]
    assert face["mean_frames"] > 2
    assert face["mean_invented"] == 0
    picture = Image.open(tmp_path / "out" / pick["provenance"]["path"])
    assert picture.width > pick["card"]["width_px"]


def test_fusing_off_takes_the_frame_alone_and_says_so(single):
    (pick,) = single["picks"]
    assert pick["enhance"]["fused_frames"] == 1
    assert pick["enhance"]["expected_gain_db"] is None
    assert pick["chain"][0] == {"step": "fuse", "choice": "one frame", "reason": "asked for"}


def test_the_same_clip_gives_the_same_card_fused_or_not(noisy_clip, single, tmp_path):
    first, second = (run(tmp_path / f"five{n}", noisy_clip, "--fuse", "5") for n in range(2))
    again = run(tmp_path / "again", noisy_clip, "--fuse", "off")
    fused, once_more, alone, repeated = (one["picks"][0]["card"]["sha256"] for one in (first, second, again, single))
    assert fused == once_more
    assert alone == repeated
    assert fused != alone


def test_the_fused_card_is_nearer_to_what_was_there_than_the_single_frame(noisy_clip, tmp_path):
    def error(*words: str) -> float:
        out = tmp_path / words[-1]
        (pick,) = run(out, noisy_clip, "--denoise", "off", *words)["picks"]
        pixels = np.asarray(Image.open(out / pick["card"]["path"]), np.float32)
        there = drifting(21, 0)[round(pick["time_s"] * 30)]
        truth = resample(there, Box(*pick["crop"]), pixels.shape[1], pixels.shape[0])
        return float(np.square(pixels - truth).mean())

    assert error("--fuse", "auto") < 0.7 * error("--fuse", "off")  # 1.5 dB


def test_a_clip_of_one_frame_and_a_photo_are_not_fused_and_say_why(tmp_path):
    frame = drifting(1, 0)[0]
    Image.fromarray(frame).save(tmp_path / "photo.png")
    clip = write_clip(tmp_path / "one.mp4", [frame], crf=16)
    for source, reason in ((clip, "no neighbouring frames"), (tmp_path / "photo.png", "a photo has no")):
        (pick,) = run(tmp_path / source.stem, source)["picks"]
        assert pick["enhance"]["fused_frames"] == 1
        assert reason in pick["enhance"]["fusion"]


def test_a_cut_inside_the_window_leaves_the_other_shot_out(tmp_path):
    rng = np.random.default_rng(8)
    other = [rng.integers(0, 60, (320, 320, 3)).astype(np.uint8)] * 10
    clip = write_clip(tmp_path / "cut.mp4", [*drifting(6, 9), *other], crf=16, gop=30)
    (pick,) = run(tmp_path / "out", clip)["picks"]
    assert 1 <= pick["enhance"]["fused_frames"] <= 6
