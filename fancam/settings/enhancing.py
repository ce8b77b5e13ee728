"""Settings of what is made of it: fusing, cleaning, enlarging, the face prior, the guard, whole pictures."""

from __future__ import annotations

from dataclasses import dataclass

from fancam.settings.rules import (
    AUTOMATIC,
    COMPILE,
    DENOISERS,
    GRAINS,
    PRECISIONS,
    RESTORERS,
    UPSCALERS,
    Checked,
    above,
    at_least,
    between,
    name_or_file,
    one_of,
    require,
    word_or_number,
    zero_or,
)


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
    """Whether the steps between the blocks of a compressed picture are smoothed: ``auto`` where they are measured."""
    descreen: str = word_or_number(AUTOMATIC, 20, 600, default="auto", number="lines per inch", unit=" lpi")
    """Whether a printer's halftone is taken out: ``auto`` where one is found, ``off``, or its lines per inch."""
    paper: str = one_of(AUTOMATIC, default="off")
    """Whether paper texture and what shines through from the back are lightened: ``auto`` or ``off``."""
    grain: str = word_or_number(GRAINS, 0, 2, default="off", number="a strength")
    """``keep`` puts the grain of the source back at the new size, ``off`` does not; a number is a share of it."""

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
    """How much similarity to the camera's face a prior may cost, compared with the enlargement alone."""
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
