"""The command line: the only room that knows Typer and rich, prints, reads the environment and exits."""

from __future__ import annotations

import os

# OpenMP's threads spin while they wait. Beside the threads that decode and write, or any other program, that made the
# network up to ten times slower on two cores; sleeping costs it a tenth on an idle machine. Read when torch is loaded.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

from fancam.cli.app import invoke, main
