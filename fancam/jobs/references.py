"""Reference pictures: a folder of members' faces becomes a roster."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fancam import identity, pictures
from fancam.errors import FancamError, InputUnreadableError, NothingFoundError, UsageError
from fancam.files import printable
from fancam.geometry import Box
from fancam.identity import Member, Roster
from fancam.jobs.context import Context
from fancam.jobs.people_file import PeopleFile
from fancam.jobs.workspace import PEOPLE_FILE
from fancam.nn import ModelStore
from fancam.provenance import Provenance
from fancam.results import Face
from fancam.settings import Settings

_HINT = re.compile(r"@(\d+),(\d+),(\d+),(\d+)$")
"""At the end of a file's stem: x, y, width, height of the part in which the member's face lies."""
_NUMBER = re.compile(r"([ _-]\d{1,3}|\s*\(\d{1,3}\))$")
"""At the end of a file's stem: one of several references of a member."""
_BYSTANDER_SHARE = 1 / 3
"""Faces lower than this share of the largest are nobody's reference."""


@dataclass(frozen=True, slots=True)
class _Reference:
    name: str
    path: Path
    hint: Box | None = None
    face: Face | None = None
    """In pixels of the frame that the picture is a crop of; None where it has to be looked for."""


def read_roster(
    refs: Path | str, *, settings: Settings | None = None, store: ModelStore | None = None
) -> Roster:  # fmt: skip
    """Return the members whose reference pictures lie in a folder.

    A folder in it is a member with its pictures, a picture in it a member of that name; ``Mina-2.jpg`` is a second one
    of Mina, ``Mina@120,80,200,250.jpg`` has her face in the part at x 120, y 80, 200 px wide and 250 px high. A
    folder that ``fancam members`` has filled holds those it names.

    Args:
        refs: The folder.
        settings: For the detector; the defaults where None.
        store: Where the weights are; see ``default_store``.

    Raises:
        UsageError: There is no member, two have one name, or a picture shows several faces and does not say which.
        NothingFoundError: A picture shows no face.
        InputError: The folder or a picture cannot be read.
        ModelMissingError: The detector's or the embedding's weights are not there.
    """
    refs, context = Path(refs), Context(settings, store)
    members: dict[tuple[str, Path | None], list[_Reference]] = {}
    try:
        references = _references(refs)
    except OSError as error:
        remedy = "check that you may read it"
        raise InputUnreadableError("the folder cannot be read", item=refs, remedy=remedy) from error
    for one in references:
        inside = one.path.parent if one.path.parent != refs and one.face is None else None
        members.setdefault((one.name, inside), []).append(one)
    return Roster([_member(name, own, context) for (name, _), own in members.items()])


def _references(refs: Path) -> list[_Reference]:
    if not refs.is_dir():
        raise UsageError("is no folder of reference pictures", item=refs, remedy="name a folder: --refs DIR")
    if (refs / PEOPLE_FILE).is_file():
        found = _of_earlier(refs)
        if not found:
            raise UsageError("nobody is named", item=refs, remedy="name them first: fancam members --name 3=Mina")
        return found
    found = []
    for entry in sorted(refs.iterdir()):
        if entry.name.startswith("."):
            continue
        if entry.is_dir():
            inside = [path for path in sorted(entry.iterdir()) if _is_meant(path)]
            if not inside:
                raise UsageError("the member has no picture", item=entry, remedy="put one in, or remove the folder")
            found += [_Reference(entry.name, path, _hint(path)) for path in inside]
        elif _is_meant(entry):
            stem = _HINT.sub("", entry.stem)
            found.append(_Reference(_NUMBER.sub("", stem) or stem, entry, _hint(entry)))
    return found


def _is_meant(path: Path) -> bool:
    """Whether a file was meant as a picture, also where it cannot be read."""
    known = path.suffix.lower() in pictures.picture_suffixes()
    return not path.is_dir() and not path.name.startswith(".") and (known or pictures.looks_like_picture(path))


def _of_earlier(refs: Path) -> list[_Reference]:
    """Return the crops of those whom a folder of ``fancam members`` names, with the faces that they were made for."""
    return [
        _Reference(person.name, refs / one.crop, face=one.face)
        for person in PeopleFile.read(refs / PEOPLE_FILE).people
        if person.name is not None
        for one in person.faces
        if one.crop is not None and (refs / one.crop).is_file()
    ]


def _hint(path: Path) -> Box | None:
    found = _HINT.search(path.stem)
    if found is None:
        return None
    x, y, width, height = (int(number) for number in found.groups())
    return Box(x, y, x + width, y + height)


def _member(name: str, references: list[_Reference], context: Context) -> Member:
    vectors, weights = [], []
    for one in references:
        try:
            picture = pictures.open_picture(one.path).load()
            pixels = picture.srgb()
        except FancamError as error:
            raise error.about(one.path) from error
        part = None if one.face is None else Provenance.from_xmp(picture.facts.xmp).crop_box
        if one.face is not None and part is not None:  # others may stand beside it
            face = one.face.shifted(-part.x0, -part.y0)
        else:
            face = _the_face(one, context.photo_detector.detect([pixels])[0])
        vectors.append(context.embedder.embed([pixels], [face.landmark_array])[0])
        weights.append(identity.look_weight(face))
    return Member(name, np.stack(vectors), tuple(weights), tuple(printable(one.path) for one in references))


def _the_face(one: _Reference, faces: list[Face]) -> Face:
    """Return the face that a reference shows: the one in the part that its name says, or the only one."""
    if one.hint is not None:
        faces = [face for face in faces if one.hint.contains(Box(*face.box.centre, *face.box.centre))]
    if not faces:
        where = "" if one.hint is None else " in the part that its name says"
        raise NothingFoundError(f"the reference shows no face{where}", item=one.path, remedy="take another picture")
    largest = max(faces, key=lambda face: face.box.area)
    rivals = [face for face in faces if face.box.height >= _BYSTANDER_SHARE * largest.box.height]
    if len(rivals) > 1 and one.hint is None:
        left, top, right, bottom = (round(number) for number in largest.box.as_list())
        example = f"{_HINT.sub('', one.path.stem)}@{left},{top},{right - left},{bottom - top}{one.path.suffix}"
        raise UsageError(
            f"the reference shows {len(rivals)} faces", item=one.path,
            remedy=f"crop it, or say which with x,y,width,height in its name, as in {example}",
        )  # fmt: skip
    return largest
