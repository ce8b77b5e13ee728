"""The face landmarker: 478 points of a face and the movements they show, through OpenCV's network module.

Kartynnik, Ablavatski, Grishchenko, Grundmann: "Real-time Facial Surface Geometry from Monocular Video on Mobile GPUs",
arXiv 1907.06724; Grishchenko, Yan, Sminchisescu, Bazavan, Kanazawa: "Blendshapes GHUM", arXiv 2309.05782. The file is a
zip of TFLite graphs. The package of the same maker that usually runs them sends usage metrics home and is never loaded.
"""

from __future__ import annotations

import math
import zipfile
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from fancam.errors import ModelDamagedError
from fancam.facemesh import POINTS, FaceMesh
from fancam.geometry import Box
from fancam.media import Picture
from fancam.nn import ModelStore
from fancam.pictures import averaged_for
from fancam.results import Face

LANDMARKER = "face-landmarker"
"""Name in the model registry."""

CROP_PX = 256
CROP_SHARES = (1.2, 1.5)
"""Sides of the squares that the network sees, in the longer side of the face's box. The larger is the maker's
(``face_detector_graph.cc``); the mean of two looks tells half closed eyes of small faces better: area under the ROC
curve .970 to .945 and .962 of either alone, on the half of the labels that it was chosen on."""
MAX_GRAPH_BYTES = 16_000_000

MAX_DISAGREEMENT = 0.28
"""Mean distance of the mesh's eyes, nose and mouth from those the detector found, in distances of the eyes, from which
on the mesh is of something else."""
MAX_APART = 0.04
"""Mean distance of the points of the two looks, in heights of the face, from which on there is no face: the network
draws one into whatever it is shown, always as large as in the crop. (It tells by a number of its own whether it saw a
face, which OpenCV's reader of TFLite does not hand out.) Of 220 faces 99 % are under 0.032, of grey patches in their
place 95 % over 0.061."""

_BLENDSHAPE_POINTS = np.array([
    0, 1, 4, 5, 6, 7, 8, 10, 13, 14, 17, 21, 33, 37, 39, 40, 46, 52, 53, 54, 55, 58, 61, 63, 65, 66, 67, 70, 78, 80,
    81, 82, 84, 87, 88, 91, 93, 95, 103, 105, 107, 109, 127, 132, 133, 136, 144, 145, 146, 148, 149, 150, 152, 153, 154,
    155, 157, 158, 159, 160, 161, 162, 163, 168, 172, 173, 176, 178, 181, 185, 191, 195, 197, 234, 246, 249, 251, 263,
    267, 269, 270, 276, 282, 283, 284, 285, 288, 291, 293, 295, 296, 297, 300, 308, 310, 311, 312, 314, 317, 318, 321,
    323, 324, 332, 334, 336, 338, 356, 361, 362, 365, 373, 374, 375, 377, 378, 379, 380, 381, 382, 384, 385, 386, 387,
    388, 389, 390, 397, 398, 400, 402, 405, 409, 415, 454, 466, *range(468, 478),
])  # fmt: skip
"""The points that the network of movements takes (``face_blendshapes_graph.cc`` of MediaPipe's sources)."""

_MOVEMENTS = {
    "eyeBlinkLeft": 9, "eyeBlinkRight": 10, "jawOpen": 25, "mouthSmileLeft": 44, "mouthSmileRight": 45,
}  # fmt: skip
"""Movement to its place among the 52 that the network answers with (the same source); those that are used here."""


