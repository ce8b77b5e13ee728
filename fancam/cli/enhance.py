"""``fancam enhance``: whole pictures, larger, in any format."""

from __future__ import annotations

import glob
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from fancam import jobs
from fancam.cli import options, report
from fancam.cli.edge import edge, print_json
from fancam.settings import Overrides, Settings, load_presets, load_settings

_DEFAULTS = Settings()

PicturesArg = Annotated[
    list[str], typer.Argument(metavar="INPUT...", help="Pictures, folders of them, or globs.", show_default=False)
]


def enhance(
    inputs: PicturesArg,
    out: options.OutOpt = Path("enhanced"),
    scale: Annotated[
        float | None, typer.Option(metavar="2|4|8", help="Times as large. [default: 2]", show_default=False)
    ] = None,
    long_edge: Annotated[
        str | None, typer.Option(metavar="PX", help="Long edge of the results.", show_default=False)
    ] = None,
    size: Annotated[
        str | None, typer.Option(metavar="SIZE", help="Paper to fill: a name or WxHmm.", show_default=False)
    ] = None,
    dpi: Annotated[
        float | None, typer.Option(help=f"With --size. [default: {_DEFAULTS.photo.dpi:g}]", show_default=False)
    ] = None,
    picture_format: Annotated[
        str | None, typer.Option("--format", metavar="FMT", help="png, jpg, tif, webp, avif … [default: as it came]")
    ] = None,
    quality: Annotated[
        int | None, typer.Option(help=f"Of JPEG, AVIF and HEIC. [default: {_DEFAULTS.photo.quality}]")
    ] = None,
    preset: options.PresetOpt = None,
    config: options.ConfigOpt = None,
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
    precision: options.PrecisionOpt = None,
    device: options.DevicesOpt = None,
    models_dir: options.ModelsDirOpt = None,
    as_json: options.JsonOpt = False,
    dry_run: options.DryRunOpt = False,
    quiet: options.QuietOpt = False,
    verbose: options.VerboseOpt = False,
) -> None:
    """Make whole pictures larger and cleaner; faces stay the same person.

    Writes DIR/NAME.* and DIR/manifest.json. Colour profile, EXIF, XMP, resolution, transparency and 16 bits are kept.
    Run the same command again to go on after a stop.
    """
    with edge("enhance", as_json=as_json, verbose=verbose):
        overrides: Overrides = {
            "clean": {"descreen": descreen, "paper": paper, "deblock": deblock, "denoise": denoise,
                      "denoiser": denoiser, "grain": grain},
            "enhance": {"upscaler": upscaler, "detail": detail, "device": device, "precision": precision},
            "restore": {"restore": restore, "strength": strength},
            "guard": {"guard": guard},
            "photo": {"scale": scale, "long_edge_px": options.pixels(long_edge, "--long-edge"), "size": size,
                      "dpi": dpi, "format": picture_format, "quality": quality},
        }  # fmt: skip
        settings = load_settings(preset, config, overrides)
        by_preset = load_presets(preset, config, overrides)
        paths = _expanded(inputs)
        store = options.open_store(models_dir)
        if dry_run:
            _show_plan(jobs.plan_enhance(paths, settings), as_json=as_json)
            return
        with report.progress_bars(quiet=quiet or as_json) as progress:
            result = jobs.enhance(
                paths, out, settings, store, progress=progress, compare=compare, provenance=provenance,
                by_preset=by_preset,
            )  # fmt: skip
        chains = {row["path"]: row["chain"] for row in result.document["pictures"]} if explain else {}
        report.tell(result, lambda document: _show_result(document, out), chains, quiet=quiet, as_json=as_json)


def _expanded(inputs: list[str]) -> list[Path]:
    """Return the inputs with globs replaced by what they match; shells on Windows leave them as they are."""
    paths: list[Path] = []
    for text in inputs:
        matches = [] if Path(text).exists() else sorted(glob.glob(text, recursive=True))  # noqa: PTH207 - Path.glob wants its root apart
        paths.extend(Path(match) for match in matches or [text])
    return paths


def _show_result(document: Mapping[str, Any], out: Path) -> None:
    if not document["pictures"]:
        return
    table = Table(header_style="bold")
    table.add_column("picture")
    for heading in ("pixels", "scale", "dpi", "network", "faces", "prior", "ΔE"):
        table.add_column(heading, justify="right", no_wrap=heading in ("pixels", "scale"))
    for row in document["pictures"]:
        made = row["enhance"]
        table.add_row(
            row["path"],
            f"{row['width_px']}×{row['height_px']}",
            f"{row['scale']:.2f}",
            "–" if row["dpi"] is None else f"{row['dpi']:g}",
            made["upscaler"] if made["invented"] else "none",
            str(len(made["faces"])),
            made["restorer"] or "none",
            "–" if made["delta_e"] is None else f"{made['delta_e']:.2f}",
        )
    console = Console()
    console.print(table)
    console.print(f"{len(document['pictures'])} in {out}", highlight=False)


def _show_plan(plan: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(plan)
        return
    for row in plan["pictures"]:
        print(
            f"{row['path']}: {row['width']}x{row['height']} to {row['width_px']}x{row['height_px']} ({row['output']})"
        )
