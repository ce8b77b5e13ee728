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


def sample_frames(path: Path, count: int, *, stream: int | None = None, threads: int | None = None) -> Iterator[Frame]:
    """Yield some key frames from all over a video, for measuring what kind of video it is.

    Key frames are the least compressed ones, and the first a decoder can reach. There are fewer where several of the
    evenly spaced times lead to the same key frame; one where the file does not say how long it is.

    Args:
        path: A video.
        count: How many at most.
        stream: Index in the container of the stream to take; the one with the largest picture when None.
        threads: Decoder threads; one per processor, at most 8, when None.

    Raises:
        InputError: As from ``probe``.
    """
    info = probe(path, stream)
    start, length = info.start_pts or 0, int((info.duration_s or 0.0) / info.time_base)
    targets = sorted({start + length * (2 * number + 1) // (2 * count) for number in range(count)})
    seen: set[int] = set()
    with ExactDecoder(info, threads) as decoder:
        for target in targets:
            found = decoder.key_frame(target)
            if found is not None and found[0] not in seen:
                pts, pixels = found
                seen.add(pts)
                yield Frame(pixels=pixels, source=path, pts=pts, time_s=info.time_s(pts))
