from __future__ import annotations

import dataclasses

import cv2
import numpy as np
import pytest
import skimage.data
import torch
from hypothesis import given
from hypothesis import strategies as st

from fancam.enhancing import CropRequest, Engine, joining
from fancam.enhancing.engine import SOFT_DETAIL, soft_share
from fancam.enhancing.explain import warn_of_limits
from fancam.enhancing.joining import join_bands
from fancam.enhancing.resolution import SHARP_FROM, is_soft, measure_resolution
from fancam.enhancing.work import CONTEXT_PX, plain_print, reduced
from fancam.geometry import Box, CardGeometry
from fancam.jobs.manifest import stated_true_ppi
from fancam.nn.networks import Network
from fancam.report import ContactEntry, ppi_colour
from fancam.report.contact import contact_sheet
from fancam.results import true_ppi
from fancam.settings import EnhanceSettings
from tests.figures import compressed, psnr

SETTINGS = EnhanceSettings(device="cpu", precision="fp32")


class Enlarger(torch.nn.Module):
    """Bicubic and counted; what it draws on top is a pattern of single pixels, or a shift of tone."""

    def __init__(self, pattern: float = 0.0, tone: float = 0.0) -> None:
        super().__init__()
        self.conv = torch.nn.Conv2d(3, 3, 1)  # gives the network parameters; it is not used
        self.pattern, self.tone, self.pixels = pattern, tone, 0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.pixels += x.shape[0] * x.shape[2] * x.shape[3]
        large = torch.nn.functional.interpolate(x, scale_factor=4, mode="bicubic")
        rows = torch.arange(large.shape[2])[:, None] + torch.arange(large.shape[3])
        return large + self.tone + self.pattern * (1 - 2.0 * (rows % 2))


def engine(module: torch.nn.Module, **changes) -> Engine:
    network = Network("toy", module.eval(), 4, "f" * 64, "Toy")
    return Engine.with_network(dataclasses.replace(SETTINGS, **changes), network)


def sharp(side: int = 192) -> np.ndarray:
    """A face that is sharp to its pixel."""
    return np.asarray(cv2.resize(skimage.data.astronaut()[:384, 40:424], (side, side), interpolation=cv2.INTER_AREA))


def enlarged(picture: np.ndarray, factor: float, how: int = cv2.INTER_LINEAR) -> np.ndarray:
    return np.asarray(cv2.resize(picture, None, fx=factor, fy=factor, interpolation=how), np.uint8)


def request(picture: np.ndarray, scale: float, **more) -> CropRequest:
    height, width = picture.shape[:2]
    return CropRequest(picture, Box(0, 0, width, height), round(width * scale), round(height * scale), **more)


# --- what a picture holds -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("quality", [None, 85, 60])
@pytest.mark.parametrize("how", [cv2.INTER_LINEAR, cv2.INTER_CUBIC])
@pytest.mark.parametrize("factor", [1.5, 2.0])
def test_what_was_enlarged_before_holds_less_than_its_pixels(factor, how, quality):
    source = enlarged(sharp(144), factor, how)
    source = source if quality is None else compressed(source, quality)
    assert measure_resolution(source) == pytest.approx(1 / factor, rel=0.15)


@pytest.mark.parametrize("how", [cv2.INTER_LINEAR, cv2.INTER_CUBIC])
def test_less_than_half_is_found_by_way_of_the_half(how):
    third, quarter = (measure_resolution(enlarged(sharp(144), factor, how)) for factor in (3, 4))
    assert third == pytest.approx(1 / 3, rel=0.2) and quarter < 0.3


@pytest.mark.parametrize("name", ["astronaut", "chelsea", "coffee"])
@pytest.mark.parametrize("factor", [2, 2.4])
def test_a_picture_that_is_sharp_to_its_pixel_holds_all_of_them(name, factor):
    picture = getattr(skimage.data, name)()
    small = cv2.resize(picture, None, fx=1 / factor, fy=1 / factor, interpolation=cv2.INTER_AREA)
    assert measure_resolution(np.asarray(small, np.uint8)) >= SHARP_FROM


def test_less_is_drawn_of_a_picture_that_may_as_well_be_a_sharp_one_that_was_coded_hard():
    hard, twice = compressed(sharp(288), 15), compressed(enlarged(sharp(144), 2), 15)
    shares = [measure_resolution(picture) for picture in (hard, twice)]
    assert all(is_soft(share) for share in shares) and not is_soft(None)
    assert [soft_share(share) for share in shares] == [0.5, SOFT_DETAIL]
    (made,) = engine(Enlarger()).enhance([request(hard, 2.0, true_scale=shares[0])])
    assert made.detail == 0.5


