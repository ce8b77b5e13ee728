"""Frames that make no card whatever they show: blends of two pictures, flashes, and repeats of the frame before.

They are told by the frames around them, in pictures of 48 × 36 px, of which a second or two is kept.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Generic, TypeVar

import cv2
import numpy as np
import numpy.typing as npt

from fancam.picking.reduction import BLOCK_PX, COLUMNS, ROWS, Grey, alike

AHEAD, BEHIND = 36, 30
"""Frames after and before one by which it is judged. It waits for the former: 18 MB of small copies at 1080p."""
FLASH_FRAMES = 4
"""A flash is no longer: 0.13 s at 30 frames a second."""
FLASH_LEVELS = 35.0
"""Luma by which the whole of a flash is brighter than the frames on both sides."""

BLEND_STEP = 8
"""Every so many frames one is tried as the later, and as the earlier, of two pictures that are blended."""
BLEND_CORE, BLEND_CORE_FRAMES = (0.2, 0.8), 2
"""A cross-fade is believed where so many frames show this share of the earlier picture, all blocks alike …"""
BLEND_ENDS = (0.06, 0.94)
"""… and then the frames before and after them count, in which both are still seen as the line through these says."""
BLEND_BEYOND = (BLEND_ENDS[1] - BLEND_CORE[1]) / (BLEND_CORE[1] - BLEND_CORE[0])
BLEND_RESIDUAL = 0.3
"""Energy of what the blend leaves unexplained of a block, over its difference to the nearer of the two pictures."""
BLEND_FITS = 0.45
"""Share of blocks that must fit: 0.5 to 1 in cross-fades of people who move, 0.17 at most in pans, zooms and dances."""
BLEND_LEAST_BLOCKS = COLUMNS * ROWS // 2
"""Two pictures that are blended differ in so many blocks at least …"""
BLEND_LEAST_LEVELS = 8.0
"""… by this root mean square …"""
OWN_BLOCKS, OWN_LEVELS = 8, 5.0
"""… and each has in so many something drawn, by this root mean square, that the other has not in whatever light."""

SAME_LEVELS = 0.6
"""Luma by which no part of a repeated frame (1/48 × 1/36 of the picture, averaged) differs from the frame before."""

CROSS_FADE, FLASH, FROZEN, BEFORE_DAMAGE = "cross_fade", "flash", "frozen", "before_damage"

NOTHING: Grey = np.zeros((0, 0), np.uint8)

Item = TypeVar("Item")
Blocks = npt.NDArray[np.float32]
"""(48, 36): 8 × 6 blocks of 6 × 6 px."""


@dataclass(slots=True, eq=False)
class _Seen:
    """What a frame is judged by."""

    key_frame: bool
    pixels: Grey
    small: Blocks
    drawn: Blocks | None
    mean: float
    repeats: bool
    """Whether it shows what the frame before shows."""
    fault: str | None = None


class FaultFinder(Generic[Item]):
    """Hands frames on in their order, each with its fault or None, as soon as the frames after it have been seen.

    Memory does not grow with the length of the video: ``AHEAD`` items wait, and of ``BEHIND`` more only their 48 × 36
    px are kept.
    """

    def __init__(self) -> None:
        self._window: deque[_Seen] = deque()
        self._waiting: deque[tuple[Item, _Seen]] = deque()
        self._kept_of_run = False
        self._count = 0

    def add(
        self, item: Item, pixels: Grey, key_frame: bool, small: Blocks, drawn: Blocks | None
    ) -> Iterator[tuple[Item, str | None]]:
        """Take the next frame; yields none or one of the earlier ones.

        Args:
            item: What is handed on.
            pixels: Its small copy.
            key_frame: Whether it is one: of frames that repeat each other it is coded best.
            small: Its blocks, from ``reduction.blocks_of``.
            drawn: Those with texture, from ``reduction.textured``.
        """
        last = self._window[-1] if self._window else None
        repeats = last is not None and _same(last, pixels, small)
        seen = _Seen(key_frame, pixels, small, drawn, float(small.mean()), repeats)
        self._window.append(seen)
        self._waiting.append((item, seen))
        if len(self._window) > AHEAD + BEHIND:
            self._window.popleft()
        self._count += 1
        if self._count % BLEND_STEP == 0:
            self._find_blends()
        if len(self._waiting) > AHEAD:
            yield self._judged()

    def distrust(self) -> None:
        """Leave out what waits, back to the latest key frame: after the newest frame the decoder reported damage.

        A decoder may notice broken data only where it ends, frames after it began to show.
        """
        for _, seen in reversed(self._waiting):
            seen.fault = BEFORE_DAMAGE
            if seen.key_frame:
                break

    def finish(self) -> Iterator[tuple[Item, str | None]]:
        """Hand the frames on that still wait."""
        while self._waiting:
            yield self._judged()

    def _judged(self) -> tuple[Item, str | None]:
        item, seen = self._waiting.popleft()
        if self._waiting:
            seen.pixels = NOTHING  # of what lies behind only the blocks are kept
        fault = seen.fault or (FLASH if self._is_flash(seen) else None)
        if not seen.repeats:
            self._kept_of_run = False
        if fault is None:
            if self._kept_of_run or self._better_repeat(seen):
                fault = FROZEN
            else:
                self._kept_of_run = True
        return item, fault

    def _better_repeat(self, seen: _Seen) -> bool:
        """Whether a frame that is none of the key frames is repeated by one."""
        if seen.key_frame:
            return False
        for _, later in self._waiting:
            if not later.repeats:
                return False
            if later.key_frame:
                return True
        return False

    def _is_flash(self, seen: _Seen) -> bool:
        at = len(self._window) - len(self._waiting) - 1
        if at < 0:
            return False
        before = list(islice(self._window, max(at - FLASH_FRAMES, 0), at))
        after = [late for _, late in islice(self._waiting, FLASH_FRAMES)]
        span = FLASH_FRAMES + 1
        return any(
            seen.mean - early.mean > FLASH_LEVELS and seen.mean - late.mean > FLASH_LEVELS
            for i, early in enumerate(reversed(before), 1)
            for j, late in enumerate(after, 1)
            if i + j <= span
        )

    def _find_blends(self) -> None:
        """Mark the frames that are blends of the newest frame and an earlier one."""
        *earlier, new = self._window
        if len(earlier) < BLEND_STEP:
            return
        away = np.stack([one.small for one in earlier], axis=1) - new.small[:, None]  # (48, n, 36)
        energy = np.einsum("bnk,bnk->bn", away, away)
        for first in range(len(earlier) - BLEND_STEP, -1, -BLEND_STEP):
            differ = energy[:, first] > BLEND_LEAST_LEVELS**2 * BLOCK_PX**2
            if _one_scene(earlier[first], new):
                continue
            old, between = away[differ, first], away[differ, first + 1 :]
            share, fits = _blends(old, between, energy[differ, first], energy[differ, first + 1 :])
            core = (fits >= BLEND_FITS) & (share > BLEND_CORE[0]) & (share < BLEND_CORE[1])
            for number in _fading(share, core):
                earlier[first + 1 + number].fault = CROSS_FADE


def _blends(
    old: Blocks, between: Blocks, old_energy: npt.NDArray[np.float32], energy: npt.NDArray[np.float32]
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Return of each frame the share of the old picture in it, and in which share of the blocks it is such a blend.

    A cross-fade mixes all blocks alike, so that the median over them is the share, whatever moves in some of them; what
    moves in front of a camera, and a camera that moves, agrees on none.

    Args:
        old: (blocks, 36) what the old picture has more than the new one.
        between: (blocks, n, 36) the same of each frame between them.
        old_energy: (blocks,) sum of squares of the first.
        energy: (blocks, n) and of the others.
    """
    along = np.einsum("bk,bnk->bn", old, between)
    whole = old_energy[:, None]
    share = np.asarray(np.median(along / whole, axis=0), np.float32)
    left = energy - 2 * share * along + share * share * whole
    nearer = np.minimum(energy, energy - 2 * along + whole)
    fits = np.asarray(np.mean(left < BLEND_RESIDUAL * nearer, axis=0), np.float32)
    return share, fits


