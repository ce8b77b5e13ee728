"""Colour for the press: a profile the user supplies, conversion to it, and how the print will look on a screen."""

from __future__ import annotations

import functools
import io
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
from PIL import ImageCms

from fancam.errors import InputNotFoundError, InputUnreadableError, ProfileError, unknown_choice
from fancam.media import Picture, Samples
from fancam.pictures.colour import fitting_profile, pillow_image, profile_description, srgb_profile
from fancam.pictures.decode import to_8_bit

Space = Literal["rgb", "cmyk", "grey"]
Ink = npt.NDArray[np.uint8]
"""Pixels in the space of a press: (height, width, 4) CMYK with 255 for full ink, (height, width, 3) RGB, or (height,
width) grey."""
Lab = npt.NDArray[np.float32]
"""(height, width, 3) CIE L*a*b*."""
MAX_PROFILE_BYTES = 64 << 20
"""Profiles of presses have some hundred kilobytes to some megabytes; what is larger is no profile."""
_BAND_PX = 1 << 20

_INTENTS = {
    "perceptual": ImageCms.Intent.PERCEPTUAL,
    "relative": ImageCms.Intent.RELATIVE_COLORIMETRIC,
    "saturation": ImageCms.Intent.SATURATION,
    "absolute": ImageCms.Intent.ABSOLUTE_COLORIMETRIC,
}
_SPACES: dict[bytes, Space] = {b"RGB ": "rgb", b"CMYK": "cmyk", b"GRAY": "grey"}
_CHANNELS: dict[Space, tuple[int, ...]] = {"rgb": (3,), "cmyk": (4,), "grey": ()}
_MODES: dict[Space, str] = {"rgb": "RGB", "cmyk": "CMYK", "grey": "L"}
# ICC.1:2022, 7.2.5: profile/device class.
_CLASSES = {b"prtr": "output", b"mntr": "display", b"spac": "colour space"}
_WRONG_CLASSES = {
    b"scnr": "an input profile (of a scanner or camera)",
    b"link": "a device link, which joins two devices",
    b"abst": "an abstract profile, which belongs to no device",
    b"nmcl": "a table of named colours",
}
_LAB = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
_REMEDY = "give the ICC profile that the print shop names for your paper"


@dataclass(frozen=True, slots=True)
class PressProfile:
    """An ICC profile that pixels are converted to before they are printed."""

    data: bytes
    """The file as it is."""
    space: Space
    description: str
    """What it calls itself; the name of its file where it says nothing."""
    device_class: str
    """``output``, ``display`` or ``colour space``."""
    source: Path

    @property
    def mode(self) -> str:
        """Pillow's name of its pixels."""
        return _MODES[self.space]


def read_press_profile(path: Path) -> PressProfile:
    """Read the ICC profile of a press or printer.

    Args:
        path: An output profile (RGB, CMYK or grey), or an RGB or grey display or colour space profile: printers that
            take RGB are often described by one.

    Raises:
        InputNotFoundError: There is no such file.
        InputUnreadableError: It is a folder or may not be read.
        ProfileError: It is no ICC profile, is cut off or damaged, describes no printer, or has no way from colour to
            the printer.
    """
    data = _read(path)
    kind, space = _checked_header(data, path)
    description = profile_description(data)
    press = PressProfile(data, space, description or path.stem, kind, path)
    try:
        _transform(srgb_profile(), data, "RGB", press.mode)
        _transform(data, srgb_profile(), press.mode, "RGB")  # what a proof needs
    except (ImageCms.PyCMSError, OSError) as error:
        cause = "holds no usable tables from colours to the printer and back"
        raise ProfileError(cause, item=path, remedy=_REMEDY) from error
    return press


