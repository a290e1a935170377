"""Batch normalisation folded into convolutions."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from perception_kd.models.layers.fold import fold_batch_norms
from perception_kd.models.stereo.cost_filter import CostFilter, compact_blocks, foundation_blocks


def _used(model: nn.Module) -> nn.Module:
    """With statistics and weights of normalisation that are not those of a new model."""
    for module in model.modules():
        if isinstance(module, (nn.BatchNorm2d, nn.BatchNorm3d)):
            for tensor in (module.weight.data, module.running_var):
                tensor.uniform_(0.5, 2)
            for tensor in (module.bias.data, module.running_mean):
                tensor.normal_()
    return model.eval()


@pytest.mark.parametrize('blocks', [compact_blocks(), foundation_blocks(widths=(4, 6, 8, 10), axial=3, heads=2)])
def test_a_folded_filter_gives_the_same(blocks: dict) -> None:
    torch.manual_seed(0)
    model = _used(CostFilter(volume_channels=3, feature_channels=(6, 8, 10, 12), blocks=blocks))
    volume = torch.randn(1, 3, 8, 8, 16)
    features = [torch.randn(1, count, 8 >> level, 16 >> level) for level, count in enumerate((6, 8, 10, 12))]
    with torch.no_grad():
        before = model(volume, features)
        assert fold_batch_norms(model) > 10
        after = model(volume, features)
    assert not [module for module in model.modules() if isinstance(module, (nn.BatchNorm2d, nn.BatchNorm3d))]
    for one, other in zip(before, after):
        torch.testing.assert_close(other, one, rtol=1e-4, atol=1e-4)


def test_only_what_follows_a_convolution_is_folded() -> None:
    model = _used(nn.Sequential(nn.Conv2d(2, 3, 1), nn.ReLU(), nn.BatchNorm2d(3),
                                nn.Sequential(nn.ConvTranspose2d(3, 4, 4, 2, 1, bias=False), nn.BatchNorm2d(4))))
    image = torch.randn(2, 2, 5, 6)
    before = model(image)
    assert fold_batch_norms(model) == 1
    assert isinstance(model[2], nn.BatchNorm2d)
    torch.testing.assert_close(model(image), before)


def test_training_mode_is_refused() -> None:
    with pytest.raises(ValueError, match='eval mode only'):
        fold_batch_norms(nn.Sequential(nn.Conv2d(2, 3, 1), nn.BatchNorm2d(3)))
