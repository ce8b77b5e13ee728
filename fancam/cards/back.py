"""The back of a card: a picture, a colour, or where the front comes from."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from fancam.cards.front import Side
from fancam.cards.painting import (
    COLOURS,
    INK,
    PAPER,
    Colour,
    RoundedBox,
    fill,
    palette,
    parse_colour,
    pixels_per_mm,
    readable_on,
    safe_zone,
    trim_shape,
)
from fancam.cards.text import first_row, fit_text, font_for, placed, print_text
from fancam.cropping import compose
from fancam.errors import UsageError
from fancam.geometry import Box, CardGeometry
from fancam.media import Picture, Samples
from fancam.pictures import TextMask, drawable, line_width, missing_characters, read_picture, resample, text_mask
from fancam.settings import DesignSettings

PROVENANCE = "provenance"
_GROUND: Colour = (247, 245, 242)
_OUTLINE_MM = 0.2
"""Around text on a picture, at least."""
_LEAST_PPI = 150.0
_MOST_LOST = 0.1
"""Share of a picture that is cut off without a word."""


def make_back(
    geometry: CardGeometry,
    design: DesignSettings,
    *,
    facts: Sequence[tuple[str, str]],
    safe_mm: float,
    front: Samples | None = None,
) -> Side | None:
    """Make the back of a card, of the same size as its front.

    Args:
        geometry: Of the card.
        design: ``back`` is a picture's path, a colour, or ``provenance``; ``back_text`` is written on any of them.
        facts: (label, value) of where the card comes from; the label of a sentence is empty. Shown where ``back`` asks
            for them.
        safe_mm: Distance from the cut within which no text may be.
        front: The finished front, from which the back takes its colours.

    Returns:
        The back, uint8; None where neither a back nor a text for it was asked for.

    Raises:
        InputError: The picture or the font cannot be read, or the font lacks a character.
        UsageError: The back is no picture and no colour, or the text does not fit.
    """
    title = design.back_text
    if design.back is None and not title.strip():
        return None
    font, found = font_for(title.strip("\n"), design)
    pixels, notes = _ground(geometry, design)
    notes = (*found, *notes)
    if design.back == PROVENANCE:
        boxes, more = lay_facts(
            pixels, geometry, facts, title=title, font=font, title_mm=design.text_size_mm, safe_mm=safe_mm,
            colours=palette(_trimmed(front, geometry)) if front is not None else (),
        )  # fmt: skip
    elif title.strip():
        boxes, more = _lay_title(pixels, geometry, design, font, safe_mm)
    else:
        return Side(pixels, notes=notes)
    return Side(pixels, boxes, (*notes, *more))


def _trimmed(front: Samples, geometry: CardGeometry) -> Samples:
    """Return what remains of a front after cutting."""
    rows, columns = trim_shape(geometry).box.clipped(front.shape[1], front.shape[0]).as_slices()
    return front[rows, columns]


def _lay_title(
    pixels: Picture, geometry: CardGeometry, design: DesignSettings, font: Path | None, safe_mm: float
) -> tuple[tuple[Box, ...], tuple[str, ...]]:
    """Write the text of a back: in the middle of a colour, at the foot of a picture; in place."""
    zone = safe_zone(geometry, safe_mm)
    on_picture = design.back is not None and not _is_colour(design.back)
    outline_mm = max(design.text_outline_mm, _OUTLINE_MM) if on_picture else 0.0
    mask = fit_text(design.back_text.strip("\n"), font, design.text_size_mm, outline_mm, geometry, zone, "centre")
    x = placed(zone.x0, zone.x1, mask.width_px, 0.5)
    y = first_row(mask, zone, "bottom") if on_picture else placed(zone.y0, zone.y1, mask.height_px, 0.5)
    under = pixels[y : y + mask.height_px, x : x + mask.width_px].reshape(-1, 3).mean(axis=0)
    return print_text(pixels, mask, x, y, readable_on(under), outlined=on_picture)


def _ground(geometry: CardGeometry, design: DesignSettings) -> tuple[Picture, tuple[str, ...]]:
    """Return the back without its text, and what the user should know of it."""
    if design.back is not None and design.back != PROVENANCE and not _is_colour(design.back):
        frame = read_picture(Path(design.back))
        crop, name = compose(frame.width, frame.height, geometry, fit="cover"), Path(design.back).name
        part, ppi = crop.box, crop.effective_ppi
        notes = tuple(f"{name}: {warning}" for warning in frame.warnings)
        if ppi < _LEAST_PPI:
            notes += (f"{name}: the back has {ppi:.0f} pixels per printed inch: it will look soft",)
        lost = 1 - part.area / (frame.width * frame.height)
        if lost > _MOST_LOST:
            sides = "the left and right" if part.width < frame.width else "the top and bottom"
            notes += (f"{name}: {lost:.0%} of the back is cut off at {sides}; crop it to the card to choose what",)
        return resample(frame.pixels, part, geometry.width_px, geometry.height_px), notes
    if design.back is None:
        colour = PAPER
    else:
        colour = _GROUND if design.back == PROVENANCE else parse_colour(design.back)
    return np.full((geometry.height_px, geometry.width_px, 3), colour, np.uint8), ()


def _is_colour(back: str) -> bool:
    """Whether a back is meant as a colour; a word that is none is taken for a path only where it looks like one."""
    if back.startswith("#") or back.strip().lower() in COLOURS:
        return not Path(back).is_file()
    return not Path(back).suffix and not Path(back).exists() and len(Path(back).parts) == 1


LEAST_TYPE_MM = 2.12
"""6 pt, what print shops ask for at least."""
_TINIEST_TYPE_MM = 1.41
"""4 pt: smaller type is not set."""
_TYPE_MM = 2.3
_SOFT_INK: Colour = (112, 110, 112)
_RULE: Colour = (206, 202, 197)
_RULE_MM = 0.2
"""The thinnest line that print shops take."""
_MARGIN_MM = 6.0
_PITCH = 1.5
"""From one row to the next, in type sizes."""
_LABEL_GAP = 1.3
"""Between labels and values, in type sizes."""

# What the built-in font lacks, in what it has.
_SPELLED = str.maketrans({"×": "x", "–": "-", "—": "-", "−": "-", "≥": ">=", "≤": "<=", "·": "-"})


@dataclass(slots=True)
class _Page:
    """What is to be printed, in pixels of the back."""

    texts: list[tuple[TextMask, float, float, Colour]] = field(default_factory=list)
    """Mask, left edge, baseline of its first line, colour."""
    rules: list[Box] = field(default_factory=list)
    dots: list[tuple[Box, Colour]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Facts:
    """The words of a back and what they are set in."""

    rows: tuple[tuple[str, str], ...]
    sentences: tuple[str, ...]
    title: str
    font: Path | None
    """Of the facts."""
    title_font: Path | None
    title_mm: float
    colours: tuple[Colour, ...]
    notes: tuple[str, ...]


def lay_facts(
    pixels: Picture, geometry: CardGeometry, facts: Sequence[tuple[str, str]], *, title: str, font: Path | None,
    title_mm: float, safe_mm: float, colours: tuple[Colour, ...],
) -> tuple[tuple[Box, ...], tuple[str, ...]]:  # fmt: skip
    """Print the facts on a back, in place: colours and title above, facts at the foot.

    Args:
        pixels: (height, width, 3) of a light ground.
        geometry: Of the card.
        facts: (label, value) become a table, those without a label sentences below it.
        title: Lines above; may be empty.
        font: For title and facts; facts it has not all characters of are set in the built-in font.
        title_mm: Type size of the title.
        safe_mm: Distance from the cut within which nothing is printed.
        colours: Shown as dots; may be empty.

    Returns:
        The ink of each line, and notes.

    Raises:
        FontError: The title's font cannot be read or lacks a character of it.
        UsageError: The facts do not fit at 4 pt.
    """
    table = tuple((label, value) for label, value in facts if label)
    sentences = tuple(value for label, value in facts if not label)
    layout = _in_font(_Facts(table, sentences, title.strip("\n"), font, font, title_mm, colours, ()))
    zone = safe_zone(geometry, max(safe_mm, _MARGIN_MM * min(geometry.width_mm, geometry.height_mm) / 55.0))
    size_mm = _TYPE_MM * max(1.0, math.sqrt(min(geometry.width_mm / 55.0, geometry.height_mm / 85.0)))
    while True:
        page, height = _composed(layout, geometry, zone, size_mm)
        if height <= zone.height:
            break
        size_mm *= 0.96
        if size_mm < _TINIEST_TYPE_MM:
            raise UsageError(
                f"the text of the back does not fit on a card of {geometry.width_mm:g}x{geometry.height_mm:g} mm",
                remedy="shorten it, or give a colour or a picture as the back",
            )
    notes = layout.notes
    if size_mm < LEAST_TYPE_MM:
        notes = (*notes, f"the back is set in {size_mm / 25.4 * 72:.1f} pt to fit; print shops ask for 6 pt or more")
    return _printed(pixels, page), notes


def _in_font(facts: _Facts) -> _Facts:
    """Return the facts with the font they can be set in, in characters that it has."""
    words = "".join(label + value for label, value in facts.rows) + "".join(facts.sentences)
    if facts.font is not None:
        lacked = missing_characters(words, facts.font)
        if not lacked:
            return facts
        note = f"{facts.font.name} lacks {' '.join(lacked[:8])}: the facts on the back are set in the built-in font"
        return _in_font(replace(facts, font=None, notes=(*facts.notes, note)))

    def spelled(text: str) -> str:
        return drawable(text.translate(_SPELLED))

    lacked = missing_characters(words.translate(_SPELLED), None)
    shown = [c for c in lacked if drawable(c) == "…"]
    notes = facts.notes
    if shown:
        notes = (*notes, f"the built-in font lacks {' '.join(shown[:8])}: an ellipsis stands for it; give a font")
    rows = tuple((spelled(label), spelled(value)) for label, value in facts.rows)
    return replace(facts, rows=rows, sentences=tuple(spelled(line) for line in facts.sentences), notes=notes)


# --- composing ----------------------------------------------------------------------------------------------------


def _composed(facts: _Facts, geometry: CardGeometry, zone: Box, size_mm: float) -> tuple[_Page, float]:
    """Return the page set at this size, and the height it needs."""
    per_mm = pixels_per_mm(geometry)[1]
    page, foot = _Page(), _Page()
    head_height = _head(page, facts, zone, per_mm, size_mm)
    foot_height = _foot(foot, facts, zone, per_mm, size_mm)
    down = zone.height - foot_height
    page.texts += [(mask, x, y + down, colour) for mask, x, y, colour in foot.texts]
    page.rules += [Box(r.x0, r.y0 + down, r.x1, r.y1 + down) for r in foot.rules]
    return page, head_height + foot_height


def _head(page: _Page, facts: _Facts, zone: Box, per_mm: float, size_mm: float) -> float:
    """Set dots and title from the top of the zone; return the height they need with the room below them."""
    y = zone.y0
    if facts.colours:
        diameter = 1.5 * size_mm * per_mm
        for index, colour in enumerate(facts.colours):
            x = zone.x0 + index * diameter * 1.4
            page.dots.append((Box(x, y, x + diameter, y + diameter), colour))
        y += diameter + 2.2 * size_mm * per_mm
    if facts.title:
        shrunk = min(size_mm / _TYPE_MM, 1.0)
        size = facts.title_mm * shrunk * per_mm
        lines = [
            part for line in facts.title.split("\n") for part in _wrapped(line, facts.title_font, size, zone.width)
        ]
        mask = text_mask("\n".join(lines), facts.title_font, size, align="left")
        if mask.width_px:
            page.texts.append((mask, zone.x0, y + mask.baselines_px[0], INK))
            y += mask.height_px + 2.0 * size_mm * per_mm
    return y - zone.y0


def _foot(page: _Page, facts: _Facts, zone: Box, per_mm: float, size_mm: float) -> float:
    """Set the table and the sentences from the top of the zone; return the height they need."""
    size, y = size_mm * per_mm, zone.y0
    pitch = size * _PITCH
    rule = _RULE_MM * per_mm

    def line(text: str, x: float, colour: Colour) -> None:
        mask = text_mask(text, facts.font, size, align="left")
        if mask.width_px:
            page.texts.append((mask, x, y, colour))

    labels = [line_width(label, facts.font, size) for label, _ in facts.rows]
    column = zone.x0 + max(labels, default=0.0) + _LABEL_GAP * size
    for number, group in enumerate((facts.rows, tuple(("", text) for text in facts.sentences))):
        if not group:
            continue
        page.rules.append(Box(zone.x0, y, zone.x1, y + rule))
        y += rule + pitch * 1.05
        for label, value in group:
            left = column if number == 0 else zone.x0
            if label:
                line(label, zone.x0, _SOFT_INK)
            is_last = number == 1 and (label, value) == group[-1] and len(group) > 1
            for part in _wrapped(value, facts.font, size, zone.x1 - left) or [""]:
                line(part, left, _SOFT_INK if is_last else INK)
                y += pitch
        y -= pitch * 0.30
    return y - zone.y0 - pitch * 0.45


def _wrapped(text: str, font: Path | None, size_px: float, width_px: float) -> list[str]:
    """Return the text in lines no wider than this: parted at spaces, or anywhere in a word that is wider."""
    lines: list[str] = []
    for word in text.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and line_width(longer, font, size_px) <= width_px:
            lines[-1] = longer
            continue
        while line_width(word, font, size_px) > width_px and len(word) > 1:
            kept = next((n for n in range(len(word) - 1, 1, -1) if line_width(word[:n], font, size_px) <= width_px), 1)
            lines.append(word[:kept])
            word = word[kept:]
        lines.append(word)
    return lines


# --- printing -----------------------------------------------------------------------------------------------------


def _printed(pixels: Picture, page: _Page) -> tuple[Box, ...]:
    for rule in page.rules:
        fill(pixels, RoundedBox(rule), _RULE)
    for box, colour in page.dots:
        edge = box.width * 0.03
        fill(pixels, RoundedBox(box, box.width / 2, box.height / 2), _RULE)
        inner = Box(box.x0 + edge, box.y0 + edge, box.x1 - edge, box.y1 - edge)
        fill(pixels, RoundedBox(inner, inner.width / 2, inner.height / 2), colour)
    boxes: list[Box] = []
    for mask, x, baseline, colour in page.texts:
        boxes += print_text(pixels, mask, math.ceil(x), round(baseline - mask.baselines_px[0]), colour)[0]
    return tuple(boxes)
