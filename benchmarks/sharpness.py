"""Which measure finds the sharpest face under what a stage does to a picture, among its rivals.

The rivals see what they see in use: the whole frame (Laplacian, Tenengrad, FFmpeg's ``blurdetect`` and ``thumbnail``)
or the box of the face. Faces of real photos are blurred by known amounts; then light, noise, compression and the
background are changed independently of the blur. The measure's constants were chosen on the "tune" faces; the "report"
faces are of other people. ``top-3`` is how often the pick is among the three sharpest of 30, ``regret`` the share of
the frames that are truly sharper than the one picked (half is chance), ``rho`` Spearman's rank correlation.
"""

from __future__ import annotations

import argparse
import math
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import cv2
import numpy as np
import numpy.typing as npt
from av.filter import Graph
from av.video.frame import VideoFrame

from fancam import faces, nn, picking
from fancam.geometry import Box
from fancam.media import Picture
from fancam.picking.sharpness import QUICK_SIDE_PX, face_patch, luma_of, quick_sharpness
from fancam.results import Face
from fancam.settings import FaceSettings
from tests.figures import compressed

Image = npt.NDArray[np.float32]
Measure = Callable[[list[Picture], Face], list[float]]

FRAMES = 30
FACE_HEIGHTS_PX = (70, 110, 180)
TUNE = ("people/obama/obama.jpg", "people/obama/obama2.jpg", "people/obama/obama3.jpg", "astronaut")
REPORT = ("people/biden/biden.jpg", "people/biden/biden2.jpg", "group/solvay1927.jpg", "asl")


@dataclass(frozen=True)
class Subject:
    """A face with its surroundings, (height, width, 3) float32 RGB in levels of 255, to be shrunk to several sizes."""

    name: str
    pixels: Image
    face: Face


@dataclass(frozen=True)
class Nuisance:
    """What changes from frame to frame beside the blur."""

    light: bool = False
    noise: bool = False
    jpeg: bool = False
    background: bool = False
    motion: bool = False


EVERYTHING = {"light": True, "noise": True, "jpeg": True, "background": True}
NUISANCES = {
    "blur only": Nuisance(),
    "light": Nuisance(light=True),
    "noise": Nuisance(noise=True),
    "jpeg": Nuisance(jpeg=True),
    "background": Nuisance(background=True),
    "all, defocus": Nuisance(**EVERYTHING),
    "all, motion": Nuisance(**EVERYTHING, motion=True),
}


# --- the faces ----------------------------------------------------------------------------------------------------


def subjects(names: tuple[str, ...], media: Path) -> list[Subject]:
    """Return the faces of these pictures that are at least 60 px high."""
    detector = faces.create_detector(FaceSettings(), nn.ModelStore(), long_edges_px=faces.PHOTO_LONG_EDGES_PX)
    found = []
    for name in names:
        for number, picture in enumerate(_pictures(name, media)):
            for face in detector.detect([picture])[0]:
                if face.box.height >= 60:
                    found.append(_subject(f"{name}-{number}", picture, face))
    return found


def _pictures(name: str, media: Path) -> Iterator[Picture]:
    if name == "astronaut":
        from skimage.data import astronaut

        yield astronaut()
    elif name == "asl":
        for clip in ("again", "bird", "night", "thanks", "walk", "yes"):
            reader = cv2.VideoCapture(str(media / "video" / "asl" / f"{clip}.mkv"))
            reader.set(cv2.CAP_PROP_POS_FRAMES, 5)
            yield np.asarray(cv2.cvtColor(reader.read()[1], cv2.COLOR_BGR2RGB), np.uint8)
    else:
        read = cv2.imread(str(media / "photo" / name))
        if read is None:
            raise SystemExit(f"{media / 'photo' / name}: not there; name the folder that holds photo/ with --media")
        yield np.asarray(cv2.cvtColor(read, cv2.COLOR_BGR2RGB), np.uint8)


