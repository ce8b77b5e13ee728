"""Change an XMP packet in place: single values are replaced, properties added, every other byte stays as it was."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from xml.parsers import expat  # the parser alone: it fetches nothing, and documents that declare entities are refused
from xml.sax.saxutils import escape, quoteattr

FANCAM_NAMESPACE = "urn:fancam:provenance/1.0/"
"""Namespace of the fields that no standard vocabulary has."""
RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_TIFF = "http://ns.adobe.com/tiff/1.0/"
_EXIF = "http://ns.adobe.com/exif/1.0/"

Name = tuple[str, str]
"""Namespace and local name."""

ORIENTATION: Name = (_TIFF, "Orientation")
_WIDTHS: tuple[Name, ...] = ((_TIFF, "ImageWidth"), (_EXIF, "PixelXDimension"))
_HEIGHTS: tuple[Name, ...] = ((_TIFF, "ImageLength"), (_EXIF, "PixelYDimension"))

_START_TAG = re.compile(rb"""<[^\s/>"']+((?:\s+[^\s=<>"'/]+\s*=\s*(?:"[^"]*"|'[^']*'))*)\s*/?>""")
_ATTRIBUTE = re.compile(rb"""\s+([^\s=<>"'/]+)\s*=\s*("[^"]*"|'[^']*')""")
_BLANK = re.compile(rb"\s*")
_DECLARATION = re.compile(r"^\ufeff?<\?xml[^>]*\?>\s*")
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""XML 1.0, production 2 (Char): what may not stand in a document at all, escaped or not."""


class XmpError(ValueError):
    """The packet is no XMP that could be kept."""


def xml_text(value: str) -> str:
    """Return the text as it may stand in an XML element."""
    return escape(_NOT_XML.sub("\ufffd", value))


def kept_packet(raw: bytes) -> bytes:
    """Return a packet as UTF-8, its orientation set to upright and earlier values of fancam's own fields taken out.

    Raises:
        XmpError: It is not well-formed, declares entities, or holds no RDF.
    """
    return _changed(_as_utf8(raw), {ORIENTATION: "1"}, drop=FANCAM_NAMESPACE)


def resized_packet(packet: bytes, width_px: int, height_px: int) -> bytes:
    """Return a packet with this size of the picture, wherever it states one."""
    sizes = {**dict.fromkeys(_WIDTHS, str(width_px)), **dict.fromkeys(_HEIGHTS, str(height_px))}
    return _changed(packet, sizes)


def merged_packet(packet: bytes, properties: Mapping[Name, str]) -> bytes:
    """Return a packet with properties added in a description of their own.

    Args:
        packet: As ``kept_packet`` returned it.
        properties: Name to value, as the XML inside its element. A standard property that the packet has already is
            left as it is; fancam's own are always written.
    """
    scan = _scanned(packet)
    missing = {name: value for name, value in properties.items() if name not in scan.properties}
    if not missing:
        return packet
    prefixes: dict[str, str] = {}
    lines = []
    for (uri, local), value in missing.items():
        prefix = prefixes.setdefault(uri, f"f{len(prefixes)}" if uri != FANCAM_NAMESPACE else "fancam")
        lines.append(f"   <{prefix}:{local}>{value}</{prefix}:{local}>\n")
    names = "".join(f" xmlns:{prefix}={quoteattr(uri)}" for uri, prefix in prefixes.items())
    block = (
        f'<rdf:Description xmlns:rdf="{RDF}"{names} rdf:about={quoteattr(scan.about)}>\n'
        f"{''.join(lines)}  </rdf:Description>\n "
    )
    return packet[: scan.rdf_end] + block.encode() + packet[scan.rdf_end :]


def _as_utf8(raw: bytes) -> bytes:
    """Return the packet as UTF-8 without a declaration; XMP may be UTF-16 or UTF-32 too (ISO 16684-1, 7.1)."""
    stripped = raw.rstrip(b"\0 \n\r\t")
    wide = {b"<\0\0\0": "utf-32-le", b"\0\0\0<": "utf-32-be", b"<\0": "utf-16-le", b"\0<": "utf-16-be"}
    marked = {b"\xff\xfe\0\0": "utf-32", b"\0\0\xfe\xff": "utf-32", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
    encoding = next((name for mark, name in {**marked, **wide}.items() if raw.startswith(mark)), "utf-8")
    try:
        text = (stripped if encoding == "utf-8" else raw).decode(encoding)
    except UnicodeDecodeError as error:
        raise XmpError("its characters are not UTF-8") from error
    return _DECLARATION.sub("", text.strip("\0 \n\r\t")).encode()


@dataclass(slots=True)
class _Scan:
    """What one pass over a packet found."""

    spans: list[tuple[Name, int, int]] = field(default_factory=list)
    """Bytes of the value of each simple property."""
    elements: list[tuple[Name, int, int]] = field(default_factory=list)
    """Bytes of each property element, tags included."""
    descriptions: list[tuple[list[Name], int, int]] = field(default_factory=list)
    """What each description tells of, and its bytes."""
    properties: set[Name] = field(default_factory=set)
    about: str = ""
    rdf_end: int = -1
    """Where the end tag of rdf:RDF begins."""


@dataclass(slots=True)
class _Open:
    name: Name
    tag_start: int
    tag_end: int
    simple: bool = True
    properties: list[Name] = field(default_factory=list)
    """Of a description."""


class _Scanner:
    """Handlers of one expat pass; a class because the handlers share the stack of open elements."""

    def __init__(self, packet: bytes) -> None:
        self.packet = packet
        self.scan = _Scan()
        self.stack: list[_Open] = []
        parser = expat.ParserCreate(namespace_separator="}")  # as ElementTree does: it must be able to read the result
        parser.ordered_attributes = True
        parser.buffer_text = True
        parser.StartElementHandler = self.start
        parser.EndElementHandler = self.end
        parser.StartDoctypeDeclHandler = self.refuse
        self.parser = parser

    def run(self) -> _Scan:
        try:
            self.parser.Parse(self.packet, True)
        except expat.ExpatError as error:
            raise XmpError(str(error)) from error
        if self.scan.rdf_end < 0:
            raise XmpError("it holds no RDF")
        return self.scan

    def refuse(self, *_declaration: object) -> None:
        raise XmpError("it declares entities")

    def start(self, raw_name: str, attributes: list[str]) -> None:
        at = self.parser.CurrentByteIndex
        match = _START_TAG.match(self.packet, at)
        if match is None:
            raise XmpError("a tag cannot be read")
        name = _split(raw_name)
        opened = _Open(name, at, match.end())
        if self.stack:
            self.stack[-1].simple = False
        if name == (RDF, "Description") and self._depth() == 1:
            values = [span for key, span in _attributes(match) if key != b"xmlns" and not key.startswith(b"xmlns:")]
            if 2 * len(values) != len(attributes):
                raise XmpError("a tag cannot be read")
            pairs = zip(attributes[::2], attributes[1::2], values, strict=True)
            for key, value, (first, last) in pairs:
                attribute = _split(key)
                if attribute == (RDF, "about"):
                    self.scan.about = self.scan.about or value
                elif attribute[0] not in (RDF, ""):
                    self.scan.spans.append((attribute, first, last))
                    self.scan.properties.add(attribute)
                    opened.properties.append(attribute)
        self.stack.append(opened)

    def end(self, _raw_name: str) -> None:
        at = self.parser.CurrentByteIndex
        opened = self.stack.pop()
        empty = at == opened.tag_start  # <name/>: both ends are the one tag
        last = opened.tag_end if empty else self.packet.index(b">", at) + 1
        if opened.name == (RDF, "RDF") and self._depth() == 0 and not empty:
            self.scan.rdf_end = at
        if opened.name == (RDF, "Description") and self._depth() == 1:
            self.scan.descriptions.append((opened.properties, opened.tag_start, last))
        if self._depth() == 2 and self.stack[-1].name == (RDF, "Description"):
            self.scan.properties.add(opened.name)
            self.stack[-1].properties.append(opened.name)
            self.scan.elements.append((opened.name, opened.tag_start, last))
            if opened.simple and not empty:
                self.scan.spans.append((opened.name, opened.tag_end, at))

    def _depth(self) -> int:
        """Return how many open elements there are from rdf:RDF on; 1 inside it, 2 inside a description."""
        names = [element.name for element in self.stack]
        return len(names) - names.index((RDF, "RDF")) if (RDF, "RDF") in names else 0


def _scanned(packet: bytes) -> _Scan:
    return _Scanner(packet).run()


def _changed(packet: bytes, values: Mapping[Name, str], drop: str | None = None) -> bytes:
    """Return the packet with simple values replaced and the elements of one namespace taken out.

    A description that tells of nothing else goes as a whole; a packet would grow each time it is written otherwise.
    """
    scan = _scanned(packet)
    edits = [(first, last, xml_text(values[name]).encode()) for name, first, last in scan.spans if name in values]
    emptied = [part for part in scan.descriptions if part[0] and all(uri == drop for uri, _ in part[0])]
    dropped = [(first, last) for _, first, last in emptied]
    for (uri, _), first, last in scan.elements:
        if uri == drop and not any(start <= first < end for start, end in dropped):
            dropped.append((first, last))
    for first, last in dropped:
        blank = _BLANK.match(packet, last)
        edits.append((first, blank.end() if blank else last, b""))
    for first, last, replacement in sorted(edits, reverse=True):
        packet = packet[:first] + replacement + packet[last:]
    return packet


def _attributes(tag: re.Match[bytes]) -> list[tuple[bytes, tuple[int, int]]]:
    """Return each attribute of a start tag with the place of its value between the quotes."""
    found = []
    for match in _ATTRIBUTE.finditer(tag.string, tag.start(1), tag.end(1)):
        first, last = match.span(2)
        found.append((match.group(1), (first + 1, last - 1)))
    return found


def _split(name: str) -> Name:
    uri, _, local = name.rpartition("}")
    return uri, local
