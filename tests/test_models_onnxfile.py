from __future__ import annotations

import contextlib
import math
import struct

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from fancam.errors import ModelDamagedError
from fancam.nn import ModelStore
from fancam.nn.onnx import load_onnx, parse_onnx

# --- a writer, so that files of any shape can be made: protobuf's wire format with the field numbers of onnx.proto --


def varint(value: int) -> bytes:
    value %= 1 << 64
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def field(number: int, value: int | float | bytes | str) -> bytes:
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    if isinstance(value, float):
        return varint(number << 3 | 5) + struct.pack("<f", value)
    data = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(data)) + data


def tensor(name: str, values: np.ndarray, *, raw: bool = True) -> bytes:
    single = values.dtype == np.float32
    head = b"".join(field(1, side) for side in values.shape) + field(2, 1 if single else 7) + field(8, name)
    if raw:
        return head + field(9, values.astype(values.dtype.newbyteorder("<")).tobytes())
    if single:
        return head + field(4, struct.pack(f"<{values.size}f", *values.ravel()))
    return head + b"".join(field(7, int(value)) for value in values.ravel())


def attribute(name: str, kind: int, *parts: bytes) -> bytes:
    return field(1, name) + b"".join(parts) + field(20, kind)


def node(op: str, inputs: list[str], outputs: list[str], *attributes: bytes, name: str = "step") -> bytes:
    parts = [field(1, value) for value in inputs] + [field(2, value) for value in outputs]
    return b"".join(parts) + field(3, name) + field(4, op) + b"".join(field(5, a) for a in attributes)


def model(nodes: list[bytes], tensors: list[bytes], inputs=("x",), outputs=("y",), more: bytes = b"") -> bytes:
    graph = b"".join(field(1, n) for n in nodes) + field(2, "graph") + b"".join(field(5, t) for t in tensors)
    graph += b"".join(field(11, field(1, name)) for name in inputs)
    graph += b"".join(field(12, field(1, name)) for name in outputs)
    return field(1, 4) + field(2, "writer of this test") + field(7, graph + more) + field(8, field(2, 11))


W = np.arange(6, dtype=np.float32).reshape(2, 3, 1, 1)


def small(*attributes: bytes, weight: bytes | None = None) -> bytes:
    return model([node("Conv", ["x", "w"], ["y"], *attributes)], [tensor("w", W) if weight is None else weight])


# --- what is read -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def centerface():
    return ModelStore().locate("centerface")


def test_the_published_centerface_has_its_layers_and_weights(centerface):
    network = load_onnx(centerface)
    ops = [node.op for node in network.nodes]
    assert {op: ops.count(op) for op in ops} == {
        "Conv": 60, "Relu": 42, "Add": 13, "ConvTranspose": 3, "BatchNormalization": 3, "Sigmoid": 1,
    }  # fmt: skip
    assert network.inputs == ("input.1",)
    assert network.outputs == ("537", "538", "539", "540")
    first = network.nodes[0]
    assert first.attributes["strides"] == (2, 2)
    assert first.attributes["group"] == 1
    assert network.weights[first.inputs[1]].shape == (32, 3, 3, 3)
    assert sum(values.size for values in network.weights.values()) * 4 == pytest.approx(7_304_518, rel=0.01)
    normal = next(node for node in network.nodes if node.op == "BatchNormalization")
    assert normal.attributes["epsilon"] == pytest.approx(1e-3)


def test_nodes_attributes_and_weights_are_read_as_written():
    data = small(
        attribute("strides", 7, field(8, 2), field(8, 1)),
        attribute("pads", 7, field(8, varint(1) + varint(-1))),  # packed
        attribute("group", 2, field(3, 1)),
        attribute("alpha", 1, field(2, 0.25)),
        attribute("scales", 6, field(7, 0.5), field(7, 1.5)),
        attribute("mode", 3, field(4, "nearest")),
        attribute("value", 4, field(5, tensor("", np.array([3, -4])))),
        attribute("none", 7),
    )
    (found,) = parse_onnx(data).nodes
    assert (found.op, found.name, found.inputs, found.outputs) == ("Conv", "step", ("x", "w"), ("y",))
    values = {key: value for key, value in found.attributes.items() if key != "value"}
    assert values == {
        "strides": (2, 1), "pads": (1, -1), "group": 1, "alpha": 0.25, "scales": (0.5, 1.5), "mode": "nearest",
        "none": (),
    }  # fmt: skip
    assert found.attributes["value"].tolist() == [3, -4]
    assert np.array_equal(parse_onnx(data).weights["w"], W)


