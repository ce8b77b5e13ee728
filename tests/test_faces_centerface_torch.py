from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fancam.errors import DeviceError, ModelDamagedError
from fancam.faces import PHOTO_LONG_EDGES_PX, create_detector
from fancam.faces import centerface_torch as module
from fancam.faces.centerface import CenterFace
from fancam.faces.centerface_torch import CenterFaceTorch, OnnxModule
from fancam.faces.detection import ScaleSearch
from fancam.faces.torch_device import batch_pixels, exact, in_parts_that_fit
from fancam.nn import ModelStore
from fancam.nn.onnx import OnnxNetwork, OnnxNode, load_onnx
from fancam.settings import FaceSettings
from tests.test_faces_detection import read

MAPS = ("heat map", "size", "offset", "landmarks")


@pytest.fixture(scope="module")
def weights():
    return ModelStore().locate("centerface")


@pytest.fixture(scope="module")
def on_torch(weights):
    return CenterFaceTorch(weights, device="cpu")


@pytest.fixture(scope="module")
def on_opencv(weights):
    return CenterFace(weights)


@pytest.fixture(scope="module")
def astronaut():
    return pytest.importorskip("skimage.data").astronaut()


def pictures_of(astronaut: np.ndarray) -> list[np.ndarray]:
    generator = np.random.default_rng(3)
    return [
        astronaut[:300, 100:317],
        np.ascontiguousarray(astronaut[30:331, 120:340][:, ::-1]),
        generator.integers(0, 256, (301, 220, 3), np.uint8),
        np.zeros((320, 224, 3), np.uint8),
    ]


# --- against OpenCV -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rows_and_columns", [(32, 32), (300, 217), (512, 480)])
def test_the_four_maps_are_those_opencv_computes_from_the_same_file(on_torch, on_opencv, astronaut, rows_and_columns):
    rows, columns = rows_and_columns
    picture = np.ascontiguousarray(astronaut[:rows, 60 : 60 + columns])
    with exact():
        found = on_torch.outputs([picture])
    for name, expected, got in zip(MAPS, on_opencv.outputs([picture]), found, strict=True):
        assert np.abs(got.numpy() - expected).max() < 2e-5, name


def same_faces(found, expected):
    assert np.allclose(found.boxes, expected.boxes, atol=1e-3)
    assert np.allclose(found.landmarks, expected.landmarks, atol=1e-3)
    assert np.allclose(found.scores, expected.scores, atol=1e-5)


def test_it_finds_the_faces_of_the_solvay_photo_that_opencv_finds(on_torch, on_opencv, shared):
    picture = read(shared("data/photo/group/solvay1927.jpg"))
    expected = on_opencv.infer([picture], 0.5)[0]
    assert len(expected) == 29
    same_faces(on_torch.infer([picture], 0.5)[0], expected)


def test_the_search_over_scales_gives_the_same_faces_with_either(on_torch, weights, astronaut):
    options = {"min_confidence": 0.55, "min_face_px": 24}
    large = np.ascontiguousarray(np.repeat(np.repeat(astronaut[:240, 100:340], 2, axis=0), 2, axis=1))
    pictures = [astronaut[:256, 60:316], np.repeat(np.repeat(large, 2, axis=0), 2, axis=1)]
    found = ScaleSearch(on_torch, PHOTO_LONG_EDGES_PX, **options).detect(pictures)
    expected = ScaleSearch(CenterFace(weights), PHOTO_LONG_EDGES_PX, **options).detect(pictures)
    assert [len(faces) for faces in found] == [len(faces) for faces in expected] == [1, 1]
    for one, other in zip(found, expected, strict=True):
        assert np.allclose(one[0].box.as_list(), other[0].box.as_list(), atol=1e-3)
        assert np.allclose(one[0].landmark_array, other[0].landmark_array, atol=1e-3)


# --- batches ------------------------------------------------------------------------------------------------------


def test_pictures_of_one_padded_size_share_a_forward_pass(on_torch, astronaut):
    passes = []
    hook = on_torch._module.register_forward_pre_hook(lambda _, inputs: passes.append(tuple(inputs[0].shape)))
    on_torch.infer([*pictures_of(astronaut), astronaut[:64, :64]], 0.5)
    hook.remove()
    assert passes == [(4, 3, 320, 224), (1, 3, 64, 64)]


