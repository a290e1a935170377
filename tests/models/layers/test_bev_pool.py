"""The sparse-matrix pooling against the plain one and against hand-made cases."""

import pytest
import torch

from perception_kd.models.layers import BEVPoolPattern, bev_pool, bev_pool_reference

CELLS = 12


def _case(
    seed=0, batch=2, cameras=2, bins=5, height=2, width=3, channels=4, cells=CELLS, dtype=torch.float32
):
    generator = torch.Generator().manual_seed(seed)
    shape = (batch, cameras, height, width, bins)
    cell = torch.randint(0, cells, shape, generator=generator)
    inside = torch.rand(shape, generator=generator) > 0.3
    depth = torch.rand(batch * cameras, bins, height, width, generator=generator, dtype=dtype)
    features = torch.randn(batch * cameras, channels, height, width, generator=generator, dtype=dtype)
    return cell, inside, depth.requires_grad_(), features.requires_grad_()


def _brute_force(cell, inside, depth, features, cells, reduction):
    """Point by point, independent of the pattern."""
    batch, cameras = cell.shape[:2]
    rows = [[[] for _ in range(cells)] for _ in range(batch)]
    for b, n, h, w, d in torch.nonzero(inside).tolist():
        image = b * cameras + n
        rows[b][cell[b, n, h, w, d]].append(depth[image, d, h, w] * features[image, :, h, w])
    zero = features.new_zeros(features.shape[1])
    flat = [torch.stack(points) if points else zero[None] for sample in rows for points in sample]
    return torch.stack([getattr(points, reduction)(0) for points in flat])


@pytest.mark.parametrize('reduction', ['mean', 'sum'])
def test_values_and_gradients_equal_point_by_point_sum(reduction):
    cell, inside, depth, features = _case(dtype=torch.float64)
    pattern = BEVPoolPattern.build(cell, inside, CELLS)
    expected = _brute_force(cell, inside, depth, features, CELLS, reduction)
    weight = torch.randn(expected.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    wanted = torch.autograd.grad((expected * weight).sum(), [depth, features])
    for pool in (bev_pool, bev_pool_reference):
        out = pool(depth, features, pattern, reduction=reduction)
        torch.testing.assert_close(out, expected)
        torch.testing.assert_close(torch.autograd.grad((out * weight).sum(), [depth, features]), wanted)


@pytest.mark.parametrize('inside', [0.0, 0.7, 1.0])
def test_places_beyond_32_bits_pool_alike(monkeypatch, inside):
    cell, _, depth, features = _case(dtype=torch.float64)
    inside = torch.rand(cell.shape, generator=torch.Generator().manual_seed(2)) < inside
    narrow = BEVPoolPattern.build(cell, inside, CELLS)
    monkeypatch.setattr('perception_kd.models.layers.bev_pattern._INT32_MAX', 1)
    wide = BEVPoolPattern.build(cell, inside, CELLS)
    assert (narrow.crow.dtype, wide.crow.dtype, wide.col.dtype) == (torch.int32, torch.int64, torch.int64)
    for name in ('crow', 'col', 'crow_t', 'col_t', 'to_t', 'point', 'entry', 'count'):
        assert torch.equal(getattr(narrow, name).double(), getattr(wide, name).double()), name
    results = []
    for pattern in (narrow, wide):
        out = bev_pool(depth, features, pattern)
        results.append([out, *torch.autograd.grad(out.square().sum(), [depth, features])])
    assert all(map(torch.equal, *results))


@pytest.mark.parametrize('reduction', ['mean', 'sum'])
def test_gradcheck(reduction):
    cell, inside, depth, features = _case(3, 1, 2, 3, 2, 2, 2, dtype=torch.float64)
    pattern = BEVPoolPattern.build(cell, inside, CELLS)
    assert torch.autograd.gradcheck(
        lambda d, f: bev_pool(d, f, pattern, reduction=reduction), (depth, features)
    )


def test_pattern_is_valid_csr_and_merges_bins_of_one_pixel():
    cell = torch.zeros(1, 1, 1, 2, 4, dtype=torch.long)  # all four bins of both pixels in cell 0
    inside = torch.ones_like(cell, dtype=torch.bool)
    inside[0, 0, 0, 1, 3] = False
    pattern = BEVPoolPattern.build(cell, inside, 3)
    assert pattern.entries == 2 and pattern.count.tolist() == [7, 0, 0]
    depth = torch.arange(8.0).view(1, 4, 1, 2)
    features = torch.tensor([[1.0, 10.0]]).view(1, 1, 1, 2)
    pooled = bev_pool(depth, features, pattern, reduction='sum')
    assert pooled[:, 0].tolist() == [0 + 2 + 4 + 6 + 10 * (1 + 3 + 5), 0, 0]
    cell, inside, depth, _ = _case(5, bins=9)
    pattern = BEVPoolPattern.build(cell, inside, CELLS)
    ones = torch.ones(pattern.entries)
    torch.sparse_csr_tensor(pattern.crow, pattern.col, ones, pattern.shape, check_invariants=True)
    torch.sparse_csr_tensor(pattern.crow_t, pattern.col_t, ones, pattern.shape[::-1], check_invariants=True)
    assert pattern.entries < len(pattern.point) == int(inside.sum())
    assert pattern.col.dtype == pattern.crow_t.dtype == torch.int32


def test_pool_grad_sum_leaves_the_division_out():
    cell, inside, depth, features = _case()
    pattern = BEVPoolPattern.build(cell, inside, CELLS)
    summed = torch.autograd.grad(bev_pool(depth, features, pattern, reduction='sum').sum(), [depth, features])
    parity = bev_pool(depth, features, pattern, reduction='mean', pool_grad='sum')
    true = bev_pool(depth, features, pattern, reduction='mean')
    torch.testing.assert_close(parity, true)
    torch.testing.assert_close(torch.autograd.grad(parity.sum(), [depth, features]), summed)
    assert not torch.allclose(torch.autograd.grad(true.sum(), [features])[0], summed[1])


def test_no_point_on_the_grid_gives_zeros_and_zero_gradients():
    cell, inside, depth, features = _case()
    pattern = BEVPoolPattern.build(cell, torch.zeros_like(inside), CELLS)
    out = bev_pool(depth, features, pattern)
    assert out.shape == (2 * CELLS, 4) and not out.any()
    grads = torch.autograd.grad(out.sum(), [depth, features])
    assert not any(grad.any() for grad in grads)


def test_fp32_island_under_autocast():
    cell, inside, depth, features = _case()
    pattern = BEVPoolPattern.build(cell, inside, CELLS)
    with torch.autocast('cpu', dtype=torch.bfloat16):
        out = bev_pool(depth, features.bfloat16(), pattern)
        out.sum().backward()
    assert out.dtype == features.grad.dtype == torch.float32
    assert torch.isfinite(depth.grad).all()


def test_bad_input_is_named():
    cell, inside, depth, features = _case()
    pattern = BEVPoolPattern.build(cell, inside, CELLS)
    with pytest.raises(ValueError, match='pattern was built for'):
        bev_pool(depth[:, :3], features, pattern)
    with pytest.raises(ValueError, match='differ in images'):
        bev_pool(depth, features[..., :2], pattern)
    with pytest.raises(ValueError, match="'mean' or 'sum'"):
        bev_pool(depth, features, pattern, reduction='max')
    with pytest.raises(ValueError, match='one shape'):
        BEVPoolPattern.build(cell, inside[0], CELLS)
