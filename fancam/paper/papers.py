"""Papers by name, and free sizes."""

from __future__ import annotations

import functools
import tomllib
from pathlib import Path
from typing import Any

from fancam.errors import unknown_choice
from fancam.paper.elements import Paper
from fancam.paper.sizes import free_size, size_name


@functools.cache
def papers() -> dict[str, Paper]:
    """Return the named papers in the order of the file."""
    return {
        name: Paper(name, table["title"], float(table["width_mm"]), float(table["height_mm"]), table["source"])
        for name, table in _tables().items()
    }


def paper_size(text: str) -> Paper:
    """Return the paper a name or a free size stands for.

    Args:
        text: A name from ``papers.toml`` or one of its aliases (``A3+``, ``4x6in``), or a free size such as
            ``210x297mm`` or ``8 × 12 in``. Upper and lower case and spaces make no difference.

    Returns:
        The paper upright: of a free size the shorter side becomes the width.

    Raises:
        UsageError: The name is unknown (the nearest is named), or a side is not between 10 and 2000 mm.
    """
    name = _plain(text)
    found = papers().get(_aliases().get(name, name))
    if found is not None:
        return found
    sides = free_size(text, "paper")
    if sides is None:
        raise unknown_choice("paper", text, [*papers(), "WIDTHxHEIGHTmm"])
    width_mm, height_mm = sorted(sides)
    return Paper(size_name(width_mm, height_mm), "free size", width_mm, height_mm)


@functools.cache
def _tables() -> dict[str, Any]:
    return tomllib.loads((Path(__file__).parent / "papers.toml").read_text(encoding="utf-8"))


@functools.cache
def _aliases() -> dict[str, str]:
    return {_plain(alias): name for name, table in _tables().items() for alias in table.get("aliases", ())}


def _plain(text: str) -> str:
    return "".join(text.split()).lower().replace("×", "x").replace("_", "-").replace('"', "in")
