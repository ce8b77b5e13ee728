from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from spandrel.architectures.DnCNN import DnCNN
from spandrel.architectures.DRUNet import DRUNet

from fancam.enhancing.cleaning.denoisenets import RECIPES, denoise_network, grid_axis
from fancam.enhancing.cleaning.learned import NETWORKS, LearnedDenoiser, resolve_denoiser
from fancam.errors import DeviceError, ExitCode, ModelDamagedError, ModelMissingError, UsageError
from fancam.nn import ModelStore, Variant
from fancam.nn.device import Compute
from fancam.nn.networks import Weights
from fancam.nn.registry import registry
from fancam.results import NoiseModel
from fancam.settings import CleanSettings
from tests.denoise_networks import BF16, FP32, SMALL, saved, stand_in
from tests.prior_networks import small_restoreformer
from tests.test_enhance_networks import compact_state

ARCHITECTURES = {"scunet": "SCUNet", "nafnet": "NAFNet", "drunet": "DRUNet"}
STRONG = {"scunet": 255.0, "nafnet": 255.0, "drunet": 20.0}
"""A strength at which nothing of the answer of a network is held back."""


def noisy_picture(height: int = 90, width: int = 130, sigma: float = 8.0, dtype: type = np.uint8) -> np.ndarray:
    """A soft picture over the middle of the range, with noise of its own in each channel."""
    rows, columns = np.mgrid[:height, :width]
    waves = [np.sin(rows / 17 + k) + np.cos(columns / 11 - k) for k in range(3)]
    soft = 128 + 45 * np.stack(waves, axis=-1)
    noise = np.random.default_rng(height * width).normal(0, sigma, soft.shape)
    steps = 257 if dtype == np.uint16 else 1
    return np.clip(np.rint((soft + noise) * steps), 0, np.iinfo(dtype).max).astype(dtype)


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    top = np.iinfo(a.dtype).max
    return 10 * np.log10(top**2 / max(np.mean((a.astype(float) - b.astype(float)) ** 2), 1e-9))


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("weights")
    return {name: saved(make(), folder / f"{name}.pth") for name, make in SMALL.items()}


def load(path: Path, compute: Compute = FP32, **options) -> LearnedDenoiser:
    return LearnedDenoiser.load(str(path), ModelStore(), compute, **options)


def in_tiles(denoiser: LearnedDenoiser, tile_px: int) -> LearnedDenoiser:
    recipe = dataclasses.replace(denoiser.network.recipe, tile_px=tile_px)
    return LearnedDenoiser(dataclasses.replace(denoiser.network, recipe=recipe), denoiser.compute)


# --- the choice -------------------------------------------------------------------------------------------------------


@pytest.fixture
def put(tmp_path, monkeypatch, files):
    """Put a small network into a folder in the place of a model's weights, and let the registry know it."""

    def put(name: str) -> Path:
        content = files[name].read_bytes()
        entry = registry()[name]
        variant = Variant(len(content), hashlib.sha256(content).hexdigest())
        file = dataclasses.replace(entry.files[0], variants=(variant,))
        monkeypatch.setitem(registry(), name, dataclasses.replace(entry, files=(file,)))
        (tmp_path / file.file).write_bytes(content)
        return tmp_path / file.file

    return put


def choice(tmp_path: Path, denoiser: str, denoise: str = "auto"):
    return resolve_denoiser(CleanSettings(denoiser=denoiser, denoise=denoise), ModelStore(models_dir=tmp_path))


@pytest.mark.parametrize("denoiser", ["auto", "builtin"])
def test_the_built_in_denoiser_is_no_network_even_where_all_weights_are_here(tmp_path, put, denoiser):
    put("scunet"), put("nafnet"), put("drunet")
    found = choice(tmp_path, denoiser)
    assert (found.name, found.source, found.note) == (None, None, "")
    assert "built-in" in found.reason


def test_no_network_is_looked_for_where_no_noise_is_to_be_taken_out(tmp_path):
    assert choice(tmp_path, "scunet", denoise="off").name is None


