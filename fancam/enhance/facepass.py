"""The faces of enlarged pictures: aligned, restored in one batch, judged by the guard, and laid back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from fancam.enhance.crops import CropRequest, print_scale
from fancam.enhance.guard import FaceTrial, Guard, Verdict
from fancam.enhance.prior.alignment import Alignment, FloatPicture, Matrix, align, cut_face, cut_square
from fancam.enhance.prior.blending import FloatMask, blend_face, blend_mask, face_ellipse, mask_share
from fancam.enhance.prior.gates import agreement_mask, duplicates, occlusion_reason, skip_reason
from fancam.enhance.prior.grain import add_grain
from fancam.enhance.prior.paste import paste_face
from fancam.enhance.prior.restorers import Restorer
from fancam.media import Picture, Samples
from fancam.results import Face, FaceOutcome, FaceParser
from fancam.settings import RestoreSettings

_PARSED_REACH = 1.35
"""The ellipse is this much wider where a parser says what is face in it."""


_OBJECTIONS = {
    "identity": "less like the person",
    "landmarks": "features moved",
    "stranger": "somebody else was drawn",
    "unmeasured": "nothing could be measured",
}
"""The guard's causes in words for people."""


@dataclass(frozen=True, slots=True, eq=False)
class Sheet:
    """An enlarged picture and the faces in it."""

    request: CropRequest
    pixels: Samples
    """The enlargement of the request."""
    faces: tuple[Face, ...]
    """In pixels of the request's frame."""


@dataclass(frozen=True, slots=True, eq=False)
class Done:
    """A picture after the face pass."""

    pixels: Samples
    outcomes: tuple[FaceOutcome, ...]
    notes: tuple[str, ...] = ()

    @property
    def touched(self) -> bool:
        """Whether a prior changed any face."""
        return any(outcome.restorer is not None for outcome in self.outcomes)


@dataclass(slots=True, eq=False)
class _Entry:
    """One face on its way through the pass."""

    sheet: int
    face: Face
    alignment: Alignment | None
    to_print: Matrix | None = None
    camera: FloatPicture | None = None
    network: FloatPicture | None = None
    skipped: str | None = None
    restored: FloatPicture | None = None
    mask: FloatMask | None = None
    verdict: Verdict = field(default_factory=lambda: Verdict(0.0))


