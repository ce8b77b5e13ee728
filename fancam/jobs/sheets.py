"""The jobs of ``sheet``: finished cards on paper, checked, as a PDF; how a printer lays the back of a sheet."""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fancam import __version__, pictures
from fancam.cards import CardFacts, check_card
from fancam.errors import ExitCode, PreflightError, UsageError
from fancam.files import printable, replace_file, sha256_of_file
from fancam.geometry import PPI_DIGITS
from fancam.jobs.card_files import CardFiles, find_cards, sheet_cards
from fancam.jobs.frame import Paths, Stopwatch, as_paths
from fancam.jobs.manifest import Failure, RunResult
from fancam.media import Progress, no_progress
from fancam.paper import Check, limits, paper_size, require_passed
from fancam.provenance import Provenance
from fancam.report import write_screen_picture
from fancam.settings import Settings
from fancam.sheets import (
    PdfFile,
    calibration_distance_mm,
    check_sheet,
    offset_from_readings,
    plan_calibration,
    plan_sheet,
    plan_single,
    preview_cut,
    preview_printed,
    write_cut,
    write_pdf,
)
from fancam.sheets.plan import SheetCard, SheetPlan

Json = dict[str, Any]

_PREVIEW_DPI = 150.0


@dataclass(frozen=True, slots=True)
class SheetExtras:
    """What is written beside the PDF."""

    cut: bool = False
    """The cut paths as SVG and DXF."""
    preview: bool = False
    """The pages as printed and as cut."""


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
    settings = settings or Settings()
    if isinstance(copies, int):
        settings = dataclasses.replace(settings, sheet=dataclasses.replace(settings.sheet, copies=copies))
        copies = None
    job = SheetRun(settings, Path(out), extras=extras or SheetExtras(), progress=progress)
    result = job(
        as_paths(cards), size=size, copies=copies or (), back=None if back is None else Path(back),
        check_only=check_only, force=force,
    )  # fmt: skip
    if raises and result.errors:
        raise result.errors[0]
    return result


