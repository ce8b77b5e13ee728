from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fancam.errors import CropError, InputNotFoundError
from fancam.geometry import Box
from fancam.video import decode as _exact
from fancam.video import open_video
from fancam.video.container import chosen_stream, opened
from fancam.video.decode import ExactDecoder
from fancam.video.reader import FrameReader
from tests.clips import flip_bits, moving_noise, write_clip

BOXES = (Box(4, 6, 60, 50), Box(100.5, 20.2, 140.1, 90))


class Straight:
    """Every frame of a clip by the plain way, and the verdict of the scan on each."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with open_video(path).scan() as frames:
            self.sound = [f.pts for f in frames]
        self.pixels = {f.pts: f.pixels for f in open_video(path).frames(self.sound)}

    def check(self, places, frames, boxes=BOXES):
        """Compare the windows around these places with cuts from the plainly decoded frames."""
        info = open_video(self.path).info
        wanted = {self.sound[place]: boxes for place in places}
        windows = list(open_video(self.path).frames_with_neighbours(wanted, frames))
        assert [w.frame.pts for w in windows] == sorted(wanted)
        for window in windows:
            assert window.frame.pixels.tobytes() == self.pixels[window.frame.pts].tobytes()
            assert window.frame.time_s == info.time_s(window.frame.pts)
            expected = self.neighbours(window.frame.pts, frames)
            assert len(window.neighbours) == len(boxes)
            for box, neighbours in zip(boxes, window.neighbours, strict=True):
                found = [neighbour.pts for neighbour in neighbours]
                assert found == expected
                rows, columns = box.clipped(info.width, info.height).as_slices()
                for neighbour in neighbours:
                    assert neighbour.pixels.tobytes() == self.pixels[neighbour.pts][rows, columns].tobytes(), (
                        neighbour.pts
                    )
                    assert neighbour.pixels.base is None, "a whole frame is kept for a part of it"
                    assert neighbour.offset_s == pytest.approx(
                        (neighbour.pts - window.frame.pts) * float(info.time_base)
                    )
        return windows

    def neighbours(self, pts, frames):
        place = self.sound.index(pts)
        before, after = (frames - 1) // 2, frames // 2
        return self.sound[max(place - before, 0) : place] + self.sound[place + 1 : place + 1 + after]


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    options = {"bf": "3", "x264-params": "open-gop=1"}
    path = write_clip(tmp_path_factory.mktemp("windows") / "a.mp4", moving_noise(80), options=options, gop=10)
    return Straight(path)


@settings(max_examples=20, deadline=None)
@given(
    places=st.sets(st.integers(0, 79), min_size=1, max_size=6),
    frames=st.integers(1, 17),
    seek_pays_s=st.sampled_from([0.0, 0.4, 2.0]),
)
def test_looks_are_cuts_of_the_neighbours_wherever_the_picks_are(clip, places, frames, seek_pays_s):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_exact, "SEEK_PAYS_S", seek_pays_s)
        clip.check(places, frames)


@pytest.mark.parametrize(("frames", "before", "after"), [(1, 0, 0), (2, 0, 1), (4, 1, 2), (15, 7, 7)])
def test_number_of_frames_counts_the_picked_one(clip, frames, before, after):
    (window,) = clip.check([40], frames)
    assert [neighbour.pts < window.frame.pts for neighbour in window.neighbours[0]] == [True] * before + [False] * after


def test_ends_of_the_clip_leave_fewer_on_one_side_and_not_more_on_the_other(clip):
    first, last = clip.check([0, 79], 15)
    assert all(neighbour.offset_s > 0 for neighbour in first.neighbours[0]) and len(first.neighbours[0]) == 7
    assert all(neighbour.offset_s < 0 for neighbour in last.neighbours[0]) and len(last.neighbours[0]) == 7


def test_overlapping_windows_are_decoded_and_converted_once(clip, monkeypatch):
    starts, converted = [], []
    # How often a file is opened and a frame converted shows in no result: only the decoder's own steps can be counted.
    restart, rendered = ExactDecoder._restart, ExactDecoder._rendered
    monkeypatch.setattr(ExactDecoder, "_restart", lambda self: (starts.append(1), restart(self))[1])
    monkeypatch.setattr(
        ExactDecoder,
        "_rendered",
        lambda self, f, *around: (converted.append(f.frame.pts), rendered(self, f, *around))[1],
    )
    sound = clip.sound
    windows = list(
        open_video(clip.path).frames_with_neighbours({sound[place]: BOXES for place in (30, 33, 36, 50)}, 15)
    )
    assert len(windows) == 4
    assert converted == sound[23:58], "a frame that several windows share was converted again, or one for nothing"
    assert len(starts) == 1


def test_far_windows_are_sought_and_nothing_between_them_is_converted(clip, monkeypatch):
    monkeypatch.setattr(_exact, "SEEK_PAYS_S", 0.5)
    converted = []
    rendered = ExactDecoder._rendered
    monkeypatch.setattr(
        ExactDecoder,
        "_rendered",
        lambda self, f, *around: (converted.append(f.frame.pts), rendered(self, f, *around))[1],
    )
    list(open_video(clip.path).frames_with_neighbours({clip.sound[5]: BOXES, clip.sound[70]: BOXES}, 5))
    assert converted == clip.sound[3:8] + clip.sound[68:73]


def test_neighbours_tell_how_coarsely_they_were_coded_where_the_decoder_knows(tmp_path):
    def quantisers(name, **more):
        path = write_clip(tmp_path / name, moving_noise(12), **more)
        with open_video(path).scan() as frames:
            pts = [f.pts for f in frames]
        (window,) = open_video(path).frames_with_neighbours({pts[6]: BOXES[:1]}, 5)
        return [near.quantiser for near in window.neighbours[0]]

    fine, coarse = (quantisers(f"{crf}.mp4", crf=crf) for crf in (16, 40))
    assert all(0 < a < b - 10 and b <= 51 for a, b in zip(fine, coarse, strict=True))
    assert quantisers("other.mkv", codec="ffv1") == [None] * 4


def test_regions_are_rounded_outward_and_cut_at_the_edge(clip):
    (window,) = clip.check([20], 3, [Box(-5, -5, 10.2, 8), Box(180.7, 120, 500, 500), Box(0, 0, 192, 128)])
    assert [neighbours[0].pixels.shape for neighbours in window.neighbours] == [(8, 11, 3), (8, 12, 3), (128, 192, 3)]


@pytest.mark.parametrize(
    "box", [Box(5, 5, 5, 9), Box(300, 0, 400, 50), Box(9, 9, 2, 2), Box(0, 0, float("nan"), 9)], ids=str
)
def test_regions_without_a_pixel_are_refused_with_the_file_and_the_size(clip, box):
    with pytest.raises(CropError, match=r"a\.mp4: Box.*192x128") as caught:
        list(open_video(clip.path).frames_with_neighbours({clip.sound[3]: [box]}, 5))
    assert isinstance(caught.value, ValueError)


def test_what_cannot_be_asked_for_is_refused(clip, tmp_path):
    with pytest.raises(ValueError, match="0 frames"):
        list(open_video(clip.path).frames_with_neighbours({clip.sound[3]: BOXES}, 0))
    with pytest.raises(InputNotFoundError):
        list(open_video(tmp_path / "none.mp4").frames_with_neighbours({0: BOXES}, 3))
    assert list(open_video(clip.path).frames_with_neighbours({}, 3)) == []


@pytest.mark.parametrize("seek_pays_s", [-1e9, 0.3, 2.0])
def test_what_is_not_there_is_left_out_and_its_neighbours_are_not(clip, monkeypatch, seek_pays_s):
    monkeypatch.setattr(_exact, "SEEK_PAYS_S", seek_pays_s)
    sound = clip.sound
    asked = [-7, sound[3], sound[3] + 1, sound[5], sound[60], sound[60] + 1, sound[62], 10**9]
    windows = list(open_video(clip.path).frames_with_neighbours(dict.fromkeys(asked, BOXES), 7))
    assert [w.frame.pts for w in windows] == [sound[3], sound[5], sound[60], sound[62]]
    for window in windows:
        assert [neighbour.pts for neighbour in window.neighbours[1]] == clip.neighbours(window.frame.pts, 7)


def test_what_one_start_loses_is_sought_from_another(clip, monkeypatch):
    """A start in the middle of the file that loses a frame: the frame is there for a decode from the beginning."""
    monkeypatch.setattr(_exact, "SEEK_PAYS_S", 0.3)
    # No small file loses a frame after a seek by itself.
    lost, seek = clip.sound[45], ExactDecoder._seek

    def losing(self, target, back_s):
        led = seek(self, target, back_s)
        self._frames = (item for item in self._frames if not self._sought or item[0].pts != lost)
        return led

    monkeypatch.setattr(ExactDecoder, "_seek", losing)
    asked = [clip.sound[place] for place in (42, 45, 47, 70)]
    windows = list(open_video(clip.path).frames_with_neighbours(dict.fromkeys(asked, BOXES), 5))
    assert [w.frame.pts for w in windows] == asked
    assert [neighbour.pts for neighbour in windows[1].neighbours[0]] == clip.neighbours(lost, 5)


def test_each_pick_may_ask_for_other_regions_or_none(clip):
    sound = clip.sound
    wanted = {sound[12]: [BOXES[0]], sound[10]: [], sound[11]: BOXES}
    windows = list(open_video(clip.path).frames_with_neighbours(wanted, 3))
    assert [(w.frame.pts, len(w.neighbours)) for w in windows] == [(sound[10], 0), (sound[11], 2), (sound[12], 1)]
    assert windows[1].neighbours[1][1].pixels.tobytes() == clip.pixels[sound[12]][20:90, 100:141].tobytes()


def test_leaving_early_closes_the_file(clip):
    windows = open_video(clip.path).frames_with_neighbours(dict.fromkeys(clip.sound, BOXES), 9)
    assert next(windows).frame.pts == clip.sound[0]
    windows.close()


def test_wide_gaps_between_frames_do_not_cost_a_look(tmp_path, monkeypatch):
    """The header says 30 frames a second; the seek that trusts it lands behind the first neighbours."""
    monkeypatch.setattr(_exact, "SEEK_PAYS_S", 0.0)
    steps = [3000] * 20 + [9000, 90000, 150000, 3000, 200000, 3000, 300000] + [3000] * 20
    pts = list(np.cumsum([0, *steps]))
    path = write_clip(tmp_path / "a.mkv", moving_noise(len(pts)), pts=[int(p) for p in pts], gop=4)
    straight = Straight(path)
    for place in (22, 24, 26, 27, 30):
        straight.check([place], 9)
    straight.check([5, 24, 27, 45], 9)


@pytest.mark.parametrize("parity", ["tff=1", "bff=1"])
@pytest.mark.parametrize("seek_pays_s", [-1e9, 2.0])
def test_interlaced_neighbours_are_deinterlaced_like_picked_frames(tmp_path, monkeypatch, parity, seek_pays_s):
    path = write_clip(tmp_path / "a.mp4", moving_noise(30), options={"x264-params": parity}, gop=6)
    straight = Straight(path)
    assert open_video(path).info.interlaced
    monkeypatch.setattr(_exact, "SEEK_PAYS_S", seek_pays_s)
    for frames in (1, 2, 7):
        straight.check([0, 14, 16, 29], frames)


def test_turned_clips_with_long_pixels_have_regions_in_the_upright_picture(tmp_path):
    path = write_clip(tmp_path / "a.mp4", moving_noise(9), rotation=90, sar=Fraction(4, 3))
    info = open_video(path).info
    assert (info.width, info.height) == (128, 256)
    Straight(path).check([4], 5, [Box(10, 130, 120, 250)])


def test_damaged_frames_are_left_out_and_not_replaced(tmp_path):
    whole = write_clip(tmp_path / "whole.mp4", moving_noise(90), gop=12, options={"bf": "2"})
    path = flip_bits(whole, tmp_path / "a.mp4", count=12, first_share=0.2)
    # One thread: with more, libavcodec may hand out a frame before the slice of it that is broken has been found so,
    # and which frames it flags differs from one reading to the next.
    with opened(path) as container:
        shown = [(f.pts, why) for f, why, _ in FrameReader(container, chosen_stream(container, path, None), 1)]
    sound = [pts for pts, why in shown if why is None]
    plain = {f.pts: f.pixels for f in open_video(path).frames(sound, threads=1)}
    short = 0
    for window in open_video(path).frames_with_neighbours(dict.fromkeys(sound, BOXES), 9, threads=1):
        place = [pts for pts, _ in shown].index(window.frame.pts)
        near = shown[max(place - 4, 0) : place] + shown[place + 1 : place + 5]
        expected = [pts for pts, why in near if why is None]
        short += len(expected) < len(near)
        assert [neighbour.pts for neighbour in window.neighbours[0]] == expected
        assert all(
            neighbour.pixels.tobytes() == plain[neighbour.pts][6:50, 4:60].tobytes()
            for neighbour in window.neighbours[0]
        )
        assert window.frame.pixels.tobytes() == plain[window.frame.pts].tobytes()
    assert short > 3, "nothing was damaged near a sound frame"


ROOT = Path("data/video")
QUICK = ["odd/bear-vp9-odd-dimensions.webm", "odd/h265_bframes.mp4", "odd/sample.avi", "odd/sd-hls0000000000.ts",
         "odd/sample_android_slow_motion.mp4", "odd/sample_sef_slow_motion.mp4", "orientation/unordered.mov",
         "orientation/video_90.mov", "orientation/corrupted.mp4", "colour/nasa_13013.mp4", "classroom.gif",
         "interlaced_sister.ts", "odd/sample_with_invalid_nalu.mp4"]  # fmt: skip
SLOW = ["phone_selfie.mp4", "odd/sample_edit_list_no_sync_frame_before_edit.mp4", "odd/hlg10-color-test.mp4",
        "odd/dolbyVision-hdr.MOV", "odd/pixel-motion-photo-2-hevc-tracks.mp4", "odd/sample_vvc.mp4",
        "odd/portrait_4k60.mp4", "odd/hdr10-av1.mp4"]  # fmt: skip


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", [*QUICK, *(pytest.param(name, marks=pytest.mark.slow) for name in SLOW)])
def test_real_clips_give_the_same_windows_with_and_without_seeking(shared, monkeypatch, name):
    path = shared(str(ROOT / name))
    info = open_video(path).info
    with open_video(path).scan() as frames:
        sound = [f.pts for f in frames]
    box = Box(info.width * 0.2, info.height * 0.1, info.width * 0.7, info.height * 0.8)
    places = sorted({0, len(sound) // 2, min(len(sound) // 2 + 2, len(sound) - 1), len(sound) - 1})
    near = {q for p in places for q in range(max(p - 3, 0), min(p + 4, len(sound)))}
    plain = {f.pts: f.pixels for f in open_video(path).frames([sound[q] for q in near])}
    rows, columns = box.as_slices()
    for seek_pays_s in (2.0, -1e9):
        monkeypatch.setattr(_exact, "SEEK_PAYS_S", seek_pays_s)
        windows = list(open_video(path).frames_with_neighbours({sound[p]: [box] for p in places}, 5))
        assert [w.frame.pts for w in windows] == [sound[p] for p in places]
        for window, place in zip(windows, places, strict=True):
            assert window.frame.pixels.tobytes() == plain[window.frame.pts].tobytes()
            expected = sound[max(place - 2, 0) : place] + sound[place + 1 : place + 3]
            found = [neighbour.pts for neighbour in window.neighbours[0]]
            assert found == expected or (name.endswith(("corrupted.mp4", "nalu.mp4")) and set(found) < set(expected))
            for neighbour in window.neighbours[0]:
                assert neighbour.pixels.tobytes() == plain[neighbour.pts][rows, columns].tobytes()
