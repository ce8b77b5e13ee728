"""Font files: which characters they have, and which font of this system has those of a text.

Read with limits, because a font is a file from anywhere.
"""

from __future__ import annotations

import functools
import io
import re
import shutil
import struct
import subprocess
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from fontTools.ttLib import TTFont, TTLibError

from fancam.errors import FontError

MAX_FONT_BYTES = 64 << 20
"""Larger files are refused before they are parsed; the largest collections of Noto CJK have 27 MB."""
_MAX_FACES = 256
_MAX_NAMED = 8
"""So many missing characters are named in an error."""
_UNICODES = 0x110000
_TAB_AND_BREAKS = str.maketrans({"\t": " ", "\r": "\n", "\v": "\n", "\f": "\n", "\x85": "\n", "\u2028": "\n",
                                 "\u2029": "\n"})  # fmt: skip
_SUFFIXES = (".ttf", ".otf", ".ttc", ".otc")
_TIMEOUT_S = 20
_MOST_ASKED = 64
"""So many characters are handed to fontconfig; all are checked in the font itself."""
_LAST = re.compile(r"italic|oblique|mono|symbol|emoji|math|black|heavy|thin|light|condensed", re.IGNORECASE)
"""Styles that nobody means who names none."""
_SFNT = (b"\0\1\0\0", b"true", b"OTTO")
_WEB = (b"wOFF", b"wOF2")
# What fontTools lets through when a table is not what its header says.
_BROKEN = (
    TTLibError, struct.error, ArithmeticError, AssertionError, AttributeError, EOFError, LookupError, OSError,
    TypeError, ValueError,
)  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class FontFile:
    """A font file in memory: one face, or a collection of several."""

    path: Path
    data: bytes
    faces: int
    inked: dict[tuple[int, str], bool] = field(default_factory=dict)
    """Face and character to whether its glyph has ink, as far as it was looked at."""
    _read: dict[int, frozenset[int]] = field(default_factory=dict)

    def characters(self, face: int) -> frozenset[int]:
        """Return the code points a face has a glyph for; those that lead to its sign for missing ones do not count.

        Raises:
            FontError: The face cannot be read.
        """
        if face not in self._read:
            self._read[face] = _characters(self, face)
        return self._read[face]

    def name(self, face: int) -> str:
        """Return what a face calls itself, or the name of the file where it does not say."""
        try:
            with TTFont(io.BytesIO(self.data), fontNumber=face, lazy=True) as font:
                return str(font["name"].getDebugName(4) or self.path.name)
        except _BROKEN:
            return self.path.name

    def face_with(self, wanted: set[int]) -> tuple[int, list[int]]:
        """Return the first face that has all of these code points, or the one that lacks fewest, and what it lacks.

        Raises:
            FontError: A face cannot be read.
        """
        best, least = 0, sorted(wanted - self.characters(0))
        for face in range(1, self.faces):
            if not least:
                break
            missing = sorted(wanted - self.characters(face))
            if len(missing) < len(least):
                best, least = face, missing
        return best, least


def open_font(path: Path) -> FontFile:
    """Read a TrueType or OpenType file or collection (.ttf, .otf, .ttc, .otc); its last readings are kept.

    Raises:
        FontError: It is not there, may not be read, is no such font or a damaged one, or has more than
            ``MAX_FONT_BYTES``.
    """
    try:
        status = path.stat()
        return _opened(path, status.st_size, status.st_mtime_ns)
    except FileNotFoundError:
        raise FontError("no such font file", item=path, remedy="check the path") from None
    except IsADirectoryError:
        raise FontError("this is a folder, not a font", item=path, remedy="name a .ttf or .otf file in it") from None
    except OSError as error:
        raise FontError(f"the font cannot be read ({error.strerror})", item=path, remedy="check its rights") from error


