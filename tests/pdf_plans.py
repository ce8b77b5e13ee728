"""Plans made by hand, small pictures, and the same two objects of a PDF that every test looks at."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pikepdf
from PIL import Image

from fancam.paper import Paper
from fancam.sheets import PdfFile, write_pdf
from fancam.sheets.plan import Area, CutPath, CutSheet, Page, Placement, SheetPlan
from tests.readers import accepted_by_readers

A6 = Paper("a6", "A6", 105.0, 148.0)


def placed(picture: Path, x_mm: float = 20.0, y_mm: float = 20.0, *, width_mm: float = 24.0, height_mm: float = 36.0,
           bleed_mm: float = 2.0, shown_mm: float | None = None, turn_deg: int = 0) -> Placement:  # fmt: skip
    """A card whose trim begins at a place; ``width_mm`` and ``height_mm`` are those on the page, after the turn."""
    trim = Area(x_mm, y_mm, width_mm, height_mm)
    shown = trim.grown(bleed_mm if shown_mm is None else shown_mm)
    return Placement(picture.stem, picture, trim, shown, trim.grown(bleed_mm), turn_deg)


def page_of(placements: Sequence[Placement], **facts) -> Page:
    boxes = {"bleed_box": None, "trim_box": None}
    if placements:
        boxes = {"bleed_box": Area.around([p.shown for p in placements]),
                 "trim_box": Area.around([p.trim for p in placements])}  # fmt: skip
    return Page(A6.width_mm, A6.height_mm, tuple(placements), **{**boxes, **facts})


def plan_of(*pages: Page, radius_mm: float = 0.0) -> SheetPlan:
    fronts = [page for page in pages if not page.is_back]
    cuts = tuple(
        CutSheet(A6.width_mm, A6.height_mm, tuple(CutPath(p.trim, radius_mm) for p in page.placements), (number,))
        for number, page in enumerate(fronts, start=1)
    )
    return SheetPlan(A6, pages, 1, 1, 1, False, cuts=cuts)


def written(plan: SheetPlan, path: Path, **facts) -> PdfFile:
    """Write it, and have other readers look at it."""
    result = write_pdf(plan, path, **{"title": "Cards", "software": "fancam test", **facts})
    accepted_by_readers(path)
    return result


def printed(picture: Path, path: Path, **facts) -> PdfFile:
    """Write a PDF with one card."""
    return written(plan_of(page_of([placed(picture)])), path, **facts)


def images_in(pdf: pikepdf.Pdf) -> list[pikepdf.Stream]:
    """The image objects of a PDF, without masks."""
    masks = {o.SMask.objgen for o in pdf.objects if isinstance(o, pikepdf.Stream) and "/SMask" in o}
    found = [o for o in pdf.objects if isinstance(o, pikepdf.Stream) and o.get("/Subtype") == "/Image"]
    return [o for o in found if o.objgen not in masks]


def pixels_in(image: pikepdf.Stream) -> np.ndarray:
    return np.asarray(pikepdf.PdfImage(image).as_pil_image())


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def photo(width: int = 280, height: int = 400, seed: int = 0) -> np.ndarray:
    """A picture with slopes and some noise, different for each seed."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width]
    planes = [x * 200 / width, y * 200 / height, (x + y) * 200 / (width + height)]
    return (np.stack(planes, axis=-1) + rng.integers(0, 40, (height, width, 3))).astype(np.uint8)


def saved(path: Path, pixels: np.ndarray | None = None, **facts) -> Path:
    Image.fromarray(photo() if pixels is None else pixels).save(path, **facts)
    return path
