"""The second pass: chosen frames in true colour."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import av.error
import cv2
import numpy as np
from av.filter import Graph
from av.video.frame import VideoFrame

from fancam.media import Frame, Picture, VideoInfo
from fancam.video.colour import SrgbConverter, buffer_source
from fancam.video.container import chosen_stream, explained, opened, square_pixel_size, thread_count
from fancam.video.probe import probe
from fancam.video.reader import FrameReader, Read


def decode_frames(
    path: Path, pts: Sequence[int], *, stream: int | None = None, threads: int | None = None
) -> Iterator[Frame]:
    """Yield the frames with these pts in ascending order: upright, square pixels, 8 bit sRGB.

    Interlaced frames are deinterlaced, PQ and HLG are tone-mapped. A pts that cannot be delivered (not there, or not
    sound) is left out, so the caller sees which by the ``pts`` of what comes.

    Args:
        path: A video.
        pts: Presentation times in units of the stream's time base, as the scan gave them; in any order.
        stream: Index in the container of the stream to take; the one with the largest picture when None.
        threads: Decoder threads; one per processor, at most 8, when None.

    Raises:
        InputError: As from ``probe``.
    """
    wanted = sorted(set(pts))
    if not wanted:
        return
    info = probe(path, stream)
    with ExactDecoder(info, threads) as decoder:
        for target in wanted:
            pixels = decoder.fetch(target)
            if pixels is not None:
                yield Frame(pixels=pixels, source=path, pts=target, time_s=info.time_s(target))


def sample_frames(path: Path, count: int, *, stream: int | None = None, threads: int | None = None) -> Iterator[Frame]:
    """Yield some key frames from all over a video, for measuring what kind of video it is.

    Key frames are the least compressed ones, and the first a decoder can reach. There are fewer where several of the
    evenly spaced times lead to the same key frame; one where the file does not say how long it is.

    Args:
        path: A video.
        count: How many at most.
        stream: Index in the container of the stream to take; the one with the largest picture when None.
        threads: Decoder threads; one per processor, at most 8, when None.

    Raises:
        InputError: As from ``probe``.
    """
    info = probe(path, stream)
    start, length = info.start_pts or 0, int((info.duration_s or 0.0) / info.time_base)
    targets = sorted({start + length * (2 * number + 1) // (2 * count) for number in range(count)})
    seen: set[int] = set()
    with ExactDecoder(info, threads) as decoder:
        for target in targets:
            found = decoder.key_frame(target)
            if found is not None and found[0] not in seen:
                pts, pixels = found
                seen.add(pts)
                yield Frame(pixels=pixels, source=path, pts=pts, time_s=info.time_s(pts))


SEEK_PAYS_S = 2.0
"""Over a shorter way decoding on is cheaper than starting from a key frame again, as groups of pictures go."""
SEEK_BACK_S = (0.0, 1.0, 10.0)
"""How far before the target the tries aim: a key frame can be shown after the frame that is sought near it."""


class ExactDecoder:
    """Fetches frames of one video by pts, in ascending order; a context manager."""

    def __init__(self, info: VideoInfo, threads: int | None) -> None:
        self.info = info
        self.sequential = False
        """Whether seeking failed in this file, so that all is decoded from the start."""
        self._threads = thread_count(threads)
        self._stack = ExitStack()
        self._frames: Read = iter(())
        self._history: deque[tuple[VideoFrame, str | None]] = deque(maxlen=3)
        self._sought = False
        self._converter = SrgbConverter(info.colour)

    def __enter__(self) -> Self:
        self._restart()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def fetch(self, target: int) -> Picture | None:
        """Return the picture with this pts, or None where it is not there or not sound.

        Raises:
            InputError: The file cannot be read any more.
        """
        try:
            if not self._far(target):
                found = self._advance(target)
                if found is not None or not self._sought:
                    return self._picture(found)
            if not self.sequential:
                for back_s in SEEK_BACK_S:
                    found = self._advance(target) if self._seek(target, back_s) else None
                    if found is not None:
                        return self._picture(found)
                # What seeking cannot reach is sought from the start, once, and so is everything after it.
                self.sequential = True
                self._restart()
            return self._picture(self._advance(target))
        except av.error.FFmpegError as error:
            raise explained(error, self.info.path) from error

    def key_frame(self, target: int) -> tuple[int, Picture] | None:
        """Return a sound key frame near a pts, with its own pts: where a file cannot be sought in, the first one.

        Raises:
            InputError: The file cannot be read any more.
        """
        try:
            self._restart()
            with suppress(av.error.FFmpegError):  # then the first key frame has to do
                self._container.seek(target, stream=self._stream, backward=True)
                self._sought = True
            for frame, rejected in self._frames:
                self._history.append((frame, rejected))
                if frame.key_frame and rejected is None and frame.pts is not None:
                    picture = self._picture(frame)
                    return None if picture is None else (frame.pts, picture)
        except av.error.FFmpegError as error:
            raise explained(error, self.info.path) from error
        return None

    # --- moving about ---

    def _close(self) -> None:
        self._frames = iter(())
        self._history.clear()
        self._stack.close()

    def _restart(self) -> None:
        self._close()
        self._container = self._stack.enter_context(opened(self.info.path))
        self._stream = chosen_stream(self._container, self.info.path, self.info.stream)
        self._frames = iter(FrameReader(self._container, self._stream, self._threads))
        self._sought = False

    def _position(self) -> int | None:
        return next((f.pts for f, _ in reversed(self._history) if f.pts is not None), None)

    def _far(self, target: int) -> bool:
        if self.sequential:
            return False
        position = self._position()
        if position is None:
            position = self.info.start_pts or 0
        return float((target - position) * self.info.time_base) > SEEK_PAYS_S

    def _seek(self, target: int, back_s: float) -> bool:
        """Go to a clean key frame at or before the target; False where the file does not lead there."""
        self._restart()
        aim = target - int(back_s / self.info.time_base) - (1 if self.info.interlaced else 0)
        if aim <= (self.info.start_pts or 0):
            return True
        try:
            self._container.seek(aim, stream=self._stream, backward=True)
        except av.error.FFmpegError:
            return False
        self._sought = True
        for frame, rejected in self._frames:
            if frame.key_frame and rejected is None and frame.pts is not None:
                self._history.append((frame, rejected))
                return frame.pts <= (aim if self.info.interlaced else target)
        return False

    def _advance(self, target: int) -> VideoFrame | None:
        """Decode on to the target; None where it is not there or not sound."""
        for frame, rejected in (*self._history, *()):
            if frame.pts == target:
                return frame if rejected is None else None
        position = self._position()
        if position is not None and position > target:
            return None
        for frame, rejected in self._frames:
            self._history.append((frame, rejected))
            if frame.pts == target:
                return frame if rejected is None else None
            if frame.pts is not None and frame.pts > target:
                return None
        return None

    # --- from a decoded frame to a picture ---

    def _picture(self, frame: VideoFrame | None) -> Picture | None:
        if frame is None:
            return None
        if not frame.interlaced_frame:
            return self._rendered(frame, None, None)
        return self._rendered(frame, self._before(frame), self._after(frame))

    def _rendered(self, frame: VideoFrame, before: VideoFrame | None, after: VideoFrame | None) -> Picture:
        """Return a frame in true colour, upright, with square pixels; an interlaced one needs its neighbours."""
        if frame.interlaced_frame:
            frame = deinterlaced(frame, before, after, self.info)
        pixels = self._converter.convert(frame)
        height, width = pixels.shape[:2]
        wide, high = square_pixel_size(width, height, self.info.sample_aspect_ratio)
        if (wide, high) != (width, height):
            pixels = np.asarray(cv2.resize(pixels, (wide, high), interpolation=cv2.INTER_CUBIC), np.uint8)
        return np.ascontiguousarray(self.info.orientation.upright(pixels))

    def _before(self, frame: VideoFrame) -> VideoFrame | None:
        seen = [f for f, _ in self._history]
        place = next((i for i, f in enumerate(seen) if f is frame), 0)
        return seen[place - 1] if place else None

    def _after(self, frame: VideoFrame) -> VideoFrame | None:
        seen = [f for f, _ in self._history]
        place = next((i for i, f in enumerate(seen) if f is frame), len(seen))
        if place + 1 < len(seen):
            return seen[place + 1]
        following: Iterator[tuple[VideoFrame, str | None]] = iter(self._frames)
        for item in following:
            self._history.append(item)
            return item[0]
        return None


def deinterlaced(frame: VideoFrame, before: VideoFrame | None, after: VideoFrame | None, info: VideoInfo) -> VideoFrame:
    """Return the frame deinterlaced by bwdif, which looks at both neighbours; at the ends one may be missing.

    The first field in time is kept, the other one is interpolated (FFmpeg's bwdif filter, ``mode=send_frame``, after
    the BBC's W3FDIF and YADIF).

    Args:
        frame: An interlaced frame.
        before: The frame shown before it.
        after: The frame shown after it.
        info: Of the video.
    """
    graph = Graph()
    source = buffer_source(graph, frame, info.colour, info.time_base)
    bwdif = graph.add("bwdif", "mode=send_frame:parity=auto:deint=all")
    sink = graph.add("buffersink")
    graph.link_nodes(source, bwdif, sink).configure()
    neighbours = [f for f in (before, frame, after) if f is not None and _alike(f, frame)]
    place = next(i for i, f in enumerate(neighbours) if f is frame)
    for one in neighbours:
        graph.vpush(one)
    graph.vpush(None)
    done: list[VideoFrame] = []
    while True:
        try:
            done.append(graph.vpull())
        except (av.error.EOFError, av.error.BlockingIOError):
            break
    return done[min(place, len(done) - 1)]


def _alike(one: VideoFrame, other: VideoFrame) -> bool:
    return (one.width, one.height, one.format.name) == (other.width, other.height, other.format.name)
