"""Grain that survives enlargement: how strong and how coarse it is at twice the size, against what it was.

Film grain of known strength, size, colour and curve over brightness is laid over cleaned photographs; each is enlarged
twice in five ways. What counts as the grain of a result is its difference from the same enlargement of the picture
without grain, where that picture is calm: nothing of it comes from the estimator. The target is the known field, many
times exposed; "another exposure" is one more of it, and shows what chance does to the figures. Last, a photograph with
grain of its own is judged in places where there is nothing but a wall or cloth.

The pictures are of other people than those that the estimator was tuned on (``TUNE``); ``--tune`` shows those.
"""

from __future__ import annotations

import argparse
import functools
import itertools
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from fancam.enhancing import Engine
from fancam.enhancing.grain.adding import add_grain
from fancam.enhancing.grain.measure import measure_grain
from fancam.enhancing.grain.model import Grain, remove_grain
from fancam.geometry import Box
from fancam.media import Picture, Samples
from fancam.nn import ModelStore
from fancam.pictures import read_picture, resample
from fancam.settings import EnhanceSettings

SCALE = 2
CROP_PX = 176
"""Side of the part that is enlarged; the grain is measured on the whole picture."""
PATCH_PX = 24
"""Side of the places where grain is judged, in pixels of the source."""
CALM_LEVELS = 4.0
"""Standard deviation up to which such a place is calm, in the picture without grain, its plane of light taken off."""
LIGHTNESS = (24.0, 232.0)
"""Mean luma of such places: beyond it the grain is cut by black or white, and has no known strength."""
MIN_PLACES = 8
"""Fewer of a brightness say nothing."""
LEVELS = (0, 32, 64, 96, 128, 160, 192, 224, 256)
BANDS = (0.04, 0.1, 0.16, 0.22, 0.28, 0.34, 0.4, 0.46)
"""In periods per pixel of the source."""
EXPOSURES = 6
LUMA = np.array([0.299, 0.587, 0.114], np.float32)
Plane = npt.NDArray[np.float32]
Planes = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Source:
    """A photograph, and how much smaller it is made so that its own noise goes."""

    picture: str
    reduction: float


REPORT = (
    Source("people/biden/biden.jpg", 2.0),
    Source("people/biden/biden2.jpg", 1.5),
    Source("group/obama_and_biden.jpg", 2.0),
    Source("group/solvay1927.jpg", 1.0),
)
TUNE = (
    Source("people/obama/obama2.jpg", 2.0),
    Source("people/obama/obama3.jpg", 2.0),
)
NATURAL = (
    ("group/obama_and_biden.jpg", (250, 560), (("backdrop", 1500, 120), ("backdrop", 1680, 420), ("suit", 640, 900))),
    ("people/biden/biden2.jpg", (40, 40), (("wall", 60, 60), ("wall", 1000, 100), ("suit", 200, 1000))),
)


@dataclass(frozen=True)
class Film:
    """Grain of known parameters."""

    sigma: float
    """Standard deviation in levels of 255 of the luma, or of R, G and B, at middle grey."""
    blur_px: float
    colour: bool = False
    floor: float = 0.35
    """Share of it in black and white."""

    def __str__(self) -> str:
        return f"sigma {self.sigma:g}, blur {self.blur_px:g}{', colour' if self.colour else ''}"

    def curve(self, luma: Plane) -> Plane:
        """Return the strength at each luma."""
        hill = np.sin(np.pi * np.clip(luma, 0, 255) / 255)
        return (self.sigma * (self.floor + (1 - self.floor) * hill)).astype(np.float32)

    def exposed(self, clean: Planes, seed: int) -> Planes:
        """Return (H, W, 3) grain on a picture of (H, W, 3) levels."""
        rng = np.random.default_rng(seed)
        channels = []
        for _ in range(3 if self.colour else 1):
            noise = rng.standard_normal((clean.shape[0] + 32, clean.shape[1] + 32)).astype(np.float32)
            if self.blur_px:
                impulse = np.zeros((33, 33), np.float32)
                impulse[16, 16] = 1
                gain = np.sqrt((cv2.GaussianBlur(impulse, (0, 0), self.blur_px) ** 2).sum())
                noise = cv2.GaussianBlur(noise, (0, 0), self.blur_px) / gain
            channels.append(noise[16:-16, 16:-16])
        grain = np.stack(channels * (1 if self.colour else 3), axis=-1)
        return np.asarray(grain * self.curve(clean @ LUMA)[..., None], np.float32)


