"""Settings of what is made of it: fusing, cleaning, enlarging, the face prior, the guard, whole pictures."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from fancam.errors import unknown_choice
from fancam.settings.choices import (
    AUTOMATIC,
    COMPILE,
    DENOISERS,
    GRAINS,
    PRECISIONS,
    RESTORERS,
    SWITCH,
    UPSCALERS,
    number_or,
    require,
)


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
        number = number_or(self.fuse, AUTOMATIC, "fuse", "auto, off or a number of frames")
        require(number is None or (number >= 1 and number == int(number) and number <= 61), "fuse", self.fuse,
                 "auto, off or a whole number from 1 to 61")  # fmt: skip
        require(2 <= self.auto_frames <= 61, "auto_frames", self.auto_frames, "between 2 and 61")
        require(self.min_gain_db >= 0, "min_gain_db", self.min_gain_db, "0 or more")

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
        strength = number_or(self.denoise, AUTOMATIC, "denoise", "auto, off or a strength")
        require(strength is None or 0 <= strength <= 3, "denoise", self.denoise, "auto, off or between 0 and 3")
        if self.denoiser not in DENOISERS and not Path(self.denoiser).suffix:
            raise unknown_choice("denoiser", self.denoiser, (*DENOISERS, "FILE.pth", "FILE.safetensors"))
        lpi = number_or(self.descreen, AUTOMATIC, "descreen", "auto, off or lines per inch")
        require(lpi is None or 20 <= lpi <= 600, "descreen", self.descreen, "auto, off or between 20 and 600 lpi")
        share = number_or(self.grain, GRAINS, "grain", "keep, off or a strength")
        require(share is None or 0 <= share <= 2, "grain", self.grain, "keep, off or between 0 and 2")
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
        require(self.tile_px == 0 or self.tile_px >= 32, "tile_px", self.tile_px, "0 (automatic) or at least 32")
        require(self.tile_overlap_px >= 32, "tile_overlap_px", self.tile_overlap_px, "at least 32")
        require(self.batch_tiles >= 0, "batch_tiles", self.batch_tiles, "0 (automatic) or more")
        require(self.detail is None or 0 <= self.detail <= 1, "detail", self.detail, "between 0 and 1")
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
        require(0 <= self.strength <= 1, "strength", self.strength, "between 0 and 1")
        require(self.min_face_px >= 1, "min_face_px", self.min_face_px, "at least 1")
        require(self.max_yaw > 0, "max_yaw", self.max_yaw, "above 0")


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
        require(0 <= self.max_identity_loss <= 1, "max_identity_loss", self.max_identity_loss, "between 0 and 1")
        require(self.max_landmark_drift > 0, "max_landmark_drift", self.max_landmark_drift, "above 0")
        require(self.max_delta_e > 0, "max_delta_e", self.max_delta_e, "above 0")


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
        require(self.scale is None or 0.1 <= self.scale <= 16, "scale", self.scale, "between 0.1 and 16")
        require(
            self.long_edge_px is None or 64 <= self.long_edge_px <= 100_000,
            "long_edge_px", self.long_edge_px, "between 64 and 100000",
        )  # fmt: skip
        given = [name for name in ("scale", "long_edge_px", "size") if getattr(self, name) is not None]
        require(len(given) <= 1, "size of the result", " and ".join(given), "one of scale, long edge and size")
        require(36 <= self.dpi <= 4800, "dpi", self.dpi, "between 36 and 4800")
        require(1 <= self.quality <= 100, "quality", self.quality, "between 1 and 100")
