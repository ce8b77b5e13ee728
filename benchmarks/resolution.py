"""How well the true resolution of a picture is found, blind, on its face and on all of it.

Materials of ``benchmarks._reuploads`` are made smaller, enlarged again (or not) and coded; what the source holds of its
pixels is known. ``--fit`` takes pictures of which none is reported on, and prints the constants of
``fancam.enhancing.resolution`` instead.
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from benchmarks._fancams import encode
from benchmarks._reuploads import FILTERS, REPORT, Material, picked_truth
from fancam import faces
from fancam.enhancing.resolution import features, measure_resolution
from fancam.media import Picture
from fancam.nn import ModelStore
from fancam.settings import FaceSettings

FIT = (
    Material("smiling face", "people/obama/obama.jpg", 310, 80, 330, 1.2),
    Material("speaking face", "people/obama/obama2.jpg", 120, 200, 420, 1.5),
    Material("standing face", "people/obama/obama3.jpg", 540, 220, 440, 1.6),
    Material("smiling", "people/obama/obama.jpg", 200, 0, 600, 1.5),
    Material("speaking", "people/obama/obama2.jpg", 0, 100, 620, 1.5),
    Material("standing", "people/obama/obama3.jpg", 400, 0, 800, 2.0),
    Material("tie and hands", "people/obama/obama.jpg", 280, 450, 600, 1.5),
    Material("1080p", "people/obama/obama-1080p.jpg", 600, 100, 800, 2.0),
    Material("einstein", "goldens/inputs/einstein.png", 20, 20, 300, 1.2),
    Material("drawn, one", "goldens/outputs/lr-face/RestoreFormer.png", 60, 60, 400, 1.3),
    Material("drawn, two", "goldens/outputs/blurry-face/GFPGANv1.4.png", 60, 60, 400, 1.3),
    Material("1927, left", "group/solvay1927.jpg", 100, 300, 400, 1.0),
    Material("1927, right", "group/solvay1927.jpg", 1600, 500, 400, 1.0),
    Material("coffee", "coffee", 100, 20, 360, 1.2),
    Material("rocket", "rocket", 200, 50, 360, 1.1),
    Material("cameraman", "camera", 100, 40, 400, 1.3),
    Material("coins", "coins", 20, 0, 290, 1.0),
    Material("retina", "retina", 300, 300, 700, 2.0),
    Material("hubble", "hubble_deep_field", 300, 100, 600, 1.5),
    Material("brick", "brick", 0, 0, 500, 1.5),
    Material("gravel", "gravel", 0, 0, 500, 1.5),
    Material("tissue", "immunohistochemistry", 0, 0, 500, 1.5),
    Material("page", "page", 0, 0, 190, 1.0),
    Material("walk", "asl/walk.mkv", 200, 0, 300, 1.25, picked=44),
    Material("milk", "asl/milk.mkv", 200, 0, 300, 1.25, picked=25),
    Material("hungry", "asl/hungry.mkv", 200, 0, 300, 1.25, picked=24),
    Material("book", "asl/book.mkv", 200, 0, 300, 1.25, picked=54),
)  # fmt: skip
_LEAST_PX = 60
_RIDGE = 0.01
_CRFS = (20, 24, 28, 32)


def source(
    truth: Picture, reduction: float, enlarged: float, name: str, crf: int | None, shift: tuple[int, int]
) -> Picture:
    """Return a truth made smaller, enlarged again, shifted by whole pixels and coded among moving frames."""
    kept = int(truth.shape[0] / reduction)
    pixels = cv2.resize(truth, (kept, kept), interpolation=cv2.INTER_AREA)
    side = round(kept * enlarged)
    if enlarged != 1:
        pixels = cv2.resize(pixels, (side, side), interpolation=FILTERS[name])
    pixels = pixels[shift[1] :, shift[0] :]
    even = np.ascontiguousarray(pixels[: pixels.shape[0] // 2 * 2, : pixels.shape[1] // 2 * 2], np.uint8)
    if crf is None:
        return even
    return encode([np.roll(even, (step, step // 2), (0, 1)) for step in (-2, -1, 0, 0)], crf)[2]


def enlargements(factors: Sequence[float]) -> Iterator[tuple[float, str]]:
    """Yield (factor, filter); the filters make no difference to what is not enlarged."""
    for factor in factors:
        yield from ((factor, name) for name in (("bilinear",) if factor == 1 else FILTERS))


def print_fit(media: Path) -> None:
    """Print the constants that fit the material of ``FIT`` best."""
    rng = np.random.default_rng(7)
    rows: list[npt.NDArray[np.float64]] = []
    logs: list[float] = []
    for material in FIT:
        truth = picked_truth(material, media)
        for reduction in (1.6, 2.2, 3.0, 4.2):
            if truth.shape[0] / reduction < _LEAST_PX:
                continue
            for factor, name in enlargements((1, 1.15, 1.3, 1.5, 1.75, 2, 2.5, 3)):
                drawn = (None, int(rng.choice(_CRFS)), *((22, 30) if factor == 1 else ()))
                for crf in drawn:
                    x, y = rng.integers(0, 4, 2)
                    pixels = source(truth, reduction, factor, name, crf, (int(x), int(y)))
                    rows.append(features(pixels.astype(np.float32) @ np.array([0.299, 0.587, 0.114], np.float32)))
                    logs.append(-np.log(factor))
    values, target = np.array(rows), np.array(logs)
    mean, spread = values.mean(axis=0), values.std(axis=0)
    unit = (values - mean) / spread
    ridge = unit.T @ unit + _RIDGE * len(unit) * np.eye(unit.shape[1])
    weights = np.linalg.solve(ridge, unit.T @ (target - target.mean())) / spread
    intercept = float(target.mean() - mean @ weights)
    print(f"{len(values)} sources of {len(FIT)} pictures")
    print("_WEIGHTS = np.array([" + ", ".join(f"{value:.4f}" for value in weights) + "])")
    print(f"_INTERCEPT = {intercept:.4f}")


def print_report(media: Path) -> None:
    """Print how near the shares of the reported material are found."""
    detector = faces.create_detector(FaceSettings(), ModelStore())
    found: dict[str, list[tuple[float, int | None, float | None]]] = {"face": [], "all": []}
    rng = np.random.default_rng(3)
    for material in REPORT:
        truth = picked_truth(material, media)
        seen = detector.detect([truth])[0] if material.face else []
        face = max((one.box for one in seen), key=lambda box: box.area, default=None)
        cells = itertools.product((2, 3, 4), enlargements((1, 1.5, 2)), (None, 20, 26, 32))
        for reduction, (factor, name), crf in cells:
            x, y = (int(value) for value in rng.integers(0, 4, 2))
            pixels = source(truth, reduction, factor, name, crf, (x, y))
            found["all"].append((1 / factor, crf, measure_resolution(pixels)))
            if face is not None:
                around = face.grown(0.3).scaled(factor / reduction).shifted(-x, -y)
                found["face"].append((1 / factor, crf, measure_resolution(pixels, around)))
    print(f"{'':24}{'sources':>9}{'bare':>6}{'mean error':>12}{'within 15 %':>13}{'5 %':>7}{'median':>8}{'95 %':>7}")
    for what, rows in found.items():
        for true in sorted({row[0] for row in rows}):
            _print_row(f"{what}, holds {true:.2f}", [row for row in rows if row[0] == true])
        for crf in (None, 20, 26, 32):
            _print_row(f"{what}, {'not coded' if crf is None else f'CRF {crf}'}", [r for r in rows if r[1] == crf])
        _print_row(what, rows)


def _print_row(name: str, rows: Sequence[tuple[float, int | None, float | None]]) -> None:
    known = np.array([(true, share) for true, _, share in rows if share is not None])
    errors = np.abs(known[:, 1] / known[:, 0] - 1)
    low, middle, high = np.percentile(known[:, 1], (5, 50, 95))
    print(f"{name:24}{len(rows):9}{len(rows) - len(known):6}{errors.mean():12.1%}{np.mean(errors <= 0.15):13.0%}"
          f"{low:7.2f}{middle:8.2f}{high:7.2f}")  # fmt: skip


def main(arguments: list[str]) -> None:
    """Print the table, or with ``--fit`` the constants."""
    media = Path(__file__).parents[2] / "shared"
    parser = argparse.ArgumentParser(prog="resolution", description=__doc__)
    parser.add_argument("--media", type=Path, default=media, help="the folder that holds data/")
    parser.add_argument("--fit", action="store_true", help="print the constants")
    options = parser.parse_args(arguments)
    (print_fit if options.fit else print_report)(options.media)
