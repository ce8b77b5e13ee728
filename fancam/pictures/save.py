"""Save a picture in any format with all that stands beside its pixels, and a word for what the format cannot hold."""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import numpy as np
import numpy.typing as npt
from PIL import Image, PngImagePlugin, TiffImagePlugin

from fancam.errors import UnsupportedMediaError, UsageError, unknown_choice
from fancam.files import replace_file
from fancam.media import Samples
from fancam.pictures import tiff
from fancam.pictures.colour import is_srgb, pillow_image, rgb_profile_like, srgb_profile, to_srgb
from fancam.pictures.decode import to_8_bit
from fancam.pictures.opening import heif_plugin
from fancam.pictures.png import XMP_PNG_KEYWORD, encode_png_16
from fancam.pictures.still import StillPicture, on_white
from fancam.pictures.xmp import (
    PictureMetadata,
    XmpError,
    kept_packet,
    merged_packet,
    resized_packet,
    xmp_packet,
    xmp_properties,
)


@dataclass(frozen=True, slots=True)
class _Format:
    """What a format can hold, as it is written here."""

    name: str
    longest_side_px: int
    sixteen_bit: bool = False
    alpha: bool = True
    grey: bool = True
    grey_alpha: bool = False
    describes: bool = True
    """Whether it holds a profile, EXIF and XMP."""


_PNG = _Format("PNG", (1 << 31) - 1, sixteen_bit=True, grey_alpha=True)
_TIFF = _Format("TIFF", (1 << 31) - 1, sixteen_bit=True, grey_alpha=True)
_JPEG = _Format("JPEG", 65500, alpha=False)  # libjpeg's JPEG_MAX_DIMENSION
_WEBP = _Format("WEBP", 16383, grey=False)  # 14 bits (RFC 9649, section 3.4)
_AVIF = _Format("AVIF", 65536)  # 16 bits plus 1 (AV1 specification, 5.5.1)
_HEIF = _Format("HEIF", 65535)
_BMP = _Format("BMP", (1 << 31) - 1, alpha=False, describes=False)
_FORMATS = {
    ".png": _PNG, ".jpg": _JPEG, ".jpeg": _JPEG, ".tif": _TIFF, ".tiff": _TIFF, ".webp": _WEBP, ".avif": _AVIF,
    ".heic": _HEIF, ".heif": _HEIF, ".bmp": _BMP,
}  # fmt: skip

_JPEG_SEGMENT_BYTES = 65533
_JPEG_EXIF_BYTES = _JPEG_SEGMENT_BYTES - len(b"Exif\0\0")
_JPEG_XMP_BYTES = _JPEG_SEGMENT_BYTES - len(b"http://ns.adobe.com/xap/1.0/\0")
"""What fits into one APP1 segment (Exif 2.32, 4.5.1; XMP specification part 3, 1.1.3)."""
_AVIF_THREADS = 4


@dataclass(frozen=True, slots=True)
class SavedPicture:
    """What became of a picture on the disk."""

    sha256: str
    """Of the file, in hex."""
    warnings: tuple[str, ...] = ()
    """What the format could not hold."""


def writable_suffixes() -> tuple[str, ...]:
    """Return the file name endings that ``save_picture`` takes here: lower case, with the dot, sorted."""
    heif_too = heif_plugin() == "pillow_heif"
    return tuple(sorted(suffix for suffix, form in _FORMATS.items() if heif_too or form is not _HEIF))


def holds_16_bits(path: Path) -> bool:
    """Whether the format that the ending of a name stands for keeps 16 bits per sample; of no format not."""
    form = _FORMATS.get(path.suffix.lower())
    return form is not None and form.sixteen_bit


def check_writable(path: Path, width_px: int | None = None, height_px: int | None = None) -> str:
    """Say, before any work, whether a picture of this size can be saved under this name.

    Args:
        path: Its ending names the format; nothing is written.
        width_px: Of the picture; None where it is not known yet.
        height_px: The same.

    Returns:
        The format as Pillow names it.

    Raises:
        UsageError: The ending belongs to no format that is written, or a side is too long for the format.
        UnsupportedMediaError: HEIC, and there is no encoder for it.
    """
    form = _format_of(path)
    if max(width_px or 0, height_px or 0) > form.longest_side_px:
        cause = f"{form.name} holds at most {form.longest_side_px} pixels a side, not {width_px}x{height_px}"
        raise UsageError(cause, item=path, remedy="write png or tif, or choose a smaller size")
    return form.name


