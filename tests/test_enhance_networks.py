from __future__ import annotations

import dataclasses
import hashlib

import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch.nn import functional

from fancam.enhancing import Engine
from fancam.errors import ModelDamagedError, ModelMissingError, UsageError
from fancam.nn import ModelStore
from fancam.nn.device import cpu_has_fast_bf16
from fancam.nn.ncnn import load_ncnn
from fancam.nn.networks import Network, TailInStrips, load_upscaler
from fancam.settings import EnhanceSettings

FP32 = EnhanceSettings(device="cpu", precision="fp32")


def read(path) -> np.ndarray:
    return np.ascontiguousarray(cv2.imread(str(path))[..., ::-1])


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    error = np.mean((a.astype(float) - b.astype(float)) ** 2)
    return 10 * np.log10(255**2 / max(error, 1e-9))


@pytest.fixture(scope="module")
def x4plus() -> Network:
    return load_upscaler(FP32, ModelStore())


@pytest.fixture(scope="module")
def golden(shared) -> tuple[np.ndarray, np.ndarray]:
    folder = shared("data/photo/goldens")
    return read(folder / "inputs/64x64.png"), read(folder / "outputs/64x64/RealESRGAN_x4plus.png")


def test_x4plus_is_the_known_network(x4plus):
    assert (x4plus.name, x4plus.scale, x4plus.architecture) == ("realesrgan-x4plus", 4, "ESRGAN")
    assert x4plus.sha256 == "713ee713b0353afaa27976f0563a64a5043bd70b9bd8936c2e26e25ebcdbcddf"
    assert set(x4plus.precisions) == {"fp32", "bf16", "fp16"} and x4plus.recipe.fp32


def test_x4plus_reproduces_the_published_output_in_fp32(x4plus, golden):
    assert psnr(Engine.with_network(FP32, x4plus).upscale([golden[0]])[0], golden[1]) >= 58


def test_x4plus_reproduces_the_published_output_in_bf16(x4plus, golden):
    if not cpu_has_fast_bf16():
        pytest.skip("this CPU has no bf16 arithmetic; emulated it takes minutes")
    result = Engine.with_network(dataclasses.replace(FP32, precision="bf16"), x4plus).upscale([golden[0]])[0]
    assert 53 <= psnr(result, golden[1]) < 58, "58 dB would mean that fp32 was used"


def test_x4plus_tiled_equals_untiled(x4plus, shared):
    picture = read(shared("data/photo/people/obama/obama-480p.jpg"))[60:228, 408:424]
    settings = dataclasses.replace(FP32, tile_px=64)
    run = Engine.with_network(settings, x4plus)
    assert len(run.plan(168, 16)) == 2
    assert psnr(run.upscale([picture])[0], Engine.with_network(FP32, x4plus).upscale([picture])[0]) >= 60


def test_animevideov3_agrees_with_its_definition():
    """PReLU convolutions, a pixel shuffle, and the nearest-neighbour input on top, written out without the library."""
    weights, param = ModelStore().locate_files("realesr-animevideov3")
    state = {name: torch.from_numpy(values) for name, values in load_ncnn(param, weights).items()}
    picture = cv2.GaussianBlur(np.random.default_rng(1).integers(0, 256, (24, 30, 3), np.uint8), (0, 0), 1.5)
    x = torch.from_numpy(picture).permute(2, 0, 1)[None].float() / 255
    y = x
    for index in range(0, 35, 2):
        y = functional.conv2d(y, state[f"body.{index}.weight"], state[f"body.{index}.bias"], padding=1)
        if index < 34:
            y = torch.where(y > 0, y, y * state[f"body.{index + 1}.weight"].view(1, -1, 1, 1))
    rows, columns = y.shape[2:]
    y = y.view(1, 3, 4, 4, rows, columns).permute(0, 1, 4, 2, 5, 3).reshape(1, 3, 4 * rows, 4 * columns)
    y = y + x.repeat_interleave(4, dim=2).repeat_interleave(4, dim=3)
    expected = (y.clamp(0, 1) * 255).round()[0].permute(1, 2, 0).numpy()
    settings = dataclasses.replace(FP32, upscaler="realesr-animevideov3")
    result = Engine(settings, ModelStore()).upscale([picture])[0]
    assert np.abs(result.astype(int) - expected).max() <= 1
    # And it is the same picture: brought back to its size, it is the input.
    small = cv2.resize(result, (30, 24), interpolation=cv2.INTER_AREA)
    assert psnr(small, picture) > 30


# --- the user's own file ------------------------------------------------------------------------------------------


