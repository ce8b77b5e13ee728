"""From an input to picks: scan, look, score, choose, compose."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fancam import faces, picking, pictures, video
from fancam.crop import frame_face
from fancam.jobs import manifest
from fancam.jobs.context import Context
from fancam.jobs.sources import Source
from fancam.media import ScanReport, VideoInfo
from fancam.results import Candidate, CardGeometry, Face, Pick, ScoredFace

Json = dict[str, Any]

BYSTANDER = "turned_into_shadow"
"""The only gate that keeps a face of a photo from its card."""


class Finder:
    """Finds the picks of one input after the other.

    Args:
        context: Settings and detectors.
        geometry: Of the cards the picks are composed for.
    """

    def __init__(self, context: Context, geometry: CardGeometry) -> None:
        self.context = context
        self.settings = context.settings
        self.geometry = geometry

    def __call__(self, source: Source) -> tuple[Json, list[Pick]]:
        """Return the manifest's row of an input, and its picks: none when there is nothing to make a card of.

        Raises:
            FancamError: The input cannot be used, or a model is missing.
        """
        return self._find_video(source) if source.is_video else self._find_photo(source)

    def _find_video(self, source: Source) -> tuple[Json, list[Pick]]:
        with self.context.watch("scan"):
            info, report, candidates = self._scan(source.path)
        with self.context.watch("faces"):
            scored = self._look(source.path, candidates, decoder_threads(report.frames_rejected))
        chosen = picking.select(scored, self.settings.pick)
        picks = []
        for one in chosen:
            others = [s.face for s in scored if s.candidate.pts == one.candidate.pts and s.face is not one.face]
            crop = frame_face(one.face, info.width, info.height, self.geometry, self.settings.crop, others)
            twins = [c for c in chosen if c.candidate.pts == one.candidate.pts]
            picks.append(
                Pick(
                    id=_moment_id(source.stem, one.candidate.pts, twins.index(one) if len(twins) > 1 else None),
                    pts=one.candidate.pts,
                    time_s=one.candidate.time_s,
                    face=one.face,
                    score=one.score,
                    crop=crop,
                    reason=picking.explain(one, scored),
                    warnings=crop.warnings,
                )
            )
        return manifest.video_row(info, report, len(candidates), picking.reject_reasons(scored, chosen)), picks

    def _scan(self, path: Path) -> tuple[VideoInfo, ScanReport, list[Candidate]]:
        """Scan a video; one that is damaged a second time, with one thread."""
        found = self._scanned(path, None)
        threads = decoder_threads(found[1].frames_rejected)
        return found if threads is None else self._scanned(path, threads)

    def _scanned(self, path: Path, threads: int | None) -> tuple[VideoInfo, ScanReport, list[Candidate]]:
        def probe(grey: npt.NDArray[np.uint8]) -> list[Face]:
            return self.context.probe_detector.detect([np.repeat(grey[:, :, None], 3, axis=2)])[0]

        with video.open_video(path, stream=self.context.stream).scan(threads=threads) as scan:
            info = scan.info
            shortlist = picking.Shortlist(self.settings.scan, self.settings.pick.top, probe, info.duration_s)
            total = manifest.frames_expected(info)
            for number, frame in enumerate(scan, start=1):
                shortlist.add(frame)
                if number % 30 == 0:
                    self.context.progress("scan", number, max(total, number) if total else None)
        self.context.progress("scan", scan.report.frames_scanned, scan.report.frames_scanned)
        return info, scan.report, shortlist.finish()

    def _look(self, path: Path, candidates: Sequence[Candidate], threads: int | None) -> list[ScoredFace]:
        """Decode the candidates exactly, find the faces and score them; no pixels are kept."""
        by_pts = {candidate.pts: candidate for candidate in candidates}
        moments, scores = [], []
        frames = video.open_video(path, stream=self.context.stream).frames(sorted(by_pts), threads=threads)
        while group := list(itertools.islice(frames, self.context.frames_at_once)):
            found_in_each = self.context.frame_detector.detect([frame.pixels for frame in group])
            for frame, found in zip(group, found_in_each, strict=True):
                assert frame.pts is not None
                moments.append((by_pts[frame.pts], found))
                scores.append([picking.score_face(frame.pixels, face, self.settings.pick) for face in found])
            self.context.progress("faces", len(moments), len(candidates))
        tracked = faces.track_faces(moments)
        return [
            ScoredFace(candidate, face, score)
            for (candidate, _), found, found_scores in zip(moments, tracked, scores, strict=True)
            for face, score in zip(found, found_scores, strict=True)
        ]

    def _find_photo(self, source: Source) -> tuple[Json, list[Pick]]:
        with self.context.watch("faces"):
            frame = pictures.read_picture(source.path)
            found = sorted(self.context.photo_detector.detect([frame.pixels])[0], key=lambda face: face.box.centre)
            self.context.progress("faces", 1, 1)
        picks = []
        left_out = 0
        for number, face in enumerate(found, start=1):
            score = picking.score_face(frame.pixels, face, self.settings.pick)
            if score.rejected == BYSTANDER and not self.settings.pick.all_faces:
                left_out += 1
                continue
            others = [other for other in found if other is not face]
            crop = frame_face(face, frame.width, frame.height, self.geometry, self.settings.crop, others)
            # Whoever is in a photo was asked for: a weak face is said to be weak, and gets its card.
            weak = (f"the face is {score.rejected.replace('_', ' ')}",) if score.rejected else ()
            reason = f"face {number} of {len(found)} from the left; {face.box.height:.0f} px high"
            picks.append(
                Pick(f"{source.stem}-face{number:02d}", None, None, face, score, crop, reason, weak + crop.warnings)
            )
        return manifest.photo_row(frame, len(found), left_out), picks


def decoder_threads(frames_rejected: Mapping[str, int]) -> int | None:
    """Return how many threads may decode a video: one where it is damaged, None for as many as there are.

    With several, libavcodec may hand out a frame before the slice of it that is broken has been found so: damaged
    frames are taken for sound ones, and not the same ones every time.
    """
    return 1 if any(frames_rejected.values()) else None


def _moment_id(stem: str, pts: int, twin: int | None) -> str:
    """Return the card's name for a moment: a pts may be negative, and several faces may share one."""
    address = f"{pts:09d}" if pts >= 0 else f"n{-pts:08d}"
    return f"{stem}-{address}" + ("" if twin is None else f"-{'abcdefghijklmnopqrstuvwxyz'[twin % 26]}")
