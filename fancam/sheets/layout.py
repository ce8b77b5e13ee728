"""A sheet: cards in grids on as many pages as they need, with everything that is printed around them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from fancam.errors import UsageError
from fancam.paper import Paper, paper_size, size_name
from fancam.settings import SheetSettings
from fancam.sheets.grid import Form, Grid, best_grid, line_behind, place, place_backs
from fancam.sheets.margins import (
    ARM_MM,
    GAP_MM,
    LENGTHS_MM,
    RULER_LENGTHS_MM,
    THICKNESS_MM,
    CropMarks,
    FreeSpace,
    clear_zones,
    crop_marks,
    layout_warnings,
    place_note,
    place_ruler,
    registration_marks,
)
from fancam.sheets.plan import (
    EPSILON_MM,
    Area,
    BackOffset,
    CutPath,
    CutSheet,
    Note,
    Page,
    Placement,
    Ruler,
    SheetCard,
    SheetPlan,
)

SLUG_MM = GAP_MM + LENGTHS_MM[0] + 1.0
"""Around the bleed of a page of its own where marks are on: they and a little paper beyond them."""
_NO_BACKS = "no card has a back: front pages only"


def plan_sheet(cards: Sequence[SheetCard], settings: SheetSettings) -> SheetPlan:
    """Lay cards out on sheets of paper, as many as fit on each.

    Cards of one size and bleed share pages; a card's copies follow each other. Pages are in the order in which their
    first card was given. With duplex every front is followed by its back, also where it is empty: the printer pairs
    pages by their order.

    Returns:
        The pages and the cut paths; ``notes`` says what had no room.

    Raises:
        UsageError: The paper is unknown, no card fits on it or beside the registration marks, a card has less bleed
            than asked for, all positions are skipped, or there are no cards.
        ValueError: Two cards have the same name.
    """
    by_name, paper = _by_name(cards), paper_size(settings.paper)
    notes: list[str] = []
    drafts: list[_Draft] = []
    for form, group in _groups(cards, settings).items():
        grid = best_grid(form, paper, settings)
        drafts += _drafts(grid, group, settings, notes)
    backs = settings.duplex != "off" and any(card.back is not None for card in cards)
    if settings.duplex != "off" and not backs:
        notes.append(_NO_BACKS)
    pages: list[Page] = []
    marks: list[CropMarks] = []
    for number, draft in enumerate(drafts, start=1):
        front, found = _front(draft, paper, f"page {number} of {len(drafts)}", settings)
        pages.append(front)
        marks.append(found)
        if backs:
            pages.append(_back(front, draft, by_name, f"back of page {number} of {len(drafts)}", settings))
    fronts = [page for page in pages if not page.is_back]
    rulers_mm = [max((ruler.length_mm for ruler in page.rulers), default=0.0) for page in fronts]
    notes += [*layout_warnings(marks, rulers_mm if settings.ruler == "on" else ()), *_advice(pages, settings)]
    grid = drafts[0].grid
    return SheetPlan(
        paper=paper,
        pages=tuple(pages),
        columns=grid.columns,
        rows=grid.rows,
        per_page=len(_positions(grid, settings)),
        turned=grid.turned,
        cuts=_cut_sheets(fronts, by_name),
        notes=tuple(dict.fromkeys(notes)),
    )


def _by_name(cards: Sequence[SheetCard]) -> dict[str, SheetCard]:
    """Return the cards by name.

    Raises:
        UsageError: There are none.
        ValueError: Two have the same name.
    """
    if not cards:
        raise UsageError("there are no cards to print", remedy="name at least one card")
    by_name = {card.name: card for card in cards}
    if len(by_name) < len(cards):
        raise ValueError("two cards have the same name")
    return by_name


def _groups(cards: Sequence[SheetCard], settings: SheetSettings) -> dict[Form, list[SheetCard]]:
    """Return the cards by what they have in common, each as often as it is printed.

    Raises:
        UsageError: A card's file has less bleed than is to be printed.
    """
    found: dict[Form, list[SheetCard]] = {}
    for card in cards:
        form = Form(card.width_mm, card.height_mm, _printed_bleed_mm(card, settings))
        found.setdefault(form, []).extend([card] * (card.copies * settings.copies))
    return found


def _printed_bleed_mm(card: SheetCard, settings: SheetSettings) -> float:
    """Return how much bleed of a card is printed.

    Raises:
        UsageError: Its file has less than is asked for.
    """
    if settings.bleed_mm is None:
        return card.bleed_mm
    if settings.bleed_mm > card.bleed_mm + EPSILON_MM:
        raise UsageError(
            f"{settings.bleed_mm:g} mm of bleed are asked for, the file has {card.bleed_mm:g} mm",
            item=card.front, remedy="make the card with more bleed, or ask for less",
        )  # fmt: skip
    return min(settings.bleed_mm, card.bleed_mm)


@dataclass(frozen=True, slots=True)
class _Draft:
    """A page before anything but cards is on it."""

    grid: Grid
    fronts: tuple[Placement, ...]


def _positions(grid: Grid, settings: SheetSettings) -> list[int]:
    """Return the indices of the positions that get cards."""
    return [index for index in grid.usable if index + 1 not in settings.skipped]


def _drafts(
    grid: Grid, cards: Sequence[SheetCard], settings: SheetSettings, notes: list[str]
) -> Iterator[_Draft]:  # fmt: skip
    positions = _positions(grid, settings)
    if not positions:
        raise UsageError(
            f"skip leaves none of the {len(grid.usable)} positions of a page", remedy="skip fewer positions"
        )
    total = len(grid.trims)
    for position in sorted(settings.skipped):
        if position > total:
            notes.append(f"there is no position {position} to skip: a page of {grid.form} has {total}")
    if blocked := total - len(grid.usable):
        notes.append(f"{blocked} of {total} positions are left empty beside the registration marks")
    for start in range(0, len(cards), len(positions)):
        filled = dict(zip(positions, cards[start : start + len(positions)], strict=False))
        yield _Draft(grid, place(grid, filled, settings))


def _front(draft: _Draft, paper: Paper, number: str, settings: SheetSettings) -> tuple[Page, CropMarks]:
    width, height = draft.grid.page_width_mm, draft.grid.page_height_mm
    trims, block = [p.trim for p in draft.fronts], Area.around([p.shown for p in draft.fronts])
    printable = Area(0, 0, width, height).grown(-settings.margin_mm)
    zones = clear_zones(settings, width, height)
    marks, space, ruler, label = _around(trims, block, printable, zones, settings)
    facts = place_note(
        space, f"{number}, cards of {draft.grid.form}, {paper.title}", f"{number}, {draft.grid.form}", number
    )
    page = Page(
        width_mm=width,
        height_mm=height,
        placements=draft.fronts,
        bleed_box=block,
        trim_box=Area.around(trims),
        crop_marks=marks.lines,
        registration=registration_marks(settings, width, height),
        rulers=() if ruler is None else (ruler,),
        notes=tuple(note for note in (label, facts) if note is not None),
    )
    return page, marks


def _around(
    trims: Sequence[Area], block: Area, printable: Area, zones: tuple[Area, ...], settings: SheetSettings
) -> tuple[CropMarks, FreeSpace, Ruler | None, Note | None]:
    """Return crop marks, what they leave free, and the ruler with its words.

    Marks are made shorter where that gives room to a longer ruler: a short mark is as exact as a long one.
    """
    found: list[tuple[CropMarks, FreeSpace, Ruler | None, Note | None]] = []
    for longest in LENGTHS_MM if settings.crop_marks == "on" else (0.0,):
        marks = crop_marks(trims, block, printable, zones, longest) if longest else CropMarks(())
        space = FreeSpace(printable, block, (block, *zones, *(line.area for line in marks.lines)))
        if settings.ruler == "off":
            return marks, space, None, None
        ruler, label = place_ruler(space)
        found.append((marks, space, ruler, label))
        if ruler is not None and ruler.length_mm >= RULER_LENGTHS_MM[0]:
            break
    return max(found, key=lambda one: one[2].length_mm if one[2] is not None else 0.0)


def _back(
    front: Page, draft: _Draft, cards: Mapping[str, SheetCard], number: str, settings: SheetSettings
) -> Page:  # fmt: skip
    """Return the page that is printed behind a front; a cutter's marks and the ruler are on the front only."""
    width, height, duplex = front.width_mm, front.height_mm, settings.duplex
    backs = place_backs(draft.fronts, cards, width, height, duplex)
    offset = BackOffset(settings.back_x_mm, settings.back_y_mm, settings.back_angle_deg)
    if not backs:
        return Page(width, height, is_back=True, offset=offset)
    marks = tuple(line_behind(line, width, height, duplex) for line in front.crop_marks)
    block = Area.around([back.shown for back in backs])
    printable = Area(0, 0, width, height).grown(-settings.margin_mm)
    space = FreeSpace(printable, block, (block, *(line.area for line in marks)))
    facts = place_note(space, f"{number}, turned over the {duplex} edge", number)
    return Page(
        width_mm=width,
        height_mm=height,
        placements=backs,
        is_back=True,
        bleed_box=block,
        trim_box=Area.around([back.trim for back in backs]),
        crop_marks=marks,
        notes=() if facts is None else (facts,),
        offset=offset,
    )


