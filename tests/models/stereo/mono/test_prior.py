"""The small net, its training as a plain model, and the prior that never changes."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from perception_kd.models.stereo.mono import FrozenPrior, MonoEstimator, ScaleShiftLoss, SmallMonoNet
from perception_kd.models.stereo.preprocessor import StereoPreprocessor
from perception_kd.structures.stereo_sample import StereoDataSample
from tests.models.stereo.mono.toys import ToyBackbone, small_net


def sample(height: int, width: int) -> StereoDataSample:
    rows = torch.arange(height, dtype=torch.float32)[:, None].expand(height, width)
    found = StereoDataSample(metainfo=dict(left_path='left.png'))
    found.gt_disp, found.gt_valid = rows + 1, torch.rand(height, width) < 0.9
    return found


def loaded(height: int, width: int, count: int = 2) -> dict:
    """A batch as the loader gives it; brightness tells the row, and so the disparity."""
    rows = torch.linspace(20, 230, height).round()[None, :, None].expand(3, height, width).to(torch.uint8)
    return dict(inputs=dict(left=[rows] * count, right=[rows.flip(-1)] * count),
                data_samples=[sample(height, width) for _ in range(count)])


def estimator() -> MonoEstimator:
    torch.manual_seed(0)
    return MonoEstimator(net=small_net(), loss=ScaleShiftLoss(), data_preprocessor=StereoPreprocessor())


@pytest.mark.parametrize('stride', [4, 8])
def test_shapes_of_the_net(stride: int) -> None:
    net = small_net(tap_stride=stride).eval()
    images = torch.randn(2, 3, 64, 96)
    assert net.features(images).shape == (2, 5, 64 // stride, 96 // stride) and net.out_channels == 5
    assert net(images).shape == (2, 1, 64, 96)
    net(images).sum().backward()
    assert all(parameter.grad is not None for parameter in net.parameters()), 'no parameter without a use'


def test_refuses_other_shapes_of_net() -> None:
    with pytest.raises(ValueError, match='4 or 8, got 2'):
        small_net(tap_stride=2)
    backbone = ToyBackbone()
    backbone.out_channels = (4, 6)
    with pytest.raises(ValueError, match='got 2'):
        SmallMonoNet(backbone=backbone)


def test_padding_takes_no_part_in_the_loss() -> None:
    model = estimator()
    data = model.data_preprocessor(loaded(50, 70), True)
    assert data['inputs']['left'].shape[-2:] == (64, 96)
    depth = model(**data, mode='tensor')[:, 0, 7:57, 13:83]
    truth, valid = (torch.stack([getattr(one, key) for one in data['data_samples']]) for key in ('gt_disp', 'gt_valid'))
    expected, found = ScaleShiftLoss()(depth, truth, valid), model(**data, mode='loss')
    assert set(found) == set(expected)
    for name, value in found.items():
        torch.testing.assert_close(value, expected[name])
    (first, _) = model(**data, mode='predict')
    torch.testing.assert_close(first.pred_inverse_depth, depth[0])


def test_learns_and_says_what_it_lacks() -> None:
    model = estimator()
    data = model.data_preprocessor(loaded(32, 64), True)
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-2)
    losses = []
    for _ in range(25):
        loss = sum(model(**data, mode='loss').values())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss))
    assert losses[-1] < 0.5 * losses[0]
    del data['data_samples'][0].gt_disp
    with pytest.raises(ValueError, match=r'left\.png: no true disparity'):
        model(**data, mode='loss')


def test_prior_never_changes(tmp_path: Path) -> None:
    torch.manual_seed(1)
    trained = small_net()
    path = tmp_path / 'mono.pth'
    torch.save(dict(state_dict={f'net.{name}': value for name, value in trained.state_dict().items()}), path)
    torch.manual_seed(2)
    prior = FrozenPrior(net=small_net(), checkpoint=str(path))
    matcher = nn.Sequential(prior, nn.Conv2d(prior.out_channels, 1, 1))
    prior.init_weights()
    before = {name: value.clone() for name, value in prior.state_dict().items()}
    for name, value in trained.state_dict().items():
        torch.testing.assert_close(before[f'net.{name}'], value)

    optimiser = torch.optim.AdamW(matcher.parameters(), lr=1.0, weight_decay=0.5)
    matcher.train()
    images = torch.randn(2, 3, 32, 64, requires_grad=True)
    tap = prior(images)
    assert not tap.requires_grad and not prior.training and not prior.net.training
    torch.testing.assert_close(tap, trained.eval().features(images))
    matcher(images).mean().backward()
    optimiser.step()
    assert all(torch.equal(value, before[name]) for name, value in prior.state_dict().items())
    assert {name.split('.')[0] for name in matcher.state_dict()} == {'0', '1'}, 'deployed with the matcher'

    torch.save(dict(state_dict={f'net.{name}': value * 0 for name, value in trained.state_dict().items()}), path)
    prior.init_weights()
    assert torch.equal(next(prior.parameters()), before[next(iter(dict(prior.named_parameters())))]), 'read once'


def test_prior_needs_weights_that_fit(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match='allow_random=True'):
        FrozenPrior(net=small_net()).init_weights()
    FrozenPrior(net=small_net(), allow_random=True).init_weights()
    with pytest.raises(FileNotFoundError, match=r'none\.pth does not exist'):
        FrozenPrior(net=small_net(), checkpoint=tmp_path / 'none.pth').init_weights()
    torch.save(dict(state_dict={'net.tap_conv.weight': torch.zeros(1)}), tmp_path / 'other.pth')
    with pytest.raises(ValueError, match='does not fit'):
        FrozenPrior(net=small_net(), checkpoint=tmp_path / 'other.pth').init_weights()
