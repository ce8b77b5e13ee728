"""How near each enlargement comes to the truth, and what the low-band transfer and the share of the network change.

PSNR and SSIM are those of the three channels together; ``identity`` is the cosine similarity of the embeddings of the
enlarged and the true face (crops of one face only); ``edges`` is how steep edges are, 1 as in the truth and above it
over-drawn; ``ΔE00`` is the mean colour difference between the source and the result made small again as the guard
measures it, ``per pixel`` the same without smoothing, which counts noise and blocks that were taken out. "transfer" is
``match_low_band``, "share" the network mixed with Lanczos as ``auto_share`` says, then the transfer. Every value is a
mean over the crops. The crops are those that nothing was tuned on; ``--tune`` takes the others.
"""

from __future__ import annotations

import argparse
import dataclasses
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from skimage.metrics import structural_similarity

from benchmarks._pairs import DEGRADATIONS, REPORT, TUNE, Pair, Truth, pairs, steepness, truths
from fancam import faces
from fancam.enhancing import CropRequest, Engine
from fancam.enhancing.colour import match_low_band, mean_delta_e
from fancam.enhancing.engine import auto_share, source_noise
from fancam.geometry import Box
from fancam.media import Picture, Samples
from fancam.nn import ModelStore
from fancam.results import Embedder
from fancam.settings import EnhanceSettings, FaceSettings
from tests.figures import psnr

NETWORKS = ("realesr-animevideov3", "realesrgan-x4plus")
PLAIN = ("bicubic", "lanczos")
TRANSFER, SHARE = " + transfer", " + transfer + share"


@dataclass(frozen=True)
class Scores:
    """How near one result is to the truth and to its source."""

    psnr: float
    ssim: float
    identity: float
    """NaN where there is no face, or nothing to measure it with."""
    edges: float
    delta_e: float
    delta_e_per_pixel: float


class Judge:
    """Measures results; knows the true faces.

    Args:
        embedder: Measures identity.
        store: Where the weights of the detector are.
        found: The truths.
    """

    def __init__(self, embedder: Embedder, store: ModelStore, found: list[Truth]) -> None:
        self._embedder = embedder
        self._landmarks: dict[str, npt.NDArray[np.float32]] = {}
        detector = faces.create_detector(FaceSettings(), store)
        for truth in found:
            seen = detector.detect([truth.pixels])[0] if truth.crop.face else []
            if seen:
                largest = max(seen, key=lambda face: face.box.area)
                self._landmarks[truth.crop.name] = largest.landmark_array

    @property
    def faces(self) -> int:
        """How many truths have a face that is measured."""
        return len(self._landmarks)

    def __call__(self, pair: Pair, result: Picture) -> Scores:
        """Return the scores of a result of the size of the truth."""
        truth = pair.truth.pixels
        return Scores(
            psnr(truth, result),
            float(structural_similarity(truth, result, channel_axis=2)),
            self._identity(pair, result),
            steepness(result) / steepness(truth),
            mean_delta_e(pair.source, _whole(pair.source), result),
            mean_delta_e(pair.source, _whole(pair.source), result, 0),
        )

    def _identity(self, pair: Pair, result: Picture) -> float:
        landmarks = self._landmarks.get(pair.truth.crop.name)
        if landmarks is None:
            return float("nan")
        true, found = self._embedder.embed([pair.truth.pixels, result], [landmarks, landmarks])
        return float(true @ found)


def _whole(pixels: Samples) -> Box:
    return Box(0, 0, pixels.shape[1], pixels.shape[0])


def results(pair: Pair, engines: dict[str, Engine]) -> Iterator[tuple[str, Picture]]:
    """Yield (name of the row, picture of the size of the truth)."""
    height, width = pair.truth.pixels.shape[:2]
    request = CropRequest(pair.source, _whole(pair.source), width, height)
    made: dict[str, Picture] = {}
    for name, engine in engines.items():
        pixels = engine.enhance([request])[0].pixels
        assert pixels.dtype == np.uint8
        made[name] = pixels.astype(np.uint8, copy=False)
        yield name, made[name]
        if name in NETWORKS:
            yield name + TRANSFER, _matched(pair, made[name])
            # As the engine mixes it, but from pictures that are rounded already: half a level at most.
            share = auto_share(pair.scale, source_noise(pair.source))
            mixed = share * made[name].astype(np.float32) + (1 - share) * made["lanczos"]
            yield name + SHARE, _matched(pair, np.rint(mixed).astype(np.uint8))


def _matched(pair: Pair, result: Picture) -> Picture:
    return match_low_band(pair.source, _whole(pair.source), result).astype(np.uint8, copy=False)


