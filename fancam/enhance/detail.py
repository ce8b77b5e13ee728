"""How much of the network's picture goes into a print, by how much the print needs to be enlarged."""

from __future__ import annotations

_LEAST_SHARE = 0.35
"""Below x2 the camera delivered nearly all there is to see; a little of the network still sharpens it."""


def auto_share(scale: float) -> float:
    """Return the share of the network's picture in the result, in [0, 1]; the rest is plain Lanczos.

    Preliminary: rises evenly from 0.35 at x1.7 and below to 1 at x3 and above. It never falls as the scale grows.

    Args:
        scale: Print pixels per source pixel.
    """
    return min(max((scale - 1) / 2, _LEAST_SHARE), 1.0)
