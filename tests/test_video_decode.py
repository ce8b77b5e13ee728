from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from fancam.video import decode as _exact
from fancam.video import open_video
from tests.clips import (
    PATCHES,
    Colour,
    corner_marks,
    corner_names,
    moving_noise,
    patch_centres,
    patches,
    write_clip,
)


def _first(path):
    with open_video(path).scan() as frames:
        pts = next(iter(frames)).pts
    (frame,) = open_video(path).frames([pts])
    return frame


@pytest.mark.parametrize(
    ("size", "colour", "options"),
    [
        ((256, 128), Colour.tagged("bt709"), {}),
        ((256, 128), Colour.tagged("bt601"), {}),
        ((256, 128), Colour.tagged("bt709", full_range=True), {}),
        ((1280, 720), Colour("bt709", tag_range=False), {}),
        ((256, 128), Colour("bt601", tag_range=False), {}),
        ((256, 128), Colour.tagged("bt709"), {"bits": 10, "codec": "libx265"}),
        ((256, 128), Colour.tagged("bt709"), {"bits": 10}),
        ((256, 128), Colour.tagged("bt709"), {"chroma": "444"}),
        ((256, 128), Colour("bt2020", tag_matrix="bt2020", primaries="bt709", transfer="sdr"), {"bits": 10}),
        ((256, 128), Colour.tagged("bt709"), {"options": {"x264-params": "tff=1"}}),
    ],
    ids=["709", "601", "full", "untagged-hd", "untagged-sd", "hevc10", "h264-10", "444", "2020-matrix", "interlaced"],
)
def test_colours_come_back_within_one_level(tmp_path, size, colour, options):
    clip = write_clip(tmp_path / "a.mp4", [patches(*size)] * 3, colour=colour, crf=4, **options)
    assert np.abs(patch_centres(_first(clip).pixels) - PATCHES).max() <= 1


def test_wide_gamut_primaries_are_mapped_to_bt709(tmp_path):
    # Forward as in ITU-R BT.2087-0 (M2), in linear light of gamma 2.4.
    m2 = np.array([[0.6274, 0.3293, 0.0433], [0.0691, 0.9195, 0.0114], [0.0164, 0.0880, 0.8956]])
    wide = np.clip((patches(256, 128) / 255.0) ** 2.4 @ m2.T, 0, 1) ** (1 / 2.4)
    clip = write_clip(tmp_path / "a.mp4", [wide] * 2, colour=Colour.tagged("bt2020"), bits=10, crf=2)
    assert np.abs(patch_centres(_first(clip).pixels) - PATCHES).max() <= 2


def _deep(path):
    film = open_video(path)
    ((_, pixels),) = film.deep_frames([film.info.start_pts_or_zero])
    return pixels


@pytest.mark.parametrize(("matrix", "full_range"), [("bt709", False), ("bt709", True), ("bt601", False)])
def test_ten_bits_come_as_sixteen_with_every_code_of_the_video_where_it_belongs(tmp_path, matrix, full_range):
    """Grey from black to white, so that chroma is exact; what the coder changed is read from the coded luma."""
    grey = np.broadcast_to(np.linspace(0, 1, 1024)[None, :, None], (64, 1024, 3))
    colour = Colour.tagged(matrix, full_range=full_range)
    clip = write_clip(tmp_path / "a.mp4", [grey] * 2, colour=colour, bits=10, crf=0)
    with open_video(clip).scan() as scan:
        codes = next(iter(scan)).luma.astype(float).copy()
    exact = codes / 1023 if full_range else (codes - 64) / 876
    deep = _deep(clip)
    assert deep.dtype == np.uint16
    assert np.abs(deep - exact[..., None] * 65535).max() <= 4
    assert len(np.unique(deep)) > 3 * len(np.unique(_first(clip).pixels))
    assert np.abs(deep / 257.0 - _first(clip).pixels).max() <= 1.5


def test_wide_gamut_primaries_are_mapped_to_bt709_in_sixteen_bits_as_well(tmp_path):
    m2 = np.array([[0.6274, 0.3293, 0.0433], [0.0691, 0.9195, 0.0114], [0.0164, 0.0880, 0.8956]])
    wide = np.clip((patches(256, 128) / 255.0) ** 2.4 @ m2.T, 0, 1) ** (1 / 2.4)
    clip = write_clip(tmp_path / "a.mp4", [wide] * 2, colour=Colour.tagged("bt2020"), bits=10, crf=2)
    deep = _deep(clip)
    assert deep.dtype == np.uint16
    assert np.abs(deep / 257.0 - _first(clip).pixels).max() <= 0.51


