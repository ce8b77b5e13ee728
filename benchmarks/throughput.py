"""Pictures per second through realesrgan-x4plus: what the device could do, what it does, and how long it is busy.

On a CUDA device: 512x512 to 2048x2048 in each precision, as it is and compiled, against the largest rate of a matrix
product on the same device; then 64 cards of 1080p frames as a stream, with the share of the time in which the device
works. On the CPU: a small tile, in seconds of the processor, which a busy machine stretches less than the clock's.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import torch
from torch.utils.flop_counter import FlopCounterMode

from fancam.enhancing import CropRequest, Engine
from fancam.geometry import Box
from fancam.media import Picture
from fancam.nn import ModelStore
from fancam.nn.device import choose_compute
from fancam.nn.networks import Network, load_upscaler
from fancam.nn.runtime import Finish, Pending, Prepare
from fancam.settings import EnhanceSettings

CARDS = 64
CARD_WIDTH_PX, CARD_HEIGHT_PX = 720, 1075
PICTURES = 32
NOT_MEASURED = "not measured: no CUDA device"


@dataclass(frozen=True, slots=True)
class Way:
    """One row of the tables."""

    precision: str
    compile: str

    @property
    def name(self) -> str:
        """As the tables show it."""
        return f"{self.precision}{', compiled' if self.compile == 'on' else ''}"


def main(arguments: list[str]) -> None:
    """Print the tables; what this machine cannot measure says so."""
    parser = argparse.ArgumentParser(prog="throughput", description=__doc__)
    parser.add_argument("--side", type=int, default=64, help="of the picture on the CPU")
    parser.add_argument("--compile-cpu", action="store_true", help="compile on the CPU, too (takes minutes)")
    parser.add_argument("--no-compile", action="store_true", help="leave the compiled rows out on CUDA, too")
    options = parser.parse_args(arguments)
    network = load_upscaler(EnhanceSettings(), ModelStore())
    assert network is not None
    flop_px = flop_per_pixel(network)
    print(f"realesrgan-x4plus: {flop_px / 1e6:.1f} MFLOP per source pixel; torch {torch.__version__}")
    ways = [Way(precision, way) for way in ("off", "on") for precision in ("bf16", "fp32")]
    on_cuda(network, flop_px, [way for way in ways if way.compile == "off" or not options.no_compile])
    on_cpu(network, options.side, [way for way in ways if way.compile == "off" or options.compile_cpu])


def flop_per_pixel(network: Network) -> float:
    """Return the floating-point operations per source pixel; a multiplication and its addition are two."""
    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        network.module(torch.zeros(1, 3, 16, 16))
    return counter.get_total_flops() / 256


# --- CUDA ---------------------------------------------------------------------------------------------------------


def on_cuda(network: Network, flop_px: float, ways: list[Way]) -> None:
    """Print pictures per second and the share of the peak, and the cards of a stream with the device's busy share."""
    if not torch.cuda.is_available():
        print(f"\n512x512 to 2048x2048, pictures/s and share of the peak: {NOT_MEASURED}")
        print(f"{CARDS} cards as a stream, cards/s and busy share: {NOT_MEASURED}")
        return
    peaks = {"bf16": peak_flops(torch.bfloat16), "fp32": peak_flops(torch.float32)}
    print(f"\n{torch.cuda.get_device_name()}")
    print("peak of a matrix product: " + ", ".join(f"{name} {peak / 1e12:.0f} TFLOP/s" for name, peak in peaks.items()))
    print(f"{'':18}{'512→2048 /s':>12}{'TFLOP/s':>9}{'of peak':>9}{'first, s':>10}{'cards/s':>9}{'busy':>7}  notes")
    for way in ways:
        settings = EnhanceSettings(device="cuda", precision=way.precision, compile=way.compile)
        engine = Engine.with_network(settings, network)
        pictures = [picture(512, 512, seed) for seed in range(PICTURES)]
        began = time.perf_counter()
        engine.upscale(pictures[:4])
        first_s = time.perf_counter() - began
        rate = PICTURES / min(seconds(lambda: engine.upscale(pictures)) for _ in range(3))  # noqa: B023 - called at once
        cards_s, busy, notes = stream_of_cards(engine)
        flops = rate * 512 * 512 * flop_px
        print(
            f"{way.name:18}{rate:12.1f}{flops / 1e12:9.0f}{flops / peaks[way.precision]:9.0%}{first_s:10.1f}"
            f"{CARDS / cards_s:9.1f}{busy:7.0%}  {'; '.join(notes)}",
            flush=True,
        )


def peak_flops(dtype: torch.dtype, side: int = 8192) -> float:
    """Return the rate of a large matrix product, the most that the device is seen to do; fp32 is without TF32."""
    one, other = (torch.randn(side, side, device="cuda", dtype=dtype) for _ in range(2))
    torch.matmul(one, other)
    times = []
    for _ in range(5):
        start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        start.record()
        torch.matmul(one, other)
        end.record()
        end.synchronize()
        times.append(start.elapsed_time(end) / 1000)
    return 2 * side**3 / min(times)


