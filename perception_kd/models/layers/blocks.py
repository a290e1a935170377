"""Small convolution blocks shared by the branches."""

from __future__ import annotations

from mmcv.cnn import ConvModule, build_norm_layer
from torch import Tensor, nn


def conv(in_channels: int, out_channels: int, kernel: int = 3, *, stride: int = 1, groups: int = 1, norm_cfg: dict,
         act: bool = True) -> ConvModule:
    """Convolution, normalisation, ReLU; same size at stride 1."""
    return ConvModule(in_channels, out_channels, kernel, stride=stride, padding=kernel // 2, groups=groups,
                      norm_cfg=dict(norm_cfg), act_cfg=dict(type='ReLU') if act else None)


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions and a shortcut (He et al., CVPR 2016, basic block).

    Args:
        in_channels, out_channels: Channels.
        stride: Of the first convolution.
        norm_cfg: mmcv's normalisation config.
    """

    def __init__(self, *, in_channels: int, out_channels: int, stride: int = 1, norm_cfg: dict) -> None:
        super().__init__()
        self.conv1 = conv(in_channels, out_channels, stride=stride, norm_cfg=norm_cfg)
        self.conv2 = conv(out_channels, out_channels, norm_cfg=norm_cfg, act=False)
        same = stride == 1 and in_channels == out_channels
        self.shortcut = nn.Identity() if same else conv(
            in_channels, out_channels, 1, stride=stride, norm_cfg=norm_cfg, act=False)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        """``(B, in, H, W)`` -> ``(B, out, H/stride, W/stride)``."""
        return self.relu(self.conv2(self.conv1(x)) + self.shortcut(x))


class ChannelNorm(nn.Module):
    """LayerNorm over the channels of every pixel of a map ``(B, C, H, W)``."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = build_norm_layer(dict(type='LN'), channels)[1]

    def forward(self, x: Tensor) -> Tensor:
        """``(B, C, H, W)`` -> the same shape; mean 0 and variance 1 over C before the learned scale and shift."""
        return self.norm(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