@pytest.mark.parametrize("options", [{}, {"rotation": 90}, {"sar": Fraction(4, 3)}], ids=["plain", "turned", "oblong"])
def test_a_video_of_eight_bits_has_the_same_samples_either_way(tmp_path, options):
    clip = write_clip(tmp_path / "a.mkv" if "sar" in options else tmp_path / "a.mp4", moving_noise(2), **options)
    assert np.array_equal(_deep(clip), _first(clip).pixels)


@pytest.mark.slow
@pytest.mark.parametrize("clip", ["hdr10-av1.mp4", "hlg10-color-test.mp4"])
def test_what_is_tone_mapped_has_the_same_colours_in_sixteen_bits(shared, clip):
    film = open_video(shared(f"data/video/odd/{clip}"))
    ((pts, pixels),) = film.deep_frames([film.info.start_pts_or_zero])
    (frame,) = film.frames([pts])
    assert pixels.dtype == np.uint16
    apart = np.abs(pixels / 257.0 - frame.pixels)
    assert np.median(apart) < 0.6 and np.percentile(apart, 99) < 2.5
    assert np.abs((pixels / 257.0 - frame.pixels).mean(axis=(0, 1))).max() < 0.6
    assert len(np.unique(pixels)) > 20 * 256


@pytest.mark.slow
@pytest.mark.parametrize("transfer", ["pq", "hlg"])
def test_hdr_ramp_keeps_its_order_and_its_highlights(tmp_path, transfer):
    ramp = np.repeat(np.linspace(0, 1, 16), 16)
    picture = np.broadcast_to(ramp[None, :, None], (64, 256, 3)).copy()
    colour = Colour("bt2020", tag_matrix="bt2020", primaries="bt2020", transfer=transfer)
    clip = write_clip(tmp_path / "a.mp4", [picture] * 4, colour=colour, bits=10, codec="libx265", crf=2)
    assert open_video(clip).info.colour.transfer == transfer
    levels = _first(clip).pixels[32, 8::16].astype(int)
    assert (np.diff(levels.mean(axis=1)) > 0).all(), "two levels fell together, or changed places"
    assert levels[0].max() <= 2 and levels[-1].min() >= 200
    assert np.ptp(levels, axis=1).max() <= 2, "grey did not stay grey"
    codes = np.linspace(0, 255, 16)
    assert np.abs(levels.mean(axis=1) - codes).max() > 15, "codes were passed through without tone mapping"


@pytest.mark.parametrize(
    ("rotation", "hflip", "corners"),
    [
        (0, False, "red green blue white"),
        (-90, False, "blue red white green"),
        (180, False, "white blue green red"),
        (90, False, "green white red blue"),
        (0, True, "green red white blue"),
    ],
)
def test_turned_and_mirrored_clips_come_back_upright(tmp_path, rotation, hflip, corners):
    clip = write_clip(tmp_path / "a.mp4", [corner_marks(192, 96)] * 2, rotation=rotation, hflip=hflip)
    frame = _first(clip)
    assert corner_names(frame.pixels) == corners.split()
    info = open_video(clip).info
    assert (frame.width, frame.height) == (info.width, info.height)


def test_pixels_are_made_square_by_widening_only(tmp_path):
    for ratio, size in ((Fraction(4, 3), (256, 96)), (Fraction(3, 4), (192, 128))):
        clip = write_clip(tmp_path / "a.mkv", [corner_marks(192, 96)] * 2, sar=ratio)
        frame = _first(clip)
        assert (frame.width, frame.height) == size
        assert corner_names(frame.pixels) == ["red", "green", "blue", "white"]


