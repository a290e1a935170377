"""Reductions of segments against PyTorch's scatter: values, gradients, and the corners of both."""

import pytest
import torch

from perception_kd.kernels import Segments, kernels
from perception_kd.models.layers import (
    CollapsedPattern,
    collapsed_pool,
    pillar_scatter,
    pillar_scatter_reference,
)
from tests.kernels import DEVICE, by_kernel_and_twin, needs_triton, numbers, with_gradients

pytestmark = [needs_triton, pytest.mark.filterwarnings('ignore::RuntimeWarning:triton')]  # NumPy on 0 / 0
REDUCTIONS = ('max', 'mean', 'sum')


def cells(number: int, rows: int, seed: int = 1) -> torch.Tensor:
    return torch.randint(0, rows, (number,), generator=torch.Generator().manual_seed(seed)).to(DEVICE)


@pytest.mark.parametrize('reduce', REDUCTIONS)
@pytest.mark.parametrize(('points', 'channels', 'rows'), [(37, 5, 11), (70, 1, 3), (9, 131, 4), (1, 3, 1), (50, 2, 1)])
@pytest.mark.parametrize('dtype', [torch.float32, torch.float64])
def test_pillars_equal_the_twin(reduce, points, channels, rows, dtype):
    cell = cells(points, rows)
    ours, twins = by_kernel_and_twin(lambda: with_gradients(
        lambda x: pillar_scatter(x, cell, rows, reduce=reduce), [numbers(points, channels, dtype=dtype)]))
    torch.testing.assert_close(ours, twins)


@pytest.mark.parametrize('reduce', REDUCTIONS)
@pytest.mark.parametrize('dtype', [torch.bfloat16, torch.float16])
def test_half_precision_is_summed_in_float32(reduce, dtype):
    cell, features = cells(300, 3), numbers(300, 4, dtype=dtype)
    with kernels('always'):
        ours = with_gradients(lambda x: pillar_scatter(x, cell, 3, reduce=reduce), [features])
    assert ours[0].dtype == ours[1].dtype == dtype
    exact = with_gradients(lambda x: pillar_scatter_reference(x, cell, 3, reduce=reduce).to(dtype), [features.double()])
    torch.testing.assert_close(ours[0], exact[0])
    torch.testing.assert_close(ours[1], exact[1].to(dtype))


@pytest.mark.parametrize('reduce', REDUCTIONS)
def test_other_strides(reduce):
    cell, wide = cells(23, 6), numbers(7, 46)
    ours, twins = by_kernel_and_twin(
        lambda: with_gradients(lambda x: pillar_scatter(x.t()[::2], cell, 6, reduce=reduce), [wide]))
    torch.testing.assert_close(ours, twins)


@pytest.mark.parametrize('reduce', REDUCTIONS)
@pytest.mark.parametrize(('points', 'channels', 'rows'), [(0, 3, 4), (0, 3, 0), (5, 0, 2)])
def test_no_point_no_row_no_channel(reduce, points, channels, rows):
    cell = cells(points, max(rows, 1))
    with kernels('always'):
        out, grad = with_gradients(lambda x: pillar_scatter(x, cell, rows, reduce=reduce), [numbers(points, channels)])
    assert out.shape == (rows, channels) and grad.shape == (points, channels) and not out.any()


@pytest.mark.parametrize('reduce', REDUCTIONS)
def test_what_is_not_a_number_stays_in_its_row_and_channel(reduce):
    cell = torch.tensor([0, 1, 1, 2, 2], device=DEVICE)
    features = numbers(5, 3)
    features[1, 0], features[3, 2], features[4, 1] = float('nan'), float('inf'), -float('inf')
    ours, twins = by_kernel_and_twin(
        lambda: with_gradients(lambda x: pillar_scatter(x, cell, 4, reduce=reduce), [features]))
    torch.testing.assert_close(ours, twins, equal_nan=True)
    assert torch.isnan(ours[0]).nonzero().tolist() == [[1, 0]] and not ours[0][3].any()


def test_equal_maxima_share_the_gradient_also_where_they_are_zero():
    features = torch.tensor([[0.0, 2.0], [0.0, 2.0], [-1.0, 5.0]], device=DEVICE, requires_grad=True)
    with kernels('always'):
        out = pillar_scatter(features, torch.zeros(3, dtype=torch.long, device=DEVICE), 1)
    out.backward(torch.tensor([[6.0, 8.0]], device=DEVICE))
    assert features.grad.tolist() == [[3, 0], [3, 0], [0, 8]]


@pytest.mark.parametrize('reduce', REDUCTIONS)
def test_points_of_no_row_count_nowhere_and_get_no_gradient(reduce):
    from perception_kd.kernels.segment_pool import segment_pool

    row = torch.tensor([3, 0, -1, 2, 7, 0], device=DEVICE)
    used = torch.tensor([1, 3, 5], device=DEVICE)
    features = numbers(6, 4)
    features[[0, 2, 4]] = float('nan')
    ours = with_gradients(lambda x: segment_pool(x, Segments.sort(row, 3), reduction=reduce), [features])
    wanted = with_gradients(lambda x: pillar_scatter_reference(x[used], row[used], 3, reduce=reduce), [features])
    torch.testing.assert_close(ours, wanted)


@pytest.mark.parametrize('pool_grad', ['mean', 'sum'])
@pytest.mark.parametrize('dtype', [torch.float32, torch.float64, torch.bfloat16])
def test_collapsed_pool_equals_the_twin(pool_grad, dtype):
    cell = cells(2 * 3 * 7, 5).view(2, 3, 7)
    inside = numbers(2, 3, 7) > -0.5
    points = numbers(42, 5, dtype=dtype)
    points[~inside.flatten()] = float('nan')
    pattern = CollapsedPattern.build(cell, inside, 6)
    ours, twins = by_kernel_and_twin(
        lambda: with_gradients(lambda x: collapsed_pool(x, pattern, pool_grad=pool_grad), [points]))
    torch.testing.assert_close(ours, twins)
    assert ours[0].dtype == (dtype if dtype == torch.float64 else torch.float32) and ours[1].dtype == dtype
    nothing = CollapsedPattern.build(cell, torch.zeros_like(inside), 6)
    with kernels('always'):
        assert not collapsed_pool(points, nothing, pool_grad=pool_grad).any()
