"""Bleed that had to be made, against the bleed that was there.

Cards are cut out of photographs together with their true bleed; the bleed is hidden, made anew in six ways, and
compared with the truth. All figures are of the first millimetre beyond the cut, which is what a cut that is 1 mm off
shows, except texture, stripes and mirror, which are of the whole bleed. How often each way is the best one is printed
too: nothing knows what a picture does not show, and a mirror image of skin or cloth is skin or cloth.

* seam: ``seam_step`` over that of the truth; 1 is right, more is a visible line, less is a smear
* direction: mean cosine of twice the angle between the gradients and the true ones, weighted by these; 1 is right
* texture: power of the detail (what a Gaussian of 1.5 pixels takes away) over the true power; 1 is right
* stripes: change along the edge over change away from it, over that of the truth; 1 is right, more are stripes
* mirror: correlation of the detail with that of the picture reflected at the cut; the truth's is near 0

The pictures are not those that the constants were chosen on (``TUNE``); ``--tune`` shows those.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import skimage.data

from fancam.cropping import synthesise_bleed
from fancam.geometry import Box, CardGeometry
from fancam.media import Picture
from fancam.pictures import read_picture, resample
from tests.figures import psnr

Plane = npt.NDArray[np.float32]

CARD = CardGeometry(55, 85, 3, 300)
FINE_SIGMA = 1.5


@dataclass(frozen=True, slots=True)
class Cut:
    """Where a card lies in a picture; the card is never larger than what is cut out."""

    picture: str
    left: int
    top: int
    width: int


REPORT = (
    Cut("people/biden/biden2.jpg", 250, 100, 700),
    Cut("people/biden/biden.jpg", 60, 100, 850),
    Cut("people/biden/biden.jpg", 120, 850, 800),
    Cut("group/obama_and_biden.jpg", 500, 50, 800),
    Cut("group/obama_and_biden.jpg", 1050, 220, 760),
    Cut("group/solvay1927.jpg", 200, 40, 560),
    Cut("group/solvay1927.jpg", 1300, 30, 560),
    Cut("astronaut", 90, 5, 330),
    Cut("rocket", 180, 0, 280),
    Cut("chelsea", 130, 0, 200),
)
TUNE = (
    Cut("people/obama/obama.jpg", 150, 60, 700),
    Cut("people/obama/obama3.jpg", 400, 150, 900),
    Cut("people/obama/obama2.jpg", 10, 200, 600),
    Cut("coffee", 150, 5, 260),
    Cut("hubble_deep_field", 100, 50, 500),
)


def _cards(cuts: tuple[Cut, ...], photos: Path) -> Iterator[tuple[Cut, Picture, int]]:
    """Yield every cut, its card with the true bleed, and the bleed in pixels."""
    for cut in cuts:
        name = cut.picture
        picture = read_picture(photos / name).pixels if "/" in name else getattr(skimage.data, name)()
        width = min(cut.width, CARD.width_px)
        height = round(width * CARD.height_px / CARD.width_px)
        box = Box(cut.left, cut.top, cut.left + cut.width, cut.top + cut.width * CARD.height_px / CARD.width_px)
        yield cut, resample(picture, box, width, height), round(CARD.bleed_mm * width / CARD.outer_width_mm)


# --- the ways -----------------------------------------------------------------------------------------------------


def _grown(mode: int) -> Callable[[Picture, int], Picture]:
    def way(card: Picture, bleed: int) -> Picture:
        inside = np.ascontiguousarray(card[bleed:-bleed, bleed:-bleed])
        return np.asarray(cv2.copyMakeBorder(inside, bleed, bleed, bleed, bleed, mode), np.uint8)

    return way


def _odd(card: Picture, bleed: int) -> Picture:
    """Twice the edge less the mirror image: brightness and slope go on."""
    inside = card[bleed:-bleed, bleed:-bleed].astype(np.int32)
    pad = ((bleed, bleed), (bleed, bleed), (0, 0))
    return np.clip(np.pad(inside, pad, "reflect", reflect_type="odd"), 0, 255).astype(np.uint8)


def _inpainted(method: int) -> Callable[[Picture, int], Picture]:
    def way(card: Picture, bleed: int) -> Picture:
        return np.asarray(cv2.inpaint(card, _outside(card, bleed).astype(np.uint8), 5, method), np.uint8)

    return way


def _ours(card: Picture, bleed: int) -> Picture:
    return np.asarray(synthesise_bleed(card, _inside(card, bleed)), np.uint8)


WAYS: dict[str, Callable[[Picture, int], Picture]] = {
    "fancam": _ours,
    "mirror": _grown(cv2.BORDER_REFLECT_101),
    "edge smear": _grown(cv2.BORDER_REPLICATE),
    "odd reflection": _odd,
    "inpaint Telea": _inpainted(cv2.INPAINT_TELEA),
    "inpaint NS": _inpainted(cv2.INPAINT_NS),
}


def _inside(card: Picture, bleed: int) -> Box:
    return Box(bleed, bleed, card.shape[1] - bleed, card.shape[0] - bleed)


def _outside(card: Picture, bleed: int, within: int | None = None) -> npt.NDArray[np.bool_]:
    """Return where the bleed is, or its first lines beside the cut."""
    mask = np.zeros(card.shape[:2], bool)
    near = bleed if within is None else within
    mask[bleed - near : card.shape[0] - bleed + near, bleed - near : card.shape[1] - bleed + near] = True
    mask[_inside(card, bleed).as_slices()] = False
    return mask


# --- the figures --------------------------------------------------------------------------------------------------

FIGURES = ("seam", "direction", "texture", "stripes", "mirror", "PSNR", "SSIM", "time")
TARGETS = {"seam": 1.0, "texture": 1.0, "stripes": 1.0, "mirror": 0.0}
"""What is best; of the others the most, and of the time the least."""


def _figures(made: Picture, truth: Picture, bleed: int) -> dict[str, float]:
    near = _outside(truth, bleed, max(round(bleed / CARD.bleed_mm), 2))
    band = _outside(truth, bleed)
    light, true_light = (cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32) for picture in (made, truth))
    real = _inside(truth, bleed)
    return {
        "seam": seam_step(made, real) / seam_step(truth, real),
        "direction": _direction(light, true_light, near),
        "texture": float((_fine(light)[band] ** 2).mean() + 0.1) / float((_fine(true_light)[band] ** 2).mean() + 0.1),
        "stripes": _stripes(light, bleed) / _stripes(true_light, bleed),
        "mirror": _mirrored(light, bleed),
        "PSNR": psnr(made[near], truth[near]),
        "SSIM": _ssim(light, true_light, near),
    }


LUMA = np.array([0.299, 0.587, 0.114], np.float32)
"""Rec. ITU-R BT.601, the weights of JPEG's luma."""

