from __future__ import annotations

import hashlib
import io
import itertools
import os
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import AvifImagePlugin, Image, ImageCms, ImageOps

from fancam.errors import (
    InputError,
    NotMediaError,
    OutputError,
    PictureTooLargeError,
    TruncatedInputError,
    UnsupportedMediaError,
    UsageError,
)
from fancam.pictures import (
    PictureMetadata,
    StillPicture,
    adobe_rgb_profile,
    check_writable,
    matrix_profile,
    open_picture,
    read_picture,
    save_picture,
    srgb_profile,
    writable_suffixes,
)
from fancam.pictures.colour import grey_profile_like
from tests.orientations import STORED

P3 = matrix_profile("Display P3", ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060)), (0.3127, 0.3290), 2.2)
GREY = grey_profile_like(adobe_rgb_profile())
EXTRA = PictureMetadata(software="fancam 1.2.3", source="직캠 01.jpg", fields={"scale": 4, "notes": ["a & b", "<c>"]})
EXACT = ["png", "tif", "webp", "bmp"]


def smooth(height: int, width: int, channels: int = 3, dtype=np.uint8) -> np.ndarray:
    y, x = np.mgrid[:height, :width]
    most = np.iinfo(dtype).max
    planes = [x / width, y / height, (x + y) / (width + height), 1 - x / width][:channels]
    return np.stack([most * (0.1 + 0.8 * p) for p in planes], axis=-1).astype(dtype)


def noise(*shape: int, dtype=np.uint8) -> np.ndarray:
    return np.random.default_rng(5).integers(0, np.iinfo(dtype).max + 1, shape).astype(dtype)


def still(colour: np.ndarray, **fields) -> StillPicture:
    given = {"alpha": None, "grey": False, "profile": None, "exif": None, "xmp": None, "dpi": None, **fields}
    return StillPicture.of(colour, format="PNG", source=Path("x.png"), **given)


def made(deep: bool, grey: bool, alpha: bool, profile: bool) -> StillPicture:
    dtype = np.uint16 if deep else np.uint8
    colour = noise(23, 31, 3, dtype=dtype)
    if grey:
        colour = np.repeat(colour[..., :1], 3, axis=2)
    return still(
        colour, alpha=noise(23, 31, dtype=dtype) if alpha else None, grey=grey, dpi=(300.0, 300.0),
        profile=(GREY if grey else P3) if profile else None,
    )  # fmt: skip


def png(pixels: np.ndarray, colour_type: int, *chunks: tuple[bytes, bytes], bits: int = 16) -> bytes:
    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    height, width = pixels.shape[:2]
    rows = b"".join(b"\0" + row.astype(">u2" if bits == 16 else ">u1").tobytes() for row in pixels)
    parts = [(b"IHDR", struct.pack(">2I5B", width, height, bits, colour_type, 0, 0, 0)), *chunks,
             (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]  # fmt: skip
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts)


# --- there and back -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", EXACT)
@pytest.mark.parametrize(("deep", "grey", "alpha", "profile"), list(itertools.product((False, True), repeat=4)))
def test_exact_formats_give_back_what_they_can_hold_and_say_what_they_cannot(
    tmp_path, suffix, deep, grey, alpha, profile
):
    before = made(deep, grey, alpha, profile)
    path = tmp_path / f"x.{suffix}"
    written = save_picture(path, before)
    after = open_picture(path).load()
    said = " ".join(written.warnings)
    holds_deep, holds_alpha, holds_profile = suffix in ("png", "tif"), suffix != "bmp", suffix != "bmp"
    assert after.colour.dtype == (np.uint16 if deep and holds_deep else np.uint8)
    assert ("16 bits" in said) == (deep and not holds_deep)
    assert ("transparency" in said) == (alpha and not holds_alpha)
    assert ("profile" in said) == (profile and not holds_profile)
    assert after.alpha is None if not (alpha and holds_alpha) else after.alpha.dtype == after.colour.dtype
    keeps_grey = grey and suffix != "webp" and not (suffix == "tif" and deep and alpha)
    assert after.grey == keeps_grey
    if (holds_deep or not deep) and (holds_alpha or not alpha) and (holds_profile or not profile):
        assert np.array_equal(after.colour, before.colour)
        assert after.alpha is None if before.alpha is None else np.array_equal(after.alpha, before.alpha)
        if grey == keeps_grey and (profile or grey):
            assert after.profile == before.profile
    assert np.abs(after.srgb().astype(int) - before.srgb()).max() <= 1
    assert after.dpi == pytest.approx((300, 300), abs=0.01)
    assert after.warnings == ()