FILMS = (
    Film(2, 0.7), Film(4, 0), Film(4, 1.2), Film(6, 0.8, colour=True), Film(8, 1.0), Film(12, 0.7),
    Film(12, 1.5, colour=True),
)  # fmt: skip


@dataclass
class Tally:
    """Variance by brightness and power by frequency, summed over places."""

    variance: npt.NDArray[np.float64] = field(default_factory=lambda: np.zeros(len(LEVELS) - 1))
    power: npt.NDArray[np.float64] = field(default_factory=lambda: np.zeros(len(BANDS) - 1))
    counts: npt.NDArray[np.float64] = field(default_factory=lambda: np.zeros(len(LEVELS) - 1))

    def add(
        self, grain: Plane, places: list[tuple[int, int, float]], scale: int, weight: Callable[[float], float]
    ) -> None:
        """Add the grain at these places; power is divided by the variance that is expected there."""
        side = PATCH_PX * scale
        for y, x, luma in places:
            part = _without_plane(grain[y * scale : y * scale + side, x * scale : x * scale + side])
            number = int(np.searchsorted(LEVELS, luma, side="right")) - 1
            self.variance[number] += float(part.var())
            self.counts[number] += 1
            self.power += _bands(part, scale) / weight(luma)


def _without_plane(part: Plane) -> Plane:
    along = (np.arange(len(part)) - (len(part) - 1) / 2).astype(np.float32)
    flat = part - part.mean()
    squares = float((along**2).sum() * len(part))
    flat -= (flat @ along).sum() / squares * along + (along @ flat).sum() / squares * along[:, None]
    return np.asarray(flat, np.float32)


def _bands(part: Plane, scale: int) -> npt.NDArray[np.float64]:
    """Return the density of variance per squared period per source pixel in bands."""
    window = np.hanning(len(part) + 2)[1:-1]
    window2d = window[:, None] * window
    power = np.abs(np.fft.fft2(part * window2d)) ** 2 / float((window2d**2).sum()) / scale**2
    axis = np.fft.fftfreq(len(part)) * scale
    frequency = np.hypot(axis[:, None], axis)
    return np.array([power[(frequency >= low) & (frequency < high)].mean() for low, high in itertools.pairwise(BANDS)])


# --- the ways -----------------------------------------------------------------------------------------------------


class Job:
    """One grainy picture on its way."""

    def __init__(self, engine: Engine, grainy: Picture, grain: Grain | None, part: tuple[slice, slice]) -> None:
        self.engine, self.grain = engine, grain
        self.crop = grainy[part]
        self.clean = self.crop if grain is None else np.asarray(remove_grain(grainy, grain), np.uint8)[part]

    @functools.cached_property
    def enlarged(self) -> Samples:
        """The network's picture of the source without its grain."""
        return network(self, self.clean)


def lanczos(crop: Picture) -> Samples:
    """Return the crop at twice the size."""
    height, width = crop.shape[:2]
    return resample(crop, Box(0, 0, width, height), width * SCALE, height * SCALE)


def network(job: Job, crop: Picture) -> Samples:
    """Return the crop through the network, at twice the size."""
    made = job.engine.upscale([crop])[0]
    side = crop.shape[0] * SCALE
    return resample(made, Box(0, 0, made.shape[1], made.shape[0]), side, side)


def plastic(job: Job) -> Samples:
    """Return the network's picture of the source without its grain."""
    return job.enlarged


def resampled_grain(job: Job) -> Samples:
    """Return that with what was taken out, enlarged by a filter, on top."""
    rest = job.crop.astype(np.float32) - job.clean
    larger = cv2.resize(rest, None, fx=SCALE, fy=SCALE, interpolation=cv2.INTER_CUBIC)
    return np.clip(np.rint(job.enlarged + larger), 0, 255).astype(np.uint8)


def kept(job: Job) -> Samples:
    """Return that with the grain made again."""
    return job.enlarged if job.grain is None else add_grain(job.enlarged, job.grain, SCALE)


