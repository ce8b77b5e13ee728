"""What is compared: the same picture at several stages of the chain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from fancam.geometry import Box
from fancam.media import Picture
from fancam.results import Enhanced, FaceOutcome


@dataclass(frozen=True, slots=True, eq=False)
class Stage:
    """The picture as it was at one point of the chain."""

    label: str
    """In plain words: ``bicubic``, ``network``, ``face prior`` …"""
    pixels: Picture
    """(height, width, 3) uint8 RGB, sRGB, at print size."""
    invented_by: str | None = None
    """The network that added detail which the camera did not deliver; None where nothing did."""

    def __repr__(self) -> str:
        return f"Stage({self.label!r}, {self.pixels.shape[1]}x{self.pixels.shape[0]}, invented_by={self.invented_by!r})"


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """One picture at two or more stages, with what is known about it.

    Raises:
        ValueError: There are fewer than two stages, their sizes or types differ, or two have the same label.
    """

    title: str
    """Usually the name of the file."""
    stages: Sequence[Stage]
    """From the least to the most processed; all of one size."""
    facts: Mapping[str, str] = field(default_factory=dict)
    """Name to value, in the order they are shown: ``{"scale": "x2.12"}``."""
    warnings: Sequence[str] = ()
    focus: Box | None = None
    """The face, in pixels of the stages; None looks at the middle."""

    def __post_init__(self) -> None:
        if len(self.stages) < 2:
            raise ValueError(f"a comparison needs at least two stages, not {len(self.stages)}")
        labels = [stage.label for stage in self.stages]
        if len(set(labels)) < len(labels):
            raise ValueError(f"stages need different labels, not {labels}")
        for stage in self.stages:
            pixels = stage.pixels
            if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3 or not pixels.size:
                raise ValueError(f"a stage is (height, width, 3) uint8, not {pixels.shape} {pixels.dtype}")
            if pixels.shape != self.stages[0].pixels.shape:
                raise ValueError(f"stages differ in size: {[s.pixels.shape for s in self.stages]}")

    @property
    def width_px(self) -> int:
        """Width of every stage."""
        return int(self.stages[0].pixels.shape[1])

    @property
    def height_px(self) -> int:
        """Height of every stage."""
        return int(self.stages[0].pixels.shape[0])

    @property
    def centre(self) -> tuple[float, float]:
        """(x, y) to look at, in pixels, within the picture: the middle of the focus, or of the picture."""
        x, y = self.focus.centre if self.focus is not None else (self.width_px / 2, self.height_px / 2)
        return min(max(x, 0.0), float(self.width_px)), min(max(y, 0.0), float(self.height_px))

    def cut(self, width_px: int, height_px: int) -> Box:
        """Return a box of whole pixels around the centre: of this size where the picture is as large, inside it."""
        width, height = min(width_px, self.width_px), min(height_px, self.height_px)
        x, y = self.centre
        x0 = min(max(round(x - width / 2), 0), self.width_px - width)
        y0 = min(max(round(y - height / 2), 0), self.height_px - height)
        return Box(x0, y0, x0 + width, y0 + height)


def invention(comparison: Comparison, names: Sequence[str]) -> str:
    """Return the sentence that says which pictures show invented detail and whose; empty where none does.

    Args:
        comparison: Its stages say by whom.
        names: What each stage is called in the sentence, as in ``the right picture``.
    """
    invented = [
        (name, stage.invented_by)
        for stage, name in zip(comparison.stages, names, strict=True)
        if stage.invented_by is not None
    ]
    if not invented:
        return ""
    (first, network), *others = invented
    more = "".join(f", in {name} by {other}" for name, other in others)
    return f"Detail in {first} was invented by {network}{more}."


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