def _subject(name: str, picture: Picture, face: Face) -> Subject:
    """Cut the face out with one face width around it, mirrored where the picture ends."""
    margin = round(face.box.height)
    padded = cv2.copyMakeBorder(picture, margin, margin, margin, margin, cv2.BORDER_REFLECT_101)
    left, top = round(face.box.x0), round(face.box.y0)
    wide, high = round(face.box.width) + 2 * margin, round(face.box.height) + 2 * margin
    part = padded[max(top, 0) : top + high, max(left, 0) : left + wide].astype(np.float32)
    dx, dy = margin - left, margin - top
    box = Box(face.box.x0 + dx, face.box.y0 + dy, face.box.x1 + dx, face.box.y1 + dy)
    points = tuple((x + dx, y + dy) for x, y in face.landmarks)
    return Subject(name, part, Face(box, points, face.confidence))  # type: ignore[arg-type]  # five, as in the face


def at_height(subject: Subject, height_px: float) -> Subject:
    """Return the subject with its face shrunk to this height; as it is where it is lower."""
    scale = min(height_px / subject.face.box.height, 1.0)
    size = (round(subject.pixels.shape[1] * scale), round(subject.pixels.shape[0] * scale))
    points = tuple((x * scale, y * scale) for x, y in subject.face.landmarks)
    face = Face(subject.face.box.scaled(scale), points, subject.face.confidence)  # type: ignore[arg-type]  # five
    return Subject(subject.name, cv2.resize(subject.pixels, size, interpolation=cv2.INTER_AREA), face)  # type: ignore[arg-type]  # float32 stays


# --- what a stage does to them ------------------------------------------------------------------------------------


def motion_blurred(image: Image, length_px: float, angle: float) -> Image:
    """Blur along a line of this length."""
    steps = max(math.ceil(length_px * 2), 1)
    total = np.zeros_like(image)
    for i in range(steps):
        at = length_px * ((i + 0.5) / steps - 0.5)
        matrix = np.array([[1, 0, at * math.cos(angle)], [0, 1, at * math.sin(angle)]], np.float64)
        total += cv2.warpAffine(image, matrix, image.shape[1::-1], borderMode=cv2.BORDER_REFLECT_101)
    return total / np.float32(steps)


def frames(subject: Subject, nuisance: Nuisance, rng: np.random.Generator) -> Iterator[tuple[float, Picture]]:
    """Yield FRAMES pairs of the blur of the face in pixels (standard deviation) and the picture."""
    high, wide = subject.pixels.shape[:2]
    (x, y), box = subject.face.box.centre, subject.face.box
    mask = np.zeros((high, wide), np.float32)
    axes = (round(box.width * 0.62), round(box.height * 0.66))
    cv2.ellipse(mask, (round(x), round(y)), axes, 0, 0, 360, 1.0, -1)
    inside = np.asarray(cv2.GaussianBlur(mask, (0, 0), 2.0), np.float32)[:, :, None]
    for _ in range(FRAMES):
        if nuisance.motion:
            length = rng.uniform(1, 22)
            blur, image = length / math.sqrt(12), motion_blurred(subject.pixels, length, rng.uniform(0, math.pi))
        else:
            blur = rng.uniform(0.3, 4)
            image = cv2.GaussianBlur(subject.pixels, (0, 0), blur)  # type: ignore[assignment]  # float32 stays
        if nuisance.background:
            wall = cv2.GaussianBlur(subject.pixels, (0, 0), rng.uniform(0.3, 4))
            for _ in range(rng.integers(0, 60)):
                at = (int(rng.integers(0, wide)), int(rng.integers(0, high)))
                cv2.circle(wall, at, 2, tuple(float(v) for v in rng.uniform(120, 255, 3)), -1, cv2.LINE_AA)
            image = image * inside + np.asarray(wall, np.float32) * (1 - inside)
        if nuisance.light:
            image = image * np.float32(rng.uniform(0.35, 1.3))
        if nuisance.noise:
            image = image + rng.normal(0, rng.uniform(0, 18), image.shape).astype(np.float32)
        picture = np.clip(np.rint(image), 0, 255).astype(np.uint8)
        if nuisance.jpeg:
            picture = compressed(picture, int(rng.integers(12, 96)))
        yield blur, picture


