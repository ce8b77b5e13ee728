"""What goes out: crops, enhanced pictures, cards, and the steps that led to them."""

from __future__ import annotations

from dataclasses import dataclass, field

from fancam.geometry import Box
from fancam.records.basics import Samples
from fancam.records.faces import Face, FaceOutcome, Score
from fancam.records.looks import Fusion
from fancam.records.noise import Cleaned


@dataclass(frozen=True, slots=True)
class Decision:
    """One step of the chain that was chosen, for ``--explain``."""

    step: str
    """``upscale``, ``detail``, ``restore``, ``guard`` …"""
    choice: str
    reason: str


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
    fusion: Fusion = field(default_factory=Fusion)
    cleaned: Cleaned = field(default_factory=Cleaned)

    @property
    def restorer(self) -> str | None:
        """Name of the face prior that touched a face; None where none did."""
        return next((face.restorer for face in self.faces if face.restorer is not None), None)

    @property
    def strengths(self) -> dict[str, float]:
        """Strength of each stage that has one, in [0, 1]; of the face prior the largest that was used."""
        used = [face.strength for face in self.faces if face.restorer is not None]
        found = {"detail": self.detail}
        if used:
            found["face_prior"] = max(used)
        if self.cleaned.denoiser is not None:
            found["denoise"] = self.cleaned.denoise_strength
        if self.cleaned.grain is not None:
            found["grain"] = self.cleaned.grain_strength
        return found


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
