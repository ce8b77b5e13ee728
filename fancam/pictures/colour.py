"""From any colour space a still picture comes in to sRGB, and the sRGB profile that goes into every file."""

from __future__ import annotations

import functools
import io
import struct
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageCms

from fancam.media import Samples

_NEAR_SRGB_LEVELS = 1
"""A profile that moves no colour of the test grid by more than this is sRGB under another name."""
_INTENT = ImageCms.Intent.RELATIVE_COLORIMETRIC
_FLAGS = ImageCms.Flags.BLACKPOINTCOMPENSATION | ImageCms.Flags.HIGHRESPRECALC

# Adobe RGB (1998) Color Image Encoding, version 2005-05, section 4.3.1: chromaticities of the primaries, white D65,
# and the exponent 2 51/256.
_ADOBE_RGB_PRIMARIES = ((0.64, 0.33), (0.21, 0.71), (0.15, 0.06))
_D65 = (0.3127, 0.3290)
_ADOBE_RGB_GAMMA = 563 / 256
_SRGB_PRIMARIES = ((0.64, 0.33), (0.30, 0.60), (0.15, 0.06))  # IEC 61966-2-1

SRGB_CURVE = 0.0
"""Stands for sRGB's curve where an exponent is asked for: it is a straight piece and a power, not one exponent."""


@functools.cache
def srgb_profile() -> bytes:
    """Return an ICC profile of sRGB (IEC 61966-2-1): the same bytes on every call and every day.

    It is Little CMS' built-in profile with the creation date pinned, because a profile that carries today's date
    would make the same card differ from one day to the next.
    """
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    # ICC.1:2022, 7.2: dateTimeNumber at bytes 24 to 35; profile ID (MD5) at 84 to 99, zero when not calculated.
    profile[24:36] = struct.pack(">6H", 2000, 1, 1, 0, 0, 0)
    profile[84:100] = bytes(16)
    return bytes(profile)


@functools.cache
def adobe_rgb_profile() -> bytes:
    """Return an ICC profile of Adobe RGB (1998), for cameras that say so in EXIF and embed none."""
    return matrix_profile("Adobe RGB (1998) compatible", _ADOBE_RGB_PRIMARIES, _D65, _ADOBE_RGB_GAMMA)


def profile_description(profile: bytes) -> str | None:
    """Return what the ICC profile calls itself, or None when it cannot be parsed."""
    try:
        return ImageCms.getProfileDescription(ImageCms.ImageCmsProfile(io.BytesIO(profile))).strip()
    except (ImageCms.PyCMSError, OSError):
        return None


def pillow_image(pixels: Samples) -> Image.Image:
    """Return 8-bit pixels as Pillow holds them; four channels are CMYK."""
    stored = np.ascontiguousarray(pixels)
    if stored.ndim == 3 and stored.shape[2] == 4:
        return Image.frombytes("CMYK", (stored.shape[1], stored.shape[0]), stored.tobytes())
    return Image.fromarray(stored)


def fitting_profile(profile: bytes | None, mode: str) -> tuple[bytes | None, list[str]]:
    """Return the profile if it can be used for pictures of this mode, and otherwise why not.

    Args:
        profile: The embedded ICC profile, if any.
        mode: L, RGB or CMYK. Grey may be tagged with an RGB profile: it then means equal parts of its primaries.
    """
    if profile is None:
        return None, []
    problem = _misfit(profile, mode)
    return (None, [problem]) if problem else (profile, [])


@functools.lru_cache(maxsize=32)
def _misfit(profile: bytes, mode: str) -> str:
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        space = source.profile.xcolor_space.strip()
        if space == "RGB" and mode == "L":
            mode = "RGB"
        if {"RGB": "RGB", "GRAY": "L", "CMYK": "CMYK"}.get(space) != mode:
            return f"the embedded {space} profile does not fit a picture of mode {mode}"
        _transformed(Image.new(mode, (1, 1)), source)
    except (ImageCms.PyCMSError, OSError):
        return "the embedded colour profile is damaged: the picture was read as sRGB"
    return ""


