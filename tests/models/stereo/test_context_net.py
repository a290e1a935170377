"""Context: sizes of the published nets, attention against loops, ranges, and what is looked at."""

from __future__ import annotations

import pytest
import torch

from perception_kd.models.stereo import ContextHeads, ContextNet
from perception_kd.models.stereo.blocks import ResidualUnit
from perception_kd.models.stereo.context_net import ChannelAttention, SpatialAttention

SMALL = dict(channels=(4, 6, 8), hidden_channels=5, context_channels=6, squeeze_channels=4)


@pytest.mark.parametrize('make, millions', [
    (lambda: ContextNet(mono_channels=128, unused_layers=True), 4.88),
    (lambda: ContextNet(mono_channels=128), 4.88 - 0.262),
    (lambda: ContextHeads(in_channels=224), 0.52),
])
def test_paper_widths_have_the_published_sizes(make, millions: float):
    with torch.device('meta'):
        net = make()
    assert sum(value.numel() for value in net.parameters()) / 1e6 == pytest.approx(millions, rel=0.005)


@pytest.mark.parametrize('levels', [1, 2, 3])
def test_levels_from_fine_to_coarse(levels: int):
    torch.manual_seed(0)
    net = ContextNet(levels=levels, mono_channels=3, **SMALL)
    maps = net(torch.randn(2, 3, 64, 96), None, torch.randn(2, 3, 9, 9))
    for level in range(levels):
        size = (16 >> level, 24 >> level)
        assert maps.hidden[level].shape == (2, 5, *size) and maps.hidden[level].abs().max() <= 1
        assert maps.context[level].shape == (2, 6, *size) and maps.context[level].min() >= 0
        assert maps.attention[level].shape == (2, 1, *size)
        assert maps.attention[level].min() > 0 and maps.attention[level].max() < 1
    assert len(maps.hidden) == len(maps.context) == len(maps.attention) == levels
    loss = sum((part * torch.randn_like(part)).sum() for part in (*maps.hidden, *maps.context, *maps.attention))
    loss.backward()
    assert [name for name, value in net.named_parameters() if value.grad is None] == []
    assert all(value.grad.abs().sum() > 0 for name, value in net.named_parameters() if name.startswith('cam'))


def test_heads_read_the_features_alone():
    torch.manual_seed(0)
    heads = ContextHeads(in_channels=7, hidden_channels=5, context_channels=6, squeeze_channels=2, mono_channels=3)
    x4 = torch.randn(2, 7, 4, 6)
    maps = heads(torch.randn(2, 3, 16, 24), x4, torch.randn(2, 3, 4, 6))
    torch.testing.assert_close(maps.hidden[0], heads.hidden(x4).tanh())
    raw = heads.context(x4).relu()
    torch.testing.assert_close(maps.context[0], raw * heads.cam(raw))
    torch.testing.assert_close(maps.attention[0], heads.sam(maps.context[0]))
    assert len(maps.hidden) == len(maps.context) == len(maps.attention) == 1


def test_channel_attention_by_hand():
    torch.manual_seed(0)
    attention = ChannelAttention(channels=4, squeeze_channels=3)
    x = torch.randn(2, 4, 3, 5)
    inner, outer = attention.fc[0].weight[:, :, 0, 0], attention.fc[2].weight[:, :, 0, 0]
    for one in range(2):
        flat = x[one].reshape(4, -1)
        summed = sum(outer @ (inner @ pooled).clamp(min=0) for pooled in (flat.mean(1), flat.max(1).values))
        torch.testing.assert_close(attention(x)[one, :, 0, 0], 1 / (1 + (-summed).exp()))


def test_spatial_attention_by_hand():
    torch.manual_seed(0)
    attention = SpatialAttention(kernel=3)
    x = torch.randn(1, 4, 3, 4)
    planes = torch.nn.functional.pad(torch.stack([x[0].mean(0), x[0].max(0).values]), (1, 1, 1, 1))
    for row in range(3):
        for column in range(4):
            summed = (planes[:, row:row + 3, column:column + 3] * attention.samconv.weight[0]).sum()
            torch.testing.assert_close(attention(x)[0, 0, row, column], summed.sigmoid())


def test_layers_that_only_released_files_hold_are_frozen_and_change_nothing():
    torch.manual_seed(0)
    net = ContextNet(unused_layers=True, **SMALL).eval()
    assert {name.split('.')[0] for name, value in net.named_parameters() if not value.requires_grad} == {'unused'}
    plain = ContextNet(**SMALL).eval()
    plain.load_state_dict({name: value for name, value in net.state_dict().items() if not name.startswith('unused.')})
    left = torch.randn(1, 3, 32, 32)
    assert torch.equal(net(left).context[0], plain(left).context[0])


def test_strides_share_the_way_to_a_quarter():
    net = ContextNet(strides=(2, 1, 2, 1), **SMALL)
    assert net(torch.randn(1, 3, 32, 64)).hidden[0].shape == (1, 5, 8, 16)
    with pytest.raises(ValueError, match='whose product is 4'):
        ContextNet(strides=(2, 1, 2, 2), **SMALL)


def test_what_cannot_be():
    with pytest.raises(ValueError, match='levels is 1, 2 or 3, got 3 and 4'):
        ContextNet(levels=4, **SMALL)
    with pytest.raises(ValueError, match=r'prior of 3 channels .* mono_channels=0'):
        ContextNet(**SMALL)(torch.randn(1, 3, 32, 32), None, torch.randn(1, 3, 8, 8))


def test_residual_unit_by_hand():
    torch.manual_seed(0)
    unit = ResidualUnit(in_channels=4, out_channels=6, stride=2, norm='instance')
    x = torch.randn(2, 4, 8, 10)
    normal, conv = torch.nn.functional.instance_norm, torch.nn.functional.conv2d
    branch = normal(conv(x, unit.conv1.weight, stride=2, padding=1)).relu()
    branch = normal(conv(branch, unit.conv2.weight, padding=1)).relu()  # a constant bias is lost in the normalisation
    shortcut = normal(conv(x, unit.shortcut[0].weight, stride=2))
    torch.testing.assert_close(unit(x), (branch + shortcut).relu(), atol=1e-5, rtol=1e-5)
