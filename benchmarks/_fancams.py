"""Clips of moving, talking people with their truth, degraded the way fancams are.

A truth is the fixed region of a clip that holds a face and its shoulders, every frame of it, made smaller by an area
filter where the clip is not crisp at its own size. The camera sees it through a Gaussian blur and with fewer pixels,
adds noise to every frame, and x264 compresses what is left. People in TUNE and REPORT are different people.
"""

from __future__ import annotations

import tempfile
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import numpy.typing as npt

from fancam import video
from fancam.geometry import Box
from fancam.media import NeighbourFrame, Picture

CRISP, SOFT = 0.27, 0.8
"""Standard deviation of the camera's blur in pixels of the small frame, before its pixels average areas: a good lens
with the site's own reduction after it, and a lens at the end of its zoom."""
LEAD_FRAMES = 8
"""Frames before and after the neighbours, so that the picked frame stands inside the encoder's stream."""
CRFS = (18, 23, 28, 33)
SIGMAS = (2, 8)


@dataclass(frozen=True, slots=True)
class Clip:
    """Where the truths of a clip come from."""

    name: str
    file: str
    picked: int
    """Number of the reference frame."""
    left: int
    top: int
    width: int
    height: int
    face: tuple[int, int, int, int]
    """Box of the face in the file's frame: left, top, right, bottom."""
    reduction: float = 1.0
    """Pixels of the file per pixel of the truth."""


TUNE = (
    Clip("thanks", "asl/thanks.mkv", 25, 180, 0, 288, 336, (282, 51, 346, 129)),
    Clip("milk", "asl/milk.mkv", 25, 170, 0, 288, 336, (280, 52, 347, 136)),
    Clip("walk", "asl/walk.mkv", 44, 156, 40, 288, 336, (274, 103, 329, 173)),
    Clip("book", "asl/book.mkv", 54, 156, 40, 288, 336, (276, 100, 329, 168)),
    Clip("want", "asl/want.mkv", 23, 132, 0, 288, 336, (246, 58, 302, 126)),
    Clip("hungry", "asl/hungry.mkv", 24, 180, 0, 288, 336, (284, 21, 351, 103)),
    Clip("selfie", "phone_selfie.mp4", 26, 36, 240, 1008, 1200, (278, 511, 820, 1200), 2.5),
    Clip("selfie, soft", "phone_selfie.mp4", 26, 246, 480, 600, 750, (278, 511, 820, 1200), 1.25),
)
REPORT = (
    Clip("again", "asl/again.mkv", 38, 180, 0, 288, 336, (290, 72, 353, 156)),
    Clip("yes", "asl/yes.mkv", 32, 168, 0, 288, 336, (274, 72, 337, 156)),
    Clip("night", "asl/night.mkv", 34, 168, 24, 288, 336, (275, 105, 336, 186)),
    Clip("sister", "asl/sister.mkv", 43, 168, 24, 288, 336, (275, 99, 337, 181)),
    Clip("dance, low", "dance.mp4", 400, 72, 0, 432, 576, (233, 92, 314, 200)),
    Clip("dance, near", "dance.mp4", 700, 72, 0, 432, 576, (255, 56, 348, 180)),
)


@dataclass(frozen=True, slots=True)
class Degradation:
    """What is lost on the way."""

    reduction: int
    """Truth pixels per pixel of the small frame."""
    sigma: float
    """Standard deviation of the noise in the small frame, in levels."""
    crf: int
    blur_px: float = CRISP
    """Standard deviation of the camera's blur in pixels of the small frame."""


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """A truth and what a fancam would have of it."""

    clip: Clip
    degradation: Degradation
    truth: Picture
    reference: Picture
    neighbours: tuple[NeighbourFrame, ...]
    face: Box
    """Of the reference, in its pixels."""

    @property
    def name(self) -> str:
        """Clip and degradation."""
        d = self.degradation
        return f"{self.clip.name} /{d.reduction} blur {d.blur_px:g} noise {d.sigma:g} crf {d.crf}"


