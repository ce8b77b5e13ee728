"""Values along a line, carried on smoothly to where there are none."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

RELAXATIONS = 6
"""Steps towards a membrane that touches every given value; push and pull smooths what lies next to them."""

Plane = npt.NDArray[np.float32]


def carried_on(values: Plane, where: npt.NDArray[np.bool_]) -> Plane:
    """Return a smooth plane that has these values where they are given (push and pull, Gortler et al. 1996).

    Args:
        values: (height, width, 3) float32; 0 where nothing is given.
        where: (height, width): where they are given.
    """
    stack = [(values, where.astype(np.float32))]
    while min(stack[-1][1].shape) > 3:
        value, weight = stack[-1]
        size = (-(-value.shape[1] // 2), -(-value.shape[0] // 2))
        smaller = (np.asarray(cv2.pyrDown(plane, dstsize=size), np.float32) for plane in (value, weight))
        stack.append((next(smaller), next(smaller)))
    value, weight = stack.pop()
    filled = value / np.maximum(weight, 1e-8)[..., None]
    for value, weight in reversed(stack):
        below = cv2.pyrUp(filled, dstsize=(value.shape[1], value.shape[0]))
        # A line one pixel wide weighs about a half, a quarter ... as the picture gets smaller.
        trust = np.minimum(4 * weight, 1)[..., None]
        filled = trust * (value / np.maximum(weight, 1e-8)[..., None]) + (1 - trust) * below
    for _ in range(RELAXATIONS):
        filled = np.where(where[..., None], values, cv2.blur(filled, (3, 3)))
    return np.asarray(filled, np.float32)
