"""The whole chain for many pictures: enlarge, hold the colours, restore faces under guard, say what was chosen."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from fancam.enhance.chain import decisions
from fancam.enhance.colour import match_low_band, mean_delta_e
from fancam.enhance.crops import CropRequest, cut_region, resample_region
from fancam.enhance.engine import Engine
from fancam.enhance.facepass import FacePass, Sheet
from fancam.enhance.guard import Guard, blockiness, print_warnings
from fancam.enhance.prior import Restorer, resolve_restorer
from fancam.errors import FancamError
from fancam.models import ModelStore
from fancam.records import Decision, Embedder, Enhanced, Face, FaceParser, Landmarker, Progress, Samples, no_progress
from fancam.settings import Settings


@dataclass(frozen=True, slots=True)
class Instruments:
    """What measures faces; each may be missing, and what cannot be measured is then left out."""

    embedder: Embedder | None = None
    landmarker: Landmarker | None = None
    parser: FaceParser | None = None


@dataclass(frozen=True, slots=True, eq=False)
class EnhanceJob:
    """One picture or card to make."""

    key: Any
    """The caller's own, to know the job by."""
    request: CropRequest
    faces: tuple[Face, ...] = ()
    """In pixels of the request's frame."""
    effective_ppi: float | None = None
    """Source pixels per printed inch; None where there is no paper."""


@dataclass(frozen=True, slots=True, eq=False)
class Made:
    """What became of a job."""

    enhanced: Enhanced
    plain: Samples | None
    """The same by the bicubic filter alone; None where stages are not kept."""
    network: Samples | None
    """The enlargement before the face prior; None where no prior touched it, or stages are not kept."""
    decisions: tuple[Decision, ...]
    warnings: tuple[str, ...]
    """What no enhancement can promise for this picture."""


class Enhancer:
    """Makes pictures and cards out of crops, many at a time.

    Everything that can be missing is loaded here, before the long work begins.

    Args:
        settings: Of the enlargement, the face prior and the guard.
        store: Where the weights are.
        instruments: What measures faces.
        keep_stages: Whether ``Made.plain`` and ``Made.network`` are kept.

    Raises:
        FancamError: See ``Engine`` and ``Restorer``.
    """

    def __init__(
        self, settings: Settings, store: ModelStore, instruments: Instruments, *, keep_stages: bool = False
    ) -> None:
        self.settings = settings
        self.engine = Engine(settings.enhance, store)
        self.choice = resolve_restorer(settings.restore, store)
        restorer = Restorer.load(self.choice, store, self.engine.compute) if self.choice.name is not None else None
        self.guarding = settings.guard.guard == "on"
        self.guard = Guard(settings.guard, instruments.embedder, instruments.landmarker)
        self.faces = FacePass(settings.restore, restorer, self.guard, instruments.parser)
        self.keep_stages = keep_stages

    def __call__(
        self, jobs: Iterable[EnhanceJob], progress: Progress = no_progress
    ) -> Iterator[tuple[EnhanceJob, Made | FancamError]]:
        """Yield each job with its result or with what went wrong, not always in order.

        Jobs are taken from the iterable as the network needs them, a few ahead.

        Args:
            jobs: What to make; one that fails does not harm the others.
            progress: Called as ``("enhance", tiles done, tiles known so far)``.
        """
        flying: dict[int, EnhanceJob] = {}

        def requests() -> Iterator[CropRequest]:
            for number, job in enumerate(jobs):
                flying[number] = job
                yield job.request

        waiting: list[tuple[EnhanceJob, Enhanced]] = []
        for number, result in self.engine.stream(requests(), progress):
            job = flying.pop(number)
            if isinstance(result, FancamError):
                yield job, result
                continue
            waiting.append((job, result))
            if len(waiting) >= self.engine.pictures_at_once:
                yield from self._finished(waiting)
                waiting = []
        yield from self._finished(waiting)

    def _finished(
        self, group: Sequence[tuple[EnhanceJob, Enhanced]]
    ) -> Iterator[tuple[EnhanceJob, Made | FancamError]]:
        """Finish some pictures together; where that fails, each alone, so that one does not take the others along."""
        try:
            yield from self._finish(group)
        except FancamError as error:
            if len(group) == 1:
                yield group[0][0], error
                return
            for one in group:
                yield from self._finished([one])

    def _finish(self, group: Sequence[tuple[EnhanceJob, Enhanced]]) -> list[tuple[EnhanceJob, Made | FancamError]]:
        enlarged = [self._with_colours_held(job, enhanced) for job, enhanced in group]
        sheets = [
            Sheet(job.request, enhanced.pixels, job.faces)
            for (job, _), enhanced in zip(group, enlarged, strict=True)
        ]  # fmt: skip
        made: list[tuple[EnhanceJob, Made | FancamError]] = []
        for (job, _), enhanced, done in zip(group, enlarged, self.faces(sheets), strict=True):
            final = dataclasses.replace(
                enhanced, pixels=done.pixels, faces=done.outcomes, invented=enhanced.invented or done.touched,
                delta_e=self._delta_e(job, done.pixels) if self.guarding else None,
                notes=(*enhanced.notes, *done.notes),
            )  # fmt: skip
            network = enhanced.pixels if self.keep_stages and done.touched else None
            chain = decisions(self.settings, self.engine, self.choice, self.guard, final)
            plain = resample_region(job.request, cut_region(job.request), "bicubic") if self.keep_stages else None
            made.append((job, Made(final, plain, network, chain, self._warnings(job, final))))
        return made

    def _with_colours_held(self, job: EnhanceJob, enhanced: Enhanced) -> Enhanced:
        if not self.guarding or not enhanced.invented:
            return enhanced
        region = cut_region(job.request)
        return dataclasses.replace(enhanced, pixels=match_low_band(region.pixels, region.box, enhanced.pixels))

    def _delta_e(self, job: EnhanceJob, pixels: Samples) -> float:
        region = cut_region(job.request)
        return mean_delta_e(region.pixels, region.box, pixels)

    def _warnings(self, job: EnhanceJob, enhanced: Enhanced) -> tuple[str, ...]:
        """Return what no enhancement can promise for this picture, and what the guard says of its faces."""
        heights = [face.box.height for face in job.faces]
        found = print_warnings(
            min(heights) if heights else None, enhanced.scale, job.effective_ppi, blockiness(job.request.pixels)
        )
        return (*found, *(text for outcome in enhanced.faces for text in outcome.warnings))
