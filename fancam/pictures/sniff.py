"""Tell what a file is by its first bytes."""

from __future__ import annotations

import io
import struct
from enum import Enum
from pathlib import Path
from typing import BinaryIO

SAMPLE_BYTES = 64
"""How many bytes of the file ``sniff`` wants to see."""


class Kind(Enum):
    """What the first bytes promise."""

    PICTURE = "a picture"
    MAYBE_ANIMATED = "a picture or an animation"
    HEIF = "a HEIC picture"
    CAMERA_RAW = "a camera raw file"
    JPEG_XL = "a JPEG XL picture"
    OTHER = "no picture"


_SIGNATURES = (
    (b"\xff\xd8\xff", Kind.PICTURE),  # JPEG
    (b"\x89PNG\r\n\x1a\n", Kind.MAYBE_ANIMATED),
    (b"GIF87a", Kind.MAYBE_ANIMATED),
    (b"GIF89a", Kind.MAYBE_ANIMATED),
    (b"8BPS\x00\x01", Kind.PICTURE),  # Photoshop
    (b"qoif", Kind.PICTURE),
    (b"\x00\x00\x00\x0cjP  \r\n\x87\n", Kind.PICTURE),  # JPEG 2000
    (b"\xff\x4f\xff\x51", Kind.PICTURE),  # JPEG 2000 codestream
    (b"\xff\x0a", Kind.JPEG_XL),
    (b"\x00\x00\x00\x0cJXL \r\n\x87\n", Kind.JPEG_XL),
    (b"FUJIFILMCCD-RAW", Kind.CAMERA_RAW),
    (b"IIU\x00", Kind.CAMERA_RAW),  # Panasonic
    (b"IIRO", Kind.CAMERA_RAW),  # Olympus
    (b"IIRS", Kind.CAMERA_RAW),
    (b"II*\x00", Kind.PICTURE),  # TIFF
    (b"MM\x00*", Kind.PICTURE),
    (b"II+\x00", Kind.PICTURE),  # BigTIFF
    (b"MM\x00+", Kind.PICTURE),
)
_HEIF_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"}


def sniff(head: bytes) -> Kind:
    """Return what the file is, by the signatures its format's standard lays down.

    Args:
        head: The first ``SAMPLE_BYTES`` bytes, or all of a shorter file.
    """
    if head[4:8] == b"ftyp":
        return _sniff_brands(head)
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return Kind.PICTURE
    if head[:4] in (b"II*\x00", b"MM\x00*") and head[8:10] == b"CR":
        return Kind.CAMERA_RAW  # Canon CR2 is a TIFF with this mark behind the header
    if head[:2] == b"BM" and head[6:10] == bytes(4):  # BMP: two reserved words
        return Kind.PICTURE
    if len(head) > 2 and head[:1] == b"P" and head[1:2] in b"123456" and head[2:3].isspace():
        return Kind.PICTURE  # PPM, PGM, PBM
    for signature, kind in _SIGNATURES:
        if head.startswith(signature):
            return kind
    return Kind.OTHER


def _sniff_brands(head: bytes) -> Kind:
    """Tell an ISO base media file by its major brand, then by the compatible ones (ISO/IEC 14496-12, 4.3)."""
    end = min(int.from_bytes(head[:4], "big"), len(head))
    brands = [head[8:12], *(head[i : i + 4] for i in range(16, end - 3, 4))]
    if b"avif" in brands:
        return Kind.PICTURE
    if b"avis" in brands:
        return Kind.MAYBE_ANIMATED
    if brands[0] == b"crx ":
        return Kind.CAMERA_RAW  # Canon CR3
    if _HEIF_BRANDS & set(brands):
        return Kind.HEIF
    return Kind.OTHER


def is_cut_off(path: Path, *, strips: bool = True) -> bool:
    """Whether the sizes and offsets the file states reach beyond its end, for formats that state them.

    RIFF (WebP), ISO base media boxes (AVIF, JPEG 2000) and TIFF; GIF where its trailer is missing; False for every
    other format.

    Args:
        path: The file.
        strips: Whether the strips of a TIFF count too; some programs state wrong lengths for them.
    """
    with path.open("rb") as file:
        head = file.read(SAMPLE_BYTES)
        size = file.seek(0, io.SEEK_END)
        if size <= 16:
            return sniff(head) is not Kind.OTHER
        if head[:4] == b"GIF8":
            file.seek(-1, io.SEEK_END)
            return file.read(1) != b";"
        if head[:4] == b"RIFF":
            return int.from_bytes(head[4:8], "little") + 8 > size
        if head[4:8] in (b"ftyp", b"jP  "):
            return _boxes_end(file, size) > size
        order = {b"II*\0": "<", b"MM\0*": ">"}.get(head[:4])
        return order is not None and _tiff_end(file, size, order, strips) > size


def _boxes_end(file: BinaryIO, size: int) -> int:
    """Return where the last box of the file ends (ISO/IEC 14496-12, 4.2)."""
    position = 0
    while position < size:
        file.seek(position)
        header = file.read(16)
        length = int.from_bytes(header[:4], "big")
        if length == 1:
            length = int.from_bytes(header[8:16], "big")
        if length == 0:  # to the end of the file
            return size
        if length < 8:
            return position
        position += length
    return position


def _tiff_end(file: BinaryIO, size: int, order: str, strips: bool) -> int:
    """Return how far the first directory of a TIFF, its values and its strips reach (TIFF 6.0, section 2)."""
    file.seek(4)
    (start,) = struct.unpack(f"{order}I", file.read(4))
    if start + 2 > size:
        return start + 2
    file.seek(start)
    (count,) = struct.unpack(f"{order}H", file.read(2))
    end = start + 2 + 12 * count + 4
    table = file.read(12 * count)
    widths = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8}
    reach: dict[int, list[int]] = {}
    for index in range(len(table) // 12):
        tag, kind, number, value = struct.unpack_from(f"{order}2H2I", table, 12 * index)
        length = widths.get(kind, 1) * number
        end = max(end, value + length if length > 4 else 0)
        if strips and tag in (273, 279) and kind == 4 and end <= size:  # StripOffsets, StripByteCounts
            reach[tag] = _longs(file, order, value, number)
    return max([end, *map(sum, zip(reach.get(273, []), reach.get(279, []), strict=False))])


def _longs(file: BinaryIO, order: str, value: int, number: int) -> list[int]:
    if number == 1:
        return [value]
    file.seek(value)
    return list(struct.unpack(f"{order}{number}I", file.read(4 * number)))