@functools.lru_cache(maxsize=2)
def _opened(path: Path, size: int, changed_ns: int) -> FontFile:  # noqa: ARG001 - makes a changed file another entry
    if size > MAX_FONT_BYTES:
        raise FontError(
            f"the font has {size / 1e6:.0f} MB, more than the limit of {MAX_FONT_BYTES / 1e6:.0f} MB",
            item=path, remedy="give the file of one weight instead of a collection of all",
        )  # fmt: skip
    with path.open("rb") as file:
        data = file.read(MAX_FONT_BYTES + 1)
    head = data[:4]
    if head in _WEB:
        raise FontError("web fonts cannot be used", item=path, remedy="give the same font as .ttf or .otf")
    if head in _SFNT:
        return FontFile(path, data, 1)
    if head == b"ttcf" and len(data) >= 12:  # OpenType 1.9, "TTC header"
        (faces,) = struct.unpack_from(">I", data, 8)
        if 1 <= faces <= _MAX_FACES:
            return FontFile(path, data, faces)
    raise FontError("not a TrueType or OpenType font, or a damaged one", item=path, remedy="give a .ttf or .otf file")


def damaged(path: Path, error: Exception) -> FontError:
    """Return the error for a font that turns out to be broken while it is used."""
    return FontError(f"the font is damaged ({error or type(error).__name__})", item=path, remedy="install it again")


def lacking(font: FontFile, face: int, missing: list[int]) -> FontError:
    """Return the error that names characters a font does not have."""
    named = ", ".join(shown(code) for code in missing[:_MAX_NAMED])
    more = f" and {len(missing) - _MAX_NAMED} more" if len(missing) > _MAX_NAMED else ""
    hangul = any("HANGUL" in unicodedata.name(chr(code), "") for code in missing)
    remedy = "with Hangul, for example Noto Sans KR" if hangul else "that has them, or leave them out"
    return FontError(f"the font {font.name(face)} lacks {named}{more}", item=font.path, remedy=f"give a font {remedy}")


def shown(code: int) -> str:
    """Return a character for a message: itself where it can be printed, and its number."""
    return f"{chr(code)} (U+{code:04X})" if chr(code).isprintable() and chr(code) != " " else f"U+{code:04X}"


def _characters(font: FontFile, face: int) -> frozenset[int]:
    try:
        with TTFont(io.BytesIO(font.data), fontNumber=face, lazy=True, checkChecksums=0) as tables:
            _check_groups(tables.reader["cmap"])
            # Numbers in place of glyph names: the real ones are of no use here and take most of the time.
            tables.setGlyphOrder([str(number) for number in range(tables["maxp"].numGlyphs)])
            mapping = tables.getBestCmap()
    except _BROKEN as error:
        raise damaged(font.path, error) from error
    if mapping is None:
        raise FontError("the font has no Unicode character map", item=font.path, remedy="give another font")
    return frozenset(code for code, glyph in mapping.items() if glyph != "0")


def _check_groups(cmap: bytes) -> None:
    """Refuse a map whose ranges hold more code points than there are: it would be written out in full.

    Formats 12 and 13 of OpenType 1.9, "cmap": 12 bytes a group (start, end, glyph), their number 12 bytes in.
    """
    (tables,) = struct.unpack_from(">H", cmap, 2)
    for number in range(tables):
        (offset,) = struct.unpack_from(">I", cmap, 4 + 8 * number + 4)
        (kind,) = struct.unpack_from(">H", cmap, offset)
        if kind not in (12, 13):
            continue
        (groups,) = struct.unpack_from(">I", cmap, offset + 12)
        total = 0
        for group in range(groups):
            start, end = struct.unpack_from(">2I", cmap, offset + 16 + 12 * group)
            total += max(end - start + 1, 0)
            if end >= _UNICODES or total > _UNICODES:
                raise ValueError("its character map is impossible")


# --- characters of a text -------------------------------------------------------------------------------------------


