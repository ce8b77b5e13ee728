from __future__ import annotations

import itertools
import math
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from fancam.errors import UsageError
from fancam.paper import card_size, paper_size, papers
from fancam.settings import SheetSettings
from fancam.sheets import plan_sheet, plan_single
from fancam.sheets.margins import clear_zones
from fancam.sheets.plan import Area, Page, SheetCard

EPSILON_MM = 1e-6


def card(
    width=55.0, height=85.0, bleed=3.0, *, copies=1, back=False, name="card", radius=3.0
) -> SheetCard:  # fmt: skip
    back_path = Path(f"{name}-back.png") if back else None
    return SheetCard(name, Path(f"{name}.png"), width, height, bleed, back_path, radius, copies)


def overlap(one: Area, other: Area) -> bool:
    return one.grown(-EPSILON_MM).overlaps(other)


def holds(outer: Area, inner: Area) -> bool:
    grown = outer.grown(EPSILON_MM)
    return (
        grown.x_mm <= inner.x_mm and inner.right_mm <= grown.right_mm
        and grown.y_mm <= inner.y_mm and inner.bottom_mm <= grown.bottom_mm
    )  # fmt: skip


def printable(page: Page, settings: SheetSettings) -> Area:
    return Area(0, 0, page.width_mm, page.height_mm).grown(-settings.margin_mm)


def beside_cards(page: Page) -> list[Area]:
    """Everything on a page that is no card, each with the place it covers."""
    areas = [line.area for line in page.crop_marks] + [note.area for note in page.notes]
    return areas + ([ruler.area for ruler in page.rulers]) + list(page.registration)


# --- papers -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "width", "height"),
    [
        ("a4", 210, 297), ("A4", 210, 297), ("A3+", 329, 483), ("a3plus", 329, 483), ("Letter", 215.9, 279.4),
        ("4x6in", 101.6, 152.4), ("5x7 in", 127, 177.8), ("5 X 7 IN", 127, 177.8), ("4×6in", 101.6, 152.4),
        ("photo-4x6", 101.6, 152.4), ("a5", 148, 210), ("A6", 105, 148), ("legal", 215.9, 355.6),
        ("tabloid", 279.4, 431.8), ("a3", 297, 420), ("210x297mm", 210, 297), ("297 x 210 mm", 210, 297),
        ("32x45cm", 320, 450), ("8x12in", 203.2, 304.8),
    ],
)  # fmt: skip
def test_paper_is_known_by_name_alias_and_free_size_and_stands_upright(text, width, height):
    paper = paper_size(text)
    assert (paper.width_mm, paper.height_mm) == pytest.approx((width, height))


def test_free_paper_carries_its_size_as_its_name():
    assert paper_size("297x210mm").name == "210x297mm"


def test_unknown_paper_names_the_nearest():
    with pytest.raises(UsageError, match=r"unknown paper 'leter'.*did you mean 'letter'"):
        paper_size("leter")


def test_paper_with_an_impossible_side_is_refused():
    with pytest.raises(UsageError, match="paper '1x2mm' has a side of 1 mm"):
        paper_size("1x2mm")


def test_every_paper_says_where_its_numbers_come_from_and_stands_upright():
    assert all(paper.source and paper.title and paper.width_mm <= paper.height_mm for paper in papers().values())


# --- how many fit -------------------------------------------------------------------------------------------------

CAPACITIES = {
    ("a4", "55x85mm"): (10, 10, 9, 9), ("a4", "54x86mm"): (10, 10, 9, 9), ("a4", "63x88mm"): (9, 9, 8, 8),
    ("letter", "55x85mm"): (9, 9, 9, 8), ("letter", "54x86mm"): (9, 9, 8, 8), ("letter", "63x88mm"): (9, 8, 8, 6),
    ("4x6in", "55x85mm"): (2, 2, 2, 2), ("4x6in", "54x86mm"): (2, 2, 2, 1), ("4x6in", "63x88mm"): (2, 2, 1, 1),
    ("5x7in", "55x85mm"): (3, 2, 2, 2), ("5x7in", "54x86mm"): (3, 2, 2, 2), ("5x7in", "63x88mm"): (2, 2, 2, 2),
    ("a3+", "55x85mm"): (25, 25, 25, 25), ("a3+", "54x86mm"): (25, 25, 25, 25), ("a3+", "63x88mm"): (25, 21, 21, 20),
}  # fmt: skip


