"""``pick``: the best different moments of videos as full-size frames; contact sheet, manifest, the whole ranking."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fancam import __version__, video
from fancam.files import printable, replace_file, sha256_of_file
from fancam.identity import Roster
from fancam.jobs import manifest
from fancam.jobs.context import Context, MomentJob
from fancam.jobs.find import find_in_video, frames_lost, nothing_found
from fancam.jobs.frame import Outcome, Paths
from fancam.jobs.frame_picks import FrameFile, FramePick, ranking, ranking_csv, write_frame
from fancam.jobs.manifest import Failure, InputReport, PictureResult, RunResult
from fancam.jobs.scanning import decoder_threads
from fancam.jobs.sources import Found, find_videos
from fancam.jobs.workspace import Source, Workspace, sha256_of_values
from fancam.media import Progress, Samples, no_progress
from fancam.nn import ModelStore
from fancam.pictures import to_8_bit
from fancam.report import Looked, pick_strip, write_pick_sheet, write_screen_picture
from fancam.settings import Settings
from fancam.video import Video

_PICKS, _RANKING = "picks", "ranking"
"""The journal's steps for what was chosen of a video, and for every face that was looked at."""


def pick_frames(
    inputs: Paths, out: Path | str, settings: Settings | None = None, *,
    store: ModelStore | None = None, stream: int | None = None, rank_all: bool = False,
    roster: Roster | None = None, members: Sequence[str] = (), progress: Progress = no_progress,
) -> RunResult:  # fmt: skip
    """Write the best different moments of videos as full-size frames, with a contact sheet and a manifest.

    The frames are upright, with square pixels, in sRGB; in png and tif with 16 bits where the video has more than
    8; PQ and HLG are tone-mapped. Each says in its EXIF and XMP where it comes from and why it was picked. What is
    finished is not done again.

    Args:
        inputs: Videos, or folders of them.
        out: The output folder: a new or empty one, or one of fancam's.
        settings: Of the scan, the faces and the choice; the defaults where None.
        store: Where the weights are; see ``default_store``.
        stream: Index of the video stream to use; None takes the one with the largest picture.
        rank_all: Whether every face that was looked at is written to ``ranking.csv``.
        roster: Who is in the videos, see ``read_roster``; None names nobody.
        members: Names of the roster: frames of these only, for each the best of all videos together.
        progress: Called as ``progress(stage, done, total)``.

    Returns:
        What was picked; an input that failed is among its failures and harms no other.

    Raises:
        FancamError: As for ``run``.

    Example:
        >>> result = fancam.pick_frames(["a.mp4", "b.mp4"], "picks", fancam.load_settings("close-up"))
        >>> result.to_manifest()["picks"][0]["frame"]["path"]
        'frames/a-000123456.png'
    """
    context = Context(settings, store, stream=stream, progress=progress, roster=roster, members=members)
    return PickRun(context, Workspace(Path(out)), rank_all=rank_all)(inputs)


