"""Finished cards on disk: which files are meant, which backs belong to them, how large they are on paper."""

from __future__ import annotations

import glob
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fancam import pictures
from fancam.cropping import compose
from fancam.errors import FancamError, InputNotFoundError, NotMediaError, UsageError
from fancam.geometry import MM_PER_INCH, CardGeometry
from fancam.jobs.sources import find_pictures, required
from fancam.jobs.workspace import distinct_stems
from fancam.paper import CardSize, card_size, card_sizes
from fancam.provenance import Provenance
from fancam.settings import CardSettings
from fancam.sheets.plan import SheetCard

BACK_SUFFIX = "-back"
"""What the name of a back ends in, before the ending: NAME.png and NAME-back.png belong together."""
_SAME_ASPECT = 0.01
"""What rounding to pixels, and nothing that the eye sees, may change in the proportions of a back."""
_SAME_LENGTH_MM = 0.2
"""What rounding to pixels may change in a length; half a pixel at 72 dpi is less."""


@dataclass(frozen=True, slots=True)
class CardFiles:
    """A card on disk."""

    front: Path
    back: Path | None
    copies: int


def find_cards(inputs: Sequence[Path], *, back: Path | None = None, copies: Sequence[int] = ()) -> list[CardFiles]:
    """Return the cards named, in their order; a card that is named twice is printed twice.

    A folder that fancam has written stands for the cards of its manifest, another one for its pictures. A picture whose
    name ends in ``-back`` is no card where its front is there.

    Args:
        inputs: Card files and folders.
        back: Back of every card; None takes NAME-back.* beside NAME.*.
        copies: One number per card; empty for one of each.

    Raises:
        InputNotFoundError: A path does not exist.
        NotMediaError: A folder holds no picture.
        UsageError: There are not as many numbers of copies as cards.
    """
    if back is not None and not back.is_file():
        raise InputNotFoundError("no such file", item=back, remedy="check the path of --back")
    counts: dict[Path, int] = {}
    paths, failed = fronts(inputs)
    for error in failed:
        raise error
    for front in paths:
        counts[front] = counts.get(front, 0) + 1
    if copies and len(copies) != len(counts):
        raise UsageError(f"{len(copies)} numbers of copies for {len(counts)} cards", remedy="give one number per card")
    times = copies or [1] * len(counts)
    return [
        CardFiles(front, back or _back_beside(front), count * more)
        for (front, count), more in zip(counts.items(), times, strict=True)
    ]


def fronts(inputs: Sequence[Path]) -> tuple[list[Path], list[FancamError]]:
    """Return the files that are named, and for each folder the cards and pictures in it that are no backs.

    Returns:
        The files, and what is wrong with the inputs that have none.
    """
    found: list[Path] = []
    failed: list[FancamError] = []
    for path in inputs:
        is_own = (path / "manifest.json").is_file()
        try:
            files = _of_manifest(path) if is_own else [file for file, _ in required(find_pictures([path]))]
        except FancamError as error:
            failed.append(error)
            continue
        found += _without_backs(files) if is_own or files != [path] else files
    return found, failed


def _without_backs(files: Sequence[Path]) -> list[Path]:
    names = {file.stem for file in files}
    return [
        file for file in files if not (file.stem.endswith(BACK_SUFFIX) and file.stem.removesuffix(BACK_SUFFIX) in names)
    ]


def _of_manifest(folder: Path) -> list[Path]:
    """Return what the last call of a verb has made in the folder, and what it has left there of earlier ones."""
    try:
        document = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        rows = [row["card"] or row.get("frame") for row in document.get("picks", [])]
        rows += [*document.get("cards", []), *document.get("pictures", [])]
        names = [row["path"] for row in rows if row and row["path"]]
        written = [folder / name for name in dict.fromkeys([*names, *document.get("earlier", [])])]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise NotMediaError("its manifest.json cannot be read", item=folder, remedy="name the card files") from error
    if not all(path.resolve().is_relative_to(folder.resolve()) for path in written):
        raise NotMediaError("its manifest names files outside of it", item=folder, remedy="name the card files")
    if not written:
        raise NotMediaError("its manifest names no card", item=folder, remedy="name the card files")
    return written