class SheetRun:
    """Lays finished cards on paper; the arguments are those of ``make_sheet``."""

    def __init__(self, settings: Settings, out: Path, *, extras: SheetExtras, progress: Progress) -> None:
        self.settings = settings
        self.out = pdf_path(out)
        self.extras = extras
        self.progress = progress
        self.watch = Stopwatch()
        self.printer = limits(settings.design, settings.press)
        profile = settings.press.profile
        self.press = None if profile is None else pictures.read_press_profile(Path(profile))

    def __call__(
        self, inputs: Sequence[Path], *, size: str | None, copies: Sequence[int], back: Path | None,
        check_only: bool, force: bool,
    ) -> RunResult:  # fmt: skip
        """Plan, check and write; empty copies are the settings' number of each."""
        files = find_cards(inputs, back=back, copies=copies)
        if any(self.out.resolve() == path.resolve() for one in files for path in (one.front, one.back) if path):
            raise UsageError("the PDF would replace an input", item=self.out, remedy="choose another --out")
        with self.watch("plan"):
            cards = sheet_cards(files, self.settings.card, size)
            plan = self._plan(cards)
            facts = [self._facts(card) for card in cards]
            checks = [check for card in facts for check in check_card(card, self.printer)]
            checks += check_sheet(plan, cards, {card.name: card.facts for card in facts}, self.printer)
        details, warnings = _details(plan, checks), list(plan.notes)
        failures: list[Failure] = []
        try:
            require_passed(checks, force=force and not check_only)
        except PreflightError as error:
            failures.append(Failure(error, "preflight"))
        else:
            if check_only:
                self._look_inside(files)
            else:
                self._write(plan, facts, details, warnings)
        return RunResult(
            verb="sheet", settings=self.settings.as_dict(), inputs=tuple(map(_input, files, cards)),
            exit_code=ExitCode.PREFLIGHT_FAILED if failures else ExitCode.OK, failures=tuple(failures),
            timings_s=self.watch.seconds, details=details, warnings=tuple(warnings),
        )  # fmt: skip

    def _look_inside(self, files: Sequence[CardFiles]) -> None:
        """Read every picture to its end, as writing does: a damaged one is an error before the day of printing."""
        with self.watch("look"):
            for path in dict.fromkeys(path for one in files for path in (one.front, one.back) if path is not None):
                pictures.embeddable(path)

    def _plan(self, cards: Sequence[SheetCard]) -> SheetPlan:
        layout = self.settings.sheet.layout
        single = (self.printer.layout if layout == "auto" else layout) == "single"
        return (plan_single if single else plan_sheet)(cards, self.settings.sheet)

    # --- writing -----------------------------------------------------------------------------------------------

    def _write(self, plan: SheetPlan, cards: Sequence[CardFacts], details: Json, warnings: list[str]) -> None:
        about: dict[str, Any] = {
            "version": __version__,
            "cards": [card.name for card in cards],
            "least_effective_ppi": min(card.effective_ppi or 0.0 for card in cards),
            "invented": any(card.invented for card in cards),
            "printer": self.printer.name,
        }
        with self.watch("write"), self._pressed(plan) as pressed:
            file = write_pdf(
                pressed, self.out, title=f"{self.out.stem}: {len(cards)} cards", software=f"fancam {__version__}",
                output_profile=None if self.press is None else self.press.data, fields=about,
                progress=self.progress,
            )  # fmt: skip
        details["pdf"] = {"path": printable(file.path), "sha256": file.sha256, "pages": file.pages,
                           "size_bytes": file.size_bytes}  # fmt: skip
        warnings += [*file.notes, *_assumed(file)]
        if self.extras.cut:
            details["cut"] = self._cut(plan)
        if self.extras.preview:
            with self.watch("preview"):
                details["preview"] = self._preview(plan)

    @contextmanager
    def _pressed(self, plan: SheetPlan) -> Iterator[SheetPlan]:
        """Yield the plan with its pictures in the colours of the press, made for the time of writing.

        Pictures that carry this very profile are printed as they are.
        """
        if self.press is None:
            yield plan
            return
        with tempfile.TemporaryDirectory() as folder:
            copies: dict[Path, Path] = {}
            for page in plan.pages:
                for placement in page.placements:
                    if placement.picture not in copies:
                        copies[placement.picture] = self._press_copy(placement.picture, Path(folder), len(copies))
            pages = [
                dataclasses.replace(page, placements=tuple(
                    dataclasses.replace(one, picture=copies[one.picture]) for one in page.placements
                ))
                for page in plan.pages
            ]  # fmt: skip
            yield dataclasses.replace(plan, pages=tuple(pages))

    def _press_copy(self, path: Path, folder: Path, number: int) -> Path:
        assert self.press is not None
        if pictures.embeddable(path).profile == self.press.data:
            return path
        still = pictures.open_picture(path)
        settings = self.settings.press
        # What is transparent is paper: laid on white, which is done in sRGB.
        source = (still.colour, still.profile) if still.alpha is None else (still.srgb(), None)
        pixels = pictures.to_press(
            *source, self.press, intent=settings.intent, black_point=settings.black_point == "on"
        )
        copy = folder / f"{number:05d}.tif"
        pictures.save_picture(
            copy, pixels, dpi=300, profile=self.press.data, cmyk=self.press.space == "cmyk",
            metadata=pictures.PictureMetadata(),
        )  # fmt: skip
        return copy

    def _cut(self, plan: SheetPlan) -> list[Json]:
        found = []
        for number, sheet in enumerate(plan.cuts, start=1):
            written = write_cut(sheet, self._beside(f"cut-{number}" if len(plan.cuts) > 1 else "cut"))
            found.append({"pages": list(sheet.pages), **{ending: str(path) for ending, path in written.items()}})
        return found

    def _preview(self, plan: SheetPlan) -> list[str]:
        found = []
        for name, pages in (
            ("printed", preview_printed(self.out, _PREVIEW_DPI)),
            ("cut", preview_cut(self.out, plan, _PREVIEW_DPI)),
        ):
            for number, picture in enumerate(pages, start=1):
                path = self._beside(f"{name}-{number}.png")
                write_screen_picture(path, picture, dpi=_PREVIEW_DPI)
                found.append(str(path))
                self.progress("preview", number, len(plan.pages))
        return found

    def _beside(self, ending: str) -> Path:
        return self.out.with_name(f"{self.out.stem}.{ending}")

    # --- facts -------------------------------------------------------------------------------------------------

    def _facts(self, card: SheetCard) -> CardFacts:
        """Return what preflight looks at: the card as it will stand in the PDF."""
        file = pictures.open_picture(card.front).facts
        origin = Provenance.from_xmp(file.xmp)
        if self.press is not None:
            file = dataclasses.replace(
                file, space=self.press.space, profile_space=self.press.space, is_srgb=False,
                profile_description=self.press.description,
            )  # fmt: skip
        facts = CardFacts(
            name=card.name,
            facts=file,
            width_mm=card.width_mm,
            height_mm=card.height_mm,
            bleed_mm=card.bleed_mm,
            bleed_share=1.0 if origin.bleed_share is None else origin.bleed_share,
            effective_ppi=origin.effective_ppi,
            true_scale=origin.true_scale,
            faces=origin.faces_in(*file.size_px),
            ink_percent=origin.ink_percent if file.space == "cmyk" else None,
            invented=origin.invented,
        )
        if facts.effective_ppi is None:
            facts = dataclasses.replace(facts, effective_ppi=round(facts.dpi_at_size / origin.enlargement, PPI_DIGITS))
        return facts


