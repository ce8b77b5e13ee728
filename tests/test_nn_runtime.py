from __future__ import annotations

import numpy as np
import pytest
import torch

from fancam.errors import DeviceError
from fancam.nn.device import Compute, choose_compute
from fancam.nn.networks import Network, Recipe
from fancam.nn.runtime import Runtime

FP32 = choose_compute("cpu", "fp32")
BF16 = Compute(torch.device("cpu"), torch.bfloat16, "bf16")
WHOLE_IN_FP32 = Recipe(fp32={"": False})


class Toy(torch.nn.Module):
    """Calls a function with the batch and with whether the weights are in fp32."""

    def __init__(self, effect) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(1), requires_grad=False)
        self.effect = effect

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        return self.effect(batch, self.weight.dtype == torch.float32)


def runtime(effect, compute: Compute = FP32, recipe: Recipe | None = None, precisions=("fp32", "bf16"), **options):
    network = Network("toy", Toy(effect), 1, "0" * 64, "Toy", recipe=recipe or Recipe(), precisions=precisions)
    return Runtime(network, compute, **options)


def items(count: int, dtype: type = np.uint8) -> np.ndarray:
    """Pictures of 2x3 pixels; the first value of each is its number."""
    pictures = np.zeros((count, 2, 3, 3), dtype)
    pictures[:, 0, 0, 0] = np.arange(count)
    return pictures


def output(_item: torch.Tensor, result: torch.Tensor) -> torch.Tensor:
    return result.permute(1, 2, 0).contiguous()


def run(what: Runtime, pictures: np.ndarray, finish=output, prepare=None) -> tuple[list, list[str]]:
    notes: list[str] = []
    return [result for part in what.run(pictures, finish, notes, prepare) for result in part], notes


def no_memory() -> torch.OutOfMemoryError:
    return torch.OutOfMemoryError("CUDA out of memory")


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_pictures_go_in_as_fractions_in_channels_last_and_come_back_in_order(dtype):
    def effect(batch: torch.Tensor, _fp32: bool) -> torch.Tensor:
        assert batch.dtype == torch.float32 and batch.is_contiguous(memory_format=torch.channels_last)
        assert torch.is_inference_mode_enabled()
        return batch

    pictures = items(5, dtype)
    results, notes = run(runtime(effect, batch=2), pictures)
    top = np.iinfo(dtype).max if dtype != np.float32 else 1
    assert np.allclose([result.values for result in results], pictures / np.float32(top))
    assert not notes and not any(result.failure or result.redone for result in results)


def test_levels_stay_levels_where_a_network_wants_them():
    assert runtime(lambda batch, _: batch).to_device(items(3), as_levels=True)[2, 0, 0, 0] == 2


def test_what_the_network_is_given_can_be_prepared_and_every_item_finished_in_its_own_way():
    finish = [lambda _item, result, number=number: result[:, 0, 0] + number for number in range(3)]
    results, _ = run(runtime(lambda batch, _: batch[:, :3], batch=3), items(3), finish, lambda given: given * 255 + 1)
    assert [result.values[0] for result in results] == [1, 3, 5]


def fails_on_two(batch: torch.Tensor, fp32: bool) -> torch.Tensor:
    """Not a number for the item 2 where the weights are in half precision."""
    return torch.where((batch[:, :1, :1, :1] * 255 == 2) & (not fp32), torch.nan, batch)


def test_an_item_that_fails_in_half_precision_is_redone_in_fp32_alone():
    results, _ = run(runtime(fails_on_two, BF16, batch=4), items(4))
    assert [result.redone for result in results] == [False, False, True, False]
    assert results[2].values[0, 0, 0] == np.float32(2 / 255) and not any(result.failure for result in results)


@pytest.mark.parametrize(("compute", "end"), [(FP32, "not numbers"), (BF16, "not numbers, in fp32 too")])
def test_an_item_that_fails_in_fp32_has_a_failure_and_the_others_have_none(compute, end):
    results, _ = run(runtime(lambda batch, _: fails_on_two(batch, False), compute, WHOLE_IN_FP32, batch=4), items(4))
    assert [bool(result.failure) for result in results] == [False, False, True, False]
    assert results[2].failure.endswith(end) and not results[2].finite


