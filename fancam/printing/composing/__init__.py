"""From a picture to the pixels of a card with bleed: which part is shown, real pixels first, the rest synthesised."""

from __future__ import annotations

from fancam.printing.composing.bleed import synthesise_bleed
from fancam.printing.composing.composition import Composition, compose
from fancam.printing.composing.rendering import render_composition
from fancam.printing.composing.seam import bleed_seam_step

__all__ = ["Composition", "bleed_seam_step", "compose", "render_composition", "synthesise_bleed"]
