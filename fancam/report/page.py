"""One HTML file that shows every picture at its stages, with a slider between them; it needs nothing else.

The policy in its head forbids the browser to load anything or to run any script but the one whose hash it names.
"""

from __future__ import annotations

import base64
import functools
import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template

import cv2
import numpy as np

from fancam import __version__
from fancam.files import replace_file_piecewise
from fancam.geometry import Box
from fancam.media import Picture
from fancam.report.captions import printable, shrunk
from fancam.report.comparison import Comparison, invention

LONG_EDGE_PX = 2000
"""A larger picture is embedded smaller than it prints, with a cut at its true size beside it."""
CUT_PX = 1200
"""Long edge of that cut: about what a screen shows at once."""
JPEG_QUALITY = 92
"""With colour at full resolution: 41 dB on a face and 35 on red stage light, where WebP, whose colour is always at
half resolution, gives 41 and 18."""

_JPEG_OPTIONS = [
    cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY,
    cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444,
    cv2.IMWRITE_JPEG_OPTIMIZE, 1,
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class _View:
    """One slider: the part of the picture it shows, and at what size."""

    box: Box
    width_px: int
    height_px: int
    note: str
    """What has to be said because it is not simply the whole picture; may be empty."""
    zoomable: bool
    """Whether its pixels are those of the print."""
    zoomed: bool = False
    """Whether it is shown at 100 % from the start."""


def write_page(path: Path, comparisons: Iterable[Comparison], *, title: str) -> str:
    """Write the page; the same arguments give the same bytes.

    Each comparison is asked for when the one before it is written, so that one at a time is in memory. The page is
    written beside its place and renamed: it is there whole or not at all.

    Args:
        path: Ends in .html; its folder exists.
        comparisons: In the order they are shown; may be an iterator.
        title: Heading of the page.

    Returns:
        SHA-256 of the file in hex.

    Raises:
        OutputError: The page cannot be written; nothing is left behind.
    """
    # Names may hold characters that UTF-8 cannot; printable() has replaced them.
    return replace_file_piecewise(path, (piece.encode() for piece in _page(comparisons, printable(title))))


def _page(comparisons: Iterable[Comparison], title: str) -> Iterator[str]:
    style, script = _asset("page.css"), _asset("page.js")
    policy = (
        f"default-src 'none'; img-src data:; style-src '{_source_hash(style)}'; "
        f"script-src '{_source_hash(script)}'; base-uri 'none'; form-action 'none'"
    )
    head, tail = (
        Template(part).substitute(
            policy=policy, style=style, script=script, title=escape(title), version=__version__, quality=JPEG_QUALITY
        )
        for part in _asset("page.html").split("$comparisons")
    )
    yield head
    number = 0
    for comparison in comparisons:
        number += 1  # noqa: SIM113 - enumerate() would keep the last one while the next is made
        yield from _article(comparison, number)
        del comparison
    yield tail


@functools.cache
def _asset(name: str) -> str:
    return (files("fancam.report") / name).read_text(encoding="utf-8")


def _source_hash(text: str) -> str:
    """Return a hash source as in Content Security Policy Level 3, section 2.3.1."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _article(comparison: Comparison, number: int) -> Iterator[str]:
    title = escape(printable(comparison.title))
    yield f'<article aria-labelledby="picture-{number}">\n<h2 id="picture-{number}"><bdi>{title}</bdi></h2>\n'
    for view in _views(comparison):
        yield from _slider(comparison, view)
    yield _words(comparison)
    yield "</article>\n"


def _views(comparison: Comparison) -> list[_View]:
    """Return what is shown of a picture: all of it, and for a large one the part at its true size as well."""
    width, height = comparison.width_px, comparison.height_px
    whole = Box(0, 0, width, height)
    if max(width, height) <= LONG_EDGE_PX:
        return [_View(whole, width, height, "", zoomable=True)]
    shrink = LONG_EDGE_PX / max(width, height)
    small_width, small_height = max(round(width * shrink), 1), max(round(height * shrink), 1)
    cut = comparison.cut(CUT_PX, CUT_PX)
    where = "the face" if comparison.focus is not None else "the middle"
    return [
        _View(
            whole, small_width, small_height,
            f"Made smaller for this page: {small_width} × {small_height} px of {width} × {height}.", zoomable=False,
        ),
        _View(
            cut, round(cut.width), round(cut.height),
            f"Around {where}, pixel for pixel: {cut.width:.0f} × {cut.height:.0f} px.", zoomable=True, zoomed=True,
        ),
    ]  # fmt: skip


def _slider(comparison: Comparison, view: _View) -> Iterator[str]:
    """Yield the markup of one slider; without its script it is the stages side by side."""
    labels = [escape(printable(stage.label)) for stage in comparison.stages]
    title, last = escape(printable(comparison.title)), len(labels) - 1
    x, y = comparison.centre
    focus = f"{(x - view.box.x0) / view.box.width:.4f} {(y - view.box.y0) / view.box.height:.4f}"
    if view.note:
        yield f'<p class="note">{escape(view.note)}</p>\n'
    zoom = ' data-zoom="1"' if view.zoomed else ""
    yield f'<section class="view" data-focus="{focus}"{zoom}>\n'
    yield f'<div class="stack" tabindex="0" role="group" aria-label="{title}, before and after">\n'
    for index, stage in enumerate(comparison.stages):
        side = {0: ' class="left"', last: ' class="right"'}.get(index, "")
        invented = f"<small>detail invented by {_text(stage.invented_by)}</small>" if stage.invented_by else ""
        yield (
            f'<figure{side} data-label="{labels[index]}"><img alt="{title}: {labels[index]}" '
            f'width="{view.width_px}" height="{view.height_px}" src="'
        )
        yield _data_uri(_shown(stage.pixels, view))
        yield f'"><figcaption>{labels[index]}{invented}</figcaption></figure>\n'
    yield f'<div class="bar" aria-hidden="true"></div>\n</div>\n{_controls(labels, view)}</section>\n'


def _controls(labels: Sequence[str], view: _View) -> str:
    """Return the slider and its buttons; which side shows what can be chosen where there is a choice."""
    last = len(labels) - 1

    def chooser(side: str, chosen: int) -> str:
        if len(labels) == 2:
            return ""
        options = "".join(
            f"<option{' selected' if index == chosen else ''}>{label}</option>" for index, label in enumerate(labels)
        )
        return f'<label>{side.title()} <select data-side="{side}" autocomplete="off">{options}</select></label>\n'

    slider = '<input type="range" min="0" max="100" step="0.5" value="50" autocomplete="off" aria-label="Divider">\n'
    pressed = int(view.zoomed)
    buttons = "".join(
        f'<button type="button" data-zoom="{zoom}" aria-pressed="{str(zoom == pressed).lower()}">{name}</button>\n'
        for zoom, name in ((0, "Fit"), (1, "100&nbsp;%"), (2, "200&nbsp;%"))
        if view.zoomable
    )
    return f'<div class="controls">\n{slider}{chooser("left", 0)}{chooser("right", last)}{buttons}</div>\n'


def _shown(pixels: Picture, view: _View) -> Picture:
    if (view.box.width, view.box.height) == (view.width_px, view.height_px):
        return pixels[view.box.as_slices()]
    return shrunk(pixels, view.width_px, view.height_px)


def _data_uri(pixels: Picture) -> str:
    encoded, data = cv2.imencode(".jpg", cv2.cvtColor(np.ascontiguousarray(pixels), cv2.COLOR_RGB2BGR), _JPEG_OPTIONS)
    if not encoded:
        raise RuntimeError(f"OpenCV could not encode {pixels.shape} pixels as JPEG")
    return f"data:image/jpeg;base64,{base64.b64encode(data.tobytes()).decode()}"


def _words(comparison: Comparison) -> str:
    """Return what is known of the picture: facts, who invented what, warnings."""
    lines = []
    if comparison.facts:
        lines.append(_fact_list(comparison.facts))
    invented = invention(comparison, [f"“{stage.label}”" for stage in comparison.stages])
    if invented:
        lines.append(f'<p class="invented">{_text(invented)} The camera did not deliver it.</p>')
    if comparison.warnings:
        items = "".join(f"<li><b>Warning:</b> {_text(warning)}</li>" for warning in comparison.warnings)
        lines.append(f'<ul class="warnings">{items}</ul>')
    return "".join(f"{line}\n" for line in lines)


def _fact_list(facts: Mapping[str, str]) -> str:
    rows = "".join(f"<dt>{_text(name)}</dt><dd>{_text(value)}</dd>" for name, value in facts.items())
    return f"<dl>{rows}</dl>"


def _text(text: str) -> str:
    return escape(printable(text))
