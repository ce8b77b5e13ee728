"""What a cutter cuts: the outlines of the cards, one set for all pages that are cut alike."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from fancam.records import CutPath, CutSheet, Page, SheetCard


def cut_sheets(pages: Iterable[Page], cards: Mapping[str, SheetCard]) -> tuple[CutSheet, ...]:
    """Return the cut paths of the front pages, in the order in which they first occur.

    A page that is not full has paths of its own: nothing is cut where nothing is printed.

    Args:
        pages: Of the plan; backs are passed over. Front pages are counted from 1, as sheets of paper are.
        cards: Name to card, for the corners.
    """
    found: dict[tuple[float, float, tuple[CutPath, ...]], list[int]] = {}
    fronts = (page for page in pages if not page.is_back)
    for number, page in enumerate(fronts, start=1):
        paths = tuple(
            CutPath(placement.trim, _radius_mm(cards[placement.card])) for placement in page.placements
        )  # fmt: skip
        found.setdefault((page.width_mm, page.height_mm, paths), []).append(number)
    return tuple(CutSheet(*key, tuple(numbers)) for key, numbers in found.items())


def _radius_mm(card: SheetCard) -> float:
    return min(card.corner_radius_mm, card.width_mm / 2, card.height_mm / 2)
