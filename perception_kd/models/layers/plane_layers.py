"""Layers of a stage in the plane, each described by a small dict with ``type``."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from perception_kd.models.layers.blocks import ResidualBlock, conv


class SeparableConv(nn.Sequential):
    """A depth-wise convolution and one over channels, each normalised and with ReLU (MobileNet, Howard et al., 2017).

    ``(B, in_channels, H, W)`` -> ``(B, out_channels, H / stride, W / stride)``.

    Args:
        in_channels, out_channels: Channels.
        kernel, stride: Of the depth-wise convolution; an odd kernel.
        norm_cfg: mmcv's normalisation config.
    """

    def __init__(self, *, in_channels: int, out_channels: int, kernel: int = 3, stride: int = 1,
                 norm_cfg: dict) -> None:
        super().__init__(
            conv(in_channels, in_channels, kernel, stride=stride, groups=in_channels, norm_cfg=norm_cfg),
            conv(in_channels, out_channels, 1, norm_cfg=norm_cfg))


class PlainConv(nn.Sequential):
    """A convolution, normalised and with ReLU; arguments as of ``SeparableConv``."""

    def __init__(self, *, in_channels: int, out_channels: int, kernel: int = 3, stride: int = 1,
                 norm_cfg: dict) -> None:
        super().__init__(conv(in_channels, out_channels, kernel, stride=stride, norm_cfg=norm_cfg))


PLANE_LAYERS = {'conv': PlainConv, 'separable': SeparableConv, 'residual': ResidualBlock}


def plane_layers(*, in_channels: int, layers: Sequence[dict], stride: int = 1, norm_cfg: dict) -> nn.Sequential:
    """Layers one after another, from their dicts: ``dict(type='separable', channels=48)``.

    Args:
        in_channels: Of the input.
        layers: Dicts with ``type`` (a name of ``PLANE_LAYERS``), ``channels`` of the output and other arguments of the
            layer.
        stride: Of the first layer.
        norm_cfg: mmcv's normalisation config.

    Raises:
        ValueError: no layer, no such type, or an argument that a layer does not take.
    """
    if not layers:
        raise ValueError('a stage has one layer or more')
    chain = []
    for layer in layers:
        arguments = dict(layer)
        kind, channels = arguments.pop('type', None), arguments.pop('channels', None)
        if kind not in PLANE_LAYERS or channels is None:
            raise ValueError(f'layer {dict(layer)} of a stage: type is one of {", ".join(PLANE_LAYERS)}, channels a '
                             'number')
        try:
            chain.append(PLANE_LAYERS[kind](in_channels=in_channels, out_channels=channels, norm_cfg=norm_cfg,
                                            stride=1 if chain else stride, **arguments))
        except TypeError as error:
            raise ValueError(f'layer {dict(layer)} of a stage: {error}') from error
        in_channels = channels
    return nn.Sequential(*chain)
