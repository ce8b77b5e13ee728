"""How different the picks of real clips are, and what that costs: the score alone, apart in time, and as fancam picks.

For each clip the same scored faces are chosen from in three ways: without any regard for likeness, with likeness of
time and place alone (picks far apart may be twins), and with fancam's. Printed are the mean score of the picks and the
mean differences between any two of them: how far they are turned (degrees), how the head is tilted (degrees), how much
they smile and how open the mouth is (percent of all there is).
"""

from __future__ import annotations

import argparse
import itertools
import math
from collections.abc import Sequence
from pathlib import Path
from unittest import mock

import numpy as np

from fancam.jobs.context import Context
from fancam.jobs.find import find_in_video
from fancam.picking import moments, select
from fancam.picking.terms import turned_deg
from fancam.results import Face, ScoredFace
from fancam.settings import PickSettings
from fancam.video import open_video

CLIPS = ("video/dance.mp4", "video/phone_selfie.mp4", "video/asl/sister.mkv", "video/asl/book.mkv", "video/asl/eat.mkv")
WAYS = {"score alone": (0.0, 0.0), "apart in time": (moments.DIVERSITY, 0.0), "fancam": (moments.DIVERSITY, None)}
"""Share of the score that likeness takes, and the likeness of twins; None for fancam's own."""


def chosen(scored: Sequence[ScoredFace], top: int, diversity: float, twins: float | None) -> list[ScoredFace]:
    """Return the picks with these constants."""
    same = moments.TWIN_SIMILARITY if twins is None else twins
    with mock.patch.multiple(moments, DIVERSITY=diversity, TWIN_SIMILARITY=same):
        return select(scored, PickSettings(top=top))


def differences(a: Face, b: Face) -> tuple[float, ...]:
    """Return how much two faces differ: turned, tilted, smile, mouth; not a number where that was not measured."""
    turned = abs(math.copysign(turned_deg(a), a.yaw_proxy) - math.copysign(turned_deg(b), b.yaw_proxy))
    shown = [(math.nan, math.nan) if one.mesh is None else (one.mesh.smile, one.mesh.jaw_open) for one in (a, b)]
    expression = (100 * abs(one - other) for one, other in zip(*shown, strict=True))
    return turned, abs(a.roll_deg - b.roll_deg), *expression


def main(arguments: list[str]) -> None:
    """Print one row for each clip and way."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks variety", description=__doc__)
    parser.add_argument("--top", type=int, default=6)
    parser.add_argument("--media", type=Path, default=Path(__file__).parents[2] / "shared", help="holds data/")
    given = parser.parse_args(arguments)
    context = Context()
    print(f"{'clip':<22}{'way':<16}{'picks':>6}{'score':>8}{'turned °':>10}{'tilt °':>8}{'smile %':>9}{'mouth %':>9}")
    for clip in CLIPS:
        scored = find_in_video(context, open_video(given.media / "data" / clip)).looked_at
        for way, constants in WAYS.items():
            picks = chosen(scored, given.top, *constants)
            pairs = [differences(a.face, b.face) for a, b in itertools.combinations(picks, 2)]
            apart = np.nanmean(pairs, axis=0) if pairs else np.zeros(4)
            score = float(np.mean([pick.score.value for pick in picks])) if picks else 0.0
            print(f"{clip.removeprefix('video/'):<22}{way:<16}{len(picks):>6}{score:>8.3f}{apart[0]:>10.1f}"
                  f"{apart[1]:>8.1f}{apart[2]:>9.1f}{apart[3]:>9.1f}")  # fmt: skip