def _advice(pages: Sequence[Page], settings: SheetSettings) -> Iterator[str]:
    """Yield what has to be set elsewhere so that the sheet comes out right."""
    if settings.registration != "off":
        yield (
            f"in Silhouette Studio set {settings.registration} registration marks, length {ARM_MM:g} mm, thickness "
            f"{THICKNESS_MM:g} mm, inset {settings.registration_inset_mm:g} mm"
        )
    moved = (settings.back_x_mm, settings.back_y_mm, settings.back_angle_deg) != (0, 0, 0)
    if moved and any(page.is_back and page.width_mm > page.height_mm for page in pages):
        yield "a back offset holds for pages that lie as the calibration sheet lay: these are landscape"


def _cut_sheets(fronts: Iterable[Page], cards: Mapping[str, SheetCard]) -> tuple[CutSheet, ...]:
    """Return the cut paths of the front pages, in the order in which they first occur.

    A page that is not full has paths of its own: nothing is cut where nothing is printed. Pages are counted from 1.
    """
    found: dict[tuple[float, float, tuple[CutPath, ...]], list[int]] = {}
    for number, page in enumerate(fronts, start=1):
        paths = tuple(CutPath(one.trim, _radius_mm(cards[one.card])) for one in page.placements)
        found.setdefault((page.width_mm, page.height_mm, paths), []).append(number)
    return tuple(CutSheet(*key, tuple(numbers)) for key, numbers in found.items())


