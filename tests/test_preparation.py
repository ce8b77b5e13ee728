from __future__ import annotations

import dataclasses

import cv2
import numpy as np
import pytest
import skimage.data

from fancam.enhancing import preparation
from fancam.enhancing.cleaning import denoise as cleaning_denoise
from fancam.enhancing.enhancer import replace_plain
from fancam.enhancing.fusion.fuse import Fused
from fancam.enhancing.preparation import Preparation
from fancam.enhancing.resolution import is_soft, measure_resolution
from fancam.enhancing.work import CropRequest, EnhanceJob, plain_print
from fancam.geometry import Box
from fancam.media import NeighbourFrame
from fancam.results import Face
from fancam.settings import CleanSettings, FuseSettings
from tests.noisy_pictures import textured

SIDE = 240
NOTHING = CleanSettings(denoise="off", deblock="off", descreen="off")
FACE = Face(Box(90, 80, 150, 160), ((105, 110), (135, 110), (120, 125), (108, 140), (132, 140)), 0.9)


@pytest.fixture(scope="module")
def portrait() -> np.ndarray:
    return np.ascontiguousarray(skimage.data.astronaut()[0:SIDE, 100 : 100 + SIDE])


def noisy(picture: np.ndarray, sigma: float = 12, seed: int = 1) -> np.ndarray:
    return np.clip(picture + np.random.default_rng(seed).normal(0, sigma, picture.shape), 0, 255).astype(np.uint8)


def job_of(pixels: np.ndarray, box: Box | None = None, **more) -> EnhanceJob:
    height, width = pixels.shape[:2]
    return EnhanceJob("it", CropRequest(pixels, box or Box(0, 0, width, height), 480, 480), (FACE,), **more)


def fused_of(pixels: np.ndarray, used: int = 9) -> Fused:
    height, width = pixels.shape[:2]
    return Fused(
        pixels=pixels, grid=2, frames_used=used, frames_offered=15, expected_gain_db=1.5,
        evidence_frames=np.full((height, width), 5, np.float32), residual_noise=1.0, reason="they agree",
    )  # fmt: skip


def test_a_picture_that_needs_nothing_goes_on_as_it_is(portrait):
    job = job_of(portrait)
    prepared = Preparation()(dataclasses.replace(job, clean=NOTHING))
    assert prepared.crop.pixels is job.request.pixels and prepared.crop.box == job.request.box
    assert prepared.faces == (FACE,)
    assert prepared.crop.finer is None
    assert prepared.grain is None
    assert not prepared.cleaned.touched
    assert prepared.fusion.frames_used == 1
    assert prepared.fusion.reason


def test_noise_is_taken_out_around_what_is_shown_and_the_face_found_again_in_the_frame(portrait):
    frame = noisy(portrait)
    before = frame.copy()
    box = Box(80.5, 70.25, 160.5, 170.25)
    job = job_of(frame, box)
    prepared = Preparation()(job)
    np.testing.assert_array_equal(frame, before)
    assert prepared.cleaned.denoiser == "builtin"
    assert prepared.cleaned.noise_luma == pytest.approx(12 * 0.67, rel=0.4)
    (face,) = prepared.faces
    assert face != FACE
    assert prepared.in_frame(face) == FACE
    shown = plain_print(prepared.crop, "lanczos").astype(float)
    truth = plain_print(dataclasses.replace(job.request, pixels=portrait), "lanczos").astype(float)
    raw = plain_print(job.request, "lanczos").astype(float)
    assert np.square(shown - truth).mean() < 0.5 * np.square(raw - truth).mean()  # also: it lies where it lay


