"""Where everything lies on paper: pages of cards with their marks, calibration sheets, cut paths. Arithmetic only."""

from __future__ import annotations

from fancam.printing.layout.papers import paper_size, papers
from fancam.printing.layout.sheet import plan_sheet
from fancam.printing.layout.single import plan_single

__all__ = ["paper_size", "papers", "plan_sheet", "plan_single"]
