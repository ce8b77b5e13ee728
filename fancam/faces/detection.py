"""The detector interface, the search over scales that all networks share, and the choice of the network."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
import numpy.typing as npt

from fancam.errors import unknown_choice
from fancam.faces.centerface import CenterFace
from fancam.faces.detections import Detections, overlaps, plausible, suppress
from fancam.records import Face, Picture
from fancam.settings import DETECTORS, FaceSettings

DEFAULT_DETECTOR = "centerface"
"""What ``auto`` means: its weights come with the installation."""
PHOTO_LONG_EDGES_PX = (320, 768, 2048)
"""Scales at which photos are searched. The coarse one finds a face that fills the picture (a network's receptive field
is about 800 px), the fine one small faces of a group; between them no face is farther than a factor of 1.6 from a
scale that suits it."""

LARGE_FACE_PX = 400
"""A face higher than this at one scale is left to the coarser ones, where there are any: they see all of it, and a
network's rare false faces at a fine scale are mostly larger than this (a reflection in water, a lock of hair). At the
coarsest scale it is looked at again, smaller: the box of a face that fills the network's view ends above the chin."""

GOOD_FACE_PX = 160
"""Height at which a large face is looked at again."""

MAX_IOU = 0.35
"""Overlap above which two detections are one face. Neighbours in a crowd overlap by less than 0.3 (heads do not
interpenetrate); detections of one face at two scales by more than 0.6."""

MAX_INSIDE = 0.75
"""Share of the smaller box inside the larger above which the weaker of the two is dropped."""


class FaceDetector(Protocol):
    """Finds faces with five landmarks."""

    @property
    def name(self) -> str:
        """Name in the model registry, for the manifest."""
        ...

    def detect(self, pictures: Sequence[Picture]) -> list[list[Face]]:
        """Find the faces of each picture.

        Args:
            pictures: (height, width, 3) uint8 RGB each, upright; sizes may differ.

        Returns:
            One list per picture, strongest first, empty where no face is. Boxes and landmarks are in pixels of the
            picture as given. A box reaches from the upper forehead to the chin and from cheek to cheek: hair above
            the forehead is outside it. It may reach over the edge of the picture where the face does. Landmarks are
            left eye, right eye, nose, left mouth corner, right mouth corner, from the viewer's side.
        """
        ...


class WeightStore(Protocol):
    """What the detectors need of ``fancam.models.ModelStore``."""

    def locate(self, name: str) -> Path:
        """Return the verified weight file of a name in the registry; raises ModelMissingError."""
        ...


class FaceNetwork(Protocol):
    """A detection network at one scale."""

    @property
    def name(self) -> str:
        """Name in the model registry."""
        ...

    def infer(self, pictures: Sequence[Picture], min_confidence: float) -> list[Detections]:
        """Return what the network sees in pictures of one common size; duplicates may remain."""
        ...


