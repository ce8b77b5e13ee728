from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from fancam.errors import UsageError
from fancam.settings import SheetSettings
from fancam.sheets import plan_sheet, plan_single
from fancam.sheets.plan import Area, BackOffset, Page, Placement, SheetCard


def card(name="card", width=55.0, height=85.0, bleed=3.0, *, copies=1, back=True) -> SheetCard:
    return SheetCard(
        name, Path(f"{name}.png"), width, height, bleed, Path(f"{name}-back.png") if back else None, 3.0, copies
    )


class Sheet:
    """A sheet of paper that is turned over in space, about the middle line that is parallel to one of its edges.

    A printer lays the back page on the turned sheet as one looks at it then; ``material`` says where a point of that
    page is on the paper as the front sees it.
    """

    def __init__(self, page: Page, duplex: str) -> None:
        self.middle = np.array([page.width_mm / 2, page.height_mm / 2, 0.0])
        edges = {"x": page.width_mm, "y": page.height_mm}  # length of the edges that run along x and along y
        long_runs_along = "y" if edges["y"] >= edges["x"] else "x"
        axis = long_runs_along if duplex == "long" else {"x": "y", "y": "x"}[long_runs_along]
        # Half a turn in space: the axis stays, the two others change their sign.
        self.turn = np.diag([1.0, -1.0, -1.0] if axis == "x" else [-1.0, 1.0, -1.0])

    def material(self, x: float, y: float) -> tuple[float, float]:
        point = np.linalg.inv(self.turn) @ (np.array([x, y, 0.0]) - self.middle) + self.middle
        return float(point[0]), float(point[1])

    def direction(self, x: float, y: float) -> tuple[float, float]:
        vector = np.linalg.inv(self.turn) @ np.array([x, y, 0.0])
        return float(vector[0]), float(vector[1])

    def area(self, area: Area) -> tuple[float, float, float, float]:
        (x0, y0), (x1, y1) = self.material(area.x_mm, area.y_mm), self.material(area.right_mm, area.bottom_mm)
        return min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1)


def top(placement: Placement) -> tuple[float, float]:
    """Where the top of a picture points that was turned clockwise on its page; y is down."""
    angle = math.radians(placement.turn_deg)
    return math.sin(angle), -math.cos(angle)


def corners(area: Area) -> tuple[float, float, float, float]:
    return area.x_mm, area.y_mm, area.right_mm, area.bottom_mm


sheets = st.builds(
    SheetSettings,
    paper=st.sampled_from(["a4", "letter", "4x6in", "a3+", "100x100mm"]),
    orientation=st.sampled_from(["auto", "portrait", "landscape"]),
    gutter=st.sampled_from(["separate", "shared", "outside"]),
    duplex=st.sampled_from(["long", "short"]),
    registration=st.sampled_from(["off", "off", "3", "4"]),
    skip=st.sampled_from(["", "1,4"]),
)
cards = st.builds(
    card,
    width=st.floats(20, 90).map(lambda mm: round(mm, 2)),
    height=st.floats(20, 90).map(lambda mm: round(mm, 2)),
    copies=st.integers(1, 12),
)


@given(cards, sheets)
@hypothesis_settings(max_examples=80, deadline=None)
def test_held_against_a_lamp_every_back_lies_behind_its_front_with_its_top_at_the_same_edge(one, settings):
    try:
        plan = plan_sheet([one], settings)
    except UsageError:
        assume(False)
    for front, back in zip(plan.pages[::2], plan.pages[1::2], strict=True):
        assert (front.is_back, back.is_back) == (False, True)
        sheet = Sheet(front, settings.duplex)
        behind = {tuple(round(v, 6) for v in sheet.area(p.trim)): p for p in back.placements}
        assert len(behind) == len(front.placements)
        for placement in front.placements:
            other = behind[tuple(round(v, 6) for v in corners(placement.trim))]
            assert sheet.area(other.shown) == pytest.approx(corners(placement.shown), abs=0.01)
            assert sheet.area(other.extent) == pytest.approx(corners(placement.extent), abs=0.01)
            # A card that is turned about its own upright axis keeps its top where it is.
            assert sheet.direction(*top(other)) == pytest.approx(top(placement), abs=1e-9)


