from __future__ import annotations

import io
import struct
import sys
import tempfile
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms

from fancam.errors import InputNotFoundError, InputUnreadableError, OutputError, ProfileError, UsageError
from fancam.pictures import (
    PictureMetadata,
    adobe_rgb_profile,
    delta_e00,
    matrix_profile,
    most_ink,
    open_picture,
    out_of_gamut,
    press,
    read_picture,
    read_press_profile,
    save_picture,
    soft_proof,
    srgb_profile,
    to_press,
    total_ink,
)
from tests import press_profiles as presses

METADATA = PictureMetadata(
    software="fancam 1.2.3", description="Photocard", source="직캠.mp4", fields={"effective_ppi": 162.4}
)
INTENTS = ["perceptual", "relative", "saturation", "absolute"]
D65 = (0.3127, 0.3290)
P3 = matrix_profile("Display P3", ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060)), D65, 0.0)


@pytest.fixture(scope="module")
def profiles(tmp_path_factory):
    folder = tmp_path_factory.mktemp("profiles")
    made = {"cmyk": presses.cmyk_press(), "rgb": presses.rgb_printer(), "grey": presses.grey_printer()}
    for name, data in made.items():
        (folder / f"{name}.icc").write_bytes(data)
    return {name: read_press_profile(folder / f"{name}.icc") for name in made}


def photo(height: int = 60, width: int = 80) -> np.ndarray:
    """Smooth colours from black to vivid to white, and noise."""
    y, x = np.mgrid[:height, :width] / np.array([height - 1, width - 1])[:, None, None]
    plain = np.stack([x, y, 1 - x * y], -1) * (0.2 + 0.8 * y[..., None])
    noise = np.random.default_rng(3).normal(0, 0.03, plain.shape)
    return (np.clip(plain + noise, 0, 1) * 255).round().astype(np.uint8)


def directly(pixels, source: bytes, target: bytes, mode: str, intent: int, flags) -> np.ndarray:
    """LittleCMS by itself, on the whole picture."""
    first, last = (ImageCms.ImageCmsProfile(io.BytesIO(data)) for data in (source, target))
    found = ImageCms.profileToProfile(Image.fromarray(pixels), first, last, intent, mode, flags=flags)
    return np.asarray(found)


# --- profiles -----------------------------------------------------------------------------------------------------


def test_profiles_of_presses_are_read(profiles):
    read = profiles["cmyk"]
    assert (read.space, read.device_class, read.description) == ("cmyk", "output", "Test press, coated")
    assert (profiles["rgb"].space, profiles["grey"].space) == ("rgb", "grey")


def test_display_profile_describes_an_rgb_printer(tmp_path):
    path = tmp_path / "display.icc"
    path.write_bytes(srgb_profile())
    read = read_press_profile(path)
    assert (read.space, read.device_class) == ("rgb", "display")
    pixels = photo()
    assert np.abs(to_press(pixels, None, read, intent="relative", black_point=True).astype(int) - pixels).max() <= 1


def save_for(press, path, ink):
    return save_picture(
        path, ink, dpi=300, metadata=METADATA, profile=press.data, cmyk=press.space == "cmyk"
    ).sha256  # fmt: skip


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda data: b"", "no ICC profile"),
        (lambda data: b"\x89PNG" + bytes(400), "no ICC profile"),
        (lambda data: data[: len(data) // 2], "cut off"),
        (lambda data: data[:140], "cut off"),
        (lambda data: presses.with_class(data, b"scnr"), "input profile"),
        (lambda data: presses.with_class(data, b"link"), "device link"),
        (lambda data: presses.with_class(data, b"abst"), "abstract"),
        (lambda data: presses.with_class(data, b"nmcl"), "named colours"),
        (lambda data: data[:16] + b"6CLR" + data[20:], "6CLR"),
        (lambda data: data[:8] + b"\x05" + data[9:], "version 5"),
        (lambda data: data.replace(b"B2A", b"xxx"), "no usable tables"),
        (lambda data: data[:136] + b"\x7f\xff" + data[138:], "damaged"),
    ],
)
def test_what_is_no_profile_of_a_printer_is_refused_in_one_line(tmp_path, change, words):
    path = tmp_path / "bad.icc"
    path.write_bytes(change(presses.cmyk_press()))
    with pytest.raises(ProfileError, match=words) as error:
        read_press_profile(path)
    assert "bad.icc" in str(error.value)
    assert "\n" not in str(error.value)


