"""The guard: how much of a face prior may be printed, decided by what it does to the face.

What the camera saw is the reference. The enlargement alone differs from it already: a prior is refused for what it adds
to that difference, face by face.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from fancam.enhancing.prior.alignment import FACE_SIZE_PX, TEMPLATE
from fancam.media import Picture
from fancam.results import Embedder, Landmarker
from fancam.settings import GuardSettings

_Vector = npt.NDArray[np.float32]
_Reference = tuple[Picture, _Vector, npt.NDArray[np.floating]]
"""What the camera saw, its embedding, and where its features are."""

LADDER = (1.0, 0.75, 0.5, 0.25, 0.0)
"""Shares of the asked-for strength, tried from the top; the last is no prior at all."""

LANDMARK_REPEATABILITY = 0.005
"""In eye distances: how far features seem to move when nothing did. Of 77 faces that were sharpened, made noisy, saved
as JPEG at quality 40 or brightened, 95 in 100 stay within it."""

STRANGER_LOSS = 0.3
"""Likeness that a drawing may lose, compared with the enlargement, and still be the same person. The published outputs
of GFPGAN, CodeFormer and RestoreFormer lose 0.05, 0.06 and 0.18 against their inputs, strangers at least 0.50 where the
face is 75 px high and 0.34 where it is half of that."""

MIN_NETWORK_IDENTITY = 0.5
"""Similarity to the camera's face below which the enlargement alone is worth a warning: two people of 40 come to 0.48
at most. Faces that were 75 px high and enlarged fourfold are above 0.84, of half that height above 0.65."""


@dataclass(frozen=True, slots=True, eq=False)
class FaceTrial:
    """One face that a prior would like to touch; all pictures are (512, 512, 3) uint8 RGB in face space."""

    camera: Picture
    """Cut from the source with a plain filter: what the camera saw."""
    network: Picture
    """Cut from the enlarged picture, without the prior."""
    blended: Callable[[float], Picture]
    """Strength to what would be printed; at strength 0 it would be ``network``, and is not called."""
    asked: float
    """Strength in [0, 1]; 0 judges the enlargement alone."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the guard allows, and what it measured at that strength."""

    strength: float
    """At most what was asked for; 0 is no prior."""
    identity: float | None = None
    """Cosine similarity of the camera's face and the printed one; None where it was not measured."""
    identity_network: float | None = None
    """The same for the enlargement alone."""
    landmark_drift: float | None = None
    """Largest movement of a landmark from the camera's face to the printed one, in eye distances; None where it could
    not be measured."""
    forced_by: tuple[str, ...] = ()
    """What lowered the strength: ``identity``, ``landmarks`` or ``stranger``; empty if nothing did."""
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Likeness:
    """How one picture of a face compares with the camera's."""

    identity: float
    """Cosine similarity of the two."""
    drift: float | None
    """None where the camera's picture has no feature to follow; ``NOT_FOUND`` where this one lost a feature."""


def objections(printed: Likeness, network: Likeness, settings: GuardSettings) -> tuple[str, ...]:
    """Return why a print with a prior is refused, compared with the enlargement alone; empty where it is not.

    - ``identity``: it is less like the camera's face than the enlargement is, by more than ``max_identity_loss``. A
      comparison, because embeddings rate some groups of people as more alike than others.
    - ``landmarks``: a landmark moved by more than ``max_landmark_drift``, and by more than in the enlargement: where
      that has moved farther than the limit, the prior may do so as well, up to what can be told apart
      (``LANDMARK_REPEATABILITY``). A feature that is not found any more has moved.
    """
    found = ["identity"] if network.identity - printed.identity > settings.max_identity_loss else []
    if printed.drift is not None:
        limit = settings.max_landmark_drift
        if network.drift is not None and math.isfinite(network.drift):
            limit = max(limit, network.drift + LANDMARK_REPEATABILITY)
        if printed.drift > limit:
            found.append("landmarks")
    return tuple(found)


def draws_somebody_else(drawn: Likeness, network: Likeness) -> bool:
    """Whether a prior's drawing shows another person: then no share of it is printed, for it would shine through.

    It does where its loss of likeness is above ``STRANGER_LOSS``, or where a feature is not recognised any more.
    """
    lost = drawn.drift == NOT_FOUND and network.drift != NOT_FOUND
    return lost or network.identity - drawn.identity > STRANGER_LOSS


def network_warnings(network: Likeness, settings: GuardSettings) -> tuple[str, ...]:
    """Return what is to be said about the enlargement alone."""
    found = []
    if network.identity < MIN_NETWORK_IDENTITY:
        found.append(
            f"the enlarged face is only {network.identity:.2f} like the camera's (1 is the same): "
            "compare it with the source before you print"
        )
    if network.drift == NOT_FOUND:
        found.append(
            "eyes, nose or mouth are not recognised in the enlarged face: compare it with the source before you print"
        )
    elif network.drift is not None and network.drift > settings.max_landmark_drift:
        found.append(
            f"the enlargement alone moves the features by {100 * network.drift:.0f} % of the eye distance: "
            "compare it with the source before you print"
        )
    return tuple(found)


