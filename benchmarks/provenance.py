"""Is the provenance map true: is what it calls measured nearer to the truth than what it calls invented?

Clips of moving, talking people that nothing was tuned on (``_fancams.REPORT``) are degraded as fancams are, fused,
and printed at the size of their truth through the network; the map is that of ``evidence``. A pixel is "measured" with
an invented share of at most 0.25 and at least 6 frames, "measured once" with fewer than 2, and "invented" with a share
above 0.5. ``print`` is the PSNR of the print at these pixels, ``single`` that of the picked frame alone by a bicubic
filter, ``gain`` their difference. Flat areas are easy for everyone, and little is drawn there: therefore the same is
told apart by how much local detail the truth has, in thirds of the pixels of a clip. "lead" is how much nearer to the
truth measured pixels are than others, "alike" its mean over the thirds, and "in gain" how much more they gained.

Three prints of each clip are judged: by the engine's law, by the network alone, and one with wrong detail drawn into
every second square: that of the truth upside down, as strong as real detail and in the wrong place.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from benchmarks._fancams import REPORT, TUNE, Case, Degradation, cases
from benchmarks._fused_prints import Engines, Prints, around_face, whole
from fancam.enhancing.evidence import DETAIL_SIGMA_PX, FEW_FRAMES, MANY_FRAMES, MOSTLY, map_evidence
from fancam.media import Picture
from fancam.nn import ModelStore
from fancam.nn.networks import load_upscaler
from fancam.settings import EnhanceSettings

CELLS = tuple(Degradation(3, sigma, crf) for sigma, crf in ((8, 18), (2, 23), (2, 28)))
QUICK = (Degradation(3, 8, 18), Degradation(3, 2, 28))
SQUARE_SIGMAS = 8
"""Side of the squares of wrong detail, in widths of the map's window."""
LITTLE = 0.25
"""Invented share up to which a pixel counts as measured."""
THIRDS = ("flat", "between", "detailed")
ENOUGH_PX = 200
"""Fewer pixels of a class tell nothing about a clip."""

Plane = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Mapped:
    """A print of a clip with its map and its errors, one value per print pixel; all (H, W)."""

    name: str
    fused_gain: float
    """PSNR of the print by the law over that of the single frame, in the whole picture."""
    frames: Plane
    invented: Plane
    error: Plane
    """Mean square of the channels."""
    single_error: Plane
    """The same of the picked frame by a bicubic filter."""
    energy: Plane
    """Local detail of the truth: mean square of what a Gaussian takes out, over the window of the map."""
    window_px: float
    """Standard deviation of that window."""
    third: npt.NDArray[np.intp]
    """0 to 2: to which third of the picture a pixel belongs by the local detail of the truth."""


PRINTS: dict[str, Callable[[Prints], Picture]] = {
    "by the law": lambda prints: prints.of_fused,
    "network alone": lambda prints: prints.with_share(1.0),
    "wrong detail drawn": lambda prints: with_wrong_detail(prints.case, prints.of_fused, prints.scale),
}


