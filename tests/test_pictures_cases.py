from __future__ import annotations

import itertools
import os
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, features

from fancam.errors import InputError, NotMediaError, UnsupportedMediaError
from fancam.pictures import StillPicture, looks_like_picture, open_picture, read_picture, save_picture
from tests.orientations import STORED

# --- turned files -------------------------------------------------------------------------------------------------

TIFF_COMPRESSIONS = ["raw", "tiff_lzw", "tiff_adobe_deflate", "packbits"]
MODES = ["1", "L", "I;16", "P", "RGB", "RGBA", "CMYK", "LA"]


def picture(mode: str) -> Image.Image:
    """A picture whose quarters differ, so that no turn leaves it as it is."""
    levels = np.zeros((30, 48), np.uint8)
    levels[:10, :20] = 255
    levels[20:, :] = 120
    levels[:, 40:] = 60
    image = Image.fromarray(levels)
    if mode == "I;16":
        return Image.fromarray(levels.astype(np.uint16) * 257)
    return image.convert("RGB").convert(mode) if mode in ("P", "CMYK", "RGBA") else image.convert(mode)


def stored(image: Image.Image, orientation: int) -> Image.Image:
    """The picture as a camera held that way stores it."""
    turns = {
        1: (), 2: (Image.Transpose.FLIP_LEFT_RIGHT,), 3: (Image.Transpose.ROTATE_180,),
        4: (Image.Transpose.FLIP_TOP_BOTTOM,), 5: (Image.Transpose.TRANSPOSE,), 6: (Image.Transpose.ROTATE_90,),
        7: (Image.Transpose.TRANSVERSE,), 8: (Image.Transpose.ROTATE_270,),
    }  # fmt: skip
    for turn in turns[orientation]:
        image = image.transpose(turn)
    return image


def check_upright(path: Path, mode: str, upright: Path, tolerance: int = 0) -> None:
    opened, straight = open_picture(path), open_picture(upright)
    assert opened.facts.size_px == straight.facts.size_px == (48, 30)
    assert opened.colour.dtype == straight.colour.dtype
    assert np.abs(opened.colour.astype(int) - straight.colour).max() <= tolerance
    assert opened.grey == straight.grey == (mode in ("1", "L", "I;16", "LA"))


@pytest.mark.parametrize("compression", TIFF_COMPRESSIONS)
@pytest.mark.parametrize("mode", MODES)
def test_turned_tiff_is_upright_in_every_mode_and_compression(tmp_path, mode, compression):
    upright = tmp_path / "upright.tif"
    picture(mode).save(upright, compression=compression)
    for orientation in range(1, 9):
        path = tmp_path / f"{orientation}.tif"
        exif = Image.Exif()
        exif[0x0112] = orientation
        stored(picture(mode), orientation).save(path, compression=compression, exif=exif)
        check_upright(path, mode, upright)


@pytest.mark.parametrize("rows", [1, 7, 64])
@pytest.mark.parametrize(("mode", "channels"), [("L", 1), ("I;16", 1), ("RGB", 3)])
def test_turned_tiff_of_one_or_many_raw_strips_is_upright(tmp_path, mode, channels, rows):
    """Pillow writes uncompressed pictures in one strip; scanners write many, and other tools one that can be mapped."""
    for orientation in range(1, 9):
        samples = np.asarray(stored(picture(mode), orientation))
        height, width = samples.shape[:2]
        strips = [
            samples[y : y + rows].astype(samples.dtype.newbyteorder("<")).tobytes() for y in range(0, height, rows)
        ]
        body = b"".join(strips)
        starts = list(itertools.accumulate(map(len, strips[:-1]), initial=8))
        tags = {256: [width], 257: [height], 258: [8 * samples.itemsize] * channels, 259: [1],
                262: [1 if channels == 1 else 2], 273: starts, 274: [orientation], 277: [channels], 278: [rows],
                279: list(map(len, strips))}  # fmt: skip
        start, values, table = 8 + len(body), b"", b""
        for tag, numbers in sorted(tags.items()):
            data = struct.pack(f"<{len(numbers)}I", *numbers)
            if len(data) > 4:
                values_at = start + 2 + 12 * len(tags) + 4 + len(values)
                values, data = values + data, struct.pack("<I", values_at)
            table += struct.pack("<2HI", tag, 4, len(numbers)) + data
        head = struct.pack("<2sHI", b"II", 42, start)
        path = tmp_path / f"{orientation}.tif"
        path.write_bytes(head + body + struct.pack("<H", len(tags)) + table + bytes(4) + values)
        picture(mode).save(tmp_path / "upright.tif")
        check_upright(path, mode, tmp_path / "upright.tif")


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "CMYK", "I;16"])
@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "avif"])
def test_turned_picture_is_upright_in_every_format_that_can_say_so(tmp_path, suffix, mode):
    if (mode, suffix) in {("RGBA", "jpg"), ("I;16", "jpg"), ("I;16", "webp"), ("I;16", "avif"), ("CMYK", "png"),
                          ("CMYK", "webp"), ("CMYK", "avif")}:  # fmt: skip
        pytest.skip("no such file")
    if suffix == "avif" and not features.check("avif"):
        pytest.skip("this Pillow has no AVIF")
    options = {"webp": {"lossless": True}, "jpg": {"quality": 100}, "avif": {"quality": 100}}.get(suffix, {})
    base = np.asarray(picture(mode).convert("RGB") if mode == "CMYK" else picture(mode))
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[0x0112] = orientation
        turned = stored(picture(mode), orientation)
        turned.save(tmp_path / f"{orientation}.{suffix}", exif=exif, **options)
        opened = open_picture(tmp_path / f"{orientation}.{suffix}")
        assert opened.facts.size_px == opened.srgb().shape[1::-1] == (48, 30)
        expected = base[..., None] if base.ndim == 2 else base[..., :3]
        limit = (3 if mode != "CMYK" else 40) if suffix in ("jpg", "avif") else 0
        assert np.abs(opened.colour.astype(int) - expected).mean() <= limit


