from __future__ import annotations

import dataclasses
import itertools

import numpy as np
import pytest
import torch

from fancam.enhancing import CropRequest, Engine
from fancam.enhancing.engine import auto_share
from fancam.errors import DeviceError, ModelDamagedError, UsageError
from fancam.geometry import Box
from fancam.nn import ModelStore
from fancam.nn import device as device_module
from fancam.nn.device import choose_compute, resolve_device
from fancam.nn.networks import Network, Recipe, fp32_ends
from fancam.results import Enhanced
from fancam.settings import EnhanceSettings
from tests import toy_network

FP32 = EnhanceSettings(device="cpu", precision="fp32", tile_px=32, tile_overlap_px=32, detail=1.0)


class Toy(toy_network.Toy):
    """The same, and it checks how it is called."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        assert x.is_contiguous(memory_format=torch.channels_last)
        assert torch.is_inference_mode_enabled()
        return super().forward(x)


def network(module: torch.nn.Module | None = None, **changes) -> Network:
    halves = ("fp32", "bf16", "fp16")
    toy = (module or Toy()).eval()
    plain = Network("toy", toy, 2, "0" * 64, "Toy", recipe=fp32_ends(toy), precisions=halves)
    return dataclasses.replace(plain, **changes)


def engine(module: torch.nn.Module | None = None, settings: EnhanceSettings = FP32, **changes) -> Engine:
    return Engine.with_network(settings, network(module, **changes))


def replaced(**changes) -> EnhanceSettings:
    return dataclasses.replace(FP32, **changes)


def noise(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def untiled(picture: np.ndarray) -> np.ndarray:
    return engine(settings=replaced(tile_px=4096)).upscale([picture])[0]


def noted(run: Engine, pictures: list[np.ndarray]) -> list[Enhanced]:
    """The pictures at the network's size, with what went another way."""
    return run.enhance(
        [CropRequest(one, Box(0, 0, *one.shape[1::-1]), 2 * one.shape[1], 2 * one.shape[0]) for one in pictures]
    )


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    error = np.mean((a.astype(float) - b.astype(float)) ** 2)
    return 10 * np.log10(255**2 / max(error, 1e-9))


def seen_shapes(run: Engine) -> list[tuple[int, ...]]:
    return run.network.module.shapes


@pytest.mark.parametrize("size", [(200, 170), (300, 64), (97, 400)])
def test_tiled_equals_untiled(size):
    run = engine()
    picture = noise(*size)
    tiled = run.upscale([picture])[0]
    assert len(seen_shapes(run)) > 1 and len(set(seen_shapes(run))) == 1
    assert psnr(tiled, untiled(picture)) > 70
    assert tiled.shape == (2 * size[0], 2 * size[1], 3) and tiled.dtype == np.uint8


def test_many_pictures_take_the_same_way_as_one():
    pictures = [noise(200, 170, 1), noise(64, 80, 2), noise(200, 170, 3), noise(64, 80, 4), noise(5, 7, 5)]
    together = engine(settings=replaced(batch_tiles=3)).upscale(pictures)
    for picture, result in zip(pictures, together, strict=True):
        alone = engine().upscale([picture])[0]
        assert psnr(result, alone) > 60


def test_tiles_of_different_pictures_share_a_batch():
    run = engine(settings=replaced(batch_tiles=4))
    run.upscale([noise(64, 80, seed) for seed in range(6)])
    assert [shape[0] for shape in seen_shapes(run)] == [4, 2]


def test_the_same_input_gives_the_same_bytes():
    pictures = [noise(200, 170, 1), noise(64, 80, 2)]
    first, second = (engine(settings=replaced(batch_tiles=2)).upscale(pictures) for _ in range(2))
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


def test_half_precision_stays_close_and_is_stable():
    picture = noise(150, 120)
    settings = replaced(precision="bf16")
    first, second = (engine(settings=settings).upscale([picture])[0] for _ in range(2))
    assert np.array_equal(first, second)
    assert 50 < psnr(first, untiled(picture)) < 75, "equal to fp32 would mean that bf16 was not used"


