"""The recurrent cell of the refinement: two ConvGRUs, of which a map says how much of each."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def same_conv(in_channels: int, out_channels: int, kernel: int) -> nn.Conv2d:
    """Convolution with bias that keeps the size; ``kernel`` is odd."""
    return nn.Conv2d(in_channels, out_channels, kernel, padding=kernel // 2)


def blend(start: Tensor, end: Tensor, share: Tensor) -> Tensor:
    """``(1 - share) start + share end`` in one pass, in the precision of ``start`` (a state stays in full)."""
    return torch.lerp(start, end.to(start.dtype), share.to(start.dtype))


class ConvGRU(nn.Module):
    """Gates from what conv1 made of input and state, the new state from the input itself (Selective-Stereo).

    Args:
        hidden: Channels of the state.
        inputs: Channels of the input.
        joint: Channels of what the gates see.
        kernel: Of all three convolutions.
    """

    def __init__(self, *, hidden: int, inputs: int, joint: int, kernel: int) -> None:
        super().__init__()
        self.convz = same_conv(joint, hidden, kernel)
        self.convr = same_conv(joint, hidden, kernel)
        self.convq = same_conv(hidden + inputs, hidden, kernel)

    def forward(self, hidden: Tensor, inputs: Tensor, joint: Tensor) -> Tensor:
        """New state, all maps ``(B, ., h, w)``: ``(1 - z) h + z tanh(conv[r h, x])``."""
        update = torch.sigmoid(self.convz(joint))
        reset = torch.sigmoid(self.convr(joint))
        proposed = torch.tanh(self.convq(torch.cat([reset * hidden, inputs], dim=1)))
        return blend(hidden, proposed, update)


class SelectiveConvGRU(nn.Module):
    """Two ConvGRUs of a small and a large kernel on the same input, blended by an attention map.

    Selective-Stereo (Wang et al., CVPR 2024), as FoundationStereo has it.

    Args:
        hidden: Channels of the state.
        in_channels: Of all inputs together.
        input_width, joint_width: Of conv0 and conv1.
        kernels: ``gru_input``, ``gru_joint``, ``small`` and ``large``.
    """

    def __init__(self, *, hidden: int, in_channels: int, input_width: int, joint_width: int,
                 kernels: dict[str, int]) -> None:
        super().__init__()
        self.conv0 = same_conv(in_channels, input_width, kernels['gru_input'])
        self.conv1 = same_conv(input_width + hidden, joint_width, kernels['gru_joint'])
        self.small = ConvGRU(hidden=hidden, inputs=input_width, joint=joint_width, kernel=kernels['small'])
        self.large = ConvGRU(hidden=hidden, inputs=input_width, joint=joint_width, kernel=kernels['large'])

    def forward(self, hidden: Tensor, attention: Tensor, *inputs: Tensor) -> Tensor:
        """New state ``(B, hidden, h, w)``; ``attention`` ``(B, 1, h, w)`` is the share of the small kernel."""
        together = torch.relu(self.conv0(torch.cat(inputs, dim=1)))
        joint = torch.relu(self.conv1(torch.cat([together, hidden], dim=1)))
        small, large = (gru(hidden, together, joint) for gru in (self.small, self.large))
        return blend(large, small, attention)
