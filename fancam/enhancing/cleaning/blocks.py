"""Y, Cb and Cr of a picture, and the discrete cosine transform of their overlapping blocks of 8 x 8 pixels.

All of it is written in additions and multiplications of whole arrays, never as a matrix product or a library's filter:
those sum in an order that depends on the size of the array and on the processor. Here a block gives the same bits
wherever it lies, on any processor.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from fancam.media import Samples

BLOCK_PX = 8
COEFFICIENTS = BLOCK_PX * BLOCK_PX

Floats = npt.NDArray[np.float32]
Blocks = npt.NDArray[np.float32]
"""(64, rows, columns): coefficients, row by row, of the block at each place."""
Planes = Sequence[Floats] | Floats

YCBCR_FROM_RGB = np.array([[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]])
"""ITU-T T.871 (JFIF), section 7, without the offset of 128 of Cb and Cr."""
RGB_FROM_YCBCR = np.array([[1.0, 0.0, 1.402], [1.0, -0.344136, -0.714136], [1.0, 1.772, 0.0]])
"""ITU-T T.871, section 7."""

_BAND_ROWS = 32
"""Rows of blocks that are worked on at once: their coefficients stay in the processor's cache."""


def luma_of(picture: Samples) -> Floats:
    """Return (height, width) luma in levels of 255 of a grey or RGB picture with 8 or 16 bits."""
    if picture.ndim == 2:
        return _levels(picture.astype(np.float32), picture)
    return _levels(_weighted(YCBCR_FROM_RGB[0].astype(np.float32), _channels(picture)), picture)


def planes_of(picture: Samples) -> Floats:
    """Return Y, Cb and Cr of a picture.

    Args:
        picture: (height, width, 3) RGB, 8 or 16 bits.

    Returns:
        (3, height, width) in levels of 255; Cb and Cr are around 0.
    """
    channels = _channels(picture)
    return _levels(np.stack([_weighted(row, channels) for row in YCBCR_FROM_RGB.astype(np.float32)]), picture)


def _channels(picture: Samples) -> list[Floats]:
    return [picture[..., k].astype(np.float32) for k in range(3)]


def _levels(values: Floats, picture: Samples) -> Floats:
    if picture.dtype == np.uint16:
        values *= np.float32(1 / 257)
    return values


def picture_of(planes: Floats, dtype: np.dtype[np.uint8] | np.dtype[np.uint16]) -> Samples:
    """Return (height, width, 3) RGB of planes from ``planes_of``, rounded and cut to what the type holds."""
    rgb = np.stack([_weighted(row, planes) for row in RGB_FROM_YCBCR.astype(np.float32)], axis=-1)
    if dtype == np.uint16:
        rgb *= np.float32(257)
    top = np.iinfo(dtype).max
    levels = np.clip(np.rint(rgb), 0, top)
    return levels.astype(np.uint8) if dtype == np.uint8 else levels.astype(np.uint16)


# --- cosine transform ---------------------------------------------------------------------------------------------

_MEAN = np.float32(BLOCK_PX**-0.5)
_ODD = {
    half: (np.cos(np.pi * np.outer(2 * np.arange(half) + 1, 2 * np.arange(half) + 1) / (4 * half)) / 2).astype(
        np.float32
    )
    for half in (1, 2, 4)
}
"""By half the length of a transform: its odd coefficients (rows) of the differences of mirrored samples (columns)."""


def _weighted(weights: Floats, planes: Planes) -> Floats:
    """Return the weighted sum of planes, added up in their order."""
    total: Floats = planes[0] * weights[0]
    for weight, plane in zip(weights[1:], planes[1:], strict=True):
        total += plane * weight
    return total


def _cosine_transform(samples: Planes) -> list[Floats]:
    """Return the orthonormal DCT-II of 8 planes of samples, by halves (Chen, Smith & Fralick, IEEE Trans. COM 1977)."""
    if len(samples) == 1:
        return [samples[0] * _MEAN]
    half = len(samples) // 2
    pairs = list(zip(samples[:half], samples[: half - 1 : -1], strict=True))
    differences = [first - last for first, last in pairs]
    result = [differences[0]] * len(samples)
    result[::2] = _cosine_transform([first + last for first, last in pairs])
    result[1::2] = [_weighted(row, differences) for row in _ODD[half]]
    return result


def _inverse_cosine_transform(coefficients: Planes) -> list[Floats]:
    if len(coefficients) == 1:
        return [coefficients[0] * _MEAN]
    even = _inverse_cosine_transform(coefficients[::2])
    odd = [_weighted(column, coefficients[1::2]) for column in _ODD[len(even)].T]
    pairs = list(zip(even, odd, strict=True))
    return [e + o for e, o in pairs] + [e - o for e, o in reversed(pairs)]


