"""The way to the frames that are looked at exactly: the scan, and what it passed over beside its moments."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fancam import picking
from fancam.jobs.context import Context
from fancam.media import Frame, LumaFrame, ScanReport
from fancam.results import Candidate, Face
from fancam.settings import PickSettings, Settings
from fancam.video import Video

_PROGRESS_FRAMES = 12
"""The scan tells how far it is after so many frames: of 4K, too, more than twice a second."""
_LATE_CODECS = ("hevc", "vp9", "av1", "libdav1d")
"""Their decoders often report broken data only where it ends; that of H.264 where it begins."""
_USUAL_PERSONS = 6
"""On a stage: so many times more moments are looked at where each person is to have some."""


@dataclass(slots=True)
class Scanned:
    """What the scan of a video found."""

    report: ScanReport
    candidates: Sequence[Candidate]
    """The moments worth an exact look, in the order of time."""
    left_out: Mapping[str, int]
    """Fault to how many sound frames were left out for it."""
    met_damage: bool = False
    """Whether a frame that was passed over is damaged, as the exact looks found out."""


def decoder_threads(frames_rejected: Mapping[str, int]) -> int | None:
    """Return how many threads may decode a video: one where it is damaged, None for as many as there are.

    With several, libavcodec may hand out a frame before the slice of it that is broken has been found so: damaged
    frames are taken for sound ones, and not the same ones every time.
    """
    return 1 if any(frames_rejected.values()) else None


def scan(context: Context, film: Video, *, damaged: bool = False) -> Scanned:
    """Scan a video; one that is damaged with one thread and every frame of it, a second time where the scan finds out.

    Raises:
        FancamError: The video cannot be read, or a model is missing.
    """
    found = _scanned(context, film, 1 if damaged else None)
    if damaged or decoder_threads(found.report.frames_rejected) is None:
        return found
    return _scanned(context, film, 1)


def _scanned(context: Context, film: Video, threads: int | None) -> Scanned:
    def probe(grey: npt.NDArray[np.uint8]) -> list[Face]:
        return context.probe_detector.detect([np.repeat(grey[:, :, None], 3, axis=2)])[0]

    settings = context.settings
    search = probe if settings.pick.faces else None
    tell = _progress(context, film)
    with film.scan(
        threads=threads, from_s=settings.scan.from_s, to_s=settings.scan.to_s,
        least_fps=settings.scan.least_fps if threads is None else None,
    ) as frames:  # fmt: skip
        shortlist = picking.Shortlist(settings.scan, _wanted(settings.pick), search, film.info.duration_s)
        lost, late = 0, film.info.codec in _LATE_CODECS
        for number, frame in enumerate(frames):
            lost = _told_of_damage(shortlist, frames.report, lost) if late else 0
            shortlist.add(frame)
            if number % _PROGRESS_FRAMES == 0:
                tell(frame.time_s, False)
        if late:
            _told_of_damage(shortlist, frames.report, lost)
    tell(frames.report.end_time_s, True)
    candidates = shortlist.finish(*_groups(settings))
    return Scanned(frames.report, candidates, dict(sorted(shortlist.left_out.items())))


def _told_of_damage(shortlist: picking.Shortlist, report: ScanReport, lost_before: int) -> int:
    """Tell the shortlist where frames were lost since it was last told; returns how many are lost by now."""
    lost = sum(count for reason, count in report.frames_rejected.items() if reason != "no_pts")
    if lost > lost_before:
        shortlist.distrust()
    return lost


def _progress(context: Context, film: Video) -> Callable[[float, bool], None]:
    """Return what tells how far the scan is, in milliseconds of the video, and whether that is the end.

    Time is counted, not frames: those that are passed over take none, and how many there are is not known before.
    """
    span = context.settings.scan
    start_s = span.from_s or 0.0
    end_s = min(math.inf if end is None else end for end in (span.to_s, film.info.duration_s))
    total_ms = None if end_s == math.inf else max(round(1000 * (end_s - start_s)), 0)

    def tell(time_s: float, at_end: bool) -> None:
        done_ms = max(round(1000 * (time_s - start_s)), 0)
        context.progress("scan", done_ms, done_ms if at_end else total_ms and max(total_ms, done_ms))

    tell(start_s, False)
    return tell


def _wanted(settings: PickSettings) -> int:
    """Return about how many moments will be chosen, where neither stretches nor shots say it."""
    persons = 1 if settings.per_person is None else settings.per_person * _USUAL_PERSONS
    return max(settings.limit or 0, persons)


def _groups(settings: Settings) -> tuple[Callable[[Candidate], int] | None, int]:
    """Return by what the moments are grouped of which each has picks of its own, and how many; None for no groups."""
    pick, start_s = settings.pick, settings.scan.from_s or 0.0
    if pick.every_s is not None:
        return lambda moment: picking.stretch(moment.time_s, pick, start_s), 1
    return (None, 1) if pick.per_shot is None else (lambda moment: moment.shot, pick.per_shot)


def frames_to_look_at(context: Context, film: Video, scanned: Scanned) -> Iterator[tuple[Candidate, Frame]]:
    """Yield the moments with their frames in true colour, in the order of time.

    Where the scan passed frames over, those next to a moment are decoded here, and the sharpest one stands for it.
    """
    by_pts = {candidate.pts: candidate for candidate in scanned.candidates}
    threads = decoder_threads(scanned.report.frames_rejected)
    if not scanned.report.frames_skipped:
        for frame in film.frames(sorted(by_pts), threads=threads):
            assert frame.pts is not None
            yield by_pts[frame.pts], frame
        return
    span = context.settings.scan
    from_s, to_s = span.from_s or 0.0, math.inf if span.to_s is None else span.to_s

    def sharpest(frames: Sequence[LumaFrame], own: int) -> int:
        first = next(place for place, frame in enumerate(frames) if frame.time_s >= from_s)
        asked = [frame for frame in frames[first:] if frame.time_s < to_s]
        return first + picking.sharpest_near(asked, own - first, by_pts[frames[own].pts].seen)

    latest: int | None = None
    chosen_near = film.frames_chosen_near(sorted(by_pts), sharpest, within_s=0.5 / span.least_fps, threads=threads)
    for asked_pts, frame, damaged_near in chosen_near:
        scanned.met_damage |= damaged_near
        assert frame.pts is not None and frame.time_s is not None
        if latest is None or frame.pts > latest:  # two moments may have found the same frame
            latest = frame.pts
            yield dataclasses.replace(by_pts[asked_pts], pts=frame.pts, time_s=frame.time_s), frame
