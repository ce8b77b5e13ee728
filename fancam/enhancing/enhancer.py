"""The whole chain for many pictures: enlarge, hold the colours, restore faces under guard, put grain back, say why.

One record moves all the way, ``Work``::

    EnhanceJob ── prepare ──▶ Work: neighbours fused, screen, blocks and noise taken out, grain measured
        ── engine ──▶ its print, tile by tile, through the network or a plain filter
        ── _coloured ──▶ colours held to the source's, fused pixels for the plain share (a soft picture has both by now)
        ── faces ──▶ a face prior where one is wanted and the guard allows it
        ── _finished ──▶ grain put back, and what was measured, decided and warned of: ``Enhanced``
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from fancam.enhancing.cleaning.learned import LearnedDenoiser, resolve_denoiser
from fancam.enhancing.colour import match_low_band, mean_delta_e
from fancam.enhancing.dithering import to_depth
from fancam.enhancing.engine import Engine
from fancam.enhancing.evidence import map_evidence
from fancam.enhancing.explain import list_decisions, list_warnings
from fancam.enhancing.facepass import FacePass
from fancam.enhancing.grain.adding import add_grain
from fancam.enhancing.guard import Guard
from fancam.enhancing.lift import lift_print
from fancam.enhancing.preparation import Preparation
from fancam.enhancing.prior.restorers import Restorer, resolve_restorer
from fancam.enhancing.work import ENOUGH_PIXELS, CropRequest, EnhanceJob, Work, plain_print
from fancam.errors import FancamError
from fancam.media import Progress, Samples, no_progress
from fancam.nn import ModelStore
from fancam.results import Embedder, Enhanced, Evidence, FaceParser, Landmarker, Stages
from fancam.settings import Settings


@dataclass(frozen=True, slots=True)
class Instruments:
    """What measures faces: the first two where the guard measures, the parser where its weights are here."""

    embedder: Embedder | None = None
    landmarker: Landmarker | None = None
    parser: FaceParser | None = None


class Enhancer:
    """Makes pictures and cards out of crops, many at a time.

    Everything that can be missing is loaded here, before the long work begins.

    Args:
        settings: Of the enlargement, the face prior and the guard.
        store: Where the weights are.
        instruments: What measures faces.
        keep_stages: Whether ``Enhanced.stages`` are kept.
        keep_evidence: Whether ``Enhanced.evidence`` is kept.

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
        self, pictures: Iterable[Work], progress: Progress = no_progress
    ) -> Iterator[tuple[EnhanceJob, Enhanced | FancamError]]:
        """Yield each job with its result or with what went wrong, not always in order.

        Pictures are taken from the iterable as the network needs them, a few ahead.

        Args:
            pictures: What ``prepare`` made of the jobs; one that fails does not harm the others.
            progress: Called as ``("enhance", tiles done, tiles known so far)``.
        """
        in_network: dict[int, Work] = {}

        def crops() -> Iterator[CropRequest]:
            for number, work in enumerate(pictures):
                in_network[number] = work
                yield work.crop

        group: list[Work] = []
        for number, outcome in self.engine.stream(crops(), progress):
            work = in_network.pop(number)
            if isinstance(outcome, FancamError):
                yield work.job, outcome
                continue
            group.append(self._coloured(dataclasses.replace(work, enhanced=outcome)))
            if len(group) >= self.engine.pictures_at_once:
                yield from self._together(group)
                group = []
        yield from self._together(group)

    def _together(self, group: Sequence[Work]) -> Iterator[tuple[EnhanceJob, Enhanced | FancamError]]:
        """Finish some pictures together; where that fails, each alone, so that one does not take the others along."""
        try:
            finished = [
                self._finished(work, before.result)
                for work, before in zip(self.faces(group), group, strict=True)
            ]  # fmt: skip
        except FancamError as error:
            if len(group) == 1:
                yield group[0].job, error
                return
            for one in group:
                yield from self._together([one])
        else:
            yield from ((work.job, enhanced) for work, enhanced in zip(group, finished, strict=True))

    def _coloured(self, work: Work) -> Work:
        """Return the enlargement with the colours of its source, and with what was fused of several frames."""
        pixels, crop, invented = work.result.pixels, work.crop, work.result.invented
        joined = crop.is_soft and invented  # with the measured picture, which holds the colours too
        # A plain filter smooths what it interpolates; where it does the network's work that is given back.
        smoothed = self.engine.network is not None and 1 < crop.scale <= ENOUGH_PIXELS and crop.finer is None
        if self.guard.enabled and not joined and (invented or smoothed):
            pixels = match_low_band(crop.region.pixels, crop.region.box, pixels)
        if crop.finer is not None:
            plain = plain_print(crop.finer, "lanczos")
            if not joined:
                pixels = replace_plain(plain, plain_print(crop, "lanczos"), pixels, work.result.detail)
            work = dataclasses.replace(work, plain=plain if self.keep_evidence else None)
        return work.with_result(pixels=pixels)

    def _finished(self, work: Work, before: Enhanced) -> Enhanced:
        """Return the result of a picture whose faces are done; its grain is the last thing to be added.

        Args:
            work: After the faces.
            before: The enlargement without them.
        """
        job, made = work.job, work.result
        made = dataclasses.replace(
            made, notes=(*work.notes, *made.notes), fusion=work.fusion, cleaned=work.cleaned,
            delta_e=self._delta_e(work) if self.guard.enabled else None,
            evidence=self._evidence(work) if self.keep_evidence else None,
        )  # fmt: skip
        if self.keep_stages:
            network = to_depth(before.pixels, job.request.pixels.dtype) if made.restorer is not None else None
            made = dataclasses.replace(made, stages=Stages(plain_print(job.request, "bicubic"), network))
        made = lift_print(job, made)
        if work.grain is not None:
            strength = work.cleaned.grain_strength
            pixels = add_grain(made.pixels, work.grain, made.scale, strength=strength, seed=job.seed)
            made = dataclasses.replace(made, pixels=pixels)
        return dataclasses.replace(
            made,
            pixels=to_depth(made.pixels, job.request.pixels.dtype),
            decisions=list_decisions(self.settings, self.engine, self.choice, job, made),
            warnings=list_warnings(self.settings, job, made),
        )

    def _delta_e(self, work: Work) -> float:
        region = work.crop.region
        return mean_delta_e(region.pixels, region.box, work.result.pixels)

    def _evidence(self, work: Work) -> Evidence:
        pixels, plain = work.result.pixels, work.plain
        if not work.result.invented:
            plain = pixels
        elif plain is None:
            plain = plain_print(work.crop, "lanczos")
        return map_evidence(work.frames, (work.crop.finer or work.crop).box, pixels, plain, work.crop.scale)


def replace_plain(fine: Samples, plain: Samples, pixels: Samples, share: float) -> Samples:
    """Return a print with the plain filter's part of it taken from the finer picture.

    A print is ``share`` of the network's picture and the rest of the plain filter's: what the plain filter makes of the
    finer picture takes the place of what it made of the other.

    Args:
        fine: (H, W, 3) the finer picture by the plain filter, at print size.
        plain: (H, W, 3) the other by the plain filter, at print size.
        pixels: (H, W, 3) the print.
        share: Of the network's picture in it, in [0, 1].
    """
    difference = (fine.astype(np.float32) - plain.astype(np.float32)) * np.float32(1 - share)
    highest = np.iinfo(pixels.dtype).max
    return np.rint(np.clip(pixels + difference, 0, highest)).astype(pixels.dtype)
