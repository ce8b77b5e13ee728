from __future__ import annotations

import dataclasses

import av
import cv2
import numpy as np
import pytest

from fancam.enhancing.cleaning.deblock import HEAVY_BLOCKINESS, measure_blockiness
from fancam.enhancing.explain import list_warnings, warn_of_limits
from fancam.enhancing.work import CropRequest, EnhanceJob
from fancam.geometry import Box
from fancam.pictures import read_picture
from fancam.results import Enhanced
from fancam.settings import GuardSettings, Settings
from fancam.video import open_video

PHOTOS = ("astronaut", "coffee", "chelsea")


def photo(name: str) -> np.ndarray:
    """A photograph that was never compressed in blocks, or shrunk so far that no grid is left."""
    import skimage.data

    return np.ascontiguousarray(getattr(skimage.data, name)())


def jpeg(picture: np.ndarray, quality: int) -> np.ndarray:
    _, data = cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.ascontiguousarray(cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1])


def h264_key_frame(picture: np.ndarray, crf: int, path) -> np.ndarray:
    height, width = (side // 2 * 2 for side in picture.shape[:2])
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=30)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.options = {"crf": str(crf), "preset": "veryfast"}
        for _ in range(2):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture[:height, :width]), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    with open_video(path).scan() as frames:
        first = next(iter(frames))
    return next(iter(open_video(path).frames([first.pts]))).pixels


@pytest.mark.parametrize("name", PHOTOS)
def test_blockiness_grows_with_compression_and_heavy_jpeg_is_called_so(name):
    clean = photo(name)
    measured = [measure_blockiness(jpeg(clean, quality)) for quality in (95, 75, 50, 30, 10)]
    assert measure_blockiness(clean) < 1.15
    assert measured == sorted(measured)
    assert measured[0] < 1.3 and measured[1] < HEAVY_BLOCKINESS < measured[3]


@pytest.mark.parametrize("name", PHOTOS)
def test_key_frames_of_h264_are_heavy_at_crf_48_and_not_at_20(name, tmp_path):
    clean = photo(name)
    good, bad = (measure_blockiness(h264_key_frame(clean, crf, tmp_path / f"{crf}.mp4")) for crf in (20, 48))
    assert good < 1.3 and bad > HEAVY_BLOCKINESS


def test_the_grid_is_found_where_a_picture_was_cropped_or_turned():
    squeezed = jpeg(photo("astronaut"), 20)
    whole = measure_blockiness(squeezed)
    for part in (squeezed[5:, 3:], np.rot90(squeezed)[1:-2, 7:], squeezed[:, ::-1][:, 4:]):
        assert measure_blockiness(np.ascontiguousarray(part)) == pytest.approx(whole, rel=0.1)


def test_a_grid_that_was_resampled_away_is_not_claimed():
    squeezed = jpeg(photo("astronaut"), 30)
    shrunk = cv2.resize(squeezed, None, fx=0.61, fy=0.61, interpolation=cv2.INTER_AREA)
    assert measure_blockiness(shrunk) < 1.3


