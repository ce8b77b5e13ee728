from __future__ import annotations

import contextlib
import pickle
import struct

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file

from fancam.errors import FancamError, ModelDamagedError, UsageError
from fancam.nn import ModelStore
from fancam.nn.ncnn import load_ncnn, parse_param, read_weights
from fancam.nn.networks import load_torch


@pytest.fixture(scope="module")
def compact_files():
    weights, param = ModelStore().locate_files("realesr-animevideov3")
    return weights.read_bytes(), param.read_text()


def put(tmp_path, data: bytes, text: str):
    (tmp_path / "net.bin").write_bytes(data)
    (tmp_path / "net.param").write_text(text)
    return tmp_path / "net.param", tmp_path / "net.bin"


# --- ncnn ---------------------------------------------------------------------------------------------------------


def test_x4plus_has_the_parameters_of_the_released_network():
    weights, param = ModelStore().locate_files("realesrgan-x4plus")
    state = load_ncnn(param, weights)
    assert len(state) == 702
    assert sum(values.size for values in state.values()) == 16_697_987
    assert state["body.22.rdb3.conv5.weight"].shape == (64, 192, 3, 3)
    assert list(state)[:2] == ["conv_first.weight", "conv_first.bias"]
    assert list(state)[-1] == "conv_last.bias"


def test_animevideov3_has_the_parameters_of_the_released_network(tmp_path, compact_files):
    state = load_ncnn(*put(tmp_path, *compact_files))
    assert sum(values.size for values in state.values()) == 621_424
    assert state["body.1.weight"].shape == (64,) and "body.1.bias" not in state
    assert state["body.34.weight"].shape == (48, 64, 3, 3)


@pytest.mark.parametrize(("change", "cause"), [(-1, "cut short"), (-4000, "cut short"), (4, "4 bytes are left over")])
def test_a_bin_of_the_wrong_length_is_refused(tmp_path, compact_files, change, cause):
    data, text = compact_files
    with pytest.raises(ModelDamagedError, match=cause) as caught:
        load_ncnn(*put(tmp_path, data[:change] if change < 0 else data + bytes(change), text))
    assert "net.bin" in caught.value.line()


@pytest.mark.parametrize(
    ("old", "new", "cause"),
    [
        ("7767517", "7767518", "first line"),
        ("40 41", "41 41", "the head states"),
        ("0=48 1=3", "0=24 1=3", "left over|cut short"),
        ("PixelShuffle", "PixelUnshuffle", "not known here"),
        ("105 106 0=4", "105 106 0=2", "pixel shuffle"),
        ("4=1 5=1 6=1728", "4=1 5=0 6=1728", "plain convolution"),
        ("1 1 105 106 0=4", "9 9 105 106 0=4", "cut short or malformed"),
    ],
)
def test_a_param_text_that_does_not_fit_is_refused(tmp_path, compact_files, old, new, cause):
    data, text = compact_files
    assert old in text
    with pytest.raises(ModelDamagedError, match=cause):
        load_ncnn(*put(tmp_path, data, text.replace(old, new, 1)))


def test_int8_weights_are_refused_and_not_misread(tmp_path, compact_files):
    data, text = compact_files
    with pytest.raises(ModelDamagedError, match="encoding tag 0x000d4b38"):
        load_ncnn(*put(tmp_path, struct.pack("<I", 0x000D4B38) + data[4:], text))


def test_fp32_weights_and_fp16_weights_of_odd_length_are_read_alike():
    text = "7767517\n2 2\nInput in 0 1 a\nConvolution c 1 1 a b 0=1 1=1 5=1 6=3\n"
    values, bias = np.array([0.5, -1.25, 3.0]), np.array([0.75], "<f4").tobytes()
    single = struct.pack("<I", 0) + values.astype("<f4").tobytes() + bias
    half = struct.pack("<I", 0x01306B47) + values.astype("<f2").tobytes() + b"\0\0" + bias
    for data in (single, half):
        (found,) = read_weights(parse_param(text), data)
        assert found.weight.reshape(-1).tolist() == values.tolist()
        assert found.bias.tolist() == [0.75]


def test_weights_that_are_not_numbers_are_refused(tmp_path, compact_files):
    data, text = compact_files
    with pytest.raises(ModelDamagedError, match=r"body\.0 holds values that are not numbers"):
        load_ncnn(*put(tmp_path, data[:4] + np.array([np.nan], "<f2").tobytes() + data[6:], text))


def test_an_esrgan_with_another_activation_is_refused(tmp_path):
    weights, param = ModelStore().locate_files("realesrgan-x4plus")
    text = param.read_text().replace("6=18432 9=2 -23310=1,2.000000e-01", "6=18432", 1)
    with pytest.raises(ModelDamagedError, match=r"body\.0\.rdb1\.conv1 has the activation None"):
        load_ncnn(*put(tmp_path, weights.read_bytes(), text))


