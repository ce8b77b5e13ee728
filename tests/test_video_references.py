"""A scan passes over frames that no other one refers to, where enough others remain; the rest is as without that."""

from __future__ import annotations

import hashlib
import itertools
from dataclasses import dataclass
from fractions import Fraction

import av
import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from skimage.data import astronaut

from fancam.geometry import Box, Orientation
from fancam.jobs.context import Context
from fancam.jobs.scanning import frames_to_look_at, scan
from fancam.media import LumaFrame
from fancam.nn import ModelStore
from fancam.picking import Shortlist, sharpest_near
from fancam.picking.reduction import Workbench, miniature, reduced
from fancam.settings import PickSettings, ScanSettings, Settings
from fancam.video import open_video
from fancam.video.references import Thinning
from tests.clips import cross_faded, flip_bits, moving_noise, write_clip

EVERY_SECOND = {"bf": "1", "x264-params": "b-adapt=0:scenecut=0:b-pyramid=none"}
"""All frames with odd numbers are such that none refers to, but for the last one before a key frame."""
PYRAMID = {"bf": "3", "x264-params": "b-adapt=0:scenecut=0"}
LEAST_FPS = 24.0


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    path = tmp_path_factory.mktemp("clips") / "sixty.mp4"
    return write_clip(path, moving_noise(120), fps=60, gop=40, options=PYRAMID)


def scanned(path, **options):
    """Hash of the luma of each frame by its pts, and the report."""
    with open_video(path).scan(**options) as frames:
        return {frame.pts: hashlib.sha256(frame.luma.tobytes()).hexdigest() for frame in frames}, frames.report


@pytest.mark.parametrize("options", [PYRAMID, EVERY_SECOND, {"bf": "5", "x264-params": "b-adapt=0:b-pyramid=none"}])
@pytest.mark.parametrize("ending", ["mp4", "mkv", "mov"])
def test_what_is_scanned_is_the_same_and_what_is_not_is_counted_as_skipped_and_not_as_lost(tmp_path, options, ending):
    path = write_clip(tmp_path / f"a.{ending}", moving_noise(90), fps=60, gop=30, options=options)
    (every, whole), (some, thin) = scanned(path), scanned(path, least_fps=LEAST_FPS)
    assert some.items() < every.items()
    assert thin.frames_scanned == len(some) and whole.frames_skipped == 0
    assert thin.frames_scanned + thin.frames_skipped == whole.frames_scanned
    assert (thin.frames_rejected, thin.warnings, thin.end_time_s) == ({}, whole.warnings, whole.end_time_s)
    info = open_video(path).info
    times = [info.time_s(pts) for pts in sorted(some)]
    assert max(later - earlier for earlier, later in itertools.pairwise(times)) <= 1 / LEAST_FPS


@pytest.mark.parametrize("codec", ["libx264", "libx265"])
def test_half_of_the_frames_are_enough_at_sixty_a_second(tmp_path, codec):
    options = {"libx264": PYRAMID, "libx265": {"x265-params": "log-level=none:bframes=3:b-adapt=0:pools=1"}}[codec]
    path = write_clip(tmp_path / "a.mp4", moving_noise(60), fps=60, codec=codec, gop=60, options=options)
    every, some = scanned(path)[0], scanned(path, least_fps=LEAST_FPS)[0]
    assert some.items() < every.items() and len(some) <= 36


@pytest.mark.parametrize("name,codec,fps,options", [
    ("thirty.mp4", "libx264", 30, PYRAMID),
    ("no_b.mp4", "libx264", 60, {"bf": "0"}),
    ("stream.ts", "libx264", 60, PYRAMID),
    ("interlaced.mp4", "libx264", 60, {"bf": "3", "x264-params": "interlaced=1:b-adapt=0", "flags": "+ildct+ilme"}),
    ("a.webm", "libvpx-vp9", 60, {"deadline": "realtime", "cpu-used": "8"}),
    ("av1.mp4", "libsvtav1", 60, {"preset": "12", "svtav1-params": "lp=1"}),
    ("b.mkv", "mpeg2video", 60, {"bf": "2"}),
])  # fmt: skip
def test_every_frame_is_scanned_where_too_few_would_remain_or_it_is_not_told_what_refers_to_them(
    tmp_path, name, codec, fps, options
):
    if codec not in av.codecs_available:
        pytest.skip(f"this build of libav has no {codec}")
    base = Fraction(1, fps) if codec == "mpeg2video" else None
    path = write_clip(tmp_path / name, moving_noise(40), fps=fps, codec=codec, options=options, time_base=base)
    (every, whole), (some, thin) = scanned(path), scanned(path, least_fps=LEAST_FPS)
    assert (some, thin) == (every, whole) and len(every) == 40


def test_the_number_of_threads_changes_nothing(clip):
    assert scanned(clip, least_fps=LEAST_FPS, threads=1) == scanned(clip, least_fps=LEAST_FPS, threads=4)


