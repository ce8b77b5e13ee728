from __future__ import annotations

import io
import os
import struct
import zlib

import cv2
import numpy as np
import pytest
from PIL import Image, ImageCms, PngImagePlugin, TiffImagePlugin

from fancam.errors import (
    FancamError,
    InputNotFoundError,
    InputUnreadableError,
    NotMediaError,
    PictureTooLargeError,
    TruncatedInputError,
    UnsupportedMediaError,
)
from fancam.pictures import looks_like_picture, matrix_profile, opening, picture_suffixes, read_picture, srgb_profile
from tests.orientations import STORED

D65 = (0.3127, 0.3290)
P3_PRIMARIES = ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060))  # SMPTE EG 432-1
SRGB_PRIMARIES = ((0.64, 0.33), (0.30, 0.60), (0.15, 0.06))  # IEC 61966-2-1
ADOBE_PRIMARIES = ((0.64, 0.33), (0.21, 0.71), (0.15, 0.06))


def four_corners() -> np.ndarray:
    pixels = np.zeros((40, 60, 3), np.uint8)
    pixels[:20, :30] = (255, 0, 0)
    pixels[:20, 30:] = (0, 255, 0)
    pixels[20:, :30] = (0, 0, 255)
    pixels[20:, 30:] = (255, 255, 255)
    return pixels


def noise(*shape: int, dtype=np.uint8) -> np.ndarray:
    return np.random.default_rng(7).integers(0, np.iinfo(dtype).max + 1, shape).astype(dtype)


def primaries_matrix(primaries) -> np.ndarray:
    """Linear RGB to XYZ, written down again here so that the room's own arithmetic is not its judge."""
    columns = np.array([[x / y, 1, (1 - x - y) / y] for x, y in primaries]).T
    white = np.array([D65[0] / D65[1], 1, (1 - D65[0] - D65[1]) / D65[1]])
    return columns * (np.linalg.inv(columns) @ white)


def expected_srgb(pixels: np.ndarray, primaries, gamma: float) -> np.ndarray:
    linear = (pixels / 255.0) ** gamma
    matrix = np.linalg.inv(primaries_matrix(SRGB_PRIMARIES)) @ primaries_matrix(primaries)
    srgb = np.clip(linear @ matrix.T, 0, 1)
    encoded = np.where(srgb <= 0.0031308, 12.92 * srgb, 1.055 * srgb ** (1 / 2.4) - 0.055)
    return encoded * 255


