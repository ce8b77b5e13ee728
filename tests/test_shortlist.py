from __future__ import annotations

import threading
import time
import tracemalloc

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from skimage.data import astronaut

from fancam.geometry import Box, Orientation
from fancam.media import LumaFrame
from fancam.picking import Shortlist
from fancam.picking.reduction import MAX_LONG_EDGE_PX, ShotBoundaryDetector, reduced
from fancam.picking.shortlist import MAX_SLOTS, PER_SLOT, BestPerSlot, Detection, face_paths, shortlisted
from fancam.results import Candidate, Face
from fancam.settings import ScanSettings

GREY = cv2.cvtColor(astronaut(), cv2.COLOR_RGB2GRAY)
NOISE = np.random.default_rng(3).normal(0, 1, (480, 854)).astype(np.float32)
WALL = np.clip(128 + 450 * cv2.GaussianBlur(NOISE, (0, 0), 2.0), 0, 255).astype(np.uint8)  # as contrasty as a face


def stage(x: int, y: int, blur: float, wall_blur: float = 0.0) -> np.ndarray:
    """480p: the performer's head at (x, y) before a busy wall; both with their own blur."""
    wall = WALL if wall_blur == 0 else cv2.GaussianBlur(WALL, (0, 0), wall_blur)
    head = GREY[30:250, 130:320]
    if blur > 0:
        head = cv2.GaussianBlur(head, (0, 0), blur)
    picture = wall.copy()
    picture[y : y + head.shape[0], x : x + head.shape[1]] = head
    return picture


def luma_frame(number: int, luma: np.ndarray, fps: float = 30.0, **more) -> LumaFrame:
    rows, columns = luma.shape
    values = {
        "bit_depth": 8, "full_range": True, "orientation": Orientation(), "width": columns, "height": rows,
        "key_frame": False, **more,
    }  # fmt: skip
    return LumaFrame(number * 512, number / fps, luma, **values)


def ticking(number: int, luma: np.ndarray) -> LumaFrame:
    """A frame with a clock in its lower left corner, so that it repeats none."""
    luma[-40:, :70] = (number * 37) % 200 + 20
    return luma_frame(number, luma)


class Probe:
    """Knows where the head is, by looking the thumbnail up; works on upright grey thumbnails only."""

    def __init__(self, boxes, delay_s: float = 0.0) -> None:
        self.boxes, self.delay_s, self.calls, self.threads = boxes, delay_s, [], set()

    def __call__(self, thumbnail: np.ndarray) -> list[Face]:
        time.sleep(self.delay_s)
        self.threads.add(threading.get_ident())
        self.calls.append(thumbnail)
        boxes = self.boxes(len(self.calls)) if callable(self.boxes) else self.boxes
        return [Face(box, ((0, 0),) * 5, 0.9) for box in boxes]


def face_at(x: int, y: int, scale: float = 1.0) -> Box:
    return Box(x + 47, y + 42, x + 142, y + 162).scaled(scale)


def run(frames, probe, *, top=1, settings=None) -> list:
    shortlist = Shortlist(settings or ScanSettings(candidates_per_pick=2), top, probe, None)
    for frame in frames:
        shortlist.add(frame)
    return shortlist.finish()


SCALE = ScanSettings().probe_long_edge_px / 854


def test_the_sharp_face_is_found_though_the_wall_is_sharp_elsewhere():
    frames = [
        luma_frame(i, stage(300, 100, 0.0 if 50 <= i < 53 else 3.0, wall_blur=4.0 if 50 <= i < 53 else 0.0))
        for i in range(90)
    ]
    best = max(run(frames, Probe([face_at(300, 100, SCALE)])), key=lambda c: c.scan_score)
    assert 50 <= best.pts // 512 < 53


def test_a_face_that_moves_between_two_searches_is_followed():
    def where(i):
        return 100 + 4 * i

    frames = [luma_frame(i, stage(where(i), 100, 0.0 if i == 17 else 3.0)) for i in range(61)]
    probe = Probe(lambda call: [face_at(where(30 * (call - 1)), 100, SCALE)])
    best = max(run(frames, probe), key=lambda c: c.scan_score)
    assert best.pts == 17 * 512


def test_candidates_ascend_and_are_no_more_than_asked_for():
    frames = [ticking(i, stage(300, 100, 2.0)) for i in range(120)]
    found = run(frames, Probe([face_at(300, 100, SCALE)]), top=12, settings=ScanSettings(candidates_per_pick=2))
    assert len(found) == 24
    assert [c.pts for c in found] == sorted({c.pts for c in found})
    assert found[-1].time_s - found[0].time_s > 2.5  # spread over the whole clip


@pytest.mark.parametrize("top", [1, 3, 7])
def test_as_many_moments_are_looked_at_for_a_few_cards_as_for_eight(top):
    frames = [luma_frame(i, stage(300, 100, abs(i % 20 - 10) / 3)) for i in range(150)]
    found = [run(frames, Probe([face_at(300, 100, SCALE)]), top=t, settings=ScanSettings()) for t in (top, 8)]
    assert found[0] == found[1]
    assert len(found[0]) == 96


