"""What a job leaves behind, typed, and the manifest: typed results to JSON values and back.

Pure, so that the contract is tested without a run.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from fancam import __version__
from fancam.errors import ExitCode, FancamError
from fancam.files import printable
from fancam.geometry import Box, CardGeometry
from fancam.media import VideoInfo
from fancam.pictures import StillPicture
from fancam.results import Crop, Decision, Enhanced, Face, FaceOutcome, Naming, Pick, RunnerUp, Score, true_ppi

if TYPE_CHECKING:
    from fancam.jobs.find import Found  # it loads networks
    from fancam.jobs.frame_picks import FramePick

Json = dict[str, Any]

_ABOUT_THE_FILE = ("path", "sha256", "width_px", "height_px", "dpi")
"""What stands under ``card`` in the row of a pick; the rest stands beside it."""


def document_of(result: RunResult) -> Json:
    """Return the whole manifest, keys in the contract's order."""
    more = {} if result.verb != "enhance" else {
        "pictures": [{"input": index, **picture_to_manifest(one)} for index, one in result.pictures]
    }  # fmt: skip
    return {
        "fancam": __version__,
        "verb": result.verb,
        "settings": result.settings,
        "inputs": [input_to_manifest(one) if isinstance(one, InputReport) else dict(one) for one in result.inputs],
        "picks": [pick_row(one) if isinstance(one, PickResult) else one.to_manifest() for one in result.picks],
        "failures": [failure_to_manifest(one) for one in result.failures],
        "timings_s": {stage: round(seconds, 3) for stage, seconds in result.timings_s.items()},
        **more,
        **result.details,
        "warnings": list(result.warnings),
    }


def failure_to_manifest(failure: Failure) -> Json:
    """Return the manifest's row of a failure."""
    error = failure.error
    return {"item": error.item, "stage": failure.stage, "error": error.line(), "exit_code": int(error.exit_code)}


# --- inputs -------------------------------------------------------------------------------------------------------


def input_to_manifest(one: InputReport) -> Json:
    """Return the manifest's row of an input."""
    about = {"kind": one.kind} if one.kind else {}
    length = {"duration_s": one.duration_s} if one.kind else {}
    return {"path": one.path, "sha256": one.sha256, **about, "width": one.width, "height": one.height, **length,
            **one.details, "warnings": list(one.warnings)}  # fmt: skip


def input_from_manifest(row: Mapping[str, Any]) -> InputReport:
    """Return the report that ``input_to_manifest`` wrote."""
    own = {"path", "sha256", "kind", "width", "height", "duration_s", "warnings"}
    return InputReport(
        row["path"], row["sha256"], row["width"], row["height"], row.get("kind"), row.get("duration_s"),
        tuple(row["warnings"]), {key: value for key, value in row.items() if key not in own},
    )  # fmt: skip


def video_report(info: VideoInfo, found: Found, sha256: str, chosen: Mapping[str, Any]) -> InputReport:
    """Return the report on a video; ``chosen`` is its preset and what it was chosen by, empty where none was."""
    report = found.scan
    assert report is not None
    colour = info.colour
    details = {
        "rotation_deg": info.orientation.rotation_deg,
        "mirrored": info.orientation.mirrored,
        "stream": info.stream,
        "codec": info.codec,
        "colour": {"matrix": colour.matrix, "full_range": colour.full_range, "transfer": colour.transfer,
                   "primaries": colour.primaries, "assumed": colour.assumed},
        "interlaced": info.interlaced,
        "frames_scanned": report.frames_scanned,
        "frames_skipped": report.frames_skipped,
        "frames_rejected": dict(report.frames_rejected),
        "frames_left_out": dict(found.frames_left_out),
        "moments_looked_at": found.moments_looked_at,
        "faces_rejected": dict(found.faces_rejected),
        **chosen,
    }  # fmt: skip
    length = None if info.duration_s is None else round(info.duration_s, 3)
    warnings = tuple(report.warnings)  # those of the header are among them
    return InputReport(printable(info.path), sha256, info.width, info.height, "video", length, warnings, details)


