"""``fancam probe``: what a video holds, before anything is decoded."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

import fancam
from fancam.cli import options
from fancam.cli.report import edge, print_document
from fancam.media import VideoInfo


def probe(
    path: Annotated[Path, typer.Argument(metavar="VIDEO", help="A video file.", show_default=False)],
    stream: options.StreamOpt = None,
    as_json: options.JsonOpt = False,
    verbose: options.VerboseOpt = False,
) -> None:
    """Say what a video holds: size as shown, rotation, colour, rate, and what to watch out for."""
    with edge("probe", as_json=as_json, verbose=verbose):
        row = _row(fancam.open_video(path, stream=stream).info)
        if as_json:
            print_document("probe", inputs=[row])
            return
        for name, value in row.items():
            if name != "warnings":
                print(f"{name:<22} {'–' if value is None else value}")
        for warning in row["warnings"]:
            print(f"{'warning':<22} {warning}")


def _row(info: VideoInfo) -> dict[str, Any]:
    return {
        "path": str(info.path),
        "container": info.container,
        "codec": info.codec,
        "width": info.width,
        "height": info.height,
        "rotation_deg": info.orientation.rotation_deg,
        "mirrored": info.orientation.mirrored,
        "sample_aspect_ratio": f"{info.sample_aspect_ratio.numerator}:{info.sample_aspect_ratio.denominator}",
        "duration_s": info.duration_s,
        "average_rate": info.average_rate,
        "bit_depth": info.bit_depth,
        "matrix": info.colour.matrix,
        "full_range": info.colour.full_range,
        "transfer": info.colour.transfer,
        "colour_assumed": info.colour.assumed,
        "interlaced": info.interlaced,
        "stream": info.stream,
        "streams": info.streams,
        "warnings": list(info.warnings),
    }
