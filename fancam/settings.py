"""One options object per stage; every default is written here and nowhere else.

The same name serves as field, TOML key and, with dashes, as command-line flag. A preset is a TOML file in
``configs/`` with a table per stage; ``--config`` reads the same layout from anywhere.
"""

from __future__ import annotations

import dataclasses
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fancam.errors import InputNotFoundError, InputUnreadableError, UsageError, unknown_choice

Overrides = Mapping[str, Mapping[str, Any]]
"""Stage to key to value, as from the command line; a value of None means "not given"."""

DETECTORS = ("auto", "centerface", "retinaface-resnet50", "retinaface-mobilenet")
FRAMINGS = ("face", "bust", "half")
UPSCALERS = ("realesrgan-x4plus", "realesr-animevideov3", "bicubic", "lanczos")
PRECISIONS = ("auto", "fp32", "bf16", "fp16")
CARD_FORMATS = ("png", "jpg", "tif")
RESTORERS = ("none", "auto", "restoreformer", "gfpgan", "codeformer")
SWITCH = ("on", "off")
COMPILE = ("auto", "on", "off")
AUTOMATIC = ("auto", "off")
GRAINS = ("keep", "off")
FITS = ("exact", "cover", "contain")
ORIENTATIONS = ("auto", "portrait", "landscape")
PLACES = ("top-left", "top", "top-right", "left", "centre", "right", "bottom-left", "bottom", "bottom-right")
LAYOUTS = ("auto", "sheet", "single")
GUTTERS = ("separate", "shared", "outside")
REGISTRATIONS = ("off", "3", "4")
DUPLEX = ("off", "long", "short")
INTENTS = ("perceptual", "relative", "saturation", "absolute")
DENOISERS = ("auto", "builtin", "scunet", "nafnet", "drunet")
AUTO = "auto"
AUTO_PRESETS = ("fancam", "low-light", "scan", "group", "album")
"""What ``--preset auto`` chooses from."""
DEFAULT_SCALE = 2.0
"""Of whole pictures, where neither scale, long edge nor size is asked for."""


def _require(condition: bool, setting: str, value: object, rule: str) -> None:
    if not condition:
        raise UsageError(f"{setting} is {value!r}", remedy=f"it must be {rule}")


def _number_or(value: str, words: tuple[str, ...], setting: str, rule: str) -> float | None:
    """Return the number that a setting holds, or None where it holds one of its words."""
    if value in words:
        return None
    try:
        return float(value)
    except ValueError:
        raise UsageError(f"{setting} is {value!r}", remedy=f"it must be {rule}") from None


@dataclass(frozen=True, slots=True)
class ScanSettings:
    """The first pass over a video: every frame, luma only."""

    probe_interval_s: float = 1.0
    """How often the scan looks where the faces are; between two looks their place is interpolated."""
    probe_long_edge_px: int = 384
    """Size of the picture that is searched for faces during the scan; 50 px in a 1080p frame are 10 px in it."""
    probe_min_face_px: int = 10
    """Smallest face the scan follows, in the picture it searches; the detector finds most faces of this height."""
    candidates_per_pick: int = 12
    """How many moments per requested card are looked at exactly."""

    def __post_init__(self) -> None:
        _require(self.probe_interval_s > 0, "probe_interval_s", self.probe_interval_s, "above 0")
        _require(self.probe_long_edge_px >= 160, "probe_long_edge_px", self.probe_long_edge_px, "at least 160")
        _require(self.probe_min_face_px >= 1, "probe_min_face_px", self.probe_min_face_px, "at least 1")
        _require(self.candidates_per_pick >= 1, "candidates_per_pick", self.candidates_per_pick, "at least 1")


@dataclass(frozen=True, slots=True)
class FaceSettings:
    """Detection."""

    detector: str = "auto"
    """``auto`` is the offline default (CenterFace)."""
    min_confidence: float = 0.55
    detect_long_edge_px: int = 960
    """Long edge of the picture the detector sees for video frames; photos are searched at up to 2048 px as well."""
    min_face_px: int = 24
    """Faces lower than this are not reported; smaller ones cannot carry a card."""

    def __post_init__(self) -> None:
        if self.detector not in DETECTORS:
            raise unknown_choice("detector", self.detector, DETECTORS)
        _require(0 < self.min_confidence < 1, "min_confidence", self.min_confidence, "between 0 and 1")
        _require(self.detect_long_edge_px >= 160, "detect_long_edge_px", self.detect_long_edge_px, "at least 160")
        _require(self.min_face_px >= 1, "min_face_px", self.min_face_px, "at least 1")