def photo_report(photo: StillPicture, found: Found, sha256: str, chosen: Mapping[str, Any]) -> InputReport:
    """Return the report on a photo of ``run``; the arguments are those of ``video_report``."""
    left_out = sum(found.faces_rejected.values())
    people = "1 bystander was" if left_out == 1 else f"{left_out} bystanders were"
    said = [f"{people} left out: far smaller or far softer than the others; --all-faces"] if left_out else []
    details = {
        "rotation_deg": 0, "frames_scanned": 1, "frames_rejected": {}, "faces_found": found.faces_found,
        "faces_left_out": left_out, **chosen,
    }  # fmt: skip
    warnings = (*photo.frame().warnings, *said)
    return InputReport(
        printable(photo.source), sha256, photo.width, photo.height, "photo", warnings=warnings, details=details
    )


# --- picks and pictures -------------------------------------------------------------------------------------------


def picture_to_manifest(one: PictureResult) -> Json:
    """Return the manifest's row of a picture that was written; of a card, what the journal keeps."""
    row = {name: getattr(one, name) for name in _ABOUT_THE_FILE}
    row |= {**one.details, "enhance": dict(one.enhance), "chain": [dataclasses.asdict(step) for step in one.chain]}
    row["warnings"] = list(one.warnings)
    if one.compare is not None:
        row["compare"] = dict(one.compare)
    if one.provenance is not None:
        row["provenance"] = dict(one.provenance)
    return row


def picture_from_manifest(row: Mapping[str, Any]) -> PictureResult:
    """Return the result that ``picture_to_manifest`` wrote, also where the journal has more beside it."""
    own = {*_ABOUT_THE_FILE, "enhance", "chain", "warnings", "compare", "provenance", "pick", "input"}
    return PictureResult(
        row["path"], row["sha256"], row["width_px"], row["height_px"], row["dpi"], row["enhance"],
        tuple(Decision(**step) for step in row["chain"]),
        tuple(row["warnings"]), {key: value for key, value in row.items() if key not in own}, row.get("compare"),
        row.get("provenance"),
    )  # fmt: skip


def pick_row(one: PickResult) -> Json:
    """Return the manifest's row of a pick and its card."""
    row = pick_to_manifest(one.pick)
    card = None if one.card is None else picture_to_manifest(one.card)
    row["input"] = one.input
    row["enhance"] = card["enhance"] if card else None
    row["scale"] = card["enhance"]["scale"] if card else None
    row["true_ppi"] = stated_true_ppi(row["effective_ppi"], card["enhance"]) if card else None
    row["chain"] = card["chain"] if card else None
    row["compare"] = card.get("compare") if card else None
    row["provenance"] = card.get("provenance") if card else None
    row["warnings"] = [*row["warnings"], *(card["warnings"] if card else [])]
    row["card"] = {name: card[name] for name in _ABOUT_THE_FILE} if card else None
    return row


def stated_true_ppi(effective_ppi: float | None, enhance: Mapping[str, Any]) -> float | None:
    """Return the ``true_ppi`` of a row; None where the row does not say, as in files of earlier versions."""
    return true_ppi(effective_ppi, enhance.get("true_scale"))


def judged_to_manifest(
    pts: int | None, time_s: float | None, face: Face | None, score: Score, reason: str
) -> Json:  # fmt: skip
    """Return what the manifest says of a moment that was judged, a pick or one that lost."""
    return {
        "pts": pts,
        "time_s": None if time_s is None else round(time_s, 6),
        "score": round(score.value, 4),
        "why": {term: None if value is None else round(value, 4) for term, value in score.why.items()},
        "rejected": score.rejected,
        "reason": reason,
        "face": None if face is None else {
            "box": face.box.as_list(),
            "landmarks": [[round(x, 2), round(y, 2)] for x, y in face.landmarks],
            "confidence": round(face.confidence, 4),
            "track": face.track,
            "naming": None if face.naming is None else naming_to_manifest(face.naming),
        },
        "member": None if face is None or face.naming is None else face.naming.member,
    }  # fmt: skip


def naming_to_manifest(naming: Naming) -> Json:
    """Return who a face was found to be, as JSON values: the two nearest members, their cosines and the margin."""
    return {
        "member": naming.member, "nearest": naming.nearest, "similarity": round(naming.similarity, 4),
        "second": naming.second, "second_similarity": _rounded(naming.second_similarity),
        "margin": _rounded(naming.margin),
    }  # fmt: skip


