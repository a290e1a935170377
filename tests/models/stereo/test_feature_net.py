"""The feature net: sizes of the published ones, the decoder by hand, the prior beside it."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional

from perception_kd.models.stereo import MobileBackbone, StereoFeatureNet
from perception_kd.models.stereo.feature_net import with_prior
from perception_kd.models.stereo.mobile_backbone import InvertedResidual

TRUNK = dict(type='MobileBackbone', stem_channels=4, channels=(4, 6, 8, 10), depths=(1, 1, 1, 1))


def parameters(net: nn.Module) -> int:
    return sum(value.numel() for value in net.parameters())


@pytest.mark.parametrize('config, millions, first', [
    (dict(mono_channels=128), 11.63, 224),
    (dict(mono_channels=32), 9.37 + 0.77, 128),  # DepthAnythingV2-S: 3x3 convolutions 5 times 128 x 128
    (dict(conv4='linear', out_channels_4=224), 9.39, 224),
    (dict(), 9.8, 96),
])
def test_paper_widths_have_the_published_sizes(config: dict, millions: float, first: int):
    with torch.device('meta'):
        net = StereoFeatureNet(backbone=dict(type='EdgeNeXt'), **config)
    assert net.out_channels == (first, 192, 320, 304)
    assert parameters(net) / 1e6 == pytest.approx(millions, rel=0.01)


@pytest.mark.parametrize('config', [
    dict(), dict(conv4='linear', out_channels_4=16), dict(mono_channels=3),
    dict(upsample='bilinear', join='conv', norm='batch', decoder_channels=(7, 9, 11)),
    dict(mono_channels=3, conv4='linear', norm='batch', out_channels_4=16),
])
def test_maps_have_the_sizes_told_and_every_parameter_learns(config: dict):
    torch.manual_seed(0)
    net = StereoFeatureNet(backbone=TRUNK, **config)
    prior = torch.randn(2, 3, 10, 21) if 'mono_channels' in config else None
    maps = net(torch.randn(2, 3, 64, 96), prior)
    assert [tuple(x.shape) for x in maps] == [
        (2, width, 64 // stride, 96 // stride) for width, stride in zip(net.out_channels, (4, 8, 16, 32))]
    sum((x * torch.randn_like(x)).sum() for x in maps).backward()
    assert [name for name, value in net.named_parameters() if not value.grad.abs().sum() > 0] == []


def test_pictures_of_a_batch_do_not_see_each_other():
    torch.manual_seed(0)
    net = StereoFeatureNet(backbone=TRUNK, mono_channels=3).eval()
    pictures, prior = torch.randn(2, 3, 64, 64), torch.randn(2, 3, 8, 8)
    both = net(pictures, prior)
    alone = [net(pictures[one:one + 1], prior[one:one + 1]) for one in (0, 1)]
    for level, (first, second) in zip(both, zip(*alone)):
        torch.testing.assert_close(level, torch.cat([first, second]), atol=1e-4, rtol=1e-4)


def test_decoder_by_hand():
    torch.manual_seed(0)
    net = StereoFeatureNet(backbone=TRUNK, conv4='linear', out_channels_4=5).eval()
    images = torch.randn(1, 3, 64, 64)
    x4, x8, x16, x32 = net.backbone(images)
    weights = net.state_dict()

    def joined(name: str, coarse: torch.Tensor, fine: torch.Tensor) -> torch.Tensor:
        up = functional.conv_transpose2d(coarse, weights[f'{name}.up.0.weight'], stride=2, padding=1)
        both = torch.cat([functional.leaky_relu(functional.instance_norm(up), 0.01), fine], 1)
        inner = functional.conv2d(both, weights[f'{name}.join.conv1.conv.weight'], padding=1)
        inner = functional.conv2d(functional.instance_norm(inner).relu(), weights[f'{name}.join.conv2.conv.weight'],
                                  padding=1)
        return (functional.instance_norm(inner) + both).relu()

    x16 = joined('join16', x32, x16)
    x8 = joined('join8', x16, x8)
    x4 = functional.conv2d(joined('join4', x8, x4), weights['conv4.weight'], weights['conv4.bias'])
    for ours, hand in zip(net(images), (x4, x8, x16, x32)):
        torch.testing.assert_close(ours, hand, atol=1e-5, rtol=1e-5)


def test_prior_lies_beside_the_map_with_corners_on_corners():
    x, prior = torch.zeros(1, 2, 3, 5), torch.arange(9.0).reshape(1, 1, 1, 9).expand(1, 1, 4, 9)
    both = with_prior(x, prior, 1)
    assert both.shape == (1, 3, 3, 5)
    torch.testing.assert_close(both[0, 2], torch.tensor([0.0, 2, 4, 6, 8]).expand(3, 5))
    assert with_prior(x, None, 0) is x


@pytest.mark.parametrize('config, says', [
    (dict(conv4='wide'), 'conv4 is residual or linear'), (dict(upsample='nearest'), 'upsample is deconv or bilinear'),
    (dict(norm='layer'), 'norm is instance or batch'), (dict(decoder_channels=(4, 4)), 'got 2 entries'),
])
def test_settings_that_cannot_be(config: dict, says: str):
    with pytest.raises(ValueError, match=says):
        StereoFeatureNet(backbone=TRUNK, **config)


def test_inputs_that_cannot_be():
    net = StereoFeatureNet(backbone=TRUNK, mono_channels=3)
    with pytest.raises(ValueError, match='64x100 px; pad them to multiples of 32'):
        net(torch.randn(2, 3, 64, 100), torch.randn(2, 3, 8, 8))
    with pytest.raises(ValueError, match=r'prior of 0 channels .* mono_channels=3'):
        net(torch.randn(2, 3, 64, 96))


def test_inverted_residuals_have_the_layers_of_their_papers():
    config = dict(in_channels=6, out_channels=6, stride=1, expand=3, norm='batch')
    separable, fused = (InvertedResidual(kind=kind, **config) for kind in ('separable', 'fused'))
    assert parameters(separable) == 6 * 18 + 36 + 18 * 9 + 36 + 18 * 6 + 12
    assert parameters(fused) == 6 * 18 * 9 + 36 + 18 * 6 + 12
    x = torch.randn(2, 6, 5, 5)
    for block in (separable, fused):
        nn.init.zeros_(block.layers[-1].norm.weight)
        torch.testing.assert_close(block(x), x)
    with pytest.raises(ValueError, match='kind is separable or fused'):
        InvertedResidual(kind='dense', **config)


def test_compact_trunk_wants_four_stages():
    with pytest.raises(ValueError, match='depths has 3 entries'):
        MobileBackbone(depths=(1, 1, 1))
