"""What the refinement starts from and is told at every step: hidden states, context and attention."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Literal

import torch
from torch import Tensor, nn

from perception_kd.models.stereo.blocks import ConvNormAct, Norm, ResidualUnit
from perception_kd.models.stereo.feature_net import with_prior
from perception_kd.registry import MODELS


@dataclass(frozen=True)
class ContextMaps:
    """Maps of the left pictures, finest first: 1/4, then 1/8 and 1/16 where there are three levels.

    Attributes:
        hidden: ``(B, hidden_channels, h, w)`` in -1..1, the first states of the recurrent units.
        context: ``(B, context_channels, h, w)``, 0 or more.
        attention: ``(B, 1, h, w)`` in 0..1: how much of a step the unit of the smaller kernel decides.
    """

    hidden: list[Tensor]
    context: list[Tensor]
    attention: list[Tensor]


class ChannelAttention(nn.Module):
    """One weight in 0..1 for every channel, from its mean and its maximum (CBAM, Woo et al., ECCV 2018).

    Args:
        channels: Of the map.
        squeeze_channels: Between the two layers.
    """

    def __init__(self, *, channels: int, squeeze_channels: int = 8) -> None:
        super().__init__()
        self.fc = nn.Sequential(nn.Conv2d(channels, squeeze_channels, 1, bias=False), nn.ReLU(),
                                nn.Conv2d(squeeze_channels, channels, 1, bias=False))

    def forward(self, x: Tensor) -> Tensor:
        """``(B, C, h, w)`` -> ``(B, C, 1, 1)``."""
        mean, peak = x.mean((2, 3), keepdim=True), x.amax((2, 3), keepdim=True)
        return (self.fc(mean) + self.fc(peak)).sigmoid()


class SpatialAttention(nn.Module):
    """One weight in 0..1 for every pixel, from mean and maximum of its channels (CBAM, Woo et al., ECCV 2018).

    Args:
        kernel: Of the only convolution, odd.
    """

    def __init__(self, *, kernel: int = 7) -> None:
        super().__init__()
        self.samconv = nn.Conv2d(2, 1, kernel, padding=kernel // 2, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """``(B, C, h, w)`` -> ``(B, 1, h, w)``."""
        return self.samconv(torch.cat([x.mean(1, keepdim=True), x.amax(1, keepdim=True)], dim=1)).sigmoid()


class _Context(nn.Module):
    """The part that both nets share: from raw maps to :class:`ContextMaps`."""

    def __init__(self, context_channels: int, squeeze_channels: int) -> None:
        super().__init__()
        self.cam = ChannelAttention(channels=context_channels, squeeze_channels=squeeze_channels)
        self.sam = SpatialAttention()

    def _maps(self, hidden: list[Tensor], context: list[Tensor]) -> ContextMaps:
        context = [raw.relu() for raw in context]
        context = [self.cam(raw) * raw for raw in context]
        return ContextMaps([raw.tanh() for raw in hidden], context, [self.sam(raw) for raw in context])


@MODELS.register_module()
class ContextHeads(_Context):
    """The student's context: two 3x3 convolutions on the features at 1/4 (Fast-FoundationStereo, CVPR 2026).

    0.52 M parameters with 224 features and 128 channels each.

    Args:
        in_channels: Of the features at 1/4.
        hidden_channels, context_channels: Of the maps.
        squeeze_channels: Inner width of the channel attention.
        mono_channels: Of the prior, which is in the features already and not looked at here.
        norm: Puts a normalisation and a leaky ReLU after each convolution, as some released weights have them
            (``batch``); ``none``: neither.
    """

    def __init__(self, *, in_channels: int, hidden_channels: int = 128, context_channels: int = 128,
                 squeeze_channels: int = 8, mono_channels: int = 0, norm: Norm | Literal['none'] = 'none') -> None:
        super().__init__(context_channels, squeeze_channels)
        self.hidden, self.context = (
            nn.Conv2d(in_channels, width, 3, padding=1) if norm == 'none' else
            ConvNormAct(in_channels=in_channels, out_channels=width, norm=norm)
            for width in (hidden_channels, context_channels))

    def forward(self, left: Tensor, x4: Tensor, prior: Tensor | None = None) -> ContextMaps:
        """One level, from ``x4`` ``(B, in_channels, H/4, W/4)`` of the left pictures alone."""
        return self._maps([self.hidden(x4)], [self.context(x4)])


@MODELS.register_module()
class ContextNet(_Context):
    """The teacher's context: a residual net of its own on the left pictures, and the prior (FoundationStereo, 2025).

    4.62 M parameters in use with the defaults and a prior of 128 channels, 4.88 M with ``unused_layers``.

    Args:
        channels: Of the three residual stages; the last is that of the coarser levels too.
        strides: Of the stem and of the three stages, to 1/4 together. The defaults, of RAFT-Stereo and its heirs, begin
            at full size; (2, 1, 2, 1) takes a quarter of the time.
        hidden_channels, context_channels: Of the maps.
        levels: 1 (1/4), 2 or 3 (to 1/16).
        squeeze_channels: Inner width of the channel attention.
        mono_channels: Of the prior; 0: without.
        in_channels: Of the features at 1/4, which are not looked at here.
        unused_layers: Also holds the layers that the released checkpoints hold and their forward pass never runs,
            frozen: for loading those strictly.
    """

    def __init__(self, *, channels: Sequence[int] = (64, 96, 128), strides: Sequence[int] = (1, 1, 2, 2),
                 hidden_channels: int = 128, context_channels: int = 128, levels: int = 3, squeeze_channels: int = 8,
                 mono_channels: int = 0, in_channels: int | None = None, unused_layers: bool = False) -> None:
        super().__init__(context_channels, squeeze_channels)
        if len(channels) != 3 or levels not in (1, 2, 3):
            raise ValueError(f'ContextNet: channels has 3 entries and levels is 1, 2 or 3, got {len(channels)} and '
                             f'{levels}')
        if len(strides) != 4 or prod(strides) != 4:
            raise ValueError(f'ContextNet: strides are 4 whose product is 4, got {tuple(strides)}')
        width = channels[-1]
        self.mono_channels = mono_channels
        self.stem = nn.Sequential(nn.Conv2d(3, channels[0], 7, strides[0], 3), nn.BatchNorm2d(channels[0]), nn.ReLU())
        self.stages = nn.Sequential(*(_stage(before, after, stride) for before, after, stride in zip(
            (channels[0], *channels), channels, strides[1:])))
        self.fuse = ConvNormAct(in_channels=width + mono_channels, out_channels=width) if mono_channels else None
        self.down = nn.ModuleList(_stage(width, width, 2) for _ in range(levels - 1))
        self.hidden, self.context = (
            nn.ModuleList(_head(width, out, plain=level == 2) for level in range(levels))
            for out in (hidden_channels, context_channels))
        _draw(self)
        self.unused = _unused_layers(width) if unused_layers else None

    def forward(self, left: Tensor, x4: Tensor | None = None, prior: Tensor | None = None) -> ContextMaps:
        """``levels`` levels from the left pictures ``(B, 3, H, W)``, normalised.

        Args:
            left: H and W multiples of 32.
            x4: Not looked at.
            prior: ``(B, mono_channels, h, w)`` of the left pictures, of any size; None without a prior.

        Raises:
            ValueError: a prior of other channels.
        """
        x = with_prior(self.stages(self.stem(left)), prior, self.mono_channels)
        maps = [x if self.fuse is None else self.fuse(x)]
        for stage in self.down:
            maps.append(stage(maps[-1]))
        return self._maps([head(x) for head, x in zip(self.hidden, maps)],
                          [head(x) for head, x in zip(self.context, maps)])


def _stage(in_channels: int, out_channels: int, stride: int) -> nn.Sequential:
    return nn.Sequential(ResidualUnit(in_channels=in_channels, out_channels=out_channels, stride=stride),
                         ResidualUnit(in_channels=out_channels, out_channels=out_channels))


def _head(in_channels: int, out_channels: int, *, plain: bool) -> nn.Sequential:
    """A residual unit, which the coarsest level has not, and a convolution."""
    units = [] if plain else [ResidualUnit(in_channels=in_channels, out_channels=in_channels)]
    return nn.Sequential(*units, nn.Conv2d(in_channels, out_channels, 3, padding=1))


def _unused_layers(channels: int) -> nn.ModuleDict:
    layers = nn.ModuleDict(dict(
        down=nn.Sequential(nn.Conv2d(channels, channels, 4, 4), nn.BatchNorm2d(channels)),
        norm=nn.BatchNorm2d(2 * channels)))
    return layers.requires_grad_(False)


def _draw(net: nn.Module) -> None:
    """Weights of convolutions by He et al. (ICCV 2015) for rectified outputs, as in RAFT."""
    for module in net.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode='fan_out', nonlinearity='relu')