def _naming(row: Mapping[str, Any] | None) -> Naming | None:
    if row is None:
        return None
    return Naming(row["nearest"], row["similarity"], row["second"], row["second_similarity"], row["member"])


def pick_to_manifest(pick: Pick) -> Json:
    """Return a pick as JSON values."""
    return {
        "id": pick.id,
        **judged_to_manifest(pick.pts, pick.time_s, pick.face, pick.score, pick.reason),
        "runners_up": [
            judged_to_manifest(one.pts, one.time_s, one.face, one.score, one.reason) for one in pick.runners_up
        ],
        "crop": pick.crop.box.as_list(digits=4),
        "trim": pick.crop.trim.as_list(digits=4),
        "source": None if pick.crop.source is None else pick.crop.source.as_list(digits=4),
        "real": None if pick.crop.real is None else pick.crop.real.as_list(),
        "framing": pick.crop.framing,
        "bleed_share": round(pick.crop.bleed_share, 4),
        "effective_ppi": pick.crop.effective_ppi,
        "crop_warnings": list(pick.crop.warnings),
        "warnings": list(pick.warnings),
    }


def face_from_manifest(values: Mapping[str, Any]) -> Face:
    """Return the face that ``judged_to_manifest`` wrote."""
    landmarks = tuple((float(x), float(y)) for x, y in values["landmarks"])
    assert len(landmarks) == 5
    return Face(Box(*values["box"]), landmarks, values["confidence"], values["track"], _naming(values.get("naming")))


def score_from_manifest(values: Mapping[str, Any]) -> Score:
    """Return the score that ``judged_to_manifest`` wrote."""
    return Score(values["score"], values["why"], values["rejected"])


def pick_from_manifest(values: Mapping[str, Any], geometry: CardGeometry) -> Pick:
    """Return the pick that ``pick_to_manifest`` wrote.

    The same card is made of it: a pick has the numbers that the manifest states, see ``compose_pick``.
    """
    trim = Box(*values["trim"])
    return Pick(
        id=values["id"],
        pts=values["pts"],
        time_s=values["time_s"],
        face=face_from_manifest(values["face"]),
        score=score_from_manifest(values),
        crop=Crop(
            box=Box(*values["crop"]),
            trim=trim,
            effective_ppi=geometry.effective_ppi(trim),
            framing=values["framing"],
            bleed_share=values["bleed_share"],
            warnings=tuple(values["crop_warnings"]),
            source=_box(values.get("source")),
            real=_box(values.get("real")),
        ),
        reason=values["reason"],
        warnings=tuple(values["warnings"]),
        runners_up=tuple(
            RunnerUp(
                one["pts"], one["time_s"], face_from_manifest(one["face"]), score_from_manifest(one), one["reason"]
            )
            for one in values.get("runners_up", ())
        ),
    )


def _box(edges: Sequence[float] | None) -> Box | None:
    return None if edges is None else Box(*edges)


def enhance_values(enhanced: Enhanced) -> Json:
    """Return what was done to a picture, as JSON values; ``identity`` is that of the face that changed most."""
    measured = [face.identity for face in enhanced.faces if face.identity is not None]
    return {
        "upscaler": enhanced.upscaler,
        "upscaler_sha256": enhanced.upscaler_sha256,
        "scale": round(enhanced.scale, 4),
        "true_scale": _rounded(enhanced.true_scale),
        "detail": round(enhanced.detail, 4),
        "invented": enhanced.invented,
        "delta_e": _rounded(enhanced.delta_e),
        "lift_stops": _rounded(enhanced.lift_stops),
        "restorer": enhanced.restorer,
        "fused_frames": enhanced.fusion.frames_used,
        "frames_offered": enhanced.fusion.frames_offered,
        "expected_gain_db": _rounded(enhanced.fusion.expected_gain_db),
        "fusion": enhanced.fusion.reason,
        "cleaned": _rounded(dataclasses.asdict(enhanced.cleaned)),
        "identity": _rounded(min(measured)) if measured else None,
        "faces": [_outcome_values(face) for face in enhanced.faces],
        "notes": list(enhanced.notes),
    }


