"""Frames of one stream in order, each with the verdict on its soundness; the scan and the exact decode share it."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Generic, NamedTuple, TypeVar

import av.error
from av.container import InputContainer
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from fancam.video.container import has_times, usable_aspect_ratio
from fancam.video.references import Thinning

MAX_READ_FAILURES = 8
"""So many failures to read in a row end the file; what was read until then is used."""
MAX_DECODE_FAILURES = 600
"""So many packets in a row without a frame, each with an error, end the file: ten seconds at 60 frames per second."""

UNDECODABLE = "undecodable"

USUAL_RATE = 25
"""Frames per second of a stream that does not say: what libav's raw demuxers assume."""


class DecodedFrame(NamedTuple):
    """A frame as it comes out of the decoder, and what is known of it besides."""

    frame: VideoFrame
    rejected: str | None
    """Why it must not be used: ``corrupt`` or ``after_corrupt``; None where it is sound."""
    aspect_ratio: Fraction
    """Width of a sample over its height, as the decoder knew it when the frame came out."""


class FrameReader:
    """Decodes one stream from the current place of its container on.

    Args:
        container: Read by nobody else meanwhile.
        stream: One of its video streams.
        threads: Size of the decoder's thread pool.
        lost: Called once for every packet that could not be decoded.
        thinning: Leaves out packets; all are decoded when None.
    """

    def __init__(
        self, container: InputContainer, stream: VideoStream, threads: int, lost: Callable[[], None] = lambda: None,
        thinning: Thinning | None = None,
    ) -> None:  # fmt: skip
        self._container = container
        self._stream = stream
        self._lost = lost
        self._thinning = thinning
        context = stream.codec_context
        if not context.is_open:
            stream.thread_type = "AUTO"
            context.thread_count = threads
            if context.name == "hevc":
                # Its decoder conceals a broken slice without flagging the frame, unless it is told to give up on it.
                context.options = {"err_detect": "explode"}
            elif context.name == "h264":
                context.options = {"export_side_data": "venc_params"}  # see ``probe.quantiser``
        self._delay = threads
        self._repeats = context.codec.canonical_name in ("av1", "vp9")
        """Whether a packet may have an older frame shown: in place of one that was lost that may be a key frame."""
        self._frame_pts = None if has_times(container) else _counted_pts(stream)
        self._first_ratio: Fraction | None = None
        self._ordinal = 0
        self._sent: dict[int, tuple[int, bool]] = {}
        self._failures = 0
        self.stopped_early = ""
        """Why reading stopped before the end, in plain words; empty where it did not."""

    def __iter__(self) -> Iterator[DecodedFrame]:
        """Yield every decoded frame in presentation order, sound or not."""
        tracker: DamageTracker[tuple[VideoFrame, Fraction]] = DamageTracker()
        packets = self._packets()
        for packet in packets if self._thinning is None else self._thinning.of(packets):
            self._decode(packet, tracker)
            for (frame, ratio), rejected in tracker.ready():
                yield DecodedFrame(frame, rejected, ratio)
            if self._failures >= MAX_DECODE_FAILURES:
                self.stopped_early = f"{MAX_DECODE_FAILURES} packets in a row could not be decoded"
                break
        for (frame, ratio), rejected in tracker.rest():
            yield DecodedFrame(frame, rejected, ratio)

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

    def _decode(self, packet: Packet, tracker: DamageTracker[tuple[VideoFrame, Fraction]]) -> None:
        self._ordinal += 1
        ordinal = self._ordinal
        if packet.size:
            self._note_sent(packet, ordinal)
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
        ratio = self._aspect_ratio() if frames else Fraction(1)
        for frame in frames:
            self._failures = 0
            own, sent_as_key = (ordinal, True) if frame.pts is None else self._sent.get(frame.pts, (ordinal, True))
            if self._frame_pts is not None:
                frame.pts = next(self._frame_pts)
            key, corrupt = bool(frame.key_frame) and (sent_as_key or not self._repeats), bool(frame.is_corrupt)
            tracker.received(own, frame.pts, (frame, ratio), key=key, corrupt=corrupt)

    def _note_sent(self, packet: Packet, ordinal: int) -> None:
        """Note by which pts the frame of a packet is known again.

        A decoder hands the pts on. (A Python object that goes with the packet, PyAV's ``opaque``, does not do: the
        decoder's own threads let go of it, for which they wait for the interpreter's lock, and whoever frees the
        decoder has that lock and waits for the threads.)
        """
        if self._frame_pts is not None:
            packet.pts = ordinal
        if packet.pts is not None:
            self._sent[packet.pts] = ordinal, bool(packet.is_keyframe)
            if len(self._sent) > _KEPT_PACKETS:
                del self._sent[next(iter(self._sent))]

    def _aspect_ratio(self) -> Fraction:
        """Return the aspect ratio of the samples: the container's, until the stream itself changes its own."""
        now = usable_aspect_ratio(self._stream.codec_context.sample_aspect_ratio)
        if self._first_ratio is None:
            self._first_ratio = now
        return now if now != self._first_ratio else usable_aspect_ratio(self._stream.sample_aspect_ratio)