def test_an_answer_far_outside_of_the_range_is_a_failure_of_numbers():
    recipe = Recipe(answers_within=(-0.5, 1.5))
    results, _ = run(runtime(lambda batch, _: batch * 255, recipe=recipe, batch=3), items(3))
    assert [bool(result.failure) for result in results] == [False, False, True]
    assert results[2].finite and "far outside of the range" in results[2].failure


def test_memory_that_runs_out_for_the_second_try_is_said():
    def effect(batch: torch.Tensor, fp32: bool) -> torch.Tensor:
        if fp32:
            raise no_memory()
        return fails_on_two(batch, fp32)

    results, _ = run(runtime(effect, BF16, batch=4), items(4))
    assert results[2].no_memory is not None and "memory ran out in fp32" in results[2].failure
    assert not any(result.failure for result in results[:2])


def at_most(count: int, sizes: list[int]):
    def effect(batch: torch.Tensor, _fp32: bool) -> torch.Tensor:
        sizes.append(len(batch))
        if len(batch) > count:
            raise no_memory()
        return batch

    return effect


def test_memory_that_runs_out_halves_the_batch_for_good():
    sizes: list[int] = []
    toy = runtime(at_most(3, sizes), batch=6, unit="face")
    results, notes = run(toy, items(7))
    assert [round(result.values[0, 0, 0] * 255) for result in results] == list(range(7))
    assert notes == ["memory ran out: 3 face(s) per pass"] and toy.batch == 3
    sizes.clear()
    assert run(toy, items(4))[1] == [] and sizes == [3, 1]


def test_no_memory_for_one_item_names_the_device_and_what_helps():
    with pytest.raises(DeviceError, match=r"cpu: not enough memory for one face; .*--restore none"):
        run(runtime(at_most(0, []), batch=4, unit="face", remedy="--restore none"), items(2))


def test_another_error_is_not_taken_for_a_lack_of_memory():
    def effect(_batch: torch.Tensor, _fp32: bool) -> torch.Tensor:
        raise RuntimeError("shapes do not match")

    with pytest.raises(RuntimeError, match="shapes"):
        run(runtime(effect), items(1))


def test_a_precision_the_network_does_not_work_in_is_noted():
    toy = runtime(lambda batch, _: batch, Compute(BF16.device, BF16.dtype, "bf16", ("before",)), precisions=("fp32",))
    assert toy.compute.precision == "fp32" and toy.notes == ("before", "Toy does not work in bf16; fp32 was used")


def test_a_network_in_half_precision_gets_half_unless_a_part_of_it_stays_in_fp32():
    seen = []

    def effect(batch: torch.Tensor, fp32: bool) -> torch.Tensor:
        seen.append((batch.dtype, fp32))
        return batch

    for recipe in (None, WHOLE_IN_FP32):
        toy = runtime(effect, BF16, recipe)
        run(toy, items(1))
        assert toy.network.module.weight.dtype == torch.float32, "what was handed in stays as it is"
    assert seen == [(torch.bfloat16, False), (torch.float32, True)]


@pytest.mark.gpu
def test_a_gpu_gives_what_the_cpu_gives_and_redoes_what_fails():
    pictures = np.random.default_rng(1).integers(0, 256, (7, 40, 30, 3), np.uint8)
    pictures[:, 0, 0, 0] = np.arange(7)
    for compute in (FP32, choose_compute("cuda", "fp32"), choose_compute("cuda", "bf16")):
        results, _ = run(runtime(fails_on_two, compute, batch=3), pictures)
        assert np.abs(np.stack([result.values for result in results]) - pictures / 255).max() < 0.01
        assert [result.redone for result in results] == [compute.precision == "bf16" and i == 2 for i in range(7)]
