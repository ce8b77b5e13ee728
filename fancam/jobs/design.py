"""Makes one finished card of a picture, in memory: which part of it, what lies over it, its back, and preflight."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fancam import faces, pictures
from fancam.cards import CardFacts, check_card, finish_front, make_back, parse_colour
from fancam.crop import compose, main_subjects, render_crop
from fancam.errors import UsageError
from fancam.geometry import Box
from fancam.jobs.sources import Source
from fancam.jobs.stopwatch import Stopwatch
from fancam.media import Picture, Samples
from fancam.nn import ModelStore
from fancam.paper import CardSize, Check, card_geometry, card_size, limits
from fancam.provenance import Provenance
from fancam.results import CardGeometry, Crop
from fancam.settings import Settings


@dataclass(frozen=True, slots=True, eq=False)
class Side:
    """One side of a card, ready to be written."""

    pixels: Samples
    """(height, width, 3) sRGB."""
    screen: Picture
    """The same with 8 bits."""
    ink: Picture | None = None
    """The same in the colours of the press, (height, width, 4) where that is CMYK; None without a press profile."""


@dataclass(frozen=True, slots=True)
class Pressed:
    """What converting a side for the press showed."""

    ink_percent: float | None
    """Most total ink; None where the press is not CMYK."""
    out_of_gamut_share: float | None
    """Share of the side whose colours the press cannot print; None without a press profile."""


@dataclass(frozen=True, slots=True, eq=False)
class Design:
    """A finished card in memory."""

    source: Source
    width: int
    """Of the picture, upright, in pixels."""
    height: int
    size: CardSize
    geometry: CardGeometry
    front: Side
    back: Side | None
    crop: Crop
    effective_ppi: float
    """Pixels of the camera per printed inch: what fancam added to the picture before is not counted."""
    origin: Provenance
    faces: tuple[Box, ...]
    """In pixels of the card."""
    text_boxes: tuple[Box, ...]
    """In pixels of the card."""
    ink_percent: float | None
    """Most total ink of the front; None where it is not in CMYK."""
    checks: tuple[Check, ...]
    warnings: tuple[str, ...]

    @property
    def bleed_share(self) -> float:
        """Share of the bleed that is the picture's own or a border; what is left was made up."""
        return 1.0 if self.crop.bordered else self.crop.bleed_share


