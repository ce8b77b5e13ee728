"""Chosen frames, and the same parts of the frames around them: one pass, each frame converted once."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import av.error

from fancam.errors import CropError
from fancam.geometry import Box
from fancam.media import Frame, FrameWithNeighbours, NeighbourFrame, Picture, VideoInfo
from fancam.pictures import resample
from fancam.video.container import explained
from fancam.video.decode import SEEK_BACK_S, ExactDecoder
from fancam.video.probe import frame_facts, quantiser
from fancam.video.reader import DecodedFrame

_USUAL_RATE = 24.0
"""Frames per second where the header says nothing; a rate that is too low only makes the decoder start earlier."""
_HIGHEST_RATE = 60.0
"""Some containers state their clock's rate (1000, 90000) as the rate of the frames."""

_Slices = tuple[slice, slice]


def _whole_pixels(box: Box, width: int, height: int, path: Path) -> _Slices:
    finite = all(math.isfinite(side) for side in (box.x0, box.y0, box.x1, box.y1))
    inside = box.clipped(width, height)
    if not finite or not inside.area > 0:
        raise CropError(f"{box} is empty or outside a frame of {width}x{height}", item=path, remedy="check the box")
    return inside.as_slices()


@dataclass(slots=True)
class _Open:
    """A window that is not complete."""

    pts: int
    place: int
    """Of the picked frame, counted since decoding was started last."""
    size: tuple[int, int]
    """(height, width) of the picked frame, upright."""
    regions: Sequence[_Slices]
    neighbours: list[list[NeighbourFrame]]
    picture: Picture | None = None