@pytest.mark.parametrize(
    ("paper", "size", "bleed", "expected"),
    [(*key, float(bleed), count) for key, counts in CAPACITIES.items() for bleed, count in enumerate(counts)],
)
def test_best_grid_holds_the_known_number_of_cards(paper, size, bleed, expected):
    trim = card_size(size)
    plan = plan_sheet([card(trim.width_mm, trim.height_mm, bleed, copies=100)], SheetSettings(paper=paper))
    assert plan.per_page == len(plan.pages[0].placements) == plan.columns * plan.rows == expected


sheets = st.builds(
    SheetSettings,
    paper=st.sampled_from(["a4", "letter", "4x6in", "5x7in", "a3+", "a5"]),
    orientation=st.sampled_from(["auto", "portrait", "landscape"]),
    margin_mm=st.sampled_from([0.0, 3.0, 5.0, 6.35, 10.0]),
    gutter=st.sampled_from(["separate", "shared", "outside"]),
    registration=st.sampled_from(["off", "off", "3", "4"]),
    crop_marks=st.sampled_from(["on", "on", "off"]),
    skip=st.sampled_from(["", "", "1", "2,3", "5"]),
    copies=st.sampled_from([1, 1, 2]),
)
cards = st.builds(
    card,
    width=st.floats(20, 110).map(lambda mm: round(mm, 2)),
    height=st.floats(20, 110).map(lambda mm: round(mm, 2)),
    bleed=st.sampled_from([0.0, 0.625, 1.0, 2.0, 3.0, 5.0]),
    copies=st.integers(1, 15),
)


def planned(one: SheetCard, settings: SheetSettings):
    try:
        return plan_sheet([one], settings)
    except UsageError:
        assume(False)


@given(cards, sheets)
@hypothesis_settings(max_examples=80, deadline=None)
def test_nothing_on_a_page_lies_on_anything_else_and_all_is_printable(one, settings):
    plan = planned(one, settings)
    for page in plan.pages:
        shown = [placement.shown for placement in page.placements]
        assert not any(overlap(a, b) for a, b in itertools.combinations(shown, 2))
        rest = beside_cards(page)
        assert not any(overlap(a, b) for a in shown for b in rest)
        loose = [area for area in rest if area not in page.registration]
        assert not any(overlap(a, b) for a, b in itertools.combinations(loose, 2))
        # A mark at an edge of the printable area is half of its hairline outside.
        edge = printable(page, settings).grown(max((line.width_mm / 2 for line in page.crop_marks), default=0))
        assert all(holds(printable(page, settings), area) for area in shown)
        assert all(holds(edge, area) for area in rest)
        zones = clear_zones(settings, page.width_mm, page.height_mm)
        assert not any(overlap(area, zone) for area in shown + loose for zone in zones)


@given(cards, sheets)
@hypothesis_settings(max_examples=50, deadline=None)
def test_every_copy_is_printed_once_whole_and_with_no_more_bleed_than_the_file_has(one, settings):
    plan = planned(one, settings)
    placements = [placement for page in plan.pages for placement in page.placements]
    assert len(placements) == one.copies * settings.copies
    for placement in placements:
        sides = (one.height_mm, one.width_mm) if placement.turn_deg else (one.width_mm, one.height_mm)
        assert (placement.trim.width_mm, placement.trim.height_mm) == pytest.approx(sides, abs=1e-9)
        assert placement.turn_deg == (90 if plan.turned else 0)
        assert holds(placement.shown, placement.trim)
        assert holds(placement.extent, placement.shown)
        assert placement.extent.centre_mm == pytest.approx(placement.trim.centre_mm)


