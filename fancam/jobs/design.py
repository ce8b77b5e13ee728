"""Makes one finished card of a picture, in memory: which part of it, what lies over it, its back, and preflight."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fancam import faces, pictures
from fancam.cards import CardFacts, Side, check_card, finish_front, make_back, parse_colour
from fancam.cropping import compose, main_subjects, render_crop
from fancam.errors import UsageError
from fancam.geometry import PPI_DIGITS, Box, CardGeometry
from fancam.jobs.frame import Stopwatch
from fancam.jobs.workspace import Source
from fancam.media import Picture
from fancam.nn import ModelStore
from fancam.paper import CardSize, Check, card_geometry, card_size, limits
from fancam.provenance import Provenance
from fancam.results import Crop, Face
from fancam.settings import Settings


@dataclass(frozen=True, slots=True, eq=False)
class FinishedCard:
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
    ink_percent: float | None
    """Most total ink of the front; None where it is not in CMYK."""
    warnings: tuple[str, ...]
    checks: tuple[Check, ...] = ()

    @property
    def bleed_share(self) -> float:
        """Share of the bleed that is the picture's own or a border; what is left was made up."""
        return 1.0 if self.crop.bordered else self.crop.bleed_share


class Designer:
    """Makes cards.

    Raises:
        UsageError: The size, the printer or a colour is unknown.
        ProfileError: The press profile cannot be used.
    """

    def __init__(self, settings: Settings, store: ModelStore, crop: Box | None, watch: Stopwatch) -> None:
        self.settings = settings
        self.watch = watch
        self.crop = crop
        self.design = settings.design
        self.printer = limits(settings.design, settings.press)
        profile = settings.press.profile
        self.press = None if profile is None else pictures.read_press_profile(Path(profile))
        self.border_colour = parse_colour(self.design.border_colour)
        parse_colour(self.design.text_colour)  # a wrong one is said before the first picture is read
        self.size = card_size(settings.card.size)
        # PNG has no CMYK.
        in_cmyk = self.press is not None and self.press.space == "cmyk"
        self.format = "tif" if in_cmyk and settings.card.format == "png" else settings.card.format
        # One picture at a time: a graphics card gains nothing, and loading torch takes longer than looking.
        self._detector = faces.create_detector(
            settings.faces, store, device="cpu", long_edges_px=faces.PHOTO_LONG_EDGES_PX
        )

    def __call__(self, source: Source) -> FinishedCard:
        """Return the card of a picture.

        Raises:
            FancamError: The picture cannot be used, or has not the card's proportions.
        """
        watch, design, safe_mm = self.watch, self.design, self.printer.safe_mm
        with watch("read"):
            still = pictures.open_picture(source.path)
            facts, screen = still.facts, still.srgb()
        with watch("faces"):
            found = self._detector.detect([screen])[0]
        origin = Provenance.from_xmp(facts.xmp)
        size, geometry = self._lying(still)
        with watch("compose"):
            crop = self._crop_of(still, origin, geometry, found)
            # 16 bits where the picture has them and is sRGB already, on white.
            plain = still.alpha is None and pictures.is_srgb(still.profile)
            shown = render_crop(still.colour if plain else screen, crop, geometry, fill=self.border_colour)
            front = finish_front(shown, geometry, design, safe_mm=safe_mm, corner_radius_mm=size.corner_radius_mm)
        effective_ppi = round(crop.effective_ppi / origin.enlargement, PPI_DIGITS)
        with watch("back"):
            made_of = dataclasses.replace(origin, source=origin.source or source.path.name)
            lines = made_of.back_facts(effective_ppi, geometry)
            back = make_back(geometry, design, facts=lines, safe_mm=safe_mm, front=front.pixels)
        with watch("press"):
            front, back = self._pressed(front), None if back is None else self._pressed(back)
            is_cmyk = self.press is not None and self.press.space == "cmyk" and front.ink is not None
            ink_percent = pictures.most_ink(front.ink) if is_cmyk and front.ink is not None else None
        subjects = [face.box for face in main_subjects(found)]
        shown_faces = (face for face in subjects if crop.box.contains(Box(*face.centre, *face.centre)))
        card = FinishedCard(
            source, still.width, still.height, size, geometry, front, back, crop, effective_ppi, origin,
            tuple(face.shown_in(crop.box, geometry.width_px, geometry.height_px) for face in shown_faces), ink_percent,
            (*still.warnings, *crop.warnings, *front.notes, *(back.notes if back else ())),
        )  # fmt: skip
        return dataclasses.replace(card, checks=check_card(self._facts(card), self.printer))

    # --- what is shown -----------------------------------------------------------------------------------------

    def _lying(self, still: pictures.StillPicture) -> tuple[CardSize, CardGeometry]:
        """Return the card's size and geometry, laid as the picture or the crop lies unless an orientation is set."""
        size, geometry = self.size, card_geometry(self.settings.card)
        is_wide = size.width_mm > size.height_mm
        shown = self.crop or Box(0, 0, still.width, still.height)
        by_picture = is_wide if shown.width == shown.height else shown.width > shown.height
        wide = {"portrait": False, "landscape": True, "auto": by_picture}[self.design.orientation]
        if wide == is_wide:
            return size, geometry
        return dataclasses.replace(size, width_mm=size.height_mm, height_mm=size.width_mm), geometry.turned

    def _crop_of(
        self, still: pictures.StillPicture, origin: Provenance, geometry: CardGeometry, found: Sequence[Face]
    ) -> Crop:
        """Return what the card shows: a picture that is this card already is taken exactly."""
        fit, crop = self.design.fit, self.crop
        stated = origin.card_in(still.width, still.height)
        if crop is None and stated is not None and dataclasses.replace(stated, dpi=geometry.dpi) == geometry:
            fit = "exact"
        elif crop is None:
            crop = origin.trim_in(still.width, still.height, geometry)
        return compose(
            still.width, still.height, geometry, fit=fit, crop=crop, faces=found, limits=self.printer,
            border_mm=self.design.border_mm,
        )  # fmt: skip

    # --- press and preflight -----------------------------------------------------------------------------------

    def _pressed(self, side: Side) -> Side:
        """Return a side with its inks, where there is a press profile."""
        if self.press is None:
            return side
        settings = self.settings.press
        black_point = settings.black_point == "on"
        ink = pictures.to_press(side.pixels, None, self.press, intent=settings.intent, black_point=black_point)
        return dataclasses.replace(side, ink=ink)

    def proof(self, side: Side) -> Picture:
        """Return how the press will show a side, as sRGB.

        Raises:
            UsageError: There is no press profile.
        """
        if self.press is None or side.ink is None:
            raise UsageError("a proof needs the profile of the press", remedy="give --profile FILE.icc")
        return pictures.soft_proof(side.ink, self.press)

    def _facts(self, card: FinishedCard) -> CardFacts:
        """Return what preflight looks at: the card as its file will be."""
        geometry, profile = card.geometry, self.press
        file = pictures.PictureFacts(
            width_px=geometry.width_px,
            height_px=geometry.height_px,
            space="rgb" if profile is None else profile.space,
            bits=8 * card.front.pixels.dtype.itemsize,
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
            name=card.source.stem,
            facts=file,
            width_mm=geometry.width_mm,
            height_mm=geometry.height_mm,
            bleed_mm=geometry.bleed_mm,
            bleed_share=card.bleed_share,
            effective_ppi=card.effective_ppi,
            true_scale=card.origin.true_scale,
            faces=card.faces,
            text_boxes=(*card.front.text_boxes, *(card.back.text_boxes if card.back else ())),
            text_size_mm=self.design.text_size_mm if self.design.text else None,
            ink_percent=card.ink_percent,
            out_of_gamut_share=None if profile is None else pictures.out_of_gamut(card.front.screen, None, profile)[1],
            invented=card.origin.invented,
        )
