"""Lays a restored face into a print: in the light of the print, only where it belongs, and only its detail."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from fancam.enhancing.colour import from_linear, to_linear
from fancam.enhancing.prior.alignment import FloatPicture, Matrix, bounds, cut_square, magnification, moved, warp
from fancam.enhancing.prior.gates import FloatMask
from fancam.geometry import Box
from fancam.media import Samples

LIGHT_BAND_PX = 16.0
"""Standard deviation, in face space, of the Gaussian below which nothing of the prior is used: light, shade and skin
tone are those of the print beneath. An eighth of the distance of the eyes: an eyelid or a tooth is above it, a cheek
below."""

COLOUR_BAND_PX = 8.0
"""The same for colour as against brightness. Priors are known to change the colour of eyes and lips; two thirds of
an iris (12 px in radius) lies below this band, while the white of an eye or a tooth still turns white."""

_REDUCTION = 4
"""The low bands are computed at a quarter of the size: they hold nothing that would be lost."""

_MIN_WEIGHT = 1e-3
"""Weight of a pixel outside the mask in the low bands: what the prior drew around the face counts only where there is
nothing else."""

_DARK = 0.002
"""Linear light below which a ratio means nothing; about 6 of 255."""

_MAX_GAIN = 4.0
"""Two stops. A prior that is further off drew something else."""

_LUMINANCE = np.array([0.2126, 0.7152, 0.0722], np.float32)
"""Weights of linear RGB (ITU-R BT.709, IEC 61966-2-1)."""

_STRIP_ROWS = 512
"""Rows of a large print that are worked on at a time, so that a face of 4000 px needs no float copy of itself."""


# --- in face space ----------------------------------------------------------------------------------------------------


def match_face(face: FloatPicture, beneath: FloatPicture, mask: FloatMask) -> FloatPicture:
    """Return the drawn face as if it had been taken in the light of the picture beneath it.

    In linear light: a smooth gain per channel takes the exposure and the tint of the drawn face to those beneath. What
    then differs is split in bands; only fine differences are added to the picture beneath, those of brightness
    below ``LIGHT_BAND_PX`` in the colour of the place, those of colour below ``COLOUR_BAND_PX``. So wherever the two
    agree, the result is the picture beneath, and neither light nor skin tone can change.

    Args:
        face: (512, 512, 3) float32 RGB in [0, 1], sRGB: what the prior drew.
        beneath: The same square of the print.
        mask: Where the face is to be used; the low bands are those of this part, not of hair and background.

    Returns:
        (512, 512, 3) float32 RGB in [0, 1].
    """
    result = beneath.copy()
    used = _used(mask)
    if used is not None:
        result[used] = _matched(face[used], beneath[used], mask[used])
    return result


def _matched(face: FloatPicture, beneath: FloatPicture, mask: FloatMask) -> FloatPicture:
    weight = _reduced(mask) + np.float32(_MIN_WEIGHT)
    base, drawn = to_linear(beneath), to_linear(face)
    exposed = drawn * _low_gain(_reduced(base), _reduced(drawn), weight)
    brightness = _luminance(exposed - base)
    brightness -= _low(brightness, weight, LIGHT_BAND_PX)
    result: FloatPicture = base + brightness[..., None] * _local_colour(_reduced(base), weight)
    colour: FloatPicture = exposed - result
    result += colour - _low(colour, weight, COLOUR_BAND_PX)
    return from_linear(np.clip(result, 0, 1))


def blend_face(beneath: FloatPicture, face: FloatPicture, mask: FloatMask, strength: float) -> FloatPicture:
    """Return what ``paste_face`` prints, in face space: for judging a strength without a print.

    Args:
        beneath: (512, 512, 3) float32 RGB in [0, 1]: the square of the print, from ``cut_square``.
        face: What the prior drew.
        mask: From ``blend_mask``.
        strength: Share of the prior's detail, 0 to 1.

    Returns:
        (512, 512, 3) float32 RGB in [0, 1]; ``beneath`` itself at strength 0.

    Raises:
        ValueError: The strength is outside 0 to 1.
    """
    _require_share(strength)
    if strength == 0:
        return beneath
    matched = match_face(face, beneath, mask)
    return beneath + np.float32(strength) * mask[..., None] * (matched - beneath)


def _require_share(strength: float) -> None:
    """Raise ValueError unless the strength is in [0, 1]."""
    if not 0 <= strength <= 1:
        raise ValueError(f"a strength of {strength} is not between 0 and 1")


def _used(mask: FloatMask) -> tuple[slice, slice] | None:
    """Return the part of the square around what the mask uses, in whole pixels of the reduced square; None for none."""
    slices = []
    for axis in (1, 0):
        seen = np.flatnonzero(mask.max(axis=axis) > 0)
        if not seen.size:
            return None
        # One sigma around: beyond it the weights are next to nothing.
        first = max(int(seen[0] - LIGHT_BAND_PX) // _REDUCTION, 0) * _REDUCTION
        last = min(-(-int(seen[-1] + 1 + LIGHT_BAND_PX) // _REDUCTION) * _REDUCTION, len(mask))
        slices.append(slice(first, last))
    return slices[0], slices[1]


def _luminance(light: FloatPicture) -> npt.NDArray[np.float32]:
    """Return the luminance of linear RGB."""
    return np.asarray(light @ _LUMINANCE, np.float32)


def _reduced(values: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    height, width = values.shape[:2]
    size = (width // _REDUCTION, height // _REDUCTION)
    return np.asarray(cv2.resize(values, size, interpolation=cv2.INTER_AREA), np.float32)


def _enlarged(values: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    height, width = values.shape[:2]
    size = (width * _REDUCTION, height * _REDUCTION)
    return np.asarray(cv2.resize(values, size, interpolation=cv2.INTER_CUBIC), np.float32)


def _smooth(
    small: npt.NDArray[np.float32], weight: npt.NDArray[np.float32], sigma_px: float
) -> npt.NDArray[np.float32]:
    """Return the weighted low band of a reduced picture: normalised convolution (Knutsson, Westin, CVPR 1993)."""

    def blurred(values: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        return np.asarray(cv2.GaussianBlur(values, (0, 0), sigma_px / _REDUCTION, borderType=cv2.BORDER_REFLECT))

    if small.ndim == 2:
        return blurred(small * weight) / blurred(weight)
    return blurred(small * weight[..., None]) / blurred(weight)[..., None]


def _low(values: npt.NDArray[np.float32], weight: npt.NDArray[np.float32], sigma_px: float) -> npt.NDArray[np.float32]:
    return _enlarged(_smooth(_reduced(values), weight, sigma_px))


def _low_gain(base: FloatPicture, drawn: FloatPicture, weight: npt.NDArray[np.float32]) -> FloatPicture:
    """Return the factor per channel that gives the drawn face the light of the base, from reduced pictures."""
    wanted, given = _smooth(base, weight, LIGHT_BAND_PX), _smooth(drawn, weight, LIGHT_BAND_PX)
    ratio: FloatPicture = (wanted + np.float32(_DARK)) / (given + np.float32(_DARK))
    return _enlarged(np.clip(ratio, 1 / _MAX_GAIN, _MAX_GAIN))


def _local_colour(base: FloatPicture, weight: npt.NDArray[np.float32]) -> FloatPicture:
    """Return the colour of each place at luminance 1, so that brightness can be added in it, from a reduced picture."""
    smooth = _smooth(base, weight, COLOUR_BAND_PX) + np.float32(_DARK)
    return _enlarged(smooth / _luminance(smooth)[..., None])


# --- in the print -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class PasteResult:
    """Where a face was laid into a print."""

    roi: Box
    """Whole pixels of the print, half open: nothing outside changed. Empty where nothing was blended."""
    alpha: FloatMask
    """(height, width) float32 of ``roi``: share of the prior at each pixel, strength included."""


def paste_face(
    printed: Samples, face: FloatPicture, mask: FloatMask, face_to_print: Matrix, strength: float
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

    Returns:
        Where it was laid; the roi is empty at strength 0, with an empty mask, or outside the print.

    Raises:
        ValueError: The strength is outside 0 to 1, the map flattens the plane, or a shape does not fit.
    """
    _require_share(strength)
    place = _place(printed, face, mask, face_to_print, strength)
    if place.roi.area > 0:
        beneath = cut_square(printed, face_to_print, face.shape[0])
        change = match_face(face, beneath, mask)
        change -= beneath
        change *= np.float32(strength) * mask[..., None]
        for rows, part, matrix in _strips(printed, place.roi, face_to_print):
            height, width = part.shape[:2]
            full = np.float32(np.iinfo(part.dtype).max)
            values = warp(change, matrix, width, height) * full + part
            part[...] = np.clip(np.rint(values, out=values), 0, full, out=values)
            place.alpha[rows] = warp(mask, matrix, width, height, cubic=False) * np.float32(strength)
    return place