@given(cards, sheets)
@hypothesis_settings(max_examples=50, deadline=None)
def test_full_grid_is_centred_on_its_page(one, settings):
    settings = replace(settings, registration="off", skip="")
    count = planned(one, settings).per_page
    page = planned(replace(one, copies=count), replace(settings, copies=1)).pages[0]
    for box in (page.trim_box, page.bleed_box):
        assert box.centre_mm == pytest.approx((page.width_mm / 2, page.height_mm / 2), abs=1e-9)


@given(cards, sheets)
@hypothesis_settings(max_examples=50, deadline=None)
def test_separate_gutters_hold_what_the_formula_says_and_the_others_no_less(one, settings):
    settings = replace(settings, registration="off", orientation="auto", skip="")
    paper = paper_size(settings.paper)
    across, down = one.width_mm + 2 * one.bleed_mm, one.height_mm + 2 * one.bleed_mm
    rooms = [side - 2 * settings.margin_mm for side in (paper.width_mm, paper.height_mm)]
    expected = max(
        math.floor(x / across + 1e-9) * math.floor(y / down + 1e-9) for x, y in (rooms, rooms[::-1])
    )  # fmt: skip
    assume(expected > 0)
    counts = {
        gutter: plan_sheet([one], replace(settings, gutter=gutter)).per_page
        for gutter in ("separate", "shared", "outside")
    }
    assert expected == counts["separate"] <= counts["shared"] <= counts["outside"]


def test_paper_is_turned_for_more_cards_and_stands_upright_where_that_makes_no_difference():
    more = plan_sheet([card(bleed=0)], SheetSettings())
    assert (more.pages[0].width_mm, more.columns, more.rows, more.turned) == (297, 5, 2, False)
    square = plan_sheet([card(50, 50, 0)], SheetSettings(paper="a4"))
    assert square.pages[0].width_mm == 210


def test_cards_are_turned_where_the_paper_may_not_be():
    plan = plan_sheet([card(bleed=0)], SheetSettings(orientation="portrait"))
    page = plan.pages[0]
    assert (page.width_mm, plan.columns, plan.rows, plan.turned) == (210, 2, 5, True)
    trim = page.placements[0].trim
    assert (trim.width_mm, trim.height_mm, page.placements[0].turn_deg) == (85, 55, 90)


# --- gutters ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("gutter", "pitch"), [("separate", 55 + 2 * 3), ("shared", 55 + 3), ("outside", 55)])
def test_pitch_of_each_gutter(gutter, pitch):
    first, second = plan_sheet([card(copies=9)], SheetSettings(gutter=gutter)).pages[0].placements[:2]
    assert second.trim.x_mm - first.trim.x_mm == pytest.approx(pitch)


def test_gap_is_white_between_the_bleeds():
    first, second = plan_sheet([card(bleed=1, copies=9)], SheetSettings(gap_mm=2)).pages[0].placements[:2]
    assert second.shown.x_mm - first.shown.right_mm == pytest.approx(2)


def test_shared_bleed_ends_in_the_middle_of_the_gutter_and_is_whole_outward():
    page = plan_sheet([card(copies=9)], SheetSettings(gutter="shared")).pages[0]
    middle = page.placements[4]
    assert middle.trim.x_mm - middle.shown.x_mm == middle.shown.bottom_mm - middle.trim.bottom_mm == pytest.approx(1.5)
    assert middle.shown.x_mm == pytest.approx(page.placements[3].shown.right_mm)
    corner = page.placements[0]
    assert corner.trim.x_mm - corner.shown.x_mm == corner.trim.y_mm - corner.shown.y_mm == pytest.approx(3)


