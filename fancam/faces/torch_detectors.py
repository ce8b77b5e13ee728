"""Detectors in torch, many pictures per forward pass: CenterFace for GPUs, RetinaFace where its weights are there.

CenterFace: the layers are MobileNetV2 (Sandler et al., CVPR 2018) and three levels that are added up; the weights are
those of the ONNX file, as OpenCV reads it. ``fancam.faces.centerface`` has the paper, the way in and the way out. It
computes in fp32: in bf16 boxes and landmarks of faces of 80 to 150 px moved by up to 0.7 px, and a picture of 29 faces
got a thirtieth; a guard that measures the drift of landmarks in hundredths of the eye distance cannot use that.

RetinaFace: Deng, Guo, Ververas, Kotsia, Zafeiriou: "RetinaFace: Single-stage Dense Face Localisation in the Wild",
CVPR 2020. Only the layers come from facexlib; the priors, the decoding and the batching are here, because facexlib
builds its priors in a Python loop at every call and takes one picture at a time.
"""

from __future__ import annotations

import functools
import warnings
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from fancam.errors import ModelDamagedError
from fancam.faces.centerface import decode_cells, padded_size, read_network
from fancam.faces.detections import CPU_BATCH_PIXELS, GPU_BATCH_PIXELS, Detections, FloatArray, infer_in_batches
from fancam.media import Picture
from fancam.nn.device import choose_compute
from fancam.nn.networks import Network, load_torch
from fancam.nn.runtime import Runtime
from fancam.nn.store import file_sha256

_BLOCKS = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))
"""Of MobileNetV2: how much wider a block is inside, its channels, how many there are, the stride of the first."""
_LEVELS = {1: 24, 2: 32, 4: 96}
"""Blocks whose results are added in again, from fine to coarse, and their channels."""
_NECK = 24
"""Channels in which the levels are added up."""
_EPSILON = 1e-3
"""Of the batch normalisations, as in the file; OpenCV does not tell it."""


class TorchDetector(ABC):
    """A detection network on a torch device, in fp32; implements ``FaceNetwork``.

    Args:
        layers: With their weights.
        weights: The verified file they come from.
        name: In the registry.
        device: As the setting takes it.
        batch_pixels: Most pixels of a forward pass; 0 chooses by device.

    Raises:
        UsageError: There is no such device.
        DeviceError: The device is not there.
    """

    def __init__(self, layers: nn.Module, weights: Path, name: str, device: str, batch_pixels: int) -> None:
        self.name = name
        network = Network(name, layers, 1, file_sha256(weights), type(self).__name__)
        self.runtime = Runtime(network, choose_compute(device, "fp32"), unit="picture of the face detector")
        on_cpu = self.runtime.compute.device.type == "cpu"
        self._batch_pixels = batch_pixels or (CPU_BATCH_PIXELS if on_cpu else GPU_BATCH_PIXELS)

    def infer(self, pictures: Sequence[Picture], min_confidence: float) -> list[Detections]:
        """Return the faces of each picture; see ``FaceNetwork.infer``."""

        def infer(members: Sequence[int]) -> list[Detections]:
            return self.infer_batch([pictures[index] for index in members], min_confidence)

        sizes = [self.size_of(picture) for picture in pictures]
        return infer_in_batches(functools.partial(self.runtime.in_parts, infer), sizes, self._batch_pixels)

    @abstractmethod
    def size_of(self, picture: Picture) -> tuple[int, int]:
        """Return the (height, width) at which the network sees a picture; those of one size share a pass."""

    @abstractmethod
    def infer_batch(self, pictures: Sequence[Picture], min_confidence: float) -> list[Detections]:
        """Return the faces of pictures of one size, found in one pass."""


class CenterFaceTorch(TorchDetector):
    """CenterFace; finds what ``CenterFace`` in OpenCV finds. Raises ModelDamagedError for another network's file."""

    def __init__(self, weights: Path, *, device: str = "cuda", batch_pixels: int = 0) -> None:
        super().__init__(load_layers(weights), weights, "centerface", device, batch_pixels)

    def size_of(self, picture: Picture) -> tuple[int, int]:
        """Return the padded size."""
        return padded_size(*picture.shape[:2])

    def outputs(self, pictures: Sequence[Picture]) -> tuple[torch.Tensor, ...]:
        """Return the four maps, (N, channels, H / 4, W / 4) on the device, of pictures of one common padded size."""
        height, width = padded_size(*pictures[0].shape[:2])
        pixels = np.zeros((len(pictures), height, width, 3), np.uint8)
        for row, picture in zip(pixels, pictures, strict=True):
            row[: picture.shape[0], : picture.shape[1]] = picture
        maps: tuple[torch.Tensor, ...] = self.runtime.forward(self.runtime.to_device(pixels, as_levels=True))
        return maps

    def infer_batch(self, pictures: Sequence[Picture], min_confidence: float) -> list[Detections]:
        """Return the faces of pictures of one padded size, found in one pass."""
        heat, size, offset, landmarks = self.outputs(pictures)
        peak = nn.functional.max_pool2d(heat, 3, stride=1, padding=1)
        cells = torch.nonzero(((heat >= min_confidence) & (heat >= peak))[:, 0])
        which, rows, columns = cells.unbind(1)
        # Only what the chosen cells say leaves the device.
        values = torch.cat([heat, size, offset, landmarks], dim=1)[which, :, rows, columns].cpu().numpy().T
        which, rows, columns = cells.cpu().numpy().T
        found = decode_cells(rows, columns, values[0], values[1:3], values[3:5], values[5:])
        return [found[which == index] for index in range(len(pictures))]


