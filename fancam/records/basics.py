"""Types that every stage speaks: pictures, samples, progress."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

Picture = npt.NDArray[np.uint8]
"""(height, width, 3) uint8 RGB."""

Samples = npt.NDArray[np.uint8] | npt.NDArray[np.uint16]
"""A picture or a plane of one, with 8 or 16 bits."""

Progress = Callable[[str, int, int | None], None]
"""Called as ``progress(stage, done, total)``; total is None while it is unknown."""


def no_progress(stage: str, done: int, total: int | None) -> None:
    """Ignore progress; the default of every stage that reports it."""
