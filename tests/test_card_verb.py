from __future__ import annotations

import hashlib
import json
from pathlib import Path

import ezdxf
import numpy as np
import pytest
from PIL import Image
from skimage.data import astronaut

from fancam import pictures
from fancam.cli import invoke
from tests.made_fonts import make_font
from tests.press_profiles import cmyk_press

SMALL = ["--dpi", "150"]
CARD_PX = (360, 537)
"""55 x 85 mm and 3 mm of bleed at 150 dpi."""


def save(path: Path, pixels: np.ndarray, **more) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, **more)
    return path


@pytest.fixture(scope="module")
def portrait() -> np.ndarray:
    """A public-domain face with the proportions of a K-pop card and its bleed; its head well inside."""
    return np.asarray(Image.fromarray(astronaut()[0:500, 60:395]).resize(CARD_PX, Image.Resampling.LANCZOS))


def made(out: Path, *words) -> tuple[int, dict]:
    code = invoke(["card", *map(str, words), "--out", str(out), "-q"])
    manifest = out / "manifest.json"
    return code, json.loads(manifest.read_text()) if manifest.is_file() else {}


def pixels_of(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image)


# --- what comes out -----------------------------------------------------------------------------------------------


def test_a_picture_with_the_cards_proportions_keeps_every_pixel(tmp_path, portrait):
    path = save(tmp_path / "me.png", portrait)
    before = path.read_bytes()
    code, document = made(tmp_path / "out", path, *SMALL)
    assert code == 0
    (card,) = document["cards"]
    assert np.array_equal(pixels_of(tmp_path / "out" / card["path"]), portrait)
    assert path.read_bytes() == before
    assert card["bleed_share"] == 1
    assert len(card["faces"]) == 1
    assert document["verb"] == "card"
    assert hashlib.sha256((tmp_path / "out" / card["path"]).read_bytes()).hexdigest() == card["sha256"]


def test_a_card_says_its_size_profile_and_source_in_the_file(tmp_path, portrait):
    _, document = made(tmp_path / "out", save(tmp_path / "me.png", portrait), *SMALL)
    facts = pictures.open_picture(tmp_path / "out" / document["cards"][0]["path"]).facts
    assert facts.dpi == pytest.approx((150, 150), abs=0.02)
    assert "sRGB" in facts.profile_description
    xmp = facts.xmp
    assert (xmp["fancam:trim_width_mm"], xmp["fancam:bleed_mm"], xmp["dc:source"]) == ("55.0", "3.0", "me.png")
    assert float(xmp["fancam:effective_ppi"]) == pytest.approx(150, abs=0.5)


def test_the_same_card_has_the_same_bytes(tmp_path, portrait):
    path = save(tmp_path / "me.png", portrait)
    first = made(tmp_path / "a", path, *SMALL, "--mockup", "--cut")[1]["cards"][0]
    second = made(tmp_path / "b", path, *SMALL, "--mockup", "--cut")[1]["cards"][0]
    assert first["sha256"] == second["sha256"]
    for name in (first["mockup"], *first["cut"].values()):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_bleed_comes_from_the_picture_where_it_goes_on(tmp_path):
    roomy = np.pad(astronaut(), ((40, 0), (0, 0), (0, 0)), "edge")
    photo = save(tmp_path / "photo.png", roomy)
    _, document = made(tmp_path / "out", photo, *SMALL, "--fit", "cover", "--orientation", "portrait")
    card = document["cards"][0]
    assert card["bleed_share"] == 1
    x0, y0, x1, y1 = card["crop"]
    assert 0 <= x0 < x1 <= 512
    assert 0 <= y0 < y1 <= 552
    assert (x1 - x0) / (y1 - y0) == pytest.approx(61 / 91, abs=1e-3)


def test_bleed_is_drawn_on_where_hair_would_lie_at_the_cut_and_that_is_said(tmp_path):
    photo = save(tmp_path / "photo.png", astronaut())
    _, document = made(tmp_path / "out", photo, *SMALL, "--fit", "cover", "--orientation", "portrait")
    card = document["cards"][0]
    assert 0.5 < card["bleed_share"] < 1
    assert any("the picture ends at the top" in warning for warning in card["warnings"])


