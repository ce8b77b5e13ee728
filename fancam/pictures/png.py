"""PNG: pixels of a file as they are stored, without holding the picture; and files with 16 bits.

Pillow cannot hold 16-bit RGB, and OpenCV writes no metadata.
"""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from fancam.errors import InputError, NotMediaError, TruncatedInputError
from fancam.media import Samples

XMP_PNG_KEYWORD = "XML:com.adobe.xmp"
"""Keyword of the iTXt chunk that holds the packet in PNG (XMP specification part 3, 2.5)."""
_LARGEST_CHUNK = (1 << 31) - 1
"""Lengths of chunks are 31 bits (W3C PNG, third edition, 5.3)."""
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
            raise _short(self.path)
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
            raise _short(path)
        length, name = struct.unpack(">I4s", head)
        yield name, length
        if name == b"IEND":
            return
        position += 12 + length


def _checked_chunk(file: BinaryIO, name: bytes, length: int, path: Path) -> bytes:
    data = file.read(min(length, _PIECE_BYTES) + 4)
    if len(data) < length + 4:
        raise _short(path)
    if zlib.crc32(data[:-4], zlib.crc32(name)) != int.from_bytes(data[-4:], "big"):
        raise _bad_sum(path)
    return data[:-4]


def _pieces(file: BinaryIO, length: int, path: Path) -> Iterator[bytes]:
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


# --- written --------------------------------------------------------------------------------------------------------


def encode_png_16(
    pixels: npt.NDArray[np.uint16],
    *,
    resolution: tuple[float, float] | None,
    profile: bytes | None,
    exif: bytes,
    xmp: bytes,
) -> bytes:
    """Return a PNG file (W3C PNG, third edition) with 16 bits per sample.

    Args:
        pixels: (height, width), or (height, width, channels) with 2 for grey and alpha, 3 or 4 channels.
        resolution: Kept as whole pixels per metre.
        profile: ICC profile or None.
        exif: Goes into eXIf, beginning with its byte order mark; left out when empty.
        xmp: Packet for iTXt; left out when empty.
    """
    height, width = pixels.shape[:2]
    channels = 1 if pixels.ndim == 2 else pixels.shape[2]
    colour_type = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    chunks = [(b"IHDR", struct.pack(">2I5B", width, height, 16, colour_type, 0, 0, 0))]
    if profile is not None:
        chunks.append((b"iCCP", b"ICC Profile\0\0" + zlib.compress(profile)))
    if resolution is not None:
        per_metre = [round(dpi / 0.0254) for dpi in resolution]
        chunks.append((b"pHYs", struct.pack(">2IB", *per_metre, 1)))
    if exif:
        chunks.append((b"eXIf", exif))
    if xmp:  # keyword, no compression, no language, no translated keyword, text
        chunks.append((b"iTXt", XMP_PNG_KEYWORD.encode() + b"\0\0\0\0\0" + xmp))
    # Level 6 in pieces: a scan of 100 megapixels has 600 MB, and no copy of it is needed.
    compressor = zlib.compressobj(6)
    data = b"".join(compressor.compress(rows) for rows in png_rows(pixels, 2 * channels)) + compressor.flush()
    chunks += [(b"IDAT", data[i : i + _LARGEST_CHUNK]) for i in range(0, len(data), _LARGEST_CHUNK)]
    chunks.append((b"IEND", b""))
    body = b"".join(
        part
        for name, data in chunks
        for part in (struct.pack(">I", len(data)), name, data, struct.pack(">I", zlib.crc32(data, zlib.crc32(name))))
    )
    return _SIGNATURE + body


def png_rows(pixels: Samples, pixel_bytes: int) -> Iterator[bytes]:
    """Yield rows in network byte order, each less the row above (filter type 2, Up), which suits photos."""
    row_bytes = pixels.shape[1] * pixel_bytes
    step = max(_PIECE_BYTES // row_bytes, 1)
    wire = pixels.dtype.newbyteorder(">")
    above = np.zeros(row_bytes, np.uint8)  # the row above the first one is zero
    for y in range(0, len(pixels), step):
        rows = np.ascontiguousarray(pixels[y : y + step], wire).view(np.uint8).reshape(-1, row_bytes)
        filtered = np.empty((len(rows), row_bytes + 1), np.uint8)
        filtered[:, 0] = 2
        np.subtract(rows[0], above, out=filtered[0, 1:])  # modulo 256, as the standard wants
        np.subtract(rows[1:], rows[:-1], out=filtered[1:, 1:])
        above = rows[-1]
        yield filtered.tobytes()
