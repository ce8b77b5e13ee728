"""Where in face space the prior may speak: a soft ellipse, what the parser calls face, where prior and camera agree."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from fancam.enhance.prior.alignment import FACE_SIZE_PX, FloatPicture

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
