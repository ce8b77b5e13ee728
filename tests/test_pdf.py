from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import cv2
import numpy as np
import pikepdf
import pytest
from PIL import Image, ImageCms

from fancam.errors import InputError, InputNotFoundError, OutputError, ProfileError, TruncatedInputError
from fancam.pictures import adobe_rgb_profile, srgb_profile
from fancam.sheets import write_pdf
from fancam.sheets.plan import Area, BackOffset, Line, Note, Page, Ruler, SheetPlan
from tests.pdf_plans import A6, images_in, page_of, photo, pixels_in, placed, plan_of, printed, saved, sha256, written
from tests.press_profiles import cmyk_press
from tests.readers import accepted_by_readers
from tests.rendered_positions import render_page

POINT_MM = 25.4 / 72


@pytest.fixture
def images():
    """The image objects of the PDF at a path; it stays open until the test is over."""
    with ExitStack() as opened:
        yield lambda path: images_in(opened.enter_context(pikepdf.open(path)))


def box_mm(box, page_height_mm: float) -> tuple[float, ...]:
    """A page box as x, y, right, bottom in millimetres from the upper left."""
    x0, y0, x1, y1 = (float(value) * POINT_MM for value in box)
    return x0, page_height_mm - y1, x1, page_height_mm - y0


def corners(area: Area) -> tuple[float, ...]:
    return area.x_mm, area.y_mm, area.right_mm, area.bottom_mm


# --- pictures -----------------------------------------------------------------------------------------------------


def test_the_jpeg_stream_is_the_file(tmp_path, images):
    card = saved(tmp_path / "card.jpg", quality=95, subsampling=0)
    printed(card, tmp_path / "a.pdf")
    (image,) = images(tmp_path / "a.pdf")
    assert image.Filter == "/DCTDecode"
    assert sha256(image.read_raw_bytes()) == sha256(card.read_bytes())


def test_the_shared_photo_is_in_the_pdf_as_it_is(tmp_path, shared, images):
    card = shared("data/photo/group/solvay1927.jpg")
    printed(card, tmp_path / "a.pdf")
    (image,) = images(tmp_path / "a.pdf")
    assert sha256(image.read_raw_bytes()) == sha256(card.read_bytes())


@pytest.mark.parametrize("mode", ["RGB", "L", "P", "1"])
def test_png_pixels_come_out_as_they_went_in(tmp_path, mode, images):
    picture = Image.fromarray(photo()).convert(mode)
    picture.save(tmp_path / "card.png")
    printed(tmp_path / "card.png", tmp_path / "a.pdf")
    (image,) = images(tmp_path / "a.pdf")
    expected = np.asarray(picture.convert("RGB" if mode in ("RGB", "P") else "L"))
    found = pikepdf.PdfImage(image).as_pil_image().convert("RGB" if mode in ("RGB", "P") else "L")
    assert np.array_equal(np.asarray(found), expected)


def test_sixteen_bits_are_in_the_pdf(tmp_path, images):
    deep = np.random.default_rng(0).integers(0, 65536, (30, 20, 3), dtype=np.uint16)
    cv2.imwrite(str(tmp_path / "card.tif"), deep)
    printed(tmp_path / "card.tif", tmp_path / "a.pdf")
    (image,) = images(tmp_path / "a.pdf")
    assert image.BitsPerComponent == 16
    assert np.array_equal(np.frombuffer(image.read_bytes(), ">u2").reshape(30, 20, 3), deep[..., ::-1])


def test_alpha_is_a_soft_mask_and_the_page_says_where_it_blends(tmp_path, images):
    alpha = np.zeros((400, 280), np.uint8)
    alpha[:, 140:] = 255
    card = saved(tmp_path / "card.png", np.dstack([np.full((400, 280, 3), 30, np.uint8), alpha]))
    printed(card, tmp_path / "a.pdf")
    (image,) = images(tmp_path / "a.pdf")
    assert np.array_equal(pixels_in(image.SMask), alpha)
    with pikepdf.open(tmp_path / "a.pdf") as pdf:
        assert pdf.pages[0].Group.CS[0] == "/ICCBased"
    page = render_page(tmp_path / "a.pdf", 0, 254)
    assert page[380, 250].min() >= 254, "the transparent half shows the paper"
    assert page[380, 390].max() < 60


