"""The second pass: chosen frames in true colour."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, suppress
from fractions import Fraction
from typing import Self, cast

import av.error
import cv2
import numpy as np
from av.filter import Graph
from av.video.frame import VideoFrame

from fancam.media import ColourTags, LumaFrame, Samples, VideoInfo
from fancam.video.colour import SrgbConverter, buffer_source
from fancam.video.container import chosen_stream, explained, opened, square_pixel_size, thread_count
from fancam.video.luma import luma_frame
from fancam.video.probe import frame_facts
from fancam.video.reader import DecodedFrame, FrameReader

Choose = Callable[[Sequence[LumaFrame], int], int]
"""Gets frames, and the place among them of the one that was asked for; returns the place of the one to be taken."""

NEAR_EACH_SIDE = 2
"""So many frames at most are looked at on each side of one."""
SEEK_PAYS_S = 2.0
"""Over a shorter way decoding on is cheaper than starting from a key frame again, as groups of pictures go."""
SEEK_BACK_S = (0.0, 1.0, 10.0)
"""How far before the target the tries aim: a key frame can be shown after the frame that is sought near it."""


class ExactDecoder:
    """Fetches frames of one video by pts, in ascending order; a context manager.

    Args:
        info: Of the video.
        threads: Decoder threads; one per processor, at most 8, when None.
        deep: Whether pictures have 16 bits where the video has more than 8; else all have 8.
        history: So many frames are kept as they were decoded.
    """

    def __init__(self, info: VideoInfo, threads: int | None, *, deep: bool = False, history: int = 3) -> None:
        self.info = info
        self._deep = deep
        self.sequential = not info.has_times
        """Whether all is decoded from the start: seeking failed in this file, or would lose the count of its frames."""
        self._threads = thread_count(threads)
        self._stack = ExitStack()
        self._frames: Iterator[DecodedFrame] = iter(())
        self._history: deque[DecodedFrame] = deque(maxlen=history)
        self._sought = False
        self._converters: dict[ColourTags, SrgbConverter] = {}

    def __enter__(self) -> Self:
        self._restart()
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def fetch(self, target: int) -> Samples | None:
        """Return the picture with this pts, or None where it is not there or not sound.

        Raises:
            InputError: The file cannot be read any more.
        """
        try:
            return self._picture(self._reached(target))
        except av.error.FFmpegError as error:
            raise explained(error, self.info.path) from error

    def choose_near(
        self, target: int, within: Fraction, choose: Choose
    ) -> tuple[int, Samples, bool] | None:  # fmt: skip
        """Return the frame with this pts, or the one near it that is chosen instead of it.

        Args:
            target: Of the frame.
            within: How far away one may be shown, in units of pts.
            choose: Gets the sound frames that are so near, the target counted, and the place of the target among them;
                returns the place of the one to be taken. It sees ``NEAR_EACH_SIDE`` on each side at most, of the
                ``history`` that this decoder has.

        Returns:
            The pts and the picture, and whether one of the frames near it was damaged; None where there is no sound
            frame with this pts.

        Raises:
            InputError: The file cannot be read any more.
        """
        try:
            found = self._reached(target)
            following = found
            for _ in range(NEAR_EACH_SIDE):
                if following is not None and (following.frame.pts or target) <= target + within:
                    following = self._next(following)
            near = [one for one in self._history if one.frame.pts is not None and abs(one.frame.pts - target) <= within]
            sound = [one for one in near if one.rejected is None]
            own = next((place for place, one in enumerate(sound) if one is found), None)
            if own is None:
                return None
            chosen = sound[choose([luma_frame(one, self.info) for one in sound], own)]
            picture = self._picture(chosen)
        except av.error.FFmpegError as error:
            raise explained(error, self.info.path) from error
        assert chosen.frame.pts is not None and picture is not None
        return chosen.frame.pts, picture, len(sound) < len(near)

    def key_frame(self, target: int) -> tuple[int, Samples] | None:
        """Return a sound key frame near a pts, with its own pts: where a file cannot be sought in, the first one.

        Raises:
            InputError: The file cannot be read any more.
        """
        try:
            self._restart()
            if self.info.has_times:
                with suppress(av.error.FFmpegError):  # then the first key frame has to do
                    self._container.seek(target, stream=self._stream, backward=True)
                    self._sought = True
            for decoded in self._frames:
                self._history.append(decoded)
                if decoded.frame.key_frame and decoded.rejected is None and decoded.frame.pts is not None:
                    picture = self._picture(decoded)
                    return None if picture is None else (decoded.frame.pts, picture)
        except av.error.FFmpegError as error:
            raise explained(error, self.info.path) from error
        return None

    def every_frame(self) -> Iterator[tuple[int, Samples]]:
        """Yield every sound frame that has a time, with its pts, from the start on.

        Raises:
            InputError: The file cannot be read any more.
        """
        try:
            self._restart()
            decoded = self._next(None)
            while decoded is not None:
                picture = self._picture(decoded) if decoded.rejected is None and decoded.frame.pts is not None else None
                if picture is not None and decoded.frame.pts is not None:
                    yield decoded.frame.pts, picture
                decoded = self._next(decoded)
        except av.error.FFmpegError as error:
            raise explained(error, self.info.path) from error

    def shown_at(self, target: int) -> tuple[int, Samples] | None:
        """Return the last sound frame that is not shown after a pts, else the first one, with its own pts.

        Raises:
            InputError: The file cannot be read any more.
        """
        try:
            tries = SEEK_BACK_S if self._far(target) else ()
            for back_s in tries:
                if self._seek(target, back_s) and (found := self._last_until(target)) is not None:
                    return found
            self._restart()
            return self._last_until(target)
        except av.error.FFmpegError as error:
            raise explained(error, self.info.path) from error

    def _last_until(self, target: int) -> tuple[int, Samples] | None:
        best = self._history[-1] if self._history else None
        for decoded in self._frames:
            self._history.append(decoded)
            pts = decoded.frame.pts
            if pts is None or decoded.rejected is not None:
                continue
            if pts > target and best is not None:
                break
            best = decoded
            if pts >= target:
                break
        picture = self._picture(best)
        return None if best is None or best.frame.pts is None or picture is None else (best.frame.pts, picture)

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
        return next((one.frame.pts for one in reversed(self._history) if one.frame.pts is not None), None)

    def _reached(self, target: int) -> DecodedFrame | None:
        """Return the sound frame with this pts, seeking where the way is long."""
        if not self._far(target):
            found = self._advance(target)
            if found is not None or not self._sought:
                return found
        if not self.sequential:
            for back_s in SEEK_BACK_S:
                found = self._advance(target) if self._seek(target, back_s) else None
                if found is not None:
                    return found
            # What seeking cannot reach is sought from the start, once, and so is everything after it.
            self.sequential = True
            self._restart()
        return self._advance(target)

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
        for decoded in self._frames:
            frame = decoded.frame
            if frame.key_frame and decoded.rejected is None and frame.pts is not None:
                self._history.append(decoded)
                return frame.pts <= (aim if self.info.interlaced else target)
        return False

    def _advance(self, target: int) -> DecodedFrame | None:
        for decoded in self._history:
            if decoded.frame.pts == target:
                return decoded if decoded.rejected is None else None
        position = self._position()
        if position is not None and position > target:
            return None
        for decoded in self._frames:
            self._history.append(decoded)
            pts = decoded.frame.pts
            if pts == target:
                return decoded if decoded.rejected is None else None
            if pts is not None and pts > target:
                return None
        return None

    # --- from a decoded frame to a picture ---

    def _picture(self, decoded: DecodedFrame | None) -> Samples | None:
        if decoded is None:
            return None
        if not decoded.frame.interlaced_frame:
            return self._rendered(decoded, None, None)
        following = self._next(decoded)
        return self._rendered(decoded, self._before(decoded), None if following is None else following.frame)

    def _rendered(self, decoded: DecodedFrame, before: VideoFrame | None, after: VideoFrame | None) -> Samples:
        """Return a frame in true colour, upright, with square pixels; an interlaced one needs its neighbours."""
        frame = decoded.frame
        facts = frame_facts(frame, decoded.aspect_ratio)
        if frame.interlaced_frame:
            frame = deinterlaced(frame, before, after, facts.colour, self.info.time_base)
        pixels = self._converters.setdefault(facts.colour, SrgbConverter(facts.colour, deep=self._deep)).convert(frame)
        height, width = pixels.shape[:2]
        wide, high = square_pixel_size(width, height, facts.aspect_ratio)
        if (wide, high) != (width, height):
            pixels = cast("Samples", cv2.resize(pixels, (wide, high), interpolation=cv2.INTER_CUBIC))
        return np.ascontiguousarray(facts.orientation.upright(pixels))

    def _before(self, decoded: DecodedFrame) -> VideoFrame | None:
        place = next((i for i, one in enumerate(self._history) if one is decoded), 0)
        return self._history[place - 1].frame if place else None

    def _next(self, decoded: DecodedFrame | None) -> DecodedFrame | None:
        """Return the frame after one that was decoded, reading it where it was not yet; the first one after None."""
        place = next((i for i, one in enumerate(self._history) if one is decoded), len(self._history))
        if place + 1 < len(self._history):
            return self._history[place + 1]
        following = next(self._frames, None)
        if following is not None:
            self._history.append(following)
        return following


def deinterlaced(
    frame: VideoFrame, before: VideoFrame | None, after: VideoFrame | None, colour: ColourTags, time_base: Fraction
) -> VideoFrame:
    """Return the frame deinterlaced by bwdif, which looks at both neighbours; at the ends one may be missing.

    The first field in time is kept, the other one is interpolated (FFmpeg's bwdif filter, ``mode=send_frame``, after
    the BBC's W3FDIF and YADIF).
    """
    graph = Graph()
    source = buffer_source(graph, frame, colour, time_base)
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