def test_a_gpu_takes_larger_batches_than_a_cpu():
    assert batch_pixels(torch.device("cuda", 1)) >= 8 * 512 * 512 > batch_pixels(torch.device("cpu"))


def test_a_batch_gives_what_single_pictures_give(on_torch, astronaut):
    pictures = pictures_of(astronaut)
    together = on_torch.infer(pictures, 0.3)
    assert [len(found) for found in together] == [1, 1, 0, 0]
    for picture, found in zip(pictures, together, strict=True):
        same_faces(found, on_torch.infer([picture], 0.3)[0])


def test_a_neighbour_in_the_batch_does_not_change_a_face(on_torch, astronaut):
    one, other, noise, _ = pictures_of(astronaut)
    same_faces(on_torch.infer([one, noise], 0.3)[0], on_torch.infer([other, one], 0.3)[1])


def test_the_pixels_of_a_pass_are_bounded(on_torch, astronaut, monkeypatch):
    monkeypatch.setattr(module, "batch_pixels", lambda device: 2 * 320 * 224)
    passes = []
    hook = on_torch._module.register_forward_pre_hook(lambda _, inputs: passes.append(len(inputs[0])))
    found = on_torch.infer([*pictures_of(astronaut), pictures_of(astronaut)[0]], 0.5)
    hook.remove()
    assert passes == [2, 2, 1]
    same_faces(found[4], found[0])


def test_no_pictures_give_no_answers(on_torch):
    assert on_torch.infer([], 0.5) == []


def test_the_same_picture_gives_the_same_bits(on_torch, astronaut):
    one, two = (on_torch.infer([astronaut], 0.5)[0] for _ in range(2))
    assert np.array_equal(one.boxes, two.boxes)
    assert np.array_equal(one.landmarks, two.landmarks)


# --- memory and devices -------------------------------------------------------------------------------------------


def test_a_batch_that_does_not_fit_runs_in_halves():
    asked = []

    def run(members):
        asked.append(list(members))
        if len(members) > 2:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory")
        return [10 * member for member in members]

    assert in_parts_that_fit(run, [1, 2, 3, 4, 5], torch.device("cpu")) == [10, 20, 30, 40, 50]
    assert asked == [[1, 2, 3, 4, 5], [1, 2], [3, 4, 5], [3], [4, 5]]


def test_one_picture_that_does_not_fit_is_an_error_that_names_the_device():
    def run(members):
        raise RuntimeError("MPS backend out of memory")

    with pytest.raises(DeviceError, match="mps: not enough memory"):
        in_parts_that_fit(run, [1, 2], torch.device("mps"))


def test_another_error_is_not_taken_for_a_lack_of_memory():
    def run(members):
        raise RuntimeError("sizes do not match")

    with pytest.raises(RuntimeError, match="sizes do not match"):
        in_parts_that_fit(run, [1, 2], torch.device("cpu"))


def test_a_device_that_is_not_there_is_named(weights):
    with pytest.raises(DeviceError, match="nonsense"):
        CenterFaceTorch(weights, device="nonsense")


def test_the_cpu_takes_opencv_and_every_other_device_torch(monkeypatch):
    made = []
    monkeypatch.setattr(module, "CenterFaceTorch", lambda path, *, device: made.append((path.name, device)))
    create_detector(FaceSettings(), ModelStore(), device="cuda:1")
    assert made == [("centerface.onnx", "cuda:1")]
    assert isinstance(create_detector(FaceSettings(), ModelStore(), device="cpu")._network, CenterFace)


def test_fp32_means_fp32_on_a_gpu_and_what_was_set_before_comes_back():
    before = torch.backends.cudnn.allow_tf32
    with exact():
        assert not torch.backends.cudnn.allow_tf32
        assert torch.backends.cudnn.deterministic
        assert torch.is_inference_mode_enabled()
    assert torch.backends.cudnn.allow_tf32 == before


