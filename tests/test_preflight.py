from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from fancam.cards import CardFacts, check_card
from fancam.errors import ExitCode, PreflightError
from fancam.geometry import Box, CardGeometry
from fancam.paper import Check, Paper, printer, require_passed
from fancam.pictures import PictureFacts, PictureMetadata, open_picture, save_picture
from fancam.sheets import check_sheet
from fancam.sheets.plan import Area, Line, Page, Placement, Ruler, SheetCard, SheetPlan

FILE = PictureFacts(
    width_px=720, height_px=1075, space="rgb", bits=8, has_alpha=False, transparent_share=None,
    profile_description="sRGB", profile_space="rgb", is_srgb=True, dpi=(300.0, 300.0), format="PNG",
)  # fmt: skip
CARD = CardFacts(
    name="clip-1", facts=FILE, width_mm=55, height_mm=85, bleed_mm=3, effective_ppi=310.0,
    faces=(Box(250, 200, 470, 500),), invented=False,
)  # fmt: skip
INKS = dataclasses.replace(
    FILE, space="cmyk", format="TIFF", profile_description="Coated", profile_space="cmyk", is_srgb=False
)
PRESSED = dataclasses.replace(CARD, facts=INKS, ink_percent=287.0, out_of_gamut_share=0.001)


def card(**changes) -> CardFacts:
    names = {field.name for field in dataclasses.fields(PictureFacts)}
    of_file = {key: value for key, value in changes.items() if key in names}
    of_card = {key: value for key, value in changes.items() if key not in names}
    return dataclasses.replace(CARD, facts=dataclasses.replace(FILE, **of_file), **of_card)


def verdict(checks) -> str:
    """The worst status; ``ok`` where there is nothing."""
    return max((check.status for check in checks), key=["ok", "warn", "fail"].index, default="ok")


def found(facts: CardFacts, name: str, where: str = "rgb-shop") -> Check:
    (check,) = [check for check in check_card(facts, printer(where)) if check.name == name]
    return check


# --- cards --------------------------------------------------------------------------------------------------------


def test_a_good_card_passes_everywhere_it_is_made_for():
    for where in ("home", "cutter", "rgb-shop"):
        assert verdict(check_card(CARD, printer(where))) == "ok"
    assert verdict(check_card(PRESSED, printer("cmyk-shop"))) == "ok"
    for check in check_card(CARD, printer("rgb-shop")):
        assert check.item == "clip-1"
        assert check.message == ""


