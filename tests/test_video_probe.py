from __future__ import annotations

import os
import struct
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fancam.errors import (
    FancamError,
    InputNotFoundError,
    InputUnreadableError,
    NotMediaError,
    NoVideoStreamError,
    TruncatedInputError,
)
from fancam.geometry import Orientation
from fancam.video import looks_like_video, open_video
from fancam.video.container import orientation_from_matrix, square_pixel_size, upright_size, usable_aspect_ratio
from tests.clips import Colour, cut_off, moving_noise, patches, write_audio_only, write_clip

ONE = 1 << 16


def _stored(orientation: Orientation) -> bytes:
    """The display matrix of an orientation, written down from its definition."""
    columns = []
    for x, y in ((1, 0), (0, 1)):
        if orientation.mirrored:
            x = -x
        for _ in range(orientation.quarter_turns_clockwise):
            x, y = -y, x  # clockwise where y points down
        columns.append((x, y))
    (a, b), (c, d) = columns
    return struct.pack("=9i", a * ONE, b * ONE, 0, c * ONE, d * ONE, 0, 0, 0, 1 << 30)


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("turns", range(4))
def test_display_matrix_says_how_to_stand_upright(turns, mirrored):
    wanted = Orientation(turns, mirrored)
    assert orientation_from_matrix(_stored(wanted)) == (wanted, True)


@given(st.binary(max_size=80))
def test_any_bytes_make_an_orientation(data):
    orientation, _ = orientation_from_matrix(data)
    assert 0 <= orientation.quarter_turns_clockwise <= 3


def test_slanted_and_degenerate_matrices_are_not_exact():
    slanted = struct.pack("=9i", 60000, 26000, 0, -26000, 60000, 0, 0, 0, 1 << 30)
    assert orientation_from_matrix(slanted) == (Orientation(0), False)
    assert orientation_from_matrix(bytes(36)) == (Orientation(), False)


@given(st.integers(1, 8000), st.integers(1, 8000), st.fractions(Fraction(1, 8), 8), st.integers(0, 3))
def test_square_pixels_lose_no_sample_and_keep_the_shape(width, height, ratio, turns):
    wide, high = square_pixel_size(width, height, ratio)
    assert wide >= width and high >= height and (wide == width or high == height)
    assert abs(wide - high * width * ratio / height) <= max(1, width * ratio / height)
    turned = upright_size(width, height, ratio, Orientation(turns))
    assert turned == ((high, wide) if turns % 2 else (wide, high))


@pytest.mark.parametrize("ratio", [None, Fraction(0), Fraction(1, 100), Fraction(100), Fraction(-4, 3)])
def test_absurd_aspect_ratio_is_ignored(ratio):
    assert usable_aspect_ratio(ratio) == 1


@pytest.mark.parametrize(("size", "matrix"), [((1280, 720), "bt709"), ((1280, 536), "bt709"), ((640, 480), "bt601")])
def test_missing_matrix_is_assumed_from_the_size(tmp_path, size, matrix):
    clip = write_clip(tmp_path / "a.mp4", [patches(*size)], colour=Colour(tag_range=False))
    colour = open_video(clip).info.colour
    assert (colour.matrix, colour.assumed, colour.full_range) == (matrix, True, False)


def test_tagged_matrix_wins_over_the_size(tmp_path):
    clip = write_clip(tmp_path / "a.mp4", [patches(1280, 720)], colour=Colour.tagged("bt601", full_range=True))
    colour = open_video(clip).info.colour
    assert (colour.matrix, colour.assumed, colour.full_range) == ("bt601", False, True)


def test_aspect_ratio_and_turn_give_the_upright_size(tmp_path):
    clip = write_clip(tmp_path / "a.mp4", [patches(720, 576)], sar=Fraction(64, 45), rotation=90)
    info = open_video(clip).info
    assert (info.coded_width, info.coded_height, info.width, info.height) == (720, 576, 576, 1024)


def test_largest_stream_is_taken_and_another_can_be_asked_for(tmp_path):
    clip = write_clip(tmp_path / "a.mp4", [patches(128, 96)] * 4, extra_frames=[patches(256, 192)] * 4)
    assert (open_video(clip).info.stream, open_video(clip).info.width, open_video(clip).info.streams) == (1, 256, 2)
    assert open_video(clip, stream=0).info.width == 128
    with pytest.raises(NoVideoStreamError, match=r"0 \(128x96\), 1 \(256x192\)"):
        open_video(clip, stream=7)


def test_larger_track_of_a_few_stills_is_not_taken_for_the_film(shared):
    info = open_video(shared("data/video/phone_selfie.mp4")).info
    assert (info.width, info.height, info.streams) == (1080, 1440, 2)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_unreadable_file_is_told_apart(tmp_path):
    path = tmp_path / "a.mp4"
    path.write_bytes(b"x")
    path.chmod(0)
    with pytest.raises(InputUnreadableError, match="permission"):
        open_video(path)


def test_missing_file_and_folder_are_told_apart(tmp_path):
    with pytest.raises(InputNotFoundError):
        open_video(tmp_path / "nothing.mp4")
    with pytest.raises(InputUnreadableError, match="folder"):
        open_video(tmp_path)


@pytest.mark.parametrize("name", ["a.mp4", "a.txt", "a", "a.m3u8", "a.gif"])
def test_text_is_no_video_whatever_its_name(tmp_path, name):
    path = tmp_path / name
    path.write_text("hello, this is no video\n" * 50)
    with pytest.raises(NotMediaError):
        open_video(path)
    assert not looks_like_video(path)


def test_empty_file_is_no_video(tmp_path):
    (tmp_path / "a.mp4").touch()
    with pytest.raises(NotMediaError, match="empty"):
        open_video(tmp_path / "a.mp4")


def test_audio_only_has_no_video_stream(tmp_path):
    with pytest.raises(NoVideoStreamError):
        open_video(write_audio_only(tmp_path / "a.m4a"))


def test_missing_index_is_said_in_plain_words(tmp_path):
    whole = write_clip(tmp_path / "whole.mp4", moving_noise(30))
    with pytest.raises(TruncatedInputError, match="cut off") as caught:
        open_video(cut_off(whole, tmp_path / "part.mp4", 0.6))
    assert "moov" not in str(caught.value)


def test_playlist_cannot_make_the_decoder_read_elsewhere(tmp_path):
    path = tmp_path / "a.m3u8"
    path.write_text("#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nhttp://127.0.0.1:9/a.ts\n#EXT-X-ENDLIST\n")
    with pytest.raises(FancamError):
        open_video(path)


def test_moving_pictures_are_told_from_stills(tmp_path):
    import cv2

    for name in ("a.png", "a.jpg", "a.webp", "a.bmp", "a.tif"):
        cv2.imwrite(str(tmp_path / name), np.full((64, 64, 3), 90, np.uint8))
        assert not looks_like_video(tmp_path / name), name
    assert looks_like_video(write_clip(tmp_path / "a.gif", moving_noise(4), codec="gif"))
    assert not looks_like_video(write_clip(tmp_path / "one.gif", moving_noise(1), codec="gif"))
    assert looks_like_video(write_clip(tmp_path / "a.mp4", moving_noise(4)))
    assert not looks_like_video(tmp_path)
    assert not looks_like_video(tmp_path / "nothing")
