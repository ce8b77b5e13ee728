"""What is known of a video before it is decoded, and of each frame: size, orientation, timing, colour."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import av.error
import numpy as np
from av.container import InputContainer
from av.sidedata.sidedata import SideDataContainer
from av.sidedata.sidedata import Type as SideDataType
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from fancam.errors import FancamError, NoFramesError
from fancam.geometry import Orientation
from fancam.media import ColourTags, VideoInfo
from fancam.video.colour import colour_tags
from fancam.video.container import (
    chosen_stream,
    explained,
    has_times,
    is_film,
    moving_streams,
    opened,
    orientation_from_matrix,
    orientation_from_rotation,
    thread_count,
    upright_size,
)
from fancam.video.reader import USUAL_RATE, DecodedFrame, FrameReader


@dataclass(frozen=True, slots=True)
class FrameFacts:
    """What may change from frame to frame within one stream: a broadcast, a recording of an adaptive stream."""

    width: int
    """Width of the upright picture with square pixels."""
    height: int
    """Height of the upright picture with square pixels."""
    orientation: Orientation
    orientation_is_exact: bool
    """Whether the display matrix asks for whole quarter turns."""
    aspect_ratio: Fraction
    """Width of a sample over its height."""
    colour: ColourTags


def frame_facts(frame: VideoFrame, aspect_ratio: Fraction) -> FrameFacts:
    """Return how the samples of a decoded frame become an upright picture."""
    orientation, exact = _orientation(frame)
    width, height = upright_size(frame.width, frame.height, aspect_ratio, orientation)
    return FrameFacts(width, height, orientation, exact, aspect_ratio, colour_tags(frame))


def probe(path: Path, stream: int | None = None) -> VideoInfo:
    """Return what a video is: size, orientation, colour, timing; arguments and errors are those of ``open_video``."""
    with opened(path) as container:
        return describe(container, chosen_stream(container, path, stream), path)


def looks_like_video(path: Path) -> bool:
    """Whether a file opens as a moving picture: an animated GIF does; a PNG, a folder or a text does not.

    Reads the header only, and never raises for any file.
    """
    try:
        with opened(path) as container:
            return is_film(container)
    except FancamError:
        return False


def describe(container: InputContainer, stream: VideoStream, path: Path) -> VideoInfo:
    """Return the record of one stream of an opened file; reads from its beginning up to the first frame."""
    frame, _, ratio = _first_frame(container, stream, path)
    facts = frame_facts(frame, ratio)
    warnings = []
    if not facts.orientation_is_exact:
        warnings.append("the display matrix asks for a turn that is no quarter turn; the nearest one is used")
    if not has_times(container):
        rate = float(stream.average_rate or USUAL_RATE)
        warnings.append(f"the stream states no times: its frames are counted at {rate:g} per second")
    starts = [pts for pts in (stream.start_time, frame.pts) if pts is not None]
    return VideoInfo(
        path=path,
        container=container.format.name,
        codec=stream.codec_context.name,
        stream=stream.index,
        streams=len(moving_streams(container)),
        width=facts.width,
        height=facts.height,
        coded_width=frame.width,
        coded_height=frame.height,
        orientation=facts.orientation,
        sample_aspect_ratio=ratio,
        pixel_format=frame.format.name,
        bit_depth=frame.format.components[0].bits,
        colour=facts.colour,
        interlaced=bool(frame.interlaced_frame),
        average_rate=float(stream.average_rate) if stream.average_rate else None,
        duration_s=stated_duration_s(container, stream),
        time_base=Fraction(stream.time_base) if stream.time_base else Fraction(1, 1000),
        start_pts=min(starts) if starts else None,
        has_times=has_times(container),
        warnings=(*warnings, *_colour_warnings(frame, facts.colour)),
    )


def stated_duration_s(container: InputContainer, stream: VideoStream) -> float | None:
    """Return the duration that the header states: of the stream, else of the file, else None."""
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    return container.duration / av.time_base if container.duration else None


def _first_frame(container: InputContainer, stream: VideoStream, path: Path) -> DecodedFrame:
    fallback = None
    try:
        for decoded in FrameReader(container, stream, thread_count(None)):
            if decoded.rejected is None:
                return decoded
            fallback = fallback or decoded
    except (av.error.FFmpegError, ValueError) as error:
        raise explained(error, path) from error
    if fallback is not None:
        return fallback
    raise NoFramesError("not one frame can be decoded", item=path, remedy="check that the file is whole")


def _side_data(frame: VideoFrame, kind: SideDataType) -> bytes | None:
    """The bytes of one kind of side data; None where there is none, or where PyAV cannot list it."""
    try:
        # A container that the frame itself makes (``frame.side_data``) and the frame hold each other: frames of 12 MB
        # would wait for the collector, which counts objects and not bytes.
        return bytes(SideDataContainer(frame)[kind])  # type: ignore[call-arg]  # PyAV's stub has no constructor
    except KeyError:
        return None
    except ValueError:  # one kind that this PyAV has no name for hides all others
        return None


_H264_PARAMETERS = 1
"""``AV_VIDEO_ENC_PARAMS_H264``."""


def quantiser(frame: VideoFrame) -> float | None:
    """Return the mean quantisation parameter of a frame of H.264, 0 to 51; None where the decoder does not tell.

    FFmpeg's ``AVVideoEncParams``: the number of blocks, then offset and size of their records, type and base; a record
    is x, y, width, height and what its block has more than the base.
    """
    data = _side_data(frame, SideDataType.VIDEO_ENC_PARAMS)
    if data is None:
        return None
    count, _, offset, size, kind, base = struct.unpack_from("=IIQQii", data)
    if kind != _H264_PARAMETERS:
        return None
    blocks = np.frombuffer(data, np.uint8, count * size, offset).reshape(count, size)
    deltas = np.ascontiguousarray(blocks[:, 16:20]).view(np.int32)
    return float(base + deltas.mean()) if count else float(base)


def _orientation(frame: VideoFrame) -> tuple[Orientation, bool]:
    """Return how to turn a frame upright, and whether that is exact."""
    matrix = _side_data(frame, SideDataType.DISPLAYMATRIX)
    if matrix is None:
        return orientation_from_rotation(frame.rotation), True
    return orientation_from_matrix(matrix)


def _colour_warnings(frame: VideoFrame, colour: ColourTags) -> tuple[str, ...]:
    if (
        _side_data(frame, SideDataType.DOVI_METADATA) is None
        and _side_data(frame, SideDataType.DOVI_RPU_BUFFER) is None
    ):
        return ()
    if colour.transfer == "sdr" and colour.assumed:
        return ("Dolby Vision without a base that other players can show (profile 5): colours will be wrong",)
    return ()
