"""Preflight of whole sheets: every card, and how the cards lie on the pages. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from fancam.paper import Check, Printer, Status
from fancam.pictures import PictureFacts
from fancam.sheets.plan import Area, Page, Placement, SheetCard, SheetPlan

_SLACK_MM = 0.01
_SIZE_SLACK_MM = 0.05


def check_sheet(
    plan: SheetPlan, cards: Sequence[SheetCard], files: Mapping[str, PictureFacts], printer: Printer
) -> tuple[Check, ...]:
    """Return what was found of a sheet: page by page, then of the whole. Its cards are checked on their own.

    Args:
        plan: All pages.
        cards: Those on them.
        files: Name of a card to the facts of its file, as it will stand in the PDF.
        printer: Its limits.
    """
    known = {card.name: card for card in cards}
    checks: list[Check] = []
    for number, page in enumerate(plan.pages, 1):
        if page.placements:
            item = f"page {number}"
            checks += [_margins(item, page, printer), _printed_bleed(item, page, printer)]
            checks += [*_marks(item, page), *_sizes(item, page, known)]
    checks += [*_ruler(plan, printer), *_layout(plan, printer), *_duplex(plan)]
    checks += _output_intent([files[card.name] for card in cards], printer)
    return tuple(checks)


# --- one page -----------------------------------------------------------------------------------------------------


def _margins(item: str, page: Page, printer: Printer) -> Check:
    """Hold what is printed of the cards against what the printer leaves white."""
    trim, shown = (_room_mm(page, [getattr(p, part) for p in page.placements]) for part in ("trim", "shown"))
    least = printer.margin_mm
    limit = f">= {least:g} mm"
    value = f"{min(trim):.1f} mm to the cut, {min(shown):.1f} mm to the bleed"
    if min(trim) < -_SLACK_MM:
        return Check(item, "margins", "fail", value, limit, "a card reaches beyond the paper: take larger paper")
    if max(shown) < least - _SLACK_MM:  # on all four sides: a page of the card's own size
        message = "the page is hardly larger than the card: print it borderless, or choose --layout sheet"
        return Check(item, "margins", "warn", value, limit, message)
    if min(trim) < least - _SLACK_MM:
        message = f"a part of a card is not printed: keep a margin of {least:g} mm"
        return Check(item, "margins", "fail", value, limit, message)
    message = f"some of the bleed is not printed: keep a margin of {least:g} mm, or print less bleed"
    return Check(item, "margins", "ok" if min(shown) >= least - _SLACK_MM else "warn", value, limit, message)


def _room_mm(page: Page, areas: Sequence[Area]) -> tuple[float, float, float, float]:
    """Return the distances of what the areas cover from the left, upper, right and lower edge of the page."""
    around = Area.around(areas)
    return around.x_mm, around.y_mm, page.width_mm - around.right_mm, page.height_mm - around.bottom_mm


def _printed_bleed(item: str, page: Page, printer: Printer) -> Check:
    printed = min(side for placement in page.placements for side in _bleed_sides(placement))
    enough = printed >= printer.bleed_mm - _SLACK_MM
    message = "white or a neighbour shows where the cut is off: print all of the bleed, with --gutter separate"
    status: Status = "ok" if enough else "fail"
    return Check(item, "bleed", status, f"{printed:.2g} mm printed", f">= {printer.bleed_mm:g} mm", message)


def _bleed_sides(placement: Placement) -> tuple[float, ...]:
    trim, shown = placement.trim, placement.shown
    return (
        trim.x_mm - shown.x_mm, trim.y_mm - shown.y_mm,
        shown.right_mm - trim.right_mm, shown.bottom_mm - trim.bottom_mm,
    )  # fmt: skip


def _marks(item: str, page: Page) -> Iterator[Check]:
    """Find marks that lie on a card or off the paper."""
    marks = [*(line.area for line in page.crop_marks), *page.registration]
    if not marks:
        return
    value = f"{len(page.crop_marks)} crop marks, {len(page.registration)} registration marks"
    limit = "on the paper, off the cards"
    on_cards = _overlapping(marks, [placement.trim for placement in page.placements])
    off = min(_room_mm(page, marks)) < -_SLACK_MM
    if on_cards or off:
        message = f"{on_cards} on a card" if on_cards else "some beyond the paper"
        yield Check(item, "marks", "fail", value, limit, f"{message}: choose other paper, or leave marks out")
        return
    on_bleed = _overlapping(marks, [placement.shown for placement in page.placements])
    message = f"{on_bleed} in the bleed: they show where the cut is off"
    yield Check(item, "marks", "warn" if on_bleed else "ok", value, limit, message)


def _overlapping(marks: Iterable[Area], areas: Sequence[Area]) -> int:
    return sum(any(mark.overlaps(area.grown(-_SLACK_MM)) for area in areas) for mark in marks)


def _sizes(item: str, page: Page, known: Mapping[str, SheetCard]) -> Iterator[Check]:
    """Find cards that are placed in another size than they have."""
    for placement in page.placements:
        card = known.get(placement.card)
        if card is None:
            continue
        wanted = (card.width_mm, card.height_mm)
        placed = (placement.trim.width_mm, placement.trim.height_mm)
        placed = placed[::-1] if placement.turn_deg % 180 else placed
        if max(abs(a - b) for a, b in zip(wanted, placed, strict=True)) > _SIZE_SLACK_MM:
            yield Check(
                item, "size", "fail", f"{placement.card} at {placed[0]:g} x {placed[1]:g} mm",
                f"{wanted[0]:g} x {wanted[1]:g} mm", "it would be printed in another size: lay the sheet out anew",
            )  # fmt: skip


# --- the whole ----------------------------------------------------------------------------------------------------


def _ruler(plan: SheetPlan, printer: Printer) -> Iterator[Check]:
    if printer.layout == "single":
        return
    fronts = [page for page in plan.pages if not page.is_back]
    with_ruler = sum(bool(page.rulers) for page in fronts)
    message = "nothing on the page shows whether it was printed at 100 %: measure a card instead"
    value = f"on {with_ruler} of {len(fronts)} pages"
    yield Check("sheet", "ruler", "ok" if with_ruler else "warn", value, "on a page", message)


def _layout(plan: SheetPlan, printer: Printer) -> Iterator[Check]:
    most = max((len(page.placements) for page in plan.pages), default=0)
    if printer.layout == "single":
        message = "this printer wants one card per page: --layout single"
        yield Check("sheet", "layout", "ok" if most <= 1 else "warn", f"{most} per page", "1 per page", message)


def _duplex(plan: SheetPlan) -> Iterator[Check]:
    """Find fronts without backs, and backs that do not lie behind their fronts."""
    pairs = [
        (front, back) for front, back in zip(plan.pages, plan.pages[1:], strict=False)
        if back.is_back and not front.is_back
    ]  # fmt: skip
    if not pairs:
        return
    fronts = sum(not page.is_back for page in plan.pages)
    cards = sum(len(page.placements) for page in plan.pages if not page.is_back)
    backs = sum(len(page.placements) for page in plan.pages if page.is_back)
    value, limit = f"{backs} backs, {cards} fronts", "a back behind every front"
    if len(pairs) < fronts or len(pairs) < sum(page.is_back for page in plan.pages):
        message = "fronts and backs do not take turns: a printer that prints both sides pairs the wrong pages"
        yield Check("sheet", "duplex", "fail", value, limit, message)
    elif not all(_mirrored(front, back) for front, back in pairs):
        yield Check("sheet", "duplex", "fail", value, limit, "a back lies beside its front: lay the sheet out anew")
    else:
        message = f"{cards - backs} cards have no back: theirs stays empty"
        yield Check("sheet", "duplex", "warn" if backs < cards else "ok", value, limit, message)


def _mirrored(front: Page, back: Page) -> bool:
    """Whether every back lies behind a front of its card when the paper is turned over one of its edges."""

    def centres(page: Page, flip_x: bool, flip_y: bool) -> list[tuple[str, float, float]]:
        found = []
        for placement in page.placements:
            x, y = placement.trim.centre_mm
            found.append((placement.card, page.width_mm - x if flip_x else x, page.height_mm - y if flip_y else y))
        return found

    there = centres(front, False, False)
    return any(
        all(
            any(card == name and abs(x - at_x) <= _SLACK_MM and abs(y - at_y) <= _SLACK_MM for card, x, y in there)
            for name, at_x, at_y in centres(back, flip_x, not flip_x)
        )
        for flip_x in (True, False)
    )


def _output_intent(files: Sequence[PictureFacts], printer: Printer) -> Iterator[Check]:
    """A PDF has one output intent: that of all its pictures (ISO 15930-7, PDF/X-4)."""
    found = sorted(set(map(_colours, files)))
    if not found:
        return
    limit = "one for all cards"
    if len(found) > 1:
        status: Status = "fail" if printer.colour == "cmyk" else "warn"
        message = "cards in different colours make one PDF: convert all of them to the same profile"
        yield Check("sheet", "output_intent", status, "; ".join(found), limit, message)
    elif printer.needs_profile and files[0].profile_space is None:
        message = "there is no profile to name in the PDF: make the cards with 'fancam card'"
        yield Check("sheet", "output_intent", "fail", found[0], limit, message)
    else:
        yield Check("sheet", "output_intent", "ok", found[0], limit)


def _colours(file: PictureFacts) -> str:
    if file.is_srgb or (file.space == "grey" and file.profile_space is None):
        return "sRGB"
    return file.profile_description or f"{file.space.upper()} without a profile"
