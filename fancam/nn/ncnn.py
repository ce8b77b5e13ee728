"""Reads ncnn networks (a ``.param`` text and a ``.bin`` of weights) into arrays with the names torch networks use.

The format: https://github.com/Tencent/ncnn/wiki/param-and-model-file-structure. The ``.bin`` has no index; it holds the
weights of the layers in the order of the ``.param``, so one wrong size shifts everything after it. Therefore every
byte must be consumed, every shape must fit the architecture, and an unknown layer is an error.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from fancam.errors import ModelDamagedError

Array = npt.NDArray[np.float32]
StateDict = dict[str, Array]
"""Name of the parameter, as in the torch network, to its values."""

_MAGIC = "7767517"
_ENCODINGS = {0: "<f4", 0x01306B47: "<f2"}
"""Tag before the weights of a convolution, to how they are encoded."""
_WITHOUT_WEIGHTS = frozenset({"Input", "Split", "Concat", "Eltwise", "BinaryOp", "Interp", "PixelShuffle"})
_LEAKY_RELU = "2"


@dataclass(frozen=True, slots=True)
class Layer:
    """One line of a ``.param`` file."""

    type: str
    name: str
    outputs: int
    settings: dict[int, str]
    """Key to value as written; arrays (keys below -23300) keep their leading count."""

    def number(self, key: int, default: int = 0) -> int:
        """Return an integer setting."""
        try:
            return int(self.settings.get(key, default))
        except ValueError:
            raise _damaged(f"layer {self.name}: setting {key} is {self.settings[key]!r}, not a whole number") from None


@dataclass(frozen=True, slots=True, eq=False)
class Weights:
    """The weights of one layer."""

    layer: Layer
    weight: Array
    """(out, in, k, k) of a convolution, (n,) of the slopes of a PReLU."""
    bias: Array | None
    """(out,) of a convolution; None for a PReLU."""


def load_ncnn(param: Path, weights: Path) -> StateDict:
    """Return the parameters of an ESRGAN or Compact (SRVGG) network under the names of the released torch files.

    Args:
        param: The ``.param`` file.
        weights: The ``.bin`` file; half precision is widened to float32.

    Raises:
        ModelDamagedError: A file is cut short, has bytes left over, or describes another kind of network.
    """
    path = param
    try:
        layers = parse_param(param.read_text(encoding="utf-8"))
        path = weights
        read = read_weights(layers, weights.read_bytes())
        compact = any(layer.type == "PReLU" for layer in layers)
        return compact_parameters(layers, read) if compact else esrgan_parameters(read)
    except (OSError, UnicodeDecodeError, ModelDamagedError) as error:
        cause = error.cause if isinstance(error, ModelDamagedError) else f"cannot be read: {error}"
        raise ModelDamagedError(cause, item=path, remedy="replace the file") from error


def parse_param(text: str) -> tuple[Layer, ...]:
    """Return the layers of a ``.param`` text in order.

    Raises:
        ModelDamagedError: The text is not one, or has not the number of layers it states.
    """
    lines = [line.split() for line in text.splitlines() if line.strip()]
    if not lines or lines[0] != [_MAGIC]:
        raise _damaged("not an ncnn .param text: the first line is not 7767517")
    try:
        stated = tuple(int(word) for word in lines[1])
        layers = tuple(_parse_layer(words) for words in lines[2:])
    except (ValueError, IndexError):
        raise _damaged("a line of the .param text is cut short or malformed") from None
    found = len(layers), sum(layer.outputs for layer in layers)
    if found != stated:
        raise _damaged(f"{found[0]} layers and {found[1]} blobs, the head states {' and '.join(map(str, stated))}")
    return layers


def _parse_layer(words: list[str]) -> Layer:
    """Parse ``type name inputs outputs blob… key=value…``; raises ValueError or IndexError."""
    inputs, outputs = int(words[2]), int(words[3])
    blobs, settings = words[4 : 4 + inputs + outputs], words[4 + inputs + outputs :]
    if min(inputs, outputs) < 0 or len(blobs) != inputs + outputs or any("=" in blob for blob in blobs):
        raise ValueError("blobs are missing")
    pairs = (word.split("=", 1) for word in settings)
    return Layer(words[0], words[1], outputs, {int(key): value for key, value in pairs})


def read_weights(layers: tuple[Layer, ...], data: bytes) -> list[Weights]:
    """Return the weights of every layer that has some, in order.

    Raises:
        ModelDamagedError: The data is too short or too long, or holds a layer or an encoding that is not known.
    """
    reader = _Reader(data)
    found = []
    for layer in layers:
        if layer.type == "Convolution":
            found.append(_read_convolution(layer, reader))
        elif layer.type == "PReLU":
            found.append(Weights(layer, reader.floats(layer.number(0)), None))
        elif layer.type not in _WITHOUT_WEIGHTS:
            raise _damaged(f"layer {layer.name} is of type {layer.type}, which is not known here")
    if reader.left:
        raise _damaged(f"{reader.left:,} bytes are left over of {len(data):,}")
    return found


def _read_convolution(layer: Layer, reader: _Reader) -> Weights:
    out, kernel, count = layer.number(0), layer.number(1), layer.number(6)
    plain = layer.number(2, 1) == 1 and layer.number(3, 1) == 1 and layer.number(4) == kernel // 2
    if out < 1 or kernel < 1 or count < 1 or count % (out * kernel * kernel) or not plain or layer.number(5) != 1:
        raise _damaged(f"layer {layer.name} is not a plain convolution with a bias")
    return Weights(layer, reader.tagged(count).reshape(out, -1, kernel, kernel), reader.floats(out))


class _Reader:
    """Takes arrays off the front of a ``.bin``."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.left = len(data)

    def _take(self, count: int, encoding: str) -> npt.NDArray:
        """Take numbers; those of half precision are padded to a multiple of 4 bytes."""
        at, size = len(self._data) - self.left, -(-count * np.dtype(encoding).itemsize // 4) * 4
        if count < 0 or size > self.left:
            raise _damaged(f"cut short: {size:,} bytes are needed at {at:,}, {self.left:,} are there")
        self.left -= size
        return np.frombuffer(self._data, encoding, count, at)

    def floats(self, count: int) -> Array:
        """Take numbers of single precision."""
        return self._take(count, "<f4").astype(np.float32)

    def tagged(self, count: int) -> Array:
        """Take numbers behind the tag that says how they are encoded."""
        tag = int(self._take(1, "<u4")[0])
        if tag not in _ENCODINGS:
            raise _damaged(f"weights with the encoding tag {tag:#010x}; only fp16 and fp32 are known")
        return self._take(count, _ENCODINGS[tag]).astype(np.float32)


# --- from positions to names --------------------------------------------------------------------------------------


def esrgan_parameters(weights: list[Weights]) -> StateDict:
    """Return the parameters of an RRDBNet: the layer order of the export is the order of the released network.

    Architecture: Wang et al., "ESRGAN", ECCVW 2018: blocks of three dense blocks of five convolutions.

    Raises:
        ModelDamagedError: The number, shapes or activations of the convolutions are not those of an RRDBNet x4.
    """
    blocks, rest = divmod(len(weights) - 6, 15)
    if blocks < 1 or rest:
        raise _damaged(f"{len(weights)} convolutions; an ESRGAN network has 15 per block and 6 more")
    features, growth = weights[0].weight.shape[0], weights[1].weight.shape[0]
    dense = {
        f"conv{index}": (features if index == 5 else growth, features + (index - 1) * growth, index < 5)
        for index in range(1, 6)
    }
    # Name to (channels out, channels in, whether a leaky ReLU follows).
    expected = {"conv_first": (features, 3, False)}
    for block in range(blocks):
        expected |= {f"body.{block}.rdb{rdb}.{name}": shape for rdb in (1, 2, 3) for name, shape in dense.items()}
    expected["conv_body"] = (features, features, False)
    expected |= dict.fromkeys(("conv_up1", "conv_up2", "conv_hr"), (features, features, True))
    expected["conv_last"] = (3, features, False)
    for (name, (out, into, activated)), found in zip(expected.items(), weights, strict=True):
        if found.weight.shape != (out, into, 3, 3):
            raise _damaged(f"{name} has the shape {found.weight.shape}, expected {(out, into, 3, 3)}")
        if found.layer.settings.get(9) != (_LEAKY_RELU if activated else None):
            raise _damaged(f"{name} has the activation {found.layer.settings.get(9)}, not that of an ESRGAN network")
    return _as_state_dict(list(expected), weights)


def compact_parameters(layers: tuple[Layer, ...], weights: list[Weights]) -> StateDict:
    """Return the parameters of a Compact (SRVGG) network: convolutions and PReLUs in turn, then a pixel shuffle.

    Raises:
        ModelDamagedError: The layers are not those of such a network.
    """
    types = ["Convolution", "PReLU"] * (len(weights) // 2) + ["Convolution"]
    if [found.layer.type for found in weights] != types:
        raise _damaged("convolutions and PReLUs do not take turns as in a Compact network")
    channels = 3
    for found in weights:
        if found.weight.shape[1 if found.bias is not None else 0] != channels:
            raise _damaged(f"{found.layer.name} does not take the {channels} channels that come before it")
        channels = found.weight.shape[0]
    shuffles = [layer.number(0) for layer in layers if layer.type == "PixelShuffle"]
    if len(shuffles) != 1 or 3 * shuffles[0] ** 2 != channels:
        raise _damaged(f"{channels} channels at the end do not fit a pixel shuffle of {shuffles}")
    return _as_state_dict([f"body.{index}" for index in range(len(weights))], weights)


def _as_state_dict(names: list[str], weights: list[Weights]) -> StateDict:
    state: StateDict = {}
    for name, found in zip(names, weights, strict=True):
        state[f"{name}.weight"] = found.weight
        if found.bias is not None:
            state[f"{name}.bias"] = found.bias
    broken = next((name for name, values in state.items() if not np.isfinite(values).all()), None)
    if broken is not None:
        raise _damaged(f"{broken.rpartition('.')[0]} holds values that are not numbers")
    return state


def _damaged(cause: str) -> ModelDamagedError:
    return ModelDamagedError(cause, remedy="replace the file")