@dataclass(frozen=True, slots=True)
class PickSettings:
    """Which moments become cards."""

    top: int = 8
    """How many different moments to keep."""
    min_gap_s: float = 0.8
    """Two picks of the same shot are at least this far apart."""
    min_face_px: int = 48
    """A face lower than this does not become a card."""
    min_sharpness: float = 0.15
    """A face softer than this (0 to 1, see ``picking.sharpness``) does not become a card."""
    all_faces: bool = False
    """Whether a photo's bystanders, who are turned away and in shadow, get a card as well."""

    def __post_init__(self) -> None:
        _require(self.top >= 1, "top", self.top, "at least 1")
        _require(self.min_gap_s >= 0, "min_gap_s", self.min_gap_s, "0 or more")
        _require(self.min_face_px >= 1, "min_face_px", self.min_face_px, "at least 1")
        _require(0 <= self.min_sharpness <= 1, "min_sharpness", self.min_sharpness, "between 0 and 1")


@dataclass(frozen=True, slots=True)
class CropSettings:
    """Composition."""

    framing: str = "bust"
    min_ppi: float = 75.0
    """Below this many source pixels per printed inch the framing is widened; if that is not enough, a warning is
    written."""

    def __post_init__(self) -> None:
        if self.framing not in FRAMINGS:
            raise unknown_choice("framing", self.framing, FRAMINGS)
        _require(self.min_ppi >= 0, "min_ppi", self.min_ppi, "0 or more")


@dataclass(frozen=True, slots=True)
class FuseSettings:
    """Neighbouring frames of a video as further looks at the same face."""

    fuse: str = "auto"
    """``auto`` fuses where a gain is expected, ``off`` never; a number fuses so many frames at most, the picked one
    counted, whatever gain is expected."""
    auto_frames: int = 15
    """How many frames ``auto`` looks at: half before the picked one and half after it."""
    min_gain_db: float = 0.2
    """Below this expected gain ``auto`` takes the single frame."""

    def __post_init__(self) -> None:
        number = _number_or(self.fuse, AUTOMATIC, "fuse", "auto, off or a number of frames")
        _require(number is None or (number >= 1 and number == int(number) and number <= 61), "fuse", self.fuse,
                 "auto, off or a whole number from 1 to 61")  # fmt: skip
        _require(2 <= self.auto_frames <= 61, "auto_frames", self.auto_frames, "between 2 and 61")
        _require(self.min_gain_db >= 0, "min_gain_db", self.min_gain_db, "0 or more")

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
class CleanSettings:
    """What is taken out of a picture before it is enlarged, and what is put back."""

    denoise: str = "auto"
    """``auto`` as strong as the measured noise asks for, ``off``, or a number: times the measured strength."""
    denoiser: str = "auto"
    """``auto`` is the built-in one; a network by name, or the path of a weight file that spandrel knows."""
    deblock: str = "auto"
    """Whether the steps between the blocks of a compressed picture are smoothed: ``auto`` where they are measured."""
    descreen: str = "auto"
    """Whether a printer's halftone is taken out: ``auto`` where one is found, ``off``, or its lines per inch."""
    paper: str = "off"
    """Whether paper texture and what shines through from the back are lightened: ``auto`` or ``off``."""
    grain: str = "off"
    """``keep`` puts the grain of the source back at the new size, ``off`` does not; a number is a share of it."""

    def __post_init__(self) -> None:
        strength = _number_or(self.denoise, AUTOMATIC, "denoise", "auto, off or a strength")
        _require(strength is None or 0 <= strength <= 3, "denoise", self.denoise, "auto, off or between 0 and 3")
        if self.denoiser not in DENOISERS and not Path(self.denoiser).suffix:
            raise unknown_choice("denoiser", self.denoiser, (*DENOISERS, "FILE.pth", "FILE.safetensors"))
        lpi = _number_or(self.descreen, AUTOMATIC, "descreen", "auto, off or lines per inch")
        _require(lpi is None or 20 <= lpi <= 600, "descreen", self.descreen, "auto, off or between 20 and 600 lpi")
        share = _number_or(self.grain, GRAINS, "grain", "keep, off or a strength")
        _require(share is None or 0 <= share <= 2, "grain", self.grain, "keep, off or between 0 and 2")
        for name in ("deblock", "paper"):
            if getattr(self, name) not in AUTOMATIC:
                raise unknown_choice(name, getattr(self, name), AUTOMATIC)

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


