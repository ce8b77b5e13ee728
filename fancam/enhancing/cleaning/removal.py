"""How strong the noise is at each pixel, and how much of a blind network's answer that allows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional

from fancam.enhancing.cleaning.denoisenets import MAX_LEVEL
from fancam.results import NoiseModel

_LUMA = (0.299, 0.587, 0.114)
"""Of R, G and B, ITU-T T.871 section 7."""
_CB_SHARE, _CR_SHARE = 1.086138, 0.825198
"""Mean square over R, G and B of the factors of Cb (0, 0.344136, 1.772) and Cr (1.402, 0.714136, 0), ibid."""
_BRIGHTNESS_PX = 7
"""Side of the square whose mean is the brightness of its middle: that of one pixel is noise itself."""
_JUDGED_PX = 33
"""Side of the square in which removal is compared with noise: the deviation of a thousand samples of white noise is
known to 2 %, and 33 pixels are less than a face."""


@dataclass(frozen=True, slots=True, eq=False)
class Levels:
    """Strength of the noise by brightness: 256 values for a luma of 0 to 255, each a standard deviation of 1."""

    luma: npt.NDArray[np.float32]
    rgb: npt.NDArray[np.float32]
    """Root mean square over R, G and B."""

    @property
    def strongest(self) -> float:
        """The strongest in R, G and B, in levels of 255."""
        return 255 * float(self.rgb.max())


def levels_of(sigma: float, noise: NoiseModel | None) -> Levels:
    """Return the strength of the noise at each brightness.

    Args:
        sigma: In the luma where it is strongest, in levels of 255.
        noise: Its spread over brightness and over luma and chroma, scaled to ``sigma``; None: the same at every
            brightness, and grey. Deviations of Y, Cb and Cr are taken to be independent; where those of R, G and B are,
            the result is 11 % too high.
    """
    if noise is None or noise.luma_sigma <= 0:
        flat = np.full(256, sigma / 255, np.float32)
        return Levels(flat, flat)
    scale = sigma / noise.luma_sigma / 255
    luma, blue, red = (np.interp(np.arange(256), noise.levels, row) * scale for row in noise.sigma)
    rgb = np.sqrt(luma**2 + _CB_SHARE * blue**2 + _CR_SHARE * red**2)
    return Levels(luma.astype(np.float32), rgb.astype(np.float32))


def level_map(tiles: torch.Tensor, levels: Levels) -> torch.Tensor:
    """Return the strength of the noise in R, G and B at each pixel, (N, 1, H, W) of 1, as far as DRUNet knows it."""
    return _at_brightness(tiles, levels.rgb).clamp_(max=MAX_LEVEL / 255)


def at_most_the_noise(noisy: torch.Tensor, cleaned: torch.Tensor, levels: Levels) -> torch.Tensor:
    """Return the cleaned tiles moved back towards the noisy ones where they differ by more than the noise.

    What a blind network takes out beyond the strength that was measured is detail. Around each pixel the root mean
    square of what it changed in the luma is brought down to that of the noise, by mixing the two pictures (Morozov's
    discrepancy principle: a solution is as near to the measurement as the error of that; "On the solution of functional
    equations by the method of regularization", 1966). So a network that goes wrong can do no more harm than the noise.

    Args:
        noisy: (N, 3, H, W) RGB in [0, 1].
        cleaned: Of the same shape.
        levels: Of the noise.
    """
    change = cleaned - noisy
    changed = _mean(_luma(change).square(), _JUDGED_PX)
    allowed = _mean(_at_brightness(noisy, levels.luma).square(), _JUDGED_PX)
    share = (allowed / changed.clamp_min(1e-12)).clamp_(max=1).sqrt_()
    return noisy + share * change


def _at_brightness(tiles: torch.Tensor, table: npt.NDArray[np.float32]) -> torch.Tensor:
    """Return the value of a table of 256 for the brightness around each pixel, (N, 1, H, W)."""
    if table.min() == table.max():
        return tiles.new_full((tiles.shape[0], 1, *tiles.shape[2:]), float(table[0]))
    place = (_mean(_luma(tiles), _BRIGHTNESS_PX) * 255).round_().clamp_(0, 255).long()
    return torch.from_numpy(table).to(tiles.device)[place]


def _luma(tiles: torch.Tensor) -> torch.Tensor:
    red, green, blue = tiles.split(1, 1)
    return _LUMA[0] * red + _LUMA[1] * green + _LUMA[2] * blue


def _mean(plane: torch.Tensor, side_px: int) -> torch.Tensor:
    """Return the mean of the square around each pixel, of as much of it as there is."""
    half = side_px // 2
    rows = functional.avg_pool2d(plane, (side_px, 1), 1, (half, 0), count_include_pad=False)
    return functional.avg_pool2d(rows, (1, side_px), 1, (0, half), count_include_pad=False)
