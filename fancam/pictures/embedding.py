"""A picture as a PDF holds it: the file's own compressed bytes where that can be, lossless rows where it cannot."""

from __future__ import annotations

import functools
import hashlib
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Literal, cast

import numpy as np
from PIL import Image

from fancam.errors import InputError, InputNotFoundError, InputUnreadableError, NotMediaError
from fancam.geometry import Orientation
from fancam.media import Samples
from fancam.pictures.colour import fitting_profile, grey_profile_like, srgb_profile, to_srgb
from fancam.pictures.decode import Decoded
from fancam.pictures.header import code_points, count_notes, stored_fields, stored_orientation
from fancam.pictures.opening import MAX_PIXELS, checked_picture
from fancam.pictures.png import PngHeader, checked_png_stream, parsed_png_header, png_pixels, png_rows
from fancam.pictures.still import stated_profile, stored_samples

Space = Literal["grey", "rgb", "cmyk"]
_SPACES: dict[int, Space] = {1: "grey", 3: "rgb", 4: "cmyk"}
_MODES = {"grey": "L", "rgb": "RGB", "cmyk": "CMYK"}
_PIECE_BYTES = 1 << 18
_LEVEL = 3
"""Of zlib: takes a third of the time of level 6, for 4 % more bytes (measured on photos with the filter Up)."""
_JPEG_CHECK_PX = 8
"""A JPEG is decoded at an eighth of its size to see whether it is whole: every code is read, few pixels are made."""


@dataclass(frozen=True, slots=True)
class AlphaPlane:
    """Straight alpha, in the picture's size: rows with PNG filters, deflated."""

    bits: int
    data: bytes


@dataclass(frozen=True, slots=True)
class EmbeddedPicture:
    """A checked picture with all that a PDF has to say about its bytes."""

    source: Path
    width_px: int
    """As stored; ``orientation`` may turn it."""
    height_px: int
    space: Space
    """Of the colours; of those in the palette where there is one."""
    bits: int
    """Per sample: 1, 2, 4, 8 or 16, the latter with the high byte first."""
    profile: bytes | None
    """ICC profile of the samples, one that fits ``space``: the embedded one, or that of sRGB where nothing is stated.
    None for CMYK without one."""
    encoding: Literal["jpeg", "png"]
    """``jpeg``: for DCTDecode. ``png``: rows with a filter byte each, deflated, for FlateDecode with predictor 15."""
    unchanged: bool
    """Whether the bytes are those in the file: the whole JPEG file, or what the IDAT chunks of a PNG hold."""
    size_bytes: int
    sha256: str
    """Of the bytes, in hex."""
    inverted: bool = False
    """Whether the largest sample means no ink, as in CMYK JPEGs with the marker of Adobe."""
    colour_transform: int | None = None
    """What a reader must be told about a JPEG that does not say itself whether it is YCbCr; None: nothing."""
    palette: bytes | None = None
    """Red, green, blue of each entry: the samples are indices."""
    alpha: AlphaPlane | None = None
    orientation: Orientation = field(default_factory=Orientation)
    """What must be done with the stored picture so that it is upright."""
    notes: tuple[str, ...] = ()
    """What had to be assumed or converted."""
    held: bytes | None = None
    """The bytes themselves where the picture had to be decoded; None where they are read from the file."""

    @property
    def channels(self) -> int:
        """Samples per pixel as stored."""
        return 1 if self.palette is not None else {"grey": 1, "rgb": 3, "cmyk": 4}[self.space]

    @property
    def upright_size_px(self) -> tuple[int, int]:
        """Width and height after the orientation."""
        size = (self.width_px, self.height_px)
        return size[::-1] if self.orientation.swaps_sides else size

    def pieces(self) -> Iterator[bytes]:
        """Yield the bytes piece by piece, and check at the end that they are those that were looked at before.

        Raises:
            InputError: The file has gone, or is no longer the same.
        """
        digest = hashlib.sha256()
        for piece in self._stored():
            digest.update(piece)
            yield piece
        if digest.hexdigest() != self.sha256:
            raise _changed(self.source)

    def _stored(self) -> Iterator[bytes]:
        if self.held is not None:
            yield self.held
            return
        try:
            yield from png_pixels(self.source) if self.encoding == "png" else _file_pieces(self.source)
        except FileNotFoundError as error:
            raise InputNotFoundError("has gone while it was read", item=self.source, remedy="do it again") from error
        except OSError as error:
            cause = f"cannot be read ({error.strerror or error})"
            raise InputUnreadableError(cause, item=self.source, remedy="check the disk") from error
        except NotMediaError as error:
            raise _changed(self.source) from error


def embeddable(path: Path) -> EmbeddedPicture:
    """Find out how a PDF can hold a picture, and check that all of it can be decoded.

    JPEG files go in as they are, byte for byte; so do the pixels of PNG files without transparency and interlacing, in
    any depth. Everything else is decoded and deflated without loss: up to 16 bits, CMYK as CMYK, alpha as a plane of
    its own. Only the first picture of a file that holds several.

    Raises:
        InputError: As ``read_picture`` does; damage anywhere in the pixels is found here.
    """
    with checked_picture(path, MAX_PIXELS) as image:
        header = jpeg_header(path) if image.format in ("JPEG", "MPO") else None
        if header is not None and header.fits_pdf and image.size == (header.width, header.height):
            return _jpeg(path, image, header)
        if image.format == "PNG":
            facts = parsed_png_header(path)
            if not (facts.interlaced or facts.has_alpha):
                return _png(path, image, facts)
        return _decoded(path, image)


