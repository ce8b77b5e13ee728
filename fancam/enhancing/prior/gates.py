"""Which faces a face prior may touch, and which pixels of a face: skip rather than guess."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import cv2
import numpy as np
import numpy.typing as npt

from fancam.enhancing.prior.alignment import FACE_SIZE_PX, TEMPLATE, Alignment, align
from fancam.enhancing.work import ENOUGH_PIXELS
from fancam.geometry import Box
from fancam.results import Face
from fancam.settings import RestoreSettings

FacePicture = npt.NDArray[np.uint8] | npt.NDArray[np.float32]
"""(512, 512, 3) RGB: uint8, or float32 in [0, 1]."""

FloatMask = npt.NDArray[np.float32]
"""(512, 512) float32 in [0, 1], in face space."""

MIN_CONFIDENCE = 0.65
"""The detector reports faces from 0.55 on. The 43 faces of the project's test photos have 0.74 to 0.95; below lie hands
and folds of cloth, on which a prior would draw a face."""

MAX_RESIDUAL_PX = 25.0
"""How far the landmarks may lie from the template, root mean square in face space: a fifth of its eye distance. Faces
of test photos turned by less than ``RestoreSettings.max_yaw`` have 2 to 18; a mouth above the eyes has over 60."""

MIN_EYE_DISTANCE = 0.15
"""Distance of the eyes in heights of the face's box: 0.32 to 0.46 on test photos, 0.22 at a yaw proxy of 0.5."""

MAX_OVERLAP = 0.35
"""Intersection over union above which two detections are one face: heads do not interpenetrate, and neighbours overlap
by less than 0.3."""
MAX_INSIDE = 0.75
"""Share of the smaller box inside the larger above which they are one face: an eye that was taken for one, say."""


def skip_reason(face: Face, print_scale: float, settings: RestoreSettings) -> str | None:
    """Return why a face is left alone, or None where a prior may touch it.

    Args:
        face: In the source.
        print_scale: Print pixels per source pixel.
        settings: ``min_face_px`` and ``max_yaw``.

    Returns:
        - ``unsure``: it may be no face: weak detection, eyes in one place, or landmarks in no order of a face;
        - ``too_small``: too few pixels to know who it is, a prior would draw somebody;
        - ``sharp``: the camera saw more than the prior can give: as many pixels as the prior draws, or as many as the
          print shows;
        - ``turned``: too far for the priors, which know frontal faces.
    """
    alignment = _alignment(face)
    if (
        alignment is None
        or face.confidence < MIN_CONFIDENCE
        or face.eye_distance_px < MIN_EYE_DISTANCE * face.box.height
    ):
        return "unsure"
    turned = abs(face.yaw_proxy) > settings.max_yaw
    # A turned face lies far from the template as well: it is told apart by its name only.
    if alignment.residual_px > MAX_RESIDUAL_PX and not turned:
        return "unsure"
    if face.box.height < settings.min_face_px:
        return "too_small"
    if print_scale <= ENOUGH_PIXELS or alignment.scale <= 1:
        return "sharp"
    return "turned" if turned else None


def _alignment(face: Face) -> Alignment | None:
    try:
        return align(face.landmark_array)
    except ValueError:  # landmarks in one place, or not finite
        return None


def duplicates(faces: Sequence[Face]) -> frozenset[int]:
    """Return the indices of faces that are another one again: two priors on one face would draw it twice.

    Of two, the one the detector was surer of is kept; of equals the larger, then the first.

    Args:
        faces: Of one picture.
    """
    order = sorted(range(len(faces)), key=lambda index: (-faces[index].confidence, -faces[index].box.area, index))
    kept: list[int] = []
    for index in order:
        if not any(_same_place(faces[index].box, faces[other].box) for other in kept):
            kept.append(index)
    return frozenset(range(len(faces))) - frozenset(kept)


def _same_place(first: Box, second: Box) -> bool:
    smaller = min(first.area, second.area)
    return first.iou(second) > MAX_OVERLAP or first.intersection(second).area > MAX_INSIDE * smaller


