"""Whether motion smeared a face: its edges across one direction are gone, those along it are there.

Looks at a person are compared on the patches of ``occlusion.face_patch``, 48 px of the same landmarks. What coding
takes from a face that keeps still is finer than that, and neither poor light nor a face out of focus has a direction.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from fancam.picking.occlusion import FACE_WEIGHTS, Patch

LEAST_NEAR = 2
"""With a single look beside it, what that one shows more may be a hand."""
WEAKEST, ONE_WAY = 0.72, 1.8
"""A face is smeared where its edges in some direction have less than the first of the energy that those of the looks
beside it have, and less than what is left in the best direction to the power of the second: a Gaussian in all
directions, which takes more from the fine lines of lids and mouth, comes to 1.2 to 1.5, motion to 2.5 and more. Of 295
looks at signers none is smeared, of 49 that were smeared over an eighth of the face's width 23 are (over a twelfth 2):
what is less is left to ``sharpness``.
"""
_SIGMA, _CONTRAST_SIGMA, _CONTRAST_FLOOR = 0.7, 3.0, 9.0
"""Gaussians before slopes and before contrast, in patch pixels; added to the variance, in squared levels."""

_INNER = FACE_WEIGHTS[1:-1, 1:-1] / FACE_WEIGHTS[1:-1, 1:-1].sum()

Edges = npt.NDArray[np.float64]
"""(2, 2) structure tensor: mean squared slope along each direction as a quadratic form, over the face's variance."""


def edges_of(patch: Patch) -> Edges:
    """Return how much a face has of edges in each direction, whatever the light."""
    luma = cv2.cvtColor(patch, cv2.COLOR_RGB2GRAY)
    smooth = cv2.GaussianBlur(luma, (0, 0), _SIGMA)
    across = (smooth[1:-1, 2:] - smooth[1:-1, :-2]) / 2
    down = (smooth[2:, 1:-1] - smooth[:-2, 1:-1]) / 2
    drawn = cv2.GaussianBlur(luma, (0, 0), _CONTRAST_SIGMA)[1:-1, 1:-1]
    variance = (_INNER * (drawn - (_INNER * drawn).sum()) ** 2).sum() + _CONTRAST_FLOOR
    mixed = (_INNER * across * down).sum()
    return np.array([[(_INNER * across**2).sum(), mixed], [mixed, (_INNER * down**2).sum()]], np.float64) / variance


def is_smeared(own: Edges, near: Sequence[Edges]) -> bool:
    """Whether a face is smeared in one direction beside other looks at it.

    The generalised eigenvalues of two quadratic forms are the least and the greatest of their ratio.

    Args:
        own: Of the face, from ``edges_of``.
        near: Of looks at the same side of it a moment away; fewer than ``LEAST_NEAR`` tell nothing.
    """
    if len(near) < LEAST_NEAR:
        return False
    usual = np.median(np.stack(near), axis=0) + 1e-6 * np.eye(2)
    weakest, strongest = np.sort(np.linalg.eigvals(np.linalg.solve(usual, own)).real)
    return bool(weakest < WEAKEST and weakest < min(strongest, 1.0) ** ONE_WAY)
