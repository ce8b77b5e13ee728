"""Every real file beside the project: a right result, or one error that names file, cause and remedy."""

from __future__ import annotations

import zlib
from pathlib import Path

import numpy as np
import pytest

from fancam.errors import FancamError
from fancam.video import decode as _exact
from fancam.video import looks_like_video, open_video
from fancam.video.decode import ExactDecoder
from fancam.video.luma import luma_view
from tests.conftest import SHARED

ROOT = SHARED / "data" / "video"
FILES = sorted(str(p.relative_to(ROOT)) for p in ROOT.rglob("*") if p.is_file()) if ROOT.is_dir() else []

UPRIGHT = {
    "dance.mp4": (576, 1024),
    "dark_arena.mov": (1920, 1080),
    "classroom.gif": (480, 270),
    "phone_selfie.mp4": (1080, 1440),
    "interlaced_sister.ts": (640, 480),
    "asl/again.mkv": (640, 480),
    "colour/nasa_13013.mp4": (480, 270),
    "odd/8k24fps_300ms.mp4": (7680, 4320),
    "odd/bear-vp9-odd-dimensions.webm": (161, 121),
    "odd/dolbyVision-hdr.MOV": (720, 1280),
    "odd/internal_emulator_transformer_output_270_rotated.mp4": (720, 1280),
    "odd/pixel-motion-photo-2-hevc-tracks.mp4": (768, 1024),
    "odd/portrait_4k60.mp4": (2160, 3840),
    "odd/sample_edit_list_no_sync_frame_before_edit.mp4": (1080, 1920),
    "orientation/video_0.mov": (568, 320),
    "orientation/video_90.mov": (320, 568),
    "orientation/video_180.mov": (568, 320),
    "orientation/video_270.mov": (320, 568),
}
DAMAGED = {"odd/sample_with_invalid_nalu.mp4", "orientation/corrupted.mp4"}
COUNTS = {"asl/again.mkv": 77, "dance.mp4": 959, "classroom.gif": 45, "phone_selfie.mp4": 53, "odd/sample.avi": 96}
SLOW = {"odd/8k24fps_300ms.mp4", "odd/portrait_4k60.mp4", "odd/long_1080p_lowbitrate.mp4", "dance.mp4",
        "dark_arena.mov", "phone_selfie.mp4", "odd/bbb_1920x1080_60fps_vp8.webm",
        "odd/video_dovi_1920x1080_60fps_dvav_09.mp4", "odd/pixel-motion-photo-2-hevc-tracks.mp4"}  # fmt: skip
SLOW_TO_SEEK = {"odd/internal_emulator_transformer_output.mp4", "odd/sample_vvc.mp4"}
TONE_MAPPED = {"odd/dolbyVision-hdr.MOV", "odd/hdr10-av1.mp4", "odd/hlg10-color-test.mp4",
               "odd/sample_edit_list_no_sync_frame_before_edit.mp4",
               "odd/sample_with_colr_mdcv_and_clli.mp4"}  # fmt: skip


def _cases(names, slow):
    marks = {name: [pytest.mark.slow] if name in slow else [] for name in names}
    return [pytest.param(name, marks=marks[name]) for name in names]


def _fast(name: str) -> bool:
    return not name.startswith("asl/") or name.endswith("again.mkv")


def test_real_media_are_here(shared):
    shared("data/video")
    assert len(FILES) > 60


@pytest.mark.timeout(200)
@pytest.mark.parametrize("name", _cases(FILES, SLOW | TONE_MAPPED | {n for n in FILES if not _fast(n)}))
def test_every_file_gives_frames_or_one_clear_line(name):
    path = ROOT / name
    try:
        info = open_video(path).info
        with open_video(path).scan() as frames:
            seen = [(f.pts, int(f.luma[::8, ::8].max()) >> (f.bit_depth - 8)) for f in frames]
        wanted = sorted({seen[0][0], seen[len(seen) // 2][0], seen[-1][0]})
        pictures = list(open_video(path).frames(wanted))
    except FancamError as error:
        assert name not in UPRIGHT and name not in COUNTS, error
        assert str(path) in error.line() and "; " in error.line() and "Errno" not in error.line()
        return
    assert looks_like_video(path)
    assert [f.pts for f in pictures] == wanted
    assert {(f.width, f.height) for f in pictures} == {(info.width, info.height)}
    assert all(f.pixels.dtype == np.uint8 and f.pixels.flags.c_contiguous for f in pictures)
    bright = dict(seen)
    assert all(int(f.pixels.max()) > 40 for f in pictures if bright[f.pts] > 60), "black, where the scan saw light"
    assert (info.width, info.height) == UPRIGHT.get(name, (info.width, info.height))
    assert frames.report.frames_scanned == COUNTS.get(name, len(seen))
    assert bool(frames.report.frames_rejected) == (name in DAMAGED), frames.report
    assert not frames.report.warnings, frames.report.warnings


@pytest.mark.timeout(200)
@pytest.mark.parametrize("name", _cases([n for n in FILES if _fast(n)], SLOW | TONE_MAPPED | SLOW_TO_SEEK))
def test_sought_frames_equal_scanned_ones_bit_for_bit(name, monkeypatch):
    path = ROOT / name
    with open_video(path).scan() as frames:
        scanned = {f.pts: zlib.crc32(f.luma.tobytes()) for f in frames}
    pts = sorted(scanned)
    monkeypatch.setattr(_exact, "SEEK_PAYS_S", -1e9)
    # Compared are frames as they were decoded: to convert thousands of them to RGB takes minutes.
    monkeypatch.setattr(ExactDecoder, "_picture", lambda self, frame: frame)
    for target in sorted({pts[0], pts[1 % len(pts)], pts[len(pts) // 3], pts[-2 % len(pts)], pts[-1]}):
        with ExactDecoder(frames.info, None) as decoder:
            frame = decoder.fetch(target)
            assert frame is not None, target
            luma = luma_view(frame.frame, full_range=False)[0]
            assert zlib.crc32((luma[::2] if frame.frame.interlaced_frame else luma).tobytes()) == scanned[target], (
                target
            )


@pytest.mark.timeout(120)
@pytest.mark.parametrize("name", [n for n in FILES if n.startswith(("odd/", "orientation/")) and n not in SLOW])
def test_leaving_a_scan_early_neither_hangs_nor_raises(name):
    with open_video(ROOT / name).scan() as frames:
        first = next(iter(frames))
        kept = first.luma  # a view that outlives the container
    assert kept.shape[0] > 0 and int(kept.max()) >= 0


def test_phone_clip_is_upright(shared):
    path = Path(shared("data/video/phone_selfie.mp4"))
    assert open_video(path).info.orientation.rotation_deg == 270
