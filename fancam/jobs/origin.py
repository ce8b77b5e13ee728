"""What fancam wrote into a picture about how it was made, read back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fancam import __version__
from fancam.geometry import Box
from fancam.report import format_time
from fancam.results import CardGeometry

_PREFIX = "fancam:"
_KEPT = (
    "pts", "time_s", "framing", "upscaler", "upscaler_sha256", "restorer", "strengths", "invented", "notes",
)  # fmt: skip
"""What holds as well for a card that is made of the picture."""
_ASPECT_TOLERANCE = 0.01
"""A picture that was cropped or turned since is no longer the card that its XMP speaks of."""


@dataclass(frozen=True, slots=True)
class Origin:
    """The provenance in a picture; empty for pictures that fancam did not write."""

    fields: Mapping[str, str | list[str]]
    """By name, without the prefix; every value as text."""

    @classmethod
    def of(cls, xmp: Mapping[str, Any]) -> Origin:
        """Return the provenance among a picture's XMP, by prefixed name as ``pictures.read_metadata`` gives it."""
        return cls({name.removeprefix(_PREFIX): value for name, value in xmp.items() if name.startswith(_PREFIX)})

    def number(self, name: str) -> float | None:
        """Return a field as a number; None where it is missing or none."""
        value = self.fields.get(name)
        try:
            return float(value) if isinstance(value, str) else None
        except ValueError:
            return None

    @property
    def invented(self) -> bool | None:
        """Whether a network drew detail; None where the picture does not say."""
        value = self.fields.get("invented")
        return None if value is None else value == "True"

    @property
    def kept(self) -> dict[str, str | list[str]]:
        """What holds as well for a card that is made of the picture."""
        return {name: self.fields[name] for name in _KEPT if name in self.fields}

    @property
    def scale(self) -> float:
        """Pixels of the picture per pixel of the camera; 1 where it was never enlarged, or does not say."""
        return max(self.number("scale") or 1.0, 1.0)

    def face_boxes(self, width_px: int, height_px: int) -> tuple[Box, ...] | None:
        """Return the faces of the card in its pixels; None where nobody looked, or it is no longer that card."""
        rows, card = self.fields.get("face_boxes_mm"), self.geometry(width_px, height_px)
        if card is None or not isinstance(rows, list):
            return None
        try:
            boxes = [Box(*map(float, row.split())) for row in rows]
        except (ValueError, TypeError):
            return None
        return tuple(box.scaled(width_px / card.outer_width_mm, height_px / card.outer_height_mm) for box in boxes)

    def geometry(self, width_px: int, height_px: int) -> CardGeometry | None:
        """Return the card that the picture is; None where it says nothing, or has other proportions than it says."""
        width_mm, height_mm = self.number("trim_width_mm"), self.number("trim_height_mm")
        bleed_mm, dpi = self.number("bleed_mm"), self.number("dpi")
        if not width_mm or not height_mm or bleed_mm is None or not dpi:
            return None
        stated = CardGeometry(width_mm, height_mm, bleed_mm, dpi)
        aspect = stated.outer_width_mm / stated.outer_height_mm
        return stated if abs(width_px / height_px / aspect - 1) <= _ASPECT_TOLERANCE else None

    def trim_box(self, width_px: int, height_px: int, wanted: CardGeometry) -> Box | None:
        """Return the trim in the picture's pixels, where it is a card of the size that is wanted; else None."""
        stated = self.geometry(width_px, height_px)
        if stated is None or (stated.width_mm, stated.height_mm) != (wanted.width_mm, wanted.height_mm):
            return None
        # One scale for both directions: whole pixels make the file's two differ by a trifle.
        px_per_mm = min(width_px / stated.outer_width_mm, height_px / stated.outer_height_mm)
        x, y = (width_px - stated.width_mm * px_per_mm) / 2, (height_px - stated.height_mm * px_per_mm) / 2
        return Box(x, y, width_px - x, height_px - y)


def provenance_lines(source: str, origin: Origin, effective_ppi: float, geometry: CardGeometry) -> list[str]:
    """Return where a card comes from, for its back: ``Label: value``, and sentences after them.

    Args:
        source: Name of the video or photo it was made of.
        origin: What its picture says of how it was made.
        effective_ppi: Pixels of the camera per printed inch.
        geometry: Of the card.
    """
    lines = [f"Source: {source}"]
    time_s = origin.number("time_s")
    if time_s is not None:
        lines.append(f"Moment: {format_time(time_s)}")
    lines.append(f"Camera: {effective_ppi:.0f} ppi")
    lines.append(f"Print: {geometry.dpi:.0f} dpi, {geometry.width_mm:g} × {geometry.height_mm:g} mm")
    upscaler, restorer = origin.fields.get("upscaler"), origin.fields.get("restorer", "none")
    if isinstance(upscaler, str):
        lines.append(f"Enlarged: {origin.scale:.2f}× by {upscaler}")
    if restorer != "none":
        lines.append(f"Face: {restorer}")
    if origin.invented is not None:
        lines.append("Contains detail that a network invented." if origin.invented else "No invented detail.")
    return [*lines, f"Made with fancam {__version__}"]
