"""The command line: the only room that knows Typer and rich, prints, reads the environment and exits."""

from __future__ import annotations

from fancam.cli.app import invoke, main

__all__ = ["invoke", "main"]
