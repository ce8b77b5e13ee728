"""Noise and grain as they are measured: how strong at which brightness, and how they are spread over frequencies."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, slots=True, eq=False)
class NoiseModel:
    """The noise of a picture, in Y, Cb and Cr of full-range BT.601 (JPEG, ITU-T T.871)."""

    levels: npt.NDArray[np.float32]
    """(B,) rising luma at which the strength was measured, 0 to 255; between two it is interpolated."""
    sigma: npt.NDArray[np.float32]
    """(3, B) standard deviation of Y, Cb and Cr there, in levels of 255."""
    spectrum: npt.NDArray[np.float32]
    """(3, 8, 8) power of each coefficient of an orthonormal 8 x 8 DCT-II, with mean 1: all 1 where noise is white."""

    @property
    def luma_sigma(self) -> float:
        """Strength in the luma at the brightness where it is strongest, in levels of 255."""
        return float(self.sigma[0].max())

    @property
    def chroma_sigma(self) -> float:
        """The larger strength of Cb and Cr, in levels of 255."""
        return float(self.sigma[1:].max())
