"""What a card shows of a picture: where faces lie on it, which pixels are real, how bleed goes on beyond the frame."""

from __future__ import annotations

from fancam.crop.bleed import synthesise_bleed
from fancam.crop.composition import Composition, compose, render_composition
from fancam.crop.framing import FRAMING_CONVENTIONS, Framing, frame_face

__all__ = [
    "FRAMING_CONVENTIONS",
    "Composition",
    "Framing",
    "compose",
    "frame_face",
    "render_composition",
    "synthesise_bleed",
]
