"""A still picture: what its header says at once, its samples when they are asked for."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
from PIL import Image

from fancam.files import sha256_of_file
from fancam.geometry import Orientation
from fancam.media import Frame, Picture, Samples
from fancam.pictures.colour import (
    adobe_rgb_profile,
    fitting_profile,
    grey_profile_like,
    is_srgb,
    profile_description,
    rgb_profile_like,
    to_srgb,
)
from fancam.pictures.decode import Decoded, decoded, to_8_bit
from fancam.pictures.header import (
    CodePoints,
    PictureFacts,
    code_points,
    count_notes,
    facts_of,
    profile_of,
    profile_space,
    raw_xmp,
    stored_fields,
    stored_orientation,
)
from fancam.pictures.opening import MAX_PIXELS, checked_picture
from fancam.pictures.tiff import IPTC_TAG, Fields, descriptive, exif_bytes
from fancam.pictures.xmp import XmpError, kept_packet

_SRGB_GAMMA = 0.45455
"""What PNG's gAMA says of sRGB (W3C PNG, third edition, 11.3.2.5)."""


@dataclass(frozen=True, slots=True, eq=False)
class StillPixels:
    """The decoded samples of a picture, upright, in their own colour space and depth."""

    colour: Samples
    """(height, width, 3) RGB in the space of ``profile``; grey pictures have three equal channels."""
    alpha: Samples | None = None
    """(height, width) straight alpha in the type of ``colour``; None where everything is opaque."""
    grey: bool = False
    """Whether the file is grey, and is to be written so again."""
    profile: bytes | None = None
    """ICC profile of ``colour`` (of the grey channel where ``grey``); None: sRGB."""
    assumed: tuple[str, ...] = ()
    """What had to be assumed; holds for the sRGB view as well."""
    converted: tuple[str, ...] = ()
    """What was converted as it should be."""


class StillPicture:
    """A still picture, upright: header facts at once; pixels are decoded when they are asked for and kept.

    Get one from ``open_picture`` or, of pixels in memory, from ``StillPicture.of``.
    """

    def __init__(
        self,
        facts: PictureFacts,
        source: Path,
        decode: Callable[[], StillPixels],
        *,
        exif: bytes | None = None,
        xmp: bytes | None = None,
        notes: tuple[str, ...] = (),
    ) -> None:
        self.facts = facts
        self.source = source
        self.exif = exif
        """EXIF without orientation, thumbnail and sizes, which no longer hold."""
        self.xmp = xmp
        """XMP packet without what no longer holds."""
        self._decode = decode
        self._notes = notes
        self._pixels: StillPixels | None = None

    @classmethod
    def of(
        cls, colour: Samples, *, alpha: Samples | None = None, grey: bool = False, profile: bytes | None = None,
        exif: bytes | None = None, xmp: bytes | None = None, dpi: tuple[float, float] | None = None,
        source: Path = Path(), format: str = "", warnings: tuple[str, ...] = (),  # noqa: A002 - the field's word
    ) -> StillPicture:  # fmt: skip
        """Return a picture of pixels in memory; the arguments are named as the attributes are."""
        pixels = StillPixels(colour, alpha, grey, profile)
        facts = PictureFacts(
            colour.shape[1], colour.shape[0], "grey" if grey else "rgb", 8 * colour.itemsize, alpha is not None, None,
            profile_description(profile) if profile else None, profile_space(profile), is_srgb(profile), dpi, format,
        )  # fmt: skip
        return cls(facts, source, lambda: pixels, exif=exif, xmp=xmp, notes=warnings)

    def with_pixels(self, colour: Samples, alpha: Samples | None) -> StillPicture:
        """Return a picture with other samples in the same colour space, and all that stands beside them."""
        return StillPicture.of(
            colour, alpha=alpha, grey=self.grey, profile=self.profile, exif=self.exif, xmp=self.xmp, dpi=self.dpi,
            source=self.source, format=self.format, warnings=self._notes,
        )  # fmt: skip

    def load(self) -> StillPicture:
        """Decode the pixels now, and return the picture itself.

        Raises:
            InputError: The file is damaged, has gone, or holds samples that cannot be read.
        """
        self._loaded()
        return self

    def release(self) -> None:
        """Forget the pixels; they are decoded again when they are asked for."""
        self._pixels = None

    def _loaded(self) -> StillPixels:
        if self._pixels is None:
            self._pixels = self._decode()
        return self._pixels

    # --- header ---------------------------------------------------------------------------------------------------

    @property
    def width(self) -> int:
        """Width of the upright picture in pixels."""
        return self.facts.width_px

    @property
    def height(self) -> int:
        """Height of the upright picture in pixels."""
        return self.facts.height_px

    @property
    def dpi(self) -> tuple[float, float] | None:
        """Pixels per inch on paper, across and down; None where the file states none."""
        return self.facts.dpi

    @property
    def format(self) -> str:
        """``JPEG``, ``PNG``, ``TIFF`` …; empty for pixels in memory."""
        return self.facts.format

    @functools.cached_property
    def sha256(self) -> str:
        """SHA-256 of the file's bytes in hex; read when it is asked for."""
        return sha256_of_file(self.source)

    # --- pixels ---------------------------------------------------------------------------------------------------

    @property
    def colour(self) -> Samples:
        """(height, width, 3) RGB in the space of ``profile``, uint8 or uint16; grey has three equal channels."""
        return self._loaded().colour

    @property
    def alpha(self) -> Samples | None:
        """(height, width) straight alpha in the type of ``colour``; None where everything is opaque."""
        return self._loaded().alpha

    @property
    def grey(self) -> bool:
        """Whether the file is grey, and is to be written so again."""
        return self._loaded().grey

    @property
    def profile(self) -> bytes | None:
        """ICC profile of ``colour`` (of the grey channel where ``grey``); None: sRGB."""
        return self._loaded().profile

    @property
    def warnings(self) -> tuple[str, ...]:
        """What had to be assumed, was converted, or is not kept when the picture is written."""
        return (*self._loaded().assumed, *self._loaded().converted, *self._notes)

    def srgb(self) -> Picture:
        """Return the picture as detectors and comparisons want it.

        Returns:
            (height, width, 3) uint8 sRGB, on white where there is transparency. It shares its memory with the picture
            where nothing had to be changed.
        """
        pixels = self._loaded()
        colour = to_8_bit(pixels.colour)
        if not is_srgb(pixels.profile):
            image = Image.fromarray(np.ascontiguousarray(colour[..., 0]) if pixels.grey else colour)
            colour = np.array(to_srgb(image, pixels.profile)[0])
        if pixels.alpha is None:
            return np.ascontiguousarray(colour)
        return cast("Picture", on_white(colour, to_8_bit(pixels.alpha)))

    def opaque_rgb(self) -> tuple[Samples, bytes | None]:
        """Return RGB on white in the picture's own depth, and an RGB profile of it (None: sRGB).

        Where white or the grey profile can only be had in sRGB, it is the 8-bit ``srgb`` view.
        """
        pixels = self._loaded()
        if pixels.grey and pixels.profile is not None:
            like = rgb_profile_like(pixels.profile)
            if like is None:
                return self.srgb(), None
            pixels = StillPixels(pixels.colour, pixels.alpha, profile=like)
        if pixels.alpha is None:
            return pixels.colour, pixels.profile
        if not is_srgb(pixels.profile):
            return self.srgb(), None
        return on_white(pixels.colour, pixels.alpha), pixels.profile

    def frame(self) -> Frame:
        """Return the sRGB view with what had to be assumed for it."""
        pixels = self._loaded()
        laid = ("has transparency: it was laid on white",) if pixels.alpha is not None else ()
        return Frame(self.srgb(), source=self.source, warnings=(*pixels.assumed, *laid))

    def __repr__(self) -> str:
        return f"StillPicture({self.width}x{self.height}, {self.format}, source={self.source.name})"


