"""Enhances whole pictures: reading, network and writing overlap, and one that fails harms no other."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fancam import pictures
from fancam.enhance import CropRequest, EnhanceJob, Work
from fancam.errors import FancamError, OutputError, PictureTooLargeError
from fancam.files import seed_of
from fancam.jobs import manifest
from fancam.jobs.context import Context
from fancam.jobs.overlap import WriteBehind, read_ahead
from fancam.jobs.presets import choose, measure_still
from fancam.jobs.sources import Source, output_ending
from fancam.jobs.stages import keep_provenance, keep_stages
from fancam.jobs.target import Target, target
from fancam.media import Picture, Samples, StillPicture
from fancam.paper import card_size
from fancam.provenance import Provenance
from fancam.results import Decision, Enhanced, Face

Json = dict[str, Any]
Outcome = tuple[Source, Json | FancamError]

MAX_RESULT_PIXELS = 1 << 30
"""1074 megapixels, 3.2 GB as 8-bit RGB: 100 megapixels enlarged threefold fit."""
_READ_AHEAD = 2
_WRITE_BEHIND = 2
_LARGE_SAMPLES = 3 * 48_000_000
"""A result larger than this is written before the next one is made: two of them side by side are gigabytes."""


@dataclass(frozen=True, slots=True, eq=False)
class Loaded:
    """A picture that is read, and what is to become of it."""

    source: Source
    still: StillPicture
    faces: tuple[Face, ...]
    target: Target
    preset: Decision | None
    """The preset that was chosen for it; None where none was to be chosen."""
    measured: Json
    """What it was chosen by."""

    @property
    def dpi(self) -> float | None:
        """What the picture says of itself; None where it says nothing."""
        return None if self.still.dpi is None else self.still.dpi[0]


class PhotoMaker:
    """Enhances the pictures it is given.

    Args:
        context: Settings, models, output folder; with ``keep_stages`` the stages of each picture are kept on disk.
        record: Called for each picture that is written, in the thread that wrote it: what was made before a stop is
            not lost.
    """

    def __init__(self, context: Context, record: Callable[[Source, Json], None] | None = None) -> None:
        self.context = context
        self.record = record
        self.settings = context.settings.photo
        self._paper_mm = None
        if self.settings.size is not None:
            card = card_size(self.settings.size)
            self._paper_mm = (card.width_mm, card.height_mm)

    def output_path(self, source: Source) -> Path:
        """Return where the result of a picture goes."""
        return self.context.workspace.picture_path(source.stem, output_ending(source.path, self.settings))

    def __call__(self, sources: Iterable[Source]) -> Iterator[Outcome]:
        """Yield each source with its row of the manifest, or with what went wrong; not always in order.

        Args:
            sources: Iterated in a thread of its own, a few ahead of the network.

        Raises:
            FancamError: No further picture can succeed: a model or device is missing, the disk is full.
        """
        enhancer = self.context.enhancer  # what is missing is said before the first picture is read
        writer = WriteBehind[Outcome](_WRITE_BEHIND)
        prepared = read_ahead(map(self._prepare, sources), _READ_AHEAD)
        failed: list[Outcome] = []

        def sound() -> Iterator[Work]:
            for source, one in prepared:
                if isinstance(one, FancamError):
                    failed.append((source, one))
                else:
                    yield one

        try:
            results = enhancer(sound(), self.context.progress)
            for job, made in self.context.watch.iterated("enhance", results):
                if isinstance(made, FancamError):
                    yield job.key.source, made
                else:
                    yield from writer.add(self._writing(job.key, made))
                    if made.pixels.size > _LARGE_SAMPLES:
                        yield from writer.finish()
            yield from writer.finish()
            yield from failed
        finally:
            writer.close()
            prepared.close()

    # --- reading -----------------------------------------------------------------------------------------------

    def _prepare(self, source: Source) -> tuple[Source, Work | FancamError]:
        """Read a picture, look for faces, clean it; runs in a thread beside the network."""
        try:
            with self.context.watch("read"):
                still = pictures.read_still(source.path)
            with self.context.watch("faces"):
                found = self.context.faces_in(still)
            preset, measured = self._chosen(still, found)
            one = Loaded(source, still, found, self._target(still, found), preset, measured)
            with self.context.watch("prepare"):
                return source, self.context.enhancer.prepare(self._job(one))
        except FancamError as error:
            return source, error

    def _chosen(self, still: StillPicture, found: tuple[Face, ...]) -> tuple[Decision | None, Json]:
        if not self.context.by_preset:
            return None, {}
        with self.context.watch("measure"):
            measured = measure_still(still, found)
        return choose(measured), measured.as_values()

    def _job(self, one: Loaded) -> EnhanceJob:
        settings = self.context.settings if one.preset is None else self.context.by_preset[one.preset.choice]
        request = CropRequest(one.still.colour, one.target.box, one.target.width_px, one.target.height_px)
        return EnhanceJob(
            one, request, one.faces, one.target.effective_ppi,
            source_dpi=one.dpi, seed=seed_of(one.source.stem), clean=settings.clean,
        )  # fmt: skip

    def _target(self, still: StillPicture, found: tuple[Face, ...]) -> Target:
        dpi = None if still.dpi is None else still.dpi[0]
        aim = target(still.width, still.height, self.settings, paper_mm=self._paper_mm, dpi=dpi, faces=found)
        if aim.width_px * aim.height_px > MAX_RESULT_PIXELS:
            raise PictureTooLargeError(
                f"the result would be {aim.width_px}x{aim.height_px}, more than the limit of "
                f"{MAX_RESULT_PIXELS / 1e6:.0f} megapixels",
                item=still.source, remedy="ask for a smaller --scale or --long-edge",
            )  # fmt: skip
        return aim

    # --- writing -----------------------------------------------------------------------------------------------

    def _writing(self, one: Loaded, made: Enhanced) -> Callable[[], Outcome]:
        def write() -> Outcome:
            try:
                with self.context.watch("write"):
                    row = self._write(one, made)
                    if self.record is not None:
                        self.record(one.source, row)
                    return one.source, row
            except OutputError:
                raise  # the next one cannot be written either
            except FancamError as error:
                return one.source, error

        return write

    def _write(self, one: Loaded, made: Enhanced) -> Json:
        workspace = self.context.workspace
        path = self.output_path(one.source)
        result = dataclasses.replace(one.still, colour=made.pixels, alpha=_alpha(one))
        workspace.make_parent(path)
        metadata = pictures.PictureMetadata.of(Provenance.of_picture(one.source.path.name, one.target.box, made))
        written = pictures.write_still(
            path,
            result,
            dpi=one.target.dpi,
            quality=self.settings.quality,
            extra=metadata,
        )
        row = {
            "path": workspace.relative(path),
            "sha256": written.sha256,
            **one.target.as_values(),
            "enhance": manifest.enhance_values(made),
            "chain": [dataclasses.asdict(decision) for decision in _chain(one, made)],
            "warnings": [*_cut_warning(one.target), *made.warnings, *written.warnings],
        }

        def view(pixels: Samples) -> Picture:
            return pictures.srgb_view(dataclasses.replace(result, colour=pixels))

        if self.context.keep_stages:
            row["compare"] = keep_stages(
                workspace, one.source.stem, one.target.box, made,
                faces=one.faces, effective_ppi=one.target.effective_ppi, view=view,
            )  # fmt: skip
        if self.context.keep_evidence:
            row["provenance"] = keep_provenance(
                workspace, one.source.stem, one.target.box, made, faces=one.faces, view=view
            )
        return {"input": _input_values(one), "picture": row}


def _chain(one: Loaded, made: Enhanced) -> list[Decision]:
    return [*([one.preset] if one.preset else []), *made.decisions]


def _alpha(one: Loaded) -> Samples | None:
    if one.still.alpha is None:
        return None
    aim = one.target
    return pictures.resample(one.still.alpha, aim.box, aim.width_px, aim.height_px, "lanczos")


def _cut_warning(aim: Target) -> list[str]:
    return [f"{aim.cut_share:.0%} of the picture was cut off to fill the paper"] if aim.cut_share > 0.005 else []


def _input_values(one: Loaded) -> Json:
    chosen = {} if one.preset is None else {"preset": dataclasses.asdict(one.preset), "measured": one.measured}
    return {
        "kind": "photo", "width": one.still.width, "height": one.still.height, "rotation_deg": 0,
        "duration_s": None, "faces_found": len(one.faces), "warnings": list(one.still.warnings),
        **chosen,
    }  # fmt: skip