@pytest.mark.parametrize("square_px", [2, 3, 4, 5, 6, 8, 12, 16, 24, 32])
@pytest.mark.parametrize("levels", [(0, 255), (110, 120), (100, 125)])
@pytest.mark.parametrize("noise", [0.0, 2.0])
def test_a_chess_board_is_not_taken_for_compression(square_px, levels, noise):
    y, x = np.mgrid[:256, :256]
    board = np.where((x // square_px + y // square_px) % 2, *levels)[..., None].repeat(3, axis=2)
    noisy = board + np.random.default_rng(0).normal(0, noise, board.shape) if noise else board
    assert measure_blockiness(np.clip(noisy, 0, 255).astype(np.uint8)) < HEAVY_BLOCKINESS


@pytest.mark.parametrize("direction", ["upright", "lying"])
def test_a_fence_is_not_taken_for_compression(direction):
    rng = np.random.default_rng(1)
    posts = np.repeat(rng.integers(120, 126, 32), 8)[None, :] + rng.normal(0, 1, (256, 256))
    fence = posts if direction == "upright" else posts.T
    assert measure_blockiness(fence[..., None].repeat(3, axis=2).astype(np.uint8)) < HEAVY_BLOCKINESS


@pytest.mark.parametrize("level", [0, 7, 255])
def test_an_empty_picture_is_not_compressed(level):
    assert measure_blockiness(np.full((200, 300, 3), level, np.uint8)) == 1.0


def test_a_black_border_changes_nothing():
    squeezed = jpeg(photo("coffee"), 20)
    framed = np.zeros((squeezed.shape[0] + 160, squeezed.shape[1], 3), np.uint8)
    framed[80:-80] = squeezed
    assert measure_blockiness(framed) == pytest.approx(measure_blockiness(squeezed), rel=0.15)


def test_too_small_a_picture_tells_nothing():
    assert measure_blockiness(jpeg(photo("astronaut"), 5)[:95, :200]) == 1.0


def test_sixteen_bits_measure_as_eight():
    squeezed = jpeg(photo("astronaut"), 30)
    assert measure_blockiness(squeezed.astype(np.uint16) * 257) == pytest.approx(measure_blockiness(squeezed), rel=1e-4)


def test_the_middle_of_a_large_picture_is_measured():
    large = np.tile(photo("astronaut"), (4, 4, 1))
    large[512:1536, 512:1536] = jpeg(np.ascontiguousarray(large[512:1536, 512:1536]), 15)
    assert measure_blockiness(large) > HEAVY_BLOCKINESS


@pytest.mark.parametrize("name", ["obama.jpg", "obama3.jpg", "obama-1080p.jpg"])
def test_real_portraits_are_clean(shared, name):
    assert measure_blockiness(read_picture(shared(f"data/photo/people/obama/{name}")).pixels) < HEAVY_BLOCKINESS


def test_a_published_jpeg_of_quality_15_is_heavy(shared):
    assert (
        measure_blockiness(read_picture(shared("data/photo/goldens/inputs/jpeg-15.jpg")).pixels) > 2 * HEAVY_BLOCKINESS
    )


def test_nothing_is_said_about_a_good_picture():
    assert warn_of_limits(64, 4.0, 100.0, HEAVY_BLOCKINESS) == ()
    assert warn_of_limits(None, 1.0, None, None) == ()


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ((63.4, 4.0, 100.0, 1.0), "63 px high in the source, under 64"),
        ((64, 4.1, 100.0, 1.0), "enlarged 4.1 times, above 4"),
        ((64, 4.0, 99.0, 1.0), "99 source pixels per printed inch, under 100"),
        ((64, 4.0, 100.0, 3.0), "heavily compressed"),
    ],
)
def test_each_limit_has_its_warning_and_only_its_own(values, said):
    (warning,) = warn_of_limits(*values)
    assert said in warning


def test_several_limits_give_several_warnings():
    assert len(warn_of_limits(30, 8.0, 40.0, 5.0)) == 4


@pytest.mark.parametrize(("delta_e", "said"), [(None, False), (0.99, False), (1.01, True)])
def test_a_colour_difference_above_the_limit_is_warned_of(delta_e, said):
    pixels = np.zeros((4, 4, 3), np.uint8)
    made = Enhanced(pixels, "lanczos", None, 1.0, invented=False, delta_e=delta_e)
    job = EnhanceJob("it", CropRequest(pixels, Box(0, 0, 4, 4), 4, 4))
    found = list_warnings(Settings(), job, made)
    assert any("mean colour difference" in line and "above 1" in line for line in found) == said
    wider = dataclasses.replace(Settings(), guard=GuardSettings(max_delta_e=2.0))
    assert not list_warnings(wider, job, made)