def test_combing_is_removed(tmp_path):
    def shifted(by):
        picture = np.full((128, 192, 3), 30, np.uint8)
        picture[:, 60 + by : 120 + by] = 220
        return picture

    woven = []
    for i in range(8):
        early, late = shifted(6 * i - 20), shifted(6 * i - 17)
        late[1::2] = early[1::2]
        woven.append(late)
    clip = write_clip(tmp_path / "a.mp4", woven, crf=6, options={"x264-params": "bff=1"})
    assert open_video(clip).info.interlaced
    with open_video(clip).scan() as frames:
        pts = [f.pts for f in frames]
    assert pts == sorted(pts)
    pictures = list(open_video(clip).frames(pts))
    assert [p.pts for p in pictures] == pts
    for picture, source in zip(pictures, woven, strict=True):
        lines = picture.pixels[:, :, 1].astype(int)
        combing = np.abs(2 * lines[1:-1] - lines[:-2] - lines[2:]).mean()
        before = np.abs(2 * source[1:-1, :, 1].astype(int) - source[:-2, :, 1] - source[2:, :, 1]).mean()
        assert combing < before / 4
        assert np.abs(lines[1::2] - source[1::2, :, 1]).mean() < 1, "the picture of another moment came back"


def test_scan_sees_one_field_of_interlaced_frames(tmp_path):
    clip = write_clip(tmp_path / "a.mp4", moving_noise(3), options={"x264-params": "tff=1"})
    with open_video(clip).scan() as frames:
        assert {f.luma.shape for f in frames} == {(64, 192)}


def test_variable_rate_and_late_start_are_addressed_by_pts(tmp_path):
    pictures = moving_noise(12)
    pts = [90000 + t for t in (0, 3000, 9000, 9500, 20000, 50000, 50900, 80000, 81000, 99000, 120000, 121000)]
    clip = write_clip(tmp_path / "a.mkv", pictures, pts=pts, gop=4, colour=Colour.tagged("bt709"))
    with open_video(clip).scan() as frames:
        seen = [(f.pts, f.time_s) for f in frames]
    assert [round(t - seen[0][1], 2) for _, t in seen] == [round((p - pts[0]) / 90000, 2) for p in pts]
    assert seen[0][1] == 0.0
    for place in (10, 3, 7):
        (frame,) = open_video(clip).frames([seen[place][0]])
        errors = [np.abs(frame.pixels.astype(int) - picture).mean() for picture in pictures]
        assert int(np.argmin(errors)) == place


def test_frames_come_in_order_and_what_is_not_there_is_left_out(tmp_path):
    clip = write_clip(tmp_path / "a.mp4", moving_noise(20))
    with open_video(clip).scan() as frames:
        pts = [f.pts for f in frames]
    got = [f.pts for f in open_video(clip).frames([pts[15], pts[3], pts[3] + 1, pts[3], 10**9, -5])]
    assert got == [pts[3], pts[15]]
    assert list(open_video(clip).frames([])) == []


@pytest.mark.parametrize(
    ("name", "codec", "options"),
    [
        ("a.mp4", "libx264", {"bf": "3", "x264-params": "open-gop=1"}),
        (
            "a.mp4",
            "libx265",
            {"x265-params": "log-level=none:keyint=10:min-keyint=10:open-gop=1:bframes=4:pools=1:frame-threads=1"},
        ),
        ("a.ts", "libx264", {"bf": "3"}),
        ("a.avi", "mpeg4", {}),
        ("a.webm", "libvpx-vp9", {"deadline": "realtime", "cpu-used": "8"}),
    ],
)
def test_sought_frames_equal_those_of_a_straight_decode(tmp_path, monkeypatch, name, codec, options):
    base = Fraction(1, 30) if codec == "mpeg4" else None  # MPEG-4 Part 2 counts in 16 bits
    clip = write_clip(tmp_path / name, moving_noise(45), codec=codec, options=options, gop=10, time_base=base)
    with open_video(clip).scan() as frames:
        pts = [f.pts for f in frames]
    assert len(pts) >= 43
    straight = {f.pts: f.pixels for f in open_video(clip).frames(pts)}
    monkeypatch.setattr(_exact, "SEEK_PAYS_S", -1e9)
    for one in pts[::4] + pts[-1:]:
        (frame,) = open_video(clip).frames([one])
        assert np.array_equal(frame.pixels, straight[one]), one


def test_same_frame_is_the_same_bytes_twice(tmp_path):
    clip = write_clip(tmp_path / "a.mp4", moving_noise(8))
    first, second = (next(iter(open_video(clip).frames([15000]))).pixels for _ in range(2))
    assert first.tobytes() == second.tobytes()
