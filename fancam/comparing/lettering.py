"""Text on pictures: in what the font can draw, in lines that fit."""

from __future__ import annotations

from fancam.comparing.words import printable
from fancam.pictures import fitted, text_width

PAPER = (250, 250, 249)
INK = (28, 28, 30)
SOFT_INK = (98, 98, 104)

# What the font lacks, in what it has.
_SPELLED = str.maketrans({
    "×": "x", "–": "-", "—": "-", "−": "-", "Δ": "d", "≥": ">=", "≤": "<=", "≈": "~", "→": "->", "µ": "u", "ß": "ss",
    "æ": "ae", "Æ": "AE", "ø": "o", "Ø": "O", "ł": "l", "Ł": "L",
})  # fmt: skip


def drawable(text: str) -> str:
    """Return the text in what the font can draw."""
    return fitted(printable(text).translate(_SPELLED), 10, 10**9)


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
