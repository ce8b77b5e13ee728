"""What the picker picks of real clips that were made worse in a known way.

``blur``: all of a clip but five stretches is blurred heavily, and the clip is encoded anew, as sites do: how many of
the picks lie in a clear stretch. Where the stretches lie is drawn by lot, be it that somebody blinks in one.

``heads``: a camera that nods, so that the frame cuts the hair for half of the time: the share of cards whose cut takes
hair, chosen with the term ``head`` and without it, among the picks in whose clip a frame with the whole head has at
least 0.9 of their sharpness.

Nothing was chosen on these clips.
"""

from __future__ import annotations

import argparse
import math
import tempfile
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np

from benchmarks.picking import CUT_SHARE
from fancam.cropping import frame_face
from fancam.geometry import Box
from fancam.jobs.context import Context
from fancam.jobs.find import Found, find_in_video
from fancam.media import Picture
from fancam.paper import card_geometry
from fancam.picking.moments import select
from fancam.picking.scoring import combined, term_weights
from fancam.picking.terms import head_of
from fancam.results import ScoredFace
from fancam.settings import PickSettings, Settings
from fancam.video import Video, open_video

CLIPS = ("asl/sister.mkv", "asl/yes.mkv", "asl/brother.mkv", "asl/please.mkv", "dance.mp4")
ENCODINGS = {
    "H.264, crf 20": ("libx264", {"crf": "20", "preset": "fast"}),
    "H.264, crf 32": ("libx264", {"crf": "32", "preset": "fast"}),
    "H.265, crf 30": ("libx265", {"crf": "30", "preset": "fast", "x265-params": "log-level=none"}),
    "VP9, crf 40": ("libvpx-vp9", {"crf": "40", "b": "0", "deadline": "realtime", "cpu-used": "8"}),
}
STRETCHES = 5
CLEAR_SHARE = 0.3
"""Of the clip's length, in all stretches together."""
BLUR_SHARE = 0.06
"""Standard deviation of the blur, in heights of the face: 5 px of a face of 85 px."""
AT_MOST = 240
"""Frames of a clip: longer ones are cut off."""
NODS = 3
NOD_SHARE = 0.2
"""How far into the head the frame's edge comes, in heights of the head."""
NEAR_SHARPNESS = 0.9
WAYS = {"without the term": "head=0", "**the picker**": ""}


def main(arguments: list[str]) -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks picking_made", description=__doc__)
    parser.add_argument("--only", choices=("blur", "heads"))
    parser.add_argument("--clips", type=int, default=len(CLIPS), help="so many of them")
    parser.add_argument("--encodings", type=int, default=len(ENCODINGS), help="so many of them")
    parser.add_argument("--media", type=Path, default=Path(__file__).parents[2] / "shared", help="holds data/")
    asked = parser.parse_args(arguments)
    context = Context(Settings())
    clips = [asked.media / "data" / "video" / name for name in CLIPS[: asked.clips]]
    if asked.only != "heads":
        _blur(context, clips, dict(list(ENCODINGS.items())[: asked.encodings]))
    if asked.only != "blur":
        _heads(context, clips)


# --- blur ----------------------------------------------------------------------------------------------------------


def _blur(context: Context, clips: list[Path], encodings: dict[str, tuple[str, dict[str, str]]]) -> None:
    print("| clip | encoding | picks | in a clear stretch |\n|---|---|---|---|")
    total = clear_total = 0
    for number, path in enumerate(clips):
        film = open_video(path)
        times, face_px = _times_and_face(context, film)
        clear = _stretches(times, np.random.default_rng(number))

        def blurred(pixels: Picture, index: int, clear: np.ndarray = clear, face_px: float = face_px) -> Picture:
            return pixels if clear[index] else cv2.GaussianBlur(pixels, (0, 0), BLUR_SHARE * face_px)  # type: ignore[return-value]  # uint8 stays

        for name, encoding in encodings.items():
            with tempfile.TemporaryDirectory() as folder:
                found = find_in_video(context, open_video(_written(Path(folder) / "clip.mkv", film, blurred, encoding)))
            picks = [moment.time_s or 0.0 for moment in found.moments]
            hits = sum(bool(clear[int(np.argmin(np.abs(times - time_s)))]) for time_s in picks)
            total, clear_total = total + len(picks), clear_total + hits
            print(f"| {path.stem} | {name} | {len(picks)} | {hits} |")
    print(f"\nin a clear stretch: {clear_total} of {total}\n")


