from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
import skimage.data
from hypothesis import given, settings
from hypothesis import strategies as st

from fancam.enhancing.descreen.halftone import coded, linear_light
from fancam.enhancing.descreen.removal import descreen, shrink_noise
from fancam.enhancing.descreen.screens import HalftoneScreen, find_screens
from fancam.video import open_video
from tests.figures import psnr
from tests.printed_pages import Printing, card_page, linear, periodic_levels, photographed, printed_and_scanned

SIDE = 304
PRINTING = Printing(lpi=150, dpi=600, page_angle_deg=2.3, seed=1)


@pytest.fixture(scope="module")
def portrait():
    return np.ascontiguousarray(skimage.data.astronaut()[:SIDE, 64 : 64 + SIDE])


@pytest.fixture(scope="module")
def scan(portrait):
    return printed_and_scanned(portrait, PRINTING)


@pytest.fixture(scope="module")
def screens(scan):
    return find_screens(scan.pixels, dpi=600)


@pytest.fixture(scope="module")
def cleared(scan, screens):
    return descreen(scan.pixels, screens)


def turns_apart(one, two):
    return abs((one - two + 45) % 90 - 45)


# --- finding ------------------------------------------------------------------------------------------------------


def test_all_inks_are_found_with_their_ruling_and_angle(screens):
    assert len(screens) == 4
    for screen in screens:
        assert screen.period_px == pytest.approx(4.0, rel=0.005)
        assert screen.lpi == pytest.approx(150, rel=0.005)
    angles = sorted(screen.angle_deg for screen in screens)
    assert angles == pytest.approx([2.3, 17.3, 47.3, 77.3], abs=0.3)
    assert [s.prominence for s in screens] == sorted((s.prominence for s in screens), reverse=True)


def test_inks_are_named_by_the_light_they_take(screens):
    named = {screen.ink: screen.angle_deg for screen in screens if screen.ink != "unknown"}
    assert turns_apart(named["magenta"], PRINTING.angle_deg("magenta")) < 1
    assert turns_apart(named["yellow"], PRINTING.angle_deg("yellow")) < 1
    assert all(turns_apart(angle, PRINTING.angle_deg(ink)) < 1 for ink, angle in named.items())


def test_lines_per_inch_need_the_resolution(scan):
    assert {screen.lpi for screen in find_screens(scan.pixels)} == {None}


@settings(max_examples=8, deadline=None)
@given(angle=st.floats(0, 89.9), period=st.floats(2.6, 9.0))
def test_screen_turns_with_the_page(portrait, angle, period):
    printing = Printing(lpi=600 / period, page_angle_deg=angle, jpeg_quality=None, seed=3)
    found = find_screens(printed_and_scanned(portrait[:256, :256], printing).pixels, dpi=600)
    assert len(found) >= 2
    for screen in found:
        assert screen.period_px == pytest.approx(period, rel=0.02)
        assert min(turns_apart(screen.angle_deg, printing.angle_deg(ink)) for ink in printing.inks) < 1


def test_one_ink_on_a_grey_scan_is_found(portrait):
    printing = replace(PRINTING, inks=("black",))
    grey = np.ascontiguousarray(printed_and_scanned(portrait, printing).pixels[:, :, 1])
    (found,) = find_screens(grey)
    assert found.ink == "unknown"
    assert found.angle_deg == pytest.approx(47.3, abs=0.3)


def test_named_ruling_finds_a_screen_along_the_rows():
    printing = replace(PRINTING, inks=("black",), page_angle_deg=46.0)
    pixels = printed_and_scanned(np.ascontiguousarray(skimage.data.astronaut()[:384, :384]), printing).pixels
    assert find_screens(pixels, dpi=600) == ()
    (found,) = find_screens(pixels, dpi=600, lpi=148)
    assert found.lpi == pytest.approx(150, rel=0.01)


def test_named_ruling_that_is_not_there_finds_nothing(portrait):
    assert find_screens(portrait, dpi=600, lpi=150) == ()


# --- what has no screen -------------------------------------------------------------------------------------------


def grating(period, angle, shape=(320, 360)):
    y, x = np.mgrid[: shape[0], : shape[1]]
    turn = np.radians(angle)
    return 2 * np.pi * (x * np.cos(turn) + y * np.sin(turn)) / period


