"""What the inputs named on the command line are: a list of videos and photos."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fancam import __version__, pictures, video
from fancam.errors import InputNotFoundError, NotMediaError
from fancam.jobs.target import target
from fancam.jobs.workspace import distinct_stems
from fancam.paper import card_geometry, card_size
from fancam.settings import PhotoSettings, Settings


@dataclass(frozen=True, slots=True)
class Source:
    """One input file."""

    path: Path
    stem: str
    """Safe name, different from that of every other input of the run."""
    is_video: bool


def find_sources(inputs: Sequence[Path]) -> list[Source]:
    """Return the videos and photos named, a folder standing for the media files directly in it, sorted by name.

    A file that is named is always returned, whatever it holds; reading it tells what is wrong with it.

    Raises:
        InputNotFoundError: A path does not exist.
        NotMediaError: A folder holds no video and no photo.
    """
    paths: list[tuple[Path, bool]] = []
    for path in inputs:
        if not path.exists():
            raise InputNotFoundError("no such file or folder", item=path, remedy="check the path")
        if not path.is_dir():
            paths.append((path, not pictures.looks_like_picture(path)))
            continue
        media = [(p, kind) for p in sorted(path.iterdir()) if (kind := _media_kind(p)) is not None]
        if not media:
            raise NotMediaError("the folder holds no video and no photo", item=path, remedy="name another folder")
        paths.extend((p, kind == "video") for p, kind in media)
    stems = distinct_stems([path for path, _ in paths])
    return [Source(path, stem, is_video) for (path, is_video), stem in zip(paths, stems, strict=True)]


def find_pictures(inputs: Sequence[Path]) -> list[Source]:
    """Return the pictures named, a folder standing for the pictures directly in it, sorted by name.

    A file that is named is always returned, whatever it holds; reading it tells what is wrong with it.

    Raises:
        InputNotFoundError: A path does not exist.
        NotMediaError: A folder holds no picture.
    """
    paths: list[Path] = []
    for path in inputs:
        if not path.exists():
            raise InputNotFoundError("no such file or folder", item=path, remedy="check the path")
        found = [path]
        if path.is_dir():
            found = [one for one in sorted(path.iterdir()) if _media_kind(one) == "photo"]
            if not found:
                raise NotMediaError("the folder holds no picture", item=path, remedy="name another folder")
        paths.extend(found)
    return [Source(path, stem, False) for path, stem in zip(paths, distinct_stems(paths), strict=True)]


def _media_kind(path: Path) -> str | None:
    if not path.is_file() or path.name.startswith("."):
        return None
    if pictures.looks_like_picture(path):
        return "photo"
    return "video" if video.looks_like_video(path) else None


def plan(inputs: Sequence[Path], settings: Settings, *, stream: int | None = None) -> dict[str, Any]:
    """Return what a run would do, without decoding more than a first frame and without writing.

    Raises:
        FancamError: An input cannot be used.
    """
    geometry = card_geometry(settings.card)
    rows: list[dict[str, Any]] = []
    for source in find_sources(inputs):
        if source.is_video:
            info = video.open_video(source.path, stream=stream).info
            rows.append({"path": str(source.path), "kind": "video", "width": info.width, "height": info.height,
                         "duration_s": info.duration_s, "frames_expected": info.frames_expected,
                         "cards_at_most": settings.pick.top, "warnings": list(info.warnings)})  # fmt: skip
        else:
            frame = pictures.read_picture(source.path)
            rows.append({"path": str(source.path), "kind": "photo", "width": frame.width, "height": frame.height,
                         "cards_at_most": None, "warnings": []})  # fmt: skip
    return {
        "fancam": __version__,
        "verb": "run",
        "dry_run": True,
        "settings": settings.as_dict(),
        "inputs": rows,
        "card": {"width_px": geometry.width_px, "height_px": geometry.height_px, "dpi": round(geometry.dpi, 3)},
    }


def plan_enhance(inputs: Sequence[Path], settings: Settings) -> dict[str, Any]:
    """Return what ``enhance`` would do, without enlarging and without writing.

    Raises:
        FancamError: An input cannot be used.
    """
    rows: list[dict[str, Any]] = []
    paper = None if settings.photo.size is None else card_size(settings.photo.size)
    for source in find_pictures(inputs):
        still = pictures.open_picture(source.path)
        aim = target(
            still.width, still.height, settings.photo,
            paper_mm=None if paper is None else (paper.width_mm, paper.height_mm),
            dpi=None if still.dpi is None else still.dpi[0],
        )  # fmt: skip
        rows.append({"path": str(source.path), "width": still.width, "height": still.height,
                     "output": f"{source.stem}{output_ending(source.path, settings.photo)}", **aim.as_values(),
                     "warnings": list(still.warnings)})  # fmt: skip
    return {
        "fancam": __version__,
        "verb": "enhance",
        "dry_run": True,
        "settings": settings.as_dict(),
        "pictures": rows,
    }


def output_ending(path: Path, settings: PhotoSettings) -> str:
    """Return the ending of a result, with its dot: as it came, or png where that format cannot be written."""
    if settings.format != "same":
        return f".{settings.format.lower().lstrip('.')}"
    ending = path.suffix.lower()
    return ending if ending in pictures.writable_suffixes() else ".png"
