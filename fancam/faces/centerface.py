"""CenterFace through OpenCV's network module: the offline default.

Xu, Yan, Sun, Yang, Luo: "CenterFace: Joint Face Detection and Alignment Using Face as Point", arXiv 1911.03599. The
network sees RGB from 0 to 255 as it is and answers on a grid of 4 px cells: a heat map of face centres, the logarithm
of the box size, the offset of the centre inside its cell, and five landmarks relative to the box.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from fancam.errors import ModelDamagedError
from fancam.faces.detections import CPU_BATCH_PIXELS, Detections, FloatArray, infer_in_batches
from fancam.media import Picture

CELL_PX = 4
"""Output stride R of the paper."""

SIDE_MULTIPLE_PX = 32
"""The network halves the picture five times and adds the levels up again, so both sides must divide by this."""


class CenterFace:
    """CenterFace (MobileNetV2 backbone, 7.3 MB ONNX) on the CPU.

    Raises:
        ModelDamagedError: OpenCV cannot read the file, or it is another network.
    """

    name = "centerface"

    def __init__(self, weights: Path) -> None:
        self._net = read_network(weights)
        self._outputs = list(self._net.getUnconnectedOutLayersNames())
        if len(self._outputs) != 4:
            raise ModelDamagedError(
                f"has {len(self._outputs)} outputs where CenterFace has 4",
                item=weights,
                remedy="fetch or install the weights again",
            )

    def infer(self, pictures: Sequence[Picture], min_confidence: float) -> list[Detections]:
        """Return the faces of each picture; see ``FaceNetwork.infer``."""
        sizes = [padded_size(*picture.shape[:2]) for picture in pictures]

        def infer(members: list[int]) -> list[Detections]:
            maps = self.outputs([pictures[index] for index in members])
            return [
                decode(heat[0], size, offset, landmarks, min_confidence)
                for heat, size, offset, landmarks in zip(*maps, strict=True)
            ]

        return infer_in_batches(infer, sizes, CPU_BATCH_PIXELS)

    def outputs(self, pictures: Sequence[Picture]) -> tuple[FloatArray, ...]:
        """Return the four maps, (N, channels, H / 4, W / 4), of pictures of one common padded size."""
        self._net.setInput(padded_blob(pictures))
        return tuple(np.asarray(maps, np.float32) for maps in self._net.forward(self._outputs))


def read_network(weights: Path, *, classic: bool = False) -> cv2.dnn.Net:
    """Return OpenCV's network of an ONNX file.

    Args:
        weights: The verified file.
        classic: Whether it is to be read by the engine whose layers show their weights.

    Raises:
        ModelDamagedError: OpenCV cannot read the file.
    """
    # Releases of OpenCV with one engine know no choice; that engine is the classic one.
    engine = {"engine": cv2.dnn.ENGINE_CLASSIC} if classic and hasattr(cv2.dnn, "ENGINE_CLASSIC") else {}
    try:
        return cv2.dnn.readNetFromONNX(str(weights), **engine)
    except cv2.error as error:
        raise ModelDamagedError(
            "OpenCV cannot read this ONNX file", item=weights, remedy="fetch or install the weights again"
        ) from error


def padded_size(height: int, width: int) -> tuple[int, int]:
    """Return the (height, width) the network sees: both sides filled up to what it can halve five times."""
    return -(-height // SIDE_MULTIPLE_PX) * SIDE_MULTIPLE_PX, -(-width // SIDE_MULTIPLE_PX) * SIDE_MULTIPLE_PX


def padded_blob(pictures: Sequence[Picture]) -> FloatArray:
    """Return pictures of one padded size as (N, 3, H, W) float32, filled up with black at the right and bottom.

    Filled up and not stretched, so that faces keep their shape and the answer needs no rescaling.
    """
    blob = np.zeros((len(pictures), 3, *padded_size(*pictures[0].shape[:2])), np.float32)
    for planes, picture in zip(blob, pictures, strict=True):
        planes[:, : picture.shape[0], : picture.shape[1]] = picture.transpose(2, 0, 1)
    return blob


def decode(
    heat: FloatArray, size: FloatArray, offset: FloatArray, landmarks: FloatArray, min_confidence: float
) -> Detections:
    """Return the faces the four maps describe (section 3.2 of the paper).

    Args:
        heat: (H, W) probability of a face centre.
        size: (2, H, W) logarithm of box height and width in cells.
        offset: (2, H, W) y and x of the centre inside its cell, in cells.
        landmarks: (10, H, W) y and x of five points, in box sizes from the top left corner of the box.
        min_confidence: Cells below it are no face.
    """
    peak = cv2.dilate(heat, np.ones((3, 3), np.uint8))
    rows, columns = np.nonzero((heat >= min_confidence) & (heat >= peak))
    at = (slice(None), rows, columns)
    return decode_cells(rows, columns, heat[rows, columns], size[at], offset[at], landmarks[at])


def decode_cells(
    rows: npt.NDArray[np.int64],
    columns: npt.NDArray[np.int64],
    scores: FloatArray,
    size: FloatArray,
    offset: FloatArray,
    landmarks: FloatArray,
) -> Detections:
    """Return the faces that N cells describe; see ``decode``.

    Args:
        rows: (N,) of the cells.
        columns: (N,) of the cells.
        scores: (N,) probability of a face centre.
        size: (2, N)
        offset: (2, N)
        landmarks: (10, N)
    """
    box_height, box_width = np.exp(size) * CELL_PX
    shift_y, shift_x = offset
    x0 = (columns + 0.5 + shift_x) * CELL_PX - box_width / 2
    y0 = (rows + 0.5 + shift_y) * CELL_PX - box_height / 2
    points_x = landmarks[1::2] * box_width + x0
    points_y = landmarks[0::2] * box_height + y0
    return Detections(
        np.stack([x0, y0, x0 + box_width, y0 + box_height], axis=1).astype(np.float32),
        np.stack([points_x.T, points_y.T], axis=2).astype(np.float32),
        scores.astype(np.float32),
    )