def plain_pictures():
    portrait = skimage.data.astronaut()
    yield "portrait", portrait
    for name in (
        "coffee",
        "chelsea",
        "rocket",
        "brick",
        "grass",
        "gravel",
        "page",
        "text",
        "camera",
        "hubble_deep_field",
    ):
        yield name, getattr(skimage.data, name)()
    for quality in (15, 40, 75):
        packed = cv2.imencode(".jpg", portrait, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
        yield f"JPEG {quality}", cv2.imdecode(packed, cv2.IMREAD_COLOR)
    for ratio in (0.37, 1.6, 2.0):
        yield f"resized {ratio}", cv2.resize(portrait, None, fx=ratio, fy=ratio, interpolation=cv2.INTER_NEAREST)
    grain = np.random.default_rng(5).normal(0, 14, portrait.shape)
    yield "grain", np.clip(portrait + cv2.GaussianBlur(grain, (0, 0), 0.8) * 1.5, 0, 255).astype(np.uint8)
    for period, angle in ((4, 0), (6, 10), (9, 33), (24, 45)):
        stripes, across = grating(period, angle), grating(period, angle + 90)
        yield f"stripes {period}", np.where(np.sin(stripes) > 0, 210, 40).astype(np.uint8)
        yield f"chess board {period}", np.where(np.sin(stripes) * np.sin(across) > 0, 210, 40).astype(np.uint8)
        lamps = portrait[:320, :360] * ((0.6 + 0.4 * np.cos(stripes)) * (0.6 + 0.4 * np.cos(across)))[:, :, None]
        yield f"wall of lamps {period}", lamps.astype(np.uint8)
        stage = portrait[:320, :360].copy()
        stage[:150] = lamps[:150]
        yield f"wall of lamps behind {period}", stage
    yield (
        "small chess board",
        cv2.resize(np.kron(np.indices((8, 8)).sum(0) % 2, np.ones((25, 25))) * 255, (100, 100)).astype(np.uint8),
    )
    yield "flat", np.full((300, 300, 3), 200, np.uint8)
    yield "black", np.zeros((300, 300, 3), np.uint8)


@pytest.mark.parametrize(("name", "picture"), [pytest.param(*case, id=case[0]) for case in plain_pictures()])
def test_picture_without_a_screen_comes_back_as_it_is(name, picture):
    found = find_screens(picture, dpi=600)
    assert found == ()
    assert descreen(picture, found) is picture


@pytest.mark.parametrize(
    "clip",
    ["dance.mp4", "phone_selfie.mp4", "dark_arena.mov", "colour/bt709_full_range.mp4", "odd/portrait_4k60.mp4"],
)
def test_frame_of_a_video_has_no_screen(shared, clip):
    frame = next(iter(open_video(shared(f"data/video/{clip}")).sample_frames(1)))
    top, left = (max(side - 1280, 0) // 2 for side in frame.pixels.shape[:2])
    assert find_screens(frame.pixels[top : top + 1280, left : left + 1280]) == ()


@settings(max_examples=15, deadline=None)
@given(
    seed=st.integers(0, 2**16), height=st.integers(1, 300), width=st.integers(1, 300), channels=st.sampled_from([0, 3])
)
def test_noise_of_any_size_has_no_screen(seed, height, width, channels):
    shape = (height, width, channels) if channels else (height, width)
    picture = np.random.default_rng(seed).integers(0, 256, shape, np.uint8)
    assert find_screens(picture, dpi=600, lpi=150) == ()


# --- taking out ---------------------------------------------------------------------------------------------------


def test_cleared_scan_is_nearer_the_page_than_the_best_blur(scan, cleared):
    light = (scan.pixels / 255.0) ** 2.2
    blurs = [cv2.GaussianBlur(light, (0, 0), sigma) ** (1 / 2.2) * 255 for sigma in np.arange(0.8, 3.0, 0.2)]
    assert psnr(cleared, scan.truth) > max(psnr(blur, scan.truth) for blur in blurs) + 1.0


def test_a_card_photographed_by_a_phone_has_no_pattern_left_on_its_light_paper():
    page = card_page(np.ascontiguousarray(skimage.data.astronaut()[60:180, 160:280]))
    printing = Printing(lpi=150, dpi=930, page_angle_deg=0.5, optics_px=1.2, noise=0, jpeg_quality=None)
    photo = photographed(printed_and_scanned(page, printing), seed=3)
    before = periodic_levels(photo.pixels, photo.truth)
    after = periodic_levels(descreen(photo.pixels, find_screens(photo.pixels)), photo.truth)
    assert before > 5
    assert after < 0.3


@pytest.mark.parametrize("level", [60, 150, 235])
def test_noise_is_shrunk_without_a_trace_of_the_windows(level):
    noise = np.random.default_rng(4).normal(0, 6, (256, 256, 3))
    light = linear_light(np.clip(np.rint(level + noise), 0, 255).astype(np.uint8))
    made = coded(shrink_noise(light, 6.2), np.dtype(np.uint8))
    assert periodic_levels(made, np.full_like(made, level)) < 0.3


def test_mean_light_stays(scan, cleared):
    before, after = (
        cv2.resize(linear(picture), (16, 16), interpolation=cv2.INTER_AREA) for picture in (scan.pixels, cleared)
    )
    assert np.abs((after - before).mean(axis=(0, 1))).max() < 0.004
    assert np.abs(after - before).max() < 0.03


def test_same_scan_same_bytes(scan, screens, cleared):
    assert np.array_equal(descreen(scan.pixels, screens), cleared)


def test_sixteen_bits_are_cleared_alike(scan, screens, cleared):
    deep = scan.pixels.astype(np.uint16) * 257
    assert find_screens(deep, dpi=600) == screens
    result = descreen(deep, screens)
    assert result.dtype == np.uint16
    assert np.abs(result / 257 - cleared).max() <= 0.51


def test_grey_scan_is_cleared(portrait):
    made = printed_and_scanned(portrait, replace(PRINTING, inks=("black",)))
    grey, truth = made.pixels[:, :, 1], made.truth[:, :, 1]
    result = descreen(grey, find_screens(grey))
    assert result.shape == grey.shape
    assert psnr(result, truth) > psnr(grey, truth) + 8


@pytest.mark.parametrize("shape", [(1, 1), (3, 200), (17, 5), (97, 110)])
def test_tiny_scan_is_never_farther_from_the_page(scan, screens, shape):
    part, truth = (picture[: shape[0], : shape[1]].astype(float) for picture in (scan.pixels, scan.truth))
    error = np.abs(descreen(part.astype(np.uint8), screens) - truth).mean()
    assert error <= np.abs(part - truth).mean() * (1 if min(shape) < 50 else 0.2)


def test_tiles_are_blended_without_a_seam():
    pixels = printed_and_scanned(np.ascontiguousarray(skimage.data.astronaut()[:120, :384]), PRINTING).pixels
    screens = find_screens(pixels, dpi=600)
    left, right = descreen(pixels[:, :256], screens).astype(int), descreen(pixels[:, 128:], screens).astype(int)
    tiled = descreen(pixels, screens, tile_px=128)  # the same two, with a seam at 192
    assert np.array_equal(tiled[:, :160], left[:, :160])
    assert np.array_equal(tiled[:, 224:], right[:, 96:])
    both = np.stack([left[:, 160:224], right[:, 32:96]])
    assert (tiled[:, 160:224] >= both.min(axis=0) - 1).all()
    assert (tiled[:, 160:224] <= both.max(axis=0) + 1).all()


def test_plain_half_of_a_page_hardly_changes(portrait, scan):
    page = np.hstack([scan.pixels, portrait])
    screens = find_screens(page, dpi=600)
    assert len(screens) >= 3
    result = descreen(page, screens)
    border = SIDE + 24
    assert psnr(result[:, border:], page[:, border:]) > 38
    assert psnr(result[:, : SIDE - 24], scan.truth[:, : SIDE - 24]) > psnr(scan.pixels, scan.truth) + 6


def test_white_paper_beside_the_print_keeps_its_bytes(scan):
    page = np.full((SIDE, SIDE + 256, 3), 244, np.uint8)
    page[:, :SIDE] = scan.pixels
    result = descreen(page, find_screens(page, dpi=600))
    assert np.array_equal(result[:, SIDE + 56 :], page[:, SIDE + 56 :])


def test_a_screen_the_user_made_up_does_little_harm(portrait):
    made_up = HalftoneScreen("unknown", 4.0, 20.0, None, 9.0)
    assert psnr(descreen(portrait, (made_up,)), portrait) > 30
