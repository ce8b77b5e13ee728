"""Colour as code points instead of a profile (ITU-T H.273): PNG's cICP chunk, and the nclx box of AVIF and HEIC."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from fancam.pictures.colour import SRGB_CURVE, matrix_profile

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
