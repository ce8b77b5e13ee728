"""How the samples of a frame are to be read, and the way to sRGB: the tags, the rules for missing ones, conversion.

The numbers of the tags are those of ITU-T H.273 (code points for matrix, transfer and primaries), which libav uses.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from av.filter import Graph
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Colorspace, Interpolation

from fancam.media import ColourTags, Samples

HD_HEIGHT, HD_WIDTH = 720, 1280
"""From one of these on, untagged material is BT.709, as every HD standard has it; below, BT.601."""

_UNSPECIFIED = 2
_MATRICES = {0: "rgb", 1: "bt709", 4: "bt601", 5: "bt601", 6: "bt601", 9: "bt2020", 10: "bt2020"}
_PRIMARIES = {1: "bt709", 4: "bt601", 5: "bt601", 6: "bt601", 7: "bt601", 9: "bt2020"}
_TRANSFERS = {16: "pq", 18: "hlg"}
_MATRIX_CODES = {"bt601": 6, "bt709": 1, "bt2020": 9, "rgb": 0}
_PRIMARIES_CODES = {"bt601": 6, "bt709": 1, "bt2020": 9}
_TRANSFER_CODES = {"sdr": 1, "pq": 16, "hlg": 18}
_MATRIX_NAMES = {"bt601": "smpte170m", "bt709": "bt709", "bt2020": "bt2020nc", "rgb": "gbr"}
_SWS_MATRICES = {"bt601": Colorspace.ITU601, "bt709": Colorspace.ITU709, "bt2020": Colorspace.BT2020}

_BT2020_TO_BT709 = np.array(
    [[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]], np.float32
)
"""Linear RGB; ITU-R BT.2407-0, 2.2 (the inverse of BT.2087-0's M2)."""

_ACCURATE = (
    Interpolation.BICUBIC | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT | Interpolation.FULL_CHR_H_INP
)
"""Chroma is interpolated for every pixel and rounded exactly: a print shows what a screen in motion hides."""


def colour_tags(frame: VideoFrame) -> ColourTags:
    """Return how the samples of a frame are to be read.

    Tags are honoured. A matrix that is missing or unknown is BT.709 for HD sizes and BT.601 below; a missing
    range is limited, but for the ``yuvj`` formats and RGB, which are full range.
    """
    name = frame.format.name
    transfer = _TRANSFERS.get(frame.color_trc, "sdr")
    if frame.format.is_rgb or frame.format.has_palette:
        return ColourTags("rgb", True, transfer, _PRIMARIES.get(frame.color_primaries, "bt709"))
    matrix = _MATRICES.get(frame.colorspace)
    if matrix == "rgb":  # a YCbCr format cannot hold RGB: the tag is wrong
        matrix = None
    assumed = matrix is None
    if matrix is None:
        usual = "bt709" if frame.height >= HD_HEIGHT or frame.width >= HD_WIDTH else "bt601"
        matrix = "bt2020" if frame.color_primaries == 9 or transfer != "sdr" else usual
    full = frame.color_range == ColorRange.JPEG or name.startswith("yuvj")
    primaries = _PRIMARIES.get(frame.color_primaries, matrix)
    return ColourTags(matrix, full, transfer, primaries, assumed)


class SrgbConverter:
    """Turns the frames of one video into sRGB.

    Standard range goes through one exact matrix conversion. BT.2020 primaries are mapped to those of BT.709. PQ
    and HLG are tone-mapped by FFmpeg's scale filter with its perceptual intent, which keeps the order of all levels
    instead of clipping. That filter spends seconds on a table before its first frame, so one converter serves a video.

    Args:
        tags: How the samples are to be read.
        deep: Whether samples of more than 8 bits become 16.
    """

    def __init__(self, tags: ColourTags, *, deep: bool = False) -> None:
        self._tags = tags
        self._deep = deep
        self._graph: Graph | None = None
        self._graph_is_for: tuple[int, int, str] | None = None

    def convert(self, frame: VideoFrame) -> Samples:
        """Return the picture of a frame as it is stored: not turned, its samples not made square.

        Returns:
            (height, width, 3) RGB, a copy; uint8, or uint16 with the whole range where that was asked for and the frame
            has more than 8 bits.

        Raises:
            av.error.FFmpegError: The pixel format cannot be converted.
        """
        deep = self._deep and frame.format.components[0].bits > 8
        if self._tags.transfer != "sdr":
            mapped = _packed(self._through_graph(frame))
            return np.rint(np.clip(mapped, 0, 1) * 65535).astype(np.uint16) if deep else mapped
        if self._tags.primaries == "bt2020":
            return _bt709_from_bt2020(_sixteen_bits(frame, self._tags), deep=deep)
        return _sixteen_bits(frame, self._tags) if deep else _packed(_matrix_only(frame, self._tags, "rgb24"))

    def _through_graph(self, frame: VideoFrame) -> VideoFrame:
        tags = self._tags
        frame.colorspace = _MATRIX_CODES[tags.matrix]
        frame.color_range = ColorRange.JPEG if tags.full_range else ColorRange.MPEG
        frame.color_trc = _TRANSFER_CODES[tags.transfer]
        frame.color_primaries = _PRIMARIES_CODES[tags.primaries]
        kind = (frame.width, frame.height, frame.format.name)
        if self._graph is None or self._graph_is_for != kind:
            deep = self._deep and frame.format.components[0].bits > 8
            # Not rgb48: into that the filter writes other colours (FFmpeg 8.0: greens are off by ten levels of 255).
            self._graph, self._graph_is_for = _mapping_graph(frame, tags, "gbrpf32le" if deep else "rgb24"), kind
        if frame.pts is None:
            frame.pts = 0
        self._graph.vpush(frame)
        return self._graph.vpull()


def _bt709_from_bt2020(rgb: npt.NDArray[np.uint16], *, deep: bool) -> Samples:
    """Map BT.2020 primaries to BT.709 in linear light and clip (ITU-R BT.2087-0, clause 3, run the other way).

    The display gamma is 2.4 (ITU-R BT.1886).
    """
    levels = np.arange(65536, dtype=np.float32) / 65535
    linear = (levels**2.4)[rgb]
    mapped = np.asarray(cv2.transform(linear, _BT2020_TO_BT709))
    shown = np.clip(mapped, 0, 1) ** (1 / 2.4)
    return np.rint(shown * 65535).astype(np.uint16) if deep else np.rint(shown * 255).astype(np.uint8)


def _sixteen_bits(frame: VideoFrame, tags: ColourTags) -> npt.NDArray[np.uint16]:
    """Return (height, width, 3) uint16 with white at 65535.

    swscale leaves the white of YCbCr where a shift to 16 bits takes it: at 255 * 256 in limited range, at the highest
    code times a power of two in full range. Stretched, every level is within 3 of 65535.
    """
    rgb = np.asarray(_packed(_matrix_only(frame, tags, "rgb48le")), np.uint16)
    if tags.matrix == "rgb":
        return rgb
    bits = frame.format.components[0].bits
    white = (2**bits - 1) << (16 - bits) if tags.full_range else 255 * 256
    levels = np.arange(65536, dtype=np.float64) * (65535 / white)
    return np.rint(np.minimum(levels, 65535)).astype(np.uint16)[rgb]


def _matrix_only(frame: VideoFrame, tags: ColourTags, pixel_format: str) -> VideoFrame:
    options: dict[str, Any] = {}
    if tags.matrix != "rgb":
        options = {
            "src_colorspace": _SWS_MATRICES[tags.matrix],
            "src_color_range": ColorRange.JPEG if tags.full_range else ColorRange.MPEG,
            "dst_color_range": ColorRange.JPEG,
        }
    return frame.reformat(format=pixel_format, interpolation=_ACCURATE, threads=1, **options)


def _mapping_graph(frame: VideoFrame, tags: ColourTags, pixel_format: str) -> Graph:
    """Return the graph that converts primaries and transfer; needs the scale filter of FFmpeg 8 or later."""
    graph = Graph()
    nodes = [
        buffer_source(graph, frame, tags),
        # Metadata that changes with every frame would rebuild the table, and make neighbours differ in brightness.
        graph.add("sidedata", "mode=delete:type=DYNAMIC_HDR_PLUS"),
        graph.add("scale", "out_primaries=bt709:out_transfer=bt709:out_color_matrix=bt709:intent=perceptual"),
        graph.add("format", f"pix_fmts={pixel_format}"),
        graph.add("buffersink"),
    ]
    graph.link_nodes(*nodes).configure()
    return graph


def _packed(frame: VideoFrame) -> npt.NDArray:
    return np.ascontiguousarray(frame.to_ndarray())


def buffer_source(graph: Graph, frame: VideoFrame, tags: ColourTags, time_base: Fraction | None = None) -> Any:
    """Add the source of a filter graph that takes frames like this one, read as the tags say."""
    base = time_base or frame.time_base or Fraction(1, 1000)
    return graph.add(
        "buffer",
        f"video_size={frame.width}x{frame.height}:pix_fmt={frame.format.name}"
        f":time_base={base.numerator}/{base.denominator}:pixel_aspect=1/1"
        f":colorspace={_MATRIX_NAMES[tags.matrix]}:range={'pc' if tags.full_range else 'tv'}",
    )
