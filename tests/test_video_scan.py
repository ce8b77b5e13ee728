from __future__ import annotations

import gc
import subprocess
import sys
import textwrap
from fractions import Fraction

import av
import numpy as np
import pytest

from fancam.errors import FancamError, NoFramesError
from fancam.video import open_video
from fancam.video.luma import luma_view
from fancam.video.reader import DamageTracker
from tests.clips import Colour, cut_off, flip_bits, make_frame, moving_noise, write_clip, yuv_planes


def _luma(path):
    with open_video(path).scan() as frames:
        return {f.pts: f.luma.copy() for f in frames}, frames.report


def test_luma_is_what_was_written_and_is_not_copied(tmp_path):
    pictures = moving_noise(6)
    clip = write_clip(tmp_path / "a.mp4", pictures, crf=0, options={"preset": "ultrafast"})
    with open_video(clip).scan() as frames:
        for frame, picture in zip(frames, pictures, strict=True):
            assert np.array_equal(frame.luma, yuv_planes(picture, Colour.tagged("bt709"))[0])
            assert not frame.luma.flags.owndata
            assert (frame.bit_depth, frame.full_range, frame.width, frame.height) == (8, False, 192, 128)
    assert frames.report.frames_scanned == 6 and frames.report.frames_rejected == {}
    assert frames.report.end_time_s == pytest.approx(0.2, abs=0.01)


def test_frames_are_freed_as_they_pass(tmp_path):
    clip = open_video(write_clip(tmp_path / "a.mp4", moving_noise(40)))
    gc.collect()
    gc.disable()  # what waits for it is gigabytes at 4K before it comes
    try:
        with clip.scan() as frames:
            most = max(
                sum(isinstance(each, av.VideoFrame) for each in gc.get_objects())
                for number, _ in enumerate(frames)
                if number in (20, 39)  # counting goes through every object there is
            )
    finally:
        gc.enable()
    assert most < 10


def test_ten_bit_luma_keeps_its_ten_bits(tmp_path):
    clip = write_clip(tmp_path / "a.mp4", moving_noise(2), bits=10, crf=4)
    with open_video(clip).scan() as frames:
        frame = next(iter(frames))
        assert (frame.luma.dtype, frame.bit_depth) == (np.uint16, 10)
        assert 800 < frame.luma.max() < 1024


LAYOUTS = "nv12 p010le gray gray10le yuv422p yuvj420p yuyv422 rgb24 gbrp pal8"


@pytest.mark.parametrize("pixel_format", LAYOUTS.split())
def test_every_layout_gives_the_same_luma(pixel_format):
    ramp = np.broadcast_to(np.linspace(16, 235, 64).astype(np.uint8), (32, 64)).copy()
    grey = np.full((16, 32), 128, np.uint8)
    source = make_frame((ramp, grey, grey), "yuv420p")
    full = pixel_format in ("yuvj420p", "rgb24", "gbrp", "pal8", "gray", "gray10le")
    if pixel_format == "pal8":
        levels = source.reformat(format="gray").to_ndarray()
        palette = np.repeat(np.arange(256, dtype=np.uint8)[:, None], 4, axis=1)
        frame = av.VideoFrame.from_ndarray((levels, palette), format="pal8")
    else:
        frame = source.reformat(format=pixel_format)
    luma, bits, is_full = luma_view(frame, full)
    eight = luma.astype(float) / 2 ** (bits - 8)
    if is_full:
        eight = 16 + eight * 219 / 255
    assert luma.shape == (32, 64)
    assert np.abs(eight - ramp).max() <= 1.5


def test_no_corrupt_frame_is_handed_out(tmp_path):
    clean = write_clip(tmp_path / "clean.mp4", moving_noise(240, 320, 192), gop=24, crf=20)
    reference, report = _luma(clean)
    assert report.frames_rejected == {}
    for seed in (0, 4):  # flips that the decoder notices; what it cannot notice nobody can
        damaged = flip_bits(clean, tmp_path / "damaged.mp4", count=8, seed=seed)
        found, report = _luma(damaged)
        assert report.frames_rejected["corrupt"] >= 5 and report.frames_rejected["after_corrupt"] >= 20
        assert len(found) == report.frames_scanned > 120, "sound groups of pictures are kept"
        assert all(np.array_equal(luma, reference[pts]) for pts, luma in found.items())
        lost = sorted(set(reference) - set(found))
        assert list(open_video(damaged).frames(lost)) == [], "the exact decode follows the same rule"


def test_broken_reference_spoils_the_frames_shown_before_it():
    # Decoded I0 P1 B2 B3, shown I0 B2 B3 P1; P1 is damaged, and both B refer to it.
    tracker = DamageTracker()
    for ordinal, pts in enumerate((0, 3, 1, 2)):
        tracker.sent(ordinal, pts)
    verdicts = []
    for ordinal, pts, corrupt in ((0, 0, False), (2, 1, False), (3, 2, False), (1, 3, True)):
        tracker.received(ordinal, pts, f"f{ordinal}", key=ordinal == 0, corrupt=corrupt)
        verdicts += tracker.ready()
    verdicts += tracker.rest()
    assert verdicts == [("f0", None), ("f2", "after_corrupt"), ("f3", "after_corrupt"), ("f1", "corrupt")]


