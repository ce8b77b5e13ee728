"""``fancam run``: the whole way from videos and photos to cards."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import fancam
from fancam.cli import options as o
from fancam.cli import report
from fancam.cli.report import edge
from fancam.settings import load_presets, load_settings

SETTINGS = {
    **o.CARD_SETTINGS, **o.PICTURE_SETTINGS, **o.MOMENT_SETTINGS, "all_faces": "pick.all_faces",
    "framing": "crop.framing", "min_ppi": "crop.min_ppi", "fuse": "fuse.fuse",
}  # fmt: skip

EXAMPLES = """
fancam run concert.mp4 --out cards --top 8
fancam run concert.mp4 --from 1:02 --to 1:40 --framing face --long-edge 3000
fancam run group.jpg --out members --preset group
fancam run *.mp4 --preset auto --explain --compare
"""


def run(
    inputs: o.InputsArg,
    preset: o.PresetOpt = None,
    config: o.ConfigOpt = None,
    from_time: o.FromOpt = None,
    to_time: o.ToOpt = None,
    watch: o.WatchOpt = None,
    stream: o.StreamOpt = None,
    top: o.TopOpt = None,
    every: o.EveryOpt = None,
    per_shot: o.PerShotOpt = None,
    per_person: o.PerPersonOpt = None,
    min_gap: o.MinGapOpt = None,
    member: o.MemberOpt = None,
    refs: o.RefsOpt = None,
    each_member: o.EachMemberOpt = False,
    min_share: o.MinShareOpt = None,
    weights: o.WeightsOpt = None,
    all_faces: o.AllFacesOpt = None,
    detector: o.DetectorOpt = None,
    size: o.SizeOpt = None,
    bleed: o.BleedOpt = None,
    framing: o.FramingOpt = None,
    card_format: o.CardFormatOpt = None,
    long_edge: o.LongEdgeOpt = None,
    dpi: o.DpiOpt = None,
    min_ppi: o.MinPpiOpt = None,
    upscaler: o.UpscalerOpt = None,
    detail: o.DetailOpt = None,
    fuse: o.FuseOpt = None,
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
    out: o.OutOpt = Path("cards"),
    compare: o.CompareOpt = False,
    explain: o.ExplainOpt = False,
    provenance: o.ProvenanceOpt = False,
    dry_run: o.DryRunOpt = False,
    as_json: o.JsonOpt = False,
    quiet: o.QuietOpt = False,
    verbose: o.VerboseOpt = False,
    device: o.DeviceOpt = None,
    precision: o.PrecisionOpt = None,
    models_dir: o.ModelsDirOpt = None,
) -> None:
    """Make cards: the best different moments of each video, one card per face of each photo.

    Writes DIR/cards/*, DIR/contact.jpg and DIR/manifest.json. Run the same command again to go on after a stop.
    """
    given = locals()
    with edge("run", as_json=as_json, verbose=verbose):
        overrides = o.overrides(given, SETTINGS)
        settings = load_settings(preset, config, overrides)
        by_preset = load_presets(preset, config, overrides)
        roster, members = o.people_asked_for(refs, member, each_member, settings, models_dir)
        if dry_run:
            plan = fancam.plan_run(
                inputs, settings, stream=stream, store=o.open_store(models_dir), by_preset=by_preset
            )  # fmt: skip
            chains = {row["path"]: row["chain"] for row in plan["inputs"]} if explain else {}
            report.tell_plan(plan, _plan_lines(plan, o.of_members(members)), as_json=as_json, chains=chains)
            return
        with report.progress_bars(quiet=quiet or as_json) as progress:
            result = fancam.run(
                inputs, out, settings, store=o.open_store(models_dir), stream=stream, compare=compare,
                provenance=provenance, by_preset=by_preset, roster=roster, members=members, progress=progress,
            )  # fmt: skip
        chains = {row["id"]: row["chain"] for row in result.to_manifest()["picks"]} if explain else {}
        report.tell(
            result, lambda document: _show_result(document, out, explain=explain), chains, quiet=quiet, as_json=as_json
        )


def _show_result(document: Mapping[str, Any], out: Path, *, explain: bool) -> None:
    if not document["picks"]:
        return
    report.print_table(lambda width: report.summary_table(document, with_reasons=width >= 110))
    if explain:
        for pick in document["picks"]:
            report.print_reasons(pick)
    cards, card = sum(1 for pick in document["picks"] if pick["card"]), document["card"]
    print(
        f"{report.counted(cards, 'card')} of {card['width_mm']:g}×{card['height_mm']:g} mm + "
        f"{card['bleed_mm']:g} mm bleed ({card['width_px']}×{card['height_px']} px at {card['dpi']:g} dpi) in {out}"
    )


def _plan_lines(plan: Mapping[str, Any], of_members: str) -> Iterator[str]:
    for row in plan["inputs"]:
        many = "one card per face" if row["kind"] == "photo" else "as many cards as its shots and persons give"
        most = many if row["cards_at_most"] is None else f"at most {row['cards_at_most']} cards"
        frames = f", about {row['frames_expected']} frames" if row.get("frames_expected") else ""
        yield f"{row['path']}: {row['kind']} {row['width']}x{row['height']}{frames}; {most}{of_members}"
    card = plan["card"]
    yield f"each card {card['width_px']}x{card['height_px']} px at {card['dpi']:g} dpi"
