"""Voxelisation and dynamic scatter by kernels: bit for bit what their twins give."""

import pytest
import torch

from perception_kd.compat.ops import scatter, voxelize
from perception_kd.kernels import kernels
from tests.kernels import DEVICE, by_kernel_and_twin, needs_triton, numbers

pytestmark = needs_triton
SIZE, RANGE = torch.tensor([0.5, 0.4, 2.0]), torch.tensor([-4.0, -3.0, -2.0, 4.0, 3.0, 2.0])


def cloud(number: int = 600, columns: int = 5, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    points = numbers(number, columns, dtype=dtype) * 2
    points[0, 0], points[1, 1], points[2, 2], points[5, 4] = float('nan'), float('inf'), -float('inf'), float('nan')
    points[3, :3] = torch.tensor([4.0, 0.0, 0.0])  # the upper bound is outside
    points[4, :3] = torch.tensor([-4.0, -3.0, -2.0])  # the lower bound is inside
    edges = torch.arange(40, device=DEVICE) * 0.4 - 3
    points[6:46, :3] = torch.stack([edges, edges, edges / 4], 1).to(dtype)  # where roundings decide
    return points


def cells_of(points: torch.Tensor) -> torch.Tensor:
    coors = torch.zeros(len(points), 3, dtype=torch.int32, device=DEVICE)
    voxelize.dynamic_voxelize_forward(points, SIZE, RANGE, coors)
    return coors


def voxels_of(points, max_points, max_voxels, transposed=False):
    shape = (max_points, max_voxels) if transposed else (max_voxels, max_points)
    voxels = points.new_zeros(*shape, points.shape[1])
    voxels = voxels.transpose(0, 1) if transposed else voxels
    coors = torch.zeros(max_voxels, 3, dtype=torch.int32, device=DEVICE)
    counts, number = torch.zeros(max_voxels, dtype=torch.int32, device=DEVICE), torch.tensor(7)
    voxelize.hard_voxelize_forward(points, SIZE, RANGE, voxels, coors, counts, number, max_points, max_voxels)
    return voxels, coors, counts, number


def same(ours, twins):
    torch.testing.assert_close(ours, twins, rtol=0, atol=0, equal_nan=True)


@pytest.mark.parametrize('dtype', [torch.float32, torch.float64, torch.float16, torch.bfloat16])
def test_cells_and_voxels_of_every_number_type(dtype):
    same(*by_kernel_and_twin(lambda: cells_of(cloud(dtype=dtype))))
    same(*by_kernel_and_twin(lambda: voxels_of(cloud(dtype=dtype), 3, 200)))


@pytest.mark.parametrize(('max_points', 'max_voxels'), [(100, 1000), (2, 17), (1, 1), (0, 9), (4, 0)])
def test_limits(max_points, max_voxels):
    same(*by_kernel_and_twin(lambda: voxels_of(cloud(200), max_points, max_voxels)))


@pytest.mark.parametrize('points', [
    torch.zeros(0, 4), torch.full((3, 4), 99.0), torch.full((70, 4), 0.1), torch.full((3, 4), float('nan'))])
def test_no_point_none_in_range_all_in_one_voxel(points):
    ours, twins = by_kernel_and_twin(lambda: [cells_of(points.to(DEVICE)), *voxels_of(points.to(DEVICE), 5, 10)])
    same(ours, twins)


def test_other_strides_of_points_and_buffers():
    wide = cloud(150, 10)[::2, ::2]
    assert wide.stride() == (20, 2)
    same(*by_kernel_and_twin(lambda: [cells_of(wide), *voxels_of(wide, 3, 50, transposed=True)]))


def test_points_without_three_columns_are_refused():
    with kernels('always'), pytest.raises(ValueError, match=r'points must be \(P, 3 or more\), got'):
        cells_of(torch.zeros(4, 2, device=DEVICE))


def scattered(features: torch.Tensor, coors: torch.Tensor, reduction: str) -> list[torch.Tensor]:
    reduced, cells, row, count = scatter.dynamic_point_to_voxel_forward(features, coors, reduction)
    grad = torch.full_like(features, 5.0)
    given = numbers(*reduced.shape, seed=3, dtype=features.dtype)
    scatter.dynamic_point_to_voxel_backward(grad, given, features, reduced, row, count, reduction)
    return [reduced, cells, row, count, grad]


def coordinates(number: int, high: int = 3) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randint(-1, high, (number, 3), generator=generator, dtype=torch.int).to(DEVICE)


@pytest.mark.parametrize('reduction', ['sum', 'mean', 'max'])
@pytest.mark.parametrize(('features', 'high'), [
    (numbers(60, 5), 3), (numbers(3, 60).t(), 2), (numbers(9, 2, dtype=torch.float64), 1), (numbers(0, 4), 3),
    (numbers(4, 2), 0)])
def test_dynamic_scatter_equals_the_twin(reduction, features, high):
    ours, twins = by_kernel_and_twin(lambda: scattered(features, coordinates(len(features), high), reduction))
    torch.testing.assert_close(ours, twins)


@pytest.mark.parametrize('reduction', ['sum', 'mean', 'max'])
def test_more_points_in_a_cell_than_a_program_takes_at_once(reduction):
    features, coors = numbers(150, 3), torch.zeros(150, 3, dtype=torch.int, device=DEVICE)
    features[[4, 90], 0] = 9.0
    ours, twins = by_kernel_and_twin(lambda: scattered(features, coors, reduction))
    torch.testing.assert_close(ours, twins)


def test_the_first_of_equal_maxima_takes_the_gradient_and_none_where_one_is_not_a_number():
    features = torch.tensor([[1.0, 5], [3, 5], [3, float('nan')], [9, 9]], device=DEVICE)[:, [0, 1, 1]]
    features[2, 1] = 2
    coors = torch.tensor([[0, 0, 0]] * 3 + [[0, 0, -1]], dtype=torch.int, device=DEVICE)
    ours, twins = by_kernel_and_twin(lambda: scattered(features, coors, 'max'))
    torch.testing.assert_close(ours, twins, equal_nan=True)
    assert (ours[-1] != 0).nonzero().tolist() == [[0, 1], [1, 0]]


@pytest.mark.parametrize('reduction', ['sum', 'mean', 'max'])
def test_half_precision_is_reduced_in_float32(reduction):
    features, coors = numbers(400, 3, dtype=torch.bfloat16), coordinates(400, 1)
    with kernels('always'):
        ours = scattered(features, coors, reduction)
    with kernels('off'):
        exact = scattered(features.double(), coors, reduction)
    torch.testing.assert_close(ours[0], exact[0].bfloat16())
    assert ours[0].dtype == ours[-1].dtype == torch.bfloat16
