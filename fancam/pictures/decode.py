"""From an opened picture to its samples: grey or RGB, 8 or 16 bits, alpha apart."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from fancam.errors import UnsupportedMediaError
from fancam.media import Samples
from fancam.pictures.deep_tiff import deep_tiff_samples
from fancam.pictures.opening import tiff_tag

_SEARCHED_FOR_CODESTREAM = 1 << 20
"""The boxes before the codestream of a JPEG 2000 file: its colour profile is the largest of them."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """The samples of a picture, not turned upright."""

    image: Samples | Image.Image
    """(height, width) grey or (height, width, 3) RGB; a Pillow picture where it is CMYK or LAB, whose 8 bits no array
    of ours can name."""
    alpha: Samples | None
    """(height, width) straight alpha in the type of the samples; None where there is none or all is opaque."""
    notes: tuple[str, ...] = ()
    """What was lost on the way."""

    @property
    def grey(self) -> bool:
        """Whether there is one channel."""
        return isinstance(self.image, np.ndarray) and self.image.ndim == 2


def decoded(image: Image.Image, path: Path, bits: int | None) -> Decoded:
    """Decode the first picture of an opened file.

    Args:
        image: As Pillow opened it.
        path: Its file; samples with 16 bits are read from there, because Pillow has no RGB with 16 bits.
        bits: Bits per sample where the file states them outside of what Pillow tells.

    Raises:
        UnsupportedMediaError: The samples have 32 bits and no stated range.
        OSError, ValueError, SyntaxError …: The file is damaged, see ``opening.DECODER_ERRORS``.
    """
    samples = _deep_samples(image, path)
    if samples is not None:
        if samples.ndim == 2:
            return Decoded(samples, _transparent_level(image, samples))
        if samples.shape[2] == 2:
            return Decoded(samples[..., 0], _needed(samples[..., 1]))
        if samples.shape[2] == 4:
            return Decoded(samples[..., :3], _needed(samples[..., 3]))
        return Decoded(samples, None)
    notes: list[str] = []
    bits = bits or _stated_bits(image, path)
    image.load()
    if image.mode in ("I", "F"):
        raise UnsupportedMediaError(
            "holds 32-bit samples whose range is not known", item=path, remedy="save it with 8 or 16 bits"
        )
    if bits is not None and bits > 8:
        notes.append(f"{bits} bits per sample were read as 8")
    if image.has_transparency_data:
        flat = image.convert("LA" if image.mode in ("1", "L", "LA", "La") else "RGBA")
        channels = np.asarray(flat)
        colour = channels[..., 0] if flat.mode == "LA" else channels[..., :3]
        return Decoded(colour, _needed(channels[..., -1]), tuple(notes))
    if image.mode in ("CMYK", "LAB"):
        return Decoded(image, None, tuple(notes))
    if image.mode not in ("L", "RGB"):
        image = image.convert("L" if image.mode == "1" else "RGB")
    return Decoded(np.asarray(image), None, tuple(notes))


def to_8_bit(samples: Samples) -> npt.NDArray[np.uint8]:
    """Return 16-bit samples as 8-bit ones: round(v / 257), so that 0 stays 0 and 65535 becomes 255.

    8-bit samples come back as they are.
    """
    if samples.dtype == np.uint8:
        return cast("npt.NDArray[np.uint8]", samples)
    result = np.empty(samples.shape, np.uint8)
    for row in range(0, len(samples), 256):  # in pieces: the sum needs 32 bits
        result[row : row + 256] = (samples[row : row + 256].astype(np.uint32) + 128) // 257
    return result


def _needed(alpha: Samples) -> Samples | None:
    return alpha if int(alpha.min()) < np.iinfo(alpha.dtype).max else None


def _transparent_level(image: Image.Image, grey: npt.NDArray[np.uint16]) -> Samples | None:
    """Return the alpha of a 16-bit grey PNG that names one level as transparent (tRNS)."""
    level = image.info.get("transparency")
    if image.format != "PNG" or not isinstance(level, int):
        return None
    return _needed(np.where(grey == level, 0, 65535).astype(np.uint16))


def _deep_samples(image: Image.Image, path: Path) -> npt.NDArray[np.uint16] | None:
    """Return the samples of a 16-bit picture, (height, width) or with 2, 3 or 4 channels; None where it has fewer bits.

    Pillow holds 16-bit grey only; of RGB it keeps the high byte, which darkens by half a level on average.
    """
    if image.mode.startswith("I;16"):
        image.load()
        grey = np.asarray(image).astype(np.uint16)
        inverted = image.format == "TIFF" and tiff_tag(image, 262) == 0  # PhotometricInterpretation: WhiteIsZero
        return 65535 - grey if inverted else grey
    if image.mode == "I" and image.format == "PPM":
        image.load()
        return np.asarray(image).clip(0, 65535).astype(np.uint16)
    if image.format == "PPM" and image.mode == "RGB":
        return _deep_ppm(image, path)
    if image.format == "TIFF" and image.mode in ("RGB", "RGBA"):
        return deep_tiff_samples(path)
    if image.format == "PNG" and png_header(path)[0] == 16:
        return _deep_png(image, path)
    return None


def png_header(path: Path) -> tuple[int, int]:
    """Return bit depth and colour type from IHDR (W3C PNG, third edition, 11.2.1)."""
    with path.open("rb") as file:
        head = file.read(26)
    return head[24], head[25]


def _deep_png(image: Image.Image, path: Path) -> npt.NDArray[np.uint16]:
    """Read 16-bit grey with alpha, RGB or RGBA.

    OpenCV returns what it has of a truncated file without a word: Pillow decodes it first to find that out.
    """
    image.load()
    stored = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_UNCHANGED)
    if stored is None or stored.dtype != np.uint16 or stored.ndim != 3 or stored.shape[:2] != image.size[::-1]:
        raise UnsupportedMediaError(
            "holds 16-bit colour in a variant that cannot be decoded", item=path, remedy="save it with 8 bits"
        )
    order = cv2.COLOR_BGRA2RGBA if stored.shape[2] == 4 else cv2.COLOR_BGR2RGB
    samples = np.asarray(cv2.cvtColor(stored, order), np.uint16)
    grey_alpha = png_header(path)[1] == 4  # OpenCV makes four channels of it
    return samples[..., [0, 3]] if grey_alpha else samples


def _deep_ppm(image: Image.Image, path: Path) -> npt.NDArray[np.uint16] | None:
    """Return the samples of a binary PPM with more than 8 bits, scaled to 16; None for one with fewer."""
    codec, offset, most = _ppm_layout(image)
    if codec != "ppm" or most < 256:
        return None
    count = 3 * image.width * image.height
    data = np.fromfile(path, ">u2", count, offset=offset)
    if data.size < count:
        raise EOFError("the picture is truncated")
    wide = data.reshape(image.height, image.width, 3)
    if most == 65535:
        return wide.astype(np.uint16)
    return ((np.minimum(wide, most).astype(np.uint32) * 65535 + most // 2) // most).astype(np.uint16)


def _ppm_layout(image: Image.Image) -> tuple[str, int, int]:
    """Return codec, start of the samples and their largest value, as Pillow parsed them; ("", 0, 0) if it did not."""
    for codec, _, offset, arguments in getattr(image, "tile", []):
        if isinstance(arguments, tuple) and isinstance(arguments[-1], int):
            return codec, offset, arguments[-1]
    return "", 0, 0


def _stated_bits(image: Image.Image, path: Path) -> int | None:
    """Return the bits per sample of a JPEG 2000 or a plain PPM, which Pillow reads as 8; None for other formats."""
    if image.format == "PPM":
        codec, _, most = _ppm_layout(image)
        return most.bit_length() if codec == "ppm_plain" else None
    if image.format != "JPEG2000":
        return None
    with path.open("rb") as file:
        head = file.read(_SEARCHED_FOR_CODESTREAM)
    start = head.find(b"\xff\x4f\xff\x51")  # SOC and SIZ (ISO/IEC 15444-1, A.5.1)
    if start < 0 or start + 43 > len(head):
        return None
    (ssiz,) = struct.unpack_from("B", head, start + 42)
    return (int(ssiz) & 0x7F) + 1