def _fading(share: npt.NDArray[np.float32], core: npt.NDArray[np.bool_]) -> list[int]:
    """Return the frames of a cross-fade: where the line through its core, which must fall, says that both are seen."""
    if np.count_nonzero(core) < BLEND_CORE_FRAMES:
        return []
    at = np.arange(len(share), dtype=np.float64)
    slope, start = np.polyfit(at[core], share[core].astype(np.float64), 1)
    line = start + slope * at
    first, last = at[core][0], at[core][-1]
    beyond = math.ceil((last - first) * BLEND_BEYOND) + 1
    seen = (line > BLEND_ENDS[0]) & (line < BLEND_ENDS[1]) & (at >= first - beyond) & (at <= last + beyond)
    return [int(number) for number in np.flatnonzero(seen)] if slope < 0 else []


def _one_scene(a: _Seen, b: _Seen) -> bool:
    """Whether two frames show one scene in whatever light, or one of them shows nothing, as where a clip fades in."""
    one, other = a.drawn, b.drawn
    if one is None or other is None or alike(one, other):
        return True
    return min(_own(a.small, other), _own(b.small, one)) < OWN_BLOCKS


def _own(blocks: Blocks, other: Blocks) -> int:
    """Return in how many blocks something is drawn that is not in the blocks of zero mean and norm 1."""
    drawn = blocks - blocks.mean(axis=1, keepdims=True)
    along = np.einsum("bk,bk->b", drawn, other)
    return int(np.count_nonzero(np.einsum("bk,bk->b", drawn, drawn) - along**2 > OWN_LEVELS**2 * BLOCK_PX**2))


def _same(last: _Seen, pixels: Grey, small: Blocks) -> bool:
    """Whether a frame shows what another one shows: first by 48 × 36 px, which tells most apart, then by all."""
    if last.pixels.shape != pixels.shape or float(np.abs(last.small - small).max()) > 1.0:
        return False
    rows, columns = pixels.shape
    parts = cv2.resize(cv2.absdiff(last.pixels, pixels), (columns // 16, rows // 16), interpolation=cv2.INTER_AREA)
    return float(parts.max(initial=0)) <= SAME_LEVELS
