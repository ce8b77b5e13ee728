"""One card as a file: exact pixels, resolution, profile and where it came from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from fancam.geometry import Box
from fancam.pictures import PictureMetadata, write_picture
from fancam.results import CardGeometry, Crop, Enhanced, Pick
from fancam.settings import CardSettings


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where the pixels of a card come from and what was done to them; written into the file."""

    source: str
    """Name of the video or photo, without its folder."""
    fancam_version: str
    pts: int | None
    time_s: float | None
    crop: Crop
    upscaler: str
    upscaler_sha256: str | None
    scale: float
    invented: bool
    restorer: str | None = None
    strengths: Mapping[str, float] = field(default_factory=dict)
    """Strength of each stage that has one, in [0, 1]."""
    notes: tuple[str, ...] = ()
    face: Box | None = None
    """The face in the upright full frame, as the crop is."""

    @classmethod
    def of(cls, source: str, pick: Pick, enhanced: Enhanced, fancam_version: str) -> Provenance:
        """Return the provenance of a pick's card."""
        return cls(
            source=source,
            fancam_version=fancam_version,
            pts=pick.pts,
            time_s=pick.time_s,
            crop=pick.crop,
            upscaler=enhanced.upscaler,
            upscaler_sha256=enhanced.upscaler_sha256,
            scale=enhanced.scale,
            invented=enhanced.invented,
            restorer=enhanced.restorer,
            strengths=enhanced.strengths,
            notes=(*pick.crop.warnings, *pick.warnings, *enhanced.notes),
            face=pick.face.box,
        )


@dataclass(frozen=True, slots=True)
class CardFile:
    """A card on disk."""

    path: Path
    sha256: str
    """Of the file, in hex."""
    width_px: int
    height_px: int
    dpi: float


def write_card(
    enhanced: Enhanced, geometry: CardGeometry, provenance: Provenance, path: Path, settings: CardSettings
) -> CardFile:
    """Write a card with its resolution, sRGB profile, EXIF and provenance (XMP).

    Args:
        enhanced: Its pixels have exactly the size that the geometry asks for.
        geometry: Size on paper and in pixels.
        provenance: Goes into the file.
        path: Its ending chooses the format; its folder exists.
        settings: For the JPEG quality.

    Raises:
        OutputError: The file cannot be written; nothing is left behind.
        UsageError: The ending names no format, or one that cannot hold these pixels.
        ValueError: The pixels have another size than the card.
    """
    height, width = enhanced.pixels.shape[:2]
    if (width, height) != (geometry.width_px, geometry.height_px):
        raise ValueError(f"{width}x{height} pixels for a card of {geometry.width_px}x{geometry.height_px}")
    sha256 = write_picture(
        path,
        enhanced.pixels,
        dpi=geometry.dpi,
        metadata=card_metadata(geometry, provenance),
        jpeg_quality=settings.jpeg_quality,
    )
    return CardFile(path, sha256, width, height, geometry.dpi)


def card_metadata(geometry: CardGeometry, provenance: Provenance) -> PictureMetadata:
    """Return what a card says about itself: one line for people, and every fact by name."""
    crop = provenance.crop
    faces = [] if provenance.face is None else [_on_card(provenance.face, crop, geometry)]
    made = f"{provenance.scale:.2f}x by {provenance.upscaler}"
    origin = "" if provenance.time_s is None else f" at {provenance.time_s:.3f} s"
    description = (
        f"Photocard {geometry.width_mm:g} x {geometry.height_mm:g} mm + {geometry.bleed_mm:g} mm bleed; "
        f"source {crop.effective_ppi:.0f} ppi, resampled {made} to {geometry.dpi:.0f} dpi"
        f"{' with invented detail' if provenance.invented else ''}; from {provenance.source}{origin}"
    )
    return PictureMetadata(
        software=f"fancam {provenance.fancam_version}",
        description=description,
        source=provenance.source,
        fields={
            "version": provenance.fancam_version,
            "pts": provenance.pts,
            "time_s": None if provenance.time_s is None else round(provenance.time_s, 6),
            "crop_box": crop.box.as_list(3),
            "trim_box": crop.trim.as_list(3),
            "framing": crop.framing,
            "effective_ppi": round(crop.effective_ppi, 2),
            "bleed_share": round(crop.bleed_share, 4),
            "upscaler": provenance.upscaler,
            "upscaler_sha256": provenance.upscaler_sha256,
            "restorer": provenance.restorer or "none",
            "strengths": [f"{name}={value:g}" for name, value in sorted(provenance.strengths.items())] or None,
            "scale": round(provenance.scale, 4),
            "invented": provenance.invented,
            "trim_width_mm": geometry.width_mm,
            "trim_height_mm": geometry.height_mm,
            "bleed_mm": geometry.bleed_mm,
            "dpi": round(geometry.dpi, 4),
            "face_boxes_mm": face_boxes_mm(faces, geometry) or None,
            "notes": list(provenance.notes) or None,
        },
    )


def face_boxes_mm(faces: Sequence[Box], geometry: CardGeometry) -> list[str]:
    """Return faces as they are written into a card: ``x0 y0 x1 y1`` in mm from its outer top left corner.

    Args:
        faces: In pixels of the card.
        geometry: Of the card.
    """
    x, y = geometry.outer_width_mm / geometry.width_px, geometry.outer_height_mm / geometry.height_px
    return [" ".join(f"{edge:.2f}" for edge in face.scaled(x, y).as_list(3)) for face in faces]


def _on_card(face: Box, crop: Crop, geometry: CardGeometry) -> Box:
    """Return a box of the frame in pixels of the card."""
    box = crop.box
    moved = Box(face.x0 - box.x0, face.y0 - box.y0, face.x1 - box.x0, face.y1 - box.y0)
    return moved.scaled(geometry.width_px / box.width, geometry.height_px / box.height)
