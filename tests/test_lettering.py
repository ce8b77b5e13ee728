from __future__ import annotations

import math
import struct
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from fontTools.ttLib import TTFont
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fancam.errors import FontError, UsageError
from fancam.pictures import find_font, fonts, lettering, line_width, missing_characters, shaping_available, text_mask
from tests.made_fonts import KERN, make_collection, make_font

MINJI = "민지"
needs_raqm = pytest.mark.skipif(not shaping_available(), reason="this Pillow has no Raqm and shapes nothing")


@pytest.fixture(scope="module")
def boxes(tmp_path_factory) -> Path:
    return make_font(tmp_path_factory.mktemp("fonts") / "boxes.ttf")


@pytest.fixture(scope="module")
def hangul_font() -> Path:
    """A Hangul font of this machine."""
    folders = ("/usr/share/fonts", "/usr/local/share/fonts", "/Library/Fonts", "/System/Library/Fonts",
               "C:/Windows/Fonts", Path.home() / ".fonts", Path.home() / ".local/share/fonts")  # fmt: skip
    names = ("NotoSerifCJK*", "NotoSansCJK*", "NotoSansKR*", "NotoSerifKR*", "Nanum*", "AppleSDGothicNeo*", "malgun*")
    for folder in map(Path, folders):
        for name in names:
            for path in sorted(folder.rglob(name)) if folder.is_dir() else []:
                if path.suffix.lower() in (".ttf", ".otf", ".ttc", ".otc"):
                    return path
    pytest.skip("no font with Hangul in the usual folders; install fonts-noto-cjk")


def covered(mask: np.ndarray) -> float:
    return float(mask.sum(dtype=np.int64)) / 255


# --- fonts found by themselves -----------------------------------------------------------------------------------


def test_the_first_font_that_has_all_characters_is_found_plain_styles_first(tmp_path):
    for name in ("b-bold", "c-italic", "a-mono"):
        make_font(tmp_path / f"{name}.ttf", names=["A", "V", "space"])
    (tmp_path / "deep").mkdir()
    full = make_font(tmp_path / "deep" / "z-italic.ttf")
    (tmp_path / "broken.ttf").write_bytes(b"\0\1\0\0" + bytes(40))
    assert find_font("A V", [tmp_path]).name == "b-bold.ttf"
    assert find_font("A V\n" + unicodedata.normalize("NFD", MINJI), [tmp_path]) == full
    assert find_font("A V", [tmp_path]) == find_font("V A", [tmp_path])


def test_what_no_font_has_is_named(tmp_path):
    make_font(tmp_path / "a.ttf", names=["A", "space"])
    make_font(tmp_path / "b.ttf", names=["V", "min", "space"])
    with pytest.raises(FontError, match=r"no font of this system has 힣 \(U\+D7A3\); install one"):
        find_font("A V힣", [tmp_path])
    with pytest.raises(FontError, match="no single font has all"):
        find_font("AV", [tmp_path])
    with pytest.raises(FontError, match="has no fonts"):
        find_font("A", [tmp_path / "none"])


@pytest.mark.parametrize("fontconfig", [True, False])
def test_the_system_is_asked_by_fontconfig_or_by_its_folders(tmp_path, monkeypatch, fontconfig):
    font = make_font(tmp_path / "boxes.ttf")
    program = tmp_path / "fc-match"
    program.write_text(f"#!/bin/sh\necho '{tmp_path}/gone.ttf'\necho '{tmp_path}/x.pcf.gz'\necho '{font}'\n")
    program.chmod(0o755)
    monkeypatch.setattr("shutil.which", lambda name: str(program) if fontconfig else None)
    monkeypatch.setattr("pathlib.Path.home", lambda: tmp_path)
    (tmp_path / ".fonts").mkdir()
    home = make_font(tmp_path / ".fonts" / "0.ttf", extra={0xE123: "A"})
    private = "A\ue123"  # no real font of this machine has it
    if fontconfig:
        assert find_font(MINJI + "Ag") == font
    else:
        assert find_font(private) == home


# --- characters ---------------------------------------------------------------------------------------------------


