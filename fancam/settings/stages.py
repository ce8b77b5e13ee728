"""The settings of every stage: what is looked for, what is made of it, what is printed."""

from __future__ import annotations

import math
from dataclasses import dataclass

from fancam.errors import UsageError
from fancam.geometry import Box
from fancam.settings.rules import (
    AUTOMATIC,
    CARD_FORMATS,
    COMPILE,
    DEFAULT_TOP,
    DENOISERS,
    DETECTORS,
    DUPLEX,
    FITS,
    FRAMINGS,
    GRAINS,
    GUTTERS,
    INTENTS,
    LAYOUTS,
    ORIENTATIONS,
    PLACES,
    PRECISIONS,
    REGISTRATIONS,
    RESTORERS,
    SWITCH,
    UPSCALERS,
    WEIGHT_PRESETS,
    Checked,
    above,
    at_least,
    between,
    inside,
    name_or_file,
    one_of,
    require,
    word_or_number,
    zero_or,
)


@dataclass(frozen=True, slots=True)
class ScanSettings(Checked):
    """The first pass over a video, luma only."""

    least_fps: float = above(0, default=24.0)
    """Frames that no other one refers to are not scanned where at least so many per second remain; those next to the
    moments are looked at all the same. Cuts, flashes and cross-fades are found in so many frames per second."""
    probe_interval_s: float = above(0, default=1.0)
    """How often the scan searches for faces; between two searches their place is interpolated."""
    probe_long_edge_px: int = at_least(160, default=384)
    """Size of the picture that is searched for faces during the scan; 50 px in a 1080p frame are 10 px in it."""
    probe_min_face_px: int = at_least(1, default=10)
    """Smallest face the scan follows, in the picture it searches; the detector finds most faces of this height."""
    from_s: float | None = at_least(0, default=None)
    """Frames before this time are not looked at; None: from the start."""
    to_s: float | None = above(0, default=None)
    """Frames from this time on are not looked at; None: to the end."""
    crop: str | None = None
    """The part of the picture that is looked at: ``x,y,width,height`` in pixels of the upright frame; None: all."""
    candidates_per_pick: int = at_least(1, default=12)
    """How many moments per requested card are looked at exactly; for fewer than 8 cards as many as for 8."""

    def check_together(self) -> None:
        """Refuse a time span that ends before it begins, and a part that is none."""
        if self.from_s is not None and self.to_s is not None and self.to_s <= self.from_s:
            cause = f"the span from {self.from_s:g} s to {self.to_s:g} s ends before it begins"
            raise UsageError(cause, remedy=f"give an end later than {self.from_s:g} s")
        require(self.crop is None or self.crop_box is not None, "crop", self.crop, "x,y,width,height in pixels")

    @property
    def crop_box(self) -> Box | None:
        """The part of the picture that is looked at; None for all of it."""
        try:
            x, y, width, height = (float(part) for part in (self.crop or "").split(","))
        except ValueError:
            return None
        return Box(x, y, x + width, y + height) if min(x, y) >= 0 and min(width, height) >= 1 else None


@dataclass(frozen=True, slots=True)
class FaceSettings(Checked):
    """Detection."""

    detector: str = one_of(DETECTORS, default="auto")
    """``auto`` is the offline default (CenterFace)."""
    min_confidence: float = inside(0, 1, default=0.55)
    detect_long_edge_px: int = at_least(160, default=960)
    """Long edge of the picture the detector sees for video frames; photos are searched at up to 2048 px as well."""
    min_face_px: int = at_least(1, default=24)
    """Faces lower than this are not reported; smaller ones cannot carry a card."""


