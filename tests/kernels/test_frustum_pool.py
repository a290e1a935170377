"""BEV pooling by kernels against the sparse-matrix product."""

import pytest
import torch

from perception_kd.kernels import FrustumPattern, kernels
from perception_kd.kernels import frustum_pattern as pattern_room
from perception_kd.models.layers import BEVPoolPattern, bev_pool
from perception_kd.models.layers.export_forms import ScatterPattern, export_forms
from tests.kernels import DEVICE, by_kernel_and_twin, needs_triton, numbers, with_gradients

pytestmark = needs_triton


def case(batch=2, cameras=2, bins=5, height=2, width=3, channels=4, cells=12, dtype=torch.float32, kept=0.7):
    generator = torch.Generator().manual_seed(0)
    shape = (batch, cameras, height, width, bins)
    cell = torch.randint(0, cells, shape, generator=generator)
    inside = torch.rand(shape, generator=generator) < kept
    cell[~inside] = 10**9  # whatever stands there
    depth = numbers(batch * cameras, bins, height, width, seed=2).softmax(1).to(dtype)
    return cell.to(DEVICE), inside.to(DEVICE), depth, numbers(batch * cameras, channels, height, width, dtype=dtype)


def pooled(cell, inside, depth, features, cells=12, **kwargs):
    return by_kernel_and_twin(lambda: with_gradients(
        lambda d, f: bev_pool(d, f, BEVPoolPattern.build(cell, inside, cells), **kwargs), [depth, features]))


@pytest.mark.parametrize(('reduction', 'pool_grad'), [('mean', 'mean'), ('mean', 'sum'), ('sum', 'mean')])
@pytest.mark.parametrize('dtype', [torch.float32, torch.float64])
def test_values_and_gradients_equal_the_twins(reduction, pool_grad, dtype):
    ours, twins = pooled(*case(dtype=dtype), reduction=reduction, pool_grad=pool_grad)
    torch.testing.assert_close(ours, twins)


@pytest.mark.parametrize('sizes', [
    dict(batch=1, cameras=1, bins=1, height=1, width=1, channels=1), dict(bins=41, channels=3),
    dict(channels=131, bins=2), dict(batch=1, cameras=3, height=5, width=7, bins=9, channels=2)])
def test_odd_sizes(sizes):
    ours, twins = pooled(*case(**sizes, kept=0.9))
    torch.testing.assert_close(ours, twins)


def test_more_channels_than_a_program_holds(monkeypatch):
    from perception_kd.kernels import frustum_pool

    monkeypatch.setattr(frustum_pool, 'WIDEST', 4)
    ours, twins = pooled(*case(channels=10))
    torch.testing.assert_close(ours, twins)


def test_all_points_in_one_cell_and_none_on_the_grid():
    cell, inside, depth, features = case(bins=11)
    ours, twins = pooled(torch.full_like(cell, 3), torch.ones_like(inside), depth, features)
    torch.testing.assert_close(ours, twins)
    for found in pooled(cell, torch.zeros_like(inside), depth, features):
        assert found[0].shape == (24, 4) and not any(part.any() for part in found)


def test_no_camera():
    for found in pooled(*case(cameras=0)):
        assert [tuple(part.shape) for part in found] == [(24, 4), (0, 5, 2, 3), (0, 4, 2, 3)] and not found[0].any()


def test_other_strides():
    cell, inside, depth, features = case()
    depth, features = depth.permute(1, 2, 3, 0).contiguous(), features.permute(0, 2, 3, 1).contiguous()
    ours, twins = by_kernel_and_twin(lambda: with_gradients(
        lambda d, f: bev_pool(d.permute(3, 0, 1, 2), f.permute(0, 3, 1, 2), BEVPoolPattern.build(cell, inside, 12)),
        [depth, features]))
    torch.testing.assert_close(ours, twins)


def test_what_is_not_a_number_stays_in_the_cells_of_its_pixel():
    cell, inside, depth, features = case()
    features[1, 2, 0, 1], depth[2, 3, 1, 2] = float('nan'), float('nan')
    ours, twins = pooled(cell, inside, depth, features)
    torch.testing.assert_close(ours, twins, equal_nan=True)
    reached = set(cell[0, 1, 0, 1][inside[0, 1, 0, 1]].tolist())
    assert set(torch.isnan(ours[0][:12]).any(1).nonzero()[:, 0].tolist()) == reached
    depth, features = case()[2:]
    off = ~inside.flatten(0, 1).permute(0, 3, 1, 2)
    ours, twins = pooled(cell, inside, depth.masked_fill(off, float('nan')), features)
    torch.testing.assert_close(ours, twins)
    assert not ours[1][off].any()


@pytest.mark.parametrize('dtype', [torch.bfloat16, torch.float16])
def test_half_precision_is_summed_in_float32(dtype):
    cell, inside, depth, features = case(bins=40, dtype=dtype)
    ours, twins = pooled(cell, inside, depth, features)
    assert ours[0].dtype == torch.float32 and ours[1].dtype == ours[2].dtype == dtype
    torch.testing.assert_close(ours[0], twins[0])
    torch.testing.assert_close(ours[1:], twins[1:])
    ours, twins = pooled(cell, inside, depth.float(), features)  # as under autocast: the softmax is float32
    torch.testing.assert_close(ours, twins)


def test_only_the_gradient_that_is_wanted():
    cell, inside, depth, features = case()
    for wanted in (0, 1):
        def grad(wanted=wanted):
            parts = [depth.clone(), features.clone()]
            leaf = parts[wanted].requires_grad_()
            bev_pool(*parts, BEVPoolPattern.build(cell, inside, 12)).square().sum().backward()
            return leaf.grad
        torch.testing.assert_close(*by_kernel_and_twin(grad))


def test_many_points_are_counted_in_64_bits(monkeypatch):
    from perception_kd.kernels import segments

    monkeypatch.setattr(segments, 'INT32_MAX', 3)
    monkeypatch.setattr(pattern_room, 'INT32_MAX', 3)
    cell, inside, depth, features = case()
    with kernels('always'):
        wide = BEVPoolPattern.build(cell, inside, 12).segments
    assert wide.row.dtype == wide.order.dtype == wide.start.dtype == torch.int64
    torch.testing.assert_close(*pooled(cell, inside, depth, features))


def test_a_pattern_keeps_to_what_was_chosen_when_it_was_built():
    cell, inside, depth, features = case()
    with kernels('always'):
        ours = BEVPoolPattern.build(cell, inside, 12)
        with export_forms():
            assert isinstance(BEVPoolPattern.build(cell, inside, 12), ScatterPattern)
    with kernels('off'):
        twins = BEVPoolPattern.build(cell, inside, 12)
        torch.testing.assert_close(bev_pool(depth, features, ours), bev_pool(depth, features, twins))
    assert isinstance(ours, FrustumPattern) and isinstance(twins, BEVPoolPattern) and ours.shape == twins.shape
    with pytest.raises(ValueError, match='pattern was built for'):
        bev_pool(depth[:, :3], features, ours)
