"""XMP (ISO 16684-1): what a picture says about itself, as packets: written, read, and changed where it no longer holds.

Packets come from anywhere: they are parsed without a network, without entities, and with the limits of libxml2.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from xml.sax.saxutils import escape, quoteattr

from lxml import etree

from fancam.provenance import Provenance

FANCAM_NAMESPACE = "urn:fancam:provenance/1.0/"
"""Namespace of the fields that no standard vocabulary has."""
RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_NAMESPACES = {
    "rdf": RDF,
    "xmp": "http://ns.adobe.com/xap/1.0/",
    "dc": "http://purl.org/dc/elements/1.1/",
    "fancam": FANCAM_NAMESPACE,
}
_TIFF = "{http://ns.adobe.com/tiff/1.0/}"
_EXIF = "{http://ns.adobe.com/exif/1.0/}"
_ABOUT, _DESCRIPTION, _ROOT = (f"{{{RDF}}}{name}" for name in ("about", "Description", "RDF"))
_LARGEST_PACKET = 1 << 24

# What speaks of the pixels, the parts and the encoding of one file, and no longer holds when it is written anew.
_STALE_NAMES = {
    *(_TIFF + name for name in (
        "Compression", "BitsPerSample", "SamplesPerPixel", "PhotometricInterpretation", "PlanarConfiguration",
        "YCbCrSubSampling", "YCbCrPositioning", "XResolution", "YResolution", "ResolutionUnit",
    )),
    "{http://ns.adobe.com/xap/1.0/}Thumbnails", "{http://purl.org/dc/elements/1.1/}format",
}  # fmt: skip
_CAMERAS = tuple(f"http://ns.{maker}.com/photos/1.0/camera/" for maker in ("google", "xiaomi", "oplus"))
_PANORAMA = "http://ns.google.com/photos/1.0/panorama/"
_STALE_NAMESPACES = {
    "http://ns.google.com/photos/1.0/container/": "",
    "http://ns.google.com/photos/1.0/container/item/": "",
    "http://ns.google.com/photos/dd/1.0/container/": "",
    "http://ns.google.com/photos/dd/1.0/item/": "",
    "http://ns.adobe.com/xmp/note/": "",
    "http://ns.adobe.com/hdr-gain-map/1.0/": "its gain map (HDR) is not kept",
    "http://ns.apple.com/HDRGainMap/1.0/": "its gain map (HDR) is not kept",
    "http://ns.google.com/photos/1.0/depthmap/": "its depth map is not kept",
    "http://ns.google.com/photos/dd/1.0/device/": "its depth map is not kept",
    "http://ns.google.com/photos/1.0/image/": "the picture embedded in its XMP is not kept",
    "http://ns.google.com/photos/1.0/audio/": "the sound embedded in its XMP is not kept",
}
"""Namespaces of parts that stand behind or inside the file, with a word where a person misses the part."""
_MOTION = re.compile(r"(MotionPhoto|MicroVideo|OLivePhoto|VideoLength).*")
_PANORAMA_PIXELS = re.compile(r".*(Pixels|ImageWidth|ImageHeight).*")

_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""XML 1.0, production 2 (Char): what may not stand in a document at all, escaped or not."""
_FIELD_NAME = re.compile(r"[a-z][a-z0-9_]*")

Name = tuple[str, str]
"""Namespace and local name."""
FieldValue = str | int | float | bool | None | Sequence[str | int | float]


class XmpError(ValueError):
    """The packet is no XMP that could be kept."""


@dataclass(frozen=True, slots=True)
class PictureMetadata:
    """What a written picture says about itself. No date is among it: the same input gives the same bytes."""

    software: str = ""
    """Program and version: EXIF Software, ``xmp:CreatorTool``."""
    description: str = ""
    """One line for people: EXIF ImageDescription, ``dc:description``."""
    source: str = ""
    """Name of the file it was made from: ``dc:source``."""
    fields: Mapping[str, FieldValue] = field(default_factory=dict)
    """Further provenance by snake_case name; None is left out, a sequence becomes an ordered list."""
    title: str = ""
    """Of a document: ``dc:title``. Pictures have none."""

    @classmethod
    def of(cls, provenance: Provenance) -> PictureMetadata:
        """Return what a picture with this provenance says about itself."""
        return cls(provenance.software, provenance.description(), provenance.source, provenance.to_xmp())


# --- written ------------------------------------------------------------------------------------------------------


