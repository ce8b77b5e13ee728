"""Opening a file with libav: every failure becomes one error that names the file, the cause and the remedy."""

from __future__ import annotations

import math
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
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
from fancam.geometry import Orientation
from fancam.media import VideoInfo

MAX_THREADS = 8
"""Each decoding thread keeps frames of its own; beyond this the memory grows and the speed hardly does."""

FEW_FRAMES_SHARE = 0.25
"""A stream with less than this share of another one's frames is a track of stills."""

_NOT_A_FILM = frozenset({"tty", "image2", "image2pipe", "ico", "aa", "txd"})
"""Demuxers that open stills or plain text as if they were films."""

NO_TIMESTAMPS = 0x80
"""AVFMT_NOTIMESTAMPS (libavformat/avformat.h): a raw stream, which does not say when a frame is shown."""

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


def has_times(container: InputContainer) -> bool:
    """Whether the frames of an opened file state when they are shown; those of a raw stream do not."""
    return not container.format.flags & NO_TIMESTAMPS


def is_film(container: InputContainer) -> bool:
    """Whether an opened file is a moving picture, and not a still or text that libav can also open."""
    names = set(container.format.name.split(","))
    if names & _NOT_A_FILM or any(name.endswith("_pipe") for name in names):
        return False
    # A raw stream has no header: libav takes an archive with photos in it for one. So the name has to agree.
    if not has_times(container) and Path(container.name).suffix.lower().lstrip(".") not in container.format.extensions:
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


MIN_MISSING_S = 1.0
MIN_MISSING_SHARE = 0.05
"""A header is often wrong by a few frames; what is missing must be more than a second and 5 %."""


def truncation_warning(stream: VideoStream, info: VideoInfo, end_time_s: float) -> str | None:
    """Return the warning that a file was cut off, or None where it is whole as far as can be told.

    The stated duration alone is not trusted, as edit lists and other streams make it longer than the picture is.
    Where there is an index, it must point beyond the end of the file; where only the whole file has a duration, no
    other stream may reach it either.
    """
    stated = info.duration_s
    if stated is None or stated - end_time_s <= max(MIN_MISSING_S, MIN_MISSING_SHARE * stated):
        return None
    if _index_is_whole(stream, info) or (not stream.duration and _another_stream_goes_on(info, end_time_s)):
        return None
    return f"the file ends at {end_time_s:.1f} s of the stated {stated:.1f} s: it was cut off; what is there is used"


def _index_is_whole(stream: VideoStream, info: VideoInfo) -> bool:
    """Whether a full index (MP4) lies wholly inside the file."""
    if not info.container.startswith("mov") or not stream.frames or not len(stream.index_entries):
        return False
    last = max(entry.pos + entry.size for entry in stream.index_entries)
    return last <= info.path.stat().st_size


def _another_stream_goes_on(info: VideoInfo, end_time_s: float) -> bool:
    """Whether a stream beside the picture comes near the stated end."""
    assert info.duration_s is not None
    goal = info.duration_s - max(MIN_MISSING_S, MIN_MISSING_SHARE * info.duration_s)
    with opened(info.path) as container:
        try:
            container.seek(int(end_time_s * av.time_base))
            for packet in container.demux():
                if packet.stream_index == info.stream or packet.pts is None:
                    continue
                start = container.start_time or 0
                if float(packet.pts * packet.time_base) - start / av.time_base >= goal:
                    return True
        except av.error.FFmpegError:
            return False
    return False


_MATRIX = struct.Struct("=9i")
MAX_ASPECT = Fraction(8)
"""A sample aspect ratio beyond this (or its inverse) is a broken header: real ones lie between 9:16 and 16:3."""


def orientation_from_matrix(data: bytes) -> tuple[Orientation, bool]:
    """Return how to turn a stored picture upright, and whether that is exact.

    The display matrix maps a stored point ``(x, y)``, y down, to ``(a x + c y, b x + d y)``; it is stored as nine
    native ``int32`` in row order ``a b u / c d v / x y w`` (libavutil/display.h; ISO/IEC 14496-12, 8.2.2). A negative
    determinant means that the picture is mirrored.

    Args:
        data: At least 36 bytes.

    Returns:
        The nearest orientation of whole quarter turns, and False where the matrix asks for another angle, or is
        degenerate (then it is ignored).
    """
    if len(data) < _MATRIX.size:
        return Orientation(), False
    a, b, _, c, d, *_ = _MATRIX.unpack_from(data)
    determinant = a * d - b * c
    if determinant == 0:
        return Orientation(), False
    mirrored = determinant < 0
    # The image of the stored x axis, the mirroring (which comes first) undone.
    x, y = (-a, -b) if mirrored else (a, b)
    turns = math.atan2(y, x) / (math.pi / 2)
    nearest = round(turns)
    return Orientation(nearest % 4, mirrored), abs(turns - nearest) < 0.01


def orientation_from_rotation(rotation_deg: float) -> Orientation:
    """Return the orientation for libav's rotation, which counts degrees counter-clockwise."""
    return Orientation(round(-rotation_deg / 90) % 4)


def usable_aspect_ratio(ratio: Fraction | None) -> Fraction:
    """Return the sample aspect ratio (width of a sample over its height), 1 where it is unknown or absurd."""
    if not ratio or ratio <= 0:  # None before PyAV 19, a falsy rational since
        return Fraction(1)
    ratio = Fraction(ratio.numerator, ratio.denominator)
    return ratio if 1 / MAX_ASPECT <= ratio <= MAX_ASPECT else Fraction(1)


def square_pixel_size(width: int, height: int, aspect_ratio: Fraction) -> tuple[int, int]:
    """Return the size with square pixels that keeps every stored sample: one side grows, none shrinks.

    Args:
        width: Stored width in samples.
        height: Stored height in samples.
        aspect_ratio: Width of a sample over its height.
    """
    if aspect_ratio >= 1:
        return round(width * aspect_ratio), height
    return width, round(height / aspect_ratio)


def upright_size(width: int, height: int, aspect_ratio: Fraction, orientation: Orientation) -> tuple[int, int]:
    """Return (width, height) of the picture as it is to be seen: square pixels first, then turned."""
    wide, high = square_pixel_size(width, height, aspect_ratio)
    return (high, wide) if orientation.swaps_sides else (wide, high)


KINDS = {
    "H.264": ("h264",),
    "HEVC": ("hevc",),
    "VP8": ("vp8", "libvpx"),
    "VP9": ("vp9", "libvpx-vp9"),
    "AV1": ("libdav1d", "libaom-av1", "av1"),
    "MPEG-2": ("mpeg2video",),
    "MPEG-4": ("mpeg4",),
    "ProRes": ("prores",),
    "VVC": ("vvc",),
    "GIF": ("gif",),
}
"""What fancams come in, and the decoders that do it."""


def codecs() -> dict[str, bool]:
    """Return each kind of video and whether a decoder for it is there."""
    return {kind: any(name in av.codecs_available for name in names) for kind, names in KINDS.items()}
