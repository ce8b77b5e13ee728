"""Set text in a font file: shaped, in lines, as masks that say how much of each pixel is covered."""

from __future__ import annotations

import dataclasses
import functools
import math
import unicodedata
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont, features

from fancam.errors import FontError, UsageError, unknown_choice
from fancam.geometry import Box
from fancam.pictures.draw import has_glyph
from fancam.pictures.fonts import FontFile, damaged, lacking, needed_characters, normalised, open_font, shown

ALIGNMENTS = ("left", "centre", "right")
LINE_SPACING = 1.25
"""From baseline to baseline, in type sizes; 1.2 to 1.45 is what typographers call for (Butterick, "Line spacing")."""

Mask = npt.NDArray[np.uint8]
"""(height, width): how much of each pixel is covered, 255 for all of it."""

_LARGEST_SUPERSAMPLING = 8
_CANVAS_PIXELS = 24_000_000
"""Pixels of the finely drawn text; less fineness where it would be larger."""
_MOST_PIXELS = 200_000_000
_RISING, _FALLING = "HhkldbA한글", "gjpqy힣"
# Letters that are meant to be seen by nobody: Hangul fillers, the braille blank.
_BLANK = frozenset("\u115f\u1160\u3164\uffa0\u2800")
# First and last letters of the writing systems whose letters change with their neighbours beyond what marks and
# direction tell: Hangul jamo, the Indic scripts, Thai to Myanmar, Khmer and Mongolian, further jamo.
_COMPLEX = ((0x0900, 0x11FF), (0x1780, 0x18AF), (0xA840, 0xABFF), (0xD7B0, 0xD7FF))


@dataclass(frozen=True, slots=True, eq=False)
class TextMask:
    """Set text, cropped to its ink."""

    coverage: Mask
    """The letters."""
    outline: Mask
    """The letters grown by the outline, of the same size; equal to ``coverage`` where there is none."""
    baselines_px: tuple[float, ...]
    """y of each line's baseline."""
    lines: tuple[Box, ...]
    """Ink of each line that has any, outline included, in pixels of the masks."""
    rise_px: float
    """How far tall letters of the font reach above a baseline, outline included; the same for every text."""
    drop_px: float
    """How far its letters reach below a baseline, outline included; the same for every text."""
    size_px: float
    shaped: bool
    """Whether the text was shaped by HarfBuzz (ligatures, kerning by GPOS, scripts of every kind)."""
    notes: tuple[str, ...] = ()

    @property
    def width_px(self) -> int:
        """Width of the ink in whole pixels."""
        return int(self.coverage.shape[1])

    @property
    def height_px(self) -> int:
        """Height of the ink in whole pixels."""
        return int(self.coverage.shape[0])


def text_mask(
    text: str,
    font: Path | None,
    size_px: float,
    *,
    align: str = "centre",
    outline_px: float = 0.0,
) -> TextMask:
    """Set text and return it as masks.

    The text is brought into Unicode's composed form (NFC) first, so that Hangul written in single jamo, as file names
    on macOS are, becomes syllables. Letters are drawn up to eight times larger and averaged, hence without hinting:
    as the font has them, at any fraction of a pixel. Where Pillow comes with Raqm the text is shaped by HarfBuzz.

    Args:
        text: Lines are separated by line feeds.
        font: A TrueType or OpenType file or collection; of a collection the first face that has all characters.
            None: the font that is part of Pillow (Aileron; ASCII and little more).
        size_px: Size of the type (its em) in pixels.
        align: How lines lie to each other: ``left``, ``centre`` or ``right``, by their ink.
        outline_px: How far the outline reaches around the letters, with round corners.

    Returns:
        The masks, cropped to the ink; of no pixels where the text has nothing to draw.

    Raises:
        FontError: The font cannot be read, or has no glyph for a character; nothing is ever drawn as a box.
        UsageError: The alignment is unknown, or the text is too large to be drawn.
    """
    if align not in ALIGNMENTS:
        raise unknown_choice("alignment", align, ALIGNMENTS)
    if not (size_px > 0 and outline_px >= 0):
        raise ValueError(f"type of {size_px} px with an outline of {outline_px} px")
    lines = normalised(text).split("\n")
    opened, face = _checked_face("".join(lines), font)
    shaped = shaping_available()
    if not shaped:
        lines = [
            "".join(c for c in line if c in needed_characters(line)) for line in lines
        ]  # the basic layout shows the others
    kind = _fine_type(lines, opened, face, size_px, outline_px, shaped)
    try:
        drawn = [_drawn(line, kind) for line in lines]
        return _laid_out(drawn, kind, align, LINE_SPACING * size_px, () if shaped else _unshaped_notes(lines))
    except (OSError, ValueError) as error:  # FreeType meets a broken glyph
        raise damaged(font or Path("built-in font"), error) from error


