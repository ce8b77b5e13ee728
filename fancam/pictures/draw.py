"""Draw text, lines and pictures on a canvas; the same pixels on every machine, because the font comes with Pillow."""

from __future__ import annotations

import functools
import unicodedata

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from fancam.media import Picture

Colour = tuple[int, int, int]
"""Red, green, blue in 0 to 255."""


class Canvas:
    """A picture to draw on, in pixels from the top left corner.

    Text is set in the font that is part of Pillow (Aileron): no font has to be installed, and a sheet looks the same
    everywhere. It has ASCII and little more; accents are dropped and what it lacks is shown as an ellipsis.
    """

    def __init__(self, width_px: int, height_px: int, colour: Colour) -> None:
        self._image = Image.new("RGB", (width_px, height_px), colour)
        self._draw = ImageDraw.Draw(self._image)

    @property
    def pixels(self) -> Picture:
        """(height, width, 3) uint8 RGB, a copy."""
        return np.asarray(self._image).copy()

    def paste(self, pixels: Picture, x: int, y: int) -> None:
        """Put a picture with its top left corner at this place."""
        self._image.paste(Image.fromarray(np.ascontiguousarray(pixels)), (x, y))

    def rectangle(self, x0: int, y0: int, x1: int, y1: int, *, fill: Colour | None = None,
                  outline: Colour | None = None) -> None:  # fmt: skip
        """Draw a rectangle, half open like a box; its outline is 1 pixel wide and inside."""
        self._draw.rectangle((x0, y0, x1 - 1, y1 - 1), fill=fill, outline=outline)

    def dot(self, x: int, y: int, diameter_px: int, colour: Colour) -> None:
        """Draw a filled circle with smooth edges; x, y is the top left corner of its square."""
        big = Image.new("L", (diameter_px * 8, diameter_px * 8), 0)
        ImageDraw.Draw(big).ellipse((0, 0, diameter_px * 8 - 1, diameter_px * 8 - 1), fill=255)
        mask = big.resize((diameter_px, diameter_px), Image.Resampling.BOX)
        self._image.paste(colour, (x, y, x + diameter_px, y + diameter_px), mask)

    def text(self, x: int, y: int, text: str, size_px: int, colour: Colour, *, align: str = "left") -> None:
        """Write one line; x is its left or right end (``align``), y its baseline."""
        anchor = {"left": "ls", "right": "rs"}[align]
        self._draw.text((x, y), drawable(text), fill=colour, font=_font(size_px), anchor=anchor)


def text_width(text: str, size_px: int) -> int:
    """Return the width of a line of text in pixels, rounded up."""
    return int(-(-_font(size_px).getlength(drawable(text)) // 1))


def fitted(text: str, size_px: int, width_px: int) -> str:
    """Return the text, with an ellipsis in its middle where it is too wide; its end often tells files apart."""
    text = drawable(text)
    if text_width(text, size_px) <= width_px:
        return text
    for kept in range(len(text) - 1, 0, -1):
        shorter = f"{text[: (kept + 1) // 2]}…{text[len(text) - kept // 2 :]}"
        if text_width(shorter, size_px) <= width_px:
            return shorter
    return "…"


def builtin_font() -> bytes:
    """Return the file of the font that ``Canvas`` uses: TrueType, part of Pillow (Aileron Regular, CC0-1.0).

    Text for it goes through ``drawable`` first.
    """
    return bytes(_font(10).font_bytes)


def drawable(text: str) -> str:
    """Return the text in characters the font has: accents dropped, each run of what it lacks as one ellipsis."""
    result = ""
    for character in unicodedata.normalize("NFD", text):
        if unicodedata.combining(character):
            continue
        if has_glyph(character):
            result += character
        elif not result.endswith("…"):
            result += "…"
    return result


@functools.cache
def _font(size_px: int) -> ImageFont.FreeTypeFont:
    font = ImageFont.load_default(size_px)
    if not isinstance(font, ImageFont.FreeTypeFont):
        raise RuntimeError("this Pillow was built without FreeType and cannot draw text")
    # The basic layout engine is always there and does not depend on the installed HarfBuzz.
    return font.font_variant(layout_engine=ImageFont.Layout.BASIC)


@functools.cache
def has_glyph(character: str) -> bool:
    """Whether the font has the character, and not only its sign for missing ones."""
    return character == " " or _shape(character) not in (_shape("\uffff"), b"")


def _shape(character: str) -> bytes:
    return bytes(_font(24).getmask(character))