def test_decomposed_hangul_is_set_as_the_same_pixels_as_composed(boxes):
    jamo = unicodedata.normalize("NFD", MINJI)
    assert len(jamo) > len(MINJI)
    one, other = text_mask(MINJI, boxes, 40), text_mask(jamo, boxes, 40)
    assert covered(one.coverage) > 500
    np.testing.assert_array_equal(one.coverage, other.coverage)
    assert missing_characters(jamo, boxes) == []


def test_a_missing_character_is_named_with_its_number_the_font_and_a_remedy(boxes):
    with pytest.raises(FontError) as caught:
        text_mask("A힣", boxes, 40)
    line = caught.value.line()
    assert "힣 (U+D7A3)" in line and "Boxes" in line and str(boxes) in line and "give a font with Hangul" in line
    assert "\n" not in line and "A (U+0041)" not in line
    assert missing_characters("A힣é", boxes) == ["é", "힣"]


def test_many_missing_characters_are_counted_not_listed(boxes):
    with pytest.raises(FontError, match="and 18 more"):
        text_mask("abcdehjklmnopqrstuvwxyz012345"[:26], boxes, 20)


def test_a_character_that_leads_to_the_sign_for_missing_ones_is_missing(tmp_path):
    font = make_font(tmp_path / "a.ttf", extra={0x42: ".notdef", 0x1F600: ".notdef", 0x1F601: "A"})
    assert missing_characters("AB\U0001f600\U0001f601", font) == ["B", "\U0001f600"]
    with pytest.raises(FontError, match=r"B \(U\+0042\)"):
        text_mask("AB", font, 20)


def test_a_letter_without_ink_is_missing_and_a_space_is_not(boxes):
    with pytest.raises(FontError, match=r"@ \(U\+0040\)"):
        text_mask("A@", boxes, 20)
    assert text_mask("A A", boxes, 20).width_px > text_mask("AA", boxes, 20).width_px


def test_a_control_character_is_named_by_its_number(boxes):
    with pytest.raises(FontError, match=r"lacks U\+0007"):
        text_mask("A\x07", boxes, 20)


@pytest.mark.parametrize("shaped", [True, False])
def test_invisible_signs_need_no_glyph_and_draw_none(boxes, monkeypatch, shaped):
    if shaped and not shaping_available():
        pytest.skip("this Pillow has no Raqm")
    monkeypatch.setattr(lettering, "shaping_available", lambda: shaped)
    plain, with_joiner = text_mask("AH", boxes, 30), text_mask("A\u200d\ufe0fH", boxes, 30)
    np.testing.assert_array_equal(plain.coverage, with_joiner.coverage)


def test_the_built_in_font_sets_ascii_and_refuses_hangul():
    assert covered(text_mask("Made with fancam 0.1", None, 20).coverage) > 300
    with pytest.raises(FontError, match=r"built-in font lacks 민 \(U\+BBFC\)"):
        text_mask("민", None, 20)
    assert missing_characters("a민", None) == ["민"]


def test_of_a_collection_the_face_with_all_characters_is_used(tmp_path):
    latin = make_font(tmp_path / "latin.ttf", names=["space", "A", "H"], family="Latin")
    korean = make_font(tmp_path / "korean.ttf", names=["space", "A", "min", "ji"], family="Korean")
    both = make_collection(tmp_path / "both.ttc", [latin, korean])
    np.testing.assert_array_equal(text_mask(MINJI, both, 30).coverage, text_mask(MINJI, korean, 30).coverage)
    assert missing_characters("AH", both) == []
    with pytest.raises(FontError, match=r"lacks H \(U\+0048\)"):  # no face has both: the one that lacks least
        text_mask(f"H{MINJI}", both, 30)


# --- shaping ------------------------------------------------------------------------------------------------------


@needs_raqm
def test_kerning_by_gpos_is_applied(boxes, tmp_path):
    plain = make_font(tmp_path / "plain.ttf", rules="")
    size = 100.0
    kerned, loose = text_mask("AV", boxes, size), text_mask("AV", plain, size)
    assert loose.width_px - kerned.width_px == pytest.approx(-KERN / 1000 * size, abs=1)
    assert kerned.shaped


