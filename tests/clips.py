"""Clips that tests make for themselves: exact colours, known geometry, known times, known damage."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt
from av.video.frame import VideoFrame

LUMA_WEIGHTS = {"bt601": (0.299, 0.114), "bt709": (0.2126, 0.0722), "bt2020": (0.2627, 0.0593)}
"""Kr and Kb: ITU-R BT.601-7, BT.709-6 and BT.2020-2."""

TAG_CODES = {"bt601": 6, "bt709": 1, "bt2020": 9, "pq": 16, "hlg": 18, "sdr": 1, None: 2}
"""Code points of ITU-T H.273; 2 is "unspecified"."""

PATCHES = np.array(
    [(220, 40, 60), (40, 200, 90), (30, 60, 210), (240, 200, 30),
     (128, 128, 128), (250, 250, 250), (10, 10, 10), (230, 170, 140)],
    np.uint8,
)  # fmt: skip
"""Colours inside the gamut whose matrices differ by many levels; the last one is skin."""


@dataclass(frozen=True)
class Colour:
    """How a clip is written (the arithmetic) and how it is tagged; None leaves a tag out."""

    matrix: str = "bt709"
    full_range: bool = False
    tag_matrix: str | None = None
    tag_range: bool = True
    transfer: str | None = None
    primaries: str | None = None

    @classmethod
    def tagged(cls, matrix: str, **options: Any) -> Colour:
        return cls(matrix=matrix, tag_matrix=matrix, primaries=matrix, transfer="sdr", **options)


def yuv_planes(rgb: npt.NDArray, colour: Colour, bits: int = 8) -> tuple[npt.NDArray, npt.NDArray, npt.NDArray]:
    """Y, Cb, Cr of an RGB picture (uint8, or float in 0..1), not subsampled; the formulae of BT.601/709/2020."""
    r, g, b = np.moveaxis(rgb / 255.0 if rgb.dtype == np.uint8 else np.asarray(rgb, float), -1, 0)
    kr, kb = LUMA_WEIGHTS[colour.matrix]
    y = kr * r + (1 - kr - kb) * g + kb * b
    cb, cr = (b - y) / (2 - 2 * kb), (r - y) / (2 - 2 * kr)
    if colour.full_range:
        top = 2**bits - 1
        planes = (y * top, cb * top + 2 ** (bits - 1), cr * top + 2 ** (bits - 1))
    else:
        unit = 2 ** (bits - 8)
        planes = ((16 + 219 * y) * unit, (128 + 224 * cb) * unit, (128 + 224 * cr) * unit)
    dtype = np.uint8 if bits == 8 else np.uint16
    y8, cb8, cr8 = (np.clip(np.rint(p), 0, 2**bits - 1).astype(dtype) for p in planes)
    return y8, cb8, cr8


def halved(plane: npt.NDArray) -> npt.NDArray:
    """The mean of 2x2 samples: 4:2:0 with the chroma in the middle."""
    total = plane[::2, ::2].astype(np.uint32) + plane[1::2, ::2] + plane[::2, 1::2] + plane[1::2, 1::2]
    return ((total + 2) // 4).astype(plane.dtype)


def make_frame(planes: Sequence[npt.NDArray], pixel_format: str) -> VideoFrame:
    """A frame with these planes, sample by sample."""
    height, width = planes[0].shape
    frame = VideoFrame(width, height, pixel_format)
    for plane, samples in zip(frame.planes, planes, strict=True):
        padded = np.zeros((plane.height, plane.line_size), np.uint8)
        raw = np.ascontiguousarray(samples).view(np.uint8)
        padded[: raw.shape[0], : raw.shape[1]] = raw
        plane.update(padded.tobytes())
    return frame


def patches(width: int, height: int) -> npt.NDArray[np.uint8]:
    """Flat patches of ``PATCHES`` in two rows of four."""
    tall = np.repeat(np.repeat(PATCHES.reshape(2, 4, 3), height // 2, axis=0), width // 4, axis=1)
    return np.ascontiguousarray(tall)


def patch_centres(picture: npt.NDArray) -> npt.NDArray:
    """(8, 3) medians of the patches' middles."""
    height, width = picture.shape[0] // 2, picture.shape[1] // 4
    found = []
    for row in range(2):
        for column in range(4):
            y, x = row * height, column * width
            middle = picture[y + height // 4 : y + 3 * height // 4, x + width // 4 : x + 3 * width // 4]
            found.append(np.median(middle.reshape(-1, 3), axis=0))
    return np.array(found)


def corner_marks(width: int, height: int) -> npt.NDArray[np.uint8]:
    """A grey picture with a red upper left, green upper right, blue lower left and white lower right corner."""
    picture = np.full((height, width, 3), 90, np.uint8)
    h, w = height // 3, width // 3
    picture[:h, :w], picture[:h, -w:] = (220, 30, 30), (30, 200, 30)
    picture[-h:, :w], picture[-h:, -w:] = (30, 30, 220), (240, 240, 240)
    return picture


def corner_names(picture: npt.NDArray) -> list[str]:
    """What ``corner_marks`` drew, read back: upper left, upper right, lower left, lower right."""
    h, w = picture.shape[0] // 6, picture.shape[1] // 6
    found = []
    for y, x in ((h, w), (h, -w), (-h, w), (-h, -w)):
        r, g, b = (int(v) for v in picture[y, x])
        found.append("white" if min(r, g, b) > 180 else ("red", "green", "blue")[int(np.argmax((r, g, b)))])
    return found


def moving_noise(count: int, width: int = 192, height: int = 128, seed: int = 0) -> list[npt.NDArray[np.uint8]]:
    """Frames that all differ, with texture that wanders, so that every inter frame refers to others."""
    random = np.random.default_rng(seed)
    base = random.integers(0, 256, (height // 8 + 4, width // 8 + 4, 3), np.uint8)
    texture = np.kron(base, np.ones((8, 8, 1), np.uint8))
    return [np.ascontiguousarray(np.roll(texture, (i * 3, i * 5), (0, 1))[:height, :width]) for i in range(count)]


def cross_faded(
    before: Sequence[npt.NDArray], after: Sequence[npt.NDArray], length: int
) -> list[npt.NDArray[np.uint8]]:
    """Two clips of one size, the last ``length`` frames of the first fading linearly into the first of the second."""
    late = (np.arange(length) + 1) / (length + 1)
    both = zip(before[len(before) - length :], after[:length], late, strict=True)
    faded = [np.rint((1 - share) * a.astype(np.float32) + share * b).astype(np.uint8) for a, b, share in both]
    return [*before[: len(before) - length], *faded, *after[length:]]


def write_clip(
    path: Path,
    frames: Iterable[npt.NDArray],
    *,
    fps: int = 30,
    codec: str = "libx264",
    crf: int = 12,
    gop: int = 12,
    bits: int = 8,
    chroma: str = "420",
    colour: Colour | None = None,
    rotation: float = 0,
    hflip: bool = False,
    sar: Fraction | None = None,
    pts: Sequence[int] | None = None,
    time_base: Fraction | None = None,
    options: dict[str, str] | None = None,
    container_options: dict[str, str] | None = None,
    extra_frames: Iterable[npt.NDArray] = (),
) -> Path:
    """Write RGB frames (H, W, 3; uint8, or float in 0..1) as a clip; returns the path.

    Args:
        path: Its ending chooses the container.
        frames: Pictures, all of one size with even sides; x265 in MP4 needs three or more.
        fps: Constant frame rate where ``pts`` is not given.
        codec: An encoder of libav.
        crf: Quality for x264 and x265.
        gop: Key frame distance.
        bits: 8 or 10 per sample.
        chroma: ``420`` or ``444``.
        colour: Arithmetic and tags; BT.709 limited, tagged, when None.
        rotation: Display matrix, degrees counter-clockwise as libav counts.
        hflip: Mirrored in the display matrix as well.
        sar: Sample aspect ratio.
        pts: Presentation times in ``time_base``, one per frame.
        time_base: Of the pts; 1/90000 when None.
        options: More options of the encoder.
        container_options: Options of the muxer.
        extra_frames: Frames of a second video stream.
    """
    colour = colour or Colour.tagged("bt709")
    base = time_base or Fraction(1, 90000)
    with av.open(str(path), "w", options=container_options or {}) as container:
        written = [list(frames), list(extra_frames)]
        streams = []
        for pictures in written:
            if not pictures:
                continue
            stream: Any = container.add_stream(codec, rate=fps, options=_encoder_options(codec, crf, gop, options))
            stream.height, stream.width = pictures[0].shape[:2]
            stream.pix_fmt = _pixel_format(codec, bits, chroma)
            stream.time_base = stream.codec_context.time_base = base
            _tag(stream.codec_context, colour)
            if sar is not None:
                stream.codec_context.sample_aspect_ratio = sar
            if rotation or hflip:
                stream.set_display_rotation(rotation, hflip=hflip)
            streams.append((stream, pictures))
        for stream, pictures in streams:
            times = pts if pts is not None else [round(i / fps / base) for i in range(len(pictures))]
            for picture, time in zip(pictures, times, strict=True):
                frame = _encodable(picture, stream.pix_fmt, colour, bits, chroma)
                frame.pts, frame.time_base = time, base
                _tag(frame, colour)
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
    return path


def _encoder_options(codec: str, crf: int, gop: int, more: dict[str, str] | None) -> dict[str, str]:
    given = {"g": str(gop)}
    if codec in ("libx264", "libx265"):
        given |= {"crf": str(crf), "preset": "veryfast"}
    if codec == "libx265":
        given["x265-params"] = f"log-level=none:keyint={gop}:pools=1:frame-threads=1"
    if codec == "mpeg2video":
        given |= {"b": "20M", "maxrate": "40M", "bufsize": "4M"}
    return given | (more or {})


def _pixel_format(codec: str, bits: int, chroma: str) -> str:
    if codec == "gif":
        return "rgb8"
    return f"yuv{chroma}p" + ("" if bits == 8 else f"{bits}le")


def _encodable(picture: npt.NDArray, pixel_format: str, colour: Colour, bits: int, chroma: str) -> VideoFrame:
    if pixel_format == "rgb8":
        return VideoFrame.from_ndarray(picture, format="rgb24").reformat(format="rgb8")
    y, cb, cr = yuv_planes(picture, colour, bits)
    return make_frame((y, cb, cr) if chroma == "444" else (y, halved(cb), halved(cr)), pixel_format)


def _tag(target: Any, colour: Colour) -> None:
    target.colorspace = TAG_CODES[colour.tag_matrix]
    target.color_primaries = TAG_CODES[colour.primaries]
    target.color_trc = TAG_CODES[colour.transfer]
    target.color_range = (2 if colour.full_range else 1) if colour.tag_range else 0


def flip_bits(source: Path, target: Path, *, count: int, first_share: float = 0.3, seed: int = 1) -> Path:
    """Copy a file with random bits flipped behind the given share of its media data; headers stay whole."""
    data = bytearray(source.read_bytes())
    start = data.find(b"mdat") + 4
    end = data.find(b"moov", start) - 4 if data.find(b"moov", start) > 0 else len(data)
    random = np.random.default_rng(seed)
    for place in random.integers(start + int((end - start) * first_share), end, count):
        data[place] ^= 1 << int(random.integers(0, 8))
    target.write_bytes(data)
    return target


def cut_off(source: Path, target: Path, share: float) -> Path:
    """Copy the first part of a file."""
    data = source.read_bytes()
    target.write_bytes(data[: int(len(data) * share)])
    return target


def write_audio_only(path: Path) -> Path:
    """A file with one second of silence and no picture."""
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("aac", rate=44100)
        frame = av.AudioFrame(format="fltp", layout="mono", samples=1024)
        for plane in frame.planes:
            plane.update(bytes(plane.buffer_size))
        frame.sample_rate = 44100
        for _ in range(43):
            frame.pts = None
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path
