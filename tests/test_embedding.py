from __future__ import annotations

import struct
import zlib

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms

from fancam.errors import FancamError, InputError, InputNotFoundError, NotMediaError, TruncatedInputError
from fancam.pictures import adobe_rgb_profile, embeddable, open_picture, srgb_profile
from fancam.pictures.embedding import jpeg_header
from tests.pdf_plans import photo, saved, sha256


def stored(picture) -> bytes:
    return b"".join(picture.pieces())


def rows_of(picture, channels: int | None = None) -> np.ndarray:
    """Undo deflate and PNG's filters, by Pillow: as a PNG file around the bytes."""
    colour_type = {1: 0, 3: 2}[channels or picture.channels]
    head = struct.pack(">2I5B", picture.width_px, picture.height_px, picture.bits, colour_type, 0, 0, 0)
    parts = [(b"IHDR", head), (b"IDAT", stored(picture)), (b"IEND", b"")]
    body = b"".join(struct.pack(">I", len(d)) + n + d + struct.pack(">I", zlib.crc32(n + d)) for n, d in parts)
    return cv2.imdecode(np.frombuffer(b"\x89PNG\r\n\x1a\n" + body, np.uint8), cv2.IMREAD_UNCHANGED)


def png_chunks(data: bytes) -> list[tuple[bytes, bytes]]:
    found, position = [], 8
    while position < len(data):
        (length,) = struct.unpack_from(">I", data, position)
        found.append((data[position + 4 : position + 8], data[position + 8 : position + 8 + length]))
        position += 12 + length
    return found


def png_file(chunks: list[tuple[bytes, bytes]]) -> bytes:
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in chunks
    )


# --- the file's own bytes -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "facts", [{}, {"progressive": True}, {"subsampling": 0, "quality": 95}, {"restart_marker_rows": 1}]
)
def test_a_jpeg_goes_in_byte_for_byte(tmp_path, facts):
    path = saved(tmp_path / "card.jpg", **facts)
    picture = embeddable(path)
    assert (picture.encoding, picture.unchanged, picture.space, picture.bits) == ("jpeg", True, "rgb", 8)
    assert stored(picture) == path.read_bytes()
    assert picture.sha256 == sha256(path.read_bytes())
    assert picture.size_bytes == path.stat().st_size


def test_a_grey_jpeg_stays_grey(tmp_path):
    picture = embeddable(saved(tmp_path / "grey.jpg", photo()[..., 0]))
    assert (picture.space, picture.encoding) == ("grey", "jpeg")
    assert picture.profile is not None
    assert picture.profile[16:20] == b"GRAY"


@pytest.mark.parametrize("mode", ["RGB", "L", "1", "P"])
def test_a_plain_png_keeps_its_deflated_pixels(tmp_path, mode):
    path = tmp_path / "card.png"
    Image.fromarray(photo()).convert(mode).save(path)
    picture = embeddable(path)
    assert picture.unchanged
    assert stored(picture) == b"".join(data for name, data in png_chunks(path.read_bytes()) if name == b"IDAT")
    assert picture.bits == (1 if mode == "1" else 8)
    assert (picture.palette is not None) == (mode == "P")


def test_idat_chunks_of_any_length_are_joined(tmp_path):
    chunks = png_chunks(saved(tmp_path / "card.png").read_bytes())
    whole = b"".join(data for name, data in chunks if name == b"IDAT")
    split = [(b"IDAT", whole[i : i + 777]) for i in range(0, len(whole), 777)]
    path = tmp_path / "split.png"
    path.write_bytes(png_file([chunks[0], (b"IDAT", b""), *split, (b"tEXt", b"a\0b"), chunks[-1]]))
    assert stored(embeddable(path)) == whole


@pytest.mark.parametrize("shape", [(50, 40, 3), (50, 40)])
def test_sixteen_bits_of_a_png_are_kept(tmp_path, shape):
    deep = np.random.default_rng(0).integers(0, 65536, shape, dtype=np.uint16)
    path = tmp_path / "deep.png"
    cv2.imwrite(str(path), deep)
    picture = embeddable(path)
    assert (picture.bits, picture.unchanged) == (16, True)
    assert np.array_equal(rows_of(picture), deep)


