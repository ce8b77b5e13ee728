"""Time and memory of cards of a soft 1080p clip: ``python -m benchmarks soft_card [--against FOLDER]``.

A dance clip of 576x1024 is enlarged to 1080x1920, as a site or an editor does it, and coded at CRF 26. ``run`` makes
two cards of it in a process of its own, with the default network; ``--against`` (a checkout of an earlier state) is
measured in the same run. Processor seconds count: they depend least on what else the machine does.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

from fancam.media import Picture
from fancam.video import open_video

CLIP, SIZE, FRAMES, CRF = "dance.mp4", (1080, 1920), 150, "26"
CARDS = 2


def soft_clip(source: Path, target: Path) -> None:
    """Encode the first frames of a clip, enlarged bilinearly to ``SIZE``."""
    with av.open(str(target), "w") as container:
        stream = container.add_stream("libx264", rate=30, options={"preset": "veryfast", "crf": CRF})
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = *SIZE, "yuv420p"
        for number, frame in zip(range(FRAMES), open_video(source), strict=False):
            larger: Picture = np.asarray(cv2.resize(frame.pixels, SIZE, interpolation=cv2.INTER_LINEAR), np.uint8)
            shown = av.VideoFrame.from_ndarray(larger, format="rgb24").reformat(format="yuv420p")
            shown.pts, shown.time_base = number, Fraction(1, 30)
            container.mux(stream.encode(shown))
        container.mux(stream.encode(None))


def measure(tree: Path, clip: Path, out: Path, cards: int) -> tuple[float, float, list[str]]:
    """Return processor seconds, peak MiB and how each card was enlarged, of a run with the fancam of a tree."""
    command = [sys.executable, "-m", "fancam", "run", str(clip), "-o", str(out), "--top", str(cards), "-q"]
    process = subprocess.Popen(command, cwd=tree, env={**os.environ, "PYTHONPATH": str(tree)})
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"the run failed: {os.waitstatus_to_exitcode(status)}")
    picks = json.loads((out / "manifest.json").read_text())["picks"]
    made = [f"x{p['enhance']['scale']:.2f} of {p['enhance'].get('true_scale') or 1:.2f}, "
            f"{p['enhance']['fused_frames']} frames" for p in picks]  # fmt: skip
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / (1024**2 if sys.platform == "darwin" else 1024), made


def main(arguments: list[str]) -> None:
    """Print the table."""
    here = Path(__file__).parents[1]
    parser = argparse.ArgumentParser(prog="python -m benchmarks soft_card", description=__doc__)
    parser.add_argument("--videos", type=Path, default=here.parent / "shared" / "data" / "video")
    parser.add_argument("--against", type=Path, help="a checkout of an earlier state, to measure as well")
    options = parser.parse_args(arguments)
    states = {"now": here} if options.against is None else {"before": options.against.resolve(), "now": here}
    with tempfile.TemporaryDirectory() as folder:
        clip = Path(folder) / "soft.mp4"
        soft_clip(options.videos / CLIP, clip)
        print(f"{'':8}{'one card':>10}{'s a card':>10}{'peak MiB':>10}   enlarged", flush=True)
        for name, tree in states.items():
            one, *_ = measure(tree, clip, Path(folder) / f"{name}1", 1)
            two, peak, made = measure(tree, clip, Path(folder) / f"{name}2", CARDS)
            print(f"{name:8}{one:8.1f} s{two - one:10.1f}{peak:10.0f}   {'; '.join(made)}", flush=True)
    print("one card: with start, scan and the search for faces; s a card: what the second one adds")
