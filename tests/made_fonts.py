"""Tiny fonts of boxes, made on the spot: their areas, kerning and ligature are known by heart."""

from __future__ import annotations

from pathlib import Path

from fontTools.feaLib.builder import addOpenTypeFeaturesFromString
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from fontTools.ttLib import TTCollection, TTFont

EM = 1000
KERN = -300
# Name: code point, advance, boxes (x0, y0, x1, y1).
GLYPHS = {
    "space": (0x20, 300, []),
    "A": (0x41, 700, [(50, 0, 650, 700)]),
    "V": (0x56, 700, [(50, 0, 650, 700)]),
    "H": (0x48, 700, [(50, 0, 250, 700), (250, 300, 450, 400), (450, 0, 650, 700)]),
    "f": (0x66, 400, [(50, 0, 350, 600)]),
    "i": (0x69, 300, [(50, 0, 250, 500)]),
    "g": (0x67, 500, [(50, -200, 450, 500)]),
    "min": (0xBBFC, 1000, [(50, -100, 450, 850), (600, 200, 800, 850)]),
    "ji": (0xC9C0, 1000, [(100, -80, 500, 800), (650, -100, 800, 850)]),
    "blank": (0x40, 500, []),
    "f_i": (None, 900, [(50, 0, 850, 100)]),
}
FEATURES = f"feature kern {{ pos A V {KERN}; }} kern;\nfeature liga {{ sub f i by f_i; }} liga;"


def _box(pen: TTGlyphPen, x0: int, y0: int, x1: int, y1: int) -> None:
    pen.moveTo((x0, y0))
    for point in ((x0, y1), (x1, y1), (x1, y0)):
        pen.lineTo(point)
    pen.closePath()


def make_font(
    path: Path, *, names: list[str] | None = None, extra: dict[int, str] | None = None, rules: str | None = None,
    family: str = "Boxes",
) -> Path:  # fmt: skip
    """Write a font with these glyphs (all by default); ``extra`` maps further code points to glyph names,
    ``rules`` are its features (kerning and a ligature by default)."""
    kept = {name: GLYPHS[name] for name in (names or GLYPHS)}
    builder = FontBuilder(EM, isTTF=True)
    builder.setupGlyphOrder([".notdef", *kept])
    builder.setupCharacterMap({code: name for name, (code, _, _) in kept.items() if code} | (extra or {}))
    glyphs = {}
    for name, boxes in {".notdef": [(50, 0, 450, 700)], **{n: g[2] for n, g in kept.items()}}.items():
        pen = TTGlyphPen(None)
        for box in boxes:
            _box(pen, *box)
        glyphs[name] = pen.glyph()
    builder.setupGlyf(glyphs)
    builder.setupHorizontalMetrics({".notdef": (500, 50)} | {
        name: (advance, min((b[0] for b in boxes), default=0)) for name, (_, advance, boxes) in kept.items()
    })  # fmt: skip
    builder.setupHorizontalHeader(ascent=900, descent=-250)
    builder.setupNameTable({"familyName": family, "styleName": "Regular", "fullName": family})
    builder.setupOS2(sTypoAscender=900, sTypoDescender=-250, usWinAscent=900, usWinDescent=250)
    builder.setupPost()
    rules = rules if rules is not None or names else FEATURES
    if rules:
        addOpenTypeFeaturesFromString(builder.font, rules)
    builder.save(path)
    return path


def make_collection(path: Path, members: list[Path]) -> Path:
    """Write a collection of these fonts."""
    collection = TTCollection()
    collection.fonts = [TTFont(member) for member in members]
    collection.save(path)
    return path