class ScaleSearch:
    """Runs a network over a list of scales and merges what it finds; implements ``FaceDetector``.

    Args:
        network: The network.
        long_edges_px: Scales: the long edge of the picture the network sees. A picture is only ever shrunk: scales
            above its own size are replaced by its own size.
        min_confidence: In [0, 1].
        min_face_px: Lower faces are not reported.
        batch: Pictures of one size per forward pass; bounds the memory.
    """

    def __init__(
        self,
        network: FaceNetwork,
        long_edges_px: Sequence[int],
        *,
        min_confidence: float,
        min_face_px: float,
        batch: int = 8,
    ) -> None:
        self._network = network
        self._long_edges_px = tuple(sorted(set(long_edges_px)))
        self._min_confidence = min_confidence
        self._min_face_px = min_face_px
        self._batch = batch

    @property
    def name(self) -> str:
        """Name of the network in the model registry."""
        return self._network.name

    def detect(self, pictures: Sequence[Picture]) -> list[list[Face]]:
        """Find the faces of each picture; see ``FaceDetector.detect``."""
        groups: dict[tuple[int, int], list[int]] = {}
        for index, picture in enumerate(pictures):
            groups.setdefault(picture.shape[:2], []).append(index)
        faces: list[list[Face]] = [[] for _ in pictures]
        for members in groups.values():
            for start in range(0, len(members), self._batch):
                chosen = members[start : start + self._batch]
                for index, found in zip(chosen, self._search([pictures[i] for i in chosen]), strict=True):
                    faces[index] = found
        return faces

    def _search(self, pictures: list[Picture]) -> list[list[Face]]:
        """Return the faces of pictures of one common size."""
        height, width = pictures[0].shape[:2]
        scales = scales_for(width, height, self._long_edges_px)
        levels = [self._at_scale(pictures, scale) for scale in scales]
        found = []
        for index, picture in enumerate(pictures):
            coarsest = levels[0][index]
            large = coarsest.heights > LARGE_FACE_PX * max(width, height) / scales[0]
            if large.any():
                coarsest = self._look_again(picture, coarsest, large)
            finer = [
                level[index][level[index].heights <= LARGE_FACE_PX * max(width, height) / scale]
                for scale, level in zip(scales[1:], levels[1:], strict=True)
            ]
            found.append(self._merge([coarsest, *finer]))
        return found

    def _at_scale(self, pictures: Sequence[Picture], long_edge_px: int) -> list[Detections]:
        """Return the plausible faces the network sees at one scale, in pixels of the pictures as given."""
        shrunk = [shrink(picture, long_edge_px) for picture in pictures]
        back_x = pictures[0].shape[1] / shrunk[0].shape[1]
        back_y = pictures[0].shape[0] / shrunk[0].shape[0]
        seen = (found.scaled(back_x, back_y) for found in self._network.infer(shrunk, self._min_confidence))
        return [found[plausible(found)] for found in seen]

    def _look_again(self, picture: Picture, found: Detections, large: npt.NDArray[np.bool_]) -> Detections:
        """Return the faces with the large ones measured once more where they suit the network."""
        long_edge = round(max(picture.shape[:2]) * GOOD_FACE_PX / float(found.heights[large].max()))
        again = self._at_scale([picture], max(long_edge, GOOD_FACE_PX))[0]
        iou, _ = overlaps(np.concatenate([found.boxes, again.boxes]))
        seen_again = (iou[: len(found), len(found) :] > MAX_IOU).any(axis=1)
        return Detections.joined([again, found[~(large & seen_again)]])

    def _merge(self, parts: list[Detections]) -> list[Face]:
        found = Detections.joined(parts)
        found = found[found.heights >= self._min_face_px]
        return suppress(found, max_iou=MAX_IOU, max_inside=MAX_INSIDE).as_faces()


def scales_for(width: int, height: int, long_edges_px: Sequence[int]) -> list[int]:
    """Return the long edges at which a picture of this size is searched: never above its own, none twice."""
    return sorted({min(edge, max(width, height)) for edge in long_edges_px})


def shrink(picture: Picture, long_edge_px: int) -> Picture:
    """Return the picture with this long edge, averaged over areas; the picture itself where it is not larger."""
    height, width = picture.shape[:2]
    factor = long_edge_px / max(height, width)
    if factor >= 1:
        return picture
    size = (max(round(width * factor), 1), max(round(height * factor), 1))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)


def create_detector(
    settings: FaceSettings,
    store: WeightStore,
    *,
    device: str = "cpu",
    long_edges_px: Sequence[int] | None = None,
) -> FaceDetector:
    """Return the detector the settings name; ``auto`` is CenterFace.

    Args:
        settings: Detector, smallest confidence, smallest face, scale for video frames.
        store: Where the weights are.
        device: torch device for RetinaFace (``cpu``, ``cuda``, ``cuda:N``, ``mps``). CenterFace runs on the CPU.
        long_edges_px: Scales to search, as long edges of the picture; ``PHOTO_LONG_EDGES_PX`` for photos. None means
            the one scale of the settings, for video frames.

    Raises:
        ModelMissingError: The weights are in none of the store's places.
        ModelDamagedError: The weights are not those of the architecture.
        DeviceError: The device is not there.
        UsageError: The detector's name is unknown.
    """
    name = DEFAULT_DETECTOR if settings.detector == "auto" else settings.detector
    if name not in DETECTORS:
        raise unknown_choice("detector", name, DETECTORS)
    weights = store.locate(name)
    network: FaceNetwork
    if name == DEFAULT_DETECTOR:
        network = CenterFace(weights)
    else:
        from fancam.faces.retinaface import RetinaFace  # torch: seconds that only this detector has to spend

        network = RetinaFace(weights, name, device=device)
    return ScaleSearch(
        network,
        (settings.detect_long_edge_px,) if long_edges_px is None else long_edges_px,
        min_confidence=settings.min_confidence,
        min_face_px=settings.min_face_px,
    )