def test_every_frame_is_a_candidate_where_there_are_few():
    frames = [ticking(i, stage(300, 100, 2.0)) for i in range(7)]
    assert [c.pts // 512 for c in run(frames, Probe([]))] == list(range(7))


def test_no_frames_give_no_candidates():
    assert run([], Probe([])) == []
    assert run([], None) == []


def test_without_a_detector_the_middle_of_the_frame_is_judged():
    frames = [luma_frame(i, stage(330, 60, 0.0 if i == 40 else 4.0, wall_blur=6.0)) for i in range(80)]
    assert max(run(frames, None), key=lambda c: c.scan_score).pts == 40 * 512


def test_a_frame_with_a_face_comes_before_frames_without():
    faces = Probe(lambda call: [face_at(300, 100, SCALE)] if call in (3, 4) else [])
    frames = [ticking(i, stage(300, 100, 1.0)) for i in range(180)]
    scores = {c.time_s: c.scan_score for c in run(frames, faces, top=64)}
    with_face = [s for t, s in scores.items() if 2.0 <= t <= 3.0]
    without = [s for t, s in scores.items() if t < 1.4 or t > 3.6]
    assert without  # a search may miss a face: they are kept
    assert min(with_face) > max(without)


def test_the_result_does_not_depend_on_how_long_the_search_for_faces_takes():
    frames = [luma_frame(i, stage(300, 100, abs(i % 20 - 10) / 3)) for i in range(70)]
    slow, fast = Probe([face_at(300, 100, SCALE)], delay_s=0.03), Probe([face_at(300, 100, SCALE)])
    assert run(frames, slow) == run(frames, fast)
    assert len(slow.threads) == 1


def test_faces_are_searched_about_every_interval_on_upright_grey_thumbnails():
    probe = Probe([])
    sideways = np.ascontiguousarray(np.rot90(stage(300, 100, 0)))
    turned = {"orientation": Orientation(1), "width": 854, "height": 480}
    run([luma_frame(i, sideways, **turned) for i in range(91)], probe, settings=ScanSettings(probe_long_edge_px=320))
    assert len(probe.calls) == 4
    assert all(t.shape == (180, 320) and t.dtype == np.uint8 and t.flags.c_contiguous for t in probe.calls)
    expected = cv2.resize(stage(300, 100, 0), (320, 180), interpolation=cv2.INTER_AREA)
    assert np.abs(probe.calls[0].astype(int) - expected).mean() < 2


def test_an_error_of_the_search_reaches_the_caller():
    def broken(thumbnail):
        raise ValueError("no such layer")

    with pytest.raises(ValueError, match="no such layer"):
        run([luma_frame(i, stage(300, 100, 0)) for i in range(61)], broken)


@pytest.mark.parametrize("quarter_turns", [0, 1, 2, 3])
def test_a_rotated_clip_is_judged_at_its_upright_face(quarter_turns):
    frames = []
    for i in range(40):
        upright = stage(300, 100, 0.0 if i == 22 else 3.0, wall_blur=3.0 if i == 22 else 0.0)
        stored = np.ascontiguousarray(np.rot90(upright, k=quarter_turns))
        frames.append(luma_frame(i, stored, orientation=Orientation(quarter_turns), width=854, height=480))
    best = max(run(frames, Probe([face_at(300, 100, SCALE)])), key=lambda c: c.scan_score)
    assert best.pts == 22 * 512


@pytest.mark.parametrize("kind", ["ten bits", "one field", "oblong pixels"])
def test_deep_interlaced_and_oblong_luma_find_the_same_moment(kind):
    frames = []
    for i in range(40):
        luma = stage(300, 100, 0.0 if i == 22 else 3.0, wall_blur=4.0 if i == 22 else 0.0)
        more = {"width": 854, "height": 480}
        if kind == "ten bits":
            luma, more["bit_depth"] = luma.astype(np.uint16) * 4, 10
        elif kind == "one field":
            luma = np.ascontiguousarray(luma[::2])
        else:
            luma = cv2.resize(luma, (640, 480), interpolation=cv2.INTER_AREA)
        frames.append(luma_frame(i, luma, **more))
    best = max(run(frames, Probe([face_at(300, 100, SCALE)])), key=lambda c: c.scan_score)
    assert best.pts == 22 * 512


def test_luma_is_not_needed_after_add():
    buffer = np.empty((480, 854), np.uint8)
    kept = [luma_frame(i, stage(300, 100, 0.0 if i == 30 else 2.5)) for i in range(50)]
    shortlist = Shortlist(ScanSettings(), 1, Probe([face_at(300, 100, SCALE)]), None)
    for frame in kept:
        buffer[:] = frame.luma
        shortlist.add(luma_frame(frame.pts // 512, buffer))
        buffer[:] = 0
    assert shortlist.finish() == run(kept, Probe([face_at(300, 100, SCALE)]), settings=ScanSettings())


def test_memory_does_not_grow_with_the_length_of_the_video():
    small = cv2.resize(stage(300, 100, 1.0), (320, 180), interpolation=cv2.INTER_AREA)
    shortlist = Shortlist(ScanSettings(probe_interval_s=0.5), 8, lambda thumbnail: [], None)

    def feed(first: int, last: int) -> int:
        for i in range(first, last):
            shortlist.add(luma_frame(i, small))
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    try:
        early, late = feed(0, 300), feed(300, 3000)
    finally:
        tracemalloc.stop()
    assert late - early < 2_000_000  # 2700 frames of 58 kB went by


# --- cuts ---------------------------------------------------------------------------------------------------------


def cut_frames(pictures) -> list[int]:
    detector, cuts = ShotBoundaryDetector(), []
    for i, picture in enumerate(pictures):
        new = detector.add(picture)
        if new:
            cuts.append(i - new + 1)
    return cuts


def other_scene() -> np.ndarray:
    return cv2.resize(np.ascontiguousarray(GREY[::-1, ::-1]), (854, 480))


def test_a_hard_cut_is_found_at_its_frame():
    assert cut_frames([stage(300, 100, 0)] * 20 + [other_scene()] * 20) == [20]


def test_a_flash_a_strobe_and_a_fade_of_the_light_are_no_cuts():
    still = stage(300, 100, 0).astype(np.float32)
    gains = [1.0] * 8 + [4.0, 1.0, 0.02, 1.0, 3.0, 0.3] * 4 + list(np.linspace(1, 0, 20)) + list(np.linspace(0, 1, 20))
    assert cut_frames([np.clip(still * g, 0, 255).astype(np.uint8) for g in gains]) == []


def test_a_wall_that_changes_behind_the_performer_is_no_cut():
    rng = np.random.default_rng(5)

    def frame(i):
        wall = rng.integers(0, 255, (30, 53), np.uint8)
        picture = cv2.resize(wall, (854, 480), interpolation=cv2.INTER_NEAREST)
        picture[40:480, 230:620] = cv2.resize(GREY[20:460, 60:450], (390, 440))
        return picture

    assert cut_frames([frame(i) for i in range(30)]) == []


@pytest.mark.parametrize("speed_px", [6, 14, 22])
def test_a_camera_that_pans_is_no_cut(speed_px):
    scene = cv2.resize(astronaut(), (1708, 1708), interpolation=cv2.INTER_CUBIC)[200:680, :, 1]
    places = [*range(30), *[29] * 8]  # and comes to rest
    assert cut_frames([np.ascontiguousarray(scene[:, i * speed_px :][:, :854]) for i in places]) == []


def test_one_foreign_frame_is_no_cut():
    assert cut_frames([stage(300, 100, 0)] * 10 + [other_scene()] + [stage(300, 100, 0)] * 10) == []


def test_moments_before_and_after_a_cut_belong_to_different_shots():
    frames = [stage(300, 100, 1)] * 25 + [other_scene()] * 25
    found = run([luma_frame(i, f) for i, f in enumerate(frames)], Probe([]), top=32)
    assert {c.shot for c in found if c.pts < 25 * 512} == {0}
    assert {c.shot for c in found if c.pts >= 25 * 512} == {1}


# --- parts --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("width", "height"), [(320, 240), (1280, 720), (1920, 1080), (1080, 1920), (3840, 2160)])
def test_frames_are_halved_until_they_are_small(width, height):
    small = reduced(luma_frame(0, np.full((height, width), 77, np.uint8))).pixels
    assert max(small.shape) <= MAX_LONG_EDGE_PX
    assert max(small.shape) >= min(MAX_LONG_EDGE_PX // 2, max(width, height))
    assert (small == 77).all()


@given(
    st.lists(st.tuples(st.integers(0, 3_000_000), st.floats(0, 1)), max_size=300, unique_by=lambda row: row[0]),
    st.integers(1, 60),
)
def test_the_shortlist_holds_the_best_moment_and_never_more_than_the_limit(rows, limit):
    moments = [Candidate(ms, ms / 1000, value, 0) for ms, value in rows]
    found = shortlisted(moments, limit)
    assert len(found) == min(limit, len(moments))
    assert [c.pts for c in found] == sorted({c.pts for c in found})
    if moments:
        scores = {m.pts: m.scan_score for m in moments}
        assert max(scores.values()) in {scores[c.pts] for c in found}


def test_what_is_kept_stays_small_and_keeps_the_best_of_every_part():
    best = BestPerSlot(None)
    for i in range(60_000):
        best.add(Candidate(i, i / 10, 0.9 if i % 6000 == 17 else (i * 7919 % 100) / 200, 0))
    assert len(list(best)) <= MAX_SLOTS * PER_SLOT
    assert {c.pts for c in shortlisted(best, 96)} >= {6000 * k + 17 for k in range(10)}


def test_the_place_of_a_face_is_interpolated_and_a_lost_face_is_held_for_half_the_time():
    before = Detection(0.0, (Box(0, 0, 100, 100), Box(800, 0, 900, 100)))
    after = Detection(1.0, (Box(100, 50, 200, 150),))
    moving, lost = face_paths(before, after)
    assert moving.at(0.5) == Box(50, 25, 150, 125)
    assert lost.at(0.4) == Box(800, 0, 900, 100)
    assert lost.at(0.6) is None
    assert face_paths(None, None) == []