# --- the measures -------------------------------------------------------------------------------------------------


def laplacian(pixels: Picture) -> float:
    """Return the variance of the Laplacian, the usual recipe."""
    return float(cv2.Laplacian(luma_of(pixels), cv2.CV_64F).var())


def tenengrad(pixels: Picture) -> float:
    """Return the mean squared Sobel gradient."""
    luma = luma_of(pixels)
    return float((cv2.Sobel(luma, cv2.CV_64F, 1, 0) ** 2 + cv2.Sobel(luma, cv2.CV_64F, 0, 1) ** 2).mean())


def blurdetect(pixels: Picture) -> float:
    """Return FFmpeg's ``blurdetect`` (Marziliano's width of edges), negated so that sharper is more."""
    (frame,) = _filtered([pixels], "gray", "blurdetect")
    blur = float(frame.metadata.get("lavfi.blur", "nan"))
    return -blur if math.isfinite(blur) else -1e9  # without any edge


def thumbnail(pictures: list[Picture]) -> list[float]:
    """Return 1 for the picture that FFmpeg's ``thumbnail`` takes of these, 0 for the others."""
    (taken,) = _filtered(pictures, "rgb24", "thumbnail", f"n={len(pictures)}")
    return [float(number == taken.pts) for number in range(len(pictures))]


def _filtered(pictures: list[Picture], pixel_format: str, *filter_and_options: str) -> list[VideoFrame]:
    """Return what a filter of FFmpeg hands out for these pictures, whose pts are their numbers."""
    height, width = pictures[0].shape[:2]
    graph = Graph()
    size = f"video_size={width}x{height}:pix_fmt={pixel_format}:time_base=1/25:pixel_aspect=1/1"
    graph.link_nodes(graph.add("buffer", size), graph.add(*filter_and_options), graph.add("buffersink")).configure()
    for number, pixels in enumerate(pictures):
        frame = VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgb24").reformat(format=pixel_format)
        frame.pts = number
        graph.vpush(frame)
    graph.vpush(None)
    frames = []
    while True:
        try:
            frames.append(graph.vpull())
        except (av.EOFError, av.BlockingIOError):
            return frames


def of_face(measure: Callable[[Picture], float]) -> Measure:
    """Return the measure of the box of the face."""
    return lambda pictures, face: [measure(np.ascontiguousarray(one[face.box.as_slices()])) for one in pictures]


def each(measure: Callable[[Picture, Face], float]) -> Measure:
    """Return the measure of one picture after the other."""
    return lambda pictures, face: [measure(one, face) for one in pictures]


def scan_measure(pixels: Picture, face: Face) -> float:
    """Return the cheap measure of the scan."""
    luma = luma_of(pixels[face.box.as_slices()])
    patch = cv2.resize(luma, (QUICK_SIDE_PX, QUICK_SIDE_PX), interpolation=cv2.INTER_AREA)
    return quick_sharpness(np.asarray(patch, np.uint8), QUICK_SIDE_PX / math.sqrt(luma.size))


def p97_gradient(pixels: Picture, face: Face) -> float:
    """Return the 97th percentile of the gradient over the contrast, not looking at its direction."""
    patch = face_patch(pixels, face.box)
    if patch is None:
        return 0.0
    smooth = cv2.GaussianBlur(patch[0], (0, 0), 1.5)
    gy, gx = np.gradient(smooth)
    low, high = np.percentile(cv2.GaussianBlur(patch[0], (0, 0), 3.0), (5, 95))
    return float(np.percentile(np.hypot(gx, gy), 97) / (high - low + 6))


