"""Read a still picture: any common format in, upright 8-bit sRGB out."""

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
import numpy as np
import numpy.typing as npt
from PIL import ExifTags, Image, UnidentifiedImageError

from fancam.errors import (
    InputNotFoundError,
    InputUnreadableError,
    NotMediaError,
    PictureTooLargeError,
    TruncatedInputError,
    UnsupportedMediaError,
)
from fancam.pictures.colour import adobe_rgb_profile, to_srgb
from fancam.pictures.sniff import SAMPLE_BYTES, Kind, is_cut_off, sniff
from fancam.records import Frame, Orientation, Picture

MAX_PIXELS = 1 << 28
"""268 megapixels, 805 MB as RGB: above the largest phone sensors (200 megapixels), far below a decompression bomb."""

_FORMATS = ("JPEG", "PNG", "WEBP", "AVIF", "TIFF", "BMP", "DIB", "GIF", "JPEG2000", "PPM", "PSD", "QOI")
"""What is opened; the JPEG opener takes MPO as well. Pillow knows more names, among them stubs that cannot decode and
EPS, which starts Ghostscript."""

# EXIF 2.32 table 6: what each value of Orientation asks for, as "mirror left to right, then turn clockwise".
_ORIENTATIONS = {
    1: Orientation(),
    2: Orientation(0, mirrored=True),
    3: Orientation(2),
    4: Orientation(2, mirrored=True),
    5: Orientation(3, mirrored=True),
    6: Orientation(1),
    7: Orientation(1, mirrored=True),
    8: Orientation(3),
}

_DECODER_ERRORS = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    struct.error,
    zlib.error,
    IndexError,
    KeyError,
    TypeError,
)
"""What Pillow's decoders are known to raise on damaged files."""

_open_lock = threading.Lock()


def read_picture(path: Path, *, max_pixels: int = MAX_PIXELS) -> Frame:
    """Read a still picture.

    The first picture of a file that holds several. Turned upright by its EXIF orientation, converted to sRGB from the
    embedded profile (or from Adobe RGB where a camera says so in EXIF), 16-bit samples rounded to 8, transparency
    laid on white. What had to be assumed is in ``Frame.warnings``.

    Args:
        path: JPEG, PNG, WebP, AVIF, TIFF, BMP, GIF, JPEG 2000, PPM, PSD or QOI; HEIC where pillow-heif is installed.
        max_pixels: Refuse pictures with more pixels, before they are decoded.

    Returns:
        The picture as (height, width, 3) uint8 RGB with ``pts`` None.

    Raises:
        InputNotFoundError: There is no such file.
        InputUnreadableError: It is a folder or may not be read.
        NotMediaError: It is no picture, or a damaged one.
        TruncatedInputError: The file is empty or its end is missing.
        UnsupportedMediaError: The format is known but cannot be decoded here.
        PictureTooLargeError: It has more than ``max_pixels`` pixels.
    """
    kind = sniff(_head(path))
    if kind is Kind.HEIF and not _heif_opener():
        raise UnsupportedMediaError(
            "HEIC pictures need an extra decoder",
            item=path,
            remedy="pip install pillow-heif, or save it as JPEG",
        )
    if kind in (Kind.CAMERA_RAW, Kind.JPEG_XL):
        raise UnsupportedMediaError(
            f"{kind.value} cannot be decoded", item=path, remedy="save it as JPEG, PNG or TIFF first"
        )
    with opened_picture(path) as image:
        pixels_claimed = image.width * image.height
        if pixels_claimed > max_pixels:
            raise PictureTooLargeError(
                f"{image.width}x{image.height} is more than the limit of {max_pixels / 1e6:.0f} megapixels",
                item=path,
                remedy="make it smaller first",
            )
        if image.format == "TIFF" and _is_raw_tiff(image):
            raise UnsupportedMediaError(
                f"{Kind.CAMERA_RAW.value} cannot be decoded", item=path, remedy="save it as JPEG, PNG or TIFF first"
            )
        return _decoded(image, path)


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
    formats = {*_FORMATS, "MPO", *(["HEIF"] if _heif_opener() else [])}
    return frozenset(suffix for suffix, name in Image.registered_extensions().items() if name in formats)


@functools.cache
def _heif_opener() -> bool:
    """Register the HEIC decoder if it is installed."""
    try:
        importlib.import_module("pillow_heif").register_heif_opener()
    except ImportError:
        return False
    return True


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
    formats = [*_FORMATS, *(["HEIF"] if _heif_opener() else [])]
    try:
        # Pillow's own limit is a global and lower than ours; ours is checked before anything is decoded.
        with _open_lock, _quiet():
            pillow_limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
            try:
                image = Image.open(path, formats=formats)
            finally:
                Image.MAX_IMAGE_PIXELS = pillow_limit
    except UnidentifiedImageError as error:
        raise _unidentified(path) from error
    except _DECODER_ERRORS as error:
        raise _damaged(path, error) from error
    with image:
        yield image


@contextmanager
def _quiet() -> Iterator[None]:
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


