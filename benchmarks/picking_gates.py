"""What the picker's gates find of built faults, and what they take for one in whole clips: ``picking_gates``.

The faults are built into clips of the shared media: fades between ``asl/book``, ``asl/sister`` and frames 500 to 580
of ``dance`` or 60 to 120 of ``odd/sample_vvc``, flashes, repeats and woven frames in ``asl/book`` and ``asl/sister``.
Tuned was on fades between ``asl/walk`` and frames 300 to 380 of ``dance``, and on what is left out of the whole clips.
A fade is found where all of its frames that show 0.2 to 0.8 of both pictures are left out; frames left out beside the
fault are counted too. The whole clips are all of asl, dance, phone_selfie and the sample, which have no such fault;
nasa_13013, counted apart, has one real cross-fade (frames 150 to 178, by eye).

``--only smeared``: every third frame of asl and dance, 30 at most, as it is and coded anew at CRF 38, of which the
share that is taken for smeared is told; and every sixth of these looks with its frame smeared in a random direction
over a twelfth and over an eighth of the face's width. Tuned was on the half ``tune`` of the eye labels.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import numpy.typing as npt

from benchmarks._eye_labels import eye_labels
from fancam import picking
from fancam.jobs.context import Context
from fancam.media import Picture
from fancam.picking.combing import is_combed
from fancam.picking.faults import FaultFinder
from fancam.picking.reduction import Grey, blocks_of, miniature, reduced, textured
from fancam.results import Candidate, ScoredFace
from fancam.settings import Settings
from fancam.video import open_video

SIZE = (640, 480)


def main(arguments: list[str]) -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(prog="picking_gates", description=__doc__)
    parser.add_argument("--media", type=Path, default=Path("../shared"), help="the folder that holds data/")
    parser.add_argument("--only", choices=("frames", "smeared"))
    asked = parser.parse_args(arguments)
    video = asked.media / "data" / "video"
    if asked.only != "smeared":
        frames_table(video)
    if asked.only != "frames":
        smeared_table(video)


def frames_table(video: Path) -> None:
    """Print what is found of faults of frames, and what is left out of whole clips."""
    signers = [luma_of(video / f"asl/{name}.mkv")[:80] for name in ("book", "sister")]
    others = [luma_of(video / "dance.mp4")[500:580], luma_of(video / "odd/sample_vvc.mp4")[60:120]]
    print(f"{'built fault':34}{'found':>12}{'beside it':>12}")
    for length in (8, 16, 30):
        report(f"cross-fade over {length} frames", [faded(a, b, length) for a in signers for b in others])
    for gain, lift in ((1.0, 45), (1.2, 60), (1.0, 120)):
        report(f"flash × {gain} + {lift}", [flashed(a, gain, lift, n) for a in signers for n in (1, 3)])
    report("frame repeated 12 times", [repeated(a) for a in signers])
    woven = [
        np.where(np.arange(480)[:, None] % 2, later, p) for a in signers for p, later in zip(a, a[2:], strict=False)
    ]
    print(f"{'woven of frames 2 apart (tiles)':34}{sum(map(combed, woven)):>6} of {len(woven):<4}")
    print(f"\n{'whole clips':34}{'frames':>8}  left out")
    clips = [*sorted((video / "asl").glob("*.mkv")), video / "dance.mp4", video / "phone_selfie.mp4", stage()]
    total: Counter[str] = Counter()
    for path in clips:
        total += alarms(path)
    print(f"{'asl, dance, phone_selfie, sample':34}{total.pop('frames'):>8}  {dict(total) or 'none'}")
    real = alarms(video / "colour/nasa_13013.mp4")
    print(f"{'nasa_13013':34}{real.pop('frames'):>8}  {dict(real)}")


def stage() -> Path:
    """Return the sample clip."""
    return Path(__file__).parents[1] / "samples" / "stage.mp4"


def luma_of(path: Path) -> list[Grey]:
    """Return the luma of all frames of a short clip, 640 × 480."""
    with open_video(path).scan() as frames:
        return [cv2.resize(frame.luma, SIZE, interpolation=cv2.INTER_AREA).astype(np.uint8) for frame in frames]


def faults_of(pictures: Sequence[Grey]) -> list[str | None]:
    """Return what each frame is taken for."""
    finder: FaultFinder[int] = FaultFinder()
    found = [f for n, picture in enumerate(pictures) for f in added(finder, n, picture, False)]
    return [fault for _, fault in [*found, *finder.finish()]]


def added(finder: FaultFinder[int], number: int, pixels: Grey, key_frame: bool) -> list[tuple[int, str | None]]:
    """Give the next frame to a finder, as the scan does."""
    small = blocks_of(miniature(pixels))
    return list(finder.add(number, pixels, key_frame, small, textured(small)))


Case = tuple[list[Grey], set[int], set[int]]
"""Frames, which must be left out, and which may be."""


def faded(a: Sequence[Grey], b: Sequence[Grey], length: int) -> Case:
    """Return one clip fading into another."""
    start, share = len(a) - length, (np.arange(length) + 1) / (length + 1)
    between = [np.rint((1 - s) * p + s * q).astype(np.uint8) for s, p, q in zip(share, a[start:], b, strict=False)]
    must = {start + int(n) for n in np.flatnonzero((share > 0.2) & (share < 0.8))}
    return [*a[:start], *between, *b[length:]], must, set(range(start, start + length))


def flashed(a: Sequence[Grey], gain: float, lift: float, count: int) -> Case:
    """Return a clip with a flash."""
    at = set(range(40, 40 + count))
    lit = [np.clip(p * gain + lift, 0, 255).astype(np.uint8) if n in at else p for n, p in enumerate(a)]
    return lit, at, at


def repeated(a: Sequence[Grey]) -> Case:
    """Return a clip that stands still for a while."""
    return [*a[:31], *[a[30]] * 12, *a[31:]], set(range(31, 43)), set(range(31, 43))


def report(title: str, cases: Sequence[Case]) -> None:
    """Print one row: cases found whole, and frames left out beside the faults."""
    found = beside = 0
    for pictures, must, may in cases:
        left_out = {number for number, fault in enumerate(faults_of(pictures)) if fault}
        found, beside = found + (must <= left_out), beside + len(left_out - may)
    print(f"{title:34}{found:>6} of {len(cases):<4}{beside:>8}")


def combed(picture: npt.NDArray[np.uint8]) -> bool:
    """Whether a square of 120 px anywhere in the picture is combed: about a face."""
    rows, columns = picture.shape
    return any(
        is_combed(picture[y : y + 120, x : x + 120])
        for y in range(0, rows - 119, 60) for x in range(0, columns - 119, 60)
    )  # fmt: skip


def alarms(path: Path) -> Counter[str]:
    """Return how many frames of a clip are left out, by reason; of every tenth whether a square in it is combed."""
    finder: FaultFinder[int] = FaultFinder()
    counts: Counter[str] = Counter()
    with open_video(path).scan() as frames:
        for number, frame in enumerate(frames):
            counts["frames"] += 1
            counts.update(fault for _, fault in added(finder, number, reduced(frame).pixels, frame.key_frame) if fault)
            if number % 10 == 0 and combed(frame.luma):
                counts["combed"] += 1
    counts.update(fault for _, fault in finder.finish() if fault)
    return counts


# --- smeared faces -------------------------------------------------------------------------------------------------


def smeared_table(video: Path) -> None:
    """Print which looks are taken for smeared, of clear and of smeared ones."""
    context, halves = Context(Settings()), {label.file: label.half for label in eye_labels()}
    columns = {"as they are": (None, 0.0), "coded at CRF 38": (38, 0.0), "a twelfth": (None, 1 / 12),
               "an eighth": (None, 1 / 8)}  # fmt: skip
    print(f"\n{'taken for smeared':24}" + "".join(f"{name:>18}" for name in columns))
    counts: dict[tuple[str, str], list[int]] = {}
    clips = [*sorted((video / "asl").glob("*.mkv")), video / "dance.mp4"]
    for path in clips:
        half = halves.get(str(path.relative_to(video.parent)), "report")
        for name, (crf, share) in columns.items():
            told = smeared_of(context, list(pictures_of(path, crf)), share)
            counts.setdefault((half, name), []).extend(told)
            if share == 0.0 and any(told):
                print(f"  {path.stem} {name}: {sum(told)} of {len(told)}", file=sys.stderr)
    for half in ("tune", "report"):
        rows = [counts[half, name] for name in columns]
        print(f"{half:24}" + "".join(f"{sum(row):>11} of {len(row):<4}" for row in rows))


def pictures_of(path: Path, crf: int | None) -> Iterator[tuple[float, Picture]]:
    """Yield times and pictures of a clip, as it is or coded anew."""
    film = open_video(path)
    with film.scan() as scan:
        wanted = [frame.pts for frame in scan][::3][:30]
    frames = [(frame.time_s or 0.0, frame.pixels) for frame in film.frames(wanted)]
    if crf is None:
        yield from frames
        return
    with tempfile.TemporaryDirectory() as folder:
        coded = Path(folder) / "coded.mp4"
        with av.open(str(coded), "w") as container:
            stream: Any = container.add_stream("libx264", rate=30, options={"crf": str(crf), "g": "250"})
            stream.height, stream.width, stream.pix_fmt = *frames[0][1].shape[:2], "yuv420p"
            for _, pixels in frames:
                container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
            container.mux(stream.encode(None))
        film = open_video(coded)
        with film.scan() as scan:
            wanted = [frame.pts for frame in scan]
        yield from ((time_s, frame.pixels) for (time_s, _), frame in zip(frames, film.frames(wanted), strict=True))


def smeared_of(context: Context, frames: Sequence[tuple[float, Picture]], share: float) -> list[bool]:
    """Return of the largest face of each frame whether it is taken for smeared; of every sixth where it is made so."""
    rng, scored, patches, asked = np.random.default_rng(11), [], [], []
    for number, (time_s, sharp) in enumerate(frames):
        pixels, makes = sharp, share > 0 and number % 6 == 3
        found = context.frame_detector.detect([pixels])[0]
        if makes and found:
            pixels = smeared(sharp, share * max(one.box.width for one in found), float(rng.uniform(0, np.pi)))
            found = context.frame_detector.detect([pixels])[0]
        if not found:
            continue
        face = max(found, key=lambda one: one.box.area)
        face = dataclasses.replace(face, mesh=context.mesher.measure(pixels, face), track=0)
        candidate = Candidate(number, time_s, 0.5, 0)
        scored.append(ScoredFace(candidate, face, picking.score_face(pixels, face, context.settings.pick)))
        patches.append(picking.face_patch(pixels, face))
        asked.append(makes or share == 0)
    judged = picking.judge_persons(scored, patches, context.settings.pick)
    return [one.score.rejected == "smeared" for one, counts in zip(judged, asked, strict=True) if counts]


def smeared(pixels: Picture, length_px: float, angle: float) -> Picture:
    """Return a picture smeared along a line."""
    side = 2 * int(length_px / 2 + 1) + 1
    way = np.array([np.cos(angle), np.sin(angle)]) * length_px / 2
    line = np.zeros((side, side), np.float32)
    places = np.linspace(-1, 1, 8 * side)[:, None] * way + side // 2
    np.add.at(line, tuple(places[:, ::-1].round().astype(int).T), 1.0)
    return np.asarray(cv2.filter2D(pixels, -1, line / line.sum()), np.uint8)
