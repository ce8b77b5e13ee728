"""Bleed where the picture ends: its lines go on in their direction, and grain of the same strength lies over them.

A uniform edge (the white border of a scan) goes on as that edge. The rest is extrapolated from a smaller picture by
coherence transport: every value moves outward along the direction of its isophote (the eigenvector of the structure
tensor, Förstner and Gülch 1987; Bornemann and März 2007, "Fast image inpainting based on coherence transport"), so that
a line which meets the edge at an angle goes on at that angle. Where brightness changes across the edge without a
structure, it goes on changing, less with every line. What is known stays as it is.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import cv2
import numpy as np
import numpy.typing as npt

from fancam.geometry import Box
from fancam.media import Samples

Plane = npt.NDArray[np.float32]
Around = tuple[int, int, int, int]
"""What is missing above, below, left and right, in pixels."""

COARSE_PX = 14
"""Width of the unknown part in the picture that is extrapolated, about."""

GRAIN_SIGMA = 0.8
"""Standard deviation in pixels of the Gaussian that takes the grain off before lines are followed."""

FINE_SIGMA = 1.5
"""What a Gaussian of this standard deviation takes away is the detail whose strength is the grain's."""

CALM_PX = 25
"""Side of the neighbourhood whose calmest place says how strong the grain is: edges and cloth are no grain."""

MOST_GRAIN = 10.0
"""Levels of grain at most: what is stronger is lace, lettering or leaves, and would become speckle."""

FADING_SHARE = 0.3
"""Over this share of the width of the unknown part, the error of the small picture along the seam falls to 1/e."""

SEED = 1


def synthesise_bleed(pixels: Samples, real: Box) -> Samples:
    """Return the card with everything outside the known part synthesised.

    The same input gives the same bytes. Memory is about 100 bytes per pixel of the card (300 MB at 600 dpi).

    Args:
        pixels: (height, width, 3) RGB, uint8 or uint16: the whole card; what lies outside ``real`` is not looked at.
        real: The known part, in whole pixels.

    Returns:
        A new array of the same shape and type; the known pixels are unchanged bit for bit.

    Raises:
        ValueError: The known part is empty.
    """
    height, width = pixels.shape[:2]
    inside = real.clipped(width, height)
    if not inside.area > 0:
        raise ValueError(f"nothing is known of a card of {width}x{height}: {real}")
    rows, columns = inside.as_slices()
    around = (rows.start, height - rows.stop, columns.start, width - columns.stop)
    if not any(around):
        return pixels.copy()
    top = np.iinfo(pixels.dtype).max
    known, around = _with_edges_grown(pixels[rows, columns].astype(np.float32) * np.float32(255 / top), around)
    found = _extrapolated(known, around) if any(around) else known
    result = np.clip(np.rint(found * np.float32(top / 255)), 0, top).astype(pixels.dtype)
    result[rows, columns] = pixels[rows, columns]
    return result


