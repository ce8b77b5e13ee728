"""A picture of what was measured: how many frames saw each pixel of a card, and how much of it a network drew."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from fancam.geometry import Box
from fancam.media import Picture
from fancam.pictures import Canvas, fitted, text_width
from fancam.report.captions import (
    INK,
    MOST_ZOOM,
    PAPER,
    SOFT_INK,
    Colour,
    Type,
    enlarged,
    printable,
    require_png,
    shrunk,
    spelled,
    wrapped,
    write_screen_picture,
)
from fancam.results import Evidence

_Map = npt.NDArray[np.float32]

_FRAME_COLOURS = np.array(
    [(0x44, 0x01, 0x54), (0x48, 0x28, 0x78), (0x3E, 0x4A, 0x89), (0x31, 0x68, 0x8E), (0x26, 0x82, 0x8E),
     (0x1F, 0x9E, 0x89), (0x35, 0xB7, 0x79), (0x6D, 0xCD, 0x59), (0xB4, 0xDE, 0x2C), (0xFD, 0xE7, 0x25)],
    np.float32,
)  # fmt: skip
"""Ten even steps of viridis (van der Walt and Smith, 2015, CC0): lightness rises evenly, and the order can be seen
with each of the common colour vision deficiencies and in grey."""
_DRAWN_COLOUR = np.array((213, 94, 0), np.float32)
"""Vermillion of the palette that all can tell apart (Okabe and Ito, "Color universal design", 2008); no colour of the
other panel."""
_SCALE: _Map = np.linspace(0, 1, 256, dtype=np.float32)[None]
_ROUNDING_FRAMES = 1e-3
"""An effective number of frames that misses a whole one by no more than this does so by rounding."""
_SEEN_FRAMES = 0.5
"""A pixel of the panel of which less than half was in any frame stays grey."""
_LEAST_TOP_FRAMES = 4
"""The scale reaches at least this far, so that a card of a single frame does not fill it."""

_LARGEST_PANEL = 900, 1080
_LEAST_CELL_PX = 420
"""A narrower panel stands in a wider cell, because its legend would not fit."""
_TEXT_SHARE = 1 / 58
_LEAST_TEXT_PX = 18
_CARD_SHARE = 0.3
"""How much of the card's grey is mixed into the colours, so that one sees where one is."""
_GREYEST, _GREY_RANGE = 70, 150
"""The card behind the second panel's colour: neither black nor white, which would hide it."""

_FRAMES_HEADING = "In how many frames it was measured"
_DRAWN_HEADING = "How much of it was drawn, and not measured"
_FRAMES_LEGEND = "frames that agree on a pixel; 1 is the picked one alone"
_DRAWN_LEGEND = "share of the fine detail that no frame delivered"


@dataclass(frozen=True, slots=True, eq=False)
class _Panel:
    heading: str
    pixels: Picture
    bar: Picture
    """(1, 256, 3): the scale, from its least to its greatest value."""
    ticks: tuple[tuple[float, str], ...]
    """(place on the scale in [0, 1], what it says)."""
    meaning: str
    """Of the scale."""
    found: str
    """What the card has of it, in figures."""

    def lines(self, size_px: int, width_px: int) -> list[tuple[str, Colour]]:
        """Return what is written below the scale."""
        texts = (self.meaning, INK), (self.found, SOFT_INK)
        return [(line, colour) for text, colour in texts for line in wrapped(text, size_px, width_px)]


@dataclass(frozen=True, slots=True)
class _Layout(Type):
    """Where everything goes."""

    panel_width_px: int
    panel_height_px: int
    cell_px: int

    @classmethod
    def of(cls, panel_width_px: int, panel_height_px: int) -> _Layout:
        cell_px = max(panel_width_px, _LEAST_CELL_PX)
        text_px = max(round(2 * cell_px * _TEXT_SHARE), _LEAST_TEXT_PX)
        return cls(text_px, panel_width_px, panel_height_px, cell_px)

    @property
    def gap_px(self) -> int:
        return self.text_px

    @property
    def title_px(self) -> int:
        """Of the title's baseline."""
        return round(self.text_px * 1.7)

    @property
    def scale_px(self) -> int:
        """From the panel to the baseline of the first line below its scale."""
        return round(self.text_px * 3.6)

    @property
    def inner_px(self) -> int:
        return 2 * self.cell_px + self.gap_px

    @property
    def width_px(self) -> int:
        return self.inner_px + 2 * self.gap_px


