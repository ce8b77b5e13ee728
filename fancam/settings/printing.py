"""Settings of what is printed: cards, what lies over them, the press, sheets."""

from __future__ import annotations

from dataclasses import dataclass

from fancam.settings.rules import (
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
    Checked,
    between,
    one_of,
    require,
)


@dataclass(frozen=True, slots=True)
class CardSettings(Checked):
    """The printed card."""

    size: str = "kpop"
    """A name from ``paper/sizes.toml`` or a free size such as ``55x85mm``."""
    bleed_mm: float = between(0, 50, default=3.0)
    dpi: float = between(36, 4800, default=300.0)
    long_edge_px: int | None = between(64, 30000, default=None)
    """When set, the long edge of the file in pixels (bleed counted); the paper size stays and the dpi follows."""
    format: str = one_of(CARD_FORMATS, default="png")
    jpeg_quality: int = between(1, 100, default=95)


@dataclass(frozen=True, slots=True)
class DesignSettings(Checked):
    """What is made of a picture to become a card: how it fills the card, what lies over it, what is on its back."""

    fit: str = one_of(FITS, default="exact")
    """``exact`` takes pictures that have the card's proportions already, with or without bleed; ``cover`` cuts off
    what does not fit and keeps faces; ``contain`` shows all of it inside a border."""
    orientation: str = one_of(ORIENTATIONS, default="auto")
    """``auto`` lays the card as the picture lies."""
    border_mm: float = between(0, 100, default=0.0)
    """Width of the border inside the trim; it goes on into the bleed."""
    border_colour: str = "#ffffff"
    frame: str | None = None
    """Path of a PNG with transparency that is laid over the whole card, bleed included."""
    text: str = ""
    """Lines are separated by a line feed."""
    font: str | None = None
    """Path of a TrueType or OpenType file; needed for text."""
    text_size_mm: float = between(0.5, 100, default=4.0)
    text_colour: str = "#ffffff"
    text_outline_mm: float = between(0, 10, default=0.0)
    """Width of a dark (or, around dark text, light) outline."""
    text_place: str = one_of(PLACES, default="bottom")
    back: str | None = None
    """Path of a picture, a colour such as ``#1c1c1e``, or ``provenance``: where the front comes from, in words."""
    back_text: str = ""
    safe_mm: float | None = between(0, 50, default=None)
    """Distance from the cut within which no face and no text should be; None: the printer's."""


@dataclass(frozen=True, slots=True)
class PressSettings(Checked):
    """Who prints, and in which colours."""

    printer: str = "home"
    """A name from ``paper/printers.toml``: limits for preflight, colours, layout."""
    profile: str | None = None
    """Path of an ICC profile of the press or printer; the pixels are converted to it."""
    intent: str = one_of(INTENTS, default="relative")
    """Rendering intent of the conversion (ICC.1:2022, 6.2)."""
    black_point: str = one_of(SWITCH, default="on")
    """Black point compensation (ISO 18619)."""


@dataclass(frozen=True, slots=True)
class SheetSettings(Checked):
    """How cards lie on paper."""

    paper: str = "a4"
    """A name from ``paper/papers.toml`` or a free size such as ``210x297mm``."""
    orientation: str = one_of(ORIENTATIONS, default="auto")
    """Of the paper; ``auto`` turns it so that most cards fit, upright where that makes no difference."""
    margin_mm: float = between(0, 100, default=5.0)
    """What the printer leaves white."""
    layout: str = one_of(LAYOUTS, default="auto")
    """``sheet``, ``single`` (one card per page, for print shops) or what the printer wants."""
    gutter: str = one_of(GUTTERS, default="separate")
    """``separate``: every card has its whole bleed. ``shared``: neighbours share the width of one bleed. ``outside``:
    neighbours touch and are parted by one cut; bleed only around the block."""
    gap_mm: float = between(0, 100, default=0.0)
    """White between the bleeds of neighbours; with ``separate`` only."""
    bleed_mm: float | None = between(0, 50, default=None)
    """How much of the files' bleed is printed; None: all of it."""
    crop_marks: str = one_of(SWITCH, default="on")
    registration: str = one_of(REGISTRATIONS, default="off")
    """Registration marks of a Silhouette cutter: ``3`` or ``4`` of them."""
    registration_inset_mm: float = between(0, 100, default=10.0)
    """From the paper's edge to the outside of the registration marks."""
    duplex: str = one_of(DUPLEX, default="off")
    """``long`` or ``short``: the edge over which the paper is turned. The printer's own way must be the same."""
    back_x_mm: float = between(-20, 20, default=0.0)
    """What the back is moved by, to the right; measured with a calibration sheet."""
    back_y_mm: float = between(-20, 20, default=0.0)
    """What the back is moved by, downward."""
    back_angle_deg: float = between(-5, 5, default=0.0)
    """What the back is turned by, clockwise."""
    skip: str = ""
    """Positions that stay empty on every page, counted from 1 in reading order, separated by commas."""
    ruler: str = one_of(SWITCH, default="on")
    copies: int = between(1, 1000, default=1)

    def check_together(self) -> None:
        """Refuse a gap between cards that share their bleed, and positions that are none."""
        require(self.gap_mm == 0 or self.gutter == "separate", "gap_mm", self.gap_mm, "0 unless gutter is separate")
        places = [part.strip() for part in self.skip.split(",") if self.skip]
        right = all(place.isdigit() and int(place) > 0 for place in places)
        require(right, "skip", self.skip, "positions such as 1,4")

    @property
    def skipped(self) -> frozenset[int]:
        """The positions that stay empty, counted from 1."""
        return frozenset(int(part) for part in self.skip.split(",") if self.skip)
