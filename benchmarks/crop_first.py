"""What it is worth to crop before upscaling: one bust card of a 1080p frame, against upscaling the whole frame first.

Both ways use realesrgan-x4plus with the same settings and end in the same print size. A whole frame takes minutes on a
CPU: unless --full is given, the time of a share of its tiles is measured and scaled up to all of them, and the table
says so.
"""

from __future__ import annotations

import argparse
import time

import numpy as np

from fancam.enhance import CropRequest, Engine
from fancam.enhance.crops import cut_region
from fancam.enhance.tiling import plan_tiles
from fancam.models import ModelStore
from fancam.pictures import resample
from fancam.records import Box, CardGeometry
from fancam.settings import EnhanceSettings

WIDTH, HEIGHT = 1920, 1080
CARD = CardGeometry(width_mm=55, height_mm=85, bleed_mm=3, dpi=300)
FACE_HEIGHT_PX = 150
"""A singer who is filmed from head to knee in a 1080p fancam."""
BUST_HEIGHT = 3.2
"""Height of a bust card in face heights, bleed counted."""


def main(arguments: list[str]) -> None:
    """Print the seconds per card of both ways and their ratio."""
    parser = argparse.ArgumentParser(prog="crop_first", description=__doc__)
    parser.add_argument("--full", action="store_true", help="measure every tile of the frame (minutes on a CPU)")
    parser.add_argument("--tiles", type=int, default=1, help="tiles of the frame to measure without --full")
    parser.add_argument("--device", default="auto")
    options = parser.parse_args(arguments)
    settings = EnhanceSettings(device=options.device)
    engine = Engine(settings, ModelStore())
    frame = np.random.default_rng(0).integers(0, 256, (HEIGHT // 8, WIDTH // 8, 3), np.uint8)
    frame = frame.repeat(8, axis=0).repeat(8, axis=1)
    height = FACE_HEIGHT_PX * BUST_HEIGHT
    width = height * CARD.width_px / CARD.height_px
    box = Box(800.3, 200.7, 800.3 + width, 200.7 + height)
    request = CropRequest(frame, box, CARD.width_px, CARD.height_px)
    engine.upscale([frame[:64, :64]])  # warm up

    began = time.perf_counter()
    engine.enhance([request])
    crop_s = time.perf_counter() - began

    plan = plan_tiles(HEIGHT, WIDTH, settings.tile_px, settings.tile_overlap_px)
    rows, columns = plan.shape
    began = time.perf_counter()
    if options.full:
        whole = engine.upscale([frame])[0]
        measured = len(plan)
    else:
        measured = min(options.tiles, len(plan))
        # A single tile is small enough not to be cut again.
        engine.upscale([frame[tile.y : tile.y + rows, tile.x : tile.x + columns] for tile in list(plan)[:measured]])
        whole = np.zeros((HEIGHT * engine.scale, WIDTH * engine.scale, 3), np.uint8)
    network_s = (time.perf_counter() - began) * len(plan) / measured
    began = time.perf_counter()
    resample(whole, box.scaled(engine.scale), CARD.width_px, CARD.height_px)
    whole_s = network_s + time.perf_counter() - began

    region = cut_region(request).pixels.shape
    how = "all measured" if measured == len(plan) else f"{measured} measured and scaled up to {len(plan)}"
    precision = engine.compute.precision
    print(
        f"one card of {CARD.width_px}x{CARD.height_px} px from a {WIDTH}x{HEIGHT} frame, {precision}, {options.device}"
    )
    print(f"{'':14}{'seconds':>10}  pixels through the network")
    print(f"{'crop first':14}{crop_s:10.1f}  {region[1]}x{region[0]}")
    print(f"{'whole frame':14}{whole_s:10.1f}  {len(plan)} tiles of {columns}x{rows}, {how}")
    print(f"{'ratio':14}{whole_s / crop_s:9.1f}x")