@dataclass(frozen=True, slots=True)
class EnhanceSettings:
    """Super-resolution."""

    upscaler: str = "realesrgan-x4plus"
    """A name from the registry, ``bicubic``, ``lanczos``, or the path of a weight file that spandrel knows."""
    device: str = "auto"
    """``auto``, ``cpu``, ``cuda``, ``cuda:N`` or ``mps``."""
    precision: str = "auto"
    tile_px: int = 0
    """Side of a tile in source pixels, its overlap not counted; 0 chooses by precision."""
    tile_overlap_px: int = 48
    """Context on each side of a seam: on a portrait, 48 gave 66 dB and 32 gave 55 (benchmark ``golden``)."""
    batch_tiles: int = 0
    """Tiles per forward pass; 0 chooses by device."""
    detail: float | None = None
    """Share of the network's picture in the result, 0 to 1; the rest is the plain filter. None: chosen by how much the
    print needs to be enlarged."""
    compile: str = "auto"
    """Whether the network is compiled: ``auto`` does so where it pays."""

    def __post_init__(self) -> None:
        if self.upscaler not in UPSCALERS and not Path(self.upscaler).suffix:
            raise unknown_choice("upscaler", self.upscaler, (*UPSCALERS, "FILE.pth", "FILE.safetensors"))
        if self.precision not in PRECISIONS:
            raise unknown_choice("precision", self.precision, PRECISIONS)
        _require(self.tile_px == 0 or self.tile_px >= 32, "tile_px", self.tile_px, "0 (automatic) or at least 32")
        _require(self.tile_overlap_px >= 32, "tile_overlap_px", self.tile_overlap_px, "at least 32")
        _require(self.batch_tiles >= 0, "batch_tiles", self.batch_tiles, "0 (automatic) or more")
        _require(self.detail is None or 0 <= self.detail <= 1, "detail", self.detail, "between 0 and 1")
        if self.compile not in COMPILE:
            raise unknown_choice("compile", self.compile, COMPILE)


@dataclass(frozen=True, slots=True)
class RestoreSettings:
    """The face prior: a network that draws faces."""

    restore: str = "auto"
    """``auto`` takes the prior whose licence allows commercial use, where its weights are here, else none; the others
    by name, or the path of a weight file that spandrel knows."""
    strength: float = 0.5
    """Share of the prior's detail in the face, 0 to 1, before the guard lowers it."""
    min_face_px: int = 32
    """A face lower than this in the source is left alone: what a prior draws there is somebody else."""
    max_yaw: float = 0.35
    """A face turned further than this (see ``Face.yaw_proxy``) is left alone: the priors know frontal faces."""

    def __post_init__(self) -> None:
        if self.restore not in RESTORERS and not Path(self.restore).suffix:
            raise unknown_choice("restorer", self.restore, (*RESTORERS, "FILE.pth", "FILE.safetensors"))
        _require(0 <= self.strength <= 1, "strength", self.strength, "between 0 and 1")
        _require(self.min_face_px >= 1, "min_face_px", self.min_face_px, "at least 1")
        _require(self.max_yaw > 0, "max_yaw", self.max_yaw, "above 0")


@dataclass(frozen=True, slots=True)
class GuardSettings:
    """What may change between what the camera saw and what is printed."""

    guard: str = "on"
    """``off`` neither measures nor lowers nor corrects anything."""
    max_identity_loss: float = 0.05
    """How much similarity to the camera's face a prior may cost, compared with the enlargement alone."""
    max_landmark_drift: float = 0.03
    """How far a landmark may move, in eye distances: 2 mm on a face of 63. Of 77 faces that were sharpened, made noisy,
    saved as JPEG or brightened, none seemed to move by more than 0.01, of the same enlarged fourfold from a height of
    75 px none by more than 0.015; the published outputs of GFPGAN, CodeFormer and RestoreFormer by 0.004 to 0.017."""
    max_delta_e: float = 1.0
    """Mean colour difference (CIEDE2000) allowed between the input and the result made small again."""

    def __post_init__(self) -> None:
        if self.guard not in SWITCH:
            raise unknown_choice("guard", self.guard, SWITCH)
        _require(0 <= self.max_identity_loss <= 1, "max_identity_loss", self.max_identity_loss, "between 0 and 1")
        _require(self.max_landmark_drift > 0, "max_landmark_drift", self.max_landmark_drift, "above 0")
        _require(self.max_delta_e > 0, "max_delta_e", self.max_delta_e, "above 0")


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
        _require(0 <= self.bleed_mm <= 50, "bleed_mm", self.bleed_mm, "between 0 and 50")
        _require(36 <= self.dpi <= 4800, "dpi", self.dpi, "between 36 and 4800")
        _require(
            self.long_edge_px is None or 64 <= self.long_edge_px <= 30000,
            "long_edge_px", self.long_edge_px, "between 64 and 30000",
        )  # fmt: skip
        if self.format not in CARD_FORMATS:
            raise unknown_choice("format", self.format, CARD_FORMATS)
        _require(1 <= self.jpeg_quality <= 100, "jpeg_quality", self.jpeg_quality, "between 1 and 100")


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
        _require(0 <= self.border_mm <= 100, "border_mm", self.border_mm, "between 0 and 100")
        _require(0.5 <= self.text_size_mm <= 100, "text_size_mm", self.text_size_mm, "between 0.5 and 100")
        _require(0 <= self.text_outline_mm <= 10, "text_outline_mm", self.text_outline_mm, "between 0 and 10")
        _require(self.safe_mm is None or 0 <= self.safe_mm <= 50, "safe_mm", self.safe_mm, "between 0 and 50")


