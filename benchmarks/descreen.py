"""Descreening against the truth: screens found, what is gained over blurs chosen with the truth, what is spared.

Photographs are printed in four inks and scanned by ``printed_pages``. Everything fancam does is blind; the Gaussian is
given the deviation (and the choice of linear light or coded values) that is best for each picture, the median and
OpenCV's non-local means the best of their strengths, and making the picture smaller and larger again the best ratio
near the true period. ``pattern`` is the amplitude, in levels, of the strongest regular pattern on flat areas that the
truth has not (``periodic_levels``), before and after. The photographs of this table are none of those that the
constants of ``fancam.enhancing.descreen`` were tuned on (``TUNE``).
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import skimage.data

from fancam.enhancing.descreen.removal import descreen
from fancam.enhancing.descreen.screens import HalftoneScreen, find_screens
from fancam.media import Picture, Samples
from fancam.pictures import read_picture
from tests.figures import psnr as psnr_of
from tests.printed_pages import (
    INKS,
    Printing,
    Scan,
    card_page,
    coded_levels,
    linear,
    periodic_levels,
    photographed,
    printed_and_scanned,
)

PHOTOS = Path(__file__).parents[2] / "shared/data/photo"


@dataclass(frozen=True, slots=True)
class Page:
    """A photograph to print, made smaller so that it is crisp to the pixel of the scan."""

    name: str
    picture: str
    """A file under ``data/photo`` or a name in scikit-image."""
    left: int
    top: int
    width: int
    height: int
    reduction: float = 1.0


REPORT = (
    Page("portrait", "people/biden/biden2.jpg", 0, 0, 960, 960, 1.25),
    Page("half length", "people/biden/biden.jpg", 0, 60, 768, 1024, 1.26),
    Page("on stage", "group/obama_and_biden.jpg", 100, 60, 1152, 832, 1.6),
    Page("group of 1927", "group/solvay1927.jpg", 400, 40, 1024, 640, 1.35),
    Page("cat", "chelsea", 0, 0, 451, 300),
    Page("astronaut", "astronaut", 0, 0, 512, 512),
)
TUNE = (
    Page("smiling", "people/obama/obama.jpg", 0, 0, 640, 640, 1.42),
    Page("standing", "people/obama/obama3.jpg", 0, 0, 768, 768, 1.85),
    Page("speaking", "people/obama/obama2.jpg", 0, 100, 512, 640, 1.2),
    Page("cup", "coffee", 0, 0, 600, 400),
)
"""What the constants were chosen on; nothing here is reported."""
_QUALITIES = (85, 88, 92)
_SPOTS = ("cosine", "round")
_SPARED_DB = 50.0


def photograph(page: Page, photos: Path) -> Picture:
    """Return the page's photograph at one pixel per scan pixel."""
    if "/" in page.picture:
        whole = read_picture(photos / page.picture).pixels
    else:
        whole = getattr(skimage.data, page.picture)()
    part = whole[page.top :, page.left :][: round(page.height * page.reduction), : round(page.width * page.reduction)]
    size = page.width, page.height
    return np.asarray(cv2.resize(part, size, interpolation=cv2.INTER_AREA), np.uint8)


def printings(index: int, rulings: tuple[float, ...], dpi: float = 600.0) -> Iterator[Printing]:
    """Yield the printings of one page: another page angle, JPEG quality and spot for each."""
    for turn, lpi in enumerate(rulings):
        number = index * len(rulings) + turn
        angle = (0.3 + 1.7 * number) % 5
        yield Printing(
            lpi=lpi, dpi=dpi, page_angle_deg=angle, jpeg_quality=_QUALITIES[number % 3], spot=_SPOTS[number % 2],
            seed=number,
        )  # fmt: skip


def psnr(truth: Picture, result: Samples | npt.NDArray[np.integer | np.floating]) -> float:
    """Return the peak signal-to-noise ratio in dB."""
    return psnr_of(truth, np.asarray(result, np.uint8))