@pytest.mark.gpu
def test_the_gpu_finds_what_opencv_finds(weights, on_opencv, astronaut):
    on_gpu = CenterFaceTorch(weights, device="cuda")
    pictures = pictures_of(astronaut) * 8
    for found, picture in zip(on_gpu.infer(pictures, 0.3), pictures, strict=True):
        same_faces(found, on_opencv.infer([picture], 0.3)[0])
    with exact():
        maps = on_gpu.outputs([astronaut])
    for expected, got in zip(on_opencv.outputs([astronaut]), maps, strict=True):
        assert np.abs(got.cpu().numpy() - expected).max() < 1e-3


# --- the network of the file --------------------------------------------------------------------------------------


def network_of(*nodes: OnnxNode, weights: dict | None = None, outputs=("y",)) -> OnnxNetwork:
    return OnnxNetwork(nodes, weights or {}, ("x",), outputs)


def step(op, inputs, outputs, **attributes) -> OnnxNode:
    return OnnxNode(op, op, tuple(inputs), tuple(outputs), attributes)


@settings(deadline=None, max_examples=25)
@given(
    st.sampled_from(["Conv", "ConvTranspose"]), st.integers(1, 4), st.integers(1, 4), st.integers(1, 3),
    st.integers(1, 2), st.booleans(), st.integers(0, 2**31),
)  # fmt: skip
def test_a_folded_batch_normalisation_gives_what_the_two_layers_give(op, into, out, side, stride, bias, seed):
    torch.manual_seed(seed)
    shape = (into, out, side, side) if op == "ConvTranspose" else (out, into, side, side)
    w, b = torch.randn(shape), torch.randn(out)
    g, s, m, v = torch.randn(out), torch.randn(out), torch.randn(out), torch.rand(out)
    weights = {name: tensor.numpy() for name, tensor in {"w": w, "b": b, "g": g, "s": s, "m": m, "v": v}.items()}
    network = OnnxModule(network_of(
        step(op, ["x", "w", "b"] if bias else ["x", "w"], ["c"], strides=(stride, stride)),
        step("BatchNormalization", ["c", "g", "s", "m", "v"], ["y"], epsilon=1e-3, momentum=0.9),
        weights=weights,
    ))  # fmt: skip
    assert len(network.parts) == 1
    x = torch.randn(2, into, 5, 6)
    call = torch.nn.functional.conv_transpose2d if op == "ConvTranspose" else torch.nn.functional.conv2d
    plain = call(x, w, b if bias else None, stride=stride)
    expected = torch.nn.functional.batch_norm(plain, m, v, g, s, eps=1e-3)
    with torch.inference_mode():
        (found,) = network(x)
    assert torch.allclose(found, expected, rtol=1e-4, atol=1e-4)


def test_groups_strides_pads_and_dilations_are_those_of_the_file():
    w = torch.randn(4, 1, 3, 3)
    settings = {"group": 4, "strides": (2, 1), "pads": (1, 2, 1, 2), "dilations": (1, 2), "kernel_shape": (3, 3)}
    network = OnnxModule(network_of(step("Conv", ["x", "w"], ["y"], **settings), weights={"w": w.numpy()}))
    x = torch.randn(1, 4, 9, 8)
    expected = torch.nn.functional.conv2d(x, w, stride=(2, 1), padding=(1, 2), dilation=(1, 2), groups=4)
    assert torch.equal(network(x)[0], expected)


def test_a_value_with_two_uses_is_not_overwritten():
    """Relu works in place where it may; here the sum needs what came before it, and so does an output."""
    nodes = (step("Sigmoid", ["x"], ["a"]), step("Relu", ["a"], ["b"]), step("Add", ["a", "b"], ["c"]),
             step("Relu", ["x"], ["d"]), step("Add", ["c", "d"], ["y"]))  # fmt: skip
    x = torch.tensor([[-1.0, 2.0]])
    given = x.clone()
    with torch.inference_mode():
        result, kept = OnnxModule(network_of(*nodes, outputs=("y", "a")))(given)
    assert torch.equal(given, x)
    assert torch.allclose(kept, x.sigmoid())
    assert torch.allclose(result, 2 * x.sigmoid() + x.relu())


def test_the_given_picture_is_not_overwritten():
    x = torch.tensor([[-1.0, 2.0]])
    assert OnnxModule(network_of(step("Relu", ["x"], ["y"])))(x)[0].tolist() == [[0.0, 2.0]]
    assert x.tolist() == [[-1.0, 2.0]]


