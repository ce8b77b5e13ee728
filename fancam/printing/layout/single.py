"""One card per page, as print shops want it: the page is the card with its bleed, and marks lie around it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from fancam.printing.layout.cuts import cut_sheets
from fancam.printing.layout.marks import GAP_MM, LENGTHS_MM, crop_marks
from fancam.printing.layout.sheet import checked, printed_bleed_mm
from fancam.printing.sizes import size_name
from fancam.records import Area, Page, Paper, Placement, SheetCard, SheetPlan
from fancam.settings import SheetSettings

SLUG_MM = GAP_MM + LENGTHS_MM[0] + 1.0
"""Around the bleed where marks are on: they and a little paper beyond them."""


def plan_single(cards: Sequence[SheetCard], settings: SheetSettings) -> SheetPlan:
    """Lay out one card per page.

    The page is the trim with the bleed that is printed, and around that a slug for crop marks where they are on. A
    card's back follows its front; the shop turns the sheet like the page of a book, so both stand upright. Where only
    some cards have backs and duplex is on, the others are followed by an empty page: fronts and backs take turns.
    Paper, margins, gutters, registration marks and the offset of a home printer's back mean nothing here.

    Args:
        cards: At least one; their names are unique.
        settings: For copies, bleed, crop marks, duplex.

    Returns:
        The pages, and cut paths for each size of page. The paper is that of the first page.

    Raises:
        UsageError: A card has less bleed than asked for, or there are no cards.
        ValueError: Two cards have the same name.
    """
    by_name = checked(cards)
    some, every = (gather(card.back is not None for card in cards) for gather in (any, all))
    pages: list[Page] = []
    for card in cards:
        bleed_mm = printed_bleed_mm(card, settings)
        pair = [_page(card, card.front, bleed_mm, settings, is_back=False)]
        if card.back is not None or (some and settings.duplex != "off"):
            pair.append(_page(card, card.back, bleed_mm, settings, is_back=True))
        pages += pair * (card.copies * settings.copies)
    width, height = sorted((pages[0].width_mm, pages[0].height_mm))
    notes = _notes(settings, some=some, every=every)
    return SheetPlan(
        paper=Paper(size_name(width, height), "the card's own page", width, height),
        pages=tuple(pages),
        columns=1,
        rows=1,
        per_page=1,
        turned=False,
        cuts=cut_sheets(pages, by_name),
        notes=notes,
    )


def _page(card: SheetCard, picture: Path | None, bleed_mm: float, settings: SheetSettings, *, is_back: bool) -> Page:
    """Return one side of a card; without a picture its page is empty."""
    inset = bleed_mm + (SLUG_MM if settings.crop_marks == "on" else 0.0)
    trim = Area(inset, inset, card.width_mm, card.height_mm)
    width, height = trim.width_mm + 2 * inset, trim.height_mm + 2 * inset
    if picture is None:
        return Page(width, height, is_back=is_back)
    shown = trim.grown(bleed_mm)
    marks = crop_marks([trim], shown, Area(0, 0, width, height)).lines if settings.crop_marks == "on" else ()
    return Page(
        width_mm=width,
        height_mm=height,
        placements=(Placement(card.name, picture, trim, shown, trim.grown(card.bleed_mm)),),
        is_back=is_back,
        bleed_box=shown,
        trim_box=trim,
        crop_marks=marks,
    )


def _notes(settings: SheetSettings, *, some: bool, every: bool) -> tuple[str, ...]:
    notes = []
    if settings.duplex != "off" and not some:
        notes.append("no card has a back: front pages only")
    if some and not every and settings.duplex == "off":
        notes.append("some cards have a back and others have none: fronts and backs do not take turns")
    if settings.registration != "off":
        notes.append("registration marks are for sheets: a page with one card has none")
    return tuple(notes)
