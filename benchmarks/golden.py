"""How near realesrgan-x4plus comes to its published output, and what tiles cost in fidelity.

The published picture and its input are tests/images/{inputs,outputs}/64x64 of chaiNNer-org/spandrel.
"""

from __future__ import annotations

import argparse
import dataclasses
import math
from pathlib import Path

import numpy as np

from fancam.enhancing import Engine
from fancam.enhancing.tiledprint import TiledPrint
from fancam.enhancing.tiling import TilePlan, plan_tiles
from fancam.media import Picture
from fancam.nn import ModelStore
from fancam.nn.device import choose_compute, cpu_has_fast_bf16
from fancam.nn.networks import Network, load_upscaler
from fancam.nn.runtime import Runtime
from fancam.pictures import read_picture
from fancam.settings import EnhanceSettings


def main(arguments: list[str]) -> None:
    """Print the distance to the published output per precision, and of tiled to untiled per overlap."""
    media = Path(__file__).parents[2] / "shared"
    parser = argparse.ArgumentParser(prog="golden", description=__doc__)
    parser.add_argument("--media", type=Path, default=media, help="the folder that holds data/")
    parser.add_argument("--size", type=int, nargs=2, default=(200, 48), metavar=("H", "W"), help="of the tiled picture")
    parser.add_argument("--tile", type=int, default=64, help="side of a tile without its overlap")
    options = parser.parse_args(arguments)
    base = EnhanceSettings(device="cpu", precision="fp32", tile_px=4096)
    network = load_upscaler(base, ModelStore())
    assert network is not None

    photo = options.media / "data/photo"
    golden = read_picture(photo / "goldens/outputs/64x64/RealESRGAN_x4plus.png").pixels
    small = read_picture(photo / "goldens/inputs/64x64.png").pixels
    print(f"{'against the published output':34}{'dB':>7}{'largest difference':>21}")
    for precision in ("fp32", "bf16") if cpu_has_fast_bf16() else ("fp32",):
        result = Engine.with_network(dataclasses.replace(base, precision=precision), network).upscale([small])[0]
        print(f"{precision:34}{decibel(result, golden):7.1f}{largest(result, golden):21d}")

    portrait = read_picture(photo / "people/obama/obama-480p.jpg").pixels
    (height, width), (top, left) = options.size, (60, 400)
    portrait = np.ascontiguousarray(portrait[top : top + height, left : left + width])
    whole = Engine.with_network(base, network).upscale([portrait])[0]
    print(f"\n{'tiled against untiled':34}{'dB':>7}{'largest difference':>21}{'tiles':>7}{'pixels':>9}", flush=True)
    for overlap, blend in ((0, 0), (10, 0), (32, 0), (32, 32), (48, 48)):
        plan = plan_tiles(height, width, options.tile, overlap, blend)
        result = upscaled_by(plan, network, portrait)
        name = f"overlap {overlap}, " + ("hard cut" if blend == 0 else f"blended over {blend}")
        share = len(plan) * plan.shape[0] * plan.shape[1] / (height * width)
        print(
            f"{name:34}{decibel(result, whole):7.1f}{largest(result, whole):21d}{len(plan):7d}{share:8.2f}x", flush=True
        )


def upscaled_by(plan: TilePlan, network: Network, picture: Picture) -> Picture:
    """Return what the network makes of a picture with these tiles, also with those that the settings refuse."""
    runtime = Runtime(network, choose_compute("cpu", "fp32"))
    tiled = TiledPrint(plan, network.scale, np.uint8, runtime.compute.device)
    for tile in plan:
        cut = picture[None, tile.y : tile.y + tile.height, tile.x : tile.x + tile.width]
        (result,) = runtime.collect(runtime.launch(cut, [tiled.task(tile).fill]))
        tiled.add(tile, result.values)
    return np.asarray(tiled.pixels(), np.uint8)


def decibel(one: np.ndarray, other: np.ndarray) -> float:
    """Return the PSNR of two 8-bit pictures in dB; infinite where they are equal."""
    error = float(np.mean((one.astype(np.float64) - other.astype(np.float64)) ** 2))
    return math.inf if error == 0 else 10 * math.log10(255**2 / error)


def largest(one: np.ndarray, other: np.ndarray) -> int:
    """Return the largest difference of two 8-bit pictures in levels."""
    return int(np.abs(one.astype(int) - other.astype(int)).max())
