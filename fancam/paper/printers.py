"""Who prints: the limits of home printers and print shops, from ``printers.toml``, and what preflight finds."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from fancam.errors import PreflightError, unknown_choice
from fancam.paper.sizes import load_rows
from fancam.settings import DesignSettings, PressSettings


@dataclass(frozen=True, slots=True)
class Printer:
    """What a printer or print shop asks of a card."""

    name: str
    title: str
    colour: Literal["rgb", "cmyk"]
    """What the files are in."""
    bleed_mm: float
    """Least bleed on every side."""
    safe_mm: float
    """Distance from the cut within which no face and no text should be."""
    cut_error_mm: float
    """How far a cut may be off."""
    margin_mm: float
    """What it leaves white at the edges of the paper."""
    min_ppi: float
    """Pixels of the source per printed inch below which it warns."""
    fail_ppi: float
    """Pixels of the source per printed inch below which it fails."""
    dpi: float
    """Pixels of the file per printed inch below which it warns."""
    fail_dpi: float
    """Pixels of the file per printed inch below which it fails."""
    layout: Literal["sheet", "single"]
    needs_profile: bool
    """Whether the file must carry a colour profile."""
    allows_transparency: bool
    most_ink_percent: float | None
    """Most of the four inks together; None where nothing is limited by it."""
    bits: int
    """Most bits per sample."""
    formats: tuple[str, ...]
    min_text_pt: float
    corner_radius_mm: float | None
    """None where the card's size says it."""
    notes: str
    source: str
    """Where the numbers come from, in words; what no source says is called an assumption."""


@functools.cache
def printers() -> Mapping[str, Printer]:
    """Return the printers by name, in the order of the file."""
    return load_rows("printers.toml", Printer)


def printer(name: str) -> Printer:
    """Return a printer by its name.

    Raises:
        UsageError: The name is unknown; the nearest is named.
    """
    found = printers().get(name.strip().lower())
    if found is None:
        raise unknown_choice("printer", name, printers())
    return found


def limits(design: DesignSettings, press: PressSettings) -> Printer:
    """Return what the printer asks for, with the safe zone that the design asks for where it does.

    Raises:
        UsageError: The printer is unknown.
    """
    found = printer(press.printer)
    return found if design.safe_mm is None else dataclasses.replace(found, safe_mm=design.safe_mm)


DEFAULT_LIMITS = printer(PressSettings().printer)
"""Those of the printer that is taken where none is named."""


Status = Literal["ok", "warn", "fail"]

_SHOWN_FAILURES = 3


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that preflight looked at."""

    item: str
    """Name of the card or page."""
    name: str
    """``effective_ppi``, ``resolution``, ``size``, ``bleed``, ``real_bleed``, ``safe_zone``, ``profile``,
    ``transparency``, ``total_ink`` …"""
    status: Status
    """A fail breaks a limit of the chosen printer; what prints, but perhaps not as hoped, warns."""
    value: str
    """What was found, with its unit."""
    limit: str
    """What the printer asks for, with its unit."""
    message: str = ""
    """What it means and what to do, in one line; always empty where it is ok."""

    def __post_init__(self) -> None:
        if self.status == "ok":
            object.__setattr__(self, "message", "")


def require_passed(checks: Sequence[Check], *, force: bool) -> None:
    """Stop where a limit is broken.

    Raises:
        PreflightError: Something failed; it names the first failures.
    """
    failed = [check for check in checks if check.status == "fail"]
    if not failed or force:
        return
    words = [f"{c.item}: {c.name} {c.value} (limit {c.limit})" for c in failed[:_SHOWN_FAILURES]]
    more = f", and {len(failed) - len(words)} more" if len(failed) > len(words) else ""
    raise PreflightError(
        f"preflight failed: {'; '.join(words)}{more}", remedy="mend what is named, or go on with --force"
    )
