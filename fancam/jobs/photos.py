"""Enhances whole pictures: how large each becomes, and the way of many through reading, network and writing."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fancam import pictures
from fancam.cropping import compose
from fancam.enhancing import CropRequest, EnhanceJob
from fancam.errors import FancamError, PictureTooLargeError
from fancam.files import printable, seed_of, sha256_of_file
from fancam.geometry import MM_PER_INCH, PPI_DIGITS, Box, CardGeometry
from fancam.jobs import manifest
from fancam.jobs.context import Context
from fancam.jobs.manifest import InputReport, PictureResult
from fancam.jobs.presets import choose, measure_still
from fancam.jobs.sources import output_ending
from fancam.jobs.stages import keep_extras
from fancam.jobs.stream import Item, enhance_and_write
from fancam.jobs.workspace import Source, Workspace
from fancam.media import Picture, Samples
from fancam.paper import card_size
from fancam.provenance import Provenance
from fancam.results import Decision, Enhanced, Face
from fancam.settings import DEFAULT_SCALE, PhotoSettings


@dataclass(frozen=True, slots=True)
class Target:
    """What comes out of a picture."""

    box: Box
    """The part that is shown, in pixels of the picture."""
    width_px: int
    height_px: int
    dpi: float | None
    """Pixels per inch on paper; None where neither the user nor the picture says so."""
    cut_share: float
    """Share of the picture that is cut off to fill the paper; 0 where nothing is."""

    @property
    def scale(self) -> float:
        """Pixels of the result per pixel of the picture."""
        return max(self.width_px / self.box.width, self.height_px / self.box.height)

    @property
    def effective_ppi(self) -> float | None:
        """Pixels of the picture per printed inch, to a tenth."""
        return None if self.dpi is None else round(self.dpi / self.scale, PPI_DIGITS)

    def as_values(self) -> dict[str, Any]:
        """Return the JSON values for the manifest."""
        return {
            "width_px": self.width_px,
            "height_px": self.height_px,
            "dpi": None if self.dpi is None else round(self.dpi, 3),
            "effective_ppi": self.effective_ppi,
            "scale": round(self.scale, 4),
            "crop": self.box.as_list(digits=4),
            "cut_share": round(self.cut_share, 4),
        }


def target(
    width: int,
    height: int,
    settings: PhotoSettings,
    *,
    paper_mm: tuple[float, float] | None = None,
    dpi: float | None = None,
    faces: Sequence[Face] = (),
) -> Target:
    """Return what a picture becomes.

    With a paper size the picture fills the paper: the paper is turned to lie as the picture does, and what does not
    fit is cut off, evenly or, where there are faces, as ``compose`` covers a card.

    Args:
        width: Of the picture in pixels.
        height: Of the picture in pixels.
        settings: Scale, long edge, size, dpi.
        paper_mm: (width, height) that ``settings.size`` stands for; None where it is not given.
        dpi: What the picture says of itself; None where it says nothing.
        faces: Found in the picture.
    """
    if paper_mm is not None:
        return _filling(width, height, paper_mm, settings.dpi, faces)
    if settings.long_edge_px is not None:
        scale = settings.long_edge_px / max(width, height)
    else:
        scale = settings.scale or DEFAULT_SCALE
    width_px, height_px = max(round(width * scale), 1), max(round(height * scale), 1)
    return Target(Box(0, 0, width, height), width_px, height_px, dpi, 0.0)


def _filling(width: int, height: int, paper_mm: tuple[float, float], dpi: float, faces: Sequence[Face]) -> Target:
    """Return what fills the paper: composed as a card that covers its picture, in whole pixels of the paper."""
    short_mm, long_mm = sorted(paper_mm)
    width_mm, height_mm = (long_mm, short_mm) if width > height else (short_mm, long_mm)
    width_px, height_px = (max(round(mm / MM_PER_INCH * dpi), 1) for mm in (width_mm, height_mm))
    paper = CardGeometry(width_px / dpi * MM_PER_INCH, height_px / dpi * MM_PER_INCH, 0.0, dpi)
    box = compose(width, height, paper, fit="cover", faces=faces).box.clipped(width, height)
    return Target(box, width_px, height_px, dpi, 1 - box.area / (width * height))


# --- one picture --------------------------------------------------------------------------------------------------

Json = dict[str, Any]

PhotoResult = tuple[InputReport, PictureResult]
"""What a picture was made of, and what was made."""

MAX_RESULT_PIXELS = 1 << 30
"""1074 megapixels, 3.2 GB as 8-bit RGB: 100 megapixels enlarged threefold fit."""


@dataclass(frozen=True, slots=True, eq=False)
class Loaded:
    """A picture that is read, and what is to become of it."""

    still: pictures.StillPicture
    faces: tuple[Face, ...]
    target: Target
    preset: Decision | None = None
    """The preset that was chosen for it; None where none was to be chosen."""
    measured: Json = dataclasses.field(default_factory=dict)
    """What it was chosen by."""

    @property
    def dpi(self) -> float | None:
        """What the picture says of itself; None where it says nothing."""
        return None if self.still.dpi is None else self.still.dpi[0]


def load_picture(context: Context, still: pictures.StillPicture) -> Loaded:
    """Return a picture with its faces, its size to be, and the preset that fits where one is to be chosen.

    Raises:
        PictureTooLargeError: The result would be too large.
        FancamError: A model is missing.
    """
    with context.watch("faces"):
        found = context.faces_in(still)
    aim = result_size(still, found, context.settings.photo)
    if not context.by_preset:
        return Loaded(still, found, aim)
    with context.watch("measure"):
        measured = measure_still(still, found)
    return Loaded(still, found, aim, choose(measured), measured.as_values())


def photo_job(key: Any, one: Loaded, context: Context, *, name: str | None = None) -> EnhanceJob:
    """Return the job of a whole picture; its grain depends on the name, that of the file where None."""
    settings = context.settings if one.preset is None else context.by_preset[one.preset.choice]
    request = CropRequest(one.still.colour, one.target.box, one.target.width_px, one.target.height_px)
    seed = seed_of(one.still.source.stem if name is None else name)
    return EnhanceJob(
        key, request, one.faces, one.target.effective_ppi, source_dpi=one.dpi, seed=seed, clean=settings.clean
    )


def write_enhanced(one: Loaded, enhanced: Enhanced, path: Path, quality: int) -> pictures.SavedPicture:
    """Write a result with all that its picture came with.

    Raises:
        UsageError: The ending is unknown, or the format cannot hold it.
        OutputError: The file cannot be written; nothing is left behind.
    """
    result = one.still.with_pixels(enhanced.pixels, _alpha(one))
    about = pictures.PictureMetadata.of(
        Provenance.of_picture(printable(one.still.source.name), one.target.box, enhanced)
    )
    return pictures.save_picture(path, result, dpi=one.target.dpi, quality=quality, metadata=about)


class PhotoMaker:
    """Enhances the pictures it is given.

    Args:
        context: Settings and models; with ``keep_stages`` the stages of each picture are kept on disk.
        workspace: The output folder.
        record: Called for each picture that is written, in the thread that wrote it: what was made before a stop is
            not lost.
        sha256: Hash of an input, where it is known; None reads the file.
    """

    def __init__(
        self, context: Context, workspace: Workspace, record: Callable[[Source, PhotoResult], None] | None = None,
        sha256: Callable[[Source], str] | None = None,
    ) -> None:  # fmt: skip
        self.context = context
        self.workspace = workspace
        self.record = record
        self.sha256 = sha256 or (lambda source: sha256_of_file(source.path))
        self.settings = context.settings.photo

    def output_path(self, source: Source) -> Path:
        """Return where the result of a picture goes."""
        return self.workspace.picture_path(source.stem, output_ending(source.path, self.settings))

    def __call__(self, sources: Iterable[Source]) -> Iterator[tuple[Source, PhotoResult | FancamError]]:
        """Yield each source with its result, or with what went wrong; not always in order.

        Args:
            sources: Iterated in a thread of its own, a few ahead of the network.

        Raises:
            FancamError: No further picture can succeed: a model or device is missing, the disk is full.
        """
        loaded: dict[Source, Loaded] = {}

        def items() -> Iterator[Item]:
            number = 0
            for number, source in enumerate(sources, start=1):
                self.context.progress("read", number - 1, None)
                try:
                    with self.context.watch("read"):
                        still = pictures.open_picture(source.path).load()
                    one = loaded[source] = load_picture(self.context, still)
                    pictures.check_writable(self.output_path(source), one.target.width_px, one.target.height_px)
                    yield source, photo_job(source, one, self.context, name=source.stem)
                except FancamError as error:
                    yield source, error
            self.context.progress("read", number, number)

        def write(source: Source, made: Enhanced) -> PhotoResult:
            result = self._write(source, loaded.pop(source), made)
            if self.record is not None:
                self.record(source, result)
            return result

        for source, result in enhance_and_write(self.context, items(), write, self._tiles):
            loaded.pop(source, None)
            yield source, result

    def _tiles(self, _stage: str, done: int, total: int | None) -> None:
        self.context.progress("tiles", done, total)

    def _write(self, source: Source, one: Loaded, made: Enhanced) -> PhotoResult:
        path, aim = self.output_path(source), one.target
        self.workspace.make_parent(path)
        written = write_enhanced(one, made, path, self.settings.quality)

        def view(pixels: Samples) -> Picture:
            return one.still.with_pixels(pixels, _alpha(one)).srgb()

        compare, provenance = keep_extras(
            self.context, self.workspace, source.stem, aim.box, made, faces=one.faces, effective_ppi=aim.effective_ppi,
            view=view,
        )  # fmt: skip
        about = aim.as_values()
        about["true_ppi"] = made.true_ppi(aim.effective_ppi)
        sizes = about.pop("width_px"), about.pop("height_px"), about.pop("dpi")
        picture = PictureResult(
            self.workspace.relative(path), written.sha256, *sizes, manifest.enhance_values(made),
            (*([one.preset] if one.preset else []), *made.decisions),
            (*_cut_warning(aim), *made.warnings, *written.warnings), about, compare, provenance,
        )  # fmt: skip
        return _report(one, self.sha256(source)), picture


def result_size(still: pictures.StillPicture, found: tuple[Face, ...], settings: PhotoSettings) -> Target:
    """Return what becomes of a picture: the part that is shown, and its size.

    Raises:
        PictureTooLargeError: The result would be too large.
    """
    card = None if settings.size is None else card_size(settings.size)
    paper_mm = None if card is None else (card.width_mm, card.height_mm)
    dpi = None if still.dpi is None else still.dpi[0]
    aim = target(still.width, still.height, settings, paper_mm=paper_mm, dpi=dpi, faces=found)
    if aim.width_px * aim.height_px > MAX_RESULT_PIXELS:
        raise PictureTooLargeError(
            f"the result would be {aim.width_px}x{aim.height_px}, more than the limit of "
            f"{MAX_RESULT_PIXELS / 1e6:.0f} megapixels",
            item=still.source, remedy="ask for a smaller --scale or --long-edge",
        )  # fmt: skip
    return aim


def _alpha(one: Loaded) -> Samples | None:
    if one.still.alpha is None:
        return None
    aim = one.target
    return pictures.resample(one.still.alpha, aim.box, aim.width_px, aim.height_px, "lanczos")


def _cut_warning(aim: Target) -> list[str]:
    return [f"{aim.cut_share:.0%} of the picture was cut off to fill the paper"] if aim.cut_share > 0.005 else []


def _report(one: Loaded, sha256: str) -> InputReport:
    still = one.still
    chosen = {} if one.preset is None else {"preset": dataclasses.asdict(one.preset), "measured": one.measured}
    details = {"rotation_deg": 0, "faces_found": len(one.faces), **chosen}
    return InputReport(
        printable(still.source), sha256, still.width, still.height, "photo", warnings=still.warnings, details=details
    )
