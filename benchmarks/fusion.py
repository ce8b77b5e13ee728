"""What fusing neighbouring frames gains in fidelity over the best of the single frame, and what it takes.

Truth, degradation and people: see ``_fancams``; the constants were fitted on its TUNE clips, these figures are of its
REPORT clips. The rivals (bicubic, back-projection, non-local means) each have their best parameters, chosen with the
truth in hand for every single picture. ``all`` is PSNR gained over the best rival on the whole region, ``face`` the
same around the face, ``given`` what a user gets on the whole region: 0 where the gain expected was too small and the
single frame was taken. ``SSIM`` is the difference to the rival best in PSNR.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from benchmarks._fancams import CRFS, CRISP, REPORT, SIGMAS, SOFT, Case, Degradation, cases, enlarged, similarity
from fancam.enhancing.fusion.fuse import Fused, fuse
from fancam.media import NeighbourFrame, Picture
from fancam.settings import FuseSettings
from tests.figures import psnr

ALWAYS = FuseSettings(min_gain_db=0)


@dataclass(frozen=True, slots=True)
class Row:
    """What came of one case."""

    case: Case
    rivals_db: dict[str, float]
    gain_db: float
    face_gain_db: float
    ssim_gain: float
    fused: Fused
    is_fused: bool
    """Whether the gate fuses it."""

    @property
    def given_db(self) -> float:
        """The gain, or 0 where the gate takes the single frame."""
        return self.gain_db if self.is_fused else 0.0


def main(arguments: list[str]) -> None:
    """Print the tables."""
    media = Path(__file__).parents[2] / "shared"
    parser = argparse.ArgumentParser(prog="fusion", description=__doc__)
    parser.add_argument("--media", type=Path, default=media, help="the folder that holds data/")
    parser.add_argument("--frames", type=int, default=15, help="how many frames, the picked one counted")
    parser.add_argument("--quick", action="store_true", help="half the size only, crisp only")
    options = parser.parse_args(arguments)
    kinds = [(2, 0.4)] if options.quick else [(2, 0.4), (3, CRISP), (3, SOFT)]
    rows: list[Row] = []
    for reduction, blur_px in kinds:
        wanted = [Degradation(reduction, sigma, crf, blur_px) for sigma in SIGMAS for crf in CRFS]
        found = [
            judged(case, options.frames)
            for case in cases(REPORT, wanted, options.media / "data" / "video", options.frames - 1)
        ]
        print(f"\n{reduction} times smaller, blurred by {blur_px} px of the small frame, {options.frames} frames")
        _print_kind(found)
        rows += found
    _print_prediction(rows)
    _print_time(rows[0].case, options.frames)


def rivals(reference: Picture, size: tuple[int, int]) -> dict[str, list[Picture]]:
    """Return every single-frame method's results at a (width, height), with all the parameters it may choose from."""
    strengths = (1, 2, 3, 4, 6, 8, 10)
    return {
        "bicubic": [enlarged(reference, size)],
        "back-projected": [
            enlarged(_back_projected(reference, blur, steps), size)
            for blur in (0.3, 0.45, 0.6, 0.8)
            for steps in (1, 3, 6)
        ],
        "non-local means": [
            enlarged(cv2.fastNlMeansDenoisingColored(reference, None, h, h, 5, 15), size) for h in strengths
        ],
    }


def _back_projected(picture: Picture, blur_px: float, steps: int) -> npt.NDArray[np.float32]:
    high, wide = picture.shape[:2]
    given = picture.astype(np.float32)
    estimate = cv2.resize(given, (wide * 2, high * 2), interpolation=cv2.INTER_CUBIC)
    for _ in range(steps):
        blurred = cv2.GaussianBlur(estimate, (0, 0), blur_px * 2)
        missing = given - cv2.resize(blurred, (wide, high), interpolation=cv2.INTER_AREA)
        estimate = estimate + 0.8 * cv2.resize(missing, (wide * 2, high * 2), interpolation=cv2.INTER_CUBIC)
    return np.asarray(estimate, np.float32)


