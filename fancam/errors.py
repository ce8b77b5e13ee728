"""One exception per cause, each with an exit code and a message that says what to do.

A library caller catches ``FancamError``; the command line turns it into one line on stderr and an exit code.
"""

from __future__ import annotations

import difflib
import functools
from collections.abc import Iterable
from enum import IntEnum
from pathlib import Path
from typing import Any


class ExitCode(IntEnum):
    """What the process returns; scripts rely on these numbers."""

    OK = 0
    ERROR = 1
    USAGE = 2
    SOME_FAILED = 3
    NOTHING_FOUND = 4
    MODEL_MISSING = 5
    PREFLIGHT_FAILED = 6
    INTERRUPTED = 130


class FancamError(Exception):
    """Base of every error fancam raises on purpose.

    Args:
        cause: What went wrong, without a full stop.
        item: The file, option or model it happened to.
        remedy: What the user can do about it.
    """

    exit_code = ExitCode.ERROR

    def __init__(self, cause: str, *, item: str | Path | None = None, remedy: str = "") -> None:
        self.cause = cause
        self.item = str(item) if item is not None else None
        self.remedy = remedy
        super().__init__(self.line())

    def __reduce__(self) -> tuple[Any, ...]:
        # Exceptions are rebuilt from args, which hold the line only; workers send theirs to the parent.
        return functools.partial(type(self), item=self.item, remedy=self.remedy), (self.cause,)

    def about(self, item: str | Path) -> FancamError:
        """Return the error as one of this item, where it names none."""
        return self if self.item is not None else type(self)(self.cause, item=item, remedy=self.remedy)

    def line(self) -> str:
        """Return the one line shown to the user: item, cause and remedy."""
        head = f"{self.item}: " if self.item else ""
        tail = f"; {self.remedy}" if self.remedy else ""
        return " ".join(f"{head}{self.cause}{tail}".split())


# --- what was asked for -------------------------------------------------------------------------------------------


class UsageError(FancamError):
    """An option, size or setting has a value that means nothing."""

    exit_code = ExitCode.USAGE


class CropError(FancamError, ValueError):
    """What is to be enlarged is no RGB picture, or the part to show is empty or has no pixel of it."""


def unknown_choice(what: str, value: str, valid: Iterable[str]) -> UsageError:
    """Return the error for an unknown option value, naming the nearest right one and all valid ones."""
    choices = sorted(valid)
    near = difflib.get_close_matches(value, choices, n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    return UsageError(f"unknown {what} {value!r}", remedy=f"{hint}valid: {', '.join(choices)}")


# --- what came in -------------------------------------------------------------------------------------------------


class InputError(FancamError):
    """An input cannot be used; the subclasses say why."""


class InputNotFoundError(InputError):
    """The input does not exist."""


class InputUnreadableError(InputError):
    """The input exists but may not be read."""


class NotMediaError(InputError):
    """The input is neither a video nor a picture that can be read."""


class NoVideoStreamError(InputError):
    """The container holds no (such) video stream."""


class TruncatedInputError(InputError):
    """The file was cut off so early that nothing in it can be decoded."""


class NoFramesError(InputError):
    """The video opened, but not one frame could be decoded."""


class UnsupportedMediaError(InputError):
    """The format is known, but this build cannot decode it correctly."""


class ProfileError(InputError):
    """A colour profile cannot be read, or is not one for what it was given for."""


class FontError(InputError):
    """A font cannot be read, or lacks a character of the text."""


class PictureTooLargeError(InputError):
    """The picture is larger than the limit that guards against decompression bombs."""


# --- what was looked for ------------------------------------------------------------------------------------------


class NothingFoundError(FancamError):
    """The job ran, and there was nothing to make a card of."""

    exit_code = ExitCode.NOTHING_FOUND


# --- models and devices -------------------------------------------------------------------------------------------


class ModelMissingError(FancamError):
    """A weight file is needed and is in none of the three sources."""

    exit_code = ExitCode.MODEL_MISSING


class ModelDamagedError(FancamError):
    """A weight file is not the one the registry describes, or cannot be loaded safely."""


class DeviceError(FancamError):
    """The device that was asked for is not there, or has not enough memory for the smallest piece of work."""


# --- what goes out ------------------------------------------------------------------------------------------------


class OutputError(FancamError):
    """An output cannot be written: no permission, disk full, or a folder that holds something else."""


class PreflightError(FancamError):
    """What was to be printed breaks a limit of the chosen printer; nothing was written."""

    exit_code = ExitCode.PREFLIGHT_FAILED