class PickRun(MomentJob):
    """Picks frames into an output folder; what is finished is not done again."""

    verb = "pick"

    def __init__(self, context: Context, workspace: Workspace, *, rank_all: bool) -> None:
        super().__init__(context, workspace)
        self._rank_all = rank_all
        self._rankings: dict[Source, list[dict[str, Any]]] = {}

    def find(self, inputs: Sequence[Path]) -> Found:
        """Return the videos."""
        return find_videos(inputs)

    def notes(self) -> list[str]:
        """Return what the whole job goes without."""
        return []

    def key(self, source: Source, *more: Any) -> str:
        """Return the hash of all that the frames of a video depend on."""
        settings = self.settings.as_dict()
        used = {stage: settings[stage] for stage in ("scan", "faces", "pick")}
        weights = self.context.picking_weights()
        asked = [self.context.stream, self.context.people_asked_for()]
        own = [source.stem, self.sha256(source), weights]
        return sha256_of_values([__version__, self.verb, used, *asked, *more, *own])

    def picked(self, pick: FramePick, index: int, card: PictureResult | None) -> FramePick:  # noqa: ARG002 - no cards here
        """Return a pick with the index of its input."""
        return dataclasses.replace(pick, input=index)

    # --- one video ---------------------------------------------------------------------------------------------

    def found(self, source: Source) -> tuple[InputReport, list[FramePick]]:
        """Return the report on an input and its picks, found now or before."""
        key = self.key(source)
        done = self.workspace.recorded(key)
        if _PICKS in done and (_RANKING in done or not self._rank_all):
            self._rankings[source] = done.get(_RANKING, {}).get("rows", [])
            report = manifest.input_from_manifest(done[_PICKS]["input"])
            return report, [FramePick.from_manifest(row) for row in done[_PICKS]["picks"]]
        return self._found(source, key)

    def finish(self, source: Source, report: InputReport, picks: list[FramePick]) -> Outcome:
        """Return the picks of an input and what was made of them."""
        if not picks:
            return Outcome(report, failures=[Failure(nothing_found(self.context, source, report), "pick")])
        key = self.key(source)
        files = self._whole_files(picks, self.workspace.recorded(key))
        todo = [pick for pick in picks if not all(one.id in files for one in self._written_of(pick))]
        self._write(source, report, todo, key, files)
        picks = [pick.with_frames(files) for pick in picks]
        lost = sum(pick.frame is None for pick in picks)
        return Outcome(
            report, [(pick, None) for pick in picks], files=[file.path for pick in picks for file in pick.files],
            failures=[Failure(frames_lost(source, lost), "pick")] if lost else [],
        )  # fmt: skip

    def _written_of(self, pick: FramePick) -> tuple[FramePick, ...]:
        """Return the moments of a pick whose frames are written: its own, and where it is asked for what it beat."""
        return (pick, *pick.runners_up) if self.settings.pick.keep_runners_up else (pick,)

    def _whole_files(self, picks: Sequence[FramePick], done: Mapping[str, Any]) -> dict[str, FrameFile]:
        """Return the files by the ids of their moments that are still as they were written; of picks with a strip."""
        files: dict[str, FrameFile] = {}
        for pick in picks:
            if self.workspace.strip_of_pick_path(pick.id).is_file():
                for one in self._written_of(pick):
                    row = done.get(f"frame {one.id}")
                    file = None if row is None else FramePick.from_manifest(row).frame
                    path = None if file is None else self.workspace.folder / file.path
                    if file and path and path.is_file() and sha256_of_file(path) == file.sha256:
                        files[one.id] = file
        return files

    def _found(self, source: Source, key: str) -> tuple[InputReport, list[FramePick]]:
        """Return the report on a video and its picks, and note both."""
        film = self._open(source)
        found = find_in_video(self.context, film)
        report = manifest.video_report(film.info, found, self.sha256(source), {})
        if film.info.colour.transfer != "sdr":
            report = dataclasses.replace(report, warnings=(*report.warnings, "HDR is tone-mapped to the range of sRGB"))
        picks = [FramePick.of(moment, source.stem) for moment in found.moments]
        self._rankings[source] = ranking(found.looked_at, picks) if self._rank_all else []
        if picks:
            rows = [pick.to_manifest() for pick in picks]
            self.workspace.record(key, _PICKS, {"input": manifest.input_to_manifest(report), "picks": rows})
            if self._rank_all:
                self.workspace.record(key, _RANKING, {"rows": self._rankings[source]})
        return report, picks

    def _open(self, source: Source) -> Video:
        return video.open_video(source.path, stream=self.context.stream)

    # --- its frames --------------------------------------------------------------------------------------------

    def _write(
        self, source: Source, report: InputReport, picks: Sequence[FramePick], key: str, files: dict[str, FrameFile]
    ) -> None:  # fmt: skip
        """Write the frames of picks and their strips of the contact sheet; ``files`` has those that were written."""
        shown_in: dict[int, list[tuple[FramePick, FramePick]]] = {}
        for pick in picks:
            for one in (pick, *pick.runners_up):
                shown_in.setdefault(one.pts, []).append((pick, one))
        looked: dict[str, dict[str, Looked]] = {pick.id: {} for pick in picks}
        threads = decoder_threads(report.details["frames_rejected"])
        frames = self._open(source).deep_frames(sorted(shown_in), threads=threads)
        for pts, samples in self.watch.iterated("read", frames):
            pixels = to_8_bit(samples)
            for pick, one in shown_in[pts]:
                box = None if one.face is None else one.face.box
                looked[pick.id][one.id] = Looked.at(pixels, box, one.time_s, one.score, one.reason)
                if one in self._written_of(pick):
                    with self.watch("write"):
                        files[one.id] = self._write_frame(source, one, samples, key, runner_up=one is not pick)
            for pick in [pick for pick in picks if pick.id in looked and _is_past(pick, pts)]:
                self._draw_strip(pick, looked.pop(pick.id))
            self.progress("frames", len(picks) - len(looked), len(picks))
        for pick in picks:
            if pick.id in looked:
                self._draw_strip(pick, looked[pick.id])
        self.progress("frames", len(picks), len(picks))

    def _write_frame(
        self, source: Source, one: FramePick, samples: Samples, key: str, *, runner_up: bool
    ) -> FrameFile:  # fmt: skip
        """Write a frame with its provenance, and note it: a stop before the next one does not lose it."""
        settings = self.settings.pick
        path = self.workspace.frame_path(one.id, settings.format, runner_up=runner_up)
        self.workspace.make_parent(path)
        about = one.provenance(source.path.name, self.sha256(source), samples)
        file = write_frame(samples, about, path, settings.jpeg_quality, self.workspace.relative(path))
        row = dataclasses.replace(one, frame=file).to_manifest()
        self.workspace.record(
            key, f"frame {one.id}", {**row, "path": file.path, "sha256": file.sha256}, self.owner(source)
        )  # fmt: skip
        return file

    def _draw_strip(self, pick: FramePick, looked: Mapping[str, Looked]) -> None:
        """Draw a pick's strip of the contact sheet, where its frame could be decoded."""
        if pick.id not in looked:
            return
        beaten = [looked[one.id] for one in pick.runners_up if one.id in looked]
        strip = self.workspace.strip_of_pick_path(pick.id)
        self.workspace.make_parent(strip)
        with self.watch("write"):
            write_screen_picture(strip, pick_strip(looked[pick.id], beaten, pick.id))

    # --- all of them -------------------------------------------------------------------------------------------

    def extras(self, outcomes: Mapping[Source, Outcome]) -> dict[str, Any]:
        """Write the contact sheet of all frames that lie in the folder, and the ranking."""
        made = [path for outcome in outcomes.values() for path in outcome.files]
        known = {file.path: file for file in self.workspace.files(self.verb)}
        paths = [path for path in known if path not in made] + [path for path in made if path in known]
        strips = [self.workspace.strip_of_pick_path(known[path].values["id"]) for path in paths]
        strips = [strip for strip in strips if strip.is_file()]
        with self.watch("write"):
            if strips:
                write_pick_sheet(strips, self.workspace.pick_sheet_path)
            if self._rank_all and outcomes:
                rows = [(printable(source.path.name), self._rankings.get(source, [])) for source in outcomes]
                self.workspace.make_parent(self.workspace.ranking_path)
                replace_file(self.workspace.ranking_path, ranking_csv(rows).encode())
        return {"ranking": self.workspace.relative(self.workspace.ranking_path) if self._rank_all else None}


def _is_past(pick: FramePick, pts: int) -> bool:
    """Whether everything that is shown of a pick has been decoded at this pts."""
    return pts >= max(one.pts for one in (pick, *pick.runners_up))
