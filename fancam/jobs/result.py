"""What a job leaves behind: its manifest, its exit code, its failures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from fancam.errors import ExitCode, FancamError

Json = dict[str, Any]


@dataclass(slots=True)
class RunResult:
    """What a job leaves behind."""

    document: Json
    exit_code: ExitCode
    errors: list[FancamError] = field(default_factory=list)
    """The failures, in the order of the inputs."""

    def to_manifest(self) -> Json:
        """Return the manifest as JSON values."""
        return self.document


def exit_code(finished: int, errors: Sequence[FancamError]) -> ExitCode:
    """Return the exit code of a job that finished so many items and failed with these."""
    if not errors:
        return ExitCode.OK
    if finished:
        return ExitCode.SOME_FAILED
    codes = {error.exit_code for error in errors}
    return codes.pop() if len(codes) == 1 else ExitCode.ERROR


def failure_values(error: FancamError, stage: str) -> Json:
    """Return the manifest's row of a failure."""
    return {"item": error.item, "stage": stage, "error": error.line(), "exit_code": int(error.exit_code)}
