from __future__ import annotations

import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fancam.errors import DeviceError, ModelDamagedError, UsageError
from fancam.faces import PHOTO_LONG_EDGES_PX, create_detector
from fancam.faces.torch_detectors import RetinaFace, confidence, decode, priors, raw_probability
from fancam.nn import ModelStore
from fancam.settings import FaceSettings
from tests.test_faces_detection import SOLVAY_CENTRES, assert_order_of_landmarks, frames_at, read

MOBILENET = "retinaface-mobilenet"


@pytest.fixture(scope="module")
def store(shared):
    return ModelStore(models_dir=shared("models/detection_mobilenet0.25_Final.pth").parent)


@pytest.fixture(scope="module")
def photos(store):
    return create_detector(FaceSettings(detector=MOBILENET), store, long_edges_px=PHOTO_LONG_EDGES_PX)


@pytest.fixture(scope="module")
def network(store):
    return RetinaFace(store.locate(MOBILENET), MOBILENET)


@pytest.fixture(scope="module")
def astronaut():
    return pytest.importorskip("skimage.data").astronaut()


# --- known counts: a state dict that loads strictly proves nothing ------------------------------------------------


def test_every_face_of_the_solvay_photo_is_found_and_none_false(photos, shared):
    faces = photos.detect([read(shared("data/photo/group/solvay1927.jpg"))])[0]
    assert photos.name == MOBILENET
    assert len(faces) == 29
    centres = np.array([face.box.centre for face in faces])
    distances = np.hypot(*(centres[:, None] - np.array(SOLVAY_CENTRES)[None]).transpose(2, 0, 1))
    assert (distances.min(axis=0) < 20).all()


@pytest.mark.parametrize(
    "name",
    [
        "obama/obama-240p.jpg",
        pytest.param("obama/obama3.jpg", marks=pytest.mark.slow),
        pytest.param("biden/biden2.jpg", marks=pytest.mark.slow),
    ],
)
def test_a_portrait_has_one_face_with_landmarks_in_order(photos, shared, name):
    (face,) = photos.detect([read(shared(f"data/photo/people/{name}"))])[0]
    assert_order_of_landmarks(face)


def test_a_mirrored_portrait_keeps_the_order_of_the_landmarks(photos, astronaut):
    (face,) = photos.detect([np.ascontiguousarray(astronaut[:, ::-1])])[0]
    assert_order_of_landmarks(face)


def test_boxes_mean_the_same_as_those_of_centerface(photos, astronaut):
    (face,) = photos.detect([astronaut])[0]
    (reference,) = create_detector(FaceSettings(), ModelStore()).detect([astronaut])[0]
    assert face.box.iou(reference.box) > 0.75


def test_a_picture_without_a_person_has_no_face(photos):
    assert photos.detect([pytest.importorskip("skimage.data").coffee()]) == [[]]


@pytest.mark.slow
def test_a_dark_arena_has_no_face(photos, shared):
    assert photos.detect(frames_at(shared("data/video/dark_arena.mov"), (0, 50))) == [[], []]


# --- against facexlib's own path ----------------------------------------------------------------------------------


@settings(max_examples=25, deadline=None)
@given(st.integers(8, 200), st.integers(8, 200))
def test_priors_are_those_of_facexlib_to_the_bit(height, width):
    from facexlib.detection.retinaface import generate_config
    from facexlib.detection.retinaface_utils import PriorBox

    for backbone in ("mobile0.25", "resnet50"):
        expected = PriorBox(generate_config(backbone), image_size=(height, width)).forward().numpy()
        assert np.array_equal(priors(height, width), expected)


def test_priors_are_built_once_per_size_and_cannot_be_spoilt():
    assert priors(90, 160) is priors(90, 160)
    with pytest.raises(ValueError, match="read-only"):
        priors(90, 160)[0] = 0


def test_faces_are_those_facexlib_reports(network, astronaut):
    expected = network.runtime.module.detect_faces(astronaut[..., ::-1], conf_threshold=0.99)
    found = network.infer([astronaut], float(confidence(np.float32(0.99))))[0]
    strongest = found[np.argsort(-found.scores)[:1]]
    assert np.allclose(strongest.boxes[0], expected[0, :4], atol=0.01)
    assert np.allclose(strongest.landmarks[0].ravel(), expected[0, 5:], atol=0.01)
    assert raw_probability(float(strongest.scores[0])) == pytest.approx(expected[0, 4], abs=1e-5)


def test_a_batch_gives_what_single_pictures_give(store, astronaut):
    network = RetinaFace(store.locate(MOBILENET), MOBILENET, batch_pixels=10**6)
    small = np.ascontiguousarray(astronaut[20:276, 100:356])
    pictures = [small, np.ascontiguousarray(small[:, ::-1]), np.zeros_like(small), small[:, :250]]
    together = network.infer(pictures, 0.5)
    assert [len(found) > 0 for found in together] == [True, True, False, True]
    for picture, found in zip(pictures, together, strict=True):
        alone = network.infer([picture], 0.5)[0]
        assert np.allclose(found.boxes, alone.boxes, atol=1e-3)
        assert np.allclose(found.landmarks, alone.landmarks, atol=1e-3)
        assert np.allclose(found.scores, alone.scores, atol=1e-4)