# --- where in face space the prior may show ---------------------------------------------------------------------------

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


# --- what the camera saw and the prior did not ----------------------------------------------------------------------

LOW_BAND_PX = 12.0
"""Standard deviation of the Gaussian that leaves what camera and prior must agree on: 1.3 source pixels of a face 32 px
high, the smallest that is touched."""

AGREES_DELTA_E = 8.0
DIFFERS_DELTA_E = 16.0
"""Colour difference (CIELAB 1976, low band, after the shift of the whole face was taken off) up to which both are
counted as the same thing, and from which on as two. 2.3 is just visible (Mahy et al., Color Res. Appl. 19(2), 1994).
In the published pictures of real priors 95 % of the face differ by less than 4.2 (GFPGAN 1.4), 2.8 (RestoreFormer) and
6.3 (CodeFormer), at most by 5.7, 5.1 and 11.7; a black microphone on skin by about 60."""

MAX_SHIFT_DELTA_E = 10.0
"""Largest shift of the whole face that is taken off: priors tint a face by 1 to 3. More is no tint."""

MAX_OCCLUDED_SHARE = 0.35
"""Share of the face that may differ. Beyond it the prior had too little to see who it was drawing; a microphone at the
mouth takes about a fifth, a mask or a hand over mouth and nose half."""

_EDGE_PX = 9
"""By how much a place that differs is grown: the low band is a mixture at its edge."""
_FEATHER_PX = 6.0


@cache
def face_area() -> npt.NDArray[np.bool_]:
    """Return (512, 512): where a face of the template is, from the middle of the forehead to the chin."""
    return face_ellipse(TEMPLATE) > 0.01


def agreement_mask(camera: FacePicture, restored: FacePicture) -> FloatMask:
    """Return where a restored face still shows what the camera saw: 1 there, 0 where it shows another thing.

    A prior draws a face where a microphone, a hand, hair or a mask was. Detail is its own to draw; the low band is
    not: where that differs by more than a tint, the camera is right. A hand of the colour of the face is not told
    apart.

    Args:
        camera: The aligned face that was given to the prior.
        restored: What it made of it.

    Returns:
        (512, 512) float32 in [0, 1], soft at its edges. Outside of the face it holds as well.
    """
    difference = _low_band(restored) - _low_band(camera)
    shift = np.median(difference[face_area()], axis=0)
    length = float(np.linalg.norm(shift))
    shift = shift * min(1.0, MAX_SHIFT_DELTA_E / max(length, 1e-6))
    delta_e = np.linalg.norm(difference - shift, axis=2)
    agreement = np.clip((DIFFERS_DELTA_E - delta_e) / (DIFFERS_DELTA_E - AGREES_DELTA_E), 0, 1).astype(np.float32)
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * _EDGE_PX + 1, 2 * _EDGE_PX + 1))
    return np.clip(cv2.GaussianBlur(cv2.erode(agreement, kernel), (0, 0), _FEATHER_PX), 0, 1)


def occlusion_reason(agreement: FloatMask) -> str | None:
    """Return ``occluded`` where too much of the face shows another thing than the camera saw, else None.

    Args:
        agreement: From ``agreement_mask``.
    """
    share = 1 - float(agreement[face_area()].mean(dtype=np.float64))
    return "occluded" if share > MAX_OCCLUDED_SHARE else None


def _low_band(picture: FacePicture) -> npt.NDArray[np.float32]:
    """Return (512, 512, 3) float32 CIELAB of the picture without its detail."""
    if picture.shape != (FACE_SIZE_PX, FACE_SIZE_PX, 3) or picture.dtype not in (np.uint8, np.float32):
        raise ValueError(f"not an RGB face of {FACE_SIZE_PX} pixels: {picture.shape} {picture.dtype}")
    levels = picture.astype(np.float32) / np.float32(255 if picture.dtype == np.uint8 else 1)
    return cv2.cvtColor(cv2.GaussianBlur(levels, (0, 0), LOW_BAND_PX), cv2.COLOR_RGB2LAB).astype(np.float32, copy=False)
