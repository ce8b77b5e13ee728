"""What a verb says in a terminal: bars, tables, JSON; exceptions become one line and an exit code."""

from __future__ import annotations

import itertools
import json
import re
import sys
import traceback
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NoReturn

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.table import Table

from fancam import __version__
from fancam.errors import ExitCode, FancamError
from fancam.media import Progress as ProgressCallback
from fancam.media import format_time, no_progress
from fancam.results import Decision

if TYPE_CHECKING:
    from fancam.jobs.manifest import RunResult  # it loads Pillow


@contextmanager
def edge(verb: str, *, as_json: bool = False, verbose: bool = False) -> Iterator[None]:
    """Turn what fancam raises on purpose, and Ctrl-C, into a line and an exit code.

    With ``as_json`` the failure is also printed as a JSON document, so that a script always finds one on stdout.
    """
    try:
        yield
    except FancamError as error:
        if verbose:
            traceback.print_exc()
        complain(error)
        if as_json:
            failure = {"item": error.item, "error": error.line(), "exit_code": int(error.exit_code)}
            print_document(verb, failures=[failure])
        raise typer.Exit(error.exit_code) from None
    except KeyboardInterrupt:
        print("fancam: interrupted; what is finished is kept, run the same command to go on", file=sys.stderr)
        raise typer.Exit(ExitCode.INTERRUPTED) from None


def complain(error: FancamError) -> None:
    """Print an error as one line on stderr."""
    print(f"fancam: {error.line()}", file=sys.stderr)


def print_document(verb: str, **more: Any) -> None:
    """Print the JSON document of a verb that fills no folder."""
    print_json({"fancam": __version__, "verb": verb, **more})


def print_json(document: Mapping[str, Any]) -> None:
    """Print one JSON document on stdout."""
    json.dump(document, sys.stdout, indent=1, ensure_ascii=False)
    sys.stdout.write("\n")


# --- bars and tables ----------------------------------------------------------------------------------------------

STAGE_TITLES = {
    "start": "starting",
    "read": "reading",
    "prepare": "cleaning",
    "scan": "scanning frames",
    "faces": "looking for faces",
    "frames": "writing frames",
    "enhance": "making cards",
    "tiles": "enlarging",
    "pictures": "enhancing",
    "cards": "making cards",
    "pdf": "writing the PDF",
    "preview": "drawing previews",
}

MOST_CHECKS = 60
"""More than these are counted in the table, not listed."""
_STATUS_STYLES = {"ok": "green", "warn": "yellow", "fail": "red"}


@contextmanager
def progress_bars(*, quiet: bool) -> Iterator[ProgressCallback]:
    """Yield a progress callback that draws one bar per stage on stderr; draws nothing where it is no terminal."""
    console = Console(stderr=True)
    if quiet or not console.is_terminal:
        yield no_progress
        return
    columns = (
        TextColumn("{task.description:<18}"),
        BarColumn(bar_width=30),
        TaskProgressColumn(),
        TimeRemainingColumn(elapsed_when_finished=True),
    )
    with Progress(*columns, console=console) as bars:
        tasks: dict[str, TaskID] = {"start": bars.add_task(STAGE_TITLES["start"], total=None)}

        def show(stage: str, done: int, total: int | None) -> None:
            if "start" in tasks:
                bars.remove_task(tasks.pop("start"))
            if stage in tasks and bars.tasks[tasks[stage]].finished and done < (total or 0):
                del tasks[stage]  # the next input starts
            if stage not in tasks:
                tasks[stage] = bars.add_task(STAGE_TITLES.get(stage, stage), total=total)
            bars.update(tasks[stage], completed=done, total=total)

        yield show


