from __future__ import annotations

import io
import struct
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import ExifTags, Image, PngImagePlugin

from fancam.pictures import PictureMetadata, StillPicture, open_picture, save_picture
from fancam.pictures.tiff import ASCII, Field, Fields, descriptive, exif_bytes, parse_exif
from fancam.pictures.xmp import XmpError, kept_packet, merged_packet, resized_packet

EXTRA = PictureMetadata(software="fancam 1.2.3", source="b.jpg", description="A card", fields={"scale": 4})
SUFFIXES = ["png", "jpg", "tif", "webp", "avif"]
RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"


def camera_exif(order: str = "<", **replaced) -> bytes:
    """EXIF as a camera writes it: every kind of value, sizes, a thumbnail, GPS and interoperability."""
    pack = {"H": 3, "I": 4}

    def numbers(kind: str, *values: int) -> Field:
        return Field(pack[kind], len(values), struct.pack(f"{order}{len(values)}{kind}", *values))

    def fraction(kind: int, *values: int) -> Field:
        return Field(kind, len(values) // 2, struct.pack(f"{order}{len(values)}{'i' if kind == 10 else 'I'}", *values))

    def text(value: bytes) -> Field:
        return Field(ASCII, len(value) + 1, value + b"\0")

    main = {
        0x010E: text(b"From the front row"), 0x010F: text(b"Maker"), 0x0131: text(b"Firmware 2"),
        0x0100: numbers("I", 4000), 0x0101: numbers("I", 3000), 0x0112: numbers("H", 1),
        0x011A: fraction(5, 240, 1), 0x011B: fraction(5, 240, 1), 0x0128: numbers("H", 2),
        0x8298: text(b"(c) somebody"),
    }  # fmt: skip
    exif = {
        0x829A: fraction(5, 1, 250), 0x9204: fraction(10, -1, 3), 0x9000: Field(7, 4, b"0232"),
        0xA002: numbers("I", 4000), 0xA003: numbers("I", 3000), 0x9214: numbers("H", 10, 20),
        0x9286: Field(7, 16, b"ASCII\0\0\0Hi there"), 0x927C: Field(7, 12, b"Maker note!!"),
    }  # fmt: skip
    gps = {0x0000: Field(1, 4, bytes([2, 3, 0, 0])), 0x0002: fraction(5, 52, 1, 31, 1, 1, 3)}
    interop = {0x0001: text(b"R98"), 0x1001: numbers("I", 4000)}
    exif |= replaced
    return exif_bytes(Fields(order, main, exif, gps, interop))


def still(**fields) -> StillPicture:
    colour = np.linspace(0, 255, 48 * 3).astype(np.uint8).reshape(6, 8, 3)
    given = {"alpha": None, "grey": False, "profile": None, "exif": None, "xmp": None, "dpi": None, **fields}
    return StillPicture.of(colour, format="JPEG", source=Path("x.jpg"), **given)


# --- EXIF ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_exif_survives_with_every_value_except_those_that_no_longer_hold(tmp_path, suffix, order):
    Image.fromarray(still().colour).save(tmp_path / "in.jpg", exif=b"Exif\0\0" + camera_exif(order))
    read = open_picture(tmp_path / "in.jpg").load()
    before, after = parse_exif(camera_exif(order)), parse_exif(read.exif)
    assert after.order == order
    assert set(before.main) - set(after.main) == {0x0100, 0x0101, 0x0112}
    assert set(before.exif) - set(after.exif) == {0xA002, 0xA003, 0x9214, 0x927C}
    assert set(before.interop) - set(after.interop) == {0x1001}
    assert after.gps == before.gps
    assert read.dpi == (240, 240)
    assert any("maker's note" in warning for warning in read.warnings)
    save_picture(tmp_path / f"out.{suffix}", read, dpi=300.5)
    again = parse_exif(open_picture(tmp_path / f"out.{suffix}").load().exif)
    assert {**again.main, **dict.fromkeys((0x011A, 0x011B), 0)} == {**after.main, **dict.fromkeys((0x011A, 0x011B), 0)}
    assert (again.exif, again.gps, again.interop) == (after.exif, after.gps, after.interop)
    assert again.dpi == (300.5, 300.5)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_pillow_reads_the_exif_that_was_written(tmp_path, suffix):
    save_picture(tmp_path / f"x.{suffix}", still(exif=camera_exif()), metadata=EXTRA)
    with Image.open(tmp_path / f"x.{suffix}") as image:
        exif = image.getexif()
        assert exif[0x010E] == "From the front row"
        assert exif[0x0131] == "Firmware 2"  # the camera's word is not overwritten
        assert exif[0x000B] == "fancam 1.2.3"  # ProcessingSoftware
        assert float(exif.get_ifd(0x8769)[0x829A]) == 1 / 250
        assert float(exif.get_ifd(0x8769)[0x9204]) == pytest.approx(-1 / 3)
        assert [float(v) for v in exif.get_ifd(0x8825)[2]] == pytest.approx([52, 31, 1 / 3])


def test_thumbnail_is_not_carried_over(tmp_path):
    small = io.BytesIO()
    Image.new("RGB", (16, 12), (250, 0, 0)).save(small, "JPEG")
    exif = bytearray(exif_bytes(Fields(main={0x010F: Field(ASCII, 6, b"Maker\0")})))
    at = 8 + 2 + 12  # where the main directory says that another one follows
    struct.pack_into("<I", exif, at, len(exif))
    entries = [(0x0201, 4, 1, len(exif) + 2 + 24 + 4), (0x0202, 4, 1, len(small.getvalue()))]
    exif += struct.pack("<H", 2) + b"".join(struct.pack("<2H2I", *e) for e in entries) + bytes(4) + small.getvalue()
    Image.fromarray(still().colour).save(tmp_path / "x.jpg", exif=b"Exif\0\0" + exif)
    with Image.open(tmp_path / "x.jpg") as image:
        assert image.getexif().get_ifd(ExifTags.IFD.IFD1)  # it is there for others to see
    read = open_picture(tmp_path / "x.jpg").load()
    assert small.getvalue()[:20] not in read.exif
    assert parse_exif(read.exif).text(0x010F) == "Maker"


def test_maker_note_is_kept_only_where_it_can_be_moved():
    movable = (b"Apple iOS\0\0\1MM", b"Nikon\0\x02\x10\0\0MM", b"FUJIFILM\x0c\0\0\0")
    bound = (b"Nikon\0\x01\0", b"\x11\0\x01\0 Canon", b"SONY DSC \0\0\0")
    for note, kept in [(note, True) for note in movable] + [(note, False) for note in bound]:
        fields, warnings = descriptive(Fields(exif={0x927C: Field(7, len(note), note)}))
        assert (0x927C in fields.exif) == kept
        assert bool(warnings) != kept


def test_exif_of_a_tiff_has_no_layout_of_its_pixels(tmp_path):
    save_picture(tmp_path / "a.tif", still(exif=camera_exif()), dpi=300)
    read = open_picture(tmp_path / "a.tif").load()
    assert set(parse_exif(read.exif).main) == {0x010E, 0x010F, 0x0131, 0x011A, 0x011B, 0x0128, 0x8298}
    save_picture(tmp_path / "b.jpg", read)
    with Image.open(tmp_path / "b.jpg") as image:
        assert image.getexif().get_ifd(0x8825)[2]


def test_iptc_is_not_kept_and_that_is_said(tmp_path):
    caption = b"\x1c\x02\x78\0\x05Hello"
    resource = b"8BIM\x04\x04\0\0" + struct.pack(">I", len(caption)) + caption
    buffer = io.BytesIO()
    Image.fromarray(still().colour).save(buffer, "JPEG")
    segment = b"Photoshop 3.0\0" + resource
    jpeg = buffer.getvalue()
    (tmp_path / "x.jpg").write_bytes(jpeg[:2] + b"\xff\xed" + struct.pack(">H", len(segment) + 2) + segment + jpeg[2:])
    assert any("IPTC" in warning for warning in open_picture(tmp_path / "x.jpg").load().warnings)


def test_exif_that_is_too_long_for_jpeg_is_shortened_and_said(tmp_path):
    long_note = Field(7, 80_000, b"Apple iOS\0" + bytes(79_990))
    exif = exif_bytes(Fields(main={0x010F: Field(ASCII, 6, b"Maker\0")}, exif={0x927C: long_note}))
    assert save_picture(tmp_path / "x.png", still(exif=exif)).warnings == ()
    written = save_picture(tmp_path / "x.jpg", still(exif=exif))
    assert "maker's note was left out" in written.warnings[0]
    assert parse_exif(open_picture(tmp_path / "x.jpg").load().exif).text(0x010F) == "Maker"
    many = {0xC000 + i: Field(7, 30_000, bytes(30_000)) for i in range(3)}
    exif = exif_bytes(Fields(main={0x010F: Field(ASCII, 6, b"Maker\0"), **many}))
    assert "short fields" in save_picture(tmp_path / "x.jpg", still(exif=exif)).warnings[0]
    assert parse_exif(open_picture(tmp_path / "x.jpg").load().exif).text(0x010F) == "Maker"


FIELDS = st.dictionaries(
    st.integers(0xC100, 0xC1FF),
    st.builds(lambda data: Field(7, len(data), data), st.binary(min_size=1, max_size=9)),
    max_size=4,
)


@given(main=FIELDS, exif=FIELDS, gps=FIELDS, interop=FIELDS, order=st.sampled_from("<>"))
def test_any_fields_are_read_as_they_were_written(main, exif, gps, interop, order):
    fields = Fields(order, main or {1: Field(7, 1, b"x")}, exif, gps, interop)
    read = parse_exif(b"Exif\0\0" + exif_bytes(fields))
    assert (read.order, read.main, read.gps, read.interop) == (order, fields.main, gps, interop)
    assert read.exif == exif or (interop and not exif)  # an Exif directory must be there to hang it on


@settings(max_examples=300)
@given(st.data())
def test_damaged_exif_never_raises_and_never_runs_away(data):
    whole = bytearray(camera_exif(data.draw(st.sampled_from("<>"))))
    for at, value in data.draw(st.lists(st.tuples(st.integers(0, len(whole) - 1), st.integers(0, 255)), max_size=8)):
        whole[at] = value
    fields = parse_exif(bytes(whole[: data.draw(st.integers(0, len(whole)))]))
    if fields is not None:
        kept, _ = descriptive(fields)
        assert len(exif_bytes(kept)) <= 8 * len(whole)
        assert fields.orientation >= 0
        assert fields.dpi is None or min(fields.dpi) > 0


@given(st.binary(max_size=200))
def test_bytes_that_are_no_exif_are_none_or_fields(raw):
    one_field = b"II*\0\x08\0\0\0\1\0\x12\1\3\0\1\0\0\0" + raw[:4].ljust(4, b"\0") + bytes(4)  # an orientation
    assert parse_exif(one_field) is not None
    for data in (one_field, b"II*\0" + raw, b"MM\0+\0\x08\0\0" + raw, raw):
        fields = parse_exif(data)
        assert fields is None or ((fields.dpi is None or min(fields.dpi) > 0) and fields.orientation >= 0)


# --- XMP ----------------------------------------------------------------------------------------------------------

PACKET = """<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="Somebody's Toolkit 1.0">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><!-- kept -->
  <rdf:Description rdf:about="uuid:42" xmlns:tiff="http://ns.adobe.com/tiff/1.0/" xmlns:odd="urn:odd/"
    xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmp:CreatorTool="Camera &amp; Co" odd:quote='a "b" > c'
    tiff:Orientation="6" tiff:ImageWidth='4000'>
   <odd:nested><odd:deep rdf:parseType="Resource"><odd:x>1</odd:x></odd:deep></odd:nested>
   <odd:empty/>
   <exif:PixelXDimension xmlns:exif="http://ns.adobe.com/exif/1.0/">4000</exif:PixelXDimension>
   <exif:PixelYDimension xmlns:exif="http://ns.adobe.com/exif/1.0/">3000</exif:PixelYDimension>
   <old:scale xmlns:old="urn:fancam:provenance/1.0/">2</old:scale>
  </rdf:Description>
 </rdf:RDF>
</x:xmpmeta>
<?xpacket end="w"?>""".encode()


def properties(packet: bytes) -> dict[str, str]:
    root = ElementTree.fromstring(packet.decode())
    found = {}
    for description in root.iter(f"{RDF}Description"):
        found.update(description.attrib)
        found.update({element.tag: element.text for element in description})
    return found


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_foreign_xmp_keeps_every_field_and_provenance_stands_beside_it(tmp_path, suffix):
    info = PngImagePlugin.PngInfo()
    info.add_itxt("XML:com.adobe.xmp", PACKET.decode())
    Image.new("RGB", (8, 6)).save(tmp_path / "in.png", pnginfo=info)
    read = open_picture(tmp_path / "in.png").load()
    assert read.warnings == ()
    assert read.colour.shape == (8, 6, 3)  # turned, because nothing but the XMP says so
    save_picture(tmp_path / f"x.{suffix}", read, metadata=EXTRA)
    written = open_picture(tmp_path / f"x.{suffix}").load()
    assert written.colour.shape == (8, 6, 3)
    for kept in (b"<!-- kept -->", b"<odd:x>1</odd:x>", b"<odd:empty/>", b"Somebody's"):
        assert kept in written.xmp
    facts = open_picture(tmp_path / f"x.{suffix}").facts.xmp
    assert facts["fancam:scale"] == "4"
    assert facts["xmp:CreatorTool"] == "Camera & Co"  # the camera's word stays
    assert facts["fancam:software"] == "fancam 1.2.3"
    assert facts["dc:source"] == "b.jpg"
    found = properties(written.xmp)
    assert found["{urn:odd/}quote"] == 'a "b" > c'
    assert found["{http://ns.adobe.com/tiff/1.0/}Orientation"] == "1"
    assert found["{http://ns.adobe.com/tiff/1.0/}ImageWidth"] == "6"
    assert found["{http://ns.adobe.com/exif/1.0/}PixelXDimension"] == "6"
    assert found["{http://ns.adobe.com/exif/1.0/}PixelYDimension"] == "8"


def test_all_descriptions_are_about_the_same_thing_and_no_property_comes_twice(tmp_path):
    path = tmp_path / "x.png"
    save_picture(path, still(xmp=PACKET), metadata=EXTRA)
    for _ in range(3):  # fancam's own pictures, enhanced again
        save_picture(path, open_picture(path).load(), metadata=EXTRA)
    packet = open_picture(path).load().xmp
    root = ElementTree.fromstring(packet.decode())
    descriptions = list(root.iter(f"{RDF}Description"))
    assert {d.get(f"{RDF}about") for d in descriptions} == {"uuid:42"}
    names = [name for d in descriptions for name in [*(e.tag for e in d), *(a for a in d.attrib if "about" not in a)]]
    assert len(names) == len(set(names))


def test_the_packet_does_not_grow_each_time_it_is_written(tmp_path):
    path = tmp_path / "x.png"
    sizes = []
    for _ in range(6):
        save_picture(path, open_picture(path).load() if sizes else still(), metadata=EXTRA)
        sizes.append(path.stat().st_size)
    assert max(sizes[2:]) - sizes[2] < 40


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le", "utf-16-be", "utf-32-le", "utf-16"])
def test_packets_of_every_encoding_come_out_as_utf_8(encoding):
    text = PACKET.decode().partition("?>")[2].strip().replace("uuid:42", "서울")
    packet, _ = kept_packet(text.encode(encoding))
    assert "서울" in packet.decode()
    assert properties(merged_packet(packet, {("urn:a/", "b"): "1"}))["{urn:a/}b"] == "1"


@pytest.mark.parametrize(
    ("packet", "word"),
    [
        (b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">]><rdf:RDF>&a;</rdf:RDF>', "entities"),
        (b"<x:xmpmeta", "not defined"),
        (b"<a>no RDF</a>", "no RDF"),
        (b"\xff\x00\xff", "UTF-8"),
        (PACKET.replace(b"</x:xmpmeta>", b""), "Premature end"),
    ],
)
def test_packet_that_is_not_valid_is_left_out_and_said(tmp_path, packet, word):
    with pytest.raises(XmpError, match=word):
        kept_packet(packet)
    Image.new("RGB", (4, 4)).save(tmp_path / "x.jpg", xmp=packet)
    read = open_picture(tmp_path / "x.jpg").load()
    assert read.xmp is None
    assert "XMP packet is not valid" in read.warnings[0]
    written = save_picture(tmp_path / "y.jpg", still(xmp=packet), metadata=EXTRA)
    assert "XMP packet is not valid" in written.warnings[0]
    assert open_picture(tmp_path / "y.jpg").facts.xmp["fancam:scale"] == "4"


def test_packet_too_long_for_jpeg_is_left_out_and_said(tmp_path):
    long = PACKET.replace(b"<odd:empty/>", b"<odd:empty>" + b"x" * 70_000 + b"</odd:empty>")
    written = save_picture(tmp_path / "x.jpg", still(xmp=long), metadata=EXTRA)
    assert "64 kB of XMP" in written.warnings[0]
    assert open_picture(tmp_path / "x.jpg").facts.xmp["fancam:scale"] == "4"
    assert save_picture(tmp_path / "x.webp", still(xmp=long)).warnings == ()
    assert b"x" * 70_000 in open_picture(tmp_path / "x.webp").load().xmp


def test_text_that_looks_like_an_attribute_is_text():
    spaced = PACKET.replace(b"<odd:empty/>", b'<odd:empty >tiff:Orientation="8" </odd:empty >').replace(
        b"'4000'>", b"'4000' > a=\"b\""
    )
    packet, _ = kept_packet(spaced)
    assert b'tiff:Orientation="8"' in packet
    assert properties(packet)["{http://ns.adobe.com/tiff/1.0/}Orientation"] == "1"


@given(st.data())
def test_damaged_packets_are_refused_or_stay_well_formed(data):
    whole = bytearray(PACKET)
    for at, value in data.draw(st.lists(st.tuples(st.integers(0, len(whole) - 1), st.integers(0, 255)), max_size=4)):
        whole[at] = value
    try:
        packet = merged_packet(resized_packet(kept_packet(bytes(whole))[0], 10, 20), {("urn:a/", "b"): "1"})
    except XmpError:
        return
    assert properties(packet)["{urn:a/}b"] == "1"


@given(text=st.text(max_size=30), width=st.integers(1, 10**6))
@example(text='"><rdf:RDF', width=1)
def test_values_cannot_break_out_of_their_element(text, width):
    from fancam.pictures.xmp import xmp_properties

    packet = merged_packet(kept_packet(PACKET)[0], xmp_properties(PictureMetadata(fields={"text": text})))
    assert resized_packet(packet, width, 3).count(b"</rdf:RDF>") == 1
    properties(packet)
