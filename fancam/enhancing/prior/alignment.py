"""Where a face lies in the square that the face networks know, and the way from there to the print.

Face space is a square of 512 pixels in which the five landmarks lie where the networks saw them in training. All
coordinates are edge based: the centre of the top left pixel is (0.5, 0.5).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from fancam.geometry import Box, similarity_transform
from fancam.media import Samples

FACE_SIZE_PX = 512
"""Side of face space: what GFPGAN, RestoreFormer, CodeFormer and the parsers take."""

TEMPLATE = np.array(
    [
        [192.98138, 239.94708],
        [318.90277, 240.1936],
        [256.63416, 314.01935],
        [201.26117, 371.41043],
        [313.08905, 371.15118],
    ]
)
"""(5, 2) mean landmarks of FFHQ at 512 px: left eye, right eye, nose, left and right mouth corner. From facexlib
(FaceRestoreHelper), which GFPGAN and CodeFormer share.

On the half pixel: facexlib hands both the detector's landmarks and these numbers to OpenCV as indices of pixel centres,
yet the landmarks come from a network whose priors are centred at (i + 0.5) strides, so they count from the edge. At
scale 1 both readings give the same picture; at any other, facexlib's moves by half a pixel times (1 - scale), here not
at all. So the template is taken to count from the edge, as the landmarks do."""

OUTLIER_PX = 30.0
"""How far from the place the other four give it a landmark must lie to be left out: a quarter of an eye distance in
face space. A nose lies as far as this from the template at a yaw of about 15 degrees, which moves the mouth as well, so
``OUTLIER_RATIO`` must hold, too."""

OUTLIER_RATIO = 3.0
"""By how much the other four must fit better on their own."""


@dataclass(frozen=True, slots=True, eq=False)
class Alignment:
    """The map from a frame to face space."""

    to_face: Matrix
    """(2, 3) float64 similarity, from pixels of the frame to face space."""
    residual_px: float
    """Root mean square distance of the landmarks that were used from the template, in face space: how little the face
    looks like a frontal one."""
    left_out: int | None = None
    """Number of the landmark the others disagree with; None where all five were used."""

    @property
    def scale(self) -> float:
        """Pixels of face space per pixel of the frame; above 1 the face is enlarged."""
        return magnification(self.to_face)

    @property
    def from_face(self) -> Matrix:
        """(2, 3) float64, from face space to pixels of the frame."""
        return inverted(self.to_face)

    def to_print(self, box: Box, width_px: int, height_px: int) -> Matrix:
        """Return the (2, 3) float64 map from face space to a print that shows a box of the frame.

        Args:
            box: What the print shows, in pixels of the frame; the whole frame for a picture that is enlarged as it is.
            width_px: Of the print.
            height_px: Of the print.

        Raises:
            ValueError: The box is empty.
        """
        return composed(box_to_picture(box, width_px, height_px), self.from_face)

    def landmarks_in_face(self, landmarks: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Return (5, 2) landmarks of the frame in face space."""
        return mapped(self.to_face, landmarks)


def align(landmarks: npt.ArrayLike) -> Alignment:
    """Return the similarity that takes five landmarks to the template: turn, one scale, move; never a mirror image.

    Least squares in closed form (Umeyama: "Least-squares estimation of transformation parameters between two point
    patterns", IEEE PAMI 13(4), 1991). One landmark that contradicts the other four is left out.

    Args:
        landmarks: (5, 2) in pixels of the frame, order as in ``Face.landmarks``.

    Raises:
        ValueError: The shape is wrong, a value is not finite, or the landmarks lie in one place.
    """
    points = np.asarray(landmarks, np.float64)
    if points.shape != TEMPLATE.shape:
        raise ValueError(f"landmarks of shape {points.shape}, expected {TEMPLATE.shape}")
    if not np.isfinite(points).all():
        raise ValueError("landmarks that are not finite")
    if not np.ptp(points, axis=0).max() > 1e-6:
        raise ValueError("all landmarks lie in one place")
    matrix = similarity_transform(points, TEMPLATE)
    residual = _rms(matrix, points, TEMPLATE)
    best, left_out = (matrix, residual), None
    for number in range(len(points)):
        kept = np.arange(len(points)) != number
        if not np.ptp(points[kept], axis=0).max() > 1e-6:
            continue
        candidate = similarity_transform(points[kept], TEMPLATE[kept])
        fit = _rms(candidate, points[kept], TEMPLATE[kept])
        away = float(np.linalg.norm(mapped(candidate, points[[number]]) - TEMPLATE[number]))
        if away > OUTLIER_PX and fit * OUTLIER_RATIO < residual and fit < best[1]:
            best, left_out = (candidate, fit), number
    return Alignment(best[0], best[1], left_out)


