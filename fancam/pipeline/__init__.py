"""The order of the stages: inputs to picks, to cards, to paper; pictures to larger ones. No image arithmetic.

``run`` does the main job, ``enhance`` whole pictures, ``card`` finished cards and ``sheet`` their PDF; ``plan`` and
``plan_enhance`` say what they would do, ``calibration`` and ``printer_offset`` measure a printer.
"""

from __future__ import annotations

from fancam.pipeline.calibration import calibration, printer_offset
from fancam.pipeline.cards import CardExtras
from fancam.pipeline.jobs import card, enhance, run, sheet
from fancam.pipeline.result import RunResult
from fancam.pipeline.sheets import SheetExtras
from fancam.pipeline.sources import Source, find_pictures, find_sources, plan, plan_enhance

__all__ = [
    "CardExtras",
    "RunResult",
    "SheetExtras",
    "Source",
    "calibration",
    "card",
    "enhance",
    "find_pictures",
    "find_sources",
    "plan",
    "plan_enhance",
    "printer_offset",
    "run",
    "sheet",
]
