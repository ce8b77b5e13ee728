"""What the header of a picture file says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from PIL import ExifTags, Image

from fancam.geometry import Orientation
from fancam.pictures.colour import fitting_profile, is_srgb, profile_description
from fancam.pictures.decode import png_header
from fancam.pictures.opening import tiff_tag
from fancam.pictures.tiff import Fields, parse_exif, read_fields
from fancam.pictures.xmp import XmpError, xmp_fields

Space = Literal["grey", "rgb", "cmyk", "lab"]

# EXIF 2.32 table 6: what each value of Orientation asks for, as "mirror left to right, then turn clockwise".
ORIENTATIONS = {
    1: Orientation(),
    2: Orientation(0, mirrored=True),
    3: Orientation(2),
    4: Orientation(2, mirrored=True),
    5: Orientation(3, mirrored=True),
    6: Orientation(1),
    7: Orientation(1, mirrored=True),
    8: Orientation(3),
}
_SPACES: dict[str, Space] = {"1": "grey", "L": "grey", "LA": "grey", "La": "grey", "CMYK": "cmyk", "LAB": "lab"}
_EXIF_WORDS = (
    ExifTags.Base.Make, ExifTags.Base.Model, ExifTags.Base.Software, ExifTags.Base.ImageDescription,
    ExifTags.Base.Artist, ExifTags.Base.Copyright, ExifTags.Base.DateTime,
)  # fmt: skip
_SCREEN_DPI = (72.0, 96.0)
"""What cameras write for want of a print size."""
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
    """What the header of a picture file says."""

    width_px: int
    """Upright."""
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
    """(x, y) pixels per inch on paper; None where the file states none, or 72 or 96 of a camera, which is no size."""
    format: str
    """``PNG``, ``JPEG``, ``TIFF`` …"""
    jpeg_quality: int | None = None
    """As libjpeg counts, estimated from the quantization table; None for other formats and foreign tables."""
    adobe_inverted: bool = False
    """Whether it is a CMYK JPEG with Adobe's marker, in whose stream 0 is full ink."""
    by_camera: bool = False
    """Whether its EXIF tells of a lens and a shutter: cameras write that, scanners do not."""
    orientation: int = 1
    """EXIF orientation of what is stored; 1 is upright."""
    exif: Mapping[str, str] = field(default_factory=dict)
    """Its words by tag name: ``Make``, ``Model``, ``Software``, ``ImageDescription`` …"""
    xmp: Mapping[str, str | list[str]] = field(default_factory=dict)
    """By prefixed name (``dc:source``, ``fancam:scale`` …), every value as text and lists as lists of text."""
    warnings: tuple[str, ...] = ()

    @property
    def size_px(self) -> tuple[int, int]:
        """Upright width and height."""
        return self.width_px, self.height_px


def stored_orientation(image: Image.Image) -> Orientation:
    """Return what must be done with the stored picture so that it is upright."""
    return ORIENTATIONS.get(image.getexif().get(ExifTags.Base.Orientation, 1), Orientation())


def stored_fields(image: Image.Image, path: Path) -> Fields | None:
    """Return the EXIF as it is stored; None where there is none."""
    if image.format == "TIFF":
        with path.open("rb") as file:
            return read_fields(file)
    raw = image.info.get("exif")
    return parse_exif(raw) if isinstance(raw, bytes) else None


def count_notes(image: Image.Image) -> list[str]:
    """Return a note where the file holds several pictures; those in an MPO are previews and depth maps of the first."""
    count = getattr(image, "n_frames", 1)
    return [f"holds {count} pictures: the first was used"] if count > 1 and image.format != "MPO" else []


# --- facts --------------------------------------------------------------------------------------------------------


def facts_of(image: Image.Image, path: Path, fields: Fields | None, packet: bytes) -> PictureFacts:
    """Return what an opened file says; ``packet`` is its XMP."""
    stored = image.getexif().get(ExifTags.Base.Orientation, 1)
    profile = image.info.get("icc_profile") or None
    space = "grey" if image.mode.startswith("I") else _SPACES.get(image.mode, "rgb")
    usable, problems = fitting_profile(profile, {"grey": "L", "cmyk": "CMYK", "lab": "LAB"}.get(space, "RGB"))
    # Pillow states the size of a TIFF as it is when upright.
    turned = image.format != "TIFF" and stored_orientation(image).swaps_sides
    width, height = image.size[::-1] if turned else image.size
    dpi, by_camera = _stated_dpi(image, fields), fields is not None and fields.by_camera
    xmp, xmp_notes = _xmp(packet)
    return PictureFacts(
        width_px=width,
        height_px=height,
        space=space,
        bits=_bits(image, path),
        has_alpha=image.has_transparency_data,
        transparent_share=None,
        profile_description=None if profile is None else (profile_description(profile) or ""),
        profile_space=profile_space(usable),
        is_srgb=space == "rgb" and is_srgb(usable),
        dpi=None if by_camera and dpi is not None and all(v in _SCREEN_DPI for v in dpi) else dpi,
        format="JPEG" if image.format == "MPO" else (image.format or ""),
        jpeg_quality=_jpeg_quality(image),
        adobe_inverted=space == "cmyk" and image.format == "JPEG" and "adobe" in image.info,
        by_camera=by_camera,
        orientation=stored if stored in ORIENTATIONS else 1,
        exif={} if fields is None else {tag.name: text for tag in _EXIF_WORDS if (text := fields.text(tag))},
        xmp=xmp,
        warnings=(*problems, *xmp_notes),
    )


def profile_space(profile: bytes | None) -> str | None:
    """Return ``rgb``, ``cmyk`` or ``grey``; None for no profile, and for one of another space."""
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


def _stated_dpi(image: Image.Image, fields: Fields | None) -> tuple[float, float] | None:
    """Return the resolution the file states, as exactly as it does; None where it states none."""
    stated = image.info.get("dpi")
    exact = fields.dpi if fields is not None else None
    if image.format == "TIFF" or (image.format in ("JPEG", "MPO") and image.info.get("jfif_unit") not in (1, 2)):
        stated = None  # where nothing is stated Pillow invents 1 or 72
    if stated is None or not all(0 < float(v) < 1e6 for v in stated):
        return exact if exact is not None and all(0 < v < 1e6 for v in exact) else None
    x, y = (float(v) for v in stated)
    if exact is not None and max(abs(exact[0] - x), abs(exact[1] - y)) <= 0.5:
        return exact  # JFIF has whole dots, PNG whole pixels per metre
    return (_nearest_whole(x), _nearest_whole(y)) if image.format == "PNG" else (x, y)


def _nearest_whole(dpi: float) -> float:
    """Return the whole number of dots that is stored as the same number of pixels per metre, where there is one."""
    return float(round(dpi)) if round(round(dpi) / 0.0254) == round(dpi / 0.0254) else dpi


def raw_xmp(image: Image.Image) -> bytes:
    """Return the XMP packet of an opened file; empty where there is none."""
    raw = image.info.get("xmp") or image.info.get("XML:com.adobe.xmp") or b""
    packet = raw.encode() if isinstance(raw, str) else bytes(raw)
    return packet if packet.strip(b"\0 \n\r\t") else b""


def _xmp(packet: bytes) -> tuple[dict[str, str | list[str]], list[str]]:
    try:
        return (xmp_fields(packet) if packet else {}), []
    except XmpError as error:
        return {}, [f"its XMP packet is not valid ({error})"]
