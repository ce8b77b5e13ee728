"""Embeddings: one vector per face, whose angle to another tells how alike the two faces are.

Zhong, Deng, Hu, Zhao, Li, Wen: "SFace: Sigmoid-Constrained Hypersphere Loss for Robust Face Recognition", arXiv
2205.12010. A package carries the network with 8-bit weights and is never loaded itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from fancam.errors import ModelDamagedError
from fancam.faces.centerface import read_network
from fancam.geometry import Box, similarity_transform
from fancam.media import Picture
from fancam.nn import ModelStore
from fancam.pictures import averaged_for
from fancam.results import Embedder

EMBEDDERS = ("sface", "sface-int8")
"""Names in the model registry, best first; the second comes with the installation."""

CHIP_PX = 112
"""Side of the square the network takes."""

CHIP_LANDMARKS = (
    np.array([[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]]) + 0.5
)
"""(5, 2) where eyes, nose and mouth corners lie in a chip: the template of ArcFace (Deng et al., arXiv 1801.07698), as
the network's authors use it (``face_recognize.cpp`` of OpenCV). It counts from the centre of the first pixel, this
project from its edge."""

_DIMENSION = 128
_REACH_PX = 2
"""What is averaged reaches so far beyond a chip, in its pixels: the last of them are interpolated."""


class SFaceEmbedder:
    """SFace through OpenCV's network module, on the CPU.

    The network sees RGB from 0 to 255 as it is (on 40 people the area under the ROC curve is 1.00000; 0.99984 with BGR,
    0.945 where the levels are brought to [-1, 1]). Faces go through it one by one: a batch is no faster here, and its
    last bits depend on its size and on the number of threads, those of a single face on neither.

    Raises:
        ModelDamagedError: OpenCV cannot read the file, or it is another network.
    """

    def __init__(self, name: str, weights: Path, sha256: str) -> None:
        self.name = name
        self.sha256 = sha256
        self._net = read_network(weights)
        try:
            found = self._vector(np.zeros((CHIP_PX, CHIP_PX, 3), np.uint8)).shape
        except cv2.error:
            found = ()
        if found != (_DIMENSION,):
            raise ModelDamagedError("is not an SFace network", item=weights, remedy="install the package again")

    def embed(
        self, pictures: Sequence[Picture], landmarks: Sequence[npt.NDArray[np.floating]]
    ) -> npt.NDArray[np.float32]:
        """Return (N, 128) float32 vectors of length 1; see ``Embedder.embed``. The same picture gives the same bits."""
        vectors = np.zeros((len(pictures), _DIMENSION), np.float64)
        for vector, picture, points in zip(vectors, pictures, landmarks, strict=True):
            vector[:] = self._vector(face_chip(picture, points))
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        return np.asarray(vectors / np.maximum(lengths, 1e-12), np.float32)

    def _vector(self, chip: Picture) -> npt.NDArray[np.float32]:
        # The file lists its weights among its inputs: the picture is the one of this name.
        self._net.setInput(cv2.dnn.blobFromImage(chip), "data")
        return np.asarray(self._net.forward(), np.float32)[0]


def embedder_name(store: ModelStore) -> str:
    """Return which model tells people apart: the best that is here, else the one that comes with the installation."""
    return next((name for name in EMBEDDERS if store.status(name).state != "missing"), EMBEDDERS[-1])


def create_embedder(store: ModelStore) -> Embedder:
    """Return what tells people apart; see ``embedder_name``.

    Raises:
        ModelMissingError: The weights are not here.
        ModelDamagedError: The weights are there, and are not the ones the registry knows.
    """
    name = embedder_name(store)
    return SFaceEmbedder(name, store.locate(name), store.sha256(name))


def face_chip(picture: Picture, landmarks: npt.ArrayLike) -> Picture:
    """Return the face as the network wants it: upright, 112 x 112 px.

    Args:
        picture: (H, W, 3) uint8 RGB.
        landmarks: (5, 2) in its pixels.

    Returns:
        (112, 112, 3) uint8 RGB; what lies outside the picture repeats its edge.
    """
    matrix = similarity_transform(np.asarray(landmarks, np.float64), CHIP_LANDMARKS)
    shrunk, matrix = _shrunk(picture, matrix)
    # OpenCV counts from the centre of the first pixel, this project from its edge.
    shift = matrix[:, :2] @ np.array([0.5, 0.5]) - 0.5
    indexed = np.column_stack([matrix[:, :2], matrix[:, 2] + shift])
    chip = cv2.warpAffine(
        shrunk, indexed, (CHIP_PX, CHIP_PX), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )  # fmt: skip
    return np.asarray(chip, np.uint8)


def _shrunk(picture: Picture, matrix: npt.NDArray[np.float64]) -> tuple[Picture, npt.NDArray[np.float64]]:
    """Return the face's surroundings averaged over areas, and their map to the chip: sampling alone would alias."""
    scale = float(np.hypot(matrix[0, 0], matrix[1, 0]))
    if scale >= 1:
        return picture, matrix
    back = cv2.invertAffineTransform(matrix)
    reach = CHIP_PX + _REACH_PX
    corners = np.array([[x, y] for x in (-_REACH_PX, reach) for y in (-_REACH_PX, reach)]) @ back[:, :2].T + back[:, 2]
    part = Box(*corners.min(0), *corners.max(0)).clipped(picture.shape[1], picture.shape[0])
    rows, columns = (max(round((side.stop - side.start) * scale), 1) for side in part.as_slices())
    return averaged_for(picture, matrix, part, columns, rows)
