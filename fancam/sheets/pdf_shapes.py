"""What is drawn on a page beside the pictures, with fpdf2: marks, rulers, small print."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from fpdf import FPDF
from fpdf.drawing import PaintedPath

from fancam.files import output_error
from fancam.pictures import builtin_font, drawable
from fancam.sheets.plan import RULER_DEPTH_MM, Area, Line, Note, Page, Ruler

POINTS_PER_MM = 72 / 25.4

# A ruler: ticks every millimetre, longer at 5 and longest at 10 (its depth). The figures stand beside the longest ticks
# and under the short ones, as on a tape measure, so that nothing of a ruler reaches farther than these do.
TICK_MM, HALF_TICK_MM = 1.0, 1.4
TICK_WIDTH_MM = 0.1
"""About a quarter of a point: the "hairline" of layout programs, which every printer draws."""
_FIGURES_SIZE_MM, _FIGURES_HEIGHT_MM = 1.9, 1.33
"""The size of the font, and the height of its figures."""
_FIGURES_APART_MM = 0.35
"""From a tick to the figures beside it."""
_FIGURES_TOP_MM = 1.6

_FAMILY = "fancam"


def drawn_pages(pages: Sequence[Page]) -> tuple[bytes, list[str]]:
    """Return a PDF with marks, rulers and notes of the pages and no pictures, and what could not be written as asked.

    Everything is black in DeviceGray, hence black ink alone on a press.

    Raises:
        OutputError: The folder for temporary files cannot be written to.
    """
    pdf = FPDF(unit="pt")
    pdf.set_auto_page_break(False)
    _add_font(pdf)
    for page in pages:
        pdf.add_page(format=(page.width_mm * POINTS_PER_MM, page.height_mm * POINTS_PER_MM))
        _draw(pdf, page)
    return bytes(pdf.output()), _replaced(note.text for page in pages for note in page.notes)


def _add_font(pdf: FPDF) -> None:
    """Load the built-in font: fpdf2 takes fonts from files only, and keeps what it has read."""
    try:
        with tempfile.TemporaryDirectory() as folder:
            font = Path(folder) / f"{_FAMILY}.ttf"
            font.write_bytes(builtin_font())
            pdf.add_font(_FAMILY, fname=font)
    except OSError as error:
        raise output_error(error, Path(tempfile.gettempdir())) from error


def _draw(pdf: FPDF, page: Page) -> None:
    lines = [*page.crop_marks, *page.lines]
    for ruler in page.rulers:
        lines += _ruler_lines(ruler)
        for note in _ruler_figures(ruler, pdf):
            _write(pdf, note)
    for width_mm in sorted({line.width_mm for line in lines}):
        _stroke(pdf, [line for line in lines if line.width_mm == width_mm], width_mm)
    _fill(pdf, page.registration)
    for note in page.notes:
        _write(pdf, note)


def _ruler_lines(ruler: Ruler) -> list[Line]:
    """Return a ruler's ticks, each in the middle of its place, and the line they stand on."""
    lines = [_along(ruler, 0.0, 0.0, ruler.length_mm, 0.0)]
    for tick in range(_ticks(ruler)):
        reach = RULER_DEPTH_MM if tick % 10 == 0 else HALF_TICK_MM if tick % 5 == 0 else TICK_MM
        lines.append(_along(ruler, tick, 0.0, tick, reach))
    return lines


def _ruler_figures(ruler: Ruler, pdf: FPDF) -> list[Note]:
    """Return the figures of a ruler: each behind its tick, the last one before it; the unit at zero."""
    notes = []
    pdf.set_font(_FAMILY, size=_FIGURES_SIZE_MM * POINTS_PER_MM)
    last = (_ticks(ruler) - 1) // 10 * 10
    for tick in range(0, last + 1, 10):
        text = "0 mm" if tick == 0 else str(tick)
        width_mm = pdf.get_string_width(text) / POINTS_PER_MM
        along = tick - _FIGURES_APART_MM - width_mm if tick == last > 0 else tick + _FIGURES_APART_MM
        if ruler.vertical:
            notes.append(Note(ruler.x_mm + _FIGURES_TOP_MM, ruler.y_mm + along, text, _FIGURES_SIZE_MM, vertical=True))
        else:
            baseline = ruler.y_mm + _FIGURES_TOP_MM + _FIGURES_HEIGHT_MM
            notes.append(Note(ruler.x_mm + along, baseline, text, _FIGURES_SIZE_MM))
    return notes