def tell(
    result: RunResult,
    show: Callable[[Mapping[str, Any]], None],
    chains: Mapping[str, Sequence[Mapping[str, str]] | None],
    *,
    quiet: bool,
    as_json: bool,
) -> NoReturn:
    """Tell what a job did, and leave with its exit code.

    ``show`` prints the table; ``chains`` are those that were chosen, by item, none where nobody asked. Warnings and
    errors are always told; ``as_json`` prints the manifest instead of the rest.
    """
    document = result.to_manifest()
    if as_json:
        print_json(document)
    else:
        if not quiet:
            show(document)
        print_chains(chains)
    for line in warning_lines(document):
        print(f"fancam: warning: {line}", file=sys.stderr)
    for error in result.errors:
        complain(error)
    raise typer.Exit(result.exit_code)


def ppi_style(ppi: float) -> str:
    """Return the colour a resolution is shown in, the same grades as on the contact sheet."""
    from fancam.report import ppi_grade  # here: the room loads Pillow and OpenCV

    return ("green", "default", "yellow", "red")[ppi_grade(ppi)]


def summary_table(document: Mapping[str, Any], *, with_reasons: bool) -> Table:
    """Return one row per pick: which, when, how good, how many real pixels, and, where there is room, why."""
    table = Table(header_style="bold")
    table.add_column("card")
    for heading in ("time", "score", "sharp", "face px", "true ppi"):
        table.add_column(heading, justify="right")
    if with_reasons:
        table.add_column("why")
    for pick in document["picks"]:
        box = pick["face"]["box"]
        sharpness = pick["why"].get("sharpness")
        ppi = pick["effective_ppi"]
        true_ppi = pick.get("true_ppi")  # None where it was not measured
        held = f"{ppi:.0f}" if true_ppi is None else f"{true_ppi:.0f} of {ppi:.0f}"
        marks = " (bystander)" if pick["rejected"] == "bystander" else ""
        row = [
            escape(pick["id"]) + marks + ("" if pick["card"] else " [red]failed[/]"),
            "–" if pick["time_s"] is None else format_time(pick["time_s"]),
            f"{pick['score']:.2f}",
            "–" if sharpness is None else f"{sharpness:.2f}",
            f"{box[3] - box[1]:.0f}",
            f"[{ppi_style(ppi if true_ppi is None else true_ppi)}]{held}[/]",
        ]
        table.add_row(*row, *([escape(pick["reason"])] if with_reasons else []))
    return table


def print_table(table: Callable[[int], Table]) -> None:
    """Print a table on stdout, made for the width that there is."""
    console = Console()
    console.print(table(console.width))


def counted(count: int, what: str) -> str:
    """Return a number with what it counts, in the singular or plural."""
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def tell_plan(
    plan: Mapping[str, Any], lines: Iterable[str], *, as_json: bool,
    chains: Mapping[str, Sequence[Mapping[str, str]] | None] | None = None,
) -> None:  # fmt: skip
    """Tell what a verb would do: the document, or its lines, and how long it takes where that was measured.

    ``chains`` are those of the inputs, none where nobody asked.
    """
    if as_json:
        print_json(plan)
        return
    for line in lines:
        print(line)
    print_chains(chains or {})
    seconds = plan.get("estimated_s")
    if seconds is not None:
        said = f"{max(seconds, 1):.0f} s" if seconds < 90 else f"{seconds / 60:.0f} minutes"
        print(f"about {said} on this machine, by a short trial")


def print_checks(checks: Sequence[Mapping[str, str]], *, as_table: bool) -> None:
    """Print what preflight found: a line for each thing that is not as it should be, after a table where one is asked.

    A table of many checks counts them: nobody reads two thousand rows.
    """
    console = Console()
    if as_table and checks:
        console.print(_checks_table(checks) if len(checks) <= MOST_CHECKS else _counts_table(checks))
    said = [
        (escape(check["item"]), f"{_status(check['status'])} {check['name']}: {escape(check['value'])}; "
         f"{escape(check['message'])}")
        for check in checks if check["status"] != "ok"
    ]  # fmt: skip
    for line in lines_by_kind(said):
        console.print(line, highlight=False, soft_wrap=True)


