from __future__ import annotations

import itertools
import math
import re

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from fancam.errors import UsageError
from fancam.paper import paper_size
from fancam.settings import SheetSettings
from fancam.sheets import calibration_distance_mm, offset_from_readings, plan_calibration
from fancam.sheets.plan import Area, BackOffset, Line, Page

SCALES = ("LX", "RX", "LY", "RY")
STEP_MM = 0.1


class Printer:
    """Lays a point of the back page beside its place: turned clockwise around the middle, then moved."""

    def __init__(self, x_mm: float, y_mm: float, angle_deg: float, page: Page) -> None:
        self.x, self.y, self.angle = x_mm, y_mm, math.radians(angle_deg)
        self.middle = page.width_mm / 2, page.height_mm / 2

    def __call__(self, x: float, y: float) -> tuple[float, float]:
        dx, dy = x - self.middle[0], y - self.middle[1]
        cos, sin = math.cos(self.angle), math.sin(self.angle)
        return self.middle[0] + cos * dx - sin * dy + self.x, self.middle[1] + sin * dx + cos * dy + self.y


def moved(offset: BackOffset, page: Page) -> Printer:
    """What the page is drawn with to make up for the printer; the same order of turning and moving."""
    return Printer(offset.x_mm, offset.y_mm, offset.angle_deg, page)


def shining_through(line: Line, page: Page, duplex: str) -> Line:
    """A line of the front as it is seen from the back of the sheet."""
    upright_long = page.height_mm >= page.width_mm
    if upright_long == (duplex == "long"):  # turned over an edge that stands: left and right change
        return Line(page.width_mm - line.x0_mm, line.y0_mm, page.width_mm - line.x1_mm, line.y1_mm, line.width_mm)
    return Line(line.x0_mm, page.height_mm - line.y0_mm, line.x1_mm, page.height_mm - line.y1_mm, line.width_mm)


def scales(page: Page) -> dict[str, list[Line]]:
    """The lines of the four scales in the order of their numbers; the back has nothing but them."""
    count = len(page.lines) // 4
    parts = [list(page.lines[start : start + count]) for start in range(0, 4 * count, count)]
    return dict(zip(SCALES, parts, strict=True))


def front_scales(front: Page, back: Page, duplex: str) -> dict[str, list[Line]]:
    count = len(back.lines) // 4
    seen = [shining_through(line, front, duplex) for line in front.lines[: 4 * count]]
    parts = [seen[start : start + count] for start in range(0, 4 * count, count)]
    return dict(zip(SCALES, parts, strict=True))


def reading(back: list[Line], front: list[Line], printer: Printer, axis: int) -> float:
    """What is read: the number of the line that meets its fellow, or the mean of two that meet equally well."""
    half = len(back) // 2
    misses = []
    for number, (one, other) in enumerate(zip(back, front, strict=True), start=-half):
        printed = printer(one.x0_mm, one.y0_mm)[axis]
        misses.append((abs(printed - (other.x0_mm, other.y0_mm)[axis]), number))
    (best, number), (second, next_number) = sorted(misses)[:2]
    return STEP_MM * ((number + next_number) / 2 if second - best < 0.05 else number)


def readings(front: Page, back: Page, duplex: str, printer: Printer) -> dict[str, float]:
    lines, fellows = scales(back), front_scales(front, back, duplex)
    return {name: reading(lines[name], fellows[name], printer, "XY".index(name[1])) for name in SCALES}


@given(
    st.floats(-2, 2), st.floats(-2, 2), st.floats(-0.3, 0.3),
    st.sampled_from(["a4", "letter", "a3"]), st.sampled_from(["portrait", "landscape"]),
    st.sampled_from(["long", "short"]),
)  # fmt: skip
@hypothesis_settings(max_examples=60, deadline=None)
def test_reading_the_sheet_of_a_known_printer_gives_what_undoes_it(x, y, angle, paper, orientation, duplex):
    settings = SheetSettings(paper=paper, orientation=orientation, duplex=duplex)
    front, back = plan_calibration(paper_size(paper), settings).pages
    printer = Printer(x, y, angle, back)
    read = readings(front, back, duplex, printer)
    distance = calibration_distance_mm(paper_size(paper))
    offset = offset_from_readings((read["LX"], read["LY"]), (read["RX"], read["RY"]), distance)
    assert offset.angle_deg == pytest.approx(-angle, abs=0.02)
    # What is drawn with the offset and then printed is where it belongs; far from the middle the angle adds its part.
    laid = printer(*moved(offset, back)(*printer.middle))
    assert laid == pytest.approx(printer.middle, abs=0.05)
    corner = printer(*moved(offset, back)(10, 10))
    assert corner == pytest.approx((10, 10), abs=0.05 + math.radians(0.02) * math.dist(printer.middle, (10, 10)))


@given(st.floats(-3, 3), st.floats(-3, 3), st.floats(-3, 3), st.floats(60, 260))
def test_exact_readings_give_the_exact_inverse_of_the_printer(x, y, angle, distance):
    page = Page(210, 297)
    printer = Printer(x, y, angle, page)
    left = printer(105 - distance / 2, 148.5)
    right = printer(105 + distance / 2, 148.5)
    above, below = printer(105, 148.5 - 70), printer(105, 148.5 + 70)
    offset = offset_from_readings((above[0] - 105, left[1] - 148.5), (below[0] - 105, right[1] - 148.5), distance)
    undo = moved(offset, page)
    for point in ((0, 0), (210, 0), (30, 250)):
        assert printer(*undo(*point)) == pytest.approx(point, abs=1e-9)


