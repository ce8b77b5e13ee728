"""Colour that cannot drift: how far two pictures are apart to the eye, and the low band of one put into the other."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from fancam.records import Box, Samples

LOW_BAND_SIGMA_PX = 1.5
"""Standard deviation of the Gaussian that separates colour from detail, in pixels of the source."""

_REACH_SIGMAS = 3.0
"""Where the Gaussian ends."""
_BAND_PX = 2**21
"""Pixels of the larger picture that are worked on at once."""

_D65_WHITE = (0.95047, 1.0, 1.08883)
"""XYZ of D65 for the 2° observer (ASTM E308), which the sRGB matrix below maps white to."""
_SRGB_TO_XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)
"""Linear sRGB to XYZ (IEC 61966-2-1, to seven digits after B. Lindbloom, "RGB/XYZ matrices")."""

Floats = npt.NDArray[np.floating[Any]]


# --- colour difference --------------------------------------------------------------------------------------------


def lab_of_srgb(encoded: Floats) -> Floats:
    """Return CIE L*a*b* under D65.

    Args:
        encoded: (..., 3) float sRGB in [0, 1], gamma-encoded.

    Returns:
        (..., 3): L* in 0 to 100, a*, b*, in the same floating type.
    """
    # IEC 61966-2-1.
    linear = np.where(encoded <= 0.04045, encoded / 12.92, ((np.maximum(encoded, 0) + 0.055) / 1.055) ** 2.4)
    matrix = (_SRGB_TO_XYZ / np.array(_D65_WHITE)[:, None]).astype(encoded.dtype)
    ratio = linear @ matrix.T
    # CIE 15:2004, 8.2.1: the cube root, and its tangent near black.
    root = np.where(ratio > (6 / 29) ** 3, np.cbrt(ratio), ratio * (29 / 6) ** 2 / 3 + 4 / 29)
    x, y, z = root[..., 0], root[..., 1], root[..., 2]
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1).astype(encoded.dtype, copy=False)


def delta_e00(lab_a: Floats, lab_b: Floats) -> Floats:
    """Return the CIEDE2000 colour difference; about 1 can just be seen with the colours side by side.

    With kL = kC = kH = 1, after Sharma, Wu & Dalal, "The CIEDE2000 Color-Difference Formula: Implementation Notes,
    Supplementary Test Data, and Mathematical Observations", Color Research & Application 30(1), 2005; the numbers in
    brackets are its equations.

    Args:
        lab_a: (..., 3) float L*a*b*.
        lab_b: (..., 3) float L*a*b*, of a shape that broadcasts with ``lab_a``.

    Returns:
        (...) in the floating type of the arguments, 0 or more.
    """
    l_a, a_a, b_a = (lab_a[..., i] for i in range(3))
    l_b, a_b, b_b = (lab_b[..., i] for i in range(3))
    mean_chroma_7 = ((np.hypot(a_a, b_a) + np.hypot(a_b, b_b)) / 2) ** 7  # (2), (3)
    stretch = 1 + 0.5 * (1 - np.sqrt(mean_chroma_7 / (mean_chroma_7 + 25.0**7)))  # (4), (5)
    chroma_a, chroma_b = np.hypot(a_a * stretch, b_a), np.hypot(a_b * stretch, b_b)  # (6)
    hue_a = np.arctan2(b_a, a_a * stretch) % (2 * math.pi)  # (7)
    hue_b = np.arctan2(b_b, a_b * stretch) % (2 * math.pi)
    grey = chroma_a * chroma_b == 0

    turn = hue_b - hue_a  # (10)
    turn = np.where(turn > math.pi, turn - 2 * math.pi, np.where(turn < -math.pi, turn + 2 * math.pi, turn))
    turn = np.where(grey, 0, turn)
    d_lightness, d_chroma = l_b - l_a, chroma_b - chroma_a  # (8), (9)
    d_hue = 2 * np.sqrt(chroma_a * chroma_b) * np.sin(turn / 2)  # (11)

    lightness, chroma = (l_a + l_b) / 2, (chroma_a + chroma_b) / 2  # (12), (13)
    total = hue_a + hue_b
    apart = np.abs(hue_a - hue_b) > math.pi
    around = np.where(total < 2 * math.pi, total + 2 * math.pi, total - 2 * math.pi)
    hue = np.where(grey, total, np.where(apart, around, total) / 2)  # (14)
    weight = (
        1 - 0.17 * np.cos(hue - math.radians(30)) + 0.24 * np.cos(2 * hue)
        + 0.32 * np.cos(3 * hue + math.radians(6)) - 0.20 * np.cos(4 * hue - math.radians(63))
    )  # (15)  # fmt: skip
    bend = np.exp(-(((np.degrees(hue) - 275) / 25) ** 2)) * math.radians(30)  # (16), in radians
    chroma_7 = chroma**7
    s_lightness = 1 + 0.015 * (lightness - 50) ** 2 / np.sqrt(20 + (lightness - 50) ** 2)  # (18)
    s_chroma, s_hue = 1 + 0.045 * chroma, 1 + 0.015 * chroma * weight  # (19), (20)
    rotation = -2 * np.sqrt(chroma_7 / (chroma_7 + 25.0**7)) * np.sin(2 * bend)  # (17), (21)
    part_l, part_c, part_h = d_lightness / s_lightness, d_chroma / s_chroma, d_hue / s_hue
    squared = part_l**2 + part_c**2 + part_h**2 + rotation * part_c * part_h  # (22)
    return np.asarray(np.sqrt(np.maximum(squared, 0)), np.result_type(lab_a, lab_b))


def mean_delta_e(source: Samples, box: Box, result: Samples) -> float:
    """Return the mean CIEDE2000 between a part of a picture and its enlargement made small again.

    Both are read as sRGB. The result is averaged over the area of each pixel of the source (where the result is the
    smaller one, the source over each pixel of the result). Works in bands, so that memory stays bounded.

    Args:
        source: (h, w, 3) RGB, uint8 or uint16.
        box: The part of the source that the result shows, in its pixels.
        result: (H, W, 3) RGB, uint8 or uint16.
    """
    grid = _Grid.between(source, box, result)
    total, weight = 0.0, 0.0
    for first, last in grid.bands():
        seen, shown, coverage = (
            grid.seen(source, first, last),
            grid.shown(result, first, last),
            grid.covered(first, last),
        )
        difference = delta_e00(lab_of_srgb(seen), lab_of_srgb(shown))
        total += float(np.sum(difference * coverage, dtype=np.float64))
        weight += float(np.sum(coverage, dtype=np.float64))
    return total / weight


# --- low band -----------------------------------------------------------------------------------------------------


def match_low_band(source: Samples, box: Box, result: Samples) -> Samples:
    """Return the enlargement with the source's colour, exposure and white, and its own detail.

    The result is made small again by averaging areas; what the source's low band (a Gaussian) has more or less than
    that of the small result is added to the large one, smoothly interpolated. Works in bands of rows: beside the
    picture that is returned, memory does not grow with the size.

    Args:
        source: (h, w, 3) RGB, uint8 or uint16.
        box: The part of the source that the result shows, in its pixels.
        result: (H, W, 3) RGB, uint8 or uint16.

    Returns:
        (H, W, 3) in the type of the result, a new array.
    """
    grid = _Grid.between(source, box, result)
    corrected = np.empty_like(result)
    top = float(np.iinfo(result.dtype).max)
    reach = math.ceil(LOW_BAND_SIGMA_PX * _REACH_SIGMAS)
    for first, last in grid.bands():
        # One cell more than the Gaussian reaches: the interpolation looks at the next cell.
        low, high = max(first - reach - 1, 0), min(last + reach + 1, grid.rows.cells)
        coverage = grid.covered(low, high)
        difference = grid.seen(source, low, high) - grid.shown(result, low, high)
        drift = _smoothed(difference * coverage[..., None], reach) / _smoothed(coverage, reach)[..., None]
        rows = grid.rows.outputs(first, last)
        added = grid.columns.interpolated(grid.rows.interpolated(drift, rows, low, axis=0), None, 0, axis=1)
        values = result[rows.start : rows.stop] + added * top
        np.clip(np.rint(values, out=values), 0, top, out=values)
        corrected[rows.start : rows.stop] = values
    return corrected


def _smoothed(values: Floats, reach: int) -> Floats:
    side = 2 * reach + 1
    return np.asarray(
        cv2.GaussianBlur(values, (side, side), LOW_BAND_SIGMA_PX, borderType=cv2.BORDER_CONSTANT), values.dtype
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Cells:
    """One axis of the grid both pictures are averaged on: the coarser of the two, within the box."""

    source_edges: npt.NDArray[np.float64]
    """(cells + 1,) in pixels of the source."""
    result_edges: npt.NDArray[np.float64]
    """(cells + 1,) in pixels of the result."""
    coverage: npt.NDArray[np.float32]
    """(cells,) how much of each cell the box covers; below 1 at its borders only."""
    places: npt.NDArray[np.float64]
    """(result pixels,): where the centre of each pixel of the result lies, in cells from the centre of the first."""

    @classmethod
    def along(cls, start: float, end: float, length: int, pixels: int) -> _Cells:
        """Return the cells of an axis of ``length`` source pixels whose part start…end became ``pixels``."""
        start, end = max(start, 0.0), min(end, float(length))
        if not end > start:
            raise ValueError(f"no part of 0…{length} is in {start}…{end}")
        ratio = pixels / (end - start)
        centres = (np.arange(pixels, dtype=np.float64) + 0.5) / ratio
        if ratio < 1:
            edges = np.arange(pixels + 1, dtype=np.float64) / ratio + start
            edges[-1] = end
            return cls(edges, np.arange(pixels + 1.0), np.ones(pixels, np.float32), np.arange(pixels, dtype=np.float64))
        first = math.floor(start)
        edges = np.clip(np.arange(first, math.ceil(end) + 1, dtype=np.float64), start, end)
        inside = np.clip((edges - start) * ratio, 0, pixels)
        return cls(edges, inside, np.diff(edges).astype(np.float32), centres + start - first - 0.5)

    @property
    def cells(self) -> int:
        return len(self.coverage)

    def outputs(self, first: int, last: int) -> slice:
        """Return the pixels of the result that are nearest to these cells."""
        nearest = np.clip(np.rint(self.places), 0, self.cells - 1)
        return slice(int(np.searchsorted(nearest, first)), int(np.searchsorted(nearest, last)))

    def interpolated(self, values: Floats, outputs: slice | None, first: int, axis: int) -> Floats:
        """Return cells interpolated linearly at pixels of the result; the first of the values is cell ``first``."""
        places = np.clip(self.places[outputs or slice(None)], 0, self.cells - 1) - first
        index = np.minimum(places.astype(np.intp), values.shape[axis] - 1)
        after = np.minimum(index + 1, values.shape[axis] - 1)
        shape = [1] * values.ndim
        shape[axis] = -1
        share = (places - index).astype(values.dtype).reshape(shape)
        low = values.take(index, axis)
        return low + (values.take(after, axis) - low) * share


@dataclass(frozen=True, slots=True, eq=False)
class _Grid:
    """The cells both pictures are compared on."""

    rows: _Cells
    columns: _Cells

    @classmethod
    def between(cls, source: Samples, box: Box, result: Samples) -> _Grid:
        for pixels in (source, result):
            if pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.size == 0:
                raise ValueError(f"not an RGB picture: {pixels.shape}")
        return cls(
            _Cells.along(box.y0, box.y1, source.shape[0], result.shape[0]),
            _Cells.along(box.x0, box.x1, source.shape[1], result.shape[1]),
        )

    def bands(self) -> Iterator[tuple[int, int]]:
        """Yield (first, last + 1) rows of cells that together are the grid."""
        larger = max(len(self.rows.places) * len(self.columns.places), self.rows.cells * self.columns.cells)
        step = max(_BAND_PX * self.rows.cells // larger, 1)
        for first in range(0, self.rows.cells, step):
            yield first, min(first + step, self.rows.cells)

    def seen(self, source: Samples, first: int, last: int) -> Floats:
        """Return (rows, cells, 3) float32 in [0, 1]: the source, averaged over the cells of these rows."""
        return _averaged(source, self.rows.source_edges[first : last + 1], self.columns.source_edges)

    def shown(self, result: Samples, first: int, last: int) -> Floats:
        """Return the same of the result."""
        return _averaged(result, self.rows.result_edges[first : last + 1], self.columns.result_edges)

    def covered(self, first: int, last: int) -> npt.NDArray[np.float32]:
        """Return (rows, cells): how much of each cell the box covers."""
        return self.rows.coverage[first:last, None] * self.columns.coverage


def _averaged(pixels: Samples, row_edges: npt.NDArray[np.float64], column_edges: npt.NDArray[np.float64]) -> Floats:
    """Return the mean of the pixels in every cell, float32 in [0, 1]."""
    values = _averaged_along(pixels, row_edges, 0)
    return _averaged_along(values, column_edges, 1) * np.float32(1 / np.iinfo(pixels.dtype).max)


def _averaged_along(values: npt.NDArray[Any], edges: npt.NDArray[np.float64], axis: int) -> npt.NDArray[np.float32]:
    """Return the mean over every cell along an axis; a pixel counts by how much of it is in the cell."""
    first = np.minimum(np.floor(edges[:-1]).astype(np.intp), values.shape[axis] - 1)
    reach = int((np.ceil(edges[1:]).astype(np.intp) - first).max())
    total: npt.NDArray[np.float32] | None = None
    shape = [1] * values.ndim
    shape[axis] = -1
    for step in range(max(reach, 1)):
        index = first + step
        inside = np.minimum(edges[1:], index + 1) - np.maximum(edges[:-1], index)
        share = np.maximum(inside, 0) / np.diff(edges)
        taken = values.take(np.minimum(index, values.shape[axis] - 1), axis)
        part = taken * share.astype(np.float32).reshape(shape)
        total = part if total is None else np.add(total, part, out=total)
    assert total is not None
    return total
