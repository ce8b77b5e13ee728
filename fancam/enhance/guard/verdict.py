"""The guard: how much of a face prior may be printed, decided by what it does to the face.

What the camera saw is the reference. The enlargement alone has moved away from it a little already, and no prior is to
blame for that: a prior is measured against the enlargement, face by face.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fancam.enhance.guard.drift import NOT_FOUND, landmark_drift
from fancam.enhance.prior.alignment import TEMPLATE
from fancam.records import Embedder, Landmarker, Picture
from fancam.settings import GuardSettings

LADDER = (1.0, 0.75, 0.5, 0.25, 0.0)
"""Shares of the asked-for strength, tried from the top; the last is no prior at all."""

LANDMARK_REPEATABILITY = 0.01
"""In eye distances: how far two measurements of a face typically lie apart when nothing moved. The median over 39 faces
was 0.007 after noise of 6 levels, 0.008 after JPEG at quality 40, and 0.013 after strong sharpening."""

NETWORK_DRIFT_FACTOR = 1.5
"""Times the limit, above which the drift of the enlargement alone is worth a warning: 19 of 20 faces that were 75 px
high and enlarged fourfold stay below 0.052 eye distances, of which a part is the softness of the camera's picture."""

MIN_NETWORK_IDENTITY = 0.55
"""Similarity to the camera's face below which the enlargement alone is worth a warning. Pairs of one person and of two
divide best at 0.53 with the dlib embedding; 19 of 20 faces that were 75 px high and enlarged fourfold are above
0.75."""


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
    """Largest movement of a landmark from the camera's face to the printed one, in eye distances; None where no face
    was found in one of them, or it was not measured."""
    forced_by: tuple[str, ...] = ()
    """What lowered the strength: ``identity``, ``landmarks``, or ``unmeasured``; empty where nothing did."""
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Measured:
    """How one picture of a face compares with the camera's."""

    identity: float | None
    """None without an embedder."""
    drift: float | None
    """None without a landmarker, or where it found no face in the camera's picture; ``NOT_FOUND`` where it found none
    in this one."""


def objections(printed: Measured, network: Measured, settings: GuardSettings) -> tuple[str, ...]:
    """Return what speaks against a print with a prior, compared with the enlargement alone; empty where nothing does.

    - ``identity``: it is less like the camera's face than the enlargement is, by more than ``max_identity_loss``. A
      comparison, because embeddings rate some groups of people as more alike than others.
    - ``landmarks``: a landmark moved by more than ``max_landmark_drift``, and by more than in the enlargement: where
      that has moved farther than the limit, the prior may do so as well, up to what can be told apart
      (``LANDMARK_REPEATABILITY``). A face that is not found any more has moved.
    - ``unmeasured``: nothing could be measured. What nobody can vouch for is not printed.
    """
    found = []
    if printed.identity is None and printed.drift is None:
        return ("unmeasured",)
    if printed.identity is not None and network.identity is not None:
        loss = network.identity - printed.identity
        found += ["identity"] if loss > settings.max_identity_loss else []
    if printed.drift is not None:
        limit = settings.max_landmark_drift
        if network.drift is not None and math.isfinite(network.drift):
            limit = max(limit, network.drift + LANDMARK_REPEATABILITY)
        if printed.drift > limit:
            found.append("landmarks")
    return tuple(found)


def network_warnings(network: Measured, settings: GuardSettings) -> tuple[str, ...]:
    """Return what is to be said about the enlargement alone."""
    found = []
    if network.identity is not None and network.identity < MIN_NETWORK_IDENTITY:
        found.append(
            f"the enlarged face is only {network.identity:.2f} like the camera's (1 is the same): "
            "compare it with the source before you print"
        )
    if network.drift == NOT_FOUND:
        found.append("no face is found in the enlarged picture any more: compare it with the source before you print")
    elif network.drift is not None and network.drift > NETWORK_DRIFT_FACTOR * settings.max_landmark_drift:
        found.append(
            f"the enlargement alone moves the features by {100 * network.drift:.0f} % of the eye distance: "
            "compare it with the source before you print"
        )
    return tuple(found)


