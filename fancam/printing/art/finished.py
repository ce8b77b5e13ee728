"""What the makers of fronts and backs hand back."""

from __future__ import annotations

from dataclasses import dataclass

from fancam.records import Box, Samples


@dataclass(frozen=True, slots=True, eq=False)
class Finished:
    """A side of a card with all that lies on it."""

    pixels: Samples
    """(height, width, 3) RGB, trim and bleed."""
    text_boxes: tuple[Box, ...] = ()
    """Ink of each line of text, outline included, in pixels of the picture."""
    frame_used: str | None = None
    """What the frame was laid on: ``outer`` (bleed included) or ``trim``; None without a frame."""
    notes: tuple[str, ...] = ()
    """What the user should know: a frame whose edge was mirrored, text that hardly stands out …"""
