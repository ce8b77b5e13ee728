from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fancam.enhancing.tiledprint import TiledPrint, lanczos_kernel
from fancam.enhancing.tiling import TilePlan, plan_axis, plan_tiles
from fancam.geometry import Box
from fancam.pictures import resample

CPU = torch.device("cpu")


def enlarged(pixels: np.ndarray, scale: int) -> np.ndarray:
    return pixels.repeat(scale, axis=0).repeat(scale, axis=1)


def laid(tiled: TiledPrint, picture: np.ndarray, scale: int, network: np.ndarray | None = None) -> np.ndarray:
    """The result of a network that repeats every pixel, tile by tile."""
    network = enlarged(picture, scale) if network is None else network

    def part(pixels: np.ndarray, tile, factor: int) -> torch.Tensor:
        y, x = tile.y * factor, tile.x * factor
        cut = pixels[y : y + tile.height * factor, x : x + tile.width * factor]
        return torch.from_numpy(cut.astype(np.float32) / np.iinfo(pixels.dtype).max).permute(2, 0, 1)

    for number, tile in enumerate(tiled.plan):
        values = tiled.task(tile).fill(part(picture, tile, 1), part(network, tile, scale)).numpy()
        assert tiled.add(tile, values) == (number == len(tiled.plan) - 1)
    return tiled.pixels()


@st.composite
def prints(draw):
    """A picture, a box in it and the size of its print: enlarged, made smaller, or of the same size."""
    height, width = draw(st.integers(4, 150)), draw(st.integers(4, 150))
    x0, x1 = sorted((draw(st.floats(0, width)), draw(st.floats(0, width))))
    y0, y1 = sorted((draw(st.floats(0, height)), draw(st.floats(0, height))))
    whole = draw(st.booleans()) or x1 - x0 < 1 or y1 - y0 < 1
    box = Box(0, 0, width, height) if whole else Box(x0, y0, x1, y1)
    factor = draw(st.sampled_from([0.3, 1.0, 1.37, 2.0, 4.0, 5.2]))
    return (height, width), box, (max(round(box.height * factor), 1), max(round(box.width * factor), 1))


@settings(max_examples=60, deadline=None)
@given(prints(), st.integers(8, 80), st.sampled_from([2, 3, 4]), st.sampled_from([np.uint8, np.uint16]))
def test_tiles_resampled_one_by_one_give_what_one_resample_of_the_whole_gives(case, tile_px, scale, dtype):
    size, box, print_size = case
    picture = np.random.default_rng(size).integers(0, np.iinfo(dtype).max + 1, (*size, 3), dtype)
    tiled = TiledPrint(plan_tiles(*size, tile_px, 6), scale, dtype, CPU, box, print_size)
    expected = resample(enlarged(picture, scale), box.scaled(scale), print_size[1], print_size[0])
    result = laid(tiled, picture, scale)
    assert result.dtype == dtype and result.shape == expected.shape
    # Sums of 16 bits in float32, in another order: a level more than the rounding of one step.
    assert np.abs(result.astype(int) - expected).max() <= (1 if dtype == np.uint8 else 2), "rounding only"


@settings(max_examples=40, deadline=None)
@given(prints(), st.integers(8, 80), st.floats(0.05, 0.95))
def test_a_share_of_the_network_is_mixed_with_the_plain_picture_before_rounding(case, tile_px, share):
    size, box, print_size = case
    picture, network = (
        np.random.default_rng((*size, factor)).integers(0, 2**16, (size[0] * factor, size[1] * factor, 3), np.uint16)
        for factor in (1, 4)
    )
    tiled = TiledPrint(plan_tiles(*size, tile_px, 6), 4, np.uint16, CPU, box, print_size, share)
    plan_of_one = TilePlan(plan_axis(size[0], 999, 0), plan_axis(size[1], 999, 0))
    only_network = laid(TiledPrint(plan_of_one, 4, np.uint16, CPU, box, print_size), picture, 4, network)
    only_plain = resample(picture, box, print_size[1], print_size[0]).astype(float)
    expected = share * only_network + (1 - share) * only_plain
    inside = (only_network > 0) & (only_network < 65535) & (only_plain > 0) & (only_plain < 65535)
    result = laid(tiled, picture, 4, network)
    # Where one of the two would be clipped alone, the mixture is clipped later, and better.
    assert np.abs(result - expected)[inside].max(initial=0) <= 1.6


