"""Why a face was picked, why it lost, and why others were rejected: in words."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from fancam.picking.scoring import TERM_FLOOR, term_weights
from fancam.picking.terms import turned_deg
from fancam.results import Score, ScoredFace
from fancam.settings import PickSettings

LEAST_GAIN = 0.005
"""A term that changes the score by a smaller share than this decides nothing."""


def decisive_term(better: Score, other: Score, weights: Mapping[str, float]) -> str | None:
    """Return the term that lifts one score most over another; None where no term does, or by next to nothing.

    The score is a weighted geometric mean, so that a term lifts it by the power of its weight: what counts is the
    weight times the difference of the logarithms, among the terms that were measured in both.
    """
    gains = {
        name: weights[name] * (_log(value) - _log(theirs))
        for name, value in better.why.items()
        if value is not None and (theirs := other.why.get(name)) is not None
    }
    best = max(gains, key=gains.__getitem__, default=None)
    return best if best is not None and gains[best] >= LEAST_GAIN * sum(weights.values()) else None


def lost_by(runner_up: ScoredFace, pick: ScoredFace, settings: PickSettings) -> str:
    """Return in words why a runner-up was not picked: ``lost by eyes: 0.41 to 0.93``, or ``as good, 0.03 s away``."""
    term = decisive_term(pick.score, runner_up.score, term_weights(settings))
    if term is None:
        return f"as good, {abs(runner_up.candidate.time_s - pick.candidate.time_s):.2f} s away"
    return f"lost by {term.replace('_', ' ')}: {runner_up.score.why[term]:.2f} to {pick.score.why[term]:.2f}"


def _log(term: float) -> float:
    return math.log(max(term, TERM_FLOOR))


def reject_reasons(scored: Sequence[ScoredFace], picked: Sequence[ScoredFace]) -> dict[str, int]:
    """Count why faces did not become picks, for the manifest.

    Args:
        scored: Every face that was looked at.
        picked: What ``select`` chose among them.

    Returns:
        Gate to count, and ``not_needed`` for good faces that lost to a better one; reasons without a count are absent.
    """
    chosen = {id(s) for s in picked}
    counts: dict[str, int] = {}
    for s in scored:
        if id(s) not in chosen:
            reason = s.score.rejected or "not_needed"
            counts[reason] = counts.get(reason, 0) + 1
    return dict(sorted(counts.items()))


def explain(scored: ScoredFace, neighbours: Sequence[ScoredFace]) -> str:
    """Say in one line why a face was picked or rejected.

    Args:
        scored: The face.
        neighbours: Every face that was looked at in its shot or input, with or without this one.

    Returns:
        Such as ``sharper than 28 of 30 looked at; face 402 px; 12° turned; eyes open``.
    """
    if scored.score.rejected is not None:
        return f"rejected: {scored.score.rejected.replace('_', ' ')}"
    others = [s for s in neighbours if s is not scored]
    own = scored.score.why.get("sharpness") or 0.0
    softer = sum((s.score.why.get("sharpness") or 0.0) < own for s in others)
    parts = [f"sharper than {softer} of {len(others)} looked at"] if others else [f"sharpness {own:.2f}"]
    parts.append(f"face {scored.face.box.height:.0f} px")
    turned = turned_deg(scored.face)
    parts.append("facing the camera" if turned < 8 else f"{turned:.0f}° turned")
    return "; ".join([*parts, *_remarks(scored.score.why)])


def _remarks(why: Mapping[str, float | None]) -> list[str]:
    """Return what is to be said of a face besides, in words: of its eyes whenever they were measured."""
    limits = {"visible": (0.6, "partly covered"), "head": (0.8, "hair near or beyond the edge of the frame"),
              "mouth": (0.5, "mid-word"), "exposure": (0.6, "poor light")}  # fmt: skip
    eyes = why.get("eyes")
    said = [] if eyes is None else ["eyes open" if eyes > 0.75 else "eyes half closed" if eyes > 0.35 else "eyes shut"]
    measured = {term: value for term in limits if (value := why.get(term)) is not None}
    return said + [limits[term][1] for term, value in measured.items() if value < limits[term][0]]
