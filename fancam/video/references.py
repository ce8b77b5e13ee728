"""Which packets hold a frame that no other one refers to, and which of these a scan may leave out.

Such frames are the most compressed ones of a video, and to leave them undecoded changes no other frame.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from fractions import Fraction

from av.packet import Packet
from av.video.stream import VideoStream

from fancam.media import VideoInfo

IsUnreferenced = Callable[[Packet], bool]

_FRAMED = ("mov", "matroska")
"""Containers whose packets are whole pictures, also of two fields (ISO/IEC 14496-15, 5.2; RFC 9559, 10)."""
MAX_RUN = 16
"""No standard reorders by more frames (ITU-T H.264, A.3; H.265, A.4): so many packets wait for the next reference."""

_H264_SLICE, _H264_BESIDE = 1, frozenset({6, 9, 12, *range(24, 32)})
"""ITU-T H.264, table 7-1: a slice; supplemental information, delimiter, filler, and what the standard leaves open."""
_HEVC_BESIDE = frozenset({35, 38, 39, 40, *range(48, 64)})
"""The same of ITU-T H.265, table 7-1."""
_HEVC_FIRST_REFERENCE_ONLY = 16
"""Slices of a lower type are for a picture that others of its sub-layer refer to where the type is odd."""


def unreferenced_test(stream: VideoStream, info: VideoInfo) -> IsUnreferenced | None:
    """Return the test whether a packet holds a frame that no other one refers to; None where that cannot be told.

    H.264 and HEVC say it in the first byte of each of their units, where these lie in MP4, QuickTime or Matroska.
    VP9 does not mean it: the next frame inherits probabilities and motion also from a frame that nothing refers to.
    Interlaced video is left alone, as the other field is needed.
    """
    data = stream.codec_context.extradata or b""
    if info.interlaced or not info.has_times or not info.container.startswith(_FRAMED) or not data or data[0] != 1:
        return None
    if info.codec == "h264" and len(data) > 4:
        size = (data[4] & 3) + 1
        return lambda packet: _all_units(packet, size, _is_spare_h264)
    if info.codec == "hevc" and len(data) > 21:
        size, layers = (data[21] & 3) + 1, data[21] >> 3 & 7
        return lambda packet: _all_units(packet, size, lambda first, second: _is_spare_hevc(first, second, layers))
    return None


def _all_units(packet: Packet, size: int, is_spare: Callable[[int, int], bool | None]) -> bool:
    """Whether the units of a packet, each after its length, are whole, have a slice, and all are spare."""
    data, at, slices = memoryview(packet), 0, 0
    while at + size + 2 <= len(data):
        length = int.from_bytes(data[at : at + size], "big")
        spare = is_spare(data[at + size], data[at + size + 1])
        if spare is False:
            return False
        slices += spare is True
        at += size + length
    return slices > 0 and at == len(data)


def _is_spare_h264(first: int, _: int) -> bool | None:
    """Whether a unit is a slice that nothing refers to; None where it goes with whatever slice it lies beside."""
    kind = first & 31
    return None if kind in _H264_BESIDE else kind == _H264_SLICE and first >> 5 == 0


def _is_spare_hevc(first: int, second: int, layers: int) -> bool | None:
    kind, layer, temporal = first >> 1 & 63, (first & 1) << 5 | second >> 3, second & 7
    if layer == 0 and kind in _HEVC_BESIDE:
        return None
    return layer == 0 and kind < _HEVC_FIRST_REFERENCE_ONLY and kind % 2 == 0 and temporal == layers


class Thinning:
    """Leaves out packets whose frame no other one refers to, as long as the frames that stay are near to each other.

    It is decided for each run of such packets when the next reference has come, by the times at which the frames are
    shown; so it depends on the file alone. The last frame of a stream stays.

    Args:
        is_unreferenced: From ``unreferenced_test``.
        most_apart: Frames that stay are at most this far apart where one is left out between them, in units of pts.
        skipped: Called with the pts of each frame that is left out.
    """

    def __init__(self, is_unreferenced: IsUnreferenced, most_apart: Fraction, skipped: Callable[[int], None]) -> None:
        self._is_unreferenced = is_unreferenced
        self._most_apart = most_apart
        self._skipped = skipped
        self._kept: deque[int] = deque(maxlen=4 * MAX_RUN)

    def of(self, packets: Iterator[Packet]) -> Iterator[Packet]:
        """Yield the packets that are to be decoded, in their order."""
        run: list[Packet] = []
        for packet in packets:
            spare = packet.size > 0 and packet.pts is not None and not packet.is_corrupt
            if spare and len(run) < MAX_RUN and self._is_unreferenced(packet):
                run.append(packet)
                continue
            if packet.pts is not None and packet.size:
                self._kept.append(packet.pts)
            yield from self._needed(run)
            run = []
            yield packet
        yield from self._needed(run)

    def _needed(self, run: list[Packet]) -> list[Packet]:
        """Return those of a run that have to be decoded."""
        shown = sorted(packet.pts for packet in run if packet.pts is not None)
        left_out = set()
        for place, pts in enumerate(shown):
            before = max((kept for kept in self._kept if kept < pts), default=None)
            later = [kept for kept in self._kept if kept > pts] + shown[place + 1 : place + 2]
            if before is not None and later and min(later) - before <= self._most_apart:
                left_out.add(pts)
                self._skipped(pts)
            else:
                self._kept.append(pts)
        return [packet for packet in run if packet.pts not in left_out]
