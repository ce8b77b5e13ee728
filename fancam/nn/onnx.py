"""Reads ONNX files: the nodes of a network and its weights, and nothing else.

The format is a protobuf message. Wire format: https://protobuf.dev/programming-guides/encoding/. Numbers of the
messages' fields: ``onnx.proto`` of ONNX (https://github.com/onnx/onnx), which also says that nodes come in the order in
which they can be computed, and that every value has one source. Both are checked, so a file whose names were damaged
is refused. A changed weight is still a weight: that the values are the published ones is for the sha256 of the model
store to say.

Every length is checked against what is there before it is used, nothing is allocated by a number in the file alone,
messages are not nested more deeply than ONNX nests them, and weights in other files are refused.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from fancam.errors import ModelDamagedError

Array = npt.NDArray[np.float32] | npt.NDArray[np.int64]
Attribute = int | float | str | tuple[int, ...] | tuple[float, ...] | Array
"""Value of a node's attribute: INT, FLOAT, STRING, INTS, FLOATS or TENSOR in ONNX."""

MAX_DIMENSIONS = 8
"""Most dimensions of a tensor; networks on pictures have 4 or 5."""

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
"""Wire types of protobuf; the remaining two, groups, are used by no message of ONNX."""

_FLOAT, _INT64 = 1, 7
"""``TensorProto.DataType``."""

_ATTRIBUTE_FIELDS = {1: 2, 2: 3, 3: 4, 4: 5, 6: 7, 7: 8}
"""``AttributeProto.AttributeType`` to the field that holds the value."""


@dataclass(frozen=True, slots=True, eq=False)
class OnnxNode:
    """One step of the network."""

    op: str
    """Operator: ``Conv``, ``Relu`` …"""
    name: str
    inputs: tuple[str, ...]
    """Names of values; an empty name is an optional input that is left out."""
    outputs: tuple[str, ...]
    attributes: Mapping[str, Attribute]


@dataclass(frozen=True, slots=True, eq=False)
class OnnxNetwork:
    """A network as its file describes it."""

    nodes: tuple[OnnxNode, ...]
    """In an order in which they can be computed."""
    weights: Mapping[str, Array]
    """Initialisers: name of the value to float32 or int64 array, read-only."""
    inputs: tuple[str, ...]
    """What has to be given: the graph's inputs that are no weights."""
    outputs: tuple[str, ...]


def load_onnx(path: Path) -> OnnxNetwork:
    """Return the network in an ONNX file.

    Raises:
        ModelDamagedError: The file cannot be read, is cut short or damaged, or uses a part of ONNX that no network
            here needs (nested graphs, weights in other files, sparse or half-precision tensors).
    """
    try:
        return parse_onnx(path.read_bytes())
    except (OSError, ModelDamagedError) as error:
        cause = error.cause if isinstance(error, ModelDamagedError) else f"cannot be read: {error}"
        raise ModelDamagedError(cause, item=path, remedy="replace the file") from error


def parse_onnx(data: bytes) -> OnnxNetwork:
    """Return the network in the bytes of an ONNX file; see ``load_onnx``."""
    graphs = _Message(memoryview(data)).messages(7)
    if len(graphs) != 1:
        raise _damaged(f"not an ONNX file: {len(graphs)} graphs where there is to be one")
    graph = graphs[0]
    if graph.has(15):
        raise _damaged("sparse tensors are not read here")
    weights: dict[str, Array] = {}
    for message in graph.messages(5):
        name, tensor = _tensor(message)
        if name in weights:
            raise _damaged(f"two tensors are named {name!r}")
        weights[name] = tensor
    # Up to version 3 of the format every weight is listed as an input as well, with a value that may be replaced.
    inputs = (message.text(1) for message in graph.messages(11))
    network = OnnxNetwork(
        nodes=tuple(_node(message) for message in graph.messages(1)),
        weights=weights,
        inputs=tuple(name for name in inputs if name not in weights),
        outputs=tuple(message.text(1) for message in graph.messages(12)),
    )
    _check_names(network)
    return network