# --- what has to be decoded ---------------------------------------------------------------------------------------


def test_alpha_becomes_a_plane_of_its_own_and_the_colours_stay(tmp_path):
    alpha = np.tile(np.linspace(0, 255, 280).astype(np.uint8), (400, 1))
    picture = embeddable(saved(tmp_path / "card.png", np.dstack([photo(), alpha])))
    assert not picture.unchanged
    assert picture.alpha is not None
    assert np.array_equal(rows_of(picture)[..., ::-1], photo())
    rows = np.frombuffer(zlib.decompress(picture.alpha.data), np.uint8).reshape(400, 281)
    assert np.array_equal(np.cumsum(rows[:, 1:], axis=0, dtype=np.uint8), alpha)  # filter Up


def test_an_opaque_alpha_channel_is_left_out(tmp_path):
    picture = embeddable(saved(tmp_path / "card.png", np.dstack([photo(), np.full((400, 280), 255, np.uint8)])))
    assert picture.alpha is None
    assert np.array_equal(rows_of(picture)[..., ::-1], photo())


def test_an_interlaced_png_is_decoded(tmp_path):
    """Adam7 by hand for 1x1: one pass. A larger one is made by no library here that writes them."""
    path = tmp_path / "interlaced.png"
    head = struct.pack(">2I5B", 1, 1, 8, 2, 0, 0, 1)
    path.write_bytes(png_file([(b"IHDR", head), (b"IDAT", zlib.compress(b"\0\x0a\x14\x1e")), (b"IEND", b"")]))
    picture = embeddable(path)
    assert not picture.unchanged
    assert rows_of(picture)[0, 0].tolist() == [30, 20, 10]


def test_a_palette_with_a_transparent_entry_gets_alpha(tmp_path):
    path = tmp_path / "card.gif"
    Image.fromarray(photo()).quantize(16).save(tmp_path / "card.png", transparency=3)
    Image.fromarray(photo()).quantize(16).save(path)
    assert embeddable(tmp_path / "card.png").alpha is not None
    assert embeddable(path).alpha is None


@pytest.mark.parametrize("ending", ["tif", "webp", "bmp", "ppm"])
def test_other_formats_are_deflated_without_loss(tmp_path, ending):
    path = saved(tmp_path / f"card.{ending}", **({"lossless": True} if ending == "webp" else {}))
    picture = embeddable(path)
    assert (picture.encoding, picture.unchanged) == ("png", False)
    assert np.array_equal(rows_of(picture)[..., ::-1], photo())


def test_sixteen_bits_of_a_tiff_are_kept(tmp_path):
    deep = np.random.default_rng(0).integers(0, 65536, (50, 40, 3), dtype=np.uint16)
    path = tmp_path / "deep.tif"
    cv2.imwrite(str(path), deep)
    picture = embeddable(path)
    assert picture.bits == 16
    assert np.array_equal(rows_of(picture), deep)


def test_a_cmyk_tiff_stays_cmyk(tmp_path):
    inks = np.random.default_rng(0).integers(0, 256, (30, 20, 4), dtype=np.uint8)
    path = tmp_path / "card.tif"
    Image.fromarray(inks, "CMYK").save(path)
    picture = embeddable(path)
    assert (picture.space, picture.inverted, picture.profile) == ("cmyk", False, None)
    rows = np.frombuffer(zlib.decompress(stored(picture)), np.uint8).reshape(30, 81)[:, 1:]
    assert np.array_equal(np.cumsum(rows, axis=0, dtype=np.uint8).reshape(30, 20, 4), inks)
    assert any("CMYK without a profile" in note for note in picture.notes)