def load_layers(weights: Path) -> CenterFaceLayers:
    """Return the network with the weights of the ONNX file.

    Raises:
        ModelDamagedError: OpenCV cannot read the file, or it is another network.
    """
    network = CenterFaceLayers()
    parts = [part for part in network.modules() if isinstance(part, nn.Conv2d | nn.ConvTranspose2d | nn.BatchNorm2d)]
    reader = read_network(weights, classic=True)
    layers = [reader.getLayer(reader.getLayerId(name)) for name in reader.getLayerNames()]
    given = [[_flat(np.array(blob)) for blob in layer.blobs] for layer in layers if len(layer.blobs)]
    try:
        for part, blobs in zip(parts, given, strict=True):
            normal = isinstance(part, nn.BatchNorm2d)
            names = ("running_mean", "running_var", "weight", "bias") if normal else ("weight", "bias")
            part.load_state_dict(dict(zip(names, blobs, strict=False)), strict=part.bias is not None and not normal)
    except (RuntimeError, ValueError) as error:
        raise ModelDamagedError(
            "not CenterFace: its layers are others", item=weights, remedy="fetch or install the weights again"
        ) from error
    return network.eval().requires_grad_(False)


def _flat(blob: npt.NDArray[np.float32]) -> torch.Tensor:
    """Return a blob as a tensor; releases of OpenCV before 5 give a list as a column."""
    return torch.from_numpy(blob[:, 0] if blob.ndim == 2 and blob.shape[1] == 1 else blob)


class CenterFaceLayers(nn.Module):
    """(N, 3, H, W) RGB from 0 to 255 to heat map, size, offset and landmarks, (N, 1, 2, 2, 10; H / 4, W / 4).

    Convolutions, and batch normalisations that were not folded into them, stand in the order of the file.
    """

    def __init__(self) -> None:
        super().__init__()
        channels = 32
        self.stem = _convolution(3, channels, 3, stride=2)
        self.blocks = nn.ModuleList()
        for wider, out, count, stride in _BLOCKS:
            blocks = []
            for number in range(count):
                blocks.append(_Block(channels, out, wider, stride if number == 0 else 1))
                channels = out
            self.blocks.append(nn.Sequential(*blocks))
        self.top = _convolution(channels, _NECK, 1)
        self.ups = nn.ModuleList(_Level(_LEVELS[block]) for block in sorted(_LEVELS, reverse=True))
        self.head = _convolution(_NECK, _NECK, 3)
        self.answers = nn.ModuleList(nn.Conv2d(_NECK, out, 1) for out in (1, 2, 2, 10))

    def forward(self, pictures: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Return the four maps."""
        features, levels = self.stem(pictures), []
        for number, block in enumerate(self.blocks):
            features = block(features)
            if number in _LEVELS:
                levels.append(features)
        features = self.top(features)
        for up, level in zip(self.ups, reversed(levels), strict=True):
            features = up(features, level)
        features = self.head(features)
        heat, *others = (answer(features) for answer in self.answers)
        return heat.sigmoid(), *others


class _Block(nn.Module):
    """An inverted residual block: wider, one convolution per channel, narrower again."""

    def __init__(self, channels: int, out: int, wider: int, stride: int) -> None:
        super().__init__()
        inside = channels * wider
        expand = [_convolution(channels, inside, 1)] if wider > 1 else []
        each = _convolution(inside, inside, 3, stride=stride, groups=inside)
        self.layers = nn.Sequential(*expand, each, nn.Conv2d(inside, out, 1))
        self.adds = stride == 1 and channels == out

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = self.layers(features)
        return features + result if self.adds else result


class _Level(nn.Module):
    """Doubles the size of what is coarser and adds what is finer."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        grow = nn.ConvTranspose2d(_NECK, _NECK, 2, stride=2, bias=False)
        self.grow = nn.Sequential(grow, nn.BatchNorm2d(_NECK, eps=_EPSILON), nn.ReLU(inplace=True))
        self.side = _convolution(channels, _NECK, 1)

    def forward(self, coarse: torch.Tensor, fine: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = self.grow(coarse) + self.side(fine)
        return result


def _convolution(channels: int, out: int, side: int, *, stride: int = 1, groups: int = 1) -> nn.Module:
    convolution = nn.Conv2d(channels, out, side, stride, padding=side // 2, groups=groups)
    return nn.Sequential(convolution, nn.ReLU(inplace=True))


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


class RetinaFace(TorchDetector):
    """RetinaFace with a ResNet-50 or a MobileNet 0.25 backbone.

    Pictures of exactly one size go together: filled-up ones would have other priors. Raises ModelDamagedError for a
    file that is no plain state dict, or one of another architecture.
    """

    def __init__(self, weights: Path, name: str, *, device: str = "cpu", batch_pixels: int = 0) -> None:
        super().__init__(_load(weights, BACKBONES[name]), weights, name, device, batch_pixels)
        self._mean = torch.tensor(MEAN_BGR, device=self.runtime.compute.device).view(1, 3, 1, 1)

    def size_of(self, picture: Picture) -> tuple[int, int]:
        """Return the picture's own size."""
        return picture.shape[0], picture.shape[1]

    def infer_batch(self, pictures: Sequence[Picture], min_confidence: float) -> list[Detections]:
        """Return the faces of pictures of one size, found in one pass."""
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
