from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import torch
from facexlib.parsing.parsenet import ParseNet

from fancam.errors import ModelDamagedError, ModelMissingError, UsageError
from fancam.faces import create_parser
from fancam.faces.parsing import BISENET_FACE, PARSENET_FACE, PARSERS, TorchFaceParser
from fancam.nn import ModelStore
from fancam.nn.registry import registry

# CelebAMask-HQ's script g_mask.py and face-parsing.PyTorch number the same classes differently.
CELEBA = [
    "background",
    "skin",
    "nose",
    "glasses",
    "l_eye",
    "r_eye",
    "l_brow",
    "r_brow",
    "l_ear",
    "r_ear",
    "mouth",
    "u_lip",
    "l_lip",
    "hair",
    "hat",
    "earring",
    "necklace",
    "neck",
    "cloth",
]
FACE_PARSING = [
    "background",
    "skin",
    "l_brow",
    "r_brow",
    "l_eye",
    "r_eye",
    "glasses",
    "l_ear",
    "r_ear",
    "earring",
    "nose",
    "mouth",
    "u_lip",
    "l_lip",
    "neck",
    "necklace",
    "cloth",
    "hair",
    "hat",
]
FACE = {"skin", "nose", "l_eye", "r_eye", "l_brow", "r_brow", "mouth", "u_lip", "l_lip"}


class Folder:
    """A store with one file for every name."""

    def __init__(self, path) -> None:
        self.path = path

    def locate(self, name):
        return self.path


def tiny_parsenet(**changes):
    torch.manual_seed(5)
    shape = {"min_feat_size": 64, "base_ch": 4, "res_depth": 1, "ch_range": [4, 8], "parsing_ch": 19} | changes
    network = ParseNet(in_size=512, out_size=512, **shape).eval()
    for part in network.modules():  # statistics as after training: not 0 and 1
        if isinstance(part, torch.nn.BatchNorm2d):
            part.running_mean.normal_(0, 0.1)
            part.running_var.uniform_(0.5, 1.5)
    with torch.no_grad():
        network.out_mask_conv.conv2d.weight *= 20  # something to say
    return network


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "parsing_parsenet.pth"
    torch.save(tiny_parsenet().state_dict(), path)
    return path


@pytest.fixture(scope="module")
def faces():
    return np.random.default_rng(3).integers(0, 256, (3, 512, 512, 3), np.uint8)


def only_class(network, number):
    """Let the network see one class everywhere."""
    with torch.no_grad():
        network.out_mask_conv.conv2d.weight.zero_()
        network.out_mask_conv.conv2d.bias.zero_()
        network.out_mask_conv.conv2d.bias[number] = 50
    return network


def test_without_weights_there_is_no_parser(tmp_path):
    assert create_parser(ModelStore(models_dir=tmp_path)) is None
    assert create_parser(ModelStore(models_dir=tmp_path), name="bisenet") is None


def test_masks_are_the_probability_of_the_face_classes(weights, faces):
    parser = create_parser(Folder(weights))
    assert parser.name == "parsenet"
    masks = parser.masks(faces)
    assert masks.shape == (3, 512, 512) and masks.dtype == np.float32
    # The same by hand: RGB in [-1, 1], softmax, the sum over what is face.
    pixels = torch.from_numpy(faces.astype(np.float32)).permute(0, 3, 1, 2) / 127.5 - 1
    with torch.inference_mode():
        shares = tiny_parsenet()(pixels)[0].softmax(dim=1)
    expected = sum(shares[:, number] for number, name in enumerate(CELEBA) if name in FACE)
    assert np.abs(masks - expected.numpy()).max() < 1e-5
    assert np.ptp(masks) > 0.1


@pytest.mark.parametrize(("kept", "names"), [(PARSENET_FACE, CELEBA), (BISENET_FACE, FACE_PARSING)])
def test_hair_glasses_ears_and_neck_are_not_face(kept, names):
    assert {names[number] for number in kept} == FACE


@pytest.mark.parametrize("name", ["skin", "l_lip", "hair", "glasses", "background", "cloth"])
def test_each_class_is_on_the_right_side(tmp_path, faces, name):
    path = tmp_path / "parsing_parsenet.pth"
    torch.save(only_class(tiny_parsenet(), CELEBA.index(name)).state_dict(), path)
    mask = TorchFaceParser(path).masks(faces[:1])
    assert np.abs(mask - (name in FACE)).max() < 1e-3


def test_a_batch_gives_what_single_faces_give(weights, faces):
    parser = TorchFaceParser(weights)
    batch = parser.masks(np.concatenate([faces, faces[1:]]))
    single = np.concatenate([parser.masks(face[None]) for face in faces])[[0, 1, 2, 1, 2]]
    assert np.abs(batch - single).max() < 1e-5
    assert np.array_equal(parser.masks(faces[:1]), parser.masks(faces[:1]))


def test_no_faces_give_no_masks(weights, faces):
    assert TorchFaceParser(weights).masks(faces[:0]).shape == (0, 512, 512)