def test_pictures_of_exactly_one_size_share_a_forward_pass_of_bounded_size(store):
    network = RetinaFace(store.locate(MOBILENET), MOBILENET, batch_pixels=3 * 64 * 64)
    passes = []
    hook = network.runtime.module.register_forward_pre_hook(lambda _, inputs: passes.append(tuple(inputs[0].shape)))
    square, other = np.zeros((64, 64, 3), np.uint8), np.zeros((64, 63, 3), np.uint8)
    assert [len(found) for found in network.infer([square, square, other, square, square], 0.5)] == [0] * 5
    hook.remove()
    assert passes == [(3, 3, 64, 64), (1, 3, 64, 64), (1, 3, 64, 63)]


def test_channels_go_in_as_blue_green_red(network, astronaut):
    """The wrong order costs confidence only a little, so it is read off the network's input."""
    seen = []
    hook = network.runtime.module.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    network.infer([np.full((32, 32, 3), (250, 100, 10), np.uint8)], 0.5)
    hook.remove()
    assert seen[0][0, :, 0, 0].tolist() == [10 - 104, 100 - 117, 250 - 123]


def test_decoding_follows_the_prior():
    prior = np.array([[0.5, 0.25, 0.1, 0.2]], np.float32)
    found = decode(np.zeros((1, 4), np.float32), np.ones((1, 10), np.float32), np.ones(1, np.float32), prior)
    assert np.allclose(found.boxes, [[0.45, 0.15, 0.55, 0.35]])
    assert np.allclose(found.landmarks, np.tile([0.51, 0.27], (1, 5, 1)))


@given(st.floats(0.01, 0.99))
def test_confidence_and_raw_probability_undo_each_other(value):
    assert float(confidence(np.float64(raw_probability(value)))) == pytest.approx(value, rel=1e-4)


def test_the_operating_point_is_a_confidence_of_one_half():
    assert confidence(np.array([0.0, 0.94, 0.97, 0.995, 1.0], np.float32)) == pytest.approx(
        [0, 0.3264, 0.5, 0.8602, 1], abs=1e-3
    )


# --- weights, devices, imports ------------------------------------------------------------------------------------


def saved(path: Path, content: object) -> Path:
    torch.save(content, path)
    return path


def test_weights_of_another_network_are_refused(tmp_path, store):
    other = saved(tmp_path / "other.pth", {"layer.weight": torch.zeros(3)})
    with pytest.raises(ModelDamagedError, match=r"other\.pth: not the weights of RetinaFace mobile0\.25"):
        RetinaFace(other, MOBILENET)
    with pytest.raises(ModelDamagedError, match="not the weights of RetinaFace resnet50"):
        RetinaFace(store.locate(MOBILENET), "retinaface-resnet50")


def test_weights_saved_by_parallel_training_load(tmp_path, store, network, astronaut):
    plain = torch.load(store.locate(MOBILENET), weights_only=True)
    prefixed = {f"module.{key.removeprefix('module.')}": value for key, value in plain.items()}
    same = RetinaFace(saved(tmp_path / "prefixed.pth", prefixed), MOBILENET)
    assert np.array_equal(same.infer([astronaut], 0.5)[0].boxes, network.infer([astronaut], 0.5)[0].boxes)


def test_a_pickle_that_would_run_code_is_refused(tmp_path):
    marker = tmp_path / "ran"

    class Runs:
        def __reduce__(self) -> tuple:
            return Path.touch, (marker,)

    with pytest.raises(ModelDamagedError):
        RetinaFace(saved(tmp_path / "evil.pth", {"a": Runs()}), MOBILENET)
    assert not marker.exists()


def test_a_device_that_is_not_there_is_named(store):
    with pytest.raises(UsageError, match="nonsense"):
        RetinaFace(store.locate(MOBILENET), MOBILENET, device="nonsense")
    if not torch.cuda.is_available():
        with pytest.raises(DeviceError, match="cuda:5"):
            RetinaFace(store.locate(MOBILENET), MOBILENET, device="cuda:5")


@pytest.mark.slow
def test_resnet50_builds_and_answers_with_the_layout_the_decoder_expects(tmp_path):
    """Its weights are not carried by any package, so only the path is walked here, with values drawn at random."""
    from facexlib.detection.retinaface import RetinaFace as Layers

    torch.manual_seed(0)
    with warnings.catch_warnings():  # facexlib uses an argument torchvision has renamed
        warnings.simplefilter("ignore", UserWarning)
        drawn = Layers("resnet50", device=torch.device("cpu")).state_dict()
    detector = RetinaFace(saved(tmp_path / "drawn.pth", drawn), "retinaface-resnet50")
    assert len(detector.infer([np.zeros((64, 96, 3), np.uint8)], 0.0)[0]) == len(priors(64, 96))


def test_the_default_detector_does_not_load_torch():
    code = "import sys, fancam.faces; assert not {'torch', 'facexlib', 'torchvision'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_loading_retinaface_does_not_load_facexlibs_tracker(network):
    """That part of facexlib is under another licence (GPL-3.0)."""
    assert "facexlib.detection.retinaface" in sys.modules
    assert not [name for name in sys.modules if name.startswith("facexlib.tracking.")]


@pytest.mark.gpu
def test_the_gpu_finds_what_the_cpu_finds(store, network, astronaut):
    found = RetinaFace(store.locate(MOBILENET), MOBILENET, device="cuda").infer([astronaut] * 4, 0.5)
    expected = network.infer([astronaut], 0.5)[0]
    for each in found:
        assert each.boxes[each.scores.argmax()] == pytest.approx(expected.boxes[expected.scores.argmax()], abs=1.0)
