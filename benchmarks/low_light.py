"""Noise taken out of single pictures and of video, against filters that were tuned with the truth in hand.

The noise is that of light and of a camera's electronics: its variance rises with the brightness. It is laid over sharp
crops white, as it comes out of the interpolation of a colour sensor, and as JPEG leaves it. Every rival is tried with
many settings on every single picture, and the best of them by the truth is what counts; fancam measures the noise and
is not told anything. Then: how near the measured strength is, and what becomes of pictures without noise, of JPEG
blocks and of video, in which neighbouring frames are merged first.

The people are others than those the constants were chosen on (``TUNE``); ``--tune`` shows those.
"""

from __future__ import annotations

import argparse
import itertools
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from skimage.restoration import denoise_tv_chambolle

from benchmarks import _fancams
from benchmarks._pairs import REPORT, TUNE, Truth, truths
from fancam.enhancing.cleaning.blocks import planes_of
from fancam.enhancing.cleaning.deblock import SEAMS_FROM, deblock, measure_blockiness
from fancam.enhancing.cleaning.denoise import denoise, is_noisy
from fancam.enhancing.cleaning.noise import measure_noise
from fancam.enhancing.fusion.fuse import fuse
from fancam.media import Picture
from fancam.results import NoiseModel
from fancam.settings import FuseSettings
from tests.figures import compressed, psnr

SIGMAS = (8, 15, 25)
KINDS = ("white", "demosaic", "JPEG 75")
Filter = Callable[[Picture], Picture]
NLM_LUMA, NLM_COLOUR = (0.15, 0.3, 0.45, 0.6, 0.75, 1.0), (0.25, 0.5, 0.8, 1.2)
"""``h`` and ``hColor`` per level of noise. The best of a wider grid was at 0.4 to 0.65 and 0.25 to 0.8."""


# --- noise --------------------------------------------------------------------------------------------------------


def in_low_light(picture: Picture, sigma: float, kind: str, rng: np.random.Generator) -> Picture:
    """Return the picture with noise of about ``sigma`` levels at middle grey."""
    field = rng.normal(0, 1, picture.shape).astype(np.float32)
    if kind == "demosaic":
        # Green is measured at half of the pixels, red and blue at a quarter; the rest is interpolated.
        field = np.stack([cv2.GaussianBlur(field[..., c], (0, 0), 0.6 if c == 1 else 0.9) for c in range(3)], axis=-1)
        field /= field.std(axis=(0, 1))
    strength = sigma * np.sqrt(0.4 + 1.2 * picture / 255)
    noisy = np.clip(np.rint(picture + strength * field), 0, 255).astype(np.uint8)
    return compressed(noisy, 75) if kind == "JPEG 75" else noisy


def noisy_pairs(found: list[Truth], sigma: float, kind: str) -> Iterator[tuple[Truth, Picture]]:
    """Yield every truth with its noisy picture; the same call gives the same pixels."""
    for truth in found:
        rng = np.random.default_rng([zlib.crc32(f"{truth.crop.name}/{kind}".encode()), round(10 * sigma)])
        yield truth, in_low_light(truth.pixels, sigma, kind, rng)


# --- filters ------------------------------------------------------------------------------------------------------


def cleaned(picture: Picture, *, asked: bool = False) -> Picture:
    """Return what fancam makes of a picture: by itself, or as ``--denoise 1`` and the preset ``low-light`` ask for."""
    noise = measure_noise(picture)
    return np.asarray(denoise(picture, noise), np.uint8) if asked or is_noisy(noise) else picture


def _non_local_means(h: float, h_colour: float) -> Filter:
    def run(picture: Picture) -> Picture:
        bgr = cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)
        return np.asarray(cv2.fastNlMeansDenoisingColored(bgr, None, h, h_colour, 7, 21)[..., ::-1], np.uint8)

    return run


def _bilateral(levels: float, pixels: float) -> Filter:
    return lambda picture: np.asarray(cv2.bilateralFilter(picture, 0, levels, pixels), np.uint8)


def _median(side: int) -> Filter:
    return lambda picture: np.asarray(cv2.medianBlur(picture, side), np.uint8)


def _total_variation(weight: float) -> Filter:
    def run(picture: Picture) -> Picture:
        result = denoise_tv_chambolle(picture / 255, weight=weight, channel_axis=-1)
        return np.clip(np.rint(result * 255), 0, 255).astype(np.uint8)

    return run