def test_bleed_is_made_up_only_where_the_frame_ends_and_that_is_said(tmp_path):
    trim = save(tmp_path / "trim.png", astronaut()[0:512, 60:391])  # 55 : 85
    code, document = made(tmp_path / "out", trim, *SMALL)
    assert code == 0
    card = document["cards"][0]
    assert card["bleed_share"] == 0
    assert next(check for check in card["checks"] if check["name"] == "real_bleed")["status"] == "warn"


def test_a_border_in_the_bleed_is_no_made_up_bleed(tmp_path):
    words = ["--fit", "contain", "--border", "3mm", "--border-colour", "#102030"]
    _, document = made(tmp_path / "out", save(tmp_path / "square.png", astronaut()), *SMALL, *words)
    card = document["cards"][0]
    assert card["bleed_share"] == 1
    assert not [check for check in card["checks"] if check["name"] == "real_bleed" and check["status"] != "ok"]
    pixels = pixels_of(tmp_path / "out" / card["path"])
    assert pixels[0, 0].tolist() == pixels[-1, 180].tolist() == [16, 32, 48]


@pytest.mark.parametrize("fit", ["exact", "cover"])
def test_a_border_lies_over_a_picture_that_fills_the_card(tmp_path, portrait, fit):
    words = ["--fit", fit, "--border", "3mm", "--border-colour", "#102030"]
    code, document = made(tmp_path / "out", save(tmp_path / "me.png", portrait), *SMALL, *words)
    pixels = pixels_of(tmp_path / "out" / document["cards"][0]["path"])
    assert code == 0
    assert pixels[0, 0].tolist() == pixels[32, 180].tolist() == [16, 32, 48]
    inside = pixels[40:-40, 40:-40]
    assert inside.shape == portrait[40:-40, 40:-40].shape and inside.std() > 20


def test_a_landscape_picture_makes_a_landscape_card(tmp_path):
    _, document = made(tmp_path / "out", save(tmp_path / "wide.png", astronaut()[0:244, 0:364]), *SMALL)
    card = document["cards"][0]
    assert (card["width_px"], card["height_px"]) == (537, 360)
    assert (card["width_mm"], card["height_mm"]) == (85, 55)


def test_a_card_of_a_card_takes_its_bleed_from_the_first(tmp_path, portrait):
    _, document = made(tmp_path / "first", save(tmp_path / "me.png", portrait), *SMALL)
    first = tmp_path / "first" / document["cards"][0]["path"]
    _, document = made(tmp_path / "second", first, *SMALL, "--bleed", "2mm")
    card = document["cards"][0]
    assert card["bleed_share"] == 1
    assert card["effective_ppi"] == pytest.approx(150, abs=1)
    x0, y0, x1, y1 = card["trim"]
    assert (x1 - x0, y1 - y0) == pytest.approx((55 / 61 * 360, 85 / 91 * 537), abs=0.6)


def test_what_a_picture_truly_holds_reaches_the_preflight_of_its_card(tmp_path, portrait):
    path = tmp_path / "soft.png"
    fields = {"scale": 1.0, "true_scale": 0.6, "upscaler": "lanczos"}
    pictures.save_picture(path, portrait, dpi=300, metadata=pictures.PictureMetadata(fields=fields))
    _, document = made(tmp_path / "out", path, *SMALL)
    (found,) = (check for check in document["cards"][0]["checks"] if check["name"] == "effective_ppi")
    assert (found["status"], found["value"]) == ("warn", "source 150 ppi with detail for 90")


def test_what_was_enlarged_before_does_not_count_as_resolution(tmp_path, portrait):
    path = tmp_path / "large.png"
    pictures.save_picture(
        path, portrait, dpi=300,
        metadata=pictures.PictureMetadata(fields={"scale": 2.0, "invented": True, "upscaler": "some-network"}),
    )  # fmt: skip
    _, document = made(tmp_path / "out", path, *SMALL)
    card = document["cards"][0]
    assert card["effective_ppi"] == pytest.approx(75, abs=0.5)
    assert card["invented"] is True
    xmp = pictures.open_picture(tmp_path / "out" / card["path"]).facts.xmp
    assert (xmp["fancam:upscaler"], xmp["fancam:invented"]) == ("some-network", "True")


