from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from fancam.cards import write_card
from fancam.errors import UsageError
from fancam.geometry import Box, CardGeometry
from fancam.media import format_time
from fancam.paper import card_geometry, card_size, card_sizes, parse_length
from fancam.pictures import PictureMetadata, open_picture, read_picture, save_picture
from fancam.provenance import Provenance
from fancam.report import ContactEntry, contact_sheet, ppi_colour, write_contact_sheet
from fancam.report.pick_sheet import BEATEN_PX
from fancam.results import Crop, Enhanced, Face, Pick, Score
from fancam.settings import CardSettings

OUTER = Box(100.25, 50.5, 460.25, 588.0)
TRIM = Box(117.955, 68.126, 442.545, 570.374)


def a_crop() -> Crop:
    return Crop(OUTER, TRIM, 149.93, "bust", bleed_share=0.75, warnings=("part of the bleed lies outside",))


def a_pick() -> Pick:
    face = Face(Box(200, 100, 300, 220), ((0, 0), (1, 0), (0.5, 0.5), (0, 1), (1, 1)), 0.99)
    return Pick("clip-000123456", 123456, 41.152, face, Score(0.93, {}), a_crop(), "sharp", ("eyes not measured",))


def enhanced(geometry: CardGeometry) -> Enhanced:
    y, x = np.mgrid[: geometry.height_px, : geometry.width_px]
    pixels = np.stack([x % 256, y % 256, (x + y) % 256], axis=-1).astype(np.uint8)
    return Enhanced(pixels, "realesrgan-x4plus", "ab" * 32, 2.0, True, ("a tile redone in fp32",))


# --- sizes --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("size", "bleed_mm", "dpi", "pixels"),
    [
        ("kpop", 3, 300, (720, 1075)),
        ("kpop", 0, 300, (650, 1004)),
        ("kpop", 2, 300, (697, 1051)),
        ("kpop", 1, 300, (673, 1028)),
        ("kpop", 3, 600, (1441, 2150)),
        ("id1", 3, 300, (709, 1087)),
        ("id1", 3, 600, (1417, 2173)),
        ("wide", 3, 300, (803, 1110)),
        ("tcg", 3, 300, (815, 1110)),
        ("tcg", 3, 600, (1630, 2220)),
        ("tcg-japanese", 3, 300, (768, 1087)),
        ("a6", 3, 300, (1311, 1819)),
        ("mini-id", 3, 300, (484, 602)),
        ("58x98mm", 3, 300, (756, 1228)),
        ("photo-4x6", 0, 300, (1200, 1800)),
    ],
)
def test_pixels_are_rounded_on_the_outer_size(size, bleed_mm, dpi, pixels):
    geometry = card_geometry(CardSettings(size=size, bleed_mm=bleed_mm, dpi=dpi))
    assert (geometry.width_px, geometry.height_px) == pixels


def test_default_card_is_the_kpop_one():
    geometry = card_geometry(CardSettings())
    assert (geometry.width_mm, geometry.height_mm, geometry.bleed_mm, geometry.dpi) == (55, 85, 3, 300)


def test_every_named_size_is_complete_and_usable():
    assert {"kpop", "id1", "wide", "tcg", "tcg-japanese", "a6", "photo-4x6", "instax-mini", "instax-wide"} <= set(
        card_sizes()
    )
    for name, size in card_sizes().items():
        assert size.name == name
        assert size.title
        assert size.source
        assert 0 <= size.corner_radius_mm < size.width_mm / 4
        assert card_size(name.upper()) is size
        assert card_geometry(CardSettings(size=name)).width_px > 100


@given(
    size=st.sampled_from(["kpop", "a6", "instax-wide", "10x500mm", "62 x 88 mm"]),
    bleed_mm=st.floats(0, 50),
    long_edge_px=st.integers(64, 30000),
)
def test_long_edge_is_exact_and_the_paper_stays(size, bleed_mm, long_edge_px):
    geometry = card_geometry(CardSettings(size=size, bleed_mm=bleed_mm, long_edge_px=long_edge_px))
    assert max(geometry.width_px, geometry.height_px) == long_edge_px
    assert (geometry.width_mm, geometry.height_mm) == (card_size(size).width_mm, card_size(size).height_mm)
    long_mm = max(geometry.outer_width_mm, geometry.outer_height_mm)
    assert geometry.dpi == pytest.approx(long_edge_px / (long_mm / 25.4))


def test_long_edge_too_short_for_the_other_side_is_refused():
    with pytest.raises(UsageError, match="no pixels"):
        card_geometry(CardSettings(size="10x2000mm", bleed_mm=0, long_edge_px=64))