def _places(count: int, step: int) -> list[slice]:
    """Return, for each of 8 offsets, where the samples with this offset in their block are along an axis."""
    return [slice(offset, offset + step * (count - 1) + 1, step) for offset in range(BLOCK_PX)]


def coefficients_of(plane: Floats, step: int) -> Blocks:
    """Return the cosine transforms of the blocks that begin at every ``step``-th row and column of a plane.

    The transform is the orthonormal DCT-II (Ahmed, Natarajan & Rao, "Discrete cosine transform", 1974).
    """
    rows, columns = ((side - BLOCK_PX) // step + 1 for side in plane.shape)
    result = np.empty((COEFFICIENTS, rows, columns), np.float32)
    for order, across in enumerate(_cosine_transform([plane[:, place] for place in _places(columns, step)])):
        result[order::BLOCK_PX] = _cosine_transform([across[place] for place in _places(rows, step)])
    return result


def bands_of_blocks(height: int, step: int) -> Iterator[tuple[slice, slice]]:
    """Yield rows of blocks that begin at every ``step``-th row, and the rows of pixels they cover, in order."""
    rows = (height - BLOCK_PX) // step + 1
    for first in range(0, rows, _BAND_ROWS):
        last = min(first + _BAND_ROWS, rows)
        yield slice(first, last), slice(first * step, (last - 1) * step + BLOCK_PX)


class BlockMean:
    """The plane that overlapping blocks make together: the weighted mean of all blocks that hold a pixel.

    Args:
        shape: Of the plane.
        step: As given to ``coefficients_of``.
    """

    def __init__(self, shape: tuple[int, int], step: int) -> None:
        self._shape, self._step = shape, step
        self._columns = (shape[1] - BLOCK_PX) // step + 1
        self._total = np.zeros((BLOCK_PX, shape[0], self._columns), np.float32)
        self._weights = np.zeros(self._total.shape[1:], np.float32)

    def add(self, pixels: slice, coefficients: Blocks, weights: Floats) -> None:
        """Add rows of blocks, from top to bottom.

        Args:
            pixels: The rows of pixels that they hold, from ``bands_of_blocks``.
            coefficients: As ``coefficients_of`` returns them; they are changed.
            weights: (rows, columns), above 0.
        """
        coefficients *= weights
        places = _places(len(weights), self._step)
        # From the last row of a block to the first, so that the blocks over a pixel are added from top to bottom,
        # whether or not they come in one call.
        for order, total in enumerate(self._total[:, pixels]):
            samples = _inverse_cosine_transform(coefficients[order::BLOCK_PX])
            for place, sample in zip(reversed(places), reversed(samples), strict=True):
                total[place] += sample
        for place in reversed(places):
            self._weights[pixels][place] += weights

    def plane(self) -> Floats:
        """Return the plane; pixels that no block holds are 0."""
        total, weight = np.zeros(self._shape, np.float32), np.zeros(self._shape, np.float32)
        for top in range(0, self._shape[0], _BAND_ROWS):
            rows = slice(top, top + _BAND_ROWS)
            samples = _inverse_cosine_transform(self._total[:, rows])
            for place, sample in zip(_places(self._columns, self._step), samples, strict=True):
                total[rows, place] += sample
                weight[rows, place] += self._weights[rows]
        return np.divide(total, weight, out=total, where=weight > 0)


def reflected(start: int, end: int, length: int) -> npt.NDArray[np.intp]:
    """Return the indices from start to end of an axis that is mirrored at its ends, without repeating the last one."""
    if length == 1:
        return np.zeros(end - start, np.intp)
    period = 2 * (length - 1)
    index = np.arange(start, end) % period
    return np.where(index < length, index, period - index).astype(np.intp)


def halved(plane: Floats) -> Floats:
    """Return the means of 2 x 2 pixels; the last row or column of an odd side stands twice."""
    rows, columns = (side % 2 for side in plane.shape)
    even = np.pad(plane, ((0, rows), (0, columns)), mode="edge")
    pairs = even[::2] + even[1::2]
    mean: Floats = (pairs[:, ::2] + pairs[:, 1::2]) * np.float32(0.25)
    return mean


def doubled(plane: Floats, shape: tuple[int, ...]) -> Floats:
    """Return a plane at twice its size, cut to a shape, by linear interpolation: the way back from ``halved``."""
    near, far = np.float32(0.75), np.float32(0.25)
    for _ in range(2):
        before, behind = np.concatenate([plane[:1], plane[:-1]]), np.concatenate([plane[1:], plane[-1:]])
        pairs = np.stack([plane * near + before * far, plane * near + behind * far], axis=1)
        plane = np.asarray(pairs.reshape(2 * len(plane), -1).T, np.float32)
    return plane[: shape[0], : shape[1]]