def _input(files: CardFiles, card: SheetCard) -> Json:
    """Return the manifest's row of a card that is printed."""
    back = None if files.back is None else printable(files.back)
    return {"path": printable(files.front), "sha256": sha256_of_file(files.front), "back": back,
            "width_mm": card.width_mm, "height_mm": card.height_mm, "bleed_mm": card.bleed_mm, "copies": card.copies,
            "warnings": []}  # fmt: skip


def _details(plan: SheetPlan, checks: Sequence[Check]) -> Json:
    fronts = [page for page in plan.pages if not page.is_back]
    return {
        "sheet": {"paper": plan.paper.title, "width_mm": plan.pages[0].width_mm, "height_mm": plan.pages[0].height_mm,
                  "columns": plan.columns, "rows": plan.rows, "per_page": plan.per_page, "turned": plan.turned,
                  "pages": len(plan.pages), "cards": sum(len(page.placements) for page in fronts)},
        "checks": [dataclasses.asdict(check) for check in checks],
        "pdf": None, "cut": [], "preview": [],
    }  # fmt: skip


def pdf_path(path: Path) -> Path:
    """Return the path of a PDF.

    Raises:
        UsageError: It does not end in ``.pdf``.
    """
    if path.suffix.lower() != ".pdf":
        raise UsageError("a sheet is written as PDF", item=path, remedy="give -o a name that ends in .pdf")
    return path


def _assumed(file: PdfFile) -> list[str]:
    """Return what had to be assumed of pictures, each sentence once however many it is about."""
    lines = []
    for text, (first, *others) in file.assumed.items():
        more = f" and {len(others)} more" if others else ""
        lines.append(f"{first.name}{more}: {text}")
    return lines


# --- the back of a sheet ------------------------------------------------------------------------------------------


def calibrate_printer(out: Path | str, settings: Settings | None = None) -> RunResult:
    """Write the two pages that measure how a printer lays the back of a sheet.

    Raises:
        FancamError: The paper is unknown or too small, or the PDF cannot be written.
    """
    settings = settings or Settings()
    path, chosen = pdf_path(Path(out)), settings.sheet
    paper = paper_size(chosen.paper)
    plan = plan_calibration(paper, chosen)
    file = write_pdf(plan, path, title=f"Calibration, {paper.title}", software=f"fancam {__version__}")
    lying = "" if chosen.orientation == "auto" else f" --orientation {chosen.orientation}"
    again = f"fancam sheet --readings LX,LY,RX,RY --paper {chosen.paper}{lying} --duplex {chosen.duplex} -o PRINTER.pdf"
    steps = [f"print both sides of {path} at 100 %, hold it against a lamp, read it as it says, then:", again]
    return _result(settings, pdf={"path": printable(path), "sha256": file.sha256}, next=steps)


def correct_printer(
    out: Path | str, settings: Settings, left: tuple[float, float], right: tuple[float, float]
) -> RunResult:
    """Write the TOML file that undoes what a calibration page showed: x and y in mm, read on the left and the right.

    Raises:
        UsageError: The readings mean more than can be corrected.
        OutputError: The file cannot be written.
    """
    paper = paper_size(settings.sheet.paper)
    offset = offset_from_readings(left, right, calibration_distance_mm(paper))
    x_mm, y_mm, angle_deg = round(offset.x_mm, 3), round(offset.y_mm, 3), round(offset.angle_deg, 4)
    # Making the settings says what is out of range.
    dataclasses.replace(settings.sheet, back_x_mm=x_mm, back_y_mm=y_mm, back_angle_deg=angle_deg)
    values = {"back_x_mm": x_mm, "back_y_mm": y_mm, "back_angle_deg": angle_deg}
    lying = "landscape" if settings.sheet.orientation == "landscape" else "portrait"
    lines = [
        f"# How this printer lays the back of a {lying} sheet; use it with --config.",
        "# Sheets that lie otherwise need a calibration of their own: they go through the printer the other way.",
        "[sheet]",
        f'duplex = "{settings.sheet.duplex}"',
        *(f"{name} = {value}" for name, value in values.items()),
    ]
    out = Path(out)
    replace_file(out, ("\n".join(lines) + "\n").encode())
    steps = [
        f"{out} moves the back by {x_mm:g} mm to the right and {y_mm:g} mm down, and turns it by {angle_deg:g} degrees",
        f"print with: fancam sheet CARDS --config {out}",
    ]
    return _result(settings, config=printable(out), offset=values, next=steps)


def _result(settings: Settings, **details: Any) -> RunResult:
    return RunResult(verb="sheet", settings=settings.as_dict(), exit_code=ExitCode.OK, details=details)