def truths(clip: Clip, videos: Path, reach: int) -> list[Picture]:
    """Return the frames from ``reach`` before to ``reach`` after the picked one, fewer where the clip ends."""
    path = videos / clip.file
    with video.open_video(path).scan() as frames:
        pts = [frame.pts for frame in frames]
    rows, columns = slice(clip.top, clip.top + clip.height), slice(clip.left, clip.left + clip.width)
    size = (round(clip.width / clip.reduction) // 12 * 12, round(clip.height / clip.reduction) // 12 * 12)
    wanted = pts[max(clip.picked - reach, 0) : clip.picked + reach + 1]
    found = []
    for frame in video.open_video(path).frames(wanted):
        part = frame.pixels[rows, columns]
        small = part if part.shape[1::-1] == size else cv2.resize(part, size, interpolation=cv2.INTER_AREA)
        found.append(np.ascontiguousarray(small, np.uint8))
    return found


def filmed(frames: list[Picture], degradation: Degradation, name: str) -> list[Picture]:
    """Return the frames as the camera leaves them; the same call gives the same pixels."""
    rng = np.random.default_rng(zlib.crc32(f"{name}/{degradation}".encode()))
    high, wide = frames[0].shape[0] // degradation.reduction, frames[0].shape[1] // degradation.reduction
    small = []
    for frame in frames:
        blurred = cv2.GaussianBlur(frame.astype(np.float32), (0, 0), degradation.blur_px * degradation.reduction)
        shrunk = cv2.resize(blurred, (wide, high), interpolation=cv2.INTER_AREA)
        noisy = shrunk + rng.normal(0, degradation.sigma, shrunk.shape)
        small.append(np.clip(np.rint(noisy), 0, 255).astype(np.uint8))
    return small


def encode(frames: list[Picture], crf: int) -> list[Picture]:
    """Return the frames as x264 leaves them; the same call gives the same pixels."""
    high, wide = frames[0].shape[:2]
    picture, neighbours = looks(frames, crf, len(frames) // 2, 2 * len(frames), Box(0, 0, wide, high))
    before = [near.pixels for near in neighbours if near.offset_s < 0]
    return [*before, picture, *(near.pixels for near in neighbours if near.offset_s > 0)]


def looks(
    frames: list[Picture], crf: int, picked: int, count: int, region: Box
) -> tuple[Picture, tuple[NeighbourFrame, ...]]:
    """Return a region of one frame and of those around it as they come from an encoder.

    Args:
        frames: At 30 a second.
        crf: Of x264.
        picked: Number of the one.
        count: Frames that are looked at, the picked one counted.
        region: In pixels of the frames.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "clip.mp4"
        write_clip(frames, path, crf)
        with video.open_video(path).scan() as scanned:
            pts = [frame.pts for frame in scanned]
        (window,) = video.open_video(path).frames_with_neighbours({pts[picked]: [region]}, count)
        return window.frame.pixels[region.as_slices()], window.neighbours[0]


def write_clip(frames: Iterable[Picture], path: Path, crf: int, fps: int = 30) -> None:
    """Write what sites deliver: x264 at its usual preset, 4:2:0, BT.709; one thread, so that bytes do not vary."""
    # With its AVX-512 code x264 gives other bytes for the same frames now and then.
    options = {"preset": "medium", "crf": str(crf), "g": "60", "threads": "1", "x264-params": "asm=avx2"}
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("libx264", rate=fps, options=options)
        stream.pix_fmt = "yuv420p"
        stream.codec_context.colorspace, stream.codec_context.color_range = 1, 1
        stream.codec_context.color_primaries, stream.codec_context.color_trc = 1, 1
        for number, pixels in enumerate(frames):
            if number == 0:
                stream.height, stream.width = pixels.shape[:2]
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            planar = frame.reformat(format="yuv420p", dst_colorspace="ITU709", dst_color_range="MPEG")
            planar.pts, planar.time_base = number, Fraction(1, fps)
            container.mux(stream.encode(planar))
        container.mux(stream.encode(None))


def cases(
    clips: tuple[Clip, ...], degradations: list[Degradation], videos: Path, neighbours: int = 14
) -> Iterator[Case]:
    """Yield every clip with every degradation, one at a time.

    Args:
        clips: ``TUNE``, ``REPORT`` or some of them.
        degradations: What is to be lost.
        videos: The folder ``data/video``.
        neighbours: Neighbouring frames, half of them before the picked one.
    """
    half = neighbours // 2
    for clip in clips:
        frames = truths(clip, videos, half + LEAD_FRAMES)
        middle = min(clip.picked, half + LEAD_FRAMES)
        for degradation in degradations:
            yield _case(clip, degradation, frames, middle, half)


def _case(clip: Clip, degradation: Degradation, frames: list[Picture], middle: int, half: int) -> Case:
    small = filmed(frames, degradation, clip.name)
    high, wide = small[0].shape[:2]
    reference, neighbours = looks(small, degradation.crf, middle, 2 * half + 1, Box(0, 0, wide, high))
    left, top, right, bottom = clip.face
    box = Box(left - clip.left, top - clip.top, right - clip.left, bottom - clip.top)
    scale = 1 / (clip.reduction * degradation.reduction)
    face = box.scaled(scale).clipped(wide, high)
    return Case(clip, degradation, frames[middle], reference, neighbours, face)


# --- how near -----------------------------------------------------------------------------------------------------


def enlarged(picture: npt.NDArray, size: tuple[int, int]) -> Picture:
    """Return the picture at (width, height) by bicubic interpolation, RGB uint8."""
    if picture.shape[1::-1] != size:
        picture = cv2.resize(picture.astype(np.float32), size, interpolation=cv2.INTER_CUBIC)
    return np.clip(np.rint(picture), 0, 255).astype(np.uint8)


def similarity(truth: Picture, result: Picture) -> float:
    """Return the mean structural similarity of the lumas (Wang et al. 2004: Gaussian of 1.5 px, 0.01 and 0.03)."""
    x, y = (cv2.cvtColor(p, cv2.COLOR_RGB2GRAY).astype(np.float64) for p in (truth, result))

    def mean(a: npt.NDArray) -> npt.NDArray:
        return np.asarray(cv2.GaussianBlur(a, (11, 11), 1.5))

    mx, my = mean(x), mean(y)
    vx, vy, cov = mean(x * x) - mx * mx, mean(y * y) - my * my, mean(x * y) - mx * my
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    return float(np.mean((2 * mx * my + c1) * (2 * cov + c2) / ((mx * mx + my * my + c1) * (vx + vy + c2))))