@pytest.mark.parametrize(
    ("text", "millimetres"),
    [
        ("55x85mm", (55, 85)),
        ("55x85", (55, 85)),
        ("55mm x 85mm", (55, 85)),
        ("5.5x8.5cm", (55, 85)),
        ("5,5 × 8,5 cm", (55, 85)),
        ("2.17x3.35in", (55.118, 85.09)),
        ('4x6"', (101.6, 152.4)),
        (" 55X85MM ", (55, 85)),
        ("55mm x 3.5in", (55, 88.9)),
        ("10x2000", (10, 2000)),
    ],
)
def test_free_sizes_in_the_ways_people_write_them(text, millimetres):
    size = card_size(text)
    assert (size.width_mm, size.height_mm) == pytest.approx(millimetres)


@given(st.floats(10, 2000), st.floats(10, 2000), st.sampled_from([("mm", 1.0), ("cm", 10.0), ("in", 25.4)]))
def test_free_size_survives_being_written_and_read(width_mm, height_mm, unit):
    name, factor = unit
    size = (
        card_size(f"{width_mm / factor:.12f}x{height_mm / factor:.12f}{name}") if _inside(width_mm, height_mm) else None
    )
    if size is not None:
        assert (size.width_mm, size.height_mm) == pytest.approx((width_mm, height_mm), abs=1e-8)
        again = card_size(size.name)
        assert (again.width_mm, again.height_mm) == pytest.approx((width_mm, height_mm), abs=1e-6)


def _inside(*sides_mm: float) -> bool:
    return all(10.001 < side < 1999.999 for side in sides_mm)


@pytest.mark.parametrize(
    "text", ["", "kpopp", "55", "55x", "x85mm", "55x85x3mm", "55x85px", "-55x85mm", "1e2x85mm", "55 85"]
)
def test_what_is_no_size_is_refused_and_the_names_are_listed(text):
    with pytest.raises(UsageError, match="tcg-japanese") as caught:
        card_size(text)
    if text == "kpopp":
        assert "did you mean 'kpop'?" in caught.value.line()


@pytest.mark.parametrize("text", ["9.9x85mm", "55x2001mm", "0x0mm", "55x85in", "1x1cm x"])
def test_sizes_nobody_can_print_are_refused(text):
    with pytest.raises(UsageError):
        card_size(text)


@given(st.floats(0, 5000), st.sampled_from([("mm", 1), ("cm", 10), ("in", 25.4), ("", 1), (" mm", 1), ('"', 25.4)]))
def test_lengths_are_read_in_their_unit(number, unit):
    length = parse_length(f"{number:.9f}{unit[0]}")
    assert length.unit == "mm"
    assert length.millimetres == pytest.approx(number * unit[1], abs=1e-6)


def test_pixels_are_a_length_without_millimetres():
    length = parse_length("720px")
    assert (length.value, length.unit, length.millimetres) == (720, "px", None)
    for text in ("", "mm", "3 m", "-3mm", "3mmm", "nan", "1_0mm", "٣mm"):
        with pytest.raises(UsageError, match=r"3mm, 0\.3cm"):
            parse_length(text)


# --- the card -----------------------------------------------------------------------------------------------------


def provenance(source: str, made: Enhanced, geometry: CardGeometry) -> Provenance:
    return dataclasses.replace(Provenance.of_pick(source, a_pick(), made, geometry), version="1.2.3")


@pytest.mark.parametrize("suffix", ["png", "jpg", "tif"])
def test_card_says_where_it_comes_from_and_what_was_done(tmp_path, suffix):
    settings = CardSettings(format=suffix)
    geometry = card_geometry(settings)
    made = enhanced(geometry)
    about = provenance("concert.mp4", made, geometry)
    card = write_card(made, geometry, about, tmp_path / f"card.{suffix}", settings)
    with Image.open(card.path) as image:
        assert image.size == (720, 1075) == (card.width_px, card.height_px)
        assert image.info["dpi"] == pytest.approx((300, 300), abs=0.01)
        assert "icc_profile" in image.info
    facts = open_picture(card.path).facts
    assert facts.exif["Software"] == "fancam 1.2.3"
    for part in ("55 x 85 mm + 3 mm bleed", "source 150 ppi", "2.00x by realesrgan-x4plus", "to 300 dpi",
                 "invented detail", "concert.mp4 at 41.152 s"):  # fmt: skip
        assert part in facts.exif["ImageDescription"]
    expected = {
        "dc:source": "concert.mp4", "fancam:version": "1.2.3", "fancam:pts": "123456", "fancam:time_s": "41.152",
        "fancam:upscaler": "realesrgan-x4plus", "fancam:upscaler_sha256": "ab" * 32, "fancam:restorer": "none",
        "fancam:scale": "2.0", "fancam:effective_ppi": "149.93", "fancam:invented": "True",
        "fancam:crop_box": ["100.25", "50.5", "460.25", "588.0"], "fancam:bleed_share": "0.75",
        "fancam:trim_width_mm": "55.0", "fancam:trim_height_mm": "85.0", "fancam:bleed_mm": "3.0",
        "fancam:notes": ["part of the bleed lies outside", "eyes not measured", "a tile redone in fp32"],
    }  # fmt: skip
    assert {name: facts.xmp.get(name) for name in expected} == expected