def cmyk_profile() -> bytes:
    """A small version 2 CMYK output profile whose A2B table is R = (1 - C)(1 - K) …, in Lab."""
    grid = 5
    axis = np.linspace(0, 1, grid)
    c, m, y, k = np.meshgrid(axis, axis, axis, axis, indexing="ij")
    rgb = np.stack([(1 - v) * (1 - k) for v in (c, m, y)], axis=-1)
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    to_d50 = np.array(
        [[0.4360747, 0.3850649, 0.1430804], [0.2225045, 0.7168786, 0.0606169], [0.0139322, 0.0971045, 0.7141733]]
    )  # fmt: skip - Lindbloom, sRGB adapted to D50
    ratio = linear @ to_d50.T / np.array([0.9642, 1.0, 0.8249])
    f = np.where(ratio > 216 / 24389, np.cbrt(ratio), (24389 / 27 * ratio + 16) / 116)
    lab = np.stack([116 * f[..., 1] - 16, 500 * (f[..., 0] - f[..., 1]), 200 * (f[..., 1] - f[..., 2])], axis=-1)
    # ICC.1:2001-04: L* 0 to 100 as 0 to 65280, a* and b* offset by 128 in 8.8
    encoded = np.rint(np.clip([652.80, 256, 256] * lab + [0, 32768, 32768], 0, 65535)).astype(">u2")
    identity = struct.pack(">2H", 0, 65535)
    lut = b"mft2" + bytes(4) + bytes([4, 3, grid, 0]) + struct.pack(">9i", *np.eye(3, dtype=int).ravel() * 65536)
    lut += struct.pack(">2H", 2, 2) + identity * 4 + encoded.tobytes() + identity * 3
    description = b"desc" + bytes(4) + struct.pack(">I", 5) + b"test\0" + bytes(78)
    white = b"XYZ " + bytes(4) + struct.pack(">3i", 63190, 65536, 54061)
    tags = [(b"desc", description), (b"cprt", b"text" + bytes(4) + b"none\0"), (b"wtpt", white), (b"A2B0", lut)]
    table, body = struct.pack(">I", len(tags)), b""
    for name, data in tags:
        table += name + struct.pack(">2I", 132 + 12 * len(tags) + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    header = struct.pack(">I4xI4s4s4s", 128 + len(table) + len(body), 0x02400000, b"prtr", b"CMYK", b"Lab ")
    header += struct.pack(">6H", 2000, 1, 1, 0, 0, 0) + b"acsp" + bytes(28) + struct.pack(">3i", 63190, 65536, 54061)
    return header.ljust(128, b"\0") + table + body


# --- orientation --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", ["jpg", "png", "tif", "webp", "avif"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_exif_orientation_comes_out_upright(tmp_path, suffix, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / f"x.{suffix}"
    options = {"jpg": {"quality": 100}, "avif": {"quality": 100}, "webp": {"lossless": True}}.get(suffix, {})
    stored = np.ascontiguousarray(STORED[orientation](four_corners()))
    Image.fromarray(stored).save(path, exif=exif, **options)
    pixels = read_picture(path).pixels
    assert pixels.shape == (40, 60, 3)
    assert np.abs(pixels.astype(int) - four_corners()).mean() < 6  # JPEG and AVIF blur the edges between the colours


@pytest.mark.parametrize("orientation", range(1, 9))
def test_16_bit_tiff_comes_out_upright_too(tmp_path, orientation):
    stored = np.ascontiguousarray(STORED[orientation](four_corners())).astype(np.uint16) * 257
    path = tmp_path / "x.tif"
    cv2.imwrite(str(path), stored[..., ::-1], [cv2.IMWRITE_TIFF_COMPRESSION, 1])
    data = bytearray(path.read_bytes())
    insert_tiff_orientation(data, orientation)
    path.write_bytes(data)
    assert np.array_equal(read_picture(path).pixels, four_corners())


def insert_tiff_orientation(data: bytearray, orientation: int) -> None:
    """Put an Orientation entry into the directory of a little-endian TIFF, moved to the end of the file."""
    (start,) = struct.unpack_from("<I", data, 4)
    (count,) = struct.unpack_from("<H", data, start)
    entries = [bytes(data[start + 2 + 12 * i : start + 14 + 12 * i]) for i in range(count)]
    entries = [e for e in entries if e[:2] != struct.pack("<H", 274)]
    entries.append(struct.pack("<2HIHH", 274, 3, 1, orientation, 0))
    entries.sort(key=lambda e: struct.unpack("<H", e[:2]))
    struct.pack_into("<I", data, 4, len(data))
    data += struct.pack("<H", len(entries)) + b"".join(entries) + bytes(4)


# --- colour -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("primaries", "gamma"), [(P3_PRIMARIES, 2.2), (ADOBE_PRIMARIES, 563 / 256)], ids=["display-p3", "adobe-rgb"]
)
def test_wide_gamut_profile_is_converted_to_srgb_as_colour_science_says(tmp_path, primaries, gamma):
    pixels = noise(32, 32, 3)
    path = tmp_path / "wide.png"
    Image.fromarray(pixels).save(path, icc_profile=matrix_profile("wide", primaries, D65, gamma))
    frame = read_picture(path)
    assert np.abs(frame.pixels - expected_srgb(pixels, primaries, gamma)).max() <= 2
    assert np.abs(frame.pixels.astype(int) - pixels).max() > 20  # it did not just keep the numbers
    assert frame.warnings == ()


