"""A picture to post: the stages side by side, in plain words, large enough for a phone."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path, PurePath

from fancam.geometry import Box
from fancam.media import Picture
from fancam.pictures import Canvas, fitted, text_width
from fancam.report.captions import (
    INK,
    MOST_ZOOM,
    PAPER,
    SOFT_INK,
    Type,
    enlarged,
    printable,
    require_png,
    shrunk,
    spelled,
    wrapped,
    write_screen_picture,
)
from fancam.report.comparison import Comparison, invention

_PANEL_ASPECT = 0.7
"""Width to height of a cut: a portrait, so that three of them still are no banner."""
_WIDEST_PANELS = 2.4
"""All panels together are at most this much wider than the strip is high."""
_TEXT_SHARE = 1 / 36
"""Text size to strip width: 10 points where the strip fills the width of a phone (360 points)."""
_MOST_LINES = 6
_LEAST_TEXT_PX = 12
LEAST_HEIGHT_PX = 320


@dataclass(frozen=True, slots=True)
class _Panels:
    """What each stage shows; all at one size."""

    width_px: int
    height_px: int
    part: Box
    """Of the picture, in whole pixels."""
    zoom: int
    """Screen pixels per pixel of the picture; 0 where the part is made smaller."""

    def render(self, pixels: Picture) -> Picture:
        """Return the part at the panels' size; where it is enlarged each pixel is a square, and nothing smoothed."""
        if self.zoom == 0:
            return shrunk(pixels, self.width_px, self.height_px)
        return enlarged(pixels[self.part.as_slices()], self.zoom)


@dataclass(frozen=True, slots=True)
class _Layout(Type):
    """Where everything goes."""

    count: int
    panels: _Panels
    line_count: int

    @property
    def gap_px(self) -> int:
        return self.text_px // 2

    @property
    def text_width_px(self) -> int:
        return self.width_px - 2 * self.gap_px

    @property
    def width_px(self) -> int:
        return self.count * (self.panels.width_px + self.gap_px) + self.gap_px

    @property
    def top_px(self) -> int:
        return self.text_px * 2

    @property
    def height_px(self) -> int:
        return self.top_px + self.panels.height_px + self.footer_px

    @property
    def footer_px(self) -> int:
        return self.line_px * self.line_count + self.text_px


def write_strip(path: Path, comparison: Comparison, *, height_px: int = 1080) -> str:
    """Write a PNG that shows the stages side by side, with their names above and the facts below.

    With a focus each shows the same part around it, pixel for pixel (or each pixel as a square of up to 4 where the
    face is small); without one, the whole picture. What the font cannot draw is left out of the text, not of the
    file: its metadata has the whole title.

    Args:
        path: Ends in .png; its folder exists.
        comparison: The stages, from left to right.
        height_px: Height of the strip, 320 or more; less comes out where the picture is smaller or very wide.

    Returns:
        SHA-256 of the file in hex.

    Raises:
        UsageError: The path does not end in .png.
        OutputError: The strip cannot be written; nothing is left behind.
        ValueError: The height is below 320 px.
    """
    require_png(path, "strip format")
    if height_px < LEAST_HEIGHT_PX:
        raise ValueError(f"a strip of {height_px} px cannot be read; at least {LEAST_HEIGHT_PX} are needed")
    title = printable(comparison.title)
    described = " ".join(filter(None, (title, invention(comparison, [s.label for s in comparison.stages]))))
    fields = {"stages": [printable(stage.label) for stage in comparison.stages]}
    return write_screen_picture(path, _drawn(comparison, height_px), described, source=title, fields=fields)


