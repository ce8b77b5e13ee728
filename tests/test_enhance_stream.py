from __future__ import annotations

import dataclasses
import shutil

import numpy as np
import pytest
import torch

from fancam.enhancing import CropRequest, Engine
from fancam.errors import CropError, DeviceError, FancamError, ModelDamagedError
from fancam.geometry import Box
from fancam.nn import planner
from fancam.nn.device import cpu_has_fast_bf16
from fancam.nn.networks import Network
from fancam.results import Enhanced
from fancam.settings import EnhanceSettings
from tests.toy_network import Toy

SETTINGS = EnhanceSettings(device="cpu", precision="fp32", tile_px=64, tile_overlap_px=32, detail=1.0)


def engine(module: torch.nn.Module | None = None, changes: dict | None = None, **settings) -> Engine:
    network = Network("toy", (module or Toy()).eval(), 2, "0" * 64, "Toy", precisions=("fp32", "bf16"))
    return Engine.with_network(
        dataclasses.replace(SETTINGS, **settings), dataclasses.replace(network, **(changes or {}))
    )


def shapes(run: Engine) -> list[tuple[int, ...]]:
    return run.network.module.shapes


def request(seed: int, height: int = 40, width: int = 40, factor: float = 2.0) -> CropRequest:
    pixels = np.random.default_rng(seed).integers(0, 200, (height, width, 3), np.uint8)
    return CropRequest(pixels, Box(0, 0, width, height), round(width * factor), round(height * factor))


def alone(one: CropRequest) -> np.ndarray:
    return engine(tile_px=4096).enhance([one])[0].pixels


def largest(a: np.ndarray, b: np.ndarray) -> int:
    return int(np.abs(a.astype(int) - b).max())


def inner(pixels: np.ndarray) -> np.ndarray:
    """Without the border, which a network sees differently where a tile is padded."""
    return pixels[:-8, :-8]


BAD = CropRequest(np.zeros((9, 9, 3), np.uint8), Box(20, 20, 30, 30), 40, 40)


# --- order, company and laziness ----------------------------------------------------------------------------------


def test_a_stream_gives_what_single_requests_give():
    requests = [request(1), request(2, 150, 90), request(3, 40, 40, 1.0), request(4, 60, 140, 1.7), request(5)]
    results = dict(engine(batch_tiles=3).stream(iter(requests)))
    assert sorted(results) == [0, 1, 2, 3, 4]
    for index, one in enumerate(requests):
        assert largest(results[index].pixels, alone(one)) <= 1
    assert [results[index].invented for index in range(5)] == [True, True, False, True, True]


@pytest.mark.parametrize("batch", [1, 4])
def test_requests_are_taken_only_a_few_ahead(batch):
    taken = []

    def requests():
        for number in range(60):
            taken.append(number)
            yield request(number)

    for given, _ in enumerate(engine(batch_tiles=batch).stream(requests()), start=1):
        assert len(taken) <= given + 2 * batch
    assert len(taken) == 60


def test_tiles_of_pictures_that_come_one_by_one_share_batches():
    run = engine(batch_tiles=4)
    list(run.stream(request(number) for number in range(10)))
    assert [shape[0] for shape in shapes(run)] == [4, 4, 2]


def test_a_picture_without_company_does_not_wait_for_ever():
    run = engine(batch_tiles=4)
    order = [index for index, _ in run.stream([request(0, 30, 50), *(request(number) for number in range(40))])]
    assert order.index(0) < 30, "at most some batches of others go first"


def test_large_pictures_are_not_open_together(monkeypatch):
    from fancam.enhancing import batches

    monkeypatch.setattr(batches, "_OPEN_PX", 40 * 40)  # pictures that fill the real limit take gigabytes
    run = engine(batch_tiles=4)
    list(run.stream(request(number) for number in range(3)))
    assert [shape[0] for shape in shapes(run)] == [1, 1, 1]


def test_progress_has_a_total_once_all_have_come():
    steps = []
    list(engine().stream((request(number) for number in range(3)), lambda *step: steps.append(step)))
    assert [done for _, done, _ in steps] == [1, 2, 3]
    assert steps[0][2] is None and steps[-1][2] == 3 and {stage for stage, *_ in steps} == {"enhance"}
    engine().enhance([request(number) for number in range(3)], lambda *step: steps.append(step))
    assert steps[3:] == [("enhance", 1, 3), ("enhance", 2, 3), ("enhance", 3, 3)]