def test_strengths_are_written_when_a_stage_has_one(tmp_path):
    geometry = card_geometry(CardSettings(size="10x10mm", bleed_mm=0, dpi=72))
    made = enhanced(geometry)
    about = dataclasses.replace(
        provenance("a.jpg", made, geometry), restorer="gfpgan", strengths={"restore": 0.5, "denoise": 0.25}
    )
    write_card(made, geometry, about, tmp_path / "c.png", CardSettings())
    xmp = open_picture(tmp_path / "c.png").facts.xmp
    assert xmp["fancam:strengths"] == ["denoise=0.25", "restore=0.5"]
    assert xmp["fancam:restorer"] == "gfpgan"


def test_long_edge_card_has_the_right_resolution_in_the_file(tmp_path):
    settings = CardSettings(size="mini-id", bleed_mm=0, long_edge_px=500)
    geometry = card_geometry(settings)
    made = enhanced(geometry)
    about = provenance("a.jpg", made, geometry)
    for suffix, tolerance in (("png", 0.0127), ("jpg", 0.5), ("tif", 1e-4)):
        card = write_card(made, geometry, about, tmp_path / f"c.{suffix}", settings)
        facts = open_picture(card.path).facts
        assert max(facts.width_px, facts.height_px) == 500
        assert facts.dpi[1] == pytest.approx(500 / (45 / 25.4), abs=tolerance)
        printed_mm = facts.height_px / facts.dpi[1] * 25.4
        assert printed_mm == pytest.approx(45, abs=1e-3)


def test_same_card_twice_is_the_same_bytes(tmp_path):
    settings = CardSettings()
    geometry = card_geometry(settings)
    made = enhanced(geometry)
    about = provenance("concert.mp4", made, geometry)
    first, second = (write_card(made, geometry, about, tmp_path / name, settings) for name in ("a.png", "b.png"))
    assert first.sha256 == second.sha256
    assert first.path.read_bytes() == second.path.read_bytes()


def test_pixels_of_another_size_are_never_scaled_in_silence(tmp_path):
    geometry = card_geometry(CardSettings())
    made = dataclasses.replace(enhanced(geometry), pixels=np.zeros((1075, 721, 3), np.uint8))
    with pytest.raises(ValueError, match="721x1075 pixels for a card of 720x1075"):
        write_card(made, geometry, provenance("a", made, geometry), tmp_path / "c.png", CardSettings())
    assert list(tmp_path.iterdir()) == []


# --- the contact sheet --------------------------------------------------------------------------------------------


def entries_for(folder, ppis, colour=(40, 90, 160)) -> tuple[list[ContactEntry], CardGeometry]:
    geometry = card_geometry(CardSettings(dpi=72))
    pixels = np.full((geometry.height_px, geometry.width_px, 3), colour, np.uint8)
    path = folder / "card.png"
    save_picture(path, pixels, dpi=72, metadata=PictureMetadata())
    return [ContactEntry(path, f"clip-{i:09d}", 1.5 * i, 0.9, ppi) for i, ppi in enumerate(ppis)], geometry


def count_of(pixels: np.ndarray, colour) -> int:
    return int((pixels == np.array(colour, np.uint8)).all(axis=2).sum())


def test_sheet_shows_every_card_and_grows_with_them(tmp_path):
    sizes = []
    for count in (1, 4, 5, 12):
        entries, geometry = entries_for(tmp_path, [200] * count)
        sheet = contact_sheet(entries, geometry)
        inside = count_of(sheet, (40, 90, 160))
        sizes.append(inside / count)
        assert sheet.dtype == np.uint8
    assert max(sizes) - min(sizes) < 0.001 * max(sizes)  # the same number of pixels of each card, every time
    share = (55 * 85) / (61 * 91)
    assert sizes[0] / (320 * round(320 * 91 / 61)) == pytest.approx(share, abs=0.01)  # all of the trimmed card


