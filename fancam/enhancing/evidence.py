"""How much of a print was measured, in how many frames, and how much of it a network drew."""

from __future__ import annotations

import math
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from fancam.geometry import Box
from fancam.media import Samples
from fancam.results import Evidence

DETAIL_SIGMA_PX = 2.0
"""Source pixels. Detail is what a Gaussian of this width takes out, and its energy is averaged with the same: an area
large enough to tell texture by, and small enough to keep hair and skin apart."""
INVISIBLE_LEVELS = 1.0
"""Of 255: detail of this strength (root mean square) and less can hardly be seen, and counts for little."""
FEW_FRAMES, MANY_FRAMES = 2, 6
"""The counts that the figures name: more than the single frame, and enough to more than halve its noise (the noise of a
mean of n frames falls with the root of n)."""
MOSTLY = 0.5

_BAND_PX = 2**21
_TINY = 1e-12
_ROUNDING_FRAMES = 1e-3
"""An effective number of frames that misses a whole one by no more than this does so by rounding."""


def map_evidence(
    frames: npt.NDArray[np.float32] | None, box: Box, final: Samples, plain: Samples, scale: float
) -> Evidence:
    """Return how often each pixel of a print was measured, and how much of it was drawn.

    Args:
        frames: (h, w) frames that agree on each pixel of the measured picture, 1 or more; None where there was one
            frame, as in a photo.
        box: What the print shows, in pixels of the measured picture; mirrored where it reaches beyond it.
        final: (H, W, 3) RGB, uint8 or uint16: the print.
        plain: The same part of the measured picture, enlarged to the same size by a linear filter.
        scale: Print pixels per source pixel.

    Raises:
        ValueError: The pictures differ in size or type, the box is empty, or the scale is not above 0.
    """
    height_px, width_px = final.shape[:2]
    if frames is None:
        counts = np.ones((height_px, width_px), np.float32)
    else:
        counts = frames_at_print(frames, box, width_px, height_px)
    return Evidence(counts, invented_share(final, plain, scale))


def frames_at_print(
    frames: npt.NDArray[np.float32], box: Box, width_px: int, height_px: int
) -> npt.NDArray[np.float32]:  # fmt: skip
    """Resample a map of frame counts to the print.

    Linear between pixels, and an average where the picture is made smaller: no count appears that is higher than all
    around it, as with a filter that has negative lobes.

    Args:
        frames: (h, w), 1 or more.
        box: The part to show, in pixels of the map; the map is mirrored where the box reaches beyond it.
        width_px: Of the print.
        height_px: Of the print.

    Returns:
        (height_px, width_px) float32, 1 or more.

    Raises:
        ValueError: The map or the box is empty.
    """
    if frames.ndim != 2 or not frames.size or not box.area > 0:
        raise ValueError(f"cannot resample {box} of a map of shape {frames.shape}")
    rows, row_weights = _linear_taps(box.y0, box.y1, frames.shape[0], height_px)
    columns, column_weights = _linear_taps(box.x0, box.x1, frames.shape[1], width_px)
    result = _weighted(_weighted(frames, rows, row_weights).T, columns, column_weights).T
    return np.maximum(result, np.float32(1), order="C")


