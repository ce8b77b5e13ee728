"""What was decided for a picture and why, a line per step for ``--explain``, and what it warns of."""

from __future__ import annotations

from fancam.enhancing.cleaning.deblock import HEAVY_BLOCKINESS
from fancam.enhancing.cleaning.denoise import NOISY_SIGMA
from fancam.enhancing.engine import Engine
from fancam.enhancing.resolution import is_soft
from fancam.enhancing.work import BEYOND, EnhanceJob
from fancam.nn import NetworkChoice
from fancam.results import Cleaned, Decision, Enhanced, FaceOutcome, Fusion, true_ppi
from fancam.settings import Settings

MIN_FACE_HEIGHT_PX = 64
"""A face lower than this in the source has eyes of about 5 pixels: what is drawn there is mostly invented."""

MAX_SCALE = 4.0
"""The networks were trained to enlarge by 4 (Real-ESRGAN, Wang et al. 2021); beyond, it is plain interpolation."""

MIN_EFFECTIVE_PPI = 100.0
"""Source pixels per printed inch below which a print looks soft at arm's length: 100 ppi at 60 cm are 41 pixels per
degree of sight, and 20/20 vision resolves 60 (30 cycles per degree)."""


def list_decisions(
    settings: Settings, engine: Engine, choice: NetworkChoice, job: EnhanceJob, enhanced: Enhanced
) -> tuple[Decision, ...]:
    """Return the steps of the chain in the order they ran, with what was measured for each.

    Args:
        settings: What was asked for.
        engine: What enlarged the picture.
        choice: Which face prior was taken.
        job: The picture and what was asked of it.
        enhanced: What came out.
    """
    cleaned = enhanced.cleaned
    scanned = () if job.is_video else (_descreen(job, cleaned), *_paper(job, cleaned))
    return (
        *((_fuse(enhanced.fusion),) if job.is_video else ()),
        *scanned,
        *_deblock(job, cleaned),
        *_denoise(job, cleaned),
        *_resolution(enhanced),
        _upscale(settings, engine, enhanced),
        *_detail(settings, enhanced),
        _restore(choice, enhanced.faces),
        _guard(settings, enhanced),
        *_lift(job, enhanced),
        *_grain(job, cleaned),
    )


def list_warnings(settings: Settings, job: EnhanceJob, enhanced: Enhanced) -> tuple[str, ...]:
    """Return what no enhancement can promise for a picture, and what the guard says of its colours and faces."""
    lowest = min((face.box.height for face in job.faces), default=None)
    limits = warn_of_limits(
        lowest, enhanced.scale, job.effective_ppi, enhanced.cleaned.blockiness, enhanced.true_scale
    )  # fmt: skip
    found = [*limits]
    if _too_far(settings, enhanced):
        found.append(
            f"the mean colour difference from the source is {enhanced.delta_e:.2f}, above "
            f"{settings.guard.max_delta_e:g}: compare it with the source before you print"
        )
    return (*found, *(text for outcome in enhanced.faces for text in outcome.warnings))


def _too_far(settings: Settings, enhanced: Enhanced) -> bool:
    """Whether the colours are further from the source's than the guard allows."""
    return enhanced.delta_e is not None and enhanced.delta_e > settings.guard.max_delta_e


def warn_of_limits(
    face_height_px: float | None,
    scale: float,
    effective_ppi: float | None,
    compression: float | None,
    true_scale: float | None = None,
) -> tuple[str, ...]:
    """Return what cannot be promised for a print, a line each; empty where there is nothing to say.

    Args:
        face_height_px: Of the smallest face that matters, in the source; None where there is no face.
        scale: Print pixels per source pixel.
        effective_ppi: Source pixels per printed inch; None where the size on paper is not known.
        compression: From ``blockiness`` of the source; None where it was not measured.
        true_scale: Share of the source's pixels along each axis that hold detail; None where it is not known.
    """
    found = []
    if face_height_px is not None and face_height_px < MIN_FACE_HEIGHT_PX:
        found.append(
            f"the face is {face_height_px:.0f} px high in the source, under {MIN_FACE_HEIGHT_PX}: "
            "its features are mostly invented; take a closer picture"
        )
    if round(scale, 1) > MAX_SCALE:
        found.append(
            f"enlarged {scale:.1f} times, above {MAX_SCALE:.0f}: detail beyond that is interpolated; "
            "print smaller or crop less"
        )
    held_ppi = true_ppi(effective_ppi, 1.0 if true_scale is None else true_scale)
    if effective_ppi is not None and held_ppi is not None and held_ppi < MIN_EFFECTIVE_PPI:
        held = f", which hold detail for {held_ppi:.0f}" if round(held_ppi) < round(effective_ppi) else ""
        found.append(
            f"{effective_ppi:.0f} source pixels per printed inch{held}, under {MIN_EFFECTIVE_PPI:.0f}: "
            "it looks soft at arm's length; print smaller or crop less"
        )
    if compression is not None and compression > HEAVY_BLOCKINESS:
        found.append(
            f"the source is heavily compressed (block edges {compression:.1f} times as steep as the rest): "
            "they may be drawn as texture; use the original file"
        )
    return tuple(found)