def save_picture(
    path: Path,
    picture: StillPicture | Samples,
    *,
    dpi: float | tiff.Resolution | None = None,
    profile: bytes | None = None,
    cmyk: bool = False,
    metadata: PictureMetadata | None = None,
    quality: int = 95,
) -> SavedPicture:
    """Save a picture in the format its name asks for; the same arguments give the same bytes.

    Its samples are written as they are wherever the format can hold them: grey as grey, with alpha, with 16 bits, in
    their own colour space with the profile embedded (sRGB's for RGB where there is none). What it cannot hold is
    converted and said: 16 bits are rounded to 8 (JPEG, WebP, AVIF, HEIC, BMP), transparency is laid on white (JPEG,
    BMP), colours become sRGB and EXIF and XMP are left out (BMP). PNG, TIFF, WebP and BMP keep every sample; WebP as
    well, because its lossy mode always halves the resolution of colour. JPEG, AVIF and HEIC are lossy with colour at
    full resolution (4:4:4).

    The file is written beside its place, flushed to the disk and renamed: it is there whole or not at all.

    Args:
        path: Ends in .png, .jpg, .jpeg, .tif, .tiff, .webp, .avif, .bmp, .heic or .heif (with pillow-heif); its folder
            exists.
        picture: A still picture, with its EXIF and XMP; grey whose channels differ is averaged. Or an array of uint8
            or uint16: (height, width) grey, (height, width, 3) RGB or (height, width, 4) RGBA with straight alpha.
        dpi: Pixels per inch on paper, or (across, down); that of the picture when None, and no resolution where that
            is None too. PNG and BMP keep it to 1 pixel per metre, JFIF to whole dots; EXIF beside it is exact.
        profile: ICC profile of an array; a still picture has its own.
        cmyk: Whether an array's four channels are inks, 255 for full ink; uint8, JPEG and TIFF only, and the profile
            must be given. JPEG gets Adobe's marker and, as every program expects beside it, inverted values.
        metadata: Provenance. EXIF: its software becomes Software, or ProcessingSoftware where the camera has written
            the former; its description only where there is none. XMP: a packet that came in is kept, a further
            description in it has the fields; standard properties that it has stay as they are.
        quality: 1 to 100, of JPEG, AVIF and HEIC.

    Returns:
        The file's hash and what could not be kept.

    Raises:
        UsageError: The ending is unknown, a side is too long for the format, it cannot hold CMYK, or quality is out of
            range.
        UnsupportedMediaError: HEIC, and there is no encoder for it.
        OutputError: The file cannot be written; nothing is left behind.
        ValueError: The arrays do not fit each other, or dpi is not above 0.
    """
    form = _format_of(path)
    if not 1 <= quality <= 100:
        raise UsageError(f"quality {quality} is not between 1 and 100", item=path, remedy="95 suits print")
    warnings: list[str] = []
    if cmyk:
        pixels = _checked_inks(cast("Samples", picture), form, path, profile)
        still = StillPicture.of(pixels[..., :3])  # for what stands beside the inks
    else:
        still = picture if isinstance(picture, StillPicture) else _still_of(picture, profile)
        _check_arrays(still)
        pixels, profile = _prepared(still, form, warnings)
    check_writable(path, still.width, still.height)
    resolution = _resolution(dpi if dpi is not None else still.dpi)
    # Any byte order would do; this one keeps cards the same bytes from version to version.
    order = "<" if picture is still or form is _TIFF else ">"
    described = _Described(resolution, profile, _fields(still, resolution, metadata, order), b"")
    if form.describes:
        described = replace(described, xmp=_xmp(still, metadata, warnings))
    elif still.exif or still.xmp or metadata:
        warnings.append(f"{form.name} cannot hold EXIF and XMP: they were left out")
    if form is _JPEG:
        described = _fitted_to_jpeg(described, metadata, warnings)
    data = _encoded(form, pixels, described, quality, cmyk)
    replace_file(path, data)
    return SavedPicture(hashlib.sha256(data).hexdigest(), tuple(warnings))


