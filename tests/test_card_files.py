from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from fancam import pictures
from fancam.errors import InputNotFoundError, NotMediaError, UsageError
from fancam.geometry import Box, CardGeometry
from fancam.jobs.card_files import find_cards, sheet_cards
from fancam.provenance import Provenance
from fancam.settings import CardSettings

KPOP = {"trim_width_mm": 55.0, "trim_height_mm": 85.0, "bleed_mm": 3.0, "dpi": 300.0}


def png(path: Path, width: int = 61, height: int = 91, **more) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.zeros((height, width, 3), np.uint8)).save(path, **more)
    return path


def stated(path: Path, width: int, height: int, fields: dict) -> Path:
    pixels = np.zeros((height, width, 3), np.uint8)
    pictures.save_picture(path, pixels, dpi=300, metadata=pictures.PictureMetadata(fields=fields))
    return path


def only(path: Path, size: str | None = None, settings: CardSettings | None = None):
    (card,) = sheet_cards(find_cards([path]), settings or CardSettings(), size)
    return card


# --- which files --------------------------------------------------------------------------------------------------


def test_cards_come_in_their_order_and_a_repeated_one_counts_twice(tmp_path):
    a, b = png(tmp_path / "a.png"), png(tmp_path / "b.png")
    found = find_cards([b, a, b])
    assert [(one.front, one.copies) for one in found] == [(b, 2), (a, 1)]


def test_numbers_of_copies_multiply_what_is_repeated(tmp_path):
    a, b = png(tmp_path / "a.png"), png(tmp_path / "b.png")
    assert [one.copies for one in find_cards([a, b, b], copies=(3, 4))] == [3, 8]
    with pytest.raises(UsageError, match="2 cards"):
        find_cards([a, b], copies=(1, 2, 3))


def test_a_back_beside_its_front_belongs_to_it_and_is_no_card(tmp_path):
    front, back = png(tmp_path / "x.png"), png(tmp_path / "x-back.png")
    (one,) = find_cards([tmp_path])
    assert (one.front, one.back) == (front, back)


def test_a_picture_that_only_sounds_like_a_back_is_a_card(tmp_path):
    path = png(tmp_path / "looking-back.png")
    assert [one.front for one in find_cards([tmp_path])] == [path]


def test_a_back_of_the_same_kind_as_the_front_is_preferred(tmp_path):
    png(tmp_path / "x.jpg")
    png(tmp_path / "x-back.jpg")
    png(tmp_path / "x-back.bmp")
    (one,) = find_cards([tmp_path / "x.jpg"])
    assert one.back == tmp_path / "x-back.jpg"


def test_names_with_brackets_find_their_backs(tmp_path):
    front = png(tmp_path / "[2024] x.png")
    back = png(tmp_path / "[2024] x-back.png")
    assert find_cards([front])[0].back == back


def test_a_folder_that_fancam_wrote_stands_for_its_cards(tmp_path):
    for name in ("one", "two"):
        png(tmp_path / "cards" / f"{name}.png")
    png(tmp_path / "contact.jpg")
    picks = [{"card": {"path": "cards/two.png"}}, {"card": None}, {"card": {"path": "cards/one.png"}}]
    (tmp_path / "manifest.json").write_text(json.dumps({"picks": picks}))
    assert [one.front.name for one in find_cards([tmp_path])] == ["two.png", "one.png"]


@pytest.mark.parametrize("text", ["{", "[]", '{"picks": [{"card": {}}]}', '{"picks": []}'])
def test_a_manifest_that_names_no_card_is_said(tmp_path, text):
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(NotMediaError):
        find_cards([tmp_path])


def test_a_manifest_cannot_name_files_outside_its_folder(tmp_path):
    png(tmp_path / "secret.png")
    folder = tmp_path / "made"
    folder.mkdir()
    (folder / "manifest.json").write_text(json.dumps({"cards": [{"path": "../secret.png"}]}))
    with pytest.raises(NotMediaError):
        find_cards([folder])


def test_a_missing_back_is_said(tmp_path):
    with pytest.raises(InputNotFoundError, match=r"nowhere\.png"):
        find_cards([png(tmp_path / "a.png")], back=tmp_path / "nowhere.png")


# --- how large ----------------------------------------------------------------------------------------------------


def test_what_fancam_wrote_into_the_file_is_its_size(tmp_path):
    card = only(stated(tmp_path / "a.png", 720, 1075, KPOP))
    assert (card.width_mm, card.height_mm, card.bleed_mm, card.corner_radius_mm) == (55, 85, 3, 3)


def test_a_named_size_that_the_file_contradicts_is_an_error(tmp_path):
    path = stated(tmp_path / "a.png", 720, 1075, KPOP)
    assert only(path, size="55x85mm").bleed_mm == 3
    with pytest.raises(UsageError, match="55x85"):
        only(path, size="tcg")


def test_a_card_that_was_cropped_since_is_no_longer_what_its_file_says(tmp_path):
    path = stated(tmp_path / "a.png", 650, 1004, KPOP)
    assert only(path).bleed_mm == 0


@given(bleed_mm=st.integers(0, 50).map(lambda tenths: tenths / 10), dpi=st.sampled_from([150, 300, 600]))
def test_the_resolution_of_a_file_tells_its_bleed(tmp_path_factory, bleed_mm, dpi):
    geometry = CardGeometry(55, 85, bleed_mm, dpi)
    path = png(tmp_path_factory.mktemp("cards") / "a.png", geometry.width_px, geometry.height_px, dpi=(dpi, dpi))
    card = only(path)
    assert (card.width_mm, card.height_mm) == (55, 85)
    assert card.bleed_mm == pytest.approx(bleed_mm, abs=0.1)