def write_evidence_map(
    evidence: Evidence, card_pixels: Picture, path: Path, *, title: str, face: Box | None, sentence: str
) -> str:
    """Write a PNG with two panels and their legends: the frames behind each pixel, and what a network drew.

    What the font cannot draw is left out of the text, not of the file: its metadata has the whole title.

    Args:
        evidence: Of the card, at print size.
        card_pixels: (H, W, 3) uint8 RGB, sRGB: the card at print size.
        path: Ends in .png; its folder exists.
        title: Usually the name of the card.
        face: In pixels of the card; outlined in both panels. None where there is none.
        sentence: The figures in plain words, shown above the panels.

    Returns:
        SHA-256 of the file in hex; the same arguments give the same bytes.

    Raises:
        UsageError: The path does not end in .png.
        OutputError: The picture cannot be written; nothing is left behind.
        ValueError: Card and evidence differ in size, or the card is no 8 bit RGB picture.
    """
    require_png(path, "format of the provenance map")
    shape = card_pixels.shape[:2]
    if card_pixels.dtype != np.uint8 or card_pixels.ndim != 3 or card_pixels.shape[2] != 3 or not card_pixels.size:
        raise ValueError(f"a card is (height, width, 3) uint8, not {card_pixels.shape} {card_pixels.dtype}")
    if evidence.frames.shape != shape or evidence.invented.shape != shape:
        raise ValueError(f"evidence of {evidence.frames.shape} and {evidence.invented.shape} for a card of {shape}")
    pixels = _drawn(evidence, card_pixels, title, face, sentence)
    return write_screen_picture(path, pixels, f"Provenance map. {printable(sentence)}", source=printable(title))


