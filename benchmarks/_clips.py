"""Clips that several benchmarks are run on."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np


def write_grainy(path: Path, *, width: int, height: int, frames: int, codec: str, pixel_format: str, rate: str) -> None:
    """Write a clip of a wandering texture under film-like grain."""
    random = np.random.default_rng(0)
    coarse = random.integers(30, 220, (height // 40 + 12, width // 40 + 12), np.uint8)
    texture = cv2.resize(coarse, None, fx=40, fy=40, interpolation=cv2.INTER_CUBIC)
    grain = random.integers(-9, 10, (height + 64, width + 64), np.int16)
    with av.open(str(path), "w") as container:
        # Cameras and sites use CABAC and in-loop deblocking, which the fastest presets leave out.
        options = {"preset": "fast", "g": "60", "x265-params": "log-level=none"}
        stream: Any = container.add_stream(codec, rate=60, options=options)
        stream.width, stream.height, stream.pix_fmt = width, height, pixel_format
        stream.bit_rate = int(float(rate.rstrip("M")) * 1e6)
        for i in range(frames):
            x, y = random.integers(0, 64, 2)
            part = texture[i % 300 : i % 300 + height, i % 300 : i % 300 + width].astype(np.int16)
            luma = np.clip(part + grain[y : y + height, x : x + width], 16, 235).astype(np.uint8)
            picture = np.concatenate([luma, np.full((height // 2, width), 128, np.uint8)])
            frame = av.VideoFrame.from_ndarray(picture, format="yuv420p").reformat(format=pixel_format)
            frame.pts, frame.time_base = i, Fraction(1, 60)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def write_enlarged(
    source: Path, target: Path, *, height: int, frames: int, codec: str, pixel_format: str, rate: str
) -> None:
    """Write the first frames of a clip at this height, shown at 60 frames a second, with a usual encoder's B-frames."""
    with av.open(str(source)) as given, av.open(str(target), "w") as container:
        options = {"preset": "medium" if codec == "libx264" else "fast", "g": "250", "x265-params": "log-level=none"}
        stream: Any = container.add_stream(codec, rate=60, options=options)
        stream.pix_fmt, stream.bit_rate = pixel_format, int(float(rate.rstrip("M")) * 1e6)
        small = given.streams.video[0]
        stream.width, stream.height = round(small.width * height / small.height / 2) * 2, height
        for number, frame in zip(range(frames), given.decode(small), strict=False):
            larger = frame.reformat(stream.width, height, pixel_format, interpolation="BICUBIC")
            larger.pts, larger.time_base = number, Fraction(1, 60)
            container.mux(stream.encode(larger))
        container.mux(stream.encode(None))


def repeat(source: Path, target: Path, times: int) -> None:
    """Copy the packets of a clip several times in a row, without decoding them."""
    with av.open(str(source)) as given, av.open(str(target), "w") as container:
        template = given.streams.video[0]
        assert template.duration is not None
        stream: Any = container.add_stream_from_template(template)
        for round_number in range(times):
            given.seek(0)
            shift = round_number * template.duration
            for packet in given.demux(template):
                if packet.pts is None or packet.dts is None:
                    continue
                packet.pts, packet.dts = packet.pts + shift, packet.dts + shift
                packet.stream = stream
                container.mux(packet)
