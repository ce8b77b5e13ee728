"""Fits a whole picture to a card: exactly, so that it covers the card, inside a border, or as cropped by hand."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from fancam.cropping.bleed import synthesise_bleed
from fancam.cropping.parts import crop_of
from fancam.cropping.placing import GONE_SHARE, Scene, Trial, best_placement, head_box, main_subjects
from fancam.errors import UsageError, unknown_choice
from fancam.geometry import Box, CardGeometry
from fancam.media import Samples
from fancam.paper import DEFAULT_LIMITS, Printer
from fancam.pictures import resample
from fancam.results import Crop, Face

FIT_NAMES = ("exact", "cover", "contain")

ASPECT_TOLERANCE = 0.005
"""How far the proportions of a picture may be from those of the card to be taken for them: 0.3 mm of a card 61 mm
wide, less than a cutter's tolerance (1.6 mm), and than half of what parts trim and outer size at 1 mm of bleed."""

ROUNDING_PX = 1.0
"""What rounding to whole pixels may cost on each side of a picture: half a pixel, or one where the picture was then
made twice as large."""

CROP_TOLERANCE = 0.01
"""How much a box given by hand may be short on one side: it is drawn with the mouse, or typed in round numbers."""

OUTSIDE_TOLERANCE_PX = 0.5
"""How far such a box may stick out of the picture before that is a mistake."""

SUBJECT_LINE = 0.42
"""Height of the faces' middle from the top edge, over the height of the cut card: between the middle and the upper
third line of portrait photography (0.33)."""

SIZES = 9
"""Sizes that are tried between the outer size and the trim filling the picture."""

STEPS = 25
"""Places that are tried along a side, besides those where a head just is whole or safe."""

ADVICE = "use --fit cover, --fit contain or --crop, or let `fancam run` make the card"


def compose(
    width_px: int,
    height_px: int,
    geometry: CardGeometry,
    *,
    fit: str = "exact",
    crop: Box | None = None,
    faces: Sequence[Face] = (),
    limits: Printer = DEFAULT_LIMITS,
    border_mm: float = 0.0,
) -> Crop:
    """Return the crop of a picture of this size that becomes the card.

    * ``exact`` takes a picture that has the proportions of the outer size as card with bleed, and one that has those
      of the trim as trim, whose bleed is synthesised. Where both are within tolerance, a picture that has the pixels
      of one of them at the card's dpi is that one; otherwise the nearer one is taken, and of equally near ones (a
      square card) the outer size: real pixels are better than synthesised ones. A deviation that rounding explains is
      stretched away; a larger one within the tolerance is cut off evenly.
    * ``cover`` fills the outer size. Without faces the card is centred. With faces, the small ones behind them left
      aside, their middle lies a bit above the middle of the card, moved as far as it takes to have whole heads inside
      the safe zone. Where the outer size, which must lie inside the picture, would bring a head out of the safe zone,
      the card is made as much larger as that takes, up to where the trim fills the picture: bleed is cut off and a
      head is not, so a head is worth more than real bleed. Faces that cannot all be had are chosen by their area.
    * ``contain`` shows all of the picture, centred in the trim less the border; the rest is border.
    * ``crop`` is the trim, given by hand, whatever ``fit`` says. A side that is short by up to ``CROP_TOLERANCE`` is
      made longer; the bleed is real as far as the picture goes.

    A border lies over the edge of what ``exact`` and ``crop`` take; ``cover`` fills what it leaves free.

    Args:
        width_px: Of the upright picture.
        height_px: Of the upright picture.
        geometry: The card, lying as the picture should.
        fit: ``exact``, ``cover`` or ``contain``.
        crop: Trim in pixels of the picture.
        faces: In pixels of the picture; only ``cover`` uses them.
        limits: Of the printer: its safe zone, and how far its cut may be off.
        border_mm: Width of the border inside the trim.

    Raises:
        UsageError: ``fit`` is unknown, the picture or the crop has not the proportions of the card, the crop is empty
            or outside the picture, or the border leaves nothing free.
    """
    if fit not in FIT_NAMES:
        raise unknown_choice("fit", fit, FIT_NAMES)
    if width_px < 1 or height_px < 1:
        raise ValueError(f"a picture of {width_px}x{height_px} px has nothing to show")
    check_border(geometry, border_mm)
    if crop is not None:
        return _cropped(width_px, height_px, geometry, crop, border_mm)
    if fit == "contain":
        return _contained(width_px, height_px, geometry, border_mm)
    if fit == "cover":
        subjects = main_subjects(faces)
        scene = Scene.of(
            width_px, height_px, geometry, subjects, [face for face in faces if face not in subjects],
            safe_mm=limits.safe_mm, cut_error_mm=limits.cut_error_mm, border_mm=border_mm,
        )  # fmt: skip
        return crop_of(width_px, height_px, geometry, _covering(scene), border_mm=border_mm)
    return _exact(width_px, height_px, geometry, border_mm)