def test_back_that_lies_to_the_right_and_down_is_moved_to_the_left_and_up():
    assert offset_from_readings((0.4, 0.2), (0.4, 0.2), 170) == BackOffset(
        pytest.approx(-0.4), pytest.approx(-0.2), pytest.approx(0)
    )  # fmt: skip
    # The right side lies lower: the back was turned clockwise.
    assert offset_from_readings((0, 0), (0, 0.5), 170).angle_deg < 0


@pytest.mark.parametrize("paper", ["a4", "letter", "4x6in", "5x7in", "a3+", "a5"])
@pytest.mark.parametrize("orientation", ["portrait", "landscape"])
@pytest.mark.parametrize("duplex", ["long", "short"])
def test_scales_rulers_and_words_lie_in_the_printable_area_and_not_on_each_other(paper, orientation, duplex):
    settings = SheetSettings(paper=paper, orientation=orientation, duplex=duplex)
    front, back = plan_calibration(paper_size(paper), settings).pages
    assert (front.width_mm > front.height_mm) == (orientation == "landscape")
    assert (front.is_back, back.is_back, back.offset) == (False, True, BackOffset())
    for page in (front, back):
        words = [note.area for note in page.notes]
        rulers = [ruler.area for ruler in page.rulers]
        inside = Area(0, 0, page.width_mm, page.height_mm).grown(1e-6 - settings.margin_mm)
        for area in words + rulers + [line.area for line in page.lines]:
            assert area.x_mm >= inside.x_mm and area.right_mm <= inside.right_mm
            assert area.y_mm >= inside.y_mm and area.bottom_mm <= inside.bottom_mm
        for one, other in itertools.combinations(words + rulers, 2):
            assert not one.grown(-1e-6).overlaps(other)
        for word, line in itertools.product(words, page.lines):
            assert not word.grown(-1e-6).overlaps(line.area)


def test_figures_stand_at_their_lines():
    _, back = plan_calibration(paper_size("a4"), SheetSettings()).pages
    for name, lines in scales(back).items():
        half = len(lines) // 2
        figures = [note for note in back.notes if re.fullmatch(r"-?\d(\.\d)?", note.text)]
        for number in range(-half, half + 1, 5):
            line = lines[half + number]
            x, y = (line.x1_mm, min(line.y0_mm, line.y1_mm)) if name[1] == "X" else (line.x1_mm, line.y1_mm)
            nearest = min(figures, key=lambda note: math.dist(note.area.centre_mm, (x, y)))
            assert float(nearest.text) == pytest.approx(STEP_MM * number)
        named = next(note for note in back.notes if note.text == name)
        others = {other: math.dist(named.area.centre_mm, _start(lines)) for other, lines in scales(back).items()}
        assert min(others, key=others.get) == name


def _start(lines: list[Line]) -> tuple[float, float]:
    """Where a scale is nearest to its name: the upper end of one that stands, the middle of one that lies."""
    first, zero = lines[0], lines[len(lines) // 2]
    stands = first.y0_mm == first.y1_mm
    return (first.x0_mm, first.y0_mm) if stands else (zero.x0_mm, zero.y1_mm)


@given(st.integers(-30, 30))
def test_another_pair_of_lines_that_meets_has_other_lengths_or_is_far_off(true):
    front, back = plan_calibration(paper_size("a4"), SheetSettings()).pages
    lines, fellows = scales(back)["LY"], front_scales(front, back, "long")["LY"]
    half = len(lines) // 2
    long = [abs(line.x1_mm - line.x0_mm) for line in lines]
    for one, other in itertools.product(range(len(lines)), repeat=2):
        met = abs(lines[one].y0_mm + true * STEP_MM - fellows[other].y0_mm) < 0.045
        if met and long[one] == long[other] and one - half != true:
            assert abs(one - half - true) >= 40


def test_page_says_what_to_do_with_the_option_that_takes_the_readings():
    _, back = plan_calibration(paper_size("a4"), SheetSettings(duplex="short")).pages
    words = " ".join(note.text for note in back.notes)
    assert "--readings LX,LY,RX,RY" in words
    assert "turned over the short edge" in words
    assert {"LX", "LY", "RX", "RY"} <= {note.text for note in back.notes}


def test_front_has_a_ruler_of_100_mm_along_both_sides():
    front = plan_calibration(paper_size("a4"), SheetSettings()).pages[0]
    assert [(ruler.length_mm, ruler.vertical) for ruler in front.rulers] == [(100, False), (100, True)]
    assert sum(note.text == "100 mm" for note in front.notes) == 2


def test_distance_is_that_of_the_standing_scales_whichever_way_the_sheet_lies():
    for orientation in ("portrait", "landscape"):
        _, back = plan_calibration(paper_size("a4"), SheetSettings(orientation=orientation)).pages
        left, right = (scales(back)[name][0].x0_mm for name in ("LY", "RY"))
        assert right - left == pytest.approx(calibration_distance_mm(paper_size("a4"))) == pytest.approx(170)


def test_paper_too_small_for_the_scales_is_refused():
    with pytest.raises(UsageError, match="no room on free size"):
        plan_calibration(paper_size("50x60mm"), SheetSettings())


@pytest.mark.parametrize(("left", "right"), [((0, -20), (0, 20)), ((float("nan"), 0), (0, 0))])
def test_readings_that_cannot_be_are_refused(left, right):
    with pytest.raises(UsageError, match="read"):
        offset_from_readings(left, right, 170)
