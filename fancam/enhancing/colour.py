"""Colour that cannot drift: how far two pictures are apart to the eye, and the low band of one put into the other."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from fancam.geometry import Box
from fancam.media import Samples
from fancam.pictures import delta_e00

WIDE_SIGMA_PX = 2.0
"""Standard deviation, in pixels of the source, of the Gaussian that separates colour from detail: what is left after it
is taken from every source. With less, the blocks of a compressed source come back (benchmark ``quality``)."""
_NARROW_SIGMA_PX = 0.4
"""The same for a clean source, of which nearly all that its pixels can hold is taken."""
_REACH_PX = 6
"""Where the Gaussians end."""
_PASSES = 2
"""How often what is still missing of a clean source is added: the interpolation smooths what it adds."""
_AVERAGED_INTERPOLATION = np.array([0.125, 0.75, 0.125], np.float32)
"""What linear interpolation and averaging over the area of a pixel together make of its neighbours and of itself."""

_PROBE_PX = 512
"""Side of the middle part that tells how far the source can be trusted."""
_TRUSTED_NOISE, _DOUBTED_NOISE = 3.0, 6.0
"""In levels of 255: see ``_trust``."""
_TRUSTED_GRID, _DOUBTED_GRID = 1.06, 1.16
_STEP_LIMIT = 6.0
"""Steps count up to this many levels of 255, so that edges do not outweigh the grid."""
_GRID_PX = 8
"""Blocks of JPEG, and of the transform of most videos."""

_BAND_PX = 2**20
_BAND_CELLS = 24
"""Pixels of the larger picture that are worked on at once, but at least so many rows of the grid: what the filters
reach is computed anew for each band."""

_D65_WHITE = (0.95047, 1.0, 1.08883)
"""XYZ of D65 for the 2° observer (ASTM E308), which the sRGB matrix below maps white to."""
_SRGB_TO_XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)
"""Linear sRGB to XYZ (IEC 61966-2-1, to seven digits after B. Lindbloom, "RGB/XYZ matrices")."""

Floats = npt.NDArray[np.floating[Any]]


# --- light --------------------------------------------------------------------------------------------------------


def to_linear(encoded: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return linear light for sRGB values in [0, 1] (IEC 61966-2-1)."""
    values = np.asarray(encoded, np.float32)
    curve = np.power((values + np.float32(0.055)) * np.float32(1 / 1.055), np.float32(2.4))
    return np.where(values <= np.float32(0.04045), values * np.float32(1 / 12.92), curve)


