"""The options of the verbs, each named once, with the group of the help it stands in and the setting it gives."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import platformdirs
import typer

from fancam import settings as s
from fancam.errors import UsageError, unknown_choice
from fancam.geometry import Box
from fancam.paper import parse_length, printers
from fancam.settings import Overrides, Settings, preset_names

if TYPE_CHECKING:
    from fancam.identity import Roster
    from fancam.nn import ModelStore  # loaded when a store is opened: it brings the network libraries of Python

DEFAULTS = Settings()

INPUT, MOMENTS, PEOPLE, CARD, PICTURE = "Input", "Which moments", "Who is who", "Card", "Picture"
OVER, SHEET, PRINT, BACK = "Text, frame, back", "Sheet", "Printer and colours", "Backs"
OUTPUT, MACHINE = "Output", "Machine"
GROUPS = (INPUT, MOMENTS, PEOPLE, CARD, SHEET, OVER, BACK, PICTURE, PRINT, OUTPUT, MACHINE)
"""In the order of the help."""


def option(group: str, text: str, metavar: str | None = None, *names: str, default: object = None, **more: Any) -> Any:
    """Return what Typer needs to know of an option.

    Args:
        group: Under which heading of the help it stands.
        text: What it does, in one line.
        metavar: What is given, in capitals; None for a switch.
        names: Of the flag; none takes the name of the parameter.
        default: What holds without it, to be shown; None shows nothing.
        more: Whatever else ``typer.Option`` takes.
    """
    shown = "" if default is None else f" [default: {default}]"
    return typer.Option(
        *names, metavar=metavar, help=f"{text}{shown}", rich_help_panel=group, show_default=False, **more
    )


def argument(metavar: str, text: str) -> Any:
    """Return what Typer needs to know of an argument."""
    return typer.Argument(metavar=metavar, help=text, show_default=False, rich_help_panel=INPUT)


def listed(names: object) -> str:
    """Return names for a help text."""
    return ", ".join(names)  # type: ignore[arg-type]  # any iterable of text


# --- input and moments ------------------------------------------------------------------------------------------------

InputsArg = Annotated[list[Path], argument("INPUT...", "Videos, photos, or folders of them.")]
PicturesArg = Annotated[list[str], argument("INPUT...", "Pictures, folders of them, or globs.")]
CardsArg = Annotated[list[Path] | None, argument("CARD...", "Card files, or folders that fancam has written.")]
PresetOpt = Annotated[
    str | None,
    option(INPUT, f"For a kind of material: {listed(preset_names())}; auto measures what each input is.", "auto|NAME"),
]
NamedPresetOpt = Annotated[
    str | None, option(INPUT, f"For a kind of material: {listed(preset_names())}.", "NAME", "--preset")
]
ConfigOpt = Annotated[Path | None, option(INPUT, "Settings file, laid over the preset.", "FILE.toml")]
StreamOpt = Annotated[int | None, option(INPUT, "Video stream to use.", "N", default="the largest")]
FromOpt = Annotated[str | None, option(INPUT, "Look at the video from this time on.", "TIME", "--from")]
ToOpt = Annotated[str | None, option(INPUT, "Look at the video until this time.", "TIME", "--to")]
WatchOpt = Annotated[str | None, option(INPUT, "Look at this part only, in pixels.", "X,Y,W,H", "--crop")]
TopOpt = Annotated[int | None, option(MOMENTS, "Moments per video.", "N", default=s.DEFAULT_TOP)]
EveryOpt = Annotated[str | None, option(MOMENTS, "The best of each stretch so long: 10s, 1:30.", "TIME")]
PerShotOpt = Annotated[int | None, option(MOMENTS, "At most so many of each shot.", "N")]
PerPersonOpt = Annotated[int | None, option(MOMENTS, "At most so many of each person.", "N")]
MinGapOpt = Annotated[
    float | None, option(MOMENTS, "Between two picks.", "SECONDS", default=f"{DEFAULTS.pick.min_gap_s:g}")
]
MemberOpt = Annotated[
    list[str] | None, option(PEOPLE, "Only of this member, the best of all inputs; may be repeated.", "NAME")
]
RefsOpt = Annotated[Path | None, option(PEOPLE, "A folder with a picture or a folder of pictures per member.", "DIR")]
EachMemberOpt = Annotated[bool, option(PEOPLE, "Of every member of --refs, so many of each.", None, "--each-member")]
MinShareOpt = Annotated[
    float | None,
    option(MOMENTS, "Leave out what falls below this of the best.", "0-1", default=f"{DEFAULTS.pick.min_share:g}"),
]
AllFacesOpt = Annotated[
    bool | None,
    option(MOMENTS, "Cards of a photo's bystanders, last.", None, "--all-faces/--no-all-faces", default="all-faces"),
]
FacesOpt = Annotated[
    bool | None, option(MOMENTS, "Judge faces, or the whole frame.", None, "--faces/--no-faces", default="faces")
]
WeightsOpt = Annotated[
    str | None,
    option(MOMENTS, f"What counts more or less: eyes=2,pose=0.5; or {listed(s.WEIGHT_PRESETS)}.", "TERM=N,...|NAME"),
]
DetectorOpt = Annotated[str | None, option(MOMENTS, f"{listed(s.DETECTORS)}.", "NAME", default="auto")]

# --- the card ---------------------------------------------------------------------------------------------------------

SizeOpt = Annotated[str | None, option(CARD, "After cutting: a name or WxHmm.", "SIZE", default=DEFAULTS.card.size)]
BleedOpt = Annotated[str | None, option(CARD, "Per side.", "LENGTH", default=f"{DEFAULTS.card.bleed_mm:g}mm")]
DpiOpt = Annotated[float | None, option(CARD, "Dots per inch.", "N", default=f"{DEFAULTS.card.dpi:g}")]
LongEdgeOpt = Annotated[str | None, option(CARD, "Long edge of the files, instead of --dpi.", "PX")]
CardFormatOpt = Annotated[
    str | None, option(CARD, f"{listed(s.CARD_FORMATS)}.", "FMT", "--format", default=DEFAULTS.card.format)
]
FramingOpt = Annotated[str | None, option(CARD, f"{listed(s.FRAMINGS)}.", "NAME", default=DEFAULTS.crop.framing)]
MinPpiOpt = Annotated[
    float | None, option(CARD, "Widen the framing below this.", "N", default=f"{DEFAULTS.crop.min_ppi:g}")
]

# --- the picture ------------------------------------------------------------------------------------------------------

FuseOpt = Annotated[
    str | None,
    option(PICTURE, "Neighbouring frames to fuse.", "auto|off|N", default="auto, where it gains"),
]
UpscalerOpt = Annotated[
    str | None,
    option(PICTURE, f"{listed(s.UPSCALERS)}, or a weight file.", "NAME|FILE", default=DEFAULTS.enhance.upscaler),
]
DetailOpt = Annotated[float | None, option(PICTURE, "Share of the network's picture.", "0-1", default="by scale")]
RestoreOpt = Annotated[
    str | None, option(PICTURE, f"Face prior: {listed(s.RESTORERS)}, or a weight file.", "NAME|FILE", default="auto")
]
StrengthOpt = Annotated[
    float | None, option(PICTURE, "Of the face prior.", "0-1", default=f"{DEFAULTS.restore.strength:g}")
]
GuardOpt = Annotated[str | None, option(PICTURE, "Hold colour and identity.", "on|off", default="on")]
DenoiseOpt = Annotated[
    str | None,
    option(PICTURE, "Times the measured noise.", "auto|off|STRENGTH", default="auto, 1 where it pays"),
]
DenoiserOpt = Annotated[
    str | None, option(PICTURE, f"{listed(s.DENOISERS)}, or a weight file.", "NAME|FILE", default="auto")
]
DeblockOpt = Annotated[str | None, option(PICTURE, "Smooth traces of compression.", "auto|off", default="auto")]
DescreenOpt = Annotated[str | None, option(PICTURE, "Take a printer's halftone out.", "auto|off|LPI", default="auto")]
PaperTextureOpt = Annotated[
    str | None, option(PICTURE, "Lighten paper and show-through.", "auto|off", "--paper", default="off")
]
LiftOpt = Annotated[str | None, option(PICTURE, "Open the print's shadows.", "auto|off|STOPS", default="off")]
GrainOpt = Annotated[str | None, option(PICTURE, "Put the source's grain back.", "keep|off|STRENGTH", default="off")]

# --- the printer ------------------------------------------------------------------------------------------------------

PrinterOpt = Annotated[str | None, option(PRINT, f"{listed(printers())}.", "NAME", default=DEFAULTS.press.printer)]
ProfileOpt = Annotated[str | None, option(PRINT, "Colour profile of the press or printer.", "FILE.icc")]
IntentOpt = Annotated[str | None, option(PRINT, f"{listed(s.INTENTS)}.", "NAME", default=DEFAULTS.press.intent)]
BlackPointOpt = Annotated[str | None, option(PRINT, "Black point compensation.", "on|off", default="on")]
CheckOpt = Annotated[
    bool, option(PRINT, "Preflight only; write nothing. Exit 6 where it fails.", None, "--check", "--dry-run")
]
ForceOpt = Annotated[bool, option(PRINT, "Write although preflight failed.", None, "--force")]

# --- output and machine -----------------------------------------------------------------------------------------------

OutOpt = Annotated[Path, option(OUTPUT, "Output folder.", "DIR", "--out", "-o")]
CompareOpt = Annotated[bool, option(OUTPUT, "Write compare.html and a strip per picture.", None, "--compare")]
ProvenanceOpt = Annotated[
    bool, option(OUTPUT, "Write a map of what was measured and what was invented.", None, "--provenance")
]
ExplainOpt = Annotated[bool, option(OUTPUT, "Say which chain was chosen, and why.", None, "--explain")]
JsonOpt = Annotated[bool, option(OUTPUT, "Print one JSON document on stdout.", None, "--json")]
DryRunOpt = Annotated[
    bool, option(OUTPUT, "Say what would be done and how long it takes; write nothing.", None, "--dry-run")
]
QuietOpt = Annotated[bool, option(OUTPUT, "No progress, no table; errors only.", None, "--quiet", "-q")]
VerboseOpt = Annotated[bool, option(OUTPUT, "Show the traceback of an error.", None, "--verbose", "-v")]
DeviceOpt = Annotated[
    str | None, option(MACHINE, "auto, cpu, cuda, cuda:N or mps.", "DEVICE", default=DEFAULTS.enhance.device)
]
DevicesOpt = Annotated[
    str | None,
    option(MACHINE, "As above, or several: cuda:0,cuda:1.", "DEVICE[,DEVICE...]", "--device", default="auto"),
]
PrecisionOpt = Annotated[str | None, option(MACHINE, f"{listed(s.PRECISIONS)}.", "NAME", default="auto")]
ModelsDirOpt = Annotated[
    Path | None,
    option(MACHINE, "Folder of weight files, looked at first.", "DIR", "--models-dir", envvar="FANCAM_MODELS"),
]

# --- from options to settings -----------------------------------------------------------------------------------------

PICTURE_SETTINGS = {
    "descreen": "clean.descreen", "deblock": "clean.deblock", "lift": "clean.lift", "denoise": "clean.denoise",
    "denoiser": "clean.denoiser", "grain": "clean.grain", "paper_texture": "clean.paper",
    "upscaler": "enhance.upscaler", "detail": "enhance.detail", "device": "enhance.device",
    "precision": "enhance.precision", "restore": "restore.restore", "strength": "restore.strength",
    "guard": "guard.enabled",
}  # fmt: skip
"""Parameter of a verb to the setting it gives, for ``overrides``."""
MOMENT_SETTINGS = {
    "from_time": "scan.from_s", "to_time": "scan.to_s", "watch": "scan.crop", "top": "pick.top",
    "every": "pick.every_s", "per_shot": "pick.per_shot", "per_person": "pick.per_person",
    "min_gap": "pick.min_gap_s", "min_share": "pick.min_share", "weights": "pick.weights",
    "detector": "faces.detector",
}  # fmt: skip
CARD_SETTINGS = {
    "size": "card.size", "bleed": "card.bleed_mm", "dpi": "card.dpi", "long_edge": "card.long_edge_px",
    "card_format": "card.format",
}  # fmt: skip
PRESS_SETTINGS = {
    "printer": "press.printer", "profile": "press.profile", "intent": "press.intent",
    "black_point": "press.black_point",
}  # fmt: skip


def overrides(given: Mapping[str, Any], names: Mapping[str, str]) -> Overrides:
    """Return the settings that options give; lengths become millimetres, sizes in pixels whole numbers.

    Args:
        given: Parameter of the verb to its value; None was not given.
        names: Parameter to ``stage.key``; the unit at the end of the key says how the text is read.

    Raises:
        UsageError: A length, a time or a number of pixels is none.
    """
    found: dict[str, dict[str, Any]] = {}
    for name, setting in names.items():
        stage, key = setting.split(".")
        value = given[name]
        flag = f"--{name.replace('_', '-')}"
        read = next((read for unit, read in _READERS.items() if key.endswith(unit)), None)
        found.setdefault(stage, {})[key] = read(value, flag) if read and isinstance(value, str) else value
    return found


def pixels(text: str, flag: str) -> int:
    """Return the whole pixels that an option gives, with or without ``px`` behind them.

    Raises:
        UsageError: It is no such number.
    """
    digits = text.removesuffix("px").strip()
    if not digits.isdigit():
        raise UsageError(f"{flag} is {text!r}", remedy="give whole pixels, such as 3000 or 3000px")
    return int(digits)


def millimetres(text: str, flag: str) -> float:
    """Return the length that an option gives, in millimetres.

    Raises:
        UsageError: It is no length, or one in pixels.
    """
    length = parse_length(text).millimetres
    if length is None:
        raise UsageError(f"{flag} is {text!r}", remedy="give it in mm, cm or in")
    return length


def seconds(text: str, flag: str) -> float:
    """Return the time that an option gives: ``83.5``, ``1:23.5`` or ``0:01:23.5``.

    Raises:
        UsageError: It is no time.
    """
    flag = f"--{flag.removeprefix('--').removesuffix('-time')}"
    parts = text.removesuffix("s").split(":")
    try:
        values = [float(part) for part in parts]
    except ValueError:
        values = []
    if not 1 <= len(values) <= 3 or not all(math.isfinite(v) and v >= 0 for v in values):
        raise UsageError(f"{flag} is {text!r}", remedy="give seconds or minutes:seconds, such as 83.5 or 1:23.5")
    return sum(value * 60**power for power, value in enumerate(reversed(values)))


def switch(text: str, flag: str) -> bool:
    """Return whether an option switches something on.

    Raises:
        UsageError: It is neither ``on`` nor ``off``.
    """
    if text not in s.SWITCH:
        raise unknown_choice(flag, text, s.SWITCH)
    return text == "on"


def numbers(text: str, flag: str, count: int, shape: str) -> list[float]:
    """Return so many numbers with commas between them.

    Raises:
        UsageError: They are not.
    """
    try:
        found = [float(part) for part in text.split(",")]
    except ValueError:
        found = []
    if len(found) != count or not all(map(math.isfinite, found)):
        raise UsageError(f"{flag} is {text!r}", remedy=f"give {shape}")
    return found


def box(text: str | None) -> Box | None:
    """Return the box that ``--crop`` of a picture gives, by its corners; None where it was not given."""
    if text is None:
        return None
    return Box(*numbers(text, "--crop", 4, "x0,y0,x1,y1 in pixels, such as 100,0,750,1004"))


_READERS: dict[str, Callable[[str, str], Any]] = {"_mm": millimetres, "_px": pixels, "_s": seconds, "enabled": switch}

# --- the store --------------------------------------------------------------------------------------------------------


def cache_folder() -> Path:
    """Return fancam's folder in the user's cache; ``XDG_CACHE_HOME`` is honoured on every system."""
    base = os.environ.get("XDG_CACHE_HOME")
    return Path(base) / "fancam" if base else Path(platformdirs.user_cache_dir("fancam", appauthor=False))


def open_store(models_dir: Path | None) -> ModelStore:
    """Return the store over the user's folders and the installed packages."""
    from fancam.nn import ModelStore

    return ModelStore(models_dir=models_dir, cache_dir=cache_folder() / "models")


def people_asked_for(
    refs: Path | None, names: list[str] | None, each: bool, settings: Settings, models_dir: Path | None
) -> tuple[Roster | None, tuple[str, ...]]:
    """Return the roster that the references give, and whose moments are asked for; none asks for everybody's.

    Raises:
        UsageError: A member is asked for and no reference is given, or the roster does not know the name.
        FancamError: A reference cannot be used.
    """
    import fancam

    if refs is None:
        if names or each:
            flag = "--member" if names else "--each-member"
            raise UsageError(f"{flag} without --refs", remedy="show who is who: --refs DIR")
        return None, ()
    roster = fancam.read_roster(refs, settings=settings, store=open_store(models_dir))
    asked = roster.names if each else tuple(roster.member(name).name for name in names or ())
    return roster, asked


def of_members(asked: Sequence[str]) -> str:
    """Return whose moments a plan is about, as it ends a line; empty where everybody's."""
    return "" if not asked else f" of {asked[0]}" if len(asked) == 1 else f" of each of {len(asked)} members"