@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_turned_deep_and_transparent_files_that_fancam_writes_are_upright(tmp_path, suffix, channels, depth):
    """Every combination of the own writers, with the tag put in afterwards."""
    dtype = np.uint8 if depth == 8 else np.uint16
    samples = np.random.default_rng(1).integers(0, np.iinfo(dtype).max + 1, (30, 48, 4)).astype(dtype)
    grey, alpha = channels < 3, channels in (2, 4)
    for orientation in range(1, 9):
        turned = np.ascontiguousarray(STORED[orientation](samples))
        exif = Image.Exif()
        exif[0x0112] = orientation
        colour = np.repeat(turned[..., :1], 3, axis=2) if grey else turned[..., :3]
        path = tmp_path / f"{orientation}.{suffix}"
        still = StillPicture.of(colour, alpha=turned[..., 3] if alpha else None, grey=grey, exif=exif.tobytes())
        save_picture(path, still)
        opened = open_picture(path)
        assert opened.facts.size_px == (48, 30)
        expected = samples[..., :1] if grey else samples[..., :3]
        assert np.array_equal(opened.colour, np.broadcast_to(expected, (30, 48, 3)))
        assert opened.alpha is None if not alpha else np.array_equal(opened.alpha, samples[..., 3])


# --- metadata that no longer holds --------------------------------------------------------------------------------

GOOGLE = "http://ns.google.com/photos/1.0/"
MOTION = f"""<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:C="{GOOGLE}camera/" xmlns:Box="{GOOGLE}container/"
 xmlns:Item="{GOOGLE}container/item/"
 xmlns:hdrgm="http://ns.adobe.com/hdr-gain-map/1.0/" xmlns:xmp="http://ns.adobe.com/xap/1.0/"
 xmlns:G="{GOOGLE}depthmap/"
 xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:tiff="http://ns.adobe.com/tiff/1.0/" xmlns:P="{GOOGLE}panorama/"
 xmp:Rating="5" C:MotionPhoto="1" C:MicroVideoOffset="1234567" C:SpecialTypeID="x" hdrgm:Version="1.0" G:Near="1"
 tiff:XResolution="72/1" tiff:Compression="6" P:ProjectionType="equirectangular" P:FullPanoWidthPixels="9000">
<Box:Directory><rdf:Seq><rdf:li rdf:parseType="Resource"><Box:Item Item:Length="54321"/></rdf:li></rdf:Seq>
</Box:Directory>
<dc:format>image/jpeg</dc:format><xmp:Thumbnails><rdf:Alt><rdf:li>AAAA</rdf:li></rdf:Alt></xmp:Thumbnails>
<dc:subject><rdf:Bag><rdf:li>stage</rdf:li></rdf:Bag></dc:subject></rdf:Description></rdf:RDF></x:xmpmeta>"""