@pytest.mark.parametrize("name", NETWORKS)
def test_missing_weights_are_named_with_url_size_hash_and_folder(tmp_path, name):
    for ask in (lambda: choice(tmp_path, name), lambda: LearnedDenoiser.load(name, ModelStore(tmp_path), FP32)):
        with pytest.raises(ModelMissingError) as caught:
            ask()
        file = registry()[name].files[0]
        line = caught.value.line()
        assert file.file in line and file.url in line and file.variants[0].sha256 in line and str(tmp_path) in line
        assert f"{file.variants[0].bytes:,} bytes" in line and f"fancam models pull {name}" in line
        assert caught.value.exit_code == ExitCode.MODEL_MISSING


@pytest.mark.parametrize("name", NETWORKS)
def test_weights_from_the_store_are_recognised_and_recorded(tmp_path, put, name):
    path = put(name)
    assert choice(tmp_path, name).source == name
    denoiser = LearnedDenoiser.load(name, ModelStore(tmp_path), FP32)
    assert (denoiser.name, denoiser.network.architecture) == (name, ARCHITECTURES[name])
    assert denoiser.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_weights_cut_short_or_changed_are_not_opened(tmp_path, put):
    path = put("drunet")
    content = bytearray(path.read_bytes())
    path.write_bytes(content[:-1])
    with pytest.raises(ModelDamagedError, match="expected"):
        choice(tmp_path, "drunet")
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(ModelDamagedError, match="sha256"):
        LearnedDenoiser.load("drunet", ModelStore(tmp_path), FP32)


def test_the_choice_opens_no_file(tmp_path, put, monkeypatch):
    put("scunet")
    monkeypatch.setattr(Path, "open", lambda *_: pytest.fail("a file was opened"))
    assert choice(tmp_path, "scunet").name == "scunet"


def test_a_licence_that_needs_words_is_told_and_one_that_needs_none_is_not(tmp_path, put, files):
    put("scunet"), put("nafnet")
    assert choice(tmp_path, "scunet").note == ""
    assert LearnedDenoiser.load("scunet", ModelStore(tmp_path), FP32).licence_note is None
    assert "SIDD" in choice(tmp_path, "nafnet").note
    assert "SIDD" in LearnedDenoiser.load("nafnet", ModelStore(tmp_path), FP32).licence_note
    assert load(files["scunet"]).licence_note == "the licence of scunet.pth is not known here"


def test_a_file_of_the_users_is_chosen_by_its_path(tmp_path, files):
    found = choice(tmp_path, str(files["drunet"]))
    assert (found.name, found.source) == ("drunet.pth", str(files["drunet"]))
    assert load(Path(found.source)).name == "drunet.pth"
    for ask in (lambda: choice(tmp_path, "gone.pth"), lambda: load(Path("gone.pth"))):
        with pytest.raises(ModelMissingError, match="no such weight file"):
            ask()


# --- what is refused --------------------------------------------------------------------------------------------------


def refusal(tmp_path: Path, state: dict[str, torch.Tensor], kind: type[Exception] = UsageError) -> str:
    torch.save(state, tmp_path / "mine.pth")
    with pytest.raises(kind) as caught:
        load(tmp_path / "mine.pth")
    assert "mine.pth" in caught.value.line()
    return caught.value.line()


def test_a_network_that_enlarges_is_sent_to_the_upscaler(tmp_path):
    assert "x2" in (line := refusal(tmp_path, compact_state())) and "--upscaler" in line


def test_a_network_for_grey_pictures_is_refused(tmp_path):
    line = refusal(tmp_path, DRUNet(in_nc=2, out_nc=1, nc=[8, 8, 8, 8], nb=2).state_dict())
    assert "1 to 1 channels" in line


def test_a_face_prior_and_weights_of_nothing_are_refused(tmp_path):
    assert "FaceSR" in refusal(tmp_path, small_restoreformer().state_dict())
    assert "no architecture" in refusal(tmp_path, {"weight": torch.zeros(3)})


def test_weights_with_a_part_missing_are_damaged(tmp_path, files):
    state = torch.load(files["drunet"], weights_only=True)
    del state["m_body.1.res.2.weight"]
    assert "do not fit" in refusal(tmp_path, state, ModelDamagedError)


def test_a_pickle_that_could_run_a_program_is_refused(tmp_path):
    class Attack:
        def __reduce__(self) -> tuple:
            return (Path(tmp_path / "ran").write_text, ("yes",))

    torch.save({"m_head.weight": Attack()}, tmp_path / "evil.pth")
    with pytest.raises(ModelDamagedError):
        load(tmp_path / "evil.pth")
    assert not (tmp_path / "ran").exists()