def _fuse(fusion: Fusion) -> Decision:
    if fusion.frames_used == 1:
        return Decision("fuse", "one frame", fusion.reason)
    gain = "" if fusion.expected_gain_db is None else f"; {fusion.expected_gain_db:.1f} dB expected"
    return Decision("fuse", f"{fusion.frames_used} of {fusion.frames_offered} frames", f"{fusion.reason}{gain}")


def _descreen(job: EnhanceJob, cleaned: Cleaned) -> Decision:
    if job.clean.descreen == "off":
        return Decision("descreen", "off", "asked for")
    if not cleaned.screens:
        return Decision("descreen", "none", "no halftone was found")
    found = ", ".join(_screen(screen) for screen in cleaned.screens)
    return Decision("descreen", f"{len(cleaned.screens)} screens" if len(cleaned.screens) > 1 else "1 screen", found)


def _screen(screen: object) -> str:
    assert isinstance(screen, dict)
    where = f"{screen['period_px']:.2f} px" if screen["lpi"] is None else f"{screen['lpi']:.0f} lpi"
    ink = "" if screen["ink"] == "unknown" else f"{screen['ink']} "
    return f"{ink}{where} at {screen['angle_deg']:.0f}°"


def _paper(job: EnhanceJob, cleaned: Cleaned) -> tuple[Decision, ...]:
    if job.clean.paper == "off":
        return ()
    if cleaned.paper is None:
        return (Decision("paper", "left", "no paper was found in the picture"),)
    return (Decision("paper", "lightened", cleaned.paper),)


def _deblock(job: EnhanceJob, cleaned: Cleaned) -> tuple[Decision, ...]:
    """Return what became of the traces of compression; nothing where none were found."""
    measured = []
    if cleaned.deblocked and cleaned.jpeg_quality is not None:
        measured.append(f"JPEG of quality {cleaned.jpeg_quality:.0f}")
    if cleaned.blockiness is not None and (cleaned.deblocked or cleaned.blockiness > HEAVY_BLOCKINESS):
        measured.append(f"block edges are {cleaned.blockiness:.1f} times as steep as the rest")
    if cleaned.smoothed and cleaned.banded_share is not None:
        measured.append(f"{cleaned.banded_share:.0%} in steps of {cleaned.banding_step:.1f} levels")
    if not measured:
        return ()
    said = "; ".join(measured)
    if cleaned.deblocked or cleaned.smoothed:
        return (Decision("deblock", "smoothed", said),)
    return (Decision("deblock", "off", f"asked for; {said}" if job.clean.deblock == "off" else said),)


def _denoise(job: EnhanceJob, cleaned: Cleaned) -> tuple[Decision, ...]:
    if cleaned.noise_luma is None or cleaned.noise_chroma is None:
        return ()
    measured = f"noise of {cleaned.noise_luma:.1f} levels in brightness, {cleaned.noise_chroma:.1f} in colour"
    known = cleaned.noise_evidence
    if cleaned.denoiser is None:
        if job.clean.denoise == "off":
            reason = "asked for"
        elif max(cleaned.noise_luma, cleaned.noise_chroma) >= NOISY_SIGMA and not known:
            measured = f"{cleaned.noise_luma:.1f} levels vary in brightness, {cleaned.noise_chroma:.1f} in colour"
            reason = "noise cannot be told from texture, nothing taken out"
        else:
            reason = "too little to take out"
        return (Decision("denoise", "none", f"{measured}: {reason}"),)
    by = "" if cleaned.denoiser == "builtin" else f" by {cleaned.denoiser}"
    why = " and ".join(known) if known else "asked for, though it cannot be told from texture"
    return (Decision("denoise", f"{cleaned.denoise_strength:g} of it{by}", f"{measured}: {why}"),)


