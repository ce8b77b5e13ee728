"""What fusing is expected to gain, from what can be measured without the truth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class Measured:
    """What the merge tells of itself."""

    noise: float
    """Difference between aligned frames, as the noise of one frame, in levels of luma."""
    evidence: float
    """Effective number of frames, in the mean."""
    removed: float
    """Root mean square of the difference between the reference and the merged picture, in levels."""
    detail: float
    """Root mean square of the fine detail of the merged picture, in levels."""
    agreement: float
    """Share of the looks' pixels that agree."""


def expected_gain_db(measured: Measured) -> float:
    """Return the gain in PSNR over the best single-frame method."""
    lost = measured.noise**2 * (1 - 1 / measured.evidence)
    return float(np.clip(10 * np.log10(1 + lost / (3 + 0.2 * measured.detail**2)), 0, 4))
