"""Undo the camera's blur in a merged picture by iterative back-projection (Irani and Peleg, 1991)."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

STEP = 0.8
BLUR_PX = 0.8
"""Standard deviation of the blur of camera and encoder, in pixels of the source."""


def sharpened(merged: npt.NDArray[np.float32], grid: int, steps: int) -> npt.NDArray[np.float32]:
    """Return the picture that, seen by the camera, gives the merged one.

    Args:
        merged: (h, w) or (h, w, c) float32 on the fine grid.
        grid: Pixels of it per pixel of the source.
        steps: More bring out more detail, and more noise.
    """
    estimate = merged.copy()
    for _ in range(steps):
        estimate += STEP * (merged - cv2.GaussianBlur(estimate, (0, 0), BLUR_PX * grid))
    return estimate
