"""The chain that was chosen, in plain text."""

from __future__ import annotations

from collections.abc import Sequence

from fancam.comparing.words import columns, printable
from fancam.records import Decision

_WIDEST_COLUMN = 32
"""A longer entry (the path of a weight file) pushes the rest of its own line only."""


def explain_lines(decisions: Sequence[Decision]) -> list[str]:
    """Return one line per step in aligned columns: step, choice, reason.

    Args:
        decisions: In the order the steps are taken.

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