def test_sixteen_bits_stay_sixteen_bits(tmp_path, portrait):
    deep = portrait.astype(np.uint16) * 257 + 3
    pictures.save_picture(tmp_path / "deep.png", deep, dpi=150, metadata=pictures.PictureMetadata())
    _, document = made(tmp_path / "out", tmp_path / "deep.png", *SMALL)
    still = pictures.open_picture(tmp_path / "out" / document["cards"][0]["path"]).load()
    assert np.array_equal(still.colour, deep)


def test_a_wide_gamut_picture_is_converted_and_not_reinterpreted(tmp_path, portrait):
    p3 = pictures.matrix_profile("P3", ((0.68, 0.32), (0.265, 0.69), (0.15, 0.06)), (0.3127, 0.329), 0.0)
    flat = np.empty_like(portrait)
    flat[:] = (160, 100, 80)
    pictures.save_picture(tmp_path / "p3.png", flat, dpi=150, metadata=pictures.PictureMetadata(), profile=p3)
    _, document = made(tmp_path / "out", tmp_path / "p3.png", *SMALL)
    centre = pixels_of(tmp_path / "out" / document["cards"][0]["path"])[200, 200]
    assert centre[0] > 165  # the same red needs a higher number in sRGB
    assert centre[2] < 80


# --- art ----------------------------------------------------------------------------------------------------------


def test_text_lies_inside_the_safe_zone_and_nothing_else_changes(tmp_path, portrait):
    font = make_font(tmp_path / "boxes.ttf")
    _, document = made(
        tmp_path / "out", save(tmp_path / "me.png", portrait), *SMALL,
        "--text", "AH", "--font", font, "--text-size", "6mm", "--text-colour", "#ff0000",
    )  # fmt: skip
    card = pixels_of(tmp_path / "out" / document["cards"][0]["path"])
    rows, columns = np.nonzero(np.any(card != portrait, axis=2))
    safe_px = 6 / 25.4 * 150  # 3 mm of bleed and 3 mm of safe zone
    assert rows.size
    assert safe_px - 1 <= columns.min() and columns.max() < CARD_PX[0] - safe_px + 1
    assert rows.min() > CARD_PX[1] / 2 and rows.max() < CARD_PX[1] - safe_px + 1


def test_a_back_with_provenance_lies_beside_its_front(tmp_path, portrait):
    code, document = made(tmp_path / "out", save(tmp_path / "me.png", portrait), *SMALL, "--back", "provenance")
    assert code == 0
    back = tmp_path / "out" / document["cards"][0]["back"]["path"]
    assert back.name == "me-back.png"
    assert pixels_of(back).shape == (537, 360, 3)
    assert pixels_of(back).std() > 3
    assert {"text_safe": "ok"}.items() <= {c["name"]: c["status"] for c in document["cards"][0]["checks"]}.items()


