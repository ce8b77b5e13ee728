"""What lies over a card, its back, and how it will look: border, frame, text, mockup, proof."""

from __future__ import annotations

from fancam.printing.art.back import make_back
from fancam.printing.art.colours import parse_colour
from fancam.printing.art.finished import Finished
from fancam.printing.art.front import finish_front
from fancam.printing.art.mockup import cut_preview, mockup
from fancam.printing.art.overlay import safe_zone_overlay

__all__ = [
    "Finished",
    "cut_preview",
    "finish_front",
    "make_back",
    "mockup",
    "parse_colour",
    "safe_zone_overlay",
]
