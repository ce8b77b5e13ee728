"""The scan's side of picking: each frame it has is seen once, a bounded list of moments comes out."""

from __future__ import annotations

import itertools
import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from fancam.geometry import Box
from fancam.media import LumaFrame
from fancam.picking.faults import FaultFinder
from fancam.picking.reduction import (
    Grey,
    Reduced,
    ShotBoundaryDetector,
    Workbench,
    blocks_of,
    miniature,
    reduced,
    textured,
)
from fancam.picking.terms import size_term
from fancam.results import Candidate, Face
from fancam.settings import ScanSettings

FaceProbe = Callable[[npt.NDArray[np.uint8]], list[Face]]
"""Finds the faces of a (height, width) uint8 grey picture, in pixels of that picture."""

MAX_WAITING_FRAMES = 96
"""Faces are searched for at the latest after so many frames, whatever the interval: this many wait in memory."""
MAX_FACES = 6
"""The largest faces of a frame; more would cost time and change nothing, as one good face makes a moment."""
NO_FACE_SHARE = 0.05
"""Weight of a frame in which no face is known, against one with a face: kept when there is room."""
KEY_FRAME_BONUS = 1.02
"""Key frames are coded 0.8 to 1.5 dB better than their neighbours at usual rates; it decides between equals."""
LEAST_TOP, MAX_CANDIDATES = 8, 2048
"""For fewer cards as many moments are looked at exactly as for 8, so that one card is the best of eight."""
MAX_QUEUED_FRAMES = 16
"""Small copies that wait for the worker: 8 MB at 1080p; more would not make a steady worker faster."""

MAX_SLOTS = 4096
FIRST_SLOT_S = 0.05
PER_SLOT = 2
COVERAGE_SHARE = 0.4
"""Share of the shortlist that is spread evenly over the video, in case the scan misjudged what is sharp."""
SUPPRESSION_S, SUPPRESSION_COUNT = 0.3, 3
"""Temporal non-maximum suppression: no more than this many of the others within so many seconds of each other, for they
are one moment."""

MAX_MOVE = 2.0
"""In face widths: two faces farther apart than this are not taken for the same one."""
MAX_GROWTH = 2.0
"""Ratio of the heights of two faces that may be the same one."""


@dataclass(slots=True)
class _Waiting:
    """A frame whose faces are not known yet."""

    pts: int
    time_s: float
    key_frame: bool
    reduced: Reduced
    drawn: npt.NDArray[np.float32] | None = None
    """Its textured blocks."""
    fault: str | None = None


@dataclass(slots=True)
class _Segment:
    """The frames between two searches for faces, all of one shot."""

    shot: int
    before: Future[Detection] | None
    after: Future[Detection] | None = None
    frames: list[_Waiting] = field(default_factory=list)


