"""The pixels of a PNG file as they are stored: found, checked and handed out without holding the picture."""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from fancam.errors import InputError, NotMediaError, TruncatedInputError

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_PIECE_BYTES = 1 << 18
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
"""Samples per pixel by colour type (W3C PNG, third edition, 11.2.1)."""
_PALETTE = 3
_LARGEST_FILTER = 4
"""None, Sub, Up, Average, Paeth (W3C PNG, third edition, 9.2)."""
_MOST_BITS = {0: 16, 2: 16, 3: 8, 4: 16, 6: 16}
_REMEDY = "copy it again from its source, or open and save it in a picture editor"


@dataclass(frozen=True, slots=True)
class PngHeader:
    """IHDR, and what else decides how the pixels are read."""

    width: int
    height: int
    bits: int
    colour_type: int
    interlaced: bool
    palette: bytes | None = None
    """Red, green, blue of each entry."""
    transparent: bool = False
    """Whether a tRNS chunk names transparent colours."""

    @property
    def channels(self) -> int:
        """Samples per pixel."""
        return _CHANNELS[self.colour_type]

    @property
    def has_alpha(self) -> bool:
        """Whether pixels can be transparent."""
        return self.transparent or self.colour_type in (4, 6)

    @property
    def row_bytes(self) -> int:
        """Bytes of a row, with the byte of its filter."""
        return 1 + (self.width * self.channels * self.bits + 7) // 8


@dataclass(frozen=True, slots=True)
class PngStream:
    """The deflated pixels of a PNG that were checked."""

    size_bytes: int
    sha256: str


def parsed_png_header(path: Path) -> PngHeader:
    """Read what comes before the pixels.

    Raises:
        TruncatedInputError: The file ends before them.
        NotMediaError: A chunk is damaged, or there is none where one must be.
    """
    with path.open("rb") as file:
        facts: tuple[int, ...] = ()
        palette, transparent = None, False
        for name, length in _chunks(file, path):
            if name == b"IDAT":
                break
            if name in (b"IHDR", b"PLTE", b"tRNS"):
                data = _checked_chunk(file, name, length, path)
                if name == b"IHDR":
                    facts = struct.unpack(">2I5B", data) if len(data) == 13 else ()
                elif name == b"PLTE":
                    palette = data
                else:
                    transparent = True
    if not facts:
        raise NotMediaError("the picture is damaged (it has no header)", item=path, remedy=_REMEDY)
    width, height, bits, colour_type, compression, filtering, interlace = facts
    valid = colour_type in _CHANNELS and bits in (1, 2, 4, 8, 16) and bits <= _MOST_BITS[colour_type]
    if not valid or compression or filtering or width < 1 or height < 1:
        raise NotMediaError("the picture is damaged (its header makes no sense)", item=path, remedy=_REMEDY)
    if colour_type == _PALETTE and (not palette or len(palette) % 3):
        raise NotMediaError("the picture is damaged (its palette is missing)", item=path, remedy=_REMEDY)
    return PngHeader(width, height, bits, colour_type, bool(interlace), palette, transparent)


def checked_png_stream(path: Path, header: PngHeader) -> PngStream:
    """Inflate all pixels piece by piece and keep none of them.

    Args:
        path: The file.
        header: Its header; the picture is not interlaced.

    Raises:
        TruncatedInputError: Pixels are missing at the end.
        NotMediaError: A checksum is wrong, or the data are no pixels of this size.
    """
    digest, size = hashlib.sha256(), 0
    rows = _Rows(header, path)
    for piece in png_pixels(path):
        digest.update(piece)
        size += len(piece)
        rows.feed(piece)
    rows.finish()
    return PngStream(size, digest.hexdigest())


def png_pixels(path: Path) -> Iterator[bytes]:
    """Yield what the IDAT chunks hold, in order and unchanged, in pieces of some hundred kilobytes.

    Raises:
        TruncatedInputError: The file ends inside of them.
        NotMediaError: The checksum of a chunk is wrong.
    """
    with path.open("rb") as file:
        seen = False
        for name, length in _chunks(file, path):
            if name == b"IDAT":
                seen = True
                yield from _pieces(file, length, path)
            elif seen:  # IDAT chunks follow each other (W3C PNG, third edition, 5.6)
                break


class _Rows:
    """Follows the inflated rows: their number, their length and the byte of each one's filter."""

    def __init__(self, header: PngHeader, path: Path) -> None:
        self.path = path
        self.row_bytes = header.row_bytes
        self.expected = header.row_bytes * header.height
        self.done = 0
        self.inflate = zlib.decompressobj()

    def feed(self, data: bytes) -> None:
        while data and self.done <= self.expected and not self.inflate.eof:
            try:
                piece = self.inflate.decompress(data, _PIECE_BYTES)
            except zlib.error as error:
                raise NotMediaError(f"the picture is damaged ({error})", item=self.path, remedy=_REMEDY) from error
            filters = piece[-self.done % self.row_bytes :: self.row_bytes]
            if filters and max(filters) > _LARGEST_FILTER:
                raise NotMediaError("the picture is damaged (a row has no filter)", item=self.path, remedy=_REMEDY)
            self.done += len(piece)
            data = self.inflate.unconsumed_tail

    def finish(self) -> None:
        if self.done < self.expected or (self.done == self.expected and not self.inflate.eof):
            raise TruncatedInputError("the picture is cut off", item=self.path, remedy=_REMEDY)
        if self.done > self.expected:
            raise NotMediaError("the picture is damaged (it has too many rows)", item=self.path, remedy=_REMEDY)


def _chunks(file: BinaryIO, path: Path) -> Iterator[tuple[bytes, int]]:
    """Yield name and length of each chunk with the file at its data; the reader may leave it anywhere in the chunk."""
    if file.read(8) != _SIGNATURE:
        raise NotMediaError("not a PNG file", item=path, remedy=_REMEDY)
    position = 8
    while True:
        file.seek(position)
        head = file.read(8)
        if len(head) < 8:
            raise TruncatedInputError("the picture is cut off", item=path, remedy=_REMEDY)
        length, name = struct.unpack(">I4s", head)
        yield name, length
        if name == b"IEND":
            return
        position += 12 + length


def _checked_chunk(file: BinaryIO, name: bytes, length: int, path: Path) -> bytes:
    """Return the data of a short chunk."""
    data = file.read(min(length, _PIECE_BYTES) + 4)
    if len(data) < length + 4:
        raise _short(path)
    if zlib.crc32(data[:-4], zlib.crc32(name)) != int.from_bytes(data[-4:], "big"):
        raise _bad_sum(path)
    return data[:-4]


def _pieces(file: BinaryIO, length: int, path: Path) -> Iterator[bytes]:
    """Yield the data of an IDAT chunk and check its sum."""
    checksum = zlib.crc32(b"IDAT")
    while length:
        piece = file.read(min(length, _PIECE_BYTES))
        if not piece:
            raise _short(path)
        checksum = zlib.crc32(piece, checksum)
        length -= len(piece)
        yield piece
    stated = file.read(4)
    if len(stated) < 4:
        raise _short(path)
    if checksum != int.from_bytes(stated, "big"):
        raise _bad_sum(path)


def _short(path: Path) -> InputError:
    return TruncatedInputError("the picture is cut off", item=path, remedy=_REMEDY)


def _bad_sum(path: Path) -> InputError:
    return NotMediaError("the picture is damaged (a checksum is wrong)", item=path, remedy=_REMEDY)