class FacePass:
    """Restores the faces of any number of pictures together.

    Args:
        settings: Strength and gates.
        restorer: The face prior; None judges the enlargement alone.
        guard: Decides how much of the prior is printed.
        parser: Tells which pixels are face; None takes an ellipse.
    """

    def __init__(
        self, settings: RestoreSettings, restorer: Restorer | None, guard: Guard, parser: FaceParser | None
    ) -> None:
        self.settings = settings
        self.restorer = restorer
        self.guard = guard
        self.parser = parser

    def __call__(self, sheets: Sequence[Sheet]) -> list[Done]:
        """Return the pictures with their faces restored as far as the guard allows, in the same order.

        Raises:
            DeviceError: The device has not enough memory for one face.
        """
        if self.restorer is None and not self.guard.measures:
            return [Done(sheet.pixels, ()) for sheet in sheets]
        entries = [entry for number, sheet in enumerate(sheets) for entry in self._entries(number, sheet)]
        notes = self._restore([entry for entry in entries if entry.skipped is None])
        self._judge(entries)
        return [
            self._laid_back(sheet, [entry for entry in entries if entry.sheet == number], notes)
            for number, sheet in enumerate(sheets)
        ]

    # --- out of the pictures -----------------------------------------------------------------------------------

    def _entries(self, number: int, sheet: Sheet) -> list[_Entry]:
        shown = [face for face in sheet.faces if _is_in(face, sheet)]
        twice = duplicates(shown)
        return [self._entry(number, sheet, face) for index, face in enumerate(shown) if index not in twice]

    def _entry(self, number: int, sheet: Sheet, face: Face) -> _Entry:
        skipped = skip_reason(face, print_scale(sheet.request), self.settings)
        try:
            alignment = align(face.landmark_array)
        except ValueError:  # landmarks in one place: nothing can be cut out
            return _Entry(number, face, None, skipped=skipped or "unsure")
        height_px, width_px = sheet.pixels.shape[:2]
        to_print = alignment.to_print(sheet.request.box, width_px, height_px)
        return _Entry(
            number, face, alignment, to_print,
            camera=cut_face(sheet.request.pixels, alignment),
            network=cut_square(sheet.pixels, to_print),
            skipped=skipped if self.restorer is not None else None,
        )  # fmt: skip

    # --- through the networks ----------------------------------------------------------------------------------

    def _restore(self, entries: Sequence[_Entry]) -> tuple[str, ...]:
        """Let the prior draw the faces, and note where it may show; return what went wrong on the way."""
        if self.restorer is None or not entries:
            return ()
        result = self.restorer.restore(np.stack([_known(entry.camera) for entry in entries]))
        masks: Sequence[npt.NDArray[np.float32] | None] = [None] * len(entries)
        if self.parser is not None:
            masks = list(self.parser.masks(np.stack([_levels(_known(entry.camera)) for entry in entries])))
        for number, (entry, parsed) in enumerate(zip(entries, masks, strict=True)):
            if number in result.given_up:
                entry.skipped = "failed"
                continue
            assert entry.alignment is not None
            agreement = agreement_mask(_known(entry.camera), result.faces[number])
            entry.skipped = occlusion_reason(agreement)
            points = entry.alignment.landmarks_in_face(entry.face.landmark_array)
            ellipse = face_ellipse(points, reach=1.0 if parsed is None else _PARSED_REACH)
            entry.restored = result.faces[number]
            entry.mask = blend_mask(ellipse, parsed, agreement)
        return (
            *self.restorer.notes,
            *result.notes,
            *(f"a face was given up: {why}" for why in result.given_up.values()),
        )

    def _judge(self, entries: Sequence[_Entry]) -> None:
        measurable = [entry for entry in entries if entry.camera is not None]
        trials = [self._trial(entry) for entry in measurable]
        for entry, verdict in zip(measurable, self.guard.judge(trials), strict=True):
            entry.verdict = verdict

    def _trial(self, entry: _Entry) -> FaceTrial:
        network = _known(entry.network)
        restored, mask = entry.restored, entry.mask
        if restored is None or mask is None or entry.skipped is not None:
            return FaceTrial(_levels(_known(entry.camera)), _levels(network), lambda _strength: _levels(network), 0.0)

        def blended(strength: float) -> Picture:
            return _levels(blend_face(network, restored, mask, strength))

        return FaceTrial(_levels(_known(entry.camera)), _levels(network), blended, self.settings.strength)

    # --- back into the pictures --------------------------------------------------------------------------------

    def _laid_back(self, sheet: Sheet, entries: Sequence[_Entry], notes: tuple[str, ...]) -> Done:
        pixels = sheet.pixels
        outcomes = []
        for entry in entries:
            strength = entry.verdict.strength
            touched = strength > 0 and entry.restored is not None and entry.mask is not None
            if touched:
                assert entry.restored is not None and entry.mask is not None and entry.to_print is not None
                if pixels is sheet.pixels:
                    pixels = pixels.copy()
                pasted = paste_face(pixels, entry.restored, entry.mask, entry.to_print, strength)
                add_grain(pixels, sheet.pixels, pasted)
            outcomes.append(self._outcome(entry, touched=touched))
        return Done(pixels, tuple(outcomes), notes)

    def _outcome(self, entry: _Entry, *, touched: bool) -> FaceOutcome:
        verdict = entry.verdict
        skipped = entry.skipped
        if skipped is None and not touched and verdict.forced_by:
            skipped = "guard: " + " and ".join(_OBJECTIONS.get(cause, cause) for cause in verdict.forced_by)
        return FaceOutcome(
            face=entry.face,
            restorer=self.restorer.name if touched and self.restorer is not None else None,
            strength=verdict.strength if touched else 0.0,
            skipped=skipped,
            identity=verdict.identity,
            identity_network=verdict.identity_network,
            landmark_drift=verdict.landmark_drift,
            mask_share=mask_share(entry.mask) if touched and entry.mask is not None else 0.0,
            warnings=verdict.warnings,
        )


def _is_in(face: Face, sheet: Sheet) -> bool:
    """Whether most of a face lies in what the picture shows."""
    return face.box.intersection(sheet.request.box).area > 0.5 * face.box.area


def _known(picture: FloatPicture | None) -> FloatPicture:
    assert picture is not None
    return picture


def _levels(picture: FloatPicture) -> Picture:
    """Return (H, W, 3) float32 in [0, 1] as uint8."""
    return np.rint(np.clip(picture, 0, 1) * 255).astype(np.uint8)