def check_border(geometry: CardGeometry, border_mm: float) -> None:
    """Refuse a border that leaves nothing of a card free.

    Raises:
        UsageError: It leaves nothing.
    """
    if 2 * border_mm >= min(geometry.width_mm, geometry.height_mm):
        raise UsageError(
            f"a border of {border_mm:g} mm leaves nothing of a card of {geometry.width_mm:g}x{geometry.height_mm:g} mm",
            item="--border",
            remedy="make it narrower",
        )


# --- the ways to fit ----------------------------------------------------------------------------------------------


def _exact(width: int, height: int, card: CardGeometry, border_mm: float) -> Crop:
    tolerance = max(ASPECT_TOLERANCE, ROUNDING_PX / width + ROUNDING_PX / height)
    as_outer = _deviation(width, height, card.outer_width_mm / card.outer_height_mm)
    as_trim = _deviation(width, height, card.width_mm / card.height_mm)
    if min(as_outer, as_trim) > tolerance:
        raise UsageError(
            f"a picture of {width}x{height} px has the proportions {width / height:.3f}, the card has "
            f"{card.outer_width_mm / card.outer_height_mm:.3f} with bleed and {card.width_mm / card.height_mm:.3f} "
            "without",
            remedy=ADVICE,
        )
    size = (width, height)
    is_outer = as_outer <= as_trim
    if max(as_outer, as_trim) <= tolerance and card.bleed_mm > 0:
        is_outer = size == (card.width_px, card.height_px) or (is_outer and size != card.trim_px)
    if is_outer:
        outer = _of_aspect(width, height, card.outer_width_mm / card.outer_height_mm)
        return crop_of(width, height, card, outer, border_mm=border_mm)
    if size == card.trim_px:
        x0, y0 = (card.width_px - width) // 2, (card.height_px - height) // 2
        outer = Box(-x0, -y0, card.width_px - x0, card.height_px - y0)
    else:
        outer = _with_bleed(_of_aspect(width, height, card.width_mm / card.height_mm), card)
    found = crop_of(width, height, card, outer, border_mm=border_mm)
    if found.bordered:
        return found
    return replace(found, warnings=("the picture has the proportions of the cut card: it has no bleed of its own",))


def _covering(scene: Scene) -> Box:
    """Return the outer box that covers the card with the picture; the faces that are left out pull no more."""
    best = best_placement(scene, _cover_trials(scene, scene.subjects))
    trim = scene.card.inset(best, scene.card.bleed_mm)
    kept = [
        face for face in scene.subjects
        if trim.intersection(scene.seen(face.box)).area > (1 - GONE_SHARE) * scene.seen(face.box).area
    ]  # fmt: skip
    return best if len(kept) in (0, len(scene.subjects)) else best_placement(scene, _cover_trials(scene, kept))


