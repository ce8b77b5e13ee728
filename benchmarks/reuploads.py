"""What becomes of re-uploads, enlarged and compressed before: each way of enlarging against the truth.

``before`` is the default until November 2026: the network on all pixels of the single frame, mixed with Lanczos by
``auto_share``, low band held. Of the parts, ``reduced`` gives the network the picture at its measured true resolution
and mixes as before; ``joined`` gives it all pixels and joins by frequency; ``fused`` merges nine frames and goes on as
before. ``new, one frame`` and ``new, fused`` have reducing and joining; ``new`` is the default, that fuses where fusion
decides for it. All go through the chain's own cleaning.

``fine`` is the fine contrast in parts of the truth's, ``stairs`` how ragged edges are that are smooth in truth,
``likeness`` the distance of the embeddings of the true face and the result's (0 to 2, lower is nearer), ``network`` and
``others`` processor seconds. ``share`` says what was measured of the source, beside what it holds.

The full grid takes hours on two cores: each material meets ``--each`` of its 45 cells, by fixed lot, so that all
values of all factors come about equally often. ``--tune`` takes the material that constants were chosen on.
"""

from __future__ import annotations

import argparse
import dataclasses
import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar, cast

import numpy as np
import numpy.typing as npt
from skimage.metrics import structural_similarity

from benchmarks._reuploads import (
    REPORT,
    TUNE,
    Case,
    Material,
    Reupload,
    Staircase,
    case,
    fine_contrast,
    truths,
)
from fancam import faces
from fancam.enhancing import CropRequest, Engine, EnhanceJob
from fancam.enhancing.colour import match_low_band
from fancam.enhancing.dithering import to_depth
from fancam.enhancing.engine import auto_share, soft_share, source_noise
from fancam.enhancing.enhancer import replace_plain
from fancam.enhancing.joining import join_bands
from fancam.enhancing.preparation import Preparation
from fancam.enhancing.resolution import SHARP_FROM
from fancam.enhancing.work import Work, plain_print, reduced
from fancam.media import Picture, Samples
from fancam.nn import ModelStore
from fancam.results import Embedder, Face
from fancam.settings import EnhanceSettings, FaceSettings, FuseSettings
from tests.figures import psnr

T = TypeVar("T")
BEFORE, NEW, NEW_ONE, NEW_FUSED = "before", "new", "new, one frame", "new, fused"
ENLARGED = ((1.0, "bilinear"), (1.5, "bilinear"), (1.5, "bicubic"), (2.0, "bilinear"), (2.0, "bicubic"))
GRID = tuple(
    Reupload(reduction, enlarged, name, crf)
    for reduction, (enlarged, name), crf in itertools.product((2, 3, 4), ENLARGED, (20, 26, 32))
)


@dataclass(frozen=True)
class Scores:
    """How near a result is, and what it took."""

    psnr: float
    ssim: float
    likeness: float
    """NaN where there is no face."""
    fine: float
    stairs: float
    network_s: float
    others_s: float


