"""One run of ``card``: finished cards of pictures, checked for a printer, a manifest, an exit code."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fancam import pictures
from fancam.cards import Side, cut_preview, mockup, safe_zone_overlay
from fancam.errors import FancamError, OutputError, PreflightError, UsageError
from fancam.files import printable
from fancam.geometry import Box
from fancam.jobs.card_files import BACK_SUFFIX, fronts
from fancam.jobs.design import Designer, FinishedCard
from fancam.jobs.frame import FolderJob, Outcome, Paths, Stopwatch, default_store
from fancam.jobs.manifest import Failure, InputReport, RunResult
from fancam.jobs.sources import Found
from fancam.jobs.workspace import Source, Workspace
from fancam.media import Progress, Samples, no_progress
from fancam.nn import ModelStore
from fancam.paper import require_passed
from fancam.provenance import Provenance, boxes_mm
from fancam.report import write_screen_picture
from fancam.settings import Settings
from fancam.sheets import write_cut
from fancam.sheets.plan import Area, CutPath, CutSheet

Json = dict[str, Any]

_MOCKUP_WIDTH_PX = 1600


@dataclass(frozen=True, slots=True)
class CardExtras:
    """What is written beside the cards."""

    proof: bool = False
    """How the press will show each card."""
    mockup: bool = False
    """Each card in a sleeve, to post."""
    guides: bool = False
    """Each card with its cut, safe zone and faces drawn."""
    cut: bool = False
    """Each card as it is cut, and its cut path."""


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
    job = CardRun(
        settings or Settings(), store or default_store(), Workspace(Path(out)), crop=crop,
        extras=extras or CardExtras(), check_only=check_only, force=force, progress=progress,
    )  # fmt: skip
    return job(inputs)


class CardRun(FolderJob):
    """Makes finished cards of pictures, one after the other: each is small and none needs a network."""

    verb = "card"

    def __init__(
        self, settings: Settings, store: ModelStore, workspace: Workspace, *,
        crop: Box | None, extras: CardExtras, check_only: bool, force: bool, progress: Progress,
    ) -> None:  # fmt: skip
        super().__init__(settings, workspace, Stopwatch(), progress)
        self.beside = extras
        self.check_only = check_only
        self.force = force
        self.designer = Designer(settings, store, crop, self.watch)
        self.format = self.designer.format
        if extras.proof and self.designer.press is None:
            raise UsageError("a proof needs the profile of the press", remedy="give --profile FILE.icc")

    def find(self, inputs: Sequence[Path]) -> Found:
        """Return the pictures, and the cards of fancam's folders."""
        paths, failed = fronts(inputs)
        return [(path, False) for path in paths], failed

    def output_paths(self, source: Source) -> list[Path]:
        """Return where a card and its back go."""
        stems = (source.stem, f"{source.stem}{BACK_SUFFIX}")
        return [self.workspace.picture_path(stem, f".{self.format}") for stem in stems]

    def work(self, sources: Sequence[Source]) -> Iterator[tuple[Source, Outcome]]:
        """Yield each picture with its card."""
        for source in sources:
            outcome = Outcome()
            try:
                self._make(source, outcome)
            except OutputError:
                raise  # the next one cannot be written either
            except FancamError as error:
                stage = "preflight" if isinstance(error, PreflightError) else "card"
                outcome.failures.append(Failure(error.about(source.path), stage))
            yield source, outcome

    def step(self, done: int, of: int) -> None:
        """Tell that a card is finished."""
        self.progress("cards", done, of)

    def _make(self, source: Source, outcome: Outcome) -> None:
        """Make a card; one that fails preflight is reported and not written."""
        sha256 = self.sha256(source)
        made = self.designer(source)
        outcome.report = InputReport(printable(source.path), sha256, made.width, made.height)
        outcome.card = row = _row(made)
        require_passed(made.checks, force=self.force and not self.check_only)
        if self.check_only:
            return
        with self.watch("write"):
            written = self._written(made)
        row["warnings"] += written.pop("warnings", [])
        row |= written
        outcome.files = [side["path"] for side in (row, row["back"]) if side]

    # --- writing -----------------------------------------------------------------------------------------------

    def _written(self, made: FinishedCard) -> Json:
        stem = made.source.stem
        row = self._side(made, made.front, stem)
        row["back"] = None if made.back is None else self._side(made, made.back, f"{stem}{BACK_SUFFIX}")
        row["proof"] = row["mockup"] = row["guides"] = row["cut"] = None
        screen, geometry, radius_mm = made.front.screen, made.geometry, made.size.corner_radius_mm
        if self.beside.proof:
            row["proof"] = self._extra("proofs", f"{stem}.png", self.designer.proof(made.front), geometry.dpi)
        if self.beside.mockup:
            picture = mockup(screen, geometry, corner_radius_mm=radius_mm, width_px=_MOCKUP_WIDTH_PX)
            row["mockup"] = self._extra("mockups", f"{stem}.png", picture, 96)
        if self.beside.guides:
            picture = safe_zone_overlay(
                screen, geometry, safe_mm=self.designer.printer.safe_mm, corner_radius_mm=radius_mm, faces=made.faces,
                text_boxes=made.front.text_boxes,
            )  # fmt: skip
            row["guides"] = self._extra("guides", f"{stem}.png", picture, geometry.dpi)
        if self.beside.cut:
            row["cut"] = self._cut(made)
        return row

    def _side(self, made: FinishedCard, side: Side, stem: str) -> Json:
        workspace = self.workspace
        path = workspace.picture_path(stem, f".{self.format}")
        workspace.make_parent(path)
        settings = self.settings.card
        press = self.designer.press
        metadata = pictures.PictureMetadata.of(_provenance(made))
        how: Json = {"dpi": made.geometry.dpi, "metadata": metadata, "quality": settings.jpeg_quality}
        if press is None or side.ink is None:
            saved = pictures.save_picture(path, side.pixels, **how)
        else:
            how |= {"profile": press.data, "cmyk": press.space == "cmyk"}
            saved = pictures.save_picture(path, side.ink, **how)
        row = {"path": workspace.relative(path), "sha256": saved.sha256}
        workspace.record(stem, f"picture {stem}", row, self.owner(made.source))
        return row | ({"warnings": list(saved.warnings)} if saved.warnings else {})

    def _extra(self, folder: str, name: str, picture: Samples, dpi: float) -> str:
        workspace = self.workspace
        path = workspace.folder / folder / name
        workspace.make_parent(path)
        write_screen_picture(path, picture, dpi=dpi)
        return workspace.relative(path)

    def _cut(self, made: FinishedCard) -> Json:
        """Write the card with its corners cut off, and the cut path; its page is the card with its bleed."""
        workspace, geometry, stem = self.workspace, made.geometry, made.source.stem
        radius_mm = made.size.corner_radius_mm
        picture = cut_preview(made.front.screen, geometry, radius_mm)
        trim = Area(geometry.bleed_mm, geometry.bleed_mm, geometry.width_mm, geometry.height_mm)
        paths = CutSheet(geometry.outer_width_mm, geometry.outer_height_mm, (CutPath(trim, radius_mm),), (1,))
        found: Json = {"picture": self._extra("cut", f"{stem}.png", picture, geometry.dpi)}
        written = write_cut(paths, workspace.folder / "cut" / stem)
        return found | {ending: workspace.relative(path) for ending, path in written.items()}

    # --- all of them -------------------------------------------------------------------------------------------

    def finished(self, outcomes: Sequence[Outcome]) -> int:
        """Return how many cards were written, or passed where nothing is written."""
        if self.check_only:
            return sum(outcome.card is not None and not outcome.failures for outcome in outcomes)
        return super().finished(outcomes)

    def extras(self, outcomes: Mapping[Source, Outcome]) -> dict[str, Any]:
        """Return the rows of the cards."""
        return {"cards": [{"input": index, **(one.card or {})} for index, one in enumerate(outcomes.values())]}

    def writes(self, outcomes: Sequence[Outcome]) -> bool:
        """Whether a manifest is written: where a card was."""
        return any(outcome.files for outcome in outcomes)


