"""What every step of a job shares: settings, models, and the instruments, made when first needed."""

from __future__ import annotations

import dataclasses
from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fancam import __version__, faces, picking, pictures
from fancam.enhancing import Enhancer, Instruments, resolve_denoiser, resolve_restorer
from fancam.errors import InputError, UsageError
from fancam.files import sha256_of_file
from fancam.identity import Roster
from fancam.jobs.frame import FolderJob, Outcome, Stopwatch, default_store
from fancam.jobs.manifest import Failure, InputReport, PictureResult
from fancam.jobs.workspace import Source, Workspace, sha256_of_values
from fancam.media import Picture, Progress, no_progress
from fancam.nn import ModelStore, NetworkChoice
from fancam.nn.device import resolve_device
from fancam.results import Decision, Embedder, Face
from fancam.settings import FaceSettings, Settings

_FRAMES_AT_ONCE = 8
"""On a GPU; eight 4K frames are 200 MB."""
LANDMARK_LONG_EDGE_PX = 256
"""Size at which the aligned faces are searched for landmarks: the face fills the picture, so it is plenty."""


class Context:
    """The shared part of a job.

    Args:
        settings: Of every stage; the defaults where None.
        store: Where the weights are; see ``default_store``.
        stream: Video stream to use; None takes the best.
        progress: Told of every step.
        keep_stages: Whether the enlargement before the face prior is kept, for comparisons.
        keep_evidence: Whether a map of what was measured and what was invented is made.
        by_preset: The settings of every preset that is chosen from for each input; empty where none is to be chosen.
        roster: Who may be in the pictures; None names nobody.
        members: Names of those whose moments are asked for, of the roster; empty asks for everybody's.
        keep_vectors: Whether the embedding of every face that is looked at is kept.

    Raises:
        UsageError: The settings weigh something that is no term, or somebody is asked for whom no roster knows.
    """

    def __init__(
        self,
        settings: Settings | None = None,
        store: ModelStore | None = None,
        *,
        stream: int | None = None,
        progress: Progress = no_progress,
        keep_stages: bool = False,
        keep_evidence: bool = False,
        by_preset: Mapping[str, Settings] | None = None,
        roster: Roster | None = None,
        members: Sequence[str] = (),
        keep_vectors: bool = False,
    ) -> None:
        self.settings = settings or Settings()
        picking.term_weights(self.settings.pick)  # said before the long work begins
        self.store = store or default_store()
        self.stream = stream
        self.progress = progress
        self.keep_stages = keep_stages
        self.keep_evidence = keep_evidence
        self.by_preset = by_preset or {}
        self.roster = roster
        self.members = wanted_members(roster, members)
        self.keep_vectors = keep_vectors
        self.preset: Decision | None = None
        self.watch = Stopwatch()

    def with_preset(self, preset: Decision | None) -> Context:
        """Return the context with the settings of a preset; it shares the enhancer, whose settings no preset changes.

        Args:
            preset: From ``presets.choose``; None returns this context.
        """
        if preset is None:
            return self
        other = Context(
            self.by_preset[preset.choice], self.store, stream=self.stream, progress=self.progress,
            keep_stages=self.keep_stages, keep_evidence=self.keep_evidence, by_preset=self.by_preset,
            roster=self.roster, members=self.members, keep_vectors=self.keep_vectors,
        )  # fmt: skip
        other.preset, other.watch, other.enhancer = preset, self.watch, self.enhancer
        return other

    @cached_property
    def prior(self) -> NetworkChoice:
        """Which face prior is used, and why."""
        return resolve_restorer(self.settings.restore, self.store)

    @cached_property
    def denoiser(self) -> NetworkChoice:
        """Which network takes noise out, if any, and why."""
        return resolve_denoiser(self.settings.clean, self.store)

    def weights(self) -> list[str]:
        """Return the hashes of the weights that a result depends on."""
        names = [
            self.settings.enhance.upscaler,
            self._detector_name,
            faces.LANDMARKER,
            str(self.prior.file or self.prior.name),
            faces.embedder_name(self.store) if self.guarding else "",
            self.denoiser.source or "builtin",
        ]
        return self._hashes(names)

    def picking_weights(self) -> list[str]:
        """Return the hashes of the weights that the choice of moments depends on."""
        names = [self._detector_name, faces.LANDMARKER] if self.settings.pick.faces else []
        return self._hashes([*names, *([faces.embedder_name(self.store)] if self.embeds else [])])

    def people_asked_for(self) -> dict[str, Any]:
        """Return what a choice of moments depends on beside the settings: who is meant and by what they are known."""
        roster = None if self.roster is None else self.roster.as_values()
        return {"roster": roster, "members": self.members}

    @property
    def _detector_name(self) -> str:
        name = self.settings.faces.detector
        return faces.DEFAULT_DETECTOR if name == "auto" else name

    def _hashes(self, names: Sequence[str]) -> list[str]:
        known = {entry.name for entry in self.store.entries()}
        return [
            self.store.sha256(name) if name in known else sha256_of_file(Path(name)) if Path(name).is_file() else name
            for name in names
        ]

    def all_settings(self) -> dict[str, Any]:
        """Return the settings that a result depends on, as plain values: those of the presets as well."""
        return {"": self.settings.as_dict()} | {name: one.as_dict() for name, one in self.by_preset.items()}

    def notes(self) -> list[str]:
        """Return what the whole job goes without: the weights of a face prior or of a denoiser."""
        return [note for note in (self.prior.note, self.denoiser.note) if note]

    @property
    def tells_people_apart(self) -> bool:
        """Whether faces are recognised, beyond the track that they are in."""
        return self.roster is not None or self.settings.pick.per_person is not None

    @property
    def embeds(self) -> bool:
        """Whether the embeddings of faces are measured."""
        return self.tells_people_apart or self.keep_vectors

    @property
    def guarding(self) -> bool:
        """Whether the guard measures and holds."""
        return self.settings.guard.enabled

    @property
    def frames_at_once(self) -> int:
        """How many video frames are searched for faces together: a CPU gains nothing by it."""
        return 1 if resolve_device(self.settings.enhance.device).type == "cpu" else _FRAMES_AT_ONCE

    # --- detectors ---------------------------------------------------------------------------------------------

    @cached_property
    def frame_detector(self) -> faces.FaceDetector:
        """Finds faces in video frames."""
        return self._detector(self.settings.faces, (self.settings.faces.detect_long_edge_px,))

    @cached_property
    def mesher(self) -> faces.FaceMesher:
        """Measures the dense landmarks of faces."""
        return faces.create_mesher(self.store)

    @cached_property
    def embedder(self) -> Embedder:
        """Tells people apart."""
        return faces.create_embedder(self.store)

    def embed(self, pixels: Picture, found: Sequence[Face]) -> npt.NDArray[np.float32]:
        """Return the (N, D) embeddings of the faces of a picture."""
        return self.embedder.embed([pixels] * len(found), [face.landmark_array for face in found])

    @cached_property
    def probe_detector(self) -> faces.FaceDetector:
        """Finds faces in the small grey pictures of the scan, where a hint is enough."""
        settings = dataclasses.replace(self.settings.faces, min_face_px=self.settings.scan.probe_min_face_px)
        return self._detector(settings, (self.settings.scan.probe_long_edge_px,))

    @cached_property
    def photo_detector(self) -> faces.FaceDetector:
        """Finds faces of every size in photos."""
        return self._detector(self.settings.faces, faces.PHOTO_LONG_EDGES_PX)

    def _detector(self, settings: FaceSettings, long_edges_px: tuple[int, ...]) -> faces.FaceDetector:
        device = str(resolve_device(self.settings.enhance.device))
        return faces.create_detector(settings, self.store, device=device, long_edges_px=long_edges_px)

    def faces_in(self, still: pictures.StillPicture) -> tuple[Face, ...]:
        """Return the faces of a photo from left to right; none where no setting asks for them."""
        settings = self.settings
        if (
            not self.by_preset
            and not self.guarding
            and settings.restore.restore == "none"
            and settings.photo.size is None
        ):
            return ()
        found = self.photo_detector.detect([still.srgb()])[0]
        return tuple(sorted(found, key=lambda face: face.box.centre))

    # --- enhancing ---------------------------------------------------------------------------------------------

    @cached_property
    def enhancer(self) -> Enhancer:
        """Enlarges, restores and guards; loading it says what is missing before the long work begins."""
        return Enhancer(
            self.settings, self.store, self._instruments(),
            keep_stages=self.keep_stages, keep_evidence=self.keep_evidence,
        )  # fmt: skip

    def _instruments(self) -> Instruments:
        device = str(resolve_device(self.settings.enhance.device))
        parser = faces.create_parser(self.store, device) if self.prior.name is not None else None
        if not self.guarding:
            return Instruments(parser=parser)
        detector = self._detector(self.settings.faces, (LANDMARK_LONG_EDGE_PX,))
        return Instruments(self.embedder, faces.create_landmarker(detector), parser)