def _jpeg(path: Path, image: Image.Image, header: JpegHeader) -> EmbeddedPicture:
    space = _SPACES[len(header.component_ids)]
    profile, notes = _fitting(path, image, space)
    if profile is _UNFIT:
        return _decoded(path, image)
    orientation = stored_orientation(image)
    if space == "cmyk" and header.adobe_transform is None:
        notes.append("CMYK without the marker of Adobe: its samples were taken as ink, not as its absence")
    image.draft("L", (image.width // _JPEG_CHECK_PX, image.height // _JPEG_CHECK_PX))
    image.load()
    digest, size = hashlib.sha256(), 0
    for piece in _file_pieces(path):
        digest.update(piece)
        size += len(piece)
    return EmbeddedPicture(
        path, header.width, header.height, space, 8, profile, "jpeg", unchanged=True,
        size_bytes=size, sha256=digest.hexdigest(),
        inverted=space == "cmyk" and header.adobe_transform is not None,
        colour_transform=0 if header.is_plain_rgb else None,
        orientation=orientation, notes=tuple(notes),
    )  # fmt: skip


def _png(path: Path, image: Image.Image, header: PngHeader) -> EmbeddedPicture:
    space: Space = "rgb" if header.palette or header.channels == 3 else "grey"
    profile, notes = _fitting(path, image, space)
    if profile is _UNFIT:
        return _decoded(path, image)
    stream = checked_png_stream(path, header)
    entries = 3 * (1 << header.bits)  # more of them can never be meant, and PDF does not allow them
    return EmbeddedPicture(
        path, header.width, header.height, space, header.bits, profile, "png", unchanged=True,
        size_bytes=stream.size_bytes, sha256=stream.sha256,
        palette=header.palette[:entries] if header.palette else None,
        orientation=stored_orientation(image), notes=tuple(notes),
    )  # fmt: skip


def _decoded(path: Path, image: Image.Image) -> EmbeddedPicture:
    """Return a picture whose file's bytes no PDF can hold: decoded, turned upright, deflated."""
    stored = stored_samples(image, path)
    found, embedded = stored.samples, stored.profile
    samples, lab_notes = _samples(found)
    space: Space = _SPACES[1 if samples.ndim == 2 else samples.shape[2]]
    profile, notes = _profile_for(space, embedded)
    if profile is _UNFIT:  # grey in the space of an RGB profile that no grey profile can stand for
        samples, space = cast("Samples", np.repeat(samples[..., np.newaxis], 3, axis=2)), "rgb"
        profile, notes = _profile_for(space, embedded)
    upright = stored.orientation.upright(samples)
    data = _deflated(upright)
    alpha = None
    if found.alpha is not None:
        alpha = AlphaPlane(8 * found.alpha.itemsize, _deflated(stored.orientation.upright(found.alpha)))
    height, width = upright.shape[:2]
    return EmbeddedPicture(
        path, width, height, space, 8 * upright.itemsize, profile, "png", unchanged=False,
        size_bytes=len(data), sha256=hashlib.sha256(data).hexdigest(), alpha=alpha,
        notes=(*stored.notes, *lab_notes, *notes), held=data,
    )  # fmt: skip


def _samples(found: Decoded) -> tuple[Samples, list[str]]:
    """Return the samples as an array: CMYK with four channels, LAB as sRGB."""
    if isinstance(found.image, np.ndarray):
        return found.image, []
    if found.image.mode == "CMYK":
        return np.asarray(found.image), []
    converted, notes = to_srgb(found.image, None)
    return np.asarray(converted), [*notes, f"{found.image.mode} was converted to sRGB"]


def _deflated(samples: Samples) -> bytes:
    pixel_bytes = samples.itemsize * (1 if samples.ndim == 2 else samples.shape[2])
    compressor = zlib.compressobj(_LEVEL)
    return b"".join(compressor.compress(rows) for rows in png_rows(samples, pixel_bytes)) + compressor.flush()


# --- colour -------------------------------------------------------------------------------------------------------

_UNFIT = b""
"""Stands for: grey whose RGB profile cannot be said with a grey one."""


def _fitting(path: Path, image: Image.Image, space: Space) -> tuple[bytes | None, list[str]]:
    """Return the profile of a file whose bytes are kept, as ``_profile_for``, and what is to be noted."""
    embedded, tag_notes = stated_profile(image, code_points(path, image.format or ""), stored_fields(image, path))
    profile, notes = _profile_for(space, embedded)
    return profile, [*count_notes(image), *tag_notes, *notes]


def _profile_for(space: Space, embedded: bytes | None) -> tuple[bytes | None, list[str]]:
    """Return a profile that fits the space; where there is none that of sRGB, and a note."""
    usable, notes = fitting_profile(embedded, _MODES[space])
    if usable is not None and space == "grey" and usable[16:20] == b"RGB ":  # ICC.1:2022, 7.2.6: colour space
        return grey_profile_like(usable) or _UNFIT, notes
    if usable is not None:
        return usable, notes
    if space == "cmyk":
        return None, notes or ["CMYK without a profile: the printer decides how it looks"]
    return _srgb_for(space), notes or ["no colour profile: sRGB was assumed"]


@functools.cache
def _srgb_for(space: Space) -> bytes:
    return srgb_profile() if space == "rgb" else (grey_profile_like(srgb_profile()) or b"")


# --- beside the pixels --------------------------------------------------------------------------------------------


def _file_pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(_PIECE_BYTES):
            yield piece


def _changed(path: Path) -> InputError:
    return InputError("has changed while it was read", item=path, remedy="do it again when nothing writes to it")


# --- JPEG -----------------------------------------------------------------------------------------------------------

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
