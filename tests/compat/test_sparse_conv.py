"""Sparse convolutions against dense ones, values and gradients, and against spconv where it is installed."""

import importlib.util

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

import perception_kd.compat as compat
from perception_kd.compat.ops import sparse_pairs
from tests.compat import lite_only

pytestmark = lite_only
SHAPE = [7, 6, 5]
ENCODER = [(3, 2, 1), (3, 2, (0, 1, 1)), ((3, 1, 1), (2, 1, 1), 0)]  # kernel, stride, padding in mmdet3d's encoder


def voxels(channels: int, samples: tuple[int, ...] = (0, 2), each: int = 50, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Features and shuffled voxels of some samples of a batch; the others are empty."""
    g = torch.Generator().manual_seed(seed)
    cells = torch.stack(torch.meshgrid(*map(torch.arange, SHAPE), indexing='ij'), -1).view(-1, 3)
    rows = []
    for number in samples:
        mine = cells[torch.randperm(len(cells), generator=g)[:each]]
        rows.append(torch.cat([torch.full((each, 1), number), mine], 1))
    indices = torch.cat(rows)[torch.randperm(each * len(samples), generator=g)].int()
    return torch.randn(len(indices), channels, generator=g, requires_grad=True), indices


def sparse(features: Tensor, indices: Tensor, batch: int = 3):
    from mmcv.ops import SparseConvTensor

    return SparseConvTensor(features, indices, SHAPE, batch)


def dense_weight(conv) -> Tensor:
    return conv.weight.permute(4, 3, 0, 1, 2)


def assert_same(out: Tensor, expected: Tensor, *leaves: Tensor) -> None:
    torch.testing.assert_close(out, expected, rtol=1e-4, atol=1e-5)
    probe = torch.randn_like(expected)
    found, wanted = (torch.autograd.grad((value * probe).sum(), leaves, retain_graph=True)
                     for value in (out, expected))
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(('kernel', 'dilation'), [(3, 1), ((1, 3, 3), 1), (3, 2), (5, 1)])
def test_submanifold(kernel, dilation) -> None:
    from mmcv.ops import SubMConv3d

    features, indices = voxels(4)
    conv = SubMConv3d(4, 6, kernel, dilation=dilation)
    out = conv(sparse(features, indices))
    assert out.indices is indices
    sides = kernel if isinstance(kernel, tuple) else (kernel,) * 3
    expected = F.conv3d(sparse(features, indices).dense(), dense_weight(conv), conv.bias, dilation=dilation,
                        padding=[dilation * (side // 2) for side in sides])
    b, z, y, x = indices.long().T
    assert_same(out.features, expected[b, :, z, y, x], features, conv.weight, conv.bias)


def test_submanifold_with_an_even_kernel() -> None:
    from mmcv.ops import SubMConv3d

    features, indices = voxels(4)
    conv = SubMConv3d(4, 6, 2, bias=False)
    expected = F.conv3d(F.pad(sparse(features, indices).dense(), [1, 0] * 3), dense_weight(conv))
    b, z, y, x = indices.long().T
    assert_same(conv(sparse(features, indices)).features, expected[b, :, z, y, x], features, conv.weight)


@pytest.mark.parametrize(('kernel', 'stride', 'padding'), [*ENCODER, (3, 1, 1), (2, 2, 0)])
def test_strided(kernel, stride, padding) -> None:
    from mmcv.ops import SparseConv3d

    features, indices = voxels(4)
    conv = SparseConv3d(4, 6, kernel, stride=stride, padding=padding, bias=False)
    out = conv(sparse(features, indices))
    expected = F.conv3d(sparse(features, indices).dense(), dense_weight(conv), stride=stride, padding=padding)
    assert_same(out.dense(), expected, features, conv.weight)
    rows = out.indices.tolist()
    assert rows == sorted(rows) and len(rows) < expected[:, 0].numel()
    assert {row[0] for row in rows} == {0, 2}  # the sample between them stays empty


def test_inverse_gives_back_the_voxels_and_transposed_makes_new_ones() -> None:
    from mmcv.ops import SparseConv3d, SparseConvTranspose3d, SparseInverseConv3d

    features, indices = voxels(4)
    down = SparseConv3d(4, 4, 3, stride=2, padding=1, indice_key='a')(sparse(features, indices))
    up = SparseInverseConv3d(4, 5, 3, indice_key='a', bias=False)
    out = up(down)
    weight = up.weight.permute(3, 4, 0, 1, 2)
    expected = F.conv_transpose3d(down.dense(), weight, stride=2, padding=1, output_padding=(0, 1, 0))
    assert out.indices is indices and out.spatial_shape == SHAPE
    b, z, y, x = indices.long().T
    assert_same(out.features, expected[b, :, z, y, x], features, up.weight)
    free = SparseConvTranspose3d(4, 5, 3, stride=2, padding=1, bias=False)
    expected = F.conv_transpose3d(down.dense(), free.weight.permute(3, 4, 0, 1, 2), stride=2, padding=1)
    assert_same(free(down).dense(), expected, features, free.weight)


def test_pairs_are_made_once_for_the_same_voxels(monkeypatch) -> None:
    from mmcv.ops import SparseSequential, SubMConv3d

    made = []
    inner = sparse_pairs._submanifold
    monkeypatch.setattr(sparse_pairs, '_submanifold', lambda *args: made.append(1) or inner(*args))
    features, indices = voxels(4)
    for key in ('subm1', None):
        made.clear()
        layers = SparseSequential(SubMConv3d(4, 4, 3, indice_key=key), SubMConv3d(4, 4, 3, indice_key=key))
        out = layers(sparse(features, indices.clone()))
        assert len(made) == 1, key
        out.indices[:, 1] = SHAPE[0] - 1 - out.indices[:, 1]
        changed = SubMConv3d(4, 4, 3)(sparse(features, out.indices))
        assert len(made) == 2 and changed.features.isfinite().all()


def test_no_voxel_at_all() -> None:
    from mmcv.ops import SparseConv3d, SparseSequential, SubMConv3d

    features = torch.zeros(0, 4, requires_grad=True)
    layers = SparseSequential(SubMConv3d(4, 4, 3, bias=False), SparseConv3d(4, 6, 3, stride=2, bias=False))
    out = layers(sparse(features, torch.zeros(0, 4, dtype=torch.int))).dense()
    assert out.shape == (3, 6, 3, 2, 2) and not out.any()
    out.sum().backward()
    assert all(not layer.weight.grad.any() for layer in layers)


def test_autocast_leaves_them_alone() -> None:
    from mmcv.ops import SubMConv3d

    features, indices = voxels(4)
    conv = SubMConv3d(4, 6, 3)
    plain = conv(sparse(features, indices)).features
    with torch.autocast('cpu', dtype=torch.bfloat16):
        assert_same(conv(sparse(features, indices)).features, plain, features, conv.weight)


def test_voxels_outside_the_grid_and_ops_without_a_twin_are_named() -> None:
    from mmcv.ops import SparseMaxPool3d, SubMConv3d

    features, indices = voxels(4)
    indices[3, 2] = SHAPE[1]
    with pytest.raises(ValueError, match=r'1 of 100 voxels lie outside the grid of \[7, 6, 5\] cells'):
        SubMConv3d(4, 4, 3)(sparse(features, indices))
    with pytest.raises(compat.CompiledOpMissing, match='indice_maxpool_forward'):
        SparseMaxPool3d(2, 2)(sparse(*voxels(4)))


@pytest.mark.skipif(importlib.util.find_spec('spconv') is None, reason='spconv is not installed')
@pytest.mark.parametrize('strided', [False, True])
def test_same_as_spconv(strided: bool) -> None:
    """Values alone: on the CPU, spconv 2.3 has no backward pass for strided convolutions."""
    import mmcv.ops as ours
    from spconv import pytorch as theirs

    features, indices = voxels(4)
    made, outs = [], []
    for lib in (ours, theirs):
        conv = (lib.SparseConv3d(4, 6, 3, stride=2, padding=(0, 1, 1)) if strided else lib.SubMConv3d(4, 6, 3))
        if made:
            conv.weight.data.copy_(made[0].weight.data.permute(4, 0, 1, 2, 3))
            conv.bias.data.copy_(made[0].bias.data)
        made.append(conv)
        outs.append(conv(lib.SparseConvTensor(features, indices, SHAPE, 3)).dense())
    torch.testing.assert_close(outs[0], outs[1], rtol=1e-4, atol=1e-5)
