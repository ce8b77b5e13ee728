"""CenterFace in torch, for GPUs: the network of the ONNX file, many pictures per forward pass.

The graph and the weights are those of the file; ``fancam.faces.centerface`` has the paper, the way in and the way out.
Batch normalisations are folded into the convolutions before them, which is what exporting tools do (the file's other
convolutions came folded): y = g·(w∗x - m)/√(v + e) + b is a convolution with the weight w·g/√(v + e).

It computes in fp32. In bf16 boxes and landmarks of faces of 80 to 150 px moved by up to 0.7 px, and a picture of 29
faces got a thirtieth; a guard that measures the drift of landmarks in hundredths of the eye distance cannot use that.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from fancam.errors import ModelDamagedError
from fancam.faces.centerface import decode_cells, padded_size
from fancam.faces.detections import Detections, batches
from fancam.faces.torch_device import batch_pixels, exact, in_parts_that_fit, usable_device
from fancam.media import Picture
from fancam.nn.onnx import OnnxNetwork, OnnxNode, load_onnx

_CHANNELS = (1, 2, 2, 10)
"""Of the four outputs: heat map, size, offset, landmarks."""


class CenterFaceTorch:
    """CenterFace on a torch device; finds what ``CenterFace`` finds.

    Args:
        weights: The verified ONNX file.
        device: torch device.

    Raises:
        ModelDamagedError: The file is damaged, or it is another network.
        DeviceError: torch does not have the device.
    """

    name = "centerface"

    def __init__(self, weights: Path, *, device: str = "cuda") -> None:
        self._device = usable_device(device)
        network = load_onnx(weights)
        try:
            module = OnnxModule(network).eval().requires_grad_(False)
            with torch.inference_mode():
                shapes = [tuple(output.shape) for output in module(torch.zeros(1, 3, 32, 64))]
        except (ModelDamagedError, RuntimeError) as error:
            reason = error.cause if isinstance(error, ModelDamagedError) else "its layers do not fit together"
            raise ModelDamagedError(
                f"not CenterFace: {reason}", item=weights, remedy="fetch or install the weights again"
            ) from error
        if shapes != [(1, channels, 8, 16) for channels in _CHANNELS]:
            raise ModelDamagedError(
                f"has outputs of the shapes {shapes}, not those of CenterFace",
                item=weights,
                remedy="fetch or install the weights again",
            )
        self._module = module.to(self._device).to(memory_format=torch.channels_last)

    def infer(self, pictures: Sequence[Picture], min_confidence: float) -> list[Detections]:
        """Return the faces of each picture; see ``FaceNetwork.infer``."""
        found = [Detections.empty()] * len(pictures)
        for members in batches([padded_size(*picture.shape[:2]) for picture in pictures], batch_pixels(self._device)):
            seen = in_parts_that_fit(
                lambda chosen: self._infer_batch([pictures[i] for i in chosen], min_confidence), members, self._device
            )
            for index, detections in zip(members, seen, strict=True):
                found[index] = detections
        return found

    def outputs(self, pictures: Sequence[Picture]) -> tuple[torch.Tensor, ...]:
        """Return the four maps, (N, channels, H / 4, W / 4) on the device, of pictures of one common padded size."""
        height, width = padded_size(*pictures[0].shape[:2])
        pixels = np.zeros((len(pictures), height, width, 3), np.uint8)
        for row, picture in zip(pixels, pictures, strict=True):
            row[: picture.shape[0], : picture.shape[1]] = picture
        # HWC bytes seen as NCHW are channels_last already: no copy is needed for the layout.
        batch = torch.from_numpy(pixels).to(self._device).permute(0, 3, 1, 2).float()
        maps: tuple[torch.Tensor, ...] = self._module(batch)
        return maps

    def _infer_batch(self, pictures: Sequence[Picture], min_confidence: float) -> list[Detections]:
        with exact():
            heat, size, offset, landmarks = self.outputs(pictures)
            peak = torch.nn.functional.max_pool2d(heat, 3, stride=1, padding=1)
            cells = torch.nonzero(((heat >= min_confidence) & (heat >= peak))[:, 0])
            which, rows, columns = cells.unbind(1)
            # Only what the chosen cells say leaves the device.
            values = torch.cat([heat, size, offset, landmarks], dim=1)[which, :, rows, columns].cpu().numpy().T
            which, rows, columns = cells.cpu().numpy().T
        found = decode_cells(rows, columns, values[0], values[1:3], values[3:5], values[5:])
        return [found[which == index] for index in range(len(pictures))]


# --- the network of the file --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Step:
    inputs: tuple[str, ...]
    output: str
    last_uses: tuple[str, ...]
    """Values that no later step needs."""


class _Add(torch.nn.Module):
    def forward(self, one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
        return one + other


class OnnxModule(torch.nn.Module):
    """A network of convolutions, as its ONNX file describes it.

    Known are Conv, ConvTranspose, BatchNormalization behind one of them, Relu, Add and Sigmoid.

    Raises:
        ModelDamagedError: The network has another operator, or one with settings that are not known here.
    """

    def __init__(self, network: OnnxNetwork) -> None:
        super().__init__()
        if len(network.inputs) != 1:
            raise _damaged(f"{len(network.inputs)} inputs where there is to be one")
        self._input, self._outputs = network.inputs[0], network.outputs
        uses = Counter(name for node in network.nodes for name in node.inputs) + Counter(network.outputs)
        self.parts = torch.nn.ModuleList()
        steps: list[tuple[tuple[str, ...], str]] = []
        for node in network.nodes:
            given = tuple(name for name in node.inputs if name not in network.weights)
            if len(node.outputs) != 1 or len(given) != (2 if node.op == "Add" else 1):
                raise _damaged(f"{node.op} {node.name!r} has {len(given)} inputs and {len(node.outputs)} outputs")
            only_use = uses[given[0]] == 1
            if node.op == "BatchNormalization":
                if not steps or steps[-1][1] != given[0] or not only_use:
                    raise _damaged(f"{node.name!r} does not follow a convolution")
                _fold(self.parts[-1], node, network)
                steps[-1] = (steps[-1][0], node.outputs[0])
                continue
            self.parts.append(_part(node, network, may_overwrite=only_use and given[0] != self._input))
            steps.append((given, node.outputs[0]))
        last = {name: number for number, (inputs, _) in enumerate(steps) for name in inputs}
        self._steps = tuple(
            _Step(inputs, output, tuple({n for n in inputs if last[n] == number and n not in network.outputs}))
            for number, (inputs, output) in enumerate(steps)
        )

    def forward(self, picture: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Return the outputs in the order of the file."""
        values = {self._input: picture}
        for step, part in zip(self._steps, self.parts, strict=True):
            values[step.output] = part(*(values[name] for name in step.inputs))
            for name in step.last_uses:
                del values[name]
        return tuple(values[name] for name in self._outputs)


