"""The application: its verbs, and the one place where an exception becomes an exit code."""

from __future__ import annotations

import ctypes
import io
import sys
from collections.abc import Sequence
from typing import Any

import typer
from typer.core import TyperCommand

from fancam import __version__
from fancam.cli import card, doctor, enhance, members, models, options, pick, probe, run, sheet
from fancam.errors import ExitCode

app = typer.Typer(
    name="fancam",
    help="Concert videos and group photos in, print-ready photocards out.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    rich_markup_mode=None,
)


class GroupedCommand(TyperCommand):
    """A verb whose help shows its options by group, the common ones first, and examples at the end."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the options under the heading of their group, in the order of ``options.GROUPS``."""
        groups: dict[str, list[tuple[str, str]]] = {}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is not None:
                name = getattr(parameter, "rich_help_panel", None) or options.OUTPUT
                groups.setdefault(name, []).append(record)
        for name in options.GROUPS:
            if name in groups:
                with formatter.section(name):
                    formatter.write_dl(groups[name])

    def format_epilog(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002 - the signature is Typer's
        """Write the examples, a line each."""
        with formatter.section("Examples"):
            for line in (self.epilog or "").strip().splitlines():
                formatter.write(f"  {line}\n")


def _show_version(value: bool) -> None:
    if value:
        typer.echo(f"fancam {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: bool = typer.Option(False, "--version", callback=_show_version, is_eager=True, help="Show the version."),
) -> None:
    """Concert videos and group photos in, print-ready photocards out."""


app.command("run", cls=GroupedCommand, epilog=run.EXAMPLES)(run.run)
app.command("pick", cls=GroupedCommand, epilog=pick.EXAMPLES)(pick.pick)
app.command("members", cls=GroupedCommand, epilog=members.EXAMPLES)(members.members)
app.command("faces", cls=GroupedCommand, epilog=members.EXAMPLES, hidden=True)(members.members)
app.command("enhance", cls=GroupedCommand, epilog=enhance.EXAMPLES)(enhance.enhance)
app.command("card", cls=GroupedCommand, epilog=card.EXAMPLES)(card.card)
app.command("sheet", cls=GroupedCommand, epilog=sheet.EXAMPLES)(sheet.sheet)
app.command("probe")(probe.probe)
app.command("doctor")(doctor.doctor)
app.add_typer(models.app, name="models")


_M_MMAP_THRESHOLD = -3
"""``mallopt``'s name for the size from which a block is memory of its own (malloc.h of glibc)."""
_BLOCK_BYTES = 2**20


def _give_freed_memory_back() -> None:
    """Let the C library return what is freed to the system, block by block.

    Left alone, glibc keeps blocks of up to 32 MB for later, for each thread: half a gigabyte where frames are 4K.
    """
    if sys.platform == "linux":
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # other C libraries have none, and keep less
        if mallopt is not None:
            mallopt(_M_MMAP_THRESHOLD, _BLOCK_BYTES)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and leave the process with the documented exit code."""
    _give_freed_memory_back()
    sys.exit(invoke(arguments))


def invoke(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code; usage errors become one line on stderr."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a terminal that cannot show a character gets a question mark
            stream.reconfigure(errors="replace")
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