def _row(made: FinishedCard) -> Json:
    """Return what is known of a card before it is written."""
    geometry, crop = made.geometry, made.crop
    return {
        "id": made.source.stem,
        "path": None,
        "sha256": None,
        "size": made.size.name,
        "width_mm": geometry.width_mm,
        "height_mm": geometry.height_mm,
        "bleed_mm": geometry.bleed_mm,
        "width_px": geometry.width_px,
        "height_px": geometry.height_px,
        "dpi": round(geometry.dpi, 4),
        "crop": crop.box.as_list(3),
        "trim": crop.trim.as_list(3),
        "bleed_share": round(made.bleed_share, 4),
        "effective_ppi": made.effective_ppi,
        "invented": made.origin.invented,
        "faces": [face.as_list() for face in made.faces],
        "checks": [dataclasses.asdict(check) for check in made.checks],
        "warnings": list(made.warnings),
    }


def _provenance(made: FinishedCard) -> Provenance:
    """Return what a card says about itself, on top of what its picture said."""
    geometry, ppi = made.geometry, made.effective_ppi
    return made.origin.card_of(
        printable(made.source.path.name),
        effective_ppi=ppi,
        scale=geometry.dpi / ppi,
        bleed_share=made.bleed_share,
        card=geometry,
        ink_percent=made.ink_percent,
        face_boxes_mm=boxes_mm(made.faces, geometry),
    )
