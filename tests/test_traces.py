from __future__ import annotations

import dataclasses

import cv2
import numpy as np
import pytest
import skimage.data

from fancam.enhancing import preparation
from fancam.enhancing.cleaning.blocks import luma_of
from fancam.enhancing.cleaning.deblock import Blocks
from fancam.enhancing.cleaning.traces import (
    BANDED_SHARE,
    BANDED_SHARE_PHOTO,
    NO_TRACES,
    Traces,
    level_steps,
    measure_traces,
    smooth_traces,
)
from fancam.enhancing.dithering import to_depth
from fancam.enhancing.preparation import Preparation
from fancam.enhancing.work import CropRequest, EnhanceJob
from fancam.geometry import Box
from fancam.settings import CleanSettings
from tests.noisy_pictures import noisy, scene

EIGHT = np.dtype(np.uint8)
SIDE = 256


def slope() -> np.ndarray:
    """Light that falls off over a dark wall, as it was before it was rounded."""
    y, x = np.mgrid[:SIDE, :SIDE]
    grey = 12 + 28 * np.exp(-np.hypot(x - 80, y - 90) / 120)
    return np.stack([grey, grey * 0.9, grey * 1.2], axis=-1)


def coded(truth: np.ndarray, step: float = 2.0) -> np.ndarray:
    """The picture as a coder leaves it that keeps every second level of its luma."""
    planes = cv2.cvtColor((truth / 255).astype(np.float32), cv2.COLOR_RGB2YCrCb)
    planes[..., 0] = np.rint(planes[..., 0] * 255 / step) * step / 255
    return np.clip(np.rint(cv2.cvtColor(planes, cv2.COLOR_YCrCb2RGB) * 255), 0, 255).astype(np.uint8)


def error(truth: np.ndarray, picture: np.ndarray) -> float:
    levels = picture / (257 if picture.dtype == np.uint16 else 1)
    return float(np.sqrt(np.square(levels - truth).mean()))


def test_a_banded_slope_is_found_and_becomes_smooth():
    truth, banded = slope(), coded(slope())
    traces = measure_traces(banded)
    assert traces.share > 0.5
    assert 1 <= traces.steps[0] <= 2.6
    smooth = smooth_traces(banded, traces)
    assert smooth.dtype == np.uint16
    assert error(truth, smooth) < 0.75 * error(truth, banded)
    jump = [np.percentile(np.abs(np.diff(luma_of(one), axis=1)), 99) for one in (banded, smooth)]
    assert jump[1] < 0.4 * jump[0]


@pytest.mark.parametrize("step", [1.0, 2.0, 3.5])
def test_steps_become_slopes_within_half_their_height(step):
    truth = slope()[..., 0].astype(np.float32)
    plane = (np.rint(truth / step) * step).astype(np.float32)
    level = level_steps(plane, step)
    assert np.abs(level - plane).max() <= step / 2 + 1e-3
    assert np.percentile(np.abs(np.diff(level)), 99.5) < 0.55 * step
    assert np.square(level - truth).mean() < 0.6 * np.square(plane - truth).mean()


def test_an_edge_stays_an_edge():
    plane = np.full((64, 64), 20, np.float32)
    plane[:, 32:] = 60
    np.testing.assert_allclose(level_steps(plane, 2.0), plane, atol=1e-3)


@pytest.mark.parametrize(
    "picture",
    [noisy(scene(), 1.5), noisy(slope(), 0.6), skimage.data.chelsea()[:256, 60:316], skimage.data.coffee()[:256, :256]],
    ids=["noise", "dark wall", "fur", "cup"],
)
def test_nothing_is_found_where_nothing_was_coded(picture):
    assert measure_traces(picture).share < min(BANDED_SHARE, BANDED_SHARE_PHOTO)


def test_texture_beside_a_banded_wall_stays_bit_for_bit():
    picture = coded(slope())
    picture[:, 128:] = noisy(scene(), 6)[:, 128:]
    smooth = smooth_traces(picture, measure_traces(picture))
    np.testing.assert_array_equal(smooth[:, 160:], picture[:, 160:].astype(np.uint16) * 257)
    assert (smooth[:, :96] != picture[:, :96].astype(np.uint16) * 257).mean() > 0.5


def test_waves_around_an_edge_on_a_plain_wall_are_taken_out_and_the_edge_is_not():
    truth = np.full((SIDE, SIDE, 3), 40.0)
    truth[:, 100:104] = 160
    distance = np.abs(np.arange(SIDE) - 101.5)
    waves = 3 * np.cos(distance * 2) * (distance < 9) * (distance > 2)
    picture = np.clip(np.rint(truth + waves[None, :, None]), 0, 255).astype(np.uint8)
    smooth = smooth_traces(picture, Traces(0.5, (2.0, 1.5, 1.5)))
    around = (distance < 9) & (distance > 3)
    assert error(truth[:, around], smooth[:, around]) < 0.5 * error(truth[:, around], picture[:, around])
    assert np.abs(smooth[:, 100:104] / 257 - 160).max() < 4


