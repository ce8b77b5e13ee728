"""Where everything lies on paper: pages of cards with their marks, calibration sheets, cut paths. Arithmetic only."""

from __future__ import annotations

from fancam.printing.layout.calibration import calibration_distance_mm, offset_from_readings, plan_calibration
from fancam.printing.layout.papers import paper_size, papers
from fancam.printing.layout.sheet import plan_sheet
from fancam.printing.layout.single import plan_single

__all__ = [
    "calibration_distance_mm",
    "offset_from_readings",
    "paper_size",
    "papers",
    "plan_calibration",
    "plan_sheet",
    "plan_single",
]