@pytest.mark.parametrize("from_s,to_s", [(0.0, 0.9), (0.5, 1.31), (0.71, None), (1.2, 1.25)])
def test_a_span_is_scanned_as_that_part_of_the_whole_and_its_frames_are_counted(clip, from_s, to_s):
    whole, info = scanned(clip, least_fps=LEAST_FPS)[0], open_video(clip).info
    part, report = scanned(clip, least_fps=LEAST_FPS, from_s=from_s, to_s=to_s)
    wanted = [number for number in range(120) if from_s <= number / 60 < (to_s or 9)]
    assert part == {pts: seen for pts, seen in whole.items() if from_s <= info.time_s(pts) < (to_s or 9)}
    assert report.frames_scanned + report.frames_skipped == len(wanted)


def test_damage_is_found_where_it_matters_and_a_damaged_video_is_scanned_whole(clip, tmp_path):
    damaged = flip_bits(clip, tmp_path / "damaged.mp4", count=40, first_share=0.2)
    report = scanned(damaged, threads=1, least_fps=LEAST_FPS)[1]
    assert report.frames_rejected and report.frames_skipped
    context = Context(Settings(pick=PickSettings(faces=False)), ModelStore())
    found = scan(context, open_video(damaged)).report
    assert found.frames_skipped == 0 and found == scanned(damaged, threads=1)[1]


@dataclass
class SentPacket:
    pts: int | None
    spare: bool
    size: int = 1
    is_corrupt: bool = False


@st.composite
def groups_of_pictures(draw):
    """Packets in the order of decoding: a reference, then frames between it and the last one, some of them spare."""
    packets, last = [SentPacket(0, False)], 0
    for _ in range(draw(st.integers(1, 12))):
        between = draw(st.integers(0, 7))
        packets.append(SentPacket(last + between + 1, False))
        order = draw(st.permutations(range(last + 1, last + between + 1)))
        packets += [SentPacket(pts, draw(st.booleans())) for pts in order]
        last += between + 1
    return packets


@given(groups_of_pictures(), st.fractions(1, 9))
def test_only_spare_frames_go_and_those_that_stay_are_near_to_each_other(packets, most_apart):
    skipped: list[int] = []
    kept = list(Thinning(lambda packet: packet.spare, most_apart, skipped.append).of(iter(packets)))
    order = [packets.index(packet) for packet in kept]
    assert order == sorted(order)
    assert sorted(skipped + [packet.pts for packet in kept]) == list(range(len(packets)))
    assert all(packet in kept for packet in packets if not packet.spare)
    shown = sorted(packet.pts for packet in kept)
    assert all(later - earlier <= max(most_apart, 1) for earlier, later in itertools.pairwise(shown))


# --- the frames beside a moment ---


def test_instead_of_a_frame_one_near_it_can_be_chosen_and_is_the_one_that_is_there(clip):
    film = open_video(clip)
    pts = sorted(scanned(clip)[0])
    asked = [pts[0], pts[41], pts[90], pts[119]]
    for step in (-1, 0, 1):

        def choose(frames: list[LumaFrame], own: int, step: int = step) -> int:
            assert frames[own].pts in asked and len(frames) <= 3
            return min(max(own + step, 0), len(frames) - 1)

        found = list(film.frames_chosen_near(asked, choose, within_s=1 / 60 + 1e-6))
        assert [one.asked_pts for one in found] == asked and not any(one.damaged_near for one in found)
        wanted = [pts[min(max(pts.index(one) + step, 0), 119)] for one in asked]
        assert [one.frame.pts for one in found] == wanted
        exact = list(film.frames(wanted))
        assert all(np.array_equal(one.frame.pixels, same.pixels) for one, same in zip(found, exact, strict=True))


def luma_frame(number: int, luma: np.ndarray) -> LumaFrame:
    return LumaFrame(number, number / 60, luma, 8, True, Orientation(), luma.shape[1], luma.shape[0], False)


def test_the_sharpest_frame_is_chosen_unless_it_is_of_another_shot_or_in_another_light_or_hardly_sharper():
    sharp = astronaut()[0:240, 60:380, 1] // 2
    soft, softer = (cv2.GaussianBlur(sharp, (0, 0), sigma) for sigma in (2.0, 2.6))
    other = moving_noise(1, 320, 240, seed=5)[0][:, :, 0] // 2
    where = Box(60, 40, 260, 200)

    def chosen(*pictures: np.ndarray, own: int = 1) -> int:
        return sharpest_near([luma_frame(number, luma) for number, luma in enumerate(pictures)], own, where)

    assert chosen(softer, soft, sharp) == 2
    assert chosen(sharp, soft, softer) == 0
    assert chosen(softer, sharp, soft) == 1
    assert chosen(sharp, sharp, sharp) == 1
    assert chosen(softer, soft, other) == 1
    assert chosen(softer, soft, sharp + 40) == 1
    assert chosen(soft, soft, sharp + 40, own=0) == 0