def _part(node: OnnxNode, network: OnnxNetwork, *, may_overwrite: bool) -> torch.nn.Module:
    """Return the module of a node; ``may_overwrite``: nothing else needs its input."""
    if node.op in ("Conv", "ConvTranspose"):
        return _convolution(node, network)
    if node.attributes:
        raise _damaged(f"{node.op} {node.name!r} has settings that are not known here")
    if node.op == "Relu":
        return torch.nn.ReLU(inplace=may_overwrite)
    if node.op == "Sigmoid":
        return torch.nn.Sigmoid()
    if node.op == "Add":
        return _Add()
    raise _damaged(f"operator {node.op} is not known here")


def _convolution(node: OnnxNode, network: OnnxNetwork) -> torch.nn.Module:
    known = {"kernel_shape", "strides", "pads", "dilations", "group"}
    given = [name for name in node.inputs if name]
    if len(given) not in (2, 3) or set(node.attributes) - known or any(n not in network.weights for n in given[1:]):
        raise _damaged(f"{node.op} {node.name!r} has inputs or settings that are not known here")
    weight = network.weights[given[1]]
    sides = weight.shape[2:]
    strides, pads, dilations, kernel = (
        _integers(node, name, default)
        for name, default in (
            ("strides", (1, 1)),
            ("pads", (0, 0, 0, 0)),
            ("dilations", (1, 1)),
            ("kernel_shape", sides),
        )
    )
    groups = node.attributes.get("group", 1)
    if weight.ndim != 4 or kernel != sides or pads[:2] != pads[2:] or not isinstance(groups, int) or groups < 1:
        raise _damaged(f"{node.op} {node.name!r} is not a plain convolution of two dimensions")
    transposed = node.op == "ConvTranspose"
    first, second = weight.shape[:2]
    channels = (first, second * groups) if transposed else (second * groups, first)
    bias = network.weights[given[2]] if len(given) == 3 else np.zeros(channels[1], np.float32)
    try:
        part: torch.nn.Module = torch.nn.utils.skip_init(
            torch.nn.ConvTranspose2d if transposed else torch.nn.Conv2d,
            *channels, sides, stride=strides, padding=pads[:2], dilation=dilations, groups=groups,
        )  # fmt: skip
        part.load_state_dict({"weight": torch.tensor(weight), "bias": torch.tensor(bias)})
    except (RuntimeError, ValueError) as error:
        raise _damaged(f"the weights of {node.op} {node.name!r} do not fit its settings") from error
    return part