@pytest.mark.parametrize(
    ("ppi", "name"),
    [(412, "green"), (300, "green"), (299.6, "green"), (299.4, "plain"), (150, "plain"), (149.4, "amber"),
     (75, "amber"), (74.4, "red"), (0, "red")],
)  # fmt: skip
def test_source_resolution_is_coloured_by_what_it_is_good_for(tmp_path, ppi, name):
    red, green, blue = ppi_colour(ppi)
    assert {
        "green": green > red and green > blue,
        "plain": max(red, green, blue) - min(red, green, blue) < 10,
        "amber": red > green > blue and green > red / 3,
        "red": red > 3 * green,
    }[name]
    entries, geometry = entries_for(tmp_path, [ppi])
    other, _ = entries_for(tmp_path, [200 if name != "plain" else 412])
    # its caption has a dot and figures in that colour, beside the legend's
    assert count_of(contact_sheet(entries, geometry), (red, green, blue)) > 1.2 * count_of(
        contact_sheet(other, geometry), (red, green, blue)
    )


def test_time_and_score_are_printed_under_the_card(tmp_path):
    entries, geometry = entries_for(tmp_path, [200])
    base = contact_sheet(entries, geometry)
    for change in ({"time_s": 2.5}, {"time_s": None}, {"score": 0.1}, {"label": "other"}, {"effective_ppi": 201}):
        changed = contact_sheet([dataclasses.replace(entries[0], **change)], geometry)
        rows = np.nonzero((changed != base).any(axis=(1, 2)))[0]
        thumbnail_end = 92 + round(320 * 91 / 61)
        assert len(rows), change
        assert thumbnail_end < rows.min() <= rows.max() < thumbnail_end + 72, change


def test_whom_a_pick_beat_stands_under_its_card_and_moves_no_other(tmp_path):
    entries, geometry = entries_for(tmp_path, [200] * 5)
    strip = np.full((*BEATEN_PX[::-1], 3), (9, 99, 199), np.uint8)
    save_picture(tmp_path / "beaten.png", strip, dpi=96, metadata=PictureMetadata())
    with_beaten = contact_sheet(
        [dataclasses.replace(entries[0], beaten=tmp_path / "beaten.png"), *entries[1:]], geometry
    )
    assert count_of(with_beaten, (9, 99, 199)) == BEATEN_PX[0] * BEATEN_PX[1]
    assert count_of(with_beaten, (40, 90, 160)) == count_of(contact_sheet(entries, geometry), (40, 90, 160))


def test_trim_line_lies_outside_what_remains_after_cutting(tmp_path):
    entries, geometry = entries_for(tmp_path, [200])
    sheet = contact_sheet(entries, geometry)
    row = sheet[92 + 200, 48 : 48 + 320]
    bleed = round(3 / 61 * 320)
    assert row[bleed - 1].tolist() == [255, 255, 255]
    assert row[320 - bleed].tolist() == [255, 255, 255]
    assert (row[bleed : 320 - bleed] == (40, 90, 160)).all()
    assert (row[: bleed - 2] != (40, 90, 160)).all()


def test_card_without_bleed_is_shown_whole(tmp_path):
    geometry = card_geometry(CardSettings(dpi=72, bleed_mm=0))
    pixels = np.full((geometry.height_px, geometry.width_px, 3), (9, 99, 199), np.uint8)
    save_picture(tmp_path / "c.png", pixels, dpi=72, metadata=PictureMetadata())
    sheet = contact_sheet([ContactEntry(tmp_path / "c.png", "c", None, 0.5, 300)], geometry)
    assert count_of(sheet, (9, 99, 199)) == 320 * round(320 * 85 / 55)


def test_large_run_is_shown_in_part_and_fits_a_jpeg(tmp_path, monkeypatch):
    monkeypatch.setattr("fancam.report.contact.MOST_ENTRIES", 6)
    few, geometry = entries_for(tmp_path, [200] * 6)
    many, _ = entries_for(tmp_path, [200] * 50)
    assert contact_sheet(many, geometry).shape == contact_sheet(few, geometry).shape


def test_sheet_is_written_as_a_picture_that_opens_and_is_the_same_each_time(tmp_path):
    entries, geometry = entries_for(tmp_path, [310, 200, 100, 50])
    first = write_contact_sheet(entries, geometry, tmp_path / "contact.jpg")
    assert first == write_contact_sheet(entries, geometry, tmp_path / "again.jpg")
    assert read_picture(tmp_path / "contact.jpg").width > 1000
    with pytest.raises(ValueError, match="at least one"):
        contact_sheet([], geometry)


@given(st.floats(0, 400_000))
def test_printed_time_reads_back_to_the_millisecond(time_s):
    text = format_time(time_s)
    total = 0.0
    for part in text.split(":"):
        total = total * 60 + float(part)
    assert math.isclose(total, time_s, abs_tol=0.00051)
    assert all(float(part) < 60 for part in text.split(":")[1:])
