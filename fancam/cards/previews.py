"""Pictures of a card for the screen: cut out, in a sleeve on a table, and with its cut and safe zone drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
import numpy.typing as npt

from fancam.cards.front import check_size
from fancam.cards.painting import (
    INK,
    PAPER,
    Colour,
    Coverage,
    RoundedBox,
    fill,
    from_light,
    paint,
    pixels_per_mm,
    to_light,
    trim_shape,
)
from fancam.cards.text import print_text
from fancam.geometry import Box, CardGeometry
from fancam.media import Picture, Samples
from fancam.pictures import line_width, resample, text_mask

GROUND: Colour = (228, 225, 220)
"""A light warm grey: neither white nor black cards melt into it."""
MOST_WIDTH_PX = 4000
_FORMAT = 1.25
"""Height of the picture to its width: 4:5, the tallest that feeds show whole."""
_ROOM = (0.70, 0.76)
"""Largest share of the picture's width and height for card and sleeve."""

# Sleeves for cards of 55 x 85 mm are sold as 57 x 88 to 89 mm; the card has slid to the closed end.
_SLEEVE_SIDE_MM, _SLEEVE_TOP_MM, _SLEEVE_BOTTOM_MM = 1.0, 2.7, 0.8
_SLEEVE_RADIUS_MM = 0.6
_WELD_MM = 0.45
"""Width of the seams along the closed sides."""

# Blur, offset along the light and density of each shadow: the one where things touch, a near one, that of the room.
_SHADOWS_MM = ((0.45, 0.25, 0.42), (2.4, 1.4, 0.32), (8.0, 4.2, 0.30))
_FILM_SHADOWS = (0.16, 0.10, 0.08)
"""Share of each shadow that clear film casts."""
_LIGHT = (0.42, 0.91)
"""Which way shadows fall: to the right and down."""
_SMALLER = 8
"""Shadows are blurred in a picture so many times smaller; they have no detail to lose but the nearest one."""


def cut_preview(front: Samples, geometry: CardGeometry, corner_radius_mm: float) -> Samples:
    """Return the card as it is after cutting: the trim, with round transparent corners.

    Nothing is resampled; a trim that ends within a pixel makes that pixel partly transparent.

    Args:
        front: (height, width, 3) RGB with bleed, uint8 or uint16.
        geometry: Of the card.
        corner_radius_mm: 0 for square corners.

    Returns:
        (rows, columns, 4) RGBA with straight alpha of the same type.

    Raises:
        ValueError: The front has another size than the card.
    """
    check_size(front, geometry)
    shape = trim_shape(geometry, corner_radius_mm=corner_radius_mm)
    rows, columns = shape.box.clipped(front.shape[1], front.shape[0]).as_slices()
    alpha = np.rint(shape.coverage(rows, columns) * np.float64(np.iinfo(front.dtype).max)).astype(front.dtype)
    return np.dstack([front[rows, columns], alpha])


def mockup(
    front: Samples,
    geometry: CardGeometry,
    *,
    corner_radius_mm: float,
    sleeve: bool = True,
    ground: Colour = GROUND,
    width_px: int = 1600,
) -> Picture:
    """Picture the cut card lying on a table, for posting.

    Light is added and taken away in linear light, as on a table.

    Args:
        front: (height, width, 3) RGB with bleed.
        geometry: Of the card.
        corner_radius_mm: Of the cut card.
        sleeve: Whether it lies in a clear sleeve.
        ground: Colour of the table.
        width_px: Width of the picture, 64 to ``MOST_WIDTH_PX``; it is a quarter higher.

    Returns:
        (height, width_px, 3) uint8 RGB; the same bytes for the same arguments.

    Raises:
        ValueError: The front has another size than the card, or the width is out of range.
    """
    check_size(front, geometry)
    if not 64 <= width_px <= MOST_WIDTH_PX:
        raise ValueError(f"a mockup of {width_px} px")
    scene = _Scene.of(geometry, corner_radius_mm, sleeve, width_px)
    card = scene.mask(scene.card)
    light = _table(scene, ground)
    _cast_shadows(light, scene, card)
    _lay_card(light, scene, card, front, geometry)
    if scene.sleeve is not None:
        _lay_sleeve(light, scene, scene.sleeve)
    return _encoded(light, card)


