"""The options that several verbs share, each named once."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import platformdirs
import typer

from fancam.errors import UsageError
from fancam.nn import ModelStore
from fancam.settings import DENOISERS, PRECISIONS, RESTORERS, UPSCALERS, Settings, preset_names

_DEFAULTS = Settings()

InputsArg = Annotated[
    list[Path], typer.Argument(metavar="INPUT...", help="Videos, photos, or folders of them.", show_default=False)
]
OutOpt = Annotated[Path, typer.Option("--out", "-o", metavar="DIR", help="Output folder.", show_default=False)]
PresetOpt = Annotated[
    str | None,
    typer.Option(
        metavar="auto|NAME",
        help=f"Settings for a kind of material: {', '.join(preset_names())}; auto measures what each input is.",
    ),
]
ConfigOpt = Annotated[
    Path | None, typer.Option(metavar="FILE.toml", help="Settings file, laid over the preset.", show_default=False)
]
DeviceOpt = Annotated[
    str | None,
    typer.Option(metavar="DEVICE", help=f"auto, cpu, cuda, cuda:N or mps. [default: {_DEFAULTS.enhance.device}]"),
]
DevicesOpt = Annotated[
    str | None,
    typer.Option(
        metavar="DEVICE[,DEVICE...]",
        help=f"auto, cpu, cuda, cuda:N, mps, or several: cuda:0,cuda:1. [default: {_DEFAULTS.enhance.device}]",
    ),
]
PrecisionOpt = Annotated[str | None, typer.Option(metavar="NAME", help=f"{', '.join(PRECISIONS)}.")]
UpscalerOpt = Annotated[
    str | None, typer.Option(metavar="NAME|FILE", help=f"{', '.join(UPSCALERS)}, or a weight file.")
]
DetailOpt = Annotated[
    float | None,
    typer.Option(metavar="0-1", help="Share of the network's picture. [default: by scale]", show_default=False),
]
RestoreOpt = Annotated[
    str | None,
    typer.Option(metavar="NAME|FILE", help=f"Face prior: {', '.join(RESTORERS)}, or a weight file. [default: auto]"),
]
StrengthOpt = Annotated[
    float | None,
    typer.Option(metavar="0-1", help=f"Of the face prior. [default: {_DEFAULTS.restore.strength:g}]"),
]
GuardOpt = Annotated[
    str | None, typer.Option(metavar="on|off", help="Hold colour and identity. [default: on]", show_default=False)
]
FuseOpt = Annotated[
    str | None,
    typer.Option(
        metavar="auto|off|N", help="Neighbouring frames to fuse. [default: auto, where it gains]", show_default=False
    ),
]
DescreenOpt = Annotated[
    str | None,
    typer.Option(metavar="auto|off|LPI", help="Take a printer's halftone out. [default: auto]", show_default=False),
]
PaperOpt = Annotated[
    str | None,
    typer.Option(metavar="auto|off", help="Lighten paper and show-through. [default: off]", show_default=False),
]
DeblockOpt = Annotated[
    str | None, typer.Option(metavar="auto|off", help="Smooth block edges. [default: auto]", show_default=False)
]
DenoiseOpt = Annotated[
    str | None,
    typer.Option(
        metavar="auto|off|STRENGTH", help="Times the measured noise. [default: auto, 1 where it pays]",
        show_default=False,
    ),
]  # fmt: skip
DenoiserOpt = Annotated[
    str | None,
    typer.Option(metavar="NAME|FILE", help=f"{', '.join(DENOISERS)}, or a weight file. [default: auto]"),
]
GrainOpt = Annotated[
    str | None,
    typer.Option(metavar="keep|off|STRENGTH", help="Put the source's grain back. [default: off]", show_default=False),
]
ProvenanceOpt = Annotated[
    bool, typer.Option("--provenance", help="Write a map of what was measured and what was invented.")
]
CompareOpt = Annotated[bool, typer.Option("--compare", help="Write compare.html and a strip per picture.")]
ExplainOpt = Annotated[bool, typer.Option("--explain", help="Say which chain was chosen, and why.")]
StreamOpt = Annotated[
    int | None, typer.Option(metavar="N", help="Video stream to use. [default: the largest]", show_default=False)
]
JsonOpt = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")]
DryRunOpt = Annotated[bool, typer.Option("--dry-run", help="Say what would be done; write nothing.")]
QuietOpt = Annotated[bool, typer.Option("--quiet", "-q", help="No progress, no table; errors only.")]
VerboseOpt = Annotated[bool, typer.Option("--verbose", "-v", help="Show the traceback of an error.")]
ModelsDirOpt = Annotated[
    Path | None,
    typer.Option(
        "--models-dir",
        metavar="DIR",
        envvar="FANCAM_MODELS",
        help="Folder of weight files, looked at first.",
        show_default=False,
    ),
]


def cache_folder() -> Path:
    """Return fancam's folder in the user's cache; ``XDG_CACHE_HOME`` is honoured on every system."""
    base = os.environ.get("XDG_CACHE_HOME")
    return Path(base) / "fancam" if base else Path(platformdirs.user_cache_dir("fancam", appauthor=False))


def open_store(models_dir: Path | None) -> ModelStore:
    """Return the store over the user's folders and the installed packages."""
    return ModelStore(models_dir=models_dir, cache_dir=cache_folder() / "models")


def pixels(text: str | None, option: str) -> int | None:
    """Return the whole pixels that an option gives, with or without ``px`` behind them.

    Raises:
        UsageError: It is no such number.
    """
    if text is None:
        return None
    digits = text.removesuffix("px").strip()
    if not digits.isdigit():
        raise UsageError(f"{option} is {text!r}", remedy="give whole pixels, such as 3000 or 3000px")
    return int(digits)
