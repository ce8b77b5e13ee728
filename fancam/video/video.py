"""A video, opened once: what it is, its frames, and the passes over it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from fancam.errors import NoFramesError
from fancam.geometry import Box
from fancam.media import Frame, FrameWithNeighbours, Picture, VideoInfo
from fancam.video.decode import ExactDecoder
from fancam.video.neighbours import NeighbourDecoder
from fancam.video.probe import probe
from fancam.video.scan import Scan


class Video:
    """A video whose header and first frame were read; made by ``open_video``.

    Every method opens the file anew and closes it again, so a video holds no file and no decoder, and may be iterated
    several times, also from several threads. Frames come upright, with square pixels, in 8-bit sRGB; interlaced ones
    are deinterlaced, PQ and HLG tone-mapped. Damaged frames are never delivered.

    Example:
        >>> video = open_video(Path("concert.mp4"))
        >>> video.info.width, len(video)
        (1920, 10866)
        >>> video.frame_at(41.2).pixels.shape
        (1080, 1920, 3)
    """

    def __init__(self, info: VideoInfo) -> None:
        self.info = info
        """Size, orientation, colour, timing; see ``VideoInfo``."""

    def __repr__(self) -> str:
        info = self.info
        return f"Video({info.path.name!r}, {info.width}x{info.height}, {info.duration_s} s)"

    def __len__(self) -> int:
        """Return about how many frames there are: duration times rate as the header states them, 0 where it does not.

        Only a scan knows the number; see ``Scan.report``.
        """
        return self.info.frames_expected or 0

    def __bool__(self) -> bool:
        return True  # also where the header does not say how many frames there are

    def __iter__(self) -> Iterator[Frame]:
        """Yield every sound frame in presentation order; those without a time are left out.

        Raises:
            InputError: The file cannot be read any more.
        """
        with ExactDecoder(self.info, None) as decoder:
            for pts, pixels in decoder.every_frame():
                yield self._frame(pts, pixels)

    def frame_at(self, time_s: float) -> Frame:
        """Return the sound frame that is shown at a time: the last one that does not start after it.

        A time before the first frame gives the first, one after the end the last.

        Args:
            time_s: Seconds from the start of the stream.

        Raises:
            NoFramesError: Nothing there could be decoded.
            InputError: The file cannot be read any more.
        """
        target = self.info.start_pts_or_zero + round(time_s / self.info.time_base)
        with ExactDecoder(self.info, None) as decoder:
            found = decoder.shown_at(target)
        if found is None:
            raise NoFramesError(
                f"no sound frame at {time_s:.3f} s", item=self.info.path, remedy="check that the file is whole"
            )
        return self._frame(*found)

    def scan(self, *, threads: int | None = None, from_s: float | None = None, to_s: float | None = None) -> Scan:
        """Return the first pass over the video: the luma of every frame, in constant memory.

        Args:
            threads: Decoder threads; one per processor, at most 8, when None.
            from_s: Frames before this time are left out; None begins at the start.
            to_s: Frames from this time on are left out; None goes on to the end.
        """
        return Scan(self.info, threads=threads, from_s=from_s, to_s=to_s)

    def frames(self, pts: Sequence[int], *, threads: int | None = None) -> Iterator[Frame]:
        """Yield the frames with these pts in ascending order.

        A pts that cannot be delivered (not there, or not sound) is left out, so the caller sees which by the ``pts`` of
        what comes.

        Args:
            pts: Presentation times in units of the stream's time base, as the scan gave them; in any order.
            threads: Decoder threads; one per processor, at most 8, when None.

        Raises:
            InputError: The file cannot be read any more.
        """
        wanted = sorted(set(pts))
        if not wanted:
            return
        with ExactDecoder(self.info, threads) as decoder:
            for target in wanted:
                pixels = decoder.fetch(target)
                if pixels is not None:
                    yield self._frame(target, pixels)

    def sample_frames(self, count: int) -> Iterator[Frame]:
        """Yield so many key frames, at most, from all over the video, for measuring what kind of video it is.

        Key frames are the least compressed ones, and the first a decoder can reach. There are fewer where several of
        the evenly spaced times lead to the same key frame; one where the file does not say how long it is.

        Raises:
            InputError: The file cannot be read any more.
        """
        info = self.info
        start, length = info.start_pts_or_zero, int((info.duration_s or 0.0) / info.time_base)
        targets = sorted({start + length * (2 * number + 1) // (2 * count) for number in range(count)})
        seen: set[int] = set()
        with ExactDecoder(info, None) as decoder:
            for target in targets:
                found = decoder.key_frame(target)
                if found is not None and found[0] not in seen:
                    seen.add(found[0])
                    yield self._frame(*found)

    def frames_with_neighbours(
        self, regions: Mapping[int, Sequence[Box]], count: int, *, longest_px: int | None = None,
        threads: int | None = None,
    ) -> Iterator[FrameWithNeighbours]:  # fmt: skip
        """Yield chosen frames in ascending order, each with the same regions of the frames shown before and after it.

        The frame is the one that ``frames`` gives, byte for byte, and a neighbour is what a region of such a frame
        would be. Neighbours are counted in presentation order. A damaged one is left out and not replaced by one
        further away; so is one of another size. (What the decoder loses without a trace is not counted: ``offset_s``
        tells how far a neighbour is away.) At the ends of the clip there are fewer on one side, and not more on the
        other.

        Each frame is decoded once where neighbourhoods overlap or are near, and converted once. In memory are
        ``count / 2`` frames as they were decoded (1.5 bytes per pixel as a rule), the regions that are not complete,
        and their picked frames; the length of the video does not matter.

        Args:
            regions: Presentation time, in units of the stream's time base, to the regions that are needed around it, in
                pixels of the upright frame; rounded outward to whole pixels and cut at the edge of the frame.
            count: How many frames are looked at, at most, the picked one counted: of 15 up to 7 before and 7 after it;
                of an even number one more after it. Of 1 there are no neighbours.
            longest_px: Neighbours whose longer side is larger are made smaller, to this; None leaves them as they are.
            threads: Decoder threads; one per processor, at most 8, when None.

        Yields:
            One for every pts that can be delivered (as with ``frames``), with one tuple of neighbours per region.

        Raises:
            CropError: A region is empty or lies outside the frame; also a ValueError.
            InputError: The file cannot be read any more.
            ValueError: ``count`` is below 1.
        """
        if count < 1:
            raise ValueError(f"{count} frames hold no picked one")
        if not regions:
            return
        with NeighbourDecoder(
            self.info, threads, before=(count - 1) // 2, after=count // 2, longest_px=longest_px
        ) as decoder:
            yield from decoder.windows({pts: regions[pts] for pts in sorted(regions)})

    def _frame(self, pts: int, pixels: Picture) -> Frame:
        return Frame(pixels=pixels, source=self.info.path, pts=pts, time_s=self.info.time_s(pts))


def open_video(path: Path | str, *, stream: int | None = None) -> Video:
    """Open a video: read its header and decode its first frame.

    The first frame is decoded because rotation, mirroring, interlacing and often colour are told by frames only.

    Args:
        path: A media file.
        stream: Index in the container of the stream to take; the one with the largest picture when None.

    Raises:
        InputNotFoundError: There is no such file.
        InputUnreadableError: It is a folder, or may not be read.
        NotMediaError: It is no video.
        NoVideoStreamError: It holds no video stream, or not the one asked for.
        TruncatedInputError: It was cut off before anything in it could be decoded.
        UnsupportedMediaError: This build has no decoder for it.
        NoFramesError: It opens, but not one frame can be decoded.
    """
    return Video(probe(Path(path), stream))