def test_outside_neighbours_touch_and_the_block_has_its_whole_bleed():
    page = plan_sheet([card(copies=10)], SheetSettings(gutter="outside")).pages[0]
    first, second = page.placements[:2]
    assert first.shown.right_mm == pytest.approx(first.trim.right_mm) == pytest.approx(second.trim.x_mm)
    assert page.bleed_box == Area(*(pytest.approx(v) for v in _values(page.trim_box.grown(3))))


def _values(area: Area) -> tuple[float, ...]:
    return area.x_mm, area.y_mm, area.width_mm, area.height_mm


def test_card_beside_an_empty_position_has_its_whole_bleed_there():
    page = plan_sheet([card(copies=2)], SheetSettings(gutter="outside")).pages[0]
    last = page.placements[1]
    assert last.shown.right_mm - last.trim.right_mm == pytest.approx(3)
    assert last.shown.x_mm == pytest.approx(last.trim.x_mm)


# --- copies, pages, skipping --------------------------------------------------------------------------------------


def test_copies_of_card_and_sheet_multiply_and_follow_each_other():
    plan = plan_sheet([card(name="a", copies=2), card(name="b")], SheetSettings(copies=3))
    assert [p.card for p in plan.pages[0].placements] == ["a"] * 6 + ["b"] * 3


def test_skipped_positions_stay_empty_on_every_page():
    whole = plan_sheet([card(copies=9)], SheetSettings()).pages[0]
    plan = plan_sheet([card(copies=12)], SheetSettings(skip="1,5"))
    left_out = {whole.placements[0].trim, whole.placements[4].trim}
    assert [len(page.placements) for page in plan.pages] == [7, 5]
    assert plan.per_page == 7
    assert not left_out & {p.trim for page in plan.pages for p in page.placements}


def test_position_that_is_not_there_is_skipped_with_a_note():
    plan = plan_sheet([card(copies=9)], SheetSettings(skip="12"))
    assert any("no position 12" in note for note in plan.notes)


def test_skipping_everything_is_refused():
    with pytest.raises(UsageError, match="skip leaves none of the 9 positions"):
        plan_sheet([card()], SheetSettings(skip=",".join(map(str, range(1, 10)))))


def test_cards_of_other_sizes_have_pages_of_their_own():
    plan = plan_sheet(
        [card(name="a", copies=2), card(63, 88, name="b"), card(name="c"), card(bleed=1, name="d")], SheetSettings()
    )
    assert [Counter(p.card for p in page.placements) for page in plan.pages] == [{"a": 2, "c": 1}, {"b": 1}, {"d": 1}]


def test_same_cards_and_settings_give_the_same_plan():
    settings = SheetSettings(registration="3", duplex="long")
    assert plan_sheet([card(copies=30)], settings) == plan_sheet([card(copies=30)], settings)


# --- bleed that is printed, and what is refused -------------------------------------------------------------------


def test_less_bleed_than_the_file_has_is_clipped_not_scaled():
    placement = plan_sheet([card(bleed=3)], SheetSettings(bleed_mm=1)).pages[0].placements[0]
    assert _values(placement.shown) == pytest.approx(_values(placement.trim.grown(1)))
    assert _values(placement.extent) == pytest.approx(_values(placement.trim.grown(3)))


@pytest.mark.parametrize("plan", [plan_sheet, plan_single])
def test_more_bleed_than_the_file_has_is_refused_with_its_name(plan):
    with pytest.raises(UsageError, match=r"card\.png: 3 mm of bleed are asked for, the file has 1 mm"):
        plan([card(bleed=1)], SheetSettings(bleed_mm=3))


@pytest.mark.parametrize("registration", ["off", "3"])
def test_paper_smaller_than_a_card_is_refused_in_one_line(registration):
    with pytest.raises(UsageError) as error:
        plan_sheet([card(200, 290)], SheetSettings(paper="a6", registration=registration))
    assert "A6 (105 x 148 mm)" in str(error.value)
    assert "200 x 290 mm + 3 mm bleed" in str(error.value)
    assert "\n" not in error.value.line()


