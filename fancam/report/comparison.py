"""What is compared, the same picture at several stages of the chain, and the strip that shows them side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePath

import numpy as np

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
from fancam.results import Enhanced, FaceOutcome


@dataclass(frozen=True, slots=True, eq=False)
class Stage:
    """The picture as it was at one point of the chain."""

    label: str
    """In plain words: ``bicubic``, ``network``, ``face prior`` …"""
    pixels: Picture
    """(height, width, 3) uint8 RGB, sRGB, at print size."""
    invented_by: str | None = None
    """The network that added detail which the camera did not deliver; None where nothing did."""

    def __repr__(self) -> str:
        return f"Stage({self.label!r}, {self.pixels.shape[1]}x{self.pixels.shape[0]}, invented_by={self.invented_by!r})"


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """One picture at two or more stages, with what is known about it.

    Raises:
        ValueError: There are fewer than two stages, their sizes or types differ, or two have the same label.
    """

    title: str
    """Usually the name of the file."""
    stages: Sequence[Stage]
    """From the least to the most processed; all of one size."""
    facts: Mapping[str, str] = field(default_factory=dict)
    """Name to value, in the order they are shown: ``{"scale": "x2.12"}``."""
    warnings: Sequence[str] = ()
    focus: Box | None = None
    """The face, in pixels of the stages; None looks at the middle."""

    def __post_init__(self) -> None:
        if len(self.stages) < 2:
            raise ValueError(f"a comparison needs at least two stages, not {len(self.stages)}")
        labels = [stage.label for stage in self.stages]
        if len(set(labels)) < len(labels):
            raise ValueError(f"stages need different labels, not {labels}")
        for stage in self.stages:
            pixels = stage.pixels
            if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3 or not pixels.size:
                raise ValueError(f"a stage is (height, width, 3) uint8, not {pixels.shape} {pixels.dtype}")
            if pixels.shape != self.stages[0].pixels.shape:
                raise ValueError(f"stages differ in size: {[s.pixels.shape for s in self.stages]}")

    @property
    def width_px(self) -> int:
        """Width of every stage."""
        return int(self.stages[0].pixels.shape[1])

    @property
    def height_px(self) -> int:
        """Height of every stage."""
        return int(self.stages[0].pixels.shape[0])

    @property
    def centre(self) -> tuple[float, float]:
        """(x, y) to look at, in pixels, within the picture: the middle of the focus, or of the picture."""
        x, y = self.focus.centre if self.focus is not None else (self.width_px / 2, self.height_px / 2)
        return min(max(x, 0.0), float(self.width_px)), min(max(y, 0.0), float(self.height_px))

    def cut(self, width_px: int, height_px: int) -> Box:
        """Return a box of whole pixels around the centre: of this size where the picture is as large, inside it."""
        width, height = min(width_px, self.width_px), min(height_px, self.height_px)
        x, y = self.centre
        x0 = min(max(round(x - width / 2), 0), self.width_px - width)
        y0 = min(max(round(y - height / 2), 0), self.height_px - height)
        return Box(x0, y0, x0 + width, y0 + height)


def invention(comparison: Comparison, names: Sequence[str]) -> str:
    """Return the sentence that says which pictures show invented detail and whose; empty where none does.

    Args:
        comparison: Its stages say by whom.
        names: What each stage is called in the sentence, as in ``the right picture``.
    """
    invented = [
        (name, stage.invented_by)
        for stage, name in zip(comparison.stages, names, strict=True)
        if stage.invented_by is not None
    ]
    if not invented:
        return ""
    (first, network), *others = invented
    more = "".join(f", in {name} by {other}" for name, other in others)
    return f"Detail in {first} was invented by {network}{more}."


def facts_of(enhanced: Enhanced, *, effective_ppi: float | None = None) -> dict[str, str]:
    """Return the facts of a picture, in the order they are shown.

    Args:
        enhanced: The picture and what was done to it.
        effective_ppi: Source pixels per printed inch; left out where None (a picture with no size on paper).

    Returns:
        Name to value, in words with units.
    """
    height, width = enhanced.pixels.shape[:2]
    facts = {"size": f"{width} × {height} px", "scale": f"×{enhanced.scale:.2f}"}
    if effective_ppi is not None:
        facts["source resolution"] = f"{effective_ppi:.0f} ppi"
        true_ppi = enhanced.true_ppi(effective_ppi)
        if true_ppi is not None and round(true_ppi) < round(effective_ppi):
            facts["source resolution"] += f", with detail for {true_ppi:.0f}"
    if not enhanced.invented:
        facts["enlarged by"] = f"{enhanced.upscaler}, nothing invented"
    elif enhanced.detail < 1:
        facts["network"] = f"{enhanced.upscaler}, {enhanced.detail:.0%} of its detail"
    else:
        facts["network"] = enhanced.upscaler
    for number, outcome in enumerate(enhanced.faces, 1):
        facts["face" if len(enhanced.faces) == 1 else f"face {number}"] = _face(outcome)
    if enhanced.delta_e is not None:
        facts["colour difference"] = f"ΔE00 {enhanced.delta_e:.2f} (mean)"
    return facts


def _face(outcome: FaceOutcome) -> str:
    untouched = outcome.restorer is None or outcome.strength == 0
    if outcome.skipped is not None:
        parts = [f"left alone ({outcome.skipped.replace('_', ' ')})"]
    elif untouched:
        parts = ["no face prior"]
    else:
        parts = [f"{outcome.restorer} at strength {outcome.strength:.2f}"]
    if outcome.identity is not None:
        before = None if untouched else outcome.identity_network
        alone = "" if before is None else f" (network alone {before:.2f})"
        parts.append(f"identity {outcome.identity:.2f}{alone}")
    if outcome.landmark_drift is not None:
        moved = "under 0.001" if 0 < outcome.landmark_drift < 0.001 else f"{outcome.landmark_drift:.3f}"
        parts.append(f"landmarks moved {moved} eye distances")
    return ", ".join(parts)


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
