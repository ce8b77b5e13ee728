"""What a job leaves behind, typed: reports on the inputs, what was made of them, failures, an exit code."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from fancam.errors import ExitCode, FancamError
from fancam.results import Decision, Pick


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
    picks: tuple[PickResult, ...] = ()
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
        return self.document

    @cached_property
    def document(self) -> dict[str, Any]:
        """The manifest as JSON values."""
        from fancam.jobs.manifest import document_of

        return document_of(self)


def exit_code(finished: int, errors: Sequence[FancamError]) -> ExitCode:
    """Return the exit code of a job that finished so many items and failed with these."""
    if not errors:
        return ExitCode.OK
    if finished:
        return ExitCode.SOME_FAILED
    codes = {error.exit_code for error in errors}
    return codes.pop() if len(codes) == 1 else ExitCode.ERROR