def looked_at(path, **options):
    settings = Settings(scan=ScanSettings(**options), pick=PickSettings(faces=False))
    context, film = Context(settings, ModelStore()), open_video(path)
    found = scan(context, film)
    return found, [(candidate.pts, frame.pts) for candidate, frame in frames_to_look_at(context, film, found)]


def test_the_only_sharp_frame_is_looked_at_also_where_no_other_one_refers_to_it(tmp_path):
    frames = [np.ascontiguousarray(astronaut()[:240, number : number + 320]) for number in range(121)]
    frames = [frame if number == 31 else cv2.GaussianBlur(frame, (0, 0), 2.5) for number, frame in enumerate(frames)]
    path = write_clip(tmp_path / "a.mp4", frames, fps=60, gop=240, options=EVERY_SECOND)
    found, looks = looked_at(path)
    assert found.report.frames_skipped == 60
    assert not any(candidate.pts == 31 * 1500 for candidate in found.candidates)
    assert (31 * 1500, 31 * 1500) in looks
    assert looks == sorted(set(looks)) and not found.met_damage
    assert all(0.2 <= pts / 90000 < 0.51 for pts, _ in looked_at(path, from_s=0.2, to_s=0.51)[1])


def test_flashes_cross_fades_and_repeats_are_left_out_of_the_frames_that_are_scanned(shared, tmp_path):
    with open_video(shared("data/video/dance.mp4")).scan() as scan_all:
        luma = [frame.luma[200:456, 100:484].copy() for number, frame in zip(range(140), scan_all, strict=False)]
    pictures = [np.repeat(one[:, :, None], 3, axis=2) for one in luma]
    other = np.repeat(moving_noise(1, 384, 256)[0][:, :, :1], 3, axis=2)
    flashed = [np.clip(one.astype(np.int16) + 90 * (60 <= number < 64), 0, 255).astype(np.uint8)
               for number, one in enumerate(pictures)]  # fmt: skip
    for made, fault in ((flashed, "flash"), (cross_faded(pictures[:70], [other] * 70, 24), "cross_fade")):
        path = write_clip(tmp_path / f"{fault}.mp4", made, fps=60, gop=250, options=PYRAMID)
        found = looked_at(path)[0]
        assert found.report.frames_skipped > 50
        assert found.left_out.get(fault, 0) > 0, fault


def test_the_scan_tells_how_far_it_is_by_the_time_of_the_video_from_its_beginning_on(clip):
    told = []
    context = Context(Settings(pick=PickSettings(faces=False), scan=ScanSettings(from_s=0.4, to_s=1.6)), ModelStore(),
                      progress=lambda *row: told.append(row))  # fmt: skip
    found = scan(context, open_video(clip))
    assert found.report.frames_skipped > 20
    done = [row[1] for row in told]
    assert told[0] == ("scan", 0, 1200) and told[-1][1] == told[-1][2] and 1180 <= told[-1][1] <= 1220
    assert done == sorted(done) and len(told) >= 4
    assert all(total == 1200 for _, _, total in told[:-1])


def test_a_shortlist_names_the_part_that_it_judged():
    shortlist = Shortlist(ScanSettings(), 8, None, None)
    for number, picture in enumerate(moving_noise(4, 320, 240)):
        shortlist.add(luma_frame(number, picture[:, :, 0]))
    assert {moment.seen for moment in shortlist.finish()} == {Box(96.0, 36.0, 224.0, 180.0)}


@pytest.mark.parametrize("dtype,bits", [(np.uint8, 8), (np.uint16, 10)])
@pytest.mark.parametrize("rows,columns", [(540, 960), (1080, 1920), (2160, 3840), (719, 1281)])
def test_small_copies_made_in_used_memory_are_those_made_in_fresh_memory(rows, columns, dtype, bits):
    random, bench = np.random.default_rng(rows), Workbench()
    for number in range(3):
        luma = random.integers(0, 1 << bits, (rows, columns)).astype(dtype)
        frame = LumaFrame(number, 0.0, luma, bits, True, Orientation(), columns, rows, False)
        fresh, used = reduced(frame), reduced(frame, bench)
        assert np.array_equal(fresh.pixels, used.pixels)
        assert np.array_equal(miniature(fresh.pixels), miniature(used.pixels, bench))
        bench.give_back(used)
    assert reduced(frame, bench).pixels is used.pixels


def test_a_fraction_of_a_unit_of_time_makes_no_difference():
    kept = Thinning(lambda packet: packet.spare, Fraction(5, 2), lambda pts: None)
    packets = [SentPacket(0, False), SentPacket(2, False), SentPacket(1, True), SentPacket(None, False, size=0)]
    assert [packet.pts for packet in kept.of(iter(packets))] == [0, 2, None]