def _format_of(path: Path) -> _Format:
    form = _FORMATS.get(path.suffix.lower())
    if form is None:
        raise unknown_choice("picture format", path.suffix or path.name, writable_suffixes()).about(path)
    if form is _HEIF and heif_plugin() != "pillow_heif":
        remedy = "write avif, which is as small, or pip install pillow-heif (its wheels are GPL)"
        raise UnsupportedMediaError("HEIC cannot be written without an encoder", item=path, remedy=remedy)
    return form


def _resolution(dpi: float | tiff.Resolution | None) -> tiff.Resolution | None:
    if dpi is None:
        return None
    x, y = dpi if isinstance(dpi, tuple) else (dpi, dpi)
    if not (0 < x < float("inf") and 0 < y < float("inf")):
        raise ValueError(f"cannot write a picture at {dpi} dpi")
    return float(x), float(y)


def _still_of(pixels: Samples, profile: bytes | None) -> StillPicture:
    """Return an array as a still picture; it shares its memory."""
    if pixels.ndim == 2:
        three = cast("Samples", np.broadcast_to(pixels[..., np.newaxis], (*pixels.shape, 3)))
        return StillPicture.of(three, grey=True, profile=profile)
    if pixels.ndim == 3 and pixels.shape[2] in (3, 4):
        return StillPicture.of(pixels[..., :3], alpha=pixels[..., 3] if pixels.shape[2] == 4 else None, profile=profile)
    raise ValueError(f"cannot write an array of shape {pixels.shape}")


def _checked_inks(inks: Samples, form: _Format, path: Path, profile: bytes | None) -> Samples:
    if inks.shape[2:] != (4,) or inks.dtype != np.uint8 or profile is None:
        raise ValueError(f"CMYK is four channels of uint8 and a profile, not {inks.shape} of {inks.dtype}")
    if form not in (_JPEG, _TIFF):
        raise UsageError(f"{form.name} cannot hold CMYK", item=path, remedy="write tif or jpg")
    return inks


def _check_arrays(still: StillPicture) -> None:
    colour, alpha = still.colour, still.alpha
    fits = alpha is None or (alpha.dtype == colour.dtype and alpha.shape == colour.shape[:2])
    if colour.dtype not in (np.uint8, np.uint16) or colour.ndim != 3 or colour.shape[2] != 3 or not fits:
        raise ValueError(f"cannot write colour of shape {colour.shape} and type {colour.dtype} with this alpha")
    if not colour.size:
        raise ValueError("cannot write a picture without pixels")


# --- samples ------------------------------------------------------------------------------------------------------


def _prepared(still: StillPicture, form: _Format, warnings: list[str]) -> tuple[Samples, bytes | None]:
    """Return what the format holds of the samples, (height, width[, channels]), and the profile they are then in."""
    colour, alpha, profile, grey = still.colour, still.alpha, still.profile, still.grey
    if colour.dtype == np.uint16 and not form.sixteen_bit:
        colour, alpha = to_8_bit(colour), None if alpha is None else to_8_bit(alpha)
        warnings.append(f"{form.name} cannot hold 16 bits per sample: they were rounded to 8")
    if not form.describes and not is_srgb(profile):
        colour, profile = _in_srgb(colour, profile, grey), None
        warnings.append(f"{form.name} cannot hold a colour profile: the picture was converted to sRGB")
    if alpha is not None and not form.alpha:
        colour, alpha = on_white(colour, alpha), None
        warnings.append(f"{form.name} cannot hold transparency: it was laid on white")
    deep_grey_alpha = form is _TIFF and colour.dtype == np.uint16  # few programs read that, Pillow does not
    if grey and (alpha is None or (form.grey_alpha and not deep_grey_alpha)) and form.grey:
        levels = _levels(colour)
        return (levels if alpha is None else cast("Samples", np.stack([levels, alpha], axis=-1))), profile
    if grey and profile is not None:
        like = rgb_profile_like(profile)
        if like is None:
            colour = _in_srgb(colour, profile, grey)
            warnings.append(f"{form.name} cannot hold the grey profile here: the picture was converted to 8-bit sRGB")
            alpha = None if alpha is None else to_8_bit(alpha)
        profile = like
    pixels = colour if alpha is None else np.concatenate([colour, alpha[..., np.newaxis]], axis=2)
    return cast("Samples", pixels), profile or (srgb_profile() if form.describes else None)