class Guard:
    """Judges faces against what the camera saw, many at a time.

    Args:
        settings: Limits; with ``enabled = false`` nothing is measured, and every face gets what was asked for.
        embedder: Measures identity; None only where nothing is measured.
        landmarker: Finds the features that are followed; None: those of the alignment's template are.
    """

    def __init__(self, settings: GuardSettings, embedder: Embedder | None, landmarker: Landmarker | None) -> None:
        self._settings = settings
        self.enabled = settings.enabled
        self._embedder = embedder
        self._landmarker = landmarker

    def judge(self, faces: Sequence[FaceTrial]) -> list[Verdict]:
        """Return a verdict per face: the highest rung of ``LADDER`` that has no objection.

        First the prior's drawing itself is looked at (strength 1, whatever was asked for): of somebody else's face
        nothing is printed. The faces of all pictures are measured together, a rung at a time; only faces that were
        refused go on to the next rung.

        Args:
            faces: Of any number of pictures. ``blended`` is called for strength 1 and for each rung that is tried.
        """
        if not self.enabled:
            return [Verdict(strength=face.asked) for face in faces]
        cameras = [face.camera for face in faces]
        references = list(zip(cameras, self._vectors(cameras), self._landmarks(cameras), strict=True))
        networks = self._compare(references, [face.network for face in faces])
        refused: list[tuple[str, ...]] = [()] * len(faces)
        allowed: dict[int, tuple[float, Likeness]] = {}
        wished = [index for index, face in enumerate(faces) if face.asked > 0]
        drawn = dict(zip(wished, self._printed(faces, references, [(index, 1.0) for index in wished]), strict=True))
        for index in wished:
            if draws_somebody_else(drawn[index], networks[index]):
                refused[index] = ("stranger",)
        pending = [index for index in wished if not refused[index]]
        for share in LADDER[:-1]:
            rung = [(index, share * faces[index].asked) for index in pending]
            fresh = [one for one in rung if one[1] != 1.0]
            measured = dict(zip(fresh, self._printed(faces, references, fresh), strict=True))
            for index, strength in rung:
                printed = measured.get((index, strength), drawn[index])
                against = objections(printed, networks[index], self._settings)
                refused[index] = _joined(refused[index], against)
                if not against:
                    allowed[index] = (strength, printed)
            pending = [index for index in pending if index not in allowed]
        return [
            self._verdict(*allowed.get(index, (0.0, network)), network, refused[index])
            for index, network in enumerate(networks)
        ]

    def _verdict(self, strength: float, printed: Likeness, network: Likeness, why: tuple[str, ...]) -> Verdict:
        drift = printed.drift if printed.drift is not None and math.isfinite(printed.drift) else None
        warnings = network_warnings(network, self._settings)
        return Verdict(strength, printed.identity, network.identity, drift, why, warnings)

    # --- measuring ---------------------------------------------------------------------------------------------

    def _printed(
        self, faces: Sequence[FaceTrial], references: Sequence[_Reference], trials: Sequence[tuple[int, float]]
    ) -> list[Likeness]:
        """Return how faces compare, each (by its number) printed at a strength."""
        prints = [faces[index].blended(strength) for index, strength in trials]
        return self._compare([references[index] for index, _ in trials], prints)

    def _compare(self, references: Sequence[_Reference], pictures: Sequence[Picture]) -> list[Likeness]:
        """Return how each picture compares with the camera's picture of its face."""
        measured = []
        for reference, picture, vector in zip(references, pictures, self._vectors(pictures), strict=True):
            camera, seen, landmarks = reference
            identity = min(max(float(np.dot(seen, vector)), -1.0), 1.0)
            measured.append(Likeness(identity, landmark_drift(camera, picture, landmarks)))
        return measured

    def _vectors(self, pictures: Sequence[Picture]) -> npt.NDArray[np.float32]:
        assert self._embedder is not None
        # All pictures are aligned, so that the template is where their landmarks are. Landmarks found in each picture
        # anew would take a shift of the face for part of its alignment, and add their noise.
        landmarks = TEMPLATE.astype(np.float32)
        return self._embedder.embed(pictures, [landmarks] * len(pictures))

    def _landmarks(self, cameras: Sequence[Picture]) -> list[npt.NDArray[np.floating]]:
        """Return where the features to follow are: as found, else where the alignment has brought them."""
        found = self._landmarker(cameras) if self._landmarker is not None and cameras else [None] * len(cameras)
        return [TEMPLATE if landmarks is None else landmarks for landmarks in found]


