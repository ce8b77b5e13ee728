"""What settings may be, and how a wrong value is refused."""

from __future__ import annotations

from fancam.errors import UsageError

DETECTORS = ("auto", "centerface", "retinaface-resnet50", "retinaface-mobilenet")
FRAMINGS = ("face", "bust", "half")
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
DEFAULT_SCALE = 2.0
"""Of whole pictures, where neither scale, long edge nor size is asked for."""


def require(condition: bool, setting: str, value: object, rule: str) -> None:
    """Refuse a value in one line.

    Raises:
        UsageError: The condition does not hold.
    """
    if not condition:
        raise UsageError(f"{setting} is {value!r}", remedy=f"it must be {rule}")


def number_or(value: str, words: tuple[str, ...], setting: str, rule: str) -> float | None:
    """Return the number that a setting holds, or None where it holds one of its words.

    Raises:
        UsageError: It is neither.
    """
    if value in words:
        return None
    try:
        return float(value)
    except ValueError:
        raise UsageError(f"{setting} is {value!r}", remedy=f"it must be {rule}") from None
