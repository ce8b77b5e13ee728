"""RetinaFace with facexlib's architectures: the strongest detector where its weights are in the store.

Deng, Guo, Ververas, Kotsia, Zafeiriou: "RetinaFace: Single-stage Dense Face Localisation in the Wild", CVPR 2020.
Only the network's layers come from facexlib; the priors, the decoding and the batching are here, because facexlib
builds its priors in a Python loop at every call and takes one picture at a time.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from fancam.errors import ModelDamagedError
from fancam.faces.detections import CPU_BATCH_PIXELS, GPU_BATCH_PIXELS, Detections, FloatArray, infer_in_batches
from fancam.media import Picture
from fancam.nn.device import choose_compute
from fancam.nn.networks import Network, load_torch
from fancam.nn.runtime import Runtime
from fancam.nn.store import file_sha256

BACKBONES = {"retinaface-resnet50": "resnet50", "retinaface-mobilenet": "mobile0.25"}
"""Name in the registry to the name of the backbone in facexlib."""

PRIOR_SIZES_PX = ((16, 32), (64, 128), (256, 512))
"""Sides of the square priors of each level, as the published weights were trained."""

STRIDES_PX = (8, 16, 32)
"""Distance of the priors of each level."""

VARIANCES = (0.1, 0.2)
"""Scale of the regressed centre and size (SSD, Liu et al. 2016)."""

OPERATING_POINT = 0.97
"""Raw probability that is reported as a confidence of 0.5. The raw one saturates: real faces score 0.99 and more,
false ones up to 0.95, so its middle means nothing. facexlib's restoration uses 0.97 as well."""

MEAN_BGR = (104.0, 117.0, 123.0)
"""Subtracted from the blue, green and red values; no further scaling."""


class RetinaFace:
    """RetinaFace with a ResNet-50 or a MobileNet 0.25 backbone.

    Args:
        weights: The verified ``.pth`` file.
        name: ``retinaface-resnet50`` or ``retinaface-mobilenet``.
        device: As the setting takes it.
        batch_pixels: Most pixels of a forward pass; 0 chooses by device.

    Raises:
        ModelDamagedError: The file is no plain state dict, or one of another architecture.
        UsageError: There is no such device.
        DeviceError: The device is not there.
    """

    def __init__(self, weights: Path, name: str, *, device: str = "cpu", batch_pixels: int = 0) -> None:
        self.name = name
        network = Network(name, _load(weights, BACKBONES[name]), 1, file_sha256(weights), "RetinaFace")
        self.runtime = Runtime(network, choose_compute(device, "fp32"), unit="picture of the face detector")
        on_cpu = self.runtime.compute.device.type == "cpu"
        self._batch_pixels = batch_pixels or (CPU_BATCH_PIXELS if on_cpu else GPU_BATCH_PIXELS)
        self._mean = torch.tensor(MEAN_BGR, device=self.runtime.compute.device).view(1, 3, 1, 1)

    def infer(self, pictures: Sequence[Picture], min_confidence: float) -> list[Detections]:
        """Return the faces of each picture; see ``FaceNetwork.infer``.

        Pictures of exactly one size go together: filled-up ones would have other priors.
        """
        sizes = [(picture.shape[0], picture.shape[1]) for picture in pictures]

        def infer(members: Sequence[int]) -> list[Detections]:
            return self._infer_batch([pictures[index] for index in members], min_confidence)

        return infer_in_batches(functools.partial(self.runtime.in_parts, infer), sizes, self._batch_pixels)

    def _infer_batch(self, pictures: Sequence[Picture], min_confidence: float) -> list[Detections]:
        levels = self.runtime.to_device(np.ascontiguousarray(np.stack(pictures)[..., ::-1]), as_levels=True)
        shifts, scores, points = self.runtime.forward(levels - self._mean)
        scores = scores[..., 1]
        rows, columns = torch.nonzero(scores >= raw_probability(min_confidence), as_tuple=True)
        chosen = [values.cpu().numpy() for values in (shifts[rows, columns], points[rows, columns])]
        chosen_scores = scores[rows, columns].cpu().numpy()
        picture_of, prior_of = rows.cpu().numpy(), columns.cpu().numpy()
        height, width = pictures[0].shape[:2]
        found = decode(chosen[0], chosen[1], confidence(chosen_scores), priors(height, width)[prior_of])
        found = found.scaled(width, height)
        return [found[picture_of == index] for index in range(len(pictures))]