def test_parts_that_are_not_kept_are_said_and_no_longer_claimed(tmp_path):
    Image.new("RGB", (8, 8)).save(tmp_path / "m.jpg", xmp=MOTION.encode())
    opened = open_picture(tmp_path / "m.jpg")
    said = " ".join(opened.warnings)
    for word in ("film of the motion photo", "gain map", "depth map", "panorama"):
        assert word in said
    save_picture(tmp_path / "out.png", opened)
    with Image.open(tmp_path / "out.png") as image:
        packet = image.info["xmp"].decode() if isinstance(image.info["xmp"], bytes) else image.info["xmp"]
    for gone in ("Motion", "MicroVideo", "Directory", "hdrgm", "Near", "XResolution", "Compression", "dc:format",
                 "Thumbnails", "54321", "FullPanoWidthPixels"):  # fmt: skip
        assert gone not in packet, gone
    for kept in ('Rating="5"', "SpecialTypeID", "stage", "equirectangular"):
        assert kept in packet, kept
    assert open_picture(tmp_path / "out.png").warnings == ()


@pytest.mark.parametrize("dpi", [72, 96, 240])
@pytest.mark.parametrize("camera", [False, True])
def test_72_and_96_dpi_of_a_camera_are_no_print_size(tmp_path, dpi, camera):
    exif = Image.Exif()
    if camera:
        exif.get_ifd(0x8769)[0x829A] = 0.01  # ExposureTime
    Image.new("RGB", (8, 8)).save(tmp_path / "x.jpg", dpi=(dpi, dpi), exif=exif)
    facts = open_picture(tmp_path / "x.jpg").facts
    assert facts.by_camera == camera
    assert facts.dpi == (None if camera and dpi in (72, 96) else (dpi, dpi))


# --- other things under a picture's name --------------------------------------------------------------------------

OTHERS = {
    "page.jpg": (b"<!DOCTYPE html><html><body>404</body></html>", NotMediaError, "web page", "download the picture"),
    "page2.png": (b"\xef\xbb\xbf\n <!-- x -->\n<html lang='en'>", NotMediaError, "web page", "download"),
    "x.svg": (b'<svg xmlns="http://www.w3.org/2000/svg"/>', UnsupportedMediaError, "drawing", "render it"),
    "y.jpg": (b'<?xml version="1.0"?>\n<svg width="1"></svg>', UnsupportedMediaError, "drawing", "render it"),
    "doc.jpg": (b"%PDF-1.7\n", NotMediaError, "PDF", "export"),
}


@pytest.mark.parametrize("name", OTHERS)
def test_pages_drawings_and_documents_are_named_for_what_they_are(tmp_path, name):
    data, error, cause, remedy = OTHERS[name]
    (tmp_path / name).write_bytes(data)
    assert looks_like_picture(tmp_path / name)  # meant as one, so that it is said what it is
    with pytest.raises(error) as caught:
        open_picture(tmp_path / name)
    assert cause in caught.value.cause
    assert remedy in caught.value.line()


def test_a_page_or_document_of_its_own_name_is_no_picture(tmp_path):
    for name, data in (("index.html", b"<html>"), ("a.pdf", b"%PDF-1.4\n"), ("b.txt", b"words <svg >")):
        (tmp_path / name).write_bytes(data)
        assert not looks_like_picture(tmp_path / name)


def test_a_video_given_as_a_picture_is_sent_to_run(tmp_path):
    for name, data in (
        ("clip.mp4", struct.pack(">I4s4s", 16, b"ftyp", b"isom") + bytes(600)),
        ("clip.mkv", b"\x1aE\xdf\xa3" + bytes(600)),
        ("clip.avi", b"RIFF" + bytes(4) + b"AVI " + bytes(600)),
    ):
        (tmp_path / name).write_bytes(data)
        assert not looks_like_picture(tmp_path / name)
        with pytest.raises(NotMediaError, match=r"is a video.*fancam run"):
            open_picture(tmp_path / name)


def test_signed_16_bit_tiff_is_named(tmp_path):
    Image.fromarray(np.arange(64, dtype=np.uint16).reshape(8, 8)).save(tmp_path / "s.tif")
    with Image.open(tmp_path / "s.tif") as image:
        image.save(tmp_path / "s.tif", tiffinfo={339: 2})
    with pytest.raises(UnsupportedMediaError, match=r"signed 16-bit samples.*unsigned"):
        read_picture(tmp_path / "s.tif")


# --- names --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("raw", [b"caf\xe9.png", ("𝄞" * 62 + ".png").encode(), b"a b [c] \xff\xfe.png"])
def test_every_legal_name_is_read_and_written(tmp_path, raw):
    path = tmp_path / os.fsdecode(raw)
    try:
        save_picture(path, np.full((4, 4, 3), 90, np.uint8))
    except OSError as error:
        pytest.skip(f"this file system has no such name: {error}")
    assert open_picture(path).load().facts.size_px == (4, 4)


def test_a_name_that_is_too_long_is_one_line(tmp_path):
    path = tmp_path / ("x" * 300 + ".png")
    assert not looks_like_picture(path)
    with pytest.raises(InputError):
        open_picture(path)
