"""Voxelisation against brute force: every rule by which points and voxels are left out."""

import numpy as np
import pytest
import torch

import perception_kd.compat  # noqa: F401
from tests.compat import lite_only

pytestmark = lite_only

SIZE, RANGE = (0.5, 0.5, 2.0), (-4.0, -3.0, -2.0, 4.0, 3.0, 2.0)


def brute_voxels(points: np.ndarray, max_points: int, max_voxels: int):
    """One point after another, with a dict."""
    grid = np.round((np.float32(RANGE[3:]) - np.float32(RANGE[:3])) / np.float32(SIZE)).astype(int)
    index, voxels, cells = {}, [], []
    for point in points:
        cell = np.floor((point[:3] - np.float32(RANGE[:3])) / np.float32(SIZE))
        cells.append((-1, -1, -1))
        if not ((cell >= 0) & (cell < grid)).all():
            continue
        key = cells[-1] = tuple(int(c) for c in cell[::-1])
        if key not in index and len(voxels) < max_voxels:
            index[key] = len(voxels)
            voxels.append([])
        if key in index and len(voxels[index[key]]) < max_points:
            voxels[index[key]].append(point)
    return list(index), voxels, cells


@pytest.mark.parametrize(('max_points', 'max_voxels'), [(-1, 5), (5, -1), (-1, -1)])
def test_minus_one_for_either_limit_means_dynamic(max_points: int, max_voxels: int) -> None:
    from mmcv.ops import Voxelization

    points = cloud()
    coors = Voxelization(SIZE, RANGE, max_points, max_voxels)(points)
    assert [tuple(row) for row in coors.tolist()] == brute_voxels(points.numpy(), 1, 1)[2]


def cloud(number: int = 600, seed: int = 0) -> torch.Tensor:
    points = torch.randn(number, 5, generator=torch.Generator().manual_seed(seed)) * 2
    points[0, 0], points[1, 1], points[2, 2] = float('nan'), float('inf'), -float('inf')
    points[3, :3] = torch.tensor([4.0, 0.0, 0.0])  # the upper bound is outside
    points[4, :3] = torch.tensor([-4.0, -3.0, -2.0])  # the lower bound is inside
    return points


@pytest.mark.parametrize(('max_points', 'max_voxels'), [(3, 1000), (100, 1000), (2, 17), (1, 1), (0, 9), (4, 0)])
def test_hard_voxels_equal_brute_force(max_points: int, max_voxels: int) -> None:
    from mmcv.ops import Voxelization

    points = cloud()
    voxels, coors, counts = Voxelization(SIZE, RANGE, max_points, max_voxels)(points)
    keys, expected, _ = brute_voxels(points.numpy(), max_points, max_voxels)
    assert [tuple(row) for row in coors.tolist()] == keys
    assert counts.tolist() == [len(voxel) for voxel in expected]
    assert voxels.shape == (len(keys), max_points, 5) and coors.dtype == counts.dtype == torch.int32
    for got, want in zip(voxels.numpy(), expected):
        np.testing.assert_array_equal(got[: len(want)], np.reshape(want, (-1, 5)))
        assert not got[len(want) :].any()


def test_a_buffer_that_is_not_contiguous_is_filled_too() -> None:
    from perception_kd.compat.ops.voxelize import hard_voxelize_forward

    size, limits, found = torch.tensor(SIZE), torch.tensor(RANGE), []
    for voxels in (torch.zeros(50, 3, 5), torch.zeros(3, 50, 5).transpose(0, 1)):
        coors, counts = torch.zeros(50, 3, dtype=torch.int32), torch.zeros(50, dtype=torch.int32)
        hard_voxelize_forward(cloud(), size, limits, voxels, coors, counts, torch.tensor(0), 3, 50)
        found.append(voxels)
    assert found[0].any() and torch.equal(*found)


@pytest.mark.parametrize('shape', [(4, 2), (4,)])
def test_points_without_three_columns_are_refused(shape: tuple[int, ...]) -> None:
    from mmcv.ops import voxelization

    with pytest.raises(ValueError, match=r'points must be \(P, 3 or more\), got'):
        voxelization(torch.zeros(shape), SIZE, RANGE, -1, -1)


@pytest.mark.parametrize('points', [torch.zeros(0, 4), torch.full((3, 4), 99.0)])
def test_no_point_in_range(points: torch.Tensor) -> None:
    from mmcv.ops import Voxelization

    voxels, coors, counts = Voxelization(SIZE, RANGE, 5, 10)(points)
    assert voxels.shape == (0, 5, 4) and coors.shape == (0, 3) and counts.shape == (0,)


def test_a_full_list_of_voxels_still_fills_the_voxels_it_has() -> None:
    from mmcv.ops import Voxelization

    near, far = [0.1, 0.1, 0.1], [2.1, 2.1, 0.1]
    points = torch.tensor([near, far, near, far, near])
    voxels, coors, counts = Voxelization(SIZE, RANGE, 2, 1)(points)
    assert counts.tolist() == [2] and coors.tolist() == [[1, 6, 8]]
    assert torch.equal(voxels[0], torch.tensor([near, near]))


def test_half_a_cell_more_is_a_cell_more() -> None:
    """2.5 cells are 3 for the op, which rounds halves up; torch.round says 2."""
    from mmcv.ops import voxelization

    points = torch.tensor([[0.5, 0.5, 0.5], [2.6, 0.5, 0.5], [3.1, 0.5, 0.5]])
    coors = voxelization(points, (1.0, 1.0, 1.0), (0.0, 0, 0, 2.5, 4, 4), -1, -1)
    assert coors.tolist() == [[0, 0, 0], [0, 0, 2], [-1, -1, -1]]


@pytest.mark.parametrize('dtype', [torch.float64, torch.float16])
def test_other_number_types_are_placed_in_their_own_precision(dtype: torch.dtype) -> None:
    from mmcv.ops import voxelization

    points = torch.tensor([[-1e-9, 0, 0], [0.1, 0.3, 0], [0.2999, 0.7, 0]], dtype=dtype)
    coors = voxelization(points, (0.1, 0.1, 1.0), (0.0, 0, -0.5, 1, 1, 0.5), -1, -1)
    exact = dtype == torch.float64
    assert (coors[0].tolist() == [-1, -1, -1]) == exact  # float16 has no -1e-9
    voxels, _, counts = voxelization(points, (0.1, 0.1, 1.0), (0.0, 0, -0.5, 1, 1, 0.5), 5, 5)
    assert voxels.dtype == dtype and counts.sum() == (2 if exact else 3)