def _check_names(network: OnnxNetwork) -> None:
    """Raise unless every value has one source that comes before its uses, and the network has outputs."""
    known = {*network.weights, *network.inputs}
    for node in network.nodes:
        missing = [name for name in node.inputs if name and name not in known]
        if missing:
            raise _damaged(f"node {node.name!r} needs {missing[0]!r}, which nothing before it gives")
        for name in node.outputs:
            if name in known:
                raise _damaged(f"two values are named {name!r}")
            if name:
                known.add(name)
    if not network.nodes or not network.outputs:
        raise _damaged("the graph has no nodes or no outputs")
    missing = [name for name in network.outputs if name not in known]
    if missing:
        raise _damaged(f"nothing gives the output {missing[0]!r}")


# --- messages of ONNX ---------------------------------------------------------------------------------------------


def _node(message: _Message) -> OnnxNode:
    """Read a ``NodeProto``."""
    inputs, outputs, name, op = message.texts(1), message.texts(2), message.text(3), message.text(4)
    if message.text(7) not in ("", "ai.onnx"):
        raise _damaged(f"the operators of {message.text(7)!r} are not known here")
    if not op or not outputs:
        raise _damaged(f"node {name!r} has no operator or no outputs")
    attributes: dict[str, Attribute] = {}
    for part in message.messages(5):
        key, value = _attribute(part)
        if key in attributes:
            raise _damaged(f"node {name!r} has two attributes {key!r}")
        attributes[key] = value
    return OnnxNode(op, name, inputs, outputs, attributes)


def _attribute(message: _Message) -> tuple[str, Attribute]:
    """Read an ``AttributeProto``: (name, value). An empty list has no field at all."""
    name, kind = message.text(1), message.integer(20)
    if kind == 6:
        return name, message.floats(7)
    if kind == 7:
        return name, message.integers(8)
    if kind not in _ATTRIBUTE_FIELDS or not message.has(_ATTRIBUTE_FIELDS[kind]):
        raise _damaged(f"attribute {name!r} has the type {kind}, which is not known here or is not what it holds")
    if kind == 1:
        return name, message.floats(2)[-1]
    if kind == 2:
        return name, message.integer(3)
    return name, message.text(4) if kind == 3 else _tensor(message.messages(5)[-1])[1]


def _tensor(message: _Message) -> tuple[str, Array]:
    """Read a ``TensorProto``: (name, values)."""
    name, kind, shape = message.text(8), message.integer(2), message.integers(1)
    if message.has(3) or message.has(13) or message.integer(14) != 0:
        raise _damaged(f"values of tensor {name!r} are elsewhere, which is not read here")
    if kind not in (_FLOAT, _INT64):
        raise _damaged(f"tensor {name!r} has the data type {kind}; only float32 and int64 are known here")
    if not message.has(9):
        listed: Array = (
            np.array(message.floats(4), np.float32) if kind == _FLOAT else np.array(message.integers(7), np.int64)
        )
        return name, _shaped(name, shape, listed)
    raw = message.bytes(9)
    if len(raw) % (4 if kind == _FLOAT else 8):
        raise _damaged(f"the values of tensor {name!r} are cut short")
    if kind == _FLOAT:
        return name, _shaped(name, shape, np.frombuffer(raw, "<f4").astype(np.float32))
    return name, _shaped(name, shape, np.frombuffer(raw, "<i8").astype(np.int64))


def _shaped(name: str, shape: tuple[int, ...], values: Array) -> Array:
    """Return the values of a tensor in its shape, read-only."""
    text = "x".join(str(side) for side in shape[: MAX_DIMENSIONS + 1]) or "()"
    if len(shape) > MAX_DIMENSIONS or min(shape, default=0) < 0 or (len(shape) > 1 and 0 in shape):
        raise _damaged(f"tensor {name!r} has the shape {text}")
    if math.prod(shape) != values.size:
        raise _damaged(f"tensor {name!r} has {values.size:,} values, which do not fill its shape {text}")
    if not np.isfinite(values).all():
        raise _damaged(f"tensor {name!r} holds values that are not numbers")
    shaped: Array = values.reshape(shape)
    shaped.setflags(write=False)
    return shaped