def test_adobe_rgb_named_only_in_exif_is_converted(tmp_path):
    pixels = noise(16, 16, 3)
    # TIFF header; IFD0 with a pointer to the Exif IFD, that with one to the interoperability IFD, that with "R03".
    exif = b"II*\0" + struct.pack("<I", 8)
    exif += struct.pack("<H2HII", 1, 0x8769, 4, 1, 26) + bytes(4)
    exif += struct.pack("<H2HII", 1, 0xA005, 4, 1, 44) + bytes(4)
    exif += struct.pack("<H2HI4sI", 1, 1, 2, 4, b"R03\0", 0)
    path = tmp_path / "camera.png"
    Image.fromarray(pixels).save(path, exif=b"Exif\0\0" + exif)
    assert np.abs(read_picture(path).pixels - expected_srgb(pixels, ADOBE_PRIMARIES, 563 / 256)).max() <= 2


def test_srgb_profile_under_any_name_leaves_every_pixel_alone(tmp_path):
    pixels = noise(64, 64, 3)
    for profile in (srgb_profile(), ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()):
        path = tmp_path / "s.png"
        Image.fromarray(pixels).save(path, icc_profile=profile)
        assert np.array_equal(read_picture(path).pixels, pixels)


def test_picture_without_profile_is_taken_as_srgb(tmp_path):
    pixels = noise(8, 8, 3)
    Image.fromarray(pixels).save(tmp_path / "x.png")
    assert np.array_equal(read_picture(tmp_path / "x.png").pixels, pixels)


def test_cmyk_jpeg_with_adobe_marker_is_not_inverted(tmp_path):
    path = tmp_path / "c.jpg"
    Image.new("CMYK", (16, 16), (0, 255, 255, 0)).save(path, quality=100)
    assert b"Adobe" in path.read_bytes()
    frame = read_picture(path)
    assert frame.pixels.mean(axis=(0, 1)) == pytest.approx([254, 0, 0], abs=3)
    assert any("CMYK" in warning for warning in frame.warnings)


def test_cmyk_with_a_profile_goes_through_it(tmp_path):
    path = tmp_path / "c.tif"
    Image.new("CMYK", (16, 16), (128, 0, 64, 51)).save(path, icc_profile=cmyk_profile())
    frame = read_picture(path)
    expected = [(1 - v / 255) * (1 - 51 / 255) * 255 for v in (128, 0, 64)]
    assert frame.pixels.mean(axis=(0, 1)) == pytest.approx(expected, abs=8)  # a grid of 5, hence coarse
    assert frame.warnings == ()


def test_grey_with_a_grey_profile_is_converted(tmp_path):
    levels = np.arange(256, dtype=np.uint8).reshape(16, 16)
    path = tmp_path / "g.tif"
    Image.fromarray(levels).save(path, icc_profile=grey_profile(gamma=1.0))
    linear = levels / 255
    expected = 255 * np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    pixels = read_picture(path).pixels
    assert np.abs(pixels - expected[..., np.newaxis]).max() <= 2


