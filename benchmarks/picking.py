"""What the picker sees in a face, and what it picks, against labels made by eye.

``eyes``: how well closed and half closed eyes are told from open ones, by the eyes judged beside the person's own, by
the same with what is usual of people in general, and by rivals from the same landmarks. Of a clip 24 frames and the
labelled ones tell what is usual of its person.

``covered``: hands (ellipses in the colour of the person's skin), microphones and bits of dark paper are drawn over
every sixth look at a face; each is compared with its clear neighbour, the nearest in time that nothing was drawn on and
that no gate rejects for anything else: the share that has the lower score.

``picks``: the six best moments of every clip with labels, by the picker, by the picker without the terms that need
dense landmarks, and by the sharpest face: how many have shut, half shut or covered eyes or faces by the nearest label,
lie in a stretch that an eye judged bad, or show a head that the frame cuts.

``speed``: milliseconds a face for the landmarks, and the share of each stage in ``find``.

The people of the half ``tune`` were looked at when constants were chosen, those of ``report`` were not.
"""

from __future__ import annotations

import argparse
import dataclasses
import statistics
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from benchmarks._eye_labels import EyeLabel, eye_labels, moment_labels
from fancam import picking
from fancam.facemesh import FaceMesh
from fancam.jobs.context import Context
from fancam.jobs.find import find_in_video
from fancam.media import Picture
from fancam.picking.moments import select
from fancam.picking.persons import judge_persons, usual_blink
from fancam.picking.scoring import combined, term_weights
from fancam.picking.terms import closedness, head_of
from fancam.pictures import looks_like_picture, open_picture
from fancam.results import Candidate, Face, ScoredFace
from fancam.settings import PickSettings, Settings
from fancam.video import Video, open_video

LOOKS = 24
EVERY = 6
NEAR_S = 0.07
CUT_SHARE = 0.02
"""A head of which the frame cuts more than this is cut."""


def main(arguments: list[str]) -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks picking", description=__doc__)
    parser.add_argument("--only", choices=("eyes", "covered", "picks", "speed"))
    parser.add_argument("--quick", action="store_true", help="draw on three clips of each half only")
    parser.add_argument("--media", type=Path, default=Path(__file__).parents[2] / "shared", help="holds data/")
    asked = parser.parse_args(arguments)
    context, data = Context(Settings()), asked.media / "data"
    tables: dict[str, Callable[[Context, Path], None]] = {
        "eyes": _eyes,
        "covered": partial(_covered, quick=asked.quick),
        "picks": _picks,
        "speed": _speed,
    }
    for name, table in tables.items():
        if asked.only in (None, name):
            print(f"\n## {name}\n")
            table(context, data)


# --- eyes ----------------------------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True, slots=True)
class _Look:
    mesh: FaceMesh
    label: EyeLabel | None


def _eyes(context: Context, data: Path) -> None:
    scores: dict[str, list[tuple[EyeLabel, float]]] = {}
    ways: dict[str, Callable[[FaceMesh, float], float]] = {
        "**beside the person's own**": closedness,
        "beside people in general": lambda mesh, _: closedness(mesh),
        "blink of the more open eye": lambda mesh, _: min(mesh.blinks),
        "aspect ratio of the lids": lambda mesh, _: -_lid_ratio(mesh),
    }
    for file in sorted({label.file for label in eye_labels()}):
        looks = _looks(context, data, file)
        blinks = [float(np.mean(look.mesh.blinks)) for look in looks]
        usual = usual_blink(blinks if file.startswith("video/") else [])
        for look in looks:
            if look.label is not None:
                for way, measure in ways.items():
                    scores.setdefault(way, []).append((look.label, measure(look.mesh, usual)))
    print("| eyes told by | half | closed to open | half closed to open | faces |\n|---|---|---|---|---|")
    for way, found in scores.items():
        for half in ("tune", "report"):
            by = {eyes: [s for label, s in found if label.half == half and label.eyes == eyes]
                  for eyes in ("open", "half", "closed")}  # fmt: skip
            counts = " + ".join(f"{len(values)} {eyes}" for eyes, values in by.items())
            closed, half_closed = auc(by["closed"], by["open"]), auc(by["half"], by["open"])
            print(f"| {way} | {half} | {closed:.3f} | {half_closed:.3f} | {counts} |")


def _looks(context: Context, data: Path, file: str) -> list[_Look]:
    labels = [label for label in eye_labels() if label.file == file]
    found = []
    for pts, pixels in _frames(data / file, {label.pts for label in labels if label.pts is not None}):
        here = [label for label in labels if label.pts == pts]
        detector = context.photo_detector if pts is None else context.frame_detector
        for face in detector.detect([pixels])[0]:
            mesh = context.mesher.measure(pixels, face)
            label = next((one for one in here if one.face.iou(face.box) > 0.5), None)
            # Two people are in the frames of one clip, who are not told apart here: unlabelled looks are of the first.
            if mesh is not None and (label is not None or not here):
                found.append(_Look(mesh, label))
    return found