def test_equal_pictures_and_profiles_are_there_once_whatever_their_names(tmp_path, images):
    cards = [saved(tmp_path / f"{name}.png", icc_profile=adobe_rgb_profile()) for name in "abc"]
    cards.append(saved(tmp_path / "other.png", photo(seed=1), icc_profile=adobe_rgb_profile()))
    plan = plan_of(page_of([placed(card, 10 + 20 * i, width_mm=15) for i, card in enumerate(cards)]))
    written(plan, tmp_path / "a.pdf", output_profile=adobe_rgb_profile())
    assert len(images(tmp_path / "a.pdf")) == 2
    with pikepdf.open(tmp_path / "a.pdf") as pdf:
        profiles = [o for o in pdf.objects if isinstance(o, pikepdf.Stream) and "/N" in o]
        assert [bytes(p.read_bytes()) for p in profiles] == [adobe_rgb_profile()]


def test_nine_copies_need_hardly_more_than_one(tmp_path):
    card = saved(tmp_path / "card.jpg", photo(720, 1075), quality=95)
    one = written(plan_of(page_of([placed(card)])), tmp_path / "one.pdf")
    places = [placed(card, 5 + 30 * (i % 3), 5 + 45 * (i // 3)) for i in range(9)]
    nine = written(plan_of(page_of(places)), tmp_path / "nine.pdf")
    assert nine.size_bytes <= 1.01 * one.size_bytes


# --- colour -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", ["png", "jpg", "tif"])
def test_each_picture_keeps_its_profile(tmp_path, ending, images):
    card = saved(tmp_path / f"card.{ending}", icc_profile=adobe_rgb_profile())
    printed(card, tmp_path / "a.pdf")
    (image,) = images(tmp_path / "a.pdf")
    space, profile = image.ColorSpace
    assert (space, profile.N) == ("/ICCBased", 3)
    assert bytes(profile.read_bytes()) == adobe_rgb_profile()


def test_without_one_srgb_is_attached_and_noted(tmp_path, images):
    result = printed(saved(tmp_path / "card.png"), tmp_path / "a.pdf")
    (image,) = images(tmp_path / "a.pdf")
    assert bytes(image.ColorSpace[1].read_bytes()) == srgb_profile()
    assert result.assumed == {"no colour profile: sRGB was assumed": (tmp_path / "card.png",)}


def test_the_output_intent_is_srgb_unless_a_profile_is_given(tmp_path):
    card = saved(tmp_path / "card.png", icc_profile=srgb_profile())
    printed(card, tmp_path / "a.pdf")
    printed(card, tmp_path / "b.pdf", output_profile=cmyk_press())
    with pikepdf.open(tmp_path / "a.pdf") as pdf:
        (intent,) = pdf.Root.OutputIntents
        assert bytes(intent.DestOutputProfile.read_bytes()) == srgb_profile()
        assert (intent.S, str(intent.OutputConditionIdentifier)) == ("/GTS_PDFA1", "sRGB IEC61966-2.1")
    with pikepdf.open(tmp_path / "b.pdf") as pdf:
        (intent,) = pdf.Root.OutputIntents
        assert bytes(intent.DestOutputProfile.read_bytes()) == cmyk_press()
        assert (intent.S, intent.DestOutputProfile.N) == ("/GTS_PDFX", 4)
        assert b"GTS_PDFXVersion" not in bytes(pdf.Root.Metadata.read_bytes()), "no conformance is claimed"


def test_what_is_no_profile_of_a_device_is_refused(tmp_path):
    card = saved(tmp_path / "card.png")
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    for profile in (b"", b"not a profile", lab):
        with pytest.raises(ProfileError):
            printed(card, tmp_path / "a.pdf", output_profile=profile)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["card.png"]


@pytest.mark.parametrize("profiled", [False, True])
@pytest.mark.parametrize("ending", ["jpg", "tif"])
def test_cmyk_is_no_negative(tmp_path, ending, profiled, images):
    """Mostly cyan on the left, no ink on the right."""
    inks = np.zeros((40, 28, 4), np.uint8)
    inks[:, :14, 0] = 230
    facts = {"quality": 95, "subsampling": 0} if ending == "jpg" else {}
    card = tmp_path / f"card.{ending}"
    Image.fromarray(inks, "CMYK").save(card, icc_profile=cmyk_press() if profiled else None, **facts)
    printed(card, tmp_path / "a.pdf")
    (image,) = images(tmp_path / "a.pdf")
    if ending == "jpg":
        assert sha256(image.read_raw_bytes()) == sha256(card.read_bytes())
        assert list(image.Decode) == [1, 0] * 4
    page = render_page(tmp_path / "a.pdf", 0, 254)
    left, right = page[380, 250].astype(int), page[380, 390].astype(int)
    assert right.min() > 240, "no ink is paper"
    assert left[0] < 120, "cyan takes the red away"
    assert left[2] > 150
    rendered_by_poppler(tmp_path / "a.pdf", 254, page)


def rendered_by_poppler(path: Path, dpi: int, page: np.ndarray) -> None:
    """The other renderer agrees on what is light and what is dark, where it is installed."""
    if shutil.which("pdftoppm") is None:
        return
    data = subprocess.run(["pdftoppm", "-r", str(dpi), "-png", str(path)], capture_output=True, check=True).stdout
    other = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)[..., ::-1].astype(int)
    for y, x in ((380, 250), (380, 390), (100, 100)):
        assert np.abs(other[y, x] - page[y, x]).max() < 60


# --- pages --------------------------------------------------------------------------------------------------------


def test_the_boxes_of_every_page_are_those_of_the_plan(tmp_path):
    card = saved(tmp_path / "card.png")
    pages = [page_of([placed(card, 12.3, 23.4), placed(card, 50.7, 23.4)]), page_of([]),
             page_of([placed(card, 33.3, 44.4, shown_mm=1.1)], is_back=True, offset=BackOffset(1, 1, 1))]  # fmt: skip
    written(plan_of(*pages), tmp_path / "a.pdf")
    with pikepdf.open(tmp_path / "a.pdf") as pdf:
        assert len(pdf.pages) == 3
        for found, page in zip(pdf.pages, pages, strict=True):
            whole = (0.0, 0.0, A6.width_mm, A6.height_mm)
            expected = {
                "/MediaBox": whole,
                "/BleedBox": corners(page.bleed_box) if page.bleed_box else whole,
                "/TrimBox": corners(page.trim_box) if page.trim_box else whole,
            }
            for name, area in expected.items():
                assert box_mm(found.obj[name], A6.height_mm) == pytest.approx(area, abs=0.001 * POINT_MM)


def test_a_box_never_reaches_out_of_the_page(tmp_path):
    card = saved(tmp_path / "card.png")
    written(plan_of(page_of([placed(card, 1.0, 1.0)])), tmp_path / "a.pdf")
    with pikepdf.open(tmp_path / "a.pdf") as pdf:
        left, _, _, top = (float(value) for value in pdf.pages[0].BleedBox)
        assert left == 0
        assert top == pytest.approx(A6.height_mm / POINT_MM, abs=0.001)


def test_every_font_is_embedded_and_every_mark_is_black_ink_alone(tmp_path):
    card = saved(tmp_path / "card.png", icc_profile=srgb_profile())
    written(plan_of(page_with_everything(card)), tmp_path / "a.pdf")
    with pikepdf.open(tmp_path / "a.pdf") as pdf:
        fonts = pdf.pages[0].Resources.Font
        assert fonts
        for font in fonts.values():
            assert "/FontFile2" in font.DescendantFonts[0].FontDescriptor
        operators = {str(op) for _, op in pikepdf.parse_content_stream(pdf.pages[0])}
    assert operators & {"g", "G"}
    assert not operators & {"rg", "RG", "k", "K", "cs", "CS", "sc", "SC", "scn", "SCN"}


def test_what_the_font_lacks_is_replaced_and_noted(tmp_path):
    page = page_of([], notes=(Note(10, 10, "장원영 card", 3.0),))
    assert any("built-in font lacks" in note for note in written(plan_of(page), tmp_path / "a.pdf").notes)


def test_the_document_says_what_it_is_and_no_date(tmp_path):
    card = saved(tmp_path / "card.png")
    result = printed(card, tmp_path / "a.pdf", title="Cards & more", fields={"cards": 1, "names": ["a", "b"]})
    with pikepdf.open(tmp_path / "a.pdf") as pdf:
        assert str(pdf.docinfo["/Title"]) == "Cards & more"
        assert str(pdf.docinfo["/Creator"]) == "fancam test"
        assert not any("Date" in key for key in pdf.docinfo)
        with pdf.open_metadata() as xmp:
            assert xmp["dc:title"] == "Cards & more"
            assert xmp["xmp:CreatorTool"] == "fancam test"
            assert xmp["{urn:fancam:provenance/1.0/}cards"] == "1"
            assert xmp["{urn:fancam:provenance/1.0/}names"] == ["a", "b"]
        assert pdf.Root.ViewerPreferences.PrintScaling == "/None"
        assert pdf.pdf_version == "1.7"
    assert result.sha256 == sha256((tmp_path / "a.pdf").read_bytes())
    assert (result.pages, result.size_bytes) == (1, (tmp_path / "a.pdf").stat().st_size)


def page_with_everything(card: Path) -> Page:
    return page_of([placed(card)], rulers=(Ruler(10, 140, 50),), notes=(Note(50, 100, "Page 1", 2.1),),
                   crop_marks=(Line(10, 5, 10, 9, 0.1),), registration=(Area(5, 5, 5, 5),))  # fmt: skip


def test_the_same_plan_gives_the_same_bytes_at_any_time_and_place(tmp_path):
    card = saved(tmp_path / "card.png")
    first = written(plan_of(page_with_everything(card)), tmp_path / "a.pdf").sha256
    (tmp_path / "elsewhere").mkdir()
    program = (
        "import sys, time; real = time.time; time.time = lambda: real() + 4e7\n"
        "from tests.test_pdf import *\n"
        "print(written(plan_of(page_with_everything(Path(sys.argv[1]))), Path(sys.argv[2])).sha256)\n"
    )
    environment = {**os.environ, "PYTHONHASHSEED": "77", "TZ": "Asia/Seoul"}
    target = tmp_path / "elsewhere" / "b.pdf"
    other = subprocess.run([sys.executable, "-c", program, str(card), str(target)], capture_output=True, text=True,
                           check=True, env=environment, cwd=Path(__file__).parents[1])  # fmt: skip
    assert other.stdout.strip() == first


# --- what can go wrong --------------------------------------------------------------------------------------------


def truncated(path: Path) -> Path:
    path.write_bytes(path.read_bytes()[:-500])
    return path


@pytest.mark.parametrize("before", [None, b"what was there"])
def test_a_bad_picture_is_one_error_and_nothing_is_left_behind(tmp_path, before):
    good = saved(tmp_path / "good.png")
    target = tmp_path / "out" / "a.pdf"
    target.parent.mkdir()
    if before is not None:
        target.write_bytes(before)
    cut = truncated(saved(tmp_path / "cut.png"))
    for bad, kind in ((cut, TruncatedInputError), (tmp_path / "gone.png", InputNotFoundError), (tmp_path, InputError)):
        with pytest.raises(kind) as caught:
            write_pdf(plan_of(page_of([placed(good), placed(bad)])), target, title="", software="")
        assert str(bad) in caught.value.line()
        assert [p.name for p in target.parent.iterdir()] == ([] if before is None else ["a.pdf"])
        assert before is None or target.read_bytes() == before


@pytest.mark.parametrize("share", [0.005, 0.1, 0.9, 1.0])
def test_a_full_disk_is_one_error_and_nothing_is_left_behind(tmp_path, share):
    """The limit on a file's size fails where a full disk does: the font, the copy of the pictures, the PDF itself."""
    card = saved(tmp_path / "card.png", np.random.default_rng(0).integers(0, 256, (240, 240, 3), dtype=np.uint8))
    target = tmp_path / "out" / "a.pdf"
    target.parent.mkdir()
    size = printed(card, target).size_bytes
    target.write_bytes(b"before")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(share * size) - 1, hard))
    try:
        with pytest.raises(OutputError) as caught:
            write_pdf(plan_of(page_of([placed(card)])), target, title="Cards", software="fancam test")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert "larger than the system allows" in caught.value.line()
    assert [p.name for p in target.parent.iterdir()] == ["a.pdf"]
    assert target.read_bytes() == b"before"


