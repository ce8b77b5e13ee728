from __future__ import annotations

import base64
import dataclasses
import hashlib
import io
import os
import re
import tracemalloc
import unicodedata
import weakref
from html.parser import HTMLParser

import cv2
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image

from fancam.errors import InputUnreadableError, OutputError, UsageError
from fancam.files import replace_file, replace_file_piecewise
from fancam.geometry import Box
from fancam.pictures import open_picture, resample
from fancam.report import Comparison, Stage, explain_lines, facts_of, write_page, write_strip
from fancam.report.captions import shrunk
from fancam.results import Decision, Enhanced, Face, FaceOutcome

NASTY = '</title><script>alert("1")</script>\'&amp; <b>직캠</b>.jpg'
PAPER = 250


def picture(width: int, height: int, seed: int = 0) -> np.ndarray:
    """Smooth, and different everywhere."""
    random = np.random.default_rng(seed)
    small = random.integers(0, 256, (max(height // 8, 2), max(width // 8, 2), 3), np.uint8)
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)


def comparison(width=120, height=180, *, stages=3, title="a.jpg", **more) -> Comparison:
    labels = [("bicubic", None), ("network", "realesrgan-x4plus"), ("face prior", "gfpgan"), ("other", None)]
    return Comparison(
        title, [Stage(label, picture(width, height, i), by) for i, (label, by) in enumerate(labels[:stages])], **more
    )


class Page(HTMLParser):
    """The elements of a page, and the text in each."""

    VOID = frozenset({"meta", "link", "img", "input", "br"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict]] = []
        self.texts: list[tuple[tuple[str, ...], str]] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, f"</{tag}> closes nothing"

    def handle_data(self, data):
        self.texts.append((tuple(self.open), data))

    def all(self, tag: str) -> list[dict]:
        return [attributes for name, attributes in self.elements if name == tag]

    def text_of(self, tag: str) -> list[str]:
        return [text for path, text in self.texts if tag in path and text.strip()]


def page_of(tmp_path, *comparisons, title="page") -> Page:
    write_page(tmp_path / "page.html", comparisons, title=title)
    page = Page((tmp_path / "page.html").read_text(encoding="utf-8"))
    assert not page.open
    return page


def embedded(page: Page) -> list[np.ndarray]:
    prefix = "data:image/jpeg;base64,"
    sources = [attributes["src"] for attributes in page.all("img")]
    assert all(source.startswith(prefix) for source in sources)
    return [np.asarray(Image.open(io.BytesIO(base64.b64decode(s[len(prefix) :], validate=True)))) for s in sources]


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    assert a.shape == b.shape
    return float(10 * np.log10(255**2 / max(np.mean((a.astype(float) - b) ** 2), 1e-9)))


# --- what is compared ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "stages",
    [
        [Stage("only", picture(8, 8))],
        [Stage("a", picture(8, 8)), Stage("b", picture(9, 8))],
        [Stage("a", picture(8, 8)), Stage("a", picture(8, 8))],
        [Stage("a", picture(8, 8).astype(np.uint16)), Stage("b", picture(8, 8).astype(np.uint16))],
        [Stage("a", picture(8, 8)[..., 0]), Stage("b", picture(8, 8)[..., 0])],
    ],
    ids=["one stage", "two sizes", "one label twice", "16 bits", "grey"],
)
def test_stages_that_cannot_be_compared_are_refused(stages):
    with pytest.raises(ValueError, match="stage"):
        Comparison("x", stages)


@example(size=(200, 300), asked=(80, 120), at=(100.0, 150.0))
@given(
    size=st.tuples(st.integers(1, 300), st.integers(1, 300)),
    asked=st.tuples(st.integers(1, 400), st.integers(1, 400)),
    at=st.tuples(st.floats(-50, 350), st.floats(-50, 350)),
)
def test_cut_has_the_asked_size_inside_the_picture_and_is_centred_where_it_can_be(size, asked, at):
    blank = np.zeros((size[1], size[0], 3), np.uint8)
    focus = Box(at[0] - 5, at[1] - 5, at[0] + 5, at[1] + 5)
    cut = Comparison("x", [Stage("a", blank), Stage("b", blank)], focus=focus).cut(*asked)
    assert (cut.width, cut.height) == (min(asked[0], size[0]), min(asked[1], size[1]))
    for low, high, side, centre in ((cut.x0, cut.x1, size[0], at[0]), (cut.y0, cut.y1, size[1], at[1])):
        assert 0 <= low < high <= side
        if (high - low) / 2 + 1 <= centre <= side - (high - low) / 2 - 1:
            assert abs((low + high) / 2 - centre) <= 0.5


@pytest.mark.parametrize("size", [(1500, 2100), (333, 517), (2000, 100)])
def test_shrunk_picture_looks_as_one_resample_would_make_it(size):
    pixels = picture(*size)
    width, height = max(size[0] // 9, 1), max(size[1] // 9, 1)
    direct = resample(pixels, Box(0, 0, *size), width, height)
    assert psnr(shrunk(pixels, width, height), direct) > 35


# --- the page -----------------------------------------------------------------------------------------------------


def test_page_embeds_every_stage_at_print_size_and_right_colour(tmp_path):
    one = comparison()
    pictures = embedded(page_of(tmp_path, one, comparison(64, 40, stages=2)))
    assert [p.shape for p in pictures] == [(180, 120, 3)] * 3 + [(40, 64, 3)] * 2
    for stage, shown in zip(one.stages, pictures, strict=False):
        assert psnr(shown, stage.pixels) > 38, stage


def test_saturated_detail_keeps_its_colour(tmp_path):
    """Half resolution of colour, as most encoders choose, would smear red and blue columns into violet ones."""
    columns = np.zeros((64, 64, 3), np.uint8)
    columns[:, ::2, 0] = 255
    columns[:, 1::2, 2] = 255
    shown = embedded(page_of(tmp_path, Comparison("x", [Stage("a", columns), Stage("b", columns)])))[0]
    assert psnr(shown, columns) > 25


def test_page_loads_nothing_and_runs_only_the_script_its_policy_names(tmp_path):
    page = page_of(tmp_path, comparison(title=NASTY), title=NASTY)
    policies = [m["content"] for m in page.all("meta") if m.get("http-equiv") == "Content-Security-Policy"]
    policy = dict(part.strip().split(" ", 1) for part in policies[0].split(";"))
    assert len(policies) == 1
    assert policy["default-src"] == "'none'"
    assert policy["img-src"] == "data:"
    for tag, directive in (("script", "script-src"), ("style", "style-src")):
        (text,) = [text for path, text in page.texts if path[-1:] == (tag,)]
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert policy[directive] == f"'sha256-{digest}'"
        assert len(page.all(tag)) == 1
        assert page.all(tag) == [{}], "no src"
    for tag, attributes in page.elements:
        for name, value in attributes.items():
            assert not name.startswith("on"), f"{tag} {name}: the policy forbids handlers in attributes"
            assert name != "style", f"{tag}: the policy forbids styles in attributes"
            if name in ("src", "href", "srcset", "action"):
                assert value.startswith("data:")
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert not re.search(r"https?://|//[a-z]+\.|@import|url\(", text)
    policy_at, first_use = text.index("Content-Security-Policy"), min(text.index("<style"), text.index("<script"))
    assert policy_at < first_use


def test_names_are_shown_as_they_are_and_never_as_markup(tmp_path):
    one = Comparison(
        NASTY,
        [Stage('"><i>', picture(16, 16)), Stage("'b'", picture(16, 16, 1), "<u>net</u>")],
        {"<k>": "<v> & more"},
        ["<em>careful"],
    )
    page = page_of(tmp_path, one, title=NASTY)
    assert "".join(page.text_of("h1")) == "".join(page.text_of("h2")) == "".join(page.text_of("title")) == NASTY
    assert page.text_of("dt") == ["<k>"]
    assert page.text_of("dd") == ["<v> & more"]
    assert "<em>careful" in "".join(page.text_of("li"))
    assert page.text_of("small") == ["detail invented by <u>net</u>"]
    assert [a["alt"] for a in page.all("img")] == [f'{NASTY}: "><i>', f"{NASTY}: 'b'"]
    assert not {"i", "u", "k", "v", "em"} & {tag for tag, _ in page.elements}


def test_names_that_are_no_text_do_not_break_the_page(tmp_path):
    undecodable = os.fsdecode(b"caf\xe9 \x1b[31m\x00 \xe2\x80\xaegpj.jpg")  # half a surrogate pair, escape, override
    page = page_of(tmp_path, comparison(title=undecodable, warnings=["two\nlines"]), title=undecodable)
    (shown,) = page.text_of("h2")
    assert shown == "caf\ufffd \ufffd[31m\ufffd \ufffdgpj.jpg"
    assert not any(unicodedata.category(c) in ("Cc", "Cs") for c in shown)
    assert "two lines" in "".join(page.text_of("li"))


def test_each_picture_has_a_slider_that_keys_and_screen_readers_know(tmp_path):
    page = page_of(tmp_path, comparison(), comparison(stages=2))
    sliders = page.all("input")
    assert [s["type"] for s in sliders] == ["range", "range"]
    assert all((s["min"], s["max"]) == ("0", "100") and s["aria-label"] for s in sliders)
    assert all(a["alt"] for a in page.all("img"))
    assert [a.get("tabindex") for _, a in page.elements if a.get("class") == "stack"] == ["0", "0"]
    ids = [a["id"] for _, a in page.elements if "id" in a]
    assert ids == [a["aria-labelledby"] for a in page.all("article")]
    assert len(set(ids)) == 2
    css = "".join(page.text_of("style"))
    assert ":focus-visible" in css
    assert "prefers-color-scheme: dark" in css


def test_three_stages_can_be_chosen_for_either_side_and_two_are_simply_both(tmp_path):
    page = page_of(tmp_path, comparison())
    assert [s["data-side"] for s in page.all("select")] == ["left", "right"]
    assert page.text_of("option") == ["bicubic", "network", "face prior"] * 2
    assert ["selected" in option for option in page.all("option")] == [True, False, False, False, False, True]
    assert [f.get("class") for f in page.all("figure")] == ["left", None, "right"]
    two = page_of(tmp_path, comparison(stages=2))
    assert not two.all("select")
    assert [f.get("class") for f in two.all("figure")] == ["left", "right"]


def test_without_its_script_the_page_shows_all_stages_and_no_controls(tmp_path):
    page = page_of(tmp_path, comparison())
    assert "class" not in page.all("html")[0], "only the script may switch the slider on"
    css = "".join(page.text_of("style"))
    plain = css[: css.index("@media screen")]
    assert re.search(r"\.controls, \.bar \{ display: none; \}", plain)
    assert "figure { display: none" not in plain
    rules = re.findall(r"([^{}]+)\{[^{}]*display: none", re.sub(r"/\*.*?\*/", "", css[len(plain) + 15 :]))
    assert rules
    assert all(rule.strip().startswith(".live ") for rule in rules)


def test_page_says_what_was_invented_by_whom_and_what_is_known(tmp_path):
    page = page_of(tmp_path, comparison(facts={"scale": "×2.12", "source": "141 ppi"}, warnings=["face under 64 px"]))
    assert list(zip(page.text_of("dt"), page.text_of("dd"), strict=True)) == [("scale", "×2.12"), ("source", "141 ppi")]
    words = " ".join(page.text_of("p"))
    assert "Detail in “network” was invented by realesrgan-x4plus, in “face prior” by gfpgan." in words
    assert "".join(page.text_of("li")) == "Warning: face under 64 px"
    plain = page_of(tmp_path, Comparison("x", [Stage("a", picture(8, 8)), Stage("b", picture(8, 8))]))
    assert "invented" not in " ".join(plain.text_of("p"))
    assert not plain.all("dl")
    assert not plain.all("ul")


def test_large_picture_is_made_smaller_and_cut_at_its_true_size_around_the_face(tmp_path):
    large = comparison(2600, 1700, stages=2, focus=Box(2300, 100, 2500, 300))
    page = page_of(tmp_path, large)
    pictures = embedded(page)
    assert [p.shape for p in pictures] == [(1308, 2000, 3)] * 2 + [(1200, 1200, 3)] * 2
    for stage, shown in zip(large.stages, pictures[2:], strict=True):
        assert psnr(shown, stage.pixels[:1200, 1400:]) > 38
    small = shrunk(large.stages[1].pixels, 2000, 1308)
    assert psnr(pictures[1], small) > 38
    notes = page.text_of("p")
    assert any("2000 × 1308 px of 2600 × 1700" in note for note in notes)
    assert any("face, pixel for pixel: 1200 × 1200 px" in note for note in notes)
    views = [a for _, a in page.elements if a.get("class") == "view"]
    assert [v.get("data-zoom") for v in views] == [None, "1"]
    assert [float(v) for v in views[1]["data-focus"].split()] == pytest.approx([1000 / 1200, 200 / 1200], abs=1e-4)
    # 100 % of a picture that was made smaller would not be the print's pixels.
    assert [b["data-zoom"] for b in page.all("button")] == ["0", "1", "2"]


def test_same_pictures_give_the_same_bytes_and_their_hash(tmp_path):
    first = write_page(tmp_path / "a.html", [comparison(), comparison(stages=2)], title="t")
    second = write_page(tmp_path / "b.html", iter([comparison(), comparison(stages=2)]), title="t")
    assert first == second == hashlib.sha256((tmp_path / "a.html").read_bytes()).hexdigest()
    assert (tmp_path / "a.html").read_bytes() == (tmp_path / "b.html").read_bytes()


def test_one_picture_at_a_time_is_in_memory(tmp_path):
    alive: list[weakref.ref] = []

    def produced():
        for seed in range(4):
            assert not [ref for ref in alive if ref() is not None], "an earlier picture is still held"
            pixels = picture(64, 64, seed)
            alive.append(weakref.ref(pixels))
            yield Comparison(f"{seed}", [Stage("a", pixels), Stage("b", pixels)])
            del pixels

    write_page(tmp_path / "page.html", produced(), title="t")
    assert len(alive) == 4


def test_memory_does_not_grow_with_the_number_of_pictures(tmp_path):
    def peak(count: int) -> int:
        tracemalloc.start()
        write_page(tmp_path / "page.html", (comparison(240, 360) for _ in range(count)), title="t")
        size = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return size

    peak(1)  # what is imported and cached at first
    few, many = peak(2), peak(24)
    assert (tmp_path / "page.html").stat().st_size > 3 * (many - few)
    assert many < 1.2 * few


def test_producer_that_fails_leaves_the_old_page_and_nothing_else(tmp_path):
    path = tmp_path / "page.html"
    path.write_text("old")

    def produced(error):
        yield comparison()
        raise error

    for error in (InputUnreadableError("gone", item="x"), OSError(5, "cable pulled"), KeyboardInterrupt()):
        with pytest.raises(type(error)) as caught:
            write_page(path, produced(error), title="t")
        assert caught.value is error, "the producer's own error says nothing about the page"
        assert path.read_text() == "old"
        assert list(tmp_path.iterdir()) == [path]


def test_full_disk_is_the_pages_error(tmp_path, monkeypatch):
    def full(_):
        raise OSError(28, "no space")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputError, match="disk is full"):
        write_page(tmp_path / "page.html", [comparison()], title="t")
    assert not list(tmp_path.iterdir())


def test_producer_may_write_files_of_its_own_beside_the_page(tmp_path):
    def pieces():
        yield b"first "
        replace_file(tmp_path / "card", b"card")
        yield b"second"

    digest = replace_file_piecewise(tmp_path / "page", pieces())
    assert (tmp_path / "page").read_bytes() == b"first second"
    assert (tmp_path / "card").read_bytes() == b"card"
    assert digest == hashlib.sha256(b"first second").hexdigest()
    assert len(list(tmp_path.iterdir())) == 2


# --- the strip ----------------------------------------------------------------------------------------------------


def strip_of(tmp_path, one: Comparison, **more) -> np.ndarray:
    write_strip(tmp_path / "strip.png", one, **more)
    return np.asarray(Image.open(tmp_path / "strip.png"))


def place_of(part: np.ndarray, whole: np.ndarray) -> tuple[int, int] | None:
    """(x, y) where the part is in the whole, to the bit; None where it is not."""
    distance = cv2.matchTemplate(whole, part, cv2.TM_SQDIFF)
    y, x = np.unravel_index(distance.argmin(), distance.shape)
    found = whole[y : y + part.shape[0], x : x + part.shape[1]]
    return (int(x), int(y)) if np.array_equal(found, part) else None


@pytest.mark.parametrize("stages", [2, 3, 4])
def test_strip_shows_the_same_cut_of_every_stage_pixel_for_pixel(tmp_path, stages):
    one = comparison(900, 1300, stages=stages, focus=Box(300, 500, 480, 720))
    strip = strip_of(tmp_path, one, height_px=640)
    places = [place_of(stage.pixels[510:710, 320:460], strip) for stage in one.stages]
    assert None not in places
    assert len({y for _, y in places}) == 1
    steps = np.diff([x for x, _ in places])
    assert steps.min() > 0
    assert len(set(steps)) == 1
    assert 600 <= strip.shape[0] <= 650


def test_small_face_is_enlarged_in_whole_squares(tmp_path):
    one = comparison(300, 300, stages=2, focus=Box(100, 100, 140, 150))
    strip = strip_of(tmp_path, one, height_px=640)
    face = one.stages[1].pixels[110:140, 105:135]
    assert place_of(face.repeat(4, axis=0).repeat(4, axis=1), strip) is not None
    assert place_of(face, strip) is None


def test_face_larger_than_the_strip_is_still_shown_pixel_for_pixel(tmp_path):
    one = comparison(1500, 1500, stages=2, focus=Box(100, 100, 1400, 1400))
    assert place_of(one.stages[0].pixels[700:800, 700:800], strip_of(tmp_path, one, height_px=480)) is not None


@pytest.mark.parametrize("size", [(1600, 500), (500, 1600), (90, 60), (5000, 40), (40, 2000), (1, 1)])
def test_strip_without_a_face_shows_the_whole_picture_and_stays_readable(tmp_path, size):
    one = Comparison("x.jpg", [Stage("before", picture(*size)), Stage("after", picture(*size, 1))], {"scale": "x2"})
    strip = strip_of(tmp_path, one, height_px=600)
    assert strip.shape[0] <= 620
    assert strip.shape[1] <= 600 * 2.6
    if size == (90, 60):
        assert place_of(one.stages[1].pixels.repeat(4, axis=0).repeat(4, axis=1), strip) is not None


@pytest.mark.parametrize("stages", [2, 3, 4])
@pytest.mark.parametrize("size", [(720, 1075), (3000, 2000)])
def test_text_can_be_read_where_the_strip_fills_a_phone(tmp_path, stages, size):
    facts = {"scale": "x2.12", "source resolution": "141 ppi", "face": "gfpgan at strength 0.40, identity 0.93 " * 2}
    focus = Box(300, 300, 500, 560)
    strip = strip_of(tmp_path, comparison(*size, stages=stages, focus=focus, facts=facts), height_px=1080)
    label = (strip < 120).all(axis=2)[: strip.shape[0] // 6].any(axis=1)
    ends = np.flatnonzero(np.diff(label.astype(int)))
    letters_px = ends[1] - ends[0]  # ascender to baseline of the first line of text
    assert letters_px * 360 / strip.shape[1] > 6  # of 360 points; newspapers set theirs at 6
    assert 1080 * 0.9 < strip.shape[0] <= 1081


def test_long_labels_do_not_run_into_each_other(tmp_path):
    blank = np.zeros((700, 500, 3), np.uint8)
    label = "a very long label of a stage that nobody would choose"
    strip = strip_of(tmp_path, Comparison("x", [Stage(label + "1", blank), Stage(label + "2", blank)]), height_px=640)
    first_row = np.flatnonzero((strip == 0).all(axis=2).sum(axis=1) > strip.shape[1] // 2)[0]
    gap = np.flatnonzero((strip[first_row + 5] != 0).all(axis=1))
    middle = gap[(gap > strip.shape[1] // 4) & (gap < 3 * strip.shape[1] // 4)]
    assert len(middle) > 2
    assert (strip[:first_row, middle] >= PAPER - 2).all()


def test_name_the_font_cannot_draw_is_left_out_and_kept_in_the_metadata(tmp_path):
    none, korean, japanese = (strip_of(tmp_path, comparison(title=name)) for name in ("", "직캠.jpg", "舞台.jpg"))
    assert np.array_equal(korean, none)
    assert np.array_equal(japanese, none)
    assert open_picture(tmp_path / "strip.png").facts.xmp["dc:source"] == "舞台.jpg"
    assert not np.array_equal(korean, strip_of(tmp_path, comparison(title="직캠 2.jpg")))


def test_labels_the_font_cannot_draw_are_numbered(tmp_path):
    def labelled(*labels):
        return strip_of(tmp_path, Comparison("x", [Stage(label, picture(300, 400)) for label in labels]))

    assert np.array_equal(labelled("原图", "网络"), labelled("picture 1", "picture 2"))


def test_strip_names_who_invented_the_detail(tmp_path):
    def made(*names):
        stages = [Stage(f"{i}", picture(200, 300, i), name) for i, name in enumerate(names)]
        strip = strip_of(tmp_path, Comparison("x", stages))
        return strip, open_picture(tmp_path / "strip.png").facts.exif["ImageDescription"]

    plain, described = made(None, None)
    assert described == "x"
    invented, described = made(None, "gfpgan")
    assert described == "x Detail in 1 was invented by gfpgan."
    assert plain.shape != invented.shape or not np.array_equal(plain, invented)
    other, _ = made(None, "codeformer")
    assert other.shape != invented.shape or not np.array_equal(other, invented)


def test_facts_that_do_not_fit_leave_room_for_the_pictures_and_stay_on_the_paper(tmp_path):
    black = np.zeros((1075, 720, 3), np.uint8)
    facts = {f"fact {i}": "a value that takes its place " * 3 + "x" * i for i in range(30)}
    one = Comparison("x", [Stage("a", black), Stage("b", black)], facts, focus=Box(300, 300, 500, 560))
    strip = strip_of(tmp_path, one)
    assert strip.shape[0] <= 1081
    assert ((strip == 0).all(axis=2).mean(axis=1) > 0.5).mean() > 0.6
    assert (strip[:, -5:] >= PAPER - 2).all(), "a line runs over the right edge"
    assert (strip[-5:] >= PAPER - 2).all(), "the last line is cut off"
    fewer = strip_of(tmp_path, dataclasses.replace(one, facts={"scale": "x2"}))
    assert ((fewer == 0).all(axis=2).mean(axis=1) > 0.5).sum() > ((strip == 0).all(axis=2).mean(axis=1) > 0.5).sum()


def test_strip_is_the_same_each_time_and_refuses_what_it_cannot_be(tmp_path):
    first = write_strip(tmp_path / "a.png", comparison())
    assert first == write_strip(tmp_path / "b.png", comparison())
    assert first == hashlib.sha256((tmp_path / "a.png").read_bytes()).hexdigest()
    with pytest.raises(UsageError, match="png"):
        write_strip(tmp_path / "a.jpg", comparison())
    with pytest.raises(ValueError, match="320"):
        write_strip(tmp_path / "a.png", comparison(), height_px=200)


# --- words --------------------------------------------------------------------------------------------------------

FACE = Face(Box(0, 0, 10, 10), ((0, 0), (1, 0), (0.5, 0.5), (0, 1), (1, 1)), 0.9)


def enhanced(**more) -> Enhanced:
    values = {"upscaler": "realesrgan-x4plus", "upscaler_sha256": "ab", "scale": 2.1249, "invented": True} | more
    return Enhanced(pixels=np.zeros((1075, 720, 3), np.uint8), **values)


def test_facts_are_in_words_with_units():
    assert facts_of(enhanced(delta_e=0.417, detail=0.6), effective_ppi=141.2) == {
        "size": "720 × 1075 px",
        "scale": "×2.12",
        "source resolution": "141 ppi",
        "network": "realesrgan-x4plus, 60% of its detail",
        "colour difference": "ΔE00 0.42 (mean)",
    }
    assert facts_of(enhanced())["network"] == "realesrgan-x4plus"
    plain = facts_of(enhanced(upscaler="bicubic", upscaler_sha256=None, invented=False, detail=0.0))
    assert plain["enlarged by"] == "bicubic, nothing invented"
    assert "network" not in plain
    assert "source resolution" not in plain


def test_every_face_says_what_was_done_to_it():
    restored = FaceOutcome(FACE, "gfpgan", 0.4, identity=0.931, identity_network=0.95, landmark_drift=0.0124)
    skipped = FaceOutcome(FACE, None, 0.0, skipped="too_small")
    lowered = FaceOutcome(FACE, "gfpgan", 0.0, identity=0.5, identity_network=0.5, landmark_drift=0.0004)
    facts = facts_of(enhanced(faces=(restored, skipped, lowered)))
    assert facts["face 1"] == (
        "gfpgan at strength 0.40, identity 0.93 (network alone 0.95), landmarks moved 0.012 eye distances"
    )
    assert facts["face 2"] == "left alone (too small)"
    assert facts["face 3"] == "no face prior, identity 0.50, landmarks moved under 0.001 eye distances"
    assert facts_of(enhanced(faces=(skipped,)))["face"] == "left alone (too small)"


def test_chain_is_one_aligned_line_per_step():
    lines = explain_lines(
        [
            Decision("upscale", "realesrgan-x4plus", "print needs x1.86"),
            Decision("restore", "none", "no weights here"),
            Decision("guard", "on", ""),
        ]
    )
    assert lines == [
        "upscale  realesrgan-x4plus  print needs x1.86",
        "restore  none               no weights here",
        "guard    on",
    ]
    assert explain_lines([]) == []


def test_wide_characters_take_two_columns():
    lines = explain_lines([Decision("restore", "직캠.pth", "by name"), Decision("guard", "12345678", "default")])
    assert lines == ["restore  직캠.pth  by name", "guard    12345678  default"]


def test_a_long_choice_pushes_only_its_own_line():
    long = "folder/" * 8 + "weights.safetensors"
    lines = explain_lines([Decision("upscale", long, "given"), Decision("guard", "on", "default")])
    assert lines == [f"upscale  {long}  given", "guard    on  default"]


@settings(max_examples=40)
@given(st.lists(st.builds(Decision, st.text(), st.text(), st.text()), max_size=4))
def test_no_name_can_add_lines_or_steer_the_terminal(decisions):
    lines = explain_lines(decisions)
    assert len(lines) == len(decisions)
    assert not any(unicodedata.category(character) in ("Cc", "Cs") for line in lines for character in line)
    assert all(len(line.splitlines()) <= 1 for line in lines)