class Designer:
    """Makes cards.

    Args:
        settings: Of the card, what lies over it, the press and the faces.
        store: Where the weights of the face detector are.
        crop: The part to show after cutting, in pixels of every picture; None composes.
        watch: Counts the seconds of each step.

    Raises:
        UsageError: The size, the printer or a colour is unknown.
        ProfileError: The press profile cannot be used.
    """

    def __init__(self, settings: Settings, store: ModelStore, crop: Box | None, watch: Stopwatch) -> None:
        self.settings = settings
        self.watch = watch
        self.crop = crop
        self.art = settings.art
        self.printer = limits(settings.art, settings.press)
        self.press = (
            None if settings.press.profile is None else pictures.read_press_profile(Path(settings.press.profile))
        )
        self.border_colour = parse_colour(self.art.border_colour)
        parse_colour(self.art.text_colour)  # a wrong one is said before the first picture is read
        self.size = card_size(settings.card.size)
        self.format = _format(settings.card.format, self.press)
        # One picture at a time: a graphics card gains nothing, and loading torch takes longer than looking.
        self._detector = faces.create_detector(
            settings.faces, store, device="cpu", long_edges_px=faces.PHOTO_LONG_EDGES_PX
        )

    def __call__(self, source: Source) -> Design:
        """Return the card of a picture.

        Raises:
            FancamError: The picture cannot be used, or has not the card's proportions.
        """
        watch = self.watch
        with watch("read"):
            still = pictures.open_picture(source.path)
            facts, screen = still.facts, still.srgb()
        with watch("faces"):
            subjects = main_subjects([face.box for face in self._detector.detect([screen])[0]])
        origin = Provenance.from_xmp(facts.xmp)
        size, geometry = self._lying(still)
        with watch("compose"):
            crop = self._crop_of(still, origin, geometry, subjects)
            fill = self.border_colour if self.art.fit == "contain" else None
            shown = render_crop(_working(still, screen), crop, geometry, fill=fill)
            finished = finish_front(
                shown, geometry, self.art, safe_mm=self.printer.safe_mm, corner_radius_mm=size.corner_radius_mm
            )
        effective_ppi = crop.effective_ppi / origin.enlargement
        with watch("back"):
            made_of = dataclasses.replace(origin, source=origin.source or source.path.name)
            lines = made_of.back_lines(effective_ppi, geometry)
            back = make_back(
                geometry, self.art, provenance_lines=lines, safe_mm=self.printer.safe_mm, front=finished.pixels
            )
        with watch("press"):
            front = self._side(finished.pixels)
            back_side = None if back is None else self._side(back.pixels)
        on_card = [_on_card(face, crop, geometry) for face in subjects]
        pressed = self._pressed(front)
        design = Design(
            source, still.width, still.height, size, geometry, front, back_side, crop, effective_ppi, origin,
            tuple(face for face in on_card if face is not None), finished.text_boxes, pressed.ink_percent, (),
            (*still.warnings, *crop.warnings, *finished.notes, *(back.notes if back else ())),
        )  # fmt: skip
        texts = (*finished.text_boxes, *(back.text_boxes if back else ()))
        card = self._facts(design, texts, pressed)
        return dataclasses.replace(design, checks=check_card(card, self.printer))

    # --- what is shown -----------------------------------------------------------------------------------------

    def _lying(self, still: pictures.StillPicture) -> tuple[CardSize, CardGeometry]:
        """Return the card's size and geometry, laid as the picture or the crop lies unless an orientation is set."""
        size, geometry = self.size, card_geometry(self.settings.card)
        is_wide = size.width_mm > size.height_mm
        shown = self.crop or Box(0, 0, still.width, still.height)
        by_picture = is_wide if shown.width == shown.height else shown.width > shown.height
        wide = {"portrait": False, "landscape": True, "auto": by_picture}[self.art.orientation]
        if wide == is_wide:
            return size, geometry
        return (
            dataclasses.replace(size, width_mm=size.height_mm, height_mm=size.width_mm),
            dataclasses.replace(geometry, width_mm=geometry.height_mm, height_mm=geometry.width_mm),
        )

    def _crop_of(
        self, still: pictures.StillPicture, origin: Provenance, geometry: CardGeometry, subjects: Sequence[Box]
    ) -> Crop:
        fit, crop = self.art.fit, self.crop
        stated = origin.card_in(still.width, still.height)
        if crop is None and stated is not None and _same_card(stated, geometry):
            fit = "exact"
        elif crop is None:
            crop = origin.trim_in(still.width, still.height, geometry)
        return compose(
            still.width, still.height, geometry, fit=fit, crop=crop, subjects=subjects,
            safe_mm=self.printer.safe_mm, border_mm=self.art.border_mm,
        )  # fmt: skip

    # --- press and preflight -----------------------------------------------------------------------------------

    def _side(self, pixels: Samples) -> Side:
        """Return a side in the colours of the press."""
        screen = pictures.to_8_bit(pixels)
        if self.press is None:
            return Side(pixels, screen)
        settings = self.settings.press
        black_point = settings.black_point == "on"
        ink = pictures.to_press(pixels, None, self.press, intent=settings.intent, black_point=black_point)
        return Side(pixels, screen, ink)

    def _pressed(self, side: Side) -> Pressed:
        if self.press is None or side.ink is None:
            return Pressed(None, None)
        ink_percent = pictures.most_ink(side.ink) if self.press.space == "cmyk" else None
        return Pressed(ink_percent, pictures.out_of_gamut(side.screen, None, self.press)[1])

    def proof(self, side: Side) -> Picture:
        """Return how the press will show a side, as sRGB.

        Raises:
            UsageError: There is no press profile.
        """
        if self.press is None or side.ink is None:
            raise UsageError("a proof needs the profile of the press", remedy="give --profile FILE.icc")
        return pictures.soft_proof(side.ink, self.press)

    def _facts(self, design: Design, text_boxes: tuple[Box, ...], press: Pressed) -> CardFacts:
        """Return what preflight looks at: the card as its file will be."""
        geometry, profile = design.geometry, self.press
        file = pictures.PictureFacts(
            width_px=geometry.width_px,
            height_px=geometry.height_px,
            space="rgb" if profile is None else profile.space,
            bits=8 * design.front.pixels.dtype.itemsize,
            has_alpha=False,
            transparent_share=0.0,
            profile_description="sRGB" if profile is None else profile.description,
            profile_space="rgb" if profile is None else profile.space,
            is_srgb=profile is None,
            dpi=(geometry.dpi, geometry.dpi),
            format={"png": "PNG", "jpg": "JPEG", "tif": "TIFF"}[self.format],
            jpeg_quality=self.settings.card.jpeg_quality if self.format == "jpg" else None,
        )
        return CardFacts(
            name=design.source.stem,
            facts=file,
            width_mm=geometry.width_mm,
            height_mm=geometry.height_mm,
            bleed_mm=geometry.bleed_mm,
            bleed_share=design.bleed_share,
            effective_ppi=design.effective_ppi,
            faces=design.faces,
            text_boxes=text_boxes,
            text_size_mm=self.art.text_size_mm if self.art.text else None,
            ink_percent=press.ink_percent,
            out_of_gamut_share=press.out_of_gamut_share,
            invented=design.origin.invented,
        )


def _same_card(one: CardGeometry, other: CardGeometry) -> bool:
    """Whether two cards have the same size and bleed, whatever their resolution."""
    return dataclasses.replace(one, dpi=other.dpi) == other


def _on_card(face: Box, crop: Crop, geometry: CardGeometry) -> Box | None:
    """Return a face in pixels of the card; None where its middle is not on it."""
    x, y = face.centre
    if not (crop.box.x0 <= x <= crop.box.x1 and crop.box.y0 <= y <= crop.box.y1):
        return None
    return face.shown_in(crop.box, geometry.width_px, geometry.height_px)


def _working(still: pictures.StillPicture, screen: Picture) -> Samples:
    """Return the picture as sRGB on white, with 16 bits where it has them and is sRGB already."""
    return still.colour if still.alpha is None and pictures.is_srgb(still.profile) else screen


def _format(wanted: str, press: pictures.PressProfile | None) -> str:
    """Return the ending of the cards: PNG has no CMYK, so that becomes TIFF."""
    return "tif" if press is not None and press.space == "cmyk" and wanted == "png" else wanted
