"""Linear light and back: dots mix as light does, not as coded values do."""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt

from fancam.records import Samples

Plane = npt.NDArray[np.float32]


def linear_light(samples: Samples) -> Plane:
    """Return the light of sRGB samples (IEC 61966-2-1), same shape, float32 in [0, 1]; uint8 or uint16."""
    return _table(int(np.iinfo(samples.dtype).max))[samples]


def coded(light: Plane, dtype: np.dtype[np.uint8] | np.dtype[np.uint16]) -> Samples:
    """Return sRGB samples of linear light, rounded and clipped to the range of the type."""
    light = np.clip(light, 0, 1)
    values = np.where(light <= 0.0031308, 12.92 * light, 1.055 * np.power(light, 1 / 2.4) - 0.055)
    levels = np.rint(values * np.iinfo(dtype).max)
    return levels.astype(np.uint8) if dtype == np.uint8 else levels.astype(np.uint16)


@cache
def _table(most: int) -> Plane:
    value = np.arange(most + 1) / most
    light = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    return light.astype(np.float32)
