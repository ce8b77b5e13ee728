"""The folders of people: every crop where its person is, a contact sheet each, and corrections afterwards."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fancam.errors import InputUnreadableError, OutputError, UsageError
from fancam.files import output_error, replace_file, sha256_of_file
from fancam.geometry import MM_PER_INCH, CardGeometry
from fancam.jobs.people_file import PeopleFile, Person, corrections_of
from fancam.jobs.workspace import MadeFile, Workspace
from fancam.pictures import open_picture
from fancam.report import ContactEntry, write_contact_sheet
from fancam.settings import CardSettings


def arrange(workspace: Workspace, found: PeopleFile) -> PeopleFile:
    """Put every crop into the folder of its person, draw the contact sheets and write ``members.json``.

    Crops of inputs that were not looked at again stay with their faces, also where an earlier call was stopped half
    way. Sheets of people who are no more go.

    Returns:
        The file with the paths as they are now.

    Raises:
        OutputError: A file cannot be moved or written, or another file is where a crop belongs.
    """
    before = PeopleFile.read(workspace.people_path) if workspace.people_path.is_file() else None
    made = {file.path: file for file in workspace.files("members")}
    by_id = {Path(path).stem: file for path, file in made.items()}
    placed: dict[str, str] = {}
    claimed: set[str] = set()
    for person in found.people:
        for one in person.faces:
            crop = made.get(one.crop or "") or by_id.get(one.id)
            if crop is not None:
                claimed.add(crop.path)
                placed[one.id] = _placed(workspace, crop, workspace.crop_path(person.folder, Path(crop.path).stem))
            elif one.crop is not None and (workspace.folder / one.crop).is_file():
                stranger = workspace.folder / one.crop
                raise OutputError("was not made here", item=stranger, remedy="search again: fancam members INPUT...")
    found = found.with_crops(placed)
    _remove_earlier(workspace, found, [file for file in made.values() if file.path not in claimed])
    workspace.make_parent(workspace.people_path)
    text = json.dumps(found.to_values(), indent=1, ensure_ascii=False) + "\n"
    replace_file(workspace.people_path, text.encode("utf-8", "backslashreplace"))
    left = set() if before is None else {one.folder for one in before.people}
    for folder in left - {one.folder for one in found.people}:
        sheet = workspace.sheet_of_person_path(folder)
        if sheet.is_file():
            workspace.remove(sheet)
    geometry = CardGeometry(*found.crop_mm, 0.0, CardSettings().dpi)
    shown: dict[str, list[Person]] = {}
    for person in found.people:
        shown.setdefault(person.folder, []).append(person)
    for folder, people in shown.items():
        looks = sum(len(person.faces) for person in people)
        entries = [entry for person in people for entry in _entries(workspace, person, geometry)]
        path = workspace.sheet_of_person_path(folder)
        _draw_sheet(workspace, path, entries, geometry, f"{people[0].label}: {len(entries)} of {looks} looks")
    best = [entry for person in found.people for entry in _entries(workspace, person, geometry)[:1]]
    _draw_sheet(workspace, workspace.people_sheet_path, best, geometry, f"{len(found.people)} people")
    return found


def _placed(workspace: Workspace, crop: MadeFile, path: Path) -> str:
    """Move a crop to where it belongs, and return where that is; a folder that it leaves empty goes."""
    old, new = workspace.folder / crop.path, workspace.relative(path)
    if new == crop.path:
        return new
    if path.exists():
        raise OutputError("another file is in the way", item=path, remedy="move it elsewhere")
    workspace.make_parent(path)
    try:
        old.replace(path)
        if not any(old.parent.iterdir()):
            old.parent.rmdir()
    except OSError as error:
        raise output_error(error, path) from error
    workspace.record("moved", f"crop {path.stem}", {"path": new, "sha256": crop.sha256}, crop.owner)
    return new


def _remove_earlier(workspace: Workspace, found: PeopleFile, unclaimed: Sequence[MadeFile]) -> None:
    """Remove crops of the same inputs that no face has: of when a file had another name."""
    inputs = {one["sha256"] for one in found.inputs}
    for file in unclaimed:
        path = workspace.folder / file.path
        if file.owner is not None and file.owner.sha256 in inputs and sha256_of_file(path) == file.sha256:
            workspace.remove(path)
            workspace.replaced.append(file.path)


def _entries(workspace: Workspace, person: Person, geometry: CardGeometry) -> list[ContactEntry]:
    """Return what a contact sheet shows of a person, the best first."""
    entries = []
    for one in sorted(person.faces, key=lambda one: (-one.score.value, one.id)):
        if one.crop is not None:
            path = workspace.folder / one.crop
            ppi = open_picture(path).width / geometry.width_mm * MM_PER_INCH
            label = f"{person.number} {person.label}: {one.id}"
            entries.append(ContactEntry(path, label, one.time_s, one.score.value, ppi))
    return entries


def _draw_sheet(
    workspace: Workspace, path: Path, entries: Sequence[ContactEntry], geometry: CardGeometry, title: str
) -> None:  # fmt: skip
    if entries:
        workspace.make_parent(path)
        write_contact_sheet(entries, geometry, path, title)


# --- corrections --------------------------------------------------------------------------------------------------


def correct_members(
    out: Path | str, *, names: Mapping[int, str] | None = None, merges: Sequence[tuple[int, int]] = (),
    splits: Sequence[str] = (), undo: bool = False, forget: bool = False,
) -> dict[str, Any]:  # fmt: skip
    """Say who somebody is, or who is one person, in a folder that ``find_members`` has filled; nothing is looked at.

    What is said holds for later searches into the same folder.

    Args:
        out: The folder.
        names: Number of a person to the name; people of one name become one.
        merges: Pairs of numbers that are one person.
        splits: Ids of faces whose track is another person than the rest of its group.
        undo: Take back what was said last, before anything else is done.
        forget: Remove the embeddings that were kept.

    Returns:
        ``people`` as ``members.json`` has them, and ``remembered``.

    Raises:
        NothingFoundError: Nobody was looked for in the folder.
        InputUnreadableError: ``members.json`` or the manifest is damaged.
        UsageError: A number or face is not there, or there is nothing to undo.
        OutputError: A file cannot be moved or written.

    Example:
        >>> fancam.correct_members("people", names={3: "Mina"}, merges=[(1, 4)])["people"][2]["name"]
        'Mina'
    """
    workspace = Workspace(Path(out))
    found = PeopleFile.read(workspace.people_path)
    document = _manifest(workspace)
    said = list(found.corrections)
    if undo:
        if not said:
            raise UsageError("nothing was said that could be undone", item=workspace.people_path)
        said.pop()
    now = dataclasses.replace(found, corrections=tuple(said))
    said += corrections_of(now, names or {}, merges, splits)
    now = dataclasses.replace(found, corrections=tuple(said))
    if forget and workspace.remembered_path.is_file():
        workspace.remove(workspace.remembered_path)
    if tuple(said) != found.corrections:
        now = arrange(workspace, now)
    told = {"people": now.to_values()["people"], "remembered": workspace.remembered_path.is_file()}
    if document:
        workspace.write_manifest({**document, **told})
    return told


def _manifest(workspace: Workspace) -> dict[str, Any]:
    """Return what the manifest says; a folder that was never finished has none, and says nothing."""
    path = workspace.manifest_path
    try:
        return dict(json.loads(path.read_text(encoding="utf-8"))) if path.exists() else {}
    except (OSError, ValueError, TypeError) as error:
        raise InputUnreadableError("cannot be read", item=path, remedy="remove it") from error
