"""The order of the stages for ``run``: inputs to picks, picks to cards. No image arithmetic, no printing."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fancam import __version__, faces, manifest, picking, pictures, printing, video
from fancam.enhance import CropRequest, Engine
from fancam.errors import (
    ExitCode,
    FancamError,
    InputNotFoundError,
    NothingFoundError,
    NotMediaError,
    OutputError,
)
from fancam.files import sha256_of_file
from fancam.models import ModelStore
from fancam.records import (
    CardGeometry,
    Face,
    Frame,
    LumaFrame,
    Pick,
    Progress,
    ScanReport,
    ScoredFace,
    VideoInfo,
    no_progress,
)
from fancam.settings import Settings
from fancam.workspace import Workspace, distinct_stems, sha256_of_values

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Source:
    """One input file."""

    path: Path
    stem: str
    """Safe name, different from that of every other input of the run."""
    is_video: bool


@dataclass(slots=True)
class RunResult:
    """What a run leaves behind."""

    document: Json
    exit_code: ExitCode
    errors: list[FancamError] = field(default_factory=list)
    """The failures, in the order they happened."""


def find_sources(inputs: Sequence[Path]) -> list[Source]:
    """Return the videos and photos named, a folder standing for the media files directly in it, sorted by name.

    A file that is named is always returned, whatever it holds; reading it tells what is wrong with it.

    Raises:
        InputNotFoundError: A path does not exist.
        NotMediaError: A folder holds no video and no photo.
    """
    paths: list[tuple[Path, bool]] = []
    for path in inputs:
        if not path.exists():
            raise InputNotFoundError("no such file or folder", item=path, remedy="check the path")
        if not path.is_dir():
            paths.append((path, not pictures.looks_like_picture(path)))
            continue
        media = [(p, kind) for p in sorted(path.iterdir()) if (kind := _media_kind(p)) is not None]
        if not media:
            raise NotMediaError("the folder holds no video and no photo", item=path, remedy="name another folder")
        paths.extend((p, kind == "video") for p, kind in media)
    stems = distinct_stems([path for path, _ in paths])
    return [Source(path, stem, is_video) for (path, is_video), stem in zip(paths, stems, strict=True)]


def _media_kind(path: Path) -> str | None:
    if not path.is_file() or path.name.startswith("."):
        return None
    if pictures.looks_like_picture(path):
        return "photo"
    return "video" if video.looks_like_video(path) else None


class Run:
    """One run of the main job.

    Args:
        out: The output folder.
        settings: Of every stage.
        store: Where the weights are.
        stream: Video stream to use; None takes the best.
        progress: Told of every step.

    Raises:
        OutputError: The output folder holds something else.
    """

    def __init__(
        self,
        out: Path,
        settings: Settings,
        store: ModelStore,
        *,
        stream: int | None = None,
        progress: Progress = no_progress,
    ) -> None:
        self.workspace = Workspace(out)
        self.settings = settings
        self.store = store
        self.stream = stream
        self.progress = progress
        self.geometry: CardGeometry = printing.card_geometry(settings.card)
        self.timings_s = dict.fromkeys(("scan", "faces", "enhance", "write"), 0.0)

    @cached_property
    def engine(self) -> Engine:
        """The super-resolution engine, loaded when the first card needs it."""
        return Engine(self.settings.enhance, self.store)

    @cached_property
    def frame_detector(self) -> faces.FaceDetector:
        """Finds faces in video frames."""
        return self._detector((self.settings.faces.detect_long_edge_px,))

    @cached_property
    def probe_detector(self) -> faces.FaceDetector:
        """Finds faces in the small grey pictures of the scan."""
        return self._detector((self.settings.scan.probe_long_edge_px,))

    @cached_property
    def photo_detector(self) -> faces.FaceDetector:
        """Finds faces of every size in photos."""
        return self._detector(faces.PHOTO_LONG_EDGES_PX)

    def _detector(self, long_edges_px: tuple[int, ...]) -> faces.FaceDetector:
        return faces.create_detector(self.settings.faces, self.store, long_edges_px=long_edges_px)

    # --- the whole run --------------------------------------------------------------------------------------------

    def __call__(self, inputs: Sequence[Path]) -> RunResult:
        """Make the cards of all inputs, the contact sheet and the manifest.

        One input that fails does not harm the others; it is listed in the manifest and in the exit code.

        Returns:
            The manifest and the exit code.

        Raises:
            FancamError: The only input cannot be used, a model is missing, or nothing can be written; what was
                finished before stays, and a second call goes on from there.
        """
        sources = find_sources(inputs)
        rows: list[Json] = []
        picks: list[Json] = []
        errors: list[tuple[FancamError, str]] = []
        for source in sources:
            try:
                row, source_picks, source_errors = self._run_source(source, len(rows))
            except (OutputError, KeyboardInterrupt):
                raise
            except FancamError as error:
                if len(sources) == 1 and not isinstance(error, NothingFoundError):
                    raise
                errors.append((error, "input"))
                continue
            rows.append(row)
            picks.extend(source_picks)
            errors.extend((error, "enhance") for error in source_errors)
            if not source_picks:
                errors.append((_nothing_found(source, row), "pick"))
        return self._finish(rows, picks, errors)

    def _run_source(self, source: Source, index: int) -> tuple[Json, list[Json], list[FancamError]]:
        sha256 = sha256_of_file(source.path)
        key = self._key(source, sha256)
        done = self.workspace.recorded(key)
        if "picks" not in done:
            found_row, found = self._find_video(source) if source.is_video else self._find_photo(source)
            row = {"path": str(source.path), "sha256": sha256, **found_row}
            done["picks"] = {"input": row, "picks": [manifest.pick_values(pick) for pick in found]}
            if found:
                self.workspace.record(key, "picks", done["picks"])
        row = done["picks"]["input"]
        picks = [manifest.pick_from_values(values, self.geometry) for values in done["picks"]["picks"]]
        cards, errors = self._make_cards(source, picks, key, done)
        return row, [manifest.pick_row(pick, index, cards.get(pick.id)) for pick in picks], errors

    def _key(self, source: Source, sha256: str) -> str:
        """Return the hash of all that the result for one input depends on."""
        upscaler = self.settings.enhance.upscaler
        weights = sha256_of_file(Path(upscaler)) if Path(upscaler).is_file() else upscaler
        return sha256_of_values([__version__, self.settings.as_dict(), self.stream, source.stem, sha256, weights])

    # --- from an input to picks -----------------------------------------------------------------------------------

    def _find_video(self, source: Source) -> tuple[Json, list[Pick]]:
        with self._timed("scan"):
            info, report, candidates = self._scan(source.path)
        with self._timed("faces"):
            scored = self._look(source.path, candidates)
        chosen = picking.select(scored, self.settings.pick)
        picks = []
        for one in chosen:
            others = [s.face for s in scored if s.candidate.pts == one.candidate.pts and s.face is not one.face]
            crop = faces.compose(one.face, info.width, info.height, self.geometry, self.settings.crop, others)
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
        return _video_row(info, report, len(candidates), picking.reject_reasons(scored, chosen)), picks

    def _scan(self, path: Path) -> tuple[VideoInfo, ScanReport, list[picking.Candidate]]:
        def probe(grey: npt.NDArray[np.uint8]) -> list[Face]:
            return self.probe_detector.detect([np.repeat(grey[:, :, None], 3, axis=2)])[0]

        with video.scan(path, stream=self.stream) as scan:
            info = scan.info
            shortlist = picking.Shortlist(self.settings.scan, self.settings.pick.top, probe, info.duration_s)
            total = _frames_expected(info)
            frame: LumaFrame
            for number, frame in enumerate(scan, start=1):
                shortlist.add(frame)
                if number % 30 == 0:
                    self.progress("scan", number, max(total, number) if total else None)
        self.progress("scan", scan.report.frames_scanned, scan.report.frames_scanned)
        return info, scan.report, shortlist.finish()

    def _look(self, path: Path, candidates: Sequence[picking.Candidate]) -> list[ScoredFace]:
        """Decode the candidates exactly, find the faces and score them; no pixels are kept."""
        by_pts = {candidate.pts: candidate for candidate in candidates}
        moments, scores = [], []
        for number, frame in enumerate(video.decode_frames(path, sorted(by_pts), stream=self.stream), start=1):
            assert frame.pts is not None
            found = self.frame_detector.detect([frame.pixels])[0]
            moments.append((by_pts[frame.pts], found))
            scores.append([picking.score_face(frame.pixels, face, self.settings.pick) for face in found])
            self.progress("faces", number, len(candidates))
        tracked = faces.track_faces(moments)
        return [
            ScoredFace(candidate, face, score)
            for (candidate, _), found, found_scores in zip(moments, tracked, scores, strict=True)
            for face, score in zip(found, found_scores, strict=True)
        ]

    def _find_photo(self, source: Source) -> tuple[Json, list[Pick]]:
        with self._timed("faces"):
            frame = pictures.read_picture(source.path)
            found = sorted(self.photo_detector.detect([frame.pixels])[0], key=lambda face: face.box.centre)
            self.progress("faces", 1, 1)
        picks = []
        for number, face in enumerate(found, start=1):
            score = picking.score_face(frame.pixels, face, self.settings.pick)
            others = [other for other in found if other is not face]
            crop = faces.compose(face, frame.width, frame.height, self.geometry, self.settings.crop, others)
            # Whoever is in a photo was asked for: a weak face is said to be weak, and gets its card.
            weak = (f"the face is {score.rejected.replace('_', ' ')}",) if score.rejected else ()
            reason = f"face {number} of {len(found)} from the left; {face.box.height:.0f} px high"
            picks.append(
                Pick(f"{source.stem}-face{number:02d}", None, None, face, score, crop, reason, weak + crop.warnings)
            )
        return _photo_row(frame, len(found)), picks

    # --- from picks to cards --------------------------------------------------------------------------------------

    def _make_cards(
        self, source: Source, picks: Sequence[Pick], key: str, done: Json
    ) -> tuple[dict[str, Json], list[FancamError]]:
        """Render the cards that are not there yet; return what was written per pick, and what failed."""
        cards: dict[str, Json] = {}
        errors: list[FancamError] = []
        todo = []
        for pick in picks:
            path = self.workspace.card_path(pick.id, self.settings.card.format)
            card = done.get(f"card {pick.id}")
            if card and path.is_file() and sha256_of_file(path) == card["sha256"]:
                cards[pick.id] = card
            else:
                todo.append(pick)
        made = len(cards)
        for pick, frame in self._frames_of(source, todo):
            self.progress("cards", made, len(picks))
            try:
                cards[pick.id] = self._make_card(source, pick, frame)
            except OutputError:
                raise
            except FancamError as error:
                errors.append(error)
                continue
            self.workspace.record(key, f"card {pick.id}", cards[pick.id])
            made += 1
        self.progress("cards", made, len(picks))
        lost = {pick.id for pick in picks} - cards.keys()
        if len(lost) > len(errors):
            errors.append(NotMediaError(f"{len(lost) - len(errors)} picked frames could not be decoded again",
                                        item=source.path, remedy="copy the file anew and run again"))  # fmt: skip
        return cards, errors

    def _frames_of(self, source: Source, picks: Sequence[Pick]) -> Iterator[tuple[Pick, Frame]]:
        if not picks:
            return
        if not source.is_video:
            frame = pictures.read_picture(source.path)
            yield from ((pick, frame) for pick in picks)
            return
        by_pts: dict[int, list[Pick]] = {}
        for pick in picks:
            assert pick.pts is not None
            by_pts.setdefault(pick.pts, []).append(pick)
        for frame in video.decode_frames(source.path, sorted(by_pts), stream=self.stream):
            assert frame.pts is not None
            yield from ((pick, frame) for pick in by_pts[frame.pts])

    def _make_card(self, source: Source, pick: Pick, frame: Frame) -> Json:
        with self._timed("enhance"):
            request = CropRequest(frame.pixels, pick.crop.box, self.geometry.width_px, self.geometry.height_px)
            enhanced = self.engine.enhance([request])[0]
        path = self.workspace.card_path(pick.id, self.settings.card.format)
        with self._timed("write"):
            self.workspace.make_parent(path)
            provenance = printing.Provenance.of(source.path.name, pick, enhanced, __version__)
            file = printing.write_card(enhanced, self.geometry, provenance, path, self.settings.card)
        return {
            "path": self.workspace.relative(path),
            "sha256": file.sha256,
            "width_px": file.width_px,
            "height_px": file.height_px,
            "dpi": round(file.dpi, 3),
            "enhance": {
                "upscaler": enhanced.upscaler,
                "upscaler_sha256": enhanced.upscaler_sha256,
                "scale": round(enhanced.scale, 4),
                "invented": enhanced.invented,
                "restorer": None,
                "fused_frames": 1,
                "identity": None,
                "notes": list(enhanced.notes),
            },
        }

    # --- the end --------------------------------------------------------------------------------------------------

    def _finish(
        self, rows: Sequence[Json], picks: Sequence[Json], errors: Sequence[tuple[FancamError, str]]
    ) -> RunResult:
        with_cards = [row for row in picks if row["card"]]
        with self._timed("write"):
            if with_cards:
                self._write_contact(with_cards)
        changed = self.workspace.remove_stale_cards({row["card"]["path"] for row in with_cards})
        document = manifest.document(
            version=__version__,
            verb="run",
            settings=self.settings.as_dict(),
            inputs=rows,
            picks=picks,
            failures=[
                {"item": error.item, "stage": stage, "error": error.line(), "exit_code": int(error.exit_code)}
                for error, stage in errors
            ],
            timings_s=self.timings_s,
            card={
                "width_mm": self.geometry.width_mm, "height_mm": self.geometry.height_mm,
                "bleed_mm": self.geometry.bleed_mm, "dpi": round(self.geometry.dpi, 3),
                "width_px": self.geometry.width_px, "height_px": self.geometry.height_px,
            },
            warnings=[f"{path}: left in place, it was changed since it was made" for path in changed],
        )  # fmt: skip
        self.workspace.write_manifest(document)
        return RunResult(document, _exit_code(len(with_cards), [e for e, _ in errors]), [e for e, _ in errors])

    def _write_contact(self, picks: Sequence[Json]) -> None:
        entries = [
            printing.ContactEntry(
                path=self.workspace.folder / row["card"]["path"],
                label=row["id"],
                time_s=row["time_s"],
                score=row["score"],
                effective_ppi=row["effective_ppi"],
            )
            for row in picks
        ]
        printing.write_contact_sheet(entries, self.geometry, self.workspace.contact_path)

    @contextmanager
    def _timed(self, stage: str) -> Iterator[None]:
        start = time.perf_counter()
        try:
            yield
        finally:
            self.timings_s[stage] += time.perf_counter() - start


def plan(inputs: Sequence[Path], settings: Settings, *, stream: int | None = None) -> Json:
    """Return what a run would do, without decoding more than a first frame and without writing.

    Raises:
        FancamError: An input cannot be used.
    """
    geometry = printing.card_geometry(settings.card)
    rows: list[Json] = []
    for source in find_sources(inputs):
        if source.is_video:
            info = video.probe(source.path, stream)
            rows.append({"path": str(source.path), "kind": "video", "width": info.width, "height": info.height,
                         "duration_s": info.duration_s, "frames_expected": _frames_expected(info),
                         "cards_at_most": settings.pick.top, "warnings": list(info.warnings)})  # fmt: skip
        else:
            frame = pictures.read_picture(source.path)
            rows.append({"path": str(source.path), "kind": "photo", "width": frame.width, "height": frame.height,
                         "cards_at_most": None, "warnings": []})  # fmt: skip
    return {
        "fancam": __version__,
        "verb": "run",
        "dry_run": True,
        "settings": settings.as_dict(),
        "inputs": rows,
        "card": {"width_px": geometry.width_px, "height_px": geometry.height_px, "dpi": round(geometry.dpi, 3)},
    }


def _exit_code(cards: int, errors: Sequence[FancamError]) -> ExitCode:
    if not errors:
        return ExitCode.OK
    if cards:
        return ExitCode.SOME_FAILED
    codes = {error.exit_code for error in errors}
    return codes.pop() if len(codes) == 1 else ExitCode.ERROR


def _moment_id(stem: str, pts: int, twin: int | None) -> str:
    """Return the card's name for a moment: a pts may be negative, and several faces may share one."""
    address = f"{pts:09d}" if pts >= 0 else f"n{-pts:08d}"
    return f"{stem}-{address}" + ("" if twin is None else f"-{'abcdefghijklmnopqrstuvwxyz'[twin % 26]}")


