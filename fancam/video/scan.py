"""The first pass: every frame of a video, its luma only, in constant memory."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from types import TracebackType
from typing import Self

import av.error
import numpy as np
import numpy.typing as npt
from av.video.format import VideoFormat
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange

from fancam.errors import NoFramesError
from fancam.media import LumaFrame, ScanReport, VideoInfo
from fancam.video.container import chosen_stream, explained, opened, thread_count, truncation_warning
from fancam.video.probe import frame_facts
from fancam.video.reader import UNDECODABLE, DecodedFrame, FrameReader, frame_duration


class Scan:
    """Iterator over the clean frames of a video; made by ``Video.scan`` and used as a context manager.

    Every sound frame comes as a ``LumaFrame`` in presentation order, whose ``luma`` is valid until the next one is
    taken. Corrupt frames, and all that may refer to them up to the next clean key frame, are left out and counted in
    ``report.frames_rejected`` (``corrupt``, ``after_corrupt``, ``undecodable``, ``no_pts``). A file that was cut off
    is used as far as it goes, and ``report.warnings`` says so. Frames are read in one pass; a second iteration goes on
    where the first one stopped.

    Args:
        info: Of the video.
        threads: Decoder threads; one per processor, at most 8, when None.
        from_s: Frames before this time are left out, uncounted; None begins at the start.
        to_s: The first frame from this time on ends the scan; None goes on to the end.

    Raises:
        NoFramesError: At the end of the iteration, where nothing was sound.
    """

    def __init__(
        self, info: VideoInfo, *, threads: int | None = None, from_s: float | None = None, to_s: float | None = None
    ) -> None:
        self.info = info
        """What is known of the video."""
        self.report = ScanReport(warnings=list(self.info.warnings))
        """Counts and warnings, complete once the iteration has ended."""
        self._threads = thread_count(threads)
        self._from_s = -math.inf if from_s is None else from_s
        self._to_s = math.inf if to_s is None else to_s
        self._stack = ExitStack()
        self._frames: Iterator[LumaFrame] | None = None

    def __enter__(self) -> Self:
        container = self._stack.enter_context(opened(self.info.path))
        self._container = container
        self._stream = chosen_stream(container, self.info.path, self.info.stream)
        if self._from_s > 0 and self.info.has_times:
            with suppress(av.error.FFmpegError):  # then all of it is decoded
                target = self.info.start_pts_or_zero + int(self._from_s / self.info.time_base)
                container.seek(target, stream=self._stream, backward=True)
        self._frames = self._read()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._frames = None
        self._stack.close()

    def __iter__(self) -> Iterator[LumaFrame]:
        if self._frames is None:
            raise RuntimeError("a scan is iterated inside its with block")
        return self._frames

    def _read(self) -> Iterator[LumaFrame]:
        reader = FrameReader(self._container, self._stream, self._threads, lost=lambda: self.report.reject(UNDECODABLE))
        try:
            for decoded in reader:
                time_s = None if decoded.frame.pts is None else self.info.time_s(decoded.frame.pts)
                if time_s is not None and time_s < self._from_s:
                    continue
                if time_s is not None and time_s >= self._to_s:
                    break
                self._note_end(decoded.frame)
                reason = decoded.rejected or ("no_pts" if decoded.frame.pts is None else None)
                if reason is not None:
                    self.report.reject(reason)
                    continue
                self.report.frames_scanned += 1
                yield self._luma_frame(decoded)
        except av.error.FFmpegError as error:
            raise explained(error, self.info.path) from error
        self._finish(reader)

    def _luma_frame(self, decoded: DecodedFrame) -> LumaFrame:
        frame = decoded.frame
        assert frame.pts is not None
        facts = frame_facts(frame, decoded.aspect_ratio)
        luma, bits, full_range = luma_view(frame, facts.colour.full_range)
        if frame.interlaced_frame:
            luma = luma[::2]
        return LumaFrame(
            pts=frame.pts,
            time_s=self.info.time_s(frame.pts),
            luma=luma,
            bit_depth=bits,
            full_range=full_range,
            orientation=facts.orientation,
            width=facts.width,
            height=facts.height,
            key_frame=bool(frame.key_frame),
        )

    def _note_end(self, frame: VideoFrame) -> None:
        if frame.pts is not None:
            end = self.info.time_s(frame.pts) + float(frame_duration(frame, self._stream))
            self.report.end_time_s = max(self.report.end_time_s, end)

    def _finish(self, reader: FrameReader) -> None:
        if reader.stopped_early:
            self.report.warnings.append(f"reading stopped at {self.report.end_time_s:.1f} s: {reader.stopped_early}")
        stated = self.info.duration_s
        if stated is None or self._to_s >= stated:
            warning = truncation_warning(self._stream, self.info, self.report.end_time_s)
            if warning:
                self.report.warnings.append(warning)
        if self.report.frames_scanned == 0:
            if not self.report.frames_rejected and (self._from_s > 0 or self._to_s < math.inf):
                span = f"from {max(self._from_s, 0):g} s" + ("" if self._to_s == math.inf else f" to {self._to_s:g} s")
                remedy = "choose another span" if stated is None else f"it is {stated:.1f} s long"
                raise NoFramesError(f"has no frame {span}", item=self.info.path, remedy=remedy)
            lost = ", ".join(f"{count} {reason}" for reason, count in self.report.frames_rejected.items())
            raise NoFramesError(
                f"not one clean frame could be decoded ({lost or 'the stream is empty'})",
                item=self.info.path,
                remedy="check that the file is whole",
            )


def luma_view(frame: VideoFrame, full_range: bool) -> tuple[npt.NDArray, int, bool]:
    """Return the luma of a frame, its bit depth and whether it is full range.

    Args:
        frame: Any decoded frame.
        full_range: Whether the samples of the frame are full range.

    Returns:
        ``(rows, columns)`` uint8, or uint16 with the bits at the low end. It is a view of the decoder's buffer for
        planar formats and for those with interleaved chroma (NV12); a copy for P010 and its kin, which keep their
        bits at the high end; and a grey conversion, 8 bit full range, for RGB, palette and packed formats.
    """
    bits = _bits_of_plain_luma(frame.format)
    if bits is None or frame.planes[0].line_size <= 0:
        grey = frame.reformat(format="gray", dst_color_range=ColorRange.JPEG, threads=1)
        return _plane(grey, np.uint8), 8, True
    if bits == 8:
        return _plane(frame, np.uint8), 8, full_range
    luma = _plane(frame, np.uint16)
    if has_high_bits(frame.format):
        luma = luma >> (16 - bits)
    return luma, bits, full_range


def _plane(frame: VideoFrame, dtype: type) -> npt.NDArray:
    plane = frame.planes[0]
    samples = np.frombuffer(plane, dtype)  # type: ignore[call-overload]  # PyAV's buffers predate collections.abc.Buffer
    row = plane.line_size // np.dtype(dtype).itemsize
    rows = min(frame.height, len(samples) // row)
    return samples[: rows * row].reshape(rows, row)[:, : frame.width]


def _bits_of_plain_luma(pixel_format: VideoFormat) -> int | None:
    """The bit depth where plane 0 holds luma and nothing else in native order, else None."""
    first, *others = pixel_format.components
    if pixel_format.is_rgb or pixel_format.has_palette or pixel_format.is_bit_stream or pixel_format.is_bayer:
        return None
    if first.plane != 0 or any(c.plane == 0 for c in others):
        return None
    if first.bits > 8 and (pixel_format.is_big_endian or first.bits > 16):
        return None
    return first.bits if first.bits >= 8 else None


def has_high_bits(pixel_format: VideoFormat) -> bool:
    """Whether a format of more than 8 bits keeps them at the high end of the word (P010, P012, P210, P410 …)."""
    name = pixel_format.name
    return (name[:1] == "p" and name[1:4].isdigit()) or name.endswith("msble")