def grey_profile(gamma: float) -> bytes:
    curve = b"curv" + bytes(4) + struct.pack(">IH", 1, round(gamma * 256)) + bytes(2)
    description = b"desc" + bytes(4) + struct.pack(">I", 5) + b"grey\0" + bytes(78) + bytes(1)
    white = b"XYZ " + bytes(4) + struct.pack(">3i", 63190, 65536, 54061)
    tags = [(b"desc", description), (b"cprt", b"text" + bytes(4) + b"none\0" + bytes(3)), (b"wtpt", white),
            (b"kTRC", curve)]  # fmt: skip
    table, body = struct.pack(">I", len(tags)), b""
    for name, data in tags:
        table += name + struct.pack(">2I", 132 + 12 * len(tags) + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    header = struct.pack(">I4xI4s4s4s", 128 + len(table) + len(body), 0x02400000, b"mntr", b"GRAY", b"XYZ ")
    header += struct.pack(">6H", 2000, 1, 1, 0, 0, 0) + b"acsp" + bytes(28) + struct.pack(">3i", 63190, 65536, 54061)
    return header.ljust(128, b"\0") + table + body


def test_profile_that_does_not_fit_or_is_damaged_is_reported_and_not_used(tmp_path):
    pixels = noise(8, 8, 3)
    for profile, word in ((cmyk_profile(), "CMYK"), (b"not a profile" * 20, "damaged")):
        path = tmp_path / "x.jpg"
        Image.fromarray(pixels).save(tmp_path / "x.png", icc_profile=profile)
        path = tmp_path / "x.png"
        frame = read_picture(path)
        assert np.array_equal(frame.pixels, pixels)
        assert any(word in warning for warning in frame.warnings)


# --- modes --------------------------------------------------------------------------------------------------------


def test_16_bit_rgb_is_rounded_and_not_cut_to_its_high_byte(tmp_path):
    samples = noise(32, 32, 3, dtype=np.uint16)
    expected = np.rint(samples / 257).astype(np.uint8)
    assert not np.array_equal(expected, samples >> 8)
    for name in ("x.png", "x.tif"):
        cv2.imwrite(str(tmp_path / name), samples[..., ::-1])
        assert np.array_equal(read_picture(tmp_path / name).pixels, expected), name


def test_16_bit_grey_is_scaled_and_not_clipped(tmp_path):
    samples = noise(16, 16, dtype=np.uint16)
    expected = np.repeat(np.rint(samples / 257).astype(np.uint8)[..., np.newaxis], 3, axis=2)
    for name in ("x.png", "x.tif", "x.pgm"):
        cv2.imwrite(str(tmp_path / name), samples)
        assert np.array_equal(read_picture(tmp_path / name).pixels, expected), name


def test_16_bit_rgba_is_laid_on_white(tmp_path):
    samples = np.zeros((4, 4, 4), np.uint16)
    samples[..., 2] = 65535  # red, in OpenCV's order
    samples[:2, :, 3] = 65535
    cv2.imwrite(str(tmp_path / "x.png"), samples)
    frame = read_picture(tmp_path / "x.png")
    assert frame.pixels[0, 0].tolist() == [255, 0, 0]
    assert frame.pixels[3, 0].tolist() == [255, 255, 255]
    assert any("transparency" in warning for warning in frame.warnings)


def test_white_is_zero_tiff_is_not_a_negative(tmp_path):
    samples = noise(6, 5, dtype=np.uint16)
    cv2.imwrite(str(tmp_path / "x.tif"), samples, [cv2.IMWRITE_TIFF_COMPRESSION, 1])
    data = bytearray((tmp_path / "x.tif").read_bytes())
    (start,) = struct.unpack_from("<I", data, 4)
    (count,) = struct.unpack_from("<H", data, start)
    for i in range(count):
        if struct.unpack_from("<H", data, start + 2 + 12 * i) == (262,):
            struct.pack_into("<H", data, start + 10 + 12 * i, 0)
    (tmp_path / "x.tif").write_bytes(data)
    expected = np.rint((65535 - samples.astype(int)) / 257)
    assert np.array_equal(read_picture(tmp_path / "x.tif").pixels[..., 0], expected)


def test_transparency_is_laid_on_white_and_said(tmp_path):
    rgba = np.zeros((2, 3, 4), np.uint8)
    rgba[:, :, 0] = 200
    rgba[0, :, 3] = (0, 128, 255)
    rgba[1, :, 3] = 255
    Image.fromarray(rgba).save(tmp_path / "a.png")
    frame = read_picture(tmp_path / "a.png")
    assert frame.pixels[0].tolist() == [[255, 255, 255], [227, 127, 127], [200, 0, 0]]
    assert frame.warnings == ("has transparency: it was laid on white",)
    rgba[..., 3] = 255
    Image.fromarray(rgba).save(tmp_path / "opaque.png")
    assert read_picture(tmp_path / "opaque.png").warnings == ()


def test_palette_with_a_transparent_colour(tmp_path):
    image = Image.new("P", (2, 1))
    image.putpalette([10, 20, 30, 200, 100, 50])
    image.putpixel((1, 0), 1)
    image.save(tmp_path / "p.gif", transparency=0)
    assert read_picture(tmp_path / "p.gif").pixels[0].tolist() == [[255, 255, 255], [200, 100, 50]]


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "LAB"])
def test_every_mode_comes_out_as_rgb_of_the_same_look(tmp_path, mode):
    grey = Image.new("RGB", (8, 8), (255, 255, 255))
    image = (
        ImageCms.profileToProfile(grey, ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), outputMode="LAB")
        if mode == "LAB"
        else grey.convert(mode)
    )
    path = tmp_path / ("x.png" if mode in ("1", "L", "LA", "P", "RGB", "RGBA") else "x.tif")
    assert image is not None
    image.save(path)
    pixels = read_picture(path).pixels
    assert pixels.dtype == np.uint8
    assert pixels.shape == (8, 8, 3)
    assert pixels.min() >= 253


