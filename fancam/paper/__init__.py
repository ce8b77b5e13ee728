"""What is bought and fed: card sizes, papers, printers; lengths and areas on paper. Data rows, one each."""

from __future__ import annotations

from fancam.paper.elements import (
    Area,
    BackOffset,
    Check,
    CutPath,
    CutSheet,
    Line,
    Note,
    Page,
    Paper,
    Placement,
    Ruler,
    SheetCard,
    SheetPlan,
)
from fancam.paper.papers import paper_size, papers
from fancam.paper.printers import Printer, printer, printers
from fancam.paper.sizes import CardSize, Length, card_geometry, card_size, card_sizes, parse_length

__all__ = [
    "Area",
    "BackOffset",
    "CardSize",
    "Check",
    "CutPath",
    "CutSheet",
    "Length",
    "Line",
    "Note",
    "Page",
    "Paper",
    "Placement",
    "Printer",
    "Ruler",
    "SheetCard",
    "SheetPlan",
    "card_geometry",
    "card_size",
    "card_sizes",
    "paper_size",
    "papers",
    "parse_length",
    "printer",
    "printers",
]
