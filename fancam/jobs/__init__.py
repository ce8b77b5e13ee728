"""The order of the stages: inputs to picks, to cards, to paper; pictures to larger ones. No image arithmetic.

``run`` does the main job, ``enhance`` whole pictures, ``card`` finished cards and ``sheet`` their PDF; ``plan`` and
``plan_enhance`` say what they would do, ``calibration`` and ``printer_offset`` measure a printer.

What a name needs is loaded when it is first used: cards and sheets need no network, and loading torch takes seconds and
hundreds of megabytes.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fancam.jobs.calibrating import calibration, printer_offset
    from fancam.jobs.cards import CardExtras, card
    from fancam.jobs.result import RunResult
    from fancam.jobs.sheets import SheetExtras, sheet
    from fancam.jobs.sources import Source, find_pictures, find_sources, plan, plan_enhance
    from fancam.jobs.verbs import enhance, run

_PLACES = {
    "calibrating": ("calibration", "printer_offset"),
    "cards": ("CardExtras", "card"),
    "verbs": ("enhance", "run"),
    "result": ("RunResult",),
    "sheets": ("SheetExtras", "sheet"),
    "sources": ("Source", "find_pictures", "find_sources", "plan", "plan_enhance"),
}

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


def __getattr__(name: str) -> Any:
    """Load what a public name needs (PEP 562).

    No module of this room may be called like one of them: a module that is loaded becomes an attribute of its room.
    """
    for module, names in _PLACES.items():
        if name in names:
            return getattr(importlib.import_module(f"fancam.jobs.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
