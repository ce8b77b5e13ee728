"""The contact sheet of picked frames: each with its face, whom it beat, and why, in words."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fancam.geometry import Box
from fancam.media import Picture, format_time
from fancam.pictures import Canvas, fitted, open_picture, read_picture, resample
from fancam.report.captions import INK, PAPER, SHEET, SOFT_INK, Colour, shrunk, spelled, wrapped, write_screen_picture
from fancam.results import Score

MOST_STRIPS = 100
"""More picks than this are counted, not shown: a sheet of thousands would be larger than a JPEG may be."""

_FRAME_PX = (400, 300)
"""Width and height that the whole frame is fitted into."""
_FACE_PX = 300
_RUNNER_UP_PX = 190
_GAP_PX = 20
BEATEN_PX = (320, 214)
"""Width and height of ``beaten_strip``; as wide as a card on the contact sheet."""
_WHOLE_PX = (_FRAME_PX[0] + _GAP_PX + _FACE_PX, _FACE_PX)
"""Where there is no face beside the frame."""
_MOST_RUNNERS_UP = 4
_TEXT_PX = 340
_MARGIN_PX = 48
_HEADER_PX = 92
_FACE_MARGIN = 0.45
"""Around a face, in shares of its longer side: the whole head and some of the shoulders."""
_SMALLEST_FACE_PX = 32
_TERM_ROW_PX, _TERM_NAME_PX, _TERM_BAR_PX = 21, 84, 70

_TRACK: Colour = (226, 226, 224)
_BAR: Colour = (96, 132, 150)


@dataclass(frozen=True, slots=True, eq=False)
class Looked:
    """What the sheet shows of a moment; small pictures, so that many can wait."""

    time_s: float
    score: float
    reason: str
    frame: Picture
    """The whole frame, made small."""
    face: Picture | None
    """The head, square; None where whole frames were judged."""
    terms: Mapping[str, float | None]
    """Of the score, in [0, 1]; None where one could not be measured."""

    @classmethod
    def at(cls, pixels: Picture, face: Box | None, time_s: float, score: Score, reason: str) -> Looked:
        """Return what is shown of a frame, (height, width, 3) uint8 RGB; ``face`` is a box in it."""
        room, head = (_WHOLE_PX, None) if face is None else (_FRAME_PX, _head(pixels, face))
        return cls(time_s, score.value, reason, _fitted_into(pixels, *room), head, score.why)


def pick_strip(pick: Looked, runners_up: Sequence[Looked], name: str) -> Picture:
    """Draw a pick beside those that it beat.

    Args:
        pick: What was chosen.
        runners_up: The best first; the first four are shown.
        name: Of its file.

    Returns:
        (height, width, 3) uint8 RGB, always as high, and as wide as what is shown.
    """
    shown_beside = runners_up[:_MOST_RUNNERS_UP]
    width = _beside_px() + max(len(shown_beside), 1) * (_RUNNER_UP_PX + _GAP_PX)
    canvas = Canvas(width, _FACE_PX + _GAP_PX, PAPER)
    _centred(canvas, pick.frame, 0, 0, *(_WHOLE_PX if pick.face is None else _FRAME_PX))
    x = _FRAME_PX[0] + _GAP_PX
    if pick.face is not None:
        canvas.paste(pick.face, x, 0)
    x += _FACE_PX + _GAP_PX
    canvas.text(x, 30, f"{format_time(pick.time_s)}   {pick.score:.2f}", 26, INK)
    lines = [line for part in spelled(pick.reason).split("; ") for line in wrapped(part, 19, _TEXT_PX)]
    for number, line in enumerate(lines[:5]):
        canvas.text(x, 64 + 26 * number, line, 19, INK)
    _terms(canvas, pick.terms, x, 64 + 26 * min(len(lines), 5))
    canvas.text(x, _FACE_PX - 4, fitted(name, 16, _TEXT_PX), 16, SOFT_INK)
    x += _TEXT_PX + _GAP_PX
    for one in shown_beside:
        shown = one.frame if one.face is None else one.face
        _centred(canvas, _fitted_into(shown, _RUNNER_UP_PX, _RUNNER_UP_PX), x, 0, _RUNNER_UP_PX, _RUNNER_UP_PX)
        canvas.text(x, _RUNNER_UP_PX + 24, f"{format_time(one.time_s)}   {one.score:.2f}", 17, SOFT_INK)
        for number, line in enumerate(wrapped(spelled(one.reason), 16, _RUNNER_UP_PX)[:4]):
            canvas.text(x, _RUNNER_UP_PX + 48 + 21 * number, line, 16, SOFT_INK)
        x += _RUNNER_UP_PX + _GAP_PX
    return canvas.pixels


def beaten_strip(beaten: Sequence[Looked]) -> Picture:
    """Draw whom a pick beat, to stand under its card on the contact sheet of a run.

    Args:
        beaten: The best first; the first two are shown.

    Returns:
        (``BEATEN_PX[1]``, ``BEATEN_PX[0]``, 3) uint8 RGB.
    """
    canvas = Canvas(*BEATEN_PX, SHEET)
    side = (BEATEN_PX[0] - _GAP_PX) // 2
    for number, one in enumerate(beaten[:2]):
        x = number * (side + _GAP_PX)
        _centred(canvas, _fitted_into(one.frame if one.face is None else one.face, side, side), x, 0, side, side)
        canvas.text(x, side + 20, f"{format_time(one.time_s)}   {one.score:.2f}", 15, SOFT_INK)
        for line_number, line in enumerate(wrapped(spelled(one.reason), 14, side)[:2]):
            canvas.text(x, side + 40 + 18 * line_number, line, 14, SOFT_INK)
    return canvas.pixels


def _terms(canvas: Canvas, terms: Mapping[str, float | None], x: int, y: int) -> None:
    """Draw the terms that were measured as bars in two columns: the longer, the better."""
    measured = [(name, value) for name, value in terms.items() if value is not None]
    rows = min(math.ceil(len(measured) / 2), (_FACE_PX - 24 - y) // _TERM_ROW_PX)
    for number, (name, value) in enumerate(measured[: 2 * rows]):
        left, top = x + number // rows * (_TEXT_PX // 2), y + number % rows * _TERM_ROW_PX
        canvas.text(left, top + 13, name.replace("_", " "), 15, SOFT_INK)
        bar = left + _TERM_NAME_PX
        canvas.rectangle(bar, top + 3, bar + _TERM_BAR_PX, top + 13, fill=_TRACK)
        canvas.rectangle(bar, top + 3, bar + max(round(value * _TERM_BAR_PX), 1), top + 13, fill=_BAR)


def write_pick_sheet(strips: Sequence[Path], path: Path) -> str:
    """Write the sheet of all picks, for the screen: 96 dpi.

    Args:
        strips: Files of what ``pick_strip`` drew, in the order they are to be shown; the first ``MOST_STRIPS`` are.
        path: Ends in .jpg; its folder exists.

    Returns:
        SHA-256 of the file in hex.

    Raises:
        InputError: A strip cannot be read.
        OutputError: The sheet cannot be written; nothing is left behind.
        ValueError: There are no strips.
    """
    if not strips:
        raise ValueError("a contact sheet needs at least one pick")
    shown = strips[:MOST_STRIPS]
    pitch = _FACE_PX + 2 * _GAP_PX
    width = max(open_picture(strip).width for strip in shown)
    canvas = Canvas(width + 2 * _MARGIN_PX, _HEADER_PX + pitch * len(shown) + _MARGIN_PX, PAPER)
    more = f", the first {len(shown)}" if len(shown) < len(strips) else ""
    canvas.text(_MARGIN_PX, 58, f"{len(strips)} pick{'s' if len(strips) > 1 else ''}{more}", 34, INK)
    canvas.text(_MARGIN_PX + _beside_px(), 58, "whom it beat, and by what", 20, SOFT_INK)
    for number, strip in enumerate(shown):
        y = _HEADER_PX + pitch * number
        canvas.paste(read_picture(strip).pixels, _MARGIN_PX, y)
        canvas.text(_MARGIN_PX - 10, y + 24, f"{number + 1}", 20, SOFT_INK, align="right")
    return write_screen_picture(path, canvas.pixels, f"Contact sheet of {len(strips)} picks", quality=92)


def _beside_px() -> int:
    """Return where the first of those that a pick beat stands in its strip."""
    return _FRAME_PX[0] + _FACE_PX + _TEXT_PX + 3 * _GAP_PX


def _fitted_into(pixels: Picture, width_px: int, height_px: int) -> Picture:
    """Return a picture made small enough for a place; one that fits already stays as it is."""
    height, width = pixels.shape[:2]
    share = min(width_px / width, height_px / height)
    return pixels if share >= 1 else shrunk(pixels, max(round(width * share), 1), max(round(height * share), 1))


def _head(pixels: Picture, face: Box) -> Picture:
    """Return the square around a face, (300, 300); what of it lies outside the frame is paper."""
    side = max(face.width, face.height, _SMALLEST_FACE_PX) * (1 + 2 * _FACE_MARGIN)
    x, y = face.centre
    square = Box(x - side / 2, y - side / 2, x + side / 2, y + side / 2)
    inside = square.clipped(pixels.shape[1], pixels.shape[0])
    head = np.full((_FACE_PX, _FACE_PX, 3), PAPER, np.uint8)
    part = inside.shown_in(square, _FACE_PX, _FACE_PX)
    x0, y0 = math.floor(part.x0), math.floor(part.y0)
    width, height = max(round(part.x1) - x0, 1), max(round(part.y1) - y0, 1)
    head[y0 : y0 + height, x0 : x0 + width] = resample(pixels, inside, width, height)
    return head


def _centred(canvas: Canvas, pixels: Picture, x: int, y: int, width_px: int, height_px: int) -> None:
    canvas.paste(pixels, x + (width_px - pixels.shape[1]) // 2, y + (height_px - pixels.shape[0]) // 2)
