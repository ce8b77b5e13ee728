"""Whether ``--fuse auto`` fuses where it is worth it: uploads of uploads with their truth, and the gate's answer.

A truth (see ``_fancams``) is reduced 2 and 3 times by an area filter behind a good lens and, as sites and reposters do,
coded at a CRF of 23, enlarged 1.5 or 2 times (bilinear for every other clip, bicubic for the rest) and coded again; or
coded once at its own size. The motion is the people's own. ``REPORT`` are the clips of that name in ``_fancams``, of
people whom no constant was fitted to, though rules were chosen with their figures in view; ``FRESH`` are other clips,
whose figures were seen as well while the gate was built, but chose nothing by themselves: of the signers of
``_people.CLIPS``, signer-1 (brother, help, no, student) and the one of eat are not among those fitted to, signer-2
(bird, please, sorry) and signer-3 (learn, school) are, in other clips.

``gain`` is what forced fusing gains in PSNR over the best that can be had of the single frame (the rivals of the
benchmark ``fusion``, their parameters chosen with the truth in hand), ``frame`` the same over bicubic interpolation.
``fine`` is the correlation of detail finer than 2.5 px of the truth around the face with the truth's, less the single
frame's: sharpening alone does not raise it. ``stairs`` is how ragged the truth's edges are (the slope of detail in the
direction of the edge over that across it) over the same of the single frame. ``ident`` is the cosine similarity of the
face with the truth's, less the single frame's, with ``--identity``. Forced fusing is better where ``fine`` rises by
0.01, the stairs sink by a tenth or the identity comes 0.01 nearer, and ``gain`` is no less than -0.05 dB; ``agree`` is
how often the gate says the same.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from benchmarks._fancams import CRISP, LEAD_FRAMES, REPORT, TUNE, Clip, encode, enlarged, looks, truths
from benchmarks.fusion import rivals
from fancam import faces, nn
from fancam.enhancing.fusion.fuse import Fused, fuse
from fancam.geometry import Box
from fancam.media import NeighbourFrame, Picture
from fancam.settings import FaceSettings, FuseSettings
from tests.figures import psnr

FRESH = (
    Clip("brother", "asl/brother.mkv", 30, 150, 33, 288, 336, (260, 83, 328, 168)),
    Clip("eat", "asl/eat.mkv", 30, 162, 47, 288, 336, (273, 97, 338, 187)),
    Clip("help", "asl/help.mkv", 30, 198, 28, 288, 336, (310, 78, 374, 158)),
    Clip("no", "asl/no.mkv", 30, 166, 15, 288, 336, (276, 65, 343, 146)),
    Clip("student", "asl/student.mkv", 30, 165, 26, 288, 336, (277, 76, 341, 160)),
    Clip("bird", "asl/bird.mkv", 30, 166, 6, 288, 336, (277, 56, 342, 140)),
    Clip("please", "asl/please.mkv", 30, 170, 4, 288, 336, (282, 54, 347, 134)),
    Clip("sorry", "asl/sorry.mkv", 30, 158, 4, 288, 336, (270, 54, 334, 133)),
    Clip("learn", "asl/learn.mkv", 30, 162, 48, 288, 336, (279, 98, 333, 163)),
    Clip("school", "asl/school.mkv", 30, 162, 46, 288, 336, (279, 96, 333, 164)),
)
CLIPS = {"tune": TUNE, "report": REPORT, "fresh": FRESH}
FRAMES = 15
FIRST_CRF = 23
LEAST_FINE, MOST_STAIRS, LEAST_IDENTITY, LEAST_GAIN_DB = 0.01, 0.9, 0.01, -0.05


@dataclass(frozen=True, slots=True)
class Upload:
    """What happens to a clip on its way."""

    reduction: int
    enlargement: float
    crf: int


UPLOADS = tuple(Upload(r, e, crf) for r in (2, 3) for e in (1.0, 1.5, 2.0) for crf in (20, 26, 32))


@dataclass(frozen=True, slots=True)
class Row:
    """What came of one clip and upload."""

    clip: str
    upload: Upload
    gain_db: float
    over_frame_db: float
    fine: float
    stairs: float
    identity: float
    fused: bool
    reason: str

    @property
    def better(self) -> bool:
        """Whether forced fusing is better and loses nothing."""
        nearer = self.fine >= LEAST_FINE or self.stairs <= MOST_STAIRS or self.identity >= LEAST_IDENTITY
        return nearer and self.gain_db >= LEAST_GAIN_DB


def main(arguments: list[str]) -> None:
    """Print the tables."""
    media = Path(__file__).parents[2] / "shared"
    parser = argparse.ArgumentParser(prog="fusion_gate", description=__doc__)
    parser.add_argument("--media", type=Path, default=media, help="the folder that holds data/")
    parser.add_argument("--clips", nargs="+", choices=list(CLIPS), default=["report", "fresh"])
    parser.add_argument("--identity", action="store_true", help="measure the likeness as well")
    parser.add_argument("--every", type=int, default=1, help="of so many uploads only the first")
    parser.add_argument("--all", action="store_true", help="print every picture")
    options = parser.parse_args(arguments)
    judge = Likeness() if options.identity else None
    rows = []
    for group in options.clips:
        found = []
        for clip, upload, truth, seen, face in uploads(CLIPS[group], options.media / "data" / "video", options.every):
            found.append(judged(clip, upload, truth, seen, face, judge))
            if options.all:
                print(_line(found[-1]), flush=True)
        _print_group(group, found)
        rows += found
    _print_sum("all", rows)


def uploads(
    clips: Sequence[Clip], videos: Path, every: int = 1
) -> Iterator[tuple[Clip, Upload, Picture, tuple[Picture, tuple[NeighbourFrame, ...]], Box]]:
    """Yield clip, upload, truth, the picked frame with its neighbours, and the face's box in the truth."""
    half = FRAMES // 2
    for number, clip in enumerate(clips):
        frames = truths(clip, videos, half + LEAD_FRAMES)
        middle = min(clip.picked, half + LEAD_FRAMES)
        left, top, right, bottom = clip.face
        face = Box(left - clip.left, top - clip.top, right - clip.left, bottom - clip.top).scaled(1 / clip.reduction)
        face = face.clipped(frames[middle].shape[1], frames[middle].shape[0])
        for upload in UPLOADS[number % every :: every]:
            small = uploaded(frames, upload, cv2.INTER_LINEAR if number % 2 else cv2.INTER_CUBIC)
            whole = Box(0, 0, small[0].shape[1], small[0].shape[0])
            seen = looks(small, upload.crf, middle, FRAMES, whole)
            yield clip, upload, frames[middle], seen, face