def confidence(probability: FloatArray) -> FloatArray:
    """Return the confidence of raw probabilities: the same odds, divided by those of ``OPERATING_POINT``."""
    face, none = probability * (1 - OPERATING_POINT), (1 - probability) * OPERATING_POINT
    return np.asarray(face / (face + none), np.float32)


def raw_probability(wanted_confidence: float) -> float:
    """Return the raw probability of a confidence; the inverse of ``confidence``."""
    face, none = wanted_confidence * OPERATING_POINT, (1 - wanted_confidence) * (1 - OPERATING_POINT)
    return face / (face + none)


@functools.lru_cache(maxsize=16)
def priors(height: int, width: int) -> FloatArray:
    """Return the priors of a picture size: (N, 4) float32 centre x, centre y, width, height in parts of the picture.

    Same values and order, to the bit, as the loop the network was trained with: level, row, column, size.
    """
    grids = [(-(-height // stride), -(-width // stride), stride) for stride in STRIDES_PX]
    counts = [rows * columns * len(sizes) for (rows, columns, _), sizes in zip(grids, PRIOR_SIZES_PX, strict=True)]
    joined = np.empty((sum(counts), 4), np.float32)
    levels = np.split(joined, np.cumsum(counts)[:-1])
    # Each number is worked out in float64 and rounded once, when it is put in its place.
    for values, (rows, columns, stride), sizes in zip(levels, grids, PRIOR_SIZES_PX, strict=True):
        level = values.reshape(rows, columns, len(sizes), 4)
        level[..., 0] = ((np.arange(columns) + 0.5) * stride / width)[None, :, None]
        level[..., 1] = ((np.arange(rows) + 0.5) * stride / height)[:, None, None]
        level[..., 2] = np.array(sizes) / width
        level[..., 3] = np.array(sizes) / height
    joined.setflags(write=False)
    return joined


def decode(shifts: FloatArray, points: FloatArray, scores: FloatArray, chosen: npt.NDArray[np.float32]) -> Detections:
    """Return the faces that regressed values describe relative to their priors, in parts of the picture.

    Args:
        shifts: (N, 4) centre and size of the box.
        points: (N, 10) x and y of five landmarks.
        scores: (N,) confidence.
        chosen: (N, 4) the prior of each.
    """
    centre = chosen[:, :2] + shifts[:, :2] * VARIANCES[0] * chosen[:, 2:]
    size = chosen[:, 2:] * np.exp(shifts[:, 2:] * VARIANCES[1])
    landmarks = chosen[:, None, :2] + points.reshape(-1, 5, 2) * VARIANCES[0] * chosen[:, None, 2:]
    boxes = np.concatenate([centre - size / 2, centre + size / 2], axis=1)
    return Detections(boxes.astype(np.float32), landmarks.astype(np.float32), scores.astype(np.float32))


def _load(weights: Path, backbone: str) -> torch.nn.Module:
    # Here and not above: the priors and the decoding work without it.
    from facexlib.detection.retinaface import RetinaFace as Layers

    state = load_torch(weights)
    with warnings.catch_warnings():  # facexlib builds the backbone with an argument torchvision has renamed
        warnings.simplefilter("ignore", UserWarning)
        network: Any = Layers(network_name=backbone, device=torch.device("cpu"))
    try:
        network.load_state_dict(state, strict=True)
    except RuntimeError as error:
        raise ModelDamagedError(
            f"not the weights of RetinaFace {backbone}", item=weights, remedy="fetch or install the weights again"
        ) from error
    module: torch.nn.Module = network.eval().requires_grad_(False)
    return module