def test_a_stream_that_is_left_and_one_inside_another_harm_nothing():
    run = engine(batch_tiles=2)
    stream = run.stream(request(number, 150, 90) for number in range(6))
    first, result = next(stream)
    (within,) = run.enhance([request(9)])
    second, other = next(stream)
    stream.close()
    assert largest(result.pixels, alone(request(first, 150, 90))) <= 1
    assert largest(other.pixels, alone(request(second, 150, 90))) <= 1
    assert largest(within.pixels, alone(request(9))) <= 1
    assert largest(run.enhance([request(3)])[0].pixels, alone(request(3))) <= 1


def test_an_error_of_the_iterable_comes_through():
    def requests():
        yield request(0)
        raise KeyError("gone")

    with pytest.raises(KeyError, match="gone"):
        list(engine().stream(requests()))


# --- what fails, fails alone --------------------------------------------------------------------------------------


@pytest.mark.parametrize("network", [True, False])
def test_a_bad_request_among_good_ones_yields_its_error(network):
    run = engine() if network else Engine(dataclasses.replace(SETTINGS, upscaler="lanczos"), store=None)
    no_picture = dataclasses.replace(request(0), pixels=np.zeros((9, 9), np.uint8))
    no_print = dataclasses.replace(request(0), width_px=0)
    results = dict(run.stream([request(1), BAD, no_picture, request(2), no_print]))
    assert [type(results[index]) for index in range(5)] == [Enhanced, CropError, CropError, Enhanced, CropError]
    assert "outside a frame of 9x9" in str(results[1]) and "not an RGB picture" in str(results[2])
    assert "print of 0x80 is empty" in str(results[4])


def test_a_list_with_a_bad_request_is_refused_before_the_work():
    run = engine()
    with pytest.raises(ValueError, match="outside a frame of 9x9"):
        run.enhance([request(1), BAD])
    assert shapes(run) == []


class BrokenOnWhite(Toy):
    """Gives NaN for pictures with a white pixel: always, or in half precision only."""

    only_half = False

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = super().forward(x)
        half = self.first.weight.dtype != torch.float32
        broken = x.amax((1, 2, 3)) > 0.95
        if half or not self.only_half:
            y[broken, :, 3, 5] = float("nan")
        return y


class BrokenInHalf(BrokenOnWhite):
    only_half = True


def with_white(seed: int) -> CropRequest:
    one = request(seed, 150, 90)
    one.pixels[100, 50] = 255
    return one


def test_a_picture_of_non_numbers_fails_alone():
    run = engine(BrokenOnWhite(), batch_tiles=3)
    results = dict(run.stream([request(0, 150, 90), with_white(1), request(2), request(3, 150, 90)]))
    assert isinstance(results[1], ModelDamagedError)
    for index, one in ((0, request(0, 150, 90)), (2, request(2)), (3, request(3, 150, 90))):
        assert largest(results[index].pixels, alone(one)) <= 1
    with pytest.raises(ModelDamagedError):
        engine(BrokenOnWhite()).enhance([request(0), with_white(1)])


def test_a_tile_of_non_numbers_is_redone_in_the_middle_of_a_stream():
    run = engine(BrokenInHalf(), precision="bf16", batch_tiles=2)
    requests = [request(0, 150, 90), with_white(1), request(2, 150, 90)]
    results = dict(run.stream(requests))
    assert any("redone in fp32" in note for note in results[1].notes)
    assert not any("redone" in note for index in (0, 2) for note in results[index].notes)
    for index, one in enumerate(requests):
        assert largest(results[index].pixels, alone(one)) <= 12, "bf16 has 8 bits"


class RunsOut(Toy):
    """Has memory for some calls, then only for batches up to a size and tiles up to a side."""

    def __init__(self, calls: int, tiles: int, side: int = 999) -> None:
        super().__init__()
        self.calls, self.tiles, self.side = calls, tiles, side

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.calls -= 1
        if self.calls < 0 and (x.shape[0] > self.tiles or max(x.shape[2:]) > self.side):
            raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return super().forward(x)