def _joined(first: tuple[str, ...], second: tuple[str, ...]) -> tuple[str, ...]:
    """Return both without repeats, in order."""
    return (*first, *(one for one in second if one not in first))


EYE_DISTANCE_PX = float(np.hypot(*(TEMPLATE[1] - TEMPLATE[0])))
"""Distance of the eyes in face space, by which drift is divided. The template's and not the face's own: a turned face
has its eyes close together, and would seem to drift more."""

NOT_FOUND = math.inf
"""Drift of a feature that is not there any more."""

MIN_CORRELATION = 0.85
"""Correlation below which a patch does not show the same feature. Enlargements of faces 75 px high have 0.98 and more,
the published outputs of GFPGAN, CodeFormer and RestoreFormer 0.95 and more, another person 0.49 (median of the worst
patch)."""

_SIDE_PX = 256
"""Side at which patches are compared: half of face space is fine enough, since their place is found between pixels."""
_RADIUS_PX = 16
"""Of a patch: a quarter of the eye distance. It holds an eye, the tip of the nose, a corner of the mouth."""
_REACH_PX = 13
"""How far a patch is looked for: a fifth of the eye distance."""
_BLUR_PX = 2.0
"""Before patches are compared: what is finer is for the prior to draw, and is not where a feature lies."""
_MIN_CONTRAST_LEVELS = 2.0
"""Standard deviation of a patch below which there is nothing in it to follow."""


def landmark_drift(camera: Picture, printed: Picture, landmarks: npt.ArrayLike = TEMPLATE) -> float | None:
    """Return the largest movement of a feature from one picture of a face to another, in eye distances.

    Args:
        camera: (512, 512, 3) uint8 RGB in face space, the reference.
        printed: The same square of the other picture.
        landmarks: (5, 2) where the features are in the reference; by default where the template has them.

    Returns:
        0 or more, at most about 0.29; ``NOT_FOUND`` where a feature is not recognised within a fifth of the eye
        distance; None where the reference has no feature to follow (an even surface).
    """
    before, after = _prepared(camera), _prepared(printed)
    places = np.asarray(landmarks, np.float64) * (_SIDE_PX / FACE_SIZE_PX)
    moved = [_patch_drift(before, after, x, y) for x, y in places]
    known = [distance for distance in moved if distance is not None]
    return max(known) / (EYE_DISTANCE_PX * _SIDE_PX / FACE_SIZE_PX) if known else None


def _prepared(picture: Picture) -> npt.NDArray[np.float32]:
    """Return the luma as it is compared: float32, 256 px and a border, so that every patch has its surroundings."""
    luma = picture.astype(np.float32) @ np.array([0.299, 0.587, 0.114], np.float32)
    small = cv2.resize(luma, (_SIDE_PX, _SIDE_PX), interpolation=cv2.INTER_AREA)
    soft = cv2.GaussianBlur(small, (0, 0), _BLUR_PX)
    border = _RADIUS_PX + _REACH_PX
    return np.asarray(np.pad(soft, border, mode="reflect"), np.float32)


def _patch_drift(before: npt.NDArray[np.float32], after: npt.NDArray[np.float32], x: float, y: float) -> float | None:
    """Return how far the patch around a place went, in pixels; None where it is empty."""
    # The pixel that holds the place, kept inside; the border was added on each side.
    column, row = (min(max(int(value), 0), _SIDE_PX - 1) + _RADIUS_PX + _REACH_PX for value in (x, y))
    patch = before[row - _RADIUS_PX : row + _RADIUS_PX + 1, column - _RADIUS_PX : column + _RADIUS_PX + 1]
    if float(patch.std()) < _MIN_CONTRAST_LEVELS:
        return None
    reach = _RADIUS_PX + _REACH_PX
    around = after[row - reach : row + reach + 1, column - reach : column + reach + 1]
    likeness = np.asarray(cv2.matchTemplate(around, patch, cv2.TM_CCOEFF_NORMED), np.float32)
    _, best, _, (across, down) = cv2.minMaxLoc(likeness)
    if not best >= MIN_CORRELATION:
        return NOT_FOUND
    dx = across - _REACH_PX + _between(likeness[down], across)
    dy = down - _REACH_PX + _between(likeness[:, across], down)
    return math.hypot(dx, dy)


def _between(line: npt.NDArray[np.float32], peak: int) -> float:
    """Return how far from its highest value a line peaks, by the parabola through three values; 0 at its ends."""
    if not 0 < peak < len(line) - 1:
        return 0.0
    left, middle, right = (float(value) for value in line[peak - 1 : peak + 2])
    bend = left - 2 * middle + right
    return 0.5 * (left - right) / bend if bend < 0 else 0.0
