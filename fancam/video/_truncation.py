"""Whether a file ends before its header says so."""

from __future__ import annotations

import av
import av.error
from av.video.stream import VideoStream

from fancam.records import VideoInfo
from fancam.video._open import opened

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
