"""What programs that did not write a PDF say about it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

_TOOLS = {
    "qpdf": ("--check", "{}"),
    "pdfinfo": ("-box", "{}"),
    "pdfimages": ("-list", "{}"),
}
_PACKAGES = {"qpdf": "qpdf", "pdfinfo": "poppler-utils", "pdfimages": "poppler-utils"}


def readers_are_here() -> bool:
    """Whether any of the tools is installed."""
    return any(shutil.which(tool) for tool in _TOOLS)


def accepted_by_readers(path: Path) -> dict[str, str]:
    """Have qpdf and poppler read a PDF and fail on any complaint; call it on every PDF that a test makes.

    Returns:
        What each tool printed. Skips the test, with the reason, where none of the tools is installed.
    """
    found = {tool: where for tool in _TOOLS if (where := shutil.which(tool))}
    if not found:
        pytest.skip(f"no independent reader is here: install {' and '.join(sorted(set(_PACKAGES.values())))}")
    printed = {}
    for tool, where in found.items():
        arguments = [argument.format(path) for argument in _TOOLS[tool]]
        result = subprocess.run([where, *arguments], capture_output=True, text=True, timeout=120, check=False)
        assert result.returncode == 0, f"{tool} on {path.name}: {result.stdout}{result.stderr}"
        assert not result.stderr.strip(), f"{tool} on {path.name}: {result.stderr}"
        printed[tool] = result.stdout
    return printed