WAYS: dict[str, tuple[Callable[[Job], Samples], bool]] = {
    "Lanczos": (lambda job: lanczos(job.crop), False),
    "network": (lambda job: network(job, job.crop), True),
    "network, grain taken out": (plastic, True),
    "  and enlarged by a filter": (resampled_grain, True),
    "  and made again (fancam)": (kept, True),
}
"""What enlarges the picture with grain, and whether the network does."""


# --- known grain --------------------------------------------------------------------------------------------------


def main(arguments: list[str]) -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks grain", description=__doc__)
    parser.add_argument("--media", type=Path, default=Path(os.environ.get("FANCAM_TEST_MEDIA", "../shared")))
    parser.add_argument("--quick", action="store_true", help="two pictures and three films")
    parser.add_argument("--tune", action="store_true", help="the pictures that the estimator was tuned on")
    parser.add_argument("--png", type=Path, help="folder for pictures of the results")
    options = parser.parse_args(arguments)
    photos = options.media / "data" / "photo"
    chosen = TUNE if options.tune else REPORT
    engine = Engine(EnhanceSettings(upscaler="realesr-animevideov3"), ModelStore())
    sources = [(source, cleaned_photo(source, photos)) for source in (chosen[:2] if options.quick else chosen)]
    films = FILMS[1::2] if options.quick else FILMS
    print("Enlarged 2x. Ratio of sigma by luma (32 levels each) and of power by frequency to those of the known grain:")
    print("mean, the worst, and how many are within 10 %.")
    worst: dict[str, list[npt.NDArray[np.float64]]] = {}
    for film in films:
        _film_table(film, sources, engine, options.png, worst)
    print(f"\n{'all films':30}{'sigma and power within 10 %':>30}{'mean departure':>18}")
    for name, ratios in worst.items():
        every = np.concatenate(ratios)
        print(f"{name:30}{np.mean(np.abs(every - 1) <= 0.1):>30.0%}{np.mean(np.abs(every - 1)):>18.1%}")
    if not options.tune:
        _natural_table(engine, photos, options.png)


def cleaned_photo(source: Source, photos: Path) -> Planes:
    """Return (H, W, 3) float32 levels of a photograph without noise of its own."""
    pixels = read_picture(photos / source.picture).pixels
    size = tuple(round(side / source.reduction) for side in pixels.shape[1::-1])
    smaller = np.ascontiguousarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)
    return np.asarray(cv2.fastNlMeansDenoisingColored(smaller, None, 4, 4, 5, 15), np.float32)