def rivals(sigma: float, quick: bool) -> dict[str, list[Filter]]:
    """Return the settings of every rival around what suits noise of ``sigma`` levels; the best of them counts."""
    return {
        "NLM": non_local_means(sigma, quick),
        "bilateral": [_bilateral(k * sigma, pixels) for k in (1, 2, 3, 4) for pixels in (1.0, 1.5, 2.5)],
        "variation": [_total_variation(k * sigma / 255) for k in (0.3, 0.5, 0.8, 1.2, 1.8)],
        "median": [_median(3), _median(5)],
    }


def non_local_means(sigma: float, quick: bool) -> list[Filter]:
    """Return OpenCV's filter with many settings."""
    grid = list(itertools.product(NLM_LUMA, NLM_COLOUR))
    return [_non_local_means(h * sigma, h_colour * sigma) for h, h_colour in (grid[1::3] if quick else grid)]


def best(truth: Picture, source: Picture, filters: list[Filter]) -> float:
    """Return the PSNR of the setting that is best by the truth, doing nothing among them."""
    return max(psnr(truth, source), *(psnr(truth, run(source)) for run in filters))


# --- tables -------------------------------------------------------------------------------------------------------


def single_pictures(found: list[Truth], quick: bool) -> None:
    """Print PSNR per noise and filter."""
    print(f"\nsingle pictures, {len(found)} crops, PSNR in dB; each rival at its best by the truth")
    names = "".join(f"{name:>11}" for name in rivals(SIGMAS[0], quick))
    print(f"{'noise':16}{'noisy':>8}{'auto':>8}{'preset':>8}{names}   gain of the preset (least)")
    for sigma in SIGMAS[1:2] if quick else SIGMAS:
        known = rivals(sigma, quick)
        for kind in KINDS:
            rows = []
            for truth, noisy in noisy_pairs(found, sigma, kind):
                made = (noisy, cleaned(noisy), cleaned(noisy, asked=True))
                ours = [psnr(truth.pixels, picture) for picture in made]
                rows.append([*ours, *(best(truth.pixels, noisy, f) for f in known.values())])
            table = np.array(rows)
            gain = table[:, 2] - table[:, 3]
            means = "".join(f"{value:8.2f}" for value in table.mean(axis=0)[:3])
            means += "".join(f"{value:11.2f}" for value in table.mean(axis=0)[3:])
            print(
                f"{sigma:3d} {kind:12}{means}   {gain.mean():+.2f} ({gain.min():+.2f}) over NLM",
                flush=True,
            )


