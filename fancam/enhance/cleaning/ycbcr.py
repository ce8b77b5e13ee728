"""Full-range YCbCr in floating point, the space in which noise is measured and taken out, and tiles of pictures."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from fancam.records import Samples

Planes = npt.NDArray[np.float32]

_TO_YCBCR = np.array(
    [[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]],
    np.float32,
)
"""ITU-T T.871 (JFIF), section 7, without the offset of 128 of Cb and Cr."""
_TO_RGB = np.array([[1.0, 0.0, 1.402], [1.0, -0.344136, -0.714136], [1.0, 1.772, 0.0]], np.float32)
"""ITU-T T.871, section 7."""


def levels_per_step(picture: Samples) -> int:
    """Return how many values of a sample are one level of 255: 1, or 257 with 16 bits."""
    return 257 if picture.dtype == np.uint16 else 1


def planes_of(picture: Samples) -> Planes:
    """Return Y, Cb and Cr of a picture.

    Args:
        picture: (height, width, 3) RGB, 8 or 16 bits.

    Returns:
        (3, height, width) in levels of 255; Cb and Cr are around 0.
    """
    red, green, blue = (picture[..., k].astype(np.float32) for k in range(3))
    # Written out: a matrix product may add in another order for another size.
    planes = np.stack([red * row[0] + green * row[1] + blue * row[2] for row in _TO_YCBCR])
    if picture.dtype == np.uint16:
        planes *= np.float32(1 / 257)
    return planes


def picture_of(planes: Planes, dtype: np.dtype[np.uint8] | np.dtype[np.uint16]) -> Samples:
    """Return (height, width, 3) RGB of planes from ``planes_of``, rounded and cut to what the type holds."""
    top = np.iinfo(dtype).max
    luma, blue, red = planes
    rgb = np.stack([luma * row[0] + blue * row[1] + red * row[2] for row in _TO_RGB], axis=-1)
    if dtype == np.uint16:
        rgb *= np.float32(257)
    result: Samples = np.clip(np.rint(rgb), 0, top).astype(dtype)
    return result


def reflected(start: int, end: int, length: int) -> npt.NDArray[np.intp]:
    """Return the indices from start to end of an axis that is mirrored at its ends, without repeating the last one."""
    if length == 1:
        return np.zeros(end - start, np.intp)
    period = 2 * (length - 1)
    index = np.arange(start, end) % period
    return np.where(index < length, index, period - index).astype(np.intp)
