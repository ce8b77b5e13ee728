"""The second pass: chosen frames in true colour."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from fancam.records import Frame
from fancam.video._exact import ExactDecoder
from fancam.video.probe import probe


def decode_frames(
    path: Path, pts: Sequence[int], *, stream: int | None = None, threads: int | None = None
) -> Iterator[Frame]:
    """Yield the frames with these pts in ascending order: upright, square pixels, 8 bit sRGB.

    Interlaced frames are deinterlaced, PQ and HLG are tone-mapped. A pts that cannot be delivered (not there, or not
    sound) is left out, so the caller sees which by the ``pts`` of what comes.

    Args:
        path: A video.
        pts: Presentation times in units of the stream's time base, as the scan gave them; in any order.
        stream: Index in the container of the stream to take; the one with the largest picture when None.
        threads: Decoder threads; one per processor, at most 8, when None.

    Raises:
        InputError: As from ``probe``.
    """
    wanted = sorted(set(pts))
    if not wanted:
        return
    info = probe(path, stream)
    with ExactDecoder(info, threads) as decoder:
        for target in wanted:
            pixels = decoder.fetch(target)
            if pixels is not None:
                yield Frame(pixels=pixels, source=path, pts=target, time_s=info.time_s(target))
