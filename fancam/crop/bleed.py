"""Bleed where the picture ends: its structure goes on, made of its own texture; what is known stays as it is.

A uniform edge goes on as that edge (``edging``). For the rest, the picture is made small until the unknown part is a
few pixels wide, and its coarse shape is marched outward along its structure (``extension``). From there up to the full
size, texture is taken from patches of the known part near by (``patches``), while the low frequencies stay those of the
coarser picture. Where no patch fits, the result is the coarser picture and not a wrong patch. What the answer is wrong
by along the seam is taken off, less with the distance (a membrane, as in Pérez, Gangnet and Blake 2003, "Poisson image
editing").
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import cv2
import numpy as np
import numpy.typing as npt

from fancam.crop.extension import Level, Sources, described, extended
from fancam.geometry import Box
from fancam.media import Samples

Plane = npt.NDArray[np.float32]

COARSE_PX = 14
"""Width of the unknown part in the coarsest picture, about."""

REACH = 3
"""How far from the nearest known pixel sources are looked for, in widths of the unknown part."""

COARSE_TURNS, TURNS = 4, 2
"""How often sources are looked for and the picture is made of them, in the coarsest one and in those between."""

FINE_SIGMA = 1.5
"""What a Gaussian of this standard deviation takes away is the detail whose strength is the texture."""

CRISP_MISMATCH = 300.0
"""The same for the source that is taken alone."""

TEXTURE_PX = 9
"""Side of the neighbourhood whose calmest place says how strong the texture is: wider than the mark an edge leaves."""

MISMATCH = 600.0
"""Squared levels by which a patch may differ from what it stands for; where it is this bad, a third of it is used."""

LOUDEST = 3.0
"""How much the detail may be strengthened to have the texture it should have."""

COARSE_VOTE, VOTE, LAST_VOTE = 3, 1, 1
"""How far around a pixel sources are asked, in the coarsest picture, in those between and in the last: the mean
of many settles what is there, that of few is crisp."""

FADING_SHARE = 0.3
"""Over this share of the width of the unknown part, what is taken off along the seam falls to a third."""

SEED = 1


def synthesise_bleed(pixels: Samples, real: Box) -> Samples:
    """Return the card with everything outside the known part synthesised.

    The same input gives the same bytes. Memory is about 180 bytes per pixel of the card (540 MB at 600 dpi).

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
    known = pixels[rows, columns].astype(np.float32) * np.float32(255 / top)
    rng = np.random.default_rng(SEED)
    known, around = with_edges_grown(known, around, rng)
    found = _synthesised(known, around, rng) if any(around) else known
    result = np.clip(np.rint(found * np.float32(top / 255)), 0, top).astype(pixels.dtype)
    result[rows, columns] = pixels[rows, columns]
    return result


def _synthesised(known: Plane, around: tuple[int, int, int, int], rng: np.random.Generator) -> Plane:
    """Return the known part (levels, RGB) with this much above, below, left and right of it."""
    missing = max(around)
    pyramid = _pyramid(known, around, max(round(math.log2(missing / COARSE_PX)), 0))
    sources = _coarsest(pyramid[-1], rng)
    for level in pyramid[-2::-1]:
        sources = _finer(sources, level, rng, last=level is pyramid[0])
    return _finished(pyramid[0], sources, pyramid[min(1, len(pyramid) - 1)], missing)


# --- from coarse to fine ------------------------------------------------------------------------------------------