def _in_srgb(colour: Samples, profile: bytes | None, grey: bool) -> npt.NDArray[np.uint8]:
    eight = to_8_bit(colour)
    image = Image.fromarray(_levels(eight) if grey else np.ascontiguousarray(eight))
    return np.asarray(to_srgb(image, profile)[0])


def _levels(colour: Samples) -> Samples:
    """Return the one channel of a grey picture; the mean, rounded, where a network has made them differ."""
    first = colour[..., 0]
    if np.array_equal(first, colour[..., 1]) and np.array_equal(first, colour[..., 2]):
        return cast("Samples", np.ascontiguousarray(first))
    total = colour[..., 0].astype(np.uint32) + colour[..., 1] + colour[..., 2]
    return cast("Samples", ((total + 1) // 3).astype(colour.dtype))


# --- beside the samples -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Described:
    resolution: tiff.Resolution | None
    profile: bytes | None
    fields: tiff.Fields
    xmp: bytes


def _fields(
    still: StillPicture, resolution: tiff.Resolution | None, metadata: PictureMetadata | None, order: str
) -> tiff.Fields:
    """Return the EXIF that is written: what came in, the new resolution, and who made it."""
    fields = (tiff.parse_exif(still.exif) if still.exif else None) or tiff.Fields(order)
    main = dict(fields.main)
    for tag in (tiff.X_RESOLUTION, tiff.Y_RESOLUTION, tiff.RESOLUTION_UNIT):
        main.pop(tag, None)
    if resolution is not None:
        main[tiff.X_RESOLUTION], main[tiff.Y_RESOLUTION] = (
            fields.entry(tiff.RATIONAL, tiff.rational(dpi)) for dpi in resolution
        )
        main[tiff.RESOLUTION_UNIT] = fields.entry(tiff.SHORT, [2])  # inch
    if metadata is not None and metadata.software:
        main[tiff.PROCESSING_SOFTWARE if fields.text(tiff.SOFTWARE) else tiff.SOFTWARE] = tiff.text_field(
            metadata.software
        )
    if metadata is not None and metadata.description and not fields.text(tiff.IMAGE_DESCRIPTION):
        main[tiff.IMAGE_DESCRIPTION] = tiff.text_field(metadata.description)
    return replace(fields, main=main)


def _xmp(still: StillPicture, metadata: PictureMetadata | None, warnings: list[str]) -> bytes:
    """Return the packet that came in with the new size and the provenance, or a new one; empty where there is none."""
    if still.xmp:
        try:
            packet = resized_packet(kept_packet(still.xmp)[0], still.width, still.height)
            if metadata is None:
                return packet
            # Said in fancam's own words as well: the standard properties may be taken.
            named = {"software": metadata.software or None, "source": metadata.source or None}
            own = PictureMetadata(fields=named | dict(metadata.fields))
            return merged_packet(packet, {**xmp_properties(replace(metadata, fields={})), **xmp_properties(own)})
        except XmpError as error:
            warnings.append(f"its XMP packet is not valid and was left out ({error})")
    return b"" if metadata is None else xmp_packet(metadata)


def _fitted_to_jpeg(described: _Described, metadata: PictureMetadata | None, warnings: list[str]) -> _Described:
    """Return what fits into the one segment that JPEG has for EXIF, and the one for XMP."""
    fields, xmp = described.fields, described.xmp
    if len(tiff.exif_bytes(fields)) > _JPEG_EXIF_BYTES and tiff.MAKER_NOTE in fields.exif:
        fields = replace(fields, exif={tag: value for tag, value in fields.exif.items() if tag != tiff.MAKER_NOTE})
        warnings.append("JPEG cannot hold more than 64 kB of EXIF: the camera maker's note was left out")
    if len(tiff.exif_bytes(fields)) > _JPEG_EXIF_BYTES:
        kept = {tag: value for tag, value in fields.main.items() if len(value.data) <= 256}
        fields = tiff.Fields(fields.order, kept)
        warnings.append("JPEG cannot hold more than 64 kB of EXIF: only its short fields were kept")
    if len(xmp) > _JPEG_XMP_BYTES:
        xmp = b"" if metadata is None else xmp_packet(metadata)
        warnings.append("JPEG cannot hold more than 64 kB of XMP: the packet that came in was left out")
        if len(xmp) > _JPEG_XMP_BYTES:
            xmp = b""
            warnings.append("JPEG cannot hold more than 64 kB of XMP: the provenance was left out")
    return replace(described, fields=fields, xmp=xmp)


# --- formats ------------------------------------------------------------------------------------------------------


def _encoded(form: _Format, pixels: Samples, described: _Described, quality: int, cmyk: bool) -> bytes:
    resolution, profile, xmp = described.resolution, described.profile, described.xmp
    if form is _TIFF and cmyk:
        return _cmyk_tiff(pillow_image(pixels), described)
    if form is _TIFF:
        return tiff.encode_tiff(pixels, resolution=resolution, profile=profile, fields=described.fields, xmp=xmp)
    exif = tiff.exif_bytes(described.fields)
    if form is _PNG and pixels.dtype == np.uint16:
        deep = cast("npt.NDArray[np.uint16]", pixels)
        return encode_png_16(deep, resolution=resolution, profile=profile, exif=exif, xmp=xmp)
    image = pillow_image(pixels) if cmyk else Image.fromarray(np.ascontiguousarray(pixels))
    buffer = io.BytesIO()
    if form is _PNG:
        text = PngImagePlugin.PngInfo()
        if xmp:
            text.add_itxt(XMP_PNG_KEYWORD, xmp.decode())
        image.save(buffer, "PNG", dpi=resolution, icc_profile=profile, exif=exif, pnginfo=text)
    elif form is _BMP:
        image.save(buffer, "BMP", dpi=resolution or (0, 0))  # Pillow would state 96
    else:
        # b"" and not None: None would let Pillow look for those of the picture it is given
        beside = {"icc_profile": profile or b"", "xmp": xmp, "exif": b"Exif\0\0" + exif if exif else b""}
        if form is _JPEG:
            whole = {"dpi": tuple(round(v) for v in resolution)} if resolution is not None else {}
            image.save(buffer, "JPEG", quality=quality, subsampling=0, **beside, **whole)
        elif form is _WEBP:
            image.save(buffer, "WEBP", lossless=True, exact=True, **beside)
        elif form is _AVIF:
            # Tiles and threads must not follow the number of processors, because the bytes would: libaom codes rows
            # in another way with one thread than with several.
            same = {"autotiling": False, "max_threads": _AVIF_THREADS}
            sampling = "4:0:0" if image.mode == "L" else "4:4:4"
            image.save(buffer, "AVIF", quality=quality, subsampling=sampling, **same, **beside)
        else:
            present = {name: data for name, data in beside.items() if data}  # it takes no empty ones
            image.save(buffer, "HEIF", quality=quality, chroma=444, **present)
    return buffer.getvalue()


def _cmyk_tiff(image: Image.Image, described: _Described) -> bytes:
    """Return a TIFF compressed with LZW, which every program for print reads."""
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    for tag in (tiff.IMAGE_DESCRIPTION, tiff.SOFTWARE):
        if described.fields.text(tag):
            tags[tag] = described.fields.text(tag)
    if described.resolution is not None:
        for tag, value in zip((tiff.X_RESOLUTION, tiff.Y_RESOLUTION), described.resolution, strict=True):
            tags[tag] = TiffImagePlugin.IFDRational(*tiff.rational(value))
        tags[tiff.RESOLUTION_UNIT] = 2  # inch
    for tag, kind, data in (
        (tiff.XMP_TIFF_TAG, tiff.BYTE, described.xmp),
        (tiff.ICC_TIFF_TAG, tiff.UNDEFINED, described.profile),
    ):
        if data:
            tags.tagtype[tag] = kind
            tags[tag] = data
    buffer = io.BytesIO()
    image.save(buffer, "TIFF", compression="tiff_lzw", tiffinfo=tags)
    return buffer.getvalue()
