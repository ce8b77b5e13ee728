"""The frame of every verb that fills a folder: find the inputs, make what is not there yet, record, finish."""

from __future__ import annotations

import functools
import logging
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import platformdirs

from fancam.errors import FancamError, InputError, UsageError
from fancam.files import printable, sha256_of_file
from fancam.jobs.manifest import Failure, InputReport, PickResult, PictureResult, RunResult, exit_code
from fancam.jobs.sources import Found
from fancam.jobs.workspace import Owner, Source, Workspace
from fancam.media import Progress
from fancam.nn import ModelStore
from fancam.settings import Settings

if TYPE_CHECKING:
    from fancam.jobs.frame_picks import FramePick  # it loads networks

_log = logging.getLogger(__name__)

Paths = Path | str | Sequence[Path | str]
Item = TypeVar("Item")


def as_paths(inputs: Paths) -> list[Path]:
    """Return one input, or several, as a list."""
    return [Path(inputs)] if isinstance(inputs, Path | str) else [Path(one) for one in inputs]


@functools.cache
def default_store() -> ModelStore:
    """Return the weight files of the installed packages and of the user's cache, which ``fancam models pull`` fills.

    For a folder of your own: ``fancam.ModelStore(models_dir=Path("weights"))``.
    """
    return ModelStore(cache_dir=Path(platformdirs.user_cache_dir("fancam", appauthor=False)) / "models")


