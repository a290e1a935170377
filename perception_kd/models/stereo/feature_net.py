"""Feature net of both pictures: a trunk, a decoder, and the monocular prior tuned beside them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn
from torch.nn import functional

from perception_kd.models.layers import ResidualBlock
from perception_kd.models.stereo.blocks import ConvNormAct, Norm, ResidualUnit, norm_2d
from perception_kd.registry import MODELS

_MMCV_NORMS = dict(instance=dict(type='IN'), batch=dict(type='BN'))


@MODELS.register_module()
class StereoFeatureNet(BaseModule):
    """Maps of four sizes, each coarser one joined into the next finer (FoundationStereo, Wen et al., CVPR 2025).

    With EdgeNeXt-Small and a prior of 128 channels: 224, 192, 320 and 304 channels, 11.63 M parameters without the
    prior. The student of Fast-FoundationStereo has the same widths from ``conv4='linear'`` alone: 9.39 M.

    Args:
        backbone: Config of a trunk with ``out_channels`` of maps at 1/4, 1/8, 1/16, 1/32.
        decoder_channels: Of the joined maps at 1/4, 1/8, 1/16; None: twice the trunk's.
        out_channels_4: Of the map at 1/4 that is given out; None: the joined map's and the prior's together.
        mono_channels: Of the prior; 0: without.
        conv4: What makes the map at 1/4: ``residual``, a 3x3 convolution and two residual blocks (the teacher), or
            ``linear``, one 1x1 convolution (the student).
        upsample: ``deconv``, 4x4 with stride 2 and as wide as the trunk's finer map; or ``bilinear``, after a 1x1
            convolution of that width, which is faster.
        join: What follows where both maps are joined: ``residual``, a block of two 3x3 convolutions at the joined
            width, or ``conv``, a single one to ``decoder_channels``.
        norm: Normalisation of the decoder.
    """

    def __init__(self, *, backbone: dict, decoder_channels: Sequence[int] | None = None,
                 out_channels_4: int | None = None, mono_channels: int = 0,
                 conv4: Literal['residual', 'linear'] = 'residual',
                 upsample: Literal['deconv', 'bilinear'] = 'deconv', join: Literal['residual', 'conv'] = 'residual',
                 norm: Norm = 'instance') -> None:
        super().__init__()
        self.backbone = MODELS.build(backbone)
        trunk = self.backbone.out_channels
        decoder = tuple(decoder_channels or (2 * width for width in trunk[:3]))
        if len(decoder) != 3:
            raise ValueError(f'decoder_channels are those at 1/4, 1/8 and 1/16, got {len(decoder)} entries')
        shared = dict(upsample=upsample, join=join, norm=norm)
        self.join16, self.join8, self.join4 = (
            _Join(coarse_channels=coarse, fine_channels=fine, out_channels=out, **shared)
            for coarse, fine, out in zip((trunk[3], decoder[2], decoder[1]), trunk[2::-1], decoder[::-1]))
        together = decoder[0] + mono_channels
        first = together if out_channels_4 is None else out_channels_4
        self.mono_channels = mono_channels
        self.conv4 = _last_layers(conv4, together, first, norm)
        self.out_channels = (first, decoder[1], decoder[2], trunk[3])
        self.to(memory_format=torch.channels_last)  # a fifth faster on a CPU in use, a third in training

    def forward(self, images: Tensor, prior: Tensor | None = None) -> list[Tensor]:
        """Maps at 1/4, 1/8, 1/16 and 1/32, of ``out_channels``.

        Args:
            images: ``(2B, 3, H, W)``, normalised: left pictures, then right ones; H and W multiples of 32.
            prior: ``(2B, mono_channels, h, w)`` of the same pictures, of any size; None without a prior.

        Raises:
            ValueError: sizes that are no multiples of 32, or a prior of other channels.
        """
        if images.shape[-2] % 32 or images.shape[-1] % 32:
            raise ValueError(f'StereoFeatureNet: pictures of {images.shape[-2]}x{images.shape[-1]} px; pad them to '
                             'multiples of 32')
        x4, x8, x16, x32 = self.backbone(images)
        x16 = self.join16(x32, x16)
        x8 = self.join8(x16, x8)
        x4 = with_prior(self.join4(x8, x4), prior, self.mono_channels)
        return [self.conv4(x4), x8, x16, x32]


def with_prior(x: Tensor, prior: Tensor | None, channels: int) -> Tensor:
    """``x`` ``(B, C, h, w)`` and the prior, resized to it, side by side: ``(B, C + channels, h, w)``.

    Corners lie on corners, as in the training of the released weights.

    Raises:
        ValueError: the prior has not ``channels`` channels (0: there is none).
    """
    given = 0 if prior is None else prior.shape[1]
    if given != channels:
        raise ValueError(f'a prior of {given} channels is given to a net with mono_channels={channels}')
    if prior is None:
        return x
    prior = functional.interpolate(prior, size=x.shape[-2:], mode='bilinear', align_corners=True)
    return torch.cat([x, prior.to(x.dtype)], dim=1)


class _Join(nn.Module):
    """The coarser map enlarged and laid beside the finer one, then convolutions."""

    def __init__(self, *, coarse_channels: int, fine_channels: int, out_channels: int, upsample: str, join: str,
                 norm: Norm) -> None:
        super().__init__()
        if upsample not in ('deconv', 'bilinear') or join not in ('residual', 'conv'):
            raise ValueError(f'upsample is deconv or bilinear and join is residual or conv, got {upsample!r}, {join!r}')
        if upsample == 'deconv':
            self.up = nn.Sequential(nn.ConvTranspose2d(coarse_channels, fine_channels, 4, 2, 1, bias=False),
                                    norm_2d(norm, fine_channels), nn.LeakyReLU())
        else:
            self.up = nn.Sequential(ConvNormAct(in_channels=coarse_channels, out_channels=fine_channels, kernel=1,
                                                norm=norm), nn.Upsample(scale_factor=2, mode='bilinear'))
        shared = dict(in_channels=2 * fine_channels, out_channels=out_channels)
        self.join = ConvNormAct(norm=norm, **shared) if join == 'conv' else ResidualBlock(
            norm_cfg=_MMCV_NORMS[norm], **shared)

    def forward(self, coarse: Tensor, fine: Tensor) -> Tensor:
        return self.join(torch.cat([self.up(coarse), fine], dim=1))


def _last_layers(kind: str, in_channels: int, out_channels: int, norm: Norm) -> nn.Module:
    if kind == 'linear':
        return nn.Conv2d(in_channels, out_channels, 1)
    if kind != 'residual':
        raise ValueError(f'conv4 is residual or linear, got {kind!r}')
    units = [ResidualUnit(in_channels=out_channels, out_channels=out_channels, norm=norm) for _ in range(2)]
    return nn.Sequential(ConvNormAct(in_channels=in_channels, out_channels=out_channels, norm=norm), *units)