@pytest.mark.parametrize("limits", [(2, 1, 999), (2, 3, 999), (1, 1, 100), (0, 4, 100)])
def test_memory_that_runs_out_in_the_middle_loses_nothing(limits):
    requests = [request(number, 40 + 110 * (number % 2), 90) for number in range(9)]
    steps = []
    run = engine(RunsOut(*limits), batch_tiles=4)
    results = dict(run.stream(iter(requests), lambda *step: steps.append(step)))
    assert sorted(results) == list(range(9))
    for index, one in enumerate(requests):
        assert largest(results[index].pixels, alone(one)) <= 1
    assert any("memory ran out" in note for result in results.values() for note in result.notes)
    assert steps[-1][1] == steps[-1][2], "the tiles that were lost are not counted twice"


def test_a_picture_that_begins_again_with_smaller_tiles_counts_each_once():
    steps = []
    run = engine(RunsOut(3, 1, 100), batch_tiles=1)
    (result,) = run.enhance([request(0, 300, 220)], lambda *step: steps.append(step))
    assert largest(result.pixels, alone(request(0, 300, 220))) <= 1
    assert max(done for _, done, _ in steps[:-1]) < steps[-1][1] == steps[-1][2] == len(run.plan(300, 220))


@pytest.mark.parametrize(
    ("gigabytes", "precision", "expected"),
    [
        (80, "bf16", (512, 4)),
        (24, "bf16", (512, 4)),
        (8, "fp16", (512, 1)),
        (8, "fp32", (336, 1)),
        (1, "fp32", (128, 1)),
    ],
)
def test_tiles_on_a_card_follow_its_memory(gigabytes, precision, expected):
    assert planner.cuda_tiles(gigabytes * 2**30, precision, 48) == expected


def test_a_picture_too_large_for_a_network_that_takes_no_tiles_fails_alone():
    run = engine(RunsOut(0, 9, 100), {"tiles": False}, batch_tiles=2)
    results = dict(run.stream([request(0), request(1, 40, 150), request(2)]))
    assert isinstance(results[1], DeviceError) and "not enough memory for a picture of 150x40" in str(results[1])
    assert isinstance(results[0], Enhanced) and isinstance(results[2], Enhanced)


def test_no_memory_for_the_smallest_tile_ends_the_stream():
    with pytest.raises(DeviceError, match="not enough memory for one tile of 32 pixels"):
        list(engine(RunsOut(0, 0)).stream([request(0), request(1)]))


def test_a_result_that_the_host_cannot_hold_fails_alone(monkeypatch):
    from fancam.enhancing import batches

    class Little(batches.TiledPrint):
        def __init__(self, plan, scale, dtype, device, box, size, share) -> None:
            if size[0] == 300:
                raise MemoryError
            super().__init__(plan, scale, dtype, device, box, size, share)

    monkeypatch.setattr(batches, "TiledPrint", Little)
    results = dict(engine().stream([request(0), request(1, 150, 90), request(2)]))
    assert isinstance(results[1], DeviceError) and "90x150" in str(results[1])
    assert isinstance(results[0], Enhanced) and isinstance(results[2], Enhanced)


# --- compiling and buckets ----------------------------------------------------------------------------------------


class FakeCompiler:
    """Stands in for ``torch.compile``, which takes a minute: keeps what it was asked to run."""

    def __init__(self, error: Exception | None = None, factor: float = 1.0) -> None:
        self.error, self.factor = error, factor
        self.shapes: list[tuple[int, ...]] = []
        self.made = 0

    def compile(self, module, **options):
        self.made += 1

        def run(x: torch.Tensor) -> torch.Tensor:
            if self.error is not None:
                raise self.error
            self.shapes.append(tuple(x.shape))
            return module(x) * self.factor

        return run


def compiling(monkeypatch, compiler: FakeCompiler, **settings) -> Engine:
    monkeypatch.setattr(torch, "compile", compiler.compile)
    return engine(compile="on", **settings)


def test_a_compiled_network_gets_full_batches_of_few_shapes_and_the_result_is_the_same(monkeypatch):
    compiler = FakeCompiler()
    run = compiling(monkeypatch, compiler, batch_tiles=4)
    requests = [request(number, 33 + 3 * number, 40 + 2 * number) for number in range(9)]
    results = dict(run.stream(requests))
    for index, one in enumerate(requests):
        assert largest(inner(results[index].pixels), inner(alone(one))) <= 1
        assert results[index].notes == ()
    assert compiler.made == 1, "once for all sizes"
    assert {shape[0] for shape in compiler.shapes} == {4}
    assert {shape[2:] for shape in compiler.shapes[1:]} == {(64, 64)}, "the first is the example"


