"""What batches, half precision and shared convolutions are worth for a face prior of GFPGAN's size.

The weights are random: the time does not depend on them. The rival is what the programs around GFPGAN do: the network
as it is released, in fp32, one face after the other. The rows take turns, the first to warm up, and the best
turn of each counts.
"""

from __future__ import annotations

import argparse
import copy
import time
from collections.abc import Callable

import numpy as np
import torch
from spandrel.architectures.GFPGAN import GFPGAN

from benchmarks.golden import decibel
from fancam.enhancing.prior.restorers import RECIPES, FaceNetwork, Restorer, adapt_gfpgan
from fancam.nn.device import choose_compute, resolve_device

Run = Callable[[], np.ndarray]


def main(arguments: list[str]) -> None:
    """Print the time of each way against the one-by-one fp32 loop, and how far its output is from it."""
    parser = argparse.ArgumentParser(prog="face_batch", description=__doc__)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--side", type=int, default=0, help="side of the faces; 0: 512 on a GPU, 64 on the CPU")
    parser.add_argument("--faces", type=int, default=0, help="0: 32 on a GPU, 2 on the CPU")
    parser.add_argument("--batch", type=int, default=0, help="faces per pass; 0: as the device has it")
    parser.add_argument("--turns", type=int, default=0, help="0: 5 on a GPU, 2 on the CPU")
    options = parser.parse_args(arguments)
    device = resolve_device(options.device)
    on_cpu = device.type == "cpu"
    side, count = options.side or (64 if on_cpu else 512), options.faces or (2 if on_cpu else 32)
    torch.manual_seed(0)
    original = GFPGAN(out_size=side).eval().requires_grad_(False)
    faces = np.random.default_rng(0).integers(0, 256, (count, side // 16, side // 16, 3), np.uint8)
    faces = faces.repeat(16, axis=1).repeat(16, axis=2)

    runs: dict[str, Run] = {"fp32 loop, as released": _loop(original, device, faces)}
    network = _network(original, side)
    for precision in dict.fromkeys(("fp32", choose_compute(options.device).precision)):
        for batch in dict.fromkeys((1, options.batch or (count if on_cpu else 0))):
            restorer = Restorer(network, choose_compute(options.device, precision), batch=batch)
            runs[f"fancam {restorer.compute.precision}, {batch or 'its own'} at once"] = _restore(restorer, faces)
    results: dict[str, np.ndarray] = {}
    best = dict.fromkeys(runs, float("inf"))
    for _ in range(options.turns or (2 if on_cpu else 5)):
        for name, run in runs.items():
            began = time.perf_counter()
            results[name] = run()
            best[name] = min(best[name], time.perf_counter() - began)

    reference = best["fp32 loop, as released"]
    millions = sum(parameter.numel() for parameter in original.parameters()) / 1e6
    print(f"GFPGAN, {millions:.0f} M random weights, {count} faces of {side}x{side} on {_described(device)}")
    print(f"{'':28}{'faces/s':>9}{'loop ÷ it':>11}{'dB to loop':>12}")
    for name, seconds in best.items():
        distance = "" if name == "fp32 loop, as released" else f"{_distance(results[name], results):12.1f}"
        print(f"{name:28}{count / seconds:9.2f}{reference / seconds:10.2f}x{distance}")
    if device.type == "cuda":
        print(f"goal 5x; most memory {torch.cuda.max_memory_allocated(device) / 1024**3:.1f} GiB")
    else:
        print("GPU (goal 5x): not measured, there is none here")


def _described(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{device}, {torch.get_num_threads()} threads"


def _distance(result: np.ndarray, results: dict[str, np.ndarray]) -> float:
    return decibel(result * 255, results["fp32 loop, as released"] * 255)


def _loop(original: torch.nn.Module, device: torch.device, faces: np.ndarray) -> Run:
    """The network as it is released, one face at a time."""
    module = original if device.type == "cpu" else copy.deepcopy(original).to(device)

    def run() -> np.ndarray:
        drawn = []
        exact = torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False)
        with torch.inference_mode(), exact:
            for face in faces:
                given = torch.from_numpy(face[None]).to(device).permute(0, 3, 1, 2).contiguous().float() / 127.5 - 1
                picture = module(given, randomize_noise=False)[0][0].add(1).div(2).clamp(0, 1)
                drawn.append(picture.permute(1, 2, 0).cpu().numpy())
        return np.stack(drawn)

    return run


def _restore(restorer: Restorer, faces: np.ndarray) -> Run:
    return lambda: restorer.restore(faces).faces


def _network(original: torch.nn.Module, side: int) -> FaceNetwork:
    module = copy.deepcopy(original)
    adapt_gfpgan(module)
    return FaceNetwork("random", module, 1, "0" * 64, "GFPGAN", RECIPES["GFPGAN"], ("fp32", "bf16"), side_px=side)
