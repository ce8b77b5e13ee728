"""How good a whole frame is, for videos in which no face is looked for."""

from __future__ import annotations

from types import MappingProxyType

import numpy as np

from fancam.geometry import Box
from fancam.media import Picture
from fancam.picking.selection import (
    CLIPPED_LEVEL,
    DARK_LEVEL,
    MAX_CLIPPED_SHARE,
    MIN_MEDIAN_LEVEL,
    combined,
    term_weights,
)
from fancam.picking.sharpness import face_sharpness, luma_of
from fancam.results import Face, Score, ScoredFace
from fancam.settings import PickSettings

COLUMNS, ROWS = 6, 4
SAMPLE_SHARE = 0.14
"""Side of a sample in shares of the frame's short side: 150 px of 1080, so that its pixels are seen one by one."""
SHARPEST_SHARE = 0.75
"""Quantile of the samples: what is in focus fills a quarter of the frame, sky, floor and background the rest."""
BRIGHT_PERCENTILE = 98.0
"""A stage may be black but for one light; a frame in which not even this is bright is a fade."""


def whole_frame(pixels: Picture, part: Box | None = None) -> Face:
    """Return what stands for a face where a frame, or a part of it, is judged as a whole; its landmarks say nothing."""
    box = part or Box(0, 0, pixels.shape[1], pixels.shape[0])
    return Face(box, (box.centre,) * 5, 0.0)


def score_frame(pixels: Picture, part: Box, settings: PickSettings) -> Score:
    """Score a whole frame, or a part of it: its sharpness and its light.

    Gates, in this order: ``too_dark`` (a fade), ``blown_out`` (a flash), ``too_soft``.

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
    sharpness = _sharpness(pixels, part)
    # A dark background takes nothing from a stage; a frame that is dark all over does.
    lit = min(float(np.percentile(luma, BRIGHT_PERCENTILE)) / 128.0, 1.0)
    exposure = lit * (1.0 - 0.7 * min(clipped_share / MAX_CLIPPED_SHARE, 1.0)) * (1.0 - 0.3 * dark_share)
    why = {"sharpness": round(sharpness, 4), "exposure": round(exposure, 4)}
    gates = {
        "too_dark": float(np.percentile(luma, BRIGHT_PERCENTILE)) < MIN_MEDIAN_LEVEL,
        "blown_out": clipped_share > MAX_CLIPPED_SHARE,
        "too_soft": sharpness < settings.min_sharpness,
    }
    rejected = next((name for name, closed in gates.items() if closed), None)
    return Score(0.0 if rejected else combined(why, term_weights(settings)), MappingProxyType(why), rejected)


def explain_frame(scored: ScoredFace, looked_at: list[ScoredFace]) -> str:
    """Say in one line why a frame was picked, such as ``sharper than 28 of 30 looked at; the whole frame``."""
    own = scored.score.why["sharpness"] or 0.0
    softer = sum((other.score.why["sharpness"] or 0.0) < own for other in looked_at if other is not scored)
    return f"sharper than {softer} of {len(looked_at) - 1} looked at; the whole frame"


def _sharpness(pixels: Picture, part: Box) -> float:
    """Return the sharpness that a quarter of the samples reach, which lie on a grid and fill a part of it."""
    side = max(SAMPLE_SHARE * min(part.width, part.height), 16.0)
    samples = []
    for row in range(ROWS):
        for column in range(COLUMNS):
            x = part.x0 + (column + 0.5) / COLUMNS * part.width
            y = part.y0 + (row + 0.5) / ROWS * part.height
            box = Box(x - side / 2, y - side / 2, x + side / 2, y + side / 2)
            samples.append(face_sharpness(pixels, Face(box, (box.centre,) * 5, 0.0)))
    return float(np.quantile(samples, SHARPEST_SHARE))
