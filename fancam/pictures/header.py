"""What the header of a picture file says.

Colour may stand there as code points instead of a profile (ITU-T H.273): PNG's cICP chunk, the nclx box of AVIF and
HEIC.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Literal

import numpy as np
from PIL import ExifTags, Image

from fancam.geometry import Orientation
from fancam.pictures.colour import SRGB_CURVE, fitting_profile, is_srgb, matrix_profile, profile_description
from fancam.pictures.decode import png_header
from fancam.pictures.opening import tiff_tag
from fancam.pictures.tiff import Fields, parse_exif, read_fields
from fancam.pictures.xmp import XmpError, xmp_fields

# --- code points --------------------------------------------------------------------------------------------------

_D65 = (0.3127, 0.3290)
# ITU-T H.273 (09/2023), table 2: chromaticities of the primaries; the white of all of these is D65.
_PRIMARIES = {
    1: ((0.640, 0.330), (0.300, 0.600), (0.150, 0.060)),  # BT.709 and sRGB
    5: ((0.640, 0.330), (0.290, 0.600), (0.150, 0.060)),  # BT.601 with 625 lines
    6: ((0.630, 0.340), (0.310, 0.595), (0.155, 0.070)),  # BT.601 with 525 lines
    9: ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046)),  # BT.2020
    12: ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060)),  # Display P3
}
_NAMES = {1: "BT.709", 5: "BT.601", 6: "BT.601", 9: "BT.2020", 12: "Display P3"}
_UNSPECIFIED = 2
# The same, table 3: exponent of the curve. The camera curve of BT.709 and its kin is shown with sRGB's, as browsers do.
_GAMMAS = {1: SRGB_CURVE, 6: SRGB_CURVE, 13: SRGB_CURVE, 14: SRGB_CURVE, 15: SRGB_CURVE, 4: 2.2, 5: 2.8, 8: 1.0}
_HDR = {16: "PQ", 18: "HLG"}

_LARGEST_META = 1 << 24
"""Boxes that describe a picture have some hundred bytes; one above 16 MB is not read."""


@dataclass(frozen=True, slots=True)
class CodePoints:
    """What a still picture says about its samples outside of any ICC profile."""

    primaries: int = _UNSPECIFIED
    transfer: int = _UNSPECIFIED
    bits: int | None = None
    """Bits per sample; None where it is not stated."""
    channels: int | None = None
    """1 for a grey AVIF, which is decoded to RGB; None where it is not stated."""


def profile_of(tags: CodePoints) -> tuple[bytes | None, list[str]]:
    """Return the ICC profile that says the same as the code points, None for sRGB, and what cannot be said with one."""
    primaries = 1 if tags.primaries == _UNSPECIFIED else tags.primaries
    transfer = 13 if tags.transfer == _UNSPECIFIED else tags.transfer
    if transfer in _HDR:
        return None, [f"is an HDR picture ({_HDR[transfer]}), read as if it were sRGB: its colours are approximate"]
    if primaries not in _PRIMARIES or transfer not in _GAMMAS:
        return None, [f"its colour tags (primaries {primaries}, transfer {transfer}) were read as sRGB"]
    gamma = _GAMMAS[transfer]
    if primaries == 1 and gamma == SRGB_CURVE:
        return None, []
    description = f"{_NAMES[primaries]}, gamma {gamma}" if gamma != SRGB_CURVE else _NAMES[primaries]
    return matrix_profile(description, _PRIMARIES[primaries], _D65, gamma), []


def code_points(path: Path, kind: str) -> CodePoints:
    """Return the code points of a PNG, AVIF or HEIF file, as Pillow names them; empty ones for other formats.

    Damaged boxes count as absent: whether the picture can be decoded is for the decoder to say.
    """
    try:
        with path.open("rb") as file:
            if kind == "PNG":
                return _png_tags(file)
            if kind in ("AVIF", "HEIF"):
                return _primary_item_tags(file)
    except (struct.error, IndexError):
        pass
    return CodePoints()


def _png_tags(file: BinaryIO) -> CodePoints:
    """Walk the chunks before the pixels (W3C PNG, third edition, 11.3.2.6)."""
    file.seek(8)
    while len(head := file.read(8)) == 8:
        length, name = struct.unpack(">I4s", head)
        if name in (b"IDAT", b"IEND"):
            break
        if name == b"cICP" and length == 4:
            primaries, transfer, _matrix, _full_range = file.read(4)
            return CodePoints(primaries, transfer)
        file.seek(length + 4, 1)
    return CodePoints()


def _primary_item_tags(file: BinaryIO) -> CodePoints:
    """Return the properties of the primary item (ISO/IEC 23008-12, 6.5 and 9.3)."""
    meta = b""
    while len(head := file.read(8)) == 8:
        length, name = struct.unpack(">I4s", head)
        skipped = 8
        if length == 1:
            (length,) = struct.unpack(">Q", file.read(8))
            skipped = 16
        if name == b"meta":
            meta = file.read(min(max(length - skipped, 0), _LARGEST_META) if length else _LARGEST_META)[4:]
            break
        if length < skipped:
            break
        file.seek(length - skipped, 1)
    boxes = dict(_boxes(meta))
    inside = dict(_boxes(boxes.get(b"iprp", b"")))
    properties = list(_boxes(inside.get(b"ipco", b"")))
    if b"pitm" not in boxes or b"ipma" not in inside:
        return CodePoints()
    pitm = boxes[b"pitm"]
    (primary,) = struct.unpack_from(">H" if pitm[0] == 0 else ">I", pitm, 4)
    own = [properties[i - 1] for i in _associated(inside[b"ipma"], primary) if 0 < i <= len(properties)]
    return _tags_of(own)


def _tags_of(properties: list[tuple[bytes, bytes]]) -> CodePoints:
    primaries = transfer = _UNSPECIFIED
    bits = channels = None
    for name, data in properties:
        if name == b"colr" and data[:4] == b"nclx":
            primaries, transfer = struct.unpack_from(">2H", data, 4)
        elif name == b"pixi":
            bits = data[5]  # its number of channels cannot be relied on: libheif states 1 for RGB
        elif name == b"av1C":  # AV1 ISOBMFF binding 1.2, 2.3.3: high_bitdepth, twelve_bit, monochrome
            bits = 8 if not data[2] & 0x40 else 12 if data[2] & 0x20 else 10
            channels = 1 if data[2] & 0x10 else 3
        elif name == b"hvcC":  # ISO/IEC 14496-15, 8.3.3.1.2: bit_depth_luma_minus8
            bits = (data[17] & 7) + 8
    return CodePoints(primaries, transfer, bits, channels)


def _boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield name and content of the boxes in a row (ISO/IEC 14496-12, 4.2)."""
    position = 0
    while position + 8 <= len(data):
        length, name = struct.unpack_from(">I4s", data, position)
        if length < 8:
            return
        yield name, data[position + 8 : position + length]
        position += length


def _associated(ipma: bytes, item: int) -> list[int]:
    """Return the numbers, from 1, of an item's properties."""
    wide_items, wide_numbers = ipma[0] >= 1, ipma[3] & 1
    (entries,) = struct.unpack_from(">I", ipma, 4)
    position = 8
    for _ in range(entries):
        (owner,) = struct.unpack_from(">I" if wide_items else ">H", ipma, position)
        position += 4 if wide_items else 2
        count = ipma[position]
        width = 2 if wide_numbers else 1
        numbers = struct.unpack_from(f">{count}{'H' if wide_numbers else 'B'}", ipma, position + 1)
        position += 1 + count * width
        if owner == item:
            return [number & (0x7FFF if wide_numbers else 0x7F) for number in numbers]
    return []


# --- what a header says -------------------------------------------------------------------------------------------

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