def test_profile_that_is_missing_a_folder_or_huge_is_refused(tmp_path, monkeypatch):
    with pytest.raises(InputNotFoundError):
        read_press_profile(tmp_path / "none.icc")
    with pytest.raises(InputUnreadableError):
        read_press_profile(tmp_path)
    (tmp_path / "big.icc").write_bytes(presses.cmyk_press())
    monkeypatch.setattr(press, "MAX_PROFILE_BYTES", 1000)
    with pytest.raises(ProfileError, match="MB"):
        read_press_profile(tmp_path / "big.icc")


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_damaged_profile_is_refused_or_read_but_never_breaks(tmp_path_factory, data):
    profile = bytearray(presses.grey_printer())
    for _ in range(data.draw(st.integers(1, 6))):
        profile[data.draw(st.integers(0, len(profile) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.mktemp("damaged") / "x.icc"
    path.write_bytes(profile)
    try:
        read = read_press_profile(path)
    except ProfileError:
        return
    assert to_press(photo(4, 4), None, read, intent="relative", black_point=True).shape[:2] == (4, 4)


# --- conversion ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("black_point", [True, False])
@pytest.mark.parametrize("intent", INTENTS)
@pytest.mark.parametrize("name", ["cmyk", "rgb"])
def test_conversion_is_that_of_littlecms(profiles, name, intent, black_point):
    target, pixels = profiles[name], photo()
    flags = ImageCms.Flags.NOOPTIMIZE | (ImageCms.Flags.BLACKPOINTCOMPENSATION if black_point else 0)
    ours = to_press(pixels, None, target, intent=intent, black_point=black_point)
    theirs = directly(pixels, srgb_profile(), target.data, target.mode, INTENTS.index(intent), flags)
    assert ours.shape == (60, 80, 4 if name == "cmyk" else 3)
    assert np.array_equal(ours, theirs)


@pytest.mark.parametrize("intent", ["perceptual", "relative"])
def test_conversion_is_near_littlecms_with_its_own_choice_of_tables(profiles, intent):
    pixels = photo(120, 160)
    ours = to_press(pixels, None, profiles["cmyk"], intent=intent, black_point=True)
    flags = ImageCms.Flags.BLACKPOINTCOMPENSATION
    theirs = directly(pixels, srgb_profile(), profiles["cmyk"].data, "CMYK", INTENTS.index(intent), flags)
    lab = [presses.press_lab(ink.reshape(-1, 4) / 255) for ink in (ours, theirs)]
    apart = delta_e00(*lab)
    assert apart.mean() < 0.2
    assert np.percentile(apart, 99) < 1


def test_what_the_press_can_print_comes_back_as_the_same_colour(profiles):
    wanted = np.array([[60, 20, 20], [70, -20, 30], [50, 0, 0], [40, 10, -20], [85, 0, 5]], float)
    inks = presses.separated(wanted)
    assert delta_e00(presses.press_lab(inks), wanted).max() < 0.1  # the test's own profile
    linear = np.clip(presses.xyz_of(wanted) @ np.linalg.inv(SRGB_D50).T, 0, 1)
    encoded = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    pixels = (encoded * 255).round().astype(np.uint8)[None]
    printed = to_press(pixels, None, profiles["cmyk"], intent="relative", black_point=False)
    assert delta_e00(presses.press_lab(printed[0] / 255), wanted).max() < 2


SRGB_D50 = np.array(
    [[0.4360747, 0.3850649, 0.1430804], [0.2225045, 0.7168786, 0.0606169], [0.0139322, 0.0971045, 0.7141733]]
)
"""Linear sRGB to XYZ under D50 (B. Lindbloom, "RGB/XYZ matrices")."""


def test_intents_and_black_point_do_what_they_say(profiles):
    black, white = np.zeros((1, 1, 3), np.uint8), np.full((1, 1, 3), 255, np.uint8)
    cmyk = profiles["cmyk"]
    on, off = (to_press(black, None, cmyk, intent="relative", black_point=b) for b in (True, False))
    assert not np.array_equal(on, off)
    assert to_press(white, None, cmyk, intent="absolute", black_point=False).sum() > 0  # paper is yellower than white
    photos = [to_press(photo(), None, cmyk, intent=i, black_point=False) for i in ("perceptual", "relative")]
    assert not np.array_equal(*photos)
    with pytest.raises(UsageError, match="relative"):
        to_press(black, None, cmyk, intent="relativ", black_point=True)


def test_white_is_bare_paper(profiles):
    white = np.full((2, 2, 3), 255, np.uint8)
    for intent in INTENTS[:3]:
        assert to_press(white, P3, profiles["cmyk"], intent=intent, black_point=True).max() == 0
        assert to_press(white, None, profiles["rgb"], intent=intent, black_point=True).min() == 255


def test_wide_gamut_picture_is_converted_not_reinterpreted(profiles):
    # Display P3 for what sRGB calls (200, 60, 50), and the same numbers read as sRGB.
    srgb = np.array([[[200, 60, 50], [90, 120, 60], [128, 128, 128]]], np.uint8)
    linear = np.where(srgb / 255 <= 0.04045, srgb / 255 / 12.92, ((srgb / 255 + 0.055) / 1.055) ** 2.4)
    # Linear sRGB to linear Display P3, both D65 (CSS Color 4, "Sample code for color conversions").
    matrix = np.array([[0.82246197, 0.17753803, 0], [0.0331942, 0.9668058, 0], [0.01708263, 0.07239744, 0.91051993]])
    values = linear @ matrix.T
    encoded = np.where(values <= 0.0031308, 12.92 * values, 1.055 * values ** (1 / 2.4) - 0.055)
    p3 = (encoded * 255).round().astype(np.uint8)
    ink = {
        name: to_press(pixels, profile, profiles["cmyk"], intent="relative", black_point=True)[0] / 255
        for name, pixels, profile in (("srgb", srgb, None), ("p3", p3, P3), ("wrong", p3, None))
    }
    lab = {name: presses.press_lab(values) for name, values in ink.items()}
    assert delta_e00(lab["p3"], lab["srgb"]).max() < 1
    assert delta_e00(lab["wrong"], lab["srgb"])[0] > 3


def test_grey_and_adobe_sources_are_taken_for_what_their_profile_says(profiles):
    pixels = np.full((3, 3, 3), 100, np.uint8)
    grey = to_press(pixels, presses.grey_printer(), profiles["cmyk"], intent="relative", black_point=False)
    plain = to_press(pixels, None, profiles["cmyk"], intent="relative", black_point=False)
    assert grey[0, 0, 3] < plain[0, 0, 3]  # a gamma of 1.8 is lighter than sRGB
    pixels = np.full((3, 3, 3), (60, 160, 60), np.uint8)
    adobe = to_press(pixels, adobe_rgb_profile(), profiles["cmyk"], intent="relative", black_point=False)
    assert not np.array_equal(adobe, to_press(pixels, None, profiles["cmyk"], intent="relative", black_point=False))


def test_damaged_source_profile_is_an_error_not_srgb(profiles):
    for profile in (b"nonsense" * 40, presses.cmyk_press(), srgb_profile()[:300]):
        with pytest.raises(ProfileError):
            to_press(photo(), profile, profiles["cmyk"], intent="relative", black_point=True)


def test_bands_make_no_difference(profiles, monkeypatch):
    pixels = photo(61, 47)
    whole = to_press(pixels, P3, profiles["cmyk"], intent="perceptual", black_point=True)
    mask = out_of_gamut(pixels, P3, profiles["cmyk"])[0]
    # Small bands, since pictures of several real ones take seconds to convert.
    monkeypatch.setattr(press, "_BAND_PX", 100)
    monkeypatch.setattr(sys.modules["fancam.pictures.gamut"], "_BAND_PX", 100)
    assert np.array_equal(to_press(pixels, P3, profiles["cmyk"], intent="perceptual", black_point=True), whole)
    assert np.array_equal(out_of_gamut(pixels, P3, profiles["cmyk"])[0], mask)


def test_sixteen_bits_are_rounded_to_the_nearest_of_eight(profiles):
    pixels = photo()
    deep = pixels.astype(np.uint16) * 257
    shifted = np.where(deep > 200, deep - 120, deep).astype(np.uint16)  # still nearest to the same level
    wanted = to_press(pixels, None, profiles["cmyk"], intent="relative", black_point=True)
    for source in (deep, shifted):
        assert np.array_equal(to_press(source, None, profiles["cmyk"], intent="relative", black_point=True), wanted)


def test_real_cmyk_profile_converts_and_comes_back(shared):
    path = presses.real_cmyk_profile()
    if path is None:
        pytest.skip("no CMYK output profile in /usr/share/color/icc (Debian: libgs-common has one)")
    real = read_press_profile(path)
    pixels = read_picture(shared("data/photo/people/obama/obama-240p.jpg")).pixels
    for intent in INTENTS:
        ink = to_press(pixels, None, real, intent=intent, black_point=True)
        flags = ImageCms.Flags.NOOPTIMIZE | ImageCms.Flags.BLACKPOINTCOMPENSATION
        theirs = directly(pixels, srgb_profile(), real.data, "CMYK", INTENTS.index(intent), flags)
        both = [directly_lab(values, real) for values in (ink, theirs)]
        assert delta_e00(*both).max() < 1
    proof = soft_proof(to_press(pixels, None, real, intent="relative", black_point=True), real)
    seen, wanted = (directly_lab(p, None) for p in (proof, pixels))
    light = wanted[..., 0] > 40  # darker tones are lifted to the black of ink
    assert delta_e00(seen[light], wanted[light]).mean() < 6
    assert out_of_gamut(pixels, None, real)[1] < 0.1


def directly_lab(pixels, profile) -> np.ndarray:
    return press.lab_of_source(pixels, None) if profile is None else press.lab_of_press(pixels, profile)


# --- proof, gamut, ink --------------------------------------------------------------------------------------------


def test_soft_proof_shows_paper_and_the_black_of_ink(profiles):
    paper, black = np.zeros((1, 1, 4), np.uint8), np.full((1, 1, 4), (180, 160, 150, 245), np.uint8)
    cmyk = profiles["cmyk"]
    assert soft_proof(paper, cmyk)[0, 0].tolist() == [255, 255, 255]
    shown = soft_proof(paper, cmyk, paper_white=True)[0, 0].astype(int)
    assert np.abs(shown - (239, 241, 244)).max() <= 2  # L* 95, b* -2 in sRGB
    assert 20 <= soft_proof(black, cmyk)[0, 0].max() <= 50  # L* of some 12


def test_vivid_colours_are_out_of_gamut_and_dark_and_plain_ones_are_not(profiles):
    pixels = np.array([[[0, 255, 0], [0, 0, 255], [255, 0, 255], [0, 0, 0], [12, 12, 14], [190, 140, 120]]], np.uint8)
    mask, share = out_of_gamut(pixels, None, profiles["cmyk"])
    assert mask.tolist() == [[True, True, True, False, False, False]]
    assert share == pytest.approx(0.5)
    assert out_of_gamut(pixels, None, profiles["cmyk"], black_point=False)[0].tolist()[0][3]  # no ink is that dark


def test_what_comes_from_the_press_is_within_its_gamut(profiles):
    grid = np.stack(np.meshgrid(*[np.linspace(0, 255, 12)] * 3, indexing="ij"), -1).reshape(12, -1, 3)
    ink = to_press(grid.round().astype(np.uint8), None, profiles["cmyk"], intent="relative", black_point=False)
    assert out_of_gamut(soft_proof(ink, profiles["cmyk"]), None, profiles["cmyk"], black_point=False)[1] < 0.003


@given(st.lists(st.floats(-100, 100), min_size=6, max_size=6))
def test_colour_difference_is_never_more_than_its_bound_says(values):
    first, last = np.array([values[:3], values[3:]])
    first[0], last[0] = abs(first[0]), abs(last[0])
    assert delta_e00(first, last) <= 2.1 * np.linalg.norm(first - last) + 1e-9


def test_colour_difference_agrees_with_published_pairs():
    # Sharma, Wu & Dalal 2005, table 1, pairs 1, 7, 17 and 33.
    first = np.array([[50, 2.6772, -79.7751], [50, 0, 0], [50, 2.5, 0], [6.7747, -0.2908, -2.4247]])
    last = np.array([[50, 0, -82.7485], [50, -1, 2], [73, 25, -18], [5.8714, -0.0985, -2.2286]])
    assert delta_e00(first, last) == pytest.approx([2.0425, 2.3669, 27.1492, 0.6377], abs=1e-4)


def test_total_ink_is_the_sum_in_percent_and_specks_do_not_count():
    ink = np.zeros((40, 40, 4), np.uint8)
    ink[5, 5] = 255
    assert total_ink(ink)[5, 5] == 400
    assert total_ink(ink)[0, 0] == 0
    assert most_ink(ink) < 50
    ink[10:30, 10:30] = (255, 128, 0, 255)
    assert total_ink(ink)[20, 20] == 250
    assert most_ink(ink) == pytest.approx(250.2, abs=0.1)


def test_press_with_a_limit_gets_no_more_ink(profiles):
    for intent in INTENTS[:3]:
        assert total_ink(to_press(photo(), None, profiles["cmyk"], intent=intent, black_point=True)).max() <= 302


# --- files --------------------------------------------------------------------------------------------------------

MATRIX = [("cmyk", "tif"), ("cmyk", "jpg"), ("rgb", "png"), ("rgb", "jpg"), ("rgb", "tif"), ("grey", "png")]


@pytest.mark.parametrize(("name", "suffix"), MATRIX)
def test_dpi_profile_exif_and_xmp_survive_a_write_and_a_read(tmp_path, profiles, name, suffix):
    path, target = tmp_path / f"card.{suffix}", profiles[name]
    ink = to_press(photo(), None, target, intent="relative", black_point=True)
    first = save_for(target, path, ink)
    with Image.open(path) as image:  # Pillow by itself
        assert image.info["icc_profile"] == target.data
        assert image.info["dpi"] == pytest.approx((300, 300), abs=0.01)
        assert image.getexif()[0x0131] == "fancam 1.2.3"
        assert image.mode == target.mode
    facts = open_picture(path).facts
    assert (facts.width_px, facts.height_px, facts.space, facts.bits) == (80, 60, name, 8)
    assert facts.dpi == (300, 300)
    assert (facts.profile_description, facts.profile_space) == (target.description, name)
    assert facts.xmp["fancam:effective_ppi"] == "162.4"
    assert facts.xmp["dc:source"] == "직캠.mp4"
    assert open_picture(path).facts.exif["Software"] == "fancam 1.2.3"
    assert save_for(target, tmp_path / f"again.{suffix}", ink) == first


def test_cmyk_tiff_keeps_every_ink_and_jpeg_nearly(tmp_path, profiles):
    ink = to_press(photo(), None, profiles["cmyk"], intent="relative", black_point=True)
    for suffix, most in (("tif", 0), ("jpg", 40)):
        path = tmp_path / f"x.{suffix}"
        save_for(profiles["cmyk"], path, ink)
        with Image.open(path) as image:
            apart = np.abs(np.asarray(image).astype(int) - ink)
            assert apart.max() <= most
            assert apart.mean() <= most / 10
            if suffix == "tif":
                assert image.info["compression"] == "tiff_lzw"


def test_cmyk_jpeg_has_adobes_marker_inverted_inks_and_full_chroma(tmp_path, profiles):
    path = tmp_path / "x.jpg"
    save_for(profiles["cmyk"], path, np.zeros((16, 16, 4), np.uint8))
    data = path.read_bytes()
    at = data.index(b"\xff\xee\x00\x0eAdobe")
    assert data[at + 15] == 0  # ColorTransform: CMYK as it is
    frame = data.index(b"\xff\xc0\x00\x14\x08")  # SOF0 of four components with 8 bits
    assert data[frame + 9] == 4
    assert [data[frame + 11 + 3 * i] for i in range(4)] == [0x11] * 4  # no component is subsampled
    facts = open_picture(path).facts
    assert facts.adobe_inverted
    assert facts.jpeg_quality == 95
    # Another decoder, which trusts the marker, sees white where there is no ink.
    assert cv2.imread(str(path)).min() >= 250


def test_what_cannot_hold_cmyk_is_refused_and_nothing_is_left(tmp_path, profiles):
    ink = np.zeros((4, 4, 4), np.uint8)
    for suffix in ("png", "webp", "bmp"):
        with pytest.raises(UsageError):
            save_for(profiles["cmyk"], tmp_path / f"x.{suffix}", ink)
    with pytest.raises(ValueError, match="CMYK"):
        save_picture(tmp_path / "x.tif", ink[..., :3], dpi=300, metadata=METADATA, cmyk=True, profile=b"x")
    with pytest.raises(OutputError):
        save_for(profiles["cmyk"], tmp_path / "none" / "x.tif", ink)
    assert list(tmp_path.iterdir()) == []


# --- facts --------------------------------------------------------------------------------------------------------


def test_facts_tell_alpha_depth_and_srgb(tmp_path):
    pixels = np.dstack([photo(), np.full((60, 80), 255, np.uint8)])
    save_picture(tmp_path / "opaque.png", pixels, dpi=300, metadata=METADATA)
    pixels[:6, :, 3] = 0
    save_picture(tmp_path / "clear.png", pixels, dpi=300, metadata=METADATA)
    assert open_picture(tmp_path / "opaque.png").facts.has_alpha
    assert open_picture(tmp_path / "opaque.png").alpha is None
    assert (open_picture(tmp_path / "clear.png").alpha == 0).mean() == pytest.approx(0.1)
    for suffix in ("png", "tif"):
        save_picture(tmp_path / f"deep.{suffix}", photo().astype(np.uint16) * 257, dpi=300, metadata=METADATA)
        assert open_picture(tmp_path / f"deep.{suffix}").facts.bits == 16
    save_picture(tmp_path / "p3.jpg", photo(), dpi=300, metadata=METADATA, profile=P3, quality=82)
    facts = open_picture(tmp_path / "p3.jpg").facts
    assert (facts.is_srgb, facts.profile_description, facts.jpeg_quality) == (False, "Display P3", 82)
    assert not facts.has_alpha


def test_facts_of_a_plain_file_are_honest_about_what_it_does_not_say(tmp_path):
    Image.fromarray(photo()).save(tmp_path / "plain.png")
    facts = open_picture(tmp_path / "plain.png").facts
    assert (facts.dpi, facts.profile_description, facts.jpeg_quality, facts.is_srgb) == (None, None, None, True)
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(photo()).save(tmp_path / "turned.jpg", exif=exif)
    facts = open_picture(tmp_path / "turned.jpg").facts
    assert (facts.orientation, facts.size_px) == (6, (60, 80))


def test_quality_of_foreign_tables_is_not_guessed(tmp_path):
    tables = [[8] * 64, [8] * 64]
    Image.fromarray(photo()).save(tmp_path / "x.jpg", qtables=tables)
    assert open_picture(tmp_path / "x.jpg").facts.jpeg_quality is None


@given(st.integers(1, 100))
@settings(max_examples=25, deadline=None)
def test_quality_is_that_of_libjpeg(quality):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.jpg"
        Image.fromarray(photo(8, 8)).save(path, quality=quality)
        assert open_picture(path).facts.jpeg_quality == quality


def test_made_profiles_are_whole():
    data = presses.cmyk_press()
    assert struct.unpack_from(">I", data)[0] == len(data)
    assert presses.cmyk_press() is data
