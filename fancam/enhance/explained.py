"""What was measured in a source and done to it before the enlargement: the first lines of ``--explain``."""

from __future__ import annotations

from fancam.enhance.cleaning import HEAVY_BLOCKINESS
from fancam.enhance.job import EnhanceJob
from fancam.records import Cleaned, Decision, Enhanced, Fusion


def cleaning_decisions(job: EnhanceJob, enhanced: Enhanced) -> tuple[Decision, ...]:
    """Return the steps before the enlargement, in the order they ran, with what was measured for each."""
    cleaned = enhanced.cleaned
    fused = (_fuse(enhanced.fusion),) if job.is_video else ()
    scanned = () if job.is_video else (_descreen(job, cleaned), *_paper(job, cleaned))
    return (*fused, *scanned, *_deblock(job, cleaned), *_denoise(job, cleaned))


def grain_decisions(job: EnhanceJob, cleaned: Cleaned) -> tuple[Decision, ...]:
    """Return the step after everything else: the grain that was put back."""
    if job.clean.grain_strength == 0:
        return ()
    if cleaned.grain is None:
        return (Decision("grain", "none", "none was found that could be measured"),)
    share = "" if cleaned.grain_strength == 1 else f", {cleaned.grain_strength:g} of it"
    return (
        Decision("grain", f"kept{share}", f"{cleaned.grain:.1f} levels; taken out before, made anew at the new size"),
    )


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
    if cleaned.blockiness is None or not (cleaned.deblocked or cleaned.blockiness > HEAVY_BLOCKINESS):
        return ()
    measured = f"block edges are {cleaned.blockiness:.1f} times as steep as the rest"
    if cleaned.deblocked:
        return (Decision("deblock", "smoothed", measured),)
    return (Decision("deblock", "off", f"asked for; {measured}" if job.clean.deblock == "off" else measured),)


def _denoise(job: EnhanceJob, cleaned: Cleaned) -> tuple[Decision, ...]:
    if cleaned.noise_luma is None or cleaned.noise_chroma is None:
        return ()
    measured = f"noise of {cleaned.noise_luma:.1f} levels in brightness, {cleaned.noise_chroma:.1f} in colour"
    if cleaned.denoiser is None:
        reason = "asked for" if job.clean.denoise == "off" else "too little to take out"
        return (Decision("denoise", "none", f"{measured}: {reason}"),)
    by = "" if cleaned.denoiser == "builtin" else f" by {cleaned.denoiser}"
    return (Decision("denoise", f"{cleaned.denoise_strength:g} of it{by}", measured),)