@pytest.mark.parametrize(
    ("orientation", "duplex", "turned_front", "turned_back"),
    [
        ("auto", "long", 0, 180), ("auto", "short", 0, 0),  # ten upright cards on lying A4
        ("portrait", "long", 90, 270), ("portrait", "short", 90, 90),  # ten lying cards on upright A4
    ],
)  # fmt: skip
def test_turns_of_fronts_and_backs(orientation, duplex, turned_front, turned_back):
    front, back = plan_sheet(
        [card(bleed=0, copies=10)], SheetSettings(orientation=orientation, duplex=duplex)
    ).pages  # fmt: skip
    assert {p.turn_deg for p in front.placements} == {turned_front}
    assert {p.turn_deg for p in back.placements} == {turned_back}


def test_the_right_card_is_behind_each_front_of_a_mixed_page():
    mixed = [card("a"), card("b"), card("c"), card("d", back=False)]
    front, back = plan_sheet(mixed, SheetSettings(duplex="long", orientation="portrait")).pages
    assert [p.card for p in front.placements] == ["a", "b", "c", "d"]
    # Turned over an upright edge, the first of a row is the last seen from behind.
    by_place = sorted(back.placements, key=lambda p: (round(p.trim.y_mm), p.trim.x_mm))
    assert [p.card for p in by_place] == ["c", "b", "a"]
    assert {p.picture.name for p in back.placements} == {"a-back.png", "b-back.png", "c-back.png"}


def test_fronts_and_backs_take_turns_though_a_page_has_no_back():
    plan = plan_sheet([card("a"), card("b", 63, 88, back=False)], SheetSettings(duplex="long"))
    assert [(page.is_back, len(page.placements)) for page in plan.pages] == [
        (False, 1),
        (True, 1),
        (False, 1),
        (True, 0),
    ]
    assert (plan.pages[3].trim_box, plan.pages[3].bleed_box) == (None, None)


def test_no_backs_at_all_give_front_pages_and_a_note():
    plan = plan_sheet([card(back=False, copies=12)], SheetSettings(duplex="long"))
    assert [page.is_back for page in plan.pages] == [False, False]
    assert "no card has a back: front pages only" in plan.notes


def test_without_duplex_there_are_no_backs():
    assert [page.is_back for page in plan_sheet([card()], SheetSettings()).pages] == [False]


def test_back_offset_is_on_back_pages_only():
    settings = SheetSettings(duplex="long", back_x_mm=0.4, back_y_mm=-0.3, back_angle_deg=0.1)
    front, back = plan_sheet([card()], settings).pages
    assert (front.offset, back.offset) == (BackOffset(), BackOffset(0.4, -0.3, 0.1))
    assert {page.offset for page in plan_single([card()], settings).pages} == {BackOffset()}


def test_offset_on_lying_pages_is_said_to_need_a_lying_calibration_sheet():
    settings = SheetSettings(duplex="long", back_x_mm=0.4)
    assert any("landscape" in note for note in plan_sheet([card(bleed=0, copies=10)], settings).notes)
    assert not any("landscape" in note for note in plan_sheet([card(bleed=3, copies=9)], settings).notes)


def test_cutters_marks_and_ruler_are_on_fronts_only_and_crop_marks_lie_behind_each_other():
    front, back = plan_sheet([card(copies=2)], SheetSettings(duplex="short", registration="3")).pages
    assert front.registration and front.rulers
    assert (back.registration, back.rulers) == ((), ())
    sheet = Sheet(front, "short")
    behind = {
        tuple(sorted((tuple(round(v, 6) for v in sheet.material(m.x0_mm, m.y0_mm)),
                      tuple(round(v, 6) for v in sheet.material(m.x1_mm, m.y1_mm)))))
        for m in back.crop_marks
    }  # fmt: skip
    assert behind == {
        tuple(sorted(((round(m.x0_mm, 6), round(m.y0_mm, 6)), (round(m.x1_mm, 6), round(m.y1_mm, 6)))))
        for m in front.crop_marks
    }
    assert behind


def test_boxes_of_a_back_hold_its_own_cards():
    back = plan_sheet([card("a"), card("b", back=False)], SheetSettings(duplex="long")).pages[1]
    assert back.trim_box == back.placements[0].trim
    assert back.bleed_box == back.placements[0].shown