def test_a_frame_with_far_more_pixels_than_its_print_is_cleaned_with_fewer(portrait, monkeypatch):
    truth = cv2.resize(portrait, (5 * SIDE, 5 * SIDE), interpolation=cv2.INTER_CUBIC)
    sizes = []
    monkeypatch.setattr(
        preparation,
        "denoise",
        lambda pixels, *args: sizes.append(pixels.shape[:2]) or cleaning_denoise.denoise(pixels, *args),
    )
    request = CropRequest(noisy(truth, 30), Box(0, 0, 5 * SIDE, 5 * SIDE), SIDE, SIDE)
    job = EnhanceJob("it", request, is_video=True, clean=CleanSettings(denoise="1"))
    prepared = Preparation()(job)
    assert sizes == [(2 * SIDE, 2 * SIDE)]
    assert prepared.crop.scale == request.scale
    errors = [
        np.square(plain_print(made, "lanczos").astype(float) - plain_print(clean, "lanczos")).mean()
        for clean in [dataclasses.replace(request, pixels=truth)]
        for made in (prepared.crop, request)
    ]
    assert errors[0] < 0.7 * errors[1]


def test_the_strength_follows_the_settings(portrait):
    frame = noisy(portrait)
    for denoise, strength in (("off", 0), ("auto", 1), ("0.4", 0.4)):
        cleaned = Preparation()(job_of(frame, clean=CleanSettings(denoise=denoise))).cleaned
        assert cleaned.denoise_strength == strength
        assert (cleaned.denoiser is None) == (strength == 0)
        assert cleaned.noise_luma > 3


def test_texture_is_cleaned_only_where_a_strength_is_asked_for():
    gravel = textured("gravel", SIDE)
    alone, asked = (Preparation()(job_of(gravel, clean=CleanSettings(denoise=word))).cleaned for word in ("auto", "1"))
    assert (alone.denoiser, alone.noise_evidence) == (None, ())
    assert (asked.denoiser, asked.noise_evidence) == ("builtin", ())


def test_a_frame_of_a_video_is_searched_for_no_halftone(portrait, monkeypatch):
    monkeypatch.setattr(preparation, "find_screens", lambda *_: pytest.fail("it was searched"))
    Preparation()(job_of(portrait, is_video=True))


def test_grain_is_measured_taken_out_and_handed_on():
    frame = noisy(skimage.data.astronaut(), 10)
    prepared = Preparation()(job_of(frame, clean=CleanSettings(grain="0.5", descreen="off")))
    assert prepared.grain is not None
    assert prepared.cleaned.grain == prepared.grain.sigma
    assert prepared.cleaned.grain_strength == 0.5
    assert prepared.cleaned.denoiser is None  # the grain was what there was of noise
    rough = [np.abs(np.diff(pixels.astype(float), axis=1)).mean() for pixels in (prepared.crop.pixels, frame)]
    assert rough[0] < 0.6 * rough[1]


def test_what_is_the_same_all_over_a_picture_is_measured_once_on_all_of_it(portrait, monkeypatch):
    seen = []
    monkeypatch.setattr(preparation, "find_screens", lambda pixels, *_: seen.append(pixels.shape) or ())
    prepare = Preparation()
    for x in (0, 40):
        prepare(job_of(portrait, Box(x, 0, x + 60, 60)))
    assert seen == [portrait.shape]
    prepare(job_of(portrait.copy(), Box(0, 0, 60, 60)))
    assert len(seen) == 2


# --- several frames -----------------------------------------------------------------------------------------------


def neighbours_of(pixels: np.ndarray, count: int = 4) -> tuple[NeighbourFrame, ...]:
    return tuple(NeighbourFrame(pixels, number, number / 30) for number in range(count))


def test_a_fused_picture_lies_where_its_reference_lay(portrait, monkeypatch):
    region, box = Box(40, 30, 200, 210), Box(60.5, 50.5, 180.5, 170.5)
    seen = {}

    def fuse(reference, neighbours, settings, *, face=None, grid=2):
        seen.update(reference=reference, face=face, frames=settings.frames)
        return fused_of(cv2.resize(reference, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC))

    monkeypatch.setattr(preparation, "fuse", fuse)
    job = job_of(
        portrait, box, neighbours=neighbours_of(portrait[30:210, 40:200]), neighbours_box=region, is_video=True
    )
    prepared = Preparation()(dataclasses.replace(job, clean=NOTHING, fuse=FuseSettings(fuse="9")))
    np.testing.assert_array_equal(seen["reference"], portrait[30:210, 40:200])
    assert seen["face"] == Box(50, 50, 110, 130)
    assert seen["frames"] == 9
    assert prepared.fusion.frames_used == 9
    assert prepared.fusion.expected_gain_db == 1.5
    assert prepared.in_frame(prepared.faces[0]) == FACE
    plain = plain_print(job.request, "lanczos").astype(float)
    finer = prepared.crop.finer
    for request in (prepared.crop, finer):
        made = plain_print(request, "lanczos").astype(float)
        assert np.abs(made - plain).mean() < 2  # half a pixel aside would be 5 and more
    assert finer.scale == prepared.crop.scale / 2
    assert prepared.frames.shape == finer.pixels.shape[:2]


