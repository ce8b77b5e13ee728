"""The application: its verbs, and the one place where an exception becomes an exit code."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import typer

from fancam import __version__
from fancam.cli import card, doctor, enhance, models, probe, run, sheet
from fancam.errors import ExitCode

app = typer.Typer(
    name="fancam",
    help="Concert videos and group photos in, print-ready photocards out.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    rich_markup_mode=None,
)


def _show_version(value: bool) -> None:
    if value:
        typer.echo(f"fancam {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: bool = typer.Option(False, "--version", callback=_show_version, is_eager=True, help="Show the version."),
) -> None:
    """Concert videos and group photos in, print-ready photocards out."""


app.command("run")(run.run)
app.command("enhance")(enhance.enhance)
app.command("card")(card.card)
app.command("sheet")(sheet.sheet)
app.command("probe")(probe.probe)
app.command("doctor")(doctor.doctor)
app.add_typer(models.app, name="models")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and leave the process with the documented exit code."""
    sys.exit(invoke(arguments))


def invoke(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code; usage errors become one line on stderr."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        code = app(given, standalone_mode=False, prog_name="fancam")
    except typer.TyperException as error:
        message = " ".join(error.format_message().split())
        if message:
            print(f"fancam: {message}; see fancam --help", file=sys.stderr)
        return error.exit_code
    except typer.Abort:
        return ExitCode.INTERRUPTED
    return int(code or 0)