def test_card_that_only_fits_without_the_margin_is_refused():
    assert plan_sheet([card(105, 148, 0)], SheetSettings(paper="a6", margin_mm=0)).per_page == 1
    with pytest.raises(UsageError, match="margins of 5 mm"):
        plan_sheet([card(105, 148, 0)], SheetSettings(paper="a6"))


@pytest.mark.parametrize("plan", [plan_sheet, plan_single])
def test_no_cards_and_two_of_one_name_are_refused(plan):
    with pytest.raises(UsageError, match="no cards"):
        plan([], SheetSettings())
    with pytest.raises(ValueError, match="same name"):
        plan([card(), card()], SheetSettings())


# --- crop marks ---------------------------------------------------------------------------------------------------


def test_a_mark_stands_at_both_ends_of_every_trim_edge():
    page = plan_sheet([card(bleed=2, copies=9)], SheetSettings()).pages[0]
    edges = {round(v, 6) for p in page.placements for v in (p.trim.x_mm, p.trim.right_mm)}
    standing = [line for line in page.crop_marks if line.x0_mm == line.x1_mm]
    above = {round(line.x0_mm, 6) for line in standing if max(line.y0_mm, line.y1_mm) < page.bleed_box.y_mm}
    below = {round(line.x0_mm, 6) for line in standing if min(line.y0_mm, line.y1_mm) > page.bleed_box.bottom_mm}
    assert above == below == edges
    rows = {round(v, 6) for p in page.placements for v in (p.trim.y_mm, p.trim.bottom_mm)}
    lying = [line for line in page.crop_marks if line.y0_mm == line.y1_mm]
    assert {round(line.y0_mm, 6) for line in lying} == rows
    assert len(page.crop_marks) == 2 * (len(edges) + len(rows))


def test_a_common_edge_has_one_mark():
    page = plan_sheet([card(bleed=0, copies=10)], SheetSettings()).pages[0]
    assert len(page.crop_marks) == 2 * (6 + 3)


def test_marks_get_shorter_where_room_is_little_and_are_missed_aloud_where_there_is_none():
    short = plan_sheet([card(bleed=1)], SheetSettings(paper="4x6in"))
    lengths = {round(abs(m.y1_mm - m.y0_mm), 3) for m in short.pages[0].crop_marks if m.x0_mm == m.x1_mm}
    # 7.3 mm are free above the card, 5 of them the printer's margin, 1 the distance.
    assert plan_sheet([card(bleed=1, copies=2)], SheetSettings(paper="4x6in")).per_page == 2
    assert lengths == {1.3}
    assert any("above and below the cards are shorter" in note for note in short.notes)
    none = plan_sheet([card(bleed=2)], SheetSettings(paper="4x6in"))
    assert not [m for m in none.pages[0].crop_marks if m.x0_mm == m.x1_mm]
    assert any("no room for crop marks above and below the cards" in note for note in none.notes)


def test_no_crop_marks_where_they_are_off():
    plan = plan_sheet([card()], SheetSettings(crop_marks="off"))
    assert plan.pages[0].crop_marks == ()
    assert not any("crop marks" in note for note in plan.notes)


# --- registration marks -------------------------------------------------------------------------------------------


def test_three_marks_are_a_square_and_two_corners_turned_outward():
    page = plan_sheet([card(bleed=2)], SheetSettings(paper="letter", registration="3")).pages[0]
    width, height = page.width_mm, page.height_mm
    square, *arms = page.registration
    assert square == Area(10, 10, 5, 5)
    right, left = arms[:2], arms[2:]
    assert _values(Area.around(right)) == pytest.approx((width - 15, 10, 5, 5))
    assert _values(Area.around(left)) == pytest.approx((10, height - 15, 5, 5))
    # The corner of an L is the one next to the corner of the paper.
    assert all(holds(arm, Area(width - 11, 10, 1, 1)) for arm in right)
    assert all(holds(arm, Area(10, height - 11, 1, 1)) for arm in left)