def test_first_picture_of_a_tiff_is_used_and_the_others_are_mentioned(tmp_path):
    first, second = Image.new("RGB", (6, 4), (1, 2, 3)), Image.new("RGB", (9, 9), (200, 0, 0))
    first.save(tmp_path / "m.tif", save_all=True, append_images=[second])
    frame = read_picture(tmp_path / "m.tif")
    assert frame.pixels.shape == (4, 6, 3)
    assert frame.pixels[0, 0].tolist() == [1, 2, 3]
    assert frame.warnings == ("holds 2 pictures: the first was used",)


def test_multi_picture_jpeg_of_a_phone_reads_as_its_main_picture(tmp_path):
    first, second = Image.new("RGB", (16, 8), (250, 10, 10)), Image.new("RGB", (4, 4))
    first.save(tmp_path / "x.mpo", save_all=True, append_images=[second], quality=100)
    (tmp_path / "x.mpo").rename(tmp_path / "x.jpg")
    frame = read_picture(tmp_path / "x.jpg")
    assert frame.pixels.shape == (8, 16, 3)
    assert frame.pixels[4, 8, 0] > 240
    assert frame.warnings == ()


@pytest.mark.parametrize("suffix", ["bmp", "gif", "jp2", "ppm", "qoi", "webp", "avif", "tif", "png", "jpg"])
def test_every_format_that_is_promised_reads(tmp_path, suffix):
    path = tmp_path / f"x.{suffix}"
    Image.new("RGB", (20, 10), (30, 160, 90)).save(path)
    assert f".{suffix}" in picture_suffixes()
    assert looks_like_picture(path)
    assert read_picture(path).pixels[5, 10].astype(int) == pytest.approx([30, 160, 90], abs=4)


# --- what cannot be read ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", ["jpg", "png", "tif", "webp", "avif", "gif", "bmp", "jp2", "ppm", "qoi"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.97])
def test_cut_off_picture_is_an_error_and_never_half_a_picture(tmp_path, suffix, share):
    whole = tmp_path / f"whole.{suffix}"
    options = {"tif": {"compression": "tiff_lzw"}, "webp": {"lossless": True}}.get(suffix, {})
    Image.fromarray(noise(64, 64, 3)).save(whole, **options)
    data = whole.read_bytes()
    cut = tmp_path / f"cut.{suffix}"
    cut.write_bytes(data[: int(len(data) * share)])
    assert looks_like_picture(cut)
    with pytest.raises(TruncatedInputError, match="cut off") as caught:
        read_picture(cut)
    assert str(cut) in caught.value.line()