def line_width(text: str, font: Path | None, size_px: float) -> float:
    """Return how far a line of text advances, in pixels: to break lines by. Its ink may reach a little over it.

    Args:
        text: One line.
        font: As for ``text_mask``.
        size_px: Size of the type in pixels.

    Raises:
        FontError: As ``text_mask`` does.
    """
    line = normalised(text).replace("\n", " ")
    opened, face = _checked_face(line, font)
    shaped = shaping_available()
    fine = _sized(opened, face, size_px * _LARGEST_SUPERSAMPLING, shaped=shaped)
    return fine.getlength(line, language=_language(line, shaped)) / _LARGEST_SUPERSAMPLING


def missing_characters(text: str, font: Path | None) -> list[str]:
    """Return the characters of a text for which a font has no glyph, in the order of their numbers.

    Args:
        text: Composed (NFC) before it is looked at; line feeds and invisible signs that steer the layout do not count.
        font: As for ``text_mask``; of a collection the face that lacks fewest.

    Raises:
        FontError: The font cannot be read.
    """
    needed = needed_characters("".join(normalised(text).split("\n")))
    if font is None:
        return sorted(character for character in needed if not has_glyph(character))
    return [chr(code) for code in open_font(font).face_with({ord(c) for c in needed})[1]]


def shaping_available() -> bool:
    """Whether this Pillow shapes text with Raqm (HarfBuzz and FriBiDi)."""
    return bool(features.check("raqm"))


# --- which characters ---------------------------------------------------------------------------------------------


def _checked_face(text: str, font: Path | None) -> tuple[FontFile | None, int]:
    """Return the font and the face to set the text in.

    Raises:
        FontError: No face has all characters, or one of them has an empty glyph where ink must be.
    """
    needed = needed_characters(text)
    if font is None:
        missing = sorted(c for c in needed if not has_glyph(c))
        if missing:
            named = ", ".join(shown(ord(c)) for c in missing[:8])
            raise FontError(f"the built-in font lacks {named}", remedy="give a font file that has them")
        return None, 0
    opened = open_font(font)
    face, lacked = opened.face_with({ord(c) for c in needed})
    if not lacked:
        lacked = sorted(ord(c) for c in needed if _must_show(c) and not _has_ink(opened, face, c))
    if lacked:
        raise lacking(opened, face, lacked)
    return opened, face


def _must_show(character: str) -> bool:
    return unicodedata.category(character)[0] not in "ZC" and character not in _BLANK


def _has_ink(font: FontFile, face: int, character: str) -> bool:
    if (face, character) not in font.inked:
        try:
            box = _sized(font, face, 96, shaped=False).getmask(character).getbbox()
        except (OSError, ValueError) as error:
            raise damaged(font.path, error) from error
        font.inked[face, character] = box is not None
    return font.inked[face, character]


def _unshaped_notes(lines: list[str]) -> tuple[str, ...]:
    text = "".join(lines)
    if any(_is_complex(c) for c in text):
        return ("this Pillow has no Raqm: marks, old Hangul and scripts such as Arabic or Thai are not shaped",)
    return ()


def _is_complex(character: str) -> bool:
    code = ord(character)
    return (
        unicodedata.category(character) in ("Mn", "Mc", "Me")
        or unicodedata.bidirectional(character) in ("R", "AL", "AN")
        or any(first <= code <= last for first, last in _COMPLEX)
    )


# --- setting ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class _Type:
    """A font at the size it is drawn in: finer than it is wanted, and averaged afterwards."""

    file: FontFile | None
    face: int
    size_px: float
    outline_px: float
    shaped: bool
    language: str | None
    """What the whole text is shaped for, as BCP 47 has it."""
    fineness: int

    @property
    def font(self) -> ImageFont.FreeTypeFont:
        return _sized(self.file, self.face, self.size_px * self.fineness, shaped=self.shaped)

    @property
    def outline(self) -> int:
        """Width of the outline in fine pixels."""
        return round(self.outline_px * self.fineness)


@dataclass(frozen=True, slots=True, eq=False)
class _Line:
    """A line's ink, finely drawn."""

    letters: Mask
    grown: Mask
    """The letters and their outline; holds the letters."""
    y: int
    """Upper edge of the masks below the baseline, in fine pixels."""


def _sized(font: FontFile | None, face: int, size_px: float, *, shaped: bool) -> ImageFont.FreeTypeFont:
    engine = ImageFont.Layout.RAQM if shaped else ImageFont.Layout.BASIC
    if font is None:
        built_in = ImageFont.load_default(size_px)
        if not isinstance(built_in, ImageFont.FreeTypeFont):
            raise RuntimeError("this Pillow was built without FreeType and cannot draw text")
        return built_in.font_variant(layout_engine=engine)
    try:
        return ImageFont.truetype(font.path, size_px, index=face, layout_engine=engine)
    except (OSError, ValueError) as error:
        raise damaged(font.path, error) from error


def _language(text: str, shaped: bool) -> str | None:
    """Return the language to shape for: Han characters have other forms in Korean and Japanese fonts (locl)."""
    if not shaped:  # the basic layout does not know languages
        return None
    names = [unicodedata.name(character, "") for character in text]
    if any(name.startswith("HANGUL") for name in names):
        return "ko"
    return "ja" if any(name.startswith(("HIRAGANA", "KATAKANA")) for name in names) else None


