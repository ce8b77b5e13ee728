"""What fusing is expected to gain, from what can be measured without the truth."""

from __future__ import annotations

import math
from dataclasses import dataclass

from fancam.enhance.fusion.sharpen import CRISPNESS

CAUTION_DB = 0.25
MAX_GAIN_DB = 5.0
"""Beyond what any clip has shown."""
SEEN_RANGE = (0.5, 0.7)
"""Share of the frames that saw a pixel anew at which nothing, and all, of the gain is believed.

Heavy compression copies from frame to frame, and no clip compressed to a CRF of 33 gained."""
NOISE_RANGE = (0.3, 0.7)
"""Noise of the reference alone over that between the frames at which nothing, and all, of the gain is believed.

Frames that differ although none of them is noisy differ by their coding and by motion, and their mean is no better than
one of them. Of the ``TUNE`` clips with noise of 8 levels those compressed to a CRF of 18 and 23 have 0.74 and more, and
those of 33 that lost by fusing 0.18 and less.
"""


@dataclass(frozen=True, slots=True)
class Measured:
    """What the merge tells of itself, at and around the face."""

    seen: float
    """Share of the offered frames that measured a pixel anew and agree, in the mean: low where the encoder copied
    blocks, where frames are repeated and where things move out of reach."""
    removed: float
    """Standard deviation of the fine detail that the merge took from the reference's luma, in levels: noise and the
    encoder's error."""
    detail: float
    """Standard deviation of the fine detail of the merged luma, in levels."""
    crispness: float
    """Of the merged luma, see ``sharpen.crispness_of``."""
    single_noise: float
    """Standard deviation of the noise that the reference alone shows in its calm places, in levels."""
    frame_noise: float
    """The same of what a frame and the reference differ by: noise, and what moved or was coded otherwise."""


def expected_gain_db(measured: Measured) -> float:
    """Return the gain in PSNR over the best single-frame method, at and around the face.

    That method smooths where the picture is flat and leaves noise where there is detail, so it is the noise relative to
    the detail that fusing wins against. A least-squares fit to the ``TUNE`` clips of ``benchmarks/_fancams.py``, less
    ``CAUTION_DB``: to lose what the single frame had is worse than to miss a gain that nobody sees.
    """
    ratio_db = 10 * math.log10(1 + measured.removed**2 / (2 + 0.03 * measured.detail**2))
    gain = -0.185 + 0.173 * measured.seen + 0.258 * ratio_db + 0.475 * (measured.crispness - CRISPNESS) - CAUTION_DB
    believed = _risen(measured.seen, SEEN_RANGE) * _risen(
        measured.single_noise / max(measured.frame_noise, 1e-6), NOISE_RANGE
    )
    return float(min(max(gain * believed, 0.0), MAX_GAIN_DB))


def _risen(value: float, span: tuple[float, float]) -> float:
    """Return how far a value has risen from the first to the second of a span, in [0, 1]."""
    return min(max((value - span[0]) / (span[1] - span[0]), 0.0), 1.0)
