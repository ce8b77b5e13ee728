"""``members.json``: every face that was found, whose it is, and what somebody said of it."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fancam import __version__
from fancam.errors import InputUnreadableError, NothingFoundError, UsageError
from fancam.identity import MERGE, NAME, SPLIT, Correction, corrected, plain_name
from fancam.jobs.manifest import face_from_manifest, judged_to_manifest, naming_to_manifest, score_from_manifest
from fancam.jobs.workspace import distinct_stems, is_inside
from fancam.results import Face, Score

Json = dict[str, Any]

UNSURE = "unsure"
"""The folder of those who may be several members, or none."""


@dataclass(frozen=True, slots=True)
class FoundFace:
    """A face that was found, and the group that it was found to be of."""

    id: str
    """Unique in the folder, and the same in every run over the same input."""
    input: int
    """Index into the inputs."""
    pts: int | None
    """None for a photo."""
    time_s: float | None
    face: Face
    score: Score
    weight: float
    """How much it says of who the person is, in [0, 1]."""
    tracklet: int
    """Faces with the same number are certainly one person."""
    group: int | None
    """Number of the first tracklet of its person, before corrections; None where it is no person's more than
    another's."""
    crop: str | None = None
    """Path of its crop, relative to the folder; None where none was made."""

    def to_values(self) -> Json:
        """Return the row of ``members.json``."""
        judged = judged_to_manifest(self.pts, self.time_s, self.face, self.score, "")
        del judged["reason"], judged["member"]
        return {
            "id": self.id, "input": self.input, **judged, "weight": round(self.weight, 4), "tracklet": self.tracklet,
            "group": self.group, "crop": self.crop,
        }  # fmt: skip

    @classmethod
    def from_values(cls, row: Mapping[str, Any]) -> FoundFace:
        """Return the face of a row."""
        crop = row["crop"]
        if crop is not None and not is_inside(crop):
            raise ValueError(f"{crop!r} lies outside the folder")
        return cls(
            row["id"], row["input"], row["pts"], row["time_s"], face_from_manifest(row["face"]),
            score_from_manifest(row), row["weight"], row["tracklet"], row["group"], crop,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who was found, after all corrections."""

    number: int
    """From 1, in the order in which people were first seen, those who are unsure last."""
    name: str | None
    """Of the roster, or given; None where nobody knows."""
    faces: tuple[FoundFace, ...]
    label: str
    """What the person is called in files: the name, ``person-03``, or ``unsure``."""
    folder: str
    """Safe and, but for those who are unsure, different from every other's."""


@dataclass(frozen=True, slots=True)
class PeopleFile:
    """What ``members.json`` holds."""

    inputs: tuple[Json, ...]
    """Of each the path, the sha256 and the stem of its ids."""
    faces: tuple[FoundFace, ...]
    crop_mm: tuple[float, float]
    """Width and height of the card that crops are composed for."""
    corrections: tuple[Correction, ...] = ()
    with_roster: bool = False
    """Whether there was a roster: then who is none of it is unsure, not a number."""

    @property
    def people(self) -> list[Person]:
        """Everybody, in the order in which they were first seen."""
        found = {one.id: ("alone", one.tracklet) if one.group is None else ("group", one.group) for one in self.faces}
        tracks = {one.id: one.tracklet for one in self.faces}
        groups, given = corrected(found, tracks, self.corrections)
        split = {tracks.get(one.faces[0]) for one in self.corrections if one.kind == SPLIT}
        by_group: dict[Any, list[FoundFace]] = {}
        for one in self.faces:
            by_group.setdefault(groups[one.id], []).append(one)
        people: dict[Any, list[FoundFace]] = {}
        names: dict[Any, str] = {}
        for group, faces in by_group.items():
            namings = [one.face.naming for one in faces if one.face.naming and one.tracklet not in split]
            name = given.get(group) or next((one.member for one in namings if one.member), None)
            key = group if name is None else plain_name(name)
            people.setdefault(key, []).extend(faces)
            if name is not None:
                names.setdefault(key, given.get(group, name))
        # Who is unsure comes last: numbers are for those whom somebody may name.
        people = {key: people[key] for key in sorted(people, key=lambda key: key not in names and self._is_unsure(key))}
        labels = [
            names.get(key) or (UNSURE if self._is_unsure(key) else f"person-{number:02d}")
            for number, key in enumerate(people, start=1)
        ]
        own = {key: label for key, label in zip(people, labels, strict=True) if key in names or label != UNSURE}
        stems = distinct_stems([Path(UNSURE), *(Path(f"{label.replace('/', '-')}.") for label in own.values())])
        folders = dict(zip(own, stems[1:], strict=True))
        return [
            Person(number, names.get(key), tuple(faces), label, folders.get(key, UNSURE))
            for number, ((key, faces), label) in enumerate(zip(people.items(), labels, strict=True), start=1)
        ]

    def _is_unsure(self, group: Any) -> bool:
        return self.with_roster or (isinstance(group, tuple) and group[0] == "alone")

    def person(self, number: int) -> Person:
        """Return a person by number.

        Raises:
            UsageError: There is none.
        """
        people = self.people
        if not 1 <= number <= len(people):
            raise UsageError(f"there is no person {number}", remedy=f"members.json has 1 to {len(people)}")
        return people[number - 1]

    def with_crops(self, crops: Mapping[str, str]) -> PeopleFile:
        """Return the file with the paths of crops, by the faces' ids; other faces have none."""
        faces = tuple(dataclasses.replace(one, crop=crops.get(one.id)) for one in self.faces)
        return dataclasses.replace(self, faces=faces)

    def to_values(self) -> Json:
        """Return the JSON values: people first, then the faces and what was said."""
        people = []
        for person in self.people:
            crops = sorted((one for one in person.faces if one.crop), key=lambda one: -one.score.value)
            naming = person.faces[0].face.naming
            people.append({
                "number": person.number, "name": person.name, "label": person.label,
                "named": person.name is not None, "looks": len(person.faces),
                "naming": None if naming is None else naming_to_manifest(naming),
                "crops": [{"path": one.crop, "face": one.id, "score": round(one.score.value, 4)} for one in crops],
            })  # fmt: skip
        return {
            "fancam": __version__, "with_roster": self.with_roster, "crop_mm": list(self.crop_mm),
            "inputs": list(self.inputs), "people": people,
            "corrections": [one.as_values() for one in self.corrections],
            "faces": [one.to_values() for one in self.faces],
        }  # fmt: skip

    @classmethod
    def read(cls, path: Path) -> PeopleFile:
        """Return what a file holds.

        Raises:
            NothingFoundError: There is none.
            InputUnreadableError: It is damaged.
            UsageError: A correction in it is not understood.
        """
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
            found = cls(
                tuple({key: str(one[key]) for key in ("path", "sha256", "stem")} for one in values["inputs"]),
                tuple(FoundFace.from_values(row) for row in values["faces"]),
                (float(values["crop_mm"][0]), float(values["crop_mm"][1])),
                tuple(Correction.from_values(row) for row in values["corrections"]), values["with_roster"],
            )  # fmt: skip
            found.to_values()  # uses every value once: one of another kind is noticed here, not half way
            return found
        except FileNotFoundError:
            raise NothingFoundError("nobody was looked for here yet", item=path.parent,
                                    remedy="fancam members INPUT... --out DIR") from None  # fmt: skip
        except (OSError, ValueError, LookupError, TypeError, AttributeError, AssertionError) as error:
            raise InputUnreadableError("cannot be read", item=path, remedy="remove it and search again") from error


def corrections_of(
    found: PeopleFile, names: Mapping[int, str], merges: Sequence[tuple[int, int]], splits: Sequence[str]
) -> list[Correction]:  # fmt: skip
    """Return what was said of people, by numbers, as corrections that hold whatever the numbers become.

    Raises:
        UsageError: A number or a face is not there.
    """
    known = {one.id for one in found.faces}
    for face in splits:
        if face not in known:
            raise UsageError(f"no face is called {face!r}", remedy="the crops are named after the faces")
    said = [Correction(SPLIT, (face,)) for face in splits]
    said += [
        Correction(MERGE, (_anchor(found.person(first)), _anchor(found.person(second)))) for first, second in merges
    ]
    return said + [Correction(NAME, (_anchor(found.person(number)),), name) for number, name in names.items()]


def _anchor(person: Person) -> str:
    """Return the face that stands for a person: the one that says most of who it is."""
    return max(person.faces, key=lambda one: one.weight).id
