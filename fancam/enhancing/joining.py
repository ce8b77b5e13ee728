"""What the camera measured and what a network drew, joined by frequency: each where it knows more."""

from __future__ import annotations

import math

import cv2
import numpy as np

from fancam.enhancing.work import CropRequest, plain_rows
from fancam.geometry import strips
from fancam.media import Samples

CUT_PX = 0.5
"""Standard deviation, in pixels of the picture's true resolution, of the Gaussian that parts what was measured from
what is drawn: the two weigh the same at 0.37 cycles per such pixel, three quarters of the highest frequency that it can
hold. Chosen on ``benchmarks._reuploads.TUNE`` with realesrgan-x4plus, from 0.35 to 1: 0.5 had the highest PSNR, and
edges as smooth as the network's within a tenth."""
_REACH = 3.0
"""Standard deviations where the Gaussian ends: a hundredth of its peak is left there."""
_BAND_PX = 2**21
"""Pixels of the print that are joined at once."""


def join_bands(measured: CropRequest, drawn: Samples, true_scale: float, detail: float) -> Samples:
    """Return the print with the low frequencies of the measured picture and the high ones of the network's.

    With P the measured picture by the Lanczos filter, N the network's and G a Gaussian of ``CUT_PX``, the join is
    N + G(P - N), of which ``detail`` is taken and the rest is P. Nothing of the network's passes below the cut,
    whatever its colours do. Works in bands of rows: beside the print, memory does not grow with its size.

    Args:
        measured: What the camera saw, and its size in print; the finer picture where there is one.
        drawn: (height_px, width_px, 3) the network's picture, of the type of the measured one.
        true_scale: Share of the pixels of ``measured`` along each axis that hold detail, in (0, 1].
        detail: In [0, 1]: 0 draws nothing, 1 all that is above the cut.

    Returns:
        (height_px, width_px, 3) in the type of ``drawn``, a new array.
    """
    sigma_px = CUT_PX * measured.scale / true_scale
    reach = math.ceil(_REACH * sigma_px)
    size = (2 * reach + 1, 2 * reach + 1)
    joined = np.empty_like(drawn)
    highest = float(np.iinfo(drawn.dtype).max)
    step = max(_BAND_PX // drawn.shape[1], 4 * reach, 1)
    for rows, around in strips(drawn.shape[0], step, reach):
        plain = plain_rows(measured.finer or measured, around.start, around.stop).astype(np.float32)
        apart = plain - drawn[around]
        low = np.asarray(cv2.GaussianBlur(apart, size, sigma_px, borderType=cv2.BORDER_REFLECT_101))
        inside = slice(rows.start - around.start, rows.stop - around.start)
        values = plain[inside] + np.float32(detail) * (low[inside] - apart[inside])
        joined[rows] = np.clip(np.rint(values, out=values), 0, highest, out=values)
    return joined
