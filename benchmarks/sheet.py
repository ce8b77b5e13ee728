"""A sheet of 200 cards as a PDF, its positions, and two rivals: ``python -m benchmarks sheet``.

Each job is a process of its own: wall time of the writing without imports, and the largest resident size the kernel
saw. The rivals are what one would write first: fpdf2 with its own images, and Pillow's PDF of whole pages.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import fpdf
import numpy as np
import pikepdf
from PIL import Image

from fancam import __version__
from fancam.pictures import PictureMetadata, adobe_rgb_profile, save_picture
from fancam.settings import SheetSettings
from fancam.sheets import write_pdf
from fancam.sheets.layout import plan_sheet
from fancam.sheets.plan import Area, Page, SheetCard, SheetPlan
from tests.figures import peak_mb
from tests.rendered_positions import Rendering, measured_card, render_page

CARDS = 200
WIDTH_PX, HEIGHT_PX = 720, 1075
SHEET = SheetSettings(paper="letter")
"""With 3 mm of bleed 8 cards fit on Letter: 25 pages."""
DPI = 600


def main(arguments: list[str]) -> None:
    """Print time, memory and sizes, what rivals lose, and the errors of positions."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks sheet", description=__doc__)
    parser.add_argument("--cards", type=int, default=CARDS)
    parser.add_argument("--job", nargs=3, metavar=("WRITER", "FOLDER", "PDF"), help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.job:
        writer, folder, target = options.job
        print(json.dumps(_job(WRITERS[writer], Path(folder), Path(target))))
        return
    with tempfile.TemporaryDirectory() as folder:
        _writers(Path(folder), options.cards)
        _copies(Path(folder))
        _positions(Path(folder))


# --- time, memory, faithfulness -----------------------------------------------------------------------------------


def _writers(folder: Path, count: int) -> None:
    print(f"{count} different cards of {WIDTH_PX}x{HEIGHT_PX} with a profile, 8 on a page; peak is the process's own\n")
    print(f"{'cards':6} {'writer':8} {'time':>7} {'CPU':>7} {'peak':>8} {'inputs':>9} {'PDF':>9} {'ratio':>6}  "
          f"{'bytes':8} {'pixels':7} {'ICC':5} {'boxes':6} intent")  # fmt: skip
    for ending, size in (("png", 1), ("jpg", 1), ("png", 2)):
        cards = folder / f"{ending}{size}"
        cards.mkdir()
        paths = _make_cards(cards, count if size == 1 else count // 8, ending, size)
        inputs = sum(path.stat().st_size for path in paths)
        for writer in WRITERS if size == 1 else ["fancam"]:
            target = folder / f"{ending}{size}-{writer}.pdf"
            command = [sys.executable, "-m", "benchmarks", "sheet", "--job", writer, str(cards), str(target)]
            found = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
            kept = _kept(target, paths[0])
            name = f"{ending} x{size}" if size > 1 else ending
            taken = f"{found['seconds']:6.1f}s {found['cpu']:6.1f}s {found['peak_mb']:5.0f} MB"
            size_mb, input_mb = target.stat().st_size / 1e6, inputs / 1e6
            print(f"{name:6} {writer:8} {taken} {input_mb:6.1f} MB {size_mb:6.1f} MB {size_mb / input_mb:6.3f}  {kept}")
            target.unlink()
        for path in paths:
            path.unlink()
    print(
        f"x2: {count // 8} cards of 600 dpi.  bytes: the compressed stream is the file's.  pixels: equal to the file's."
    )


def _make_cards(folder: Path, count: int, ending: str, size: int) -> list[Path]:
    """Write cards that compress as photos do: soft shapes, each its own, and a little grain."""
    width, height = WIDTH_PX * size, HEIGHT_PX * size
    rng = np.random.default_rng(0)
    small = rng.integers(0, 256, (height // 40 + count, width // 40 + 2, 3), dtype=np.uint8)
    grain = rng.normal(0, 2, (height, width, 1)).astype(np.float32)
    paths = []
    for index in range(count):
        soft = cv2.resize(small[index : index + height // 40], (width, height), interpolation=cv2.INTER_CUBIC)
        pixels = np.clip(soft.astype(np.float32) + np.roll(grain, index * 7, axis=1), 0, 255).astype(np.uint8)
        path = folder / f"{index:04d}.{ending}"
        save_picture(path, pixels, dpi=300 * size, metadata=PictureMetadata(), profile=adobe_rgb_profile())
        paths.append(path)
    return paths


def _plan(folder: Path) -> SheetPlan:
    paths = sorted(folder.iterdir())
    return plan_sheet([SheetCard(path.stem, path, 55, 85, 3) for path in paths], SHEET)


def _job(writer: Callable[[SheetPlan, Path], None], folder: Path, target: Path) -> dict[str, float]:
    plan = _plan(folder)
    start, start_cpu = time.perf_counter(), time.process_time()
    writer(plan, target)
    seconds, cpu = time.perf_counter() - start, time.process_time() - start_cpu
    return {"seconds": seconds, "cpu": cpu, "peak_mb": peak_mb()}


def _by_fancam(plan: SheetPlan, target: Path) -> None:
    write_pdf(plan, target, title="Cards", software=f"fancam {__version__}")


def _by_fpdf2(plan: SheetPlan, target: Path) -> None:
    pdf = fpdf.FPDF(unit="mm")
    pdf.set_auto_page_break(False)
    for page in plan.pages:
        pdf.add_page(format=(page.width_mm, page.height_mm))
        for p in page.placements:
            pdf.image(str(p.picture), p.extent.x_mm, p.extent.y_mm, p.extent.width_mm, p.extent.height_mm)
    pdf.output(str(target))


def _by_pillow(plan: SheetPlan, target: Path) -> None:
    def pages() -> Iterator[Image.Image]:
        for page in plan.pages:
            sheet = Image.new("RGB", (_px(page.width_mm), _px(page.height_mm)), "white")
            for p in page.placements:
                with Image.open(p.picture) as card:
                    size = (_px(p.extent.width_mm), _px(p.extent.height_mm))
                    sheet.paste(card.resize(size), (_px(p.extent.x_mm), _px(p.extent.y_mm)))
            yield sheet

    every = pages()
    next(every).save(target, "PDF", resolution=300, save_all=True, append_images=every)


def _px(length_mm: float) -> int:
    return round(length_mm / 25.4 * 300)


WRITERS: dict[str, Callable[[SheetPlan, Path], None]] = {
    "fancam": _by_fancam, "fpdf2": _by_fpdf2, "Pillow": _by_pillow
}  # fmt: skip


def _kept(target: Path, card: Path) -> str:
    """Return what is left of the first card, as the cells of the table."""
    with pikepdf.open(target) as pdf:
        page = pdf.pages[0]
        image: Any = next(o for o in _images(page) if o is not None)
        raw = image.read_raw_bytes()
        data = card.read_bytes() if card.suffix == ".jpg" else _idat(card)
        same_bytes = hashlib.sha256(raw).digest() == hashlib.sha256(data).digest()
        with Image.open(card) as original:
            shown = pikepdf.PdfImage(image).as_pil_image().convert("RGB")
            same_pixels = shown.size == original.size and np.array_equal(np.asarray(shown), np.asarray(original))
        space = image.ColorSpace
        icc = isinstance(space, pikepdf.Array) and space[0] == "/ICCBased"
        boxes = "/TrimBox" in page.obj and "/BleedBox" in page.obj
        intent = "/OutputIntents" in pdf.Root
    cells = ((same_bytes, 8), (same_pixels, 7), (icc, 5), (boxes, 6), (intent, 0))
    return " ".join(f"{'yes' if cell else 'no':{width}}" for cell, width in cells)


def _images(page: pikepdf.Page) -> list[Any]:
    """Return the page's images with that of the first card first."""
    found = dict(page.resources.XObject.items())
    order = [str(step.operands[0]) for step in pikepdf.parse_content_stream(page) if str(step.operator) == "Do"]
    return [found[name] for name in order]


def _idat(path: Path) -> bytes:
    data, position, parts = path.read_bytes(), 8, []
    while position < len(data):
        length = int.from_bytes(data[position : position + 4], "big")
        if data[position + 4 : position + 8] == b"IDAT":
            parts.append(data[position + 8 : position + 8 + length])
        position += 12 + length
    return b"".join(parts)


def _copies(folder: Path) -> None:
    print("\nnine copies against one of the same card")
    for ending in ("png", "jpg"):
        where = folder / f"copies-{ending}"
        where.mkdir()
        (card,) = _make_cards(where, 1, ending, 1)
        sizes = []
        for copies in (1, 9):
            plan = plan_sheet([SheetCard("card", card, 55, 85, 3, copies=copies)], SheetSettings())
            sizes.append(write_pdf(plan, folder / "copies.pdf", title="", software="").size_bytes)
        print(f"  {ending}: {sizes[0]} and {sizes[1]} bytes, {sizes[1] / sizes[0]:.4f}x")


# --- positions ----------------------------------------------------------------------------------------------------


def _positions(folder: Path) -> None:
    """Measure edges and lines in a rendering; PDFium lays pictures on whole pixels, lines and areas it does not."""
    card = folder / "measured.png"
    measured_card(card)
    print(f"\nlargest error of a position in a rendering at {DPI} dpi, in mm (a pixel is {25.4 / DPI:.3f} mm)")
    print(f"{'sheet':34} {'trim':>7} {'crop marks':>11} {'ruler':>7} {'registration':>13}")
    for settings in (
        SheetSettings(), SheetSettings(paper="letter"), SheetSettings(paper="a3+"), SheetSettings(paper="4x6in"),
        SheetSettings(gutter="shared"), SheetSettings(bleed_mm=1.3, registration="3"), SheetSettings(registration="4"),
    ):  # fmt: skip
        plan = plan_sheet([SheetCard("card", card, 55, 85, 3, copies=25)], settings)
        write_pdf(plan, folder / "measured.pdf", title="", software="")
        page = plan.pages[0]
        seen = Rendering(render_page(folder / "measured.pdf", 0, DPI), page.width_mm, page.height_mm)
        name = f"{settings.paper}, {settings.gutter}, bleed {settings.bleed_mm or 3:g}"
        cells = (_trim_error(page, seen), _mark_error(page, seen), _ruler_error(page, seen), _square_error(page, seen))
        text = [("-" if cell is None else f"{cell:.4f}") for cell in cells]
        print(f"{name:34} {text[0]:>7} {text[1]:>11} {text[2]:>7} {text[3]:>13}")


def _trim_error(page: Page, seen: Rendering) -> float:
    worst = 0.0
    for p in page.placements:
        wanted = (p.trim.x_mm, p.trim.y_mm, p.trim.right_mm, p.trim.bottom_mm)
        found = seen.trim_edges_mm(p.trim, reach_mm=0.6)
        worst = max(worst, *(abs(a - b) for a, b in zip(found, wanted, strict=True)))
    return worst


def _mark_error(page: Page, seen: Rendering) -> float | None:
    errors = []
    for line in page.crop_marks:
        x0, x1 = sorted((line.x0_mm, line.x1_mm))
        y0, y1 = sorted((line.y0_mm, line.y1_mm))
        if x0 == x1:
            errors.append(abs(seen.line_mm(Area(x0 - 0.4, y0 + 0.3, 0.8, y1 - y0 - 0.6), along_x=True) - x0))
        else:
            errors.append(abs(seen.line_mm(Area(x0 + 0.3, y0 - 0.4, x1 - x0 - 0.6, 0.8), along_x=False) - y0))
    return max(errors, default=None)


def _ruler_error(page: Page, seen: Rendering) -> float | None:
    ruler = next(iter(page.rulers), None)
    if ruler is None:
        return None
    errors = []
    for tick in range(int(ruler.length_mm) + 1):
        if ruler.vertical:
            found = seen.line_mm(Area(ruler.x_mm + 0.3, ruler.y_mm + tick - 0.3, 0.5, 0.6), along_x=False)
            errors.append(abs(found - ruler.y_mm - tick))
        else:
            found = seen.line_mm(Area(ruler.x_mm + tick - 0.3, ruler.y_mm + 0.3, 0.6, 0.5), along_x=True)
            errors.append(abs(found - ruler.x_mm - tick))
    return max(errors)


def _square_error(page: Page, seen: Rendering) -> float | None:
    """Of the square of the registration marks; the arms of the others end inside each other."""
    squares = [area for area in page.registration if abs(area.width_mm - area.height_mm) < 1e-6 and area.width_mm > 2]
    errors = []
    for square in squares:
        x, y = square.centre_mm
        found = (
            seen.edge_mm(Area(square.x_mm - 0.5, y, 1, 1), along_x=True),
            seen.edge_mm(Area(x, square.y_mm - 0.5, 1, 1), along_x=False),
            seen.edge_mm(Area(square.right_mm - 0.5, y, 1, 1), along_x=True),
            seen.edge_mm(Area(x, square.bottom_mm - 0.5, 1, 1), along_x=False),
        )
        wanted = (square.x_mm, square.y_mm, square.right_mm, square.bottom_mm)
        errors += [abs(a - b) for a, b in zip(found, wanted, strict=True)]
    return max(errors, default=None)
