"""``fancam sheet``: finished cards on paper, as a PDF."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import fancam
from fancam.cli import options as o
from fancam.cli import report
from fancam.cli.report import edge
from fancam.errors import UsageError
from fancam.paper import papers
from fancam.settings import DUPLEX, GUTTERS, ORIENTATIONS, Settings, load_settings

SETTINGS = {
    **o.PRESS_SETTINGS, "size": "card.size", "paper": "sheet.paper", "orientation": "sheet.orientation",
    "margin": "sheet.margin_mm", "layout": "sheet.layout", "gutter": "sheet.gutter", "gap": "sheet.gap_mm",
    "bleed": "sheet.bleed_mm", "copies_of_all": "sheet.copies", "skip": "sheet.skip",
    "crop_marks": "sheet.crop_marks", "registration": "sheet.registration", "ruler": "sheet.ruler",
    "duplex": "sheet.duplex", "back_x": "sheet.back_x_mm", "back_y": "sheet.back_y_mm",
    "back_angle": "sheet.back_angle_deg",
}  # fmt: skip

EXAMPLES = """
fancam sheet printed --out sheet.pdf --copies 2 --duplex long --cut --preview
fancam sheet a.png b.png --gutter outside --copies 5
fancam sheet printed --printer rgb-shop --check
fancam sheet --calibrate --out test.pdf
"""


def sheet(
    cards: o.CardsArg = None,
    preset: o.PresetOpt = None,
    config: o.ConfigOpt = None,
    copies: Annotated[str | None, o.option(o.SHEET, "Of every card, or one number per card.", "N[,N...]")] = None,
    paper: Annotated[
        str | None, o.option(o.SHEET, f"{o.listed(papers())} or WxHmm.", "SIZE", default=o.DEFAULTS.sheet.paper)
    ] = None,
    orientation: Annotated[
        str | None, o.option(o.SHEET, f"Of the paper: {o.listed(ORIENTATIONS)}.", "NAME", default="the best")
    ] = None,
    margin: Annotated[
        str | None,
        o.option(o.SHEET, "What the printer leaves white.", "LENGTH", default=f"{o.DEFAULTS.sheet.margin_mm:g}mm"),
    ] = None,
    gutter: Annotated[
        str | None, o.option(o.SHEET, f"{o.listed(GUTTERS)}.", "NAME", default=o.DEFAULTS.sheet.gutter)
    ] = None,
    gap: Annotated[str | None, o.option(o.SHEET, "White between the bleeds.", "LENGTH", default="none")] = None,
    skip: Annotated[str | None, o.option(o.SHEET, "Positions to leave empty.", "N[,N...]")] = None,
    crop_marks: Annotated[str | None, o.option(o.SHEET, "Marks to cut along.", "on|off", default="on")] = None,
    ruler: Annotated[str | None, o.option(o.SHEET, "100 mm to measure the print.", "on|off", default="on")] = None,
    registration: Annotated[
        str | None, o.option(o.SHEET, "Marks for a Silhouette cutter.", "off|3|4", default="off")
    ] = None,
    one_per_page: Annotated[
        bool | None,
        o.option(o.SHEET, "A page per card.", None, "--one-per-page/--imposed", default="the printer's"),
    ] = None,
    size: o.SizeOpt = None,
    bleed: Annotated[
        str | None, o.option(o.CARD, "How much of the files' bleed to print.", "LENGTH", default="all of it")
    ] = None,
    duplex: Annotated[
        str | None, o.option(o.BACK, f"{o.listed(DUPLEX)}: edge the paper is turned over.", "NAME", default="off")
    ] = None,
    back: Annotated[
        Path | None, o.option(o.BACK, "Back of every card.", "FILE", default="NAME-back.* beside it")
    ] = None,
    back_offset: Annotated[
        str | None, o.option(o.BACK, "Moves the back: mm right, mm down, degrees clockwise.", "X,Y[,DEG]")
    ] = None,
    calibrate: Annotated[
        bool, o.option(o.BACK, "Make the two pages that measure a printer's back offset.", None, "--calibrate")
    ] = False,
    readings: Annotated[
        str | None, o.option(o.BACK, "What was read on them: writes FILE.toml for --config.", "LX,LY,RX,RY")
    ] = None,
    printer: o.PrinterOpt = None,
    profile: o.ProfileOpt = None,
    intent: o.IntentOpt = None,
    black_point: o.BlackPointOpt = None,
    check: o.CheckOpt = False,
    force: o.ForceOpt = False,
    out: Annotated[Path, o.option(o.OUTPUT, "The PDF.", "FILE.pdf", "--out", "-o")] = Path("sheet.pdf"),
    cut: Annotated[bool, o.option(o.OUTPUT, "Also the cut paths as SVG and DXF.", None, "--cut")] = False,
    preview: Annotated[
        bool, o.option(o.OUTPUT, "Also PNGs of the pages as printed and as cut.", None, "--preview")
    ] = False,
    as_json: o.JsonOpt = False,
    quiet: o.QuietOpt = False,
    verbose: o.VerboseOpt = False,
) -> None:
    """Lay finished cards on paper: marks, backs, a ruler; JPEG and PNG go in as they are.

    Writes one PDF, and beside it what --cut and --preview ask for. Print it at 100 %.
    """
    given = locals()
    with edge("sheet", as_json=as_json, verbose=verbose):
        given["back_x"], given["back_y"], given["back_angle"] = _offset(back_offset)
        given["copies_of_all"], each = _copies(copies)
        given["layout"] = None if one_per_page is None else ("single" if one_per_page else "sheet")
        settings = load_settings(preset, config, o.overrides(given, SETTINGS))
        if calibrate or readings is not None:
            if settings.sheet.duplex == "off":  # a calibration has a back by its nature
                settings = load_settings(preset, config, o.overrides(given | {"duplex": "long"}, SETTINGS))
            _calibrate(out, settings, readings, cards, quiet=quiet, as_json=as_json)
            return
        if not cards:
            raise UsageError("no cards were named", remedy="name card files or a folder that fancam has written")
        extras = fancam.SheetExtras(cut=cut, preview=preview)
        with report.progress_bars(quiet=quiet or as_json) as progress:
            result = fancam.make_sheet(
                cards, out, settings, size=size, copies=each, back=back, extras=extras, check_only=check, force=force,
                raises=False, progress=progress,
            )  # fmt: skip
        report.tell(result, lambda document: _show(document, out, check), {}, quiet=quiet, as_json=as_json)


def _calibrate(
    out: Path, settings: Settings, readings: str | None, cards: list[Path] | None, *, quiet: bool, as_json: bool
) -> None:
    if cards:
        raise UsageError("a calibration takes no cards", remedy="leave out the cards, or --calibrate and --readings")
    if readings is None:
        result = fancam.calibrate_printer(out, settings)
    else:
        left_x, left_y, right_x, right_y = o.numbers(
            readings, "--readings", 4, "the four numbers that the calibration page asks for, such as 0.3,-0.2,0.3,0.1"
        )
        result = fancam.correct_printer(out.with_suffix(".toml"), settings, (left_x, left_y), (right_x, right_y))
    report.tell(result, _show_calibration, {}, quiet=quiet, as_json=as_json)


def _show_calibration(document: Mapping[str, Any]) -> None:
    for line in document["next"]:
        print(line)


def _show(document: Mapping[str, Any], out: Path, check: bool) -> None:
    report.print_checks(document["checks"], as_table=check)
    if document["pdf"]:
        plan = document["sheet"]
        pages = f"{report.counted(plan['pages'], 'page')} of {plan['paper']}"
        print(f"{report.counted(plan['cards'], 'card')} on {pages} ({plan['columns']}×{plan['rows']} a page) in {out}")


def _offset(text: str | None) -> tuple[float | None, float | None, float | None]:
    if text is None:
        return None, None, None
    count = min(max(text.count(",") + 1, 2), 3)
    values = o.numbers(text, "--back-offset", count, "mm right, mm down and degrees, such as 0.4,-0.2,0.1")
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