def cut_face(pixels: Samples, alignment: Alignment, size: int = FACE_SIZE_PX) -> FloatPicture:
    """Return the aligned face of a frame.

    Made smaller, it is averaged first (facexlib aliases there); made larger, it is cubic. Where the square reaches
    beyond the frame, the frame is reflected: a grey border would be light that the network spreads over the face.

    Args:
        pixels: (H, W, 3) uint8 or uint16 RGB, the frame.
        alignment: Of the face in this frame.
        size: Side of the square.

    Returns:
        (size, size, 3) float32 RGB in [0, 1].
    """
    matrix = alignment.to_face * (size / FACE_SIZE_PX)
    return np.clip(warp(pixels, matrix, size, size), 0, 1)


def cut_square(printed: Samples, face_to_print: Matrix, size: int = FACE_SIZE_PX) -> FloatPicture:
    """Return the same square of a print: (size, size, 3) float32 RGB in [0, 1].

    Args:
        printed: (H, W, 3) uint8 or uint16 RGB.
        face_to_print: From ``Alignment.to_print``.
        size: Side of the square.
    """
    matrix = inverted(face_to_print) * (size / FACE_SIZE_PX)
    return np.clip(warp(printed, matrix, size, size), 0, 1)


def _rms(matrix: Matrix, points: npt.NDArray[np.float64], targets: npt.NDArray[np.float64]) -> float:
    return float(np.sqrt(((mapped(matrix, points) - targets) ** 2).sum(axis=1).mean()))


Matrix = npt.NDArray[np.float64]
"""(2, 3): ``to = matrix[:, :2] @ from + matrix[:, 2]``, both edge based."""

FloatPicture = npt.NDArray[np.float32]
"""(height, width[, 3]) float32 RGB in [0, 1]."""

_STRIP_ROWS = 64
"""Rows of the smaller picture that are averaged at a time, so that a large scan needs no float copy of itself."""

_MIN_REST = 1.5
"""By how much a picture that was averaged in blocks is still to be made smaller: the Gaussian takes off what blocks let
through (a seventh of the finest lines with blocks of seven)."""

_FILTER_REACH_PX = 8
"""Pixels around a place that the cubic kernel and the blur before it can reach."""


def composed(outer: Matrix, inner: Matrix) -> Matrix:
    """Return the map that applies ``inner`` first, then ``outer``."""
    linear = outer[:, :2] @ inner[:, :2]
    return np.column_stack([linear, outer[:, :2] @ inner[:, 2] + outer[:, 2]])


def inverted(matrix: Matrix) -> Matrix:
    """Return the map back.

    Raises:
        ValueError: The map flattens the plane.
    """
    if not abs(np.linalg.det(matrix[:, :2])) > 1e-12:
        raise ValueError("the map cannot be undone")
    linear = np.linalg.inv(matrix[:, :2])
    return np.column_stack([linear, -linear @ matrix[:, 2]])