def _pyramid(known: Plane, around: tuple[int, int, int, int], levels: int) -> list[Level]:
    """Return the picture at full size and made smaller by two, ``levels`` times."""
    above, below, left, right = around
    height, width = known.shape[:2]

    def framed(plane: Plane) -> Plane:
        return np.asarray(cv2.copyMakeBorder(plane, above, below, left, right, cv2.BORDER_REPLICATE), np.float32)

    rows, columns = slice(above, above + height), slice(left, left + width)
    pyramid = [Level(framed(known), framed(_texture(known)), rows, columns)]
    for _ in range(levels):
        fine = pyramid[-1]
        # A cell counts as known if any of it is: the rest of it repeats the last known line, where the shape starts.
        rows, columns = (slice(part.start // 2, -(-part.stop // 2)) for part in (fine.rows, fine.columns))
        if rows.stop - rows.start < 8 or columns.stop - columns.start < 8:
            break
        pyramid.append(Level(_halved(fine.pixels), _halved(fine.texture), rows, columns))
    return pyramid


def _coarsest(level: Level, rng: np.random.Generator) -> Sources:
    guide = extended(np.dstack([level.pixels, level.texture]), level.rows, level.columns)
    level.pixels, level.texture = np.ascontiguousarray(guide[..., :3]), np.ascontiguousarray(guide[..., 3])
    shape = level.pixels.copy()
    sources = Sources(level, REACH * COARSE_PX, rng)
    for turn in range(COARSE_TURNS):
        descriptors = described(level)
        sources.refresh(descriptors)
        if turn == 0:
            sources.scatter(descriptors, 4)
        sources.improve(descriptors, (4, 1), (8, 2))
        last = turn == COARSE_TURNS - 1
        level.pixels = _answer(sources, LAST_VOTE if last else COARSE_VOTE, shape, 3.0 if last else 2.0, crisp=last)
    return sources


def _finer(coarse: Sources, level: Level, rng: np.random.Generator, *, last: bool) -> Sources:
    """Return the sources of the next finer picture, and make it of them; the last one is left to be finished."""
    unknown = level.unknown()
    size = level.texture.shape
    level.texture = np.where(unknown, _doubled(coarse.level.texture, size), level.texture)
    sources = Sources(level, 2 * coarse.reach, rng)
    sources.inherit(coarse)
    base = coarse.level.pixels
    level.pixels = _answer(sources, 0, base)
    for turn in range(1 if last else TURNS):
        if turn:
            level.pixels = _answer(sources, VOTE, base)
        descriptors = described(level)
        sources.refresh(descriptors)
        sources.improve(descriptors, (1,) if last else (2, 1), (3, 1) if last else (4, 1))
    if not last:
        level.pixels = _answer(sources, VOTE, base, crisp=True)
    return sources


def _finished(level: Level, sources: Sources, coarse: Level, missing: int) -> Plane:
    """Return the full picture: the answer of the sources as far as they fit, with the texture it should have."""
    known, unknown = level.pixels, level.unknown()
    # The line of known pixels along the seam is answered for as well: it shows what the answer is wrong by.
    answered = level.unknown(1)
    voted = _answer(sources, LAST_VOTE, coarse.pixels, grown=1, crisp=True) if coarse is not level else level.pixels
    fine = voted - cv2.GaussianBlur(voted, (0, 0), FINE_SIGMA)
    gain = np.clip(level.texture / (_texture(voted) + 0.1), 1, LOUDEST)
    voted = voted + np.where(answered, gain - 1, 0)[..., None] * fine
    seam = answered & ~unknown
    error = np.where(seam[..., None], known - voted, 0).astype(np.float32)
    distance = cv2.distanceTransform(unknown.astype(np.uint8), cv2.DIST_L2, 3)
    fading = np.exp(-distance / (FADING_SHARE * missing)).astype(np.float32)[..., None]
    return np.where(unknown[..., None], voted + fading * carried_on(error, seam), known)


def _texture(pixels: Plane) -> Plane:
    """Return the strength of the fine detail around every pixel: a standard deviation in levels."""
    light = pixels.mean(axis=2)
    fine = light - cv2.GaussianBlur(light, (0, 0), FINE_SIGMA)
    strength = np.sqrt(cv2.GaussianBlur(fine * fine, (0, 0), 2 * FINE_SIGMA))
    # The least of the surroundings: a lone edge is no texture, and what lies beside it is as calm as it was.
    around = np.ones((TEXTURE_PX, TEXTURE_PX), np.uint8)
    return np.asarray(cv2.GaussianBlur(cv2.erode(strength, around), (0, 0), 2 * FINE_SIGMA), np.float32)


def _answer(
    sources: Sources, radius: int, base: Plane, sigma: float = 1.0, grown: int = 0, *, crisp: bool = False
) -> Plane:
    """Return what the sources say as far as they fit, with the low frequencies of ``base``; else ``base``.

    Args:
        sources: Of the unknown part, compared with what is there now.
        radius: How far around every pixel sources are asked.
        base: A coarser picture, or one of the same size.
        sigma: Standard deviation of what counts as low, in pixels of ``base``.
        grown: This many lines of known pixels are answered for as well.
        crisp: Whether the nearest source alone is asked where it fits well.
    """
    voted = sources.vote(radius, grown)
    if crisp:
        # Where one source fits well its word alone is taken: the mean of nine has a third of their grain.
        voted += sources.trust(CRISP_MISMATCH)[..., None] * (sources.vote(0, grown) - voted)
    size = voted.shape[:2]
    small = voted if base.shape == voted.shape else _halved(voted)
    low = _doubled(np.asarray(cv2.GaussianBlur(base - small, (0, 0), sigma), np.float32), size)
    soft = _doubled(base, size)
    answer = soft + sources.trust(MISMATCH)[..., None] * (voted + low - soft)
    return np.where(sources.level.unknown(grown)[..., None], answer, voted)


def _halved(plane: Plane) -> Plane:
    height, width = plane.shape[:2]
    even = cv2.copyMakeBorder(plane, 0, height % 2, 0, width % 2, cv2.BORDER_REPLICATE)
    size = (even.shape[1] // 2, even.shape[0] // 2)
    return np.asarray(cv2.resize(even, size, interpolation=cv2.INTER_AREA), np.float32)


def _doubled(plane: Plane, size: tuple[int, ...]) -> Plane:
    """Return the plane made twice as large and cut to this size; as it is where it has it."""
    if plane.shape[:2] == size:
        return plane
    height, width = plane.shape[:2]
    return np.asarray(cv2.resize(plane, (2 * width, 2 * height), interpolation=cv2.INTER_LINEAR), np.float32)[
        : size[0], : size[1]
    ]


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


RELAXATIONS = 6
"""Steps towards a membrane that touches every given value; push and pull smooths what lies next to them."""


def carried_on(values: Plane, where: npt.NDArray[np.bool_]) -> Plane:
    """Return a smooth plane that has these values where they are given (push and pull, Gortler et al. 1996).

    Args:
        values: (height, width, 3) float32; 0 where nothing is given.
        where: (height, width): where they are given.
    """
    stack = [(values, where.astype(np.float32))]
    while min(stack[-1][1].shape) > 3:
        value, weight = stack[-1]
        size = (-(-value.shape[1] // 2), -(-value.shape[0] // 2))
        smaller = (np.asarray(cv2.pyrDown(plane, dstsize=size), np.float32) for plane in (value, weight))
        stack.append((next(smaller), next(smaller)))
    value, weight = stack.pop()
    filled = value / np.maximum(weight, 1e-8)[..., None]
    for value, weight in reversed(stack):
        below = cv2.pyrUp(filled, dstsize=(value.shape[1], value.shape[0]))
        # A line one pixel wide weighs about a half, a quarter ... as the picture gets smaller.
        trust = np.minimum(4 * weight, 1)[..., None]
        filled = trust * (value / np.maximum(weight, 1e-8)[..., None]) + (1 - trust) * below
    for _ in range(RELAXATIONS):
        filled = np.where(where[..., None], values, cv2.blur(filled, (3, 3)))
    return np.asarray(filled, np.float32)


LUMA = np.array([0.299, 0.587, 0.114], np.float32)
"""Rec. ITU-R BT.601, the weights of JPEG's luma."""

INSIDE_LINES = 12
"""How many lines inside the known part the seam is compared with: 1 mm at 300 dpi."""

QUIET_LEVELS = 0.5
"""Added to both curvatures, in levels of 255: half a level is what rounding makes of a flat picture."""


def bleed_seam_step(pixels: Samples, real: Box) -> float:
    """Return how visible the seam of a card's bleed is.

    The mean absolute second difference of the luma across the seam (the two lines of pixels that touch it), over that
    of parallel lines just inside the known part; of all sides that have a seam, the worst.

    Args:
        pixels: (height, width, 3) RGB, uint8 or uint16.
        real: The known part, in whole pixels.

    Returns:
        1 where the seam is like the picture beside it or where there is none; a step gives more, a smear on a
        textured picture less.
    """
    scale = np.float32(255 / np.iinfo(pixels.dtype).max)
    steps = [_step(strip.astype(np.float32) @ LUMA * scale) for strip in _strips(pixels, real)]
    return max(steps, default=1.0)


def _strips(pixels: Samples, real: Box) -> Iterator[npt.NDArray]:
    """Yield for every seam (4 to 2 + INSIDE_LINES, length, 3): two lines outside, then those inside, inward."""
    rows, columns = real.as_slices()
    for turns, (first, last, low, high) in enumerate(
        (
            (rows.start, rows.stop, columns.start, columns.stop),
            (pixels.shape[1] - columns.stop, pixels.shape[1] - columns.start, rows.start, rows.stop),
            (pixels.shape[0] - rows.stop, pixels.shape[0] - rows.start, pixels.shape[1] - columns.stop,
             pixels.shape[1] - columns.start),
            (columns.start, columns.stop, pixels.shape[0] - rows.stop, pixels.shape[0] - rows.start),
        )
    ):  # fmt: skip
        if first >= 2 and last - first >= 4:
            yield np.rot90(pixels, turns)[first - 2 : min(first + INSIDE_LINES, last), low:high]


def _step(luma: npt.NDArray[np.float32]) -> float:
    bends = np.abs(luma[2:] - 2 * luma[1:-1] + luma[:-2]).mean(axis=1)
    return float((bends[:2].mean() + QUIET_LEVELS) / (bends[2:].mean() + QUIET_LEVELS))
