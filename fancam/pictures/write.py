"""Write a still picture: exact pixels, resolution, profile and provenance; whole or not at all."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, PngImagePlugin, TiffImagePlugin

from fancam.errors import UsageError, unknown_choice
from fancam.files import replace_file
from fancam.pictures.colour import srgb_profile
from fancam.pictures.deep import ICC_TIFF_TAG, XMP_PNG_KEYWORD, XMP_TIFF_TAG, deep_png, tiff
from fancam.pictures.ifd import IMAGE_DESCRIPTION, SOFTWARE, Fields, text_field
from fancam.pictures.inks import press_image
from fancam.pictures.metadata import PictureMetadata, exif_of, xmp_packet

_FORMATS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".tif": "TIFF", ".tiff": "TIFF", ".webp": "WEBP"}


def write_picture(
    path: Path,
    pixels: npt.NDArray[np.uint8] | npt.NDArray[np.uint16],
    *,
    dpi: float,
    metadata: PictureMetadata,
    jpeg_quality: int = 95,
    icc_profile: bytes | None = None,
    cmyk: bool = False,
) -> str:
    """Write a picture in the format its name asks for; the same arguments give the same bytes.

    The file is written beside its place, flushed to the disk and renamed: it is there whole or not at all.

    Args:
        path: Ends in .png, .jpg, .jpeg, .tif, .tiff or .webp; its folder exists.
        pixels: (height, width) grey, (height, width, 3) RGB or (height, width, 4) RGBA with straight alpha; uint8,
            or uint16 for PNG and TIFF.
        dpi: Pixels per inch on paper. PNG keeps it to 1 pixel per metre, JFIF to whole dots; EXIF beside it is exact.
        metadata: Software, description, source and further fields.
        jpeg_quality: 1 to 100; always without chroma subsampling (4:4:4). WebP is written lossless.
        icc_profile: The profile the pixels are in; sRGB when None. Grey pictures carry none unless it is given.
        cmyk: Whether the four channels of ``pixels`` are inks, 255 for full ink; 8 bits, JPEG and TIFF only. JPEG gets
            Adobe's marker and, as every program expects beside it, inverted values; the profile must be given.

    Returns:
        SHA-256 of the file in hex.

    Raises:
        UsageError: The ending is unknown, or the format cannot hold alpha, 16 bits or CMYK.
        OutputError: The file cannot be written; nothing is left behind.
        ValueError: The array has another shape or type, or dpi is not above 0.
    """
    kind = _FORMATS.get(path.suffix.lower())
    if kind is None:
        raise unknown_choice("picture format", path.suffix or path.name, _FORMATS)
    if pixels.dtype not in (np.uint8, np.uint16) or not (
        pixels.ndim == 2 or (pixels.ndim == 3 and pixels.shape[2] in (3, 4))
    ):
        raise ValueError(f"cannot write an array of shape {pixels.shape} and type {pixels.dtype}")
    if not (dpi > 0 and pixels.size):
        raise ValueError(f"cannot write {pixels.shape} pixels at {dpi} dpi")
    if cmyk:
        if pixels.shape[2:] != (4,) or pixels.dtype != np.uint8 or icc_profile is None:
            raise ValueError(f"CMYK is four channels of uint8 and a profile, not {pixels.shape} of {pixels.dtype}")
        if kind not in ("JPEG", "TIFF"):
            raise UsageError(f"{kind} cannot hold CMYK", item=path, remedy="write tif or jpg")
    elif kind == "JPEG" and pixels.ndim == 3 and pixels.shape[2] == 4:
        raise UsageError("JPEG cannot hold transparency", item=path, remedy="write png, tif or webp")
    if kind in ("JPEG", "WEBP") and pixels.dtype == np.uint16:
        raise UsageError(f"{kind} cannot hold 16 bits", item=path, remedy="write png or tif")
    profile = icc_profile if icc_profile is not None else (srgb_profile() if pixels.ndim == 3 else None)
    if pixels.dtype == np.uint16:
        data = _deep(kind, pixels.astype(np.uint16, copy=False), dpi, metadata, profile)
    else:
        image = press_image(pixels) if cmyk else Image.fromarray(np.ascontiguousarray(pixels))
        data = _encoded(kind, image, dpi, metadata, jpeg_quality, profile)
    replace_file(path, data)
    return hashlib.sha256(data).hexdigest()


def _deep(
    kind: str, pixels: npt.NDArray[np.uint16], dpi: float, metadata: PictureMetadata, profile: bytes | None
) -> bytes:
    resolution, xmp = (dpi, dpi), xmp_packet(metadata)
    if kind == "PNG":
        exif = exif_of(metadata, dpi).tobytes().removeprefix(b"Exif\0\0")
        return deep_png(pixels, resolution=resolution, profile=profile, exif=exif, xmp=xmp)
    words = {IMAGE_DESCRIPTION: metadata.description, SOFTWARE: metadata.software}
    fields = Fields(main={tag: text_field(text) for tag, text in words.items() if text})
    return tiff(pixels, resolution=resolution, profile=profile, fields=fields, xmp=xmp)


def _encoded(
    kind: str, image: Image.Image, dpi: float, metadata: PictureMetadata, jpeg_quality: int, profile: bytes | None
) -> bytes:
    exif, xmp = exif_of(metadata, dpi), xmp_packet(metadata)
    buffer = io.BytesIO()
    if kind == "PNG":
        text = PngImagePlugin.PngInfo()
        text.add_itxt(XMP_PNG_KEYWORD, xmp.decode())
        image.save(buffer, "PNG", dpi=(dpi, dpi), icc_profile=profile, exif=exif, pnginfo=text)
    elif kind == "JPEG":
        whole_dpi = (round(dpi), round(dpi))
        image.save(
            buffer, "JPEG", quality=jpeg_quality, subsampling=0, dpi=whole_dpi, icc_profile=profile, exif=exif, xmp=xmp
        )
    elif kind == "TIFF":
        tags = TiffImagePlugin.ImageFileDirectory_v2()
        for tag, value in exif.items():  # Pillow ignores exif= beside tiffinfo=
            tags[tag] = value
        tags.tagtype[XMP_TIFF_TAG] = 1  # BYTE
        tags[XMP_TIFF_TAG] = xmp
        if profile is not None:
            tags.tagtype[ICC_TIFF_TAG] = 7  # UNDEFINED
            tags[ICC_TIFF_TAG] = profile
        image.save(buffer, "TIFF", compression="tiff_lzw", tiffinfo=tags)
    else:
        image.save(buffer, "WEBP", lossless=True, exact=True, icc_profile=profile or b"", exif=exif, xmp=xmp)
    return buffer.getvalue()
