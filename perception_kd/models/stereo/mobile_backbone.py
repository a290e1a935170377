"""A compact trunk for students that run on a CPU."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from torch import Tensor, nn

from perception_kd.models.stereo.blocks import ConvNormAct, Norm
from perception_kd.registry import MODELS

Bottleneck = Literal['separable', 'fused']


class InvertedResidual(nn.Module):
    """Widen, 3x3 convolution, narrow without activation; added to the input where the shape stays.

    ``separable`` widens by a 1x1 convolution and filters each channel by itself (MobileNetV2, Sandler et al., CVPR
    2018); ``fused`` widens by the 3x3 convolution itself (EfficientNetV2, Tan and Le, ICML 2021), which takes more
    multiplications and less time where channels are few.

    Args:
        in_channels, out_channels: Channels.
        stride: Of the 3x3 convolution.
        expand: Hidden channels over ``in_channels``.
        kind: ``separable`` or ``fused``.
        norm: Normalisation.
    """

    def __init__(self, *, in_channels: int, out_channels: int, stride: int, expand: float, kind: Bottleneck,
                 norm: Norm) -> None:
        super().__init__()
        if kind not in ('separable', 'fused'):
            raise ValueError(f'kind is separable or fused, got {kind!r}')
        hidden = round(expand * in_channels)
        shared = dict(out_channels=hidden, norm=norm, act='relu')
        if kind == 'fused':
            layers = [ConvNormAct(in_channels=in_channels, stride=stride, **shared)]
        else:
            widen = [ConvNormAct(in_channels=in_channels, kernel=1, **shared)] if hidden != in_channels else []
            layers = [*widen, ConvNormAct(in_channels=hidden, stride=stride, groups=hidden, **shared)]
        narrow = ConvNormAct(in_channels=hidden, out_channels=out_channels, kernel=1, norm=norm, act='none')
        self.layers = nn.Sequential(*layers, narrow)
        self.added = stride == 1 and in_channels == out_channels

    def forward(self, x: Tensor) -> Tensor:
        """``(B, in, H, W)`` -> ``(B, out, H/stride, W/stride)``."""
        return x + self.layers(x) if self.added else self.layers(x)


@MODELS.register_module()
class MobileBackbone(nn.Module):
    """Two strided convolutions to 1/4, then inverted residuals; maps at 1/4, 1/8, 1/16 and 1/32.

    Args:
        stem_channels: At 1/2.
        channels: Of the maps.
        depths: Blocks of each stage; the first of a stage but the first halves the size.
        expand: Hidden channels of the blocks of each stage over their input's.
        kinds: Of the blocks of each stage.
        norm: Normalisation.
    """

    def __init__(self, *, stem_channels: int = 16, channels: Sequence[int] = (24, 32, 48, 64),
                 depths: Sequence[int] = (1, 2, 2, 2), expand: Sequence[float] = (2, 3, 3, 3),
                 kinds: Sequence[Bottleneck] = ('fused', 'separable', 'separable', 'separable'),
                 norm: Norm = 'batch') -> None:
        super().__init__()
        for name, values in dict(channels=channels, depths=depths, expand=expand, kinds=kinds).items():
            if len(values) != 4:
                raise ValueError(f'MobileBackbone has 4 stages, {name} has {len(values)} entries')
        self.out_channels = tuple(channels)
        self.stem = nn.Sequential(
            ConvNormAct(in_channels=3, out_channels=stem_channels, stride=2, norm=norm, act='relu'),
            ConvNormAct(in_channels=stem_channels, out_channels=channels[0], stride=2, norm=norm, act='relu'))
        self.stages = nn.ModuleList()
        before = channels[0]
        for index, (width, depth, widening, kind) in enumerate(zip(channels, depths, expand, kinds)):
            widths = [before, *[width] * depth]
            self.stages.append(nn.Sequential(*(
                InvertedResidual(in_channels=first, out_channels=width, expand=widening, kind=kind, norm=norm,
                                 stride=2 if index and not place else 1)
                for place, first in enumerate(widths[:-1]))))
            before = width

    def forward(self, images: Tensor) -> list[Tensor]:
        """``(B, 3, H, W)`` normalised -> maps at 1/4, 1/8, 1/16 and 1/32."""
        x, maps = self.stem(images), []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        return maps
