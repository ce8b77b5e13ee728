"""The detector interface, the search over scales that all networks share, the choice of the network; landmarks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
import numpy.typing as npt

from fancam.errors import unknown_choice
from fancam.faces.centerface import CenterFace
from fancam.faces.detections import Detections, overlaps, plausible, suppress
from fancam.faces.tiles import FINER_FROM, MAX_ENLARGEMENT, SEEN_PX, TILE_FACE_PX, spans, whole
from fancam.media import Picture
from fancam.nn import ModelStore
from fancam.results import Face, Landmarker
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


WINDOW_PIXELS = 32_000_000
"""Pixels of shrunk pictures held at a time, 96 MB: 120 faces of 512x512, ten photos at the finest scale."""


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


class FaceNetwork(Protocol):
    """A detection network at one scale."""

    @property
    def name(self) -> str:
        """Name in the model registry."""
        ...

    def infer(self, pictures: Sequence[Picture], min_confidence: float) -> list[Detections]:
        """Return what the network sees in each picture, in pixels of it; duplicates may remain.

        Sizes may differ. Pictures of one size share a forward pass where that is faster; the memory of a pass is
        bounded, and the answer is that of one picture at a time.
        """
        ...


class ScaleSearch:
    """Runs a network over a list of scales and merges what it finds; implements ``FaceDetector``.

    All pictures go through one scale before the next, so that those of one size meet in a forward pass.

    Args:
        network: The network.
        long_edges_px: Scales: the long edge of the picture the network sees. A picture is only ever shrunk: scales
            above its own size are replaced by its own size.
        min_confidence: In [0, 1].
        min_face_px: Lower faces are not reported.
        tiled: Whether the smallest faces are looked for in overlapping tiles as well, where the finest scale shows them
            too small.
        window_pixels: Pixels of shrunk pictures that are held at a time; bounds the memory.
    """

    def __init__(
        self,
        network: FaceNetwork,
        long_edges_px: Sequence[int],
        *,
        min_confidence: float,
        min_face_px: float,
        tiled: bool = False,
        window_pixels: int = WINDOW_PIXELS,
    ) -> None:
        self._network = network
        self._long_edges_px = tuple(sorted(set(long_edges_px)))
        self._min_confidence = min_confidence
        self._min_face_px = min_face_px
        self._tiled = tiled
        self._window_pixels = window_pixels

    @property
    def name(self) -> str:
        """Name of the network in the model registry."""
        return self._network.name

    def detect(self, pictures: Sequence[Picture]) -> list[list[Face]]:
        """Find the faces of each picture; see ``FaceDetector.detect``."""
        scales = [scales_for(picture.shape[1], picture.shape[0], self._long_edges_px) for picture in pictures]
        coarsest = self._see([(picture, own[0]) for picture, own in zip(pictures, scales, strict=True)])
        parts = [[found] for found in self._look_again(pictures, scales, coarsest)]
        finer = [(index, scale) for index, own in enumerate(scales) for scale in own[1:]]
        for (index, scale), seen in zip(finer, self._see([(pictures[i], s) for i, s in finer]), strict=True):
            parts[index].append(seen[seen.heights <= _large_face_px(pictures[index], scale)])
        if self._tiled:
            for picture, own, found in zip(pictures, scales, parts, strict=True):
                found += self._see_tiles(picture, own[-1])
        return [self._merge(found) for found in parts]

    def _see(self, jobs: Sequence[tuple[Picture, int]]) -> list[Detections]:
        """Return the plausible faces the network sees in each picture at a scale, in pixels of the picture as given.

        Args:
            jobs: (picture, long edge in pixels) each.
        """
        found = [Detections.empty()] * len(jobs)
        for window in windows([shrunk_size(picture, long_edge) for picture, long_edge in jobs], self._window_pixels):
            shrunk = [shrink(*jobs[index]) for index in window]
            answers = self._network.infer(shrunk, self._min_confidence)
            for index, small, seen in zip(window, shrunk, answers, strict=True):
                height, width = jobs[index][0].shape[:2]
                seen = seen.scaled(width / small.shape[1], height / small.shape[0])
                found[index] = seen[plausible(seen)]
        return found

    def _see_tiles(self, picture: Picture, finest_px: int) -> list[Detections]:
        """Return the faces of each tile, in pixels of the picture; none where the finest scale shows them as well."""
        factor = min(SEEN_PX / self._min_face_px, MAX_ENLARGEMENT)
        height, width = picture.shape[:2]
        if max(height, width) * factor < FINER_FROM * finest_px:
            return []
        found = []
        for top, bottom in spans(height, factor):
            for left, right in spans(width, factor):
                size = (round((right - left) * factor), round((bottom - top) * factor))
                how = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
                tile = np.asarray(cv2.resize(picture[top:bottom, left:right], size, interpolation=how), np.uint8)
                (seen,) = self._see([(tile, max(size))])
                seen = seen[seen.heights <= TILE_FACE_PX].scaled((right - left) / size[0], (bottom - top) / size[1])
                found.append(whole(seen.shifted(left, top), (left, top, right, bottom), (width, height)))
        return found

    def _look_again(
        self, pictures: Sequence[Picture], scales: list[list[int]], coarsest: list[Detections]
    ) -> list[Detections]:
        """Return the faces of the coarsest scale with the large ones measured once more where they suit the network."""
        large = [
            found.heights > _large_face_px(picture, own[0])
            for picture, own, found in zip(pictures, scales, coarsest, strict=True)
        ]
        chosen = [index for index, mask in enumerate(large) if mask.any()]
        jobs = []
        for index in chosen:
            largest = float(coarsest[index].heights[large[index]].max())
            long_edge = round(max(pictures[index].shape[:2]) * GOOD_FACE_PX / largest)
            jobs.append((pictures[index], max(long_edge, GOOD_FACE_PX)))
        merged = list(coarsest)
        for index, again in zip(chosen, self._see(jobs), strict=True):
            found = coarsest[index]
            iou, _ = overlaps(np.concatenate([found.boxes, again.boxes]))
            seen_again = (iou[: len(found), len(found) :] > MAX_IOU).any(axis=1)
            merged[index] = Detections.joined([again, found[~(large[index] & seen_again)]])
        return merged

    def _merge(self, parts: list[Detections]) -> list[Face]:
        found = Detections.joined(parts)
        found = found[found.heights >= self._min_face_px]
        return suppress(found, max_iou=MAX_IOU, max_inside=MAX_INSIDE).as_faces()


def _large_face_px(picture: Picture, long_edge_px: int) -> float:
    """Return, in pixels of the picture, the height above which a scale sees too little of a face."""
    return LARGE_FACE_PX * max(picture.shape[:2]) / long_edge_px


def windows(sizes: Sequence[tuple[int, int]], max_pixels: int) -> Iterator[list[int]]:
    """Yield the indices of all pictures in windows of at most so many pixels, or of one; equal sizes side by side."""
    window: list[int] = []
    pixels = 0
    for index in sorted(range(len(sizes)), key=lambda i: sizes[i]):
        own = sizes[index][0] * sizes[index][1]
        if window and pixels + own > max_pixels:
            yield window
            window, pixels = [], 0
        window.append(index)
        pixels += own
    if window:
        yield window


def scales_for(width: int, height: int, long_edges_px: Sequence[int]) -> list[int]:
    """Return the long edges at which a picture of this size is searched: never above its own, none twice."""
    return sorted({min(edge, max(width, height)) for edge in long_edges_px})


def shrunk_size(picture: Picture, long_edge_px: int) -> tuple[int, int]:
    """Return the (height, width) of the picture with this long edge; its own where it is not larger."""
    height, width = picture.shape[:2]
    factor = min(long_edge_px / max(height, width), 1)
    return max(round(height * factor), 1), max(round(width * factor), 1)


def shrink(picture: Picture, long_edge_px: int) -> Picture:
    """Return the picture with this long edge, averaged over areas; the picture itself where it is not larger."""
    height, width = shrunk_size(picture, long_edge_px)
    if (height, width) == picture.shape[:2]:
        return picture
    return np.asarray(cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


def _centerface(weights: Path, _name: str, device: str) -> FaceNetwork:
    if device == "cpu":
        return CenterFace(weights)
    from fancam.faces.torch_detectors import CenterFaceTorch

    return CenterFaceTorch(weights, device=device)


def _retinaface(weights: Path, name: str, device: str) -> FaceNetwork:
    from fancam.faces.torch_detectors import RetinaFace

    return RetinaFace(weights, name, device=device)


NETWORKS: dict[str, Callable[[Path, str, str], FaceNetwork]] = {
    "centerface": _centerface,
    "retinaface-resnet50": _retinaface,
    "retinaface-mobilenet": _retinaface,
}
"""One row for each detector of the registry: makes its network of (weight file, name, device). torch is loaded by those
that need it: it costs seconds."""


def create_detector(
    settings: FaceSettings,
    store: ModelStore,
    *,
    device: str = "cpu",
    long_edges_px: Sequence[int] | None = None,
) -> FaceDetector:
    """Return the detector the settings name; ``auto`` is CenterFace.

    Args:
        settings: Detector, smallest confidence, smallest face, scale for video frames.
        store: Where the weights are.
        device: ``cpu``, ``cuda``, ``cuda:N`` or ``mps``. On the CPU CenterFace runs in OpenCV, which is
            faster there than torch (benchmark ``detect_batch``), and torch is not loaded.
        long_edges_px: Scales to search, as long edges of the picture; ``PHOTO_LONG_EDGES_PX`` for photos. None means
            the one scale of the settings, for video frames. Where there are several, tiles are searched as well.

    Raises:
        ModelMissingError: The weights are in none of the store's places.
        ModelDamagedError: The weights are not those of the architecture.
        DeviceError: The device is not there.
        UsageError: The detector's name is unknown, or there is no such device.
    """
    name = DEFAULT_DETECTOR if settings.detector == "auto" else settings.detector
    if name not in NETWORKS:
        raise unknown_choice("detector", name, DETECTORS)
    return ScaleSearch(
        NETWORKS[name](store.locate(name), name, device),
        (settings.detect_long_edge_px,) if long_edges_px is None else long_edges_px,
        min_confidence=settings.min_confidence,
        min_face_px=settings.min_face_px,
        tiled=long_edges_px is not None and len(long_edges_px) > 1,
    )


# --- landmarks of aligned faces -----------------------------------------------------------------------------------

LONG_EDGES_PX = (144, 160, 176)
"""Sizes at which an aligned face is looked at. A detector's landmarks change with the grid its picture falls on; at
these sizes they do least (CenterFace: 95 of 100 faces stay within 0.028 eye distances when sharpened, 0.059 at 256 px,
0.11 at 512), and the mean of three sizes is steadier still. Together they cost less than one look at 384 px."""

MAX_DISAGREEMENT = 0.25
"""In eye distances: a look that lies farther than this from the median of all looks saw something else."""

_BATCH = 16
"""Pictures per call of the detector."""


class _DetectorLandmarker:
    """Landmarks from a face detector; see ``create_landmarker``."""

    def __init__(self, detector: FaceDetector) -> None:
        self._detector = detector

    def __call__(self, pictures: Sequence[Picture]) -> list[npt.NDArray[np.float32] | None]:
        """Return (5, 2) float32 per picture, in its pixels; None where no face was found. See ``Landmarker``."""
        found: list[npt.NDArray[np.float32] | None] = []
        for start in range(0, len(pictures), _BATCH):
            some = pictures[start : start + _BATCH]
            looks = [self._look(some, long_edge_px) for long_edge_px in LONG_EDGES_PX]
            found += [_agreed([look for look in of_one if look is not None]) for of_one in zip(*looks, strict=True)]
        return found

    def _look(self, pictures: Sequence[Picture], long_edge_px: int) -> list[npt.NDArray[np.float32] | None]:
        """Return the landmarks seen at one size, in pixels of the pictures as given."""
        small = [shrink(picture, long_edge_px) for picture in pictures]
        seen: list[npt.NDArray[np.float32] | None] = []
        for picture, shrunk, faces in zip(pictures, small, self._detector.detect(small), strict=True):
            back = np.array(picture.shape[1::-1], np.float32) / np.array(shrunk.shape[1::-1], np.float32)
            face = _nearest_the_middle(faces, shrunk)
            seen.append(None if face is None else np.asarray(face.landmark_array * back, np.float32))
        return seen


def create_landmarker(detector: FaceDetector) -> Landmarker:
    """Return what finds the landmarks of aligned faces: the detector, asked at three small sizes, and their mean.

    Args:
        detector: Any; its own scales matter only where they are below ``LONG_EDGES_PX``. Its smallest face and
            confidence decide what counts as a face.
    """
    return _DetectorLandmarker(detector)


def _nearest_the_middle(faces: Sequence[Face], picture: Picture) -> Face | None:
    height, width = picture.shape[:2]

    def squared_distance(face: Face) -> float:
        x, y = face.box.centre
        return (x - width / 2) ** 2 + (y - height / 2) ** 2

    return min(faces, key=squared_distance, default=None)


def _agreed(looks: Sequence[npt.NDArray[np.float32]]) -> npt.NDArray[np.float32] | None:
    """Return the mean of the looks that agree; None where there is none."""
    if not looks:
        return None
    stack = np.stack(looks)
    median = np.median(stack, axis=0)
    eye_distance = max(float(np.hypot(*(median[1] - median[0]))), 1e-6)
    off = np.linalg.norm(stack - median, axis=2).max(axis=1) / eye_distance
    kept = stack[off <= MAX_DISAGREEMENT]
    return np.asarray(kept.mean(axis=0) if len(kept) else median, np.float32)