@given(st.text(max_size=200) | st.text(max_size=60).map(lambda t: f"7767517\n1 1\n{t}"))
def test_any_param_text_is_parsed_or_refused(text):
    with contextlib.suppress(ModelDamagedError):
        parse_param(text)


@settings(deadline=None, max_examples=40)
@given(data=st.data())
def test_a_changed_line_never_escapes_as_another_error(compact_files, data):
    weights, text = compact_files
    lines = text.splitlines()
    index = data.draw(st.integers(0, len(lines) - 1))
    words = lines[index].split()
    word = data.draw(st.integers(0, len(words) - 1))
    words[word] = data.draw(st.sampled_from(["", "-1", "0", "x", "0=-5", "6=99999999999", "1=0", "0=", "=", "9=2"]))
    lines[index] = " ".join(words)
    with contextlib.suppress(ModelDamagedError):
        read_weights(parse_param("\n".join(lines)), weights)


# --- torch --------------------------------------------------------------------------------------------------------


def tensors() -> dict[str, torch.Tensor]:
    return {"a.weight": torch.arange(6.0).reshape(2, 3), "a.bias": torch.ones(2)}


@pytest.mark.parametrize(
    "wrap",
    [
        lambda t: t,
        lambda t: {"params_ema": t, "params": {"other": torch.zeros(1)}},
        lambda t: {"params": t},
        lambda t: {"epoch": 3, "state_dict": {f"module.{k}": v for k, v in t.items()}},
    ],
)
def test_wrappers_and_prefixes_are_removed(tmp_path, wrap):
    torch.save(wrap(tensors()), tmp_path / "net.pth")
    state = load_torch(tmp_path / "net.pth")
    assert set(state) == {"a.weight", "a.bias"}
    assert torch.equal(state["a.weight"], tensors()["a.weight"])


def test_safetensors_are_read(tmp_path):
    save_file(tensors(), tmp_path / "net.safetensors")
    assert torch.equal(load_torch(tmp_path / "net.safetensors")["a.bias"], torch.ones(2))


class Bomb:
    def __init__(self, path) -> None:
        self.path = path

    def __reduce__(self) -> tuple:
        return open, (str(self.path), "w")


@pytest.mark.parametrize("save", [torch.save, lambda o, path: path.write_bytes(pickle.dumps(o, 2))])
def test_a_pickle_bomb_is_refused_and_does_not_go_off(tmp_path, save):
    save({"params": tensors(), "x": Bomb(tmp_path / "went_off")}, tmp_path / "net.pth")
    with pytest.raises(ModelDamagedError, match="refused"):
        load_torch(tmp_path / "net.pth")
    assert not (tmp_path / "went_off").exists()
    torch.load(tmp_path / "net.pth", weights_only=False) if save is torch.save else pickle.loads(
        (tmp_path / "net.pth").read_bytes()
    )
    assert (tmp_path / "went_off").exists(), "the bomb of this test is no bomb"


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
@pytest.mark.parametrize("keep", [0, 1, 100, 0.5, 0.99])
def test_a_truncated_file_is_refused(tmp_path, suffix, keep):
    path = tmp_path / f"net{suffix}"
    state = {"w": torch.rand(64, 64)}
    save_file(state, path) if suffix == ".safetensors" else torch.save(state, path)
    data = path.read_bytes()
    path.write_bytes(data[: int(keep * len(data)) if isinstance(keep, float) else keep])
    with pytest.raises(ModelDamagedError, match=path.name):
        load_torch(path)


@settings(deadline=None, max_examples=40)
@example(b"X", ".pth")  # a string whose length is missing
@given(st.binary(max_size=300), st.sampled_from([".pth", ".safetensors"]))
def test_any_bytes_are_refused_with_a_clear_error(tmp_path_factory, data, suffix):
    path = tmp_path_factory.mktemp("any") / f"net{suffix}"
    path.write_bytes(data)
    with pytest.raises(FancamError):
        load_torch(path)


def test_a_file_without_weights_is_refused(tmp_path):
    torch.save({"epoch": 3}, tmp_path / "net.pth")
    with pytest.raises(ModelDamagedError, match="holds no weights"):
        load_torch(tmp_path / "net.pth")


def test_torch_weights_that_are_not_numbers_are_refused(tmp_path):
    torch.save({"w": torch.tensor([1.0, float("nan")])}, tmp_path / "net.pth")
    with pytest.raises(ModelDamagedError, match="not numbers"):
        load_torch(tmp_path / "net.pth")


def test_another_ending_is_a_usage_error(tmp_path):
    with pytest.raises(UsageError, match=r"\.safetensors"):
        load_torch(tmp_path / "net.onnx")
