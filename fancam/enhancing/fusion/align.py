"""Where each pixel of the reference lies in another frame: a coarse shift, then dense optical flow."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from fancam.media import Picture

Plane = npt.NDArray[np.float32]
"""(h, w) float32, levels of 255."""
Flow = npt.NDArray[np.float32]
"""(h, w, 2): (x, y) of the reference is at (x + flow[..., 0], y + flow[..., 1]) in the neighbouring frame."""

COARSE_SIDE_PX = 160
"""The coarse search runs on pictures whose longer side is at most this."""
FLOW_BLUR_PX = 0.35
ENLARGED = 2
"""How much finer than itself a look is made before it is taken from."""
SEARCH_SHARE = 0.12
"""How far a neighbour may be from where the neighbour before it was, as a share of the longer side."""


def luma_of(picture: Picture) -> Plane:
    """Return the luma (BT.601 weights) of an RGB picture, (h, w) float32 in levels of 255."""
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), np.float32)


def coarse_shift(
    reference: Plane, neighbour: Plane, face: tuple[int, int, int, int], predicted: tuple[float, float]
) -> tuple[tuple[float, float], float]:
    """Return the shift (dx, dy) of the face and how well it fits.

    Args:
        reference: Luma.
        neighbour: Luma of the same size.
        face: Left, top, right, bottom of what is looked for, whole pixels inside the reference.
        predicted: The shift of the neighbour beside this one.

    Returns:
        The shift in pixels of the reference, and the normalised correlation there, in [-1, 1]; 0 for a flat region.
    """
    scale = min(COARSE_SIDE_PX / max(reference.shape), 1.0)
    small, other = (
        cv2.resize(p, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) for p in (reference, neighbour)
    )
    reach = max(round(SEARCH_SHARE * max(small.shape)), 2)
    left, top, right, bottom = (round(v * scale) for v in face)
    template = small[top:bottom, left:right]
    if min(template.shape) < 4 or float(template.std()) < 1.0:
        return predicted, 0.0
    padded = cv2.copyMakeBorder(other, reach, reach, reach, reach, cv2.BORDER_REPLICATE)
    x0, y0 = left + round(predicted[0] * scale), top + round(predicted[1] * scale)
    x0 = min(max(x0, 0), other.shape[1] - template.shape[1])
    y0 = min(max(y0, 0), other.shape[0] - template.shape[0])
    part = padded[y0 : y0 + template.shape[0] + 2 * reach, x0 : x0 + template.shape[1] + 2 * reach]
    scores = cv2.matchTemplate(part, template, cv2.TM_CCOEFF_NORMED)
    _, best, _, (at_x, at_y) = cv2.minMaxLoc(scores)
    shift = ((x0 - left + at_x - reach) / scale, (y0 - top + at_y - reach) / scale)
    return shift, float(best) if np.isfinite(best) else 0.0


@dataclass(frozen=True, slots=True, eq=False)
class Motion:
    """Where each pixel of the reference lies in another frame."""

    flow: Flow
    """Of every pixel, or of every square of ``step`` pixels."""
    step: int
    size: tuple[int, int]
    """(width, height) of the reference."""

    def places(self, top: int, bottom: int, grid: int = 1) -> tuple[Plane, Plane]:
        """Return where some rows of the reference lie: x and y in pixels of the frame, 0 in the middle of the first.

        Args:
            top: First row of the reference.
            bottom: The row after the last one.
            grid: Pixels of the result per pixel of the reference, 1 or more.

        Returns:
            ((bottom - top) * grid, w * grid) each.
        """
        skipped, wide, rows = top % self.step * grid, self.size[0] * grid, (bottom - top) * grid
        fine = enlarged_rows(self.flow, top // self.step, -(-bottom // self.step), grid * self.step)
        fine = fine[skipped : skipped + rows, :wide]
        xs, ys = np.arange(wide, dtype=np.float32), np.arange(top * grid, bottom * grid, dtype=np.float32)
        xs, ys = ((place + np.float32(0.5)) / np.float32(grid) - np.float32(0.5) for place in (xs, ys))
        return np.asarray(fine[..., 0] + xs[None, :], np.float32), np.asarray(fine[..., 1] + ys[:, None], np.float32)


def motion_between(reference: Plane, neighbour: Plane, start: tuple[float, float], step: int = 1) -> Motion:
    """Return the motion from the reference to the neighbour by dense inverse search (Kroeger et al., ECCV 2016).

    Patches of 8 px half a patch apart, down to the full size: coarser, smoother or variationally refined flow moves
    fewer noisy pixels wrongly and more of a face's fine features, and loses on the whole.

    Args:
        reference: Luma.
        neighbour: Luma of the same size.
        start: A first guess for the whole picture.
        step: How many times smaller the pictures are that it is found on: 2 where the print is smaller than they are,
            at a quarter of the time and memory.
    """
    high, wide = reference.shape
    if step > 1:
        reference, neighbour = (_reduced(p, step) for p in (reference, neighbour))
    flow = _dense_flow(reference, neighbour, (start[0] / step, start[1] / step))
    return Motion(np.asarray(flow * np.float32(step), np.float32), step, (wide, high))


def _reduced(plane: Plane, step: int) -> Plane:
    high, wide = plane.shape
    whole = cv2.copyMakeBorder(plane, 0, -high % step, 0, -wide % step, cv2.BORDER_REPLICATE)
    size = whole.shape[1] // step, whole.shape[0] // step
    return np.asarray(cv2.resize(whole, size, interpolation=cv2.INTER_AREA), np.float32)


def _dense_flow(reference: Plane, neighbour: Plane, start: tuple[float, float]) -> Flow:
    dx, dy = round(start[0]), round(start[1])
    high, wide = reference.shape
    move = np.array([[1, 0, dx], [0, 1, dy]], np.float64)
    inverse = cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP
    moved = cv2.warpAffine(neighbour, move, (wide, high), flags=inverse, borderMode=cv2.BORDER_REPLICATE)
    search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
    search.setFinestScale(0)
    search.setPatchSize(8)
    search.setPatchStride(4)
    search.setGradientDescentIterations(20)
    search.setVariationalRefinementIterations(0)
    first, second = (np.clip(np.rint(cv2.GaussianBlur(p, (0, 0), FLOW_BLUR_PX)), 0, 255) for p in (reference, moved))
    flow = search.calc(first.astype(np.uint8), second.astype(np.uint8), np.zeros((high, wide, 2), np.float32))
    return np.asarray(flow + np.array([dx, dy], np.float32), np.float32)


def warped(picture: npt.NDArray, motion: Motion, top: int = 0, bottom: int | None = None) -> npt.NDArray:
    """Return some rows of a look as it would be seen from the reference, at its own size and in its own type.

    Args:
        picture: (h, w) or (h, w, c), all of it.
        motion: From the reference to the picture.
        top: First row of the reference.
        bottom: The row after the last one; None goes to the end.
    """
    return _taken(picture, *motion.places(top, motion.size[1] if bottom is None else bottom))


class Fine:
    """A look enlarged, to be taken from as it would be seen from the reference.

    The neighbour is enlarged by Lanczos interpolation first and taken from there by cubic: as crisp as Lanczos at every
    position, at a third of its time. Cubic interpolation alone costs up to 0.3 dB of the merged picture.

    Args:
        picture: (h, w, 3) uint8 RGB.
    """

    def __init__(self, picture: Picture) -> None:
        self._large = enlarged(picture, ENLARGED)

    def taken(self, motion: Motion, top: int, bottom: int, grid: int) -> Picture:
        """Return some rows of the look as seen from the reference, on a grid of ``grid`` pixels per source pixel.

        Args:
            motion: From the reference to the look.
            top: First row of the reference.
            bottom: The row after the last one.
            grid: 1 or more.

        Returns:
            ((bottom - top) * grid, w * grid, 3) uint8 RGB.
        """
        middle = np.float32((ENLARGED - 1) / 2)
        xs, ys = (place * np.float32(ENLARGED) + middle for place in motion.places(top, bottom, grid))
        return np.asarray(_taken(self._large, xs, ys), np.uint8)


def enlarged(picture: Picture, grid: int) -> Picture:
    """Return a picture on a grid of ``grid`` pixels per pixel, 1 or more, by Lanczos interpolation."""
    size = (picture.shape[1] * grid, picture.shape[0] * grid)
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_LANCZOS4), np.uint8)


def enlarged_rows(plane: npt.NDArray[np.float32], top: int, bottom: int, grid: int) -> npt.NDArray[np.float32]:
    """Return some rows of a plane, or of several, on a finer grid, by linear interpolation.

    Args:
        plane: (h, w) or (h, w, c).
        top: First row of the plane.
        bottom: The row after the last one.
        grid: Pixels of the result per pixel of the plane, 1 or more.
    """
    above = max(top - 1, 0)
    part = plane[above : bottom + 1]
    size = (part.shape[1] * grid, part.shape[0] * grid)
    fine = cv2.resize(part, size, interpolation=cv2.INTER_LINEAR)
    return np.asarray(fine[(top - above) * grid : (bottom - above) * grid], np.float32)


def _taken(picture: npt.NDArray, xs: npt.NDArray, ys: npt.NDArray) -> npt.NDArray:
    fixed = cv2.convertMaps(xs, ys, cv2.CV_16SC2)  # to 1/32 px; twice as fast
    return np.asarray(cv2.remap(picture, *fixed, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE))
