"""One run of ``card``: finished cards of pictures, checked for a printer, a manifest, an exit code."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fancam import __version__, pictures
from fancam.cards import Side, cut_preview, mockup, safe_zone_overlay
from fancam.errors import FancamError, InputError, OutputError, PreflightError, UsageError
from fancam.files import sha256_of_file
from fancam.geometry import Box
from fancam.jobs import manifest
from fancam.jobs.card_files import BACK_SUFFIX, fronts
from fancam.jobs.design import Designer, FinishedCard
from fancam.jobs.result import RunResult, exit_code, failure_values
from fancam.jobs.sources import Source, find_pictures
from fancam.jobs.stopwatch import Stopwatch
from fancam.jobs.workspace import Workspace
from fancam.media import Progress, Samples, no_progress
from fancam.nn import ModelStore
from fancam.paper import require_passed
from fancam.provenance import Provenance, boxes_mm
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


def card(
    inputs: Sequence[Path], out: Path, settings: Settings, store: ModelStore, *,
    crop: Box | None = None, extras: CardExtras | None = None, check_only: bool = False, force: bool = False,
    progress: Progress = no_progress,
) -> RunResult:  # fmt: skip
    """Make finished cards of pictures, checked for a printer.

    Args:
        inputs: Pictures, or folders of them.
        out: The output folder.
        settings: Of the card, what lies over it, the press and the faces.
        store: Where the weights of the face detector are.
        crop: The part to show after cutting, in pixels of every picture; None composes.
        extras: What else is written; None is nothing.
        check_only: Preflight only; nothing is written.
        force: Write although preflight failed.
        progress: Told of every step.

    Raises:
        FancamError: See ``CardRun``.
    """
    job = CardRun(
        settings, store, Workspace(out), crop=crop, extras=extras or CardExtras(), check_only=check_only, force=force,
        progress=progress,
    )  # fmt: skip
    return job(inputs)


class CardRun:
    """Makes finished cards of pictures, one after the other: each is small and none needs a network.

    Args:
        settings: Of the card, what lies over it, the press and the faces.
        store: Where the weights of the face detector are.
        workspace: The output folder.
        crop: The part to show after cutting, in pixels of every picture; None composes.
        extras: What else is written.
        check_only: Preflight only; nothing is written.
        force: Write although preflight failed.
        progress: Told of every step.
    """

    def __init__(
        self, settings: Settings, store: ModelStore, workspace: Workspace, *,
        crop: Box | None, extras: CardExtras, check_only: bool, force: bool, progress: Progress = no_progress,
    ) -> None:  # fmt: skip
        self.settings = settings
        self.workspace = workspace
        self.progress = progress
        self.watch = Stopwatch()
        self.extras = extras
        self.check_only = check_only
        self.force = force
        self.designer = Designer(settings, store, crop, self.watch)
        self.format = self.designer.format
        if extras.proof and self.designer.press is None:
            raise UsageError("a proof needs the profile of the press", remedy="give --profile FILE.icc")

    def __call__(self, inputs: Sequence[Path]) -> RunResult:
        """Make all cards and write the manifest.

        A picture that fails does not harm the others; it is listed in the manifest and in the exit code.

        Raises:
            FancamError: The only picture cannot be used, or nothing can be written.
        """
        sources = find_pictures(fronts(inputs))
        self._refuse_overwriting(sources)
        rows: dict[Source, Json] = {}
        errors: dict[Source, FancamError] = {}
        for source in sources:
            try:
                rows[source] = self._card(source, errors)
            except OutputError:
                raise  # the next one cannot be written either
            except FancamError as error:
                errors[source] = _named(error, source.path)
            self.progress("cards", len(rows) + len(errors), len(sources))
        if len(sources) == 1 and errors and not rows and isinstance(errors[sources[0]], InputError | UsageError):
            raise errors[sources[0]]
        return self._finish(sources, rows, errors)

    def _card(self, source: Source, errors: dict[Source, FancamError]) -> Json:
        """Return the manifest's row of a card; one that failed preflight is not written, and noted in ``errors``."""
        sha256 = sha256_of_file(source.path)
        made = self.designer(source)
        row = _row(made, sha256)
        try:
            require_passed(made.checks, force=self.force and not self.check_only)
        except PreflightError as error:
            errors[source] = _named(error, source.path)
            return row
        if not self.check_only:
            with self.watch("write"):
                written = self._written(made)
            row["card"]["warnings"] += written.pop("warnings", [])
            row["card"] |= written
        return row

    # --- writing -----------------------------------------------------------------------------------------------

    def _written(self, made: FinishedCard) -> Json:
        stem = made.source.stem
        row = self._side(made, made.front, stem)
        row["back"] = None if made.back is None else self._side(made, made.back, f"{stem}{BACK_SUFFIX}")
        row["proof"] = row["mockup"] = row["guides"] = row["cut"] = None
        screen, geometry, radius_mm = made.front.screen, made.geometry, made.size.corner_radius_mm
        if self.extras.proof:
            row["proof"] = self._extra("proofs", f"{stem}.png", self.designer.proof(made.front), geometry.dpi)
        if self.extras.mockup:
            picture = mockup(screen, geometry, corner_radius_mm=radius_mm, width_px=_MOCKUP_WIDTH_PX)
            row["mockup"] = self._extra("mockups", f"{stem}.png", picture, 96)
        if self.extras.guides:
            picture = safe_zone_overlay(
                screen, geometry, safe_mm=self.designer.printer.safe_mm, corner_radius_mm=radius_mm, faces=made.faces,
                text_boxes=made.front.text_boxes,
            )  # fmt: skip
            row["guides"] = self._extra("guides", f"{stem}.png", picture, geometry.dpi)
        if self.extras.cut:
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
        workspace.record(stem, f"picture {stem}", row)
        return row | ({"warnings": list(saved.warnings)} if saved.warnings else {})

    def _extra(self, folder: str, name: str, picture: Samples, dpi: float) -> str:
        workspace = self.workspace
        path = workspace.folder / folder / name
        workspace.make_parent(path)
        metadata = pictures.PictureMetadata(
            software=f"fancam {__version__}", description="For the screen, not to print"
        )
        pictures.save_picture(path, picture, dpi=dpi, metadata=metadata)
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

    def _refuse_overwriting(self, sources: Sequence[Source]) -> None:
        inputs = {source.path.resolve() for source in sources}
        for source in sources:
            for stem in (source.stem, f"{source.stem}{BACK_SUFFIX}"):
                path = self.workspace.picture_path(stem, f".{self.format}")
                if path.resolve() in inputs:
                    raise UsageError("the card would replace an input", item=path, remedy="choose another --out")

    def _finish(
        self, sources: Sequence[Source], rows: dict[Source, Json], errors: dict[Source, FancamError]
    ) -> RunResult:
        done = [source for source in sources if source in rows]
        cards = [{"input": index, **rows[source]["card"]} for index, source in enumerate(done)]
        failed = [errors[source] for source in sources if source in errors]
        written = sum(card["path"] is not None for card in cards)
        document = manifest.document(
            version=__version__,
            verb="card",
            settings=self.settings.as_dict(),
            inputs=[{"path": str(source.path), **rows[source]["input"]} for source in done],
            picks=[],
            failures=[failure_values(error, _stage(error)) for error in failed],
            timings_s=self.watch.seconds,
            cards=cards,
            warnings=[],
        )
        if not self.check_only and written:
            sides = [side for card in cards if card["path"] for side in (card, card["back"]) if side]
            changed = self.workspace.remove_stale({side["path"] for side in sides})
            document["warnings"] = [f"{path}: left in place, it was changed since it was made" for path in changed]
            self.workspace.write_manifest(document)
        passed = len(cards) - len([error for error in failed if isinstance(error, PreflightError)])
        return RunResult(document, exit_code(passed if self.check_only else written, failed), failed)


