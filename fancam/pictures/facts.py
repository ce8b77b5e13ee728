"""What a picture file is, for preflight: read from its header where that says it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import ExifTags, Image

from fancam.errors import NotMediaError
from fancam.pictures.colour import fitting_profile, is_srgb, profile_description
from fancam.pictures.decode import png_header
from fancam.pictures.metadata import picture_xmp
from fancam.pictures.opening import MAX_PIXELS, checked_picture, tiff_tag
from fancam.pictures.press import Space
from fancam.pictures.read import stated_dpi, stored_fields

_SPACES: dict[str, Space] = {"1": "grey", "L": "grey", "LA": "grey", "La": "grey", "CMYK": "cmyk"}
_LEAST_SIMILARITY = 0.9
"""JPEG tables that differ from the standard's by more are those of another program, and have no such quality."""

# ITU-T T.81, Annex K, table K.1: quantization of luminance, row by row; libjpeg calls it quality 50.
_LUMINANCE_50 = np.array([
    16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55, 14, 13, 16, 24, 40, 57, 69, 56, 14, 17, 22, 29, 51,
    87, 80, 62, 18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92, 49, 64, 78, 87, 103, 121, 120, 101,
    72, 92, 95, 98, 112, 100, 103, 99,
])  # fmt: skip


@dataclass(frozen=True, slots=True)
class PictureFacts:
    """What is known of a picture file without looking at its pixels."""

    width_px: int
    """As stored; see ``orientation``."""
    height_px: int
    space: str
    """``rgb``, ``cmyk``, ``grey`` or ``lab``."""
    bits: int
    """Per sample."""
    has_alpha: bool
    """Whether the format of its pixels has transparency, be they all opaque."""
    transparent_share: float | None
    """Share of pixels that are not opaque; None where it was not looked for."""
    profile_description: str | None
    """What the embedded profile calls itself; empty where it says nothing, None where there is none."""
    profile_space: str | None
    """``rgb``, ``cmyk`` or ``grey`` of the embedded profile; None where there is none or it cannot be used."""
    is_srgb: bool
    """Whether the pixels are sRGB: by their profile, or for want of one."""
    dpi: tuple[float, float] | None
    """(x, y) pixels per inch the file states; None where it states none."""
    format: str
    """``PNG``, ``JPEG``, ``TIFF`` …"""
    jpeg_quality: int | None = None
    """As libjpeg counts, estimated from the quantization table; None for other formats and foreign tables."""
    adobe_inverted: bool = False
    """Whether it is a CMYK JPEG with Adobe's marker, in whose stream 0 is full ink."""
    orientation: int = 1
    """EXIF orientation; 1 is upright."""
    xmp: Mapping[str, str | list[str]] = field(default_factory=dict)
    """By prefixed name, as ``read_metadata`` returns it."""
    warnings: tuple[str, ...] = ()

    @property
    def upright_size(self) -> tuple[int, int]:
        """(width, height) in pixels after the EXIF orientation was applied."""
        size = self.width_px, self.height_px
        return size if self.orientation < 5 else size[::-1]


def picture_facts(path: Path, *, decode: bool = False, max_pixels: int = MAX_PIXELS) -> PictureFacts:
    """Return what a picture file is.

    Args:
        path: As for ``read_picture``.
        decode: Whether to decode a picture with an alpha channel, to find whether any pixel is transparent.
        max_pixels: Refuse pictures with more pixels.

    Raises:
        InputError: As ``read_picture`` does, for what can be found without decoding.
    """
    with checked_picture(path, max_pixels) as image:
        orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
        fields = stored_fields(image, path)
        profile = image.info.get("icc_profile") or None
        space = _space(image)
        usable, problems = fitting_profile(profile, _mode(space))
        xmp, notes = _xmp(image, path)
        return PictureFacts(
            width_px=image.width,
            height_px=image.height,
            space=space,
            bits=_bits(image, path),
            has_alpha=image.has_transparency_data,
            transparent_share=_transparent_share(image) if decode else None,
            profile_description=None if profile is None else (profile_description(profile) or ""),
            profile_space=_profile_space(usable),
            is_srgb=space == "rgb" and is_srgb(usable),
            dpi=stated_dpi(image, fields),
            format="JPEG" if image.format == "MPO" else (image.format or ""),
            jpeg_quality=_jpeg_quality(image),
            adobe_inverted=space == "cmyk" and image.format == "JPEG" and "adobe" in image.info,
            orientation=orientation if orientation in range(1, 9) else 1,
            xmp=xmp,
            warnings=(*problems, *notes),
        )


def _space(image: Image.Image) -> str:
    if image.mode.startswith("I"):
        return "grey"
    return "lab" if image.mode == "LAB" else _SPACES.get(image.mode, "rgb")


def _mode(space: str) -> str:
    return {"grey": "L", "cmyk": "CMYK", "lab": "LAB"}.get(space, "RGB")


def _profile_space(profile: bytes | None) -> str | None:
    known = {b"RGB ": "rgb", b"CMYK": "cmyk", b"GRAY": "grey"}
    return None if profile is None else known.get(profile[16:20])  # ICC.1:2022, 7.2.6


def _bits(image: Image.Image, path: Path) -> int:
    if image.mode == "1":
        return 1
    if image.format == "PNG":
        return max(png_header(path)[0], 8)
    if image.format == "TIFF":
        stated: Any = tiff_tag(image, 258)  # BitsPerSample
        return int(stated[0]) if stated else 1
    return 16 if image.mode.startswith("I") else 8


def _transparent_share(image: Image.Image) -> float:
    if not image.has_transparency_data:
        return 0.0
    alpha = np.asarray(image.convert("RGBA").getchannel("A"))
    return float(np.count_nonzero(alpha < 255) / alpha.size)


def _xmp(image: Image.Image, path: Path) -> tuple[dict[str, str | list[str]], list[str]]:
    try:
        return picture_xmp(image, path), []
    except NotMediaError as error:
        return {}, [error.cause]


def _jpeg_quality(image: Image.Image) -> int | None:
    """Return the quality whose table is nearest to the picture's, by libjpeg's scaling of the standard's table."""
    tables = getattr(image, "quantization", None)
    if image.format not in ("JPEG", "MPO") or not tables:
        return None
    table = np.asarray(tables[min(tables)], np.float64)
    qualities = np.arange(1, 101)
    scale = np.where(qualities < 50, 5000 // qualities, 200 - 2 * qualities)
    scaled = np.clip((_LUMINANCE_50 * scale[:, None] + 50) // 100, 1, 255)
    distance = np.abs(scaled - table).sum(axis=1)
    best = int(np.argmin(distance))
    return best + 1 if distance[best] <= (1 - _LEAST_SIMILARITY) * table.sum() else None