def test_extras_are_a_mockup_a_cut_card_and_its_path(tmp_path, portrait):
    _, document = made(tmp_path / "out", save(tmp_path / "me.png", portrait), *SMALL, "--mockup", "--cut")
    card = document["cards"][0]
    assert pixels_of(tmp_path / "out" / card["mockup"]).shape[1] == 1600
    cut = pixels_of(tmp_path / "out" / card["cut"]["picture"])
    assert cut.shape[2] == 4
    assert cut[0, 0, 3] == 0 and cut[cut.shape[0] // 2, cut.shape[1] // 2, 3] == 255
    drawing = ezdxf.readfile(tmp_path / "out" / card["cut"]["dxf"])
    assert not drawing.audit().errors


# --- preflight ----------------------------------------------------------------------------------------------------


def test_a_broken_limit_is_exit_6_and_nothing_is_written(tmp_path, portrait, capsys):
    tiny = save(tmp_path / "tiny.png", portrait[::4, ::4])
    code, document = made(tmp_path / "out", tiny, *SMALL)
    assert code == 6
    assert document == {}
    assert not (tmp_path / "out").exists()
    complaint = capsys.readouterr().err
    assert "tiny.png" in complaint and "ppi" in complaint and "--force" in complaint


def test_force_writes_it_all_the_same(tmp_path, portrait):
    code, document = made(tmp_path / "out", save(tmp_path / "tiny.png", portrait[::4, ::4]), *SMALL, "--force")
    assert code == 0
    assert document["cards"][0]["path"]
    assert any(check["status"] == "fail" for check in document["cards"][0]["checks"])


def test_check_writes_nothing_and_prints_the_report_as_json(tmp_path, portrait, capsys):
    path = save(tmp_path / "me.png", portrait)
    assert invoke(["card", str(path), "--out", str(tmp_path / "out"), *SMALL, "--check", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert not (tmp_path / "out").exists()
    assert {"effective_ppi", "resolution", "bleed", "safe_zone"} <= {c["name"] for c in document["cards"][0]["checks"]}


def test_a_check_that_is_forced_is_still_a_check(tmp_path, portrait):
    code, document = made(
        tmp_path / "out", save(tmp_path / "tiny.png", portrait[::4, ::4]), *SMALL, "--check", "--force"
    )
    assert code == 6
    assert document == {}


def test_one_bad_card_does_not_harm_the_other(tmp_path, portrait):
    good, bad = save(tmp_path / "good.png", portrait), tmp_path / "bad.png"
    bad.write_bytes(good.read_bytes()[:3000])
    code, document = made(tmp_path / "out", good, bad, *SMALL)
    assert code == 3
    assert [card["path"] for card in document["cards"]] == ["good.png"]
    assert document["failures"][0]["item"].endswith("bad.png")


def test_a_face_in_the_safe_zone_is_seen(tmp_path):
    cramped = save(tmp_path / "cramped.png", astronaut()[60:239, 180:300])  # 0.67: the head touches the edges
    _, document = made(tmp_path / "out", cramped, *SMALL, "--force")
    check = next(one for one in document["cards"][0]["checks"] if one["name"] == "safe_zone")
    assert check["status"] != "ok"


# --- press --------------------------------------------------------------------------------------------------------


def test_a_cmyk_profile_makes_cmyk_tiffs_that_carry_it(tmp_path, portrait):
    profile = tmp_path / "press.icc"
    profile.write_bytes(cmyk_press())
    code, document = made(
        tmp_path / "out", save(tmp_path / "me.png", portrait), *SMALL, "--printer", "cmyk-shop", "--profile", profile,
        "--proof", "--force",
    )  # fmt: skip
    assert code == 0
    card = document["cards"][0]
    with Image.open(tmp_path / "out" / card["path"]) as image:
        assert image.mode == "CMYK"
        assert image.info["icc_profile"] == profile.read_bytes()
    proof = pixels_of(tmp_path / "out" / card["proof"]).astype(int)
    assert proof.shape == portrait.shape
    assert 1 < np.abs(proof - portrait).mean() < 40
    assert any(check["name"] == "total_ink" for check in card["checks"])


def test_a_cmyk_shop_without_a_profile_is_refused(tmp_path, portrait, capsys):
    code, _ = made(tmp_path / "out", save(tmp_path / "me.png", portrait), *SMALL, "--printer", "cmyk-shop")
    assert code == 6
    assert "profile" in capsys.readouterr().err


# --- bad input ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--fit", "exact"], 2, "--fit"),
        (["--fit", "stretch"], 2, "stretch"),
        (["--size", "1x1mm"], 2, "10 and 2000"),
        (["--crop", "1,2,3"], 2, "--crop"),
        (["--fit", "cover", "--frame", "nowhere.png"], 1, "nowhere.png"),
        (["--fit", "cover", "--text", "민수", "--font", "FONT"], 1, "수"),
        (["--fit", "cover", "--text", "A\ue000\U0010fffd"], 1, "no font of this system has U+E000"),
        (["--fit", "cover", "--printer", "nobody"], 2, "nobody"),
        (["--fit", "cover", "--profile", "INPUT"], 1, "profile"),
        (["--fit", "cover", "--proof"], 2, "--profile"),
        (["--fit", "cover", "--border-colour", "greenish"], 2, "greenish"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_nothing_is_written(tmp_path, words, code, said, capsys):
    path = save(tmp_path / "square.png", astronaut())
    words = [{"FONT": str(make_font(tmp_path / "boxes.ttf")), "INPUT": str(path)}.get(word, word) for word in words]
    assert made(tmp_path / "out", path, *SMALL, *words)[0] == code
    complaint = capsys.readouterr().err
    assert said in complaint
    assert len(complaint.strip().splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_a_card_never_replaces_its_input(tmp_path, portrait):
    path = save(tmp_path / "here" / "me.png", portrait)
    (tmp_path / "here" / "manifest.json").write_text("{}")
    assert made(tmp_path / "here", path, *SMALL)[0] == 2
    assert np.array_equal(pixels_of(path), portrait)
