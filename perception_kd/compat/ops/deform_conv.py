"""Deformable convolution (Dai et al., 2017), plain and modulated (Zhu et al., 2019).

The image is sampled where the offsets point to, bilinearly, zero beyond its border; a matrix product follows.
Gradients are those of the same steps. At whole-pixel positions, where bilinear sampling has a kink, the
derivative is the one towards the next pixel, as in the compiled op.
"""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class _Shape:
    """Geometry of one convolution; pairs are (height, width)."""

    kernel: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[int, int]
    dilation: tuple[int, int]
    group: int
    deformable_group: int


def _positions(offset: Tensor, shape: _Shape) -> tuple[Tensor, Tensor]:
    """Rows and columns, in pixels, that are sampled: each (B G, K L) for K kernel places and L outputs."""
    batch, _, height, width = offset.shape
    places = shape.kernel[0] * shape.kernel[1]
    parts = offset.reshape(batch, shape.deformable_group, places, 2, height, width)
    found = []
    for axis, length in enumerate((height, width)):
        start = torch.arange(length, device=offset.device) * shape.stride[axis] - shape.padding[axis]
        tap = torch.arange(places, device=offset.device)
        tap = (tap // shape.kernel[1] if axis == 0 else tap % shape.kernel[1]) * shape.dilation[axis]
        start = start[:, None] if axis == 0 else start
        found.append(((tap[:, None, None] + start) + parts[:, :, :, axis]).reshape(-1, places * height * width))
    return found[0], found[1]


def _sample(image: Tensor, y: Tensor, x: Tensor) -> Tensor:
    """Bilinear samples (N, C, P) of ``image`` (N, C, H, W) at rows y and columns x (N, P); zero outside."""
    height, width = image.shape[2:]
    flat = image.flatten(2)
    low_y, low_x = y.detach().floor(), x.detach().floor()
    inside = (y > -1) & (y < height) & (x > -1) & (x < width)
    total = torch.zeros((), dtype=image.dtype, device=image.device)
    for row, weight_y in ((low_y, low_y + 1 - y), (low_y + 1, y - low_y)):
        for column, weight_x in ((low_x, low_x + 1 - x), (low_x + 1, x - low_x)):
            there = inside & (row >= 0) & (row < height) & (column >= 0) & (column < width)
            index = torch.where(there, row * width + column, torch.zeros_like(row)).long()
            value = flat.gather(2, index[:, None].expand(-1, flat.shape[1], -1))
            total = total + value * torch.where(there, weight_y * weight_x, torch.zeros_like(y))[:, None]
    return total


def _as_read(tensor: Tensor, size: list[int]) -> Tensor:
    """(B, N, *size) from the front of every sample of ``tensor`` (B, N, H, W).

    The compiled op counts through memory with the output's size, whatever the tensor's own is; the dynamic head of
    mmdet (DyHead) passes offsets of a finer map, and its published weights were trained so.
    """
    if list(tensor.shape[2:]) == size:
        return tensor
    needed = tensor.shape[1] * size[0] * size[1]
    if tensor[0].numel() < needed:
        raise ValueError(f'deformable convolution: offset or mask of {tuple(tensor.shape)} for an output of '
                         f'{size[0]} x {size[1]}')
    return tensor.flatten(1)[:, :needed].reshape(len(tensor), tensor.shape[1], *size)


def _convolve(input: Tensor, offset: Tensor, mask: Tensor | None, weight: Tensor, shape: _Shape) -> Tensor:
    """(B, O, H', W') of input (B, C, H, W), offset (B, 2 G K, H', W'), mask (B, G K, H', W'), weight."""
    batch, channels = input.shape[:2]
    groups = shape.deformable_group
    size = [(input.shape[2 + axis] + 2 * shape.padding[axis] - shape.dilation[axis] * (shape.kernel[axis] - 1) - 1)
            // shape.stride[axis] + 1 for axis in (0, 1)]
    offset = _as_read(offset, size)
    y, x = _positions(offset, shape)
    samples = _sample(input.reshape(batch * groups, channels // groups, *input.shape[2:]), y, x)
    if mask is not None:
        samples = samples * _as_read(mask, size).reshape(batch * groups, 1, -1)
    outputs = offset.shape[2] * offset.shape[3]
    columns = samples.reshape(batch, shape.group, -1, outputs)
    kernel = weight.reshape(shape.group, weight.shape[0] // shape.group, -1)
    return (kernel @ columns).reshape(batch, weight.shape[0], *offset.shape[2:])


def _gradients(grad_output: Tensor, inputs: tuple[Tensor, ...], shape: _Shape, wanted: tuple[int, ...]
               ) -> tuple[Tensor, ...]:
    """Gradients by the ``wanted`` of ``inputs``: input, offset, (mask,) weight."""
    leaves = [tensor.detach().requires_grad_(index in wanted) for index, tensor in enumerate(inputs)]
    with torch.enable_grad():
        mask = leaves[2] if len(leaves) == 4 else None
        output = _convolve(leaves[0], leaves[1], mask, leaves[-1], shape)
    return torch.autograd.grad(output, [leaves[index] for index in wanted], grad_output)


def deform_conv_forward(
    input: Tensor, weight: Tensor, offset: Tensor, output: Tensor, columns: Tensor, ones: Tensor,
    kW: int, kH: int, dW: int, dH: int, padW: int, padH: int, dilationW: int, dilationH: int,
    group: int, deformable_group: int, im2col_step: int,
) -> None:
    """Write the convolution of input (B, C, H, W) into ``output`` (B, O, H', W'); no bias.

    Args:
        offset: (B, 2 G K, H', W') pixels, for every deformable group and kernel place: row, column.
        columns, ones, im2col_step: The compiled op's work space, not needed here.
    """
    shape = _Shape((kH, kW), (dH, dW), (padH, padW), (dilationH, dilationW), group, deformable_group)
    output.copy_(_convolve(input, offset, None, weight, shape))


def deform_conv_backward_input(
    input: Tensor, offset: Tensor, gradOutput: Tensor, gradInput: Tensor, gradOffset: Tensor,
    weight: Tensor, columns: Tensor, kW: int, kH: int, dW: int, dH: int, padW: int, padH: int,
    dilationW: int, dilationH: int, group: int, deformable_group: int, im2col_step: int,
) -> None:
    """Write the gradients by input and offset."""
    shape = _Shape((kH, kW), (dH, dW), (padH, padW), (dilationH, dilationW), group, deformable_group)
    by_input, by_offset = _gradients(gradOutput, (input, offset, weight), shape, (0, 1))
    gradInput.copy_(by_input)
    gradOffset.copy_(by_offset)


def deform_conv_backward_parameters(
    input: Tensor, offset: Tensor, gradOutput: Tensor, gradWeight: Tensor, columns: Tensor, ones: Tensor,
    kW: int, kH: int, dW: int, dH: int, padW: int, padH: int, dilationW: int, dilationH: int,
    group: int, deformable_group: int, scale: float, im2col_step: int,
) -> None:
    """Add ``scale`` times the gradient by the weight, which itself does not matter, to ``gradWeight``."""
    shape = _Shape((kH, kW), (dH, dW), (padH, padW), (dilationH, dilationW), group, deformable_group)
    (by_weight,) = _gradients(gradOutput, (input, offset, gradWeight), shape, (2,))
    gradWeight.add_(by_weight, alpha=scale)


def modulated_deform_conv_forward(
    input: Tensor, weight: Tensor, bias: Tensor, ones: Tensor, offset: Tensor, mask: Tensor, output: Tensor,
    columns: Tensor, kernel_h: int, kernel_w: int, stride_h: int, stride_w: int, pad_h: int, pad_w: int,
    dilation_h: int, dilation_w: int, group: int, deformable_group: int, with_bias: bool,
) -> None:
    """Write the convolution of input (B, C, H, W) into ``output``; ``mask`` (B, G K, H', W') scales samples."""
    shape = _Shape((kernel_h, kernel_w), (stride_h, stride_w), (pad_h, pad_w), (dilation_h, dilation_w),
                   group, deformable_group)
    found = _convolve(input, offset, mask, weight, shape)
    output.copy_(found + bias.view(1, -1, 1, 1) if with_bias else found)


def modulated_deform_conv_backward(
    input: Tensor, weight: Tensor, bias: Tensor, ones: Tensor, offset: Tensor, mask: Tensor, columns: Tensor,
    grad_input: Tensor, grad_weight: Tensor, grad_bias: Tensor, grad_offset: Tensor, grad_mask: Tensor,
    grad_output: Tensor, kernel_h: int, kernel_w: int, stride_h: int, stride_w: int, pad_h: int, pad_w: int,
    dilation_h: int, dilation_w: int, group: int, deformable_group: int, with_bias: bool,
) -> None:
    """Write the gradients by input, offset, mask, weight and, if there is one, bias."""
    shape = _Shape((kernel_h, kernel_w), (stride_h, stride_w), (pad_h, pad_w), (dilation_h, dilation_w),
                   group, deformable_group)
    found = _gradients(grad_output, (input, offset, mask, weight), shape, (0, 1, 2, 3))
    for target, value in zip((grad_input, grad_offset, grad_mask, grad_weight), found, strict=True):
        target.copy_(value)
    if with_bias:
        grad_bias.copy_(grad_output.sum((0, 2, 3)))