def judged(case: Case, frames: int) -> Row:
    """Fuse a case, whatever gain is expected, and compare it with the rivals."""
    fused = fuse(case.reference, case.neighbours, FuseSettings(str(frames)), face=case.face)
    given = fuse(case.reference, case.neighbours, FuseSettings(auto_frames=frames), face=case.face)
    scale = case.truth.shape[1] / case.reference.shape[1]
    high, wide = case.truth.shape[:2]
    face = case.face.scaled(scale).grown(0.3).clipped(wide, high).as_slices()
    result = enlarged(fused.pixels, (wide, high))
    found = rivals(case.reference, (wide, high))
    best_db = {name: max(psnr(case.truth, p) for p in pictures) for name, pictures in found.items()}
    every = [p for pictures in found.values() for p in pictures]
    best = max(every, key=lambda p: psnr(case.truth, p))
    best_face_db = max(psnr(case.truth[face], p[face]) for p in every)
    return Row(case, best_db, psnr(case.truth, result) - max(best_db.values()),
               psnr(case.truth[face], result[face]) - best_face_db,
               similarity(case.truth, result) - similarity(case.truth, best), fused, given.frames_used > 1)  # fmt: skip


def _print_kind(rows: Sequence[Row]) -> None:
    names = list(rows[0].rivals_db)
    print(f"{'noise':>5}{'CRF':>5}" + "".join(f"{name:>17}" for name in names)
          + "".join(f"{name:>8}" for name in ("all", "face", "SSIM", "worst", "given", "worst"))
          + f"{'expected':>10}{'fused':>7}")  # fmt: skip
    for sigma, crf in dict.fromkeys((r.case.degradation.sigma, r.case.degradation.crf) for r in rows):
        some = [r for r in rows if (r.case.degradation.sigma, r.case.degradation.crf) == (sigma, crf)]
        means = "".join(f"{np.mean([r.rivals_db[name] for r in some]):17.2f}" for name in names)
        given = [r.given_db for r in some]
        gains = _mean(r.gain_db for r in some), _mean(r.face_gain_db for r in some)
        worst, ssim = min(r.gain_db for r in some), _mean(r.ssim_gain for r in some)
        print(f"{sigma:5g}{crf:5d}{means}{gains[0]:8.2f}{gains[1]:8.2f}{ssim:8.3f}{worst:8.2f}{_mean(given):8.2f}"
              f"{min(given):8.2f}{_mean(r.fused.expected_gain_db for r in some):10.2f}"
              f"{sum(g != 0 for g in given):4d}/{len(some)}")  # fmt: skip
    print("noise 8 by clip, all / face: " + "; ".join(
        f"{name} " + ", ".join(f"crf {r.case.degradation.crf} {r.gain_db:.2f} / {r.face_gain_db:.2f}"
                               for r in rows if r.case.clip.name == name and r.case.degradation.sigma == 8)
        for name in dict.fromkeys(r.case.clip.name for r in rows)))  # fmt: skip


def _mean(values: Iterable[float]) -> float:
    return float(np.mean(list(values)))


def _print_prediction(rows: Sequence[Row]) -> None:
    expected = np.array([r.fused.expected_gain_db for r in rows])
    print(f"\nexpected and real gain over {len(rows)} pictures: correlation "
          f"{np.corrcoef(expected, [r.face_gain_db for r in rows])[0, 1]:.2f} around the face, "
          f"{np.corrcoef(expected, [r.gain_db for r in rows])[0, 1]:.2f} on the whole; "
          f"least given {min(r.given_db for r in rows):.2f} dB")  # fmt: skip


def _print_time(case: Case, frames: int) -> None:
    def card(picture: Picture) -> Picture:
        return np.asarray(cv2.resize(picture, (460, 690), interpolation=cv2.INTER_CUBIC), np.uint8)

    neighbours = [
        NeighbourFrame(card(neighbour.pixels), neighbour.pts, neighbour.offset_s) for neighbour in case.neighbours
    ]
    taken = []
    for _ in range(3):
        wall, processor = time.perf_counter(), time.process_time()
        fuse(card(case.reference), neighbours, ALWAYS)
        taken.append((time.perf_counter() - wall, time.process_time() - processor))
    wall, processor = min(taken)
    print(f"{frames} frames of 460 x 690 px: {wall:.2f} s, {processor:.2f} s of processor")
