from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import ezdxf
import numpy as np
import pikepdf
import pytest
from PIL import Image
from skimage.data import astronaut
from svgelements import SVG

from fancam import pictures
from fancam.cli import invoke
from tests.press_profiles import cmyk_press
from tests.readers import accepted_by_readers, readers_are_here

KPOP = {"trim_width_mm": 55.0, "trim_height_mm": 85.0, "bleed_mm": 3.0, "dpi": 150.0, "effective_ppi": 150.0}


@pytest.fixture(autouse=True)
def _other_programs_accept_every_pdf(tmp_path):
    yield
    for path in sorted(tmp_path.rglob("*.pdf")) if readers_are_here() else ():
        accepted_by_readers(path)


def card(path: Path, *, shift: int = 0, fields: dict | None = None, size=(360, 537)) -> Path:
    """A card file as fancam writes it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.asarray(Image.fromarray(np.roll(astronaut(), shift, axis=1)).resize(size))
    metadata = pictures.PictureMetadata(fields=KPOP if fields is None else fields)
    pictures.save_picture(path, pixels, dpi=150, metadata=metadata)
    return path


def sheet(out: Path, *words) -> int:
    return invoke(["sheet", *map(str, words), "-o", str(out), "-q"])


def report(capsys, out: Path, *words) -> tuple[int, dict]:
    code = invoke(["sheet", *map(str, words), "-o", str(out), "--json"])
    return code, json.loads(capsys.readouterr().out)


def test_nine_cards_with_bleed_lie_on_one_a4_page(tmp_path, capsys):
    cards = [card(tmp_path / f"{n}.png", shift=40 * n) for n in range(9)]
    code, document = report(capsys, tmp_path / "sheet.pdf", *cards)
    assert code == 0
    assert document["sheet"]["pages"] == 1
    assert document["sheet"]["cards"] == 9
    accepted_by_readers(tmp_path / "sheet.pdf")


def test_a_card_named_twice_is_printed_twice_and_stored_once(tmp_path, capsys):
    one = card(tmp_path / "one.jpg")
    code, document = report(capsys, tmp_path / "sheet.pdf", one, one, "--copies", "4")
    assert code == 0
    assert document["sheet"]["cards"] == 8
    assert (tmp_path / "sheet.pdf").stat().st_size < one.stat().st_size * 1.2 + 40_000
    accepted_by_readers(tmp_path / "sheet.pdf")


def test_what_was_assumed_of_several_cards_is_one_sentence_that_counts_them(tmp_path, capsys):
    cards = []
    for number in range(3):
        cards.append(tmp_path / f"c{number}: x.png")
        Image.fromarray(np.roll(astronaut(), 9 * number, 1)).resize((360, 537)).save(cards[-1], dpi=(150, 150))
    _, document = report(capsys, tmp_path / "sheet.pdf", *cards)
    assert "c0: x.png and 2 more: no colour profile: sRGB was assumed" in document["warnings"]
    _, document = report(capsys, tmp_path / "sheet.pdf", cards[0])
    assert "c0: x.png: no colour profile: sRGB was assumed" in document["warnings"]


def test_copies_can_be_given_per_card(tmp_path, capsys):
    cards = [card(tmp_path / f"{n}.png", shift=40 * n) for n in range(2)]
    _, document = report(capsys, tmp_path / "sheet.pdf", *cards, "--copies", "2,5")
    assert document["sheet"]["cards"] == 7
    assert report(capsys, tmp_path / "other.pdf", *cards, "--copies", "2,5,1")[0] == 2


def test_a_folder_that_fancam_wrote_stands_for_its_cards_and_backs(tmp_path, capsys):
    source = card(tmp_path / "in" / "me.png")
    assert (
        invoke(["card", str(source), "--dpi", "150", "--back", "#204080", "--out", str(tmp_path / "made"), "-q"]) == 0
    )
    code, document = report(capsys, tmp_path / "sheet.pdf", tmp_path / "made", "--duplex", "long")
    assert code == 0
    assert [Path(row["path"]).name for row in document["inputs"]] == ["me.png"]
    assert document["inputs"][0]["back"].endswith("me-back.png")
    assert document["sheet"]["pages"] == 2
    accepted_by_readers(tmp_path / "sheet.pdf")


def test_a_print_shop_gets_a_page_per_card_with_its_boxes(tmp_path):
    cards = [card(tmp_path / f"{n}.png", shift=40 * n) for n in range(3)]
    assert sheet(tmp_path / "shop.pdf", *cards, "--printer", "rgb-shop", "--force", "--crop-marks", "off") == 0
    accepted_by_readers(tmp_path / "shop.pdf")
    with pikepdf.open(tmp_path / "shop.pdf") as pdf:
        assert len(pdf.pages) == 3
        for page in pdf.pages:
            trim = [float(v) for v in page.trimbox]
            assert trim[2] - trim[0] == pytest.approx(55 / 25.4 * 72, abs=0.01)
            assert trim[3] - trim[1] == pytest.approx(85 / 25.4 * 72, abs=0.01)
            bleed = [float(v) for v in page.obj.BleedBox]
            assert trim[0] - bleed[0] == pytest.approx(3 / 25.4 * 72, abs=0.01)


def test_cut_files_and_previews_lie_beside_the_pdf(tmp_path, capsys):
    code, document = report(
        capsys, tmp_path / "sheet.pdf", card(tmp_path / "a.png"), "--copies", "4", "--registration", "3", "--cut",
        "--preview",
    )  # fmt: skip
    assert code == 0
    (cut,) = document["cut"]
    assert len([e for e in SVG.parse(cut["svg"]).elements() if type(e).__name__ == "Path"]) == 4
    drawing = ezdxf.readfile(cut["dxf"])
    assert len(drawing.modelspace().query("POLYLINE")) == 4
    assert len(document["preview"]) == 2
    for name in document["preview"]:
        with Image.open(name) as image:
            assert min(image.size) > 500


def test_size_is_known_from_the_resolution_where_the_file_says_nothing_else(tmp_path, capsys):
    plain = tmp_path / "plain.png"
    Image.fromarray(np.asarray(Image.fromarray(astronaut()).resize((348, 525)))).save(plain, dpi=(150, 150))
    _, document = report(capsys, tmp_path / "sheet.pdf", plain, "--force")
    assert (document["inputs"][0]["width_mm"], document["inputs"][0]["bleed_mm"]) == (55, 2)


def test_a_named_size_that_the_file_contradicts_is_refused(tmp_path, capsys):
    assert sheet(tmp_path / "sheet.pdf", card(tmp_path / "a.png"), "--size", "63x88mm") == 2
    assert "55x85" in capsys.readouterr().err
    assert not (tmp_path / "sheet.pdf").exists()


def test_a_press_profile_makes_a_cmyk_pdf_with_its_output_intent(tmp_path):
    profile = tmp_path / "press.icc"
    profile.write_bytes(cmyk_press())
    words = ["--printer", "cmyk-shop", "--profile", profile, "--force"]
    assert sheet(tmp_path / "press.pdf", card(tmp_path / "a.png"), *words) == 0
    accepted_by_readers(tmp_path / "press.pdf")
    with pikepdf.open(tmp_path / "press.pdf") as pdf:
        intent = pdf.Root.OutputIntents[0]
        assert intent.DestOutputProfile.read_bytes() == profile.read_bytes()
        (image,) = pdf.pages[0].get_images().values()
        assert image.ColorSpace[1].N == 4


def test_what_is_transparent_is_bare_paper_in_the_colours_of_a_press(tmp_path):
    profile = tmp_path / "press.icc"
    profile.write_bytes(cmyk_press())
    clear = np.zeros((537, 360, 4), np.uint8)
    pictures.save_picture(tmp_path / "clear.png", clear, dpi=150, metadata=pictures.PictureMetadata(fields=KPOP))
    words = ["--printer", "cmyk-shop", "--profile", profile, "--force"]
    assert sheet(tmp_path / "press.pdf", tmp_path / "clear.png", *words) == 0
    with pikepdf.open(tmp_path / "press.pdf") as pdf:
        (image,) = pdf.pages[0].get_images().values()
        ink = np.asarray(pikepdf.PdfImage(image).as_pil_image())
    assert ink.shape[2] == 4
    assert not ink.any()


def test_the_ink_of_a_converted_card_is_known_to_the_sheet(tmp_path, capsys):
    profile = tmp_path / "press.icc"
    profile.write_bytes(cmyk_press())
    words = ["--printer", "cmyk-shop", "--profile", str(profile), "--force"]
    made = ["card", str(card(tmp_path / "a.png")), "--out", str(tmp_path / "made"), "--dpi", "150", "-q", *words]
    assert invoke(made) == 0
    _, document = report(capsys, tmp_path / "press.pdf", tmp_path / "made", *words)
    (ink,) = [check for check in document["checks"] if check["name"] == "total_ink"]
    assert ink["status"] == "ok"
    assert 100 < float(ink["value"].split()[0]) <= 300


def test_a_sheet_says_what_is_on_it_and_whether_any_of_it_was_invented(tmp_path):
    cards = [card(tmp_path / "plain.png"), card(tmp_path / "made.png", shift=50, fields={**KPOP, "invented": True})]
    assert sheet(tmp_path / "sheet.pdf", *cards) == 0
    with pikepdf.open(tmp_path / "sheet.pdf") as pdf:
        xmp = pdf.Root.Metadata.read_bytes().decode()
    assert "<fancam:invented>True</fancam:invented>" in xmp
    assert "<rdf:li>plain</rdf:li><rdf:li>made</rdf:li>" in xmp
    assert "<fancam:least_effective_ppi>150.0</fancam:least_effective_ppi>" in xmp


def test_the_same_sheet_has_the_same_bytes(tmp_path):
    one = card(tmp_path / "a.png")
    for name in ("first", "second"):
        assert sheet(tmp_path / name / "sheet.pdf", one) in (0, 1)
    (tmp_path / "first").mkdir(exist_ok=True)
    (tmp_path / "second").mkdir(exist_ok=True)
    for name in ("first", "second"):
        assert sheet(tmp_path / name / "sheet.pdf", one) == 0
    assert (tmp_path / "first" / "sheet.pdf").read_bytes() == (tmp_path / "second" / "sheet.pdf").read_bytes()


# --- calibration --------------------------------------------------------------------------------------------------


def test_a_calibration_ends_in_a_settings_file_that_moves_the_back(tmp_path, capsys):
    assert sheet(tmp_path / "calibration.pdf", "--calibrate", "--duplex", "long") == 0
    accepted_by_readers(tmp_path / "calibration.pdf")
    with pikepdf.open(tmp_path / "calibration.pdf") as pdf:
        assert len(pdf.pages) == 2
    assert sheet(tmp_path / "printer.pdf", "--readings", "0.5,-0.3,0.5,-0.3", "--duplex", "long") == 0
    config = tmp_path / "printer.toml"
    source = card(tmp_path / "a.png")
    back = card(tmp_path / "back.png", shift=90)
    code, document = report(capsys, tmp_path / "s.pdf", source, "--back", back, "--config", config)
    assert code == 0
    moved = document["settings"]["sheet"]
    assert (abs(moved["back_x_mm"]), abs(moved["back_y_mm"])) == pytest.approx((0.5, 0.3), abs=0.01)
    assert moved["back_angle_deg"] == pytest.approx(0, abs=0.01)


# --- preflight and bad input --------------------------------------------------------------------------------------


def test_a_broken_limit_is_exit_6_with_the_report_and_no_pdf(tmp_path, capsys):
    blurred = card(tmp_path / "a.png", fields={**KPOP, "effective_ppi": 30.0})
    code, document = report(capsys, tmp_path / "sheet.pdf", blurred)
    assert code == 6
    assert any(check["status"] == "fail" for check in document["checks"])
    assert document["pdf"] is None
    assert not (tmp_path / "sheet.pdf").exists()
    assert report(capsys, tmp_path / "sheet.pdf", blurred, "--force")[0] == 0


def test_a_check_of_many_cards_counts_and_names_what_is_wrong(tmp_path, capsys):
    good = [card(tmp_path / f"{n}.png", shift=9 * n, size=(90, 134)) for n in range(7)]
    soft = card(tmp_path / "soft.png", fields={**KPOP, "effective_ppi": 30.0})
    assert invoke(["sheet", *map(str, [*good, soft]), "-o", str(tmp_path / "s.pdf"), "--check"]) == 6
    out = capsys.readouterr().out
    assert "soft: fail effective_ppi: source 30 ppi" in out
    (row,) = [line for line in out.splitlines() if "effective_ppi" in line and "│" in line]
    assert [cell.strip() for cell in row.split("│")][-4:-1] == ["7", "", "1"]


def test_what_a_card_truly_holds_reaches_the_preflight_of_its_sheet(tmp_path, capsys):
    soft = card(tmp_path / "soft.png", fields={**KPOP, "true_scale": 0.6})
    _, document = report(capsys, tmp_path / "sheet.pdf", soft, "--check")
    (found,) = (check for check in document["checks"] if check["name"] == "effective_ppi")
    assert (found["status"], found["value"]) == ("warn", "source 150 ppi with detail for 90")


def test_check_writes_nothing(tmp_path, capsys):
    code, document = report(capsys, tmp_path / "sheet.pdf", card(tmp_path / "a.png"), "--check")
    assert code == 0
    assert document["checks"]
    assert not (tmp_path / "sheet.pdf").exists()


def broken_png(folder: Path) -> Path:
    path = card(folder / "broken.png")
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 200] = bytes(200)
    path.write_bytes(data)
    return path


def test_check_reads_every_picture_to_its_end(tmp_path, capsys):
    assert sheet(tmp_path / "sheet.pdf", broken_png(tmp_path), "--check") == 1
    assert "broken.png" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ([], 2, "no cards"),
        (["A", "-o", "sheet.png"], 2, ".pdf"),
        (["nowhere.png"], 1, "nowhere.png"),
        (["SQUARE"], 2, "square.png"),
        (["BROKEN"], 1, "broken.png"),
        (["A", "--paper", "30x40mm"], 2, "30"),
        (["A", "--paper", "80x110mm", "--registration", "3"], 2, "registration"),
        (["A", "--bleed", "5mm"], 2, "bleed"),
        (["A", "--duplex", "sideways"], 2, "sideways"),
        (["A", "--skip", "x"], 2, "skip"),
        (["A", "--back-offset", "1"], 2, "--back-offset"),
        (["A", "--back", "nowhere.png", "--duplex", "long"], 1, "nowhere.png"),
        (["A", "--readings", "1,2,3,4"], 2, "no cards"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_nothing_is_written(tmp_path, words, code, said, capsys):
    Image.fromarray(astronaut()).save(tmp_path / "square.png")
    names = {"A": card(tmp_path / "a.png"), "SQUARE": tmp_path / "square.png", "BROKEN": broken_png(tmp_path)}
    out = [] if "-o" in words else ["-o", str(tmp_path / "sheet.pdf")]
    assert invoke(["sheet", *[str(names.get(word, word)) for word in words], *out]) == code
    complaint = capsys.readouterr().err
    assert said in complaint
    assert len(complaint.strip().splitlines()) == 1
    assert not list(tmp_path.glob("*.pdf"))


def test_cards_and_sheets_are_made_without_loading_torch(tmp_path):
    source = tmp_path / "me.png"
    Image.fromarray(np.asarray(Image.fromarray(astronaut()[0:500, 60:395]).resize((360, 537)))).save(source)
    program = (
        "import sys; from fancam.cli import invoke; "
        f"codes = [invoke(['card', {str(source)!r}, '--dpi', '150', '--out', {str(tmp_path / 'made')!r}, '-q']), "
        f"invoke(['sheet', {str(tmp_path / 'made')!r}, '-o', {str(tmp_path / 's.pdf')!r}, '-q'])]; "
        "print(codes, 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[0, 0] False", done.stderr