def uploaded(frames: Sequence[Picture], upload: Upload, interpolation: int) -> list[Picture]:
    """Return what is coded at last."""
    high, wide = (side // upload.reduction // 2 * 2 for side in frames[0].shape[:2])
    blurred = (cv2.GaussianBlur(frame, (0, 0), CRISP * upload.reduction) for frame in frames)
    small = [np.asarray(cv2.resize(b, (wide, high), interpolation=cv2.INTER_AREA), np.uint8) for b in blurred]
    if upload.enlargement > 1:
        size = (round(wide * upload.enlargement) // 2 * 2, round(high * upload.enlargement) // 2 * 2)
        small = [
            np.asarray(cv2.resize(k, size, interpolation=interpolation), np.uint8) for k in encode(small, FIRST_CRF)
        ]
    return small


class Likeness:
    """Measures how like a face is to the truth's."""

    def __init__(self) -> None:
        store = nn.ModelStore()
        self._embedder = faces.create_embedder(store)
        self._detector = faces.create_detector(FaceSettings(), store)

    def gained(self, truth: Picture, single: Picture, fused: Picture) -> float:
        """Return by how much the fused picture is more like the truth; 0 where no face is found in that."""
        found = self._detector.detect([truth])[0]
        if not found:
            return 0.0
        marks = [found[0].landmark_array] * 3
        true, before, after = self._embedder.embed([truth, single, fused], marks)
        return float(true @ after - true @ before)


def judged(
    clip: Clip, upload: Upload, truth: Picture, seen: tuple[Picture, tuple[NeighbourFrame, ...]], face: Box,
    likeness: Likeness | None = None,
) -> Row:  # fmt: skip
    """Fuse a case by force and by the gate, and compare both with the single frame."""
    reference, neighbours = seen
    size = truth.shape[1::-1]
    box = face.scaled(reference.shape[1] / truth.shape[1])
    forced = fuse(reference, neighbours, FuseSettings(str(FRAMES)), face=box)
    given = fuse(reference, neighbours, FuseSettings(), face=box)
    single, result = enlarged(reference, size), enlarged(forced.pixels, size)
    best = max(psnr(truth, p) for pictures in rivals(reference, size).values() for p in pictures)
    around = face.grown(0.3).clipped(*size).as_slices()
    parts = [np.asarray(p[around]) for p in (truth, single, result)]
    fine = [float(np.corrcoef(_fine(parts[0]).ravel(), _fine(part).ravel())[0, 1]) for part in parts[1:]]
    return Row(
        clip.name, upload, psnr(truth, result) - best, psnr(truth, result) - psnr(truth, single),
        fine[1] - fine[0], stairs(parts[0], parts[2]) / stairs(parts[0], parts[1]),
        likeness.gained(truth, single, result) if likeness else 0.0, _is_fused(given), given.reason,
    )  # fmt: skip


def _is_fused(fused: Fused) -> bool:
    return fused.frames_used > 1


def _luma(picture: Picture) -> npt.NDArray[np.float32]:
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), np.float32)