def _cover_trials(scene: Scene, faces: Sequence[Face]) -> list[Trial]:
    """Return the sizes to try, smallest first: all bleed real, then as much larger as whole heads need."""
    card = scene.card
    smallest = scene.px_per_mm(card.bleed_mm + scene.border_mm if scene.border_mm > 0 else 0.0)
    if not faces:
        return [Trial(smallest, scene.width / 2, scene.height / 2)]
    heads, boxes = [scene.seen(head_box(face)) for face in faces], [scene.seen(face.box) for face in faces]
    largest = max(scene.px_per_mm(card.bleed_mm + scene.border_mm), smallest)
    free = card.width_mm - 2 * scene.margin_mm, card.height_mm - 2 * scene.margin_mm
    sizes = {smallest, *np.linspace(smallest, largest, SIZES).tolist()}
    if min(free) > 0:
        for around in map(_around, (heads, boxes)):
            sizes.add(min(max(around.width / free[0], around.height / free[1], smallest), largest))
    x, y = _around(boxes).centre
    return [Trial(size, x, y + (0.5 - SUBJECT_LINE) * card.height_mm * size, steps=STEPS) for size in sorted(sizes)]


def _around(boxes: Sequence[Box]) -> Box:
    return Box(
        min(box.x0 for box in boxes), min(box.y0 for box in boxes), max(box.x1 for box in boxes),
        max(box.y1 for box in boxes),
    )  # fmt: skip


def _contained(width: int, height: int, card: CardGeometry, border_mm: float) -> Crop:
    free_width, free_height = card.width_mm - 2 * border_mm, card.height_mm - 2 * border_mm
    px_per_mm = max(width / free_width, height / free_height)
    x0, y0 = (width - px_per_mm * card.outer_width_mm) / 2, (height - px_per_mm * card.outer_height_mm) / 2
    outer = Box(x0, y0, width - x0, height - y0)
    found = crop_of(width, height, card, outer, border_mm=border_mm, bordered=True)
    return replace(found, source=Box(0, 0, width, height))  # rounding to the card's pixels takes none of the picture


def _cropped(width: int, height: int, card: CardGeometry, crop: Box, border_mm: float) -> Crop:
    if not (crop.width > 0 and crop.height > 0):
        raise UsageError("the crop is empty", item="--crop", remedy="give left, top, right, bottom in pixels")
    limits = Box(0, 0, width, height)
    inside = crop.clipped(width, height)
    out = max(abs(a - b) for a, b in zip(crop.as_list(9), inside.as_list(9), strict=True))
    if out > OUTSIDE_TOLERANCE_PX:
        raise UsageError(
            f"the crop {_spoken(crop)} reaches outside a picture of {width}x{height} px",
            item="--crop",
            remedy="the crop is what remains after cutting; bleed is found around it by itself",
        )
    aspect = card.width_mm / card.height_mm
    if _deviation(crop.width, crop.height, aspect) > max(CROP_TOLERANCE, 1 / crop.width + 1 / crop.height):
        raise UsageError(
            f"a crop of {crop.width:g}x{crop.height:g} px has the proportions {crop.width / crop.height:.3f}, the cut "
            f"card has {aspect:.3f}",
            item="--crop",
            remedy=f"make it {crop.width:.0f}x{crop.width / aspect:.0f} or "
            f"{crop.height * aspect:.0f}x{crop.height:.0f}",
        )
    trim = _grown_to(inside, aspect, limits)
    change = max(trim.width - crop.width, trim.height - crop.height)
    said = (f"the crop was made {change:.1f} px longer to have the card's proportions",) if change >= 0.5 else ()
    return crop_of(width, height, card, _with_bleed(trim, card), border_mm=border_mm, warnings=said)


# --- what they share ----------------------------------------------------------------------------------------------


