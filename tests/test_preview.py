from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from fancam.errors import InputNotFoundError, InputUnreadableError, NotMediaError, UsageError
from fancam.sheets import preview_cut, preview_printed
from fancam.sheets.plan import CutPath, CutSheet, Line
from fancam.sheets.preview import GAP_MM, GROUND
from tests.pdf_plans import A6, page_of, placed, plan_of, written
from tests.rendered_positions import BLEED_COLOUR, TRIM_COLOUR, measured_card, render_page

DPI = 150
PER_MM = DPI / 25.4


@pytest.fixture
def card(tmp_path):
    measured_card(tmp_path / "card.png", 24, 36, 2)
    return tmp_path / "card.png"


def is_colour(pixels: np.ndarray, colour: tuple[int, int, int], within: int = 6) -> np.ndarray:
    return np.abs(pixels.astype(int) - colour).max(axis=-1) <= within


def sheet(card, radius_mm=0.0, step=(28.0, 40.0), **facts):
    places = [placed(card, 10 + step[0] * (i % 2), 10 + step[1] * (i // 2)) for i in range(4)]
    return plan_of(page_of(places, **facts), radius_mm=radius_mm)


def test_a_page_has_the_size_of_its_paper(tmp_path, card):
    written(sheet(card), tmp_path / "a.pdf")
    pixels = render_page(tmp_path / "a.pdf", 0, DPI)
    assert pixels.shape == (math.ceil(A6.height_mm * PER_MM), math.ceil(A6.width_mm * PER_MM), 3)
    assert pixels.dtype == np.uint8
    pixels[0, 0] = 7  # its own memory
    assert tuple(pixels[-1, -1]) == (255, 255, 255)


def test_colours_are_in_the_order_red_green_blue(tmp_path, card):
    written(sheet(card), tmp_path / "a.pdf")
    pixels = render_page(tmp_path / "a.pdf", 0, DPI)
    assert is_colour(pixels, TRIM_COLOUR).sum() > 1000
    assert is_colour(pixels, BLEED_COLOUR).sum() > 1000


def test_every_page_is_in_the_printed_preview(tmp_path, card):
    plan = sheet(card)
    back = page_of([], is_back=True, crop_marks=(Line(10, 10, 20, 10, 1),))
    plan = replace(plan, pages=(*plan.pages, back))
    written(plan, tmp_path / "a.pdf")
    pages = list(preview_printed(tmp_path / "a.pdf", DPI))
    assert len(pages) == 2
    assert is_colour(pages[1], (0, 0, 0)).any()


def test_after_cutting_no_bleed_is_left_and_every_card_is_whole(tmp_path, card):
    plan = sheet(card)
    written(plan, tmp_path / "a.pdf")
    (cut,) = preview_cut(tmp_path / "a.pdf", plan, DPI)
    assert is_colour(cut, BLEED_COLOUR, 40).sum() == 0
    inside = is_colour(cut, TRIM_COLOUR) | is_colour(cut, (230, 20, 20))
    assert inside.sum() == pytest.approx(4 * 24 * 36 * PER_MM**2, rel=0.02)


def test_corners_are_round_by_the_radius_of_the_cut_path_with_soft_edges(tmp_path, card):
    """The area that four round corners take away is (4 - pi) r² per card."""
    taken = {}
    for radius in (0.0, 5.0):
        plan = sheet(card, radius)
        written(plan, tmp_path / "a.pdf")
        (cut,) = preview_cut(tmp_path / "a.pdf", plan, 300)
        whole = is_colour(cut, TRIM_COLOUR, 2) | is_colour(cut, (230, 20, 20), 2)
        taken[radius] = whole.sum() / 4 / (300 / 25.4) ** 2
        between = np.unique(cut.reshape(-1, 3), axis=0)
    assert taken[0.0] - taken[5.0] == pytest.approx((4 - math.pi) * 25, rel=0.12)
    assert len(between) > 50, "edges and shadows have shades"


def test_each_front_has_the_corners_of_its_own_cut_paths(tmp_path, card):
    """Backs do not count: the second front is page 3."""
    places = [placed(card, 20, 20)]
    front, back = page_of(places), page_of(places, is_back=True)
    cuts = tuple(
        CutSheet(A6.width_mm, A6.height_mm, (CutPath(places[0].trim, radius),), (number,))
        for number, radius in ((1, 0.0), (2, 8.0))
    )
    plan = replace(plan_of(front, back, front, back), cuts=cuts)
    written(plan, tmp_path / "a.pdf")
    square, round_ = preview_cut(tmp_path / "a.pdf", plan, DPI)
    assert is_colour(square, TRIM_COLOUR).sum() > is_colour(round_, TRIM_COLOUR).sum() + 30 * PER_MM**2


@pytest.mark.parametrize("step", [(24.0, 36.0), (28.0, 40.0), (24.0, 60.0)])
def test_cards_lie_apart_even_where_they_touch_on_the_sheet(tmp_path, card, step):
    plan = sheet(card, step=step)
    written(plan, tmp_path / "a.pdf")
    (cut,) = preview_cut(tmp_path / "a.pdf", plan, DPI)
    yellow = is_colour(cut, TRIM_COLOUR)
    for axis in (0, 1):
        filled = yellow.any(axis=axis)
        runs = np.flatnonzero(np.diff(filled.astype(int)))
        assert len(runs) == 4, "two cards with a gap between them"
        assert (runs[2] - runs[1]) / PER_MM >= GAP_MM - 0.5
    assert tuple(cut[0, 0]) == GROUND


def test_shadows_are_soft_and_below(tmp_path, card):
    plan = plan_of(page_of([placed(card, 30, 30)]))
    written(plan, tmp_path / "a.pdf")
    (cut,) = preview_cut(tmp_path / "a.pdf", plan, DPI)
    rows = np.flatnonzero(is_colour(cut, TRIM_COLOUR).any(axis=1))
    column = cut[:, cut.shape[1] // 2].astype(int).mean(axis=1)
    below = column[rows[-1] + 3 : rows[-1] + 25]
    above = column[rows[0] - 25 : rows[0] - 3]
    assert below.min() < np.mean(GROUND) - 25
    assert below.min() < above.min() - 10
    assert np.all(np.diff(below) >= -1), "it fades without steps back"
    assert np.ptp(cut.astype(int) - cut[..., :1], axis=(0, 1))[1] > 0


def test_neither_marks_nor_empty_pages_are_in_the_cut_preview(tmp_path, card):
    marks = (Line(5, 5, 100, 5, 1.0),)
    plan = sheet(card, crop_marks=marks)
    plan = replace(plan, pages=(*plan.pages, page_of([], crop_marks=marks)))
    written(plan, tmp_path / "a.pdf")
    (cut,) = preview_cut(tmp_path / "a.pdf", plan, DPI)
    assert cut.min(axis=2).min() >= 19, "the darkest is the red of the cards"


def test_the_same_pdf_gives_the_same_preview(tmp_path, card):
    plan = sheet(card, 3.0)
    written(plan, tmp_path / "a.pdf")
    first, second = (list(preview_cut(tmp_path / "a.pdf", plan, 80)) for _ in range(2))
    assert np.array_equal(first[0], second[0])


def test_what_cannot_be_rendered_is_one_of_our_errors(tmp_path, card):
    plan = sheet(card)
    written(plan, tmp_path / "a.pdf")
    (tmp_path / "words.pdf").write_text("not a PDF")
    with pytest.raises(NotMediaError):
        next(preview_printed(tmp_path / "words.pdf", DPI))
    with pytest.raises(InputNotFoundError):
        next(preview_printed(tmp_path / "none.pdf", DPI))
    with pytest.raises(InputUnreadableError):
        next(preview_printed(tmp_path, DPI))
    with pytest.raises(UsageError, match="fewer dpi"):
        next(preview_printed(tmp_path / "a.pdf", 20_000))
    with pytest.raises(NotMediaError, match="pages"):
        next(preview_cut(tmp_path / "a.pdf", replace(plan, pages=plan.pages * 2), DPI))
