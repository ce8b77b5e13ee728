from __future__ import annotations

import hashlib
import io
import os
import re
import resource
import signal
import time
from xml.sax.saxutils import escape

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms

from fancam.errors import OutputError, UnsupportedMediaError, UsageError
from fancam.geometry import Box
from fancam.pictures import (
    Canvas,
    PictureFacts,
    PictureMetadata,
    check_writable,
    fitted,
    open_picture,
    profile_description,
    read_picture,
    resample,
    save_picture,
    srgb_profile,
    text_width,
    xmp_packet,
)

METADATA = PictureMetadata(
    software="fancam 1.2.3",
    description="Photocard <55 x 85> & more, 서울",
    source="직캠 01.mp4",
    fields={
        "time_s": 41.152,
        "pts": 123456,
        "invented": True,
        "absent": None,
        "crop_box": [1.5, 2, 300.25, 400],
        "notes": ["tile redone <fp32>", "ok & fine"],
    },
)
FORMATS = ["png", "jpg", "tif", "webp"]


def noise(*shape: int, dtype=np.uint8) -> np.ndarray:
    return np.random.default_rng(11).integers(0, np.iinfo(dtype).max + 1, shape).astype(dtype)


def smooth(height: int, width: int) -> np.ndarray:
    y, x = np.mgrid[:height, :width]
    return np.stack([x * 255 // width, y * 255 // height, (x + y) * 127 // max(width, height)], axis=-1).astype(
        np.uint8
    )


# --- what is in the file ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", FORMATS)
def test_card_opens_again_with_size_profile_exif_and_provenance(tmp_path, suffix):
    path = tmp_path / f"card.{suffix}"
    save_picture(path, smooth(107, 72), dpi=300, metadata=METADATA)
    with Image.open(path) as image:  # Pillow by itself, not our reader
        assert image.size == (72, 107)
        profile = ImageCms.ImageCmsProfile(io.BytesIO(image.info["icc_profile"]))
        assert "sRGB" in ImageCms.getProfileDescription(profile)
        assert profile.profile.xcolor_space.strip() == "RGB"
        exif = image.getexif()
        assert exif[0x0131] == "fancam 1.2.3"
        assert exif[0x010E].startswith("Photocard <55 x 85> & more")
        assert float(exif[0x011A]) == 300
        assert exif[0x0128] == 2
        assert 0x0132 not in exif  # DateTime would make the bytes differ
    xmp = open_picture(path).facts.xmp
    assert xmp["xmp:CreatorTool"] == "fancam 1.2.3"
    assert xmp["dc:source"] == "직캠 01.mp4"
    assert xmp["dc:description"] == METADATA.description
    assert xmp["fancam:time_s"] == "41.152"
    assert xmp["fancam:pts"] == "123456"
    assert xmp["fancam:invented"] == "True"
    assert xmp["fancam:crop_box"] == ["1.5", "2", "300.25", "400"]
    assert xmp["fancam:notes"] == ["tile redone <fp32>", "ok & fine"]
    assert "fancam:absent" not in xmp


@pytest.mark.parametrize("dpi", [300.0, 600.0, 837.362637, 72.5])
def test_resolution_reads_back_as_exactly_as_the_format_can(tmp_path, dpi):
    for suffix, tolerance in (("png", 0.0127), ("jpg", 0.5), ("tif", 1e-4)):  # PNG: half a pixel per metre
        path = tmp_path / f"x.{suffix}"
        save_picture(path, smooth(20, 20), dpi=dpi, metadata=METADATA)
        with Image.open(path) as image:
            assert image.info["dpi"] == pytest.approx((dpi, dpi), abs=tolerance), suffix
            assert float(image.getexif()[0x011A]) == pytest.approx(dpi, abs=1e-4), suffix


def test_300_dpi_is_exact_where_the_format_has_whole_dots(tmp_path):
    for suffix in ("jpg", "tif"):
        save_picture(tmp_path / f"x.{suffix}", smooth(8, 8), dpi=300, metadata=METADATA)
        assert open_picture(tmp_path / f"x.{suffix}").facts.dpi == (300.0, 300.0)
    save_picture(tmp_path / "x.png", smooth(8, 8), dpi=300, metadata=METADATA)
    assert open_picture(tmp_path / "x.png").facts.dpi == pytest.approx((300, 300), abs=0.01)


@pytest.mark.parametrize("suffix", ["png", "tif", "webp"])
@pytest.mark.parametrize("shape", [(9, 7), (9, 7, 3), (9, 7, 4)])
def test_lossless_formats_give_back_every_pixel_and_alpha(tmp_path, suffix, shape):
    pixels = noise(*shape)
    path = tmp_path / f"x.{suffix}"
    save_picture(path, pixels, dpi=300, metadata=METADATA)
    with Image.open(path) as image:
        wanted = {2: "L", 3: "RGB", 4: "RGBA"}[2 if len(shape) == 2 else shape[2]]
        assert np.array_equal(np.asarray(image.convert(wanted)), pixels)


@pytest.mark.parametrize("suffix", ["png", "tif"])
@pytest.mark.parametrize("shape", [(301, 257), (301, 257, 3), (301, 257, 4)])
def test_16_bits_are_kept_and_the_metadata_with_them(tmp_path, suffix, shape):
    samples = noise(*shape, dtype=np.uint16)
    path = tmp_path / f"x.{suffix}"
    save_picture(path, samples, dpi=600, metadata=METADATA)
    stored = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if len(shape) == 3:
        stored = cv2.cvtColor(stored, cv2.COLOR_BGRA2RGBA if shape[2] == 4 else cv2.COLOR_BGR2RGB)
    assert stored.dtype == np.uint16
    assert np.array_equal(stored, samples)
    with Image.open(path) as image:
        image.load()
        assert image.size == (257, 301)
    facts = open_picture(path).facts
    assert facts.dpi == pytest.approx((600, 600), abs=0.0127)
    assert facts.exif["Software"] == "fancam 1.2.3"
    assert facts.xmp["fancam:time_s"] == "41.152"
    assert (facts.profile_description is not None) == (len(shape) == 3)


def test_jpeg_is_written_without_chroma_subsampling(tmp_path):
    path = tmp_path / "x.jpg"
    save_picture(path, smooth(64, 64), dpi=300, metadata=METADATA)
    with Image.open(path) as image:
        assert [layer[1:3] for layer in image.layer] == [(1, 1)] * 3
    assert np.abs(read_picture(path).pixels.astype(int) - smooth(64, 64)).mean() < 1.5


def test_quality_matters_and_given_profile_is_embedded_as_it_is(tmp_path):
    low, high = tmp_path / "low.jpg", tmp_path / "high.jpg"
    save_picture(low, noise(64, 64, 3), dpi=300, metadata=METADATA, quality=40)
    save_picture(high, noise(64, 64, 3), dpi=300, metadata=METADATA, profile=srgb_profile() + bytes(4))
    assert low.stat().st_size < 0.6 * high.stat().st_size
    with Image.open(high) as image:
        assert image.info["icc_profile"] == srgb_profile() + bytes(4)


def test_what_a_format_cannot_hold_is_refused(tmp_path):
    for name in ("a.gif", "e"):
        with pytest.raises(UsageError, match="unknown picture format"):
            save_picture(tmp_path / name, noise(4, 4, 3), dpi=300, metadata=METADATA)
    for pixels, dpi in ((np.zeros((4, 4, 3)), 300), (noise(4, 4, 2), 300), (noise(4, 4, 3), 0), (noise(0, 4, 3), 300)):
        with pytest.raises(ValueError, match="cannot write"):
            save_picture(tmp_path / "x.png", pixels, dpi=dpi, metadata=METADATA)
    assert list(tmp_path.iterdir()) == []


def test_what_a_format_cannot_hold_of_the_samples_is_converted_and_said(tmp_path):
    for name, pixels, word in (
        ("a.jpg", noise(4, 4, 4), "transparency"),
        ("b.jpg", noise(4, 4, 3, dtype=np.uint16), "16 bits"),
        ("c.webp", noise(4, 4, 3, dtype=np.uint16), "16 bits"),
        ("d.bmp", noise(4, 4, 3), "EXIF and XMP"),
    ):
        assert word in " ".join(save_picture(tmp_path / name, pixels, dpi=300, metadata=METADATA).warnings)


@pytest.mark.parametrize(
    ("name", "size", "error", "words"),
    [
        ("a.gif", (10, 10), UsageError, "unknown picture format"),
        ("a.heic", (10, 10), UnsupportedMediaError, "cannot be written without an encoder"),
        ("a.webp", (16384, 10), UsageError, "at most 16383 pixels a side, not 16384x10"),
        ("a.jpg", (10, 65501), UsageError, "at most 65500"),
    ],
)
def test_a_format_that_cannot_be_written_at_a_size_is_told_before_any_work(tmp_path, monkeypatch, name, size, error,
                                                                             words):  # fmt: skip
    monkeypatch.setattr("fancam.pictures.save.heif_plugin", lambda: "pi_heif")  # no encoder, whatever is installed
    with pytest.raises(error, match=words):
        check_writable(tmp_path / name, *size)
    assert check_writable(tmp_path / "a.webp", 16383, 16383) == "WEBP"
    assert list(tmp_path.iterdir()) == []


# --- the same bytes, whole or not at all --------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", FORMATS)
def test_same_pixels_and_metadata_give_the_same_bytes_at_any_time(tmp_path, suffix, monkeypatch):
    first, second = tmp_path / f"a.{suffix}", tmp_path / f"b.{suffix}"
    digest = save_picture(first, smooth(50, 40), dpi=300, metadata=METADATA).sha256
    srgb_profile.cache_clear()
    time.sleep(1.1)  # the profile that Little CMS builds carries the second it was made
    save_picture(second, smooth(50, 40), dpi=300, metadata=METADATA)
    assert first.read_bytes() == second.read_bytes()
    assert digest == hashlib.sha256(first.read_bytes()).hexdigest()


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_16_bit_files_are_the_same_bytes_too(tmp_path, suffix):
    for name in ("a", "b"):
        save_picture(tmp_path / f"{name}.{suffix}", noise(9, 9, 3, dtype=np.uint16), dpi=300, metadata=METADATA)
    assert (tmp_path / f"a.{suffix}").read_bytes() == (tmp_path / f"b.{suffix}").read_bytes()


@pytest.mark.parametrize("step", ["replace", "fsync"])
def test_full_disk_leaves_no_file_and_says_so(tmp_path, monkeypatch, step):
    def full(*_args):
        raise OSError(28, "No space left on device")

    old = tmp_path / "x.png"
    old.write_bytes(b"what was there before")
    monkeypatch.setattr(os, step, full)
    with pytest.raises(OutputError, match="the disk is full") as caught:
        save_picture(old, smooth(8, 8), dpi=300, metadata=METADATA)
    assert str(old) in caught.value.line()
    assert [p.name for p in tmp_path.iterdir()] == ["x.png"]
    assert old.read_bytes() == b"what was there before"


def test_file_size_limit_of_the_system_leaves_no_file(tmp_path):
    """A real failure of write() halfway through, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    try:
        with pytest.raises(OutputError):
            save_picture(tmp_path / "x.png", noise(64, 64, 3), dpi=300, metadata=METADATA)
        left = list(tmp_path.iterdir())
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handler)
    assert left == []


def test_missing_folder_and_folder_in_the_way_are_named(tmp_path):
    with pytest.raises(OutputError, match="folder does not exist"):
        save_picture(tmp_path / "no" / "x.png", smooth(4, 4), dpi=300, metadata=METADATA)
    (tmp_path / "x.png").mkdir()
    with pytest.raises(OutputError, match="in the way"):
        save_picture(tmp_path / "x.png", smooth(4, 4), dpi=300, metadata=METADATA)
    assert [p.name for p in tmp_path.iterdir()] == ["x.png"]


# --- metadata -----------------------------------------------------------------------------------------------------


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(text=st.text(max_size=40), number=st.floats(allow_nan=False, allow_infinity=False), items=st.lists(st.text()))
def test_any_text_survives_the_way_through_xmp(tmp_path, text, number, items):
    # What XML cannot hold becomes U+FFFD, and XML reads every line end as \n.
    def as_xml(value: str) -> str:
        kept = re.sub("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "\ufffd", value)
        return kept.replace("\r\n", "\n").replace("\r", "\n")

    path = tmp_path / "x.png"
    fields = {"text": text, "number": number, "items": items or None}
    save_picture(path, smooth(2, 2), dpi=300, metadata=PictureMetadata(source=text, fields=fields))
    xmp = open_picture(path).facts.xmp
    assert xmp["fancam:text"] == as_xml(text)
    assert float(xmp["fancam:number"]) == number
    assert xmp.get("fancam:items") == ([as_xml(item) for item in items] if items else None)


def test_field_names_are_checked_since_they_become_xml_names():
    for name in ("Time", "a b", "x:y", "1st", "", "a>"):
        with pytest.raises(ValueError, match="snake_case"):
            xmp_packet(PictureMetadata(fields={name: "x"}))


def test_xmp_that_declares_entities_is_not_parsed(tmp_path):
    bomb = b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">]><x:xmpmeta xmlns:x="adobe:ns:meta/">&a;</x:xmpmeta>'
    Image.new("RGB", (4, 4)).save(tmp_path / "x.jpg", xmp=bomb)
    picture = open_picture(tmp_path / "x.jpg")
    assert (picture.facts.xmp, picture.xmp) == ({}, None)
    assert "entities" in picture.facts.warnings[0]


def test_metadata_of_a_picture_without_any_is_empty(tmp_path):
    Image.new("L", (4, 3)).save(tmp_path / "x.png")
    assert open_picture(tmp_path / "x.png").facts == PictureFacts(
        width_px=4, height_px=3, space="grey", bits=8, has_alpha=False, transparent_share=None,
        profile_description=None, profile_space=None, is_srgb=False, dpi=None, format="PNG",
    )  # fmt: skip


def test_xmp_written_as_attributes_by_other_programs_is_read(tmp_path):
    packet = (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        '<rdf:Description rdf:about="" xmlns:xmp="http://ns.adobe.com/xap/1.0/" '
        f'xmp:CreatorTool="{escape("Editor & Co")}"/></rdf:RDF></x:xmpmeta>'
    )
    Image.new("RGB", (4, 4)).save(tmp_path / "x.jpg", xmp=packet.encode())
    assert open_picture(tmp_path / "x.jpg").facts.xmp == {"xmp:CreatorTool": "Editor & Co"}


def test_srgb_profile_is_a_valid_profile_with_a_fixed_date():
    assert profile_description(srgb_profile()) == "sRGB built-in"
    assert srgb_profile()[24:36] == bytes.fromhex("07d000010001000000000000")
    assert int.from_bytes(srgb_profile()[:4], "big") == len(srgb_profile())
    assert profile_description(b"nonsense") is None


# --- resampling ---------------------------------------------------------------------------------------------------


def lanczos(x: np.ndarray) -> np.ndarray:
    return np.where(np.abs(x) < 3, np.sinc(x) * np.sinc(x / 3), 0)


def bicubic(x: np.ndarray) -> np.ndarray:  # Keys 1981 with a = -0.5
    x = np.abs(x)
    return np.where(x < 1, 1.5 * x**3 - 2.5 * x**2 + 1, np.where(x < 2, -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2, 0))


def weights(kernel, size: int, start: float, end: float, out: int) -> np.ndarray:
    scale = (end - start) / out
    centres = start + (np.arange(out)[:, np.newaxis] + 0.5) * scale
    values = kernel((np.arange(size) + 0.5 - centres) / max(scale, 1))
    return values / values.sum(axis=1, keepdims=True)


@settings(max_examples=80, deadline=None)
@given(data=st.data())
def test_resampling_is_the_textbook_sum_rounded_once(data):
    pixels = noise(90, 120, 3)
    x0, y0 = data.draw(st.floats(0, 100)), data.draw(st.floats(0, 70))
    x1, y1 = data.draw(st.floats(x0 + 4, 120)), data.draw(st.floats(y0 + 4, 90))
    width, height = data.draw(st.integers(1, 150)), data.draw(st.integers(1, 150))
    name, kernel = data.draw(st.sampled_from([("lanczos", lanczos), ("bicubic", bicubic)]))
    across, down = weights(kernel, 120, x0, x1, width), weights(kernel, 90, y0, y1, height)
    exact = np.clip(np.einsum("py,yxc,ox->poc", down, pixels, across, optimize=True), 0, 255)
    result = resample(pixels, Box(x0, y0, x1, y1), width, height, name)
    assert result.shape == (height, width, 3)
    # Pillow takes the corners of the box as 32-bit floats, which moves edges between noise by a hundredth of a level.
    assert np.abs(result - exact).max() <= 0.6


def test_16_bit_resampling_keeps_the_low_byte():
    samples = noise(40, 40, 3, dtype=np.uint16)
    result = resample(samples, Box(0, 0, 40, 40), 80, 80, "bicubic")
    assert result.dtype == np.uint16
    across = weights(bicubic, 40, 0, 40, 80)
    exact = np.clip(np.einsum("py,yxc,ox->poc", across, samples, across, optimize=True), 0, 65535)
    assert np.abs(result - exact).max() <= 1


def test_resample_to_the_same_size_changes_nothing():
    pixels = noise(30, 40, 3)
    assert np.array_equal(resample(pixels, Box(5, 6, 25, 26), 20, 20), pixels[6:26, 5:25])


def test_box_between_pixels_is_not_rounded_to_them():
    ramp = np.repeat(np.arange(0, 200, 2, dtype=np.uint8)[np.newaxis, :, np.newaxis], 20, axis=0).repeat(3, axis=2)
    # Pixel i has its centre at i + 0.5 and the value 2 i: a box half a pixel further shows values 1 higher.
    here, further = (resample(ramp, Box(x, 2, x + 40, 18), 40, 16, "bicubic") for x in (30, 30.5))
    assert np.array_equal(further.astype(int) - here, np.ones_like(here))


def test_transparent_colours_do_not_bleed_into_the_edge():
    rgba = np.zeros((8, 8, 4), np.uint8)
    rgba[:, :4] = (255, 0, 0, 255)
    rgba[:, 4:] = (0, 255, 0, 0)
    out = resample(rgba, Box(0, 0, 8, 8), 16, 16, "bicubic")
    assert out[..., 1][out[..., 3] > 8].max() < 8


def test_impossible_boxes_sizes_and_filters_are_refused():
    pixels = noise(10, 10, 3)
    for box in (Box(-1, 0, 5, 5), Box(0, 0, 10.1, 5), Box(3, 3, 3, 8), Box(5, 0, 2, 5), Box(0, 0, float("nan"), 4)):
        with pytest.raises(ValueError, match="outside"):
            resample(pixels, box, 4, 4)
    with pytest.raises(ValueError, match="0x4"):
        resample(pixels, Box(0, 0, 5, 5), 0, 4)
    with pytest.raises(UsageError, match="bicubic, lanczos"):
        resample(pixels, Box(0, 0, 5, 5), 4, 4, "nearest")
    assert resample(pixels, Box(-1e-9, 0, 10 + 1e-9, 10), 5, 5).shape == (5, 5, 3)


# --- drawing ------------------------------------------------------------------------------------------------------


def test_text_is_drawn_where_it_is_asked_for_and_nowhere_else():
    canvas = Canvas(200, 60, (255, 255, 255))
    canvas.text(20, 40, "41.152", 24, (0, 0, 0))
    canvas.text(190, 40, "300 ppi", 24, (255, 0, 0), align="right")
    dark = (canvas.pixels.min(axis=2) < 128).nonzero()
    assert dark[1].min() in range(19, 24)
    assert dark[1].max() in range(184, 190)
    assert dark[0].max() in range(39, 47)
    assert dark[0].min() in range(18, 28)


def test_long_names_are_shortened_in_the_middle_to_fit():
    name = "a_very_long_name_of_a_video_from_a_concert-000123456"
    short = fitted(name, 18, 200)
    assert text_width(short, 18) <= 200
    assert short.startswith("a_very")
    assert short.endswith("123456")
    assert fitted("short", 18, 200) == "short"


def test_characters_the_font_lacks_become_one_ellipsis_and_never_boxes():
    assert fitted("Café 무대영상-12", 18, 400) == "Cafe …-12"