def mapped(matrix: Matrix, points: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Return where the points (N, 2) land, (N, 2) float64."""
    return np.asarray(points, np.float64) @ matrix[:, :2].T + matrix[:, 2]


def box_to_picture(box: Box, width_px: int, height_px: int) -> Matrix:
    """Return the map of a part of a frame onto a picture of this size, such as a print.

    Raises:
        ValueError: The box is empty.
    """
    if not box.area > 0:
        raise ValueError(f"{box} is empty")
    x, y = width_px / box.width, height_px / box.height
    return np.array([[x, 0.0, -box.x0 * x], [0.0, y, -box.y0 * y]])


def moved(matrix: Matrix, x: float, y: float) -> Matrix:
    """Return the map with its results moved by this much: (-left, -top) of a part of the target."""
    shifted = matrix.copy()
    shifted[:, 2] += (x, y)
    return shifted


def magnification(matrix: Matrix) -> float:
    """Return pixels of the target per pixel of the origin (the root of the area's, where the axes differ)."""
    return math.sqrt(abs(float(np.linalg.det(matrix[:, :2]))))


def bounds(matrix: Matrix, points: npt.ArrayLike) -> Box:
    """Return the upright box around the places where points (N, 2) land, in whole pixels."""
    there = mapped(matrix, points)
    low, high = np.floor(there.min(axis=0) + 1e-9), np.ceil(there.max(axis=0) - 1e-9)
    return Box(float(low[0]), float(low[1]), float(high[0]), float(high[1]))


def warp(
    pixels: Samples | FloatPicture, matrix: Matrix, width_px: int, height_px: int, *, cubic: bool = True
) -> FloatPicture:
    """Resample a picture along a map: antialiased where it shrinks, cubic where it grows.

    Shrinking is done in three steps that share their coordinates: the mean over whole blocks of pixels, a Gaussian for
    the factor that remains (1.5 to 3), the cubic kernel. Without the first two every pixel of the result would see a
    4x4 patch of the origin only, and fine texture would alias. Places outside the picture show it reflected.

    Args:
        pixels: (H, W) or (H, W, 3): uint8, uint16, or float32 (as it is).
        matrix: From the picture to the result.
        width_px: Width of the result.
        height_px: Height of the result.
        cubic: The cubic kernel (a = -0.75, as OpenCV has it); otherwise bilinear, which cannot overshoot.

    Returns:
        (height_px, width_px[, 3]) float32: [0, 1] for integers; cubic may overshoot by a little.

    Raises:
        ValueError: The map flattens the plane, or the result has no pixels.
    """
    if width_px < 1 or height_px < 1:
        raise ValueError(f"cannot resample to {width_px}x{height_px}")
    seen = bounds(inverted(matrix), [(0, 0), (width_px, 0), (width_px, height_px), (0, height_px)])
    factor = 1 / magnification(matrix)
    block = max(math.floor(factor / _MIN_REST), 1)
    part, left, top = _reachable(pixels, seen, block * (_FILTER_REACH_PX + 1))
    small = _averaged(part, block)
    blocks = np.array([[block, 0.0, left], [0.0, block, top]], np.float64)
    rest = factor / block
    if rest > 1:
        # Takes a picture as sharp as its pixels (taken as a Gaussian of half a pixel) to one as sharp as the result's.
        sigma_px = 0.5 * math.sqrt(rest * rest - 1)
        small = np.asarray(cv2.GaussianBlur(small, (0, 0), sigma_px, borderType=cv2.BORDER_REFLECT), np.float32)
    result = cv2.warpAffine(
        small, _by_centres(composed(matrix, blocks)), (width_px, height_px),
        flags=cv2.INTER_CUBIC if cubic else cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT,
    )  # fmt: skip
    return np.asarray(result, np.float32)


def as_float(pixels: Samples | FloatPicture) -> FloatPicture:
    """Return integers as float32 in [0, 1], floats as they are."""
    values = np.asarray(pixels, np.float32)
    if pixels.dtype == np.float32:
        return values
    return np.multiply(values, np.float32(1 / np.iinfo(pixels.dtype.name).max), dtype=np.float32)


def _by_centres(matrix: Matrix) -> Matrix:
    """Return the same map between the coordinates OpenCV uses, where the centre of the first pixel is (0, 0)."""
    result = matrix.copy()
    result[:, 2] += matrix[:, :2] @ (0.5, 0.5) - 0.5
    return result


def _reachable(
    pixels: Samples | FloatPicture, seen: Box, margin_px: int
) -> tuple[Samples | FloatPicture, int, int]:  # fmt: skip
    """Return the part of the picture that a box can see, mirrored places included, with the part's left and top."""
    height, width = pixels.shape[:2]

    def span(start: float, end: float, length: int) -> tuple[int, int]:
        first, last = math.floor(start) - margin_px, math.ceil(end) + margin_px
        # What is mirrored must be there: as many pixels inside the edge as are missing outside it.
        return max(min(first, length - (last - length)), 0), min(max(last, -first), length)

    (x0, x1), (y0, y1) = span(seen.x0, seen.x1, width), span(seen.y0, seen.y1, height)
    return pixels[y0:y1, x0:x1], x0, y0


def _averaged(pixels: Samples | FloatPicture, block: int) -> FloatPicture:
    """Return the means over blocks of pixels; a last block that is not full is filled up by reflection."""
    if block == 1:
        return np.ascontiguousarray(as_float(pixels))
    rows, columns = (-(-side // block) for side in pixels.shape[:2])
    result = np.empty((rows, columns, *pixels.shape[2:]), np.float32)
    for start in range(0, rows, _STRIP_ROWS):
        strip = as_float(pixels[start * block : (start + _STRIP_ROWS) * block])
        below, beside = -strip.shape[0] % block, -strip.shape[1] % block
        if below or beside:
            strip = np.asarray(cv2.copyMakeBorder(strip, 0, below, 0, beside, cv2.BORDER_REFLECT), np.float32)
        size = (columns, strip.shape[0] // block)
        result[start : start + _STRIP_ROWS] = cv2.resize(strip, size, interpolation=cv2.INTER_AREA)
    return result
