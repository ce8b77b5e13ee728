"""From an opened picture to its samples: grey or RGB, 8 or 16 bits, alpha apart."""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from fancam.errors import UnsupportedMediaError
from fancam.media import Samples
from fancam.pictures.opening import tiff_tag
from fancam.pictures.tiff import LONG, ORIENTATION, SHORT, Fields, directories, read_fields

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
        signed = tiff_tag(image, _FORMAT) == (2,) and tiff_tag(image, _BITS) == (16,)
        raise UnsupportedMediaError(
            f"holds {'signed 16-bit' if signed else '32-bit'} samples, whose black and white are not known",
            item=path, remedy="save it with 8 bits or with 16 unsigned ones",
        )  # fmt: skip
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


# --- TIFF with several 16-bit samples per pixel -------------------------------------------------------------------
#
# Pillow decodes 16-bit samples of one channel only. A row of W pixels with N interleaved samples is also a row of W * N
# grey samples: the file is opened again with a directory that says so, and the channels are told apart afterwards.

_WIDTH, _BITS, _PHOTOMETRIC, _STRIPS, _SAMPLES, _STRIP_BYTES = 256, 258, 262, 273, 277, 279
_PLANAR, _PREDICTOR, _TILE_WIDTH, _TILES, _TILE_BYTES, _EXTRA, _FORMAT = 284, 317, 322, 324, 325, 338, 339
_KEPT = (_WIDTH, 257, 259, 266, 278, _TILE_WIDTH, 323)
"""Width, height, compression, fill order, rows per strip, and the tiles' size."""
_RGB, _WHITE_IS_ZERO, _BLACK_IS_ZERO = 2, 0, 1
_ASSOCIATED, _UNASSOCIATED = 1, 2
"""ExtraSamples: colour multiplied with alpha already, or not (TIFF 6.0, section 18)."""


@dataclass(frozen=True, slots=True)
class _Layout:
    fields: Fields
    samples: int
    separate_planes: bool
    predictor: int
    tile_width: int | None


def deep_tiff_samples(path: Path) -> npt.NDArray[np.uint16] | None:
    """Return the first picture of a TIFF with 16-bit RGB, as stored and not turned upright.

    Returns:
        (height, width, 3), or (height, width, 4) with straight alpha where there is some; None when the file is not
        RGB with 16 unsigned bits per sample.

    Raises:
        OSError, ValueError: It is damaged.
    """
    with path.open("rb") as file:
        fields = read_fields(file)
    layout = _layout(fields) if fields is not None else None
    if layout is None:
        return None
    data = path.read_bytes()
    if layout.separate_planes:
        planes = [_grey(data, layout, plane) for plane in range(layout.samples)]
        samples = np.stack(planes, axis=2)
    else:
        wide = _grey(data, layout, None)
        samples = wide.reshape(wide.shape[0], -1, layout.samples)
        if layout.predictor == 2:
            _undo_differences(samples, layout.tile_width)
    extra = layout.fields.integers(_EXTRA)
    if layout.samples == 3 or not extra or extra[0] not in (_ASSOCIATED, _UNASSOCIATED):
        return samples[..., :3] if extra else samples
    return _straight(samples[..., :4]) if extra[0] == _ASSOCIATED else samples[..., :4]


def _layout(fields: Fields) -> _Layout | None:
    bits = fields.integers(_BITS)
    samples = next(iter(fields.integers(_SAMPLES)), 1)
    known = set(bits) == {16} and set(fields.integers(_FORMAT)) <= {1} and samples in (3, 4, 5)
    if not known or fields.integers(_PHOTOMETRIC) != (_RGB,):
        return None
    tile_width = next(iter(fields.integers(_TILE_WIDTH)), None)
    predictor = next(iter(fields.integers(_PREDICTOR)), 1)
    return _Layout(fields, samples, fields.integers(_PLANAR) == (2,), predictor, tile_width)


def _grey(data: bytes, layout: _Layout, plane: int | None) -> npt.NDArray[np.uint16]:
    """Return one plane, or all samples of a row beside each other, as Pillow reads them as grey."""
    fields = layout.fields
    main = {tag: fields.main[tag] for tag in _KEPT if tag in fields.main}
    for tag in (_STRIPS, _STRIP_BYTES, _TILES, _TILE_BYTES):
        pieces = fields.integers(tag)
        if plane is not None:
            each = len(pieces) // layout.samples
            pieces = pieces[plane * each : (plane + 1) * each]
        if pieces:
            main[tag] = fields.entry(LONG, pieces)
    across = 1 if plane is not None else layout.samples
    for tag in (_WIDTH, _TILE_WIDTH):
        if tag in main:
            main[tag] = fields.entry(LONG, [fields.integers(tag)[0] * across])
    predictor = layout.predictor if plane is not None else 1  # across several channels it is undone here
    for tag, value in ((_BITS, 16), (_SAMPLES, 1), (_PHOTOMETRIC, _BLACK_IS_ZERO), (_PREDICTOR, predictor)):
        main[tag] = fields.entry(SHORT, [value])
    main.pop(ORIENTATION, None)
    with Image.open(io.BytesIO(_with_directory(data, replace(fields, main=main))), formats=["TIFF"]) as image:
        image.load()
        return np.array(image).astype(np.uint16, copy=False)


def _with_directory(data: bytes, fields: Fields) -> bytes:
    """Return a classic TIFF with the old bytes where they were and a new directory at the end."""
    position = len(data) + len(data) % 2
    head = (b"II" if fields.order == "<" else b"MM") + struct.pack(f"{fields.order}HI", 42, position)
    alone = Fields(fields.order, fields.main)
    return head + data[8:] + bytes(len(data) % 2) + directories(alone, position)


def _undo_differences(samples: npt.NDArray[np.uint16], tile_width: int | None) -> None:
    """Undo horizontal differencing (TIFF 6.0, section 14) in place; it begins anew in each tile."""
    width = samples.shape[1]
    step = tile_width or width
    for x in range(0, width, step):
        part = samples[:, x : x + step]
        np.cumsum(part, axis=1, dtype=np.uint16, out=part)  # modulo 65536, as it was made


def _straight(samples: npt.NDArray[np.uint16]) -> npt.NDArray[np.uint16]:
    """Return colour that is no longer multiplied with its alpha."""
    alpha = samples[..., 3:].astype(np.uint32)
    divided = (samples[..., :3] * np.uint32(65535) + alpha // 2) // np.maximum(alpha, 1)
    result = samples.copy()
    result[..., :3] = np.minimum(divided, 65535)
    return result
