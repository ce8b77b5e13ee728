"""The face a prior drew, with the light and the colours of the picture it goes into. All in face space."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from fancam.enhance.prior.masks import FloatMask
from fancam.enhance.prior.warp import FloatPicture

LIGHT_BAND_PX = 16.0
"""Standard deviation, in face space, of the Gaussian below which the prior has no say: light, shade and skin tone are
what is printed beneath. An eighth of the distance of the eyes: an eyelid or a tooth is above it, a cheek below."""

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


def match_face(
    face: FloatPicture, beneath: FloatPicture, mask: FloatMask, *, reference: FloatPicture | None = None
) -> FloatPicture:
    """Return the drawn face as if it had been taken in the light of the picture beneath it.

    In linear light: a smooth gain per channel takes the exposure and the tint of the drawn face to those beneath. What
    then differs is split in bands; only fine differences are added to the picture beneath, those of brightness
    below ``LIGHT_BAND_PX`` in the colour of the place, those of colour below ``COLOUR_BAND_PX``. So wherever the two
    agree, the result is the picture beneath, and neither light nor skin tone can change.

    Args:
        face: (512, 512, 3) float32 RGB in [0, 1], sRGB: what the prior drew.
        beneath: The same square of the print.
        mask: Where the face is to be used; the low bands are those of this part, not of hair and background.
        reference: The square of another picture, such as the camera's, whose low band the result takes instead.

    Returns:
        (512, 512, 3) float32 RGB in [0, 1].
    """
    result = beneath.copy()
    used = _used(mask)
    if used is not None:
        camera = None if reference is None else reference[used]
        result[used] = _matched(face[used], beneath[used], mask[used], camera)
    return result


def _matched(
    face: FloatPicture, beneath: FloatPicture, mask: FloatMask, reference: FloatPicture | None
) -> FloatPicture:  # fmt: skip
    weight = _reduced(mask) + np.float32(_MIN_WEIGHT)
    base, drawn = to_linear(beneath), to_linear(face)
    if reference is not None:
        base = np.maximum(base + _low(to_linear(reference) - base, weight, LIGHT_BAND_PX), 0)
    exposed = drawn * _low_gain(_reduced(base), _reduced(drawn), weight)
    brightness = _luminance(exposed - base)
    brightness -= _low(brightness, weight, LIGHT_BAND_PX)
    result: FloatPicture = base + brightness[..., None] * _local_colour(_reduced(base), weight)
    colour: FloatPicture = exposed - result
    result += colour - _low(colour, weight, COLOUR_BAND_PX)
    return from_linear(np.clip(result, 0, 1))


def blend_face(
    beneath: FloatPicture,
    face: FloatPicture,
    mask: FloatMask,
    strength: float,
    *,
    reference: FloatPicture | None = None,
) -> FloatPicture:
    """Return what ``paste_face`` prints, in face space: for judging a strength without a print.

    Args:
        beneath: (512, 512, 3) float32 RGB in [0, 1]: the square of the print, from ``cut_square``.
        face: What the prior drew.
        mask: From ``blend_mask``.
        strength: Share of the prior's detail, 0 to 1.
        reference: See ``match_face``.

    Returns:
        (512, 512, 3) float32 RGB in [0, 1]; ``beneath`` itself at strength 0.

    Raises:
        ValueError: The strength is outside 0 to 1.
    """
    require_strength(strength)
    if strength == 0:
        return beneath
    matched = match_face(face, beneath, mask, reference=reference)
    return beneath + np.float32(strength) * mask[..., None] * (matched - beneath)


def require_strength(strength: float) -> None:
    """Raise ValueError unless the strength is in [0, 1]."""
    if not 0 <= strength <= 1:
        raise ValueError(f"a strength of {strength} is not between 0 and 1")


def to_linear(picture: FloatPicture) -> FloatPicture:
    """Return linear light for sRGB values in [0, 1] (IEC 61966-2-1)."""
    values = np.asarray(picture, np.float32)
    curve = np.power((values + np.float32(0.055)) * np.float32(1 / 1.055), np.float32(2.4))
    return np.where(values <= np.float32(0.04045), values * np.float32(1 / 12.92), curve)


def from_linear(light: FloatPicture) -> FloatPicture:
    """Return sRGB values for linear light in [0, 1] (IEC 61966-2-1)."""
    curve = np.float32(1.055) * np.power(light, np.float32(1 / 2.4)) - np.float32(0.055)
    return np.where(light <= np.float32(0.0031308), light * np.float32(12.92), curve)


def _used(mask: FloatMask) -> tuple[slice, slice] | None:
    """Return the part of the square around what the mask uses, in whole pixels of the reduced square; None for none."""
    slices = []
    for axis in (1, 0):
        seen = np.flatnonzero(mask.max(axis=axis) > 0)
        if not seen.size:
            return None
        # One sigma around: beyond it the weights have no say any more.
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
