"""What had no room on the pages of a sheet, in one line each."""

from __future__ import annotations

from collections.abc import Iterator

from fancam.printing.layout.marks import SHORT_MM, CropMarks
from fancam.printing.layout.room import RULER_LENGTHS_MM
from fancam.records import Ruler
from fancam.settings import SheetSettings

_SIDES = ("above", "below", "left of", "right of")


class Lacks:
    """Gathers over all pages what is missing or smaller than it should be."""

    def __init__(self) -> None:
        """Start with nothing lacking."""
        self._without: set[str] = set()
        self._short: set[str] = set()
        self._left_out = 0
        self._ruler_mm = RULER_LENGTHS_MM[0]

    def add(self, marks: CropMarks, ruler: Ruler | None, settings: SheetSettings) -> None:
        """Take note of a front page."""
        self._without.update(marks.missing)
        self._short.update(marks.shortened)
        self._left_out += marks.left_out
        if settings.ruler == "on":
            self._ruler_mm = min(self._ruler_mm, 0.0 if ruler is None else ruler.length_mm)

    def lines(self) -> Iterator[str]:
        """Yield what is lacking."""
        if self._without:
            yield f"no room for crop marks {_sides(self._without)} the cards: a smaller margin would give it"
        if self._short:
            yield f"crop marks {_sides(self._short)} the cards are shorter than {SHORT_MM:g} mm for want of room"
        if self._left_out:
            yield f"{self._left_out} crop marks are left out beside the registration marks"
        if self._ruler_mm == 0:
            yield "no room for a ruler: measure a card to see whether the page was printed at 100 %"
        elif self._ruler_mm < RULER_LENGTHS_MM[0]:
            yield f"the ruler is {self._ruler_mm:g} mm long, for a longer one there is no room"


def _sides(found: set[str]) -> str:
    """Return the sides in words that go on with "the cards"."""
    names = [side for side in _SIDES if side in found]
    return " and ".join(names) if len(names) < 3 else ", ".join(names[:-1]) + f" and {names[-1]}"