@given(st.lists(st.floats(0.01, 1), min_size=2, max_size=9))
def test_the_more_a_soft_picture_seems_to_hold_the_less_is_drawn_of_it(shares):
    drawn = [soft_share(share) for share in sorted(shares)]
    assert drawn == sorted(drawn, reverse=True) and min(drawn) >= 0.5 and max(drawn) <= SOFT_DETAIL


def test_noise_is_no_resolution():
    soft = enlarged(sharp(144), 2)
    noisy = soft + np.random.default_rng(1).normal(0, 5, soft.shape)
    assert measure_resolution(np.clip(np.rint(noisy), 0, 255).astype(np.uint8)) < 0.7


@pytest.mark.parametrize(
    "picture",
    [
        np.full((200, 200, 3), 90, np.uint8),
        np.repeat(np.linspace(40, 200, 200).astype(np.uint8)[None, :, None], 200, axis=0).repeat(3, axis=2),
        sharp(20),
    ],
    ids=["flat", "slope", "tiny"],
)
def test_a_picture_with_too_few_edges_says_nothing(picture):
    assert measure_resolution(picture) is None


def test_the_region_is_measured_and_not_what_lies_beside_it():
    beside = np.concatenate([enlarged(sharp(96), 2), sharp(192)], axis=1)
    assert measure_resolution(beside, Box(0, 0, 192, 192)) < 0.6
    assert measure_resolution(beside, Box(192, 0, 384, 192)) >= SHARP_FROM
    assert measure_resolution(beside, Box(500, 0, 600, 100)) is None


def test_sixteen_bits_hold_as_much_as_eight():
    source = enlarged(sharp(144), 1.5)
    assert measure_resolution(source.astype(np.uint16) * 257) == pytest.approx(measure_resolution(source), rel=1e-4)


# --- the network at that resolution -------------------------------------------------------------------------------


def test_the_network_sees_a_soft_crop_as_small_as_what_it_holds():
    frame, box = enlarged(sharp(192), 2), Box(100, 100, 260, 260)
    whole, small = Enlarger(), Enlarger()
    crop = CropRequest(frame, box, 320, 320)
    engine(whole).enhance([crop])
    (made,) = engine(small).enhance([dataclasses.replace(crop, true_scale=0.5)])
    assert small.pixels == (80 + 2 * CONTEXT_PX) ** 2 and whole.pixels == (160 + 2 * CONTEXT_PX) ** 2
    assert (made.scale, made.true_scale, made.detail, made.notes) == (2.0, 0.5, SOFT_DETAIL, ())
    assert made.pixels.shape == (320, 320, 3)


def test_a_print_that_needs_more_than_the_network_gives_of_what_is_held_says_so():
    crop = request(sharp(96), 3.0, true_scale=0.5)
    assert reduced(crop).pixels.shape == (48, 48, 3)
    (made,) = engine(Enlarger()).enhance([crop])
    assert made.notes == (
        "the print needs x6.00 of what the picture holds and the network gives x4; the rest is Lanczos",
    )


def test_a_small_face_is_not_made_smaller_than_the_network_can_know_it():
    crop = request(sharp(96), 2.0, true_scale=0.4)
    heights = (None, 200.0, 40.0, 20.0)
    assert [reduced(dataclasses.replace(crop, face_height_px=px)).pixels.shape[0] for px in heights] == [38, 38, 77, 96]
    (made,) = engine(Enlarger()).enhance([dataclasses.replace(crop, face_height_px=20.0)])
    assert made.detail == SOFT_DETAIL and made.true_scale == 0.4 and made.notes == ()


def test_the_network_sees_all_that_fused_frames_hold_of_a_soft_picture():
    crop = request(enlarged(sharp(64), 2), 2.0, true_scale=0.5)
    sizes = [reduced(dataclasses.replace(crop, fused_scale=s)).pixels.shape[0] for s in (None, 0.4, 0.75, 1.0)]
    assert sizes == [64, 64, 96, 128]
    drawn = Enlarger()
    (made,) = engine(drawn).enhance([dataclasses.replace(crop, fused_scale=1.0)])
    assert (drawn.pixels, made.detail, made.true_scale) == (128**2, SOFT_DETAIL, 0.5)


@pytest.mark.parametrize("true_scale", [None, SHARP_FROM, 1.0])
@pytest.mark.parametrize("detail", [None, 0.4])
def test_a_sharp_crop_is_made_as_if_nothing_had_been_measured(true_scale, detail):
    run, crop = engine(Enlarger(pattern=0.1), detail=detail), request(sharp(64), 2.0)
    before, after = run.enhance([crop, dataclasses.replace(crop, true_scale=true_scale)])
    np.testing.assert_array_equal(before.pixels, after.pixels)
    assert before.detail == after.detail


