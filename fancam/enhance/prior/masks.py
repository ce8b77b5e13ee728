"""Where in face space the prior may speak: a soft ellipse, what the parser calls face, where prior and camera agree."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from fancam.enhance.prior.alignment import FACE_SIZE_PX

FloatMask = npt.NDArray[np.float32]
"""(512, 512) float32 in [0, 1], in face space."""

BORDER_PX = 10
"""Outermost pixels of the square that no mask uses: what a network draws there has seen no neighbours."""

_BORDER_RAMP_PX = 24
"""Width over which a mask falls to 0 before the border."""

_CENTRE_SHARE = 0.5
_HALF_HEIGHT_SHARE = 1.15
_HALF_WIDTH_SHARE = 0.56
_PLATEAU_SHARE = 0.72
"""The ellipse, in distances between the middles of eyes and mouth: on the template it reaches from the middle of the
forehead to the chin (y 155 to 456) and from cheekbone to cheekbone (x 112 to 400), fully on over the inner 72 %. Chosen
on aligned portraits so that eyes, brows, nose and mouth are inside and hairline, ears and jaw are in the soft part."""

_PARSER_ERODE_PX = 13
_PARSER_BLUR_PX = 6.0
"""The parser's mask is shrunk by about two sigmas before it is blurred, so that it is nearly 0 where hair, a microphone
or a hand begins: what the prior draws across such an edge never shows."""


def face_ellipse(landmarks: npt.ArrayLike, *, reach: float = 1.0) -> FloatMask:
    """Return a soft ellipse over the face: 1 on the features, falling to 0 at the rim as a cosine.

    Centre, axes and tilt follow the landmarks, so that the ellipse of a face that is turned or nods is narrower or
    lower; wherever they are, the ellipse stays inside the square.

    Args:
        landmarks: (5, 2) in face space, edge based; ``Alignment.landmarks_in_face``.
        reach: Larger than 1 for a wider ellipse, when a parser says what is face in it.

    Returns:
        (512, 512) float32 in [0, 1]; all 0 where the landmarks span nothing.
    """
    points = np.asarray(landmarks, np.float64)
    eyes, mouth = points[:2].mean(axis=0), points[3:].mean(axis=0)
    down = mouth - eyes
    across = points[1] - points[0]
    # Between the width the eyes give and the one the height gives: eyes alone collapse when the head turns.
    length = float(np.hypot(*across))
    height = float(np.hypot(*down))
    if not (length > 1 and height > 1):
        return np.zeros((FACE_SIZE_PX, FACE_SIZE_PX), np.float32)
    half_width = across / length * _HALF_WIDTH_SHARE * (length + height) * reach
    half_height = down * _HALF_HEIGHT_SHARE * reach
    axes = np.column_stack([half_width, half_height])
    if not abs(np.linalg.det(axes)) > 1:
        return np.zeros((FACE_SIZE_PX, FACE_SIZE_PX), np.float32)
    into = np.linalg.inv(axes)
    centre = eyes + _CENTRE_SHARE * down
    along = np.arange(FACE_SIZE_PX, dtype=np.float64) + 0.5
    x, y = along[None, :] - centre[0], along[:, None] - centre[1]
    radius = np.hypot(into[0, 0] * x + into[0, 1] * y, into[1, 0] * x + into[1, 1] * y)
    return (_falling(radius, _PLATEAU_SHARE, 1.0) * _border()).astype(np.float32)


def blend_mask(
    ellipse: FloatMask, parser_mask: FloatMask | None = None, agreement: FloatMask | None = None
) -> FloatMask:
    """Return where the prior is blended in, and how much.

    Args:
        ellipse: From ``face_ellipse``; with a parser, of a larger reach, to leave out a neighbour's face.
        parser_mask: (512, 512) in [0, 1], from ``FaceParser.masks``: 1 on face. Shrunk and feathered here.
        agreement: (512, 512) in [0, 1]: 0 where the prior drew something that is not there.

    Returns:
        (512, 512) float32 in [0, 1], 0 on the outermost ``BORDER_PX``.
    """
    mask = np.asarray(ellipse, np.float32)
    if parser_mask is not None:
        mask = mask * feathered(parser_mask)
    if agreement is not None:
        mask = mask * np.asarray(agreement, np.float32)
    return np.clip(mask * _border(), 0, 1).astype(np.float32)


def feathered(mask: FloatMask) -> FloatMask:
    """Return the mask shrunk and blurred: nearly 0 where it ended, 1 deep inside."""
    size = 2 * _PARSER_ERODE_PX + 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    # Outside the square counts as no face.
    shrunk = cv2.erode(np.asarray(mask, np.float32), kernel, borderType=cv2.BORDER_CONSTANT, borderValue=0.0)
    blurred = cv2.GaussianBlur(shrunk, (0, 0), _PARSER_BLUR_PX, borderType=cv2.BORDER_CONSTANT)
    return np.clip(blurred, 0, 1).astype(np.float32)


def mask_share(mask: FloatMask) -> float:
    """Return the share of the square that the mask covers, in [0, 1]."""
    return float(mask.mean(dtype=np.float64))


def _falling(values: npt.NDArray[np.float64], start: float, end: float) -> npt.NDArray[np.float64]:
    """Return 1 below the start, 0 above the end, half a cosine between."""
    share = np.clip((values - start) / (end - start), 0, 1)
    return 0.5 + 0.5 * np.cos(np.pi * share)


def _border() -> npt.NDArray[np.float32]:
    """Return 0 on the border of the square, rising to 1."""
    inward = np.minimum(np.arange(FACE_SIZE_PX), np.arange(FACE_SIZE_PX)[::-1]).astype(np.float64)
    ramp = _falling(-inward, -float(BORDER_PX + _BORDER_RAMP_PX), -float(BORDER_PX) + 1)
    return np.minimum(ramp[:, None], ramp[None, :]).astype(np.float32)
