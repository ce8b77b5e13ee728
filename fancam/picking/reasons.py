"""By which term a pick beat a runner-up, in words."""

from __future__ import annotations

import math
from collections.abc import Mapping

from fancam.picking.selection import TERM_FLOOR, term_weights
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