def with_wrong_detail(case: Case, print_: Picture, scale: float) -> Picture:
    """Return a print whose fine detail is, in every second square, that of the truth upside down."""
    sigma = DETAIL_SIGMA_PX * scale
    rows, columns = (np.arange(length) // round(SQUARE_SIGMAS * sigma) for length in print_.shape[:2])
    drawn = _blurred(((rows[:, None] + columns) % 2).astype(np.float32), sigma / 2)[..., None]
    own, wrong = (picture - _blurred(picture, sigma) for picture in (print_, np.flipud(case.truth)))
    return np.clip(np.rint(print_ + drawn * (wrong - own)), 0, 255).astype(np.uint8)


def mapped(prints: Prints, final: Picture) -> Mapped:
    """Return the map and the errors of a print."""
    case, measured = prints.case, prints.fused.pixels
    evidence = map_evidence(prints.fused.evidence_frames, whole(measured), final, prints.plain(measured), prints.scale)
    truth, sigma = case.truth.astype(np.float32), DETAIL_SIGMA_PX * prints.scale
    energy = _blurred(np.mean((truth - _blurred(truth, sigma)) ** 2, axis=2), sigma)
    third = np.searchsorted(np.quantile(energy, (1 / 3, 2 / 3)), energy)
    single = prints.plain(case.reference, "bicubic")
    gain = decibels(float(_error(case.truth, prints.of_fused).mean())) - decibels(
        float(_error(case.truth, single).mean())
    )
    return Mapped(case.clip.name, gain, evidence.frames, evidence.invented, _error(case.truth, final),
                  _error(case.truth, single), energy, sigma, third)  # fmt: skip


def _error(truth: Picture, result: Picture) -> Plane:
    return np.asarray(np.mean((truth.astype(np.float32) - result) ** 2, axis=2), np.float32)


def _blurred(values: npt.NDArray | np.floating, sigma: float) -> Plane:
    return np.asarray(cv2.GaussianBlur(np.asarray(values, np.float32), (0, 0), sigma), np.float32)


CLASSES: dict[str, Callable[[Mapped], Mask]] = {
    "measured": lambda m: (m.invented <= LITTLE) & (m.frames >= MANY_FRAMES),
    "measured, 2 to 6": lambda m: (m.invented <= LITTLE) & (m.frames >= FEW_FRAMES) & (m.frames < MANY_FRAMES),
    "measured once": lambda m: (m.invented <= LITTLE) & (m.frames < FEW_FRAMES),
    "in between": lambda m: (m.invented > LITTLE) & (m.invented <= MOSTLY),
    "invented": lambda m: m.invented > MOSTLY,
    "all": lambda m: np.ones(m.error.shape, bool),
}


def joined(found: Sequence[Mapped]) -> Mapped:
    """Return all clips as one long picture; a pixel stays in the third of its own clip."""

    def all_of(part: str) -> npt.NDArray:
        return np.concatenate([getattr(one, part).ravel() for one in found])

    gain = float(np.mean([one.fused_gain for one in found]))
    return Mapped("all", gain, all_of("frames"), all_of("invented"), all_of("error"), all_of("single_error"),
                  all_of("energy"), found[0].window_px, all_of("third"))  # fmt: skip


def decibels(error: float) -> float:
    """Return the PSNR of a mean square error in levels of 255."""
    return float(10 * np.log10(255**2 / max(error, 1e-9)))


def pooled(found: Sequence[Mapped], chosen: Sequence[Mask]) -> tuple[float, float, float]:
    """Return share of the pixels, PSNR of the print and of the single frame at chosen pixels of all clips.

    Every clip weighs the same by its share of chosen pixels; NaN where none is chosen.
    """
    sums = np.zeros(3)
    for one, mask in zip(found, chosen, strict=True):
        sums += np.mean(mask), np.mean(one.error * mask), np.mean(one.single_error * mask)
    share, error, single = sums
    if share == 0:
        return 0.0, float("nan"), float("nan")
    return share / len(found), decibels(error / share), decibels(single / share)


# --- tables -------------------------------------------------------------------------------------------------------


def print_classes(found: Sequence[Mapped]) -> None:
    """Print share, PSNR and gain of each class, then PSNR and gain in each third."""
    print(f"{'':18}{'share':>8}{'print':>8}{'single':>8}{'gain':>8}" + "".join(f"{third:>16}" for third in THIRDS))
    for name, inside in CLASSES.items():
        share, of_print, of_single = pooled(found, [inside(one) for one in found])
        if share == 0:
            continue
        line = f"{name:18}{share:8.1%}{of_print:8.2f}{of_single:8.2f}{of_print - of_single:+8.2f}"
        for third in range(len(THIRDS)):
            part = [inside(one) & (one.third == third) for one in found]
            _, of_print, of_single = pooled(found, part)
            line += f"{of_print:9.2f} {of_print - of_single:+6.2f}"
        print(line)


def print_statement(found: Sequence[Mapped]) -> None:
    """Print for each clip by how much measured pixels are nearer to the truth than the others, against its gain."""
    print(f"{'':16}{'fused':>7}{'gain of pixels seen':>27}{'not seen more than once':>26}{'invented':>28}")
    print(f"{'':16}{'gain':>7}{'6 times':>9}{'2 to 6':>9}{'once':>9}{'lead':>8}{'in gain':>9}{'alike':>9}"
          f"{'lead':>10}{'in gain':>9}{'alike':>9}")  # fmt: skip
    judged: list[tuple[float, ...]] = []
    for one in (*found, joined(found)):
        gains = [one.fused_gain, *(_gain(one, inside(one)) for inside in list(CLASSES.values())[:3])]
        row: list[float] = []
        for other in ("measured once", "invented"):
            thirds = [_lead(one, other, one.third == third)[0] for third in range(3)]
            row += [*_lead(one, other, np.ones(one.error.shape, bool)), _mean(thirds)]
        judged.append((gains[0], *row))
        print(f"{one.name:16}{gains[0]:+7.2f}{gains[1]:+9.2f}{gains[2]:+9.2f}{gains[3]:+9.2f}"
              f"{row[0]:+8.2f}{row[1]:+9.2f}{row[2]:+9.2f}{row[3]:+10.2f}{row[4]:+9.2f}{row[5]:+9.2f}")  # fmt: skip
    values = np.array(judged[:-1])  # the last is all of them together
    for number, what in enumerate(("not seen more than once", "invented")):
        columns = values[:, 1 + 3 * number : 4 + 3 * number]
        known = np.sum(~np.isnan(columns), axis=0)
        holds = np.sum(columns >= values[:, :1], axis=0)
        print(f"measured ahead of {what} by the fused gain or more: {holds[0]} of {known[0]} clips; "
              f"in gain {holds[1]} of {known[1]}; at like detail {holds[2]} of {known[2]}")  # fmt: skip


def _gain(one: Mapped, part: Mask) -> float:
    """Return the PSNR of the print less that of the single frame at some pixels; NaN where they are too few."""
    if part.sum() < ENOUGH_PX:
        return float("nan")
    return decibels(float(one.error[part].mean())) - decibels(float(one.single_error[part].mean()))


def _lead(one: Mapped, other: str, part: Mask) -> tuple[float, float]:
    """Return how far measured pixels of a part are ahead of those of another class, NaN where too few are there.

    Returns:
        In PSNR, and in gain over the single frame at the same pixels: the second does not ask which are the easy ones.
    """
    measured, others = CLASSES["measured"](one) & part, CLASSES[other](one) & part
    if min(measured.sum(), others.sum()) < ENOUGH_PX:
        return float("nan"), float("nan")
    lead = decibels(float(one.error[measured].mean())) - decibels(float(one.error[others].mean()))
    return lead, _gain(one, measured) - _gain(one, others)


def print_correlations(found: Sequence[Mapped]) -> None:
    """Print Spearman's rho of both maps with the error, and with the gain, means over the clips.

    The error of one pixel is mostly chance: it is averaged over the window that the map is made with. "at like detail"
    is the partial correlation, the local detail of the truth held fixed; the gain is that over the single frame.
    """
    print(f"{'rho of':10}{'with error':>12}{'at like detail':>16}{'with gain':>11}{'at like detail':>16}")
    for name in ("frames", "invented"):
        rows = []
        for one in found:
            error, single = (_blurred(plane, one.window_px) + 0.1 for plane in (one.error, one.single_error))
            plane = getattr(one, name)
            for value in (error, single / error):
                rows += [spearman(plane, value), partial_spearman(plane, value, one.energy)]
        means = np.array(rows).reshape(len(found), 4).mean(axis=0)
        print(f"{name:10}{means[0]:+12.2f}{means[1]:+16.2f}{means[2]:+11.2f}{means[3]:+16.2f}")


def partial_spearman(one: Plane, other: Plane, fixed: Plane) -> float:
    """Return the rank correlation of two maps with a third held fixed (Kendall, "Partial rank correlation", 1942)."""
    with_other, with_fixed, between = spearman(one, other), spearman(one, fixed), spearman(other, fixed)
    rest = (1 - with_fixed**2) * (1 - between**2)
    return (with_other - with_fixed * between) / rest**0.5 if rest > 0 else 0.0


def _mean(values: list[float]) -> float:
    known = [value for value in values if not np.isnan(value)]
    return sum(known) / len(known) if known else float("nan")


def spearman(one: npt.NDArray[np.float32], other: npt.NDArray[np.float32]) -> float:
    """Return the rank correlation of two maps; 0 where one of them is constant."""
    ranks = [_ranks(values.ravel()[::7]) for values in (one, other)]
    spread = [float(rank.std()) for rank in ranks]
    if min(spread) == 0:
        return 0.0
    return float(np.mean((ranks[0] - ranks[0].mean()) * (ranks[1] - ranks[1].mean())) / (spread[0] * spread[1]))


def _ranks(values: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """Return the rank of each value; equal ones share the mean of theirs."""
    _, which, counts = np.unique(values, return_inverse=True, return_counts=True)
    return np.asarray((np.cumsum(counts) - (counts - 1) / 2)[which], np.float64)


def print_deciles(found: Sequence[Mapped]) -> None:
    """Print the PSNR of the print and its gain by tenths of each map, fewest frames and least invented first."""
    for name in ("frames", "invented"):
        values = np.concatenate([getattr(one, name).ravel() for one in found])
        error, single = (
            np.concatenate([getattr(one, part).ravel() for one in found]) for part in ("error", "single_error")
        )
        tenths = np.array_split(np.argsort(values, kind="stable"), 10)
        print(f"{name:9}from" + "".join(f"{float(values[tenth[0]]):7.2f}" for tenth in tenths))
        psnrs = [decibels(float(error[tenth].mean())) for tenth in tenths]
        gains = [p - decibels(float(single[tenth].mean())) for p, tenth in zip(psnrs, tenths, strict=True)]
        print(f"{'':9}PSNR" + "".join(f"{value:7.2f}" for value in psnrs))
        print(f"{'':9}gain" + "".join(f"{value:+7.2f}" for value in gains))


def main(arguments: list[str]) -> None:
    """Print the tables of each degradation."""
    media = Path(__file__).parents[2] / "shared" / "data" / "video"
    parser = argparse.ArgumentParser(prog="provenance", description=__doc__)
    parser.add_argument("--videos", type=Path, default=media)
    parser.add_argument("--upscaler", default="realesr-animevideov3")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--quick", action="store_true", help="two degradations and every second clip")
    parser.add_argument("--side-px", type=int, default=0, help="only this much around the face, in source pixels")
    parser.add_argument("--tune", action="store_true", help="the clips that things are tuned on")
    options = parser.parse_args(arguments)
    settings = EnhanceSettings(upscaler=options.upscaler, device=options.device)
    network = load_upscaler(settings, ModelStore())
    if network is None:
        raise SystemExit(f"{options.upscaler} is no network")
    engines = Engines(settings, network)
    clips = (TUNE if options.tune else REPORT)[:: 2 if options.quick else 1]
    cells = list(QUICK if options.quick else CELLS)
    found: dict[str, list[Mapped]] = {}
    for case in cases(clips, cells, options.videos):
        shown = around_face(case, options.side_px) if options.side_px else case
        cell = case.degradation
        prints = Prints(shown, engines)
        if prints.fused.grid == 1:
            print(f"{case.name}: not fused, left out: {prints.fused.reason}")
            continue
        for kind, make in PRINTS.items():
            title = f"{network.name}, {kind}: x{cell.reduction}, noise {cell.sigma:g}, CRF {cell.crf}"
            found.setdefault(title, []).append(mapped(prints, make(prints)))
    for title, some in found.items():
        print(f"\n{title}, {len(some)} clips")
        print_classes(some)
        print_statement(some)
        print_correlations(some)
        print_deciles(some)