@needs_raqm
def test_a_ligature_replaces_its_letters(boxes):
    mask = text_mask("fi", boxes, 100)
    assert covered(mask.coverage) == pytest.approx(80 * 10, rel=0.02)  # the bar of f_i, not the boxes of f and i


def test_without_raqm_text_is_still_set_and_complex_scripts_are_reported(boxes, monkeypatch, tmp_path):
    monkeypatch.setattr(lettering, "shaping_available", lambda: False)
    mask = text_mask(f"AV {MINJI}", boxes, 40)
    assert not mask.shaped and mask.notes == () and covered(mask.coverage) > 500
    thai = make_font(tmp_path / "thai.ttf", extra={0x0E01: "A", 0x0E34: "i"})
    assert "no Raqm" in text_mask("\u0e01\u0e34", thai, 40).notes[0]


# --- masks --------------------------------------------------------------------------------------------------------


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(size=st.floats(8, 300))
def test_letters_cover_the_area_the_font_gives_them_at_any_size(boxes, size):
    mask = text_mask("A", boxes, size)
    side = size / 1000
    assert covered(mask.coverage) == pytest.approx(600 * side * 700 * side, rel=0.03, abs=1.5)
    assert mask.width_px == pytest.approx(600 * side, abs=1.2) and mask.height_px == pytest.approx(700 * side, abs=1.2)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(size=st.floats(30, 120), outline=st.floats(0.5, 8))
def test_the_outline_reaches_its_width_around_the_letters(boxes, size, outline):
    mask = text_mask("A", boxes, size, outline_px=outline)
    wide, high = 0.6 * size, 0.7 * size
    expected = wide * high + 2 * (wide + high) * outline + math.pi * outline**2
    assert covered(mask.outline) == pytest.approx(expected, rel=0.02)
    assert covered(mask.coverage) == pytest.approx(wide * high, rel=0.02)
    assert (mask.outline >= mask.coverage).all()


@pytest.mark.parametrize(("align", "share"), [("left", 0.0), ("centre", 0.5), ("right", 1.0)])
def test_lines_are_aligned_by_their_ink(boxes, align, share):
    mask = text_mask("AAA\n\nA", boxes, 40, align=align)
    long, short = mask.lines
    assert short.x0 == pytest.approx((long.width - short.width) * share, abs=1)
    assert mask.baselines_px[2] - mask.baselines_px[0] == pytest.approx(2 * 1.25 * 40, abs=0.2)
    assert mask.coverage[int(short.y0) + 3, int(short.x0) + 3] == 255


def test_reach_of_a_font_does_not_depend_on_the_text(boxes):
    low, high = text_mask("g", boxes, 100), text_mask("A", boxes, 100)
    assert (low.rise_px, low.drop_px) == (high.rise_px, high.drop_px)
    assert low.rise_px >= 70 and low.drop_px == pytest.approx(20, abs=0.5)


@pytest.mark.parametrize("text", ["", "   ", "\n \n"])
def test_text_without_ink_is_an_empty_mask(boxes, text):
    mask = text_mask(text, boxes, 30)
    assert mask.coverage.size == 0 and mask.lines == ()


def test_windows_line_ends_and_tabs_are_no_characters(boxes):
    np.testing.assert_array_equal(text_mask("A\r\nA", boxes, 30).coverage, text_mask("A\nA", boxes, 30).coverage)
    np.testing.assert_array_equal(text_mask("A\tA", boxes, 30).coverage, text_mask("A A", boxes, 30).coverage)


def test_text_too_large_to_be_drawn_is_refused(boxes):
    with pytest.raises(UsageError, match="too large to be drawn"):
        text_mask("A" * 5000, boxes, 2000)


def test_width_of_a_line_is_the_sum_of_its_advances(boxes):
    assert line_width("AHA", boxes, 50) == pytest.approx(3 * 0.7 * 50, abs=0.3)


def test_unknown_alignment_names_the_nearest(boxes):
    with pytest.raises(UsageError, match="'centre'"):
        text_mask("A", boxes, 20, align="center")


# --- bad files ----------------------------------------------------------------------------------------------------


