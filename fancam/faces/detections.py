"""Arrays of detections inside the room: decoding fills them, suppression and plausibility thin them out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fancam.geometry import Box
from fancam.results import Face

FloatArray = npt.NDArray[np.float32]

MAX_DETECTIONS = 2000
"""Most detections that enter the suppression: bounds its pair matrix to 16 MB. A crowd of 500 faces has fewer."""

CPU_BATCH_PIXELS = 300_000
"""Pixels per forward pass on a CPU: five pictures of 224x224, or one of 512x512. Small pictures gain from company (a
tenth in OpenCV, up to twice in torch); larger batches fall out of the cache and cost up to two thirds more (benchmark
``detect_batch``)."""


GPU_BATCH_PIXELS = 4_000_000
"""The same on a GPU: 15 faces of 512x512, 7 frames of 960x540, one photo of 2048x1536. CenterFace needs about 120 bytes
of memory per pixel, RetinaFace with ResNet-50 about 320."""


@dataclass(frozen=True, slots=True, eq=False)
class Detections:
    """What a network said about one picture, N faces long."""

    boxes: FloatArray
    """(N, 4) float32 ``x0, y0, x1, y1`` in pixels."""
    landmarks: FloatArray
    """(N, 5, 2) float32 (x, y) in pixels."""
    scores: FloatArray
    """(N,) float32 in [0, 1]."""

    def __len__(self) -> int:
        return len(self.scores)

    @property
    def heights(self) -> FloatArray:
        """(N,) heights of the boxes in pixels."""
        return self.boxes[:, 3] - self.boxes[:, 1]

    @classmethod
    def empty(cls) -> Detections:
        """Return no detections."""
        return cls(np.zeros((0, 4), np.float32), np.zeros((0, 5, 2), np.float32), np.zeros(0, np.float32))

    @classmethod
    def joined(cls, parts: Sequence[Detections]) -> Detections:
        """Return the detections of all parts, in order."""
        if not parts:
            return cls.empty()
        return cls(
            np.concatenate([part.boxes for part in parts]),
            np.concatenate([part.landmarks for part in parts]),
            np.concatenate([part.scores for part in parts]),
        )

    def __getitem__(self, index: npt.NDArray) -> Detections:
        """Return the chosen ones: a mask or an array of indices."""
        return Detections(self.boxes[index], self.landmarks[index], self.scores[index])

    def scaled(self, scale_x: float, scale_y: float) -> Detections:
        """Return the detections in a picture that is larger by these factors; the scores stay."""
        pair = np.array([scale_x, scale_y], np.float32)
        return Detections(self.boxes * np.tile(pair, 2), self.landmarks * pair, self.scores)

    def shifted(self, x: float, y: float) -> Detections:
        """Return the detections in a picture of which theirs is the part that begins there."""
        pair = np.array([x, y], np.float32)
        return Detections(self.boxes + np.tile(pair, 2), self.landmarks + pair, self.scores)

    def strongest_first(self) -> Detections:
        """Return them by falling score; equal scores from top to bottom, then left to right, so the order is stable."""
        return self[np.lexsort((self.boxes[:, 0], self.boxes[:, 1], -self.scores))]

    def as_faces(self) -> list[Face]:
        """Return plain records."""
        return [
            Face(
                box=Box(*(float(value) for value in box)),
                landmarks=tuple((float(x), float(y)) for x, y in points),  # type: ignore[arg-type]  # five, by shape
                confidence=float(score),
            )
            for box, points, score in zip(self.boxes, self.landmarks, self.scores, strict=True)
        ]


def overlaps(boxes: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return two (N, N) matrices: intersection over union, and intersection over the smaller of the two areas."""
    low = np.maximum(boxes[:, None, :2], boxes[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], boxes[None, :, 2:])
    sides = np.maximum(high - low, 0)
    common = sides[..., 0] * sides[..., 1]
    areas = np.maximum(boxes[:, 2] - boxes[:, 0], 0) * np.maximum(boxes[:, 3] - boxes[:, 1], 0)
    tiny = np.float32(1e-9)
    union = areas[:, None] + areas[None, :] - common
    return common / np.maximum(union, tiny), common / np.maximum(np.minimum(areas[:, None], areas[None, :]), tiny)