@pytest.mark.parametrize("suffix", ["jpg", "avif"])
@pytest.mark.parametrize(("deep", "grey", "alpha"), list(itertools.product((False, True), repeat=3)))
def test_lossy_formats_stay_close_and_keep_profile_grey_and_resolution(tmp_path, suffix, deep, grey, alpha):
    dtype = np.uint16 if deep else np.uint8
    colour = smooth(48, 64, 3, dtype)
    if grey:
        colour = np.repeat(colour[..., :1], 3, axis=2)
    opacity = smooth(48, 64, 2, dtype)[..., 1] if alpha else None
    before = still(colour, alpha=opacity, grey=grey, profile=GREY if grey else P3, dpi=(254.5, 254.5))
    path = tmp_path / f"x.{suffix}"
    written = save_picture(path, before)
    after = open_picture(path).load()
    on_paper = alpha and suffix == "jpg"  # white is then mixed in in Display P3, and not in sRGB
    assert np.abs(after.srgb().astype(int) - before.srgb()).mean() < (4 if on_paper else 1.5)
    assert after.dpi == pytest.approx((254.5, 254.5), abs=1e-4)  # by EXIF, where JFIF has whole dots
    assert after.grey == (grey and not (suffix == "avif" and alpha))
    if after.grey == grey:
        assert after.profile == before.profile
    assert (after.alpha is not None) == (alpha and suffix == "avif")
    assert ("16 bits" in " ".join(written.warnings)) == deep
    assert ("transparency" in " ".join(written.warnings)) == (alpha and suffix == "jpg")


def test_colour_of_lossy_formats_has_full_resolution(tmp_path):
    stripes = np.zeros((32, 32, 3), np.uint8)
    stripes[:, ::2] = (200, 40, 40)
    stripes[:, 1::2] = (40, 90, 200)
    for suffix, limit in (("jpg", 6), ("avif", 6), ("webp", 0)):
        save_picture(tmp_path / f"x.{suffix}", still(stripes), quality=98)
        off = np.abs(open_picture(tmp_path / f"x.{suffix}").load().colour.astype(int) - stripes)
        assert off.mean() <= limit, suffix  # with halved colour the red and the blue would be one purple, 60 off


def test_display_p3_stays_display_p3_and_its_colours_are_not_clipped(tmp_path):
    pixels = noise(32, 32, 3)
    Image.fromarray(pixels).save(tmp_path / "in.png", icc_profile=P3)
    read = open_picture(tmp_path / "in.png").load()
    assert read.profile == P3
    assert np.array_equal(read.colour, pixels)
    save_picture(tmp_path / "out.png", read)
    with Image.open(tmp_path / "out.png") as image:
        assert image.info["icc_profile"] == P3
        assert np.array_equal(np.asarray(image), pixels)
    assert np.abs(read.srgb().astype(int) - pixels).max() > 20


def test_srgb_is_embedded_where_no_profile_came_in_and_grey_stays_without(tmp_path):
    save_picture(tmp_path / "c.png", still(smooth(4, 4)))
    save_picture(tmp_path / "g.png", still(np.repeat(smooth(4, 4)[..., :1], 3, axis=2), grey=True))
    with Image.open(tmp_path / "c.png") as colour, Image.open(tmp_path / "g.png") as grey:
        assert colour.info["icc_profile"] == srgb_profile()
        assert grey.mode == "L"
        assert "icc_profile" not in grey.info


def test_grey_under_an_rgb_profile_stays_grey_and_looks_the_same(tmp_path):
    levels = np.arange(256, dtype=np.uint8).reshape(16, 16)
    for name, profile in (("adobe", adobe_rgb_profile()), ("srgb", srgb_profile())):
        path = tmp_path / f"{name}.jpg"
        Image.fromarray(levels).save(path, icc_profile=profile, quality=100)
        read = open_picture(path).load()
        assert read.grey
        with Image.open(path) as image:
            flat = np.asarray(image.convert("RGB"))
        exact = ImageCms.profileToProfile(
            Image.fromarray(flat), ImageCms.ImageCmsProfile(io.BytesIO(profile)), ImageCms.createProfile("sRGB")
        )
        assert np.abs(read.srgb().astype(int) - np.asarray(exact)).max() <= 1
    assert np.abs(open_picture(tmp_path / "adobe.jpg").load().srgb().astype(int) - flat).max() > 1


def test_grey_whose_channels_a_network_made_differ_is_averaged(tmp_path):
    colour = np.array([[[10, 11, 13], [255, 255, 255]]], np.uint8)
    save_picture(tmp_path / "x.png", still(colour, grey=True))
    assert open_picture(tmp_path / "x.png").load().colour[..., 0].tolist() == [[11, 255]]


# --- lazy ---------------------------------------------------------------------------------------------------------