def _back_beside(front: Path) -> Path | None:
    beside = sorted(front.parent.glob(f"{glob.escape(front.stem)}{BACK_SUFFIX}.*"))
    readable = [path for path in beside if path.suffix.lower() in pictures.picture_suffixes()]
    same_kind = [path for path in readable if path.suffix.lower() == front.suffix.lower()]
    return next(iter(same_kind or readable), None)


def sheet_cards(files: Sequence[CardFiles], settings: CardSettings, size: str | None) -> list[SheetCard]:
    """Return the cards with their sizes on paper.

    The size comes from what fancam wrote into the file; else from ``size`` or the settings, with the bleed that the
    file's resolution or its proportions tell.

    Args:
        files: From ``find_cards``.
        settings: Size and bleed where the file says nothing.
        size: As the user named it; None where they did not. A file that says otherwise is then an error.

    Raises:
        UsageError: A file has not the proportions of its size, or another size than the user named.
        InputError: A file cannot be read.
    """
    names = distinct_stems([one.front for one in files])
    return [_sheet_card(one, name, settings, size) for one, name in zip(files, names, strict=True)]


def _sheet_card(files: CardFiles, name: str, settings: CardSettings, size: str | None) -> SheetCard:
    facts = pictures.open_picture(files.front).facts
    named = card_size(size or settings.size)
    stated = Provenance.from_xmp(facts.xmp).card_in(*facts.size_px)
    if stated is not None:
        if size is not None and not _same_size(stated, named):
            raise UsageError(
                f"is a card of {stated.width_mm:g}x{stated.height_mm:g} mm, not {named.width_mm:g}x{named.height_mm:g}",
                item=files.front, remedy="leave out --size, or make it anew with fancam card --size",
            )  # fmt: skip
        geometry = stated
    else:
        geometry = _guessed(files.front, facts, named, settings.bleed_mm)
    if files.back is not None:
        _check_back(files.back, geometry)
    like = next((known for known in (named, *card_sizes().values()) if _same_size(geometry, known)), None)
    return SheetCard(
        name, files.front, geometry.width_mm, geometry.height_mm, geometry.bleed_mm, back=files.back,
        corner_radius_mm=0.0 if like is None else like.corner_radius_mm, copies=files.copies,
    )  # fmt: skip


def _check_back(path: Path, geometry: CardGeometry) -> None:
    """Refuse a back that would have to be stretched to lie behind its front.

    Raises:
        UsageError: It has other proportions than the front with its bleed.
        InputError: It cannot be read.
    """
    width_px, height_px = pictures.open_picture(path).facts.size_px
    aspect = geometry.outer_width_mm / geometry.outer_height_mm
    if abs(width_px / height_px / aspect - 1) > _SAME_ASPECT:
        raise UsageError(
            f"a back of {width_px}x{height_px} px does not fit a front of {geometry.outer_width_mm:g}x"
            f"{geometry.outer_height_mm:g} mm with its bleed",
            item=path, remedy="make it with fancam card, of the same size and bleed",
        )  # fmt: skip


def _guessed(path: Path, facts: pictures.PictureFacts, size: CardSize, bleed_mm: float) -> CardGeometry:
    """Return the geometry of a file that does not say it: by its resolution, else by its proportions."""
    across, down = size.width_mm, size.height_mm
    width_px, height_px = facts.size_px
    if (width_px > height_px) != (across > down):
        across, down = down, across
    if facts.dpi is not None:
        x_mm = (width_px / facts.dpi[0] * MM_PER_INCH - across) / 2
        y_mm = (height_px / facts.dpi[1] * MM_PER_INCH - down) / 2
        if abs(x_mm - y_mm) <= _SAME_LENGTH_MM and x_mm > -_SAME_LENGTH_MM:
            return CardGeometry(across, down, max(round((x_mm + y_mm) / 2, 1), 0.0), facts.dpi[0])
    geometry = CardGeometry(across, down, bleed_mm, width_px / (across + 2 * bleed_mm) * MM_PER_INCH)
    try:
        crop = compose(width_px, height_px, geometry, fit="exact")
    except UsageError as error:
        raise UsageError(error.cause, item=path, remedy="make it with fancam card, or name its --size") from None
    return geometry if crop.bleed_share > 0 else CardGeometry(across, down, 0.0, geometry.dpi)


def _same_size(geometry: CardGeometry, size: CardSize) -> bool:
    """Whether the two are the same card, upright or on its side."""
    return {geometry.width_mm, geometry.height_mm} == {size.width_mm, size.height_mm}
