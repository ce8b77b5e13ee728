"""The faces of enlarged pictures: aligned, restored in one batch, judged by the guard, and laid back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from fancam.enhancing.grain.matching import match_grain
from fancam.enhancing.guard import FaceTrial, Guard, Verdict
from fancam.enhancing.prior.alignment import Alignment, FloatPicture, Matrix, align, cut_face, cut_square
from fancam.enhancing.prior.gates import (
    FloatMask,
    agreement_mask,
    blend_mask,
    duplicates,
    face_ellipse,
    mask_share,
    occlusion_reason,
    skip_reason,
)
from fancam.enhancing.prior.paste import blend_face, paste_face
from fancam.enhancing.prior.restorers import Restorer
from fancam.enhancing.work import Work
from fancam.media import Picture
from fancam.results import Face, FaceOutcome, FaceParser
from fancam.settings import RestoreSettings

_PARSED_REACH = 1.35
"""The ellipse is this much wider where a parser says what is face in it."""

_OBJECTIONS = {
    "identity": "less like the person",
    "landmarks": "features moved",
    "stranger": "somebody else was drawn",
}
"""The guard's causes in words for people."""


@dataclass(slots=True, eq=False)
class _AlignedFace:
    """One face on its way through the pass."""

    face: Face
    """In pixels of the crop."""
    alignment: Alignment
    to_print: Matrix
    camera: FloatPicture
    """Cut from the source."""
    network: FloatPicture
    """Cut from the enlargement."""
    skipped: str | None
    """Why a prior is kept from it; None where it is not."""
    drawn: tuple[FloatPicture, FloatMask] | None = None
    """What the prior drew, and where it may show; None where it may not."""
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

    def __call__(self, works: Sequence[Work]) -> list[Work]:
        """Return the pictures with their faces restored as far as the guard allows, in the same order.

        Args:
            works: Enlarged already. Their pixels are not changed: a picture with a restored face is a copy.

        Raises:
            DeviceError: The device has not enough memory for one face.
        """
        if self.restorer is None and not self.guard.enabled:
            return list(works)
        found = [self._faces(work) for work in works]
        aligned = [face for faces in found for face in faces if isinstance(face, _AlignedFace)]
        notes = self._draw([face for face in aligned if face.skipped is None])
        for face, verdict in zip(aligned, self.guard.judge([self._trial(face) for face in aligned]), strict=True):
            face.verdict = verdict
        return [self._laid_back(work, faces, notes) for work, faces in zip(works, found, strict=True)]

    # --- out of the pictures -----------------------------------------------------------------------------------

    def _faces(self, work: Work) -> list[_AlignedFace | FaceOutcome]:
        """Return the faces that are shown, each once; one that nothing can be cut out of is done already."""
        shown = [face for face in work.faces if face.box.intersection(work.crop.box).area > 0.5 * face.box.area]
        twice = duplicates(shown)
        return [self._aligned(work, face) for index, face in enumerate(shown) if index not in twice]

    def _aligned(self, work: Work, face: Face) -> _AlignedFace | FaceOutcome:
        skipped = skip_reason(face, work.crop.scale, self.settings)
        try:
            alignment = align(face.landmark_array)
        except ValueError:  # landmarks in one place
            return FaceOutcome(work.in_frame(face), None, 0.0, skipped or "unsure")
        height_px, width_px = work.result.pixels.shape[:2]
        to_print = alignment.to_print(work.crop.box, width_px, height_px)
        return _AlignedFace(
            face, alignment, to_print,
            camera=cut_face(work.crop.pixels, alignment),
            network=cut_square(work.result.pixels, to_print),
            skipped=skipped if self.restorer is not None else None,
        )  # fmt: skip

    # --- through the networks ----------------------------------------------------------------------------------

    def _draw(self, faces: Sequence[_AlignedFace]) -> tuple[str, ...]:
        """Let the prior draw the faces, and find where it may show; return what went wrong on the way."""
        if self.restorer is None or not faces:
            return ()
        result = self.restorer.restore(np.stack([face.camera for face in faces]))
        masks: Sequence[npt.NDArray[np.float32] | None] = [None] * len(faces)
        if self.parser is not None:
            masks = list(self.parser.masks(np.stack([_levels(face.camera) for face in faces])))
        for number, (face, parsed) in enumerate(zip(faces, masks, strict=True)):
            if number in result.given_up:
                face.skipped = "failed"
                continue
            agreement = agreement_mask(face.camera, result.faces[number])
            face.skipped = occlusion_reason(agreement)
            if face.skipped is None:
                points = face.alignment.landmarks_in_face(face.face.landmark_array)
                ellipse = face_ellipse(points, reach=1.0 if parsed is None else _PARSED_REACH)
                face.drawn = result.faces[number], blend_mask(ellipse, parsed, agreement)
        return (
            *self.restorer.notes,
            *result.notes,
            *(f"a face was given up: {why}" for why in result.given_up.values()),
        )

    def _trial(self, face: _AlignedFace) -> FaceTrial:
        def blended(strength: float) -> Picture:
            return network if face.drawn is None else _levels(blend_face(face.network, *face.drawn, strength))

        network = _levels(face.network)
        return FaceTrial(_levels(face.camera), network, blended, 0.0 if face.drawn is None else self.settings.strength)

    # --- back into the pictures --------------------------------------------------------------------------------

    def _laid_back(self, work: Work, faces: Sequence[_AlignedFace | FaceOutcome], notes: tuple[str, ...]) -> Work:
        before = pixels = work.result.pixels
        outcomes = []
        for face in faces:
            if isinstance(face, _AlignedFace):
                strength = face.verdict.strength
                if face.drawn is not None and strength > 0:
                    pixels = pixels.copy() if pixels is before else pixels
                    pasted = paste_face(pixels, *face.drawn, face.to_print, strength)
                    match_grain(pixels, before, pasted.roi, pasted.alpha)
                outcomes.append(self._outcome(work, face))
            else:
                outcomes.append(face)
        return work.with_result(
            pixels=pixels, faces=tuple(outcomes), notes=(*work.result.notes, *notes),
            invented=work.result.invented or any(outcome.restorer is not None for outcome in outcomes),
        )  # fmt: skip

    def _outcome(self, work: Work, face: _AlignedFace) -> FaceOutcome:
        verdict, skipped = face.verdict, face.skipped
        mask = face.drawn[1] if face.drawn is not None and verdict.strength > 0 else None
        if skipped is None and mask is None and verdict.forced_by:
            skipped = "guard: " + " and ".join(_OBJECTIONS.get(cause, cause) for cause in verdict.forced_by)
        return FaceOutcome(
            face=work.in_frame(face.face),
            restorer=self.restorer.name if mask is not None and self.restorer is not None else None,
            strength=verdict.strength if mask is not None else 0.0,
            skipped=skipped,
            identity=verdict.identity,
            identity_network=verdict.identity_network,
            landmark_drift=verdict.landmark_drift,
            mask_share=mask_share(mask) if mask is not None else 0.0,
            warnings=verdict.warnings,
        )


def _levels(picture: FloatPicture) -> Picture:
    """Return (H, W, 3) float32 in [0, 1] as uint8."""
    return np.rint(np.clip(picture, 0, 1) * 255).astype(np.uint8)
