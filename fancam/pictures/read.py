"""Read a still picture: as its file holds it, or as upright 8-bit sRGB."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
from PIL import ExifTags, Image

from fancam.geometry import Orientation
from fancam.media import Frame, Picture, Samples, StillPicture
from fancam.pictures.colour import adobe_rgb_profile, fitting_profile, grey_profile_like, is_srgb, to_srgb
from fancam.pictures.colour_tags import ColourTags, colour_tags, profile_of
from fancam.pictures.decode import Decoded, decoded, to_8_bit
from fancam.pictures.ifd import Fields, descriptive, exif_bytes, parse_exif, read_fields
from fancam.pictures.opening import MAX_PIXELS, checked_picture
from fancam.pictures.xmp import XmpError, kept_packet

# EXIF 2.32 table 6: what each value of Orientation asks for, as "mirror left to right, then turn clockwise".
ORIENTATIONS = {
    1: Orientation(),
    2: Orientation(0, mirrored=True),
    3: Orientation(2),
    4: Orientation(2, mirrored=True),
    5: Orientation(3, mirrored=True),
    6: Orientation(1),
    7: Orientation(1, mirrored=True),
    8: Orientation(3),
}
_SRGB_GAMMA = 0.45455
"""What PNG's gAMA says of sRGB (W3C PNG, third edition, 11.3.2.5)."""


