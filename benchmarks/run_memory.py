"""Peak memory of the whole job: ``python -m benchmarks run_memory``.

Large faces: a real phone's clip of a face that is 766 px high, laid upright on 1080x1920 (mirrored above and below) and
enlarged to 2160x3840, and its middle at 604x604, as sites keep it. Length: the sample, enlarged to 1080p and repeated
to a minute and to ten. Each job is a process of its own, and the kernel tells the largest resident size it ever had.
The long one takes minutes, and so does a network.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

from benchmarks._clips import repeat
from fancam.media import Picture
from fancam.video import open_video

SAMPLE = Path(__file__).parents[1] / "samples" / "stage.mp4"
SAMPLE_S = 10
SHORT_TIMES, LONG_TIMES = 6, 60
SELFIE = "phone_selfie.mp4"
FACES = {"604x604": (604, 604), "1080x1920": (1080, 1920), "2160x3840": (2160, 3840)}
"""Size of a clip of one large face, (width, height)."""


def enlarged(source: Path, target: Path) -> None:
    """Encode a clip at 1920x1080."""
    with av.open(str(source)) as given, av.open(str(target), "w") as container:
        stream = container.add_stream("libx264", rate=30, options={"preset": "veryfast", "crf": "20", "bf": "0"})
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = 1920, 1080, "yuv420p"
        for number, frame in enumerate(given.decode(video=0)):
            larger = frame.reformat(1920, 1080, "yuv420p")
            larger.pts, larger.time_base = number, Fraction(1, 30)
            container.mux(stream.encode(larger))
        container.mux(stream.encode(None))


def with_large_face(source: Path, target: Path, size: tuple[int, int]) -> None:
    """Encode a phone's upright clip at a size, its width filled, mirrored or cut above and below."""
    width, height = size
    with av.open(str(target), "w") as container:
        stream = container.add_stream("libx264", rate=30, options={"preset": "veryfast", "crf": "20"})
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for number, frame in enumerate(open_video(source)):
            tall = round(width * frame.height / frame.width)
            pixels = cv2.resize(frame.pixels, (width, tall), interpolation=cv2.INTER_CUBIC)
            beyond, cut = max(height - tall, 0), max(tall - height, 0)
            above = beyond // 2
            pixels = cv2.copyMakeBorder(pixels, above, beyond - above, 0, 0, cv2.BORDER_REFLECT)
            shown_pixels: Picture = np.ascontiguousarray(pixels[cut // 2 :][:height], np.uint8)
            shown = av.VideoFrame.from_ndarray(shown_pixels, format="rgb24").reformat(format="yuv420p")
            shown.pts, shown.time_base = number, Fraction(1, 30)
            container.mux(stream.encode(shown))
        container.mux(stream.encode(None))


def peak_mib(path: Path, out: Path, upscaler: str) -> float:
    """Return the peak resident size of a run in a child process."""
    command = [sys.executable, "-m", "fancam", "run", str(path), "-o", str(out), "--top", "2", "-q"]
    process = subprocess.Popen([*command, "--upscaler", upscaler])
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"the run failed: {os.waitstatus_to_exitcode(status)}")
    return usage.ru_maxrss / (1024**2 if sys.platform == "darwin" else 1024)


def print_faces(videos: Path, folder: Path, sizes: Sequence[str], upscaler: str) -> None:
    """Print the peak and the time for a clip of each size with one large face."""
    for name in sizes:
        clip = folder / f"{name}.mp4"
        with_large_face(videos / SELFIE, clip, FACES[name])
        start = time.perf_counter()
        peak = peak_mib(clip, folder / f"out{name}", upscaler)
        print(f"{name:>9}, one large face, two cards, {upscaler}: peak {peak:6.0f} MiB, "
              f"{time.perf_counter() - start:5.0f} s", flush=True)  # fmt: skip


def print_lengths(folder: Path, upscaler: str) -> None:
    """Print the peak for a short and a long clip, and their ratio."""
    clip = folder / "clip.mp4"
    enlarged(SAMPLE, clip)
    peaks = []
    for times in (SHORT_TIMES, LONG_TIMES):
        path = folder / f"{times * SAMPLE_S}s.mp4"
        repeat(clip, path, times)
        peaks.append(peak_mib(path, folder / f"out{times}", upscaler))
        print(f"{times * SAMPLE_S:5} s of 1080p30, two cards, {upscaler}: peak {peaks[-1]:6.0f} MiB", flush=True)
    print(f"long ÷ short: {peaks[1] / peaks[0]:.3f}")


def main(arguments: list[str]) -> None:
    """Print the peaks."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks run_memory", description=__doc__)
    parser.add_argument("--upscaler", default="realesrgan-x4plus")
    parser.add_argument("--videos", type=Path, default=Path(__file__).parents[2] / "shared" / "data" / "video")
    parser.add_argument("--faces", nargs="*", choices=list(FACES), default=list(FACES), help="sizes of the large faces")
    parser.add_argument("--no-lengths", action="store_true", help="only the large faces")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        print_faces(options.videos, Path(folder), options.faces, options.upscaler)
        if not options.no_lengths:
            print_lengths(Path(folder), options.upscaler)
