"""Bleed where the picture ends."""

from __future__ import annotations

import cv2
import numpy as np

from fancam.records import Box, Samples


def synthesise_bleed(pixels: Samples, real: Box) -> Samples:
    """Return the card with everything outside the known part synthesised; the known pixels stay as they are."""
    height, width = pixels.shape[:2]
    rows, columns = real.as_slices()
    known = np.ascontiguousarray(pixels[rows, columns])
    grown = cv2.copyMakeBorder(
        known, rows.start, height - rows.stop, columns.start, width - columns.stop, cv2.BORDER_REFLECT_101
    )
    return np.asarray(grown, pixels.dtype)  # type: ignore[return-value]  # the same of the two types
