"""Which colours of a picture a press cannot print."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from fancam.pictures.difference import delta_e00
from fancam.pictures.press import PressProfile, lab_of_press, lab_of_source, to_press
from fancam.records import Samples

OUT_OF_GAMUT_DELTA_E = 4.0
_BAND_PX = 1 << 18
_MOST_RATIO = 2.3
"""CIEDE2000 is never more than this times the distance in L*a*b*: it stretches a* by up to 1.5, and its rotation term
counts differences of chroma and hue that point one way up to twice, which makes 1.5 times the root of 2."""


def out_of_gamut(
    pixels: Samples, source_profile: bytes | None, press: PressProfile, *, least_delta_e: float = OUT_OF_GAMUT_DELTA_E
) -> tuple[npt.NDArray[np.bool_], float]:
    """Return where a press cannot print a colour.

    A colour counts as out of gamut when it comes back from the press by more than ``least_delta_e`` (CIEDE2000) away:
    converted relative colorimetric, without black point compensation, so that whatever the press can print comes back
    as it was but for the rounding of tables.

    Args:
        pixels: (height, width, 3) RGB, uint8 or uint16.
        source_profile: The profile they are in; sRGB when None.
        press: The profile of the press.
        least_delta_e: What counts as another colour.

    Returns:
        (height, width) bool, and the share of it that is true, in [0, 1].

    Raises:
        ProfileError: As ``to_press`` does.
    """
    height, width = pixels.shape[:2]
    mask = np.zeros((height, width), np.bool_)
    step = max(_BAND_PX // max(width, 1), 1)
    for y in range(0, height, step):
        band = pixels[y : y + step]
        ink = to_press(band, source_profile, press, intent="relative", black_point=False)
        wanted, printed = lab_of_source(band, source_profile), lab_of_press(ink, press)
        apart = np.linalg.norm(wanted - printed, axis=2) > least_delta_e / _MOST_RATIO
        mask[y : y + step][apart] = delta_e00(wanted[apart], printed[apart]) > least_delta_e
    return mask, float(np.count_nonzero(mask) / max(mask.size, 1))
