"""Speed of the first pass as a multiple of decoding every frame: ``python -m benchmarks scan_speed [--4k]``.

All rows go over the same clip in the same process, in interleaved rounds. What counts is the time of decoding every
frame over the time of the row: by the clock, and by the seconds of all threads on a processor, which other load on the
machine hardly changes. The clips are made here: a wandering texture under film grain, of which the encoder makes few
B-frames, and ``dance.mp4`` enlarged and shown at 60 frames a second, with the encoder's usual B-frames, half of which
no other frame refers to. No constant was chosen on them.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import av
import cv2
import numpy as np
import numpy.typing as npt

from benchmarks._clips import repeat, write_enlarged, write_grainy
from fancam.faces import create_detector
from fancam.nn import ModelStore
from fancam.picking import Shortlist
from fancam.results import Face
from fancam.settings import FaceSettings, ScanSettings
from fancam.video import open_video
from fancam.video.container import thread_count

Grey = npt.NDArray[np.uint8]
ROUNDS = 3
TOP = 8


def decode_only(path: Path) -> int:
    """Decode and look at nothing, with the threads that the scan has."""
    count = 0
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        stream.codec_context.thread_count = thread_count(None)
        for _ in container.decode(stream):
            count += 1
    return count


def our_scan(path: Path) -> int:
    """Take the luma view of every frame."""
    with open_video(path).scan() as frames:
        return sum(frame.luma.shape[0] > 0 for frame in frames)


def scan_and_shortlist(path: Path) -> int:
    """Scan and score, with no face search: the middle of the frame stands in for a face."""
    return _shortlisted(path, None)


def whole_first_pass(path: Path) -> int:
    """Scan every frame, search for faces about once a second, leave faults out, and score."""
    return _shortlisted(path, _probe())


def references_only(path: Path) -> int:
    """Do the same, but pass over frames that no other one refers to: the first pass of the main job."""
    return _shortlisted(path, _probe(), ScanSettings().least_fps)


@cache
def _probe() -> Callable[[Grey], list[Face]]:
    settings = replace(FaceSettings(), min_face_px=ScanSettings().probe_min_face_px)
    detector = create_detector(settings, ModelStore(), long_edges_px=(ScanSettings().probe_long_edge_px,))
    return lambda grey: detector.detect([np.repeat(grey[:, :, None], 3, axis=2)])[0]


def _shortlisted(path: Path, probe: Callable[[Grey], list[Face]] | None, least_fps: float | None = None) -> int:
    with open_video(path).scan(least_fps=least_fps) as frames:
        shortlist = Shortlist(ScanSettings(), TOP, probe, frames.info.duration_s)
        for frame in frames:
            shortlist.add(frame)
    shortlist.finish()
    return frames.report.frames_scanned


def usual_recipe(path: Path) -> int:
    """BGR of every frame, grey, Laplacian in float64, variance: what tools of this kind do."""
    count = 0
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        for frame in container.decode(stream):
            grey = cv2.cvtColor(frame.to_ndarray(format="bgr24"), cv2.COLOR_BGR2GRAY)
            cv2.Laplacian(grey, cv2.CV_64F).var()
            count += 1
    return count


def opencv_capture(path: Path) -> int:
    """Read every frame with OpenCV and look at nothing."""
    capture, count = cv2.VideoCapture(str(path)), 0
    while capture.read()[0]:
        count += 1
    capture.release()
    return count


DECODE = "decode every frame"
ROWS: dict[str, Callable[[Path], int]] = {
    DECODE: decode_only,
    "scan (luma view)": our_scan,
    "scan + shortlist": scan_and_shortlist,
    "all of pass 1, every frame": whole_first_pass,
    "all of pass 1, as it is": references_only,
}
RIVALS = {"BGR, Laplacian CV_64F": usual_recipe, "cv2.VideoCapture": opencv_capture}


def measure(title: str, path: Path, rounds: int, rows: dict[str, Callable[[Path], int]]) -> None:
    """Print one table."""
    seconds: dict[str, list[tuple[float, float]]] = {name: [] for name in rows}
    seen = {}
    _probe()
    for _ in range(rounds):
        for name, work in rows.items():
            start, used = time.perf_counter(), time.process_time()
            seen[name] = work(path)
            seconds[name].append((time.perf_counter() - start, time.process_time() - used))
    count = seen[DECODE]
    print(f"\n{title}, {count} frames, {thread_count(None)} decoder threads")
    print("time of decoding every frame ÷ time of the row")
    print(f"{'':28}{'looked at':>10}{'frames/s':>10}{'by the clock':>14}{'by processor':>14}")
    for name, each in seconds.items():
        clock, processor = (
            statistics.median(decode[kind] / row[kind] for decode, row in zip(seconds[DECODE], each, strict=True))
            for kind in (0, 1)
        )
        speed = statistics.median(count / row[0] for row in each)
        print(f"{name:28}{seen[name]:10}{speed:10.1f}{clock:14.2f}{processor:14.2f}", flush=True)


def main(arguments: list[str]) -> None:
    """Make the clips in a temporary folder and print the tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks scan_speed", description=__doc__)
    parser.add_argument("--frames", type=int, default=300, help="of the 1080p clips, which are shown --times times")
    parser.add_argument("--times", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--4k", dest="four_k", action="store_true", help="measure 2160p HEVC 10 bit as well")
    parser.add_argument("--rivals", action="store_true", help="measure what tools of this kind do as well")
    parser.add_argument("--media", type=Path, default=Path(__file__).parents[2] / "shared", help="holds data/")
    asked = parser.parse_args(arguments)
    rows = ROWS | RIVALS if asked.rivals else ROWS
    dance = asked.media / "data" / "video" / "dance.mp4"
    usual = {"codec": "libx264", "pixel_format": "yuv420p", "rate": "12M"}
    deep = {"codec": "libx265", "pixel_format": "yuv420p10le", "rate": "40M"}
    with tempfile.TemporaryDirectory() as folder:
        clip, shown = Path(folder) / "clip.mp4", Path(folder) / "shown.mp4"
        write_enlarged(dance, clip, height=1920, frames=asked.frames, **usual)
        repeat(clip, shown, asked.times)
        measure("dance, 1080p60 H.264", shown, asked.rounds, rows)
        write_grainy(clip, width=1920, height=1080, frames=asked.frames, **usual)
        repeat(clip, shown, asked.times)
        measure("grain, 1080p60 H.264", shown, asked.rounds, rows)
        if asked.four_k:
            write_enlarged(dance, clip, height=3840, frames=60, **deep)
            measure("dance, 2160p60 HEVC 10 bit", clip, asked.rounds, rows)
            write_grainy(clip, width=3840, height=2160, frames=60, **deep)
            measure("grain, 2160p60 HEVC 10 bit", clip, asked.rounds, rows)