def _decoded(image: Image.Image, path: Path) -> Frame:
    """Decode the first picture, in sRGB and upright."""
    found: list[str] = []
    try:
        with _quiet():
            count = getattr(image, "n_frames", 1)
            if count > 1 and image.format != "MPO":  # the others in an MPO are previews and depth maps of the first
                found.append(f"holds {count} pictures: the first was used")
            image.load()
            profile = image.info.get("icc_profile") or None
            # After loading: Pillow turns TIFF by itself then, and takes the tag away.
            exif = image.getexif()
            orientation = _ORIENTATIONS.get(exif.get(ExifTags.Base.Orientation, 1), Orientation())
            if profile is None and _is_adobe_rgb(exif):
                profile = adobe_rgb_profile()
            colour, alpha = _colour_and_alpha(image, path)
    except _DECODER_ERRORS as error:
        raise _damaged(path, error) from error
    converted, colour_warnings = to_srgb(colour, profile)
    pixels: Picture = np.asarray(converted)
    if alpha is not None and int(alpha.min()) < 255:
        pixels = _on_white(pixels, alpha)
        found.append("has transparency: it was laid on white")
    # Own memory: what NumPy sees of a Pillow picture may not be written to.
    upright = np.array(orientation.upright(pixels), order="C")
    return Frame(upright, source=path, warnings=(*found, *colour_warnings))


def _is_adobe_rgb(exif: Image.Exif) -> bool:
    """Whether a camera marked the picture as Adobe RGB the way DCF 2.0 (Exif 2.3, 4.6.6 D) lays down: "R03"."""
    interoperability = exif.get_ifd(ExifTags.IFD.Interop)
    return str(interoperability.get(1, "")).startswith("R03")


def _colour_and_alpha(image: Image.Image, path: Path) -> tuple[Image.Image, npt.NDArray[np.uint8] | None]:
    """Return the picture in mode L, RGB, CMYK or LAB with 8 bits, and its alpha channel if it has one."""
    deep = _deep_samples(image, path)
    if deep is not None:
        eight = to_8_bit(deep)
        if eight.ndim == 3 and eight.shape[2] == 4:
            return Image.fromarray(np.ascontiguousarray(eight[..., :3])), eight[..., 3]
        return Image.fromarray(eight), None
    if image.mode in ("I", "F"):
        raise UnsupportedMediaError(
            "holds 32-bit samples whose range is not known", item=path, remedy="save it with 8 or 16 bits"
        )
    if image.has_transparency_data:
        rgba = image.convert("RGBA")
        alpha = np.asarray(rgba.getchannel("A"))
        return (image.getchannel("L") if image.mode == "LA" else rgba.convert("RGB")), alpha
    if image.mode == "1":
        return image.convert("L"), None
    if image.mode in ("L", "RGB", "CMYK", "LAB"):
        return image, None
    return image.convert("RGB"), None


def _on_white(pixels: Picture, alpha: npt.NDArray[np.uint8]) -> Picture:
    """Return RGB over white paper, mixed in encoded values as browsers and editors do."""
    share = alpha[..., np.newaxis].astype(np.uint32)
    return ((pixels * share + 255 * (255 - share) + 127) // 255).astype(np.uint8)


def to_8_bit(samples: npt.NDArray[np.uint16]) -> npt.NDArray[np.uint8]:
    """Return 16-bit samples as 8-bit ones: round(v / 257), so that 0 stays 0 and 65535 becomes 255."""
    return ((samples.astype(np.uint32) + 128) // 257).astype(np.uint8)


def _deep_samples(image: Image.Image, path: Path) -> npt.NDArray[np.uint16] | None:
    """Return the samples of a 16-bit grey, RGB or RGBA picture; None for pictures with fewer bits.

    Pillow holds 16-bit grey only; of RGB it keeps the high byte, which darkens by half a level on average. OpenCV
    reads those. It is not asked first because it returns what it has of a truncated file without a word.
    """
    if image.mode.startswith("I;16"):
        grey = np.asarray(image).astype(np.uint16)
        inverted = image.format == "TIFF" and _tiff_tag(image, 262) == 0  # PhotometricInterpretation: WhiteIsZero
        return 65535 - grey if inverted else grey
    if image.mode == "I" and image.format == "PPM":
        return np.asarray(image).clip(0, 65535).astype(np.uint16)
    if not _stores_16_bit_rgb(image, path):
        return None
    data = np.frombuffer(path.read_bytes(), np.uint8)
    stored = cv2.imdecode(data, cv2.IMREAD_UNCHANGED)
    if stored is None or stored.dtype != np.uint16 or stored.shape[:2] != (image.height, image.width):
        return None
    if stored.ndim == 2:
        return np.asarray(stored, np.uint16)
    order = cv2.COLOR_BGRA2RGBA if stored.shape[2] == 4 else cv2.COLOR_BGR2RGB
    return np.asarray(cv2.cvtColor(stored, order), np.uint16)


def _stores_16_bit_rgb(image: Image.Image, path: Path) -> bool:
    if image.format == "PNG":
        with path.open("rb") as file:
            return file.read(26)[24:25] == b"\x10"  # bit depth in IHDR
    if image.format == "TIFF" and image.mode in ("RGB", "RGBA"):
        bits = _tiff_tag(image, 258)  # BitsPerSample
        if not (isinstance(bits, tuple) and set(bits) == {16}):
            return False
        if _tiff_tag(image, 284) == 2:  # PlanarConfiguration: both libraries return wrong colours
            raise UnsupportedMediaError(
                "holds 16-bit colour in separate planes",
                item=path, remedy="save it with interleaved channels, or with 8 bits",
            )  # fmt: skip
        return True
    return False


def _is_raw_tiff(image: Image.Image) -> bool:
    """Whether it is a raw file in TIFF clothing (DNG, NEF, ARW …), whose first picture is a thumbnail."""
    is_preview = _tiff_tag(image, 254) == 1  # NewSubfileType: reduced-resolution version of another picture
    return _tiff_tag(image, 50706) is not None or (is_preview and _tiff_tag(image, 330) is not None)  # DNG; SubIFDs


def _tiff_tag(image: Image.Image, tag: int) -> object:
    tags = getattr(image, "tag_v2", {})
    return tags.get(tag)
