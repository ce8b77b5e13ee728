"""The coarse shape of what lies beyond a picture's edge: structure goes on in its own direction.

A picture is marched outward line by line. Every value moves along the direction of its isophote (the eigenvector of the
structure tensor, Förstner and Gülch 1987; transport along it is Bornemann and März 2007, "Fast image inpainting based
on coherence transport"), so that a line which meets the edge at an angle goes on at that angle. Where brightness
changes across the edge without a structure, it goes on changing, less with every line.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

Plane = npt.NDArray[np.float32]

STEEPEST = 2.5
"""Pixels that a structure moves sideways per line, at most: one that runs flatter than this along the edge is not one
that crosses it."""

DAMPING = 0.6
"""After this share of the way out, a change of brightness has lost half of its speed."""

FASTEST = 2.0
"""Levels per line that brightness goes on changing by, at most."""

DIRECTION_LINES = 4
"""Lines inside the edge whose structure tensors are averaged."""

TOGETHER = 6.0
"""Standard deviation of the neighbourhood, in pixels, in which structure runs the same way."""

ALONE_KEPT = 0.88
"""Per line, of the direction that is not that of the neighbourhood: both edges of an arm run the same way, those of a
round thing that the edge cuts run apart, and it would swell."""

SETTLING_PX = 1.0
"""Standard deviation by which a line is smoothed along the edge at every step where nothing crosses it: grain would
be drawn out into stripes."""

GRAIN_SHARE = 4.0
"""Of the squared strength of the grain, in what a structure's squared steepness must exceed."""

FLOOR = 4.0
"""Levels per pixel squared that a structure must have to be told from noise."""


def extended(pixels: Plane, rows: slice, columns: slice) -> Plane:
    """Return the array with everything outside the known rows and columns extended from what is inside.

    Args:
        pixels: (height, width, 4) float32: RGB in levels, and the strength of fine detail
            in levels, which moves along with them.
        rows: Of the known part.
        columns: Of the known part.
    """
    height, width = pixels.shape[:2]
    first, second = pixels.copy(), pixels.copy()
    _sideways(first, rows, columns)
    _upright(first, rows, slice(0, width))
    _upright(second, rows, columns)
    _sideways(second, slice(0, height), columns)
    return (first + second) * np.float32(0.5)  # equal but in the corners, where both orders are as good


def _upright(pixels: Plane, rows: slice, columns: slice) -> None:
    """Fill above and below the known rows, within these columns."""
    part = pixels[:, columns]
    if rows.start > 0:
        part[: rows.start] = _marched(part[rows], rows.start)[::-1]
    if rows.stop < len(pixels):
        part[rows.stop :] = _marched(part[rows][::-1], len(pixels) - rows.stop)


def _sideways(pixels: Plane, rows: slice, columns: slice) -> None:
    _upright(pixels.transpose(1, 0, 2), columns, rows)


def _marched(known: Plane, lines: int) -> Plane:
    """Return the lines beyond the first one of ``known``, nearest first: (lines, length, channels)."""
    near = known[: 3 * DIRECTION_LINES]
    near = np.pad(near, ((0, max(DIRECTION_LINES + 1 - len(near), 0)), (0, 0), (0, 0)), "edge")
    slope, change, strength = _direction(near[..., :3])
    grain = near[1 : 1 + DIRECTION_LINES, :, 3].mean(axis=0)
    kept = strength / (strength + FLOOR + GRAIN_SHARE * grain**2)
    together = _blurred(slope, TOGETHER)
    alone = slope - together
    places = np.arange(near.shape[1], dtype=np.float32)
    half = DAMPING * lines
    result = np.empty((lines, *near.shape[1:]), np.float32)
    line = near[0]
    for step in range(lines):
        # One step along the isophote: what was at x - slope is now at x, and so are its direction and its change.
        source = np.clip(places - together - alone, 0, len(places) - 1)
        line, together, change = _at(line, source), _at(together, source), _at(change, source)
        alone = _at(alone, source) * np.float32(ALONE_KEPT)
        kept = _at(kept, source)
        line[:, :3] += change * np.float32(0.5 ** ((step + 0.5) / half))
        line += (1 - kept)[:, None] * (_blurred(line, SETTLING_PX) - line)
        result[step] = line
    return np.clip(result, 0, 255)


def _blurred(values: Plane, sigma: float) -> Plane:
    """Return the values of a line (length, channels) or (length,), smoothed along it."""
    blurred = cv2.GaussianBlur(values[None], (0, 0), sigma, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(blurred, np.float32).reshape(values.shape)


def _at(values: Plane, places: Plane) -> Plane:
    """Return the values of a line at fractional places."""
    low = np.minimum(places.astype(np.int32), len(values) - 1)
    high = np.minimum(low + 1, len(values) - 1)
    share = (places - low).reshape(-1, *[1] * (values.ndim - 1)).astype(np.float32)
    return np.asarray(values[low] * (1 - share) + values[high] * share, np.float32)


def _direction(near: Plane) -> tuple[Plane, Plane, Plane]:
    """Return how far structure moves sideways per line outward, how values change, and how strong it is.

    The first and the last have the shape (length,), the second (length, 3).
    """
    smooth = cv2.GaussianBlur(near, (0, 0), 0.7, borderType=cv2.BORDER_REPLICATE)
    across, inward = (
        np.asarray(cv2.Scharr(smooth, cv2.CV_32F, x, 1 - x, scale=1 / 32, borderType=cv2.BORDER_REPLICATE), np.float32)
        for x in (1, 0)
    )
    used = slice(1, 1 + DIRECTION_LINES)

    def tensor(a: Plane, b: Plane) -> Plane:
        return _blurred((a[used] * b[used]).sum(axis=2).mean(axis=0), 1.2)

    xx, xy, yy = tensor(across, across), tensor(across, inward), tensor(inward, inward)
    spread = np.sqrt((xx - yy) ** 2 + 4 * xy**2)
    coherence = (spread / (xx + yy + FLOOR)) ** 2
    # The larger eigenvector is the gradient; the isophote is as far from the inward normal as it is from the edge.
    slope = np.tan(0.5 * np.arctan2(2 * xy, xx - yy))
    weight = np.where(np.abs(slope) <= STEEPEST, coherence * spread, 0).astype(np.float32)
    weighted = (weight * np.clip(slope, -STEEPEST, STEEPEST)).astype(np.float32)
    slope = _blurred(weighted, 2.0) / (_blurred(weight, 2.0) + FLOOR / 4)

    lines = np.arange(len(near), dtype=np.float32) - (len(near) - 1) / 2
    change = -_blurred(np.tensordot(lines / (lines**2).sum(), near, axes=1).astype(np.float32), 3.0)
    calm = 0.5 * FLOOR / (FLOOR + xx + np.abs(slope) * yy)  # what a structure does as it crosses is no change of light
    return slope, np.clip(change * calm[:, None], -FASTEST, FASTEST).astype(np.float32), spread
