"""Whether damaged frames are picked: ``python -m benchmarks picking_damage``.

Four clips of the shared media (``asl/brother``, ``asl/sorry``, ``asl/walk``, ``dance`` from frame 300 on: a square
around the face, 48 frames) are encoded by four codecs, and each file is mutated by program behind its first tenth: bits
flipped (3, 12 or 60), 200 bytes overwritten by zeros, 300 bytes taken out, or the end cut off. Of each file the six
best moments are picked in a process that is stopped when a file takes ``HANG_S`` seconds.

A frame is damaged where its pixels are not those of any frame of the whole file, by hash. Whole frames are picked
(``--no-faces``): the guard is the scan, and a face detector would only hide from it. Counted are the files with damage
that decodes or with frames lost, and of these the ones of which the decoder reports nothing; of the frames that the
scan hands on as sound the damaged ones; of the picks the damaged ones, in a group of pictures in which the decoder
reports something (frames of it are not handed on) and in others; files that end in one clear error; crashes (a signal,
or an exception that is none of ours), and hangs. Nothing was tuned on them.
"""

from __future__ import annotations

import argparse
import bisect
import hashlib
import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import av
import numpy as np

from fancam.errors import FancamError
from fancam.jobs.context import Context
from fancam.jobs.find import find_in_video
from fancam.jobs.scanning import decoder_threads
from fancam.media import Picture
from fancam.settings import PickSettings, Settings
from fancam.video import Video, open_video

HANG_S = 60.0
FRAMES = 48
CLIPS = {
    "asl/brother.mkv": (0, (160, 40)),
    "asl/sorry.mkv": (0, (160, 40)),
    "asl/walk.mkv": (0, (160, 40)),
    "dance.mp4": (300, (128, 100)),
}
"""First frame, and the corner of a square of 320 px."""
CODECS = {
    "h264": ("libx264", ".mp4", {"crf": "24", "g": "12", "bf": "2", "preset": "fast"}),
    "hevc": ("libx265", ".mp4", {"crf": "26", "g": "12", "preset": "fast", "x265-params": "log-level=none:keyint=12"}),
    "vp9": ("libvpx-vp9", ".webm", {"crf": "36", "b": "0", "g": "12", "cpu-used": "8"}),
    "av1": ("libsvtav1", ".mp4", {"crf": "38", "g": "12", "preset": "12"}),
}
MUTATIONS = ("3 bits", "12 bits", "60 bits", "zeros", "taken out", "cut off")
COLUMNS = {
    "files": "files", "harmed": "with damage", "unreported": "nothing reported", "sound": "frames handed on",
    "spoilt": "of them damaged", "picks": "picks", "damaged": "damaged, group reported",
    "silent": "damaged, nothing reported", "errors": "clear errors", "crashes": "crashes", "hangs": "hangs",
}  # fmt: skip


