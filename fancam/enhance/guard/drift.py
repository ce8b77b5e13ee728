"""How far a face moved: the distances between two sets of landmarks in face space, as numbers."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from fancam.enhance.prior.alignment import TEMPLATE

EYE_DISTANCE_PX = float(np.hypot(*(TEMPLATE[1] - TEMPLATE[0])))
"""Distance of the eyes in face space, by which drift is divided. The template's and not the face's own: a turned face
has its eyes close together, and would seem to drift more."""

NOT_FOUND = math.inf
"""Drift where there was a face before, and none is found any more."""


def landmark_drift(before: npt.NDArray[np.floating] | None, after: npt.NDArray[np.floating] | None) -> float | None:
    """Return the largest movement of a landmark between two pictures of a face, in eye distances.

    Args:
        before: (5, 2) in face space, measured in the reference; None where no face was found there.
        after: The same in the other picture, measured in the same way.

    Returns:
        0 or more; ``NOT_FOUND`` where only the reference has a face; None where the reference has none, which leaves
        nothing to compare with.
    """
    if before is None:
        return None
    if after is None:
        return NOT_FOUND
    moved = np.asarray(after, np.float64) - np.asarray(before, np.float64)
    return float(np.hypot(moved[:, 0], moved[:, 1]).max()) / EYE_DISTANCE_PX
