"""What the inputs named on the command line are: a list of videos and photos, and what cannot be one."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from fancam import pictures, video
from fancam.errors import FancamError, InputNotFoundError, InputUnreadableError, NotMediaError
from fancam.settings import PhotoSettings

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
    return _found(inputs, ("video", "photo"))


def find_videos(inputs: Sequence[Path]) -> Found:
    """Return the videos named, a folder standing for the videos directly in it; otherwise as ``find_media``.

    A photo that is named is an error: it has one moment only.
    """
    found, failed = _found(inputs, ("video",))
    for path, is_video in found:
        if not is_video:
            remedy = "fancam run makes cards of its faces, fancam enhance enlarges it"
            failed.append(NotMediaError("is a photo: there is no moment to pick", item=path, remedy=remedy))
    return [one for one in found if one[1]], failed


def find_pictures(inputs: Sequence[Path]) -> Found:
    """Return the pictures named, a folder standing for the pictures directly in it; otherwise as ``find_media``."""
    return _found(inputs, ("photo",))


def _found(inputs: Sequence[Path], kinds: Sequence[str]) -> Found:
    found: list[tuple[Path, bool]] = []
    failed: list[FancamError] = []
    for path in inputs:
        try:
            found += _in_folder(path, kinds) if _is_folder(path) else [(path, "video" in kinds and _is_video(path))]
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


def _in_folder(folder: Path, kinds: Sequence[str]) -> list[tuple[Path, bool]]:
    try:
        entries = [path for path in sorted(folder.iterdir()) if path.is_file() and not path.name.startswith(".")]
    except OSError as error:
        cause = f"the folder cannot be read ({error.strerror or error})"
        raise InputUnreadableError(cause, item=folder, remedy="check that you may read it") from error
    media = [(path, kind == "video") for path in entries if (kind := _media_kind(path)) in kinds]
    if not media:
        what = " and ".join(f"no {kind}" for kind in kinds) if "video" in kinds else "no picture"
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


def output_ending(path: Path, settings: PhotoSettings) -> str:
    """Return the ending of a result, with its dot: as it came, or png where that format cannot be written."""
    if settings.format != "same":
        return f".{settings.format.lower().lstrip('.')}"
    ending = path.suffix.lower()
    return ending if ending in pictures.writable_suffixes() else ".png"