def test_without_a_resolution_the_proportions_tell_whether_there_is_bleed(tmp_path):
    assert only(png(tmp_path / "outer.png", 1441, 2150)).bleed_mm == 3
    assert only(png(tmp_path / "trim.png", 1299, 2008)).bleed_mm == 0


def test_a_card_on_its_side_is_recognised(tmp_path):
    card = only(png(tmp_path / "wide.png", 1075, 720, dpi=(300, 300)))
    assert (card.width_mm, card.height_mm, card.bleed_mm) == (85, 55, 3)


def test_other_proportions_are_an_error_that_names_the_file(tmp_path):
    with pytest.raises(UsageError, match=r"square\.png"):
        only(png(tmp_path / "square.png", 500, 500))


def test_a_back_of_other_proportions_is_never_stretched(tmp_path):
    front = png(tmp_path / "x.png", 720, 1075, dpi=(300, 300))
    back = png(tmp_path / "x-back.png", 1075, 720)
    with pytest.raises(UsageError, match=r"x-back\.png.*61x91 mm"):
        only(front)
    png(back, 361, 537)
    assert only(front).back == back


# --- provenance ---------------------------------------------------------------------------------------------------


def test_what_is_no_number_counts_as_missing():
    found = Provenance.from_xmp(
        {"fancam:scale": "two", "fancam:time_s": "1.5", "fancam:pts": "nan", "fancam:notes": "a"}
    )
    assert (found.scale, found.time_s, found.pts, found.notes) == (None, 1.5, None, ())
    assert found.enlargement == 1


def test_what_is_written_is_read_back(tmp_path):
    card = CardGeometry(55, 85, 3, 300)
    written = Provenance(
        source="concert.mp4", version="1.2.3", pts=123456, time_s=41.152, crop_box=Box(100.25, 50.5, 460.25, 588),
        trim_box=Box(120, 70.5, 440, 568), framing="bust", effective_ppi=149.93, bleed_share=0.75, upscaler="net",
        upscaler_sha256="ab" * 32, restorer="gfpgan", strengths={"denoise": 0.25, "detail": 1.0}, scale=2.0,
        invented=True, card=card, ink_percent=287.5, face_boxes_mm=(Box(10, 20, 30.25, 44.5),), notes=("one", "two"),
    )  # fmt: skip
    path = tmp_path / "card.png"
    metadata = pictures.PictureMetadata.of(written)
    pictures.save_picture(path, np.zeros((1075, 720, 3), np.uint8), dpi=300, metadata=metadata)
    assert Provenance.from_xmp(pictures.open_picture(path).facts.xmp) == written
    assert Provenance.from_xmp({}) == Provenance()


def test_a_card_of_a_picture_inherits_what_holds_for_it_as_well():
    first = Provenance(
        source="concert.mp4", version="1", time_s=41.152, crop_box=Box(0, 0, 9, 9), upscaler="net", scale=2.0,
        invented=True, effective_ppi=150.0, notes=("soft",),
    )  # fmt: skip
    card = first.card_of("card.png", effective_ppi=75.0, scale=4.0, card=CardGeometry(55, 85, 3, 300))
    assert (card.time_s, card.upscaler, card.invented, card.notes) == (41.152, "net", True, ("soft",))
    assert (card.source, card.crop_box, card.effective_ppi, card.scale) == ("card.png", None, 75.0, 4.0)
    assert card.description() == (
        "Photocard 55 x 85 mm + 3 mm bleed; source 75 ppi, printed at 300 dpi with invented detail; from card.png"
    )
    assert first.description() == "2.00x by net with invented detail; from concert.mp4 at 41.152 s"


def test_the_trim_of_a_card_is_found_in_its_pixels():
    found = Provenance.from_xmp({f"fancam:{name}": str(value) for name, value in KPOP.items()})
    box = found.trim_in(610, 910, CardGeometry(55, 85, 2, 300))
    assert box is not None
    assert box.as_list(6) == pytest.approx([30, 30, 580, 880])
    assert found.trim_in(610, 910, CardGeometry(54, 86, 2, 300)) is None
    assert found.trim_in(500, 500, CardGeometry(55, 85, 2, 300)) is None


def test_the_back_says_what_was_invented_and_from_where():
    found = Provenance(source="concert.mp4", invented=True, upscaler="net", scale=2.0, time_s=61.5)
    facts = found.back_facts(150.2, CardGeometry(55, 85, 3, 300))
    assert facts[:4] == [
        ("Source", "concert.mp4"), ("Moment", "1:01.500"), ("Camera", "150 ppi"), ("Print", "300 dpi, 55 × 85 mm"),
    ]  # fmt: skip
    assert ("", "Contains detail that a network invented.") in facts
    plain = Provenance(source="card.png").back_facts(100, CardGeometry(55, 85, 3, 300))
    assert [label for label, _ in plain] == ["Source", "Camera", "Print", ""]


def test_a_face_prior_that_was_used_is_named_and_none_is_not():
    card = CardGeometry(55, 85, 3, 300)
    assert ("Face", "gfpgan") in Provenance.from_xmp({"fancam:restorer": "gfpgan"}).back_facts(100, card)
    unused = Provenance.from_xmp({"fancam:restorer": "none"}).back_facts(100, card)
    assert "Face" not in dict(unused)
