"""Opening a file with libav: every failure becomes one error that names the file, the cause and the remedy."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import av
import av.error
from av.container import InputContainer
from av.video.stream import VideoStream

from fancam.errors import (
    FancamError,
    InputError,
    InputNotFoundError,
    InputUnreadableError,
    NotMediaError,
    NoVideoStreamError,
    TruncatedInputError,
    UnsupportedMediaError,
)

MAX_THREADS = 8
"""Each decoding thread keeps frames of its own; beyond this the memory grows and the speed hardly does."""

FEW_FRAMES_SHARE = 0.25
"""A stream with less than this share of another one's frames is a track of stills."""

_NOT_A_FILM = frozenset({"tty", "image2", "image2pipe", "ico", "aa", "txd"})
"""Demuxers that open stills or plain text as if they were films."""

_STILL_BRANDS = frozenset({"heic", "heix", "heim", "heis", "mif1", "avif"})
"""Major brands of ISO media files that hold a still (ISO/IEC 23008-12)."""


def thread_count(threads: int | None) -> int:
    """Return how many threads the decoder gets: as asked, else one per processor within a bound."""
    return max(1, threads) if threads is not None else min(os.cpu_count() or 1, MAX_THREADS)


@contextmanager
def opened(path: Path) -> Iterator[InputContainer]:
    """Open a media file and close it again.

    Only local files are read: a playlist cannot make the decoder fetch something from elsewhere.

    Raises:
        InputNotFoundError: There is no such file.
        InputUnreadableError: It is a folder, or may not be read.
        NotMediaError: It is no media file, or is too damaged to be recognised.
        TruncatedInputError: Its index is missing because the end of the file is.
        UnsupportedMediaError: This build has no demuxer for it.
    """
    _check_readable(path)
    try:
        # The prefix keeps a name such as "concat:a" from being read as a protocol.
        container = av.open(f"file:{path}", metadata_errors="replace", options={"protocol_whitelist": "file"})
    except (av.error.FFmpegError, OSError, ValueError) as error:
        raise explained(error, path) from error
    with container:
        yield container


def _check_readable(path: Path) -> None:
    try:
        if path.is_dir():
            raise InputUnreadableError("is a folder, not a video", item=path, remedy="name the files in it")
        with path.open("rb") as file:
            first = file.read(1)
    except FileNotFoundError:
        raise InputNotFoundError("no such file", item=path, remedy="check the path") from None
    except PermissionError as error:
        raise InputUnreadableError("may not be read", item=path, remedy="check its permissions") from error
    except (OSError, ValueError) as error:
        raise InputUnreadableError(f"cannot be read: {error}", item=path, remedy="check the path") from error
    if not first:
        raise NotMediaError("the file is empty", item=path, remedy="copy or download it again")


def explained(error: Exception, path: Path) -> FancamError:
    """Return the error of fancam's own that says what a libav error means for this file.

    The most specific case comes first; what is left is reported in libav's words.
    """
    if isinstance(error, FancamError):
        return error
    log = getattr(error, "log", None)
    words = f"{error} {log}".lower()
    if "moov atom not found" in words or _mp4_without_index(path):
        return TruncatedInputError(
            "the index of the file is missing: it was cut off while it was copied, downloaded or recorded",
            item=path,
            remedy="copy or download it again",
        )
    if isinstance(error, av.error.FileNotFoundError):
        return InputNotFoundError("no such file", item=path, remedy="check the path")
    if isinstance(error, av.error.PermissionError):
        return InputUnreadableError("may not be read", item=path, remedy="check its permissions")
    if isinstance(error, av.error.IsADirectoryError):
        return InputUnreadableError("is a folder, not a video", item=path, remedy="name the files in it")
    if isinstance(error, av.error.DecoderNotFoundError | av.error.DemuxerNotFoundError | av.error.PatchWelcomeError):
        return UnsupportedMediaError(
            "this build cannot decode the format", item=path, remedy="convert it to H.264 in MP4"
        )
    if isinstance(error, av.error.InvalidDataError | av.error.EOFError):
        return NotMediaError("is not a video that can be read", item=path, remedy="check that the file is whole")
    return InputError(f"cannot be read: {error}", item=path, remedy="check that the file is whole")


def _mp4_without_index(path: Path) -> bool:
    """Whether the file is an MP4 or QuickTime file whose boxes hold no ``moov`` (ISO/IEC 14496-12, 4.2)."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            position, seen = 0, set[bytes]()
            while position + 8 <= size and len(seen) < 64:
                file.seek(position)
                header = file.read(16)
                length, kind = int.from_bytes(header[:4], "big"), header[4:8]
                if length == 1:
                    length = int.from_bytes(header[8:16], "big")
                seen.add(kind)
                if length < 8:
                    break
                position += length
    except OSError:
        return False
    return b"ftyp" in seen and b"moov" not in seen and b"mdat" in seen


def moving_streams(container: InputContainer) -> list[VideoStream]:
    """Return the video streams that can be decoded and are no cover art, the best one first.

    The largest picture is the best, unless its stream has few frames beside another one: phones keep a track of a few
    large stills in the same file.
    """
    streams = [s for s in container.streams.video if _moves(s)]
    most = max((s.frames for s in streams), default=0)
    return sorted(streams, key=lambda s: (0 < s.frames < FEW_FRAMES_SHARE * most, -s.width * s.height, s.index))


def _moves(stream: VideoStream) -> bool:
    if stream.codec_context is None or stream.width <= 0 or stream.height <= 0:
        return False
    return not stream.disposition & av.stream.Disposition.attached_pic


def is_film(container: InputContainer) -> bool:
    """Whether an opened file is a moving picture, and not a still or text that libav can also open."""
    names = set(container.format.name.split(","))
    if names & _NOT_A_FILM or any(name.endswith("_pipe") for name in names):
        return False
    if container.metadata.get("major_brand", "").strip() in _STILL_BRANDS:
        return False
    streams = moving_streams(container)
    return bool(streams) and not (names & {"gif", "apng"} and streams[0].frames == 1)


def chosen_stream(container: InputContainer, path: Path, stream: int | None) -> VideoStream:
    """Return the stream with this index in the container, or the largest one.

    Raises:
        NotMediaError: The file is a still or text.
        NoVideoStreamError: There is no video stream, or not with this index.
        UnsupportedMediaError: There is one, and this build has no decoder for it.
    """
    streams = moving_streams(container)
    if not streams:
        if any(s.codec_context is None for s in container.streams.video):
            raise UnsupportedMediaError(
                "this build has no decoder for the video", item=path, remedy="convert it to H.264 in MP4"
            )
        raise NoVideoStreamError("holds no video", item=path, remedy="give a file that has a picture")
    if not is_film(container):
        raise NotMediaError("is not a video", item=path, remedy="give pictures as pictures (PNG, JPEG, WebP …)")
    if stream is None:
        return streams[0]
    for candidate in streams:
        if candidate.index == stream:
            return candidate
    valid = ", ".join(f"{s.index} ({s.width}x{s.height})" for s in sorted(streams, key=lambda s: s.index))
    raise NoVideoStreamError(f"has no video stream {stream}", item=path, remedy=f"valid: {valid}")
