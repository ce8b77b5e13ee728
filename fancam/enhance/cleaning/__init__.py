"""Cleaning of single pictures: how noisy one is, its noise taken out, the seams of its compression smoothed.

The strength comes from the picture: ``measure_noise`` tells it, ``is_noisy`` whether it pays, ``denoise`` takes out
what was measured. ``deblock`` smooths the grid of JPEG and video where one is measured.
"""

from fancam.enhance.cleaning.deblock import deblock
from fancam.enhance.cleaning.denoise import denoise, is_noisy
from fancam.enhance.cleaning.noise import measure_noise

__all__ = ["deblock", "denoise", "is_noisy", "measure_noise"]