def _fine_type(
    lines: list[str], file: FontFile | None, face: int, size_px: float, outline_px: float, shaped: bool
) -> _Type:
    """Return the type as fine as memory allows.

    Raises:
        UsageError: The text is too large to be drawn at all.
    """
    coarse = _Type(file, face, size_px, outline_px, shaped, _language("".join(lines), shaped), 1)
    font = coarse.font
    widths = [font.getlength(line, language=coarse.language) for line in lines]
    pixels = (max(widths) + 2 * outline_px + size_px) * size_px * (len(lines) + 1) * 2
    if pixels > _MOST_PIXELS:
        size = f"{max(widths):.0f} px in {len(lines)} lines"
        raise UsageError(f"text of {size} is too large to be drawn", remedy="make it smaller")
    fineness = min(math.isqrt(int(_CANVAS_PIXELS / pixels)), _LARGEST_SUPERSAMPLING) if pixels else 1
    return dataclasses.replace(coarse, fineness=max(fineness, 1))


def _drawn(text: str, kind: _Type) -> _Line | None:
    """Draw one line; None where it has no ink."""
    if not text.strip():
        return None
    font, language, margin = kind.font, kind.language, kind.outline + 2
    x0, y0, x1, y1 = font.getbbox(text, anchor="ls", language=language)
    origin = margin - math.floor(x0), margin - math.floor(y0)
    size = math.ceil(x1) + margin + origin[0], math.ceil(y1) + margin + origin[1]

    def mask(stroke: int) -> Mask:
        image = Image.new("L", size)
        ImageDraw.Draw(image).text(
            origin, text, fill=255, font=font, anchor="ls", stroke_width=stroke, language=language
        )  # fmt: skip
        return np.asarray(image)

    letters = mask(0)
    # FreeType's stroker draws along both sides of a contour; what lies deeper inside comes from the letters.
    grown = np.maximum(letters, mask(kind.outline)) if kind.outline else letters
    rows, columns = np.flatnonzero(grown.any(axis=1)), np.flatnonzero(grown.any(axis=0))
    if rows.size == 0:
        return None
    part = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    return _Line(letters[part], grown[part], int(rows[0]) - origin[1])


def _laid_out(
    drawn: list[_Line | None], kind: _Type, align: str, spacing_px: float, notes: tuple[str, ...]
) -> TextMask:
    fine, spacing = kind.fineness, spacing_px * kind.fineness
    inked = [(round(number * spacing), line) for number, line in enumerate(drawn) if line is not None]
    rise, drop = _reach(kind, [line for _, line in inked])
    if not inked:
        return TextMask(_nothing(), _nothing(), (), (), rise, drop, kind.size_px, kind.shaped, notes)
    top = min(baseline + line.y for baseline, line in inked) // fine * fine  # baselines fall between two pixels
    height = max(baseline + line.y + len(line.grown) for baseline, line in inked) - top
    width = max(line.grown.shape[1] for _, line in inked)
    share = {"left": 0.0, "centre": 0.5, "right": 1.0}[align]
    canvas = np.zeros((2, -(-height // fine) * fine, -(-width // fine) * fine), np.uint8)
    boxes = []
    for baseline, line in inked:
        rows, columns = line.grown.shape
        x, y = round((width - columns) * share), baseline + line.y - top
        for plane, ink in zip(canvas, (line.letters, line.grown), strict=True):
            part = plane[y : y + rows, x : x + columns]
            np.maximum(part, ink, out=part)
        boxes.append(Box(x // fine, y // fine, -(-(x + columns) // fine), -(-(y + rows) // fine)))
    coverage, outline = (_averaged(plane, fine) for plane in canvas)
    baselines = tuple((round(number * spacing) - top) / fine for number in range(len(drawn)))
    return TextMask(coverage, outline, baselines, tuple(boxes), rise, drop, kind.size_px, kind.shaped, notes)


def _reach(kind: _Type, lines: list[_Line]) -> tuple[float, float]:
    """Return how far the letters of the font reach above and below a baseline, outline included, in pixels."""

    def has(character: str) -> bool:
        if kind.file is None:
            return has_glyph(character)
        return ord(character) in kind.file.characters(kind.face)

    font = kind.font
    tall = [font.getbbox(c, anchor="ls")[1] for c in _RISING if has(c)] or [line.y + kind.outline for line in lines]
    deep = [font.getbbox(c, anchor="ls")[3] for c in _FALLING if has(c)] or [
        line.y + len(line.grown) - kind.outline for line in lines
    ]
    rise, drop = -min(tall, default=0) / kind.fineness, max(deep, default=0) / kind.fineness
    return max(rise, 0.0) + kind.outline_px, max(drop, 0.0) + kind.outline_px


def _averaged(plane: Mask, fineness: int) -> Mask:
    """Return the plane made smaller by a whole number, each pixel the mean of its part."""
    rows, columns = plane.shape[0] // fineness, plane.shape[1] // fineness
    blocks = plane.reshape(rows, fineness, columns, fineness).sum(axis=(1, 3), dtype=np.uint32)
    return ((blocks + fineness**2 // 2) // fineness**2).astype(np.uint8)


@functools.cache
def _nothing() -> Mask:
    return np.zeros((0, 0), np.uint8)