@settings(deadline=None)
@given(st.integers(1, 200), st.integers(1, 200), st.integers(8, 64), st.integers(1, 3))
def test_a_picture_cut_into_tiles_is_laid_together_unchanged(height, width, tile, scale):
    picture = np.random.default_rng(height * width).integers(0, 256, (height, width, 3), np.uint8)
    tiled = TiledPrint(plan_tiles(height, width, tile, 4), scale, np.uint8, CPU)
    assert np.array_equal(laid(tiled, picture, scale), enlarged(picture, scale))


def test_at_the_size_of_the_network_nothing_is_resampled():
    tiled = TiledPrint(plan_tiles(90, 70, 32, 8), 4, np.uint16, CPU, Box(0, 0, 70, 90), (360, 280))
    picture = np.random.default_rng(0).integers(0, 2**16, (90, 70, 3), np.uint16)
    assert np.array_equal(laid(tiled, picture, 4), enlarged(picture, 4))
    assert lanczos_kernel(0, 280, 280, 280).weights.shape == (280, 1)
    assert lanczos_kernel(0.5, 279.5, 280, 279).weights.shape[1] > 1


def test_sums_are_kept_for_one_row_of_tiles_only():
    plan = plan_tiles(4000, 100, 64, 32)
    tiled = TiledPrint(plan, 4, np.uint8, CPU)
    for tile in plan:
        flat = torch.zeros((3, 4 * tile.height, 4 * tile.width))
        tiled.add(tile, tiled.task(tile).fill(flat, flat).numpy())
        assert tiled.rows_summed <= plan.rows.tile * 4 < 4000 * 4 / 20


def test_two_tiles_that_disagree_meet_without_a_step():
    plan = TilePlan(plan_axis(1, 128, 32), plan_axis(300, 128, 32))
    tiled = TiledPrint(plan, 1, np.uint8, CPU)
    for number, tile in enumerate(plan):
        flat = torch.full((3, 1, tile.width), (50 / 255, 200 / 255)[number % 2])
        tiled.add(tile, tiled.task(tile).fill(flat, flat).numpy())
    row = tiled.pixels()[0, :, 0].astype(int)
    assert row[0] == 50 and 200 in row
    assert np.abs(np.diff(row)).max() <= 10, "a hard cut would step by 150"


def grown_mib(height: int, width: int, tile_px: int, share: float) -> float:
    script = Path(__file__).with_name("enhance_memory.py")
    numbers = [str(number) for number in (height, width, tile_px, share)]
    # Freed blocks of more than a megabyte go back to the system at once, so that what is needed is measured, and not
    # what the allocator keeps; threads that wait for each other only cost time here.
    environment = {**os.environ, "MALLOC_MMAP_THRESHOLD_": str(2**20), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, str(script), *numbers]
    return float(subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout)


def needed_mib(height: int, width: int) -> tuple[float, float]:
    """What the source and a print of twice its size need, and what a whole picture at the network's size would."""
    pixels = height * width * 3 / 2**20
    return pixels + 4 * pixels, 16 * pixels


def test_a_large_picture_is_never_held_at_the_size_of_the_network():
    here, canvas = needed_mib(900, 1500)
    assert grown_mib(900, 1500, 128, 0.5) < here + 0.75 * canvas


@pytest.mark.slow
def test_a_scan_of_twenty_megapixels_needs_little_more_than_itself_and_its_print():
    here, canvas = needed_mib(3700, 5500)
    assert grown_mib(3700, 5500, 272, 0.5) < here + 0.4 * canvas
