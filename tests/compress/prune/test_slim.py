"""Slimming of layers of every kind: what is left computes what the masked whole computes."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from perception_kd.compress.prune.groups import ChannelGroup, check_groups, made_by, outside, read_by
from perception_kd.compress.prune.slim import mask, slim


class Net(nn.Module):
    """Convolution with norm, depth-wise and transposed convolution, concatenation, a linear layer, a scale."""

    def __init__(self, a: int = 6, b: int = 5, c: int = 4) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(2, a, 3, padding=1, bias=False), nn.BatchNorm2d(a), nn.ReLU())
        self.depth = nn.Conv2d(a, a, 3, padding=1, groups=a)
        self.gamma = nn.Parameter(torch.rand(a, 1, 1))
        self.up = nn.ConvTranspose2d(a, b, 2, stride=2)
        self.side = nn.Conv2d(2, c, 1)
        self.join = nn.Conv2d(b + 1 + c, 3, 1)
        self.inner, self.last = nn.Linear(3, c), nn.Linear(c, 2)
        self.rest = nn.Sequential(nn.Conv2d(2, 2, 1), nn.Conv2d(2, 2, 1))
        self.eval()

    def forward(self, x: Tensor) -> Tensor:
        x = self.rest(x)
        stem = self.stem(x)
        up = self.up(stem + self.gamma * self.depth(stem)).relu()
        large = nn.functional.interpolate(x, scale_factor=2)
        joined = self.join(torch.cat([up, large[:, :1], self.side(large).relu()], dim=1))
        return self.last(self.inner(joined.permute(0, 2, 3, 1)).relu())


def groups_of(net: Net) -> list[ChannelGroup]:
    a, b, c = net.depth.out_channels, net.up.out_channels, net.side.out_channels
    return [ChannelGroup('a', a, made_by(net, 'stem', 'depth', 'gamma'), read_by(net, 'up')),
            ChannelGroup('b', b, made_by(net, 'up'), read_by(net, 'join')),
            ChannelGroup('c', c, made_by(net, 'side'), read_by(net, 'join', start=b + 1)),
            ChannelGroup('inner', c, made_by(net, 'inner'), read_by(net, 'last'))]


KEPT = dict(a=torch.tensor([0, 3, 5]), b=torch.tensor([1, 2]), c=torch.tensor([0, 2, 3]), inner=torch.tensor([0, 1, 3]))


def whole() -> Net:
    torch.manual_seed(0)
    net = Net()
    for value in net.stem[1].state_dict().values():
        if value.is_floating_point():
            value.copy_(torch.rand_like(value) + 0.5)
    return net


def test_masked_equals_slimmed() -> None:
    net, x = whole(), torch.randn(2, 2, 6, 6)
    groups = groups_of(net)
    check_groups(net, groups)
    small, plain = Net(3, 2, 3).eval(), net(x)
    small.load_state_dict(slim(net.state_dict(), groups, KEPT))
    before = {name: value.clone() for name, value in net.state_dict().items()}
    net.load_state_dict(mask(net.state_dict(), groups, KEPT))
    torch.testing.assert_close(small(x), net(x), atol=1e-6, rtol=0)
    assert (net(x) - plain).abs().max() > 1e-2, 'the mask does something'
    assert not all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    everything = {group.name: torch.arange(group.size) for group in groups}
    assert all(torch.equal(value, before[name]) for name, value in slim(before, groups, everything).items())


def test_what_no_group_touches_is_found() -> None:
    net = whole()
    assert outside(net, groups_of(net)) == ['rest']
    assert outside(net, groups_of(net)[1:]) == ['stem', 'depth', 'rest']  # `up` makes b


def test_bad_groups() -> None:
    net = whole()
    with pytest.raises(ValueError, match=r'Net has no stem\.9'):
        made_by(net, 'stem.9')
    with pytest.raises(ValueError, match='depth is a Conv2d: channels are read by convolutions of one group'):
        read_by(net, 'depth')
    outlying = ChannelGroup('b', 5, made_by(net, 'up'), read_by(net, 'join', start=6))
    with pytest.raises(ValueError, match=r'group b: 5 channels from 6 on along axis 1 are not in join.weight'):
        check_groups(net, [outlying])
    with pytest.raises(ValueError, match=r'group b: Sequential has no up\.weight'):
        check_groups(net.rest, [outlying])