def test_a_disk_that_is_full_at_the_very_end_is_the_same_error(tmp_path, monkeypatch):
    card = saved(tmp_path / "card.png")

    def full(*_arguments):
        raise OSError(28, "No space left on device")

    for name in ("fsync", "replace"):
        with monkeypatch.context() as patch:
            patch.setattr(os, name, full)
            with pytest.raises(OutputError, match="disk is full"):
                write_pdf(plan_of(page_of([placed(card)])), tmp_path / "a.pdf", title="", software="")
        assert sorted(p.name for p in tmp_path.iterdir()) == ["card.png"]


def test_a_folder_that_is_not_there_is_said_so(tmp_path):
    with pytest.raises(OutputError, match="folder does not exist"):
        write_pdf(plan_of(page_of([])), tmp_path / "none" / "a.pdf", title="", software="")


def test_a_picture_that_changes_while_it_is_copied_is_an_error(tmp_path, monkeypatch):
    from fancam.sheets import pdf

    card = saved(tmp_path / "card.png")
    looked = pdf.embeddable

    def then_changed(path):
        found = looked(path)
        saved(path, photo(seed=5))
        return found

    monkeypatch.setattr(pdf, "embeddable", then_changed)
    with pytest.raises(InputError, match="changed"):
        write_pdf(plan_of(page_of([placed(card)])), tmp_path / "a.pdf", title="", software="")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["card.png"]