def from_linear(light: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return sRGB values for linear light in [0, 1] (IEC 61966-2-1)."""
    curve = np.float32(1.055) * np.power(light, np.float32(1 / 2.4)) - np.float32(0.055)
    return np.where(light <= np.float32(0.0031308), light * np.float32(12.92), curve)


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


def mean_delta_e(source: Samples, box: Box, result: Samples, sigma_px: float = WIDE_SIGMA_PX) -> float:
    """Return the mean CIEDE2000 between a part of a picture and its enlargement made small again.

    Both are read as sRGB. The result is averaged over the area of each pixel of the source (where the result is the
    smaller one, the source over each pixel of the result). Both are smoothed before they are compared, as S-CIELAB does
    it (Zhang & Wandell, 1996): the eye sees no colour in single pixels, and noise that was taken out is no change of
    colour. Works in bands, so that memory stays bounded.

    Args:
        source: (h, w, 3) RGB, uint8 or uint16.
        box: The part of the source that the result shows, in its pixels.
        result: (H, W, 3) RGB, uint8 or uint16.
        sigma_px: Standard deviation of the Gaussian that smooths, in pixels of the source; 0 compares pixel by pixel.
    """
    grid = _Grid.between(source, box, result)
    total, weight = 0.0, 0.0
    for first, last in grid.bands():
        low, high = grid.with_reach(first, last, _REACH_PX)
        coverage = grid.covered(low, high)
        seen, shown = grid.seen(source, low, high), grid.shown(result, low, high)
        if sigma_px > 0:
            seen, shown = _smoothed(seen, coverage, sigma_px), _smoothed(shown, coverage, sigma_px)
        inside = slice(first - low, last - low)
        difference = delta_e00(lab_of_srgb(seen[inside]), lab_of_srgb(shown[inside]))
        total += float(np.sum(difference * coverage[inside], dtype=np.float64))
        weight += float(np.sum(coverage[inside], dtype=np.float64))
    return total / weight


# --- low band -----------------------------------------------------------------------------------------------------


def match_low_band(source: Samples, box: Box, result: Samples) -> Samples:
    """Return the enlargement with the source's colour, exposure and white, and its own detail.

    The result is made small again by averaging areas; what the low band of the source has more or less than that of the
    small result is added to the large one, interpolated linearly (back-projection: Irani & Peleg, "Improving
    resolution by image registration", CVGIP 53(3), 1991, of a low-pass only). A clean source is matched almost to the
    pixel; of a noisy or compressed one only what is lower than its noise and its blocks, or they would come back.

    Values are added as they are encoded: in linear light the same sums show as bright seams along dark edges. Works in
    bands of rows: beside the picture that is returned, memory does not grow with the size.

    Args:
        source: (h, w, 3) RGB, uint8 or uint16.
        box: The part of the source that the result shows, in its pixels.
        result: (H, W, 3) RGB, uint8 or uint16.

    Returns:
        (H, W, 3) in the type of the result, a new array.
    """
    grid = _Grid.between(source, box, result)
    trust = _trust(_probe(grid, source, result))
    corrected = np.empty_like(result)
    top = float(np.iinfo(result.dtype).max)
    reach = _PASSES * (_REACH_PX + 1)
    for first, last in grid.bands():
        # One cell more than the filters reach: the interpolation looks at the next cell.
        low, high = grid.with_reach(first, last, reach + 1)
        drift = _drift(grid.seen(source, low, high) - grid.shown(result, low, high), grid.covered(low, high), trust)
        rows = grid.rows.outputs(first, last)
        added = grid.columns.interpolated(grid.rows.interpolated(drift, rows, low, axis=0), None, 0, axis=1)
        values = np.multiply(added, np.float32(top), out=added)
        values += result[rows.start : rows.stop]
        np.clip(np.rint(values, out=values), 0, top, out=values)
        corrected[rows.start : rows.stop] = values
    return corrected


def _drift(missing: Floats, coverage: Floats, trust: float) -> Floats:
    """Return what is to be interpolated and added, so that the low band of what is missing is there afterwards.

    Args:
        missing: (rows, cells, 3), source minus small result.
        coverage: (rows, cells), see ``_Cells``.
        trust: 1 takes the narrow Gaussian, 0 the wide one.
    """
    drift = np.zeros_like(missing)
    if trust < 1:
        drift += np.float32(1 - trust) * _smoothed(missing, coverage, WIDE_SIGMA_PX)
    for _ in range(_PASSES if trust > 0 else 0):
        arrived = cv2.sepFilter2D(
            drift, -1, _AVERAGED_INTERPOLATION, _AVERAGED_INTERPOLATION, borderType=cv2.BORDER_REPLICATE
        )
        drift += np.float32(trust) * _smoothed(missing - arrived, coverage, _NARROW_SIGMA_PX)
    return drift


def _smoothed(values: Floats, coverage: Floats, sigma_px: float) -> Floats:
    """Return the values after a Gaussian in which every cell counts by its coverage and nothing outside counts."""
    size = (2 * _REACH_PX + 1, 2 * _REACH_PX + 1)
    weighted, weights = (
        cv2.GaussianBlur(part, size, sigma_px, borderType=cv2.BORDER_CONSTANT)
        for part in (values * coverage[..., None], coverage)
    )
    return np.asarray(weighted / np.asarray(weights)[..., None], values.dtype)


def _probe(grid: _Grid, source: Samples, result: Samples) -> Floats:
    """Return what is missing in the middle of the grid, in levels of 255."""
    first = max(grid.rows.cells - _PROBE_PX, 0) // 2
    last = min(first + _PROBE_PX, grid.rows.cells)
    left = max(grid.columns.cells - _PROBE_PX, 0) // 2
    columns = slice(left, left + _PROBE_PX)
    part = _Grid(grid.rows, grid.columns.part(columns))
    return (part.seen(source, first, last) - part.shown(result, first, last)) * np.float32(255)


def _trust(missing: Floats) -> float:
    """Return how far each pixel of the source can be trusted: 1 for a clean one, 0 for a noisy or compressed one.

    What a network leaves out of a picture is noise, block borders, and at edges its own mistakes. Compression shows as
    steps that are larger along one in eight rows and columns. The limits were chosen with realesrgan-x4plus at x4 and
    x2 on the pictures for tuning of the benchmark ``quality``: clean ones had noise up to 2.8 and grids up to 1.08;
    white noise of 8 levels gave noise from 7.1; JPEG 30 and 70 gave grids from 1.08, and 1.2 and more in most.

    Args:
        missing: (rows, cells, 3) source minus small result, in levels of 255.
    """
    if min(missing.shape[:2]) < 2 * _GRID_PX:
        return 0.0
    noise = diagonal_noise(missing)
    grid = min(_grid_ratio(missing, 0), _grid_ratio(missing, 1))
    by_noise = (_DOUBTED_NOISE - noise) / (_DOUBTED_NOISE - _TRUSTED_NOISE)
    by_grid = (_DOUBTED_GRID - grid) / (_DOUBTED_GRID - _TRUSTED_GRID)
    return min(max(min(by_noise, by_grid), 0.0), 1.0)


def diagonal_noise(values: Floats) -> float:
    """Return the standard deviation of the noise of a picture, in its units.

    The median of the diagonal second difference, which edges hardly touch (Donoho & Johnstone, "Ideal spatial
    adaptation by wavelet shrinkage", Biometrika 81, 1994).

    Args:
        values: (rows, columns[, channels]), 2 or more of each side.
    """
    diagonal = (values[:-1, :-1] - values[1:, :-1] - values[:-1, 1:] + values[1:, 1:]) / 2
    return float(np.median(np.abs(diagonal))) / 0.6745  # the median of |x| of a normal distribution of width 1


def _grid_ratio(missing: Floats, axis: int) -> float:
    """Return how much larger steps are across the steepest of eight sets of lines than across the median set."""
    steps = np.moveaxis(np.minimum(np.abs(np.diff(missing, axis=axis)), _STEP_LIMIT), axis, 0)
    means = [float(steps[phase::_GRID_PX].mean()) for phase in range(_GRID_PX)]
    usual = float(np.median(means))
    return max(means) / usual if usual > 0 else 1.0


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

    def part(self, cells: slice) -> _Cells:
        """Return some of the cells, without the places."""
        edges = slice(cells.start, cells.stop + 1)
        return _Cells(self.source_edges[edges], self.result_edges[edges], self.coverage[cells], self.places[:0])

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
        rise = values.take(after, axis)
        rise -= low
        rise *= share
        rise += low
        return rise


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
        step = max(_BAND_PX * self.rows.cells // larger, _BAND_CELLS)
        for first in range(0, self.rows.cells, step):
            yield first, min(first + step, self.rows.cells)

    def with_reach(self, first: int, last: int, reach: int) -> tuple[int, int]:
        """Return rows of cells with some more on each side, where there are more."""
        return max(first - reach, 0), min(last + reach, self.rows.cells)

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
