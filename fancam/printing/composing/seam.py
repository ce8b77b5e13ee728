"""How visible the seam between real and synthesised pixels is."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from fancam.records import Box, Samples

LUMA = np.array([0.299, 0.587, 0.114], np.float32)
"""Rec. ITU-R BT.601, the weights of JPEG's luma."""

INSIDE_LINES = 12
"""How many lines inside the known part the seam is compared with: 1 mm at 300 dpi."""

QUIET_LEVELS = 0.5
"""Added to both curvatures, in levels of 255: half a level is what rounding makes of a flat picture."""


def bleed_seam_step(pixels: Samples, real: Box) -> float:
    """Return how visible the seam of a card's bleed is.

    The mean absolute second difference of the luma across the seam (the two lines of pixels that touch it), over that
    of parallel lines just inside the known part; of all sides that have a seam, the worst.

    Args:
        pixels: (height, width, 3) RGB, uint8 or uint16.
        real: The known part, in whole pixels.

    Returns:
        1 where the seam is like the picture beside it or where there is none; a step gives more, a smear on a
        textured picture less.
    """
    scale = np.float32(255 / np.iinfo(pixels.dtype).max)
    steps = [_step(strip.astype(np.float32) @ LUMA * scale) for strip in _strips(pixels, real)]
    return max(steps, default=1.0)


def _strips(pixels: Samples, real: Box) -> Iterator[npt.NDArray]:
    """Yield for every seam (4 to 2 + INSIDE_LINES, length, 3): two lines outside, then those inside, inward."""
    rows, columns = real.as_slices()
    for turns, (first, last, low, high) in enumerate(
        (
            (rows.start, rows.stop, columns.start, columns.stop),
            (pixels.shape[1] - columns.stop, pixels.shape[1] - columns.start, rows.start, rows.stop),
            (pixels.shape[0] - rows.stop, pixels.shape[0] - rows.start, pixels.shape[1] - columns.stop,
             pixels.shape[1] - columns.start),
            (columns.start, columns.stop, pixels.shape[0] - rows.stop, pixels.shape[0] - rows.start),
        )
    ):  # fmt: skip
        if first >= 2 and last - first >= 4:
            yield np.rot90(pixels, turns)[first - 2 : min(first + INSIDE_LINES, last), low:high]


def _step(luma: npt.NDArray[np.float32]) -> float:
    bends = np.abs(luma[2:] - 2 * luma[1:-1] + luma[:-2]).mean(axis=1)
    return float((bends[:2].mean() + QUIET_LEVELS) / (bends[2:].mean() + QUIET_LEVELS))