def test_a_plan_without_pages_is_refused(tmp_path):
    with pytest.raises(ValueError, match="page"):
        write_pdf(SheetPlan(A6, (), 0, 0, 0, False), tmp_path / "a.pdf", title="", software="")


# --- size ---------------------------------------------------------------------------------------------------------


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak is read from Linux' /proc")
def test_memory_does_not_grow_with_the_pictures(tmp_path):
    """24 pictures of 4 MB each that do not compress: holding them would show."""
    rng = np.random.default_rng(0)
    cards = []
    for index in range(24):
        path = tmp_path / f"{index}.png"
        cv2.imwrite(str(path), rng.integers(0, 256, (1200, 1150, 3), dtype=np.uint8), [cv2.IMWRITE_PNG_COMPRESSION, 0])
        cards.append(str(path))
    program = (
        "import sys\n"
        "from tests.figures import peak_mb\n"
        "from tests.pdf_plans import *\n"
        "cards = [Path(name) for name in sys.argv[2:]]\n"
        "def go(cards):\n"
        "    write_pdf(plan_of(*(page_of([placed(c)]) for c in cards)), Path(sys.argv[1]), title='', software='')\n"
        "go(cards[:4])\nfirst = peak_mb()\ngo(cards)\nprint(first, peak_mb())\n"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "a.pdf"), *cards]
    root = Path(__file__).parents[1]
    out = subprocess.run(command, capture_output=True, text=True, check=True, cwd=root).stdout
    few, many = map(float, out.split())
    assert many - few < 40, f"{few:.0f} MB with 4 pictures, {many:.0f} MB with 24"
    accepted_by_readers(tmp_path / "a.pdf")