class Ways:
    """Every way to enlarge a case; what several share is made once.

    Args:
        engine: The network, all of its picture.
        found: The case.
        face: In the truth; None where there is none.
    """

    def __init__(self, engine: Engine, found: Case, face: Face | None) -> None:
        self._engine = engine
        self._case = found
        self._face = face
        self._known: dict[str, tuple[Samples, float]] = {}
        self._works: dict[str, tuple[Work, float]] = {}

    def rows(self) -> Iterator[tuple[str, Picture, float, float]]:
        """Yield (name, result of the size of the truth, network seconds, other seconds)."""
        one, forced = "off", "9"
        single, _ = self.prepared(one)
        for name in ("bicubic", "lanczos"):
            pixels, took = _timed(lambda name=name: plain_print(single.job.request, name))  # type: ignore[misc]
            yield name, np.asarray(pixels, np.uint8), 0.0, took
        yield BEFORE, *self._mixed(one, whole=True)
        yield "reduced", *self._mixed(one, whole=False)
        yield "joined", *self._joined(one, whole=True)
        yield "fused", *self._mixed(forced, whole=True)
        yield NEW_ONE, *self.new(one)
        yield NEW_FUSED, *self.new(forced)
        yield NEW, *self.new("auto")

    def prepared(self, fuse: str) -> tuple[Work, float]:
        """Return the case cleaned, fused as asked, with its true resolution measured; and the seconds."""
        if fuse not in self._works:
            found, side = self._case, self._case.truth.shape[0]
            request = CropRequest(found.reference, found.box, side, side)
            shown = () if self._face is None else (_scaled(self._face, found.reference.shape[0] / side),)
            job = EnhanceJob(
                0, request, shown, neighbours=found.neighbours, neighbours_box=found.box, is_video=True,
                fuse=FuseSettings(fuse=fuse),
            )  # fmt: skip
            self._works[fuse] = _timed(lambda: Preparation()(job))
        return self._works[fuse]

    def new(self, fuse: str) -> tuple[Picture, float, float]:
        """Return what the chain makes of it: joined where the picture is soft, mixed where it is sharp."""
        work, _ = self.prepared(fuse)
        if fuse == "auto":
            fuse = "off" if work.fusion.frames_used == 1 else "auto"
        return self._joined(fuse, whole=False) if work.crop.is_soft else self._mixed(fuse, whole=True)

    def _mixed(self, fuse: str, *, whole: bool) -> tuple[Picture, float, float]:
        """Return network and Lanczos mixed by ``auto_share``, the low band held, the fused pixels put in."""
        (work, prepared_s), (drawn, network_s) = self.prepared(fuse), self._drawn(fuse, whole=whole)
        crop = work.crop if whole else self._small(work)

        def mix() -> Samples:
            fine = 1.0 if work.crop.finer is None else work.crop.finer.box.width / work.crop.box.width
            share = auto_share(crop.scale / fine, source_noise(crop.region.pixels))
            plain = plain_print(crop, "lanczos")
            mixed = cast(Samples, np.rint(share * drawn.astype(np.float32) + (1 - share) * plain).astype(drawn.dtype))
            held = match_low_band(crop.region.pixels, crop.region.box, mixed)
            if work.crop.finer is not None:
                held = replace_plain(plain_print(work.crop.finer, "lanczos"), plain, held, share)
            return held

        pixels, took = _timed(mix)
        return _levels(pixels), network_s, prepared_s + took

    def _joined(self, fuse: str, *, whole: bool) -> tuple[Picture, float, float]:
        (work, prepared_s), (drawn, network_s) = self.prepared(fuse), self._drawn(fuse, whole=whole)
        share = work.crop.true_scale or 1.0
        pixels, took = _timed(lambda: join_bands(work.crop, drawn, share, soft_share(share)))
        return _levels(pixels), network_s, prepared_s + took

    def _small(self, work: Work) -> CropRequest:
        return reduced(work.crop) if work.crop.is_soft else work.crop

    def _drawn(self, fuse: str, *, whole: bool) -> tuple[Samples, float]:
        """Return the network's picture at the size of the truth, and the seconds."""
        work, _ = self.prepared(fuse)
        crop = work.crop if whole else self._small(work)
        name = f"{fuse} {whole or crop is work.crop}"
        if name not in self._known:
            alone = dataclasses.replace(crop, true_scale=None)
            enhanced, took = _timed(lambda: self._engine.enhance([alone])[0])
            self._known[name] = enhanced.pixels, took
        return self._known[name]


def _levels(pixels: Samples) -> Picture:
    """Return a print with 8 bits: traces are taken out of a picture with 16."""
    return np.asarray(to_depth(pixels, np.dtype(np.uint8)), np.uint8)


def _timed(work: Callable[[], T]) -> tuple[T, float]:
    """Return the result and the processor seconds: other programs on the machine do not count."""
    start = time.process_time()
    result = work()
    return result, time.process_time() - start


def _scaled(face: Face, factor: float) -> Face:
    points = tuple((x * factor, y * factor) for x, y in face.landmarks)
    assert len(points) == 5
    return dataclasses.replace(face, box=face.box.scaled(factor), landmarks=points)


class Judge:
    """Measures results of one material.

    Args:
        truth: Of the picked frame.
        face: In it; None where there is none.
        embedder: Tells people apart.
    """

    def __init__(self, truth: Picture, face: Face | None, embedder: Embedder) -> None:
        self._truth, self._face, self._embedder = truth, face, embedder
        self._fine, self._stairs = fine_contrast(truth), Staircase(truth)

    def __call__(self, pixels: Picture, network_s: float = 0.0, others_s: float = 0.0) -> Scores:
        """Return the scores of a result of the size of the truth."""
        ssim = float(structural_similarity(self._truth, pixels, channel_axis=2))
        fine = fine_contrast(pixels) / self._fine
        return Scores(
            psnr(self._truth, pixels), ssim, self._likeness(pixels), fine, self._stairs(pixels), network_s, others_s
        )

    def _likeness(self, pixels: Picture) -> float:
        if self._face is None:
            return float("nan")
        points: npt.NDArray[np.float32] = self._face.landmark_array
        true, found = self._embedder.embed([self._truth, pixels], [points, points])
        return float(np.linalg.norm(true - found))


def cells(number: int, each: int) -> list[Reupload]:
    """Return the cells of the grid that a material meets; the lot is the same every time."""
    order = np.random.default_rng(12).permutation(len(GRID))
    return [GRID[order[(number * each + i) % len(GRID)]] for i in range(each)]


Table = dict[str, list[Scores]]


def print_table(title: str, table: Table) -> None:
    """Print the means, a row per way."""
    print(
        f"\n{title}\n{'':18}{'PSNR':>7}{'SSIM':>8}{'likeness':>10}{'fine':>7}{'stairs':>9}{'network':>9}{'others':>8}"
    )
    for name, scores in table.items():
        mean = _mean(scores)
        print(f"{name:18}{mean.psnr:7.2f}{mean.ssim:8.4f}{mean.likeness:10.3f}{mean.fine:7.2f}{mean.stairs:9.4f}"
              f"{mean.network_s:9.2f}{mean.others_s:8.2f}")  # fmt: skip


