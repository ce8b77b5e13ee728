"""One whole frame from two fields."""

from __future__ import annotations

import av.error
from av.filter import Graph
from av.video.frame import VideoFrame

from fancam.records import VideoInfo
from fancam.video.colour import buffer_source


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
