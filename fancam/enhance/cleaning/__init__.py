"""Cleaning of single pictures: how noisy one is, its noise taken out, the seams of its compression smoothed.

The strength comes from the picture: ``measure_noise`` tells it, ``is_noisy`` whether it pays, ``denoise`` takes out
what was measured. ``deblock`` smooths the grid of JPEG and video where one is measured. ``LearnedDenoiser`` takes the
noise out by a network instead, where ``resolve_denoiser`` finds that one was asked for.
"""

from fancam.enhance.cleaning.deblock import HEAVY_BLOCKINESS, deblock, measure_blockiness
from fancam.enhance.cleaning.denoise import denoise, is_noisy
from fancam.enhance.cleaning.learned import Denoised, LearnedDenoiser, resolve_denoiser
from fancam.enhance.cleaning.noise import measure_noise

__all__ = [
    "HEAVY_BLOCKINESS",
    "Denoised",
    "LearnedDenoiser",
    "deblock",
    "denoise",
    "is_noisy",
    "measure_blockiness",
    "measure_noise",
    "resolve_denoiser",
]
