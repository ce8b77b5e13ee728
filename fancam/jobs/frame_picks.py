"""A frame that was picked, as the manifest states it: the moment, whom it beat, and the file that was written."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fancam.files import printable
from fancam.geometry import Box
from fancam.jobs.find import Moment, stated_face, stated_score
from fancam.results import Face, Score, ScoredFace

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class FrameFile:
    """The file of a frame."""

    path: str
    """Relative to the output folder, with forward slashes."""
    sha256: str
    width_px: int
    height_px: int
    bits: int
    """Per sample, as written."""
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FramePick:
    """A moment that was picked, or one that it beat; its numbers are those that the manifest states."""

    id: str
    """Name of the file without its ending."""
    pts: int
    time_s: float
    face: Face | None
    """None where whole frames were judged."""
    score: Score
    reason: str
    """Why it was picked, or why it lost."""
    runners_up: tuple[FramePick, ...] = ()
    """The best of those that it beat, the best first; they have none of their own."""
    input: int = 0
    """Index into the inputs."""
    frame: FrameFile | None = None
    """None where the frame could not be decoded again or written."""

    @classmethod
    def of(cls, moment: Moment, stem: str) -> FramePick:
        """Return the pick of a moment of a video whose files are named with this stem."""
        assert moment.pts is not None
        assert moment.time_s is not None
        return cls(
            f"{stem}-{moment.name}", moment.pts, round(moment.time_s, 6),
            None if moment.face is None else stated_face(moment.face), stated_score(moment.scored), moment.reason,
            tuple(cls.of(one, stem) for one in moment.runners_up),
        )  # fmt: skip

    def to_manifest(self) -> Json:
        """Return the row of the manifest; ``card`` and ``enhance`` are null: nothing was made of the frame."""
        row = {"id": self.id, "input": self.input, **self._judged(), "runners_up": [
            {"id": one.id, **one._judged()} for one in self.runners_up
        ]}  # fmt: skip
        file = self.frame
        row["frame"] = None if file is None else {
            "path": file.path, "sha256": file.sha256, "width_px": file.width_px, "height_px": file.height_px,
            "bits": file.bits,
        }  # fmt: skip
        row |= {"card": None, "enhance": None, "warnings": [] if file is None else list(file.warnings)}
        return row

    def _judged(self) -> Json:
        face = self.face
        return {
            "pts": self.pts, "time_s": self.time_s, "score": self.score.value, "why": dict(self.score.why),
            "rejected": self.score.rejected, "reason": self.reason,
            "face": None if face is None else {
                "box": face.box.as_list(), "landmarks": [list(point) for point in face.landmarks],
                "confidence": face.confidence, "track": face.track,
            },
        }  # fmt: skip

    @classmethod
    def from_manifest(cls, row: Mapping[str, Any]) -> FramePick:
        """Return the pick that ``to_manifest`` wrote."""
        values, file = row["face"], row.get("frame")
        face = None
        if values is not None:
            landmarks = tuple((float(x), float(y)) for x, y in values["landmarks"])
            assert len(landmarks) == 5
            face = Face(Box(*values["box"]), landmarks, values["confidence"], values["track"])
        return cls(
            row["id"], row["pts"], row["time_s"], face, Score(row["score"], row["why"], row["rejected"]), row["reason"],
            tuple(cls.from_manifest(one) for one in row.get("runners_up", ())), row.get("input", 0),
            None if file is None else FrameFile(**file, warnings=tuple(row["warnings"])),
        )  # fmt: skip


# --- the whole ranking --------------------------------------------------------------------------------------------

_COLUMNS = ("rank", "time_s", "pts", "shot", "track", "x0", "y0", "x1", "y1", "score", "rejected", "chosen")


def ranking(looked_at: Sequence[ScoredFace], picks: Sequence[FramePick]) -> list[Json]:
    """Return a row for every face that was looked at, the best first: where it is, how good, what became of it.

    ``chosen`` is ``pick``, ``runner-up`` or empty; ``rejected`` names the gate. After them the terms, empty where one
    could not be measured; where whole frames were judged the box is what of the frame was.
    """
    names = {(one.pts, _place(one.face)): "pick" for one in picks}
    names |= {(one.pts, _place(one.face)): "runner-up" for pick in picks for one in pick.runners_up}
    rows = []
    ranked = sorted(looked_at, key=lambda s: (-s.score.value, s.candidate.pts, s.face.box.as_list()))
    for rank, s in enumerate(ranked, start=1):
        face, score, moment = stated_face(s.face), stated_score(s.score), s.candidate
        chosen = names.get((moment.pts, _place(face)), names.get((moment.pts, None), ""))
        place = dict(zip(("x0", "y0", "x1", "y1"), face.box.as_list(), strict=True))
        rows.append(
            {"rank": rank, "time_s": round(moment.time_s, 6), "pts": moment.pts, "shot": moment.shot,
             "track": face.track, **place, "score": score.value, "rejected": score.rejected, "chosen": chosen,
             **{f"term_{name}": value for name, value in score.why.items()}}
        )  # fmt: skip
    return rows


def ranking_csv(rows: Iterable[tuple[str, Sequence[Json]]]) -> str:
    """Return the rankings of videos as one table (RFC 4180): a header, then a line for each face, empty for None.

    Args:
        rows: Name of each video with its rows.
    """
    named = [{"video": printable(name), **row} for name, ranked in rows for row in ranked]
    terms = dict.fromkeys(name for row in named for name in row if name.startswith("term_"))
    text = io.StringIO()
    table = csv.DictWriter(text, ("video", *_COLUMNS, *terms), lineterminator="\r\n")
    table.writeheader()
    table.writerows(named)
    return text.getvalue()


def _place(face: Face | None) -> tuple[float, ...] | None:
    return None if face is None else tuple(face.box.as_list())
