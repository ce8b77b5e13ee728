"""What travels between the stages: frozen values with their units in their names.

Pictures are ``numpy.uint8`` HWC RGB, upright, square pixels, sRGB, unless a record says otherwise. Boxes are
``x0, y0, x1, y1`` in pixels of the upright full frame, half open. Nothing here does I/O.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from fancam.geometry import Box, Orientation, Point

Picture = npt.NDArray[np.uint8]
"""(height, width, 3) uint8 RGB."""

Samples = npt.NDArray[np.uint8] | npt.NDArray[np.uint16]
"""A picture or a plane of one, with 8 or 16 bits."""

Progress = Callable[[str, int, int | None], None]
"""Called as ``progress(stage, done, total)``; total is None while it is unknown."""


def no_progress(stage: str, done: int, total: int | None) -> None:
    """Ignore progress; the default of every stage that reports it."""


# --- video --------------------------------------------------------------------------------------------------------


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
    warnings: tuple[str, ...] = ()

    def time_s(self, pts: int) -> float:
        """Return the presentation time of a pts in seconds from the start of the stream."""
        return float((pts - (self.start_pts or 0)) * self.time_base)


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
    frames_rejected: dict[str, int] = field(default_factory=dict)
    """Reason to count: ``corrupt``, ``after_corrupt``, ``no_pts`` …"""
    end_time_s: float = 0.0
    """End of the last frame that was decoded."""
    warnings: list[str] = field(default_factory=list)

    def reject(self, reason: str, count: int = 1) -> None:
        """Count frames that were decoded or lost, and are not handed out."""
        self.frames_rejected[reason] = self.frames_rejected.get(reason, 0) + count


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
class StillPicture:
    """A photo as its file holds it, upright: in its own colour space and depth, with all that is written back."""

    colour: Samples
    """(height, width, 3) RGB in the space of ``profile``; grey pictures have three equal channels."""
    alpha: Samples | None
    """(height, width) straight alpha in the type of ``colour``; None where everything is opaque."""
    grey: bool
    """Whether the file is grey, and is to be written so again."""
    profile: bytes | None
    """ICC profile of ``colour`` (of the grey channel where ``grey``); None: sRGB."""
    exif: bytes | None
    """EXIF without orientation, thumbnail and sizes, which no longer hold."""
    xmp: bytes | None
    dpi: tuple[float, float] | None
    format: str
    """As Pillow names it: ``JPEG``, ``PNG``, ``TIFF`` …"""
    source: Path
    warnings: tuple[str, ...] = ()

    @property
    def width(self) -> int:
        """Width in pixels."""
        return int(self.colour.shape[1])

    @property
    def height(self) -> int:
        """Height in pixels."""
        return int(self.colour.shape[0])


# --- faces --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Face:
    """A detected face in the upright full frame."""

    box: Box
    landmarks: tuple[Point, Point, Point, Point, Point]
    """Left eye, right eye, nose, left mouth corner, right mouth corner, from the viewer's side."""
    confidence: float
    """In [0, 1]; comparable within one detector only."""
    track: int | None = None
    """Number of the track the face belongs to, within one input; None while it is not tracked."""

    @property
    def landmark_array(self) -> npt.NDArray[np.float32]:
        """(5, 2) float32."""
        return np.asarray(self.landmarks, np.float32)

    @property
    def eye_centre(self) -> Point:
        """Middle between the eyes."""
        (ax, ay), (bx, by) = self.landmarks[0], self.landmarks[1]
        return (ax + bx) / 2, (ay + by) / 2

    @property
    def eye_distance_px(self) -> float:
        """Distance between the eyes."""
        (ax, ay), (bx, by) = self.landmarks[0], self.landmarks[1]
        return math.hypot(bx - ax, by - ay)

    @property
    def roll_deg(self) -> float:
        """Tilt of the eye line; positive when the right eye is lower, as the viewer sees it."""
        (ax, ay), (bx, by) = self.landmarks[0], self.landmarks[1]
        return math.degrees(math.atan2(by - ay, bx - ax))

    @property
    def yaw_proxy(self) -> float:
        """Signed sideways offset of the nose from the eyes' middle, in eye distances: 0 is frontal, ±0.5 a profile."""
        (ax, ay), (bx, by), (nx, ny) = self.landmarks[0], self.landmarks[1], self.landmarks[2]
        ex, ey = bx - ax, by - ay
        squared = ex * ex + ey * ey
        if squared == 0:
            return math.copysign(1.0, nx - ax)
        return ((nx - (ax + bx) / 2) * ex + (ny - (ay + by) / 2) * ey) / squared


class Embedder(Protocol):
    """Turns faces into vectors whose angle tells how alike they are."""

    name: str
    sha256: str

    def embed(
        self, pictures: Sequence[Picture], landmarks: Sequence[npt.NDArray[np.float32]]
    ) -> npt.NDArray[np.float32]:
        """Return (N, dimension) float32 vectors of length 1, one per face.

        Args:
            pictures: A picture per face, (H, W, 3) uint8 RGB.
            landmarks: (5, 2) per face, in pixels of its picture.
        """
        ...


class Landmarker(Protocol):
    """Finds the landmarks of the one face in each picture."""

    def __call__(self, pictures: Sequence[Picture]) -> list[npt.NDArray[np.float32] | None]:
        """Return (5, 2) landmarks of the face nearest the middle of each picture; None where there is none."""
        ...


