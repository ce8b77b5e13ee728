"""Sizes of cards and papers: named ones are data rows, free ones such as ``55x85mm`` are text; lengths with units."""

from __future__ import annotations

import functools
import math
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

from fancam.errors import UsageError, unknown_choice
from fancam.geometry import MM_PER_INCH, CardGeometry
from fancam.settings import CardSettings

_Row = TypeVar("_Row")

SMALLEST_MM = 10.0
LARGEST_MM = 2000.0

_MM_PER_UNIT = {"mm": 1.0, "cm": 10.0, "in": MM_PER_INCH, '"': MM_PER_INCH, "inch": MM_PER_INCH}
_NUMBER = r"([0-9]+(?:[.,][0-9]+)?|[.,][0-9]+)"
_LENGTH = re.compile(rf'{_NUMBER}\s*(mm|cm|inch|in|"|px)?', re.IGNORECASE)
_SIZE = re.compile(rf'{_NUMBER}\s*(mm|cm|inch|in|")?\s*[x×*]\s*{_NUMBER}\s*(mm|cm|inch|in|")?', re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class CardSize:
    """A card as it is after cutting."""

    name: str
    """Name in ``sizes.toml``, or the size in the form ``55x85mm``."""
    title: str
    width_mm: float
    height_mm: float
    corner_radius_mm: float = 0.0
    source: str = ""
    """Where the numbers come from, in words."""


@dataclass(frozen=True, slots=True)
class Paper:
    """A sheet of paper, upright."""

    name: str
    """Name in ``papers.toml``, or the size in the form ``210x297mm``."""
    title: str
    width_mm: float
    height_mm: float
    source: str = ""
    """Where the numbers come from, in words."""
    aliases: tuple[str, ...] = ()
    """Further names."""


@dataclass(frozen=True, slots=True)
class Length:
    """A length on paper, or a number of pixels."""

    value: float
    unit: str
    """``mm`` or ``px``."""

    @property
    def millimetres(self) -> float | None:
        """The length on paper; None where it was given in pixels."""
        return self.value if self.unit == "mm" else None


def load_rows(file: str, row: Callable[..., _Row]) -> Mapping[str, _Row]:
    """Return the tables of a TOML file of this room as records, by name and in the order of the file.

    A list becomes a tuple, the word "none" None, and a length (``…_mm``) a float. A key that the record does not know,
    or one that it misses, is a TypeError.
    """
    tables = tomllib.loads((Path(__file__).parent / file).read_text(encoding="utf-8"))
    return MappingProxyType(
        {name: row(name=name, **{key: _value(key, value) for key, value in table.items()})
         for name, table in tables.items()}
    )  # fmt: skip


def _value(key: str, value: Any) -> Any:
    if isinstance(value, list):
        return tuple(value)
    if value == "none":
        return None
    return float(value) if key.endswith("_mm") else value


@functools.cache
def card_sizes() -> Mapping[str, CardSize]:
    """Return the named sizes in the order of the file."""
    return load_rows("sizes.toml", CardSize)


@functools.cache
def papers() -> Mapping[str, Paper]:
    """Return the named papers in the order of the file."""
    return load_rows("papers.toml", Paper)


def card_size(text: str) -> CardSize:
    """Return the size a name or a free size stands for.

    A free size is WIDTHxHEIGHT with mm, cm or in behind the height or behind both: ``55x85mm``, ``5.5 × 8.5 cm``,
    ``2.17in x 3.35in``. Without a unit it is millimetres, as cards are sold.

    Args:
        text: Upper and lower case are the same; a decimal comma is fine.

    Raises:
        UsageError: The name is unknown (the nearest is named), or a side is not between 10 and 2000 mm.
    """
    named = card_sizes().get(text.strip().lower())
    if named is not None:
        return named
    sides = free_size(text, "card size")
    if sides is None:
        raise unknown_choice("card size", text, [*card_sizes(), "WIDTHxHEIGHTmm"])
    return CardSize(size_name(*sides), "free size", *sides)


def paper_size(text: str) -> Paper:
    """Return the paper a name or a free size stands for.

    Args:
        text: A name from ``papers.toml`` or one of its aliases (``A3+``, ``4x6in``), or a free size such as
            ``210x297mm`` or ``8 × 12 in``. Upper and lower case and spaces make no difference.

    Returns:
        The paper upright: of a free size the shorter side becomes the width.

    Raises:
        UsageError: The name is unknown (the nearest is named), or a side is not between 10 and 2000 mm.
    """
    name = _plain(text)
    for paper in papers().values():
        if name in (paper.name, *map(_plain, paper.aliases)):
            return paper
    sides = free_size(text, "paper")
    if sides is None:
        raise unknown_choice("paper", text, [*papers(), "WIDTHxHEIGHTmm"])
    width_mm, height_mm = sorted(sides)
    return Paper(size_name(width_mm, height_mm), "free size", width_mm, height_mm)


def _plain(text: str) -> str:
    return "".join(text.split()).lower().replace("×", "x").replace("_", "-").replace('"', "in")


def free_size(text: str, what: str) -> tuple[float, float] | None:
    """Return width and height in mm of a size such as ``55x85mm`` or ``4 × 6 in``; None where it has no such form.

    Args:
        text: A unit stands behind the height or behind both; without one it is millimetres.
        what: What is measured, for the error.

    Raises:
        UsageError: A side is not between 10 and 2000 mm.
    """
    match = _SIZE.fullmatch(text.strip())
    if match is None:
        return None
    width, width_unit, height, height_unit = match.groups()
    height_unit = (height_unit or width_unit or "mm").lower()
    width_mm = _number(width) * _MM_PER_UNIT[(width_unit or height_unit).lower()]
    height_mm = _number(height) * _MM_PER_UNIT[height_unit]
    for side_mm in (width_mm, height_mm):
        if not SMALLEST_MM <= side_mm <= LARGEST_MM:
            raise UsageError(
                f"{what} {text!r} has a side of {side_mm:g} mm",
                remedy=f"each side must be between {SMALLEST_MM:g} and {LARGEST_MM:g} mm",
            )
    return width_mm, height_mm


def size_name(width_mm: float, height_mm: float) -> str:
    """Return the name of a free size: ``55x85mm``."""
    return f"{width_mm:.10g}x{height_mm:.10g}mm"


def parse_length(text: str) -> Length:
    """Return a length such as ``3mm``, ``0.3cm``, ``0.1in`` or ``720px``; without a unit it is millimetres.

    Raises:
        UsageError: It is no such length.
    """
    match = _LENGTH.fullmatch(text.strip())
    if match is None:
        raise UsageError(f"{text!r} is no length", remedy="write it like 3mm, 0.3cm, 0.12in or 720px")
    number, unit = _number(match[1]), (match[2] or "mm").lower()
    return Length(number, "px") if unit == "px" else Length(number * _MM_PER_UNIT[unit], "mm")


def _number(text: str) -> float:
    return float(text.replace(",", "."))


def card_geometry(settings: CardSettings) -> CardGeometry:
    """Return the size of the card on paper and in pixels.

    With ``long_edge_px`` the paper size stays and the resolution follows, so that the long edge of the file (trim and
    both bleeds) has exactly that many pixels.

    Raises:
        UsageError: The size is unknown, or ``long_edge_px`` is less than the card's proportions allow.
    """
    size = card_size(settings.size)
    dpi = settings.dpi
    geometry = CardGeometry(size.width_mm, size.height_mm, settings.bleed_mm, dpi)
    if settings.long_edge_px is not None:
        long_mm = max(geometry.outer_width_mm, geometry.outer_height_mm)
        dpi = settings.long_edge_px / long_mm * MM_PER_INCH
        geometry = CardGeometry(size.width_mm, size.height_mm, settings.bleed_mm, dpi)
        assert max(geometry.width_px, geometry.height_px) == settings.long_edge_px, geometry
    if min(geometry.width_px, geometry.height_px) < 1 or not math.isfinite(dpi):
        raise UsageError(f"{size.name} at {dpi:.1f} dpi has no pixels", remedy="choose more dpi or a longer long edge")
    return geometry
