"""Fused or not before the network: how near prints of one frame and of several come to the truth.

Clips of moving, talking people that nothing was tuned on (``_fancams.REPORT``) are degraded as fancams are, and
enlarged to the size of their truth. PSNR and SSIM are those of the three channels together, ``identity`` is the cosine
similarity of the embeddings of the printed and the true face, landmarks those of the truth; ``s`` is the time of all
steps. ``PSNR over one`` compares with the picked frame through the network, ``over best`` with whatever print of the
picked frame has the highest PSNR (or identity) for that clip: chosen with the truth in hand. The worst clip follows in
brackets.
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from skimage.metrics import structural_similarity

from benchmarks._fancams import REPORT, TUNE, Case, Degradation, cases
from benchmarks._fused_prints import Engines, Prints, around_face
from fancam import faces
from fancam.media import Picture
from fancam.nn import ModelStore
from fancam.nn.networks import load_upscaler
from fancam.settings import EnhanceSettings, FaceSettings
from tests.figures import psnr

CELLS = tuple(Degradation(3, sigma, crf) for sigma, crf in ((8, 18), (2, 23), (2, 28), (2, 33)))
FOURFOLD = (Degradation(4, 8, 18),)
"""For the dance only: of most other faces 20 px would be left."""
QUICK = (Degradation(3, 8, 18), Degradation(3, 2, 28))
ONE = ("one: bicubic", "one: Lanczos", "one: network", "one: denoised, network")
"""Prints of the picked frame."""
BASE = "one: network"


@dataclass(frozen=True, slots=True)
class Scores:
    """How near one print is to the truth."""

    psnr: float
    ssim: float
    identity: float
    """NaN where no face is found in the truth."""
    seconds: float


Rows = dict[str, Scores]


class Judge:
    """Measures prints against the truth of their case.

    Args:
        store: Where the weights of detector and embedding are.
    """

    def __init__(self, store: ModelStore) -> None:
        self._embedder = faces.create_embedder(store)
        self._detector = faces.create_detector(FaceSettings(), store)
        self._landmarks: dict[tuple[str, tuple[int, ...]], npt.NDArray[np.float32] | None] = {}

    def __call__(self, case: Case, result: Picture, seconds: float) -> Scores:
        """Return the scores of a print of the size of the truth."""
        ssim = float(structural_similarity(case.truth, result, channel_axis=2))
        return Scores(psnr(case.truth, result), ssim, self._identity(case, result), seconds)

    def _identity(self, case: Case, result: Picture) -> float:
        key = (case.clip.name, case.truth.shape)
        if key not in self._landmarks:
            found = self._detector.detect([case.truth])[0]
            largest = max(found, key=lambda face: face.box.area, default=None)
            self._landmarks[key] = largest.landmark_array if largest is not None else None
        landmarks = self._landmarks[key]
        if landmarks is None:
            return float("nan")
        true, made = self._embedder.embed([case.truth, result], [landmarks, landmarks])
        return float(true @ made)


def results(prints: Prints) -> Iterator[tuple[str, Picture, tuple[str, ...]]]:
    """Yield (name of the row, print, steps it took)."""
    reference = prints.case.reference
    yield "one: bicubic", prints.plain(reference, "bicubic"), ()
    yield "one: Lanczos", prints.plain(reference), ()
    yield BASE, prints.of_one, ("one",)
    yield "one: denoised, network", prints.of_denoised, ("denoise", "one, denoised")
    yield "fused: Lanczos", prints.plain(prints.fused.pixels), ("fuse",)
    yield "fused: network x1, fine plain", prints.of_fused, ("fuse", "fused")
    yield "fused: the same, share of scale/2", prints.of_fused_less, ("fuse", "fused, less")
    yield "fused: network x2", prints.of_fine, ("fuse", "fine")


def scored(prints: Prints, judge: Judge) -> Rows:
    """Return the scores of all prints of a case."""
    rows = {}
    for name, pixels, steps in results(prints):
        seconds = sum(prints.seconds.get(step, 0.0) for step in steps)
        rows[name] = judge(prints.case, pixels, seconds)
    return rows


def print_table(title: str, table: Sequence[tuple[str, Rows]]) -> None:
    """Print the means of a cell, a row per kind of print; every entry of the table is a clip and its scores."""
    print(f"\n{title}\n{'':36}{'PSNR':>7}{'SSIM':>8}{'identity':>10}{'s':>6}{'PSNR over one':>17}{'over best':>16}"
          f"{'identity over one':>20}{'over best':>16}")  # fmt: skip
    for name in table[0][1]:
        mean = {part: _mean([getattr(rows[name], part) for _, rows in table]) for part in Scores.__slots__}
        line = f"{name:36}{mean['psnr']:7.2f}{mean['ssim']:8.4f}{mean['identity']:10.3f}{mean['seconds']:6.2f}"
        for part, digits, widths in (("psnr", 2, (17, 16)), ("identity", 3, (20, 16))):
            for rivals, wide in (((BASE,), widths[0]), (ONE, widths[1])):
                gains = [_gain(rows, name, rivals, part) for _, rows in table]
                line += f"{f'{_mean(gains):+.{digits}f} ({np.nanmin(gains):+.{digits}f})':>{wide}}"
        print(line, flush=True)


def _gain(rows: Rows, name: str, rivals: Sequence[str], part: str) -> float:
    """Return by how much a print is better than the best of its rivals."""
    return float(getattr(rows[name], part) - max(getattr(rows[rival], part) for rival in rivals))


def print_verdict(tables: dict[str, list[tuple[str, Rows]]]) -> None:
    """Print how often each fused print falls below the picked frame's, over all clips and cells."""
    every = [(f"{clip}, {title}", rows) for title, table in tables.items() for clip, rows in table]
    print(f"\nof {len(every)} clips and cells, below one frame through the network by over 0.05 dB or 0.01:")
    for name in (name for name in every[0][1] if name not in ONE):
        psnrs = {case: _gain(rows, name, (BASE,), "psnr") for case, rows in every}
        alike = {case: _gain(rows, name, (BASE,), "identity") for case, rows in every}
        worst, least = min(psnrs, key=lambda case: psnrs[case]), min(alike, key=lambda case: alike[case])
        print(f"{name:36}PSNR {sum(g < -0.05 for g in psnrs.values()):3d}, worst {psnrs[worst]:+.2f} ({worst}); "
              f"identity {sum(g < -0.01 for g in alike.values()):3d}, worst {alike[least]:+.3f} ({least})")  # fmt: skip


