"""Who prints: the limits of home printers and print shops, from ``printers.toml``."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from fancam.errors import unknown_choice
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