def is_srgb(profile: bytes | None) -> bool:
    """Whether RGB pixels under this (usable) profile are sRGB already, under whatever name."""
    if profile is None:
        return True
    return ImageCms.ImageCmsProfile(io.BytesIO(profile)).profile.xcolor_space.strip() == "RGB" and _is_srgb(profile)


def to_srgb(image: Image.Image, profile: bytes | None) -> tuple[Image.Image, list[str]]:
    """Convert a picture without transparency to sRGB.

    Relative colorimetric with black point compensation; colours outside sRGB are clipped. Pixels that are sRGB
    already are left untouched. The mode is L, RGB, CMYK or LAB.

    Returns:
        The picture in mode RGB, and what had to be assumed.
    """
    if image.mode == "LAB":
        return _transformed(image, ImageCms.createProfile("LAB")), []
    usable, warnings = fitting_profile(profile, image.mode)
    if usable is None:
        if profile is None and image.mode == "CMYK":
            warnings = ["CMYK without a profile: the colours are approximate"]
        return image.convert("RGB"), warnings
    source = ImageCms.ImageCmsProfile(io.BytesIO(usable))
    if source.profile.xcolor_space.strip() == "RGB":
        image = image.convert("RGB")  # grey tagged with an RGB profile
        if _is_srgb(usable):
            return image, []
    return _transformed(image, source), []


# --- grey and RGB profiles of the same curve ----------------------------------------------------------------------


def grey_profile_like(profile: bytes) -> bytes | None:
    """Return the grey profile under which grey looks as equal parts of red, green and blue do under this RGB profile.

    None where the profile is not made of a matrix and one common curve.
    """
    tags = _icc_tags(profile)
    curves = [tags.get(name) for name in (b"rTRC", b"gTRC", b"bTRC")]
    if b"A2B0" in tags or curves[0] is None or curves != [curves[0]] * 3:
        return None
    return _packed_profile("Grey", b"GRAY", [(b"kTRC", curves[0])])


def rgb_profile_like(profile: bytes) -> bytes | None:
    """Return the RGB profile (sRGB's primaries) under which equal parts look as grey does under this grey profile.

    None where the profile is not made of one curve.
    """
    tags = _icc_tags(profile)
    if b"A2B0" in tags or b"kTRC" not in tags:
        return None
    return _matrix_profile("RGB with the curve of a grey profile", _SRGB_PRIMARIES, _D65, tags[b"kTRC"])


