"""Preflight of a card: holds what is known of it against the limits of a printer. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from fancam.geometry import MM_PER_INCH, Box, CardGeometry
from fancam.paper import Check, Printer, Status
from fancam.pictures import PictureFacts
from fancam.results import true_ppi

POINT_MM = MM_PER_INCH / 72
"""The point of desktop publishing (PDF 32000-1:2008, 8.3.2.3)."""
GAMUT_WARN_SHARE = 0.02
"""Portraits were measured to have up to 0.01 for presses on coated paper, stage lights many times that."""
_INK_TOLERANCE_PERCENT = 8
"""What rounding adds to a conversion that keeps the limit, as DUON's help pages on total ink coverage allow it."""
_SLACK_MM = 0.05
_DPI_SLACK = 0.99
"""Whole pixels make a card at 300 dpi one of 299.7."""
_REAL = 0.995


@dataclass(frozen=True, slots=True)
class CardFacts:
    """All that preflight needs to know of a finished card."""

    name: str
    facts: PictureFacts
    """Of its file."""
    width_mm: float
    """Trim width."""
    height_mm: float
    """Trim height."""
    bleed_mm: float
    """Of the file, on every side."""
    bleed_share: float = 1.0
    """Share of the bleed that is made of the picture's own pixels."""
    effective_ppi: float | None = None
    """Source pixels per printed inch before any upscaling; None where it is not known."""
    faces: tuple[Box, ...] | None = None
    """In pixels of the upright card; None where nobody looked for any."""
    text_boxes: tuple[Box, ...] = ()
    """In pixels of the upright card."""
    text_size_mm: float | None = None
    """Size of the smallest type; None where there is no text."""
    ink_percent: float | None = None
    """Most total ink, see ``most_ink``; None where the card is not in CMYK or nobody measured it."""
    out_of_gamut_share: float | None = None
    """Share of the card whose colours the press cannot print; None where there is no profile of it."""
    invented: bool | None = None
    """Whether a network added detail; None where it is not known."""
    true_scale: float | None = None
    """Share of the source's pixels along each axis that hold detail; None where it is not known."""

    @property
    def outer_mm(self) -> tuple[float, float]:
        """(width, height) of trim and both bleeds."""
        return self.width_mm + 2 * self.bleed_mm, self.height_mm + 2 * self.bleed_mm

    @property
    def dpi_at_size(self) -> float:
        """Pixels of the file per printed inch, along the side that has fewer."""
        return min(px / mm * MM_PER_INCH for px, mm in zip(self.facts.size_px, self.outer_mm, strict=True))


def check_card(facts: CardFacts, printer: Printer) -> tuple[Check, ...]:
    """Return what was found of a card, one entry for each thing that could be looked at.

    A limit of the printer that is broken fails; what prints, but perhaps not as hoped, warns.
    """
    looks = (
        _effective_ppi(facts, printer), _resolution(facts, printer), _size(facts), _bleed(facts, printer),
        _real_bleed(facts), _safe_zone(facts, printer), _text_safe(facts, printer), _text_size(facts, printer),
        _profile(facts, printer), _transparency(facts, printer), _total_ink(facts, printer), _gamut(facts),
        _depth(facts, printer), _format(facts, printer),
    )  # fmt: skip
    return tuple(check for check in looks if check is not None)


def _found(facts: CardFacts, name: str, status: Status, value: str, limit: str, message: str = "") -> Check:
    return Check(facts.name, name, status, value, limit, message)


# --- how sharp ----------------------------------------------------------------------------------------------------


def _effective_ppi(facts: CardFacts, printer: Printer) -> Check:
    limit = f">= {printer.min_ppi:g} ppi, at least {printer.fail_ppi:g}"
    ppi, dpi = facts.effective_ppi, facts.dpi_at_size
    if ppi is None:
        message = "how much a camera delivered is not known: the picture may have been made larger before"
        return _found(facts, "effective_ppi", "warn", f"not known, {dpi:.0f} dpi in the file", limit, message)
    grown = f", upscaled to {dpi:.0f} dpi" if ppi < _DPI_SLACK * dpi else ""
    invented = " with invented detail" if grown and facts.invented else ""
    # As they are written, so that 150 is never said to be less than 150.
    held_ppi = true_ppi(ppi, facts.true_scale)
    shown, true = round(ppi), round(ppi if held_ppi is None else held_ppi)
    held = f" with detail for {true}" if true < shown else ""
    value = f"source {shown} ppi{held}{grown}{invented}"
    status: Status = "fail" if shown < printer.fail_ppi else "warn" if true < printer.min_ppi else "ok"
    message = "will look soft or made up: take a sharper source, show more of it, or print a smaller card"
    return _found(facts, "effective_ppi", status, value, limit, message)