def test_cut_off_16_bit_png_is_an_error_too(tmp_path):
    path = tmp_path / "x.png"
    cv2.imwrite(str(path), noise(64, 64, 3, dtype=np.uint16))
    path.write_bytes(path.read_bytes()[:-9000])
    with pytest.raises(TruncatedInputError):
        read_picture(path)


def test_picture_above_the_limit_is_refused_before_it_is_decoded(tmp_path):
    path = tmp_path / "bomb.png"
    header = struct.pack(">2I5B", 60000, 60000, 8, 2, 0, 0, 0)
    chunk = b"IHDR" + header
    body = struct.pack(">I", len(header)) + chunk + struct.pack(">I", zlib.crc32(chunk))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + body + struct.pack(">I", 4) + b"IDAT" + bytes(8))
    before = Image.MAX_IMAGE_PIXELS
    with pytest.raises(PictureTooLargeError, match="60000x60000 is more than the limit of 268 megapixels"):
        read_picture(path)
    assert before == Image.MAX_IMAGE_PIXELS
    Image.new("L", (11, 10)).save(tmp_path / "s.png")
    with pytest.raises(PictureTooLargeError):
        read_picture(tmp_path / "s.png", max_pixels=109)
    assert read_picture(tmp_path / "s.png", max_pixels=110).width == 11


def test_bomb_in_a_text_chunk_is_refused(tmp_path):
    info = PngImagePlugin.PngInfo()
    info.add_text("note", "a" * 100_000_000, zip=True)
    path = tmp_path / "x.png"
    Image.new("L", (4, 4)).save(path, pnginfo=info)
    assert path.stat().st_size < 200_000
    with pytest.raises(NotMediaError):
        read_picture(path)


def test_missing_folder_empty_text_and_forbidden_files_each_get_their_own_error(tmp_path):
    with pytest.raises(InputNotFoundError):
        read_picture(tmp_path / "nowhere.jpg")
    with pytest.raises(InputUnreadableError, match="folder"):
        read_picture(tmp_path)
    (tmp_path / "empty.jpg").touch()
    with pytest.raises(TruncatedInputError, match="empty"):
        read_picture(tmp_path / "empty.jpg")
    (tmp_path / "text.jpg").write_text("Dear diary, the concert was wonderful. " * 20)
    with pytest.raises(NotMediaError, match="not a picture"):
        read_picture(tmp_path / "text.jpg")
    for name in ("nowhere.jpg", "empty.jpg", "text.jpg", "."):
        assert not looks_like_picture(tmp_path / name)


def test_file_without_read_permission(tmp_path, monkeypatch):
    path = tmp_path / "x.png"
    Image.new("L", (4, 4)).save(path)
    path.chmod(0)
    if os.access(path, os.R_OK):  # root reads everything

        def refuse(*_args, **_kwargs):
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr("pathlib.Path.open", refuse)
    with pytest.raises(InputUnreadableError, match="permission"):
        read_picture(path)


def test_random_damage_never_raises_anything_but_our_errors(tmp_path):
    rng = np.random.default_rng(3)
    for suffix in ("jpg", "png", "tif", "webp", "gif", "bmp", "jp2"):
        Image.fromarray(noise(24, 24, 3)).save(tmp_path / f"x.{suffix}", exif=Image.Exif())
        data = np.frombuffer((tmp_path / f"x.{suffix}").read_bytes(), np.uint8)
        for _ in range(30):
            damaged = data.copy()
            damaged[rng.integers(0, min(len(data), 400), 4)] = rng.integers(0, 256, 4)
            path = tmp_path / f"damaged.{suffix}"
            path.write_bytes(damaged.tobytes())
            try:
                read_picture(path, max_pixels=1_000_000)
            except FancamError as error:
                assert error.item == str(path)


