"""Fields of grain: noise of a given spectrum that goes on for ever, made block by block and the same however it is cut.

Every block is a field of its own, seeded by its place, so nothing repeats. Neighbours overlap and are blended by a sine
and a cosine: of independent fields that keeps variance and spectrum everywhere.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fancam.enhance.grain.spectra import whole

_BLOCK_PX = 512
_STEP_PX = 384
"""From block to block; what remains is the overlap, many times as wide as a grain."""
_TINY = 1e-9

Fields = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class GrainFields:
    """Endless fields of grain, one per spectrum."""

    filters: npt.NDArray[np.float32]
    """(fields, block, block // 2 + 1) amplitude at each frequency."""
    mixing: npt.NDArray[np.float64]
    """(fields, fields): what each takes of independent noise."""
    seed: int

    @classmethod
    def of(
        cls,
        spectra: npt.NDArray[np.float64],
        coherence: npt.NDArray[np.float64],
        scale: float = 1.0,
        seed: int = 0,
    ) -> GrainFields:
        """Return fields of these spectra.

        Args:
            spectra: (fields, n, n // 2 + 1) half spectra in pixels of the source, which sum to the variance of each
                field there.
            coherence: (fields, fields) correlation of the fields.
            scale: Pixels of the field per pixel of the source. Frequencies are divided by it; above that of half a
                period per source pixel there is nothing, and what lies above half a period per pixel of the field is
                lost, as it is to a reduction without aliasing.
            seed: Another one gives other grain.
        """
        filters = np.stack([np.sqrt(_rescaled(each, scale)) for each in spectra]).astype(np.float32)
        return cls(filters, _root(coherence), seed)

    def band(self, top: int, bottom: int, width: int) -> Fields:
        """Return (fields, bottom - top, width): rows of the fields, which begin at (0, 0)."""
        result = np.zeros((len(self.filters), bottom - top, width), np.float32)
        overlap = _BLOCK_PX - _STEP_PX
        for row in range((top - overlap) // _STEP_PX, (bottom - 1) // _STEP_PX + 1):
            for column in range(-1, (width - 1) // _STEP_PX + 1):
                self._add_block(result, row, column, top)
        return result

    def _add_block(self, result: Fields, row: int, column: int, top: int) -> None:
        """Add what a block gives to rows that begin at ``top``."""
        y, x = row * _STEP_PX - top, column * _STEP_PX
        rows = slice(max(y, 0), min(y + _BLOCK_PX, result.shape[1]))
        columns = slice(max(x, 0), min(x + _BLOCK_PX, result.shape[2]))
        if rows.start >= rows.stop or columns.start >= columns.stop:
            return
        inside = np.s_[:, rows.start - y : rows.stop - y, columns.start - x : columns.stop - x]
        result[:, rows, columns] += self._block(row, column)[inside]

    def _block(self, row: int, column: int) -> Fields:
        """Return a block, faded out where it overlaps its neighbours.

        The generator counts (Philox: Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011), so that
        any block can be made without those before it.
        """
        place = (row + 2**31) << 32 | (column + 2**31)
        generator = np.random.Generator(np.random.Philox(key=(self.seed & (2**64 - 1)) | place << 64))
        white = generator.standard_normal((len(self.filters), _BLOCK_PX, _BLOCK_PX), np.float32)
        mixed = np.einsum("ij,jyx->iyx", self.mixing.astype(np.float32), white)
        shaped = np.fft.irfft2(np.fft.rfft2(mixed) * self.filters, s=(_BLOCK_PX, _BLOCK_PX))
        fade = _fade()
        return np.asarray(shaped * (fade[:, None] * fade), np.float32)


def _fade() -> npt.NDArray[np.float32]:
    """Return the weights of a block along an axis; the squares of overlapping ones sum to 1."""
    overlap = _BLOCK_PX - _STEP_PX
    rise = np.sin((np.arange(overlap) + 0.5) / overlap * (np.pi / 2))
    return np.concatenate([rise, np.ones(_BLOCK_PX - 2 * overlap), rise[::-1]]).astype(np.float32)


def _rescaled(spectrum: npt.NDArray[np.float64], scale: float) -> npt.NDArray[np.float64]:
    """Return (block, block // 2 + 1) gain of the variance of white noise that gives it a spectrum at another scale."""
    size = len(spectrum)
    rows = _between(np.asarray(np.fft.fftfreq(_BLOCK_PX) * scale, np.float64), size)
    columns = _between(np.asarray(np.fft.rfftfreq(_BLOCK_PX) * scale, np.float64), size)
    # White noise has 1 / size² of its variance at each frequency of the source, and 1 / scale² of that at the same
    # physical frequency of a print with more pixels.
    return np.asarray(rows @ whole(spectrum) @ columns.T) * (size * scale) ** 2


def _between(frequency: npt.NDArray[np.float64], size: int) -> npt.NDArray[np.float64]:
    """Return the matrix that interpolates a spectrum of ``size`` at frequencies in periods per source pixel.

    Above half a period there is nothing. What a source holds at half a period is, in a larger print, two frequencies of
    opposite sign with half of it each.
    """
    position = frequency * size
    low = np.floor(position).astype(int)
    share = position - low
    matrix = np.zeros((len(frequency), size))
    index = np.arange(len(frequency))
    np.add.at(matrix, (index, low % size), 1 - share)
    np.add.at(matrix, (index, (low + 1) % size), share)
    beyond = np.abs(frequency) - 0.5
    at_limit = 1.0 if np.abs(frequency).max() <= 0.5 + _TINY else 0.5
    matrix *= np.where(beyond < -_TINY, 1.0, np.where(beyond <= _TINY, at_limit, 0.0))[:, None]
    return matrix


def _root(coherence: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the symmetric square root of a correlation matrix; what noise made negative of it counts as 0."""
    values, vectors = np.linalg.eigh(coherence)
    root = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
    return np.asarray(root / np.maximum(np.linalg.norm(root, axis=1, keepdims=True), 1e-12))
