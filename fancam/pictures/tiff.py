"""TIFF: directories of fields, which EXIF is made of too, kept without touching a value; and whole files."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import BinaryIO

import numpy as np

from fancam.media import Samples

SHORT, LONG, RATIONAL, ASCII, BYTE, UNDEFINED = 3, 4, 5, 2, 1, 7
"""Field types (TIFF 6.0, section 2)."""
_TYPE_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
_INTEGERS = {1: "B", 3: "H", 4: "I", 13: "I", 16: "Q", 18: "Q"}
_LONGEST_VALUE = 1 << 24
"""A directory may state any length; 16 MB is far above the largest maker's note."""
_MOST_FIELDS = 1 << 12

EXIF_IFD, GPS_IFD, INTEROP_IFD = 0x8769, 0x8825, 0xA005
"""Tags that point to further directories (Exif 2.32, 4.6.3); the interoperability directory hangs on the Exif one."""
ORIENTATION, X_RESOLUTION, Y_RESOLUTION, RESOLUTION_UNIT = 274, 282, 283, 296
IMAGE_DESCRIPTION, SOFTWARE, PROCESSING_SOFTWARE = 270, 305, 11
MAKER_NOTE = 0x927C
EXPOSURE_TIME, F_NUMBER = 0x829A, 0x829D
IPTC_TAG = 33723
XMP_TIFF_TAG = 700
"""Tag that holds the packet in TIFF (XMP specification part 3, 2.4)."""
_STRIP_BYTES = 1 << 18
"""Aim for the size of a TIFF strip before compression."""
ICC_TIFF_TAG = 34675
"""InterColorProfile (ICC.1:2022, annex B.4)."""

Resolution = tuple[float, float]
"""Pixels per inch, across and down."""

# Tags of the first directory that tell how the pixels lie in this one file, not what they show (TIFF 6.0, its
# supplements, DNG's and GeoTIFF's), and those that are kept outside the EXIF: XMP, IPTC, Photoshop, the profile.
_STRUCTURE = {
    *range(254, 267), 273, *range(277, 282), 284, *range(288, 294), ORIENTATION, 297, 301, *range(317, 331),
    *range(332, 348), *range(400, 436), *range(512, 533), 559, 700, 33550, 33922, IPTC_TAG, 34264, 34377, 34675,
    34732, 34735, 34736, 34737, 37724, 50838, 50839,
}  # fmt: skip
# Tags of the Exif directory that count pixels: sizes, focal plane resolution, subject's place.
_PIXEL_COUNTS = {0xA002, 0xA003, 0xA20E, 0xA20F, 0xA210, 0x9214, 0xA214}
_RELATED_SIZES = {0x1001, 0x1002}
_MOVABLE_NOTES = (b"Apple iOS\0", b"FUJIFILM", b"Nikon\0\x02", b"OLYMPUS\0", b"OM SYSTEM\0", b"PENTAX \0")
"""Makers' notes whose offsets count from the note itself, by how they begin (Exiv2, "Makernote formats and
specifications"). In all others they count from the start of the EXIF, so they break when the note is moved."""


@dataclass(frozen=True, slots=True)
class Field:
    """One field: its value as it lies in the file, in the byte order of its directory."""

    kind: int
    count: int
    data: bytes


Directory = dict[int, Field]


