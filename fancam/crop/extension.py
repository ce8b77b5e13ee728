"""The coarse shape of what lies beyond a picture's edge: structure goes on in its own direction.

A picture is marched outward line by line. Every value moves along the direction of its isophote (the eigenvector of the
structure tensor, Förstner and Gülch 1987; transport along it is Bornemann and März 2007, "Fast image inpainting based
on coherence transport"), so that a line which meets the edge at an angle goes on at that angle. Where brightness
changes across the edge without a structure, it goes on changing, less with every line.
"""

from __future__ import annotations

from dataclasses import dataclass

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
