"""BiFPN's weighted sums (EfficientDet, Tan et al., CVPR 2020)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from perception_kd.models.uav.blocks import ConvBNSiLU

EPS = 1e-4


class FastNormFusion(nn.Module):
    """``sum_i relu(w_i) I_i / (sum_j relu(w_j) + 1e-4)``, w_i learned, 1 at first (Tan et al., section 3.3).

    Args:
        inputs: How many maps are added.
    """

    def __init__(self, *, inputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(inputs))

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        """Maps of one shape -> their weighted sum."""
        weights = torch.relu(self.weight)
        weights = weights / (weights.sum() + EPS)
        return sum(weight * one for weight, one in zip(weights.unbind(), maps, strict=True))


class FusionNode(nn.Module):
    """A weighted sum, SiLU, a depth-wise 3x3 and a 1x1 convolution with batch norm.

    Args:
        channels: Of all maps.
        inputs: How many there are.
    """

    def __init__(self, *, channels: int, inputs: int) -> None:
        super().__init__()
        self.fuse = FastNormFusion(inputs=inputs)
        self.depthwise = nn.Conv2d(channels, channels, 3, padding=1, groups=channels, bias=False)
        self.pointwise = ConvBNSiLU(in_channels=channels, out_channels=channels, act=False)

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        """Maps ``(B, C, H, W)`` -> one."""
        return self.pointwise(self.depthwise(functional.silu(self.fuse(maps))))


class WeightedFusion(nn.Module):
    """One BiFPN layer: top-down, then bottom-up, the levels between with their own input a second time.

    Maps are raised by repeating and lowered by a 3x3 max pooling.

    Args:
        levels: From fine to coarse, by the logarithm of the stride.
        in_channels: Of their maps.
        channels: Of every map inside and of the outputs.
    """

    def __init__(self, *, levels: Sequence[int], in_channels: Sequence[int], channels: int) -> None:
        super().__init__()
        self.levels = tuple(levels)
        self.laterals = nn.ModuleDict({f'p{level}': ConvBNSiLU(in_channels=width, out_channels=channels, act=False)
                                       for level, width in zip(levels, in_channels)})
        self.top_down = nn.ModuleDict({f'p{level}': FusionNode(channels=channels, inputs=2) for level in levels[:-1]})
        self.bottom_up = nn.ModuleDict({f'p{level}': FusionNode(channels=channels, inputs=3) for level in levels[1:-1]})
        self.bottom_up[f'p{levels[-1]}'] = FusionNode(channels=channels, inputs=2)
        self.out_channels = (channels,) * len(levels)

    def forward(self, maps: Sequence[Tensor], attend: nn.ModuleDict) -> list[Tensor]:
        """Maps of the backbone, fine to coarse -> as many fused ones; ``attend`` acts on each as it is made."""
        own = {level: self.laterals[f'p{level}'](x) for level, x in zip(self.levels, maps)}
        down = {self.levels[-1]: own[self.levels[-1]]}
        for finer, level in reversed(list(pairwise(self.levels))):
            raised = functional.interpolate(down[level], scale_factor=2.0, mode='nearest')
            down[finer] = self.top_down[f'p{finer}']([own[finer], raised])
        made = [attended(attend, self.levels[0], down[self.levels[0]])]
        for level in self.levels[1:]:
            lowered = functional.max_pool2d(made[-1], 3, 2, 1)
            parts = [own[level], lowered] if level == self.levels[-1] else [own[level], down[level], lowered]
            made.append(attended(attend, level, self.bottom_up[f'p{level}'](parts)))
        return made


def attended(attend: nn.ModuleDict, level: int, x: Tensor) -> Tensor:
    """``x`` behind the attention of its level (``nLEVEL``), where there is one."""
    place = f'n{level}'
    return attend[place](x) if place in attend else x
