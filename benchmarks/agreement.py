"""Whether a picture comes out the same alone, in a batch of others, in tiles and as a stream; and again in a new run.

With realesrgan-x4plus. The distances are in dB to the picture alone and in one piece; the sums of bytes are made by two
processes that know nothing of each other. bf16 has 8 bits: what a tile does not see of its surroundings changes little,
but it changes which way values are rounded, so that tiles are about as far from the whole as bf16 is from fp32.
"""

from __future__ import annotations

import argparse
import hashlib
import math
import subprocess
import sys
from dataclasses import replace

import numpy as np

from benchmarks.golden import decibel, largest
from benchmarks.throughput import picture
from fancam.enhancing import CropRequest, Engine
from fancam.geometry import Box
from fancam.nn import ModelStore
from fancam.nn.device import choose_compute
from fancam.nn.networks import load_upscaler
from fancam.results import Enhanced
from fancam.settings import EnhanceSettings

TILE_PX = 64


def main(arguments: list[str]) -> None:
    """Print the distances for each precision, and whether two processes give the same bytes in fp32."""
    parser = argparse.ArgumentParser(prog="agreement", description=__doc__)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--size", type=int, nargs=2, default=(168, 32), metavar=("H", "W"))
    parser.add_argument("--sum", action="store_true", help="print the sum of the bytes of one picture, and no more")
    options = parser.parse_args(arguments)
    if options.sum:
        print(sum_of_bytes(options.device))
        return
    network = load_upscaler(EnhanceSettings(), ModelStore())
    assert network is not None
    precisions = ["fp32"] if choose_compute(options.device).precision == "fp32" else ["fp32", "bf16"]
    height, width = options.size
    pictures = [picture(height, width, seed) for seed in range(2)]
    print(f"{height}x{width} on {options.device}; against the picture alone, in one piece")
    print(f"{'':30}{'dB':>7}{'largest difference':>21}")
    for precision in precisions:
        base = EnhanceSettings(device=options.device, precision=precision, tile_px=4096, batch_tiles=1, detail=1.0)
        whole = Engine.with_network(base, network).upscale(pictures[:1])[0]
        batched = Engine.with_network(replace(base, batch_tiles=2), network).upscale(pictures)[0]
        request = CropRequest(pictures[0], Box(0, 0, width, height), 4 * width, 4 * height)
        in_tiles = Engine.with_network(replace(base, tile_px=TILE_PX, batch_tiles=2), network)
        ((_, tiled),) = in_tiles.stream(iter([request]))
        assert isinstance(tiled, Enhanced)
        for name, result in (("in a batch of two", batched), ("in tiles, as a stream", tiled.pixels)):
            distance = decibel(result, whole)
            shown = "equal" if math.isinf(distance) else f"{distance:.1f}"
            print(f"{precision + ', ' + name:30}{shown:>7}{largest(result, whole):21d}", flush=True)
    command = [sys.executable, "-m", "benchmarks", "agreement", "--sum", "--device", options.device]
    sums = [subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip() for _ in range(2)]
    same = "the same bytes" if sums[0] == sums[1] else f"DIFFERENT bytes: {sums[1][:16]}…"
    print(f"fp32 in two processes: {sums[0][:16]}…, {same}")


def sum_of_bytes(device: str) -> str:
    """Return the sha256 of a small picture through the network in fp32."""
    settings = EnhanceSettings(device=device, precision="fp32")
    made = Engine(settings, ModelStore()).upscale([picture(32, 40, 3)])[0]
    return hashlib.sha256(np.ascontiguousarray(made).tobytes()).hexdigest()
