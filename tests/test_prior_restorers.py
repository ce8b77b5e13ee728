from __future__ import annotations

import dataclasses
import hashlib
import importlib.util
import os
import pickle
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from fancam.enhancing.prior.restorers import RECIPES, FaceNetwork, Restorer, adapt_gfpgan, resolve_restorer
from fancam.errors import DeviceError, ExitCode, ModelDamagedError, ModelMissingError, UsageError
from fancam.nn import ModelStore, Variant
from fancam.nn.device import Compute, keep_in_fp32
from fancam.nn.registry import registry
from fancam.settings import RestoreSettings
from tests.prior_networks import BF16, FP32, StandInRestorer, saved, small_gfpgan, small_restoreformer

MODELS = os.environ.get("FANCAM_MODELS")  # here, because tests do not see the user's folders
EXTRA = "spandrel_extra_arches"
needs_codeformer = pytest.mark.skipif(
    importlib.util.find_spec(EXTRA) is None, reason=f"CodeFormer's architecture is not here: pip install {EXTRA}"
)


def random_faces(count: int, side_px: int = 512, seed: int = 0) -> np.ndarray:
    """Soft random pictures over the whole range, uint8."""
    faces = np.random.default_rng(seed).integers(0, 256, (count, 16, 16, 3), np.uint8)
    return np.stack([cv2.resize(face, (side_px, side_px), interpolation=cv2.INTER_CUBIC) for face in faces])


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    """Of pictures in [0, 1]."""
    return 10 * np.log10(1 / max(np.mean((a.astype(float) - b.astype(float)) ** 2), 1e-12))


# --- the choice -----------------------------------------------------------------------------------------------------


@pytest.fixture
def put(tmp_path, monkeypatch):
    """Put a stand-in for a model's weights into a folder, and let the registry know its size and hash."""

    def put(name: str, content: bytes = b"weights") -> Path:
        entry = registry()[name]
        variant = Variant(len(content), hashlib.sha256(content).hexdigest())
        file = dataclasses.replace(entry.files[0], variants=(variant,))
        monkeypatch.setitem(registry(), name, dataclasses.replace(entry, files=(file,)))
        (tmp_path / file.file).write_bytes(content)
        return tmp_path / file.file

    return put


def choice(tmp_path: Path, restore: str, **settings):
    return resolve_restorer(RestoreSettings(restore=restore, **settings), ModelStore(models_dir=tmp_path))


def test_auto_without_weights_is_no_prior_and_names_the_command_that_gets_them(tmp_path):
    found = choice(tmp_path, "auto")
    assert found.name is None
    assert found.note == "no face prior: its weights are not here; 'fancam models pull restoreformer' gets them"


def test_auto_takes_the_prior_whose_licence_allows_commercial_use(tmp_path, put):
    put("gfpgan-1.4"), put("codeformer")
    assert choice(tmp_path, "auto").name is None, "non-commercial weights are taken by name only"
    put("restoreformer")
    found = choice(tmp_path, "auto")
    assert (found.name, found.note) == ("restoreformer", "")


def test_auto_says_so_when_the_weights_are_cut_short(tmp_path, put):
    put("restoreformer").write_bytes(b"wei")
    with pytest.raises(ModelDamagedError, match=r"RestoreFormer\.pth: 3 bytes, expected 7"):
        choice(tmp_path, "auto")


@pytest.mark.parametrize("settings", [{"restore": "none"}, {"restore": "gfpgan", "strength": 0.0}])
def test_no_prior_is_looked_for_where_none_would_show(tmp_path, settings):
    found = choice(tmp_path, **settings)
    assert found.name is None and found.reason and not found.note


def test_gfpgan_is_the_newest_that_is_here(tmp_path, put):
    put("gfpgan-1.3")
    assert choice(tmp_path, "gfpgan").name == "gfpgan-1.3"
    put("gfpgan-1.4")
    found = choice(tmp_path, "gfpgan")
    assert found.name == "gfpgan-1.4" and "not for commercial use" in found.note


