"""``fancam enhance``: whole pictures, larger, in any format."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

from rich.markup import escape
from rich.table import Table

import fancam
from fancam.cli import options as o
from fancam.cli import report
from fancam.cli.report import edge
from fancam.settings import load_presets, load_settings

SETTINGS = {
    **o.PICTURE_SETTINGS, "scale": "photo.scale", "long_edge": "photo.long_edge_px", "size": "photo.size",
    "dpi": "photo.dpi", "picture_format": "photo.format", "quality": "photo.quality",
}  # fmt: skip

EXAMPLES = """
fancam enhance scan.png --scale 2 --compare --explain
fancam enhance photos --long-edge 3000 --format jpg
fancam enhance page.png --preset scan --explain
fancam enhance photo.jpg --size 55x85mm --dpi 300
"""


def enhance(
    inputs: o.PicturesArg,
    preset: o.PresetOpt = None,
    config: o.ConfigOpt = None,
    scale: Annotated[float | None, o.option(o.PICTURE, "Times as large.", "2|4|8", default=2)] = None,
    long_edge: Annotated[str | None, o.option(o.PICTURE, "Long edge of the results.", "PX")] = None,
    size: Annotated[str | None, o.option(o.PICTURE, "Paper to fill: a name or WxHmm.", "SIZE")] = None,
    dpi: Annotated[float | None, o.option(o.PICTURE, "With --size.", "N", default=f"{o.DEFAULTS.photo.dpi:g}")] = None,
    upscaler: o.UpscalerOpt = None,
    detail: o.DetailOpt = None,
    denoise: o.DenoiseOpt = None,
    grain: o.GrainOpt = None,
    restore: o.RestoreOpt = None,
    strength: o.StrengthOpt = None,
    guard: o.GuardOpt = None,
    denoiser: o.DenoiserOpt = None,
    deblock: o.DeblockOpt = None,
    lift: o.LiftOpt = None,
    descreen: o.DescreenOpt = None,
    paper_texture: o.PaperTextureOpt = None,
    out: o.OutOpt = Path("enhanced"),
    picture_format: Annotated[
        str | None,
        o.option(o.OUTPUT, "png, jpg, tif, webp, avif …", "FMT", "--format", default="as it came"),
    ] = None,
    quality: Annotated[
        int | None, o.option(o.OUTPUT, "Of JPEG, AVIF and HEIC.", "1-100", default=o.DEFAULTS.photo.quality)
    ] = None,
    compare: o.CompareOpt = False,
    explain: o.ExplainOpt = False,
    provenance: o.ProvenanceOpt = False,
    dry_run: o.DryRunOpt = False,
    as_json: o.JsonOpt = False,
    quiet: o.QuietOpt = False,
    verbose: o.VerboseOpt = False,
    device: o.DevicesOpt = None,
    precision: o.PrecisionOpt = None,
    models_dir: o.ModelsDirOpt = None,
) -> None:
    """Make whole pictures larger and cleaner; faces stay the same person.

    Writes DIR/NAME.* and DIR/manifest.json. Colour profile, EXIF, XMP, resolution, transparency and 16 bits are kept.
    Run the same command again to go on after a stop.
    """
    given = locals()
    with edge("enhance", as_json=as_json, verbose=verbose):
        overrides = o.overrides(given, SETTINGS)
        settings = load_settings(preset, config, overrides)
        by_preset = load_presets(preset, config, overrides)
        paths = expanded(inputs)
        store = o.open_store(models_dir)
        if dry_run:
            plan = fancam.plan_enhance(paths, settings, store=store, by_preset=by_preset)
            chains = {row["path"]: row["chain"] for row in plan["pictures"]} if explain else {}
            report.tell_plan(plan, _plan_lines(plan), as_json=as_json, chains=chains)
            return
        with report.progress_bars(quiet=quiet or as_json) as progress:
            result = fancam.enhance_pictures(
                paths, out, settings, store=store, progress=progress, compare=compare, provenance=provenance,
                by_preset=by_preset,
            )  # fmt: skip
        chains = {row["path"]: row["chain"] for row in result.to_manifest()["pictures"]} if explain else {}
        report.tell(result, lambda document: _show_result(document, out), chains, quiet=quiet, as_json=as_json)


def expanded(inputs: list[str]) -> list[Path]:
    """Return the inputs with globs replaced by what they match; shells on Windows leave them as they are."""
    paths: list[Path] = []
    for text in inputs:
        matches = [] if os.path.exists(text) else sorted(glob.glob(text, recursive=True))  # noqa: PTH110, PTH207 - Path: raises for a long name
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
            escape(row["path"]),
            f"{row['width_px']}×{row['height_px']}",
            f"{row['scale']:.2f}",
            "–" if row["dpi"] is None else f"{row['dpi']:g}",
            escape(made["upscaler"]) if made["invented"] else "none",
            str(len(made["faces"])),
            escape(made["restorer"] or "none"),
            "–" if made["delta_e"] is None else f"{made['delta_e']:.2f}",
        )
    report.print_table(lambda _: table)
    print(f"{len(document['pictures'])} in {out}")


def _plan_lines(plan: Mapping[str, Any]) -> Iterator[str]:
    for row in plan["pictures"]:
        sizes = f"{row['width']}x{row['height']} to {row['width_px']}x{row['height_px']}"
        yield f"{row['path']}: {sizes} ({row['output']})"
