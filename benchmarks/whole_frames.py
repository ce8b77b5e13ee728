"""Which measure finds the sharpest whole frame where there is no face: what ``fancam pick --no-faces`` picks by.

A window wanders over a scene without faces and is blurred by known amounts; then light, noise and compression are
changed independently of the blur. ``regret`` is the share of the frames that are truly sharper than the one picked
(half is chance), ``top-3`` how often the pick is among the three sharpest of 30, ``rho`` Spearman's rank correlation.
The percentile of the edges was chosen on the scenes of "tune"; those of "report" are others.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from benchmarks.sharpness import blurdetect, judge, laplacian, motion_blurred, tenengrad
from fancam.geometry import Box
from fancam.media import Picture
from fancam.picking import score_frame
from fancam.pictures import read_picture
from fancam.settings import PickSettings
from fancam.video import open_video
from tests.figures import compressed

TUNE = ("coffee", "chelsea", "video/odd/bbb_642x642_768kbps_30fps_vp9.webm")
REPORT = ("motorcycle_left", "rocket", "video/odd/bbb_1920x1080_60fps_vp8.webm", "video/dark_arena.mov")
FRAMES = 30
WINDOW_PX = (384, 216)
KINDS = ("defocus", "motion")


def scene(name: str, media: Path) -> npt.NDArray[np.float32]:
    """Return a picture without faces: of scikit-image, or the middle frame of a clip; at most 640 px wide."""
    if "/" in name:
        film = open_video(media / name)
        pixels = film.frame_at((film.info.duration_s or 0.0) / 2).pixels
    else:
        import skimage.data

        folder = Path(skimage.data.__file__).parent
        path = next(folder.glob(f"{name}.*"))
        pixels = read_picture(path).pixels
    share = min(640 / pixels.shape[1], 1.0)
    size = round(pixels.shape[1] * share), round(pixels.shape[0] * share)
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.float32)


def frames(whole: npt.NDArray[np.float32], kind: str, rng: np.random.Generator) -> Iterator[tuple[float, Picture]]:
    """Yield FRAMES pairs of the blur in pixels (standard deviation) and the picture."""
    high, wide = whole.shape[:2]
    width, height = min(WINDOW_PX[0], wide - 16), min(WINDOW_PX[1], high - 16)
    for _ in range(FRAMES):
        x, y = int(rng.integers(0, wide - width)), int(rng.integers(0, high - height))
        image = whole[y : y + height, x : x + width]
        if kind == "motion":
            length = rng.uniform(1, 16)
            blur, image = length / np.sqrt(12), motion_blurred(image, length, rng.uniform(0, np.pi))
        else:
            blur = rng.uniform(0.3, 3.5)
            image = np.asarray(cv2.GaussianBlur(image, (0, 0), blur), np.float32)
        image = image * np.float32(rng.uniform(0.5, 1.2))
        image = image + rng.normal(0, rng.uniform(0, 10), image.shape).astype(np.float32)
        picture = np.clip(np.rint(image), 0, 255).astype(np.uint8)
        yield float(blur), compressed(picture, int(rng.integers(30, 96)))


def fancam(pixels: Picture) -> float:
    """Return the sharpness that ``--no-faces`` picks by."""
    part = Box(0, 0, pixels.shape[1], pixels.shape[0])
    return score_frame(pixels, part, PickSettings()).why["sharpness"] or 0.0


MEASURES: dict[str, Callable[[Picture], float]] = {
    "Laplacian": laplacian, "Tenengrad": tenengrad, "FFmpeg blurdetect": blurdetect, "fancam": fancam,
}  # fmt: skip


def main(arguments: list[str]) -> None:
    """Print one table for the scenes of one half."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks whole_frames", description=__doc__)
    parser.add_argument("--half", choices=("tune", "report"), default="report")
    parser.add_argument("--trials", type=int, default=8)
    parser.add_argument("--media", type=Path, default=Path(__file__).parents[2] / "shared", help="holds data/")
    given = parser.parse_args(arguments)
    print(f"{'blur':<10}{'measure':<20}{'rho':>7}{'regret %':>10}{'top-3 %':>9}")
    for kind in KINDS:
        found: dict[str, list[tuple[float, float, float]]] = {name: [] for name in MEASURES}
        for number, name in enumerate(TUNE if given.half == "tune" else REPORT):
            whole = scene(name, given.media / "data")
            for trial in range(given.trials):
                shown = list(frames(whole, kind, np.random.default_rng([number, trial, len(kind)])))
                blur = np.array([one for one, _ in shown])
                for measure, value in MEASURES.items():
                    result = judge(blur, np.array([value(pixels) for _, pixels in shown]))
                    found[measure].append((result.rho, result.regret, result.top3))
        for measure, results in found.items():
            rho, regret, top3 = np.mean(results, axis=0)
            print(f"{kind:<10}{measure:<20}{rho:>7.3f}{100 * regret:>10.1f}{100 * top3:>9.0f}")
