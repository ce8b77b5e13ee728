"""From a video or a photo to its moments: scan, look, score, choose; and from a moment to what its card shows."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from fancam import faces, picking
from fancam.cropping import frame_face
from fancam.errors import NoFramesError, NothingFoundError, NotMediaError, UsageError
from fancam.geometry import Box, CardGeometry
from fancam.jobs.context import Context
from fancam.jobs.manifest import InputReport
from fancam.jobs.persons import Vectors, as_people
from fancam.jobs.scanning import Scanned, frames_to_look_at, scan
from fancam.jobs.workspace import Source
from fancam.media import Frame, Picture, ScanReport
from fancam.paper import limits
from fancam.pictures import StillPicture
from fancam.results import Candidate, Crop, Face, Pick, RunnerUp, Score, ScoredFace
from fancam.settings import Settings
from fancam.video import Video

_PHOTO = Candidate(0, 0.0, 1.0, 0)
"""The one moment of a photo."""


@dataclass(frozen=True, eq=False)
class Moment:
    """A face at a moment of a video, or a face of a photo, that is worth a card."""

    source: Video | StillPicture
    """The video, or the photo."""
    name: str
    """Unique within the source: of a video the pts, of a photo the number of the face from the left."""
    face: Face | None
    """None where whole frames were judged."""
    scored: Score
    reason: str
    """Why it was chosen, in one plain line."""
    others: tuple[Face, ...] = ()
    """The other faces of the frame."""
    pts: int | None = None
    """Address in the video, in units of its time base; None for a photo."""
    time_s: float | None = None
    """Seconds from the start of the video; None for a photo."""
    runners_up: tuple[Moment, ...] = ()
    """Whom it beat: moments of the same person near it, the best first, each with the reason why it lost."""

    @property
    def score(self) -> float:
        """How good the face is for print, in [0, 1]."""
        return self.scored.value

    @property
    def why(self) -> Mapping[str, float | None]:
        """Each term of the score in [0, 1]; None where it could not be measured."""
        return self.scored.why

    @cached_property
    def frame(self) -> Frame:
        """The whole picture in true colour, decoded when it is first asked for.

        Raises:
            NoFramesError: The frame could not be decoded again.
        """
        if isinstance(self.source, StillPicture):
            return self.source.frame()
        assert self.pts is not None
        for frame in self.source.frames([self.pts]):
            return frame
        raise NoFramesError("a picked frame could not be decoded again", item=self.source.info.path,
                            remedy="copy the file anew and run again")  # fmt: skip

    def __repr__(self) -> str:
        when = "" if self.time_s is None else f"time_s={self.time_s:.3f}, "
        return f"Moment({when}score={self.score:.2f}, reason={self.reason!r})"


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """What was found in one input."""

    moments: list[Moment]
    """Best first; of a photo from left to right, bystanders last."""
    faces_found: int
    """Of a photo; of a video those that were looked at."""
    faces_rejected: Mapping[str, int]
    """Reason to how many faces were not chosen for it."""
    scan: ScanReport | None = None
    """None for a photo."""
    moments_looked_at: int = 0
    looked_at: Sequence[ScoredFace] = ()
    """Every face that was looked at, of a video in the order of time, of a photo from left to right."""
    vectors: Vectors | None = None
    """(N, D) embeddings of ``looked_at``; None where nobody is told apart."""
    frames_left_out: Mapping[str, int] = field(default_factory=dict)
    """Of a video: fault to how many sound frames were left out for it, as of ``cross_fade``."""


def find_in_video(context: Context, film: Video) -> Found:
    """Return the best different moments of a video.

    Raises:
        FancamError: The video cannot be read, or a model is missing.
    """
    with context.watch("scan"):
        scanned = scan(context, film)
    with context.watch("faces"):
        scored, vectors = _look(context, film, scanned)
    if scanned.met_damage:
        with context.watch("scan"):
            scanned = scan(context, film, damaged=True)
        with context.watch("faces"):
            scored, vectors = _look(context, film, scanned)
    if vectors is not None and context.tells_people_apart:
        scored = as_people(scored, vectors, context.roster)
    watched = context.settings.scan.crop_box
    inside = [
        number
        for number, one in enumerate(scored)
        if watched is None or watched.contains(Box(*one.face.box.centre, *one.face.box.centre))
    ]
    asked = [scored[number] for number in inside]
    settings, start_s = context.settings.pick, context.settings.scan.from_s or 0.0
    chosen = _chosen(context, asked, start_s)
    beaten = picking.runners_up(chosen, asked, settings)
    explain = picking.explain if settings.faces else picking.explain_frame

    def moment(one: ScoredFace, reason: str, runners_up: Sequence[Moment] = ()) -> Moment:
        pts = one.candidate.pts
        named = chosen if any(one is pick for pick in chosen) else itertools.chain(chosen, *beaten)
        twins = [other for other in named if other.candidate.pts == pts]
        twin = next((number for number, other in enumerate(twins) if other is one), None) if len(twins) > 1 else None
        others = tuple(other.face for other in scored if other.candidate.pts == pts and other.face is not one.face)
        return Moment(
            film, _moment_name(pts, twin), one.face if settings.faces else None, one.score, reason, others, pts,
            one.candidate.time_s, tuple(runners_up),
        )  # fmt: skip

    moments = [
        moment(one, explain(one, scored), [
            moment(other, picking.lost_by(other, one, settings)) for other in others
        ])
        for one, others in zip(chosen, beaten, strict=True)
    ]  # fmt: skip
    return Found(
        moments, len(scored), picking.reject_reasons(asked, chosen), scanned.report, len(scanned.candidates), asked,
        None if vectors is None else vectors[inside], scanned.left_out,
    )  # fmt: skip


def _chosen(context: Context, asked: Sequence[ScoredFace], start_s: float) -> list[ScoredFace]:
    """Return the picks: of everybody together, or of each member that is asked for."""
    settings = context.settings.pick
    if not context.members:
        return picking.select(asked, settings, start_s)
    return [
        one
        for name in context.members
        for one in picking.select([look for look in asked if _member(look.face) == name], settings, start_s)
    ]


def _member(face: Face) -> str | None:
    return None if face.naming is None else face.naming.member


def find_in_photo(context: Context, photo: StillPicture) -> Found:
    """Return the faces of a photo from left to right, the bystanders last; without these where the settings say so.

    Raises:
        FancamError: A model is missing.
    """
    settings = context.settings.pick
    with context.watch("read"):
        pixels = photo.srgb()
    with context.watch("faces"):
        found = sorted(context.photo_detector.detect([pixels])[0], key=lambda face: face.box.centre)
        found = _with_meshes(context, pixels, found)
        context.progress("faces", 1, 1)
        scores = [picking.score_face(pixels, face, settings) for face in found]
        looked = [ScoredFace(_PHOTO, face, score) for face, score in zip(found, scores, strict=True)]
        vectors = context.embed(pixels, found) if context.embeds and found else None
        if vectors is not None and context.roster is not None:
            looked = as_people(looked, vectors, context.roster)
            found = [one.face for one in looked]
    moments, bystanders = [], []
    for number, (face, score, by) in enumerate(
        zip(found, scores, picking.tell_bystanders(found, scores), strict=True), start=1
    ):
        if context.members and _member(face) not in context.members:
            continue
        others = tuple(other for other in found if other is not face)
        reason = f"face {number} of {len(found)} from the left; {face.box.height:.0f} px high"
        if by is None:
            moments.append(Moment(photo, f"face{number:02d}", face, score, reason, others))
        else:
            score = dataclasses.replace(score, value=0.0, rejected=picking.BYSTANDER)
            bystanders.append(Moment(photo, f"face{number:02d}", face, score, f"a bystander, {by}; {reason}", others))
    left_out = {} if settings.all_faces or not bystanders else {picking.BYSTANDER: len(bystanders)}
    return Found(
        moments if left_out else moments + bystanders, len(found), left_out, looked_at=looked, vectors=vectors
    )  # fmt: skip


def frames_lost(source: Source, count: int) -> NotMediaError:
    """Return the error that picked frames of a video came no more when they were decoded for their files."""
    cause = f"{count} picked frames could not be decoded again"
    return NotMediaError(cause, item=source.path, remedy="copy the file anew and run again")


def nothing_found(context: Context, source: Source, report: InputReport) -> NothingFoundError:
    """Return the error that no moment of an input could be chosen, with the reasons and what to try."""
    about, settings = report.details, context.settings.pick
    faces_found = about.get("faces_found") or sum(about.get("faces_rejected", {}).values())
    if context.members and faces_found:
        cause = f"no usable face of a member that was asked for, of {faces_found} found"
        remedy = "fancam members --refs tells who is nearest to whom, and by how much"
        return NothingFoundError(cause, item=source.path, remedy=remedy)
    if not source.is_video:
        return NothingFoundError("no face found", item=source.path, remedy="try --preset wide-stage for small faces")
    rejected, whole = about["faces_rejected"], "or fancam pick --no-faces for whole frames"
    if not about["moments_looked_at"] and about["frames_left_out"]:
        faults = ", ".join(f"{count} {fault.replace('_', ' ')}" for fault, count in about["frames_left_out"].items())
        cause, remedy = f"no moment to look at: of its frames, {faults}", "look at another span or a whole copy of it"
        return NothingFoundError(cause, item=source.path, remedy=remedy)
    if not rejected:
        cause = f"no face found in the {about['moments_looked_at']} moments looked at"
        return NothingFoundError(cause, item=source.path, remedy=f"try --preset wide-stage, --preset close-up, {whole}")
    reasons = ", ".join(f"{count} {reason.replace('_', ' ')}" for reason, count in sorted(rejected.items()))
    if not settings.faces:
        return NothingFoundError(
            f"no usable frame: of those looked at, {reasons}",
            item=source.path,
            remedy="choose another span with --from and --to, or lower pick.min_sharpness",
        )
    return NothingFoundError(
        f"no usable face: of those found, {reasons}", item=source.path,
        remedy=f"lower pick.min_sharpness or pick.min_face_px, {whole}",
    )  # fmt: skip


def compose_pick(
    moment: Moment, stem: str, size: tuple[int, int], geometry: CardGeometry, settings: Settings
) -> Pick:  # fmt: skip
    """Return the card of a moment: what it shows, and what the user should know.

    The numbers are those that the manifest states, so that a run that is continued makes the same card.

    Args:
        moment: The face and where it is.
        stem: First part of the card's name.
        size: (width, height) of the frame in pixels.
        geometry: Of the card.
        settings: Of the framing, and whose limits hold.
    """
    if moment.face is None:
        raise UsageError("a card needs a face", remedy="pick with faces, or name the face")
    crop = frame_face(
        moment.face, *size, geometry, settings.crop, moment.others, limits=limits(settings.design, settings.press)
    )
    # Whoever is in a photo was asked for: a weak face is said to be weak, and gets its card.
    rejected = moment.scored.rejected or ""
    how = "that of a bystander" if rejected == picking.BYSTANDER else rejected.removeprefix("face_").replace("_", " ")
    weak = (f"the face is {how}",) if rejected else ()
    return Pick(
        f"{stem}-{moment.name}", moment.pts, None if moment.time_s is None else round(moment.time_s, 6),
        stated_face(moment.face), stated_score(moment.scored), _stated_crop(crop, geometry), moment.reason,
        weak + crop.warnings,
        tuple(
            RunnerUp(one.pts, round(one.time_s, 6), stated_face(one.face), stated_score(one.scored), one.reason)
            for one in moment.runners_up
            if one.pts is not None and one.time_s is not None and one.face is not None
        ),
    )  # fmt: skip


def stated_face(face: Face) -> Face:
    """Return a face with the numbers that the manifest states."""
    (ax, ay), (bx, by), (nx, ny), (lx, ly), (rx, ry) = ((round(x, 2), round(y, 2)) for x, y in face.landmarks)
    points = ((ax, ay), (bx, by), (nx, ny), (lx, ly), (rx, ry))
    return Face(Box(*face.box.as_list()), points, round(face.confidence, 4), face.track, face.naming)


def stated_score(score: Score) -> Score:
    """Return a score with the numbers that the manifest states."""
    why = {term: None if value is None else round(value, 4) for term, value in score.why.items()}
    return Score(round(score.value, 4), why, score.rejected)


def _stated_crop(crop: Crop, geometry: CardGeometry) -> Crop:
    trim = Box(*crop.trim.as_list(digits=4))
    source = None if crop.source is None else Box(*crop.source.as_list(digits=4))
    return dataclasses.replace(
        crop, box=Box(*crop.box.as_list(digits=4)), trim=trim, source=source, bleed_share=round(crop.bleed_share, 4),
        effective_ppi=geometry.effective_ppi(trim),
    )  # fmt: skip


def _look(context: Context, film: Video, scanned: Scanned) -> tuple[list[ScoredFace], Vectors | None]:
    """Decode the candidates exactly, find the faces and score them; a small patch of each face is kept.

    Returns:
        The faces, and (N, D) their embeddings; None where nobody needs them.
    """
    if not context.settings.pick.faces:
        return _look_at_frames(context, film, scanned), None
    moments, scores = [], []
    patches: list[picking.Patch] = []
    vectors: list[Vectors] = []
    looks = frames_to_look_at(context, film, scanned)
    while group := list(itertools.islice(looks, context.frames_at_once)):
        found_in_each = context.frame_detector.detect([frame.pixels for _, frame in group])
        for (candidate, frame), found in zip(group, found_in_each, strict=True):
            found = _with_meshes(context, frame.pixels, found)
            moments.append((candidate, found))
            scores.append([picking.score_face(frame.pixels, face, context.settings.pick) for face in found])
            patches.extend(picking.face_patch(frame.pixels, face) for face in found)
            if context.embeds:
                vectors.append(context.embed(frame.pixels, found))
        context.progress("faces", len(moments), len(scanned.candidates))
    tracked = faces.track_faces(moments)
    scored = [
        ScoredFace(candidate, face, score)
        for (candidate, _), found, found_scores in zip(moments, tracked, scores, strict=True)
        for face, score in zip(found, found_scores, strict=True)
    ]
    judged = picking.judge_persons(scored, patches, context.settings.pick)
    return judged, np.concatenate(vectors) if vectors else None


def _with_meshes(context: Context, pixels: Picture, found: Sequence[Face]) -> list[Face]:
    """Return the faces with their dense landmarks, where they are large enough for a card."""
    least_px = context.settings.pick.min_face_px
    return [
        dataclasses.replace(face, mesh=context.mesher.measure(pixels, face)) if face.box.height >= least_px else face
        for face in found
    ]


def _look_at_frames(context: Context, film: Video, scanned: Scanned) -> list[ScoredFace]:
    """Decode the candidates exactly and score them as a whole."""
    scored = []
    for candidate, frame in frames_to_look_at(context, film, scanned):
        whole = picking.whole_frame(frame.pixels, context.settings.scan.crop_box)
        score = picking.score_frame(frame.pixels, whole.box, context.settings.pick)
        scored.append(ScoredFace(candidate, whole, score))
        context.progress("faces", len(scored), len(scanned.candidates))
    return scored


def moment_address(pts: int) -> str:
    """Return a moment's part of a file's name: nine digits, which sort as the moments do; a pts may be negative."""
    return f"{pts:09d}" if pts >= 0 else f"n{-pts:08d}"


def _moment_name(pts: int, twin: int | None) -> str:
    """Return a moment's part of a card's name: several faces may share one."""
    return moment_address(pts) + ("" if twin is None else f"-{'abcdefghijklmnopqrstuvwxyz'[twin % 26]}")
