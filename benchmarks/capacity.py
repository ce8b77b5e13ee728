"""How many cards the layout finds room for, beside what the simple formula says.

The formula is floor((paper − 2 × margin) / (trim + 2 × bleed)) along either side, the better of both orientations. With
separate gutters the layout finds the same; shared and outside gutters find more, registration marks cost some.
"""

from __future__ import annotations

import argparse
import math
from dataclasses import replace
from pathlib import Path

from fancam.errors import UsageError
from fancam.paper import card_size, paper_size
from fancam.settings import SheetSettings
from fancam.sheets import plan_sheet
from fancam.sheets.plan import SheetCard

PAPERS = ("a4", "letter", "photo-4x6", "photo-5x7", "a3plus")
CARDS = ("55x85mm", "54x86mm", "63x88mm")
BLEEDS_MM = (0.0, 1.0, 2.0, 3.0)
WAYS = ("separate", "shared", "outside", "3 marks", "4 marks")


def main(arguments: list[str]) -> None:
    """Print a row per paper, card and bleed."""
    parser = argparse.ArgumentParser(prog="capacity", description=__doc__)
    parser.add_argument("--margin", type=float, default=5.0, help="in mm")
    options = parser.parse_args(arguments)
    print(f"cards per page at a margin of {options.margin:g} mm; in brackets: the paper lies")
    print(f"{'paper':11}{'card':10}{'bleed':>6}{'formula':>9}" + "".join(f"{way:>10}" for way in WAYS))
    differ = rows = 0
    for paper in PAPERS:
        for card in CARDS:
            for bleed_mm in BLEEDS_MM:
                expected = formula(paper, card, bleed_mm, options.margin)
                counts = [found(paper, card, bleed_mm, options.margin, way) for way in WAYS]
                rows += 1
                differ += counts[0][0] != expected
                shown = "".join(f"{f'({count})' if lies else f'{count} ':>10}" for count, lies in counts)
                print(f"{paper:11}{card:10}{bleed_mm:6g}{expected:9d}{shown}")
    print(f"separate gutters differ from the formula in {differ} of {rows} rows")


def formula(paper: str, card: str, bleed_mm: float, margin_mm: float) -> int:
    """Return what the formula says."""
    sheet, size = paper_size(paper), card_size(card)
    sides = [size.width_mm + 2 * bleed_mm, size.height_mm + 2 * bleed_mm]
    room = [sheet.width_mm - 2 * margin_mm, sheet.height_mm - 2 * margin_mm]
    return max(
        math.floor(room[0] / across + 1e-9) * math.floor(room[1] / down + 1e-9) for across, down in (sides, sides[::-1])
    )


def found(paper: str, card: str, bleed_mm: float, margin_mm: float, way: str) -> tuple[int, bool]:
    """Return the cards per page of the plan, and whether its paper lies; no card is no error here."""
    size = card_size(card)
    one = SheetCard("card", Path("card.png"), size.width_mm, size.height_mm, bleed_mm)
    settings = SheetSettings(paper=paper, margin_mm=margin_mm)
    if way.endswith(" marks"):
        settings = replace(settings, registration=way[0])
    else:
        settings = replace(settings, gutter=way)
    try:
        plan = plan_sheet([one], settings)
    except UsageError:
        return 0, False
    return plan.per_page, plan.pages[0].width_mm > plan.pages[0].height_mm