class FaceMesher:
    """Measures the dense landmarks of faces whose place is known.

    Args:
        weights: The verified ``face_landmarker.task``.

    Raises:
        ModelDamagedError: It is another file, or OpenCV cannot read what is in it.
    """

    def __init__(self, weights: Path) -> None:
        self._points = _read_graph(weights, "face_landmarks_detector.tflite")
        self._movements = _read_graph(weights, "face_blendshapes.tflite")

    def measure(self, pixels: Picture, face: Face) -> FaceMesh | None:
        """Return the mesh of a face; None where it does not lie on the landmarks that the detector found.

        Args:
            pixels: (height, width, 3) uint8 RGB, the upright full frame.
            face: The face in it.
        """
        maps = [_to_crop(face, share) for share in CROP_SHARES]
        crops = [_warped(pixels, to_crop) for to_crop in maps]
        self._points.setInput(cv2.dnn.blobFromImages(crops, 1 / 255))
        found = np.asarray(self._points.forward("Identity"), np.float32).reshape(len(maps), POINTS, 3)
        strengths = np.mean([self._strengths(points) for points in found], axis=0)
        expression = {name: round(float(strengths[place]), 4) for name, place in _MOVEMENTS.items()}
        near, wide = (_in_frame(*each) for each in zip(found, maps, strict=True))
        apart = float(np.linalg.norm((near - wide)[:, :2], axis=1).mean()) / max(face.box.height, 1.0)
        mesh = FaceMesh(np.asarray((near + wide) / 2, np.float32), expression, apart)
        return mesh if apart <= MAX_APART and _disagreement(mesh, face) <= MAX_DISAGREEMENT else None

    def _strengths(self, points: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Return the (52,) strengths of movements that the (478, 3) points of one crop show."""
        self._movements.setInput(np.ascontiguousarray(points[None, _BLENDSHAPE_POINTS, :2]))
        return np.asarray(self._movements.forward(), np.float32).ravel()


def create_mesher(store: ModelStore) -> FaceMesher:
    """Return what measures dense landmarks.

    Raises:
        ModelMissingError: The weights are not here.
        ModelDamagedError: The weights are there, and are not the ones the registry knows.
    """
    return FaceMesher(store.locate(LANDMARKER))


def _read_graph(weights: Path, name: str) -> cv2.dnn.Net:
    try:
        with zipfile.ZipFile(weights) as graphs:
            if graphs.getinfo(name).file_size > MAX_GRAPH_BYTES:
                raise ModelDamagedError(f"{name} in it is too large", item=weights, remedy="install the package again")
            data = graphs.read(name)
        return cv2.dnn.readNetFromTFLite(np.frombuffer(data, np.uint8))
    except (cv2.error, zipfile.BadZipFile, KeyError) as error:
        raise ModelDamagedError(
            f"{name} in it cannot be read", item=weights, remedy="install the package again"
        ) from error


def _to_crop(face: Face, share: float) -> npt.NDArray[np.float64]:
    """Return the (2, 3) map from the frame to the square crop, in which the eyes are level."""
    scale = CROP_PX / max(share * max(face.box.width, face.box.height), 1.0)
    angle = math.radians(face.roll_deg)
    turn = scale * np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
    return np.column_stack([turn, CROP_PX / 2 - turn @ np.array(face.box.centre)])


def _warped(pixels: Picture, to_crop: npt.NDArray[np.float64]) -> Picture:
    """Return the (256, 256, 3) crop; a large face is averaged before it is turned, which is finer than to sample it."""
    scale = float(np.hypot(*to_crop[:, 0]))
    size = (CROP_PX, CROP_PX)
    if scale > 0.5:
        return np.asarray(cv2.warpAffine(pixels, to_crop, size), np.uint8)
    back = cv2.invertAffineTransform(to_crop)
    corners = np.array([[0, 0], [CROP_PX, 0], [0, CROP_PX], [CROP_PX, CROP_PX]]) @ back[:, :2].T + back[:, 2]
    around = Box(*corners.min(0), *corners.max(0)).clipped(pixels.shape[1], pixels.shape[0])
    rows, columns = (max(round((side.stop - side.start) * scale), 1) for side in around.as_slices())
    small, moved = averaged_for(pixels, to_crop, around, columns, rows)
    return np.asarray(cv2.warpAffine(small, moved, size), np.uint8)


def _in_frame(found: npt.NDArray[np.float32], to_crop: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    """Return (478, 3) points in pixels of the frame; z by the same scale."""
    back = cv2.invertAffineTransform(to_crop)
    plane = found[:, :2].astype(np.float64) @ back[:, :2].T + back[:, 2]
    return np.column_stack([plane, found[:, 2] * np.hypot(*back[:, 0])]).astype(np.float32)


def _disagreement(mesh: FaceMesh, face: Face) -> float:
    """Return the mean distance of the five landmarks of a mesh from those of the detector, in distances of the eyes."""
    apart = np.linalg.norm(mesh.five_points - face.landmark_array, axis=1).mean()
    # Of a head in profile the eyes are near each other: the height of the face bounds the measure.
    return float(apart / max(face.eye_distance_px, 0.25 * face.box.height, 1e-6))
