"""Names every file of an output folder, remembers what is already done, and which input each file was made of.

An output folder holds ``cards/`` and ``contact.jpg``, or pictures, and ``manifest.json``. Beside them
``.fancam/journal.jsonl`` has a line per finished step, so that a run that was stopped goes on where it was; its lines
count only for the same input, settings, models and version.

Several verbs and several calls may fill one folder. What was made of another input, or by another verb, stays; only
what was made earlier of the same input, by the same verb and with other settings, is replaced.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from fancam.errors import OutputError
from fancam.files import output_error, printable, replace_file, sha256_of_file

_MARKS = ("manifest.json", ".fancam")
"""What shows that a folder is fancam's own."""
_OWN_FOLDERS = {"run": ("cards",), "pick": ("frames", "runners-up"), "members": ("people",)}
"""Verb to the folders that its results lie in; those of the others lie in the output folder itself."""
_FILE_STEPS = ("card ", "picture ", "frame ", "crop ")
"""What the steps of the journal begin with that made a file."""
PEOPLE_FILE = "members.json"
"""What ``members`` writes; a folder with it knows who is who."""
_LONGEST_STEM = 80
"""Characters; what is added (a pts, a number, an ending) must find room."""
_LONGEST_STEM_BYTES = 160
"""File systems count bytes, mostly to 255; a letter has up to four."""


@dataclass(frozen=True, slots=True)
class Source:
    """One input file."""

    path: Path
    stem: str
    """Safe name, different from that of every other input whose results are in the folder."""
    is_video: bool


@dataclass(frozen=True, slots=True)
class Owner:
    """Of what, and by which verb, a file was made."""

    verb: str
    path: str
    """The input, absolute."""
    sha256: str
    stem: str

    @classmethod
    def of(cls, verb: str, source: Source, sha256: str) -> Owner:
        """Return who a source's files belong to."""
        return cls(verb, printable(source.path.absolute()), sha256, source.stem)

    def is_of(self, verb: str, path: Path) -> bool:
        """Whether it is this input, here or moved elsewhere, and this verb."""
        if self.verb != verb:
            return False
        if self.path == printable(path.absolute()):
            return True
        return Path(self.path).name == printable(path.name) and path.is_file() and self.sha256 == sha256_of_file(path)


@dataclass(frozen=True, slots=True)
class MadeFile:
    """A card or picture that the journal knows."""

    path: str
    """Relative to the folder."""
    sha256: str
    owner: Owner | None
    """None in a journal of an earlier version."""
    values: Mapping[str, Any]
    """As they were recorded."""


def sha256_of_values(values: Any) -> str:
    """Return the sha256 of JSON-able values, the same for equal values whatever the order of keys."""
    return hashlib.sha256(json.dumps(values, sort_keys=True, default=str).encode()).hexdigest()


def safe_stem(path: Path) -> str:
    """Return a file's stem with everything but letters, their signs, digits, dot, dash and underscore made a dash.

    Vowel signs of Thai or Hindi are marks to Unicode, and part of the word to whoever reads it.
    """
    marks = re.escape("".join(one for one in path.stem if unicodedata.category(one)[0] == "M"))
    stem = re.sub(rf"[^\w.{marks}-]+", "-", path.stem).strip("-.")[:_LONGEST_STEM]
    return stem.encode()[:_LONGEST_STEM_BYTES].decode(errors="ignore") or "input"


def distinct_stems(
    paths: Sequence[Path], taken: Mapping[str, Sequence[Owner]] | None = None, verb: str = ""
) -> list[str]:
    """Return a safe stem per path; equal ones (whatever their case) get ``-2``, ``-3`` … in the order given.

    Args:
        paths: The inputs.
        taken: Lower-case stem to those whose files have it; an input may have its own again.
        verb: By which the inputs are used.
    """
    given: set[str] = set()
    stems = []
    for path in paths:
        stem = base = safe_stem(path)
        number = 2
        while stem.lower() in given or not all(
            owner.is_of(verb, path) for owner in (taken or {}).get(stem.lower(), ())
        ):  # fmt: skip
            stem = f"{base}-{number}"
            number += 1
        given.add(stem.lower())
        stems.append(stem)
    return stems