def test_a_batch_that_does_not_fit_is_halved(weights, faces, monkeypatch):
    parser = TorchFaceParser(weights)
    expected = parser.masks(faces)
    sizes = []

    def short_of_memory(network, pictures):
        sizes.append(len(pictures))
        if len(pictures) > 1:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory")
        return whole(network, pictures)

    whole = ParseNet.forward
    monkeypatch.setattr(ParseNet, "forward", short_of_memory)
    assert np.abs(parser.masks(faces) - expected).max() < 1e-5
    assert sizes == [3, 1, 1, 1]


def test_values_that_are_no_numbers_are_an_error(weights, faces, monkeypatch):
    monkeypatch.setattr(ParseNet, "forward", lambda _network, faces: (faces.repeat(1, 7, 1, 1) * torch.nan, None))
    with pytest.raises(ModelDamagedError, match="parsenet: the network gives values that are not numbers"):
        TorchFaceParser(weights).masks(faces[:1])


def test_the_network_is_built_as_wide_and_deep_as_its_weights(tmp_path, faces):
    path = tmp_path / "other.pth"
    torch.save(tiny_parsenet(base_ch=6, ch_range=[6, 12], res_depth=2, min_feat_size=128).state_dict(), path)
    assert TorchFaceParser(path).masks(faces[:1]).shape == (1, 512, 512)


def test_the_released_shape_is_recognised():
    """The released file has 21.3 million parameters (85.2 MB in fp32)."""
    with torch.device("meta"):
        released = ParseNet(in_size=512, out_size=512, parsing_ch=19).state_dict()
        built = PARSERS["parsenet"].build(released).state_dict()
    assert {name: tensor.shape for name, tensor in built.items()} == {
        name: tensor.shape for name, tensor in released.items()
    }
    size = sum(tensor.numel() * tensor.element_size() for tensor in released.values())
    (variant,) = registry()["parsenet"].files[0].variants
    assert variant.bytes == pytest.approx(size, rel=0.01)


def test_bisenet_is_built_and_normalised_as_it_was_trained(tmp_path, faces):
    from facexlib.parsing.bisenet import BiSeNet

    torch.manual_seed(6)
    network = BiSeNet(num_class=19).eval()
    path = tmp_path / "parsing_bisenet.pth"
    torch.save(network.state_dict(), path)
    parser = create_parser(Folder(path), name="bisenet")
    assert parser.name == "bisenet"
    deviation = torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1)
    mean = torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1)
    with torch.inference_mode():
        pixels = (torch.from_numpy(faces[:1] / np.float32(255)).permute(0, 3, 1, 2) - mean) / deviation
        shares = network(pixels)[0].softmax(dim=1)
    expected = sum(shares[:, number] for number, name in enumerate(FACE_PARSING) if name in FACE)
    assert np.abs(parser.masks(faces[:1]) - expected.numpy()).max() < 1e-5


def test_weights_of_another_network_are_refused(tmp_path, weights):
    path = tmp_path / "wrong.pth"
    torch.save({"layer.weight": torch.zeros(3, 3)}, path)
    with pytest.raises(ModelDamagedError, match="parsenet"):
        TorchFaceParser(path)
    with pytest.raises(ModelDamagedError, match="bisenet"):
        TorchFaceParser(weights, "bisenet")
    torch.save(tiny_parsenet(parsing_ch=11).state_dict(), path)
    with pytest.raises(ModelDamagedError):
        TorchFaceParser(path)


def test_a_file_that_could_run_a_program_is_refused(tmp_path):
    class Bomb:
        def __reduce__(self) -> tuple:
            return (print, ("boom",))

    path = tmp_path / "bomb.pth"
    torch.save({"params": Bomb()}, path)
    with pytest.raises(ModelDamagedError, match="refused"):
        TorchFaceParser(path)


def test_a_damaged_file_is_an_error_and_not_a_missing_one(tmp_path):
    (tmp_path / "parsing_parsenet.pth").write_bytes(b"x" * 100)
    with pytest.raises(ModelDamagedError):
        create_parser(ModelStore(models_dir=tmp_path))


def test_an_unknown_parser_is_named(tmp_path):
    with pytest.raises(UsageError, match="bisenet"):
        create_parser(ModelStore(models_dir=tmp_path), name="bisnet")


def test_a_device_that_is_not_there_is_named(weights):
    with pytest.raises(UsageError, match="nowhere"):
        TorchFaceParser(weights, device="nowhere")


@pytest.mark.parametrize(
    "wrong", [np.zeros((1, 256, 256, 3), np.uint8), np.zeros((512, 512, 3), np.uint8), np.zeros((1, 512, 512, 3))]
)
def test_faces_of_another_shape_or_type_are_refused(weights, wrong):
    with pytest.raises(ValueError, match="512"):
        TorchFaceParser(weights).masks(wrong)


def test_the_store_is_asked_and_nothing_is_fetched(monkeypatch):
    class Empty:
        asked: list[str] = []  # noqa: RUF012 - one test, one instance

        def locate(self, name):
            self.asked.append(name)
            raise ModelMissingError("not here", item=name)

    store = Empty()
    assert create_parser(store) is None
    assert store.asked == ["parsenet"]


def test_the_faces_room_loads_no_torch_for_a_parser_that_is_not_there():
    code = "import sys, fancam.faces as f; f.create_parser; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
