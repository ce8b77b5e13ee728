"""Settings of what is printed: cards, what lies over them, the press, sheets."""

from __future__ import annotations

from dataclasses import dataclass

from fancam.errors import unknown_choice
from fancam.settings.choices import (
    CARD_FORMATS,
    DUPLEX,
    FITS,
    GUTTERS,
    INTENTS,
    LAYOUTS,
    ORIENTATIONS,
    PLACES,
    REGISTRATIONS,
    SWITCH,
    require,
)


@dataclass(frozen=True, slots=True)
class CardSettings:
    """The printed card."""

    size: str = "kpop"
    """A name from ``printing/sizes.toml`` or a free size such as ``55x85mm``."""
    bleed_mm: float = 3.0
    dpi: float = 300.0
    long_edge_px: int | None = None
    """When set, the long edge of the file in pixels (bleed counted); the paper size stays and the dpi follows."""
    format: str = "png"
    jpeg_quality: int = 95

    def __post_init__(self) -> None:
        require(0 <= self.bleed_mm <= 50, "bleed_mm", self.bleed_mm, "between 0 and 50")
        require(36 <= self.dpi <= 4800, "dpi", self.dpi, "between 36 and 4800")
        require(
            self.long_edge_px is None or 64 <= self.long_edge_px <= 30000,
            "long_edge_px", self.long_edge_px, "between 64 and 30000",
        )  # fmt: skip
        if self.format not in CARD_FORMATS:
            raise unknown_choice("format", self.format, CARD_FORMATS)
        require(1 <= self.jpeg_quality <= 100, "jpeg_quality", self.jpeg_quality, "between 1 and 100")


@dataclass(frozen=True, slots=True)
class ArtSettings:
    """What is made of a picture to become a card: how it fills the card, what lies over it, what is on its back."""

    fit: str = "exact"
    """``exact`` takes pictures that have the card's proportions already, with or without bleed; ``cover`` cuts off
    what does not fit and keeps faces; ``contain`` shows all of it inside a border."""
    orientation: str = "auto"
    """``auto`` lays the card as the picture lies."""
    border_mm: float = 0.0
    """Width of the border inside the trim; it goes on into the bleed."""
    border_colour: str = "#ffffff"
    frame: str | None = None
    """Path of a PNG with transparency that is laid over the whole card, bleed included."""
    text: str = ""
    """Lines are separated by a line feed."""
    font: str | None = None
    """Path of a TrueType or OpenType file; needed for text."""
    text_size_mm: float = 4.0
    text_colour: str = "#ffffff"
    text_outline_mm: float = 0.0
    """Width of a dark (or, around dark text, light) outline."""
    text_place: str = "bottom"
    back: str | None = None
    """Path of a picture, a colour such as ``#1c1c1e``, or ``provenance``: where the front comes from, in words."""
    back_text: str = ""
    safe_mm: float | None = None
    """Distance from the cut within which no face and no text should be; None: the printer's."""

    def __post_init__(self) -> None:
        for name, valid in (("fit", FITS), ("orientation", ORIENTATIONS), ("text_place", PLACES)):
            if getattr(self, name) not in valid:
                raise unknown_choice(name, getattr(self, name), valid)
        require(0 <= self.border_mm <= 100, "border_mm", self.border_mm, "between 0 and 100")
        require(0.5 <= self.text_size_mm <= 100, "text_size_mm", self.text_size_mm, "between 0.5 and 100")
        require(0 <= self.text_outline_mm <= 10, "text_outline_mm", self.text_outline_mm, "between 0 and 10")
        require(self.safe_mm is None or 0 <= self.safe_mm <= 50, "safe_mm", self.safe_mm, "between 0 and 50")