INSIDE_LINES = 12
"""How many lines inside the known part the seam is compared with: 1 mm at 300 dpi."""

QUIET_LEVELS = 0.5
"""Added to both curvatures, in levels of 255: half a level is what rounding makes of a flat picture."""


def seam_step(pixels: Picture, real: Box) -> float:
    """Return how visible the seam of a card's bleed is: 1 where it is like the picture beside it, more where it is not.

    The mean absolute second difference of the luma across the seam (the two lines of pixels that touch it), over that
    of parallel lines just inside the known part; of all sides that have a seam, the worst.
    """
    scale = np.float32(255 / np.iinfo(pixels.dtype).max)
    steps = [_step(strip.astype(np.float32) @ LUMA * scale) for strip in _strips(pixels, real)]
    return max(steps, default=1.0)


def _strips(pixels: Picture, real: Box) -> Iterator[npt.NDArray]:
    """Yield for every seam (4 to 2 + INSIDE_LINES, length, 3): two lines outside, then those inside, inward."""
    rows, columns = real.as_slices()
    for turns, (first, last, low, high) in enumerate(
        (
            (rows.start, rows.stop, columns.start, columns.stop),
            (pixels.shape[1] - columns.stop, pixels.shape[1] - columns.start, rows.start, rows.stop),
            (pixels.shape[0] - rows.stop, pixels.shape[0] - rows.start, pixels.shape[1] - columns.stop,
             pixels.shape[1] - columns.start),
            (columns.start, columns.stop, pixels.shape[0] - rows.stop, pixels.shape[0] - rows.start),
        )
    ):  # fmt: skip
        if first >= 2 and last - first >= 4:
            yield np.rot90(pixels, turns)[first - 2 : min(first + INSIDE_LINES, last), low:high]


def _step(luma: npt.NDArray[np.float32]) -> float:
    bends = np.abs(luma[2:] - 2 * luma[1:-1] + luma[:-2]).mean(axis=1)
    return float((bends[:2].mean() + QUIET_LEVELS) / (bends[2:].mean() + QUIET_LEVELS))


def _fine(light: Plane) -> Plane:
    return light - cv2.GaussianBlur(light, (0, 0), FINE_SIGMA)


