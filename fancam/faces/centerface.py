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

from fancam.errors import ModelDamagedError
from fancam.faces.detections import Detections, FloatArray
from fancam.records import Picture

CELL_PX = 4
"""Output stride R of the paper."""

SIDE_MULTIPLE_PX = 32
"""The network halves the picture five times and adds the levels up again, so both sides must divide by this."""


class CenterFace:
    """CenterFace (MobileNetV2 backbone, 7.3 MB ONNX) on the CPU.

    Args:
        weights: The verified ONNX file.

    Raises:
        ModelDamagedError: OpenCV cannot read the file, or it is another network.
    """

    name = "centerface"

    def __init__(self, weights: Path) -> None:
        try:
            self._net = cv2.dnn.readNetFromONNX(str(weights))
        except cv2.error as error:
            raise ModelDamagedError(
                "OpenCV cannot read this ONNX file", item=weights, remedy="fetch or install the weights again"
            ) from error
        self._outputs = list(self._net.getUnconnectedOutLayersNames())
        if len(self._outputs) != 4:
            raise ModelDamagedError(
                f"has {len(self._outputs)} outputs where CenterFace has 4",
                item=weights,
                remedy="fetch or install the weights again",
            )

    def infer(self, pictures: Sequence[Picture], min_confidence: float) -> list[Detections]:
        """Return the faces of pictures of one common size; see ``FaceNetwork.infer``.

        One picture per pass: on a CPU a batch gains nothing and takes its multiple in memory.
        """
        return [self._infer_one(picture, min_confidence) for picture in pictures]

    def _infer_one(self, picture: Picture, min_confidence: float) -> Detections:
        self._net.setInput(padded_blob(picture))
        heat, size, offset, landmarks = (maps[0] for maps in self._net.forward(self._outputs))
        return decode(heat[0], size, offset, landmarks, min_confidence)


def padded_blob(picture: Picture) -> FloatArray:
    """Return the picture as (1, 3, H, W) float32, both sides filled up with black at the right and bottom.

    Filled up and not stretched, so that faces keep their shape and the answer needs no rescaling.
    """
    height, width = picture.shape[:2]
    sides = (-(-side // SIDE_MULTIPLE_PX) * SIDE_MULTIPLE_PX for side in (height, width))
    blob = np.zeros((1, 3, *sides), np.float32)
    blob[0, :, :height, :width] = picture.transpose(2, 0, 1)
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
    box_height, box_width = np.exp(size[:, rows, columns]) * CELL_PX
    shift_y, shift_x = offset[:, rows, columns]
    x0 = (columns + 0.5 + shift_x) * CELL_PX - box_width / 2
    y0 = (rows + 0.5 + shift_y) * CELL_PX - box_height / 2
    points = landmarks[:, rows, columns]
    points_x = points[1::2] * box_width + x0
    points_y = points[0::2] * box_height + y0
    return Detections(
        np.stack([x0, y0, x0 + box_width, y0 + box_height], axis=1).astype(np.float32),
        np.stack([points_x.T, points_y.T], axis=2).astype(np.float32),
        heat[rows, columns].astype(np.float32),
    )
