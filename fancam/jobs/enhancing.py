"""One run of ``enhance``: every picture larger and cleaner, a manifest, a comparison, an exit code."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from fancam import __version__
from fancam.errors import FancamError, InputError, UsageError
from fancam.files import sha256_of_file
from fancam.jobs import manifest
from fancam.jobs.context import Context
from fancam.jobs.photos import PhotoMaker
from fancam.jobs.result import RunResult, exit_code, failure_values
from fancam.jobs.sources import Source, find_pictures
from fancam.jobs.stages import extras_are_whole, write_comparisons
from fancam.jobs.workers import Workers
from fancam.jobs.workspace import Workspace, sha256_of_values

Json = dict[str, Any]


class EnhanceRun:
    """Enhances pictures into an output folder; what is finished is not done again.

    Args:
        context: Settings and models. Several devices (``cuda:0,cuda:1``) get a process each.
        workspace: The output folder.
    """

    def __init__(self, context: Context, workspace: Workspace) -> None:
        self.context = context
        self.workspace = workspace
        self._hashes: dict[Source, str] = {}
        maker = PhotoMaker(context, workspace, self._record)
        devices = context.settings.enhance.device.split(",")
        self._output_path = maker.output_path
        self._make = maker if len(devices) == 1 else Workers(context, workspace, devices, self._record)

    def __call__(self, inputs: Sequence[Path]) -> RunResult:
        """Enhance all pictures and write the manifest.

        One that fails does not harm the others; it is listed in the manifest and in the exit code.

        Raises:
            FancamError: The only picture cannot be used, a model is missing, or nothing can be written; what was
                finished before stays, and a second call goes on from there.
        """
        sources = find_pictures(inputs)
        self._refuse_overwriting(sources)
        rows: dict[Source, Json] = {}
        errors: dict[Source, FancamError] = {}
        for source, outcome in self._make(self._to_do(sources, rows, errors)):
            if isinstance(outcome, FancamError):
                errors[source] = outcome
            else:
                rows[source] = outcome
            self.context.progress("pictures", len(rows) + len(errors), len(sources))
        if len(sources) == 1 and errors and isinstance(errors[sources[0]], InputError):
            raise errors[sources[0]]
        return self._finish(sources, rows, errors)

    def _record(self, source: Source, row: Json) -> None:
        picture = row["picture"]
        values = {"path": picture["path"], "sha256": picture["sha256"], "row": row}
        self.workspace.record(self._key(source), f"picture {source.stem}", values)

    def _to_do(
        self, sources: Sequence[Source], rows: dict[Source, Json], errors: dict[Source, FancamError]
    ) -> Iterator[Source]:
        """Yield what is not finished yet; note the hashes, and the rows of what is."""
        for source in sources:
            try:
                self._hashes[source] = sha256_of_file(source.path)
            except FancamError as error:
                errors[source] = error
                continue
            key = self._key(source)
            done = self.workspace.recorded(key).get(f"picture {source.stem}")
            if done is not None and self._is_whole(done):
                rows[source] = done["row"]
            else:
                yield source

    def _is_whole(self, done: Json) -> bool:
        """Whether the result, and what is wanted beside it, are still as they were written."""
        context = self.context
        folder, row = self.workspace.folder, done["row"]["picture"]
        path = folder / done["path"]
        if not extras_are_whole(folder, row, stages=context.keep_stages, provenance=context.keep_evidence):
            return False
        return path.is_file() and sha256_of_file(path) == done["sha256"]

    def _key(self, source: Source) -> str:
        """Return the hash of all that the result depends on, weights and version included."""
        settings = self.context.all_settings()
        return sha256_of_values([__version__, settings, source.stem, self._hashes[source], self.context.weights()])

    def _refuse_overwriting(self, sources: Sequence[Source]) -> None:
        inputs = {source.path.resolve() for source in sources}
        for source in sources:
            path = self._output_path(source)
            if path.resolve() in inputs:
                raise UsageError("the result would replace an input", item=path, remedy="choose another --out")

    def _finish(
        self, sources: Sequence[Source], rows: dict[Source, Json], errors: dict[Source, FancamError]
    ) -> RunResult:
        """Write the comparison and the manifest."""
        context = self.context
        done = [source for source in sources if source in rows]
        pictures = [{"input": index, **rows[source]["picture"]} for index, source in enumerate(done)]
        changed = self.workspace.remove_stale({row["path"] for row in pictures})
        compared: list[str] = []
        if context.keep_stages and pictures:
            shown = [
                {"name": source.stem, "title": source.path.name, "compare": row["compare"], "warnings": row["warnings"]}
                for source, row in zip(done, pictures, strict=True)
            ]
            compared = write_comparisons(self.workspace, shown, "fancam enhance")
        failed = [errors[source] for source in sources if source in errors]
        document = manifest.document(
            version=__version__,
            verb="enhance",
            settings=context.settings.as_dict(),
            inputs=[
                {"path": str(source.path), "sha256": self._hashes[source], **rows[source]["input"]} for source in done
            ],
            picks=[],
            failures=[failure_values(error, "enhance") for error in failed],
            timings_s=context.watch.seconds,
            pictures=pictures,
            comparison=compared,
            warnings=[
                *context.notes(),
                *(f"{path}: left in place, it was changed since it was made" for path in changed),
            ],
        )
        self.workspace.write_manifest(document)
        return RunResult(document, exit_code(len(done), failed), failed)