finite = st.floats(width=32, allow_nan=False, allow_infinity=False)
numbers = npst.arrays(np.float32, npst.array_shapes(max_dims=5, max_side=4), elements=finite)
whole = npst.arrays(np.int64, npst.array_shapes(max_dims=2), elements=st.integers(-(2**63), 2**63 - 1))


@given(numbers | whole, st.booleans())
def test_a_tensor_comes_back_as_it_was_written_raw_or_as_numbers(values, raw):
    found = parse_onnx(small(weight=tensor("w", values, raw=raw))).weights["w"]
    assert found.dtype == values.dtype
    assert np.array_equal(found, values)
    assert not found.flags.writeable


def test_a_single_number_and_an_empty_list_are_tensors_too():
    for values in (np.array(2.5, np.float32), np.zeros(0, np.float32)):
        found = parse_onnx(small(weight=tensor("w", values))).weights["w"]
        assert found.shape == values.shape
        assert np.array_equal(found, values)


def test_a_weight_that_is_listed_as_an_input_is_no_input():
    data = model([node("Conv", ["x", "w"], ["y"])], [tensor("w", W)], inputs=("x", "w"))
    assert parse_onnx(data).inputs == ("x",)


def test_fields_that_are_not_known_are_passed_over():
    data = small() + field(14, b"\x0a\x01a\x12\x01b") + field(99, 7) + varint(98 << 3 | 1) + bytes(8)
    assert len(parse_onnx(data).nodes) == 1


# --- what is refused ----------------------------------------------------------------------------------------------


def wrong_tensor(*, shape=(2,), kind=1, raw=bytes(8), more=b"") -> bytes:
    dims = b"".join(field(1, side) for side in shape)
    return small(weight=dims + field(2, kind) + field(8, "w") + field(9, raw) + more)


@pytest.mark.parametrize(
    ("data", "cause"),
    [
        pytest.param(b"", "0 graphs", id="empty"),
        pytest.param(field(7, b""), "no nodes", id="empty graph"),
        pytest.param(small() + small(), "2 graphs", id="two files in one"),
        pytest.param(small()[:-40], "cut short", id="cut short"),
        pytest.param(field(7, 5), "number where bytes", id="number for a graph"),
        pytest.param(b"\x00\x00", "number 0", id="field 0"),
        pytest.param(b"\x0b", "wire type 3", id="group"),
        pytest.param(b"\x3a" + b"\xff" * 9 + b"\x7f", "64 bits", id="length of 70 bits"),
        pytest.param(b"\x3a" + b"\xff" * 20, "64 bits", id="length without an end"),
        pytest.param(b"\x3a" + varint(2**63), "cut short", id="length of 9 exabytes"),
        pytest.param(wrong_tensor(shape=(3,)), "do not fill", id="too few values"),
        pytest.param(wrong_tensor(shape=(1,)), "do not fill", id="too many values"),
        pytest.param(wrong_tensor(shape=(2**62, 2**62, 4)), "do not fill", id="size overflows 64 bits"),
        pytest.param(wrong_tensor(shape=(0, 2**62), raw=b""), "shape 0x", id="no values in a huge shape"),
        pytest.param(wrong_tensor(shape=(-1, -2)), "shape -1x-2", id="negative sides"),
        pytest.param(wrong_tensor(shape=(1,) * 9), "shape 1x1", id="nine dimensions"),
        pytest.param(wrong_tensor(raw=bytes(7)), "cut short", id="half a value"),
        pytest.param(wrong_tensor(kind=10), "data type 10", id="half precision"),
        pytest.param(wrong_tensor(raw=struct.pack("<2f", 1, math.inf)), "not numbers", id="infinite"),
        pytest.param(wrong_tensor(raw=struct.pack("<2f", 1, math.nan)), "not numbers", id="NaN"),
        pytest.param(wrong_tensor(more=field(13, b"")), "elsewhere", id="values in another file"),
        pytest.param(wrong_tensor(more=field(14, 1)), "elsewhere", id="location external"),
        pytest.param(small(attribute("a", 5, field(6, b""))), "type 5", id="nested graph"),
        pytest.param(small(attribute("a", 1, field(3, 4))), "not what it holds", id="integer called a float"),
        pytest.param(small(attribute("a", 1, field(2, b""))), "floats of field 2", id="float of no bytes"),
        pytest.param(small(attribute("a", 2, field(3, b""))), "number of field 3", id="integer of no bytes"),
        pytest.param(small(attribute("a", 0, field(3, 4))), "type 0", id="attribute without a type"),
        pytest.param(small(*[attribute("a", 2, field(3, 4))] * 2), "two attributes", id="attribute twice"),
        pytest.param(small(attribute("a", 3, field(4, b"\xff\xfe"))), "UTF-8", id="name of wrong bytes"),
        pytest.param(model([node("", ["x"], ["y"])], []), "no operator", id="no operator"),
        pytest.param(model([node("Relu", ["x"], [])], [], outputs=("x",)), "no outputs", id="no outputs"),
        pytest.param(model([node("Relu", ["z"], ["y"])], []), "nothing before it gives", id="value from nowhere"),
        pytest.param(model([node("Relu", ["y"], ["y"])], []), "nothing before it gives", id="value of itself"),
        pytest.param(model([node("Relu", ["x"], ["x"])], []), "two values", id="input overwritten"),
        pytest.param(model([node("Relu", ["x"], ["v"])], []), "output 'y'", id="output from nowhere"),
        pytest.param(model([node("Relu", ["x"], ["y"])], [tensor("w", W)] * 2), "two tensors", id="tensor twice"),
        pytest.param(model([node("Relu", ["x"], ["y"]) + field(7, "com.vendor")], []), "com.vendor", id="own operator"),
        pytest.param(model([node("Relu", ["x"], ["y"])], [], more=field(15, b"")), "sparse", id="sparse tensor"),
    ],
)
def test_what_is_no_such_network_is_refused_with_its_cause(data, cause):
    with pytest.raises(ModelDamagedError, match=cause):
        parse_onnx(data)


