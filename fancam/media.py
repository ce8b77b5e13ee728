"""What comes in: videos and their frames."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import numpy as np
import numpy.typing as npt

from fancam.geometry import Orientation

Picture = npt.NDArray[np.uint8]
"""(height, width, 3) uint8 RGB."""

Samples = npt.NDArray[np.uint8] | npt.NDArray[np.uint16]
"""A picture or a plane of one, with 8 or 16 bits."""

Progress = Callable[[str, int, int | None], None]
"""Called as ``progress(stage, done, total)``; total is None while it is unknown."""


def no_progress(stage: str, done: int, total: int | None) -> None:
    """Ignore progress; the default of every stage that reports it."""


def middle_of(picture: Samples, longest_px: int) -> Samples:
    """Return the middle of a picture, of each side at most so many pixels: enough to measure what is alike all over."""
    top, left = (max(side - longest_px, 0) // 2 for side in picture.shape[:2])
    return picture[top : top + longest_px, left : left + longest_px]


@dataclass(frozen=True, slots=True)
class ColourTags:
    """How the samples of a video are to be read, after the rules for missing tags were applied."""

    matrix: str
    """``bt601``, ``bt709``, ``bt2020`` or ``rgb``."""
    full_range: bool
    transfer: str
    """``sdr``, ``pq`` or ``hlg``."""
    primaries: str
    """``bt601``, ``bt709`` or ``bt2020``."""
    assumed: bool = False
    """Whether the matrix was not tagged and had to be assumed from the size of the picture."""


@dataclass(frozen=True, slots=True)
class VideoInfo:
    """What is known of a video before it is decoded."""

    path: Path
    container: str
    codec: str
    stream: int
    """Index of the chosen stream in the container."""
    streams: int
    """How many moving-picture streams the container holds (cover art is not counted)."""
    width: int
    """Width of the upright picture with square pixels."""
    height: int
    """Height of the upright picture with square pixels."""
    coded_width: int
    coded_height: int
    orientation: Orientation
    sample_aspect_ratio: Fraction
    pixel_format: str
    bit_depth: int
    colour: ColourTags
    interlaced: bool
    average_rate: float | None
    """Frames per second as the header states it; unreliable in some containers."""
    duration_s: float | None
    time_base: Fraction
    start_pts: int | None
    has_times: bool = True
    """Whether the stream states when a frame is shown; a raw stream does not, and its frames are counted instead."""
    warnings: tuple[str, ...] = ()

    @property
    def start_pts_or_zero(self) -> int:
        """The pts of the first frame, as times are counted from it."""
        return self.start_pts or 0

    @property
    def frames_expected(self) -> int | None:
        """How many frames there are by the header; None where it does not say. Often a little off."""
        if not (self.duration_s and self.average_rate):
            return None
        return round(self.duration_s * self.average_rate)

    def time_s(self, pts: int) -> float:
        """Return the presentation time of a pts in seconds from the start of the stream."""
        return float((pts - self.start_pts_or_zero) * self.time_base)


@dataclass(frozen=True, slots=True, eq=False)
class LumaFrame:
    """One decoded frame of the scan: its luma plane only.

    ``luma`` is a view of the decoder's buffer: valid until the next frame is taken; copy what must live longer.
    """

    pts: int
    time_s: float
    luma: npt.NDArray
    """(rows, columns) uint8, or uint16 with ``bit_depth`` significant low bits; not turned upright. One field only
    where the frame is interlaced, so that combing is not taken for sharpness."""
    bit_depth: int
    full_range: bool
    orientation: Orientation
    width: int
    """Width of the upright picture with square pixels."""
    height: int
    """Height of the upright picture with square pixels."""
    key_frame: bool

    def __repr__(self) -> str:
        return f"LumaFrame(pts={self.pts}, time_s={self.time_s:.3f}, luma={self.luma.shape} {self.luma.dtype})"


@dataclass(slots=True)
class ScanReport:
    """Counts of one scan, filled while it runs."""

    frames_scanned: int = 0
    """Clean frames handed out."""
    frames_skipped: int = 0
    """Frames that were not decoded, as no other one refers to them and enough others are near."""
    frames_rejected: dict[str, int] = field(default_factory=dict)
    """Reason to count: ``corrupt``, ``after_corrupt``, ``no_pts`` …"""
    end_time_s: float = 0.0
    """End of the last frame that was decoded."""
    warnings: list[str] = field(default_factory=list)

    def reject(self, reason: str) -> None:
        """Count a frame that was decoded or lost, and is not handed out."""
        self.frames_rejected[reason] = self.frames_rejected.get(reason, 0) + 1


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """A picture in true colour, from a video or a photo."""

    pixels: Picture
    """(height, width, 3) uint8 RGB, upright, square pixels, sRGB."""
    source: Path
    pts: int | None = None
    """Address in the video; None for a photo."""
    time_s: float | None = None
    warnings: tuple[str, ...] = ()
    """What had to be assumed or left out while it was read: a missing profile, transparency laid on white …"""

    @property
    def width(self) -> int:
        """Width in pixels."""
        return int(self.pixels.shape[1])

    @property
    def height(self) -> int:
        """Height in pixels."""
        return int(self.pixels.shape[0])

    def __repr__(self) -> str:
        return f"Frame({self.width}x{self.height}, source={self.source.name}, pts={self.pts}, time_s={self.time_s})"


@dataclass(frozen=True, slots=True, eq=False)
class NeighbourFrame:
    """A region of a frame near the picked one."""

    pixels: Picture
    """(h, w, 3) uint8 RGB: the same region as of the picked frame, and of its size unless it was to be smaller."""
    pts: int
    offset_s: float
    """Time from the picked frame; negative before it."""
    quantiser: float | None = None
    """Mean quantisation parameter of the frame's macroblocks on the scale of H.264, 0 to 51: 18 is near lossless to the
    eye, above 30 much is lost. None where the decoder does not say."""


@dataclass(frozen=True, slots=True, eq=False)
class FrameWithNeighbours:
    """A picked frame and the neighbours around it."""

    frame: Frame
    neighbours: tuple[tuple[NeighbourFrame, ...], ...]
    """For every region that was asked for its neighbours in the order of time, the picked frame not among them."""


def format_time(time_s: float) -> str:
    """Return a time as ``M:SS.mmm`` or ``H:MM:SS.mmm``, rounded to the millisecond."""
    sign, milliseconds = ("-" if time_s < 0 else ""), round(abs(time_s) * 1000)
    seconds, milliseconds = divmod(milliseconds, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    head = f"{hours}:{minutes:02d}" if hours else f"{minutes}"
    return f"{sign}{head}:{seconds:02d}.{milliseconds:03d}"