def _row(made: FinishedCard, sha256: str) -> Json:
    """Return what is known of a card before it is written."""
    geometry, crop = made.geometry, made.crop
    return {
        "input": {"sha256": sha256, "width": made.width, "height": made.height, "warnings": []},
        "card": {
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
            "effective_ppi": round(made.effective_ppi, 1),
            "invented": made.origin.invented,
            "faces": [face.as_list() for face in made.faces],
            "checks": [dataclasses.asdict(check) for check in made.checks],
            "warnings": list(made.warnings),
        },
    }


def _provenance(made: FinishedCard) -> Provenance:
    """Return what a card says about itself, on top of what its picture said."""
    geometry, ppi = made.geometry, made.effective_ppi
    return made.origin.card_of(
        made.source.path.name,
        effective_ppi=ppi,
        scale=geometry.dpi / ppi,
        bleed_share=made.bleed_share,
        card=geometry,
        ink_percent=made.ink_percent,
        face_boxes_mm=boxes_mm(made.faces, geometry),
    )


def _named(error: FancamError, path: Path) -> FancamError:
    """Return the error with the picture it happened to, where it names nothing."""
    return error if error.item is not None else type(error)(error.cause, item=path, remedy=error.remedy)


def _stage(error: FancamError) -> str:
    return "preflight" if isinstance(error, PreflightError) else "card"
