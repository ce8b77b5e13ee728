from __future__ import annotations

import struct
from fractions import Fraction

import av
import numpy as np
import pytest
from PIL import Image

from fancam.errors import FancamError, PictureTooLargeError
from fancam.pictures import looks_like_picture, open_picture, picture_suffixes, read_picture, save_picture
from fancam.pictures.opening import heif_plugin

WIDTH, HEIGHT = 96, 64

pytestmark = pytest.mark.skipif(heif_plugin() is None, reason="neither pi-heif nor pillow-heif is installed")


def box(name: bytes, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return struct.pack(">I4s", 8 + len(body), name) + body


def full(name: bytes, version: int, *parts: bytes, flags: int = 0) -> bytes:
    return box(name, struct.pack(">I", version << 24 | flags), *parts)


def smooth() -> np.ndarray:
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    return np.stack([40 + x * 2, 30 + y * 3, 220 - x], axis=-1).astype(np.uint8)


def hevc_picture(pixels: np.ndarray, pixel_format: str) -> tuple[bytes, bytes]:
    """One intra picture as HEVC: its parameter sets as hvcC holds them, and its slices with their lengths."""
    codec = av.CodecContext.create("libx265", "w")
    codec.width, codec.height, codec.pix_fmt, codec.time_base = WIDTH, HEIGHT, pixel_format, Fraction(1, 25)
    # Full-range BT.601, which is what a reader assumes where nothing is stated.
    codec.options = {"x265-params": "crf=4:range=full:colormatrix=bt470bg:log-level=none:info=0", "preset": "fast"}
    frame = av.VideoFrame.from_ndarray(pixels, "rgb24").reformat(
        format=pixel_format, dst_colorspace="ITU601", dst_color_range="JPEG"
    )
    packets = [*codec.encode(frame), *codec.encode(None)]
    stream = b"".join(bytes(packet) for packet in packets)
    units = [unit for part in stream.split(b"\0\0\1") if (unit := part.rstrip(b"\0"))]
    kinds = {u: u[0] >> 1 & 63 for u in units}
    sets = [[u for u in units if kinds[u] == kind] for kind in (32, 33, 34)]
    slices = b"".join(struct.pack(">I", len(u)) + u for u in units if kinds[u] < 32)
    depth = 2 if "10" in pixel_format else 0
    head = bytes([1, 2 if depth else 1]) + bytes(4) + bytes(6) + bytes([93]) + b"\xf0\0\xfc\xfd"
    head += bytes([0xF8 | depth, 0xF8 | depth, 0, 0, 0x0F, 3])
    arrays = b"".join(
        bytes([0x80 | kind]) + struct.pack(">H", len(own)) + b"".join(struct.pack(">H", len(u)) + u for u in own)
        for kind, own in zip((32, 33, 34), sets, strict=True)
    )
    return head + arrays, slices


def heic(
    *properties: bytes, pixel_format: str = "yuv420p", size: tuple[int, int] = (WIDTH, HEIGHT), exif=b"", others=b""
) -> bytes:
    """A HEIC file as a phone writes it (ISO/IEC 23008-12), of one picture with further properties.

    ``others`` is a property of another item, named before those of the picture.
    """
    configuration, slices = hevc_picture(smooth(), pixel_format)
    exif_item = struct.pack(">I", 0) + exif
    own = [box(b"hvcC", configuration), full(b"ispe", 0, struct.pack(">2I", *size)), *properties]
    count = 2 if exif else 1
    names = [full(b"infe", 2, struct.pack(">2H4s", 1, 0, b"hvc1"), b"\0")]
    if exif:
        names.append(full(b"infe", 2, struct.pack(">2H4s", 2, 0, b"Exif"), b"\0"))
    association = struct.pack(">HB", 1, len(own)) + bytes(0x80 | i + 1 for i in range(len(own)))
    if others:
        own.append(others)
        association = struct.pack(">HBB", 0, 1, len(own)) + association
    association = struct.pack(">I", 2 if others else 1) + association

    def meta(at: int) -> bytes:
        places = struct.pack(">HHHII", 1, 0, 1, at, len(slices))
        if exif:
            places += struct.pack(">HHHII", 2, 0, 1, at + len(slices), len(exif_item))
        return full(
            b"meta", 0,
            full(b"hdlr", 0, bytes(4), b"pict", bytes(13)),
            full(b"pitm", 0, struct.pack(">H", 1)),
            full(b"iloc", 0, b"\x44\0", struct.pack(">H", count), places),
            full(b"iinf", 0, struct.pack(">H", count), *names),
            full(b"iref", 0, box(b"cdsc", struct.pack(">3H", 2, 1, 1))) if exif else b"",
            box(b"iprp", box(b"ipco", *own), full(b"ipma", 0, association)),
        )  # fmt: skip

    head = box(b"ftyp", b"heic", bytes(4), b"mif1heic")
    start = len(head) + len(meta(0)) + 8
    return head + meta(start) + box(b"mdat", slices, exif_item if exif else b"")


def test_heic_of_a_phone_reads_and_can_be_written_as_anything_else(tmp_path):
    path = tmp_path / "phone.heic"
    path.write_bytes(heic())
    assert looks_like_picture(path)
    assert ".heic" in picture_suffixes()
    read = open_picture(path).load()
    assert read.format == "HEIF"
    assert read.warnings == ()
    assert np.abs(read.colour.astype(int) - smooth()).mean() < 3
    assert np.array_equal(read.srgb(), read_picture(path).pixels)
    save_picture(tmp_path / "x.png", read)
    assert np.array_equal(open_picture(tmp_path / "x.png").load().colour, read.colour)


def test_heic_that_is_turned_by_its_container_is_not_turned_twice_by_its_exif(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010F] = "Phone"
    path = tmp_path / "x.heic"
    path.write_bytes(heic(box(b"irot", b"\x03"), exif=exif.tobytes()))  # three quarter turns anticlockwise
    read = open_picture(path).load()
    assert read.colour.shape == (WIDTH, HEIGHT, 3)
    assert np.abs(read.colour.astype(int) - np.rot90(smooth(), -1)).mean() < 3
    assert b"Phone" in read.exif
    save_picture(tmp_path / "x.jpg", read)
    with Image.open(tmp_path / "x.jpg") as image:
        assert image.getexif().get(0x0112, 1) == 1
        assert image.getexif()[0x010F] == "Phone"


def test_display_p3_of_a_phone_is_seen(tmp_path):
    path = tmp_path / "x.heic"
    path.write_bytes(heic(box(b"colr", b"nclx", struct.pack(">3HB", 12, 13, 6, 0x80))))
    read = open_picture(path).load()
    assert b"Display P3" in read.profile
    assert np.abs(read.srgb().astype(int) - read.colour).max() > 5
    path.write_bytes(heic(box(b"colr", b"nclx", struct.pack(">3HB", 9, 16, 9, 0x80))))
    assert "HDR" in open_picture(path).load().warnings[0]
    path.write_bytes(heic(others=box(b"colr", b"nclx", struct.pack(">3HB", 9, 16, 9, 0x80))))
    assert open_picture(path).load().warnings == ()  # a gain map's colours are not the picture's


def test_10_bits_are_read_as_8_and_that_is_said(tmp_path):
    path = tmp_path / "x.heic"
    path.write_bytes(heic(pixel_format="yuv420p10le"))
    read = open_picture(path).load()
    assert read.colour.dtype == np.uint8
    assert read.warnings == ("10 bits per sample were read as 8",)


def test_bomb_is_refused_with_the_limit_named(tmp_path):
    path = tmp_path / "x.heic"
    path.write_bytes(heic(size=(30_000, 30_000)))
    with pytest.raises(PictureTooLargeError, match="30000x30000 is more than the limit of 268 megapixels"):
        open_picture(path).load()


@pytest.mark.parametrize("share", [0.05, 0.3, 0.6, 0.95])
def test_cut_off_heic_is_an_error(tmp_path, share):
    data = heic()
    path = tmp_path / "x.heic"
    path.write_bytes(data[: int(share * len(data))])
    with pytest.raises(FancamError) as caught:
        open_picture(path).load()
    assert str(path) in caught.value.line()


def test_damaged_heic_never_raises_anything_but_our_errors(tmp_path):
    data = np.frombuffer(heic(), np.uint8)
    rng = np.random.default_rng(1)
    path = tmp_path / "x.heic"
    for _ in range(60):
        damaged = data.copy()
        damaged[rng.integers(0, 500, 3)] = rng.integers(0, 256, 3)
        path.write_bytes(damaged.tobytes())
        try:
            open_picture(path, max_pixels=1_000_000).load()
        except FancamError as error:
            assert error.item == str(path)