def test_pixels_are_decoded_once_when_asked_for_and_again_after_a_release(tmp_path, monkeypatch):
    save_picture(tmp_path / "x.tif", made(deep=True, grey=False, alpha=True, profile=True))
    opened = open_picture(str(tmp_path / "x.tif"))
    assert (opened.width, opened.height, opened.facts.bits, opened.facts.has_alpha) == (31, 23, 16, True)
    assert opened.sha256 == hashlib.sha256((tmp_path / "x.tif").read_bytes()).hexdigest()
    first = opened.colour
    assert opened.colour is first
    opened.release()
    again = opened.colour
    assert again is not first and np.array_equal(again, first)
    opened.release()
    (tmp_path / "x.tif").write_bytes(b"II*\0gone")
    assert (opened.width, opened.dpi) == (31, (300.0, 300.0))  # what the header said is kept
    with pytest.raises(InputError):
        opened.load()


@pytest.mark.parametrize(("deep", "grey", "alpha"), list(itertools.product((False, True), repeat=3)))
def test_opaque_rgb_looks_like_the_srgb_view_and_keeps_its_depth_where_it_can(deep, grey, alpha):
    picture = made(deep, grey, alpha, profile=True)
    pixels, profile = picture.opaque_rgb()
    assert pixels.shape == (23, 31, 3)
    assert pixels.dtype == (np.uint16 if deep and not alpha else np.uint8)
    assert np.abs(StillPicture.of(pixels, profile=profile).srgb().astype(int) - picture.srgb()).max() <= 1


# --- orientation --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", ["jpg", "png", "tif", "webp", "avif"])
def test_turned_picture_is_read_upright_and_never_turned_again(tmp_path, suffix, orientation):
    upright = smooth(40, 60)
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x010F] = "Maker"
    stored = np.ascontiguousarray(STORED[orientation](upright))
    options = {"jpg": {"quality": 100}, "avif": {"quality": 100}, "webp": {"lossless": True}}.get(suffix, {})
    Image.fromarray(stored).save(tmp_path / f"in.{suffix}", exif=exif, **options)
    read = open_picture(tmp_path / f"in.{suffix}").load()
    save_picture(tmp_path / f"out.{suffix}", read)
    with Image.open(tmp_path / f"out.{suffix}") as image:
        assert image.getexif()[0x010F] == "Maker"
        turned = ImageOps.exif_transpose(image)  # as another program shows it
    for pixels in (read.colour, np.asarray(turned.convert("RGB"))):
        assert pixels.shape == upright.shape
        assert np.abs(pixels.astype(int) - upright).mean() < 2


def test_alpha_turns_with_its_picture(tmp_path):
    rgba = noise(8, 12, 4)
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(np.ascontiguousarray(np.rot90(rgba, 1))).save(tmp_path / "x.png", exif=exif)
    read = open_picture(tmp_path / "x.png").load()
    assert np.array_equal(read.colour, rgba[..., :3])
    assert np.array_equal(read.alpha, rgba[..., 3])


# --- modes --------------------------------------------------------------------------------------------------------


def test_palette_with_transparency_becomes_rgb_with_straight_alpha(tmp_path):
    image = Image.new("P", (3, 1))
    image.putpalette([10, 20, 30, 200, 100, 50, 1, 2, 3])
    image.putpixel((1, 0), 1)
    image.putpixel((2, 0), 2)
    image.save(tmp_path / "p.png", transparency=bytes([0, 128, 255]))
    read = open_picture(tmp_path / "p.png").load()
    assert read.colour[0].tolist() == [[10, 20, 30], [200, 100, 50], [1, 2, 3]]
    assert read.alpha[0].tolist() == [0, 128, 255]
    assert not read.grey


def test_opaque_alpha_is_none(tmp_path):
    rgba = noise(4, 4, 4)
    rgba[..., 3] = 255
    Image.fromarray(rgba).save(tmp_path / "x.png")
    assert open_picture(tmp_path / "x.png").load().alpha is None


def test_one_bit_picture_is_grey(tmp_path):
    bits = noise(9, 9) > 127
    Image.fromarray(bits).save(tmp_path / "x.png")
    Image.fromarray(bits).save(tmp_path / "t.png", transparency=0)
    read, holed = open_picture(tmp_path / "x.png").load(), open_picture(tmp_path / "t.png").load()
    assert read.grey
    assert np.array_equal(read.colour[..., 1], bits * np.uint8(255))
    assert holed.grey
    assert np.array_equal(holed.alpha, bits * np.uint8(255))


def test_16_bit_png_with_a_transparent_colour_or_level(tmp_path):
    rgb = noise(5, 7, 3, dtype=np.uint16)
    (tmp_path / "c.png").write_bytes(png(rgb, 2, (b"tRNS", struct.pack(">3H", *rgb[2, 3].tolist()))))
    (tmp_path / "g.png").write_bytes(png(rgb[..., 0], 0, (b"tRNS", struct.pack(">H", int(rgb[2, 3, 0])))))
    for name in ("c", "g"):
        read = open_picture(tmp_path / f"{name}.png").load()
        assert read.colour.dtype == np.uint16
        assert np.array_equal(read.colour[..., 0], rgb[..., 0])
        assert (read.alpha == 0).nonzero()[0].tolist() == [2]
        assert read.alpha.max() == 65535
        assert read.grey == (name == "g")


