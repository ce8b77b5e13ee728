"""The luma of a decoded frame, which is all that the scan looks at: a view of the decoder's buffer where it can be."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from av.video.format import VideoFormat
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange

from fancam.media import LumaFrame, VideoInfo
from fancam.video.probe import frame_facts
from fancam.video.reader import DecodedFrame


def luma_frame(decoded: DecodedFrame, info: VideoInfo) -> LumaFrame:
    """Return a decoded frame that has a pts as the scan hands it out; its luma is valid as long as the frame lives."""
    frame = decoded.frame
    assert frame.pts is not None
    facts = frame_facts(frame, decoded.aspect_ratio)
    luma, bits, full_range = luma_view(frame, facts.colour.full_range)
    if frame.interlaced_frame:
        luma = luma[::2]
    return LumaFrame(
        pts=frame.pts,
        time_s=info.time_s(frame.pts),
        luma=luma,
        bit_depth=bits,
        full_range=full_range,
        orientation=facts.orientation,
        width=facts.width,
        height=facts.height,
        key_frame=bool(frame.key_frame),
    )


def luma_view(frame: VideoFrame, full_range: bool) -> tuple[npt.NDArray, int, bool]:
    """Return the luma of a frame, its bit depth and whether it is full range.

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
