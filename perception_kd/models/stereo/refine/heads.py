"""What a refinement step reads (motion encoder) and says (change of disparity, features of the up-sampling mask)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from perception_kd.models.stereo.edgenext_blocks import PointwiseMLP
from perception_kd.models.stereo.refine.gru import same_conv

MASK_SCALE = 0.25  # balances the gradient of the mask against that of the disparity (RAFT)


class MotionEncoder(nn.Module):
    """Looked-up samples and disparity -> motion features (RAFT-Stereo).

    Args:
        lookup_channels: Of the samples.
        widths, kernels: Those that begin with ``motion``.
    """

    def __init__(self, *, lookup_channels: int, widths: dict[str, int], kernels: dict[str, int]) -> None:
        super().__init__()
        volume1, volume2 = widths['motion_volume1'], widths['motion_volume2']
        disparity1, disparity2 = widths['motion_disparity1'], widths['motion_disparity2']
        self.convc1 = same_conv(lookup_channels, volume1, kernels['motion_volume1'])
        self.convc2 = same_conv(volume1, volume2, kernels['motion_volume2'])
        self.convd1 = same_conv(1, disparity1, kernels['motion_disparity1'])
        self.convd2 = same_conv(disparity1, disparity2, kernels['motion_disparity2'])
        self.fuse = same_conv(volume2 + disparity2, widths['motion'], kernels['motion'])

    def forward(self, samples: Tensor, disparity: Tensor) -> Tensor:
        """``(B, lookup_channels, h, w)`` and ``(B, 1, h, w)`` -> ``(B, motion, h, w)``."""
        around = torch.relu(self.convc1(samples)).contiguous(memory_format=torch.channels_last)
        around = torch.relu(self.convc2(around))
        shape = torch.relu(self.convd2(torch.relu(self.convd1(disparity))))
        return torch.relu(self.fuse(torch.cat([around, shape], dim=1)))


class HeadBlock(nn.Module):
    """EdgeNeXt's convolution encoder (Maaz et al., 2022) without its normalisation.

    Args:
        channels: In and out.
        expand: Hidden channels of the bottleneck.
        kernel: Of the depthwise convolution.
        layer_scale: Initial factor of the residual.
    """

    def __init__(self, *, channels: int, expand: int, kernel: int, layer_scale: float) -> None:
        super().__init__()
        self.conv_dw = nn.Conv2d(channels, channels, kernel, padding=kernel // 2, groups=channels)
        self.mlp = PointwiseMLP(channels, expand)
        self.gamma = nn.Parameter(torch.full((channels,), layer_scale))

    def forward(self, x: Tensor) -> Tensor:
        """``(B, C, h, w)`` -> the same shape."""
        branch = self.mlp(self.conv_dw(x).permute(0, 2, 3, 1))
        return x + (self.gamma * branch).permute(0, 3, 1, 2)


class DisparityHead(nn.Module):
    """State -> change of disparity.

    Args:
        widths: ``hidden``, ``head``, ``head_expand1``, ``head_expand2``.
        kernels: ``head``, ``head_block``.
        blocks: Residual blocks, 0 to 2.
        layer_scale: Initial factor of their residuals.
    """

    def __init__(self, *, widths: dict[str, int], kernels: dict[str, int], blocks: int, layer_scale: float) -> None:
        super().__init__()
        self.conv0 = same_conv(widths['hidden'], widths['head'], kernels['head'])
        expands = (widths['head_expand1'], widths['head_expand2'])[:blocks]
        self.blocks = nn.Sequential(*(
            HeadBlock(channels=widths['head'], expand=expand, kernel=kernels['head_block'], layer_scale=layer_scale)
            for expand in expands))
        self.out = same_conv(widths['head'], 1, kernels['head'])

    def forward(self, hidden: Tensor) -> Tensor:
        """``(B, hidden, h, w)`` -> ``(B, 1, h, w)`` px of this size."""
        return self.out(self.blocks(torch.relu(self.conv0(hidden))))


class MaskFeatures(nn.Module):
    """State -> what the up-sampler makes its weights of.

    Args:
        widths: ``hidden``, ``mask1``, ``mask2``.
        kernels: ``mask1``, ``mask2``.
    """

    def __init__(self, *, widths: dict[str, int], kernels: dict[str, int]) -> None:
        super().__init__()
        self.conv0 = same_conv(widths['hidden'], widths['mask1'], kernels['mask1'])
        self.conv1 = same_conv(widths['mask1'], widths['mask2'], kernels['mask2'])

    def forward(self, hidden: Tensor) -> Tensor:
        """``(B, hidden, h, w)`` -> ``(B, mask2, h, w)``."""
        return MASK_SCALE * torch.relu(self.conv1(torch.relu(self.conv0(hidden))))
