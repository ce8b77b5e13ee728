"""What an eye saw in faces of the shared media: how open the eyes are, and which stretches are worth a card.

The labels were made by looking at each face enlarged to about 200 px with its eyes beside it, never by a network;
what stayed unsure is left out. ``open``: the iris as free as this person usually has it, narrowed by a laugh too
(``squint``). ``half``: the lid covers at least half of the iris that is usually free. ``closed``: no iris to be seen.
``unseen``: shadow, hair or a profile hides both eyes; where one eye is plain, it decides. No clip and no person is in
both halves.

Said again blindly, in shuffled order and without neighbours in time: of 60 faces (30 of them half closed or closed) 50
alike, 56 where half and closed count as one. The ten were looked at again, the answers known, beside their neighbours
in time: eight labels stand, two were left out. The closed ones come from 14 blinks or glances down.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from fancam.geometry import Box

Eyes = Literal["open", "half", "closed", "unseen"]
Mouth = Literal["rest", "smile", "talking", "open"]
Occlusion = Literal["none", "hand", "hair", "object"]
Looking = Literal["camera", "aside", "down"]
Half = Literal["tune", "report"]
Verdict = Literal["good", "bad"]
Why = Literal["closed", "covered", "cut", "smeared", "mid-word"]

_HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class EyeLabel:
    """One face as an eye saw it."""

    file: str
    """Relative to the media's ``data`` folder."""
    pts: int | None
    """Address in the video, in units of its time base; None for a photo."""
    time_s: float | None
    """Seconds from the start of the video, to the millisecond; None for a photo."""
    face: Box
    """In pixels of the upright frame."""
    eyes: Eyes
    mouth: Mouth | None
    """None where it cannot be told."""
    occlusion: Occlusion
    """What lies over the face, not only over the eyes."""
    looking: Looking | None
    """None where it cannot be told."""
    squint: bool | None
    """Narrow by a laugh and not by a blink; None where the eyes are not open."""
    half: Half
    """Whether thresholds may be set on it, or figures are reported on it."""


@dataclass(frozen=True, slots=True)
class MomentLabel:
    """A stretch of a video that a fan would want a card from, or would not.

    Good ones last 0.3 to 0.5 s; bad ones as long as what is wrong lasts, a blink 0.1 s. What lies between was not
    judged.
    """

    file: str
    """Relative to the media's ``data`` folder."""
    from_s: float
    to_s: float
    verdict: Verdict
    why: Why | None
    """What is wrong with a bad one, the worst of it: eyes half closed or closed, a hand or a glare over the face, hair
    beyond the edge of the frame …; None for a good one."""


def eye_labels() -> list[EyeLabel]:
    """Return every labelled face, in the order of file and time.

    Raises:
        ValueError: A row holds a word that is not one of the labels.
    """
    return [
        EyeLabel(
            row["file"], int(row["pts"]) if row["pts"] else None, float(row["time_s"]) if row["time_s"] else None,
            Box(*(float(row[edge]) for edge in ("x0", "y0", "x1", "y1"))), _one_of(row["eyes"], Eyes),
            _one_of(row["mouth"], Mouth) if row["mouth"] else None, _one_of(row["occlusion"], Occlusion),
            _one_of(row["looking"], Looking) if row["looking"] else None,
            row["squint"] == "yes" if row["squint"] else None, _one_of(row["half"], Half),
        )
        for row in _rows("eye_labels.csv")
    ]  # fmt: skip


def moment_labels() -> list[MomentLabel]:
    """Return every labelled stretch, in the order of file and time.

    Raises:
        ValueError: A row holds a word that is not one of the labels.
    """
    return [
        MomentLabel(
            row["file"], float(row["from_s"]), float(row["to_s"]), _one_of(row["verdict"], Verdict),
            _one_of(row["why"], Why) if row["why"] else None,
        )
        for row in _rows("moment_labels.csv")
    ]  # fmt: skip


def _rows(name: str) -> Iterator[dict[str, str]]:
    with (_HERE / name).open(encoding="utf-8", newline="") as table:
        yield from csv.DictReader(table)


def _one_of(word: str, words: Any) -> Any:
    if word not in get_args(words):
        raise ValueError(f"{word!r} is none of {get_args(words)}")
    return word
