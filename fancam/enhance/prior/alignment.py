"""Where a face lies in the square that the face networks know, and the way from there to the print.

Face space is a square of 512 pixels in which the five landmarks lie where the networks saw them in training. All
coordinates are edge based: the centre of the top left pixel is (0.5, 0.5).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fancam.enhance.prior.warp import (
    FloatPicture,
    Matrix,
    box_to_picture,
    composed,
    inverted,
    magnification,
    mapped,
    warp,
)
from fancam.records import Box, Samples

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
    matrix = _similarity(points, TEMPLATE)
    residual = _rms(matrix, points, TEMPLATE)
    best, left_out = (matrix, residual), None
    for number in range(len(points)):
        kept = np.arange(len(points)) != number
        if not np.ptp(points[kept], axis=0).max() > 1e-6:
            continue
        candidate = _similarity(points[kept], TEMPLATE[kept])
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


def _similarity(points: npt.NDArray[np.float64], targets: npt.NDArray[np.float64]) -> Matrix:
    """Return Umeyama's solution for points that do not all lie in one place."""
    from_mean, to_mean = points.mean(axis=0), targets.mean(axis=0)
    from_here, to_here = points - from_mean, targets - to_mean
    u, singular, vt = np.linalg.svd(to_here.T @ from_here)
    sign = np.array([1.0, np.sign(np.linalg.det(u) * np.linalg.det(vt)) or 1.0])
    scale = float(singular @ sign) / float((from_here**2).sum())
    linear = scale * (u * sign) @ vt
    return np.column_stack([linear, to_mean - linear @ from_mean])


def _rms(matrix: Matrix, points: npt.NDArray[np.float64], targets: npt.NDArray[np.float64]) -> float:
    return float(np.sqrt(((mapped(matrix, points) - targets) ** 2).sum(axis=1).mean()))
