"""What half precision and memory layout are worth on this machine, for realesrgan-x4plus.

Every row is the network on the same tile; the rows take turns, and the best turn of each counts, so that a busy machine
disturbs them alike.
"""

from __future__ import annotations

import argparse
import copy
import time
from collections.abc import Callable

import numpy as np
import torch

from benchmarks.golden import decibel
from fancam.enhancing.tiledprint import TiledPrint
from fancam.enhancing.tiling import plan_tiles
from fancam.nn import ModelStore
from fancam.nn.device import Compute, choose_compute, resolve_device
from fancam.nn.networks import Network, load_upscaler
from fancam.nn.runtime import Runtime
from fancam.settings import EnhanceSettings

Run = Callable[[], np.ndarray]


def main(arguments: list[str]) -> None:
    """Print the time of each precision and layout against plain fp32, and how far its output is from it."""
    parser = argparse.ArgumentParser(prog="precision", description=__doc__)
    parser.add_argument("--side", type=int, default=128, help="side of the tile in pixels")
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--device", default="auto")
    options = parser.parse_args(arguments)
    device = resolve_device(options.device)
    network = load_upscaler(EnhanceSettings(), ModelStore())
    assert network is not None
    tile = np.random.default_rng(0).integers(0, 256, (1, options.side // 8, options.side // 8, 3), np.uint8)
    tile = tile.repeat(8, axis=1).repeat(8, axis=2)

    runs: dict[str, Run] = {"fp32": _plain(network, device, tile)}
    for name in ("fp32", "bf16", "fp16"):
        if name == "fp16" and device.type == "cpu":
            continue  # refused there: about ten times slower
        runs[f"{name} channels_last"] = _engine(network, choose_compute(options.device, name), tile)
    results = {name: run() for name, run in runs.items()}  # warm up
    best = dict.fromkeys(runs, float("inf"))
    for _ in range(options.turns):
        for name, run in runs.items():
            began = time.perf_counter()
            run()
            best[name] = min(best[name], time.perf_counter() - began)

    print(f"realesrgan-x4plus, {options.side}x{options.side} on {device}, {torch.get_num_threads()} threads")
    print(f"{'':22}{'seconds':>9}{'fp32 ÷ it':>11}{'dB to fp32':>12}")
    for name, seconds in best.items():
        distance = "" if name == "fp32" else f"{decibel(results[name], results['fp32']):12.1f}"
        print(f"{name:22}{seconds:9.2f}{best['fp32'] / seconds:10.2f}x{distance}")


def _plain(network: Network, device: torch.device, tile: np.ndarray) -> Run:
    """The network as loaded: fp32, contiguous."""
    module = copy.deepcopy(network.module).to(device)

    def run() -> np.ndarray:
        with torch.inference_mode():
            batch = torch.from_numpy(tile).permute(0, 3, 1, 2).contiguous().to(device).float().div_(255)
            levels = module(batch).clamp_(0, 1).mul_(255).round_().to(torch.uint8)
            return levels.permute(0, 2, 3, 1).contiguous().cpu().numpy()

    return run


def _engine(network: Network, compute: Compute, tile: np.ndarray) -> Run:
    """The network as the engine runs it."""
    runtime = Runtime(network, compute)
    height, width = tile.shape[1:3]
    plan = plan_tiles(height, width, max(height, width), 32)
    (whole,) = plan
    task = TiledPrint(plan, network.scale, np.uint8, compute.device).task(whole)
    return lambda: runtime.collect(runtime.launch(tile, [task.fill]))[0].values[None]