class NeighbourDecoder(ExactDecoder):
    """Walks over the frames and keeps the last ones as they were decoded, until all that is near them is known.

    A frame is converted when it is ``before`` frames old: by then every picked frame whose window it can be part of
    has come, so it is known which regions of it are needed.
    """

    def __init__(
        self, info: VideoInfo, threads: int | None, *, before: int, after: int, longest_px: int | None = None
    ) -> None:
        super().__init__(info, threads)
        self._longest_px = longest_px
        self._ahead, self._behind = before, after
        self._lag = max(before, 1)
        self._history: deque[DecodedFrame] = deque(maxlen=self._lag + 2)
        self._count = 0
        """Frames since decoding was started last; the newest one has the place ``_count - 1``."""
        rate = min(info.average_rate or _USUAL_RATE, _HIGHEST_RATE)
        self._lead_s = (before + 1) / rate

    def windows(self, regions: Mapping[int, Sequence[Box]]) -> Iterator[FrameWithNeighbours]:
        """Yield the windows; the mapping is in ascending order.

        Raises:
            InputError: The file cannot be read any more.
        """
        queue = deque(regions)
        try:
            while queue:
                if self._approach(queue[0]):
                    yield from self._run(queue, regions)
                else:
                    queue.popleft()
        except av.error.FFmpegError as error:
            raise explained(error, self.info.path) from error

    # --- moving about ---

    def _approach(self, target: int) -> bool:
        """Decode to the target, with all that its window needs before it; False where it cannot be delivered."""
        if not self._far_off(target):
            if self._read_to(target) and self._enough():
                return True
            if not self._sought:
                return False
        if not self.sequential:
            reached = False
            for back_s in SEEK_BACK_S:
                if self._start_before(target, back_s) and self._read_to(target):
                    if self._enough():
                        return True
                    reached = True
            # What seeking cannot reach is sought from the start, once, and so is everything after it.
            self.sequential = not reached
        self._restart()
        self._count = 0
        return self._read_to(target)

    def _far_off(self, target: int) -> bool:
        return self._far(target - int(self._lead_s / self.info.time_base))

    def _enough(self) -> bool:
        """Whether the newest frame has the frames before it that a straight decode would have given it."""
        return not self._sought or self._count > self._ahead + 1

    def _start_before(self, target: int, back_s: float) -> bool:
        # Where frames are further apart than the header says, the later tries go back several times as far.
        led = self._seek(target, self._lead_s * (1 + back_s) + back_s)
        self._count = len(self._history)
        return led

    def _read(self) -> bool:
        item = next(self._frames, None)
        if item is None:
            return False
        self._history.append(item)
        self._count += 1
        return True

    def _read_to(self, target: int) -> bool:
        """Decode until the target is the newest frame; False where it is not there or not sound."""
        while True:
            if self._history:
                newest = self._history[-1]
                if newest.frame.pts == target:
                    return newest.rejected is None
                if newest.frame.pts is not None and newest.frame.pts > target:
                    return False
            if not self._read():
                return False

    # --- from decoded frames to windows ---

    def _run(self, queue: deque[int], regions: Mapping[int, Sequence[Box]]) -> Iterator[FrameWithNeighbours]:
        """Yield the windows from the newest frame, a target, on, until the next target is far off or passed."""
        opened: deque[_Open] = deque()
        self._notice(queue, regions, opened)
        place = max(self._count - 1 - self._ahead, 0)
        while True:
            while place + self._lag < self._count:
                self._convert(place, opened)
                place += 1
            yield from self._completed(place, opened)
            if not self._wants_more(queue, opened) or not self._read():
                break
            self._notice(queue, regions, opened)
        for rest in range(place, self._count):
            self._convert(rest, opened)
            yield from self._completed(rest + 1, opened)
        yield from self._completed(None, opened)

    def _wants_more(self, queue: deque[int], opened: deque[_Open]) -> bool:
        if opened and self._count <= opened[-1].place + self._behind:
            return True
        passed = (self._position() or 0) >= queue[0] if queue else True
        return not passed and not self._far_off(queue[0])

    def _notice(self, queue: deque[int], regions: Mapping[int, Sequence[Box]], opened: deque[_Open]) -> None:
        """Open a window where the newest frame is the next target; strike targets that were passed."""
        newest = self._history[-1]
        pts = newest.frame.pts
        while queue and pts is not None and pts >= queue[0]:
            if pts == queue[0] and newest.rejected is None:
                facts = frame_facts(newest.frame, newest.aspect_ratio)
                size = (facts.height, facts.width)
                asked = [_whole_pixels(box, facts.width, facts.height, self.info.path) for box in regions[pts]]
                opened.append(_Open(pts, self._count - 1, size, asked, [[] for _ in asked]))
            elif self._sought:
                return  # it may be there for one who starts elsewhere
            queue.popleft()

    def _convert(self, place: int, opened: deque[_Open]) -> None:
        """Convert the frame at this place if a window needs it, and give each window its part."""
        near = [w for w in opened if w.place - self._ahead <= place <= w.place + self._behind]
        decoded = self._at(place)
        frame = decoded.frame
        if not near or decoded.rejected is not None or frame.pts is None:
            return
        if frame.interlaced_frame and place == self._count - 1:
            self._read()
        before, after = [self._at(p).frame if self._is_here(p) else None for p in (place - 1, place + 1)]
        picture = cast("Picture", self._rendered(decoded, before, after))
        coarseness = quantiser(frame)
        for window in near:
            if window.place == place:
                window.picture = picture
            elif frame.pts != window.pts and picture.shape[:2] == window.size:
                offset_s = float((frame.pts - window.pts) * self.info.time_base)
                for neighbours, region in zip(window.neighbours, window.regions, strict=True):
                    neighbours.append(NeighbourFrame(self._part(picture, region), frame.pts, offset_s, coarseness))

    def _part(self, picture: Picture, region: _Slices) -> Picture:
        """Return a copy of a region, smaller where it is larger than it has to be."""
        part = picture[region]
        height, width = part.shape[:2]
        if self._longest_px is None or max(height, width) <= self._longest_px:
            return part.copy()
        share = self._longest_px / max(height, width)
        size = max(round(width * share), 1), max(round(height * share), 1)
        return resample(part, Box(0, 0, width, height), *size)

    def _completed(self, place: int | None, opened: deque[_Open]) -> Iterator[FrameWithNeighbours]:
        """Yield and forget the windows that need nothing from this place on; all where it is None."""
        while opened and (place is None or opened[0].place + self._behind < place):
            window = opened.popleft()
            picture = window.picture
            assert picture is not None  # its frame is sound, and came before the last one it waited for
            info = self.info
            neighbours = tuple(tuple(sorted(one, key=lambda near: near.pts)) for one in window.neighbours)
            yield FrameWithNeighbours(Frame(picture, info.path, window.pts, info.time_s(window.pts)), neighbours)

    def _is_here(self, place: int) -> bool:
        return self._count - len(self._history) <= place < self._count

    def _at(self, place: int) -> DecodedFrame:
        return self._history[place - self._count]
