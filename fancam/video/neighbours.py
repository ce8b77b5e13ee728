"""Chosen frames, and the same parts of the frames around them: one pass, each frame converted once."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import av.error
from av.video.frame import VideoFrame

from fancam.errors import CropError
from fancam.geometry import Box
from fancam.media import Frame, FrameWithNeighbours, NeighbourFrame, Picture, VideoInfo
from fancam.video.container import explained
from fancam.video.decode import SEEK_BACK_S, ExactDecoder
from fancam.video.probe import probe

_USUAL_RATE = 24.0
"""Frames per second where the header says nothing; a rate that is too low only makes the decoder start earlier."""
_HIGHEST_RATE = 60.0
"""Some containers state their clock's rate (1000, 90000) as the rate of the frames."""

_Slices = tuple[slice, slice]


def decode_with_neighbours(
    path: Path,
    wanted: Mapping[int, Sequence[Box]],
    frames: int,
    *,
    stream: int | None = None,
    threads: int | None = None,
) -> Iterator[FrameWithNeighbours]:
    """Yield chosen frames in ascending order, each with the same regions of the frames shown before and after it.

    The frame is the one that ``decode_frames`` gives, byte for byte, and a neighbour's pixels are what a region of
    such a frame would be. Neighbours are counted in presentation order. A damaged one is left out and not replaced by
    one further away; so is one of another size. (What the decoder loses without a trace is not counted: ``offset_s``
    tells how far a neighbour is away.) At the ends of the clip there are fewer on one side, and not more on the other.

    Each frame is decoded once where windows overlap or are near, and converted once. In memory are ``frames / 2``
    frames as they were decoded (1.5 bytes per pixel as a rule), the regions of the windows that are not complete, and
    their picked frames; the length of the video does not matter.

    Args:
        path: A video.
        wanted: Presentation time, in units of the stream's time base, to the regions that are needed around it, in
            pixels of the upright frame; rounded outward to whole pixels and cut at the edge of the frame.
        frames: How many frames a window has at most, the picked one counted: of 15 up to 7 before and 7 after it; of
            an even number one more after it. Of 1 there are no neighbours.
        stream: Index in the container of the stream to take; the one with the largest picture when None.
        threads: Decoder threads; one per processor, at most 8, when None.

    Yields:
        A window for every pts that can be delivered (as with ``decode_frames``): one tuple of neighbours per region.

    Raises:
        CropError: A region is empty or lies outside the frame; also a ValueError.
        InputError: As from ``probe``.
        ValueError: ``frames`` is below 1.
    """
    if frames < 1:
        raise ValueError(f"a window of {frames} frames has no picked one")
    if not wanted:
        return
    info = probe(path, stream)
    regions = {pts: [_whole_pixels(box, info) for box in boxes] for pts, boxes in sorted(wanted.items())}
    with _WindowDecoder(info, threads, before=(frames - 1) // 2, after=frames // 2) as decoder:
        yield from decoder.windows(regions)


def _whole_pixels(box: Box, info: VideoInfo) -> _Slices:
    finite = all(math.isfinite(side) for side in (box.x0, box.y0, box.x1, box.y1))
    inside = box.clipped(info.width, info.height)
    if not finite or not inside.area > 0:
        raise CropError(
            f"{box} is empty or outside a frame of {info.width}x{info.height}", item=info.path, remedy="check the box"
        )
    return inside.as_slices()


@dataclass(slots=True)
class _Open:
    """A window that is not complete."""

    pts: int
    place: int
    """Of the picked frame, counted since decoding was started last."""
    regions: Sequence[_Slices]
    neighbours: list[list[NeighbourFrame]]
    picture: Picture | None = None


class _WindowDecoder(ExactDecoder):
    """Walks over the frames and keeps the last ones as they were decoded, until all that is near them is known.

    A frame is converted when it is ``before`` frames old: by then every picked frame whose window it can be part of
    has come, so it is known which regions of it are needed.
    """

    def __init__(self, info: VideoInfo, threads: int | None, *, before: int, after: int) -> None:
        super().__init__(info, threads)
        self._ahead, self._behind = before, after
        self._lag = max(before, 1)
        self._history: deque[tuple[VideoFrame, str | None]] = deque(maxlen=self._lag + 2)
        self._count = 0
        """Frames since decoding was started last; the newest one has the place ``_count - 1``."""
        rate = min(info.average_rate or _USUAL_RATE, _HIGHEST_RATE)
        self._lead_s = (before + 1) / rate

    def windows(self, regions: Mapping[int, Sequence[_Slices]]) -> Iterator[FrameWithNeighbours]:
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
                frame, rejected = self._history[-1]
                if frame.pts == target:
                    return rejected is None
                if frame.pts is not None and frame.pts > target:
                    return False
            if not self._read():
                return False

    # --- from decoded frames to windows ---

    def _run(self, queue: deque[int], regions: Mapping[int, Sequence[_Slices]]) -> Iterator[FrameWithNeighbours]:
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

    def _notice(self, queue: deque[int], regions: Mapping[int, Sequence[_Slices]], opened: deque[_Open]) -> None:
        """Open a window where the newest frame is the next target; strike targets that were passed."""
        frame, rejected = self._history[-1]
        while queue and frame.pts is not None and frame.pts >= queue[0]:
            if frame.pts == queue[0] and rejected is None:
                asked = regions[frame.pts]
                opened.append(_Open(frame.pts, self._count - 1, asked, [[] for _ in asked]))
            elif self._sought:
                return  # it may be there for one who starts elsewhere
            queue.popleft()

    def _convert(self, place: int, opened: deque[_Open]) -> None:
        """Convert the frame at this place if a window needs it, and give each window its part."""
        near = [w for w in opened if w.place - self._ahead <= place <= w.place + self._behind]
        frame, rejected = self._at(place)
        if not near or rejected is not None or frame.pts is None:
            return
        if frame.interlaced_frame and place == self._count - 1:
            self._read()
        before, after = (self._at(p)[0] if self._is_here(p) else None for p in (place - 1, place + 1))
        picture = self._rendered(frame, before, after)
        for window in near:
            if window.place == place:
                window.picture = picture
            elif frame.pts != window.pts and picture.shape[:2] == (self.info.height, self.info.width):
                offset_s = float((frame.pts - window.pts) * self.info.time_base)
                for neighbours, region in zip(window.neighbours, window.regions, strict=True):
                    neighbours.append(NeighbourFrame(picture[region].copy(), frame.pts, offset_s))

    def _completed(self, place: int | None, opened: deque[_Open]) -> Iterator[FrameWithNeighbours]:
        """Yield and forget the windows that need nothing from this place on; all where it is None."""
        while opened and (place is None or opened[0].place + self._behind < place):
            window = opened.popleft()
            picture = window.picture
            assert picture is not None  # its frame is sound, and came before the last one it waited for
            info = self.info
            neighbours = tuple(tuple(sorted(one, key=lambda neighbour: neighbour.pts)) for one in window.neighbours)
            if picture.shape[:2] != (info.height, info.width):
                neighbours = tuple(() for _ in neighbours)
            yield FrameWithNeighbours(Frame(picture, info.path, window.pts, info.time_s(window.pts)), neighbours)

    def _is_here(self, place: int) -> bool:
        return self._count - len(self._history) <= place < self._count

    def _at(self, place: int) -> tuple[VideoFrame, str | None]:
        return self._history[place - self._count]