def test_heic_without_a_decoder_names_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setattr(opening, "heif_plugin", lambda: None)
    picture_suffixes.cache_clear()
    path = tmp_path / "phone.heic"
    path.write_bytes(struct.pack(">I", 24) + b"ftypheic" + bytes(4) + b"mif1heic" + bytes(100))
    try:
        assert looks_like_picture(path)
        assert ".heic" not in picture_suffixes()
        with pytest.raises(UnsupportedMediaError, match="pip install pi-heif"):
            read_picture(path)
    finally:
        picture_suffixes.cache_clear()


def test_camera_raw_is_refused_and_its_thumbnail_not_taken_for_the_picture(tmp_path):
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags[50706] = b"\x01\x04\x00\x00"  # DNGVersion
    tags.tagtype[50706] = 1
    path = tmp_path / "x.dng"
    Image.new("RGB", (160, 120)).save(path, "TIFF", tiffinfo=tags)
    with pytest.raises(UnsupportedMediaError, match="camera raw"):
        read_picture(path)


def test_samples_of_unknown_range_are_refused(tmp_path):
    Image.fromarray(np.ones((4, 4), np.float32)).save(tmp_path / "f.tif")
    with pytest.raises(UnsupportedMediaError, match="range"):
        read_picture(tmp_path / "f.tif")


def test_16_bit_colour_in_separate_planes_is_refused(tmp_path):
    path = tmp_path / "x.tif"
    cv2.imwrite(str(path), noise(6, 5, 3, dtype=np.uint16), [cv2.IMWRITE_TIFF_COMPRESSION, 1])
    data = bytearray(path.read_bytes())
    (start,) = struct.unpack_from("<I", data, 4)
    (count,) = struct.unpack_from("<H", data, start)
    for i in range(count):
        if struct.unpack_from("<H", data, start + 2 + 12 * i) == (284,):
            struct.pack_into("<H", data, start + 10 + 12 * i, 2)
    path.write_bytes(data)
    with pytest.raises(FancamError):
        read_picture(path)


# --- telling pictures from videos ---------------------------------------------------------------------------------


def test_animations_count_as_video_and_stills_as_pictures(tmp_path):
    frames = [Image.new("RGB", (8, 8), (i * 90, 0, 0)) for i in range(3)]
    for suffix in ("gif", "png"):
        frames[0].save(tmp_path / f"moving.{suffix}", save_all=True, append_images=frames[1:])
        frames[0].save(tmp_path / f"still.{suffix}")
        assert not looks_like_picture(tmp_path / f"moving.{suffix}")
        assert looks_like_picture(tmp_path / f"still.{suffix}")


def test_the_content_decides_and_not_the_name(tmp_path):
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8)).save(buffer, "JPEG")
    (tmp_path / "photo.mp4").write_bytes(buffer.getvalue())
    assert looks_like_picture(tmp_path / "photo.mp4")
    assert read_picture(tmp_path / "photo.mp4").width == 8
    (tmp_path / "clip.jpg").write_bytes(struct.pack(">I", 24) + b"ftypisom" + bytes(4) + b"isommp42" + bytes(100))
    assert not looks_like_picture(tmp_path / "clip.jpg")


# --- real media ---------------------------------------------------------------------------------------------------


def test_every_real_photo_reads(shared):
    paths = sorted(p for p in shared("data/photo").rglob("*") if p.suffix.lower() in picture_suffixes())
    assert len(paths) >= 20
    for path in paths:
        frame = read_picture(path)
        with Image.open(path) as image:
            assert {frame.width, frame.height} == set(image.size) or frame.width == frame.height
        assert looks_like_picture(path)
        assert frame.pixels.std() > 10
        assert frame.pixels.flags.c_contiguous
        assert frame.pixels.flags.writeable


def test_real_videos_are_no_pictures(shared):
    paths = [p for p in sorted(shared("data/video").rglob("*")) if p.is_file()]
    assert paths
    assert [p.name for p in paths if looks_like_picture(p)] == []