def _with_bleed(trim: Box, card: CardGeometry) -> Box:
    """Return the outer box of a trim."""
    dx, dy = card.bleed_mm * trim.width / card.width_mm, card.bleed_mm * trim.height / card.height_mm
    return Box(trim.x0 - dx, trim.y0 - dy, trim.x1 + dx, trim.y1 + dy)


def _deviation(width: float, height: float, aspect: float) -> float:
    """Return by which share proportions differ; the same for a picture and one lying on its side."""
    return abs(math.log(width / height / aspect))


def _of_aspect(width: int, height: int, aspect: float) -> Box:
    """Return the whole picture where rounding explains its proportions, else the middle that has the exact ones."""
    if _deviation(width, height, aspect) <= ROUNDING_PX / width + ROUNDING_PX / height:
        return Box(0, 0, width, height)
    if width / height > aspect:
        spare = (width - height * aspect) / 2
        return Box(spare, 0, width - spare, height)
    spare = (height - width / aspect) / 2
    return Box(0, spare, width, height - spare)


def _grown_to(box: Box, aspect: float, limits: Box) -> Box:
    """Return the box with its short side grown to the aspect, moved inside the limits; smaller where it must."""
    width, height = max(box.width, box.height * aspect), max(box.height, box.width / aspect)
    fit = min(1.0, limits.width / width, limits.height / height)
    width, height = width * fit, height * fit
    x0 = min(max(box.centre[0] - width / 2, limits.x0), limits.x1 - width)
    y0 = min(max(box.centre[1] - height / 2, limits.y0), limits.y1 - height)
    return Box(x0, y0, x0 + width, y0 + height)


def _spoken(box: Box) -> str:
    return ",".join(f"{value:g}" for value in (box.x0, box.y0, box.x1, box.y1))


def render_crop(
    pixels: Samples, crop: Crop, geometry: CardGeometry, *, fill: tuple[int, int, int] | None = None
) -> Samples:
    """Return the card's pixels: real ones resampled once (Lanczos), the rest filled or synthesised.

    Where no resampling is needed the picture's pixels come back bit for bit.

    Args:
        pixels: (height, width, 3) RGB, uint8 or uint16: the picture that was cropped.
        crop: Of a picture of this size for this card.
        geometry: The card.
        fill: RGB colour of the border in [0, 255], also for 16 bits; needed where the crop is bordered and used only
            there.

    Returns:
        (geometry.height_px, geometry.width_px, 3) of the same type.

    Raises:
        ValueError: The crop has a border and no colour was given.
    """
    real, source = crop.real or _whole(geometry), crop.source or crop.box
    width, height = round(real.width), round(real.height)
    if (source.width, source.height) == (width, height) and source.x0 == int(source.x0) and source.y0 == int(source.y0):
        part = pixels[source.as_slices()]
    else:
        part = resample(pixels, source, width, height)
    if not crop.bordered:
        return with_bleed(part, crop, geometry)
    if fill is None:
        raise ValueError("a crop with a border needs its colour")
    card: Samples = np.empty((geometry.height_px, geometry.width_px, 3), pixels.dtype)
    card[:] = np.array(fill, np.uint32) * (np.iinfo(pixels.dtype).max // 255)
    card[real.as_slices()] = part
    return card


def with_bleed(part: Samples, crop: Crop, geometry: CardGeometry) -> Samples:
    """Return the whole card of its real part: what the picture does not have is drawn on.

    Args:
        part: (height, width, 3) RGB, uint8 or uint16: of the size of ``crop.real``, or the whole card.
        crop: What the card shows, without a border.
        geometry: The card.

    Returns:
        (geometry.height_px, geometry.width_px, 3) of the same type.
    """
    real = crop.real or _whole(geometry)
    card: Samples = np.zeros((geometry.height_px, geometry.width_px, 3), part.dtype)
    card[real.as_slices()] = part
    return card if real == _whole(geometry) else synthesise_bleed(card, real)


def _whole(geometry: CardGeometry) -> Box:
    return Box(0, 0, geometry.width_px, geometry.height_px)
