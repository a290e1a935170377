"""Small convolution blocks of the stereo nets."""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn

Norm = Literal['instance', 'batch']
_NORMS = dict(instance=nn.InstanceNorm2d, batch=nn.BatchNorm2d)
_ACTS = dict(leaky=nn.LeakyReLU, relu=nn.ReLU, none=nn.Identity)


def norm_2d(kind: Norm, channels: int) -> nn.Module:
    """Normalisation of a map ``(B, channels, H, W)``; ``instance`` has no parameters.

    Raises:
        ValueError: an unknown kind.
    """
    if kind not in _NORMS:
        raise ValueError(f'norm is {" or ".join(_NORMS)}, got {kind!r}')
    return _NORMS[kind](channels)


class ConvNormAct(nn.Sequential):
    """Convolution, normalisation, activation: ``(B, in, H, W)`` -> ``(B, out, ceil(H / stride), ceil(W / stride))``.

    Args:
        in_channels, out_channels, kernel, stride, groups: Of the convolution; an odd kernel.
        norm: Normalisation; the convolution has no bias.
        act: ``leaky`` (slope 0.01), ``relu`` or ``none``.
    """

    def __init__(self, *, in_channels: int, out_channels: int, kernel: int = 3, stride: int = 1, groups: int = 1,
                 norm: Norm = 'batch', act: Literal['leaky', 'relu', 'none'] = 'leaky') -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, kernel, stride, kernel // 2, groups=groups, bias=False)
        self.norm = norm_2d(norm, out_channels)
        self.act = _ACTS[act]()


class ResidualUnit(nn.Module):
    """Residual block of RAFT (Teed and Deng, ECCV 2020): both branches are rectified before and after the sum.

    Args:
        in_channels, out_channels: Channels.
        stride: Of the first convolution.
        norm: Normalisation after each convolution; convolutions keep their bias, as in RAFT.
    """

    def __init__(self, *, in_channels: int, out_channels: int, stride: int = 1, norm: Norm = 'batch') -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, stride, 1)
        self.norm1 = norm_2d(norm, out_channels)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, 1, 1)
        self.norm2 = norm_2d(norm, out_channels)
        self.relu = nn.ReLU()
        self.stride = stride
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or in_channels != out_channels:
            self.shortcut = nn.Sequential(nn.Conv2d(in_channels, out_channels, 1), norm_2d(norm, out_channels))

    def forward(self, x: Tensor) -> Tensor:
        """``(B, in, H, W)`` -> ``(B, out, H/stride, W/stride)``."""
        branch = self.relu(self.norm1(self.conv1(x)))
        branch = self.relu(self.norm2(self.conv2(branch)))
        # A 1x1 convolution that strides itself writes past its memory in backward on a CPU, channels last (torch 2.13).
        return self.relu(self.shortcut(x[..., ::self.stride, ::self.stride]) + branch)
