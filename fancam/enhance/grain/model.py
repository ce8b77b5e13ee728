"""What is known of the grain of a picture: enough to make it again at another size."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fancam.enhance.grain.spectra import whole
from fancam.records import NoiseModel

_BLOCK_PX = 8
"""Side of the blocks whose coefficients a ``NoiseModel`` describes."""


@dataclass(frozen=True, slots=True, eq=False)
class Grain:
    """The grain of a picture, in Y, Cb and Cr of full-range BT.601 (JPEG, ITU-T T.871)."""

    levels: npt.NDArray[np.float64]
    """(B,) rising luma at which the strength was measured, 0 to 255; between two it is linear, beyond the ends it
    stays."""
    strength: npt.NDArray[np.float64]
    """(3, B) standard deviation of Y, Cb and Cr there, in levels of 255; Cb and Cr are 0 for grain without colour."""
    spectrum: npt.NDArray[np.float64]
    """(3, n, n // 2 + 1) share of the variance at each frequency of n × n pixels of the source, in the order of
    ``numpy.fft.rfft2``; each sums to 1 over the whole plane."""
    coherence: npt.NDArray[np.float64]
    """(3, 3) correlation of the grain of Y, Cb and Cr."""

    @property
    def sigma(self) -> float:
        """Standard deviation of the luma at the brightness where it is strongest, in levels of 255."""
        return float(self.strength[0].max())

    @property
    def coloured(self) -> bool:
        """Whether there is grain in Cb or Cr."""
        return bool((self.strength[1:] > 0).any())

    def strength_at(self, luma: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
        """Return the (3, ...) standard deviation of Y, Cb and Cr at each luma, in levels of 255."""
        return np.stack([np.interp(luma, self.levels, row) for row in self.strength])

    def noise_model(self) -> NoiseModel:
        """Return the grain as noise in the terms of a denoiser."""
        spectrum = np.stack([_cosine_power(each) for each in self.spectrum])
        return NoiseModel(self.levels.astype(np.float32), self.strength.astype(np.float32), spectrum.astype(np.float32))


def _cosine_power(spectrum: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the (8, 8) mean power of the coefficients of an orthonormal DCT-II of noise with this spectrum."""
    covariance = np.fft.ifft2(whole(spectrum)).real * spectrum.shape[0] ** 2
    place = np.arange(_BLOCK_PX)
    cosines = np.sqrt(2 / _BLOCK_PX) * np.cos(np.pi * (place + 0.5) * place[:, None] / _BLOCK_PX)
    cosines[0] /= np.sqrt(2)
    lag = place[:, None] - place
    blocks = covariance[lag[:, None, :, None], lag[None, :, None, :]]  # (y, x, y', x')
    power = np.einsum("uy,vx,yxzw,uz,vw->uv", cosines, cosines, blocks, cosines, cosines, optimize=True)
    mean = power.mean()
    return np.asarray(power / mean) if mean > 0 else np.ones_like(power)
