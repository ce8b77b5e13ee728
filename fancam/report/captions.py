"""What all reports share: words that are safe to print, lines of type on a canvas, pictures for the screen."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from fancam import __version__
from fancam.errors import unknown_choice
from fancam.geometry import Box
from fancam.media import Picture, Samples
from fancam.pictures import Canvas, FieldValue, PictureMetadata, drawable, fitted, resample, save_picture, text_width
from fancam.results import Decision

Colour = tuple[int, int, int]

PAPER: Colour = (250, 250, 249)
SHEET: Colour = (244, 244, 242)
"""Behind cards, whose white borders must show."""
INK: Colour = (28, 28, 30)
SOFT_INK: Colour = (98, 98, 104)
MOST_ZOOM = 4
"""Screen pixels per pixel of a small picture."""


# --- words --------------------------------------------------------------------------------------------------------

_REPLACEMENT = "\ufffd"
# Cc: control characters, the terminal's escape among them. Cs: halves of surrogate pairs, as file names that are not
# UTF-8 have them in Python; they cannot be encoded.
_HARMFUL = {"Cc", "Cs"}
# Directional formatting (UAX 9, section 2): turns the text after it around, so that a name reads as another one.
_TURNING = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}


def printable(text: str) -> str:
    """Return the text on one line, runs of space as one, what cannot or must not be shown as U+FFFD."""
    line = " ".join(text.split())
    return "".join(_REPLACEMENT if _is_harmful(character) else character for character in line)


def columns(text: str) -> int:
    """Return how many columns of a terminal the text takes (UAX 11: wide characters take two)."""
    return sum(
        0 if unicodedata.combining(character) else 2 if unicodedata.east_asian_width(character) in "WF" else 1
        for character in text
    )


def _is_harmful(character: str) -> bool:
    return unicodedata.category(character) in _HARMFUL or unicodedata.bidirectional(character) in _TURNING


_WIDEST_COLUMN = 32
"""A longer entry (the path of a weight file) pushes the rest of its own line only."""


def explain_lines(decisions: Sequence[Decision]) -> list[str]:
    """Return one line per step in aligned columns: step, choice, reason.

    Returns:
        Lines without line breaks or control characters; empty where there are no decisions.
    """
    rows = [[printable(text) for text in (d.step, d.choice, d.reason)] for d in decisions]
    widths = [max((width for row in rows if (width := columns(row[i])) <= _WIDEST_COLUMN), default=0) for i in range(2)]
    return [
        "  ".join([*(_padded(cell, width) for cell, width in zip(row[:2], widths, strict=True)), row[2]]).rstrip()
        for row in rows
    ]


def _padded(text: str, width: int) -> str:
    return text + " " * max(width - columns(text), 0)


# --- lines on a canvas --------------------------------------------------------------------------------------------

# What the font lacks, in what it has.
_SPELLED = str.maketrans({
    "×": "x", "–": "-", "—": "-", "−": "-", "Δ": "d", "≥": ">=", "≤": "<=", "≈": "~", "→": "->", "µ": "u", "ß": "ss",
    "æ": "ae", "Æ": "AE", "ø": "o", "Ø": "O", "ł": "l", "Ł": "L",
})  # fmt: skip


def spelled(text: str) -> str:
    """Return the text on one line, in what the font can draw."""
    return drawable(printable(text).translate(_SPELLED))


def wrapped(text: str, size_px: int, width_px: int) -> list[str]:
    """Return the text in lines no wider than this; a single word that is too wide gets an ellipsis."""
    lines: list[str] = []
    for word in text.replace(" · ", "\0· ").split(" "):
        word = word.replace("\0", " ")  # the dot stays with what it follows
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and text_width(longer, size_px) <= width_px:
            lines[-1] = longer
        elif word:
            lines.append(fitted(word, size_px, width_px))
    return lines


@dataclass(frozen=True, slots=True)
class Type:
    """The two sizes of type on a canvas."""

    text_px: int
    """Of headings."""

    @property
    def small_px(self) -> int:
        """Of everything else."""
        return round(self.text_px * 0.8)

    @property
    def line_px(self) -> int:
        """From baseline to baseline of small type."""
        return round(self.small_px * 1.4)

    def write(self, canvas: Canvas, x: int, y: int, lines: Sequence[tuple[str, Colour]]) -> None:
        """Write lines of small type; y is the baseline of the first."""
        for number, (line, colour) in enumerate(lines):
            canvas.text(x, y + self.line_px * number, line, self.small_px, colour)


# --- pictures -----------------------------------------------------------------------------------------------------


def require_png(path: Path, what: str) -> None:
    """Refuse another ending than .png.

    Raises:
        UsageError: The path does not end in .png.
    """
    if path.suffix.lower() != ".png":
        raise unknown_choice(what, path.suffix or path.name, [".png"])


def write_screen_picture(
    path: Path, pixels: Samples, description: str = "For the screen, not to print", *, source: str = "",
    fields: Mapping[str, FieldValue] | None = None, dpi: float = 96, **encoding: Any,
) -> str:  # fmt: skip
    """Write a picture for the screen, encoded as ``save_picture`` is told; return its SHA-256 in hex.

    Raises:
        OutputError: It cannot be written; nothing is left behind.
    """
    metadata = PictureMetadata(f"fancam {__version__}", description, source, dict(fields or {}))
    return save_picture(path, pixels, dpi=dpi, metadata=metadata, **encoding).sha256


def enlarged(pixels: npt.NDArray, zoom: int) -> npt.NDArray:
    """Return the picture with each pixel as a square of this many, and nothing smoothed."""
    return pixels.repeat(zoom, axis=0).repeat(zoom, axis=1)


def shrunk(pixels: Picture, width_px: int, height_px: int) -> Picture:
    """Return the picture made smaller, to be looked at.

    A much larger one is first averaged down to between two and four times the size: a resample of 100 megapixels in
    floating point would take a gigabyte.
    """
    height, width = pixels.shape[:2]
    factor = min(width // width_px, height // height_px) // 2
    if factor >= 2:
        size = width // factor, height // factor
        pixels = np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)
        width, height = size
    return resample(pixels, Box(0, 0, width, height), width_px, height_px)
