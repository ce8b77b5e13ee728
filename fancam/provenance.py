"""What was done to a picture: one record, written into its file as XMP, read back from it, and put into words."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from fancam import __version__
from fancam.geometry import Box, CardGeometry
from fancam.media import format_time
from fancam.results import Enhanced, Pick, Score

_PREFIX = "fancam:"
_INHERITED = (
    "pts", "time_s", "framing", "upscaler", "upscaler_sha256", "restorer", "strengths", "true_scale",
    "invented", "notes",
)  # fmt: skip
"""What holds as well for a card that is made of the picture."""
_ASPECT_TOLERANCE = 0.01
"""A picture that was cropped or turned since is no longer the card that its XMP speaks of."""


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where the pixels of a picture come from and what was done to them; None where that is not known."""

    source: str = ""
    """Name of the video or picture it was made of, without its folder: ``dc:source``."""
    source_sha256: str | None = None
    """Of the file it was made of; of frames that were picked."""
    version: str = ""
    """Of fancam; empty for pictures that it did not write."""
    pts: int | None = None
    time_s: float | None = None
    crop_box: Box | None = None
    """What it shows of the upright source, in pixels of that; None for a card that was made of a picture."""
    trim_box: Box | None = None
    """What of that remains after the card is cut."""
    framing: str | None = None
    effective_ppi: float | None = None
    """Camera pixels per printed inch, before any upscaling."""
    bleed_share: float | None = None
    """Share of the bleed that is made of real pixels."""
    upscaler: str | None = None
    upscaler_sha256: str | None = None
    restorer: str | None = None
    """Name of the face prior; None where none touched a face."""
    strengths: Mapping[str, float] = field(default_factory=dict)
    """Stage to its strength: a share of 1, or the stops of the lift."""
    scale: float | None = None
    """Pixels of the picture per pixel of the camera."""
    true_scale: float | None = None
    """Share of the camera's pixels along each axis that hold detail."""
    invented: bool | None = None
    """Whether a network drew detail."""
    card: CardGeometry | None = None
    """Size on paper, where it is a card."""
    ink_percent: float | None = None
    """Most total ink; None where the card is not in CMYK."""
    face_boxes_mm: tuple[Box, ...] | None = None
    """Faces in mm from the outer top left corner of the card; None where nobody looked for any."""
    score: float | None = None
    """Of a frame that was picked, how good it is."""
    terms: Mapping[str, float] = field(default_factory=dict)
    """Each term of the score that could be measured."""
    reason: str | None = None
    """Why it was picked, in words."""
    notes: tuple[str, ...] = ()

    # --- made ------------------------------------------------------------------------------------------------------

    @classmethod
    def of_picture(cls, source: str, crop_box: Box, enhanced: Enhanced) -> Provenance:
        """Return the provenance of an enhanced picture of the file ``source``; ``crop_box`` is in pixels of that."""
        return cls(
            source=source,
            version=__version__,
            crop_box=crop_box,
            upscaler=enhanced.upscaler,
            upscaler_sha256=enhanced.upscaler_sha256,
            restorer=enhanced.restorer,
            strengths=enhanced.strengths,
            scale=enhanced.scale,
            true_scale=enhanced.true_scale,
            invented=enhanced.invented,
            notes=enhanced.notes,
        )

    @classmethod
    def of_pick(cls, source: str, pick: Pick, enhanced: Enhanced, geometry: CardGeometry) -> Provenance:
        """Return the provenance of a pick's card."""
        crop = pick.crop
        face = pick.face.box.shown_in(crop.box, geometry.width_px, geometry.height_px)
        return dataclasses.replace(
            cls.of_picture(source, crop.box, enhanced),
            pts=pick.pts,
            time_s=pick.time_s,
            trim_box=crop.trim,
            framing=crop.framing,
            effective_ppi=crop.effective_ppi,
            bleed_share=crop.bleed_share,
            card=geometry,
            face_boxes_mm=boxes_mm((face,), geometry),
            notes=(*crop.warnings, *pick.warnings, *enhanced.notes),
        )

    @classmethod
    def of_frame(
        cls, source: str, source_sha256: str, box: Box, pts: int | None, time_s: float | None, score: Score,
        reason: str, notes: tuple[str, ...] = (),
    ) -> Provenance:  # fmt: skip
        """Return the provenance of a frame as the camera gave it, or of the part ``box`` of it; a photo has no time."""
        terms = {name: value for name, value in score.why.items() if value is not None}
        return cls(
            source=source, source_sha256=source_sha256, version=__version__, crop_box=box, pts=pts, time_s=time_s,
            scale=1.0, invented=False, score=score.value, terms=terms, reason=reason, notes=notes,
        )  # fmt: skip

    # --- written and read ------------------------------------------------------------------------------------------

    @property
    def software(self) -> str:
        """Program and version."""
        return f"fancam {self.version}"

    def description(self) -> str:
        """Return one line for people: size, source resolution, how it was enlarged, and from what."""
        if self.score is not None:
            when = "Part" if self.time_s is None else f"Frame at {self.time_s:.3f} s"
            return f"{when} of {self.source}; score {self.score:.2f}: {self.reason}"
        invented = " with invented detail" if self.invented else ""
        made = f"{self.scale or 1:.2f}x by {self.upscaler}"
        moment = ""
        if self.crop_box is not None and self.time_s is not None:
            moment = f" at {self.time_s:.3f} s"
        if self.card is not None:
            card, how = self.card, "printed at" if self.crop_box is None else f"resampled {made} to"
            made = (
                f"Photocard {card.width_mm:g} x {card.height_mm:g} mm + {card.bleed_mm:g} mm bleed; "
                f"source {self.effective_ppi or 0:.0f} ppi, {how} {card.dpi:.0f} dpi"
            )
        return f"{made}{invented}; from {self.source}{moment}"

    def to_xmp(self) -> dict[str, Any]:
        """Return the XMP fields by name: text, numbers, truth values and lists of text or numbers; None is left out.

        A card that is made of a picture says first what it inherits from that.
        """
        card, faces = self.card, self.face_boxes_mm
        fields = {
            "version": self.version,
            "source_sha256": self.source_sha256,
            "pts": self.pts,
            "time_s": _rounded(self.time_s, 6),
            "crop_box": None if self.crop_box is None else self.crop_box.as_list(3),
            "trim_box": None if self.trim_box is None else self.trim_box.as_list(3),
            "framing": self.framing,
            "effective_ppi": _rounded(self.effective_ppi, 2),
            "bleed_share": _rounded(self.bleed_share, 4),
            "upscaler": self.upscaler,
            "upscaler_sha256": self.upscaler_sha256,
            "restorer": self.restorer or (None if self.upscaler is None else "none"),
            "strengths": [f"{name}={value:g}" for name, value in sorted(self.strengths.items())] or None,
            "scale": _rounded(self.scale, 4),
            "true_scale": _rounded(self.true_scale, 4),
            "invented": self.invented,
            "trim_width_mm": None if card is None else card.width_mm,
            "trim_height_mm": None if card is None else card.height_mm,
            "bleed_mm": None if card is None else card.bleed_mm,
            "dpi": None if card is None else round(card.dpi, 4),
            "ink_percent": _rounded(self.ink_percent, 1),
            "face_boxes_mm": None if faces is None else [" ".join(f"{v:.2f}" for v in box.as_list(3)) for box in faces],
            "score": _rounded(self.score, 4),
            "terms": [f"{name}={value:g}" for name, value in self.terms.items()] or None,
            "reason": self.reason,
            "notes": list(self.notes) or None,
        }
        first = (*_INHERITED, "version", "effective_ppi", "scale") if self.crop_box is None else ()
        return {name: fields[name] for name in dict.fromkeys((*first, *fields))}

    @classmethod
    def from_xmp(cls, xmp: Mapping[str, Any]) -> Provenance:
        """Return the provenance among a picture's XMP; empty for a picture that says nothing.

        Args:
            xmp: By prefixed name, as ``PictureFacts.xmp`` holds it. A value that is not what the field holds
                counts as missing.
        """
        text = {
            name.removeprefix(_PREFIX): value
            for name, value in xmp.items()
            if name.startswith(_PREFIX) and isinstance(value, str)
        }
        lists = {name.removeprefix(_PREFIX): value for name, value in xmp.items() if isinstance(value, list)}
        source, pts = xmp.get("dc:source"), _number(text.get("pts"))
        faces = lists.get("face_boxes_mm")
        return cls(
            source=source if isinstance(source, str) else "",
            version=text.get("version", ""),
            pts=None if pts is None else int(pts),
            time_s=_number(text.get("time_s")),
            crop_box=_box(lists.get("crop_box", [])),
            trim_box=_box(lists.get("trim_box", [])),
            framing=text.get("framing"),
            effective_ppi=_number(text.get("effective_ppi")),
            bleed_share=_number(text.get("bleed_share")),
            upscaler=text.get("upscaler"),
            upscaler_sha256=text.get("upscaler_sha256"),
            restorer=None if text.get("restorer") == "none" else text.get("restorer"),
            strengths=_named(lists.get("strengths", [])),
            scale=_number(text.get("scale")),
            true_scale=_number(text.get("true_scale")),
            invented=None if "invented" not in text else text["invented"] == "True",
            card=_card(*(_number(text.get(name)) for name in ("trim_width_mm", "trim_height_mm", "bleed_mm", "dpi"))),
            ink_percent=_number(text.get("ink_percent")),
            face_boxes_mm=None if faces is None else _boxes([row.split() for row in faces]),
            source_sha256=text.get("source_sha256"),
            score=_number(text.get("score")),
            terms=_named(lists.get("terms", [])),
            reason=text.get("reason"),
            notes=tuple(lists.get("notes", ())),
        )

    # --- asked -----------------------------------------------------------------------------------------------------

    @property
    def enlargement(self) -> float:
        """Pixels of the picture per pixel of the camera; 1 where it was never enlarged, or does not say."""
        return max(self.scale or 1.0, 1.0)

    def card_in(self, width_px: int, height_px: int) -> CardGeometry | None:
        """Return the card that a picture of this size is; None where it is none, or has other proportions by now."""
        if self.card is None:
            return None
        aspect = self.card.outer_width_mm / self.card.outer_height_mm
        return self.card if abs(width_px / height_px / aspect - 1) <= _ASPECT_TOLERANCE else None

    def faces_in(self, width_px: int, height_px: int) -> tuple[Box, ...] | None:
        """Return the faces of the card in its pixels; None where nobody looked, or it is no longer that card."""
        card = self.card_in(width_px, height_px)
        if card is None or self.face_boxes_mm is None:
            return None
        scale = width_px / card.outer_width_mm, height_px / card.outer_height_mm
        return tuple(box.scaled(*scale) for box in self.face_boxes_mm)

    def trim_in(self, width_px: int, height_px: int, wanted: CardGeometry) -> Box | None:
        """Return the trim in the picture's pixels, where it is a card of the size that is wanted; else None."""
        stated = self.card_in(width_px, height_px)
        if stated is None or (stated.width_mm, stated.height_mm) != (wanted.width_mm, wanted.height_mm):
            return None
        # One scale for both directions: whole pixels make the file's two differ by a trifle.
        px_per_mm = min(width_px / stated.outer_width_mm, height_px / stated.outer_height_mm)
        x, y = (width_px - stated.width_mm * px_per_mm) / 2, (height_px - stated.height_mm * px_per_mm) / 2
        return Box(x, y, width_px - x, height_px - y)

    def card_of(self, source: str, **more: Any) -> Provenance:
        """Return the provenance of a card that is made of this picture."""
        kept = {name: getattr(self, name) for name in _INHERITED}
        return Provenance(source=source, version=__version__, **kept, **more)

    def back_facts(self, effective_ppi: float, geometry: CardGeometry) -> list[tuple[str, str]]:
        """Return where a card that is made of this picture comes from, for its back.

        Returns:
            (label, value); the label of a sentence is empty.
        """
        facts = [("Source", self.source)]
        if self.time_s is not None:
            facts.append(("Moment", format_time(self.time_s)))
        facts.append(("Camera", f"{effective_ppi:.0f} ppi"))
        facts.append(("Print", f"{geometry.dpi:.0f} dpi, {geometry.width_mm:g} × {geometry.height_mm:g} mm"))
        if self.upscaler is not None:
            facts.append(("Enlarged", f"{self.enlargement:.2f}× by {self.upscaler}"))
        if self.restorer is not None:
            facts.append(("Face", self.restorer))
        if self.invented is not None:
            sentence = "Contains detail that a network invented." if self.invented else "No invented detail."
            facts.append(("", sentence))
        return [*facts, ("", f"Made with fancam {__version__}")]


