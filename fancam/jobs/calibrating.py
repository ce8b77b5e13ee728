"""How a printer lays the back of a sheet: two pages that measure it, and the settings that undo it."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from fancam import __version__
from fancam.errors import ExitCode
from fancam.files import replace_file
from fancam.jobs import manifest
from fancam.jobs.result import RunResult
from fancam.jobs.sheets import pdf_path
from fancam.paper import paper_size
from fancam.settings import Settings
from fancam.sheets import calibration_distance_mm, offset_from_readings, plan_calibration, write_pdf

Json = dict[str, Any]


def calibration(out: Path, settings: Settings) -> RunResult:
    """Write the two pages that measure how a printer lays the back of a sheet.

    Raises:
        FancamError: The paper is unknown or too small, or the PDF cannot be written.
    """
    path, chosen = pdf_path(out), settings.sheet
    paper = paper_size(chosen.paper)
    plan = plan_calibration(paper, chosen)
    file = write_pdf(plan, path, title=f"Calibration, {paper.title}", software=f"fancam {__version__}")
    lying = "" if chosen.orientation == "auto" else f" --orientation {chosen.orientation}"
    again = f"fancam sheet --readings LX,LY,RX,RY --paper {chosen.paper}{lying} --duplex {chosen.duplex} -o PRINTER.pdf"
    steps = [f"print both sides of {path} at 100 %, hold it against a lamp, read it as it says, then:", again]
    document = _document(settings, pdf={"path": str(path), "sha256": file.sha256}, next=steps)
    return RunResult(document, ExitCode.OK)


def printer_offset(out: Path, settings: Settings, left: tuple[float, float], right: tuple[float, float]) -> RunResult:
    """Write the settings file that undoes what a calibration page showed.

    Args:
        out: The TOML file.
        settings: Its paper is the calibration's.
        left: What was read on the left: x, y in mm.
        right: What was read on the right.

    Raises:
        UsageError: The readings mean more than can be corrected.
        OutputError: The file cannot be written.
    """
    paper = paper_size(settings.sheet.paper)
    offset = offset_from_readings(left, right, calibration_distance_mm(paper))
    x_mm, y_mm, angle_deg = round(offset.x_mm, 3), round(offset.y_mm, 3), round(offset.angle_deg, 4)
    # Making the settings says what is out of range.
    dataclasses.replace(settings.sheet, back_x_mm=x_mm, back_y_mm=y_mm, back_angle_deg=angle_deg)
    values = {"back_x_mm": x_mm, "back_y_mm": y_mm, "back_angle_deg": angle_deg}
    lying = "landscape" if settings.sheet.orientation == "landscape" else "portrait"
    lines = [
        f"# How this printer lays the back of a {lying} sheet; use it with --config.",
        "# Sheets that lie otherwise need a calibration of their own: they go through the printer the other way.",
        "[sheet]",
        f'duplex = "{settings.sheet.duplex}"',
        *(f"{name} = {value}" for name, value in values.items()),
    ]
    replace_file(out, ("\n".join(lines) + "\n").encode())
    steps = [
        f"{out} moves the back by {x_mm:g} mm to the right and {y_mm:g} mm down, and turns it by {angle_deg:g} degrees",
        f"print with: fancam sheet CARDS --config {out}",
    ]
    return RunResult(_document(settings, config=str(out), offset=values, next=steps), ExitCode.OK)


def _document(settings: Settings, **more: Any) -> Json:
    return manifest.document(
        version=__version__, verb="sheet", settings=settings.as_dict(), inputs=[], picks=[], failures=[], timings_s={},
        warnings=[], **more,
    )  # fmt: skip
