"""Lays a restored face into a print: only where it belongs, to a hundredth of a pixel, and only its detail."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from fancam.enhance.prior.alignment import FloatPicture, Matrix, cut_square, magnification, mapped, moved, warp
from fancam.enhance.prior.blending import FloatMask, mask_share, match_face, require_strength
from fancam.geometry import Box
from fancam.media import Samples

_STRIP_ROWS = 512
"""Rows of a large print that are worked on at a time, so that a face of 4000 px needs no float copy of itself."""

_SEAM_SECTORS = 8
"""Directions in which a seam is looked for."""

_SEAM_BLUR_PX = 8.0
"""Standard deviation, in face space, of the Gaussian before it: a seam is as wide as the rim, texture is not."""


@dataclass(frozen=True, slots=True, eq=False)
class PasteResult:
    """Where a face was laid into a print."""

    roi: Box
    """Whole pixels of the print, half open: nothing outside changed. Empty where nothing was blended."""
    alpha: FloatMask
    """(height, width) float32 of ``roi``: share of the prior at each pixel, strength included."""
    strength: float
    mask_share: float
    """Share of the aligned face square that was blended into."""
    magnification: float
    """Print pixels per pixel of the face square; above 1 the print has finer detail than the prior could give."""


def paste_face(
    printed: Samples,
    face: FloatPicture,
    mask: FloatMask,
    face_to_print: Matrix,
    strength: float,
    *,
    reference: FloatPicture | None = None,
) -> PasteResult:
    """Add the detail of a drawn face to a print, in place.

    The same square is cut out of the print, the drawn face is matched to it (``match_face``), and what is left of the
    difference is added to the print. So light, colour and any detail of the print that is finer than the face square
    stay, a face equal to the print changes nothing, and where the face square is larger than its place in the print
    its detail is antialiased. Values are rounded to the nearest level.

    Args:
        printed: (H, W, 3) uint8 or uint16 RGB, sRGB; changed in place, and only inside the returned ``roi``.
        face: (512, 512, 3) float32 RGB in [0, 1].
        mask: (512, 512) float32 in [0, 1], from ``blend_mask``.
        face_to_print: (2, 3), from ``Alignment.to_print``.
        strength: Share of the prior's detail, 0 to 1; 0 leaves every byte as it is.
        reference: (512, 512, 3): whose low band the face takes; None for that of the print.

    Returns:
        Where it was laid; the roi is empty at strength 0, with an empty mask, or outside the print.

    Raises:
        ValueError: The strength is outside 0 to 1, the map flattens the plane, or a shape does not fit.
    """
    require_strength(strength)
    place = _place(printed, face, mask, face_to_print, strength)
    if place.roi.area > 0:
        beneath = cut_square(printed, face_to_print, face.shape[0])
        change = match_face(face, beneath, mask, reference=reference)
        change -= beneath
        change *= np.float32(strength) * mask[..., None]
        for rows, part, matrix in _strips(printed, place.roi, face_to_print):
            added = warp(change, matrix, part.shape[1], part.shape[0])
            _store(part, added * _full(part) + part)
            place.alpha[rows] = _alpha(mask, matrix, part.shape, strength)
    return place


def paste_square(
    printed: Samples, face: FloatPicture, mask: FloatMask, face_to_print: Matrix, strength: float = 1.0,
    *, cubic: bool = True,
) -> PasteResult:  # fmt: skip
    """Cover a print with a face square by the mask, in place and as it is: no matching, colours and light included.

    For a picture that is to replace what is beneath, and for comparison with programs that paste in this way.

    Args:
        printed: See ``paste_face``, as for the rest.
        face: (S, S, 3) float32 RGB in [0, 1].
        mask: (S, S) float32 in [0, 1].
        face_to_print: (2, 3).
        strength: 0 to 1.
        cubic: Whether the face is enlarged with the cubic kernel; otherwise bilinear.

    Raises:
        ValueError: See ``paste_face``.
    """
    require_strength(strength)
    place = _place(printed, face, mask, face_to_print, strength)
    if place.roi.area > 0:
        for rows, part, matrix in _strips(printed, place.roi, face_to_print):
            laid = warp(face, matrix, part.shape[1], part.shape[0], cubic=cubic)
            alpha = _alpha(mask, matrix, part.shape, strength)
            laid *= _full(part)
            laid -= part
            laid *= alpha[..., None]
            laid += part
            _store(part, laid)
            place.alpha[rows] = alpha
    return place


def seam(before: Samples, after: Samples, pasted: PasteResult) -> float:
    """Return how visible the rim of a pasted face is: the largest step across it that the paste brought, in levels.

    Along the contour of the mask, in ``_SEAM_SECTORS`` directions, the gradient across the rim of what was changed is
    fitted by the gradient of the mask: the factor is the step in levels of 255. Texture cancels out, light and colour
    add up. The largest step of a direction and a channel counts. Up to about 2 there is nothing to see; a face in
    another light has tens.

    Args:
        before: (H, W, 3) the print before the paste.
        after: The same after it.
        pasted: What the paste returned.
    """
    if not pasted.roi.area > 0 or not pasted.alpha.max() > 0:
        return 0.0
    part = pasted.roi.as_slices()
    levels = np.float32(255 / np.iinfo(after.dtype).max)
    change: npt.NDArray[np.float32] = (after[part].astype(np.float32) - before[part]) * levels
    sigma_px = max(_SEAM_BLUR_PX * pasted.magnification, 1.0)
    share = np.asarray(cv2.GaussianBlur(pasted.alpha / pasted.alpha.max(), (0, 0), sigma_px), np.float32)
    change = np.asarray(cv2.GaussianBlur(change, (0, 0), sigma_px), np.float32)
    x, y = cv2.Scharr(share, cv2.CV_32F, 1, 0) / 32, cv2.Scharr(share, cv2.CV_32F, 0, 1) / 32
    steepness = np.hypot(x, y)
    rim = (share > 0.1) & (share < 0.9) & (steepness > 1e-4)
    if not rim.any():
        return 0.0
    rows, columns = np.nonzero(rim)
    centre_y, centre_x = (np.argwhere(share > 0.5) if (share > 0.5).any() else np.argwhere(rim)).mean(axis=0)
    sector = np.floor((np.arctan2(rows - centre_y, columns - centre_x) / (2 * np.pi) + 0.5) * _SEAM_SECTORS)
    sector = np.clip(sector, 0, _SEAM_SECTORS - 1).astype(int)
    # The gradient against that of the mask: the integral of the mask's gradient across the rim is 1.
    weight = np.bincount(sector, (steepness[rim] ** 2).astype(np.float64), _SEAM_SECTORS)
    steps = []
    for channel in range(3):
        along = cv2.Scharr(change[..., channel], cv2.CV_32F, 1, 0) / 32 * x
        along += cv2.Scharr(change[..., channel], cv2.CV_32F, 0, 1) / 32 * y
        total = np.bincount(sector, along[rim].astype(np.float64), _SEAM_SECTORS)
        steps.append(np.abs(np.divide(total, weight, out=np.zeros_like(total), where=weight > 0)))
    return float(np.max(steps))


def _place(
    printed: Samples, face: FloatPicture, mask: FloatMask, face_to_print: Matrix, strength: float
) -> PasteResult:  # fmt: skip
    """Return where the used part of the mask lands, with room for its share of the prior."""
    if face.ndim != 3 or face.shape[2] != 3 or mask.shape != face.shape[:2]:
        raise ValueError(f"a face of shape {face.shape} with a mask of shape {mask.shape}")
    roi = Box(0, 0, 0, 0)
    if strength > 0 and mask.max() > 0:
        roi = _around(_outline(mask), face_to_print).clipped(printed.shape[1], printed.shape[0])
    if not roi.area > 0:
        roi = Box(0, 0, 0, 0)
    share = mask_share(mask) if roi.area > 0 else 0.0
    alpha = np.zeros((int(roi.height), int(roi.width)), np.float32)
    return PasteResult(roi, alpha, strength, share, magnification(face_to_print))


def _outline(mask: FloatMask) -> npt.NDArray[np.float64]:
    """Return (N, 2) points around the used pixels of a mask: both ends of the first and last in each row."""
    used = mask > 0
    rows = np.flatnonzero(used.any(axis=1))
    first = used[rows].argmax(axis=1)
    last = used.shape[1] - used[rows, ::-1].argmax(axis=1)
    ends = [np.stack([side, rows + edge], axis=1) for side in (first, last) for edge in (0, 1)]
    return np.concatenate(ends).astype(np.float64)


def _around(points: npt.NDArray[np.float64], matrix: Matrix) -> Box:
    """Return the whole pixels around the places where points land."""
    there = mapped(matrix, points)
    low, high = np.floor(there.min(axis=0) + 1e-9), np.ceil(there.max(axis=0) - 1e-9)
    return Box(float(low[0]), float(low[1]), float(high[0]), float(high[1]))


def _strips(printed: Samples, roi: Box, face_to_print: Matrix) -> Iterator[tuple[slice, Samples, Matrix]]:
    """Yield (rows of the roi, that part of the print, the map to it), from the top down.

    A face that is made smaller is done in one piece, so that its pixels are averaged in the same blocks throughout; it
    is smaller than the face square, then.
    """
    x0, y0, x1, y1 = (int(side) for side in (roi.x0, roi.y0, roi.x1, roi.y1))
    step = _STRIP_ROWS if magnification(face_to_print) > 1 else y1 - y0
    for top in range(y0, y1, step):
        bottom = min(top + step, y1)
        yield slice(top - y0, bottom - y0), printed[top:bottom, x0:x1], moved(face_to_print, -x0, -top)


def _alpha(mask: FloatMask, matrix: Matrix, shape: tuple[int, ...], strength: float) -> FloatMask:
    """Return the share of the prior in a part of the print."""
    alpha = warp(mask, matrix, shape[1], shape[0], cubic=False)
    return np.asarray(alpha * np.float32(strength), np.float32)


def _full(pixels: Samples) -> np.float32:
    """Return the level of white."""
    return np.float32(np.iinfo(pixels.dtype).max)


def _store(part: Samples, values: npt.NDArray[np.float32]) -> None:
    """Round to the nearest level into a part of a print."""
    np.rint(values, out=values)
    np.clip(values, 0, _full(part), out=values)
    part[...] = values
