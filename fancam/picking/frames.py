"""How good a whole frame is, for videos in which no face is looked for."""

from __future__ import annotations

from types import MappingProxyType

import cv2
import numpy as np
import numpy.typing as npt

from fancam.geometry import Box
from fancam.media import Picture
from fancam.picking.combing import is_combed
from fancam.picking.scoring import (
    CLIPPED_LEVEL,
    DARK_LEVEL,
    MIN_MEDIAN_LEVEL,
    combined,
    term_weights,
)
from fancam.picking.sharpness import harmonic_mean, luma_of, noise_energy, noise_sigma, squared_slopes
from fancam.picking.terms import MAX_CLIPPED_SHARE
from fancam.results import Face, Score, ScoredFace
from fancam.settings import PickSettings

LONG_EDGE_PX = 1280
"""A frame is halved until its long edge is no longer: blur is told in pixels of that."""
COARSE_SIGMA, FINE_SIGMA = 2.5, 1.0
"""Gaussians before differentiating, in pixels; those of the faces' measure."""
EDGE_PERCENTILE = 99.5
"""What is in focus may fill little of a frame: its edges half a percent."""
_SQUARED_NORMAL_PERCENTILE = 7.88
"""That percentile of the square of a standard normal variable; the median of it is 0.455."""
_PERCENTILE_OVER_MEDIAN = _SQUARED_NORMAL_PERCENTILE / 0.455
HALF_BLUR_PX = 1.4
"""Blur (standard deviation) that is mapped to 0.5."""
BRIGHT_PERCENTILE = 98.0
"""A stage may be black but for one light; a frame in which not even this is bright is a fade."""


def whole_frame(pixels: Picture, part: Box | None = None) -> Face:
    """Return what stands for a face where a frame, or a part of it, is judged as a whole; its landmarks say nothing."""
    box = part or Box(0, 0, pixels.shape[1], pixels.shape[0])
    return Face(box, (box.centre,) * 5, 0.0)


def score_frame(pixels: Picture, part: Box, settings: PickSettings) -> Score:
    """Score a whole frame, or a part of it: its sharpness and its light.

    Gates, in this order: ``too_dark`` (a fade), ``blown_out`` (a flash), ``combed``, ``too_soft``.

    Args:
        pixels: (height, width, 3) uint8 RGB, upright.
        part: What is judged, in pixels.
        settings: The limits of the gates, and the weights.

    Returns:
        The score with the terms ``sharpness`` and ``exposure``.
    """
    height, width = pixels.shape[:2]
    part = part.clipped(width, height)
    luma = luma_of(pixels[part.as_slices()])
    clipped_share, dark_share = float(np.mean(luma >= CLIPPED_LEVEL)), float(np.mean(luma <= DARK_LEVEL))
    sharpness = frame_sharpness(luma)
    # A dark background takes nothing from a stage; a frame that is dark all over does.
    lit = min(float(np.percentile(luma, BRIGHT_PERCENTILE)) / 128.0, 1.0)
    exposure = lit * (1.0 - 0.7 * min(clipped_share / MAX_CLIPPED_SHARE, 1.0)) * (1.0 - 0.3 * dark_share)
    why = {"sharpness": round(sharpness, 4), "exposure": round(exposure, 4)}
    gates = {
        "too_dark": float(np.percentile(luma, BRIGHT_PERCENTILE)) < MIN_MEDIAN_LEVEL,
        "blown_out": clipped_share > MAX_CLIPPED_SHARE,
        "combed": is_combed(luma),
        "too_soft": sharpness < settings.min_sharpness,
    }
    rejected = next((name for name, closed in gates.items() if closed), None)
    return Score(0.0 if rejected else combined(why, term_weights(settings)), MappingProxyType(why), rejected)


def explain_frame(scored: ScoredFace, looked_at: list[ScoredFace]) -> str:
    """Say in one line why a frame was picked, such as ``sharper than 28 of 30 looked at; the whole frame``."""
    own = scored.score.why["sharpness"] or 0.0
    softer = sum((other.score.why["sharpness"] or 0.0) < own for other in looked_at if other is not scored)
    return f"sharper than {softer} of {len(looked_at) - 1} looked at; the whole frame"


def frame_sharpness(luma: npt.NDArray[np.uint8]) -> float:
    """Return how sharp the sharpest edges of a picture are, whatever it shows and however bright it is.

    An edge that is blurred by a Gaussian of b pixels and then by one of s has a slope in proportion to
    1 / sqrt(b² + s²). So the slopes after a fine and after a coarse Gaussian, squared and divided, give b without the
    height of the edge. Both are freed of the noise's share; the harmonic mean over the directions is ruled by the
    weakest, so that motion counts as well. A video's frames are compared: what they show changes little by that.

    Args:
        luma: (rows, columns) in levels of 255.

    Returns:
        1 / (1 + (b / HALF_BLUR_PX)²): 1 for edges as sharp as pixels, 0.5 at ``HALF_BLUR_PX``, 0 without any edge.
    """
    while max(luma.shape) > LONG_EDGE_PX:
        luma = np.asarray(cv2.resize(luma, (luma.shape[1] // 2, luma.shape[0] // 2), interpolation=cv2.INTER_AREA))
    if min(luma.shape) < 5:
        return 0.0
    levels = luma.astype(np.float32)
    sigma = noise_sigma(levels)
    (coarse_median, coarse), (fine_median, fine) = (
        squared_slopes(levels, gauss, EDGE_PERCENTILE, every=2) for gauss in (COARSE_SIGMA, FINE_SIGMA)
    )
    noise = _SQUARED_NORMAL_PERCENTILE * noise_energy(sigma, 1.0, COARSE_SIGMA)
    fine_noise = max(
        _PERCENTILE_OVER_MEDIAN * float(np.maximum(fine_median - coarse_median, 0.0).mean()),
        _SQUARED_NORMAL_PERCENTILE * noise_energy(sigma, 1.0, FINE_SIGMA),
    )
    below = harmonic_mean(np.maximum(coarse - noise, 0.02 * coarse))
    above = harmonic_mean(np.maximum(fine - fine_noise, 0.02 * fine))
    ratio = above / below
    sharpest = (COARSE_SIGMA / FINE_SIGMA) ** 2
    if ratio <= 1.0:
        return 0.0
    blur_squared = max(sharpest - ratio, 0.0) / (ratio - 1.0) * FINE_SIGMA**2
    return 1.0 / (1.0 + blur_squared / HALF_BLUR_PX**2)
