from __future__ import annotations

import numpy as np
import pytest
import torch

from fancam.errors import DeviceError, ModelDamagedError, UsageError
from fancam.faces import PHOTO_LONG_EDGES_PX, create_detector
from fancam.faces.centerface import CenterFace
from fancam.faces.detection import ScaleSearch
from fancam.faces.detections import CPU_BATCH_PIXELS, GPU_BATCH_PIXELS
from fancam.faces.torch_detectors import CenterFaceTorch, load_layers
from fancam.nn import ModelStore
from fancam.nn.device import choose_compute, exact_algorithms
from fancam.nn.networks import Network
from fancam.nn.runtime import Runtime
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
    hook = on_torch.runtime.module.register_forward_pre_hook(lambda _, inputs: passes.append(tuple(inputs[0].shape)))
    on_torch.infer([*pictures_of(astronaut), astronaut[:64, :64]], 0.5)
    hook.remove()
    assert passes == [(4, 3, 320, 224), (1, 3, 64, 64)]


def test_a_gpu_takes_larger_batches_than_a_cpu():
    assert GPU_BATCH_PIXELS >= 8 * 512 * 512 > CPU_BATCH_PIXELS


def test_a_batch_gives_what_single_pictures_give(on_torch, astronaut):
    pictures = pictures_of(astronaut)
    together = on_torch.infer(pictures, 0.3)
    assert [len(found) for found in together] == [1, 1, 0, 0]
    for picture, found in zip(pictures, together, strict=True):
        same_faces(found, on_torch.infer([picture], 0.3)[0])


def test_a_neighbour_in_the_batch_does_not_change_a_face(on_torch, astronaut):
    one, other, noise, _ = pictures_of(astronaut)
    same_faces(on_torch.infer([one, noise], 0.3)[0], on_torch.infer([other, one], 0.3)[1])


def test_the_pixels_of_a_pass_are_bounded(weights, astronaut):
    on_torch = CenterFaceTorch(weights, device="cpu", batch_pixels=2 * 320 * 224)
    passes = []
    hook = on_torch.runtime.module.register_forward_pre_hook(lambda _, inputs: passes.append(len(inputs[0])))
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


def runtime() -> Runtime:
    return Runtime(Network("toy", torch.nn.Identity(), 1, "0" * 64, "Toy"), choose_compute("cpu", "fp32"), unit="face")


def test_a_batch_that_does_not_fit_runs_in_halves():
    asked = []

    def run(members):
        asked.append(list(members))
        if len(members) > 2:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory")
        return [10 * member for member in members]

    assert runtime().in_parts(run, [1, 2, 3, 4, 5]) == [10, 20, 30, 40, 50]
    assert asked == [[1, 2, 3, 4, 5], [1, 2], [3, 4], [5]]


def test_one_picture_that_does_not_fit_is_an_error_that_names_the_device():
    def run(members):
        raise RuntimeError("MPS backend out of memory")

    with pytest.raises(DeviceError, match="cpu: not enough memory for one face"):
        runtime().in_parts(run, [1, 2])


def test_another_error_is_not_taken_for_a_lack_of_memory():
    def run(members):
        raise RuntimeError("sizes do not match")

    with pytest.raises(RuntimeError, match="sizes do not match"):
        runtime().in_parts(run, [1, 2])


def test_a_device_that_is_not_there_is_named(weights):
    with pytest.raises(UsageError, match="nonsense"):
        CenterFaceTorch(weights, device="nonsense")
    if not torch.cuda.is_available():
        with pytest.raises(DeviceError, match="cuda"):
            CenterFaceTorch(weights, device="cuda")


def test_the_cpu_takes_opencv_and_every_other_device_torch(monkeypatch):
    made = []
    monkeypatch.setattr(
        "fancam.faces.torch_detectors.CenterFaceTorch", lambda path, *, device: made.append((path.name, device))
    )
    create_detector(FaceSettings(), ModelStore(), device="cuda:1")
    assert made == [("centerface.onnx", "cuda:1")]
    create_detector(FaceSettings(), ModelStore(), device="cpu")
    assert len(made) == 1


def test_fp32_means_fp32_on_a_gpu_and_what_was_set_before_comes_back():
    before = torch.backends.cudnn.allow_tf32
    with exact_algorithms():
        assert not torch.backends.cudnn.allow_tf32
        assert torch.backends.cudnn.deterministic
    assert torch.backends.cudnn.allow_tf32 == before


@pytest.mark.gpu
def test_the_gpu_finds_what_opencv_finds(weights, on_opencv, astronaut):
    on_gpu = CenterFaceTorch(weights, device="cuda")
    pictures = pictures_of(astronaut) * 8
    for found, picture in zip(on_gpu.infer(pictures, 0.3), pictures, strict=True):
        same_faces(found, on_opencv.infer([picture], 0.3)[0])
    maps = on_gpu.outputs([astronaut])
    for expected, got in zip(on_opencv.outputs([astronaut]), maps, strict=True):
        assert np.abs(got.cpu().numpy() - expected).max() < 1e-3


# --- the weights of the file --------------------------------------------------------------------------------------


def test_another_network_is_refused_with_the_name_of_its_file(shared):
    with pytest.raises(ModelDamagedError, match=r"face_detection_yunet_2023mar\.onnx: not CenterFace"):
        CenterFaceTorch(shared("models/face_detection_yunet_2023mar.onnx"), device="cpu")


def test_a_damaged_file_is_refused_with_its_name(tmp_path, weights):
    data = weights.read_bytes()
    broken = tmp_path / "broken.onnx"
    for content in (data[: len(data) // 2], b"", b"not ONNX at all"):
        broken.write_bytes(content)
        with pytest.raises(ModelDamagedError, match=r"broken\.onnx: OpenCV cannot read"):
            CenterFaceTorch(broken, device="cpu")


def test_every_weight_of_the_file_is_used(weights):
    layers = load_layers(weights)
    statistics = {name: values for name, values in layers.state_dict().items() if "num_batches" not in name}
    size = 4 * sum(values.numel() for values in statistics.values())
    assert size == pytest.approx(weights.stat().st_size, rel=0.01)