def _drawn(comparison: Comparison, height_px: int) -> Picture:
    """Draw the strip with as few lines of text as the facts need: more lines leave less room for the pictures."""
    for line_count in range(1, _MOST_LINES + 1):
        layout = _layout(comparison, height_px, line_count)
        invented = wrapped(_invented(comparison), layout.small_px, layout.text_width_px)
        facts = wrapped(_facts(comparison, layout.panels), layout.small_px, layout.text_width_px)
        if len(invented) + len(facts) <= line_count:
            break
    lines = [*((line, INK) for line in invented), *((line, SOFT_INK) for line in facts)]
    if len(lines) > _MOST_LINES:
        last, colour = lines[_MOST_LINES - 1]
        lines[_MOST_LINES - 1 :] = [(_ended(last, layout.small_px, layout.text_width_px), colour)]
    canvas = Canvas(layout.width_px, layout.height_px, PAPER)
    x = layout.gap_px
    for number, stage in enumerate(comparison.stages, 1):
        label = fitted(_label(stage.label, number), layout.text_px, layout.panels.width_px)
        canvas.text(x, round(layout.text_px * 1.4), label, layout.text_px, INK)
        canvas.paste(layout.panels.render(stage.pixels), x, layout.top_px)
        x += layout.panels.width_px + layout.gap_px
    below = layout.top_px + layout.panels.height_px + layout.text_px // 4 + layout.line_px
    layout.write(canvas, layout.gap_px, below, lines)
    return canvas.pixels


def _layout(comparison: Comparison, height_px: int, line_count: int) -> _Layout:
    """Return a layout of about this height; the text follows from the width, and the width from what text leaves."""
    count = len(comparison.stages)
    width_px = round(height_px * _WIDEST_PANELS) // count
    text_px = _LEAST_TEXT_PX
    for _ in range(8):
        taken = _Layout(text_px, count, _Panels(0, 0, Box(0, 0, 0, 0), 0), line_count).height_px
        layout = _Layout(text_px, count, _panels(comparison, width_px, height_px - taken), line_count)
        better = max(round(layout.width_px * _TEXT_SHARE), _LEAST_TEXT_PX)
        if better <= text_px:
            break
        text_px = (text_px + better + 1) // 2
    return layout


def _panels(comparison: Comparison, width_px: int, height_px: int) -> _Panels:
    """Return what fits into this size: the part around the focus pixel for pixel, or the whole picture."""
    if comparison.focus is None:
        part = Box(0, 0, comparison.width_px, comparison.height_px)
        scale = min(width_px / part.width, height_px / part.height)
        zoom = min(int(scale), MOST_ZOOM)
        if zoom == 0:
            return _Panels(max(round(part.width * scale), 1), max(round(part.height * scale), 1), part, 0)
    else:
        width_px = min(round(height_px * _PANEL_ASPECT), width_px)
        roomy = comparison.focus.grown(0.25)
        zoom = int(min(width_px / max(roomy.width, 1), height_px / max(roomy.height, 1)))
        zoom = min(max(zoom, 1), MOST_ZOOM)
        part = comparison.cut(width_px // zoom, height_px // zoom)
    return _Panels(round(part.width) * zoom, round(part.height) * zoom, part, zoom)


def _invented(comparison: Comparison) -> str:
    count = len(comparison.stages)
    places = {2: ["left", "right"], 3: ["left", "middle", "right"]}.get(count)
    if places is None:
        names = [f"“{spelled(s.label) or index}”" for index, s in enumerate(comparison.stages, 1)]
    else:
        names = [f"the {place} picture" for place in places]
    return spelled(invention(comparison, names))


def _facts(comparison: Comparison, panels: _Panels) -> str:
    name = spelled(comparison.title)
    # A name that is nothing but "….jpg" tells nothing.
    title = [name] if any(map(str.isalnum, PurePath(name).stem)) else []
    what = "the whole picture" if comparison.focus is None else "the face"
    scale = f"{panels.zoom:.0%}" if panels.zoom else f"{panels.width_px / panels.part.width:.0%}"
    facts = [spelled(f"{name}: {value}") for name, value in comparison.facts.items()]
    return " · ".join([*title, f"{what} at {scale}", *facts])


def _label(text: str, number: int) -> str:
    label = spelled(text)
    return label if any(map(str.isalnum, label)) else f"picture {number}"


def _ended(line: str, size_px: int, width_px: int) -> str:
    """Return a line that is not the end of the text, with an ellipsis where the rest would be."""
    words = line.removesuffix(" ·").split(" ")
    while len(words) > 1 and text_width(f"{' '.join(words)} …", size_px) > width_px:
        words.pop()
    return f"{' '.join(words)} …"