def _place(
    printed: Samples, face: FloatPicture, mask: FloatMask, face_to_print: Matrix, strength: float
) -> PasteResult:  # fmt: skip
    """Return where the used part of the mask lands, with room for its share of the prior."""
    if face.ndim != 3 or face.shape[2] != 3 or mask.shape != face.shape[:2]:
        raise ValueError(f"a face of shape {face.shape} with a mask of shape {mask.shape}")
    roi = Box(0, 0, 0, 0)
    if strength > 0 and mask.max() > 0:
        roi = bounds(face_to_print, _outline(mask)).clipped(printed.shape[1], printed.shape[0])
    if not roi.area > 0:
        roi = Box(0, 0, 0, 0)
    return PasteResult(roi, np.zeros((int(roi.height), int(roi.width)), np.float32))


def _outline(mask: FloatMask) -> npt.NDArray[np.float64]:
    """Return (N, 2) points around the used pixels of a mask: both ends of the first and last in each row."""
    used = mask > 0
    rows = np.flatnonzero(used.any(axis=1))
    first = used[rows].argmax(axis=1)
    last = used.shape[1] - used[rows, ::-1].argmax(axis=1)
    ends = [np.stack([side, rows + edge], axis=1) for side in (first, last) for edge in (0, 1)]
    return np.concatenate(ends).astype(np.float64)


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
