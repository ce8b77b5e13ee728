"""Peak memory of the whole job over a short and a long 1080p video: ``python -m benchmarks run_memory``.

The clip is the sample, enlarged to 1080p and repeated. Each job is a process of its own, and the kernel tells the
largest resident size it ever had. The long one takes minutes.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from fractions import Fraction
from pathlib import Path

import av

from benchmarks._clips import repeat

SAMPLE = Path(__file__).parents[1] / "samples" / "stage.mp4"
SAMPLE_S = 10
SHORT_TIMES, LONG_TIMES = 6, 60


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


def peak_mib(path: Path, out: Path, upscaler: str) -> float:
    """Return the peak resident size of a run in a child process."""
    command = [sys.executable, "-m", "fancam", "run", str(path), "-o", str(out), "--top", "2", "-q"]
    process = subprocess.Popen([*command, "--upscaler", upscaler])
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"the run failed: {os.waitstatus_to_exitcode(status)}")
    return usage.ru_maxrss / (1024**2 if sys.platform == "darwin" else 1024)


def main(arguments: list[str]) -> None:
    """Print the peak for both lengths and their ratio."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks run_memory")
    parser.add_argument("--upscaler", default="realesrgan-x4plus")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        clip = Path(folder) / "clip.mp4"
        enlarged(SAMPLE, clip)
        peaks = []
        for times in (SHORT_TIMES, LONG_TIMES):
            path = Path(folder) / f"{times * SAMPLE_S}s.mp4"
            repeat(clip, path, times)
            peaks.append(peak_mib(path, Path(folder) / f"out{times}", options.upscaler))
            print(f"{times * SAMPLE_S:5} s of 1080p30, two cards: peak {peaks[-1]:6.0f} MiB")
        print(f"long ÷ short: {peaks[1] / peaks[0]:.3f}")