def open_picture(path: Path | str, *, max_pixels: int = MAX_PIXELS) -> StillPicture:
    """Open a still picture: its header is read now, its samples when they are asked for.

    The first picture of a file that holds several, turned upright. RGB and grey samples keep their values and their
    profile, so no colour is clipped; CMYK and LAB are converted to 8-bit sRGB and ``warnings`` says so. PNG, TIFF,
    PPM and grey JPEG 2000 keep 16 bits. Code points (cICP, nclx) and Adobe RGB named in EXIF become the profile that
    says the same.

    Args:
        path: JPEG, PNG, WebP, AVIF, TIFF, BMP, GIF, JPEG 2000, PPM, PSD or QOI; HEIC where pi-heif or pillow-heif is
            installed.
        max_pixels: Refuse pictures with more pixels, before they are decoded.

    Returns:
        The picture. Its EXIF has lost what no longer holds (orientation, thumbnail, sizes, a maker's note that cannot
        be moved), and so has its XMP.

    Raises:
        InputNotFoundError: There is no such file.
        InputUnreadableError: It is a folder or may not be read.
        NotMediaError: It is no picture, or a damaged one.
        TruncatedInputError: The file is empty or its end is missing.
        UnsupportedMediaError: The format is known but cannot be decoded here.
        PictureTooLargeError: It has more than ``max_pixels`` pixels.

    Example:
        >>> picture = fancam.open_picture("scan.tif")
        >>> picture.width, picture.facts.bits, picture.colour.dtype
        (4961, 16, dtype('uint16'))
    """
    path = Path(path)
    with checked_picture(path, max_pixels) as image:
        fields = stored_fields(image, path)
        packet = raw_xmp(image)
        has_iptc = "photoshop" in image.info and 0x0404 in image.info["photoshop"]
        kept, notes = descriptive(fields) if fields is not None else (Fields(), [])
        if has_iptc or (fields is not None and IPTC_TAG in fields.main):
            notes.append("its IPTC-IIM fields (captions, keywords) are not kept; those in XMP are")
        xmp, xmp_notes = _kept_xmp(packet)
        facts = facts_of(image, path, fields, packet)
    return StillPicture(
        facts, path, lambda: _decoded_pixels(path, max_pixels),
        exif=exif_bytes(kept) or None, xmp=xmp, notes=(*notes, *xmp_notes),
    )  # fmt: skip


