"""The frame header of a JPEG file: what decides whether and how a PDF can hold its bytes as they are."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

_FRAMES = frozenset({*range(0xC0, 0xC4), *range(0xC5, 0xC8), *range(0xC9, 0xCC), *range(0xCD, 0xD0)})
"""Markers SOF0 to SOF15 (ITU-T T.81, table B.1); C4, C8 and CC mean something else."""
_ALONE = frozenset({0x01, *range(0xD0, 0xD9)})
"""TEM, RST0 to RST7, SOI: no length follows."""
_APP14 = 0xEE
_DCT_FRAMES = (0xC0, 0xC1, 0xC2)
"""Baseline, extended sequential, progressive; what the DCTDecode filter takes (ISO 32000-1, 7.4.8)."""


@dataclass(frozen=True, slots=True)
class JpegHeader:
    """What the markers before the first scan say."""

    frame: int
    """The marker: 0xC0 baseline, 0xC2 progressive …"""
    bits: int
    width: int
    height: int
    component_ids: tuple[int, ...]
    has_jfif: bool
    adobe_transform: int | None
    """Of the APP14 marker (Adobe TN 5116, 18): 0 no transform, 1 YCbCr, 2 YCCK; None where there is no such marker."""

    @property
    def fits_pdf(self) -> bool:
        """Whether every PDF reader decodes it: 8 bits, Huffman coded, with 1, 3 or 4 components."""
        return self.frame in _DCT_FRAMES and self.bits == 8 and len(self.component_ids) in (1, 3, 4) and self.height > 0

    @property
    def is_plain_rgb(self) -> bool:
        """Whether its three components are RGB and only their names say so, as libjpeg takes it."""
        return self.component_ids == tuple(b"RGB") and not self.has_jfif and self.adobe_transform is None


def jpeg_header(path: Path) -> JpegHeader | None:
    """Return the frame header; None where none is found before the first scan."""
    has_jfif, adobe_transform = False, None
    with path.open("rb") as file:
        while (marker := _next_marker(file)) is not None and marker not in (0xDA, 0xD9):  # SOS, EOI
            if marker in _ALONE:
                continue
            head = file.read(2)
            if len(head) < 2 or (length := int.from_bytes(head, "big") - 2) < 0:
                return None
            data = file.read(length)
            if marker in _FRAMES:
                return _frame(marker, data, has_jfif, adobe_transform)
            if marker == 0xE0 and data.startswith(b"JFIF\0"):
                has_jfif = True
            if marker == _APP14 and data.startswith(b"Adobe") and len(data) >= 12:
                adobe_transform = data[11]
    return None


def _next_marker(file: BinaryIO) -> int | None:
    """Return the code of the next marker; bytes that belong to none are skipped as decoders do."""
    while byte := file.read(1):
        if byte != b"\xff":
            continue
        while byte == b"\xff":
            byte = file.read(1)
        if byte and byte != b"\0":
            return byte[0]
    return None


def _frame(marker: int, data: bytes, has_jfif: bool, adobe_transform: int | None) -> JpegHeader | None:
    """Parse a frame header (ITU-T T.81, B.2.2)."""
    if len(data) < 6 or len(data) < 6 + 3 * data[5]:
        return None
    bits, height, width, count = struct.unpack(">B2HB", data[:6])
    ids = tuple(data[6 + 3 * index] for index in range(count))
    return JpegHeader(marker, bits, width, height, ids, has_jfif, adobe_transform)
