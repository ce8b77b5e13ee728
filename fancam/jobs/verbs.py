"""The verbs that fill folders, as one call each; what one needs is loaded when it is called.

``run`` does the main job, ``enhance_pictures`` whole pictures, ``make_cards`` finished cards and ``make_sheet`` their
PDF; ``plan_run`` and ``plan_enhance`` say what they would do; the last two measure a printer.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import platformdirs

from fancam.geometry import Box
from fancam.media import Progress, no_progress
from fancam.nn import ModelStore
from fancam.settings import Settings

if TYPE_CHECKING:
    from fancam.jobs.cards import CardExtras
    from fancam.jobs.context import Context
    from fancam.jobs.result import RunResult
    from fancam.jobs.sheets import SheetExtras

Paths = Path | str | Sequence[Path | str]


@functools.cache
def default_store() -> ModelStore:
    """Return the weight files of the installed packages and of the user's cache, which ``fancam models pull`` fills.

    For a folder of your own: ``fancam.ModelStore(models_dir=Path("weights"))``.
    """
    return ModelStore(cache_dir=Path(platformdirs.user_cache_dir("fancam", appauthor=False)) / "models")


def make_context(
    settings: Settings | None, store: ModelStore | None, progress: Progress = no_progress, **named: Any
) -> Context:  # fmt: skip
    """Return the settings, models and instruments of a job; defaults where None."""
    from fancam.jobs.context import Context

    return Context(settings or Settings(), store or default_store(), progress=progress, **named)


def run(
    inputs: Paths, out: Path | str, settings: Settings | None = None, *,
    store: ModelStore | None = None, stream: int | None = None, compare: bool = False, provenance: bool = False,
    by_preset: Mapping[str, Settings] | None = None, progress: Progress = no_progress,
) -> RunResult:  # fmt: skip
    """Make the cards of videos and photos, with a contact sheet and a manifest; what is finished is not done again.

    Args:
        inputs: Videos, photos, or folders of them.
        out: The output folder: a new or empty one, or one of fancam's.
        settings: Of every stage; the defaults where None.
        store: Where the weights are; see ``default_store``.
        stream: Index of the video stream to use; None takes the one with the largest picture.
        compare: Whether a page with before and after is written.
        provenance: Whether a map of what was measured and what was invented is written for each card.
        by_preset: The settings of the presets of which one is chosen for each input, as ``load_presets`` gives them.
        progress: Called as ``progress(stage, done, total)``.

    Returns:
        What was made; an input that failed is among its failures and harms no other.

    Raises:
        FancamError: The only input cannot be used, a model is missing, or nothing can be written; what was finished
            stays, and a second call goes on from there.

    Example:
        >>> result = fancam.run("concert.mp4", "cards", fancam.load_settings("group"))
        >>> result.to_manifest()["picks"][0]["card"]["path"]
        'cards/concert-000123456.png'
    """
    from fancam.jobs.main_job import Run
    from fancam.jobs.workspace import Workspace

    context = make_context(
        settings, store, progress, stream=stream, keep_stages=compare, keep_evidence=provenance, by_preset=by_preset
    )
    return Run(context, Workspace(Path(out)))(_paths(inputs))


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
    from fancam.jobs.enhancing import EnhanceRun
    from fancam.jobs.workspace import Workspace

    context = make_context(
        settings, store, progress, keep_stages=compare, keep_evidence=provenance, by_preset=by_preset
    )
    return EnhanceRun(context, Workspace(Path(out)))(_paths(inputs))


def make_cards(
    inputs: Paths, out: Path | str, settings: Settings | None = None, *,
    store: ModelStore | None = None, crop: Box | None = None, extras: CardExtras | None = None,
    check_only: bool = False, force: bool = False, progress: Progress = no_progress,
) -> RunResult:  # fmt: skip
    """Make finished cards of pictures: exact size, bleed, text, frame and back, checked for a printer.

    Args:
        inputs: Pictures, or folders of them.
        out: The output folder: a new or empty one, or one of fancam's.
        settings: Of the card, what lies over it, the press and the faces; the defaults where None.
        store: Where the weights of the face detector are; see ``default_store``.
        crop: The part to show after cutting, in pixels of every picture; None composes.
        extras: What else is written; None is nothing.
        check_only: Preflight only; nothing is written.
        force: Write although preflight failed.
        progress: Called as ``progress("cards", done, total)``.

    Raises:
        FancamError: The only picture cannot be used, or nothing can be written.
    """
    from fancam.jobs.cards import CardExtras, CardRun
    from fancam.jobs.workspace import Workspace

    job = CardRun(
        settings or Settings(), store or default_store(), Workspace(Path(out)), crop=crop,
        extras=extras or CardExtras(), check_only=check_only, force=force, progress=progress,
    )  # fmt: skip
    return job(_paths(inputs))


def make_sheet(
    cards: Paths, out: Path | str, settings: Settings | None = None, *,
    copies: int | Sequence[int] | None = None, size: str | None = None, back: Path | str | None = None,
    extras: SheetExtras | None = None, check_only: bool = False, force: bool = False, raises: bool = True,
    progress: Progress = no_progress,
) -> RunResult:  # fmt: skip
    """Lay finished cards on paper, as a PDF with marks to cut along.

    Args:
        cards: Card files, or folders that fancam has written.
        out: The PDF.
        settings: Of the sheet and the press; the defaults where None.
        copies: Of every card, or one number per card; None takes that of the settings.
        size: Of the cards, as ``"kpop"`` or ``"55x85mm"``; None takes what the files say.
        back: Back of every card; None takes those beside the fronts.
        extras: What else is written; None is nothing.
        check_only: Preflight only; nothing is written.
        force: Write although preflight failed.
        raises: Whether a preflight that failed is raised; else it is in the result.
        progress: Called as ``progress(stage, done, total)``.

    Raises:
        PreflightError: A limit of the printer is broken; nothing was written.
        FancamError: A card cannot be used, nothing fits on the paper, or the PDF cannot be written.
    """
    from fancam.jobs.sheets import SheetExtras, SheetRun

    settings = settings or Settings()
    if isinstance(copies, int):
        settings = dataclasses.replace(settings, sheet=dataclasses.replace(settings.sheet, copies=copies))
    job = SheetRun(settings, Path(out), extras=extras or SheetExtras(), progress=progress)
    result = job(
        _paths(cards), size=size, copies=() if copies is None or isinstance(copies, int) else copies,
        back=None if back is None else Path(back), check_only=check_only, force=force,
    )  # fmt: skip
    if raises and result.errors:
        raise result.errors[0]
    return result


def plan_run(
    inputs: Paths, settings: Settings | None = None, *, stream: int | None = None, store: ModelStore | None = None
) -> dict[str, Any]:
    """Return what ``run`` would do, as JSON values, without writing.

    Args:
        inputs: Videos, photos, or folders of them.
        settings: Of the run; the defaults where None.
        stream: Video stream to use; None takes the largest.
        store: With it ``estimated_s`` is measured, by a trial of the decoder and of the network, in some seconds.

    Raises:
        FancamError: An input cannot be used.
    """
    from fancam.jobs.planning import plan

    return plan(_paths(inputs), settings or Settings(), stream=stream, store=store)


def plan_enhance(inputs: Paths, settings: Settings | None = None, *, store: ModelStore | None = None) -> dict[str, Any]:
    """Return what ``enhance_pictures`` would do, as JSON values, without writing.

    Args:
        inputs: Pictures, or folders of them.
        settings: Of the enlargement; the defaults where None.
        store: With it ``estimated_s`` is measured, by a trial of the network, in some seconds.

    Raises:
        FancamError: An input cannot be used.
    """
    from fancam.jobs.planning import plan_enhance

    return plan_enhance(_paths(inputs), settings or Settings(), store=store)


def calibrate_printer(out: Path | str, settings: Settings | None = None) -> RunResult:
    """Write the two pages that measure how a printer lays the back of a sheet.

    Raises:
        FancamError: The paper is unknown or too small, or the PDF cannot be written.
    """
    from fancam.jobs.sheets import calibration

    return calibration(Path(out), settings or Settings())


def correct_printer(
    out: Path | str, settings: Settings, left: tuple[float, float], right: tuple[float, float]
) -> RunResult:
    """Write the settings file that undoes what a calibration page showed.

    Args:
        out: The TOML file.
        settings: Its paper is the calibration's.
        left: What was read on the left: x, y in mm.
        right: What was read on the right.

    Raises:
        UsageError: The readings mean more than can be corrected.
        OutputError: The file cannot be written.
    """
    from fancam.jobs.sheets import printer_offset

    return printer_offset(Path(out), settings, left, right)


def _paths(inputs: Paths) -> list[Path]:
    return [Path(inputs)] if isinstance(inputs, Path | str) else [Path(one) for one in inputs]
