"""Names every file of an output folder, and remembers what is already done.

An output folder holds ``cards/`` and ``contact.jpg``, or enhanced pictures, and ``manifest.json``. Beside them
``.fancam/journal.jsonl`` has a line per finished step, so that a run that was stopped goes on where it was; its lines
count only for the same input, settings, models and version.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fancam.errors import OutputError
from fancam.files import output_error, replace_file, sha256_of_file

_MARKS = ("manifest.json", ".fancam")
"""What shows that a folder is fancam's own."""


def sha256_of_values(values: Any) -> str:
    """Return the sha256 of JSON-able values, the same for equal values whatever the order of keys."""
    return hashlib.sha256(json.dumps(values, sort_keys=True, default=str).encode()).hexdigest()


def safe_stem(path: Path) -> str:
    """Return a file's stem with everything but letters, digits, dot, dash and underscore replaced by a dash."""
    stem = re.sub(r"[^\w.-]+", "-", path.stem).strip("-.")
    return stem[:80] or "input"


def distinct_stems(paths: list[Path]) -> list[str]:
    """Return a safe stem per path; equal ones (whatever their case) get ``-2``, ``-3`` … in the order given."""
    taken: set[str] = set()
    stems = []
    for path in paths:
        stem = base = safe_stem(path)
        number = 2
        while stem.lower() in taken:
            stem = f"{base}-{number}"
            number += 1
        taken.add(stem.lower())
        stems.append(stem)
    return stems


class Workspace:
    """An output folder.

    Creating the object touches nothing; the folder is made with the first file that is written.

    Args:
        folder: The output folder.

    Raises:
        OutputError: The path is a file, or a folder that holds something else.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._steps: dict[str, dict[str, Any]] | None = None
        if folder.exists() and not folder.is_dir():
            raise OutputError("is a file, not a folder", item=folder, remedy="choose another --out")
        if folder.is_dir() and not any((folder / mark).exists() for mark in _MARKS):
            with _explained(folder):
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
        """Make the folder a file goes into.

        Raises:
            OutputError: It cannot be made.
        """
        with _explained(path.parent):
            path.parent.mkdir(parents=True, exist_ok=True)

    def write_manifest(self, document: Mapping[str, Any]) -> None:
        """Write the manifest beside and rename it.

        Raises:
            OutputError: It cannot be written; the old one stays.
        """
        self.make_parent(self.manifest_path)
        replace_file(self.manifest_path, (json.dumps(document, indent=1, ensure_ascii=False) + "\n").encode())

    def record(self, key: str, step: str, values: Mapping[str, Any]) -> None:
        """Add a finished step to the journal; it is on the disk when this returns.

        Args:
            key: Hash of everything the step's result depends on.
            step: Name of the step, unique under the key.
            values: The step's result as JSON values.
        """
        self.make_parent(self.journal_path)
        with _explained(self.journal_path), self.journal_path.open("a", encoding="utf-8") as journal:
            journal.write(json.dumps({"key": key, "step": step, "values": values}) + "\n")
            journal.flush()
            os.fsync(journal.fileno())
        if self._steps is not None:
            self._steps.setdefault(key, {})[step] = dict(values)

    def recorded(self, key: str) -> dict[str, Any]:
        """Return the finished steps under a key: step to result; empty when there are none.

        A line that was cut off by a crash is passed over.
        """
        if self._steps is None:
            self._steps = {}
            for row in self._rows():
                self._steps.setdefault(row["key"], {})[row["step"]] = row["values"]
        return dict(self._steps.get(key, {}))

    def remove_stale(self, kept: set[str]) -> list[str]:
        """Remove cards and pictures of earlier runs that this run did not make, unless somebody changed them since.

        Args:
            kept: Paths of what this run made, relative to the folder.

        Returns:
            Relative paths of earlier files that were changed by hand and therefore stay.
        """
        written = {
            row["values"]["path"]: row["values"]["sha256"]
            for row in self._rows()
            if row["step"].startswith(("card ", "picture "))
        }  # fmt: skip
        folders = (self.folder, self.folder / "cards")
        changed = []
        for relative, sha256 in sorted(written.items()):
            path = self.folder / relative
            if relative in kept or path.parent not in folders or not path.is_file():
                continue
            if sha256_of_file(path) == sha256:
                with _explained(path):
                    path.unlink()
            else:
                changed.append(relative)
        return changed

    def _rows(self) -> Iterator[dict[str, Any]]:
        if not self.journal_path.is_file():
            return
        with _explained(self.journal_path), self.journal_path.open(encoding="utf-8", errors="replace") as journal:
            for line in journal:
                try:
                    row = json.loads(line)
                except json.JSONDecodeError:
                    continue
                if isinstance(row, dict) and {"key", "step", "values"} <= row.keys():
                    yield row


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Turn an OSError into an OutputError in plain words."""
    try:
        yield
    except OSError as error:
        raise output_error(error, path) from error