def _resolution(facts: CardFacts, printer: Printer) -> Check:
    dpi = facts.dpi_at_size
    limit = f">= {printer.dpi:g} dpi, at least {printer.fail_dpi:g}"
    fine, least = dpi >= _DPI_SLACK * printer.dpi, dpi >= _DPI_SLACK * printer.fail_dpi
    value = f"{dpi:.0f} dpi at {facts.outer_mm[0]:g} x {facts.outer_mm[1]:g} mm"
    message = f"too few pixels for its size: make the card at {printer.dpi:g} dpi"
    return _found(facts, "resolution", "ok" if fine else "warn" if least else "fail", value, limit, message)


# --- how large ----------------------------------------------------------------------------------------------------


def _size(facts: CardFacts) -> Check:
    (width, height), (outer_width, outer_height) = facts.facts.size_px, facts.outer_mm
    value = f"{width} x {height} px, {width / height:.4f}"
    limit = f"{outer_width:g} x {outer_height:g} mm with bleed, {outer_width / outer_height:.4f}"
    if not _fits(width, height, outer_width, outer_height):
        turned = _fits(height, width, outer_width, outer_height)
        cause = "it lies on its side" if turned else "wrong proportions: it would be stretched"
        remedy = "turn it" if turned else "make it with 'fancam card', or name its size and bleed"
        return _found(facts, "size", "fail", value, limit, f"{cause}; {remedy}")
    stated, dpi = facts.facts.dpi, facts.dpi_at_size
    if stated is None or abs(min(stated) / dpi - 1) > 1 - _DPI_SLACK:
        says = "no resolution" if stated is None else f"{min(stated):.0f} dpi"
        message = f"the file states {says}, not {dpi:.0f} dpi: other programs print it in another size"
        return _found(facts, "size", "warn", value, limit, message)
    return _found(facts, "size", "ok", value, limit)


def _fits(width_px: int, height_px: int, width_mm: float, height_mm: float) -> bool:
    """Whether some resolution makes these pixels of these millimetres, each side rounded by up to a pixel."""
    low = max((width_px - 1) / width_mm, (height_px - 1) / height_mm)
    return low <= min((width_px + 1) / width_mm, (height_px + 1) / height_mm)


def _bleed(facts: CardFacts, printer: Printer) -> Check:
    enough = facts.bleed_mm >= printer.bleed_mm - 0.01
    message = f"white edges show where the cut is off: make the card with {printer.bleed_mm:g} mm of bleed"
    value, limit = f"{facts.bleed_mm:g} mm", f">= {printer.bleed_mm:g} mm"
    return _found(facts, "bleed", "ok" if enough else "fail", value, limit, message)


def _real_bleed(facts: CardFacts) -> Check | None:
    if facts.bleed_mm == 0:
        return None
    share = min(max(facts.bleed_share, 0.0), 1.0)
    value, limit = f"{100 * share:.0f} % of the picture", "100 %"
    message = "the picture ends inside the bleed, the rest was made up: look at the edges, or frame it tighter"
    return _found(facts, "real_bleed", "ok" if share >= _REAL else "warn", value, limit, message)


# --- what lies where ----------------------------------------------------------------------------------------------


def _safe_zone(facts: CardFacts, printer: Printer) -> Check:
    limit = f">= {printer.safe_mm:g} mm from the cut, at least {min(printer.cut_error_mm, printer.safe_mm):g}"
    if facts.faces is None:
        message = "nobody looked for faces: see for yourself that none is near the cut"
        return _found(facts, "safe_zone", "warn", "not looked for", limit, message)
    if not facts.faces:
        return _found(facts, "safe_zone", "ok", "no face", limit)
    main = max(facts.faces, key=lambda box: box.area)
    distance = _distance_mm(facts, main)
    if distance < printer.safe_mm - _SLACK_MM:
        is_cut = distance < min(printer.cut_error_mm, printer.safe_mm)
        status: Status = "fail" if is_cut else "warn"
        message = "the cut may take some of the face" if is_cut else "nearer to the cut than most shops advise"
        return _found(
            facts, "safe_zone", status, f"face {_from_cut(distance)}", limit, f"{message}: show more around it"
        )
    others = [d for box in facts.faces if (d := _distance_mm(facts, box)) < printer.safe_mm - _SLACK_MM]
    if others:
        value = f"face {distance:.1f} mm from the cut, {len(others)} more {_from_cut(min(others))}"
        message = "a smaller face at the edge is cut, or nearly: show more, or less"
        return _found(facts, "safe_zone", "warn", value, limit, message)
    return _found(facts, "safe_zone", "ok", f"face {distance:.1f} mm from the cut", limit)


def _text_safe(facts: CardFacts, printer: Printer) -> Check | None:
    if not facts.text_boxes:
        return None
    distance = min(_distance_mm(facts, box) for box in facts.text_boxes)
    message = "the cut may take some of the text: make it smaller, or move it inward"
    status: Status = "ok" if distance >= printer.safe_mm - _SLACK_MM else "fail"
    limit = f">= {printer.safe_mm:g} mm from the cut"
    return _found(facts, "text_safe", status, f"text {_from_cut(distance)}", limit, message)


