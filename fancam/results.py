"""Types that every stage speaks: pictures, samples, progress."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from fancam.facemesh import FaceMesh
from fancam.geometry import PPI_DIGITS, Box, Point
from fancam.media import Picture, Samples


@dataclass(frozen=True, slots=True)
class Naming:
    """Who of a roster somebody was found to be, and how surely."""

    nearest: str
    """The member whose references are most alike."""
    similarity: float
    """Cosine with them."""
    second: str | None = None
    """The next member; None where the roster has one only."""
    second_similarity: float | None = None
    member: str | None = None
    """The member's name where it is sure; None where it is not."""

    @property
    def margin(self) -> float | None:
        """How much nearer the nearest is than the second; None where there is no second."""
        return None if self.second_similarity is None else self.similarity - self.second_similarity

    def as_named(self, sure: bool) -> Naming:
        """Return the naming as a decision."""
        return replace(self, member=self.nearest if sure else None)


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
    naming: Naming | None = field(default=None, compare=False)
    """Who it is; None where there is no roster."""
    mesh: FaceMesh | None = field(default=None, compare=False, repr=False)
    """Its dense landmarks; None where they were not measured, or lie on something else."""

    def shifted(self, x: float, y: float) -> Face:
        """Return the face this many pixels further right and down, without its mesh."""
        points = tuple((px + x, py + y) for px, py in self.landmarks)
        assert len(points) == 5
        return replace(self, box=self.box.shifted(x, y), landmarks=points, mesh=None)

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
    seen: Box | None = None
    """The part of the upright frame that the scan judged: a face, or the middle; None where it was not told."""


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


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """How often the camera measured each pixel of a picture, and how much of it a network drew."""

    frames: npt.NDArray[np.float32]
    """(h, w) frames that agree on a pixel, the picked one among them: 1 or more, as an effective number where frames
    have different weights (Kish, "Survey Sampling", 1965); 0 where none has the pixel, in bleed that is drawn on."""
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


@dataclass(frozen=True, slots=True, eq=False)
class NoiseModel:
    """The noise of a picture, in Y, Cb and Cr of full-range BT.601 (JPEG, ITU-T T.871)."""

    levels: npt.NDArray[np.float32]
    """(B,) rising luma at which the strength was measured, 0 to 255; between two it is interpolated."""
    sigma: npt.NDArray[np.float32]
    """(3, B) standard deviation of Y, Cb and Cr there, in levels of 255."""
    spectrum: npt.NDArray[np.float32]
    """(3, 8, 8) power of each coefficient of an orthonormal 8 x 8 DCT-II, with mean 1: all 1 where noise is white."""
    outliers: npt.NDArray[np.float32] | None = None
    """(3, 8, 8) power that normally distributed noise with outliers as large would have, in units of ``spectrum``: more
    than that where a coder left few coefficients, but large ones. None where the noise is normally distributed."""
    evidence: tuple[str, ...] = ()
    """What shows that this is noise, in words; empty where it cannot be told from texture."""

    @property
    def confident(self) -> bool:
        """Whether something shows that this is noise and not texture."""
        return bool(self.evidence)

    @property
    def luma_sigma(self) -> float:
        """Strength in the luma at the brightness where it is strongest, in levels of 255."""
        return float(self.sigma[0].max())

    @property
    def chroma_sigma(self) -> float:
        """The larger strength of Cb and Cr, in levels of 255."""
        return float(self.sigma[1:].max())


@dataclass(frozen=True, slots=True)
class Cleaned:
    """What was measured in a source, and what was taken out of it before it was enlarged."""

    noise_luma: float | None = None
    """Standard deviation in levels of 255 where it is strongest; None where it was not measured."""
    noise_chroma: float | None = None
    noise_evidence: tuple[str, ...] = ()
    """What shows that it is noise, in words; empty where it cannot be told from texture."""
    denoiser: str | None = None
    """Name of what took the noise out: ``builtin``, or a network; None where nothing did."""
    denoiser_sha256: str | None = None
    denoise_strength: float = 0.0
    """Times the measured noise."""
    blockiness: float | None = None
    """See ``measure_blockiness``; about 1 where the picture was hardly compressed."""
    jpeg_quality: float | None = None
    """Of the JPEG that a picture was, by the steps its coefficients lie on; None where no low quality was found."""
    deblocked: bool = False
    banded_share: float | None = None
    """Of the picture, in plateaus with small steps between them, as coders leave; None where it was not measured."""
    banding_step: float | None = None
    """Height of these steps in levels of 255; 0 where there are none."""
    smoothed: bool = False
    """Whether these steps and the waves around edges near them were smoothed."""
    screens: tuple[Mapping[str, Any], ...] = field(default_factory=tuple)
    """Of a printer's halftone, those that were taken out: ink, lpi, angle_deg, period_px."""
    paper: str | None = None
    """What was done to the paper; None where nothing was."""
    grain: float | None = None
    """Standard deviation of the grain that was put back, in levels of 255; None where none was."""
    grain_strength: float = 0.0
    """Share of the source's grain that was put back."""

    @property
    def touched(self) -> bool:
        """Whether the picture that was enlarged is another one than the camera or the scanner gave."""
        return bool(self.denoiser or self.deblocked or self.smoothed or self.screens or self.paper or self.grain)


