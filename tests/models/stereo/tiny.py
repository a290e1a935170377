"""A matcher of a few thousand weights, and pairs whose disparity is known."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from perception_kd.models.stereo import StereoMatcher
from perception_kd.models.stereo.refine.widths import UNPRUNED_WIDTHS
from perception_kd.registry import MODELS
from perception_kd.structures.stereo_sample import StereoDataSample

WIDTHS = {**dict.fromkeys(UNPRUNED_WIDTHS, 12), 'motion': 11}
STAGES = {'stem': dict(layers=[dict(type='conv', channels=4)]),
          **{name: dict(layers=[dict(type='conv', channels=6, stride=2)]) for name in ('down8', 'down16', 'down32')},
          **{name: dict(layers=[dict(type='deconv', channels=6)], merge='sum') for name in ('up16', 'up8')},
          'up4': dict(layers=[dict(type='deconv', channels=4)], merge='sum'),
          'classifier': dict(layers=[dict(type='conv', channels=1, norm=False, act=None)])}
DEFAULTS = dict(
    type='StereoMatcher', max_disp=32, iterations=3,
    feature=dict(type='StereoFeatureNet', backbone=dict(
        type='MobileBackbone', stem_channels=8, channels=(12, 12, 12, 12), depths=(1, 1, 1, 1)), upsample='bilinear',
        join='conv', conv4='linear', out_channels_4=16),
    cost_volume=dict(type='HybridCostVolume', groups=4, concat_channels=2),
    cost_filter=dict(type='CostFilter', blocks=STAGES), context=dict(type='ContextHeads', squeeze_channels=2),
    refiner=dict(type='SelectiveRefiner', widths=WIDTHS, head_blocks=0, radius=2),
    upsampler=dict(type='ConvexUpsampler'),
    loss=dict(type='StereoSequenceLoss'))


def tiny_matcher(**changes: Any) -> StereoMatcher:
    """The same weights at every call with the same changes."""
    torch.manual_seed(0)
    return MODELS.build({**DEFAULTS, **changes})


def wall(disparity: int, height: int = 64, width: int = 96, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Left and right picture, uint8 ``(3, H, W)``, of a textured wall."""
    draw = torch.Generator().manual_seed(seed)
    texture = sum(functional.interpolate(
        torch.randn(1, 3, height // size + 3, (width + 64) // size + 3, generator=draw), size=(height, width + 64),
        mode='bicubic') for size in (2, 6, 16))[0]
    picture = (128 + 45 * texture).clamp(0, 255).byte()
    return picture[..., :width].contiguous(), picture[..., disparity:disparity + width].contiguous()


def batch_of(*disparities: int, height: int = 64, width: int = 96) -> dict[str, Any]:
    """Walls as a loader gives them; truth is valid where the right picture shows the point."""
    pairs = [wall(disparity, height, width, seed) for seed, disparity in enumerate(disparities)]
    samples = []
    for disparity in disparities:
        sample = StereoDataSample(metainfo=dict(left_path='left.png'))
        sample.gt_disp = torch.full((height, width), float(disparity))
        sample.gt_valid = (torch.arange(width) >= disparity).expand(height, width).clone()
        samples.append(sample)
    left, right = (list(side) for side in zip(*pairs))
    return dict(inputs=dict(left=left, right=right), data_samples=samples)
