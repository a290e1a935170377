"""3D convolution with a quick kernel on the CPU."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from perception_kd.models.layers.export_forms import exporting


class Conv3d(nn.Conv3d):
    """``nn.Conv3d`` that asks oneDNN by name where torch would not, and is safe in low precision on the CPU.

    With one thread and a small batch torch takes an unfolding kernel instead, which is up to twenty times slower on
    the volumes of stereo. Where the kernel is longer than the volume, the backward pass of bfloat16 of torch 2.13
    writes past its memory and gives NaN on CPUs with AVX512-BF16; with the zeros around the volume written out it
    does not. Parameters, values and gradients are those of ``nn.Conv3d``.
    """

    def _conv_forward(self, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        if self.padding_mode == 'zeros' and not isinstance(self.padding, str) and _overruns(input, weight):
            sides = [side for one in reversed(self.padding) for side in (one, one)]
            padded = functional.pad(input, sides)
            return functional.conv3d(padded, weight, bias, self.stride, 0, self.dilation, self.groups)
        if self.padding_mode == 'zeros' and not isinstance(self.padding, str) and _onednn_fits(input, weight):
            return torch.mkldnn_convolution(input, weight, bias, self.padding, self.stride, self.dilation, self.groups)
        return super()._conv_forward(input, weight, bias)


def _onednn_fits(volume: Tensor, weight: Tensor) -> bool:
    return (volume.device.type == 'cpu' and volume.dtype == weight.dtype == torch.float32 and volume.dim() == 5
            and torch.backends.mkldnn.is_available() and torch.backends.mkldnn.enabled and volume.numel() > 0
            and not (exporting() or torch.is_autocast_enabled('cpu') or torch.compiler.is_compiling()
                     or torch.jit.is_tracing()))


def _overruns(volume: Tensor, weight: Tensor) -> bool:
    low = torch.is_autocast_enabled('cpu') or volume.dtype != torch.float32
    return (volume.device.type == 'cpu' and low and not (exporting() or torch.jit.is_tracing())
            and any(kernel > size for kernel, size in zip(weight.shape[2:], volume.shape[-3:])))