def test_a_file_that_is_no_font_a_folder_and_nothing_are_font_errors(tmp_path):
    (tmp_path / "text.ttf").write_text("not a font")
    (tmp_path / "empty.ttf").write_bytes(b"")
    (tmp_path / "web.woff2").write_bytes(b"wOF2" + bytes(100))
    (tmp_path / "many.ttc").write_bytes(b"ttcf\0\1\0\0\xff\xff\xff\xff" + bytes(100))
    for name, cause in {
        "text.ttf": "not a TrueType", "empty.ttf": "not a TrueType", "web.woff2": "web fonts", "many.ttc": "damaged",
        "none.ttf": "no such font", ".": "this is a folder",
    }.items():  # fmt: skip
        with pytest.raises(FontError, match=cause):
            text_mask("A", tmp_path / name, 20)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_damaged_font_is_a_font_error_or_still_draws(boxes, tmp_path, data):
    whole = bytearray(boxes.read_bytes())
    if data.draw(st.booleans()):
        whole = whole[: data.draw(st.integers(5, len(whole) - 1))]
    for _ in range(data.draw(st.integers(1, 12))):
        whole[data.draw(st.integers(4, len(whole) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path / f"{hash(bytes(whole))}.ttf"
    path.write_bytes(whole)
    try:
        text_mask("AH", path, 20)
    except FontError as error:
        assert "\n" not in error.line()
    except UsageError as error:  # a letter a kilometre wide
        assert "too large" in error.line()


def test_a_map_of_more_characters_than_there_are_is_refused_before_it_is_written_out(tmp_path):
    font = make_font(tmp_path / "a.ttf", extra={0x1F600: "A"})
    with TTFont(font) as read:
        cmap = read.reader["cmap"]
    broken = bytearray(cmap)
    at = cmap.index(struct.pack(">2I", 0x1F600, 0x1F600))
    struct.pack_into(">2I", broken, at, 0, 0xFFFFFFFF)
    font.write_bytes(font.read_bytes().replace(cmap, bytes(broken)))
    with pytest.raises(FontError, match="character map is impossible"):
        text_mask("A", font, 20)


def test_a_font_over_the_limit_is_refused_before_it_is_read(tmp_path, monkeypatch):
    font = make_font(tmp_path / "a.ttf")
    monkeypatch.setattr(fonts, "MAX_FONT_BYTES", 100)
    with pytest.raises(FontError, match="more than the limit"):
        text_mask("A", font, 20)


def test_a_font_that_was_replaced_is_read_again(tmp_path):
    font = make_font(tmp_path / "a.ttf", names=["space", "A"])
    assert missing_characters("H", font) == ["H"]
    make_font(font)
    assert missing_characters("H", font) == []


@needs_raqm
def test_han_characters_have_their_korean_form_beside_hangul_on_any_line(tmp_path):
    font = make_font(
        tmp_path / "a.ttf", extra={0x66DC: "A"}, names=["space", "A", "V", "f", "min"],
        rules="languagesystem DFLT dflt; languagesystem hani dflt; languagesystem hani KOR;"
              "feature locl { script hani; language KOR; sub A by f; } locl;",
    )  # fmt: skip
    korean, plain = text_mask("민\n曜", font, 100), text_mask("V\n曜", font, 100)
    assert korean.lines[1].width == pytest.approx(30, abs=1)  # the f it is replaced by
    assert plain.lines[1].width == pytest.approx(60, abs=1)


# --- a real font --------------------------------------------------------------------------------------------------


def test_a_real_hangul_font_sets_decomposed_and_composed_alike(hangul_font):
    text = "민지 MINJI 2024 뷁"
    one = text_mask(text, hangul_font, 47.2, outline_px=2.5)
    other = text_mask(unicodedata.normalize("NFD", text), hangul_font, 47.2, outline_px=2.5)
    np.testing.assert_array_equal(one.coverage, other.coverage)
    np.testing.assert_array_equal(one.outline, other.outline)
    assert one.height_px < 1.4 * 47.2 and one.width_px > 6 * 47.2
    with pytest.raises(FontError, match=r"U\+10FFFD"):
        text_mask("민\U0010fffd", hangul_font, 20)