class Shortlist:
    """Finds the moments worth an exact look, in one pass, with bounded memory, whatever the length of the video.

    Faces are searched for about every ``probe_interval_s`` and after each cut; the frames in between wait as small
    grey copies. When the faces on both sides are known, their places are interpolated and the sharpness of the faces
    alone is measured. The caller's thread, which decodes, only makes the small copies; one worker thread does the rest
    in the order of the frames, and another one searches for faces. The result depends on the frames only, never on the
    timing of the threads.

    Args:
        settings: How often faces are searched for, how large the picture is, and how many moments are wanted.
        top: How many cards are wanted.
        probe: Finds faces in an upright grey thumbnail; called in one worker thread, one call at a time. None where
            there is no detector: then the middle of the frame stands in for a face.
        duration_s: Length of the video where it is known.
    """

    def __init__(self, settings: ScanSettings, top: int, probe: FaceProbe | None, duration_s: float | None) -> None:
        self._settings = settings
        self._limit = min(max(top, LEAST_TOP) * settings.candidates_per_pick, MAX_CANDIDATES)
        self._probe = probe
        self._worker = ThreadPoolExecutor(1, "fancam-scan-faces") if probe is not None else None
        self._measurer = ThreadPoolExecutor(1, "fancam-scan-measure")
        self._queued: deque[Future[None]] = deque()
        self._faults: FaultFinder[_Waiting] = FaultFinder()
        self._bench, self._measuring_bench = Workbench(), Workbench()
        self._shots = ShotBoundaryDetector()
        self._best = BestPerSlot(duration_s)
        self._segment = _Segment(0, None)
        self._complete: deque[_Segment] = deque()
        self._probed_at_s: float | None = None
        self.left_out: dict[str, int] = {}
        """Fault to how many frames were left out for it, complete after ``finish``."""

    def add(self, frame: LumaFrame) -> None:
        """Take the next frame; its luma is copied as far as it is needed.

        Raises:
            Exception: Whatever ``probe`` raised for an earlier frame.
        """
        waiting = _Waiting(frame.pts, frame.time_s, frame.key_frame, reduced(frame, self._bench))
        self._queued.append(self._measurer.submit(self._judge, waiting))
        while len(self._queued) > MAX_QUEUED_FRAMES or (self._queued and self._queued[0].done()):
            self._queued.popleft().result()

    def distrust(self) -> None:
        """Tell that the decoder reported damage after the latest frame: those before it may be broken already."""
        self._queued.append(self._measurer.submit(self._faults.distrust))

    def _judge(self, waiting: _Waiting) -> None:
        """Put a small copy before the search for faults, and take those that come out of it."""
        small = blocks_of(miniature(waiting.reduced.pixels, self._measuring_bench))
        waiting.drawn = textured(small)
        for ready, fault in self._faults.add(waiting, waiting.reduced.pixels, waiting.key_frame, small, waiting.drawn):
            self._take(ready, fault)

    def _take(self, waiting: _Waiting, fault: str | None) -> None:
        """Put a small copy into its segment, and measure the segments whose faces are known."""
        waiting.fault = fault
        self._segment.frames.append(waiting)
        new = self._shots.add_blocks(waiting.drawn)
        if new:
            self._split(new)
        if self._due(waiting.time_s):
            self._search(waiting.time_s, waiting.reduced)
        while len(self._complete) > 1:
            self._measure(self._complete.popleft())

    def finish(self, group: Callable[[Candidate], int] | None = None, per_group: int = 1) -> list[Candidate]:
        """Return the shortlist in ascending order of time: ``candidates_per_pick`` for each card, and for 8 at least.

        Empty where no frame was added. The object is of no use afterwards.

        Args:
            group: Where so many cards of each stretch or shot are wanted: which one a moment belongs to.
            per_group: How many.
        """
        while self._queued:
            self._queued.popleft().result()
        self._measurer.shutdown()
        for ready, fault in self._faults.finish():
            self._take(ready, fault)
        last = self._segment.frames[-1] if self._segment.frames else None
        if last is not None and self._worker is not None and last.time_s != self._probed_at_s:
            self._search(last.time_s, last.reduced)
        self._complete.append(self._segment)
        while self._complete:
            self._measure(self._complete.popleft())
        if self._worker is not None:
            self._worker.shutdown()
        if group is None:
            return shortlisted(self._best, self._limit)
        groups: dict[int, list[Candidate]] = {}
        for moment in self._best:
            groups.setdefault(group(moment), []).append(moment)
        wanted = min(max(len(groups) * per_group, LEAST_TOP) * self._settings.candidates_per_pick, MAX_CANDIDATES)
        each = math.ceil(wanted / max(len(groups), 1))
        return sorted((c for one in groups.values() for c in shortlisted(one, each)), key=lambda c: c.pts)

    def _due(self, time_s: float) -> bool:
        if self._shots.undecided and len(self._segment.frames) < MAX_WAITING_FRAMES:
            return False
        if self._probed_at_s is None or len(self._segment.frames) >= MAX_WAITING_FRAMES:
            return True
        return abs(time_s - self._probed_at_s) >= self._settings.probe_interval_s - 1e-6

    def _split(self, new: int) -> None:
        """Begin a new shot with the latest ``new`` frames, as far as they are still waiting."""
        old = self._segment
        at = max(len(old.frames) - new, 0)
        self._segment = _Segment(old.shot + 1, None, frames=old.frames[at:])
        del old.frames[at:]
        self._complete.append(old)
        self._probed_at_s = None

    def _search(self, time_s: float, reduced: Reduced) -> None:
        """Search the latest frame for faces and begin a new segment."""
        found: Future[Detection] | None = None
        if self._worker is not None:
            thumbnail = reduced.thumbnail(self._settings.probe_long_edge_px)
            found = self._worker.submit(self._faces_at, time_s, thumbnail, reduced.width, reduced.height)
        if self._probed_at_s is None:  # first search in a shot: it serves the frames before it as well
            self._segment.before = found
        self._segment.after = found
        self._complete.append(self._segment)
        self._segment = _Segment(self._segment.shot, found)
        self._probed_at_s = time_s

    def _faces_at(self, time_s: float, thumbnail: Grey, width: int, height: int) -> Detection:
        assert self._probe is not None
        scale_x, scale_y = width / thumbnail.shape[1], height / thumbnail.shape[0]
        boxes = [face.box.scaled(scale_x, scale_y) for face in self._probe(thumbnail)]
        boxes.sort(key=lambda box: (-box.area, box.x0, box.y0))
        return Detection(time_s, tuple(boxes[:MAX_FACES]))

    def _measure(self, segment: _Segment) -> None:
        before = segment.before.result() if segment.before is not None else None
        after = segment.after.result() if segment.after is not None else None
        paths = face_paths(before, after)
        for waiting in segment.frames:
            if waiting.fault is None:
                score, seen = _scan_score(waiting, paths)
                self._best.add(Candidate(waiting.pts, waiting.time_s, score, segment.shot, seen))
            else:
                self.left_out[waiting.fault] = self.left_out.get(waiting.fault, 0) + 1
            self._bench.give_back(waiting.reduced)
        segment.frames.clear()


