"""A frame that was picked: its file, and as the manifest states it, with the moment and whom it beat."""

from __future__ import annotations

import csv
import dataclasses
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fancam.errors import NoFramesError, UsageError
from fancam.files import printable, sha256_of_file
from fancam.geometry import Box
from fancam.jobs.find import Moment, stated_face, stated_score
from fancam.jobs.manifest import face_from_manifest, judged_to_manifest, score_from_manifest
from fancam.media import Samples
from fancam.pictures import PictureMetadata, StillPicture, holds_16_bits, save_picture, to_8_bit
from fancam.provenance import Provenance
from fancam.results import Face, Score, ScoredFace
from fancam.settings import Settings

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
    """None where the frame could not be decoded again; of a runner-up also where it was not to be written."""

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
        row, runners_up = self._judged(), [one._judged() for one in self.runners_up]
        beside = {"runners_up": runners_up, "card": None, "enhance": None}
        return {"id": row.pop("id"), "input": self.input, **row, **beside}

    def _judged(self) -> Json:
        file = self.frame
        return {
            "id": self.id, **judged_to_manifest(self.pts, self.time_s, self.face, self.score, self.reason),
            "frame": None if file is None else {
                "path": file.path, "sha256": file.sha256, "width_px": file.width_px, "height_px": file.height_px,
                "bits": file.bits,
            },
            "warnings": [] if file is None else list(file.warnings),
        }  # fmt: skip

    def provenance(self, source: str, source_sha256: str, samples: Samples) -> Provenance:
        """Return what the file of the frame says; ``source`` is the video's name, ``samples`` the whole frame."""
        height, width = samples.shape[:2]
        return Provenance.of_frame(
            printable(source), source_sha256, Box(0, 0, width, height), self.pts, self.time_s, self.score, self.reason
        )

    def with_frames(self, files: Mapping[str, FrameFile]) -> FramePick:
        """Return the pick with its file and those of the runners-up, by their ids."""
        beside = tuple(dataclasses.replace(one, frame=files.get(one.id)) for one in self.runners_up)
        return dataclasses.replace(self, frame=files.get(self.id), runners_up=beside)

    @property
    def files(self) -> list[FrameFile]:
        """What was written of it and of the runners-up."""
        return [one.frame for one in (self, *self.runners_up) if one.frame is not None]

    @classmethod
    def from_manifest(cls, row: Mapping[str, Any]) -> FramePick:
        """Return the pick that ``to_manifest`` wrote."""
        file, face = row.get("frame"), None if row["face"] is None else face_from_manifest(row["face"])
        return cls(
            row["id"], row["pts"], row["time_s"], face, score_from_manifest(row), row["reason"],
            tuple(cls.from_manifest(one) for one in row.get("runners_up", ())), row.get("input", 0),
            None if file is None else FrameFile(**file, warnings=tuple(row["warnings"])),
        )  # fmt: skip


def write_frame(samples: Samples, about: Provenance, path: Path, quality: int, relative: str) -> FrameFile:
    """Write a frame with its provenance; a format without 16 bits gets 8.

    Raises:
        OutputError: It cannot be written; nothing is left behind.
        UsageError: The ending is unknown.
    """
    if samples.dtype != np.uint8 and not holds_16_bits(path):
        samples = to_8_bit(samples)
    saved = save_picture(path, samples, metadata=PictureMetadata.of(about), quality=quality)
    height, width = samples.shape[:2]
    return FrameFile(relative, saved.sha256, width, height, 8 * samples.dtype.itemsize, saved.warnings)


def save_frame(moment: Moment, path: Path | str, *, settings: Settings | None = None) -> Path:
    """Write the whole frame of a moment as ``fancam pick`` does: all its bits, and in XMP where it comes from and why.

    Args:
        moment: From ``pick``, of a video.
        path: Ends in .png, .tif or .jpg; its folder exists.
        settings: For the quality of JPEG; the defaults where None.

    Returns:
        The path.

    Raises:
        UsageError: The moment is of a photo, or the ending is unknown.
        NoFramesError: The frame could not be decoded again.
        OutputError: The file cannot be written; nothing is left behind.
    """
    path, quality = Path(path), (settings or Settings()).pick.jpeg_quality
    if isinstance(moment.source, StillPicture) or moment.pts is None:
        raise UsageError("the moment is of a photo", item=path, remedy="enhance the photo, and use save_picture")
    one = FramePick.of(moment, "")
    for _, samples in moment.source.deep_frames([moment.pts]):
        source = moment.source.info.path
        write_frame(samples, one.provenance(source.name, sha256_of_file(source), samples), path, quality, path.name)
        return path
    raise NoFramesError("a picked frame could not be decoded again", item=moment.source.info.path,
                        remedy="copy the file anew and pick again")  # fmt: skip


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