class Guard:
    """Judges faces against what the camera saw, many at a time.

    Args:
        settings: Limits; with ``guard = off`` nothing is measured, and every face gets what was asked for.
        embedder: Measures identity; None: it is not measured, and ``notes`` says so.
        landmarker: Measures landmarks; None: the same.
    """

    def __init__(self, settings: GuardSettings, embedder: Embedder | None, landmarker: Landmarker | None) -> None:
        self._settings = settings
        self._on = settings.guard == "on"
        self._embedder = embedder if self._on else None
        self._landmarker = landmarker if self._on else None

    @property
    def measures(self) -> tuple[str, ...]:
        """What is measured: ``identity``, ``landmarks``, both or nothing."""
        parts = (("identity", self._embedder), ("landmarks", self._landmarker))
        return tuple(name for name, instrument in parts if instrument is not None)

    @property
    def notes(self) -> tuple[str, ...]:
        """What cannot be measured and what to do about it, a line each; empty where the guard is off."""
        if not self._on:
            return ()
        notes = []
        if self._embedder is None:
            notes.append("identity is not measured: pip install fancam[members]")
        if self._landmarker is None:
            notes.append("the movement of landmarks is not measured: no face detector is at hand")
        return tuple(notes)

    def judge(self, faces: Sequence[FaceTrial]) -> list[Verdict]:
        """Return a verdict per face: the highest rung of ``LADDER`` that nothing speaks against.

        The faces of all pictures are measured together, a rung at a time; only faces that were refused go on to the
        next rung.

        Args:
            faces: Of any number of pictures. ``blended`` is called once per rung that is tried.
        """
        if not self._on:
            return [Verdict(strength=face.asked) for face in faces]
        references = self._references([face.camera for face in faces])
        networks = self._compare(references, [face.network for face in faces])
        verdicts: list[Verdict | None] = [None] * len(faces)
        refused: list[tuple[str, ...]] = [()] * len(faces)
        pending = [index for index, face in enumerate(faces) if face.asked > 0]
        for share in LADDER[:-1]:
            # No face is blended for an instrument that is not there.
            pending = pending if self.measures else []
            prints = [faces[index].blended(share * faces[index].asked) for index in pending]
            measured = self._compare([references[index] for index in pending], prints)
            still = []
            for index, printed in zip(pending, measured, strict=True):
                against = objections(printed, networks[index], self._settings)
                if against:
                    refused[index] = _joined(refused[index], against)
                    still.append(index)
                else:
                    strength = share * faces[index].asked
                    verdicts[index] = self._verdict(strength, printed, networks[index], refused[index])
            pending = still
        for index, face in enumerate(faces):
            if verdicts[index] is None:
                why = refused[index] or (("unmeasured",) if face.asked > 0 else ())
                verdicts[index] = self._verdict(0.0, networks[index], networks[index], why)
        return [verdict for verdict in verdicts if verdict is not None]

    def _verdict(self, strength: float, printed: Measured, network: Measured, why: tuple[str, ...]) -> Verdict:
        drift = printed.drift if printed.drift is not None and math.isfinite(printed.drift) else None
        warnings = network_warnings(network, self._settings)
        return Verdict(strength, printed.identity, network.identity, drift, why, warnings)

    # --- measuring ---------------------------------------------------------------------------------------------

    def _references(self, cameras: Sequence[Picture]) -> list[_Reference]:
        return [
            _Reference(vector, points)
            for vector, points in zip(self._vectors(cameras), self._landmarks(cameras), strict=True)
        ]

    def _compare(self, references: Sequence[_Reference], pictures: Sequence[Picture]) -> list[Measured]:
        """Return how each picture compares with the camera's picture of its face."""
        measured = []
        for reference, vector, points in zip(
            references, self._vectors(pictures), self._landmarks(pictures), strict=True
        ):
            identity = None
            if reference.vector is not None and vector is not None:
                identity = min(max(float(np.dot(reference.vector, vector)), -1.0), 1.0)
            drift = landmark_drift(reference.landmarks, points)
            measured.append(Measured(identity, drift))
        return measured

    def _vectors(self, pictures: Sequence[Picture]) -> Sequence[npt.NDArray[np.float32] | None]:
        if self._embedder is None or not pictures:
            return [None] * len(pictures)
        # All pictures are aligned, so that the template is where their landmarks are. Landmarks found in each picture
        # anew would take a shift of the face for part of its alignment, and add their noise.
        landmarks = TEMPLATE.astype(np.float32)
        return list(self._embedder.embed(pictures, [landmarks] * len(pictures)))

    def _landmarks(self, pictures: Sequence[Picture]) -> Sequence[npt.NDArray[np.float32] | None]:
        if self._landmarker is None or not pictures:
            return [None] * len(pictures)
        return self._landmarker(pictures)


@dataclass(frozen=True, slots=True, eq=False)
class _Reference:
    """What the camera saw, measured."""

    vector: npt.NDArray[np.float32] | None
    landmarks: npt.NDArray[np.float32] | None


def _joined(first: tuple[str, ...], second: tuple[str, ...]) -> tuple[str, ...]:
    """Return both without repeats, in order."""
    return (*first, *(one for one in second if one not in first))