def test_values_are_let_go_after_their_last_use(on_torch):
    steps = on_torch._module._steps
    let_go = [name for one in steps for name in one.last_uses]
    assert {one.output for one in steps} - set(let_go) == set(on_torch._module._outputs)
    for number, one in enumerate(steps):
        later = {name for following in steps[number + 1 :] for name in following.inputs}
        assert set(one.last_uses) == set(one.inputs) - later


W = {"w": np.ones((2, 2, 3, 3), np.float32), "v": np.ones(2, np.float32)}


@pytest.mark.parametrize(
    ("nodes", "cause"),
    [
        pytest.param([step("Gemm", ["x"], ["y"])], "operator Gemm", id="operator"),
        pytest.param([step("Relu", ["x"], ["y"], slope=0.1)], "settings", id="setting of an activation"),
        pytest.param([step("Conv", ["x", "w"], ["y"], auto_pad="SAME_UPPER")], "settings", id="setting of a Conv"),
        pytest.param([step("Conv", ["x", "w"], ["y"], pads=(0, 0, 1, 1))], "plain convolution", id="pads not even"),
        pytest.param([step("Conv", ["x", "w"], ["y"], kernel_shape=(5, 5))], "plain", id="another kernel"),
        pytest.param([step("Conv", ["x", "w"], ["y"], group=0)], "plain", id="no groups"),
        pytest.param([step("Conv", ["x", "w"], ["y"], group=3)], "do not fit", id="groups that do not divide"),
        pytest.param([step("Conv", ["x", "w"], ["y"], strides="2")], "strides is '2'", id="strides of text"),
        pytest.param([step("Conv", ["x", "v"], ["y"])], "plain", id="weights of one dimension"),
        pytest.param([step("Conv", ["x", "w", "w"], ["y"])], "do not fit", id="bias of four dimensions"),
        pytest.param([step("Conv", ["x", "x"], ["y"])], "2 inputs", id="weights that are computed"),
        pytest.param([step("Add", ["x", "v"], ["y"])], "1 inputs", id="sum with a constant"),
        pytest.param([step("Relu", ["x"], ["y", "z"])], "2 outputs", id="two outputs"),
        pytest.param([step("BatchNormalization", ["x", "v", "v", "v", "v"], ["y"])], "follow", id="nothing to fold"),
        pytest.param(
            [step("Conv", ["x", "w"], ["a"]), step("BatchNormalization", ["a", "v", "v", "w", "v"], ["y"])],
            "needs 2 values", id="statistics of another shape",
        ),
        pytest.param(
            [step("Conv", ["x", "w"], ["a"]), step("BatchNormalization", ["a", "v", "v", "v", "v"], ["b"]),
             step("Add", ["a", "b"], ["y"])],
            "follow", id="what is folded is needed itself",
        ),
        pytest.param(
            [step("Conv", ["x", "w"], ["a"]), step("BatchNormalization", ["a", "v", "v", "v"], ["y"])],
            "not a batch normalisation", id="statistics missing",
        ),
    ],
)  # fmt: skip
def test_what_is_not_known_is_refused_and_not_left_out(nodes, cause):
    with pytest.raises(ModelDamagedError, match=cause):
        OnnxModule(network_of(*nodes, weights=W))


def test_another_network_is_refused_with_the_name_of_its_file(shared):
    with pytest.raises(ModelDamagedError, match=r"face_detection_yunet_2023mar\.onnx: not CenterFace"):
        CenterFaceTorch(shared("models/face_detection_yunet_2023mar.onnx"), device="cpu")


def test_a_network_with_other_outputs_is_refused(weights, monkeypatch):
    real = load_onnx(weights)
    fewer = OnnxNetwork(real.nodes, real.weights, real.inputs, real.outputs[:3])
    monkeypatch.setattr(module, "load_onnx", lambda path: fewer)
    with pytest.raises(ModelDamagedError, match=r"centerface\.onnx: has outputs of the shapes"):
        CenterFaceTorch(weights, device="cpu")


def test_a_damaged_file_is_refused_with_its_name(tmp_path, weights):
    data = weights.read_bytes()
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(data[: len(data) // 2])
    with pytest.raises(ModelDamagedError, match=r"broken\.onnx: cut short"):
        CenterFaceTorch(broken, device="cpu")