@pytest.mark.parametrize(
    ("marker", "bits", "components", "fits"),
    [(0xC0, 8, 3, True), (0xC2, 8, 4, True), (0xC1, 8, 1, True),
     (0xC3, 8, 3, False), (0xC0, 12, 3, False), (0xC9, 8, 3, False), (0xC0, 8, 2, False)],
)  # fmt: skip
def test_only_what_the_filter_of_a_pdf_takes_is_passed_on(tmp_path, marker, bits, components, fits):
    """Lossless, 12-bit and arithmetically coded JPEGs have no filter there."""
    names = b"".join(bytes([index + 1, 0x11, 0]) for index in range(components))
    frame = struct.pack(">B2HB", bits, 10, 20, components) + names
    path = tmp_path / "card.jpg"
    path.write_bytes(b"\xff\xd8\xff" + bytes([marker]) + struct.pack(">H", len(frame) + 2) + frame + b"\xff\xda")
    header = jpeg_header(path)
    assert header is not None
    assert header.fits_pdf == fits


def test_a_jpeg_in_plain_rgb_says_so(tmp_path):
    path = tmp_path / "rgb.jpg"
    Image.fromarray(photo()).save(path, keep_rgb=True)
    header = jpeg_header(path)
    assert header is not None
    assert header.component_ids == tuple(b"RGB")
    says_itself = header.adobe_transform is not None
    assert embeddable(path).colour_transform == (None if says_itself else 0)


# --- orientation --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", range(1, 9))
@pytest.mark.parametrize("ending", ["jpg", "png", "tif", "webp"])
def test_the_orientation_in_exif_is_kept_or_carried_out(tmp_path, value, ending):
    exif = Image.Exif()
    exif[0x0112] = value
    path = saved(tmp_path / f"card.{ending}", exif=exif)
    picture = embeddable(path)
    upright = open_picture(path).load()
    assert picture.upright_size_px == (upright.width, upright.height)
    if ending == "jpg":
        assert picture.unchanged
        assert np.array_equal(picture.orientation.upright(np.asarray(Image.open(path))), upright.colour)
    elif ending in ("png", "tif"):
        assert np.array_equal(picture.orientation.upright(rows_of(picture)[..., ::-1]), upright.colour)


# --- colour -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", ["jpg", "png", "tif", "webp"])
def test_the_embedded_profile_comes_along(tmp_path, ending):
    picture = embeddable(saved(tmp_path / f"card.{ending}", icc_profile=adobe_rgb_profile()))
    assert picture.profile == adobe_rgb_profile()
    assert picture.notes == ()


def test_without_a_profile_srgb_is_taken_and_noted(tmp_path):
    picture = embeddable(saved(tmp_path / "card.png"))
    assert picture.profile == srgb_profile()
    assert picture.notes == ("no colour profile: sRGB was assumed",)


def test_a_profile_for_other_samples_is_not_attached(tmp_path):
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    for profile in (lab, b"no profile at all"):
        picture = embeddable(saved(tmp_path / "card.png", icc_profile=profile))
        assert picture.profile == srgb_profile()
        assert picture.notes


def test_grey_with_an_rgb_profile_gets_the_grey_profile_of_the_same_curve(tmp_path):
    picture = embeddable(saved(tmp_path / "grey.jpg", photo()[..., 0], icc_profile=adobe_rgb_profile()))
    assert picture.unchanged
    assert picture.profile is not None
    assert picture.profile[16:20] == b"GRAY"
    assert picture.profile != embeddable(saved(tmp_path / "plain.jpg", photo()[..., 0])).profile


def test_only_a_cmyk_jpeg_with_the_marker_of_adobe_is_inverted(tmp_path):
    path = tmp_path / "card.jpg"
    Image.fromarray(np.full((16, 16, 4), (200, 10, 10, 0), np.uint8), "CMYK").save(path, quality=95)
    assert embeddable(path).inverted
    data = path.read_bytes()
    at = data.index(b"\xff\xee")
    plain = tmp_path / "plain.jpg"
    plain.write_bytes(data[:at] + data[at + 2 + int.from_bytes(data[at + 2 : at + 4], "big") :])
    assert not embeddable(plain).inverted
    assert any("without the marker of Adobe" in note for note in embeddable(plain).notes)


# --- damage -------------------------------------------------------------------------------------------------------


@given(share=st.floats(0.0, 0.995), ending=st.sampled_from(["png", "jpg", "tif", "webp"]))
@settings(max_examples=60, deadline=None)
def test_a_file_that_is_cut_off_is_refused(tmp_path_factory, share, ending):
    folder = tmp_path_factory.mktemp("cut")
    path = saved(folder / f"card.{ending}", photo(90, 120))
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])
    with pytest.raises((TruncatedInputError, NotMediaError)) as caught:
        embeddable(path)
    assert path.name in caught.value.line()