@dataclass(frozen=True, slots=True)
class PickSettings(Checked):
    """Which moments are chosen."""

    top: int | None = at_least(1, default=None)
    """How many different moments to keep. None: ``DEFAULT_TOP``, or as many as one of the next three asks for."""
    every_s: float | None = above(0, default=None)
    """The best of each stretch of so many seconds, counted from where the look begins; None: no stretches."""
    per_shot: int | None = at_least(1, default=None)
    """At most so many moments of each shot; None: any number."""
    per_person: int | None = at_least(1, default=None)
    """At most so many moments of each person, as far as a face can be followed; None: any number, but where several
    are on stage together their turns are shared."""
    min_gap_s: float = at_least(0, default=0.8)
    """Two picks of the same shot are at least this far apart."""
    min_share: float = between(0, 1, default=0.7)
    """A moment is left out whose score, or whose eyes or freedom from what covers a face, come to less than this share
    of the best moment's, unless the best of each stretch or shot is asked for; 0 leaves none out. Of stretches that an
    eye judged, 74 % of those with closed eyes or a covered face fall short, and 5 % of the good ones."""
    runners_up: int = between(0, 9, default=2)
    """How many of the faces that a pick beat are kept beside it."""
    keep_runners_up: bool = False
    """Whether ``fancam pick`` writes their frames as well."""
    weights: str = ""
    """Times the usual weight of a term of the score: ``eyes=2,pose=0.5``, 0 leaves a term out; or a name from
    ``WEIGHT_PRESETS``."""
    faces: bool = True
    """Whether faces are looked for; False judges whole frames. Cards need a face."""
    min_face_px: int = at_least(1, default=48)
    """A face lower than this does not become a card."""
    min_sharpness: float = between(0, 1, default=0.15)
    """A face softer than this (0 to 1, see ``picking.sharpness``) does not become a card."""
    all_faces: bool = True
    """Whether a photo's bystanders, who are far smaller or far softer than the people it is of, get a card as well."""
    format: str = one_of(CARD_FORMATS, default="png")
    """Of the frames that ``fancam pick`` writes; png and tif keep 16 bits of a video with more than 8."""
    jpeg_quality: int = between(1, 100, default=95)

    def check_together(self) -> None:
        """Refuse weights that are none."""
        names = ", ".join(WEIGHT_PRESETS)
        right = self.term_weights is not None
        require(right, "weights", self.weights, f"such as eyes=2,pose=0.5, none below 0, or one of {names}")

    @property
    def limit(self) -> int | None:
        """How many moments are kept at most; None: as many as there are stretches, shots or persons for."""
        asked = self.every_s or self.per_shot or self.per_person
        return self.top if self.top is not None or asked else DEFAULT_TOP

    @property
    def gap_s(self) -> float:
        """How far apart picks of a shot are: half a stretch where the stretches are shorter than that."""
        return self.min_gap_s if self.every_s is None else min(self.min_gap_s, self.every_s / 2)

    @property
    def term_weights(self) -> dict[str, float] | None:
        """Term to what its usual weight is multiplied by; None where the text is no such list."""
        text = WEIGHT_PRESETS.get(self.weights, self.weights)
        pairs = [part.partition("=") for part in text.split(",") if text.strip()]
        try:
            found = {name.strip(): float(value) for name, _, value in pairs}
        except ValueError:
            return None
        return found if all(name and 0 <= value < math.inf for name, value in found.items()) else None


@dataclass(frozen=True, slots=True)
class CropSettings(Checked):
    """Composition."""

    framing: str = one_of(FRAMINGS, default="bust")
    min_ppi: float = at_least(0, default=75.0)
    """Below this many source pixels per printed inch the framing is widened; if that is not enough, a warning is
    written."""


@dataclass(frozen=True, slots=True)
class FuseSettings(Checked):
    """Neighbouring frames of a video as further looks at the same face."""

    fuse: str = word_or_number(AUTOMATIC, 1, 61, default="auto", number="a number of frames", whole=True)
    """``auto`` fuses where a gain is expected, ``off`` never; a number fuses so many frames at most, the picked one
    counted, whatever gain is expected."""
    auto_frames: int = between(2, 61, default=15)
    """How many frames ``auto`` looks at: half before the picked one and half after it."""
    min_gain_db: float = at_least(0, default=0.2)
    """Below this expected gain ``auto`` takes the single frame."""

    @property
    def frames(self) -> int:
        """How many frames are looked at, the picked one counted; 1 where nothing is fused."""
        if self.fuse == "off":
            return 1
        return self.auto_frames if self.fuse == "auto" else int(self.fuse)

    @property
    def least_gain_db(self) -> float:
        """The expected gain from which on is fused; 0 where a number of frames was asked for."""
        return self.min_gain_db if self.fuse == "auto" else 0.0


@dataclass(frozen=True, slots=True)
class CleanSettings(Checked):
    """What is taken out of a picture before it is enlarged, and what is put back."""

    denoise: str = word_or_number(AUTOMATIC, 0, 3, default="auto", number="a strength")
    """``auto`` as strong as the measured noise asks for, ``off``, or a number: times the measured strength."""
    denoiser: str = name_or_file("denoiser", DENOISERS, default="auto")
    """``auto`` is the built-in one; a network by name, or the path of a weight file that spandrel knows."""
    deblock: str = one_of(AUTOMATIC, default="auto")
    """Whether the traces of compression are smoothed, steps between blocks and in flat parts, and waves around edges:
    ``auto`` where they are measured."""
    descreen: str = word_or_number(AUTOMATIC, 20, 600, default="auto", number="lines per inch", unit=" lpi")
    """Whether a printer's halftone is taken out: ``auto`` where one is found, ``off``, or its lines per inch."""
    paper: str = one_of(AUTOMATIC, default="off")
    """Whether paper texture and what shines through from the back are lightened: ``auto`` or ``off``."""
    grain: str = word_or_number(GRAINS, 0, 2, default="off", number="a strength")
    """``keep`` puts the grain of the source back at the new size, ``off`` does not; a number is a share of it."""
    lift: str = word_or_number(AUTOMATIC, 0, 2, default="off", number="a number of stops", unit=" stops")
    """Whether the shadows of the print are opened: ``auto`` as a dark face asks for, ``off``, or by so many stops."""

    @property
    def denoise_strength(self) -> float:
        """Times the measured noise that is taken out; 0 for ``off``."""
        return {"auto": 1.0, "off": 0.0}[self.denoise] if self.denoise in AUTOMATIC else float(self.denoise)

    @property
    def lpi(self) -> float | None:
        """Lines per inch of the screen where they were given."""
        return None if self.descreen in AUTOMATIC else float(self.descreen)

    @property
    def grain_strength(self) -> float:
        """Share of the source's grain in the result; 0 for ``off``."""
        return {"keep": 1.0, "off": 0.0}[self.grain] if self.grain in GRAINS else float(self.grain)

    @property
    def lift_stops(self) -> float:
        """Stops by which shadows are opened; 0 for ``off``, and for ``auto`` until a face was looked at."""
        return 0.0 if self.lift in AUTOMATIC else float(self.lift)