def wanted_members(roster: Roster | None, names: Sequence[str]) -> tuple[str, ...]:
    """Return the names as the roster has them, each once.

    Raises:
        UsageError: There is no roster, or nobody of that name in it.
    """
    if names and roster is None:
        raise UsageError(f"nobody knows {names[0]!r}", remedy="show who it is with reference pictures: --refs DIR")
    return () if roster is None else tuple(dict.fromkeys(roster.member(name).name for name in names))


class NetworkJob(FolderJob):
    """A verb that fills a folder with what networks make; a result that is whole is not made again."""

    def __init__(self, context: Context, workspace: Workspace) -> None:
        super().__init__(context.settings, workspace, context.watch, context.progress)
        self.context = context

    def notes(self) -> list[str]:
        """Return what the whole job goes without."""
        return self.context.notes()

    def key(self, source: Source, *more: Any) -> str:
        """Return the hash of all that the result for an input depends on, weights and version included."""
        own = [source.stem, self.sha256(source), self.context.weights()]
        return sha256_of_values([__version__, self.context.all_settings(), *more, *own])

    def is_whole(self, result: PictureResult) -> bool:
        """Whether a result, and what is wanted beside it, are still as they were written."""
        folder, kept, found = self.workspace.folder, result.compare, result.provenance
        if self.context.keep_stages and not (kept and all((folder / one["path"]).is_file() for one in kept["stages"])):
            return False
        if self.context.keep_evidence and not (found and (folder / found["path"]).is_file()):
            return False
        path = folder / result.path
        return path.is_file() and sha256_of_file(path) == result.sha256