def _scan_score(waiting: _Waiting, paths: Sequence[FacePath]) -> tuple[float, Box]:
    """Return 0 to 1: the sharpness of the best face of a frame, weighed by its size; and where that face is."""
    best, seen = 0.0, waiting.reduced.middle
    for path in paths:
        box = path.at(waiting.time_s)
        if box is None:
            continue
        score = waiting.reduced.sharpness(box) * size_term(box.height)
        if score > best:
            best, seen = score, box
    if best == 0.0:
        best = NO_FACE_SHARE * waiting.reduced.sharpness(seen)
    return min(best * (KEY_FRAME_BONUS if waiting.key_frame else 1.0), 1.0), seen


# --- the best of every part of the video --------------------------------------------------------------------------


class BestPerSlot:
    """Keeps the best few moments of each slot of time; when the slots become too many, neighbours are merged."""

    def __init__(self, duration_s: float | None) -> None:
        known = duration_s if duration_s is not None and math.isfinite(duration_s) else 0.0
        self._slot_s = FIRST_SLOT_S
        while known / self._slot_s > MAX_SLOTS:
            self._slot_s *= 2
        self._slots: dict[int, list[Candidate]] = {}

    def add(self, moment: Candidate) -> None:
        """Keep a moment if it is among the best of its slot."""
        self._put(moment)
        while len(self._slots) > MAX_SLOTS:
            self._slot_s *= 2
            moments = list(self)
            self._slots = {}
            for kept in moments:
                self._put(kept)

    def _put(self, moment: Candidate) -> None:
        slot = self._slots.setdefault(math.floor(moment.time_s / self._slot_s), [])
        slot.append(moment)
        slot.sort(key=_rank)
        del slot[PER_SLOT:]

    def __iter__(self) -> Iterator[Candidate]:
        return itertools.chain.from_iterable(self._slots.values())


def shortlisted(moments: Iterable[Candidate], limit: int) -> list[Candidate]:
    """Choose at most ``limit`` moments: some spread evenly over the time, the others the best, not all in one place.

    Each is judged by its score and by how that compares with the best of its shot, so that a shot in poor light is
    not passed over for want of contrast. The result has the scores that were compared.
    """
    ranked = sorted(_relative(list(moments)), key=_rank)
    chosen: dict[int, Candidate] = {}
    if ranked:
        start = min(c.time_s for c in ranked)
        windows = max(round(limit * COVERAGE_SHARE), 1)
        window_s = max((max(c.time_s for c in ranked) - start) / windows, 1e-9)
        covered: set[int] = set()
        for c in ranked:
            window = min(int((c.time_s - start) / window_s), windows - 1)
            if window not in covered and len(chosen) < limit:
                covered.add(window)
                chosen[c.pts] = c
    for most in (SUPPRESSION_COUNT, len(ranked)):  # when there is room left, nothing is suppressed
        for c in ranked:
            if len(chosen) >= limit:
                break
            near = sum(abs(c.time_s - other.time_s) < SUPPRESSION_S for other in chosen.values())
            if c.pts not in chosen and near < most:
                chosen[c.pts] = c
    return sorted(chosen.values(), key=lambda c: c.pts)