@dataclass(frozen=True, slots=True)
class PressSettings:
    """Who prints, and in which colours."""

    printer: str = "home"
    """A name from ``printing/printers.toml``: limits for preflight, colours, layout."""
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
        _require(0 <= self.margin_mm <= 100, "margin_mm", self.margin_mm, "between 0 and 100")
        _require(0 <= self.gap_mm <= 100, "gap_mm", self.gap_mm, "between 0 and 100")
        _require(self.gap_mm == 0 or self.gutter == "separate", "gap_mm", self.gap_mm, "0 unless gutter is separate")
        _require(self.bleed_mm is None or 0 <= self.bleed_mm <= 50, "bleed_mm", self.bleed_mm, "between 0 and 50")
        _require(0 <= self.registration_inset_mm <= 100, "registration_inset_mm", self.registration_inset_mm,
                 "between 0 and 100")  # fmt: skip
        for name in ("back_x_mm", "back_y_mm"):
            _require(abs(getattr(self, name)) <= 20, name, getattr(self, name), "between -20 and 20")
        _require(abs(self.back_angle_deg) <= 5, "back_angle_deg", self.back_angle_deg, "between -5 and 5")
        _require(all(part.strip().isdigit() and int(part) > 0 for part in self.skip.split(",") if self.skip),
                 "skip", self.skip, "positions such as 1,4")  # fmt: skip
        _require(1 <= self.copies <= 1000, "copies", self.copies, "between 1 and 1000")

    @property
    def skipped(self) -> frozenset[int]:
        """The positions that stay empty, counted from 1."""
        return frozenset(int(part) for part in self.skip.split(",") if self.skip)


@dataclass(frozen=True, slots=True)
class PhotoSettings:
    """Size and format of whole pictures, for ``enhance``."""

    scale: float | None = None
    """Pixels of the result per pixel of the picture. One of scale, long edge and size is given;
    ``DEFAULT_SCALE`` where none is."""
    long_edge_px: int | None = None
    size: str | None = None
    """Paper size to fill, such as ``55x85mm`` or a name from ``printing/sizes.toml``; what does not fit is cut off."""
    dpi: float = 300.0
    """Of the result when ``size`` is given; otherwise the picture keeps its own."""
    format: str = "same"
    """Ending of the result; ``same`` keeps that of the picture."""
    quality: int = 95
    """Of JPEG, AVIF and HEIC."""

    def __post_init__(self) -> None:
        _require(self.scale is None or 0.1 <= self.scale <= 16, "scale", self.scale, "between 0.1 and 16")
        _require(
            self.long_edge_px is None or 64 <= self.long_edge_px <= 100_000,
            "long_edge_px", self.long_edge_px, "between 64 and 100000",
        )  # fmt: skip
        given = [name for name in ("scale", "long_edge_px", "size") if getattr(self, name) is not None]
        _require(len(given) <= 1, "size of the result", " and ".join(given), "one of scale, long edge and size")
        _require(36 <= self.dpi <= 4800, "dpi", self.dpi, "between 36 and 4800")
        _require(1 <= self.quality <= 100, "quality", self.quality, "between 1 and 100")


