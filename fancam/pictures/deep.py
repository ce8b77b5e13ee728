"""Write PNG with 16 bits, and TIFF with 8 or 16: Pillow cannot hold 16-bit RGB, and OpenCV writes no metadata."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from fancam.media import Samples
from fancam.pictures.ifd import (
    BYTE,
    LONG,
    RATIONAL,
    RESOLUTION_UNIT,
    SHORT,
    UNDEFINED,
    X_RESOLUTION,
    Y_RESOLUTION,
    Directory,
    Field,
    Fields,
    directories,
    rational,
)

XMP_TIFF_TAG = 700
"""Tag that holds the packet in TIFF (XMP specification part 3, 2.4)."""
XMP_PNG_KEYWORD = "XML:com.adobe.xmp"
"""Keyword of the iTXt chunk that holds the packet in PNG (XMP specification part 3, 2.5)."""
_STRIP_BYTES = 1 << 18
"""Aim for the size of a TIFF strip before compression."""
ICC_TIFF_TAG = 34675
"""InterColorProfile (ICC.1:2022, annex B.4)."""

Resolution = tuple[float, float]
"""Pixels per inch, across and down."""


def deep_png(
    pixels: npt.NDArray[np.uint16], *, resolution: Resolution | None, profile: bytes | None, exif: bytes, xmp: bytes
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
    return b"\x89PNG\r\n\x1a\n" + body


_LARGEST_CHUNK = (1 << 31) - 1
"""Lengths of chunks are 31 bits (W3C PNG, third edition, 5.3)."""


def png_rows(pixels: Samples, pixel_bytes: int) -> Iterator[bytes]:
    """Yield rows in network byte order, each less the row above (filter type 2, Up), which suits photos."""
    row_bytes = pixels.shape[1] * pixel_bytes
    step = max(_STRIP_BYTES // row_bytes, 1)
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


def tiff(pixels: Samples, *, resolution: Resolution | None, profile: bytes | None, fields: Fields, xmp: bytes) -> bytes:
    """Return a TIFF 6.0 file, deflated in strips, horizontal differencing, in the byte order of ``fields``.

    Args:
        pixels: (height, width), or (height, width, channels) with 2 for grey and alpha, 3 or 4 channels; uint8 or
            uint16.
        resolution: Kept as a fraction.
        profile: ICC profile or None.
        fields: Descriptive fields, and the Exif and GPS directories.
        xmp: Packet for tag 700; left out when empty.
    """
    height, width = pixels.shape[:2]
    samples = pixels.reshape(height, width, -1)
    channels = samples.shape[2]
    rows_per_strip = max(_STRIP_BYTES // (samples.itemsize * width * channels), 1)
    strips = list(_tiff_strips(samples, rows_per_strip, fields.order))
    offsets, position = [], 8
    for strip in strips:
        offsets.append(position)
        position += len(strip) + len(strip) % 2  # every offset is even (TIFF 6.0, section 2)

    def entry(kind: int, *values: int) -> Field:
        return fields.entry(kind, values)

    main: Directory = {
        **fields.main,
        256: entry(LONG, width),
        257: entry(LONG, height),
        258: entry(SHORT, *[8 * samples.itemsize] * channels),
        259: entry(SHORT, 8),  # Compression: deflate (Adobe Photoshop TIFF Technical Notes, 2002)
        262: entry(SHORT, 1 if channels < 3 else 2),  # BlackIsZero or RGB
        273: entry(LONG, *offsets),
        277: entry(SHORT, channels),
        278: entry(LONG, rows_per_strip),
        279: entry(LONG, *map(len, strips)),
        284: entry(SHORT, 1),  # PlanarConfiguration: chunky
        317: entry(SHORT, 2),  # Predictor: horizontal differencing
    }
    if resolution is not None:
        main[X_RESOLUTION], main[Y_RESOLUTION] = (entry(RATIONAL, *rational(dpi)) for dpi in resolution)
        main[RESOLUTION_UNIT] = entry(SHORT, 2)  # inch
    if channels in (2, 4):
        main[338] = entry(SHORT, 2)  # ExtraSamples: straight alpha
    if xmp:
        main[XMP_TIFF_TAG] = Field(BYTE, len(xmp), xmp)
    if profile is not None:
        main[ICC_TIFF_TAG] = Field(UNDEFINED, len(profile), profile)
    mark = b"II" if fields.order == "<" else b"MM"
    head = struct.pack(f"{fields.order}2sHI", mark, 42, position)
    padded = (part for strip in strips for part in (strip, bytes(len(strip) % 2)))
    described = Fields(fields.order, main, fields.exif, fields.gps, fields.interop)
    return b"".join((head, *padded, directories(described, position)))


def _tiff_strips(samples: Samples, rows_per_strip: int, order: str) -> Iterator[bytes]:
    kind = samples.dtype.newbyteorder("<" if order == "<" else ">")
    for y in range(0, len(samples), rows_per_strip):
        rows = samples[y : y + rows_per_strip].astype(kind)
        difference = rows.copy()
        np.subtract(rows[:, 1:], rows[:, :-1], out=difference[:, 1:])  # modulo 2^bits
        yield zlib.compress(difference.tobytes(), 6)