@dataclass(frozen=True, slots=True)
class EnhanceSettings(Checked):
    """Super-resolution."""

    upscaler: str = name_or_file("upscaler", UPSCALERS, default="realesrgan-x4plus")
    """A name from the registry, ``bicubic``, ``lanczos``, or the path of a weight file that spandrel knows."""
    device: str = "auto"
    """``auto``, ``cpu``, ``cuda``, ``cuda:N`` or ``mps``."""
    precision: str = one_of(PRECISIONS, default="auto")
    tile_px: int = zero_or(32, default=0)
    """Side of a tile in source pixels, its overlap not counted; 0 chooses by precision."""
    tile_overlap_px: int = at_least(32, default=48)
    """Context on each side of a seam: on a portrait, 48 gave 66 dB and 32 gave 55 (benchmark ``golden``)."""
    batch_tiles: int = zero_or(1, default=0)
    """Tiles per forward pass; 0 chooses by device."""
    detail: float | None = between(0, 1, default=None)
    """Share of the network's picture in the result, 0 to 1; the rest is the plain filter. None: chosen by how much the
    print needs to be enlarged."""
    compile: str = one_of(COMPILE, default="auto")
    """Whether the network is compiled: ``auto`` does so where it pays."""


@dataclass(frozen=True, slots=True)
class RestoreSettings(Checked):
    """The face prior: a network that draws faces."""

    restore: str = name_or_file("restorer", RESTORERS, default="auto")
    """``auto`` takes the prior whose licence allows commercial use, where its weights are here, else none; the others
    by name, or the path of a weight file that spandrel knows."""
    strength: float = between(0, 1, default=0.5)
    """Share of the prior's detail in the face, 0 to 1, before the guard lowers it."""
    min_face_px: int = at_least(1, default=32)
    """A face lower than this in the source is left alone: what a prior draws there is somebody else."""
    max_yaw: float = above(0, default=0.35)
    """A face turned further than this (see ``Face.yaw_proxy``) is left alone: the priors know frontal faces."""


@dataclass(frozen=True, slots=True)
class GuardSettings(Checked):
    """What may change between what the camera saw and what is printed."""

    enabled: bool = True
    """False neither measures nor lowers nor corrects anything. Also written ``guard = "on"`` and ``"off"``."""
    max_identity_loss: float = between(0, 1, default=0.05)
    """How much similarity to the camera's face a prior may cost, compared with the enlargement alone. What does nobody
    harm (sharper, brighter by 15 %, JPEG at quality 40) costs up to 0.04 in 19 of 20 faces."""
    max_landmark_drift: float = above(0, default=0.03)
    """How far a landmark may move, in eye distances: 2 mm on a face of 63. Of 77 faces that were sharpened, made noisy,
    saved as JPEG or brightened, none seemed to move by more than 0.01, of the same enlarged fourfold from a height of
    75 px none by more than 0.015; the published outputs of GFPGAN, CodeFormer and RestoreFormer by 0.004 to 0.017."""
    max_delta_e: float = above(0, default=1.0)
    """Mean colour difference (CIEDE2000) between the input and the result made small again, above which the picture
    carries a warning."""


@dataclass(frozen=True, slots=True)
class PhotoSettings(Checked):
    """Size and format of whole pictures, for ``enhance``."""

    scale: float | None = between(0.1, 16, default=None)
    """Pixels of the result per pixel of the picture. One of scale, long edge and size is given;
    ``DEFAULT_SCALE`` where none is."""
    long_edge_px: int | None = between(64, 100_000, default=None)
    size: str | None = None
    """Paper size to fill, such as ``55x85mm`` or a name from ``paper/sizes.toml``; what does not fit is cut off."""
    dpi: float = between(36, 4800, default=300.0)
    """Of the result when ``size`` is given; otherwise the picture keeps its own."""
    format: str = "same"
    """Ending of the result; ``same`` keeps that of the picture."""
    quality: int = between(1, 100, default=95)
    """Of JPEG, AVIF and HEIC."""

    def check_together(self) -> None:
        """Refuse more than one size of the result."""
        given = [name for name in ("scale", "long_edge_px", "size") if getattr(self, name) is not None]
        require(len(given) <= 1, "size of the result", " and ".join(given), "one of scale, long edge and size")


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