def _true_sigma(
    truth: Picture, noisy: Picture, model: NoiseModel
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    """Return (3, B) what was laid over the picture near each level, and where there are enough pixels to tell."""
    error = planes_of(noisy) - planes_of(truth)
    luma = planes_of(truth)[0]
    sigma, told = np.zeros((3, len(model.levels))), np.zeros(len(model.levels), bool)
    for k, level in enumerate(model.levels):
        near = np.abs(luma - level) < 8
        told[k] = near.sum() >= 400
        if told[k]:
            sigma[:, k] = error[:, near].std(axis=1)
    return sigma, told


def measured_strengths(found: list[Truth]) -> None:
    """Print the measured over the true standard deviation; the pictures' own noise counts as theirs."""
    print("\nmeasured over true strength, per brightness: median (10 % … 90 %)")
    for kind, sigmas in (("white", (2, 4, *SIGMAS)), ("demosaic", SIGMAS), ("JPEG 75", SIGMAS)):
        for sigma in sigmas:
            ratios: list[list[float]] = [[], [], []]
            for truth, noisy in noisy_pairs(found, sigma, kind):
                own, model = measure_noise(truth.pixels), measure_noise(noisy)
                laid, told = _true_sigma(truth.pixels, noisy, model)
                for c in range(3):
                    there = np.hypot(laid[c], np.interp(model.levels, own.levels, own.sigma[c]))
                    ratios[c].extend((model.sigma[c] / there)[told])
            cells = [f"{np.median(r):.2f} ({np.percentile(r, 10):.2f} … {np.percentile(r, 90):.2f})" for r in ratios]
            print(f"{kind:9}{sigma:3d}   Y {cells[0]}   Cb {cells[1]}   Cr {cells[2]}", flush=True)


def clean_pictures(found: list[Truth]) -> None:
    """Print what becomes of pictures to which no noise was added."""
    print("\npictures without added noise: measured Y and chroma, PSNR of what comes back to what went in")
    for truth in found:
        noise = measure_noise(truth.pixels)
        same = psnr(truth.pixels, cleaned(truth.pixels))
        print(f"{truth.crop.name:20}{noise.luma_sigma:6.2f}{noise.chroma_sigma:6.2f}{same:8.2f}", flush=True)


def blocks(found: list[Truth]) -> None:
    """Print PSNR before and after the seams of JPEG are smoothed.

    Crops whose own file left a grid in them are no truth here: what is to be taken out would be missed.
    """
    sharp = [truth for truth in found if measure_blockiness(truth.pixels) < SEAMS_FROM]
    print(f"\nJPEG blocks, {len(sharp)} crops without a grid of their own: PSNR, gain by deblock (least)")
    for quality in (20, 30, 40, 50, 60, 80, 95):
        before = [psnr(t.pixels, compressed(t.pixels, quality)) for t in sharp]
        after = [psnr(t.pixels, np.asarray(deblock(compressed(t.pixels, quality)), np.uint8)) for t in sharp]
        gain = np.array(after) - np.array(before)
        print(f"quality {quality:3d} {np.mean(before):8.2f} {gain.mean():+8.3f} ({gain.min():+.3f})", flush=True)
    same = sum(bool((np.asarray(deblock(t.pixels)) == t.pixels).all()) for t in sharp)
    print(f"not compressed: {same} of {len(sharp)} unchanged")


def video(videos: Path, quick: bool, tune: bool) -> None:
    """Print PSNR on frames of video: neighbouring frames merged, then what is left of the noise taken out."""
    clips = (_fancams.TUNE if tune else _fancams.REPORT)[:: 3 if quick else 1]
    print("\nvideo, PSNR in dB at the size of the video")
    print(f"{'':34}{'noisy':>8}{'NLM':>8}{'single':>8}{'fused':>8}{'+ clean':>8}   gain over NLM")
    for crf in (0, 18):
        gains = []
        for sigma in SIGMAS:
            for case in _fancams.cases(clips, [_fancams.Degradation(2, sigma, crf)], videos):
                source = case.reference
                size = source.shape[1::-1]
                # The camera's own blur is no noise, and is left to what comes after.
                seen = cv2.GaussianBlur(case.truth.astype(np.float32), (0, 0), 2 * case.degradation.blur_px)
                truth = np.clip(np.rint(cv2.resize(seen, size, interpolation=cv2.INTER_AREA)), 0, 255).astype(np.uint8)
                merged = fuse(source, case.neighbours, FuseSettings(), face=case.face).pixels
                fused = np.asarray(cv2.resize(merged, size, interpolation=cv2.INTER_AREA), np.uint8)
                row = [psnr(truth, p) for p in (source, cleaned(source), fused, cleaned(fused))]
                rival = best(truth, source, non_local_means(sigma, quick))
                gains.append(row[3] - rival)
                cells = "".join(f"{value:8.2f}" for value in (row[0], rival, *row[1:]))
                print(f"{case.name:34}{cells}   {gains[-1]:+.2f}", flush=True)
        print(f"{'mean':74}   {np.mean(gains):+.2f} (least {min(gains):+.2f})")


def main(arguments: list[str]) -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(prog="low_light", description=__doc__)
    parser.add_argument("--media", type=Path, default=Path(__file__).parents[2] / "shared", help="holds data/")
    parser.add_argument("--tune", action="store_true", help="what constants were chosen on")
    parser.add_argument("--quick", action="store_true", help="one strength, four crops, a third of the settings")
    parser.add_argument("--only", choices=("single", "measured", "clean", "blocks", "video"), help="one table")
    options = parser.parse_args(arguments)
    found = truths((TUNE if options.tune else REPORT)[: 4 if options.quick else None], options.media / "data/photo")
    tables: dict[str, Callable[[], None]] = {
        "single": lambda: single_pictures(found, options.quick),
        "measured": lambda: measured_strengths(found),
        "clean": lambda: clean_pictures(found),
        "blocks": lambda: blocks(found),
        "video": lambda: video(options.media / "data/video", options.quick, options.tune),
    }
    for name, table in tables.items():
        if options.only in (None, name):
            table()
