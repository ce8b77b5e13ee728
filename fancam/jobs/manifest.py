"""The manifest's rows, to JSON and back; pure, so that the contract is tested without a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from fancam.geometry import Box
from fancam.media import Frame, VideoInfo
from fancam.results import CardGeometry, Cleaned, Crop, Enhanced, Face, FaceOutcome, Pick, Score

if TYPE_CHECKING:
    from fancam.jobs.find import Found  # it loads networks

Json = dict[str, Any]

_NOT_OF_THE_FILE = {"enhance", "chain", "compare", "provenance", "warnings"}
"""What is recorded of a card and is not about its file: it stands beside it in the manifest."""


def pick_row(pick: Pick, input_index: int, card: Mapping[str, Any] | None) -> Json:
    """Return the manifest's row of a pick.

    Args:
        pick: What was picked.
        input_index: Index into the manifest's ``inputs``.
        card: What was written for it, as ``card_values`` gave it; None when the card failed or was not asked for.
    """
    row = pick_values(pick)
    row["input"] = input_index
    row["member"] = None
    row["enhance"] = dict(card["enhance"]) if card else None
    row["scale"] = card["enhance"]["scale"] if card else None
    row["chain"] = card["chain"] if card else None
    row["compare"] = card.get("compare") if card else None
    row["provenance"] = card.get("provenance") if card else None
    row["warnings"] = [*row["warnings"], *(card["warnings"] if card else [])]
    row["card"] = {key: value for key, value in card.items() if key not in _NOT_OF_THE_FILE} if card else None
    return row


def pick_values(pick: Pick) -> Json:
    """Return a pick as JSON values."""
    return {
        "id": pick.id,
        "pts": pick.pts,
        "time_s": None if pick.time_s is None else round(pick.time_s, 6),
        "score": round(pick.score.value, 4),
        "why": {term: None if value is None else round(value, 4) for term, value in pick.score.why.items()},
        "rejected": pick.score.rejected,
        "reason": pick.reason,
        "face": {
            "box": pick.face.box.as_list(),
            "landmarks": [[round(x, 2), round(y, 2)] for x, y in pick.face.landmarks],
            "confidence": round(pick.face.confidence, 4),
            "track": pick.face.track,
        },
        "crop": pick.crop.box.as_list(digits=4),
        "trim": pick.crop.trim.as_list(digits=4),
        "framing": pick.crop.framing,
        "bleed_share": round(pick.crop.bleed_share, 4),
        "effective_ppi": round(pick.crop.effective_ppi, 1),
        "crop_warnings": list(pick.crop.warnings),
        "warnings": list(pick.warnings),
    }


def pick_from_values(values: Mapping[str, Any], geometry: CardGeometry) -> Pick:
    """Return the pick that ``pick_values`` wrote.

    The values are rounded, so a run that is continued would differ from one that was not; therefore every run, also an
    uninterrupted one, renders from this function's result.
    """
    face = values["face"]
    landmarks = tuple((float(x), float(y)) for x, y in face["landmarks"])
    assert len(landmarks) == 5
    trim = Box(*values["trim"])
    return Pick(
        id=values["id"],
        pts=values["pts"],
        time_s=values["time_s"],
        face=Face(Box(*face["box"]), landmarks, face["confidence"], face["track"]),
        score=Score(values["score"], values["why"], values["rejected"]),
        crop=Crop(
            box=Box(*values["crop"]),
            trim=trim,
            effective_ppi=geometry.effective_ppi(trim),
            framing=values["framing"],
            bleed_share=values["bleed_share"],
            warnings=tuple(values["crop_warnings"]),
        ),
        reason=values["reason"],
        warnings=tuple(values["warnings"]),
    )


def enhance_values(enhanced: Enhanced) -> Json:
    """Return what was done to a picture, as JSON values; ``identity`` is that of the face that changed most."""
    measured = [face.identity for face in enhanced.faces if face.identity is not None]
    return {
        "upscaler": enhanced.upscaler,
        "upscaler_sha256": enhanced.upscaler_sha256,
        "scale": round(enhanced.scale, 4),
        "detail": round(enhanced.detail, 4),
        "invented": enhanced.invented,
        "delta_e": _rounded(enhanced.delta_e),
        "restorer": enhanced.restorer,
        "fused_frames": enhanced.fusion.frames_used,
        "frames_offered": enhanced.fusion.frames_offered,
        "expected_gain_db": _rounded(enhanced.fusion.expected_gain_db),
        "fusion": enhanced.fusion.reason,
        "cleaned": _cleaned_values(enhanced.cleaned),
        "identity": _rounded(min(measured)) if measured else None,
        "faces": [_outcome_values(face) for face in enhanced.faces],
        "notes": list(enhanced.notes),
    }


def _cleaned_values(cleaned: Cleaned) -> Json:
    return {
        "noise_luma": _rounded(cleaned.noise_luma),
        "noise_chroma": _rounded(cleaned.noise_chroma),
        "denoiser": cleaned.denoiser,
        "denoiser_sha256": cleaned.denoiser_sha256,
        "denoise_strength": cleaned.denoise_strength,
        "blockiness": _rounded(cleaned.blockiness),
        "deblocked": cleaned.deblocked,
        "screens": [dict(screen) for screen in cleaned.screens],
        "paper": cleaned.paper,
        "grain": _rounded(cleaned.grain),
        "grain_strength": cleaned.grain_strength,
    }


def _outcome_values(outcome: FaceOutcome) -> Json:
    return {
        "box": outcome.face.box.as_list(),
        "restorer": outcome.restorer,
        "strength": round(outcome.strength, 4),
        "skipped": outcome.skipped,
        "identity": _rounded(outcome.identity),
        "identity_network": _rounded(outcome.identity_network),
        "landmark_drift": _rounded(outcome.landmark_drift),
        "mask_share": round(outcome.mask_share, 4),
        "warnings": list(outcome.warnings),
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def document(
    *, version: str, verb: str, settings: Mapping[str, Any], inputs: Sequence[Json], picks: Sequence[Json],
    failures: Sequence[Json], timings_s: Mapping[str, float], **more: Any,
) -> Json:  # fmt: skip
    """Return the whole manifest, keys in the contract's order; ``more`` is added at the end."""
    return {
        "fancam": version,
        "verb": verb,
        "settings": settings,
        "inputs": list(inputs),
        "picks": list(picks),
        "failures": list(failures),
        "timings_s": {stage: round(seconds, 3) for stage, seconds in timings_s.items()},
        **more,
    }


def video_row(info: VideoInfo, found: Found) -> Json:
    """Return the row of a video, but for its path and hash."""
    report = found.scan
    assert report is not None
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
        "moments_looked_at": found.moments_looked_at,
        "faces_rejected": dict(found.faces_rejected),
        "warnings": [*info.warnings, *report.warnings],
    }  # fmt: skip


def photo_row(frame: Frame, found: Found) -> Json:
    """Return the row of a photo, but for its path and hash."""
    left_out = sum(found.faces_rejected.values())
    people = "1 face was" if left_out == 1 else f"{left_out} faces were"
    said = [f"{people} left out: turned away and in shadow; --all-faces makes their cards too"] if left_out else []
    return {
        "kind": "photo",
        "width": frame.width,
        "height": frame.height,
        "rotation_deg": 0,
        "duration_s": None,
        "frames_scanned": 1,
        "frames_rejected": {},
        "faces_found": found.faces_found,
        "faces_left_out": left_out,
        "warnings": [*frame.warnings, *said],
    }
