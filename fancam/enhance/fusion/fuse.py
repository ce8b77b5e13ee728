"""The whole way from looks to one picture."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fancam.enhance.cleaning import measure_noise
from fancam.enhance.fusion.align import Plane, coarse_shift, dense_flow, luma_of, warped, warped_finely
from fancam.enhance.fusion.gain import Measured, expected_gain_db
from fancam.enhance.fusion.merge import Aligned, Merge, freshness, light_between, lit, noise_between
from fancam.enhance.fusion.sharpen import LUMA, crispness_of, fine_detail, sharpened
from fancam.geometry import Box
from fancam.records import Look, Picture
from fancam.settings import FuseSettings

GRID = 2
"""Pixels of a fused picture per pixel of the source."""
MIN_SIDE_PX = 24
MIN_FIT = 0.4
"""Normalised correlation of the face below which a look shows something else."""
MIN_AGREEMENT = 0.15
"""Share of the pixels that must agree for a look to count."""
MIN_FRESH_SHARE = 0.05
"""Share of the face that must differ from the frame beside it; below it the frame is a repeated one."""
THREADS = 2


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

    Returns:
        The fused picture, or the reference itself with the reason.
    """
    offered = len(looks) + 1
    near = sorted(looks, key=lambda look: (abs(look.offset_s), look.offset_s))[: settings.frames - 1]
    if not near:
        return _single(reference, offered, "no neighbouring frames" if settings.frames > 1 else "fusing is off")
    if min(reference.shape[:2]) < MIN_SIDE_PX:
        return _single(reference, offered, f"the region is smaller than {MIN_SIDE_PX} px")
    region = _face_region(face, reference.shape[1], reference.shape[0])
    with ThreadPoolExecutor(THREADS) as pool:
        usable, ends = _usable(reference, near, region)
        if not usable:
            return _single(reference, offered, ends or "the frames do not agree")
        aligned = list(_in_turn(pool, lambda u: _aligned(reference, u, region), usable))
        noise = float(np.median([look.noise for look in aligned]))
        merge = Merge(reference, GRID, noise)
        for seen, weight, share in _in_turn(pool, merge.contribution, aligned):
            if share >= MIN_AGREEMENT:
                merge.add(seen, weight)
    if merge.frames == 1:
        return _single(reference, offered, ends or "the frames do not agree")
    return _finished(reference, merge, region, offered, settings.least_gain_db, ends)


@dataclass(frozen=True, slots=True, eq=False)
class _Usable:
    """A look that shows the same face."""

    look: Look
    shift: tuple[float, float]
    fresh: Plane


def _usable(reference: Picture, looks: Sequence[Look], region: tuple[int, int, int, int]) -> tuple[list[_Usable], str]:
    """Return the looks that show the same face, and why there are no more: from the reference outward on each side.

    What comes after a look that does not fit is not looked at: it is behind a cut, or the face has left.
    """
    luma = luma_of(reference)
    left, top, right, bottom = region
    found, ends = [], []
    repeated = 0
    for before in (True, False):
        shift, neighbour = (0.0, 0.0), reference
        for number, look in enumerate(k for k in looks if (k.offset_s < 0) == before):
            shift, fit = coarse_shift(luma, luma_of(look.pixels), region, shift)
            if fit < MIN_FIT:
                ends.append(f"{number} frames {'before' if before else 'after'} it show the same face")
                break
            fresh = freshness(look.pixels, neighbour)
            neighbour = look.pixels
            if float(fresh[top:bottom, left:right].mean()) < MIN_FRESH_SHARE:
                repeated += 1
            else:
                found.append(_Usable(look, shift, fresh))
    if repeated:
        ends.append(f"{repeated} of the frames are repeated ones")
    return sorted(found, key=lambda u: (abs(u.look.offset_s), u.look.offset_s)), "; ".join(ends)


def _aligned(reference: Picture, usable: _Usable, region: tuple[int, int, int, int]) -> Aligned:
    look = usable.look
    flow = dense_flow(luma_of(reference), luma_of(look.pixels), usable.shift)
    near, fresh = warped(look.pixels, flow), np.clip(warped(usable.fresh, flow), 0, 1)
    light, trust = light_between(reference, near)
    near = np.clip(np.rint(lit(near, light)), 0, 255).astype(np.uint8)
    wanted = (fresh > 0.5) & _mask(region, reference.shape)
    noise = noise_between(reference, near, wanted) if wanted.any() else 0.0
    return Aligned(look.pixels, flow, near, light, trust, fresh, noise)


def _in_turn(pool: ThreadPoolExecutor, function: Callable, items: Sequence) -> Iterator:
    """Yield the results in the order of the items, with only THREADS of them at once in memory."""
    for first in range(0, len(items), THREADS):
        yield from pool.map(function, items[first : first + THREADS])


def _finished(
    reference: Picture, merge: Merge, region: tuple[int, int, int, int], offered: int, least_db: float, ends: str
) -> Fused:
    """Sharpen what was merged if that is worth having; ``ends`` says why there are not more frames."""
    mean, evidence, noise, used = merge.mean(), merge.evidence(), merge.noise, merge.frames
    seen = np.asarray(evidence / np.float32(used), np.float32)
    left, top, right, bottom = (v * GRID for v in region)
    face = slice(top, bottom), slice(left, right)
    luma = np.asarray(mean @ LUMA, np.float32)
    removed = fine_detail(luma_of(warped_finely(reference, None, GRID)) - luma, GRID)
    measured = Measured(float(seen[face].mean()), float(removed[face].std()),
                        float(fine_detail(luma, GRID)[face].std()), crispness_of(luma, GRID),
                        measure_noise(reference).luma_sigma, noise)  # fmt: skip
    gain = expected_gain_db(measured)
    if gain < least_db:
        reason = f"expected gain {gain:.1f} dB is below {least_db:g} dB"
        return _single(reference, offered, f"{reason}; {ends}" if ends else reason, gain)
    pixels = np.clip(np.rint(sharpened(mean, GRID, noise, seen)), 0, 255).astype(np.uint8)
    residual = noise / float(np.sqrt(evidence.mean()))
    reason = f"{used} frames agree" + (f"; {ends}" if ends else "")
    return Fused(pixels, GRID, used, offered, gain, evidence, residual, reason)


def _mask(region: tuple[int, int, int, int], shape: tuple[int, ...]) -> npt.NDArray[np.bool_]:
    left, top, right, bottom = region
    mask = np.zeros(shape[:2], np.bool_)
    mask[top:bottom, left:right] = True
    return mask


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