@dataclass(frozen=True, slots=True)
class Decision:
    """One step of the chain that was chosen, for ``--explain``."""

    step: str
    """``upscale``, ``detail``, ``restore``, ``guard`` …"""
    choice: str
    reason: str


@dataclass(frozen=True, slots=True)
class Crop:
    """What part of a picture a card shows, and which part of the card that fills."""

    box: Box
    """The outer box (trim and bleed) in pixels of the upright picture; what of it lies outside is synthesised, or
    border."""
    trim: Box
    """What remains of it after the card is cut."""
    effective_ppi: float
    """Source pixels per printed inch, before any upscaling; the lower one of both directions."""
    framing: str = ""
    """The framing of the face: ``face``, ``bust`` or ``half``; empty where the picture was fitted as a whole."""
    bleed_share: float = 1.0
    """Share of the bleed's area that is made of real pixels, in [0, 1]; 1 where the card has no bleed, 0 under a
    border."""
    warnings: tuple[str, ...] = ()
    """What was decided and what could not be had, in plain words."""
    source: Box | None = None
    """The part of the picture that fills ``real``; None: all of ``box``, which lies in the picture."""
    real: Box | None = None
    """The part of the card that is made of real pixels, in whole pixels of the card; None: the whole card."""
    bordered: bool = False
    """Whether what lies outside ``real`` is border, to be filled with its colour; otherwise it is synthesised."""


@dataclass(frozen=True, slots=True, eq=False)
class Stages:
    """How a result looked before it was done, at its size; for comparisons."""

    plain: Samples
    """The picture as it came in, enlarged by the bicubic filter alone."""
    network: Samples | None
    """The enlargement before the face prior; None where no prior touched it."""


def true_ppi(effective_ppi: float | None, true_scale: float | None) -> float | None:
    """Return how many of the source pixels per printed inch hold detail, to a tenth; None where either is not known."""
    if effective_ppi is None or true_scale is None:
        return None
    return round(effective_ppi * round(true_scale, 4), PPI_DIGITS)  # the share as the manifest and the file state it


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
    """Share of what the network drew, of all its picture or, of a soft picture, of what is finer than that truly
    holds; the rest is the plain filter. 0 where no network ran."""
    true_scale: float | None = None
    """Share of the source's pixels along each axis that hold detail: less than 1 in a picture that was enlarged before,
    out of focus or coded hard. None where it was not measured, or there are too few edges to tell."""
    delta_e: float | None = None
    """Mean CIEDE2000 between the source and the result made small again; None where it was not measured."""
    faces: tuple[FaceOutcome, ...] = ()
    """What the guard and the face prior did to each face, in pixels of the source."""
    lift_stops: float = 0.0
    """By which the shadows of the print were opened, after everything that compares it with the source."""
    fusion: Fusion = field(default_factory=Fusion)
    cleaned: Cleaned = field(default_factory=Cleaned)
    decisions: tuple[Decision, ...] = ()
    """The steps of the chain in the order they ran, for ``--explain``."""
    warnings: tuple[str, ...] = ()
    """What no enhancement can promise for this picture."""
    stages: Stages | None = None
    """None where they are not kept."""
    evidence: Evidence | None = None
    """Of each pixel, how often it was measured and how much of it was invented; None where it is not kept."""
    made_of: Any = field(default=None, repr=False)
    """The crop or picture that the caller gave: what saving needs."""

    @property
    def restorer(self) -> str | None:
        """Name of the face prior that touched a face; None where none did."""
        return next((face.restorer for face in self.faces if face.restorer is not None), None)

    def true_ppi(self, effective_ppi: float | None) -> float | None:
        """Return how many of the source pixels per printed inch hold detail; None where that is not known."""
        return true_ppi(effective_ppi, self.true_scale)

    @property
    def strengths(self) -> dict[str, float]:
        """Strength of each stage that has one; of the face prior the largest that was used, of the lift its stops."""
        used = [face.strength for face in self.faces if face.restorer is not None]
        found = {"detail": self.detail}
        if used:
            found["face_prior"] = max(used)
        if self.cleaned.denoiser is not None:
            found["denoise"] = self.cleaned.denoise_strength
        if self.cleaned.grain is not None:
            found["grain"] = self.cleaned.grain_strength
        if self.lift_stops:
            found["lift"] = self.lift_stops
        return found


@dataclass(frozen=True, slots=True)
class RunnerUp:
    """A face at a moment that a pick beat."""

    pts: int
    time_s: float
    face: Face
    score: Score
    reason: str
    """Why it lost, in one plain line."""


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
    runners_up: tuple[RunnerUp, ...] = ()
    """Whom it beat, the best first; none of a photo."""