class Stopwatch:
    """Adds up the wall-clock seconds spent in each stage; stages that overlap each count in full."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._lock = threading.Lock()

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        """Count what happens inside the block, also when it fails."""
        start = time.perf_counter()
        try:
            yield
        finally:
            with self._lock:
                self.seconds[stage] = self.seconds.get(stage, 0.0) + time.perf_counter() - start

    def iterated(self, stage: str, items: Iterator[Item]) -> Iterator[Item]:
        """Yield the items and count the time until each of them is there, not what the caller does with it."""
        while True:
            try:
                with self(stage):
                    item = next(items)
            except StopIteration:
                return
            yield item


@dataclass(slots=True)
class Outcome:
    """What became of one input."""

    report: InputReport | None = None
    """None where it could not be used."""
    picks: list[tuple[Any, PictureResult | None]] = field(default_factory=list)
    """Each pick with its card."""
    picture: PictureResult | None = None
    card: dict[str, Any] | None = None
    """Row of a finished card."""
    files: list[str] = field(default_factory=list)
    """Paths of what was made, relative to the folder."""
    failures: list[Failure] = field(default_factory=list)


class FolderJob(ABC):
    """A verb that fills a folder; one input that fails harms no other."""

    verb = ""

    def __init__(self, settings: Settings, workspace: Workspace, watch: Stopwatch, progress: Progress) -> None:
        self.settings = settings
        self.workspace = workspace
        self.watch = watch
        self.progress = progress
        self.hashes: dict[Source, str] = {}

    # --- what a verb fills in ----------------------------------------------------------------------------------

    @abstractmethod
    def find(self, inputs: Sequence[Path]) -> Found:
        """Return the files that are meant, and what is wrong with the other inputs."""

    def output_paths(self, source: Source) -> list[Path]:  # noqa: ARG002 - for those that need it
        """Return where the results of an input go; none where they have a folder of their own."""
        return []

    @abstractmethod
    def work(self, sources: Sequence[Source]) -> Iterator[tuple[Source, Outcome]]:
        """Yield each input with what became of it, in any order.

        Raises:
            FancamError: No further input can succeed: a model is missing, the disk is full.
        """

    def finished(self, outcomes: Sequence[Outcome]) -> int:
        """Return how many items were finished."""
        return sum(bool(outcome.files) for outcome in outcomes)

    @abstractmethod
    def extras(self, outcomes: Mapping[Source, Outcome]) -> dict[str, Any]:
        """Write what is about all results, and return what the manifest says besides."""

    def picked(self, pick: Any, index: int, card: PictureResult | None) -> PickResult | FramePick:
        """Return a pick of an outcome as the result has it; ``index`` is that of its input."""
        return PickResult(pick, index, card)

    def notes(self) -> list[str]:
        """Return what the whole job goes without."""
        return []

    def writes(self, outcomes: Sequence[Outcome]) -> bool:
        """Whether a manifest is written."""
        return bool(outcomes) or self.workspace.folder.is_dir()

    # --- the frame ---------------------------------------------------------------------------------------------

    def __call__(self, inputs: Paths) -> RunResult:
        """Do the job.

        Returns:
            What was made, and what failed.

        Raises:
            FancamError: The only input cannot be used, a model is missing, or nothing can be written; what was finished
                before stays, and a second call goes on from there.
        """
        found, lost = self.find(as_paths(inputs))
        if not found and len(lost) == 1:
            raise lost[0]
        sources = self.workspace.sources(found, self.verb)
        self._refuse_overwriting(sources)
        outcomes: dict[Source, Outcome] = {}
        for source, outcome in self.work(sources):
            outcomes[source] = outcome
            for failure in outcome.failures:
                _log.info("%s: %s", printable(source.path), failure.error.cause)
            if outcome.files:
                self.workspace.replace_earlier(self.owner(source), set(outcome.files))
            self.step(len(outcomes), len(sources))
        if len(sources) == 1 and not lost:
            _raise_if_useless(outcomes.get(sources[0], Outcome()))
        return self._finish({source: outcomes[source] for source in sources if source in outcomes}, lost)

    def step(self, done: int, of: int) -> None:  # noqa: B027 - a verb without a bar of its own has nothing to tell
        """Tell that an input is finished."""

    def owner(self, source: Source) -> Owner:
        """Return who a source's results belong to."""
        return Owner.of(self.verb, source, self.sha256(source))

    def sha256(self, source: Source) -> str:
        """Return the hash of an input.

        Raises:
            InputError: It cannot be read.
        """
        if source not in self.hashes:
            self.hashes[source] = sha256_of_file(source.path)
        return self.hashes[source]

    def _refuse_overwriting(self, sources: Sequence[Source]) -> None:
        inputs = {source.path.resolve() for source in sources}
        for source in sources:
            for path in self.output_paths(source):
                if path.resolve() in inputs:
                    raise UsageError("the result would replace an input", item=path, remedy="choose another --out")

    def _finish(self, outcomes: dict[Source, Outcome], lost: Sequence[FancamError]) -> RunResult:
        done = {source: outcome for source, outcome in outcomes.items() if outcome.report is not None}
        failures = [Failure(error, "input") for error in lost]
        failures += [failure for outcome in outcomes.values() for failure in outcome.failures]
        extras = self.extras(done)
        made = {path for outcome in done.values() for path in outcome.files}
        extras["earlier"] = [file.path for file in self.workspace.files(self.verb) if file.path not in made]
        result = RunResult(
            verb=self.verb,
            settings=self.settings.as_dict(),
            exit_code=exit_code(self.finished(list(outcomes.values())), [failure.error for failure in failures]),
            inputs=tuple(outcome.report for outcome in done.values() if outcome.report is not None),
            picks=tuple(
                self.picked(pick, index, card)
                for index, outcome in enumerate(done.values())
                for pick, card in outcome.picks
            ),
            pictures=tuple(
                (index, outcome.picture)
                for index, outcome in enumerate(done.values())
                if outcome.picture is not None
            ),
            failures=tuple(failures),
            timings_s=self.watch.seconds,
            details=extras,
            warnings=(*self.notes(), *_said(self.workspace)),
        )  # fmt: skip
        if self.writes(list(done.values())):
            self.workspace.write_manifest(result.to_manifest())
        return result


def _raise_if_useless(outcome: Outcome) -> None:
    """Raise what is wrong with the only input, where nothing is known of it."""
    for failure in outcome.failures:
        if outcome.report is None and isinstance(failure.error, InputError | UsageError):
            raise failure.error


def _said(workspace: Workspace) -> list[str]:
    lines = [f"{path}: left in place, it was changed since it was made" for path in workspace.changed]
    if workspace.replaced:
        first, *more = dict.fromkeys(workspace.replaced)
        others = f" and {len(more)} more" if more else ""
        lines.append(f"{first}{others}: replaced or removed; made earlier of the same input with other settings")
    return lines
