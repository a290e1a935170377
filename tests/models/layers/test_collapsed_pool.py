"""Average pooling of points against its twin and against sums cell by cell."""

import pytest
import torch

from perception_kd.models.layers import CollapsedPattern, collapsed_pool, collapsed_pool_reference

CELLS = 7


def _case(seed=0, batch=2, shape=(2, 3, 4), channels=3, dtype=torch.float64):
    g = torch.Generator().manual_seed(seed)
    cell = torch.randint(0, CELLS - 1, (batch, *shape), generator=g)  # the last cell of a sample stays empty
    inside = torch.rand(cell.shape, generator=g) > 0.3
    points = torch.randn(cell.numel(), channels, generator=g, dtype=dtype).requires_grad_()
    return cell, inside, points


def _brute_force(cell, inside, points):
    """Mean and sum of every cell, point by point."""
    sums = points.new_zeros(len(cell) * CELLS, points.shape[1])
    counts = [0] * len(sums)
    for index, place in enumerate(torch.ones_like(inside).nonzero().tolist()):
        if inside[tuple(place)]:
            row = place[0] * CELLS + int(cell[tuple(place)])
            sums = sums + torch.eye(len(sums), dtype=points.dtype)[row][:, None] * points[index]
            counts[row] += 1
    return sums / torch.tensor(counts).clamp(min=1)[:, None], sums


@pytest.mark.parametrize('pool', [collapsed_pool, collapsed_pool_reference])
def test_values_and_both_gradients_equal_point_by_point(pool):
    cell, inside, points = _case()
    mean, total = _brute_force(cell, inside, points)
    weight = torch.randn(mean.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    pattern = CollapsedPattern.build(cell, inside, CELLS)
    for pool_grad, wanted in (('mean', mean), ('sum', total)):
        out = pool(points, pattern, pool_grad=pool_grad)
        torch.testing.assert_close(out, mean)
        grads = [torch.autograd.grad((x * weight).sum(), points, retain_graph=True)[0] for x in (out, wanted)]
        torch.testing.assert_close(*grads)


def test_gradcheck():
    cell, inside, points = _case(3, 1)
    pattern = CollapsedPattern.build(cell, inside, CELLS)
    assert torch.autograd.gradcheck(lambda x: collapsed_pool(x, pattern), points)


def test_pattern_sorts_the_points_by_cell_and_counts_them():
    cell, inside, _ = _case(5)
    pattern = CollapsedPattern.build(cell, inside, CELLS)
    assert pattern.row[pattern.order].diff().min() >= 0 and pattern.inside[pattern.order].all()
    assert torch.equal(pattern.start.diff().float(), pattern.count) and pattern.start[-1] == len(pattern.order)
    assert pattern.rows == 2 * CELLS and pattern.count.sum() == inside.sum() and not pattern.count[CELLS - 1]


def test_points_off_the_grid_count_nowhere_and_get_no_gradient():
    cell, inside, points = _case(dtype=torch.float32)
    points = torch.where(inside.flatten()[:, None], points, float('nan')).detach().requires_grad_()
    out = collapsed_pool(points, CollapsedPattern.build(cell, inside, CELLS))
    out.sum().backward()
    assert torch.isfinite(out).all() and not points.grad[~inside.flatten()].any()
    nothing = collapsed_pool(points, CollapsedPattern.build(cell, torch.zeros_like(inside), CELLS))
    assert nothing.shape == (2 * CELLS, 3) and not nothing.any()


def test_fp32_island_under_autocast():
    cell, inside, points = _case(dtype=torch.bfloat16)
    pattern = CollapsedPattern.build(cell, inside, CELLS)
    with torch.autocast('cpu', dtype=torch.bfloat16):
        out = collapsed_pool(points, pattern)
    assert out.dtype == torch.float32
    torch.testing.assert_close(out, collapsed_pool(points.float(), pattern))


def test_bad_input_is_named():
    cell, inside, points = _case()
    pattern = CollapsedPattern.build(cell, inside, CELLS)
    with pytest.raises(ValueError, match='pattern was built for'):
        collapsed_pool(points[:-1], pattern)
    with pytest.raises(ValueError, match="'mean' or 'sum'"):
        collapsed_pool(points, pattern, pool_grad='max')
    with pytest.raises(ValueError, match='one shape'):
        CollapsedPattern.build(cell, inside[:1], CELLS)
