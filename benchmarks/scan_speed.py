"""Speed of the scan as a share of bare decoding: ``python -m benchmarks scan_speed [--4k]``.

All rows decode the same clip in the same process, in interleaved rounds; the ratio to bare decoding is what counts.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import av
import cv2
import numpy as np
import numpy.typing as npt

from benchmarks._clips import repeat, write_grainy
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
    """Scan, search for faces about once a second, and score: all that the main job does in its first pass."""
    settings = replace(FaceSettings(), min_face_px=ScanSettings().probe_min_face_px)
    detector = create_detector(settings, ModelStore(), long_edges_px=(ScanSettings().probe_long_edge_px,))
    return _shortlisted(path, lambda grey: detector.detect([np.repeat(grey[:, :, None], 3, axis=2)])[0])


def _shortlisted(path: Path, probe: Callable[[Grey], list[Face]] | None) -> int:
    with open_video(path).scan() as frames:
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


ROWS: dict[str, Callable[[Path], int]] = {
    "decode only": decode_only,
    "scan (luma view)": our_scan,
    "scan + shortlist": scan_and_shortlist,
    "scan + shortlist + faces": whole_first_pass,
    "BGR, Laplacian CV_64F": usual_recipe,
    "cv2.VideoCapture": opencv_capture,
}


def measure(title: str, path: Path) -> None:
    """Print one table."""
    speeds: dict[str, list[float]] = {name: [] for name in ROWS}
    for _ in range(ROUNDS):
        for name, work in ROWS.items():
            start = time.perf_counter()
            count = work(path)
            speeds[name].append(count / (time.perf_counter() - start))
    print(f"\n{title}\n{'':26}{'frames/s':>10}{'÷ decode only':>16}")
    for name, each in speeds.items():
        ratio = statistics.median(s / d for s, d in zip(each, speeds["decode only"], strict=True))
        print(f"{name:26}{statistics.median(each):10.1f}{ratio:16.2f}")


def main(arguments: list[str]) -> None:
    """Make the clips in a temporary folder and print the tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks scan_speed")
    parser.add_argument("--frames", type=int, default=300, help="of the clip, which is shown --times times")
    parser.add_argument("--times", type=int, default=3)
    parser.add_argument("--4k", dest="four_k", action="store_true", help="measure 2160p HEVC 10 bit as well")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        clip = Path(folder) / "1080p60.mp4"
        write_grainy(
            clip, width=1920, height=1080, frames=options.frames, codec="libx264", pixel_format="yuv420p", rate="12M"
        )
        rate = clip.stat().st_size * 8 * 60 / options.frames / 1e6
        shown = Path(folder) / "shown.mp4"
        repeat(clip, shown, options.times)
        measure(f"1080p60 H.264, {rate:.0f} Mbit/s, {options.frames * options.times} frames", shown)
        if options.four_k:
            clip = Path(folder) / "2160p60.mp4"
            write_grainy(
                clip, width=3840, height=2160, frames=60, codec="libx265", pixel_format="yuv420p10le", rate="40M"
            )
            measure("2160p60 HEVC 10 bit", clip)