def calmest_part(clean: Planes) -> tuple[slice, slice]:
    """Return the part with the most brightnesses that have calm places, and then with the most places."""
    best, found = (-1, -1), np.s_[0:CROP_PX, 0:CROP_PX]
    places = list(calm_places(clean))
    for top in range(0, clean.shape[0] - CROP_PX + 1, CROP_PX // 4):
        for left in range(0, clean.shape[1] - CROP_PX + 1, CROP_PX // 4):
            inside = [
                luma for y, x, luma in places
                if top <= y <= top + CROP_PX - PATCH_PX and left <= x <= left + CROP_PX - PATCH_PX
            ]  # fmt: skip
            counts = np.histogram(inside, LEVELS)[0]
            worth = (int((counts >= MIN_PLACES).sum()), len(inside))
            if worth > best:
                best, found = worth, np.s_[top : top + CROP_PX, left : left + CROP_PX]
    return found


def _film_table(
    film: Film,
    sources: list[tuple[Source, Planes]],
    engine: Engine,
    png: Path | None,
    worst: dict[str, list[npt.NDArray[np.float64]]],
) -> None:
    target, again = Tally(), Tally()
    tallies = {name: Tally() for name in WAYS}
    found = []
    for number, (_source, clean) in enumerate(sources):
        part = calmest_part(clean)
        places = list(calm_places(clean[part]))
        expected = _expected(film)
        for seed in range(EXPOSURES + 1):
            truth = film.exposed(clean, 1000 * number + seed + 1)[part] @ LUMA
            (again if seed == EXPOSURES else target).add(truth, places, 1, expected)
        grainy = _levels(clean + film.exposed(clean, 1000 * number))
        job = Job(engine, grainy, measure_grain(grainy), part)
        found.append("none" if job.grain is None else f"{job.grain.sigma:.1f}")
        shown = []
        bare = _levels(clean)[part]
        without = {False: lanczos(bare), True: network(job, bare)}
        for name, (with_grain, by_network) in WAYS.items():
            made = with_grain(job)
            grain = made.astype(np.float32) - without[by_network].astype(np.float32)
            tallies[name].add(grain @ LUMA, places, SCALE, expected)
            shown.append(made)
        if png is not None:
            _save(png / f"{film}-{number}.png", [np.repeat(np.repeat(grainy[part], 2, 0), 2, 1), *shown])
    print(f"\n{film}; strongest sigma measured: {', '.join(found)}; {int(again.counts.sum())} places")
    print(f"{'':30}{'sigma':>7}{'worst':>7}{'in':>7}{'power':>9}{'worst':>7}{'in':>7}   power by frequency")
    for name, tally in {"another exposure": again, **tallies}.items():
        worst.setdefault(name, []).append(np.concatenate(_print_row(name, tally, target)))


def _expected(film: Film) -> Callable[[float], float]:
    return lambda luma: float(film.curve(np.array([luma], np.float32))[0]) ** 2


def _print_row(name: str, tally: Tally, target: Tally) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    there = tally.counts >= MIN_PLACES
    ratio = tally.variance[there] / tally.counts[there] / (target.variance[there] / target.counts[there])
    sigma = np.sqrt(ratio)
    known = target.power >= 0.02 * target.power.max()
    power = tally.power[known] / tally.counts.sum() / (target.power[known] / target.counts.sum())
    columns = [f"{name:30}"]
    for each, first in ((sigma, 7), (power, 9)):
        inside = int((np.abs(each - 1) <= 0.1).sum())
        worst = each[np.abs(np.log(np.maximum(each, 1e-6))).argmax()]
        columns.append(f"{np.mean(each):{first}.2f}{worst:7.2f}{f'{inside}/{len(each)}':>7}")
    print("".join(columns), " ", " ".join(f"{each:.2f}" for each in power), flush=True)
    return sigma, power


def calm_places(clean: Planes) -> Iterator[tuple[int, int, float]]:
    """Yield row, column and mean luma of the places of a picture without grain where nothing is but light."""
    luma = clean @ LUMA
    for y in range(0, luma.shape[0] - PATCH_PX + 1, PATCH_PX // 3):
        for x in range(0, luma.shape[1] - PATCH_PX + 1, PATCH_PX // 3):
            part = luma[y : y + PATCH_PX, x : x + PATCH_PX]
            if _without_plane(part).std() <= CALM_LEVELS and LIGHTNESS[0] <= part.mean() <= LIGHTNESS[1]:
                yield y, x, float(part.mean())


def _levels(values: Planes) -> Picture:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


# --- grain of its own ---------------------------------------------------------------------------------------------


def _natural_table(engine: Engine, photos: Path, png: Path | None) -> None:
    print("\nGrain of its own: the result against its own source in the same calm places, light taken off both")
    print(f"{'':30}{'sigma':>7}{'worst':>7}{'in':>7}{'power':>9}{'worst':>7}{'in':>7}   power by frequency")
    for name, _shown, spots in NATURAL:
        pixels = read_picture(photos / name).pixels
        grain = measure_grain(pixels)
        print(f"{name}: strongest sigma {'none' if grain is None else f'{grain.sigma:.1f}'}")
        target, tallies = Tally(), {way: Tally() for way in WAYS}
        for what, left, top in spots:
            part = np.s_[top : top + 96, left : left + 96]
            crop = pixels[part]
            job = Job(engine, pixels[top - 32 : top + 128, left - 32 : left + 128], grain, np.s_[32:128, 32:128])
            places = [(y, x, 128.0) for y in range(8, 65, 8) for x in range(8, 65, 8)]
            target.add(crop.astype(np.float32) @ LUMA, places, 1, lambda _luma: 1.0)
            shown = []
            for way, (enlarge, _by_network) in WAYS.items():
                made = enlarge(job)
                tallies[way].add(made.astype(np.float32) @ LUMA, places, SCALE, lambda _luma: 1.0)
                shown.append(made)
            if png is not None:
                _save(png / f"own-{what}-{left}.png", [np.repeat(np.repeat(crop, 2, 0), 2, 1), *shown])
        for way, tally in tallies.items():
            _print_row(way, tally, target)


def _save(path: Path, pictures: list[Samples]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.ascontiguousarray(np.concatenate(pictures, axis=1)[..., ::-1], np.uint8))
