from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fancam.enhancing.tiling import TilePlan, plan_axis, plan_tiles
from fancam.errors import UsageError


@st.composite
def axes(draw):
    overlap = draw(st.integers(0, 60))
    blend = draw(st.none() | st.integers(0, 2 * overlap))
    return plan_axis(draw(st.integers(1, 900)), draw(st.integers(1, 300)), overlap, blend), overlap


@given(axes(), st.sampled_from([1, 2, 4]))
def test_the_weights_of_all_tiles_sum_to_one_at_every_pixel(case, scale):
    axis, _ = case
    total = np.zeros(axis.length * scale)
    for index, start in enumerate(axis.starts):
        weight = axis.weights(index, scale)
        assert weight.min() >= 0 and weight.max() <= 1
        total[start * scale : (start + axis.tile) * scale] += weight
    assert np.abs(total - 1).max() < 1e-5


@given(axes())
def test_tiles_cover_the_picture_and_none_lies_outside(case):
    axis, _ = case
    assert axis.starts[0] == 0 and axis.starts[-1] + axis.tile == axis.length
    assert all(b > a and b <= a + axis.tile for a, b in zip(axis.starts, axis.starts[1:], strict=False))


@given(axes())
def test_neighbours_share_twice_the_overlap_and_a_small_picture_is_one_tile(case):
    axis, overlap = case
    assert all(a + axis.tile - b >= 2 * overlap for a, b in zip(axis.starts, axis.starts[1:], strict=False))
    assert len(axis.starts) > 1 or axis.tile == axis.length


@given(st.integers(1, 2000), st.integers(32, 300), st.integers(32, 64))
def test_a_tile_is_never_larger_than_asked_for(length, tile, overlap):
    assert plan_axis(length, tile, overlap).tile <= tile + 2 * overlap + 7


@given(st.integers(300, 2000), st.integers(64, 300))
def test_a_pixel_near_the_border_of_a_tile_has_no_weight_there(length, tile):
    axis = plan_axis(length, tile, 32)
    for index in range(len(axis.starts) - 1):
        assert not axis.weights(index)[-16:].any()
        assert not axis.weights(index + 1)[:16].any()


def test_tiles_come_row_by_row():
    plan = plan_tiles(400, 600, 128, 32)
    tiles = list(plan)
    assert len(tiles) == len(plan) == len(plan.rows.starts) * len(plan.columns.starts) > 6
    assert [(t.y, t.x) for t in tiles] == sorted((t.y, t.x) for t in tiles)
    assert {(t.height, t.width) for t in tiles} == {plan.shape}


def test_a_crop_slightly_wider_than_a_tile_is_not_cut_lengthwise():
    plan = plan_tiles(513, 353, 256, 48)
    assert (len(plan.rows.starts), len(plan.columns.starts)) == (2, 1)


@given(st.integers(1, 1500), st.integers(1, 1500), st.integers(32, 300), st.integers(32, 64))
def test_no_tile_needs_more_memory_than_the_square_that_was_asked_for(height, width, tile, overlap):
    plan = plan_tiles(height, width, tile, overlap)
    rows, columns = plan.shape
    # Sides are rounded up to a multiple of 8.
    assert (rows - 7) * (columns - 7) <= (tile + 2 * overlap) ** 2
    square = TilePlan(plan_axis(height, tile, overlap), plan_axis(width, tile, overlap))
    assert plan.cost_px <= square.cost_px


@pytest.mark.parametrize("arguments", [(0, 10, 0), (10, 0, 0), (10, 10, -1), (10, 10, 4, 9), (10, 10, 4, -1)])
def test_impossible_tiles_are_refused(arguments):
    with pytest.raises(UsageError):
        plan_axis(*arguments)


@given(st.integers(300, 3000), st.integers(64, 400), st.sampled_from([8, 32]))
def test_sides_of_tiles_are_rounded_as_asked_for(length, tile, multiple):
    axis = plan_axis(length, tile, 32, multiple=multiple)
    assert axis.tile % multiple == 0 if len(axis.starts) > 1 else axis.tile == length