class FaceParser(Protocol):
    """Tells which pixels of an aligned face are face."""

    name: str

    def masks(self, faces: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Return (N, 512, 512) float32 in [0, 1], 1 on skin, eyes, brows, nose and mouth, for (N, 512, 512, 3) RGB."""
        ...


@dataclass(frozen=True, slots=True)
class FaceOutcome:
    """What was done to one face of a picture, and how far it moved from what the camera saw."""

    face: Face
    """In the source."""
    restorer: str | None
    """Name of the face prior; None where none touched the face."""
    strength: float
    """Of the prior, as used."""
    skipped: str | None = None
    """Why the face was left alone: ``turned``, ``too_small``, ``occluded``, ``sharp`` …; None where it was not."""
    identity: float | None = None
    """Cosine similarity between the camera's face and the printed one; None where nothing could measure it."""
    identity_network: float | None = None
    """The same for the enlargement alone."""
    landmark_drift: float | None = None
    """Largest movement of a landmark, in eye distances."""
    mask_share: float = 0.0
    """Share of the aligned face square that the prior was blended into."""
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Candidate:
    """A moment the scan found worth an exact look."""

    pts: int
    time_s: float
    scan_score: float
    """Relative within one video; larger is better."""
    shot: int
    """Number of the shot (run of frames without a cut) the moment belongs to."""


@dataclass(frozen=True, slots=True)
class Score:
    """How good a face is for print, with the reasons."""

    value: float
    """In [0, 1]; 0 when a gate rejected it."""
    why: Mapping[str, float | None]
    """Term to its value in [0, 1]; None where the term could not be measured."""
    rejected: str | None = None
    """The gate that rejected it (``too_dark``, ``blown_out``, ``face_too_small`` …), None where none did."""


@dataclass(frozen=True, slots=True)
class ScoredFace:
    """A face at a moment, scored; the selection chooses among these."""

    candidate: Candidate
    face: Face
    score: Score


@dataclass(frozen=True, slots=True)
class Decision:
    """One step of the chain that was chosen, for ``--explain``."""

    step: str
    """``upscale``, ``detail``, ``restore``, ``guard`` …"""
    choice: str
    reason: str


# --- cards --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Crop:
    """What part of the frame a card shows."""

    box: Box
    """The outer box (trim and bleed) in the upright full frame; has the exact aspect of the outer card."""
    trim: Box
    """The box that remains after the card is cut."""
    effective_ppi: float
    """Source pixels per printed inch, before any upscaling."""
    framing: str
    """The framing that was used: ``face``, ``bust`` or ``half``."""
    bleed_share: float = 1.0
    """Share of the asked-for bleed that lies inside the frame, hence is made of real pixels."""
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CardGeometry:
    """Size of a card on paper and in pixels."""

    width_mm: float
    """Trim width."""
    height_mm: float
    """Trim height."""
    bleed_mm: float
    dpi: float

    @property
    def outer_width_mm(self) -> float:
        """Trim and both bleeds."""
        return self.width_mm + 2 * self.bleed_mm

    @property
    def outer_height_mm(self) -> float:
        """Trim and both bleeds."""
        return self.height_mm + 2 * self.bleed_mm

    @property
    def width_px(self) -> int:
        """Pixels of the outer width: round(mm / 25.4 × dpi), on the outer size and not on a sum of rounded parts."""
        return round(self.outer_width_mm / 25.4 * self.dpi)

    @property
    def height_px(self) -> int:
        """Pixels of the outer height."""
        return round(self.outer_height_mm / 25.4 * self.dpi)


@dataclass(frozen=True, slots=True, eq=False)
class Enhanced:
    """A crop at print size, and what was done to it."""

    pixels: Samples
    """(height, width, 3) RGB in the type of the source."""
    upscaler: str
    """Name of the network, or of the plain filter when none was needed."""
    upscaler_sha256: str | None
    """Of the weights; None for a plain filter."""
    scale: float
    """Print pixels per source pixel."""
    invented: bool
    """Whether a network added detail that the camera did not deliver."""
    notes: tuple[str, ...] = ()
    """Fallbacks that were taken: a tile redone in fp32, a halved batch …"""
    detail: float = 1.0
    """Share of the network's picture; the rest is the plain filter. 0 where no network ran."""
    delta_e: float | None = None
    """Mean CIEDE2000 between the source and the result made small again; None where it was not measured."""
    faces: tuple[FaceOutcome, ...] = ()

    @property
    def restorer(self) -> str | None:
        """Name of the face prior that touched a face; None where none did."""
        return next((face.restorer for face in self.faces if face.restorer is not None), None)

    @property
    def strengths(self) -> dict[str, float]:
        """Strength of each stage that has one, in [0, 1]; of the face prior the largest that was used."""
        used = [face.strength for face in self.faces if face.restorer is not None]
        return {"detail": self.detail} | ({"face_prior": max(used)} if used else {})


@dataclass(frozen=True, slots=True)
class Pick:
    """A face at a moment that becomes a card."""

    id: str
    """Name of the card's file without its ending; unique in an output folder."""
    pts: int | None
    """None for a photo."""
    time_s: float | None
    face: Face
    score: Score
    crop: Crop
    reason: str
    """Why it was picked, in one plain line."""
    warnings: tuple[str, ...] = ()