def _direction(light: Plane, truth: Plane, where: npt.NDArray[np.bool_]) -> float:
    def doubled(plane: Plane) -> tuple[Plane, Plane]:
        smooth = cv2.GaussianBlur(plane, (0, 0), 1.5)
        x, y = cv2.Sobel(smooth, cv2.CV_32F, 1, 0), cv2.Sobel(smooth, cv2.CV_32F, 0, 1)
        return np.asarray(x * x - y * y, np.float32)[where], np.asarray(2 * x * y, np.float32)[where]

    (a, b), (true_a, true_b) = doubled(light), doubled(truth)
    lengths = np.hypot(a, b) + 1e-3
    return float(((a * true_a + b * true_b) / lengths).sum() / (np.hypot(true_a, true_b).sum() + 1e-3))


def _sides(plane: Plane, bleed: int) -> Iterator[tuple[Plane, Plane]]:
    """Yield for every side the lines beyond the cut and as many inside, both from the cut on, without the corners."""
    for turns in range(4):
        turned = np.rot90(plane, turns)[:, bleed:-bleed]
        yield turned[:bleed][::-1], turned[bleed : 2 * bleed]


def _stripes(light: Plane, bleed: int) -> float:
    along, away = 0.0, 0.0
    for outside, _ in _sides(light, bleed):
        along += float(np.abs(np.diff(outside, axis=1)).mean())
        away += float(np.abs(np.diff(outside, axis=0)).mean())
    return (along + 0.2) / (away + 0.2)


def _mirrored(light: Plane, bleed: int) -> float:
    fine = _fine(light)
    pairs = [(a[1:-1].ravel(), b[2:].ravel()) for a, b in _sides(fine, bleed)]
    outside, inside = (np.concatenate(part) for part in zip(*pairs, strict=True))
    return float((outside * inside).mean() / (outside.std() * inside.std() + 1e-3))


def _ssim(light: Plane, truth: Plane, where: npt.NDArray[np.bool_]) -> float:
    """Wang et al. 2004, with their constants, averaged over a part of the picture."""

    def mean(plane: Plane) -> Plane:
        return np.asarray(cv2.GaussianBlur(plane, (0, 0), 1.5), np.float32)

    a, b = mean(light), mean(truth)
    variance_a, variance_b = mean(light * light) - a * a, mean(truth * truth) - b * b
    covariance = mean(light * truth) - a * b
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    index = (2 * a * b + c1) * (2 * covariance + c2) / ((a * a + b * b + c1) * (variance_a + variance_b + c2))
    return float(index[where].mean())


def _score(name: str, value: float) -> float:
    """Return how far from the best a figure is; ratios are as bad when halved as when doubled."""
    if name == "time":
        return value
    if name not in TARGETS:
        return -value
    return abs(float(np.log(max(value, 1e-3)))) if TARGETS[name] else abs(value)


def main(arguments: list[str]) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="bleed", description=__doc__)
    shared = Path(os.environ.get("FANCAM_TEST_MEDIA", Path(__file__).parents[2] / "shared"))
    parser.add_argument("--photos", type=Path, default=shared / "data/photo", help="the folder data/photo")
    parser.add_argument("--tune", action="store_true", help="the pictures that the constants were chosen on")
    parser.add_argument("--each", action="store_true", help="one table per card as well")
    options = parser.parse_args(arguments)
    found: dict[str, list[dict[str, float]]] = {way: [] for way in WAYS}
    for cut, truth, bleed in _cards(TUNE if options.tune else REPORT, options.photos):
        hidden = np.where(_outside(truth, bleed)[..., None], np.uint8(0), truth)
        for way, make in WAYS.items():
            start = time.perf_counter()
            made = make(hidden.copy(), bleed)
            seconds = time.perf_counter() - start
            found[way].append({**_figures(made, truth, bleed), "time": seconds})
        if options.each:
            print(f"\n{cut.picture} at {cut.left}, {cut.top}: {truth.shape[1]}x{truth.shape[0]}")
            _print({way: rows[-1:] for way, rows in found.items()})
    print(f"\n{len(found['fancam'])} cards; median, and of how many cards it is the best way\n")
    _print(found, wins=True)


def _print(found: dict[str, list[dict[str, float]]], *, wins: bool = False) -> None:
    print(f"{'':16}" + "".join(f"{name:>15}" for name in FIGURES))
    for way, rows in found.items():
        cells = []
        for name in FIGURES:
            cell = f"{float(np.median([row[name] for row in rows])):.2f}"
            if wins:
                best = [min(found, key=lambda other: _score(name, found[other][n][name])) for n in range(len(rows))]
                cell += f" ({best.count(way):2d})"
            cells.append(f"{cell:>15}")
        print(f"{way:16}" + "".join(cells))
