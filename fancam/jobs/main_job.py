"""``run``: every input to picks, every pick to a card; contact sheet, manifest, exit code."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from fancam import pictures, video
from fancam.cards import write_card
from fancam.errors import FancamError, UsageError
from fancam.files import printable
from fancam.identity import Roster
from fancam.jobs import manifest
from fancam.jobs.context import Context, MomentJob
from fancam.jobs.find import compose_pick, find_in_photo, find_in_video, frames_lost, nothing_found
from fancam.jobs.frame import Outcome, Paths
from fancam.jobs.make import card_jobs, whole_card
from fancam.jobs.manifest import Failure, InputReport, PictureResult, RunResult
from fancam.jobs.presets import choose, measure_still, measure_video
from fancam.jobs.scanning import decoder_threads
from fancam.jobs.sources import Found, find_media
from fancam.jobs.stages import keep_beaten, keep_extras, write_comparisons
from fancam.jobs.stream import enhance_and_write
from fancam.jobs.workspace import MadeFile, Source, Workspace
from fancam.media import Progress, Samples, no_progress
from fancam.nn import ModelStore
from fancam.paper import card_geometry
from fancam.pictures import StillPicture
from fancam.provenance import Provenance
from fancam.report import ContactEntry, write_contact_sheet
from fancam.results import Decision, Enhanced, Pick
from fancam.settings import Settings
from fancam.video import Video

_PICKS = "picks"
"""The journal's step for what was found in an input."""