def _outcome_values(outcome: FaceOutcome) -> Json:
    own = [field.name for field in dataclasses.fields(outcome) if field.name != "face"]
    return {"box": outcome.face.box.as_list(), **{name: _rounded(getattr(outcome, name)) for name in own}}


def _rounded(value: Any) -> Any:
    """Return JSON values with their numbers as the manifest states them."""
    if isinstance(value, float):
        return round(value, 4)
    if isinstance(value, Mapping):
        return {key: _rounded(one) for key, one in value.items()}
    return [_rounded(one) for one in value] if isinstance(value, list | tuple) else value


# --- typed results ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class InputReport:
    """What is known of an input."""

    path: str
    """As it was named; bytes that are no UTF-8 are escaped."""
    sha256: str
    width: int
    """Of the upright picture, in pixels."""
    height: int
    kind: str | None = None
    """``video`` or ``photo``; None where only photos are meant."""
    duration_s: float | None = None
    """Of a video whose header says it."""
    warnings: tuple[str, ...] = ()
    details: Mapping[str, Any] = field(default_factory=dict)
    """What else the manifest says of it: of a video its codec and colour and what the scan counted, of a photo its
    faces, and the preset that was chosen."""


@dataclass(frozen=True, slots=True)
class PictureResult:
    """A card or picture that was enhanced and written."""

    path: str
    """Relative to the output folder, with forward slashes."""
    sha256: str
    width_px: int
    height_px: int
    dpi: float | None
    enhance: Mapping[str, Any]
    """What was done: upscaler, scale, invented, restorer, identity, faces …, as in the manifest."""
    chain: tuple[Decision, ...]
    """The steps that were chosen, in the order they ran."""
    warnings: tuple[str, ...] = ()
    details: Mapping[str, Any] = field(default_factory=dict)
    """Of a whole picture: ``effective_ppi``, ``scale``, ``crop``, ``cut_share``."""
    compare: Mapping[str, Any] | None = None
    """The stages that were kept for a comparison."""
    provenance: Mapping[str, Any] | None = None
    """The map of what was measured and what was invented."""


@dataclass(frozen=True, slots=True)
class PickResult:
    """A face at a moment that was picked, and its card."""

    pick: Pick
    input: int
    """Index into the inputs."""
    card: PictureResult | None
    """None where the card failed."""


@dataclass(frozen=True, slots=True)
class Failure:
    """An input or card that failed; the others are made."""

    error: FancamError
    stage: str
    """``input``, ``pick``, ``enhance``, ``card`` or ``preflight``."""


@dataclass(frozen=True)
class RunResult:
    """What a verb leaves behind; ``to_manifest`` gives the same as JSON values."""

    verb: str
    settings: Mapping[str, Any]
    exit_code: ExitCode
    inputs: tuple[InputReport | Mapping[str, Any], ...] = ()
    picks: tuple[PickResult | FramePick, ...] = ()
    """Of ``run`` faces with their cards, of ``pick`` frames."""
    pictures: tuple[tuple[int, PictureResult], ...] = ()
    """Of ``enhance``: index into the inputs, and what was written."""
    failures: tuple[Failure, ...] = ()
    """In the order of the inputs."""
    timings_s: Mapping[str, float] = field(default_factory=dict)
    """Stage to seconds; stages that overlap each count in full."""
    details: Mapping[str, Any] = field(default_factory=dict)
    """What else the verb's manifest has: the card's size, ``cards``, ``sheet``, ``pdf``, ``checks`` …"""
    warnings: tuple[str, ...] = ()

    @property
    def errors(self) -> list[FancamError]:
        """The failures, in the order of the inputs."""
        return [failure.error for failure in self.failures]

    def raise_for_failures(self) -> None:
        """Raise the first failure, where there is one.

        Raises:
            FancamError: Whatever failed first.
        """
        for failure in self.failures:
            raise failure.error

    def to_manifest(self) -> dict[str, Any]:
        """Return the manifest as JSON values."""
        return document_of(self)


def exit_code(finished: int, errors: Sequence[FancamError]) -> ExitCode:
    """Return the exit code of a job that finished so many items and failed with these."""
    if not errors:
        return ExitCode.OK
    if finished:
        return ExitCode.SOME_FAILED
    codes = {error.exit_code for error in errors}
    return codes.pop() if len(codes) == 1 else ExitCode.ERROR
