"""Whether a merged picture is worth more than its frame: what fusing takes away beside edges and along them.

What differs from frame to frame is not the person: the staircase along edges, the noise of camera and encoder. Fusing
ends that, and a fidelity in decibels hardly sees it. A coarse quantiser, however, makes one frame the copy of another,
its errors included.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from fancam.enhancing.fusion.align import Plane

EDGE_BLUR_PX, TENSOR_BLUR_PX = 1.5, 2.0
"""Standard deviations of the smoothing before the gradient is taken and of the structure tensor's window (Förstner and
Gülch 1987), in pixels of the source."""
DETAIL_PX = 1.2
"""Standard deviation of the smoothing that parts detail from the rest, in pixels of the source."""
EDGE_SHARE = 0.2
"""Of the pixels, how many are edges at most."""
LEAST_COHERENCE = 0.7
"""Of the structure tensor, (a - b) / (a + b) of its eigenvalues: 1 for a straight edge, 0 for a speck."""
HOMOGENEOUS = 0.5
"""Share of the steepness of the weakest edge below which a pixel is of the surroundings."""
WORTH_A_WORD = 3
LEAST_SEEN = 0.3
"""Share of the frames that agree at the face, below which most of them show another."""
SEEN_RANGE, SMOOTHED_RANGE = (0.6, 0.75), (0.08, 0.12)
"""Share of the frames that agree at which nothing, and all, of the gain is believed, where the staircase is much less:
a few frames that change much have smoothed by lying beside each other. Below the second range that is not looked at."""
SOFT = -1.35
"""Crispness below which a clean picture may be of a soft lens."""
LEAST_TAKEN = 0.11
"""The sum of what is smoothed and cleaned below which a picture was clean before."""
GAIN_DB, CLEANED_DB = 0.36, 0.35
"""Gain of frames that were finely coded, and what is added where the noise is less by a factor of e."""
ROUGHENED_DB = 1.0
"""What is taken off where the noise is more by a factor of e: the frame was coded smoother than its neighbours."""
FINE_QUANTISER, COARSE_QUANTISER = 28.0, 33.0
"""Quantisation parameters from which on the gain sinks, and noise taken away is the coder's own."""
QUANTISER_DB = 0.027
"""What is taken off the gain for each step of the quantisation parameter: a gain of 0.2 dB is left at 34."""
USUAL_QUANTISER = 30.0
"""Where the decoder does not tell."""
LEAST_ARTEFACT = 0.1
"""Levels added to both sides of a ratio: below that nobody sees a trace."""


@dataclass(frozen=True, slots=True)
class Artefacts:
    """What can be seen of aliasing and coding in a picture, in levels of luma; 0 where there is none."""

    staircase: float
    """Root mean square slope of the detail in the direction of the edges, per pixel: a clean edge has none there."""
    noise: float
    """Standard deviation of the detail where there are no edges: of camera and encoder, mosquito noise among it."""


def measure_artefacts(pictures: Sequence[Plane], grid: int) -> list[Artefacts]:
    """Return the traces of pictures of the same, at the edges of the last one.

    Args:
        pictures: Luma, all of one size.
        grid: Pixels of them per pixel of the source.
    """
    across_x, across_y, edges, homogeneous = _edges(pictures[-1], grid)
    found = []
    for luma in pictures:
        detail = luma - cv2.GaussianBlur(luma, (0, 0), DETAIL_PX * grid)
        dx, dy = (cv2.Sobel(detail, cv2.CV_32F, 1 - k, k, scale=1 / 8) for k in (0, 1))
        along = dy * across_x - dx * across_y
        found.append(Artefacts(_rms(along[edges]), _rms(detail[homogeneous])))
    return found