# --- what comes out ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("size", [(1, 1), (5, 7), (65, 131)])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_any_picture_comes_back_in_its_size_and_type(files, name, size, dtype):
    picture = noisy_picture(*size, dtype=dtype)
    before = picture.copy()
    result = load(files[name])(picture, 5.0)
    assert result.shape == picture.shape and result.dtype == dtype and result.flags.c_contiguous
    assert (picture == before).all()


@pytest.mark.parametrize("name", NETWORKS)
def test_deep_pictures_keep_what_eight_bits_cannot_hold(files, name):
    denoiser, deep = load(files[name]), noisy_picture(dtype=np.uint16)
    result = denoiser(deep, STRONG[name])
    assert len(np.unique(result % 257)) > 200
    shallow = denoiser(np.rint(deep / 257).astype(np.uint8), STRONG[name])
    assert psnr(np.rint(result / 257).astype(np.uint8), shallow) > 45


@pytest.mark.parametrize("name", NETWORKS)
def test_the_answer_is_that_of_the_network(files, name):
    """Called by hand on a picture that needs no mirroring, in the range and the order of channels of its release."""
    picture = noisy_picture(64, 128)
    fractions = torch.from_numpy(picture).permute(2, 0, 1)[None] / 255
    if name == "drunet":
        fractions = torch.cat([fractions, torch.full((1, 1, 64, 128), 20 / 255)], 1)
    with torch.inference_mode():
        expected = SMALL[name]()(fractions).clamp(0, 1).mul(255).round()[0].permute(1, 2, 0).numpy()
    result = load(files[name])(picture, STRONG[name])
    assert np.abs(result.astype(int) - expected).max() <= 1
    assert psnr(result, picture) < 40, "the network does something"


@pytest.mark.parametrize(("name", "tile_px"), [("scunet", 192), ("nafnet", 128), ("drunet", 160)])
def test_a_picture_in_tiles_is_the_picture_as_a_whole(files, name, tile_px):
    picture = noisy_picture(130, 250, dtype=np.uint16)
    denoiser = load(files[name])
    whole, tiled = in_tiles(denoiser, 512), in_tiles(denoiser, tile_px)
    seen = []
    result = tiled.denoise(picture, STRONG[name], progress=lambda *call: seen.append(call))
    assert len(seen) >= 2 and seen[-1] == ("denoise", len(seen), len(seen))
    # NAFNet looks at the mean of its tile. Windows of SCUNet that do not meet the same pixels give 48 dB.
    assert psnr(result.pixels, whole(picture, STRONG[name])) > (60 if name == "nafnet" else 75)


def test_a_constant_picture_has_no_seams():
    denoiser = LearnedDenoiser(stand_in(lambda tiles: tiles * 0.99), FP32)
    assert len(np.unique(denoiser(np.full((200, 300, 3), 40000, np.uint16), 255.0))) == 1


