"""Noise as it is measured, and what was taken out of a picture before it was enlarged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

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
    outliers: npt.NDArray[np.float32] | None = None
    """(3, 8, 8) power that normally distributed noise with outliers as large would have, in units of ``spectrum``: more
    than that where a coder left few coefficients, but large ones. None where the noise is normally distributed."""

    @property
    def luma_sigma(self) -> float:
        """Strength in the luma at the brightness where it is strongest, in levels of 255."""
        return float(self.sigma[0].max())

    @property
    def chroma_sigma(self) -> float:
        """The larger strength of Cb and Cr, in levels of 255."""
        return float(self.sigma[1:].max())


@dataclass(frozen=True, slots=True)
class Cleaned:
    """What was measured in a source, and what was taken out of it before it was enlarged."""

    noise_luma: float | None = None
    """Standard deviation in levels of 255 where it is strongest; None where it was not measured."""
    noise_chroma: float | None = None
    denoiser: str | None = None
    """Name of what took the noise out: ``builtin``, or a network; None where nothing did."""
    denoiser_sha256: str | None = None
    denoise_strength: float = 0.0
    """Times the measured noise."""
    blockiness: float | None = None
    """See ``blockiness``; about 1 where the picture was hardly compressed."""
    deblocked: bool = False
    screens: tuple[Mapping[str, Any], ...] = field(default_factory=tuple)
    """Of a printer's halftone, those that were taken out: ink, lpi, angle_deg, period_px."""
    paper: str | None = None
    """What was done to the paper; None where nothing was."""
    grain: float | None = None
    """Standard deviation of the grain that was put back, in levels of 255; None where none was."""
    grain_strength: float = 0.0
    """Share of the source's grain that was put back."""

    @property
    def touched(self) -> bool:
        """Whether the picture that was enlarged is another one than the camera or the scanner gave."""
        return bool(self.denoiser or self.deblocked or self.screens or self.paper or self.grain)
