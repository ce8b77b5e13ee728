"""The options that the verbs of printing share, and the lengths and numbers in them."""

from __future__ import annotations

import math
from typing import Annotated

import typer

from fancam.errors import UsageError
from fancam.paper import parse_length, printers
from fancam.settings import INTENTS, Settings

_DEFAULTS = Settings()

SizeOpt = Annotated[
    str | None,
    typer.Option(metavar="SIZE", help=f"Card after cutting: a name or WxHmm. [default: {_DEFAULTS.card.size}]"),
]
BleedOpt = Annotated[
    str | None, typer.Option(metavar="LENGTH", help=f"Per side. [default: {_DEFAULTS.card.bleed_mm:g}mm]")
]
PrinterOpt = Annotated[
    str | None,
    typer.Option(metavar="NAME", help=f"{', '.join(printers())}. [default: {_DEFAULTS.press.printer}]"),
]
ProfileOpt = Annotated[
    str | None,
    typer.Option(metavar="FILE.icc", help="Colour profile of the press or printer.", show_default=False),
]
IntentOpt = Annotated[
    str | None, typer.Option(metavar="NAME", help=f"{', '.join(INTENTS)}. [default: {_DEFAULTS.press.intent}]")
]
BlackPointOpt = Annotated[
    str | None, typer.Option(metavar="on|off", help="Black point compensation. [default: on]", show_default=False)
]
CheckOpt = Annotated[
    bool, typer.Option("--check", "--dry-run", help="Preflight only; write nothing. Exit 6 where it fails.")
]
ForceOpt = Annotated[bool, typer.Option("--force", help="Write although preflight failed.")]


def millimetres(text: str | None, option: str) -> float | None:
    """Return the length that an option gives, in millimetres.

    Raises:
        UsageError: It is no length, or one in pixels.
    """
    if text is None:
        return None
    length = parse_length(text).millimetres
    if length is None:
        raise UsageError(f"{option} is {text!r}", remedy="give it in mm, cm or in")
    return length


def numbers(text: str, option: str, count: int, shape: str) -> list[float]:
    """Return so many numbers with commas between them.

    Raises:
        UsageError: They are not.
    """
    try:
        found = [float(part) for part in text.split(",")]
    except ValueError:
        found = []
    if len(found) != count or not all(map(math.isfinite, found)):
        raise UsageError(f"{option} is {text!r}", remedy=f"give {shape}")
    return found