# --- rivals -------------------------------------------------------------------------------------------------------


def _best(results: Iterator[Picture], truth: Picture) -> float:
    return max(psnr(truth, result) for result in results)


def _gaussian(scan: Scan) -> Iterator[Picture]:
    light = linear(scan.pixels)
    for sigma in np.arange(0.4, 6.05, 0.1) * (scan.printing.period_px / 4):
        yield np.asarray(cv2.GaussianBlur(scan.pixels, (0, 0), float(sigma)), np.uint8)
        yield coded_levels(np.asarray(cv2.GaussianBlur(light, (0, 0), float(sigma)), np.float32))


def _median(scan: Scan) -> Iterator[Picture]:
    for side in (3, 5, 7, 9, 13):
        yield np.asarray(cv2.medianBlur(scan.pixels, side), np.uint8)


def _means(scan: Scan) -> Iterator[Picture]:
    for strength in (10, 30, 60):
        yield np.asarray(cv2.fastNlMeansDenoisingColored(scan.pixels, None, strength, strength, 5, 13), np.uint8)


def _small(scan: Scan) -> Iterator[Picture]:
    height, width = scan.pixels.shape[:2]
    for ratio in np.array([0.6, 0.8, 1.0, 1.2, 1.4]) * scan.printing.period_px:
        size = max(round(width / ratio), 1), max(round(height / ratio), 1)
        less = cv2.resize(scan.pixels, size, interpolation=cv2.INTER_AREA)
        yield np.asarray(cv2.resize(less, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)


RIVALS: dict[str, Callable[[Scan], Iterator[Picture]]] = {
    "Gaussian": _gaussian,
    "median": _median,
    "NLM": _means,
    "down/up": _small,
}


# --- tables -------------------------------------------------------------------------------------------------------


def _angle_errors(screens: tuple[HalftoneScreen, ...], printing: Printing) -> list[float]:
    """How far each screen's angle is from the nearest that was printed."""
    true = np.array([printing.angle_deg(ink) for ink in printing.inks])
    return [float(np.abs((screen.angle_deg - true + 45) % 90 - 45).min()) for screen in screens]


def _named(screens: tuple[HalftoneScreen, ...], printing: Printing) -> int:
    """How many of the inks that were named are the ones printed at that angle."""
    return sum(
        screen.ink in INKS and abs((screen.angle_deg - printing.angle_deg(screen.ink) + 45) % 90 - 45) < 1
        for screen in screens
    )


def _row(name: str, scan: Scan, slow_rivals: bool) -> float:
    printing = scan.printing
    began = time.perf_counter()
    screens = find_screens(scan.pixels, dpi=printing.dpi)
    result = descreen(scan.pixels, screens)
    seconds = time.perf_counter() - began
    ours = psnr(scan.truth, result)
    found = {
        rival: _best(make(scan), scan.truth) for rival, make in RIVALS.items() if slow_rivals or rival == "Gaussian"
    }
    period = max((abs(s.period_px / printing.period_px - 1) for s in screens), default=float("nan"))
    angle = max(_angle_errors(screens, printing), default=float("nan"))
    rest = "  ".join(f"{found[rival]:5.1f}" if rival in found else "    -" for rival in list(RIVALS)[1:])
    blur = found["Gaussian"]
    print(
        f"{name:14} {printing.lpi:4.0f} @{printing.dpi:5.0f} +{printing.page_angle_deg:3.1f} "
        f"{len(screens)}/{len(printing.inks)} {_named(screens, printing)} {100 * period:5.2f}% {angle:5.2f} "
        f"{psnr(scan.truth, scan.pixels):6.2f}  {rest}  {blur:6.2f} {ours:6.2f} {ours - blur:+6.2f} {seconds:5.1f} "
        f"{_levels(scan.pixels, scan.truth)} {_levels(result, scan.truth)}",
        flush=True,
    )
    return ours - blur


def _levels(picture: Samples, truth: Picture) -> str:
    found = periodic_levels(np.asarray(picture, np.uint8), truth)
    return "    -" if found is None else f"{found:5.2f}"


def _print_cards(photos: Path, pages: tuple[Page, ...]) -> None:
    """Print what phones see of cards with light paper around a photograph."""
    print("cards photographed by a phone")
    for index, page in enumerate(pages):
        picture = photograph(page, photos)
        part = np.ascontiguousarray(picture[:400, (picture.shape[1] - 400) // 2 :][:, :400])
        printing = Printing(
            lpi=150, dpi=(930, 760, 1100)[index % 3], page_angle_deg=(0.5 + 2.3 * index) % 5, spot=_SPOTS[index % 2],
            optics_px=1.2, noise=0, jpeg_quality=None, seed=index,
        )  # fmt: skip
        scan = photographed(printed_and_scanned(card_page(part), printing), seed=index, quality=_QUALITIES[index % 3])
        _row(page.name, scan, slow_rivals=False)


def _unscreened(photos: Path, pages: tuple[Page, ...]) -> None:
    """Print how pictures without a screen come back: as photographs, as truths, and as JPEG."""
    worst, spared, count = float("inf"), 0, 0
    for page in pages:
        plain = photograph(page, photos)
        smooth = printed_and_scanned(plain, replace(next(printings(0, (150,))), seed=1)).truth
        for picture in (plain, smooth, _as_jpeg(plain, 30), _as_jpeg(plain, 75)):
            result = descreen(picture, find_screens(picture, dpi=600))
            worst = min(worst, psnr(picture, result))
            spared += result is picture
            count += 1
    print(f"unscreened: {spared} of {count} come back as they are; worst {worst:.1f} dB (wanted {_SPARED_DB:.0f})")


def _as_jpeg(picture: Picture, quality: int) -> Picture:
    packed = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    unpacked: npt.NDArray[np.uint8] = np.asarray(cv2.imdecode(packed, cv2.IMREAD_COLOR), np.uint8)
    return unpacked


def main(arguments: list[str]) -> None:
    """Print the table of this module."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks descreen", description=__doc__)
    parser.add_argument("--photos", type=Path, default=PHOTOS, help="the folder data/photo")
    parser.add_argument("--quick", action="store_true", help="three pages, the Gaussian as the only rival")
    parser.add_argument("--cards", action="store_true", help="only the cards that a phone sees")
    parser.add_argument("--tune", action="store_true", help="the pages the constants were tuned on")
    options = parser.parse_args(arguments)
    pages: tuple[Page, ...] = TUNE if options.tune else REPORT
    pages = pages[::2] if options.quick else pages
    print(
        "page            lpi  @dpi turned inks named period angle   scan  median  NLM  down/up  Gauss*  blind   gain  s"
        "  pattern: scan, blind"
    )
    if options.cards:
        _print_cards(options.photos, pages)
        return
    gains = []
    for index, page in enumerate(pages):
        for turn, printing in enumerate(printings(index, (133.0, 150.0, 175.0))):
            scan = printed_and_scanned(photograph(page, options.photos), printing)
            gains.append(_row(page.name, scan, not options.quick and turn == 1))
    print(f"133, 150 and 175 lpi at 600 dpi: mean {np.mean(gains):+.2f} dB, least {min(gains):+.2f} dB over Gauss*")
    for index, page in enumerate(pages[:2]):
        for dpi, lpi in ((300.0, 150.0), (1200.0, 133.0)):
            printing = next(printings(index, (lpi,), dpi))
            _row(page.name, printed_and_scanned(photograph(page, options.photos), printing), slow_rivals=False)
    black = replace(next(printings(1, (150.0,))), inks=("black",))
    _row("one ink", printed_and_scanned(photograph(pages[0], options.photos), black), slow_rivals=False)
    _print_cards(options.photos, pages)
    _unscreened(options.photos, pages)
    print("Gauss*: the standard deviation, and linear light or coded values, chosen with the truth for each picture")