def xmp_packet(metadata: PictureMetadata) -> bytes:
    """Return the metadata as an XMP packet: UTF-8 RDF/XML, read-only, the same for the same input.

    Raises:
        ValueError: A field's name is not snake_case.
    """
    prefixes = {uri: prefix for prefix, uri in _NAMESPACES.items()}
    found = xmp_properties(metadata)
    properties = [f"<{prefixes[uri]}:{name}>{value}</{prefixes[uri]}:{name}>" for (uri, name), value in found.items()]
    names = "".join(f" xmlns:{key}={quoteattr(uri)}" for key, uri in _NAMESPACES.items() if key != "rdf")
    body = "\n   ".join(properties)
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>\n'
        '<x:xmpmeta xmlns:x="adobe:ns:meta/">\n'
        f" <rdf:RDF xmlns:rdf={quoteattr(RDF)}>\n"
        f'  <rdf:Description rdf:about=""{names}>\n'
        f"   {body}\n"
        "  </rdf:Description>\n </rdf:RDF>\n</x:xmpmeta>\n"
        '<?xpacket end="r"?>'
    ).encode()


def xmp_properties(metadata: PictureMetadata) -> dict[Name, str]:
    """Return the metadata as XMP properties: name to the XML inside its element, with the prefix ``rdf``.

    Raises:
        ValueError: A field's name is not snake_case.
    """
    found: dict[Name, str] = {}
    if metadata.software:
        found[_NAMESPACES["xmp"], "CreatorTool"] = _xml_text(metadata.software)
    if metadata.source:
        found[_NAMESPACES["dc"], "source"] = _xml_text(metadata.source)
    for name, text in (("title", metadata.title), ("description", metadata.description)):
        if text:
            item = f'<rdf:li xml:lang="x-default">{_xml_text(text)}</rdf:li>'
            found[_NAMESPACES["dc"], name] = f"<rdf:Alt>{item}</rdf:Alt>"
    for name, value in metadata.fields.items():
        if not _FIELD_NAME.fullmatch(name):
            raise ValueError(f"{name!r} is no snake_case name")
        if value is not None:
            found[FANCAM_NAMESPACE, name] = _value(value)
    return found


def _value(value: FieldValue) -> str:
    if isinstance(value, Sequence) and not isinstance(value, str):
        items = "".join(f"<rdf:li>{_value(item)}</rdf:li>" for item in value)
        return f"<rdf:Seq>{items}</rdf:Seq>"
    if isinstance(value, bool):
        return "True" if value else "False"  # XMP spells its booleans so (ISO 16684-1, 8.2.1.1)
    return _xml_text(str(value))


def _xml_text(value: str) -> str:
    return escape(_NOT_XML.sub("\ufffd", value))


# --- read ---------------------------------------------------------------------------------------------------------


def xmp_fields(packet: bytes) -> dict[str, str | list[str]]:
    """Return the standard and fancam's own properties of a packet by prefixed name; lists as lists of text.

    Raises:
        XmpError: It is not valid.
    """
    prefixes = {uri: prefix for prefix, uri in _NAMESPACES.items() if prefix != "rdf"}
    found: dict[str, str | list[str]] = {}
    for description in _parsed(packet).iter(_DESCRIPTION):
        pairs: list[tuple[str, str | list[str]]] = [(str(name), str(value)) for name, value in description.items()]
        for element in description.iterchildren(tag=etree.Element):
            items = [item.text or "" for item in element.iter(f"{{{RDF}}}li")]
            is_list = element.find(f"{{{RDF}}}Alt") is None and len(element) > 0
            pairs.append((element.tag, items if is_list else (items or [element.text or ""])[0]))
        for name, value in pairs:
            qualified = etree.QName(name)
            if qualified.namespace in prefixes:
                found[f"{prefixes[qualified.namespace]}:{qualified.localname}"] = value
    return found


def _parsed(packet: bytes) -> etree._Element:
    if len(packet) > _LARGEST_PACKET:
        raise XmpError("it is too long")
    data = _as_utf8(packet)
    if b"<!DOCTYPE" in data:  # never in XMP; the way entity bombs come in
        raise XmpError("it declares entities")
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        return etree.fromstring(data, parser)
    except etree.XMLSyntaxError as error:
        raise XmpError(error.msg) from error


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
    return re.sub(r"^\ufeff?<\?xml[^>]*\?>\s*", "", text.strip("\ufeff\0 \n\r\t")).encode()


# --- changed ------------------------------------------------------------------------------------------------------


def kept_packet(raw: bytes) -> tuple[bytes, list[str]]:
    """Return a packet as UTF-8 without what no longer holds of a picture that is written anew, and what is lost.

    Its orientation becomes upright; out of it go fancam's own fields, and what speaks of the encoding or of parts of
    the file that are not kept: films of motion photos, gain maps, depth maps, thumbnails.

    Raises:
        XmpError: It is not well-formed, declares entities, or holds no RDF.
    """
    rdf = _rdf(_parsed(raw))
    lost: dict[str, None] = {}
    for description in list(rdf.iterchildren(_DESCRIPTION)):
        had_any = bool(_names(description))
        for name in _names(description):
            gone, word = _no_longer_holds(name)
            if gone:
                _remove(description, name)
                lost.update({word: None} if word else {})
        if had_any and not _names(description):
            _drop(description)
    _set(rdf, {f"{_TIFF}Orientation": "1"})
    etree.cleanup_namespaces(rdf.getroottree())
    return _packed(rdf), list(lost)