def test_leading_frames_of_the_next_key_frame_stay_rejected():
    # Decoded I0 P1(damaged) I2 B3, shown I0 P1 B3 I2: B3 may refer to P1, though it comes after the key frame.
    tracker = DamageTracker()
    for ordinal, pts in enumerate((0, 1, 3, 2)):
        tracker.sent(ordinal, pts)
    verdicts = []
    for ordinal, pts, corrupt in ((0, 0, False), (1, 1, True), (3, 2, False), (2, 3, False)):
        tracker.received(ordinal, pts, f"f{ordinal}", key=ordinal in (0, 2), corrupt=corrupt)
        verdicts += tracker.ready()
    tracker.sent(4, 4)
    tracker.received(4, 4, "f4", key=False, corrupt=False)
    verdicts += tracker.rest()
    assert verdicts == [("f0", None), ("f1", "corrupt"), ("f3", "after_corrupt"), ("f2", None), ("f4", None)]


def test_packets_that_yield_no_frame_do_not_hold_the_others_back():
    tracker = DamageTracker()
    held = 0
    for ordinal in range(2000):
        tracker.sent(ordinal, ordinal)
        if ordinal % 2:
            tracker.received(ordinal, ordinal, "frame", key=False, corrupt=False)
            held += 1 - len(list(tracker.ready()))
    assert held <= 1


@pytest.mark.parametrize("name", ["a.mkv", "a.mp4"])
def test_cut_off_file_is_used_as_far_as_it_goes(tmp_path, name):
    options = {"movflags": "faststart"} if name.endswith("mp4") else {}
    whole = write_clip(tmp_path / name, moving_noise(120), container_options=options)
    assert _luma(whole)[1].warnings == []
    found, report = _luma(cut_off(whole, tmp_path / f"part-{name}", 0.6))
    assert 50 < len(found) < 90
    (warning,) = report.warnings
    assert f"ends at {report.end_time_s:.1f} s of the stated 4.0 s" in warning


def test_header_without_a_frame_is_an_error(tmp_path):
    options = {"movflags": "empty_moov+frag_keyframe"}
    whole = write_clip(tmp_path / "a.mp4", moving_noise(5), container_options=options)
    data = whole.read_bytes()
    whole.write_bytes(data[: data.index(b"moof") - 4])
    with pytest.raises(NoFramesError), open_video(whole).scan() as frames:
        list(frames)


def test_undecodable_from_end_to_end_is_an_error(tmp_path):
    clip = write_clip(tmp_path / "a.mp4", moving_noise(30))
    data = bytearray(clip.read_bytes())
    start, end = data.index(b"mdat") + 4, data.index(b"moov") - 4
    data[start:end] = b"\xff" * (end - start)
    clip.write_bytes(data)
    with pytest.raises(FancamError), open_video(clip).scan() as frames:
        list(frames)


def test_two_streams_are_scanned_apart(tmp_path):
    clip = write_clip(tmp_path / "a.mp4", moving_noise(4, 128, 96), extra_frames=moving_noise(4, 256, 192))
    for stream, shape in ((0, (96, 128)), (1, (192, 256))):
        with open_video(clip, stream=stream).scan() as frames:
            assert {f.luma.shape for f in frames} == {shape}


def test_scan_outside_its_block_is_refused(tmp_path):
    frames = open_video(write_clip(tmp_path / "a.mp4", moving_noise(2))).scan()
    with pytest.raises(RuntimeError):
        iter(frames)


def test_uneven_time_base_does_not_shift_times(tmp_path):
    clip = write_clip(tmp_path / "a.mkv", moving_noise(10), fps=30, time_base=Fraction(1, 1000))
    with open_video(clip).scan() as frames:
        times = [f.time_s for f in frames]
    assert times == pytest.approx([i / 30 for i in range(10)], abs=0.0011)


@pytest.mark.slow  # importing torchvision takes its time
def test_leaving_early_with_torchvision_loaded_does_not_hang(tmp_path):
    pytest.importorskip("torchvision")
    clip = write_clip(tmp_path / "a.mp4", moving_noise(60))
    script = textwrap.dedent("""
        import sys, torchvision
        from pathlib import Path
        from fancam.video import open_video
        for _ in range(3):
            with open_video(Path(sys.argv[1])).scan(threads=4) as frames:
                for frame in frames:
                    break
        print("left", frame.pts)
    """)
    done = subprocess.run([sys.executable, "-c", script, str(clip)], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0 and done.stdout.strip() == "left 0", done.stderr
    assert "[" not in done.stderr, "libav wrote to stderr"


def test_leaving_decoders_while_their_threads_work_does_not_hang(shared):
    """A decoder that is left early is freed under the interpreter's lock, so none of its threads may want that lock."""
    clip = shared("data/video/odd/sample_av1.mp4")
    script = textwrap.dedent("""
        import sys
        from pathlib import Path
        from fancam.video import open_video
        video = open_video(Path(sys.argv[1]))
        for _ in range(150):
            with video.scan(threads=4) as frames:
                next(iter(frames))
        print("left")
    """)
    done = subprocess.run([sys.executable, "-c", script, str(clip)], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0 and done.stdout.strip() == "left", done.stderr


def test_what_is_damaged_does_not_depend_on_another_video_that_is_read_meanwhile(tmp_path):
    whole = write_clip(tmp_path / "whole.mp4", moving_noise(90), gop=12, options={"bf": "2"})
    damaged = flip_bits(whole, tmp_path / "damaged.mp4", count=12, first_share=0.2)
    with open_video(damaged).scan(threads=1) as alone:
        sound = [frame.pts for frame in alone]
    with open_video(damaged).scan(threads=1) as first:
        found = []
        for frame in first:
            found.append(frame.pts)
            with open_video(whole).scan(threads=1) as second:
                assert sum(1 for _ in second) == 90
    assert found == sound
    assert first.report.frames_rejected == alone.report.frames_rejected
