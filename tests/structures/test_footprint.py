"""Footprints of boxes on a grid."""

from __future__ import annotations

import math

import torch

from perception_kd.structures import BEVGrid
from perception_kd.structures.footprint import footprints

GRID = BEVGrid(-4, -2, 4, 2, 1.0)  # 4 x 8 cells, centres at halves


def cells(*boxes: tuple[float, ...]) -> list[list[tuple[int, int]]]:
    rows = torch.tensor([[x, y, 0.0, length, width, 1.0, yaw] for x, y, length, width, yaw in boxes]).view(-1, 7)
    return [[tuple(cell) for cell in one.nonzero().tolist()] for one in footprints(rows, GRID)]


def test_a_box_covers_the_cells_whose_centre_lies_in_it():
    along_x, along_y, slanted = cells((0.5, 0.5, 3.0, 1.0, 0.0), (0.5, 0.5, 3.0, 1.0, math.pi / 2),
                                      (0.5, 0.5, 3.0, 0.5, math.pi / 4))
    assert along_x == [(2, 3), (2, 4), (2, 5)]
    assert along_y == [(1, 4), (2, 4), (3, 4)]
    assert slanted == [(1, 3), (2, 4), (3, 5)]  # counter-clockwise: up with x


def test_a_small_box_keeps_the_cell_of_its_centre():
    assert cells((0.9, 0.9, 0.1, 0.1, 0.3)) == [[(2, 4)]]


def test_boxes_off_the_grid_without_size_or_with_nan_are_left_out():
    nan = float('nan')
    assert cells((9.0, 0, 1, 1, 0), (nan, 0, 1, 1, 0), (0, 0, 1, 0, 0), (0, 0, 1, 1, nan)) == []
    assert footprints(torch.zeros(0, 7), GRID).shape == (0, 4, 8)