@dataclass(frozen=True, slots=True)
class Settings:
    """All stages of a run."""

    scan: ScanSettings = field(default_factory=ScanSettings)
    faces: FaceSettings = field(default_factory=FaceSettings)
    pick: PickSettings = field(default_factory=PickSettings)
    crop: CropSettings = field(default_factory=CropSettings)
    fuse: FuseSettings = field(default_factory=FuseSettings)
    clean: CleanSettings = field(default_factory=CleanSettings)
    enhance: EnhanceSettings = field(default_factory=EnhanceSettings)
    restore: RestoreSettings = field(default_factory=RestoreSettings)
    guard: GuardSettings = field(default_factory=GuardSettings)
    card: CardSettings = field(default_factory=CardSettings)
    photo: PhotoSettings = field(default_factory=PhotoSettings)
    art: ArtSettings = field(default_factory=ArtSettings)
    press: PressSettings = field(default_factory=PressSettings)
    sheet: SheetSettings = field(default_factory=SheetSettings)

    def as_dict(self) -> dict[str, dict[str, Any]]:
        """Return the settings as plain values, for the manifest."""
        return dataclasses.asdict(self)


def preset_folder() -> Path:
    """Return the folder that holds the presets: inside the installed package, or beside it in a checkout."""
    packaged = Path(__file__).parent / "configs"
    return packaged if packaged.is_dir() else Path(__file__).parent.parent / "configs"


def preset_names() -> list[str]:
    """Return the names of the presets that are there, sorted."""
    return sorted(path.stem for path in preset_folder().glob("*.toml"))


def load_settings(
    preset: str | None = None,
    config: Path | None = None,
    overrides: Overrides | None = None,
) -> Settings:
    """Return the settings: the defaults, then the preset, then the config file, then the overrides.

    Args:
        preset: Name of a file in ``configs/``, without its ending; ``auto`` adds nothing, see ``load_presets``.
        config: A TOML file with the same tables.
        overrides: Stage to key to value, as from the command line; a value of None means "not given".

    Raises:
        UsageError: A preset, table or key is unknown (the nearest right one is named), or a value is out of range.
        InputNotFoundError: The config file is not there.
    """
    settings = Settings()
    if preset is not None and preset != AUTO:
        if preset not in preset_names():
            raise unknown_choice("preset", preset, [AUTO, *preset_names()])
        path = preset_folder() / f"{preset}.toml"
        settings = _merge(settings, _read_toml(path), source=path.name)
    if config is not None:
        settings = _merge(settings, _read_toml(config), source=str(config))
    if overrides:
        given = {
            stage: {key: value for key, value in keys.items() if value is not None}
            for stage, keys in overrides.items()
        }  # fmt: skip
        settings = _merge(settings, given, source=None)
    return settings


def load_presets(
    preset: str | None, config: Path | None = None, overrides: Overrides | None = None
) -> dict[str, Settings]:
    """Return the settings of every preset that ``auto`` chooses from; empty where another one was asked for.

    Raises:
        UsageError: See ``load_settings``.
        InputNotFoundError: See ``load_settings``.
    """
    return {name: load_settings(name, config, overrides) for name in AUTO_PRESETS} if preset == AUTO else {}


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputNotFoundError("no such config file", item=path, remedy="check the path") from None
    except (PermissionError, IsADirectoryError) as error:
        raise InputUnreadableError("the config file cannot be read", item=path, remedy="check its rights") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"not valid TOML: {error}", item=path, remedy="mend the line it names") from error


def _merge(settings: Settings, tables: Mapping[str, Any], *, source: str | None) -> Settings:
    """Return the settings with the tables laid over them; every key is checked."""
    stages = {f.name: getattr(settings, f.name) for f in dataclasses.fields(settings)}
    for name, table in tables.items():
        if name not in stages:
            raise _unknown("table", name, stages, source)
        if not isinstance(table, Mapping):
            raise UsageError(f"{name!r} is not a table", item=source, remedy=f"write it as [{name}]")
        known = {f.name: str(f.type) for f in dataclasses.fields(stages[name])}
        values: dict[str, Any] = {}
        for key, value in table.items():
            if key not in known:
                raise _unknown(f"key in [{name}]", key, known, source)
            values[key] = _checked(value, known[key], f"{name}.{key}", source)
        stages[name] = dataclasses.replace(stages[name], **values)
    return Settings(**stages)


def _unknown(what: str, value: str, valid: Mapping[str, Any], source: str | None) -> UsageError:
    error = unknown_choice(what, value, valid)
    return UsageError(error.cause, item=source, remedy=error.remedy)


def _checked(value: Any, type_name: str, where: str, source: str | None) -> Any:
    """Return the value in the field's type; TOML writes 3 where a float is meant."""
    expected = type_name.split(" | ")[0]
    if expected == "float" and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    types = {"float": float, "int": int, "str": str, "bool": bool}
    if isinstance(value, bool) != (expected == "bool") or not isinstance(value, types[expected]):
        raise UsageError(f"{where} is {value!r}", item=source, remedy=f"it must be of type {expected}")
    return value