def resized_packet(packet: bytes, width_px: int, height_px: int) -> bytes:
    """Return a packet with this size of the picture, wherever it states one."""
    rdf = _rdf(_parsed(packet))
    _set(rdf, dict.fromkeys((f"{_TIFF}ImageWidth", f"{_EXIF}PixelXDimension"), str(width_px)))
    _set(rdf, dict.fromkeys((f"{_TIFF}ImageLength", f"{_EXIF}PixelYDimension"), str(height_px)))
    return _packed(rdf)


def merged_packet(packet: bytes, properties: Mapping[Name, str]) -> bytes:
    """Return a packet with properties added in a description of their own.

    Args:
        packet: As ``kept_packet`` returned it.
        properties: Name to the XML inside its element. A standard property that the packet has already is left as it
            is.
    """
    rdf = _rdf(_parsed(packet))
    known = {name for description in rdf.iterchildren(_DESCRIPTION) for name in _names(description)}
    missing = {name: value for name, value in properties.items() if f"{{{name[0]}}}{name[1]}" not in known}
    if not missing:
        return packet
    about = next((found for d in rdf.iterchildren(_DESCRIPTION) if (found := d.get(_ABOUT))), "")
    prefixes: dict[str, str] = {}
    lines = []
    for (uri, local), value in missing.items():
        prefix = prefixes.setdefault(uri, f"f{len(prefixes)}" if uri != FANCAM_NAMESPACE else "fancam")
        lines.append(f"   <{prefix}:{local}>{value}</{prefix}:{local}>\n")
    names = "".join(f" xmlns:{prefix}={quoteattr(uri)}" for uri, prefix in prefixes.items())
    block = f'<rdf:Description xmlns:rdf="{RDF}"{names} rdf:about={quoteattr(about)}>\n{"".join(lines)}  '
    added = etree.fromstring(f"{block}</rdf:Description>")
    added.tail = "\n "
    rdf.append(added)
    return _packed(rdf)


def _rdf(root: etree._Element) -> etree._Element:
    found = root if root.tag == _ROOT else root.find(f".//{_ROOT}")
    if found is None:
        raise XmpError("it holds no RDF")
    return found


def _packed(rdf: etree._Element) -> bytes:
    return bytes(etree.tostring(rdf.getroottree(), encoding="UTF-8", xml_declaration=False))


def _names(description: etree._Element) -> list[str]:
    """Return the names of the properties of a description, as attributes and as elements."""
    attributes = [
        str(name) for name in description.attrib if name.startswith("{") and not name.startswith(f"{{{RDF}}}")
    ]
    return attributes + [child.tag for child in description.iterchildren(tag=etree.Element)]


def _no_longer_holds(name: str) -> tuple[bool, str]:
    """Whether a property speaks of what is not kept, and what a person misses of it."""
    qualified = etree.QName(name)
    uri, local = qualified.namespace or "", qualified.localname
    if uri in _CAMERAS and _MOTION.fullmatch(local):
        return True, "the film of the motion photo is not kept"
    if uri == _PANORAMA and _PANORAMA_PIXELS.fullmatch(local):
        return True, "the pixel counts of its panorama no longer hold and are not kept"
    if uri in _STALE_NAMESPACES:
        return True, _STALE_NAMESPACES[uri]
    return uri == FANCAM_NAMESPACE or name in _STALE_NAMES, ""


def _remove(description: etree._Element, name: str) -> None:
    if name in description.attrib:
        del description.attrib[name]
    for child in list(description.iterchildren(name)):
        _drop(child)


def _drop(element: etree._Element) -> None:
    """Take an element out with the blank text after it."""
    parent = element.getparent()
    assert parent is not None
    element.tail = (element.tail or "").lstrip() or None
    if element.tail is not None:
        before = element.getprevious()
        if before is not None:
            before.tail = (before.tail or "") + element.tail
        else:
            parent.text = (parent.text or "") + element.tail
    parent.remove(element)


def _set(rdf: etree._Element, values: Mapping[str, str]) -> None:
    """Set simple properties where they are stated."""
    for description in rdf.iterchildren(_DESCRIPTION):
        for name, value in values.items():
            if name in description.attrib:
                description.attrib[name] = value
            for child in _simple(description, name):
                child.text = value


def _simple(description: etree._Element, name: str) -> Iterator[etree._Element]:
    return (child for child in description.iterchildren(name) if len(child) == 0)
