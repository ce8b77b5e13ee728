"""What is kept beside a result: how it looked at earlier stages, and the map of what was measured in it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from fancam import pictures
from fancam.enhancing import evidence_figures
from fancam.geometry import Box
from fancam.jobs.context import Context
from fancam.jobs.manifest import PictureResult
from fancam.jobs.workspace import Workspace
from fancam.media import Picture, Samples
from fancam.report import (
    Comparison,
    Looked,
    Stage,
    beaten_strip,
    facts_of,
    write_evidence_map,
    write_page,
    write_screen_picture,
    write_strip,
)
from fancam.results import Enhanced, Face, Pick
from fancam.video import Video

Json = dict[str, Any]

PLAIN = "bicubic"
NETWORK = "network"
PRIOR = "face prior"


def keep_extras(
    context: Context, workspace: Workspace, name: str, box: Box, made: Enhanced, *,
    faces: Sequence[Face], effective_ppi: float | None, view: Callable[[Samples], Picture],
) -> tuple[Json | None, Json | None]:  # fmt: skip
    """Write what was asked for beside one result: how it looked at earlier stages, the map of what was measured.

    The box is the part of the source that the result shows; faces are in pixels of the source, and the first is what a
    viewer looks at; ``view`` turns samples in the source's colour space into 8-bit sRGB.

    Returns:
        ``compare`` and ``provenance`` of its ``PictureResult``, as JSON values; None what was not asked for.
    """
    height_px, width_px = made.pixels.shape[:2]
    face = faces[0].box.shown_in(box, width_px, height_px).clipped(width_px, height_px) if faces else None
    compare = provenance = None
    if context.keep_stages:
        kept = _kept_stages(workspace, name, made, view)
        focus = None if face is None else face.as_list()
        compare = {"stages": kept, "facts": facts_of(made, effective_ppi=effective_ppi), "focus": focus}
    if context.keep_evidence:
        assert made.evidence is not None, "evidence was not kept"
        figures = evidence_figures(made.evidence, face)
        path = workspace.evidence_map_path(name)
        workspace.make_parent(path)
        shown, sentence = view(made.pixels), figures["sentence"]
        write_evidence_map(made.evidence, shown, path, title=name, face=face, sentence=sentence)
        provenance = {"path": workspace.relative(path), **figures}
    return compare, provenance


def _kept_stages(
    workspace: Workspace, name: str, made: Enhanced, view: Callable[[Samples], Picture]
) -> list[Json]:  # fmt: skip
    """Write the stages of one result beside the journal, and return label, path and who invented what of each."""
    by_network = made.upscaler if made.detail > 0 else None
    assert made.stages is not None, "stages were not kept"
    stages: list[tuple[str, Samples, str | None]] = [(PLAIN, made.stages.plain, None)]
    if made.stages.network is not None:
        stages.append((NETWORK if by_network else made.upscaler, made.stages.network, by_network))
        stages.append((PRIOR, made.pixels, made.restorer))
    else:
        label = NETWORK if made.invented else f"{made.upscaler}, as written"
        stages.append((label, made.pixels, by_network if made.invented else None))
    kept: list[Json] = []
    for number, (label, pixels, invented_by) in enumerate(stages, start=1):
        path = workspace.stage_path(name, number)
        workspace.make_parent(path)
        pictures.save_picture(path, view(pixels), dpi=72.0, metadata=pictures.PictureMetadata())
        kept.append({"label": label, "path": workspace.relative(path), "invented_by": invented_by})
    return kept


def keep_beaten(workspace: Workspace, film: Video, picks: Sequence[Pick], threads: int | None) -> None:
    """Keep of each pick, for the contact sheet, what whom it beat looks like.

    Raises:
        FancamError: The video cannot be decoded, or a picture cannot be written.
    """
    looked: dict[tuple[str, int], Looked] = {}
    for frame in film.frames(sorted({one.pts for pick in picks for one in pick.runners_up}), threads=threads):
        for pick in picks:
            for one in pick.runners_up:
                if one.pts == frame.pts:
                    shown = Looked.at(frame.pixels, one.face.box, one.time_s, one.score, one.reason)
                    looked[pick.id, one.pts] = shown
    for pick in picks:
        beaten = [looked[pick.id, one.pts] for one in pick.runners_up if (pick.id, one.pts) in looked]
        if beaten:
            path = workspace.beaten_path(pick.id)
            workspace.make_parent(path)
            write_screen_picture(path, beaten_strip(beaten))


def write_comparisons(workspace: Workspace, results: Sequence[tuple[str, PictureResult]], title: str) -> list[str]:
    """Write one page that compares the stages of every result, and a strip for each.

    Returns:
        Paths of what was written, relative to the folder.

    Raises:
        OutputError: Something cannot be written.
    """
    written = []
    for name, result in results:
        path = workspace.strip_path(Path(result.path).stem)
        workspace.make_parent(path)
        write_strip(path, _comparison(workspace, name, result))
        written.append(workspace.relative(path))
    pages = (_comparison(workspace, name, result) for name, result in results)
    write_page(workspace.comparison_path, pages, title=title)
    return [workspace.relative(workspace.comparison_path), *written]


def _comparison(workspace: Workspace, title: str, result: PictureResult) -> Comparison:
    kept = result.compare
    assert kept is not None, "stages were not kept"
    return Comparison(
        title=title,
        stages=[
            Stage(stage["label"], pictures.read_picture(workspace.folder / stage["path"]).pixels, stage["invented_by"])
            for stage in kept["stages"]
        ],
        facts=kept["facts"],
        warnings=result.warnings,
        focus=None if kept["focus"] is None else Box(*kept["focus"]),
    )