def _ticks(ruler: Ruler) -> int:
    return int(ruler.length_mm + 1e-6) + 1


def _along(ruler: Ruler, along0: float, across0: float, along1: float, across1: float) -> Line:
    x, y = ruler.x_mm, ruler.y_mm
    if ruler.vertical:
        return Line(x + across0, y + along0, x + across1, y + along1, TICK_WIDTH_MM)
    return Line(x + along0, y + across0, x + along1, y + across1, TICK_WIDTH_MM)


def _stroke(pdf: FPDF, lines: Sequence[Line], width_mm: float) -> None:
    """Draw lines that end where they end: the caps of fpdf2's own lines reach over both ends."""
    with pdf.drawing_context() as context:
        path = PaintedPath()
        for line in lines:
            path.move_to(line.x0_mm * POINTS_PER_MM, line.y0_mm * POINTS_PER_MM)
            path.line_to(line.x1_mm * POINTS_PER_MM, line.y1_mm * POINTS_PER_MM)
        path.style.auto_close = False
        path.style.stroke_width = width_mm * POINTS_PER_MM
        path.style.stroke_cap_style = "butt"
        path.style.stroke_color = "#000000"
        path.style.paint_rule = "stroke"
        context.add_item(path)


def _fill(pdf: FPDF, areas: Sequence[Area]) -> None:
    if not areas:
        return
    with pdf.drawing_context() as context:
        path = PaintedPath()
        for area in areas:
            path.rectangle(*(value * POINTS_PER_MM for value in (area.x_mm, area.y_mm, area.width_mm, area.height_mm)))
        path.style.fill_color = "#000000"
        path.style.stroke_color = None
        path.style.paint_rule = "fill_nonzero"
        context.add_item(path)


def _write(pdf: FPDF, note: Note) -> None:
    text = drawable(note.text)
    x, y = note.x_mm * POINTS_PER_MM, note.y_mm * POINTS_PER_MM
    pdf.set_font(_FAMILY, size=note.size_mm * POINTS_PER_MM)
    if note.vertical:
        with pdf.rotation(-90, x, y):
            pdf.text(x, y, text)
    else:
        pdf.text(x, y, text)


def _replaced(texts: Iterable[str]) -> list[str]:
    lost = sorted({text for text in texts if len(drawable(text)) != len(text) or drawable(text) != text})
    return [f"the note {text!r} has characters that the built-in font lacks: {drawable(text)!r}" for text in lost]


# --- in the coordinates of a PDF: points, y upward --------------------------------------------------------------------


def rectangle(area: Area, page_height_mm: float) -> tuple[float, float, float, float]:
    """Return the lower left corner, width and height of an area in points."""
    return (
        area.x_mm * POINTS_PER_MM,
        (page_height_mm - area.bottom_mm) * POINTS_PER_MM,
        area.width_mm * POINTS_PER_MM,
        area.height_mm * POINTS_PER_MM,
    )


def box(area: Area, page: Page) -> list[float]:
    """Return an area as a page box, [left, bottom, right, top] in points, to 0.0001; inside the media box."""
    left, right = (min(max(x, 0.0), page.width_mm) for x in (area.x_mm, area.right_mm))
    top, bottom = (min(max(y, 0.0), page.height_mm) for y in (area.y_mm, area.bottom_mm))
    edges = (left, page.height_mm - bottom, right, page.height_mm - top)
    return [round(edge * POINTS_PER_MM, 4) for edge in edges]