def test_beyond_its_edges_a_picture_is_mirrored():
    def blurred(tiles: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.avg_pool2d(tiles, 9, 1, 4, count_include_pad=False)

    denoiser = LearnedDenoiser(stand_in(blurred), FP32)
    assert (denoiser(np.full((61, 77, 3), 200, np.uint8), 255.0) == 200).all()


@pytest.mark.parametrize(("name", "tile_px"), [("scunet", 192), ("nafnet", 128), ("drunet", 136)])
def test_tiles_in_batches_give_what_they_give_alone(files, name, tile_px):
    picture = noisy_picture(100, 300)
    alone = in_tiles(load(files[name]), tile_px)
    together = LearnedDenoiser(alone.network, FP32, batch=3)
    one, three = alone(picture, STRONG[name]), together(picture, STRONG[name])
    assert np.abs(one.astype(int) - three).max() <= 1


@pytest.mark.parametrize("name", NETWORKS)
def test_the_same_picture_gives_the_same_bytes(files, name):
    picture = noisy_picture()
    first, second = load(files[name]), load(files[name])
    result = first(picture, 6.0)
    first(noisy_picture(70, 71), 30.0)
    assert (result == first(picture, 6.0)).all() and (result == second(picture, 6.0)).all()


def test_another_network_that_spandrel_knows_is_run_in_fp32_and_says_so(tmp_path):
    torch.manual_seed(6)
    network = DnCNN(in_nc=3, out_nc=3, nc=8, nb=20, act_mode="R").eval()
    denoiser = load(saved(network, tmp_path / "dncnn.pth"), BF16)
    assert denoiser.network.architecture == "DnCNN" and not denoiser.network.recipe.takes_level
    assert any("fp32" in note for note in denoiser.notes) and denoiser.compute.precision == "fp32"
    picture = noisy_picture(304, 272)
    with torch.inference_mode():
        expected = network(torch.from_numpy(picture).permute(2, 0, 1)[None] / 255).clamp(0, 1)
    expected = expected.mul(255).round()[0].permute(1, 2, 0).numpy()
    assert np.abs(denoiser(picture, 255.0).astype(int) - expected).max() <= 1


# --- precision --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NETWORKS)
def test_half_precision_is_near_fp32(files, name):
    picture = noisy_picture(dtype=np.uint16)
    half = load(files[name], BF16)
    assert half.compute.precision == "bf16" and half.notes == ()
    value = psnr(half(picture, STRONG[name]), load(files[name])(picture, STRONG[name]))
    assert 50 < value < 90, "90 dB would mean that fp32 was used"


@pytest.mark.parametrize("name", NETWORKS)
def test_half_precision_carries_the_picture_itself_in_fp32(tmp_path, name):
    """A network whose inner part adds nothing passes 16 bits through; in bf16 a step is 256 of them."""
    network = SMALL[name]()
    with torch.no_grad():
        for part, parameter in network.named_parameters():
            if part.startswith(("m_up1", "ending")):
                parameter.zero_()
    path = saved(network, tmp_path / "mine.pth")
    picture = noisy_picture(64, 64, dtype=np.uint16)
    assert psnr(load(path, BF16)(picture, 20.0), load(path)(picture, 20.0)) > 85


def test_a_precision_the_network_does_not_work_in_is_said(files):
    fp16 = Compute(torch.device("cpu"), torch.float16, "fp16", ("before",))
    denoiser = load(files["drunet"], fp16)
    assert denoiser.compute.precision == "fp32"
    assert denoiser.notes == ("before", "DRUNet does not work in fp16; fp32 was used")
    assert denoiser.denoise(noisy_picture(), 5.0).notes == denoiser.notes


class Fragile(torch.nn.Module):
    """Gives NaN in half precision where its tile is dark, in fp32 half of the brightness."""

    def __init__(self, everywhere: bool = False) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.tensor(0.5))
        self.everywhere = everywhere

    def forward(self, tiles: torch.Tensor) -> torch.Tensor:
        breaks = self.everywhere or (self.weight.dtype != torch.float32)
        dark = tiles.mean((1, 2, 3), keepdim=True) < 0.1
        return torch.where(dark & breaks, torch.nan, tiles * self.weight.float())


def half_dark() -> np.ndarray:
    picture = np.full((64, 200, 3), 200, np.uint8)
    picture[:, :70] = 4
    return picture