def test_a_fused_picture_of_twice_the_size_is_smoothed_by_what_was_coded():
    banded, truth = coded(slope()), slope()
    large = cv2.resize(banded, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)
    smooth = smooth_traces(large, measure_traces(banded), grid=2)
    assert smooth.shape == (2 * SIDE, 2 * SIDE, 3)
    small = cv2.resize(smooth, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    assert error(truth, small) < 0.85 * error(truth, banded)


def test_the_result_does_not_depend_on_the_tiles_of_a_large_picture():
    wide = np.ascontiguousarray(np.tile(coded(slope())[:96], (1, 9, 1)))
    traces = measure_traces(wide)
    whole = smooth_traces(wide, traces)
    np.testing.assert_array_equal(smooth_traces(wide[:, 1600:], traces)[:, 330:], whole[:, 1930:])


@pytest.mark.parametrize("shape", [(1, 1, 3), (8, 8, 3), (5, 200, 3), (40, 40, 3)])
def test_small_pictures_come_back(shape):
    picture = np.full(shape, 30, np.uint8)
    assert measure_traces(picture) == NO_TRACES
    assert smooth_traces(picture, Traces(0.5, (2.0, 1.5, 1.5))).shape == shape


# --- dithering ----------------------------------------------------------------------------------------------------


def test_eight_bits_of_a_slope_keep_its_mean_and_have_no_contours():
    truth = np.tile(np.linspace(20, 24, SIDE), (SIDE, 1))[..., None].repeat(3, axis=-1)
    print_ = to_depth(np.rint(truth * 257).astype(np.uint16), EIGHT)
    assert np.abs(print_ - truth).max() < 1
    mean, rounded = (cv2.blur(one.astype(np.float32), (16, 16)) for one in (print_, np.rint(truth)))
    inner = np.s_[8:-8, 8:-8]
    assert np.abs(mean - truth)[inner].max() < 0.1 < np.abs(rounded - truth)[inner].max()


def test_whole_levels_and_the_type_that_is_there_stay_and_the_same_pixels_give_the_same_bytes():
    levels = np.arange(256, dtype=np.uint8).reshape(16, 16, 1).repeat(3, axis=-1)
    assert to_depth(levels, EIGHT) is levels
    deep = to_depth(levels, np.dtype(np.uint16))
    np.testing.assert_array_equal(to_depth(deep, EIGHT), levels)
    uneven = np.random.default_rng(0).integers(0, 65536, (300, 70, 3)).astype(np.uint16)
    np.testing.assert_array_equal(to_depth(uneven, EIGHT), to_depth(uneven.copy(), EIGHT))


# --- in the chain -------------------------------------------------------------------------------------------------


def job_of(pixels: np.ndarray, **more) -> EnhanceJob:
    clean = CleanSettings(denoise="off", descreen="off", **more)
    return EnhanceJob("it", CropRequest(pixels, Box(0, 0, SIDE, SIDE), 300, 300), is_video=True, clean=clean)


def test_what_was_measured_and_smoothed_is_said_and_off_leaves_it():
    banded = coded(slope())
    prepared = Preparation()(job_of(banded))
    assert prepared.cleaned.smoothed
    assert prepared.cleaned.touched
    assert prepared.cleaned.banded_share > 0.5
    assert prepared.crop.pixels.dtype == np.uint16
    left = Preparation()(job_of(banded, deblock="off"))
    assert not left.cleaned.smoothed
    assert left.crop.pixels is banded


def test_low_seams_of_video_go_with_the_rest_and_those_of_a_photo_on_their_own(monkeypatch):
    banded = coded(slope())
    seams = Blocks(np.ones((3, 64), np.float32), None)
    monkeypatch.setattr(preparation, "find_blocks", lambda *_: seams)
    monkeypatch.setattr(preparation, "deblock", lambda picture, _: picture + np.uint8(1))
    found = {
        video: Preparation()(dataclasses.replace(job_of(banded), is_video=video)).cleaned for video in (True, False)
    }
    assert (found[True].smoothed, found[True].deblocked) == (True, False)
    assert (found[False].smoothed, found[False].deblocked) == (False, True)


def test_a_clean_frame_goes_on_as_it_is():
    frame = noisy(scene(), 1.5)
    job = job_of(frame)
    assert Preparation()(job).crop.pixels is frame
    assert not Preparation()(dataclasses.replace(job, is_video=False)).cleaned.smoothed