def compact_state(channels: int = 3, scale: int = 2) -> dict[str, torch.Tensor]:
    """Random parameters of a small network of a known architecture."""
    generator = torch.Generator().manual_seed(5)
    layers = {"0": (8, channels, 3, 3), "1": (8,), "2": (8, 8, 3, 3), "3": (8,), "4": (channels * scale**2, 8, 3, 3)}
    state = {}
    for name, shape in layers.items():
        state[f"body.{name}.weight"] = torch.rand(shape, generator=generator) * 0.2 - 0.1
        if len(shape) == 4:
            state[f"body.{name}.bias"] = torch.zeros(shape[0])
    return state


@pytest.mark.parametrize("name", ["mine.pth", "mine.safetensors"])
def test_a_weight_file_of_the_users_is_recognised_and_recorded(tmp_path, name):
    path = tmp_path / name
    if name.endswith("pth"):
        torch.save({"params_ema": compact_state()}, path)
    else:
        save_file(compact_state(), path)
    run = Engine(dataclasses.replace(FP32, upscaler=str(path)), ModelStore())
    assert (run.network.name, run.network.scale, run.network.architecture) == (name, 2, "Compact")
    assert run.network.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert run.upscale([np.full((10, 12, 3), 90, np.uint8)])[0].shape == (20, 24, 3)


def own(tmp_path, state) -> EnhanceSettings:
    torch.save(state, tmp_path / "mine.pth")
    return dataclasses.replace(FP32, upscaler=str(tmp_path / "mine.pth"))


def test_weights_of_no_known_architecture_are_a_usage_error(tmp_path):
    with pytest.raises(UsageError, match=r"mine\.pth: the weights belong to no architecture"):
        load_upscaler(own(tmp_path, {"some.weight": torch.zeros(3)}), ModelStore())


def test_weights_with_a_missing_parameter_are_damaged(tmp_path):
    state = compact_state()
    del state["body.2.bias"]
    with pytest.raises(ModelDamagedError, match=r"mine\.pth: the weights do not fit.*body\.2\.bias"):
        load_upscaler(own(tmp_path, state), ModelStore())


def test_a_network_for_grey_pictures_is_refused(tmp_path):
    with pytest.raises(UsageError, match="not RGB to RGB"):
        load_upscaler(own(tmp_path, compact_state(channels=1)), ModelStore())


def test_a_weight_file_that_is_not_there_is_a_missing_model(tmp_path):
    settings = dataclasses.replace(FP32, upscaler=str(tmp_path / "none.pth"))
    with pytest.raises(ModelMissingError, match=r"none\.pth: there is no such weight file"):
        Engine(settings, ModelStore())


def test_an_unknown_upscaler_names_the_nearest_one():
    with pytest.raises(UsageError, match="did you mean 'realesrgan-x4plus'"):
        EnhanceSettings(upscaler="realesrgan-x4")


@pytest.mark.parametrize("name", ["bicubic", "lanczos"])
def test_a_plain_filter_needs_no_weights_and_upscales_no_picture(tmp_path, name):
    run = Engine(dataclasses.replace(FP32, upscaler=name), ModelStore(models_dir=tmp_path))
    assert run.network is None and run.scale == 1
    with pytest.raises(UsageError, match="no network"):
        run.upscale([np.zeros((4, 4, 3), np.uint8)])


def test_damaged_registered_weights_stop_the_engine_before_the_work(tmp_path):
    for path in ModelStore().locate_files("realesrgan-x4plus"):
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= path.suffix == ".bin"
        (tmp_path / path.name).write_bytes(data)
    with pytest.raises(ModelDamagedError, match="713ee713"):
        Engine(FP32, ModelStore(models_dir=tmp_path))


@pytest.mark.parametrize("height", [5, 48, 131])
def test_enlarged_maps_in_strips_are_those_of_the_whole_picture(height):
    torch.manual_seed(0)
    layers = [
        torch.nn.Conv2d(3, 8, 3, padding=1),
        *(part for _ in range(2) for part in (torch.nn.Upsample(scale_factor=2), torch.nn.Conv2d(8, 8, 3, padding=1))),
        torch.nn.LeakyReLU(0.2),
        torch.nn.Conv2d(8, 8, 3, padding=1),
        torch.nn.Conv2d(8, 3, 3, padding=1),
    ]
    batch = torch.rand(2, 3, height, 21)
    with torch.inference_mode():
        whole, strips = torch.nn.Sequential(*layers)(batch), TailInStrips(layers)(batch)
    assert strips.shape == (2, 3, 4 * height, 84)
    torch.testing.assert_close(strips, whole, atol=1e-5, rtol=0)
