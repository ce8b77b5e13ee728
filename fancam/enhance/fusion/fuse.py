"""The whole way from looks to one picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from fancam.enhance.fusion.align import Flow, Plane, coarse_shift, dense_flow, luma_of, warped
from fancam.enhance.fusion.backproject import sharpened
from fancam.geometry import Box
from fancam.records import Look, Picture
from fancam.settings import FuseSettings

GRID = 2
"""Pixels of a fused picture per pixel of the source."""
MIN_SIDE_PX = 24
MIN_FIT = 0.4
"""Normalised correlation of the face below which a look shows something else."""


@dataclass(frozen=True, slots=True, eq=False)
class Fused:
    """What became of a region and the looks at it."""

    pixels: Picture
    """(h * grid, w * grid, 3) uint8 RGB; the reference itself where nothing was fused."""
    grid: int
    """Pixels of ``pixels`` per pixel of the source: ``GRID``, or 1 where nothing was fused."""
    frames_used: int
    """Frames that went in, the reference counted; 1 where nothing was fused."""
    frames_offered: int
    """Frames there were, the reference counted."""
    expected_gain_db: float
    """Predicted over the best that can be had of the single frame; 0 where nothing could be fused."""
    evidence_frames: npt.NDArray[np.float32]
    """(h * grid, w * grid) effective number of frames that agree on a pixel, 1 or more; see ``records.Evidence``."""
    residual_noise: float | None
    """Noise left in the luma, standard deviation in levels of 255; None where it was not measured."""
    reason: str
    """One plain line on why it was fused, or was not."""


def fuse(reference: Picture, looks: Sequence[Look], settings: FuseSettings, *, face: Box | None = None) -> Fused:
    """Merge what neighbouring frames saw of a region into one picture.

    Args:
        reference: (h, w, 3) uint8 RGB, the region in the picked frame.
        looks: The same region in the frames around it, of the same size.
        settings: How many frames at most, and the least gain worth having.
        face: Box of the face in pixels of the reference; it matters most. None means the middle of the picture.
    """
    high, wide = reference.shape[:2]
    offered = len(looks) + 1
    near = sorted(looks, key=lambda look: (abs(look.offset_s), look.offset_s))[: settings.frames - 1]
    if not near:
        return _single(reference, offered, "no neighbouring frames" if settings.frames > 1 else "fusing is off")
    if min(high, wide) < MIN_SIDE_PX:
        return _single(reference, offered, f"the region is smaller than {MIN_SIDE_PX} px")
    luma = _calm(reference)
    region = _face_region(face, wide, high)
    flows: list[tuple[Look, Flow]] = []
    for side in (-1, 1):
        shift = (0.0, 0.0)
        for look in (k for k in near if (k.offset_s < 0) == (side < 0)):
            other = _calm(look.pixels)
            shift, fit = coarse_shift(luma, other, region, shift)
            if fit < MIN_FIT:
                break
            flows.append((look, dense_flow(luma, other, shift)))
    if not flows:
        return _single(reference, offered, "the frames do not agree")
    return _merged(reference, flows, offered)


def _merged(reference: Picture, flows: list[tuple[Look, Flow]], offered: int) -> Fused:
    zero = np.zeros((*reference.shape[:2], 2), np.float32)
    total = warped(reference, zero, GRID)
    base = cv2.GaussianBlur(total, (0, 0), 4.0)
    weights = np.ones(total.shape[:2], np.float32)
    squares = weights.copy()
    for look, flow in flows:
        seen = warped(look.pixels, flow, GRID)
        far = np.sqrt(np.sum((cv2.GaussianBlur(seen, (0, 0), 4.0) - base) ** 2, axis=2))
        weight = np.exp(-((far / 3.0) ** 2))
        total += seen * weight[..., None]
        weights += weight
        squares += weight * weight
    sharp = sharpened(total / weights[..., None], GRID, steps=3)
    pixels = np.clip(np.rint(sharp), 0, 255).astype(np.uint8)
    evidence = np.asarray(weights * weights / squares, np.float32)
    gain = float(np.clip(0.6 * np.log2(evidence.mean()), 0, 3))
    return Fused(pixels, GRID, len(flows) + 1, offered, gain, evidence, None, f"{len(flows) + 1} frames agree")


def _calm(picture: Picture) -> Plane:
    """Return the luma smoothed against noise: the flow needs no detail of a pixel's size."""
    return np.asarray(cv2.GaussianBlur(luma_of(picture), (0, 0), 0.8), np.float32)


def _face_region(face: Box | None, wide: int, high: int) -> tuple[int, int, int, int]:
    """Return left, top, right, bottom of what the coarse alignment follows, inside the picture."""
    box = Box(wide * 0.2, high * 0.15, wide * 0.8, high * 0.75) if face is None else face.grown(0.25)
    box = box.clipped(wide, high)
    if min(box.width, box.height) < 12:
        return 0, 0, wide, high
    return round(box.x0), round(box.y0), round(box.x1), round(box.y1)


def _single(reference: Picture, offered: int, reason: str) -> Fused:
    ones = np.ones(reference.shape[:2], np.float32)
    return Fused(reference, 1, 1, offered, 0.0, ones, None, reason)
