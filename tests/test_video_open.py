from __future__ import annotations

import io
import zipfile
from fractions import Fraction

import numpy as np
import pytest
from PIL import Image

from fancam.errors import NoFramesError, NotMediaError
from fancam.video import looks_like_video, open_video
from tests.clips import corner_marks, corner_names, flip_bits, moving_noise, write_clip

BASE = Fraction(1, 90000)
PLAIN = {"bf": "0"}  # without frames out of order the two parts do not overlap


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return write_clip(tmp_path_factory.mktemp("open") / "a.mp4", moving_noise(90), gop=30, crf=4)


def test_a_video_knows_what_it_is_and_about_how_long(clip):
    video = open_video(clip)
    assert (video.info.width, video.info.height, len(video)) == (192, 128, 90)
    assert open_video(str(clip)).info == video.info
    assert "a.mp4" in repr(video) and bool(video)


def test_iteration_gives_every_frame_in_order_and_as_often_as_asked(clip):
    video = open_video(clip)
    first = [(frame.pts, frame.pixels.tobytes()) for frame in video]
    assert [pts for pts, _ in first] == sorted(pts for pts, _ in first) and len(first) == 90
    assert first == [(frame.pts, frame.pixels.tobytes()) for frame in video]
    assert first == [(f.pts, f.pixels.tobytes()) for f in video.frames([pts for pts, _ in first])]


def test_interlaced_frames_are_iterated_one_by_one(tmp_path):
    video = open_video(write_clip(tmp_path / "i.mp4", moving_noise(12), options={"x264-params": "tff=1"}, gop=6))
    assert video.info.interlaced
    with video.scan() as scanned:
        pts = [frame.pts for frame in scanned]
    assert [frame.pts for frame in video] == pts
    assert [f.pixels.tobytes() for f in video] == [f.pixels.tobytes() for f in video.frames(pts)]


@pytest.mark.parametrize("time_s", [-3.0, 0.0, 0.02, 0.5, 1.999, 2.0, 2.5, 99.0])
def test_the_frame_at_a_time_is_the_one_that_is_shown_then(clip, time_s):
    every = list(open_video(clip))
    shown = [frame for frame in every if frame.time_s <= time_s + 1e-9] or every[:1]
    found = open_video(clip).frame_at(time_s)
    assert (found.pts, found.pixels.tobytes()) == (shown[-1].pts, shown[-1].pixels.tobytes())


def test_the_frame_at_a_damaged_moment_is_a_sound_one(tmp_path, clip):
    damaged = flip_bits(clip, tmp_path / "d.mp4", count=6, first_share=0.2)
    with open_video(damaged).scan(threads=1) as scanned:
        sound = {frame.pts for frame in scanned}
    assert len(sound) < 90
    assert open_video(damaged).frame_at(1.0).pts is not None


def two_sizes(folder, first, second, **how):
    """A transport stream whose picture changes midway: two streams of one programme, one after the other."""
    pts = [round(i / 30 / BASE) for i in range(len(first) + len(second))]
    one = write_clip(folder / "1.ts", first, pts=pts[: len(first)], time_base=BASE, options=PLAIN, **how.get("one", {}))
    two = write_clip(
        folder / "2.ts", second, pts=pts[len(first) :], time_base=BASE, options=PLAIN, **how.get("two", {})
    )
    path = folder / "both.ts"
    path.write_bytes(one.read_bytes() + two.read_bytes())
    return path


def test_a_size_that_changes_midway_is_followed_in_every_pass(tmp_path):
    path = two_sizes(tmp_path, [corner_marks(192, 128)] * 20, [corner_marks(96, 160)] * 20)
    video = open_video(path)
    with video.scan() as scanned:
        seen = {frame.pts: (frame.width, frame.height, frame.luma.shape) for frame in scanned}
    assert set(seen.values()) == {(192, 128, (128, 192)), (96, 160, (160, 96))}
    for frame in video.frames(list(seen)):
        assert (frame.width, frame.height) == seen[frame.pts][:2]
        assert corner_names(frame.pixels) == ["red", "green", "blue", "white"]