def _extrapolated(known: Plane, around: Around) -> Plane:
    """Return the known part (levels, RGB) with this much above, below, left and right of it."""
    above, below, left, right = around
    height, width = known.shape[:2]
    size = (height + above + below, width + left + right)
    soft = cv2.GaussianBlur(known, (0, 0), GRAIN_SIGMA)
    coarse = 2 ** max(round(math.log2(max(around) / COARSE_PX)), 0)
    small = _grown(_reduced(np.dstack([soft, _grain_strength(known)]), coarse), [-(-side // coarse) for side in around])
    large = cv2.resize(small, None, fx=coarse, fy=coarse, interpolation=cv2.INTER_CUBIC)
    y, x = -above % coarse, -left % coarse
    guess = np.asarray(large[y : y + size[0], x : x + size[1]], np.float32)
    shape, strength = guess[..., :3], np.clip(guess[..., 3:], 0, MOST_GRAIN)

    rows, columns = slice(above, above + height), slice(left, left + width)
    unknown = np.ones(size, np.uint8)
    unknown[rows, columns] = 0
    fading = np.exp(-cv2.distanceTransform(unknown, cv2.DIST_L2, 3) / (FADING_SHARE * max(around)))
    error = cv2.copyMakeBorder(soft - shape[rows, columns], *around, cv2.BORDER_REPLICATE)
    result = shape + error * fading[..., None] + strength * _grain(*size)[..., None]
    result[rows, columns] = known
    return np.asarray(result, np.float32)


def _reduced(plane: Plane, by: int) -> Plane:
    """Return the plane made smaller by a whole number; a cell that is not full repeats its last line."""
    height, width = plane.shape[:2]
    even = cv2.copyMakeBorder(plane, 0, -height % by, 0, -width % by, cv2.BORDER_REPLICATE)
    size = (even.shape[1] // by, even.shape[0] // by)
    return np.asarray(cv2.resize(even, size, interpolation=cv2.INTER_AREA), np.float32)


def _grain_strength(pixels: Plane) -> Plane:
    """Return the standard deviation of the grain around every pixel, in levels: that of the calmest place near by."""
    light = pixels.mean(axis=2)
    fine = light - cv2.GaussianBlur(light, (0, 0), FINE_SIGMA)
    strength = np.sqrt(cv2.GaussianBlur(fine * fine, (0, 0), 2 * FINE_SIGMA))
    calm = cv2.erode(strength, np.ones((CALM_PX, CALM_PX), np.uint8))
    return np.asarray(cv2.GaussianBlur(calm, (0, 0), CALM_PX / 4), np.float32)


def _grain(height: int, width: int) -> Plane:
    """Return noise of standard deviation 1 in the frequencies of fine detail."""
    white = np.random.default_rng(SEED).standard_normal((height, width), np.float32)
    smooth = cv2.GaussianBlur(white, (0, 0), 0.6)
    fine = smooth - cv2.GaussianBlur(smooth, (0, 0), FINE_SIGMA)
    return np.asarray(fine / max(float(fine.std()), 1e-6), np.float32)


# --- sides --------------------------------------------------------------------------------------------------------


def _each_side(
    plane: Plane, around: Around, lines_before: Callable[[Plane, int], Plane | None]
) -> tuple[Plane, Around]:
    """Return the plane with lines added on each side, and what is still missing.

    Args:
        plane: (height, width, channels).
        around: How many lines each side lacks.
        lines_before: Returns so many lines to stand before the first line of a plane; None where it knows none.
    """
    left_over = list(around)
    for side, (transposed, reversed_) in enumerate(((False, False), (False, True), (True, False), (True, True))):
        if not left_over[side]:
            continue
        turned = plane.transpose(1, 0, 2) if transposed else plane
        turned = turned[::-1] if reversed_ else turned
        lines = lines_before(turned, left_over[side])
        if lines is None:
            continue
        grown = np.concatenate([lines, turned])
        grown = grown[::-1] if reversed_ else grown
        plane = np.ascontiguousarray(grown.transpose(1, 0, 2) if transposed else grown)
        left_over[side] = 0
    above, below, left, right = left_over
    return plane, (above, below, left, right)


# --- uniform edges ------------------------------------------------------------------------------------------------

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
"""Standard deviation along the edge of what counts as its shading; the rest is its grain."""


def _with_edges_grown(known: Plane, around: Around) -> tuple[Plane, Around]:
    """Return the known part grown to every side whose edge is uniform, and what is still missing."""
    rng = np.random.default_rng(SEED)

    def edge_before(plane: Plane, lines: int) -> Plane | None:
        thickness = _edge_px(plane)
        return None if thickness < NARROWEST_PX else _continued(plane[:thickness], lines, rng)

    return _each_side(known, around, edge_before)


def _edge_px(pixels: Plane) -> int:
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
    """Return this many lines before the first one of a uniform edge: its shading, and its grain moved along it."""
    used = edge[: min(max(len(edge) - SOFT_PX, 1), max(lines, 8))]
    colour = np.median(used.reshape(-1, 3), axis=0)
    clean = np.where(np.abs(used - colour).max(axis=2, keepdims=True) <= SAME_LEVELS, used, colour)  # no dust twice
    shading = _blurred(clean.mean(axis=0).astype(np.float32), SMOOTH_PX)
    grain = clean - shading
    blocks = [np.roll(grain, int(rng.integers(grain.shape[1])), axis=1) for _ in range(-(-lines // len(grain)))]
    return np.asarray(shading + np.concatenate(blocks)[-lines:], np.float32)


# --- coherence transport ------------------------------------------------------------------------------------------

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


def _grown(plane: Plane, around: list[int]) -> Plane:
    """Return the plane with so many lines marched outward on each side; corners follow what was marched up and down.

    Args:
        plane: (height, width, 4): RGB in levels, and the strength of the grain, which moves along with them.
        around: Above, below, left and right.
    """
    above, below, left, right = around
    return _each_side(plane, (above, below, left, right), lambda known, lines: _marched(known, lines)[::-1])[0]


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
