"""One card as a file: exact pixels, resolution, profile and provenance."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from fancam.pictures import PictureMetadata, save_picture
from fancam.provenance import Provenance
from fancam.results import CardGeometry, Enhanced
from fancam.settings import CardSettings


@dataclass(frozen=True, slots=True)
class CardFile:
    """A card on disk."""

    path: Path
    sha256: str
    """Of the file, in hex."""
    width_px: int
    height_px: int
    dpi: float
    warnings: tuple[str, ...] = ()
    """What its format could not hold."""


def write_card(
    enhanced: Enhanced, geometry: CardGeometry, provenance: Provenance, path: Path, settings: CardSettings, *,
    profile: bytes | None = None,
) -> CardFile:  # fmt: skip
    """Write a card with its resolution, colour profile, EXIF and provenance (XMP).

    Args:
        enhanced: Its pixels have exactly the size that the geometry asks for.
        geometry: Size on paper and in pixels.
        provenance: Goes into the file.
        path: Its ending chooses the format; its folder exists.
        settings: For the JPEG quality.
        profile: ICC profile of the pixels; None: sRGB.

    Raises:
        OutputError: The file cannot be written; nothing is left behind.
        UsageError: The ending names no format that is written.
        ValueError: The pixels have another size than the card.
    """
    height, width = enhanced.pixels.shape[:2]
    if (width, height) != (geometry.width_px, geometry.height_px):
        raise ValueError(f"{width}x{height} pixels for a card of {geometry.width_px}x{geometry.height_px}")
    metadata = PictureMetadata.of(provenance)
    saved = save_picture(
        path, enhanced.pixels, dpi=geometry.dpi, profile=profile, metadata=metadata, quality=settings.jpeg_quality
    )
    return CardFile(path, saved.sha256, width, height, geometry.dpi, saved.warnings)