def _frames(path: Path, wanted: set[int]) -> Iterator[tuple[int | None, Picture]]:
    if looks_like_picture(path):
        yield None, open_picture(path).srgb()
        return
    video = open_video(path)
    with video.scan() as scan:
        every = [frame.pts for frame in scan]
    for frame in video.frames(sorted(wanted | set(every[:: max(len(every) // LOOKS, 1)]))):
        yield frame.pts, frame.pixels


def _lid_ratio(mesh: FaceMesh) -> float:
    """Return height over width of the eyes (Soukupova and Cech, 2016), by three pairs of lid points each."""
    p = mesh.points[:, :2]

    def ratio(pairs: tuple[tuple[int, int], ...], corners: tuple[int, int]) -> float:
        heights = [float(np.linalg.norm(p[a] - p[b])) for a, b in pairs]
        return statistics.mean(heights) / max(float(np.linalg.norm(p[corners[0]] - p[corners[1]])), 1e-6)

    left = ratio(((159, 145), (158, 153), (160, 144)), (33, 133))
    right = ratio(((386, 374), (385, 380), (387, 373)), (362, 263))
    return (left + right) / 2


def auc(higher: list[float], lower: list[float]) -> float:
    """Return the share of pairs in which the first is the larger, ties half."""
    if not higher or not lower:
        return float("nan")
    a, b = np.array(higher)[:, None], np.array(lower)
    return float((a > b).mean() + 0.5 * (a == b).mean())


# --- covered -------------------------------------------------------------------------------------------------------


def _covered(context: Context, data: Path, *, quick: bool) -> None:
    kinds = {"hand": _draw_hand, "microphone": _draw_microphone, "paper": _draw_paper}
    print("| over the face | half | covered looks | lose to their clear neighbour | term `visible`, covered | clear |")
    print("|---|---|---|---|---|---|")
    halves = {label.file: label.half for label in eye_labels() if label.file.startswith("video/asl/")}
    halves["video/dance.mp4"] = "report"
    for kind, draw in kinds.items():
        for half in ("tune", "report"):
            lost, covered_terms, clear_terms, number = 0, [], [], 0
            files = sorted(name for name, one in halves.items() if one == half)
            for file in files[-3:] if quick else files:
                for covered, clear in _composites(context, open_video(data / file), draw):
                    number += 1
                    lost += covered.score.value < clear.score.value
                    covered_terms.append(covered.score.why["visible"] or 0.0)
                    clear_terms.append(clear.score.why["visible"] or 0.0)
            print(f"| {kind} | {half} | {number} | {100 * lost / max(number, 1):.0f} % | "
                  f"{statistics.median(covered_terms):.2f} | {statistics.median(clear_terms):.2f} |")  # fmt: skip


def _composites(
    context: Context, video: Video, draw: Callable[[Picture, Face, np.random.Generator], None]
) -> Iterator[tuple[ScoredFace, ScoredFace]]:
    """Yield looks at the largest face that were drawn on, each with the nearest that was not and is not rejected."""
    rng = np.random.default_rng(7)
    scored, patches, drawn = [], [], []
    with video.scan() as scan:
        every = [frame.pts for frame in scan]
    settings = context.settings.pick
    for number, frame in enumerate(video.frames(every[:: max(len(every) // 36, 1)])):
        found = context.frame_detector.detect([frame.pixels])[0]
        if not found:
            continue
        pixels, covers = frame.pixels.copy(), number % EVERY == EVERY - 1
        if covers:
            draw(pixels, max(found, key=lambda one: one.box.area), rng)
            found = context.frame_detector.detect([pixels])[0] or found
        face = max(found, key=lambda one: one.box.area)
        face = dataclasses.replace(face, mesh=context.mesher.measure(pixels, face), track=0)
        assert frame.pts is not None and frame.time_s is not None
        candidate = Candidate(frame.pts, frame.time_s, 0.5, 0)
        scored.append(ScoredFace(candidate, face, picking.score_face(pixels, face, settings)))
        patches.append(picking.face_patch(pixels, face))
        drawn.append(covers)
    judged = judge_persons(scored, patches, settings)
    clear = [one for one, covers in zip(judged, drawn, strict=True) if not covers and one.score.rejected is None]
    for own, covers in zip(judged, drawn, strict=True):
        if covers and clear:
            near = min(clear, key=lambda one: abs(one.candidate.time_s - own.candidate.time_s))
            if near.score.why["visible"] is not None:
                yield own, near


def _draw_hand(pixels: Picture, face: Face, rng: np.random.Generator) -> None:
    """Draw a palm with four fingers over part of a face, as light as the cheek, with the shadow of its edge."""
    box, at = face.box, face.landmarks[3 if rng.random() < 0.5 else 4]
    colour = np.median(pixels[box.grown(-0.3).as_slices()].reshape(-1, 3), axis=0) * rng.uniform(0.9, 1.1)
    shade, tint = tuple(0.6 * colour), tuple(np.clip(colour, 0, 255))
    size = box.width
    palm = (int(at[0]), int(at[1] + 0.15 * size))
    parts = [(palm, (int(0.3 * size), int(0.25 * size)), 0.0)]
    for finger in range(4):
        centre = (int(palm[0] + (finger - 1.5) * 0.16 * size), int(palm[1] - 0.32 * size))
        parts.append((centre, (int(0.075 * size), int(0.24 * size)), float(rng.uniform(-8, 8))))
    for centre, axes, angle in parts:
        cv2.ellipse(pixels, centre, tuple(one + 1 for one in axes), angle, 0, 360, shade, -1, cv2.LINE_AA)
        cv2.ellipse(pixels, centre, axes, angle, 0, 360, tint, -1, cv2.LINE_AA)


def _draw_microphone(pixels: Picture, face: Face, rng: np.random.Generator) -> None:
    """Draw a black handle with a round grey head before the mouth."""
    (ax, ay), (bx, by) = face.landmarks[3], face.landmarks[4]
    size, centre = face.box.width, (int((ax + bx) / 2), int((ay + by) / 2))
    side = 1 if rng.random() < 0.5 else -1
    end = (int(centre[0] + side * 0.5 * size), int(centre[1] + 0.9 * size))
    cv2.line(pixels, centre, end, (25, 25, 28), max(int(0.14 * size), 2), cv2.LINE_AA)
    cv2.circle(pixels, centre, int(0.17 * size), (70, 70, 74), -1, cv2.LINE_AA)


def _draw_paper(pixels: Picture, face: Face, rng: np.random.Generator) -> None:
    """Draw a dark bit of paper on the forehead, a twelfth of the face wide."""
    (ax, ay), (bx, by) = face.landmarks[0], face.landmarks[1]
    size = face.box.width
    centre = ((ax + bx) / 2 + rng.uniform(-0.15, 0.15) * size, (ay + by) / 2 - rng.uniform(0.2, 0.3) * size)
    corners = cv2.boxPoints((centre, (size / 10, size / 14), float(rng.uniform(0, 90)))).astype(np.int32)
    cv2.fillPoly(pixels, [corners], (40, 20, 60), cv2.LINE_AA)


# --- picks ---------------------------------------------------------------------------------------------------------


def _picks(context: Context, data: Path) -> None:
    print("| picked by | half | picks | shut | half shut | covered | in a bad stretch | head cut |")
    print("|---|---|---|---|---|---|---|---|")
    halves = {label.file: label.half for label in eye_labels() if label.file.startswith("video/")}
    ways = {
        "**the picker**": "",
        "without the dense landmarks": "eyes=0,visible=0,mouth=0,smile=0,head=0",
        "the sharpest face": "eyes=0,visible=0,mouth=0,smile=0,head=0,pose=0,exposure=0,face_size=0,confidence=0",
    }
    found = {file: find_in_video(context, open_video(data / file)).looked_at for file in halves}
    for way, weights in ways.items():
        settings = PickSettings(top=6, weights=weights)
        for half in ("tune", "report"):
            counts = dict.fromkeys(("picks", "closed", "half", "covered", "bad", "cut"), 0)
            for file in sorted(name for name, one in halves.items() if one == half):
                width, height = (lambda info: (info.width, info.height))(open_video(data / file).info)
                for pick in select([_reweighed(one, settings) for one in found[file]], settings):
                    counts["picks"] += 1
                    for fault in _faults(file, pick, width, height):
                        counts[fault] += 1
            print(f"| {way} | {half} | " + " | ".join(str(count) for count in counts.values()) + " |")


def _reweighed(one: ScoredFace, settings: PickSettings) -> ScoredFace:
    rejected = None if one.score.rejected == "eyes_closed" and "eyes=0" in settings.weights else one.score.rejected
    value = 0.0 if rejected else combined(one.score.why, term_weights(settings))
    return dataclasses.replace(one, score=dataclasses.replace(one.score, value=value, rejected=rejected))


def _faults(file: str, pick: ScoredFace, width: int, height: int) -> Iterator[str]:
    time_s = pick.candidate.time_s
    near = [
        label
        for label in eye_labels()
        if label.file == file and label.time_s is not None and abs(label.time_s - time_s) < NEAR_S
        and label.face.iou(pick.face.box) > 0.3
    ]  # fmt: skip
    label = min(near, key=lambda one: abs((one.time_s or 0.0) - time_s), default=None)
    if label is not None and label.eyes in ("closed", "half"):
        yield label.eyes
    if label is not None and label.occlusion != "none":
        yield "covered"
    if any(one.file == file and one.verdict == "bad" and one.from_s <= time_s <= one.to_s for one in moment_labels()):
        yield "bad"
    head = head_of(pick.face)
    if 1 - head.clipped(width, height).area / head.area > CUT_SHARE:
        yield "cut"


# --- speed ---------------------------------------------------------------------------------------------------------


def _speed(context: Context, data: Path) -> None:
    video = open_video(data / "video/dance.mp4")
    frame = video.frame_at(3.0)
    face = context.frame_detector.detect([frame.pixels])[0][0]
    context.mesher.measure(frame.pixels, face)
    times = []
    for _ in range(60):
        start = time.perf_counter()
        context.mesher.measure(frame.pixels, face)
        times.append(time.perf_counter() - start)
    print(f"landmarks: {1000 * statistics.median(times):.1f} ms a face (aim 15)")
