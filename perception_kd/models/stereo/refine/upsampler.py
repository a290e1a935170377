"""Quarter-size disparity to full size: every pixel a convex mixture of its 3x3 neighbours."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from perception_kd.models.stereo.blocks import ConvNormAct
from perception_kd.models.stereo.refine.widths import Widths, resolve_widths
from perception_kd.registry import MODELS

SCALE = 4
NEIGHBOURS = 9


@MODELS.register_module()
class ConvexUpsampler(nn.Module):
    """Convex up-sampling (RAFT) with weights from the state and from edges of the picture at half size (IGEV).

    Args:
        widths: As of :func:`~perception_kd.models.stereo.refine.widths.resolve_widths`, the same as the refiner's:
            ``mask2``, ``up_deconv``, ``stem1``, ``stem2`` and ``up_conv`` are used.
    """

    def __init__(self, *, widths: Widths = None) -> None:
        super().__init__()
        widths = resolve_widths(widths, levels=3)
        deconv, stem, conv = widths['up_deconv'], widths['stem2'], widths['up_conv']
        self.stem = nn.Sequential(
            ConvNormAct(in_channels=3, out_channels=widths['stem1'], stride=2, norm='instance'),
            ConvNormAct(in_channels=widths['stem1'], out_channels=stem, norm='instance', act='relu'))
        self.deconv = nn.ConvTranspose2d(widths['mask2'], deconv, 4, stride=2, padding=1, bias=False)
        self.conv = nn.Conv2d(deconv + stem, conv, 3, padding=1, bias=False)
        self.out = nn.ConvTranspose2d(conv, NEIGHBOURS, 4, stride=2, padding=1)

    def forward(self, disparity: Tensor, mask_features: Tensor, stem: Tensor) -> Tensor:
        """``(B, 1, h, w)`` quarter-size px, features ``(B, mask2, h, w)``, ``stem(left)`` -> ``(B, 1, 4h, 4w)`` px."""
        # On the CPU, transposed convolutions are twice as fast with channels last, the mixture with channels first.
        mask_features, stem = (part.contiguous(memory_format=torch.channels_last) for part in (mask_features, stem))
        half = functional.leaky_relu(self.deconv(mask_features))
        half = functional.leaky_relu(self.conv(torch.cat([half, stem], dim=1)))
        weights = self.out(half).contiguous().float().softmax(dim=1)
        return mix_neighbours(SCALE * disparity, weights)


def mix_neighbours(values: Tensor, weights: Tensor) -> Tensor:
    """Every fine pixel: the weighted sum of the 3x3 coarse pixels around the one it lies in, zeros outside the map.

    Args:
        values: ``(B, 1, h, w)``.
        weights: ``(B, 9, s h, s w)``, row by row of the 3x3.

    Returns:
        ``(B, 1, s h, s w)``.
    """
    batch, _, height, width = values.shape
    around = functional.unfold(values, 3, padding=1).view(batch, NEIGHBOURS, height, 1, width, 1)
    scale = weights.shape[-1] // width
    fine = weights.view(batch, NEIGHBOURS, height, scale, width, scale)
    return (fine * around).sum(dim=1).view(batch, 1, height * scale, width * scale)
