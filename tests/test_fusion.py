from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fancam.enhancing.fusion import merge
from fancam.enhancing.fusion.align import coarse_shift, luma_of, motion_between, warped
from fancam.enhancing.fusion.fuse import GRID, fuse
from fancam.enhancing.fusion.gate import Artefacts, MergeStatistics, expected_gain_db, measure_artefacts
from fancam.geometry import Box
from fancam.media import NeighbourFrame
from fancam.settings import FuseSettings

HIGH, WIDE = 168, 120
FACE = Box(35, 40, 85, 105)
EVERY = FuseSettings(min_gain_db=0)


def scene(seed=3, scale=4):
    """A crisp picture four times as fine as the frames: bright patches with edges, like a face before a stage."""
    rng = np.random.default_rng(seed)
    size = ((WIDE + 80) * scale, (HIGH + 80) * scale)
    out = np.zeros((size[1], size[0], 3), np.float32)
    for cells, share in ((9, 0.5), (40, 0.35), (150, 0.15)):
        coarse = rng.uniform(20, 235, (cells * 7 // 5, cells, 3)).astype(np.float32)
        out += share * cv2.resize(coarse, size, interpolation=cv2.INTER_CUBIC)
    return np.clip(out, 0, 255)


SCENE = scene()


def frame(dx=0.0, dy=0.0, *, sigma=6.0, seed=0, light=1.0, truth=SCENE):
    """What a camera shifted by (dx, dy) of its pixels sees."""
    move = np.array([[1, 0, (40 + dx) * 4], [0, 1, (40 + dy) * 4]], np.float64)
    size = (WIDE * 4, HIGH * 4)
    part = cv2.warpAffine(truth, move, size, flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
    small = cv2.resize(part, (WIDE, HIGH), interpolation=cv2.INTER_AREA) * light
    noise = np.random.default_rng(seed).normal(0, sigma, small.shape) if sigma else 0.0
    return np.clip(np.rint(small + noise), 0, 255).astype(np.uint8)


def moving(count=8, *, sigma=6.0, step=0.8, **more):
    half = count // 2
    offsets = [i for i in range(-half, count - half + 1) if i != 0][:count]
    return [
        NeighbourFrame(frame(i * step, -0.6 * i * step, sigma=sigma, seed=100 + i, **more), i, i / 30)
        for i in sorted(offsets)
    ]


def error(picture, truth):
    inner = (slice(16, -16), slice(16, -16))
    return float(np.sqrt(np.mean((picture[inner].astype(np.float32) - truth[inner].astype(np.float32)) ** 2)))


def fine_truth():
    return cv2.resize(
        SCENE[160 : 160 + HIGH * 4, 160 : 160 + WIDE * 4], (WIDE * 2, HIGH * 2), interpolation=cv2.INTER_AREA
    )


def enlarged(picture):
    return cv2.resize(picture, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)


# --- what it gains --------------------------------------------------------------------------------------------------


def test_noise_goes_down_and_the_picture_is_on_the_finer_grid():
    reference = frame()
    fused = fuse(reference, moving(), FuseSettings(), face=FACE)
    assert fused.grid == GRID and fused.pixels.shape == (HIGH * 2, WIDE * 2, 3) and fused.pixels.dtype == np.uint8
    assert fused.frames_used == fused.frames_offered == 9
    assert error(fused.pixels, fine_truth()) < 0.6 * error(enlarged(reference), fine_truth())
    assert fused.expected_gain_db >= 0.2
    assert fused.residual_noise is not None and fused.residual_noise < 4


def test_where_the_print_holds_no_more_the_picture_stays_on_the_grid_of_the_source():
    reference = frame()
    fused = fuse(reference, moving(), FuseSettings(), face=FACE, grid=1)
    truth = cv2.resize(fine_truth(), (WIDE, HIGH), interpolation=cv2.INTER_AREA)
    assert fused.grid == 1
    assert fused.pixels.shape == reference.shape
    assert fused.evidence_frames.shape == reference.shape[:2]
    assert error(fused.pixels, truth) < 0.55 * error(reference, truth)


@pytest.mark.parametrize("grid", [1, 2])
def test_strips_leave_no_seam(monkeypatch, grid):
    reference, neighbours = frame(), moving(4)
    whole, parts = (
        [monkeypatch.setattr(merge, "STRIP_ROWS", rows), fuse(reference, neighbours, EVERY, face=FACE, grid=grid)][1]
        for rows in (4 * HIGH, 16)
    )
    far = np.abs(whole.pixels.astype(int) - parts.pixels)
    assert far.max() <= 1  # where a sum in single precision lies half way between two levels
    assert np.mean(far > 0) < 1e-3


def test_fused_picture_is_not_shifted_against_the_reference():
    fused = fuse(frame(sigma=2), moving(sigma=2), EVERY, face=FACE)
    moved, _ = cv2.phaseCorrelate(
        luma_of(np.ascontiguousarray(fused.pixels)), luma_of(np.clip(fine_truth(), 0, 255).astype(np.uint8)),
        cv2.createHanningWindow((WIDE * 2, HIGH * 2), cv2.CV_32F),
    )  # fmt: skip
    assert np.hypot(*moved) < 0.1


def test_evidence_counts_the_frames_that_agree():
    fused = fuse(frame(), moving(), EVERY, face=FACE)
    assert fused.evidence_frames.dtype == np.float32 and fused.evidence_frames.shape == fused.pixels.shape[:2]
    assert fused.evidence_frames.min() >= 1
    assert 6 < float(np.median(fused.evidence_frames)) <= 9.001


def test_same_input_gives_the_same_bytes_with_any_number_of_threads(monkeypatch):
    import sys

    reference, neighbours = frame(), moving(5)
    first = fuse(reference, neighbours, EVERY, face=FACE)
    # How many frames are aligned at once has no face: it must not be seen.
    monkeypatch.setattr(sys.modules["fancam.enhancing.fusion.fuse"], "THREADS", 1)
    again = fuse(reference, list(reversed(neighbours)), EVERY, face=FACE)
    assert np.array_equal(first.pixels, again.pixels)
    assert np.array_equal(first.evidence_frames, again.evidence_frames)


def test_inputs_stay_as_they_were():
    reference, neighbours = frame(), moving(3)
    before = [reference.copy(), *(neighbour.pixels.copy() for neighbour in neighbours)]
    fuse(reference, neighbours, EVERY, face=FACE)
    assert all(np.array_equal(a, b) for a, b in zip(before, [reference, *(k.pixels for k in neighbours)], strict=True))


def test_no_more_frames_than_asked_for_and_the_nearest_first():
    fused = fuse(frame(), moving(8), FuseSettings(fuse="3", min_gain_db=0), face=FACE)
    assert fused.frames_used == 3 and fused.frames_offered == 9


# --- where there is nothing to fuse ---------------------------------------------------------------------------------


def single(fused, reference):
    return fused.grid == 1 and fused.frames_used == 1 and np.array_equal(fused.pixels, reference) and fused.reason


def test_no_looks_gives_the_reference_back():
    reference = frame()
    fused = fuse(reference, [], FuseSettings(), face=FACE)
    assert single(fused, reference) and fused.expected_gain_db == 0 and fused.residual_noise is None
    assert "no neighbouring" in fused.reason and np.all(fused.evidence_frames == 1)


def test_switched_off_gives_the_reference_back():
    reference = frame()
    assert single(fuse(reference, moving(3), FuseSettings(fuse="off"), face=FACE), reference)


def test_one_look_is_enough_to_try():
    fused = fuse(frame(), moving(1), EVERY, face=FACE)
    assert fused.frames_used == 2


def test_gain_below_the_least_wanted_gives_the_reference_back_and_says_so():
    reference = frame()
    fused = fuse(reference, moving(4), FuseSettings(min_gain_db=20), face=FACE)
    assert single(fused, reference) and "below 20 dB" in fused.reason and fused.expected_gain_db > 0


@pytest.mark.parametrize("side", [-1, 1])
def test_looks_behind_a_cut_are_left_out(side):
    other = scene(seed=77)
    neighbours = [
        NeighbourFrame(frame(seed=50 + i, truth=other), i, i / 30) if i * side > 1 else k
        for k, i in ((k, k.pts) for k in moving(8))
    ]
    fused = fuse(frame(), neighbours, EVERY, face=FACE)
    clean = fuse(frame(), [k for k in neighbours if k.pts * side <= 1], EVERY, face=FACE)
    assert fused.frames_used == clean.frames_used == 6
    assert np.array_equal(fused.pixels, clean.pixels)
    assert "1 frames" in fused.reason or "1 frame" in fused.reason


def test_all_looks_behind_cuts_give_the_reference_back():
    reference = frame()
    neighbours = [NeighbourFrame(frame(seed=50 + i, truth=scene(seed=90 + i)), i, i / 30) for i in (-2, -1, 1, 2)]
    assert single(fuse(reference, neighbours, EVERY, face=FACE), reference)


def test_a_face_that_leaves_the_region_is_left_out():
    neighbours = moving(4) + [NeighbourFrame(frame(WIDE * 0.9 + i, seed=i, truth=SCENE), i, i / 30) for i in (5, 6)]
    fused = fuse(frame(), neighbours, EVERY, face=FACE)
    assert fused.frames_used == 5


def test_an_object_in_front_of_the_face_leaves_no_ghost():
    neighbours = []
    for neighbour in moving(8):
        pixels = neighbour.pixels.copy()
        if neighbour.pts > 0:
            cv2.rectangle(pixels, (50, 55), (75, 90), (250, 20, 20), -1)
        neighbours.append(NeighbourFrame(pixels, neighbour.pts, neighbour.offset_s))
    fused = fuse(frame(), neighbours, EVERY, face=FACE)
    hidden = (slice(122, 168), slice(112, 138))
    shown = np.abs(fused.pixels[hidden].astype(np.float32).mean((0, 1)) - fine_truth()[hidden].mean((0, 1)))
    assert shown.max() < 4
    assert float(fused.evidence_frames[hidden].mean()) < 6.0
    assert float(np.median(fused.evidence_frames[240:])) > 7


def test_flashing_light_is_matched_not_rejected():
    lit = [
        NeighbourFrame(frame(0.5 * i, 0, seed=i + 9, light=1.0 + 0.18 * (-1) ** i), i, i / 30)
        for i in (-4, -3, -2, -1, 1, 2, 3, 4)
    ]
    reference = frame(light=0.85)
    fused = fuse(reference, lit, EVERY, face=FACE)
    assert fused.frames_used == 9 and float(np.median(fused.evidence_frames)) > 4
    assert abs(float(fused.pixels.mean()) - float(reference.mean())) < 1.0
    assert fused.residual_noise is not None and fused.residual_noise < 5


# --- frames that are no new information -----------------------------------------------------------------------------


def test_repeated_frames_are_no_evidence():
    reference = frame()
    neighbours = [NeighbourFrame(reference.copy(), i, i / 30) for i in (-3, -2, -1, 1, 2, 3)]
    fused = fuse(reference, neighbours, EVERY, face=FACE)
    assert single(fused, reference) and fused.expected_gain_db == 0 and "repeated" in fused.reason


def test_frames_shown_twice_count_once():
    neighbours = moving(6)
    doubled = [
        NeighbourFrame(k.pixels, 2 * k.pts + extra, (2 * k.pts + extra) / 60) for k in neighbours for extra in (0, 1)
    ]
    once = fuse(frame(), neighbours, EVERY, face=FACE)
    twice = fuse(frame(), doubled, FuseSettings(fuse="15", min_gain_db=0), face=FACE)
    assert twice.frames_used == once.frames_used
    assert float(np.median(twice.evidence_frames)) == pytest.approx(float(np.median(once.evidence_frames)), rel=0.02)


def test_blocks_an_encoder_copied_are_no_evidence():
    reference = frame()
    neighbours = []
    for neighbour in moving(6, step=0.0):
        pixels = neighbour.pixels.copy()
        pixels[:, :60] = reference[:, :60]
        neighbours.append(NeighbourFrame(pixels, neighbour.pts, neighbour.offset_s))
    fused = fuse(reference, neighbours, EVERY, face=FACE)
    assert float(np.median(fused.evidence_frames[:, :100])) == pytest.approx(1, abs=0.05)
    assert float(np.median(fused.evidence_frames[:, 140:])) > 5


# --- odd pictures ---------------------------------------------------------------------------------------------------


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 60), st.integers(1, 60), st.integers(0, 2**16), st.sampled_from([0, 7, 128, 255]), st.booleans())
def test_any_size_and_any_face_box_come_back(high, wide, seed, level, uniform):
    rng = np.random.default_rng(seed)
    shape = (high, wide, 3)
    make = lambda: np.full(shape, level, np.uint8) if uniform else rng.integers(0, 256, shape, np.uint8)  # noqa: E731 - short
    x0, y0, x1, y1 = rng.uniform(-20, 80, 4)
    fused = fuse(
        make(), [NeighbourFrame(make(), 1, 0.03), NeighbourFrame(make(), -1, -0.03)], EVERY, face=Box(x0, y0, x1, y1)
    )
    assert fused.pixels.shape == (high * fused.grid, wide * fused.grid, 3)
    assert fused.evidence_frames.shape == fused.pixels.shape[:2] and np.all(fused.evidence_frames >= 1)
    assert np.isfinite(fused.expected_gain_db) and fused.reason


def test_no_face_box_means_the_middle():
    assert fuse(frame(), moving(4), EVERY).frames_used == 5


# --- the parts ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("dx", "dy"), [(3, -5), (-9, 4), (12, 0)])
def test_coarse_shift_follows_the_face(dx, dy):
    region = (30, 35, 90, 110)
    (x, y), fit = coarse_shift(luma_of(frame()), luma_of(frame(dx, dy, seed=5)), region, (0.0, 0.0))
    assert (x, y) == pytest.approx((-dx, -dy), abs=1.1) and fit > 0.8


@pytest.mark.parametrize("step", [1, 2])
def test_motion_is_accurate_below_a_pixel(step):
    reference, neighbour = frame(sigma=1), frame(1.3, -0.7, sigma=1, seed=5)
    motion = motion_between(luma_of(reference), luma_of(neighbour), (0.0, 0.0), step)
    xs, ys = motion.places(20, HIGH - 20)
    assert np.median((xs - np.arange(WIDE))[:, 20:-20]) == pytest.approx(-1.3, abs=0.08)
    assert np.median((ys - np.arange(20, HIGH - 20)[:, None])[:, 20:-20]) == pytest.approx(0.7, abs=0.08)
    assert error(warped(neighbour, motion), reference) < 0.6 * error(neighbour, reference)


@pytest.mark.parametrize("size", [(61, 45), (64, 46)])
@pytest.mark.parametrize("step", [1, 2])
@pytest.mark.parametrize("grid", [1, 2])
def test_rows_lie_where_they_lie_in_the_whole_picture(size, step, grid):
    reference, neighbour = (luma_of(frame(0.4 * k, seed=k)[: size[0], : size[1]]) for k in (0, 1))
    motion = motion_between(reference, neighbour, (0.0, 0.0), step)
    whole = motion.places(0, size[0], grid)
    parts = [motion.places(top, min(top + 16, size[0]), grid) for top in range(0, size[0], 16)]
    for axis in (0, 1):
        assert whole[axis].shape == (size[0] * grid, size[1] * grid)
        np.testing.assert_array_equal(np.concatenate([part[axis] for part in parts]), whole[axis])


def merge_of(*, stairs=1.6, noise=0.8, seen=0.8, crispness=-1.2, quantiser=24.0):
    return MergeStatistics(Artefacts(2.0, 1.0), Artefacts(stairs, noise), seen, crispness, quantiser)


def test_expected_gain_falls_with_the_quantiser_and_rises_with_the_noise_taken_away():
    gains = [expected_gain_db(merge_of(quantiser=q)) for q in (20.0, 28.0, 32.0, 38.0, 50.0)]
    assert gains == sorted(gains, reverse=True) and gains[0] > 0.2 > gains[-1]
    assert expected_gain_db(merge_of(noise=0.4)) > expected_gain_db(merge_of())


def test_no_gain_is_expected_where_most_frames_show_another_face():
    assert expected_gain_db(merge_of(seen=0.2)) == 0


def test_a_large_change_by_few_frames_is_not_believed():
    small, large = (
        [expected_gain_db(merge_of(stairs=stairs, seen=s)) for s in (0.5, 0.7, 0.9)] for stairs in (1.95, 1.6)
    )
    assert large == sorted(large) and large[0] == 0 < 0.2 < large[2]
    assert min(small) > 0.2


def test_no_gain_is_expected_of_a_soft_picture_that_was_clean_and_finely_coded():
    clean = {"stairs": 2.0, "noise": 1.0}
    assert expected_gain_db(merge_of(crispness=-1.6, **clean)) == 0
    assert min(expected_gain_db(m) for m in (merge_of(**clean), merge_of(crispness=-1.6))) > 0.2


def test_an_edge_without_steps_has_no_staircase_and_one_with_steps_has():
    ys, xs = np.mgrid[0:160, 0:160].astype(np.float32)
    smooth = 128 + 80 * np.tanh((xs + 0.35 * ys - 110) / 3)
    stepped = 128 + 80 * np.tanh((np.floor(xs / 4) * 4 + 0.35 * np.floor(ys / 4) * 4 - 108) / 3)
    ragged, clean = measure_artefacts((np.asarray(stepped, np.float32), np.asarray(smooth, np.float32)), GRID)
    assert ragged.staircase > 8 * clean.staircase and max(ragged.noise, clean.noise) < 0.1


# --- the gate -------------------------------------------------------------------------------------------------------


def uploaded(dx=0.0, dy=0.0):
    """What an upload of an upload shows: reduced without a filter, so that edges are stairs, and enlarged again."""
    move = np.array([[1, 0, (40 + dx) * 4], [0, 1, (40 + dy) * 4]], np.float64)
    part = cv2.warpAffine(SCENE, move, (WIDE * 4, HIGH * 4), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
    small = cv2.resize(part, (WIDE * 2 // 3, HIGH * 2 // 3), interpolation=cv2.INTER_LINEAR)
    large = cv2.resize(small, (WIDE, HIGH), interpolation=cv2.INTER_LINEAR)
    return np.clip(np.rint(large), 0, 255).astype(np.uint8)


def reupload(count=8, quantiser=24.0):
    offsets = [i for i in range(-count // 2, count // 2 + 1) if i]
    return [NeighbourFrame(uploaded(0.77 * i, -0.43 * i), i, i / 30, quantiser) for i in offsets]


def test_an_upload_of_an_upload_with_stairs_and_motion_is_fused_and_says_what_that_takes_away():
    fused = fuse(uploaded(), reupload(), FuseSettings(), face=FACE)
    assert fused.frames_used > 5 and fused.grid == GRID
    assert "frames agree" in fused.reason and "% less" in fused.reason.split("staircase")[1]
    assert error(fused.pixels, fine_truth()) < error(enlarged(uploaded()), fine_truth())


def test_a_coarsely_coded_clip_gives_the_reference_back_and_says_so():
    reference = uploaded()
    fused = fuse(reference, reupload(quantiser=44.0), FuseSettings(), face=FACE)
    assert single(fused, reference) and "quantiser 44" in fused.reason


def test_neighbours_blurred_by_motion_give_the_reference_back():
    kernel = np.full((1, 9), 1 / 9, np.float32)
    neighbours = [
        NeighbourFrame(cv2.filter2D(k.pixels, -1, kernel), k.pts, k.offset_s, 24.0) for k in moving(8, sigma=1.0)
    ]
    reference = frame(sigma=1.0)
    fused = fuse(reference, neighbours, FuseSettings(), face=FACE)
    assert single(fused, reference) and "8 of the frames are blurred" in fused.reason


def test_an_expression_that_changed_stays_that_of_the_picked_frame():
    closed = [k.pixels.copy() for k in moving(8, sigma=1.0, step=0.3)]
    for pixels in closed:
        cv2.ellipse(pixels, (60, 62), (12, 5), 0, 0, 360, (225, 190, 170), -1)
    neighbours = [NeighbourFrame(p, k.pts, k.offset_s, 24.0) for p, k in zip(closed, moving(8), strict=True)]
    fused = fuse(frame(sigma=1.0), neighbours, FuseSettings(), face=FACE)
    if fused.frames_used == 1:
        return
    eye = (slice(2 * 60, 2 * 65), slice(2 * 53, 2 * 67))
    there = np.abs(fused.pixels[eye].astype(np.float32) - fine_truth()[eye]).mean()
    assert there < 6 and float(np.median(fused.evidence_frames[eye])) < 2