@dataclass(frozen=True, slots=True)
class Fields:
    """The directories that describe a picture. Pointers between them are not among the fields."""

    order: str = "<"
    """Byte order as ``struct`` writes it."""
    main: Directory = field(default_factory=dict)
    exif: Directory = field(default_factory=dict)
    gps: Directory = field(default_factory=dict)
    interop: Directory = field(default_factory=dict)

    def text(self, tag: int) -> str:
        """Return a text of the main directory, empty where there is none."""
        found = self.main.get(tag)
        return found.data.split(b"\0")[0].decode("ascii", "replace").strip() if found else ""

    def integers(self, tag: int) -> tuple[int, ...]:
        """Return the integers of a field of the main directory; empty where it is missing or of another type."""
        found = self.main.get(tag)
        if found is None or found.kind not in _INTEGERS:
            return ()
        return struct.unpack(f"{self.order}{found.count}{_INTEGERS[found.kind]}", found.data)

    @property
    def orientation(self) -> int:
        """EXIF orientation, 1 where there is none."""
        return next(iter(self.integers(ORIENTATION)), 1)

    @property
    def by_camera(self) -> bool:
        """Whether they tell of a lens and a shutter: cameras write that, scanners do not."""
        return bool({EXPOSURE_TIME, F_NUMBER} & self.exif.keys())

    @property
    def dpi(self) -> tuple[float, float] | None:
        """Pixels per inch; None where no unit of length is stated."""
        unit = {2: 1.0, 3: 2.54}.get(next(iter(self.integers(RESOLUTION_UNIT)), 2))
        found = [self.main.get(tag) for tag in (X_RESOLUTION, Y_RESOLUTION)]
        values = []
        for entry in found:
            if unit is None or entry is None or entry.kind != RATIONAL or entry.count < 1:
                return None
            numerator, denominator = struct.unpack_from(f"{self.order}2I", entry.data)
            if not (numerator and denominator):
                return None
            values.append(numerator / denominator * unit)
        return values[0], values[1]

    def entry(self, kind: int, values: Iterable[int]) -> Field:
        """Return a field of shorts, longs or rationals in this byte order."""
        numbers = list(values)
        data = struct.pack(f"{self.order}{len(numbers)}{'H' if kind == SHORT else 'I'}", *numbers)
        return Field(kind, len(numbers) // (2 if kind == RATIONAL else 1), data)


def rational(value: float) -> tuple[int, int]:
    """Return the value as (numerator, denominator) that fit 32 bits."""
    nearest = Fraction(value).limit_denominator(100_000)
    return nearest.numerator, nearest.denominator


def text_field(text: str) -> Field:
    """Return a field of the ASCII that EXIF allows, ended as the standard wants; XMP has every character."""
    value = text.encode("ascii", "replace").replace(b"\0", b" ") + b"\0"
    return Field(ASCII, len(value), value)


# --- in -----------------------------------------------------------------------------------------------------------


def read_fields(file: BinaryIO) -> Fields | None:
    """Read the first directory of a TIFF or EXIF and those it points to.

    What is damaged is left out: a field whose value lies beyond the end, a directory that is not there.

    Args:
        file: Begins with the byte order mark; BigTIFF as well.

    Returns:
        The fields with every value as it is stored, or None when it begins otherwise or its directory is not there.
    """
    head = file.read(16)
    order = {b"II": "<", b"MM": ">"}.get(head[:2])
    if order is None or len(head) < 8:
        return None
    (magic,) = struct.unpack_from(f"{order}H", head, 2)
    if magic not in (42, 43) or (magic == 43 and len(head) < 16):
        return None
    big = magic == 43
    (start,) = struct.unpack_from(f"{order}Q", head, 8) if big else struct.unpack_from(f"{order}I", head, 4)
    size = file.seek(0, io.SEEK_END)
    main = _directory(file, order, start, size, big)
    if not main:
        return None
    fields = Fields(order, main)

    def below(parent: Directory, tag: int) -> Directory:
        pointer = replace(fields, main=parent).integers(tag)
        parent.pop(tag, None)
        return _directory(file, order, pointer[0], size, big) if pointer else {}

    exif, gps = below(main, EXIF_IFD), below(main, GPS_IFD)
    return Fields(order, main, exif, gps, below(exif, INTEROP_IFD))


def parse_exif(data: bytes) -> Fields | None:
    """Read EXIF as a picture carries it, with or without its ``Exif`` mark; None where it is damaged."""
    return read_fields(io.BytesIO(data.removeprefix(b"Exif\0\0")))


def _directory(file: BinaryIO, order: str, start: int, size: int, big: bool) -> Directory:
    """Return the fields of the directory that begins at this byte; those that cannot be read are left out."""
    count_format, entry_format, inline = ("Q", "2HQ8s", 8) if big else ("H", "2HI4s", 4)
    count_bytes, entry_bytes = struct.calcsize(f"{order}{count_format}"), struct.calcsize(f"{order}{entry_format}")
    if start + count_bytes > size:
        return {}
    file.seek(start)
    (count,) = struct.unpack(f"{order}{count_format}", file.read(count_bytes))
    table = file.read(min(count, _MOST_FIELDS) * entry_bytes)
    found: Directory = {}
    for index in range(len(table) // entry_bytes):
        tag, kind, number, value = struct.unpack_from(f"{order}{entry_format}", table, index * entry_bytes)
        length = _TYPE_BYTES.get(kind, 0) * number
        if not 0 < length <= _LONGEST_VALUE:
            continue
        if length > inline:
            (offset,) = struct.unpack(f"{order}{'Q' if big else 'I'}", value)
            if offset + length > size:
                continue
            file.seek(offset)
            value = file.read(length)
        found.setdefault(tag, Field(kind, number, value[:length]))
    return found


# --- what still holds ---------------------------------------------------------------------------------------------


def descriptive(fields: Fields) -> tuple[Fields, list[str]]:
    """Return the fields that stay true of a picture turned upright, enlarged and written anew, and what was dropped.

    Dropped are the layout of the pixels, the orientation, everything that counts pixels, the thumbnail with its
    directory, and a maker's note that would break.
    """
    warnings = []
    exif = {tag: value for tag, value in fields.exif.items() if tag not in _PIXEL_COUNTS}
    note = exif.get(MAKER_NOTE)
    if note is not None and not note.data.startswith(_MOVABLE_NOTES):
        del exif[MAKER_NOTE]
        warnings.append("the camera maker's note in its EXIF was left out: it cannot be moved without breaking")
    main = {tag: value for tag, value in fields.main.items() if tag not in _STRUCTURE}
    interop = {tag: value for tag, value in fields.interop.items() if tag not in _RELATED_SIZES}
    return Fields(fields.order, main, exif, fields.gps, interop), warnings


# --- out ----------------------------------------------------------------------------------------------------------


def exif_bytes(fields: Fields) -> bytes:
    """Return the fields as EXIF, beginning with the byte order mark; empty where there are none."""
    if not (fields.main or fields.exif or fields.gps or fields.interop):
        return b""
    mark = b"II" if fields.order == "<" else b"MM"
    return mark + struct.pack(f"{fields.order}HI", 42, 8) + directories(fields, 8)


def directories(fields: Fields, position: int) -> bytes:
    """Return the main directory for this place in a file, its values and the other directories behind it.

    Values keep their bytes; fields come in the order of their tags, as the standard wants.
    """
    below = {tag: part for tag, part in ((EXIF_IFD, _exif_of(fields)), (GPS_IFD, fields.gps)) if part}
    return _packed(fields.order, fields.main, below, position, fields.interop)


def _exif_of(fields: Fields) -> Directory:
    """Return the Exif directory; one must be there where an interoperability directory hangs on it."""
    if fields.interop and not fields.exif:
        return {0x9000: Field(UNDEFINED, 4, b"0232")}  # ExifVersion
    return fields.exif


def _packed(
    order: str, own: Directory, below: dict[int, Directory], position: int, interop: Directory | None = None
) -> bytes:
    count = len(own) + len(below)
    values_at = position + 2 + 12 * count + 4
    table, values = [], b""
    for tag in sorted([*own, *below]):
        if tag in below:
            inner = {INTEROP_IFD: interop} if tag == EXIF_IFD and interop else {}
            data = _packed(order, below[tag], inner, values_at + len(values))
            entry = struct.pack(f"{order}2H2I", tag, LONG, 1, values_at + len(values))
            values += data
        else:
            found = own[tag]
            entry = struct.pack(f"{order}2HI", tag, found.kind, found.count)
            if len(found.data) <= 4:
                entry += found.data.ljust(4, b"\0")
            else:
                entry += struct.pack(f"{order}I", values_at + len(values))
                values += found.data + bytes(len(found.data) % 2)  # every offset is even
        table.append(entry)
    return struct.pack(f"{order}H", count) + b"".join(table) + bytes(4) + values


# --- whole files ----------------------------------------------------------------------------------------------------


def encode_tiff(
    pixels: Samples, *, resolution: Resolution | None, profile: bytes | None, fields: Fields, xmp: bytes
) -> bytes:
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
