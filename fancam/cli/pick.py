"""``fancam pick``: the best moments of videos as full-size frames."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

from rich.markup import escape
from rich.table import Table

import fancam
from fancam import settings as s
from fancam.cli import options as o
from fancam.cli import report
from fancam.cli.report import edge
from fancam.errors import UsageError
from fancam.media import format_time
from fancam.settings import AUTO, load_settings

SETTINGS = {
    **o.MOMENT_SETTINGS, "faces": "pick.faces", "keep_runners_up": "pick.keep_runners_up",
    "picture_format": "pick.format", "quality": "pick.jpeg_quality", "device": "enhance.device",
}  # fmt: skip

EXAMPLES = """
fancam pick concert.mp4 --out picks --top 6
fancam pick *.mp4 --every 30s --format tif
fancam pick concert.mp4 --from 1:02 --to 1:40 --per-person 2 --explain
fancam pick aftermovie.mp4 --no-faces --per-shot 1 --all
"""


def pick(
    inputs: Annotated[list[Path], o.argument("VIDEO...", "Videos, or folders of them.")],
    preset: o.NamedPresetOpt = None,
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
    faces: o.FacesOpt = None,
    weights: o.WeightsOpt = None,
    detector: o.DetectorOpt = None,
    out: o.OutOpt = Path("picks"),
    picture_format: Annotated[
        str | None,
        o.option(o.OUTPUT, f"{o.listed(s.CARD_FORMATS)}.", "FMT", "--format", default=o.DEFAULTS.pick.format),
    ] = None,
    quality: Annotated[
        int | None, o.option(o.OUTPUT, "Of JPEG.", "1-100", default=o.DEFAULTS.pick.jpeg_quality)
    ] = None,
    keep_runners_up: Annotated[
        bool | None, o.option(o.OUTPUT, "Write whom a pick beat, too, to DIR/runners-up.", None, "--keep-runners-up")
    ] = None,
    rank_all: Annotated[bool, o.option(o.OUTPUT, "Write every face looked at to ranking.csv.", None, "--all")] = False,
    explain: Annotated[
        bool, o.option(o.OUTPUT, "Say why each frame won, and what it beat.", None, "--explain")
    ] = False,
    dry_run: o.DryRunOpt = False,
    as_json: o.JsonOpt = False,
    quiet: o.QuietOpt = False,
    verbose: o.VerboseOpt = False,
    device: o.DeviceOpt = None,
    models_dir: o.ModelsDirOpt = None,
) -> None:
    """Pick the best different moments of videos, as frames in full size and true colour.

    Writes DIR/frames/*, DIR/picks.jpg and DIR/manifest.json. Run the same command again to go on after a stop.
    """
    given = locals()
    with edge("pick", as_json=as_json, verbose=verbose):
        if preset == AUTO:
            raise UsageError("--preset auto chooses what is done to a picture", remedy="name a preset, or leave it out")
        settings = load_settings(preset, config, o.overrides(given, SETTINGS))
        store = o.open_store(models_dir)
        roster, members = o.people_asked_for(refs, member, each_member, settings, models_dir)
        if dry_run:
            plan = fancam.plan_pick(inputs, settings, stream=stream, measured=True)
            chains = {row["path"]: row["chain"] for row in plan["inputs"]} if explain else {}
            report.tell_plan(plan, _plan_lines(plan, o.of_members(members)), as_json=as_json, chains=chains)
            return
        with report.progress_bars(quiet=quiet or as_json) as progress:
            result = fancam.pick_frames(
                inputs, out, settings, store=store, stream=stream, rank_all=rank_all, roster=roster, members=members,
                progress=progress,
            )  # fmt: skip
        report.tell(
            result, lambda document: _show_result(document, out, explain=explain), {}, quiet=quiet, as_json=as_json
        )


def _show_result(document: Mapping[str, Any], out: Path, *, explain: bool) -> None:
    if not document["picks"]:
        return
    report.print_table(lambda width: _table(document, with_reasons=width >= 90 and not explain))
    if explain:
        for row in document["picks"]:
            report.print_reasons(row)
    frames = sum(1 for row in document["picks"] if row["frame"])
    print(f"{report.counted(frames, 'frame')} in {out / 'frames'}")


def _table(document: Mapping[str, Any], *, with_reasons: bool) -> Table:
    table = Table(header_style="bold")
    table.add_column("frame")
    for heading in ("time", "score", "sharp", "face px"):
        table.add_column(heading, justify="right")
    if with_reasons:
        table.add_column("why")
    for row in document["picks"]:
        face, sharpness = row["face"], row["why"].get("sharpness")
        cells = [
            escape(row["id"]) + ("" if row["frame"] else " [red]failed[/]"),
            format_time(row["time_s"]),
            f"{row['score']:.2f}",
            "–" if sharpness is None else f"{sharpness:.2f}",
            "–" if face is None else f"{face['box'][3] - face['box'][1]:.0f}",
        ]
        table.add_row(*cells, *([escape(row["reason"])] if with_reasons else []))
    return table


def _plan_lines(plan: Mapping[str, Any], of_members: str) -> Iterator[str]:
    for row in plan["inputs"]:
        many = "as many as its shots and persons give" if row["picks_at_most"] is None else f"{row['picks_at_most']}"
        frames = f", about {row['frames_expected']} frames" if row["frames_expected"] else ""
        yield f"{row['path']}: {row['width']}x{row['height']}{frames}; picks at most: {many}{of_members}"
