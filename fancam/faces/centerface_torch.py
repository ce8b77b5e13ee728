"""CenterFace in torch, for GPUs: many pictures per forward pass.

The layers are MobileNetV2 (Sandler et al., CVPR 2018) and three levels that are added up; the weights are those of the
ONNX file, as OpenCV reads it. ``fancam.faces.centerface`` has the paper, the way in and the way out.

It computes in fp32. In bf16 boxes and landmarks of faces of 80 to 150 px moved by up to 0.7 px, and a picture of 29
faces got a thirtieth; a guard that measures the drift of landmarks in hundredths of the eye distance cannot use that.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from fancam.errors import ModelDamagedError
from fancam.faces.centerface import decode_cells, padded_size, read_network
from fancam.faces.detections import CPU_BATCH_PIXELS, GPU_BATCH_PIXELS, Detections, infer_in_batches
from fancam.media import Picture
from fancam.nn.device import choose_compute
from fancam.nn.networks import Network
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


class CenterFaceTorch:
    """CenterFace on a torch device; finds what ``CenterFace`` finds.

    Args:
        weights: The verified ONNX file.
        device: As the setting takes it.
        batch_pixels: Most pixels of a forward pass; 0 chooses by device.

    Raises:
        ModelDamagedError: The file is damaged, or it is another network.
        UsageError: There is no such device.
        DeviceError: The device is not there.
    """

    name = "centerface"

    def __init__(self, weights: Path, *, device: str = "cuda", batch_pixels: int = 0) -> None:
        network = Network(self.name, load_layers(weights), 1, file_sha256(weights), "CenterFace")
        self.runtime = Runtime(network, choose_compute(device, "fp32"), unit="picture of the face detector")
        on_cpu = self.runtime.compute.device.type == "cpu"
        self._batch_pixels = batch_pixels or (CPU_BATCH_PIXELS if on_cpu else GPU_BATCH_PIXELS)

    def infer(self, pictures: Sequence[Picture], min_confidence: float) -> list[Detections]:
        """Return the faces of each picture; see ``FaceNetwork.infer``."""
        sizes = [padded_size(*picture.shape[:2]) for picture in pictures]

        def infer(members: Sequence[int]) -> list[Detections]:
            return self._infer_batch([pictures[index] for index in members], min_confidence)

        return infer_in_batches(partial(self.runtime.in_parts, infer), sizes, self._batch_pixels)

    def outputs(self, pictures: Sequence[Picture]) -> tuple[torch.Tensor, ...]:
        """Return the four maps, (N, channels, H / 4, W / 4) on the device, of pictures of one common padded size."""
        height, width = padded_size(*pictures[0].shape[:2])
        pixels = np.zeros((len(pictures), height, width, 3), np.uint8)
        for row, picture in zip(pixels, pictures, strict=True):
            row[: picture.shape[0], : picture.shape[1]] = picture
        maps: tuple[torch.Tensor, ...] = self.runtime.forward(self.runtime.to_device(pixels, as_levels=True))
        return maps

    def _infer_batch(self, pictures: Sequence[Picture], min_confidence: float) -> list[Detections]:
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
