"""What preflight finds, of cards and of sheets alike: one entry for each thing that was looked at, and the verdict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from fancam.errors import PreflightError

Status = Literal["ok", "warn", "fail"]

_SHOWN_FAILURES = 3


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that preflight looked at."""

    item: str
    """Name of the card or page."""
    name: str
    """``effective_ppi``, ``resolution``, ``size``, ``bleed``, ``real_bleed``, ``safe_zone``, ``profile``,
    ``transparency``, ``total_ink`` …"""
    status: Status
    """A fail breaks a limit of the chosen printer; what prints, but perhaps not as hoped, warns."""
    value: str
    """What was found, with its unit."""
    limit: str
    """What the printer asks for, with its unit."""
    message: str = ""
    """What it means and what to do, in one line; always empty where it is ok."""

    def __post_init__(self) -> None:
        if self.status == "ok":
            object.__setattr__(self, "message", "")


def require_passed(checks: Sequence[Check], *, force: bool) -> None:
    """Stop where a limit is broken.

    Args:
        checks: Of all cards and pages.
        force: Go on all the same.

    Raises:
        PreflightError: Something failed; it names the first failures.
    """
    failed = [check for check in checks if check.status == "fail"]
    if not failed or force:
        return
    words = [f"{c.item}: {c.name} {c.value} (limit {c.limit})" for c in failed[:_SHOWN_FAILURES]]
    more = f", and {len(failed) - len(words)} more" if len(failed) > len(words) else ""
    raise PreflightError(
        f"preflight failed: {'; '.join(words)}{more}", remedy="mend what is named, or go on with --force"
    )