def test_tiles_that_fail_in_half_precision_are_redone_in_fp32_and_counted():
    network = dataclasses.replace(stand_in(lambda tiles: tiles), module=Fragile())
    result = LearnedDenoiser(network, BF16).denoise(half_dark(), 255.0)
    tiles = len(grid_axis(200, 64, 16, 8).starts)
    assert result.notes == (f"1 of {tiles} tiles redone in fp32: bf16 gave no usable values",)
    assert (result.pixels == half_dark() // 2).all()


def test_values_that_are_no_numbers_in_fp32_end_it():
    network = dataclasses.replace(stand_in(lambda tiles: tiles), module=Fragile(everywhere=True))
    for compute, words in ((FP32, "not numbers"), (BF16, "not numbers, in fp32 too")):
        with pytest.raises(ModelDamagedError, match=words):
            LearnedDenoiser(network, compute)(half_dark(), 255.0)


def test_a_tile_with_wild_values_stays_as_it_is():
    """NAFNet is known to answer between -30 and 36; cut to the range that is blocks of colour."""

    def wild(tiles: torch.Tensor) -> torch.Tensor:
        return torch.where(tiles.mean((1, 2, 3), keepdim=True) < 0.1, tiles * 300 - 10, tiles * 0.5)

    result = LearnedDenoiser(stand_in(wild), FP32).denoise(half_dark(), 255.0)
    assert len(result.notes) == 1 and "stay as they are" in result.notes[0]
    assert (result.pixels[:, :32] == 4).all() and (result.pixels[:, -64:] == 100).all()


# --- how much is taken out --------------------------------------------------------------------------------------------


def rms_of_luma(change: np.ndarray) -> float:
    return float(np.sqrt(np.mean((change @ [0.299, 0.587, 0.114]) ** 2)))


def test_no_noise_leaves_every_byte(files):
    picture = noisy_picture()
    result = load(files["scunet"])(picture, 0.0)
    assert (result == picture).all() and result is not picture


@pytest.mark.parametrize("sigma", [-1.0, float("nan"), float("inf")])
def test_a_strength_that_is_none_is_refused(files, sigma):
    with pytest.raises(ValueError, match="strength"):
        load(files["drunet"])(noisy_picture(), sigma)


@pytest.mark.parametrize("sigma", [2.0, 6.0, 12.0])
def test_a_blind_network_changes_no_more_than_the_noise(sigma):
    """One that answers grey whatever it is shown, on a picture of detail 40 levels strong."""
    picture = noisy_picture(150, 200, sigma=40, dtype=np.uint16)
    grey = LearnedDenoiser(stand_in(lambda tiles: tiles * 0 + 0.5), FP32)
    change = (grey(picture, sigma).astype(float) - picture) / 257
    assert 0.9 * sigma < rms_of_luma(change) < 1.01 * sigma
    # Around every place, not on average only.
    assert max(rms_of_luma(change[y : y + 33, x : x + 33]) for y in (0, 40, 110) for x in (0, 90, 160)) < 1.25 * sigma


def test_a_blind_network_that_takes_out_less_than_the_noise_is_believed():
    picture = noisy_picture(100, 100, sigma=20)
    paler = LearnedDenoiser(stand_in(lambda tiles: tiles - 4 / 255), FP32)
    assert (paler(picture, 5.0) == np.maximum(picture.astype(int) - 4, 0)).all()


def test_noise_that_hangs_on_brightness_is_taken_out_where_it_is():
    """Dark parts with noise of 10 levels, bright parts with 1: what may change follows."""
    model = NoiseModel(
        np.array([20, 200], np.float32),
        np.array([[10, 1], [0, 0], [0, 0]], np.float32),
        np.ones((3, 8, 8), np.float32),
    )
    picture = np.full((120, 240, 3), 20, np.uint8)
    picture[:, 120:] = 200
    grey = LearnedDenoiser(stand_in(lambda tiles: tiles * 0 + 0.4), FP32)
    change = np.abs(grey.denoise(picture, 5.0, model).pixels.astype(int) - picture)[60, [40, 200], 0]
    assert list(change) == [5, 0]  # half of the measured strength was asked for; half a level is rounded to none
    change = np.abs(grey.denoise(picture, 20.0, model).pixels.astype(int) - picture)[60, [40, 200], 0]
    assert list(change) == [20, 2]


def seen_level(
    picture: np.ndarray, sigma: float, noise: NoiseModel | None = None
) -> tuple[np.ndarray, tuple[str, ...]]:
    """What the fourth channel of a network that takes the strength holds, in levels of 255."""
    network = stand_in(lambda tiles: tiles[:, 3:].expand(-1, 3, -1, -1), takes_level=True)
    result = LearnedDenoiser(network, FP32).denoise(picture, sigma, noise)
    return result.pixels[..., 0] / np.iinfo(picture.dtype).max * 255, result.notes


def test_drunet_is_told_the_strength_in_every_tile():
    level, notes = seen_level(noisy_picture(200, 170, dtype=np.uint16), 12.5)
    assert np.allclose(level, 12.5, atol=0.01) and notes == ()


def test_drunet_is_told_no_more_than_it_was_trained_for_and_this_is_said():
    level, notes = seen_level(noisy_picture(), 80.0)
    assert np.allclose(level, 50) and "up to 50 levels" in notes[0]


def test_drunet_is_told_the_noise_of_the_colour_channels():
    """Noise of R, G and B that is 10 each and independent is 6.7 in Y, 6.2 in Cb and 6.6 in Cr."""
    noise = np.random.default_rng(1).normal(0, 10, (400, 400, 3))
    luma = noise @ [0.299, 0.587, 0.114]
    blue, red = (noise[..., 2] - luma) / 1.772, (noise[..., 0] - luma) / 1.402
    strength = np.array([[luma.std()], [blue.std()], [red.std()]], np.float32)
    model = NoiseModel(np.array([128], np.float32), strength, np.ones((3, 8, 8), np.float32))
    level, _ = seen_level(noisy_picture(dtype=np.uint16), model.luma_sigma, model)
    assert np.allclose(level, level[0, 0]) and 10 <= level[0, 0] < 11.3


# --- memory -----------------------------------------------------------------------------------------------------------


def hungry(tiles_at_once: int, side_px: int, calls: list[tuple[int, ...]]):
    def effect(tiles: torch.Tensor) -> torch.Tensor:
        calls.append(tuple(tiles.shape))
        if tiles.shape[0] > tiles_at_once or tiles.shape[-1] > side_px:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory")
        return tiles * 0.5

    return effect


def test_where_memory_runs_out_batches_and_then_tiles_get_smaller():
    picture, calls = noisy_picture(100, 300), []
    denoiser = LearnedDenoiser(stand_in(hungry(1, 40, calls)), FP32, batch=4)
    result = denoiser.denoise(picture, 255.0)
    assert result.notes == (
        "memory ran out: 2 tile(s) per pass",
        "memory ran out: 1 tile(s) per pass",
        "memory ran out: tiles of 40 pixels",
    )
    assert np.abs(result.pixels.astype(int) - picture / 2).max() <= 0.5
    calls.clear()
    denoiser(picture, 255.0)
    assert {shape for shape in calls} == {(1, 3, 40, 40)}, "what was learned is kept"


def test_where_not_even_the_smallest_tile_fits_the_device_is_named():
    with pytest.raises(DeviceError, match=r"40 pixels.*--denoiser builtin"):
        LearnedDenoiser(stand_in(hungry(0, 0, [])), FP32)(noisy_picture(), 5.0)


def test_other_errors_of_the_network_are_not_taken_for_a_lack_of_memory():
    def broken(tiles: torch.Tensor) -> torch.Tensor:
        raise RuntimeError("shapes do not match")

    with pytest.raises(RuntimeError, match="shapes"):
        LearnedDenoiser(stand_in(broken), FP32)(noisy_picture(), 5.0)


@given(
    length=st.integers(1, 5000),
    grid_px=st.sampled_from([8, 16, 64]),
    overlap=st.integers(0, 4),
    inner=st.integers(1, 9),
)
def test_tiles_cover_an_axis_on_the_grid_with_enough_context(length, grid_px, overlap, inner):
    overlap_px = overlap * grid_px
    axis = grid_axis(length, 2 * overlap_px + inner * grid_px, overlap_px, grid_px)
    assert axis.length % grid_px == 0 and 0 <= axis.length - length < grid_px
    assert axis.tile % grid_px == 0 and all(start % grid_px == 0 for start in axis.starts)
    assert axis.starts[0] == 0 and axis.starts[-1] + axis.tile == axis.length
    assert all(b - a <= axis.tile - 2 * overlap_px for a, b in zip(axis.starts, axis.starts[1:], strict=False))
    total = np.zeros(axis.length)
    for index, start in enumerate(axis.starts):
        total[start : start + axis.tile] += axis.weights(index)
    assert np.allclose(total, 1, atol=1e-6)


def test_every_denoiser_of_the_settings_has_weights_and_a_recipe(files):
    for name in NETWORKS:
        assert registry()[name].task == "denoise"
        network = denoise_network(Weights(name, files[name], "0" * 64, SMALL[name]().state_dict()))
        recipe = RECIPES[network.architecture]
        assert network.recipe is recipe and recipe.tile_px % recipe.grid_px == recipe.overlap_px % recipe.grid_px == 0
        assert recipe.tile_px >= recipe.smallest_tile_px
