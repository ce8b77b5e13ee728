"""The whole chain for many pictures: enlarge, hold the colours, restore faces under guard, put grain back, say why."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from fancam.enhance.cleaning.learned import LearnedDenoiser, resolve_denoiser
from fancam.enhance.colour import match_low_band, mean_delta_e
from fancam.enhance.crops import CropRequest, EnhanceJob, cut_region, print_scale, resample_region
from fancam.enhance.engine import Engine
from fancam.enhance.evidence import evidence_of
from fancam.enhance.explain import decisions
from fancam.enhance.facepass import Done, FacePass, Sheet
from fancam.enhance.grain.adding import add_grain
from fancam.enhance.guard import Guard, print_warnings
from fancam.enhance.preparation import Preparation, Prepared, finer_by
from fancam.enhance.prior.restorers import Restorer, resolve_restorer
from fancam.errors import FancamError
from fancam.media import Progress, Samples, no_progress
from fancam.nn import ModelStore
from fancam.results import Decision, Embedder, Enhanced, Evidence, FaceParser, Landmarker
from fancam.settings import Settings


@dataclass(frozen=True, slots=True)
class Instruments:
    """What measures faces; each may be missing, and what cannot be measured is then left out."""

    embedder: Embedder | None = None
    landmarker: Landmarker | None = None
    parser: FaceParser | None = None


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
    evidence: Evidence | None = None
    """What was measured and what was invented; None where it is not kept."""


class Enhancer:
    """Makes pictures and cards out of crops, many at a time.

    Everything that can be missing is loaded here, before the long work begins.

    Args:
        settings: Of the enlargement, the face prior and the guard.
        store: Where the weights are.
        instruments: What measures faces.
        keep_stages: Whether ``Made.plain`` and ``Made.network`` are kept.
        keep_evidence: Whether ``Made.evidence`` is kept.

    Raises:
        FancamError: See ``Engine``, ``Restorer`` and ``LearnedDenoiser``.
    """

    def __init__(
        self, settings: Settings, store: ModelStore, instruments: Instruments, *,
        keep_stages: bool = False, keep_evidence: bool = False,
    ) -> None:  # fmt: skip
        self.settings = settings
        self.engine = Engine(settings.enhance, store)
        self.choice = resolve_restorer(settings.restore, store)
        restorer = Restorer.load(self.choice, store, self.engine.compute) if self.choice.name is not None else None
        self.guarding = settings.guard.guard == "on"
        self.guard = Guard(settings.guard, instruments.embedder, instruments.landmarker)
        self.faces = FacePass(settings.restore, restorer, self.guard, instruments.parser)
        denoiser = resolve_denoiser(settings.clean, store).source
        self.prepare = Preparation(
            None if denoiser is None else LearnedDenoiser.load(denoiser, store, self.engine.compute)
        )
        """Prepares a job for the enlargement; may run in a thread beside the network."""
        self.keep_stages = keep_stages
        self.keep_evidence = keep_evidence

    def __call__(
        self, pictures: Iterable[Prepared], progress: Progress = no_progress
    ) -> Iterator[tuple[EnhanceJob, Made | FancamError]]:
        """Yield each job with its result or with what went wrong, not always in order.

        Pictures are taken from the iterable as the network needs them, a few ahead.

        Args:
            pictures: What ``prepare`` made of the jobs; one that fails does not harm the others.
            progress: Called as ``("enhance", tiles done, tiles known so far)``.
        """
        flying: dict[int, Prepared] = {}

        def requests() -> Iterator[CropRequest]:
            for number, picture in enumerate(pictures):
                flying[number] = picture
                yield picture.request

        waiting: list[tuple[Prepared, Enhanced]] = []
        for number, result in self.engine.stream(requests(), progress):
            picture = flying.pop(number)
            if isinstance(result, FancamError):
                yield picture.job, result
                continue
            waiting.append((picture, result))
            if len(waiting) >= self.engine.pictures_at_once:
                yield from self._finished(waiting)
                waiting = []
        yield from self._finished(waiting)

    def _finished(self, group: Sequence[tuple[Prepared, Enhanced]]) -> Iterator[tuple[EnhanceJob, Made | FancamError]]:
        """Finish some pictures together; where that fails, each alone, so that one does not take the others along."""
        try:
            yield from self._finish(group)
        except FancamError as error:
            if len(group) == 1:
                yield group[0][0].job, error
                return
            for one in group:
                yield from self._finished([one])

    def _finish(self, group: Sequence[tuple[Prepared, Enhanced]]) -> list[tuple[EnhanceJob, Made | FancamError]]:
        enlarged = [self._held(picture, enhanced) for picture, enhanced in group]
        sheets = [
            Sheet(picture.request, enhanced.pixels, picture.faces)
            for (picture, _), enhanced in zip(group, enlarged, strict=True)
        ]
        return [
            (picture.job, self._made(picture, enhanced, done))
            for (picture, _), enhanced, done in zip(group, enlarged, self.faces(sheets), strict=True)
        ]

    def _held(self, picture: Prepared, enhanced: Enhanced) -> Enhanced:
        """Return the enlargement with the colours of its source, and with what was fused of several frames."""
        pixels = enhanced.pixels
        if self.guarding and enhanced.invented:
            region = cut_region(picture.request)
            pixels = match_low_band(region.pixels, region.box, pixels)
        if picture.fine is not None:
            pixels = finer_by(_plainly(picture.fine), _plainly(picture.request), pixels, enhanced.detail)
        return dataclasses.replace(enhanced, pixels=pixels)

    def _made(self, picture: Prepared, enhanced: Enhanced, done: Done) -> Made:
        """Return the result of a picture whose faces are done; its grain is the last thing to be added."""
        job = picture.job
        final = dataclasses.replace(
            enhanced, pixels=done.pixels, invented=enhanced.invented or done.touched,
            faces=tuple(dataclasses.replace(one, face=picture.in_frame(one.face)) for one in done.outcomes),
            delta_e=self._delta_e(picture, done.pixels) if self.guarding else None,
            notes=(*picture.notes, *enhanced.notes, *done.notes), fusion=picture.fusion, cleaned=picture.cleaned,
        )  # fmt: skip
        evidence = self._evidence(picture, final) if self.keep_evidence else None
        network = enhanced.pixels if self.keep_stages and done.touched else None
        plain = resample_region(job.request, cut_region(job.request), "bicubic") if self.keep_stages else None
        if picture.grain is not None:
            grained = add_grain(
                final.pixels, picture.grain, final.scale, strength=picture.cleaned.grain_strength, seed=job.seed
            )
            final = dataclasses.replace(final, pixels=grained)
        chain = decisions(self.settings, self.engine, self.choice, self.guard, job, final)
        return Made(final, plain, network, chain, self._warnings(job, final), evidence)

    def _evidence(self, picture: Prepared, enhanced: Enhanced) -> Evidence:
        measured = picture.fine or picture.request
        plain = _plainly(measured) if enhanced.invented else enhanced.pixels
        return evidence_of(picture.frames, measured.box, enhanced.pixels, plain, print_scale(picture.request))

    def _delta_e(self, picture: Prepared, pixels: Samples) -> float:
        region = cut_region(picture.request)
        return mean_delta_e(region.pixels, region.box, pixels)

    def _warnings(self, job: EnhanceJob, enhanced: Enhanced) -> tuple[str, ...]:
        """Return what no enhancement can promise for this picture, and what the guard says of its faces."""
        heights = [face.box.height for face in job.faces]
        found = print_warnings(
            min(heights) if heights else None, enhanced.scale, job.effective_ppi, enhanced.cleaned.blockiness
        )
        return (*found, *(text for outcome in enhanced.faces for text in outcome.warnings))


def _plainly(request: CropRequest) -> Samples:
    return resample_region(request, cut_region(request), "lanczos")
