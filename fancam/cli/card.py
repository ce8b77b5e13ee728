"""``fancam card``: pictures to finished cards, with bleed, text, a back, checked for a printer."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import fancam
from fancam.cli import options as o
from fancam.cli import report
from fancam.cli.enhance import expanded
from fancam.cli.report import edge
from fancam.settings import FITS, ORIENTATIONS, PLACES, load_settings

SETTINGS = {
    **o.CARD_SETTINGS, **o.PRESS_SETTINGS, "fit": "design.fit", "orientation": "design.orientation",
    "border": "design.border_mm", "border_colour": "design.border_colour", "frame": "design.frame",
    "text": "design.text", "font": "design.font", "text_size": "design.text_size_mm",
    "text_colour": "design.text_colour", "text_outline": "design.text_outline_mm", "text_place": "design.text_place",
    "back": "design.back",
    "back_text": "design.back_text", "safe": "design.safe_mm",
}  # fmt: skip

EXAMPLES = """
fancam card cards --out printed --back provenance --mockup --cut
fancam card photo.jpg --fit cover --text "민지" --text-outline 0.4mm
fancam card scan.png --size 63x88mm --border 3mm --check
"""

DESIGN = o.DEFAULTS.design


def card(
    inputs: o.PicturesArg,
    preset: o.PresetOpt = None,
    config: o.ConfigOpt = None,
    crop: Annotated[str | None, o.option(o.INPUT, "The part to show after cutting, in pixels.", "X0,Y0,X1,Y1")] = None,
    size: o.SizeOpt = None,
    bleed: o.BleedOpt = None,
    fit: Annotated[str | None, o.option(o.CARD, f"{o.listed(FITS)}.", "NAME", default=DESIGN.fit)] = None,
    orientation: Annotated[
        str | None, o.option(o.CARD, f"{o.listed(ORIENTATIONS)}.", "NAME", default="as the picture lies")
    ] = None,
    card_format: o.CardFormatOpt = None,
    long_edge: o.LongEdgeOpt = None,
    dpi: o.DpiOpt = None,
    text: Annotated[list[str] | None, o.option(o.OVER, "A line of text; repeat it for more.", "TEXT")] = None,
    font: Annotated[str | None, o.option(o.OVER, "Font of the text.", "FILE.ttf", default="found by itself")] = None,
    text_size: Annotated[
        str | None, o.option(o.OVER, "Of the text.", "LENGTH", default=f"{DESIGN.text_size_mm:g}mm")
    ] = None,
    text_colour: Annotated[str | None, o.option(o.OVER, "Of the text.", "COLOUR", default=DESIGN.text_colour)] = None,
    text_outline: Annotated[str | None, o.option(o.OVER, "Outline, to be legible on anything.", "LENGTH")] = None,
    text_place: Annotated[
        str | None, o.option(o.OVER, f"{o.listed(PLACES)}.", "PLACE", default=DESIGN.text_place)
    ] = None,
    border: Annotated[str | None, o.option(o.OVER, "Border inside the cut.", "LENGTH", default="none")] = None,
    border_colour: Annotated[
        str | None, o.option(o.OVER, "Of the border.", "COLOUR", default=DESIGN.border_colour)
    ] = None,
    frame: Annotated[str | None, o.option(o.OVER, "Frame art, laid over everything.", "FILE.png")] = None,
    back: Annotated[
        str | None,
        o.option(o.OVER, "Back side: a picture, a colour, or where it comes from.", "FILE|COLOUR|provenance"),
    ] = None,
    back_text: Annotated[list[str] | None, o.option(o.OVER, "A line on the back; repeatable.", "TEXT")] = None,
    safe: Annotated[
        str | None, o.option(o.PRINT, "Safe zone inside the cut.", "LENGTH", default="the printer's")
    ] = None,
    printer: o.PrinterOpt = None,
    profile: o.ProfileOpt = None,
    intent: o.IntentOpt = None,
    black_point: o.BlackPointOpt = None,
    check: o.CheckOpt = False,
    force: o.ForceOpt = False,
    out: o.OutOpt = Path("printed"),
    mockup: Annotated[
        bool, o.option(o.OUTPUT, "Also a picture of each card in a sleeve, to post.", None, "--mockup")
    ] = False,
    cut: Annotated[
        bool, o.option(o.OUTPUT, "Also each card as it is cut, and the cut path as SVG and DXF.", None, "--cut")
    ] = False,
    guides: Annotated[
        bool, o.option(o.OUTPUT, "Also each card with its cut, safe zone and faces drawn.", None, "--guides")
    ] = False,
    proof: Annotated[
        bool, o.option(o.OUTPUT, "Also a picture of each card as the profile will print it.", None, "--proof")
    ] = False,
    as_json: o.JsonOpt = False,
    quiet: o.QuietOpt = False,
    verbose: o.VerboseOpt = False,
    models_dir: o.ModelsDirOpt = None,
) -> None:
    """Make finished cards of pictures: exact size, bleed, text and frame, a back; checked for the printer.

    Writes DIR/NAME.*, its back and DIR/manifest.json. With --check nothing but the report is made; exit 6 where a limit
    of the printer is broken.
    """
    given = locals() | {"text": _lines(text), "back_text": _lines(back_text)}
    with edge("card", as_json=as_json, verbose=verbose):
        settings = load_settings(preset, config, o.overrides(given, SETTINGS))
        wanted = fancam.CardExtras(proof=proof, mockup=mockup, guides=guides, cut=cut)
        with report.progress_bars(quiet=quiet or as_json) as progress:
            result = fancam.make_cards(
                expanded(inputs), out, settings, store=o.open_store(models_dir), crop=o.box(crop), extras=wanted,
                check_only=check, force=force, progress=progress,
            )  # fmt: skip
        report.tell(result, lambda document: _show(document, out, check), {}, quiet=quiet, as_json=as_json)


def _show(document: Mapping[str, Any], out: Path, check: bool) -> None:
    rows = [row for card in document["cards"] for row in card["checks"]]
    report.print_checks(rows, as_table=check)
    written = [card for card in document["cards"] if card["path"]]
    if written:
        one = written[0]
        size = f"{one['width_mm']:g}×{one['height_mm']:g} mm + {one['bleed_mm']:g} mm bleed"
        pixels = f"{one['width_px']}×{one['height_px']} px at {one['dpi']:g} dpi"
        print(f"{report.counted(len(written), 'card')} of {size} ({pixels}) in {out}")


def _lines(texts: list[str] | None) -> str | None:
    return "\n".join(texts) if texts else None