def stream_of_cards(engine: Engine) -> tuple[float, float, tuple[str, ...]]:
    """Return (seconds for the cards, share of them in which the device worked, notes)."""
    frames = [picture(1080, 1920, seed) for seed in range(4)]
    generator = np.random.default_rng(0)

    def requests() -> Iterator[CropRequest]:
        for number in range(CARDS):
            width = float(generator.uniform(180, 340))
            height = width * CARD_HEIGHT_PX / CARD_WIDTH_PX
            x, y = generator.uniform(0, 1920 - width), generator.uniform(0, 1080 - height)
            yield CropRequest(frames[number % 4], Box(x, y, x + width, y + height), CARD_WIDTH_PX, CARD_HEIGHT_PX)

    list(engine.stream(requests()))  # warm up: page-locked memory, plans of the convolutions
    timed = _TimedRuntime(engine)
    began = time.perf_counter()
    results = [result for _, result in engine.stream(requests())]
    wall_s = time.perf_counter() - began
    notes = {note for result in results for note in getattr(result, "notes", ())}
    return wall_s, timed.busy_s() / wall_s, tuple(sorted(notes))


class _TimedRuntime:
    """Records an event on the device before and after every batch of an engine."""

    def __init__(self, engine: Engine) -> None:
        runtime = engine.runtime
        assert runtime is not None
        self._events: list[tuple[torch.cuda.Event, torch.cuda.Event]] = []
        self._launch = runtime.launch
        runtime.launch = self.launch  # type: ignore[method-assign]  # the engine calls it as its own

    def launch(self, items: npt.NDArray, finish: Sequence[Finish], prepare: Prepare | None = None) -> Pending:
        """Start a batch between two events."""
        start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        start.record()
        pending = self._launch(items, finish, prepare)
        end.record()
        self._events.append((start, end))
        return pending

    def busy_s(self) -> float:
        """Seconds from the first to the last operation of each batch; batches follow each other on the device."""
        torch.cuda.synchronize()
        return sum(start.elapsed_time(end) for start, end in self._events) / 1000


# --- CPU ----------------------------------------------------------------------------------------------------------


def on_cpu(network: Network, side: int, ways: list[Way]) -> None:
    """Print seconds per small picture; the rows take turns, and the best turn of each counts."""
    engines: dict[str, Engine] = {}
    first_s: dict[str, float] = {}
    for way in ways:
        settings = EnhanceSettings(device="cpu", precision=way.precision, compile=way.compile)
        if way.precision == "bf16" and choose_compute("cpu").precision != "bf16":
            print(f"\n{way.name}: not measured: this CPU has no bf16 arithmetic")
            continue
        engines[way.name] = Engine.with_network(settings, network)
        first_s[way.name] = seconds(lambda: engines[way.name].upscale([picture(side, side, 0)]))  # noqa: B023 - called at once
    best = dict.fromkeys(engines, float("inf"))
    for _ in range(3):
        for name, engine in engines.items():
            began = time.process_time()
            engine.upscale([picture(side, side, 1)])
            best[name] = min(best[name], time.process_time() - began)
    print(f"\n{side}x{side} to {4 * side}x{4 * side} on the CPU, {torch.get_num_threads()} threads")
    print(f"{'':18}{'processor s':>12}{'fp32 ÷ it':>11}{'first, s':>10}")
    for name, value in best.items():
        print(f"{name:18}{value:12.2f}{best['fp32'] / value:10.2f}x{first_s[name]:10.1f}")
    print(_host_share(network))


def _host_share(network: Network) -> str:
    """Say what everything but the network costs: cutting, resampling to the print, mixing, laying down."""
    settings = replace(EnhanceSettings(device="cpu", precision="fp32"), detail=0.7)
    engine = Engine.with_network(settings, replace(network, module=_Nearest().eval()))
    frame = picture(1080, 1920, 0)
    card = CropRequest(frame, Box(700.3, 200.2, 1025.3, 685.4), CARD_WIDTH_PX, CARD_HEIGHT_PX)
    engine.enhance([card])
    best = float("inf")
    for _ in range(3):
        began = time.process_time()
        engine.enhance([card])
        best = min(best, time.process_time() - began)
    return f"one card of {CARD_WIDTH_PX}x{CARD_HEIGHT_PX} without the network: {best:.2f} processor s on the CPU"


class _Nearest(torch.nn.Module):
    """Costs next to nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.ends = torch.nn.Conv2d(3, 3, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.interpolate(x, scale_factor=4, mode="nearest")


def picture(height: int, width: int, seed: int) -> Picture:
    """Return a picture of soft noise."""
    small = np.random.default_rng(seed).integers(0, 256, (height // 8, width // 8, 3), np.uint8)
    return np.ascontiguousarray(small.repeat(8, axis=0).repeat(8, axis=1))


def seconds(work: Callable[[], object]) -> float:
    """Return how long something takes by the clock."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began