def ours(pixels: Picture, face: Face) -> float:
    """Return fancam's measure."""
    return picking.face_sharpness(pixels, face)


MEASURES: dict[str, Measure] = {
    "whole-frame Laplacian": each(lambda pixels, _: laplacian(pixels)),
    "whole-frame Tenengrad": each(lambda pixels, _: tenengrad(pixels)),
    "FFmpeg blurdetect": each(lambda pixels, _: blurdetect(pixels)),
    "FFmpeg thumbnail": lambda pictures, _: thumbnail(pictures),
    "face Laplacian": of_face(laplacian),
    "face Tenengrad": of_face(tenengrad),
    "face p97 ÷ contrast": each(p97_gradient),
    "fancam, scan": each(scan_measure),
    "**fancam**": each(ours),
}


# --- the table ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Result:
    """Means over trials."""

    rho: float
    regret: float
    top3: float


def ranks(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the rank of each value, equal values sharing their mean rank."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts - 1) / 2)[inverse]


def judge(blur: npt.NDArray[np.float64], score: npt.NDArray[np.float64]) -> Result:
    """Compare scores with true blurs; where several frames have the best score, the first is picked."""
    a, b = ranks(-blur), ranks(score)
    rho = float(np.corrcoef(a, b)[0, 1]) if np.ptp(b) > 0 else 0.0
    sharper = int((blur < blur[int(np.argmax(score))]).sum())
    return Result(rho, sharper / (len(blur) - 1), float(sharper < 3))


def table(
    chosen: list[Subject], nuisances: dict[str, Nuisance], measures: dict[str, Measure], trials: int
) -> dict[tuple[str, str], Result]:
    """Return the mean result per nuisance and measure over all subjects, sizes and trials."""
    results: dict[tuple[str, str], list[Result]] = {}
    for kind, nuisance in nuisances.items():
        for number, subject in enumerate(chosen):
            for trial in range(trials):
                rng = np.random.default_rng([len(kind), number, trial])
                sized = at_height(subject, FACE_HEIGHTS_PX[(trial + number) % len(FACE_HEIGHTS_PX)])
                shown = list(frames(sized, nuisance, rng))
                blur = np.array([b for b, _ in shown])
                for name, measure in measures.items():
                    score = np.array(measure([picture for _, picture in shown], sized.face))
                    results.setdefault((kind, name), []).append(judge(blur, score))
    return {
        key: Result(*(float(np.mean([getattr(r, f) for r in rows])) for f in ("rho", "regret", "top3")))
        for key, rows in results.items()
    }


def main(arguments: list[str]) -> None:
    """Print top-3, regret and rho of every measure."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks sharpness", description=__doc__)
    default = os.environ.get("FANCAM_TEST_MEDIA", Path(__file__).parents[2] / "shared")
    parser.add_argument("--media", type=Path, default=Path(default), help="folder that holds data/ with photos")
    parser.add_argument("--faces", choices=("tune", "report"), default="report")
    parser.add_argument("--trials", type=int, default=1, help="per face and nuisance")
    parser.add_argument("--each", action="store_true", help="each nuisance by itself as well")
    given = parser.parse_args(arguments)
    chosen = subjects(TUNE if given.faces == "tune" else REPORT, given.media / "data")
    nuisances = {kind: one for kind, one in NUISANCES.items() if given.each or kind.startswith("all")}
    print(f"{len(chosen)} faces ({given.faces}), {given.trials} trials of {FRAMES} frames each; top-3, regret, rho\n")
    results = table(chosen, nuisances, MEASURES, given.trials)
    print("| measure | " + " | ".join(nuisances) + " |\n|---|" + "---|" * len(nuisances))
    for name in MEASURES:
        cells = [results[kind, name] for kind in nuisances]
        print(f"| {name} | " + " | ".join(f"{r.top3:.0%}, {r.regret:.1%}, {r.rho:.2f}" for r in cells) + " |")
