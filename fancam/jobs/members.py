"""``members``: everybody in photos and videos, each in a folder of their own, with a contact sheet."""

from __future__ import annotations

import dataclasses
import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from fancam import picking, pictures, video
from fancam.cropping import frame_face
from fancam.errors import InputError, InputUnreadableError, NothingFoundError, UsageError
from fancam.files import printable, replace_file
from fancam.geometry import Box, CardGeometry
from fancam.identity import Correction, Roster, Tracklet
from fancam.jobs import manifest
from fancam.jobs.context import Context, NetworkJob
from fancam.jobs.find import find_in_photo, find_in_video, moment_address, stated_face, stated_score
from fancam.jobs.frame import Outcome, Paths
from fancam.jobs.manifest import Failure, InputReport, RunResult
from fancam.jobs.people_file import FoundFace, PeopleFile, Person
from fancam.jobs.people_folders import arrange
from fancam.jobs.persons import Vectors, people_of, tracklets_of, weight_of
from fancam.jobs.scanning import decoder_threads
from fancam.jobs.sources import Found, find_media
from fancam.jobs.workspace import Source, Workspace
from fancam.media import Picture, Progress, no_progress
from fancam.nn import ModelStore
from fancam.paper import card_geometry
from fancam.pictures import PictureMetadata, save_picture
from fancam.provenance import Provenance
from fancam.results import Candidate, Face, ScoredFace
from fancam.settings import Settings


def find_members(
    inputs: Paths, out: Path | str, settings: Settings | None = None, *,
    store: ModelStore | None = None, stream: int | None = None, roster: Roster | None = None,
    count: int | None = None, remember: bool = False, progress: Progress = no_progress,
) -> RunResult:  # fmt: skip
    """Find everybody in photos and videos: a folder of composed crops and a contact sheet for each, ``members.json``.

    Faces of one frame are different people, those of one track one; the rest is told by likeness, and by margin where
    there is a roster. Corrections that were made in the folder hold. Embeddings are not written unless they are to be.

    Args:
        inputs: Videos, photos, or folders of them.
        out: The output folder: a new or empty one, or one of fancam's.
        settings: Of the scan, the faces, the choice and the framing; the defaults where None.
        store: Where the weights are; see ``default_store``.
        stream: Index of the video stream to use; None takes the one with the largest picture.
        roster: Who may be meant, see ``read_roster``; who is none of it, or may be two, is ``unsure``.
        count: How many people there are; None where that is not known.
        remember: Whether embeddings are kept in the folder, so that other inputs can be added to it later.
        progress: Called as ``progress(stage, done, total)``.

    Returns:
        What was found; an input that failed is among its failures and harms no other.

    Raises:
        FancamError: The only input cannot be used, a model is missing, or nothing can be written.

    Example:
        >>> result = fancam.find_members("stage.mp4", "people", count=5)
        >>> [(one["label"], one["looks"]) for one in result.to_manifest()["people"]]
        [('person-01', 41), ('person-02', 38), ...]
    """
    context = Context(settings, store, stream=stream, progress=progress, keep_vectors=True)
    return Members(context, Workspace(Path(out)), roster=roster, count=count, remember=remember)(inputs)


@dataclass(frozen=True, slots=True, eq=False)
class _Looked:
    """What was found in an input."""

    report: InputReport
    stem: str
    scored: list[ScoredFace]
    vectors: Vectors
    faces: dict[str, ScoredFace] = field(default_factory=dict)
    """By id."""

    def __post_init__(self) -> None:
        self.faces.update(zip(_ids(self.stem, self.is_video, self.scored), self.scored, strict=True))

    @property
    def is_video(self) -> bool:
        return self.report.kind == "video"

    def others(self, one: ScoredFace) -> list[Face]:
        """Return the other faces of the same frame."""
        return [
            other.face for other in self.scored if other.candidate.pts == one.candidate.pts and other is not one
        ]  # fmt: skip

    def as_values(self) -> dict[str, Any]:
        """Return what is remembered of it, as JSON values."""
        rows = [
            {**manifest.judged_to_manifest(one.candidate.pts, one.candidate.time_s, one.face, one.score, ""),
             "shot": one.candidate.shot, "vector": [round(float(x), 6) for x in vector]}
            for one, vector in zip(self.scored, self.vectors, strict=True)
        ]  # fmt: skip
        return {"stem": self.stem, "input": manifest.input_to_manifest(self.report), "faces": rows}

    @classmethod
    def from_values(cls, values: Mapping[str, Any]) -> _Looked:
        """Return what ``as_values`` wrote."""
        scored = [
            ScoredFace(
                Candidate(row["pts"], row["time_s"], 1.0, row["shot"]), manifest.face_from_manifest(row["face"]),
                manifest.score_from_manifest(row),
            )
            for row in values["faces"]
        ]  # fmt: skip
        vectors = np.array([row["vector"] for row in values["faces"]], np.float32)
        if scored and vectors.ndim != 2:
            raise ValueError("embeddings of several lengths")
        return cls(manifest.input_from_manifest(values["input"]), values["stem"], scored, vectors)


