"""What was chosen for a picture, and why: the lines of ``--explain``."""

from __future__ import annotations

from fancam.enhance.crops import ENOUGH_PIXELS
from fancam.enhance.engine import Engine
from fancam.enhance.explained import cleaning_decisions, grain_decisions
from fancam.enhance.guard import Guard
from fancam.enhance.job import EnhanceJob
from fancam.enhance.prior import RestorerChoice
from fancam.records import Decision, Enhanced, FaceOutcome
from fancam.settings import Settings


def decisions(
    settings: Settings, engine: Engine, choice: RestorerChoice, guard: Guard, job: EnhanceJob, enhanced: Enhanced
) -> tuple[Decision, ...]:
    """Return the steps of the chain in the order they ran.

    Args:
        settings: What was asked for.
        engine: What enlarged the picture.
        choice: Which face prior was taken.
        guard: What watched over it.
        job: The picture and what was asked of it.
        enhanced: What came out.
    """
    return (
        *cleaning_decisions(job, enhanced),
        _upscale(settings, engine, enhanced),
        *_detail(settings, enhanced),
        _restore(choice, enhanced.faces),
        _guard(settings, guard, enhanced),
        *grain_decisions(job, enhanced.cleaned),
    )


def _upscale(settings: Settings, engine: Engine, enhanced: Enhanced) -> Decision:
    need = f"x{enhanced.scale:.2f}"
    if engine.network is None:
        return Decision("upscale", enhanced.upscaler, f"asked for; the result needs {need}")
    if enhanced.scale <= ENOUGH_PIXELS:
        return Decision("upscale", enhanced.upscaler, f"the result needs {need}: the picture has the pixels")
    if enhanced.detail == 0:
        return Decision("upscale", enhanced.upscaler, f"the result needs {need}, and none of the network's detail")
    compute = engine.compute
    beyond = enhanced.scale > engine.scale * ENOUGH_PIXELS
    more = f"; beyond x{engine.scale} a plain filter goes on" if beyond else ""
    asked = "" if settings.enhance.upscaler == enhanced.upscaler else f" ({settings.enhance.upscaler})"
    reason = f"the result needs {need}; x{engine.scale} on {compute.device}, {compute.precision}{more}"
    return Decision("upscale", f"{enhanced.upscaler}{asked}", reason)


def _detail(settings: Settings, enhanced: Enhanced) -> list[Decision]:
    if not enhanced.invented or enhanced.detail == 0:
        return []
    share = f"{enhanced.detail:.0%} network"
    if settings.enhance.detail is not None:
        return [Decision("detail", share, "asked for")]
    if enhanced.detail == 1:
        return [Decision("detail", share, f"at x{enhanced.scale:.2f} the plain filter has nothing to add")]
    fused = ", of the fused frames" if enhanced.fusion.frames_used > 1 else ""
    reason = f"at x{enhanced.scale:.2f} the network alone would be over-drawn: the rest is the plain filter{fused}"
    return [Decision("detail", share, reason)]


def _restore(choice: RestorerChoice, outcomes: tuple[FaceOutcome, ...]) -> Decision:
    if choice.name is None:
        return Decision("restore", "none", choice.reason)
    if not outcomes:
        return Decision("restore", "none", "no face was found")
    touched = [outcome for outcome in outcomes if outcome.restorer is not None]
    skipped: dict[str, int] = {}
    for outcome in outcomes:
        if outcome.restorer is None:
            why = outcome.skipped or "guard"
            skipped[why] = skipped.get(why, 0) + 1
    left = ", ".join(f"{count} {why.replace('_', ' ')}" for why, count in sorted(skipped.items()))
    reason = f"{choice.reason}; {len(touched)} of {len(outcomes)} faces{f', left alone: {left}' if left else ''}"
    return Decision("restore", choice.name if touched else "none", reason)


def _guard(settings: Settings, guard: Guard, enhanced: Enhanced) -> Decision:
    if settings.guard.guard == "off":
        return Decision("guard", "off", "asked for: nothing was measured or held")
    measures = ["colour"]
    if enhanced.faces:
        measures += guard.measures
    lowered = [
        outcome for outcome in enhanced.faces if outcome.restorer and outcome.strength < settings.restore.strength
    ]
    reason = "" if enhanced.delta_e is None else f"mean colour difference {enhanced.delta_e:.2f}"
    if lowered:
        reason += f"; strength lowered for {len(lowered)} of {len(enhanced.faces)} faces"
    return Decision("guard", " + ".join(measures), reason.lstrip("; ") or "nothing was enlarged")
