"""Where one shot ends and the next begins, without taking a flash, a strobe or an LED wall for a cut."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from fancam.picking.reduction import Grey, resized

COLUMNS, ROWS, BLOCK_PX = 8, 6, 6
"""The frame is compared in 8 × 6 blocks of 6 × 6 px."""
TEXTURE_LEVELS = 3.0
"""A block whose standard deviation is below this says nothing."""
MIN_TEXTURED = 8
"""Fewer textured blocks than this and the frame is too dark, too bright or too blurred to be compared."""
BEST_QUARTER = 0.75
SAME_SCENE = 0.6
"""Correlation of the best quarter of the blocks. In one scene some quarter stays alike, whatever the light does."""
CONFIRM_FRAMES = 3
"""A cut is believed when the old picture has not come back within this many frames; a flash ends sooner."""


class CutDetector:
    """Compares each frame with the last one that could be compared, block by block and blind to brightness.

    Each block is correlated after its mean and its contrast were taken out, so that exposure, spotlights and flashes
    do not count; the best quarter decides, so that a wall of light behind the performer does not either.
    """

    def __init__(self) -> None:
        self._reference: npt.NDArray[np.float32] | None = None
        self._pending = 0
        self._latest: npt.NDArray[np.float32] | None = None

    @property
    def undecided(self) -> bool:
        """Whether the last frames may or may not belong to a new shot."""
        return self._pending > 0

    def add(self, pixels: Grey) -> int:
        """Look at the next frame.

        Args:
            pixels: (rows, columns) uint8, of any size.

        Returns:
            How many of the latest frames, this one counted, turn out to belong to a new shot; 0 for no cut.
        """
        blocks = _blocks(pixels)
        if blocks is None:
            self._pending += self._pending > 0
            return 0
        if self._reference is None or _alike(self._reference, blocks):
            self._reference, self._pending, self._latest = blocks, 0, None
            return 0
        steady = self._latest is None or _alike(self._latest, blocks)
        self._latest = blocks
        self._pending += 1
        if self._pending < CONFIRM_FRAMES or not steady:
            return 0
        begun, self._pending = self._pending, 0
        self._reference, self._latest = blocks, None
        return begun


def _blocks(pixels: Grey) -> npt.NDArray[np.float32] | None:
    """Return (48, 36) float32: blocks of zero mean and norm 1, zero where there is no texture; None for too few."""
    width, height = COLUMNS * BLOCK_PX, ROWS * BLOCK_PX
    while min(pixels.shape[0] // height, pixels.shape[1] // width) >= 4:  # halving is far cheaper than any other factor
        pixels = resized(pixels, pixels.shape[1] // 2, pixels.shape[0] // 2)
    small = resized(pixels, width, height).astype(np.float32)
    blocks = small.reshape(ROWS, BLOCK_PX, COLUMNS, BLOCK_PX).transpose(0, 2, 1, 3).reshape(ROWS * COLUMNS, -1)
    blocks = blocks - (blocks.sum(axis=1, keepdims=True) / np.float32(BLOCK_PX**2))
    norms = np.sqrt(np.einsum("ij,ij->i", blocks, blocks))
    textured = norms > TEXTURE_LEVELS * BLOCK_PX
    if np.count_nonzero(textured) < MIN_TEXTURED:
        return None
    return blocks * np.where(textured, 1 / np.maximum(norms, 1e-6), 0).astype(np.float32)[:, None]


def _alike(a: npt.NDArray[np.float32], b: npt.NDArray[np.float32]) -> bool:
    correlation = np.einsum("ij,ij->i", a, b)
    both = a.any(axis=1) & b.any(axis=1)
    if np.count_nonzero(both) < MIN_TEXTURED // 2:
        return False
    ranked = np.sort(correlation[both])
    return float(ranked[int(BEST_QUARTER * (len(ranked) - 1))]) >= SAME_SCENE
