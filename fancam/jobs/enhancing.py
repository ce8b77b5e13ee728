"""``enhance``: every picture larger and cleaner; a manifest, a comparison, an exit code."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from fancam import pictures
from fancam.errors import FancamError
from fancam.files import printable
from fancam.jobs import manifest
from fancam.jobs.context import Context, NetworkJob
from fancam.jobs.frame import Outcome, Paths
from fancam.jobs.manifest import Failure, RunResult
from fancam.jobs.photos import PhotoMaker, PhotoResult
from fancam.jobs.sources import Found, find_pictures
from fancam.jobs.stages import write_comparisons
from fancam.jobs.workers import Workers
from fancam.jobs.workspace import Source, Workspace
from fancam.media import Progress, no_progress
from fancam.nn import ModelStore
from fancam.settings import Settings


def enhance_pictures(
    inputs: Paths, out: Path | str, settings: Settings | None = None, *,
    store: ModelStore | None = None, compare: bool = False, provenance: bool = False,
    by_preset: Mapping[str, Settings] | None = None, progress: Progress = no_progress,
) -> RunResult:  # fmt: skip
    """Enlarge and clean whole pictures into a folder; on several devices (``cuda:0,cuda:1``) with a process on each.

    Args:
        inputs: Pictures, or folders of them.
        out: The output folder: a new or empty one, or one of fancam's.
        settings: Of the cleaning, the enlargement, the face prior, the guard and the result; the defaults where None.
        store: Where the weights are; see ``default_store``.
        compare: Whether a page with before and after is written.
        provenance: Whether a map of what was measured and what was invented is written for each picture.
        by_preset: As for ``run``.
        progress: Called as ``progress(stage, done, total)``.

    Raises:
        FancamError: As for ``run``.
    """
    context = Context(
        settings, store, progress=progress, keep_stages=compare, keep_evidence=provenance, by_preset=by_preset
    )
    return EnhanceRun(context, Workspace(Path(out)))(inputs)


class EnhanceRun(NetworkJob):
    """Enhances pictures into an output folder; what is finished is not done again."""

    verb = "enhance"

    def __init__(self, context: Context, workspace: Workspace) -> None:
        super().__init__(context, workspace)
        maker = PhotoMaker(context, workspace, self._record, self.sha256)
        devices = context.settings.enhance.device.split(",")
        self._output_path = maker.output_path
        self._make = maker if len(devices) == 1 else Workers(context, workspace, devices, self._record)

    def find(self, inputs: Sequence[Path]) -> Found:
        """Return the pictures."""
        return find_pictures(inputs)

    def output_paths(self, source: Source) -> list[Path]:
        """Return where the result of a picture goes.

        Raises:
            UsageError: The format is unknown.
        """
        path = self._output_path(source)
        pictures.check_writable(path)
        return [path]

    def step(self, done: int, of: int) -> None:
        """Tell that a picture is finished."""
        self.progress("pictures", done, of)

    def work(self, sources: Sequence[Source]) -> Iterator[tuple[Source, Outcome]]:
        """Yield each picture with what was made of it, now or before."""
        known: deque[tuple[Source, Outcome]] = deque()
        for source, result in self._make(self._to_do(sources, known)):
            yield source, _outcome(result)
            while known:
                yield known.popleft()
        yield from known

    def _to_do(self, sources: Sequence[Source], known: deque[tuple[Source, Outcome]]) -> Iterator[Source]:
        """Yield what is not finished yet; note what is, and what cannot be read."""
        for source in sources:
            try:
                done = self.workspace.recorded(self.key(source)).get(f"picture {source.stem}")
            except FancamError as error:
                known.append((source, _outcome(error)))
                continue
            if done is not None:
                report, picture = manifest.input_from_manifest(done["input"]), manifest.picture_from_manifest(done)
                if self.is_whole(picture):
                    known.append((source, _outcome((report, picture))))
                    continue
            yield source

    def _record(self, source: Source, result: PhotoResult) -> None:
        report, picture = result
        values = {**manifest.picture_to_manifest(picture), "input": manifest.input_to_manifest(report)}
        self.workspace.record(self.key(source), f"picture {source.stem}", values, self.owner(source))

    def extras(self, outcomes: Mapping[Source, Outcome]) -> dict[str, Any]:
        """Write the comparison."""
        made = [(printable(one.path.name), outcome.picture) for one, outcome in outcomes.items() if outcome.picture]
        if not (self.context.keep_stages and made):
            return {"comparison": []}
        return {"comparison": write_comparisons(self.workspace, made, "fancam enhance")}


def _outcome(result: PhotoResult | FancamError) -> Outcome:
    if isinstance(result, FancamError):
        return Outcome(failures=[Failure(result, "enhance")])
    report, picture = result
    return Outcome(report, picture=picture, files=[picture.path])