def test_neighbours_of_another_size_are_left_out(tmp_path):
    from fancam.geometry import Box

    path = two_sizes(tmp_path, [corner_marks(192, 128)] * 20, [corner_marks(96, 160)] * 20)
    with open_video(path).scan() as scanned:
        pts = [frame.pts for frame in scanned]
    wanted = {pts[16]: [Box(0, 0, 150, 100)], pts[30]: [Box(10, 20, 90, 150)]}
    near, far = open_video(path).frames_with_neighbours(wanted, 9)
    assert len(near.neighbours[0]) < 8 and all(one.pixels.shape == (100, 150, 3) for one in near.neighbours[0])
    assert len(far.neighbours[0]) == 8 and all(one.pixels.shape == (130, 80, 3) for one in far.neighbours[0])


def test_samples_that_change_their_shape_midway_are_made_square(tmp_path):
    how = {"one": {"sar": Fraction(1)}, "two": {"sar": Fraction(4, 3)}}
    path = two_sizes(tmp_path, [corner_marks(144, 128)] * 20, [corner_marks(144, 128)] * 20, **how)
    with open_video(path).scan() as scanned:
        seen = [(frame.width, frame.height) for frame in scanned]
    assert seen[0] == (144, 128) and seen[-1] == (192, 128)
    assert {f.pixels.shape[:2] for f in open_video(path)} == {(128, 144), (128, 192)}


@pytest.mark.parametrize(("ending", "codec"), [("h264", "libx264"), ("hevc", "libx265")])
def test_a_raw_stream_is_counted_at_its_rate_and_said_so(tmp_path, ending, codec):
    pictures = moving_noise(40)
    path = write_clip(tmp_path / f"raw.{ending}", pictures, codec=codec, crf=4, fps=25)
    whole = write_clip(tmp_path / "whole.mkv", pictures, codec=codec, crf=4, fps=25)
    video = open_video(path)
    assert any("no times" in warning for warning in video.info.warnings)
    with video.scan() as scanned:
        times = {frame.pts: frame.time_s for frame in scanned}
    assert list(times.values()) == pytest.approx([i / 25 for i in range(40)], abs=1e-3)
    assert scanned.report.frames_rejected == {}
    asked = [list(times)[place] for place in (3, 17, 39)]
    expected = [frame.pixels for frame in open_video(whole)]
    for place, frame in zip((3, 17, 39), video.frames(asked), strict=True):
        assert np.array_equal(frame.pixels, expected[place])
    assert np.array_equal(video.frame_at(17 / 25).pixels, expected[17])
    assert [frame.pts for frame in video.sample_frames(4)] == [0]


def test_an_archive_of_photos_is_no_video_under_any_name(tmp_path):
    photo = io.BytesIO()
    Image.fromarray(corner_marks(640, 360)).save(photo, "JPEG")
    for name in ("album.zip", "album.mp4", "album"):
        with zipfile.ZipFile(tmp_path / name, "w", zipfile.ZIP_STORED) as archive:
            for number in range(4):
                archive.writestr(f"{number}.jpg", photo.getvalue())
        assert not looks_like_video(tmp_path / name)
        with pytest.raises(NotMediaError):
            open_video(tmp_path / name)


def test_a_moment_where_nothing_is_sound_says_so(tmp_path, monkeypatch, clip):
    from fancam.video.decode import ExactDecoder

    # What cannot be decoded again cannot be made by a small file on purpose.
    monkeypatch.setattr(ExactDecoder, "shown_at", lambda self, target: None)
    with pytest.raises(NoFramesError, match="no sound frame at"):
        open_video(clip).frame_at(1.0)


@pytest.mark.parametrize(("from_s", "to_s"), [(None, None), (0.0, 0.5), (0.55, 2.1), (2.0, None), (1.0, 1.001)])
def test_a_scan_of_a_span_gives_the_frames_of_the_whole_scan_within_it(clip, from_s, to_s):
    with open_video(clip).scan() as whole:
        luma = {frame.pts: (frame.time_s, frame.luma.tobytes()) for frame in whole}
    with open_video(clip).scan(from_s=from_s, to_s=to_s) as part:
        found = {frame.pts: (frame.time_s, frame.luma.tobytes()) for frame in part}
    low, high = from_s or 0.0, to_s or 99.0
    assert found == {pts: one for pts, one in luma.items() if low <= one[0] < high}
    assert part.report.frames_rejected == {} and part.report.warnings == []


def test_a_span_beyond_the_end_is_said_with_the_length(clip):
    with open_video(clip).scan(from_s=7.0) as scanned, pytest.raises(NoFramesError, match=r"from 7 s.*3\.0 s long"):
        list(scanned)
