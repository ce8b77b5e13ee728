"""Write 16-bit RGB, RGBA and grey as PNG and TIFF. Pillow cannot hold 16-bit RGB, and OpenCV writes no metadata."""

from __future__ import annotations

import struct
import zlib

import numpy as np
import numpy.typing as npt

from fancam.pictures.metadata import XMP_PNG_KEYWORD, XMP_TIFF_TAG, PictureMetadata, exif_of, rational, xmp_packet

_STRIP_BYTES = 1 << 18
"""Aim for the size of a TIFF strip before compression."""


def deep_png(
    pixels: npt.NDArray[np.uint16], *, dpi: float, profile: bytes | None, metadata: PictureMetadata
) -> bytes:  # fmt: skip
    """Return a PNG file (W3C PNG, third edition) with 16 bits per sample.

    Args:
        pixels: (height, width), (height, width, 3) or (height, width, 4) uint16.
        dpi: Pixels per inch, kept as whole pixels per metre.
        profile: ICC profile or None.
        metadata: Goes into eXIf and iTXt.
    """
    height, width = pixels.shape[:2]
    channels = 1 if pixels.ndim == 2 else pixels.shape[2]
    colour_type = {1: 0, 3: 2, 4: 6}[channels]
    per_metre = round(dpi / 0.0254)
    chunks = [(b"IHDR", struct.pack(">2I5B", width, height, 16, colour_type, 0, 0, 0))]
    if profile is not None:
        chunks.append((b"iCCP", b"ICC Profile\0\0" + zlib.compress(profile)))
    chunks.append((b"pHYs", struct.pack(">2IB", per_metre, per_metre, 1)))
    chunks.append((b"eXIf", exif_of(metadata, dpi).tobytes().removeprefix(b"Exif\0\0")))
    # keyword, no compression, no language, no translated keyword, text
    chunks.append((b"iTXt", XMP_PNG_KEYWORD.encode() + b"\0\0\0\0\0" + xmp_packet(metadata)))
    chunks.append((b"IDAT", zlib.compress(_png_rows(pixels, 2 * channels), 6)))
    chunks.append((b"IEND", b""))
    body = b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + body


def _png_rows(pixels: npt.NDArray[np.uint16], pixel_bytes: int) -> bytes:
    """Return the rows in network byte order, each less the row above (filter type 2, Up), which suits photos."""
    height = pixels.shape[0]
    rows = pixels.astype(">u2").view(np.uint8).reshape(height, pixels.shape[1] * pixel_bytes)
    filtered = np.empty((height, rows.shape[1] + 1), np.uint8)
    filtered[:, 0] = 2
    filtered[0, 1:] = rows[0]  # the row above the first one is zero
    np.subtract(rows[1:], rows[:-1], out=filtered[1:, 1:])  # modulo 256, as the standard wants
    return filtered.tobytes()


def deep_tiff(
    pixels: npt.NDArray[np.uint16], *, dpi: float, profile: bytes | None, metadata: PictureMetadata
) -> bytes:  # fmt: skip
    """Return a little-endian TIFF 6.0 file with 16 bits per sample, deflated in strips, horizontal differencing.

    Args:
        pixels: (height, width), (height, width, 3) or (height, width, 4) uint16.
        dpi: Pixels per inch, kept as a fraction.
        profile: ICC profile or None.
        metadata: Goes into Software, ImageDescription and XMP (tag 700).
    """
    height, width = pixels.shape[:2]
    samples = pixels.reshape(height, width, -1).astype("<u2")
    channels = samples.shape[2]
    difference = samples.copy()
    difference[:, 1:] -= samples[:, :-1]
    rows_per_strip = max(_STRIP_BYTES // (2 * width * channels), 1)
    strips = [zlib.compress(difference[y : y + rows_per_strip].tobytes(), 6) for y in range(0, height, rows_per_strip)]
    offsets, position = [], 8
    for strip in strips:
        offsets.append(position)
        position += len(strip) + len(strip) % 2  # every offset is even (TIFF 6.0, section 2)
    short, long, text, fraction, byte, undefined = 3, 4, 2, 5, 1, 7
    exif = exif_of(metadata, dpi)
    entries: list[tuple[int, int, int, bytes]] = [
        (256, long, 1, struct.pack("<I", width)),
        (257, long, 1, struct.pack("<I", height)),
        (258, short, channels, struct.pack(f"<{channels}H", *[16] * channels)),
        (259, short, 1, struct.pack("<H", 8)),  # Compression: deflate (Adobe Photoshop TIFF Technical Notes, 2002)
        (262, short, 1, struct.pack("<H", 1 if channels == 1 else 2)),  # BlackIsZero or RGB
        (273, long, len(strips), struct.pack(f"<{len(strips)}I", *offsets)),
        (277, short, 1, struct.pack("<H", channels)),
        (278, long, 1, struct.pack("<I", rows_per_strip)),
        (279, long, len(strips), struct.pack(f"<{len(strips)}I", *map(len, strips))),
        (282, fraction, 1, struct.pack("<2I", *rational(dpi))),
        (283, fraction, 1, struct.pack("<2I", *rational(dpi))),
        (284, short, 1, struct.pack("<H", 1)),  # PlanarConfiguration: chunky
        (296, short, 1, struct.pack("<H", 2)),  # ResolutionUnit: inch
        (317, short, 1, struct.pack("<H", 2)),  # Predictor: horizontal differencing
    ]
    for tag in (270, 305):  # ImageDescription, Software
        if tag in exif:
            value = str(exif[tag]).encode("ascii") + b"\0"
            entries.append((tag, text, len(value), value))
    if channels == 4:
        entries.append((338, short, 1, struct.pack("<H", 2)))  # ExtraSamples: straight alpha
    xmp = xmp_packet(metadata)
    entries.append((XMP_TIFF_TAG, byte, len(xmp), xmp))
    if profile is not None:
        entries.append((34675, undefined, len(profile), profile))
    pixels_part = b"".join(strip + bytes(len(strip) % 2) for strip in strips)
    return struct.pack("<2sHI", b"II", 42, position) + pixels_part + _directory(sorted(entries), position)


def _directory(entries: list[tuple[int, int, int, bytes]], position: int) -> bytes:
    """Return the image file directory at this position, the values that do not fit it behind."""
    values_at = position + 2 + 12 * len(entries) + 4
    table, values = struct.pack("<H", len(entries)), b""
    for tag, kind, count, data in entries:
        if len(data) <= 4:
            field = data.ljust(4, b"\0")
        else:
            field = struct.pack("<I", values_at + len(values))
            values += data + bytes(len(data) % 2)
        table += struct.pack("<2HI", tag, kind, count) + field
    return table + struct.pack("<I", 0) + values