def read_picture(path: Path, *, max_pixels: int = MAX_PIXELS) -> Frame:
    """Read a still picture as detectors and cards want it.

    The first picture of a file that holds several. Turned upright by its EXIF orientation, converted to sRGB from the
    embedded profile (or from Adobe RGB where a camera says so in EXIF), 16-bit samples rounded to 8, transparency
    laid on white. What had to be assumed is in ``Frame.warnings``.

    Args:
        path: JPEG, PNG, WebP, AVIF, TIFF, BMP, GIF, JPEG 2000, PPM, PSD or QOI; HEIC where pi-heif or pillow-heif is
            installed.
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
    read = _read(path, max_pixels)
    laid = ("has transparency: it was laid on white",) if read.still.alpha is not None else ()
    return Frame(srgb_view(read.still), source=path, warnings=(*read.found, *laid))


def read_still(path: Path, *, max_pixels: int = MAX_PIXELS) -> StillPicture:
    """Read a still picture with all that is written back: its own colour space, its depth, alpha, EXIF, XMP, DPI.

    The first picture of a file that holds several, turned upright. RGB and grey samples keep their values and their
    profile, so no colour is clipped; CMYK and LAB are converted to 8-bit sRGB and ``warnings`` says so. PNG, TIFF,
    PPM and grey JPEG 2000 keep 16 bits. Colour tags (cICP, nclx) and Adobe RGB named in EXIF become the profile that
    says the same.

    Args:
        path: As for ``read_picture``.
        max_pixels: Refuse pictures with more pixels, before they are decoded.

    Returns:
        The picture. Its EXIF has lost what no longer holds (orientation, thumbnail, sizes, a maker's note that cannot
        be moved), its XMP has the orientation 1; ``dpi`` is None where the file states no resolution.

    Raises:
        InputError: As ``read_picture`` does.
    """
    return _read(path, max_pixels).still


def srgb_view(still: StillPicture) -> Picture:
    """Return a still picture as detectors and comparisons want it: what ``read_picture`` makes of the same file.

    Returns:
        (height, width, 3) uint8 sRGB, on white where there is transparency. It shares its memory with the picture
        where nothing had to be changed.
    """
    colour = to_8_bit(still.colour)
    if not is_srgb(still.profile):
        image = Image.fromarray(np.ascontiguousarray(colour[..., 0]) if still.grey else colour)
        colour = np.array(to_srgb(image, still.profile)[0])
    if still.alpha is None:
        return np.ascontiguousarray(colour)
    return cast("Picture", on_white(colour, to_8_bit(still.alpha)))


def on_white(colour: Samples, alpha: Samples) -> Samples:
    """Return RGB over white paper, mixed in encoded values as browsers and editors do.

    Args:
        colour: (height, width, channels).
        alpha: (height, width) of the same type.
    """
    most = np.iinfo(colour.dtype).max
    result = np.empty_like(colour, order="C")
    for row in range(0, len(colour), 256):  # in pieces: the products need 64 bits
        part = slice(row, row + 256)
        share = alpha[part, :, np.newaxis].astype(np.uint64)
        result[part] = (colour[part] * share + most * (most - share) + most // 2) // most
    return result


@dataclass(frozen=True, slots=True)
class _Read:
    still: StillPicture
    found: tuple[str, ...]
    """The warnings that hold for the sRGB view as well."""


def _read(path: Path, max_pixels: int) -> _Read:
    found: list[str] = []
    with checked_picture(path, max_pixels) as image:
        count = getattr(image, "n_frames", 1)
        if count > 1 and image.format != "MPO":  # the others in an MPO are previews and depth maps of the first
            found.append(f"holds {count} pictures: the first was used")
        tags = colour_tags(path, image.format or "")
        fields = stored_fields(image, path)
        samples = decoded(image, path, tags.bits)
        # After decoding: Pillow turns TIFF by itself then, and takes the tag away.
        orientation = ORIENTATIONS.get(image.getexif().get(ExifTags.Base.Orientation, 1), Orientation())
        profile, tag_notes = stated_profile(image, tags, fields)
        if tags.channels == 1 and not samples.grey and isinstance(samples.image, np.ndarray):
            samples = Decoded(samples.image[..., 0], samples.alpha, samples.notes)
        dpi = stated_dpi(image, fields)
        raw_xmp = image.info.get("xmp") or image.info.get("XML:com.adobe.xmp") or b""
        has_iptc = "photoshop" in image.info and 0x0404 in image.info["photoshop"]
        kind = image.format or ""
    colour = _colour(samples, profile)
    kept, notes = descriptive(fields) if fields is not None else (Fields(), [])
    xmp, xmp_notes = _kept_xmp(raw_xmp)
    if has_iptc or (fields is not None and 33723 in fields.main):
        notes.append("its IPTC-IIM fields (captions, keywords) are not kept; those in XMP are")
    still = StillPicture(
        colour=_upright(colour.pixels, orientation),
        alpha=None if samples.alpha is None else _upright(samples.alpha, orientation),
        grey=colour.grey,
        profile=colour.profile,
        exif=exif_bytes(kept) or None,
        xmp=xmp,
        dpi=dpi,
        format="JPEG" if kind == "MPO" else kind,
        source=path,
        warnings=(*found, *samples.notes, *tag_notes, *colour.warnings, *colour.conversion, *notes, *xmp_notes),
    )
    return _Read(still, (*found, *samples.notes, *tag_notes, *colour.warnings))


def stored_fields(image: Image.Image, path: Path) -> Fields | None:
    """Return the EXIF as it is stored; None where there is none."""
    if image.format == "TIFF":
        with path.open("rb") as file:
            return read_fields(file)
    raw = image.info.get("exif")
    return parse_exif(raw) if isinstance(raw, bytes) else None


# --- colour -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Colour:
    pixels: Samples
    """(height, width, 3)."""
    grey: bool
    profile: bytes | None
    warnings: list[str]
    """What had to be assumed."""
    conversion: list[str]
    """What was converted as it should be."""


def stated_profile(image: Image.Image, tags: ColourTags, fields: Fields | None) -> tuple[bytes | None, list[str]]:
    """Return the profile the file states, by a profile, by numbers or by the name of Adobe RGB in EXIF."""
    embedded = image.info.get("icc_profile") or None
    from_tags, notes = profile_of(tags)
    if image.format == "PNG" and tags != ColourTags():  # cICP outranks iCCP (W3C PNG, third edition, 4.3)
        return from_tags, notes
    if embedded is not None:
        return embedded, []
    if fields is not None and _is_adobe_rgb(fields):
        return adobe_rgb_profile(), []
    gamma = image.info.get("gamma")
    if image.format == "PNG" and gamma and "srgb" not in image.info and abs(gamma - _SRGB_GAMMA) > 0.05:
        notes = [*notes, f"states a gamma of {1 / gamma:.2f} without a profile: it was read as sRGB"]
    return from_tags, notes


def _is_adobe_rgb(fields: Fields) -> bool:
    """Whether a camera marked the picture as Adobe RGB the way DCF 2.0 (Exif 2.3, 4.6.6 D) lays down: "R03"."""
    index = fields.interop.get(1)
    return index is not None and index.data.startswith(b"R03")


def _colour(samples: Decoded, profile: bytes | None) -> _Colour:
    """Return RGB samples with the profile they are in; what is neither RGB nor grey is converted to sRGB."""
    if isinstance(samples.image, Image.Image):
        converted, warnings = to_srgb(samples.image, profile)
        return _Colour(np.asarray(converted), False, None, warnings, [f"{samples.image.mode} was converted to sRGB"])
    if not samples.grey:
        usable, warnings = fitting_profile(profile, "RGB")
        return _Colour(samples.image, False, usable, warnings, [])
    pixels = cast("Samples", np.repeat(samples.image[..., np.newaxis], 3, axis=2))
    usable, warnings = fitting_profile(profile, "L")
    if usable is None or fitting_profile(usable, "RGB")[0] is None:
        return _Colour(pixels, True, usable, warnings, [])
    # Grey tagged with an RGB profile; no format can hold that properly.
    if is_srgb(usable):
        return _Colour(pixels, True, None, [], [])
    like = grey_profile_like(usable)
    if like is not None:
        return _Colour(pixels, True, like, [], [])
    return _Colour(pixels, False, usable, [], ["grey with an RGB profile: it is kept as RGB"])


# --- beside the pixels --------------------------------------------------------------------------------------------


def stated_dpi(image: Image.Image, fields: Fields | None) -> tuple[float, float] | None:
    """Return the resolution the file states, as exactly as it does; None where it states none in a unit of length."""
    stated = image.info.get("dpi")
    exact = fields.dpi if fields is not None else None
    if image.format == "TIFF" or (image.format in ("JPEG", "MPO") and image.info.get("jfif_unit") not in (1, 2)):
        stated = None  # where nothing is stated Pillow invents 1 or 72
    if stated is None or not all(0 < float(v) < 1e6 for v in stated):
        return exact if exact is not None and all(0 < v < 1e6 for v in exact) else None
    x, y = (float(v) for v in stated)
    if exact is not None and max(abs(exact[0] - x), abs(exact[1] - y)) <= 0.5:
        return exact  # JFIF has whole dots, PNG whole pixels per metre
    return (_nearest_whole(x), _nearest_whole(y)) if image.format == "PNG" else (x, y)


def _nearest_whole(dpi: float) -> float:
    """Return the whole number of dots that is stored as the same number of pixels per metre, where there is one."""
    return float(round(dpi)) if round(round(dpi) / 0.0254) == round(dpi / 0.0254) else dpi


def _kept_xmp(raw: bytes | str) -> tuple[bytes | None, list[str]]:
    packet = raw.encode() if isinstance(raw, str) else bytes(raw)
    if not packet.strip(b"\0 \n\r\t"):
        return None, []
    try:
        return kept_packet(packet), []
    except XmpError as error:
        return None, [f"its XMP packet is not valid and was left out ({error})"]


def _upright(samples: Samples, orientation: Orientation) -> Samples:
    """Return the samples turned upright, in memory of their own: a view of a Pillow picture may not be written to."""
    return np.require(orientation.upright(samples), requirements=["C", "W"])