@pytest.mark.parametrize(
    ("restore", "model"), [("restoreformer", "restoreformer"), ("gfpgan", "gfpgan-1.4"), ("codeformer", "codeformer")]
)
def test_a_prior_asked_for_by_name_whose_weights_are_not_here_is_an_error(tmp_path, restore, model):
    if restore == "codeformer" and importlib.util.find_spec(EXTRA) is None:
        pytest.skip(f"CodeFormer's architecture is not here: pip install {EXTRA}")
    with pytest.raises(ModelMissingError, match=f"fancam models pull {model}") as caught:
        choice(tmp_path, restore)
    assert caught.value.exit_code == ExitCode.MODEL_MISSING


def test_codeformer_without_its_architecture_names_the_package(tmp_path, put, monkeypatch):
    put("codeformer")
    monkeypatch.setitem(sys.modules, EXTRA, None)  # as if it were not installed
    with pytest.raises(ModelMissingError, match=f"pip install {EXTRA}"):
        choice(tmp_path, "codeformer")


def test_a_file_that_is_not_there_is_a_missing_model(tmp_path):
    with pytest.raises(ModelMissingError, match=r"mine\.pth: there is no such weight file"):
        choice(tmp_path, str(tmp_path / "mine.pth"))


def test_restoreformer_plus_plus_cannot_be_chosen_and_the_nearest_is_named():
    with pytest.raises(UsageError, match="did you mean 'restoreformer'"):
        RestoreSettings(restore="restoreformer++")


def test_the_choice_opens_no_file(tmp_path, put, monkeypatch):
    put("restoreformer", b"not weights at all")
    monkeypatch.setattr(Path, "open", lambda *_: pytest.fail("a file was opened"))
    assert choice(tmp_path, "restoreformer").name == "restoreformer"


# --- loading --------------------------------------------------------------------------------------------------------


def load(path: Path, compute: Compute = FP32) -> Restorer:
    store = ModelStore(models_dir=path.parent)
    return Restorer.load(resolve_restorer(RestoreSettings(restore=str(path)), store), store, compute)


@pytest.fixture(scope="module")
def gfpgan_file(tmp_path_factory) -> Path:
    return saved(small_gfpgan(), tmp_path_factory.mktemp("weights") / "small_gfpgan.pth")


@pytest.fixture(scope="module")
def restoreformer_file(tmp_path_factory) -> Path:
    return saved(small_restoreformer(), tmp_path_factory.mktemp("weights") / "small_restoreformer.pth")