def _mean(values: list[float]) -> float:
    known = [value for value in values if not np.isnan(value)]
    return sum(known) / len(known) if known else float("nan")


def main(arguments: list[str]) -> None:
    """Print a table per degradation, and how often fusing loses."""
    media = Path(__file__).parents[2] / "shared" / "data" / "video"
    parser = argparse.ArgumentParser(prog="fusion_sr", description=__doc__)
    parser.add_argument("--videos", type=Path, default=media)
    parser.add_argument("--upscaler", default="realesr-animevideov3")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--quick", action="store_true", help="two degradations and every second clip")
    parser.add_argument("--side-px", type=int, default=0, help="only this much around the face, in source pixels")
    parser.add_argument("--tune", action="store_true", help="the clips that things are tuned on")
    options = parser.parse_args(arguments)
    store = ModelStore()
    settings = EnhanceSettings(upscaler=options.upscaler, device=options.device)
    network = load_upscaler(settings, store)
    if network is None:
        raise SystemExit(f"{options.upscaler} is no network")
    engines, judge = Engines(settings, network), Judge(store)
    clips = (TUNE if options.tune else REPORT)[:: 2 if options.quick else 1]
    cells = list(QUICK if options.quick else CELLS)
    tall = tuple(clip for clip in clips if clip.file == "dance.mp4")
    fourfold = [] if options.quick or not tall else list(FOURFOLD)
    tables: dict[str, list[tuple[str, Rows]]] = {_title(cell): [] for cell in (*cells, *fourfold)}
    for case in itertools.chain(cases(clips, cells, options.videos), cases(tall, fourfold, options.videos)):
        shown = around_face(case, options.side_px) if options.side_px else case
        tables[_title(case.degradation)].append((case.clip.name, scored(Prints(shown, engines), judge)))
    print(f"{network.name}; {len(clips)} clips: {', '.join(clip.name for clip in clips)}")
    for title, table in tables.items():
        print_table(title, table)
    print_verdict(tables)


def _title(cell: Degradation) -> str:
    return f"x{cell.reduction}, noise {cell.sigma:g}, CRF {cell.crf}"