class MomentJob(NetworkJob):
    """A verb that chooses moments, one input after the other; an input that cannot be read harms no other.

    Where members are asked for, their best moments are those of all inputs together.
    """

    def work(self, sources: Sequence[Source]) -> Iterator[tuple[Source, Outcome]]:
        """Yield each input with its picks and what was made of them."""
        together: dict[Source, tuple[InputReport, list[Any]]] = {}
        for source in sources:
            try:
                found = self.found(source)
                if self.context.members and len(sources) > 1:
                    together[source] = found
                else:
                    yield source, self.finish(source, *found)
            except InputError as error:
                yield source, Outcome(failures=[Failure(error, "input")])
        best = self._best([pick for _, picks in together.values() for pick in picks])
        for source, (report, picks) in together.items():
            kept = [pick for pick in picks if pick in best]
            try:
                yield source, self.finish(source, report, kept) if kept or not best else Outcome(report)
            except InputError as error:
                yield source, Outcome(failures=[Failure(error, "input")])

    def _best(self, picks: Sequence[Any]) -> list[Any]:
        """Return of each member the best picks, no more than are asked for of one input."""
        limit = self.settings.pick.limit
        ranked = sorted(picks, key=lambda pick: -pick.score.value)
        by_member = [[pick for pick in ranked if pick.face.naming.member == name] for name in self.context.members]
        return [pick for own in by_member for pick in own[:limit]]

    @abstractmethod
    def found(self, source: Source) -> tuple[InputReport, list[Any]]:
        """Return the report on an input and its picks; raises an ``InputError`` where it cannot be read."""

    @abstractmethod
    def finish(self, source: Source, report: InputReport, picks: list[Any]) -> Outcome:
        """Return what was made of the picks of an input; raises an ``InputError`` where it cannot be read."""