def _resolution(enhanced: Enhanced) -> tuple[Decision, ...]:
    share = enhanced.true_scale
    if share is None:
        return (Decision("resolution", "not known", "there are too few edges to measure it"),)
    if not is_soft(share):
        return (Decision("resolution", "sharp", "its edges are as steep as its pixels allow"),)
    reason = "it was enlarged before, is out of focus, or was coded hard"
    if enhanced.invented:
        reason += "; the network works at that size and draws only what is finer"
    return (Decision("resolution", f"{share:.0%} of its pixels", reason),)


def _upscale(settings: Settings, engine: Engine, enhanced: Enhanced) -> Decision:
    need = f"x{enhanced.scale:.2f}"
    if engine.network is None:
        return Decision("upscale", enhanced.upscaler, f"asked for; the result needs {need}")
    if enhanced.detail == 0:
        none = settings.enhance.detail == 0
        why = ", and none of the network's detail" if none else ": the picture has the pixels"
        return Decision("upscale", enhanced.upscaler, f"the result needs {need}{why}")
    compute = engine.compute
    beyond = enhanced.scale > engine.scale * BEYOND
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
    if is_soft(enhanced.true_scale):
        return [Decision("detail", share, "finer than what was measured, which is kept below it")]
    if enhanced.detail == 1:
        return [Decision("detail", share, f"at x{enhanced.scale:.2f} the plain filter has nothing to add")]
    fused = ", of the fused frames" if enhanced.fusion.frames_used > 1 else ""
    reason = f"at x{enhanced.scale:.2f} the network alone would be over-drawn: the rest is the plain filter{fused}"
    return [Decision("detail", share, reason)]


def _restore(choice: NetworkChoice, outcomes: tuple[FaceOutcome, ...]) -> Decision:
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


def _guard(settings: Settings, enhanced: Enhanced) -> Decision:
    if not settings.guard.enabled:
        return Decision("guard", "off", "asked for: nothing was measured or held")
    measures = ["colour", "identity", "landmarks"] if enhanced.faces else ["colour"]
    lowered = [
        outcome for outcome in enhanced.faces if outcome.restorer and outcome.strength < settings.restore.strength
    ]
    reason = "" if enhanced.delta_e is None else f"mean colour difference {enhanced.delta_e:.2f}"
    if _too_far(settings, enhanced):
        reason += f", above the limit of {settings.guard.max_delta_e:g}"
    if lowered:
        reason += f"; strength lowered for {len(lowered)} of {len(enhanced.faces)} faces"
    return Decision("guard", " + ".join(measures), reason.lstrip("; ") or "nothing was enlarged")


def _lift(job: EnhanceJob, enhanced: Enhanced) -> tuple[Decision, ...]:
    if job.clean.lift == "off":
        return ()
    if enhanced.lift_stops == 0:
        why = "the face is bright enough" if job.faces else "no face to go by"
        return (Decision("lift", "none", why if job.clean.lift == "auto" else "asked for"),)
    by = "the face is dark" if job.clean.lift == "auto" else "asked for"
    return (
        Decision(
            "lift",
            f"{enhanced.lift_stops:g} stop{'' if enhanced.lift_stops == 1 else 's'}",
            f"{by}; shadows opened, black and highlights kept",
        ),
    )


def _grain(job: EnhanceJob, cleaned: Cleaned) -> tuple[Decision, ...]:
    if job.clean.grain_strength == 0:
        return ()
    if cleaned.grain is None:
        return (Decision("grain", "none", "none was found that could be measured"),)
    share = "" if cleaned.grain_strength == 1 else f", {cleaned.grain_strength:g} of it"
    return (
        Decision("grain", f"kept{share}", f"{cleaned.grain:.1f} levels; taken out before, made anew at the new size"),
    )
