"""What it is worth to crop before upscaling: one card of a 1080p frame, against upscaling the whole frame first.

Every way uses realesrgan-x4plus and ends in the same print size. A whole frame takes minutes on a CPU: unless --full is
given, some of its tiles are measured and scaled up to all of them, and the table says so. On a CPU the seconds are
those of the processor, which a busy machine does not stretch. The last column is the usual recipe: the whole frame, in
fp32.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace

import numpy as np
import torch

from fancam.cropping import frame_face
from fancam.enhancing import CropRequest, Engine
from fancam.geometry import Box, CardGeometry
from fancam.media import Picture
from fancam.nn import ModelStore
from fancam.pictures import resample
from fancam.results import Face
from fancam.settings import FRAMINGS, CropSettings, EnhanceSettings

WIDTH, HEIGHT = 1920, 1080
CARD = CardGeometry(width_mm=55, height_mm=85, bleed_mm=3, dpi=300)


def clock() -> float:
    """Return processor seconds, or wall-clock seconds where a GPU does the work."""
    return time.perf_counter() if torch.cuda.is_available() else time.process_time()


def face_of(height_px: float) -> Face:
    """Return a frontal face of this height in the upper middle of the frame."""
    x, y, unit = WIDTH / 2, HEIGHT / 3, height_px
    points = ((-0.18, -0.1), (0.18, -0.1), (0.0, 0.1), (-0.14, 0.28), (0.14, 0.28))
    landmarks = tuple((x + dx * unit, y + dy * unit) for dx, dy in points)
    assert len(landmarks) == 5
    return Face(Box(x - 0.38 * unit, y - 0.5 * unit, x + 0.38 * unit, y + 0.5 * unit), landmarks, 0.9)


def whole_frame_s(engine: Engine, frame: Picture, tiles: int) -> tuple[float, str]:
    """Return the seconds the network needs for the frame, and how they were measured."""
    plan = engine.plan(HEIGHT, WIDTH)
    rows, columns = plan.shape
    if tiles >= len(plan):
        began = clock()
        engine.upscale([frame])
        return clock() - began, f"{len(plan)} tiles of {columns}x{rows}, all measured"
    parts = [frame[tile.y : tile.y + rows, tile.x : tile.x + columns] for tile in list(plan)[:tiles]]
    began = clock()
    engine.upscale(parts)
    seconds = (clock() - began) * len(plan) / tiles
    return seconds, f"{len(plan)} tiles of {columns}x{rows}, {tiles} measured and scaled up"


def main(arguments: list[str]) -> None:
    """Print the seconds per card of every way, and what cropping first saves."""
    parser = argparse.ArgumentParser(prog="crop_first", description=__doc__)
    parser.add_argument("--face-height", type=float, default=150, help="in pixels of the frame")
    parser.add_argument("--full", action="store_true", help="measure every tile of the frame (minutes on a CPU)")
    parser.add_argument("--tiles", type=int, default=2, help="tiles of the frame to measure without --full")
    parser.add_argument("--device", default="auto")
    options = parser.parse_args(arguments)
    settings = EnhanceSettings(device=options.device)
    engine = Engine(settings, ModelStore())
    frame = np.random.default_rng(0).integers(0, 256, (HEIGHT // 8, WIDTH // 8, 3), np.uint8)
    frame = frame.repeat(8, axis=0).repeat(8, axis=1)
    engine.upscale([frame[:64, :64]])  # warm up

    tiles = 10**6 if options.full else options.tiles
    network_s, how = whole_frame_s(engine, frame, tiles)
    usual_s, _ = whole_frame_s(Engine(replace(settings, precision="fp32"), ModelStore()), frame, tiles)
    face = face_of(options.face_height)
    enlarged = np.zeros((HEIGHT * engine.scale, WIDTH * engine.scale, 3), np.uint8)
    print(
        f"one card of {CARD.width_px}x{CARD.height_px} px from a {WIDTH}x{HEIGHT} frame, face {face.box.height:.0f} px"
    )
    print(f"whole frame: {how}; {engine.compute.precision}, {engine.compute.device}")
    print(f"{'framing':8}{'crop px':>12}{'crop first':>12}{'whole frame':>13}{'ratio':>8}{'÷ usual recipe (fp32)':>23}")
    for framing in FRAMINGS:
        crop = frame_face(face, WIDTH, HEIGHT, CARD, CropSettings(framing=framing, min_ppi=0))
        request = CropRequest(frame, crop.box, CARD.width_px, CARD.height_px)
        began = clock()
        engine.enhance([request])
        crop_s = clock() - began
        began = clock()
        resample(enlarged, crop.box.scaled(engine.scale), CARD.width_px, CARD.height_px)
        print_s = clock() - began
        region = request.region.pixels.shape
        print(
            f"{framing:8}{f'{region[1]}x{region[0]}':>12}{crop_s:10.1f} s{network_s + print_s:11.1f} s"
            f"{(network_s + print_s) / crop_s:7.1f}x{(usual_s + print_s) / crop_s:22.1f}x"
        )
