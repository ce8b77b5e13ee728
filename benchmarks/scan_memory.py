"""Peak memory of the scan over a short and a long video: ``python -m benchmarks scan_memory``.

Each scan runs in a process of its own, and the kernel tells the largest resident size it ever had.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks._clips import repeat, write_grainy
from fancam.settings import ScanSettings
from fancam.video import open_video

SHORT_S, TIMES = 60, 10


def scan_once(path: Path, with_shortlist: bool) -> None:
    """Scan a file in this process and print the frames seen and the peak resident size in KiB."""
    shortlist: Any = None
    with open_video(path).scan() as frames:
        if with_shortlist:
            from fancam.picking import Shortlist

            shortlist = Shortlist(ScanSettings(), 8, None, frames.info.duration_s)
        for frame in frames:
            if shortlist is not None:
                shortlist.add(frame)
    if shortlist is not None:
        shortlist.finish()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(frames.report.frames_scanned, peak // (1024 if sys.platform == "darwin" else 1))


def peak_of(path: Path, *, with_shortlist: bool) -> tuple[int, float]:
    """Return (frames, peak MiB) of a scan in a child process."""
    command = [sys.executable, "-m", "benchmarks", "scan_memory", "--child", str(path)]
    command += ["--shortlist"] if with_shortlist else []
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    frames, kib = done.stdout.split()
    return int(frames), int(kib) / 1024


def main(arguments: list[str]) -> None:
    """Print the peak for both lengths and their ratio."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks scan_memory")
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--shortlist", action="store_true", help="score the frames as well")
    options = parser.parse_args(arguments)
    if options.child:
        scan_once(options.child, options.shortlist)
        return
    with tempfile.TemporaryDirectory() as folder:
        second, short, long = (Path(folder) / f"{name}.mp4" for name in ("second", "short", "long"))
        write_grainy(second, width=1920, height=1080, frames=60, codec="libx264", pixel_format="yuv420p", rate="4M")
        repeat(second, short, SHORT_S)
        repeat(short, long, TIMES)
        peaks = []
        print(f"{'':8}{'frames':>8}{'peak MiB':>10}")
        for name, path in ((f"{SHORT_S} s", short), (f"{SHORT_S * TIMES} s", long)):
            frames, peak = peak_of(path, with_shortlist=options.shortlist)
            peaks.append(peak)
            print(f"{name:8}{frames:8}{peak:10.0f}")
        print(f"long ÷ short: {peaks[1] / peaks[0]:.3f}")
