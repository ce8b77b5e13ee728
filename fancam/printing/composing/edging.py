"""Uniform edges: the white edge of a scan, the coloured frame of a design; they go on as what they are."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

Plane = npt.NDArray[np.float32]

NARROWEST_PX = 3
"""How wide a uniform edge must be to be one, in pixels: what ends in so many lines of one colour goes on in it."""

SAME_LEVELS = 10.0
"""How far a pixel of the edge may be from its colour: noise of a scanner, blocks of a JPEG."""

SAME_SHARE = 0.98
"""Share of a line's pixels that must be so: dust is allowed."""

DRIFT_LEVELS = 3.0
"""How much the colour may change over the width of the edge: a sky that grows darker goes on growing darker."""

SOFT_PX = 2
"""Lines next to the picture that are not used: what is beside them bled in."""

SMOOTH_PX = 8.0
"""Standard deviation along the edge of what counts as its shading; the rest is its texture."""


def with_edges_grown(
    known: Plane, around: tuple[int, int, int, int], rng: np.random.Generator
) -> tuple[Plane, tuple[int, int, int, int]]:
    """Return the known part grown to every side whose edge is uniform, and what is still missing.

    Args:
        known: (height, width, 3) float32 RGB in levels.
        around: What is missing above, below, left and right, in pixels.
        rng: For the places where texture is taken.
    """
    left_over = list(around)
    for side, (transposed, reversed_) in enumerate(((False, False), (False, True), (True, False), (True, True))):
        if not left_over[side]:
            continue
        turned = known.transpose(1, 0, 2) if transposed else known
        turned = turned[::-1] if reversed_ else turned
        thickness = edge_px(turned)
        if thickness < NARROWEST_PX:
            continue
        grown = np.concatenate([_continued(turned[:thickness], left_over[side], rng), turned])
        grown = grown[::-1] if reversed_ else grown
        known = np.ascontiguousarray(grown.transpose(1, 0, 2) if transposed else grown)
        left_over[side] = 0
    above, below, left, right = left_over
    return known, (above, below, left, right)


def edge_px(pixels: Plane) -> int:
    """Return how many lines from the first one on have one and the same colour; up to half of the picture.

    0 where the colour drifts: that is no edge but a picture which is calm there.
    """
    colour = np.median(pixels[0], axis=0)
    half = len(pixels) // 2
    uniform = (
        (np.abs(line - colour).max(axis=1) <= SAME_LEVELS).mean() >= SAME_SHARE for line in pixels[:half]
    )  # fmt: skip
    thickness = next((number for number, same in enumerate(uniform) if not same), half)
    used = pixels[: max(thickness - SOFT_PX, 1)]
    part = -(-len(used) // 3)
    drift = used[:part].mean(axis=(0, 1)) - used[-part:].mean(axis=(0, 1))
    return thickness if np.abs(drift).max() <= DRIFT_LEVELS else 0


def _continued(edge: Plane, lines: int, rng: np.random.Generator) -> Plane:
    """Return this many lines before the first one of a uniform edge: its shading, and its texture from elsewhere."""
    used = edge[: min(max(len(edge) - SOFT_PX, 1), max(lines, 8))]
    colour = np.median(used.reshape(-1, 3), axis=0)
    clean = np.where(np.abs(used - colour).max(axis=2, keepdims=True) <= SAME_LEVELS, used, colour)  # no dust twice
    shading = cv2.GaussianBlur(
        clean.mean(axis=0)[None].astype(np.float32), (0, 0), SMOOTH_PX, borderType=cv2.BORDER_REPLICATE
    )
    texture = clean - shading
    blocks: list[npt.NDArray] = []
    while sum(len(block) for block in blocks) < lines:
        # Moved along the edge by any distance and turned over at random: nothing repeats in view.
        block = np.roll(texture, int(rng.integers(texture.shape[1])), axis=1)
        block = block[:, ::-1] if rng.integers(2) else block
        blocks.insert(0, block[::-1] if rng.integers(2) else block)
    return np.asarray(shading + np.concatenate(blocks)[-lines:], np.float32)