def test_16_bit_grey_with_alpha_keeps_both(tmp_path):
    samples = noise(6, 5, 2, dtype=np.uint16)
    (tmp_path / "x.png").write_bytes(png(samples, 4))
    read = open_picture(tmp_path / "x.png").load()
    assert read.grey
    assert np.array_equal(read.colour[..., 2], samples[..., 0])
    assert np.array_equal(read.alpha, samples[..., 1])


@pytest.mark.parametrize("most", [255, 1023, 65535])
def test_ppm_is_scaled_by_the_largest_value_it_states(tmp_path, most):
    samples = np.random.default_rng(2).integers(0, most + 1, (5, 4, 3))
    data = samples.astype(">u2" if most > 255 else "u1").tobytes()
    (tmp_path / "x.ppm").write_bytes(b"P6\n# a comment\n4 5\n%d\n" % most + data)
    read = open_picture(tmp_path / "x.ppm").load()
    full = 65535 if most > 255 else 255
    assert read.colour.dtype == (np.uint16 if most > 255 else np.uint8)
    assert np.array_equal(read.colour, np.floor(samples * full / most + 0.5))
    (tmp_path / "x.ppm").write_bytes(b"P6\n4 5\n%d\n" % most + data[:-1])
    with pytest.raises(TruncatedInputError):
        open_picture(tmp_path / "x.ppm").load()


def test_cmyk_and_lab_become_srgb_and_that_is_said(tmp_path):
    Image.new("CMYK", (16, 16), (0, 255, 255, 0)).save(tmp_path / "c.jpg", quality=100)
    assert b"Adobe" in (tmp_path / "c.jpg").read_bytes()
    read = open_picture(tmp_path / "c.jpg").load()
    assert read.colour.mean(axis=(0, 1)) == pytest.approx([254, 0, 0], abs=3)  # not its negative
    assert read.profile is None
    assert read.warnings == ("CMYK without a profile: the colours are approximate", "CMYK was converted to sRGB")
    lab = ImageCms.profileToProfile(
        Image.new("RGB", (8, 8), (200, 30, 60)), ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"),
        outputMode="LAB",
    )  # fmt: skip
    lab.save(tmp_path / "l.tif")
    read = open_picture(tmp_path / "l.tif").load()
    assert read.colour[4, 4].tolist() == pytest.approx([200, 30, 60], abs=3)
    assert read.warnings == ("LAB was converted to sRGB",)


def test_cmyk_tiff_goes_through_its_profile(tmp_path):
    from tests.test_pictures_read import cmyk_profile

    Image.new("CMYK", (16, 16), (128, 0, 64, 51)).save(tmp_path / "c.tif", icc_profile=cmyk_profile())
    read = open_picture(tmp_path / "c.tif").load()
    expected = [(1 - v / 255) * (1 - 51 / 255) * 255 for v in (128, 0, 64)]
    assert read.colour.mean(axis=(0, 1)) == pytest.approx(expected, abs=8)  # a grid of 5, hence coarse
    assert (read.profile, read.warnings) == (None, ("CMYK was converted to sRGB",))


def test_profile_that_does_not_fit_is_left_out_and_said(tmp_path):
    Image.fromarray(noise(4, 4, 3)).save(tmp_path / "x.png", icc_profile=GREY)
    read = open_picture(tmp_path / "x.png").load()
    assert read.profile is None
    assert "GRAY profile does not fit" in read.warnings[0]


def test_the_first_of_several_pictures_is_used_and_that_is_said(tmp_path):
    frames = [Image.new("RGB", (8, 8), (90 * i, 0, 0)) for i in range(3)]
    frames[0].save(tmp_path / "m.gif", save_all=True, append_images=frames[1:])
    read = open_picture(tmp_path / "m.gif").load()
    assert read.colour.max() == 0
    assert read.warnings == ("holds 3 pictures: the first was used",)


def test_deeper_samples_that_are_read_as_8_bits_are_said(tmp_path):
    cv2.imwrite(str(tmp_path / "x.jp2"), noise(32, 32, 3, dtype=np.uint16))
    read = open_picture(tmp_path / "x.jp2").load()
    assert read.colour.dtype == np.uint8
    assert read.warnings == ("16 bits per sample were read as 8",)
    Image.fromarray(noise(32, 32, 3)).save(tmp_path / "y.jp2")
    assert open_picture(tmp_path / "y.jp2").load().warnings == ()


# --- 16-bit TIFF in all its layouts -------------------------------------------------------------------------------