@pytest.mark.parametrize(("scale", "true_scale", "runs"), [
    (1.02, None, False), (1.2, 0.9, False), (1.02, 0.6, False), (1.25, None, True), (1.25, 0.7, True),
    (1.0, 0.45, True), (0.5, 0.3, False),
])  # fmt: skip
def test_no_network_runs_where_the_pixels_are_there(scale, true_scale, runs):
    (made,) = engine(Enlarger()).enhance([request(sharp(100), scale, true_scale=true_scale)])
    assert made.invented == runs and (made.detail > 0) == runs


def test_detail_draws_from_nothing_to_all_that_is_finer_than_what_was_measured():
    crop = request(enlarged(sharp(64) // 2 + 64, 2), 2.0, true_scale=0.5)  # far from black and white
    none, half, full, auto, same = (
        engine(Enlarger(pattern=0.1), detail=detail).enhance([crop])[0] for detail in (0.0, 0.5, 1.0, None, SOFT_DETAIL)
    )
    assert (none.invented, none.detail) == (False, 0.0)
    np.testing.assert_array_equal(none.pixels, plain_print(crop, "lanczos"))
    np.testing.assert_array_equal(auto.pixels, same.pixels)
    assert auto.detail == SOFT_DETAIL and full.detail == 1.0
    assert np.abs(half.pixels - (full.pixels.astype(float) + none.pixels) / 2).max() <= 1
    assert np.abs(full.pixels.astype(float) - none.pixels).mean() > 10


# --- joined by frequency ------------------------------------------------------------------------------------------


def test_below_the_cut_the_print_keeps_what_was_measured_whatever_the_network_says_of_it():
    crop = request(enlarged(sharp(64), 2), 2.0, true_scale=0.5)
    right, shifted = (engine(Enlarger(tone=tone)).enhance([crop])[0].pixels for tone in (0.0, 0.1))
    inside = np.s_[16:-16, 16:-16]
    assert psnr(right[inside], shifted[inside]) > 45


def test_above_the_cut_the_print_shows_what_the_network_drew():
    crop = request(np.full((64, 64, 3), 120, np.uint8), 2.0, true_scale=0.5)
    drawn = np.full((128, 128, 3), 120, np.uint8)
    drawn[::2] += 20
    joined = join_bands(crop, drawn, 0.5, 1.0)
    assert np.abs(joined.astype(float).mean() - 120) < 0.5
    assert float(joined[32:96, 32:96].std()) == pytest.approx(10, rel=0.1)


def test_what_was_measured_comes_from_the_finer_picture_where_there_is_one():
    fine = sharp(128)
    coarse = np.asarray(cv2.resize(fine, (64, 64), interpolation=cv2.INTER_AREA))
    crop = request(coarse, 2.0, true_scale=0.5)
    drawn = plain_print(crop, "lanczos")
    with_finer = dataclasses.replace(crop, finer=CropRequest(fine, Box(0, 0, 128, 128), 128, 128))
    assert psnr(join_bands(with_finer, drawn, 0.9, 1.0), fine) > psnr(join_bands(crop, drawn, 0.9, 1.0), fine) + 1


@given(st.integers(1, 3000), st.sampled_from([np.uint8, np.uint16]))
def test_the_bands_it_is_joined_in_do_not_show(band_px, dtype):
    rng = np.random.default_rng(5)
    crop = request(rng.integers(0, 255, (40, 30, 3)).astype(dtype), 2.0, true_scale=0.6)
    drawn = rng.integers(0, 255, (80, 60, 3)).astype(dtype)
    whole = join_bands(crop, drawn, 0.6, 0.8)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(joining, "_BAND_PX", band_px)
        bands = join_bands(crop, drawn, 0.6, 0.8)
    # The filter's weights of a band differ from those of the whole in the last digit.
    assert np.abs(whole.astype(int) - bands).max() <= 1


# --- what is said of it -------------------------------------------------------------------------------------------


def test_true_pixels_per_inch_are_what_the_picture_holds_and_older_files_do_not_say():
    assert true_ppi(320.0, 0.5) == 160.0
    assert true_ppi(320.0, None) is None and stated_true_ppi(320.0, {}) is None


def test_many_pixels_that_hold_little_are_warned_of():
    (warning,) = warn_of_limits(None, 1.0, 180.0, None, 0.5)
    assert "180 source pixels per printed inch, which hold detail for 90, under 100" in warning
    assert warn_of_limits(None, 1.0, 180.0, None, 0.9) == ()


def test_the_contact_sheet_grades_a_soft_upload_by_what_it_holds(tmp_path):
    path = tmp_path / "card.png"
    assert cv2.imwrite(str(path), np.full((30, 20, 3), 128, np.uint8))
    entry = ContactEntry(path, "a", 1.0, 0.5, 320.0)
    green = np.array(ppi_colour(320.0))
    shown = [
        bool((contact_sheet([one], CardGeometry(55, 85, 3, 72))[:-84] == green).all(axis=2).any())
        for one in (entry, dataclasses.replace(entry, true_ppi=160.0))
    ]
    assert shown == [True, False]
