"""``fancam sheet``: finished cards on paper, as a PDF."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from fancam import jobs
from fancam.cli import options, print_options, report
from fancam.cli.edge import edge
from fancam.errors import UsageError
from fancam.paper import papers
from fancam.settings import DUPLEX, GUTTERS, ORIENTATIONS, Overrides, Settings, load_settings

_DEFAULTS = Settings()

CardsArg = Annotated[
    list[Path] | None,
    typer.Argument(metavar="CARD...", help="Card files, or folders that fancam has written.", show_default=False),
]


def sheet(
    cards: CardsArg = None,
    out: Annotated[Path, typer.Option("--out", "-o", metavar="FILE.pdf", help="The PDF.", show_default=False)] = Path(
        "sheet.pdf"
    ),
    paper: Annotated[
        str | None,
        typer.Option(metavar="SIZE", help=f"{', '.join(papers())} or WxHmm. [default: {_DEFAULTS.sheet.paper}]"),
    ] = None,
    orientation: Annotated[
        str | None, typer.Option(metavar="NAME", help=f"Of the paper: {', '.join(ORIENTATIONS)}. [default: the best]")
    ] = None,
    margin: Annotated[
        str | None,
        typer.Option(
            metavar="LENGTH", help=f"What the printer leaves white. [default: {_DEFAULTS.sheet.margin_mm:g}mm]"
        ),
    ] = None,
    one_per_page: Annotated[
        bool | None,
        typer.Option("--one-per-page/--imposed", help="A page per card. [default: the printer's]", show_default=False),
    ] = None,
    gutter: Annotated[
        str | None, typer.Option(metavar="NAME", help=f"{', '.join(GUTTERS)}. [default: {_DEFAULTS.sheet.gutter}]")
    ] = None,
    gap: Annotated[
        str | None, typer.Option(metavar="LENGTH", help="White between the bleeds. [default: none]", show_default=False)
    ] = None,
    size: print_options.SizeOpt = None,
    bleed: Annotated[
        str | None, typer.Option(metavar="LENGTH", help="How much of the files' bleed to print. [default: all of it]")
    ] = None,
    copies: Annotated[
        str | None,
        typer.Option(metavar="N[,N...]", help="Of every card, or one number per card.", show_default=False),
    ] = None,
    skip: Annotated[
        str | None, typer.Option(metavar="N[,N...]", help="Positions to leave empty.", show_default=False)
    ] = None,
    crop_marks: Annotated[
        str | None, typer.Option(metavar="on|off", help="Marks to cut along. [default: on]", show_default=False)
    ] = None,
    registration: Annotated[
        str | None, typer.Option(metavar="off|3|4", help="Marks for a Silhouette cutter. [default: off]")
    ] = None,
    ruler: Annotated[
        str | None, typer.Option(metavar="on|off", help="100 mm to measure the print. [default: on]")
    ] = None,
    duplex: Annotated[
        str | None,
        typer.Option(metavar="NAME", help=f"{', '.join(DUPLEX)}: edge the paper is turned over. [default: off]"),
    ] = None,
    back: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Back of every card. [default: NAME-back.* beside it]")
    ] = None,
    back_offset: Annotated[
        str | None,
        typer.Option(
            metavar="X,Y[,DEG]", help="Moves the back: mm right, mm down, degrees clockwise.", show_default=False
        ),
    ] = None,
    calibrate: Annotated[
        bool, typer.Option("--calibrate", help="Make the two pages that measure a printer's back offset.")
    ] = False,
    readings: Annotated[
        str | None,
        typer.Option(
            metavar="LX,LY,RX,RY", help="What was read on them: writes FILE.toml for --config.", show_default=False
        ),
    ] = None,
    cut: Annotated[bool, typer.Option("--cut", help="Also the cut paths as SVG and DXF.")] = False,
    preview: Annotated[bool, typer.Option("--preview", help="Also PNGs of the pages as printed and as cut.")] = False,
    printer: print_options.PrinterOpt = None,
    profile: print_options.ProfileOpt = None,
    intent: print_options.IntentOpt = None,
    black_point: print_options.BlackPointOpt = None,
    check: print_options.CheckOpt = False,
    force: print_options.ForceOpt = False,
    preset: options.PresetOpt = None,
    config: options.ConfigOpt = None,
    as_json: options.JsonOpt = False,
    quiet: options.QuietOpt = False,
    verbose: options.VerboseOpt = False,
) -> None:
    """Lay finished cards on paper: marks, backs, a ruler; JPEG and PNG go in as they are.

    Writes one PDF, and beside it what --cut and --preview ask for. Print it at 100 %.
    """
    with edge("sheet", as_json=as_json, verbose=verbose):
        millimetres = print_options.millimetres
        x_mm, y_mm, angle_deg = _offset(back_offset)
        every, each = _copies(copies)
        overrides: Overrides = {
            "card": {"size": size},
            "press": {"printer": printer, "profile": profile, "intent": intent, "black_point": black_point},
            "sheet": {"paper": paper, "orientation": orientation, "margin_mm": millimetres(margin, "--margin"),
                      "layout": None if one_per_page is None else ("single" if one_per_page else "sheet"),
                      "gutter": gutter, "gap_mm": millimetres(gap, "--gap"), "bleed_mm": millimetres(bleed, "--bleed"),
                      "copies": every, "skip": skip, "crop_marks": crop_marks, "registration": registration,
                      "ruler": ruler, "duplex": duplex, "back_x_mm": x_mm, "back_y_mm": y_mm,
                      "back_angle_deg": angle_deg},
        }  # fmt: skip
        settings = load_settings(preset, config, overrides)
        if calibrate or readings is not None:
            if settings.sheet.duplex == "off":  # a calibration has a back by its nature
                settings = load_settings(
                    preset, config, {**overrides, "sheet": {**overrides["sheet"], "duplex": "long"}}
                )
            _calibrate(out, settings, readings, cards, quiet=quiet, as_json=as_json)
            return
        if not cards:
            raise UsageError("no cards were named", remedy="name card files or a folder that fancam has written")
        extras = jobs.SheetExtras(cut=cut, preview=preview)
        with report.progress_bars(quiet=quiet or as_json) as progress:
            result = jobs.sheet(
                cards, out, settings, size=size, copies=each, back=back, extras=extras, check_only=check, force=force,
                progress=progress,
            )  # fmt: skip
        report.tell(result, lambda document: _show(document, out, check), {}, quiet=quiet, as_json=as_json)


def _calibrate(
    out: Path, settings: Settings, readings: str | None, cards: list[Path] | None, *, quiet: bool, as_json: bool
) -> None:
    if cards:
        raise UsageError("a calibration takes no cards", remedy="leave out the cards, or --calibrate and --readings")
    if readings is None:
        result = jobs.calibration(out, settings)
    else:
        left_x, left_y, right_x, right_y = print_options.numbers(
            readings, "--readings", 4, "the four numbers that the calibration page asks for, such as 0.3,-0.2,0.3,0.1"
        )
        result = jobs.printer_offset(out.with_suffix(".toml"), settings, (left_x, left_y), (right_x, right_y))
    report.tell(result, _show_calibration, {}, quiet=quiet, as_json=as_json)


def _show_calibration(document: Mapping[str, Any]) -> None:
    for line in document["next"]:
        print(line)


def _show(document: Mapping[str, Any], out: Path, check: bool) -> None:
    console = Console()
    report.print_checks(console, document["checks"], as_table=check)
    if document["pdf"]:
        plan = document["sheet"]
        cards = f"{plan['cards']} {'card' if plan['cards'] == 1 else 'cards'}"
        pages = f"{plan['pages']} {'page' if plan['pages'] == 1 else 'pages'} of {plan['paper']}"
        console.print(f"{cards} on {pages} ({plan['columns']}×{plan['rows']} a page) in {out}", highlight=False)


def _offset(text: str | None) -> tuple[float | None, float | None, float | None]:
    if text is None:
        return None, None, None
    count = min(max(text.count(",") + 1, 2), 3)
    values = print_options.numbers(text, "--back-offset", count, "mm right, mm down and degrees, such as 0.4,-0.2,0.1")
    return values[0], values[1], values[2] if count == 3 else None


def _copies(text: str | None) -> tuple[int | None, tuple[int, ...]]:
    """Return the copies of every card, and those of each where they differ."""
    if text is None:
        return None, ()
    counts = text.split(",")
    if not all(part.strip().isdigit() and int(part) > 0 for part in counts):
        raise UsageError(f"--copies is {text!r}", remedy="give a number, or one per card such as 2,1,4")
    whole = tuple(int(part) for part in counts)
    return (whole[0], ()) if len(whole) == 1 else (None, whole)
