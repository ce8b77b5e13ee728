"""``fancam card``: pictures to finished cards, with bleed, text, a back, checked for a printer."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from fancam import jobs
from fancam.cli import options, print_options, report
from fancam.cli.edge import edge
from fancam.geometry import Box
from fancam.settings import FITS, ORIENTATIONS, PLACES, Overrides, Settings, load_settings

_DEFAULTS = Settings()

PicturesArg = Annotated[
    list[Path], typer.Argument(metavar="INPUT...", help="Pictures, or folders of them.", show_default=False)
]


def card(
    inputs: PicturesArg,
    out: options.OutOpt = Path("printed"),
    size: print_options.SizeOpt = None,
    bleed: print_options.BleedOpt = None,
    dpi: Annotated[float | None, typer.Option(help=f"[default: {_DEFAULTS.card.dpi:g}]", show_default=False)] = None,
    long_edge: Annotated[
        str | None, typer.Option(metavar="PX", help="Long edge of the files, instead of --dpi.", show_default=False)
    ] = None,
    card_format: Annotated[
        str | None, typer.Option("--format", metavar="FMT", help=f"png, jpg or tif. [default: {_DEFAULTS.card.format}]")
    ] = None,
    orientation: Annotated[
        str | None, typer.Option(metavar="NAME", help=f"{', '.join(ORIENTATIONS)}. [default: as the picture lies]")
    ] = None,
    fit: Annotated[
        str | None, typer.Option(metavar="NAME", help=f"{', '.join(FITS)}. [default: {_DEFAULTS.art.fit}]")
    ] = None,
    crop: Annotated[
        str | None,
        typer.Option(metavar="X0,Y0,X1,Y1", help="The part to show after cutting, in pixels.", show_default=False),
    ] = None,
    border: Annotated[
        str | None, typer.Option(metavar="LENGTH", help="Border inside the cut. [default: none]", show_default=False)
    ] = None,
    border_colour: Annotated[
        str | None, typer.Option(metavar="COLOUR", help=f"[default: {_DEFAULTS.art.border_colour}]", show_default=False)
    ] = None,
    frame: Annotated[
        str | None, typer.Option(metavar="FILE.png", help="Frame art, laid over everything.", show_default=False)
    ] = None,
    text: Annotated[
        list[str] | None, typer.Option(metavar="TEXT", help="A line of text; repeat it for more.", show_default=False)
    ] = None,
    font: Annotated[str | None, typer.Option(metavar="FILE.ttf", help="Font of the text.", show_default=False)] = None,
    text_size: Annotated[
        str | None, typer.Option(metavar="LENGTH", help=f"[default: {_DEFAULTS.art.text_size_mm:g}mm]")
    ] = None,
    text_colour: Annotated[
        str | None, typer.Option(metavar="COLOUR", help=f"[default: {_DEFAULTS.art.text_colour}]", show_default=False)
    ] = None,
    text_outline: Annotated[
        str | None, typer.Option(metavar="LENGTH", help="Outline, to be legible on anything.", show_default=False)
    ] = None,
    text_place: Annotated[
        str | None, typer.Option(metavar="PLACE", help=f"{', '.join(PLACES)}. [default: {_DEFAULTS.art.text_place}]")
    ] = None,
    back: Annotated[
        str | None,
        typer.Option(
            metavar="FILE|COLOUR|provenance",
            help="Back side: a picture, a colour, or where it comes from.",
            show_default=False,
        ),
    ] = None,
    back_text: Annotated[
        list[str] | None, typer.Option(metavar="TEXT", help="A line on the back; repeatable.", show_default=False)
    ] = None,
    safe: Annotated[
        str | None, typer.Option(metavar="LENGTH", help="Safe zone inside the cut. [default: the printer's]")
    ] = None,
    printer: print_options.PrinterOpt = None,
    profile: print_options.ProfileOpt = None,
    intent: print_options.IntentOpt = None,
    black_point: print_options.BlackPointOpt = None,
    check: print_options.CheckOpt = False,
    force: print_options.ForceOpt = False,
    proof: Annotated[
        bool, typer.Option("--proof", help="Also a picture of each card as the profile will print it.")
    ] = False,
    mockup: Annotated[bool, typer.Option("--mockup", help="Also a picture of each card in a sleeve, to post.")] = False,
    guides: Annotated[
        bool, typer.Option("--guides", help="Also each card with its cut, safe zone and faces drawn.")
    ] = False,
    cut: Annotated[
        bool, typer.Option("--cut", help="Also each card as it is cut, and the cut path as SVG and DXF.")
    ] = False,
    preset: options.PresetOpt = None,
    config: options.ConfigOpt = None,
    models_dir: options.ModelsDirOpt = None,
    as_json: options.JsonOpt = False,
    quiet: options.QuietOpt = False,
    verbose: options.VerboseOpt = False,
) -> None:
    """Make finished cards of pictures: exact size, bleed, text and frame, a back; checked for the printer.

    Writes DIR/NAME.*, its back and DIR/manifest.json. With --check nothing but the report is made; exit 6 where a limit
    of the printer is broken.
    """
    with edge("card", as_json=as_json, verbose=verbose):
        millimetres = print_options.millimetres
        overrides: Overrides = {
            "card": {"size": size, "bleed_mm": millimetres(bleed, "--bleed"), "dpi": dpi,
                     "long_edge_px": options.pixels(long_edge, "--long-edge"), "format": card_format},
            "art": {"fit": fit, "orientation": orientation, "border_mm": millimetres(border, "--border"),
                    "border_colour": border_colour, "frame": frame, "text": _lines(text), "font": font,
                    "text_size_mm": millimetres(text_size, "--text-size"), "text_colour": text_colour,
                    "text_outline_mm": millimetres(text_outline, "--text-outline"), "text_place": text_place,
                    "back": back, "back_text": _lines(back_text), "safe_mm": millimetres(safe, "--safe")},
            "press": {"printer": printer, "profile": profile, "intent": intent, "black_point": black_point},
        }  # fmt: skip
        settings = load_settings(preset, config, overrides)
        wanted = jobs.CardExtras(proof=proof, mockup=mockup, guides=guides, cut=cut)
        with report.progress_bars(quiet=quiet or as_json) as progress:
            result = jobs.card(
                inputs, out, settings, options.open_store(models_dir), crop=_box(crop), extras=wanted,
                check_only=check, force=force, progress=progress,
            )  # fmt: skip
        report.tell(result, lambda document: _show(document, out, check), {}, quiet=quiet, as_json=as_json)


def _show(document: Mapping[str, Any], out: Path, check: bool) -> None:
    console = Console()
    rows = [row for card in document["cards"] for row in card["checks"]]
    report.print_checks(console, rows, as_table=check)
    written = [card for card in document["cards"] if card["path"]]
    if written:
        one = written[0]
        size = f"{one['width_mm']:g}×{one['height_mm']:g} mm + {one['bleed_mm']:g} mm bleed"
        pixels = f"{one['width_px']}×{one['height_px']} px at {one['dpi']:g} dpi"
        cards = f"{len(written)} {'card' if len(written) == 1 else 'cards'}"
        console.print(f"{cards} of {size} ({pixels}) in {out}", highlight=False)


def _lines(texts: list[str] | None) -> str | None:
    return "\n".join(texts) if texts else None


def _box(text: str | None) -> Box | None:
    if text is None:
        return None
    return Box(*print_options.numbers(text, "--crop", 4, "x0,y0,x1,y1 in pixels, such as 100,0,750,1004"))
