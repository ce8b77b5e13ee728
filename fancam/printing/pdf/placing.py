"""Where pictures go on a page, as PDF wants it: points from the lower left corner, y up, matrices."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from fancam.printing.pdf.shapes import POINTS_PER_MM
from fancam.records import Orientation
from fancam.records.sheets import Area, BackOffset, Page, Placement


@dataclass(frozen=True, slots=True)
class Matrix:
    """x' = a x + c y + e, y' = b x + d y + f (ISO 32000-1, 8.3.3)."""

    a: float = 1.0
    b: float = 0.0
    c: float = 0.0
    d: float = 1.0
    e: float = 0.0
    f: float = 0.0

    def then(self, other: Matrix) -> Matrix:
        """Return the matrix that does this and then the other."""
        return Matrix(
            other.a * self.a + other.c * self.b,
            other.b * self.a + other.d * self.b,
            other.a * self.c + other.c * self.d,
            other.b * self.c + other.d * self.d,
            other.a * self.e + other.c * self.f + other.e,
            other.b * self.e + other.d * self.f + other.f,
        )

    def operator(self) -> str:
        """Return it as an operator of a content stream."""
        return f"{' '.join(number(value) for value in (self.a, self.b, self.c, self.d, self.e, self.f))} cm"


def number(value: float) -> str:
    """Return a number as PDF writes it: six decimals, a hundred-thousandth of a millimetre even after turning."""
    text = f"{value:.6f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


# A picture is drawn into the unit square, its upper left corner at (0, 1) (ISO 32000-1, 8.9.5.1).
_QUARTER_CLOCKWISE = Matrix(0, -1, 1, 0, 0, 1)
_MIRROR = Matrix(-1, 0, 0, 1, 1, 0)


def picture_matrix(placement: Placement, orientation: Orientation, page_height_mm: float) -> Matrix:
    """Return what brings the stored picture upright, turns it and lays it into its extent."""
    matrix = _MIRROR if orientation.mirrored else Matrix()
    for _ in range((orientation.quarter_turns_clockwise + placement.turn_deg // 90) % 4):
        matrix = matrix.then(_QUARTER_CLOCKWISE)
    x, y, width, height = rectangle(placement.extent, page_height_mm)
    return matrix.then(Matrix(width, 0, 0, height, x, y))


def offset_matrix(offset: BackOffset, page: Page) -> Matrix:
    """Return what turns a page around its middle and then moves it; the identity where the offset is nothing."""
    # Clockwise as one looks at the page, with y up: the sine has the other sign.
    cosine, sine = math.cos(math.radians(offset.angle_deg)), math.sin(math.radians(offset.angle_deg))
    middle_x, middle_y = page.width_mm / 2 * POINTS_PER_MM, page.height_mm / 2 * POINTS_PER_MM
    turned = Matrix(e=-middle_x, f=-middle_y).then(Matrix(cosine, -sine, sine, cosine))
    return turned.then(Matrix(e=middle_x + offset.x_mm * POINTS_PER_MM, f=middle_y - offset.y_mm * POINTS_PER_MM))


def rectangle(area: Area, page_height_mm: float) -> tuple[float, float, float, float]:
    """Return the lower left corner, width and height of an area in points."""
    return (
        area.x_mm * POINTS_PER_MM,
        (page_height_mm - area.bottom_mm) * POINTS_PER_MM,
        area.width_mm * POINTS_PER_MM,
        area.height_mm * POINTS_PER_MM,
    )


def box(area: Area, page: Page) -> list[float]:
    """Return an area as a page box, [left, bottom, right, top] in points, to 0.0001; inside the media box."""
    left, right = (min(max(x, 0.0), page.width_mm) for x in (area.x_mm, area.right_mm))
    top, bottom = (min(max(y, 0.0), page.height_mm) for y in (area.y_mm, area.bottom_mm))
    edges = (left, page.height_mm - bottom, right, page.height_mm - top)
    return [round(edge * POINTS_PER_MM, 4) for edge in edges]


def picture_operators(
    placements: Sequence[Placement],
    name: Callable[[Placement], str],
    orientation: Callable[[Placement], Orientation],
    page_height_mm: float,
) -> str:
    """Return the operators that draw pictures, each clipped to what is shown of it."""
    lines = []
    for placement in placements:
        clip = " ".join(number(value) for value in rectangle(placement.shown, page_height_mm))
        matrix = picture_matrix(placement, orientation(placement), page_height_mm)
        lines.append(f"q {clip} re W n {matrix.operator()} /{name(placement)} Do Q")
    return "\n".join(lines)
