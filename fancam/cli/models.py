"""``fancam models``: which weight files there are, whether they are here and whole, and how to get the others."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from fancam.cli import options, report
from fancam.cli.report import complain, edge, print_document
from fancam.errors import ExitCode, ModelDamagedError

if TYPE_CHECKING:
    from fancam.nn import ModelStatus, ModelStore

app = typer.Typer(help="List, verify, download and locate weight files.", no_args_is_help=True)

NamesArg = Annotated[
    list[str] | None, typer.Argument(metavar="[NAME...]", help="Names from 'fancam models list'.", show_default=False)
]
NameArg = Annotated[str, typer.Argument(metavar="NAME", help="A name from 'fancam models list'.", show_default=False)]


def status_row(status: ModelStatus) -> dict[str, Any]:
    """Return a model's state as JSON values."""
    entry = status.entry
    return {
        "name": entry.name,
        "task": entry.task,
        "architecture": entry.architecture,
        "licence": entry.licence,
        "commercial": entry.commercial,
        "state": status.state,
        "source": status.source,
        "path": None if status.path is None else str(status.path),
        "measured": entry.measured,
        "detail": status.detail,
    }


def _print_statuses(verb: str, rows: list[dict[str, Any]], *, as_json: bool) -> None:
    if as_json:
        print_document(verb, models=rows)
        return
    table = Table(header_style="bold")
    for heading in ("name", "task", "state", "from", "licence", "commercial use"):
        table.add_column(heading)
    colours = {"present": "green", "verified": "green", "missing": "default", "damaged": "red"}
    for row in rows:
        state = f"[{colours[row['state']]}]{row['state']}[/]"
        use = "yes" if row["commercial"] else "[yellow]no[/]"
        words = (escape(text) for text in (row["source"] or "–", row["licence"]))
        table.add_row(row["name"], row["task"], state, *words, use)
    Console().print(table)


@app.command("list")
def list_models(
    models_dir: options.ModelsDirOpt = None, as_json: options.JsonOpt = False, verbose: options.VerboseOpt = False
) -> None:
    """List every model of the registry: what it is for, its licence, and whether it is here."""
    with edge("models list", as_json=as_json, verbose=verbose):
        store = options.open_store(models_dir)
        rows = [status_row(store.status(entry.name)) for entry in store.entries()]
        _print_statuses("models list", rows, as_json=as_json)


@app.command()
def verify(
    names: NamesArg = None,
    models_dir: options.ModelsDirOpt = None,
    as_json: options.JsonOpt = False,
    verbose: options.VerboseOpt = False,
) -> None:
    """Hash the weight files that are here (or the ones named) and compare with the registry.

    Exit code 1 when one is damaged, 5 when one that was named is missing.
    """
    with edge("models verify", as_json=as_json, verbose=verbose):
        store = options.open_store(models_dir)
        statuses = [store.status(name, verify=True) for name in names or _present(store)]
        _print_statuses("models verify", [status_row(status) for status in statuses], as_json=as_json)
        damaged = [status for status in statuses if status.state == "damaged"]
        for status in damaged:
            complain(ModelDamagedError(status.detail))
        if damaged:
            raise typer.Exit(ExitCode.ERROR)
        for status in statuses:
            if status.state == "missing":
                store.locate(status.entry.name)


@app.command()
def pull(
    names: Annotated[list[str], typer.Argument(metavar="NAME...", show_default=False)],
    models_dir: options.ModelsDirOpt = None,
    quiet: options.QuietOpt = False,
    verbose: options.VerboseOpt = False,
) -> None:
    """Download models into the cache; what is here and whole is left alone."""
    with edge("models pull", verbose=verbose):
        store = options.open_store(models_dir)
        for name in names:
            entry = store.entry(name)
            if not entry.commercial:
                print(f"{name}: licence {entry.licence}; not for commercial use")
            with report.progress_bars(quiet=quiet) as progress:
                path = store.pull(name, progress)
            if not quiet:
                print(f"{name}: {path}")


@app.command("path")
def show_path(name: NameArg, models_dir: options.ModelsDirOpt = None, verbose: options.VerboseOpt = False) -> None:
    """Print where a model's weight file is, after checking its hash."""
    with edge("models path", verbose=verbose):
        print(Path(options.open_store(models_dir).locate(name)))


def _present(store: ModelStore) -> list[str]:
    return [entry.name for entry in store.entries() if store.status(entry.name).state != "missing"]