def _frames_expected(info: VideoInfo) -> int | None:
    if not info.duration_s or not info.average_rate:
        return None
    return max(1, round(info.duration_s * info.average_rate))


def _video_row(info: VideoInfo, report: ScanReport, candidates: int, rejected: dict[str, int]) -> Json:
    return {
        "kind": "video",
        "width": info.width,
        "height": info.height,
        "rotation_deg": info.orientation.rotation_deg,
        "mirrored": info.orientation.mirrored,
        "duration_s": None if info.duration_s is None else round(info.duration_s, 3),
        "stream": info.stream,
        "codec": info.codec,
        "colour": {"matrix": info.colour.matrix, "full_range": info.colour.full_range,
                   "transfer": info.colour.transfer, "primaries": info.colour.primaries,
                   "assumed": info.colour.assumed},
        "interlaced": info.interlaced,
        "frames_scanned": report.frames_scanned,
        "frames_rejected": dict(report.frames_rejected),
        "moments_looked_at": candidates,
        "faces_rejected": rejected,
        "warnings": [*info.warnings, *report.warnings],
    }  # fmt: skip


def _photo_row(frame: Frame, found: int) -> Json:
    return {
        "kind": "photo",
        "width": frame.width,
        "height": frame.height,
        "rotation_deg": 0,
        "duration_s": None,
        "frames_scanned": 1,
        "frames_rejected": {},
        "faces_found": found,
        "warnings": [],
    }


def _nothing_found(source: Source, row: Json) -> NothingFoundError:
    if not source.is_video:
        return NothingFoundError("no face found", item=source.path, remedy="try --preset wide-stage for small faces")
    rejected = row["faces_rejected"]
    if not rejected:
        cause = f"no face found in the {row['moments_looked_at']} moments looked at"
        return NothingFoundError(cause, item=source.path, remedy="try --preset wide-stage or --preset close-up")
    reasons = ", ".join(f"{count} {reason.replace('_', ' ')}" for reason, count in sorted(rejected.items()))
    return NothingFoundError(
        f"no usable face: of those found, {reasons}",
        item=source.path,
        remedy="lower pick.min_sharpness or pick.min_face_px",
    )