def test_a_png_whose_file_is_whole_and_whose_pixels_are_not_is_refused(tmp_path):
    chunks = png_chunks(saved(tmp_path / "card.png").read_bytes())
    raw = zlib.decompress(b"".join(data for name, data in chunks if name == b"IDAT"))
    path = tmp_path / "short.png"
    for data, kind in (
        (zlib.compress(raw[:-841]), TruncatedInputError),
        (zlib.compress(raw)[:-9], TruncatedInputError),
        (zlib.compress(raw + raw[:841]), NotMediaError),
        (zlib.compress(b"\x07" + raw[1:]), NotMediaError),
        (zlib.compress(raw[: 841 * 7] + b"\x05" + raw[841 * 7 + 1 :]), NotMediaError),
        (zlib.compress(raw)[:-4] + b"\0\0\0\0", NotMediaError),
        (b"\0" * 100, NotMediaError),
    ):
        path.write_bytes(png_file([chunks[0], (b"IDAT", data), chunks[-1]]))
        with pytest.raises(kind):
            embeddable(path)


def test_a_chunk_whose_checksum_is_wrong_is_refused_though_its_pixels_inflate(tmp_path):
    path = saved(tmp_path / "card.png", photo(20, 30))
    data = bytearray(path.read_bytes())
    data[data.index(b"IEND") - 5] ^= 1  # the last byte of the sum of IDAT
    path.write_bytes(data)
    with pytest.raises(NotMediaError, match="checksum"):
        embeddable(path)


def test_one_wrong_bit_in_a_png_is_found(tmp_path):
    path = saved(tmp_path / "card.png")
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(NotMediaError):
        embeddable(path)


@given(st.binary(max_size=200), st.integers(0, 60))
@settings(max_examples=80, deadline=None)
def test_any_bytes_are_a_picture_or_one_of_our_errors(tmp_path_factory, noise, at):
    path = tmp_path_factory.mktemp("noise") / "card.png"
    Image.fromarray(photo(9, 9)).save(path)
    data = path.read_bytes()
    path.write_bytes(data[:at] + noise + data[at + len(noise) :])
    try:
        embeddable(path)
    except FancamError as error:
        assert error.remedy


def test_a_bomb_is_not_inflated_past_its_stated_size(tmp_path):
    """A hundred megabytes of zeros behind a picture of one pixel must not pass through memory at once."""
    path = tmp_path / "bomb.png"
    head = struct.pack(">2I5B", 1, 1, 8, 0, 0, 0, 0)
    path.write_bytes(png_file([(b"IHDR", head), (b"IDAT", zlib.compress(bytes(10**8), 9)), (b"IEND", b"")]))
    with pytest.raises(NotMediaError, match="too many rows"):
        embeddable(path)


def test_a_file_that_changes_between_looking_and_reading_is_noticed(tmp_path):
    for ending in ("jpg", "png"):
        path = saved(tmp_path / f"card.{ending}")
        picture = embeddable(path)
        saved(path, photo(seed=1))
        with pytest.raises(InputError, match="changed"):
            stored(picture)
        path.unlink()
        with pytest.raises(InputNotFoundError):
            stored(picture)


def test_what_is_not_there_or_no_picture_is_refused(tmp_path):
    with pytest.raises(InputNotFoundError):
        embeddable(tmp_path / "none.png")
    (tmp_path / "words.png").write_text("not a picture")
    with pytest.raises(NotMediaError):
        embeddable(tmp_path / "words.png")


def test_of_an_animation_the_first_picture_is_taken_and_that_is_noted(tmp_path):
    path = tmp_path / "moving.webp"
    frames = [Image.fromarray(photo(40, 60, seed)) for seed in range(3)]
    frames[0].save(path, save_all=True, append_images=frames[1:], lossless=True)
    picture = embeddable(path)
    assert np.array_equal(rows_of(picture)[..., ::-1], photo(40, 60, 0))
    assert any("3 pictures" in note for note in picture.notes)