def _edges(luma: Plane, grid: int) -> tuple[Plane, Plane, npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Return the unit vector across the edges, where there are edges, and where there is nothing like them."""
    smooth = cv2.GaussianBlur(luma, (0, 0), EDGE_BLUR_PX * grid)
    dx, dy = (cv2.Sobel(smooth, cv2.CV_32F, 1 - k, k) for k in (0, 1))
    xx, yy, xy = (cv2.GaussianBlur(p, (0, 0), TENSOR_BLUR_PX * grid) for p in (dx * dx, dy * dy, dx * dy))
    angle = np.arctan2(2 * xy, xx - yy) / 2
    steepness = np.sqrt(xx + yy)
    limit = np.quantile(steepness[::grid, ::grid], 1 - EDGE_SHARE)
    coherence = np.hypot(xx - yy, 2 * xy) / (xx + yy + 1e-3)
    edges = (steepness >= limit) & (coherence >= LEAST_COHERENCE)
    return np.cos(angle), np.sin(angle), edges, steepness < HOMOGENEOUS * limit


def _rms(values: npt.NDArray[np.float32]) -> float:
    return float(np.sqrt(np.mean(np.square(values)))) if values.size else 0.0


@dataclass(frozen=True, slots=True)
class MergeStatistics:
    """What is weighed of a merge, at and around the face."""

    frame: Artefacts
    merged: Artefacts
    """Of the merge before it is sharpened."""
    seen: float
    """Share of the frames that measured a pixel anew and agree, in the mean: low where the encoder copied blocks, where
    a face changed and where things move out of reach."""
    crispness: float
    """Of the merged luma, see ``merge.crispness_of``."""
    quantiser: float | None
    """Median of the neighbours' mean quantisation parameters; None where the decoder does not tell."""

    @property
    def smoothed(self) -> float:
        """By how much the staircase is less, as the logarithm of a ratio."""
        return _log_ratio(self.frame.staircase, self.merged.staircase)

    @property
    def cleaned(self) -> float:
        """The same of the noise."""
        return _log_ratio(self.frame.noise, self.merged.noise)

    @property
    def coding(self) -> float:
        """The quantisation parameter, or the usual one."""
        return USUAL_QUANTISER if self.quantiser is None else self.quantiser

    @property
    def is_soft(self) -> bool:
        """Whether the lens may have been soft and nothing hides that: one frame, deblurred, shows as much."""
        clean = self.smoothed + self.cleaned < LEAST_TAKEN and self.coding <= USUAL_QUANTISER
        return clean and self.crispness < SOFT


def _log_ratio(before: float, after: float) -> float:
    return math.log((before + LEAST_ARTEFACT) / (after + LEAST_ARTEFACT))


def expected_gain_db(measured: MergeStatistics) -> float:
    """Return the gain in PSNR over the best single-frame method, 0 where fusing does not pay.

    Frames that agree gain ``GAIN_DB`` or more; a coarse quantiser takes of that. The constants are of the ``TUNE``
    clips of ``benchmarks/_fancams.py``, as they are and as uploads of uploads.
    """
    if measured.is_soft or measured.seen < LEAST_SEEN:
        return 0.0
    fine = 1 - _ramp(measured.coding, (FINE_QUANTISER, COARSE_QUANTISER))
    gain = (
        GAIN_DB + CLEANED_DB * max(measured.cleaned, 0) * fine - ROUGHENED_DB * max(-measured.cleaned, 0) * (1 - fine)
    )
    gain -= QUANTISER_DB * max(measured.coding - FINE_QUANTISER, 0)
    doubt = (1 - _ramp(measured.seen, SEEN_RANGE)) * _ramp(measured.smoothed, SMOOTHED_RANGE)
    return max(gain * (1 - doubt), 0.0)


def _ramp(value: float, span: tuple[float, float]) -> float:
    """Return 0 up to the first and 1 from the second of a span on, linear between."""
    return min(max((value - span[0]) / (span[1] - span[0]), 0.0), 1.0)


def explained(measured: MergeStatistics) -> str:
    """Return what fusing changes, in short words: what is at least ``WORTH_A_WORD`` percent, and what is in doubt."""
    percents = {"staircase": -100 * math.expm1(-measured.smoothed), "noise": -100 * math.expm1(-measured.cleaned)}
    words = [
        f"{name} {abs(less):.0f} % {'less' if less > 0 else 'more'}"
        for name, less in percents.items()
        if abs(less) >= WORTH_A_WORD
    ]
    doubts = []
    if measured.seen < SEEN_RANGE[1]:
        doubts.append(f"the face is the same in {measured.seen:.0%} of what they show")
    if measured.is_soft:
        doubts.append("soft and clean, nothing new")
    if measured.coding > COARSE_QUANTISER:
        doubts.append(f"coarsely coded, quantiser {measured.coding:.0f}")
    return "; ".join(part for part in (*doubts, ", ".join(words)) if part)