def test_the_picked_frame_decides_whether_a_fused_picture_is_soft(portrait, monkeypatch):
    small = cv2.resize(portrait, (SIDE // 2, SIDE // 2), interpolation=cv2.INTER_AREA)
    soft = np.asarray(cv2.resize(small, (SIDE, SIDE), interpolation=cv2.INTER_LINEAR), np.uint8)
    sharp = fused_of(cv2.resize(portrait, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC))
    monkeypatch.setattr(preparation, "fuse", lambda *_, **__: sharp)
    job = job_of(soft, neighbours=neighbours_of(soft), neighbours_box=Box(0, 0, SIDE, SIDE), is_video=True)
    one, fused = (Preparation()(dataclasses.replace(job, clean=NOTHING, fuse=FuseSettings(fuse=f))) for f in "19")
    assert fused.fusion.frames_used == 9 and not is_soft(measure_resolution(fused.crop.pixels))
    assert fused.crop.is_soft and fused.crop.true_scale == one.crop.true_scale
    assert one.crop.fused_scale is None and fused.crop.fused_scale > 1.2 * one.crop.true_scale


def test_where_nothing_is_fused_the_frame_itself_goes_on_and_says_why(portrait, monkeypatch):
    def fuse(reference, neighbours, settings, *, face=None, grid=2):
        return dataclasses.replace(fused_of(reference, used=1), grid=1, expected_gain_db=0.05, reason="too little")

    monkeypatch.setattr(preparation, "fuse", fuse)
    job = job_of(portrait, neighbours=neighbours_of(portrait), neighbours_box=Box(0, 0, SIDE, SIDE), is_video=True)
    prepared = Preparation()(dataclasses.replace(job, clean=NOTHING))
    assert prepared.crop.pixels is job.request.pixels
    assert prepared.crop.finer is None
    assert prepared.fusion.reason == "too little"
    assert prepared.fusion.expected_gain_db == 0.05


@pytest.mark.parametrize("settings", [FuseSettings(fuse="off"), FuseSettings(fuse="1")])
def test_fusing_can_be_turned_off(portrait, monkeypatch, settings):
    monkeypatch.setattr(preparation, "fuse", lambda *_, **__: pytest.fail("it was fused"))
    job = job_of(portrait, neighbours=neighbours_of(portrait), neighbours_box=Box(0, 0, SIDE, SIDE), is_video=True)
    prepared = Preparation()(dataclasses.replace(job, clean=NOTHING, fuse=settings))
    assert prepared.fusion.reason == "asked for"


# --- the finer picture in the print -------------------------------------------------------------------------------


def test_the_plain_share_of_a_print_comes_from_the_finer_picture():
    rng = np.random.default_rng(3)
    fine, plain, network = (rng.integers(60, 190, (20, 20, 3)).astype(np.uint8) for _ in range(3))
    mixed = np.rint(0.6 * network.astype(float) + 0.4 * plain).astype(np.uint8)
    expected = 0.6 * network.astype(float) + 0.4 * fine
    assert np.abs(replace_plain(fine, plain, mixed, 0.6) - expected).max() <= 1
    np.testing.assert_array_equal(replace_plain(fine, plain, plain, 0.0), fine)
    np.testing.assert_array_equal(replace_plain(fine, plain, network, 1.0), network)


def test_the_finer_picture_never_wraps_around_at_black_and_white():
    white, black = (np.full((4, 4, 3), level, np.uint8) for level in (255, 0))
    np.testing.assert_array_equal(replace_plain(white, black, white, 0.0), white)
    np.testing.assert_array_equal(replace_plain(black, white, black, 0.0), black)
