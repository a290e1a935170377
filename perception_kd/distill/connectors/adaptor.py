"""Convolutions that take the student's channels to the teacher's."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from torch import Tensor, nn
from torch.nn import functional

from perception_kd.distill.connectors.base import Connector
from perception_kd.registry import CONNECTORS
from perception_kd.structures import TapSpec


class _ChannelConnector(Connector):
    """Changes the channel count only; works on ``(B, C, H, W)`` maps of any grid."""

    wanted = ('bev', 'image')

    def __init__(self, out_channels: int) -> None:
        super().__init__()
        self.out_channels = out_channels

    @classmethod
    def arguments(cls, source: TapSpec, target: TapSpec) -> dict[str, Any]:
        """Both channel counts."""
        if source.kind not in cls.wanted or source.channels is None or target.channels is None:
            what = 'maps' if 'bev' in cls.wanted else 'vectors'
            raise ValueError(
                f'{cls.__name__} needs two {what} with declared channels, got {source} and {target}'
            )
        return dict(in_channels=source.channels, out_channels=target.channels)

    def result(self, source: TapSpec) -> TapSpec:
        """The same map with the teacher's channel count."""
        return replace(source, channels=self.out_channels)


@CONNECTORS.register_module()
class Conv1x1(_ChannelConnector):
    """One linear map per cell.

    Args:
        in_channels, out_channels: Channels of student and teacher tap.
        skip_equal: Leave the map as it is where both have the same channels: then the student's own map has to be the
            teacher's, and fits what reads the teacher's.
    """

    def __init__(self, *, in_channels: int, out_channels: int, skip_equal: bool = False) -> None:
        super().__init__(out_channels)
        skipped = skip_equal and in_channels == out_channels
        self.conv = nn.Identity() if skipped else nn.Conv2d(in_channels, out_channels, 1)

    def forward(self, value: Tensor) -> Tensor:
        """``(B, in, H, W)`` to ``(B, out, H, W)``."""
        return self.conv(value)


@CONNECTORS.register_module()
class LinearMap(_ChannelConnector):
    """One linear map of vectors.

    Args:
        in_channels, out_channels: Channels of student and teacher tap.
        bias: Whether a number is added to each.
    """

    wanted = ('vector',)

    def __init__(self, *, in_channels: int, out_channels: int, bias: bool = True) -> None:
        super().__init__(out_channels)
        self.linear = nn.Linear(in_channels, out_channels, bias=bias)

    def forward(self, value: Tensor) -> Tensor:
        """``(B, in)`` to ``(B, out)``."""
        return self.linear(value)


@CONNECTORS.register_module()
class DistillAdaptor(_ChannelConnector):
    """3x3 convolution with replicated border, batch norm, ReLU, then one residual block.

    The shape of LabelDistill's adaptor (Kim et al., ECCV 2024). It leaves the student's own statistics free:
    only its adapted copy has to look like the teacher.

    Args:
        in_channels, out_channels: Channels of student and teacher tap.
        activate: End in a ReLU, right for a teacher tap that comes after one; False where it can be negative.
    """

    def __init__(self, *, in_channels: int, out_channels: int, activate: bool = True) -> None:
        super().__init__(out_channels)
        self.activate = activate
        self.reduce = _conv_norm(in_channels, out_channels, padding_mode='replicate')
        self.first = _conv_norm(out_channels, out_channels)
        self.second = _conv_norm(out_channels, out_channels)

    def forward(self, value: Tensor) -> Tensor:
        """``(B, in, H, W)`` to ``(B, out, H, W)``."""
        value = functional.relu(self.reduce(value))
        value = value + self.second(functional.relu(self.first(value)))
        return functional.relu(value) if self.activate else value


@CONNECTORS.register_module()
class ChannelPart(_ChannelConnector):
    """One of several equal parts of the channels, so that the other parts stay free of this pair.

    LabelDistill splits its maps into label, LiDAR and free thirds: 128 channels into 42, 42, 44 and 160 into 53, 53,
    54. Put it before an adaptor.

    Args:
        in_channels: Channels of the student tap.
        part: Which part, from 0.
        of: Number of parts; the last one takes the remainder.
    """

    def __init__(self, *, in_channels: int, part: int, of: int = 3) -> None:
        if not 0 <= part < of <= in_channels:
            raise ValueError(f'ChannelPart: there is no part {part} of {of} of {in_channels} channels')
        size = in_channels // of
        begin, end = part * size, in_channels if part == of - 1 else (part + 1) * size
        super().__init__(end - begin)
        self.begin, self.end = begin, end

    @classmethod
    def arguments(cls, source: TapSpec, target: TapSpec) -> dict[str, Any]:
        """The student's channel count."""
        return dict(in_channels=super().arguments(source, target)['in_channels'])

    def forward(self, value: Tensor) -> Tensor:
        """``(B, in, H, W)`` to ``(B, part, H, W)``."""
        return value[:, self.begin : self.end]


def _conv_norm(in_channels: int, out_channels: int, padding_mode: str = 'zeros') -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, 3, padding=1, padding_mode=padding_mode, bias=False),
        nn.BatchNorm2d(out_channels),
    )
