"""The two jobs that need networks, as one call each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from fancam.jobs.context import Context
from fancam.jobs.enhancing import EnhanceRun
from fancam.jobs.main_job import Run
from fancam.jobs.result import RunResult
from fancam.jobs.workspace import Workspace
from fancam.media import Progress, no_progress
from fancam.nn import ModelStore
from fancam.settings import Settings


def run(
    inputs: Sequence[Path], out: Path, settings: Settings, store: ModelStore, *,
    stream: int | None = None, progress: Progress = no_progress, compare: bool = False, provenance: bool = False,
    by_preset: Mapping[str, Settings] | None = None,
) -> RunResult:  # fmt: skip
    """Make the cards of videos and photos.

    Args:
        inputs: Videos, photos, or folders of them.
        out: The output folder.
        settings: Of every stage.
        store: Where the weights are.
        stream: Video stream to use; None takes the best.
        progress: Told of every step.
        compare: Whether a page with before and after is written.
        provenance: Whether a map of what was measured and what was invented is written for each.
        by_preset: The settings of the presets of which one is chosen for each input; None takes ``settings`` for all.

    Raises:
        FancamError: See ``Run``.
    """
    context = Context(
        settings, store, Workspace(out), stream=stream, progress=progress, keep_stages=compare,
        keep_evidence=provenance, by_preset=by_preset,
    )  # fmt: skip
    return Run(context)(inputs)


def enhance(
    inputs: Sequence[Path], out: Path, settings: Settings, store: ModelStore, *,
    progress: Progress = no_progress, compare: bool = False, provenance: bool = False,
    by_preset: Mapping[str, Settings] | None = None,
) -> RunResult:  # fmt: skip
    """Enhance whole pictures; on several devices (``cuda:0,cuda:1``) with a process on each.

    Args:
        inputs: Pictures, or folders of them.
        out: The output folder.
        settings: Of the enlargement, the face prior, the guard and the result.
        store: Where the weights are.
        progress: Told of every step.
        compare: Whether a page with before and after is written.
        provenance: Whether a map of what was measured and what was invented is written for each.
        by_preset: The settings of the presets of which one is chosen for each input; None takes ``settings`` for all.

    Raises:
        FancamError: See ``EnhanceRun``.
    """
    context = Context(
        settings, store, Workspace(out), progress=progress, keep_stages=compare, keep_evidence=provenance,
        by_preset=by_preset,
    )  # fmt: skip
    return EnhanceRun(context)(inputs)