def _integers(node: OnnxNode, name: str, default: tuple[int, ...]) -> tuple[int, ...]:
    """Return a setting that is a list of integers, as many as the default has."""
    value = node.attributes.get(name, default)
    if not isinstance(value, tuple) or len(value) != len(default) or not all(isinstance(v, int) for v in value):
        raise _damaged(f"{node.op} {node.name!r} is not a plain convolution of two dimensions: {name} is {value!r}")
    return tuple(int(v) for v in value)


def _fold(part: torch.nn.Module, node: OnnxNode, network: OnnxNetwork) -> None:
    """Change the weights of a convolution so that it includes the batch normalisation that follows."""
    if not isinstance(part, (torch.nn.Conv2d, torch.nn.ConvTranspose2d)) or part.groups != 1 or part.bias is None:
        raise _damaged(f"{node.name!r} does not follow a plain convolution")
    epsilon = node.attributes.get("epsilon", 1e-5)
    if len(node.inputs) != 5 or not isinstance(epsilon, float) or epsilon <= 0:
        raise _damaged(f"{node.name!r} is not a batch normalisation")
    scale, shift, mean, variance = (_wide(network, name, part.out_channels) for name in node.inputs[1:])
    if (variance < 0).any():
        raise _damaged(f"{node.name!r} has negative variances")
    factor = scale / np.sqrt(variance + epsilon)
    axis = 1 if isinstance(part, torch.nn.ConvTranspose2d) else 0
    shape = [1, 1, 1, 1]
    shape[axis] = -1
    weight = part.weight.detach().double().numpy() * factor.reshape(shape)
    bias = (part.bias.detach().double().numpy() - mean) * factor + shift
    part.load_state_dict({"weight": torch.from_numpy(weight), "bias": torch.from_numpy(bias)})


def _wide(network: OnnxNetwork, name: str, count: int) -> npt.NDArray[np.float64]:
    values = network.weights.get(name)
    if values is None or values.shape != (count,):
        raise _damaged(f"a batch normalisation needs {count} values in {name!r}")
    return values.astype(np.float64)


def _damaged(cause: str) -> ModelDamagedError:
    return ModelDamagedError(cause, remedy="fetch or install the weights again")