def test_the_error_names_the_file(tmp_path):
    path = tmp_path / "net.onnx"
    with pytest.raises(ModelDamagedError, match=r"net\.onnx: cannot be read"):
        load_onnx(path)
    path.write_bytes(small()[:-9])
    with pytest.raises(ModelDamagedError, match=r"net\.onnx: .*replace the file"):
        load_onnx(path)


@given(st.binary(max_size=200))
@example(b"\x3a\x00")
def test_any_bytes_are_a_network_or_refused(data):
    with contextlib.suppress(ModelDamagedError):
        parse_onnx(data)


FULL = model(
    [
        node("Conv", ["x", "w"], ["a"], attribute("strides", 7, field(8, 2)), attribute("group", 2, field(3, 1))),
        node("Resize", ["a", "s"], ["b"], attribute("mode", 3, field(4, "linear"))),
        node("Elu", ["b"], ["y"], attribute("alpha", 1, field(2, 1.0)), attribute("v", 4, field(5, tensor("t", W)))),
    ],
    [tensor("w", W), tensor("s", np.array([1, 2])), tensor("f", W, raw=False)],
)


@pytest.mark.parametrize("bit", range(8))
def test_no_flipped_bit_escapes_as_another_error(bit):
    for place in range(len(FULL)):
        data = bytearray(FULL)
        data[place] ^= 1 << bit
        with contextlib.suppress(ModelDamagedError):
            parse_onnx(bytes(data))


def test_no_file_cut_short_is_read_as_a_network():
    assert len(parse_onnx(FULL).nodes) == 3
    version = len(field(8, field(2, 11)))  # the last field is not needed
    for size in range(len(FULL) - version):
        with pytest.raises(ModelDamagedError):
            parse_onnx(FULL[:size])


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, len(FULL) - 1), st.integers(0, 255)), min_size=1, max_size=8))
def test_no_changed_bytes_escape_as_another_error(changes):
    data = bytearray(FULL)
    for place, byte in changes:
        data[place] = byte
    with contextlib.suppress(ModelDamagedError):
        parse_onnx(bytes(data))


@settings(deadline=None, max_examples=30)
@given(st.data())
def test_the_published_file_with_damaged_structure_is_refused_or_read(centerface, data):
    """A bit is flipped in its last 4 kB, where names and shapes lie close together, and it is cut there."""
    content = bytearray(centerface.read_bytes())
    place = data.draw(st.integers(len(content) - 4096, len(content) - 16))
    content[place] ^= 1 << data.draw(st.integers(0, 7))
    with contextlib.suppress(ModelDamagedError):
        parse_onnx(bytes(content))
    with pytest.raises(ModelDamagedError):
        parse_onnx(bytes(content[:place]))
