"""Open a picture file: told by its first bytes, known formats only, limits before decoding, errors in plain words."""

from __future__ import annotations

import functools
import importlib
import io
import re
import struct
import threading
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from pathlib import Path
from typing import BinaryIO

import cv2
from PIL import Image, UnidentifiedImageError

from fancam.errors import (
    InputError,
    InputNotFoundError,
    InputUnreadableError,
    NotMediaError,
    PictureTooLargeError,
    TruncatedInputError,
    UnsupportedMediaError,
)

MAX_PIXELS = 1 << 28
"""268 megapixels, 805 MB as RGB: above the largest phone sensors (200 megapixels), far below a decompression bomb."""

_FORMATS = ("JPEG", "PNG", "WEBP", "AVIF", "TIFF", "BMP", "DIB", "GIF", "JPEG2000", "PPM", "PSD", "QOI")
"""What is opened; the JPEG opener takes MPO as well. Pillow knows more names, among them stubs that cannot decode and
EPS, which starts Ghostscript."""

DECODER_ERRORS = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    struct.error,
    zlib.error,
    IndexError,
    KeyError,
    TypeError,
    RuntimeError,
    cv2.error,
)
"""What the decoders are known to raise on damaged files."""

_open_lock = threading.Lock()
_COPY_AGAIN = "copy it again from its source, or open and save it in a picture editor"


@contextmanager
def checked_picture(path: Path, max_pixels: int) -> Iterator[Image.Image]:
    """Open a file whose picture can be decoded here and has at most ``max_pixels`` pixels; nothing is decoded yet.

    What goes wrong inside the ``with`` because the file is damaged is turned into our errors as well.

    Raises:
        InputError: As ``read_picture`` says.
    """
    kind = sniff(_head(path))
    if kind in _REFUSED and not (kind is Kind.HEIF and heif_plugin()):
        error, cause, remedy = _REFUSED[kind]
        raise error(cause, item=path, remedy=remedy)
    with opened_picture(path) as image:
        if image.width * image.height > max_pixels:
            raise PictureTooLargeError(
                f"{image.width}x{image.height} is more than the limit of {max_pixels / 1e6:.0f} megapixels",
                item=path,
                remedy="make it smaller first",
            )
        if image.format == "TIFF" and _is_raw_tiff(image):
            unsupported, cause, remedy = _REFUSED[Kind.CAMERA_RAW]
            raise unsupported(cause, item=path, remedy=remedy)
        if image.format == "TIFF" and is_cut_off(path, strips=False):  # its profile can be missing without an error
            raise TruncatedInputError("the picture is cut off", item=path, remedy=_COPY_AGAIN)
        try:
            with quiet():
                yield image
        except DECODER_ERRORS as error:
            raise _damaged(path, error) from error


def looks_like_picture(path: Path) -> bool:
    """Whether the file is a still picture, by its first bytes; animated GIF, PNG and AVIF files count as video.

    A picture whose format cannot be decoded here is a picture all the same, and so is a page or document under the name
    of one: ``open_picture`` says what is wrong. False for what is missing, unreadable or a folder.
    """
    try:
        kind = sniff(_head(path))
    except (InputNotFoundError, InputUnreadableError, TruncatedInputError):
        return False
    if kind is Kind.MAYBE_ANIMATED:
        try:
            with opened_picture(path) as image:
                return not getattr(image, "is_animated", False)
        except (NotMediaError, TruncatedInputError):
            return True
    if kind in (Kind.WEB_PAGE, Kind.PDF):
        return path.suffix.lower() in picture_suffixes()
    return kind not in (Kind.OTHER, Kind.VIDEO)


@functools.cache
def picture_suffixes() -> frozenset[str]:
    """Return the file name endings of the formats that can be read here: lower case, with the dot."""
    Image.init()
    formats = {*_FORMATS, "MPO", *(["HEIF"] if heif_plugin() else [])}
    return frozenset(suffix for suffix, name in Image.registered_extensions().items() if name in formats)


@functools.cache
def heif_plugin() -> str | None:
    """Register the HEIC plugin that is installed, and return its name; None where there is none.

    pillow-heif reads and writes; pi-heif, which has no GPL part, only reads.
    """
    for name in ("pillow_heif", "pi_heif"):
        try:
            importlib.import_module(name).register_heif_opener()
        except ImportError:
            continue
        return name
    return None


def _head(path: Path) -> bytes:
    try:
        if path.is_dir():
            raise InputUnreadableError("is a folder, not a picture", item=path, remedy="name a file in it")
        if not path.is_file():
            raise InputNotFoundError("no such file", item=path, remedy="check the path")
        with path.open("rb") as file:
            head = file.read(SAMPLE_BYTES)
    except PermissionError as error:
        raise InputUnreadableError("no permission to read it", item=path, remedy="check its rights") from error
    except OSError as error:
        raise InputUnreadableError(f"cannot be read ({error.strerror})", item=path, remedy="check the disk") from error
    if not head:
        raise TruncatedInputError("the file is empty", item=path, remedy="copy it again from its source")
    return head