def test_a_registered_prior_is_hashed_before_it_is_opened(tmp_path, put, gfpgan_file):
    content = gfpgan_file.read_bytes()
    path = put("gfpgan-1.4", content)
    store = ModelStore(models_dir=tmp_path)
    found = choice(tmp_path, "gfpgan")
    restorer = Restorer.load(found, store, FP32)
    assert (restorer.name, restorer.sha256) == ("gfpgan-1.4", hashlib.sha256(content).hexdigest())
    assert restorer.network.architecture == "GFPGAN"
    flipped = bytearray(content)
    flipped[len(flipped) // 2] ^= 1
    path.write_bytes(flipped)
    with pytest.raises(ModelDamagedError, match="expected"):
        Restorer.load(found, store, FP32)


def test_a_file_of_the_users_is_recognised_and_recorded(restoreformer_file):
    restorer = load(restoreformer_file)
    assert (restorer.name, restorer.network.architecture) == ("small_restoreformer.pth", "RestoreFormer")
    assert restorer.sha256 == hashlib.sha256(restoreformer_file.read_bytes()).hexdigest()
    assert restorer.network.precisions == ("fp32", "bf16")


class _Bomb:
    def __reduce__(self) -> tuple:
        return os.getcwd, ()


def test_a_file_that_would_run_a_program_is_refused(tmp_path):
    path = tmp_path / "bomb.pth"
    path.write_bytes(pickle.dumps({"params_ema": _Bomb()}))
    with pytest.raises(ModelDamagedError, match="refused"):
        load(path)


def written(tmp_path: Path, state: dict[str, torch.Tensor]) -> Path:
    torch.save({"state_dict": state}, tmp_path / "mine.ckpt")
    return tmp_path / "mine.ckpt"


def test_restoreformer_plus_plus_is_told_by_name(tmp_path):
    with pytest.raises(UsageError, match=r"RestoreFormer\+\+.*--restore restoreformer"):
        load(written(tmp_path, {"vqvae.encoder.conv_in.weight": torch.zeros(4, 3, 3, 3)}))


def test_weights_of_an_upscaler_are_no_face_prior(tmp_path):
    state = {"body.0.weight": torch.zeros(8, 3, 3, 3), "body.0.bias": torch.zeros(8)}
    with pytest.raises(UsageError, match=r"no face prior that is known.*--upscaler"):
        load(written(tmp_path, state))


def test_a_network_for_faces_of_another_size_is_refused(tmp_path):
    with pytest.raises(UsageError, match="faces of 64 pixels"):
        load(saved(small_gfpgan(64), tmp_path / "small.pth"))


@pytest.mark.parametrize("missing", ["stylegan_decoder.noises.noise3", "final_linear.weight", "toRGB.1.bias"])
def test_weights_with_a_missing_parameter_are_damaged(tmp_path, missing):
    state = small_gfpgan(64).state_dict()
    del state[missing]
    with pytest.raises(ModelDamagedError, match=f"do not fit a GFPGAN network.*{missing}"):
        load(written(tmp_path, state))


def test_codeformers_weights_without_its_architecture_name_the_package(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, EXTRA, None)
    keys = ("position_emb", "idx_pred_layer.1.weight", "quantize.embedding.weight")
    with pytest.raises(ModelMissingError, match=f"pip install {EXTRA}"):
        load(written(tmp_path, {key: torch.zeros(2, 2) for key in keys}))


def test_other_priors_do_not_need_codeformers_package(gfpgan_file, monkeypatch):
    monkeypatch.setitem(sys.modules, EXTRA, None)
    assert load(gfpgan_file).network.architecture == "GFPGAN"


def test_no_prior_cannot_be_loaded(tmp_path):
    with pytest.raises(ValueError, match="no face prior was chosen"):
        Restorer.load(choice(tmp_path, "none"), ModelStore(models_dir=tmp_path), FP32)


# --- calling them in their range ------------------------------------------------------------------------------------

LAST_LAYER = {
    "GFPGAN": "stylegan_decoder.to_rgbs.6",
    "RestoreFormer": "decoder.conv_out",
    "CodeFormer": "generator.blocks.24",
}


def spied(restorer: Restorer, answer=None) -> list[torch.Tensor]:
    """Let the last layer give the network's input, or a constant; return the list of inputs, filled by each call."""
    seen: list[torch.Tensor] = []
    module = restorer.network.module  # on the CPU in fp32 the network is used as it is
    module.register_forward_pre_hook(lambda _module, inputs: seen.append(inputs[0].clone()))
    last = module.get_submodule(LAST_LAYER[restorer.network.architecture])
    last.register_forward_hook(
        lambda _module, _inputs, result: seen[-1].clone() if answer is None else torch.full_like(result, answer)
    )
    return seen


@pytest.fixture(params=["gfpgan_file", "restoreformer_file"])
def weights(request) -> Path:
    return request.getfixturevalue(request.param)


def test_a_network_that_gives_its_input_gives_the_face_back(weights):
    restorer = load(weights)
    seen = spied(restorer)
    face = random_faces(1)
    face[0, 0, 0], face[0, 0, 1] = 0, 255
    result = restorer.restore(face)
    assert result.faces.shape == (1, 512, 512, 3) and result.faces.dtype == np.float32
    assert np.abs(result.faces * 255 - face).max() < 1e-3
    assert seen[0].shape == (1, 3, 512, 512) and (seen[0].min(), seen[0].max()) == (-1, 1)
    assert torch.equal(seen[0][0, :, 40, 60], torch.from_numpy(face[0, 40, 60]).float() / 255 * 2 - 1), "RGB, upright"
    assert not result.given_up and not result.notes


@pytest.mark.parametrize(("answer", "expected"), [(-1.0, 0.0), (-0.5, 0.25), (0.0, 0.5), (1.0, 1.0), (3.0, 1.0)])
def test_minus_one_is_black_and_one_is_white(restoreformer_file, answer, expected):
    """Clamped to [0, 1] and not converted, the lower half would be black: the fault known as white faces."""
    network = load(restoreformer_file).network
    restorer = Restorer(dataclasses.replace(network, side_px=64), FP32)
    spied(restorer, answer)
    assert restorer.restore(random_faces(1, 64)).faces == pytest.approx(expected)


def test_the_noise_of_gfpgan_is_the_same_in_every_run(gfpgan_file):
    restorer, faces = load(gfpgan_file), random_faces(1)
    first = restorer.restore(faces).faces
    assert first.std() > 0.01, "the network draws something"
    assert restorer.restore(faces).faces.tobytes() == first.tobytes()


@pytest.mark.parametrize("compute", [FP32, BF16], ids=["fp32", "bf16"])
def test_the_same_faces_give_the_same_bytes_from_a_fresh_restorer(compute):
    results = [Restorer(own_network("GFPGAN"), compute).restore(random_faces(2, 64)).faces for _ in range(2)]
    assert results[0].tobytes() == results[1].tobytes()


def own_network(architecture: str) -> FaceNetwork:
    """A small network of an architecture, for faces of 64 pixels."""
    if architecture == "GFPGAN":
        module = small_gfpgan(64)
        adapt_gfpgan(module)
    else:
        module = small_restoreformer()
    recipe, precisions = RECIPES[architecture], ("fp32", "bf16")
    return FaceNetwork("small", module, 1, "0" * 64, architecture, recipe, precisions, side_px=64)


def test_shared_convolutions_give_what_the_architecture_gives():
    original, shared_weights = small_gfpgan(64), small_gfpgan(64)
    adapt_gfpgan(shared_weights)
    faces = torch.from_numpy(random_faces(3, 64)).permute(0, 3, 1, 2).contiguous().float() / 127.5 - 1
    with torch.inference_mode():
        expected = original(faces, randomize_noise=False)[0]
        result = shared_weights(faces, randomize_noise=False)[0]
    assert (expected[0] - expected[1]).abs().max() > 1e-3, "each face has a style of its own"
    assert (result - expected).abs().max() < 1e-4 * expected.abs().max()


@pytest.mark.parametrize("architecture", ["GFPGAN", "RestoreFormer"])
def test_a_batch_gives_what_single_faces_give(architecture):
    faces = random_faces(5, 64)
    single = Restorer(own_network(architecture), FP32, batch=1).restore(faces).faces
    batched = Restorer(own_network(architecture), FP32, batch=4).restore(faces).faces
    assert psnr(single, batched) >= 80 and np.abs(single[0] - single[1]).max() > 1e-3


# --- precision ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("architecture", "side_px"), [("GFPGAN", 64), ("RestoreFormer", 256)])
def test_bf16_agrees_with_fp32(architecture, side_px):
    """Were the codes of RestoreFormer chosen in bf16 as well, this one would choose 3 % others and reach 17 dB."""
    faces = random_faces(1, side_px)
    network = dataclasses.replace(own_network(architecture), side_px=side_px)
    half = Restorer(network, BF16).restore(faces).faces
    exact = Restorer(network, FP32).restore(faces).faces
    assert 35 < psnr(exact, half) < 90, "more would mean that fp32 was used"


def test_what_bf16_would_spoil_stays_in_fp32():
    def dtypes(architecture: str) -> dict[str, torch.dtype]:
        recipe = RECIPES[architecture]
        half = keep_in_fp32(own_network(architecture).module, torch.bfloat16, recipe.fp32, recipe.half)
        return {name: parameter.dtype for name, parameter in half.named_parameters()}

    gfpgan, restoreformer = dtypes("GFPGAN"), dtypes("RestoreFormer")
    for name in ("to_rgbs.3.modulated_conv.weight", "to_rgb1.bias", "style_convs.2.modulated_conv.modulation.weight"):
        assert gfpgan[f"stylegan_decoder.{name}"] == torch.float32
    assert gfpgan["conv_body_first.weight"] == gfpgan["final_linear.weight"] == torch.float32
    assert gfpgan["stylegan_decoder.style_convs.2.modulated_conv.weight"] == torch.bfloat16
    assert gfpgan["conv_body_down.0.conv1.weight"] == torch.bfloat16
    for name in ("quantize.embedding.weight", "encoder.down.2.block.0.conv1.weight", "decoder.conv_out.weight"):
        assert restoreformer[name] == torch.float32
    assert restoreformer["decoder.mid.attn_1.q.weight"] == torch.bfloat16


def test_a_precision_the_network_does_not_work_in_is_reported():
    fp16 = Compute(torch.device("cpu"), torch.float16, "fp16")
    restorer = Restorer(own_network("GFPGAN"), fp16)
    assert restorer.compute.precision == "fp32"
    assert restorer.notes == ("GFPGAN does not work in fp16; fp32 was used",)


# --- faults ---------------------------------------------------------------------------------------------------------


def test_faces_come_back_in_order_whatever_the_batch():
    faces = random_faces(5, 32)
    told = []
    result = StandInRestorer(lambda x: -x, batch=2, side_px=32).restore(faces, lambda *step: told.append(step))
    assert np.abs(result.faces - (1 - faces / 255)).max() < 1e-6
    assert told == [("restore", 2, 5), ("restore", 4, 5), ("restore", 5, 5)]


def test_levels_and_fractions_give_the_same_face():
    faces = random_faces(1, 32)
    restorer = StandInRestorer(side_px=32)
    assert np.abs(restorer.restore(faces).faces - restorer.restore(faces.astype(np.float32) / 255).faces).max() < 1e-6


def test_no_faces_are_no_work():
    assert (
        StandInRestorer(lambda _: pytest.fail("ran")).restore(np.empty((0, 512, 512, 3), np.uint8)).faces.shape[0] == 0
    )


@pytest.mark.parametrize(
    ("shape", "dtype"), [((1, 32, 31, 3), np.uint8), ((32, 32, 3), np.uint8), ((1, 32, 32, 3), np.float64)]
)
def test_what_are_not_faces_is_refused(shape, dtype):
    with pytest.raises(ValueError, match="not RGB faces of 32 pixels"):
        StandInRestorer(side_px=32).restore(np.zeros(shape, dtype))


def broken_on_dark(faces: torch.Tensor) -> torch.Tensor:
    """Not a number on faces that are black."""
    return torch.where(faces.mean((1, 2, 3), keepdim=True) < -0.9, torch.nan, faces)


def test_a_face_the_network_fails_on_is_given_up_and_the_others_are_not():
    faces = random_faces(5, 32)
    faces[3] = 3
    result = StandInRestorer(broken_on_dark, batch=2, side_px=32).restore(faces)
    assert result.given_up == {3: "the network gives values that are not numbers"}
    assert np.abs(result.faces - faces / np.float32(255)).max() < 1e-6, "it stays as it came"


def test_a_face_that_fails_in_bf16_is_redone_in_fp32():
    calls = []

    def only_fp32(faces: torch.Tensor) -> torch.Tensor:
        calls.append(len(faces))
        return broken_on_dark(-faces) if len(calls) == 1 else -faces

    faces = random_faces(3, 32)
    faces[2] = 255
    result = StandInRestorer(only_fp32, compute=BF16, batch=3, side_px=32).restore(faces)
    assert calls == [3, 1] and not result.given_up
    assert result.notes == ("face 2 was redone in fp32: bf16 gave non-numbers",)
    assert np.abs(result.faces - (1 - faces / 255)).max() < 1e-6


def test_a_face_that_fails_in_fp32_too_is_given_up():
    faces = random_faces(2, 32)
    faces[0] = 3
    result = StandInRestorer(broken_on_dark, compute=BF16, side_px=32).restore(faces)
    assert result.given_up == {0: "the network gives values that are not numbers, in fp32 too"}


def too_large_from(count: int):
    def effect(faces: torch.Tensor) -> torch.Tensor:
        if len(faces) >= count:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return -faces

    return effect


def test_out_of_memory_halves_the_batch_and_loses_no_face():
    faces = random_faces(7, 32)
    restorer = StandInRestorer(too_large_from(3), batch=6, side_px=32)
    result = restorer.restore(faces)
    assert np.abs(result.faces - (1 - faces / 255)).max() < 1e-6
    assert result.notes == ("memory ran out: 3 face(s) per pass", "memory ran out: 1 face(s) per pass")
    assert not restorer.restore(faces).notes, "it is remembered"


def test_no_memory_for_one_face_is_a_device_error():
    with pytest.raises(DeviceError, match="not enough memory for one face"):
        StandInRestorer(too_large_from(1), side_px=32).restore(random_faces(1, 32))


def test_other_errors_are_not_taken_for_a_lack_of_memory():
    def effect(_faces: torch.Tensor) -> torch.Tensor:
        raise RuntimeError("a bug")

    with pytest.raises(RuntimeError, match="a bug"):
        StandInRestorer(effect, batch=4, side_px=32).restore(random_faces(4, 32))


# --- CodeFormer -----------------------------------------------------------------------------------------------------


def codeformer_class():
    return importlib.import_module(f"{EXTRA}.architectures.CodeFormer").CodeFormer


def light_codeformer() -> torch.nn.Module:
    """CodeFormer whose convolutions do next to nothing: the transformer, the codes and the calls are its own."""
    torch.manual_seed(3)
    network = codeformer_class()(dim_embd=16, n_layers=1, codebook_size=8, connect_list=["32"]).eval()
    encoder, generator = network.encoder.blocks, network.generator.blocks
    for index in range(len(encoder)):
        encoder[index] = torch.nn.Identity()
    encoder[0], encoder[13] = torch.nn.Conv2d(3, 256, 1), torch.nn.AvgPool2d(16)
    encoder[15] = torch.nn.AvgPool2d(2)
    for index in range(len(generator) - 1):
        generator[index] = torch.nn.Identity()
    generator[0], generator[1] = torch.nn.Conv2d(256, 256, 1), torch.nn.Upsample(scale_factor=2)
    generator[20] = torch.nn.Conv2d(256, 64, 1)
    generator[21] = torch.nn.Upsample(scale_factor=16)
    return network


@needs_codeformer
def test_codeformer_runs_in_bf16_where_its_own_code_would_mix_precisions():
    recipe, precisions = RECIPES["CodeFormer"], ("fp32", "bf16")
    network = FaceNetwork("light", light_codeformer(), 1, "0" * 64, "CodeFormer", recipe, precisions)
    faces = random_faces(1)
    exact, half = Restorer(network, FP32).restore(faces), Restorer(network, BF16).restore(faces)
    assert exact.faces.std() > 0.01 and not half.given_up
    assert 38 < psnr(exact.faces, half.faces) < 90


@needs_codeformer
@pytest.mark.slow
def test_codeformer_is_loaded_from_a_file_and_called_in_its_range_with_its_weight(tmp_path):
    torch.manual_seed(4)
    network = codeformer_class()(dim_embd=32, n_layers=1, codebook_size=8, connect_list=["32"])
    restorer = load(saved(network, tmp_path / "small_codeformer.pth"))
    assert restorer.network.architecture == "CodeFormer"
    face = random_faces(1)
    drawn = restorer.restore(face).faces[0]
    given = torch.from_numpy(face).permute(0, 3, 1, 2).float() / 127.5 - 1
    with torch.inference_mode():
        by_hand = network.eval()(given, weight=0.5)[0][0].permute(1, 2, 0).numpy()
    assert np.abs(drawn - np.clip(by_hand / 2 + 0.5, 0, 1)).max() < 1e-3
    spied(restorer)
    assert np.abs(restorer.restore(face).faces * 255 - face).max() < 1e-3


# --- released weights -----------------------------------------------------------------------------------------------


def picture(path: Path) -> np.ndarray:
    return np.ascontiguousarray(cv2.imread(str(path))[..., ::-1])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "given_face", "output", "converted"),
    [
        ("restoreformer", "lr-face", "RestoreFormer", True),
        ("gfpgan-1.4", "blurry-face", "GFPGANv1.4", False),
        ("codeformer", "blurry-face", "codeformer", False),
    ],
)
def test_released_weights_reproduce_their_published_output(shared, model, given_face, output, converted):
    """spandrel's tests published these, through its own call: for two of the three it feeds [0, 1] unconverted."""
    folder = shared("data/photo/goldens")
    store = ModelStore(models_dir=Path(MODELS) if MODELS else None)
    if not store.has(model):
        pytest.skip(f"the weights of {model} are not here; name their folder in FANCAM_MODELS")
    path = store.locate(model)
    restorer = Restorer.load(dataclasses.replace(resolve_file(path), name=model), store, FP32)
    face = picture(folder / f"inputs/{given_face}.jpg").astype(np.float32)[None] / 255
    published = picture(folder / f"outputs/{given_face}/{output}.png").astype(np.float32) / 255
    drawn = restorer.restore(face).faces
    as_published = drawn if converted else 2 * restorer.restore((face + 1) / 2).faces - 1
    assert psnr(np.clip(as_published[0], 0, 1), published) >= 40
    low, camera = (cv2.GaussianBlur(each[0], (0, 0), 24) for each in (drawn, face))
    assert np.abs(low - camera).mean() < 0.03, "and in its right range the face keeps its brightness"


def resolve_file(path: Path):
    return resolve_restorer(RestoreSettings(restore=str(path)), ModelStore())
