"""Face detection in batches against one picture at a time, for each network, and against facexlib's own loop.

Two cases: crops of faces, as after a restoration, and video frames. All ways take turns on the same pictures. On a CPU
the medians of processor seconds count, which a busy machine stretches least; on a GPU those of the wall clock. The last
column is the largest difference of a box to the same network's answer for single pictures: of OpenCV for CenterFace.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from skimage import data

from fancam.errors import ModelMissingError
from fancam.faces.centerface import CenterFace
from fancam.faces.detection import FaceNetwork
from fancam.faces.detections import Detections
from fancam.faces.torch_detectors import CenterFaceTorch, RetinaFace
from fancam.media import Picture
from fancam.nn import ModelStore

CASES = {"crops 512x512": (512, 512), "crops 224x224": (224, 224), "frames 960x540": (540, 960)}
MIN_CONFIDENCE = 0.5
RETINAFACE = "retinaface-mobilenet"
FACEXLIB = "facexlib, one by one"
Answers = list[Detections]
Run = Callable[[list[Picture]], Answers]


def main(arguments: list[str]) -> None:
    """Print the time per picture of each way, what a batch gains, and how far its boxes are from single pictures'."""
    parser = argparse.ArgumentParser(prog="detect_batch", description=__doc__)
    parser.add_argument("--pictures", type=int, default=8)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--models", type=Path, default=None, help="folder that holds RetinaFace's weights")
    parser.add_argument(
        "--threads", type=int, default=0, help="on a busy machine 1 is steadiest: others wait by counting"
    )
    options = parser.parse_args(arguments)
    if options.threads:
        torch.set_num_threads(options.threads)
        cv2.setNumThreads(options.threads)
    store = ModelStore(models_dir=options.models)
    pairs = networks(store, "cpu")
    print(f"CPU, {torch.get_num_threads()} threads; processor ms per picture, {options.pictures} pictures")
    table(pairs, options.pictures, options.turns, time.process_time)
    if torch.cuda.is_available():
        print(f"\n{torch.cuda.get_device_name()}; wall-clock ms per picture, {options.pictures} pictures")
        table(networks(store, "cuda"), options.pictures, options.turns, time.perf_counter)
    else:
        print("\nCUDA: not measured, no such device here")


def networks(store: ModelStore, device: str) -> dict[str, FaceNetwork]:
    """Return the networks by what the table calls them; RetinaFace only where its weights are."""
    weights = store.locate("centerface")
    found: dict[str, FaceNetwork] = {"CenterFace, OpenCV": CenterFace(weights)}
    found["CenterFace, torch"] = CenterFaceTorch(weights, device=device)
    try:
        found["RetinaFace mobilenet"] = RetinaFace(store.locate(RETINAFACE), RETINAFACE, device=device)
    except ModelMissingError as error:
        print(f"left out: {error.line()}")
    return found


def table(found: dict[str, FaceNetwork], count: int, turns: int, clock: Callable[[], float]) -> None:
    """Print a block per case."""
    print(f"{'':16}{'':22}{'one by one':>12}{'batch':>9}{'gain':>8}{'boxes differ by':>18}")
    for case, size in CASES.items():
        pictures = variants(size, count)
        runs: dict[tuple[str, bool], Run] = {}
        for name, network in found.items():
            runs[name, False] = partial(one_by_one, network)
            runs[name, True] = partial(network.infer, min_confidence=MIN_CONFIDENCE)
            if isinstance(network, RetinaFace):
                runs[FACEXLIB, False] = partial(facexlib_loop, network)
        seconds: dict[tuple[str, bool], list[float]] = {key: [] for key in runs}
        answers = {key: run(pictures) for key, run in runs.items()}  # warm up
        for _ in range(turns):
            for key, run in runs.items():
                began = clock()
                run(pictures)
                seconds[key].append(clock() - began)
        for name in dict.fromkeys(name for name, _ in runs):
            one = 1000 * statistics.median(seconds[name, False]) / count
            line = f"{case:16}{name:22}{one:12.1f}"
            if (name, True) in runs:
                many = 1000 * statistics.median(seconds[name, True]) / count
                reference = answers["CenterFace, OpenCV" if name.startswith("CenterFace") else name, False]
                line += f"{many:9.1f}{one / many:7.2f}x{largest_shift(answers[name, True], reference):15.6f} px"
            print(line, flush=True)


def variants(size: tuple[int, int], count: int) -> list[Picture]:
    """Return different pictures of one size with one face each."""
    height, width = size
    portrait = cv2.resize(data.astronaut(), (width, width), interpolation=cv2.INTER_AREA)[:height]
    generator = np.random.default_rng(0)
    found = []
    for number in range(count):
        moved = np.roll(portrait, 5 * number - 8, axis=1)[:, :: -1 if number % 2 else 1].astype(np.int16)
        noisy = moved + generator.integers(-6, 7, moved.shape, np.int16)
        found.append(np.ascontiguousarray(np.clip(noisy, 0, 255).astype(np.uint8)))
    return found


def one_by_one(network: FaceNetwork, pictures: list[Picture]) -> Answers:
    """Run a network on one picture at a time."""
    return [network.infer([picture], MIN_CONFIDENCE)[0] for picture in pictures]


def facexlib_loop(network: RetinaFace, pictures: list[Picture]) -> Answers:
    """Run facexlib's own detection with the same layers and weights, one picture at a time as it does."""
    module: Any = network.runtime.module
    for picture in pictures:
        with torch.inference_mode():
            module.detect_faces(np.ascontiguousarray(picture[..., ::-1]), conf_threshold=0.97)
    return []


def largest_shift(found: Answers, expected: Answers) -> float:
    """Return the largest difference of a coordinate of a box, in pixels; infinite where the faces are not the same."""
    if [len(one) for one in found] != [len(one) for one in expected]:
        return float("inf")
    pairs = zip(found, expected, strict=True)
    return max(float(np.abs(one.boxes - other.boxes).max(initial=0)) for one, other in pairs)