def read_picture(path: Path, *, max_pixels: int = MAX_PIXELS) -> Frame:
    """Read a still picture as detectors want it: upright 8-bit sRGB on white; see ``open_picture``."""
    return open_picture(path, max_pixels=max_pixels).frame()


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


# --- from an opened file ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class StoredSamples:
    """Decoded samples that are not turned yet, with what the file says of them."""

    samples: Decoded
    orientation: Orientation
    profile: bytes | None
    """As the file states it, whether it fits the samples or not."""
    notes: tuple[str, ...]
    """What had to be assumed."""


def stored_samples(image: Image.Image, path: Path) -> StoredSamples:
    """Decode the first picture of an opened file."""
    points, fields = code_points(path, image.format or ""), stored_fields(image, path)
    samples = decoded(image, path, points.bits)
    orientation = stored_orientation(image)  # after decoding: Pillow turns TIFF by itself then, and takes the tag away
    profile, notes = stated_profile(image, points, fields)
    if points.channels == 1 and isinstance(samples.image, np.ndarray) and not samples.grey:
        samples = Decoded(samples.image[..., 0], samples.alpha, samples.notes)
    return StoredSamples(samples, orientation, profile, (*count_notes(image), *samples.notes, *notes))


def _decoded_pixels(path: Path, max_pixels: int) -> StillPixels:
    with checked_picture(path, max_pixels) as image:
        stored = stored_samples(image, path)
    pixels = _in_rgb(stored.samples, stored.profile)
    alpha = stored.samples.alpha
    return StillPixels(
        _upright(pixels.colour, stored.orientation),
        None if alpha is None else _upright(alpha, stored.orientation),
        pixels.grey, pixels.profile, (*stored.notes, *pixels.assumed), pixels.converted,
    )  # fmt: skip


def _upright(samples: Samples, orientation: Orientation) -> Samples:
    """Return the samples turned upright, in memory of their own: a view of a Pillow picture may not be written to."""
    return np.require(orientation.upright(samples), requirements=["C", "W"])


def _kept_xmp(packet: bytes) -> tuple[bytes | None, list[str]]:
    if not packet:
        return None, []
    try:
        return kept_packet(packet)
    except XmpError as error:
        return None, [f"its XMP packet is not valid and was left out ({error})"]


# --- colour -------------------------------------------------------------------------------------------------------


def stated_profile(image: Image.Image, points: CodePoints, fields: Fields | None) -> tuple[bytes | None, list[str]]:
    """Return the profile the file states, by a profile, by code points or by the name of Adobe RGB in EXIF."""
    embedded = image.info.get("icc_profile") or None
    from_points, notes = profile_of(points)
    if image.format == "PNG" and points != CodePoints():  # cICP outranks iCCP (W3C PNG, third edition, 4.3)
        return from_points, notes
    if embedded is not None:
        return embedded, []
    if fields is not None and _is_adobe_rgb(fields):
        return adobe_rgb_profile(), []
    gamma = image.info.get("gamma")
    if image.format == "PNG" and gamma and "srgb" not in image.info and abs(gamma - _SRGB_GAMMA) > 0.05:
        notes = [*notes, f"states a gamma of {1 / gamma:.2f} without a profile: it was read as sRGB"]
    return from_points, notes


def _is_adobe_rgb(fields: Fields) -> bool:
    """Whether a camera marked the picture as Adobe RGB the way DCF 2.0 (Exif 2.3, 4.6.6 D) lays down: "R03"."""
    index = fields.interop.get(1)
    return index is not None and index.data.startswith(b"R03")


def _in_rgb(samples: Decoded, profile: bytes | None) -> StillPixels:
    """Return RGB samples with the profile they are in; what is neither RGB nor grey is converted to sRGB."""
    if isinstance(samples.image, Image.Image):
        converted, assumed = to_srgb(samples.image, profile)
        note = f"{samples.image.mode} was converted to sRGB"
        return StillPixels(np.asarray(converted), assumed=tuple(assumed), converted=(note,))
    if not samples.grey:
        usable, assumed = fitting_profile(profile, "RGB")
        return StillPixels(samples.image, profile=usable, assumed=tuple(assumed))
    pixels = cast("Samples", np.repeat(samples.image[..., np.newaxis], 3, axis=2))
    usable, assumed = fitting_profile(profile, "L")
    if usable is None or fitting_profile(usable, "RGB")[0] is None:
        return StillPixels(pixels, grey=True, profile=usable, assumed=tuple(assumed))
    # Grey tagged with an RGB profile; no format can hold that properly.
    like = None if is_srgb(usable) else grey_profile_like(usable)
    if like is not None or is_srgb(usable):
        return StillPixels(pixels, grey=True, profile=like)
    return StillPixels(pixels, profile=usable, converted=("grey with an RGB profile: it is kept as RGB",))
