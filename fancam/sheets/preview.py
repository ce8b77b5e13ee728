"""What a PDF will look like on paper and after cutting, from a rendering of the PDF itself.

PDFium renders one page at a time and must not be called from two threads at once.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import combinations
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pypdfium2  # type: ignore[import-untyped]  # it ships no type information

from fancam.errors import InputNotFoundError, InputUnreadableError, NotMediaError, UsageError
from fancam.media import Picture
from fancam.pictures import MAX_PIXELS
from fancam.sheets.plan import Area, CutPath, SheetPlan

GROUND = (226, 226, 224)
"""A light neutral grey: white cards and dark ones stand out from it."""
GAP_MM = 6.0
"""Between cards after cutting; room for their shadows."""
_SHADOW_BLUR_MM, _SHADOW_DOWN_MM, _SHADOW_STRENGTH = 1.1, 0.7, 0.38
_POINTS_PER_INCH = 72
_SAME_MM = 0.01


def preview_printed(pdf: Path, dpi: float) -> Iterator[Picture]:
    """Yield every page as it comes out of the printer, in order, on white; its sides are rounded up to whole pixels.

    Yields:
        (height, width, 3) uint8 RGB.

    Raises:
        InputError: The file is missing or is no PDF that can be read.
        UsageError: A page would have too many pixels.
    """
    with _opened(pdf) as document:
        for page in range(len(document)):
            yield _rendered(document, page, dpi, pdf)


def preview_cut(pdf: Path, plan: SheetPlan, dpi: float) -> Iterator[Picture]:
    """Yield every front page as it is after cutting: its cards with their corners, apart, on a neutral ground.

    Cards keep their places among each other and are drawn apart until there is room between them. A page without
    cards is left out.

    Args:
        pdf: What ``write_pdf`` made of the plan.
        plan: Its trims say where it is cut, its cut paths how round the corners are.
        dpi: Pixels per inch.

    Yields:
        (height, width, 3) uint8 RGB.

    Raises:
        InputError: The file is missing, no PDF, or has not as many pages as the plan.
        UsageError: A page would have too many pixels.
    """
    with _opened(pdf) as document:
        if len(document) != len(plan.pages):
            cause = f"has {len(document)} pages where the plan has {len(plan.pages)}"
            raise NotMediaError(cause, item=pdf, remedy="write it again")
        fronts = [(index, page) for index, page in enumerate(plan.pages) if not page.is_back]
        for number, (index, page) in enumerate(fronts, start=1):
            if not page.placements:
                continue
            trims = [placement.trim for placement in page.placements]
            paths = [path for sheet in plan.cuts if number in sheet.pages for path in sheet.paths]
            radii = [_radius_mm(paths, trim) for trim in trims]
            yield _laid_out(_rendered(document, index, dpi, pdf), page.width_mm, trims, radii)


@contextmanager
def _opened(pdf: Path) -> Iterator[pypdfium2.PdfDocument]:
    if pdf.is_dir():
        raise InputUnreadableError("is a folder, not a PDF", item=pdf, remedy="name a file in it")
    try:
        document = pypdfium2.PdfDocument(pdf)
    except FileNotFoundError as error:
        raise InputNotFoundError("no such file", item=pdf, remedy="check the path") from error
    except OSError as error:
        raise InputUnreadableError("cannot be read", item=pdf, remedy="check that you may read it") from error
    except pypdfium2.PdfiumError as error:
        raise NotMediaError(f"not a PDF that can be read ({error})", item=pdf, remedy="write it again") from error
    try:
        yield document
    finally:
        document.close()


def _rendered(document: pypdfium2.PdfDocument, index: int, dpi: float, pdf: Path) -> Picture:
    page = document[index]
    try:
        width, height = (math.ceil(side * dpi / _POINTS_PER_INCH) for side in page.get_size())
        if width * height > MAX_PIXELS:
            raise UsageError(f"a page would have {width}x{height} pixels", item=pdf, remedy="choose fewer dpi")
        bitmap = page.render(scale=dpi / _POINTS_PER_INCH, rev_byteorder=True, fill_color=(255, 255, 255, 255))
        try:
            return np.ascontiguousarray(bitmap.to_numpy()[..., :3])  # a copy: the bitmap's memory goes with it
        finally:
            bitmap.close()
    finally:
        page.close()


def _radius_mm(paths: Sequence[CutPath], trim: Area) -> float:
    """Return the corner radius of the cut path that lies on a trim; 0 where there is none."""
    corners = (trim.x_mm, trim.y_mm, trim.right_mm, trim.bottom_mm)
    for path in paths:
        if math.dist((path.area.x_mm, path.area.y_mm, path.area.right_mm, path.area.bottom_mm), corners) <= _SAME_MM:
            return path.radius_mm
    return 0.0


# --- cards on a ground --------------------------------------------------------------------------------------------


def _laid_out(sheet: Picture, page_width_mm: float, trims: Sequence[Area], radii: Sequence[float]) -> Picture:
    per_mm = sheet.shape[1] / page_width_mm
    spread = _spread(trims)
    places = [trim.centred_at(*(middle * spread for middle in trim.centre_mm)) for trim in trims]
    around = Area.around(places).grown(1.5 * GAP_MM)
    height, width = math.ceil(around.height_mm * per_mm), math.ceil(around.width_mm * per_mm)
    ground = np.full((height, width, 3), GROUND, np.uint8)
    for trim, place, radius in zip(trims, places, radii, strict=True):
        moved = dataclasses.replace(place, x_mm=place.x_mm - around.x_mm, y_mm=place.y_mm - around.y_mm)
        _lay(ground, sheet, trim, moved, radius, per_mm)
    return ground


def _spread(trims: Sequence[Area]) -> float:
    """Return by what the middles must be drawn apart so that there is a gap between any two cards."""
    spread = 1.0
    for a, b in combinations(trims, 2):
        (ax, ay), (bx, by) = a.centre_mm, b.centre_mm
        needed = [
            (half_sum + GAP_MM) / distance
            for distance, half_sum in (
                (abs(ax - bx), (a.width_mm + b.width_mm) / 2),
                (abs(ay - by), (a.height_mm + b.height_mm) / 2),
            )
            if distance >= half_sum - _SAME_MM  # on this axis they do not overlap
        ]
        if needed:
            spread = max(spread, min(needed))
    return spread


def _lay(ground: Picture, sheet: Picture, trim: Area, place: Area, radius_mm: float, per_mm: float) -> None:
    """Put one card with its shadow on the ground, to a fraction of a pixel."""
    reach = math.ceil(4 * _SHADOW_BLUR_MM * per_mm)
    x0, y0 = (max(math.floor(start * per_mm) - reach, 0) for start in (place.x_mm, place.y_mm))
    x1 = min(math.ceil(place.right_mm * per_mm) + reach, ground.shape[1])
    y1 = min(math.ceil(place.bottom_mm * per_mm) + reach, ground.shape[0])
    window = ground[y0:y1, x0:x1].astype(np.float32)
    shape = (y1 - y0, x1 - x0)
    card = _coverage(shape, place, radius_mm, per_mm, x0, y0)
    fallen = dataclasses.replace(place, y_mm=place.y_mm + _SHADOW_DOWN_MM)
    shadow = cv2.GaussianBlur(_coverage(shape, fallen, radius_mm, per_mm, x0, y0), (0, 0), _SHADOW_BLUR_MM * per_mm)
    window *= 1 - _SHADOW_STRENGTH * shadow[..., np.newaxis]
    # From the sheet, moved by a fraction of a pixel: a card's own edge must not show what lies outside its trim.
    move = np.array([[1, 0, trim.x_mm * per_mm - (place.x_mm * per_mm - x0)],
                     [0, 1, trim.y_mm * per_mm - (place.y_mm * per_mm - y0)]], np.float64)  # fmt: skip
    pixels = cv2.warpAffine(sheet, move, shape[::-1], flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
                            borderMode=cv2.BORDER_REPLICATE)  # fmt: skip
    window += (pixels - window) * card[..., np.newaxis]
    ground[y0:y1, x0:x1] = np.rint(window)


def _coverage(
    shape: tuple[int, int], area: Area, radius_mm: float, per_mm: float, x0: int, y0: int
) -> npt.NDArray[np.float32]:
    """Return how much of each pixel lies in a rectangle with round corners, by the distance from its edge."""
    centre_x, centre_y = (v * per_mm for v in area.centre_mm)
    radius = max(min(radius_mm, area.width_mm / 2, area.height_mm / 2) * per_mm, 0.0)
    x = np.abs(np.arange(shape[1], dtype=np.float32) + 0.5 + x0 - centre_x) - (area.width_mm / 2 * per_mm - radius)
    y = np.abs(np.arange(shape[0], dtype=np.float32) + 0.5 + y0 - centre_y) - (area.height_mm / 2 * per_mm - radius)
    outside = np.hypot(np.maximum(x, 0)[np.newaxis, :], np.maximum(y, 0)[:, np.newaxis])
    inside = np.minimum(np.maximum(x[np.newaxis, :], y[:, np.newaxis]), 0)
    return np.clip(0.5 - (outside + inside - radius), 0, 1).astype(np.float32)
