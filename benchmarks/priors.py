"""RetinaFace's priors: facexlib's loop, which it runs for every picture, against the arrays built here once per size.

The sizes take turns, and the medians of processor seconds count, so that a busy machine disturbs both alike.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from typing import TypeVar

import numpy as np
from facexlib.detection.retinaface import generate_config
from facexlib.detection.retinaface_utils import PriorBox

from fancam.faces.torch_detectors import priors

SIZES = {"720p": (720, 1280), "1080p": (1080, 1920), "4K": (2160, 3840)}

T = TypeVar("T")


def timed(run: Callable[[], T]) -> tuple[float, T]:
    """Return (processor seconds, result)."""
    began = time.process_time()
    result = run()
    return time.process_time() - began, result


def main(arguments: list[str]) -> None:
    """Print the time of both per picture size, their ratio, and the largest difference of their values."""
    parser = argparse.ArgumentParser(prog="priors", description=__doc__)
    parser.add_argument("--turns", type=int, default=5)
    options = parser.parse_args(arguments)
    config = generate_config("resnet50")
    columns = ("facexlib ms", "built ms", "ratio", "cached ms", "priors", "largest difference")
    print(f"{'':7}" + "".join(f"{column:>{max(len(column) + 2, 9)}}" for column in columns))
    for name, size in SIZES.items():
        loop_s, built_s, cached_s = [], [], []
        for _ in range(options.turns):
            seconds, expected = timed(lambda: PriorBox(config, image_size=size).forward().numpy())  # noqa: B023 - run at once
            loop_s.append(seconds)
            seconds, found = timed(lambda: priors.__wrapped__(*size))  # noqa: B023 - run at once
            built_s.append(seconds)
            priors(*size)
            seconds, _ = timed(lambda: [priors(*size) for _ in range(1000)])  # noqa: B023 - run at once
            cached_s.append(seconds / 1000)
        loop, built, cached = (1000 * statistics.median(values) for values in (loop_s, built_s, cached_s))
        same = "bit-identical" if np.array_equal(expected, found) else "differ"
        difference = float(np.abs(expected - found).max())
        print(
            f"{name:7}{loop:13.1f}{built:10.2f}{loop / built:8.0f}x{cached:11.5f}{len(found):9,}"
            f"{difference:12.1f} ({same})"
        )
