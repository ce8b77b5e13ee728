"""A scratch PDF that holds pictures and profiles, written as they come: none of them stays in memory.

qpdf keeps streams that it is given as bytes until it saves, and a sheet of 200 cards is hundreds of megabytes of them;
streams of a PDF that it has opened it reads only when it writes them.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from fancam.geometry import Orientation
from fancam.pictures import EmbeddedPicture, embeddable

_COMPONENTS = {"grey": 1, "rgb": 3, "cmyk": 4}
_DEVICE = {"grey": "/DeviceGray", "rgb": "/DeviceRGB", "cmyk": "/DeviceCMYK"}


@dataclass(frozen=True, slots=True)
class StoredPicture:
    """Where a picture is in the store, and how it lies there."""

    number: int
    """Of its object."""
    orientation: Orientation
    has_alpha: bool
    notes: tuple[str, ...]
    """What had to be assumed of it."""

    @property
    def name(self) -> str:
        """What pages call it."""
        return f"P{self.number}"


@dataclass(slots=True)
class PictureStore:
    """Writes image and profile objects; equal ones once, whatever their files are called."""

    file: BinaryIO
    offsets: dict[int, int] = field(default_factory=dict)
    """Object number to its place in the file."""
    pictures: dict[Path, StoredPicture] = field(default_factory=dict)
    _known: dict[str, int] = field(default_factory=dict)
    """Digest of an object to its number."""

    CATALOGUE, PAGES = 1, 2

    def __post_init__(self) -> None:
        self.file.write(b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n")
        self._object(self.CATALOGUE, f"<< /Type /Catalog /Pages {self.PAGES} 0 R >>")
        self._object(self.PAGES, "<< /Type /Pages /Kids [] /Count 0 >>")

    def add_picture(self, path: Path) -> StoredPicture:
        """Check a picture, write it unless an equal one is there already, and forget its pixels.

        Raises:
            InputError: It cannot be read, or changes while it is.
        """
        if path not in self.pictures:
            picture = embeddable(path)
            number, has_alpha = self._image(picture), picture.alpha is not None
            self.pictures[path] = StoredPicture(number, picture.orientation, has_alpha, tuple(picture.notes))
        return self.pictures[path]

    def add_profile(self, profile: bytes) -> int:
        """Write an ICC profile unless it is there already; return its object's number."""
        components = {b"GRAY": 1, b"RGB ": 3, b"CMYK": 4, b"Lab ": 3}[profile[16:20]]  # ICC.1:2022, 7.2.6
        alternate = {1: "/DeviceGray", 3: "/DeviceRGB", 4: "/DeviceCMYK"}[components]
        words = f"/N {components} /Alternate {alternate} /Filter /FlateDecode"
        return self._stream(words, [zlib.compress(profile, 9)])

    def close(self) -> None:
        """Write the table of objects; the file is a whole PDF then."""
        start = self.file.tell()
        count = len(self.offsets) + 1
        self.file.write(f"xref\n0 {count}\n0000000000 65535 f \n".encode())
        for number in range(1, count):
            self.file.write(f"{self.offsets[number]:010d} 00000 n \n".encode())
        trailer = f"trailer\n<< /Size {count} /Root {self.CATALOGUE} 0 R >>\nstartxref\n{start}\n%%EOF\n"
        self.file.write(trailer.encode())
        self.file.flush()

    def _image(self, picture: EmbeddedPicture) -> int:
        """Write an image (ISO 32000-1, 8.9.5)."""
        words = [
            f"/Type /XObject /Subtype /Image /Width {picture.width_px} /Height {picture.height_px}",
            f"/BitsPerComponent {picture.bits} /ColorSpace {self._colour_space(picture)}",
            _filter(picture.encoding, picture.channels, picture.bits, picture.width_px, picture.colour_transform),
        ]
        if picture.inverted:
            words.append(f"/Decode [{' '.join(['1 0'] * picture.channels)}]")
        if picture.alpha is not None:
            mask = (
                f"/Type /XObject /Subtype /Image /Width {picture.width_px} /Height {picture.height_px} "
                f"/BitsPerComponent {picture.alpha.bits} /ColorSpace /DeviceGray "
                f"{_filter('png', 1, picture.alpha.bits, picture.width_px, None)}"
            )
            words.append(f"/SMask {self._stream(mask, [picture.alpha.data])} 0 R")
        return self._stream(" ".join(words), picture.pieces(), picture.size_bytes, picture.sha256)

    def _colour_space(self, picture: EmbeddedPicture) -> str:
        space = _DEVICE[picture.space]
        if picture.profile is not None:
            space = f"[/ICCBased {self.add_profile(picture.profile)} 0 R]"
        if picture.palette is None:
            return space
        return f"[/Indexed {space} {len(picture.palette) // 3 - 1} <{picture.palette.hex()}>]"

    def _stream(self, words: str, pieces: Iterable[bytes], size: int | None = None, sha256: str | None = None) -> int:
        """Write a stream object unless there is one with the same words and bytes; return its number."""
        if size is None or sha256 is None:
            data = b"".join(pieces)
            pieces, size, sha256 = [data], len(data), hashlib.sha256(data).hexdigest()
        key = f"{sha256} {words}"
        if key not in self._known:
            number = len(self.offsets) + 1
            self.offsets[number] = self.file.tell()
            self.file.write(f"{number} 0 obj\n<< {words} /Length {size} >>\nstream\n".encode())
            for piece in pieces:
                self.file.write(piece)
            self.file.write(b"\nendstream\nendobj\n")
            self._known[key] = number
        return self._known[key]

    def _object(self, number: int, words: str) -> None:
        self.offsets[number] = self.file.tell()
        self.file.write(f"{number} 0 obj\n{words}\nendobj\n".encode())


def _filter(encoding: str, channels: int, bits: int, width_px: int, colour_transform: int | None) -> str:
    """Return the filter of an image; predictor 15 is PNG's filters row by row (ISO 32000-1, 7.4.4.4)."""
    if encoding == "png":
        parameters = f"/Predictor 15 /Colors {channels} /BitsPerComponent {bits} /Columns {width_px}"
        return f"/Filter /FlateDecode /DecodeParms << {parameters} >>"
    if colour_transform is None:
        return "/Filter /DCTDecode"
    return f"/Filter /DCTDecode /DecodeParms << /ColorTransform {colour_transform} >>"
