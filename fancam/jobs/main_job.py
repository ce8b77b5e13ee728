"""One run of the main job: every input to picks, every pick to a card; contact sheet, manifest, exit code."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fancam import __version__, video
from fancam.errors import FancamError, InputError, NothingFoundError
from fancam.files import sha256_of_file
from fancam.jobs import manifest
from fancam.jobs.context import Context
from fancam.jobs.find import compose_pick, decoder_threads, find_in_photo, find_in_video
from fancam.jobs.make import CardMaker
from fancam.jobs.presets import preset_of
from fancam.jobs.result import RunResult, exit_code, failure_values
from fancam.jobs.sources import Source, find_sources
from fancam.jobs.stages import write_comparisons
from fancam.jobs.workspace import Workspace, sha256_of_values
from fancam.paper import card_geometry
from fancam.report import ContactEntry, write_contact_sheet
from fancam.results import CardGeometry, Decision, Pick

Json = dict[str, Any]


class Run:
    """One run of the main job.

    Args:
        context: Settings and models.
        workspace: The output folder.
    """

    def __init__(self, context: Context, workspace: Workspace) -> None:
        self.context = context
        self.workspace = workspace
        self.settings = context.settings
        self.geometry: CardGeometry = card_geometry(context.settings.card)

    def __call__(self, inputs: Sequence[Path]) -> RunResult:
        """Make the cards of all inputs, the contact sheet and the manifest.

        One input that fails does not harm the others; it is listed in the manifest and in the exit code.

        Returns:
            The manifest and the exit code.

        Raises:
            FancamError: The only input cannot be used, a model is missing, or nothing can be written; what was
                finished before stays, and a second call goes on from there.
        """
        sources = find_sources(inputs)
        rows: list[Json] = []
        picks: list[Json] = []
        errors: list[tuple[FancamError, str]] = []
        for source in sources:
            try:
                row, source_picks, source_errors = self._run_source(source, len(rows))
            except InputError as error:
                if len(sources) == 1:
                    raise
                errors.append((error, "input"))
                continue
            rows.append(row)
            picks.extend(source_picks)
            errors.extend((error, "enhance") for error in source_errors)
            if not source_picks:
                errors.append((_nothing_found(source, row), "pick"))
        return self._finish(rows, picks, errors)

    def _run_source(self, source: Source, index: int) -> tuple[Json, list[Json], list[FancamError]]:
        sha256 = sha256_of_file(source.path)
        key = self._key(source, sha256)
        done = self.workspace.recorded(key)
        if "picks" not in done:
            _ = self.context.enhancer  # a missing model or device is said before the long work begins
            chosen = self._chosen(source)
            found_row, found = self._found(source, self._context(chosen))
            row = {"path": str(source.path), "sha256": sha256, **found_row, **chosen}
            done["picks"] = {"input": row, "picks": [manifest.pick_values(pick) for pick in found]}
            if found:
                self.workspace.record(key, "picks", done["picks"])
        row = done["picks"]["input"]
        picks = [manifest.pick_from_values(values, self.geometry) for values in done["picks"]["picks"]]
        threads = decoder_threads(row["frames_rejected"])
        maker = CardMaker(self._context(row), self.workspace, self.geometry, threads)
        cards, errors = maker(source, picks, key, done)
        return row, [manifest.pick_row(pick, index, cards.get(pick.id)) for pick in picks], errors

    def _found(self, source: Source, context: Context) -> tuple[Json, list[Pick]]:
        """Return the manifest's row of an input, and its picks: none when there is nothing to make a card of."""
        if source.is_video:
            film = video.open_video(source.path, stream=context.stream)
            found, size = find_in_video(context, film), (film.info.width, film.info.height)
            row = manifest.video_row(film.info, found)
        else:
            photo = context.photo(source.path).frame()
            found, size = find_in_photo(context, photo), (photo.width, photo.height)
            row = manifest.photo_row(photo, found)
        return row, [compose_pick(one, source.stem, size, self.geometry, context.settings) for one in found.moments]

    def _chosen(self, source: Source) -> Json:
        """Return the row's part on the preset that was chosen for an input; empty where none is to be chosen."""
        if not self.context.by_preset:
            return {}
        with self.context.watch("measure"):
            preset, measured = preset_of(self.context, source)
        return {"preset": dataclasses.asdict(preset), "measured": measured.as_values()}

    def _context(self, row: Json) -> Context:
        return self.context.with_preset(Decision(**row["preset"]) if "preset" in row else None)

    def _key(self, source: Source, sha256: str) -> str:
        """Return the hash of all that the result for one input depends on, weights and versions included."""
        settings = [self.context.all_settings(), self.context.stream]
        return sha256_of_values([__version__, *settings, source.stem, sha256, self.context.weights()])

    def _finish(
        self, rows: Sequence[Json], picks: Sequence[Json], errors: Sequence[tuple[FancamError, str]]
    ) -> RunResult:
        with_cards = [row for row in picks if row["card"]]
        with self.context.watch("write"):
            if with_cards:
                self._write_contact(with_cards)
            compared = self._write_comparisons(with_cards) if self.context.keep_stages and with_cards else []
        changed = self.workspace.remove_stale({row["card"]["path"] for row in with_cards})
        document = manifest.document(
            version=__version__,
            verb="run",
            settings=self.settings.as_dict(),
            inputs=rows,
            picks=picks,
            failures=[failure_values(error, stage) for error, stage in errors],
            timings_s=self.context.watch.seconds,
            card={
                "width_mm": self.geometry.width_mm, "height_mm": self.geometry.height_mm,
                "bleed_mm": self.geometry.bleed_mm, "dpi": round(self.geometry.dpi, 3),
                "width_px": self.geometry.width_px, "height_px": self.geometry.height_px,
            },
            comparison=compared,
            warnings=[
                *self.context.notes(),
                *(f"{path}: left in place, it was changed since it was made" for path in changed),
            ],
        )  # fmt: skip
        self.workspace.write_manifest(document)
        return RunResult(document, exit_code(len(with_cards), [e for e, _ in errors]), [e for e, _ in errors])

    def _write_comparisons(self, picks: Sequence[Json]) -> list[str]:
        shown = [
            {"name": row["id"], "title": row["id"], "compare": row["compare"], "warnings": row["warnings"]}
            for row in picks
        ]  # fmt: skip
        return write_comparisons(self.workspace, shown, "fancam run")

    def _write_contact(self, picks: Sequence[Json]) -> None:
        entries = [
            ContactEntry(
                path=self.workspace.folder / row["card"]["path"],
                label=row["id"],
                time_s=row["time_s"],
                score=row["score"],
                effective_ppi=row["effective_ppi"],
            )
            for row in picks
        ]
        write_contact_sheet(entries, self.geometry, self.workspace.contact_path)


def _nothing_found(source: Source, row: Json) -> NothingFoundError:
    if row.get("faces_left_out"):
        cause = "every face in it is turned away and in shadow"
        return NothingFoundError(cause, item=source.path, remedy="--all-faces makes their cards all the same")
    if not source.is_video:
        return NothingFoundError("no face found", item=source.path, remedy="try --preset wide-stage for small faces")
    rejected = row["faces_rejected"]
    if not rejected:
        cause = f"no face found in the {row['moments_looked_at']} moments looked at"
        return NothingFoundError(cause, item=source.path, remedy="try --preset wide-stage or --preset close-up")
    reasons = ", ".join(f"{count} {reason.replace('_', ' ')}" for reason, count in sorted(rejected.items()))
    return NothingFoundError(
        f"no usable face: of those found, {reasons}",
        item=source.path,
        remedy="lower pick.min_sharpness or pick.min_face_px",
    )
