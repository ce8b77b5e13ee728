"""The library as a person in a notebook uses it."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image
from skimage.data import astronaut

import fancam
from tests.clips import write_clip

QUICK = fancam.load_settings(
    overrides={
        "enhance": {"upscaler": "lanczos", "device": "cpu"},
        "fuse": {"fuse": "off"},
        "clean": {"denoise": "off", "deblock": "off"},
    }
)
TINY = fancam.load_settings(
    overrides={
        "enhance": {"upscaler": "lanczos", "device": "cpu"},
        "clean": {"denoise": "off", "deblock": "off"},
        "guard": {"enabled": False},
        "card": {"dpi": 72.0},
    }
)


@pytest.fixture(scope="module")
def video(samples):
    return fancam.open_video(samples / "stage.mp4")


@pytest.fixture(scope="module")
def moments(video):
    return fancam.pick(video, top=2)


@pytest.fixture(scope="module")
def portrait() -> np.ndarray:
    return np.ascontiguousarray(np.asarray(astronaut())[:320, 60:380])


def test_from_a_concert_to_a_sheet_in_five_lines(video, moments, tmp_path):
    assert [moment.score for moment in moments] == sorted((moment.score for moment in moments), reverse=True)
    crop = fancam.crop(moments[0], card="kpop")
    picture = fancam.enhance(crop, settings=QUICK)
    fancam.save_card(picture, tmp_path / "card.png")
    sheet = fancam.make_sheet([tmp_path / "card.png"], tmp_path / "sheet.pdf", copies=9)

    assert picture.pixels.shape == (1075, 720, 3)
    assert picture.faces[0].identity is None or picture.faces[0].identity > 0.8
    assert (tmp_path / "sheet.pdf").read_bytes().startswith(b"%PDF")
    assert sheet.to_manifest()["sheet"]["cards"] == 9


def test_what_a_moment_says_of_itself(video, moments):
    best = moments[0]
    assert best.frame.pixels.shape == (video.info.height, video.info.width, 3)
    assert np.array_equal(best.frame.pixels, video.frame_at(best.time_s).pixels)
    assert 0 <= best.time_s <= video.info.duration_s
    assert 0 < best.score <= 1
    assert set(best.why) >= {"sharpness"}
    assert "sharper than" in best.reason
    assert best.face.box.height > 20


def test_a_crop_shows_the_face_with_real_pixels(moments):
    crop = fancam.crop(moments[0], card="kpop")
    box = crop.part.source or crop.part.box  # what of the card lies beyond the frame has no pixels
    assert crop.pixels.shape[:2] == pytest.approx((box.height, box.width), abs=2)
    assert (crop.geometry.width_mm, crop.geometry.height_mm) == (55, 85)
    assert crop.part.effective_ppi > 0


@pytest.fixture(scope="module")
def short_clip(portrait, tmp_path_factory) -> Path:
    """A face that gets sharper, a quarter of a second long."""
    frames = [cv2.GaussianBlur(portrait, (0, 0), 2.0 - 0.2 * number) for number in range(8)]
    return write_clip(tmp_path_factory.mktemp("clips") / "short.mp4", frames)


def test_the_card_of_the_library_is_the_card_of_the_command_line(short_clip, tmp_path):
    """Also where frames are fused: the same neighbours, the same grain."""
    settings = fancam.load_settings(overrides={"enhance": {"upscaler": "lanczos"}, "card": {"dpi": 100.0},
                                               "pick": {"top": 1}})  # fmt: skip
    result = fancam.run(short_clip, tmp_path / "out", settings)
    (moment,) = fancam.pick(short_clip, settings=settings)
    picture = fancam.enhance(fancam.crop(moment, settings=settings), settings=settings)
    fancam.save_card(picture, tmp_path / "card.png")
    (row,) = result.to_manifest()["picks"]
    assert (tmp_path / "card.png").read_bytes() == (tmp_path / "out" / row["card"]["path"]).read_bytes()


def test_so_it_is_where_the_card_reaches_beyond_the_frame(tmp_path):
    Image.fromarray(np.asarray(astronaut())[21:]).save(tmp_path / "low.png")
    result = fancam.run(tmp_path / "low.png", tmp_path / "out", TINY)
    (moment,) = fancam.pick(tmp_path / "low.png", settings=TINY)
    crop = fancam.crop(moment, settings=TINY)
    assert crop.part.box.y0 < 0 <= crop.part.trim.y0 and crop.part.bleed_share < 1
    picture = fancam.enhance(crop, settings=TINY)
    assert picture.pixels.shape == (crop.geometry.height_px, crop.geometry.width_px, 3)
    fancam.save_card(picture, tmp_path / "card.png")
    (row,) = result.to_manifest()["picks"]
    assert (tmp_path / "card.png").read_bytes() == (tmp_path / "out" / row["card"]["path"]).read_bytes()


def test_pictures_come_as_paths_arrays_and_pil_images(portrait, tmp_path):
    Image.fromarray(portrait).save(tmp_path / "portrait.png")
    results = [
        fancam.enhance(picture, settings=TINY).pixels
        for picture in (
            tmp_path / "portrait.png",
            str(tmp_path / "portrait.png"),
            portrait,
            Image.fromarray(portrait),
            fancam.open_picture(tmp_path / "portrait.png"),
        )
    ]
    assert results[0].shape == (640, 640, 3)
    assert all(np.array_equal(results[0], other) for other in results[1:])


def test_deep_grey_and_transparent_arrays_keep_what_they_are(portrait, tmp_path):
    deep = fancam.enhance(portrait.astype(np.uint16) * 257, settings=TINY)
    assert deep.pixels.dtype == np.uint16
    grey = fancam.enhance(portrait[..., 0], settings=TINY)
    fancam.save_picture(grey, tmp_path / "grey.png")
    clear = fancam.enhance(np.dstack([portrait, portrait[..., 0]]), settings=TINY)
    fancam.save_picture(clear, tmp_path / "clear.png")
    with Image.open(tmp_path / "grey.png") as one, Image.open(tmp_path / "clear.png") as other:
        assert (one.mode, other.mode) == ("L", "RGBA")


def test_a_turned_pil_image_is_turned_upright(portrait):
    turned = Image.fromarray(np.rot90(portrait[:, :200]).copy())
    turned.getexif()[0x0112] = 6  # to be turned clockwise
    upright = fancam.enhance(turned, settings=TINY).pixels
    assert np.array_equal(upright, fancam.enhance(portrait[:, :200], settings=TINY).pixels)


@pytest.mark.parametrize("wrong", [np.zeros((4, 4, 3), np.float32), np.zeros((4, 4, 5), np.uint8), 3])
def test_what_is_no_picture_is_refused(wrong):
    with pytest.raises(fancam.UsageError):
        fancam.enhance(wrong, settings=TINY)


def test_many_pictures_come_as_they_are_ready_and_one_that_fails_harms_no_other(portrait, tmp_path):
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nno more")
    got = dict(fancam.Enhancer(device="cpu", settings=TINY)([portrait, tmp_path / "broken.png", portrait]))
    assert sorted(got) == [0, 1, 2]
    assert isinstance(got[1], fancam.InputError)
    assert np.array_equal(got[0].pixels, got[2].pixels)


def test_faces_and_a_card_of_a_picture(portrait, tmp_path):
    (face,) = fancam.detect_faces(portrait)
    card = fancam.crop(portrait, face=face, card="kpop", settings=TINY)
    assert card.choice.face.box.iou(face.box) > 0.99
    picture = fancam.enhance(card, settings=TINY)
    fancam.save_card(picture, tmp_path / "card.jpg")
    with Image.open(tmp_path / "card.jpg") as written:
        assert written.size == (card.geometry.width_px, card.geometry.height_px)
    assert [one.name for one in fancam.pick(_saved(portrait, tmp_path / "a.png"))] == ["face01"]


def _saved(pixels: np.ndarray, path: Path) -> Path:
    Image.fromarray(pixels).save(path)
    return path


def test_a_picture_without_a_face_says_so():
    with pytest.raises(fancam.NothingFoundError, match="no face"):
        fancam.crop(np.full((200, 200, 3), 90, np.uint8))


def test_a_card_and_a_picture_are_saved_by_their_own_functions(portrait, tmp_path):
    whole = fancam.enhance(portrait, settings=TINY)
    with pytest.raises(fancam.UsageError, match="no card"):
        fancam.save_card(whole, tmp_path / "card.png")
    card = fancam.enhance(fancam.crop(portrait, settings=TINY), settings=TINY)
    with pytest.raises(fancam.UsageError, match="no whole"):
        fancam.save_picture(card, tmp_path / "picture.png")


def test_progress_is_told_to_a_callback(short_clip):
    told = []
    fancam.pick(short_clip, top=1, progress=lambda stage, done, total: told.append(stage))
    assert set(told) == {"scan", "faces"}


def test_a_sheet_that_fails_its_preflight_is_raised(portrait, tmp_path):
    crop = fancam.crop(portrait, settings=TINY)
    fancam.save_card(fancam.enhance(crop, settings=TINY), tmp_path / "card.png")
    settings = fancam.load_settings(overrides={"press": {"printer": "rgb-shop"}})
    with pytest.raises(fancam.PreflightError):
        fancam.make_sheet(tmp_path / "card.png", tmp_path / "sheet.pdf", settings)
    assert not (tmp_path / "sheet.pdf").exists()


def test_importing_the_library_loads_no_torch_and_takes_no_time():
    code = (
        "import time; start = time.perf_counter(); import fancam; taken = time.perf_counter() - start\n"
        "import sys; assert not {'torch', 'cv2', 'av', 'numpy'} & set(sys.modules), 'heavy'\n"
        "dir(fancam); fancam.Settings; fancam.open_video; fancam.make_sheet; fancam.load_settings\n"
        "assert 'torch' not in sys.modules, 'torch'; print(taken)"
    )
    best = min(
        float(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout)
        for _ in range(3)
    )
    assert best < 0.2


def test_the_name_of_no_function_is_wrong():
    with pytest.raises(AttributeError, match="no attribute 'crob'"):
        _ = fancam.crob
    assert set(fancam.__all__) <= set(dir(fancam))
    start = time.perf_counter()
    assert callable(fancam.run)
    assert time.perf_counter() - start < 5


def test_only_the_span_and_the_part_that_is_asked_for_are_looked_at(portrait, tmp_path):
    wide = np.concatenate([portrait, portrait], axis=1)
    clip = write_clip(tmp_path / "two.mp4", [wide] * 12)
    settings = fancam.load_settings(overrides={"scan": {"crop": "320,0,320,320", "from_s": 0.2}})
    moments = fancam.pick(clip, settings=settings)
    assert moments
    assert all(moment.face.box.centre[0] > 320 for moment in moments)
    assert all(moment.time_s >= 0.2 for moment in moments)
    assert moments[0].others, "whoever else is in the frame is still known to the crop"


def test_every_step_of_a_picture_is_told(portrait, tmp_path):
    told = []
    path = _saved(portrait[:80, :80], tmp_path / "small.png")
    settings = fancam.load_settings(overrides={"enhance": {"upscaler": "realesr-animevideov3", "device": "cpu"}})
    fancam.enhance_pictures(path, tmp_path / "out", settings, progress=lambda *step: told.append(step))
    assert {stage for stage, _, _ in told} >= {"read", "prepare", "tiles", "pictures"}
    assert told[0] == ("read", 0, None), "a sign of life before the first pixel is read"
