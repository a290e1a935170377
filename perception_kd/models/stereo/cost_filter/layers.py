"""Layers of the cost filter, ``(B, C, D, H, W)`` to the same; a config describes each by a small dict with ``type``."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from perception_kd.models.layers.conv3d import Conv3d
from perception_kd.models.stereo.cost_filter.disparity_transformer import DisparityTransformer

Sides = int | Sequence[int]


class VolumeConv(nn.Sequential):
    """3D convolution, batch normalisation, activation. Size stays, or is divided by the stride.

    Args:
        in_channels: Of the input.
        channels: Of the output; None: as the input's.
        kernel, stride: Of disparity, height and width: one number or three.
        groups: Of the convolution; 0: depth-wise.
        norm: Batch normalisation.
        bias: Of the convolution; None: where no normalisation follows.
        act: ``leaky``, ``relu`` or None.
    """

    def __init__(self, *, in_channels: int, channels: int | None = None, kernel: Sides = 3, stride: Sides = 1,
                 groups: int = 1, norm: bool = True, bias: bool | None = None, act: str | None = 'leaky') -> None:
        kernel, stride = _triple(kernel), _triple(stride)
        channels = channels or in_channels
        padding = tuple(max(0, side - step + 1) // 2 for side, step in zip(kernel, stride))
        convolution = Conv3d(in_channels, channels, kernel, stride, padding, groups=groups or in_channels,
                             bias=not norm if bias is None else bias)
        super().__init__(convolution, *[nn.BatchNorm3d(channels)] * norm, *_activation(act))
        self.out_channels = channels


class VolumeDeconv(nn.Sequential):
    """Transposed 3D convolution that multiplies the size by ``stride``, batch normalisation, activation.

    Args: as of ``VolumeConv``; ``kernel`` is ``stride`` or more.
    """

    def __init__(self, *, in_channels: int, channels: int, kernel: int = 4, stride: int = 2,
                 act: str | None = 'leaky') -> None:
        if kernel < stride:
            raise ValueError(f'deconv of a cost filter: kernel {kernel} is less than stride {stride}')
        padding = (kernel - 1) // 2 if kernel > stride else 0
        super().__init__(
            nn.ConvTranspose3d(in_channels, channels, kernel, stride, padding, bias=False,
                               output_padding=stride - kernel + 2 * padding),
            nn.BatchNorm3d(channels), *_activation(act))
        self.out_channels = channels


class VolumeUpsample(nn.Sequential):
    """1x1x1 convolution with normalisation and activation, then trilinear up-sampling: a light ``VolumeDeconv``.

    Args: as of ``VolumeDeconv``.
    """

    def __init__(self, *, in_channels: int, channels: int, stride: int = 2, act: str | None = 'leaky') -> None:
        super().__init__(VolumeConv(in_channels=in_channels, channels=channels, kernel=1, act=act),
                         nn.Upsample(scale_factor=stride, mode='trilinear', align_corners=False))
        self.out_channels = channels


class AxialPlanarConv(nn.Sequential):
    """A convolution over the plane, then one along disparity, each normalised and with ReLU (FoundationStereo's APC).

    Args:
        in_channels: Of the input.
        channels: Of the output; None: as the input's.
        planar: Kernel of height and width.
        axial: Kernel of disparity.
        hidden: Channels between the two; None: as the output's.
        groups: Of both convolutions; 0: depth-wise, which needs equal channels.
    """

    def __init__(self, *, in_channels: int, channels: int | None = None, planar: int = 3, axial: int = 17,
                 hidden: int | None = None, groups: int = 1) -> None:
        channels = channels or in_channels
        hidden = hidden or channels
        plane = VolumeConv(in_channels=in_channels, channels=hidden, kernel=(1, planar, planar), groups=groups,
                           bias=True, act='relu')
        axis = VolumeConv(in_channels=hidden, channels=channels, kernel=(axial, 1, 1), groups=groups, bias=True,
                          act='relu')
        super().__init__(plane, axis)
        self.out_channels = channels


class VolumeResidual(nn.Module):
    """Two 3D convolutions and a shortcut (He et al., CVPR 2016, basic block)."""

    def __init__(self, *, in_channels: int, channels: int | None = None, kernel: Sides = 3) -> None:
        super().__init__()
        self.out_channels = channels = channels or in_channels
        self.conv1 = VolumeConv(in_channels=in_channels, channels=channels, kernel=kernel, act='relu')
        self.conv2 = VolumeConv(in_channels=channels, kernel=kernel, act=None)
        self.shortcut = nn.Identity() if channels == in_channels else VolumeConv(
            in_channels=in_channels, channels=channels, kernel=1, act=None)

    def forward(self, volume: Tensor) -> Tensor:
        """``(B, in_channels, D, H, W)`` -> ``(B, out_channels, D, H, W)``."""
        return torch.relu(self.conv2(self.conv1(volume)) + self.shortcut(volume))


class FeatureExcitation(nn.Module):
    """Gates the volume's channels at each pixel by the left features (Bangunharcana et al., IROS 2021).

    Args:
        in_channels: Of the volume.
        feature_channels: Of the features.
        hidden: Channels between; None: half of the features'.
    """

    def __init__(self, *, in_channels: int, feature_channels: int, hidden: int | None = None) -> None:
        super().__init__()
        hidden = hidden or feature_channels // 2
        self.out_channels = in_channels
        self.gate = nn.Sequential(nn.Conv2d(feature_channels, hidden, 1, bias=False), nn.BatchNorm2d(hidden),
                                  nn.LeakyReLU(), nn.Conv2d(hidden, in_channels, 1))

    def forward(self, volume: Tensor, features: Tensor) -> Tensor:
        """``(B, C, D, H, W)`` and ``(B, F, H, W)`` -> ``(B, C, D, H, W)``."""
        gate = self.gate(features).sigmoid()[:, :, None]
        return volume * gate.contiguous(memory_format=torch.channels_last_3d)  # as the volume lies on the CPU


LAYERS = {'conv': VolumeConv, 'deconv': VolumeDeconv, 'upsample': VolumeUpsample, 'apc': AxialPlanarConv,
          'residual': VolumeResidual, 'excite': FeatureExcitation, 'transformer': DisparityTransformer}


class LayerChain(nn.Module):
    """Layers one after another, from their dicts.

    Args:
        in_channels: Of the volume.
        feature_channels: Of the left features at this scale, which ``excite`` reads.
        layers: Dicts with ``type`` (a name of ``LAYERS``) and the arguments of that layer.

    Raises:
        ValueError: no such type.
    """

    def __init__(self, *, in_channels: int, feature_channels: int, layers: Sequence[dict]) -> None:
        super().__init__()
        self.layers = nn.ModuleList()
        for layer in layers:
            arguments = dict(layer)
            kind = arguments.pop('type', None)
            if kind not in LAYERS:
                raise ValueError(f'layer type {kind!r} of a cost filter: one of {", ".join(LAYERS)}')
            if kind == 'excite':
                arguments['feature_channels'] = feature_channels
            self.layers.append(LAYERS[kind](in_channels=in_channels, **arguments))
            in_channels = self.layers[-1].out_channels
        self.out_channels = in_channels

    def forward(self, volume: Tensor, features: Tensor) -> Tensor:
        """``(B, in_channels, D, H, W)`` and the left features at its scale -> ``(B, out_channels, D', H', W')``."""
        for layer in self.layers:
            volume = layer(volume, features) if isinstance(layer, FeatureExcitation) else layer(volume)
        return volume


def _activation(act: str | None) -> list[nn.Module]:
    kinds = {None: [], 'relu': [nn.ReLU(inplace=True)], 'leaky': [nn.LeakyReLU(inplace=True)]}
    if act not in kinds:
        raise ValueError(f"act of a cost filter's layer is 'leaky', 'relu' or None, got {act!r}")
    return kinds[act]


def _triple(sides: Sides) -> tuple[int, int, int]:
    return (sides,) * 3 if isinstance(sides, int) else tuple(sides)
