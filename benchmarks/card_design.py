"""What lies over a card, measured: is a border as wide as asked, a corner as round, text where it belongs?

Widths and radii are solved from the light (or alpha) of all pixels, in millimetres on the printed card; the largest of
many cards of random size, resolution and setting is shown. "ink" is how far text, in nine places and many sizes,
reaches out of the safe zone. "untouched" counts the pixels inside of a border that changed. Times are those of one card
of 55 x 85 mm at 300 dpi. A font is needed for the lines about text: ``--font FILE``.
"""

from __future__ import annotations

import argparse
import math
import time
import unicodedata
from collections.abc import Callable
from pathlib import Path

import numpy as np

from fancam.cards import cut_preview, finish_front, make_back, mockup, safe_zone_overlay
from fancam.cards.painting import pixels_per_mm, safe_zone, to_light
from fancam.geometry import Box, CardGeometry
from fancam.media import Samples
from fancam.pictures import text_mask
from fancam.settings import PLACES, DesignSettings

SIZES = ((55.0, 85.0), (54.0, 86.0), (63.0, 88.0), (85.0, 55.0), (35.0, 45.0))
FACTS = (
    ("Source", "concert.mp4"), ("Moment", "0:41.152"), ("Camera", "162 ppi"), ("Print", "300 dpi"),
    ("", "Contains invented detail."),
)  # fmt: skip


def main(arguments: list[str]) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="card_design", description=__doc__.splitlines()[0])
    parser.add_argument("--font", type=Path, help="TrueType or OpenType file; with Hangul for the Hangul line")
    parser.add_argument("--cards", type=int, default=40)
    parser.add_argument("--text", default="MINJI 2024")
    given = parser.parse_args(arguments)
    rng = np.random.default_rng(0)
    cards = [_card(rng) for _ in range(given.cards)]
    print(f"{given.cards} cards")
    print(f"  border width, largest error   {max(_border_error(card, rng) for card in cards):8.4f} mm")
    print(f"  corner radius, largest error  {max(_radius_error(card, rng) for card in cards):8.4f} mm")
    print(f"  pixels changed in a window    {sum(_changed(card, rng) for card in cards):8d}")
    if given.font is not None:
        reach = max(_ink_outside(card, given.font, given.text, rng) for card in cards)
        print(f"  ink out of the safe zone      {reach:8.4f} mm")
        print(f"  composed against decomposed   {_composition_difference(given.font):>8s}")
    print("one card of 55 x 85 mm, 300 dpi")
    for name, work in _works(given.font, given.text).items():
        start = time.perf_counter()
        work()
        print(f"  {name:28s}  {time.perf_counter() - start:8.2f} s")


def _card(rng: np.random.Generator) -> CardGeometry:
    width, height = SIZES[rng.integers(len(SIZES))]
    return CardGeometry(width, height, float(rng.uniform(0, 4)), float(rng.uniform(72, 320)))


def _flat(card: CardGeometry, level: int) -> Samples:
    return np.full((card.height_px, card.width_px, 3), level, np.uint8)


def _border_error(card: CardGeometry, rng: np.random.Generator) -> float:
    """Return how far a border's width, solved from the light of a white border on black, is from what was asked."""
    border, radius = float(rng.uniform(0.2, 8)), float(rng.uniform(0, 5))
    done = finish_front(_flat(card, 0), card, DesignSettings(border_mm=border), safe_mm=3, corner_radius_mm=radius)
    x, y = pixels_per_mm(card)
    window = float((1 - to_light(done.pixels[..., 0] / 255)).sum(dtype=np.float64)) / (x * y)
    area = window + (4 - math.pi) * max(radius - border, 0) ** 2
    both = card.width_mm + card.height_mm
    found = (2 * both - math.sqrt(4 * both**2 - 16 * (card.width_mm * card.height_mm - area))) / 8
    return abs(found - border)


def _radius_error(card: CardGeometry, rng: np.random.Generator) -> float:
    """Return how far a corner's radius, solved from the alpha that round corners take away, is from what was asked."""
    radius, front = float(rng.uniform(1, 8)), _flat(card, 0)
    x, y = pixels_per_mm(card)
    square, round_ = (int(cut_preview(front, card, r)[..., 3].sum(dtype=np.int64)) for r in (0.0, radius))
    return abs(math.sqrt((square - round_) / 255 / (x * y) / (4 - math.pi)) - radius)


def _changed(card: CardGeometry, rng: np.random.Generator) -> int:
    """Return how many pixels within a border's window changed."""
    before = rng.integers(0, 256, (card.height_px, card.width_px, 3), np.uint8)
    done = finish_front(before, card, DesignSettings(border_mm=2), safe_mm=3)
    window = safe_zone(card, 2.0)
    rows = slice(math.ceil(window.y0), math.floor(window.y1))
    columns = slice(math.ceil(window.x0), math.floor(window.x1))
    return int((done.pixels[rows, columns] != before[rows, columns]).any(axis=2).sum())


def _ink_outside(card: CardGeometry, font: Path, text: str, rng: np.random.Generator) -> float:
    """Return how far text reaches out of the safe zone in the worst of nine places, in millimetres; 0 where nowhere."""
    worst, zone = 0.0, safe_zone(card, 3.0)
    size = float(rng.uniform(1.5, 3.5))
    for place in PLACES:
        design = DesignSettings(text=text, font=str(font), text_size_mm=size, text_outline_mm=0.2, text_place=place)
        done = finish_front(_flat(card, 90), card, design, safe_mm=3.0)
        inked = (done.pixels != 90).any(axis=2)
        rows, columns = np.flatnonzero(inked.any(axis=1)), np.flatnonzero(inked.any(axis=0))
        ink = Box(columns[0], rows[0], columns[-1] + 1, rows[-1] + 1)
        out = max(zone.x0 - ink.x0, zone.y0 - ink.y0, ink.x1 - zone.x1, ink.y1 - zone.y1)
        worst = max(worst, out / min(pixels_per_mm(card)))
    return worst


def _composition_difference(font: Path) -> str:
    """Return the largest difference between Hangul given as syllables and as single jamo, in levels."""
    one = text_mask("민지", font, 47).coverage
    other = text_mask(unicodedata.normalize("NFD", "민지"), font, 47).coverage
    return str(int(np.abs(one.astype(int) - other).max())) if one.shape == other.shape else "shape"


def _works(font: Path | None, text: str) -> dict[str, Callable[[], object]]:
    card = CardGeometry(55, 85, 3, 300)
    front = np.random.default_rng(1).integers(0, 256, (card.height_px, card.width_px, 3), np.uint8)
    path = str(font) if font else None
    design = DesignSettings(border_mm=2, text=text if font else "", font=path, text_outline_mm=0.2)
    back = DesignSettings(back="provenance", font=path)
    return {
        "border and text": lambda: finish_front(front, card, design, safe_mm=3),
        "back with facts": lambda: make_back(card, back, facts=FACTS, safe_mm=3, front=front),
        "proof": lambda: safe_zone_overlay(front, card, safe_mm=3, corner_radius_mm=3),
        "mockup, 1600 px": lambda: mockup(front, card, corner_radius_mm=3),
    }