@contextmanager
def opened_picture(path: Path) -> Iterator[Image.Image]:
    """Open the file with Pillow; only its header is read. Errors while opening are turned into ours."""
    formats = [*_FORMATS, *(["HEIF"] if heif_plugin() else [])]
    # A file and not its name: Pillow maps the file of a name into memory, by the upright size of a turned TIFF, whose
    # rows are then cut at the wrong places.
    with path.open("rb") as file:
        try:
            # Pillow's own limit is a global and lower than ours; ours is checked before anything is decoded.
            with _open_lock, quiet():
                pillow_limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
                try:
                    image = Image.open(file, formats=formats)
                finally:
                    Image.MAX_IMAGE_PIXELS = pillow_limit
        except UnidentifiedImageError as error:
            raise _unidentified(path) from error
        except DECODER_ERRORS as error:
            raise _damaged(path, error) from error
        with image:
            yield image


@contextmanager
def quiet() -> Iterator[None]:
    """Keep Pillow's warnings about odd but readable files off the user's terminal."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        yield


def _unidentified(path: Path) -> NotMediaError | TruncatedInputError:
    if sniff(_head(path)) is Kind.OTHER:
        return NotMediaError("not a picture that can be read", item=path, remedy="give a JPEG, PNG, WebP or TIFF file")
    if is_cut_off(path):
        return TruncatedInputError("the picture is cut off", item=path, remedy=_COPY_AGAIN)
    return NotMediaError(
        "its header is damaged, or asks for a variant of the format that cannot be decoded",
        item=path, remedy="open it in a picture editor and save it as 8-bit JPEG, PNG or TIFF",
    )  # fmt: skip


def _damaged(path: Path, error: Exception) -> NotMediaError | TruncatedInputError:
    words = str(error).lower()
    if isinstance(error, EOFError) or "truncated" in words or "not enough" in words or is_cut_off(path):
        return TruncatedInputError("the picture is cut off", item=path, remedy=_COPY_AGAIN)
    return NotMediaError(f"the picture is damaged ({error})", item=path, remedy=_COPY_AGAIN)


def _is_raw_tiff(image: Image.Image) -> bool:
    """Whether it is a raw file in TIFF clothing (DNG, NEF, ARW …), whose first picture is a thumbnail."""
    is_preview = tiff_tag(image, 254) == 1  # NewSubfileType: reduced-resolution version of another picture
    return tiff_tag(image, 50706) is not None or (is_preview and tiff_tag(image, 330) is not None)  # DNG; SubIFDs


def tiff_tag(image: Image.Image, tag: int) -> object:
    """Return the value of a TIFF tag as Pillow reads it; None where it is missing, and in other formats."""
    tags = getattr(image, "tag_v2", {})
    return tags.get(tag)


# --- first bytes, and where the file ends ---------------------------------------------------------------------------

SAMPLE_BYTES = 512
"""How many bytes of the file ``sniff`` wants to see."""


class Kind(Enum):
    """What the first bytes promise."""

    PICTURE = "a picture"
    MAYBE_ANIMATED = "a picture or an animation"
    HEIF = "a HEIC picture"
    CAMERA_RAW = "a camera raw file"
    JPEG_XL = "a JPEG XL picture"
    WEB_PAGE = "a web page"
    DRAWING = "a vector drawing (SVG)"
    PDF = "a PDF document"
    VIDEO = "a video"
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
    (b"%PDF-", Kind.PDF),
    (b"\x1aE\xdf\xa3", Kind.VIDEO),  # Matroska and WebM (RFC 8794, 8.1)
)
_MARKUP = re.compile(rb"\s*(?:<\?xml[^>]*>|<!--.*?-->|\s)*<(!doctype\s+)?(html|svg)[\s>]", re.IGNORECASE | re.DOTALL)
_REFUSED: dict[Kind, tuple[type[InputError], str, str]] = {
    Kind.HEIF: (
        UnsupportedMediaError,
        "HEIC pictures need an extra decoder",
        "pip install pi-heif (LGPL; reads) or pillow-heif (GPL; writes too), or save it as JPEG",
    ),
    **{
        kind: (UnsupportedMediaError, f"{kind.value} cannot be decoded", "save it as JPEG, PNG or TIFF first")
        for kind in (Kind.CAMERA_RAW, Kind.JPEG_XL)
    },
    Kind.DRAWING: (UnsupportedMediaError, f"is {Kind.DRAWING.value}", "render it as a PNG of the size to print"),
    Kind.WEB_PAGE: (
        NotMediaError, f"is {Kind.WEB_PAGE.value}, not a picture", "download the picture itself, not the page around it"
    ),
    Kind.PDF: (NotMediaError, f"is {Kind.PDF.value}, not a picture", "export its page as PNG or TIFF"),
    Kind.VIDEO: (NotMediaError, f"is {Kind.VIDEO.value}, not a picture", "use fancam run to make cards of a video"),
}  # fmt: skip
"""What cannot be opened: the error, its cause, and what to do."""
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
    if head[:4] == b"RIFF" and head[8:12] == b"AVI ":
        return Kind.VIDEO
    markup = _MARKUP.match(head.removeprefix(b"\xef\xbb\xbf"))
    if markup is not None:
        return Kind.DRAWING if markup.group(2).lower() == b"svg" else Kind.WEB_PAGE
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
    return Kind.VIDEO


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