def _fine(picture: Picture) -> npt.NDArray[np.float32]:
    luma = _luma(picture)
    return np.asarray(luma - cv2.GaussianBlur(luma, (0, 0), 2.5), np.float32)


def stairs(truth: Picture, picture: Picture) -> float:
    """Return the slope of detail along the truth's strongest tenth of edges over the slope across them."""
    smooth = cv2.GaussianBlur(_luma(truth), (0, 0), 2.0)
    dx, dy = cv2.Sobel(smooth, cv2.CV_32F, 1, 0), cv2.Sobel(smooth, cv2.CV_32F, 0, 1)
    edges = np.hypot(dx, dy) >= np.quantile(np.hypot(dx, dy), 0.9)
    detail = _fine(picture)
    ex, ey = cv2.Sobel(detail, cv2.CV_32F, 1, 0), cv2.Sobel(detail, cv2.CV_32F, 0, 1)
    along, across = ((dx * ey - dy * ex)[edges], (dx * ex + dy * ey)[edges])
    return float(np.sqrt(np.mean(along**2) / max(float(np.mean(across**2)), 1e-6)))


def _line(row: Row) -> str:
    u = row.upload
    return (f"{row.clip:12}/{u.reduction} x{u.enlargement:<4g}crf {u.crf}{row.gain_db:8.2f}{row.over_frame_db:8.2f}"
            f"{row.fine:8.3f}{row.stairs:8.2f}{row.identity:8.3f}  {'better' if row.better else '-':7}"
            f"{'fused' if row.fused else 'single':7} {row.reason}")  # fmt: skip


def _print_group(group: str, rows: Sequence[Row]) -> None:
    print(f"\n{group}: forced fusing over the single frame, means; then what the gate does")
    print(f"{'upload':14}{'gain':>8}{'frame':>8}{'fine':>8}{'stairs':>8}{'ident':>8}{'better':>10}{'fused':>8}"
          f"{'agree':>8}{'worst fused':>13}")  # fmt: skip
    for enlargement in dict.fromkeys(r.upload.enlargement for r in rows):
        for crf in sorted({r.upload.crf for r in rows}):
            some = [r for r in rows if (r.upload.enlargement, r.upload.crf) == (enlargement, crf)]
            if some:
                _print_sum(f"x{enlargement:g} crf {crf}", some)
    _print_sum(group, rows)


def _print_sum(name: str, rows: Sequence[Row]) -> None:
    means = np.mean([(r.gain_db, r.over_frame_db, r.fine, r.stairs, r.identity) for r in rows], axis=0)
    fused = [r for r in rows if r.fused]
    worst = f"{min(r.gain_db for r in fused):13.2f}" if fused else f"{'-':>13}"
    print(f"{name:14}{means[0]:8.2f}{means[1]:8.2f}{means[2]:8.3f}{means[3]:8.2f}{means[4]:8.3f}"
          f"{sum(r.better for r in rows):6d}/{len(rows):<3d}{len(fused):8d}"
          f"{np.mean([r.better == r.fused for r in rows]):8.0%}{worst}")  # fmt: skip
