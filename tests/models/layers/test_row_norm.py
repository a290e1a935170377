"""Normalisation of few rows, and the pillar feature net on few points."""

import pytest
import torch

from perception_kd.models.layers import PillarFeatureNet, RowBatchNorm, row_norm

BN = dict(type='BN1d', eps=1e-3, momentum=0.1)


def test_batch_norm_of_two_rows_and_more_is_torch():
    rows, ours, theirs = torch.randn(5, 3), RowBatchNorm(3), torch.nn.BatchNorm1d(3)
    torch.testing.assert_close(ours(rows), theirs(rows))
    torch.testing.assert_close(ours.running_var, theirs.running_var)


@pytest.mark.parametrize('count', [0, 1])
def test_batch_norm_of_fewer_rows_takes_the_running_statistics_and_leaves_them(count):
    norm = RowBatchNorm(3)
    norm.running_mean.fill_(2.0)
    rows = torch.full((count, 3), 5.0, requires_grad=True)
    out = norm(rows)
    out.sum().backward()
    torch.testing.assert_close(out.detach(), torch.full((count, 3), 3.0), atol=1e-4, rtol=0)
    assert (norm.running_mean == 2).all() and torch.isfinite(norm.weight.grad).all()


def test_other_normalisations_are_mmcvs():
    assert isinstance(row_norm(dict(type='LN'), 4), torch.nn.LayerNorm)
    assert row_norm(BN, 4).eps == 1e-3 and BN['type'] == 'BN1d'


@pytest.mark.parametrize('norm_cfg', [BN, dict(type='LN')])
@pytest.mark.parametrize('count', [0, 1, 6])
def test_pillar_features_of_any_number_of_points(norm_cfg, count):
    torch.manual_seed(0)
    net = PillarFeatureNet(in_channels=3, channels=[4, 5], norm_cfg=norm_cfg)
    cell = torch.tensor([7, 2, 7, 2, 2, 0])[:count]
    with torch.autocast('cpu', dtype=torch.bfloat16):
        out = net(torch.randn(count, 3) * 1000, cell, 9)
    out.sum().backward()
    assert out.shape == (9, 5) and out.dtype == torch.float32 and torch.isfinite(out).all()
    assert set(out.abs().sum(1).nonzero()[:, 0].tolist()) <= set(cell.tolist())
    assert all(torch.isfinite(weight.grad).all() for weight in net.parameters())