# --- protobuf -----------------------------------------------------------------------------------------------------


class _Message:
    """The fields of a protobuf message by their numbers. A field that is not there is zero or empty."""

    def __init__(self, data: memoryview) -> None:
        self._fields: dict[int, list[int | memoryview]] = {}
        for number, value in _fields(data):
            self._fields.setdefault(number, []).append(value)

    def has(self, number: int) -> bool:
        return number in self._fields

    def bytes(self, number: int) -> bytes:
        return bytes(self._all_bytes(number)[-1])

    def messages(self, number: int) -> list[_Message]:
        return [_Message(value) for value in self._all_bytes(number)]

    def texts(self, number: int) -> tuple[str, ...]:
        try:
            return tuple(bytes(value).decode("utf-8") for value in self._all_bytes(number))
        except UnicodeDecodeError:
            raise _damaged("a name is not valid UTF-8") from None

    def text(self, number: int) -> str:
        return self.texts(number)[-1] if self.has(number) else ""

    def integer(self, number: int) -> int:
        if not self.has(number):
            return 0
        values = self.integers(number)
        if not values:
            raise _damaged(f"the number of field {number} is missing")
        return values[-1]

    def integers(self, number: int) -> tuple[int, ...]:
        """Return all int64, each in a field of its own or many packed into one: a reader has to take both."""
        found: list[int] = []
        for value in self._fields.get(number, ()):
            found += [value] if isinstance(value, int) else _unpacked(value)
        return tuple(value - (1 << 64) if value >= 1 << 63 else value for value in found)

    def floats(self, number: int) -> tuple[float, ...]:
        """Return all float32, each in a field of its own or many packed into one."""
        packed = b"".join(self._all_bytes(number))
        if len(packed) % 4 or not all(map(len, self._all_bytes(number))):
            raise _damaged(f"the floats of field {number} are cut short")
        return struct.unpack(f"<{len(packed) // 4}f", packed)

    def _all_bytes(self, number: int) -> list[memoryview]:
        values = self._fields.get(number, [])
        found = [value for value in values if not isinstance(value, int)]
        if len(found) != len(values):
            raise _damaged(f"field {number} is a number where bytes are to be")
        return found


def _fields(message: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Yield (number, value) of each field: an int for varints, the bytes for everything else."""
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        number, wire = key >> 3, key & 7
        if number == 0:
            raise _damaged("a field has the number 0")
        if wire == _VARINT:
            value, at = _varint(message, at)
            yield number, value
            continue
        if wire == _BYTES:
            size, at = _varint(message, at)
        elif wire in (_FIXED32, _FIXED64):
            size = 4 if wire == _FIXED32 else 8
        else:
            raise _damaged(f"field {number} has the wire type {wire}, which ONNX does not use")
        if size > len(message) - at:
            raise _damaged(f"cut short: field {number} needs {size:,} bytes, {len(message) - at:,} are there")
        yield number, message[at : at + size]
        at += size


def _unpacked(packed: memoryview) -> list[int]:
    found, at = [], 0
    while at < len(packed):
        value, at = _varint(packed, at)
        found.append(value)
    return found


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    """Return (value, place behind it) of a number of at most 64 bits, seven per byte, the lowest first."""
    value = 0
    for position, byte in enumerate(message[at : at + 10]):
        value |= (byte & 0x7F) << (7 * position)
        if byte < 0x80:
            if value >= 1 << 64:
                break
            return value, at + position + 1
    raise _damaged("a number is cut short or has more than 64 bits")


def _damaged(cause: str) -> ModelDamagedError:
    return ModelDamagedError(cause, remedy="replace the file")