def _times_and_face(context: Context, film: Video) -> tuple[np.ndarray, float]:
    """Return the times of the frames from the start of the first, and the height of the largest face in the middle."""
    with film.scan() as scan:
        times = np.array([frame.time_s for frame in scan])[:AT_MOST]
    middle = film.frame_at(float(times[len(times) // 2]))
    faces = context.frame_detector.detect([middle.pixels])[0]
    return times - times[0], max(face.box.height for face in faces)


def _stretches(times: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return which frames are in one of the clear stretches, each at a random place in its fifth of the clip."""
    fifth = len(times) / STRETCHES
    clear = np.zeros(len(times), bool)
    for number in range(STRETCHES):
        start = fifth * (number + rng.uniform(0, 1 - CLEAR_SHARE))
        clear[round(start) : round(start + CLEAR_SHARE * fifth)] = True
    return clear


def _written(
    path: Path, film: Video, change: Callable[[Picture, int], Picture], encoding: tuple[str, dict[str, str]]
) -> Path:  # fmt: skip
    """Write the frames of a clip, each changed, with their times to the millisecond."""
    codec, options = encoding
    with av.open(str(path), "w") as container:
        stream: Any = None
        for index, (pixels, time_s) in enumerate(_frames(film)):
            changed = np.ascontiguousarray(change(pixels, index))
            changed = changed[: changed.shape[0] // 2 * 2, : changed.shape[1] // 2 * 2]
            if stream is None:
                stream = container.add_stream(codec, rate=30, options=options)
                stream.height, stream.width, stream.pix_fmt = *changed.shape[:2], "yuv420p"
                stream.time_base = stream.codec_context.time_base = Fraction(1, 1000)
            frame = av.VideoFrame.from_ndarray(changed, format="rgb24")
            frame.pts, frame.time_base = round(1000 * time_s), Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def _frames(film: Video) -> Iterator[tuple[Picture, float]]:
    with film.scan() as scan:
        every = [frame.pts for frame in scan][:AT_MOST]
    start_s: float | None = None
    for frame in film.frames(every):
        assert frame.time_s is not None
        start_s = frame.time_s if start_s is None else start_s
        yield frame.pixels, frame.time_s - start_s


# --- heads ---------------------------------------------------------------------------------------------------------


def _heads(context: Context, clips: list[Path]) -> None:
    counts = {way: [0, 0] for way in WAYS}
    for path in clips:
        film = open_video(path)
        with tempfile.TemporaryDirectory() as folder:
            nodding = _nodding(context, film)
            made = open_video(_written(Path(folder) / "clip.mkv", film, nodding, ENCODINGS["H.264, crf 20"]))
            found, size = find_in_video(context, made), (made.info.width, made.info.height)
        for way, weights in WAYS.items():
            for pick in _picks(found, PickSettings(weights=weights)):
                if _whole_head_is_near(pick, found, size):
                    counts[way][0] += 1
                    counts[way][1] += _cut_takes_hair(pick, size)
    print("| chosen | cards, a whole head being at hand | whose cut takes hair | share |\n|---|---|---|---|")
    for way, (cards, cut) in counts.items():
        print(f"| {way} | {cards} | {cut} | {100 * cut / max(cards, 1):.0f} % |")


def _nodding(context: Context, film: Video) -> Callable[[Picture, int], Picture]:
    """Return what cuts the upper part of a frame off, by turns so that the head is whole and that hair is lost."""
    middle = film.frame_at((film.info.duration_s or 1.0) / 2).pixels
    head = head_of(max(context.frame_detector.detect([middle])[0], key=lambda face: face.box.area))
    height = middle.shape[0] - math.ceil(max(head.y0, 0) + NOD_SHARE * head.height)

    def nod(pixels: Picture, index: int) -> Picture:
        share = 0.5 - 0.5 * math.cos(2 * math.pi * NODS * index / AT_MOST * 2)
        top = round(max(head.y0, 0) * (1 - share) + share * (head.y0 + NOD_SHARE * head.height))
        return pixels[max(top, 0) :][:height]

    return nod


def _picks(found: Found, settings: PickSettings) -> list[ScoredFace]:
    weighed = []
    for one in found.looked_at:
        value = 0.0 if one.score.rejected else combined(one.score.why, term_weights(settings))
        weighed.append(ScoredFace(one.candidate, one.face, type(one.score)(value, one.score.why, one.score.rejected)))
    return select(weighed, settings)


def _whole_head_is_near(pick: ScoredFace, found: Found, size: tuple[int, int]) -> bool:
    least = NEAR_SHARPNESS * (pick.score.why["sharpness"] or 0.0)
    return any(
        one.score.rejected is None and (one.score.why["sharpness"] or 0.0) >= least
        and not _taken(one, Box(0, 0, *size))
        for one in found.looked_at
    )  # fmt: skip


def _cut_takes_hair(pick: ScoredFace, size: tuple[int, int]) -> bool:
    crop = frame_face(pick.face, *size, card_geometry(Settings().card), Settings().crop)
    return _taken(pick, crop.trim.clipped(*size))


def _taken(one: ScoredFace, shown: Box) -> bool:
    head = head_of(one.face)
    inside = Box(max(head.x0, shown.x0), max(head.y0, shown.y0), min(head.x1, shown.x1), min(head.y1, shown.y1))
    return 1 - max(inside.width, 0) * max(inside.height, 0) / head.area > CUT_SHARE
