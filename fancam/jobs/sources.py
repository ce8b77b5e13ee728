"""What the inputs named on the command line are: a list of videos and photos, and what cannot be one."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fancam import __version__, pictures, video
from fancam.errors import FancamError, InputNotFoundError, InputUnreadableError, NotMediaError
from fancam.files import printable
from fancam.jobs.target import target
from fancam.jobs.workspace import distinct_stems
from fancam.paper import card_geometry, card_size
from fancam.settings import PhotoSettings, Settings

_VIDEO_SUFFIXES = {
    ".3gp", ".avi", ".flv", ".h264", ".h265", ".hevc", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".mts",
    ".mxf", ".ogv", ".ts", ".vob", ".webm", ".wmv",
}  # fmt: skip
_PHOTO_SUFFIXES = {
    ".avif", ".bmp", ".gif", ".heic", ".heif", ".jp2", ".jpeg", ".jpg", ".png", ".psd", ".tif", ".tiff", ".webp",
}  # fmt: skip
"""A file of such a name in a folder was meant, also where it cannot be read: its failure is said."""

Found = tuple[list[tuple[Path, bool]], list[FancamError]]
"""Paths with whether each is a video, and what went wrong with the inputs that have none."""


def find_media(inputs: Sequence[Path]) -> Found:
    """Return the videos and photos named, a folder standing for the media files directly in it, sorted by name.

    A file that is named is always returned, whatever it holds; reading it tells what is wrong with it. Of a folder,
    files are returned that begin as a video or a photo does, or are named as one.
    """
    return _found(inputs, videos=True)


def find_pictures(inputs: Sequence[Path]) -> Found:
    """Return the pictures named, a folder standing for the pictures directly in it; otherwise as ``find_media``."""
    return _found(inputs, videos=False)


def _found(inputs: Sequence[Path], *, videos: bool) -> Found:
    found: list[tuple[Path, bool]] = []
    failed: list[FancamError] = []
    for path in inputs:
        try:
            found += _in_folder(path, videos=videos) if _is_folder(path) else [(path, videos and _is_video(path))]
        except FancamError as error:
            failed.append(error)
    return found, failed


def _is_folder(path: Path) -> bool:
    """Whether it is a folder.

    Raises:
        InputNotFoundError: It does not exist.
        InputUnreadableError: It may not be looked at.
    """
    try:
        path.stat()
        return path.is_dir()
    except FileNotFoundError:
        if re.match(r"[A-Za-z][A-Za-z0-9+.-]+:/", str(path)):
            raise InputNotFoundError("is an address, not a file", item=path, remedy="download it first") from None
        raise InputNotFoundError("no such file or folder", item=path, remedy="check the path") from None
    except OSError as error:
        cause = f"cannot be read ({error.strerror or error})"
        raise InputUnreadableError(cause, item=path, remedy="check its name and that you may read it") from error


def _is_video(path: Path) -> bool:
    return not pictures.looks_like_picture(path)


def _in_folder(folder: Path, *, videos: bool) -> list[tuple[Path, bool]]:
    try:
        entries = [path for path in sorted(folder.iterdir()) if path.is_file() and not path.name.startswith(".")]
    except OSError as error:
        cause = f"the folder cannot be read ({error.strerror or error})"
        raise InputUnreadableError(cause, item=folder, remedy="check that you may read it") from error
    kinds = [(path, kind) for path in entries if (kind := _media_kind(path)) is not None]
    media = [(path, kind == "video") for path, kind in kinds if videos or kind == "photo"]
    if not media:
        what = "no video and no photo" if videos else "no picture"
        raise NotMediaError(f"the folder holds {what}", item=folder, remedy="name another folder")
    return media


def _media_kind(path: Path) -> str | None:
    """Return what a file of a folder is, or was meant to be."""
    suffix = path.suffix.lower()
    if pictures.looks_like_picture(path):
        return "photo"
    if video.looks_like_video(path) or suffix in _VIDEO_SUFFIXES:
        return "video"
    return "photo" if suffix in _PHOTO_SUFFIXES or suffix in pictures.picture_suffixes() else None


def required(found: Found) -> list[tuple[Path, bool]]:
    """Return what was found.

    Raises:
        FancamError: The first of what went wrong.
    """
    media, failed = found
    for error in failed:
        raise error
    return media


def plan(inputs: Sequence[Path], settings: Settings, *, stream: int | None = None) -> dict[str, Any]:
    """Return what a run would do, without decoding more than a first frame and without writing.

    Raises:
        FancamError: An input cannot be used.
    """
    geometry = card_geometry(settings.card)
    rows: list[dict[str, Any]] = []
    for path, is_video in required(find_media(inputs)):
        if is_video:
            info = video.open_video(path, stream=stream).info
            rows.append({"path": printable(path), "kind": "video", "width": info.width, "height": info.height,
                         "duration_s": info.duration_s, "frames_expected": info.frames_expected,
                         "cards_at_most": settings.pick.top, "warnings": list(info.warnings)})  # fmt: skip
        else:
            frame = pictures.read_picture(path)
            rows.append({"path": printable(path), "kind": "photo", "width": frame.width, "height": frame.height,
                         "cards_at_most": None, "warnings": []})  # fmt: skip
    card = {"width_px": geometry.width_px, "height_px": geometry.height_px, "dpi": round(geometry.dpi, 3)}
    return _plan("run", settings, inputs=rows, card=card)


def plan_enhance(inputs: Sequence[Path], settings: Settings) -> dict[str, Any]:
    """Return what ``enhance`` would do, without enlarging and without writing.

    Raises:
        FancamError: An input cannot be used, or its result could not be written.
    """
    rows: list[dict[str, Any]] = []
    paper = None if settings.photo.size is None else card_size(settings.photo.size)
    paths = [path for path, _ in required(find_pictures(inputs))]
    for path, stem in zip(paths, distinct_stems(paths), strict=True):
        still = pictures.open_picture(path)
        aim = target(
            still.width, still.height, settings.photo,
            paper_mm=None if paper is None else (paper.width_mm, paper.height_mm),
            dpi=None if still.dpi is None else still.dpi[0],
        )  # fmt: skip
        output = f"{stem}{output_ending(path, settings.photo)}"
        pictures.check_writable(Path(output), aim.width_px, aim.height_px)
        rows.append({"path": printable(path), "width": still.width, "height": still.height, "output": output,
                     **aim.as_values(), "warnings": list(still.warnings)})  # fmt: skip
    return _plan("enhance", settings, pictures=rows)


def _plan(verb: str, settings: Settings, **more: Any) -> dict[str, Any]:
    return {"fancam": __version__, "verb": verb, "dry_run": True, "settings": settings.as_dict(), **more}


def output_ending(path: Path, settings: PhotoSettings) -> str:
    """Return the ending of a result, with its dot: as it came, or png where that format cannot be written."""
    if settings.format != "same":
        return f".{settings.format.lower().lstrip('.')}"
    ending = path.suffix.lower()
    return ending if ending in pictures.writable_suffixes() else ".png"