@pytest.mark.parametrize(
    ("changes", "name", "status", "words"),
    [
        ({"effective_ppi": 162.0}, "effective_ppi", "ok", "source 162 ppi, upscaled to 300 dpi"),
        ({"effective_ppi": 162.0, "invented": True}, "effective_ppi", "ok", "with invented detail"),
        ({"effective_ppi": 149.6}, "effective_ppi", "ok", "150 ppi"),
        ({"effective_ppi": 149.4}, "effective_ppi", "warn", "149 ppi"),
        ({"effective_ppi": 74.0}, "effective_ppi", "fail", "74 ppi"),
        ({"effective_ppi": None}, "effective_ppi", "warn", "not known"),
        ({"effective_ppi": 900.0}, "effective_ppi", "ok", "source 900 ppi"),
        ({"width_px": 650, "height_px": 970, "dpi": (270.7, 270.7)}, "resolution", "warn", "271 dpi"),
        ({"width_px": 360, "height_px": 537, "dpi": (150, 150)}, "resolution", "fail", "150 dpi"),
        ({"width_px": 720, "height_px": 1004}, "size", "fail", "wrong proportions"),
        ({"width_px": 1075, "height_px": 720}, "size", "fail", "on its side"),
        ({"dpi": (72.0, 72.0)}, "size", "warn", "72 dpi"),
        ({"dpi": None}, "size", "warn", "no resolution"),
        ({"bleed_mm": 0.0, "width_px": 650, "height_px": 1004}, "bleed", "fail", "0 mm"),
        ({"bleed_mm": 2.0, "width_px": 697, "height_px": 1051}, "bleed", "fail", "2 mm"),
        ({"bleed_share": 0.7}, "real_bleed", "warn", "70 %"),
        ({"faces": None}, "safe_zone", "warn", "not looked for"),
        ({"faces": ()}, "safe_zone", "ok", "no face"),
        ({"faces": (Box(250, 60, 470, 500),)}, "safe_zone", "warn", "2.1 mm from the cut"),
        ({"faces": (Box(250, 52, 470, 500),)}, "safe_zone", "fail", "1.4 mm from the cut"),
        ({"faces": (Box(20, 100, 470, 500),)}, "safe_zone", "fail", "1.3 mm beyond the cut"),
        ({"faces": (Box(250, 200, 470, 500), Box(0, 100, 80, 180))}, "safe_zone", "warn", "1 more 3.0 mm beyond"),
        ({"text_boxes": (Box(100, 1000, 600, 1030),)}, "text_safe", "fail", "0.8 mm from the cut"),
        ({"text_boxes": (Box(100, 900, 600, 1004),)}, "text_safe", "ok", "3.0 mm"),
        ({"text_size_mm": 1.8}, "text_size", "fail", "5.1 pt"),
        ({"text_size_mm": 2.2}, "text_size", "ok", "6.2 pt"),
        ({"profile_description": None, "profile_space": None}, "profile", "fail", "no profile"),
        ({"profile_space": None}, "profile", "fail", "damaged"),
        ({"profile_description": "Display P3", "is_srgb": False}, "profile", "warn", "not sRGB"),
        ({"space": "cmyk", "profile_space": "cmyk", "is_srgb": False}, "profile", "fail", "takes RGB"),
        ({"has_alpha": True}, "transparency", "warn", "alpha channel"),
        ({"has_alpha": True, "transparent_share": 0.0}, "transparency", "warn", "opaque"),
        ({"has_alpha": True, "transparent_share": 0.12}, "transparency", "fail", "12.0 %"),
        ({"out_of_gamut_share": 0.12}, "gamut", "warn", "12.0 %"),
        ({"bits": 16}, "depth", "fail", "16 bits"),
        ({"format": "WEBP"}, "format", "fail", "save it as PNG"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_card_is_found_and_said(changes, name, status, words):
    check = found(card(**changes), name)
    assert check.status == status
    assert words in f"{check.value} {check.message}"
    assert (check.message == "") == (status == "ok")
    assert "\n" not in check.message


def test_limits_are_those_of_the_chosen_printer():
    plain = card(bleed_mm=0.0, width_px=650, height_px=1004, bits=16, has_alpha=True, transparent_share=0.2)
    assert verdict(check_card(plain, printer("home"))) == "ok"
    failed = {check.name for check in check_card(plain, printer("rgb-shop")) if check.status == "fail"}
    assert failed == {"bleed", "depth", "transparency"}
    assert found(card(profile_description=None, profile_space=None), "profile", "home").status == "warn"


@pytest.mark.parametrize(
    ("changes", "name", "status"),
    [
        ({"ink_percent": 300.4}, "total_ink", "ok"),
        ({"ink_percent": 306.0}, "total_ink", "warn"),
        ({"ink_percent": 309.0}, "total_ink", "fail"),
        ({"ink_percent": None}, "total_ink", "warn"),
    ],
)
def test_ink_is_held_against_the_limit_of_the_press(changes, name, status):
    check = found(dataclasses.replace(PRESSED, **changes), name, "cmyk-shop")
    assert check.status == status
    assert "300 %" in check.limit


def test_rgb_is_not_sent_to_a_press_and_inks_without_profile_warn():
    check = found(CARD, "profile", "cmyk-shop")
    assert check.status == "fail"
    assert "--profile" in check.message
    bare = dataclasses.replace(PRESSED, facts=dataclasses.replace(INKS, profile_description=None, profile_space=None))
    assert found(bare, "profile", "cmyk-shop").status == "warn"


def test_checks_that_say_nothing_are_left_out():
    names = {check.name for check in check_card(CARD, printer("home"))}
    assert not names & {"text_safe", "text_size", "total_ink", "gamut"}


@given(st.floats(20, 200), st.floats(20, 200), st.floats(0, 10), st.floats(72, 1200))
def test_every_card_of_ours_has_the_right_proportions(width, height, bleed, dpi):
    geometry = CardGeometry(width, height, bleed, dpi)
    facts = card(
        width_px=geometry.width_px, height_px=geometry.height_px, dpi=(dpi, dpi), width_mm=width, height_mm=height,
        bleed_mm=bleed,
    )  # fmt: skip
    assert "wrong proportions" not in found(facts, "size").message


@pytest.mark.parametrize("suffix", ["jpg", "tif", "png"])
def test_a_card_turned_by_exif_is_seen_as_it_is_shown(tmp_path, suffix):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (1075, 720)).save(tmp_path / f"x.{suffix}", exif=exif, dpi=(300, 300))
    turned = dataclasses.replace(CARD, facts=open_picture(tmp_path / f"x.{suffix}").facts)
    assert found(turned, "size").status == "ok"
    assert found(turned, "safe_zone").status == "ok"


def test_a_written_card_is_measured_from_its_file(tmp_path: Path):
    pixels = np.full((269, 180, 3), 90, np.uint8)
    save_picture(tmp_path / "x.png", pixels, dpi=75, metadata=PictureMetadata())
    facts = dataclasses.replace(CARD, facts=open_picture(tmp_path / "x.png").facts, faces=(), effective_ppi=80.0)
    assert facts.dpi_at_size == pytest.approx(75, abs=0.2)
    statuses = {check.name: check.status for check in check_card(facts, printer("rgb-shop"))}
    assert statuses["size"] == statuses["profile"] == "ok"
    assert (statuses["resolution"], statuses["effective_ppi"]) == ("fail", "warn")


# --- verdict ------------------------------------------------------------------------------------------------------


def test_failure_stops_in_one_line_that_names_the_first_and_force_goes_on():
    bad = card(bleed_mm=0.0, width_px=650, height_px=1004, bits=16, format="WEBP", effective_ppi=60.0)
    checks = check_card(bad, printer("rgb-shop"))
    assert verdict(checks) == "fail"
    with pytest.raises(PreflightError) as error:
        require_passed(checks, force=False)
    words = str(error.value)
    assert error.value.exit_code == ExitCode.PREFLIGHT_FAILED == 6
    assert "clip-1: effective_ppi source 60 ppi" in words
    assert "bleed 0 mm (limit >= 3 mm)" in words
    assert "1 more" in words
    assert "--force" in words
    assert "\n" not in words
    require_passed(checks, force=True)


def test_warnings_do_not_stop():
    checks = check_card(card(bleed_share=0.5), printer("home"))
    assert verdict(checks) == "warn"
    require_passed(checks, force=False)
    assert verdict(()) == "ok"


# --- sheets -------------------------------------------------------------------------------------------------------

RULER = Ruler(20, 285, 100)


def page(x: float = 40.0, y: float = 40.0, *, name: str = "clip-1", bleed: float = 3.0, **changes) -> Page:
    trim = Area(x, y, 55, 85)
    placement = Placement(name, Path("x.png"), trim, trim.grown(bleed), trim.grown(3))
    values = {"placements": (placement,), "rulers": (RULER,), **changes}
    return Page(210, 297, **values)


def sheet(*pages: Page) -> SheetPlan:
    return SheetPlan(Paper("a4", "A4", 210, 297), pages, 1, 1, 1, False)


def of_sheet(plan: SheetPlan, where: str = "home", cards=(CARD,)) -> dict[str, Check]:
    """The worst check of each name."""
    order = {"ok": 0, "warn": 1, "fail": 2}
    return {check.name: check for check in sorted(checked(plan, where, cards), key=lambda check: order[check.status])}


def checked(plan: SheetPlan, where: str = "home", cards=(CARD,)) -> tuple[Check, ...]:
    on_sheet = [SheetCard(card.name, Path("x.png"), card.width_mm, card.height_mm, card.bleed_mm) for card in cards]
    return check_sheet(plan, on_sheet, {card.name: card.facts for card in cards}, printer(where))


def test_a_good_sheet_passes():
    checks = checked(sheet(page()))
    assert verdict(checks) == "ok"
    assert {check.item for check in checks} == {"page 1", "sheet"}


@pytest.mark.parametrize(
    ("plan", "name", "status", "words"),
    [
        (sheet(page(x=9)), "margins", "ok", ""),
        (sheet(page(x=7)), "margins", "warn", "bleed is not printed"),
        (sheet(page(x=4)), "margins", "fail", "keep a margin of 5 mm"),
        (sheet(page(x=160)), "margins", "fail", "beyond the paper"),
        (sheet(page(crop_marks=(Line(60, 0, 60, 60, 0.1),))), "marks", "fail", "on a card"),
        (sheet(page(crop_marks=(Line(60, 20, 60, 38, 0.1),))), "marks", "warn", "in the bleed"),
        (sheet(page(crop_marks=(Line(40, 20, 40, 36, 0.1),))), "marks", "ok", ""),
        (sheet(page(crop_marks=(Line(40, -5, 40, 36, 0.1),))), "marks", "fail", "beyond the paper"),
        (sheet(page(registration=(Area(90, 100, 5, 5),))), "marks", "fail", "on a card"),
        (sheet(page(rulers=())), "ruler", "warn", "100 %"),
        (sheet(page(), page(115, is_back=True)), "duplex", "ok", ""),
        (sheet(page(y=30), page(40, 182, is_back=True)), "duplex", "ok", ""),
        (sheet(page(), page(114, is_back=True)), "duplex", "fail", "beside its front"),
        (sheet(page(), Page(210, 297, is_back=True)), "duplex", "warn", "no back"),
        (sheet(page(), page(115, is_back=True), page()), "duplex", "fail", "take turns"),
        (sheet(page(), page(115, name="other", is_back=True)), "duplex", "fail", "beside its front"),
    ],
)
def test_what_is_wrong_with_a_sheet_is_found_and_said(plan, name, status, words):
    check = of_sheet(plan)[name]
    assert check.status == status, check
    assert words in check.message


def test_card_in_another_size_than_its_own_is_found_also_when_it_lies_on_its_side():
    trim = Area(40, 40, 85, 55)
    lying = Placement("clip-1", Path("x.png"), trim, trim.grown(3), trim.grown(3), turn_deg=90)
    assert "size" not in of_sheet(sheet(page(placements=(lying,))))
    upright = dataclasses.replace(lying, turn_deg=0)
    assert of_sheet(sheet(page(placements=(upright,))))["size"].status == "fail"


def test_bleed_is_checked_as_it_is_printed():
    assert of_sheet(sheet(page(bleed=1.0)), "rgb-shop")["bleed"].status == "fail"
    assert of_sheet(sheet(page(bleed=1.0)), "cutter")["bleed"].status == "ok"


def test_print_shops_want_one_card_per_page():
    two = page(placements=page().placements + page(x=120).placements)
    assert of_sheet(sheet(two), "rgb-shop")["layout"].status == "warn"
    assert of_sheet(sheet(page()), "rgb-shop")["layout"].status == "ok"
    assert "ruler" not in of_sheet(sheet(page()), "rgb-shop")


def test_cards_in_different_colours_have_no_common_output_intent():
    other = dataclasses.replace(PRESSED, name="clip-2")
    assert of_sheet(sheet(page()), "cmyk-shop", (PRESSED, dataclasses.replace(CARD, name="clip-2")))[
        "output_intent"
    ].status == "fail"  # fmt: skip
    assert of_sheet(sheet(page()), "cmyk-shop", (PRESSED, other))["output_intent"].status == "ok"
    bare = dataclasses.replace(CARD, facts=dataclasses.replace(FILE, profile_description=None, profile_space=None))
    assert of_sheet(sheet(page()), "home", (CARD, bare))["output_intent"].status == "ok"  # both are sRGB


def test_an_enlarged_upload_is_not_called_sharp():
    sharp, soft = (check_card(card(effective_ppi=225.0, true_scale=share), printer("home"))[0] for share in (1.0, 0.6))
    assert (sharp.status, soft.status) == ("ok", "warn")
    assert soft.value.startswith("source 225 ppi with detail for 135")