def invented_share(final: Samples, plain: Samples, scale: float) -> npt.NDArray[np.float32]:
    """Return the share of each pixel's local detail that the measured picture does not account for.

    Detail is a picture minus itself blurred by ``DETAIL_SIGMA_PX`` source pixels, so that a shift of tone is no
    detail. With F and P the detail of the final and of the plain picture, and ``E`` the mean square over the three
    channels under a Gaussian window of the same width, in levels of 255::

        share = min over a in [0, 1] of E(F - a P)  /  (E(F) + INVISIBLE_LEVELS ** 2)

    What can be had by keeping the measured detail, all or part of it, is not invented: an unchanged picture has 0, and
    so has smooth skin whose noise was taken out. What goes beyond it is: new lines and texture, the excess where
    measured contrast is overdrawn, and detail brought out from under noise that was as strong as it. With ``a`` free
    this would be 1 - R² of a local regression of F on P; the window is as in SSIM (Wang et al., "Image quality
    assessment", IEEE TIP 13(4), 2004).

    The share grows with the share of the network that is mixed in, as long as the network's detail is not the
    opposite of the measured one.

    Args:
        final: (H, W, 3) RGB, uint8 or uint16: the print.
        plain: The measured picture by a linear filter; of the same size and type.
        scale: Print pixels per source pixel.

    Returns:
        (H, W) float32 in [0, 1]; the same bytes whatever the size of the bands it is made in.

    Raises:
        ValueError: The pictures differ in size or type, or the scale is not above 0.
    """
    if final.shape != plain.shape or final.dtype != plain.dtype or final.ndim != 3:
        raise ValueError(f"cannot compare {final.shape} {final.dtype} with {plain.shape} {plain.dtype}")
    if not (scale > 0 and math.isfinite(scale)):
        raise ValueError(f"a scale of {scale} is none")
    kernel = _gaussian(max(DETAIL_SIGMA_PX * scale, 1.0))
    halo = len(kernel) - 1  # the reach of two blurs
    height, width = final.shape[:2]
    share = np.empty((height, width), np.float32)
    step = max(_BAND_PX // width, halo)
    for top in range(0, height, step):
        bottom = min(top + step, height)
        first = max(top - halo, 0)
        reach = slice(first, min(bottom + halo, height))
        share[top:bottom] = _share(final[reach], plain[reach], kernel)[top - first : bottom - first]
    return share


def _share(final: Samples, plain: Samples, kernel: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    shape = final.shape[:2]
    in_final, in_plain, in_both = (np.zeros(shape, np.float32) for _ in range(3))
    for channel in range(final.shape[2]):
        drawn, measured = (_detail(picture[..., channel], kernel) for picture in (final, plain))
        in_final += drawn * drawn
        in_plain += measured * measured
        in_both += drawn * measured
    drawn, measured, common = (_blurred(energy, kernel) / final.shape[2] for energy in (in_final, in_plain, in_both))
    kept = np.clip(common / np.maximum(measured, np.float32(_TINY)), 0, 1)
    rest = drawn - kept * (2 * common - kept * measured)
    return np.clip(rest / (drawn + np.float32(INVISIBLE_LEVELS**2)), 0, 1)


def _detail(plane: npt.NDArray, kernel: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    levels = plane.astype(np.float32) * np.float32(255 / np.iinfo(plane.dtype).max)
    # Mirrored in the edge's level as well as in its place: a slope goes on beyond the edge, and is no detail there.
    reach = len(kernel) // 2
    wide = np.pad(levels, reach, mode="reflect", reflect_type="odd")
    return levels - _blurred(wide, kernel)[reach:-reach, reach:-reach]


def _blurred(values: npt.NDArray[np.float32], kernel: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    return np.asarray(cv2.sepFilter2D(values, -1, kernel, kernel, borderType=cv2.BORDER_REFLECT), np.float32)


def _gaussian(sigma_px: float) -> npt.NDArray[np.float32]:
    """Return the weights of a Gaussian, cut where less than a hundredth of its peak is left (3 sigma)."""
    reach = math.ceil(3 * sigma_px)
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma_px) ** 2)
    return (weights / weights.sum()).astype(np.float32)


def _linear_taps(
    start: float, end: float, length: int, outputs: int
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.float32]]:
    """Return (outputs, taps) indices and weights of linear interpolation, widened where the axis is made shorter."""
    ratio = (end - start) / outputs
    reach = max(ratio, 1.0)
    centres = start + (np.arange(outputs) + 0.5) * ratio
    places = np.floor(centres - reach).astype(np.intp)[:, None] + np.arange(2 * math.ceil(reach) + 1)
    weights = np.maximum(1 - np.abs(places + 0.5 - centres[:, None]) / reach, 0)
    mirrored = np.mod(places, 2 * length)
    weights /= weights.sum(axis=1, keepdims=True)
    return np.minimum(mirrored, 2 * length - 1 - mirrored), weights.astype(np.float32)


def _weighted(
    values: npt.NDArray[np.float32], indices: npt.NDArray[np.intp], weights: npt.NDArray[np.float32]
) -> npt.NDArray[np.float32]:
    """Return, along the first axis, the weighted sums of the values at the indices."""
    total = np.zeros((len(indices), values.shape[1]), np.float32)
    for tap in range(indices.shape[1]):
        total += weights[:, tap, None] * values[indices[:, tap]]
    return total


# --- in figures -------------------------------------------------------------------------------------------------------


def evidence_figures(evidence: Evidence, face: Box | None) -> dict[str, Any]:
    """Return the figures of a print for the manifest.

    Args:
        evidence: Of the print.
        face: In pixels of the print; None where there is none. One that lies outside counts as none.

    Returns:
        ``card``, and ``face`` where there is one, each with ``mean_frames``, ``measured_in_2`` and ``measured_in_6``
        (shares of the pixels that so many frames agree on), ``mean_invented`` (of the pixels' ``invented``) and
        ``mostly_invented`` (share of the pixels with more than half); and ``sentence``, which says it in plain words,
        of the face where there is one.
    """
    height, width = evidence.frames.shape
    figures: dict[str, Any] = {}
    inside = face.clipped(width, height) if face is not None else Box(0, 0, 0, 0)
    if inside.area > 0:
        figures["face"] = _figures(evidence, inside.as_slices())
    figures["card"] = _figures(evidence, (slice(None), slice(None)))
    figures["sentence"] = _sentence(next(iter(figures)), next(iter(figures.values())))
    return figures


def _figures(evidence: Evidence, part: tuple[slice, slice]) -> dict[str, float]:
    frames, invented = evidence.frames[part], evidence.invented[part]
    shares = {
        f"measured_in_{count}": float(np.mean(frames >= count - _ROUNDING_FRAMES))
        for count in (FEW_FRAMES, MANY_FRAMES)
    }
    figures = {
        "mean_frames": float(np.mean(frames, dtype=np.float64)),
        **shares,
        "mean_invented": float(np.mean(invented, dtype=np.float64)),
        "mostly_invented": float(np.mean(invented > MOSTLY)),
    }
    return {name: round(value, 4) for name, value in figures.items()}


def _sentence(what: str, figures: dict[str, float]) -> str:
    many, few, drawn = figures[f"measured_in_{MANY_FRAMES}"], figures[f"measured_in_{FEW_FRAMES}"], "mean_invented"
    if many > 0 or few > 0:
        share, count = (many, MANY_FRAMES) if many > 0 else (few, FEW_FRAMES)
        measured = f"{_percent(share)} of the {what} measured in at least {count} frames"
    else:
        measured = f"the {what} measured in a single frame"
    share = figures[drawn]
    invented = f"{_percent(share)} of its detail drawn by a network" if share > 0 else "no detail drawn by a network"
    return f"{measured}; {invented}"


def _percent(share: float) -> str:
    """Return a share in whole per cent; what is not quite nothing or everything is not called so."""
    if 0 < share < 0.01:
        return "less than 1 %"
    if 0.99 < share < 1:
        return "over 99 %"
    return f"{share * 100:.0f} %"