def normalised(text: str) -> str:
    """Return the text composed (NFC), its lines separated by line feeds and nothing else."""
    return unicodedata.normalize("NFC", text.replace("\r\n", "\n").translate(_TAB_AND_BREAKS))


def needed_characters(text: str) -> set[str]:
    """Return the characters of a composed text that need a glyph: all but format characters and variation selectors."""
    return {c for c in text if unicodedata.category(c) != "Cf" and not _selects_variation(c)}


def _selects_variation(character: str) -> bool:
    return 0xFE00 <= ord(character) <= 0xFE0F or 0xE0100 <= ord(character) <= 0xE01EF


# --- fonts of this system -------------------------------------------------------------------------------------------


def find_font(text: str, folders: Sequence[Path] | None = None) -> Path:
    """Return the first font that has a glyph for every character of a text; the same on every call.

    Where fontconfig is installed its order decides (``fc-match`` for sans-serif); otherwise plain styles come before
    others, by name.

    Args:
        text: Line feeds and invisible signs that steer the layout do not count.
        folders: Searched instead of what the system has.

    Raises:
        FontError: No font has all characters; those that none has are named.
    """
    needed = {ord(character) for character in needed_characters(normalised(text).replace("\n", ""))}
    found = _system_fonts(tuple(sorted(needed)[:_MOST_ASKED])) if folders is None else tuple(_in_folders(folders))
    nobody_has = needed
    for path in found:
        try:
            missing = set(open_font(path).face_with(needed)[1])
        except FontError:  # a damaged one is none to offer
            continue
        if not missing:
            return path
        nobody_has = nobody_has & missing
    if not found:
        raise FontError("this system has no fonts", remedy="name a .ttf or .otf file as the font")
    if not nobody_has:
        raise FontError("no single font has all characters of the text", remedy="name a font that has them")
    named = ", ".join(shown(code) for code in sorted(nobody_has)[:_MAX_NAMED])
    remedy = "install one, for example Noto Sans CJK, or name its file"
    raise FontError(f"no font of this system has {named}", remedy=remedy)


@functools.lru_cache(maxsize=8)
def _system_fonts(codes: tuple[int, ...]) -> tuple[Path, ...]:
    return tuple(_by_fontconfig(codes)) or tuple(_in_folders(_usual_folders()))


def _by_fontconfig(codes: tuple[int, ...]) -> Iterator[Path]:
    """Yield the fonts in the order in which fontconfig would take them for these characters."""
    program = shutil.which("fc-match")
    if program is None:
        return
    charset = " ".join(f"{code:x}" for code in codes)
    pattern = f"sans-serif:charset={charset}" if charset else "sans-serif"
    try:
        answer = subprocess.run(  # noqa: S603 - a fixed program, no shell; the pattern is numbers
            [program, "-s", "-f", "%{file}\n", pattern], capture_output=True, timeout=_TIMEOUT_S, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return
    for line in dict.fromkeys(answer.stdout.decode("utf-8", "surrogateescape").splitlines()):
        if line.lower().endswith(_SUFFIXES):
            yield Path(line)


def _usual_folders() -> list[Path]:
    try:
        home = [Path.home() / name for name in (".fonts", ".local/share/fonts", "Library/Fonts")]
    except RuntimeError:  # nobody's process
        home = []
    system = (
        "/usr/share/fonts",
        "/usr/local/share/fonts",
        "/System/Library/Fonts",
        "/Library/Fonts",
        "C:/Windows/Fonts",
    )
    return [*home, *map(Path, system)]


def _in_folders(folders: Sequence[Path]) -> Iterator[Path]:
    """Yield the fonts of folders and all below them, plain styles first."""
    for folder in folders:
        found = [path for path in folder.rglob("*") if path.suffix.lower() in _SUFFIXES and path.is_file()]
        yield from sorted(found, key=lambda path: (bool(_LAST.search(path.stem)), path.name.lower(), str(path)))
