"""What the tests of paste-back compare with: a plain cover, and a measure of how visible a rim is."""

from __future__ import annotations

import cv2
import numpy as np

from fancam.enhancing.prior.alignment import bounds, magnification, moved, warp
from fancam.enhancing.prior.paste import PasteResult

SEAM_SECTORS = 8
"""Directions in which a seam is looked for."""
SEAM_BLUR_PX = 8.0
"""Standard deviation, in face space, of the Gaussian before it: a seam is as wide as the rim, texture is not."""


def cover(printed: np.ndarray, face: np.ndarray, mask: np.ndarray, matrix: np.ndarray) -> PasteResult:
    """Cover a print with a face square by its mask, as it is: no matching of light or colour."""
    used = np.argwhere(mask > 0)[:, ::-1]
    corners = np.concatenate([used + corner for corner in np.ndindex(2, 2)])
    roi = bounds(matrix, corners).clipped(printed.shape[1], printed.shape[0])
    if not roi.area > 0:
        return PasteResult(roi, np.zeros((0, 0), np.float32))
    part, there = printed[roi.as_slices()], moved(matrix, -roi.x0, -roi.y0)
    height, width = part.shape[:2]
    alpha = warp(mask, there, width, height, cubic=False)
    top = np.iinfo(printed.dtype).max
    values = part + (warp(face, there, width, height) * top - part) * alpha[..., None]
    part[...] = np.clip(np.rint(values), 0, top)
    return PasteResult(roi, alpha)


def seam(before: np.ndarray, after: np.ndarray, pasted: PasteResult, matrix: np.ndarray) -> float:
    """Return how visible the rim of a pasted face is: the largest step across it that the paste brought, in levels.

    Along the contour of the mask, in ``SEAM_SECTORS`` directions, the gradient across the rim of what was changed is
    fitted by the gradient of the mask: the factor is the step in levels of 255. Texture cancels out, light and colour
    add up. The largest step of a direction and a channel counts. Up to about 2 there is nothing to see; a face in
    another light has tens.
    """
    part = pasted.roi.as_slices()
    change = (after[part].astype(np.float32) - before[part]) * np.float32(255 / np.iinfo(after.dtype).max)
    sigma_px = max(SEAM_BLUR_PX * magnification(matrix), 1.0)
    share = cv2.GaussianBlur(pasted.alpha / pasted.alpha.max(), (0, 0), sigma_px)
    change = cv2.GaussianBlur(change, (0, 0), sigma_px)
    x, y = cv2.Scharr(share, cv2.CV_32F, 1, 0) / 32, cv2.Scharr(share, cv2.CV_32F, 0, 1) / 32
    steepness = np.hypot(x, y)
    rim = (share > 0.1) & (share < 0.9) & (steepness > 1e-4)
    rows, columns = np.nonzero(rim)
    centre_y, centre_x = np.argwhere(share > 0.5).mean(axis=0)
    sector = np.floor((np.arctan2(rows - centre_y, columns - centre_x) / (2 * np.pi) + 0.5) * SEAM_SECTORS)
    sector = np.clip(sector, 0, SEAM_SECTORS - 1).astype(int)
    # The gradient against that of the mask: the integral of the mask's gradient across the rim is 1.
    weight = np.bincount(sector, (steepness[rim] ** 2).astype(np.float64), SEAM_SECTORS)
    steps = []
    for channel in range(3):
        along = cv2.Scharr(change[..., channel], cv2.CV_32F, 1, 0) / 32 * x
        along += cv2.Scharr(change[..., channel], cv2.CV_32F, 0, 1) / 32 * y
        total = np.bincount(sector, along[rim].astype(np.float64), SEAM_SECTORS)
        steps.append(np.abs(np.divide(total, weight, out=np.zeros_like(total), where=weight > 0)))
    return float(np.max(steps))