def _rank(candidate: Candidate) -> tuple[float, int]:
    return -candidate.scan_score, candidate.pts


def _relative(moments: Sequence[Candidate]) -> list[Candidate]:
    """Return the moments with their scores lowered by half as much as they fall short of the best of their shot."""
    best: dict[int, float] = {}
    for m in moments:
        best[m.shot] = max(best.get(m.shot, 0.0), m.scan_score)
    shares = (m.scan_score / best[m.shot] if best[m.shot] > 0 else 0.0 for m in moments)
    return [
        replace(m, scan_score=round(m.scan_score * (0.5 + 0.5 * share), 6))
        for m, share in zip(moments, shares, strict=True)
    ]


# --- where faces are between two searches -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Detection:
    """The faces found at one time, in pixels of the upright full frame, largest first."""

    time_s: float
    boxes: tuple[Box, ...]


@dataclass(frozen=True, slots=True)
class FacePath:
    """Where a face is between two times, by linear interpolation."""

    start: Box
    end: Box
    start_s: float
    end_s: float
    from_s: float = -math.inf
    """The path holds from here …"""
    until_s: float = math.inf
    """… until here, both included."""

    def at(self, time_s: float) -> Box | None:
        """Return the interpolated box, None outside the time the path holds for."""
        if not self.from_s <= time_s <= self.until_s:
            return None
        span = self.end_s - self.start_s
        share = min(max((time_s - self.start_s) / span, 0.0), 1.0) if span > 0 else 0.0
        a, b = self.start, self.end
        return Box(
            a.x0 + (b.x0 - a.x0) * share, a.y0 + (b.y0 - a.y0) * share,
            a.x1 + (b.x1 - a.x1) * share, a.y1 + (b.y1 - a.y1) * share,
        )  # fmt: skip


def face_paths(before: Detection | None, after: Detection | None) -> list[FacePath]:
    """Match the faces of two searches and return where each is in between.

    A face without a partner stays where it was seen, for the half of the time that is nearer to it; where there is only
    one search (a shot's end), its faces hold for all of the time.
    """
    if before is None or after is None or before.time_s == after.time_s:
        only = before or after
        return [FacePath(box, box, only.time_s, only.time_s) for box in only.boxes] if only else []
    first, last, middle = before.time_s, after.time_s, (before.time_s + after.time_s) / 2
    pairs = _matched(before.boxes, after.boxes)
    seen_before, seen_after = {i for i, _ in pairs}, {j for _, j in pairs}
    lost = [box for i, box in enumerate(before.boxes) if i not in seen_before]
    new = [box for j, box in enumerate(after.boxes) if j not in seen_after]
    return [
        *(FacePath(before.boxes[i], after.boxes[j], first, last) for i, j in pairs),
        *(FacePath(box, box, first, first, until_s=middle) for box in lost),
        *(FacePath(box, box, last, last, from_s=middle) for box in new),
    ]


def _matched(a: Sequence[Box], b: Sequence[Box]) -> list[tuple[int, int]]:
    """Return index pairs of faces that may be the same, greedily, the nearest first."""
    costs = sorted((cost, i, j) for i, p in enumerate(a) for j, q in enumerate(b) if (cost := _cost(p, q)) is not None)
    pairs: list[tuple[int, int]] = []
    for _, i, j in costs:
        if all(i != used_i and j != used_j for used_i, used_j in pairs):
            pairs.append((i, j))
    return pairs


def _cost(a: Box, b: Box) -> float | None:
    size = max(a.width, b.width, 1e-6)
    moved = math.dist(a.centre, b.centre) / size
    growth = max(a.height, b.height) / max(min(a.height, b.height), 1e-6)
    return moved + (growth - 1) if moved <= MAX_MOVE and growth <= MAX_GROWTH else None