@dataclass(frozen=True, slots=True)
class PressSettings:
    """Who prints, and in which colours."""

    printer: str = "home"
    """A name from ``paper/printers.toml``: limits for preflight, colours, layout."""
    profile: str | None = None
    """Path of an ICC profile of the press or printer; the pixels are converted to it."""
    intent: str = "relative"
    """Rendering intent of the conversion (ICC.1:2022, 6.2)."""
    black_point: str = "on"
    """Black point compensation (ISO 18619)."""

    def __post_init__(self) -> None:
        if self.intent not in INTENTS:
            raise unknown_choice("intent", self.intent, INTENTS)
        if self.black_point not in SWITCH:
            raise unknown_choice("black_point", self.black_point, SWITCH)


@dataclass(frozen=True, slots=True)
class SheetSettings:
    """How cards lie on paper."""

    paper: str = "a4"
    """A name from ``printing/papers.toml`` or a free size such as ``210x297mm``."""
    orientation: str = "auto"
    """Of the paper; ``auto`` turns it so that most cards fit, upright where that makes no difference."""
    margin_mm: float = 5.0
    """What the printer leaves white."""
    layout: str = "auto"
    """``sheet``, ``single`` (one card per page, for print shops) or what the printer wants."""
    gutter: str = "separate"
    """``separate``: every card has its whole bleed. ``shared``: neighbours share the width of one bleed. ``outside``:
    neighbours touch and are parted by one cut; bleed only around the block."""
    gap_mm: float = 0.0
    """White between the bleeds of neighbours; with ``separate`` only."""
    bleed_mm: float | None = None
    """How much of the files' bleed is printed; None: all of it."""
    crop_marks: str = "on"
    registration: str = "off"
    """Registration marks of a Silhouette cutter: ``3`` or ``4`` of them."""
    registration_inset_mm: float = 10.0
    """From the paper's edge to the outside of the registration marks."""
    duplex: str = "off"
    """``long`` or ``short``: the edge over which the paper is turned. The printer's own way must be the same."""
    back_x_mm: float = 0.0
    """What the back is moved by, to the right; measured with a calibration sheet."""
    back_y_mm: float = 0.0
    """What the back is moved by, downward."""
    back_angle_deg: float = 0.0
    """What the back is turned by, clockwise."""
    skip: str = ""
    """Positions that stay empty on every page, counted from 1 in reading order, separated by commas."""
    ruler: str = "on"
    copies: int = 1

    def __post_init__(self) -> None:
        for name, valid in (
            ("orientation", ORIENTATIONS), ("layout", LAYOUTS), ("gutter", GUTTERS), ("crop_marks", SWITCH),
            ("registration", REGISTRATIONS), ("duplex", DUPLEX), ("ruler", SWITCH),
        ):  # fmt: skip
            if getattr(self, name) not in valid:
                raise unknown_choice(name, getattr(self, name), valid)
        require(0 <= self.margin_mm <= 100, "margin_mm", self.margin_mm, "between 0 and 100")
        require(0 <= self.gap_mm <= 100, "gap_mm", self.gap_mm, "between 0 and 100")
        require(self.gap_mm == 0 or self.gutter == "separate", "gap_mm", self.gap_mm, "0 unless gutter is separate")
        require(self.bleed_mm is None or 0 <= self.bleed_mm <= 50, "bleed_mm", self.bleed_mm, "between 0 and 50")
        require(0 <= self.registration_inset_mm <= 100, "registration_inset_mm", self.registration_inset_mm,
                 "between 0 and 100")  # fmt: skip
        for name in ("back_x_mm", "back_y_mm"):
            require(abs(getattr(self, name)) <= 20, name, getattr(self, name), "between -20 and 20")
        require(abs(self.back_angle_deg) <= 5, "back_angle_deg", self.back_angle_deg, "between -5 and 5")
        require(all(part.strip().isdigit() and int(part) > 0 for part in self.skip.split(",") if self.skip),
                 "skip", self.skip, "positions such as 1,4")  # fmt: skip
        require(1 <= self.copies <= 1000, "copies", self.copies, "between 1 and 1000")

    @property
    def skipped(self) -> frozenset[int]:
        """The positions that stay empty, counted from 1."""
        return frozenset(int(part) for part in self.skip.split(",") if self.skip)