def main(arguments: list[str]) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks picking_damage", description=__doc__)
    parser.add_argument("--files", type=int, default=200, help="in all, over the codecs")
    parser.add_argument("--media", type=Path, default=Path(__file__).parents[2] / "shared", help="holds data/")
    parser.add_argument("--child", type=Path, nargs="*", help=argparse.SUPPRESS)
    asked = parser.parse_args(arguments)
    if asked.child:
        _serve(list(zip(asked.child[::2], asked.child[1::2], strict=True)))
        return
    os.environ["SVT_LOG"] = "1"  # errors only
    print("| codec | " + " | ".join(COLUMNS.values()) + " |\n|" + "---|" * (len(COLUMNS) + 1))
    with tempfile.TemporaryDirectory() as folder:
        total: Counter[str] = Counter()
        for codec in CODECS:
            counts: Counter[str] = Counter()
            for answer in _answers(_files(codec, asked.media / "data/video", Path(folder), asked.files // len(CODECS))):
                counts += Counter({name: int(value) for name, value in answer.items()})
            _print(codec, counts)
            total += counts
        _print("all", total)


def _print(name: str, counts: Counter[str]) -> None:
    print(f"| {name} | " + " | ".join(str(counts[column]) for column in COLUMNS) + " |", flush=True)


# --- the files -----------------------------------------------------------------------------------------------------


def _files(codec: str, video: Path, folder: Path, count: int) -> list[tuple[Path, Path]]:
    """Write the whole and the mutated files of a codec; returns them in pairs."""
    encoder, ending, options = CODECS[codec]
    wholes = []
    for clip, (first, corner) in CLIPS.items():
        path = folder / f"{codec}-{Path(clip).stem}{ending}"
        _encode(path, _square(video / clip, first, corner), encoder, options)
        wholes.append(path)
    pairs = []
    for number in range(count):
        whole = wholes[number % len(wholes)]
        target = whole.with_name(f"{whole.stem}-{number}{ending}")
        kind = MUTATIONS[number // len(wholes) % len(MUTATIONS)]
        target.write_bytes(mutated(whole.read_bytes(), kind, np.random.default_rng(number)))
        pairs.append((whole, target))
    return pairs


def _square(path: Path, first: int, corner: tuple[int, int]) -> list[Picture]:
    """Return frames of a clip, cut to the square."""
    film, (left, top) = open_video(path), corner
    with film.scan() as scan:
        every = [frame.pts for frame in scan][first : first + FRAMES]
    cut = (slice(top, top + 320), slice(left, left + 320))
    return [np.ascontiguousarray(frame.pixels[cut]) for frame in film.frames(every)]


def _encode(path: Path, pictures: Sequence[Picture], encoder: str, options: dict[str, str]) -> None:
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(encoder, rate=30, options=options)
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        for picture in pictures:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))


def mutated(data: bytes, kind: str, random: np.random.Generator) -> bytes:
    """Return a file's bytes, mutated behind the first tenth; of an MP4 before the index at its end."""
    index = data.rfind(b"moov")
    start, end = len(data) // 10, index - 4 if index > len(data) // 2 else len(data)
    if kind.endswith("bits"):
        changed = bytearray(data)
        for place in random.integers(start, end, int(kind.split()[0])):
            changed[place] ^= 1 << int(random.integers(0, 8))
        return bytes(changed)
    at = int(random.integers(start, end - 300))
    if kind == "zeros":
        return data[:at] + bytes(200) + data[at + 200 :]
    return data[:at] + data[at + 300 :] if kind == "taken out" else data[:at]


# --- what becomes of them ------------------------------------------------------------------------------------------


def _answers(pairs: Sequence[tuple[Path, Path]]) -> Iterator[dict[str, int]]:
    """Yield what became of each file: picked in another process, which may crash or hang."""
    left = list(pairs)
    while left:
        command = [sys.executable, "-m", "benchmarks", "picking_damage", "--child", *map(str, sum(left, ()))]
        child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        lines: queue.Queue[str] = queue.Queue()
        threading.Thread(target=_pass_on, args=(child, lines), daemon=True).start()
        while left:
            try:
                line = lines.get(timeout=HANG_S)
            except queue.Empty:
                line = "hang"
            told = json.loads(line) if line.startswith("{") else {"hangs" if line == "hang" else "crashes": 1}
            path = left.pop(0)[1]
            if {"hangs", "crashes"} & told.keys():
                print(f"{line or 'died'}: {path.name}", file=sys.stderr)
            yield {"files": 1, **told}
            if not line.startswith("{"):
                break
        child.kill()
        child.wait()


def _pass_on(child: subprocess.Popen[str], lines: queue.Queue[str]) -> None:
    assert child.stdout is not None
    for line in child.stdout:
        lines.put(line.strip())
    lines.put("")


def _serve(pairs: Sequence[tuple[Path, Path]]) -> None:
    """Print one line for each file; an exception that is none of ours ends it."""
    context = Context(Settings(pick=PickSettings(top=6, faces=False)))
    for whole, path in pairs:
        try:
            told = _told(context, whole, path)
        except FancamError:
            told = {"harmed": 1, "errors": 1}
        print(json.dumps(told), flush=True)


def _told(context: Context, whole: Path, path: Path) -> dict[str, int]:
    film = open_video(path)
    found = find_in_video(context, film)
    assert found.scan is not None
    rejected = found.scan.frames_rejected
    reported = any(rejected.values()) or bool(found.scan.warnings)
    threads = decoder_threads(rejected)
    with film.scan(threads=threads) as scan:
        handed_on = _digests(film, [frame.pts for frame in scan], threads)
    keys, every = _sound(whole)
    sound = set(every.values())
    picks = _digests(film, [one.pts for one in found.moments if one.pts is not None], threads)
    lost = {_group(pts, keys) for pts in every if pts not in handed_on}
    damaged = [_group(pts, keys) in lost for pts, digest in picks.items() if digest not in sound]
    spoilt = sum(digest not in sound for digest in handed_on.values())
    harmed = bool(spoilt or len(handed_on) < len(every))
    return {
        "harmed": harmed, "unreported": harmed and not reported, "sound": len(handed_on), "spoilt": spoilt,
        "picks": len(picks), "damaged": sum(damaged), "silent": len(damaged) - sum(damaged),
    }  # fmt: skip


@cache
def _sound(whole: Path) -> tuple[tuple[int, ...], dict[int, str]]:
    """Return the key frames of a whole file, and the hash of every frame."""
    film = open_video(whole)
    with film.scan() as scan:
        frames = [(frame.pts, frame.key_frame) for frame in scan]
    return tuple(pts for pts, key in frames if key), _digests(film, [pts for pts, _ in frames], None)


def _group(pts: int, keys: Sequence[int]) -> int:
    """Return the number of the group of pictures that a frame is in."""
    return bisect.bisect_right(keys, pts)


def _digests(film: Video, pts: Sequence[int], threads: int | None) -> dict[int, str]:
    frames = film.frames(sorted(set(pts)), threads=threads)
    return {frame.pts: hashlib.sha256(frame.pixels.tobytes()).hexdigest() for frame in frames if frame.pts is not None}