def _radius_mm(card: SheetCard) -> float:
    return min(card.corner_radius_mm, card.width_mm / 2, card.height_mm / 2)


def plan_single(cards: Sequence[SheetCard], settings: SheetSettings) -> SheetPlan:
    """Lay out one card per page.

    The page is the trim with the bleed that is printed, and around that a slug for crop marks where they are on. A
    card's back follows its front; the shop turns the sheet like the page of a book, so both stand upright. Where only
    some cards have backs and duplex is on, the others are followed by an empty page: fronts and backs take turns.
    Paper, margins, gutters, registration marks and the offset of a home printer's back mean nothing here.

    Returns:
        The pages, and cut paths for each size of page. The paper is that of the first page.

    Raises:
        UsageError: A card has less bleed than asked for, or there are no cards.
        ValueError: Two cards have the same name.
    """
    by_name = _by_name(cards)
    some, every = (gather(card.back is not None for card in cards) for gather in (any, all))
    pages: list[Page] = []
    for card in cards:
        bleed_mm = _printed_bleed_mm(card, settings)
        pair = [_page(card, card.front, bleed_mm, settings, is_back=False)]
        if card.back is not None or (some and settings.duplex != "off"):
            pair.append(_page(card, card.back, bleed_mm, settings, is_back=True))
        pages += pair * (card.copies * settings.copies)
    notes = []
    if settings.duplex != "off" and not some:
        notes.append(_NO_BACKS)
    if some and not every and settings.duplex == "off":
        notes.append("some cards have a back and others have none: fronts and backs do not take turns")
    if settings.registration != "off":
        notes.append("registration marks are for sheets: a page with one card has none")
    width, height = sorted((pages[0].width_mm, pages[0].height_mm))
    return SheetPlan(
        paper=Paper(size_name(width, height), "the card's own page", width, height),
        pages=tuple(pages),
        columns=1,
        rows=1,
        per_page=1,
        turned=False,
        cuts=_cut_sheets([page for page in pages if not page.is_back], by_name),
        notes=tuple(notes),
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
