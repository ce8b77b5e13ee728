"""Traces of coding taken out of frames and photos: steps, blotches, mosquito noise, blocks; against the truth.

Frames of clips are the truth, as bright as they are and at 15 % of their light, and made walls on which light falls off
beside a bright sign. Camera noise of 0.8 levels is laid over 17 frames in a row, and x264 and x265 code them; the one
in the middle is looked at. Photos are saved as JPEG. Compared are what block edges alone get (``deblock``), what is
found near plateaus (``traces``), and both; the chain takes ``traces`` for video, and for photos ``deblock`` where there
are seams.

Of the luma: gain in PSNR over the whole, over flat parts (the truth is a slope of less than 1.5 levels a pixel around
them), and in flat parts beside strong edges, where mosquito noise is; gain in SSIM over the whole. Of Cb and Cr: gain
in PSNR over the whole. ``contours`` is the share of flat parts in which neighbours differ by more than 0.5 levels where
the truth does by less than 0.25, before and after. People in the tables are others than those the constants were chosen
on (``--tune``).
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import numpy.typing as npt
import skimage.data

from benchmarks import _fancams, _pairs
from fancam import video
from fancam.enhancing.cleaning.blocks import YCBCR_FROM_RGB, planes_of
from fancam.enhancing.cleaning.deblock import SEAMS_FROM, deblock, measure_blockiness
from fancam.enhancing.cleaning.traces import (
    BANDED_SHARE,
    BANDED_SHARE_PHOTO,
    measure_traces,
    smooth_traces,
)
from fancam.media import Picture, Samples
from tests.figures import compressed

CODERS, CRFS, QUALITIES = ("libx264", "libx265"), (26, 32, 38), (30, 45, 60, 80)
DARK = 0.15
NOISE = 0.8
REACH = 8
Floats = npt.NDArray[np.float64]
Cleaner = Callable[[Picture], Samples]


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """A truth and what was decoded of it."""

    group: str
    truth: Floats
    """(h, w, 3) RGB in levels of 255, before it was rounded."""
    source: Picture


# --- what is lost -------------------------------------------------------------------------------------------------


def in_the_dark(picture: npt.NDArray[Any], share: float) -> Floats:
    """Return a picture with a share of its light (sRGB, IEC 61966-2-1), in levels of 255."""
    encoded = picture / 255
    light = share * np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
    return 255 * np.where(light <= 0.0031308, light * 12.92, 1.055 * np.maximum(light, 1e-9) ** (1 / 2.4) - 0.055)


def wall(frames: int, shift: int, side: int = 256) -> list[Floats]:
    """Return frames of a dark wall on which light falls off, with a sign that moves before it."""
    y, x = np.mgrid[:side, :side].astype(float)
    found = []
    for number in range(frames):
        far = np.hypot(x - 80 - shift - 0.7 * number, y - 90 + shift)
        grey = 12 + 45 * np.exp(-((far / 150) ** 2)) + 10 * x / side
        frame = np.stack([grey * 0.9, grey * 0.8, grey * 1.3 + 4], axis=-1)
        frame[150:190, 140 + number : 200 + number] = 120, 40, 60
        found.append(frame)
    return found


def coded(frames: list[Picture], coder: str, crf: int) -> Picture:
    """Return the frame in the middle as a coder leaves it, 4:2:0 and BT.709; the same call gives the same pixels."""
    options = {"preset": "medium", "crf": str(crf), "g": "60", "threads": "1"}
    # With its AVX-512 code x264 gives other bytes for the same frames now and then.
    options |= {"x264-params": "asm=avx2"} if coder == "libx264" else {"x265-params": "log-level=none:pools=1"}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "clip.mp4"
        with av.open(str(path), "w") as container:
            stream: Any = container.add_stream(coder, rate=30, options=options)
            stream.height, stream.width = frames[0].shape[:2]
            stream.pix_fmt = "yuv420p"
            stream.codec_context.colorspace, stream.codec_context.color_range = 1, 1
            stream.codec_context.color_primaries, stream.codec_context.color_trc = 1, 1
            for number, pixels in enumerate(frames):
                planar = av.VideoFrame.from_ndarray(pixels, format="rgb24").reformat(
                    format="yuv420p", dst_colorspace="ITU709", dst_color_range="MPEG"
                )
                planar.pts, planar.time_base = number, Fraction(1, 30)
                container.mux(stream.encode(planar))
            container.mux(stream.encode(None))
        with video.open_video(path).scan() as scanned:
            pts = [frame.pts for frame in scanned]
        return next(iter(video.open_video(path).frames([pts[len(frames) // 2]]))).pixels


def video_cases(videos: Path, tune: bool, quick: bool) -> Iterator[Case]:
    """Yield every clip, lit and dark, by every coder."""
    names = ("thanks", "book", "selfie") if tune else ("again", "yes", "night", "dance, low", "dance, near")
    for clip in _fancams.TUNE if tune else _fancams.REPORT:
        if clip.name in (names[::2] if quick else names):
            frames = _fancams.truths(clip, videos, REACH)
            for light in (1.0, DARK):
                yield from _coded_cases("dark" if light < 1 else "lit", [in_the_dark(f, light) for f in frames])
    yield from _coded_cases("wall", wall(2 * REACH + 1, 0 if tune else 40))


def _coded_cases(group: str, truths: list[Floats]) -> Iterator[Case]:
    rng = np.random.default_rng(3)
    seen = [np.clip(np.rint(t + rng.normal(0, NOISE, t.shape)), 0, 255).astype(np.uint8) for t in truths]
    truth = truths[len(truths) // 2]
    yield Case("not coded", truth, seen[len(seen) // 2])
    for coder in CODERS:
        for crf in CRFS:
            yield Case(f"{group}, {coder[3:]} {crf}", truth, coded(seen, coder, crf))


def photo_cases(photos: Path, tune: bool) -> Iterator[Case]:
    """Yield photos as JPEG leaves them."""
    for truth in _pairs.truths(_pairs.TUNE if tune else _pairs.REPORT, photos):
        if measure_blockiness(truth.pixels) >= SEAMS_FROM:
            continue  # what is to be taken out would be missed
        for quality in QUALITIES:
            yield Case(f"JPEG {quality}", truth.pixels.astype(float), compressed(truth.pixels, quality))


# --- figures ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class Against:
    """A truth, and where in it what is looked at."""

    planes: Floats
    flat: npt.NDArray[np.bool_]
    beside_edges: npt.NDArray[np.bool_]

    @classmethod
    def of(cls, truth: Floats) -> Against:
        """Return the planes of a truth, and its parts."""
        planes = np.moveaxis(truth @ YCBCR_FROM_RGB.T, -1, 0)
        slope = np.hypot(*(cv2.Sobel(planes[0], cv2.CV_64F, *by) / 8 for by in ((1, 0), (0, 1))))
        flat = cv2.dilate(slope, np.ones((9, 9))) < 1.5
        edges = cv2.dilate((slope > 12).astype(np.uint8), np.ones((17, 17), np.uint8)) > 0
        return cls(planes, flat, edges & (cv2.dilate(slope, np.ones((5, 5))) < 2))

    def errors(self, result: npt.NDArray[np.float32]) -> list[float]:
        """Return mean square errors: luma over all, flat parts, beside edges; Cb and Cr."""
        luma, *chroma = np.square(result - self.planes)
        parts = [luma[where].mean() if where.any() else np.nan for where in (self.flat, self.beside_edges)]
        return [luma.mean(), *parts, float(np.mean(chroma))]

    def contours(self, luma: npt.NDArray[np.float32]) -> float:
        """Return the share of flat parts with a step where the truth has none."""
        steps = [np.abs(np.diff(plane, axis=1)) for plane in (luma, self.planes[0])]
        seen = (steps[0] > 0.5) & (steps[1] < 0.25) & self.flat[:, 1:]
        return float(seen.sum() / max(self.flat[:, 1:].sum(), 1))

    def similarity(self, luma: npt.NDArray[np.float32]) -> float:
        """Return the mean structural similarity (Wang et al. 2004)."""
        x, y = luma.astype(np.float64), self.planes[0]

        def mean(a: npt.NDArray[Any]) -> npt.NDArray[Any]:
            return np.asarray(cv2.GaussianBlur(a, (11, 11), 1.5))

        mx, my = mean(x), mean(y)
        vx, vy, cov = mean(x * x) - mx * mx, mean(y * y) - my * my, mean(x * y) - mx * my
        c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
        return float(np.mean((2 * mx * my + c1) * (2 * cov + c2) / ((mx * mx + my * my + c1) * (vx + vy + c2))))


def cleaners(from_share: float) -> dict[str, Cleaner]:
    """Return what is compared.

    Args:
        from_share: Share in plateaus from which traces are smoothed.
    """

    def traces(picture: Picture, seen: Samples | None = None) -> Samples:
        found = measure_traces(picture)
        source = picture if seen is None else seen
        return smooth_traces(source, found) if found.share >= from_share else source

    return {"deblock": deblock, "traces": traces, "both": lambda picture: traces(picture, deblock(picture))}


def table(title: str, cases: Iterator[Case], from_share: float) -> None:
    """Print the gains, a row for each coder and cleaner."""
    rows: dict[tuple[str, str], list[list[float]]] = {}
    clean = [0, 0]
    for case in cases:
        against = Against.of(case.truth)
        before = planes_of(case.source)
        errors, structure = against.errors(before), against.similarity(before[0])
        for name, cleaner in cleaners(from_share).items():
            started = time.perf_counter()
            result = cleaner(case.source)
            seconds = time.perf_counter() - started
            if case.group == "not coded":
                clean[0] += name == "both" and not np.array_equal(result, case.source)
                clean[1] += name == "both"
                continue
            after = planes_of(result)
            gains = [10 * np.log10(b / a) for b, a in zip(errors, against.errors(after), strict=True)]
            rows.setdefault((case.group, name), []).append([
                *gains, against.similarity(after[0]) - structure, against.contours(before[0]),
                against.contours(after[0]), measure_blockiness(case.source),
                seconds / case.truth[..., 0].size * 1e6,
            ])  # fmt: skip
    print(f"\n{title}: gain in dB (least over all)")
    heads = f"{'all (least)':>15}{'flat':>7}{'edges':>7}{'chroma':>8}{'SSIM':>8}"
    print(f"{'':26}{heads}{'contours':>15}{'blocks':>8}{'s/Mpx':>7}")
    for (group, name), values in rows.items():
        mean, least = np.nanmean(values, axis=0), np.min(np.array(values)[:, 0])
        figures = f"{mean[0]:+7.2f} ({least:+.2f}){mean[1]:+7.2f}{mean[2]:+7.2f}{mean[3]:+8.2f}{mean[4]:+8.4f}"
        print(f"{group:17} {name:8}{figures}{mean[5]:7.3f} →{mean[6]:6.3f}{mean[7]:8.2f}{mean[8]:7.2f}")
    if clean[1]:
        print(f"not coded: {clean[0]} of {clean[1]} changed")


def clean_photos(photos: Path) -> None:
    """Print what becomes of photos that are not compressed, or hardly."""
    found = [truth.pixels for truth in _pairs.truths((*_pairs.TUNE, *_pairs.REPORT), photos)]
    found += [
        np.ascontiguousarray(getattr(skimage.data, name)()[..., :3]) for name in ("astronaut", "coffee", "chelsea")
    ]
    shares = [measure_traces(picture).share for picture in found]
    changed = sum(share >= BANDED_SHARE_PHOTO for share in shares)
    print(f"\nphotos without added compression: {changed} of {len(found)} changed; largest share {max(shares):.3f}")


def main(arguments: list[str]) -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(prog="traces", description=__doc__)
    parser.add_argument("--media", type=Path, default=Path(__file__).parents[2] / "shared", help="holds data/")
    parser.add_argument("--tune", action="store_true", help="what constants were chosen on")
    parser.add_argument("--quick", action="store_true", help="half of the clips")
    parser.add_argument("--only", choices=("video", "photos", "clean"), help="one table")
    options = parser.parse_args(arguments)
    photos = options.media / "data/photo"
    if options.only in (None, "video"):
        table("video", video_cases(options.media / "data/video", options.tune, options.quick), BANDED_SHARE)
    if options.only in (None, "photos"):
        table("photos", photo_cases(photos, options.tune), BANDED_SHARE_PHOTO)
    if options.only in (None, "clean"):
        clean_photos(photos)
