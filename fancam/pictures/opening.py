"""Open a still picture safely: known formats only, limits before decoding, and errors in our words."""

from __future__ import annotations

import functools
import importlib
import struct
import threading
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
from PIL import Image, UnidentifiedImageError

from fancam.errors import (
    InputNotFoundError,
    InputUnreadableError,
    NotMediaError,
    PictureTooLargeError,
    TruncatedInputError,
    UnsupportedMediaError,
)
from fancam.pictures.sniff import SAMPLE_BYTES, Kind, is_cut_off, sniff

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


@contextmanager
def checked_picture(path: Path, max_pixels: int) -> Iterator[Image.Image]:
    """Open a file whose picture can be decoded here and has at most ``max_pixels`` pixels; nothing is decoded yet.

    What goes wrong inside the ``with`` because the file is damaged is turned into our errors as well.

    Raises:
        InputError: As ``read_picture`` says.
    """
    kind = sniff(_head(path))
    if kind is Kind.HEIF and not heif_plugin():
        raise UnsupportedMediaError(
            "HEIC pictures need an extra decoder",
            item=path,
            remedy="pip install pi-heif (LGPL; reads) or pillow-heif (GPL; writes too), or save it as JPEG",
        )
    if kind in (Kind.CAMERA_RAW, Kind.JPEG_XL):
        raise UnsupportedMediaError(
            f"{kind.value} cannot be decoded", item=path, remedy="save it as JPEG, PNG or TIFF first"
        )
    with opened_picture(path) as image:
        if image.width * image.height > max_pixels:
            raise PictureTooLargeError(
                f"{image.width}x{image.height} is more than the limit of {max_pixels / 1e6:.0f} megapixels",
                item=path,
                remedy="make it smaller first",
            )
        if image.format == "TIFF" and _is_raw_tiff(image):
            raise UnsupportedMediaError(
                f"{Kind.CAMERA_RAW.value} cannot be decoded", item=path, remedy="save it as JPEG, PNG or TIFF first"
            )
        if image.format == "TIFF" and is_cut_off(path, strips=False):  # its profile can be missing without an error
            raise TruncatedInputError("the picture is cut off", item=path, remedy=_COPY_AGAIN)
        try:
            with quiet():
                yield image
        except DECODER_ERRORS as error:
            raise _damaged(path, error) from error


def looks_like_picture(path: Path) -> bool:
    """Whether the file is a still picture, by its first bytes; animated GIF, PNG and AVIF files count as video.

    A picture whose format cannot be decoded here is a picture all the same: ``read_picture`` says what is wrong.
    False for what is missing, unreadable or a folder.
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
    return kind is not Kind.OTHER


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
    """Return the first bytes of the file."""
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
    try:
        # Pillow's own limit is a global and lower than ours; ours is checked before anything is decoded.
        with _open_lock, quiet():
            pillow_limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
            try:
                image = Image.open(path, formats=formats)
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


_COPY_AGAIN = "copy it again from its source, or open and save it in a picture editor"


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
