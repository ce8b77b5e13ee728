"""What a setting may be: choices, and the rules that stand beside a field's default and are checked when it is set."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from fancam.errors import UsageError, unknown_choice

DETECTORS = ("auto", "centerface", "retinaface-resnet50", "retinaface-mobilenet")
FRAMINGS = ("face", "bust", "half", "full")
UPSCALERS = ("realesrgan-x4plus", "realesr-animevideov3", "bicubic", "lanczos")
PRECISIONS = ("auto", "fp32", "bf16", "fp16")
CARD_FORMATS = ("png", "jpg", "tif")
RESTORERS = ("none", "auto", "restoreformer", "gfpgan", "codeformer")
SWITCH = ("on", "off")
COMPILE = ("auto", "on", "off")
AUTOMATIC = ("auto", "off")
GRAINS = ("keep", "off")
FITS = ("exact", "cover", "contain")
ORIENTATIONS = ("auto", "portrait", "landscape")
PLACES = ("top-left", "top", "top-right", "left", "centre", "right", "bottom-left", "bottom", "bottom-right")
LAYOUTS = ("auto", "sheet", "single")
GUTTERS = ("separate", "shared", "outside")
REGISTRATIONS = ("off", "3", "4")
DUPLEX = ("off", "long", "short")
INTENTS = ("perceptual", "relative", "saturation", "absolute")
DENOISERS = ("auto", "builtin", "scunet", "nafnet", "drunet")
AUTO = "auto"
AUTO_PRESETS = ("fancam", "low-light", "scan", "group", "album")
"""What ``--preset auto`` chooses from."""
DEFAULT_TOP = 8
"""Moments of a video, where nothing else says how many."""
WEIGHT_PRESETS = {
    "portrait": "eyes=2,head=2,pose=1.5",
    "smile": "smile=5,mouth=2,eyes=1.5",
    "print": "sharpness=1.5,face_size=2",
}
"""Names for weights of the terms: who looks at you with a whole head, who laughs, what bears the largest print."""
DEFAULT_SCALE = 2.0
"""Of whole pictures, where neither scale, long edge nor size is asked for."""

_Rule = Callable[[str, Any], None]


class Checked:
    """Base of every settings object: a value that breaks the rule of its field is refused when the object is made."""

    __slots__ = ()

    def __post_init__(self) -> None:
        for one in dataclasses.fields(self):  # type: ignore[arg-type]  # every subclass is a dataclass
            value = getattr(self, one.name)
            if value is not None and "rule" in one.metadata:
                one.metadata["rule"](one.name, value)
        self.check_together()

    def check_together(self) -> None:
        """Check what no field alone can be wrong about; nothing where there is no such rule."""


def require(condition: bool, setting: str, value: object, rule: str) -> None:
    """Refuse a value in one line.

    Raises:
        UsageError: The condition does not hold.
    """
    if not condition:
        raise UsageError(f"{setting} is {value!r}", remedy=f"it must be {rule}")


# --- fields with a rule; each gives what stands behind the "=" of a dataclass field -----------------------------------


def between(low: float, high: float, *, default: Any) -> Any:
    """Return a field whose number lies in [low, high]; None passes where it is the default."""
    said = f"between {low:g} and {high:g}"
    return _field(default, lambda name, value: require(low <= value <= high, name, value, said))


def inside(low: float, high: float, *, default: Any) -> Any:
    """Return a field whose number lies in (low, high)."""
    said = f"between {low:g} and {high:g}"
    return _field(default, lambda name, value: require(low < value < high, name, value, said))


def at_least(low: float, *, default: Any) -> Any:
    """Return a field whose number is not below a bound."""
    said = f"{low:g} or more" if low == 0 else f"at least {low:g}"
    return _field(default, lambda name, value: require(value >= low, name, value, said))


def above(low: float, *, default: Any) -> Any:
    """Return a field whose number is above a bound."""
    return _field(default, lambda name, value: require(value > low, name, value, f"above {low:g}"))


def zero_or(low: float, *, default: Any) -> Any:
    """Return a field whose number is 0, for automatic, or not below a bound."""
    more = "more" if low <= 1 else f"at least {low:g}"
    said = f"0 (automatic) or {more}"
    return _field(default, lambda name, value: require(value == 0 or value >= low, name, value, said))


def one_of(choices: Sequence[str], *, default: Any) -> Any:
    """Return a field that holds one of these words."""

    def rule(name: str, value: str) -> None:
        if value not in choices:
            raise unknown_choice(name, value, choices)

    return _field(default, rule)


def name_or_file(what: str, names: Sequence[str], *, default: str) -> Any:
    """Return a field that holds the name of a network, or the path of a weight file."""

    def rule(_: str, value: str) -> None:
        if value not in names and not Path(value).suffix:
            raise unknown_choice(what, value, (*names, "FILE.pth", "FILE.safetensors"))

    return _field(default, rule)


def word_or_number(
    words: Sequence[str], low: float, high: float, *, default: str, number: str, unit: str = "", whole: bool = False
) -> Any:
    """Return a field of text that holds one of these words or a number in [low, high].

    In messages ``number`` is what the number is, with its article, and the unit stands behind the bounds.
    """
    listed = ", ".join(words)
    in_range = f"a whole number from {low:g} to {high:g}" if whole else f"between {low:g} and {high:g}{unit}"

    def rule(name: str, value: str) -> None:
        if value in words:
            return
        try:
            found = float(value)
        except ValueError:
            raise UsageError(f"{name} is {value!r}", remedy=f"it must be {listed} or {number}") from None
        right = math.isfinite(found) and low <= found <= high and (not whole or found == int(found))
        require(right, name, value, f"{listed} or {in_range}")

    return _field(default, rule, takes_numbers=True)


def _field(default: Any, rule: _Rule, **more: Any) -> Any:
    return dataclasses.field(default=default, metadata={"rule": rule, **more})