Table = dict[str, list[Scores]]


def print_table(table: Table) -> None:
    """Print the means, a row per result."""
    print(f"{'':44}{'PSNR':>7}{'SSIM':>8}{'identity':>10}{'edges':>7}{'ΔE00':>7}{'per pixel':>11}")
    for name, scores in table.items():
        mean = Scores(*(_mean([getattr(s, f.name) for s in scores]) for f in dataclasses.fields(Scores)))
        identity = "–" if np.isnan(mean.identity) else f"{mean.identity:.3f}"
        print(
            f"{name:44}{mean.psnr:7.2f}{mean.ssim:8.4f}{identity:>10}{mean.edges:7.2f}"
            f"{mean.delta_e:7.2f}{mean.delta_e_per_pixel:11.2f}"
        )


def _mean(values: list[float]) -> float:
    known = [value for value in values if not np.isnan(value)]
    return sum(known) / len(known) if known else float("nan")


def print_truths(named: list[tuple[str, Table]], networks: list[str]) -> bool:
    """Print what must hold for every pair, and return whether it does."""
    holds = True
    tables = [table for _, table in named]
    for name in networks:
        plain, matched, mixed = ([s for table in tables for s in table[name + end]] for end in ("", TRANSFER, SHARE))
        gains = [after.psnr - before.psnr for before, after in zip(plain, matched, strict=True)]
        worst = max(max(s.delta_e for s in matched), max(s.delta_e for s in mixed))
        before = sum(s.delta_e >= 1 for s in plain)
        clean = [s.delta_e_per_pixel for kind, table in named if kind == "clean" for s in table[name + TRANSFER]]
        print(f"{name}: ΔE00 per pixel < 1 from clean sources: {sum(e < 1 for e in clean)} of {len(clean)}")
        said = (
            f"transfer never lowers PSNR ({len(gains)} pairs, {min(gains):+.2f} to {max(gains):+.2f} dB)",
            f"ΔE00 < 1 after transfer (largest {worst:.2f}; before it {before} of {len(plain)} were not)",
        )
        for text, right in zip(said, (min(gains) >= 0, worst < 1), strict=True):
            print(f"{name}: {text}: {'yes' if right else 'NO'}")
            holds = holds and right
        lanczos = [s.psnr for table in tables for s in table["lanczos"]]
        above = sum(m.psnr >= limit for m, limit in zip(mixed, lanczos, strict=True))
        alone = sum(p.psnr >= limit for p, limit in zip(plain, lanczos, strict=True))
        print(f"{name}: PSNR at least that of Lanczos: alone {alone}, with transfer and share {above} of {len(mixed)}")
    return holds


def main(arguments: list[str]) -> None:
    """Print a table per scale and degradation, then what must hold; exit 1 where it does not."""
    media = Path(__file__).parents[2] / "shared"
    parser = argparse.ArgumentParser(prog="quality", description=__doc__)
    parser.add_argument("--media", type=Path, default=media, help="the folder that holds data/")
    parser.add_argument("--scales", type=float, nargs="+", default=(4.0, 2.0))
    parser.add_argument("--networks", nargs="+", default=NETWORKS, choices=NETWORKS)
    parser.add_argument("--crops", type=int, default=len(REPORT), help="how many, faces first")
    parser.add_argument("--tune", action="store_true", help="the crops that constants were chosen on")
    parser.add_argument("--device", default="auto")
    options = parser.parse_args(arguments)
    store = ModelStore()
    engines = {
        name: Engine(EnhanceSettings(upscaler=name, device=options.device, detail=1.0), store)
        for name in (*PLAIN, *options.networks)
    }
    found = truths((TUNE if options.tune else REPORT)[: options.crops], options.media / "data/photo")
    judge = Judge(faces.create_embedder(store), store, found)
    computes = {f"{engines[name].compute.precision} on {engines[name].compute.device}" for name in options.networks}
    print(f"{len(found)} crops of {found[0].pixels.shape[0]} px, {judge.faces} faces; {', '.join(sorted(computes))}")
    began, tables = time.perf_counter(), []
    for scale in options.scales:
        by_degradation: dict[str, Table] = {name: {} for name in DEGRADATIONS}
        for pair in pairs(found, scale, DEGRADATIONS):
            for name, pixels in results(pair, engines):
                by_degradation[pair.degradation].setdefault(name, []).append(judge(pair, pixels))
        for name, table in by_degradation.items():
            print(f"\nx{scale:g}, {name}")
            print_table(table)
            tables.append((name, table))
    print()
    holds = print_truths(tables, list(options.networks))
    print(f"{time.perf_counter() - began:.0f} s")
    if not holds:
        raise SystemExit(1)