class Members(NetworkJob):
    """Finds everybody in many inputs."""

    verb = "members"

    def __init__(
        self, context: Context, workspace: Workspace, *, roster: Roster | None, count: int | None, remember: bool
    ) -> None:  # fmt: skip
        super().__init__(context, workspace)
        if not context.settings.pick.faces:
            raise UsageError("members are told by their faces, and pick.faces is false", remedy="leave it out")
        if count is not None and count < 1:
            raise UsageError(f"{count} members is none", remedy="name a number from 1")
        self.roster, self.count, self.remember = roster, count, remember
        card = card_geometry(context.settings.card)
        # A crop shows what the camera gave; nothing is widened for a print that it is not yet.
        self.crop = dataclasses.replace(context.settings.crop, min_ppi=0.0)
        self.geometry = CardGeometry(card.width_mm, card.height_mm, 0.0, card.dpi)
        self._people: PeopleFile | None = None
        self._remembered: dict[str, _Looked] = {}
        """What was kept, by the sha256 of the input."""
        self._notes: list[str] = []

    def find(self, inputs: Sequence[Path]) -> Found:
        """Return the videos and photos."""
        return find_media(inputs)

    def notes(self) -> list[str]:
        """Return what is not as it was asked for."""
        return self._notes

    # --- looking -----------------------------------------------------------------------------------------------

    def work(self, sources: Sequence[Source]) -> Iterator[tuple[Source, Outcome]]:
        """Yield each input with the crops that were made of it, once everybody was looked for in all of them."""
        here: dict[str, Source] = {}
        for source in sources:
            try:
                first = here.setdefault(self.sha256(source), source)
            except InputError as error:
                yield source, Outcome(failures=[Failure(error, "input")])
                continue
            if first is not source:
                self._notes.append(f"{printable(source.path)}: the same as {printable(first.path)}, looked at once")
        remembered = self._read_remembered()
        self.remember = self.remember or bool(remembered)
        path = self.workspace.people_path
        earlier = PeopleFile.read(path) if path.is_file() else None
        if earlier is not None:
            self._refuse_strangers(earlier, here, remembered)
        changed = {source.stem for source in here.values()}
        looked = {sha: one for sha, one in remembered.items() if sha not in here and one.stem not in changed}
        for sha256, source in here.items():
            try:
                looked[sha256] = self._look(source)
            except InputError as error:
                yield source, Outcome(failures=[Failure(error, "input")])
        if not looked:
            return
        found = self._people_in(looked, () if earlier is None else earlier.corrections)
        self._compare_count(found)
        people = found.people
        crops: dict[str, str] = {}
        for number, (sha256, one) in enumerate(looked.items()):
            if sha256 not in here:
                continue
            source = here[sha256]
            try:
                made = self._write_crops(source, number, one, people)
            except InputError as error:
                yield source, Outcome(one.report, failures=[Failure(error, "input")])
                continue
            crops |= made
            nobody = NothingFoundError("no face found", item=source.path, remedy="try --preset wide-stage")
            failures = [] if one.scored else [Failure(nobody, "pick")]
            yield source, Outcome(one.report, files=list(made.values()), failures=failures)
        self._people = found.with_crops(crops)
        if self.remember:
            again = {sha256: one for sha256, one in remembered.items() if sha256 in here}
            self._remembered = again | looked

    def _compare_count(self, people: PeopleFile) -> None:
        """Note where there are not as many people as was said."""
        found = len({one.group for one in people.faces} - {None})
        if self.count is not None and found != self.count:
            why = "no more were seen" if found < self.count else "those seen in one frame are different people"
            self._notes.append(f"{found} people, not {self.count}: {why}")

    def _read_remembered(self) -> dict[str, _Looked]:
        path = self.workspace.remembered_path
        try:
            if not path.is_file():
                return {}
            found = json.loads(path.read_text(encoding="utf-8"))
            measured_by, inputs = found["embedder"], found["inputs"]
            remembered = {str(sha256): _Looked.from_values(values) for sha256, values in inputs.items()}
        except (OSError, ValueError, LookupError, AttributeError, TypeError, AssertionError) as error:
            raise InputUnreadableError("cannot be read", item=path, remedy="fancam members --forget") from error
        if measured_by != self.context.embedder.sha256:
            raise UsageError(
                "embeddings that other weights measured are kept there, which cannot be compared",
                item=self.workspace.folder, remedy="fancam members --forget, then all inputs again",
            )  # fmt: skip
        return remembered

    def _refuse_strangers(
        self, earlier: PeopleFile, here: Mapping[str, Source], remembered: Mapping[str, _Looked]
    ) -> None:  # fmt: skip
        """Refuse to mix the numbers of people of inputs that are not looked at again.

        Raises:
            UsageError: The folder has people of other inputs, whose embeddings were not kept.
        """
        known, stems = {*here, *remembered}, {source.stem for source in here.values()}
        # A stem is one file's in the folder: where that has changed since, it is looked at anew.
        others = [one["path"] for one in earlier.inputs if one["sha256"] not in known and one["stem"] not in stems]
        if others:
            raise UsageError(
                f"the folder has people of {others[0]}, who cannot be compared: their embeddings were not kept",
                item=self.workspace.folder, remedy="name that input as well, or another --out; --remember keeps them",
            )  # fmt: skip

    def _look(self, source: Source) -> _Looked:
        context, sha256 = self.context, self.sha256(source)
        if source.is_video:
            film = video.open_video(source.path, stream=context.stream)
            found = find_in_video(context, film)
            report = manifest.video_report(film.info, found, sha256, {})
        else:
            photo = pictures.open_picture(source.path)
            found = find_in_photo(context, photo)
            report = manifest.photo_report(photo, found, sha256, {})
        vectors = np.zeros((0, 1), np.float32) if found.vectors is None else found.vectors
        return _Looked(report, source.stem, list(found.looked_at), vectors)

    # --- who is who --------------------------------------------------------------------------------------------

    def _people_in(self, looked: Mapping[str, _Looked], corrections: Sequence[Correction]) -> PeopleFile:
        """Return everybody who was found, those that are remembered among them."""
        tracklets: list[Tracklet] = []
        places: list[tuple[int, list[int]]] = []
        for number, one in enumerate(looked.values()):
            made, looks = tracklets_of(one.scored, one.vectors, number)
            tracklets += made
            places += [(number, numbers) for numbers in looks]
        groups, names = people_of(tracklets, self.roster, self.count)
        inputs = list(looked.values())
        found: list[FoundFace] = []
        for tracklet, ((number, own), group, naming) in enumerate(zip(places, groups, names, strict=True)):
            of = inputs[number]
            ids = list(of.faces)
            for look in own:
                scored = of.scored[look]
                found.append(FoundFace(
                    ids[look], number, scored.candidate.pts if of.is_video else None,
                    scored.candidate.time_s if of.is_video else None,
                    dataclasses.replace(stated_face(scored.face), naming=naming), stated_score(scored.score),
                    weight_of(scored), tracklet, group,
                ))  # fmt: skip
        rows = tuple(
            {"path": one.report.path, "sha256": sha256, "stem": one.stem} for sha256, one in looked.items()
        )  # fmt: skip
        crop_mm = self.geometry.width_mm, self.geometry.height_mm
        return PeopleFile(rows, tuple(found), crop_mm, tuple(corrections), self.roster is not None)

    # --- crops -------------------------------------------------------------------------------------------------

    def _write_crops(
        self, source: Source, number: int, looked: _Looked, people: Sequence[Person]
    ) -> dict[str, str]:  # fmt: skip
        """Write the crops of everybody in an input, and return their paths by the faces' ids."""
        chosen: dict[int, list[tuple[FoundFace, Person]]] = {}
        for person in people:
            own = [one for one in person.faces if one.input == number]
            for one in self._best(own, looked, person.number) if source.is_video else own:
                chosen.setdefault(looked.faces[one.id].candidate.pts, []).append((one, person))
        written: dict[str, str] = {}
        for pts, pixels in self._frames(source, looked, sorted(chosen)):
            for one, person in chosen[pts]:
                written[one.id] = self._write_crop(source, looked, one, person, pixels)
            self.progress("crops", len(written), sum(map(len, chosen.values())))
        return written

    def _best(self, own: Sequence[FoundFace], looked: _Looked, person: int) -> list[FoundFace]:
        """Return the best different moments of a person in a video; the surest look where none is good enough."""
        theirs = [
            dataclasses.replace(one, face=dataclasses.replace(one.face, track=person))
            for one in (looked.faces[face.id] for face in own)
        ]
        picks = picking.select(theirs, self.settings.pick, self.settings.scan.from_s or 0.0)
        found = [face for face, one in zip(own, theirs, strict=True) if any(one is pick for pick in picks)]
        return found or sorted(own, key=lambda one: (-one.weight, one.id))[:1]

    def _frames(self, source: Source, looked: _Looked, wanted: Sequence[int]) -> Iterator[tuple[int, Picture]]:
        if not source.is_video:
            yield from ((pts, pictures.open_picture(source.path).srgb()) for pts in wanted)
            return
        film = video.open_video(source.path, stream=self.context.stream)
        for frame in film.frames(wanted, threads=decoder_threads(looked.report.details["frames_rejected"])):
            assert frame.pts is not None
            yield frame.pts, frame.pixels

    def _write_crop(
        self, source: Source, looked: _Looked, one: FoundFace, person: Person, pixels: Picture
    ) -> str:  # fmt: skip
        """Write the composed crop of a face in the frame's own pixels, and return its path."""
        height, width = pixels.shape[:2]
        others = looked.others(looked.faces[one.id])
        crop = frame_face(one.face, width, height, self.geometry, self.crop, others)
        box = Box(*(round(edge) for edge in crop.box.clipped(width, height).as_list()))
        path = self.workspace.crop_path(person.folder, one.id)
        self.workspace.make_parent(path)
        name, sha256 = printable(source.path.name), self.sha256(source)
        about = Provenance.of_frame(name, sha256, box, one.pts, one.time_s, one.score, person.label)
        with self.watch("write"):
            saved = save_picture(path, pixels[box.as_slices()].copy(), metadata=PictureMetadata.of(about))
        values = {"path": self.workspace.relative(path), "sha256": saved.sha256}
        self.workspace.record(sha256, f"crop {one.id}", values, self.owner(source))
        return values["path"]

    # --- all of them -------------------------------------------------------------------------------------------

    def extras(self, outcomes: Mapping[Source, Outcome]) -> dict[str, Any]:  # noqa: ARG002 - all are in _people
        """Put every crop where its person is, and write contact sheets, ``members.json`` and what is remembered."""
        if self._people is None:
            return {"people": [], "remembered": False}
        with self.watch("write"):
            people = arrange(self.workspace, self._people)
            if self._remembered:
                inputs = {sha256: one.as_values() for sha256, one in self._remembered.items()}
                kept = {"embedder": self.context.embedder.sha256, "inputs": inputs}
                self.workspace.make_parent(self.workspace.remembered_path)
                replace_file(self.workspace.remembered_path, json.dumps(kept).encode())
        return {"people": people.to_values()["people"], "remembered": bool(self._remembered)}


def _ids(stem: str, is_video: bool, scored: Sequence[ScoredFace]) -> list[str]:
    """Return a name for each face: of a video by its time, and from the left where several share it."""
    if not is_video:
        return [f"{stem}-face{number:02d}" for number in range(1, len(scored) + 1)]
    order = sorted(range(len(scored)), key=lambda n: (scored[n].candidate.pts, scored[n].face.box.x0, n))
    ids = [""] * len(scored)
    for pts, numbers in itertools.groupby(order, key=lambda n: scored[n].candidate.pts):
        for place, number in enumerate(numbers, start=1):
            ids[number] = f"{stem}-{moment_address(pts)}-{place:02d}"
    return ids
