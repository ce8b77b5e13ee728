"""Text that came from outside (file names, settings) made fit to be shown."""

from __future__ import annotations

import unicodedata

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