def _text_size(facts: CardFacts, printer: Printer) -> Check | None:
    if facts.text_size_mm is None:
        return None
    points = facts.text_size_mm / POINT_MM
    value, limit = f"{points:.1f} pt", f">= {printer.min_text_pt:g} pt"
    message = f"too small to read in print: at least {printer.min_text_pt * POINT_MM:.1f} mm"
    return _found(facts, "text_size", "ok" if points >= printer.min_text_pt - 0.05 else "fail", value, limit, message)


def _distance_mm(facts: CardFacts, box: Box) -> float:
    """Return how far a box is inside the cut; negative where the cut goes through it."""
    card = CardGeometry(facts.width_mm, facts.height_mm, facts.bleed_mm, facts.dpi_at_size)
    return card.margin_mm(box, Box(0, 0, *facts.facts.size_px))


def _from_cut(distance_mm: float) -> str:
    return f"{distance_mm:.1f} mm from the cut" if distance_mm >= 0 else f"{-distance_mm:.1f} mm beyond the cut"


# --- colour and file ----------------------------------------------------------------------------------------------


def _profile(facts: CardFacts, printer: Printer) -> Check:
    file = facts.facts
    named = file.profile_description or "a profile without a name"
    value = f"{file.space.upper()}, {'no profile' if file.profile_description is None else named}"
    limit = f"{printer.colour.upper()}{' with a profile' if printer.needs_profile else ''}"
    status, message = _profile_problem(file, printer)
    return _found(facts, "profile", status, value, limit, message)


def _profile_problem(file: PictureFacts, printer: Printer) -> tuple[Status, str]:
    if printer.colour == "cmyk" and file.space != "cmyk":
        return "fail", "convert it to the press: --profile FILE.icc, the profile the shop names for its paper"
    if printer.colour == "rgb" and file.space not in ("rgb", "grey"):
        return "fail", "this printer takes RGB: make the card without a CMYK profile"
    if file.profile_description is None:
        if printer.colour == "cmyk":
            return "warn", "without a profile nobody knows which press its inks are for: tell the shop"
        return ("fail" if printer.needs_profile else "warn"), "its colours are a guess: make it with 'fancam card'"
    if file.profile_space is None:
        return "fail", "its profile is damaged or not one for such pixels: make the card anew"
    if printer.colour == "rgb" and file.space == "rgb" and not file.is_srgb:
        return "warn", "not sRGB: right where the printer heeds profiles, off where it takes all for sRGB"
    return "ok", ""


def _transparency(facts: CardFacts, printer: Printer) -> Check:
    file = facts.facts
    limit = "allowed" if printer.allows_transparency else "none"
    if not file.has_alpha:
        return _found(facts, "transparency", "ok", "none", limit)
    share = file.transparent_share
    value = (
        "alpha channel" if share is None else f"{100 * share:.1f} % of the card" if share else "opaque alpha channel"
    )
    if printer.allows_transparency:
        return _found(facts, "transparency", "ok", value, limit)
    message = "transparent pixels print as nobody knows what: lay the card on a background"
    return _found(facts, "transparency", "fail" if share else "warn", value, limit, message)


def _total_ink(facts: CardFacts, printer: Printer) -> Check | None:
    most, found = printer.most_ink_percent, facts.ink_percent
    if most is None:
        return None
    limit = f"<= {most:g} %"
    if found is None:
        message = "ink is known only of a card that was converted to the press: --profile FILE.icc"
        return _found(facts, "total_ink", "warn", "not known", limit, message)
    status: Status = "fail" if found > most + _INK_TOLERANCE_PERCENT else "warn" if round(found) > most else "ok"
    message = "too much ink sets off and dries slowly: take a profile made for less ink"
    return _found(facts, "total_ink", status, f"{found:.0f} %", limit, message)


def _gamut(facts: CardFacts) -> Check | None:
    share = facts.out_of_gamut_share
    if share is None:
        return None
    message = "vivid colours come out duller: look at the soft proof (--proof)"
    status: Status = "warn" if share > GAMUT_WARN_SHARE else "ok"
    value, limit = f"{100 * share:.1f} % of the card", f"<= {100 * GAMUT_WARN_SHARE:g} %"
    return _found(facts, "gamut", status, value, limit, message)


def _depth(facts: CardFacts, printer: Printer) -> Check:
    bits = facts.facts.bits
    message = f"write it with {printer.bits} bits: many shops' programs cannot open more"
    status: Status = "ok" if bits <= printer.bits else "fail"
    return _found(facts, "depth", status, f"{bits} bits", f"<= {printer.bits} bits", message)


def _format(facts: CardFacts, printer: Printer) -> Check:
    known = facts.facts.format in printer.formats
    message = f"save it as {' or '.join(printer.formats)}"
    limit = ", ".join(printer.formats)
    return _found(facts, "format", "ok" if known else "fail", facts.facts.format or "unknown", limit, message)
