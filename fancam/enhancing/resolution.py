"""What share of its pixels a picture really holds: an upload may be larger than what the camera saw."""

from __future__ import annotations

import math

import cv2
import numpy as np
import numpy.typing as npt

from fancam.geometry import Box
from fancam.media import Samples

LEAST_EDGE_PX = 64
"""Pixels on edges that are needed to measure anything."""
_EDGE_LEVELS = 4.0
"""Levels of 255 per pixel: an edge rises at least so fast."""
_PROBE_PX = 768
"""Side of the middle part that is measured, of larger regions."""
_LEAST_SIDE_PX = 24
"""Below this there are more borders than picture."""
_BORDER_PX = 4
"""Along the borders the round trip knows too little."""
_WINDOW_PX = 2.0
"""Standard deviation of the Gaussian window that energies are averaged with: an edge and its ringing."""
_LOSSES = (0.155, 0.207, 0.23, 0.265, 0.29, 0.345)
_SHARES = (0.5, 0.571, 0.667, 0.77, 0.87, 1.0)
"""Loss through half the size, and what share of the pixels it tells of: means over ``benchmarks._reuploads.TUNE``, /1.5
to /4, enlarged from 1 to 3 times by both filters, without a coder and at CRF 23 and 29."""
_LOOK_AT_HALF, _ALL_OF_HALF = 0.6, 0.9
"""Below the first the loss hardly falls any more, and the half is looked at; from the second on it is all used."""

_Plane = npt.NDArray[np.float32]


def measure_resolution(picture: Samples, region: Box | None = None) -> float | None:
    """Return which share of its pixels, along each axis, a picture holds: 1 where it is sharp to the pixel.

    Blind: nothing is known of what was done to the picture. It is made half as large and enlarged again; what that
    loses on edges, in proportion to how steep they are, tells how much of the upper half of the spectrum is in use.
    What is lost everywhere alike is noise and the coder's rounding, not detail: of local energies, the loss is
    regressed on the gradient with an intercept, and the slope alone counts. The half-size grid that loses least of the
    four that there are is taken, because an enlargement by two may lie on any of them. Where a half holds all there
    is, the half is measured in its place, and so on.

    Args:
        picture: (H, W, 3) RGB, uint8 or uint16.
        region: What is to be measured, a face say, in its pixels; None measures all of it. Of a large one the middle.

    Returns:
        In (0, 1]; None where there are too few edges to tell.
    """
    height, width = picture.shape[:2]
    inside = Box(0, 0, width, height) if region is None else region.clipped(width, height)
    if not inside.area > 0:
        return None
    part = picture[inside.as_slices()]
    top, left = (max(side - _PROBE_PX, 0) // 2 for side in part.shape[:2])
    values = part[top : top + _PROBE_PX, left : left + _PROBE_PX].astype(np.float32)
    luma = values @ np.array([0.299, 0.587, 0.114], np.float32) * np.float32(255 / np.iinfo(picture.dtype).max)
    return _measured(np.ascontiguousarray(luma))


def _measured(luma: _Plane) -> float | None:
    if min(luma.shape) < _LEAST_SIDE_PX or _edge_pixels(luma) < LEAST_EDGE_PX:
        return None
    share = float(np.interp(half_loss(luma), _LOSSES, _SHARES))
    if share >= _LOOK_AT_HALF:
        return share
    height, width = luma.shape
    smaller = cv2.resize(luma, (width // 2, height // 2), interpolation=cv2.INTER_AREA)
    of_half = _measured(np.asarray(smaller, np.float32))
    return share if of_half is None or of_half >= _ALL_OF_HALF else of_half / 2


def _edge_pixels(luma: _Plane) -> int:
    smooth = np.asarray(cv2.GaussianBlur(luma, (0, 0), 1.0), np.float32)
    return int(np.count_nonzero(_gradient_energy(smooth) > _EDGE_LEVELS**2))


def _gradient_energy(luma: _Plane) -> _Plane:
    dy, dx = np.gradient(luma)
    return np.asarray(dx * dx + dy * dy, np.float32)


def half_loss(luma: _Plane) -> float:
    """Return the amplitude that a picture loses on its way through half its size, per gradient of its edges.

    Args:
        luma: (H, W) in levels of 255.

    Returns:
        0 or more; about 0.16 where half the pixels would do, and 0.35 and more where every pixel is needed.
    """
    return min(_loss(luma[row:, column:]) for row in (0, 1) for column in (0, 1))


def _loss(luma: _Plane) -> float:
    height, width = luma.shape
    smaller = cv2.resize(luma, (round(width / 2), round(height / 2)), interpolation=cv2.INTER_AREA)
    lost = luma - cv2.resize(smaller, (width, height), interpolation=cv2.INTER_CUBIC)
    inner = np.s_[_BORDER_PX:-_BORDER_PX, _BORDER_PX:-_BORDER_PX]
    energy, gradient = (
        cv2.GaussianBlur(values, (0, 0), _WINDOW_PX)[inner] for values in (lost * lost, _gradient_energy(luma))
    )
    spread = gradient - gradient.mean(dtype=np.float64)
    slope = float((spread * energy).sum(dtype=np.float64) / max((spread * spread).sum(dtype=np.float64), 1e-12))
    return math.sqrt(max(slope, 0.0))