def _checks_table(checks: Sequence[Mapping[str, str]]) -> Table:
    table = Table("item", "check", "found", "asked for", "", header_style="bold")
    for check in checks:
        cells = (escape(check[key]) for key in ("item", "name", "value", "limit"))
        table.add_row(*cells, _status(check["status"]))
    return table


def _counts_table(checks: Sequence[Mapping[str, str]]) -> Table:
    counts: dict[tuple[str, str], Counter[str]] = {}
    for check in checks:
        counts.setdefault((check["name"], check["limit"]), Counter())[check["status"]] += 1
    table = Table("check", "asked for", *map(_status, _STATUS_STYLES), header_style="bold")
    for (name, limit), found in counts.items():
        table.add_row(name, escape(limit), *(str(found[status] or "") for status in _STATUS_STYLES))
    return table


def _status(status: str) -> str:
    return f"[{_STATUS_STYLES[status]}]{status}[/]"


def print_reasons(row: Mapping[str, Any]) -> None:
    """Print why a pick of a manifest won, every term of its score, and whom it beat by what."""
    measured = {name.replace("_", " "): value for name, value in row["why"].items() if value is not None}
    when = "" if row["time_s"] is None else f"  {format_time(row['time_s'])}"
    print(f"{row['id']}{when}  {row['score']:.2f}")
    print(f"  won   {row['reason']}")
    print(f"  terms {', '.join(f'{name} {value:.2f}' for name, value in measured.items())}")
    for other in row["runners_up"]:
        print(f"  beat  {format_time(other['time_s'])}  {other['score']:.2f}  {other['reason']}")


def print_chains(chains: Mapping[str, Sequence[Mapping[str, str]] | None]) -> None:
    """Print which chain was chosen for each item, and why; items with the same chain share it."""
    from fancam.report import explain_lines  # here: see ``ppi_style``

    items: dict[tuple[str, ...], list[str]] = {}
    for name, chain in chains.items():
        lines = tuple(explain_lines([Decision(**row) for row in chain or ()]))
        items.setdefault(lines, []).append(name)
    for lines, names in items.items():
        print(", ".join(names))
        for line in lines:
            print(f"  {line}")


_FIGURE = re.compile(r"(?<![\w.:-])\d+(?:\.\d+)?(?!\.?\w|:\d)")
"""A number that stands by itself: not that of a name, a size such as 640x480, or a time."""


def lines_by_kind(said: Iterable[tuple[str, str]]) -> list[str]:
    """Return one line for each kind of what is said of items, with the first of them and how many more there are.

    Of one kind are sentences that differ in nothing but their figures; where these differ, the lowest and the highest
    are given.

    Args:
        said: Item and sentence, in the order in which the kinds shall come.
    """
    kinds: dict[tuple[str, ...], list[tuple[str, list[str]]]] = {}
    for item, text in said:
        kinds.setdefault(tuple(_FIGURE.split(text)), []).append((item, _FIGURE.findall(text)))
    lines = []
    for parts, rows in kinds.items():
        spans = map(_span, zip(*(figures for _, figures in rows), strict=True))
        items = list(dict.fromkeys(item for item, _ in rows))
        more = f" and {len(items) - 1} more" if len(items) > 1 else ""
        text = "".join(itertools.chain.from_iterable(itertools.zip_longest(parts, spans, fillvalue="")))
        lines.append(f"{items[0]}{more}: {text}")
    return lines


def _span(figures: Sequence[str]) -> str:
    low, high = min(figures, key=float), max(figures, key=float)
    return low if low == high else f"{low} to {high}"


def warning_lines(document: Mapping[str, Any]) -> list[str]:
    """Return the warnings of a manifest by kind, with the items they belong to, and then those of no item."""
    said = [(row["path"], text) for row in document["inputs"] for text in row["warnings"]]
    for row in [*document["picks"], *document.get("pictures", []), *document.get("cards", [])]:
        notes = (row.get("enhance") or {}).get("notes", [])
        said += [(row.get("id") or row["path"], text) for text in (*row["warnings"], *notes)]
    return [*lines_by_kind(said), *document.get("warnings", [])]