def _drawn(evidence: Evidence, card: Picture, title: str, face: Box | None, sentence: str) -> Picture:
    height, width = card.shape[:2]
    scale = min(_LARGEST_PANEL[0] / width, _LARGEST_PANEL[1] / height)
    zoom = min(int(scale), MOST_ZOOM) if scale >= 1 else scale
    layout = _Layout.of(max(round(width * zoom), 1), max(round(height * zoom), 1))
    panels = (_frames_panel(evidence, card, layout), _invented_panel(evidence, card, layout))
    words = [panel.lines(layout.small_px, layout.cell_px) for panel in panels]
    # A sentence of its own here, a part of one elsewhere.
    head = wrapped(spelled(sentence[:1].upper() + sentence[1:]), layout.small_px, layout.inner_px)
    top = layout.title_px + layout.line_px * len(head) + round(layout.text_px * 2.4)
    below = top + layout.panel_height_px
    canvas_height = below + layout.scale_px + layout.line_px * max(map(len, words)) + layout.gap_px // 4
    canvas = Canvas(layout.width_px, canvas_height, PAPER)
    name = fitted(spelled(title), layout.text_px, layout.inner_px)
    canvas.text(layout.gap_px, layout.title_px, name, layout.text_px, INK)
    layout.write(canvas, layout.gap_px, layout.title_px + layout.line_px, [(line, INK) for line in head])
    for place, (panel, lines) in enumerate(zip(panels, words, strict=True)):
        x = layout.gap_px + place * (layout.cell_px + layout.gap_px)
        canvas.text(x, top - layout.text_px // 2, panel.heading, layout.text_px, INK)
        canvas.paste(panel.pixels, x, top)
        if face is not None:
            _outline(canvas, face.clipped(width, height).scaled(zoom), x, top)
        _scale_bar(canvas, panel, layout, x, below + layout.text_px // 2)
        layout.write(canvas, x, below + layout.scale_px, lines)
    return canvas.pixels


def _outline(canvas: Canvas, face: Box, x: int, y: int) -> None:
    """Draw a white frame with a dark one on either side, so that it shows on every colour."""
    corners = x + round(face.x0), y + round(face.y0), x + round(face.x1), y + round(face.y1)
    for inset, colour in ((0, INK), (1, (255, 255, 255)), (2, (255, 255, 255)), (3, INK)):
        x0, y0, x1, y1 = corners[0] + inset, corners[1] + inset, corners[2] - inset, corners[3] - inset
        if x1 - x0 > 1 and y1 - y0 > 1:
            canvas.rectangle(x0, y0, x1, y1, outline=colour)


def _scale_bar(canvas: Canvas, panel: _Panel, layout: _Layout, x: int, y: int) -> None:
    width, height = layout.cell_px, layout.text_px
    columns = np.minimum(np.arange(width) * panel.bar.shape[1] // width, panel.bar.shape[1] - 1)
    canvas.paste(np.repeat(panel.bar[:, columns], height, axis=0), x, y)
    canvas.rectangle(x, y, x + width, y + height, outline=SOFT_INK)
    for place, label in panel.ticks:
        at = x + min(round(place * width), width - 1)
        canvas.rectangle(at, y + height, at + 1, y + height + layout.text_px // 4, fill=SOFT_INK)
        wide = text_width(label, layout.small_px)
        left = min(max(at - wide // 2, x), x + width - wide)
        canvas.text(left, y + height + round(layout.text_px * 1.05), label, layout.small_px, INK)


# --- how many frames --------------------------------------------------------------------------------------------------


def _frames_panel(evidence: Evidence, card: Picture, layout: _Layout) -> _Panel:
    frames = evidence.frames
    top = max(math.ceil(float(frames.max()) - _ROUNDING_FRAMES), _LEAST_TOP_FRAMES)
    counts = [count for count in (1, 2, 4, 8, 16, 32) if count * 1.4 < top] + [top]
    ticks = tuple((_place(count, top), f"{count} frame{'s' * (count > 1)}") for count in counts)
    # By the logarithm, as _place has it: the second frame says more than the fifteenth.
    fitting, grey = _fitting(frames, layout), _grey(card, layout)
    places = np.asarray(np.log(np.clip(fitting, 1, top)) / math.log(top), np.float32)
    bare = _overlaid(np.zeros_like(grey), grey)
    return _Panel(
        _FRAMES_HEADING,
        np.where((fitting < _SEEN_FRAMES)[..., None], bare, _coloured(places, grey)),
        _coloured(_SCALE, np.full_like(_SCALE, 0.5)),
        ticks,
        _FRAMES_LEGEND,
        _frames_words(frames),
    )


def _place(frames: float, top: int) -> float:
    return math.log(frames) / math.log(top)


def _coloured(places: _Map, grey: _Map) -> Picture:
    steps = np.arange(len(_FRAME_COLOURS)) / (len(_FRAME_COLOURS) - 1)
    colours = np.stack([np.interp(places, steps, _FRAME_COLOURS[:, channel]) for channel in range(3)], axis=-1)
    mixed = colours * (1 - _CARD_SHARE) + grey[..., None] * (255 * _CARD_SHARE)
    return np.rint(mixed).astype(np.uint8)


def _frames_words(frames: _Map) -> str:
    in_one, in_two, in_six = (float(np.mean(frames >= count - _ROUNDING_FRAMES)) for count in (1, 2, 6))
    parts = (
        (in_one - in_two, "in one frame"), (in_two - in_six, "in 2 to 5"), (in_six, "in 6 or more"),
        (1 - in_one, "in none: bleed drawn on, grey"),
    )  # fmt: skip
    return "of the card: " + ", ".join(f"{_percent(share)} {words}" for share, words in parts if share > 0)


# --- how much was drawn -----------------------------------------------------------------------------------------------


def _invented_panel(evidence: Evidence, card: Picture, layout: _Layout) -> _Panel:
    return _Panel(
        _DRAWN_HEADING,
        _overlaid(_fitting(evidence.invented, layout), _grey(card, layout)),
        _overlaid(_SCALE, np.full_like(_SCALE, 0.5)),
        ((0.0, "none"), (0.25, "25 %"), (0.5, "half"), (0.75, "75 %"), (1.0, "all")),
        _DRAWN_LEGEND,
        _invented_words(evidence.invented),
    )


def _overlaid(share: _Map, grey: _Map) -> Picture:
    behind = (_GREYEST + _GREY_RANGE * grey)[..., None]
    strength = np.clip(share, 0, 1)[..., None] * (1 - _CARD_SHARE / 2)
    return np.rint(behind * (1 - strength) + _DRAWN_COLOUR * strength).astype(np.uint8)


def _invented_words(invented: _Map) -> str:
    mean, most = float(np.mean(invented, dtype=np.float64)), float(np.mean(invented > 0.5))
    return f"of the card: {_percent(mean)} on average; {_percent(most)} of its pixels mostly drawn"


# --- both -------------------------------------------------------------------------------------------------------------


def _fitting(values: _Map, layout: _Layout) -> _Map:
    """Return a map at the size of the panels: averaged where it is made smaller, repeated where it is enlarged."""
    return _resized(values, layout, lambda wide, high: cv2.resize(values, (wide, high), interpolation=cv2.INTER_AREA))


def _grey(card: Picture, layout: _Layout) -> _Map:
    """Return the luma of the card in [0, 1] at the size of the panels."""
    small = np.asarray(_resized(card, layout, lambda wide, high: shrunk(card, wide, high)))
    return np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), np.float32) / np.float32(255)


def _resized(values: npt.NDArray, layout: _Layout, shrink: Callable[[int, int], npt.NDArray]) -> npt.NDArray:
    zoom = layout.panel_height_px // values.shape[0]
    if zoom >= 1:
        return enlarged(values, zoom)
    return shrink(layout.panel_width_px, layout.panel_height_px)


def _percent(share: float) -> str:
    """Return a share in whole per cent; what is not quite nothing or everything is not called so."""
    if 0 < share < 0.01:
        return "under 1 %"
    if 0.99 < share < 1:
        return "over 99 %"
    return f"{share * 100:.0f} %"
