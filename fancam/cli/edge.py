"""The edge: exceptions become one line on stderr, and an exit code."""

from __future__ import annotations

import json
import sys
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import typer

from fancam import __version__
from fancam.errors import ExitCode, FancamError


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
            print_json({"fancam": __version__, "verb": verb, "failures": [failure]})
        raise typer.Exit(error.exit_code) from None
    except KeyboardInterrupt:
        print("fancam: interrupted; what is finished is kept, run the same command to go on", file=sys.stderr)
        raise typer.Exit(ExitCode.INTERRUPTED) from None


def complain(error: FancamError) -> None:
    """Print an error as one line on stderr."""
    print(f"fancam: {error.line()}", file=sys.stderr)


def print_json(document: Mapping[str, Any]) -> None:
    """Print one JSON document on stdout."""
    json.dump(document, sys.stdout, indent=1, ensure_ascii=False)
    sys.stdout.write("\n")
