"""What is known of an enhanced picture, in the words that are shown under it."""

from __future__ import annotations

from fancam.records import Enhanced, FaceOutcome


def facts_of(enhanced: Enhanced, *, effective_ppi: float | None = None) -> dict[str, str]:
    """Return the facts of a picture, in the order they are shown.

    Args:
        enhanced: The picture and what was done to it.
        effective_ppi: Source pixels per printed inch; left out where None (a picture with no size on paper).

    Returns:
        Name to value, in words with units.
    """
    height, width = enhanced.pixels.shape[:2]
    facts = {"size": f"{width} × {height} px", "scale": f"×{enhanced.scale:.2f}"}
    if effective_ppi is not None:
        facts["source resolution"] = f"{effective_ppi:.0f} ppi"
    if not enhanced.invented:
        facts["enlarged by"] = f"{enhanced.upscaler}, nothing invented"
    elif enhanced.detail < 1:
        facts["network"] = f"{enhanced.upscaler}, {enhanced.detail:.0%} of its detail"
    else:
        facts["network"] = enhanced.upscaler
    for number, outcome in enumerate(enhanced.faces, 1):
        facts["face" if len(enhanced.faces) == 1 else f"face {number}"] = _face(outcome)
    if enhanced.delta_e is not None:
        facts["colour difference"] = f"ΔE00 {enhanced.delta_e:.2f} (mean)"
    return facts


def _face(outcome: FaceOutcome) -> str:
    """Return what was done to a face and how far it moved."""
    if outcome.skipped is not None:
        parts = [f"left alone ({outcome.skipped.replace('_', ' ')})"]
    elif outcome.restorer is None or outcome.strength == 0:
        parts = ["no face prior"]
    else:
        parts = [f"{outcome.restorer} at strength {outcome.strength:.2f}"]
    if outcome.identity is not None:
        alone = "" if outcome.identity_network is None else f" (network alone {outcome.identity_network:.2f})"
        parts.append(f"identity {outcome.identity:.2f}{alone}")
    if outcome.landmark_drift is not None:
        parts.append(f"landmarks moved {outcome.landmark_drift:.3f} eye distances")
    return ", ".join(parts)