def suppress(found: Detections, *, max_iou: float, max_inside: float = 1.0) -> Detections:
    """Return the detections without duplicates, strongest first (greedy non-maximum suppression).

    Args:
        found: Detections of one picture, from one or several scales.
        max_iou: A weaker detection that overlaps a kept one by more than this is the same face.
        max_inside: So is one where the smaller of the two boxes lies inside the other by more than this share; 1
            switches that test off. It removes eyes and mouths of a very large face that a fine scale took for faces.
    """
    ordered = found.strongest_first()[np.arange(min(len(found), MAX_DETECTIONS))]
    iou, inside = overlaps(ordered.boxes)
    clash = (iou > max_iou) | (inside > max_inside)
    alive = np.ones(len(ordered), bool)
    for index in range(len(ordered)):
        if alive[index]:
            alive[index + 1 :] &= ~clash[index, index + 1 :]
    return ordered[alive]


def plausible(found: Detections) -> npt.NDArray[np.bool_]:
    """Return a mask of the detections whose five landmarks can be those of a face.

    The network scores box and landmarks apart, so a hand or a fold of cloth can score well while its landmarks lie in
    no order. All tests are made in the frame of the face itself (its eye line), so a tilted head passes.

    - Box: between 0.35 and 1.6 times as wide as high. A face is about 0.75 as wide as high, a profile narrower, one
      lying on its side wider.
    - Landmarks: none farther outside the box than a quarter of its size.
    - Eyes over mouth: the way from the middle of the eyes to the middle of the mouth, taken across the eye line, is
      between 0.15 and 0.8 of the box's longer side. It is about a third in a frontal face (the proportions of the
      alignment template of FFHQ, Karras et al. 2019) and shrinks when the head is bowed.
    - Eyes apart: between 0.04 and 0.8 of the box's longer side. About a third in a frontal face; a profile has little.
    """
    size = found.boxes[:, 2:] - found.boxes[:, :2]
    longer = np.maximum(size.max(axis=1), np.float32(1e-6))
    aspect = size[:, 0] / np.maximum(size[:, 1], np.float32(1e-6))
    margin = size[:, None, :] * np.float32(0.25)
    low, high = found.boxes[:, None, :2] - margin, found.boxes[:, None, 2:] + margin
    contained = ((found.landmarks >= low) & (found.landmarks <= high)).all(axis=(1, 2))

    left, right = found.landmarks[:, 0], found.landmarks[:, 1]
    between = right - left
    apart = np.hypot(between[:, 0], between[:, 1])
    along = between / np.maximum(apart, np.float32(1e-6))[:, None]
    down = np.stack([-along[:, 1], along[:, 0]], axis=1)
    to_mouth = (found.landmarks[:, 3] + found.landmarks[:, 4] - left - right) / 2
    drop = (to_mouth * down).sum(axis=1) / longer
    apart = apart / longer
    return (
        np.isfinite(found.boxes).all(axis=1)
        & contained
        & (aspect > 0.35) & (aspect < 1.6)
        & (drop > 0.15) & (drop < 0.8)
        & (apart > 0.04) & (apart < 0.8)
    )  # fmt: skip


def infer_in_batches(
    infer_batch: Callable[[list[int]], list[Detections]], sizes: Sequence[tuple[int, int]], max_pixels: int
) -> list[Detections]:
    """Return the detections of each picture, found in batches of pictures of one size, which ``infer_batch`` takes."""
    found = [Detections.empty()] * len(sizes)
    for members in batches(sizes, max_pixels):
        for index, detections in zip(members, infer_batch(members), strict=True):
            found[index] = detections
    return found


def batches(sizes: Sequence[tuple[int, int]], max_pixels: int) -> Iterator[list[int]]:
    """Yield which pictures share a forward pass, as indices: those of one size, never more pixels than allowed.

    Args:
        sizes: (height, width) of each picture as the network sees it.
        max_pixels: Bounds the memory of a pass. A picture that alone has more goes alone.
    """
    groups: dict[tuple[int, int], list[int]] = {}
    for index, size in enumerate(sizes):
        groups.setdefault(size, []).append(index)
    for (height, width), members in groups.items():
        count = max(max_pixels // max(height * width, 1), 1)
        for start in range(0, len(members), count):
            yield members[start : start + count]