def test_the_ends_of_the_network_stay_in_fp32():
    seen = []

    class Told(Toy):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            seen.append((x.dtype, self.first.weight.dtype, self.last.weight.dtype))
            return super().forward(x)

    for changes in ({}, {"recipe": Recipe()}):
        engine(Told(), replaced(precision="bf16"), **changes).upscale([noise(8, 8)])
    assert seen == [(torch.float32,) * 3, (torch.bfloat16,) * 3]


def test_the_network_that_was_handed_in_is_not_changed():
    mine = network()
    Engine.with_network(replaced(precision="bf16"), mine).upscale([noise(8, 8)])
    assert mine.module.first.weight.dtype == torch.float32


def test_progress_counts_every_tile_once_and_ends_full():
    steps = []
    engine(settings=replaced(batch_tiles=2)).upscale([noise(200, 170), noise(20, 20)], lambda *step: steps.append(step))
    assert [done for _, done, _ in steps] == list(range(1, len(steps) + 1))
    assert {(stage, total) for stage, _, total in steps} == {("enhance", len(steps))}


class NeedsMultiple(Toy):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        assert x.shape[2] % 8 == 0 and x.shape[3] % 8 == 0 and min(x.shape[2:]) >= 24
        return super().forward(x)


@pytest.mark.parametrize("size", [(1, 1), (3, 50), (24, 24), (25, 31), (150, 90)])
def test_any_size_fits_a_network_with_size_rules(size):
    picture = noise(*size)
    result = engine(NeedsMultiple(), size_multiple=8, minimum_px=24).upscale([picture])[0]
    assert result.shape == (2 * size[0], 2 * size[1], 3)
    inner = (slice(0, max(2 * size[0] - 8, 0)), slice(0, max(2 * size[1] - 8, 0)))
    assert psnr(result[inner], untiled(picture)[inner]) > 70 if result[inner].size else True


def test_a_square_network_gets_squares():
    run = engine(square=True)
    assert run.upscale([noise(20, 50)])[0].shape == (40, 100, 3)
    assert seen_shapes(run) == [(1, 3, 50, 50)]


def test_a_network_that_tiles_by_itself_gets_the_whole_picture():
    run = engine(tiles=False)
    run.upscale([noise(200, 170)])
    assert seen_shapes(run) == [(1, 3, 200, 170)]


@pytest.mark.parametrize("tile_px", [4096, 32])
def test_sixteen_bits_stay_sixteen_bits(tile_px):
    picture = np.random.default_rng(1).integers(0, 2**16, (150, 120, 3), np.uint16)
    result = engine(settings=replaced(tile_px=tile_px)).upscale([picture])[0]
    with torch.inference_mode():
        x = torch.from_numpy(picture.astype(np.float32) / 65535).permute(2, 0, 1)[None]
        exact = Toy().eval()(x.contiguous(memory_format=torch.channels_last)).clamp(0, 1)[0].permute(1, 2, 0).numpy()
    assert result.dtype == np.uint16
    assert np.abs(result.astype(float) - exact.astype(float) * 65535).max() <= 2
    assert len(np.unique(result % 257)) > 200, "eight bits would be multiples of 257"


def test_pictures_of_eight_and_sixteen_bits_can_be_mixed():
    eight = noise(60, 60)
    both = engine(settings=replaced(batch_tiles=2)).upscale([eight, eight.astype(np.uint16) * 257])
    assert [pixels.dtype for pixels in both] == [np.uint8, np.uint16]
    assert np.abs(both[1] / 257 - both[0]).max() <= 0.5 + 2 / 257


@pytest.mark.parametrize(
    "bad",
    [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3)), np.zeros((0, 4, 3), np.uint8)],
)
def test_what_is_no_rgb_picture_is_a_value_error(bad):
    with pytest.raises(ValueError, match="not an RGB picture"):
        engine().upscale([bad])


# --- non-numbers --------------------------------------------------------------------------------------------------


