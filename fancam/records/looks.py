"""More looks at the same scene: neighbouring frames of a video, what was fused of them, how much of it was measured."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fancam.records.basics import Picture
from fancam.records.media import Frame


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """A region of a frame near the picked one."""

    pixels: Picture
    """(h, w, 3) uint8 RGB: the same region as of the picked frame, and of its size."""
    pts: int
    offset_s: float
    """Time from the picked frame; negative before it."""


@dataclass(frozen=True, slots=True, eq=False)
class Window:
    """A picked frame and the looks around it."""

    frame: Frame
    looks: tuple[tuple[Look, ...], ...]
    """For every region that was asked for its looks in the order of time, the picked frame not among them."""


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """How often the camera measured each pixel of a picture, and how much of it a network drew."""

    frames: npt.NDArray[np.float32]
    """(h, w) frames that agree on a pixel, the picked one among them: 1 or more, as an effective number where frames
    have different weights (Kish, "Survey Sampling", 1965)."""
    invented: npt.NDArray[np.float32]
    """(h, w) share of a pixel's local detail that no frame delivered, in [0, 1]."""


@dataclass(frozen=True, slots=True)
class Fusion:
    """How a picture was fused of several frames."""

    frames_used: int = 1
    """The picked one counted; 1 where nothing was fused."""
    frames_offered: int = 1
    expected_gain_db: float | None = None
    """PSNR expected over the best that a single frame gives; None where there were no frames to look at."""
    reason: str = ""
    """Why it was fused, or why not."""
