"""BEVGrid against hand-computed cells and a brute-force twin."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from perception_kd.structures import BEVGrid, TapSpec

GRID = BEVGrid.from_range([0, -25.6, -5, 51.2, 25.6, 3], 0.8)


def test_shape_and_names():
    assert (GRID.nx, GRID.ny, GRID.shape) == (64, 64, (64, 64))
    assert GRID.tap_suffix == 's8' and GRID.coarser(2).tap_suffix == 's16'
    assert BEVGrid.from_range([-54, -54, -5, 54, 54, 3], 0.6).shape == (180, 180)


@given(st.floats(-60, 60, width=32), st.floats(-60, 60, width=32))
def test_cell_index_against_brute_force(x, y):
    index, inside = GRID.cell_index(torch.tensor([[x, y]]))
    column, row = math.floor((x - 0) / 0.8 + 1e-12), math.floor((y + 25.6) / 0.8 + 1e-12)
    near_border = min(abs((v / 0.8) - round(v / 0.8)) for v in (x, y + 25.6)) < 1e-4
    if near_border:  # float32 and float64 may fall on different sides of a border
        return
    expected = 0 <= column < 64 and 0 <= row < 64
    assert bool(inside) == expected
    assert int(index) == (row * 64 + column if expected else 0)


def test_centres_fall_into_their_own_cells():
    index, inside = GRID.cell_index(GRID.centres())
    assert bool(inside.all())
    assert torch.equal(index.flatten(), torch.arange(64 * 64))


def test_nan_counts_as_outside():
    index, inside = GRID.cell_index(torch.tensor([[math.nan, 0.0], [1.0, math.nan], [math.inf, 0.0]]))
    assert not inside.any() and index.tolist() == [0, 0, 0]


@pytest.mark.parametrize('arguments', [(0, 0, 1, 1, 0), (1, 0, 0, 1, 0.5), (0, 0, 1, 1, 0.3)])
def test_refuses_impossible_grids(arguments):
    with pytest.raises(ValueError, match='BEVGrid'):
        BEVGrid(*arguments)


def test_same_as_forgives_rounding_only():
    assert GRID.same_as(BEVGrid(0, -25.6, 51.2, 25.600001, 0.8))
    assert not GRID.same_as(GRID.coarser(2))


def test_tap_spec_names_its_grid():
    text = str(TapSpec('radar_bev', 'bev', 32, 'radar features', grid=GRID))
    assert text == 'radar_bev (bev, 32 channels, 64x64 at 0.8 m)'
