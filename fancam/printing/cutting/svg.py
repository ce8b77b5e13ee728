"""Cut paths as SVG."""

from __future__ import annotations

from fancam.printing.cutting.outline import digits, rounded_rectangle
from fancam.records import CutPath, CutSheet

HAIRLINE_MM = 0.05


def cut_svg(cut: CutSheet) -> str:
    """Return the cut paths as an SVG 1.1 document.

    Width and height are in millimetres and so is a unit of the drawing; the origin is the page's top left corner. A
    path per card with the ids ``card-1`` … in reading order, clockwise, its corners circular arcs; a hairline without
    fill.
    """
    width, height = digits(cut.width_mm), digits(cut.height_mm)
    paths = [
        f'<path id="card-{number}" d="{_data(path)}"/>' for number, path in enumerate(cut.paths, start=1)
    ]  # fmt: skip
    return "\n".join(
        [
            '<?xml version="1.0" encoding="UTF-8"?>',
            f'<svg xmlns="http://www.w3.org/2000/svg" version="1.1" width="{width}mm" height="{height}mm" '
            f'viewBox="0 0 {width} {height}">',
            f'<g id="CUT" fill="none" stroke="#000000" stroke-width="{HAIRLINE_MM:g}">',
            *paths,
            "</g>",
            "</svg>",
            "",
        ]
    )


def _data(path: CutPath) -> str:
    points = rounded_rectangle(path.area, path.radius_mm)
    commands = [f"M{digits(points[0].x_mm)} {digits(points[0].y_mm)}"]
    for point, after in zip(points, (*points[1:], points[0]), strict=True):
        to = f"{digits(after.x_mm)} {digits(after.y_mm)}"
        if point.round_off:
            radius = digits(abs(after.x_mm - point.x_mm))
            commands.append(f"A{radius} {radius} 0 0 1 {to}")
        elif after is not points[0]:  # Z draws that one
            commands.append(f"L{to}")
    return " ".join([*commands, "Z"])