@dataclass(frozen=True, slots=True)
class _Scene:
    """Where everything lies, in pixels of the mockup."""

    width_px: int
    height_px: int
    per_mm: float
    card: RoundedBox
    """Its box has whole pixels."""
    sleeve: RoundedBox | None

    @classmethod
    def of(cls, geometry: CardGeometry, corner_radius_mm: float, sleeve: bool, width_px: int) -> _Scene:
        height_px = round(width_px * _FORMAT)
        side, top, bottom = (_SLEEVE_SIDE_MM, _SLEEVE_TOP_MM, _SLEEVE_BOTTOM_MM) if sleeve else (0.0, 0.0, 0.0)
        wide_mm, high_mm = geometry.width_mm + 2 * side, geometry.height_mm + top + bottom
        per_mm = min(_ROOM[0] * width_px / wide_mm, _ROOM[1] * height_px / high_mm)
        width, height = round(geometry.width_mm * per_mm), round(geometry.height_mm * per_mm)
        x, y = round((width_px - width) / 2), round((height_px - height + (top - bottom) * per_mm) / 2)
        box = Box(x, y, x + width, y + height)
        radius = min(corner_radius_mm * per_mm, width / 2, height / 2)
        around = Box(
            box.x0 - side * per_mm, box.y0 - top * per_mm, box.x1 + side * per_mm, box.y1 + bottom * per_mm
        )  # fmt: skip
        film = RoundedBox(around, _SLEEVE_RADIUS_MM * per_mm, _SLEEVE_RADIUS_MM * per_mm) if sleeve else None
        return cls(width_px, height_px, per_mm, RoundedBox(box, radius, radius), film)

    def mask(self, shape: RoundedBox) -> Coverage:
        """Return the coverage of a shape over the whole picture."""
        return shape.coverage(slice(0, self.height_px), slice(0, self.width_px))

    def places_mm(self) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Return x as a row and y as a column, in millimetres from the middle of the picture."""
        x = (np.arange(self.width_px, dtype=np.float32) + 0.5 - self.width_px / 2) / self.per_mm
        y = (np.arange(self.height_px, dtype=np.float32) + 0.5 - self.height_px / 2) / self.per_mm
        return x[np.newaxis, :].astype(np.float32), y[:, np.newaxis].astype(np.float32)


def _table(scene: _Scene, ground: Colour) -> npt.NDArray[np.float32]:
    """Return the table in linear light, a little brighter towards the lamp at the upper left."""
    x = np.linspace(0, 1, scene.width_px, dtype=np.float32)[np.newaxis, :] - 0.28
    y = np.linspace(0, 1, scene.height_px, dtype=np.float32)[:, np.newaxis] - 0.18
    brightness = 1.06 - 0.24 * (x**2 + y**2)
    return (brightness[..., np.newaxis] * to_light(np.array(ground) / 255)).astype(np.float32)


def _cast_shadows(light: npt.NDArray[np.float32], scene: _Scene, card: Coverage) -> None:
    """Darken the table under card and sleeve, in place."""
    film = scene.mask(scene.sleeve) if scene.sleeve is not None else None
    for (blur_mm, offset_mm, density), share in zip(_SHADOWS_MM, _FILM_SHADOWS, strict=True):
        caster = card if film is None else np.maximum(card, film * np.float32(share))
        sigma, offset = blur_mm * scene.per_mm, offset_mm * scene.per_mm
        shadow = _blurred(caster, sigma)
        move = np.array([[1, 0, offset * _LIGHT[0]], [0, 1, offset * _LIGHT[1]]], np.float32)
        fallen = cv2.warpAffine(shadow, move, (scene.width_px, scene.height_px), flags=cv2.INTER_LINEAR)
        light *= (1 - np.float32(density) * np.asarray(fallen, np.float32))[..., np.newaxis]


def _blurred(mask: Coverage, sigma: float) -> Coverage:
    """Return the mask blurred; wide blurs are made in a smaller picture."""
    height, width = mask.shape
    if sigma < 4 * _SMALLER:
        return np.asarray(cv2.GaussianBlur(mask, (0, 0), max(sigma, 0.3)), np.float32)
    small = cv2.resize(mask, (-(-width // _SMALLER), -(-height // _SMALLER)), interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(small, (0, 0), sigma / _SMALLER)
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC), np.float32)


def _lay_card(
    light: npt.NDArray[np.float32], scene: _Scene, card: Coverage, front: Samples, geometry: CardGeometry
) -> None:
    """Put the cut card on the table, in place: the light of its edges tells that it has a thickness."""
    rows, columns = scene.card.box.as_slices()
    trim = trim_shape(geometry).box.clipped(front.shape[1], front.shape[0])
    picture = resample(front, trim, columns.stop - columns.start, rows.stop - rows.start)
    shown = to_light(picture.astype(np.float32) / np.iinfo(front.dtype).max)
    thickness = 0.14 * scene.per_mm * _LIGHT[1]
    towards = scene.mask(scene.card.moved(thickness, thickness))[rows, columns]
    away = scene.mask(scene.card.moved(-thickness, -thickness))[rows, columns]
    share = card[rows, columns]
    shown += (np.float32(0.10) * np.clip(share - towards, 0, 1))[..., np.newaxis]
    shown *= (1 - np.float32(0.30) * np.clip(share - away, 0, 1))[..., np.newaxis]
    light[rows, columns] += (shown - light[rows, columns]) * share[..., np.newaxis]


def _shrunk(shape: RoundedBox, by_px: float, *, open_top: bool = False) -> RoundedBox:
    """Return the shape with its edges moved inward, the upper one only where it is not open."""
    inner = shape.grown(-by_px)
    return replace(inner, box=replace(inner.box, y0=shape.box.y0 - shape.radius_y)) if open_top else inner


def _lay_sleeve(light: npt.NDArray[np.float32], scene: _Scene, sleeve: RoundedBox) -> None:
    """Put a clear sleeve around the card, in place: haze of the film, gloss, seams and edges that catch the light."""
    film, per_mm = scene.mask(sleeve), scene.per_mm
    added = film * (0.003 + _gloss(scene))
    weld = np.clip(film - scene.mask(_shrunk(sleeve, _WELD_MM * per_mm, open_top=True)), 0, 1)
    added += 0.045 * weld
    # The inner side of a seam bends light away, its outer edge collects it.
    crease = np.clip(weld - (film - scene.mask(_shrunk(sleeve, (_WELD_MM - 0.12) * per_mm, open_top=True))), 0, 1)
    rim = np.clip(film - scene.mask(_shrunk(sleeve, max(0.11 * per_mm, 1.0))), 0, 1)
    _, y = scene.places_mm()
    fall = np.clip(0.62 - y / (scene.height_px / per_mm), 0.2, 1.0)  # stronger towards the lamp
    added += 0.30 * rim * fall
    light *= (1 - np.float32(0.035) * film - np.float32(0.14) * crease * film)[..., np.newaxis]
    light += added[..., np.newaxis].astype(np.float32)


def _gloss(scene: _Scene) -> npt.NDArray[np.float32]:
    """Return the reflection of a window in the film: a broad band across, one edge crisper, and a thin one beside it.

    In linear light; strong enough to show on a black coat, too weak to hide a face.
    """
    x, y = scene.places_mm()
    size = scene.card.box.width / scene.per_mm / 55.0
    across = (x * 0.86 + y * 0.51) / size  # millimetres on a card of 55 mm
    along = (y * 0.86 - x * 0.51) / size

    def band(first: float, last: float, soft_first: float, soft_last: float) -> npt.NDArray[np.float32]:
        return _smooth((across - first) / soft_first) * _smooth((last - across) / soft_last)

    bands = 0.042 * band(-36.0, -8.0, 16.0, 2.2) + 0.024 * band(-5.8, -2.8, 1.2, 1.6)
    return np.asarray(bands * np.clip(0.75 - along / 110.0, 0.25, 1.0), np.float32)


def _smooth(share: npt.NDArray) -> npt.NDArray[np.float32]:
    """Return a step from 0 to 1 with soft ends (cubic Hermite)."""
    share = np.clip(share, 0, 1)
    return np.asarray(share * share * (3 - 2 * share), np.float32)


def _encoded(light: npt.NDArray[np.float32], card: Coverage) -> Picture:
    """Return the picture as sRGB; the soft tones of the table are dithered, or they would show steps.

    The threshold of each pixel is interleaved gradient noise (Jimenez, "Next Generation Post Processing in Call of
    Duty: Advanced Warfare", SIGGRAPH 2014): the same on every machine.
    """
    height, width = card.shape
    x, y = np.arange(width, dtype=np.float64)[np.newaxis, :], np.arange(height, dtype=np.float64)[:, np.newaxis]
    noise = np.mod(52.9829189 * np.mod(0.06711056 * x + 0.00583715 * y, 1.0), 1.0) - 0.5
    noise = np.where(card > 0, 0.0, noise).astype(np.float32)
    return np.rint(np.clip(from_light(light) * 255 + noise[..., np.newaxis], 0, 255)).astype(np.uint8)


# --- where it is cut ----------------------------------------------------------------------------------------------

_CUT: Colour = (226, 0, 72)
_SAFE: Colour = (0, 158, 96)
_MARK: Colour = (0, 112, 240)
_LINE_MM = 0.22
_VEIL = np.float32(0.38)
_HATCH_MM = 2.0
_TYPE_MM = 2.5


def safe_zone_overlay(
    front: Picture,
    geometry: CardGeometry,
    *,
    safe_mm: float,
    corner_radius_mm: float,
    faces: Sequence[Box] = (),
    text_boxes: Sequence[Box] = (),
) -> Picture:
    """Draw trim line, safe zone, faces and text over a card's picture, its bleed hatched, with a legend below.

    Args:
        front: (height, width, 3) uint8 RGB with bleed; not changed.
        geometry: Of the card.
        safe_mm: Distance from the cut within which no face and no text should be.
        corner_radius_mm: Of the cut card.
        faces: In pixels of the picture; those that reach out of the safe zone are drawn in the colour of the cut.
        text_boxes: As the faces.

    Returns:
        (height and the legend, width, 3) uint8 RGB; the picture begins in the first row.

    Raises:
        ValueError: The front has another size than the card.
    """
    check_size(front, geometry)
    result = front.copy()
    height, width = front.shape[:2]
    everywhere = slice(0, height), slice(0, width)
    line_px = max(_LINE_MM * pixels_per_mm(geometry)[0], 1.0)
    trim = trim_shape(geometry, corner_radius_mm=corner_radius_mm)
    away = 1 - trim.coverage(*everywhere)
    paint(result, PAPER, away * _VEIL)
    paint(result, _CUT, away * _hatch(height, width, _HATCH_MM * pixels_per_mm(geometry)[0]))
    zone = trim_shape(geometry, inset_mm=safe_mm, corner_radius_mm=corner_radius_mm)
    _outline(result, trim, _CUT, line_px)
    if zone.box.x1 > zone.box.x0 and zone.box.y1 > zone.box.y0:
        _outline(result, zone, _SAFE, line_px)
    for box in (*faces, *text_boxes):
        _outline(result, RoundedBox(box), _MARK if zone.box.contains(box) else _CUT, line_px)
    rows = [(_CUT, _cut_words(geometry, corner_radius_mm)), (_SAFE, f"safe zone, {safe_mm:g} mm from the cut")]
    for what, boxes in (("face", faces), ("text", text_boxes)):
        rows += _found(what, boxes, zone.box)
    return np.vstack([result, _legend(rows, width, pixels_per_mm(geometry)[1])])


def _cut_words(geometry: CardGeometry, corner_radius_mm: float) -> str:
    corners = f", corners {corner_radius_mm:g} mm" if corner_radius_mm > 0 else ""
    bleed = f"; {geometry.bleed_mm:g} mm bleed is cut away" if geometry.bleed_mm > 0 else "; no bleed"
    return f"cut, {geometry.width_mm:g} x {geometry.height_mm:g} mm{corners}{bleed}"


def _found(what: str, boxes: Sequence[Box], zone: Box) -> list[tuple[Colour, str]]:
    """Return the legend's rows for faces or lines of text."""
    outside = sum(not zone.contains(box) for box in boxes)
    rows: list[tuple[Colour, str]] = []
    if outside < len(boxes):
        rows.append((_MARK, f"{what} inside the safe zone"))
    if outside:
        rows.append((_CUT, f"{what} too near to the cut"))
    return rows


def _hatch(height: int, width: int, period_px: float) -> npt.NDArray[np.float32]:
    """Return thin slanting lines as a coverage."""
    x, y = np.arange(width, dtype=np.float32)[np.newaxis, :], np.arange(height, dtype=np.float32)[:, np.newaxis]
    distance = np.abs(np.mod((x + y) / max(period_px, 4.0), 1.0) - 0.5) * max(period_px, 4.0) * np.sqrt(0.5)
    return np.clip(1.0 - distance, 0, 1).astype(np.float32) * np.float32(0.7)


def _outline(pixels: Picture, shape: RoundedBox, colour: Colour, width_px: float) -> None:
    """Draw a line along the outside of a shape, a thin white one around it so that it shows on any picture."""
    halo = width_px * 0.6
    everywhere = slice(0, pixels.shape[0]), slice(0, pixels.shape[1])

    def grown(by: float) -> npt.NDArray[np.float32]:
        return shape.grown(by).coverage(*everywhere)

    paint(pixels, PAPER, np.clip(grown(width_px + halo) - grown(-halo), 0, 1) * np.float32(0.7))
    paint(pixels, colour, np.clip(grown(width_px) - grown(0), 0, 1))


def _legend(rows: Sequence[tuple[Colour, str]], width: int, per_mm: float) -> Picture:
    """Return a white strip that says what the lines mean, in type that fits."""
    size, margin = max(_TYPE_MM * per_mm, 9.0), max(3.0 * per_mm, 6.0)
    left = 2 * margin + size
    widest = max(line_width(text, None, size) for _, text in rows)
    size = min(size, size * (width - left - margin) / widest)
    pitch = 1.6 * size
    strip = np.full((round(2 * margin + pitch * len(rows)), width, 3), PAPER, np.uint8)
    for number, (colour, text) in enumerate(rows):
        middle = margin + (number + 0.5) * pitch
        dash = Box(margin, middle - 0.09 * size, margin + 1.4 * size, middle + 0.09 * size)
        fill(strip, RoundedBox(dash), colour)
        mask = text_mask(text, None, size, align="left")
        y = round(middle + 0.35 * size - mask.baselines_px[0])
        print_text(strip, mask, round(margin + 2.1 * size), y, INK)
    return strip
