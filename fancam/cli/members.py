"""``fancam members``: everybody in photos and videos, each in a folder of their own."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

from rich.markup import escape
from rich.table import Table

import fancam
from fancam.cli import options as o
from fancam.cli import report
from fancam.cli.report import edge
from fancam.errors import UsageError
from fancam.settings import load_settings

SETTINGS = {
    "from_time": "scan.from_s", "to_time": "scan.to_s", "watch": "scan.crop", "top": "pick.top",
    "detector": "faces.detector", "size": "card.size", "framing": "crop.framing", "device": "enhance.device",
}  # fmt: skip

EXAMPLES = """
fancam members stage.mp4 group.jpg --out people --members 5
fancam members --out people --name 3=Mina --merge 1,4
fancam members --out people --undo
fancam run *.mp4 --refs people --member Mina --top 8
"""


def members(
    inputs: Annotated[
        list[Path] | None,
        o.argument("INPUT...", "Videos, photos, or folders of them; none to correct what is found."),
    ] = None,
    preset: o.NamedPresetOpt = None,
    config: o.ConfigOpt = None,
    from_time: o.FromOpt = None,
    to_time: o.ToOpt = None,
    watch: o.WatchOpt = None,
    stream: o.StreamOpt = None,
    refs: o.RefsOpt = None,
    count: Annotated[
        int | None, o.option(o.MOMENTS, "How many people there are, where that is known.", "N", "--members")
    ] = None,
    top: o.TopOpt = None,
    detector: o.DetectorOpt = None,
    name: Annotated[list[str] | None, o.option(o.PEOPLE, "Name a person of --out for good.", "NUMBER=NAME")] = None,
    merge: Annotated[list[str] | None, o.option(o.PEOPLE, "Two people of --out are one.", "NUMBER,NUMBER")] = None,
    split: Annotated[
        list[str] | None, o.option(o.PEOPLE, "The track of a face is somebody else; named as its crop is.", "FACE")
    ] = None,
    undo: Annotated[
        bool, o.option(o.PEOPLE, "Take back the one thing said last; again for the one before.", None, "--undo")
    ] = False,
    remember: Annotated[
        bool, o.option(o.PEOPLE, "Keep embeddings in --out, so that inputs can be added later.", None, "--remember")
    ] = False,
    forget: Annotated[bool, o.option(o.PEOPLE, "Remove the embeddings kept in --out.", None, "--forget")] = False,
    size: o.SizeOpt = None,
    framing: o.FramingOpt = None,
    out: o.OutOpt = Path("people"),
    as_json: o.JsonOpt = False,
    quiet: o.QuietOpt = False,
    verbose: o.VerboseOpt = False,
    device: o.DeviceOpt = None,
    models_dir: o.ModelsDirOpt = None,
) -> None:
    """Find everybody: a folder of composed crops and a contact sheet for each person.

    Writes DIR/people/NAME/*, DIR/sheets/*, DIR/members.json and DIR/manifest.json. Embeddings are not written unless
    --remember asks for it.
    """
    given = locals()
    with edge("members", as_json=as_json, verbose=verbose):
        said: dict[str, Any] = {
            "names": _names(name or ()), "merges": [_pair(one) for one in merge or ()],
            "splits": split or (), "undo": undo, "forget": forget,
        }  # fmt: skip
        if inputs and any(said.values()):
            raise UsageError("inputs and corrections in one call", remedy="search first, then say who is who")
        if not inputs and (remember or refs is not None or count is not None):
            raise UsageError("--remember, --refs and --members are of a search", remedy="name videos or photos as well")
        if not inputs:
            if not any(said.values()):
                raise UsageError("nothing to look at, and nothing is said", remedy="name videos or photos, or --name")
            document = fancam.correct_members(out, **said)
            if as_json:
                report.print_json(document)
            elif not quiet:
                _show(document, out)
            return
        settings = load_settings(preset, config, o.overrides(given, SETTINGS))
        roster, _ = o.people_asked_for(refs, None, False, settings, models_dir)
        with report.progress_bars(quiet=quiet or as_json) as progress:
            result = fancam.find_members(
                inputs, out, settings, store=o.open_store(models_dir), stream=stream, roster=roster, count=count,
                remember=remember, progress=progress,
            )  # fmt: skip
        report.tell(result, lambda document: _show(document, out), {}, quiet=quiet, as_json=as_json)


def _names(said: Sequence[str]) -> dict[int, str]:
    pairs = [_name(one) for one in said]
    names = dict(pairs)
    if len(names) < len(pairs):
        raise UsageError(f"one person has two names: {', '.join(said)}", remedy="say --name once for each number")
    return names


def _name(text: str) -> tuple[int, str]:
    number, is_said, name = text.partition("=")
    if not is_said or not re.fullmatch(r"\s*\d{1,9}\s*", number) or not name.strip():
        raise UsageError(f"--name {text} is not understood", remedy="a number and a name: --name 3=Mina")
    return int(number), name.strip()


def _pair(text: str) -> tuple[int, int]:
    numbers = re.fullmatch(r"\s*(\d{1,9})\s*,\s*(\d{1,9})\s*", text)
    if numbers is None:
        raise UsageError(f"--merge {text} is not understood", remedy="two numbers: --merge 1,4")
    return int(numbers[1]), int(numbers[2])


def _show(document: Mapping[str, Any], out: Path) -> None:
    people = document["people"]
    if not people:
        return
    report.print_table(lambda _width: _table(people))
    crops = sum(len(person["crops"]) for person in people)
    kept = "; embeddings are kept there" if document["remembered"] else ""
    print(f"{report.counted(crops, 'crop')} of {len(people)} people in {out}{kept}")


def _table(people: Sequence[Mapping[str, Any]]) -> Table:
    named = any(person["naming"] for person in people)
    table = Table(header_style="bold")
    for heading in ("person", "looks", "crops", *(("alike", "margin", "next") if named else ())):
        table.add_column(heading, justify="right" if heading in ("looks", "crops", "alike", "margin") else "left")
    for person in people:
        label = f"{person['number']} {person['label']}"
        cells = [escape(label), f"{person['looks']}", f"{len(person['crops'])}"]
        naming = person["naming"]
        if naming:
            margin = "–" if naming["margin"] is None else f"{naming['margin']:.2f}"
            nearest = naming["second"] if person["name"] else naming["nearest"]
            cells += [f"{naming['similarity']:.2f}", margin, escape(nearest or "–")]
        table.add_row(*cells)
    return table