def tiff16(samples: np.ndarray, order: str, *, planar=False, tile=None, predictor=1, extra=None, big=False) -> bytes:
    """A TIFF made by hand: what scanners and editors write, and no library here does."""
    height, width, channels = samples.shape
    planes = [samples[..., i : i + 1] for i in range(channels)] if planar else [samples]
    pieces = []
    for plane in planes:
        blocks = [plane[y : y + 3] for y in range(0, height, 3)]
        if tile:
            padded = np.zeros((-(-height // tile) * tile, -(-width // tile) * tile, plane.shape[2]), np.uint16)
            padded[:height, :width] = plane
            blocks = [padded[y : y + tile, x : x + tile] for y in range(0, height, tile) for x in range(0, width, tile)]
        for block in blocks:
            if predictor == 2:
                block = np.concatenate([block[:, :1], np.diff(block, axis=1)], axis=1)
            pieces.append(zlib.compress(block.astype(f"{order}u2").tobytes()))
    head_bytes, offsets, body = (16 if big else 8), [], b""
    for piece in pieces:
        offsets.append(head_bytes + len(body))
        body += piece + bytes(len(piece) % 2)
    counts = [len(piece) for piece in pieces]
    tags = {256: ("I", [width]), 257: ("I", [height]), 258: ("H", [16] * channels), 259: ("H", [8]), 262: ("H", [2]),
            277: ("H", [channels]), 284: ("H", [2 if planar else 1]), 317: ("H", [predictor])}  # fmt: skip
    if tile:
        tags |= {322: ("I", [tile]), 323: ("I", [tile]), 324: ("I", offsets), 325: ("I", counts)}
    else:
        tags |= {273: ("I", offsets), 278: ("I", [3]), 279: ("I", counts)}
    if extra is not None:
        tags[338] = ("H", [extra])
    start = head_bytes + len(body)
    table, values = b"", b""
    entry_bytes, inline = (20, 8) if big else (12, 4)
    values_at = start + (8 if big else 2) + entry_bytes * len(tags) + (8 if big else 4)
    for tag, (kind, numbers) in sorted(tags.items()):
        data = struct.pack(f"{order}{len(numbers)}{kind}", *numbers)
        table += struct.pack(f"{order}2H{'Q' if big else 'I'}", tag, {"H": 3, "I": 4}[kind], len(numbers))
        if len(data) > inline:
            table += struct.pack(f"{order}{'Q' if big else 'I'}", values_at + len(values))
            values += data + bytes(len(data) % 2)
        else:
            table += data.ljust(inline, b"\0")
    mark = b"II" if order == "<" else b"MM"
    head = struct.pack(f"{order}2s3HQ", mark, 43, 8, 0, start) if big else struct.pack(f"{order}2sHI", mark, 42, start)
    count = struct.pack(f"{order}{'Q' if big else 'H'}", len(tags))
    return head + body + count + table + bytes(8 if big else 4) + values


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("planar", [False, True])
@pytest.mark.parametrize("tile", [None, 16])
@pytest.mark.parametrize("predictor", [1, 2])
def test_16_bit_tiff_reads_exactly_in_every_layout(tmp_path, order, planar, tile, predictor):
    samples = noise(21, 37, 3, dtype=np.uint16)
    path = tmp_path / "x.tif"
    path.write_bytes(tiff16(samples, order, planar=planar, tile=tile, predictor=predictor))
    assert np.array_equal(open_picture(path).load().colour, samples)


def test_16_bit_bigtiff_and_alpha_of_both_kinds(tmp_path):
    rgba = noise(10, 11, 4, dtype=np.uint16)
    rgba[..., 3] |= 0x4000
    path = tmp_path / "x.tif"
    path.write_bytes(tiff16(rgba[..., :3], "<", big=True))
    assert np.array_equal(open_picture(path).load().colour, rgba[..., :3])
    path.write_bytes(tiff16(rgba, "<", extra=2))
    read = open_picture(path).load()
    assert np.array_equal(read.colour, rgba[..., :3])
    assert np.array_equal(read.alpha, rgba[..., 3])
    multiplied = rgba.copy()
    multiplied[..., :3] = np.rint(rgba[..., :3] * (rgba[..., 3:] / 65535.0))
    path.write_bytes(tiff16(multiplied, "<", extra=1))
    assert np.abs(open_picture(path).load().colour.astype(int) - rgba[..., :3]).max() <= 2
    path.write_bytes(tiff16(rgba, "<", extra=0))  # a fourth channel that is no alpha
    assert open_picture(path).load().alpha is None
    assert np.array_equal(open_picture(path).load().colour, rgba[..., :3])


@pytest.mark.parametrize("compression", [1, 5, 8, 32946])
def test_16_bit_tiff_by_opencv_reads_exactly(tmp_path, compression):
    samples = noise(50, 40, 3, dtype=np.uint16)
    cv2.imwrite(str(tmp_path / "x.tif"), samples[..., ::-1], [cv2.IMWRITE_TIFF_COMPRESSION, compression])
    assert np.array_equal(open_picture(tmp_path / "x.tif").load().colour, samples)


def test_files_written_here_open_in_other_programs_with_16_bits(tmp_path):
    before = made(deep=True, grey=False, alpha=True, profile=True)
    for suffix in ("png", "tif"):
        save_picture(tmp_path / f"x.{suffix}", before)
        stored = cv2.cvtColor(cv2.imread(str(tmp_path / f"x.{suffix}"), cv2.IMREAD_UNCHANGED), cv2.COLOR_BGRA2RGBA)
        assert np.array_equal(stored[..., :3], before.colour)
        assert np.array_equal(stored[..., 3], before.alpha)


# --- colour tags --------------------------------------------------------------------------------------------------


def test_cicp_of_display_p3_becomes_its_profile_and_outranks_an_embedded_one(tmp_path):
    pixels = noise(6, 5, 3)
    icc = (b"iCCP", b"x\0\0" + zlib.compress(srgb_profile()))
    for chunks in ([(b"cICP", bytes([12, 13, 0, 1]))], [(b"cICP", bytes([12, 13, 0, 1])), icc]):
        (tmp_path / "x.png").write_bytes(png(pixels, 2, *chunks, bits=8))
        read = open_picture(tmp_path / "x.png").load()
        assert read.profile not in (None, srgb_profile())
        assert np.array_equal(read.colour, pixels)
        assert read.warnings == ()
        linear = np.where(pixels / 255 <= 0.04045, pixels / 255 / 12.92, ((pixels / 255 + 0.055) / 1.055) ** 2.4)
        # Display P3 to sRGB in linear light: SMPTE EG 432-1 and IEC 61966-2-1, both with white D65.
        matrix = [[1.22494, -0.22494, 0], [-0.04206, 1.04206, 0], [-0.01964, -0.07864, 1.09827]]
        light = np.clip(linear @ np.array(matrix).T, 0, 1)
        expected = 255 * np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
        assert np.abs(read.srgb() - expected).max() <= 2


@pytest.mark.parametrize(("tags", "word"), [((9, 16), "HDR"), ((9, 18), "HDR"), ((22, 13), "primaries 22")])
def test_colour_tags_that_no_profile_can_say_are_reported(tmp_path, tags, word):
    (tmp_path / "x.png").write_bytes(png(noise(6, 5, 3), 2, (b"cICP", bytes([*tags, 0, 1])), bits=8))
    assert word in open_picture(tmp_path / "x.png").load().warnings[0]
    assert word in read_picture(tmp_path / "x.png").warnings[0]


def test_srgb_said_with_numbers_needs_no_profile(tmp_path):
    (tmp_path / "x.png").write_bytes(png(noise(6, 5, 3), 2, (b"cICP", bytes([1, 13, 0, 1])), bits=8))
    assert open_picture(tmp_path / "x.png").load().profile is None
    assert open_picture(tmp_path / "x.png").load().warnings == ()


def test_nclx_of_an_avif_becomes_a_profile(tmp_path):
    path = tmp_path / "x.avif"
    Image.fromarray(smooth(32, 32)).save(path, quality=100)
    assert open_picture(path).load().profile is None
    data = path.read_bytes()
    at = data.index(b"colrnclx") + 8
    path.write_bytes(data[:at] + struct.pack(">2H", 12, 13) + data[at + 4 :])
    read = open_picture(path).load()
    assert b"Display P3" in read.profile
    assert np.abs(read.srgb().astype(int) - read.colour).max() > 10


# --- limits and damage --------------------------------------------------------------------------------------------


def test_bomb_is_refused_with_the_limit_named_and_nothing_decoded(tmp_path, monkeypatch):
    header = struct.pack(">2I5B", 100_000, 100_000, 8, 2, 0, 0, 0)
    chunk = struct.pack(">I", 13) + b"IHDR" + header + struct.pack(">I", zlib.crc32(b"IHDR" + header))
    (tmp_path / "bomb.png").write_bytes(b"\x89PNG\r\n\x1a\n" + chunk + struct.pack(">I", 4) + b"IDAT" + bytes(8))
    bmp = bytearray(54)
    struct.pack_into("<2sIIIIiiHH", bmp, 0, b"BM", 54, 0, 54, 40, 90_000, 90_000, 1, 24)
    (tmp_path / "bomb.bmp").write_bytes(bmp)

    def decode(*_):
        raise AssertionError("it was decoded")

    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", decode)
    for name in ("bomb.png", "bomb.bmp"):
        with pytest.raises(PictureTooLargeError, match="is more than the limit of 268 megapixels"):
            open_picture(tmp_path / name).load()


@pytest.mark.parametrize("suffix", ["jpg", "png", "tif", "webp", "avif", "bmp"])
@pytest.mark.parametrize("share", [0.2, 0.6, 0.98])
@pytest.mark.parametrize("deep", [False, True])
def test_cut_off_file_is_an_error_and_never_half_a_picture(tmp_path, suffix, share, deep):
    save_picture(tmp_path / f"x.{suffix}", still(noise(64, 64, 3, dtype=np.uint16 if deep else np.uint8)))
    data = (tmp_path / f"x.{suffix}").read_bytes()
    (tmp_path / f"x.{suffix}").write_bytes(data[: int(share * len(data))])
    with pytest.raises(TruncatedInputError, match="cut off"):
        open_picture(tmp_path / f"x.{suffix}").load()


def test_16_bit_tiff_with_damaged_strips_is_an_error(tmp_path):
    data = bytearray(tiff16(noise(21, 37, 3, dtype=np.uint16), "<"))
    data[40:80] = bytes(40)
    (tmp_path / "x.tif").write_bytes(data)
    with pytest.raises((NotMediaError, TruncatedInputError)):
        open_picture(tmp_path / "x.tif").load()


# --- what is asked of the writer ----------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", ["png", "jpg", "tif", "webp", "avif", "bmp"])
@pytest.mark.parametrize("deep", [False, True])
def test_same_picture_gives_the_same_bytes_whatever_the_machine(tmp_path, suffix, deep, monkeypatch):
    picture = still(smooth(300, 700, dtype=np.uint16 if deep else np.uint8), profile=P3, dpi=(300.0, 300.0))
    digests = set()
    for threads in (1, 8):
        # Pillow asks the machine here, and nowhere else, how many threads its AVIF encoder gets.
        monkeypatch.setattr(AvifImagePlugin, "_get_default_max_threads", lambda threads=threads: threads)
        digests.add(save_picture(tmp_path / f"x.{suffix}", picture, metadata=EXTRA).sha256)
    assert len(digests) == 1


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    x=st.floats(1, 9600), y=st.floats(1, 9600), height=st.integers(1, 40), width=st.integers(1, 40),
    suffix=st.sampled_from(["png", "jpg", "tif", "webp", "avif", "bmp"]), deep=st.booleans(),
)  # fmt: skip
def test_any_size_and_resolution_comes_back(tmp_path, x, y, height, width, suffix, deep):
    path = tmp_path / f"x.{suffix}"
    picture = still(noise(height, width, 3, dtype=np.uint16 if deep else np.uint8))
    save_picture(path, picture, dpi=(x, y))
    read = open_picture(path).load()
    assert read.colour.shape == (height, width, 3)
    tolerance = 0.0128 if suffix == "bmp" else 1e-4  # BMP: whole pixels per metre; the others have EXIF
    assert read.dpi == pytest.approx((x, y), abs=tolerance, rel=1e-6)
    if suffix in ("png", "tif"):
        assert np.array_equal(read.colour, picture.colour)


def test_resolution_is_the_asked_one_else_the_pictures_own_else_none(tmp_path):
    for suffix in ("png", "jpg", "tif", "webp", "avif", "bmp"):
        path = tmp_path / f"x.{suffix}"
        save_picture(path, still(smooth(8, 8), dpi=(72.0, 72.0)), dpi=300)
        assert open_picture(path).load().dpi == pytest.approx((300, 300), abs=0.01)
        save_picture(path, still(smooth(8, 8), dpi=(72.0, 72.0)))
        assert open_picture(path).load().dpi == pytest.approx((72, 72), abs=0.01)
        save_picture(path, still(smooth(8, 8)))
        assert open_picture(path).load().dpi is None, suffix
    save_picture(tmp_path / "x.jpg", still(smooth(8, 8)), dpi=300)
    save_picture(tmp_path / "x.png", still(smooth(8, 8)), dpi=300)
    with Image.open(tmp_path / "x.jpg") as jpg, Image.open(tmp_path / "x.png") as image:
        assert jpg.info["dpi"] == (300, 300)  # JFIF, and not EXIF alone
        assert image.info["dpi"] == pytest.approx((300, 300), abs=0.001)  # pHYs


def test_300_dpi_of_a_png_is_300_and_does_not_drift(tmp_path):
    Image.fromarray(smooth(4, 4)).save(tmp_path / "x.png", dpi=(300, 300))
    with Image.open(tmp_path / "x.png") as image:
        assert image.info["dpi"][0] == pytest.approx(299.9994)
    assert open_picture(tmp_path / "x.png").load().dpi == (300.0, 300.0)


def test_pillows_invented_72_dpi_is_not_believed(tmp_path):
    exif = Image.Exif()
    exif[0x010F] = "Maker"
    Image.fromarray(smooth(8, 8)).save(tmp_path / "x.jpg", exif=exif)
    with Image.open(tmp_path / "x.jpg") as image:
        assert image.info.get("dpi") == (72, 72)
    assert open_picture(tmp_path / "x.jpg").load().dpi is None


def test_endings_are_checked_before_any_work(tmp_path):
    assert check_writable(tmp_path / "x.JPG") == "JPEG"
    assert ".png" in writable_suffixes()
    with pytest.raises(UsageError, match=r"did you mean '\.png'"):
        check_writable(tmp_path / "x.pngg")
    for name in ("x", "x.gif", "x.jp2"):
        with pytest.raises(UsageError, match="valid: "):
            save_picture(tmp_path / name, still(smooth(4, 4)))
    assert list(tmp_path.iterdir()) == []


def test_heic_without_an_encoder_names_the_remedy(tmp_path, monkeypatch):
    monkeypatch.setattr("fancam.pictures.save.heif_plugin", lambda: "pi_heif")
    assert ".heic" not in writable_suffixes()
    with pytest.raises(UnsupportedMediaError, match="pip install pillow-heif"):
        save_picture(tmp_path / "x.heic", still(smooth(4, 4)))
    monkeypatch.setattr("fancam.pictures.save.heif_plugin", lambda: "pillow_heif")
    assert ".heic" in writable_suffixes()


def test_what_cannot_be_written_is_refused_before_a_file_is_made(tmp_path):
    with pytest.raises(UsageError, match="at most 16383 pixels a side, not 16384x1"):
        save_picture(tmp_path / "x.webp", still(noise(1, 16384, 3)))
    with pytest.raises(UsageError, match="quality 101"):
        save_picture(tmp_path / "x.jpg", still(smooth(4, 4)), quality=101)
    for dpi in (0, -1, float("nan"), (300, float("inf"))):
        with pytest.raises(ValueError, match="dpi"):
            save_picture(tmp_path / "x.jpg", still(smooth(4, 4)), dpi=dpi)
    alphas = (noise(5, 4), noise(4, 4, dtype=np.uint16))
    shapes = (noise(4, 4, 4), noise(0, 4, 3), smooth(4, 4).astype(np.float32))
    for bad in (*map(still, shapes), *(still(smooth(4, 4), alpha=alpha) for alpha in alphas)):
        with pytest.raises(ValueError, match="cannot write"):
            save_picture(tmp_path / "x.png", bad)
    assert list(tmp_path.iterdir()) == []


def test_full_disk_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    (tmp_path / "x.tif").write_bytes(b"what was there before")
    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OutputError, match="the disk is full"):
        save_picture(tmp_path / "x.tif", still(smooth(8, 8)))
    assert [p.name for p in tmp_path.iterdir()] == ["x.tif"]
    assert (tmp_path / "x.tif").read_bytes() == b"what was there before"


def test_provenance_is_written_where_nothing_came_in(tmp_path):
    for suffix in ("png", "jpg", "tif", "webp", "avif"):
        for dtype in (np.uint8, np.uint16):
            path = tmp_path / f"x.{suffix}"
            save_picture(path, still(smooth(8, 8, dtype=dtype)), metadata=EXTRA)
            facts = open_picture(path).facts
            assert facts.xmp["dc:source"] == "직캠 01.jpg"
            assert facts.xmp["fancam:notes"] == ["a & b", "<c>"]
            assert facts.exif["Software"] == "fancam 1.2.3"
    written = save_picture(tmp_path / "x.bmp", still(smooth(8, 8)), metadata=EXTRA)
    assert written.warnings == ("BMP cannot hold EXIF and XMP: they were left out",)


# --- one reader, two views ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", ["png", "tif", "webp", "jpg", "avif"])
@pytest.mark.parametrize(("deep", "grey", "alpha"), list(itertools.product((False, True), repeat=3)))
def test_srgb_view_is_what_read_picture_returns(tmp_path, suffix, deep, grey, alpha):
    path = tmp_path / f"x.{suffix}"
    save_picture(path, made(deep, grey, alpha, profile=True))
    assert np.array_equal(open_picture(path).load().srgb(), read_picture(path).pixels)


def test_srgb_view_lays_a_wide_gamut_on_white():
    picture = made(False, False, True, True).with_pixels(noise(23, 31, 3), np.zeros((23, 31), np.uint8))
    assert picture.srgb().min() == 255


def test_every_real_photo_goes_through_every_exact_format(shared, tmp_path):
    paths = sorted(p for p in shared("data/photo").rglob("*") if p.suffix in (".jpg", ".png"))
    assert len(paths) >= 15
    for index, path in enumerate(paths):
        read = open_picture(path).load()
        assert np.array_equal(read.srgb(), read_picture(path).pixels)
        if read.colour.size > 2_000_000:
            continue
        suffix = EXACT[index % len(EXACT)]
        written = save_picture(tmp_path / f"x.{suffix}", read, dpi=300, metadata=EXTRA)
        again = open_picture(tmp_path / f"x.{suffix}").load()
        assert again.dpi == pytest.approx((300, 300), abs=0.01)
        if not any("sRGB" in warning for warning in written.warnings):
            assert np.array_equal(again.colour, read.colour)
