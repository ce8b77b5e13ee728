"""Run as a process of its own: prints by how many MiB the resident size grew at its peak while a picture was made."""

from __future__ import annotations

import resource
import sys

import numpy as np
import torch

from fancam.enhancing import CropRequest, Engine
from fancam.geometry import Box
from fancam.nn.networks import Network
from fancam.settings import EnhanceSettings


class Nearest(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = torch.nn.Conv2d(3, 3, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.interpolate(x, scale_factor=4, mode="nearest")


def peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024**2 if sys.platform == "darwin" else 1024)


def main() -> None:
    height, width, tile_px = (int(argument) for argument in sys.argv[1:4])
    settings = EnhanceSettings(device="cpu", precision="fp32", tile_px=tile_px, detail=float(sys.argv[4]))
    engine = Engine.with_network(settings, Network("nearest", Nearest().eval(), 4, "0" * 64, "Toy"))

    def make(height: int, width: int) -> None:
        picture = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
        (made,) = engine.enhance([CropRequest(picture, Box(0, 0, width, height), 2 * width, 2 * height)])
        assert made.pixels.shape == (2 * height, 2 * width, 3)

    make(2 * tile_px, 2 * tile_px)
    before = peak_mib()
    make(height, width)
    sys.stdout.write(str(peak_mib() - before))


main()
