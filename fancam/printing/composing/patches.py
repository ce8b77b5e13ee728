"""Texture for the unknown part of a picture, out of patches of its known part near by.

Every unknown pixel has a source, a known pixel whose surroundings look like its own; the pixel becomes a weighted mean
of what the sources around it say (Wexler, Shechtman and Irani 2007, "Space-time completion of video"). Sources are
found by random search and by asking the neighbours (Barnes et al. 2009, "PatchMatch"), from a coarse picture to the
full one. Surroundings are compared by the low frequencies of their cosine transform, 14 numbers instead of 147.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

Plane = npt.NDArray[np.float32]
Index = npt.NDArray[np.int32]
Descriptors = npt.NDArray[np.float16]
"""(height, width, 15)."""

RADIUS = 3
"""Of a patch: 7 pixels wide."""

COSINES = ((0, 0), (0, 1), (1, 0), (1, 1), (0, 2), (2, 0), (0, 3), (3, 0))
COLOUR_COSINES = ((0, 0), (0, 1), (1, 0))

TEXTURE_WEIGHT = 2.0
"""Of a level of texture beside a level of colour. Without it, a smooth guess finds smooth sources for ever."""

OPPONENT = np.array(
    [[3**-0.5, 3**-0.5, 3**-0.5], [2**-0.5, 0, -(2**-0.5)], [6**-0.5, -2 * 6**-0.5, 6**-0.5]], np.float32
)
"""Orthonormal: light, red against blue, green against both."""


@dataclass(eq=False)
class Level:
    """One size of the picture: its known part is a rectangle, and so is the part sources are taken from."""

    pixels: Plane
    """(height, width, 3) RGB in levels."""
    texture: Plane
    """(height, width): how strong the fine detail of the full picture is, or should be, in levels."""
    rows: slice
    columns: slice

    def unknown(self, grown: int = 0) -> npt.NDArray[np.bool_]:
        """Return where nothing is known, or where a patch of this radius reaches such a place."""
        height, width = self.texture.shape
        mask = np.ones((height, width), bool)
        rows, columns = (
            slice(part.start + grown * (part.start > 0), part.stop - grown * (part.stop < length))
            for part, length in ((self.rows, height), (self.columns, width))
        )
        mask[rows, columns] = False
        return mask


class Sources:
    """Which known pixel every unknown one takes its surroundings from."""

    def __init__(self, level: Level, reach: int, rng: np.random.Generator) -> None:
        self.level, self.reach, self.rng = level, reach, rng
        y, x = np.nonzero(level.unknown(RADIUS))
        self.y, self.x = y.astype(np.int32), x.astype(np.int32)
        self.number: Index = np.full(level.texture.shape, -1, np.int32)
        self.number[self.y, self.x] = np.arange(len(self.y), dtype=np.int32)
        rows, columns = level.rows, level.columns
        self.low = np.array([rows.start + RADIUS, columns.start + RADIUS], np.int32)
        self.high = np.array(
            [max(rows.stop - RADIUS - 1, self.low[0]), max(columns.stop - RADIUS - 1, self.low[1])], np.int32
        )
        # The nearest known place; sources stay within reach of it, so that hair is made of hair.
        self.home_y = np.clip(self.y, self.low[0], self.high[0])
        self.home_x = np.clip(self.x, self.low[1], self.high[1])
        self.from_y, self.from_x = self.home_y.copy(), self.home_x.copy()
        self.cost = np.full(len(self.y), np.inf, np.float32)
        self.all = np.arange(len(self.y), dtype=np.int32)

    def inherit(self, coarse: Sources) -> None:
        """Start from the sources of a picture half the size."""
        height, width = coarse.number.shape
        y, x = np.minimum(self.y // 2, height - 1), np.minimum(self.x // 2, width - 1)
        which = coarse.number[y, x]
        found = which >= 0
        from_y = np.where(found, self.y + 2 * (coarse.from_y[which] - y), self.home_y).astype(np.int32)
        from_x = np.where(found, self.x + 2 * (coarse.from_x[which] - x), self.home_x).astype(np.int32)
        self.from_y, self.from_x = self._allowed(from_y, from_x, self.all)
        self.cost[:] = 1

    def _allowed(self, y: Index, x: Index, which: Index) -> tuple[Index, Index]:
        """Return the places moved to where the sources of these unknown pixels may be."""
        home_y, home_x = self.home_y[which], self.home_x[which]
        y = np.clip(y, np.maximum(home_y - self.reach, self.low[0]), np.minimum(home_y + self.reach, self.high[0]))
        x = np.clip(x, np.maximum(home_x - self.reach, self.low[1]), np.minimum(home_x + self.reach, self.high[1]))
        return y, x

    def trust(self, mismatch: float) -> Plane:
        """Return in (0, 1] how well the sources fit, smoothed: exp(-1) where they differ by this much."""
        fit, weight = (np.zeros(self.number.shape, np.float32) for _ in range(2))
        fit[self.y, self.x] = np.exp(-self.cost / np.float32(mismatch))
        weight[self.y, self.x] = 1
        mean = cv2.GaussianBlur(fit, (0, 0), RADIUS) / np.maximum(cv2.GaussianBlur(weight, (0, 0), RADIUS), 1e-6)
        return np.asarray(np.where(weight > 0, mean, 1), np.float32)

    def scatter(self, descriptors: Descriptors, tries: int) -> None:
        """Look anywhere within reach, at random, this often."""
        for _ in range(tries):
            y = self.home_y + self.rng.integers(-self.reach, self.reach + 1, len(self.y), np.int32)
            x = self.home_x + self.rng.integers(-self.reach, self.reach + 1, len(self.y), np.int32)
            self._try(descriptors, y, x)

    def refresh(self, descriptors: Descriptors) -> None:
        """Compare again what is there now with the sources it has."""
        self.own = descriptors[self.y, self.x].astype(np.float32)
        self.cost = self._distance(descriptors, self.from_y, self.from_x, self.all)

    def improve(self, descriptors: Descriptors, jumps: tuple[int, ...], radii: tuple[int, ...]) -> None:
        """Ask the neighbours at these distances, then look around at random within these radii."""
        for jump in jumps:
            for dy, dx in ((0, jump), (0, -jump), (jump, 0), (-jump, 0)):
                ny, nx = self.y + dy, self.x + dx
                inside = (ny >= 0) & (ny < self.number.shape[0]) & (nx >= 0) & (nx < self.number.shape[1])
                other = self.number[np.where(inside, ny, 0), np.where(inside, nx, 0)]
                good = np.flatnonzero(inside & (other >= 0)).astype(np.int32)
                self._try(descriptors, self.from_y[other[good]] - dy, self.from_x[other[good]] - dx, good)
        for radius in radii:
            y = self.from_y + self.rng.integers(-radius, radius + 1, len(self.y), np.int32)
            x = self.from_x + self.rng.integers(-radius, radius + 1, len(self.y), np.int32)
            self._try(descriptors, y, x)

    def _try(self, descriptors: Descriptors, y: Index, x: Index, which: Index | None = None) -> None:
        """Take these sources (for the unknown pixels with these numbers, else for all) where they are better."""
        which = self.all if which is None else which
        y, x = self._allowed(y, x, which)
        cost = self._distance(descriptors, y, x, which)
        better = np.flatnonzero(cost < self.cost[which])
        taken = which[better]
        self.from_y[taken], self.from_x[taken], self.cost[taken] = y[better], x[better], cost[better]

    def _distance(self, descriptors: Descriptors, y: Index, x: Index, which: Index) -> Plane:
        width = descriptors.shape[1]
        flat = descriptors.reshape(-1, descriptors.shape[2])
        difference = self.own[which] - flat[y * width + x]
        return np.einsum("ij,ij->i", difference, difference)

    def vote(self, radius: int, grown: int = 0) -> Plane:
        """Return the weighted mean of what the sources around every unknown pixel say, the known ones as they are.

        Args:
            radius: How far around; up to ``RADIUS``.
            grown: This many lines of known pixels are answered for as well.
        """
        level = self.level
        answered = level.unknown(grown)
        wanted = np.flatnonzero(answered[self.y, self.x])
        y, x = self.y[wanted], self.x[wanted]
        spread = max(float(np.percentile(self.cost, 75)), 1.0)
        weight_of = np.exp(-self.cost / spread) + np.float32(1e-6)
        total = np.zeros((len(y), 3), np.float32)
        weights = np.zeros(len(y), np.float32)
        flat = level.pixels.reshape(-1, 3)
        width = level.texture.shape[1]
        for dy in range(-radius, radius + 1):
            for dx in range(-radius, radius + 1):
                ny, nx = y + dy, x + dx
                inside = (ny >= 0) & (ny < self.number.shape[0]) & (nx >= 0) & (nx < self.number.shape[1])
                other = self.number[np.where(inside, ny, 0), np.where(inside, nx, 0)]
                inside &= other >= 0
                other = np.where(inside, other, 0)
                weight = weight_of[other] * inside
                total += weight[:, None] * flat[(self.from_y[other] - dy) * width + self.from_x[other] - dx]
                weights += weight
        result = level.pixels.copy()
        result[y, x] = total / weights[:, None]
        return result


def described(level: Level) -> Descriptors:
    """Return the low frequencies of the surroundings of every pixel, and its texture: (height, width, 15)."""
    pixels = level.pixels
    opponent = pixels @ OPPONENT.T
    positions = np.arange(2 * RADIUS + 1) + 0.5
    size = 2 * RADIUS + 1
    waves = [
        (np.cos(np.pi * k * positions / size) * (np.sqrt(2 / size) if k else np.sqrt(1 / size))).astype(np.float32)
        for k in range(4)
    ]
    # Half floats: a quarter of a level at the brightest, and half of the memory.
    result = np.empty((*level.texture.shape, len(COSINES) + 2 * len(COLOUR_COSINES) + 1), np.float16)
    number = 0
    for channel, cosines in ((0, COSINES), (1, COLOUR_COSINES), (2, COLOUR_COSINES)):
        plane = np.ascontiguousarray(opponent[..., channel])
        for v, u in cosines:
            border = cv2.BORDER_REFLECT_101
            wave = cv2.sepFilter2D(plane, cv2.CV_32F, waves[u], waves[v], borderType=border)
            result[..., number] = wave / size
            number += 1
    result[..., number] = TEXTURE_WEIGHT * level.texture
    return result
