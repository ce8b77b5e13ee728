"""Multi-frame fusion of a region: alignment, robust merge, deblurring, and the gain that decides whether it pays."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fancam.enhancing.fusion.align import Plane, coarse_shift, enlarged, luma_of, motion_between, warped
from fancam.enhancing.fusion.gate import MergeStatistics, expected_gain_db, explained, measure_artefacts
from fancam.enhancing.fusion.merge import (
    LUMA,
    Aligned,
    Colours,
    Merge,
    crispness_of,
    freshness,
    light_between,
    noise_between,
    relit,
    sharpened,
)
from fancam.geometry import Box
from fancam.media import NeighbourFrame, Picture
from fancam.settings import FuseSettings

GRID = 2
"""Pixels of a fused picture per pixel of the source, where the print has more than the source."""
COARSE_STEP = 2
"""How many times smaller pictures are for the motion between them where the print is smaller than they are."""
MIN_SIDE_PX = 24
MIN_FIT = 0.4
"""Normalised correlation of the face below which a neighbour shows something else."""
MIN_AGREEMENT = 0.15
"""Share of the pixels that must agree for a neighbour to count."""
MIN_FRESH_SHARE = 0.05
"""Share of the face that must differ from the frame beside it; below it the frame is a repeated one."""
LEAST_SHARPNESS = 0.5
"""Power of the slopes of a neighbour's face over those of the picked one's; below it the neighbour is blurred."""
THREADS = 2


@dataclass(frozen=True, slots=True, eq=False)
class Fused:
    """What became of a region that several frames show."""

    pixels: Picture
    """(h * grid, w * grid, 3) uint8 RGB; the reference itself where nothing was fused."""
    grid: int
    """Pixels of ``pixels`` per pixel of the source; 1 where nothing was fused."""
    frames_used: int
    """Frames that went in, the reference counted; 1 where nothing was fused."""
    frames_offered: int
    """Frames there were, the reference counted."""
    expected_gain_db: float
    """Predicted over the best that can be had of the single frame; 0 where nothing could be fused."""
    evidence_frames: npt.NDArray[np.float32]
    """(h * grid, w * grid) effective number of frames that agree on a pixel, 1 or more (Kish 1965)."""
    residual_noise: float | None
    """Noise left in the luma, standard deviation in levels of 255; None where it was not measured."""
    reason: str
    """One plain line on why it was fused, or was not."""


def fuse(
    reference: Picture, neighbours: Sequence[NeighbourFrame], settings: FuseSettings, *, face: Box | None = None,
    grid: int = GRID,
) -> Fused:  # fmt: skip
    """Merge what neighbouring frames show of a region into one picture.

    Args:
        reference: (h, w, 3) uint8 RGB, the region in the picked frame.
        neighbours: The same region in the frames around it, of the same size.
        settings: How many frames at most, and the least gain worth having.
        face: Box of the face in pixels of the reference; it matters most. None means the middle of the picture.
        grid: Pixels of the fused picture per pixel of the reference; 1 where the print holds no more.

    Returns:
        The fused picture, or the reference itself with the reason.
    """
    offered = len(neighbours) + 1
    near = sorted(neighbours, key=lambda frame: (abs(frame.offset_s), frame.offset_s))[: settings.frames - 1]
    if not near:
        return _single(reference, offered, "no neighbouring frames" if settings.frames > 1 else "fusing is off")
    if min(reference.shape[:2]) < MIN_SIDE_PX:
        return _single(reference, offered, f"the region is smaller than {MIN_SIDE_PX} px")
    region = _face_region(face, reference.shape[1], reference.shape[0])
    with ThreadPoolExecutor(THREADS) as pool:
        usable, ends = _usable(reference, near, region)
        if not usable:
            return _single(reference, offered, ends or "the frames do not agree")
        step = 1 if grid > 1 else COARSE_STEP
        aligned = list(_in_turn(pool, lambda u: _aligned(reference, u, region, step), usable))
        noise = float(np.median([neighbour.noise for neighbour in aligned]))
        merge = Merge(reference, grid, noise)
        for neighbour in aligned:
            merge.add(neighbour, MIN_AGREEMENT, pool.map)
    del aligned  # what comes needs the memory
    if merge.frames == 1:
        return _single(reference, offered, ends or "the frames do not agree")
    told = [u.neighbour.quantiser for u in usable if u.neighbour.quantiser is not None]
    quantiser = float(np.median(told)) if told else None
    return _finished(reference, merge, region, offered, settings.least_gain_db, ends, quantiser)


@dataclass(frozen=True, slots=True, eq=False)
class _Usable:
    """A neighbour that shows the same face."""

    neighbour: NeighbourFrame
    shift: tuple[float, float]
    fresh: npt.NDArray[np.bool_]


def _usable(
    reference: Picture, neighbours: Sequence[NeighbourFrame], region: tuple[int, int, int, int]
) -> tuple[list[_Usable], str]:
    """Return the neighbours that show the same face, from the reference outward, and why there are no more.

    What comes after a neighbour that does not fit is not looked at: it is behind a cut, or the face has left.
    """
    luma = luma_of(reference)
    left, top, right, bottom = region
    found, ends = [], []
    repeated = blurred = 0
    for before in (True, False):
        shift, beside = (0.0, 0.0), reference
        for number, neighbour in enumerate(k for k in neighbours if (k.offset_s < 0) == before):
            shift, fit = coarse_shift(luma, luma_of(neighbour.pixels), region, shift)
            if fit < MIN_FIT:
                ends.append(f"{number} frames {'before' if before else 'after'} it show the same face")
                break
            fresh = freshness(neighbour.pixels, beside)
            beside = neighbour.pixels
            if float(fresh[top:bottom, left:right].mean()) < MIN_FRESH_SHARE:
                repeated += 1
            elif _sharpness(neighbour.pixels, reference, region, shift) < LEAST_SHARPNESS:
                blurred += 1
            else:
                found.append(_Usable(neighbour, shift, fresh))
    if repeated:
        ends.append(f"{repeated} of the frames are repeated ones")
    if blurred:
        ends.append(f"{blurred} of the frames are blurred")
    return sorted(found, key=lambda u: (abs(u.neighbour.offset_s), u.neighbour.offset_s)), "; ".join(ends)


def _sharpness(
    neighbour: Picture, reference: Picture, region: tuple[int, int, int, int], shift: tuple[float, float]
) -> float:
    """Return the power of a neighbour's slopes over the reference's, in the direction in which motion blurs it most."""
    left, top, right, bottom = region
    across, down = round(shift[0]), round(shift[1])
    high, wide = reference.shape[:2]
    # what both show
    left, right = max(left, -across), min(right, wide - across)
    top, bottom = max(top, -down), min(bottom, high - down)
    if right - left < 2 or bottom - top < 2:
        return 0.0
    own = luma_of(reference)[top:bottom, left:right]
    other = luma_of(neighbour)[top + down : bottom + down, left + across : right + across]
    powers = [[float(np.mean(np.diff(p, axis=axis) ** 2)) for axis in (0, 1)] for p in (other, own)]
    return min((of_other + 0.1) / (of_own + 0.1) for of_other, of_own in zip(*powers, strict=True))


def _aligned(reference: Picture, usable: _Usable, region: tuple[int, int, int, int], step: int) -> Aligned:
    pixels, (left, top, right, bottom) = usable.neighbour.pixels, region
    motion = motion_between(luma_of(reference), luma_of(pixels), usable.shift, step)
    near = np.asarray(warped(pixels, motion), np.uint8)
    light, trust = light_between(reference, near)
    face = np.s_[top:bottom, left:right]
    lit = relit(near[top:bottom], light, top, near.shape[0])[:, left:right]
    wanted = warped(usable.fresh.astype(np.float32), motion, top, bottom)[:, left:right] > 0.5
    noise = noise_between(reference[face], lit, wanted) if wanted.any() else 0.0
    return Aligned(pixels, motion, light, trust, usable.fresh, noise)


def _in_turn(pool: ThreadPoolExecutor, function: Callable, items: Sequence) -> Iterator:
    """Yield the results in the order of the items, with only THREADS of them at once in memory."""
    for first in range(0, len(items), THREADS):
        yield from pool.map(function, items[first : first + THREADS])


def _finished(
    reference: Picture, merge: Merge, region: tuple[int, int, int, int], offered: int, least_db: float, ends: str,
    quantiser: float | None,
) -> Fused:  # fmt: skip
    """Sharpen what was merged if that is worth having; ``ends`` says why there are not more frames."""
    mean, evidence, noise, used = merge.finish(), merge.evidence(), merge.noise, merge.frames
    grid = merge.grid
    seen = np.asarray(evidence / np.float32(used), np.float32)
    measured = _weighed(reference, mean, seen, region, quantiser)
    gain, changes = expected_gain_db(measured), explained(measured)
    said = "; ".join(part for part in (f"{used} frames agree", changes, ends) if part)
    if gain < least_db:
        below = np.floor(100 * gain) / 100  # rounded down, so that 0.20 is never said to be below 0.2
        return _single(reference, offered, f"expected gain {below:.2f} dB is below {least_db:g} dB; {said}", gain)
    pixels = np.clip(np.rint(sharpened(mean, grid, noise, seen)), 0, 255).astype(np.uint8)
    residual = noise / float(np.sqrt(evidence.mean()))
    return Fused(pixels, grid, used, offered, gain, evidence, residual, said)


def _weighed(
    reference: Picture, mean: Colours, seen: Plane, region: tuple[int, int, int, int], quantiser: float | None
) -> MergeStatistics:
    """Return what the gate weighs of a merge at the face."""
    grid, (left, top, right, bottom) = mean.shape[0] // reference.shape[0], region
    face = slice(top * grid, bottom * grid), slice(left * grid, right * grid)
    frame = luma_of(np.ascontiguousarray(enlarged(reference, grid)[face]))
    merged = np.asarray(mean[face] @ LUMA, np.float32)
    before, after = measure_artefacts((frame, merged), grid)
    return MergeStatistics(before, after, float(seen[face].mean()), crispness_of(merged, grid), quantiser)


def _face_region(face: Box | None, wide: int, high: int) -> tuple[int, int, int, int]:
    """Return left, top, right, bottom of what the coarse alignment follows, inside the picture."""
    box = Box(wide * 0.2, high * 0.15, wide * 0.8, high * 0.75) if face is None else face.grown(0.25)
    box = box.clipped(wide, high)
    if min(box.width, box.height) < 12:
        return 0, 0, wide, high
    return round(box.x0), round(box.y0), round(box.x1), round(box.y1)


def _single(reference: Picture, offered: int, reason: str, gain: float = 0.0) -> Fused:
    ones = np.ones(reference.shape[:2], np.float32)
    return Fused(reference, 1, 1, offered, gain, ones, None, reason)