def run(
    inputs: Paths, out: Path | str, settings: Settings | None = None, *,
    store: ModelStore | None = None, stream: int | None = None, compare: bool = False, provenance: bool = False,
    by_preset: Mapping[str, Settings] | None = None, roster: Roster | None = None, members: Sequence[str] = (),
    progress: Progress = no_progress,
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
        roster: Who is in the pictures, see ``read_roster``; None names nobody.
        members: Names of the roster: cards of these only, for each the best of all inputs together.
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
    context = Context(
        settings, store, stream=stream, progress=progress, keep_stages=compare, keep_evidence=provenance,
        by_preset=by_preset, roster=roster, members=members,
    )  # fmt: skip
    return Run(context, Workspace(Path(out)))(inputs)


class Run(MomentJob):
    """One run of the main job."""

    verb = "run"

    def __init__(self, context: Context, workspace: Workspace) -> None:
        super().__init__(context, workspace)
        if not context.settings.pick.faces:
            raise UsageError("cards need faces, and pick.faces is false", remedy="fancam pick takes whole frames")
        self.geometry = card_geometry(context.settings.card)
        self._opened: tuple[Source | None, Video | StillPicture | None] = None, None
        """The last input in which was searched."""

    def find(self, inputs: Sequence[Path]) -> Found:
        """Return the videos and photos."""
        return find_media(inputs)

    # --- one input ---------------------------------------------------------------------------------------------

    def key(self, source: Source, *more: Any) -> str:
        """Return the hash of all that the result for an input depends on."""
        return super().key(source, self.context.stream, self.context.people_asked_for(), *more)

    def found(self, source: Source) -> tuple[InputReport, list[Pick]]:
        """Return the report on an input and its picks, found now or before."""
        key = self.key(source)
        done = self.workspace.recorded(key)
        if _PICKS in done:
            report = manifest.input_from_manifest(done[_PICKS]["input"])
            return report, [manifest.pick_from_manifest(values, self.geometry) for values in done[_PICKS]["picks"]]
        _ = self.context.enhancer  # a missing model or device is said before the long work begins
        opened = self._open(source)
        self._opened = source, opened
        report, picks = self._found(source, opened)
        if picks:
            values = [manifest.pick_to_manifest(pick) for pick in picks]
            self.workspace.record(key, _PICKS, {"input": manifest.input_to_manifest(report), "picks": values})
        return report, picks

    def finish(self, source: Source, report: InputReport, picks: list[Pick]) -> Outcome:
        """Return the picks of an input and what was made of them."""
        if not picks:
            return Outcome(report, failures=[Failure(nothing_found(self.context, source, report), "pick")])
        cards, errors = self._cards(source, report, picks)
        return Outcome(
            report, [(pick, cards.get(pick.id)) for pick in picks], files=[card.path for card in cards.values()],
            failures=[Failure(error, "enhance") for error in errors],
        )  # fmt: skip

    def _open(self, source: Source) -> Video | StillPicture:
        if source.is_video:
            return video.open_video(source.path, stream=self.context.stream)
        return pictures.open_picture(source.path)

    def _found(self, source: Source, opened: Video | StillPicture) -> tuple[InputReport, list[Pick]]:
        """Return the report on an input, and its picks: none when there is nothing to make a card of."""
        chosen = self._chosen(opened)
        context = self._context_of(chosen)
        sha256 = self.sha256(source)
        if isinstance(opened, Video):
            found, size = find_in_video(context, opened), (opened.info.width, opened.info.height)
            report = manifest.video_report(opened.info, found, sha256, chosen)
        else:
            found, size = find_in_photo(context, opened), (opened.width, opened.height)
            report = manifest.photo_report(opened, found, sha256, chosen)
        settings = context.settings
        return report, [compose_pick(one, source.stem, size, self.geometry, settings) for one in found.moments]

    def _chosen(self, opened: Video | StillPicture) -> dict[str, Any]:
        """Return the report's part on the preset that was chosen; empty where none is to be chosen."""
        if not self.context.by_preset:
            return {}
        with self.watch("measure"):
            if isinstance(opened, Video):
                measured = measure_video(self.context, opened)
            else:
                measured = measure_still(opened, self.context.photo_detector.detect([opened.srgb()])[0])
        return {"preset": dataclasses.asdict(choose(measured)), "measured": measured.as_values()}

    def _context_of(self, chosen: Mapping[str, Any]) -> Context:
        return self.context.with_preset(Decision(**chosen["preset"]) if "preset" in chosen else None)

    # --- its cards ---------------------------------------------------------------------------------------------

    def _cards(
        self, source: Source, report: InputReport, picks: Sequence[Pick]
    ) -> tuple[dict[str, PictureResult], list[FancamError]]:  # fmt: skip
        """Return the cards by the picks' ids, those made before and those made now, and what failed."""
        context = self._context_of(report.details)
        key = self.key(source)
        done = self.workspace.recorded(key)
        cards: dict[str, PictureResult] = {}
        errors: list[FancamError] = []
        for pick in picks:
            step = f"card {pick.id}"
            card = manifest.picture_from_manifest(done[step]) if step in done else None
            if card and self.is_whole(card):
                cards[pick.id] = card
        todo = [pick for pick in picks if pick.id not in cards]
        profile: bytes | None = None

        def write(pick: Pick, made: Enhanced) -> PictureResult:
            card = self._write_card(source, pick, made, context, profile)
            values = {**manifest.picture_to_manifest(card), "pick": manifest.pick_to_manifest(pick)}
            # Here, so that a stop between writing and the next card does not lose it.
            self.workspace.record(key, f"card {pick.id}", values, self.owner(source))
            return card

        if todo:
            threads = decoder_threads(report.details["frames_rejected"])
            of, opened = self._opened
            self._opened = None, None  # a photo's pixels are not held longer than they are used
            if of != source or opened is None:
                opened = self._open(source)
            shown: Video | Samples
            if isinstance(opened, StillPicture):  # in its own depth and colour space, which the card keeps
                shown, profile = opened.opaque_rgb()
            else:
                shown = opened
                with self.watch("read"):
                    keep_beaten(self.workspace, opened, todo, threads)
            jobs = card_jobs(shown, todo, self.geometry, context.settings, threads)
            show = self._counted(lambda: len(cards) + len(errors), len(picks), self._tiles(todo))
            for pick, made in enhance_and_write(context, jobs, write, show):
                if isinstance(made, FancamError):
                    errors.append(made)
                else:
                    cards[pick.id] = made
        self.progress("enhance", len(picks), len(picks))
        lost = len(picks) - len(cards) - len(errors)
        if lost:
            errors.append(frames_lost(source, lost))
        return cards, errors

    def _tiles(self, picks: Sequence[Pick]) -> int:
        """Return about how many tiles the cards will take, so that the first minute of a bar is not a standstill."""
        engine = self.context.enhancer.engine
        if engine.network is None:
            return 0
        boxes = (pick.crop.box for pick in picks)
        return sum(len(engine.plan(math.ceil(box.height), math.ceil(box.width))) for box in boxes)

    def _counted(self, finished: Callable[[], int], total: int, tiles: int) -> Progress:
        """Return a progress callback that counts cards, by their tiles."""
        before = finished()

        def show(_stage: str, done: int, of: int | None) -> None:
            of = of or tiles
            by_tiles = before + (total - before) * done / of if of else 0.0
            self.progress("enhance", int(1000 * min(max(finished(), by_tiles), total)), 1000 * total)

        return show

    def _write_card(
        self, source: Source, pick: Pick, made: Enhanced, context: Context, profile: bytes | None
    ) -> PictureResult:  # fmt: skip
        """Write a card; its pixels have the colour space of the profile, sRGB where that is None."""
        workspace, settings = self.workspace, context.settings.card
        made = whole_card(made, pick.crop, self.geometry)
        path = workspace.card_path(pick.id, settings.format)
        workspace.make_parent(path)
        about = Provenance.of_pick(printable(source.path.name), pick, made, self.geometry)
        file = write_card(made, self.geometry, about, path, settings, profile=profile)
        compare, provenance = keep_extras(
            context, workspace, pick.id, pick.crop.box, made, faces=(pick.face,),
            effective_ppi=pick.crop.effective_ppi, view=lambda pixels: StillPicture.of(pixels, profile=profile).srgb(),
        )  # fmt: skip
        return PictureResult(
            workspace.relative(path), file.sha256, file.width_px, file.height_px, round(file.dpi, 3),
            manifest.enhance_values(made), (*([context.preset] if context.preset else []), *made.decisions),
            (*made.warnings, *file.warnings), compare=compare, provenance=provenance,
        )  # fmt: skip

    # --- all of them -------------------------------------------------------------------------------------------

    def extras(self, outcomes: Mapping[Source, Outcome]) -> dict[str, Any]:
        """Write the contact sheet of all cards that lie in the folder, and the comparison."""
        cards = [(pick.id, card) for outcome in outcomes.values() for pick, card in outcome.picks if card]
        with self.watch("write"):
            self._write_contact([card.path for _, card in cards])
            compared = self.context.keep_stages and bool(cards)
            comparison = write_comparisons(self.workspace, cards, "fancam run") if compared else []
        geometry = self.geometry
        return {
            "card": {
                "width_mm": geometry.width_mm, "height_mm": geometry.height_mm, "bleed_mm": geometry.bleed_mm,
                "dpi": round(geometry.dpi, 3), "width_px": geometry.width_px, "height_px": geometry.height_px,
            },
            "comparison": comparison,
        }  # fmt: skip

    def _write_contact(self, made: Sequence[str]) -> None:
        """Write the contact sheet: what lies there of other inputs, then what was made now."""
        files = {file.path: file for file in self.workspace.files(self.verb) if "pick" in file.values}
        paths = [path for path in files if path not in made] + [path for path in made if path in files]
        entries = [self._contact_entry(files[path]) for path in paths]
        if entries:
            write_contact_sheet(entries, self.geometry, self.workspace.contact_path)
        elif self.workspace.contact_path.is_file():
            self.workspace.remove(self.workspace.contact_path)  # the cards that it shows are gone

    def _contact_entry(self, file: MadeFile) -> ContactEntry:
        pick = file.values["pick"]
        beaten = self.workspace.beaten_path(pick["id"])
        return ContactEntry(
            self.workspace.folder / file.path, pick["id"], pick["time_s"], pick["score"], pick["effective_ppi"],
            manifest.stated_true_ppi(pick["effective_ppi"], file.values["enhance"]),
            beaten if beaten.is_file() else None,
        )  # fmt: skip
