"""Frames of one stream in order, each with the verdict on its soundness; the scan and the exact decode share it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction

import av.error
from av.codec.context import Flags
from av.container import InputContainer
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from fancam.video._damage import DamageTracker

MAX_READ_FAILURES = 8
"""So many failures to read in a row end the file; what was read until then is used."""
MAX_DECODE_FAILURES = 600
"""So many packets in a row without a frame, each with an error, end the file: ten seconds at 60 frames per second."""

UNDECODABLE = "undecodable"

Read = Iterator[tuple[VideoFrame, str | None]]


class FrameReader:
    """Decodes one stream from the current place of its container on.

    Args:
        container: Read by nobody else meanwhile.
        stream: One of its video streams.
        threads: Size of the decoder's thread pool.
        lost: Called once for every packet that could not be decoded.
    """

    def __init__(
        self, container: InputContainer, stream: VideoStream, threads: int, lost: Callable[[], None] = lambda: None
    ) -> None:
        self._container = container
        self._stream = stream
        self._lost = lost
        context = stream.codec_context
        if not context.is_open:
            stream.thread_type = "AUTO"
            context.thread_count = threads
            context.flags |= Flags.copy_opaque  # carries the ordinal of a packet to its frame
            if context.name == "hevc":
                # Its decoder conceals a broken slice without flagging the frame, unless it is told to give up on it.
                context.options = {"err_detect": "explode"}
        self._delay = threads
        self._ordinal = 0
        self._failures = 0
        self.stopped_early = ""
        """Why reading stopped before the end, in plain words; empty where it did not."""

    def __iter__(self) -> Read:
        """Yield every decoded frame in presentation order, with the reason to reject it or None."""
        tracker: DamageTracker[VideoFrame] = DamageTracker()
        for packet in self._packets():
            self._decode(packet, tracker)
            yield from tracker.ready()
            if self._failures >= MAX_DECODE_FAILURES:
                self.stopped_early = f"{MAX_DECODE_FAILURES} packets in a row could not be decoded"
                break
        yield from tracker.rest()

    def _packets(self) -> Iterator[Packet]:
        failures = 0
        while failures < MAX_READ_FAILURES:
            try:
                for packet in self._container.demux(self._stream):
                    failures = 0
                    yield packet
            except av.error.EOFError:
                return
            except av.error.FFmpegError:
                failures += 1
            else:
                return
        self.stopped_early = "the file cannot be read any further"

    def _decode(self, packet: Packet, tracker: DamageTracker[VideoFrame]) -> None:
        self._ordinal += 1
        ordinal = self._ordinal
        if packet.size:
            packet.opaque = ordinal
            tracker.sent(ordinal, packet.pts)
            if packet.is_corrupt:
                tracker.failed(ordinal, 0)
        try:
            frames = packet.decode()
        except av.error.EOFError:
            return
        except av.error.FFmpegError:
            self._failures += 1
            self._lost()
            tracker.failed(ordinal, self._delay)
            return
        for frame in frames:
            self._failures = 0
            own = frame.opaque if isinstance(frame.opaque, int) else ordinal
            tracker.received(own, frame.pts, frame, key=bool(frame.key_frame), corrupt=bool(frame.is_corrupt))


def frame_duration(frame: VideoFrame, stream: VideoStream) -> Fraction:
    """Return how long a frame is shown in seconds: as it says, else from the average rate, else 0."""
    if frame.duration and stream.time_base:
        return Fraction(frame.duration) * Fraction(stream.time_base)
    rate = stream.average_rate
    return 1 / Fraction(rate) if rate else Fraction(0)