def to_press(
    pixels: Samples, source_profile: bytes | None, press: PressProfile, *, intent: str, black_point: bool
) -> Ink:
    """Convert a picture to the colours of a press.

    Every pixel goes through the whole of both profiles. The table that littleCMS calculates beforehand otherwise is
    some times as fast and off by up to CIEDE2000 1.5, for linear sources by more (benchmark ``press``). White becomes
    bare paper, as that table sees to it as well: the tables of many profiles would leave a faint tint of ink.

    Args:
        pixels: (height, width, 3) RGB, uint8 or uint16. 16 bits are rounded to 8 first: Pillow hands littleCMS no
            more, and what comes back has 8 bits in any case.
        source_profile: The profile the pixels are in; sRGB when None. Colours are taken for what it says, so those of a
            wide gamut stay what they are as far as the press can print them.
        press: Where they go.
        intent: ``perceptual``, ``relative``, ``saturation`` or ``absolute`` (ICC.1:2022, 6.2).
        black_point: Whether the darkest tone of the source becomes the darkest of the press (ISO 18619); means nothing
            with ``absolute``.

    Returns:
        (height, width, 4) CMYK with 255 for full ink, (height, width, 3) RGB, or (height, width) grey, by the space of
        the press.

    Raises:
        ProfileError: The source profile is damaged, or is not one of RGB or grey pixels.
        UsageError: The intent is unknown.
    """
    source, mode = _source(source_profile)
    chosen = _in_mode(pixels, mode)
    transform = _transform(source, press.data, mode, press.mode, intent, black_point)
    return _converted(chosen, transform, press.space, white_is_paper=intent != "absolute")


def quick_to_press(pixels: Samples, source_profile: bytes | None, press: PressProfile, *, black_point: bool) -> Ink:
    """Return what ``to_press`` does with the intent ``relative``, but for the rounding of a table: to measure with."""
    source, mode = _source(source_profile)
    transform = _transform(source, press.data, mode, press.mode, "relative", black_point, exact=False)
    return _converted(_in_mode(pixels, mode), transform, press.space)


def soft_proof(ink: Ink, press: PressProfile, *, paper_white: bool = False) -> Picture:
    """Return how a print will look, as sRGB.

    Black is shown as light as ink is on paper, which makes a proof look flat beside the picture it was made from; so
    does the print.

    Args:
        ink: As ``to_press`` returned it.
        press: The profile it is in.
        paper_white: Whether paper is shown in its own colour (absolute colorimetric); otherwise it is white.

    Returns:
        (height, width, 3) uint8. Colours that sRGB does not have are clipped.
    """
    intent = "absolute" if paper_white else "relative"
    # By a table: littleCMS makes paper exactly white there, and one level darker otherwise.
    transform = _transform(press.data, srgb_profile(), press.mode, "RGB", intent, black_point=False, exact=False)
    return _converted(ink, transform, "rgb")


def lab_of_source(pixels: Samples, source_profile: bytes | None) -> Lab:
    """Return CIE L*a*b* (D50, relative to the white of the source) of RGB pixels.

    Returns:
        (height, width, 3) float32, rounded to what littleCMS gives through Pillow: a* and b* to whole numbers, L* to
        100 / 255.

    Raises:
        ProfileError: As ``to_press`` does.
    """
    source, mode = _source(source_profile)
    return _lab(_in_mode(pixels, mode), _transform(source, _LAB, mode, "LAB", "relative", False, exact=False))


def lab_of_press(ink: Ink, press: PressProfile) -> Lab:
    """Return CIE L*a*b* (D50, relative to the paper) of what a press prints, as ``lab_of_source`` does."""
    return _lab(ink, _transform(press.data, _LAB, press.mode, "LAB", "relative", False, exact=False))


def _lab(pixels: Samples, transform: ImageCms.ImageCmsTransform) -> Lab:
    """Return L*a*b* from Pillow's 8 bits: L* by 255 / 100, a* and b* as signed bytes."""
    encoded = _converted(pixels, transform, "rgb")
    lab = encoded.view(np.int8).astype(np.float32)
    lab[..., 0] = encoded[..., 0] * np.float32(100 / 255)
    return lab


def _source(source_profile: bytes | None) -> tuple[bytes, str]:
    """Return the profile of RGB pixels and the mode they are handed over in; grey ones may have a grey profile."""
    if source_profile is None:
        return srgb_profile(), "RGB"
    mode = "L" if source_profile[16:20] == b"GRAY" else "RGB"
    usable, problems = fitting_profile(source_profile, mode)
    if usable is None:
        raise ProfileError(problems[0], remedy="convert the picture to sRGB first")
    return usable, mode


def _in_mode(pixels: Samples, mode: str) -> Samples:
    """Return the pixels, of grey ones (equal parts of red, green and blue) one channel."""
    return pixels[..., 0] if mode == "L" and pixels.ndim == 3 else pixels