def _icc_tags(profile: bytes) -> dict[bytes, bytes]:
    """Return the tagged elements of a profile (ICC.1:2022, 7.3) by signature."""
    (count,) = struct.unpack_from(">I", profile, 128)
    count = min(count, (len(profile) - 132) // 12)
    entries = (struct.unpack_from(">4s2I", profile, 132 + 12 * index) for index in range(count))
    return {name: profile[start : start + size] for name, start, size in entries}


def _transformed(image: Image.Image, source: ImageCms.ImageCmsProfile | ImageCms.core.CmsProfile) -> Image.Image:
    destination = ImageCms.createProfile("sRGB")
    if image.mode == "L":
        # Little CMS runs grey through a coarse grid, up to 10 levels off in the shadows of a linear profile; the 256
        # levels are few enough to be calculated without it.
        ramp = Image.fromarray(np.arange(256, dtype=np.uint8).reshape(1, 256))
        flags = _FLAGS | ImageCms.Flags.NOOPTIMIZE
        table = _applied(ImageCms.buildTransform(source, destination, "L", "RGB", _INTENT, flags), ramp)
        return Image.fromarray(np.asarray(table)[0][np.asarray(image)])
    return _applied(ImageCms.buildTransform(source, destination, image.mode, "RGB", _INTENT, _FLAGS), image)


def _applied(transform: ImageCms.ImageCmsTransform, image: Image.Image) -> Image.Image:
    converted = ImageCms.applyTransform(image, transform)
    if converted is None:  # only when it converts in place, which it was not asked to
        raise ImageCms.PyCMSError("no picture came back")
    return converted


@functools.lru_cache(maxsize=16)
def _is_srgb(profile: bytes) -> bool:
    """Whether the profile leaves a grid of colours where they are: names of sRGB profiles are legion."""
    levels = np.linspace(0, 255, 18).round().astype(np.uint8)
    grid = np.stack(np.meshgrid(levels, levels, levels, indexing="ij"), axis=-1).reshape(18, -1, 3)
    converted = _transformed(Image.fromarray(grid), ImageCms.ImageCmsProfile(io.BytesIO(profile)))
    moved = np.abs(np.asarray(converted).astype(int) - grid)
    return int(moved.max()) <= _NEAR_SRGB_LEVELS


def matrix_profile(
    description: str, primaries: Sequence[tuple[float, float]], white: tuple[float, float], gamma: float
) -> bytes:
    """Return a version 2 matrix/TRC display profile (ICC.1:2001-04).

    Args:
        description: ASCII.
        primaries: (x, y) chromaticities of red, green and blue.
        white: (x, y) chromaticity of the white point; it is adapted to D50 with the Bradford matrix.
        gamma: Exponent from encoded to linear, below 256; ``SRGB_CURVE`` for the curve of IEC 61966-2-1.
    """
    if gamma == SRGB_CURVE:
        encoded = np.linspace(0, 1, 1024)
        linear = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
        curve = b"curv" + bytes(4) + struct.pack(">I", linear.size) + np.rint(linear * 65535).astype(">u2").tobytes()
    else:
        curve = b"curv" + bytes(4) + struct.pack(">IH", 1, round(gamma * 256))  # u8Fixed8Number
    return _matrix_profile(description, primaries, white, curve)


def _matrix_profile(
    description: str, primaries: Sequence[tuple[float, float]], white: tuple[float, float], curve: bytes
) -> bytes:
    columns = _rgb_to_xyz_d50(primaries, white)
    tags: list[tuple[bytes, bytes]] = []
    for index, name in enumerate("rgb"):
        tags.append((f"{name}XYZ".encode(), _xyz_tag(columns[:, index])))
        tags.append((f"{name}TRC".encode(), curve))
    return _packed_profile(description, b"RGB ", tags)


def _packed_profile(description: str, space: bytes, own_tags: list[tuple[bytes, bytes]]) -> bytes:
    """Return a display profile of these tags, those that every profile has before them."""
    text = description.encode("ascii") + b"\0"
    tags = [
        (b"desc", b"desc" + bytes(4) + struct.pack(">I", len(text)) + text + bytes(78)),
        (b"cprt", b"text" + bytes(4) + b"No copyright, use freely\0"),
        (b"wtpt", _xyz_tag(_D50)),
        *own_tags,
    ]
    table, body = b"", b""
    start = 128 + 4 + 12 * len(tags)
    for signature, data in tags:
        table += signature + struct.pack(">II", start + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    size = start + len(body)
    header = struct.pack(">I4xI4s4s4s", size, 0x02400000, b"mntr", space, b"XYZ ")
    header += struct.pack(">6H", 2000, 1, 1, 0, 0, 0) + b"acsp" + bytes(28)
    header += struct.pack(">3i", *(round(v * 65536) for v in _D50))
    return header.ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + body


_D50 = (0.9642, 1.0, 0.8249)
"""Profile connection space illuminant (ICC.1:2022, 7.2.16)."""
_BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
"""Cone responses of the Bradford adaptation (ICC.1:2022, Annex E)."""


def _xyz_tag(values: Sequence[float] | np.ndarray) -> bytes:
    return b"XYZ " + bytes(4) + struct.pack(">3i", *(round(float(v) * 65536) for v in values))  # s15Fixed16Number


def _rgb_to_xyz_d50(primaries: Sequence[tuple[float, float]], white: tuple[float, float]) -> np.ndarray:
    """Return the (3, 3) matrix from linear RGB to XYZ adapted to D50 (SMPTE RP 177 and Bradford)."""
    white_xyz = np.array([white[0] / white[1], 1.0, (1 - white[0] - white[1]) / white[1]])
    shapes = np.array([[x / y, 1.0, (1 - x - y) / y] for x, y in primaries]).T
    matrix = shapes * np.linalg.solve(shapes, white_xyz)
    gains = (_BRADFORD @ np.array(_D50)) / (_BRADFORD @ white_xyz)
    return np.asarray(np.linalg.inv(_BRADFORD) @ np.diag(gains) @ _BRADFORD @ matrix)