class BreaksInHalf(Toy):
    """Gives NaN where a tile holds a white pixel, unless it runs in fp32."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = super().forward(x)
        broken = (x.amax((1, 2, 3)) > 0.9) & (self.first.weight.dtype != torch.float32)
        y[broken, :, 3, 5] = float("nan")
        return y


def test_a_tile_of_non_numbers_is_redone_in_fp32_and_noted():
    dark = noise(50, 50) // 2
    white = dark.copy()
    white[10, 10] = 255
    run = engine(BreaksInHalf(), replaced(precision="bf16", batch_tiles=3), recipe=Recipe())
    first, redone, last = noted(run, [dark, white, dark])
    assert np.array_equal(redone.pixels, untiled(white)), "the redone tile is the fp32 result"
    assert len(redone.notes) == 1 and "redone in fp32" in redone.notes[0]
    assert first.notes == last.notes == ()
    assert np.array_equal(first.pixels, last.pixels) and psnr(first.pixels, untiled(dark)) > 45


class AlwaysBroken(Toy):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x) * float("inf")


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_non_numbers_in_fp32_are_an_error(precision):
    with pytest.raises(ModelDamagedError, match="toy: the network gives values that are not numbers"):
        engine(AlwaysBroken(), replaced(precision=precision)).upscale([noise(20, 20)])


# --- memory -------------------------------------------------------------------------------------------------------


class LittleMemory(Toy):
    def __init__(self, tiles: int, side: int, error: Exception | None = None) -> None:
        super().__init__()
        self.limits = tiles, side
        self.error = error or torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if x.shape[0] > self.limits[0] or max(x.shape[2:]) > self.limits[1]:
            raise self.error
        return super().forward(x)


def test_out_of_memory_halves_the_batch():
    pictures = [noise(64, 80, seed) for seed in range(5)]
    run = engine(LittleMemory(1, 999), replaced(batch_tiles=4))
    results = noted(run, pictures)
    assert [shape[0] for shape in seen_shapes(run)] == [1] * 5
    for index, picture in enumerate(pictures):
        assert psnr(results[index].pixels, untiled(picture)) > 60
    assert results[0].notes == ("memory ran out: 2 tile(s) per pass", "memory ran out: 1 tile(s) per pass")


@pytest.mark.parametrize(
    "error",
    [
        None,
        MemoryError(),
        RuntimeError("[enforce fail at alloc_cpu.cpp:117] DefaultCPUAllocator: can't allocate memory: you tried"),
        RuntimeError("MPS backend out of memory (MPS allocated: 8.00 GB)"),
    ],
)
def test_out_of_memory_with_one_tile_halves_the_tile(error):
    pictures = [noise(300, 250, 1), noise(60, 60, 2)]
    run = engine(LittleMemory(9, 140, error), replaced(tile_px=256))
    results = noted(run, pictures)
    assert max(max(shape[2:]) for shape in seen_shapes(run)) <= 140
    for index, picture in enumerate(pictures):
        assert psnr(results[index].pixels, untiled(picture)) > 60
    assert "memory ran out: tiles of 64 pixels" in results[0].notes


def test_no_memory_for_the_smallest_tile_is_a_device_error():
    with pytest.raises(DeviceError, match="cpu: not enough memory for one tile of 32 pixels"):
        engine(LittleMemory(0, 0), replaced(batch_tiles=8, tile_px=256)).upscale([noise(300, 300)])


def test_another_error_of_the_network_is_not_taken_for_a_lack_of_memory():
    error = RuntimeError("mat1 and mat2 shapes cannot be multiplied")
    with pytest.raises(RuntimeError, match="cannot be multiplied"):
        engine(LittleMemory(0, 0, error)).upscale([noise(20, 20)])


# --- devices ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["gpu", "cuda:", "cuda:x", "cpu:0", "mps:1", "cuda:-1", ""])
def test_an_unknown_device_is_a_usage_error(name):
    with pytest.raises(UsageError, match=r"valid: auto, cpu, cuda, cuda:N, mps"):
        choose_compute(name)


def test_a_device_that_is_not_there_is_a_device_error(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    for name in ("cuda", "cuda:1", "mps"):
        with pytest.raises(DeviceError, match="use --device auto or cpu"):
            resolve_device(name)
    assert resolve_device("auto") == torch.device("cpu")


def test_a_cuda_card_that_is_not_there_names_those_that_are(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    with pytest.raises(DeviceError, match="there: cuda:0, cuda:1"):
        resolve_device("cuda:2")
    assert resolve_device("cuda:1") == torch.device("cuda", 1)


@pytest.mark.parametrize(("able", "expected"), [(True, "bf16"), (False, "fp32")])
def test_the_cpu_uses_bf16_only_where_it_has_the_arithmetic(monkeypatch, able, expected):
    monkeypatch.setattr(device_module, "cpu_has_fast_bf16", lambda: able)
    assert choose_compute("cpu").precision == expected
    asked = choose_compute("cpu", "bf16")
    assert asked.dtype == torch.bfloat16 and len(asked.notes) == (0 if able else 1)


def test_fp16_on_the_cpu_is_refused():
    with pytest.raises(DeviceError, match="ten times slower"):
        choose_compute("cpu", "fp16")


@pytest.mark.parametrize("capability", [(7, 5), (8, 0), (9, 0)])
def test_cuda_takes_bf16_from_compute_capability_8(monkeypatch, capability):
    monkeypatch.setattr(device_module, "resolve_device", lambda name: torch.device("cuda", 0))
    monkeypatch.setattr(device_module, "can_compute", lambda device, dtype: True)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    assert choose_compute("cuda").precision == ("bf16" if capability[0] >= 8 else "fp16")


@pytest.mark.parametrize("lie", [lambda x, w: torch.full((1, 16, 6, 6), float("nan")), lambda x, w: x[..., :6, :6] * 0])
def test_a_device_that_computes_half_precision_wrongly_falls_back_and_says_so(monkeypatch, lie):
    real = torch.nn.functional.conv2d
    fake = lambda x, w: real(x, w) if x.dtype == torch.float32 else lie(x, w)  # noqa: E731 - one line is enough
    monkeypatch.setattr(torch.nn.functional, "conv2d", fake)
    monkeypatch.setattr(device_module, "cpu_has_fast_bf16", lambda: True)
    chosen = choose_compute("cpu")
    assert chosen.precision == "fp32" and "computes it wrongly" in chosen.notes[0]
    with pytest.raises(DeviceError, match="cannot compute in bf16"):
        choose_compute("cpu", "bf16")


def test_a_network_without_half_precision_runs_in_fp32_and_says_so_when_it_was_asked_for():
    run = engine(settings=replaced(precision="bf16"), precisions=("fp32",))
    assert run.compute.precision == "fp32" and "does not work in bf16" in run.compute.notes[0]


@pytest.mark.gpu
def test_cuda_gives_what_the_cpu_gives():
    pictures = [noise(200, 170, 1), noise(64, 80, 2), noise(64, 80, 3)]
    expected = engine().upscale(pictures)
    for precision, least in (("fp32", 60), ("auto", 45)):
        results = engine(settings=replaced(device="cuda", precision=precision)).upscale(pictures)
        again = engine(settings=replaced(device="cuda", precision=precision)).upscale(pictures)
        for one, two, reference in zip(results, again, expected, strict=True):
            assert np.array_equal(one, two)
            assert psnr(one, reference) >= least


@pytest.mark.gpu
def test_x4plus_on_cuda_gives_what_the_cpu_gives():
    picture = np.repeat(np.repeat(noise(16, 16), 4, axis=0), 4, axis=1)
    cpu, cuda = (
        Engine(replaced(device=device, tile_px=256), ModelStore()).upscale([picture])[0] for device in ("cpu", "cuda")
    )
    assert psnr(cpu, cuda) >= 50


def test_devices_are_described():
    described = device_module.describe_devices()
    assert described[0].name == "cpu" and described[0].precision in ("fp32", "bf16")
    assert all(a.name != b.name for a, b in itertools.combinations(described, 2))


def test_a_finer_picture_for_the_plain_filter_lowers_the_share_of_the_network():
    request = CropRequest(np.full((40, 40, 3), 90, np.uint8), Box(0, 0, 40, 40), 160, 160)
    fused = CropRequest(np.full((80, 80, 3), 90, np.uint8), Box(0, 0, 80, 80), 160, 160)
    finer = dataclasses.replace(request, finer=fused)
    run = engine(settings=replaced(detail=None))
    assert [one.detail for one in run.enhance([request, finer])] == [auto_share(4.0), auto_share(2.0)]