def _converted(
    pixels: Samples, transform: ImageCms.ImageCmsTransform, space: Space, *, white_is_paper: bool = False
) -> Ink:
    """Return the pixels through a transform, in bands: each pixel is converted for itself."""
    height, width = pixels.shape[:2]
    result = np.empty((height, width, *_CHANNELS[space]), np.uint8)
    for rows in _bands(height, width):
        band = to_8_bit(pixels[rows])
        converted = ImageCms.applyTransform(pillow_image(band), transform)
        if converted is None:  # only when it converts in place, which it was not asked to
            raise ImageCms.PyCMSError("no picture came back")
        result[rows] = np.asarray(converted)
        if white_is_paper:
            white = np.all(band.reshape(*band.shape[:2], -1) == 255, axis=2)
            result[rows][white] = 0 if space == "cmyk" else 255
    return result


def _bands(height: int, width: int) -> Iterator[slice]:
    step = max(_BAND_PX // max(width, 1), 1)
    return (slice(y, min(y + step, height)) for y in range(0, height, step))


@functools.lru_cache(maxsize=16)  # all cards of a run go to one press, and a table takes a third of a second
def _transform(
    source: bytes,
    target: bytes,
    from_mode: str,
    to_mode: str,
    intent: str = "relative",
    black_point: bool = True,
    *,
    exact: bool = True,
) -> ImageCms.ImageCmsTransform:
    if intent not in _INTENTS:
        raise unknown_choice("intent", intent, _INTENTS)
    flags = ImageCms.Flags.NOOPTIMIZE if exact else ImageCms.Flags.HIGHRESPRECALC
    if black_point:
        flags |= ImageCms.Flags.BLACKPOINTCOMPENSATION
    first, last = (ImageCms.ImageCmsProfile(io.BytesIO(data)) for data in (source, target))
    return ImageCms.buildTransform(first, last, from_mode, to_mode, _INTENTS[intent], flags)


def _read(path: Path) -> bytes:
    try:
        if path.is_dir():
            raise InputUnreadableError("is a folder, not a profile", item=path, remedy="name the file in it")
        with path.open("rb") as file:
            data = file.read(MAX_PROFILE_BYTES + 1)
    except FileNotFoundError:
        raise InputNotFoundError("no such colour profile", item=path, remedy="check the path") from None
    except OSError as error:
        cause = f"cannot be read ({error.strerror or error})"
        raise InputUnreadableError(cause, item=path, remedy="check that you may read it") from error
    if len(data) > MAX_PROFILE_BYTES:
        raise ProfileError(f"has more than {MAX_PROFILE_BYTES >> 20} MB", item=path, remedy=_REMEDY)
    return data


def _checked_header(data: bytes, path: Path) -> tuple[str, Space]:
    """Return class and space of a profile by its header (ICC.1:2022, 7.2); every element must be there whole."""
    if len(data) < 132 or data[36:40] != b"acsp":
        raise ProfileError("is no ICC profile", item=path, remedy=_REMEDY)
    (size,) = struct.unpack_from(">I", data, 0)
    if size > len(data):
        cause = f"the profile is cut off: {len(data)} of {size} bytes are there"
        raise ProfileError(cause, item=path, remedy="copy it again from its source")
    if data[8] > 4:
        cause = f"is of ICC version {data[8]}, which littleCMS cannot use"
        raise ProfileError(cause, item=path, remedy="ask the print shop for one of version 2 or 4")
    kind, space = data[12:16], data[16:20]
    if kind not in _CLASSES:
        found = _WRONG_CLASSES.get(kind, f"of the unknown class {kind!r}")
        raise ProfileError(f"is {found}, not the profile of a printer", item=path, remedy=_REMEDY)
    if space not in _SPACES:
        words = space.decode("ascii", "replace").strip()
        raise ProfileError(f"is for {words} colours, not for CMYK, RGB or grey", item=path, remedy=_REMEDY)
    (count,) = struct.unpack_from(">I", data, 128)
    if 132 + 12 * count > size or any(
        start + length > size for start, length in (struct.unpack_from(">II", data, 136 + 12 * i) for i in range(count))
    ):
        raise ProfileError("the profile is damaged", item=path, remedy="copy it again from its source")
    return _CLASSES[kind], _SPACES[space]