def test_on_a_cpu_that_does_not_compile_shapes_stay_exact():
    run = engine()
    list(run.stream([request(0, 33, 47)]))
    assert shapes(run) == [(1, 3, 33, 47)]


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (RuntimeError("backend='inductor' raised:\nInvalidCxxCompiler: No working C++ compiler"), "No working C++"),
        (ImportError("No module named 'triton'"), "triton"),
        (FileNotFoundError("g++"), "g++"),
    ],
)
def test_a_compiler_that_fails_is_noted_once_and_the_plain_network_runs(monkeypatch, error, words):
    compiler = FakeCompiler(error)
    run = compiling(monkeypatch, compiler)
    results = [result for _, result in run.stream([request(0), request(1, 150, 90)])]
    for index, one in enumerate([request(0), request(1, 150, 90)]):
        assert largest(inner(results[index].pixels), inner(alone(one))) <= 1
        assert len(results[index].notes) == 1 and words in results[index].notes[0]
        assert "the network runs as it is" in results[index].notes[0]
    assert compiler.made == 1, "it is not tried again"


def test_a_compiled_network_that_gives_something_else_is_not_used(monkeypatch):
    run = compiling(monkeypatch, FakeCompiler(factor=0.8))
    (result,) = run.enhance([request(0)])
    assert largest(inner(result.pixels), inner(alone(request(0)))) <= 1
    assert "compiled, it is wrong by" in result.notes[0]


def test_memory_that_runs_out_is_not_taken_for_a_failed_compilation(monkeypatch):
    run = compiling(monkeypatch, FakeCompiler(torch.cuda.OutOfMemoryError("CUDA out of memory")))
    with pytest.raises(DeviceError, match="not enough memory"):
        run.enhance([request(0)])


def test_auto_compiles_only_where_it_is_known_to_pay_and_after_much_work(monkeypatch):
    compiler = FakeCompiler()
    monkeypatch.setattr(torch, "compile", compiler.compile)
    monkeypatch.setattr(planner, "COMPILE_AFTER_PX", 5000)
    list(engine(compile="auto").stream(request(number) for number in range(6)))
    assert compiler.made == 0, "a CPU is none of those"
    monkeypatch.setattr("fancam.nn.runtime.Runtime.compiles_well", property(lambda self: True))
    run = engine(compile="auto")
    list(run.stream(request(number) for number in range(6)))
    assert compiler.made == 1
    used = [shape for shape in compiler.shapes if shape[2:] == (40, 40)]
    assert len(used) == 3, "40x40 pixels fit three times into 5000 before the fourth goes over"


class Quiet(Toy):
    """Keeps nothing: a compiler would take the list of shapes for a part of the network."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.pixel_shuffle(self.last(torch.tanh(self.first(x))), 2)


@pytest.mark.slow
def test_the_compiler_of_this_machine_gives_what_the_plain_network_gives():
    if not any(shutil.which(name) for name in ("g++", "clang++", "c++")):
        pytest.skip("no C++ compiler here")
    precision = "bf16" if cpu_has_fast_bf16() else "fp32"
    requests = [request(0), request(1, 150, 90), request(2, 70, 70)]
    compiled, as_it_is = (engine(Quiet(), compile=way, precision=precision).enhance(requests) for way in ("on", "off"))
    for one, other in zip(compiled, as_it_is, strict=True):
        assert one.notes == ()
        assert largest(inner(one.pixels), inner(other.pixels)) <= 6


@pytest.mark.gpu
def test_a_stream_on_cuda_gives_what_the_cpu_gives():
    requests = [request(number, 40 + 110 * (number % 2), 90, 1.7) for number in range(9)]
    sixteen = [dataclasses.replace(one, pixels=one.pixels.astype(np.uint16) * 257) for one in requests]
    for group in (requests, sixteen):
        results = dict(engine(device="cuda", batch_tiles=4, detail=0.6).stream(group))
        expected = engine(detail=0.6).enhance(group)
        for index, other in enumerate(expected):
            assert not isinstance(results[index], FancamError)
            step = 1 if other.pixels.dtype == np.uint8 else 64
            assert largest(inner(results[index].pixels), inner(other.pixels)) <= step