def boxes_mm(faces: tuple[Box, ...], geometry: CardGeometry) -> tuple[Box, ...]:
    """Return boxes in pixels of a card as millimetres from its outer top left corner."""
    scale = geometry.outer_width_mm / geometry.width_px, geometry.outer_height_mm / geometry.height_px
    return tuple(face.scaled(*scale) for face in faces)


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)


def _number(value: str | None) -> float | None:
    try:
        number = float(value or "")
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _box(edges: list[str]) -> Box | None:
    try:
        return Box(*map(float, edges))
    except (ValueError, TypeError):
        return None


def _boxes(rows: list[list[str]]) -> tuple[Box, ...] | None:
    boxes = tuple(box for row in rows if (box := _box(row)) is not None)
    return boxes if len(boxes) == len(rows) else None


def _named(rows: list[str]) -> dict[str, float]:
    pairs = [(name, _number(value)) for name, _, value in (row.partition("=") for row in rows)]
    return {name: value for name, value in pairs if value is not None}


def _card(width_mm: float | None, height_mm: float | None, bleed_mm: float | None, dpi: float | None) -> (
    CardGeometry | None
):  # fmt: skip
    if not width_mm or not height_mm or bleed_mm is None or not dpi:
        return None
    return CardGeometry(width_mm, height_mm, bleed_mm, dpi)