class Workspace:
    """An output folder.

    Creating the object touches nothing; the folder is made with the first file that is written.

    Raises:
        OutputError: The path is a file, a folder that holds something else, or one that may not be looked into.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.replaced: list[str] = []
        """Paths, relative to the folder, of earlier results that made room for others or became others."""
        self.changed: list[str] = []
        """Those that would have, and were left in place since somebody changed them."""
        self._steps: dict[str, dict[str, Any]] | None = None
        self._files: dict[str, MadeFile] = {}
        with _explained(folder):
            self._check_folder(folder)

    def _check_folder(self, folder: Path) -> None:
        if folder.exists() and not folder.is_dir():
            raise OutputError("is a file, not a folder", item=folder, remedy="choose another --out")
        if folder.is_dir() and not any((folder / mark).exists() for mark in _MARKS):
            strangers = sorted(entry.name for entry in folder.iterdir())
            if strangers:
                raise OutputError(
                    f"the folder already holds something else ({strangers[0]!r}"
                    + (f" and {len(strangers) - 1} more)" if len(strangers) > 1 else ")"),
                    item=folder,
                    remedy="choose an empty or a new folder with --out",
                )

    @property
    def manifest_path(self) -> Path:
        """Where the manifest is."""
        return self.folder / "manifest.json"

    @property
    def contact_path(self) -> Path:
        """Where the contact sheet is."""
        return self.folder / "contact.jpg"

    @property
    def journal_path(self) -> Path:
        """Where the journal is."""
        return self.folder / ".fancam" / "journal.jsonl"

    def card_path(self, pick_id: str, suffix: str) -> Path:
        """Return where a card goes."""
        return self.folder / "cards" / f"{pick_id}.{suffix}"

    def frame_path(self, pick_id: str, suffix: str, *, runner_up: bool = False) -> Path:
        """Return where a frame that was picked goes, or one that a pick beat."""
        return self.folder / ("runners-up" if runner_up else "frames") / f"{pick_id}.{suffix}"

    def strip_of_pick_path(self, pick_id: str) -> Path:
        """Return where a pick's strip of the contact sheet is kept."""
        return self.folder / ".fancam" / "picks" / f"{pick_id}.png"

    def beaten_path(self, pick_id: str) -> Path:
        """Return where is kept what the contact sheet shows under a card: whom its pick beat."""
        return self.folder / ".fancam" / "beaten" / f"{pick_id}.png"

    @property
    def pick_sheet_path(self) -> Path:
        """Where the contact sheet of picked frames is; cards of the same folder have their own."""
        return self.folder / "picks.jpg"

    @property
    def ranking_path(self) -> Path:
        """Where the whole ranking is."""
        return self.folder / "ranking.csv"

    def crop_path(self, person: str, face_id: str) -> Path:
        """Return where the crop of a face goes; ``person`` is a safe name."""
        return self.folder / "people" / person / f"{face_id}.png"

    @property
    def people_path(self) -> Path:
        """Where it is written who was found where, and what somebody said of it."""
        return self.folder / PEOPLE_FILE

    @property
    def remembered_path(self) -> Path:
        """Where embeddings are kept, if they are."""
        return self.folder / ".fancam" / "remembered.json"

    @property
    def people_sheet_path(self) -> Path:
        """Where the contact sheet of everybody is, one crop each."""
        return self.folder / "people.jpg"

    def sheet_of_person_path(self, person: str) -> Path:
        """Return where the contact sheet of a person goes; ``person`` is a safe name."""
        return self.folder / "sheets" / f"{person}.jpg"

    def picture_path(self, stem: str, ending: str) -> Path:
        """Return where an enhanced picture goes; the ending has its dot."""
        return self.folder / f"{stem}{ending}"

    def stage_path(self, stem: str, number: int) -> Path:
        """Return where one stage of a picture or card is kept for the comparison page."""
        return self.folder / ".fancam" / "stages" / f"{stem}-{number}.png"

    @property
    def comparison_path(self) -> Path:
        """Where the comparison page is."""
        return self.folder / "compare.html"

    def strip_path(self, stem: str) -> Path:
        """Return where the comparison strip of a picture or card goes."""
        return self.folder / "compare" / f"{stem}.png"

    def evidence_map_path(self, stem: str) -> Path:
        """Return where the map of what was measured and what was invented goes."""
        return self.folder / "provenance" / f"{stem}.png"

    def relative(self, path: Path) -> str:
        """Return the path as the manifest names it: relative to the folder, with forward slashes."""
        return path.relative_to(self.folder).as_posix()

    def make_parent(self, path: Path) -> None:
        """Make the folder a file goes into, and before it what shows whose the output folder is.

        Whoever comes after a process that was killed, between its first file and the line in the journal, sees that
        the folder is fancam's own.

        Raises:
            OutputError: It cannot be made.
        """
        with _explained(path.parent):
            self.journal_path.parent.mkdir(parents=True, exist_ok=True)
            path.parent.mkdir(parents=True, exist_ok=True)

    def write_manifest(self, document: Mapping[str, Any]) -> None:
        """Write the manifest beside and rename it.

        Raises:
            OutputError: It cannot be written; the old one stays.
        """
        self.make_parent(self.manifest_path)
        text = json.dumps(document, indent=1, ensure_ascii=False) + "\n"
        replace_file(self.manifest_path, text.encode("utf-8", "backslashreplace"))

    # --- journal -----------------------------------------------------------------------------------------------

    def sources(self, found: Sequence[tuple[Path, bool]], verb: str) -> list[Source]:
        """Return inputs, each found with whether it is a video, under names that no other input's results here have."""
        self._read()
        taken: dict[str, list[Owner]] = {}
        for file in self._files.values():
            if file.owner is not None and _OWN_FOLDERS.get(file.owner.verb) == _OWN_FOLDERS.get(verb):
                for stem in {file.owner.stem, Path(file.path).stem}:
                    taken.setdefault(stem.lower(), []).append(file.owner)
        stems = distinct_stems([path for path, _ in found], taken, verb)
        return [Source(path, stem, is_video) for (path, is_video), stem in zip(found, stems, strict=True)]

    def record(self, key: str, step: str, values: Mapping[str, Any], owner: Owner | None = None) -> None:
        """Add a finished step to the journal; it is on the disk when this returns.

        Args:
            key: Hash of everything the step's result depends on.
            step: Name of the step, unique under the key; ``card NAME``, ``picture NAME`` and ``frame NAME`` are files.
            values: The step's result as JSON values; of a file with ``path`` and ``sha256``.
            owner: Of what a file was made.
        """
        self._read()
        row = {"key": key, "step": step, "values": dict(values), **({"owner": asdict(owner)} if owner else {})}
        self.make_parent(self.journal_path)
        with _explained(self.journal_path), self.journal_path.open("a", encoding="utf-8") as journal:
            journal.write(json.dumps(row) + "\n")
            journal.flush()
            os.fsync(journal.fileno())
        before = self._files.get(values.get("path", ""))
        self._note(row)
        if before is not None and before.sha256 != values["sha256"]:
            self.replaced.append(before.path)

    def recorded(self, key: str) -> dict[str, Any]:
        """Return the finished steps under a key: step to result; empty when there are none.

        A line that was cut off by a crash is passed over.
        """
        return dict(self._read().get(key, {}))

    def replace_earlier(self, owner: Owner, kept: set[str]) -> None:
        """Remove what was made earlier of the same input by the same verb, unless somebody changed it since."""
        self._read()
        folders = (self.folder, *(self.folder / name for names in _OWN_FOLDERS.values() for name in names))
        for file in list(self._files.values()):
            path = self.folder / file.path
            same = file.owner is not None and (file.owner.verb, file.owner.stem) == (owner.verb, owner.stem)
            known = path.parent in folders or path.parent.parent == self.folder / "people"
            if not same or file.path in kept or not known or not path.is_file():
                continue
            if sha256_of_file(path) == file.sha256:
                with _explained(path):
                    path.unlink()
                self.replaced.append(file.path)
            else:
                self.changed.append(file.path)

    def remove(self, path: Path) -> None:
        """Remove a file.

        Raises:
            OutputError: It cannot be removed.
        """
        with _explained(path):
            path.unlink()

    def files(self, verb: str) -> list[MadeFile]:
        """Return what a verb has made in this folder and is still there, in the order it was made."""
        self._read()
        files = [file for file in self._files.values() if file.owner is not None and file.owner.verb == verb]
        return [file for file in files if (self.folder / file.path).is_file()]

    def _read(self) -> dict[str, dict[str, Any]]:
        if self._steps is None:
            self._steps = {}
            for row in self._rows():
                self._note(row)
        return self._steps

    def _note(self, row: Mapping[str, Any]) -> None:
        assert self._steps is not None
        values, step = row["values"], row["step"]
        self._steps.setdefault(row["key"], {})[step] = dict(values)
        if step.startswith(_FILE_STEPS) and {"path", "sha256"} <= values.keys():
            owner = Owner(**row["owner"]) if "owner" in row else None
            self._files[values["path"]] = MadeFile(values["path"], values["sha256"], owner, values)

    def _rows(self) -> Iterator[dict[str, Any]]:
        if not self.journal_path.is_file():
            return
        with _explained(self.journal_path), self.journal_path.open(encoding="utf-8", errors="replace") as journal:
            for line in journal:
                try:
                    row = json.loads(line)
                except json.JSONDecodeError:
                    continue
                if isinstance(row, dict) and _is_step(row):
                    yield row


def is_inside(path: str) -> bool:
    """Whether a path that was read from a file of the folder stays in the folder."""
    return not Path(path).is_absolute() and ".." not in Path(path).parts


def _is_step(row: Mapping[str, Any]) -> bool:
    """Whether a row of the journal is one that ``record`` wrote; no file outside the folder is ever taken for ours."""
    values, owner = row.get("values"), row.get("owner", {one.name: "" for one in fields(Owner)})
    whole = isinstance(row.get("key"), str) and isinstance(row.get("step"), str) and isinstance(values, dict)
    if not whole or not isinstance(owner, dict) or owner.keys() != {one.name for one in fields(Owner)}:
        return False
    return not row["step"].startswith(_FILE_STEPS) or is_inside(str(row["values"].get("path", "")))


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Turn an OSError into an OutputError in plain words."""
    try:
        yield
    except OSError as error:
        raise output_error(error, path) from error