def _mean(scores: Sequence[Scores]) -> Scores:
    names = [field.name for field in dataclasses.fields(Scores)]
    columns = [np.array([getattr(one, name) for one in scores]) for name in names]
    return Scores(*(float(np.nanmean(c)) if np.isfinite(c).any() else float("nan") for c in columns))


def print_aims(soft: Table, sharp: Table) -> None:
    """Print the aims beside what was reached."""
    if soft:
        before, new, one = (_mean(soft[name]) for name in (BEFORE, NEW, NEW_ONE))
        print(f"\nsoft: fine {new.fine:.2f} (0.85 to 1.05; before {before.fine:.2f}), stairs "
              f"{new.stairs / before.stairs:.2f} of before's (0.5), network time before / new "
              f"{before.network_s / new.network_s:.1f} (3), PSNR {new.psnr - before.psnr:+.2f} dB (-0.6), likeness "
              f"{one.likeness - before.likeness:+.3f} of one frame (+0.02)")  # fmt: skip
    if sharp:
        pairs = list(zip(sharp[BEFORE], sharp[NEW_ONE], strict=True))
        gains = [new.psnr - before.psnr for before, new in pairs]
        print(f"sharp: PSNR {np.mean(gains):+.2f} dB (-0.05), least {min(gains):+.2f}, SSIM "
              f"{np.mean([new.ssim - before.ssim for before, new in pairs]):+.4f} (-0.001)")  # fmt: skip


def print_shares(shares: list[tuple[str, float, float | None]]) -> None:
    """Print how near the measured true resolution came."""
    errors = [found / true - 1 for _, true, found in shares if found is not None]
    near = np.mean(np.abs(errors) <= 0.15)
    print(f"\ntrue resolution: {len(errors)} of {len(shares)} measured, {near:.0%} within 15 %, mean error "
          f"{np.mean(np.abs(errors)):.1%}, bias {np.mean(errors):+.1%}")  # fmt: skip


def run(materials: Sequence[tuple[int, Material]], options: argparse.Namespace) -> None:
    """Measure the materials and print the tables."""
    store = ModelStore()
    engine = Engine(EnhanceSettings(upscaler=options.upscaler, device="cpu", detail=1.0), store)
    embedder, detector = faces.create_embedder(store), faces.create_detector(FaceSettings(), store)
    soft: Table = {}
    sharp: Table = {}
    shares: list[tuple[str, float, float | None]] = []
    for number, material in materials:
        frames = truths(material, options.media)
        truth = frames[len(frames) // 2]
        seen = detector.detect([truth])[0] if material.face else []
        face = max(seen, key=lambda one: one.box.area) if seen else None
        judge = Judge(truth, face, embedder)
        for reupload in cells(number, options.each):
            found = case(material, frames, reupload)
            ways = Ways(engine, found, face)
            table = sharp if reupload.enlarged == 1 else soft
            for name, pixels, network_s, others_s in ways.rows():
                table.setdefault(name, []).append(judge(pixels, network_s, others_s))
            work, fused = ways.prepared("off")[0], ways.prepared("auto")[0].fusion
            shares.append((found.name, reupload.true_scale, work.crop.true_scale))
            before, new = table[BEFORE][-1], table[NEW][-1]
            print(f"{found.name:36} share {work.crop.true_scale or 1:.2f} ({reupload.true_scale:.2f}), "
                  f"{fused.frames_used} frames; PSNR {before.psnr:.2f} {new.psnr:.2f}, fine {before.fine:.2f} "
                  f"{new.fine:.2f}, stairs {before.stairs:.3f} {new.stairs:.3f} (truth {judge(truth).stairs:.3f}), "
                  f"likeness {before.likeness:.3f} {new.likeness:.3f}", flush=True)  # fmt: skip
    for title, table in (("soft: enlarged before", soft), ("sharp to the pixel, coded", sharp)):
        if table:
            print_table(f"{title} ({len(table[NEW])} cases)", table)
    print_aims(soft, sharp)
    print_shares(shares)
    print(f"a picture counts as soft below a share of {SHARP_FROM:g}")


def main(arguments: list[str]) -> None:
    """Print a line per case and the tables."""
    media = Path(__file__).parents[2] / "shared"
    parser = argparse.ArgumentParser(prog="reuploads", description=__doc__)
    parser.add_argument("--media", type=Path, default=media, help="the folder that holds data/")
    parser.add_argument("--each", type=int, default=4, help="cells of the grid per material; 45 are all")
    parser.add_argument("--tune", action="store_true", help="the material that constants were chosen on")
    parser.add_argument("--only", nargs="+", help="names of the materials to take")
    parser.add_argument("--upscaler", default="realesrgan-x4plus")
    options = parser.parse_args(arguments)
    materials = list(enumerate(TUNE if options.tune else REPORT))
    run([(number, one) for number, one in materials if not options.only or one.name in options.only], options)
