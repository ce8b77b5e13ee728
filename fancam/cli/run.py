"""``fancam run``: the whole way from videos and photos to cards."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from fancam import jobs
from fancam.cli import options, print_options, report
from fancam.cli.edge import edge, print_json
from fancam.settings import DETECTORS, FRAMINGS, Overrides, Settings, load_presets, load_settings

_DEFAULTS = Settings()


def run(
    inputs: options.InputsArg,
    out: options.OutOpt = Path("cards"),
    top: Annotated[
        int | None, typer.Option(metavar="N", help=f"Moments per video. [default: {_DEFAULTS.pick.top}]")
    ] = None,
    preset: options.PresetOpt = None,
    config: options.ConfigOpt = None,
    size: Annotated[
        str | None, typer.Option(metavar="SIZE", help=f"Card: a name or WxHmm. [default: {_DEFAULTS.card.size}]")
    ] = None,
    bleed: Annotated[
        str | None, typer.Option(metavar="LENGTH", help=f"Per side. [default: {_DEFAULTS.card.bleed_mm:g}mm]")
    ] = None,
    dpi: Annotated[float | None, typer.Option(help=f"[default: {_DEFAULTS.card.dpi:g}]", show_default=False)] = None,
    long_edge: Annotated[
        str | None, typer.Option(metavar="PX", help="Long edge of the files, instead of --dpi.")
    ] = None,
    card_format: Annotated[
        str | None, typer.Option("--format", metavar="FMT", help=f"png, jpg or tif. [default: {_DEFAULTS.card.format}]")
    ] = None,
    framing: Annotated[
        str | None, typer.Option(help=f"{', '.join(FRAMINGS)}. [default: {_DEFAULTS.crop.framing}]", show_default=False)
    ] = None,
    min_ppi: Annotated[
        float | None,
        typer.Option(help=f"Widen the framing below this. [default: {_DEFAULTS.crop.min_ppi:g}]", show_default=False),
    ] = None,
    min_gap: Annotated[
        float | None,
        typer.Option(metavar="SECONDS", help=f"Between two picks. [default: {_DEFAULTS.pick.min_gap_s:g}]"),
    ] = None,
    all_faces: Annotated[
        bool | None, typer.Option("--all-faces", help="Cards of a photo's bystanders too.", show_default=False)
    ] = None,
    fuse: options.FuseOpt = None,
    descreen: options.DescreenOpt = None,
    paper: options.PaperOpt = None,
    deblock: options.DeblockOpt = None,
    denoise: options.DenoiseOpt = None,
    denoiser: options.DenoiserOpt = None,
    grain: options.GrainOpt = None,
    upscaler: options.UpscalerOpt = None,
    detail: options.DetailOpt = None,
    restore: options.RestoreOpt = None,
    strength: options.StrengthOpt = None,
    guard: options.GuardOpt = None,
    compare: options.CompareOpt = False,
    provenance: options.ProvenanceOpt = False,
    explain: options.ExplainOpt = False,
    detector: Annotated[str | None, typer.Option(metavar="NAME", help=f"{', '.join(DETECTORS)}.")] = None,
    precision: options.PrecisionOpt = None,
    device: options.DeviceOpt = None,
    stream: options.StreamOpt = None,
    models_dir: options.ModelsDirOpt = None,
    as_json: options.JsonOpt = False,
    dry_run: options.DryRunOpt = False,
    quiet: options.QuietOpt = False,
    verbose: options.VerboseOpt = False,
) -> None:
    """Make cards: the best different moments of each video, one card per face of each photo.

    Writes DIR/cards/*, DIR/contact.jpg and DIR/manifest.json. Run the same command again to go on after a stop.
    """
    with edge("run", as_json=as_json, verbose=verbose):
        overrides: Overrides = {
            "faces": {"detector": detector},
            "pick": {"top": top, "min_gap_s": min_gap, "all_faces": all_faces},
            "crop": {"framing": framing, "min_ppi": min_ppi},
            "fuse": {"fuse": fuse},
            "clean": {"descreen": descreen, "paper": paper, "deblock": deblock, "denoise": denoise,
                      "denoiser": denoiser, "grain": grain},
            "enhance": {"upscaler": upscaler, "detail": detail, "device": device, "precision": precision},
            "restore": {"restore": restore, "strength": strength},
            "guard": {"guard": guard},
            "card": {"size": size, "bleed_mm": print_options.millimetres(bleed, "--bleed"), "dpi": dpi,
                     "long_edge_px": options.pixels(long_edge, "--long-edge"), "format": card_format},
        }  # fmt: skip
        settings = load_settings(preset, config, overrides)
        by_preset = load_presets(preset, config, overrides)
        if dry_run:
            _show_plan(jobs.plan(inputs, settings, stream=stream), as_json=as_json)
            return
        with report.progress_bars(quiet=quiet or as_json) as progress:
            store = options.open_store(models_dir)
            result = jobs.run(
                inputs, out, settings, store, stream=stream, progress=progress, compare=compare,
                provenance=provenance, by_preset=by_preset,
            )  # fmt: skip
        chains = {row["id"]: row["chain"] for row in result.document["picks"]} if explain else {}
        report.tell(result, lambda document: _show_result(document, out), chains, quiet=quiet, as_json=as_json)


def _show_result(document: Mapping[str, Any], out: Path) -> None:
    if not document["picks"]:
        return
    console = Console()
    console.print(report.summary_table(document, with_reasons=console.width >= 110))
    cards = sum(1 for pick in document["picks"] if pick["card"])
    card = document["card"]
    console.print(
        f"{cards} {'card' if cards == 1 else 'cards'} of {card['width_mm']:g}×{card['height_mm']:g} mm + "
        f"{card['bleed_mm']:g} mm bleed ({card['width_px']}×{card['height_px']} px at {card['dpi']:g} dpi) in {out}",
        highlight=False,
    )


def _show_plan(plan: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(plan)
        return
    for row in plan["inputs"]:
        most = "one card per face" if row["cards_at_most"] is None else f"at most {row['cards_at_most']} cards"
        frames = f", about {row['frames_expected']} frames" if row.get("frames_expected") else ""
        print(f"{row['path']}: {row['kind']} {row['width']}x{row['height']}{frames}; {most}")
    print(f"each card {plan['card']['width_px']}x{plan['card']['height_px']} px at {plan['card']['dpi']:g} dpi")