def _counted_pts(stream: VideoStream) -> Iterator[int]:
    """Yield the pts of the frames of a stream without times: they are counted at its average rate."""
    assert stream.time_base is not None
    step = 1 / (Fraction(stream.average_rate or USUAL_RATE) * Fraction(stream.time_base))
    return (round(number * step) for number in itertools.count())


def frame_duration(frame: VideoFrame, stream: VideoStream) -> Fraction:
    """Return how long a frame is shown in seconds: as it says, else from the average rate, else 0."""
    if frame.duration and stream.time_base:
        return Fraction(frame.duration) * Fraction(stream.time_base)
    rate = stream.average_rate
    return 1 / Fraction(rate) if rate else Fraction(0)


FrameT = TypeVar("FrameT")
_KEPT_MARKS = 64
MAX_HELD = 17
"""No standard reorders by more than 16 frames (ITU-T H.264, A.3; H.265, A.4), so no frame waits for longer."""


_KEPT_PACKETS = 4 * MAX_HELD + 64
"""More than any decoder holds with all its threads."""


@dataclass(slots=True)
class _Held(Generic[FrameT]):
    ordinal: int
    pts: int | None
    damaged: bool
    frame: FrameT


@dataclass(slots=True)
class DamageTracker(Generic[FrameT]):
    """Holds decoded frames back until all that were decoded before them are known to be clean or not."""

    _pending: dict[int, int | None] = field(default_factory=dict)
    """Packets whose frame has not come out: ordinal to pts."""
    _held: list[_Held[FrameT]] = field(default_factory=list)
    _bad: list[int] = field(default_factory=list)
    _keys: list[tuple[int, int]] = field(default_factory=list)
    """Clean key frames: (ordinal, pts)."""

    def sent(self, ordinal: int, pts: int | None) -> None:
        """Note a packet that goes to the decoder; ordinals count up."""
        self._pending[ordinal] = pts
        if len(self._pending) > _KEPT_PACKETS:  # packets that never yield a frame (second fields, hidden frames)
            del self._pending[next(iter(self._pending))]

    def failed(self, ordinal: int, delay: int) -> None:
        """Note that decoding failed; with frame threads the packet at fault was sent up to ``delay`` packets ago."""
        for bad in sorted({max(ordinal - delay, 0), ordinal}):
            self._mark(self._bad, bad)

    def received(self, ordinal: int, pts: int | None, frame: FrameT, *, key: bool, corrupt: bool) -> None:
        """Note a frame that came out of the decoder."""
        self._pending.pop(ordinal, None)
        if pts is not None:
            # What should have been shown by now and was not will not come any more.
            self._pending = {o: p for o, p in self._pending.items() if p is None or p > pts}
        if corrupt:
            self._mark(self._bad, ordinal)
        elif key and pts is not None:
            self._keys = [*self._keys, (ordinal, pts)][-_KEPT_MARKS:]
        self._held.append(_Held(ordinal, pts, corrupt, frame))

    def ready(self) -> Iterator[tuple[FrameT, str | None]]:
        """Yield the frames whose fate is known, in the order they came: the frame, and why it is rejected or None."""
        while self._held:
            first = self._held[0]
            waits = any(o < first.ordinal and p is not None for o, p in self._pending.items())
            if waits and len(self._held) < MAX_HELD:
                return
            yield self._judged(self._held.pop(0))

    def rest(self) -> Iterator[tuple[FrameT, str | None]]:
        """Yield what is still held, at the end of the stream."""
        self._pending.clear()
        yield from self.ready()

    def _judged(self, held: _Held[FrameT]) -> tuple[FrameT, str | None]:
        if held.damaged:
            return held.frame, "corrupt"
        return held.frame, None if self._is_clean(held) else "after_corrupt"

    def _is_clean(self, held: _Held[FrameT]) -> bool:
        bad = max((b for b in self._bad if b <= held.ordinal), default=None)
        if bad is None:
            return True
        return any(
            bad < ordinal <= held.ordinal and held.pts is not None and pts <= held.pts
            for ordinal, pts in self._keys
            if ordinal not in self._bad
        )

    @staticmethod
    def _mark(marks: list[int], value: int) -> None:
        if value not in marks:
            marks.append(value)
            marks.sort()
            # The newest mark that lies before a frame decides, so the oldest ones can go.
            del marks[:-_KEPT_MARKS]
