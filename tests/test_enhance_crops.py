from __future__ import annotations

import dataclasses

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from fancam.enhancing import CropRequest, Engine
from fancam.enhancing import work as work_module
from fancam.enhancing.engine import auto_share
from fancam.enhancing.work import CONTEXT_PX, cut_region
from fancam.geometry import Box
from fancam.nn import ModelStore
from fancam.nn.networks import Network
from fancam.pictures import resample
from fancam.settings import EnhanceSettings

SETTINGS = EnhanceSettings(device="cpu", precision="fp32")


class Nearest(torch.nn.Module):
    """Repeats every pixel: the one upscaler whose registration is known exactly."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = torch.nn.Conv2d(3, 3, 1)  # gives the network parameters; it is not used
        self.pixels = 0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.pixels += x.shape[0] * x.shape[2] * x.shape[3]
        return torch.nn.functional.interpolate(x, scale_factor=4, mode="nearest")


class Forbidden(Nearest):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        raise AssertionError("the network was used")


def engine(module: torch.nn.Module | None = None) -> Engine:
    return Engine.with_network(SETTINGS, Network("nearest", (module or Nearest()).eval(), 4, "f" * 64, "Toy"))


def plain(name: str) -> Engine:
    return Engine(dataclasses.replace(SETTINGS, upscaler=name), ModelStore())


def noise(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(3).integers(0, 256, (height, width, 3), np.uint8)


def blob(height: int, width: int, x: float, y: float, sigma: float = 2.5) -> np.ndarray:
    """A bright spot at (x, y), where the centre of the top left pixel is (0.5, 0.5)."""
    rows, columns = np.mgrid[:height, :width] + 0.5
    spot = 40 + 180 * np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * sigma**2))
    return np.repeat(np.rint(spot).astype(np.uint8)[..., None], 3, axis=2)


def centroid(picture: np.ndarray) -> tuple[float, float]:
    weight = np.clip(picture.mean(axis=2) - 60, 0, None)  # the background carries no weight
    rows, columns = np.mgrid[: picture.shape[0], : picture.shape[1]] + 0.5
    return float((columns * weight).sum() / weight.sum()), float((rows * weight).sum() / weight.sum())


# --- the region ---------------------------------------------------------------------------------------------------


@given(
    st.tuples(st.floats(-30, 150), st.floats(-30, 100), st.floats(0.5, 120), st.floats(0.5, 120)),
    st.integers(0, 40),
)
def test_a_region_holds_the_box_with_context_and_the_right_pixels(numbers, context):
    frame = noise(90, 130)
    x, y, width, height = numbers
    box = Box(x, y, x + width, y + height)
    if not box.clipped(130, 90).area > 0.01:
        return
    region = cut_region(CropRequest(frame, box, 10, 10), context)
    rows, columns = region.pixels.shape[:2]
    assert region.box.x0 >= 0 and region.box.y0 >= 0
    assert region.box.x1 <= columns and region.box.y1 <= rows
    left, top = box.x0 - region.box.x0, box.y0 - region.box.y0
    assert abs(left - round(left)) < 1e-2 and abs(top - round(top)) < 1e-2, "whole pixels only"
    if box.x0 >= 0:
        assert region.box.x0 >= min(context, box.x0) - 1e-2
    if box.x1 <= 130:
        assert columns - region.box.x1 >= min(context, 130 - box.x1) - 1e-2
    expected = np.pad(frame, ((200, 200), (200, 200), (0, 0)), mode="symmetric")
    corner = (round(top) + 200, round(left) + 200)
    assert np.array_equal(region.pixels, expected[corner[0] :, corner[1] :][:rows, :columns])
    assert bool(region.notes) == (not Box(-1e-3, -1e-3, 130.001, 90.001).contains(box))


@pytest.mark.parametrize("box", [Box(10, 10, 10, 20), Box(200, 10, 220, 20), Box(-9, -9, 0, 50), Box(5, 9, 4, 12)])
def test_a_box_without_pixels_is_a_value_error(box):
    with pytest.raises(ValueError, match="empty"):
        engine().enhance([CropRequest(noise(90, 130), box, 20, 20)])


# --- when a network runs ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scale", [0.3, 1.0, 1.02, 1.2])
def test_a_crop_that_has_the_pixels_already_meets_no_network(scale):
    request = CropRequest(noise(90, 130), Box(10, 20, 110, 70), round(100 * scale), round(50 * scale))
    (result,) = engine(Forbidden()).enhance([request])
    assert (result.upscaler, result.upscaler_sha256, result.invented) == ("lanczos", None, False)
    assert result.pixels.shape == (round(50 * scale), round(100 * scale), 3)
    assert result.scale == pytest.approx(scale)


def test_a_crop_that_lacks_pixels_meets_the_network():
    (result,) = engine().enhance([CropRequest(noise(90, 130), Box(10, 20, 110, 70), 130, 65)])
    assert (result.upscaler, result.upscaler_sha256, result.invented) == ("nearest", "f" * 64, True)
    assert result.scale == pytest.approx(1.3) and result.notes == ()


def test_at_scale_one_the_pixels_of_the_frame_come_through_unchanged():
    frame = noise(90, 130)
    (result,) = engine(Forbidden()).enhance([CropRequest(frame, Box(10, 20, 110, 70), 100, 50)])
    assert np.array_equal(result.pixels, frame[20:70, 10:110])


@pytest.mark.parametrize("name", ["bicubic", "lanczos"])
def test_a_plain_filter_is_one_resample_of_the_frame_and_invents_nothing(name):
    frame, box = noise(90, 130), Box(10, 20, 110, 70)
    (result,) = plain(name).enhance([CropRequest(frame, box, 300, 150)])
    assert (result.upscaler, result.upscaler_sha256, result.invented) == (name, None, False)
    assert np.array_equal(result.pixels, resample(frame, box, 300, 150, name))


def test_lanczos_keeps_more_of_the_finest_detail_than_bicubic():
    request = CropRequest(noise(90, 130), Box(10, 20, 110, 70), 300, 150)
    soft, sharp = (plain(name).enhance([request])[0].pixels.astype(float) for name in ("bicubic", "lanczos"))
    assert np.abs(np.diff(sharp, axis=1)).mean() > 1.02 * np.abs(np.diff(soft, axis=1)).mean()


def test_a_print_larger_than_the_network_gives_is_its_picture_enlarged_and_noted():
    frame, box = noise(90, 130), Box(10, 20, 30, 30)
    (result,) = with_detail(1.0).enhance([CropRequest(frame, box, 160, 80)])
    expected = resample(frame.repeat(4, axis=0).repeat(4, axis=1), box.scaled(4), 160, 80)
    assert np.abs(result.pixels.astype(int) - expected).max() <= 1
    assert result.notes == ("the print needs x8.00 and the network gives x4; the rest is Lanczos",)


def test_the_network_sees_the_crop_and_its_context_and_no_more():
    module = Nearest()
    run = engine(module)
    run.enhance([CropRequest(noise(500, 700), Box(300.5, 200.5, 340.5, 260.5), 160, 240)])
    assert module.pixels == (41 + 2 * CONTEXT_PX) * (61 + 2 * CONTEXT_PX)


# --- the share of the network -------------------------------------------------------------------------------------


def with_detail(share: float | None, module: torch.nn.Module | None = None) -> Engine:
    settings = dataclasses.replace(SETTINGS, detail=share)
    return Engine.with_network(settings, Network("nearest", (module or Nearest()).eval(), 4, "f" * 64, "Toy"))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_the_share_of_the_network_is_mixed_with_the_plain_picture(dtype):
    frame = np.random.default_rng(3).integers(60, 190, (90, 130, 3)).astype(dtype) * (257 if dtype == np.uint16 else 1)
    request = CropRequest(frame, Box(10.3, 20, 110, 70.6), 300, 152)
    network, none, some = (with_detail(share).enhance([request])[0] for share in (1.0, 0.0, 0.3))
    assert (network.detail, none.detail, some.detail) == (1.0, 0.0, 0.3)
    expected = 0.3 * network.pixels + 0.7 * none.pixels
    assert some.pixels.dtype == dtype and np.abs(some.pixels - expected).max() <= 1.01
    assert np.abs(network.pixels.astype(float) - none.pixels).mean() > 2, "else there is nothing to mix"


def test_without_a_share_the_network_is_not_asked():
    (result,) = with_detail(0.0, Forbidden()).enhance([CropRequest(noise(90, 130), Box(10, 20, 110, 70), 300, 150)])
    assert (result.upscaler, result.upscaler_sha256, result.invented, result.detail) == ("lanczos", None, False, 0.0)


def test_the_share_follows_the_scale_where_none_is_given():
    sizes = [(125, 63), (150, 75), (250, 125), (400, 200), (600, 300)]
    smooth = np.repeat(np.linspace(40, 200, 130).astype(np.uint8)[None, :, None], 90, axis=0).repeat(3, axis=2)
    requests = [CropRequest(smooth, Box(10, 20, 110, 70), *size) for size in sizes]
    results = with_detail(None).enhance(requests)
    assert [result.detail for result in results] == [auto_share(result.scale) for result in results]
    shares = [result.detail for result in results]
    assert shares == sorted(shares) and shares[-1] > shares[0]


def test_a_noisy_source_gets_a_larger_share_because_the_plain_picture_would_enlarge_the_noise():
    request = CropRequest(noise(90, 130), Box(10, 20, 110, 70), 150, 75)
    (result,) = with_detail(None).enhance([request])
    assert result.detail > auto_share(result.scale)


def test_a_plain_result_has_no_share_of_a_network():
    (result,) = with_detail(1.0, Forbidden()).enhance([CropRequest(noise(90, 130), Box(10, 20, 110, 70), 100, 50)])
    assert result.detail == 0.0


@pytest.mark.parametrize("factor", [0.5, 1.0, 2.6])
def test_crops_of_sixteen_bits_stay_so(factor):
    frame = np.random.default_rng(3).integers(0, 2**16, (90, 130, 3), np.uint16)
    request = CropRequest(frame, Box(10, 20, 110, 70), round(100 * factor), round(50 * factor))
    (result,) = engine().enhance([request])
    assert result.pixels.dtype == np.uint16 and len(np.unique(result.pixels % 257)) > 200


def test_a_large_plain_print_is_resampled_in_bands_that_do_not_show(monkeypatch):
    request = CropRequest(noise(300, 200), Box(3.2, 5.1, 190.7, 290.3), 260, 400)
    whole = plain("lanczos").enhance([request])[0].pixels
    monkeypatch.setattr(work_module, "_BAND_PX", 1)  # a print of more than one real band takes a minute
    bands = plain("lanczos").enhance([request])[0].pixels
    assert np.abs(whole.astype(int) - bands).max() <= 1 and (whole != bands).mean() < 1e-3


def test_a_whole_picture_goes_through_as_one_box():
    frame = noise(90, 130)
    (result,) = with_detail(1.0).enhance([CropRequest(frame, Box(0, 0, 130, 90), 520, 360)])
    assert np.array_equal(result.pixels, frame.repeat(4, axis=0).repeat(4, axis=1))


def test_many_requests_come_back_in_their_order():
    frame = noise(200, 300)
    requests = [
        CropRequest(frame, Box(10, 20, 60, 45), 200, 100),
        CropRequest(frame, Box(0, 0, 300, 200), 30, 20),
        CropRequest(frame, Box(100, 20, 160, 50), 180, 90),
        CropRequest(frame, Box(20, 60, 70, 85), 200, 100),
    ]
    together = engine().enhance(requests)
    for request, result in zip(requests, together, strict=True):
        assert np.array_equal(result.pixels, engine().enhance([request])[0].pixels)
    assert [result.invented for result in together] == [True, False, True, True]
    assert engine().enhance([]) == []


def test_a_crop_beyond_the_frame_is_mirrored_there_and_says_so():
    frame = noise(90, 130)
    (result,) = engine(Forbidden()).enhance([CropRequest(frame, Box(-10, 0, 40, 50), 50, 50)])
    assert np.array_equal(result.pixels[:, 10:], frame[:50, :40])
    assert np.array_equal(result.pixels[:, :10], frame[:50, 9::-1])
    assert result.notes == ("the crop reaches 10 px beyond the frame; the frame was mirrored there",)


def test_the_border_of_a_card_is_made_of_its_real_surroundings():
    frame = np.zeros((100, 100, 3), np.uint8)
    frame[:, 50:] = 255
    inside = engine().enhance([CropRequest(frame, Box(20, 20, 50, 50), 90, 90)])[0].pixels
    alone = engine().enhance([CropRequest(frame[:, :50].copy(), Box(20, 20, 50, 50), 90, 90)])[0].pixels
    assert inside[45, -1, 0] > alone[45, -1, 0], "the white beyond the edge takes part in the last pixel"


# --- registration -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("which", "place"),
    [
        ("nearest", (20.0, 20.0)),
        ("nearest", (20.37, 19.81)),
        ("nearest", (21.5, 22.25)),
        ("realesr-animevideov3", (20.0, 20.0)),
        ("realesr-animevideov3", (20.37, 19.81)),
        ("realesrgan-x4plus", (20.37, 19.81)),
    ],
)
def test_what_the_network_gives_lies_where_the_frame_has_it(which, place):
    run = engine() if which == "nearest" else Engine(dataclasses.replace(SETTINGS, upscaler=which), ModelStore())
    frame = blob(42, 44, *place)
    box = Box(8.3, 9.6, 32.3, 33.6)
    width = height = 72
    request = CropRequest(frame, box, width, height)
    x, y = centroid(run.enhance([request])[0].pixels)
    plain_x, plain_y = centroid(plain("bicubic").enhance([request])[0].pixels)
    scale = width / box.width
    expected = ((place[0] - box.x0) * scale, (place[1] - box.y0) * scale)
    assert abs(plain_x - expected[0]) < 0.05 and abs(plain_y - expected[1]) < 0.05
    # 0.1 source pixels are 0.3 print pixels here; half a source pixel off, the usual mistake, would be 1.5.
    assert abs(x - plain_x) < 0.1 * scale and abs(y - plain_y) < 0.1 * scale


def test_a_real_picture_is_not_shifted_by_the_network(shared):
    picture = cv2.imread(str(shared("data/photo/people/obama/obama-480p.jpg")))[..., ::-1]
    box = Box(380.4, 60.7, 476.4, 156.7)
    request = CropRequest(np.ascontiguousarray(picture), box, 288, 288)
    run = Engine(dataclasses.replace(SETTINGS, upscaler="realesr-animevideov3"), ModelStore())
    grey = [
        cv2.cvtColor(e.enhance([request])[0].pixels, cv2.COLOR_RGB2GRAY).astype(np.float32)
        for e in (run, plain("bicubic"))
    ]
    (dx, dy), response = cv2.phaseCorrelate(grey[0], grey[1], cv2.createHanningWindow((288, 288), cv2.CV_32F))
    assert response > 0.5
    assert abs(dx) < 0.3 and abs(dy) < 0.3, "in print pixels: 0.1 source pixels at x3"