def test_four_marks_are_corners_that_mirror_each_other():
    page = plan_sheet([card(bleed=2)], SheetSettings(registration="4", registration_inset_mm=12)).pages[0]
    assert len(page.registration) == 8

    def rounded(areas):
        return {tuple(round(v, 6) for v in _values(area)) for area in areas}

    across = [Area(page.width_mm - a.right_mm, a.y_mm, a.width_mm, a.height_mm) for a in page.registration]
    down = [Area(a.x_mm, page.height_mm - a.bottom_mm, a.width_mm, a.height_mm) for a in page.registration]
    assert rounded(across) == rounded(down) == rounded(page.registration)
    assert min(area.x_mm for area in page.registration) == 12


def test_other_way_of_the_paper_is_taken_where_it_holds_more_beside_the_marks():
    # 3 x 3 on upright A4 would lose three corners.
    assert plan_sheet([card(bleed=3)], SheetSettings(registration="off")).per_page == 9
    assert plan_sheet([card(bleed=3)], SheetSettings(registration="3")).per_page == 8


def test_fewer_columns_are_taken_where_they_hold_more_cards_beside_the_marks():
    # 5 x 3 on lying Letter loses four corners and keeps 11; 4 x 3 is clear of them all.
    plan = plan_sheet([card(46, 62, 2)], SheetSettings(paper="letter", registration="4"))
    assert (plan.columns, plan.rows, plan.per_page) == (4, 3, 12)


def test_corners_stay_empty_where_the_grid_around_them_holds_more():
    three, four = (
        plan_sheet([card(copies=30)], SheetSettings(paper="a3+", registration=kind, orientation="portrait"))
        for kind in ("3", "4")
    )
    assert (three.columns * three.rows, three.per_page) == (25, 22)
    assert four.columns * four.rows - four.per_page in (0, 4)
    assert any("3 of 25 positions are left empty beside the registration marks" in note for note in three.notes)


@given(cards, sheets.filter(lambda settings: settings.registration != "off"))
@hypothesis_settings(max_examples=50, deadline=None)
def test_cutter_cuts_inside_its_marks(one, settings):
    plan = planned(one, settings)
    for page in plan.pages:
        inside = Area(0, 0, page.width_mm, page.height_mm).grown(-settings.registration_inset_mm)
        assert all(holds(inside, placement.trim) for placement in page.placements)


def test_no_room_beside_the_marks_is_refused_in_one_line():
    with pytest.raises(UsageError, match="no card of 90 x 130 mm fits beside the registration marks"):
        plan_sheet([card(90, 130, 0)], SheetSettings(paper="4x6in", registration="3"))


def test_marks_in_the_unprintable_margin_are_refused():
    with pytest.raises(UsageError, match="registration marks 5 mm from the edge lie in the 8 mm"):
        plan_sheet([card()], SheetSettings(registration="3", registration_inset_mm=5, margin_mm=8))


def test_marks_that_do_not_fit_on_the_paper_are_refused():
    with pytest.raises(UsageError, match="registration marks have no room"):
        plan_sheet([card(20, 20, 0)], SheetSettings(paper="4x6in", registration="4", registration_inset_mm=50))


def test_crop_marks_beside_registration_marks_are_left_out_aloud():
    plan = plan_sheet([card(20, 20, 0, copies=200)], SheetSettings(registration="4"))
    assert any("crop marks are left out beside the registration marks" in note for note in plan.notes)


# --- rulers and small print ---------------------------------------------------------------------------------------


def test_ruler_of_100_mm_with_its_words_where_there_is_room():
    page = plan_sheet([card(copies=9)], SheetSettings()).pages[0]
    assert page.rulers[0].length_mm == 100
    assert any(note.text == "100 mm: print at 100 %, not 'fit to page'" for note in page.notes)
    assert any(note.text.startswith("page 1 of 1, cards of 55 x 85 mm + 3 mm bleed, A4") for note in page.notes)


