"""What is written into a picture beside its pixels: resolution, profile, EXIF and provenance as XMP; and back."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

from PIL import ExifTags, Image, TiffImagePlugin

from fancam.errors import NotMediaError
from fancam.pictures.colour import profile_description
from fancam.pictures.deep import XMP_PNG_KEYWORD
from fancam.pictures.ifd import rational
from fancam.pictures.opening import opened_picture
from fancam.pictures.xmp import FANCAM_NAMESPACE, RDF, Name, xml_text
from fancam.provenance import Provenance

_NAMESPACES = {
    "rdf": RDF,
    "xmp": "http://ns.adobe.com/xap/1.0/",
    "dc": "http://purl.org/dc/elements/1.1/",
    "fancam": FANCAM_NAMESPACE,
}
_EXIF_SHOWN = (
    ExifTags.Base.Make,
    ExifTags.Base.Model,
    ExifTags.Base.Software,
    ExifTags.Base.ImageDescription,
    ExifTags.Base.Artist,
    ExifTags.Base.Copyright,
    ExifTags.Base.DateTime,
    ExifTags.Base.Orientation,
    ExifTags.Base.XResolution,
    ExifTags.Base.YResolution,
    ExifTags.Base.ResolutionUnit,
)
_FIELD_NAME = re.compile(r"[a-z][a-z0-9_]*")

FieldValue = str | int | float | bool | None | Sequence[str | int | float]


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


# --- out ----------------------------------------------------------------------------------------------------------


def exif_of(metadata: PictureMetadata, dpi: float) -> Image.Exif:
    """Return EXIF with software, description and the exact resolution, which JFIF can only give in whole dots."""
    exif = Image.Exif()
    if metadata.software:
        exif[ExifTags.Base.Software] = _ascii(metadata.software)
    if metadata.description:
        exif[ExifTags.Base.ImageDescription] = _ascii(metadata.description)
    resolution = TiffImagePlugin.IFDRational(*rational(dpi))
    exif[ExifTags.Base.XResolution] = resolution
    exif[ExifTags.Base.YResolution] = resolution
    exif[ExifTags.Base.ResolutionUnit] = 2  # inch
    return exif


def xmp_packet(metadata: PictureMetadata) -> bytes:
    """Return the metadata as an XMP packet (ISO 16684-1): UTF-8 RDF/XML, read-only, the same for the same input.

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
        f" <rdf:RDF xmlns:rdf={quoteattr(_NAMESPACES['rdf'])}>\n"
        f'  <rdf:Description rdf:about=""{names}>\n'
        f"   {body}\n"
        "  </rdf:Description>\n </rdf:RDF>\n</x:xmpmeta>\n"
        '<?xpacket end="r"?>'
    ).encode()


def xmp_properties(metadata: PictureMetadata) -> dict[Name, str]:
    """Return the metadata as XMP properties: name to what stands inside its element.

    The prefix ``rdf`` must be declared where they are put.

    Raises:
        ValueError: A field's name is not snake_case.
    """
    found: dict[Name, str] = {}
    if metadata.software:
        found[_NAMESPACES["xmp"], "CreatorTool"] = xml_text(metadata.software)
    if metadata.source:
        found[_NAMESPACES["dc"], "source"] = xml_text(metadata.source)
    for name, text in (("title", metadata.title), ("description", metadata.description)):
        if text:
            item = f'<rdf:li xml:lang="x-default">{xml_text(text)}</rdf:li>'
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
    return xml_text(str(value))


def _ascii(value: str) -> str:
    """Return the text in the ASCII that EXIF allows; the XMP packet beside it has every character."""
    return value.encode("ascii", "replace").decode("ascii").replace("\0", " ")


# --- in -----------------------------------------------------------------------------------------------------------


def read_metadata(path: Path) -> dict[str, Any]:
    """Read back what a picture says about itself, without decoding it.

    Returns:
        ``format``, ``mode``, ``width_px``, ``height_px``; ``dpi`` as (x, y) or None; ``icc_description`` or None;
        ``exif``: its words and its resolution, by tag name; ``xmp`` by prefixed name (``dc:source``,
        ``fancam:effective_ppi`` …), every value as text and lists as lists of text.

    Raises:
        InputError: As ``read_picture`` does; NotMediaError as well when the XMP packet is not valid XML.
    """
    with opened_picture(path) as image:
        profile = image.info.get("icc_profile")
        tags = image.getexif()
        exif = {tag.name: tags[tag] for tag in _EXIF_SHOWN if tag in tags}
        dpi = image.info.get("dpi")
        return {
            "format": image.format,
            "mode": image.mode,
            "width_px": image.width,
            "height_px": image.height,
            "dpi": (float(dpi[0]), float(dpi[1])) if dpi else None,
            "icc_description": profile_description(profile) if profile else None,
            "exif": exif,
            "xmp": picture_xmp(image, path),
        }


def picture_xmp(image: Image.Image, path: Path) -> dict[str, str | list[str]]:
    """Return the XMP of an opened picture by prefixed name; empty where there is none.

    Raises:
        NotMediaError: The packet is not valid XML.
    """
    return _parse_xmp(_raw_xmp(image), path)


def _raw_xmp(image: Image.Image) -> bytes:
    raw = image.info.get("xmp") or image.info.get(XMP_PNG_KEYWORD) or b""
    return raw.encode() if isinstance(raw, str) else bytes(raw)


def _parse_xmp(packet: bytes, path: Path) -> dict[str, str | list[str]]:
    if not packet.strip():
        return {}
    try:
        if b"<!DOCTYPE" in packet or b"<!ENTITY" in packet:  # never in XMP; the way entity bombs come in
            raise ValueError("it declares entities")
        root = ElementTree.fromstring(packet.strip(b"\0 \n\r\t"))  # noqa: S314 - entities were refused above
    except (ElementTree.ParseError, ValueError) as error:
        raise NotMediaError(f"its XMP packet is not valid ({error})", item=path) from error
    prefixes = {uri: prefix for prefix, uri in _NAMESPACES.items()}
    found: dict[str, str | list[str]] = {}
    rdf = f"{{{_NAMESPACES['rdf']}}}"
    for description in root.iter(f"{rdf}Description"):
        pairs: list[tuple[str, str | list[str]]] = list(description.attrib.items())
        for element in description:
            items = [item.text or "" for item in element.iter(f"{rdf}li")]
            is_text = element.find(f"{rdf}Alt") is not None
            is_list = not is_text and len(element) > 0
            pairs.append((element.tag, items if is_list else (items or [element.text or ""])[0]))
        for name, value in pairs:
            uri, _, local = name[1:].rpartition("}")
            if prefixes.get(uri, "rdf") != "rdf":
                found[f"{prefixes[uri]}:{local}"] = value
    return found
