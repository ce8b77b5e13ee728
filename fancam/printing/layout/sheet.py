"""A sheet: cards in grids on as many pages as they need, with everything that is printed around them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from fancam.errors import UsageError
from fancam.printing.layout.cuts import cut_sheets
from fancam.printing.layout.grid import EPSILON_MM, Form, Grid, best_grid
from fancam.printing.layout.lacks import Lacks
from fancam.printing.layout.marks import LENGTHS_MM, CropMarks, crop_marks, line_area
from fancam.printing.layout.papers import paper_size
from fancam.printing.layout.placing import line_behind, place, place_backs
from fancam.printing.layout.registration import ARM_MM, THICKNESS_MM, clear_zones, registration_marks
from fancam.printing.layout.room import RULER_LENGTHS_MM, Room, place_note, place_ruler
from fancam.records import Area, BackOffset, Note, Page, Paper, Placement, Ruler, SheetCard, SheetPlan
from fancam.settings import SheetSettings


def plan_sheet(cards: Sequence[SheetCard], settings: SheetSettings) -> SheetPlan:
    """Lay cards out on sheets of paper, as many as fit on each.

    Cards of one size and bleed share pages; a card's copies follow each other. Pages are in the order in which their
    first card was given. With duplex every front is followed by its back, also where it is empty: the printer pairs
    pages by their order.

    Args:
        cards: At least one; their names are unique.
        settings: How they lie on paper.

    Returns:
        The pages and the cut paths; ``notes`` says what had no room.

    Raises:
        UsageError: The paper is unknown, no card fits on it or beside the registration marks, a card has less bleed
            than asked for, all positions are skipped, or there are no cards.
        ValueError: Two cards have the same name.
    """
    by_name, paper = checked(cards), paper_size(settings.paper)
    notes: list[str] = []
    lacks = Lacks()
    drafts: list[_Draft] = []
    for form, group in groups(cards, settings).items():
        grid = best_grid(form, paper, settings)
        drafts += _drafts(grid, group, settings, notes)
    backs = settings.duplex != "off" and any(card.back is not None for card in cards)
    if settings.duplex != "off" and not backs:
        notes.append("no card has a back: front pages only")
    pages: list[Page] = []
    for number, draft in enumerate(drafts, start=1):
        front = _front(draft, paper, f"page {number} of {len(drafts)}", settings, lacks)
        pages.append(front)
        if backs:
            pages.append(_back(front, draft, by_name, f"back of page {number} of {len(drafts)}", settings))
    notes += [*lacks.lines(), *_advice(pages, settings)]
    first = drafts[0]
    return SheetPlan(
        paper=paper,
        pages=tuple(pages),
        columns=first.grid.columns,
        rows=first.grid.rows,
        per_page=len(_positions(first.grid, settings)),
        turned=first.grid.turned,
        cuts=cut_sheets(pages, by_name),
        notes=tuple(dict.fromkeys(notes)),
    )


def checked(cards: Sequence[SheetCard]) -> dict[str, SheetCard]:
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


def groups(cards: Sequence[SheetCard], settings: SheetSettings) -> dict[Form, list[SheetCard]]:
    """Return the cards by what they have in common, each as often as it is printed.

    Raises:
        UsageError: A card's file has less bleed than is to be printed.
    """
    found: dict[Form, list[SheetCard]] = {}
    for card in cards:
        form = Form(card.width_mm, card.height_mm, printed_bleed_mm(card, settings))
        found.setdefault(form, []).extend([card] * (card.copies * settings.copies))
    return found


def printed_bleed_mm(card: SheetCard, settings: SheetSettings) -> float:
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


def _front(draft: _Draft, paper: Paper, number: str, settings: SheetSettings, lacks: Lacks) -> Page:
    width, height = draft.grid.page_width_mm, draft.grid.page_height_mm
    trims, block = [p.trim for p in draft.fronts], Area.around([p.shown for p in draft.fronts])
    printable = Area(0, 0, width, height).grown(-settings.margin_mm)
    zones = clear_zones(settings, width, height)
    marks, room, ruler, label = _around(trims, block, printable, zones, settings)
    lacks.add(marks, ruler, settings)
    facts = place_note(
        room,
        f"{number}, cards of {draft.grid.form}, {paper.title}",
        f"{number}, {draft.grid.form}",
        number,
    )
    return Page(
        width_mm=width,
        height_mm=height,
        placements=draft.fronts,
        bleed_box=block,
        trim_box=Area.around(trims),
        crop_marks=marks.lines,
        registration=registration_marks(settings, width, height),
        ruler=ruler,
        notes=tuple(note for note in (label, facts) if note is not None),
    )


def _around(
    trims: Sequence[Area], block: Area, printable: Area, zones: tuple[Area, ...], settings: SheetSettings
) -> tuple[CropMarks, Room, Ruler | None, Note | None]:
    """Return crop marks, what they leave free, and the ruler with its words.

    Marks are made shorter where that gives room to a longer ruler: a short mark is as exact as a long one.
    """
    found: list[tuple[CropMarks, Room, Ruler | None, Note | None]] = []
    for longest in LENGTHS_MM if settings.crop_marks == "on" else (0.0,):
        marks = crop_marks(trims, block, printable, zones, longest) if longest else CropMarks(())
        room = Room(printable, block, (block, *zones, *map(line_area, marks.lines)))
        if settings.ruler == "off":
            return marks, room, None, None
        found.append((marks, room, *place_ruler(room)))
        ruler = found[-1][2]
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
    room = Room(Area(0, 0, width, height).grown(-settings.margin_mm), block, (block, *map(line_area, marks)))
    facts = place_note(room, f"{number}, turned over the {duplex} edge", number)
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