def test_shorter_ruler_where_100_mm_have_no_room_and_a_note_where_there_is_none():
    short = plan_sheet([card(bleed=1)], SheetSettings(paper="4x6in", orientation="landscape", copies=2))
    assert short.pages[0].rulers[0].length_mm == 50
    assert any("the ruler is 50 mm long" in note for note in short.notes)
    none = plan_sheet([card(95, 138, 0)], SheetSettings(paper="a6"))
    assert none.pages[0].rulers == ()
    assert any("no room for a ruler" in note for note in none.notes)


def test_no_ruler_where_it_is_off():
    plan = plan_sheet([card()], SheetSettings(ruler="off"))
    assert plan.pages[0].rulers == ()
    assert not any("ruler" in note for note in plan.notes)


# --- boxes, cut paths, one card per page --------------------------------------------------------------------------


def test_boxes_hold_just_what_is_printed():
    page = plan_sheet([card(copies=2)], SheetSettings()).pages[0]
    assert page.trim_box == Area.around([p.trim for p in page.placements])
    assert page.bleed_box == Area.around([p.shown for p in page.placements])


def test_pages_that_are_cut_alike_share_their_paths_and_a_last_page_has_its_own():
    plan = plan_sheet([card(copies=20, back=True)], SheetSettings(duplex="long"))
    assert [(cut.pages, len(cut.paths)) for cut in plan.cuts] == [((1, 2), 9), ((3,), 2)]
    fronts = [page for page in plan.pages if not page.is_back]
    assert [path.area for path in plan.cuts[1].paths] == [p.trim for p in fronts[2].placements]
    assert {path.radius_mm for cut in plan.cuts for path in cut.paths} == {3.0}


def test_cards_with_other_corners_are_cut_otherwise():
    plan = plan_sheet([card(name="a"), card(name="b", radius=0)], SheetSettings())
    assert [path.radius_mm for path in plan.cuts[0].paths] == [3.0, 0.0]


@pytest.mark.parametrize(("marks", "slug"), [("off", 0.0), ("on", 7.0)])
def test_single_page_is_the_card_its_bleed_and_the_slug_of_its_marks(marks, slug):
    plan = plan_single([card(bleed=3, back=True)], SheetSettings(crop_marks=marks))
    front, back = plan.pages
    assert (front.width_mm, front.height_mm) == (55 + 6 + 2 * slug, 85 + 6 + 2 * slug)
    assert _values(front.trim_box) == (3 + slug, 3 + slug, 55, 85)
    assert _values(front.bleed_box) == (slug, slug, 61, 91)
    assert (back.is_back, back.placements[0].picture, back.trim_box) == (True, Path("card-back.png"), front.trim_box)
    assert (back.placements[0].turn_deg, front.rulers, front.registration) == (0, (), ())
    assert len(front.crop_marks) == (8 if marks == "on" else 0)
    media = Area(0, 0, front.width_mm, front.height_mm)
    for line in front.crop_marks:
        assert holds(media, line.area)
        assert not overlap(line.area, front.bleed_box)


def test_single_prints_the_bleed_that_is_asked_for():
    page = plan_single([card(bleed=3)], SheetSettings(bleed_mm=2, crop_marks="off")).pages[0]
    assert (page.width_mm, page.height_mm) == (59, 89)
    assert _values(page.placements[0].extent) == (-1, -1, 61, 91)


def test_single_pages_repeat_for_copies_and_cards_of_all_sizes():
    plan = plan_single([card(name="a", copies=2, back=True), card(63, 88, name="b")], SheetSettings(duplex="long"))
    assert [(page.placements[0].card if page.placements else None, page.is_back) for page in plan.pages] == [
        ("a", False), ("a", True), ("a", False), ("a", True), ("b", False), (None, True),
    ]  # fmt: skip
    assert [cut.pages for cut in plan.cuts] == [(1, 2), (3,)]
